//! A data folder with twins in it, made without a platform that serves.

use super::platform::{PASSWORD, failed};
use crate::failure::Failure;
use futures::StreamExt;
use host::identity::{Identity, OsEntropy, Secret, Settings};
use host::platform::clock::Clock;
use host::platform::door::Kind;
use host::platform::{Alias, NewTwin, Options, Platform, Spec, TwinId};
use host::store::{LocalStore, Store, folder_in};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Twins that are registered at a time.
const TOGETHER: usize = 512;

/// The data folder within a place.
pub(crate) fn data_in(place: &Path) -> std::path::PathBuf {
    place.join("data")
}

/// The store of a place.
pub(crate) fn open(place: &Path) -> Result<LocalStore, Failure> {
    let folder = folder_in(&data_in(place));
    std::fs::create_dir_all(&folder).map_err(Failure::failed)?;
    LocalStore::open(&folder, &host::store::Options::default()).map_err(Failure::failed)
}

/// Registers `bench-0`, `bench-1`, … and the administrator.
pub(crate) async fn register(place: &Path, twins: usize) -> Result<Vec<TwinId>, Failure> {
    let local = open(place)?;
    let store: Arc<dyn Store> = Arc::new(local.clone());
    let now = Clock::wall().now();
    let identity = Identity::open(store.clone(), Settings::default(), Arc::new(OsEntropy), now).await;
    let identity = identity.map_err(Failure::failed)?;
    identity.first_admin(Some(Secret::new(PASSWORD)), now).await.map_err(Failure::failed)?;
    let platform = Platform::start(store, Options::default()).await.map_err(Failure::failed)?;
    let spec = json!({ "chemistry": "panasonic-18650pf", "series": 13, "parallel": 4 });
    let spec = Spec::read(Kind::Battery, spec).map_err(Failure::failed)?;
    let made = futures::stream::iter(0..twins).map(|twin| {
        let new = NewTwin {
            kind: Kind::Battery,
            name: None,
            aliases: vec![Alias { namespace: "device".to_owned(), name: format!("bench-{twin}") }],
            spec: spec.clone(),
            labels: BTreeMap::new(),
            organisation: None,
        };
        let platform = platform.clone();
        async move { platform.create(new, "bench").await.map(|seen| seen.id) }
    });
    let made: Vec<_> = made.buffered(TOGETHER).collect().await;
    let ids = made.into_iter().collect::<Result<Vec<TwinId>, _>>().map_err(Failure::failed)?;
    platform.stop(Duration::from_secs(1)).await;
    local.close().await.map_err(Failure::failed)?;
    Ok(ids)
}

/// Bytes of a folder with all that is in it.
pub(crate) fn bytes_in(folder: &Path) -> Result<f64, Failure> {
    let mut bytes = 0.0;
    for found in std::fs::read_dir(folder).map_err(Failure::failed)? {
        let found = found.map_err(Failure::failed)?;
        let about = found.metadata().map_err(Failure::failed)?;
        bytes += if about.is_dir() { bytes_in(&found.path())? } else { about.len() as f64 };
    }
    if bytes.is_finite() { Ok(bytes) } else { Err(failed("a folder without end")) }
}
