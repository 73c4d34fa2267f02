//! Materials and where they come from.

use super::record::{MaterialSource, Passport};
use super::{PassportError, Passports, year};
use crate::identity::Visibility;
use crate::platform::EventSight;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use twin::passport::date::Date;
use twin::passport::material::{Masses, Material};
use twin::passport::sourcing::{self, Source, Verification};
use twin::time::Time;

/// Shares of a battery's mass may add up to so much [%].
const SUM_MAX_PCT: f64 = 100.5;
/// Most sources of one battery.
const SOURCES_MAX: usize = 1_000;

/// A material and its source as they are reported.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewMaterial {
    /// Name.
    pub name: String,
    /// Symbol.
    pub symbol: Option<String>,
    /// Share of the battery's mass [%].
    pub share_pct: Option<f64>,
    /// Mass [kg].
    pub mass_kg: Option<f64>,
    /// Recycled before anybody used it, share of this material, 0 to 1.
    pub recycled_pre: Option<f64>,
    /// Recycled after use, share of this material, 0 to 1.
    pub recycled_post: Option<f64>,
    /// Country of origin, two letters.
    pub country: String,
    /// Mine.
    pub mine: Option<String>,
    /// Who supplied it.
    pub supplier: String,
    /// Certificates.
    pub certifications: Vec<String>,
    /// Until when they hold.
    pub certified_until: Option<Date>,
    /// Whether the supplier says that it was sourced ethically.
    pub ethical: Option<bool>,
    /// Whether the supplier says that it is free of conflict.
    pub conflict_free: Option<bool>,
}

/// What can be shown of a battery's supply chain.
#[derive(Debug, Clone)]
pub struct SupplyChain {
    /// The passport.
    pub passport: Passport,
    /// What can be shown.
    pub verification: Verification,
    /// When it was looked at.
    pub at: Time,
}

/// Materials with the facts behind them.
#[derive(Debug, Clone)]
pub struct Traced {
    /// The passport.
    pub passport: Passport,
    /// Each source, with the hash of its fact in the chain: `0x…`.
    pub materials: Vec<(MaterialSource, Option<String>)>,
    /// Mass of what due diligence is about with a source on record, over what is in the battery.
    pub coverage: f64,
}

/// The material of a name or symbol, where tables know it.
pub(super) fn material_of(name: &str, symbol: Option<&str>) -> Option<Material> {
    let symbols = [
        ("li", Material::Lithium),
        ("ni", Material::Nickel),
        ("co", Material::Cobalt),
        ("mn", Material::Manganese),
        ("cu", Material::Copper),
        ("al", Material::Aluminium),
        ("c", Material::Graphite),
        ("pb", Material::Lead),
        ("fe", Material::Steel),
    ];
    let plain = name.trim().to_lowercase().replace([' ', '-'], "_");
    let by_name = Material::ALL.into_iter().find(|material| material.name() == plain);
    let spelled = match plain.as_str() {
        "aluminum" => Some(Material::Aluminium),
        "iron" => Some(Material::Steel),
        "natural_graphite" | "synthetic_graphite" => Some(Material::Graphite),
        _ => None,
    };
    by_name.or(spelled).or_else(|| {
        let symbol = symbol.unwrap_or(name).trim().to_lowercase();
        symbols.into_iter().find(|(known, _)| *known == symbol).map(|(_, material)| material)
    })
}

impl NewMaterial {
    fn check(&self, passport: &Passport) -> Result<(), PassportError> {
        for (field, text) in [("name", &self.name), ("source.supplier", &self.supplier)] {
            if text.trim().is_empty() || text.len() > 150 {
                return Err(PassportError::unfit(field, "has to be 1 to 150 bytes of text"));
            }
        }
        if !(self.country.len() == 2 && self.country.bytes().all(|byte| byte.is_ascii_uppercase())) {
            let reason = format!("{:?} is no code of ISO 3166 of two letters", self.country);
            return Err(PassportError::unfit("source.country", reason));
        }
        let shares = [
            ("recycledContent.preConsumer", self.recycled_pre.map(|share| 100.0 * share)),
            ("recycledContent.postConsumer", self.recycled_post.map(|share| 100.0 * share)),
            ("percentage", self.share_pct),
        ];
        for (field, share) in shares {
            if let Some(share) = share.filter(|share| !(0.0..=100.0).contains(share)) {
                return Err(PassportError::unfit(field, format!("{share} is not between 0 and 100")));
            }
        }
        if self.recycled_pre.unwrap_or(0.0) + self.recycled_post.unwrap_or(0.0) > 1.0 + 1e-9 {
            let reason = "shares before and after use are more than 100 together";
            return Err(PassportError::unfit("recycledContent", reason));
        }
        if let Some(kg) = self.mass_kg.filter(|kg| !(*kg > 0.0 && *kg <= 1e6)) {
            return Err(PassportError::unfit("weight", format!("{kg} is not above 0 and up to 1000000")));
        }
        let sum: f64 = passport.materials.iter().filter_map(|known| known.given.share_pct).sum::<f64>()
            + self.share_pct.unwrap_or(0.0);
        if sum > SUM_MAX_PCT {
            let reason =
                format!("with those on record it is {sum:.1} % of the battery, and more than {SUM_MAX_PCT}");
            return Err(PassportError::unfit("percentage", reason));
        }
        if passport.materials.len() >= SOURCES_MAX {
            return Err(PassportError::state(format!("there are {SOURCES_MAX} sources already")));
        }
        Ok(())
    }
}

/// What can be shown of a passport on a day.
pub(super) fn verified(passport: &Passport, on: Date) -> Verification {
    let battery_kg = passport.mass_kg();
    let sources: Vec<Source> = passport
        .materials
        .iter()
        .filter_map(|known| {
            let given = &known.given;
            Some(Source {
                material: known.material?,
                mass_kg: given.mass_kg.or_else(|| Some(battery_kg? * given.share_pct? / 100.0)),
                supplier: given.supplier.clone(),
                certifications: given.certifications.clone(),
                certified_until: given.certified_until,
                adverse: given.ethical == Some(false) || given.conflict_free == Some(false),
            })
        })
        .collect();
    sourcing::verify(&concerned(passport), &sources, on)
}

/// Contents that due diligence is about: of graphite only what is natural.
fn concerned(passport: &Passport) -> Masses {
    let mut contents = passport.contents();
    if passport.chemistry.anode.to_lowercase().contains("synthetic") {
        contents[Material::Graphite] = 0.0;
    }
    contents
}

impl Passports {
    /// Adds a material and its source.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn add_material(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewMaterial,
        by: &str,
    ) -> Result<(Passport, MaterialSource, String), PassportError> {
        let now = self.now();
        let kept = self
            .change(name, visible, by, |passport, draft| {
                new.check(passport)?;
                passport.numbers.materials += 1;
                let source = MaterialSource {
                    id: format!("MAT-{:04}-{:04}", year(now), passport.numbers.materials),
                    material: material_of(&new.name, new.symbol.as_deref()),
                    given: new.clone(),
                    recorded_at: now,
                    revision: draft.revision,
                };
                passport.materials.push(source.clone());
                draft.fact("material.added", json!(source));
                Ok(source)
            })
            .await?;
        Ok((kept.passport, kept.answer, kept.hash))
    }

    /// What can be shown of a battery's supply chain today.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn supply_chain(&self, name: &str, visible: &Visibility) -> Result<SupplyChain, PassportError> {
        let passport = self.find(name, visible).await?;
        Ok(SupplyChain { verification: verified(&passport, self.today()), passport, at: self.now() })
    }

    /// Materials of a battery with their sources and the facts behind them; of one name where one is given.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn traced(
        &self,
        name: &str,
        visible: &Visibility,
        material: Option<&str>,
    ) -> Result<Traced, PassportError> {
        let passport = self.find(name, visible).await?;
        let hashes: BTreeMap<u64, String> = self
            .facts(&passport)
            .await?
            .into_iter()
            .map(|fact: EventSight| (fact.revision, fact.hash))
            .collect();
        let wanted = |source: &&MaterialSource| {
            material.is_none_or(|wanted| {
                source.given.name.eq_ignore_ascii_case(wanted)
                    || source
                        .given
                        .symbol
                        .as_deref()
                        .is_some_and(|symbol| symbol.eq_ignore_ascii_case(wanted))
                    || (source.material.is_some() && source.material == material_of(wanted, None))
            })
        };
        let materials = passport
            .materials
            .iter()
            .filter(wanted)
            .map(|source| (source.clone(), hashes.get(&source.revision).map(|hash| format!("0x{hash}"))));
        let (materials, coverage) = (materials.collect(), verified(&passport, self.today()).coverage);
        Ok(Traced { materials, coverage, passport })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn materials_are_known_by_name_and_symbol() {
        assert_eq!(material_of("Cobalt", None), Some(Material::Cobalt));
        assert_eq!(material_of("Aluminum", None), Some(Material::Aluminium));
        assert_eq!(material_of("active metal", Some("Ni")), Some(Material::Nickel));
        assert_eq!(material_of("natural graphite", None), Some(Material::Graphite));
        assert_eq!(material_of("unobtainium", None), None);
    }

    #[test]
    fn a_source_is_kept_flat() {
        // As it has always been kept: what was reported stands beside what was found out.
        let kept = serde_json::json!({
            "id": "MAT-2025-0001", "name": "Cobalt", "symbol": "Co", "material": "cobalt", "share_pct": 8.0,
            "mass_kg": 20.0, "recycled_pre": 0.05, "recycled_post": 0.15, "country": "CD", "mine": "Mutanda",
            "supplier": "Glen", "certifications": ["RMI"], "certified_until": null, "ethical": true,
            "conflict_free": null, "recorded_at": 1_736_942_400_000_i64, "revision": 4,
        });
        let source: MaterialSource = serde_json::from_value(kept.clone()).unwrap();
        assert_eq!((source.given.name.as_str(), source.given.share_pct), ("Cobalt", Some(8.0)));
        assert_eq!(serde_json::to_value(&source).unwrap(), kept);
    }
}
