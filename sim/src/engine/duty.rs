//! A day of a pack that follows a duty of its own.

use super::model::{GroupModel, Kind};
use crate::scenario::schema::{self, DailyStep};
use rand::RngExt;
use twin::battery::Leg;
use twin::battery::integrate::Duty;
use twin::rng::Stream;
use twin::time::Time;

/// More power or current than any charger has.
const UNLIMITED: f64 = 1e12;

/// The legs of the day that begins at `midnight`, the `day`th from 0; `stream` is drawn from where the duty leaves
/// something to chance.
pub fn day(
    group: &GroupModel,
    kind: &Kind,
    midnight: Time,
    day: u64,
    stream: impl FnOnce() -> Stream,
) -> Vec<Leg> {
    let shift_c = group.ambient.shift_c;
    let leg =
        |hour: f64, duty| Leg { at: midnight.plus_seconds(hour * 3600.0), duty, ambient_shift_c: shift_c };
    let rated_ah = kind.pack.rated_ah();
    let charge = |c_rate: f64, target_soc| Duty::Charge {
        power_max_w: UNLIMITED,
        current_max_a: c_rate * rated_ah,
        target_soc,
    };
    match &group.file.duty {
        schema::Duty::Daily { steps } => steps
            .iter()
            .map(|DailyStep { at_hour, c_rate, until_soc }| {
                leg(
                    *at_hour,
                    if *c_rate < 0.0 {
                        charge(-c_rate, *until_soc)
                    } else if *c_rate > 0.0 {
                        Duty::Current { current_a: c_rate * rated_ah, until_soc: *until_soc }
                    } else {
                        Duty::Rest
                    },
                )
            })
            .collect(),
        schema::Duty::Standby { depth, every_days, c_rate } => {
            let keep_full = match &kind.pack.cell.file.float {
                Some(float) => Duty::Hold {
                    voltage_v: float.voltage_v * f64::from(kind.pack.layout.series),
                    current_max_a: c_rate * rated_ah,
                },
                None => charge(*c_rate, 1.0),
            };
            let before = ((day as f64) / every_days).floor();
            let due = day > 0 && before > ((day as f64 - 1.0) / every_days).floor();
            if due {
                let down = Duty::Current { current_a: c_rate * rated_ah, until_soc: 1.0 - depth };
                let back_hour = 1.0 + depth / c_rate;
                Vec::from([leg(1.0, down), leg(back_hour.min(23.0), keep_full)])
            } else {
                Vec::from([leg(0.0, keep_full)])
            }
        }
        schema::Duty::Drive { km_per_day, plug_in_hour, charge_c_rate, charge_to_soc, .. } => {
            let mut stream = stream();
            // Half the day's distance out in the morning, half back before the charge.
            let rides = [(); 2].map(|()| &group.rides[stream.random_range(0..group.rides.len())]);
            let hours = rides.map(|ride| ride.duration_s * 0.5 * km_per_day / ride.km / 3600.0);
            let (starts, plug_in_hour) = drive_hours(hours, *plug_in_hour);
            let mut legs = Vec::with_capacity(5);
            for ((ride, start_hour), hours) in rides.into_iter().zip(starts).zip(hours) {
                let ripple = ride.form_factor * ride.form_factor - 1.0;
                legs.push(leg(start_hour, Duty::Power { power_w: ride.power_w, ripple }));
                legs.push(leg(start_hour + hours, Duty::Rest));
            }
            legs.push(leg(plug_in_hour, charge(*charge_c_rate, *charge_to_soc)));
            legs
        }
    }
}

/// Hours at which two rides begin that take so many hours each, one after the other, and at which the pack is plugged in: as
/// wished, or later where both cannot be over by then.
fn drive_hours(hours: [f64; 2], plug_in_hour: f64) -> ([f64; 2], f64) {
    let first = 8.0f64.min(plug_in_hour * 0.5).min((plug_in_hour - hours[0] - hours[1]).max(0.0));
    let second = (plug_in_hour - hours[1].max(2.5)).max(first + hours[0]);
    ([first, second], plug_in_hour.max(second + hours[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rides_follow_one_another_and_are_over_when_the_pack_is_plugged_in() {
        assert_eq!(drive_hours([0.5, 0.5], 18.0), ([8.0, 15.5], 18.0));
        for plug_in_hour in [0.0, 1.0, 5.0, 18.0, 24.0] {
            for hours in [[0.2, 0.3], [1.0, 1.0], [3.2, 3.2], [6.0, 1.0], [13.0, 13.0]] {
                let ([first, second], plug) = drive_hours(hours, plug_in_hour);
                assert!(first >= 0.0 && second >= first + hours[0] && plug >= second + hours[1]);
                let fits = hours[0] + hours[1] <= plug_in_hour;
                assert!(!fits || (plug - plug_in_hour).abs() < 1e-9, "{hours:?} by {plug_in_hour}: {plug}");
            }
        }
    }
}
