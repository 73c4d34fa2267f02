//! Battery passports: what has to be known of a battery by law, as a view of its own twin.
//!
//! ```text
//!  doors ──► Passports ──► twin::passport (pure rules) ──► one Change: records + the fact that says why ──► store
//!               │  └─────► Platform: the twin's estimate, forecast, alerts, readings
//!               └────────► Index: which passports there are, for searches
//! ```
//!
//! One method per thing that a caller can want. A battery's state is its twin's; what is kept here is what a twin cannot
//! know: who made it and of what, what happened to it, where it is in its life. Every fact is an entry of the platform's
//! journal, under `passport/<passport id>`, so that the chain of hashes covers it.

mod analytics;
mod audit;
mod carbon;
mod compliance;
mod error;
mod event;
mod gtin;
mod health;
mod index;
mod material;
mod notices;
mod operation;
mod outward;
mod proof;
pub mod record;
mod recycling;
mod register;
mod report;
mod second_life;
mod status;
mod update;

pub use analytics::{Analytics, FleetAnalytics, Peers, ProjectionPoint, RemainingLife};
pub use carbon::{CarbonAsked, CarbonReport, NewTransport, TransportAdded};
pub use compliance::{ComplianceReport, EuReport};
pub use error::{Fault, PassportError};
pub use event::{Happened, NewEvent, WhichEvents};
pub use gtin::check_digit;
pub use health::{HealthNoted, HistoryPoint, NewHealth};
pub use index::{Criteria, Row, Sort};
pub use material::{NewMaterial, SupplyChain, Traced};
pub use notices::Notices;
pub use operation::{Asked, Doer, Done, Operation, OperationState, Operations};
pub use outward::{EVENTS, FAMILY, Outward, Told, event_name};
pub use proof::{ProvenFact, ProvenTrail, Seal};
pub use recycling::{EndDeclared, NewEndOfLife, NewResults, NewSchedule, Recycled, Scheduled};
pub use register::{Given, NewSpecifications, Registered};
pub use report::{SustainabilityMetrics, SustainabilityReport};
pub use second_life::{
    Candidates, Converted, Marked, NewConversion, NewSecondLife, SecondLifeCandidate, WhichCandidates,
};
pub use status::{Status, View};
pub use update::{Changed, Edit};

use crate::identity::Visibility;
use crate::platform::fleet::{Paged, Part};
use crate::platform::{Platform, PlatformError, TwinId};
use crate::store::journal::NewEntry;
use crate::store::records::{By, Collection, RecordChange, Versioned, Within};
use crate::store::{Change, Entity, Receipt, StoreError};
use index::Index;
use operation::Step;
use record::{BY_BATTERY, BY_TWIN, EventRecord, HealthRecord, Passport};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;
use twin::passport::date::Date;
use twin::time::Time;

/// Times that a change is tried again when another came first.
const TRIES: usize = 16;
/// Records that are read at a time.
const PAGE: usize = 1_000;

/// The passports of a platform. Clones are the same.
#[derive(Debug, Clone)]
pub struct Passports {
    platform: Platform,
    index: Arc<Index>,
    /// Told when there is a fact more.
    changed: Arc<Notify>,
    /// The step of an operation that the next change is.
    step: Option<Arc<str>>,
}

/// What becomes durable with a change of a passport.
struct Draft {
    /// What kind of fact it is.
    kind: String,
    /// More about it.
    detail: Value,
    /// When it happened.
    at: Time,
    /// Other records that come with it.
    records: Vec<RecordChange>,
    /// Place of the fact in the passport's journal.
    revision: u64,
}

impl Draft {
    fn fact(&mut self, kind: impl Into<String>, detail: Value) {
        (self.kind, self.detail) = (kind.into(), detail);
    }
}

/// What became of a change.
struct Kept<R> {
    passport: Passport,
    answer: R,
    /// Hash of the fact in the chain: `0x…`.
    hash: String,
}

/// Hash of the first entry of a receipt, as interfaces write it.
fn hash_of(receipt: &Receipt) -> String {
    receipt.entries.first().map(|written| format!("0x{}", written.hash)).unwrap_or_default()
}

impl Passports {
    /// The passports of a platform.
    pub fn new(platform: Platform) -> Self {
        Self { platform, index: Arc::default(), changed: Arc::default(), step: None }
    }

    /// The same, where the next change is a step of an operation: it becomes durable with the change, so that it is not
    /// done again.
    #[must_use]
    pub fn at_step(&self, step: &str) -> Self {
        Self { step: Some(step.into()), ..self.clone() }
    }

    /// The passport that a step of an operation was about, where it was done.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn step_done(&self, step: &str) -> Result<Option<Passport>, PassportError> {
        let steps = Collection::<Step, _>::of(self.platform.store().as_ref());
        let Some(found) = steps.get(step).await? else { return Ok(None) };
        Ok(self.passports().get(&found.value.passport_id).await?.map(|found| found.value))
    }

    /// The record of the step that a change of a passport is.
    fn step_of(&self, passport: &Passport) -> Result<Option<RecordChange>, StoreError> {
        let step = self
            .step
            .as_ref()
            .map(|step| Step { step: step.as_ref().to_owned(), passport_id: passport.passport_id.clone() });
        step.map(|step| crate::store::ledger::new(&step)).transpose()
    }

    /// The platform that the batteries' twins live on.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    fn now(&self) -> Time {
        self.platform.clock().now()
    }

    fn today(&self) -> Date {
        Date::at(self.now())
    }

    fn passports(&self) -> Collection<'_, Passport, dyn crate::store::Store> {
        Collection::of(self.platform.store().as_ref())
    }

    /// The passport that a name of the battery leads to: that of its passport, or any name of its twin. What somebody does
    /// not see is not there.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, name: &str, visible: &Visibility) -> Result<Passport, PassportError> {
        Ok(self.versioned(name, visible).await?.value)
    }

    async fn versioned(
        &self,
        name: &str,
        visible: &Visibility,
    ) -> Result<Versioned<Passport>, PassportError> {
        let found = self.look_up(name).await?;
        let seen = found.filter(|found| found.value.is_seen_by(visible));
        seen.ok_or_else(|| PassportError::NoBattery(name.to_owned()))
    }

    async fn look_up(&self, name: &str) -> Result<Option<Versioned<Passport>>, PassportError> {
        if name.is_empty() || name.len() > 150 {
            return Ok(None);
        }
        let passports = self.passports();
        if name.starts_with("BAT-")
            && let Some(found) = passports.find(BY_BATTERY, name.as_bytes()).await?
        {
            return Ok(Some(found));
        }
        if name.starts_with("BP-")
            && let Some(found) = passports.get(name).await?
        {
            return Ok(Some(found));
        }
        let twin = match self.platform.find(Some(crate::platform::door::Kind::Battery), name).await {
            Ok(record) => record.id,
            Err(PlatformError::Absent { .. } | PlatformError::Unfit(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(passports.find(BY_TWIN, twin.to_string().as_bytes()).await?)
    }

    /// The passport of an id, for everybody.
    ///
    /// # Errors
    /// When there is none.
    pub async fn public(&self, passport_id: &str) -> Result<Passport, PassportError> {
        let absent = || PassportError::NoPassport(passport_id.to_owned());
        if passport_id.is_empty() || passport_id.len() > 150 {
            return Err(absent());
        }
        Ok(self.passports().get(passport_id).await?.ok_or_else(absent)?.value)
    }

    /// The passport of a trade item number and a serial number, for everybody.
    ///
    /// # Errors
    /// When there is none.
    pub async fn by_trade_item(&self, gtin: &str, serial: &str) -> Result<Passport, PassportError> {
        self.index.fill(&self.platform).await?;
        let criteria = Criteria { serial: Some(serial.to_owned()), ..Criteria::default() };
        let part = Part { skip: 0, limit: 1_000 };
        let rows = self.index.search(&self.platform, &criteria, &Visibility::Everything, part);
        let wanted = gtin::padded(gtin);
        for row in rows.items {
            let passport = self.public(&row.passport_id).await?;
            if passport.identity.serial_number == serial
                && passport.identity.gtin.is_some()
                && passport.identity.gtin == wanted
            {
                return Ok(passport);
            }
        }
        Err(PassportError::NoPassport(format!("of {gtin} with serial number {serial}")))
    }

    /// Passports that fit and that somebody sees.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn search(
        &self,
        criteria: &Criteria,
        visible: &Visibility,
        part: Part,
    ) -> Result<Paged<Row>, PassportError> {
        self.index.fill(&self.platform).await?;
        Ok(self.index.search(&self.platform, criteria, visible, part))
    }

    /// The passport of a twin, for those who hear of the twin.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of_twin(&self, twin: TwinId) -> Result<Option<Passport>, PassportError> {
        Ok(self.passports().find(BY_TWIN, twin.to_string().as_bytes()).await?.map(|found| found.value))
    }

    /// Changes a passport together with the fact that says why, as often as it takes until nobody else was quicker.
    async fn change<R>(
        &self,
        name: &str,
        visible: &Visibility,
        by: &str,
        mut work: impl FnMut(&mut Passport, &mut Draft) -> Result<R, PassportError>,
    ) -> Result<Kept<R>, PassportError> {
        let mut tries = 0;
        loop {
            let known = self.versioned(name, visible).await?;
            let mut passport = known.value.clone();
            let entity = Entity::new(&passport.entity())?;
            let expected = self.platform.store().revision(entity.clone()).await?;
            let at = self.now();
            let mut draft = Draft {
                kind: "passport.changed".to_owned(),
                detail: Value::Null,
                at,
                records: Vec::new(),
                revision: expected.next().0,
            };
            let answer = work(&mut passport, &mut draft)?;
            passport.changed_at = at;
            let entry = NewEntry {
                entity,
                expected,
                at: draft.at,
                actor: by.to_owned(),
                kind: draft.kind.clone(),
                schema: 1,
                payload: Vec::new(),
            };
            let entry = entry.with_json(&draft.detail)?;
            let mut records = vec![crate::store::ledger::changed(&passport, known.version)?];
            records.append(&mut draft.records);
            records.extend(self.step_of(&passport)?);
            let change = Change { entries: vec![entry], records, ..Change::default() };
            tries += 1;
            match self.platform.store().commit(change).await {
                Err(StoreError::LostRace { .. } | StoreError::RecordChanged { .. }) if tries < TRIES => {}
                Err(error) => return Err(PassportError::Ledger(error)),
                Ok(receipt) => {
                    self.index.note(&passport);
                    let hash = hash_of(&receipt);
                    let data = json!({
                        "passport_id": passport.passport_id, "battery_id": passport.battery_id,
                        "detail": draft.detail, "hash": hash,
                    });
                    self.platform.tell(passport.twin, draft.at, &draft.kind, data);
                    self.changed.notify_one();
                    return Ok(Kept { passport, answer, hash });
                }
            }
        }
    }

    /// All that happened to a battery, in the order of recording.
    async fn events_of(&self, passport_id: &str) -> Result<Vec<EventRecord>, PassportError> {
        self.all_of(passport_id).await
    }

    /// All healths that were measured, in the order of recording.
    async fn healths_of(&self, passport_id: &str) -> Result<Vec<HealthRecord>, PassportError> {
        self.all_of(passport_id).await
    }

    async fn all_of<T: crate::store::records::Record>(
        &self,
        passport_id: &str,
    ) -> Result<Vec<T>, PassportError> {
        let records = Collection::<T, _>::of(self.platform.store().as_ref());
        let within = Within::Prefix(format!("{passport_id}/").into_bytes());
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = records.page(By::Key, within.clone(), PAGE, after).await?;
            all.extend(page.into_iter().map(|record| record.value));
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }
}

/// The year of an instant, for ids.
fn year(at: Time) -> i64 {
    Date::at(at).civil().0
}
