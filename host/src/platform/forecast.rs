//! How long a battery will still serve: the ageing laws of its make run ahead under its own recent use, corrected by its
//! own history.

use super::door::Kind;
use super::live::LiveTwin;
use super::sight::rfc3339;
use super::{Platform, PlatformError, TwinId, TwinRecord};
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use twin::live::battery::{Belief, END_OF_LIFE, Subject, Unforeseen};
use twin::rng::Seed;
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
        if record.kind != Kind::Battery {
            return Err(PlatformError::unforeseen(format!("a {} has no life laws", record.kind.as_str())));
        }
        let known = self
            .residents
            .with(record.id, |twin: &mut LiveTwin| Box::pin(async move { Ok(twin.ahead()) }))
            .await?;
        let ahead = known.ok_or_else(|| PlatformError::unforeseen("nothing was measured yet"))?;
        let missing = |missing: Unforeseen| PlatformError::unforeseen(missing.to_string());
        ahead.belief.may_foresee(&ahead.subject).map_err(missing)?;
        if let Some(known) = self.core.foreseen.of(record.id, &ahead.belief) {
            return Ok(known);
        }
        let belief = Arc::downgrade(&ahead.belief);
        // Some milliseconds of arithmetic, which no twin's thread should wait for.
        let told = tokio::task::spawn_blocking(move || ahead.told()).await;
        let told = told.map_err(|_| PlatformError::Restarting)??;
        self.core.foreseen.keep(record.id, belief, told.clone());
        Ok(told)
    }
}

/// Forecasts that were asked for lately. One holds as long as the belief that it was made of: that is gone with the next
/// reading, whatever it says.
#[derive(Debug, Default)]
pub(crate) struct Foreseen(Mutex<HashMap<TwinId, (Weak<Belief>, LifeSight)>>);

impl Foreseen {
    /// Most that are kept.
    const MOST: usize = 4_096;

    fn of(&self, twin: TwinId, belief: &Arc<Belief>) -> Option<LifeSight> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, told) = kept.get(&twin)?;
        std::ptr::eq(of.as_ptr(), Arc::as_ptr(belief)).then(|| told.clone())
    }

    fn keep(&self, twin: TwinId, belief: Weak<Belief>, told: LifeSight) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= Self::MOST {
            kept.retain(|_, (belief, _)| belief.strong_count() > 0);
        }
        if kept.len() >= Self::MOST {
            kept.clear();
        }
        kept.insert(twin, (belief, told));
    }
}

/// What a forecast needs to know of a twin.
#[derive(Debug)]
pub(super) struct Ahead {
    pub belief: Arc<Belief>,
    pub subject: Arc<Subject>,
    pub seed: Seed,
    pub at: Time,
}

impl Ahead {
    fn told(&self) -> Result<LifeSight, PlatformError> {
        let told = self.belief.forecast(&self.subject, END_OF_LIFE, self.seed);
        let told = told.map_err(|missing| PlatformError::unforeseen(missing.to_string()))?;
        let duty = &told.assumed_use;
        // The same figure as wherever else the twin is looked at; the ensemble scatters about it.
        let soh = self.belief.estimate(&self.subject, self.at).soh.unwrap_or(told.capacity);
        let curve = told.curve.iter().map(|point| LifePoint {
            day: point.x - told.at,
            p10: point.p10,
            p50: point.p50,
            p90: point.p90,
        });
        Ok(LifeSight {
            at: self.at,
            unit: "days",
            p10: told.p10,
            p50: told.p50,
            p90: told.p90,
            horizon: told.horizon,
            end_of_life: told.end_of_life,
            soh: soh.mean,
            soh_std: soh.std,
            pace: told.pace.mean,
            pace_std: told.pace.std,
            heard_days: self.belief.heard_days(),
            assumed_use: AssumedUse {
                temperature_c: duty.temperature_c,
                cycling_temperature_c: duty.cycling_temperature_c,
                soc: duty.soc,
                equivalent_cycles_per_day: duty.efc_per_day,
                depth: duty.depth,
                charge_c_rate: duty.charge_c_rate,
                discharge_c_rate: duty.discharge_c_rate,
            },
            laws_apply: told.laws_apply,
            curve: curve.collect(),
        })
    }
}
