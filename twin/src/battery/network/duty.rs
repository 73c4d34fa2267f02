//! Carries a network of cells through a duty, the same duties that [`crate::battery::integrate`] knows.

use super::CellBank;
use super::pack::{Demand, NetworkPack, Step};
use crate::battery::integrate::{Duty, Ended};
use crate::forcing::Ambient;
use crate::time::Time;

/// How finely to step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkStepping {
    /// Longest step under current, and first one at rest [s].
    pub active_s: f64,
    /// Longest step at rest [s].
    pub rest_s: f64,
}

impl Default for NetworkStepping {
    /// A minute under current, ten at rest: see `docs/models/network.md` for the error.
    fn default() -> Self {
        Self { active_s: 60.0, rest_s: 600.0 }
    }
}

/// Carries the pack from a time on for so many seconds, or until the duty ends; says why and when it ended early.
/// `watch` is shown every step.
pub fn pass<B: CellBank>(
    pack: &mut NetworkPack<B>,
    duty: Duty,
    ambient: &Ambient,
    (from, span_s): (Time, f64),
    stepping: NetworkStepping,
    mut watch: impl FnMut(&Step, &NetworkPack<B>),
) -> Option<(Ended, f64)> {
    let demand = demand_of(duty);
    pack.bank_mut().set_ripple(duty.ripple());
    let mut elapsed_s = 0.0;
    let mut rest_s = stepping.active_s;
    let mut last: Option<Step> = None;
    // What is left after rounding of times is no step.
    while span_s - elapsed_s > 1e-6 {
        let left_s = span_s - elapsed_s;
        let dt_s = if demand == Demand::Current(0.0) {
            let dt_s = left_s.min(if pack.is_balancing() { stepping.active_s } else { rest_s });
            rest_s = (2.0 * rest_s).min(stepping.rest_s);
            dt_s
        } else {
            let longest_s = left_s.min(stepping.active_s);
            match time_to_end(pack, duty, last.as_ref()) {
                Ok(to_end_s) => longest_s.min(to_end_s),
                Err(why) => return Some((finish(pack, duty, why), elapsed_s)),
            }
        };
        let air_c = ambient.at(from.plus_seconds(elapsed_s + 0.5 * dt_s));
        let step = pack.step(demand, dt_s, air_c);
        elapsed_s += dt_s;
        if let Duty::Power { power_w, .. } = duty
            && power_w > 0.0
        {
            // Up to a thousandth is the difference between the power at the end of the step and its mean.
            let missing_w = power_w - step.power_w;
            if missing_w > 1e-3 * power_w && (step.held || step.current_a < step.wanted_a) {
                pack.ledger_mut().unserved_wh += missing_w * dt_s / 3600.0;
            }
        }
        watch(&step, pack);
        if let Some(why) = ended_by(pack, duty, &step) {
            return Some((finish(pack, duty, why), elapsed_s));
        }
        last = Some(step);
    }
    None
}

fn demand_of(duty: Duty) -> Demand {
    match duty {
        Duty::Rest => Demand::Current(0.0),
        Duty::Current { current_a, .. } => Demand::Current(current_a),
        Duty::Power { power_w: 0.0, .. } => Demand::Current(0.0),
        Duty::Power { power_w, .. } => Demand::Power(power_w),
        Duty::Charge { power_max_w, current_max_a, .. } => Demand::Charge { power_max_w, current_max_a },
        Duty::Hold { voltage_v, current_max_a } => Demand::Voltage { voltage_v, charge_max_a: current_max_a },
    }
}

fn finish<B: CellBank>(pack: &mut NetworkPack<B>, duty: Duty, why: Ended) -> Ended {
    if why == Ended::Charged || (matches!(duty, Duty::Charge { .. }) && why == Ended::Reached) {
        pack.ledger_mut().charges += 1.0;
    }
    why
}

/// Time until the duty's state of charge at the present current [s], or that it is there.
fn time_to_end<B: CellBank>(pack: &NetworkPack<B>, duty: Duty, last: Option<&Step>) -> Result<f64, Ended> {
    let limits = &pack.model().limits;
    let parallel = f64::from(pack.model().wiring.layout.parallel);
    let volts = pack.voltage_v().max(0.1);
    let (current_a, target, why) = match duty {
        Duty::Rest | Duty::Hold { .. } => return Ok(f64::INFINITY),
        Duty::Current { current_a, until_soc } => (current_a, until_soc, Ended::Reached),
        Duty::Power { power_w, .. } if power_w > 0.0 => (power_w / volts, 0.0, Ended::Empty),
        Duty::Power { power_w, .. } => (power_w / volts, 1.0, Ended::Reached),
        Duty::Charge { power_max_w, current_max_a, target_soc } => {
            (-current_max_a.min(power_max_w / volts), target_soc, Ended::Charged)
        }
    };
    // A current that a limit holds back goes on about as it was.
    let current_a = last.filter(|step| step.held).map_or(current_a, |step| step.current_a);
    let current_a = current_a.clamp(-parallel * limits.charge_max_a, parallel * limits.discharge_max_a);
    let (left_ah, missing_ah) = pack.usable_ah();
    let whole_ah = (left_ah + missing_ah).max(0.0);
    let to_go_ah = if current_a > 0.0 {
        left_ah - target * whole_ah
    } else {
        (target * whole_ah - left_ah) / pack.bank().coulombic_efficiency()
    };
    // What a hundredth of a second would do, or self-discharge within the step, is not worth one.
    let rate_ah_per_s = current_a.abs() / 3600.0;
    if to_go_ah <= 0.01 * rate_ah_per_s.max(1e-6 * whole_ah / 3600.0) {
        return Err(why);
    }
    Ok(if rate_ah_per_s > 0.0 { to_go_ah / rate_ah_per_s } else { f64::INFINITY })
}

/// Whether a step showed that the duty cannot go on.
fn ended_by<B: CellBank>(pack: &NetworkPack<B>, duty: Duty, step: &Step) -> Option<Ended> {
    let limits = &pack.model().limits;
    let parallel = f64::from(pack.model().wiring.layout.parallel);
    let charge = matches!(duty, Duty::Charge { .. });
    if step.blocked {
        return (step.wanted_a > 0.0 || charge).then_some(Ended::TooHotOrCold);
    }
    if !step.held {
        return None;
    }
    if step.wanted_a > 0.0 {
        // As for a pack of one mean cell: a twentieth of what is wanted, at most a hundredth of the rating an hour.
        let least_a = (0.05 * step.wanted_a).min(0.01 * parallel * pack.model().cell_ah);
        return (step.current_a <= least_a).then_some(Ended::Empty);
    }
    (charge && -step.current_a <= parallel * limits.cutoff_a).then_some(Ended::Charged)
}
