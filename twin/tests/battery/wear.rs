//! Wear that does not depend on how the time is cut.

use super::{CELLS, cell, uniform};
use rand::RngExt;
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::integrate::{Duty, Stepping, pass};
use twin::battery::pack::{PackModel, PackState};
use twin::battery::{Battery, BatteryEvent, Leg};
use twin::forcing::{Ambient, Hourly};
use twin::rng::Seed;
use twin::time::{DAY_MS, HOUR_MS, Time};
use twin::twin::Twin;

/// Relative difference in loss of capacity that steps may make in the first weeks, when laws of small exponents
/// are steepest.
const LOSS_GAP: f64 = 5e-4;
/// The same over the first fifteen days at the default's rests of three hours.
const DEFAULT_LOSS_GAP: f64 = 1e-3;
/// The same over ten years.
const TEN_YEAR_GAP: f64 = 1e-3;

/// A day of moderate use: a ride, a discharge and a charge, in warm changing air. No two days reach the same states
/// of charge, for cycles of the same depth to rounding are another question (see below).
fn day_of(model: &PackModel, day: i64) -> [Leg; 6] {
    let mut stream = Seed(5).stream("day", "depth", day as u64);
    let c_rate = 0.8 * model.cell.file.limits.charge_c_rate_max.min(0.4);
    let rated_w = model.rated_wh();
    let midnight = Time(day * DAY_MS);
    let leg = |hour: f64, duty| Leg { at: midnight.plus_seconds(hour * 3600.0), duty, ambient_shift_c: 0.0 };
    let down =
        Duty::Current { current_a: 0.5 * model.rated_ah(), until_soc: stream.random_range(0.15..0.35) };
    let up = Duty::Charge {
        power_max_w: 2.0 * rated_w,
        current_max_a: c_rate * model.rated_ah(),
        target_soc: stream.random_range(0.85..0.98),
    };
    [
        leg(7.0, Duty::Power { power_w: 0.3 * rated_w, ripple: 0.5 }),
        leg(8.2, Duty::Rest),
        leg(12.0, down),
        leg(13.0, Duty::Rest),
        leg(18.0, up),
        leg(24.0, Duty::Rest),
    ]
}

/// A pack of like cells in air that changes over the day.
fn fresh(cell: &Arc<CellModel>, stepping: Stepping) -> Battery {
    let swing = |hour: i32| 26.0 + 6.0 * (f64::from(hour - 9) * std::f64::consts::TAU / 24.0).sin();
    let hours: Vec<f32> = (0..24 * 3653).map(|hour| swing(hour) as f32).collect();
    let ambient = Ambient { air_c: Hourly::new(0, hours), shift_c: 0.0 };
    Battery::new(uniform(cell), ambient, Time(0), 0.9, stepping)
}

fn use_for_days(cell: &Arc<CellModel>, stepping: Stepping, days: i64) -> Battery {
    let mut battery = fresh(cell, stepping);
    for day in 0..days {
        for leg in day_of(battery.model(), day) {
            battery.apply(&BatteryEvent::DutiesSet([leg].into()));
        }
        battery.catch_up(Time((day + 1) * DAY_MS));
    }
    battery
}

/// Loss of capacity at a stepping relative to a finer one's, less one.
fn off(cell: &Arc<CellModel>, days: i64, stepping: Stepping, reference: Stepping) -> f64 {
    let loss = |stepping| 1.0 - use_for_days(cell, stepping, days).health().capacity;
    loss(stepping) / loss(reference) - 1.0
}

/// Steps as coarse as the default's, but for rests of an hour.
fn hourly_rests() -> Stepping {
    Stepping { rest_max_s: 3600.0, ..Stepping::default() }
}

#[test]
fn sixty_days_at_coarse_steps_with_hourly_rests_wear_as_much_as_at_steps_of_a_second() {
    for name in ["lfp-gr-sony-murata-3ah", "nmc111-gr-kokam-75ah", "nca-gr-panasonic-3ah"] {
        let off = off(&cell(name), 60, hourly_rests(), Stepping::at_most(1.0));
        println!("{name}: {:+.4} % of the loss", 100.0 * off);
        assert!(off.abs() < LOSS_GAP, "{name}: {off:e}");
    }
}

#[test]
fn fifteen_days_at_default_steps_wear_every_make_as_much_as_at_steps_of_a_second() {
    for cell in CELLS.iter() {
        let off = off(cell, 15, Stepping::default(), Stepping::at_most(1.0));
        println!("{}: {:+.4} % of the loss", cell.file.name, 100.0 * off);
        assert!(off.abs() < DEFAULT_LOSS_GAP, "{}: {off:e}", cell.file.name);
    }
}

#[test]
fn ten_years_at_default_steps_wear_as_much_as_at_steps_of_a_minute() {
    for name in ["lfp-gr-250ah-prismatic", "nmc811-grsi-lg-m50-5ah", "nca-gr-panasonic-3ah"] {
        let off = off(&cell(name), 3652, Stepping::default(), Stepping::at_most(60.0));
        println!("{name}: {:+.4} % of the loss", 100.0 * off);
        assert!(off.abs() < TEN_YEAR_GAP, "{name}: {off:e}");
    }
}

/// Twenty days between the same two states of charge, but for a drift by rounding's width.
fn loss_with_drift(cell: &Arc<CellModel>, drift: f64) -> f64 {
    let model = uniform(cell);
    let air = Ambient::constant(25.0);
    let mut state = PackState::new(&model, 0.9, 25.0);
    for day in 0..20 {
        for (half, c_rate, soc) in [(0, 0.3f64, 0.2), (1, -0.3, 0.9)] {
            let until_soc = soc - drift * c_rate.signum() * f64::from(day);
            let duty = Duty::Current { current_a: c_rate * model.rated_ah(), until_soc };
            let at = Time(i64::from(2 * day + half) * 12 * HOUR_MS);
            let span_s = 4.0 * 3600.0;
            pass(&model, &mut state, duty, &air, (at, span_s), Stepping::at_most(60.0), |_, _| {});
            let rest = (at.plus_seconds(span_s), 8.0 * 3600.0);
            pass(&model, &mut state, Duty::Rest, &air, rest, Stepping::default(), |_, _| {});
        }
    }
    1.0 - state.observed_health(&model).capacity
}

#[test]
fn cycles_of_the_same_depth_wear_the_same_whichever_is_deeper_by_a_hair() {
    for cell in CELLS.iter() {
        let same = loss_with_drift(cell, 0.0);
        for drift in [1e-6, -1e-6] {
            let off = loss_with_drift(cell, drift) / same - 1.0;
            assert!(off.abs() < 2e-3, "{}: a drift of {drift:e} moves the loss by {off:e}", cell.file.name);
        }
    }
}

#[test]
fn when_it_is_brought_up_to_date_hardly_moves_how_a_battery_ages() {
    let mut worst = 0.0f64;
    for cell in CELLS.iter() {
        let seldom = 1.0 - use_for_days(cell, hourly_rests(), 30).health().capacity;
        let mut battery = fresh(cell, hourly_rests());
        for day in 0..30 {
            for leg in day_of(battery.model(), day) {
                battery.apply(&BatteryEvent::DutiesSet([leg].into()));
            }
            (0..24).for_each(|hour| battery.catch_up(Time(day * DAY_MS + hour * HOUR_MS + 17 * 60_000)));
            battery.catch_up(Time((day + 1) * DAY_MS));
        }
        let off = (1.0 - battery.health().capacity) / seldom - 1.0;
        worst = worst.max(off.abs());
        assert!(off.abs() < 5e-3, "{}: {off:e}", cell.file.name);
    }
    println!("bringing up to date every hour moves the loss by {:.3} % at most", 100.0 * worst);
}
