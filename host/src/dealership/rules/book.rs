//! Double entry: what is debited somewhere is credited elsewhere, in the same posting.
//!
//! ```text
//! approved    loan:7 (what is lent)   │ payable (what is to be paid out)
//! paid out    payable                 │ cash
//! instalment  cash                    │ interest, loan:7
//! ```
//!
//! Interest is booked when it is paid, as it is for loans in arrears.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Money that is there.
pub const CASH: &str = "cash";
/// Loans that were approved and not paid out yet.
pub const PAYABLE: &str = "payable";
/// Interest that was paid.
pub const INTEREST: &str = "interest";

/// The account of what is lent under a loan.
pub fn lent(loan: u64) -> String {
    format!("loan:{loan}")
}

/// One side of a posting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The account.
    pub account: String,
    /// What comes to it [₹].
    pub debit: Decimal,
    /// What goes from it [₹].
    pub credit: Decimal,
}

/// Lines that belong together; they close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry(Vec<Line>);

impl Entry {
    /// From one account to another.
    fn moved(debit: String, credit: Vec<(String, Decimal)>) -> Self {
        let total: Decimal = credit.iter().map(|(_, amount)| *amount).sum();
        let mut lines = vec![Line { account: debit, debit: total, credit: Decimal::ZERO }];
        let credits = credit.into_iter().filter(|(_, amount)| !amount.is_zero());
        lines.extend(credits.map(|(account, credit)| Line { account, debit: Decimal::ZERO, credit }));
        Self(lines)
    }

    /// A loan was approved.
    pub fn approved(loan: u64, amount: Decimal) -> Self {
        Self::moved(lent(loan), vec![(PAYABLE.to_owned(), amount)])
    }

    /// An approval is undone, before another one takes its place.
    pub fn undone(loan: u64, amount: Decimal) -> Self {
        Self::moved(PAYABLE.to_owned(), vec![(lent(loan), amount)])
    }

    /// A loan was paid out.
    pub fn disbursed(amount: Decimal) -> Self {
        Self::moved(PAYABLE.to_owned(), vec![(CASH.to_owned(), amount)])
    }

    /// Money came in for instalments.
    pub fn paid(loan: u64, interest: Decimal, principal: Decimal) -> Self {
        Self::moved(CASH.to_owned(), vec![(INTEREST.to_owned(), interest), (lent(loan), principal)])
    }

    /// Its lines.
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    /// Whether as much is debited as is credited, and nothing is negative.
    pub fn closes(&self) -> bool {
        let debit: Decimal = self.0.iter().map(|line| line.debit).sum();
        let credit: Decimal = self.0.iter().map(|line| line.credit).sum();
        let is_plain = |line: &Line| !line.debit.is_sign_negative() && !line.credit.is_sign_negative();
        debit == credit && self.0.iter().all(is_plain)
    }
}

/// What is on each account after some entries: debits less credits [₹].
pub fn balances<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> BTreeMap<String, Decimal> {
    let mut balances: BTreeMap<String, Decimal> = BTreeMap::new();
    for line in entries.into_iter().flat_map(Entry::lines) {
        *balances.entry(line.account.clone()).or_default() += line.debit - line.credit;
    }
    balances
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_close_and_balances_sum_to_nothing() {
        let of = |text: &str| -> Decimal { text.parse().unwrap() };
        let entries = [
            Entry::approved(7, of("45000")),
            Entry::undone(7, of("45000")),
            Entry::approved(7, of("40000")),
            Entry::disbursed(of("40000")),
            Entry::paid(7, of("416.67"), of("1500.25")),
        ];
        assert!(entries.iter().all(Entry::closes));
        let balances = balances(&entries);
        assert_eq!(balances[&lent(7)], of("38499.75"));
        assert_eq!(balances[INTEREST], of("-416.67"));
        assert!(balances.values().sum::<Decimal>().is_zero());
    }
}
