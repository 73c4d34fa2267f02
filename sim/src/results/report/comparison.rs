//! How a variant's figure differs from the first variant's, and whether that is more than chance.

use crate::results::number::{decimals_for, grouped, signed};
use crate::results::story::Spread;
use crate::results::vocabulary::{Better, Difference, Quantity};

/// A difference, ready to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// `+3.2 %`, `-1.4 pp`.
    pub text: String,
    /// What to think of it.
    pub verdict: Verdict,
    /// Size, for ranking: relative, or points / 100.
    pub size: f64,
}

/// What to think of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The wanted direction.
    Good,
    /// The unwanted direction.
    Bad,
    /// No direction is wanted, or nothing changed.
    Plain,
    /// The replicates of both overlap: it may be chance.
    Noise,
}

impl Verdict {
    /// Class in the style sheet.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Plain => "",
            Self::Noise => "noise",
        }
    }
}

/// The difference of `other` from `base`; nothing where the quantity is not compared or the base is zero.
#[must_use]
pub fn change(quantity: &Quantity, base: &Spread, other: &Spread, replicates: u32) -> Option<Change> {
    let difference = other.mean - base.mean;
    let (size, text) = match quantity.difference {
        Difference::None => return None,
        Difference::Points => (difference / 100.0, format!("{} pp", signed(difference, 1))),
        Difference::Relative if base.mean == 0.0 => return None,
        Difference::Relative => {
            let relative = difference / base.mean.abs();
            (relative, relative_text(relative))
        }
    };
    let overlap = replicates > 1 && other.p10 <= base.p90 && base.p10 <= other.p90;
    let verdict = match quantity.better {
        _ if text.starts_with('±') => Verdict::Plain,
        _ if overlap => Verdict::Noise,
        Better::Neither => Verdict::Plain,
        Better::Higher if difference > 0.0 => Verdict::Good,
        Better::Lower if difference < 0.0 => Verdict::Good,
        Better::Higher | Better::Lower => Verdict::Bad,
    };
    Some(Change { text, verdict, size })
}

fn relative_text(relative: f64) -> String {
    if relative.abs() >= 10.0 {
        return format!("×{}", grouped(relative + 1.0, 0));
    }
    let decimals = if relative.abs() >= 1.0 { 0 } else { decimals_for([relative * 100.0], 2).min(1) };
    format!("{} %", signed(relative * 100.0, decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::vocabulary::figure;

    fn exactly(value: f64) -> Spread {
        Spread { mean: value, p10: value, p50: value, p90: value }
    }

    #[test]
    fn costs_should_fall_and_service_should_rise() {
        let told = |name: &str, base: f64, other: f64| {
            let change = change(&figure(name, "USD"), &exactly(base), &exactly(other), 3).unwrap();
            (change.text, change.verdict)
        };
        assert_eq!(told("total_cost", 200.0, 150.0), ("-25 %".into(), Verdict::Good));
        assert_eq!(told("served_pct", 99.0, 97.5), ("-1.5 pp".into(), Verdict::Bad));
        assert_eq!(told("efc_mean", 100.0, 103.2), ("+3.2 %".into(), Verdict::Plain));
        assert_eq!(told("total_cost", 1.0, 40.0), ("×40".into(), Verdict::Bad));
    }

    #[test]
    fn overlapping_replicates_are_called_noise() {
        let base = Spread { mean: 10.0, p10: 9.0, p50: 10.0, p90: 11.0 };
        let other = Spread { mean: 10.5, p10: 9.5, p50: 10.5, p90: 11.5 };
        let quantity = figure("total_cost", "USD");
        assert_eq!(change(&quantity, &base, &other, 5).unwrap().verdict, Verdict::Noise);
        assert_eq!(change(&quantity, &base, &other, 1).unwrap().verdict, Verdict::Bad);
    }

    #[test]
    fn nothing_is_said_where_there_is_nothing_to_divide_by() {
        assert_eq!(change(&figure("total_cost", "USD"), &exactly(0.0), &exactly(5.0), 1), None);
        assert_eq!(change(&figure("peak_usage_hour", "USD"), &exactly(8.0), &exactly(9.0), 1), None);
    }
}
