//! Time under calendar stress on its way to the calendar laws.
//!
//! The laws move slowly and their rates are costly, so a state of short steps need not ask for them at each. Steps are
//! gathered while temperature and state of charge stay near where the span began, and are handed over as two instants with
//! the same mean and spread. For a rate r(T, s) with mean (T̄, s̄), variances σ_T² and σ_s², and
//! covariance c:
//!
//! ```text
//! ∫ r dt = ½·Δt·[ r(T̄ + σ_T, s̄ ± σ_s) + r(T̄ − σ_T, s̄ ∓ σ_s) ]      the upper sign where c is positive
//! ```
//!
//! which is right up to the second moments but for what charge and temperature move apart from one another. Within a step
//! charge moves evenly and temperature along the parabola that begins, ends and has its mean where the step's does; a single
//! step in which both move evenly is taken at Gauss' two points, right up to the third power.

/// A stretch of time in which state of charge moved evenly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Its length [d].
    pub days: f64,
    /// Mean temperature [°C].
    pub temperature_c: f64,
    /// Temperature at its beginning and end [°C].
    pub ends_c: (f64, f64),
    /// Mean state of charge.
    pub soc: f64,
    /// How far the state of charge rose from beginning to end.
    pub charged: f64,
}

impl Stretch {
    /// How far the temperature rose from beginning to end [K].
    #[inline(always)]
    fn warmed_k(&self) -> f64 {
        self.ends_c.1 - self.ends_c.0
    }

    /// Variance of temperature within the stretch [K²]: of m + s·u + c·(u² − ⅓), u from −1 to 1, that is s²/3 + 4·c²/45.
    #[inline(always)]
    fn variance_k2(&self) -> f64 {
        let straight = 0.5 * self.warmed_k();
        let bend = 1.5 * (0.5 * (self.ends_c.0 + self.ends_c.1) - self.temperature_c);
        straight * straight * (1.0 / 3.0) + bend * bend * (4.0 / 45.0)
    }
}

/// Stretches that the calendar laws have not seen yet: their first and second moments about the first one's mean.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Exposure {
    days: f64,
    first_c: f64,
    first_soc: f64,
    kelvin_days: f64,
    kelvin2_days: f64,
    soc_days: f64,
    soc2_days: f64,
    kelvin_soc_days: f64,
}

/// Longest span that is handed over as one [d].
const DAYS_MAX: f64 = 6.0 / 24.0;
/// Farthest from its beginning that the temperature of a span may go [K].
const SPAN_MAX_K: f64 = 4.0;
/// The same for state of charge.
const SPAN_MAX_SOC: f64 = 0.05;

impl Exposure {
    /// Adds a stretch; calls `expose` with two temperatures, their states of charge, and the days at each, when a span is full.
    #[inline(always)]
    pub fn add(&mut self, stretch: &Stretch, mut expose: impl FnMut([f64; 2], [f64; 2], f64)) {
        let Stretch { days, temperature_c, soc, charged, .. } = *stretch;
        let mut off_k = temperature_c - self.first_c;
        let mut off_soc = soc - self.first_soc;
        if self.days + days > DAYS_MAX || off_k.abs() > SPAN_MAX_K || off_soc.abs() > SPAN_MAX_SOC {
            self.tell(&mut expose);
            *self = Self::default();
            (self.first_c, self.first_soc) = (temperature_c, soc);
            (off_k, off_soc) = (0.0, 0.0);
        }
        let (weighed_k, weighed_soc) = (days * off_k, days * off_soc);
        self.days += days;
        self.kelvin_days += weighed_k;
        self.kelvin2_days += weighed_k * off_k + days * stretch.variance_k2();
        self.soc_days += weighed_soc;
        self.soc2_days += weighed_soc * off_soc + days * charged * charged * (1.0 / 12.0);
        self.kelvin_soc_days += weighed_k * off_soc + days * stretch.warmed_k() * charged * (1.0 / 12.0);
    }

    /// Hands over what is held.
    #[inline(never)]
    pub fn tell(&self, expose: &mut impl FnMut([f64; 2], [f64; 2], f64)) {
        if self.days > 0.0 {
            let per_day = 1.0 / self.days;
            let (off_k, off_soc) = (self.kelvin_days * per_day, self.soc_days * per_day);
            let (temperature_c, soc) = (self.first_c + off_k, self.first_soc + off_soc);
            let variance_k2 = self.kelvin2_days * per_day - off_k * off_k;
            let variance_soc2 = self.soc2_days * per_day - off_soc * off_soc;
            let covariance = self.kelvin_soc_days * per_day - off_k * off_soc;
            let aside_k = variance_k2.max(0.0).sqrt();
            let aside_soc = variance_soc2.max(0.0).sqrt().copysign(covariance);
            expose(
                [temperature_c - aside_k, temperature_c + aside_k],
                [soc - aside_soc, soc + aside_soc],
                0.5 * self.days,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(temperature_c: f64, soc: f64) -> f64 {
        (0.07 * temperature_c).exp() * (0.5 + soc * soc)
    }

    /// Integral of the rate over a path in steps of so many seconds, and how often the rate was asked for.
    fn gathered(path: impl Fn(f64) -> (f64, f64), end_s: f64, step_s: f64) -> (f64, u32) {
        let (mut held, mut sum, mut asked) = (Exposure::default(), 0.0, 0);
        let mut expose = |temperature_c: [f64; 2], soc: [f64; 2], days: f64| {
            sum += days * (rate(temperature_c[0], soc[0]) + rate(temperature_c[1], soc[1]));
            asked += 2;
        };
        let mut t_s = 0.0;
        while t_s < end_s {
            let ((cold_c, low), (warm_c, high)) = (path(t_s), path(t_s + step_s));
            let middle_c = path(t_s + 0.5 * step_s).0;
            let stretch = Stretch {
                days: step_s / 86_400.0,
                temperature_c: (cold_c + 4.0 * middle_c + warm_c) / 6.0,
                ends_c: (cold_c, warm_c),
                soc: 0.5 * (low + high),
                charged: high - low,
            };
            held.add(&stretch, &mut expose);
            t_s += step_s;
        }
        held.tell(&mut expose);
        (sum, asked)
    }

    #[test]
    fn few_instants_stand_for_many() {
        let day = |t_s: f64| {
            let turn = std::f64::consts::TAU * t_s / 86_400.0;
            (25.0 + 8.0 * turn.sin(), 0.5 + 0.02 * turn.cos())
        };
        let end_s = 10.0 * 86_400.0;
        let exact: f64 = (0..864_000)
            .map(|s| {
                let (temperature_c, soc) = day(f64::from(s) + 0.5);
                rate(temperature_c, soc) / 86_400.0
            })
            .sum();
        for step_s in [60.0, 900.0, 3600.0, 7200.0] {
            let (sum, asked) = gathered(day, end_s, step_s);
            assert!((sum / exact - 1.0).abs() < 1e-3, "{sum} against {exact} in steps of {step_s} s");
            assert!(asked <= 160, "{asked} looks in ten days, steps of {step_s} s");
        }
    }

    #[test]
    fn a_wide_move_is_taken_at_its_gauss_points() {
        let charge = |t_s: f64| (20.0 + 5.0 * t_s / 3600.0, 0.1 + 0.8 * t_s / 3600.0);
        let (coarse, asked) = gathered(charge, 3600.0, 900.0);
        let (fine, _) = gathered(charge, 3600.0, 1.0);
        assert!(asked <= 8, "{asked}");
        assert!((coarse / fine - 1.0).abs() < 5e-4, "{coarse} against {fine}");
    }
}
