//! A passport as this family shows it, to those who may see all of it but what is for authorities.

use super::address;
use super::wire::{Registration, camel, category_name, kg, percent, rounded, stamp};
use host::passport::record::{Footprint, Passport};
use host::passport::{Row, View};
use serde_json::{Map, Value, json};
use twin::passport::cells::Nearness;
use twin::passport::regulation::{self, Access};

/// Facts of the chain that a record points to.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// How many facts there are.
    pub(super) facts: u64,
    /// Hash of the last.
    pub(super) head: Option<String>,
}

/// A record.
pub(super) fn record(view: &View, chain: &Chain, base: &str, sees_tests: bool) -> Value {
    let passport = &view.passport;
    let given = Registration::of(passport);
    let mut documents = serde_json::to_value(&given.documents).unwrap_or_default();
    if !sees_tests && let Value::Object(documents) = &mut documents {
        documents.retain(|name, _| !is_for_authorities(name));
    }
    let mut chemistry = serde_json::to_value(&given.chemistry).unwrap_or_default();
    chemistry["twinModel"] = mapping(passport);
    json!({
        "passportId": passport.passport_id,
        "batteryId": passport.battery_id,
        "twinId": passport.twin,
        "version": chain.facts,
        "status": passport.lifecycle.stage,
        "annexStatus": passport.annex_status(),
        "created": stamp(passport.registered_at),
        "updated": stamp(passport.changed_at),
        "euCategory": category_name(passport.category),
        "identity": given.identity,
        "chemistry": chemistry,
        "specifications": given.specifications,
        "lifecycle": lifecycle(view),
        "carbonFootprint": passport.footprint.as_ref().map(footprint),
        "supplyChain": {
            "sources": passport.materials.len(),
            "materials": passport.materials.iter().map(|source| source.given.name.as_str()).collect::<Vec<_>>(),
        },
        "secondLife": passport.second_life.as_ref().map(|mark| json!({
            "secondLifeId": mark.id, "targetApplication": mark.target, "suitable": mark.suitable,
            "score": rounded(mark.score, 1),
        })),
        "endOfLife": passport.end_of_life.as_ref().map(|end| json!({
            "endOfLifeId": end.id, "reason": end.reason, "finalSoH": percent(end.final_soh),
            "declaredAt": stamp(end.at),
        })),
        "recycling": passport.recycling.as_ref().map(|recycling| json!({
            "recyclingId": recycling.id, "facility": recycling.facility, "process": recycling.process,
            "scheduledDate": recycling.scheduled_on,
            "recyclingEfficiency": recycling.results.as_ref().map(|results| percent(results.efficiency)),
        })),
        "documents": documents,
        "renewableContent": given.renewable_content,
        "digitalAccess": digital_access(passport, base),
        "compliance": {
            "passportRequired": regulation::needs_passport(
                passport.category, passport.specifications.energy_kwh, passport.placed_on(),
            ),
            "placedOnMarketDate": passport.placed_on(),
        },
        "verification": {
            "blockchainHash": chain.head, "dataIntegrity": "hash-chained", "ledger": "local-hash-chain",
        },
    })
}

/// Whether a paper is for authorities only, by the table of attributes.
pub(super) fn is_for_authorities(paper: &str) -> bool {
    regulation::attributes()
        .iter()
        .any(|attribute| attribute.2 == Access::Authority && camel(attribute.key()) == paper)
}

/// Which model of cells the twin works with, and why.
pub(super) fn mapping(passport: &Passport) -> Value {
    let nearness = match passport.mapping.nearness {
        Nearness::Same => "same",
        Nearness::Family => "family",
        Nearness::None => "none",
    };
    json!({
        "parameterFile": passport.mapping.file, "nearness": nearness, "reason": passport.mapping.reason,
        "factorTable": passport.mapping.factors,
    })
}

pub(super) fn digital_access(passport: &Passport, base: &str) -> Value {
    json!({
        "qrCode": address::resolver(base, passport),
        "nfcTag": passport.nfc_tag,
        "publicUrl": address::passport(base, passport),
        "gs1DigitalLink": address::digital_link(base, passport),
    })
}

/// Where in its life it is, and how it stands.
pub(super) fn lifecycle(view: &View) -> Value {
    let passport = &view.passport;
    let life = &passport.lifecycle;
    let per_kwh = passport.specifications.voltage_nominal_v / 1000.0;
    json!({
        "status": life.stage,
        "currentOwner": life.owner,
        "previousOwners": life.owners_before.iter().map(|(owner, until)| json!({
            "owner": owner, "until": stamp(*until),
        })).collect::<Vec<_>>(),
        "application": life.application,
        "installationDate": life.installed_on,
        "vehicleVIN": life.vehicle_vin,
        "stateOfHealth": view.soh.map(percent),
        "stateOfCharge": view.soc.map(percent),
        "cycleCount": view.cycles,
        "totalEnergyThroughput": rounded(view.discharged_ah * per_kwh, 3),
        "events": passport.numbers.events,
        "openIncidents": life.incidents_open,
    })
}

/// A footprint, stage by stage.
pub(super) fn footprint(known: &Footprint) -> Value {
    let stages = known.stages();
    json!({
        "totalCO2e": kg(stages.with_distribution()),
        "unit": "kg CO2e",
        "breakdown": breakdown(known),
        "totals": totals(known),
        "perFunctionalUnit": per_unit(known),
        "calculatedAt": stamp(known.at),
        "methodology": "ISO 14067",
        "ruleset": "EU 2023/1542 Annex II",
        "factorSet": known.factor_set,
        "dataQuality": if known.declared { "declared" } else { "estimated" },
    })
}

/// Emissions by stage; a stage that was left out is not there.
pub(super) fn breakdown(known: &Footprint) -> Value {
    let stages = [
        ("production", Some(known.production_kg)),
        ("transportation", known.transportation_kg),
        ("usePhaseEstimate", known.use_phase_kg),
        ("endOfLife", known.end_of_life_kg),
    ];
    let told = stages.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(kg(value?)))));
    Value::Object(told.collect::<Map<_, _>>())
}

/// Sums over stages.
pub(super) fn totals(known: &Footprint) -> Value {
    let stages = known.stages();
    json!({
        "cradleToGate": kg(stages.cradle_to_gate()),
        "withDistribution": kg(stages.with_distribution()),
        "euDeclared": kg(stages.eu_declared()),
        "fullLifeCycle": kg(stages.full_life_cycle()),
    })
}

/// The declared footprint over what is delivered in a life.
pub(super) fn per_unit(known: &Footprint) -> Value {
    json!({
        "value": rounded(known.stages().eu_declared() / known.delivered_kwh, 5),
        "unit": "kg CO2e/kWh",
        "functionalUnit": known.functional_unit,
        "energyDelivered": rounded(known.delivered_kwh, 3),
        "performanceClass": Value::Null,
        "performanceClassReason": twin::passport::carbon::NoClass.reason(),
    })
}

/// A battery of a list.
pub(super) fn summary(row: &Row) -> Value {
    json!({
        "passportId": row.passport_id,
        "batteryId": row.battery_id,
        "manufacturer": row.manufacturer,
        "model": row.model,
        "serialNumber": row.serial,
        "chemistry": row.sort,
        "cathode": row.cathode,
        "status": row.stage,
        "application": row.application,
        "ownerId": row.owner,
        "country": row.country,
        "manufacturingDate": row.made_on,
        "energyCapacity": rounded(row.energy_kwh, 6),
        "stateOfHealth": row.soh.map(percent),
        "cycleCount": row.cycles,
        "totalCO2e": row.co2e_kg.map(kg),
        "created": stamp(row.registered_at),
    })
}
