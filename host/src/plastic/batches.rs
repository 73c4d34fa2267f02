//! Batches: registered, looked at, brought on, parted, taken back.

use super::index::{WhichBatches, sees};
use super::record::{BatchRecord, Declared};
use super::{AHEAD_MS, Act, Event, Flaw, Inner, PlasticError, TRIES, Told, device_of};
use crate::identity::{Action, Caller, Visibility, policy};
use crate::platform::fleet::Paged;
use crate::store::StoreError;
use crate::store::records::{Expect, RecordChange, Versioned};
use serde_json::json;
use std::sync::Arc;
use twin::geo::Position;
use twin::plastic::batch::{Batch, BatchId, Evidence, Origin, Place, Proof, Stage, Step, leg_km};
use twin::plastic::custody::{Custody, CustodyCommand, CustodyEvent, MassLedger, Report, year_of};
use twin::plastic::declared;
use twin::plastic::factors::ROAD_DETOUR;
use twin::plastic::impact::{self, BatchImpact};
use twin::plastic::material::Material;
use twin::rng::Seed;
use twin::time::{DAY_MS, Time};
use twin::twin::{Moment, Twin};

/// A batch further from where its device says that it is gets a warning [km]. assumed: a day's way of a slow vessel.
const FAR_KM: f64 = 50.0;

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// So many are left out.
    pub offset: usize,
    /// So many at most.
    pub limit: usize,
}

/// A batch that is to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewBatch {
    /// Where it comes from.
    pub origin: Origin,
    /// Weight of the whole [kg].
    pub total_kg: f64,
    /// Parts as custody counts them.
    pub parts: Vec<declared::Part>,
    /// The rest of what was declared.
    pub declared: Declared,
    /// Nets in it, where they were counted.
    pub nets: Option<f64>,
    /// Weight of fishing gear in it, where that was weighed [kg].
    pub net_kg: f64,
}

/// Where a batch shall go.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStatus {
    /// Its stage from then on.
    pub to: Stage,
    /// When; now where nobody says.
    pub at: Option<Time>,
    /// Where.
    pub position: Option<Position>,
    /// The same in words.
    pub description: Option<String>,
    /// By what means it came there.
    pub means: Option<String>,
    /// How far it came [km].
    pub distance_km: Option<f64>,
    /// What came out of recycling, where that was weighed [kg].
    pub recovered_kg: Option<f64>,
    /// Remarks.
    pub notes: Option<String>,
}

/// What there is to see of a batch.
#[derive(Debug, Clone)]
pub struct BatchSight {
    /// The batch.
    pub batch: Batch,
    /// What was declared of it.
    pub declared: Option<Declared>,
    /// What it was when it was collected, or parted from another.
    pub collected: Material,
    /// When it was registered.
    pub created: Time,
    /// When it was changed last.
    pub updated: Time,
    /// What it means for climate and sea.
    pub impact: BatchImpact,
    /// What came out of recycling [kg].
    pub recovered_kg: Option<f64>,
    /// When the facility where it is expects to be through with it.
    pub expected_at: Option<Time>,
    /// What is odd about it.
    pub warnings: Vec<String>,
    pub(super) owners: Vec<Arc<str>>,
}

impl From<&BatchRecord> for BatchSight {
    fn from(record: &BatchRecord) -> Self {
        Self {
            impact: impact::of_batch(&record.batch, record.nets, record.recovered_kg),
            batch: record.batch.clone(),
            declared: record.declared.clone(),
            collected: record.collected,
            created: record.created,
            updated: record.updated,
            recovered_kg: record.recovered_kg,
            expected_at: record.expected_at.filter(|_| record.batch.is_open()),
            warnings: record.warnings.clone(),
            owners: record.owners.clone(),
        }
    }
}

/// A step of a batch's way.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// The step.
    pub step: Step,
    /// From the step before it: as told, else along the road between known places [km].
    pub distance_km: Option<f64>,
}

/// Decides something about some batches alone.
pub(super) fn decided(
    batches: impl IntoIterator<Item = Batch>,
    given: Option<(u16, u32)>,
    command: &CustodyCommand,
    now: Time,
) -> Result<(Custody, CustodyEvent), PlasticError> {
    let mut book = Custody::of(batches, given);
    // Custody draws nothing.
    let moment = Moment { now, seed: Seed(0), entity: "custody", revision: 0 };
    let events = book.decide(command, &moment)?;
    events.iter().for_each(|event| book.apply(event));
    let event = events.into_iter().next();
    event.map(|event| (book, event)).ok_or_else(|| PlasticError::Conflict("nothing came of it".to_owned()))
}

/// Who answers for a step.
pub(super) fn proof(caller: &Caller, evidence: Evidence) -> Proof {
    let by = match &caller.organisation {
        Some(organisation) => organisation.as_ref().to_owned(),
        None => caller.subject.to_string(),
    };
    Proof { evidence, by, reference: None }
}

fn year(now: Time) -> Result<u16, PlasticError> {
    u16::try_from(year_of(now))
        .map_err(|_| PlasticError::Conflict("the year is beyond all numbers".to_owned()))
}

impl Inner {
    /// A batch as it is kept; what was taken back is not there.
    pub(super) async fn batch(&self, id: BatchId) -> Result<Versioned<BatchRecord>, PlasticError> {
        let found = self.all::<BatchRecord>().get(&id.to_string()).await?;
        let is_there = |found: &Versioned<BatchRecord>| {
            found.value.batch.closed != Some(twin::plastic::batch::Closed::Withdrawn)
        };
        found.filter(is_there).ok_or_else(|| PlasticError::absent("batch", id.to_string()))
    }

    /// The same for somebody who sees it.
    pub(super) async fn batch_of(
        &self,
        caller: &Caller,
        id: BatchId,
    ) -> Result<Versioned<BatchRecord>, PlasticError> {
        let found = self.batch(id).await?;
        let device = found.value.batch.origin.collector.device.as_deref();
        if sees(&Visibility::of(caller), &found.value.owners, device) {
            Ok(found)
        } else {
            Err(PlasticError::absent("batch", id.to_string()))
        }
    }

    /// Whether a device is registered that somebody may name.
    async fn check_device(&self, caller: &Caller, id: &str) -> Result<(), PlasticError> {
        let owner = self.index().await?.devices.get(id).map(|device| device.owner.clone());
        let is_seen = owner.is_some_and(|owner| match Visibility::of(caller) {
            Visibility::Everything => true,
            Visibility::Organisation(own) => owner.as_ref() == Some(&own),
            Visibility::Device(own) => own.id.as_ref() == id,
            _ => false,
        });
        if is_seen {
            return Ok(());
        }
        let reason = format!("{id} is no registered device");
        Err(PlasticError::unfit(Flaw::Device, "collection.collector.deviceId", reason))
    }

    /// What is odd about where a batch was collected.
    async fn oddities(&self, origin: &Origin, remainder_kg: f64) -> Result<Vec<String>, PlasticError> {
        let mut warnings = Vec::new();
        if remainder_kg > 0.0 {
            warnings
                .push(format!("material: {remainder_kg:.2} kg that no part accounts for are kept as OTHER"));
        }
        let twin = match &origin.collector.device {
            Some(id) => self.index().await?.devices.get(id.as_str()).map(|device| device.twin),
            None => None,
        };
        if let (Some(twin), Some(place)) = (twin, origin.place.position) {
            let seen = self.parts.platform.view(twin).await?;
            let is_recent = seen.measured_at.is_some_and(|at| (at - origin.at).abs() < DAY_MS);
            let at = seen.position.and_then(|(lat, lon)| Position::new(lat, lon).ok());
            if let Some(km) = at.map(|at| at.distance_km(place)).filter(|km| is_recent && *km > FAR_KM) {
                let device = origin.collector.device.as_deref().unwrap_or_default();
                warnings.push(format!("location: {km:.0} km from where {device} was at that time"));
            }
        }
        Ok(warnings)
    }
}

impl super::Plastic {
    /// Registers a batch.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn batch_create(&self, caller: &Caller, new: NewBatch) -> Result<BatchSight, PlasticError> {
        policy::may_at_all(caller, Action::BatchCollect)?;
        let inner = &self.0;
        let NewBatch { mut origin, total_kg, parts, declared, nets, net_kg } = new;
        if let Some(own) = device_of(caller) {
            let named = origin.collector.device.get_or_insert_with(|| own.as_ref().to_owned());
            if named.as_str() != own.as_ref() {
                return Err(PlasticError::Forbidden("a device tells of its own batches only".to_owned()));
            }
        }
        if let Some(device) = &origin.collector.device {
            inner.check_device(caller, device).await?;
            if origin.collector.organisation.is_none() {
                let known = inner.index().await?.devices.get(device.as_str()).cloned();
                origin.collector.organisation = known.map(|device| device.organisation_id.clone());
            }
        }
        if origin.collector.organisation.is_none() {
            origin.collector.organisation = caller.organisation.as_deref().map(str::to_owned);
        }
        let mismatch = |why: declared::Mismatch| {
            PlasticError::unfit(Flaw::Weight, "material.composition", why.to_string())
        };
        let material = declared::material(total_kg, &parts).map_err(mismatch)?;
        let material = material.with_nets(net_kg.min(total_kg));
        let named_kg: f64 = parts.iter().map(|part| part.mass_kg).sum();
        let remainder_kg = (total_kg - named_kg).max(0.0);
        let remainder_kg = if remainder_kg > 0.005 { remainder_kg } else { 0.0 };
        let warnings = inner.oddities(&origin, remainder_kg).await?;
        let nets = nets.unwrap_or(net_kg / twin::plastic::factors::GHOST_NET_KG);
        let owner = caller.organisation.clone();
        let owner = owner.or_else(|| origin.collector.organisation.as_deref().map(Into::into));
        let owners: Vec<Arc<str>> = owner.into_iter().collect();
        let evidence =
            if origin.collector.device.is_some() { Evidence::Sensor } else { Evidence::Declaration };
        let by = origin.collector.organisation.clone();
        let mut proof = proof(caller, evidence);
        if let Some(by) = by {
            proof.by = by;
        }
        let command =
            CustodyCommand::Register { origin: Box::new(origin), material: Box::new(material), proof };
        for _ in 0..TRIES {
            let now = inner.now();
            let year = year(now)?;
            inner.ready().await?;
            let number = inner.index_mut().number(year, 1);
            let number =
                number.ok_or_else(|| PlasticError::Conflict(format!("{year} has no number left")))?;
            let (_, event) = decided([], Some((year, number - 1)), &command, now)?;
            let CustodyEvent::Registered(batch) = event else { break };
            let record = BatchRecord {
                collected: batch.material,
                batch: *batch,
                owners: owners.clone(),
                created: now,
                updated: now,
                declared: Some(declared.clone()),
                nets,
                recovered_kg: None,
                expected_at: None,
                warnings: warnings.clone(),
            };
            let sight = BatchSight::from(&record);
            let _turn = inner.turn(&record.batch.id).await;
            let detail = json!({ "batch": record.batch, "declared": record.declared });
            let entity = format!("plastic/{}", record.batch.id);
            let act = Act { entity: &entity, kind: "batch.registered", by: &caller.name(), detail };
            let told = [Told { event: Event::BatchCreated(&sight), owners: &record.owners }];
            let put = RecordChange::put(&record, Expect::Absent)?;
            match inner.keep(act, vec![put], &told).await {
                Ok(()) => {
                    inner.index_mut().note(&record, 1);
                    return Ok(sight);
                }
                // Another process gave the number out.
                Err(StoreError::RecordChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PlasticError::Conflict("no number could be had; try again".to_owned()))
    }

    /// A batch.
    ///
    /// # Errors
    /// When there is none for the caller.
    pub async fn batch(&self, caller: &Caller, id: BatchId) -> Result<BatchSight, PlasticError> {
        policy::may_at_all(caller, Action::BatchRead)?;
        Ok(BatchSight::from(&self.0.batch_of(caller, id).await?.value))
    }

    /// A batch for everybody, as its label leads to it.
    ///
    /// # Errors
    /// When there is none.
    pub async fn batch_public(&self, id: BatchId) -> Result<BatchSight, PlasticError> {
        Ok(BatchSight::from(&self.0.batch(id).await?.value))
    }

    /// Steps of a batch's way, with distances.
    pub fn journey(batch: &Batch) -> Vec<Leg> {
        let mut legs = Vec::with_capacity(batch.steps.len());
        for (index, step) in batch.steps.iter().enumerate() {
            let before = index.checked_sub(1).map(|before| &batch.steps[before]);
            let distance_km = before.and_then(|before| leg_km(before, step, ROAD_DETOUR));
            legs.push(Leg { step: step.clone(), distance_km });
        }
        legs
    }

    /// Batches, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn batch_list(
        &self,
        caller: &Caller,
        which: &WhichBatches,
        page: Page,
    ) -> Result<Paged<BatchSight>, PlasticError> {
        policy::may_at_all(caller, Action::BatchRead)?;
        let visible = Visibility::of(caller);
        let (ids, total) = {
            let index = self.0.index().await?;
            let newest = index.newest(which.from, which.to);
            let mut found = newest.filter(|row| which.includes(row) && row.is_seen_by(&visible));
            let mut ids: Vec<BatchId> = Vec::with_capacity(page.limit.min(500));
            let mut total = 0;
            for row in found.by_ref() {
                if total >= page.offset && ids.len() < page.limit {
                    ids.push(row.id);
                }
                total += 1;
            }
            (ids, total)
        };
        let mut items = Vec::with_capacity(ids.len());
        for id in ids {
            // One that was taken back since is not there.
            match self.0.batch(id).await {
                Ok(found) => items.push(BatchSight::from(&found.value)),
                Err(PlasticError::Absent { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Paged { items, total })
    }

    /// Brings a batch on.
    ///
    /// # Errors
    /// Why it cannot go there.
    pub async fn batch_status(
        &self,
        caller: &Caller,
        id: BatchId,
        new: NewStatus,
    ) -> Result<BatchSight, PlasticError> {
        policy::may_at_all(caller, Action::BatchWrite)?;
        let now = self.0.now();
        let at = new.at.unwrap_or(now);
        if at > now + AHEAD_MS {
            return Err(PlasticError::unfit(Flaw::Future, "timestamp", "lies in the future"));
        }
        let place =
            Place { position: new.position, description: new.description.clone(), ..Place::default() };
        let mut report = Report::new(at, place, proof(caller, Evidence::Declaration));
        report.distance_km = new.distance_km;
        report.means.clone_from(&new.means);
        report.notes.clone_from(&new.notes);
        let command = CustodyCommand::Advance { batch: id, to: new.to, report: Box::new(report) };
        let recovered_kg = new.recovered_kg.filter(|_| new.to == Stage::Recycled);
        let by = caller.name();
        let inner = &self.0;
        let _turn = inner.turn(&id).await;
        for _ in 0..TRIES {
            let found = inner.batch_of(caller, id).await?;
            let done = inner.advanced(found, &command, recovered_kg, None, &by).await;
            if !done.as_ref().is_err_and(PlasticError::is_stale) {
                return done;
            }
        }
        Err(PlasticError::Conflict(format!("{id} is being changed by somebody else; try again")))
    }

    /// Parts a batch into several, which make it up; the batch itself is closed.
    ///
    /// # Errors
    /// Why not: the parts have to add up to the whole, resin by resin.
    pub async fn batch_split(
        &self,
        caller: &Caller,
        id: BatchId,
        parts: Vec<Material>,
        at: Option<Time>,
    ) -> Result<Vec<BatchSight>, PlasticError> {
        policy::may_at_all(caller, Action::BatchWrite)?;
        let inner = &self.0;
        let proof = proof(caller, Evidence::Weighbridge);
        let by = caller.name();
        let _turn = inner.turn(&id).await;
        for _ in 0..TRIES {
            let found = inner.batch_of(caller, id).await?;
            let now = inner.now();
            let year = year(now)?;
            inner.ready().await?;
            let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
            let first = inner.index_mut().number(year, count);
            let first = first.ok_or_else(|| PlasticError::Conflict(format!("{year} has no number left")))?;
            let at = at.unwrap_or(now);
            let (parts, proof) = (parts.clone(), proof.clone());
            let command = CustodyCommand::Split { batch: id, at, parts, proof };
            let (book, event) = decided([found.value.batch.clone()], Some((year, first - 1)), &command, now)?;
            let CustodyEvent::Split { children, .. } = event else { break };
            let closed =
                book.batch(id).cloned().ok_or_else(|| PlasticError::absent("batch", id.to_string()))?;
            let parent = BatchRecord { batch: closed, updated: now, ..found.value.clone() };
            let child = |batch: Batch| BatchRecord {
                collected: batch.material,
                batch,
                declared: None,
                nets: 0.0,
                created: now,
                updated: now,
                ..found.value.clone()
            };
            let children: Vec<BatchRecord> = children.into_iter().map(child).collect();
            let mut records = vec![RecordChange::put(&parent, Expect::Version(found.version))?];
            for child in &children {
                records.push(RecordChange::put(child, Expect::Absent)?);
            }
            let names: Vec<String> = children.iter().map(|child| child.batch.id.to_string()).collect();
            let detail = json!({ "parts": names, "materials": children.iter().map(|c| c.collected).collect::<Vec<_>>() });
            let entity = format!("plastic/{id}");
            let act = Act { entity: &entity, kind: "batch.split", by: &by, detail };
            let sights: Vec<BatchSight> = children.iter().map(BatchSight::from).collect();
            let told: Vec<Told<'_>> = sights
                .iter()
                .map(|sight| Told { event: Event::BatchCreated(sight), owners: &sight.owners })
                .collect();
            match inner.keep(act, records, &told).await {
                Ok(()) => {
                    let mut index = inner.index_mut();
                    index.note(&parent, found.version + 1);
                    children.iter().for_each(|child| index.note(child, 1));
                    drop(index);
                    return Ok(sights);
                }
                Err(StoreError::RecordChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PlasticError::Conflict(format!("{id} is being changed by somebody else; try again")))
    }

    /// Takes a batch back, before it is processed. What is known of it stays in the journal.
    ///
    /// # Errors
    /// When it is too late for that.
    pub async fn batch_withdraw(&self, caller: &Caller, id: BatchId) -> Result<(), PlasticError> {
        policy::may_at_all(caller, Action::BatchWrite)?;
        let inner = &self.0;
        let _turn = inner.turn(&id).await;
        for _ in 0..TRIES {
            let found = inner.batch_of(caller, id).await?;
            let command = CustodyCommand::Withdraw { batch: id };
            let now = inner.now();
            let (book, _) = decided([found.value.batch.clone()], None, &command, now)?;
            let mut ledger = MassLedger::default();
            let Some(batch) = book.batch(id).cloned() else { break };
            ledger.count(&batch);
            let record = BatchRecord { batch, updated: now, ..found.value };
            let detail = json!({ "withdrawn_kg": ledger.withdrawn_kg });
            let entity = format!("plastic/{id}");
            let act = Act { entity: &entity, kind: "batch.withdrawn", by: &caller.name(), detail };
            let put = RecordChange::put(&record, Expect::Version(found.version))?;
            match inner.keep(act, vec![put], &[]).await {
                Ok(()) => {
                    inner.ready().await?;
                    inner.index_mut().note(&record, found.version + 1);
                    return Ok(());
                }
                Err(StoreError::RecordChanged { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(PlasticError::Conflict(format!("{id} is being changed by somebody else; try again")))
    }
}

/// What a facility adds to a step: who it is, and what else is kept with it.
pub(super) struct AtFacility<'a> {
    pub(super) facility: &'a super::Facility,
    pub(super) expected_at: Time,
    pub(super) records: Vec<RecordChange>,
}

impl Inner {
    /// A batch takes a step; in its turn.
    pub(super) async fn advanced(
        &self,
        found: Versioned<BatchRecord>,
        command: &CustodyCommand,
        recovered_kg: Option<f64>,
        at: Option<AtFacility<'_>>,
        by: &str,
    ) -> Result<BatchSight, PlasticError> {
        let Versioned { value: before, version } = found;
        let id = before.batch.id;
        let now = self.now();
        let (book, event) = decided([before.batch.clone()], None, command, now)?;
        let batch = book.batch(id).cloned().ok_or_else(|| PlasticError::absent("batch", id.to_string()))?;
        if let Some(value) = recovered_kg
            && !(value >= 0.0 && value <= batch.mass_kg() * (1.0 + 1e-9))
        {
            let reason = format!("{value} kg cannot come out of {} kg", batch.mass_kg());
            return Err(PlasticError::unfit(Flaw::Weight, "recoveredWeight", reason));
        }
        let stage_before = before.batch.stage();
        let mut owners = before.owners.clone();
        let mut expected_at = None;
        let mut records = Vec::new();
        let mut facility = None;
        if let Some(at) = at {
            expected_at = Some(at.expected_at);
            records = at.records;
            facility = Some(at.facility);
            if let Some(owner) = at.facility.owner.clone().filter(|owner| !owners.contains(owner)) {
                owners.push(owner);
            }
        }
        let record = BatchRecord {
            batch,
            owners,
            updated: now,
            expected_at,
            recovered_kg: recovered_kg.or(before.recovered_kg),
            ..before
        };
        records.insert(0, RecordChange::put(&record, Expect::Version(version))?);
        let sight = BatchSight::from(&record);
        let detail = match &event {
            CustodyEvent::Stepped { step, .. } => {
                json!({ "step": step, "recovered_kg": record.recovered_kg })
            }
            _ => json!({}),
        };
        let entity = format!("plastic/{id}");
        let act = Act { entity: &entity, kind: "batch.stepped", by, detail };
        let owners = &record.owners;
        let mut told = Vec::new();
        if let Some(facility) = facility {
            told.push(Told { event: Event::FacilityReceived { batch: &sight, facility }, owners });
        }
        if stage_before.status() != record.batch.stage().status() {
            let event = Event::StatusChanged { batch: &sight, before: stage_before };
            told.push(Told { event, owners });
        }
        if record.batch.stage().is_final() {
            told.push(Told { event: Event::BatchCompleted(&sight), owners });
        }
        self.keep(act, records, &told).await?;
        self.ready().await?;
        self.index_mut().note(&record, version + 1);
        Ok(sight)
    }
}
