//! Electrochemical models of a cell: lithium in particles, salt in the electrolyte, heat, and what ages them.
//!
//! ```text
//! file ──set──▶ ParticleSet ──cell──▶ CellModel + State ──drive──▶ Run: loads, ends, drive cycles
//!  (TOML)        curves, tables        one step of time               └─cycling──▶ thousands of cycles
//! ```
//!
//! - [`set`] reads the published parameter sets;
//! - [`sphere`] and [`salt`] are diffusion in particles and electrolyte, [`kinetics`] what happens at an instant;
//! - [`cell`] is the single particle model without and with electrolyte, [`drive`] brings it through time;
//! - [`dfn`] is the full model, electrodes resolved through their thickness, behind the same trait;
//! - [`balance`] tells capacity from lithium and active material, [`cycling`] ages a cell.
//!
//! Equations, parameters, limits and how they were compared: `docs/models/particle.md`.

pub mod balance;
pub mod cell;
pub mod curve;
pub mod cycling;
pub mod dfn;
pub mod drive;
pub mod file;
pub mod kinetics;
pub mod mechanism;
pub mod salt;
pub mod set;
pub mod sphere;
