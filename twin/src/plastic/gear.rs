//! What takes plastic up: nets behind vessels, traps in rivers, crews on beaches, divers. All clear an area at a
//! rate, and take a share of what lies in it.

use serde::{Deserialize, Serialize};

/// How plastic is taken up, as the registers call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// By hand, on a beach.
    BeachCleanup,
    /// With a net or boom that a vessel tows.
    VesselNet,
    /// By divers.
    UnderwaterCollection,
    /// With a barrier in a river.
    RiverTrap,
}

impl Method {
    /// All, in the order of reports.
    pub const ALL: [Method; 4] =
        [Self::VesselNet, Self::BeachCleanup, Self::RiverTrap, Self::UnderwaterCollection];

    /// Its name in registers.
    pub fn name(self) -> &'static str {
        match self {
            Self::BeachCleanup => "beach_cleanup",
            Self::VesselNet => "vessel_net",
            Self::UnderwaterCollection => "underwater_collection",
            Self::RiverTrap => "river_trap",
        }
    }
}

/// A piece of gear, and who works it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Gear {
    /// A net or boom behind a vessel.
    Net {
        /// Width that it sweeps [m].
        swath_m: f64,
        /// Share of what it meets that it keeps.
        efficiency: f64,
        /// Drag coefficient times frontal area under water [m²].
        drag_area_m2: f64,
    },
    /// A barrier that the river runs through.
    Trap {
        /// Width that it covers [m].
        width_m: f64,
        /// Share of what comes by that it keeps.
        efficiency: f64,
        /// Speed of the surface [m/s].
        flow_m_s: f64,
    },
    /// People on a beach.
    Crew {
        /// How many.
        people: f64,
        /// Area that one clears in an hour [m²/h].
        m2_per_person_h: f64,
        /// Share of what lies there that they pick up.
        efficiency: f64,
    },
    /// People under water.
    Divers {
        /// How many.
        people: f64,
        /// Area that one clears in an hour under water [m²/h].
        m2_per_person_h: f64,
        /// Share of what lies there that they bring up.
        efficiency: f64,
    },
}

impl Gear {
    /// What registers call it.
    pub fn method(&self) -> Method {
        match self {
            Self::Net { .. } => Method::VesselNet,
            Self::Trap { .. } => Method::RiverTrap,
            Self::Crew { .. } => Method::BeachCleanup,
            Self::Divers { .. } => Method::UnderwaterCollection,
        }
    }

    /// Share of what it meets that it takes.
    pub fn efficiency(&self) -> f64 {
        match *self {
            Self::Net { efficiency, .. }
            | Self::Trap { efficiency, .. }
            | Self::Crew { efficiency, .. }
            | Self::Divers { efficiency, .. } => efficiency,
        }
    }

    /// Width that is towed over the water [m]; nothing for what stands or walks.
    pub fn swath_m(&self) -> Option<f64> {
        match self {
            Self::Net { swath_m, .. } => Some(*swath_m),
            Self::Trap { .. } | Self::Crew { .. } | Self::Divers { .. } => None,
        }
    }

    /// Area that it goes over in an hour [km²/h].
    ///
    /// ```text
    /// net: swath·speed through the water    trap: width·flow    people: number·area per person and hour
    /// ```
    ///
    /// Plastic drifts with the water, so speed over ground does not matter to a net.
    pub fn cleared_km2_per_h(&self, through_water_km_h: f64) -> f64 {
        match *self {
            Self::Net { swath_m, .. } => swath_m * 1e-3 * through_water_km_h,
            Self::Trap { width_m, flow_m_s, .. } => width_m * 1e-3 * flow_m_s * 3.6,
            Self::Crew { people, m2_per_person_h, .. } | Self::Divers { people, m2_per_person_h, .. } => {
                people * m2_per_person_h * 1e-6
            }
        }
    }

    /// What it takes up in an hour from a surface density [kg/h]: `density·area per hour·efficiency`.
    ///
    /// Limits: no towing speed at which plastic begins to slip under or past the net, no wave height; both are in the
    /// efficiency. Compared with what towed spans of The Ocean Cleanup brought up in `twin/tests/plastic.rs`.
    pub fn catch_kg_per_h(&self, density_kg_per_km2: f64, through_water_km_h: f64) -> f64 {
        density_kg_per_km2 * self.cleared_km2_per_h(through_water_km_h) * self.efficiency()
    }

    /// Power that towing it takes [W]: `½·ρ·C_d·A·v³`, sea water of 1025 kg/m³.
    pub fn tow_w(&self, through_water_m_s: f64) -> f64 {
        match *self {
            Self::Net { drag_area_m2, .. } => 0.5 * 1025.0 * drag_area_m2 * through_water_m_s.powi(3),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_methods_are_an_area_times_a_share() {
        let net = Gear::Net { swath_m: 800.0, efficiency: 0.5, drag_area_m2: 2.0 };
        assert!((net.cleared_km2_per_h(2.0) - 1.6).abs() < 1e-12);
        assert!((net.catch_kg_per_h(50.0, 2.0) - 40.0).abs() < 1e-12);
        assert!((net.tow_w(1.0) - 1025.0).abs() < 1e-9);
        let crew = Gear::Crew { people: 10.0, m2_per_person_h: 100.0, efficiency: 1.0 };
        // 5 g/m² on 1000 m² an hour.
        assert!((crew.catch_kg_per_h(5000.0, 99.0) - 5.0).abs() < 1e-12);
        let trap = Gear::Trap { width_m: 50.0, efficiency: 0.9, flow_m_s: 0.5 };
        assert!((trap.catch_kg_per_h(100.0, 0.0) - 0.05 * 1.8 * 100.0 * 0.9).abs() < 1e-12);
        assert_eq!(crew.method().name(), "beach_cleanup");
    }
}
