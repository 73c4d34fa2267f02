//! One block: cells in one case, alike among themselves and different from other blocks.

use super::ageing::{Ageing, AgeingModel, Loss};
use super::capacity::RateCurve;
use super::file::{FloatControlFile, LeadAcidFile, RunawayFile, ScatterFile};
use super::shepherd::Shepherd;
use crate::battery::chemistry::{ChemistryFile, FloatFile, LossesFile};
use crate::battery::circuit::interpolate;
use crate::battery::life::ZERO_C_K;
use crate::rng::Stream;
use rand_distr::{Distribution, LogNormal, Normal, Weibull};

/// Why a chemistry makes no lead-acid block.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LeadAcidError {
    /// The file lacks a part.
    #[error("chemistry `{name}` has no [{part}], which lead-acid strings need")]
    Missing {
        /// The chemistry.
        name: String,
        /// The part.
        part: &'static str,
    },
}

/// A make of blocks, ready to be simulated. Everything is per cell unless said.
#[derive(Debug, Clone)]
pub struct BlockModel {
    /// Cells in series in a block.
    pub cells: u32,
    /// Rated capacity [Ah].
    pub rated_ah: f64,
    /// Voltage.
    pub shepherd: Shepherd,
    /// Capacity over rate and temperature.
    pub rates: RateCurve,
    /// Wear.
    pub ageing: AgeingModel,
    /// Float voltage and its compensation.
    pub float: FloatFile,
    /// The charger.
    pub control: FloatControlFile,
    /// The guard.
    pub runaway: RunawayFile,
    /// How blocks differ.
    pub scatter: ScatterFile,
    /// Dissipation to the air [W/K].
    pub dissipation_w_per_k: f64,
    /// Heat capacity [J/K].
    pub heat_j_per_k: f64,
    /// Change of the open-circuit voltage with temperature [V/K].
    pub entropy_v_per_k: f64,
    losses: LossesFile,
}

/// By what one block differs from its make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockTraits {
    /// Capacity when new, relative to rated.
    pub capacity: f64,
    /// Resistance when new, relative to the make's.
    pub resistance: f64,
    /// Logarithm of the gassing current relative to the make's.
    pub ln_gassing: f64,
    /// Life relative to the make's.
    pub life: f64,
    /// Air at its place against the room's [K].
    pub position_k: f64,
}

impl Default for BlockTraits {
    fn default() -> Self {
        Self { capacity: 1.0, resistance: 1.0, ln_gassing: 0.0, life: 1.0, position_k: 0.0 }
    }
}

/// Charge through one block since it was put in, relative to rated capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Books {
    /// Put in at the terminals.
    pub charged: f64,
    /// Taken out at the terminals.
    pub discharged: f64,
    /// Put in and gone as gas, recombined or not.
    pub gassed: f64,
    /// Lost without current.
    pub leaked: f64,
}

/// What changes about one block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockState {
    /// By what it differs.
    pub traits: BlockTraits,
    /// Missing charge relative to rated capacity.
    pub depth: f64,
    /// Temperature.
    pub temperature_c: f64,
    /// Temperature when the last discharge began: what a data sheet's capacities go by, own warming included.
    pub began_c: f64,
    /// Voltage of one of its cells [V].
    pub cell_v: f64,
    /// Wear.
    pub wear: Ageing,
    /// Capacity relative to rated, as of the last refresh.
    pub capacity: f64,
    /// Resistance relative to a new block of the make at 25 °C, as of the last refresh.
    pub resistance: f64,
    /// Logarithm of the gassing current relative to the make's when new, as of the last refresh.
    pub ln_gassing: f64,
    /// Charge that went through.
    pub books: Books,
    pub(super) per_life: f64,
}

impl BlockModel {
    /// Compiles a chemistry file into blocks of so many cells.
    ///
    /// # Errors
    /// When the file lacks what lead-acid strings need.
    pub fn compile(file: &ChemistryFile, cells: u32) -> Result<Self, LeadAcidError> {
        let missing = |part| LeadAcidError::Missing { name: file.name.clone(), part };
        let lead: &LeadAcidFile = file.lead_acid.as_ref().ok_or_else(|| missing("lead_acid"))?;
        let rate = file.rate_capacity.as_ref().ok_or_else(|| missing("rate_capacity"))?;
        let float = file.float.clone().ok_or_else(|| missing("float"))?;
        let rated_ah = file.cell.capacity_ah;
        Ok(Self {
            cells,
            rated_ah,
            shepherd: Shepherd::new(lead.voltage.clone(), lead.gassing.clone()),
            rates: RateCurve::new(rate, (&lead.end_voltage.duration_h, &lead.end_voltage.voltage_v)),
            ageing: AgeingModel::new(lead, float.voltage_v, rated_ah),
            float,
            control: lead.float_control.clone(),
            runaway: lead.runaway.clone(),
            scatter: lead.scatter.clone(),
            dissipation_w_per_k: lead.heat.dissipation_w_per_k,
            heat_j_per_k: file.cell.mass_kg * file.cell.heat_capacity_j_per_kg_k,
            entropy_v_per_k: 1e-3 * interpolate(&file.entropy.soc, &file.entropy.value, 1.0),
            losses: file.losses.clone(),
        })
    }

    /// Float voltage per cell for a temperature, held beyond the compensated range.
    #[inline]
    pub fn float_v(&self, temperature_c: f64) -> f64 {
        let [low, high] = self.control.compensated_c;
        self.float.voltage_v + self.float.compensation_v_per_k * (temperature_c.clamp(low, high) - 25.0)
    }

    /// Float voltage that a temperature asks for, wherever the charger stops following [V].
    #[inline]
    pub fn asked_v(&self, temperature_c: f64) -> f64 {
        self.float.voltage_v + self.float.compensation_v_per_k * (temperature_c - 25.0)
    }

    /// Float current of a new block at a cell voltage and temperature [A].
    pub fn float_current_a(&self, cell_v: f64, temperature_c: f64) -> f64 {
        self.rated_ah * self.shepherd.gassing_rate(cell_v, temperature_c, 0.0)
    }

    /// Self-discharge relative to rated capacity [1/h].
    pub fn leak_per_h(&self, temperature_c: f64) -> f64 {
        let at_25 = self.losses.self_discharge_per_month / (30.0 * 24.0);
        at_25 * ((temperature_c.min(120.0) - 25.0) / self.losses.self_discharge_doubling_k).exp2()
    }

    /// T·dU/dT: reversible heat per charge stored [V].
    #[inline]
    pub fn reversible_v(&self, temperature_c: f64) -> f64 {
        (temperature_c + ZERO_C_K) * self.entropy_v_per_k
    }

    /// C_d of a block at a rate and temperature.
    ///
    /// A lost share of capacity takes the same share off C_d at every rate; higher resistance then takes more off
    /// at high rates.
    #[inline]
    pub fn knee(&self, block: &BlockState, c_rate: f64, factor_new: f64) -> f64 {
        let share = self.rates.share(self.rates.at(c_rate), self.rates.warmth(block.temperature_c));
        let end_v = self.rates.end_voltage_v(c_rate);
        block.capacity * self.shepherd.knee(c_rate, share, end_v, factor_new)
    }

    /// Capacity of a block at a constant rate from full, at its present temperature, relative to rated.
    pub fn capacity_at(&self, block: &BlockState, c_rate: f64, end_v: Option<f64>) -> f64 {
        let factor_new = self.shepherd.resistance_factor(block.temperature_c);
        let knee = self.knee(block, c_rate, factor_new);
        let end_v = end_v.unwrap_or_else(|| self.rates.end_voltage_v(c_rate));
        self.shepherd.depth_at_end(c_rate, knee, end_v, factor_new * block.resistance)
    }

    /// Resistance of a block at its present temperature, full [Ω].
    pub fn resistance_ohm(&self, block: &BlockState) -> f64 {
        let cell = self.shepherd.voltage.discharge_ohm_ah / self.rated_ah;
        f64::from(self.cells) * cell * block.resistance * self.shepherd.resistance_factor(block.temperature_c)
    }

    /// Draws a block from its make.
    pub fn draw(&self, stream: &mut Stream) -> BlockTraits {
        let scatter = &self.scatter;
        let normal = |mean: f64, sd: f64| Normal::new(mean, sd).expect("checked: finite and not negative");
        let sigma = scatter.resistance.powi(2).ln_1p().sqrt();
        let resistance = LogNormal::new(-0.5 * sigma * sigma, sigma).expect("checked: finite, not negative");
        let shape = scatter.life_weibull_shape;
        let scale = 1.0 / statrs::function::gamma::gamma(1.0 + 1.0 / shape);
        let life = Weibull::new(scale, shape).expect("checked: positive");
        BlockTraits {
            capacity: normal(1.0, scatter.capacity).sample(stream).clamp(0.5, 1.5),
            resistance: resistance.sample(stream),
            ln_gassing: normal(0.0, scatter.ln_gassing).sample(stream),
            life: life.sample(stream).max(0.05),
            position_k: normal(0.0, scatter.position_k).sample(stream),
        }
    }
}

impl BlockState {
    /// A new, full block.
    pub fn new(model: &BlockModel, traits: BlockTraits, temperature_c: f64) -> Self {
        let mut block = Self {
            traits,
            depth: 0.0,
            temperature_c,
            began_c: temperature_c,
            cell_v: model.shepherd.open_v(0.0),
            wear: Ageing::default(),
            capacity: 1.0,
            resistance: 1.0,
            ln_gassing: 0.0,
            books: Books::default(),
            per_life: 1.0 / traits.life,
        };
        block.refresh(model);
        block
    }

    /// Brings capacity, resistance and gassing up to date with the wear.
    pub fn refresh(&mut self, model: &BlockModel) -> Loss {
        let loss = model.ageing.loss(&self.wear);
        self.capacity = self.traits.capacity * loss.capacity();
        self.resistance = self.traits.resistance * loss.resistance;
        let aged = 1.0 + (model.shepherd.gassing.aged_factor - 1.0) * model.ageing.used_up(&self.wear);
        self.ln_gassing = self.traits.ln_gassing + aged.ln();
        loss
    }

    /// State of charge of present capacity.
    #[inline]
    pub fn soc(&self) -> f64 {
        (1.0 - self.depth / self.capacity).clamp(0.0, 1.0)
    }

    /// Temperature over a stretch under constant heat per cell: exact for one lump of heat capacity. Returns the mean.
    #[inline]
    pub(super) fn warm(&mut self, model: &BlockModel, heat_w: f64, air_c: f64, fade: Fade) -> f64 {
        let settled_c = air_c + self.traits.position_k + heat_w / model.dissipation_w_per_k;
        let excess = self.temperature_c - settled_c;
        self.temperature_c = settled_c + excess * fade.end;
        settled_c + excess * fade.mean
    }
}

/// What is left of an excess temperature at the end of a stretch, and on average over it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fade {
    end: f64,
    mean: f64,
}

impl Fade {
    pub(super) fn over(model: &BlockModel, hours: f64) -> Self {
        let x = hours * 3600.0 * model.dissipation_w_per_k / model.heat_j_per_k;
        let end = (-x).exp();
        Self { end, mean: if x > 1e-9 { (1.0 - end) / x } else { 1.0 } }
    }
}
