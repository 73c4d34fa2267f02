//! What plastic is made of: mass by resin and condition.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Resins by their identification code (ASTM D7611), 1 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Resin {
    /// 1: polyethylene terephthalate.
    Pet,
    /// 2: high-density polyethylene.
    Hdpe,
    /// 3: polyvinyl chloride.
    Pvc,
    /// 4: low-density polyethylene.
    Ldpe,
    /// 5: polypropylene.
    Pp,
    /// 6: polystyrene.
    Ps,
    /// 7: everything else, nylon of fishing nets included.
    Other,
}

impl Resin {
    /// All, in the order of their codes.
    pub const ALL: [Resin; 7] =
        [Self::Pet, Self::Hdpe, Self::Pvc, Self::Ldpe, Self::Pp, Self::Ps, Self::Other];

    /// Its name in capitals.
    pub fn name(self) -> &'static str {
        ["PET", "HDPE", "PVC", "LDPE", "PP", "PS", "OTHER"][self as usize]
    }
}

impl fmt::Display for Resin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no resin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no resin: PET, HDPE, PVC, LDPE, PP, PS, OTHER, or a code from 1 to 7")]
pub struct NoResin(pub String);

impl FromStr for Resin {
    type Err = NoResin;

    /// Reads a name or a code.
    fn from_str(text: &str) -> Result<Self, NoResin> {
        let by_code = text.parse::<usize>().ok().and_then(|code| Self::ALL.get(code.wrapping_sub(1)));
        let by_name = || Self::ALL.iter().find(|resin| resin.name() == text);
        by_code.or_else(by_name).copied().ok_or_else(|| NoResin(text.to_owned()))
    }
}

/// How far gone it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Clean and sound.
    Good,
    /// Sound, and fouled or mixed.
    Contaminated,
    /// Brittle from light and salt.
    Degraded,
    /// Pieces below 5 mm.
    Microplastic,
}

impl Condition {
    /// All, best first.
    pub const ALL: [Condition; 4] = [Self::Good, Self::Contaminated, Self::Degraded, Self::Microplastic];
}

/// An amount of plastic, by resin and condition.
///
/// Amounts are only ever added, or parted so that part and rest add up to the whole: mass is neither made nor lost
/// but for rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Material {
    kg: [[f64; 4]; 7],
    /// Of the whole, fishing gear [kg].
    net_kg: f64,
}

impl Material {
    /// Nothing.
    pub const NONE: Material = Material { kg: [[0.0; 4]; 7], net_kg: 0.0 };

    /// So much of one resin in one condition.
    pub fn of(resin: Resin, condition: Condition, mass_kg: f64) -> Self {
        let mut material = Self::NONE;
        material.put(resin, condition, mass_kg);
        material
    }

    /// A kilogram of a mixture: shares by resin (what is missing to 1 counts as [`Resin::Other`]), each in the same
    /// mixture of conditions (what is missing counts as degraded), with a share of fishing gear.
    ///
    /// # Errors
    /// When shares are negative, not finite or more than the whole.
    pub fn mixture(
        resins: &[(Resin, f64)],
        conditions: &[(Condition, f64)],
        nets: f64,
    ) -> Result<Self, BadMixture> {
        let of_resins = sum_of_shares(resins.iter().map(|(_, share)| *share))?;
        let of_conditions = sum_of_shares(conditions.iter().map(|(_, share)| *share))?;
        if of_resins > 1.0 + 1e-9 || of_conditions > 1.0 + 1e-9 || !(0.0..=1.0).contains(&nets) {
            return Err(BadMixture);
        }
        let mut material = Self { net_kg: nets, ..Self::NONE };
        let rest = [(Resin::Other, (1.0 - of_resins).max(0.0))];
        for (resin, share) in resins.iter().chain(&rest) {
            for (condition, part) in conditions {
                material.put(*resin, *condition, share * part);
            }
            material.put(*resin, Condition::Degraded, share * (1.0 - of_conditions).max(0.0));
        }
        Ok(material)
    }

    fn put(&mut self, resin: Resin, condition: Condition, mass_kg: f64) {
        self.kg[resin as usize][condition as usize] += mass_kg;
    }

    /// Mass in all [kg].
    pub fn mass_kg(&self) -> f64 {
        self.kg.iter().flatten().sum()
    }

    /// Mass of one resin [kg].
    pub fn of_resin_kg(&self, resin: Resin) -> f64 {
        self.kg[resin as usize].iter().sum()
    }

    /// Mass of one resin in one condition [kg].
    pub fn amount_kg(&self, resin: Resin, condition: Condition) -> f64 {
        self.kg[resin as usize][condition as usize]
    }

    /// Mass of fishing gear [kg].
    pub fn net_kg(&self) -> f64 {
        self.net_kg
    }

    /// The same, and so much fishing gear in it.
    pub fn with_nets(self, net_kg: f64) -> Self {
        Self { net_kg, ..self }
    }

    /// Whether every amount is a number and none is negative.
    pub fn is_sound(&self) -> bool {
        let sound = |kg: &f64| kg.is_finite() && *kg >= 0.0;
        self.kg.iter().flatten().all(sound) && sound(&self.net_kg)
    }

    /// Adds another amount.
    pub fn add(&mut self, other: &Material) {
        for (mine, theirs) in self.kg.iter_mut().flatten().zip(other.kg.iter().flatten()) {
            *mine += theirs;
        }
        self.net_kg += other.net_kg;
    }

    /// Everything times a factor.
    pub fn times(&self, factor: f64) -> Material {
        let mut scaled = *self;
        scaled.kg.iter_mut().flatten().for_each(|kg| *kg *= factor);
        scaled.net_kg *= factor;
        scaled
    }

    /// Takes a share out, and leaves the rest. All of it leaves exactly nothing.
    pub fn take(&mut self, share: f64) -> Material {
        if share >= 1.0 {
            return std::mem::take(self);
        }
        let part = self.times(share.max(0.0));
        self.subtract(&part);
        part
    }

    /// Takes a share of every resin and condition out, given by a function, and leaves the rest. Fishing gear goes
    /// with the mass.
    pub fn sort(&mut self, share: impl Fn(Resin, Condition) -> f64) -> Material {
        let mut part = Self::NONE;
        let whole_kg = self.mass_kg();
        for resin in Resin::ALL {
            for condition in Condition::ALL {
                let kg = self.amount_kg(resin, condition) * share(resin, condition).clamp(0.0, 1.0);
                part.put(resin, condition, kg);
            }
        }
        if whole_kg > 0.0 {
            part.net_kg = self.net_kg * part.mass_kg() / whole_kg;
        }
        self.subtract(&part);
        part
    }

    /// Takes an amount out that is part of it; what rounding leaves below nothing is nothing.
    fn subtract(&mut self, part: &Material) {
        for (mine, taken) in self.kg.iter_mut().flatten().zip(part.kg.iter().flatten()) {
            *mine = (*mine - taken).max(0.0);
        }
        self.net_kg = (self.net_kg - part.net_kg).max(0.0);
    }

    /// Whether another amount is the same within a tolerance relative to the mass.
    pub fn is_about(&self, other: &Material, tolerance: f64) -> bool {
        let scale = self.mass_kg().max(other.mass_kg()).max(f64::MIN_POSITIVE);
        let mut pairs = self.kg.iter().flatten().zip(other.kg.iter().flatten());
        pairs.all(|(a, b)| (a - b).abs() <= tolerance * scale)
            && (self.net_kg - other.net_kg).abs() <= tolerance * scale
    }
}

/// The sum of shares, if all are fractions.
fn sum_of_shares(mut shares: impl Iterator<Item = f64>) -> Result<f64, BadMixture> {
    let add = |sum: f64, share: f64| (share.is_finite() && share >= 0.0).then_some(sum + share);
    shares.try_fold(0.0, add).ok_or(BadMixture)
}

/// Shares that make no mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("shares of a mixture are fractions that add up to 1 at most")]
pub struct BadMixture;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resins_are_read_by_name_and_code() {
        assert_eq!("HDPE".parse(), Ok(Resin::Hdpe));
        assert_eq!("7".parse(), Ok(Resin::Other));
        assert!(
            "0".parse::<Resin>().is_err() && "8".parse::<Resin>().is_err() && "pet".parse::<Resin>().is_err()
        );
    }

    #[test]
    fn part_and_rest_are_the_whole() {
        let mix = Material::mixture(
            &[(Resin::Pp, 0.3), (Resin::Pet, 0.2)],
            &[(Condition::Good, 0.25), (Condition::Contaminated, 0.5)],
            0.4,
        );
        let mut whole = mix.unwrap().times(80.0);
        assert!((whole.mass_kg() - 80.0).abs() < 1e-12);
        assert!((whole.of_resin_kg(Resin::Other) - 40.0).abs() < 1e-12);
        assert!((whole.amount_kg(Resin::Pp, Condition::Degraded) - 6.0).abs() < 1e-12);
        let before = whole;
        let mut part = whole.take(0.3);
        let sorted = part.sort(|resin, _| if resin == Resin::Pp { 0.9 } else { 0.0 });
        assert!((sorted.mass_kg() - 0.3 * 80.0 * 0.3 * 0.9).abs() < 1e-12);
        part.add(&sorted);
        part.add(&whole);
        assert!(part.is_about(&before, 1e-12));
        assert_eq!(whole.take(1.0).mass_kg() + whole.mass_kg(), part.mass_kg() - 24.0);
        assert_eq!(whole, Material::NONE);
    }

    #[test]
    fn shares_beyond_the_whole_are_no_mixture() {
        assert!(Material::mixture(&[(Resin::Pp, 0.7), (Resin::Pet, 0.4)], &[], 0.0).is_err());
        assert!(Material::mixture(&[(Resin::Pp, -0.1)], &[], 0.0).is_err());
        assert!(Material::mixture(&[], &[(Condition::Good, f64::NAN)], 0.0).is_err());
    }
}
