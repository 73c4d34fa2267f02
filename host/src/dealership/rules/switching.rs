//! When a battery may be switched off because instalments are late: never in a way that harms whoever rides.
//!
//! Switched off, a battery gives no power for driving. It still takes charge and looks after itself, so it can always be
//! brought from there into any other state.

/// Least discharge that is a ride rather than a lamp or a lock [A].
const RIDE_A: f64 = 2.0;
/// Highest speed of something that stands; satellites say a little even then [km/h].
const STANDS_KMH: f64 = 1.0;

/// What is known of a battery when it is to be switched off.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Signs {
    /// Age of its last reading [s]; nothing where there is none.
    pub age_s: Option<f64>,
    /// How fast it moves [km/h].
    pub speed_kmh: Option<f64>,
    /// What it gives [A].
    pub current_a: Option<f64>,
    /// Whether a critical alert of it is there.
    pub is_critical: bool,
    /// Whether what is known, and the time that it is, is simulated.
    pub data_are_simulated: bool,
    /// Whether its hardware is simulated.
    pub hardware_is_simulated: bool,
}

/// Why a battery is not switched off now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// What is simulated says nothing about real hardware, nor what is real about simulated.
    Simulated,
    /// Its consumer was not told, or not long enough ago.
    Notice,
    /// Nothing was heard of it lately, so nobody knows what it does.
    Unseen,
    /// It moves.
    Moving,
    /// It drives something.
    Riding,
    /// It is in trouble, and must be looked after first.
    Critical,
}

impl Hindrance {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simulated => "simulated_data",
            Self::Notice => "notice_period",
            Self::Unseen => "no_recent_reading",
            Self::Moving => "in_motion",
            Self::Riding => "under_load",
            Self::Critical => "critical_alert",
        }
    }
}

/// Whether a battery may be switched off now.
///
/// # Errors
/// Why not.
pub fn may_switch_off(signs: &Signs, within_s: f64) -> Result<(), Hindrance> {
    if signs.data_are_simulated != signs.hardware_is_simulated {
        return Err(Hindrance::Simulated);
    }
    if !signs.age_s.is_some_and(|age_s| age_s <= within_s) {
        return Err(Hindrance::Unseen);
    }
    if signs.speed_kmh.is_some_and(|speed_kmh| speed_kmh > STANDS_KMH) {
        return Err(Hindrance::Moving);
    }
    match signs.current_a {
        Some(current_a) if current_a > RIDE_A => return Err(Hindrance::Riding),
        // With neither speed nor current nobody knows what it does.
        None if signs.speed_kmh.is_none() => return Err(Hindrance::Unseen),
        _ => {}
    }
    if signs.is_critical { Err(Hindrance::Critical) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_battery_that_is_known_to_stand_is_switched_off() {
        let parked =
            Signs { age_s: Some(60.0), speed_kmh: Some(0.0), current_a: Some(0.1), ..Signs::default() };
        let of = |signs: Signs| may_switch_off(&signs, 900.0);
        assert_eq!(of(parked), Ok(()));
        assert_eq!(of(Signs { speed_kmh: None, ..parked }), Ok(()));
        assert_eq!(of(Signs { current_a: Some(-5.0), ..parked }), Ok(()), "it charges");
        assert_eq!(of(Signs { age_s: None, ..parked }), Err(Hindrance::Unseen));
        assert_eq!(of(Signs { age_s: Some(901.0), ..parked }), Err(Hindrance::Unseen));
        assert_eq!(of(Signs { speed_kmh: Some(12.0), ..parked }), Err(Hindrance::Moving));
        assert_eq!(of(Signs { current_a: Some(20.0), ..parked }), Err(Hindrance::Riding));
        assert_eq!(of(Signs { speed_kmh: None, current_a: None, ..parked }), Err(Hindrance::Unseen));
        assert_eq!(of(Signs { is_critical: true, ..parked }), Err(Hindrance::Critical));
        let simulated = Signs { data_are_simulated: true, ..parked };
        assert_eq!(of(simulated), Err(Hindrance::Simulated), "real hardware");
        assert_eq!(of(Signs { hardware_is_simulated: true, ..simulated }), Ok(()));
    }
}
