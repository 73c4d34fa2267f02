//! The broker over real sockets, with a double for the platform behind its door.

#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod ack;
mod crowd;
mod double;
mod malformed;
mod orders;
mod other_makes;
mod presence;
mod raw;
mod remote;
mod rights;
mod server;
