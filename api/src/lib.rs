//! The doors: HTTP and live streams.
//!
//! ```text
//!  request ──► layers: id, limits, time-out, count ──► Caller (who, and what it may) ──► handler: one call of the platform
//!          ◄── JSON, or application/problem+json ◄───────────────────────────────────────┘
//! ```
//!
//! A handler extracts, calls one method of the platform and converts. What a refusal means in HTTP stands in
//! `problem.rs`, once.

mod body;
mod caller;
pub mod client;
mod clock;
mod connections;
pub mod dealer;
mod docs;
mod edge;
pub mod evm;
mod faults;
mod files;
pub mod grpc;
mod health;
pub mod identity;
mod live;
mod management;
mod measure;
mod ocean;
#[allow(dead_code, unused_imports, reason = "not every paper uses every part")]
mod paper;
mod passport;
mod postman;
mod problem;
mod rul;
mod server;
mod shown;
mod twins;
mod when;

pub use connections::serve;
pub mod webhook;

pub use ocean::{Outward as OceanOutward, Settings as OceanSettings, Tier as OceanTier};
pub use passport::Outward as PassportOutward;
pub use problem::Problem;
pub use server::{App, Chain, Settings, router};
