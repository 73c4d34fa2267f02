//! What batteries and plastic are made of, and amounts of it.

use serde::{Deserialize, Serialize};
use std::ops::{AddAssign, Index, IndexMut, SubAssign};

/// A material that is weighed and followed: resins of collected plastic, elements and parts of batteries.
///
/// Metals are counted as the element, whatever compound they come in; what is bound to them (oxygen, phosphate,
/// sulphate) is [`Material::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Material {
    /// Polyethylene terephthalate, resin code 1.
    Pet,
    /// High-density polyethylene, 2.
    Hdpe,
    /// Polyvinyl chloride, 3.
    Pvc,
    /// Low-density polyethylene, 4.
    Ldpe,
    /// Polypropylene, 5; of batteries the cases.
    Pp,
    /// Polystyrene, 6.
    Ps,
    /// Any other plastic, 7.
    OtherPlastic,
    /// Pieces below 5 mm, whatever the resin.
    Microplastic,
    /// Lithium.
    Lithium,
    /// Nickel.
    Nickel,
    /// Cobalt.
    Cobalt,
    /// Manganese.
    Manganese,
    /// Copper.
    Copper,
    /// Aluminium.
    Aluminium,
    /// Graphite, natural or synthetic.
    Graphite,
    /// Lead.
    Lead,
    /// Steel and iron parts.
    Steel,
    /// Electrolyte of lithium cells: solvents and salt.
    Electrolyte,
    /// Dilute sulphuric acid.
    Acid,
    /// Everything else: oxygen of the cathode, phosphate, binders, separators, electronics.
    Other,
}

/// Number of materials.
pub const MATERIALS: usize = 20;

impl Material {
    /// All materials, in the order in which amounts are kept.
    pub const ALL: [Self; MATERIALS] = [
        Self::Pet,
        Self::Hdpe,
        Self::Pvc,
        Self::Ldpe,
        Self::Pp,
        Self::Ps,
        Self::OtherPlastic,
        Self::Microplastic,
        Self::Lithium,
        Self::Nickel,
        Self::Cobalt,
        Self::Manganese,
        Self::Copper,
        Self::Aluminium,
        Self::Graphite,
        Self::Lead,
        Self::Steel,
        Self::Electrolyte,
        Self::Acid,
        Self::Other,
    ];

    /// Name in data files and results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pet => "pet",
            Self::Hdpe => "hdpe",
            Self::Pvc => "pvc",
            Self::Ldpe => "ldpe",
            Self::Pp => "pp",
            Self::Ps => "ps",
            Self::OtherPlastic => "other_plastic",
            Self::Microplastic => "microplastic",
            Self::Lithium => "lithium",
            Self::Nickel => "nickel",
            Self::Cobalt => "cobalt",
            Self::Manganese => "manganese",
            Self::Copper => "copper",
            Self::Aluminium => "aluminium",
            Self::Graphite => "graphite",
            Self::Lead => "lead",
            Self::Steel => "steel",
            Self::Electrolyte => "electrolyte",
            Self::Acid => "acid",
            Self::Other => "other",
        }
    }

    /// Whether it is a metal.
    #[must_use]
    pub fn is_metal(self) -> bool {
        matches!(
            self,
            Self::Lithium
                | Self::Nickel
                | Self::Cobalt
                | Self::Manganese
                | Self::Copper
                | Self::Aluminium
                | Self::Lead
                | Self::Steel
        )
    }

    /// Whether it is plastic as it is collected and sorted.
    #[must_use]
    pub fn is_resin(self) -> bool {
        self as usize <= Self::Microplastic as usize
    }
}

/// Amounts of every material [kg].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Masses([f64; MATERIALS]);

impl Default for Masses {
    fn default() -> Self {
        Self([0.0; MATERIALS])
    }
}

impl Masses {
    /// These amounts [kg]; amounts of one material are added.
    pub fn of(amounts: impl IntoIterator<Item = (Material, f64)>) -> Self {
        let mut masses = Self::default();
        for (material, kg) in amounts {
            masses[material] += kg;
        }
        masses
    }

    /// All materials together [kg].
    #[must_use]
    pub fn total_kg(&self) -> f64 {
        self.0.iter().sum()
    }

    /// Metals together [kg].
    #[must_use]
    pub fn metals_kg(&self) -> f64 {
        self.iter().filter(|(material, _)| material.is_metal()).map(|(_, kg)| kg).sum()
    }

    /// Materials in order with their amounts.
    pub fn iter(&self) -> impl Iterator<Item = (Material, f64)> + '_ {
        Material::ALL.into_iter().map(|material| (material, self[material]))
    }

    /// Materials of which there is any.
    pub fn present(&self) -> impl Iterator<Item = (Material, f64)> + '_ {
        self.iter().filter(|(_, kg)| *kg > 0.0)
    }

    /// So many times as much of everything.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        Self(self.0.map(|kg| kg * factor))
    }

    /// The share of each material given by `share`, and what is left.
    #[must_use]
    pub fn split(&self, share: &Shares) -> (Self, Self) {
        let (mut taken, mut left) = (Self::default(), Self::default());
        for (material, kg) in self.iter() {
            taken[material] = kg * share.0[material as usize];
            left[material] = kg - taken[material];
        }
        (taken, left)
    }

    /// Whether every amount is a number and none is negative.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.0.iter().all(|kg| kg.is_finite() && *kg >= 0.0)
    }
}

impl Index<Material> for Masses {
    type Output = f64;
    fn index(&self, material: Material) -> &f64 {
        &self.0[material as usize]
    }
}

impl IndexMut<Material> for Masses {
    fn index_mut(&mut self, material: Material) -> &mut f64 {
        &mut self.0[material as usize]
    }
}

impl AddAssign for Masses {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }
}

impl SubAssign for Masses {
    fn sub_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a -= b);
    }
}

/// A share of each material, 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares([f64; MATERIALS]);

impl Shares {
    /// The same share of everything.
    #[must_use]
    pub fn uniform(share: f64) -> Self {
        Self([share; MATERIALS])
    }

    /// These shares, and none of what is not named.
    pub fn of(shares: impl IntoIterator<Item = (Material, f64)>) -> Self {
        let mut all = Self::uniform(0.0);
        for (material, share) in shares {
            all.0[material as usize] = share;
        }
        all
    }

    /// The share of one material.
    #[must_use]
    pub fn get(&self, material: Material) -> f64 {
        self.0[material as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn materials_are_kept_in_their_order_and_named_once() {
        for (index, material) in Material::ALL.into_iter().enumerate() {
            assert_eq!(material as usize, index);
            let text = format!("material = \"{}\"", material.name());
            assert_eq!(toml::from_str::<Holder>(&text).unwrap().material, material);
        }
    }

    #[derive(Deserialize)]
    struct Holder {
        material: Material,
    }

    #[test]
    fn a_split_loses_nothing() {
        let masses = Masses::of([(Material::Nickel, 3.0), (Material::Other, 0.7), (Material::Nickel, 1.0)]);
        let (taken, left) = masses.split(&Shares::of([(Material::Nickel, 0.95)]));
        assert_eq!(taken[Material::Nickel], 3.8);
        assert_eq!(taken.total_kg() + left.total_kg(), masses.total_kg());
        assert_eq!(masses.metals_kg(), 4.0);
    }
}
