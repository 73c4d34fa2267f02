//! Equal monthly instalments on a reducing balance, exact to the paisa.

use super::day::Day;
use super::money::rounded;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// What a loan is repaid on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What is lent [₹].
    pub principal: Decimal,
    /// Interest [% a year].
    pub annual_pct: Decimal,
    /// Instalments, one a month.
    pub months: u32,
}

/// One instalment, and what was paid of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// From 1 on.
    pub number: u32,
    /// Until the end of this day it is in time.
    pub due: Day,
    /// Of what is lent [₹].
    pub principal: Decimal,
    /// For lending it [₹].
    pub interest: Decimal,
    /// What is still lent after it [₹].
    pub balance: Decimal,
    /// Paid of the principal [₹].
    pub principal_paid: Decimal,
    /// Paid of the interest [₹].
    pub interest_paid: Decimal,
    /// Day on which the last of it was paid.
    pub settled_on: Option<Day>,
}

/// How an instalment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was paid, and it is not late.
    Pending,
    /// Some was paid, and it is not late.
    Partial,
    /// All was paid.
    Paid,
    /// It is late.
    Overdue,
}

impl Standing {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Partial => "partial",
            Self::Paid => "paid",
            Self::Overdue => "overdue",
        }
    }
}

impl Instalment {
    /// All of it [₹].
    pub fn amount(&self) -> Decimal {
        self.principal + self.interest
    }

    /// What was paid of it [₹].
    pub fn paid(&self) -> Decimal {
        self.principal_paid + self.interest_paid
    }

    /// What is still to be paid of it [₹].
    pub fn unpaid(&self) -> Decimal {
        self.amount() - self.paid()
    }

    /// Days that it is late on a day: its own day is still in time.
    pub fn overdue_days(&self, today: Day) -> u32 {
        if self.unpaid().is_zero() { 0 } else { u32::try_from(today.since(self.due)).unwrap_or(0) }
    }

    /// How it stands on a day.
    pub fn standing(&self, today: Day) -> Standing {
        if self.unpaid().is_zero() {
            Standing::Paid
        } else if self.overdue_days(today) > 0 {
            Standing::Overdue
        } else if self.paid().is_zero() {
            Standing::Pending
        } else {
            Standing::Partial
        }
    }
}

/// The instalment [₹].
///
/// ```text
/// P·r·(1+r)ⁿ / ((1+r)ⁿ − 1),   r = annual % / 1200;   P/n where r = 0
/// ```
///
/// The annuity formula, as in any text on the mathematics of finance; rounded half up to the paisa. The power has 28
/// significant digits, so rounding goes the right way unless the exact figure is nearer than about 1e-20 ₹ to a half.
pub fn emi(terms: &Terms) -> Decimal {
    let months = Decimal::from(terms.months.max(1));
    let rate = monthly(terms);
    if rate.is_zero() {
        return rounded(terms.principal / months);
    }
    if terms.months == 1 {
        // Here the exact figure can be a half, which no quotient of rounded figures may hide.
        return rounded(terms.principal + terms.principal * terms.annual_pct / Decimal::from(1_200));
    }
    let power = (0..terms.months).fold(Decimal::ONE, |power, _| power * (Decimal::ONE + rate));
    rounded(terms.principal * rate * power / (power - Decimal::ONE))
}

fn monthly(terms: &Terms) -> Decimal {
    terms.annual_pct / Decimal::from(1_200)
}

/// The whole plan: instalments fall due on the same day of the months after `from`, or the last of a month that has
/// no such day; the last one settles whatever rounding left.
pub fn schedule(terms: &Terms, from: Day) -> Vec<Instalment> {
    let (emi, annual) = (emi(terms), terms.annual_pct);
    let mut balance = terms.principal;
    (1..=terms.months)
        .map(|number| {
            // One division, at the end, so that no rounding comes before the one to the paisa.
            let interest = rounded(balance * annual / Decimal::from(1_200));
            let principal =
                if number == terms.months { balance } else { (emi - interest).clamp(Decimal::ZERO, balance) };
            balance -= principal;
            Instalment {
                number,
                due: from.months_on(number),
                principal,
                interest,
                balance,
                principal_paid: Decimal::ZERO,
                interest_paid: Decimal::ZERO,
                settled_on: None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(principal: i64, annual: &str, months: u32) -> Terms {
        Terms { principal: principal.into(), annual_pct: annual.parse().unwrap(), months }
    }

    #[test]
    fn forty_five_thousand_at_twelve_and_a_half_percent_over_two_years() {
        let terms = terms(45_000, "12.5", 24);
        assert_eq!(emi(&terms).to_string(), "2128.83");
        let plan = schedule(&terms, "2024-01-15".parse().unwrap());
        assert_eq!(plan.len(), 24);
        assert_eq!(plan[0].due.to_string(), "2024-02-15");
        assert_eq!(plan[23].amount().to_string(), "2128.81");
        assert!(plan[23].balance.is_zero());
        let interest: Decimal = plan.iter().map(|row| row.interest).sum();
        assert_eq!(interest.to_string(), "6091.90");
    }

    #[test]
    fn without_interest_the_last_one_takes_the_rest() {
        let plan = schedule(&terms(1_000, "0", 3), "2024-01-31".parse().unwrap());
        let amounts: Vec<String> = plan.iter().map(|row| row.amount().to_string()).collect();
        assert_eq!(amounts, ["333.33", "333.33", "333.34"]);
        let days: Vec<String> = plan.iter().map(|row| row.due.to_string()).collect();
        assert_eq!(days, ["2024-02-29", "2024-03-31", "2024-04-30"]);
    }

    #[test]
    fn an_instalment_is_late_from_the_day_after_it_was_due() {
        let mut one = schedule(&terms(1_000, "12", 2), "2024-01-15".parse().unwrap()).remove(0);
        assert_eq!(one.standing("2024-02-15".parse().unwrap()), Standing::Pending);
        assert_eq!(one.overdue_days("2024-02-29".parse().unwrap()), 14);
        one.interest_paid = one.interest;
        assert_eq!(one.standing("2024-02-01".parse().unwrap()), Standing::Partial);
        one.principal_paid = one.principal;
        assert_eq!(one.standing("2024-02-29".parse().unwrap()), Standing::Paid);
    }
}
