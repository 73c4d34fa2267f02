//! The broker over real sockets, with a double for the platform behind its door.

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
