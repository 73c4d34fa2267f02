//! What every test stands on: identities in memory, with cheap hashes and randomness that repeats.

use host::identity::entropy::NoEntropy;
use host::identity::{
    Act, Caller, Entropy, Hashing, Identity, LoginError, NewUser, PasswordLogin, Presented, Role, Roles,
    Secret, Session, Settings, Unauthenticated, User,
};
use host::store::journal::Entry;
use host::store::{Journal, LocalStore, Sequence};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use twin::time::Time;

/// When every test begins.
pub(crate) const NOW: Time = Time(1_788_000_000_000);
/// A password that nobody objects to.
pub(crate) const GOOD: &str = "tide-pool-17";

/// SHA-256 of a counter.
#[derive(Debug, Default)]
pub(crate) struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(32) {
            let block = Sha256::digest(self.0.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

/// Settings as they are, but for the cost of hashes.
pub(crate) fn settings() -> Settings {
    let hashing = Hashing { memory_kib: 8, passes: 1, threads: 2, waiting: 16 };
    Settings { hashing, ..Settings::default() }
}

/// Identities over a new store.
pub(crate) struct Ground {
    pub(crate) store: LocalStore,
    pub(crate) identity: Identity,
}

impl Ground {
    pub(crate) async fn new() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let store = LocalStore::in_memory().unwrap();
        let identity = open(&store, settings).await;
        Self { store, identity }
    }

    /// A user of a role, whose password is [`GOOD`].
    pub(crate) async fn user(&self, name: &str, role: Role) -> User {
        let new = NewUser {
            username: Some(name.to_owned()),
            password: Some(Secret::new(GOOD)),
            roles: Roles::of(&[role]),
            ..NewUser::default()
        };
        self.identity.add_user(new, act(NOW)).await.unwrap()
    }

    pub(crate) async fn log_in(&self, name: &str, password: &str, now: Time) -> Result<Session, LoginError> {
        self.log_in_from("10.0.0.1", name, password, now).await
    }

    pub(crate) async fn log_in_from(
        &self,
        source: &str,
        username: &str,
        password: &str,
        now: Time,
    ) -> Result<Session, LoginError> {
        let password = Secret::new(password);
        let login = PasswordLogin { username, password: &password, source };
        self.identity.log_in(login, self.identity.lifetimes(), now).await
    }

    pub(crate) async fn bearer(&self, token: &Secret, now: Time) -> Option<Arc<Caller>> {
        self.present(Presented::Bearer(token.reveal()), now).await
    }

    pub(crate) async fn present(&self, presented: Presented<'_>, now: Time) -> Option<Arc<Caller>> {
        match self.identity.authenticate(presented, now).await {
            Ok(caller) => Some(caller),
            Err(Unauthenticated::Invalid) => None,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Everything that the journal holds.
    pub(crate) async fn journal(&self) -> Vec<Entry> {
        self.store.entries(Sequence(1), 100_000).await.unwrap()
    }

    /// Who did what.
    pub(crate) async fn deeds(&self) -> Vec<(String, String)> {
        self.journal().await.into_iter().map(|entry| (entry.actor, entry.kind)).collect()
    }
}

/// Identities over a store that may hold some already.
pub(crate) async fn open(store: &LocalStore, settings: Settings) -> Identity {
    Identity::open(Arc::new(store.clone()), settings, Arc::new(Counted::default()), NOW).await.unwrap()
}

pub(crate) fn act(at: Time) -> Act<'static> {
    Act { by: "user:tester", at }
}

/// So many seconds after the beginning.
pub(crate) fn after(seconds: i64) -> Time {
    NOW + seconds * 1_000
}

/// Waits for a future.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
