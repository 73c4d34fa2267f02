//! One cell as single particle model, with (SPMe) or without (SPM) electrolyte: its state, and one step of time.
//!
//! A step is a collocation at a third and at the end of it (the nodes of Radau IIA, order 3). Between them fluxes
//! are linear in time, and what is linear in the state is integrated exactly: modes of the particles as
//! exponentials, cooling and plated lithium as a small linear system, which keeps stiff stripping stable. What is
//! not linear (potentials, heat, side reactions) is found by iteration over scalars only; the state of the
//! particles enters through its response to flux, worked out once per step. Lithium is counted with the same
//! weights wherever it goes, so that its balance closes to rounding at any step length.
//!
//! Source: Hairer and Wanner, *Solving Ordinary Differential Equations II* (1996), ch. IV.5 (Radau IIA).

#![expect(
    clippy::needless_range_loop,
    reason = "indices are those of the equations, over several arrays at once"
)]

use super::kinetics::{Answer, Instant, Kinetics, Warmth};
use super::mechanism::{Mechanisms, Plating};
use super::salt::{Electrolyte, Factors, Fineness, Overview, POINTS_MAX, SIDE_MAX, Salt, SaltStep};
use super::set::{FARADAY, ParticleSet, ZERO_C};
use super::sphere::{MODES_MAX, Modes, Passage, Sphere};

/// Weights of Radau IIA: rows are the nodes.
const RADAU: [[f64; 2]; 2] = [[5.0 / 12.0, -1.0 / 12.0], [0.75, 0.25]];
/// Most rounds of iteration in a step.
const ROUNDS: usize = 25;
/// Voltages agree when they differ by less.
const VOLTAGE_EXACT_V: f64 = 1e-8;

/// Which model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Single particles.
    Spm,
    /// Single particles with electrolyte.
    Spme,
}

/// Whether the cell warms up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heat {
    /// Held at the temperature of the air.
    Isothermal,
    /// One temperature, cooled by the air.
    Lumped,
}

/// How a cell is modelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Model.
    pub kind: Kind,
    /// Heat.
    pub heat: Heat,
    /// Ageing.
    pub mechanisms: Mechanisms,
    /// Modes of each particle.
    pub modes: usize,
    /// Elements and polynomials of the electrolyte.
    pub fineness: Fineness,
}

impl Options {
    /// A model with its usual fineness, isothermal and without ageing.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            heat: Heat::Isothermal,
            mechanisms: Mechanisms::default(),
            modes: 8,
            fineness: Fineness { elements: 2, degree: 4 },
        }
    }
}

/// Why a model cannot be built or a step not be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CellFault {
    /// The set lacks figures of a mechanism.
    #[error("parameter set `{set}` has no figures for {what}")]
    Lacks {
        /// The set.
        set: String,
        /// What for.
        what: &'static str,
    },
    /// The model does not have a mechanism.
    #[error("this model does not have {what}")]
    Unsupported {
        /// Which.
        what: &'static str,
    },
    /// No current at which the cell gives the power.
    #[error("{power_w} W cannot be had from the cell: {voltage_v:.3} V at most power")]
    Infeasible {
        /// The power.
        power_w: f64,
        /// Voltage where power is highest.
        voltage_v: f64,
    },
    /// The equations of a step have no solution that can be found, however short the step.
    #[error("the equations of the cell cannot be solved at {t_s:.3} s")]
    NoConvergence {
        /// When.
        t_s: f64,
    },
    /// A figure given is not finite or has no sense.
    #[error("{what} is {value}")]
    Value {
        /// Which.
        what: &'static str,
        /// The figure.
        value: f64,
    },
}

/// Lithium in one electrode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Particle {
    /// Amount per volume of electrode [mol/m³]: mean concentration times share of active material.
    pub lithium: f64,
    /// Volume share of active material.
    pub active: f64,
    /// Parts of the surface concentration beside the mean [mol/m³].
    pub modes: Modes,
}

impl Particle {
    /// Mean concentration in the particles [mol/m³].
    pub fn mean(&self) -> f64 {
        self.lithium / self.active
    }

    /// Concentration at their surface [mol/m³].
    pub fn surface(&self) -> f64 {
        self.mean() + self.modes.iter().sum::<f64>()
    }
}

/// A quantity at places across the negative electrode; the single particle model has one place.
pub type Across = [f64; SIDE_MAX];

/// What has grown on the negative particles and gone from them; concentrations per volume of electrode [mol/m³].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Films {
    /// Film.
    pub sei: Across,
    /// Square of the film on cracks: as smooth in time as its growth is at first not.
    pub cracked_squared: Across,
    /// Plated lithium that can be stripped.
    pub plated: Across,
    /// Lithium that lost contact.
    pub dead: Across,
    /// Length of cracks [m].
    pub crack_m: f64,
    /// Lithium lost with active material, negative and positive, per volume of its electrode.
    pub lost: [f64; 2],
}

/// Time, charge and temperature, which every model has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// Time since the start.
    pub t_s: f64,
    /// Charge taken out less charge put in [C].
    pub discharged_c: f64,
    /// Charge either way [C].
    pub throughput_c: f64,
    /// Temperature.
    pub temperature_k: f64,
}

impl Clock {
    /// At the start.
    pub fn new(temperature_k: f64) -> Self {
        Self { t_s: 0.0, discharged_c: 0.0, throughput_c: 0.0, temperature_k }
    }
}

/// The state of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct State {
    /// Time, charge and temperature.
    pub clock: Clock,
    /// Electrodes, negative and positive.
    pub particles: [Particle; 2],
    /// Salt in the electrolyte.
    pub salt: Salt,
    /// What ageing left.
    pub films: Films,
}

/// What is asked of the cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drive {
    /// Current now, and how fast it changes [A], [A/s]; positive discharges.
    Current {
        /// At the beginning of the step.
        now_a: f64,
        /// Change in time.
        slope_a_per_s: f64,
    },
    /// Voltage.
    Voltage(f64),
    /// Power, positive discharging [W].
    Power(f64),
}

/// What the cell shows at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Current.
    pub current_a: f64,
    /// Voltage.
    pub voltage_v: f64,
    /// Potentials and what they follow from.
    pub answer: Answer,
    /// Flux that side reactions take from the negative particles [A/m²].
    pub side_flux: f64,
    /// Heat [W].
    pub heat_w: f64,
    /// Distance of surface stoichiometries from 0 and 1, the least of them.
    pub margin: f64,
    /// Least concentration of salt relative to that at rest.
    pub salt_least: f64,
}

/// A step that may be taken.
#[derive(Debug, Clone, Copy)]
pub struct Trial<S> {
    /// The state at its end.
    pub state: S,
    /// What is seen at a third.
    pub third: Seen,
    /// What is seen at its end.
    pub end: Seen,
    /// Change of the voltage at the end per current that was constant over the step [Ω]; negative.
    pub slope_ohm: f64,
}

/// A guess of what a step brings: current, side flux and heat at a third and at the end.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Guess {
    /// Current [A].
    pub current_a: [f64; 2],
    /// Side flux [A/m²].
    pub side_flux: [f64; 2],
    /// Heat [W].
    pub heat_w: [f64; 2],
}

/// Working memory of steps: exponentials and factors that the next step may use again.
#[derive(Debug, Clone)]
pub struct Work {
    key: [f64; 2],
    passages: [Passage; 2],
    warmth: Option<Warmth>,
    factors: Factors,
}

impl Default for Work {
    fn default() -> Self {
        Self {
            key: [f64::NAN; 2],
            passages: [Passage::default(); 2],
            warmth: None,
            factors: Factors::default(),
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

/// A cell's model: everything about it but its state.
#[derive(Debug, Clone)]
pub struct CellModel {
    /// What happens at an instant.
    pub kinetics: Kinetics,
    /// How it is modelled.
    pub options: Options,
    sphere: Sphere,
    electrolyte: Electrolyte,
    /// Places across the negative electrode where side reactions are followed.
    places: Across,
    count: usize,
}

impl CellModel {
    /// A model of a set.
    ///
    /// # Errors
    /// When the set lacks figures for one of the mechanisms.
    pub fn new(set: ParticleSet, options: Options) -> Result<Self, CellFault> {
        let lacks = |what| CellFault::Lacks { set: set.file.name.clone(), what };
        let m = options.mechanisms;
        if m.sei.is_some() && set.sei().is_none() {
            return Err(lacks("growth of a film"));
        }
        if m.plating.is_some() && (set.plating().is_none() || set.sei().is_none()) {
            return Err(lacks("plating"));
        }
        if (m.cracks || m.loss) && set.mechanics().is_none() {
            return Err(lacks("cracks and loss of active material"));
        }
        if m.clogging {
            return Err(CellFault::Unsupported { what: "clogging of pores" });
        }
        let share = (1.0 - set.file.electrolyte.transference) / FARADAY;
        let electrolyte =
            Electrolyte::new(set.layers(), share, set.salt_diffusivity.clone(), options.fineness);
        let (places, count) = match options.kind {
            Kind::Spm => ([0.0; SIDE_MAX], 1),
            Kind::Spme => electrolyte.places(),
        };
        Ok(Self {
            sphere: Sphere::of(options.modes),
            electrolyte,
            places,
            count,
            kinetics: Kinetics::new(set, m, options.kind == Kind::Spme),
            options,
        })
    }

    /// The parameter set.
    pub fn set(&self) -> &ParticleSet {
        &self.kinetics.set
    }

    /// A new cell at rest with these stoichiometries, negative and positive.
    pub fn at_rest(&self, stoichiometry: [f64; 2], temperature_c: f64) -> State {
        let set = self.set();
        let particle = |side: usize| {
            let file = &self.kinetics.electrode(side).file;
            Particle {
                lithium: stoichiometry[side] * file.concentration_max * file.active_fraction,
                active: file.active_fraction,
                modes: [0.0; MODES_MAX],
            }
        };
        let per_m = self.kinetics.surface_per_m(0, set.file.negative.active_fraction);
        let crack_m = set.file.negative.mechanics.as_ref().map_or(0.0, |m| m.crack_length_initial_m);
        let (sei, cracked) = set.sei().map_or((0.0, 0.0), |sei| {
            let per_thickness = per_m / sei.molar_volume_m3_per_mol;
            (
                sei.thickness_initial_m * per_thickness,
                sei.crack_thickness_initial_m * per_thickness * self.kinetics.roughness(crack_m),
            )
        });
        State {
            clock: Clock::new(temperature_c + ZERO_C),
            particles: [particle(0), particle(1)],
            salt: [set.file.electrolyte.concentration_initial; POINTS_MAX],
            films: Films {
                sei: [sei; SIDE_MAX],
                cracked_squared: [cracked * cracked; SIDE_MAX],
                plated: [0.0; SIDE_MAX],
                dead: [0.0; SIDE_MAX],
                crack_m,
                lost: [0.0; 2],
            },
        }
    }

    /// A new cell in the state that the set was published with.
    pub fn as_published(&self, temperature_c: f64) -> State {
        let of = |side: usize| {
            let file = &self.kinetics.electrode(side).file;
            file.concentration_initial / file.concentration_max
        };
        self.at_rest([of(0), of(1)], temperature_c)
    }

    /// Lithium in particles, films, plated and lost [mol]; what cracks' films take is not drawn from the
    /// particles (see the model page) and not in it.
    pub fn lithium_mol(&self, state: &State) -> f64 {
        let set = self.set();
        let volume = |side: usize| self.kinetics.electrode(side).file.thickness_m * set.file.cell.area_m2;
        let per_sei = set.sei().map_or(0.0, |sei| sei.lithium_per_sei);
        let films = &state.films;
        let across = |values: &Across| self.average(&self.overview(&state.salt), values);
        let grown = per_sei * across(&films.sei) + across(&films.plated) + across(&films.dead);
        volume(0) * (state.particles[0].lithium + grown + films.lost[0])
            + volume(1) * (state.particles[1].lithium + films.lost[1])
    }

    /// Film, film on cracks and plated lithium with what of it lost contact, as lithium per volume of the negative
    /// electrode; without the film that a new cell has [mol/m³].
    pub fn grown(&self, state: &State) -> [f64; 3] {
        let salt = self.overview(&state.salt);
        let Some(sei) = self.set().sei() else { return [0.0; 3] };
        let new = self.at_rest([0.5; 2], 25.0).films;
        let films = &state.films;
        let film: Across = std::array::from_fn(|k| films.sei[k] - new.sei[k]);
        // What a crack begins with grows with its surface and counts as new.
        let rough = self.kinetics.roughness(films.crack_m) / self.kinetics.roughness(new.crack_m).max(1e-30);
        let cracked: Across =
            std::array::from_fn(|k| films.cracked_squared[k].sqrt() - rough * new.cracked_squared[k].sqrt());
        let plated: Across = std::array::from_fn(|k| films.plated[k] + films.dead[k]);
        [
            sei.lithium_per_sei * self.average(&salt, &film),
            if self.options.mechanisms.cracks {
                sei.lithium_per_sei * self.average(&salt, &cracked)
            } else {
                0.0
            },
            self.average(&salt, &plated),
        ]
    }

    /// Average over the negative electrode.
    #[inline]
    pub fn average(&self, salt: &Overview, values: &Across) -> f64 {
        salt.roots(0).iter().zip(values).map(|((_, weight), value)| weight * value).sum()
    }

    /// Thickness of the film [m].
    pub fn film_m(&self, sei: f64, active: f64) -> f64 {
        self.set()
            .sei()
            .map_or(0.0, |file| sei * file.molar_volume_m3_per_mol / self.kinetics.surface_per_m(0, active))
    }

    /// The electrolyte.
    pub fn electrolyte(&self) -> &Electrolyte {
        &self.electrolyte
    }

    fn overview(&self, salt: &Salt) -> Overview {
        match self.options.kind {
            Kind::Spm => Overview::uniform(self.set().file.electrolyte.concentration_initial),
            Kind::Spme => self.electrolyte.overview(salt),
        }
    }

    /// What the cell shows at this instant under a load.
    ///
    /// # Errors
    /// When there is no current that gives the power.
    pub fn seen(&self, state: &State, drive: Drive, guess_a: f64) -> Result<Seen, CellFault> {
        let warmth = Warmth::at(self.set(), state.clock.temperature_k);
        let salt = self.overview(&state.salt);
        let area = self.set().file.cell.area_m2;
        let active = [state.particles[0].active, state.particles[1].active];
        let mut instant = Instant {
            current_a_per_m2: match drive {
                Drive::Current { now_a, .. } => now_a / area,
                _ => guess_a / area,
            },
            surface: [state.particles[0].surface(), state.particles[1].surface()],
            active,
            film_m: self.film_m(self.average(&salt, &state.films.sei), active[0]),
        };
        let mut answer = self.kinetics.answer(&instant, &warmth, &salt);
        for _ in 0..60 {
            let Some((change, over_v)) = correction(drive, &instant, &answer, answer.by_current, area)?
            else {
                break;
            };
            instant.current_a_per_m2 += change;
            answer = self.kinetics.answer(&instant, &warmth, &salt);
            if over_v < VOLTAGE_EXACT_V {
                break;
            }
        }
        let side = if self.options.mechanisms.none() {
            0.0
        } else {
            let rates = self.rates(&instant, &answer, &warmth, &salt, &state.films);
            let flux: Across = std::array::from_fn(|k| {
                rates.sei[k] + FARADAY * (rates.strip[k] * state.films.plated[k] - rates.plate[k])
            });
            self.average(&salt, &flux)
        };
        Ok(self.show(&instant, &warmth, &answer, &salt, side))
    }

    fn show(
        &self,
        instant: &Instant,
        warmth: &Warmth,
        answer: &Answer,
        salt: &Overview,
        side_flux: f64,
    ) -> Seen {
        let margin = |side: usize| {
            let x = instant.surface[side] / self.kinetics.electrode(side).file.concentration_max;
            x.min(1.0 - x)
        };
        Seen {
            current_a: instant.current_a_per_m2 * self.set().file.cell.area_m2,
            voltage_v: answer.voltage_v,
            answer: *answer,
            side_flux,
            heat_w: self.kinetics.heat_w(instant, warmth, answer, side_flux),
            margin: margin(0).min(margin(1)),
            salt_least: salt.least / self.set().file.electrolyte.concentration_initial,
        }
    }

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
        let mut salt_step = SaltStep { from: state.salt, nodes: [state.salt; 2] };
        let mut salt = [self.overview(&state.salt); 2];
        if self.options.kind == Kind::Spme {
            self.electrolyte.factorise(&state.salt, middle.salt_diffusivity, dt_s, &mut work.factors);
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
            if self.options.kind == Kind::Spme && (round == 0 || !knows_current) {
                if !self.electrolyte.solve(&mut salt_step, middle.salt_diffusivity, current, &work.factors) {
                    return Err(CellFault::NoConvergence { t_s: state.clock.t_s });
                }
                salt = [self.overview(&salt_step.nodes[0]), self.overview(&salt_step.nodes[1])];
            }
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
            let mut change_v = 0.0f64;
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
                let answer = kinetics.answer(&instants[node], &warmths[node], &salt[node]);
                change_v = change_v.max((answer.voltage_v - answers[node].voltage_v).abs());
                answers[node] = answer;
                if !knows_current {
                    let per_current = kinetics.flux_per_current(active[node]);
                    let mut slope = answer.by_current;
                    for electrode in 0..2 {
                        let fall = work.passages[electrode].response[node][node] + dt_s * RADAU[node][node];
                        slope -= answer.by_surface[electrode]
                            * per_flux[electrode]
                            * per_current[electrode]
                            * fall;
                    }
                    if let Some((change, over_v)) = correction(drive, &instants[node], &answer, slope, area)?
                    {
                        current[node] += change;
                        change_v = change_v.max(over_v);
                    }
                }
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
            if ages {
                self.grow(
                    state,
                    &rates,
                    &instants,
                    &mean_at,
                    &salt,
                    dt_s,
                    &mut films,
                    &mut active,
                    &mut side,
                );
            }
            if is_warming {
                let heat = [0, 1]
                    .map(|node| kinetics.heat_w(&instants[node], &warmths[node], &answers[node], side[node]));
                kelvin =
                    implicit(state.clock.temperature_k, [cooling; 2], source(heat, set, ambient_k), dt_s);
            }
            if !(change_v.is_finite() && current[1].is_finite() && kelvin[1].is_finite()) {
                return Err(CellFault::NoConvergence { t_s: state.clock.t_s });
            }
            // The last round takes what is good enough for any purpose.
            let close_v = if round + 1 < ROUNDS { VOLTAGE_EXACT_V } else { 100.0 * VOLTAGE_EXACT_V };
            if is_direct || (round > 0 && change_v < close_v) {
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
        if self.options.kind == Kind::Spme {
            next.salt = salt_step.nodes[1];
        }
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

    /// Rates of side reactions at every place.
    fn rates(
        &self,
        instant: &Instant,
        answer: &Answer,
        warmth: &Warmth,
        salt: &Overview,
        films: &Films,
    ) -> Rates {
        let kinetics = &self.kinetics;
        let mechanisms = &self.options.mechanisms;
        let mut rates = Rates::default();
        let i = instant.current_a_per_m2;
        let drop_v_per_m = i * kinetics.flux_per_current(instant.active)[0] * kinetics.film_ohm_m;
        let roots = salt.roots(0);
        let mean_log = if self.count == 1 {
            0.0
        } else {
            roots.iter().map(|(root, weight)| weight * root.ln()).sum::<f64>()
        };
        let rough_per_m = kinetics.surface_per_m(0, instant.active[0]) * kinetics.roughness(films.crack_m);
        for k in 0..self.count {
            let root = roots[k].0;
            let across_v = answer.across_v
                + if self.count == 1 {
                    0.0
                } else {
                    let log_above = 2.0 * (root.ln() - mean_log);
                    kinetics.unevenness_v(self.places[k], log_above, i, warmth, salt)
                };
            let film_m = self.film_m(films.sei[k], instant.active[0]);
            rates.sei[k] = kinetics.sei_flux(across_v, drop_v_per_m * film_m, warmth, film_m);
            if mechanisms.plating.is_some() {
                let over_v = across_v - drop_v_per_m * instant.film_m;
                (rates.strip[k], rates.plate[k]) = kinetics.plating(over_v, warmth, root * root);
                rates.decay_per_s[k] = kinetics.decay_per_s(film_m);
            }
            if let (true, Some(sei)) = (mechanisms.cracks && mechanisms.sei.is_some(), self.set().sei()) {
                // d(c²)/dt = 2c·dc/dt: for growth that goes as 1/thickness this does not depend on c.
                let c = films.cracked_squared[k].max(1e-60).sqrt();
                let thickness_m = c * sei.molar_volume_m3_per_mol / rough_per_m;
                let flux = kinetics.sei_flux(across_v, drop_v_per_m * thickness_m, warmth, thickness_m);
                rates.squared[k] = -2.0 * c * rough_per_m * flux / (FARADAY * sei.lithium_per_sei);
            }
        }
        rates
    }

    /// Films, cracks and active material at both nodes from the rates there.
    #[expect(clippy::too_many_arguments, reason = "the unknowns of one step")]
    fn grow(
        &self,
        state: &State,
        rates: &[Rates; 2],
        instants: &[Instant; 2],
        mean: &[[f64; 2]; 2],
        salt: &[Overview; 2],
        dt_s: f64,
        films: &mut [Films; 2],
        active: &mut [[f64; 2]; 2],
        side: &mut [f64; 2],
    ) {
        let kinetics = &self.kinetics;
        let mechanisms = self.options.mechanisms;
        let start = &state.films;
        let sum = |node: usize, rate: [f64; 2]| dt_s * (RADAU[node][0] * rate[0] + RADAU[node][1] * rate[1]);
        let per_m = [0, 1].map(|node| kinetics.surface_per_m(0, instants[node].active[0]));
        let mut taken = [0.0; 2];
        for k in 0..self.count {
            let weights = [salt[0].roots(0)[k].1, salt[1].roots(0)[k].1];
            if let (Some(_), Some(sei)) = (mechanisms.sei, self.set().sei()) {
                let growth =
                    [0, 1].map(|node| -per_m[node] * rates[node].sei[k] / (FARADAY * sei.lithium_per_sei));
                let squared = [rates[0].squared[k], rates[1].squared[k]];
                for node in 0..2 {
                    films[node].sei[k] = start.sei[k] + sum(node, growth);
                    films[node].cracked_squared[k] = start.cracked_squared[k] + sum(node, squared);
                    taken[node] += weights[node] * rates[node].sei[k];
                }
            }
            let Some(kind) = mechanisms.plating else { continue };
            let plate = [0, 1].map(|node| per_m[node] * rates[node].plate[k]);
            let strip = [0, 1].map(|node| per_m[node] * rates[node].strip[k]);
            if kind == Plating::Irreversible {
                for node in 0..2 {
                    films[node].dead[k] = start.dead[k] + sum(node, plate);
                    taken[node] -= weights[node] * FARADAY * plate[node] / per_m[node];
                }
            } else {
                let decay = [rates[0].decay_per_s[k], rates[1].decay_per_s[k]];
                let plated =
                    implicit(start.plated[k], [strip[0] + decay[0], strip[1] + decay[1]], plate, dt_s);
                let died = [0, 1].map(|node| decay[node] * plated[node]);
                for node in 0..2 {
                    films[node].plated[k] = plated[node];
                    films[node].dead[k] = start.dead[k] + sum(node, died);
                    taken[node] +=
                        weights[node] * FARADAY * (strip[node] * plated[node] - plate[node]) / per_m[node];
                }
            }
        }
        if mechanisms.cracks || mechanisms.loss {
            let mut stress = [[0.0; 2]; 2];
            for node in 0..2 {
                for electrode in 0..2 {
                    stress[electrode][node] = kinetics.stress_pa(
                        electrode,
                        mean[electrode][node],
                        instants[node].surface[electrode],
                    );
                }
            }
            if mechanisms.cracks {
                let growth = [0, 1].map(|node| kinetics.crack_m_per_s(stress[0][node], films[node].crack_m));
                for node in 0..2 {
                    films[node].crack_m = start.crack_m + sum(node, growth);
                }
            }
            if mechanisms.loss {
                for electrode in 0..2 {
                    let loss = [0, 1].map(|node| kinetics.loss_per_s(electrode, stress[electrode][node]));
                    let lost = [0, 1].map(|node| loss[node] * mean[electrode][node]);
                    for node in 0..2 {
                        active[node][electrode] = state.particles[electrode].active - sum(node, loss);
                        films[node].lost[electrode] = start.lost[electrode] + sum(node, lost);
                    }
                }
            }
        }
        *side = taken;
    }
}

/// Rates of side reactions at a node, at every place.
#[derive(Debug, Clone, Copy, Default)]
struct Rates {
    /// Flux into the film [A/m²].
    sei: Across,
    /// Growth of the square of the film on cracks [mol²/m⁶/s].
    squared: Across,
    /// Stripping per plated lithium, per surface [m/s].
    strip: Across,
    /// Plating per surface [mol/m²/s].
    plate: Across,
    decay_per_s: Across,
}

fn source(heat_w: [f64; 2], set: &ParticleSet, ambient_k: f64) -> [f64; 2] {
    heat_w.map(|heat_w| (heat_w + set.cooling_w_per_k * ambient_k) / set.heat_capacity_j_per_k)
}

/// Values at both nodes of `dy/dt = s − λy`, decay λ and source s given there.
fn implicit(start: f64, decay: [f64; 2], source: [f64; 2], dt_s: f64) -> [f64; 2] {
    let entry = |row: usize, column: usize| dt_s * RADAU[row][column] * decay[column];
    let (a, b, c, d) = (1.0 + entry(0, 0), entry(0, 1), entry(1, 0), 1.0 + entry(1, 1));
    let right = |row: usize| start + dt_s * (RADAU[row][0] * source[0] + RADAU[row][1] * source[1]);
    let (r, s) = (right(0), right(1));
    let determinant = a * d - b * c;
    [(r * d - b * s) / determinant, (a * s - c * r) / determinant]
}

/// Newton's correction of the current density towards a voltage or power, and by how many volts it is off;
/// nothing to correct at a given current.
fn correction(
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
