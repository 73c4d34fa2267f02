//! A live twin: what is known of it, and the work that changes it. Lives in an actor; one piece of work at a time.

use super::Core;
use super::alerts::AlertRecord;
use super::command::{CommandRecord, NewCommand, Outcome, SET_DESIRED, TIMEOUT_S};
use super::door::{Device, Order, Report, Unfit};
use super::error::PlatformError;
use super::facts::{Draft, Facts, Kept, SNAPSHOT_SCHEMA, Shown};
use super::fleet::FleetBattery;
use super::forecast::Ahead;
use super::happening;
use super::registry::TwinRecord;
use super::sight::Sight;
use crate::store::Change;
use crate::store::Metric;
use crate::store::series::{Frame, Query, Reading, Readings};
use serde_json::{Map, Value, json};
use smallvec::SmallVec;
use std::sync::{Arc, PoisonError};
use twin::live::Measured;
use twin::live::battery::Subject;
use twin::time::Time;
use uuid::Uuid;

/// Readings after which a snapshot is written.
const SNAPSHOT_READINGS: u64 = 256;
/// Readings between copies that late readings go back to. The last one is kept; what is older goes back to the snapshot
/// that the store has, or to the beginning.
const ANCHOR_READINGS: u64 = 64;
/// Rows that are read at a time.
const PAGE: usize = 4_096;
/// Late readings no further apart than this are looked up together [ms].
const RUN_MS: i64 = 3_600_000;
/// A clock may be ahead of ours by so much [ms].
const AHEAD_MS: i64 = 15 * 60_000;
/// The state of a twin is told to whoever listens over MQTT at most so often [ms].
const TELL_EVERY_MS: i64 = 1_000;
/// When a twin would be silent is told to the agenda anew where it moved by so much [ms].
const KNOWN_WITHIN_MS: i64 = 1_000;
/// No reading is from before 2000-01-01.
const EARLIEST: Time = Time(946_684_800_000);

/// A twin that is awake.
#[derive(Debug)]
pub(super) struct LiveTwin {
    core: Arc<Core>,
    facts: Arc<Facts>,
    /// The same, where whoever only looks finds it.
    shown: Shown,
    /// Copies of what followed from readings, the oldest first: the last, and one from before late readings.
    anchors: SmallVec<[Arc<Measured>; 2]>,
    /// Readings that the last snapshot knew.
    snapshot_readings: u64,
    told_at: Option<Time>,
    /// When it would be silent, as the agenda knows it.
    silent_at: Option<Time>,
    /// Whether the store lacks a snapshot of what is known.
    is_unsaved: bool,
}

/// Takes the rows of a frame in their order.
pub(super) fn replay(frame: &Frame, mut take: impl FnMut(Time, &[(&str, f64)])) {
    let mut row: Vec<(&str, f64)> = Vec::with_capacity(frame.columns.len());
    for (index, &at) in frame.times.iter().enumerate() {
        row.clear();
        row.extend(frame.columns.iter().filter_map(|column| {
            let value = column.values[index];
            (!value.is_nan()).then_some((column.metric.as_str(), value))
        }));
        take(at, &row);
    }
}

/// Takes one reading.
fn observe(measured: &mut Measured, subject: Option<&Subject>, reading: &Reading) {
    let row: Vec<(&str, f64)> =
        reading.values.iter().map(|(metric, value)| (metric.as_str(), *value)).collect();
    measured.observe(subject, reading.at, &row);
}

/// What followed from readings up to an instant, from `start` on.
pub(super) async fn replayed(
    core: &Core,
    facts: &Facts,
    mut start: Measured,
    up_to: Time,
) -> Result<Measured, PlatformError> {
    let from = start.last_at.map_or(EARLIEST, |last| last + 1);
    let query = Query { limit: PAGE, ..Query::new(facts.entity.clone(), from, up_to + 1) };
    let mut next = Some(query);
    while let Some(query) = next {
        let (frame, more) = core.store.readings(query.clone()).await?;
        replay(&frame, |at, row| start.observe(facts.subject.as_deref(), at, row));
        next = more.map(|from| Query { from, ..query });
    }
    Ok(start)
}

impl LiveTwin {
    pub(super) fn new(core: Arc<Core>, facts: Facts) -> Self {
        let measured = &facts.kept.measured;
        let snapshot_readings = measured.readings;
        // Late readings need not go back further than to where it woke.
        let anchors = measured.last_at.map(|_| Arc::new(measured.clone())).into_iter().collect();
        let facts = Arc::new(facts);
        let shown = Shown::of(facts.clone());
        let (told_at, silent_at, is_unsaved) = (None, None, false);
        let awake = Self { core, facts, shown, anchors, snapshot_readings, told_at, silent_at, is_unsaved };
        awake.note_health();
        awake
    }

    /// Where what is known of it can be looked at without its actor.
    pub(super) fn shown(&self) -> Shown {
        self.shown.clone()
    }

    /// What there is to see at `now`.
    fn sight(&self, now: Time) -> Sight {
        Sight::of(&self.facts, now)
    }

    /// A battery of the swap fleet at `now`.
    pub(super) fn of_fleet(&self, now: Time) -> FleetBattery {
        FleetBattery::of(&self.facts, now)
    }

    /// Takes what a person says that happened to the hardware, now; the hardware itself was not heard by that.
    pub(super) async fn stated(&mut self, event: &str, detail: Value, by: &str) -> Result<(), PlatformError> {
        self.facts.check_active()?;
        let now = self.core.clock.now();
        // The latest word counts, and this is it, even where a clock stands still or the hardware's is ahead.
        let at = self.facts.kept.told.last_at.map_or(now, |last_at| now.max(last_at + 1));
        let mut draft = Draft::of(&self.facts);
        self.happened(&mut draft, at, event, detail, by)?;
        self.keep(draft, now).await
    }

    /// Refuses where the twin stands at another revision than somebody builds on.
    pub(super) fn expect(&self, revision: Option<u64>) -> Result<(), PlatformError> {
        match revision {
            Some(revision) if revision != self.facts.revision.0 => {
                Err(PlatformError::Changed { what: format!("twin {}", self.facts.record.id) })
            }
            _ => Ok(()),
        }
    }

    /// What a forecast of a battery needs, where anything was measured.
    pub(super) fn ahead(&self) -> Option<Ahead> {
        let (measured, subject) = (&self.facts.kept.measured, self.facts.subject.clone()?);
        let (belief, at) = (measured.belief.clone()?, measured.last_at?);
        Some(Ahead { belief, subject, seed: self.facts.seed(), at })
    }

    /// Takes a report; it is durable when this is answered.
    pub(super) async fn report(&mut self, report: Report, actor: &str) -> Result<(), PlatformError> {
        self.facts.check_active()?;
        match report {
            Report::Readings(readings) => self.readings(readings).await,
            Report::Event { at, event, detail } => self.event(at, &event, detail, actor).await,
            Report::Presence { at, online } => self.presence(at, online, actor).await,
            Report::Acknowledged { at, command, done, detail } => {
                self.acknowledged(at, &command, done, detail, actor).await
            }
        }
    }

    async fn readings(&mut self, readings: Vec<Reading>) -> Result<(), PlatformError> {
        let now = self.core.clock.now();
        let (late, new) = self.sorted(readings, now)?;
        let late = self.unknown(late).await?;
        if late.is_empty() && new.is_empty() {
            metrics::counter!("celltide_readings_duplicate_total").increment(1);
            return Ok(());
        }
        let mut draft = Draft::of(&self.facts);
        let mut anchors = self.anchors.clone();
        if !late.is_empty() {
            metrics::counter!("celltide_readings_late_total").increment(late.len() as u64);
            draft.facts.kept.measured = self.derived_again(&late, &mut anchors).await?;
        }
        for reading in &new {
            let measured = &mut draft.facts.kept.measured;
            if measured.readings.is_multiple_of(ANCHOR_READINGS) {
                anchors.clear();
                anchors.push(Arc::new(measured.clone()));
            }
            observe(measured, draft.facts.subject.as_deref(), reading);
            draft.facts.foresee(reading.at);
            draft.look_at_rules(&self.core.rules, reading.at, false)?;
        }
        let count = (late.len() + new.len()) as u64;
        let first_at = late.first().or(new.first()).map(|reading| reading.at);
        let is_late = !late.is_empty();
        let readings: Vec<Reading> = late.into_iter().chain(new).collect();
        if self.core.bus.is_heard(self.facts.record.id) {
            let values = readings.last().map(|reading| {
                let values = reading.values.iter().map(|(metric, value)| (metric.to_string(), json!(value)));
                Value::Object(values.collect())
            });
            let at = readings.last().map_or(now, |reading| reading.at);
            let data = json!({ "readings": count, "first_at": first_at.map(|t| t.0), "values": values });
            draft.news.push((at, "telemetry".to_owned(), data));
        }
        draft.change.readings.push(Readings { twin: self.facts.entity.clone(), readings });
        let known = draft.facts.kept.measured.readings;
        // A copy that was derived again must not be replaced by an older one after a restart.
        let snapshot = is_late || known >= self.snapshot_readings + SNAPSHOT_READINGS;
        self.heard(&mut draft, now)?;
        if snapshot {
            draft.change.snapshots.push(draft.facts.snapshot(now)?);
        }
        self.keep(draft, now).await?;
        self.anchors = anchors;
        if snapshot {
            self.snapshot_readings = known;
        }
        metrics::counter!("celltide_readings_total").increment(count);
        Ok(())
    }

    /// Checks readings, puts them in order and tells late from new.
    fn sorted(&self, mut readings: Vec<Reading>, now: Time) -> Result<(Vec<Reading>, Vec<Reading>), Unfit> {
        for reading in &readings {
            if reading.at < EARLIEST || reading.at > now + AHEAD_MS {
                let reason =
                    format!("{} ms is before the year 2000 or more than fifteen minutes ahead", reading.at.0);
                return Err(Unfit::new("ts", reason));
            }
            if reading.values.is_empty() {
                return Err(Unfit::new("values", "a reading without values"));
            }
            if let Some((metric, _)) = reading.values.iter().find(|(_, value)| !value.is_finite()) {
                return Err(Unfit::new(metric.as_str(), "is no finite number"));
            }
            plausible(reading)?;
        }
        readings.sort_by_key(|reading| reading.at);
        let mut merged: Vec<Reading> = Vec::with_capacity(readings.len());
        for reading in readings {
            match merged.last_mut().filter(|last| last.at == reading.at) {
                Some(last) => {
                    for (metric, value) in reading.values {
                        if !last.values.iter().any(|(known, _)| *known == metric) {
                            last.values.push((metric, value));
                        }
                    }
                }
                None => merged.push(reading),
            }
        }
        let last_at = self.facts.kept.measured.last_at;
        let new = merged.partition_point(|reading| last_at.is_some_and(|last| reading.at <= last));
        let new = merged.split_off(new);
        Ok((merged, new))
    }

    /// Late readings without what is known already.
    async fn unknown(&self, late: Vec<Reading>) -> Result<Vec<Reading>, PlatformError> {
        let mut unknown = Vec::with_capacity(late.len());
        // Run by run, so that two readings far apart do not bring all that lies between them along.
        for run in late.chunk_by(|one, next| next.at - one.at <= RUN_MS) {
            let known = self.known(run).await?;
            unknown.extend(run.iter().filter_map(|reading| {
                let is_new = |(metric, _): &&(Metric, f64)| {
                    known.binary_search_by(|(at, known)| (*at, known).cmp(&(reading.at, metric))).is_err()
                };
                let values: Vec<(Metric, f64)> = reading.values.iter().filter(is_new).cloned().collect();
                (!values.is_empty()).then_some(Reading { at: reading.at, values })
            }));
        }
        Ok(unknown)
    }

    /// What is known of the time of some readings, in order.
    async fn known(&self, run: &[Reading]) -> Result<Vec<(Time, Metric)>, PlatformError> {
        let mut known: Vec<(Time, Metric)> = Vec::new();
        let (Some(first), Some(last)) = (run.first(), run.last()) else { return Ok(known) };
        let mut next =
            Some(Query { limit: PAGE, ..Query::new(self.facts.entity.clone(), first.at, last.at + 1) });
        while let Some(query) = next {
            let (frame, more) = self.core.store.readings(query.clone()).await?;
            for column in &frame.columns {
                let there = frame.times.iter().zip(&column.values).filter(|(_, value)| !value.is_nan());
                known.extend(there.map(|(at, _)| (*at, column.metric.clone())));
            }
            next = more.map(|from| Query { from, ..query });
        }
        known.sort_unstable();
        Ok(known)
    }

    /// What follows from all readings, late ones in their place.
    async fn derived_again(
        &self,
        late: &[Reading],
        anchors: &mut SmallVec<[Arc<Measured>; 2]>,
    ) -> Result<Measured, PlatformError> {
        let first = late.first().map_or(EARLIEST, |reading| reading.at);
        // Copies from after the late reading do not know it.
        anchors.retain(|anchor| anchor.last_at.is_none_or(|last| last < first));
        let mut measured = match anchors.last() {
            Some(anchor) => (**anchor).clone(),
            None => self.kept_before(first).await?,
        };
        let end = self.facts.kept.measured.last_at.unwrap_or(first);
        let from = measured.last_at.map_or(EARLIEST, |last| last + 1);
        let mut waiting = late.iter().peekable();
        let subject = self.facts.subject.as_deref();
        let mut next = Some(Query { limit: PAGE, ..Query::new(self.facts.entity.clone(), from, end + 1) });
        while let Some(query) = next {
            let (frame, more) = self.core.store.readings(query.clone()).await?;
            replay(&frame, |at, row| {
                if at < first && measured.readings.is_multiple_of(ANCHOR_READINGS) {
                    // Whoever is late once is so again, and perhaps with what is older.
                    anchors.clear();
                    anchors.push(Arc::new(measured.clone()));
                }
                while let Some(reading) = waiting.next_if(|reading| reading.at < at) {
                    observe(&mut measured, subject, reading);
                }
                match waiting.next_if(|reading| reading.at == at) {
                    Some(reading) => {
                        let more = reading.values.iter().map(|(metric, value)| (metric.as_str(), *value));
                        let mut row: Vec<(&str, f64)> = row.iter().copied().chain(more).collect();
                        row.sort_by(|a, b| a.0.cmp(b.0));
                        measured.observe(subject, at, &row);
                    }
                    None => measured.observe(subject, at, row),
                }
            });
            next = more.map(|from| Query { from, ..query });
        }
        waiting.for_each(|reading| observe(&mut measured, subject, reading));
        Ok(measured)
    }

    /// What the store's snapshot knew, where that was before an instant; else nothing.
    async fn kept_before(&self, first: Time) -> Result<Measured, PlatformError> {
        let (entity, revision) = (self.facts.entity.clone(), self.facts.revision);
        let snapshot = self.core.store.snapshot(entity, revision).await?;
        let kept = snapshot.and_then(|snapshot| snapshot.state::<Kept>(SNAPSHOT_SCHEMA).ok());
        let measured = kept.map(|kept| kept.measured).unwrap_or_default();
        Ok(if measured.last_at.is_none_or(|last| last < first) { measured } else { Measured::default() })
    }

    async fn event(
        &mut self,
        at: Time,
        event: &str,
        detail: Value,
        actor: &str,
    ) -> Result<(), PlatformError> {
        let now = self.core.clock.now();
        if at < EARLIEST || at > now + AHEAD_MS {
            return Err(PlatformError::unfit(
                "ts",
                "is before the year 2000 or more than fifteen minutes ahead",
            ));
        }
        let mut draft = Draft::of(&self.facts);
        if event == "reported" {
            let Value::Object(reported) = detail else {
                return Err(PlatformError::unfit("detail", "what is reported is an object"));
            };
            self.reported(&mut draft, at, reported, actor)?;
        } else {
            self.happened(&mut draft, at, event, detail, actor)?;
        }
        self.heard(&mut draft, now)?;
        self.keep(draft, now).await
    }

    /// Takes something that happened to the hardware.
    fn happened(
        &self,
        draft: &mut Draft,
        at: Time,
        event: &str,
        detail: Value,
        actor: &str,
    ) -> Result<(), PlatformError> {
        let happening = happening::read(self.facts.kind(), event, &detail)?;
        draft.fact("device.event", at, actor, &json!({ "event": event, "detail": detail }))?;
        draft.facts.kept.told.hear(at, &happening);
        draft.look_at_rules(&self.core.rules, self.core.clock.now(), false)?;
        draft.news.push((at, format!("event.{event}"), detail));
        Ok(())
    }

    /// Takes how the hardware says that it is.
    fn reported(
        &self,
        draft: &mut Draft,
        at: Time,
        reported: Map<String, Value>,
        actor: &str,
    ) -> Result<(), PlatformError> {
        let mut record = (*draft.facts.record).clone();
        merge(&mut record.reported, reported);
        bounded("reported", &record.reported)?;
        if record.reported == draft.facts.record.reported {
            return Ok(());
        }
        record.changed_at = at;
        draft.fact("twin.reported", at, actor, &record.reported)?;
        let data = json!({ "reported": record.reported, "difference": record.difference() });
        draft.news.push((at, "twin.reported".to_owned(), data));
        draft.set_record(record)
    }

    async fn presence(&mut self, at: Time, online: bool, actor: &str) -> Result<(), PlatformError> {
        let now = self.core.clock.now();
        let mut draft = Draft::of(&self.facts);
        if draft.facts.kept.online != Some(online) {
            draft.facts.kept.online = Some(online);
            draft.fact("presence", at, actor, &json!({ "online": online }))?;
            draft.news.push((at, if online { "online" } else { "offline" }.to_owned(), Value::Null));
        }
        if online {
            self.heard(&mut draft, now)?;
        }
        self.keep(draft, now).await
    }

    /// The hardware is there.
    fn heard(&mut self, draft: &mut Draft, now: Time) -> Result<(), PlatformError> {
        draft.facts.kept.heard_at = draft.facts.kept.heard_at.max(Some(now));
        let was_away = draft.facts.kept.online == Some(false);
        if was_away {
            draft.facts.kept.online = Some(true);
            draft.fact("presence", now, "platform", &json!({ "online": true }))?;
            draft.news.push((now, "online".to_owned(), Value::Null));
        }
        if was_away || draft.facts.alerts.iter().any(|alert| alert.value.alert_type == "connection_lost") {
            draft.look_at_rules(&self.core.rules, now, true)?;
        }
        self.is_heard_at(now);
        Ok(())
    }

    /// Lets the agenda know when it would be silent; within a second it knows well enough.
    fn is_heard_at(&mut self, heard_at: Time) {
        let silent_at = heard_at + self.core.silence_ms(self.facts.kind());
        if self.silent_at.is_none_or(|known| silent_at - known >= KNOWN_WITHIN_MS) {
            self.core.agenda.heard(silent_at, self.facts.record.id);
            self.silent_at = Some(silent_at);
        }
    }

    /// Looks whether the hardware fell silent.
    pub(super) async fn silence(&mut self) -> Result<(), PlatformError> {
        self.silent_at = None;
        let now = self.core.clock.now();
        let Some(heard_at) = self.facts.kept.heard_at.filter(|_| self.facts.record.retired_at.is_none())
        else {
            return Ok(());
        };
        let silence_ms = self.core.silence_ms(self.facts.kind());
        if now - heard_at < silence_ms {
            self.is_heard_at(heard_at);
            return Ok(());
        }
        let mut draft = Draft::of(&self.facts);
        if draft.facts.kept.online != Some(false) {
            draft.facts.kept.online = Some(false);
            draft.fact(
                "presence",
                now,
                "platform",
                &json!({ "online": false, "silent_since": heard_at.0 }),
            )?;
            draft.news.push((now, "offline".to_owned(), Value::Null));
        }
        // Just beyond, so that a rule of the same span sees it.
        draft.look_at_rules(&self.core.rules, now + 1, true)?;
        self.keep(draft, now).await
    }

    /// Keeps a command and sends it to the device.
    pub(super) async fn command(
        &mut self,
        new: NewCommand,
        by: &str,
    ) -> Result<CommandRecord, PlatformError> {
        self.facts.check_active()?;
        new.check()?;
        let now = self.core.clock.now();
        let mut draft = Draft::of(&self.facts);
        let command = self.given(&mut draft, new, by, now)?;
        self.keep(draft, now).await?;
        self.remind(&command, now);
        Ok(command)
    }

    fn given(
        &self,
        draft: &mut Draft,
        new: NewCommand,
        by: &str,
        now: Time,
    ) -> Result<CommandRecord, PlatformError> {
        if draft.facts.commands.len() >= self.core.options.commands_open_max {
            let open = draft.facts.commands.len();
            return Err(PlatformError::Conflict(format!(
                "{open} commands wait for this device's answer already"
            )));
        }
        let command = CommandRecord {
            id: Uuid::new_v4(),
            twin: draft.facts.record.id,
            command: new.command,
            params: new.params,
            by: by.to_owned(),
            outcome: Outcome::Accepted,
            detail: None,
            accepted_at: now,
            deadline: now.plus_seconds(new.timeout_s.unwrap_or(TIMEOUT_S)),
            settled_at: None,
        };
        draft.fact("command.accepted", now, by, &command)?;
        draft.news.push((now, "command.accepted".to_owned(), command_news(&command)));
        draft.orders.push(self.order(&command));
        draft.set_command(command.clone())?;
        Ok(command)
    }

    fn device(&self) -> Device {
        Device { kind: self.facts.kind(), id: self.facts.record.device_name().into() }
    }

    fn order(&self, command: &CommandRecord) -> Order {
        let (device, id) = (self.device(), command.id.to_string());
        Order::Command { device, command: id, payload: command.payload().into() }
    }

    fn remind(&self, command: &CommandRecord, now: Time) {
        let due = command.again_after(now).unwrap_or(command.deadline);
        self.core.agenda.command(due, command.twin, command.id);
    }

    /// Tells the device again, or gives up.
    pub(super) async fn command_due(&mut self, id: Uuid) -> Result<(), PlatformError> {
        let now = self.core.clock.now();
        let open = self.facts.commands.iter().find(|command| command.value.id == id);
        let Some(command) = open.map(|command| command.value.clone()) else { return Ok(()) };
        if now < command.deadline {
            self.core.send(self.order(&command));
            self.remind(&command, now);
            return Ok(());
        }
        let detail = Some("the device did not answer in time".to_owned());
        self.settle(command, Outcome::TimedOut, now, detail, "platform").await
    }

    async fn settle(
        &mut self,
        command: CommandRecord,
        outcome: Outcome,
        at: Time,
        detail: Option<String>,
        actor: &str,
    ) -> Result<(), PlatformError> {
        let now = self.core.clock.now();
        let command = CommandRecord { outcome, detail, settled_at: Some(at), ..command };
        let mut draft = Draft::of(&self.facts);
        let fact = format!("command.{}", outcome.as_str());
        draft.fact(&fact, at, actor, &command)?;
        draft.news.push((at, fact, command_news(&command)));
        if command.command == SET_DESIRED
            && outcome == Outcome::Acknowledged
            && let Some(Value::Object(desired)) = command.params.get("desired").cloned()
        {
            // Who did as it was told is as it was told to be.
            self.reported(&mut draft, at, desired, actor)?;
        }
        draft.set_command(command)?;
        if actor != "platform" {
            self.heard(&mut draft, now)?;
        }
        self.keep(draft, now).await
    }

    async fn acknowledged(
        &mut self,
        at: Time,
        id: &str,
        done: bool,
        detail: Option<String>,
        actor: &str,
    ) -> Result<(), PlatformError> {
        let open = self.facts.commands.iter().find(|command| command.value.id.to_string() == id);
        let Some(command) = open.map(|command| command.value.clone()) else {
            let settled = self.core.command(id).await?.filter(|known| known.twin == self.facts.record.id);
            return match settled {
                // Said twice, or too late: it stays as it was settled.
                Some(_) => Ok(()),
                None => Err(PlatformError::unfit("command", format!("{id} is no command of this device"))),
            };
        };
        let outcome = if done { Outcome::Acknowledged } else { Outcome::Refused };
        let detail = detail.map(|detail| detail.chars().take(1_000).collect());
        self.settle(command, outcome, at, detail, actor).await
    }

    /// Changes how the hardware shall be, and tells it. A key that shall be nothing is no longer wanted.
    pub(super) async fn desire(
        &mut self,
        change: Map<String, Value>,
        by: &str,
    ) -> Result<Sight, PlatformError> {
        self.facts.check_active()?;
        let now = self.core.clock.now();
        let mut record = (*self.facts.record).clone();
        merge(&mut record.desired, change);
        bounded("desired", &record.desired)?;
        if record.desired == self.facts.record.desired {
            return Ok(self.sight(now));
        }
        record.changed_at = now;
        let mut draft = Draft::of(&self.facts);
        draft.fact("twin.desired", now, by, &record.desired)?;
        let data = json!({ "desired": record.desired, "difference": record.difference() });
        draft.news.push((now, "twin.desired".to_owned(), data));
        let difference = record.difference();
        draft.set_record(record)?;
        let mut given = None;
        if !difference.is_empty() {
            let params = json!({ "desired": difference });
            let new = NewCommand { command: SET_DESIRED.to_owned(), params, timeout_s: None };
            given = Some(self.given(&mut draft, new, by, now)?);
        }
        self.keep(draft, now).await?;
        if let Some(command) = given {
            self.remind(&command, now);
        }
        Ok(self.sight(now))
    }

    /// Changes what the twin is registered as.
    pub(super) async fn change(
        &mut self,
        change: impl FnOnce(&mut TwinRecord) -> Result<(), PlatformError>,
        fact: &str,
        by: &str,
    ) -> Result<Sight, PlatformError> {
        self.facts.check_active()?;
        let now = self.core.clock.now();
        let mut record = (*self.facts.record).clone();
        change(&mut record)?;
        record.check()?;
        record.changed_at = now;
        let mut draft = Draft::of(&self.facts);
        draft.fact(fact, now, by, &record)?;
        draft.news.push((now, fact.to_owned(), Value::Null));
        let is_other = record.spec != self.facts.record.spec;
        draft.set_record(record)?;
        if is_other {
            draft.facts.subject = super::facts::subject(&draft.facts.record.spec, &self.core.cells)?;
            // What was believed was believed of another battery.
            self.anchors.clear();
            draft.facts.kept.outlook = None;
            let end = draft.facts.kept.measured.last_at.unwrap_or(EARLIEST);
            draft.facts.kept.measured = replayed(&self.core, &draft.facts, Measured::default(), end).await?;
            draft.change.snapshots.push(draft.facts.snapshot(now)?);
        }
        self.keep(draft, now).await?;
        Ok(self.sight(now))
    }

    /// Somebody takes note of an alert that is still there.
    pub(super) async fn acknowledge(
        &mut self,
        id: Uuid,
        by: &str,
        note: Option<String>,
    ) -> Result<AlertRecord, PlatformError> {
        let now = self.core.clock.now();
        let open = self.facts.alerts.iter().find(|alert| alert.value.id == id);
        let Some(alert) = open.map(|alert| alert.value.clone()) else {
            return Err(PlatformError::Conflict("Alert has already been resolved".to_owned()));
        };
        if alert.acknowledged_at.is_some() {
            return Err(PlatformError::Conflict("Alert has already been acknowledged".to_owned()));
        }
        let acknowledged_by = Some(by.to_owned());
        let alert =
            AlertRecord { acknowledged_at: Some(now), acknowledged_by, note, updated_at: now, ..alert };
        let mut draft = Draft::of(&self.facts);
        draft.alert_turned("alert.acknowledged", now, by, alert.clone())?;
        self.keep(draft, now).await?;
        Ok(alert)
    }

    /// Somebody resolves an alert; it comes back where the condition lasts beyond the hold-off.
    pub(super) async fn resolve(&mut self, id: Uuid, by: &str) -> Result<AlertRecord, PlatformError> {
        let now = self.core.clock.now();
        let open = self.facts.alerts.iter().find(|alert| alert.value.id == id);
        let Some(alert) = open.map(|alert| alert.value.clone()) else {
            return Err(PlatformError::Conflict("Alert has already been resolved".to_owned()));
        };
        let resolved_by = Some(by.to_owned());
        let alert = AlertRecord { resolved_at: Some(now), resolved_by, updated_at: now, ..alert };
        let mut draft = Draft::of(&self.facts);
        let of_type = self.core.rules.rules.iter().filter(|rule| rule.alert_type() == alert.alert_type);
        for rule in of_type {
            draft.facts.kept.watches.resolved_by_hand(rule, now);
        }
        draft.alert_turned("alert.resolved", now, by, alert.clone())?;
        // The hold-off is nowhere but here.
        draft.change.snapshots.push(draft.facts.snapshot(now)?);
        self.keep(draft, now).await?;
        Ok(alert)
    }

    /// Makes a draft durable and then true; tells the news.
    async fn keep(&mut self, draft: Draft, now: Time) -> Result<(), PlatformError> {
        let Draft { facts, change, news, orders } = draft;
        let saves = !change.snapshots.is_empty();
        if change != Change::default() {
            self.core.store.commit(change).await.map_err(super::registry::taken)?;
        }
        if !Arc::ptr_eq(&self.facts.record, &facts.record) {
            self.core.roll.note(&facts.record);
        }
        self.facts = Arc::new(facts);
        self.shown.set(self.facts.clone());
        self.note_health();
        self.is_unsaved = !saves;
        for (at, event, data) in news {
            self.core.bus.tell(self.facts.record.id, self.facts.kind(), at, &event, data);
        }
        for order in orders {
            self.core.send(order);
        }
        if self.core.is_anybody_told() && self.told_at.is_none_or(|told_at| now - told_at >= TELL_EVERY_MS) {
            self.told_at = Some(now);
            let payload = serde_json::to_string(&self.sight(now)).unwrap_or_default();
            self.core.send(Order::State { device: self.device(), payload: payload.into() });
        }
        Ok(())
    }

    /// Puts what is believed of a battery's health where lists find it.
    fn note_health(&self) {
        let subject = self.facts.subject.as_deref();
        if let Some(soh) = subject.and(self.facts.kept.measured.figure(subject, "soh_estimated")) {
            let mut healths = self.core.healths.write().unwrap_or_else(PoisonError::into_inner);
            healths.insert(self.facts.record.id, soh as f32);
        }
    }

    /// Writes a snapshot where there is something new, so that a restart is quick.
    pub(super) async fn rest(&mut self) -> Result<(), PlatformError> {
        if !self.is_unsaved || self.facts.kept == Kept::default() {
            return Ok(());
        }
        let snapshot = self.facts.snapshot(self.core.clock.now())?;
        self.core.store.commit(Change { snapshots: vec![snapshot], ..Change::default() }).await?;
        self.snapshot_readings = self.facts.kept.measured.readings;
        self.is_unsaved = false;
        Ok(())
    }
}

/// What can be said of figures whatever the hardware is: what lies outside is a mistake, not a measurement.
fn plausible(reading: &Reading) -> Result<(), Unfit> {
    for (metric, value) in &reading.values {
        let (low, high) = match metric.as_str() {
            "soc_pct" => (-5.0, 110.0),
            "soh_pct" => (-5.0, 200.0),
            "temperature_c" | "ambient_c" => (-100.0, 1_000.0),
            "voltage_v" => (-10_000.0, 10_000.0),
            "lat" => (-90.0, 90.0),
            "lon" => (-180.0, 180.0),
            _ => continue,
        };
        if !(low..=high).contains(value) {
            return Err(Unfit::new(metric.as_str(), format!("{value} is not between {low} and {high}")));
        }
    }
    Ok(())
}

/// Merges a change into an object; what is null goes.
fn merge(into: &mut Map<String, Value>, change: Map<String, Value>) {
    for (key, value) in change {
        match value {
            Value::Null => drop(into.remove(&key)),
            value => drop(into.insert(key, value)),
        }
    }
}

fn bounded(field: &str, map: &Map<String, Value>) -> Result<(), Unfit> {
    let bytes: usize = map.iter().map(|(key, value)| key.len() + value.to_string().len()).sum();
    if map.len() > 256 || bytes > 64 << 10 {
        return Err(Unfit::new(field, "more than 256 keys or 64 KiB"));
    }
    Ok(())
}

fn command_news(command: &CommandRecord) -> Value {
    json!({
        "id": command.id, "command": command.command, "outcome": command.outcome, "detail": command.detail,
        "by": command.by,
    })
}
