//! How this family spells what happens to batteries, for webhooks.

use super::operation;
use super::wire::{kg, percent, rounded, stamp};
use host::passport::record::{EventRecord, Footprint, HealthRecord, Passport, Transport};
use host::passport::{Operation, Told};
use host::platform::alerts::AlertRecord;
use host::platform::bus::News;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The family as the passports see it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outward;

/// What a fact says, as it was kept; nothing where it says something else.
fn read<T: DeserializeOwned>(detail: &Value) -> Option<T> {
    T::deserialize(detail).ok()
}

fn health(record: &HealthRecord) -> Value {
    json!({
        "sohRecordId": record.id, "stateOfHealth": percent(record.soh),
        "stateOfCharge": record.soc.map(percent), "cycleCount": record.cycles,
        "measuredCapacity": record.capacity_ah, "measurementMethod": record.method,
    })
}

fn event(record: &EventRecord) -> Value {
    json!({
        "eventId": record.id, "type": record.kind, "recorded": stamp(record.recorded_at),
        "description": record.description, "attributes": record.attributes,
    })
}

fn footprint(known: &Footprint) -> Value {
    let stages = known.stages();
    json!({
        "totalCO2e": kg(stages.with_distribution()), "unit": "kg CO2e",
        "breakdown": {
            "production": kg(known.production_kg), "transportation": known.transportation_kg.map(kg),
            "usePhaseEstimate": known.use_phase_kg.map(kg), "endOfLife": known.end_of_life_kg.map(kg),
        },
    })
}

fn transport(known: &Transport) -> Value {
    json!({
        "transportId": known.id, "from": known.from, "to": known.to, "transportMode": known.mode,
        "co2e": kg(known.co2e_kg), "unit": "kg CO2e",
    })
}

fn alert(known: &AlertRecord) -> Value {
    json!({
        "alertId": known.alert_id, "type": known.alert_type, "severity": known.severity.as_str(),
        "message": known.message, "threshold": known.threshold, "actual": rounded(known.actual, 6),
        "triggered": stamp(known.triggered_at), "resolved": known.resolved_at.map(stamp),
        "acknowledged": known.acknowledged_at.map(stamp),
    })
}

/// What a kind of fact says.
fn spelled(fact: &str, detail: &Value) -> Option<Value> {
    match fact {
        "health.measured" => read(detail).as_ref().map(health),
        "carbon.calculated" => read(detail).as_ref().map(footprint),
        "transport.added" => read(detail).as_ref().map(transport),
        fact if fact.starts_with("alert.") => read(detail).as_ref().map(alert),
        fact if fact.starts_with("lifecycle.") => {
            // Some events come with more than themselves.
            read(detail).or_else(|| read(detail.get("event")?)).as_ref().map(event)
        }
        "passport.changed" => Some(json!({ "changes": detail.get("changes") })),
        _ => None,
    }
}

impl host::passport::Outward for Outward {
    fn fact(&self, told: &Told<'_>) -> Value {
        let passport = told.passport;
        let mut body = json!({
            "batteryId": passport.battery_id, "passportId": passport.passport_id, "event": told.fact,
            "occurred": stamp(told.at), "status": passport.lifecycle.stage.as_str(), "blockchainHash": told.hash,
        });
        if let (Value::Object(body), Some(Value::Object(more))) = (&mut body, spelled(told.fact, told.detail))
        {
            body.extend(more);
        }
        body
    }

    fn readings(&self, passport: &Passport, news: &News) -> Value {
        json!({
            "batteryId": passport.battery_id, "passportId": passport.passport_id, "event": news.event,
            "occurred": stamp(news.at), "readings": news.data.get("values"),
        })
    }

    fn operation(&self, operation: &Operation) -> Value {
        operation::told(operation)
    }
}
