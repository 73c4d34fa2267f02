//! Measuring the platform: it runs as a process of its own, so that its time and memory are told from the clients'.

pub(crate) mod api;
pub(crate) mod asking;
pub(crate) mod bare;
pub(crate) mod client;
pub(crate) mod ingest;
pub(crate) mod listening;
pub(crate) mod load;
pub(crate) mod platform;
pub(crate) mod stock;
pub(crate) mod stored;
