//! Schedules of ten thousand random loans against a calculation in whole numbers, without any decimals: the instalment
//! is the one that rounds the exact annuity, and every row follows to the paisa.

use host::dealership::rules::day::Day;
use host::dealership::rules::instalment::{Terms, emi, schedule};
use rust_decimal::Decimal;

const LOANS: u64 = 10_000;

/// Numbers that look random, the same each time (Steele and others, SplitMix, 2014).
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

/// A whole number of any length, in digits of 32 bits, the lowest first.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Whole(Vec<u32>);

impl Whole {
    fn of(value: u64) -> Self {
        Self(vec![value as u32, (value >> 32) as u32]).trimmed()
    }

    fn trimmed(mut self) -> Self {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
        self
    }

    fn times(&self, factor: u64) -> Self {
        let (mut carry, mut digits) = (0_u128, Vec::new());
        for digit in &self.0 {
            carry += u128::from(*digit) * u128::from(factor);
            digits.push(carry as u32);
            carry >>= 32;
        }
        while carry > 0 {
            digits.push(carry as u32);
            carry >>= 32;
        }
        Self(digits).trimmed()
    }

    fn less(&self, other: &Self) -> Self {
        let (mut borrow, mut digits) = (0_i64, Vec::new());
        for (place, digit) in self.0.iter().enumerate() {
            let difference = i64::from(*digit) - i64::from(other.0.get(place).copied().unwrap_or(0)) - borrow;
            borrow = i64::from(difference < 0);
            digits.push((difference + (borrow << 32)) as u32);
        }
        assert_eq!(borrow, 0);
        Self(digits).trimmed()
    }

    fn is_at_most(&self, other: &Self) -> bool {
        let key = |whole: &Self| (whole.0.len(), whole.0.iter().rev().copied().collect::<Vec<u32>>());
        key(self) <= key(other)
    }
}

/// (1 + r)ⁿ as a fraction, where r is `k` of 120000 a month.
fn powers(k: u64, months: u32) -> (Whole, Whole) {
    let (mut above, mut below) = (Whole::of(1), Whole::of(1));
    for _ in 0..months {
        (above, below) = (above.times(120_000 + k), below.times(120_000));
    }
    (above, below)
}

/// Whether so many paise are the exact instalment, rounded half up:
/// (2e − 1)·120000·(A − B) ≤ 2·P·k·A < (2e + 1)·120000·(A − B), where (1 + r)ⁿ = A/B.
fn rounds(paise: u64, principal: u64, k: u64, months: u32) -> bool {
    if k == 0 {
        let (twice, months) = (2 * principal, u64::from(months));
        return (2 * paise - 1) * months <= twice && twice < (2 * paise + 1) * months;
    }
    let (above, below) = powers(k, months);
    let exact = above.times(k).times(principal).times(2);
    let unit = above.less(&below).times(120_000);
    unit.times(2 * paise - 1).is_at_most(&exact) && !unit.times(2 * paise + 1).is_at_most(&exact)
}

fn paise(amount: Decimal) -> u64 {
    let paise = amount * Decimal::ONE_HUNDRED;
    assert!(paise.fract().is_zero(), "{amount} has fractions of a paisa");
    paise.trunc().to_string().split('.').next().unwrap().parse().unwrap()
}

/// The day that is as far into a month, or its last.
fn later(year: i64, month: i64, day: i64, months: i64) -> (i64, i64, i64) {
    let count = year * 12 + month - 1 + months;
    let (year, month) = (count / 12, count % 12 + 1);
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let last = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    (year, month, day.min(last))
}

#[test]
fn ten_thousand_loans_are_exact_to_the_paisa() {
    let mut draws = Draws(20_240_115);
    let mut rows = 0_u64;
    for _ in 0..LOANS {
        let principal = 100_000 + draws.below(5_000_000_000);
        let k = draws.below(6_001);
        let months = 1 + draws.below(84) as u32;
        let (year, month, day) =
            (2_020 + draws.below(10) as i64, 1 + draws.below(12) as i64, 1 + draws.below(28) as i64);
        let from: Day = format!("{year:04}-{month:02}-{day:02}").parse().unwrap();
        let (from, day) = if draws.below(4) == 0 { (from.last_of_month(), 31) } else { (from, day) };
        let day = if day == 31 { from.to_string()[8..].parse().unwrap() } else { day };
        let terms = Terms {
            principal: Decimal::new(principal as i64, 2),
            annual_pct: Decimal::new(k as i64, 2),
            months,
        };
        let said = paise(emi(&terms));
        assert!(rounds(said, principal, k, months), "{terms:?}: {said}");
        let plan = schedule(&terms, from);
        assert_eq!(plan.len(), months as usize);
        let (mut balance, mut interests, mut paid) = (principal, 0, 0);
        for (number, row) in (1..=months).zip(&plan) {
            // Half up, in whole numbers.
            let interest = (2 * balance * k + 120_000) / 240_000;
            let share = if number == months { balance } else { (said - interest.min(said)).min(balance) };
            balance -= share;
            assert_eq!(
                (paise(row.interest), paise(row.principal), paise(row.balance)),
                (interest, share, balance),
                "{terms:?} {number}"
            );
            let due = later(year, month, day, i64::from(number));
            assert_eq!(
                row.due.to_string(),
                format!("{:04}-{:02}-{:02}", due.0, due.1, due.2),
                "{from} {number}"
            );
            (interests, paid, rows) = (interests + interest, paid + paise(row.amount()), rows + 1);
        }
        assert_eq!((balance, paid), (0, principal + interests), "{terms:?}");
    }
    assert!(rows > LOANS * 30, "{rows} instalments were looked at");
}

#[test]
fn the_other_calculation_knows_the_example() {
    assert!(rounds(212_883, 4_500_000, 1_250, 24));
    assert!(!rounds(212_882, 4_500_000, 1_250, 24) && !rounds(212_884, 4_500_000, 1_250, 24));
    assert!(rounds(33_333, 100_000, 0, 3));
}
