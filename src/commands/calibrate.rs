//! `celltide calibrate`.

use crate::failure::Failure;
use crate::output;
use sim::calibrate::{
    CalibrateError, DataFile, Outcome, Part, Request, Role, calibrate, read_inputs, report,
};
use sim::measured::{Columns, Options, Sign};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Chemistry to start from: a name, or the path of a chemistry file. What is not fitted stays as it is there.
    #[arg(long, value_name = "NAME")]
    chemistry: String,
    /// Measured data, CSV or .csv.gz: cycling (time, voltage, current), a history (cycle or days, capacity), or a table of
    /// soc and ocv. A file may carry its own figures: FILE@ambient=-20,soc=1,cycles-per-day=4
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., value_parser = DataFile::parse)]
    data: Vec<DataFile>,
    /// Data that nothing is fitted to and that are predicted, for the report.
    #[arg(long, value_name = "FILE", num_args = 1.., value_parser = DataFile::parse)]
    predict: Vec<DataFile>,
    /// Chemistry file to write; stdout when left out.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Page with residuals, parameters and their intervals.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Name of the new chemistry; that of the file, or of the chemistry with -calibrated.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Where the data come from, for the chemistry's sources.
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// What to fit: ocv, hysteresis, circuit, heat, life. Refused where the data do not tell; left out, whatever they tell.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = part)]
    fit: Vec<Part>,
    /// What to keep from the chemistry although it could be fitted: tau2.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = ["tau2"])]
    keep: Vec<String>,
    /// Bounds of the slow time constant [s].
    #[arg(long, value_name = "LOW,HIGH", default_value = "200,20000", value_parser = bounds)]
    tau2_s: (f64, f64),
    /// Columns by name where they are not recognised: time=…,voltage=…,current=…,segment=a+b
    #[arg(long, value_name = "LIST", value_parser = Columns::parse)]
    columns: Option<Columns>,
    /// Which sign of the current discharges; told from the data when left out.
    #[arg(long, value_enum)]
    sign: Option<SignName>,
    /// Temperature of the surroundings, for files that do not say [°C].
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    ambient_c: Option<f64>,
    /// State of charge at the beginning of every record that does not begin at rest.
    #[arg(long, value_name = "S", value_parser = share)]
    initial_soc: Option<f64>,
    /// Rated capacity of the measured cell, where it is not the chemistry's [Ah].
    #[arg(long, value_name = "AH")]
    capacity_ah: Option<f64>,
    /// Temperatures of the resistances' rows, rising; those of the data when left out [°C].
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true)]
    temperatures_c: Vec<f64>,
    /// Lets R0 fall at high current, as charge transfer does in the cold.
    #[arg(long)]
    knee: bool,
    /// Further starts of the fit, drawn from the seed.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=100))]
    starts: u16,
    /// Seed of the starts.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// No progress and no summary, only errors.
    #[arg(long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SignName {
    DischargePositive,
    DischargeNegative,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut base = sim::experiment::chemistry(&args.chemistry).map_err(Failure::usage)?;
    if let Some(capacity_ah) = args.capacity_ah {
        base.cell.capacity_ah = capacity_ah;
    }
    if args.temperatures_c.windows(2).any(|pair| pair[1] <= pair[0]) {
        return Err(Failure::say("--temperatures-c must rise"));
    }
    let options = Options {
        columns: args.columns.clone().unwrap_or_default(),
        sign: args.sign.map(|sign| match sign {
            SignName::DischargePositive => Sign::DischargePositive,
            SignName::DischargeNegative => Sign::DischargeNegative,
        }),
        ambient_c: args.ambient_c,
        initial_soc: args.initial_soc,
    };
    let data = read_inputs(&args.data, &options).map_err(Failure::usage)?;
    let predict = read_inputs(&args.predict, &options).map_err(Failure::usage)?;
    let request = Request {
        name: args.name.clone().unwrap_or_else(|| default_name(args.out.as_deref(), &base.name)),
        base,
        source: args.source.clone(),
        parts: args.fit.clone(),
        keep_tau2: args.keep.iter().any(|kept| kept == "tau2"),
        tau2_s: args.tau2_s,
        temperature_c: args.temperatures_c.clone(),
        knee: args.knee,
        starts: usize::from(args.starts),
        seed: args.seed,
    };
    let mut display = crate::progress::Steps::start(args.quiet);
    let outcome = calibrate(&request, &data, &predict, |step| display.tell(step)).map_err(failure)?;
    drop(display);
    let text = toml::to_string(&outcome.chemistry).map_err(Failure::failed)?;
    if let Some(page) = &args.report {
        write(page, &report::render(&outcome))?;
    }
    match &args.out {
        Some(out) => write(out, &text)?,
        None => output::print(&text)?,
    }
    if !args.quiet {
        tell(&outcome);
    }
    Ok(())
}

fn failure(error: CalibrateError) -> Failure {
    match error {
        CalibrateError::Senseless(_) => Failure::failed(error),
        _ => Failure::usage(error),
    }
}

/// What was found, for whoever waits.
fn tell(outcome: &Outcome) {
    let parts: Vec<&str> = outcome.fitted.iter().map(|(part, _)| part.name()).collect();
    output::note(format_args!("fitted {}: {}", outcome.chemistry.name, parts.join(", ")));
    let role = |role: Role| if role == Role::Fitted { "fitted   " } else { "predicted" };
    for record in &outcome.records {
        output::note(format_args!(
            "  {} {:7.1} mV RMSE  {:6.1} mV median  {:5.0} °C  {}",
            role(record.role),
            1e3 * record.rms_v,
            1e3 * record.median_v,
            record.ambient_c,
            record.name
        ));
    }
    for aged in &outcome.histories {
        output::note(format_args!("  {} {:.4} Ah RMSE  {}", role(aged.role), aged.rms_ah, aged.name));
    }
    for note in &outcome.notes {
        output::note(format_args!("note: {note}"));
    }
}

/// Writes a file under another name until it is whole.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let context =
        |error| Failure::Usage(anyhow::Error::new(error).context(format!("cannot write {}", file.display())));
    std::fs::write(&partial, text).and_then(|()| std::fs::rename(&partial, file)).map_err(context)
}

fn default_name(out: Option<&Path>, base: &str) -> String {
    let stem = out.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| format!("{base}-calibrated"))
}

fn part(text: &str) -> Result<Part, String> {
    Part::of(text).ok_or_else(|| format!("`{text}` is none of ocv, hysteresis, circuit, heat, life"))
}

fn bounds(text: &str) -> Result<(f64, f64), String> {
    let pair = text.split_once(',').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    match pair {
        Some((low, high)) if low >= 1.0 && high > low && high <= 1e6 => Ok((low, high)),
        _ => Err(format!("`{text}` is not LOW,HIGH within 1 to 1000000 s")),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!("`{text}` is not within 0 to 1")),
    }
}
