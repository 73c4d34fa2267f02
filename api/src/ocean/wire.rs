//! What many resources have in common: amounts, places, times, and how batches, devices and facilities are spelled.

use super::envelope::unfit;
use super::given::needed;
use crate::problem::Problem;
use crate::when;
pub(super) use crate::when::{in_seconds as seconds, rounded};
use host::plastic::{BatchSight, DeviceSight, DeviceState, Facility, Flaw, Plastic};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use twin::geo::Position;
use twin::plastic::batch::{BatchId, Place};
use twin::plastic::factors::FACTOR_SET;
use twin::plastic::gear::Method;
use twin::plastic::impact::{self, MarineLife};
use twin::plastic::material::{Condition, Material, Resin};
use twin::time::Time;
use utoipa::ToSchema;

/// Reads an instant with its offset.
pub(super) fn instant(field: &str, text: &str) -> Result<Time, Problem> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(|instant| Time(instant.as_millisecond()))
        .map_err(|_| unfit(Flaw::Other, field, format!("{text:?} is no time as 2026-01-31T12:00:00Z")))
}

/// Reads an instant, or a day: its beginning, or its last second.
pub(super) fn edge(field: &str, text: &str, is_end: bool) -> Result<Time, Problem> {
    // In a query a plus that nobody encoded is a space.
    when::day(text, is_end).map_or_else(|| instant(field, &text.replace(' ', "+")), Ok)
}

/// A weight as it is told.
pub(super) fn kg(value: f64) -> Value {
    json!({ "value": rounded(value, 3), "unit": "kg" })
}

/// Emissions as they are told.
pub(super) fn kg_co2(value: f64) -> Value {
    json!({ "value": rounded(value, 3), "unit": "kg_co2" })
}

/// A weight as it is given.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub(super) struct Weight {
    #[schema(example = 25.8)]
    pub(super) value: Option<f64>,
    /// `kg`, `g` or `ton`.
    #[schema(example = "kg")]
    pub(super) unit: Option<String>,
}

impl Weight {
    /// In kilograms.
    pub(super) fn kg(&self, field: &str) -> Result<f64, Problem> {
        let value = needed(Flaw::Weight, &format!("{field}.value"), self.value)?;
        let factor = match self.unit.as_deref() {
            Some("kg") => 1.0,
            Some("g") => 1e-3,
            Some("ton") => 1e3,
            unit => {
                let reason = format!("{:?} is none of kg, g, ton", unit.unwrap_or_default());
                return Err(unfit(Flaw::Weight, &format!("{field}.unit"), reason));
            }
        };
        Ok(value * factor)
    }
}

/// A place as it is given.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
pub(super) struct Spot {
    #[schema(example = 37.5665)]
    pub(super) latitude: Option<f64>,
    #[schema(example = 126.978)]
    pub(super) longitude: Option<f64>,
    /// For people.
    pub(super) address: Option<String>,
    /// For people.
    pub(super) description: Option<String>,
}

/// A place on the globe.
pub(super) fn position(field: &str, lat: Option<f64>, lon: Option<f64>) -> Result<Position, Problem> {
    let lat = needed(Flaw::Place, &format!("{field}.latitude"), lat)?;
    let lon = needed(Flaw::Place, &format!("{field}.longitude"), lon)?;
    Position::new(lat, lon).map_err(|error| unfit(Flaw::Place, field, error.to_string()))
}

impl Spot {
    pub(super) fn position(&self, field: &str) -> Result<Position, Problem> {
        position(field, self.latitude, self.longitude)
    }
}

/// Reads the name of a batch; what is none leads to none.
pub(super) fn batch_id(text: &str) -> Result<BatchId, Problem> {
    text.parse().map_err(|_| super::envelope::no(host::plastic::PlasticError::absent("batch", text)))
}

/// A place on the globe as it is told.
pub(super) fn spot(place: Position) -> Value {
    json!({ "latitude": rounded(place.latitude_deg, 6), "longitude": rounded(place.longitude_deg, 6) })
}

pub(super) fn condition(condition: Condition) -> &'static str {
    match condition {
        Condition::Good => "good",
        Condition::Contaminated => "contaminated",
        Condition::Degraded => "degraded",
        Condition::Microplastic => "microplastic",
    }
}

/// Reads a method.
pub(super) fn method(field: &str, name: &str) -> Result<Method, Problem> {
    Method::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
        let known = Method::ALL.map(Method::name).join(", ");
        unfit(Flaw::Other, field, format!("{name:?} is none of {known}"))
    })
}

/// An object without what nobody said.
pub(super) fn known(fields: Value) -> Value {
    match fields {
        Value::Object(fields) => {
            Value::Object(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}

fn place(place: &Place) -> Value {
    let gps = place.position.map(|position| {
        let mut gps = Map::new();
        if let Value::Object(fields) = spot(position) {
            gps.extend(fields);
        }
        if let Some(accuracy) = place.accuracy_m {
            gps.insert("accuracy".to_owned(), json!(accuracy));
        }
        Value::Object(gps)
    });
    known(json!({ "gps": gps, "description": place.description, "oceanZone": place.ocean_zone }))
}

/// Parts of a material, by resin and condition.
fn parts(material: &Material) -> Vec<Value> {
    let total_kg = material.mass_kg();
    let all = Resin::ALL.into_iter().flat_map(|resin| Condition::ALL.map(|condition| (resin, condition)));
    all.filter_map(|(resin, of)| {
        let mass_kg = material.amount_kg(resin, of);
        (mass_kg > 0.0).then(|| {
            json!({
                "resinCode": resin.name(), "percentage": rounded(100.0 * mass_kg / total_kg, 2),
                "weight": kg(mass_kg), "condition": condition(of),
            })
        })
    })
    .collect()
}

/// A batch, whole.
pub(super) fn batch(sight: &BatchSight) -> Value {
    let batch = &sight.batch;
    let origin = &batch.origin;
    let collector = &origin.collector;
    let composition = match &sight.declared {
        Some(declared) => declared
            .parts
            .iter()
            .map(|part| {
                known(json!({
                    "resinCode": part.resin.name(), "percentage": part.percent, "weight": kg(part.mass_kg),
                    "condition": part.condition.map(condition),
                }))
            })
            .collect(),
        None => parts(&sight.collected),
    };
    let said = sight.declared.clone().unwrap_or_default();
    let history: Vec<Value> = Plastic::journey(batch)
        .into_iter()
        .map(|leg| {
            known(json!({
                "stage": leg.step.stage.status(), "timestamp": seconds(leg.step.at),
                "facility": leg.step.place.facility, "weight": kg(leg.step.mass_kg),
                "transportMethod": leg.step.means, "notes": leg.step.notes, "verifiedBy": leg.step.proof.by,
            }))
        })
        .collect();
    let mut facilities: Vec<&str> = Vec::new();
    for step in &batch.steps {
        if let Some(facility) = step.place.facility.as_deref().filter(|known| !facilities.contains(known)) {
            facilities.push(facility);
        }
    }
    let impact = &sight.impact;
    let emitted = impact.transport_kg_co2e + impact.processing_kwh * impact::world_grid_kg_co2e_per_kwh();
    let life = MarineLife::of_nets(impact.nets);
    let ids = |ids: &[BatchId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut body = json!({
        "batchId": batch.id.to_string(), "status": batch.stage().status(), "created": seconds(sight.created),
        "lastUpdated": seconds(sight.updated),
        "collection": {
            "location": place(&origin.place), "timestamp": seconds(origin.at), "method": origin.method.name(),
            "collector": known(json!({
                "deviceId": collector.device, "organizationId": collector.organisation,
                "vesselId": collector.vessel, "operator": collector.operator,
            })),
        },
        "material": known(json!({
            "totalWeight": kg(sight.collected.mass_kg()), "currentWeight": kg(batch.last().mass_kg),
            "composition": composition, "contaminationLevel": said.contamination, "estimatedAge": said.age,
            "items": if said.items.is_empty() { Value::Null } else { Value::Array(said.items) },
        })),
        "recycling": {
            "currentStage": batch.stage().status(), "facilities": facilities, "history": history,
            "expectedCompletion": sight.expected_at.map(seconds),
            "recyclabilityScore": rounded(batch_score(sight), 4),
            "recoveredWeight": sight.recovered_kg.map(kg),
        },
        "environmental": {
            "carbonFootprint": {
                "transportation": kg_co2(impact.transport_kg_co2e),
                "processing": kg_co2(emitted - impact.transport_kg_co2e), "total": kg_co2(emitted),
                "netImpact": kg_co2(emitted - impact.avoided_kg_co2e),
            },
            "impactMetrics": {
                "virginPlasticAvoided": kg(impact.avoided_kg),
                "basis": if sight.recovered_kg.is_some() { "recovered" } else { "expected" },
                "ghostNets": rounded(impact.nets, 2), "estimatedAnimals": life.vertebrates().round(),
            },
            "method": impact::METHOD, "factorSet": FACTOR_SET,
        },
    });
    if let Value::Object(fields) = &mut body {
        if !batch.parents.is_empty() {
            fields.insert("parents".to_owned(), json!(ids(&batch.parents)));
        }
        if !batch.children.is_empty() {
            fields.insert("children".to_owned(), json!(ids(&batch.children)));
        }
        if !sight.warnings.is_empty() {
            fields.insert("warnings".to_owned(), json!(sight.warnings));
        }
    }
    body
}

/// Share that recycling is expected to give of what was collected.
fn batch_score(sight: &BatchSight) -> f64 {
    let mass_kg = sight.collected.mass_kg();
    let expected_kg = twin::plastic::factors::expected_recycled_kg(&sight.collected);
    if mass_kg > 0.0 { expected_kg / mass_kg } else { 0.0 }
}

/// How a device stands.
pub(super) fn device(sight: &DeviceSight) -> Value {
    let status = match sight.state {
        DeviceState::Registered => "registered",
        DeviceState::Active => "active",
        DeviceState::Offline => "offline",
    };
    json!({
        "deviceId": sight.device.id, "status": status, "lastPing": sight.heard_at.map(seconds),
        "battery": {
            "level": sight.battery_pct.map(|level| rounded(level, 1)),
            "estimatedHours": sight.hours_left.map(|hours| rounded(hours, 1)),
        },
        "location": sight.position.map(|(latitude, longitude)| {
            json!({ "latitude": rounded(latitude, 6), "longitude": rounded(longitude, 6) })
        }),
        "firmware": sight.firmware,
        "load": sight.held_kg.map(|held_kg| {
            json!({ "currentWeight": rounded(held_kg, 3), "percentFull": sight.filled_pct.map(|full| rounded(full, 1)) })
        }),
    })
}

/// A facility.
pub(super) fn facility(facility: &Facility) -> Value {
    let mut location = spot(facility.position);
    if let (Value::Object(fields), Some(address)) = (&mut location, &facility.address) {
        fields.insert("address".to_owned(), json!(address));
    }
    json!({
        "facilityId": facility.id, "name": facility.name, "type": facility.station.name(), "location": location,
        "certifications": facility.certifications, "capacity": { "daily": kg(facility.daily_kg) },
        "created": seconds(facility.created),
    })
}
