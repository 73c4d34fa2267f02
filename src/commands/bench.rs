//! `celltide bench`: how fast the platform is on this machine.

use crate::bench::ingest;
use crate::failure::Failure;
use crate::output;
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Readings over MQTT into a platform of its own: how many per second, how soon they are seen, what they cost.
    Ingest(IngestArgs),
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

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let Command::Ingest(args) = command;
    if !(0.1..=3_600.0).contains(&args.seconds) {
        return Err(Failure::say(format_args!("--seconds: {} is not between 0.1 and 3600", args.seconds)));
    }
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
    let figures = ingest::measure(&asked)?;
    if args.json {
        let text = serde_json::to_string_pretty(&figures).map_err(Failure::failed)?;
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
