//! Pure models and rules: what batteries, cabinets and the things computed from them are and do.
//!
//! Nothing in this crate waits, reads, prints or knows what time it is: time, randomness and the surrounding
//! air are arguments. See `ARCHITECTURE.md` for the rooms of the house.

pub mod battery;
pub mod cabinet;
pub mod facility;
pub mod forcing;
pub mod geo;
pub mod live;
pub mod passport;
pub mod plastic;
pub mod rng;
pub mod time;
pub mod twin;
pub mod vessel;
