//! What a chemistry file says about lead-acid blocks in strings: `[lead_acid]`.

use serde::{Deserialize, Serialize};

/// Lead-acid blocks beyond what every chemistry file has. Voltages are per cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadAcidFile {
    /// Where the equations come from.
    pub source: String,
    /// Voltage under discharge and charge.
    pub voltage: VoltageFile,
    /// Where a discharge ends.
    pub end_voltage: EndVoltageFile,
    /// Gassing, which is the float current.
    pub gassing: GassingFile,
    /// Corrosion of the positive grid.
    pub corrosion: CorrosionFile,
    /// Wear on float.
    pub float_life: FloatLifeFile,
    /// Wear by cycling.
    pub throughput: ThroughputFile,
    /// Layers of acid.
    pub stratification: StratificationFile,
    /// The charger.
    pub float_control: FloatControlFile,
    /// Heat.
    pub heat: HeatFile,
    /// The guard against thermal runaway.
    pub runaway: RunawayFile,
    /// How blocks of one make differ.
    pub scatter: ScatterFile,
}

/// Shepherd's voltage with charge transfer, after Schiffer et al. 2007, eqs. 1 and 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoltageFile {
    /// Open-circuit voltage when full, U₀.
    pub full_v: f64,
    /// Its fall over a discharge of the rated capacity, g.
    pub per_dod_v: f64,
    /// ρ_d: resistance on discharge times rated capacity.
    pub discharge_ohm_ah: f64,
    /// M_d: charge transfer on discharge relative to ρ_d.
    pub discharge_transfer: f64,
    /// ρ_c: resistance on charge times rated capacity, slow polarisation included.
    pub charge_ohm_ah: f64,
    /// M_c: charge transfer on charge relative to ρ_c.
    pub charge_transfer: f64,
    /// C_c: state of charge at which no more is taken.
    pub charge_capacity: f64,
    /// Relative change of both resistances with temperature, about 25 °C.
    pub resistance_per_k: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Voltage at which a discharge ends, by its duration; linear in the logarithm of the rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndVoltageFile {
    /// Durations, rising.
    pub duration_h: Vec<f64>,
    /// End voltages.
    pub voltage_v: Vec<f64>,
    /// Where the figures come from.
    pub source: String,
}

/// Gassing current: `(C/100 Ah)·I₀·exp[c_U(U − U₀) + c_T(T − 25 °C)]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GassingFile {
    /// I₀ of a new block.
    pub current_a_per_100ah: f64,
    /// U₀.
    pub voltage_v: f64,
    /// c_U [1/V].
    pub per_v: f64,
    /// c_T [1/K].
    pub per_k: f64,
    /// I₀ at the end of float life relative to new; linear in the damage until then.
    pub aged_factor: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Corrosion layer of the positive grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrosionFile {
    /// Potentials of the speed curve, rising.
    pub potential_v: Vec<f64>,
    /// Relative speeds at 25 °C [1/h].
    pub speed: Vec<f64>,
    /// Potential of the grid when full and at rest.
    pub full_v: f64,
    /// Share of the fall of the open-circuit voltage that is the grid's.
    pub dod_share: f64,
    /// Below this potential the layer protects: it grows with a power of time.
    pub porous_below_v: f64,
    /// That power.
    pub porous_exponent: f64,
    /// Speed doubles for so many kelvin.
    pub doubling_k: f64,
    /// Share of the capacity lost at the end of float life that is corrosion's.
    pub share_of_float_loss: f64,
    /// Relative rise of resistance when the layer is as thick as at the end of float life.
    pub resistance_at_limit: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Wear on float: a Miner sum over temperature and voltage, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloatLifeFile {
    /// Life at 25 °C and the right voltage.
    pub years_at_25c: f64,
    /// It halves for so many kelvin.
    pub halving_k: f64,
    /// Capacity lost at its end.
    pub capacity_loss_at_end: f64,
    /// Loss grows with this power of the damage.
    pub exponent: f64,
    /// Life halves for so much voltage too high.
    pub overvoltage_halving_v: f64,
    /// Life halves for so much voltage too low.
    pub undervoltage_halving_v: f64,
    /// Deviations count up to here.
    pub deviation_max_v: f64,
    /// Relative rise of resistance per lost over remaining capacity.
    pub resistance_per_lost_ratio: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Weighted throughput, after Schiffer et al. 2007.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThroughputFile {
    /// Z_IEC, in full discharges of rated capacity.
    pub nominal_cycles: f64,
    /// Weighted cycles at the limit relative to nominal ones.
    pub weight_factor: f64,
    /// c_Z.
    pub loss_exponent: f64,
    /// Capacity lost at the limit.
    pub loss_at_limit: f64,
    /// c₀ of the state-of-charge factor.
    pub soc_per_h: f64,
    /// c_min of the state-of-charge factor.
    pub soc_min_per_h: f64,
    /// Bad charges for a factor of e, under the cube root.
    pub bad_charge_per_fold: f64,
    /// States of charge between which an ended charge counts as bad.
    pub bad_charge_soc: [f64; 2],
    /// Where the figures come from.
    pub source: String,
}

/// Layers of acid: how they form and go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StratificationFile {
    /// Whether acid can move: true for flooded cells only.
    pub on: bool,
    /// Growth on discharge at the reference current.
    pub rise_per_h: f64,
    /// Growth falls with e to this times the layering.
    pub rise_decay: f64,
    /// Mixing by gas at `gassing_voltage_v`, 25 °C and 100 Ah.
    pub gassing_per_h: f64,
    /// Voltage of that.
    pub gassing_voltage_v: f64,
    /// Gas mixes from this voltage on.
    pub gassing_from_v: f64,
    /// Diffusion of the acid at 20 °C.
    pub diffusion_m2_per_s: f64,
    /// Height of the plates.
    pub height_m: f64,
    /// Diffusion doubles for so many kelvin.
    pub diffusion_doubling_k: f64,
    /// Where the figures come from.
    pub source: String,
}

/// What a charger does beyond the float voltage of `[float]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FloatControlFile {
    /// Temperatures between which the float voltage is compensated.
    pub compensated_c: [f64; 2],
    /// Voltage of a boost charge.
    pub boost_v: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Heat of a cell to the air.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeatFile {
    /// A cell's share of its block's dissipation.
    pub dissipation_w_per_k: f64,
    /// Where the figures come from.
    pub source: String,
}

/// Guard against thermal runaway, in terms of (dP_float/dT)/UA, which is 1 where stability ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunawayFile {
    /// Warn from here on.
    pub warn_ratio: f64,
    /// Trip from here on.
    pub trip_ratio: f64,
    /// A warning is over below this.
    pub rearm_ratio: f64,
    /// Current left to a string whose guard limits it.
    pub limited_a_per_100ah: f64,
    /// Where the figures come from.
    pub source: String,
}

/// How blocks of one make differ; one standard deviation each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScatterFile {
    /// Relative, of capacity.
    pub capacity: f64,
    /// Relative, of resistance.
    pub resistance: f64,
    /// Of the logarithm of the gassing current.
    pub ln_gassing: f64,
    /// Shape of the Weibull distribution of lives, of mean 1.
    pub life_weibull_shape: f64,
    /// Of the air temperature at a block's place.
    pub position_k: f64,
    /// Where the figures come from.
    pub source: String,
}
