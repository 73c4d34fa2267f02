//! Targets, requirements and passport attributes of Regulation (EU) 2023/1542 as data.

use super::date::Date;
use super::factors::Confidence;
use super::material::Material;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Category of a battery in the sense of the regulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Light means of transport.
    Lmt,
    /// Electric vehicles.
    Ev,
    /// Industrial.
    Industrial,
    /// Starting, lighting, ignition.
    Sli,
    /// Portable.
    Portable,
}

/// Family of a battery in the sense of recycling targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Lead-acid.
    LeadAcid,
    /// Lithium-based.
    Lithium,
    /// Nickel-cadmium.
    NickelCadmium,
    /// Any other.
    Other,
}

/// What a target is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// Recycled mass over input.
    Efficiency,
    /// Recovered over contained, by material.
    Recovery,
    /// Recycled over all, of a material in a new battery.
    RecycledContent,
    /// Collected over placed on the market.
    Collection,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Name.
    pub rule: String,
    /// What it is about.
    pub goal: Goal,
    /// Family it holds for; all when absent.
    pub family: Option<Family>,
    /// Material it holds for.
    pub material: Option<Material>,
    /// Categories it holds for; all when empty.
    #[serde(default)]
    pub categories: Vec<Category>,
    /// What is asked, 0..=1.
    pub value: f64,
    /// From when on.
    pub applies_from: Date,
    /// How sure it is.
    pub confidence: Confidence,
}

/// Evidence that is there or not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Name of the rule.
    pub rule: String,
    /// Group of the score.
    pub group: String,
    /// What has to be there.
    pub evidence: String,
    /// From when on.
    pub applies_from: Date,
    /// Categories it holds for; all when empty.
    #[serde(default)]
    pub categories: Vec<Category>,
    /// Families it holds for; all when empty.
    #[serde(default)]
    pub families: Vec<Family>,
    /// Only for batteries that contain one of these; all when empty.
    #[serde(default)]
    pub needs_material: Vec<Material>,
}

/// A limit of Article 6.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Substance {
    /// Name of the rule.
    pub rule: String,
    /// What is limited.
    pub substance: String,
    /// Highest share of the mass [%].
    pub limit_pct: f64,
    /// Categories it holds for; all when empty.
    #[serde(default)]
    pub categories: Vec<Category>,
}

/// Article 14.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateOfHealth {
    /// Name of the rule.
    pub rule: String,
    /// From when on.
    pub applies_from: Date,
    /// How old data may be [d].
    pub fresh_days: f64,
    /// Categories it holds for.
    pub categories: Vec<Category>,
}

/// Article 77.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PassportRule {
    /// Name of the rule.
    pub rule: String,
    /// From when on.
    pub applies_from: Date,
    /// Industrial batteries above this energy need one [kWh].
    pub industrial_above_kwh: f64,
}

/// `factors/regulation.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regulation {
    /// Version of the set.
    pub set: String,
    /// Targets.
    pub targets: Vec<Target>,
    /// Weights of the groups of score CS-1.
    pub weights: BTreeMap<String, f64>,
    /// Evidence.
    pub documents: Vec<Document>,
    /// Limits.
    pub substances: Vec<Substance>,
    /// Article 14.
    pub state_of_health: StateOfHealth,
    /// Article 77.
    pub passport: PassportRule,
}

/// Who may read a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Anybody.
    Public,
    /// Those with a legitimate interest, about the model.
    Legitimate,
    /// Authorities.
    Authority,
    /// Those with a legitimate interest and the owner, about the individual battery.
    Individual,
}

/// How a data point comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Registered.
    Static,
    /// Computed from the twin.
    Computed,
}

/// Whether a passport is complete without a data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// It is not.
    Mandatory,
    /// It is.
    Optional,
}

/// A data point of the passport: clause, key, access, origin, need.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Attribute(pub String, pub String, pub Access, pub Origin, pub Need);

impl Attribute {
    /// Key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.1
    }

    /// Whether a passport is incomplete without it.
    #[must_use]
    pub fn is_mandatory(&self) -> bool {
        self.4 == Need::Mandatory
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeFile {
    set: String,
    attributes: Vec<Attribute>,
}

static REGULATION: LazyLock<Regulation> = LazyLock::new(|| {
    toml::from_str(include_str!("../../factors/regulation.toml"))
        .expect("a test reads every table that ships")
});
static ATTRIBUTES: LazyLock<AttributeFile> = LazyLock::new(|| {
    toml::from_str(include_str!("../../factors/attributes.toml"))
        .expect("a test reads every table that ships")
});

/// The rules.
pub fn regulation() -> &'static Regulation {
    &REGULATION
}

/// Data points of a passport.
pub fn attributes() -> &'static [Attribute] {
    &ATTRIBUTES.attributes
}

/// Version of the list of attributes.
pub fn attribute_set() -> &'static str {
    &ATTRIBUTES.set
}

/// Whether a rule for these (all when empty) holds for one.
pub(super) fn holds<T: PartialEq>(all: &[T], one: &T) -> bool {
    all.is_empty() || all.contains(one)
}

/// Targets of a goal for a family that apply on a day: of each material the latest.
pub fn targets(goal: Goal, family: Family, on: Date) -> Vec<&'static Target> {
    let applies = |target: &&Target| {
        target.goal == goal && target.family.is_none_or(|known| known == family) && target.applies_from <= on
    };
    latest(regulation().targets.iter().filter(applies))
}

/// Targets of recycled content or collection for a category that apply on a day: of each material the latest.
pub fn targets_of_category(goal: Goal, category: Category, on: Date) -> Vec<&'static Target> {
    let applies = |target: &&Target| {
        target.goal == goal && holds(&target.categories, &category) && target.applies_from <= on
    };
    latest(regulation().targets.iter().filter(applies))
}

fn latest<'t>(targets: impl Iterator<Item = &'t Target>) -> Vec<&'t Target> {
    let mut kept: BTreeMap<Option<Material>, &Target> = BTreeMap::new();
    for target in targets {
        let known = kept.entry(target.material).or_insert(target);
        if known.applies_from < target.applies_from {
            *known = target;
        }
    }
    kept.into_values().collect()
}

/// Whether a battery needs a passport when placed on the market on a day.
pub fn needs_passport(category: Category, energy_kwh: f64, on: Date) -> bool {
    let rule = &regulation().passport;
    on >= rule.applies_from
        && match category {
            Category::Lmt | Category::Ev => true,
            Category::Industrial => energy_kwh > rule.industrial_above_kwh,
            Category::Sli | Category::Portable => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn tables_read_and_name_known_groups_and_each_attribute_once() {
        let regulation = regulation();
        assert_eq!((regulation.set.as_str(), attribute_set()), ("2026.1", "2026.1"));
        for document in &regulation.documents {
            assert!(regulation.weights.contains_key(&document.group), "{}", document.rule);
        }
        assert_eq!(regulation.weights.values().sum::<f64>(), 100.0);
        let keys: BTreeSet<&str> = attributes().iter().map(Attribute::key).collect();
        assert_eq!(keys.len(), attributes().len());
    }

    #[test]
    fn of_two_targets_the_later_one_holds_once_it_applies() {
        let lithium = |on| {
            let all = targets(Goal::Recovery, Family::Lithium, on);
            all.iter().find(|t| t.material == Some(Material::Lithium)).map(|t| t.value)
        };
        assert_eq!(lithium(Date::of(2027, 12, 30)), None);
        assert_eq!(lithium(Date::of(2027, 12, 31)), Some(0.50));
        assert_eq!(lithium(Date::of(2032, 1, 1)), Some(0.80));
    }

    #[test]
    fn passports_are_for_lmt_ev_and_larger_industrial_batteries() {
        let day = Date::of(2027, 2, 18);
        assert!(needs_passport(Category::Lmt, 0.5, day));
        assert!(!needs_passport(Category::Lmt, 0.5, Date::of(2027, 2, 17)));
        // One 12 V 120 Ah block: 1.44 kWh; a string of 24: 34.56 kWh.
        assert!(!needs_passport(Category::Industrial, 1.44, day));
        assert!(needs_passport(Category::Industrial, 34.56, day));
        assert!(!needs_passport(Category::Portable, 5.0, day));
    }
}
