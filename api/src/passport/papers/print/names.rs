//! What data points are called on paper, and how their values are written.

use crate::paper::grouped;
use crate::passport::papers::attributes::Point;
use serde_json::{Map, Value};

/// A name of the tables in words.
pub(super) fn words(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// The value of a data point in a line.
fn line(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.as_f64().map_or_else(
            || number.to_string(),
            |number| {
                let decimals = if number.fract() == 0.0 { 0 } else { 5 };
                let text = grouped(number, decimals);
                if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
            },
        ),
        Value::Array(items) => items.iter().map(line).collect::<Vec<_>>().join(", "),
        Value::Object(members) => paper(members),
    }
}

/// A paper: where it is or what it says, its number, its days.
fn paper(members: &Map<String, Value>) -> String {
    let order = ["text", "url", "number", "standard", "issuer", "issued", "expires", "latest", "measuredAt"];
    let known = order.into_iter().filter_map(|name| Some((name, members.get(name)?)));
    let told = known.filter(|(_, value)| !value.is_null()).map(|(name, value)| match name {
        "issued" | "expires" => format!("{name} {}", line(value)),
        "latest" => format!("{} °C", line(value)),
        "measuredAt" => format!("at {}", line(value)),
        _ => line(value),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// A value of several parts, in words.
fn several(key: &str, value: &Value) -> Option<String> {
    let each = |write: &dyn Fn(&Value) -> String| -> Option<String> {
        Some(value.as_array()?.iter().map(write).collect::<Vec<_>>().join(", "))
    };
    let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let share = |of: &Value, name: &str| of[name].as_f64().map(|share| format!("{} %", grouped(share, 1)));
    match key {
        "manufacturer" => Some(match value["identifier"].as_str() {
            Some(identifier) => format!("{} ({identifier})", text(value, "name")),
            None => text(value, "name"),
        }),
        "chemistry" => {
            let [kind, cathode, anode] = ["type", "cathode", "anode"].map(|name| text(value, name));
            Some(format!("{kind}: {cathode} cathode, {anode} anode"))
        }
        "electrode_materials" => {
            let contents = value["contents"].as_array()?.iter().map(|content| {
                let kg = content["mass"].as_f64().unwrap_or_default();
                format!("{} {} kg", text(content, "material"), grouped(kg, 1))
            });
            Some(contents.collect::<Vec<_>>().join(", "))
        }
        "hazardous_substances" => each(&|one| match share(one, "share") {
            Some(share) => format!("{} {share}", text(one, "substance")),
            None => text(one, "substance"),
        }),
        "hazardous_substances_impact" => {
            each(&|one| format!("{}: {}", text(one, "substance"), text(one, "impact")))
        }
        "recycled_shares" => each(&|one| {
            let all = share(one, "share").unwrap_or_default();
            match (share(one, "preConsumer"), share(one, "postConsumer")) {
                (Some(pre), Some(post)) => {
                    format!("{} {all} ({pre} pre-consumer, {post} post-consumer)", text(one, "material"))
                }
                _ => format!("{} {all}", text(one, "material")),
            }
        }),
        _ => None,
    }
}

/// A rule of the regulation as people write it: `annex-vi-a-1` as `Annex VI A 1`.
pub(super) fn rule(name: &str) -> String {
    let part = |(at, part): (usize, &str)| {
        let roman = part.bytes().all(|byte| b"ivx".contains(&byte));
        match (at, roman || part.len() == 1) {
            (0, _) => words(part),
            (_, true) => part.to_uppercase(),
            _ => part.to_owned(),
        }
    };
    name.split('-').enumerate().map(part).collect::<Vec<_>>().join(" ")
}

/// Unit of a data point.
fn unit(key: &str) -> &'static str {
    match key {
        "mass" => "kg",
        "warranty_period" => "months",
        "rated_capacity" | "remaining_capacity" | "capacity_throughput" => "Ah",
        "certified_usable_energy" | "remaining_usable_energy" | "energy_throughput" => "kWh",
        "minimum_voltage" | "maximum_voltage" | "nominal_voltage" => "V",
        "original_power" | "remaining_power" | "maximum_power" => "W",
        "power_to_energy" => "W/Wh",
        "resistance_initial" => "Ω",
        "expected_lifetime_years" => "years",
        "idle_temperature_low" | "idle_temperature_high" => "°C",
        "cycle_life_c_rate" => "1/h",
        "carbon_footprint_absolute" => "t CO₂e",
        key if key.starts_with("carbon_footprint_per") || key.starts_with("carbon_share") => "kg CO₂e/kWh",
        "capacity_fade"
        | "state_of_certified_energy"
        | "state_of_charge"
        | "power_fade"
        | "round_trip_initial"
        | "round_trip_half_life"
        | "round_trip_remaining"
        | "round_trip_fade"
        | "resistance_increase"
        | "exhaustion_threshold"
        | "renewable_content" => "%",
        _ => "",
    }
}

pub(super) fn fact(point: &Point) -> Option<(&'static str, String)> {
    let value = point.value.as_ref()?;
    let value = several(point.attribute.key(), value).unwrap_or_else(|| line(value));
    let unit = unit(point.attribute.key());
    Some((title(point.attribute.key()), if unit.is_empty() { value } else { format!("{value} {unit}") }))
}

/// What a data point is called on paper, where its key in words would not do.
pub(super) fn title(key: &str) -> &'static str {
    match key {
        "passport_identifier" => "Battery passport identifier",
        "battery_identifier" => "Battery identifier",
        "twin_identifier" => "Digital twin identifier",
        "manufacturer" => "Manufacturer",
        "manufacturing_place" => "Place of manufacture",
        "manufacturing_date" => "Month of manufacture",
        "model_identifier" => "Model",
        "warranty_period" => "Warranty",
        "category" => "Category",
        "mass" => "Mass",
        "status" => "Status",
        "chemistry" => "Chemistry",
        "critical_raw_materials" => "Critical raw materials above 0.1 %",
        "electrode_materials" => "Materials of electrodes and electrolyte",
        "hazardous_substances" => "Hazardous substances",
        "hazardous_substances_impact" => "Their impact",
        "recycled_shares" => "Recycled content",
        "renewable_content" => "Renewable content",
        "rated_capacity" => "Rated capacity",
        "remaining_capacity" => "Remaining capacity",
        "capacity_fade" => "Capacity fade",
        "certified_usable_energy" => "Certified usable energy",
        "remaining_usable_energy" => "Remaining usable energy",
        "state_of_certified_energy" => "State of certified energy (SOCE)",
        "state_of_charge" => "State of charge",
        "minimum_voltage" => "Minimum voltage",
        "maximum_voltage" => "Maximum voltage",
        "nominal_voltage" => "Nominal voltage",
        "original_power" => "Original power capability",
        "remaining_power" => "Remaining power capability",
        "power_fade" => "Power fade",
        "maximum_power" => "Maximum permitted power",
        "power_to_energy" => "Power to energy",
        "round_trip_initial" => "Round-trip efficiency, initial",
        "round_trip_half_life" => "Round-trip efficiency at half of cycle life",
        "resistance_initial" => "Initial internal resistance",
        "resistance_increase" => "Increase of internal resistance",
        "expected_lifetime_years" => "Expected lifetime",
        "expected_lifetime_cycles" => "Expected lifetime in cycles",
        "full_equivalent_cycles" => "Full equivalent cycles",
        "cycle_life_test" => "Reference test of cycle life",
        "cycle_life_c_rate" => "Rate of that test",
        "energy_throughput" => "Energy throughput",
        "capacity_throughput" => "Capacity throughput",
        "exhaustion_threshold" => "Capacity threshold for exhaustion",
        "temperature_history" => "Temperature",
        "idle_temperature_low" => "Temperature range, lower limit",
        "idle_temperature_high" => "Temperature range, upper limit",
        "accidents" => "Accidents on record",
        "declaration_of_conformity" => "EU declaration of conformity",
        "test_reports" => "Test reports",
        "separate_collection_symbol" => "Separate collection symbol",
        "cadmium_lead_symbols" => "Symbols for cadmium and lead",
        "carbon_footprint_label" => "Carbon footprint label",
        "extinguishing_agent" => "Extinguishing agent",
        "meaning_of_labels" => "Meaning of labels",
        "carbon_footprint_per_functional_unit" => "Per functional unit",
        "carbon_share_raw_material" => "Of that, raw materials",
        "carbon_share_production" => "Of that, production",
        "carbon_share_distribution" => "Of that, distribution",
        "carbon_share_end_of_life" => "Of that, end of life and recycling",
        "carbon_footprint_absolute" => "Absolute",
        "carbon_performance_class" => "Performance class",
        "carbon_study" => "Public study",
        "due_diligence_report" => "Due diligence report",
        "third_party_assurances" => "Third-party assurances",
        "supply_chain_indices" => "Supply chain indices",
        "dismantling_manual" => "Dismantling manual",
        "part_numbers" => "Part numbers",
        "spare_part_sources" => "Sources of spare parts",
        "safety_measures" => "Safety measures",
        "waste_prevention" => "Prevention of waste",
        "separate_collection" => "Separate collection",
        "second_life_and_treatment" => "Second life and treatment",
        _ => "Other",
    }
}
