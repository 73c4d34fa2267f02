//! What a batch is declared to be when it is registered: a weight, and shares of it by resin.
//!
//! Scales round and so do people: a declared weight of a resin may differ from its share of the whole by a little. What
//! the shares leave open is kept as [`Resin::Other`], so that the parts always make the whole.

use super::material::{Condition, Material, Resin};

/// A part's weight may be off its share of the whole by so much [kg] …
pub const PART_TOLERANCE_KG: f64 = 0.05;
/// … or by this share of the whole, whichever is more.
pub const PART_TOLERANCE: f64 = 0.01;
/// Percentages may add up to so much.
pub const PERCENT_MAX: f64 = 100.5;
/// Heaviest batch [kg]. assumed: more than any vessel brings in at a time.
pub const MASS_MAX_KG: f64 = 1e7;

/// A part of a batch as it is declared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// What it is made of.
    pub resin: Resin,
    /// How far gone it is.
    pub condition: Condition,
    /// Share of the whole [%].
    pub percent: f64,
    /// Weight [kg].
    pub mass_kg: f64,
}

/// Why a declaration does not add up.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Mismatch {
    /// A weight that is none.
    #[error("a weight of {mass_kg} kg makes no sense")]
    NoWeight {
        /// What was given.
        mass_kg: f64,
    },
    /// A share that is none.
    #[error("{percent} % of a batch makes no sense")]
    NoShare {
        /// What was given.
        percent: f64,
    },
    /// A part's weight is not its share of the whole.
    #[error("part {index}: {mass_kg} kg were given, and {percent} % of the whole are {expected_kg} kg")]
    Part {
        /// Place of the part, from 0.
        index: usize,
        /// Weight given.
        mass_kg: f64,
        /// Share given.
        percent: f64,
        /// Weight that the share is.
        expected_kg: f64,
    },
    /// The parts weigh more than the whole.
    #[error("parts of {parts_kg} kg are more than the whole of {total_kg} kg")]
    Sum {
        /// Weight of the parts.
        parts_kg: f64,
        /// Weight of the whole.
        total_kg: f64,
    },
    /// The shares are more than the whole.
    #[error("shares of {percent} % are more than the whole")]
    Shares {
        /// Their sum.
        percent: f64,
    },
}

/// The material of a declaration, as heavy as the whole.
///
/// ```text
/// |w_i − p_i·W| ≤ max(0.05 kg, 1 %·W)    Σ w_i ≤ 1.01·W    Σ p_i ≤ 100.5 %    other = W − Σ w_i
/// ```
///
/// # Errors
/// What does not add up.
pub fn material(total_kg: f64, parts: &[Part]) -> Result<Material, Mismatch> {
    if !(total_kg > 0.0 && total_kg <= MASS_MAX_KG) {
        return Err(Mismatch::NoWeight { mass_kg: total_kg });
    }
    let (mut parts_kg, mut percent) = (0.0, 0.0);
    let mut material = Material::NONE;
    for (index, part) in parts.iter().enumerate() {
        if !(part.mass_kg.is_finite() && part.mass_kg >= 0.0) {
            return Err(Mismatch::NoWeight { mass_kg: part.mass_kg });
        }
        if !(0.0..=100.0).contains(&part.percent) {
            return Err(Mismatch::NoShare { percent: part.percent });
        }
        let expected_kg = part.percent * 1e-2 * total_kg;
        let tolerance_kg = PART_TOLERANCE_KG.max(PART_TOLERANCE * total_kg) * (1.0 + 1e-9);
        if (part.mass_kg - expected_kg).abs() > tolerance_kg {
            let Part { mass_kg, percent, .. } = *part;
            return Err(Mismatch::Part { index, mass_kg, percent, expected_kg });
        }
        parts_kg += part.mass_kg;
        percent += part.percent;
        material.add(&Material::of(part.resin, part.condition, part.mass_kg));
    }
    if parts_kg > total_kg * (1.0 + PART_TOLERANCE) * (1.0 + 1e-9) {
        return Err(Mismatch::Sum { parts_kg, total_kg });
    }
    if percent > PERCENT_MAX * (1.0 + 1e-9) {
        return Err(Mismatch::Shares { percent });
    }
    if parts_kg > total_kg {
        // Within the scales' error: the whole is what was weighed at once.
        return Ok(material.times(total_kg / parts_kg));
    }
    // Nobody said how far gone the rest is; nothing comes of it anyway.
    material.add(&Material::of(Resin::Other, Condition::Contaminated, total_kg - parts_kg));
    Ok(material)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(resin: Resin, percent: f64, mass_kg: f64) -> Part {
        Part { resin, condition: Condition::Good, percent, mass_kg }
    }

    #[test]
    fn what_is_not_named_is_other() {
        let half = material(25.8, &[part(Resin::Pet, 50.0, 12.9)]).unwrap();
        assert!((half.mass_kg() - 25.8).abs() < 1e-12);
        assert!((half.of_resin_kg(Resin::Other) - 12.9).abs() < 1e-12);
        let whole = material(25.8, &[part(Resin::Pet, 50.0, 12.9), part(Resin::Pp, 50.0, 12.9)]).unwrap();
        assert_eq!((whole.of_resin_kg(Resin::Other), whole.of_resin_kg(Resin::Pp)), (0.0, 12.9));
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        let wrong = |total_kg, parts: &[Part]| material(total_kg, parts).unwrap_err();
        assert!(matches!(wrong(0.0, &[]), Mismatch::NoWeight { .. }));
        assert!(matches!(wrong(f64::NAN, &[]), Mismatch::NoWeight { .. }));
        assert!(matches!(wrong(10.0, &[part(Resin::Pp, 50.0, -1.0)]), Mismatch::NoWeight { .. }));
        assert!(matches!(wrong(10.0, &[part(Resin::Pp, 120.0, 12.0)]), Mismatch::NoShare { .. }));
        assert!(matches!(wrong(10.0, &[part(Resin::Pp, 50.0, 5.2)]), Mismatch::Part { index: 0, .. }));
        let three = [part(Resin::Pp, 50.0, 5.0), part(Resin::Pet, 50.0, 5.0), part(Resin::Ps, 3.0, 0.3)];
        assert!(matches!(wrong(10.0, &three), Mismatch::Sum { .. }));
        let light = [part(Resin::Pp, 50.6, 5.0), part(Resin::Pet, 50.6, 5.0)];
        assert!(matches!(wrong(10.0, &light), Mismatch::Shares { .. }));
    }

    proptest! {
        #[test]
        fn parts_always_make_the_whole(
            total_kg in 0.1..5_000.0f64, shares in proptest::collection::vec(0.0..30.0f64, 0..4),
            off in proptest::collection::vec(-0.9..0.9f64, 4),
        ) {
            let parts: Vec<Part> = shares.iter().zip(&off).map(|(percent, off)| {
                let mass_kg = (percent * 1e-2 * total_kg + off * 0.005 * total_kg).max(0.0);
                part(Resin::Hdpe, *percent, mass_kg)
            }).collect();
            let declared = material(total_kg, &parts).unwrap();
            prop_assert!((declared.mass_kg() - total_kg).abs() < 1e-9 * total_kg);
            prop_assert!(declared.is_sound());
        }
    }
}
