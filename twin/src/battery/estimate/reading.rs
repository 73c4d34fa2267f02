//! What a battery reports, checked once, and in terms of its mean cell.

use super::Subject;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// One report of a battery, as its pack shows it. Everything but time and voltage may be missing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Reading {
    /// When it was measured.
    pub at: Time,
    /// Voltage at the terminals [V].
    pub voltage_v: f64,
    /// Current, positive discharging [A].
    pub current_a: Option<f64>,
    /// Temperature of the cells [°C].
    pub temperature_c: Option<f64>,
    /// Temperature of the air [°C].
    pub ambient_c: Option<f64>,
    /// State of charge that the battery's own electronics claim, 0 to 1.
    pub soc: Option<f64>,
    /// Capacity over rated that the battery's own electronics claim.
    pub soh: Option<f64>,
    /// Voltage of every series group [V]; empty when not reported.
    pub cell_voltages_v: Vec<f64>,
    /// Resistance that the battery's own electronics claim [Ω]; heard for lead-acid only.
    pub internal_resistance_ohm: Option<f64>,
}

/// Why a reading is refused; nothing has changed then.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A figure is not a finite number.
    #[error("{field} is not a finite number")]
    NotFinite {
        /// Which.
        field: &'static str,
    },
    /// A figure is nothing that this battery could show.
    #[error("{field} of {value} is not within {low} to {high}")]
    Absurd {
        /// Which.
        field: &'static str,
        /// What was reported.
        value: f64,
        /// Least that could be.
        low: f64,
        /// Most that could be.
        high: f64,
    },
    /// There is not one voltage per series group.
    #[error("{there} cell voltages were reported, and the battery has {wanted} groups in series")]
    CellCount {
        /// Reported.
        there: usize,
        /// Groups in series.
        wanted: usize,
    },
    /// Another reading of the same moment says something else; the first one counts.
    #[error("another reading of {at_ms} ms says something else")]
    Conflict {
        /// The moment.
        at_ms: i64,
    },
    /// The reading is later than now, by more than clocks may differ.
    #[error("the reading is of {at_ms} ms, which lies ahead of {now_ms} ms")]
    Ahead {
        /// The reading's time.
        at_ms: i64,
        /// Now.
        now_ms: i64,
    },
    /// The reading is older than the estimator can go back by itself: restore a snapshot from before it and observe
    /// everything since again, in order of time.
    #[error("the reading is of {at_ms} ms, and the estimator goes back to {back_to_ms} ms only")]
    TooLate {
        /// The reading's time.
        at_ms: i64,
        /// How far the estimator can go back.
        back_to_ms: i64,
    },
}

/// A reading in terms of the mean cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    pub(super) at: Time,
    /// [V, per cell]
    pub(super) voltage_v: f64,
    /// [A, per cell]
    pub(super) current_a: Option<f64>,
    pub(super) temperature_c: Option<f64>,
    pub(super) ambient_c: Option<f64>,
    pub(super) soc: Option<f64>,
    pub(super) soh: Option<f64>,
    pub(super) resistance_ohm: Option<f64>,
    /// Mean of the cells' voltages less the pack's share of voltage, and highest less lowest [V].
    pub(super) cells: Option<(f64, f64)>,
}

/// How far a clock may be ahead of ours [ms].
const AHEAD_MS: i64 = 600_000;

pub(super) fn check(subject: &Subject, now: Time, reading: &Reading) -> Result<Sample, Refusal> {
    let (series, parallel) = (subject.series, subject.parallel);
    let file = &subject.cell.file;
    let voltage_max_v = 2.0 * file.limits.voltage_max_v;
    let current_max_a = 50.0 * file.limits.discharge_c_rate_max.max(1.0) * file.cell.capacity_ah * parallel;
    within("voltage_v", reading.voltage_v, 0.0, voltage_max_v * series)?;
    optional("current_a", reading.current_a, -current_max_a, current_max_a)?;
    optional("temperature_c", reading.temperature_c, -60.0, 150.0)?;
    optional("ambient_c", reading.ambient_c, -90.0, 90.0)?;
    optional("soc", reading.soc, -0.1, 1.1)?;
    optional("soh", reading.soh, 0.1, 1.4)?;
    optional("internal_resistance_ohm", reading.internal_resistance_ohm, 0.0, 1e3)?;
    let cells = &reading.cell_voltages_v;
    if !cells.is_empty() && cells.len() as f64 != series {
        return Err(Refusal::CellCount { there: cells.len(), wanted: series as usize });
    }
    for voltage_v in cells {
        within("cell_voltages_v", *voltage_v, 0.0, voltage_max_v)?;
    }
    if reading.at - now > AHEAD_MS {
        return Err(Refusal::Ahead { at_ms: reading.at.0, now_ms: now.0 });
    }
    let voltage_v = reading.voltage_v / series;
    let cells = (!cells.is_empty()).then(|| {
        let (mut sum, mut low, mut high) = (0.0, f64::INFINITY, f64::NEG_INFINITY);
        for v in cells {
            sum += v;
            low = v.min(low);
            high = v.max(high);
        }
        (sum / series - voltage_v, high - low)
    });
    Ok(Sample {
        at: reading.at,
        voltage_v,
        current_a: reading.current_a.map(|a| a / parallel),
        temperature_c: reading.temperature_c,
        ambient_c: reading.ambient_c,
        soc: reading.soc,
        soh: reading.soh,
        resistance_ohm: reading.internal_resistance_ohm.map(|ohm| ohm * parallel / series),
        cells,
    })
}

fn optional(field: &'static str, value: Option<f64>, low: f64, high: f64) -> Result<(), Refusal> {
    value.map_or(Ok(()), |value| within(field, value, low, high))
}

fn within(field: &'static str, value: f64, low: f64, high: f64) -> Result<(), Refusal> {
    if !value.is_finite() {
        return Err(Refusal::NotFinite { field });
    }
    if (low..=high).contains(&value) { Ok(()) } else { Err(Refusal::Absurd { field, value, low, high }) }
}
