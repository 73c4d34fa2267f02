//! The books close after whatever happens to loans, in any order, allowed or not.

use host::dealership::rules::book::{CASH, Entry, INTEREST, PAYABLE, balances, lent};
use host::dealership::rules::day::Day;
use host::dealership::rules::instalment::Terms;
use host::dealership::rules::loan::{Loan, Status};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// Something that somebody wants of a loan.
#[derive(Debug, Clone)]
enum Wish {
    Approve(i64, i64, u32),
    Reject,
    Disburse(Option<(i64, i64, u32)>, i64),
    /// So many paise.
    Pay(i64),
    /// So many thousandths of what is owed.
    PayShare(u32),
}

fn terms((paise, hundredths, months): (i64, i64, u32)) -> Terms {
    Terms { principal: Decimal::new(paise, 2), annual_pct: Decimal::new(hundredths, 2), months }
}

fn wish() -> impl Strategy<Value = Wish> {
    let of_terms = || (50_000_i64..10_000_000, 0_i64..6_100, 0_u32..90);
    prop_oneof![
        2 => of_terms().prop_map(|(p, r, n)| Wish::Approve(p, r, n)),
        1 => Just(Wish::Reject),
        2 => (prop::option::of(of_terms()), 0_i64..400).prop_map(|(terms, ago)| Wish::Disburse(terms, ago)),
        4 => (-1_000_i64..500_000).prop_map(Wish::Pay),
        3 => (0_u32..=1_000).prop_map(Wish::PayShare),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_books_close_after_any_sequence(wishes in prop::collection::vec((0_usize..3, wish()), 0..40)) {
        let today: Day = "2026-03-15".parse().unwrap();
        let asked = terms((4_500_000, 1_250, 24));
        let mut loans: Vec<Loan> =
            (1..=3).map(|id| Loan::asked(id, asked, Status::Pending).unwrap()).collect();
        let mut entries: Vec<Entry> = Vec::new();
        let mut taken = Decimal::ZERO;
        for (which, wish) in wishes {
            let loan = &mut loans[which];
            let before = loan.clone();
            let done = match wish {
                Wish::Approve(p, r, n) => loan.approve(terms((p, r, n)), today),
                Wish::Reject => loan.reject().map(|()| Vec::new()),
                Wish::Disburse(other, ago) => loan.disburse(other.map(terms), today.days_on(-ago)),
                Wish::Pay(paise) => loan.pay(Decimal::new(paise, 2), today).map(|(_, entries)| {
                    taken += Decimal::new(paise, 2);
                    entries
                }),
                Wish::PayShare(share) => {
                    let part = loan.owed() * Decimal::new(i64::from(share), 3);
                    let amount = host::dealership::rules::money::rounded(part).min(loan.owed());
                    loan.pay(amount, today).map(|(shares, entries)| {
                        let settled: Decimal = shares.iter().map(|one| one.interest + one.principal).sum();
                        assert_eq!(settled, amount, "everything that came settles something");
                        taken += amount;
                        entries
                    })
                }
            };
            match done {
                Ok(new) => entries.extend(new),
                // Who is refused changed nothing.
                Err(_) => prop_assert_eq!(&before, &*loan),
            }
            prop_assert!(entries.iter().all(Entry::closes));
            let books = balances(&entries);
            prop_assert!(books.values().sum::<Decimal>().is_zero());
            let on = |account: &str| books.get(account).copied().unwrap_or_default();
            for loan in &loans {
                let is_lent = if loan.status.was_approved() { loan.lent() } else { Decimal::ZERO };
                prop_assert_eq!(on(&lent(loan.id)), is_lent, "what is lent is what the schedule says");
                for one in &loan.instalments {
                    prop_assert!(one.unpaid() >= Decimal::ZERO && one.paid() >= Decimal::ZERO);
                }
            }
            let interest: Decimal =
                loans.iter().flat_map(|loan| &loan.instalments).map(|one| one.interest_paid).sum();
            prop_assert_eq!(on(INTEREST), -interest);
            let paid_out: Decimal = loans.iter().filter(|loan| loan.disbursed_on.is_some())
                .filter_map(|loan| loan.granted).map(|terms| terms.principal).sum();
            prop_assert_eq!(on(CASH), taken - paid_out);
            let waiting: Decimal = loans.iter().filter(|loan| loan.status == Status::Approved)
                .filter_map(|loan| loan.granted).map(|terms| terms.principal).sum();
            prop_assert_eq!(on(PAYABLE), -waiting);
        }
    }
}
