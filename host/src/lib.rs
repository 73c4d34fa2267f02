//! Where twins live: the shell that makes a pure twin an actor.

pub mod actor;
