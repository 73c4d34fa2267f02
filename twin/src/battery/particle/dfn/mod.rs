//! One cell as porous electrodes resolved through their thickness (Doyle, Fuller and Newman; DFN): the reference
//! that the single particle models are measured by.
//!
//! ```text
//!            collector  ●──●─●──●  │  ●─●  │  ●──●─●──●  collector      points: salt
//!                       ○  ○ ○  ○              ○  ○ ○  ○                 places: a particle, Ψ and j each
//! mesh ──▶ stage: equations at an instant ──▶ instant: a load is put on
//!                                        └──▶ step: two instants of a step at once (band: their linear system)
//! ```
//!
//! - [`mesh`] puts points across the cell, `band` solves linear systems on them;
//! - `stage` has the equations, `instant` solves them for a load, `step` goes through time.
//!
//! [`DfnModel`] is a [`Model`] as the single particle models are: [`super::drive`] brings it through time and
//! [`super::cycling`] through cycles. It has no ageing. Equations, limits and how it was compared:
//! `docs/models/dfn.md`.

mod band;
mod instant;
pub mod mesh;
mod stage;
mod step;

use super::balance::Balance;
use super::cell::{CellFault, Clock, Drive, Guess, Heat, Seen, Trial};
use super::cycling::Health;
use super::drive::Model;
use super::mechanism::Mechanisms;
use super::set::{Electrode, FARADAY, ParticleSet, ZERO_C};
use super::sphere::{MODES_MAX, Modes, Sphere};
use mesh::{Mesh, Resolution};
pub use step::Work;

/// How a cell is modelled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Heat.
    pub heat: Heat,
    /// Ageing: none is possible yet.
    pub mechanisms: Mechanisms,
    /// Modes of each particle.
    pub modes: usize,
    /// Points across the cell.
    pub resolution: Resolution,
}

impl Default for Options {
    /// The usual fineness, isothermal.
    fn default() -> Self {
        Self {
            heat: Heat::Isothermal,
            mechanisms: Mechanisms::default(),
            modes: 12,
            resolution: Resolution { elements: 2, degree: 4, separator: 2 },
        }
    }
}

/// The state of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct DfnState {
    /// Time, charge and temperature.
    pub clock: Clock,
    /// Mean concentration in the particle at each place [mol/m³].
    pub means: Vec<f64>,
    /// Parts of its surface concentration beside the mean [mol/m³].
    pub modes: Vec<Modes>,
    /// Salt at each point [mol/m³].
    pub salt: Vec<f64>,
    /// Potential of the solid over the electrolyte at each place when the last step ended [V].
    pub across: Vec<f64>,
    /// Flux of charge out of the particles then [A/m²].
    pub flux: Vec<f64>,
    trail: Option<step::Trail>,
}

impl DfnState {
    /// Concentration at the surface of the particle at a place [mol/m³].
    pub fn surface(&self, place: usize) -> f64 {
        self.means[place] + self.modes[place].iter().sum::<f64>()
    }
}

/// A cell's model: everything about it but its state.
#[derive(Debug, Clone)]
pub struct DfnModel {
    /// The parameter set.
    pub set: ParticleSet,
    /// How it is modelled.
    pub options: Options,
    /// Points across the cell.
    pub mesh: Mesh,
    sphere: Sphere,
    /// 2(1−t₊)·TDF.
    chi: f64,
    /// (1−t₊)/F.
    salt_per_charge: f64,
    /// Surface of particles per volume of electrode [1/m].
    surface_per_m: [f64; 2],
    /// Conductivity across the solid [S/m].
    conductivity: [f64; 2],
    /// Fall of the mean concentration per flux and time, 3/(FR).
    per_flux: [f64; 2],
}

impl DfnModel {
    /// A model of a set.
    ///
    /// # Errors
    /// When mechanisms are asked for: this model has none.
    pub fn new(set: ParticleSet, options: Options) -> Result<Self, CellFault> {
        if !options.mechanisms.none() {
            return Err(CellFault::Unsupported { what: "ageing mechanisms yet; spm and spme have them" });
        }
        let salt = &set.file.electrolyte;
        let electrodes = [&set.negative, &set.positive];
        Ok(Self {
            mesh: Mesh::new(set.layers(), options.resolution),
            sphere: Sphere::of(options.modes),
            chi: 2.0 * (1.0 - salt.transference) * salt.thermodynamic_factor,
            salt_per_charge: (1.0 - salt.transference) / FARADAY,
            surface_per_m: electrodes.map(|e| 3.0 * e.file.active_fraction / e.file.radius_m),
            conductivity: electrodes.map(|e| e.conductivity_s_per_m(e.file.porosity)),
            per_flux: electrodes.map(|e| 3.0 / (FARADAY * e.file.radius_m)),
            set,
            options,
        })
    }

    /// A cell in the state that the set was published with.
    pub fn as_published(&self, temperature_c: f64) -> DfnState {
        let of = |side: usize| {
            let file = &self.electrode(side).file;
            file.concentration_initial / file.concentration_max
        };
        Model::at_rest(self, [of(0), of(1)], temperature_c)
    }

    /// Lithium in the particles [mol].
    pub fn lithium_mol(&self, state: &DfnState) -> f64 {
        let of = |place: usize| {
            let file = &self.electrode(self.mesh.side(place)).file;
            file.active_fraction * self.mesh.thickness_m[place] * state.means[place]
        };
        self.area_m2() * (0..self.mesh.places()).map(of).sum::<f64>()
    }

    /// Salt in the electrolyte [mol].
    pub fn salt_mol(&self, state: &DfnState) -> f64 {
        let amount: f64 = self.mesh.electrolyte_m.iter().zip(&state.salt).map(|(v, c)| v * c).sum();
        self.area_m2() * amount
    }

    /// Negative (0) or positive (1) electrode.
    #[inline]
    fn electrode(&self, side: usize) -> &Electrode {
        if side == 0 { &self.set.negative } else { &self.set.positive }
    }

    #[inline]
    fn area_m2(&self) -> f64 {
        self.set.file.cell.area_m2
    }

    /// Surface of particles that a place stands for, per area of the cell.
    #[inline]
    fn surface_of(&self, place: usize) -> f64 {
        self.surface_per_m[self.mesh.side(place)] * self.mesh.thickness_m[place]
    }

    /// For each place, the place after the last that shares an element with it.
    fn place_ends(&self) -> Vec<usize> {
        let mut ends: Vec<usize> = (1..=self.mesh.places()).collect();
        for element in self.mesh.elements.iter().filter(|element| element.layer != 1) {
            let Some(first) = self.mesh.place_of[element.first] else { continue };
            let end = first + element.points();
            ends[first..end].fill(end);
        }
        ends
    }
}

impl Model for DfnModel {
    type State = DfnState;
    type Work = Work;

    fn set(&self) -> &ParticleSet {
        &self.set
    }
    fn heat(&self) -> Heat {
        self.options.heat
    }
    fn ages(&self) -> bool {
        false
    }
    fn clock<'s>(&self, state: &'s DfnState) -> &'s Clock {
        &state.clock
    }
    fn clock_mut<'s>(&self, state: &'s mut DfnState) -> &'s mut Clock {
        &mut state.clock
    }
    fn seen(&self, state: &DfnState, drive: Drive, guess_a: f64) -> Result<Seen, CellFault> {
        let (stage, by_current) = self.settle(state, drive, guess_a)?;
        Ok(self.show(&stage, by_current))
    }
    fn attempt(
        &self,
        state: &DfnState,
        drive: Drive,
        dt_s: f64,
        ambient_k: f64,
        guess: &Guess,
        work: &mut Work,
    ) -> Result<Trial<DfnState>, CellFault> {
        self.step(state, drive, dt_s, ambient_k, guess, work)
    }
    fn at_rest(&self, stoichiometry: [f64; 2], temperature_c: f64) -> DfnState {
        let places = self.mesh.places();
        let of = |place: usize| {
            let side = self.mesh.side(place);
            stoichiometry[side] * self.electrode(side).file.concentration_max
        };
        DfnState {
            clock: Clock::new(temperature_c + ZERO_C),
            means: (0..places).map(of).collect(),
            modes: vec![[0.0; MODES_MAX]; places],
            salt: vec![self.set.file.electrolyte.concentration_initial; self.mesh.points],
            across: vec![0.0; places],
            flux: vec![0.0; places],
            trail: None,
        }
    }
    fn balance(&self, state: &DfnState) -> Balance {
        let area = self.area_m2();
        let hold = [0, 1].map(|side| {
            let electrode = self.electrode(side);
            electrode.capacity_ah(area, electrode.file.active_fraction)
        });
        Balance::of(&self.set, self.lithium_ah(state), hold)
    }
    fn stoichiometry(&self, state: &DfnState) -> f64 {
        self.mesh.average(0, |place| state.means[place]) / self.set.file.negative.concentration_max
    }
    fn lithium_ah(&self, state: &DfnState) -> f64 {
        FARADAY / 3600.0 * self.lithium_mol(state)
    }
    fn health(&self, state: &DfnState, lithium_new_ah: f64) -> Health {
        let balance = self.balance(state);
        let middle = Model::at_rest(self, balance.at(0.5), 25.0);
        let drive = Drive::Current { now_a: 0.0, slope_a_per_s: 0.0 };
        let resistance = self.seen(&middle, drive, 0.0).map_or(f64::NAN, |seen| -seen.answer.by_current);
        Health {
            capacity_ah: balance.capacity_ah,
            lithium_lost_pct: 100.0 * (1.0 - self.lithium_ah(state) / lithium_new_ah),
            negative_lost_pct: 0.0,
            positive_lost_pct: 0.0,
            sei_ah: 0.0,
            crack_sei_ah: 0.0,
            plating_ah: 0.0,
            resistance_ohm: resistance / self.area_m2(),
        }
    }
}
