//! Applications for loans, and what is decided about them.

use super::draft::Draft;
use super::intent::What;
use super::records::{Asset, Channel, KycStatus, LoanRecord, Posting, of};
use super::rules::book::{Entry, balances};
use super::rules::day::Day;
use super::rules::instalment::Terms;
use super::rules::loan::{Loan, Status};
use super::{Dealership, DealershipError, Member};
use crate::identity::{Action, Role};
use crate::store::records::Versioned;
use rust_decimal::Decimal;
use serde_json::json;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Longest reason.
const REASON_MAX_CHARS: usize = 500;

/// A loan that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct NewLoan {
    /// By whom.
    pub consumer: u64,
    /// For which battery.
    pub asset: u64,
    /// On which terms.
    pub terms: Terms,
    /// Which way it goes.
    pub channel: Channel,
}

/// What is decided about an application; what is left out stays as it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// Whether it is granted.
    pub is_approved: bool,
    /// What is lent [₹].
    pub amount: Option<Decimal>,
    /// Interest [% a year].
    pub annual_pct: Option<Decimal>,
    /// Instalments.
    pub months: Option<u32>,
    /// Why.
    pub reason: Option<String>,
}

/// The books.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// Entries, in their order.
    pub postings: Vec<Posting>,
    /// What is on each account [₹].
    pub balances: BTreeMap<String, Decimal>,
}

impl Dealership {
    /// Applies for a loan.
    ///
    /// # Errors
    /// What is wrong with it, or whose consumer or battery it is not.
    pub async fn apply(&self, member: &Member, new: NewLoan) -> Result<LoanRecord, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        let consumer = self.consumer_for(member, Action::ConsumerWrite, new.consumer).await?.value;
        let asset = self.asset_numbered(member, Action::AssetWrite, new.asset).await?.value;
        new.terms.check()?;
        if self.settings().kyc_strict && consumer.kyc != KycStatus::Verified {
            let details = "The consumer's identity must be verified first";
            return Err(DealershipError::unfit("KYC not verified", details));
        }
        if asset.consumer.is_some_and(|owner| owner != new.consumer) {
            let details = format!("Battery {} is assigned to another consumer", asset.serial);
            return Err(DealershipError::unfit("Battery already assigned", details));
        }
        let turn = self.turn().await;
        let of_asset = self.all::<LoanRecord>(Some(("asset", of(new.asset)))).await?;
        let is_open = |one: &LoanRecord| !matches!(one.loan.status, Status::Rejected | Status::Closed);
        if let Some(other) = of_asset.iter().find(|one| is_open(one)) {
            let details = format!("Application {} is for this battery already", other.loan.id);
            return Err(DealershipError::unfit("Battery already financed", details));
        }
        let mut draft = Draft::of(self);
        let id = draft.number("loan").await?;
        let (now, by) = (self.now(), member.name());
        let status = match new.channel {
            Channel::Dealer => Status::Pending,
            Channel::Nbfc => Status::Submitted,
        };
        let record = LoanRecord {
            loan: Loan::asked(id, new.terms, status)?,
            consumer: new.consumer,
            asset: new.asset,
            dealer: consumer.dealer,
            financier: None,
            channel: new.channel,
            created: now,
            submitted_at: (new.channel == Channel::Nbfc).then_some(now),
            handed_in_at: None,
            lender_reference: None,
            approved_at: None,
            reason: None,
            emi_variance: None,
        };
        draft.add(&record)?;
        if new.channel == Channel::Nbfc {
            draft.intend(What::Submit { loan: id }, &by, now).await?;
        }
        let detail = json!({ "consumer": new.consumer, "asset": new.asset, "terms": new.terms, "channel": new.channel });
        let intents = draft.keep(&format!("loan/{id}"), "loan asked for", &by, detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(self.known::<LoanRecord>(id).await?.map_or(record, |found| found.value))
    }

    /// Loans that somebody sees, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn loans(
        &self,
        member: &Member,
        status: Option<Status>,
        consumer: Option<u64>,
    ) -> Result<Vec<LoanRecord>, DealershipError> {
        member.may(Action::DealershipRead)?;
        let mut found = self.loans_seen(member).await?;
        found.retain(|one| {
            status.is_none_or(|status| one.loan.status == status)
                && consumer.is_none_or(|consumer| one.consumer == consumer)
        });
        Ok(found)
    }

    pub(super) async fn loans_seen(&self, member: &Member) -> Result<Vec<LoanRecord>, DealershipError> {
        let within = member.dealer().map(|dealer| ("dealer", of(dealer)));
        let mut found = self.all::<LoanRecord>(within).await?;
        found.retain(|one| member.sees(&one.owner(member)));
        found.sort_by_key(|one| Reverse(one.loan.id));
        Ok(found)
    }

    /// A loan, for somebody who may do so to it.
    pub(super) async fn loan_for(
        &self,
        member: &Member,
        action: Action,
        id: u64,
    ) -> Result<Versioned<LoanRecord>, DealershipError> {
        member.may(action)?;
        let found = self.known::<LoanRecord>(id).await?;
        let found = found.ok_or_else(|| DealershipError::absent("Application", id))?;
        member.may_to(action, &found.value.owner(member))?;
        Ok(found)
    }

    /// Refuses where a caller may not do something to a loan, or there is none.
    ///
    /// # Errors
    /// Why not.
    pub async fn loan_may(&self, member: &Member, action: Action, id: u64) -> Result<(), DealershipError> {
        self.loan_for(member, action, id).await.map(drop)
    }

    /// Grants an application, and makes its schedule; or does not.
    ///
    /// # Errors
    /// When it was decided already, or the terms are none.
    pub async fn decide(
        &self,
        member: &Member,
        id: u64,
        decision: Decision,
    ) -> Result<LoanRecord, DealershipError> {
        self.loan_for(member, Action::FinanceDecide, id).await?;
        if decision.reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_MAX_CHARS) {
            return Err(DealershipError::field("reason", "at most 500 characters"));
        }
        let _turn = self.turn().await;
        let Versioned { value: mut record, version } =
            self.loan_for(member, Action::FinanceDecide, id).await?;
        let by = member.name();
        let mut draft = Draft::of(self);
        let asked = record.loan.asked;
        let terms = Terms {
            principal: decision.amount.unwrap_or(asked.principal),
            annual_pct: decision.annual_pct.unwrap_or(asked.annual_pct),
            months: decision.months.unwrap_or(asked.months),
        };
        if decision.is_approved {
            let entries = record.loan.approve(terms, self.today())?;
            record.approved_at = Some(self.now());
            self.book(&mut draft, id, entries, self.today(), "approved").await?;
        } else {
            record.loan.reject()?;
        }
        record.reason = decision.reason;
        record.financier = record.financier.or(member.number.filter(|_| member.is(Role::Financier)));
        draft.change(&record, version)?;
        let detail = json!({ "terms": terms, "status": record.loan.status, "reason": record.reason });
        draft.keep(&format!("loan/{id}"), "loan decided", &by, detail).await?;
        Ok(record)
    }

    /// Pays a loan out: its schedule begins then.
    ///
    /// # Errors
    /// When it is not granted, or the day is in the future.
    pub async fn disburse(
        &self,
        member: &Member,
        id: u64,
        on: Option<Day>,
    ) -> Result<LoanRecord, DealershipError> {
        self.loan_for(member, Action::FinanceDecide, id).await?;
        let on = on.unwrap_or_else(|| self.today());
        if on > self.today() {
            return Err(DealershipError::field("disbursement_date", "is in the future"));
        }
        let turn = self.turn().await;
        let Versioned { value: mut record, version } =
            self.loan_for(member, Action::FinanceDecide, id).await?;
        let mut draft = Draft::of(self);
        let entries = record.loan.disburse(None, on)?;
        self.book(&mut draft, id, entries, on, "disbursed").await?;
        self.release_if_cleared(&mut draft, &record, &member.name()).await?;
        draft.change(&record, version)?;
        let detail = json!({ "on": on, "terms": record.loan.granted });
        let intents = draft.keep(&format!("loan/{id}"), "loan disbursed", &member.name(), detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(record)
    }

    /// Books entries of a loan.
    pub(super) async fn book(
        &self,
        draft: &mut Draft<'_>,
        loan: u64,
        entries: Vec<Entry>,
        on: Day,
        why: &str,
    ) -> Result<(), DealershipError> {
        for entry in entries {
            let id = draft.number("posting").await?;
            draft.add(&Posting { id, loan, entry, on, at: self.now(), why: why.to_owned() })?;
        }
        Ok(())
    }

    /// The books as far as somebody sees them, of one loan where one is named.
    ///
    /// # Errors
    /// When the store cannot be read, or the loan is not the caller's.
    pub async fn ledger(&self, member: &Member, loan: Option<u64>) -> Result<Ledger, DealershipError> {
        member.may(Action::DealershipRead)?;
        let postings = match loan {
            Some(loan) => {
                self.loan_for(member, Action::DealershipRead, loan).await?;
                self.all::<Posting>(Some(("loan", of(loan)))).await?
            }
            None if member.sees_all() => self.all::<Posting>(None).await?,
            None => {
                let mut postings = Vec::new();
                for loan in self.loans_seen(member).await? {
                    postings.extend(self.all::<Posting>(Some(("loan", of(loan.loan.id)))).await?);
                }
                postings.sort_by_key(|posting| posting.id);
                postings
            }
        };
        let balances = balances(postings.iter().map(|posting| &posting.entry));
        Ok(Ledger { postings, balances })
    }

    /// The battery of a loan.
    pub(super) async fn asset_of(&self, loan: &LoanRecord) -> Result<Versioned<Asset>, DealershipError> {
        let found = self.known::<Asset>(loan.asset).await?;
        found.ok_or_else(|| DealershipError::absent("Battery", loan.asset))
    }
}
