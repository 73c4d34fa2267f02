//! A running store's door for the commands of the shell: a Unix socket beside it.
//!
//! One line asks (`backup` or `audit`), one line answers (`ok`, or `error` and why), then come the bytes: the backup,
//! which knows its own end, or the audit as JSON.

use super::backup::{check, whole_file};
use super::journal::Audit;
use super::{LocalStore, StoreError};
use std::fs::{self, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Name of the socket in the store's folder.
const SOCKET: &str = "control.sock";
/// How long a request may take to come, and a reader to take its bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest line.
const LINE_MAX_BYTES: u64 = 1_000;

/// The open door; it shuts when this is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Control {
    /// Opens the door of a store that lies in `folder`. Only the owner of the process gets through.
    ///
    /// # Errors
    /// When there can be no socket.
    pub fn open(store: &LocalStore, folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(SOCKET);
        let failed = |error| StoreError::io(format!("cannot listen on {}", path.display()), error);
        // The store's own lock says that nobody else listens here: what is left is of a process that was killed.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(failed)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (store, told) = (store.clone(), stop.clone());
        let serve = move || {
            for stream in listener.incoming() {
                if told.load(Ordering::Acquire) {
                    break;
                }
                // A caller that went away is its own affair.
                let _ = stream.and_then(|stream| answer(&store, stream));
            }
        };
        let thread = thread::Builder::new().name("store-control".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { path, stop, thread: Some(thread) })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the listener, which then sees that it is to stop.
        let woken = UnixStream::connect(&self.path).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

fn answer(store: &LocalStore, mut stream: UnixStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(&stream).take(LINE_MAX_BYTES).read_line(&mut line)?;
    match line.trim_end() {
        "backup" => {
            stream.write_all(b"ok\n")?;
            // A failure half way leaves a backup without its end, which the other side sees.
            store.backup_to(&mut stream).map(drop).map_err(io::Error::other)
        }
        "audit" => match store.audit_here() {
            Ok(audit) => {
                stream.write_all(b"ok\n")?;
                stream.write_all(&serde_json::to_vec(&audit)?)
            }
            Err(error) => writeln!(stream, "error {error}"),
        },
        other => writeln!(stream, "error nobody knows {other:?} here"),
    }
}

/// Asks the process that has the store in `folder` open for a backup; how many bytes it has.
///
/// # Errors
/// When nobody answers, or the backup is not whole.
pub fn ask_for_backup(folder: &Path, to: &Path) -> Result<u64, StoreError> {
    let mut stream = ask(folder, "backup")?;
    let failed = |error| StoreError::io("the running store broke off", error);
    let bytes = whole_file(to, |file| io::copy(&mut stream, file).map_err(failed))?;
    check(to).inspect_err(|_| drop(fs::remove_file(to)))?;
    Ok(bytes)
}

/// Asks the process that has the store in `folder` open for an audit.
///
/// # Errors
/// When nobody answers.
pub fn ask_for_audit(folder: &Path) -> Result<Audit, StoreError> {
    let mut stream = ask(folder, "audit")?;
    let mut text = String::new();
    let failed = |error| StoreError::io("the running store broke off", error);
    stream.read_to_string(&mut text).map_err(failed)?;
    serde_json::from_str(&text).map_err(|error| StoreError::codec("the audit", error))
}

fn ask(folder: &Path, what: &str) -> Result<BufReader<UnixStream>, StoreError> {
    let path = folder.join(SOCKET);
    let failed = |error| StoreError::io(format!("cannot ask through {}", path.display()), error);
    let mut stream = UnixStream::connect(&path).map_err(failed)?;
    writeln!(stream, "{what}").map_err(failed)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.by_ref().take(LINE_MAX_BYTES).read_line(&mut line).map_err(failed)?;
    match line.trim_end() {
        "ok" => Ok(stream),
        refused => Err(StoreError::Failed { why: refused.trim_start_matches("error ").to_owned() }),
    }
}
