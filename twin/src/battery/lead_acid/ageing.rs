//! How a lead-acid block wears: corrosion, float, weighted throughput.
//!
//! ```text
//! corrosion   U_corr = 1.75 V − (10/13)·g·D ± half the drop or rise of voltage by current
//!             k = k_Lander(U_corr)·2^((T−25)/15)
//!             U_corr ≥ 1.74 V:  dW/dt = k         below:  W = k·x^0.6,  x = (W/k)^(1/0.6) + t
//!             w = W/W_lim,  W_lim = life·k on float at 25 °C
//! float       dB/dt = 2^((T−25)/10)·2^(ΔU/50 mV) / life
//! throughput  dZ = (I/C_N)·f_SOC·f_acid·dt
//!             f_SOC  = 1 + [c₀ + c_min·(1 − S_min)]·f_I·t_full,   f_I = √(I₁₀/I)·exp(n/3.6)^(1/3)
//!             Δn     = [0.0025 − (0.95 − S_max)²]/0.0025 for a charge that ends within 0.90 to 0.9999
//!             f_acid = 1 + f_str·√(I₁₀/I)
//! loss        0.2·[x·w + (1−x)·B^n]  +  0.8·(e^(−5(1−z)) − e^(−5)),   z = Z/(1.6·Z_IEC)
//! resistance  (1 + 0.2·w + a·ℓ/(1−ℓ)),   ℓ all loss but corrosion's
//! ```
//!
//! Source: Schiffer et al. 2007, doi 10.1016/j.jpowsour.2006.11.092 (corrosion, throughput, stratification); float life
//! after IEEE and Eurobat practice, summed by Miner's rule. The grouping within f_SOC, where readings differ, is
//! the one whose units agree; t_full is the time since the last full charge, S_min the least charge since then, and
//! I in f_I the current at which that discharge began. W counts hours; its unit matters in the power law only.
//! A share x of the loss at the end of float life is corrosion's, so that float and corrosion together, and not
//! each alone, make 20 % at the end of life. The loss of a new block by throughput is taken as zero, where Schiffer's
//! form begins at half a per cent.

use super::file::{CorrosionFile, FloatLifeFile, LeadAcidFile, StratificationFile, ThroughputFile};
use crate::battery::quick::exp_each;
use crate::time::YEAR_DAYS;

/// From this state of charge on a block counts as full.
pub const FULL: f64 = 0.9999;

/// Nodes of the table of corrosion speeds, one per millivolt from here on.
const SPEED_FROM_V: f64 = 1.4;
const SPEED_NODES: usize = 851;

/// Laws of one make.
#[derive(Debug, Clone)]
pub struct AgeingModel {
    corrosion: CorrosionFile,
    float: FloatLifeFile,
    throughput: ThroughputFile,
    acid: StratificationFile,
    /// Corrosion speed at 25 °C relative to the layer's limit [1/h].
    speed: Box<[f64]>,
    life_h: f64,
    per_v_over: f64,
    per_v_under: f64,
    /// Rated capacity of the cell [Ah].
    rated_ah: f64,
    gassing: [f64; 2],
}

/// Wear of one block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ageing {
    /// w: corrosion layer relative to that at the end of float life.
    pub corrosion: f64,
    /// B: float life used up.
    pub damage: f64,
    /// Z: weighted discharges of rated capacity.
    pub weighted_cycles: f64,
    /// n: charges that ended before full since the last full one.
    pub bad_charges: f64,
    /// S_min: least state of charge since the last full one.
    pub soc_min: f64,
    /// Highest state of charge of the charge under way; 0 when there was none since the last discharge.
    pub charge_peak: f64,
    /// Time since the last full charge.
    pub since_full_h: f64,
    /// Rate of the first discharge since the last full charge [1/h]; 0 when there was none.
    pub first_rate: f64,
    /// f_str: layering of the acid.
    pub stratification: f64,
}

/// What wear has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Loss {
    /// Capacity lost to corrosion, relative to new.
    pub corrosion: f64,
    /// Capacity lost on float otherwise.
    pub float: f64,
    /// Capacity lost to cycling.
    pub cycling: f64,
    /// Resistance relative to new.
    pub resistance: f64,
}

impl Loss {
    /// Remaining capacity relative to new; at least 1 %.
    pub fn capacity(&self) -> f64 {
        (1.0 - self.corrosion - self.float - self.cycling).max(0.01)
    }
}

impl Default for Ageing {
    fn default() -> Self {
        Self {
            corrosion: 0.0,
            damage: 0.0,
            weighted_cycles: 0.0,
            bad_charges: 0.0,
            soc_min: 1.0,
            charge_peak: 0.0,
            since_full_h: 0.0,
            first_rate: 0.0,
            stratification: 0.0,
        }
    }
}

/// What a block feels on float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OnFloat {
    /// Temperature [°C].
    pub temperature_c: f64,
    /// Potential of the positive grid [V].
    pub potential_v: f64,
    /// By how much a cell's voltage is above what its temperature asks for [V].
    pub deviation_v: f64,
}

impl AgeingModel {
    /// Compiles the laws; `float_v` is the float voltage at 25 °C and `rated_ah` the capacity of the cell.
    pub fn new(file: &LeadAcidFile, float_v: f64, rated_ah: f64) -> Self {
        let corrosion = file.corrosion.clone();
        let lander =
            |v: f64| crate::battery::circuit::interpolate(&corrosion.potential_v, &corrosion.speed, v);
        let life_h = file.float_life.years_at_25c * YEAR_DAYS * 24.0;
        let on_float_v = corrosion.full_v + 0.5 * (float_v - file.voltage.full_v);
        let limit = life_h * lander(on_float_v);
        let speed = (0..SPEED_NODES).map(|k| lander(SPEED_FROM_V + 1e-3 * k as f64) / limit).collect();
        Self {
            float: file.float_life.clone(),
            throughput: file.throughput.clone(),
            acid: file.stratification.clone(),
            speed,
            life_h,
            per_v_over: 1.0 / file.float_life.overvoltage_halving_v,
            per_v_under: 1.0 / file.float_life.undervoltage_halving_v,
            rated_ah,
            gassing: [file.gassing.per_v, file.gassing.per_k],
            corrosion,
        }
    }

    /// Potential of the grid [V]: `depth` in rated capacity, `rise_v` by how much the cell's voltage is above its
    /// open-circuit voltage.
    #[inline]
    pub fn corrosion_potential_v(&self, open_fall_v: f64, rise_v: f64) -> f64 {
        self.corrosion.full_v - self.corrosion.dod_share * open_fall_v + 0.5 * rise_v
    }

    /// Corrosion speed at 25 °C relative to the layer's limit [1/h], held at the ends of 1.4 to 2.25 V.
    #[inline]
    fn speed(&self, potential_v: f64) -> f64 {
        let position = ((potential_v - SPEED_FROM_V) * 1e3).clamp(0.0, (SPEED_NODES - 1) as f64);
        let index = (position as usize).min(SPEED_NODES - 2);
        let pair = &self.speed[index..index + 2];
        pair[0] + (pair[1] - pair[0]) * (position - index as f64)
    }

    /// Lets the layer grow; `per_life` is 1 over the block's life relative to its make.
    #[inline]
    pub fn corrode(
        &self,
        wear: &mut Ageing,
        potential_v: f64,
        temperature_c: f64,
        hours: f64,
        per_life: f64,
    ) {
        let warmth = ((temperature_c - 25.0) / self.corrosion.doubling_k).exp2();
        self.corrode_at(wear, potential_v, warmth, hours, per_life);
    }

    /// The same with the temperature's factor known.
    #[inline]
    fn corrode_at(&self, wear: &mut Ageing, potential_v: f64, warmth: f64, hours: f64, per_life: f64) {
        let k = self.speed(potential_v) * warmth * per_life;
        if potential_v >= self.corrosion.porous_below_v {
            wear.corrosion += k * hours;
        } else if k > 0.0 {
            let p = self.corrosion.porous_exponent;
            wear.corrosion = k * ((wear.corrosion / k).powf(1.0 / p) + hours).powf(p);
        }
    }

    /// Uses up float life; `deviation_v` is by how much a cell's voltage is above what its temperature asks for.
    #[inline]
    pub fn use_float_life(
        &self,
        wear: &mut Ageing,
        temperature_c: f64,
        deviation_v: f64,
        hours: f64,
        per_life: f64,
    ) {
        let rate = self.float_folds(temperature_c, deviation_v).exp2();
        wear.damage += rate * hours * per_life / self.life_h;
    }

    /// How often float life is halved.
    #[inline]
    fn float_folds(&self, temperature_c: f64, deviation_v: f64) -> f64 {
        let held_v = deviation_v.clamp(-self.float.deviation_max_v, self.float.deviation_max_v);
        let folds = if held_v > 0.0 { held_v * self.per_v_over } else { -held_v * self.per_v_under };
        (temperature_c - 25.0) / self.float.halving_k + folds
    }

    /// [`Self::corrode`] and [`Self::use_float_life`] for one stretch on float, with both powers of two at once.
    #[inline]
    pub fn float(&self, wear: &mut Ageing, on: OnFloat, hours: f64, per_life: f64) {
        use std::f64::consts::LN_2;
        let folds = (on.temperature_c - 25.0) / self.corrosion.doubling_k;
        let halvings = self.float_folds(on.temperature_c, on.deviation_v);
        let [warmth, rate] = exp_each([folds * LN_2, halvings * LN_2]);
        self.corrode_at(wear, on.potential_v, warmth, hours, per_life);
        wear.damage += rate * hours * per_life / self.life_h;
    }

    /// A stretch of discharge at `c_rate` [1/h], with the state of charge at its end.
    pub fn discharge(&self, wear: &mut Ageing, c_rate: f64, soc_end: f64, hours: f64, temperature_c: f64) {
        if c_rate <= 0.0 {
            return self.rest(wear, soc_end, hours, temperature_c);
        }
        let law = &self.throughput;
        if wear.charge_peak > 0.0 {
            if (law.bad_charge_soc[0]..law.bad_charge_soc[1]).contains(&wear.charge_peak) {
                let middle = 0.5 * (law.bad_charge_soc[0] + 1.0);
                let half_width = 1.0 - middle;
                wear.bad_charges += 1.0 - ((middle - wear.charge_peak) / half_width).powi(2).min(1.0);
            }
            wear.charge_peak = 0.0;
        }
        if wear.first_rate == 0.0 {
            wear.first_rate = c_rate;
        }
        wear.soc_min = wear.soc_min.min(soc_end);
        let per_reference = (0.1 / wear.first_rate).sqrt();
        let current_factor = per_reference * (wear.bad_charges / (3.0 * law.bad_charge_per_fold)).exp();
        let since_full_h = wear.since_full_h + 0.5 * hours;
        let per_h = law.soc_per_h + law.soc_min_per_h * (1.0 - wear.soc_min);
        let soc_factor = 1.0 + per_h * current_factor * since_full_h;
        let acid_factor = if self.acid.on {
            let rise = self.acid.rise_per_h * (1.0 - wear.soc_min) * c_rate / 0.1;
            let rise = rise * (-self.acid.rise_decay * wear.stratification).exp();
            wear.stratification += rise * hours;
            self.settle(wear, hours, temperature_c);
            1.0 + wear.stratification * (0.1 / c_rate).sqrt()
        } else {
            1.0
        };
        wear.weighted_cycles += c_rate * hours * soc_factor * acid_factor;
        wear.since_full_h += hours;
    }

    /// A stretch of charge at a cell voltage, with the state of charge at its end.
    pub fn charge(&self, wear: &mut Ageing, voltage_v: f64, soc_end: f64, hours: f64, temperature_c: f64) {
        if self.acid.on {
            if voltage_v >= self.acid.gassing_from_v {
                let exponent = self.gassing[0] * (voltage_v - self.acid.gassing_voltage_v)
                    + self.gassing[1] * (temperature_c.min(120.0) - 25.0);
                let rate = self.acid.gassing_per_h * (100.0 / self.rated_ah).sqrt() * exponent.exp();
                wear.stratification = (wear.stratification - rate * hours).max(0.0);
            }
            self.settle(wear, hours, temperature_c);
        }
        if soc_end >= FULL {
            self.full(wear);
        } else {
            wear.charge_peak = wear.charge_peak.max(soc_end);
            wear.since_full_h += hours;
        }
    }

    /// A stretch without current.
    pub fn rest(&self, wear: &mut Ageing, soc_end: f64, hours: f64, temperature_c: f64) {
        wear.soc_min = wear.soc_min.min(soc_end);
        wear.since_full_h += hours;
        if self.acid.on {
            self.settle(wear, hours, temperature_c);
        }
    }

    /// A full charge: what counted since the last one is over.
    #[inline]
    pub fn full(&self, wear: &mut Ageing) {
        wear.bad_charges = 0.0;
        wear.soc_min = 1.0;
        wear.charge_peak = 0.0;
        wear.since_full_h = 0.0;
        wear.first_rate = 0.0;
    }

    /// Diffusion of layered acid, exact over the stretch.
    fn settle(&self, wear: &mut Ageing, hours: f64, temperature_c: f64) {
        let acid = &self.acid;
        let at_20 = 8.0 * acid.diffusion_m2_per_s / (acid.height_m * acid.height_m) * 3600.0;
        let rate = at_20 * ((temperature_c.min(120.0) - 20.0) / acid.diffusion_doubling_k).exp2();
        wear.stratification *= (-rate * hours).exp();
    }

    /// What the wear has come to.
    pub fn loss(&self, wear: &Ageing) -> Loss {
        let (float, law) = (&self.float, &self.throughput);
        let share = self.corrosion.share_of_float_loss;
        let corrosion = float.capacity_loss_at_end * share * wear.corrosion;
        let floated = float.capacity_loss_at_end * (1.0 - share) * wear.damage.powf(float.exponent);
        let used = wear.weighted_cycles / (law.weight_factor * law.nominal_cycles);
        let new = (-law.loss_exponent).exp();
        let cycling = law.loss_at_limit * ((law.loss_exponent * (used.min(2.0) - 1.0)).exp() - new);
        let other = (floated + cycling).min(0.9);
        let resistance = 1.0
            + self.corrosion.resistance_at_limit * wear.corrosion
            + float.resistance_per_lost_ratio * other / (1.0 - other);
        Loss { corrosion, float: floated, cycling, resistance }
    }

    /// Share of float life used up, at most 1: what gassing grows with.
    #[inline]
    pub fn used_up(&self, wear: &Ageing) -> f64 {
        wear.damage.min(1.0)
    }
}
