//! Blocks in series on a charger: float, charge, rest.
//!
//! On float every block is full and all current is gassing. The current is one for all, so each block settles at the
//! voltage at which it gasses just that much, and the voltages add up to the charger's:
//!
//! ```text
//! ln i = c_U·U_float + mean(x_k),   U_k = (ln i − x_k)/c_U,   x_k = ln I₀,k − c_U·U_gas + c_T·(T_k − 25 °C)
//! ```
//!
//! That is how float voltages diverge: by the scatter of gassing, of temperature and of age. It is a closed form
//! and an hour is a step. Charging solves the same balance together with what is stored (see
//! [`super::shepherd`]) by Newton's method, in steps of minutes. Source: gassing law of Schiffer et al. 2007; the division follows from series connection.

use super::ageing::OnFloat;
use super::block::{BlockModel, BlockState, BlockTraits, Fade};
use super::runaway::{Guard, Trip};
use crate::forcing::Ambient;
use crate::time::{HOUR_MS, Time};
use std::sync::Arc;

/// A string as it is built.
#[derive(Debug, Clone)]
pub struct StringModel {
    /// Its blocks.
    pub block: Arc<BlockModel>,
    /// How many are in series.
    pub blocks: usize,
    /// What the charger can give.
    pub charge_current_max_a: f64,
    /// Cell voltage at which the load is dropped; by rate when left out.
    pub end_voltage_v: Option<f64>,
    /// What the guard does when it trips.
    pub trip: Trip,
    /// Steps.
    pub stepping: Stepping,
}

/// Longest steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stepping {
    /// On float and at rest.
    pub float_s: f64,
    /// On charge.
    pub charge_s: f64,
    /// On discharge, in rated capacity.
    pub depth: f64,
}

impl Default for Stepping {
    fn default() -> Self {
        Self { float_s: 3600.0, charge_s: 600.0, depth: 0.02 }
    }
}

impl Stepping {
    /// Steps half as long.
    pub fn halved(self) -> Self {
        Self { float_s: 0.5 * self.float_s, charge_s: 0.5 * self.charge_s, depth: 0.5 * self.depth }
    }
}

/// What a string without load is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charger {
    /// Nothing.
    Open,
    /// Float voltage.
    Float,
    /// Boost voltage; wears like float at too much voltage.
    Boost,
}

/// What changes about a string.
#[derive(Debug, Clone, PartialEq)]
pub struct StringState {
    /// Blocks in series.
    pub blocks: Vec<BlockState>,
    /// Current over the last step [A], positive discharging.
    pub current_a: f64,
    /// The guard.
    pub guard: Guard,
    /// Energy put in at the terminals [Wh].
    pub energy_in_wh: f64,
    /// Energy taken out at the terminals [Wh].
    pub energy_out_wh: f64,
    /// Irreversible heat within the blocks [Wh].
    pub heat_wh: f64,
    /// Reversible (entropic) heat, positive when given off [Wh].
    pub reversible_heat_wh: f64,
    pub(super) since_refresh_h: f64,
    full: bool,
}

impl StringModel {
    /// A string of the usual kind: charger of a tenth of the capacity per hour, guard that disconnects.
    pub fn new(block: Arc<BlockModel>, blocks: usize) -> Self {
        let charge_current_max_a = 0.1 * block.rated_ah;
        let (end_voltage_v, trip, stepping) = (None, Trip::Disconnect, Stepping::default());
        Self { block, blocks, charge_current_max_a, end_voltage_v, trip, stepping }
    }
}

impl StringState {
    /// New and full blocks with these traits.
    pub fn new(model: &StringModel, traits: &[BlockTraits], temperature_c: f64) -> Self {
        let block = |traits: &BlockTraits| BlockState::new(&model.block, *traits, temperature_c);
        Self {
            blocks: traits.iter().map(block).collect(),
            current_a: 0.0,
            guard: Guard::default(),
            energy_in_wh: 0.0,
            energy_out_wh: 0.0,
            heat_wh: 0.0,
            reversible_heat_wh: 0.0,
            since_refresh_h: 0.0,
            full: true,
        }
    }

    /// Voltage at the terminals [V].
    pub fn voltage_v(&self, model: &StringModel) -> f64 {
        f64::from(model.block.cells) * self.blocks.iter().map(|b| b.cell_v).sum::<f64>()
    }

    /// State of charge of the weakest block.
    pub fn soc(&self) -> f64 {
        self.blocks.iter().map(BlockState::soc).fold(1.0, f64::min)
    }

    /// Capacity of the weakest block relative to rated, and which it is.
    pub fn weakest(&self) -> (f64, usize) {
        let capacities = self.blocks.iter().enumerate().map(|(k, b)| (b.capacity, k));
        capacities.fold((f64::INFINITY, 0), |least, next| if next.0 < least.0 { next } else { least })
    }

    /// Puts a new, full block in the place of another.
    pub fn replace(&mut self, model: &StringModel, index: usize, traits: BlockTraits, temperature_c: f64) {
        self.blocks[index] = BlockState::new(&model.block, traits, temperature_c);
    }

    /// Brings the blocks' health up to date.
    pub fn refresh(&mut self, model: &StringModel) {
        self.since_refresh_h = 0.0;
        self.blocks.iter_mut().for_each(|block| {
            block.refresh(&model.block);
        });
    }

    /// What a discharge begins with.
    pub(super) fn begin_discharge(&mut self, model: &StringModel) {
        self.refresh(model);
        self.current_a = 0.0;
        self.blocks.iter_mut().for_each(|block| block.began_c = block.temperature_c);
    }

    /// What went by discharge: the string is no longer full.
    pub(super) fn no_longer_full(&mut self) {
        self.full = false;
    }

    /// From `from` to `to` on a charger or open; calls `noticed` when the guard changes its mind.
    pub fn pass(
        &mut self,
        model: &StringModel,
        charger: Charger,
        ambient: &Ambient,
        (from, to): (Time, Time),
        mut noticed: impl FnMut(Time, super::runaway::Notice),
    ) {
        let mut at = from;
        while at < to {
            let charging = charger != Charger::Open && self.guard.charges();
            let step_s =
                if charging && !self.full { model.stepping.charge_s } else { model.stepping.float_s };
            // Steps end with the hour, or whole parts of it, so that little depends on when somebody looks.
            let step_ms = ((step_s * 1e3) as i64).clamp(1, HOUR_MS);
            let until = Time((at.0.div_euclid(step_ms) + 1) * step_ms).min(to);
            let hours = until.seconds_since(at) / 3600.0;
            let air_c = ambient.at(Time(at.0 + (until - at) / 2));
            if !charging {
                self.rest(&model.block, hours, air_c);
            } else if self.full {
                self.float(model, charger, hours, air_c);
            } else {
                self.charge(model, charger, hours, air_c);
            }
            at = until;
            self.since_refresh_h += hours;
            if self.since_refresh_h >= 24.0 {
                self.refresh(model);
            }
            if let Some(notice) = self.guard.look(&model.block.runaway, model.trip) {
                noticed(at, notice);
            }
        }
    }

    /// Cell voltage that the charger is set to.
    fn set_v(&self, model: &BlockModel, charger: Charger) -> f64 {
        let mean_c = self.blocks.iter().map(|b| b.temperature_c).sum::<f64>() / self.blocks.len() as f64;
        let float_v = model.float_v(mean_c);
        if charger == Charger::Boost {
            float_v + model.control.boost_v - model.float.voltage_v
        } else {
            float_v
        }
    }

    /// Most that flows on charge, in rated capacity per hour.
    fn rate_max(&self, model: &StringModel) -> f64 {
        let charger = model.charge_current_max_a / model.block.rated_ah;
        match self.guard.limits(model.trip) {
            true => charger.min(model.block.runaway.limited_a_per_100ah / 100.0),
            false => charger,
        }
    }

    fn float(&mut self, model: &StringModel, charger: Charger, hours: f64, air_c: f64) {
        let block_model = &*model.block;
        let set_v = self.set_v(block_model, charger);
        let per_v = block_model.shepherd.gassing.per_v;
        let per_k = block_model.shepherd.gassing.per_k;
        let shift = |b: &BlockState| block_model.shepherd.ln_gassing(b.temperature_c, b.ln_gassing);
        let count = self.blocks.len() as f64;
        let ln_rate = per_v * set_v + self.blocks.iter().map(shift).sum::<f64>() / count;
        let ln_rate = ln_rate.min(self.rate_max(model).ln());
        let rate = ln_rate.exp();
        let fade = Fade::over(block_model, hours);
        let full_v = block_model.shepherd.voltage.full_v;
        let current_a = rate * block_model.rated_ah;
        let (mut volts, mut worst) = (0.0, (0.0, 0));
        for (k, block) in self.blocks.iter_mut().enumerate() {
            block.cell_v = (ln_rate - shift(block)) / per_v;
            let heat_w = current_a * block.cell_v;
            let mean_c = block.warm(block_model, heat_w, air_c, fade);
            let potential_v = block_model.ageing.corrosion_potential_v(0.0, block.cell_v - full_v);
            let deviation_v = block.cell_v - block_model.asked_v(mean_c);
            let on = OnFloat { temperature_c: mean_c, potential_v, deviation_v };
            block_model.ageing.float(&mut block.wear, on, hours, block.per_life);
            block.books.charged += rate * hours;
            block.books.gassed += rate * hours;
            volts += block.cell_v;
            if heat_w > worst.0 {
                worst = (heat_w, k);
            }
        }
        self.guard.see(per_k * worst.0 / block_model.dissipation_w_per_k, worst.1);
        self.current_a = -current_a;
        let energy_wh = current_a * volts * f64::from(block_model.cells) * hours;
        self.energy_in_wh += energy_wh;
        self.heat_wh += energy_wh;
    }

    fn rest(&mut self, model: &BlockModel, hours: f64, air_c: f64) {
        let fade = Fade::over(model, hours);
        self.full = false;
        self.current_a = 0.0;
        self.guard.see(0.0, 0);
        for block in &mut self.blocks {
            let mean_c = block.warm(model, 0.0, air_c, fade);
            let leaked = (model.leak_per_h(mean_c) * hours).min((block.capacity - block.depth).max(0.0));
            block.depth += leaked;
            block.books.leaked += leaked;
            block.cell_v = model.shepherd.open_v(block.depth);
            let fall_v = model.shepherd.voltage.full_v - block.cell_v;
            let potential_v = model.ageing.corrosion_potential_v(fall_v, 0.0);
            model.ageing.corrode(&mut block.wear, potential_v, mean_c, hours, block.per_life);
            model.ageing.use_float_life(&mut block.wear, mean_c, 0.0, hours, block.per_life);
            let soc = block.soc();
            model.ageing.rest(&mut block.wear, soc, hours, mean_c);
        }
    }

    /// A step of charge by the midpoint rule.
    fn charge(&mut self, model: &StringModel, charger: Charger, hours: f64, air_c: f64) {
        let block_model = &*model.block;
        let set_v = self.set_v(block_model, charger);
        let rate_max = self.rate_max(model);
        let mut balance: Vec<Balance> =
            self.blocks.iter().map(|b| Balance::of(block_model, b, b.depth)).collect();
        let begin = Balance::solve(&mut balance, block_model, set_v, rate_max);
        for (one, block) in balance.iter_mut().zip(&self.blocks) {
            let middle = (block.depth - 0.5 * hours * (begin - one.gassing)).max(0.0);
            *one = Balance { cell_v: one.cell_v, ..Balance::of(block_model, block, middle) };
        }
        let rate = Balance::solve(&mut balance, block_model, set_v, rate_max);
        let fade = Fade::over(block_model, hours);
        let (mut volts, mut heat_w, mut reversible_w, mut worst) = (0.0, 0.0, 0.0, (0.0, 0));
        self.full = true;
        let per_k = block_model.shepherd.gassing.per_k;
        for (k, (block, one)) in self.blocks.iter_mut().zip(&balance).enumerate() {
            let most = block.depth / hours;
            let stored = (rate - one.gassing).min(most);
            block.depth = if stored == most { 0.0 } else { block.depth - stored * hours };
            block.books.charged += rate * hours;
            block.books.gassed += (rate - stored) * hours;
            block.cell_v = one.cell_v;
            let above_v = one.cell_v - one.open_v;
            let lost_w = block_model.rated_ah * (stored * above_v + (rate - stored) * one.cell_v);
            let turned_w = block_model.rated_ah * stored * block_model.reversible_v(block.temperature_c);
            let gas_w = block_model.rated_ah * one.gassing * one.cell_v;
            let mean_c = block.warm(block_model, lost_w + turned_w, air_c, fade);
            let fall_v = block_model.shepherd.voltage.full_v - one.open_v;
            let potential_v = block_model.ageing.corrosion_potential_v(fall_v, above_v);
            block_model.ageing.corrode(&mut block.wear, potential_v, mean_c, hours, block.per_life);
            // Too little voltage is the charger at its limit here, and no undercharge; too much counts.
            let deviation_v = (block.cell_v - block_model.asked_v(mean_c)).max(0.0);
            block_model.ageing.use_float_life(&mut block.wear, mean_c, deviation_v, hours, block.per_life);
            let soc = block.soc();
            block_model.ageing.charge(&mut block.wear, block.cell_v, soc, hours, mean_c);
            self.full &= block.depth == 0.0;
            volts += one.cell_v;
            heat_w += lost_w;
            reversible_w += turned_w;
            if gas_w > worst.0 {
                worst = (gas_w, k);
            }
        }
        if self.full {
            self.blocks.iter_mut().for_each(|block| block_model.ageing.full(&mut block.wear));
        }
        self.guard.see(per_k * worst.0 / block_model.dissipation_w_per_k, worst.1);
        let cells = f64::from(block_model.cells);
        self.current_a = -rate * block_model.rated_ah;
        self.energy_in_wh += rate * block_model.rated_ah * volts * cells * hours;
        self.heat_wh += heat_w * cells * hours;
        self.reversible_heat_wh += reversible_w * cells * hours;
    }
}

/// A step of Newton's method after which voltages are settled [V].
const SETTLED_V: f64 = 1e-4;

/// How current and voltage of one block on charge belong together: `i = (U − U₀)/R + e^(c_U·U + x)`.
#[derive(Debug, Clone, Copy)]
struct Balance {
    open_v: f64,
    /// 1/R [1/(V·h)].
    per_v: f64,
    /// x.
    shift: f64,
    cell_v: f64,
    /// Gassing rate at the present guess of the voltage.
    gassing: f64,
    rate: f64,
    slope: f64,
}

impl Balance {
    fn of(model: &BlockModel, block: &BlockState, depth: f64) -> Self {
        let factor = block.resistance * model.shepherd.resistance_factor(block.temperature_c);
        let open_v = model.shepherd.open_v(depth);
        Self {
            open_v,
            per_v: 1.0 / model.shepherd.charge_slope(1.0 - depth / block.capacity, factor),
            shift: model.shepherd.ln_gassing(block.temperature_c, block.ln_gassing),
            cell_v: block.cell_v.clamp(open_v, open_v + 0.6),
            gassing: 0.0,
            rate: 0.0,
            slope: 0.0,
        }
    }

    fn look(&mut self, gassing_per_v: f64) {
        self.gassing = (gassing_per_v * self.cell_v + self.shift).exp();
        self.rate = (self.cell_v - self.open_v) * self.per_v + self.gassing;
        self.slope = self.per_v + gassing_per_v * self.gassing;
    }

    /// Voltages of all blocks, and the one rate, at a mean cell voltage or at the most that may flow.
    fn solve(blocks: &mut [Balance], model: &BlockModel, set_v: f64, rate_max: f64) -> f64 {
        let count = blocks.len() as f64;
        let gassing_per_v = model.shepherd.gassing.per_v;
        let mut rate = 0.0;
        for _ in 0..40 {
            let (mut volts, mut offset_v, mut softness) = (0.0, 0.0, 0.0);
            for one in blocks.iter_mut() {
                one.look(gassing_per_v);
                volts += one.cell_v;
                offset_v += one.rate / one.slope;
                softness += 1.0 / one.slope;
            }
            rate = ((count * set_v - volts + offset_v) / softness).clamp(0.0, rate_max);
            let mut largest_v = 0.0f64;
            for one in blocks.iter_mut() {
                let by_v = ((rate - one.rate) / one.slope).clamp(-0.1, 0.1);
                one.cell_v += by_v;
                largest_v = largest_v.max(by_v.abs());
            }
            // The next step would be the square of this one.
            if largest_v < SETTLED_V {
                break;
            }
        }
        blocks.iter_mut().for_each(|one| one.look(gassing_per_v));
        rate
    }
}
