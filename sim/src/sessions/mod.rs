//! Simulations that somebody steps by hand, in memory: built, initialised, stepped, looked at, disturbed, saved, restored.
//!
//! ```text
//!  build ──► a thread of its own ──► init ──► step, run ──► read ──► close
//!                                     ▲            │ inject
//!                                     └─ restore ◄─┴─ save: the order, what was injected, and how far it was
//! ```
//!
//! A session is seen by who built it alone. There is a bounded number of them; one that nobody touches for a while goes.

mod saved;
mod stage;

pub use saved::Saved;
pub use stage::Spot;

use crate::engine::session::{Event, Injection, Reading};
use crate::runs::{Order, RunError, new_id};
use host::identity::policy::may_at_all;
use host::identity::{Action, Caller, Subject};
use host::platform::clock::Clock;
use stage::{Stage, Thread};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use twin::time::Time;
use uuid::Uuid;

/// How sessions are bounded.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Sessions at once.
    pub sessions_max: usize,
    /// After so long without a call a session goes [s].
    pub idle_s: f64,
    /// The one folder whose files scenarios may name; built-in names only where there is none.
    pub files: Option<PathBuf>,
    /// Twins times days of one session's world, at most.
    pub twin_days_max: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { sessions_max: 8, idle_s: 900.0, files: None, twin_days_max: 5e6 }
    }
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its world is not there yet.
    Built,
    /// It can be stepped.
    Ready,
    /// It is at its last instant.
    Ended,
}

/// What there is to see of a session.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSight {
    /// Its name.
    pub id: Uuid,
    /// The scenario's name.
    pub scenario: String,
    /// Variants that the scenario has.
    pub variants: Vec<String>,
    /// The one that is simulated.
    pub variant: String,
    /// Which of the scenario's repetitions.
    pub replicate: u32,
    /// Twins of the base by kind.
    pub twins: BTreeMap<String, u64>,
    /// First instant.
    pub start: Time,
    /// Last instant.
    pub end: Time,
    /// Present instant.
    pub now: Time,
    /// How far it is.
    pub phase: Phase,
    /// What was injected so far.
    pub injections: usize,
}

/// Which world of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Which {
    /// Variant; the first where none is named.
    pub variant: Option<String>,
    /// Repetition, from 0 on.
    pub replicate: u32,
}

#[derive(Debug)]
struct Held {
    owner: Subject,
    thread: Thread,
    touched: AtomicI64,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    wall: Clock,
    held: Mutex<BTreeMap<Uuid, Arc<Held>>>,
}

/// The sessions. Clones are the same.
#[derive(Debug, Clone)]
pub struct Sessions(Arc<Inner>);

impl Sessions {
    /// None yet. Within a tokio runtime: a task lets those go that nobody touches, for as long as there are sessions.
    pub fn start(settings: Settings) -> Self {
        let sessions = Self(Arc::new(Inner { settings, wall: Clock::wall(), held: Mutex::default() }));
        let inner = Arc::downgrade(&sessions.0);
        let every = Duration::from_secs_f64((sessions.0.settings.idle_s / 4.0).clamp(0.1, 60.0));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(inner) = inner.upgrade() else { return };
                Self(inner).let_go_idle();
            }
        });
        sessions
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Uuid, Arc<Held>>> {
        // What is behind the lock is whole after every statement.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn let_go_idle(&self) {
        let before = self.0.wall.now().0 - (self.0.settings.idle_s * 1e3) as i64;
        self.held().retain(|_, held| held.thread.is_busy() || held.touched.load(Ordering::Relaxed) >= before);
    }

    fn may(caller: &Caller) -> Result<(), RunError> {
        may_at_all(caller, Action::RunWrite)
            .map_err(|_| RunError::Forbidden { who: caller.name(), action: Action::RunWrite })
    }

    fn find(&self, id: &str, caller: &Caller) -> Result<(Uuid, Arc<Held>), RunError> {
        Self::may(caller)?;
        let absent = || RunError::Absent { what: "session", name: id.to_owned() };
        let id: Uuid = id.parse().map_err(|_| absent())?;
        let held = self.held().get(&id).cloned();
        let held = held.filter(|held| held.owner == caller.subject).ok_or_else(absent)?;
        held.touched.store(self.0.wall.now().0, Ordering::Relaxed);
        Ok((id, held))
    }

    /// Builds a world of an order; it is not initialised yet.
    ///
    /// # Errors
    /// What is wrong with it, that it is too large, or that there are too many sessions.
    pub async fn build(&self, order: Order, which: Which, caller: &Caller) -> Result<SessionSight, RunError> {
        Self::may(caller)?;
        let full = || {
            let most = self.0.settings.sessions_max;
            RunError::Full(format!("{most} sessions are open already"))
        };
        self.let_go_idle();
        if self.held().len() >= self.0.settings.sessions_max {
            return Err(full());
        }
        let settings = self.0.settings.clone();
        let building = move || Stage::build(order, which, settings.files.as_deref(), settings.twin_days_max);
        let stage = tokio::task::spawn_blocking(building).await.map_err(|_| RunError::Lost)??;
        let now = self.0.wall.now();
        let id = new_id(now);
        let thread = Thread::start(stage).map_err(RunError::Files)?;
        let held = Held { owner: caller.subject.clone(), thread, touched: AtomicI64::new(now.0) };
        {
            // Asked again: others were built meanwhile.
            let mut all = self.held();
            if all.len() >= self.0.settings.sessions_max {
                return Err(full());
            }
            all.insert(id, Arc::new(held));
        }
        self.view(&id.to_string(), caller).await
    }

    /// What there is to see of a session.
    ///
    /// # Errors
    /// When there is none, for this caller.
    pub async fn view(&self, id: &str, caller: &Caller) -> Result<SessionSight, RunError> {
        let (id, held) = self.find(id, caller)?;
        held.thread.call(move |stage, _| Ok(stage.sight(id))).await
    }

    /// Puts the world at its first instant, whatever happened in it before.
    ///
    /// # Errors
    /// When there is none, for this caller.
    pub async fn init(&self, id: &str, caller: &Caller) -> Result<SessionSight, RunError> {
        let (id, held) = self.find(id, caller)?;
        held.thread
            .call(move |stage, _| {
                stage.init();
                Ok(stage.sight(id))
            })
            .await
    }

    /// Goes on to a spot. Who stops waiting ends it at the next window of six hours; it stays where it is then. `seen` is
    /// told the simulated instant after each window.
    ///
    /// # Errors
    /// When it is not initialised, or the spot lies behind it.
    pub async fn go(
        &self,
        id: &str,
        to: Spot,
        seen: watch::Sender<Time>,
        caller: &Caller,
    ) -> Result<SessionSight, RunError> {
        let (id, held) = self.find(id, caller)?;
        let done = held
            .thread
            .call(move |stage, wanted| {
                stage.go(to, |now| {
                    seen.send_replace(now);
                    wanted.is_wanted()
                })?;
                Ok(stage.sight(id))
            })
            .await;
        held.touched.store(self.0.wall.now().0, Ordering::Relaxed);
        done
    }

    /// Lets something happen now.
    ///
    /// # Errors
    /// When it is not initialised, or that cannot happen.
    pub async fn inject(&self, id: &str, what: Injection, caller: &Caller) -> Result<SessionSight, RunError> {
        let (id, held) = self.find(id, caller)?;
        held.thread
            .call(move |stage, _| {
                stage.session()?.inject(what)?;
                Ok(stage.sight(id))
            })
            .await
    }

    /// Every twin, group and network as it is now.
    ///
    /// # Errors
    /// When it is not initialised.
    pub async fn read(&self, id: &str, caller: &Caller) -> Result<(Time, Vec<Reading>), RunError> {
        let (_, held) = self.find(id, caller)?;
        held.thread.call(|stage, _| stage.session().map(|session| (session.now(), session.read()))).await
    }

    /// What happened from an instant on.
    ///
    /// # Errors
    /// When it is not initialised.
    pub async fn events(&self, id: &str, from: Time, caller: &Caller) -> Result<Vec<Event>, RunError> {
        let (_, held) = self.find(id, caller)?;
        held.thread.call(move |stage, _| stage.session().map(|session| session.events(from))).await
    }

    /// All that is needed to come back to this instant.
    ///
    /// # Errors
    /// When it is not initialised.
    pub async fn save(&self, id: &str, caller: &Caller) -> Result<Saved, RunError> {
        let (_, held) = self.find(id, caller)?;
        held.thread.call(|stage, _| stage.save()).await
    }

    /// Comes back to a saved instant, in a session that there is or in a new one.
    ///
    /// # Errors
    /// When what was saved makes no sense, or was saved by another version of the engine.
    pub async fn restore(
        &self,
        id: Option<&str>,
        saved: Saved,
        caller: &Caller,
    ) -> Result<SessionSight, RunError> {
        saved.check()?;
        let id = match id {
            Some(id) => {
                let (_, held) = self.find(id, caller)?;
                let settings = self.0.settings.clone();
                let order = saved.order.clone();
                let which = saved.which();
                held.thread
                    .call(move |stage, _| {
                        let files = settings.files.as_deref();
                        *stage = Stage::build(order, which, files, settings.twin_days_max)?;
                        Ok(())
                    })
                    .await?;
                id.to_owned()
            }
            None => self.build(saved.order.clone(), saved.which(), caller).await?.id.to_string(),
        };
        let (name, held) = self.find(&id, caller)?;
        let done = held
            .thread
            .call(move |stage, wanted| {
                stage.replay(&saved, |_| wanted.is_wanted())?;
                Ok(stage.sight(name))
            })
            .await;
        held.touched.store(self.0.wall.now().0, Ordering::Relaxed);
        done
    }

    /// Ends a session, with the key figures of its world up to now; none where it was not initialised.
    ///
    /// # Errors
    /// When there is none, for this caller.
    pub async fn close(&self, id: &str, caller: &Caller) -> Result<BTreeMap<&'static str, f64>, RunError> {
        let (id, held) = self.find(id, caller)?;
        self.held().remove(&id);
        held.thread.call(|stage, _| Ok(stage.conclude())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::tests::PACKS;
    use host::identity::policy::{Role, Roles, Via};

    fn caller(name: &str, role: Role) -> Caller {
        Caller {
            subject: Subject::User(name.into()),
            organisation: None,
            roles: Roles::of(&[role]),
            scopes: None,
            party: None,
            via: Via::Token,
        }
    }

    fn order() -> Order {
        Order { scenario: PACKS.to_owned(), ..Order::default() }
    }

    #[tokio::test]
    async fn sessions_are_bounded_and_seen_by_who_built_them() {
        let settings = Settings { sessions_max: 1, ..Settings::default() };
        let sessions = Sessions::start(settings);
        let (one, other) = (caller("one", Role::Engineer), caller("other", Role::Engineer));
        let viewer = caller("viewer", Role::Viewer);
        let forbidden = sessions.build(order(), Which::default(), &viewer).await.unwrap_err();
        assert!(matches!(forbidden, RunError::Forbidden { .. }));
        let built = sessions.build(order(), Which::default(), &one).await.unwrap();
        assert_eq!((built.phase, built.twins["battery"]), (Phase::Built, 2));
        let id = built.id.to_string();
        assert!(matches!(sessions.view(&id, &other).await, Err(RunError::Absent { .. })));
        assert!(matches!(sessions.read(&id, &one).await, Err(RunError::State(_))), "not initialised");
        let full = sessions.build(order(), Which::default(), &one).await.unwrap_err();
        assert!(matches!(full, RunError::Full(_)));
        sessions.close(&id, &one).await.unwrap();
        let which = Which { variant: Some("none".to_owned()), replicate: 0 };
        let unknown = sessions.build(order(), which, &one).await.unwrap_err();
        assert_eq!(unknown.field(), Some("variant"));
    }

    #[tokio::test]
    async fn what_was_saved_comes_back_and_goes_on_alike() {
        let sessions = Sessions::start(Settings::default());
        let one = caller("one", Role::Engineer);
        let id = sessions.build(order(), Which::default(), &one).await.unwrap().id.to_string();
        let start = sessions.init(&id, &one).await.unwrap().start;
        let go = |to| sessions.go(&id, to, watch::Sender::new(start), &one);
        go(Spot::By(30 * 3_600_000 + 500)).await.unwrap();
        let load = Injection::Load {
            pack: "courier-1".to_owned(),
            power_w: 100.0,
            duration_s: 600.0,
            warmer_c: 5.0,
        };
        sessions.inject(&id, load, &one).await.unwrap();
        go(Spot::By(3_600_000)).await.unwrap();
        let saved = sessions.save(&id, &one).await.unwrap();
        let saved = Saved::read(&saved.bytes().unwrap()).unwrap();
        let then = sessions.read(&id, &one).await.unwrap();
        let behind = go(Spot::At(start)).await.unwrap_err();
        assert_eq!(behind.field(), Some("until"));
        go(Spot::End).await.unwrap();
        let figures = sessions.close(&id, &one).await.unwrap();

        let restored = sessions.restore(None, saved, &one).await.unwrap();
        assert_eq!(restored.injections, 1);
        let id = restored.id.to_string();
        assert_eq!(sessions.read(&id, &one).await.unwrap(), then);
        sessions.go(&id, Spot::End, watch::Sender::new(start), &one).await.unwrap();
        assert_eq!(sessions.view(&id, &one).await.unwrap().phase, Phase::Ended);
        assert_eq!(sessions.close(&id, &one).await.unwrap(), figures);
    }

    #[tokio::test]
    async fn a_session_that_nobody_touches_goes() {
        let settings = Settings { idle_s: 0.0, ..Settings::default() };
        let sessions = Sessions::start(settings);
        let one = caller("one", Role::Engineer);
        let id = sessions.build(order(), Which::default(), &one).await.unwrap().id.to_string();
        while sessions.view(&id, &one).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(sessions.held().is_empty());
    }
}
