//! One step of time of the single particle models.
//!
//! A step is a collocation at a third and at the end of it (the nodes of Radau IIA, order 3). Between them fluxes
//! are linear in time, and what is linear in the state is integrated exactly: modes of the particles as
//! exponentials, cooling and plated lithium as a small linear system, which keeps stiff stripping stable. What is
//! not linear (potentials, heat, side reactions) is found by iteration over scalars only; the state of the
//! particles enters through its response to flux, worked out once per step. Lithium is counted with the same
//! weights wherever it goes, so that its balance closes to rounding at any step length.
//!
//! Source: Hairer and Wanner, *Solving Ordinary Differential Equations II* (1996), ch. IV.5 (Radau IIA).

use super::cell::{CellFault, CellModel, Heat, Kind};
use super::growth::{Rates, implicit};
use super::kinetics::{Answer, Instant, Warmth};
use super::salt::{Factors, SaltStep};
use super::set::{FARADAY, ParticleSet};
use super::sphere::Passage;
use super::state::{Drive, Guess, Seen, State, Trial};

/// Weights of Radau IIA: rows are the nodes.
pub(super) const RADAU: [[f64; 2]; 2] = [[5.0 / 12.0, -1.0 / 12.0], [0.75, 0.25]];
/// Most rounds of iteration in a step.
const ROUNDS: usize = 25;
/// Voltages agree when they differ by less.
pub(super) const VOLTAGE_EXACT_V: f64 = 1e-8;
/// What the last round still changes is taken to first order; when it is below this, the rest is nothing.
const SHIFT_V: f64 = 2e-6;
/// Growth of a film within a step, relative to it, that may be taken to first order.
const FILM_EXACT: f64 = 5e-5;
/// Temperatures agree when they differ by less; a kelvin is about a millivolt.
const TEMPERATURE_EXACT_K: f64 = 2e-5;

/// Working memory of steps: exponentials and factors that the next step may use again.
#[derive(Debug, Clone)]
pub struct Work {
    key: [f64; 2],
    passages: [Passage; 2],
    warmth: Option<Warmth>,
    factors: Factors,
    /// The last solution for the salt and its step [s], for the next one from the same beginning.
    solved: Option<(f64, SaltStep)>,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            key: [f64::NAN; 2],
            passages: [Passage::default(); 2],
            warmth: None,
            factors: Factors::default(),
            solved: None,
        }
    }
}

impl Work {
    /// Temperature's factors, kept while it stays.
    fn warmth(&mut self, set: &ParticleSet, temperature_k: f64) -> Warmth {
        match self.warmth {
            Some(warmth) if warmth.temperature_k == temperature_k => warmth,
            _ => *self.warmth.insert(Warmth::at(set, temperature_k)),
        }
    }
}

impl CellModel {
    /// Goes one fixed step under a constant current, for networks of cells; gives what is seen at its end and how the
    /// voltage there changes with the current [Ω], negative.
    ///
    /// # Errors
    /// When the equations are not solved.
    pub fn step(
        &self,
        state: &mut State,
        current_a: f64,
        dt_s: f64,
        ambient_k: f64,
        past: &mut Guess,
        work: &mut Work,
    ) -> Result<(Seen, f64), CellFault> {
        let drive = Drive::Current { now_a: current_a, slope_a_per_s: 0.0 };
        let trial = self.attempt(state, drive, dt_s, ambient_k, past, work)?;
        *past = Guess {
            current_a: [current_a; 2],
            side_flux: [trial.end.side_flux; 2],
            heat_w: [trial.end.heat_w; 2],
        };
        *state = trial.state;
        Ok((trial.end, trial.slope_ohm))
    }

    /// How the voltage at the end of the step that was tried last follows its constant current by way of the salt [Ω],
    /// negative: what [`Trial::slope_ohm`] leaves out, which only networks of cells need.
    pub fn salt_slope_ohm(&self, work: &Work, kelvin: f64) -> f64 {
        let Some((_, step)) = work.solved.filter(|_| self.is_salt_followed()) else { return 0.0 };
        let [_, end] = self.electrolyte.leverage(&step, &work.factors);
        let warmth = Warmth::at(self.set(), kelvin);
        self.kinetics.chi * warmth.thermal_v * (end[0] + end[1]) / self.set().file.cell.area_m2
    }

    /// Voltage at no current and resistance of the line that the voltage at the end of a step follows with its
    /// constant current, near this current [V], [Ω]. Changes nothing.
    ///
    /// # Errors
    /// When the equations are not solved.
    pub fn line(
        &self,
        state: &State,
        near_a: f64,
        dt_s: f64,
        ambient_k: f64,
        past: &Guess,
        work: &mut Work,
    ) -> Result<(f64, f64), CellFault> {
        let drive = Drive::Current { now_a: near_a, slope_a_per_s: 0.0 };
        let trial = self.attempt(state, drive, dt_s, ambient_k, past, work)?;
        Ok((trial.end.voltage_v - trial.slope_ohm * near_a, -trial.slope_ohm))
    }

    /// Tries a step. The air's temperature is `ambient_k`.
    ///
    /// # Errors
    /// When the power cannot be had or the equations are not solved; a shorter step may help the latter.
    #[expect(clippy::too_many_lines, reason = "one system of equations; cut up, its unknowns would travel")]
    pub fn attempt(
        &self,
        state: &State,
        drive: Drive,
        dt_s: f64,
        ambient_k: f64,
        guess: &Guess,
        work: &mut Work,
    ) -> Result<Trial<State>, CellFault> {
        let kinetics = &self.kinetics;
        let set = self.set();
        let area = set.file.cell.area_m2;
        let mechanisms = self.options.mechanisms;
        let is_warming = self.options.heat == Heat::Lumped;
        let ages = !mechanisms.none();
        let knows_current = matches!(drive, Drive::Current { .. });
        let is_direct = knows_current && !is_warming && !ages;
        let is_film_alone = mechanisms.plating.is_none() && !mechanisms.cracks && !mechanisms.loss;
        let [n, p] = &state.particles;
        let start_active = [n.active, p.active];
        let (means, start_film) = ([n.mean(), p.mean()], &state.films);

        // Temperature halfway, for what is held over the step.
        let cooling = set.cooling_w_per_k / set.heat_capacity_j_per_k;
        let drift = |heat_w: f64| {
            heat_w / set.heat_capacity_j_per_k - cooling * (state.clock.temperature_k - ambient_k)
        };
        let middle_k = if is_warming {
            state.clock.temperature_k + 0.5 * dt_s * drift(guess.heat_w[0])
        } else {
            state.clock.temperature_k
        };
        let middle = work.warmth(set, middle_k);
        // Under stress diffusivity grows with concentration. It is taken between mean and surface halfway through the
        // step, where it gives the steady difference of the two to second order in θ(c̄ − c).
        let middle_a_per_m2 = match drive {
            Drive::Current { now_a, slope_a_per_s } => (now_a + 0.5 * slope_a_per_s * dt_s) / area,
            _ => 0.5 * (guess.current_a[0] + guess.current_a[1]) / area,
        };
        let per_current = kinetics.flux_per_current(start_active);
        let lengths = [0, 1].map(|side| {
            let radius = kinetics.electrode(side).file.radius_m;
            let theta = kinetics.stress_diffusion(side, &middle);
            let more = if theta > 0.0 {
                let particle = &state.particles[side];
                let fall = 1.5 * dt_s * middle_a_per_m2 * per_current[side] / (FARADAY * radius);
                let bend: f64 = particle.modes.iter().sum();
                theta * (particle.mean() - fall + 0.5 * bend).max(0.0)
            } else {
                0.0
            };
            middle.diffusivity[side] * (1.0 + more) * dt_s / (radius * radius)
        });
        if work.key != lengths {
            work.passages = [self.sphere.passage(lengths[0], dt_s), self.sphere.passage(lengths[1], dt_s)];
            work.key = lengths;
        }
        let decayed = [work.passages[0].decayed(&n.modes), work.passages[1].decayed(&p.modes)];
        let per_flux = [0, 1].map(|side| 3.0 / (FARADAY * kinetics.electrode(side).file.radius_m));

        let mut current = match drive {
            Drive::Current { now_a, slope_a_per_s } => {
                [(now_a + slope_a_per_s * dt_s / 3.0) / area, (now_a + slope_a_per_s * dt_s) / area]
            }
            _ => [guess.current_a[0] / area, guess.current_a[1] / area],
        };
        // Pores stay as they are for the step; what grew in it is taken from them at its end.
        let pores = self.pores(start_film);
        let mut followed = self.is_salt_followed().then(|| {
            let known = work.solved.filter(|(known_s, step)| *known_s == dt_s && step.from == state.salt);
            let begun = SaltStep { from: state.salt, nodes: [state.salt; 2] };
            (known.map_or(begun, |(_, step)| step), self.still)
        });
        // Current that the salt was solved with, and how the voltage at a node follows the current at either by it.
        let mut salt_current = [f64::NAN; 2];
        let mut salt_slope = [[0.0; 2]; 2];
        if self.is_salt_followed() {
            let warm = middle.salt_diffusivity;
            self.electrolyte.factorise_within(&state.salt, &pores, warm, dt_s, &mut work.factors);
        }

        let mut side = guess.side_flux;
        if !ages {
            side = [0.0; 2];
        }
        let mut active = [start_active; 2];
        let mut kelvin = [state.clock.temperature_k; 2];
        if is_warming {
            kelvin =
                implicit(state.clock.temperature_k, [cooling; 2], source(guess.heat_w, set, ambient_k), dt_s);
        }
        let mut films = [*start_film; 2];
        let mut mean_at = [[0.0; 2]; 2];
        let mut answers = [Answer::default(); 2];
        let mut instants =
            [Instant { current_a_per_m2: 0.0, surface: [0.0; 2], active: start_active, film_m: 0.0 }; 2];
        let mut warmths = [middle; 2];
        let mut is_solved = false;
        for round in 0..ROUNDS {
            // Fluxes, and what they leave in the particles.
            let moved = (current[0] - salt_current[0]).abs().max((current[1] - salt_current[1]).abs());
            let is_moved = round == 0 || moved * answers[1].by_current.abs() > SHIFT_V;
            if let Some((salt_step, salt)) = followed.as_mut().filter(|_| is_moved) {
                if !self.electrolyte.solve(salt_step, middle.salt_diffusivity, current, &mut work.factors) {
                    work.solved = None;
                    return Err(CellFault::NoConvergence { t_s: state.clock.t_s });
                }
                *salt = [0, 1].map(|node| self.overview(&salt_step.nodes[node], &pores));
                salt_current = current;
                if round == 0 && !knows_current {
                    let logs = self.electrolyte.leverage(salt_step, &work.factors);
                    salt_slope = logs.map(|row| row.map(|log| kinetics.chi * middle.thermal_v * log));
                }
            }
            let salt = followed.as_ref().map_or(&self.still, |(_, salt)| salt);
            let mut fluxes = [[0.0; 2]; 2];
            for node in 0..2 {
                let per_current = kinetics.flux_per_current(active[node]);
                fluxes[0][node] = current[node] * per_current[0] - side[node];
                fluxes[1][node] = current[node] * per_current[1];
            }
            for electrode in 0..2 {
                let flux = [0, 1].map(|node| per_flux[electrode] * fluxes[electrode][node]);
                let start = if electrode == 0 { n } else { p };
                for node in 0..2 {
                    let mean = if mechanisms.loss {
                        let fall = dt_s
                            * (RADAU[node][0] * active[0][electrode] * flux[0]
                                + RADAU[node][1] * active[1][electrode] * flux[1]);
                        let lost = films[node].lost[electrode] - start_film.lost[electrode];
                        (start.lithium - fall - lost) / active[node][electrode]
                    } else {
                        means[electrode] - dt_s * (RADAU[node][0] * flux[0] + RADAU[node][1] * flux[1])
                    };
                    mean_at[electrode][node] = mean;
                    let response = work.passages[electrode].response[node];
                    instants[node].surface[electrode] =
                        mean + decayed[electrode][node] - response[0] * flux[0] - response[1] * flux[1];
                }
            }
            // What follows at the nodes.
            let mut rates = [Rates::default(); 2];
            for node in 0..2 {
                // Where nothing is found by iteration, a third of the step need not be looked at.
                if node == 0 && is_direct && self.options.kind == Kind::Spm {
                    continue;
                }
                instants[node].current_a_per_m2 = current[node];
                instants[node].active = active[node];
                if ages {
                    instants[node].film_m =
                        self.film_m(self.average(&salt[node], &films[node].sei), active[node][0]);
                }
                if is_warming {
                    warmths[node] = Warmth::at(set, kelvin[node]);
                }
                answers[node] = kinetics.answer(&instants[node], &warmths[node], &salt[node]);
                if ages {
                    rates[node] = self.rates(
                        &instants[node],
                        &answers[node],
                        &warmths[node],
                        &salt[node],
                        &films[node],
                    );
                }
            }
            // Newton's correction of the current at both nodes.
            let mut change_v = 0.0f64;
            if !knows_current {
                let mut slope = salt_slope;
                for node in 0..2 {
                    let per_current = kinetics.flux_per_current(active[node]);
                    slope[node][node] += answers[node].by_current;
                    for electrode in 0..2 {
                        let lever = answers[node].by_surface[electrode]
                            * per_flux[electrode]
                            * per_current[electrode];
                        let response = &work.passages[electrode].response[node];
                        for other in 0..2 {
                            slope[node][other] -= lever * (response[other] + dt_s * RADAU[node][other]);
                        }
                    }
                }
                let (change, over_v) = corrections(drive, current, &answers, &slope, area)?;
                for node in 0..2 {
                    current[node] += change[node];
                    answers[node].voltage_v += slope[node][0] * change[0] + slope[node][1] * change[1];
                }
                change_v = over_v;
            }
            if ages {
                let before = side;
                self.grow(state, &rates, &instants, &mean_at, salt, dt_s, &mut films, &mut active, &mut side);
                // What the side reactions take besides moves the surface, and with it the voltage.
                let taken = [0, 1].map(|node| per_flux[0] * (side[node] - before[node]));
                for node in 0..2 {
                    let response = &work.passages[0].response[node];
                    let rise: f64 = (0..2).map(|k| (response[k] + dt_s * RADAU[node][k]) * taken[k]).sum();
                    let shift_v = answers[node].by_surface[0] * rise;
                    answers[node].voltage_v += shift_v;
                    change_v = change_v.max(shift_v.abs());
                }
            }
            // What grows in the step is first seen in the second round, which a film that hardly grows does not need.
            let is_seen = round > 0
                || !ages
                || (is_film_alone && hardly_grew(&films[1].sei[..self.count], &start_film.sei));
            let mut change_k = 0.0f64;
            if is_warming {
                let heat = [0, 1]
                    .map(|node| kinetics.heat_w(&instants[node], &warmths[node], &answers[node], side[node]));
                let before = kelvin;
                kelvin =
                    implicit(state.clock.temperature_k, [cooling; 2], source(heat, set, ambient_k), dt_s);
                change_k = (kelvin[0] - before[0]).abs().max((kelvin[1] - before[1]).abs());
            }
            if !(change_v.is_finite() && current[1].is_finite() && kelvin[1].is_finite()) {
                return Err(CellFault::NoConvergence { t_s: state.clock.t_s });
            }
            if change_v < SHIFT_V && change_k < TEMPERATURE_EXACT_K && is_seen {
                is_solved = true;
                break;
            }
        }
        if !is_solved {
            return Err(CellFault::NoConvergence { t_s: state.clock.t_s });
        }

        // The state at the end, with the fluxes that the last round worked with, so that balances close.
        let mut next = *state;
        next.clock.t_s += dt_s;
        let charge = dt_s * area * (0.75 * current[0] + 0.25 * current[1]);
        next.clock.discharged_c += charge;
        next.clock.throughput_c += charge.abs();
        next.clock.temperature_k = kelvin[1];
        next.films = films[1];
        for electrode in 0..2 {
            let flux = [0, 1].map(|node| {
                let per_current = kinetics.flux_per_current(instants[node].active)[electrode];
                let taken = if electrode == 0 { side[node] } else { 0.0 };
                per_flux[electrode] * (current[node] * per_current - taken)
            });
            let particle = &mut next.particles[electrode];
            particle.lithium -= dt_s
                * (0.75 * instants[0].active[electrode] * flux[0]
                    + 0.25 * instants[1].active[electrode] * flux[1])
                + (films[1].lost[electrode] - start_film.lost[electrode]);
            particle.active = active[1][electrode];
            work.passages[electrode].pass(&mut particle.modes, flux);
        }
        if let Some((salt_step, _)) = &followed {
            work.solved = Some((dt_s, *salt_step));
            next.salt = salt_step.nodes[1];
            if mechanisms.clogging {
                self.electrolyte.squeeze(&mut next.salt, &pores, &self.pores(&next.films));
            }
        }
        let salt = followed.as_ref().map_or(&self.still, |(_, salt)| salt);
        instants[1].current_a_per_m2 = current[1];
        let end = self.show(&instants[1], &warmths[1], &answers[1], &salt[1], side[1]);
        let third = if is_direct && self.options.kind == Kind::Spm {
            Seen { current_a: current[0] * area, ..end }
        } else {
            instants[0].current_a_per_m2 = current[0];
            self.show(&instants[0], &warmths[0], &answers[0], &salt[0], side[0])
        };
        let per_current = kinetics.flux_per_current(active[1]);
        let mut slope = answers[1].by_current;
        for electrode in 0..2 {
            let response = work.passages[electrode].response[1];
            let fall = response[0] + response[1] + dt_s;
            slope -= answers[1].by_surface[electrode] * per_flux[electrode] * per_current[electrode] * fall;
        }
        Ok(Trial { state: next, third, end, slope_ohm: slope / area })
    }
}

/// Whether a film grew by so little that neither its resistance nor its own growth feels it.
fn hardly_grew(after: &[f64], before: &[f64]) -> bool {
    after.iter().zip(before).all(|(after, before)| (after - before).abs() <= FILM_EXACT * before)
}

fn source(heat_w: [f64; 2], set: &ParticleSet, ambient_k: f64) -> [f64; 2] {
    heat_w.map(|heat_w| (heat_w + set.cooling_w_per_k * ambient_k) / set.heat_capacity_j_per_k)
}

/// Newton's correction of the current density towards a voltage or power, and by how many volts it is off;
/// nothing to correct at a given current.
pub(super) fn correction(
    drive: Drive,
    instant: &Instant,
    answer: &Answer,
    slope: f64,
    area_m2: f64,
) -> Result<Option<(f64, f64)>, CellFault> {
    let i = instant.current_a_per_m2;
    match drive {
        Drive::Current { .. } => Ok(None),
        Drive::Voltage(voltage_v) => {
            let over_v = answer.voltage_v - voltage_v;
            Ok(Some((-over_v / slope, over_v.abs())))
        }
        Drive::Power(power_w) => {
            let off_w = area_m2 * i * answer.voltage_v - power_w;
            let slope_w = area_m2 * (answer.voltage_v + i * slope);
            if slope_w <= 0.0 || !slope_w.is_finite() {
                return Err(CellFault::Infeasible { power_w, voltage_v: answer.voltage_v });
            }
            let change = -off_w / slope_w;
            Ok(Some((change, (change * slope).abs().max(off_w.abs() * 1e-3))))
        }
    }
}

/// Newton's corrections of the current densities at both nodes towards a voltage or power, and by how many volts they
/// are off; `slope` is how the voltage at a node (first) follows the current at either.
fn corrections(
    drive: Drive,
    current_a_per_m2: [f64; 2],
    answers: &[Answer; 2],
    slope: &[[f64; 2]; 2],
    area_m2: f64,
) -> Result<([f64; 2], f64), CellFault> {
    let solve = |m: &[[f64; 2]; 2], r: [f64; 2]| {
        let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
        [-(r[0] * m[1][1] - r[1] * m[0][1]) / determinant, -(r[1] * m[0][0] - r[0] * m[1][0]) / determinant]
    };
    match drive {
        Drive::Current { .. } => Ok(([0.0; 2], 0.0)),
        Drive::Voltage(voltage_v) => {
            let over_v = [0, 1].map(|node| answers[node].voltage_v - voltage_v);
            Ok((solve(slope, over_v), over_v[0].abs().max(over_v[1].abs())))
        }
        Drive::Power(power_w) => {
            let mut slope_w = [[0.0; 2]; 2];
            let mut off_w = [0.0; 2];
            for node in 0..2 {
                let (i, voltage_v) = (current_a_per_m2[node], answers[node].voltage_v);
                off_w[node] = area_m2 * i * voltage_v - power_w;
                for other in 0..2 {
                    slope_w[node][other] = area_m2 * i * slope[node][other];
                }
                slope_w[node][node] += area_m2 * voltage_v;
                if slope_w[node][node] <= 0.0 || !slope_w[node][node].is_finite() {
                    return Err(CellFault::Infeasible { power_w, voltage_v });
                }
            }
            let change = solve(&slope_w, off_w);
            let over = |node: usize| (change[node] * slope[node][node]).abs().max(off_w[node].abs() * 1e-3);
            Ok((change, over(0).max(over(1))))
        }
    }
}
