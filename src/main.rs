//! `celltide`: what-if runs, sweeps and single cells from the shell.
//!
//! Results go to stdout, everything meant for people while they wait to stderr.

mod bench;
mod commands;
mod failure;
mod interrupt;
mod output;
mod progress;
mod serve;

use clap::{Parser, Subcommand};
use mimalloc::MiMalloc;
use std::process::ExitCode;

/// Readings are many small things that one thread makes and another lets go. With the system's allocator a quarter of
/// their time went into that, and an awake twin took a quarter more memory.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Digital twins of batteries and swap networks: simulates years of them in minutes.
#[derive(Debug, Parser)]
#[command(name = "celltide", version, arg_required_else_help = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulates a scenario with all its variants and writes a result folder.
    Run(commands::run::Args),
    /// Validates a scenario without running it, and prints what would be built.
    Check(commands::check::Args),
    /// Puts result folders side by side: a table on stdout, and a page.
    Compare(commands::compare::Args),
    /// Runs the full grid of some variations of a scenario.
    Sweep(commands::sweep::Args),
    /// The platform: live twins behind HTTP and MQTT, until SIGTERM or SIGINT.
    Serve(commands::serve::Args),
    /// Fits a cell to measured data and writes a chemistry file.
    Calibrate(Box<commands::calibrate::Args>),
    /// Single cells: what there is, how they age, how they behave under a protocol.
    #[command(subcommand)]
    Cell(commands::cell::Command),
    /// The journal's chain: is everything as it was written?
    #[command(subcommand)]
    Audit(commands::audit::Command),
    /// Writes a consistent copy of a data folder to one file, whether it is in use or not.
    Backup(commands::backup::BackupArgs),
    /// Makes a data folder from a backup.
    Restore(commands::backup::RestoreArgs),
    /// How fast the platform is on this machine.
    #[command(subcommand)]
    Bench(commands::bench::Command),
    /// People who may log in.
    #[command(subcommand)]
    User(commands::user::Command),
    /// Programs that may ask for tokens.
    #[command(subcommand)]
    Client(commands::client::Command),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => commands::run::run(&args),
        Command::Check(args) => commands::check::run(&args),
        Command::Compare(args) => commands::compare::run(&args),
        Command::Sweep(args) => commands::sweep::run(&args),
        Command::Serve(args) => commands::serve::run(&args),
        Command::Calibrate(args) => commands::calibrate::run(&args),
        Command::Cell(command) => commands::cell::run(&command),
        Command::Audit(command) => commands::audit::run(&command),
        Command::Backup(args) => commands::backup::backup(&args),
        Command::Restore(args) => commands::backup::restore(&args),
        Command::Bench(command) => commands::bench::run(&command),
        Command::User(command) => commands::user::run(&command),
        Command::Client(command) => commands::client::run(&command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
