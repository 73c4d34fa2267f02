//! Plastic taken from sea, rivers and beaches: what it is, where it lies, what takes it up, and who has it.
//!
//! ```text
//!  Ground ──gear──► hold ──landed──► Batch ─► yard ─► truck ─► plant ─► recycled | disposed
//!  (sea, beach,     (vessel,         └──────── Custody: every step with place, time, mass, proof ──────┘
//!   river mouth)     team)
//! ```
//!
//! Vessels with nets, beach crews, divers and river traps are methods of one thing: something that clears an area at
//! a rate and so takes up a share of what lies there ([`gear`]). What they land becomes a batch, and the custody
//! book ([`custody`]) keeps its mass from there to its end. What area nets went over, once however often, is [`swept`].

pub mod batch;
pub mod custody;
pub mod declared;
pub mod factors;
pub mod gear;
pub mod ground;
pub mod haulage;
pub mod hold;
pub mod impact;
pub mod intake;
pub mod material;
pub mod station;
pub mod swept;
pub mod team;

/// Sums that should agree are equal when they differ by less than this, relative to the larger.
pub const MASS_TOLERANCE: f64 = 1e-9;
