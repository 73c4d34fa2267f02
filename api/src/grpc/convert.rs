//! What the platform shows, as messages.

use super::proto;
use crate::problem::Problem;
use host::platform::bus::News;
use host::platform::command::{CommandRecord, Outcome};
use host::platform::door::Kind;
use host::platform::sight::{BatterySight, Sight};
use prost_types::value::Kind as Json;
use prost_types::{ListValue, Struct, Timestamp, Value as Wire};
use serde_json::{Map, Number, Value};
use sim::runs::{Order, RunSight, State};
use sim::sessions::{Phase, SessionSight};
use std::time::Duration;
use twin::time::Time;

/// Numbers up to here are whole in a double.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

pub(super) fn timestamp(at: Time) -> Timestamp {
    Timestamp { seconds: at.0.div_euclid(1_000), nanos: at.0.rem_euclid(1_000) as i32 * 1_000_000 }
}

/// An instant; what is below a millisecond is cut off.
pub(super) fn instant(field: &str, at: Option<Timestamp>) -> Result<Option<Time>, Problem> {
    let Some(Timestamp { seconds, nanos }) = at else { return Ok(None) };
    let ms = (0..1_000_000_000).contains(&nanos).then(|| seconds.checked_mul(1_000)).flatten();
    let ms = ms.and_then(|ms| ms.checked_add(i64::from(nanos) / 1_000_000));
    // What jiff can write.
    let ms = ms.filter(|ms| (-377_705_023_201_000..=253_402_207_200_000).contains(ms));
    ms.map(|ms| Some(Time(ms))).ok_or_else(|| Problem::unfit(field, "is no instant"))
}

/// How often a stream tells something.
pub(super) fn interval(field: &str, given_s: f64, default_s: f64) -> Result<Duration, Problem> {
    match given_s {
        0.0 => Ok(Duration::from_secs_f64(default_s)),
        0.05..=86_400.0 => Ok(Duration::from_secs_f64(given_s)),
        _ => Err(Problem::unfit(field, format!("{given_s} is not between 0.05 and 86400"))),
    }
}

/// A figure that is left out as 0.
pub(super) fn given(value: f64) -> Option<f64> {
    (value != 0.0).then_some(value)
}

pub(super) fn wire(value: Value) -> Wire {
    let kind = match value {
        Value::Null => Json::NullValue(0),
        Value::Bool(flag) => Json::BoolValue(flag),
        Value::Number(number) => Json::NumberValue(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Json::StringValue(text),
        Value::Array(all) => Json::ListValue(ListValue { values: all.into_iter().map(wire).collect() }),
        Value::Object(fields) => Json::StructValue(object(fields)),
    };
    Wire { kind: Some(kind) }
}

pub(super) fn object(fields: Map<String, Value>) -> Struct {
    Struct { fields: fields.into_iter().map(|(key, value)| (key, wire(value))).collect() }
}

fn struct_of(value: Value) -> Option<Struct> {
    match value {
        Value::Object(fields) => Some(object(fields)),
        Value::Null => None,
        other => Some(object(Map::from_iter([("value".to_owned(), other)]))),
    }
}

/// JSON of a message; whole numbers come back as such, and what JSON cannot say is refused.
pub(super) fn json(field: &str, value: Struct) -> Result<Value, Problem> {
    let fields = value.fields.into_iter().map(|(key, value)| Ok((key, json_of(field, value)?)));
    Ok(Value::Object(fields.collect::<Result<Map<_, _>, Problem>>()?))
}

fn json_of(field: &str, value: Wire) -> Result<Value, Problem> {
    Ok(match value.kind {
        None | Some(Json::NullValue(_)) => Value::Null,
        Some(Json::BoolValue(flag)) => Value::Bool(flag),
        Some(Json::NumberValue(number)) if number.fract() == 0.0 && number.abs() < WHOLE_MAX => {
            Value::from(number as i64)
        }
        Some(Json::NumberValue(number)) => Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| Problem::unfit(field, format!("{number} is no finite number")))?,
        Some(Json::StringValue(text)) => Value::String(text),
        Some(Json::ListValue(list)) => {
            let values = list.values.into_iter().map(|value| json_of(field, value));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        Some(Json::StructValue(fields)) => json(field, fields)?,
    })
}

pub(super) fn kind_out(kind: Kind) -> i32 {
    let kind = match kind {
        Kind::Battery => proto::TwinKind::Battery,
        Kind::Cabinet => proto::TwinKind::Cabinet,
        Kind::Vessel => proto::TwinKind::Vessel,
        Kind::Facility => proto::TwinKind::Facility,
    };
    kind.into()
}

/// A kind; nothing where none is said.
pub(super) fn kind_in(field: &str, kind: i32) -> Result<Option<Kind>, Problem> {
    match proto::TwinKind::try_from(kind) {
        Ok(proto::TwinKind::Unspecified) => Ok(None),
        Ok(proto::TwinKind::Battery) => Ok(Some(Kind::Battery)),
        Ok(proto::TwinKind::Cabinet) => Ok(Some(Kind::Cabinet)),
        Ok(proto::TwinKind::Vessel) => Ok(Some(Kind::Vessel)),
        Ok(proto::TwinKind::Facility) => Ok(Some(Kind::Facility)),
        Err(_) => Err(Problem::unfit(field, format!("{kind} is no kind"))),
    }
}

impl From<BatterySight> for proto::BatteryState {
    fn from(seen: BatterySight) -> Self {
        let doing = serde_json::to_value(seen.doing).ok();
        Self {
            soc: seen.soc,
            soc_std: seen.soc_std,
            soh: seen.soh,
            soh_std: seen.soh_std,
            resistance_ohm: seen.resistance_ohm,
            resistance_over_new: seen.resistance_over_new,
            remaining_ah: seen.remaining_ah,
            discharged_ah: seen.discharged_ah,
            charged_ah: seen.charged_ah,
            equivalent_cycles: seen.equivalent_cycles,
            doing: doing.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    }
}

impl From<Sight> for proto::Twin {
    fn from(seen: Sight) -> Self {
        let alerts = seen.alerts.iter().filter_map(|alert| serde_json::to_value(alert).ok());
        let latest = |value: &host::platform::sight::LatestSight| proto::Latest {
            value: value.value,
            at: Some(timestamp(value.at)),
        };
        Self {
            id: seen.id.to_string(),
            kind: kind_out(seen.kind),
            name: seen.name,
            aliases: seen
                .aliases
                .into_iter()
                .map(|alias| proto::Alias { namespace: alias.namespace, name: alias.name })
                .collect(),
            spec: struct_of(seen.spec),
            labels: seen.labels,
            revision: seen.revision,
            at: Some(timestamp(seen.at)),
            created_at: Some(timestamp(seen.created_at)),
            retired_at: seen.retired_at.map(timestamp),
            online: seen.online,
            heard_at: seen.heard_at.map(timestamp),
            measured_at: seen.measured_at.map(timestamp),
            readings: seen.readings,
            alerts: alerts.filter_map(struct_of).collect(),
            battery: seen.battery.map(Into::into),
            site: seen.site.and_then(|site| serde_json::to_value(site).ok()).and_then(struct_of),
            latest: seen.latest.iter().map(|(metric, value)| (metric.clone(), latest(value))).collect(),
            commands_open: u32::try_from(seen.commands_open).unwrap_or(u32::MAX),
            desired: Some(object(seen.desired)),
            reported: Some(object(seen.reported)),
            difference: Some(object(seen.difference)),
            latitude: seen.position.map(|(lat, _)| lat),
            longitude: seen.position.map(|(_, lon)| lon),
        }
    }
}

impl From<&News> for proto::TwinNews {
    fn from(news: &News) -> Self {
        Self {
            number: news.number,
            twin: news.twin.to_string(),
            kind: kind_out(news.kind),
            at: Some(timestamp(news.at)),
            event: news.event.clone(),
            data: struct_of(news.data.clone()),
        }
    }
}

impl From<CommandRecord> for proto::Command {
    fn from(command: CommandRecord) -> Self {
        let outcome = match command.outcome {
            Outcome::Accepted => proto::CommandOutcome::Accepted,
            Outcome::Acknowledged => proto::CommandOutcome::Acknowledged,
            Outcome::Refused => proto::CommandOutcome::Refused,
            Outcome::TimedOut => proto::CommandOutcome::TimedOut,
        };
        Self {
            id: command.id.to_string(),
            twin: command.twin.to_string(),
            command: command.command,
            params: struct_of(command.params),
            by: command.by,
            outcome: outcome.into(),
            detail: command.detail,
            accepted_at: Some(timestamp(command.accepted_at)),
            deadline: Some(timestamp(command.deadline)),
            settled_at: command.settled_at.map(timestamp),
        }
    }
}

/// What somebody wants simulated.
pub(super) fn order(order: Option<proto::Order>) -> Result<Order, Problem> {
    let order = order.ok_or_else(|| Problem::unfit("order", "is missing"))?;
    Ok(Order {
        scenario: order.scenario,
        sets: order.set.into_iter().collect(),
        seed: order.seed,
        replicates: order.replicates,
        horizon_days: order.horizon_days,
    })
}

impl From<RunSight> for proto::Run {
    fn from(run: RunSight) -> Self {
        let state = match run.state {
            State::Queued => proto::RunState::Queued,
            State::Running => proto::RunState::Running,
            State::Done => proto::RunState::Done,
            State::Failed => proto::RunState::Failed,
            State::Cancelled => proto::RunState::Cancelled,
            State::Interrupted => proto::RunState::Interrupted,
        };
        Self {
            id: run.id.to_string(),
            name: run.name,
            state: state.into(),
            cancelling: run.cancelling,
            by: run.by,
            submitted_at: Some(timestamp(run.submitted_at)),
            started_at: run.started_at.map(timestamp),
            ended_at: run.ended_at.map(timestamp),
            seed: run.seed,
            replicates: run.replicates,
            variants: run.variants,
            twins: run.twins,
            horizon_days: run.horizon_days,
            twin_days: run.twin_days,
            partial: run.partial,
            results: run.results,
            reason: run.reason,
            progress: run.progress.map(|progress| proto::RunProgress {
                share: progress.share,
                simulated_at: progress.simulated_at.map(timestamp),
                speed_days_per_s: progress.speed_days_per_s,
                elapsed_s: progress.elapsed_s,
                left_s: progress.left_s,
                worlds_done: progress.worlds_done,
                worlds: progress.worlds,
            }),
        }
    }
}

impl From<SessionSight> for proto::Session {
    fn from(session: SessionSight) -> Self {
        let phase = match session.phase {
            Phase::Built => proto::SessionPhase::Built,
            Phase::Ready => proto::SessionPhase::Ready,
            Phase::Ended => proto::SessionPhase::Ended,
        };
        Self {
            id: session.id.to_string(),
            scenario: session.scenario,
            variants: session.variants,
            variant: session.variant,
            replicate: session.replicate,
            twins: session.twins,
            start: Some(timestamp(session.start)),
            end: Some(timestamp(session.end)),
            now: Some(timestamp(session.now)),
            phase: phase.into(),
            injections: u32::try_from(session.injections).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as made;

    #[test]
    fn instants_and_json_come_back_as_they_went() {
        for ms in [0, -1, 1_700_000_000_123] {
            assert_eq!(instant("at", Some(timestamp(Time(ms)))).unwrap(), Some(Time(ms)));
        }
        assert!(instant("at", Some(Timestamp { seconds: i64::MAX, nanos: 0 })).is_err());
        assert!(instant("at", Some(Timestamp { seconds: 0, nanos: -1 })).is_err());
        let value = made!({ "a": [1, 2.5, null, true, { "b": "c" }] });
        let Value::Object(fields) = value.clone() else { panic!() };
        assert_eq!(json("x", object(fields)).unwrap(), value);
        let infinite = Wire { kind: Some(Json::NumberValue(f64::INFINITY)) };
        assert!(json_of("x", infinite).is_err());
    }
}
