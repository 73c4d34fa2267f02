//! One suite over both stores, and what only the one on disk can show: crashes, damage, a full disk.

#![expect(clippy::unwrap_used, reason = "tests")]

mod backup;
mod crash;
mod damage;
mod ground;
mod journal;
mod records;
mod series;
mod snapshots;
