//! Mean and percentiles.

use super::story::Spread;

/// Percentile `q` (0..=1) of ascending values, by linear interpolation between the two nearest ranks.
///
/// ```text
/// h = (n − 1)·q;   x = x[⌊h⌋] + (h − ⌊h⌋)·(x[⌈h⌉] − x[⌊h⌋])
/// ```
///
/// Source: Hyndman & Fan, *Sample Quantiles in Statistical Packages* (1996), definition 7; what NumPy, R and
/// spreadsheets give by default. With one value every percentile is that value.
///
/// `None` without values.
#[must_use]
pub fn percentile(ascending: &[f64], q: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let h = last as f64 * q.clamp(0.0, 1.0);
    let below = h.floor() as usize;
    let above = (below + 1).min(last);
    Some(ascending[below] + (h - below as f64) * (ascending[above] - ascending[below]))
}

/// Mean and percentiles of `values`; those that are not finite are left out. `None` when none is finite.
#[must_use]
pub fn spread(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
    let mut finite: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
    finite.sort_by(f64::total_cmp);
    Some(Spread {
        mean,
        p10: percentile(&finite, 0.1)?,
        p50: percentile(&finite, 0.5)?,
        p90: percentile(&finite, 0.9)?,
    })
}

/// Percentile `q` of `(value, weight)` pairs in ascending order of value.
///
/// Each pair stands for `weight` equal ranks and sits in their middle; values between two middles are
/// interpolated. With equal weights of 1 this is [`percentile`].
#[must_use]
pub fn weighted_percentile(ascending: &[(f64, f64)], q: f64) -> Option<f64> {
    let last = ascending.last()?;
    let total: f64 = ascending.iter().map(|(_, weight)| weight).sum();
    // Rank k of n lies at k + ½ on the line of weights, so the ranks 0..=n − 1 run from ½ to n − ½.
    let rank = 0.5 + q.clamp(0.0, 1.0) * (total - 1.0).max(0.0);
    let mut before = 0.0;
    let mut previous: Option<(f64, f64)> = None;
    for &(value, weight) in ascending {
        let middle = before + weight / 2.0;
        if middle >= rank {
            return Some(match previous {
                Some((lower, at)) if middle > at => lower + (rank - at) / (middle - at) * (value - lower),
                _ => value,
            });
        }
        previous = Some((value, middle));
        before += weight;
    }
    Some(last.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_linearly() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(percentile(&values, 0.0), Some(1.0));
        assert_eq!(percentile(&values, 0.5), Some(2.5));
        assert!((percentile(&values, 0.1).unwrap() - 1.3).abs() < 1e-12);
        assert_eq!(percentile(&values, 1.0), Some(4.0));
        assert_eq!(percentile(&[7.0], 0.9), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn equal_weights_give_the_plain_percentile() {
        let values: Vec<f64> = (0..37).map(|i| (f64::from(i) * 1.7).exp2().ln_1p()).collect();
        let pairs: Vec<(f64, f64)> = values.iter().map(|&value| (value, 1.0)).collect();
        for q in [0.0, 0.1, 0.37, 0.5, 0.9, 1.0] {
            let (plain, weighted) =
                (percentile(&values, q).unwrap(), weighted_percentile(&pairs, q).unwrap());
            assert!((plain - weighted).abs() < 1e-9, "{q}: {plain} and {weighted}");
        }
    }

    #[test]
    fn values_that_are_not_finite_are_left_out() {
        let spread = spread([1.0, f64::NAN, 3.0, f64::INFINITY]).unwrap();
        assert_eq!((spread.mean, spread.p50), (2.0, 2.0));
        assert_eq!(super::spread([f64::NAN]), None);
    }
}
