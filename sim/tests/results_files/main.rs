//! Result folders: what is written, read back, drawn and compared.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod condensing;
mod pages;
mod tables;
mod worlds;
