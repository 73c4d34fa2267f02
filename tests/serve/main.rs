//! The built binary as a platform: started, spoken to over HTTP and MQTT, stopped, killed and started again.

#![expect(clippy::unwrap_used, reason = "tests")]

mod alerts;
mod commands;
#[path = "../support/coverage.rs"]
mod coverage;
mod forecast;
mod lifecycle;
mod mqtt;
mod native;
mod process;
#[path = "../support/refusal.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod refusal;
mod rul;
#[path = "../support/sweep.rs"]
mod sweep;
mod twins;
