//! The doors: HTTP and live streams.
