//! Chemistry files: everything that makes one cell different from another, as data with sources.

pub use super::lead_acid::file::LeadAcidFile;
use serde::{Deserialize, Serialize};

/// A cell as its file describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChemistryFile {
    /// Name used in scenarios, kebab-case.
    pub name: String,
    /// Name in the publication or package that the life model came from.
    pub published_as: String,
    /// One line for people.
    pub title: String,
    /// Maker and type of the cell.
    pub make: String,
    /// Family: `LFP`, `NMC811`, `NCA`, `LMO`, `LTO`, `VRLA` …
    pub family: String,
    /// Where the figures come from, most important first.
    pub sources: Vec<String>,
    /// What to mistrust, in words.
    #[serde(default)]
    pub cautions: Vec<String>,
    /// Fixed properties of the cell.
    pub cell: CellFile,
    /// Limits of operation.
    pub limits: LimitsFile,
    /// Open-circuit voltage over state of charge.
    pub ocv: CurveFile,
    /// Half the gap between charge and discharge branches of the open-circuit voltage.
    pub hysteresis: HysteresisFile,
    /// Change of open-circuit voltage with temperature [mV/K] over state of charge.
    pub entropy: CurveFile,
    /// Equivalent circuit.
    pub circuit: CircuitFile,
    /// What is lost beside ohmic heat.
    pub losses: LossesFile,
    /// Capacity that depends on rate and temperature (lead-acid).
    #[serde(default)]
    pub rate_capacity: Option<RateCapacityFile>,
    /// Float charge (lead-acid).
    #[serde(default)]
    pub float: Option<FloatFile>,
    /// Blocks in strings (lead-acid).
    #[serde(default)]
    pub lead_acid: Option<LeadAcidFile>,
    /// Life model.
    pub life: LifeFile,
}

/// Fixed properties of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellFile {
    /// Rated capacity.
    pub capacity_ah: f64,
    /// Nominal voltage.
    pub voltage_nominal_v: f64,
    /// Mass.
    pub mass_kg: f64,
    /// Specific heat.
    pub heat_capacity_j_per_kg_k: f64,
    /// Heat given off by one cell in the open per kelvin above the air [W/K], where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heat_transfer_w_per_k: Option<f64>,
}

/// Limits of operation. Within `derating_k` of a temperature limit the allowed current falls linearly to zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// Lowest voltage under load.
    pub voltage_min_v: f64,
    /// Highest voltage under charge.
    pub voltage_max_v: f64,
    /// Highest charge rate [1/h of rated capacity].
    pub charge_c_rate_max: f64,
    /// Highest discharge rate [1/h of rated capacity].
    pub discharge_c_rate_max: f64,
    /// Charging is allowed between these temperatures.
    pub charge_temperature_c: [f64; 2],
    /// Discharging is allowed between these temperatures.
    pub discharge_temperature_c: [f64; 2],
    /// Width of the derating ramp inside each temperature limit.
    pub derating_k: f64,
    /// A charge at constant voltage ends at this rate [1/h].
    pub charge_cutoff_c_rate: f64,
}

/// Values over state of charge, linear in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurveFile {
    /// State of charge, rising from 0 to 1.
    pub soc: Vec<f64>,
    /// Values.
    pub value: Vec<f64>,
    /// Where the curve comes from.
    pub source: String,
}

/// One-state hysteresis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HysteresisFile {
    /// State of charge, rising from 0 to 1.
    pub soc: Vec<f64>,
    /// Half the gap between the branches [V].
    pub half_gap_v: Vec<f64>,
    /// The branch is approached with e^(−γ·|Δsoc|).
    pub gamma: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Two-RC circuit of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircuitFile {
    /// Series resistance [Ω].
    pub r0_ohm: SurfaceFile,
    /// Resistance of the fast pair [Ω].
    pub r1_ohm: SurfaceFile,
    /// Resistance of the slow pair [Ω].
    pub r2_ohm: SurfaceFile,
    /// Time constant of the fast pair.
    pub tau1_s: f64,
    /// Time constant of the slow pair.
    pub tau2_s: f64,
    /// How R0 falls at high current; constant when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub knee: Option<KneeFile>,
    /// Where the figures come from.
    pub source: String,
}

/// How charge transfer bends R0: `R0(I) = R_o + (R0 − R_o)·asinh(x)/x` with `x = |I|·(R0 − R_o)/V_k`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KneeFile {
    /// V_k: overpotential of charge transfer beyond which it grows like a logarithm [V].
    pub voltage_v: f64,
    /// R_o: part of R0 that does not depend on the current [Ω].
    pub ohmic_ohm: f64,
}

/// Values over state of charge and, optionally, temperature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceFile {
    /// State of charge, rising.
    pub soc: Vec<f64>,
    /// Temperatures of the rows, rising; one row holds at 25 °C when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub temperature_c: Vec<f64>,
    /// One row of values per temperature.
    pub rows: Vec<Vec<f64>>,
    /// Beyond the rows (or from the only row) values follow Arrhenius' law with this energy.
    pub activation_energy_j_per_mol: f64,
}

/// Losses beside ohmic heat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossesFile {
    /// Charge stored per charge put in.
    pub coulombic_efficiency: f64,
    /// Share of a full charge lost in a month (30 d) at 25 °C.
    pub self_discharge_per_month: f64,
    /// Self-discharge doubles for so many kelvin.
    pub self_discharge_doubling_k: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Capacity that depends on discharge rate and temperature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateCapacityFile {
    /// Peukert's exponent k in C = C_r (I_r/I)^(k−1).
    pub peukert_exponent: f64,
    /// Rate at which the rated capacity holds [1/h].
    pub reference_c_rate: f64,
    /// Durations of discharges [h], falling from the reference, whose capacity is known; where there are such, the
    /// exponent is the one between neighbours and the last one's beyond.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub point_duration_h: Vec<f64>,
    /// Capacity over these durations relative to rated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub point_share: Vec<f64>,
    /// Temperatures of the capacity table.
    pub temperature_c: Vec<f64>,
    /// Discharge durations of its rows [h], rising.
    pub duration_h: Vec<f64>,
    /// Capacity relative to 25 °C, one row per duration.
    pub rows: Vec<Vec<f64>>,
    /// Where the figures come from.
    pub source: String,
}

/// Float charge of a lead-acid cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloatFile {
    /// Float voltage at 25 °C.
    pub voltage_v: f64,
    /// Change of the float voltage with temperature.
    pub compensation_v_per_k: f64,
    /// Float current at 25 °C and the float voltage.
    pub current_a: f64,
    /// Float current doubles for so many kelvin.
    pub current_doubling_k: f64,
    /// Exponent of the float current over voltage [1/V].
    pub current_per_v: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Life model of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifeFile {
    /// Where the model comes from.
    pub source: String,
    /// What the model was fitted on.
    pub fitted: FittedFile,
    /// Shorthands for the formulas below, `[[name, formula], …]`, each may use those before it.
    #[serde(default)]
    pub shorthand: Vec<(String, String)>,
    /// The states.
    pub state: Vec<StateFile>,
    /// Capacity relative to new, from the names of the states.
    pub capacity: String,
    /// Resistance relative to new, from the names of the states.
    #[serde(default)]
    pub resistance: Option<String>,
    /// Resistance as published, where it is not fit for use and only compared with the publication.
    #[serde(default)]
    pub resistance_published: Option<String>,
    /// Growth of resistance per relative loss of capacity, used where no resistance is published.
    #[serde(default)]
    pub resistance_per_loss: f64,
}

/// Ranges that the life model was fitted on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FittedFile {
    /// Temperature.
    pub temperature_c: [f64; 2],
    /// Depth of discharge.
    #[serde(default = "zero_to_one")]
    pub depth: [f64; 2],
    /// Mean rate of cycling [1/h].
    pub c_rate: [f64; 2],
    /// Where the ranges come from.
    pub source: String,
}

/// A fitted range of temperature reaches a little beyond the tests that it names, which held theirs to about this [K].
const EDGE_K: f64 = 0.5;
/// The same of depths and rates, as a share.
const EDGE_SHARE: f64 = 0.01;

impl FittedFile {
    /// Whether a temperature lies within the range [°C].
    #[inline]
    pub fn holds_temperature(&self, temperature_c: f64) -> bool {
        let [low_c, high_c] = self.temperature_c;
        !(temperature_c < low_c - EDGE_K || temperature_c > high_c + EDGE_K)
    }

    /// Whether a cycle of a mean rate [1/h] and a depth lies within the ranges.
    #[inline]
    pub fn holds_cycle(&self, c_rate: f64, depth: f64) -> bool {
        let outside = |value: f64, [low, high]: [f64; 2]| {
            value < low * (1.0 - EDGE_SHARE) || value > high * (1.0 + EDGE_SHARE)
        };
        !(outside(c_rate, self.c_rate) || outside(depth, self.depth))
    }
}

fn zero_to_one() -> [f64; 2] {
    [0.0, 1.0]
}

/// One state of a life model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateFile {
    /// Name in the output formulas.
    pub name: String,
    /// What it grows with.
    pub axis: AxisFile,
    /// The law's x is the axis divided by this.
    #[serde(default = "one")]
    pub axis_scale: f64,
    /// The law.
    pub law: LawFile,
    /// State at the start.
    #[serde(default)]
    pub initial: f64,
    /// The published driver averages temperature and state of charge before it evaluates the rate.
    #[serde(default)]
    pub mean_inputs: bool,
    /// Active only above this throughput [full equivalent cycles per day].
    #[serde(default)]
    pub above_efc_per_day: Option<f64>,
    /// The published driver's guard: `[largest step, step per axis instead]`.
    #[serde(default)]
    pub step_guard: Option<(f64, f64)>,
}

fn one() -> f64 {
    1.0
}

/// What a state grows with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AxisFile {
    /// Time [d].
    Days,
    /// Full equivalent cycles in rated capacity.
    Efc,
}

/// A law and its rates as formulas; several factors of a rate are averaged apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LawFile {
    /// `y = k·x^p`.
    Power {
        /// Factors of k.
        rate: Vec<String>,
        /// p.
        exponent: f64,
    },
    /// `y = (k·x)^p`.
    PowerB {
        /// Factors of k.
        rate: Vec<String>,
        /// p.
        exponent: f64,
    },
    /// `y = k·x`.
    Integral {
        /// Factors of k.
        rate: Vec<String>,
    },
    /// `y = Y·tanh((κx)^p / 2)`.
    Sigmoid {
        /// Y.
        plateau: String,
        /// κ.
        rate: String,
        /// p.
        exponent: String,
    },
}
