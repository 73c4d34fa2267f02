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
            let mut legs: Vec<Leg> = Vec::new();
            // Half the day's distance out in the morning, half back before the charge.
            let starts = [8.0f64.min(plug_in_hour * 0.5), (plug_in_hour - 2.5).max(0.5)];
            for start_hour in starts {
                let ride = &group.rides[stream.random_range(0..group.rides.len())];
                let seconds = ride.duration_s * 0.5 * km_per_day / ride.km;
                let ripple = ride.form_factor * ride.form_factor - 1.0;
                legs.push(leg(start_hour, Duty::Power { power_w: ride.power_w, ripple }));
                legs.push(leg(start_hour + seconds / 3600.0, Duty::Rest));
            }
            legs.push(leg(*plug_in_hour, charge(*charge_c_rate, *charge_to_soc)));
            legs.sort_by_key(|leg| leg.at);
            legs
        }
    }
}
