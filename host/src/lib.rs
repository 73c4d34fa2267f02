//! Where twins live: the shell that makes a pure twin an actor, and the store that keeps what is known of them.

pub mod actor;
pub mod anchor;
pub mod dealership;
pub mod identity;
pub mod passport;
pub mod plastic;
pub mod platform;
pub mod store;
pub mod webhook;
