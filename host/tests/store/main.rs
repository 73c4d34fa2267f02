//! One suite over both stores, and what only the one on disk can show: crashes, damage, a full disk.

#![expect(clippy::unwrap_used, reason = "tests")]

mod ground;
mod journal;
