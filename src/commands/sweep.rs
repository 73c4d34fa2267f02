//! `celltide sweep`.

use super::{EngineArgs, SetArgs, assignment, default_folder, warn};
use crate::failure::Failure;
use crate::output;
use crate::progress::Clock;
use sim::experiment::sweep::{GridError, Variation, grid, run_grid};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file (YAML); each of its variants is a point of its own.
    scenario: PathBuf,
    /// A path and its values; of several, every combination is run:
    /// networks.city.packs=900,1000,1100
    #[arg(long = "vary", required = true, value_name = "PATH=V1,V2,…", value_parser = variation)]
    variations: Vec<Variation>,
    /// Result folder; results/NAME-sweep when left out. An earlier sweep in it is replaced, anything else is not.
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
    let sets = args.sets.with(args.seed, args.engine.replicates);
    let points = grid(&args.scenario, &sets, &args.variations, &sim::experiment::known());
    let points = points.map_err(|error| match error {
        GridError::Mistakes(mistakes) => Failure::usage(mistakes),
        other => Failure::usage(other),
    })?;
    let name = points.first().map_or("sweep", |point| &point.plan.base.name);
    let folder = args.out.clone().unwrap_or_else(|| default_folder(name, "-sweep"));
    let options = args.engine.options();
    let clock = Clock::start();
    let display = args.engine.display(&options, clock);
    let outcome = run_grid(&points, &options, &folder);
    drop(display);
    let outcome = outcome?;
    if !args.engine.quiet {
        warn(&outcome.sweep.warnings);
        let files = ["sweep.csv", "report.html"].map(|name| folder.join(name).display().to_string());
        output::print(format_args!("{}\n", files.join("\n")))?;
    }
    if outcome.partial {
        output::note("stopped: the results are partial");
        return Err(Failure::Stopped);
    }
    Ok(())
}

/// `PATH=V1,V2,…`. Commas within brackets, braces or quotes belong to a value.
fn variation(text: &str) -> Result<Variation, String> {
    let (path, list) = assignment(text).map_err(|_| "expected PATH=V1,V2,…".to_owned())?;
    let mut values = vec![String::new()];
    let (mut depth, mut quote) = (0usize, None);
    for c in list.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                values.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(value) = values.last_mut() {
            value.push(c);
        }
    }
    let values: Vec<String> = values.into_iter().map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(format!("{path} has an empty value"));
    }
    Ok(Variation { path, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_separate_values_but_not_within_one() {
        let values = |text: &str| variation(text).unwrap().values;
        assert_eq!(values("packs=900, 1000"), ["900", "1000"]);
        assert_eq!(values("by_weekday=[1, 1],[2, 2]"), ["[1, 1]", "[2, 2]"]);
        assert_eq!(values("name='a,b',c"), ["'a,b'", "c"]);
        assert!(variation("packs=1,").is_err());
        assert!(variation("packs").is_err());
        assert!(variation("=1").is_err());
    }
}
