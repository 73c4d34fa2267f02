//! Facilities: works that sort and recycle plastic or take batteries apart, and data centres with their UPS.

pub mod data_centre;
pub mod line;
pub mod shifts;
pub mod works;
