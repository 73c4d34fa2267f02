//! Life laws: how capacity and resistance change with time and use.
//!
//! A law says how a state y grows with an axis x, time or throughput, under a constant stress:
//!
//! ```text
//! power     y = k·x^p            power_b   y = (k·x)^p
//! integral  y = k·x              sigmoid   y = 2Y·(½ − 1/(1 + e^((κx)^p))) = Y·tanh((κx)^p / 2)
//! ```
//!
//! Under a changing stress the state moves to the *virtual* x at which the present y would have been reached
//! under the present stress, and goes on from there. For power laws and for a sigmoid with constant Y and p this
//! means that the progress `z = ∫ k^(1/p) dx` (or `∫ κ dx`) simply adds up, whatever the order and however the
//! path is cut; y follows from z when somebody asks. A sigmoid whose Y or p depend on the stress takes the
//! virtual-time step itself.
//!
//! Source of the laws and of their state equations: BLAST-Lite 1.1.1 (NREL); of the virtual-time form: Naumann
//! et al. 2020, doi 10.1016/j.jpowsour.2019.227666.

use super::chemistry::{AxisFile, LawFile, LifeFile, StateFile};
use super::formula::{Formula, FormulaError, Meaning};
use super::rainflow::Cycle;
use super::sigmoid::whole_sigmoid_step;
use smallvec::SmallVec;

/// Temperature of 0 °C [K].
pub const ZERO_C_K: f64 = 273.15;

/// What a rate may depend on, as positions in a [`Stress`].
pub const VARIABLES: [&str; 13] =
    ["T", "T_C", "s", "Ua", "V", "DOD", "C", "C_charge", "C_discharge", "s_mean", "s_low", "s_high", "V_rms"];

/// Values of [`VARIABLES`]: temperature [K] and [°C], state of charge, anode potential [V], open-circuit voltage
/// [V], then the figures of a cycle: depth, mean rates [1/h], mean, lowest and highest state of charge, root mean
/// square of the open-circuit voltage [V].
pub type Stress = [f64; VARIABLES.len()];

/// Cycles shallower than this do not count as fast cycling, however short they are. assumed: well below any depth
/// that was cycled in the tests behind the models.
const RIPPLE_DEPTH: f64 = 0.05;

/// Position of the anode's potential in a [`Stress`].
const ANODE_V: usize = 3;

/// Position of the root-mean-square voltage in a [`Stress`].
pub const V_RMS: usize = 12;

/// Positions of what only a cycle has: depth and mean rates.
pub const CYCLE_ONLY: [u16; 4] = [5, 6, 7, 8];

/// Progress of every law of a model; what each number means is the law's own business.
pub type Progress = SmallVec<[f64; 4]>;

/// A cell's life model.
#[derive(Debug, Clone)]
pub struct LifeModel {
    /// The state laws, in the file's order.
    pub states: Vec<StateLaw>,
    /// Capacity relative to new, from the states.
    capacity: Formula,
    /// Resistance relative to new, from the states; `None` when the publication has none that can be used.
    resistance: Option<Formula>,
    /// Resistance of the publication where it is compared but not used.
    resistance_published: Option<Formula>,
    /// Resistance growth per relative loss of capacity, where the publication has no resistance.
    resistance_per_loss: f64,
    /// Whether a rate of a cycle asks for the anode's potential.
    uses_anode: bool,
    /// Whether a rate asks for the root-mean-square voltage of a cycle.
    uses_v_rms: bool,
}

/// One state and its law.
#[derive(Debug, Clone)]
pub struct StateLaw {
    /// Name in the output formulas.
    pub name: String,
    /// What the state grows with.
    pub axis: Axis,
    /// The law's x is the axis divided by this.
    pub axis_scale: f64,
    /// The law.
    pub law: Law,
    /// State at the start, for sigmoids that cannot leave zero.
    pub initial: f64,
    /// Whether the published driver averages temperature and state of charge first, and rates not.
    pub mean_inputs: bool,
    /// Active only above this throughput [full equivalent cycles per day].
    pub above_efc_per_day: Option<f64>,
    /// The published driver's guard: a step above the first becomes the second times the axis step.
    pub step_guard: Option<(f64, f64)>,
}

/// What a state grows with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Time [d].
    Days,
    /// Full equivalent cycles in rated capacity.
    Efc,
}

/// A law with its rates. Several factors of a rate are averaged apart and then multiplied.
#[derive(Debug, Clone)]
pub enum Law {
    /// `y = k·x^p`.
    Power {
        /// Factors of k.
        rate: Vec<Formula>,
        /// p; negative for a loss that decays.
        exponent: f64,
    },
    /// `y = (k·x)^p`.
    PowerB {
        /// Factors of k.
        rate: Vec<Formula>,
        /// p.
        exponent: f64,
    },
    /// `y = k·x`.
    Integral {
        /// Factors of k.
        rate: Vec<Formula>,
    },
    /// `y = Y·tanh((κx)^p / 2)`.
    Sigmoid {
        /// Y.
        plateau: Formula,
        /// κ.
        rate: Formula,
        /// p.
        exponent: Formula,
    },
}

impl Law {
    /// Plateau and exponent of a sigmoid in which neither depends on the stress.
    pub fn fixed_sigmoid(&self) -> Option<(f64, f64)> {
        match self {
            Law::Sigmoid { plateau, exponent, .. } => plateau.as_constant().zip(exponent.as_constant()),
            _ => None,
        }
    }
}

impl Law {
    /// Whether any of the law's formulas mentions this variable.
    pub fn mentions(&self, variable: u16) -> bool {
        match self {
            Law::Power { rate, .. } | Law::PowerB { rate, .. } | Law::Integral { rate } => {
                rate.iter().any(|factor| factor.mentions(variable))
            }
            Law::Sigmoid { plateau, rate, exponent } => {
                [plateau, rate, exponent].iter().any(|formula| formula.mentions(variable))
            }
        }
    }
}

/// Health relative to new.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Health {
    /// Capacity relative to new, not below 0.
    pub capacity: f64,
    /// Resistance relative to new, not below 0.1.
    pub resistance: f64,
}

impl LifeModel {
    /// Compiles the formulas of a chemistry file.
    ///
    /// # Errors
    /// When a formula cannot be read.
    pub fn compile(file: &LifeFile) -> Result<Self, FormulaError> {
        let mut shorthands: Vec<(String, Formula)> = Vec::new();
        for (name, text) in &file.shorthand {
            let formula = Formula::parse(text, &|name| stress_meaning(name, &shorthands))?;
            shorthands.push((name.clone(), formula));
        }
        let rate = |text: &str| Formula::parse(text, &|name| stress_meaning(name, &shorthands));
        let states =
            file.state.iter().map(|state| compile_state(state, &rate)).collect::<Result<Vec<_>, _>>()?;
        let of_states = |text: &str| {
            Formula::parse(text, &|name| {
                file.state.iter().position(|s| s.name == name).map(|i| Meaning::Variable(i as u16))
            })
        };
        let uses_v_rms = states.iter().any(|state| state.law.mentions(V_RMS as u16));
        let mut of_cycles = states.iter().filter(|state| state.axis == Axis::Efc);
        let uses_anode = of_cycles.any(|state| state.law.mentions(ANODE_V as u16));
        Ok(Self {
            states,
            uses_anode,
            uses_v_rms,
            capacity: of_states(&file.capacity)?,
            resistance: file.resistance.as_deref().map(of_states).transpose()?,
            resistance_published: file.resistance_published.as_deref().map(of_states).transpose()?,
            resistance_per_loss: file.resistance_per_loss,
        })
    }

    /// Whether a published resistance is in use, rather than one assumed from the loss of capacity.
    pub fn has_resistance(&self) -> bool {
        self.resistance.is_some()
    }

    /// Capacity and (where published) resistance from the values of the states, as the publication gives them,
    /// whether or not they are fit for use.
    pub fn published(&self, states: &[f64]) -> (f64, Option<f64>) {
        let resistance = self.resistance_published.as_ref().or(self.resistance.as_ref());
        (self.capacity.value(states), resistance.map(|formula| formula.value(states)))
    }

    /// Capacity relative to new from the values of the states, not below 0.
    pub fn capacity(&self, states: &[f64]) -> f64 {
        self.capacity.value(states).max(0.0)
    }

    /// Health from the values of the states, kept within what a cell can be.
    pub fn health(&self, states: &[f64]) -> Health {
        let capacity = self.capacity(states);
        let resistance = match &self.resistance {
            Some(formula) => formula.value(states),
            None => 1.0 + self.resistance_per_loss * (1.0 - capacity).max(0.0),
        };
        Health { capacity, resistance: resistance.max(0.1) }
    }

    /// Progress of a new cell.
    pub fn new_progress(&self) -> Progress {
        self.states
            .iter()
            .map(|state| match state.law.fixed_sigmoid() {
                Some((plateau, exponent)) if state.initial > 0.0 => {
                    (2.0 * (state.initial / plateau).atanh()).powf(1.0 / exponent)
                }
                _ => state.initial,
            })
            .collect()
    }

    /// Values of the states from their progress.
    ///
    /// `age_days` is the cell's age: a law with a negative exponent, which would start at infinity, stays at
    /// zero for its first day, the first step of the published driver.
    pub fn states(&self, progress: &[f64], age_days: f64) -> Progress {
        let value = |(state, z): (&StateLaw, &f64)| match &state.law {
            Law::Power { exponent, .. } | Law::PowerB { exponent, .. } => {
                if *z <= 0.0 || (*exponent < 0.0 && age_days < 1.0) { 0.0 } else { z.powf(*exponent) }
            }
            Law::Integral { .. } => *z,
            Law::Sigmoid { .. } => match state.law.fixed_sigmoid() {
                Some((plateau, exponent)) => plateau * (0.5 * z.powf(exponent)).tanh(),
                None => *z,
            },
        };
        self.states.iter().zip(progress).map(value).collect()
    }

    /// Stress of a cycle, [`cycle_stress`] without the work for figures that this model does not ask for.
    pub fn cycle_stress(&self, cycle: &Cycle, ocv_v: impl Fn(f64) -> f64) -> Stress {
        if self.uses_v_rms {
            return cycle_stress(cycle, ocv_v);
        }
        let soc_mean = 0.5 * (cycle.soc_low + cycle.soc_high);
        let anode_v = if self.uses_anode { anode_potential_v(soc_mean) } else { f64::NAN };
        stress_of_cycle(cycle, soc_mean, ocv_v(soc_mean), anode_v)
    }

    /// Adds a closed cycle (or half of one, told by its `efc`) to the laws that grow with throughput.
    /// `stress` carries the cycle's figures; [`cycle_stress`] makes it.
    pub fn add_cycle(&self, progress: &mut [f64], cycle: &Cycle, stress: &Stress) {
        for (state, z) in self.states.iter().zip(progress) {
            let fast_enough = state.above_efc_per_day.is_none_or(|limit| {
                // A ripple is over so soon that its rate means nothing, and half a cycle tells nothing of the
                // rests that belong to it.
                let counts = cycle.whole && cycle.depth() >= RIPPLE_DEPTH && cycle.days > 0.0;
                counts && cycle.efc / cycle.days > limit
            });
            if state.axis == Axis::Efc && fast_enough {
                let dx = cycle.efc / state.axis_scale;
                *z = state.law.progressed(*z, dx, stress);
            }
        }
    }
}

impl Law {
    /// Progress after `dx` more of the axis under one stress. Where a rate is undefined or negative, or a
    /// plateau already passed, nothing moves.
    pub fn progressed(&self, z: f64, dx: f64, stress: &Stress) -> f64 {
        match self {
            Law::Sigmoid { plateau, rate, exponent } if self.fixed_sigmoid().is_none() => {
                let (plateau, kappa, p) = (plateau.value(stress), rate.value(stress), exponent.value(stress));
                whole_sigmoid_step(z, dx, plateau, kappa, p)
            }
            _ => z + dx * self.progress_rate(stress),
        }
    }

    /// Rate at which additive progress grows with x: `k^(1/p)`, k or κ by the law; zero where undefined.
    /// For a sigmoid with variable plateau this is κ alone.
    pub fn progress_rate(&self, stress: &Stress) -> f64 {
        let product = |rate: &[Formula]| rate.iter().map(|factor| factor.value(stress)).product::<f64>();
        let speed = match self {
            Law::Power { rate, exponent } => product(rate).max(0.0).powf(1.0 / exponent),
            Law::PowerB { rate, .. } | Law::Integral { rate } => product(rate).max(0.0),
            Law::Sigmoid { rate, .. } => rate.value(stress).max(0.0),
        };
        if speed.is_finite() { speed } else { 0.0 }
    }
}

/// Stress at one instant: temperature and state of charge, with what follows from them.
pub fn instant_stress(temperature_c: f64, soc: f64, ocv_v: f64) -> Stress {
    stress_at(temperature_c, soc, ocv_v, anode_potential_v(soc))
}

#[inline]
fn stress_at(temperature_c: f64, soc: f64, ocv_v: f64, anode_v: f64) -> Stress {
    let mut stress = [0.0; VARIABLES.len()];
    stress[0] = temperature_c + ZERO_C_K;
    stress[1] = temperature_c;
    stress[2] = soc;
    stress[ANODE_V] = anode_v;
    stress[4] = ocv_v;
    stress[9] = soc;
    stress[10] = soc;
    stress[11] = soc;
    stress[V_RMS] = ocv_v;
    stress
}

/// Stress of a cycle: its mean temperature and state of charge, depth and rates.
pub fn cycle_stress(cycle: &Cycle, ocv_v: impl Fn(f64) -> f64) -> Stress {
    let soc_mean = 0.5 * (cycle.soc_low + cycle.soc_high);
    let mut stress = stress_of_cycle(cycle, soc_mean, ocv_v(soc_mean), anode_potential_v(soc_mean));
    let square = |k: u32| ocv_v(cycle.soc_low + cycle.depth() * f64::from(k) / 8.0).powi(2);
    let simpson = (0..=8).map(|k| {
        square(k)
            * if k == 0 || k == 8 {
                1.0
            } else if k % 2 == 1 {
                4.0
            } else {
                2.0
            }
    });
    stress[V_RMS] = (simpson.sum::<f64>() / 24.0).sqrt();
    stress
}

/// Stress of a cycle, its root-mean-square voltage taken as the voltage at its mean state of charge.
#[inline]
fn stress_of_cycle(cycle: &Cycle, soc_mean: f64, ocv_v: f64, anode_v: f64) -> Stress {
    let mut stress = stress_at(cycle.temperature_c, soc_mean, ocv_v, anode_v);
    stress[5] = cycle.depth();
    stress[6] = cycle.c_rate;
    stress[7] = cycle.c_rate_charge;
    stress[8] = cycle.c_rate_discharge;
    stress[10] = cycle.soc_low;
    stress[11] = cycle.soc_high;
    stress
}

/// Potential of a graphite anode against lithium at a cell's state of charge [V].
///
/// Source: Safari & Delacourt 2011, doi 10.1149/1.3567007; stoichiometry from state of charge after Schimpe et
/// al. 2018, doi 10.1149/2.1181714jes. BLAST-Lite uses it for every chemistry, and so must its parameters.
pub fn anode_potential_v(soc: f64) -> f64 {
    let x = 0.0085 + 0.7715 * soc;
    0.6379 + 0.5416 * (-305.5309 * x).exp() + 0.044 * (-(x - 0.1958) / 0.1088).tanh()
        - 0.1978 * ((x - 1.0571) / 0.0854).tanh()
        - 0.6875 * ((x + 0.0117) / 0.0529).tanh()
        - 0.0175 * ((x - 0.5692) / 0.0875).tanh()
}

fn stress_meaning<'a>(name: &str, shorthands: &'a [(String, Formula)]) -> Option<Meaning<'a>> {
    if let Some(index) = VARIABLES.iter().position(|known| *known == name) {
        return Some(Meaning::Variable(index as u16));
    }
    shorthands.iter().find(|(known, _)| known == name).map(|(_, formula)| Meaning::Shorthand(formula))
}

fn compile_state(
    state: &StateFile,
    rate: &dyn Fn(&str) -> Result<Formula, FormulaError>,
) -> Result<StateLaw, FormulaError> {
    let factors = |texts: &[String]| texts.iter().map(|text| rate(text)).collect::<Result<Vec<_>, _>>();
    let law = match &state.law {
        LawFile::Power { rate, exponent } => Law::Power { rate: factors(rate)?, exponent: *exponent },
        LawFile::PowerB { rate, exponent } => Law::PowerB { rate: factors(rate)?, exponent: *exponent },
        LawFile::Integral { rate } => Law::Integral { rate: factors(rate)? },
        LawFile::Sigmoid { plateau, rate: kappa, exponent } => {
            Law::Sigmoid { plateau: rate(plateau)?, rate: rate(kappa)?, exponent: rate(exponent)? }
        }
    };
    Ok(StateLaw {
        name: state.name.clone(),
        axis: match state.axis {
            AxisFile::Days => Axis::Days,
            AxisFile::Efc => Axis::Efc,
        },
        axis_scale: state.axis_scale,
        law,
        initial: state.initial,
        mean_inputs: state.mean_inputs,
        above_efc_per_day: state.above_efc_per_day,
        step_guard: state.step_guard,
    })
}
