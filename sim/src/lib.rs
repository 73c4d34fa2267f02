//! Experiments: scenarios, the world that twins live in, the engine in virtual time, results.

pub mod calibrate;
pub mod engine;
pub mod experiment;
pub mod measured;
pub mod plant;
pub mod results;
pub mod runs;
pub mod scenario;
pub mod sessions;
pub mod world;
