//! Operations that take their time: accepted, done beside, their answers kept for a while.
//!
//! ```text
//! accepted ──► record (pending), body ──► desk ──► running ──► Doer: as if it were asked now ──► completed | failed
//!                 ▲                                   │                 │                          └─ seven days ─► gone
//!                 └────────── a start after a stop ◄──┘                 └─ Step: each change that it makes, once
//! ```
//!
//! What was accepted is done: an operation that a stop or a crash cut short is done again at the next start, and the steps
//! of it that were done are not. It is done with the rights that whoever asked had then. How a request is answered is the
//! doors' matter.

use super::outward::{COMPLETED, FAILED};
use super::{Notices, PassportError, Passports};
use crate::identity::{Action, Caller, policy};
use crate::store::file;
use crate::store::ledger::{self, Fact, sortable};
use crate::store::records::{By, Collection, Expect, Indexed, Record, RecordChange, Versioned, Within};
use crate::store::{Store, StoreError};
use crate::webhook::Soon;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use twin::time::{DAY_MS, Time};
use uuid::Uuid;

/// Operations that are done at once.
const AT_ONCE: usize = 2;
/// Operations of one caller that may be under way.
const OPEN_MAX: usize = 20;
/// Operations that are read at a time.
const PAGE: usize = 200;
/// How often one is begun before it is given up: what breaks the process must not do so at every start for ever.
const TRIES: u32 = 10;
/// Longest answer.
const ANSWER_MAX_BYTES: usize = 64 << 20;
/// How long an answer is kept [ms].
const KEPT_MS: i64 = 7 * DAY_MS;
/// How often it is looked for answers that are no longer kept.
const SWEEP: Duration = Duration::from_secs(60);

/// A request that is to be answered later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `POST`.
    pub method: String,
    /// Path and query, within the family.
    pub target: String,
    /// What stands around it and matters to the answer, by name.
    pub headers: Vec<(String, String)>,
    /// What it says.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Its code in whatever carries it; from 400 on it is a refusal.
    pub status: u16,
    /// What stands around it and is kept, by name.
    pub headers: Vec<(String, String)>,
    /// What it says.
    pub body: Vec<u8>,
}

/// Whoever answers requests.
pub trait Doer: Send + Sync + Debug {
    /// Answers one for the caller of an operation, as if it were asked now. Changes that it makes are steps of the
    /// operation.
    fn perform(&self, operation: &Operation, asked: Asked) -> Soon<Done>;
}

/// How an operation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationState {
    /// It is accepted.
    Pending,
    /// It is being done.
    Running,
    /// It was done.
    Completed,
    /// It was refused, or could not be done.
    Failed,
}

impl OperationState {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

/// An operation that takes its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its name.
    pub id: Arc<str>,
    /// Who asked.
    pub caller: Caller,
    /// How: `POST`.
    pub method: String,
    /// For what: path and query.
    pub target: String,
    /// What stood around the request.
    pub headers: Vec<(String, String)>,
    /// Bytes of the request's body.
    pub body_bytes: usize,
    /// How it stands.
    pub state: OperationState,
    /// How often it was begun.
    pub tries: u32,
    /// When it was accepted.
    pub created: Time,
    /// When it was begun last.
    pub started: Option<Time>,
    /// When it was over.
    pub finished: Option<Time>,
    /// Until when its answer is kept.
    pub expires: Option<Time>,
    /// Code of the answer.
    pub status: Option<u16>,
    /// What stood around the answer.
    pub answer_headers: Vec<(String, String)>,
    /// Bytes of the answer.
    pub answer_bytes: usize,
    /// What a refusal says.
    pub error: Option<Value>,
}

impl Record for Operation {
    const COLLECTION: &'static str = "passport_operations";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.as_ref().to_owned()
    }

    fn indexed(&self) -> Indexed {
        match self.expires {
            _ if self.state.is_open() => {
                let by = self.caller.name();
                Indexed::default().shared("open", sortable(self.created)).shared("open_of", by.as_bytes())
            }
            Some(expires) => Indexed::default().shared("expires", sortable(expires)),
            None => Indexed::default(),
        }
    }
}

impl Operation {
    /// The event that tells of its end.
    pub(super) fn told_as(&self) -> Option<&'static str> {
        match self.state {
            OperationState::Completed => Some(COMPLETED),
            OperationState::Failed => Some(FAILED),
            _ => None,
        }
    }

    /// Name of one of its steps.
    pub fn step(id: &str, number: usize) -> String {
        format!("{id}/{number:05}")
    }

    fn body_file(&self) -> String {
        format!("operation/{}/body", self.id)
    }

    fn answer_file(&self) -> String {
        format!("operation/{}/answer", self.id)
    }
}

/// A step of an operation that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    pub(super) step: String,
    pub(super) passport_id: String,
}

impl Record for Step {
    const COLLECTION: &'static str = "passport_operation_steps";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.step.clone()
    }
}

/// Operations on passports that take their time. Clones are the same.
#[derive(Debug, Clone)]
pub struct Operations(Arc<Inner>, #[allow(dead_code, reason = "held for its end")] Arc<Sweeper>);

#[derive(Debug)]
struct Inner {
    passports: Passports,
    notices: Notices,
    doer: OnceLock<Arc<dyn Doer>>,
    desk: Semaphore,
    /// Those that somebody looks after.
    under_way: Mutex<HashSet<Arc<str>>>,
}

/// The task that looks for answers that are no longer kept; it ends with the last clone.
#[derive(Debug)]
struct Sweeper(JoinHandle<()>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn sweep(inner: Weak<Inner>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        let Some(inner) = inner.upgrade() else { return };
        if let Err(error) = inner.sweep().await {
            tracing::warn!(%error, "old operations could not be looked for; once more in a minute");
        }
    }
}

/// Does an operation, unless somebody does.
fn look_after(inner: &Arc<Inner>, id: Arc<str>) {
    let is_new = inner.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
    if !is_new {
        return;
    }
    let inner = inner.clone();
    tokio::spawn(async move {
        if let Ok(_desk) = inner.desk.acquire().await
            && let Err(error) = inner.done(&id).await
        {
            tracing::warn!(operation = %id, %error, "an operation could not be kept; it is done again at the next start");
        }
        inner.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    });
}

impl Inner {
    fn store(&self) -> &dyn Store {
        self.passports.platform().store().as_ref()
    }

    fn now(&self) -> Time {
        self.passports.now()
    }

    fn all(&self) -> Collection<'_, Operation, dyn Store + '_> {
        Collection::of(self.store())
    }

    async fn keep(
        &self,
        id: &str,
        kind: &str,
        by: &str,
        detail: Value,
        records: Vec<RecordChange>,
    ) -> Result<(), StoreError> {
        let entity = format!("operation/{id}");
        let fact = Fact { entity: &entity, kind, by, at: self.now(), detail };
        ledger::keep(self.store(), fact, records).await.map(drop)
    }

    /// Does an operation that is open.
    async fn done(&self, id: &str) -> Result<(), PassportError> {
        let Some(Versioned { value: mut operation, version }) = self.all().get(id).await? else {
            return Ok(());
        };
        let Some(doer) = self.doer.get().filter(|_| operation.state.is_open()) else { return Ok(()) };
        operation.state = OperationState::Running;
        operation.tries += 1;
        operation.started = Some(self.now());
        let put = RecordChange::put(&operation, Expect::Version(version))?;
        let detail = json!({ "try": operation.tries });
        self.keep(id, "operation.started", "platform", detail, vec![put]).await?;
        let done = if operation.tries > TRIES {
            broken(&format!("it broke off {TRIES} times"))
        } else {
            let body = file::read(self.store(), &operation.body_file(), operation.body_bytes).await?;
            let asked = Asked {
                method: operation.method.clone(),
                target: operation.target.clone(),
                headers: operation.headers.clone(),
                body: body.unwrap_or_default(),
            };
            // Apart, so that a mistake in it ends no more than it.
            tokio::spawn(doer.perform(&operation, asked)).await.unwrap_or_else(|_| broken("it broke off"))
        };
        self.over(operation, version + 1, done).await
    }

    /// Keeps what became of an operation, and tells of it.
    async fn over(&self, operation: Operation, version: u64, done: Done) -> Result<(), PassportError> {
        let done = match done.body.len() {
            0..=ANSWER_MAX_BYTES => done,
            length => {
                broken(&format!("the answer takes {length} bytes, at most {ANSWER_MAX_BYTES} are kept"))
            }
        };
        let now = self.now();
        let is_good = done.status < 400;
        let operation = Operation {
            state: if is_good { OperationState::Completed } else { OperationState::Failed },
            finished: Some(now),
            expires: Some(now + KEPT_MS),
            status: Some(done.status),
            answer_headers: done.headers,
            answer_bytes: done.body.len(),
            error: (!is_good).then(|| serde_json::from_slice(&done.body).unwrap_or_default()),
            ..operation
        };
        let mut records = vec![RecordChange::put(&operation, Expect::Version(version))?];
        records.extend(file::written(&operation.answer_file(), &done.body)?);
        records.extend(file::deleted(&operation.body_file(), operation.body_bytes));
        records.extend(self.steps(&operation.id).await?);
        let prepared = self.notices.of_operation(&operation).unwrap_or_default();
        records.extend(prepared.records()?);
        let kind = operation.told_as().unwrap_or(FAILED);
        let detail = json!({ "status": done.status, "bytes": operation.answer_bytes });
        self.keep(&operation.id, kind, "platform", detail, records).await?;
        self.notices.release(prepared);
        Ok(())
    }

    /// The end of an operation's steps.
    async fn steps(&self, id: &str) -> Result<Vec<RecordChange>, StoreError> {
        let steps = Collection::<Step, _>::of(self.store());
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let within = Within::Prefix(format!("{id}/").into_bytes());
            let (page, next) = steps.page(By::Key, within, PAGE, after).await?;
            let ends = page.into_iter().map(|step| (step.value.step, step.version));
            all.extend(
                ends.map(|(key, version)| RecordChange::delete::<Step>(key, Expect::Version(version))),
            );
            match next {
                Some(next) => after = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Operations whose answers are no longer kept go.
    async fn sweep(&self) -> Result<(), PassportError> {
        let due = Within::Range(vec![0; 8], sortable(self.now() + 1).to_vec());
        let (due, _) = self.all().page(By::Index("expires".to_owned()), due, PAGE, None).await?;
        for Versioned { value: operation, version } in due {
            let key = operation.key();
            let mut records = vec![RecordChange::delete::<Operation>(key, Expect::Version(version))];
            records.extend(file::deleted(&operation.answer_file(), operation.answer_bytes));
            self.keep(&operation.id, "operation.expired", "platform", Value::Null, records).await?;
        }
        Ok(())
    }
}

/// What is answered where nothing is.
fn broken(why: &str) -> Done {
    let body = json!({ "error": { "code": "INTERNAL_ERROR", "message": why, "statusCode": 500 } });
    Done { status: 500, headers: Vec::new(), body: body.to_string().into_bytes() }
}

/// Whether somebody may ask anything of passports that takes its time; each operation is looked at by itself as well.
fn may_ask(caller: &Caller) -> Result<(), PassportError> {
    let read = policy::may_at_all(caller, Action::PassportRead);
    let others = [Action::PassportRegister, Action::PassportRecycle];
    if others.into_iter().any(|action| policy::may_at_all(caller, action).is_ok()) {
        return Ok(());
    }
    Ok(read?)
}

impl Operations {
    /// Operations on passports, which are told of like the passports. They are done once there is a [`Doer`]. Within a
    /// tokio runtime.
    pub fn open(notices: Notices) -> Self {
        let inner = Arc::new(Inner {
            passports: notices.passports().clone(),
            notices,
            doer: OnceLock::new(),
            desk: Semaphore::new(AT_ONCE),
            under_way: Mutex::default(),
        });
        let sweeper = tokio::spawn(sweep(Arc::downgrade(&inner)));
        Self(inner, Arc::new(Sweeper(sweeper)))
    }

    /// Who is told of their ends.
    pub fn notices(&self) -> &Notices {
        &self.0.notices
    }

    /// Lets operations be done from now on, those first that were left under way.
    pub fn begin(&self, doer: Arc<dyn Doer>) {
        if self.0.doer.set(doer).is_err() {
            return;
        }
        let inner = self.0.clone();
        tokio::spawn(async move {
            let mut after = None;
            loop {
                let open = inner.all().page(By::Index("open".to_owned()), Within::All, PAGE, after).await;
                match open {
                    Ok((page, next)) => {
                        page.into_iter().for_each(|open| look_after(&inner, open.value.id));
                        let Some(next) = next else { return };
                        after = Some(next);
                    }
                    Err(error) => {
                        tracing::error!(%error, "operations that were left under way wait for the next start");
                        return;
                    }
                }
            }
        });
    }

    /// Accepts a request that is to be answered later.
    ///
    /// # Errors
    /// When the caller may not, or has too many under way.
    pub async fn accept(&self, caller: &Caller, asked: Asked) -> Result<Operation, PassportError> {
        may_ask(caller)?;
        let inner = &self.0;
        let by = caller.name();
        let within = Within::Exactly(by.as_bytes().to_vec());
        let (open, _) = inner.all().page(By::Index("open_of".to_owned()), within, OPEN_MAX, None).await?;
        if open.len() >= OPEN_MAX {
            return Err(PassportError::state(format!("{OPEN_MAX} operations are under way already")));
        }
        let operation = Operation {
            id: format!("OP-{}", Uuid::new_v4().simple()).into(),
            caller: caller.clone(),
            method: asked.method,
            target: asked.target,
            headers: asked.headers,
            body_bytes: asked.body.len(),
            state: OperationState::Pending,
            tries: 0,
            created: inner.now(),
            started: None,
            finished: None,
            expires: None,
            status: None,
            answer_headers: Vec::new(),
            answer_bytes: 0,
            error: None,
        };
        let mut records = vec![ledger::new(&operation)?];
        records.extend(file::written(&operation.body_file(), &asked.body)?);
        let detail = json!({ "method": operation.method, "target": operation.target });
        inner.keep(&operation.id, "operation.accepted", &by, detail, records).await?;
        if inner.doer.get().is_some() {
            look_after(inner, operation.id.clone());
        }
        Ok(operation)
    }

    /// How an operation stands, for whoever asked for it.
    ///
    /// # Errors
    /// When there is none, or no longer.
    pub async fn operation(&self, caller: &Caller, id: &str) -> Result<Operation, PassportError> {
        may_ask(caller)?;
        let absent = || PassportError::Absent(format!("there is no operation {id}"));
        if id.is_empty() || id.len() > 100 {
            return Err(absent());
        }
        let found = self.0.all().get(id).await?.map(|found| found.value);
        // An answer may hold what others of the organisation may not see.
        let is_own = |one: &Operation| one.caller.name() == caller.name();
        let is_kept = |one: &Operation| one.expires.is_none_or(|expires| self.0.now() < expires);
        found.filter(|one| is_own(one) && is_kept(one)).ok_or_else(absent)
    }

    /// What an operation was answered, for whoever asked for it.
    ///
    /// # Errors
    /// When there is none, it is not there yet, or it was refused.
    pub async fn answer(&self, caller: &Caller, id: &str) -> Result<(Operation, Vec<u8>), PassportError> {
        let operation = self.operation(caller, id).await?;
        match operation.state {
            OperationState::Completed => {}
            OperationState::Failed => {
                return Err(PassportError::state(format!("operation {id} failed; `error` of it says why")));
            }
            state => return Err(PassportError::state(format!("operation {id} is {}", state.as_str()))),
        }
        let answer = file::read(self.0.store(), &operation.answer_file(), operation.answer_bytes).await?;
        let answer = answer.ok_or_else(|| PassportError::Absent(format!("there is no operation {id}")))?;
        Ok((operation, answer))
    }
}
