//! What figures, metrics and profiles are called, in which unit they are shown and which direction is better.
//!
//! Names that are not in the tables below are read by their own convention (words, unit last), so that a new
//! kind of twin shows up in tables and reports before anybody has written about it here.

/// How a quantity is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Name for readers.
    pub label: String,
    /// Unit for readers; empty for a count or a ratio.
    pub unit: String,
    /// Shown value = value × `scale` + `offset`.
    pub scale: f64,
    /// See `scale`.
    pub offset: f64,
    /// Which direction is good news.
    pub better: Better,
    /// How two values are compared.
    pub difference: Difference,
    /// What part of a report it belongs to.
    pub theme: Theme,
}

/// Which direction of a quantity is good news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
    /// Neither; it depends.
    Neither,
}

/// How two values of a quantity are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// In per cent of the first.
    Relative,
    /// In percentage points: the quantity is itself a percentage.
    Points,
    /// Not at all (an hour of the day).
    None,
}

/// What a quantity is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Theme {
    /// Riders, swaps, waiting.
    Service,
    /// Ageing of batteries.
    Health,
    /// Energy and power.
    Energy,
    /// Money.
    Cost,
    /// Emissions.
    Carbon,
    /// Masses on their way.
    Material,
    /// Everything else.
    Other,
}

impl Theme {
    /// All themes in the order of a report.
    pub const ALL: [Self; 7] =
        [Self::Service, Self::Health, Self::Energy, Self::Cost, Self::Carbon, Self::Material, Self::Other];

    /// Heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Service => "Service",
            Self::Health => "Battery health",
            Self::Energy => "Energy",
            Self::Cost => "Cost",
            Self::Carbon => "Carbon",
            Self::Material => "Material",
            Self::Other => "Other figures",
        }
    }
}

impl Quantity {
    /// A value as it is shown.
    #[must_use]
    pub fn shown(&self, value: f64) -> f64 {
        value * self.scale + self.offset
    }

    /// Label and unit together, `Energy cost [USD]`.
    #[must_use]
    pub fn with_unit(&self) -> String {
        if self.unit.is_empty() { self.label.clone() } else { format!("{} [{}]", self.label, self.unit) }
    }
}

/// Key figures that come first, in this order.
pub const HEADLINE: [&str; 18] = [
    "served_pct",
    "swaps_per_day",
    "waiting_mean_min",
    "waiting_p95_min",
    "soh_mean_pct",
    "replacements_total",
    "grid_energy_kwh",
    "solar_energy_kwh",
    "peak_site_kw",
    "total_cost",
    "cost_per_swap",
    "carbon_per_swap_kg",
    "plastic_collected_kg",
    "plastic_recycled_kg",
    "recycled_share_pct",
    "days_from_landing_to_end_days",
    "net_carbon_kg",
    "carbon_per_kg_collected_kg",
];

/// Stands for the scenario's currency in the tables below.
const MONEY: &str = "¤";

/// A known name: name, label, unit, better, theme.
type Known = (&'static str, &'static str, &'static str, Better, Theme);

use Better::{Higher, Lower, Neither};

/// Figures of a run.
const FIGURES: [Known; 78] = [
    ("served_pct", "Riders served", "%", Higher, Theme::Service),
    ("swaps_total", "Swaps", "", Higher, Theme::Service),
    ("swaps_per_day", "Swaps per day", "", Higher, Theme::Service),
    ("walk_aways_total", "Walk-aways", "", Lower, Theme::Service),
    ("lost_swaps_total", "Lost swaps", "", Lower, Theme::Service),
    ("waiting_mean_min", "Waiting time, mean", "min", Lower, Theme::Service),
    ("waiting_p95_min", "Waiting time, 95th percentile", "min", Lower, Theme::Service),
    ("average_charging_time_min", "Charging time, mean", "min", Neither, Theme::Service),
    ("peak_usage_hour", "Busiest hour of the day", "h", Neither, Theme::Service),
    ("soh_mean_pct", "State of health at the end, mean", "%", Higher, Theme::Health),
    ("soh_p10_pct", "State of health, worst tenth below", "%", Higher, Theme::Health),
    ("soh_p90_pct", "State of health, best tenth above", "%", Higher, Theme::Health),
    ("resistance_growth_mean_pct", "Resistance growth, mean", "%", Lower, Theme::Health),
    ("efc_mean", "Equivalent full cycles per pack", "", Neither, Theme::Health),
    ("replacements_total", "Packs replaced", "", Lower, Theme::Health),
    ("outside_fitted_range_pct", "Time outside the fitted range", "%", Lower, Theme::Health),
    ("energy_consumed_kwh", "Energy consumed", "kWh", Neither, Theme::Energy),
    ("grid_energy_kwh", "Grid energy", "kWh", Lower, Theme::Energy),
    ("solar_energy_kwh", "Solar energy used", "kWh", Higher, Theme::Energy),
    ("energy_throughput_kwh", "Battery energy throughput", "kWh", Neither, Theme::Energy),
    ("losses_kwh", "Losses", "kWh", Lower, Theme::Energy),
    ("unserved_kwh", "Energy asked for and not served", "kWh", Lower, Theme::Energy),
    ("simulated_days", "Simulated time", "days", Neither, Theme::Other),
    ("peak_site_kw", "Peak power of a site", "kW", Lower, Theme::Energy),
    ("energy_cost", "Energy cost", MONEY, Lower, Theme::Cost),
    ("replacement_cost", "Replacement cost", MONEY, Lower, Theme::Cost),
    ("total_cost", "Total cost", MONEY, Lower, Theme::Cost),
    ("cost_per_swap", "Cost per swap", MONEY, Lower, Theme::Cost),
    ("grid_carbon_kg", "Carbon of grid energy", "kg CO₂e", Lower, Theme::Carbon),
    ("production_carbon_kg", "Carbon of replaced packs", "kg CO₂e", Lower, Theme::Carbon),
    ("total_carbon_kg", "Carbon, total", "kg CO₂e", Lower, Theme::Carbon),
    ("carbon_per_swap_kg", "Carbon per swap", "kg CO₂e", Lower, Theme::Carbon),
    ("blocks_surviving_pct", "First blocks still in service and not worn", "%", Higher, Theme::Health),
    ("blocks_replaced", "Blocks replaced", "", Lower, Theme::Health),
    ("blocks_total", "Blocks in service", "", Neither, Theme::Health),
    ("outages_total", "Outages", "", Neither, Theme::Service),
    ("outages_survived_pct", "Outages carried, over rooms", "%", Higher, Theme::Service),
    ("loads_dropped", "Loads dropped", "", Lower, Theme::Service),
    ("dark_min", "Time without power, over rooms", "min", Lower, Theme::Service),
    ("on_battery_min", "Time on battery, over rooms", "min", Neither, Theme::Service),
    ("making_carbon_kg", "Carbon of making packs", "kg CO₂e", Lower, Theme::Carbon),
    ("transport_carbon_kg", "Carbon of transport", "kg CO₂e", Lower, Theme::Carbon),
    ("losses_carbon_kg", "Carbon of losses in use", "kg CO₂e", Lower, Theme::Carbon),
    ("treatment_carbon_kg", "Carbon of recycling", "kg CO₂e", Lower, Theme::Carbon),
    ("credit_carbon_kg", "Credit of recovered material", "kg CO₂e", Lower, Theme::Carbon),
    ("carbon_gap_kg", "Carbon not accounted for", "kg CO₂e", Neither, Theme::Carbon),
    ("carbon_per_delivered_kwh_kg", "Carbon per kWh delivered", "kg CO₂e", Lower, Theme::Carbon),
    ("delivered_kwh", "Energy delivered in all lives", "kWh", Higher, Theme::Energy),
    ("first_life_delivered_kwh", "Energy delivered in first lives", "kWh", Neither, Theme::Energy),
    ("second_life_delivered_kwh", "Energy delivered in second lives", "kWh", Higher, Theme::Energy),
    ("made_kg", "Mass of packs made", "kg", Lower, Theme::Material),
    ("taken_in_kg", "Mass of packs taken in", "kg", Neither, Theme::Material),
    ("packs_taken_in", "Packs taken in", "", Neither, Theme::Material),
    ("recycling_energy_kwh", "Energy of battery recycling", "kWh", Lower, Theme::Energy),
    ("plant_energy_kwh", "Energy of plants", "kWh", Lower, Theme::Energy),
    ("sorting_passage_days", "Time in sorting plants, mean", "days", Lower, Theme::Material),
    ("recycling_plant_passage_days", "Time in recycling plants, mean", "days", Lower, Theme::Material),
    ("vehicle_kg", "Mass in vehicles", "kg", Neither, Theme::Material),
    ("store_kg", "Mass in the store", "kg", Neither, Theme::Material),
    ("moving_kg", "Mass on the way", "kg", Neither, Theme::Material),
    ("recycler_kg", "Mass in the recycler", "kg", Neither, Theme::Material),
    ("recovered_kg", "Mass recovered", "kg", Higher, Theme::Material),
    ("residue_kg", "Mass of residue", "kg", Lower, Theme::Material),
    ("mass_gap_kg", "Mass not accounted for", "kg", Neither, Theme::Material),
    ("recovered_pct", "Recovered of what was recycled", "%", Higher, Theme::Material),
    ("recycling_passage_mean_days", "Time in the recycler, mean", "days", Lower, Theme::Material),
    ("recovery_targets_missed", "Recovery targets missed", "", Lower, Theme::Material),
    ("plastic_collected_kg", "Plastic collected", "kg", Higher, Theme::Other),
    ("plastic_recycled_kg", "Plastic recycled", "kg", Higher, Theme::Other),
    ("recycled_share_pct", "Recycled, of what came to an end", "%", Higher, Theme::Other),
    ("days_from_landing_to_end_days", "From landing to the end", "days", Lower, Theme::Other),
    ("waiting_for_yard_h", "Vessels waiting for room in port", "h", Lower, Theme::Other),
    ("collection_carbon_kg", "Carbon of vessels and teams", "kg CO₂e", Lower, Theme::Carbon),
    ("road_carbon_kg", "Carbon of trucks", "kg CO₂e", Lower, Theme::Carbon),
    ("processing_carbon_kg", "Carbon of plants", "kg CO₂e", Lower, Theme::Carbon),
    ("virgin_carbon_avoided_kg", "Carbon of virgin resin avoided", "kg CO₂e", Higher, Theme::Carbon),
    ("net_carbon_kg", "Carbon, less what is avoided", "kg CO₂e", Lower, Theme::Carbon),
    ("carbon_per_kg_collected_kg", "Carbon per kg collected", "kg CO₂e", Lower, Theme::Carbon),
];

/// Metrics of time series, whatever kind of twin they belong to.
const METRICS: [Known; 36] = [
    ("soh", "State of health", "%", Higher, Theme::Health),
    ("resistance_rel", "Resistance growth", "%", Lower, Theme::Health),
    ("efc", "Equivalent full cycles", "cycles", Neither, Theme::Health),
    ("soc", "State of charge", "%", Neither, Theme::Other),
    ("temperature_c", "Temperature", "°C", Neither, Theme::Other),
    ("voltage_v", "Voltage", "V", Neither, Theme::Other),
    ("swaps_per_day", "Swaps", "per day", Higher, Theme::Service),
    ("walk_aways_per_day", "Walk-aways", "per day", Lower, Theme::Service),
    ("lost_per_day", "Lost swaps", "per day", Lower, Theme::Service),
    ("ready_packs", "Packs ready", "packs", Higher, Theme::Service),
    ("waiting_mean_min", "Waiting time, mean", "min", Lower, Theme::Service),
    ("replacements_total", "Packs replaced since the start", "packs", Lower, Theme::Health),
    ("grid_kwh_per_day", "Grid energy", "kWh per day", Lower, Theme::Energy),
    ("solar_kwh_per_day", "Solar energy used", "kWh per day", Higher, Theme::Energy),
    ("energy_delivered_kwh_per_day", "Energy delivered by packs", "kWh per day", Neither, Theme::Energy),
    ("energy_kwh_per_day", "Energy drawn", "kWh per day", Neither, Theme::Energy),
    ("energy_kwh", "Energy drawn since the start", "kWh", Neither, Theme::Energy),
    ("peak_kw", "Peak power", "kW", Lower, Theme::Energy),
    ("cost_per_day", "Energy cost", "¤ per day", Lower, Theme::Cost),
    ("carbon_kg_per_day", "Carbon of grid energy", "kg CO₂e per day", Lower, Theme::Carbon),
    ("blocks_surviving_pct", "First blocks still in service and not worn", "%", Higher, Theme::Health),
    ("autonomy_min", "Autonomy at full load", "min", Higher, Theme::Service),
    ("air_c", "Air in battery rooms", "°C", Neither, Theme::Health),
    ("humidity_pct", "Humidity in battery rooms", "%", Neither, Theme::Health),
    ("vehicle_packs", "Packs in vehicles", "packs", Neither, Theme::Material),
    ("store_packs", "Packs in the store", "packs", Neither, Theme::Material),
    ("moving_packs", "Packs on the way", "packs", Neither, Theme::Material),
    ("made_kg", "Mass of packs made since the start", "kg", Neither, Theme::Material),
    ("recovered_kg", "Mass recovered since the start", "kg", Higher, Theme::Material),
    ("residue_kg", "Mass of residue since the start", "kg", Lower, Theme::Material),
    ("taken_in_kg", "Mass of packs taken in since the start", "kg", Neither, Theme::Material),
    ("expected_passage_days", "Time that a truckload would take now", "days", Lower, Theme::Material),
    ("waiting_in_ports_kg", "Plastic waiting in ports", "kg", Lower, Theme::Material),
    ("queued_kg", "Mass waiting at stages", "kg", Lower, Theme::Material),
    ("in_work_kg", "Mass on stages", "kg", Neither, Theme::Material),
    ("total_carbon_kg", "Carbon since the start", "kg CO₂e", Lower, Theme::Carbon),
];

/// Units by the last words of a name, longest first.
const UNITS: [(&str, &str); 28] = [
    ("_kwh_per_day", "kWh per day"),
    ("_kg_per_day", "kg per day"),
    ("_t_per_day", "t per day"),
    ("_per_day", "per day"),
    ("_kg_co2e", "kg CO₂e"),
    ("_km_h", "km/h"),
    ("_pct", "%"),
    ("_min", "min"),
    ("_kwh", "kWh"),
    ("_ohm", "Ω"),
    ("_days", "days"),
    ("_years", "years"),
    ("_deg", "°"),
    ("_wh", "Wh"),
    ("_kw", "kW"),
    ("_kg", "kg"),
    ("_km", "km"),
    ("_ah", "Ah"),
    ("_m3", "m³"),
    ("_m2", "m²"),
    ("_h", "h"),
    ("_s", "s"),
    ("_w", "W"),
    ("_c", "°C"),
    ("_v", "V"),
    ("_a", "A"),
    ("_m", "m"),
    ("_t", "t"),
];

/// A key figure, `swaps_total`.
#[must_use]
pub fn figure(name: &str, currency: &str) -> Quantity {
    let known = FIGURES.iter().find(|known| known.0 == name);
    let mut quantity = known.map_or_else(|| by_convention(name), |known| from(known, currency));
    if name == "peak_usage_hour" {
        quantity.difference = Difference::None;
    }
    quantity
}

/// A metric of a kind's time series, `soh` of `battery`.
#[must_use]
pub fn metric(kind: &str, name: &str, currency: &str) -> Quantity {
    let known = METRICS.iter().find(|known| known.0 == name);
    let mut quantity = known.map_or_else(|| by_convention(name), |known| from(known, currency));
    match name {
        "soh" | "soc" => quantity.scale = 100.0,
        "resistance_rel" => (quantity.scale, quantity.offset) = (100.0, -100.0),
        _ => {}
    }
    let is_plain = matches!(kind, "network" | "world" | "second_life" | "recycler" | "")
        || (quantity.theme == Theme::Health && kind != "group");
    quantity.label = match quantity.theme {
        _ if is_plain => quantity.label,
        _ if kind == "group" => format!("{} per pack group", quantity.label),
        Theme::Other => format!("{} of {}", quantity.label, members(kind, 2)),
        _ => format!("{} per {kind}", quantity.label),
    };
    quantity
}

fn from(known: &Known, currency: &str) -> Quantity {
    let (_, label, unit, better, theme) = *known;
    let difference = if unit == "%" { Difference::Points } else { Difference::Relative };
    let unit = unit.replace(MONEY, currency);
    Quantity { label: label.into(), unit, scale: 1.0, offset: 0.0, better, difference, theme }
}

/// Reads a name by its convention: words, unit last.
fn by_convention(name: &str) -> Quantity {
    let suffix = UNITS.iter().find(|(suffix, _)| name.len() > suffix.len() && name.ends_with(suffix));
    let (words, unit) =
        suffix.map_or((name, ""), |(suffix, unit)| (&name[..name.len() - suffix.len()], *unit));
    let difference = if unit == "%" { Difference::Points } else { Difference::Relative };
    Quantity {
        label: sentence(words),
        unit: unit.into(),
        scale: 1.0,
        offset: 0.0,
        better: Better::Neither,
        difference,
        theme: Theme::Other,
    }
}

/// `ready_packs` → `Ready packs`.
#[must_use]
pub fn sentence(words: &str) -> String {
    let spoken = words.replace('_', " ");
    let mut letters = spoken.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What the members of a kind are called: batteries are packs to their users.
#[must_use]
pub fn members(kind: &str, count: u64) -> String {
    let noun = match kind {
        "battery" => "pack",
        "group" => "pack group",
        "data_centre" => "data centre",
        "bank" => "battery room",
        "second_life" => "second life",
        other => other,
    };
    if count == 1 { noun.to_owned() } else { plural(noun) }
}

/// `2` and `cabinet` → `2 cabinets`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    let number = super::number::grouped(count as f64, 0);
    format!("{number} {}", if count == 1 { noun.to_owned() } else { plural(noun) })
}

fn plural(noun: &str) -> String {
    let stem = noun.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']));
    stem.map_or_else(|| format!("{noun}s"), |stem| format!("{stem}ies"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_read_by_their_convention() {
        let quantity = figure("plastic_recovered_kg", "USD");
        assert_eq!((quantity.label.as_str(), quantity.unit.as_str()), ("Plastic recovered", "kg"));
        let quantity = metric("vessel", "speed_km_h", "USD");
        assert_eq!((quantity.label.as_str(), quantity.unit.as_str()), ("Speed of vessels", "km/h"));
    }

    #[test]
    fn money_is_in_the_scenarios_currency() {
        assert_eq!(figure("total_cost", "VND").unit, "VND");
        assert_eq!(metric("network", "cost_per_day", "EUR").unit, "EUR per day");
    }

    #[test]
    fn every_headline_figure_is_known() {
        for name in HEADLINE {
            assert!(FIGURES.iter().any(|known| known.0 == name), "{name}");
        }
    }

    #[test]
    fn counts_agree_with_their_noun() {
        assert_eq!(counted(1, "battery"), "1 battery");
        assert_eq!(counted(1_200, "battery"), "1,200 batteries");
        assert_eq!(counted(6, "cabinet"), "6 cabinets");
        assert_eq!(counted(14, "day"), "14 days");
    }
}
