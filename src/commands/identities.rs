//! What the commands on identities share: the store of a data folder, opened for them alone.

use super::store_failure;
use crate::failure::Failure;
use crate::output;
use host::identity::{Hashing, Identity, IdentityError, OsEntropy, Settings};
use host::store::{LocalStore, Options, StoreError, folder_in};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twin::time::Time;

/// Who the journal says did it.
pub(super) const BY: &str = "shell";
/// Rows that are read at once.
pub(super) const PAGE: usize = 500;

/// Where identities lie, and how they are shown.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    /// Data folder of `celltide serve`, which must not be running.
    #[arg(long, value_name = "DIR")]
    pub(super) data: PathBuf,
    /// JSON on stdout instead of text.
    #[arg(long)]
    pub(super) json: bool,
}

/// Does something with the identities of a data folder, now.
pub(super) fn with_identities<T>(
    data: &Path,
    work: impl AsyncFnOnce(Identity, Time) -> Result<T, IdentityError>,
) -> Result<T, Failure> {
    let folder = folder_in(data);
    let options = Options { create: false, ..Options::default() };
    let store = LocalStore::open(&folder, &options).map_err(|error| match error {
        error @ StoreError::Busy { .. } => Failure::Failed(anyhow::Error::new(error).context(
            "a running server has the data folder: stop it first, or use /twins/v1/admin while it runs",
        )),
        error => store_failure(error),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Failure::failed)?;
    runtime.block_on(async {
        let hashing = Hashing { threads: 1, ..Hashing::default() };
        let settings = Settings { hashing, ..Settings::default() };
        let now = Time(jiff::Timestamp::now().as_millisecond());
        let kept: Arc<dyn host::store::Store> = Arc::new(store.clone());
        let done = match Identity::open(kept, settings, Arc::new(OsEntropy), now).await {
            Ok(identity) => work(identity, now).await,
            Err(error) => Err(error),
        };
        // What was done is durable by now; closing lets go of the folder.
        store.close().await.map_err(store_failure)?;
        done.map_err(identity_failure)
    })
}

/// What cannot be is wrong input, all else went wrong on the way.
fn identity_failure(error: IdentityError) -> Failure {
    match error {
        IdentityError::Store(error) => store_failure(error),
        IdentityError::NoEntropy(_) | IdentityError::Busy | IdentityError::Changed | IdentityError::Seal => {
            Failure::failed(error)
        }
        error => Failure::usage(error),
    }
}

/// Lines of a name and a value, or the same as JSON.
pub(super) fn show(fields: &[(&str, String)], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let object: serde_json::Map<String, serde_json::Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
        return show_json(&object.into());
    }
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    fields.iter().try_for_each(|(name, value)| output::print(format_args!("{name:width$}  {value}\n")))
}

/// JSON for a program.
pub(super) fn show_json(value: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(Failure::failed)?;
    output::print(format_args!("{text}\n"))
}

/// A table with its columns as wide as they must be.
pub(super) fn show_table<const N: usize>(heads: [&str; N], rows: &[[String; N]]) -> Result<(), Failure> {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([heads[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: [&str; N]| {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}")).collect();
        output::print(format_args!("{}\n", cells.join("  ").trim_end()))
    };
    line(heads)?;
    rows.iter().try_for_each(|row| line(row.each_ref().map(String::as_str)))
}

/// When, for people and programs.
pub(super) fn written(at: Time) -> String {
    jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |at| at.to_string())
}
