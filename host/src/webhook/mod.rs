//! Webhooks: what happened, told to whoever asked to be told, signed, until it is taken or given up.
//!
//! ```text
//!  change + Webhooks::prepare ──► one commit: the change, and a delivery for each endpoint that listens
//!                 └─ Webhooks::release ──► lane of (endpoint, subject), in order ──► Deliver ──► 2xx: gone
//!                                            ▲ wait with jitter ◄─────────────────────────┴──► else again, at last dead
//! ```
//!
//! Deliveries become durable together with what they tell of, so none is lost and none is made up. Each is sent at least
//! once; one that comes twice has the same id. What concerns one subject comes in order: the next waits until the one
//! before was taken or given up. An endpoint that took nothing several times in a row is disabled.
//!
//! Endpoints' secrets are kept sealed, and opened to sign.
//!
//! Which families there are and what their events say is not known here.

mod endpoint;
mod lanes;
mod queue;
mod run;
mod sign;
mod subscriptions;

pub use endpoint::{Endpoint, NewEndpoint};
pub use queue::{Delivery, Happened, Prepared};
pub use sign::signature;
pub use subscriptions::Subscriptions;

use crate::identity::{Act, Entropy, IdentityError, Vault};
use crate::platform::clock::Clock;
use crate::store::{Store, StoreError};
use lanes::Lanes;
use std::collections::HashMap;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use twin::time::{DAY_MS, HOUR_MS};

/// How webhooks are delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Waits before the second try, the third and so on [ms]; after the last try it is dead.
    pub waits_ms: Vec<i64>,
    /// Share of a wait by which it is longer or shorter, at random.
    pub jitter: f64,
    /// Deliveries that are dead in a row before an endpoint is disabled.
    pub dead_in_row_max: u32,
    /// How long a secret that was changed still signs as well [ms].
    pub overlap_ms: i64,
    /// How long dead deliveries are kept [ms].
    pub dead_kept_ms: i64,
    /// Tries under way at once.
    pub at_once: usize,
    /// Deliveries of one endpoint that may wait; beyond that the newest are dead at once.
    pub waiting_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            waits_ms: vec![60_000, 300_000, 1_800_000, 2 * HOUR_MS, 12 * HOUR_MS],
            jitter: 0.1,
            dead_in_row_max: 5,
            overlap_ms: DAY_MS,
            dead_kept_ms: 30 * DAY_MS,
            at_once: 16,
            waiting_max: 10_000,
        }
    }
}

/// What goes to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Where to.
    pub url: String,
    /// What stands around it.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: String,
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken.
    Taken,
    /// It was not, and why.
    Failed(String),
}

/// An answer that comes.
pub type Soon<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Whoever carries parcels.
pub trait Deliver: Send + Sync + Debug {
    /// Carries a parcel. Ends by itself, whatever the other side does.
    fn deliver(&self, parcel: Parcel) -> Soon<Outcome>;

    /// Whether anything would be carried to an address as it stands now, and why not.
    fn admits(&self, url: String) -> Soon<Result<(), String>>;
}

/// Why something is not done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WebhookError {
    /// A field and what is wrong with it.
    #[error("{field}: {reason}")]
    Unfit {
        /// The field.
        field: &'static str,
        /// Why.
        reason: String,
    },
    /// There is no such endpoint.
    #[error("there is no endpoint {0}")]
    Absent(String),
    /// Whoever wants to be told sees nothing that could be told of.
    #[error("there is nothing to be told of")]
    Blind,
    /// The store refuses or fails.
    #[error("the store refuses")]
    Store(#[from] StoreError),
    /// There is no randomness, and so no secret.
    #[error(transparent)]
    Secret(#[from] IdentityError),
}

/// All webhooks of a store. Clones are the same.
#[derive(Debug, Clone)]
pub struct Webhooks(Arc<Inner>, #[allow(dead_code, reason = "held for its end")] Arc<Runner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    clock: Clock,
    entropy: Arc<dyn Entropy>,
    /// Seals secrets.
    vault: Vault,
    deliverer: Arc<dyn Deliver>,
    settings: Settings,
    endpoints: RwLock<HashMap<Arc<str>, Arc<Endpoint>>>,
    lanes: Mutex<Lanes>,
    /// Told when something is due sooner than what was waited for.
    sooner: Notify,
    /// Tries under way.
    hands: Arc<Semaphore>,
    /// Number of the next delivery.
    next: AtomicU64,
}

/// The task that delivers; it ends with the last clone.
#[derive(Debug)]
struct Runner(JoinHandle<()>);

impl Drop for Runner {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Inner {
    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn endpoint(&self, id: &str) -> Option<Arc<Endpoint>> {
        self.endpoints.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn note_endpoint(&self, endpoint: Endpoint) {
        let mut endpoints = self.endpoints.write().unwrap_or_else(PoisonError::into_inner);
        endpoints.insert(endpoint.id.clone(), Arc::new(endpoint));
    }
}

impl Webhooks {
    /// The webhooks of a store; what waits there is delivered from now on. Within a tokio runtime.
    ///
    /// # Errors
    /// When the store cannot be read or written, or a secret not be opened.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Clock,
        entropy: Arc<dyn Entropy>,
        deliverer: Arc<dyn Deliver>,
        settings: Settings,
    ) -> Result<Self, WebhookError> {
        let (now, source) = (clock.now(), entropy.as_ref());
        let vault = Vault::open(store.as_ref(), source, Act { by: "platform", at: now }).await?;
        let endpoints = endpoint::all(store.as_ref(), &vault, source, now).await?;
        let hands = Arc::new(Semaphore::new(settings.at_once.max(1)));
        let inner = Arc::new(Inner {
            endpoints: RwLock::new(endpoints),
            next: AtomicU64::new(queue::first(store.as_ref()).await?),
            lanes: Mutex::new(queue::waiting(store.as_ref()).await?),
            sooner: Notify::new(),
            hands,
            store,
            clock,
            entropy,
            vault,
            deliverer,
            settings,
        });
        let runner = tokio::spawn(run::run(inner.clone()));
        Ok(Self(inner, Arc::new(Runner(runner))))
    }

    /// How they are delivered.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }
}
