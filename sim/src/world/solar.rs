//! Output of photovoltaics as a fraction of their peak power, from the geometry of the sun.

use super::calendar::Cover;
use std::f64::consts::PI;
use twin::forcing::Hourly;
use twin::time::HOUR_MS;

/// Irradiance at which peak power is rated (IEC 60904-3 standard test conditions) [W/m²].
const RATED_W_M2: f64 = 1000.0;
/// Instants per hour at which the sun's height is taken for the hour's mean.
const PER_HOUR: usize = 6;

/// Where the sun is seen from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sky {
    /// Latitude, north positive.
    pub(super) latitude_deg: f64,
    /// How far local mean solar time is ahead of local clock time, in h.
    pub(super) solar_ahead_h: f64,
    /// Share of clear-sky irradiation that arrives, cloud included.
    pub(super) clearness: f64,
    /// Share of that which leaves the inverter, against rated output.
    pub(super) performance_ratio: f64,
}

/// Sine of the sun's height.
///
/// ```text
/// δ = 23.45°·sin(2π·(284 + n)/365)                           declination; Cooper, Sol. Energy 12 (1969)
/// E = 9.87·sin 2B − 7.53·cos B − 1.5·sin B  [min]            equation of time, B = 2π·(n − 81)/364
/// sin h = sin φ·sin δ + cos φ·cos δ·cos(15°·(t − 12))
/// ```
///
/// n is the day of the year from 1, t solar time in hours. Source: Duffie & Beckman, *Solar Engineering of
/// Thermal Processes* (2013), ch. 1 (recalled, not re-read). Right within about 0.5° of declination.
pub fn sine_of_height(latitude_deg: f64, day_of_year: usize, mean_solar_hour: f64) -> f64 {
    let n = day_of_year as f64 + 1.0;
    let declination = declination_deg(day_of_year).to_radians();
    let b = 2.0 * PI * (n - 81.0) / 364.0;
    let equation_h = (9.87 * (2.0 * b).sin() - 7.53 * b.cos() - 1.5 * b.sin()) / 60.0;
    let hour_angle = (15.0 * (mean_solar_hour + equation_h - 12.0)).to_radians();
    let latitude = latitude_deg.to_radians();
    latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * hour_angle.cos()
}

/// The declination in [`sine_of_height`] [°].
pub(super) fn declination_deg(day_of_year: usize) -> f64 {
    23.45 * (2.0 * PI * (285.0 + day_of_year as f64) / 365.0).sin()
}

/// Irradiance on a horizontal plane under a clear sky [W/m²].
///
/// ```text
/// G = 1098·cos θ·e^(−0.057/cos θ),   cos θ = sin h
/// ```
///
/// Source: Haurwitz, J. Meteorology 2 (1945) 154 and 3 (1946) 123, in the form collected by Reno, Hansen &
/// Stein, Sandia report SAND2012-2389 (recalled, not re-read). Limits: one turbidity and sea level.
pub fn clear_sky_w_m2(sine_of_height: f64) -> f64 {
    if sine_of_height <= 0.0 {
        return 0.0;
    }
    1098.0 * sine_of_height * (-0.057 / sine_of_height).exp()
}

/// Mean clear-sky irradiance over an hour of local clock time [W/m²].
pub fn clear_sky_hour_w_m2(
    latitude_deg: f64,
    solar_ahead_h: f64,
    day_of_year: usize,
    local_hour: f64,
) -> f64 {
    let sum: f64 = (0..PER_HOUR)
        .map(|k| {
            let hour = local_hour + (k as f64 + 0.5) / PER_HOUR as f64 + solar_ahead_h;
            clear_sky_w_m2(sine_of_height(latitude_deg, day_of_year, hour))
        })
        .sum();
    sum / PER_HOUR as f64
}

impl Sky {
    /// Mean output of each hour as a fraction of peak power, panels lying flat.
    pub(super) fn fraction(&self, cover: &Cover) -> Hourly {
        // The same 365 × 24 hours come back every year of a run.
        let part_h = cover.offset.ms.rem_euclid(HOUR_MS) as f64 / HOUR_MS as f64;
        let whole = Cover {
            offset: twin::time::UtcOffset { ms: cover.offset.ms.div_euclid(HOUR_MS) * HOUR_MS },
            ..*cover
        };
        let year: Vec<f64> = (0..365 * 24)
            .map(|i| {
                let clear = clear_sky_hour_w_m2(
                    self.latitude_deg,
                    self.solar_ahead_h,
                    i / 24,
                    (i % 24) as f64 + part_h,
                );
                (clear / RATED_W_M2 * self.clearness * self.performance_ratio).clamp(0.0, 1.0)
            })
            .collect();
        whole.by_local_hour(|at| year[at.day.of_year * 24 + at.hour])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sun_stands_where_almanacs_say() {
        // Noon height at the equinox is 90° − latitude; at the solstices 23.45° more or less.
        let noon = |latitude: f64, day: usize| {
            (0..96)
                .map(|q| sine_of_height(latitude, day, f64::from(q) / 4.0))
                .fold(f64::MIN, f64::max)
                .asin()
                .to_degrees()
        };
        assert!((noon(50.0, 79) - 40.0).abs() < 0.7, "{}", noon(50.0, 79));
        assert!((noon(50.0, 171) - 63.45).abs() < 0.3);
        assert!((noon(50.0, 354) - 16.55).abs() < 0.3);
        assert!((noon(-26.0, 354) - 87.45).abs() < 0.6);
        // Day length at 60° N at midsummer: 18 h 50 min with refraction, 18 h 30 min without.
        let lit = (0..1440).filter(|m| sine_of_height(60.0, 171, f64::from(*m) / 60.0) > 0.0).count();
        assert!((lit as f64 / 60.0 - 18.5).abs() < 0.2, "{lit}");
    }

    #[test]
    fn clear_sky_irradiance_is_nothing_at_night_and_1037_overhead() {
        assert_eq!(clear_sky_w_m2(-0.2), 0.0);
        assert_eq!(clear_sky_w_m2(0.0), 0.0);
        assert!((clear_sky_w_m2(1.0) - 1037.2).abs() < 0.5);
    }
}
