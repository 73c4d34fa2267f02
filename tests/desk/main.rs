//! What the dealer family promises beside its operations, through the built binary: what lies sealed in the store, quiet
//! hours, limits of uploads; and the collections that are made from every family's document.

#![expect(clippy::unwrap_used, reason = "tests")]

mod collection;
#[path = "../support/coverage.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod coverage;
#[path = "../dealer/desk.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod desk;
#[path = "../support/folder.rs"]
mod folder;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
mod quiet;
mod sealed;
mod uploads;
