//! Money: rupees as decimals, exact to the paisa.

use rust_decimal::{Decimal, RoundingStrategy};

/// Most that anything may cost [₹].
pub const MOST: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// An amount to the paisa: halves go away from zero.
pub fn rounded(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

/// Whether an amount has no fractions of a paisa.
pub fn is_whole_paise(amount: Decimal) -> bool {
    rounded(amount) == amount
}

/// An amount as it is written: `2128.83`.
pub fn text(amount: Decimal) -> String {
    format!("{:.2}", rounded(amount))
}

/// A share in percent, or nothing where the whole is nothing.
pub fn percent(part: Decimal, whole: Decimal) -> Option<Decimal> {
    (!whole.is_zero()).then(|| part / whole * Decimal::ONE_HUNDRED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_up() {
        let of = |text: &str| rounded(text.parse().unwrap()).to_string();
        assert_eq!(of("2.005"), "2.01");
        assert_eq!(of("2.0049999"), "2.00");
        assert_eq!(text("1875".parse().unwrap()), "1875.00");
        assert!(!is_whole_paise("0.001".parse().unwrap()) && is_whole_paise("0.010".parse().unwrap()));
    }
}
