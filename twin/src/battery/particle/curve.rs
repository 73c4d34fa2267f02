//! Curves over stoichiometry or concentration, tabulated finely at load.
//!
//! A formula costs a hundred nanoseconds or more, a table a few. Each interval holds the cubic that meets the
//! function and its slope at both ends; how closely is found when the table is made, and stated.

use super::super::formula::Formula;

/// Largest difference between a table and its function that is accepted, relative to the span of the function
/// where it is below 1: in volts for a potential.
const TOLERANCE: f64 = 2e-7;
/// Intervals tried, fewest first.
const INTERVALS: [usize; 4] = [512, 1024, 2048, 4096];

/// A curve on evenly spaced points.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    from: f64,
    per_step: f64,
    /// Value, and slope times the step, at each point.
    points: Vec<[f64; 2]>,
    error: f64,
}

impl Curve {
    /// Tabulates a function of one variable between two ends.
    pub fn of(function: impl Fn(f64) -> f64, from: f64, to: f64) -> Self {
        let mut best: Option<Self> = None;
        for intervals in INTERVALS {
            let curve = Self::on(&function, from, to, intervals);
            let is_fine = curve.error <= TOLERANCE;
            best = Some(curve);
            if is_fine {
                break;
            }
        }
        best.expect("there is at least one number of intervals")
    }

    /// Tabulates a formula of one variable between two ends.
    pub fn of_formula(formula: &Formula, from: f64, to: f64) -> Self {
        Self::of(|x| formula.value(&[x]), from, to)
    }

    fn on(function: &impl Fn(f64) -> f64, from: f64, to: f64, intervals: usize) -> Self {
        let step = (to - from) / intervals as f64;
        // Slopes from within the domain only: a formula may have no value beyond it.
        let slope = |x: f64| {
            let d = 2e-3 * step;
            if x - 2.0 * d < from {
                (-3.0 * function(x) + 4.0 * function(x + d) - function(x + 2.0 * d)) / (2.0 * d)
            } else if x + 2.0 * d > to {
                (3.0 * function(x) - 4.0 * function(x - d) + function(x - 2.0 * d)) / (2.0 * d)
            } else {
                (8.0 * (function(x + d) - function(x - d)) - (function(x + 2.0 * d) - function(x - 2.0 * d)))
                    / (12.0 * d)
            }
        };
        let points: Vec<[f64; 2]> = (0..=intervals)
            .map(|k| {
                let x = if k == intervals { to } else { from + step * k as f64 };
                [function(x), slope(x) * step]
            })
            .collect();
        let mut curve = Self { from, per_step: 1.0 / step, points, error: 0.0 };
        curve.error = (0..3 * intervals)
            .map(|k| {
                let x = from + step * (k as f64 + 0.5) / 3.0;
                (curve.at(x).0 - function(x)).abs()
            })
            // Not `max`, which would drop a NaN; one that came stays.
            .fold(0.0, |most: f64, error| if most.is_nan() || error <= most { most } else { error });
        curve
    }

    /// The same curve with its values in another unit.
    #[must_use]
    pub fn times(mut self, unit: f64) -> Self {
        self.points.iter_mut().for_each(|point| *point = [point[0] * unit, point[1] * unit]);
        self.error *= unit;
        self
    }

    /// Largest difference from the function that was tabulated.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// Value and slope; held at the ends, where the slope becomes 0.
    #[inline]
    pub fn at(&self, x: f64) -> (f64, f64) {
        let last = self.points.len() - 2;
        let place = (x - self.from) * self.per_step;
        if place <= 0.0 || place.is_nan() {
            return (self.points[0][0], 0.0);
        }
        if place >= (last + 1) as f64 {
            return (self.points[last + 1][0], 0.0);
        }
        let k = (place as usize).min(last);
        let s = place - k as f64;
        let ([y0, d0], [y1, d1]) = (self.points[k], self.points[k + 1]);
        let rise = y1 - y0;
        let (a, b) = (d0 + d1 - 2.0 * rise, 3.0 * rise - 2.0 * d0 - d1);
        let value = y0 + s * (d0 + s * (b + s * a));
        let slope = (d0 + s * (2.0 * b + 3.0 * s * a)) * self.per_step;
        (value, slope)
    }

    /// The value alone.
    #[inline]
    pub fn value(&self, x: f64) -> f64 {
        self.at(x).0
    }
}

/// The cubic spline through points whose third derivative also runs on at the second and last but one of them
/// ("not a knot"), as a function. Beyond its ends the outermost cubic goes on.
#[derive(Debug, Clone)]
pub struct Spline {
    x: Vec<f64>,
    y: Vec<f64>,
    /// Second derivatives.
    bend: Vec<f64>,
}

impl Spline {
    /// Through at least four points with rising `x`.
    ///
    /// ```text
    /// h_(k−1)·M_(k−1) + 2(h_(k−1)+h_k)·M_k + h_k·M_(k+1) = 6(slope_k − slope_(k−1))
    /// (M_1 − M_0)/h_0 = (M_2 − M_1)/h_1, the same at the other end
    /// ```
    ///
    /// Source: de Boor, *A Practical Guide to Splines* (1978), ch. IV.
    pub fn through(x: &[f64], y: &[f64]) -> Self {
        let n = x.len();
        let h: Vec<f64> = x.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let slope: Vec<f64> = (0..n - 1).map(|k| (y[k + 1] - y[k]) / h[k]).collect();
        // M_0 and M_(n−1) are put in terms of their neighbours; what remains is tridiagonal.
        let m = n - 2;
        let (mut low, mut middle, mut high, mut right) =
            (vec![0.0; m], vec![0.0; m], vec![0.0; m], vec![0.0; m]);
        for i in 0..m {
            let k = i + 1;
            (low[i], middle[i], high[i]) = (h[k - 1], 2.0 * (h[k - 1] + h[k]), h[k]);
            right[i] = 6.0 * (slope[k] - slope[k - 1]);
        }
        let first = h[0] / h[1];
        middle[0] += h[0] * (1.0 + first);
        high[0] -= h[0] * first;
        let last = h[n - 2] / h[n - 3];
        middle[m - 1] += h[n - 2] * (1.0 + last);
        low[m - 1] -= h[n - 2] * last;
        for i in 1..m {
            let factor = low[i] / middle[i - 1];
            middle[i] -= factor * high[i - 1];
            right[i] -= factor * right[i - 1];
        }
        let mut bend = vec![0.0; n];
        for i in (0..m).rev() {
            let above = if i + 1 < m { high[i] * bend[i + 2] } else { 0.0 };
            bend[i + 1] = (right[i] - above) / middle[i];
        }
        bend[0] = bend[1] * (1.0 + first) - bend[2] * first;
        bend[n - 1] = bend[n - 2] * (1.0 + last) - bend[n - 3] * last;
        Self { x: x.to_vec(), y: y.to_vec(), bend }
    }

    /// Value at `x`.
    pub fn value(&self, x: f64) -> f64 {
        let k = self.x.partition_point(|knot| *knot <= x).clamp(1, self.x.len() - 1) - 1;
        let h = self.x[k + 1] - self.x[k];
        let (a, b) = ((self.x[k + 1] - x) / h, (x - self.x[k]) / h);
        a * self.y[k]
            + b * self.y[k + 1]
            + ((a * a * a - a) * self.bend[k] + (b * b * b - b) * self.bend[k + 1]) * h * h / 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_follows_its_function_and_slope() {
        let curve = Curve::of(|x| (5.0 * x).sin() + (-40.0 * x).exp(), 0.0, 1.0);
        assert!(curve.error() < 1e-7, "{}", curve.error());
        for x in [0.0, 0.013, 0.5, 0.77, 0.999] {
            let (value, slope) = curve.at(x);
            assert!((value - ((5.0 * x).sin() + (-40.0 * x).exp())).abs() < 1e-7);
            let exact = 5.0 * (5.0 * x).cos() - 40.0 * (-40.0 * x).exp();
            assert!(x == 0.0 || (slope - exact).abs() < 1e-3, "{x}: {slope} {exact}");
        }
        assert_eq!(curve.at(7.0).1, 0.0);
    }

    #[test]
    fn a_spline_returns_any_cubic() {
        let cubic = |x: f64| 1.0 - 2.0 * x + 0.5 * x * x + 3.0 * x * x * x;
        let x = [0.0, 0.1, 0.35, 0.4, 0.8, 1.0];
        let y = x.map(cubic);
        let spline = Spline::through(&x, &y);
        for at in [0.05, 0.2, 0.39, 0.6, 0.95] {
            assert!((spline.value(at) - cubic(at)).abs() < 1e-12);
        }
    }
}
