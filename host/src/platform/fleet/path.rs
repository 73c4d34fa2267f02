//! Ways and power between readings.

use super::GAP_S;
use twin::geo::Position;
use twin::time::Time;

/// Nearer than this two fixes are the same place [km].
const JITTER_KM: f64 = 0.01;
/// Faster than this nothing of the fleet goes [km/h].
const SPEED_MAX_KMH: f64 = 150.0;

/// Distance that is added up over readings.
///
/// ```text
/// d = Σ Δ odometer                           where there is one; a fall begins anew
/// d = Σ great circle between two fixes       unless < 10 m, > 150 km/h, or more than 10 min apart
/// ```
///
/// Limits: a straight line between fixes is shorter than the road.
#[derive(Debug, Default)]
pub(super) struct Track {
    odometer_km: Option<f64>,
    fix: Option<(Time, Position)>,
    by_odometer_km: f64,
    by_fixes_km: f64,
    has_odometer: bool,
}

impl Track {
    pub(super) fn take(&mut self, at: Time, value: impl Fn(&str) -> Option<f64>) {
        if let Some(km) = value("distance_km")
            && let Some(before) = self.odometer_km.replace(km)
        {
            self.by_odometer_km += (km - before).max(0.0);
            self.has_odometer = true;
        }
        let Some(here) = value("lat").zip(value("lon")).and_then(|(lat, lon)| Position::new(lat, lon).ok())
        else {
            return;
        };
        let Some((then, there)) = self.fix else {
            self.fix = Some((at, here));
            return;
        };
        let (km, seconds) = (there.distance_km(here), at.seconds_since(then));
        if seconds > GAP_S {
            self.fix = Some((at, here));
        } else if km >= JITTER_KM && km * 3_600.0 <= SPEED_MAX_KMH * seconds {
            // Jitter keeps the older fix, so that a slow way is not lost in small steps; a jump keeps it too.
            self.by_fixes_km += km;
            self.fix = Some((at, here));
        }
    }

    pub(super) fn km(&self) -> f64 {
        if self.has_odometer { self.by_odometer_km } else { self.by_fixes_km }
    }
}

/// Power and rate that are added up over readings, by the trapezium between two of them no more than ten minutes apart.
#[derive(Debug, Default)]
pub(super) struct Power {
    last: Option<(Time, f64, f64, bool)>,
}

/// What happened between two readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    /// From when.
    pub(super) from: Time,
    /// To when.
    pub(super) to: Time,
    /// Mean power, positive on discharge [W].
    pub(super) power_w: f64,
    /// Mean current, positive on discharge [A].
    pub(super) current_a: f64,
    /// Whether the battery moved.
    pub(super) moving: bool,
}

impl Stretch {
    pub(super) fn seconds(&self) -> f64 {
        self.to.seconds_since(self.from)
    }

    pub(super) fn energy_wh(&self) -> f64 {
        self.power_w * self.seconds() / 3_600.0
    }
}

impl Power {
    /// Takes a reading; what happened since the one before, where that is known.
    pub(super) fn take(&mut self, at: Time, value: impl Fn(&str) -> Option<f64>) -> Option<Stretch> {
        let (volts, amperes) = value("voltage_v").zip(value("current_a"))?;
        let is_moving = value("speed_kmh").is_some_and(|speed| speed > 1.0);
        let now = (at, volts * amperes, amperes, is_moving);
        let (then, power_w, current_a, was_moving) = self.last.replace(now)?;
        (at.seconds_since(then) <= GAP_S).then_some(Stretch {
            from: then,
            to: at,
            power_w: 0.5 * (power_w + now.1),
            current_a: 0.5 * (current_a + amperes),
            moving: was_moving || is_moving,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(track: &mut Track, second: i64, lat: f64) {
        track.take(Time(second * 1_000), |name| match name {
            "lat" => Some(lat),
            "lon" => Some(0.0),
            _ => None,
        });
    }

    #[test]
    fn jitter_jumps_and_gaps_are_no_way() {
        let mut track = Track::default();
        fix(&mut track, 0, 0.0);
        // A degree of latitude is 111.2 km: 0.002° are 222 m in 20 s, 40 km/h.
        fix(&mut track, 20, 0.002);
        assert!((track.km() - 0.2224).abs() < 1e-3);
        fix(&mut track, 21, 0.00201);
        fix(&mut track, 25, 1.0);
        assert!((track.km() - 0.2224).abs() < 1e-3);
        fix(&mut track, 2_000, 0.5);
        assert!((track.km() - 0.2224).abs() < 1e-3);
        fix(&mut track, 2_020, 0.502);
        assert!((track.km() - 0.4448).abs() < 2e-3);
    }

    #[test]
    fn an_odometer_counts_more_than_fixes_and_may_begin_anew() {
        let mut track = Track::default();
        for (second, km) in [(0, 100.0), (60, 101.0), (120, 0.5), (180, 1.5)] {
            track.take(Time(second * 1_000), |name| (name == "distance_km").then_some(km));
        }
        assert!((track.km() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn power_is_the_mean_of_two_readings_and_unknown_over_a_gap() {
        let mut power = Power::default();
        let mut take = |second: i64, amperes: f64| {
            power.take(Time(second * 1_000), |name| match name {
                "voltage_v" => Some(50.0),
                "current_a" => Some(amperes),
                _ => None,
            })
        };
        assert_eq!(take(0, 10.0), None);
        let stretch = take(60, 20.0).unwrap();
        assert!((stretch.energy_wh() - 12.5).abs() < 1e-12, "{stretch:?}");
        assert_eq!(take(1_000, 20.0), None);
    }
}
