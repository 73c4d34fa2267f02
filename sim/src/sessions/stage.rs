//! One session on its thread.

use super::{Phase, Saved, SessionSight, Which};
use crate::engine::model::VariantModel;
use crate::engine::session::Session;
use crate::engine::{self};
use crate::runs::{Order, RunError, step_back};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{mpsc, oneshot};
use twin::time::Time;
use uuid::Uuid;

/// Calls that may wait for a session.
const WAITING: usize = 4;
/// Stack of a session's thread.
const STACK_BYTES: usize = 8 << 20;

/// Where to go on to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// So much further [ms].
    By(i64),
    /// To this instant.
    At(Time),
    /// To the end.
    End,
}

/// A world and what it was built from.
pub(super) struct Stage {
    order: Order,
    scenario: String,
    variants: Vec<String>,
    twins: BTreeMap<String, u64>,
    model: Arc<VariantModel>,
    replicate: u32,
    session: Option<Session>,
}

impl Stage {
    /// Checks an order and makes one of its variants ready.
    pub(super) fn build(
        order: Order,
        which: Which,
        files: Option<&Path>,
        twin_days_max: f64,
    ) -> Result<Self, RunError> {
        let mut plan = order.plan(files, twin_days_max)?;
        let variants: Vec<String> = plan.variants.iter().map(|variant| variant.name.clone()).collect();
        let wanted = which.variant.unwrap_or_else(|| variants[0].clone());
        if which.replicate >= plan.base.replicates {
            let why = format!("{} is not below {}", which.replicate, plan.base.replicates);
            return Err(RunError::unfit("replicate", why));
        }
        plan.variants.retain(|variant| variant.name == wanted);
        if plan.variants.is_empty() {
            return Err(RunError::unfit("variant", format!("{wanted:?} is none of {}", variants.join(", "))));
        }
        let models = engine::prepare(&plan).map_err(|error| RunError::Prepare(Box::new(error)))?;
        Ok(Self {
            order,
            scenario: plan.base.name.clone(),
            variants,
            twins: plan.twin_counts().into_iter().map(|(kind, count)| (kind.to_owned(), count)).collect(),
            model: models[0].clone(),
            replicate: which.replicate,
            session: None,
        })
    }

    pub(super) fn sight(&self, id: Uuid) -> SessionSight {
        let now = self.session.as_ref().map_or(self.model.start, Session::now);
        SessionSight {
            id,
            scenario: self.scenario.clone(),
            variants: self.variants.clone(),
            variant: self.model.name.clone(),
            replicate: self.replicate,
            twins: self.twins.clone(),
            start: self.model.start,
            end: self.model.end,
            now,
            phase: match &self.session {
                None => Phase::Built,
                Some(_) if now >= self.model.end => Phase::Ended,
                Some(_) => Phase::Ready,
            },
            injections: self.session.as_ref().map_or(0, |session| session.log().len()),
        }
    }

    pub(super) fn init(&mut self) {
        self.session = Some(Session::init(self.model.clone(), self.replicate));
    }

    pub(super) fn session(&mut self) -> Result<&mut Session, RunError> {
        let missing = || RunError::State("the session is not initialised".to_owned());
        self.session.as_mut().ok_or_else(missing)
    }

    pub(super) fn go(&mut self, to: Spot, goes_on: impl FnMut(Time) -> bool) -> Result<(), RunError> {
        let session = self.session()?;
        let now = session.now();
        let until = match to {
            Spot::By(ms) if ms < 1 => {
                return Err(RunError::unfit("step", format!("{ms} ms is no step forward")));
            }
            Spot::By(ms) => Time(now.0.saturating_add(ms)),
            Spot::At(at) if at < now => {
                let text = host::platform::sight::rfc3339;
                let why = format!("{} lies before {}, where the session is", text(at), text(now));
                return Err(RunError::unfit("until", why));
            }
            Spot::At(at) => at,
            Spot::End => session.end(),
        };
        session.run_until(until, goes_on);
        Ok(())
    }

    pub(super) fn save(&mut self) -> Result<Saved, RunError> {
        let (order, variant, replicate) = (self.order.clone(), self.model.name.clone(), self.replicate);
        let session = self.session()?;
        Ok(Saved::new(order, variant, replicate, session.now().0, session.log().to_vec()))
    }

    /// Comes to a saved instant by running again.
    pub(super) fn replay(
        &mut self,
        saved: &Saved,
        goes_on: impl FnMut(Time) -> bool,
    ) -> Result<(), RunError> {
        let until = Time(saved.at_ms);
        let session = Session::replay(self.model.clone(), saved.replicate, &saved.log, until, goes_on)?;
        self.session = Some(session.ok_or_else(|| RunError::State("nobody waited for it".to_owned()))?);
        Ok(())
    }

    /// Key figures of the world up to now; it is gone then.
    pub(super) fn conclude(&mut self) -> BTreeMap<&'static str, f64> {
        self.session.take().map(|session| session.conclude().figures).unwrap_or_default()
    }
}

/// Whether somebody still waits for an answer.
#[derive(Debug, Clone)]
pub(super) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    pub(super) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Says that nobody waits any more.
struct Waiting(Wanted);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

type Call = Box<dyn FnOnce(&mut Stage) + Send>;

/// The thread of a session; it ends when this is dropped and what it does is done.
#[derive(Debug)]
pub(super) struct Thread {
    calls: mpsc::Sender<Call>,
    busy: Arc<AtomicUsize>,
}

impl Thread {
    /// Starts it.
    pub(super) fn start(mut stage: Stage) -> io::Result<Self> {
        let (calls, mut inbox) = mpsc::channel::<Call>(WAITING);
        let thread = std::thread::Builder::new().name("session".to_owned()).stack_size(STACK_BYTES);
        thread.spawn(move || {
            step_back();
            while let Some(call) = inbox.blocking_recv() {
                call(&mut stage);
            }
        })?;
        Ok(Self { calls, busy: Arc::default() })
    }

    /// Whether something is asked of it.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    /// Does something with the session. Who no longer waits for it can be told by the second argument.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Stage, &Wanted) -> Result<T, RunError> + Send + 'static,
    ) -> Result<T, RunError> {
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let _waiting = Waiting(wanted.clone());
        let (done, answer) = oneshot::channel();
        let busy = Busy::one_more(&self.busy);
        let call: Call = Box::new(move |stage| {
            let _busy = busy;
            if wanted.is_wanted() {
                // Nobody waits for the answer any more only when the call was given up.
                let _ = done.send(call(stage, &wanted));
            }
        });
        self.calls.try_send(call).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                RunError::Full("the session has calls enough that wait".to_owned())
            }
            mpsc::error::TrySendError::Closed(_) => RunError::Lost,
        })?;
        answer.await.map_err(|_| RunError::Lost)?
    }
}

/// Counts what is asked of a thread.
struct Busy(Arc<AtomicUsize>);

impl Busy {
    fn one_more(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
