//! Simulations that are stepped by hand.

use super::Door;
use super::convert::{instant, interval, order, timestamp};
use super::outlet::{Answers, pipe};
use super::proto::simulation_service_server::SimulationService;
use super::proto::{
    BuildRequest, CloseRequest, CloseResponse, GetSessionRequest, InitRequest, InjectRequest,
    ReadEventsRequest, ReadEventsResponse, ReadRequest, ReadResponse, RestoreRequest, RunRequest,
    SaveRequest, SaveResponse, Session, Sight, SimulatedEvent, StepRequest, StepUntilRequest, break_cabinet,
    inject_request,
};
use crate::caller::Caller;
use crate::problem::Problem;
use sim::engine::session::{BrokenPart, Event, Injection, Reading};
use sim::runs::RunError;
use sim::sessions::{Saved, SessionSight, Spot, Which};
use std::collections::BTreeMap;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval as every};
use tonic::{Request, Response, Status};
use twin::time::Time;

/// Most events of one answer.
const EVENTS_MAX: usize = 10_000;

fn refused(error: RunError) -> Status {
    Problem::from(error).into()
}

fn answer(seen: Result<SessionSight, RunError>) -> Result<Response<Session>, Status> {
    Ok(Response::new(seen.map_err(refused)?.into()))
}

impl Door {
    async fn go(&self, caller: &Caller, session: &str, to: Spot) -> Result<Response<Session>, Status> {
        answer(self.0.sessions()?.go(session, to, watch::Sender::new(Time(0)), caller.known()).await)
    }
}

#[tonic::async_trait]
impl SimulationService for Door {
    async fn build(&self, request: Request<BuildRequest>) -> Result<Response<Session>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let variant = Some(asked.variant).filter(|name| !name.is_empty());
        let which = Which { variant, replicate: asked.replicate };
        answer(self.0.sessions()?.build(order(asked.order)?, which, caller.known()).await)
    }

    async fn init(&self, request: Request<InitRequest>) -> Result<Response<Session>, Status> {
        let caller = self.caller(&request).await?;
        answer(self.0.sessions()?.init(&request.into_inner().session, caller.known()).await)
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Result<Response<Session>, Status> {
        let caller = self.caller(&request).await?;
        answer(self.0.sessions()?.view(&request.into_inner().session, caller.known()).await)
    }

    async fn step(&self, request: Request<StepRequest>) -> Result<Response<Session>, Status> {
        let caller = self.caller(&request).await?;
        let StepRequest { session, step_s } = request.into_inner();
        let step_ms = (step_s * 1e3).round();
        if !(1.0..=1e14).contains(&step_ms) {
            return Err(Problem::unfit("step_s", format!("{step_s} s is no step forward")).into());
        }
        self.go(&caller, &session, Spot::By(step_ms as i64)).await
    }

    async fn step_until(&self, request: Request<StepUntilRequest>) -> Result<Response<Session>, Status> {
        let caller = self.caller(&request).await?;
        let StepUntilRequest { session, until } = request.into_inner();
        let until = instant("until", until)?.ok_or_else(|| Problem::unfit("until", "is missing"))?;
        self.go(&caller, &session, Spot::At(until)).await
    }

    type RunStream = Answers<Session>;

    async fn run(&self, request: Request<RunRequest>) -> Result<Response<Self::RunStream>, Status> {
        let caller = self.caller(&request).await?;
        let RunRequest { session, until, interval_s } = request.into_inner();
        let to = instant("until", until)?.map_or(Spot::End, Spot::At);
        let mut ticks = every(interval("interval_s", interval_s, 0.5)?);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let sessions = self.0.sessions()?.clone();
        let mut seen: Session = sessions.view(&session, caller.known()).await.map_err(refused)?.into();
        let (mut outlet, answers) = pipe(&self.0);
        tokio::spawn(async move {
            let (tell, mut heard) = watch::channel(Time(0));
            let mut going = std::pin::pin!(sessions.go(&session, to, tell, caller.known()));
            loop {
                let put = tokio::select! {
                    done = &mut going => {
                        // The last word; nothing follows, whether it is taken or not.
                        let _ = match done {
                            Ok(done) => outlet.put(done.into()).await,
                            Err(error) => Err(outlet.end(refused(error))),
                        };
                        return;
                    }
                    _ = ticks.tick() => {
                        if !heard.has_changed().unwrap_or(false) {
                            continue;
                        }
                        seen.now = Some(timestamp(*heard.borrow_and_update()));
                        outlet.put(seen.clone()).await
                    }
                    // Who no longer listens does not want it to go on.
                    over = outlet.over() => Err(over),
                };
                if put.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(answers))
    }

    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let caller = self.caller(&request).await?;
        let asked = request.into_inner();
        let read = self.0.sessions()?.read(&asked.session, caller.known()).await;
        let (now, readings) = read.map_err(refused)?;
        Ok(Response::new(ReadResponse { now: Some(timestamp(now)), sights: sights(readings, &asked) }))
    }

    async fn read_events(
        &self,
        request: Request<ReadEventsRequest>,
    ) -> Result<Response<ReadEventsResponse>, Status> {
        let caller = self.caller(&request).await?;
        let ReadEventsRequest { session, from } = request.into_inner();
        let from = instant("from", from)?.unwrap_or(Time(i64::MIN));
        let events = self.0.sessions()?.events(&session, from, caller.known()).await.map_err(refused)?;
        let more = events.len() > EVENTS_MAX;
        let events = events.into_iter().take(EVENTS_MAX).map(happened).collect();
        Ok(Response::new(ReadEventsResponse { events, more }))
    }

    async fn inject(&self, request: Request<InjectRequest>) -> Result<Response<Session>, Status> {
        let caller = self.caller(&request).await?;
        let InjectRequest { session, what } = request.into_inner();
        answer(self.0.sessions()?.inject(&session, injection(what)?, caller.known()).await)
    }

    async fn save(&self, request: Request<SaveRequest>) -> Result<Response<SaveResponse>, Status> {
        let caller = self.caller(&request).await?;
        let saved = self.0.sessions()?.save(&request.into_inner().session, caller.known()).await;
        let saved = saved.map_err(refused)?;
        let at = Some(timestamp(saved.at()));
        Ok(Response::new(SaveResponse { saved: saved.bytes().map_err(refused)?.into(), at }))
    }

    async fn restore(&self, request: Request<RestoreRequest>) -> Result<Response<Session>, Status> {
        let caller = self.caller(&request).await?;
        let RestoreRequest { saved, session } = request.into_inner();
        let saved = Saved::read(&saved).map_err(refused)?;
        let session = Some(session.as_str()).filter(|session| !session.is_empty());
        answer(self.0.sessions()?.restore(session, saved, caller.known()).await)
    }

    async fn close(&self, request: Request<CloseRequest>) -> Result<Response<CloseResponse>, Status> {
        let caller = self.caller(&request).await?;
        let figures = self.0.sessions()?.close(&request.into_inner().session, caller.known()).await;
        let figures = figures.map_err(refused)?.into_iter();
        let figures = figures.map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(Response::new(CloseResponse { figures }))
    }
}

/// Readings gathered by what they are of, as far as they were asked for.
fn sights(readings: Vec<Reading>, asked: &ReadRequest) -> Vec<Sight> {
    let wanted = |list: &[String], name: &str| list.is_empty() || list.iter().any(|one| one == name);
    let mut sights: Vec<Sight> = Vec::new();
    for Reading { subject, metric, value } in readings {
        let is_asked = wanted(&asked.kinds, subject.kind)
            && wanted(&asked.ids, &subject.id)
            && wanted(&asked.metrics, metric);
        if !is_asked {
            continue;
        }
        match sights.last_mut() {
            Some(last) if last.id == subject.id && last.kind == subject.kind => {
                last.values.insert(metric.to_owned(), value);
            }
            _ => sights.push(Sight {
                kind: subject.kind.to_owned(),
                id: subject.id,
                values: BTreeMap::from([(metric.to_owned(), value)]),
            }),
        }
    }
    sights
}

fn happened(event: Event) -> SimulatedEvent {
    SimulatedEvent {
        at: Some(timestamp(event.at)),
        event: event.event.to_owned(),
        kind: event.subject.kind.to_owned(),
        id: event.subject.id,
        other: event.other.map(|other| other.id).unwrap_or_default(),
        value: event.value,
    }
}

fn injection(what: Option<inject_request::What>) -> Result<Injection, Problem> {
    match what {
        None => Err(Problem::unfit("what", "is missing")),
        Some(inject_request::What::BreakCabinet(broken)) => {
            let part = match broken.part {
                Some(break_cabinet::Part::Whole(true)) => BrokenPart::Cabinet,
                Some(break_cabinet::Part::Slot(slot)) => BrokenPart::Slot(slot),
                Some(break_cabinet::Part::Charger(slot)) => BrokenPart::Charger(slot),
                Some(break_cabinet::Part::Whole(false)) | None => {
                    return Err(Problem::unfit("part", "names no part"));
                }
            };
            Ok(Injection::Break { cabinet: broken.cabinet, part, repair_h: broken.repair_h })
        }
        Some(inject_request::What::LoadPack(load)) => Ok(Injection::Load {
            pack: load.pack,
            power_w: load.power_w,
            duration_s: load.duration_s,
            warmer_c: load.warmer_c,
        }),
    }
}
