//! Times and figures as the document writes them.

use crate::body::instant;
use crate::problem::Problem;
use crate::when;
use host::platform::monitor::Sample;
use serde::Serialize;
use twin::time::Time;
use utoipa::ToSchema;

pub(super) use crate::when::in_seconds as stamp;
pub(super) use crate::when::rounded;

/// An instant of a query; a date is the beginning of its day, or as the end of a time the end of it.
pub(super) fn moment(field: &str, text: &str, is_end: bool) -> Result<Time, Problem> {
    when::day(text, is_end).map_or_else(|| instant(field, text), Ok)
}

/// A share as percent, with two decimals.
pub(super) fn percent(share: f64) -> f64 {
    rounded(share * 100.0, 2)
}

/// What a battery measured at one time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Telemetry {
    #[schema(format = DateTime)]
    timestamp: String,
    /// [V]
    voltage: Option<f64>,
    /// Negative on discharge [A].
    current: Option<f64>,
    /// [°C]
    temperature: Option<f64>,
    /// [Ω]
    internal_resistance: Option<f64>,
    soc_pct: Option<f64>,
    soh_pct: Option<f64>,
}

impl From<&Sample> for Telemetry {
    fn from(sample: &Sample) -> Self {
        Self {
            timestamp: stamp(sample.at),
            voltage: sample.voltage_v,
            current: sample.current_a.map(|current_a| rounded(-current_a, 6)),
            temperature: sample.temperature_c,
            internal_resistance: sample.resistance_ohm.map(|ohm| rounded(ohm, 7)),
            soc_pct: sample.soc.map(percent),
            soh_pct: sample.soh.map(percent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_and_days_have_ends() {
        assert_eq!(stamp(Time(1_700_000_000_999)), "2023-11-14T22:13:20Z");
        assert_eq!(moment("end", "2023-11-14", true).unwrap(), Time(1_700_006_399_999));
        assert_eq!(moment("end", "2023-11-14", false).unwrap(), Time(1_699_920_000_000));
        assert_eq!(moment("end", "2023-11-15T05:13:20+07:00", false).unwrap(), Time(1_700_000_000_000));
        assert!(moment("end", "soon", false).is_err());
    }

    #[test]
    fn current_is_turned_round() {
        let sample = Sample {
            at: Time(0),
            voltage_v: Some(12.0),
            current_a: Some(2.5),
            temperature_c: None,
            resistance_ohm: None,
            soc: Some(0.95),
            soh: None,
        };
        let telemetry = Telemetry::from(&sample);
        assert_eq!((telemetry.current, telemetry.soc_pct), (Some(-2.5), Some(95.0)));
        let resting = Telemetry::from(&Sample { current_a: Some(0.0), ..sample });
        assert!(resting.current.is_some_and(f64::is_sign_positive));
    }
}
