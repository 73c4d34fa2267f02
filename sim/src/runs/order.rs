//! What somebody wants simulated, and how much that is.

use super::RunError;
use crate::experiment;
use crate::scenario::schema::Scenario;
use crate::scenario::{self, Plan};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Most replacements of values.
const SETS_MAX: usize = 1_000;
/// What mistakes call the text.
const NAME: &str = "scenario";

/// A scenario and what is different from it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// The scenario, YAML or JSON.
    pub scenario: String,
    /// Values by path that replace those of the scenario, as `celltide run --set` does.
    #[serde(default)]
    pub sets: Vec<(String, String)>,
    /// Seed in place of the scenario's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Repetitions of every variant in place of the scenario's.
    #[serde(default)]
    pub replicates: Option<u32>,
    /// Span in place of the scenario's [days].
    #[serde(default)]
    pub horizon_days: Option<f64>,
}

impl Order {
    /// The plan, with every mistake told; files only below `offered`. Takes a while for a large scenario.
    pub(crate) fn plan(&self, offered: Option<&Path>, twin_days_max: f64) -> Result<Plan, RunError> {
        if self.scenario.trim().is_empty() {
            return Err(RunError::unfit("scenario", "is missing"));
        }
        if self.sets.len() > SETS_MAX {
            return Err(RunError::unfit("set", format!("more than {SETS_MAX} values")));
        }
        let mut sets = self.sets.clone();
        let mut put = |path: &str, value: String| sets.push((path.to_owned(), value));
        if let Some(days) = self.horizon_days {
            put("horizon_years", "null".to_owned());
            put("horizon_days", days.to_string());
        }
        if let Some(seed) = self.seed {
            put("seed", seed.to_string());
        }
        if let Some(replicates) = self.replicates {
            put("replicates", replicates.to_string());
        }
        let known = experiment::known();
        let plan = scenario::parse_from_outside(self.scenario.as_bytes(), NAME, offered, &sets, &known)
            .map_err(RunError::Scenario)?;
        let twin_days = twin_days(&plan);
        if twin_days > twin_days_max {
            return Err(RunError::TooLarge { twin_days, twin_days_max });
        }
        Ok(plan)
    }
}

/// Twins times simulated days, over all variants and replicates. A pack that is simulated cell by cell counts as its cells.
pub fn twin_days(plan: &Plan) -> f64 {
    let of = |scenario: &Scenario| {
        let twins: u64 = scenario.twin_counts().values().sum();
        let cells: f64 = scenario
            .packs
            .iter()
            .filter(|group| group.network.is_some())
            .map(|group| {
                let kind = scenario.batteries.get(&group.battery);
                let cells = kind.map_or(0.0, |kind| f64::from(kind.series) * f64::from(kind.parallel));
                cells * f64::from(group.count)
            })
            .sum();
        (twins as f64 + cells) * scenario.span_days()
    };
    let worlds: f64 = plan.variants.iter().map(|variant| of(&variant.scenario)).sum();
    worlds * f64::from(plan.base.replicates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::tests::PACKS;

    fn order(sets: &[(&str, &str)]) -> Order {
        let sets = sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
        Order { scenario: PACKS.to_owned(), sets, ..Order::default() }
    }

    #[test]
    fn what_is_different_is_put_in_and_counted() {
        let mut order = order(&[("packs.courier.count", "4")]);
        (order.seed, order.replicates, order.horizon_days) = (Some(9), Some(3), Some(2.0));
        let plan = order.plan(None, 1e9).unwrap();
        assert_eq!((plan.base.seed, plan.base.replicates, plan.horizon_days()), (9, 3, 2.0));
        assert_eq!(twin_days(&plan), 4.0 * 2.0 * 3.0);
        let error = order.plan(None, 23.0).unwrap_err();
        assert!(matches!(error, RunError::TooLarge { twin_days: 24.0, .. }), "{error}");
    }

    #[test]
    fn every_key_that_names_a_file_is_refused_without_looking() {
        let keys = [
            ("climate", "{file: /etc/hostname}"),
            ("energy.tariff", "{file: /etc/hostname}"),
            ("energy.carbon", "{file: /etc/hostname}"),
            ("energy.solar", "{file: /etc/hostname}"),
            ("batteries.bike.chemistry", "../../secret.toml"),
            ("batteries.bike", "{chemistry: /etc/x.toml, series: 1, fidelity: particle}"),
            (
                "packs.courier.duty",
                "{kind: drive, km_per_day: 9, vehicle: {}, trips: {file: /etc/hostname}, plug_in_hour: 18, \
                 charge_c_rate: 0.5, charge_to_soc: 0.9}",
            ),
            ("variants", "[{name: v, set: {climate: {file: /etc/hostname}}}]"),
        ];
        for (path, value) in keys {
            let error = order(&[(path, value)]).plan(None, 1e9).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("cannot be named here"), "{path}: {text}");
            assert!(error.field().is_some_and(|field| field != "scenario"), "{path}: {:?}", error.field());
        }
        // The schema knows no key for files beside these.
        let schema = scenario::json_schema().to_string();
        let keys: std::collections::BTreeSet<&str> =
            schema.split('"').filter(|word| *word == "file" || word.ends_with("_file")).collect();
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["arrivals_file", "file"]);
    }

    #[test]
    fn only_files_of_the_folder_that_is_offered_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let offered = folder.path().join("offered");
        std::fs::create_dir(&offered).unwrap();
        let weather = "time,air_c\n2026-01-01T00:00:00Z,20\n2026-01-02T00:00:00Z,22\n";
        std::fs::write(offered.join("w.csv"), weather).unwrap();
        std::fs::write(folder.path().join("secret.csv"), weather).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("secret.csv"), offered.join("link.csv")).unwrap();
        let plan = |file: &str| {
            order(&[("climate", &format!("{{file: {file}}}"))])
                .plan(Some(&offered), 1e9)
                .map_err(|e| e.to_string())
        };
        assert!(plan("w.csv").is_ok(), "{:?}", plan("w.csv"));
        let outside = folder.path().join("secret.csv");
        for wrong in
            ["../secret.csv", "none.csv", "link.csv", "./../offered/../secret.csv", outside.to_str().unwrap()]
        {
            let error = plan(wrong).unwrap_err();
            assert!(error.contains("is not among the files that are offered here"), "{wrong}: {error}");
        }
    }
}
