//! Batteries: electrical, thermal and ageing behaviour of a pack, from a chemistry file.

pub mod chemistry;
pub mod formula;
pub mod library;
pub mod life;
pub mod rainflow;
