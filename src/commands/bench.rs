//! `celltide bench`: how fast the platform is on this machine.

use crate::bench::api::{self, Part};
use crate::bench::ingest;
use crate::failure::Failure;
use crate::output;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Readings over MQTT into a platform of its own: how many per second, how soon they are seen, what they cost.
    Ingest(IngestArgs),
    /// Reads, lists, writes and listeners over HTTP at a platform of its own: how many, how soon, what they take.
    Api(ApiArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct IngestArgs {
    /// Battery twins that readings are for.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    twins: u32,
    /// Connections; each speaks for its share of the twins.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// Messages of a connection that may wait for their acknowledgement.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    in_flight: u32,
    /// Readings in a message.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=2_000))]
    batch: u32,
    /// Length of each measurement [s].
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// Also the memory of so many twins that are awake.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    awake: Option<u32>,
    /// Also the memory with so many twins registered and a tenth of them awake.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    registered: Option<u32>,
    /// Also the time that a start takes with so many stored readings of 100,000 twins.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    stored: Option<u64>,
    /// Twins of the stored readings.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    stored_twins: u32,
    /// Skips readings per second, delays and disk: only what is asked for besides.
    #[arg(long)]
    only_besides: bool,
    /// Where temporary data lie; the system's folder for such when left out.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// JSON on stdout instead of a table.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ApiArgs {
    /// Batteries; each has a reading before anything is measured.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    batteries: u32,
    /// Connections that ask.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    connections: u32,
    /// Length of each measurement [s].
    #[arg(long, value_name = "S", default_value_t = 10.0)]
    seconds: f64,
    /// Reads per second at which delays are measured.
    #[arg(long, value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    reads: u32,
    /// Writes per second at which delays are measured.
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    writes: u32,
    /// Listeners, first WebSockets and then Socket.IO; each follows one battery, which reports every second.
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    listeners: u32,
    /// What is measured, parted by commas.
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values = ["reads", "lists", "writes", "listeners"])]
    parts: Vec<Part>,
    /// Where temporary data lie; the system's folder for such when left out.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// JSON on stdout instead of a table.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Ingest(args) => run_ingest(args),
        Command::Api(args) => run_api(args),
    }
}

fn check_seconds(seconds: f64) -> Result<(), Failure> {
    if (0.1..=3_600.0).contains(&seconds) {
        return Ok(());
    }
    Err(Failure::say(format_args!("--seconds: {seconds} is not between 0.1 and 3600")))
}

fn run_api(args: &ApiArgs) -> Result<(), Failure> {
    check_seconds(args.seconds)?;
    if args.listeners > args.batteries {
        return Err(Failure::say(format_args!(
            "--listeners: there are {} batteries to follow",
            args.batteries
        )));
    }
    let asked = api::Asked {
        batteries: args.batteries as usize,
        connections: args.connections as usize,
        seconds: args.seconds,
        reads_per_s: f64::from(args.reads),
        writes_per_s: f64::from(args.writes),
        listeners: args.listeners as usize,
        parts: args.parts.clone(),
        data: args.data.clone(),
    };
    print(&api::measure(&asked)?, args.json)
}

fn run_ingest(args: &IngestArgs) -> Result<(), Failure> {
    check_seconds(args.seconds)?;
    let asked = ingest::Asked {
        twins: args.twins as usize,
        clients: args.clients as usize,
        in_flight: args.in_flight as usize,
        batch: args.batch as usize,
        seconds: args.seconds,
        flow: !args.only_besides,
        awake: args.awake.map(|n| n as usize),
        registered: args.registered.map(|n| n as usize),
        stored: args.stored.map(|readings| (readings, args.stored_twins as usize)),
        data: args.data.clone(),
    };
    print(&ingest::measure(&asked)?, args.json)
}

fn print(figures: &ingest::Figures, json: bool) -> Result<(), Failure> {
    if json {
        let text = serde_json::to_string_pretty(figures).map_err(Failure::failed)?;
        return output::print(format_args!("{text}\n"));
    }
    let width = figures.keys().map(String::len).max().unwrap_or(0);
    let line = |(name, value): (&String, &f64)| format!("{name:<width$}  {}\n", shown(*value));
    output::print(figures.iter().map(line).collect::<String>())
}

/// As many digits as mean something.
fn shown(value: f64) -> String {
    let digits = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    format!("{value:.digits$}")
}
