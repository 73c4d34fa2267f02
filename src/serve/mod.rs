//! What `celltide serve` is made of beside the doors and the platform: configuration, and who may come in.

pub(crate) mod anchor;
pub(crate) mod config;
mod dealer;
pub(crate) mod fleet;
pub(crate) mod season;
