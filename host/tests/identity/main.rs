//! Identity from outside: every flow, and every way in that must be shut.

#![expect(clippy::unwrap_used, reason = "tests")]

mod devices;
mod ground;
mod keys;
mod oauth;
mod phone;
mod sealed;
mod sessions;
mod users;
