//! What comes back out of a battery: expected by process, achieved by a works, and judged against the targets of
//! Regulation (EU) 2023/1542, Annex XII (`factors/regulation.toml`).

use super::date::Date;
use super::factors::{self, UnknownName};
use super::material::{Masses, Material, Shares};
use super::regulation::{self, Family, Goal};

/// Share of each material that a process gives back: `hydro`, `pyro`, `direct` or `smelting`.
///
/// # Errors
/// When the table has no such process.
pub fn shares(process: &str) -> Result<Shares, UnknownName> {
    let file = factors::find(&factors::materials().recovery, "process", process)?;
    Ok(Shares::of(file.share.iter().map(|(material, share)| (*material, *share))))
}

/// What a process is expected to give back.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// By material [kg].
    pub recovered: Masses,
    /// Of the whole mass.
    pub mass_based: f64,
    /// Of the metals.
    pub metals_only: f64,
}

/// What comes back of `contained` by a process.
///
/// ```text
/// mass based = Σ m_i·η_i / Σ m_i,   metals only = the same over metals
/// ```
///
/// # Errors
/// When the table has no such process.
pub fn expected(contained: &Masses, process: &str) -> Result<Expected, UnknownName> {
    let (recovered, _) = contained.split(&shares(process)?);
    Ok(Expected {
        mass_based: ratio(recovered.total_kg(), contained.total_kg()),
        metals_only: ratio(recovered.metals_kg(), contained.metals_kg()),
        recovered,
    })
}

fn ratio(part: f64, of: f64) -> f64 {
    if of > 0.0 { part / of } else { 0.0 }
}

/// Why results of a works cannot be.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecoveryError {
    /// More came out than was in it.
    #[error("{recovered_kg} kg of {material} recovered from {contained_kg} kg contained")]
    MoreThanContained {
        /// Of what.
        material: &'static str,
        /// Came out [kg].
        recovered_kg: f64,
        /// Was in it [kg].
        contained_kg: f64,
    },
    /// Not an amount.
    #[error("{name} is {value} kg; it has to be a number, zero or more")]
    NotAnAmount {
        /// Of what.
        name: &'static str,
        /// What was given.
        value: f64,
    },
}

/// One target and how it was met.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Name of the rule.
    pub rule: String,
    /// Material, or `None` for the efficiency over the whole mass.
    pub material: Option<Material>,
    /// What is asked.
    pub target: f64,
    /// What was reached.
    pub actual: f64,
    /// Whether it suffices.
    pub pass: bool,
    /// Since when it is asked.
    pub applies_from: Date,
}

/// Results of recycling.
#[derive(Debug, Clone, PartialEq)]
pub struct Achieved {
    /// Recovered over input, whole mass.
    pub efficiency: f64,
    /// Recovered over contained, of materials that were contained.
    pub rates: Vec<(Material, f64)>,
    /// The targets that apply.
    pub targets: Vec<Judgement>,
}

/// Judges what a works got out of batteries of one family.
///
/// Recovery of a material is over what was contained; efficiency is over the input. Delegated Regulation (EU)
/// 2025/606 has finer rules on what counts as input and output; here everything recovered counts.
///
/// # Errors
/// When an amount is not one, or more came out than was in it and scales may err.
pub fn achieved(
    family: Family,
    contained: &Masses,
    recovered: &Masses,
    input_kg: f64,
    on: Date,
) -> Result<Achieved, RecoveryError> {
    let tolerance = factors::materials().circularity.tolerance.value;
    if !(input_kg.is_finite() && input_kg > 0.0) {
        return Err(RecoveryError::NotAnAmount { name: "input", value: input_kg });
    }
    for (material, kg) in recovered.iter() {
        if !(kg.is_finite() && kg >= 0.0) {
            return Err(RecoveryError::NotAnAmount { name: material.name(), value: kg });
        }
        if kg > contained[material] * (1.0 + tolerance) {
            return Err(RecoveryError::MoreThanContained {
                material: material.name(),
                recovered_kg: kg,
                contained_kg: contained[material],
            });
        }
    }
    let rates: Vec<(Material, f64)> =
        contained.present().map(|(material, kg)| (material, recovered[material] / kg)).collect();
    let efficiency = recovered.total_kg() / input_kg;
    let mut targets = Vec::new();
    for goal in [Goal::Efficiency, Goal::Recovery] {
        for target in regulation::targets(goal, family, on) {
            let actual = match target.material {
                None => efficiency,
                Some(material) => match rates.iter().find(|(known, _)| *known == material) {
                    Some((_, rate)) => *rate,
                    None => continue,
                },
            };
            targets.push(Judgement {
                rule: target.rule.clone(),
                material: target.material,
                target: target.value,
                actual,
                // A share that was met to the last digit is met.
                pass: actual + 1e-9 >= target.value,
                applies_from: target.applies_from,
            });
        }
    }
    Ok(Achieved { efficiency, rates, targets })
}

/// How circular a battery is, 0..=100.
///
/// ```text
/// 100·(0.4·recycled share + 0.4·recovery + 0.2·min(1, extra years / 10))
/// ```
///
/// An engineering index of this platform; no standard defines one.
#[must_use]
pub fn circularity_index(recycled_share: f64, recovery: f64, extra_years: f64) -> f64 {
    let weights = &factors::materials().circularity;
    let extra = (extra_years / weights.extra_life_full_years.value).clamp(0.0, 1.0);
    100.0
        * (weights.recycled.value * recycled_share.clamp(0.0, 1.0)
            + weights.recovery.value * recovery.clamp(0.0, 1.0)
            + weights.extra_life.value * extra)
}
