//! The lender (NBFC): applications and reports that go to it, its word that comes back, and what it lent.

use super::collection::Days;
use super::draft::Draft;
use super::intent::{Carried, Intent, What};
use super::records::{LoanRecord, Party, Report, of};
use super::rules::day::Day;
use super::rules::instalment::{Terms, emi};
use super::rules::loan::{LoanError, Status};
use super::rules::money;
use super::{Dealership, DealershipError, Member};
use crate::identity::Action;
use crate::platform::door::Soon;
use crate::store::records::Versioned;
use hmac::{Hmac, KeyInit, Mac};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sha2::Sha256;
use std::fmt::Debug;
use subtle::ConstantTimeEq;
use twin::time::Time;

/// How far the lender's clock may be off [ms].
const SIGNED_WITHIN_MS: i64 = 5 * 60_000;
/// How far the lender's instalment may be off ours [₹].
const VARIANCE: Decimal = Decimal::ONE;

/// What takes things to the lender; each may be sent again, under the same name.
pub trait LenderGateway: Send + Sync + Debug {
    /// Hands in an application; the lender's name for it, or why not.
    fn submit(&self, application: Value) -> Soon<Result<String, String>>;
    /// Hands in a collection report; what the lender says, or why not.
    fn report(&self, report: Value) -> Soon<Result<Value, String>>;
}

/// What the lender says of an application.
#[derive(Debug, Clone)]
pub struct LenderWord {
    /// Which application.
    pub application: u64,
    /// How far it is.
    pub status: Status,
    /// What is lent [₹].
    pub amount: Option<Decimal>,
    /// Interest [% a year].
    pub annual_pct: Option<Decimal>,
    /// The instalment as the lender has it [₹].
    pub emi: Option<Decimal>,
    /// When it was paid out.
    pub disbursed_on: Option<Day>,
}

/// Applications of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub first: Day,
    /// Asked for in it.
    pub applications: usize,
    /// Granted in it.
    pub approvals: usize,
    /// Paid out in it.
    pub disbursements: usize,
    /// What was paid out in it [₹].
    pub amount: Decimal,
}

/// What was lent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Portfolio {
    /// Applications.
    pub applications: usize,
    /// Ever granted.
    pub approved: usize,
    /// Paid out.
    pub disbursed: usize,
    /// Not granted.
    pub rejected: usize,
    /// What was paid out [₹].
    pub total_disbursed: Decimal,
    /// Mean interest of what was granted [% a year].
    pub mean_pct: Option<Decimal>,
    /// By month, the earliest first.
    pub months: Vec<Month>,
}

/// A collection report that is to be handed in.
#[derive(Debug, Clone)]
pub struct NewReport {
    /// Of which day.
    pub on: Day,
    /// Payments.
    pub collections: u64,
    /// What they sum to [₹].
    pub amount: Decimal,
    /// Loans that are late.
    pub overdue: u64,
    /// All that was said.
    pub data: Value,
}

impl Portfolio {
    /// Of some loans; months are those of the days.
    pub(super) fn of(loans: &[LoanRecord], days: Days) -> Self {
        let mut portfolio = Self { applications: loans.len(), ..Self::default() };
        let mut first = days.from.first_of_month();
        while first <= days.to {
            let (applications, approvals, disbursements, amount) = (0, 0, 0, Decimal::ZERO);
            portfolio.months.push(Month { first, applications, approvals, disbursements, amount });
            first = first.months_on(1);
        }
        let mut rates = Vec::new();
        for record in loans {
            let loan = &record.loan;
            portfolio.approved += usize::from(loan.status.was_approved());
            portfolio.rejected += usize::from(loan.status == Status::Rejected);
            let granted = loan.granted.filter(|_| loan.status.was_approved());
            rates.extend(granted.map(|terms| terms.annual_pct));
            let paid_out = loan.disbursed_on.zip(granted);
            if let Some((_, terms)) = paid_out {
                portfolio.disbursed += 1;
                portfolio.total_disbursed += terms.principal;
            }
            let mut month = |day: Day, note: &dyn Fn(&mut Month)| {
                let first = day.first_of_month();
                portfolio.months.iter_mut().filter(|month| month.first == first).for_each(note);
            };
            month(Day::at(record.created), &|month| month.applications += 1);
            if let Some(at) = record.approved_at {
                month(Day::at(at), &|month| month.approvals += 1);
            }
            if let Some((on, terms)) = paid_out {
                month(on, &|month| {
                    month.disbursements += 1;
                    month.amount += terms.principal;
                });
            }
        }
        if !rates.is_empty() {
            portfolio.mean_pct = Some(rates.iter().sum::<Decimal>() / Decimal::from(rates.len()));
        }
        portfolio
    }
}

impl Dealership {
    /// Hands an application to the lender. Without a gateway it waits for a financier to decide here.
    pub(super) async fn hand_in(
        &self,
        id: u64,
        intent: &Versioned<Intent>,
    ) -> Result<Carried, DealershipError> {
        let Some(gateway) = &self.0.gateways.lender else { return Ok(Carried::Void) };
        let Some(record) = self.known::<LoanRecord>(id).await?.map(|found| found.value) else {
            return Ok(Carried::Void);
        };
        if record.loan.status != Status::Submitted {
            return Ok(Carried::Void);
        }
        let consumer = self.party("Consumer", record.consumer).await?.value;
        let serial = self.asset_of(&record).await?.value.serial;
        let terms = record.loan.asked;
        let application = json!({
            "applicationId": id, "amount": terms.principal, "tenureMonths": terms.months,
            "interestRate": terms.annual_pct, "emiAmount": emi(&terms), "batterySerial": serial,
            "consumer": {
                "id": consumer.id, "name": consumer.name, "kycStatus": consumer.kyc.as_str(),
                "pan": consumer.pan.map(|paper| paper.masked),
            },
            "dealerId": record.dealer,
        });
        let reference = gateway.submit(application).await.map_err(DealershipError::Nobody)?;
        let _turn = self.turn().await;
        let Some(Versioned { value: mut record, version }) = self.known::<LoanRecord>(id).await? else {
            return Ok(Carried::Void);
        };
        record.handed_in_at = Some(self.now());
        record.lender_reference = Some(reference.chars().take(200).collect());
        let mut draft = Draft::of(self);
        draft.delete::<Intent>(intent.value.id, intent.version);
        draft.change(&record, version)?;
        let detail = json!({ "reference": record.lender_reference });
        draft.keep(&format!("loan/{id}"), "loan handed in", &intent.value.by, detail).await?;
        Ok(Carried::Done)
    }

    /// Whether a word is the lender's own, and of now: `signature` is HMAC-SHA256 over the time in seconds, a dot and
    /// the body, in hexadecimal digits, perhaps with `sha256=` before them.
    ///
    /// # Errors
    /// When it is not, or the lender has no key here.
    pub fn check_signature(
        &self,
        signature: Option<&str>,
        timestamp: Option<&str>,
        body: &[u8],
    ) -> Result<(), DealershipError> {
        let wrong = || DealershipError::Wrong("Invalid webhook signature");
        let key = self.settings().webhook_key.as_ref().ok_or_else(wrong)?;
        let (signature, timestamp) = (signature.ok_or_else(wrong)?, timestamp.ok_or_else(wrong)?);
        let at = timestamp.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000));
        let at = at.map(Time).ok_or_else(wrong)?;
        // Who signs has no simulated clock.
        if at.0.abs_diff(self.0.wall.now().0) > SIGNED_WITHIN_MS.unsigned_abs() {
            return Err(wrong());
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(key.reveal().as_bytes()).map_err(|_| wrong())?;
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let given = signature.strip_prefix("sha256=").unwrap_or(signature).to_ascii_lowercase();
        if bool::from(expected.as_bytes().ct_eq(given.as_bytes())) { Ok(()) } else { Err(wrong()) }
    }

    /// Takes the lender's word on an application; said again, it changes nothing.
    ///
    /// # Errors
    /// When there is no such application, or its state does not allow it.
    pub async fn lender_says(&self, word: LenderWord) -> Result<LoanRecord, DealershipError> {
        let by = "lender";
        let id = word.application;
        let turn = self.turn().await;
        let found = self.known::<LoanRecord>(id).await?;
        let Versioned { value: mut record, version } =
            found.ok_or_else(|| DealershipError::absent("Application", id))?;
        let before = record.clone();
        let base = record.loan.granted.unwrap_or(record.loan.asked);
        let terms = Terms {
            principal: word.amount.unwrap_or(base.principal),
            annual_pct: word.annual_pct.unwrap_or(base.annual_pct),
            months: base.months,
        };
        terms.check()?;
        let today = self.today();
        let on = word.disbursed_on.unwrap_or(record.loan.disbursed_on.unwrap_or(today));
        if on > today {
            return Err(DealershipError::field("disbursementDate", "is in the future"));
        }
        let is_open = matches!(record.loan.status, Status::Pending | Status::Submitted);
        let is_known = record.loan.granted == Some(terms);
        let mut draft = Draft::of(self);
        let refused = || LoanError::State { status: before.loan.status, what: "what the lender says" };
        match word.status {
            Status::Submitted if is_open => {}
            Status::Rejected if record.loan.status == Status::Rejected => {}
            Status::Rejected => record.loan.reject()?,
            Status::Approved if record.loan.status.was_approved() && is_known => {}
            Status::Approved => {
                let entries = record.loan.approve(terms, today)?;
                record.approved_at = Some(self.now());
                self.book(&mut draft, id, entries, today, "approved").await?;
            }
            Status::Disbursed if record.loan.disbursed_on == Some(on) && is_known => {}
            Status::Disbursed => {
                if is_open {
                    let entries = record.loan.approve(terms, on)?;
                    record.approved_at = Some(self.now());
                    self.book(&mut draft, id, entries, on, "approved").await?;
                }
                let entries = record.loan.disburse(Some(terms), on)?;
                self.book(&mut draft, id, entries, on, "disbursed").await?;
            }
            Status::Pending | Status::Submitted | Status::Closed => return Err(refused().into()),
        }
        if let (Some(theirs), Some(granted)) = (word.emi, record.loan.granted) {
            let variance = theirs - emi(&granted);
            record.emi_variance = (variance.abs() > VARIANCE).then_some(variance);
        }
        if record == before {
            return Ok(record);
        }
        self.release_if_cleared(&mut draft, &record, by).await?;
        draft.change(&record, version)?;
        let detail = json!({
            "status": record.loan.status, "terms": record.loan.granted, "on": record.loan.disbursed_on,
            "emi_variance": record.emi_variance,
        });
        let intents = draft.keep(&format!("loan/{id}"), "lender's word", by, detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(record)
    }

    /// What was lent to whom somebody sees, with the last twelve months.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn portfolio(&self, member: &Member) -> Result<Portfolio, DealershipError> {
        member.may(Action::DealershipRead)?;
        let today = self.today();
        let from = today.first_of_month().months_before(11);
        Ok(Portfolio::of(&self.loans_seen(member).await?, Days { from, to: today }))
    }

    /// Keeps a collection report, held against the books here, and hands it to the lender.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn report_collections(
        &self,
        member: &Member,
        new: NewReport,
    ) -> Result<Report, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        if new.on > self.today() {
            return Err(DealershipError::field("report_date", "is in the future"));
        }
        let days = Days { from: new.on, to: new.on };
        let booked = self.collected(member, days, None).await?;
        let count: usize = booked.iter().map(|day| day.count).sum();
        let amount: Decimal = booked.iter().map(|day| day.total).sum();
        let late = self.late_loans(member).await?;
        let mut variances = serde_json::Map::new();
        if new.collections != count as u64 {
            variances.insert(
                "total_collections".to_owned(),
                json!({ "reported": new.collections, "booked": count }),
            );
        }
        if money::rounded(new.amount) != amount {
            let both = json!({ "reported": money::text(new.amount), "booked": money::text(amount) });
            variances.insert("amount_collected".to_owned(), both);
        }
        if new.on == self.today() && new.overdue != late as u64 {
            variances.insert("overdue_count".to_owned(), json!({ "reported": new.overdue, "booked": late }));
        }
        let turn = self.turn().await;
        let mut draft = Draft::of(self);
        let id = draft.number("report").await?;
        let report = Report {
            id,
            dealer: member.dealer(),
            on: new.on,
            data: new.data,
            variances: Value::Object(variances),
            response: None,
            created: self.now(),
        };
        draft.add(&report)?;
        draft.intend(What::Report { report: id }, &member.name(), self.now()).await?;
        let detail = json!({ "on": new.on, "variances": report.variances });
        let intents =
            draft.keep(&format!("report/{id}"), "collections reported", &member.name(), detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(self.known::<Report>(id).await?.map_or(report, |found| found.value))
    }

    /// Hands a report to the lender.
    pub(super) async fn hand_in_report(
        &self,
        id: u64,
        intent: &Versioned<Intent>,
    ) -> Result<Carried, DealershipError> {
        let Some(gateway) = &self.0.gateways.lender else { return Ok(Carried::Void) };
        let Some(report) = self.known::<Report>(id).await?.map(|found| found.value) else {
            return Ok(Carried::Void);
        };
        let body = json!({
            "reportId": report_name(id), "dealerId": report.dealer, "reportDate": report.on,
            "collectionData": report.data,
        });
        let response = gateway.report(body).await.map_err(DealershipError::Nobody)?;
        let _turn = self.turn().await;
        let Some(Versioned { value: mut report, version }) = self.known::<Report>(id).await? else {
            return Ok(Carried::Void);
        };
        report.response = Some(response);
        let mut draft = Draft::of(self);
        draft.delete::<Intent>(intent.value.id, intent.version);
        draft.change(&report, version)?;
        draft.keep(&format!("report/{id}"), "report handed in", &intent.value.by, Value::Null).await?;
        Ok(Carried::Done)
    }

    /// Loans of a consumer that somebody sees; for its score.
    pub(super) async fn loans_of(&self, consumer: &Party) -> Result<Vec<LoanRecord>, DealershipError> {
        Ok(self.all::<LoanRecord>(Some(("consumer", of(consumer.id)))).await?)
    }
}

/// The name that a report goes by.
pub fn report_name(id: u64) -> String {
    format!("RPT{id:010}")
}
