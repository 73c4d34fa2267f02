//! The doors: HTTP and live streams.

pub mod identity;
