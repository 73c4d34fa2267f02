//! The built binary under load and over simulated hardware: killed, measured, made faulty.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bench;
mod crash;
mod faults;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "the tests of serve use the rest")]
mod process;
