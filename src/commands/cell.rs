//! `celltide cell`.

use super::cell_estimate::{self, EstimateArgs};
use super::cell_forecast::{self, ForecastArgs};
use crate::failure::Failure;
use crate::output::{self, Csv};
use clap::{Subcommand, ValueEnum};
use serde_json::json;
use sim::experiment::bench::{
    self, BenchError, CurrentFile, CycleRow, Heat, Program, Record, Row, Setup, Stopped,
};
use sim::experiment::life::{Driver, Profile, YEAR_DAYS, follow};
use sim::experiment::protocol::Protocol;
use sim::experiment::{cell, fitted, particle, particle_set};
use std::path::{Path, PathBuf};
use twin::battery::chemistry::ChemistryFile;
use twin::battery::library;
use twin::battery::particle::balance::Balance;
use twin::battery::particle::cell::{self as particle_cell, CellModel};
use twin::battery::particle::dfn::{self, DfnModel};
use twin::battery::particle::drive::Model;
use twin::battery::particle::file::ParticleFile;
use twin::battery::particle::mechanism::Mechanisms;
use twin::battery::particle::set;

/// What every chemistry supports.
const MODELS: [&str; 2] = ["life", "circuit"];
/// What every parameter set of particle models supports.
const PARTICLE_MODELS: [&str; 3] = ["spm", "spme", "dfn"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Chemistries: name, make, source, fitted range, models.
    List(ListArgs),
    /// Capacity and resistance over years of a repeated profile of use.
    Life(LifeArgs),
    /// One cell under a protocol or a recorded current.
    Run(RunArgs),
    /// State of charge, health and resistance from recorded telemetry, each with its deviation.
    Estimate(EstimateArgs),
    /// Remaining life from a history of capacity.
    Forecast(ForecastArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct LifeArgs {
    /// Chemistry, by its name or the name that it was published as.
    #[arg(long, value_name = "NAME")]
    chemistry: String,
    /// One repetition of use: CSV with t_s, soc, temperature_c (.csv or .csv.gz).
    #[arg(long, value_name = "FILE")]
    profile: PathBuf,
    /// Span in years of 365 days.
    #[arg(long, value_name = "N", value_parser = years)]
    years: f64,
    /// exact: independent of the profile's steps; daily: the published models' own scheme, a step a day.
    #[arg(long, value_enum, default_value_t = DriverName::Exact)]
    driver: DriverName,
    /// Days between rows; the ends of years have theirs anyway.
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    every: u32,
    /// CSV t_days, efc, q_rel, r_rel; stdout when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DriverName {
    Exact,
    Daily,
}

#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("program").required(true).args(["protocol", "current"])))]
pub(crate) struct RunArgs {
    /// Chemistry, by its name or the name that it was published as.
    #[arg(long, value_name = "NAME")]
    chemistry: String,
    /// Model of the cell: an equivalent circuit, single particles without (spm) or with electrolyte (spme), or
    /// electrodes resolved through their thickness (dfn).
    #[arg(long, value_enum)]
    model: ModelName,
    /// Steps: "discharge 1C until 2.5V; rest 5min; charge 0.5C until 4.2V; hold 4.2V until C/20"
    #[arg(long, value_name = "TEXT")]
    protocol: Option<String>,
    /// Recorded current: CSV with t_s, current_a, linear between points, positive discharges.
    #[arg(long, value_name = "FILE")]
    current: Option<PathBuf>,
    /// State of charge at the start; when left out, 1 for circuit and the published initial state for the others.
    #[arg(long, value_name = "S", value_parser = |text: &str| number(text, 0.0, 1.0))]
    initial_soc: Option<f64>,
    /// Temperature of the air, and of the cell at the start.
    #[arg(long, value_name = "T", default_value_t = 25.0, allow_negative_numbers = true,
        value_parser = |text: &str| number(text, -60.0, 120.0))]
    ambient_c: f64,
    /// isothermal: held at the air's temperature; lumped: one temperature, cooled by the air.
    #[arg(long, value_enum, default_value_t = ThermalName::Isothermal)]
    thermal: ThermalName,
    /// Ageing mechanisms of the electrochemical models, separated by commas: sei-reaction, sei-solvent,
    /// sei-interstitial, sei-electron or sei-ec; plating-reversible, plating-partial or plating-irreversible; cracks;
    /// lam; pore-clogging, of spme.
    #[arg(long, value_name = "LIST")]
    mechanisms: Option<String>,
    /// Repetitions of the protocol, the cell ageing on the way.
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "current",
        value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cycles: u32,
    /// Seconds between rows.
    #[arg(long, value_name = "S", default_value_t = 10.0, value_parser = |text: &str| number(text, 0.01, 1e7))]
    every: f64,
    /// CSV t_s, cycle, step, current_a, voltage_v, temperature_c, soc, discharged_ah; stdout when left out. With
    /// several cycles also one row per cycle, beside it as .cycles.csv.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModelName {
    Circuit,
    Spm,
    Spme,
    Dfn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ThermalName {
    Isothermal,
    Lumped,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list(args),
        Command::Life(args) => life(args),
        Command::Run(args) => run_cell(args),
        Command::Estimate(args) => cell_estimate::run(args),
        Command::Forecast(args) => cell_forecast::run(args),
    }
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    if args.json {
        let particles = set::shipped().map(|file| particle_as_json(&file));
        let all: Vec<serde_json::Value> =
            library::shipped().map(|file| as_json(&file)).chain(particles).collect();
        let text = serde_json::to_string_pretty(&all).map_err(Failure::failed)?;
        return output::print(format_args!("{text}\n"));
    }
    let blocks: Vec<String> = library::shipped()
        .map(|file| {
            format!(
                "{}\n  {}\n  make          {}\n  cell          {} Ah, {} V\n  fitted on     {}\n  models        {}\n  \
                 published as  {}\n  source        {}\n",
                file.name,
                file.title,
                file.make,
                file.cell.capacity_ah,
                file.cell.voltage_nominal_v,
                fitted(&file.life.fitted),
                MODELS.join(", "),
                file.published_as,
                file.sources.first().map_or("", String::as_str),
            )
        })
        .chain(set::shipped().map(|file| {
            let mechanisms = Mechanisms::names_of(&file);
            format!(
                "{}\n  {}\n  make          {}\n  cell          {} Ah, {} to {} V\n  models        {}\n  \
                 mechanisms    {}\n  published as  {}\n  source        {}\n",
                file.name,
                file.title,
                file.make,
                file.cell.capacity_ah,
                file.cell.voltage_min_v,
                file.cell.voltage_max_v,
                PARTICLE_MODELS.join(", "),
                if mechanisms.is_empty() { "none".to_owned() } else { mechanisms.join(", ") },
                file.published_as,
                file.sources.first().map_or("", String::as_str),
            )
        }))
        .collect();
    output::print(blocks.join("\n"))
}

fn particle_as_json(file: &ParticleFile) -> serde_json::Value {
    json!({
        "name": file.name,
        "title": file.title,
        "make": file.make,
        "family": file.family,
        "published_as": file.published_as,
        "source": file.sources.first(),
        "sources": file.sources,
        "cautions": file.cautions,
        "capacity_ah": file.cell.capacity_ah,
        "voltage_min_v": file.cell.voltage_min_v,
        "voltage_max_v": file.cell.voltage_max_v,
        "models": PARTICLE_MODELS,
        "mechanisms": Mechanisms::names_of(file),
    })
}

fn as_json(file: &ChemistryFile) -> serde_json::Value {
    let range = &file.life.fitted;
    json!({
        "name": file.name,
        "title": file.title,
        "make": file.make,
        "family": file.family,
        "published_as": file.published_as,
        "source": file.sources.first(),
        "sources": file.sources,
        "cautions": file.cautions,
        "capacity_ah": file.cell.capacity_ah,
        "voltage_nominal_v": file.cell.voltage_nominal_v,
        "voltage_min_v": file.limits.voltage_min_v,
        "voltage_max_v": file.limits.voltage_max_v,
        "fitted_range": {
            "temperature_c": range.temperature_c,
            "depth": range.depth,
            "c_rate": range.c_rate,
            "source": range.source,
        },
        "models": MODELS,
    })
}

fn life(args: &LifeArgs) -> Result<(), Failure> {
    let cell = cell(&args.chemistry).map_err(Failure::usage)?;
    let profile = Profile::open(&args.profile).map_err(Failure::usage)?;
    if let Some((first, last)) = profile.jump() {
        output::note(format_args!(
            "note: the profile ends at a state of charge of {last} and begins again at {first}: the jump takes no time and \
             counts as no cycle; a last row like the first closes it"
        ));
    }
    let driver = match args.driver {
        DriverName::Exact => Driver::Exact,
        DriverName::Daily => Driver::Daily,
    };
    let days = (args.years * f64::from(YEAR_DAYS)).round() as u32;
    let mut csv = Csv::create(args.out.as_deref())?;
    csv.line("t_days,efc,q_rel,r_rel")?;
    follow(&cell, &profile, driver, (days.max(1), args.every), |row| {
        let r_rel = row.r_rel.map_or_else(String::new, |r_rel| r_rel.to_string());
        csv.line(format_args!("{},{},{},{r_rel}", row.t_days, row.efc, row.q_rel))
    })?;
    csv.finish()
}

fn run_cell(args: &RunArgs) -> Result<(), Failure> {
    if args.model != ModelName::Circuit {
        return run_particle(args);
    }
    if args.mechanisms.is_some() {
        return Err(Failure::say(
            "--mechanisms is for spm, spme and dfn: the circuit ages by its life model",
        ));
    }
    let cell = cell(&args.chemistry).map_err(Failure::usage)?;
    let program = program(args)?;
    let setup = Setup {
        initial_soc: args.initial_soc.unwrap_or(1.0),
        ambient_c: args.ambient_c,
        heat: match args.thermal {
            ThermalName::Isothermal => Heat::Isothermal,
            ThermalName::Lumped => Heat::Lumped,
        },
        every_s: args.every,
    };
    let mut tables = Tables::create(args.out.as_deref(), args.cycles > 1)?;
    let done = bench::run(&cell, setup, &program, &mut tables);
    finish(done, tables)
}

fn program(args: &RunArgs) -> Result<Program, Failure> {
    match (&args.protocol, &args.current) {
        (Some(text), _) => {
            let protocol: Protocol = text.parse().map_err(Failure::usage)?;
            Ok(Program::Protocol { protocol, cycles: args.cycles })
        }
        (None, Some(file)) => Ok(Program::Current(CurrentFile::open(file).map_err(Failure::usage)?)),
        (None, None) => Err(Failure::say("give --protocol or --current")),
    }
}

fn finish(done: Result<(), Stopped<Failure>>, tables: Tables) -> Result<(), Failure> {
    match done {
        Ok(()) => tables.finish(),
        Err(Stopped::Record(failure)) => Err(failure),
        Err(Stopped::Bench(error)) => {
            // What was recorded until then is worth having.
            tables.finish()?;
            Err(match error {
                BenchError::Exhausted { .. }
                | BenchError::Interrupted { .. }
                | BenchError::Endless { .. }
                | BenchError::Cell(_) => Failure::failed(error),
                BenchError::File(_) | BenchError::TooShort { .. } => Failure::usage(error),
            })
        }
    }
}

/// One cell as an electrochemical model.
fn run_particle(args: &RunArgs) -> Result<(), Failure> {
    let set = particle_set(&args.chemistry).map_err(Failure::usage)?;
    let mechanisms: Mechanisms =
        args.mechanisms.as_deref().unwrap_or_default().parse().map_err(Failure::usage)?;
    let heat = match args.thermal {
        ThermalName::Isothermal => particle_cell::Heat::Isothermal,
        ThermalName::Lumped => particle_cell::Heat::Lumped,
    };
    let program = program(args)?;
    match args.model {
        ModelName::Dfn => {
            let options = dfn::Options { heat, mechanisms, ..dfn::Options::default() };
            on_bench(args, &DfnModel::new(set, options).map_err(Failure::usage)?, &program)
        }
        ModelName::Spme => {
            let options = particle_cell::Options {
                heat,
                mechanisms,
                ..particle_cell::Options::new(particle_cell::Kind::Spme)
            };
            on_bench(args, &CellModel::new(set, options).map_err(Failure::usage)?, &program)
        }
        ModelName::Spm | ModelName::Circuit => {
            let options = particle_cell::Options {
                heat,
                mechanisms,
                ..particle_cell::Options::new(particle_cell::Kind::Spm)
            };
            on_bench(args, &CellModel::new(set, options).map_err(Failure::usage)?, &program)
        }
    }
}

fn on_bench<M: Model>(args: &RunArgs, model: &M, program: &Program) -> Result<(), Failure> {
    let set = model.set();
    let new = Balance::of_new(set);
    let published = [
        set.file.negative.concentration_initial / set.file.negative.concentration_max,
        set.file.positive.concentration_initial / set.file.positive.concentration_max,
    ];
    let stoichiometry = args.initial_soc.map_or(published, |soc| new.at(soc));
    if args.initial_soc.is_none() {
        let soc = new.soc(published[0]);
        if (soc - 1.0).abs() > 1e-3 {
            output::note(format_args!(
                "note: the cell starts in its published initial state, at a state of charge of {soc:.3}; \
                 --initial-soc chooses another"
            ));
        }
    }
    let start = particle::Start {
        state: model.at_rest(stoichiometry, args.ambient_c),
        ambient_c: args.ambient_c,
        every_s: args.every,
    };
    let mut tables = Tables::create(args.out.as_deref(), args.cycles > 1 || model.ages())?;
    let done = particle::run(model, start, program, &mut tables);
    finish(done, tables)
}

/// The rows, and the cycles beside them.
struct Tables {
    rows: Csv,
    cycles: Option<Csv>,
}

impl Tables {
    fn create(out: Option<&Path>, with_cycles: bool) -> Result<Self, Failure> {
        let mut rows = Csv::create(out)?;
        rows.line("t_s,cycle,step,current_a,voltage_v,temperature_c,soc,discharged_ah")?;
        let beside = out.filter(|_| with_cycles).map(|out| out.with_extension("cycles.csv"));
        let mut cycles = beside.map(|file| Csv::create(Some(&file))).transpose()?;
        if let Some(cycles) = &mut cycles {
            cycles.line("cycle,capacity_ah,lli_pct,lam_negative_pct,lam_positive_pct,resistance_ohm")?;
        }
        Ok(Self { rows, cycles })
    }

    fn finish(self) -> Result<(), Failure> {
        self.rows.finish()?;
        self.cycles.map_or(Ok(()), Csv::finish)
    }
}

impl Record<Failure> for Tables {
    fn row(&mut self, row: &Row) -> Result<(), Failure> {
        self.rows.line(format_args!(
            "{:.3},{},{},{:.6},{:.6},{:.4},{:.8},{:.8}",
            row.t_s,
            row.cycle,
            row.step,
            row.current_a,
            row.voltage_v,
            row.temperature_c,
            row.soc,
            row.discharged_ah
        ))
    }

    fn cycle(&mut self, cycle: &CycleRow) -> Result<(), Failure> {
        let Some(cycles) = &mut self.cycles else { return Ok(()) };
        let cell = |value: Option<f64>| value.map_or_else(String::new, |value| format!("{value:.8}"));
        cycles.line(format_args!(
            "{},{:.8},{},{},{},{:.8}",
            cycle.cycle,
            cycle.capacity_ah,
            cell(cycle.lli_pct),
            cell(cycle.lam_negative_pct),
            cell(cycle.lam_positive_pct),
            cycle.resistance_ohm
        ))
    }

    fn note(&mut self, note: String) {
        output::note(format_args!("note: {note}"));
    }
}

fn years(text: &str) -> Result<f64, String> {
    number(text, 1.0 / 365.0, 200.0)
}

pub(super) fn number(text: &str, low: f64, high: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (low..=high).contains(&value) => Ok(value),
        Ok(value) => Err(format!("{value} is not within {low} to {high}")),
        Err(_) => Err(format!("`{text}` is no number")),
    }
}
