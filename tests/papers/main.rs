//! What a battery's passport looks like outside: codes, tags, files, papers, proofs.

#![expect(clippy::unwrap_used, reason = "tests")]

mod access;
mod files;
mod ground;
mod pdf;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
mod proof;
mod xml;
