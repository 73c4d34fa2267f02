//! One file per command: arguments, one call into `sim` or `host`, and what is printed of it.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod calibrate;
pub(crate) mod cell;
mod cell_estimate;
mod cell_forecast;
pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod compare;
mod identities;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod sweep;
pub(crate) mod user;

use crate::failure::Failure;
use crate::interrupt;
use crate::progress::{Clock, Display};
use sim::engine::Options;
use sim::results::story::Story;
use sim::scenario::Plan;
use std::path::{Path, PathBuf};

/// Values that are put into a scenario before it is checked.
#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// Replaces a value of the scenario, variants included where they do not say otherwise:
    /// networks.city.charging.target_soc=0.8
    #[arg(long = "set", value_name = "PATH=VALUE", value_parser = assignment)]
    sets: Vec<(String, String)>,
}

/// How a command fails on a store: no store there is wrong input, all else went wrong on the way.
fn store_failure(error: host::store::StoreError) -> Failure {
    use host::store::StoreError;
    match error {
        error @ (StoreError::NoStore { .. } | StoreError::Unfit { .. }) => Failure::usage(error),
        error => Failure::failed(error),
    }
}

/// What every command that simulates can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct EngineArgs {
    /// Independent repetitions of every variant, instead of the scenario's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    replicates: Option<u32>,
    /// Threads; as many as the machine has when left out. Results do not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// No progress and no table, only errors.
    #[arg(long)]
    quiet: bool,
}

impl SetArgs {
    /// The replacements, with those that have options of their own last.
    fn with(&self, seed: Option<u64>, replicates: Option<u32>) -> Vec<(String, String)> {
        let mut sets = self.sets.clone();
        sets.extend(seed.map(|seed| ("seed".to_owned(), seed.to_string())));
        sets.extend(replicates.map(|replicates| ("replicates".to_owned(), replicates.to_string())));
        sets
    }
}

impl EngineArgs {
    /// Options of the engine, with signals caught.
    fn options(&self) -> Options {
        let jobs = self.jobs.map(usize::from);
        let available = || std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        let options = Options { jobs: jobs.unwrap_or_else(available), ..Options::default() };
        interrupt::watch(options.stop.clone());
        options
    }

    fn display(&self, options: &Options, clock: Clock) -> Display {
        Display::start(options.progress.clone(), clock, self.quiet)
    }
}

/// `PATH=VALUE`.
fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => Ok((path.trim().to_owned(), value.to_owned())),
        _ => Err("expected PATH=VALUE".to_owned()),
    }
}

/// A plan without mistakes.
fn load(scenario: &Path, sets: &[(String, String)]) -> Result<Plan, Failure> {
    sim::scenario::load(scenario, sets, &sim::experiment::known()).map_err(Failure::usage)
}

/// Where results go when nobody says: a folder of the scenario's name, whatever is in that.
fn default_folder(name: &str, suffix: &str) -> PathBuf {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let name: String = name.chars().map(plain).collect();
    Path::new("results").join(format!("{}{suffix}", name.trim_start_matches('.')))
}

/// What a reader must know, on stderr.
fn warn(warnings: &[String]) {
    for warning in warnings {
        crate::output::note(format_args!("note: {warning}"));
    }
}

/// What a stopped run says last.
fn stopped(story: &Story) -> String {
    let at = story.stopped_at.as_deref().unwrap_or_default();
    format!("stopped at {at} of {}: the results are partial", story.end)
}
