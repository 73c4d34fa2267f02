//! A pack whose mean cell is a single particle model: lithium where it is, and what takes it.
//!
//! The cell goes through a duty in pieces of at most five minutes (an hour at rest), within which temperature holds
//! at its expected mean and [`Run`] takes steps as short as its tolerance asks. Heat then goes down the pack's own heat
//! path, exactly. State of charge is counted from the balance of the electrodes, which is made anew once a day:
//!
//! ```text
//! s = (Li_n − x0·Q_n)/C           Li_n lithium in the negative particles; x0·Q_n and C as of the last balance
//! charged − discharged = Δ(s·C) + side reactions + what the balance moved
//! ```
//!
//! to rounding. Cells of the pack differ in capacity (all of it larger or smaller) and in the rate of ageing, taken
//! relative to the mean cell's loss; their resistances are not told apart here, but in a network of cells they are.
//! Where salt or surface lithium gives out, or equations cannot be solved, the current is halved and that is counted;
//! it recovers by a fifth with each piece that goes well.

use super::super::circuit;
use super::super::integrate::{Duty, Ended, Passage, Step, derating, of_one_cell};
use super::super::life;
use super::super::pack::{HOT_C, PackModel, PackState};
use super::super::particle::balance::Balance;
use super::super::particle::cell::{CellFault, CellModel, Clock, Drive, Heat, Options, Seen, State};
use super::super::particle::cycling::Health;
use super::super::particle::drive::{self, End, Run};
use super::super::particle::set::{FARADAY, ParticleSet, ZERO_C};
use super::rated;
use crate::battery::thermal::Air;
use crate::forcing::Ambient;
use crate::time::{DAY_S, Time};
use std::sync::Arc;

/// Longest piece under current and at rest [s].
const PIECE_S: [f64; 2] = [300.0, 3600.0];
/// A piece is cut where the cell would warm by more [K].
const WARMED_K: f64 = 1.0;
/// Shortest piece that warming asks for [s].
const PIECE_MIN_S: f64 = 10.0;
/// Share of the wanted current below which a duty ends.
const EASED_MIN: f64 = 0.02;
/// Seconds per hour.
const HOUR_S: f64 = 3600.0;

/// A make of cell as a particle model.
#[derive(Debug, Clone)]
pub struct ParticleCell {
    model: CellModel,
    /// Lithium in a new cell's particles, and its capacity and resistance [Ah], [Ω].
    lithium_ah: f64,
    capacity_ah: f64,
    resistance_ohm: f64,
}

/// The mean cell's electrodes.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticleState {
    /// Lithium, films, active material.
    pub cell: State,
    /// Lithium in the negative particles of the empty cell, as of the last balance [Ah].
    empty_ah: f64,
    /// Capacity between the voltage limits at rest, as of the last balance [Ah].
    pub(in super::super) capacity_ah: f64,
    /// Times that a current was halved because the cell could not follow it.
    pub halved: u32,
}

/// What the mean cell lost, in per cent of what it had when new.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Losses {
    /// Lithium no longer in particles that work.
    pub lithium_pct: f64,
    /// Active material of the negative electrode.
    pub negative_pct: f64,
    /// Active material of the positive electrode.
    pub positive_pct: f64,
    /// Capacity that went into the film.
    pub sei_pct: f64,
    /// Capacity that went into the film on cracks.
    pub crack_sei_pct: f64,
    /// Capacity that went into plated lithium, what can be stripped included.
    pub plating_pct: f64,
    /// Times that a current was halved because the cell could not follow it.
    pub halved: f64,
}

impl ParticleCell {
    /// A model of a set; the heat path is the pack's, whatever the options say.
    ///
    /// # Errors
    /// When the set lacks figures for one of the mechanisms.
    pub fn new(set: ParticleSet, options: Options) -> Result<Self, CellFault> {
        let model = CellModel::new(set, Options { heat: Heat::Isothermal, ..options })?;
        let balance = Balance::of_new(model.set());
        let new = model.at_rest(balance.at(0.5), 25.0);
        let lithium_ah = super::super::particle::balance::lithium_ah(&model, &new);
        let health = Health::of(&model, &new, lithium_ah);
        Ok(Self { lithium_ah, capacity_ah: health.capacity_ah, resistance_ohm: health.resistance_ohm, model })
    }

    /// The model.
    pub fn model(&self) -> &CellModel {
        &self.model
    }

    /// Capacity of a new cell between its voltage limits at rest [Ah].
    pub fn capacity_ah(&self) -> f64 {
        self.capacity_ah
    }

    /// Resistance of a new cell at once, at half charge and 25 °C [Ω].
    pub fn resistance_ohm(&self) -> f64 {
        self.resistance_ohm
    }

    /// What others see of the cell: ratings, limits and open-circuit voltage.
    ///
    /// # Errors
    /// Never for a set that makes sense.
    pub fn rated(&self) -> Result<Arc<circuit::CellModel>, super::super::formula::FormulaError> {
        let file = rated::chemistry(self.model.set(), self.resistance_ohm);
        Ok(Arc::new(circuit::CellModel::compile(file)?))
    }

    /// A new cell at rest.
    pub(in super::super) fn new_state(&self, soc: f64, temperature_c: f64) -> ParticleState {
        let balance = Balance::of_new(self.model.set());
        let cell = self.model.at_rest(balance.at(soc), temperature_c);
        let mut state = ParticleState { cell, empty_ah: 0.0, capacity_ah: self.capacity_ah, halved: 0 };
        self.balance(&mut state);
        state
    }

    /// Makes the balance anew.
    pub(in super::super) fn balance(&self, state: &mut ParticleState) {
        let balance = Balance::of_state(&self.model, &state.cell);
        let set = self.model.set();
        let held_ah = set.negative.capacity_ah(set.file.cell.area_m2, state.cell.particles[0].active);
        state.empty_ah = balance.x0 * held_ah;
        state.capacity_ah = balance.capacity_ah.max(1e-6 * self.capacity_ah);
    }

    /// What the cell lost as it is now.
    pub fn losses(&self, state: &ParticleState) -> Losses {
        let now = Health::of(&self.model, &state.cell, self.lithium_ah);
        let share = |ah: f64| 100.0 * ah / self.capacity_ah;
        Losses {
            lithium_pct: now.lithium_lost_pct,
            negative_pct: now.negative_lost_pct,
            positive_pct: now.positive_lost_pct,
            sei_pct: share(now.sei_ah),
            crack_sei_pct: share(now.crack_sei_ah),
            plating_pct: share(now.plating_ah),
            halved: f64::from(state.halved),
        }
    }

    /// Health of the cell as it is now, relative to new.
    pub(in super::super) fn health(&self, state: &ParticleState) -> life::Health {
        let now = Health::of(&self.model, &state.cell, self.lithium_ah);
        life::Health {
            capacity: now.capacity_ah / self.capacity_ah,
            resistance: now.resistance_ohm / self.resistance_ohm,
        }
    }

    /// Lithium in the negative particles [Ah].
    fn negative_ah(&self, cell: &State) -> f64 {
        let set = self.model.set();
        let volume = set.file.negative.thickness_m * set.file.cell.area_m2;
        FARADAY / HOUR_S * volume * cell.particles[0].lithium
    }

    pub(in super::super) fn soc(&self, state: &ParticleState) -> f64 {
        (self.negative_ah(&state.cell) - state.empty_ah) / state.capacity_ah
    }

    /// Brings the health of a pack up to date; what the new balance moved of the stored charge is booked as faded.
    pub(in super::super) fn refresh(&self, state: &mut PackState, model: &PackModel) {
        let Some(mut particles) = state.particles.take() else { return };
        let scale = f64::from(model.mean.capacity);
        let before_ah = self.soc(&particles) * particles.capacity_ah;
        self.balance(&mut particles);
        let soc = self.soc(&particles);
        let lost_ah = scale * (before_ah - soc * particles.capacity_ah);
        state.ledger.faded_ah += lost_ah;
        state.ledger.faded_wh += lost_ah * model.cell.ocv_v(soc.clamp(0.0, 1.0));
        state.soc = soc;
        let left = particles.capacity_ah / self.capacity_ah;
        state.health = life::Health { capacity: scale * left, ..self.health_of(&particles, model) };
        state.weakest_capacity = self.weakest(left, model);
        state.weakest_resistance = 1.0;
        state.particles = Some(particles);
    }

    /// Capacity of the weakest cell and resistance of the mean one, relative to new, as the cell is now.
    pub(in super::super) fn health_of(&self, state: &ParticleState, model: &PackModel) -> life::Health {
        let mean = self.health(state);
        life::Health { capacity: self.weakest(mean.capacity, model), ..mean }
    }

    /// Capacity of the weakest group relative to new, where the mean cell has so much `left`.
    fn weakest(&self, left: f64, model: &PackModel) -> f64 {
        let mean = f64::from(model.mean.capacity) * left;
        let of = |group: &super::super::pack::Group| {
            let ageing = f64::from(group.ageing) / f64::from(model.mean.ageing);
            f64::from(group.capacity) * (1.0 - ageing * (1.0 - left))
        };
        model.groups.iter().map(of).fold(mean, f64::min)
    }
}

fn is_finite(state: &State) -> bool {
    let [n, p] = &state.particles;
    n.lithium.is_finite()
        && p.lithium.is_finite()
        && n.surface().is_finite()
        && p.surface().is_finite()
        && state.films.sei[0].is_finite()
        && state.films.crack_m.is_finite()
}

/// What the cell is under.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Load {
    Current(f64),
    /// Power at the terminals, and what ripple adds to it inside.
    Power(f64),
    Voltage(f64),
}

impl Load {
    fn drive(self) -> Drive {
        match self {
            Self::Current(now_a) => Drive::Current { now_a, slope_a_per_s: 0.0 },
            Self::Power(power_w) => Drive::Power(power_w),
            Self::Voltage(voltage_v) => Drive::Voltage(voltage_v),
        }
    }
}

/// Which way a duty goes, to where, and what becomes of it there.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// 1 discharges, −1 charges.
    sign: f64,
    /// Voltage at which it is held.
    limit_v: f64,
    /// State of charge of the mean cell at which it ends.
    end: Option<(f64, Ended)>,
    /// Current at the limit at which it ends, and what that means; never for what is held at a voltage.
    least_a: Option<(f64, Ended)>,
    /// Highest current, and power where that is asked for.
    most_a: f64,
    power_w: Option<f64>,
}

struct Passing<'a> {
    cell: &'a ParticleCell,
    model: &'a PackModel,
    state: &'a mut PackState,
    run: Run<'a, CellModel>,
    /// Of one cell of the set's own size.
    duty: Duty,
    /// Size of the pack's mean cell relative to the set's.
    scale: f64,
    load: Option<Load>,
    held: bool,
    eased: f64,
    heat_w: f64,
}

/// Carries the pack on: see [`super::pass`].
pub(super) fn pass(
    cell: &ParticleCell,
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
    let Some(particles) = state.particles.as_deref_mut() else { return Passage { ended: None } };
    // Time and charge count from the beginning of the passage.
    particles.cell.clock = Clock::new(state.temperatures.cell_c + ZERO_C);
    let Ok(run) = Run::new(&cell.model, particles.cell, state.temperatures.cell_c) else {
        // A state of which nothing can be said stays what it is.
        particles.halved += 1;
        return Passage { ended: None };
    };
    let scale = f64::from(model.mean.capacity);
    let mut passing = Passing {
        cell,
        model,
        state,
        run,
        duty: shrunk(of_one_cell(duty, model), scale),
        scale,
        load: None,
        held: false,
        eased: 1.0,
        heat_w: 0.0,
    };
    let (mut elapsed_s, mut ended) = (0.0, None);
    while span_s - elapsed_s > 1e-6 {
        let air_c = |after_s: f64| ambient.at(from.plus_seconds(elapsed_s + after_s));
        match passing.piece(span_s - elapsed_s, air_c) {
            Ok((step, last)) => {
                let step = Step { from_s: elapsed_s, ..step };
                elapsed_s += step.dt_s;
                if step.dt_s > 0.0 {
                    watch(&step, passing.state);
                }
                if let Some(why) = last {
                    ended = Some((why, elapsed_s));
                    break;
                }
            }
            Err(why) => {
                ended = Some((why, elapsed_s));
                break;
            }
        }
        if passing.state.since_refresh_s >= DAY_S {
            passing.state.refresh_health(model);
        }
    }
    if let (Some((Ended::Charged, _)), Duty::Charge { .. }) = (ended, duty) {
        passing.state.ledger.charges += 1.0;
    }
    Passage { ended }
}

/// A duty of a cell that is smaller by a factor.
fn shrunk(duty: Duty, by: f64) -> Duty {
    match duty {
        Duty::Rest => Duty::Rest,
        Duty::Current { current_a, until_soc } => Duty::Current { current_a: current_a / by, until_soc },
        Duty::Power { power_w, ripple } => Duty::Power { power_w: power_w / by, ripple },
        Duty::Charge { power_max_w, current_max_a, target_soc } => {
            Duty::Charge { power_max_w: power_max_w / by, current_max_a: current_max_a / by, target_soc }
        }
        Duty::Hold { voltage_v, current_max_a } => {
            Duty::Hold { voltage_v, current_max_a: current_max_a / by }
        }
    }
}

impl Passing<'_> {
    /// Takes one piece: what it came to, and why it was the duty's last if it was.
    fn piece(&mut self, left_s: f64, air_c: impl Fn(f64) -> f64) -> Result<(Step, Option<Ended>), Ended> {
        let way = self.way()?;
        let ripple = self.duty.ripple();
        let mut added_w = 0.0;
        let mut ends = Vec::new();
        let mut whys = Vec::new();
        if let Some(way) = &way {
            added_w = self.put_on(way, ripple)?;
            if self.held {
                if let Some((least_a, why)) = way.least_a {
                    if way.sign * self.run.seen.current_a <= least_a {
                        return Err(why);
                    }
                    ends.push(End::CurrentBelow(least_a));
                    whys.push(Some(why));
                }
            } else {
                ends.push(if way.sign > 0.0 {
                    End::VoltageBelow(way.limit_v)
                } else {
                    End::VoltageAbove(way.limit_v)
                });
                whys.push(None);
            }
            if let Some((end, why)) = way.end {
                let capacity_c = HOUR_S * self.particles().capacity_ah;
                let to_go_c = way.sign * (self.cell.soc(self.particles()) - end) * capacity_c;
                // What a hundredth of a second would do is not worth a piece.
                if to_go_c <= 0.01 * self.run.seen.current_a.abs().max(1e-6 * capacity_c) {
                    return Err(why);
                }
                let now_c = self.run.clock().discharged_c;
                ends.push(if way.sign > 0.0 {
                    End::DischargedAbove(now_c + to_go_c)
                } else {
                    End::DischargedBelow(now_c - to_go_c)
                });
                whys.push(Some(why));
            }
        } else {
            // At rest.
            self.begin(Load::Current(0.0))?;
            self.held = false;
        }

        let rests = matches!(self.load, Some(Load::Current(0.0)));
        let dt_s = self.length_s(rests).min(left_s);
        self.warm(dt_s, air_c(0.5 * dt_s));
        let begun_s = self.run.clock().t_s;
        let before = self.run.state;
        let (mut energy_j, mut heat_j, mut reversible_j) = (0.0, 0.0, 0.0);
        let discharged_c = self.run.clock().discharged_c;
        let throughput_c = self.run.clock().throughput_c;
        let (mut last, mut last_s) = (self.run.seen, begun_s);
        let kelvin = self.run.clock().temperature_k;
        let reversible_w =
            |seen: &Seen| seen.current_a * kelvin * (seen.answer.entropy[0] - seen.answer.entropy[1]);
        let gone = self.run.go(begun_s + dt_s, &ends, |state, seen| {
            let half_s = 0.5 * (state.clock.t_s - last_s);
            energy_j += half_s * (last.current_a * last.voltage_v + seen.current_a * seen.voltage_v);
            heat_j += half_s * (last.heat_w + seen.heat_w);
            reversible_j += half_s * (reversible_w(&last) + reversible_w(seen));
            (last, last_s) = (*seen, state.clock.t_s);
        });
        let gone = if is_finite(&self.run.state) {
            gone
        } else {
            // A step that came to no number is none.
            self.run.state = before;
            (energy_j, heat_j, reversible_j) = (0.0, 0.0, 0.0);
            Err(CellFault::NoConvergence { t_s: begun_s })
        };
        let took_s = self.run.clock().t_s - begun_s;
        let mut why = None;
        let mut is_eased = false;
        match gone {
            Ok(None) => {}
            Ok(Some(drive::Ended::At(k))) => {
                why = whys[k];
                // At the limit it goes on at the limit's voltage.
                self.held |= why.is_none();
            }
            Ok(Some(drive::Ended::Powerless)) => self.held = true,
            Ok(Some(drive::Ended::Depleted | drive::Ended::Dry)) | Err(_) => is_eased = true,
        }
        let particles = self.state.particles.as_deref_mut().expect("looked for when the passage began");
        if is_eased {
            particles.halved += 1;
            self.eased *= 0.5;
            (self.load, self.held) = (None, false);
            if rests {
                // Nothing can be eased: the cell stays as it is until the end of the piece.
                let step = Step::steady((0.0, dt_s), 0.0, 0.0);
                self.cool(dt_s, 0.0, air_c(0.5 * dt_s));
                return Ok((step, None));
            }
            if self.eased < EASED_MIN {
                why = Some(way.map_or(Ended::Reached, |way| {
                    if way.sign > 0.0 { Ended::Empty } else { Ended::Reached }
                }));
            }
        } else {
            self.eased = (1.2 * self.eased).min(1.0);
        }

        // Books, in the pack's own cell.
        let before_ah = self.cell.negative_ah(&particles.cell);
        particles.cell = self.run.state;
        let clock = self.run.clock();
        let (out_ah, through_ah) =
            ((clock.discharged_c - discharged_c) / HOUR_S, (clock.throughput_c - throughput_c) / HOUR_S);
        let side_ah = before_ah - self.cell.negative_ah(&particles.cell) - out_ah;
        let soc = self.cell.soc(particles);
        let (scale, hours) = (self.scale, took_s / HOUR_S);
        let terminal_wh = scale * energy_j / HOUR_S - scale * added_w * hours;
        let heat_wh = scale * heat_j / HOUR_S + scale * added_w * hours;
        let reversible_wh = scale * reversible_j / HOUR_S;
        let seen = self.run.seen;
        let state = &mut *self.state;
        let ledger = &mut state.ledger;
        ledger.discharged_ah += scale * 0.5 * (through_ah + out_ah);
        ledger.charged_ah += scale * 0.5 * (through_ah - out_ah);
        if terminal_wh > 0.0 {
            ledger.energy_out_wh += terminal_wh;
        } else {
            ledger.energy_in_wh -= terminal_wh;
        }
        ledger.leaked_ah += scale * side_ah;
        ledger.losses_wh += heat_wh - reversible_wh;
        ledger.reversible_heat_wh += reversible_wh;
        if let (Some(asked_w), Some(way)) = (way.and_then(|way| way.power_w), way)
            && way.sign > 0.0
            && matches!(self.duty, Duty::Power { .. })
        {
            let missing_wh = scale * asked_w * hours - terminal_wh;
            if missing_wh > 1e-3 * scale * asked_w * hours {
                ledger.unserved_wh += missing_wh;
            }
        }
        state.efc += 0.5 * scale * through_ah / self.cell.model.set().file.cell.capacity_ah;
        state.soc = soc;
        (state.current_a, state.voltage_v) = (scale * seen.current_a, seen.voltage_v);
        if took_s > 0.0 {
            self.heat_w = heat_wh / hours;
            self.cool(took_s, self.heat_w, air_c(0.5 * took_s));
        }
        let power_w = if hours > 0.0 { terminal_wh / hours } else { 0.0 };
        let current_a = if hours > 0.0 { scale * out_ah / hours } else { 0.0 };
        Ok((Step::steady((0.0, took_s), power_w, current_a), why))
    }

    fn particles(&self) -> &ParticleState {
        self.state.particles.as_deref().expect("looked for when the passage began")
    }

    /// Which way the duty goes; nothing at rest.
    fn way(&self) -> Result<Option<Way>, Ended> {
        let file = &self.model.cell.file;
        let (limits, rated_ah) = (&file.limits, file.cell.capacity_ah);
        let cutoff_a = limits.charge_cutoff_c_rate * rated_ah;
        let (sign, wanted_a, power_w, end) = match self.duty {
            Duty::Rest => return Ok(None),
            Duty::Current { current_a, until_soc } => {
                (current_a, current_a.abs(), None, Some((until_soc, Ended::Reached)))
            }
            Duty::Power { power_w, .. } => (power_w, f64::INFINITY, Some(power_w.abs()), None),
            Duty::Charge { power_max_w, current_max_a, target_soc } => {
                (-1.0, current_max_a, Some(power_max_w), Some((target_soc, Ended::Charged)))
            }
            Duty::Hold { current_max_a, .. } => (-1.0, current_max_a, None, None),
        };
        if sign == 0.0 {
            return Ok(None);
        }
        let discharges = sign > 0.0;
        let (range_c, rate, limit_v) = if discharges {
            (limits.discharge_temperature_c, limits.discharge_c_rate_max, limits.voltage_min_v)
        } else {
            (limits.charge_temperature_c, limits.charge_c_rate_max, limits.voltage_max_v)
        };
        let share = derating(self.state.temperatures.cell_c, range_c, limits.derating_k);
        if share == 0.0 {
            return Err(Ended::TooHotOrCold);
        }
        let (limit_v, least_a) = match self.duty {
            Duty::Hold { voltage_v, .. } => (voltage_v.min(limit_v), None),
            Duty::Charge { .. } => (limit_v, Some((cutoff_a, Ended::Charged))),
            _ if discharges => {
                // As a circuit: a twentieth of what is wanted, at most a hundredth of the rating an hour.
                let volts = file.cell.voltage_nominal_v;
                let about_a = power_w.map_or(wanted_a, |power_w| power_w / volts);
                (limit_v, Some(((0.05 * about_a).min(0.01 * rated_ah), Ended::Empty)))
            }
            _ => (limit_v, Some((cutoff_a, Ended::Reached))),
        };
        // Full is where the voltage limit says so, and empty too unless a weaker cell is empty before.
        let end = end.filter(|(soc, _)| discharges || *soc < 1.0).or_else(|| {
            (discharges && !matches!(self.duty, Duty::Hold { .. })).then_some((0.0, Ended::Empty))
        });
        let end = end.map(|(soc, why)| (self.state.mean_soc_at(soc), why));
        let most_a = self.eased * wanted_a.min(share * rate * rated_ah / self.scale);
        Ok(Some(Way { sign: sign.signum(), limit_v, end, least_a, most_a, power_w }))
    }

    /// Puts the load of a way on, if it is not on already; gives the power that ripple adds inside [W].
    fn put_on(&mut self, way: &Way, ripple: f64) -> Result<f64, Ended> {
        let seen = self.run.seen;
        // A limit that was reached goes on to hold, unless less is allowed or asked for now.
        let most_a = way.power_w.map_or(way.most_a, |w| way.most_a.min(w / seen.voltage_v.max(0.1)));
        if self.held
            && way.sign * seen.current_a > 1.001 * most_a
            && self.load == Some(Load::Voltage(way.limit_v))
        {
            self.held = false;
        }
        if self.held {
            self.begin(Load::Voltage(way.limit_v))?;
            if way.sign * self.run.seen.current_a < 0.0 && way.least_a.is_none() {
                // Above the voltage that it is held at: it rests until it has fallen.
                self.begin(Load::Current(0.0))?;
                self.held = false;
            }
            return Ok(0.0);
        }
        let mut added_w = 0.0;
        let load = match way.power_w {
            Some(power_w) if power_w.is_finite() => {
                if ripple > 0.0 {
                    let ohm = -seen.answer.by_current / self.cell.model.set().file.cell.area_m2;
                    let current_a = power_w / seen.voltage_v.max(0.1);
                    added_w = ripple * ohm * current_a * current_a;
                }
                let inside_w = way.sign * power_w + added_w;
                if inside_w.abs() > way.most_a * seen.voltage_v {
                    added_w = 0.0;
                    Load::Current(way.sign * way.most_a)
                } else {
                    match self.load {
                        // As good as before.
                        Some(Load::Power(before_w)) if (before_w / inside_w - 1.0).abs() < 2e-3 => {
                            added_w = before_w - way.sign * power_w;
                            Load::Power(before_w)
                        }
                        _ => Load::Power(inside_w),
                    }
                }
            }
            _ => Load::Current(way.sign * way.most_a),
        };
        self.begin(load)?;
        Ok(added_w)
    }

    /// Puts a load on, if it is not on already.
    fn begin(&mut self, load: Load) -> Result<(), Ended> {
        if self.load == Some(load) {
            return Ok(());
        }
        match self.run.begin(load.drive()) {
            Ok(()) => self.load = Some(load),
            Err(CellFault::Infeasible { .. }) => {
                // More power than the cell has: what it has at its lowest voltage.
                self.held = true;
                let lowest = Load::Voltage(self.model.cell.file.limits.voltage_min_v);
                self.run.begin(lowest.drive()).map_err(|_| Ended::Empty)?;
                self.load = Some(lowest);
            }
            Err(_) => {
                if let Some(particles) = self.state.particles.as_deref_mut() {
                    particles.halved += 1;
                }
                return Err(if self.run.seen.current_a > 0.0 { Ended::Empty } else { Ended::Reached });
            }
        }
        Ok(())
    }

    /// How long a piece may be [s].
    fn length_s(&self, rests: bool) -> f64 {
        let longest_s = if rests { PIECE_S[1] } else { PIECE_S[0] };
        let seen = &self.run.seen;
        let heat_w = self.scale * seen.heat_w.abs();
        let case_w = (self.state.temperatures.cell_c - self.state.temperatures.case_c).abs()
            / self.model.thermal.cell_to_case_k_per_w;
        let rate = heat_w.max(case_w) / self.model.thermal.cell_j_per_k;
        (WARMED_K / rate.max(1e-12)).clamp(PIECE_MIN_S, longest_s)
    }

    /// Gives the cell the temperature that it will have in the middle of a piece.
    fn warm(&mut self, dt_s: f64, air_c: f64) {
        let heat_w = if self.run.seen.current_a == 0.0 { 0.0 } else { self.scale * self.run.seen.heat_w };
        let propagator = self.model.decays.over(dt_s).propagator;
        let mean_c = self.model.thermal.mean_cell_c(self.state.temperatures, heat_w, air_c, &propagator);
        self.run.state.clock.temperature_k = mean_c + ZERO_C;
        self.run.ambient_k = mean_c + ZERO_C;
    }

    /// Lets a piece's heat flow, and time pass.
    fn cool(&mut self, dt_s: f64, heat_w: f64, air_c: f64) {
        let propagator = self.model.decays.over(dt_s).propagator;
        let state = &mut *self.state;
        let (mean_c, end) =
            self.model.thermal.mean_and_step(state.temperatures, heat_w, Air::still(air_c), &propagator);
        state.temperatures = end;
        state.age_days += dt_s / DAY_S;
        state.since_refresh_s += dt_s;
        if mean_c > HOT_C {
            state.ledger.hot_h += dt_s / HOUR_S;
        }
    }
}
