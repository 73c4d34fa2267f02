//! A pack without voltage: state of charge, heat as coarse as the life laws bear, and the life laws.
//!
//! ```text
//! ds/dt = −(η·I + leak)/Q          U_terminal = U(s) − R·I,  R = R0 + R1 + R2 at half charge
//! Q̇ = R·I² + leak·U(s)
//! ```
//!
//! The open-circuit voltage turns power into charge and books energy; it limits nothing. So a charge takes its full
//! current to the end instead of tapering, and no load meets the lowest voltage. Entropic heat, hysteresis and
//! polarisation are left out. A duty is one step of up to six hours, at the air of its middle; calendar rates are
//! taken at two points of it (Gauss). What the life laws hear of is charge, temperature and depth, and of that
//! nothing is coarser than those steps.
//!
//! Limits: not for what hangs on voltage (charging times above 80 %, power at low charge, float currents), nor for
//! packs that warm by more than a few kelvin within minutes.

use super::super::integrate::{Duty, Ended, GAUSS, HOURS, Passage, Step, derating, of_one_cell};
use super::super::pack::{PackModel, PackState};
use crate::battery::thermal::Air;
use crate::forcing::Ambient;
use crate::time::{DAY_S, Time};

/// Longest step [s].
const STEP_MAX_S: f64 = 6.0 * 3600.0;

/// Carries the pack on: see [`super::pass`].
pub(super) fn pass(
    model: &PackModel,
    state: &mut PackState,
    duty: Duty,
    ambient: &Ambient,
    (from, span_s): (Time, f64),
    mut watch: impl FnMut(&Step, &PackState),
) -> Passage {
    if span_s.is_nan() || span_s <= 0.0 {
        return Passage { ended: None };
    }
    let wanted = of_one_cell(duty, model);
    let (mut elapsed_s, mut ended) = (0.0, None);
    while elapsed_s < span_s {
        let left_s = span_s - elapsed_s;
        let mut dt_s = left_s.min(STEP_MAX_S);
        let (mut current_a, mut ohm) = (0.0, 0.0);
        let mut last = None;
        match load(model, state, wanted) {
            Ok(Some(load)) => {
                (current_a, ohm) = (load.current_a, load.ohm);
                if load.to_end_s <= dt_s {
                    (dt_s, last) = (load.to_end_s, Some(load.why));
                }
            }
            Ok(None) => {}
            Err(why) => {
                ended = Some((why, elapsed_s));
                break;
            }
        }
        if dt_s > 0.0 {
            let air_c = ambient.at(from.plus_seconds(elapsed_s + 0.5 * dt_s));
            let power_w = step(model, state, (current_a, ohm), (dt_s, air_c));
            if let Duty::Power { power_w: asked_w, .. } = wanted {
                let missing_w = asked_w - power_w;
                if asked_w > 0.0 && missing_w > 1e-3 * asked_w {
                    state.ledger.unserved_wh += missing_w * dt_s * HOURS;
                }
            }
            watch(&Step::steady((elapsed_s, dt_s), power_w, current_a), state);
            elapsed_s += dt_s;
            if state.since_refresh_s >= DAY_S {
                state.refresh_health(model);
            }
        }
        if let Some(why) = last {
            if let Duty::Charge { .. } = duty {
                state.ledger.charges += 1.0;
            }
            // What is held stays as it is until somebody says otherwise.
            if !matches!(duty, Duty::Hold { .. }) {
                ended = Some((why, elapsed_s));
                break;
            }
        }
    }
    Passage { ended }
}

/// A current and how long it can go on.
struct Load {
    current_a: f64,
    /// Resistance that it meets, ripple counted [Ω].
    ohm: f64,
    to_end_s: f64,
    why: Ended,
}

/// What a duty comes to now; nothing at rest.
fn load(model: &PackModel, state: &PackState, duty: Duty) -> Result<Option<Load>, Ended> {
    let file = &model.cell.file;
    let rated_ah = file.cell.capacity_ah;
    let volts = model.cell.ocv_v(state.soc).max(0.1);
    let mut ohm = resistance_ohm(model, state);
    let (wanted_a, end, why) = match duty {
        Duty::Rest => return Ok(None),
        Duty::Current { current_a, until_soc } => (current_a, until_soc, Ended::Reached),
        Duty::Power { power_w, ripple } => {
            ohm *= 1.0 + ripple;
            let root = (volts * volts - 4.0 * ohm * power_w).max(0.0).sqrt();
            // At most the current at which power is highest.
            let current_a = (2.0 * power_w / (volts + root)).min(0.5 * volts / ohm);
            if power_w > 0.0 { (current_a, 0.0, Ended::Empty) } else { (current_a, 1.0, Ended::Reached) }
        }
        Duty::Charge { power_max_w, current_max_a, target_soc } => {
            (-current_max_a.min(power_max_w / volts), target_soc, Ended::Charged)
        }
        Duty::Hold { current_max_a, .. } => (-current_max_a, 1.0, Ended::Charged),
    };
    if wanted_a == 0.0 {
        return Ok(None);
    }
    let limits = &file.limits;
    let (range_c, rate_max) = if wanted_a > 0.0 {
        (limits.discharge_temperature_c, limits.discharge_c_rate_max)
    } else {
        (limits.charge_temperature_c, limits.charge_c_rate_max)
    };
    let share = derating(state.temperatures.cell_c, range_c, limits.derating_k);
    if share == 0.0 {
        return Err(Ended::TooHotOrCold);
    }
    let most_a = share * rate_max * rated_ah;
    let current_a = wanted_a.clamp(-most_a, most_a);
    // Where capacity depends on the rate, the rest of it cannot be had.
    let usable = if current_a > 0.0 {
        model.cell.usable_share(current_a / rated_ah, state.temperatures.cell_c).min(1.0)
    } else {
        1.0
    };
    let end = state.mean_soc_at(end.max(1.0 - usable));
    let capacity_as = 3600.0 * state.capacity_ah(model);
    let (left_as, taken_a) = if current_a > 0.0 {
        ((state.soc - end) * capacity_as, current_a)
    } else {
        ((end - state.soc) * capacity_as, -current_a * file.losses.coulombic_efficiency)
    };
    // What a second would do is not worth a step.
    if left_as <= taken_a {
        return if matches!(duty, Duty::Hold { .. }) { Ok(None) } else { Err(why) };
    }
    Ok(Some(Load { current_a, ohm, to_end_s: left_as / taken_a, why }))
}

/// Resistance of the mean cell at half charge [Ω].
fn resistance_ohm(model: &PackModel, state: &PackState) -> f64 {
    let fresh = model.cell.resistances(0.5, state.temperatures.cell_c);
    (fresh.r0 + fresh.r1 + fresh.r2) * state.health.resistance
}

/// Takes a step; mean terminal power [W per cell].
fn step(
    model: &PackModel,
    state: &mut PackState,
    (current_a, ohm): (f64, f64),
    (dt_s, air_c): (f64, f64),
) -> f64 {
    let cell = &*model.cell;
    let losses = &cell.file.losses;
    let (hours, per_h) = (dt_s * HOURS, 3600.0 / dt_s);
    let capacity_ah = state.capacity_ah(model).max(1e-9);
    let leaking_ah = cell.leak_per_s(state.temperatures.cell_c) * dt_s * cell.file.cell.capacity_ah;
    let leak_ah = leaking_ah.min(state.soc.max(0.0) * capacity_ah);
    let efficiency = if current_a < 0.0 { losses.coulombic_efficiency } else { 1.0 };
    let before = state.soc;
    let soc = (before + (-current_a * hours * efficiency - leak_ah) / capacity_ah).clamp(0.0, 1.0);
    let (stored_before, stored_after) = (cell.stored(before), cell.stored(soc));
    let moved = soc - before;
    let open_v = if moved.abs() > 1e-9 {
        (stored_after.ocv_integral_v - stored_before.ocv_integral_v) / moved
    } else {
        0.5 * (stored_before.ocv_v + stored_after.ocv_v)
    };
    let voltage_v = open_v - ohm * current_a;
    let terminal_wh = current_a * voltage_v * hours;
    let heat_wh =
        (ohm * current_a * current_a + (efficiency - 1.0) * current_a * open_v) * hours + leak_ah * open_v;
    let decay = model.decays.over(dt_s);
    let (mean_c, end) = model.thermal.mean_and_step(
        state.temperatures,
        heat_wh * per_h,
        Air::still(air_c),
        &decay.propagator,
    );
    state.temperatures = end;

    let ledger = &mut state.ledger;
    ledger.meter(current_a * hours, efficiency, terminal_wh);
    ledger.leaked_ah += leak_ah;
    ledger.losses_wh += heat_wh;
    ledger.remark(mean_c, &cell.file.life.fitted, hours);
    state.current_a = current_a;
    state.voltage_v = stored_after.ocv_v - ohm * current_a;
    state.since_refresh_s += dt_s;

    // Ageing.
    let days = hours / 24.0;
    state.age_days += days;
    let progress = &mut state.progress;
    let (middle, aside) = (0.5 * (before + soc), moved * GAUSS);
    cell.calendar.expose(progress, [mean_c; 2], [middle - aside, middle + aside], 0.5 * days);
    state.count(cell, soc, moved, (hours, mean_c));
    terminal_wh * per_h
}
