//! Runs a plan and writes its result folder.

use super::{ExperimentError, check_folder, story};
use crate::engine::{self, ENGINE_VERSION, EngineError, Options};
use crate::results::condense::{Condenser, VariantLabel};
use crate::results::record::WorldRecord;
use crate::results::story::Story;
use crate::results::tables::Tables;
use crate::results::{ResultsError, report, summary};
use crate::scenario::{Plan, PlannedVariant};
use jiff::Timestamp;
use jiff::tz::Offset;
use std::path::Path;
use twin::time::{Time, UtcOffset};

/// Names of all values that the engine gives twins at their end: Parquet fixes its columns before the first row.
pub const TWIN_VALUES: [&str; 44] = [
    "age_days",
    "autonomy_min",
    "balancing_losses_kwh",
    "blocks_replaced",
    "carbon_kg",
    "cells_replaced",
    "charged_kwh",
    "charges",
    "crack_sei_loss_pct",
    "currents_halved",
    "dark_min",
    "efc",
    "energy_cost",
    "energy_in_kwh",
    "energy_kwh",
    "energy_out_kwh",
    "entered_day",
    "first_life_days",
    "first_life_efc",
    "grid_carbon_kg",
    "grid_kwh",
    "hot_h",
    "interconnect_losses_kwh",
    "lam_negative_pct",
    "lam_positive_pct",
    "life_used_pct",
    "lli_pct",
    "loads_dropped",
    "losses_kwh",
    "outages_total",
    "outside_cycles_efc",
    "outside_temperature_h",
    "peak_kw",
    "plating_loss_pct",
    "received_kg",
    "recovered_kg",
    "residue_kg",
    "resistance_rel",
    "retired",
    "sei_loss_pct",
    "soc",
    "soh",
    "solar_kwh",
    "unserved_kwh",
];

/// Names of further values that twins of cleanups have at their end.
pub const CLEANUP_VALUES: [&str; 16] = [
    "adrift_h",
    "berthed_h",
    "caught_kg",
    "cleared_km2",
    "collecting_h",
    "distance_km",
    "engine_kwh",
    "fuel_l",
    "landed_kg",
    "passed_kg",
    "received_kg",
    "rejected_kg",
    "sailing_h",
    "shore_kwh",
    "trips",
    "waited_h",
];

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What the report tells.
    pub story: Story,
    /// Whether it was stopped before its planned end.
    pub partial: bool,
}

/// Runs every variant and replicate of a plan and writes the result folder.
///
/// Worlds are written as they arrive, in the plan's order. A run that is stopped through [`Options::stop`]
/// completes its files with what there is and says so. `elapsed_s` tells the wall time so far; nothing but
/// `wall_time_s` in the summary depends on it.
///
/// # Errors
/// When something that the scenario names is missing or wrong or the folder holds something else (nothing is
/// written then), or when results cannot be written.
pub fn run_plan(
    plan: &Plan,
    options: &Options,
    folder: &Path,
    elapsed_s: impl Fn() -> f64,
) -> Result<Outcome, ExperimentError> {
    check_folder(folder, "result of a run", is_result_folder)?;
    let models = engine::prepare(plan).map_err(ExperimentError::Prepare)?;
    let replicates = plan.base.replicates;
    // Variants may have spans of their own; curves share one axis.
    let start = models.iter().map(|model| model.start).min().unwrap_or_default();
    let end = models.iter().map(|model| model.end).max().unwrap_or_default();

    let has_cleanups = models.iter().any(|model| !model.cleanups.is_empty());
    let values = TWIN_VALUES.into_iter().chain(CLEANUP_VALUES.into_iter().filter(|_| has_cleanups));
    let mut tables = Tables::create(folder, values)?;
    let labels = plan.variants.iter().map(label).collect();
    let mut condenser = Condenser::new(labels, replicates, start.0, end.0);
    let mut stops = Stops::new(models.len());
    let sink = |record: WorldRecord| -> Result<(), ResultsError> {
        if stops.takes(&record, models[record.variant].start) {
            tables.append(&models[record.variant].name, &record)?;
            condenser.add(&record)?;
        }
        Ok(())
    };
    engine::run(&models, replicates, options, sink).map_err(failed)?;
    tables.finish()?;

    let local = UtcOffset::of_hours(plan.base.utc_offset_h);
    let variants = condenser.finish();
    let mut warnings = story::warnings(&models, &variants);
    let of_variants = plan.variants.iter().zip(&stops.ended);
    let cut = of_variants.filter(|(_, ended)| stops.earliest.is_some() && **ended < replicates);
    warnings.extend(cut.map(|(variant, ended)| {
        let name = &variant.name;
        format!(
            "The run was stopped: of variant {name}, {ended} of {replicates} replicates reached their end."
        )
    }));
    let twins = plan.twin_counts().into_iter().filter(|(_, count)| *count > 0);
    let story = Story {
        name: plan.base.name.clone(),
        description: plan.base.description.trim().to_owned(),
        start: local_text(start, local),
        end: local_text(end, local),
        stopped_at: stops.earliest.map(|at| local_text(at.max(start), local)),
        seed: plan.base.seed,
        replicates,
        engine_version: ENGINE_VERSION.to_owned(),
        currency: plan.base.energy.currency.clone(),
        twins: twins.map(|(kind, count)| (kind.to_owned(), count)).collect(),
        variants,
        assumptions: story::assumptions(&models),
        warnings,
    };
    report::write(folder, &story)?;
    // Last, for it is what makes the folder a result folder.
    summary::write(folder, &story, elapsed_s())?;
    Ok(Outcome { partial: story.stopped_at.is_some(), story })
}

/// Whether a folder holds the results of an earlier run.
fn is_result_folder(folder: &Path) -> bool {
    matches!(summary::read(folder), Ok(_) | Err(ResultsError::IncompatibleFormat { .. }))
}

/// An engine's failure while results were written is one of writing.
pub(super) fn failed(error: EngineError<ResultsError>) -> ExperimentError {
    match error {
        EngineError::Sink(error) => ExperimentError::Results(error),
        EngineError::Model { .. } => ExperimentError::Prepare(error),
        EngineError::Lost => ExperimentError::Engine(error),
    }
}

fn label(variant: &PlannedVariant) -> VariantLabel {
    VariantLabel {
        name: variant.name.clone(),
        description: variant.description.trim().to_owned(),
        changes: variant.changes.clone(),
    }
}

/// An instant as RFC 3339 in local time.
pub(super) fn local_text(at: Time, local: UtcOffset) -> String {
    let offset = i32::try_from(local.ms / 1000).ok().and_then(|s| Offset::from_seconds(s).ok());
    let instant = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::MAX);
    instant.display_with_offset(offset.unwrap_or(Offset::UTC)).to_string()
}

/// Which worlds a stopped run ended early.
pub(super) struct Stops {
    /// Worlds of each variant that reached their end.
    pub(super) ended: Vec<u32>,
    /// Where the first of the others ended; their start when none had begun.
    pub(super) earliest: Option<Time>,
}

impl Stops {
    pub(super) fn new(variants: usize) -> Self {
        Self { ended: vec![0; variants], earliest: None }
    }

    /// Notes a world, and says whether it has anything to tell: one that was never begun has not.
    pub(super) fn takes(&mut self, record: &WorldRecord, start: Time) -> bool {
        if !record.partial {
            self.ended[record.variant] += 1;
            return true;
        }
        let ended = Time(record.ended_ms);
        let begun = ended > start;
        // Worlds that were never begun say something about the end only where there is nothing else.
        self.earliest = Some(match self.earliest {
            Some(earliest) if begun && earliest > start => earliest.min(ended),
            Some(earliest) if !begun => earliest,
            _ => ended,
        });
        begun
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario;
    use std::collections::BTreeSet;
    use std::sync::atomic::Ordering;

    const SMALL: &str = "
name: small
horizon_days: 3
utc_offset_h: 5.5
climate: {city: mumbai}
energy: {tariff: {flat_per_kwh: 0.2}, carbon: {region: IN-WE}}
batteries:
  pack: {chemistry: nmc811-grsi-lg-m50-5ah, series: 14, parallel: 6}
  block: {chemistry: vrla-agm-12v-120ah, series: 6}
  van:
    chemistry: OKane2022
    fidelity: particle
    particle: {model: spm, mechanisms: [sei-solvent]}
    series: 14
    parallel: 6
data_centres:
  - {name: racks, battery: block, rooms: [{name: a, strings: 1, blocks_per_string: 2, load_kw: 1}]}
second_lives:
  - name: chain
    battery: pack
    composition: NMC811
    vehicles: 1
    made_in: KR
    vehicle: {until_soh: 0.8, duty: {kind: standby, depth: 0.2, every_days: 2, c_rate: 0.2}}
    store: {until_soh: 0.7, duty: {kind: standby, depth: 0.2, every_days: 2, c_rate: 0.2}}
    recycler: {daily_kg: 100}
packs:
  - {name: shelf, battery: pack, duty: {kind: standby, depth: 0.2, every_days: 2, c_rate: 0.2}}
  - {name: van, battery: van, duty: {kind: standby, depth: 0.2, every_days: 2, c_rate: 0.2}}
  - name: bank
    battery: pack
    network: {step_s: 600}
    duty: {kind: daily, steps: [{at_hour: 8, c_rate: 0.5, until_soc: 0.2}]}
networks:
  - name: town
    battery: pack
    packs: 6
    cabinets: {count: 1, slots: 6, charger_kw: 0.5, site_power_kw: 2}
    riders: {count: 3, km_per_day: 60}
    trips: {cycle: urban-scooter}
output: {interval_days: 1}
";

    fn plan() -> Plan {
        scenario::parse(SMALL.as_bytes(), "small.yaml", Path::new("."), &[], &super::super::known()).unwrap()
    }

    #[test]
    fn every_value_that_the_engine_gives_a_twin_is_declared() {
        let models = engine::prepare::<ResultsError>(&plan()).unwrap();
        let record = engine::run_direct(&models[0], 0, 0);
        let found: BTreeSet<&str> =
            record.twins.iter().flat_map(|twin| twin.values.iter().map(|(name, _)| *name)).collect();
        assert_eq!(found, TWIN_VALUES.into_iter().collect());
    }

    #[test]
    fn a_run_leaves_its_five_files_in_local_time_and_can_be_repeated_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("out");
        let outcome = run_plan(&plan(), &Options::default(), &folder, || 1.5).unwrap();
        assert!(!outcome.partial);
        assert_eq!(outcome.story.start, "2026-01-01T00:00:00+05:30");
        let mut names: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let files = ["events.parquet", "report.html", "summary.json", "timeseries.parquet", "twins.parquet"];
        assert_eq!(names, files);
        let before = files.map(|name| std::fs::read(folder.join(name)).unwrap());
        run_plan(&plan(), &Options::default(), &folder, || 1.5).unwrap();
        assert!(before == files.map(|name| std::fs::read(folder.join(name)).unwrap()));
        assert!(outcome.story.assumptions.iter().any(|a| a.subject.contains("nmc811-grsi-lg-m50-5ah")));
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("report.html"), "mine").unwrap();
        let error = run_plan(&plan(), &Options::default(), folder.path(), || 0.0).unwrap_err();
        assert!(error.is_usage(), "{error}");
        assert_eq!(std::fs::read_to_string(folder.path().join("report.html")).unwrap(), "mine");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_run_that_is_stopped_before_it_begins_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let options = Options::default();
        options.stop.store(true, Ordering::Relaxed);
        let outcome = run_plan(&plan(), &options, folder.path(), || 0.0).unwrap();
        assert!(outcome.partial);
        let summary = summary::read(folder.path()).unwrap();
        assert!(summary.partial && summary.stopped_at.as_deref() == Some("2026-01-01T00:00:00+05:30"));
        assert!(summary.warnings.iter().any(|w| w.contains("0 of 1 replicates")), "{:?}", summary.warnings);
    }
}
