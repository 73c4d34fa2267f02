//! Result folders: tables, summary, report.

pub mod record;
pub mod story;
