//! What is known of one twin, and a draft of what is to be known next.
//!
//! ```text
//!  Facts ──copy──► Draft: readings, events, entries, records ──► one Change ──► durable ──► the new Facts, news, orders
//! ```
//!
//! So nothing is seen that is not durable, and a refused change leaves no trace.

use super::alerts::AlertRecord;
use super::command::CommandRecord;
use super::door::{Kind, Order};
use super::error::PlatformError;
use super::registry::{Spec, TwinRecord};
use crate::store::journal::NewEntry;
use crate::store::records::{Expect, Record, RecordChange, Versioned};
use crate::store::snapshot::Snapshot;
use crate::store::{Change, Entity, Revision};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use twin::live::alert::{Rules, Severity, Signal, Turn, Watches};
use twin::live::battery::{DAYS_LEAST, Doing, END_OF_LIFE, Registered, Subject};
use twin::live::{Measured, Told};
use twin::rng::Seed;
use twin::time::{DAY_MS, Time};
use uuid::Uuid;

/// Version of what a snapshot holds.
pub(super) const SNAPSHOT_SCHEMA: u16 = 3;

/// What a snapshot holds: all that follows from readings and events.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub measured: Measured,
    pub told: Told,
    pub watches: Watches,
    /// When the hardware was heard last, by the platform's clock.
    pub heard_at: Option<Time>,
    /// What it said last about being there.
    pub online: Option<bool>,
    /// For a battery: what was foreseen last.
    pub outlook: Option<Outlook>,
}

/// When life was foreseen last, and its end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Outlook {
    at: Time,
    /// Days from then on, where there was an answer.
    days: Option<f64>,
}

/// All that is known of one twin.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub record: Arc<TwinRecord>,
    /// How often the record was written.
    pub version: u64,
    /// Revision of the twin's journal.
    pub revision: Revision,
    pub entity: Entity,
    /// For a battery: what does not change about it.
    pub subject: Option<Arc<Subject>>,
    pub kept: Kept,
    /// Alerts that are still there.
    pub alerts: Vec<Versioned<AlertRecord>>,
    /// Commands that wait for an answer.
    pub commands: Vec<Versioned<CommandRecord>>,
}

/// What is known of a twin that is awake, for whoever looks: always what is durable, and never half of a change.
#[derive(Debug, Clone)]
pub(super) struct Shown(Arc<Mutex<Arc<Facts>>>);

impl Shown {
    pub(super) fn of(facts: Arc<Facts>) -> Self {
        Self(Arc::new(Mutex::new(facts)))
    }

    pub(super) fn set(&self, facts: Arc<Facts>) {
        let before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), facts);
        // Not while others wait for the lock.
        drop(before);
    }

    pub(super) fn get(&self) -> Arc<Facts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Facts {
    pub(super) fn kind(&self) -> Kind {
        self.record.kind
    }

    /// Family of a battery's cells.
    pub(super) fn family(&self) -> Option<&str> {
        self.subject.as_ref()?.family()
    }

    /// A figure that a rule names.
    fn figure(&self, name: &str, now: Time) -> Option<f64> {
        match name {
            "silence_s" => self.kept.heard_at.map(|heard_at| now.seconds_since(heard_at)),
            "faulty_slots" => Some(self.kept.told.faulty_slots() as f64),
            "days_to_end_of_life" => {
                // What a device says of itself comes first.
                let reported = self.kept.measured.figure(None, name);
                reported.or_else(|| self.kept.outlook.and_then(|outlook| outlook.days_left(now)))
            }
            _ => self.kept.measured.figure(self.subject.as_deref(), name),
        }
    }

    /// Foresees the battery's life anew, once a day and at a time of day of its own, so that not all twins do at once.
    pub(super) fn foresee(&mut self, at: Time) {
        let Some((belief, subject)) = self.kept.measured.belief.as_ref().zip(self.subject.as_deref()) else {
            return;
        };
        let day = |at: Time| (at.0 + (self.record.id.place() % DAY_MS as u64) as i64).div_euclid(DAY_MS);
        let is_due = self.kept.outlook.is_none_or(|outlook| day(outlook.at) < day(at));
        if is_due && belief.heard_days() >= DAYS_LEAST {
            let foreseen = belief.forecast(subject, END_OF_LIFE, self.seed());
            self.kept.outlook = Some(Outlook { at, days: foreseen.ok().map(|foreseen| foreseen.p50) });
        }
    }

    /// Where forecasts of this twin draw from.
    pub(super) fn seed(&self) -> Seed {
        Seed(self.record.id.place())
    }

    fn doing(&self) -> Option<Doing> {
        self.kept.measured.belief.as_ref()?.doing(self.subject.as_deref()?)
    }

    /// Refuses what comes for a retired twin.
    pub(super) fn check_active(&self) -> Result<(), PlatformError> {
        match self.record.retired_at {
            Some(_) => Err(PlatformError::Retired { id: self.record.id.to_string() }),
            None => Ok(()),
        }
    }

    /// A snapshot of what is known.
    pub(super) fn snapshot(&self, at: Time) -> Result<Snapshot, PlatformError> {
        Ok(Snapshot::of(self.entity.clone(), self.revision, at, SNAPSHOT_SCHEMA, &self.kept)?)
    }
}

impl Outlook {
    fn days_left(&self, now: Time) -> Option<f64> {
        Some((self.days? - now.days_since(self.at)).max(0.0))
    }
}

/// For a battery, what does not change about it.
pub(super) fn subject(
    spec: &Spec,
    cells: &super::cells::Cells,
) -> Result<Option<Arc<Subject>>, PlatformError> {
    let Spec::Battery(spec) = spec else { return Ok(None) };
    let cell = spec.chemistry.as_deref().map(|name| cells.get(name)).transpose()?;
    let registered = Registered {
        cell,
        series: spec.series.map(f64::from),
        parallel: spec.parallel.map(f64::from),
        capacity_ah: spec.capacity_ah,
        energy_wh: spec.energy_wh,
        voltage_nominal_v: spec.voltage_nominal_v,
        born: [&spec.installed_on, &spec.manufactured_on].into_iter().flatten().find_map(|day| midnight(day)),
    };
    Ok(Some(Arc::new(Subject::of(&registered))))
}

/// The beginning of a day, `2026-01-31`; a text that is no day says nothing.
fn midnight(day: &str) -> Option<Time> {
    let date: jiff::civil::Date = day.parse().ok()?;
    let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Time(zoned.timestamp().as_millisecond()))
}

/// What is to be known next, and why.
#[derive(Debug)]
pub(super) struct Draft {
    pub facts: Facts,
    pub change: Change,
    /// When, what, and more about it.
    pub news: Vec<(Time, String, Value)>,
    pub orders: Vec<Order>,
}

impl Draft {
    pub(super) fn of(facts: &Facts) -> Self {
        Self { facts: facts.clone(), change: Change::default(), news: Vec::new(), orders: Vec::new() }
    }

    /// Adds a fact.
    pub(super) fn fact(
        &mut self,
        kind: &str,
        at: Time,
        actor: &str,
        payload: &impl Serialize,
    ) -> Result<(), PlatformError> {
        let entry = NewEntry {
            entity: self.facts.entity.clone(),
            expected: self.facts.revision,
            at,
            actor: actor.to_owned(),
            kind: kind.to_owned(),
            schema: 1,
            payload: Vec::new(),
        };
        self.change.entries.push(entry.with_json(payload)?);
        self.facts.revision = self.facts.revision.next();
        Ok(())
    }

    /// Adds a record that stands at a version, and gives the version that it will have.
    fn put<T: Record>(&mut self, value: &T, version: u64) -> Result<u64, PlatformError> {
        let expect = if version == 0 { Expect::Absent } else { Expect::Version(version) };
        let put = RecordChange::put(value, expect)?;
        let known = |change: &&mut RecordChange| change.collection == put.collection && change.key == put.key;
        match self.change.records.iter_mut().find(known) {
            // Written twice in one change: the later one goes, on what the earlier one expected.
            Some(earlier) => {
                earlier.put = put.put;
                Ok(version)
            }
            None => {
                self.change.records.push(put);
                Ok(version + 1)
            }
        }
    }

    /// Changes the twin's own record.
    pub(super) fn set_record(&mut self, record: TwinRecord) -> Result<(), PlatformError> {
        self.facts.version = self.put(&record, self.facts.version)?;
        self.facts.record = Arc::new(record);
        Ok(())
    }

    /// Adds or changes a command; settled ones are no longer known to the twin.
    pub(super) fn set_command(&mut self, command: CommandRecord) -> Result<(), PlatformError> {
        let place = self.facts.commands.iter().position(|known| known.value.id == command.id);
        let version = place.map_or(0, |place| self.facts.commands[place].version);
        let version = self.put(&command, version)?;
        if let Some(place) = place {
            self.facts.commands.remove(place);
        }
        if command.is_open() {
            self.facts.commands.push(Versioned { value: command, version });
        }
        Ok(())
    }

    /// Adds or changes an alert; resolved ones are no longer known to the twin.
    pub(super) fn set_alert(&mut self, alert: AlertRecord) -> Result<(), PlatformError> {
        let place = self.facts.alerts.iter().position(|known| known.value.id == alert.id);
        let version = place.map_or(0, |place| self.facts.alerts[place].version);
        let version = self.put(&alert, version)?;
        if let Some(place) = place {
            self.facts.alerts.remove(place);
        }
        if alert.is_active() {
            self.facts.alerts.push(Versioned { value: alert, version });
        }
        Ok(())
    }

    /// Looks at all rules as of `at`; figures of `silence` only where it is asked for.
    pub(super) fn look_at_rules(
        &mut self,
        rules: &Rules,
        at: Time,
        silence: bool,
    ) -> Result<(), PlatformError> {
        let mut signals: Vec<Signal> = Vec::new();
        {
            let facts = &self.facts;
            let doing = facts.doing().map(Doing::as_str);
            let series = facts.subject.as_ref().map_or(1.0, |subject| subject.per_series());
            let mut watches = facts.kept.watches.clone();
            for rule in rules.of(facts.kind().as_str(), facts.family()) {
                if (rule.figure == "silence_s") != silence {
                    continue;
                }
                if rule.during.as_deref().is_some_and(|during| doing != Some(during)) {
                    continue;
                }
                let Some(figure) = facts.figure(&rule.figure, at) else { continue };
                let figure = if rule.per_series { figure / series } else { figure };
                signals.extend(watches.look(rule, at, figure));
            }
            self.facts.kept.watches = watches;
        }
        signals.into_iter().try_for_each(|signal| self.signal(rules, signal))
    }

    /// Turns what rules say into alerts: one of a type at a time.
    fn signal(&mut self, rules: &Rules, signal: Signal) -> Result<(), PlatformError> {
        let open = self.facts.alerts.iter().map(|alert| &alert.value);
        let open = open.into_iter().find(|alert| alert.alert_type == signal.alert_type).cloned();
        // Another rule of the same type may still hold, and be worse.
        let others = || -> Option<Severity> {
            let of_type = rules.rules.iter().filter(|rule| rule.alert_type() == signal.alert_type);
            let others = of_type.filter(|rule| rule.name != signal.rule);
            others.filter_map(|rule| self.facts.kept.watches.open(&rule.name)).max()
        };
        let at = signal.at;
        match (open, &signal.turn) {
            (None, Turn::Raised | Turn::Changed) => {
                let record = &self.facts.record;
                let alert = AlertRecord {
                    id: Uuid::new_v4(),
                    alert_id: format!("ALT-{}-{}-{}", record.device_name(), signal.alert_type, at.0),
                    twin: record.id,
                    kind: record.kind,
                    alert_type: signal.alert_type,
                    rule: signal.rule,
                    severity: signal.severity,
                    message: signal.message,
                    threshold: signal.threshold,
                    actual: signal.value,
                    triggered_at: at,
                    updated_at: at,
                    resolved_at: None,
                    resolved_by: None,
                    acknowledged_at: None,
                    acknowledged_by: None,
                    note: None,
                };
                self.alert_turned("alert.raised", at, "rules", alert)
            }
            (Some(alert), Turn::Raised | Turn::Changed) => {
                let severity = others().map_or(signal.severity, |other| other.max(signal.severity));
                if alert.severity == severity {
                    return Ok(());
                }
                let (threshold, actual) = (signal.threshold, signal.value);
                let message = signal.message;
                let alert = AlertRecord { severity, message, threshold, actual, updated_at: at, ..alert };
                self.alert_turned("alert.changed", at, "rules", alert)
            }
            (Some(alert), Turn::Resolved) => match others() {
                Some(severity) if severity == alert.severity => Ok(()),
                Some(severity) => {
                    let alert = AlertRecord { severity, updated_at: at, ..alert };
                    self.alert_turned("alert.changed", at, "rules", alert)
                }
                None => {
                    let alert = AlertRecord { resolved_at: Some(at), updated_at: at, ..alert };
                    self.alert_turned("alert.resolved", at, "rules", alert)
                }
            },
            (None, Turn::Resolved) => Ok(()),
        }
    }

    /// Keeps what became of an alert, with the fact and the news.
    pub(super) fn alert_turned(
        &mut self,
        fact: &str,
        at: Time,
        actor: &str,
        alert: AlertRecord,
    ) -> Result<(), PlatformError> {
        self.fact(fact, at, actor, &alert)?;
        let data = serde_json::to_value(super::sight::AlertSight::from(&alert)).unwrap_or_default();
        self.news.push((at, fact.to_owned(), data));
        self.set_alert(alert)
    }
}
