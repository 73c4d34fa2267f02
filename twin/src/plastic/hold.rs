//! A hold, a skip, a stack of bags: room for plastic, by mass and by volume.

use super::factors::BULK_KG_PER_M3;
use super::material::Material;
use serde::{Deserialize, Serialize};

/// Room for plastic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HoldModel {
    /// Most that it may carry [kg].
    pub mass_max_kg: f64,
    /// Most that it has room for [m³].
    pub volume_max_m3: f64,
    /// How densely plastic lies in it [kg/m³].
    pub bulk_kg_per_m3: f64,
}

impl HoldModel {
    /// A hold limited by mass alone.
    pub fn of_mass(mass_max_kg: f64) -> Self {
        Self { mass_max_kg, volume_max_m3: mass_max_kg / BULK_KG_PER_M3, bulk_kg_per_m3: BULK_KG_PER_M3 }
    }

    /// What fills it, by mass or by volume, whichever is reached first [kg].
    pub fn capacity_kg(&self) -> f64 {
        self.mass_max_kg.min(self.volume_max_m3 * self.bulk_kg_per_m3)
    }

    /// Volume of an amount in it [m³].
    pub fn volume_m3(&self, contents: &Material) -> f64 {
        contents.mass_kg() / self.bulk_kg_per_m3
    }

    /// What still goes in [kg], never negative.
    pub fn room_kg(&self, contents: &Material) -> f64 {
        (self.capacity_kg() - contents.mass_kg()).max(0.0)
    }

    /// Share that is full.
    pub fn filled(&self, contents: &Material) -> f64 {
        contents.mass_kg() / self.capacity_kg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plastic::material::{Condition, Resin};

    #[test]
    fn the_nearer_limit_fills_it() {
        let hold = HoldModel { mass_max_kg: 500.0, volume_max_m3: 4.0, bulk_kg_per_m3: 100.0 };
        let contents = Material::of(Resin::Pp, Condition::Good, 100.0);
        assert_eq!(
            (hold.capacity_kg(), hold.room_kg(&contents), hold.filled(&contents)),
            (400.0, 300.0, 0.25)
        );
        assert_eq!(hold.volume_m3(&contents), 1.0);
        // 45.5 kg in a hold for 500.
        let seed = HoldModel::of_mass(500.0);
        assert!((100.0 * seed.filled(&contents.times(0.455)) - 9.1).abs() < 1e-12);
    }
}
