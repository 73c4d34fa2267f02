//! Facilities: registered, with a twin and a queue each, and what they take in.

use super::batches::{AtFacility, proof};
use super::record::{Facility, Receipt};
use super::{Act, BatchSight, Flaw, Inner, Plastic, PlasticError, TRIES};
use crate::identity::{Action, Caller, Visibility, policy};
use crate::platform::door::Kind;
use crate::platform::{Alias, NewTwin, PlatformError, Spec};
use crate::store::StoreError;
use crate::store::medium::Direction;
use crate::store::records::{By, Expect, Record, RecordChange, Scan, Within};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use twin::geo::Position;
use twin::plastic::batch::{BatchId, Evidence, Place, Stage};
use twin::plastic::custody::{CustodyCommand, Report};
use twin::plastic::intake;
use twin::plastic::station::{Passage, Queue, Station};
use twin::time::{DAY_MS, Time};

/// Most that a facility works through in a day [kg]. assumed: ten times the largest plant there is.
const DAILY_MAX_KG: f64 = 1e8;
/// Receipts that are older than so do not stand in a queue any more [ms].
const QUEUED_MS: i64 = 3_700 * DAY_MS;
/// Receipts that are read at a time.
const PAGE: usize = 1_000;

/// Queues of facilities that were asked for.
pub(super) type Queues = HashMap<Arc<str>, Queue>;

/// A facility that is to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFacility {
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub station: Station,
    /// Where it stands.
    pub position: Position,
    /// The same for people.
    pub address: Option<String>,
    /// What it was certified for.
    pub certifications: Vec<String>,
    /// What it works through in a day [kg].
    pub daily_kg: f64,
}

/// A batch that arrives at a facility.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Which.
    pub batch: BatchId,
    /// When.
    pub at: Time,
    /// Weight at the gate, where it was weighed [kg].
    pub weighed_kg: Option<f64>,
    /// By what means it came.
    pub means: Option<String>,
    /// How far it came [km].
    pub distance_km: Option<f64>,
    /// What inspection found.
    pub notes: Option<String>,
}

/// A batch that was taken in.
#[derive(Debug, Clone)]
pub struct Received {
    /// The batch as it is now.
    pub batch: BatchSight,
    /// What is done with it next.
    pub next: Stage,
    /// What the queue makes of it.
    pub passage: Passage,
}

/// What a facility took in.
#[derive(Debug, Clone, PartialEq)]
pub struct FacilityCount {
    /// Which.
    pub facility: Arc<Facility>,
    /// Batches.
    pub batches: usize,
    /// Their mass at the gate [kg].
    pub mass_kg: f64,
}

impl NewFacility {
    fn check(&self) -> Result<(), PlasticError> {
        let unfit = |field: &str, reason: String| Err(PlasticError::unfit(Flaw::Other, field, reason));
        if self.name.trim().is_empty() || self.name.len() > 150 {
            return unfit("name", "must be 1 to 150 bytes".to_owned());
        }
        if !(self.daily_kg >= 1.0 && self.daily_kg <= DAILY_MAX_KG) {
            let reason = format!("{} kg a day is not between 1 and {DAILY_MAX_KG}", self.daily_kg);
            return unfit("capacity.daily", reason);
        }
        if self.certifications.len() > 50 || self.certifications.iter().any(|text| text.len() > 200) {
            return unfit("certifications", "at most 50 of at most 200 bytes".to_owned());
        }
        Ok(())
    }
}

impl Inner {
    /// A facility that somebody sees. The operator's and those of no organisation are seen by all.
    async fn facility(&self, caller: &Caller, id: &str) -> Result<Arc<Facility>, PlasticError> {
        let found = self.index().await?.facilities.get(id).cloned();
        let visible = Visibility::of(caller);
        let is_seen = |facility: &Arc<Facility>| is_seen(&visible, facility);
        found.filter(is_seen).ok_or_else(|| PlasticError::absent("facility", id))
    }

    /// The queue of a facility as its receipts make it, those from an instant on left out.
    async fn queue(&self, facility: &Facility, before: Option<Time>) -> Result<Queue, PlasticError> {
        let model = facility.station.model(facility.daily_kg);
        let model = model.map_err(|error| PlasticError::Conflict(error.to_string()))?;
        let mut queue = Queue::new(model);
        let from = Receipt::place(&facility.id, self.now() + -QUEUED_MS);
        let to = Receipt::place(&facility.id, before.unwrap_or(Time(i64::MAX)));
        let receipts = self.all::<Receipt>();
        let mut after = None;
        loop {
            let within = Within::Range(from.clone(), to.clone());
            let (page, next) =
                receipts.page(By::Index("facility_at".to_owned()), within, PAGE, after).await?;
            for receipt in page {
                let receipt = receipt.value;
                queue.arrive(intake::lot(receipt.batch, &receipt.material), receipt.at)?;
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(queue),
            }
        }
    }

    /// When a facility took something in last.
    async fn newest_receipt(&self, facility: &str) -> Result<Option<Time>, PlasticError> {
        let within = Within::Prefix(Receipt::prefix(facility));
        let by = By::Index("facility_at".to_owned());
        let scan = Scan { by, within, direction: Direction::Backward, ..Scan::all(Receipt::COLLECTION, 1) };
        let page = self.store().records(scan).await?;
        let last = page.records.first().map(|last| serde_json::from_slice::<Receipt>(&last.body));
        let last = last.transpose().map_err(|error| StoreError::Codec {
            what: Receipt::COLLECTION.to_owned(),
            detail: error.to_string(),
        })?;
        Ok(last.map(|receipt| receipt.at))
    }

    /// What a facility took in in a span.
    pub(super) async fn taken_in(
        &self,
        facility: &Arc<Facility>,
        (from, to): (Time, Time),
    ) -> Result<FacilityCount, PlasticError> {
        let within = Within::Range(Receipt::place(&facility.id, from), Receipt::place(&facility.id, to + 1));
        let (receipts, mut after) = (self.all::<Receipt>(), None);
        let mut count = FacilityCount { facility: facility.clone(), batches: 0, mass_kg: 0.0 };
        loop {
            let by = By::Index("facility_at".to_owned());
            let (page, next) = receipts.page(by, within.clone(), PAGE, after).await?;
            count.batches += page.len();
            count.mass_kg += page.iter().map(|receipt| receipt.value.material.mass_kg()).sum::<f64>();
            match next {
                Some(next) => after = Some(next),
                None => return Ok(count),
            }
        }
    }
}

pub(super) fn is_seen(visible: &Visibility, facility: &Facility) -> bool {
    match visible {
        Visibility::Everything => true,
        Visibility::Organisation(own) => facility.owner.as_ref() == Some(own),
        _ => false,
    }
}

impl Plastic {
    /// Registers a facility, with a twin.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn facility_create(
        &self,
        caller: &Caller,
        new: NewFacility,
    ) -> Result<Arc<Facility>, PlasticError> {
        policy::may_at_all(caller, Action::FacilityWrite)?;
        new.check()?;
        let inner = &self.0;
        let prefix = format!("FAC-{}-", new.station.code());
        let _turn = inner.turn(&prefix).await;
        let numbers = {
            let index = inner.index().await?;
            let numbers =
                index.facilities.keys().filter_map(|id| id.strip_prefix(&prefix)?.parse::<u32>().ok());
            numbers.max().unwrap_or(0)
        };
        let id: Arc<str> = format!("{prefix}{:03}", numbers + 1).into();
        let spec = json!({
            "lat": new.position.latitude_deg, "lon": new.position.longitude_deg, "address": new.address,
            "daily_kg": new.daily_kg, "sort": new.station.name(),
        });
        let twin = NewTwin {
            kind: Kind::Facility,
            name: Some(new.name.clone()),
            aliases: vec![Alias { namespace: "facility".to_owned(), name: id.as_ref().to_owned() }],
            spec: Spec::read(Kind::Facility, spec).map_err(PlatformError::from)?,
            labels: BTreeMap::new(),
            organisation: caller.organisation.clone(),
        };
        let by = caller.name();
        let twin = inner.parts.platform.create(twin, &by).await?.id;
        let facility = Facility {
            id,
            name: new.name,
            station: new.station,
            position: new.position,
            address: new.address,
            certifications: new.certifications,
            daily_kg: new.daily_kg,
            created: inner.now(),
            twin,
            owner: caller.organisation.clone(),
        };
        let entity = format!("plastic/facility/{}", facility.id);
        let act = Act {
            entity: &entity,
            kind: "facility.registered",
            by: &by,
            detail: json!({ "facility": facility }),
        };
        let put = RecordChange::put(&facility, Expect::Absent)?;
        inner.keep(act, vec![put], &[]).await?;
        let facility = Arc::new(facility);
        inner.index_mut().facilities.insert(facility.id.clone(), facility.clone());
        Ok(facility)
    }

    /// A facility.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn facility(&self, caller: &Caller, id: &str) -> Result<Arc<Facility>, PlasticError> {
        policy::may_at_all(caller, Action::FacilityRead)?;
        self.0.facility(caller, id).await
    }

    /// Facilities that the caller sees, in the order of their names.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn facility_list(&self, caller: &Caller) -> Result<Vec<Arc<Facility>>, PlasticError> {
        policy::may_at_all(caller, Action::FacilityRead)?;
        let visible = Visibility::of(caller);
        let index = self.0.index().await?;
        Ok(index.facilities.values().filter(|facility| is_seen(&visible, facility)).cloned().collect())
    }

    /// A facility takes a batch in. Whoever holds the batch may hand it over, whomever it belonged to before; from then on
    /// the facility's organisation sees it too.
    ///
    /// # Errors
    /// When there is no such facility or batch, or the batch cannot come there.
    pub async fn facility_receive(
        &self,
        caller: &Caller,
        id: &str,
        arrival: Arrival,
    ) -> Result<Received, PlasticError> {
        policy::may_at_all(caller, Action::FacilityWrite)?;
        let inner = &self.0;
        let facility = inner.facility(caller, id).await?;
        let by = caller.name();
        let mut queues = inner.queues.lock().await;
        let _turn = inner.turn(&arrival.batch).await;
        for _ in 0..TRIES {
            let found = inner.batch(arrival.batch).await?;
            let batch = &found.value.batch;
            let last = batch.last().place.facility.as_deref();
            if last == Some(facility.id.as_ref()) && batch.closed.is_none() {
                let text = format!("{} was received at {} already", arrival.batch, facility.id);
                return Err(PlasticError::Conflict(text));
            }
            let place = Place {
                description: Some(facility.name.clone()),
                ..Place::facility(facility.id.as_ref(), facility.position)
            };
            let evidence =
                if arrival.weighed_kg.is_some() { Evidence::Weighbridge } else { Evidence::Document };
            let mut report = Report::new(arrival.at, place, proof(caller, evidence));
            report.weighed_kg = arrival.weighed_kg;
            report.means.clone_from(&arrival.means);
            report.distance_km = arrival.distance_km;
            report.notes.clone_from(&arrival.notes);
            let report = Box::new(report);
            let to = facility.station.stage();
            // One that was sorted elsewhere, or is handed on for the same treatment, changes place and not stage.
            let command = if batch.stage() == to && batch.is_open() {
                CustodyCommand::HandOver { batch: arrival.batch, report }
            } else {
                CustodyCommand::Advance { batch: arrival.batch, to, report }
            };
            let (book, _) = super::batches::decided([batch.clone()], None, &command, inner.now())?;
            let material = match book.batch(arrival.batch) {
                Some(batch) => batch.material,
                None => return Err(PlasticError::absent("batch", arrival.batch.to_string())),
            };
            let known = queues.remove(&facility.id);
            let mut queue = match known {
                Some(queue) if queue.last() <= arrival.at => queue,
                // Told of late: those that came after it are not before it.
                Some(_) => inner.queue(&facility, Some(arrival.at)).await?,
                None => inner.queue(&facility, None).await?,
            };
            if queue.last() > arrival.at {
                queue = inner.queue(&facility, Some(arrival.at)).await?;
            }
            let passage = queue.arrive(intake::lot(arrival.batch, &material), arrival.at)?;
            let receipt = Receipt {
                facility: facility.id.clone(),
                batch: arrival.batch,
                at: arrival.at,
                material,
                done_at: passage.done_at,
                notes: arrival.notes.clone(),
            };
            let records = vec![RecordChange::put(&receipt, Expect::Absent)?];
            let at = AtFacility { facility: &facility, expected_at: passage.done_at, records };
            let is_newest = inner.newest_receipt(&facility.id).await?.is_none_or(|last| last <= arrival.at);
            match inner.advanced(found, &command, None, Some(at), &by).await {
                Ok(batch) => {
                    if is_newest {
                        queues.insert(facility.id.clone(), queue);
                    }
                    drop(queues);
                    let detail = json!({ "kg": material.mass_kg(), "batch": arrival.batch.to_string() });
                    inner.parts.platform.state(facility.twin, "intake", detail, &by).await?;
                    return Ok(Received { batch, next: facility.station.leads_to(), passage });
                }
                Err(error) if error.is_stale() => {}
                Err(error) => return Err(error),
            }
        }
        Err(PlasticError::Conflict(format!("{} is being changed by somebody else; try again", arrival.batch)))
    }
}
