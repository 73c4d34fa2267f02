//! Capacity of a lead-acid cell over rate and temperature, and where a discharge ends.
//!
//! ```text
//! C(I, T)/C_r = φ(I)·f(t, T)          t = φ(I)·C_r/I
//! φ(I) = φ_k·(I_k/I)^(p_k−1)          p_k from one point of the data sheet to the next
//! ```
//!
//! Peukert's law with an exponent between each two points of a data sheet, held at the first point below its rate,
//! where a power law would go to infinity, and at the last exponent beyond the last. Source: Peukert 1897; points
//! and temperature table as named in the chemistry file.

use crate::battery::chemistry::RateCapacityFile;
use crate::battery::circuit::interpolate;

/// A piece of the curve: from this rate on, this share and this exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    from_c_rate: f64,
    share: f64,
    exponent: f64,
}

/// The curve of one make, and the voltage at which discharges end.
#[derive(Debug, Clone, PartialEq)]
pub struct RateCurve {
    pieces: Vec<Piece>,
    temperature_c: Vec<f64>,
    duration_h: Vec<f64>,
    rows: Vec<Vec<f64>>,
    end_ln_rate: Vec<f64>,
    end_voltage_v: Vec<f64>,
}

/// What a rate means, before temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtRate {
    /// Capacity at 25 °C relative to rated.
    pub share: f64,
    /// Row of the temperature table below the duration, and how far on to the next.
    row: usize,
    blend: f64,
}

/// Where a temperature lies in the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmth {
    column: usize,
    blend: f64,
}

impl RateCapacityFile {
    /// Capacity at 25 °C relative to rated.
    pub fn share_at_25c(&self, c_rate: f64) -> f64 {
        let (durations, shares) = (&self.point_duration_h, &self.point_share);
        if durations.len() < 2 {
            let ratio = c_rate.max(self.reference_c_rate) / self.reference_c_rate;
            return ratio.powf(1.0 - self.peukert_exponent);
        }
        let rate = |k: usize| shares[k] / durations[k];
        let upper = (1..durations.len() - 1).find(|k| rate(*k) > c_rate).unwrap_or(durations.len() - 1);
        let exponent = (shares[upper - 1] / shares[upper]).ln() / (rate(upper) / rate(upper - 1)).ln();
        shares[upper - 1] * (c_rate.max(rate(0)) / rate(upper - 1)).powf(-exponent)
    }
}

impl RateCurve {
    /// Compiles the curve; `end` gives durations and the voltages at which they end.
    pub fn new(rate: &RateCapacityFile, end: (&[f64], &[f64])) -> Self {
        let points: Vec<(f64, f64)> = if rate.point_duration_h.len() < 2 {
            vec![(rate.reference_c_rate, 1.0)]
        } else {
            rate.point_duration_h
                .iter()
                .zip(&rate.point_share)
                .map(|(h, share)| (share / h, *share))
                .collect()
        };
        let piece = |k: usize| {
            let (c_rate, share) = points[k];
            let exponent = match points.get(k + 1) {
                Some((next_rate, next)) => (share / next).ln() / (next_rate / c_rate).ln(),
                None => rate.peukert_exponent - 1.0,
            };
            Piece { from_c_rate: c_rate, share, exponent }
        };
        let pieces = (0..points.len().saturating_sub(1).max(1)).map(piece).collect();
        let mut curve = Self {
            pieces,
            temperature_c: rate.temperature_c.clone(),
            duration_h: rate.duration_h.clone(),
            rows: rate.rows.clone(),
            end_ln_rate: Vec::new(),
            end_voltage_v: end.1.iter().rev().copied().collect(),
        };
        curve.end_ln_rate = end.0.iter().rev().map(|h| curve.rate_of_duration(*h).ln()).collect();
        curve
    }

    /// The constant rate that empties a new cell at 25 °C in so many hours [1/h].
    pub fn rate_of_duration(&self, duration_h: f64) -> f64 {
        let first = self.pieces[0];
        if duration_h >= first.share / first.from_c_rate {
            return first.share / duration_h;
        }
        let piece = self
            .pieces
            .iter()
            .rev()
            .find(|piece| duration_h <= piece.share / piece.from_c_rate)
            .unwrap_or(&first);
        // share·(c₀/c)^e = c·t
        let e = piece.exponent;
        (piece.share * piece.from_c_rate.powf(e) / duration_h).powf(1.0 / (1.0 + e))
    }

    /// Looks up a rate.
    pub fn at(&self, c_rate: f64) -> AtRate {
        let piece =
            self.pieces.iter().rev().find(|piece| piece.from_c_rate <= c_rate).unwrap_or(&self.pieces[0]);
        let held = c_rate.max(self.pieces[0].from_c_rate);
        let share = piece.share * (held / piece.from_c_rate).powf(-piece.exponent);
        let duration_h = share / held;
        let last = self.duration_h.len() - 1;
        let upper = self.duration_h.partition_point(|known| *known <= duration_h);
        let (row, blend) = if upper == 0 || last == 0 {
            (0, 0.0)
        } else if upper > last {
            (last - 1, 1.0)
        } else {
            let (a, b) = (self.duration_h[upper - 1], self.duration_h[upper]);
            (upper - 1, (duration_h - a) / (b - a))
        };
        AtRate { share, row, blend }
    }

    /// Looks up a temperature, held at the ends of the table.
    pub fn warmth(&self, temperature_c: f64) -> Warmth {
        let known = &self.temperature_c;
        let upper = known.partition_point(|t| *t <= temperature_c).clamp(1, known.len() - 1);
        let blend = (temperature_c - known[upper - 1]) / (known[upper] - known[upper - 1]);
        Warmth { column: upper - 1, blend: blend.clamp(0.0, 1.0) }
    }

    /// Capacity relative to rated at a rate and temperature.
    #[inline]
    pub fn share(&self, at: AtRate, warmth: Warmth) -> f64 {
        let row = |k: usize| {
            let pair = &self.rows[k][warmth.column..warmth.column + 2];
            pair[0] + (pair[1] - pair[0]) * warmth.blend
        };
        let below = row(at.row);
        at.share * if at.blend == 0.0 { below } else { below + (row(at.row + 1) - below) * at.blend }
    }

    /// Voltage per cell at which a discharge at this rate ends.
    pub fn end_voltage_v(&self, c_rate: f64) -> f64 {
        interpolate(&self.end_ln_rate, &self.end_voltage_v, c_rate.max(1e-9).ln())
    }
}
