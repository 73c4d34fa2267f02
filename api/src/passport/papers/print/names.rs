//! What data points are called on paper, and how their values are written.

use crate::paper::grouped;
use crate::passport::papers::attributes::Point;
use serde_json::Value;

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
        Value::Array(items) => items.iter().map(line).collect::<Vec<_>>().join("; "),
        Value::Object(members) => {
            let told = members.iter().filter(|(_, value)| !value.is_null());
            // What papers say, and what things are called, needs no name before it.
            let plain = ["text", "url", "number", "name", "material", "substance", "type"];
            let each = told.map(|(name, value)| match plain.contains(&name.as_str()) {
                true => line(value),
                false => format!("{} {}", spaced(name), line(value)),
            });
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

/// `preConsumer` as `pre consumer`.
fn spaced(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        if letter.is_ascii_uppercase() {
            text.push(' ');
        }
        text.push(letter.to_ascii_lowercase());
        text
    })
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
    let value = line(point.value.as_ref()?);
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
