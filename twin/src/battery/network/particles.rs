//! Cells of a network as particle models.
//!
//! A step of the network is one step of the particle model ([`CellModel::attempt`]) under a constant current: its
//! voltage at the end and that voltage's slope over the current are the tangent that the network asks for. Cells
//! differ as circuit cells do:
//!
//! ```text
//! V(I) = V_set(I/c) − I·R_set·(ρ − 1)/c      c capacity, ρ resistance, relative to the set's cell
//! ```
//!
//! and a rate of ageing *a* makes films, cracks and loss of active material grow by a times what the model says, step
//! by step, the lithium for it taken from the particles. Plating keeps the model's rate, for it answers to the
//! potential of the moment and not to the make.
//!
//! Where a step has no solution the cell keeps its last tangent and its state, and that is counted.

use super::scatter::Traits;
use super::{CellStep, NetworkCell, Response};
use crate::battery::fidelity::particle::{Losses, ParticleCell, ParticleState};
use crate::battery::life::Health;
use crate::battery::particle::cell::{CellFault, CellModel, Drive, Guess, Kind, Seen, State, Trial, Work};
use crate::battery::particle::set::ZERO_C;
use crate::time::DAY_S;
use std::sync::Arc;

/// Shares of a step that are tried one after the other where it has no solution at once.
const PIECES: [&[f64]; 2] = [&[1.0 / 16.0, 15.0 / 16.0], &[1.0 / 64.0, 3.0 / 64.0, 12.0 / 64.0, 48.0 / 64.0]];

/// A cell of a network as a particle model.
#[derive(Debug, Clone)]
pub struct NetworkParticle {
    make: Arc<ParticleCell>,
    traits: Traits,
    state: ParticleState,
    health: Health,
    guess: Guess,
    work: Work,
    dt_s: f64,
    /// Current of the set's cell that a step was tried with last.
    tried: Option<f64>,
    /// That step; its place is kept for the next one.
    trial: Option<Box<Trial<State>>>,
    /// The last tangent: what answers where a step has no solution [V], [Ω].
    line: (f64, f64),
    since_refresh_s: f64,
    age_s: f64,
    throughput_ah: f64,
    unsolved: u32,
}

impl NetworkParticle {
    /// A new cell at rest.
    pub fn new(make: Arc<ParticleCell>, traits: Traits, soc: f64, temperature_c: f64) -> Self {
        let state = make.new_state(soc, temperature_c);
        let open_v = make.model().seen(&state.cell, steady(0.0), 0.0).map_or(0.0, |seen| seen.voltage_v);
        Self {
            health: make.health(&state),
            line: (open_v, make.resistance_ohm() * traits.resistance / traits.capacity),
            make,
            traits,
            state,
            guess: Guess::default(),
            work: Work::default(),
            dt_s: 0.0,
            tried: None,
            trial: None,
            since_refresh_s: 0.0,
            age_s: 0.0,
            throughput_ah: 0.0,
            unsolved: 0,
        }
    }

    /// What makes it different.
    pub fn traits(&self) -> &Traits {
        &self.traits
    }

    /// The make.
    pub fn make(&self) -> &Arc<ParticleCell> {
        &self.make
    }

    /// The set's cell in its state.
    pub fn state(&self) -> &State {
        &self.state.cell
    }

    /// What it lost.
    pub fn losses(&self) -> Losses {
        self.make.losses(&self.state)
    }

    /// Full equivalent cycles in rated capacity.
    pub fn efc(&self) -> f64 {
        0.5 * self.throughput_ah / self.make.model().set().file.cell.capacity_ah
    }

    /// Age [d].
    pub fn age_days(&self) -> f64 {
        self.age_s / DAY_S
    }

    /// Health as it is now, relative to a new cell of the set.
    pub fn observed_health(&self) -> Health {
        self.scattered(self.make.health(&self.state))
    }

    /// Steps that had no solution.
    pub fn unsolved(&self) -> u32 {
        self.unsolved
    }

    fn scattered(&self, of_set: Health) -> Health {
        Health {
            capacity: of_set.capacity * self.traits.capacity,
            resistance: (of_set.resistance + self.traits.resistance - 1.0) / self.traits.capacity,
        }
    }

    /// Resistance beyond the set's cell's [Ω].
    fn added_ohm(&self) -> f64 {
        self.make.resistance_ohm() * (self.traits.resistance - 1.0) / self.traits.capacity
    }

    /// The step under a current of the set's cell. One that has no solution at once is taken in pieces, short ones first,
    /// as it is the jump of the load at its beginning that is hard; means are then those of the last and longest piece.
    fn try_step(&mut self, current_a: f64) -> Result<Trial<State>, CellFault> {
        let kelvin = self.state.cell.clock.temperature_k;
        let model = self.make.model();
        let (drive, guess) = (steady(current_a), &self.guess);
        let mut tried = model.attempt(&self.state.cell, drive, self.dt_s, kelvin, guess, &mut self.work);
        for pieces in PIECES {
            if tried.is_ok() {
                break;
            }
            let mut state = self.state.cell;
            for share in pieces {
                tried = model.attempt(&state, drive, share * self.dt_s, kelvin, guess, &mut self.work);
                match &tried {
                    Ok(piece) => state = piece.state,
                    Err(_) => break,
                }
            }
        }
        tried
    }

    /// What is seen at a third of the step that is taken, or means as much: [`CellModel::attempt`] leaves it out where
    /// nothing is found by iteration.
    fn third(&self, trial: &Trial<State>, current_a: f64) -> Seen {
        let options = &self.make.model().options;
        if options.kind == Kind::Spm && options.mechanisms.none() {
            // Weights of ¾ and ¼ turn this into the mean of beginning and end.
            let start = self.make.model().seen(&self.state.cell, steady(current_a), current_a);
            return start.map_or(trial.end, |start| Seen {
                voltage_v: (2.0 * start.voltage_v + trial.end.voltage_v) / 3.0,
                heat_w: (2.0 * start.heat_w + trial.end.heat_w) / 3.0,
                ..trial.end
            });
        }
        trial.third
    }
}

fn steady(now_a: f64) -> Drive {
    Drive::Current { now_a, slope_a_per_s: 0.0 }
}

/// Lets what grew in a step grow `times` as much, with the lithium for it from the particles it grew on.
fn scale_ageing(model: &CellModel, from: &State, to: &mut State, times: f64) {
    let more = times - 1.0;
    let before_mol = model.lithium_mol(to);
    for k in 0..to.films.sei.len() {
        to.films.sei[k] += more * (to.films.sei[k] - from.films.sei[k]);
        to.films.cracked_squared[k] += more * (to.films.cracked_squared[k] - from.films.cracked_squared[k]);
    }
    to.films.crack_m += more * (to.films.crack_m - from.films.crack_m);
    let area_m2 = model.set().file.cell.area_m2;
    for side in 0..2 {
        let lost = more * (to.films.lost[side] - from.films.lost[side]);
        let particle = &mut to.particles[side];
        particle.active += more * (particle.active - from.particles[side].active);
        to.films.lost[side] += lost;
        // What the positive electrode lost it pays itself; the rest is the negative one's.
        if side == 1 {
            particle.lithium -= lost;
        }
    }
    let owed_mol = model.lithium_mol(to) - before_mol;
    to.particles[0].lithium -= owed_mol / (model.kinetics.electrode(0).file.thickness_m * area_m2);
}

impl NetworkCell for NetworkParticle {
    /// The particle model's own equations are solved to a tenth of it.
    const EXACT_V: f64 = 1e-7;

    fn begin(&mut self, dt_s: f64, temperature_c: f64, _expected_a: f64) {
        self.dt_s = dt_s;
        self.state.cell.clock.temperature_k = temperature_c + ZERO_C;
        self.tried = None;
    }

    fn response(&mut self, current_a: f64) -> Response {
        let per_cell_a = current_a / self.traits.capacity;
        let tried = self.try_step(per_cell_a);
        self.tried = tried.ok().filter(|trial| trial.end.voltage_v.is_finite()).map(|trial| {
            let kelvin = self.state.cell.clock.temperature_k;
            let slope_ohm = trial.slope_ohm + self.make.model().salt_slope_ohm(&self.work, kelvin);
            let resistance_ohm = (-slope_ohm / self.traits.capacity + self.added_ohm()).max(1e-9);
            let voltage_v = trial.end.voltage_v - self.added_ohm() * current_a;
            self.line = (voltage_v + resistance_ohm * current_a, resistance_ohm);
            match &mut self.trial {
                Some(place) => **place = trial,
                None => self.trial = Some(Box::new(trial)),
            }
            per_cell_a
        });
        let (open_v, resistance_ohm) = self.line;
        Response { voltage_v: open_v - resistance_ohm * current_a, resistance_ohm }
    }

    fn advance(&mut self, current_a: f64) -> CellStep {
        self.age_s += self.dt_s;
        self.since_refresh_s += self.dt_s;
        let (Some(at_a), Some(trial)) = (self.tried.take(), &self.trial) else {
            self.unsolved += 1;
            let (open_v, resistance_ohm) = self.line;
            let voltage_mean_v = open_v - resistance_ohm * current_a;
            return CellStep { voltage_mean_v, heat_w: 0.0, irreversible_w: 0.0 };
        };
        debug_assert!(
            (at_a * self.traits.capacity - current_a).abs() < 1e-9,
            "the step tried is the one taken"
        );
        let third = self.third(trial, at_a);
        let mean = |of: fn(&Seen) -> f64| 0.75 * of(&third) + 0.25 * of(&trial.end);
        let kelvin = self.state.cell.clock.temperature_k;
        let [n, p] = trial.end.answer.entropy;
        let (scale, ohmic_w) = (self.traits.capacity, self.added_ohm() * current_a * current_a);
        let heat_w = scale * mean(|seen| seen.heat_w) + ohmic_w;
        let irreversible_w = heat_w - current_a * kelvin * (n - p);
        let voltage_mean_v = mean(|seen| seen.voltage_v) - self.added_ohm() * current_a;
        let before = std::mem::replace(&mut self.state.cell, trial.state);
        if self.traits.ageing != 1.0 && !self.make.model().options.mechanisms.none() {
            scale_ageing(self.make.model(), &before, &mut self.state.cell, self.traits.ageing);
        }
        self.throughput_ah += at_a.abs() * self.dt_s / 3600.0;
        self.guess = Guess {
            current_a: [at_a; 2],
            side_flux: [trial.end.side_flux; 2],
            heat_w: [trial.end.heat_w; 2],
        };
        if self.since_refresh_s >= DAY_S {
            self.since_refresh_s = 0.0;
            self.make.balance(&mut self.state);
            self.health = self.make.health(&self.state);
        }
        CellStep { voltage_mean_v, heat_w, irreversible_w }
    }

    fn soc(&self) -> f64 {
        self.make.soc(&self.state)
    }

    fn capacity_ah(&self) -> f64 {
        self.state.capacity_ah * self.traits.capacity
    }

    fn health(&self) -> Health {
        self.scattered(self.health)
    }
}
