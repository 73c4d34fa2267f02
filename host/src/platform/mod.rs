//! The application: what a caller can want of the live twins.
//!
//! ```text
//!  doors ──► Platform ──name──► registry ──► Residents ──first touch──► record, snapshot, replay
//!                 │                              └──► LiveTwin in its actor ──► store ──► news, orders
//!                 └──► agenda: silence, commands without an answer
//! ```
//!
//! One method per thing that a caller can want. Twins sleep in the store until somebody touches them, and again when
//! nobody did for a while.

mod agenda;
pub mod alerts;
pub mod bus;
mod cells;
pub mod clock;
pub mod command;
pub mod door;
mod doors;
mod error;
mod facts;
pub mod fault;
pub mod fleet;
mod forecast;
mod happening;
mod history;
mod live;
mod look;
pub mod monitor;
mod names;
mod notes;
mod once;
pub mod registry;
mod residents;
pub mod sight;

pub use doors::PlatformDoor;
pub use error::{ErrorKind, PlatformError};
pub use forecast::{AssumedUse, LifePoint, LifeSight};
pub use history::{EventSight, History, Series};
pub use once::{Once, OnceAnswer};
pub use registry::{Alias, NewTwin, Spec, Stated, TwinId, TwinRecord, Which};

use crate::actor::Stage;
use crate::identity::Vault;
use crate::store::snapshot::Snapshot;
use crate::store::{Change, Receipt, Revision, Store};
use agenda::{Agenda, Due};
use alerts::AlertRecord;
use bus::Bus;
use cells::Cells;
use clock::Clock;
use command::{CommandRecord, NewCommand};
use door::{Kind, Order, Report};
use facts::Draft;
use live::LiveTwin;
use residents::Residents;
use serde_json::{Map, Value};
use sight::Sight;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use twin::live::alert::Rules;
use twin::time::Time;
use uuid::Uuid;

/// Orders that an edge may be behind before it misses some.
const ORDERS_BEHIND: usize = 4_096;

/// How a platform is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads for twins.
    pub threads: usize,
    /// What time it is.
    pub clock: Clock,
    /// What raises alerts.
    pub rules: Rules,
    /// After so long without a word a battery, vessel or facility is offline [s].
    pub silence_s: f64,
    /// And a cabinet [s].
    pub cabinet_silence_s: f64,
    /// Commands of one twin that may wait for an answer.
    pub commands_open_max: usize,
    /// A twin that nobody wanted anything of for so long sleeps in the store until somebody does.
    pub sleep_after: Duration,
    /// Most twins that are awake; beyond that those sleep that were wanted least lately.
    pub awake_max: usize,
    /// Hardware that is simulated and can be made faulty; none where all of it is real.
    pub simulated: Option<fault::Simulated>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 2,
            clock: Clock::wall(),
            rules: Rules::shipped(),
            silence_s: 900.0,
            cabinet_silence_s: 300.0,
            commands_open_max: 64,
            sleep_after: Duration::from_secs(900),
            awake_max: 250_000,
            simulated: None,
        }
    }
}

/// What the platform and its twins share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    rules: Rules,
    bus: Bus,
    orders: broadcast::Sender<Order>,
    agenda: Agenda,
    cells: Cells,
    notes: notes::Notes,
    roll: monitor::Roll,
    /// Health of batteries as their twins believed it last.
    healths: RwLock<HashMap<TwinId, f32>>,
    /// Forecasts that were asked for lately.
    foreseen: forecast::Foreseen,
    /// What cabinets did, as far as somebody asked.
    logs: fleet::Logs,
    /// Whoever sets slots, one after another.
    slots_turn: tokio::sync::Mutex<()>,
    /// When it was last seen that everything works.
    checked: tokio::sync::Mutex<Option<tokio::time::Instant>>,
    /// Seals answers that are given again.
    vault: tokio::sync::OnceCell<Vault>,
    options: Options,
}

impl Core {
    fn silence_ms(&self, kind: Kind) -> i64 {
        let seconds = match kind {
            Kind::Cabinet => self.options.cabinet_silence_s,
            Kind::Battery | Kind::Vessel | Kind::Facility => self.options.silence_s,
        };
        (seconds * 1e3) as i64
    }

    /// Whether an edge listens for orders.
    fn is_anybody_told(&self) -> bool {
        self.orders.receiver_count() > 0
    }

    fn send(&self, order: Order) {
        // Where no edge listens, nobody can be told; commands then time out.
        let _ = self.orders.send(order);
    }

    /// A command, settled or not.
    async fn command(&self, id: &str) -> Result<Option<CommandRecord>, PlatformError> {
        let commands = crate::store::records::Collection::<CommandRecord, _>::of(self.store.as_ref());
        Ok(commands.get(id).await?.map(|command| command.value))
    }
}

/// How long a look at whether the platform can do its work is good for.
const CHECKED_FOR: Duration = Duration::from_secs(1);

/// What is written to see whether the store takes anything: a snapshot of nothing, always the same one.
const PROBE: &str = "platform-ready";

/// The live twins. Clones are the same platform.
#[derive(Debug, Clone)]
pub struct Platform {
    core: Arc<Core>,
    residents: Arc<Residents>,
    ticker: Arc<Ticker>,
}

/// The task that looks after what is due; it ends with the platform.
#[derive(Debug)]
struct Ticker(JoinHandle<()>);

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Platform {
    /// Starts a platform over a store. Within a tokio runtime.
    ///
    /// # Errors
    /// When threads cannot be started or the store not be read.
    pub async fn start(store: Arc<dyn Store>, options: Options) -> Result<Self, PlatformError> {
        let broken = |error: io::Error| {
            PlatformError::Store(crate::store::StoreError::Failed {
                why: format!("no threads for twins: {error}"),
            })
        };
        let stage = Stage::start(options.threads).map_err(broken)?;
        let core = Arc::new(Core {
            store,
            clock: options.clock.clone(),
            rules: options.rules.clone(),
            bus: Bus::default(),
            orders: broadcast::Sender::new(ORDERS_BEHIND),
            agenda: Agenda::default(),
            cells: Cells::default(),
            notes: notes::Notes::default(),
            roll: monitor::Roll::default(),
            healths: RwLock::default(),
            foreseen: forecast::Foreseen::default(),
            logs: fleet::Logs::default(),
            slots_turn: tokio::sync::Mutex::default(),
            checked: tokio::sync::Mutex::default(),
            vault: tokio::sync::OnceCell::new(),
            options,
        });
        let residents = Arc::new(Residents::new(core.clone(), stage));
        residents.note_open_commands().await?;
        let ticker = tokio::spawn(look_after(core.clone(), residents.clone()));
        Ok(Self { core, residents, ticker: Arc::new(Ticker(ticker)) })
    }

    /// Registers a twin.
    ///
    /// # Errors
    /// What is wrong with it, or that a name is taken.
    pub async fn create(&self, new: NewTwin, by: &str) -> Result<Sight, PlatformError> {
        let id = TwinId::new(self.core.clock.now());
        self.created(id, new, by, Change::default()).await.map(|(seen, _)| seen)
    }

    /// The same together with what belongs to it elsewhere: all of it is there, or nothing.
    ///
    /// # Errors
    /// What is wrong with it, that a name is taken, or that what belongs to it cannot be.
    pub(crate) async fn create_beside(
        &self,
        new: NewTwin,
        by: &str,
        beside: impl FnOnce(TwinId) -> Result<Change, PlatformError>,
    ) -> Result<(TwinId, Receipt), PlatformError> {
        let id = TwinId::new(self.core.clock.now());
        let (_, receipt) = self.created(id, new, by, beside(id)?).await?;
        Ok((id, receipt))
    }

    async fn created(
        &self,
        id: TwinId,
        new: NewTwin,
        by: &str,
        beside: Change,
    ) -> Result<(Sight, Receipt), PlatformError> {
        let now = self.core.clock.now();
        let record = TwinRecord {
            id,
            kind: new.kind,
            name: new.name,
            aliases: new.aliases,
            spec: new.spec,
            labels: new.labels,
            stated: registry::Stated::default(),
            desired: Map::new(),
            reported: Map::new(),
            organisation: new.organisation,
            created_at: now,
            changed_at: now,
            retired_at: None,
        };
        record.check()?;
        let facts = facts::Facts {
            entity: record.id.entity(),
            subject: facts::subject(&record.spec, &self.core.cells)?,
            record: Arc::new(record.clone()),
            version: 0,
            revision: Revision(0),
            kept: facts::Kept::default(),
            alerts: Vec::new(),
            commands: Vec::new(),
        };
        let mut draft = Draft::of(&facts);
        draft.fact("twin.created", now, by, &record)?;
        draft.set_record(record)?;
        let mut change = beside;
        change.entries.append(&mut draft.change.entries);
        change.records.append(&mut draft.change.records);
        let receipt = self.core.store.commit(change).await.map_err(registry::taken)?;
        self.core.roll.note(&draft.facts.record);
        self.residents.forget_names();
        let data = serde_json::json!({ "name": draft.facts.record.name });
        self.core.bus.tell(draft.facts.record.id, draft.facts.record.kind, now, "twin.created", data);
        Ok((Sight::of(&draft.facts, now), receipt))
    }

    /// The store that twins are kept in, for what is kept beside them.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.core.store
    }

    /// Tells whoever listens what happened to a battery beside its twin.
    pub(crate) fn tell(&self, twin: TwinId, at: Time, event: &str, data: Value) {
        self.core.bus.tell(twin, Kind::Battery, at, event, data);
    }

    /// Looks at the health of batteries as their twins believed it last, of those that were awake. Not across an await.
    pub(crate) fn with_healths<R>(&self, look: impl FnOnce(&HashMap<TwinId, f32>) -> R) -> R {
        look(&self.core.healths.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes name, names outside, specification or labels; what is not given stays.
    ///
    /// # Errors
    /// What is wrong with it, or that a name is taken.
    pub async fn update(&self, id: TwinId, change: Update, by: &str) -> Result<Sight, PlatformError> {
        self.update_if(id, change, None, by).await
    }

    /// The same, where a revision is expected only as long as the twin stands at it.
    ///
    /// # Errors
    /// What is wrong with it, that a name is taken, or that somebody else changed it meanwhile.
    pub async fn update_if(
        &self,
        id: TwinId,
        change: Update,
        expected: Option<u64>,
        by: &str,
    ) -> Result<Sight, PlatformError> {
        let by = by.to_owned();
        let seen = self
            .residents
            .with(id, move |twin: &mut LiveTwin| {
                let (change, by) = (change.clone(), by.clone());
                Box::pin(async move {
                    twin.expect(expected)?;
                    twin.change(|record| change.apply(record), "twin.changed", &by).await
                })
            })
            .await?;
        self.residents.forget_names();
        Ok(seen)
    }

    /// Retires a twin: it takes nothing any more; what is known of it stays.
    ///
    /// # Errors
    /// When it is not there, or retired already.
    pub async fn retire(&self, id: TwinId, by: &str) -> Result<Sight, PlatformError> {
        self.retire_if(id, None, by).await
    }

    /// The same, where a revision is expected only as long as the twin stands at it.
    ///
    /// # Errors
    /// When it is not there, retired already, or at another revision.
    pub async fn retire_if(
        &self,
        id: TwinId,
        expected: Option<u64>,
        by: &str,
    ) -> Result<Sight, PlatformError> {
        let by = by.to_owned();
        let now = self.core.clock.now();
        let seen = self
            .residents
            .with(id, move |twin: &mut LiveTwin| {
                let by = by.clone();
                Box::pin(async move {
                    let retire = |record: &mut TwinRecord| {
                        record.retired_at = Some(now);
                        Ok(())
                    };
                    twin.expect(expected)?;
                    twin.change(retire, "twin.retired", &by).await
                })
            })
            .await?;
        self.residents.forget_names();
        Ok(seen)
    }

    /// Changes how the hardware shall be.
    ///
    /// # Errors
    /// When it is too much, or the twin is not there.
    pub async fn desire(
        &self,
        id: TwinId,
        change: Map<String, Value>,
        by: &str,
    ) -> Result<Sight, PlatformError> {
        self.desire_if(id, change, None, by).await
    }

    /// The same, where a revision is expected only as long as the twin stands at it.
    ///
    /// # Errors
    /// When it is too much, or the twin is not there or at another revision.
    pub async fn desire_if(
        &self,
        id: TwinId,
        change: Map<String, Value>,
        expected: Option<u64>,
        by: &str,
    ) -> Result<Sight, PlatformError> {
        let by = by.to_owned();
        self.residents
            .with(id, move |twin: &mut LiveTwin| {
                let (change, by) = (change.clone(), by.clone());
                Box::pin(async move {
                    twin.expect(expected)?;
                    twin.desire(change, &by).await
                })
            })
            .await
    }

    /// Gives a command.
    ///
    /// # Errors
    /// What is wrong with it, or that too many wait already.
    pub async fn command(
        &self,
        id: TwinId,
        new: NewCommand,
        by: &str,
    ) -> Result<CommandRecord, PlatformError> {
        let by = by.to_owned();
        self.residents
            .with(id, move |twin: &mut LiveTwin| {
                let (new, by) = (new.clone(), by.clone());
                Box::pin(async move { twin.command(new, &by).await })
            })
            .await
    }

    /// Takes a report of a twin's hardware; it is durable when this is answered.
    ///
    /// # Errors
    /// What is wrong with it, or why it could not be kept.
    pub async fn observe(&self, id: TwinId, report: Report, actor: &str) -> Result<(), PlatformError> {
        let actor = actor.to_owned();
        self.residents
            .with(id, move |twin: &mut LiveTwin| {
                let (report, actor) = (report.clone(), actor.clone());
                Box::pin(async move { twin.report(report, &actor).await })
            })
            .await
    }

    /// Takes what a person says that happened to the hardware, which was not heard by that.
    ///
    /// # Errors
    /// What is wrong with it, or why it could not be kept.
    pub async fn state(&self, id: TwinId, event: &str, detail: Value, by: &str) -> Result<(), PlatformError> {
        let (event, by) = (event.to_owned(), by.to_owned());
        self.residents
            .with(id, move |twin: &mut LiveTwin| {
                let (event, detail, by) = (event.clone(), detail.clone(), by.clone());
                Box::pin(async move { twin.stated(&event, detail, &by).await })
            })
            .await
    }

    /// Takes note of an alert.
    ///
    /// # Errors
    /// When there is none, or it was noted or resolved already.
    pub async fn acknowledge(
        &self,
        alert: &str,
        by: &str,
        note: Option<String>,
    ) -> Result<AlertRecord, PlatformError> {
        if note.as_ref().is_some_and(|note| note.chars().count() > 1_000) {
            return Err(PlatformError::unfit("note", "at most 1000 characters"));
        }
        let AlertRecord { id, twin, .. } = self.alert(alert).await?;
        let by = by.to_owned();
        self.residents
            .with(twin, move |twin: &mut LiveTwin| {
                let (by, note) = (by.clone(), note.clone());
                Box::pin(async move { twin.acknowledge(id, &by, note).await })
            })
            .await
    }

    /// Resolves an alert by hand.
    ///
    /// # Errors
    /// When there is none, or it was resolved already.
    pub async fn resolve(&self, alert: &str, by: &str) -> Result<AlertRecord, PlatformError> {
        let AlertRecord { id, twin, .. } = self.alert(alert).await?;
        let by = by.to_owned();
        self.residents
            .with(twin, move |twin: &mut LiveTwin| {
                let by = by.clone();
                Box::pin(async move { twin.resolve(id, &by).await })
            })
            .await
    }

    /// News from now on.
    pub fn listen(&self) -> broadcast::Receiver<Arc<bus::News>> {
        self.core.bus.listen()
    }

    /// News from now on that somebody wants. Whoever names twins is woken for theirs alone.
    pub fn listen_to(&self, filter: bus::Filter) -> bus::Listener {
        self.core.bus.listen_to(filter)
    }

    /// The platform's clock.
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Twins that are awake.
    pub fn awake(&self) -> usize {
        self.residents.count()
    }

    /// Whether it can do its work: the store takes and gives, and the twins' threads answer. Looked at once a second at
    /// most, whoever asks how often.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<(), PlatformError> {
        let mut checked = self.core.checked.lock().await;
        let now = tokio::time::Instant::now();
        if checked.is_some_and(|at| now - at < CHECKED_FOR) {
            return Ok(());
        }
        self.core.store.head().await?;
        let entity = crate::store::Entity::new(PROBE)?;
        let probe = Snapshot::of(entity, Revision(0), self.core.clock.now(), 1, &())?;
        let change = crate::store::Change { snapshots: vec![probe], ..Default::default() };
        self.core.store.commit(change).await?;
        self.residents.check().await?;
        *checked = Some(now);
        Ok(())
    }

    /// Looks at the whole chain of facts.
    ///
    /// # Errors
    /// When the store cannot be read; what is broken is in the answer.
    pub async fn audit(&self) -> Result<crate::store::journal::Audit, PlatformError> {
        Ok(self.core.store.audit().await?)
    }

    /// Takes no more work, writes snapshots and lets the twins go. What was accepted is durable already.
    pub async fn stop(&self, patience: Duration) {
        self.ticker.0.abort();
        self.residents.stop(patience).await;
    }
}

/// What is to be changed of a twin's registration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// What people call it; given as nothing it has no name.
    pub name: Option<Option<String>>,
    /// What it is called outside, all of it.
    pub aliases: Option<Vec<Alias>>,
    /// What it is of, all of it.
    pub spec: Option<Value>,
    /// What somebody wants to keep with it, all of it.
    pub labels: Option<BTreeMap<String, String>>,
}

impl Update {
    fn apply(self, record: &mut TwinRecord) -> Result<(), PlatformError> {
        if let Some(spec) = self.spec {
            record.spec = Spec::read(record.kind, spec)?;
        }
        if let Some(name) = self.name {
            record.name = name;
        }
        if let Some(aliases) = self.aliases {
            record.aliases = aliases;
        }
        if let Some(labels) = self.labels {
            record.labels = labels;
        }
        Ok(())
    }
}

/// Looks after twins, for as long as the platform is there: what is due, who may sleep, who was not heard.
async fn look_after(core: Arc<Core>, residents: Arc<Residents>) {
    let watch = async {
        if let Err(error) = residents.watch_all().await {
            tracing::warn!(%error, "twins that were not heard since the start are not watched for silence");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = tick(core, residents.clone()) => {}
        () = residents.tend() => {}
        () = watch => {}
    }
}

/// Looks after what is due.
async fn tick(core: Arc<Core>, residents: Arc<Residents>) {
    loop {
        let Some(first) = core.agenda.first() else {
            core.agenda.sooner().await;
            continue;
        };
        tokio::select! {
            () = core.clock.until(first) => {}
            () = core.agenda.sooner() => continue,
        }
        while let Some((twin, what)) = core.agenda.take(core.clock.now()) {
            let done = residents.look_after(twin, move |twin: &mut LiveTwin| {
                Box::pin(async move {
                    match what {
                        Due::Silence => twin.silence().await,
                        Due::Command(id) => twin.command_due(id).await,
                    }
                })
            });
            match done.await {
                Ok(()) => {}
                Err(PlatformError::Stopping) => return,
                Err(error) => {
                    tracing::warn!(%twin, %error, "what was due could not be done; once more in ten seconds");
                    core.agenda.later(core.clock.now() + 10_000, twin, what);
                }
            }
        }
    }
}

/// The id of an alert or command from its text.
fn uuid(what: &'static str, text: &str) -> Result<Uuid, PlatformError> {
    text.parse().map_err(|_| PlatformError::absent(what, text))
}
