//! Scenario files: what they may say, and everything that is wrong with one.

pub mod schema;
