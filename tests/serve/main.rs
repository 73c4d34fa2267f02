//! The built binary as a platform: started, spoken to over HTTP and MQTT, stopped, killed and started again.

#![expect(clippy::unwrap_used, reason = "tests")]

mod alerts;
mod commands;
mod forecast;
mod lifecycle;
mod mqtt;
mod process;
mod rul;
mod twins;
