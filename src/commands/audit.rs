//! `celltide audit`.

use crate::failure::Failure;
use crate::output;
use host::store::journal::Audit;
use host::store::{StoreError, ask_for_audit, audit_folder, folder_in};
use std::path::PathBuf;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Checks the whole journal; exit code 1 and the first broken link where there is one.
    Verify(VerifyArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Data folder of `celltide serve`; it may be in use.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// JSON on stdout instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    let Command::Verify(args) = command;
    let folder = folder_in(&args.data);
    let audit = match audit_folder(&folder) {
        Err(StoreError::Busy { .. }) => ask_for_audit(&folder),
        audit => audit,
    };
    let audit = audit.map_err(super::store_failure)?;
    if args.json {
        let text = serde_json::to_string_pretty(&audit).map_err(Failure::failed)?;
        output::print(format_args!("{text}\n"))?;
    } else {
        output::print(told(&audit))?;
    }
    match audit.fault {
        Some(fault) => Err(Failure::Failed(anyhow::anyhow!(
            "the chain is broken at entry {}: {}",
            fault.sequence,
            fault.what
        ))),
        None => Ok(()),
    }
}

fn told(audit: &Audit) -> String {
    let state = if audit.fault.is_some() { "broken" } else { "whole" };
    format!(
        "chain        {state}\nentries      {}\nhead         {}\ncheckpoints  {}\nlast         {}\n",
        audit.entries, audit.head, audit.checkpoints, audit.checkpoint
    )
}
