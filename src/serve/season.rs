//! A simulated season in the books of the platform: what vessels and teams bring in becomes batches, what trucks and plants
//! do to them becomes their way, month by month a report. All of it through the operations that everybody else uses.

use crate::failure::Failure;
use host::identity::Caller;
use host::plastic::{
    Arrival, Declared, DeclaredPart, Facility, NewBatch, NewDevice, NewFacility, NewReport, NewStatus,
    Plastic, PlasticError, ReportFormat, ReportKind,
};
use host::platform::ErrorKind;
use serde_json::json;
use sim::plant::{Booked, World};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use twin::plastic::batch::{Batch, BatchId, Stage, Step};
use twin::plastic::custody::CustodyEvent;
use twin::plastic::declared::Part;
use twin::plastic::gear::Method;
use twin::plastic::material::{Condition, Resin};
use twin::time::Time;

/// The books of a season.
#[derive(Debug)]
pub(crate) struct Season {
    plastic: Plastic,
    caller: Caller,
    /// Facilities by cleanup and name.
    facilities: BTreeMap<(usize, String), Arc<Facility>>,
    /// Batches of the simulation as they are called here, and the facility where each is.
    batches: HashMap<(usize, BatchId), (BatchId, Option<String>)>,
    /// Month that was not reported yet.
    month: Option<(i16, i8)>,
}

/// Year and month of an instant.
fn month_of(at: Time) -> (i16, i8) {
    let day = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let date = day.to_zoned(jiff::tz::TimeZone::UTC).date();
    (date.year(), date.month())
}

/// First instant of a month.
fn begins((year, month): (i16, i8)) -> Option<Time> {
    let first = jiff::civil::Date::new(year, month, 1).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Time(first.timestamp().as_millisecond()))
}

impl Season {
    /// Registers the devices and facilities of a world; nothing where there is no cleanup in it.
    pub(crate) async fn begin(world: &World, plastic: &Plastic) -> Result<Option<Self>, Failure> {
        let collectors = world.collectors();
        if collectors.is_empty() {
            return Ok(None);
        }
        let caller = Caller::platform();
        for collector in collectors {
            let sort = match collector.method {
                Method::VesselNet => "vessel_tracker",
                Method::BeachCleanup => "beach_station",
                Method::RiverTrap => "river_trap",
                Method::UnderwaterCollection => "handheld",
            };
            let metadata = json!({
                "vesselName": collector.device, "maxCapacity": collector.hold_kg, "swathM": collector.swath_m,
            });
            let metadata = metadata.as_object().cloned().unwrap_or_default();
            let new = NewDevice {
                id: collector.device,
                sort: sort.to_owned(),
                organisation_id: collector.organisation,
                sensors: vec!["gps".to_owned(), "weight".to_owned()],
                metadata: metadata.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            };
            match plastic.device_attach(&caller, new).await {
                Ok(_) => {}
                // From the season before.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(Failure::failed(error)),
            }
        }
        let known = plastic.facility_list(&caller).await.map_err(Failure::failed)?;
        let mut facilities = BTreeMap::new();
        for site in world.works() {
            let found = known.iter().find(|facility| facility.name == site.name).cloned();
            let facility = match found {
                Some(facility) => facility,
                None => {
                    let new = NewFacility {
                        name: site.name.clone(),
                        station: site.station,
                        position: site.position,
                        address: None,
                        certifications: Vec::new(),
                        daily_kg: site.daily_kg,
                    };
                    plastic.facility_create(&caller, new).await.map_err(Failure::failed)?
                }
            };
            facilities.insert((site.cleanup, site.name), facility);
        }
        let (batches, plastic) = (HashMap::new(), plastic.clone());
        Ok(Some(Self { plastic, caller, facilities, batches, month: None }))
    }

    /// Books what happened up to an instant.
    pub(crate) async fn book(&mut self, booked: Vec<Booked>, now: Time) {
        for Booked { cleanup, organisation, event } in booked {
            if let Err(error) = self.event(cleanup, &organisation, event).await {
                tracing::warn!(%error, "what happened to a batch of the season could not be booked");
            }
        }
        let month = month_of(now);
        let before = *self.month.get_or_insert(month);
        if before != month {
            self.month = Some(month);
            if let Err(error) = self.report(before, month).await {
                tracing::warn!(%error, "a month of the season could not be reported");
            }
        }
    }

    async fn report(&self, before: (i16, i8), month: (i16, i8)) -> Result<(), PlasticError> {
        let Some((from, to)) = begins(before).zip(begins(month)) else { return Ok(()) };
        let new = NewReport {
            kind: ReportKind::MonthlyImpact,
            from,
            to: to + -1,
            organisation_id: None,
            format: ReportFormat::Pdf,
            charts: true,
        };
        self.plastic.report_create(&self.caller, new).await.map(drop)
    }

    async fn event(
        &mut self,
        cleanup: usize,
        organisation: &str,
        event: CustodyEvent,
    ) -> Result<(), PlasticError> {
        match event {
            CustodyEvent::Registered(batch) => {
                let new = new_batch(&batch, organisation);
                let made = self.plastic.batch_create(&self.caller, new).await?;
                self.batches.insert((cleanup, batch.id), (made.batch.id, None));
            }
            CustodyEvent::Split { batch, children } => {
                let Some((id, place)) = self.batches.remove(&(cleanup, batch)) else { return Ok(()) };
                let at = children.first().map(|child| child.last().at);
                let parts = children.iter().map(|child| child.material).collect();
                let made = self.plastic.batch_split(&self.caller, id, parts, at).await?;
                for (child, made) in children.iter().zip(made) {
                    self.batches.insert((cleanup, child.id), (made.batch.id, place.clone()));
                }
            }
            CustodyEvent::Stepped { batch, step } => self.step(cleanup, batch, *step).await?,
            // No cleanup does any of these.
            CustodyEvent::Merged(_) | CustodyEvent::Lost { .. } | CustodyEvent::Withdrawn { .. } => {}
        }
        Ok(())
    }

    async fn step(&mut self, cleanup: usize, batch: BatchId, step: Step) -> Result<(), PlasticError> {
        let Some((id, place)) = self.batches.get(&(cleanup, batch)).cloned() else { return Ok(()) };
        let name = step.place.facility.clone().unwrap_or_default();
        let facility = self.facilities.get(&(cleanup, name.clone()));
        if let Some(facility) = facility.filter(|_| place.as_deref() != Some(name.as_str())) {
            let arrival = Arrival {
                batch: id,
                at: step.at,
                weighed_kg: Some(step.mass_kg),
                means: step.means,
                distance_km: None,
                notes: None,
            };
            self.plastic.facility_receive(&self.caller, &facility.id, arrival).await?;
            self.batches.insert((cleanup, batch), (id, Some(name)));
            return Ok(());
        }
        if !matches!(step.stage, Stage::Transported | Stage::Recycled | Stage::Disposed) {
            // Where it is, it was taken in for that already.
            return Ok(());
        }
        let new = NewStatus {
            to: step.stage,
            at: Some(step.at),
            position: step.place.position,
            description: step.place.facility,
            means: step.means,
            distance_km: None,
            // What a works gave out went over its scale.
            recovered_kg: (step.stage == Stage::Recycled).then_some(step.mass_kg),
            notes: None,
        };
        self.plastic.batch_status(&self.caller, id, new).await?;
        if step.stage.is_final() {
            self.batches.remove(&(cleanup, batch));
        }
        Ok(())
    }
}

/// A batch of the simulation as somebody would declare it.
fn new_batch(batch: &Batch, organisation: &str) -> NewBatch {
    let total_kg = batch.material.mass_kg();
    let mut origin = batch.origin.clone();
    origin.collector.organisation = Some(organisation.to_owned());
    origin.collector.device = origin.collector.device.map(|name| format!("{organisation}-{name}"));
    let (mut parts, mut told) = (Vec::new(), Vec::new());
    for resin in Resin::ALL {
        for condition in Condition::ALL {
            let mass_kg = batch.material.amount_kg(resin, condition);
            if mass_kg > 0.0 {
                let percent = 100.0 * mass_kg / total_kg;
                parts.push(Part { resin, condition, percent, mass_kg });
                told.push(DeclaredPart { resin, percent, mass_kg, condition: Some(condition) });
            }
        }
    }
    let declared = Declared { parts: told, ..Declared::default() };
    NewBatch { origin, total_kg, parts, declared, nets: None, net_kg: batch.material.net_kg() }
}
