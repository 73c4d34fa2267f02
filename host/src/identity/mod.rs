//! Who somebody is and what he may do: one answer for HTTP, gRPC, MQTT and the shell.
//!
//! ```text
//! headers ──► Presented::from_headers ──► Identity::authenticate ──► Caller ──► policy::may(caller, action, owner)
//! MQTT    ──► door::Login             ──► Identity::admit        ──► Guest      policy::Visibility for lists
//!
//! name + password ──► Identity::log_in      ─┐
//! phone + code    ──► Identity::log_in_phone ├─► Session: access token, refresh token, user
//! code + PKCE     ──► Identity::token       ─┘   Identity::refresh, Identity::revoke
//! device + secret ──► Identity::device_token
//! ```
//!
//! Everything is kept as records of the store; each change has its entry in the journal, which names who did it. Entries
//! hold no secret and no telephone number, and in records numbers are sealed. Nothing in here asks for the time or draws randomness of its own: both are
//! handed in, so that a test can repeat every step.
//!
//! To open it: [`Identity::open`], then [`Identity::first_admin`]; [`Identity::tend`] once a minute.

pub mod account;
mod admit;
pub mod api_key;
mod authenticate;
mod basic;
mod cache;
pub mod client;
pub mod device;
pub mod entropy;
mod error;
pub mod grant;
mod jwt;
mod keys;
mod ledger;
pub mod limits;
pub mod message;
pub mod oauth;
mod password;
pub mod policy;
mod secret;
mod settings;
mod statement;
mod sweep;
mod vault;

pub use account::{FirstAdmin, NewUser, PasswordLogin, User, UserPatch};
pub use authenticate::Presented;
pub use basic::is_basic;
pub use entropy::{Entropy, OsEntropy};
pub use error::{IdentityError, LoginError, Unauthenticated};
pub use grant::{Lifetimes, Session};
pub use jwt::TOKEN_MAX_BYTES;
pub use keys::{Jwk, Jwks};
pub use password::{Hashed, Hashing, PASSWORD_MAX_BYTES, PASSWORD_MIN_CHARS, check_password};
pub use policy::{Action, Caller, Denied, Owner, Role, Roles, Scope, Scopes, Subject, Via, Visibility, may};
pub use secret::{Digest, Secret};
pub use settings::Settings;
pub use statement::Statement;
pub use vault::Sealed;
pub(crate) use vault::Vault;

use crate::store::journal::Entry;
use crate::store::{Sequence, Store};
use cache::Cache;
use keys::{KeyRecord, Ring};
pub(crate) use ledger::Fact;
use limits::Attempts;
use password::Hasher;
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use twin::time::Time;

/// Accounts, sources and pairs of them whose attempts are remembered.
const REMEMBERED: usize = 50_000;

/// Who does something, and when.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// Who; the journal names it.
    pub by: &'a str,
    /// When.
    pub at: Time,
}

/// All identities of a store. Clones are the same.
#[derive(Debug, Clone)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    settings: Settings,
    entropy: Arc<dyn Entropy>,
    hasher: Hasher,
    ring: RwLock<Arc<Ring>>,
    keys_read: Mutex<Time>,
    /// Key of the digests of one-time codes.
    pepper: [u8; 32],
    /// Seals telephone numbers.
    vault: Vault,
    pairs: Mutex<Attempts>,
    accounts: Mutex<Attempts>,
    sources: Mutex<Attempts>,
    cache: Cache,
    /// Names and passwords of HTTP Basic are checked one after another.
    basic: tokio::sync::Semaphore,
}

impl Identity {
    /// The identities of a store; the first time, the keys are made. Telephone numbers that an earlier schema kept plain
    /// are sealed.
    ///
    /// # Errors
    /// When the store cannot be read or written, or there is no randomness.
    pub async fn open(
        store: Arc<dyn Store>,
        settings: Settings,
        entropy: Arc<dyn Entropy>,
        now: Time,
    ) -> Result<Self, IdentityError> {
        let hasher = Hasher::start(&settings.hashing, entropy.as_ref()).await?;
        let act = Act { by: "platform", at: now };
        let ring = match keys::kept(store.as_ref()).await? {
            Some(ring) => ring,
            None => {
                let new = KeyRecord::of(entropy::bytes(entropy.as_ref())?, now);
                let fact =
                    Fact { entity: "identity/keys", kind: "key made", detail: json!({ "kid": new.kid }) };
                ledger::keep(store.as_ref(), act, fact, vec![ledger::new(&new)?]).await?;
                Ring::of(&[new]).ok_or_else(|| IdentityError::Unfit("the new key cannot sign".to_owned()))?
            }
        };
        let pepper = account::pepper(store.as_ref(), entropy.as_ref(), act).await?;
        let vault = Vault::open(store.as_ref(), entropy.as_ref(), act).await?;
        let attempts = |rule| Mutex::new(Attempts::new(rule, REMEMBERED));
        let identity = Self(Arc::new(Inner {
            pairs: attempts(settings.pair),
            accounts: attempts(settings.account),
            sources: attempts(settings.source),
            store,
            settings,
            entropy,
            hasher,
            ring: RwLock::new(Arc::new(ring)),
            keys_read: Mutex::new(now),
            pepper,
            vault,
            cache: Cache::default(),
            basic: tokio::sync::Semaphore::new(1),
        }));
        identity.seal_users(act).await?;
        identity.seal_messages(act).await?;
        Ok(identity)
    }

    /// How it is set up.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// What is due: a new key, and the end of what is over. How many records went.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn tend(&self, now: Time) -> Result<usize, IdentityError> {
        let act = Act { by: "platform", at: now };
        self.load_keys(now).await?;
        self.rotate_when_due(act).await?;
        self.sweep(act).await
    }

    /// Everything that the journal holds, in its order: the audit.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn journal(&self, first: Sequence, limit: usize) -> Result<Vec<Entry>, IdentityError> {
        Ok(self.store().entries(first, limit).await?)
    }

    pub(crate) fn store(&self) -> &dyn Store {
        self.0.store.as_ref()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    fn ring(&self) -> Arc<Ring> {
        self.0.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Something was revoked: everybody is looked up again.
    fn forget_callers(&self) {
        self.0.cache.clear();
    }

    /// An attempt at an account begins, and counts.
    fn begin_attempt(&self, account: &str, source: &str, now: Time) -> Result<(), IdentityError> {
        self.may_attempt(account, source, now)?;
        let pair = pair(account, source);
        for (attempts, who) in self.attempts(account, source, &pair) {
            let begun = locked(attempts).begin(who, now);
            begun.map_err(|wait| IdentityError::TooMany { wait_ms: wait.ms })?;
        }
        Ok(())
    }

    /// Whether an attempt at an account could begin; counts nothing.
    fn may_attempt(&self, account: &str, source: &str, now: Time) -> Result<(), IdentityError> {
        let pair = pair(account, source);
        for (attempts, who) in self.attempts(account, source, &pair) {
            let ready = locked(attempts).may_begin(who, now);
            ready.map_err(|wait| IdentityError::TooMany { wait_ms: wait.ms })?;
        }
        Ok(())
    }

    /// The attempt was good.
    fn end_attempt(&self, account: &str, source: &str) {
        locked(&self.0.sources).take_back(source);
        locked(&self.0.accounts).succeeded(account);
        locked(&self.0.pairs).succeeded(&pair(account, source));
    }

    fn attempts<'a>(
        &'a self,
        account: &'a str,
        source: &'a str,
        pair: &'a str,
    ) -> [(&'a Mutex<Attempts>, &'a str); 3] {
        [(&self.0.sources, source), (&self.0.accounts, account), (&self.0.pairs, pair)]
    }
}

fn locked(attempts: &Mutex<Attempts>) -> MutexGuard<'_, Attempts> {
    attempts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Both names as one that no other pair has.
fn pair(account: &str, source: &str) -> String {
    format!("{}:{account}{source}", account.len())
}
