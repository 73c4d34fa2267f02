//! A loan from application to the last instalment: what may happen when, and what it does to the books.
//!
//! ```text
//! pending ─┬─► submitted ─┬─► approved ──► disbursed ──► closed
//!          └──────────────┴─► rejected
//! ```
//!
//! A loan is paid back from its approval on: what comes in before it is paid out is booked as well.

use super::book::Entry;
use super::day::Day;
use super::instalment::{Instalment, Standing, Terms, schedule};
use super::money::{MOST, is_whole_paise};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Least that is lent [₹]: below, rounding to the paisa would be more than an instalment could bear.
const LEAST: Decimal = Decimal::from_parts(1_000, 0, 0, false, 0);
/// Most months.
pub const MONTHS_MAX: u32 = 84;
/// Highest interest [% a year].
const ANNUAL_MAX_PCT: Decimal = Decimal::from_parts(60, 0, 0, false, 0);

/// Days past due beyond which a loan is non-performing.
const NPA_DAYS: i32 = 90;

/// How far a loan is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Asked for.
    Pending,
    /// Handed to the lender.
    Submitted,
    /// Granted, and a schedule made.
    Approved,
    /// Not granted.
    Rejected,
    /// Paid out.
    Disbursed,
    /// Paid back.
    Closed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Submitted, Self::Approved, Self::Rejected, Self::Disbursed, Self::Closed];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Submitted => "submitted",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Disbursed => "disbursed",
            Self::Closed => "closed",
        }
    }

    /// The status of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether it was ever granted.
    pub fn was_approved(self) -> bool {
        matches!(self, Self::Approved | Self::Disbursed | Self::Closed)
    }

    /// Whether instalments are paid on it.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Approved | Self::Disbursed)
    }
}

/// Why something cannot be done with a loan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LoanError {
    /// The terms are none.
    #[error("{field}: {reason}")]
    Terms {
        /// Which of them.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// Not in this state.
    #[error("the application is {}; {what} is not possible", status.as_str())]
    State {
        /// How far it is.
        status: Status,
        /// What was wanted.
        what: &'static str,
    },
    /// More than is owed.
    #[error("{amount} is more than the {owed} that are still to be paid")]
    TooMuch {
        /// What was to be paid [₹].
        amount: Decimal,
        /// What is owed [₹].
        owed: Decimal,
    },
    /// Instalments were paid already.
    #[error("instalments were paid already; its terms stay as they are")]
    Begun,
}

/// What a payment settled of one instalment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Of which instalment.
    pub number: u32,
    /// Of its interest [₹].
    pub interest: Decimal,
    /// Of its principal [₹].
    pub principal: Decimal,
}

/// The state of a loan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loan {
    /// Its number.
    pub id: u64,
    /// What was asked for.
    pub asked: Terms,
    /// How far it is.
    pub status: Status,
    /// What was granted.
    pub granted: Option<Terms>,
    /// When it was granted.
    pub approved_on: Option<Day>,
    /// When it was paid out.
    pub disbursed_on: Option<Day>,
    /// What is to be paid when.
    pub instalments: Vec<Instalment>,
}

impl Terms {
    /// What is wrong with terms.
    ///
    /// # Errors
    /// The field and why.
    pub fn check(&self) -> Result<(), LoanError> {
        let unfit = |field, reason: String| Err(LoanError::Terms { field, reason });
        if !is_whole_paise(self.principal) || !(LEAST..=MOST).contains(&self.principal) {
            return unfit("amount", format!("from {LEAST} to {MOST}, in whole paise"));
        }
        if !(1..=MONTHS_MAX).contains(&self.months) {
            return unfit("tenure_months", format!("from 1 to {MONTHS_MAX}"));
        }
        let is_fit = (Decimal::ZERO..=ANNUAL_MAX_PCT).contains(&self.annual_pct);
        if !is_fit || self.annual_pct.normalize().scale() > 4 {
            return unfit("interest_rate", format!("from 0 to {ANNUAL_MAX_PCT} with up to four decimals"));
        }
        Ok(())
    }
}

impl Loan {
    /// An application.
    ///
    /// # Errors
    /// What is wrong with its terms.
    pub fn asked(id: u64, asked: Terms, status: Status) -> Result<Self, LoanError> {
        asked.check()?;
        let instalments = Vec::new();
        Ok(Self { id, asked, status, granted: None, approved_on: None, disbursed_on: None, instalments })
    }

    fn is_open(&self) -> bool {
        matches!(self.status, Status::Pending | Status::Submitted)
    }

    fn is_begun(&self) -> bool {
        self.instalments.iter().any(|one| !one.paid().is_zero())
    }

    /// Grants it.
    ///
    /// # Errors
    /// When it was decided already, or the terms are none.
    pub fn approve(&mut self, terms: Terms, on: Day) -> Result<Vec<Entry>, LoanError> {
        if !self.is_open() {
            return Err(LoanError::State { status: self.status, what: "approval" });
        }
        terms.check()?;
        self.status = Status::Approved;
        self.granted = Some(terms);
        self.approved_on = Some(on);
        self.instalments = schedule(&terms, on);
        Ok(vec![Entry::approved(self.id, terms.principal)])
    }

    /// Does not grant it.
    ///
    /// # Errors
    /// When it was decided already.
    pub fn reject(&mut self) -> Result<(), LoanError> {
        if !self.is_open() {
            return Err(LoanError::State { status: self.status, what: "rejection" });
        }
        self.status = Status::Rejected;
        Ok(())
    }

    /// Pays it out on a day, perhaps on other terms than it was granted on: the schedule begins anew from then.
    ///
    /// # Errors
    /// When it is not granted, or instalments were paid and the terms would change.
    pub fn disburse(&mut self, terms: Option<Terms>, on: Day) -> Result<Vec<Entry>, LoanError> {
        let Some(granted) = self.granted.filter(|_| self.status == Status::Approved) else {
            return Err(LoanError::State { status: self.status, what: "disbursement" });
        };
        let terms = terms.unwrap_or(granted);
        terms.check()?;
        if self.is_begun() && terms != granted {
            return Err(LoanError::Begun);
        }
        let mut entries = Vec::new();
        if terms.principal != granted.principal {
            entries.push(Entry::undone(self.id, granted.principal));
            entries.push(Entry::approved(self.id, terms.principal));
        }
        if !self.is_begun() {
            self.instalments = schedule(&terms, on);
        }
        self.granted = Some(terms);
        self.status = Status::Disbursed;
        self.disbursed_on = Some(on);
        entries.push(Entry::disbursed(terms.principal));
        Ok(entries)
    }

    /// Takes a payment: the oldest instalment first, its interest before its principal.
    ///
    /// # Errors
    /// When nothing is owed, or less.
    pub fn pay(&mut self, amount: Decimal, on: Day) -> Result<(Vec<Share>, Vec<Entry>), LoanError> {
        if !self.status.is_running() {
            return Err(LoanError::State { status: self.status, what: "payment" });
        }
        if !is_whole_paise(amount) || amount <= Decimal::ZERO {
            let reason = "above 0, in whole paise".to_owned();
            return Err(LoanError::Terms { field: "amount", reason });
        }
        let owed = self.owed();
        if amount > owed {
            return Err(LoanError::TooMuch { amount, owed });
        }
        let (mut left, mut shares) = (amount, Vec::new());
        for one in &mut self.instalments {
            if left.is_zero() {
                break;
            }
            let interest = left.min(one.interest - one.interest_paid);
            let principal = (left - interest).min(one.principal - one.principal_paid);
            if (interest + principal).is_zero() {
                continue;
            }
            one.interest_paid += interest;
            one.principal_paid += principal;
            left -= interest + principal;
            if one.unpaid().is_zero() {
                one.settled_on = Some(on);
            }
            shares.push(Share { number: one.number, interest, principal });
        }
        let interest = shares.iter().map(|share| share.interest).sum();
        let principal = shares.iter().map(|share| share.principal).sum();
        if self.status == Status::Disbursed && self.owed().is_zero() {
            self.status = Status::Closed;
        }
        Ok((shares, vec![Entry::paid(self.id, interest, principal)]))
    }

    /// What is still to be paid, interest included [₹].
    pub fn owed(&self) -> Decimal {
        self.instalments.iter().map(Instalment::unpaid).sum()
    }

    /// What is still lent [₹].
    pub fn lent(&self) -> Decimal {
        self.instalments.iter().map(|one| one.principal - one.principal_paid).sum()
    }

    /// Instalments that are late on a day, the oldest first.
    pub fn overdue(&self, today: Day) -> impl Iterator<Item = &Instalment> {
        let is_running = self.status.is_running();
        let late = move |one: &&Instalment| is_running && one.standing(today) == Standing::Overdue;
        self.instalments.iter().filter(late)
    }

    /// Days past due: since the oldest instalment that is late.
    pub fn days_past_due(&self, today: Day) -> u32 {
        self.overdue(today).next().map_or(0, |one| one.overdue_days(today))
    }

    /// How the loan is classed on a day (Reserve Bank of India, circular of 12 November 2021): special mention accounts
    /// up to 30, 60 and 90 days past due, non-performing beyond, and then for as long as anything is late at all.
    pub fn class(&self, today: Day) -> &'static str {
        if self.is_npa_still(today) { class(u32::MAX) } else { class(self.days_past_due(today)) }
    }

    /// Whether it was non-performing at the end of some day since when something was late without a break. Payments
    /// settle the oldest instalment first, so it is enough to go back from the oldest that is late.
    fn is_npa_still(&self, today: Day) -> bool {
        let Some(mut later) = self.overdue(today).next() else { return false };
        for one in self.instalments.iter().rev().filter(|one| one.number < later.number) {
            let Some(settled_on) = one.settled_on.filter(|settled_on| settled_on.since(later.due) > 0) else {
                return false;
            };
            // What is settled on a day is not late at its end.
            if settled_on.since(one.due) - 1 > NPA_DAYS {
                return true;
            }
            later = one;
        }
        false
    }
}

/// How a loan is classed by its days past due alone.
fn class(days_past_due: u32) -> &'static str {
    match days_past_due {
        0 => "standard",
        1..=30 => "SMA-0",
        31..=60 => "SMA-1",
        61..=90 => "SMA-2",
        _ => "NPA",
    }
}

#[cfg(test)]
mod tests {
    use super::super::book::{balances, lent};
    use super::*;

    fn terms(principal: i64) -> Terms {
        Terms { principal: principal.into(), annual_pct: "12.5".parse().unwrap(), months: 24 }
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_loan_goes_its_way_and_the_books_follow() {
        let mut loan = Loan::asked(7, terms(45_000), Status::Pending).unwrap();
        assert!(loan.disburse(None, day("2024-01-01")).is_err());
        let mut entries = loan.approve(terms(45_000), day("2024-01-10")).unwrap();
        assert!(matches!(loan.reject(), Err(LoanError::State { .. })));
        entries.extend(loan.disburse(Some(terms(40_000)), day("2024-01-15")).unwrap());
        assert_eq!(loan.instalments[0].due, day("2024-02-15"));
        let today = day("2024-04-01");
        assert_eq!((loan.overdue(today).count(), loan.days_past_due(today)), (2, 46));
        let (shares, more) = loan.pay("3000".parse().unwrap(), today).unwrap();
        entries.extend(more);
        assert_eq!(shares.len(), 2);
        assert!(shares[1].interest > Decimal::ZERO, "interest before principal");
        assert_eq!(loan.days_past_due(today), 17);
        let owed = loan.owed();
        assert!(matches!(loan.pay(owed + Decimal::ONE, today), Err(LoanError::TooMuch { .. })));
        entries.extend(loan.pay(owed, today).unwrap().1);
        assert_eq!((loan.status, loan.days_past_due(today)), (Status::Closed, 0));
        assert!(balances(&entries)[&lent(7)].is_zero());
    }

    #[test]
    fn terms_that_are_none_are_refused() {
        let field = |terms: Terms| match Loan::asked(1, terms, Status::Pending) {
            Err(LoanError::Terms { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(terms(0)), "amount");
        assert_eq!(field(Terms { months: 85, ..terms(45_000) }), "tenure_months");
        assert_eq!(field(Terms { annual_pct: 61.into(), ..terms(45_000) }), "interest_rate");
        assert_eq!(field(Terms { principal: "4500.001".parse().unwrap(), ..terms(1) }), "amount");
    }

    #[test]
    fn a_loan_that_does_not_perform_does_so_again_only_when_nothing_is_late() {
        let mut loan = Loan::asked(7, terms(45_000), Status::Pending).unwrap();
        loan.approve(terms(45_000), day("2024-01-15")).unwrap();
        loan.disburse(None, day("2024-01-15")).unwrap();
        let each = loan.instalments[0].amount();
        // Due on the 15th of each month from February on.
        assert_eq!(loan.class(day("2024-05-15")), "SMA-2");
        let late = day("2024-05-20");
        assert_eq!((loan.days_past_due(late), loan.class(late)), (95, "NPA"));
        loan.pay(each, late).unwrap();
        assert_eq!((loan.days_past_due(late), loan.class(late)), (66, "NPA"), "some of it is still late");
        loan.pay(each + each, late).unwrap();
        assert_eq!((loan.days_past_due(late), loan.class(late)), (5, "NPA"));
        loan.pay(each, late).unwrap();
        assert_eq!((loan.days_past_due(late), loan.class(late)), (0, "standard"));
        // Late again, it begins anew.
        assert_eq!(loan.class(day("2024-06-20")), "SMA-0");

        // What is settled on its ninety-first day did not end a day beyond ninety.
        let mut loan = Loan::asked(8, terms(45_000), Status::Pending).unwrap();
        loan.approve(terms(45_000), day("2024-01-15")).unwrap();
        loan.disburse(None, day("2024-01-15")).unwrap();
        let last = day("2024-05-16");
        assert_eq!((loan.days_past_due(last), loan.class(last)), (91, "NPA"));
        loan.pay(each, last).unwrap();
        assert_eq!((loan.days_past_due(last), loan.class(last)), (62, "SMA-2"));
    }

    #[test]
    fn classes_have_their_days() {
        let of = [0, 1, 30, 31, 60, 61, 90, 91].map(class);
        assert_eq!(of, ["standard", "SMA-0", "SMA-0", "SMA-1", "SMA-1", "SMA-2", "SMA-2", "NPA"]);
    }
}
