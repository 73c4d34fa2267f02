//! A passport as JSON-LD 1.1.
//!
//! Attributes are those of DIN DKE SPEC 99100:2025-02, under the names that the Battery Pass data model 1.2.0 gives them
//! (its spelling is kept, also where it errs: `warrentyPeriod`, `thirdPartyAussurances`, `batteryTechicalProperties`).
//! The context is embedded: nothing is fetched to read the document. What that model has no name for is under this
//! platform's own namespace.

use super::attributes::Point;
use host::passport::View;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Namespace of what the data model has no name for.
const OWN: &str = "urn:celltide:battery-passport:1#";
/// Namespaces of the aspects, by the member that holds each.
const ASPECTS: [(&str, &str, &str); 7] = [
    (
        "generalProductInformation",
        "GeneralProductInformation",
        "urn:samm:io.BatteryPass.GeneralProductInformation:1.2.0#",
    ),
    ("labeling", "Labeling", "urn:samm:io.BatteryPass.Labels:1.2.0#"),
    (
        "carbonFootprintForBatteries",
        "CarbonFootprintForBatteries",
        "urn:samm:io.BatteryPass.CarbonFootprint:1.2.0#",
    ),
    (
        "supplyChainDueDiligence",
        "SupplyChainDueDiligence",
        "urn:samm:io.BatteryPass.SupplyChainDueDiligence:1.2.0#",
    ),
    ("materialComposition", "MaterialComposition", "urn:samm:io.BatteryPass.MaterialComposition:1.2.0#"),
    ("circularity", "Circularity", "urn:samm:io.BatteryPass.Circularity:1.2.0#"),
    ("performanceAndDurability", "PerformanceAndDurability", "urn:samm:io.BatteryPass.Performance:1.2.0#"),
];

/// Terms of each aspect, in their order above.
const TERMS: [&[&str]; 7] = [
    &[
        "batteryPassportIdentifier",
        "productIdentifier",
        "manufacturerInformation",
        "contactName",
        "identifier",
        "manufacturingPlace",
        "streetAddress",
        "manufacturingDate",
        "warrentyPeriod",
        "batteryCategory",
        "batteryMass",
        "batteryStatus",
    ],
    &[
        "declarationOfConformity",
        "resultOfTestReport",
        "labels",
        "labelingSubject",
        "labelingSymbol",
        "labelingMeaning",
    ],
    &[
        "batteryCarbonFootprint",
        "carbonFootprintPerLifecycleStage",
        "lifecycleStage",
        "carbonFootprint",
        "carbonFootprintPerformanceClass",
        "carbonFootprintStudy",
        "absoluteCarbonFootprint",
    ],
    &["supplyChainDueDiligenceReport", "thirdPartyAussurances"],
    &[
        "batteryChemistry",
        "shortName",
        "clearName",
        "batteryMaterials",
        "batteryMaterialName",
        "batteryMaterialMass",
        "isCriticalRawMaterial",
        "hazardousSubstances",
        "hazardousSubstanceName",
        "hazardousSubstanceConcentration",
        "hazardousSubstanceImpact",
    ],
    &[
        "dismantlingAndRemovalInformation",
        "documentURL",
        "sparePartSources",
        "supplierWebAddress",
        "components",
        "partNumber",
        "safetyMeasures",
        "safetyInstructions",
        "extinguishingAgent",
        "recycledContent",
        "recycledMaterial",
        "preConsumerShare",
        "postConsumerShare",
        "renewableContent",
        "endOfLifeInformation",
        "wastePrevention",
        "separateCollection",
        "informationOnCollection",
    ],
    &[
        "batteryTechicalProperties",
        "batteryCondition",
        "originalPowerCapability",
        "ratedMaximumPower",
        "powerCapabilityRatio",
        "ratedEnergy",
        "expectedNumberOfCycles",
        "initialSelfDischarge",
        "roundtripEfficiency",
        "ratedCapacity",
        "initialInternalResistance",
        "expectedLifetime",
        "nominalVoltage",
        "minimumVoltage",
        "maximumVoltage",
        "capacityThresholdForExhaustion",
        "lifetimeReferenceTest",
        "cRateLifeCycleTest",
        "temperatureRangeIdleState",
        "energyThroughput",
        "capacityThroughput",
        "numberOfFullCycles",
        "stateOfCertifiedEnergy",
        "capacityFade",
        "remainingEnergy",
        "remainingCapacity",
        "negativeEvents",
        "temperatureInformation",
        "remainingPowerCapability",
        "powerFade",
        "roundTripEfficiencyFade",
        "evolutionOfSelfDischarge",
        "currentSelfDischargingRate",
        "internalResistanceIncrease",
        "roundTripEfficiencyat50PerCentCycleLife",
        "remainingRoundTripEnergyEfficiency",
        "stateOfCharge",
    ],
];

/// Terms of our own.
const OWN_TERMS: [&str; 10] = [
    "BatteryPassport",
    "modelIdentifier",
    "twinIdentifier",
    "supplyChainIndices",
    "lowerBound",
    "upperBound",
    "latest",
    "measuredAt",
    "share",
    "accidents",
];

/// Data points whose value is one figure or text, and the member that each is: technical properties, then condition.
const TECHNICAL: [(&str, &str); 19] = [
    ("original_power", "originalPowerCapability"),
    ("maximum_power", "ratedMaximumPower"),
    ("power_to_energy", "powerCapabilityRatio"),
    ("certified_usable_energy", "ratedEnergy"),
    ("expected_lifetime_cycles", "expectedNumberOfCycles"),
    ("self_discharge_initial", "initialSelfDischarge"),
    ("round_trip_initial", "roundtripEfficiency"),
    ("rated_capacity", "ratedCapacity"),
    ("resistance_initial", "initialInternalResistance"),
    ("expected_lifetime_years", "expectedLifetime"),
    ("nominal_voltage", "nominalVoltage"),
    ("minimum_voltage", "minimumVoltage"),
    ("maximum_voltage", "maximumVoltage"),
    ("exhaustion_threshold", "capacityThresholdForExhaustion"),
    ("cycle_life_test", "lifetimeReferenceTest"),
    ("cycle_life_c_rate", "cRateLifeCycleTest"),
    ("round_trip_half_life", "roundTripEfficiencyat50PerCentCycleLife"),
    ("idle_temperature_low", "lowerBound"),
    ("idle_temperature_high", "upperBound"),
];
const CONDITION: [(&str, &str); 15] = [
    ("energy_throughput", "energyThroughput"),
    ("capacity_throughput", "capacityThroughput"),
    ("full_equivalent_cycles", "numberOfFullCycles"),
    ("state_of_certified_energy", "stateOfCertifiedEnergy"),
    ("capacity_fade", "capacityFade"),
    ("remaining_usable_energy", "remainingEnergy"),
    ("remaining_capacity", "remainingCapacity"),
    ("temperature_history", "temperatureInformation"),
    ("remaining_power", "remainingPowerCapability"),
    ("power_fade", "powerFade"),
    ("round_trip_fade", "roundTripEfficiencyFade"),
    ("round_trip_remaining", "remainingRoundTripEnergyEfficiency"),
    ("resistance_increase", "internalResistanceIncrease"),
    ("self_discharge_current", "currentSelfDischargingRate"),
    ("state_of_charge", "stateOfCharge"),
];

/// What each term means.
fn context() -> Value {
    let mut context = Map::new();
    context.insert("@version".to_owned(), json!(1.1));
    for ((member, aspect, namespace), terms) in ASPECTS.iter().zip(TERMS) {
        context.insert((*member).to_owned(), json!(format!("{OWN}{member}")));
        context.insert((*aspect).to_owned(), json!(format!("{namespace}{aspect}")));
        context.extend(terms.iter().map(|term| ((*term).to_owned(), json!(format!("{namespace}{term}")))));
    }
    context.extend(OWN_TERMS.iter().map(|term| ((*term).to_owned(), json!(format!("{OWN}{term}")))));
    Value::Object(context)
}

/// Values by key; what is not there, or not for the reader, has none.
struct Values<'a>(BTreeMap<&'a str, &'a Value>);

impl Values<'_> {
    fn get(&self, key: &str) -> Option<Value> {
        self.0.get(key).map(|value| (*value).clone())
    }

    /// The address of a paper, or its text where it has none.
    fn link(&self, key: &str) -> Option<Value> {
        let paper = self.0.get(key)?;
        paper.get("url").or_else(|| paper.get("text")).or_else(|| paper.get("number")).cloned()
    }

    fn members(&self, of: &[(&str, &str)]) -> Map<String, Value> {
        of.iter().filter_map(|(key, member)| Some(((*member).to_owned(), self.get(key)?))).collect()
    }
}

/// Members that have a value, as an object; nothing where none has.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Option<Value> {
    let there = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let there: Map<String, Value> = there.filter(|(_, value)| !value.is_null()).collect();
    (!there.is_empty()).then_some(Value::Object(there))
}

/// The data points of a passport as JSON-LD; `url` is where the passport is found.
pub(crate) fn document(view: &View, points: &[Point], url: &str) -> Value {
    let known = points.iter().filter_map(|point| Some((point.attribute.key(), point.value.as_ref()?)));
    let values = Values(known.collect());
    let mut document = Map::new();
    document.insert("@context".to_owned(), context());
    document.insert("@id".to_owned(), json!(url));
    document.insert("@type".to_owned(), json!("BatteryPassport"));
    document.extend(values.get("twin_identifier").map(|value| ("twinIdentifier".to_owned(), value)));
    document.extend(values.get("model_identifier").map(|value| ("modelIdentifier".to_owned(), value)));
    let aspects = [
        general(&values, view),
        labels(&values),
        carbon(&values),
        sources(&values),
        materials(&values),
        circularity(&values),
        performance(&values),
    ];
    for ((member, aspect, _), content) in ASPECTS.iter().zip(aspects) {
        if let Some(Value::Object(mut content)) = content {
            content.insert("@type".to_owned(), json!(aspect));
            document.insert((*member).to_owned(), Value::Object(content));
        }
    }
    Value::Object(document)
}

fn general(values: &Values<'_>, view: &View) -> Option<Value> {
    let maker = values.get("manufacturer").and_then(|maker| {
        object([
            ("contactName", maker.get("name").cloned()),
            ("identifier", maker.get("identifier").cloned()),
        ])
    });
    let status = values.get("status").map(|_| {
        use twin::passport::lifecycle::AnnexStatus;
        json!(match view.passport.annex_status() {
            AnnexStatus::Original => "Original",
            AnnexStatus::Repurposed => "Repurposed",
            AnnexStatus::Waste => "Waste",
        })
    });
    object([
        ("batteryPassportIdentifier", values.get("passport_identifier")),
        ("productIdentifier", values.get("battery_identifier")),
        ("manufacturerInformation", maker),
        (
            "manufacturingPlace",
            values.get("manufacturing_place").and_then(|at| object([("streetAddress", Some(at))])),
        ),
        ("manufacturingDate", values.get("manufacturing_date")),
        ("warrentyPeriod", values.get("warranty_period")),
        (
            "batteryCategory",
            values.get("category").and_then(|name| Some(json!(name.as_str()?.to_lowercase()))),
        ),
        ("batteryMass", values.get("mass")),
        ("batteryStatus", status),
    ])
}

fn labels(values: &Values<'_>) -> Option<Value> {
    let subjects = [
        ("separate_collection_symbol", "SeparateCollection"),
        ("cadmium_lead_symbols", "HazardousMaterial"),
        ("carbon_footprint_label", "CarbonFootPrint"),
    ];
    let meaning = values.link("meaning_of_labels");
    let labels = subjects.into_iter().filter_map(|(key, subject)| {
        let symbol = values.link(key)?;
        object([
            ("labelingSubject", Some(json!(subject))),
            ("labelingSymbol", Some(symbol)),
            ("labelingMeaning", meaning.clone()),
        ])
    });
    let labels: Vec<Value> = labels.collect();
    object([
        ("declarationOfConformity", values.link("declaration_of_conformity")),
        ("resultOfTestReport", values.link("test_reports")),
        ("labels", (!labels.is_empty()).then_some(Value::Array(labels))),
    ])
}

fn carbon(values: &Values<'_>) -> Option<Value> {
    let stages = [
        ("carbon_share_raw_material", "RawMaterialExtraction"),
        ("carbon_share_production", "MainProduction"),
        ("carbon_share_distribution", "Distribution"),
        ("carbon_share_end_of_life", "Recycling"),
    ];
    let stages = stages.into_iter().filter_map(|(key, stage)| {
        object([("lifecycleStage", Some(json!(stage))), ("carbonFootprint", Some(values.get(key)?))])
    });
    let stages: Vec<Value> = stages.collect();
    // The data model has kilograms, the standard's list has tonnes.
    let absolute =
        values.get("carbon_footprint_absolute").and_then(|tonnes| Some(json!(tonnes.as_f64()? * 1_000.0)));
    object([
        ("batteryCarbonFootprint", values.get("carbon_footprint_per_functional_unit")),
        ("carbonFootprintPerLifecycleStage", (!stages.is_empty()).then_some(Value::Array(stages))),
        ("carbonFootprintPerformanceClass", values.link("carbon_performance_class")),
        ("carbonFootprintStudy", values.link("carbon_study")),
        ("absoluteCarbonFootprint", absolute),
    ])
}

fn sources(values: &Values<'_>) -> Option<Value> {
    object([
        ("supplyChainDueDiligenceReport", values.link("due_diligence_report")),
        ("thirdPartyAussurances", values.link("third_party_assurances")),
        ("supplyChainIndices", values.link("supply_chain_indices")),
    ])
}

fn materials(values: &Values<'_>) -> Option<Value> {
    let chemistry = values.get("chemistry").and_then(|chemistry| {
        let text = |name: &str| chemistry[name].as_str().unwrap_or_default().to_owned();
        let clear = format!("{}, {} cathode, {} anode", text("type"), text("cathode"), text("anode"));
        object([("shortName", Some(json!(text("cathode")))), ("clearName", Some(json!(clear)))])
    });
    let critical = values.get("critical_raw_materials").unwrap_or_default();
    let is_critical = |name: &Value| critical.as_array().is_some_and(|critical| critical.contains(name));
    let parts = values.get("electrode_materials");
    let materials: Vec<Value> = match parts.as_ref().and_then(|parts| parts["contents"].as_array()) {
        Some(contents) => contents
            .iter()
            .filter_map(|content| {
                object([
                    ("batteryMaterialName", Some(content["material"].clone())),
                    // The data model has grams.
                    ("batteryMaterialMass", content["mass"].as_f64().map(|kg| json!((kg * 1_000.0).round()))),
                    ("isCriticalRawMaterial", Some(json!(is_critical(&content["material"])))),
                ])
            })
            .collect(),
        // The masses are not for everybody; that they are critical is.
        None => critical
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|name| {
                object([
                    ("batteryMaterialName", Some(name.clone())),
                    ("isCriticalRawMaterial", Some(json!(true))),
                ])
            })
            .collect(),
    };
    let impacts = values.get("hazardous_substances_impact").unwrap_or_default();
    let substances = values.get("hazardous_substances").map(|substances| {
        let each = substances.as_array().into_iter().flatten().filter_map(|one| {
            let impact =
                impacts.as_array().into_iter().flatten().find(|told| told["substance"] == one["substance"]);
            object([
                ("hazardousSubstanceName", Some(one["substance"].clone())),
                ("hazardousSubstanceConcentration", Some(one["share"].clone())),
                ("hazardousSubstanceImpact", impact.map(|told| told["impact"].clone())),
            ])
        });
        Value::Array(each.collect())
    });
    object([
        ("batteryChemistry", chemistry),
        ("batteryMaterials", (!materials.is_empty()).then_some(Value::Array(materials))),
        ("hazardousSubstances", substances),
    ])
}

fn circularity(values: &Values<'_>) -> Option<Value> {
    let recycled = values.get("recycled_shares").map(|shares| {
        let each = shares.as_array().into_iter().flatten().filter_map(|share| {
            let name = share["material"].as_str()?;
            let capital = name[..1].to_uppercase() + &name[1..];
            object([
                ("recycledMaterial", Some(json!(capital))),
                ("preConsumerShare", Some(share["preConsumer"].clone())),
                ("postConsumerShare", Some(share["postConsumer"].clone())),
                ("share", Some(share["share"].clone())),
            ])
        });
        Value::Array(each.collect())
    });
    object([
        (
            "dismantlingAndRemovalInformation",
            values.link("dismantling_manual").and_then(|link| object([("documentURL", Some(link))])),
        ),
        (
            "sparePartSources",
            object([
                ("supplierWebAddress", values.link("spare_part_sources")),
                (
                    "components",
                    values.link("part_numbers").and_then(|number| object([("partNumber", Some(number))])),
                ),
            ]),
        ),
        (
            "safetyMeasures",
            object([
                ("safetyInstructions", values.link("safety_measures")),
                ("extinguishingAgent", values.link("extinguishing_agent")),
            ]),
        ),
        ("recycledContent", recycled),
        ("renewableContent", values.get("renewable_content")),
        (
            "endOfLifeInformation",
            object([
                ("wastePrevention", values.link("waste_prevention")),
                ("separateCollection", values.link("separate_collection")),
                ("informationOnCollection", values.link("second_life_and_treatment")),
            ]),
        ),
    ])
}

fn performance(values: &Values<'_>) -> Option<Value> {
    let mut technical = values.members(&TECHNICAL);
    let bounds = object([
        ("lowerBound", technical.remove("lowerBound")),
        ("upperBound", technical.remove("upperBound")),
    ]);
    technical.extend(bounds.map(|bounds| ("temperatureRangeIdleState".to_owned(), bounds)));
    let mut condition = values.members(&CONDITION);
    let accidents = values.get("accidents").and_then(|accidents| object([("accidents", Some(accidents))]));
    condition.extend(accidents.map(|accidents| ("negativeEvents".to_owned(), accidents)));
    let there = |members: Map<String, Value>| (!members.is_empty()).then_some(Value::Object(members));
    object([("batteryTechicalProperties", there(technical)), ("batteryCondition", there(condition))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_has_a_meaning_of_its_own() {
        let context = context();
        let context = context.as_object().unwrap();
        let mut meanings: Vec<&str> = context.values().filter_map(Value::as_str).collect();
        let count = meanings.len();
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(
            (meanings.len(), context.len()),
            (count, count + 1),
            "a term stands twice, or two mean the same"
        );
        for (_, member) in TECHNICAL.iter().chain(&CONDITION) {
            assert!(context.contains_key(*member), "{member}");
        }
    }
}
