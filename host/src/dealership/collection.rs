//! What is late, what was collected, and batteries that are switched off because of what is late.

use super::draft::Draft;
use super::records::{Asset, AssetStatus, LoanRecord, Payment, Reason};
use super::rules::day::Day;
use super::rules::instalment::Instalment;
use super::rules::loan::Status;
use super::rules::switching::{Hindrance, may_switch_off};
use super::rules::template::Template;
use super::{Dealership, DealershipError, Member};
use crate::identity::Action;
use crate::store::records::{By, Versioned, Within};
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::BTreeMap;
use twin::time::HOUR_MS;

/// An instalment that is late.
#[derive(Debug, Clone)]
pub struct Overdue {
    /// The loan.
    pub loan: LoanRecord,
    /// The instalment.
    pub instalment: Instalment,
    /// For so many days.
    pub days: u32,
    /// Name of the consumer.
    pub consumer_name: String,
    /// Its telephone number, as far as the caller is told it.
    pub consumer_phone: Option<String>,
    /// Serial number of the battery.
    pub serial: String,
}

/// What became of the batteries of late loans.
#[derive(Debug, Clone, Default)]
pub struct Disabled {
    /// Switched off.
    pub disabled: Vec<String>,
    /// Their consumers were told that they may be.
    pub noticed: Vec<String>,
    /// Not now, and why.
    pub deferred: Vec<(String, Hindrance)>,
}

/// What was collected on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collected {
    /// The day.
    pub on: Day,
    /// Payments.
    pub count: usize,
    /// What they sum to [₹].
    pub total: Decimal,
    /// Payments of loans that were late.
    pub overdue: usize,
}

/// Days from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub from: Day,
    /// The last.
    pub to: Day,
}

impl Days {
    /// Days of a request; this month's where nothing is said.
    ///
    /// # Errors
    /// When the last is before the first.
    pub fn read(from: Option<Day>, to: Option<Day>, today: Day) -> Result<Self, DealershipError> {
        let from = from.unwrap_or_else(|| to.unwrap_or(today).first_of_month());
        let to = to.unwrap_or_else(|| from.last_of_month().max(today));
        if to < from {
            return Err(DealershipError::field("end_date", "is before start_date"));
        }
        Ok(Self { from, to })
    }

    /// Whether a day is one of them.
    pub fn contains(self, day: Day) -> bool {
        (self.from..=self.to).contains(&day)
    }
}

impl Dealership {
    /// Instalments that are late, the longest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn overdue(&self, member: &Member, min_days: u32) -> Result<Vec<Overdue>, DealershipError> {
        member.may(Action::DealershipRead)?;
        let today = self.today();
        let mut rows = Vec::new();
        for loan in self.loans_seen(member).await? {
            let late: Vec<Instalment> = loan.loan.overdue(today).cloned().collect();
            if late.is_empty() {
                continue;
            }
            let party = self.party("Consumer", loan.consumer).await?.value;
            let consumer_phone = self.phone_for(&party, member)?;
            let serial = self.asset_of(&loan).await?.value.serial;
            for instalment in late {
                let days = instalment.overdue_days(today);
                if days < min_days {
                    continue;
                }
                rows.push(Overdue {
                    loan: loan.clone(),
                    instalment,
                    days,
                    consumer_name: party.name.clone(),
                    consumer_phone: consumer_phone.clone(),
                    serial: serial.clone(),
                });
            }
        }
        rows.sort_by_key(|row| (row.instalment.due, row.loan.loan.id, row.instalment.number));
        Ok(rows)
    }

    /// Switches off batteries whose loans are so many days late, where it may be done: after their consumers were told,
    /// while they stand, and never real ones because of what was simulated. Everything of it is in the journal, and a
    /// payment that clears the arrears switches them on again.
    ///
    /// # Errors
    /// When the caller may not, or the store cannot be read or written.
    pub async fn disable_overdue(&self, member: &Member, days: u32) -> Result<Disabled, DealershipError> {
        member.may(Action::FinanceDecide)?;
        if !(1..=3_650).contains(&days) {
            return Err(DealershipError::field("overdue_days_threshold", "from 1 to 3650"));
        }
        let (mut done, today) = (Disabled::default(), self.today());
        let late = |loan: &LoanRecord| loan.loan.days_past_due(today) >= days;
        let mut loans = self.loans_seen(member).await?;
        loans.retain(late);
        loans.sort_by_key(|loan| loan.loan.id);
        for loan in loans {
            self.disable_one(member, &loan, &mut done).await?;
        }
        Ok(done)
    }

    async fn disable_one(
        &self,
        member: &Member,
        loan: &LoanRecord,
        done: &mut Disabled,
    ) -> Result<(), DealershipError> {
        let asset = self.asset_of(loan).await?.value;
        if asset.held_for.is_some() {
            return Ok(());
        }
        let hindrance = may_switch_off(&self.signs(&asset).await?, self.settings().parked_within_s).err();
        if hindrance == Some(Hindrance::Simulated) {
            // Nobody is told about what is only simulated either.
            done.deferred.push((asset.serial, Hindrance::Simulated));
            return Ok(());
        }
        let turn = self.turn().await;
        // What was read before the turn may have been paid since.
        let Some(loan) = self.known::<LoanRecord>(loan.loan.id).await?.map(|found| found.value) else {
            return Ok(());
        };
        let Versioned { value: mut asset, version } = self.asset_of(&loan).await?;
        let today = self.today();
        let late: Vec<&Instalment> = loan.loan.overdue(today).collect();
        if asset.held_for.is_some() || late.is_empty() {
            return Ok(());
        }
        let amount: Decimal = late.iter().map(|one| one.unpaid()).sum();
        let (days, by, now) = (loan.loan.days_past_due(today), member.name(), self.now());
        let notice_ms = (self.settings().notice_h * HOUR_MS as f64) as i64;
        let mut draft = Draft::of(self);
        let is_noticed = asset.noticed_at.is_some_and(|at| now - at >= notice_ms) || notice_ms == 0;
        if !is_noticed {
            if asset.noticed_at.is_some() {
                done.deferred.push((asset.serial, Hindrance::Notice));
                return Ok(());
            }
            asset.noticed_at = Some(now);
            let text = Template::Overdue { serial: &asset.serial, amount, days };
            self.tell(&mut draft, loan.consumer, loan.dealer, &text, &by).await?;
            draft.change(&asset, version)?;
            let detail = json!({ "loan": loan.loan.id, "days": days, "amount": amount });
            let entity = format!("asset/{}", asset.id);
            let intents = draft.keep(&entity, "switching off announced", &by, detail).await?;
            drop(turn);
            self.carry_out_now(&intents).await;
            done.noticed.push(asset.serial);
            return Ok(());
        }
        if let Some(hindrance) = hindrance {
            done.deferred.push((asset.serial, hindrance));
            return Ok(());
        }
        asset.held_for = Some(loan.loan.id);
        self.want(&mut draft, &mut asset, AssetStatus::Inactive, Reason::Overdue, &by).await?;
        let text = Template::SwitchedOff { serial: &asset.serial, amount };
        self.tell(&mut draft, loan.consumer, loan.dealer, &text, &by).await?;
        draft.change(&asset, version)?;
        let detail = json!({ "loan": loan.loan.id, "days": days, "amount": amount });
        let entity = format!("asset/{}", asset.id);
        let intents = draft.keep(&entity, "battery switched off for late instalments", &by, detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        done.disabled.push(asset.serial);
        Ok(())
    }

    /// Payments of loans that somebody sees, on some days.
    pub(super) async fn payments_of(
        &self,
        member: &Member,
        days: Days,
        dealer: Option<u64>,
    ) -> Result<Vec<Payment>, DealershipError> {
        let loans: BTreeMap<u64, Option<u64>> =
            self.loans_seen(member).await?.into_iter().map(|loan| (loan.loan.id, loan.dealer)).collect();
        let end = days.to.days_on(1).to_string();
        let within = Within::Range(days.from.to_string().into_bytes(), end.into_bytes());
        let mut found = self.scanned::<Payment>(By::Index("on".to_owned()), within).await?;
        found.retain(|payment| {
            let of = loans.get(&payment.loan);
            of.is_some_and(|of| dealer.is_none() || *of == dealer)
        });
        found.sort_by_key(|payment| (payment.on, payment.id));
        Ok(found)
    }

    /// What was collected, day by day; days without a payment are left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn collected(
        &self,
        member: &Member,
        days: Days,
        dealer: Option<u64>,
    ) -> Result<Vec<Collected>, DealershipError> {
        member.may(Action::DealershipRead)?;
        let mut by_day: BTreeMap<Day, Collected> = BTreeMap::new();
        for payment in self.payments_of(member, days, dealer).await? {
            let on = payment.on;
            let none = Collected { on, count: 0, total: Decimal::ZERO, overdue: 0 };
            let day = by_day.entry(on).or_insert(none);
            day.count += 1;
            day.total += payment.amount;
            day.overdue += usize::from(payment.was_overdue);
        }
        Ok(by_day.into_values().collect())
    }

    /// Loans that are late now, of those that somebody sees.
    pub(super) async fn late_loans(&self, member: &Member) -> Result<usize, DealershipError> {
        let today = self.today();
        let loans = self.loans_seen(member).await?;
        Ok(loans.iter().filter(|loan| loan.loan.days_past_due(today) > 0).count())
    }
}

impl Asset {
    /// Whether it is switched off because of late instalments.
    pub fn is_held(&self) -> bool {
        self.held_for.is_some()
    }
}

impl LoanRecord {
    /// Whether money was paid out for it.
    pub fn was_disbursed(&self) -> bool {
        self.loan.disbursed_on.is_some() || self.loan.status == Status::Disbursed
    }
}
