//! The live twins.

use super::convert::{given, instant, interval, json, kind_in, object};
use super::outlet::{Answers, pipe};
use super::proto::twin_service_server::TwinService;
use super::proto::{
    Command, GetCommandRequest, GetTwinRequest, ListTwinsRequest, ListTwinsResponse, SendCommandRequest,
    StreamStatesRequest, TelemetryOutcome, TelemetryReport, Twin, TwinNews, WatchTwinsRequest,
};
use super::{Door, proto};
use crate::body::Page;
use crate::caller::Caller;
use crate::live::named;
use crate::problem::Problem;
use crate::server::App;
use crate::twins::{commands, reading};
use futures::StreamExt;
use host::identity::Action;
use host::platform::bus::{Filter, Heard};
use host::platform::command::NewCommand;
use host::platform::door::{Kind, Report};
use host::platform::{TwinId, Which};
use serde_json::{Map, Value, json as made};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::MissedTickBehavior;
use tonic::{Code, Request, Response, Status, Streaming};
use twin::time::Time;

/// Reports of one stream that are worked on at once; outcomes keep their order.
const AT_ONCE: usize = 32;
/// Most values of a series of cells.
const CELLS_MAX: usize = 10_000;

/// A page as a request asks for it.
pub(super) fn page(size: u32, token: String) -> Page {
    let limit = (size > 0).then(|| usize::try_from(size).unwrap_or(usize::MAX));
    Page::new(limit, Some(token).filter(|token| !token.is_empty()))
}

#[tonic::async_trait]
impl TwinService for Door {
    async fn list_twins(
        &self,
        request: Request<ListTwinsRequest>,
    ) -> Result<Response<ListTwinsResponse>, Status> {
        let caller = self.caller(&request).await?;
        caller.may(Action::TwinRead)?;
        let asked = request.into_inner();
        let which = Which {
            kind: kind_in("kind", asked.kind)?,
            text: Some(asked.query).filter(|text| !text.is_empty()),
            near: None,
            retired: asked.retired,
            visible: Some(caller.visibility()),
        };
        let page = page(asked.page_size, asked.page_token);
        let found = self.0.platform.list(&which, page.limit()?, page.cursor()?).await;
        let (twins, next) = found.map_err(Problem::from)?;
        let next_page_token = next.map(|next| next.to_string()).unwrap_or_default();
        Ok(Response::new(ListTwinsResponse {
            twins: twins.into_iter().map(Into::into).collect(),
            next_page_token,
        }))
    }

    async fn get_twin(&self, request: Request<GetTwinRequest>) -> Result<Response<Twin>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let id = self.0.twin(&caller, Action::TwinRead, &asked.twin).await?.id;
        let seen = match instant("at", asked.at)? {
            Some(at) => self.0.platform.view_at(id, at).await,
            None => self.0.platform.view(id).await,
        };
        Ok(Response::new(seen.map_err(Problem::from)?.into()))
    }

    type WatchTwinsStream = Answers<TwinNews>;

    async fn watch_twins(
        &self,
        request: Request<WatchTwinsRequest>,
    ) -> Result<Response<Self::WatchTwinsStream>, Status> {
        let caller = self.caller(&request).await?;
        caller.may(Action::TwinRead)?;
        let asked = request.into_inner();
        let kinds: Result<Vec<Option<Kind>>, Problem> =
            asked.kinds.iter().map(|kind| kind_in("kinds", *kind)).collect();
        let filter = Filter {
            kinds: kinds?.into_iter().flatten().collect(),
            twins: named(&self.0, &caller, "twins", &asked.twins).await?,
            events: asked.events,
        };
        let mut news = self.0.platform.listen_to(filter);
        let (mut outlet, answers) = pipe(&self.0);
        tokio::spawn(async move {
            loop {
                let heard = tokio::select! {
                    heard = news.heard() => heard,
                    _ = outlet.over() => return,
                };
                let message = match heard {
                    Some(Heard::News(news)) => TwinNews::from(news.as_ref()),
                    Some(Heard::Missed(count)) => missed(count),
                    None => return,
                };
                if outlet.put(message).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(answers))
    }

    type StreamStatesStream = Answers<Twin>;

    async fn stream_states(
        &self,
        request: Request<StreamStatesRequest>,
    ) -> Result<Response<Self::StreamStatesStream>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        if asked.twins.is_empty() {
            return Err(Problem::unfit("twins", "names no twin").into());
        }
        let mut ticks = tokio::time::interval(interval("interval_s", asked.interval_s, 1.0)?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let twins = named(&self.0, &caller, "twins", &asked.twins).await?;
        let all: BTreeSet<TwinId> = twins.iter().copied().collect();
        // Before they are looked at, so that nothing falls between.
        let mut news = self.0.platform.listen_to(Filter { twins, ..Filter::default() });
        let platform = self.0.platform.clone();
        let (mut outlet, answers) = pipe(&self.0);
        tokio::spawn(async move {
            let mut changed = all.clone();
            loop {
                tokio::select! {
                    heard = news.heard() => match heard {
                        Some(Heard::News(news)) => drop(changed.insert(news.twin)),
                        Some(Heard::Missed(_)) => changed.clone_from(&all),
                        None => return,
                    },
                    _ = ticks.tick(), if !changed.is_empty() => {
                        for id in std::mem::take(&mut changed) {
                            let put = match platform.view(id).await {
                                Ok(seen) => outlet.put(seen.into()).await,
                                Err(error) => Err(outlet.end(Problem::from(error).into())),
                            };
                            if put.is_err() {
                                return;
                            }
                        }
                    }
                    _ = outlet.over() => return,
                }
            }
        });
        Ok(Response::new(answers))
    }

    async fn send_command(&self, request: Request<SendCommandRequest>) -> Result<Response<Command>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let params = asked.params.map(|params| json("params", params)).transpose()?;
        let new = NewCommand {
            command: asked.command,
            params: params.unwrap_or(Value::Null),
            timeout_s: given(asked.timeout_s),
        };
        let given = commands::give_and_wait(&self.0, &caller, &asked.twin, new, asked.wait_s).await?;
        Ok(Response::new(given.into()))
    }

    async fn get_command(&self, request: Request<GetCommandRequest>) -> Result<Response<Command>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let twin = self.0.twin(&caller, Action::TwinRead, &asked.twin).await?.id;
        let found = self.0.platform.command_of(twin, &asked.command_id).await;
        Ok(Response::new(found.map_err(Problem::from)?.into()))
    }

    type ReportTelemetryStream = Answers<TelemetryOutcome>;

    async fn report_telemetry(
        &self,
        request: Request<Streaming<TelemetryReport>>,
    ) -> Result<Response<Self::ReportTelemetryStream>, Status> {
        let caller = self.caller(&request).await?;
        caller.may(Action::TwinReport)?;
        let app = self.0.clone();
        let reports = request.into_inner();
        let (mut outlet, answers) = pipe(&self.0);
        tokio::spawn(async move {
            let answered = reports.map(|report| {
                let (app, caller) = (app.clone(), caller.clone());
                async move {
                    let report = report?;
                    let (sequence, count) = (report.sequence, report.readings.len());
                    Ok::<_, Status>(outcome(sequence, count, take(&app, &caller, report).await))
                }
            });
            let mut answered = std::pin::pin!(answered.buffered(AT_ONCE));
            loop {
                let next = tokio::select! {
                    next = answered.next() => next,
                    _ = outlet.over() => return,
                };
                let put = match next {
                    Some(Ok(outcome)) => outlet.put(outcome).await,
                    Some(Err(broken)) => Err(outlet.end(broken)),
                    None => return,
                };
                if put.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(answers))
    }
}

fn missed(count: u64) -> TwinNews {
    let data = Map::from_iter([("count".to_owned(), made!(count))]);
    TwinNews { event: "missed".to_owned(), data: Some(object(data)), ..TwinNews::default() }
}

/// Keeps a report's readings; they are durable when this is answered.
async fn take(app: &App, caller: &Caller, report: TelemetryReport) -> Result<(), Problem> {
    let record = app.twin(caller, Action::TwinReport, &report.twin).await?;
    let readings: Result<Vec<Value>, Problem> =
        report.readings.into_iter().enumerate().map(|(index, reading)| spoken(index, reading)).collect();
    let readings = reading::read(record.kind, Value::Array(readings?))?;
    app.platform.observe(record.id, Report::Readings(readings), &caller.name()).await?;
    Ok(())
}

/// A reading as it is said in JSON, so that both are read alike.
fn spoken(index: usize, reading: proto::Reading) -> Result<Value, Problem> {
    let field = |name: &str| format!("[{index}].{name}");
    let at: Option<Time> = instant(&field("at"), reading.at)?;
    let mut said = Map::new();
    if let Some(at) = at {
        said.insert("ts".to_owned(), made!(at.0));
    }
    let mut cells: BTreeMap<String, BTreeMap<usize, f64>> = BTreeMap::new();
    for (name, value) in reading.values {
        if !value.is_finite() {
            return Err(Problem::unfit(field(&name), format!("{value} is no finite number")));
        }
        match name.split_once('.').map(|(series, nth)| (series, nth.parse::<usize>())) {
            Some((series, Ok(nth @ 1..=CELLS_MAX))) => {
                cells.entry(series.to_owned()).or_default().insert(nth, value);
            }
            _ => drop(said.insert(name, made!(value))),
        }
    }
    for (series, values) in cells {
        // Without gaps, from 1 on, as an array has it.
        if values.keys().last() != Some(&values.len()) {
            return Err(Problem::unfit(field(&series), "cells are counted from 1, without gaps"));
        }
        said.insert(series, Value::Array(values.into_values().map(|value| made!(value)).collect()));
    }
    Ok(Value::Object(said))
}

fn outcome(sequence: u64, count: usize, taken: Result<(), Problem>) -> TelemetryOutcome {
    match taken {
        Ok(()) => TelemetryOutcome {
            sequence,
            accepted: true,
            readings: u32::try_from(count).unwrap_or(u32::MAX),
            ..TelemetryOutcome::default()
        },
        Err(problem) => TelemetryOutcome {
            sequence,
            code: name(problem.grpc_code()).to_owned(),
            field: problem.field().unwrap_or_default().to_owned(),
            detail: problem.detail().to_owned(),
            ..TelemetryOutcome::default()
        },
    }
}

/// A code as gRPC spells it.
fn name(code: Code) -> &'static str {
    match code {
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::Unauthenticated => "UNAUTHENTICATED",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::NotFound => "NOT_FOUND",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::Unavailable => "UNAVAILABLE",
        Code::Internal => "INTERNAL",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use super::super::convert::timestamp;
    use super::*;

    #[test]
    fn cells_are_gathered_and_gaps_refused() {
        let reading = |values: &[(&str, f64)]| proto::Reading {
            at: Some(timestamp(Time(5))),
            values: values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect(),
        };
        let said =
            spoken(0, reading(&[("voltage_v", 7.0), ("cell_voltages_v.2", 3.6), ("cell_voltages_v.1", 3.4)]));
        assert_eq!(said.unwrap(), made!({ "ts": 5, "voltage_v": 7.0, "cell_voltages_v": [3.4, 3.6] }));
        let refused = |values: &[(&str, f64)]| spoken(3, reading(values)).unwrap_err().detail().to_owned();
        assert!(refused(&[("cell_voltages_v.2", 3.6)]).starts_with("[3].cell_voltages_v: "));
        assert!(refused(&[("voltage_v", f64::NAN)]).starts_with("[3].voltage_v: NaN"));
    }
}
