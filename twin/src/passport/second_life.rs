//! Whether a battery is fit for a second life, for which, and what it is worth (score SL-1).
//!
//! ```text
//! score = 30·clamp((SoH−60)/20) + 20·clamp(1−ΔR) + 20·clamp(N_rem/N_req) + 15·e^(−n/5)
//!       + 10·clamp(1−(ΔV−20 mV)/80 mV) + 5·completeness
//! value = kWh_remaining · (P_new·K_use·K_life − C_rep), not below zero
//! ```
//!
//! Source: the form of the value is NREL's second-use calculator; the score is an engineering score of this
//! platform, its weights in `factors/second-life.toml`. Limits: prices are of 2024 and of whole markets.

use super::factors::{self, Figure, Figures, UnknownName};
use serde::Deserialize;
use std::sync::LazyLock;

/// `factors/second-life.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondLifeFactors {
    /// Version of the set.
    pub set: String,
    /// Limits of suitability.
    pub limits: Figures,
    /// Points of a perfect battery.
    pub points: Points,
    /// Scales of the points.
    pub scales: Scales,
    /// Cycles that an application asks for.
    pub required_cycles: Figures,
    /// Lowest state of health of a recommendation [%].
    pub recommend_from_soh_pct: Figures,
    /// Prices.
    pub value: ValueFile,
}

/// Points of a perfect battery.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Points {
    soh: Figure,
    resistance: Figure,
    cycles: Figure,
    events: Figure,
    balance: Figure,
    data: Figure,
}

/// Scales of the points.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales {
    soh_span_pct: Figure,
    events: Figure,
    balance_free_mv: Figure,
    balance_span_mv: Figure,
}

/// Prices.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueFile {
    new_usd_per_kwh: Figure,
    used: Figure,
    repurposing_usd_per_kwh: Figure,
    plausible_usd_per_kwh: Figure,
}

static FACTORS: LazyLock<SecondLifeFactors> = LazyLock::new(|| {
    toml::from_str(include_str!("../../factors/second-life.toml"))
        .expect("a test reads every table that ships")
});

/// The factors.
pub fn second_life_factors() -> &'static SecondLifeFactors {
    &FACTORS
}

/// What is known of a battery at the end of its first life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Rated energy [kWh].
    pub energy_kwh: f64,
    /// State of health [%].
    pub soh_pct: f64,
    /// Growth of resistance since new; 0.3 is 30 % more.
    pub resistance_growth: f64,
    /// Cycles that it will still do until its second end.
    pub remaining_cycles: f64,
    /// Cycles of a new battery.
    pub new_cycles: f64,
    /// Deep discharges, overcharges and the like.
    pub harmful_events: u32,
    /// Safety events that nobody has closed.
    pub open_safety_events: u32,
    /// Highest temperature ever [°C].
    pub hottest_c: f64,
    /// Spread of cell voltages [mV].
    pub cell_spread_mv: f64,
    /// Share of its data that is there, 0..=1.
    pub data_completeness: f64,
}

/// One check of suitability.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// What is looked at.
    pub name: &'static str,
    /// Whether it is in order.
    pub pass: bool,
    /// Value and limit in words.
    pub evidence: String,
}

/// What a candidate is good for.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Whether it may be used again.
    pub suitable: bool,
    /// 0..=100.
    pub score: f64,
    /// `mobility`, `stationary_storage`, `backup_power` or `recycling`.
    pub recommended: &'static str,
    /// What it is worth [USD].
    pub value_usd: f64,
    /// Energy that is left [kWh].
    pub remaining_kwh: f64,
    /// The checks behind `suitable`.
    pub checks: Vec<Check>,
    /// What looks odd.
    pub warnings: Vec<String>,
}

/// Evaluates a candidate for an application (`stationary_storage`, `backup_power`, `low_speed_mobility`).
///
/// # Errors
/// When the application is not known.
pub fn evaluate(candidate: &Candidate, application: &str) -> Result<Evaluation, UnknownName> {
    let table = second_life_factors();
    let required = factors::find(&table.required_cycles, "application", application)?.value;
    let limit = |name: &str| table.limits.get(name).map_or(f64::NAN, |figure| figure.value);
    let (soh_min, growth_max, hot) = (limit("soh_pct"), limit("resistance_growth"), limit("thermal_event_c"));
    let c = candidate;
    let check = |name, pass, evidence| Check { name, pass, evidence };
    let checks = vec![
        check(
            "open safety events",
            c.open_safety_events == 0,
            format!("{} open, none allowed", c.open_safety_events),
        ),
        check("state of health", c.soh_pct >= soh_min, format!("{:.1} %, at least {soh_min}", c.soh_pct)),
        check(
            "resistance growth",
            c.resistance_growth <= growth_max,
            format!("{:.0} %, at most {:.0}", 100.0 * c.resistance_growth, 100.0 * growth_max),
        ),
        // Where no temperature was ever heard, none was too high.
        check(
            "thermal events",
            c.hottest_c < hot,
            match c.hottest_c.is_finite() {
                true => format!("{:.1} °C at most, below {hot}", c.hottest_c),
                false => "no temperature was heard".to_owned(),
            },
        ),
    ];
    let suitable = checks.iter().all(|check| check.pass);
    let (points, scales) = (&table.points, &table.scales);
    let spread = (c.cell_spread_mv - scales.balance_free_mv.value) / scales.balance_span_mv.value;
    let score = points.soh.value * ((c.soh_pct - soh_min) / scales.soh_span_pct.value).clamp(0.0, 1.0)
        + points.resistance.value * (1.0 - c.resistance_growth).clamp(0.0, 1.0)
        + points.cycles.value * (c.remaining_cycles / required).clamp(0.0, 1.0)
        + points.events.value * (-f64::from(c.harmful_events) / scales.events.value).exp()
        + points.balance.value * (1.0 - spread).clamp(0.0, 1.0)
        + points.data.value * c.data_completeness.clamp(0.0, 1.0);
    let remaining_kwh = c.energy_kwh * c.soh_pct / 100.0;
    let prices = &table.value;
    let life = (c.remaining_cycles / c.new_cycles).clamp(0.0, 1.0);
    let per_kwh =
        prices.new_usd_per_kwh.value * prices.used.value * life - prices.repurposing_usd_per_kwh.value;
    let value_usd = if suitable { remaining_kwh * per_kwh.max(0.0) } else { 0.0 };
    let mut warnings = Vec::new();
    let band = &prices.plausible_usd_per_kwh;
    let (low, high) = (band.low.unwrap_or(0.0), band.high.unwrap_or(f64::INFINITY));
    if suitable && !(low..=high).contains(&per_kwh) {
        warnings.push(format!("{per_kwh:.0} USD/kWh lies outside {low} to {high}"));
    }
    Ok(Evaluation {
        suitable,
        score,
        recommended: if suitable { recommended(c.soh_pct) } else { "recycling" },
        value_usd,
        remaining_kwh,
        checks,
        warnings,
    })
}

/// What a state of health [%] recommends.
#[must_use]
pub fn recommended(soh_pct: f64) -> &'static str {
    let from = |name: &str| {
        second_life_factors().recommend_from_soh_pct.get(name).map_or(f64::INFINITY, |figure| figure.value)
    };
    ["mobility", "stationary_storage", "backup_power"]
        .into_iter()
        .find(|name| soh_pct >= from(name))
        .unwrap_or("recycling")
}
