//! What the dealership keeps.

use super::Sealed;
use super::rules::book::Entry;
use super::rules::day::Day;
use super::rules::loan::{Loan, Share};
use super::rules::score::{LOAD_MAX, UNRATED};
use super::rules::ticket::{Category, Priority, State};
use crate::identity::Role;
use crate::platform::TwinId;
use crate::store::StoreError;
use crate::store::records::{Indexed, Record};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use twin::time::Time;
use uuid::Uuid;

/// The key of a number: keys sort as numbers do.
pub(super) fn key(id: u64) -> String {
    format!("{id:015}")
}

/// The same in bytes.
pub(super) fn sortable_key(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// A number in an index.
pub(super) fn of(id: u64) -> Vec<u8> {
    id.to_string().into_bytes()
}

/// The next number of a sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Number {
    pub(super) sort: String,
    pub(super) next: u64,
}

impl Record for Number {
    const COLLECTION: &'static str = "dealership_numbers";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.sort.clone()
    }
}

/// How far a person's identity is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KycStatus {
    /// Nobody looked at the papers yet.
    Pending,
    /// The papers are good.
    Verified,
    /// They are not.
    Rejected,
}

impl KycStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Verified, Self::Rejected];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
        }
    }

    /// The status of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A number of identity papers as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// The number.
    pub number: Sealed,
    /// What is shown of it.
    pub masked: String,
    /// What it is found by.
    pub blind: String,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
}

/// What a technician can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Craft {
    /// Where it is.
    pub place: String,
    /// What it can do.
    pub skills: Vec<String>,
    /// Years of experience.
    pub experience_years: f64,
    /// Whether it takes tickets.
    pub is_available: bool,
    /// Ratings so far.
    pub ratings: u32,
    /// Their sum.
    pub rating_sum: u32,
}

impl Craft {
    /// Mean rating, 1 to 5.
    pub fn rating(&self) -> f64 {
        if self.ratings == 0 { UNRATED } else { f64::from(self.rating_sum) / f64::from(self.ratings) }
    }

    /// Whether it can take another ticket beside so many.
    pub fn can_take(&self, load: u32) -> bool {
        self.is_available && load < LOAD_MAX
    }
}

/// Somebody of the dealership.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Party {
    /// Its number; nobody else has it, whatever he is.
    pub id: u64,
    /// What it is.
    pub role: Role,
    /// Name for people.
    pub name: String,
    /// Telephone number.
    pub phone: Option<Sealed>,
    /// What that is found by.
    pub phone_blind: Option<String>,
    /// Its id where it logs in, where that is not made from its number.
    pub user: Option<Arc<str>>,
    /// Dealer that looks after it.
    pub dealer: Option<u64>,
    /// How far its identity is known.
    pub kyc: KycStatus,
    /// Its PAN.
    pub pan: Option<Paper>,
    /// Its Aadhaar.
    pub aadhaar: Option<Paper>,
    /// What it can do, as a technician.
    pub craft: Option<Craft>,
    /// When it was added.
    pub created: Time,
}

impl Party {
    /// What is doubtful about its papers.
    pub fn warnings(&self) -> Vec<String> {
        [&self.pan, &self.aadhaar].into_iter().flatten().flat_map(|paper| paper.warnings.clone()).collect()
    }
}

impl Record for Party {
    const COLLECTION: &'static str = "dealership_parties";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }

    fn indexed(&self) -> Indexed {
        let mut indexed = Indexed::default().shared("role", self.role.as_str());
        if let Some(phone) = &self.phone_blind {
            indexed = indexed.unique("phone", phone.as_str());
        }
        if let Some(user) = &self.user {
            indexed = indexed.unique("user", user.as_bytes());
        }
        if let Some(dealer) = self.dealer {
            indexed = indexed.shared("dealer", of(dealer));
        }
        indexed
    }
}

/// How a battery is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssetStatus {
    /// It drives.
    Active,
    /// It does not; it still takes charge.
    Inactive,
    /// It is being looked after.
    Maintenance,
}

impl AssetStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Active, Self::Inactive, Self::Maintenance];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Maintenance => "maintenance",
        }
    }

    /// The status of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Why a battery is switched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody wants it.
    Asked,
    /// Instalments are late.
    Overdue,
    /// They were paid.
    Paid,
}

/// How a battery was switched last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// From 1 on.
    pub number: u64,
    /// How it shall be.
    pub wanted: AssetStatus,
    /// Why.
    pub reason: Reason,
    /// Since when.
    pub at: Time,
    /// The command to the twin, once it was given.
    pub command: Option<Uuid>,
    /// What became of it, once that is settled: `acknowledged`, `refused`, `timed_out`.
    pub outcome: Option<String>,
    /// How often it was given.
    pub tries: u32,
}

/// A battery of the dealership.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Its number.
    pub id: u64,
    /// Its twin.
    pub twin: TwinId,
    /// Number that its maker gave it.
    pub serial: String,
    /// Dealer that sells it or looks after it.
    pub dealer: Option<u64>,
    /// Consumer that uses it.
    pub consumer: Option<u64>,
    /// Whether it was registered here: then any dealer may take it while it has none.
    pub is_stock: bool,
    /// Organisation that keeps its twin.
    pub organisation: Option<Arc<str>>,
    /// Health that was stated when it was registered, 0 to 100: until its twin knows better.
    pub health_stated: f64,
    /// How it was switched last.
    pub control: Option<Control>,
    /// Loan whose late instalments it is switched off for.
    pub held_for: Option<u64>,
    /// When its consumer was told that it may be switched off.
    pub noticed_at: Option<Time>,
    /// When it was registered.
    pub created: Time,
}

impl Record for Asset {
    const COLLECTION: &'static str = "dealership_assets";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }

    fn indexed(&self) -> Indexed {
        let indexed = Indexed::default()
            .unique("twin", self.twin.to_string())
            .shared("dealer", self.dealer.map_or_else(|| b"-".to_vec(), of));
        match self.consumer {
            Some(consumer) => indexed.shared("consumer", of(consumer)),
            None => indexed,
        }
    }
}

/// Which way an application goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Decided here.
    Dealer,
    /// Handed to the lender.
    Nbfc,
}

/// A loan as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoanRecord {
    /// Its state.
    pub loan: Loan,
    /// For whom.
    pub consumer: u64,
    /// For which battery.
    pub asset: u64,
    /// Dealer that asked for it.
    pub dealer: Option<u64>,
    /// Who lends.
    pub financier: Option<u64>,
    /// Which way it went.
    pub channel: Channel,
    /// When it was asked for.
    pub created: Time,
    /// When it was decided to hand it to the lender.
    pub submitted_at: Option<Time>,
    /// When the lender took it.
    pub handed_in_at: Option<Time>,
    /// The lender's name for it.
    pub lender_reference: Option<String>,
    /// When it was granted.
    pub approved_at: Option<Time>,
    /// Why not.
    pub reason: Option<String>,
    /// By how much the lender's instalment differs from ours, where it is more than a rupee [₹].
    pub emi_variance: Option<Decimal>,
}

impl Record for LoanRecord {
    const COLLECTION: &'static str = "dealership_loans";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.loan.id)
    }

    fn indexed(&self) -> Indexed {
        Indexed::default()
            .shared("consumer", of(self.consumer))
            .shared("asset", of(self.asset))
            .shared("dealer", self.dealer.map_or_else(|| b"-".to_vec(), of))
            .shared("status", self.loan.status.as_str())
    }
}

/// A payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its number.
    pub id: u64,
    /// For which loan.
    pub loan: u64,
    /// How much [₹].
    pub amount: Decimal,
    /// On which day.
    pub on: Day,
    /// How: `cash`, `upi`, `bank_transfer`, `card`, `other`.
    pub method: String,
    /// What whoever took it calls it; once per loan.
    pub reference: String,
    /// What it settled.
    pub shares: Vec<Share>,
    /// Whether instalments were late when it came.
    pub was_overdue: bool,
    /// When it was booked.
    pub at: Time,
}

impl Record for Payment {
    const COLLECTION: &'static str = "dealership_payments";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }

    fn indexed(&self) -> Indexed {
        Indexed::default()
            .unique("reference", format!("{}\u{1}{}", self.loan, self.reference))
            .shared("loan", of(self.loan))
            .shared("on", self.on.to_string())
    }
}

/// An entry of the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// Its number.
    pub id: u64,
    /// Because of which loan.
    pub loan: u64,
    /// What is booked.
    pub entry: Entry,
    /// On which day.
    pub on: Day,
    /// When it was booked.
    pub at: Time,
    /// Why.
    pub why: String,
}

impl Record for Posting {
    const COLLECTION: &'static str = "dealership_postings";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("loan", of(self.loan))
    }
}

/// A ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ticket {
    /// Its number.
    pub id: u64,
    /// Of which battery.
    pub asset: u64,
    /// What it is about.
    pub category: Category,
    /// What is wrong, in words.
    pub description: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
    /// How far it is.
    pub state: State,
    /// Who is sent.
    pub technician: Option<u64>,
    /// Dealer that looks after it.
    pub dealer: Option<u64>,
    /// Consumer that uses the battery.
    pub consumer: Option<u64>,
    /// The alert that opened it.
    pub alert: Option<String>,
    /// What was done.
    pub resolution_notes: Option<String>,
    /// What was used.
    pub parts_used: Option<String>,
    /// Hours of work.
    pub labor_hours: Option<f64>,
    /// What the consumer says of it, 1 to 5.
    pub rating: Option<u8>,
    /// When it was opened.
    pub created: Time,
    /// When somebody was sent.
    pub assigned_at: Option<Time>,
    /// When it was done.
    pub resolved_at: Option<Time>,
}

impl Record for Ticket {
    const COLLECTION: &'static str = "dealership_tickets";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }

    fn indexed(&self) -> Indexed {
        let mut indexed = Indexed::default()
            .shared("asset", of(self.asset))
            .shared("dealer", self.dealer.map_or_else(|| b"-".to_vec(), of));
        if let Some(technician) = self.technician {
            indexed = indexed.shared("technician", of(technician));
            if self.state.is_active() {
                indexed = indexed.shared("load", of(technician));
            }
        }
        if let Some(alert) = &self.alert {
            indexed = indexed.unique("alert", alert.as_str());
        }
        if self.state.is_active() { indexed.shared("active", of(self.asset)) } else { indexed }
    }
}

/// What a document holds, where it was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its media type, by what is in it.
    pub media_type: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub sha256: String,
    /// In so many pieces.
    pub chunks: u32,
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its number.
    pub id: u64,
    /// Whose.
    pub consumer: u64,
    /// What it is: `pan_card`.
    pub kind: String,
    /// Where it lies elsewhere.
    pub url: Option<String>,
    /// The number on it.
    pub number: Option<Sealed>,
    /// What is shown of that.
    pub number_masked: Option<String>,
    /// What it holds, where it lies here.
    pub content: Option<Content>,
    /// When it came.
    pub uploaded_at: Time,
}

impl Record for Document {
    const COLLECTION: &'static str = "dealership_documents";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("consumer", of(self.consumer))
    }
}

/// A piece of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chunk {
    pub(super) document: u64,
    pub(super) number: u32,
    pub(super) bytes: Sealed,
}

impl Chunk {
    pub(super) fn key_of(document: u64, number: u32) -> String {
        format!("{}-{number:06}", key(document))
    }
}

impl Record for Chunk {
    const COLLECTION: &'static str = "dealership_chunks";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        Self::key_of(self.document, self.number)
    }
}

/// A message to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its number.
    pub id: u64,
    /// To whom.
    pub to: Sealed,
    /// What about: the name of a template, or `sms`, `otp`.
    pub about: String,
    /// What it says, sealed; nothing of codes.
    pub says: Option<Sealed>,
    /// The same as the first schema kept it.
    #[serde(default, skip_serializing)]
    pub text: String,
    /// Dealer that sends it.
    pub dealer: Option<u64>,
    /// When it was written.
    pub at: Time,
    /// When it may go.
    pub due: Time,
    /// Its name in the outbox, once it is there.
    pub message: Option<String>,
}

impl Record for Notice {
    const COLLECTION: &'static str = "dealership_notices";
    const SCHEMA: u16 = 2;

    fn key(&self) -> String {
        key(self.id)
    }

    /// The first schema held the text as it is, which [`Notice::text`] takes.
    fn upgrade(_: u16, body: &[u8]) -> Result<Self, StoreError> {
        serde_json::from_slice(body).map_err(|error| StoreError::codec(Self::COLLECTION, error))
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("dealer", self.dealer.map_or_else(|| b"-".to_vec(), of))
    }
}

/// A collection report to the lender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its number.
    pub id: u64,
    /// Whose.
    pub dealer: Option<u64>,
    /// Of which day.
    pub on: Day,
    /// What was collected, as it was said.
    pub data: Value,
    /// By how much that differs from the books here.
    pub variances: Value,
    /// What the lender said.
    pub response: Option<Value>,
    /// When it was made.
    pub created: Time,
}

impl Record for Report {
    const COLLECTION: &'static str = "dealership_reports";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key(self.id)
    }
}
