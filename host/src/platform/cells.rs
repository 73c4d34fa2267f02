//! Cell models, compiled once and shared by all twins of a chemistry.

use super::error::PlatformError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use twin::battery::circuit::CellModel;
use twin::battery::library;

/// The models that were asked for so far.
#[derive(Debug, Default)]
pub(super) struct Cells(Mutex<HashMap<String, Arc<CellModel>>>);

impl Cells {
    /// The model of a chemistry.
    pub(super) fn get(&self, name: &str) -> Result<Arc<CellModel>, PlatformError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = known.get(name) {
            return Ok(cell.clone());
        }
        let unfit = |reason: String| PlatformError::unfit("spec.chemistry", reason);
        let file = library::find(name).ok_or_else(|| unfit(format!("{name:?} is no chemistry")))?;
        let cell = Arc::new(CellModel::compile(file).map_err(|error| unfit(error.to_string()))?);
        known.insert(name.to_owned(), cell.clone());
        Ok(cell)
    }
}
