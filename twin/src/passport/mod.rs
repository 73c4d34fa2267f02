//! Rules over a battery's life: what it is made of, what it emits, what it is worth afterwards, what comes back
//! out of it, and how it stands against the EU Battery Regulation. Values in, values out; the figures behind them
//! are data files in `twin/factors/`, each with source and confidence, under one version.

pub mod carbon;
pub mod cells;
pub mod compliance;
pub mod content;
pub mod date;
pub mod factors;
pub mod health;
pub mod lifecycle;
pub mod material;
pub mod recovery;
pub mod regulation;
pub mod second_life;
pub mod sourcing;
