//! `celltide run`.

use super::{EngineArgs, SetArgs, default_folder, load, stopped, warn};
use crate::failure::Failure;
use crate::output;
use crate::progress::Clock;
use sim::experiment::run::run_plan;
use sim::results::compare::compare;
use sim::results::vocabulary::HEADLINE;
use std::path::{Path, PathBuf};

/// Figures beside the headline that are shown where there is no swap network.
const OF_PACKS: [&str; 4] = ["efc_mean", "resistance_growth_mean_pct", "energy_throughput_kwh", "losses_kwh"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file (YAML).
    scenario: PathBuf,
    /// Result folder; results/NAME when left out. Earlier results in it are replaced, anything else is not.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Seed of every random stream, instead of the scenario's.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    sets: SetArgs,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let plan = load(&args.scenario, &args.sets.with(args.seed, args.engine.replicates))?;
    let folder = args.out.clone().unwrap_or_else(|| default_folder(&plan.base.name, ""));
    let options = args.engine.options();
    let clock = Clock::start();
    let display = args.engine.display(&options, clock);
    let outcome = run_plan(&plan, &options, &folder, || clock.elapsed_s());
    drop(display);
    let outcome = outcome?;
    if !args.engine.quiet {
        warn(&outcome.story.warnings);
        output::print(format_args!("{}\n{}\n", key_figures(&folder)?, folder.join("report.html").display()))?;
    }
    if outcome.partial {
        output::note(stopped(&outcome.story));
        return Err(Failure::Stopped);
    }
    Ok(())
}

/// The key figures of a result folder, a column per variant.
fn key_figures(folder: &Path) -> Result<String, Failure> {
    let mut comparison = compare(&[folder.to_owned()]).map_err(Failure::failed)?;
    let has_network = comparison.story.twins.contains_key("network");
    let is_key = |name: &str| HEADLINE.contains(&name) || (!has_network && OF_PACKS.contains(&name));
    for variant in &mut comparison.story.variants {
        variant.figures.retain(|name, _| is_key(name));
    }
    comparison.story.warnings.clear();
    Ok(comparison.table())
}
