//! How a monitored battery stands: one word from its last reading, its estimate and its alerts.
//!
//! ```text
//! no reading within 15 min ──► unknown
//! voltage, temperature, health, resistance, worst open alert ──► the worst of what each of them says
//! ```
//!
//! The voltages are those of one 12 V lead-acid block and say nothing of other cells, whose limits are watched by the
//! rules (`alerts.toml`). End of life at 80 % of the capacity as in IEEE 1188 (2005); the other figures follow the
//! practice of UPS rooms that the shipped rules have too. Limits: no state of charge is looked at, since a string on
//! float is full whatever its state.

use super::alert::Severity;
use serde::{Deserialize, Serialize};

/// Readings older than this say nothing about now [s].
pub const FRESH_S: f64 = 900.0;
/// Voltage of a lead-acid block beyond which it is critical, or worth a warning [V].
const BLOCK_CRITICAL_V: (f64, f64) = (11.5, 14.7);
const BLOCK_WARNING_V: (f64, f64) = (12.0, 14.1);
/// Temperature above which it is critical, or worth a warning [°C].
const HOT_CRITICAL_C: f64 = 55.0;
const HOT_WARNING_C: f64 = 45.0;
/// Capacity over rated below which it is at its end, or worth a warning.
const SOH_CRITICAL: f64 = 0.80;
const SOH_WARNING: f64 = 0.85;
/// Rise of the resistance over new that is worth a warning.
const RESISTANCE_WARNING: f64 = 0.30;

/// How a battery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing is known of now.
    Unknown,
    /// Nothing is wrong.
    Healthy,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Standing {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What it is told from; what is not known stays empty.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Signs {
    /// Age of the last reading [s].
    pub age_s: Option<f64>,
    /// Voltage of one lead-acid block [V].
    pub block_v: Option<f64>,
    /// Temperature [°C].
    pub temperature_c: Option<f64>,
    /// Capacity over rated.
    pub soh: Option<f64>,
    /// Resistance over new, less 1.
    pub resistance_rise: Option<f64>,
    /// The worst alert that is still there.
    pub worst: Option<Severity>,
}

impl Signs {
    /// How the battery stands.
    pub fn standing(&self) -> Standing {
        if self.age_s.is_none_or(|age_s| age_s > FRESH_S) {
            return Standing::Unknown;
        }
        let outside = |(low, high): (f64, f64)| self.block_v.is_some_and(|v| v < low || v > high);
        let hotter = |limit_c: f64| self.temperature_c.is_some_and(|c| c > limit_c);
        let is_critical = outside(BLOCK_CRITICAL_V)
            || hotter(HOT_CRITICAL_C)
            || self.soh.is_some_and(|soh| soh < SOH_CRITICAL)
            || self.worst == Some(Severity::Critical);
        let is_warning = outside(BLOCK_WARNING_V)
            || hotter(HOT_WARNING_C)
            || self.soh.is_some_and(|soh| soh <= SOH_WARNING)
            || self.resistance_rise.is_some_and(|rise| rise >= RESISTANCE_WARNING)
            || self.worst == Some(Severity::Warning);
        match (is_critical, is_warning) {
            (true, _) => Standing::Critical,
            (false, true) => Standing::Warning,
            (false, false) => Standing::Healthy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_sign_counts_and_old_ones_do_not() {
        let fresh = Signs { age_s: Some(10.0), ..Signs::default() };
        let cases = [
            (Signs::default(), Standing::Unknown),
            (Signs { age_s: Some(901.0), worst: Some(Severity::Critical), ..fresh }, Standing::Unknown),
            (fresh, Standing::Healthy),
            (Signs { block_v: Some(13.2), ..fresh }, Standing::Healthy),
            (Signs { block_v: Some(11.9), ..fresh }, Standing::Warning),
            (Signs { block_v: Some(14.8), ..fresh }, Standing::Critical),
            (Signs { temperature_c: Some(45.0), ..fresh }, Standing::Healthy),
            (Signs { temperature_c: Some(45.2), ..fresh }, Standing::Warning),
            (Signs { temperature_c: Some(55.1), ..fresh }, Standing::Critical),
            (Signs { soh: Some(0.85), ..fresh }, Standing::Warning),
            (Signs { soh: Some(0.79), ..fresh }, Standing::Critical),
            (Signs { resistance_rise: Some(0.3), ..fresh }, Standing::Warning),
            (Signs { worst: Some(Severity::Info), ..fresh }, Standing::Healthy),
            (Signs { worst: Some(Severity::Warning), soh: Some(0.95), ..fresh }, Standing::Warning),
            (Signs { worst: Some(Severity::Critical), ..fresh }, Standing::Critical),
        ];
        for (signs, standing) in cases {
            assert_eq!(signs.standing(), standing, "{signs:?}");
        }
    }
}
