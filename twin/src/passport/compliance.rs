//! How a battery stands against Regulation (EU) 2023/1542: findings rule by rule, and the score CS-1.
//!
//! ```text
//! score = 100·Σ w_g·(satisfied/applicable)_g / Σ w_g   over groups with applicable rules
//! ```
//!
//! Rules apply by the day the battery was placed on the market; those still to come are listed and not weighed.
//! The score is an engineering score of this platform: the regulation itself knows pass and fail only, and that
//! is [`Compliance::compliant`].

use super::date::Date;
use super::material::Material;
use super::regulation::{self, Category, Family, Goal, holds, regulation};
use std::collections::{BTreeMap, BTreeSet};

/// Name of the score.
pub const METHOD: &str = "CS-1";

/// What is known of a battery.
#[derive(Debug, Clone, PartialEq)]
pub struct Dossier {
    /// Category.
    pub category: Category,
    /// Family.
    pub family: Family,
    /// Rated energy [kWh].
    pub energy_kwh: f64,
    /// When it was placed on the market.
    pub placed: Date,
    /// When it is looked at.
    pub on: Date,
    /// Evidence that is there, by its name in the table.
    pub evidence: BTreeSet<String>,
    /// Measured substances [% of mass].
    pub substances_pct: BTreeMap<String, f64>,
    /// Materials in it.
    pub contains: BTreeSet<Material>,
    /// Recycled share of materials, where known.
    pub recycled: BTreeMap<Material, f64>,
    /// Day of the latest state-of-health record.
    pub soh_recorded: Option<Date>,
    /// Passport attributes that are filled in.
    pub attributes: BTreeSet<String>,
}

/// How a rule is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is.
    Satisfied,
    /// The evidence is not there.
    Missing,
    /// The evidence says that it is not.
    Failed,
}

/// One rule and how it is met.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Name of the rule.
    pub rule: String,
    /// Group of the score.
    pub group: String,
    /// How it is met.
    pub status: Status,
    /// What was seen.
    pub evidence: String,
    /// What is lacking; empty when nothing.
    pub gap: String,
}

/// A rule that will apply to batteries placed on the market later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// Name of the rule.
    pub rule: String,
    /// What it asks for.
    pub asks: String,
    /// From when on.
    pub applies_from: Date,
}

/// How a battery stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Compliance {
    /// Whether every rule that applies is satisfied.
    pub compliant: bool,
    /// 0..=100.
    pub score: f64,
    /// Rules that apply.
    pub findings: Vec<Finding>,
    /// Rules that do not yet.
    pub upcoming: Vec<Upcoming>,
    /// Share of mandatory passport attributes that are filled in, 0..=1.
    pub completeness: f64,
}

/// Evaluates a dossier.
#[must_use]
pub fn evaluate(dossier: &Dossier) -> Compliance {
    let mut review = Review { dossier, findings: Vec::new(), upcoming: Vec::new() };
    review.documents();
    review.substances();
    review.recycled_content();
    review.state_of_health();
    let completeness = review.passport();
    let Review { findings, mut upcoming, .. } = review;
    upcoming.sort_by_key(|rule| rule.applies_from);
    Compliance {
        compliant: findings.iter().all(|finding| finding.status == Status::Satisfied),
        score: score(&findings, completeness),
        findings,
        upcoming,
        completeness,
    }
}

/// The weighted score; of the passport it is its completeness that counts.
fn score(findings: &[Finding], completeness: f64) -> f64 {
    let (mut reached, mut weight) = (0.0, 0.0);
    for (group, w) in &regulation().weights {
        let of_group: Vec<&Finding> = findings.iter().filter(|finding| finding.group == *group).collect();
        if !of_group.is_empty() {
            let satisfied = of_group.iter().filter(|finding| finding.status == Status::Satisfied).count();
            let share =
                if group == "passport" { completeness } else { satisfied as f64 / of_group.len() as f64 };
            reached += w * share;
            weight += w;
        }
    }
    if weight > 0.0 { 100.0 * reached / weight } else { 100.0 }
}

struct Review<'a> {
    dossier: &'a Dossier,
    findings: Vec<Finding>,
    upcoming: Vec<Upcoming>,
}

impl Review<'_> {
    fn find(&mut self, rule: &str, group: &str, status: Status, evidence: String, gap: String) {
        self.findings.push(Finding { rule: rule.into(), group: group.into(), status, evidence, gap });
    }

    fn later(&mut self, rule: &str, asks: String, applies_from: Date) {
        self.upcoming.push(Upcoming { rule: rule.into(), asks, applies_from });
    }

    fn documents(&mut self) {
        let dossier = self.dossier;
        for document in &regulation().documents {
            let needed = document.needs_material.is_empty()
                || document.needs_material.iter().any(|material| dossier.contains.contains(material));
            if !(holds(&document.categories, &dossier.category)
                && holds(&document.families, &dossier.family)
                && needed)
            {
                continue;
            }
            let asks = document.evidence.replace('_', " ");
            if document.applies_from > dossier.placed {
                self.later(&document.rule, asks, document.applies_from);
            } else if dossier.evidence.contains(&document.evidence) {
                self.find(&document.rule, &document.group, Status::Satisfied, asks, String::new());
            } else {
                let gap = format!("{asks} is not on record");
                self.find(&document.rule, &document.group, Status::Missing, "none".into(), gap);
            }
        }
    }

    fn substances(&mut self) {
        let dossier = self.dossier;
        for limit in regulation().substances.iter().filter(|l| holds(&l.categories, &dossier.category)) {
            let (status, evidence, gap) = match dossier.substances_pct.get(&limit.substance) {
                None => (Status::Missing, "none".into(), format!("{} was not measured", limit.substance)),
                Some(pct) if *pct <= limit.limit_pct => {
                    (Status::Satisfied, format!("{pct} %, at most {}", limit.limit_pct), String::new())
                }
                Some(pct) => (
                    Status::Failed,
                    format!("{pct} %"),
                    format!("{} exceeds {} %", limit.substance, limit.limit_pct),
                ),
            };
            self.find(&limit.rule, "substances", status, evidence, gap);
        }
    }

    fn recycled_content(&mut self) {
        let dossier = self.dossier;
        let concerns = |target: &&regulation::Target| {
            target.material.is_some_and(|material| dossier.contains.contains(&material))
        };
        let due = regulation::targets_of_category(Goal::RecycledContent, dossier.category, dossier.placed);
        for target in due.into_iter().filter(concerns) {
            let Some(material) = target.material else { continue };
            let name = material.name();
            let asked = 100.0 * target.value;
            let (status, evidence, gap) = match dossier.recycled.get(&material) {
                None => {
                    (Status::Missing, "none".into(), format!("recycled share of {name} is not on record"))
                }
                Some(share) if *share >= target.value => (
                    Status::Satisfied,
                    format!("{:.1} % of {name}, at least {asked:.0}", 100.0 * share),
                    String::new(),
                ),
                Some(share) => (
                    Status::Failed,
                    format!("{:.1} % of {name}", 100.0 * share),
                    format!("{name} lacks {:.1} points of {asked:.0} %", asked - 100.0 * share),
                ),
            };
            self.find(&target.rule, "recycled_content", status, evidence, gap);
        }
        for target in regulation().targets.iter().filter(concerns) {
            if target.goal == Goal::RecycledContent
                && holds(&target.categories, &dossier.category)
                && target.applies_from > dossier.placed
            {
                let name = target.material.map_or("", Material::name);
                let asks = format!("{:.0} % of {name} recycled", 100.0 * target.value);
                self.later(&target.rule, asks, target.applies_from);
            }
        }
    }

    fn state_of_health(&mut self) {
        let rule = &regulation().state_of_health;
        if !rule.categories.contains(&self.dossier.category) {
            return;
        }
        // Up-to-date data are owed from the day on, whenever the battery was placed on the market.
        if self.dossier.on < rule.applies_from {
            self.later(&rule.rule, "up-to-date state of health".into(), rule.applies_from);
            return;
        }
        let age_days = self.dossier.soh_recorded.map(|date| (self.dossier.on.0 - date.0) as f64);
        let (status, evidence, gap) = match age_days {
            None => (Status::Missing, "none".into(), "no state of health on record".into()),
            Some(days) if days <= rule.fresh_days => {
                (Status::Satisfied, format!("recorded {days:.0} days ago"), String::new())
            }
            Some(days) => (
                Status::Failed,
                format!("recorded {days:.0} days ago"),
                format!("older than {:.0} days", rule.fresh_days),
            ),
        };
        self.find(&rule.rule, "state_of_health", status, evidence, gap);
    }

    /// Completeness of the passport, as a finding where one is needed.
    fn passport(&mut self) -> f64 {
        let dossier = self.dossier;
        let mandatory: Vec<&str> = regulation::attributes()
            .iter()
            .filter(|attribute| attribute.is_mandatory())
            .map(regulation::Attribute::key)
            .collect();
        let absent: Vec<&str> =
            mandatory.iter().filter(|key| !dossier.attributes.contains(**key)).copied().collect();
        let completeness = 1.0 - absent.len() as f64 / mandatory.len() as f64;
        let rule = &regulation().passport;
        if regulation::needs_passport(dossier.category, dossier.energy_kwh, dossier.placed) {
            let evidence = format!("{} of {} attributes", mandatory.len() - absent.len(), mandatory.len());
            let (status, gap) = match absent.as_slice() {
                [] => (Status::Satisfied, String::new()),
                absent => (Status::Missing, format!("not filled in: {}", absent.join(", "))),
            };
            self.find(&rule.rule, "passport", status, evidence, gap);
        } else if regulation::needs_passport(dossier.category, dossier.energy_kwh, rule.applies_from) {
            self.later(&rule.rule, "a battery passport".into(), rule.applies_from);
        }
        completeness
    }
}
