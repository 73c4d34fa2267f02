//! One cell as single particle model, with (SPMe) or without (SPM) electrolyte: what it consists of and what it shows.
//!
//! [`super::state`] is its state, [`super::step`] one step of time, `growth` what ages it.

use super::drive::Ended;
use super::kinetics::{Answer, Instant, Kinetics, Warmth};
use super::mechanism::Mechanisms;
use super::salt::{Electrolyte, Fineness, Overview, POINTS_MAX, Pores, SIDE_MAX, Salt};
use super::set::{FARADAY, ParticleSet, ZERO_C};
use super::sphere::{MODES_MAX, Sphere};
use super::step::{VOLTAGE_EXACT_V, correction};

pub use super::state::{Across, Clock, Drive, Films, Guess, Particle, Seen, State, Trial};
pub use super::step::Work;

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
            modes: 10,
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
    /// A stretch of a cycle came to another end than it was told.
    #[error("stretch {stretch} of the cycle broke off at {t_s:.3} s: {why}")]
    Interrupted {
        /// Place of the stretch in the cycle, from 1.
        stretch: usize,
        /// When.
        t_s: f64,
        /// What ended it.
        why: Ended,
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
/// A cell's model: everything about it but its state.
#[derive(Debug, Clone)]
pub struct CellModel {
    /// What happens at an instant.
    pub kinetics: Kinetics,
    /// How it is modelled.
    pub options: Options,
    pub(super) sphere: Sphere,
    pub(super) electrolyte: Electrolyte,
    /// Places across the negative electrode where side reactions are followed.
    pub(super) places: Across,
    /// Weights of these places in an average.
    pub(super) weights: Across,
    pub(super) count: usize,
    /// What a model without an electrolyte has for one, at both nodes of a step.
    pub(super) still: [Overview; 2],
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
        if m.clogging && options.kind == Kind::Spm {
            return Err(CellFault::Unsupported { what: "clogging of pores: it has no electrolyte in them" });
        }
        if m.clogging && m.sei.is_none() && m.plating.is_none() {
            return Err(CellFault::Unsupported {
                what: "clogging of pores without a film or plating that clogs",
            });
        }
        let share = (1.0 - set.file.electrolyte.transference) / FARADAY;
        let electrolyte =
            Electrolyte::new(set.layers(), share, set.salt_diffusivity.clone(), options.fineness);
        let mut weights = [0.0; SIDE_MAX];
        weights[0] = 1.0;
        if options.kind == Kind::Spme {
            let even = electrolyte.overview(&[1.0; POINTS_MAX]);
            weights = [0.0; SIDE_MAX];
            weights.iter_mut().zip(even.roots(0)).for_each(|(weight, (_, w))| *weight = *w);
        }
        let (places, count) = match options.kind {
            Kind::Spm => ([0.0; SIDE_MAX], 1),
            Kind::Spme => electrolyte.places(),
        };
        Ok(Self {
            sphere: Sphere::of(options.modes),
            electrolyte,
            places,
            weights,
            count,
            still: [Overview::uniform(set.file.electrolyte.concentration_initial); 2],
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
        State {
            clock: Clock::new(temperature_c + ZERO_C),
            particles: [particle(0), particle(1)],
            salt: [set.file.electrolyte.concentration_initial; POINTS_MAX],
            films: self.new_films(),
        }
    }

    fn new_films(&self) -> Films {
        let set = self.set();
        let per_m = self.kinetics.surface_per_m(0, set.file.negative.active_fraction);
        let crack_m = set.file.negative.mechanics.as_ref().map_or(0.0, |m| m.crack_length_initial_m);
        let (sei, cracked) = set.sei().map_or((0.0, 0.0), |sei| {
            let per_thickness = per_m / sei.molar_volume_m3_per_mol;
            (
                sei.thickness_initial_m * per_thickness,
                sei.crack_thickness_initial_m * per_thickness * self.kinetics.roughness(crack_m),
            )
        });
        Films {
            sei: [sei; SIDE_MAX],
            cracked_squared: [cracked * cracked; SIDE_MAX],
            plated: [0.0; SIDE_MAX],
            dead: [0.0; SIDE_MAX],
            crack_m,
            lost: [0.0; 2],
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
        let across = |values: &Across| -> f64 { self.weights.iter().zip(values).map(|(w, v)| w * v).sum() };
        let grown = per_sei * across(&films.sei) + across(&films.plated) + across(&films.dead);
        volume(0) * (state.particles[0].lithium + grown + films.lost[0])
            + volume(1) * (state.particles[1].lithium + films.lost[1])
    }

    /// Film, film on cracks and plated lithium with what of it lost contact, as lithium per volume of the negative
    /// electrode; without the film that a new cell has [mol/m³].
    pub fn grown(&self, state: &State) -> [f64; 3] {
        let across = |values: &Across| -> f64 { self.weights.iter().zip(values).map(|(w, v)| w * v).sum() };
        let Some(sei) = self.set().sei() else { return [0.0; 3] };
        let new = self.new_films();
        let films = &state.films;
        let film: Across = std::array::from_fn(|k| films.sei[k] - new.sei[k]);
        // What a crack begins with grows with its surface and counts as new.
        let rough = self.kinetics.roughness(films.crack_m) / self.kinetics.roughness(new.crack_m).max(1e-30);
        let cracked: Across =
            std::array::from_fn(|k| films.cracked_squared[k].sqrt() - rough * new.cracked_squared[k].sqrt());
        let plated: Across = std::array::from_fn(|k| films.plated[k] + films.dead[k]);
        [
            sei.lithium_per_sei * across(&film),
            if self.options.mechanisms.cracks { sei.lithium_per_sei * across(&cracked) } else { 0.0 },
            across(&plated),
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

    pub(super) fn overview(&self, salt: &Salt, pores: &Pores) -> Overview {
        match self.options.kind {
            Kind::Spm => self.still[0],
            Kind::Spme => self.electrolyte.overview_within(salt, pores),
        }
    }

    pub(super) fn is_salt_followed(&self) -> bool {
        self.options.kind == Kind::Spme
    }

    /// Volume share of electrolyte in the negative electrode, averaged.
    ///
    /// ```text
    /// ε = ε_0 − V̄_SEI·(c_SEI − c_SEI,0 + c_cracks − c_cracks,0) − V̄_Li·(c_plated + c_dead)
    /// ```
    ///
    /// Where pores do not clog, that of a new cell. Source: O'Kane et al. 2022, doi:10.1039/D2CP00417H (porosity
    /// falls by the volume of what grows). Limits: held above a hundredth of that of a new cell; one figure for the
    /// electrode; film does not conduct electrons, so the solid conducts as before; film on cracks counts in full.
    pub fn porosity(&self, films: &Films) -> f64 {
        let new = self.set().file.negative.porosity;
        if !self.options.mechanisms.clogging {
            return new;
        }
        let [film, plated] = self.grown_m3_per_m3(films);
        (new - film - plated).max(0.01 * new)
    }

    /// Volume of film and of plated lithium grown, per volume of the negative electrode.
    fn grown_m3_per_m3(&self, films: &Films) -> [f64; 2] {
        let across = |value: &dyn Fn(usize) -> f64| -> f64 {
            (0..self.count).map(|k| self.weights[k] * value(k)).sum()
        };
        let film = self.set().sei().map_or(0.0, |sei| {
            let new = self.new_films();
            let mut grown = across(&|k| films.sei[k] - new.sei[k]);
            if self.options.mechanisms.cracks {
                let rough =
                    self.kinetics.roughness(films.crack_m) / self.kinetics.roughness(new.crack_m).max(1e-30);
                grown += across(&|k| films.cracked_squared[k].sqrt() - rough * new.cracked_squared[k].sqrt());
            }
            sei.molar_volume_m3_per_mol * grown
        });
        let plated = self.set().plating().map_or(0.0, |plating| {
            plating.molar_volume_m3_per_mol * across(&|k| films.plated[k] + films.dead[k])
        });
        [film, plated]
    }

    /// Pores of the negative electrode under these films.
    pub(super) fn pores(&self, films: &Films) -> Pores {
        if !self.options.mechanisms.clogging {
            return Pores::OPEN;
        }
        let volume = self.porosity(films) / self.set().file.negative.porosity;
        Pores { volume, transport: volume.powf(self.set().file.negative.bruggeman_electrolyte) }
    }

    /// Salt in the electrolyte [mol].
    pub fn salt_mol(&self, state: &State) -> f64 {
        self.set().file.cell.area_m2 * self.electrolyte.amount_within(&state.salt, &self.pores(&state.films))
    }

    /// What the cell shows at this instant under a load.
    ///
    /// # Errors
    /// When there is no current that gives the power.
    pub fn seen(&self, state: &State, drive: Drive, guess_a: f64) -> Result<Seen, CellFault> {
        let warmth = Warmth::at(self.set(), state.clock.temperature_k);
        let salt = self.overview(&state.salt, &self.pores(&state.films));
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

    pub(super) fn show(
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
}
