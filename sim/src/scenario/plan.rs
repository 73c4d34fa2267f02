//! A checked scenario, ready to be simulated.

use super::schema::Scenario;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Days of a year of a horizon.
pub(super) const YEAR_DAYS: f64 = 365.25;

/// A scenario file without mistakes: what it says, and the variants to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The file itself, `--set` values included.
    pub base: Scenario,
    /// Where relative file names begin.
    pub folder: PathBuf,
    /// What is simulated: the file's variants in order, or `base` alone where it has none. Never empty.
    pub variants: Vec<PlannedVariant>,
}

/// One alternative, complete in itself.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedVariant {
    /// Name, unique in the plan.
    pub name: String,
    /// What is different, in the author's words.
    pub description: String,
    /// What is different from the base, as `path: value`; what comes from other variants first.
    pub changes: Vec<String>,
    /// The scenario of this variant, with no variants of its own.
    pub scenario: Scenario,
}

impl Plan {
    /// Simulated span of the base [days of 24 h]; variants may have their own.
    pub fn horizon_days(&self) -> f64 {
        self.base.span_days()
    }

    /// Twins of the base by kind: `battery`, `cabinet`, `network`.
    pub fn twin_counts(&self) -> BTreeMap<&'static str, u64> {
        self.base.twin_counts()
    }
}

impl Scenario {
    /// Simulated span [days of 24 h]: whichever of `horizon_days` and `horizon_years` is given.
    pub fn span_days(&self) -> f64 {
        self.horizon_days.or_else(|| self.horizon_years.map(|years| years * YEAR_DAYS)).unwrap_or(0.0)
    }

    /// Twins by kind: `battery`, `cabinet`, `network`. A kind that does not occur counts 0.
    pub fn twin_counts(&self) -> BTreeMap<&'static str, u64> {
        let in_groups: u64 = self.packs.iter().map(|group| u64::from(group.count)).sum();
        let in_networks: u64 = self.networks.iter().map(|network| u64::from(network.packs)).sum();
        let cabinets = self.networks.iter().map(|network| u64::from(network.cabinets.count)).sum();
        let mut counts = BTreeMap::from([
            ("battery", in_groups + in_networks),
            ("cabinet", cabinets),
            ("network", self.networks.len() as u64),
        ]);
        self.count_sites(&mut counts);
        for cleanup in &self.cleanups {
            let vessels: u64 = cleanup.vessels.iter().map(|group| u64::from(group.count)).sum();
            let teams: u64 = cleanup.teams.iter().map(|group| u64::from(group.count)).sum();
            for (kind, count) in [
                ("vessel", vessels),
                ("team", teams),
                ("ground", cleanup.grounds.len() as u64),
                ("port", cleanup.ports.len() as u64),
                ("truck", u64::from(cleanup.trucks.count)),
                ("plant", cleanup.plants.len() as u64),
                ("cleanup", 1),
            ] {
                *counts.entry(kind).or_default() += count;
            }
        }
        counts
    }
}
