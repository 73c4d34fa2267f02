//! The application: what a caller can want of the live twins.

pub mod door;
