//! Passwords: Argon2id on threads of their own.
//!
//! Hashing is slow and takes memory by design. A fixed number of threads does it, a fixed number of requests waits for
//! them, and whoever comes then is refused, so that logging in cannot exhaust the machine.

use super::IdentityError;
use super::entropy::{self, Entropy};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use tokio::sync::oneshot;

/// Fewest characters of a password (NIST SP 800-63B, section 5.1.1.2).
pub const PASSWORD_MIN_CHARS: usize = 8;
/// Most bytes of a password.
pub const PASSWORD_MAX_BYTES: usize = 256;

/// How dear a hash is, and how many are made at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hashing {
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Threads that hash.
    pub threads: usize,
    /// Requests that may wait.
    pub waiting: usize,
}

impl Default for Hashing {
    /// 19 MiB and two passes: the first choice of the OWASP Password Storage Cheat Sheet (2023) for Argon2id.
    fn default() -> Self {
        Self { memory_kib: 19 * 1_024, passes: 2, threads: 2, waiting: 64 }
    }
}

/// A password as it is kept: algorithm, parameters, salt and hash in one text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hashed(String);

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed(…)")
    }
}

type Job = Box<dyn FnOnce(&Argon2<'static>) + Send>;

/// The threads that hash. They end with it.
#[derive(Debug)]
pub(super) struct Hasher {
    jobs: mpsc::SyncSender<Job>,
    /// A hash of nothing that anybody knows, so that an unknown name takes as long as a wrong password.
    nobody: Hashed,
}

impl Hasher {
    /// Starts the threads.
    pub(super) async fn start(hashing: &Hashing, source: &dyn Entropy) -> Result<Self, IdentityError> {
        let params = Params::new(hashing.memory_kib, hashing.passes, 1, None)
            .map_err(|error| IdentityError::Unfit(format!("cost of password hashes: {error}")))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let (jobs, queue) = mpsc::sync_channel::<Job>(hashing.waiting.max(1));
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..hashing.threads.max(1) {
            let (argon2, queue) = (argon2.clone(), queue.clone());
            let run = move || {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = next else { break };
                    job(&argon2);
                }
            };
            let started = thread::Builder::new().name("password-hash".to_owned()).spawn(run);
            started.map_err(|error| IdentityError::Unfit(format!("cannot start a thread: {error}")))?;
        }
        let mut hasher = Self { jobs, nobody: Hashed(String::new()) };
        hasher.nobody = hasher.hash(&entropy::id(source)?, source).await?;
        Ok(hasher)
    }

    /// What is to be kept of a password.
    pub(super) async fn hash(&self, password: &str, source: &dyn Entropy) -> Result<Hashed, IdentityError> {
        let (password, salt) = (password.as_bytes().to_vec(), entropy::bytes::<16>(source)?);
        self.ask(move |argon2| hash(argon2, &password, &salt)).await?
    }

    /// Whether a password is the one that was kept; where none was, it takes as long to say no.
    pub(super) async fn is_right(
        &self,
        password: &str,
        kept: Option<&Hashed>,
    ) -> Result<bool, IdentityError> {
        let (is_known, kept) = (kept.is_some(), kept.unwrap_or(&self.nobody).0.clone());
        if password.len() > PASSWORD_MAX_BYTES {
            return Ok(false);
        }
        let password = password.as_bytes().to_vec();
        self.ask(move |argon2| {
            let kept = PasswordHash::new(&kept).map_err(|error| unreadable(&error))?;
            Ok(argon2.verify_password(&password, &kept).is_ok() && is_known)
        })
        .await?
    }

    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, IdentityError> {
        let (back, answer) = oneshot::channel();
        let job: Job = Box::new(move |argon2| drop(back.send(what(argon2))));
        self.jobs.try_send(job).map_err(|_| IdentityError::Busy)?;
        answer.await.map_err(|_| IdentityError::Busy)
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8], salt: &[u8]) -> Result<Hashed, IdentityError> {
    let hash: PasswordHash = argon2
        .hash_password_with_salt(password, salt)
        .map_err(|error| IdentityError::Unfit(format!("the password cannot be hashed: {error}")))?;
    Ok(Hashed(hash.to_string()))
}

fn unreadable(error: &dyn fmt::Display) -> IdentityError {
    IdentityError::Unfit(format!("a kept password cannot be read: {error}"))
}

/// Whether somebody may have this password.
///
/// # Errors
/// Why not.
pub fn check_password(password: &str, username: &str) -> Result<(), IdentityError> {
    let refuse = |why: String| Err(IdentityError::WeakPassword(why));
    if password.chars().count() < PASSWORD_MIN_CHARS {
        return refuse(format!("fewer than {PASSWORD_MIN_CHARS} characters"));
    }
    if password.len() > PASSWORD_MAX_BYTES {
        return refuse(format!("more than {PASSWORD_MAX_BYTES} bytes"));
    }
    if password.to_lowercase() == username.to_lowercase() {
        return refuse("it is the name".to_owned());
    }
    let mut chars = password.chars();
    let first = chars.next();
    if chars.all(|c| Some(c) == first) {
        return refuse("one character over and over".to_owned());
    }
    Ok(())
}
