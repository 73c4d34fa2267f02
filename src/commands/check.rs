//! `celltide check`.

use super::{SetArgs, load};
use crate::failure::Failure;
use crate::output;
use clap::ValueEnum;
use sim::engine::model::{Cells, VariantModel};
use sim::results::number::significant;
use sim::results::vocabulary::counted;
use sim::scenario::Plan;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file (YAML).
    #[arg(required_unless_present_any = ["schema", "list"])]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    sets: SetArgs,
    /// Prints the JSON Schema of scenario files.
    #[arg(long, conflicts_with_all = ["scenario", "list", "sets"])]
    schema: bool,
    /// Prints the built-in names of a kind.
    #[arg(long, value_name = "WHAT", conflicts_with_all = ["scenario", "sets"])]
    list: Option<Names>,
}

/// Kinds of built-in names.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Names {
    /// Cities with a climate.
    Climates,
    /// Grid regions with a carbon intensity.
    Grids,
    /// Speed cycles.
    Cycles,
    /// Cells.
    Chemistries,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.schema {
        let schema = serde_json::to_string_pretty(&sim::scenario::json_schema()).map_err(Failure::failed)?;
        return output::print(format_args!("{schema}\n"));
    }
    if let Some(what) = args.list {
        let names = match what {
            Names::Climates => sim::world::climate::names(),
            Names::Grids => sim::world::grids::names(),
            Names::Cycles => sim::world::drive::names(),
            Names::Chemistries => twin::battery::library::names().collect(),
        };
        return output::print(format_args!("{}\n", names.join("\n")));
    }
    let Some(scenario) = &args.scenario else { return Err(Failure::say("no scenario was named")) };
    let plan = load(scenario, &args.sets.with(None, None))?;
    check_files(&plan)?;
    output::print(told(&plan))
}

/// Reads every file that any variant names, as a run would.
fn check_files(plan: &Plan) -> Result<(), Failure> {
    let mut cells = Cells::default();
    let mut wrong = BTreeSet::new();
    for variant in &plan.variants {
        if let Err(error) = VariantModel::of(&variant.name, &variant.scenario, &plan.folder, &mut cells) {
            let mut parts: Vec<String> =
                anyhow::Error::from(error).chain().map(ToString::to_string).collect();
            parts.dedup();
            wrong.insert(parts.join(": "));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::say(wrong.into_iter().collect::<Vec<_>>().join("\n")))
}

/// What would be built.
fn told(plan: &Plan) -> String {
    let mut text = format!("{}\n", plan.base.name);
    let mut line = |what: &str, value: &str| {
        let _ = writeln!(text, "  {what:<11} {value}");
    };
    let days = plan.horizon_days();
    let years =
        if days >= 365.0 { format!(" ({} years)", significant(days / 365.25, 3)) } else { String::new() };
    line("horizon", &format!("{} days{years} from {}", significant(days, 4), plan.base.start));
    let twins = plan.twin_counts().into_iter().filter(|(_, count)| *count > 0);
    let twins: Vec<String> = twins.map(|(kind, count)| counted(count, kind)).collect();
    line("twins", &twins.join(", "));
    line("replicates", &plan.base.replicates.to_string());
    line("seed", &plan.base.seed.to_string());
    line("variants", &plan.variants.len().to_string());
    for variant in &plan.variants {
        let _ = writeln!(text, "    {}", variant.name);
        for change in &variant.changes {
            let _ = writeln!(text, "      {change}");
        }
        // Variants that build something else than the file says so.
        let counts = variant.scenario.twin_counts();
        if counts != plan.twin_counts() {
            let counts: Vec<String> = counts.into_iter().map(|(kind, count)| counted(count, kind)).collect();
            let _ = writeln!(text, "      builds {}", counts.join(", "));
        }
        if variant.scenario.span_days() != days {
            let _ = writeln!(text, "      over {} days", significant(variant.scenario.span_days(), 4));
        }
    }
    text
}
