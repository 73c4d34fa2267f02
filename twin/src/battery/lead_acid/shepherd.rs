//! Voltage of a lead-acid cell under load and charge.
//!
//! ```text
//! U₀(D)      = U_full − g·D
//! discharge  U = U₀(D) − ρ_d·i·[1 + M_d·D/(C_d − D)]               i = I/C_N [1/h], D = missing charge/C_N
//! charge     U = U₀(D) + ρ_c·i_m·[1 + M_c·S/(C_c − S)],  i = i_m + i_gas(U, T)
//! gassing    i_gas = I₀/(100 Ah)·exp[c_U(U − U_gas) + c_T(T − 25 °C)]
//! ```
//!
//! Source: Shepherd 1965 as used by Schiffer et al. 2007, doi 10.1016/j.jpowsour.2006.11.092, eqs. 1, 2 and 6. Two things
//! differ from theirs. The current of charge divides into what is stored (i_m) and what gasses, which both run at
//! the same voltage; they put all of it into the charge term. And C_d is not a constant but what makes a new
//! cell end where its data sheet says at the present rate and temperature ([`Shepherd::knee`]).
//! Limits: no slow relaxation, no surface charge: voltage follows the current at once.

use super::file::{GassingFile, VoltageFile};

/// Least distance of D from C_d and of S from C_c that is told apart.
const NEAREST: f64 = 1e-5;
/// Least headroom left to charge transfer at the end of a discharge, relative to the ohmic drop.
const HEADROOM_MIN: f64 = 0.02;

/// Coefficients of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Shepherd {
    /// From the chemistry file.
    pub voltage: VoltageFile,
    /// From the chemistry file.
    pub gassing: GassingFile,
    /// Logarithm of a new cell's gassing rate at 0 V and 25 °C.
    ln_at_zero: f64,
}

impl Shepherd {
    /// A cell with these coefficients.
    pub fn new(voltage: VoltageFile, gassing: GassingFile) -> Self {
        let ln_at_zero = (gassing.current_a_per_100ah * 0.01).ln() - gassing.per_v * gassing.voltage_v;
        Self { voltage, gassing, ln_at_zero }
    }

    /// Open-circuit voltage at a depth of discharge [V].
    #[inline]
    pub fn open_v(&self, depth: f64) -> f64 {
        self.voltage.full_v - self.voltage.per_dod_v * depth
    }

    /// How resistances stand to those at 25 °C.
    #[inline]
    pub fn resistance_factor(&self, temperature_c: f64) -> f64 {
        (self.voltage.resistance_per_k * (temperature_c - 25.0).clamp(-60.0, 60.0)).exp()
    }

    /// Drop of voltage per rate on discharge [V·h]; `factor` is resistance relative to a new cell at 25 °C.
    #[inline]
    pub fn discharge_slope(&self, depth: f64, knee: f64, factor: f64) -> f64 {
        let transfer = self.voltage.discharge_transfer * depth / (knee - depth).max(NEAREST);
        self.voltage.discharge_ohm_ah * factor * (1.0 + transfer)
    }

    /// C_d for which a new cell reaches `end_v` just when `share` of its capacity is out.
    ///
    /// Where the ohmic drop alone leaves too little room for the charge transfer, the end comes sooner than the
    /// data sheet says.
    #[inline]
    pub fn knee(&self, c_rate: f64, share: f64, end_v: f64, factor: f64) -> f64 {
        let drop_v = self.voltage.discharge_ohm_ah * factor * c_rate;
        let headroom_v = self.open_v(share) - end_v - drop_v;
        let relative = (headroom_v / drop_v.max(1e-9)).max(HEADROOM_MIN);
        share * (1.0 + self.voltage.discharge_transfer / relative)
    }

    /// Depth at which a discharge at constant rate ends.
    ///
    /// The smaller root of `U₀(D) − ρi[1 + M·D/(C_d − D)] = U_end`, which is a quadratic in D.
    pub fn depth_at_end(&self, c_rate: f64, knee: f64, end_v: f64, factor: f64) -> f64 {
        let drop_v = self.voltage.discharge_ohm_ah * factor * c_rate;
        let room_v = self.voltage.full_v - end_v - drop_v;
        if room_v <= 0.0 {
            return 0.0;
        }
        let slope_v = self.voltage.per_dod_v;
        let b = room_v + slope_v * knee + self.voltage.discharge_transfer * drop_v;
        2.0 * room_v * knee / (b + (b * b - 4.0 * slope_v * room_v * knee).max(0.0).sqrt())
    }

    /// Rise of voltage per stored rate on charge [V·h].
    #[inline]
    pub fn charge_slope(&self, soc: f64, factor: f64) -> f64 {
        let soc = soc.clamp(0.0, 1.0);
        let transfer = self.voltage.charge_transfer * soc / (self.voltage.charge_capacity - soc).max(NEAREST);
        self.voltage.charge_ohm_ah * factor * (1.0 + transfer)
    }

    /// Logarithm of the gassing rate [1/h] at a voltage of zero, for I₀ times e^`ln_factor`.
    #[inline]
    pub fn ln_gassing(&self, temperature_c: f64, ln_factor: f64) -> f64 {
        // Held at 120 °C, far beyond where the law was seen.
        let kelvin = temperature_c.clamp(-60.0, 120.0) - 25.0;
        self.ln_at_zero + self.gassing.per_k * kelvin + ln_factor
    }

    /// Gassing rate [1/h].
    pub fn gassing_rate(&self, voltage_v: f64, temperature_c: f64, ln_factor: f64) -> f64 {
        (self.gassing.per_v * voltage_v + self.ln_gassing(temperature_c, ln_factor)).exp()
    }
}
