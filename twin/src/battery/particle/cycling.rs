//! Cycles of loads, the cell ageing on the way, and figures of its health.
//!
//! Ageing over thousands of cycles changes little from one to the next. With a [`Jump`], cycles are computed in
//! short runs; what ageing left is then carried on over as many cycles as the change per cycle allows, and the
//! state of charge is kept. How far that may go is judged by how much the change per cycle itself has changed
//! since the last run; the estimate of the error is summed up and stated.
//!
//! After a jump the lithium is shared between the electrodes a little otherwise than the load leaves it, and the next
//! cycle sets that right. Were its change carried on, that correction would be multiplied by the length of the jump
//! and swing ever wider; so one cycle is passed before a change is measured again.
//!
//! Source: Sulzer et al. 2021, doi:10.1149/1945-7111/ac3e48 (extrapolation between cycles).

use super::balance::{Balance, lithium_ah};
use super::cell::{CellFault, CellModel, Drive, State};
use super::drive::{End, Model, Run};

/// What a stretch of a cycle does.
#[derive(Debug, Clone, PartialEq)]
pub struct Stretch {
    /// Load.
    pub drive: Drive,
    /// What it ends at.
    pub ends: Vec<End>,
    /// Longest it goes on [s].
    pub for_s: f64,
}

impl Stretch {
    /// A constant current [A] until one of the ends.
    pub fn current(current_a: f64, ends: &[End]) -> Self {
        Self {
            drive: Drive::Current { now_a: current_a, slope_a_per_s: 0.0 },
            ends: ends.to_vec(),
            for_s: 1e9,
        }
    }

    /// A voltage held until the current has fallen [A].
    pub fn hold(voltage_v: f64, until_a: f64) -> Self {
        Self { drive: Drive::Voltage(voltage_v), ends: vec![End::CurrentBelow(until_a)], for_s: 1e9 }
    }

    /// Nothing for a time.
    pub fn rest(for_s: f64) -> Self {
        Self { drive: Drive::Current { now_a: 0.0, slope_a_per_s: 0.0 }, ends: Vec::new(), for_s }
    }
}

/// Goes through a cycle once. A stretch whose end holds when it begins takes no time.
///
/// # Errors
/// When a load cannot be put on or a step not be taken, and when a stretch comes to another end than it was told:
/// particles or salt give out, or the power does ([`CellFault::Interrupted`]). The run stands where that happened.
pub fn cycle<M: Model>(run: &mut Run<M>, stretches: &[Stretch]) -> Result<(), CellFault> {
    for (stretch, place) in stretches.iter().zip(1..) {
        run.begin(stretch.drive)?;
        let until_s = run.clock().t_s + stretch.for_s;
        let ended = run.go(until_s, &stretch.ends, |_, _| {})?;
        if let Some(why) = ended.filter(|ended| !ended.is_regular()) {
            return Err(CellFault::Interrupted { stretch: place, t_s: run.clock().t_s, why });
        }
    }
    Ok(())
}

/// How a cell is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// Capacity between its voltage limits at rest [Ah].
    pub capacity_ah: f64,
    /// Lithium no longer in particles that work, of that in a new cell [%].
    pub lithium_lost_pct: f64,
    /// Active material lost in the negative electrode [%].
    pub negative_lost_pct: f64,
    /// Active material lost in the positive electrode [%].
    pub positive_lost_pct: f64,
    /// Capacity that the film took [Ah].
    pub sei_ah: f64,
    /// Capacity that the film on cracks took [Ah].
    pub crack_sei_ah: f64,
    /// Capacity that plating took, what can be stripped included [Ah].
    pub plating_ah: f64,
    /// Change of voltage per current at once, at half charge and 25 °C [Ω].
    pub resistance_ohm: f64,
}

impl Health {
    /// Of a state, against a new cell of `lithium_new_ah`.
    pub fn of(model: &CellModel, state: &State, lithium_new_ah: f64) -> Self {
        use super::set::FARADAY;
        let set = model.set();
        let balance = Balance::of_state(model, state);
        let volume = set.file.negative.thickness_m * set.file.cell.area_m2;
        let [sei, cracked, plated] = model.grown(state).map(|c| c * volume * FARADAY / 3600.0);
        let lost = |side: usize| {
            100.0 * (1.0 - state.particles[side].active / model.kinetics.electrode(side).file.active_fraction)
        };
        let mut middle = model.at_rest(balance.at(0.5), 25.0);
        middle.films = state.films;
        for side in 0..2 {
            let particle = &mut middle.particles[side];
            (particle.lithium, particle.active) =
                (particle.mean() * state.particles[side].active, state.particles[side].active);
        }
        let drive = Drive::Current { now_a: 0.0, slope_a_per_s: 0.0 };
        let resistance = model.seen(&middle, drive, 0.0).map_or(f64::NAN, |seen| -seen.answer.by_current);
        Self {
            capacity_ah: balance.capacity_ah,
            lithium_lost_pct: 100.0 * (1.0 - lithium_ah(model, state) / lithium_new_ah),
            negative_lost_pct: lost(0),
            positive_lost_pct: lost(1),
            sei_ah: sei,
            crack_sei_ah: cracked,
            plating_ah: plated,
            resistance_ohm: resistance / set.file.cell.area_m2,
        }
    }
}

/// How far cycles may be jumped over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jump {
    /// Error of the lost capacity that one jump may add, relative to what is lost at its end.
    pub error: f64,
    /// Most cycles at once.
    pub most: u32,
}

/// What many cycles led to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Cycles that were computed.
    pub computed: u32,
    /// Estimated error of the lithium lost, relative to it; 0 when nothing was jumped over.
    pub error: f64,
}

/// Runs cycles, tells of each computed one, and jumps over others if it may.
///
/// # Errors
/// Those of [`cycle`]; the cycles told of until then stand.
pub fn age(
    run: &mut Run<CellModel>,
    stretches: &[Stretch],
    cycles: u32,
    jump: Option<Jump>,
    mut tell: impl FnMut(u32, &Run<CellModel>),
) -> Result<Outcome, CellFault> {
    let mut outcome = Outcome { computed: 0, error: 0.0 };
    let mut done = 0;
    let mut off = 0.0;
    // Change of the state over the cycle before the last jump, and the middle of that cycle.
    let mut earlier: Option<(State, f64)> = None;
    // The first cycles settle, and one after each jump does.
    let mut settled_from = 4;
    let lithium_new = lithium_ah(run.model(), &run.state);
    while done < cycles {
        let before = run.state;
        cycle(run, stretches)?;
        (done, outcome.computed) = (done + 1, outcome.computed + 1);
        tell(done, run);
        let Some(jump) = jump else { continue };
        if done < settled_from || done >= cycles {
            continue;
        }
        let change = difference(&before, &run.state);
        let middle = f64::from(done) - 0.5;
        let Some((last, at)) = earlier.replace((change, middle)) else { continue };
        let model = run.model();
        let rate = aged(model, &change);
        let bend = (rate - aged(model, &last)).abs() / (middle - at);
        let lost = (lithium_new - lithium_ah(model, &run.state)).abs().max(rate.abs());
        // Carried on as a line, the change of the rate is left out: ½·bend·n².
        let most = if bend > 0.0 { (2.0 * jump.error * lost / bend).sqrt() } else { f64::from(jump.most) };
        let n = (most.floor() as u32).min(jump.most).min(cycles - done - 1).min(done);
        if n < 2 {
            continue;
        }
        // The rate halfway through the jump is had from its present change.
        let ahead = 1.0 + 0.5 * (f64::from(n) + 1.0) * ((rate - aged(model, &last)) / (middle - at)) / rate;
        let pores = model.pores(&run.state.films);
        carry(&mut run.state, &change, f64::from(n) * ahead.clamp(0.5, 1.5));
        model.electrolyte.squeeze(&mut run.state.salt, &pores, &model.pores(&run.state.films));
        run.state.clock.t_s += f64::from(n) * change.clock.t_s;
        run.state.clock.throughput_c += f64::from(n) * change.clock.throughput_c;
        off += bend * f64::from(n) * f64::from(n) / 6.0;
        done += n;
        settled_from = done + 2;
        tell(done, run);
    }
    let lost = (lithium_new - lithium_ah(run.model(), &run.state)).abs();
    outcome.error = if lost > 0.0 { off / lost } else { 0.0 };
    Ok(outcome)
}

fn difference(from: &State, to: &State) -> State {
    let mut change = *to;
    change.clock.t_s -= from.clock.t_s;
    change.clock.throughput_c -= from.clock.throughput_c;
    for side in 0..2 {
        change.particles[side].lithium -= from.particles[side].lithium;
        change.particles[side].active -= from.particles[side].active;
        change.films.lost[side] -= from.films.lost[side];
    }
    for k in 0..change.films.sei.len() {
        change.films.sei[k] -= from.films.sei[k];
        change.films.cracked_squared[k] -= from.films.cracked_squared[k];
        change.films.plated[k] -= from.films.plated[k];
        change.films.dead[k] -= from.films.dead[k];
    }
    change.films.crack_m -= from.films.crack_m;
    change
}

/// Lithium that left the particles in a change [Ah].
fn aged(model: &CellModel, change: &State) -> f64 {
    -lithium_ah(model, change)
}

/// Adds a change so many times over.
fn carry(state: &mut State, change: &State, times: f64) {
    for side in 0..2 {
        state.particles[side].lithium += times * change.particles[side].lithium;
        state.particles[side].active += times * change.particles[side].active;
        state.films.lost[side] += times * change.films.lost[side];
    }
    for k in 0..state.films.sei.len() {
        state.films.sei[k] += times * change.films.sei[k];
        state.films.cracked_squared[k] =
            (state.films.cracked_squared[k] + times * change.films.cracked_squared[k]).max(0.0);
        state.films.plated[k] = (state.films.plated[k] + times * change.films.plated[k]).max(0.0);
        state.films.dead[k] += times * change.films.dead[k];
    }
    state.films.crack_m += times * change.films.crack_m;
}
