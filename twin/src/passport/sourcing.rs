//! Where a battery's raw materials come from, and whether that can be shown.
//!
//! Due diligence (Regulation (EU) 2023/1542, Articles 48 to 52, Annex X) is about cobalt, natural graphite, lithium and
//! nickel. A source counts as certified under a scheme that audits it: the Responsible Minerals Initiative and its
//! RMAP, IRMA, the Fair Cobalt Alliance. Method `SC-1` of this platform: every material that is in the battery is to have
//! a source on record, a recognised certificate that holds on the day, and no adverse word of its supplier.

use super::date::Date;
use super::material::{Masses, Material};
use std::collections::BTreeSet;

/// Name of the method.
pub const METHOD: &str = "SC-1";
/// Materials that due diligence is about.
pub const CONCERNED: [Material; 4] =
    [Material::Cobalt, Material::Graphite, Material::Lithium, Material::Nickel];
/// Schemes that are recognised, as they are written without anything but letters.
const RECOGNISED: [&str; 5] = ["RMI", "RMAP", "IRMA", "FAIRCOBALTALLIANCE", "FCA"];
/// Those that show cobalt to be free of conflict.
const CONFLICT_FREE: [&str; 2] = ["RMI", "RMAP"];
/// Share of a material's mass that has to be covered: scales and statements scatter. assumed.
const COVERED: f64 = 0.98;

/// A source.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Of what.
    pub material: Material,
    /// How much [kg]; without it, as much as there is.
    pub mass_kg: Option<f64>,
    /// Who supplied it, for people.
    pub supplier: String,
    /// Certificates.
    pub certifications: Vec<String>,
    /// Until when they hold.
    pub certified_until: Option<Date>,
    /// Whether something adverse is known: the supplier says itself that it is not ethical, or not free of conflict.
    pub adverse: bool,
}

/// How a check ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is shown.
    Pass,
    /// The opposite is.
    Fail,
    /// Nothing is.
    Missing,
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Of what.
    pub material: Material,
    /// `source`, `certificate`, `adverse_findings` or `conflict_free`.
    pub rule: &'static str,
    /// How it ends.
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
}

/// What can be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Verification {
    /// Whether every check passes.
    pub verified: bool,
    /// Share of the checks that pass, 0 to 100.
    pub score: f64,
    /// The checks.
    pub checks: Vec<Check>,
    /// Mass of these materials with a source on record, over what is in the battery.
    pub coverage: f64,
    /// Whether every source of every one of them is certified, and nothing adverse is known.
    pub ethical: bool,
    /// Whether all cobalt is shown to be free of conflict; nothing where there is none in it.
    pub conflict_free_cobalt: Option<bool>,
    /// All certificates that hold.
    pub certifications: BTreeSet<String>,
}

fn is_of(certificate: &str, schemes: &[&str]) -> bool {
    let plain: String = certificate.chars().filter(char::is_ascii_alphabetic).collect();
    schemes.contains(&plain.to_uppercase().as_str())
}

impl Source {
    fn holds(&self, on: Date) -> bool {
        self.certified_until.is_none_or(|until| on <= until)
    }

    fn certified(&self, on: Date, schemes: &[&str]) -> bool {
        self.holds(on) && self.certifications.iter().any(|certificate| is_of(certificate, schemes))
    }
}

/// What can be shown of a battery with these contents on a day.
#[must_use]
pub fn verify(contents: &Masses, sources: &[Source], on: Date) -> Verification {
    let mut checks = Vec::new();
    let (mut covered_kg, mut concerned_kg) = (0.0, 0.0);
    let mut ethical = true;
    let mut conflict_free_cobalt = None;
    for material in CONCERNED.into_iter().filter(|material| contents[*material] > 0.0) {
        let of: Vec<&Source> = sources.iter().filter(|source| source.material == material).collect();
        let kg = contents[material];
        let share = |these: &[&Source]| -> f64 {
            if these.iter().any(|source| source.mass_kg.is_none()) {
                return 1.0;
            }
            (these.iter().filter_map(|source| source.mass_kg).sum::<f64>() / kg).min(1.0)
        };
        let (covered, name) = (if of.is_empty() { 0.0 } else { share(&of) }, material.name());
        concerned_kg += kg;
        covered_kg += covered * kg;
        let mut check = |rule, outcome, evidence: String| {
            ethical &= outcome == Outcome::Pass;
            checks.push(Check { material, rule, outcome, evidence });
        };
        if of.is_empty() {
            check("source", Outcome::Missing, format!("no source of {name} on record"));
        } else {
            let outcome = if covered >= COVERED { Outcome::Pass } else { Outcome::Fail };
            check(
                "source",
                outcome,
                format!("{} on record, {:.0} % of {kg:.2} kg", of.len(), 100.0 * covered),
            );
        }
        let bare: Vec<&str> = of
            .iter()
            .filter(|source| !source.certified(on, &RECOGNISED))
            .map(|source| source.supplier.as_str())
            .collect();
        match (of.is_empty(), bare.as_slice()) {
            (true, _) => check("certificate", Outcome::Missing, "none".to_owned()),
            (false, []) => check("certificate", Outcome::Pass, "every source has one that holds".to_owned()),
            (false, bare) => {
                check("certificate", Outcome::Fail, format!("none that holds: {}", bare.join(", ")));
            }
        }
        let adverse: Vec<&str> =
            of.iter().filter(|source| source.adverse).map(|source| source.supplier.as_str()).collect();
        if adverse.is_empty() {
            check("adverse_findings", Outcome::Pass, "none".to_owned());
        } else {
            check("adverse_findings", Outcome::Fail, adverse.join(", "));
        }
        if material == Material::Cobalt {
            let shown: Vec<&Source> =
                of.iter().copied().filter(|source| source.certified(on, &CONFLICT_FREE)).collect();
            let share = if shown.is_empty() { 0.0 } else { share(&shown) };
            let all = share >= COVERED && shown.len() == of.len() && adverse.is_empty();
            conflict_free_cobalt = Some(all);
            let outcome = match (all, of.is_empty()) {
                (true, _) => Outcome::Pass,
                (false, true) => Outcome::Missing,
                (false, false) => Outcome::Fail,
            };
            let evidence = format!("{:.0} % of the cobalt under RMI or RMAP", 100.0 * share);
            checks.push(Check { material, rule: "conflict_free", outcome, evidence });
        }
    }
    let passed = checks.iter().filter(|check| check.outcome == Outcome::Pass).count();
    let score = if checks.is_empty() { 100.0 } else { 100.0 * passed as f64 / checks.len() as f64 };
    let certifications =
        sources.iter().filter(|source| source.holds(on)).flat_map(|s| s.certifications.clone());
    Verification {
        verified: passed == checks.len(),
        score,
        coverage: if concerned_kg > 0.0 { covered_kg / concerned_kg } else { 1.0 },
        ethical,
        conflict_free_cobalt,
        certifications: certifications.collect(),
        checks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(material: Material, kg: Option<f64>, certificates: &[&str]) -> Source {
        Source {
            material,
            mass_kg: kg,
            supplier: format!("{} Ltd", material.name()),
            certifications: certificates.iter().map(|name| (*name).to_owned()).collect(),
            certified_until: Some(Date::of(2027, 1, 1)),
            adverse: false,
        }
    }

    #[test]
    fn a_chain_that_is_whole_is_verified_until_its_certificates_end() {
        let contents =
            Masses::of([(Material::Cobalt, 8.0), (Material::Nickel, 62.0), (Material::Copper, 60.0)]);
        let sources =
            [source(Material::Cobalt, Some(8.0), &["RMI"]), source(Material::Nickel, None, &["irma"])];
        let told = verify(&contents, &sources, Date::of(2026, 6, 1));
        assert!(told.verified && told.ethical, "{:?}", told.checks);
        assert_eq!((told.score, told.coverage, told.conflict_free_cobalt), (100.0, 1.0, Some(true)));
        let later = verify(&contents, &sources, Date::of(2027, 1, 2));
        assert!(!later.ethical && later.certifications.is_empty());
        // Of 7 checks (3 of each, and cobalt's own) both certificates and cobalt's fail: 4/7.
        assert!((later.score - 100.0 * 4.0 / 7.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_not_covered_or_not_certified_is_named() {
        let contents = Masses::of([(Material::Cobalt, 8.0), (Material::Lithium, 10.0)]);
        // 6 of 8 kg of cobalt, nothing of lithium: 6 of 18 kg.
        let sources = [source(Material::Cobalt, Some(6.0), &["IRMA"])];
        let told = verify(&contents, &sources, Date::of(2026, 6, 1));
        assert!((told.coverage - 6.0 / 18.0).abs() < 1e-12);
        assert_eq!(told.conflict_free_cobalt, Some(false));
        let of = |material, rule| {
            told.checks.iter().find(|c| c.material == material && c.rule == rule).map(|c| c.outcome)
        };
        assert_eq!(of(Material::Cobalt, "source"), Some(Outcome::Fail));
        assert_eq!(of(Material::Cobalt, "certificate"), Some(Outcome::Pass));
        assert_eq!(of(Material::Lithium, "source"), Some(Outcome::Missing));
        let adverse = [Source { adverse: true, ..source(Material::Cobalt, None, &["RMI"]) }];
        assert!(!verify(&contents, &adverse, Date::of(2026, 6, 1)).ethical);
    }

    #[test]
    fn a_battery_without_cobalt_has_no_conflict() {
        let contents = Masses::of([(Material::Lead, 20.0)]);
        let told = verify(&contents, &[], Date::of(2026, 6, 1));
        assert_eq!((told.verified, told.conflict_free_cobalt, told.score), (true, None, 100.0));
    }
}
