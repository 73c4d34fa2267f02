//! `celltide compare`.

use crate::failure::Failure;
use crate::output;
use std::path::PathBuf;

/// Name of the page when nobody says.
const PAGE: &str = "comparison.html";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Result folders of `celltide run`; differences are against the first variant of the first.
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// The page; comparison.html when left out, and none with --json.
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// JSON on stdout instead of a table.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let comparison = sim::results::compare::compare(&args.folders).map_err(Failure::usage)?;
    let page = args.out.clone().or_else(|| (!args.json).then(|| PathBuf::from(PAGE)));
    if let Some(page) = &page {
        comparison.write_page(page).map_err(Failure::failed)?;
    }
    if args.json {
        let text = serde_json::to_string_pretty(&comparison.json()).map_err(Failure::failed)?;
        return output::print(format_args!("{text}\n"));
    }
    output::print(comparison.table())?;
    if let Some(page) = page {
        output::note(page.display());
    }
    Ok(())
}
