//! What happens to a battery: events, and the history that they make.

use super::health::HistoryPoint;
use super::record::{EventRecord, Passport};
use super::{PassportError, Passports, year};
use crate::identity::Visibility;
use crate::store::ledger;
use serde_json::{Map, Value, json};
use twin::passport::date::Date;
use twin::passport::health::Point;
use twin::passport::lifecycle::{Application, EventKind, Stage};
use twin::time::Time;

/// Events may lie so far ahead of the platform's clock [ms].
const AHEAD_MS: i64 = 5 * 60_000;
/// Longest text of an event in bytes.
const TEXT_MAX_BYTES: usize = 2_000;
/// Most that may be said of an event in bytes.
const ATTRIBUTES_MAX_BYTES: usize = 32 << 10;

/// An event as it is reported.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Time,
    /// In words.
    pub description: Option<String>,
    /// What the battery is used for from then on.
    pub application: Option<Application>,
    /// Vehicle that it is in from then on.
    pub vehicle_vin: Option<String>,
    /// Where a relocation leads.
    pub to: Option<Stage>,
    /// Whose it is from then on.
    pub new_owner: Option<String>,
    /// Whether an incident is closed with it, or closes one.
    pub resolved: bool,
    /// Whatever else was said of it.
    pub attributes: Map<String, Value>,
}

/// What became of an event.
#[derive(Debug, Clone)]
pub struct Happened {
    /// The passport.
    pub passport: Passport,
    /// The event.
    pub event: EventRecord,
    /// Hash of the fact: `0x…`.
    pub hash: String,
    /// What looks odd.
    pub warnings: Vec<String>,
}

/// Which events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WhichEvents {
    /// From here on.
    pub from: Option<Time>,
    /// Up to here, included.
    pub to: Option<Time>,
    /// Of this kind.
    pub kind: Option<EventKind>,
}

impl WhichEvents {
    fn spans(&self, at: Time) -> bool {
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }
}

/// An event of a passport, under the next number.
pub(super) fn event_of(
    passport: &Passport,
    number: u32,
    kind: EventKind,
    at: Time,
    recorded_at: Time,
    by: &str,
    revision: u64,
) -> EventRecord {
    EventRecord {
        passport_id: passport.passport_id.clone(),
        number,
        id: format!("EVT-{:04}-{number:04}", year(at)),
        kind,
        at,
        recorded_at,
        description: None,
        attributes: Map::new(),
        by: by.to_owned(),
        revision,
    }
}

/// Refuses an instant that cannot be one of this battery's.
pub(super) fn check_at(passport: &Passport, at: Time, now: Time) -> Result<(), PassportError> {
    if at > now + AHEAD_MS {
        return Err(PassportError::unfit("timestamp", "is more than five minutes ahead"));
    }
    if at < passport.identity.manufactured_on.begins() {
        let reason = format!("is before the battery was made, on {}", passport.identity.manufactured_on);
        return Err(PassportError::unfit("timestamp", reason));
    }
    Ok(())
}

impl Passports {
    /// Records that something happened to a battery.
    ///
    /// # Errors
    /// What is wrong with it, or that it cannot happen now; nothing is kept then.
    pub async fn happen(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewEvent,
        by: &str,
    ) -> Result<Happened, PassportError> {
        if new.description.as_ref().is_some_and(|text| text.len() > TEXT_MAX_BYTES) {
            return Err(PassportError::unfit("description", format!("at most {TEXT_MAX_BYTES} bytes")));
        }
        if serde_json::to_string(&new.attributes).map_or(0, |text| text.len()) > ATTRIBUTES_MAX_BYTES {
            return Err(PassportError::unfit("body", format!("at most {ATTRIBUTES_MAX_BYTES} bytes")));
        }
        let now = self.now();
        let kept = self
            .change(name, visible, by, |passport, draft| {
                check_at(passport, new.at, now)?;
                let stage = passport.lifecycle.stage.after(new.kind, new.to, passport.lifecycle.converted)?;
                passport.numbers.events += 1;
                let number = passport.numbers.events;
                let event = event_of(passport, number, new.kind, new.at, now, by, draft.revision);
                let event = EventRecord {
                    description: new.description.clone(),
                    attributes: new.attributes.clone(),
                    ..event
                };
                new.apply(passport, stage);
                draft.at = new.at;
                draft.fact(format!("lifecycle.{}", new.kind), json!(event));
                draft.records.push(ledger::new(&event)?);
                Ok(event)
            })
            .await?;
        let warnings = new.vehicle_vin.as_deref().and_then(super::register::odd_vin).into_iter().collect();
        Ok(Happened { passport: kept.passport, event: kept.answer, hash: kept.hash, warnings })
    }

    /// What happened to a battery, in the order of time, and its health over time.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn history(
        &self,
        name: &str,
        visible: &Visibility,
        which: &WhichEvents,
    ) -> Result<(Passport, Vec<EventRecord>, Vec<HistoryPoint>), PassportError> {
        let passport = self.find(name, visible).await?;
        let all = self.events_of(&passport.passport_id).await?;
        let points = self.health_history(&passport, &all).await?;
        let mut events: Vec<EventRecord> = all
            .into_iter()
            .filter(|event| which.spans(event.at) && which.kind.is_none_or(|kind| kind == event.kind))
            .collect();
        events.sort_by_key(|event| (event.at, event.number));
        let points = points.into_iter().filter(|point| which.spans(point.at)).collect();
        Ok((passport, events, points))
    }
}

impl NewEvent {
    /// What an event changes of a passport besides being there.
    fn apply(&self, passport: &mut Passport, stage: Stage) {
        let at = self.at;
        let life = &mut passport.lifecycle;
        life.stage = stage;
        if self.kind == EventKind::SecondLifeConversion {
            life.converted = true;
        }
        if let Some(application) = self.application {
            life.application = Some(application);
        }
        if let Some(vin) = &self.vehicle_vin {
            life.vehicle_vin = Some(vin.clone());
        }
        if self.kind == EventKind::Installation && life.installed_on.is_none() {
            life.installed_on = Some(Date::at(at));
        }
        if let Some(owner) = &self.new_owner {
            set_owner(life, Some(owner.clone()), at);
        }
        if self.kind == EventKind::Incident {
            match self.resolved {
                true => life.incidents_open = life.incidents_open.saturating_sub(1),
                false => {
                    life.incidents += 1;
                    life.incidents_open += 1;
                }
            }
        }
    }
}

/// Gives a battery another owner; who had it before is remembered.
pub(super) fn set_owner(life: &mut super::record::Lifecycle, owner: Option<String>, at: Time) {
    if life.owner == owner {
        return;
    }
    if let Some(before) = std::mem::replace(&mut life.owner, owner) {
        life.owners_before.push((before, at));
    }
}

/// The battery as it was when new: at its installation where there was one, else at its manufacture.
pub(super) fn when_new(passport: &Passport, events: &[EventRecord]) -> Point {
    let installed = events.iter().filter(|event| event.kind == EventKind::Installation).map(|event| event.at);
    let at = installed.min().unwrap_or_else(|| passport.identity.manufactured_on.begins());
    Point { at, soh: 1.0, cycles: 0.0 }
}
