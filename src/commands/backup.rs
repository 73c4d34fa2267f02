//! `celltide backup` and `celltide restore`.

use super::store_failure;
use crate::failure::Failure;
use crate::output;
use host::store::{LocalStore, Options, StoreError, ask_for_backup, folder_in};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(crate) struct BackupArgs {
    /// Data folder of `celltide serve`; it may be in use.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The backup; there must be no such file yet.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RestoreArgs {
    /// The backup.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Data folder, in which there must be no store yet.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

pub(crate) fn backup(args: &BackupArgs) -> Result<(), Failure> {
    if args.to.exists() {
        return Err(Failure::say(format_args!("{} is there already", args.to.display())));
    }
    let folder = folder_in(&args.data);
    // Nothing is written to the store, so it needs no room to spare.
    let options = Options { create: false, reserve_bytes: 0, ..Options::default() };
    let bytes = match LocalStore::open(&folder, &options) {
        Err(StoreError::Busy { .. }) => ask_for_backup(&folder, &args.to).map_err(store_failure)?,
        opened => {
            let store = opened.map_err(store_failure)?;
            let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(Failure::failed)?;
            let summary = runtime.block_on(async {
                let summary = store.backup(&args.to).await?;
                store.close().await?;
                Ok(summary)
            });
            summary.map_err(store_failure)?.bytes
        }
    };
    output::print(format_args!("{}  {bytes} bytes\n", args.to.display()))
}

pub(crate) fn restore(args: &RestoreArgs) -> Result<(), Failure> {
    let audit = host::store::restore(&args.from, &args.data).map_err(|error| match error {
        // What is wrong with the backup, or in its way, is wrong input, and nothing was written.
        error @ (StoreError::Io { .. } | StoreError::DiskFull { .. }) if args.from.is_file() => {
            Failure::failed(error)
        }
        error => Failure::usage(error),
    })?;
    output::print(format_args!("{}  {} entries, chain whole\n", args.data.display(), audit.entries))
}
