//! What does not change about a battery, from what it was registered as.

use crate::battery::circuit::CellModel;
use crate::battery::estimate::{self, Guess, Prior};
use crate::time::Time;
use std::sync::Arc;

/// Cells of a lead-acid block of 12 V.
const BLOCK_CELLS: f64 = 6.0;
/// Two figures of a registration that differ by more than this share contradict each other.
const AGREE: f64 = 0.25;

/// What was registered of a battery; what nobody said is nothing.
#[derive(Debug, Clone, Default)]
pub struct Registered {
    /// Model of a cell.
    pub cell: Option<Arc<CellModel>>,
    /// Cells in series, or blocks.
    pub series: Option<f64>,
    /// Cells in parallel.
    pub parallel: Option<f64>,
    /// Rated capacity [Ah].
    pub capacity_ah: Option<f64>,
    /// Rated energy [Wh].
    pub energy_wh: Option<f64>,
    /// Nominal voltage [V].
    pub voltage_nominal_v: Option<f64>,
    /// When it was put to use, or made.
    pub born: Option<Time>,
}

/// What does not change about a battery.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Cells as the estimator takes them; without a model of them only what the device claims is known.
    model: Option<estimate::Subject>,
    series: f64,
    /// Rated capacity [Ah].
    rated_ah: Option<f64>,
    prior: Prior,
    born: Option<Time>,
}

impl Subject {
    /// A battery as it was registered.
    ///
    /// Where counts and ratings contradict each other, the ratings count. Lead-acid chemistries are of cells of 2 V, and
    /// people count blocks: without a nominal voltage a multiple of six is cells, anything else blocks of six.
    pub fn of(registered: &Registered) -> Self {
        let Registered { cell, series, parallel, capacity_ah, energy_wh, voltage_nominal_v, born } =
            registered;
        let by_energy = energy_wh.zip(*voltage_nominal_v).map(|(wh, v)| wh / v);
        let Some(cell) = cell else {
            let rated_ah = capacity_ah.or(by_energy);
            let (series, prior) = (series.unwrap_or(1.0), Prior::default());
            return Self { model: None, series, rated_ah, prior, born: *born };
        };
        let (cell_v, cell_ah) = (cell.file.cell.voltage_nominal_v, cell.file.cell.capacity_ah);
        let is_lead = cell.file.lead_acid.is_some();
        let by_voltage = voltage_nominal_v.map(|v| (v / cell_v).round().max(1.0));
        let as_counted = series.map(|count| match is_lead && count % BLOCK_CELLS != 0.0 {
            true if by_voltage.is_none() => count * BLOCK_CELLS,
            _ => count,
        });
        let series = agreed(as_counted, by_voltage).unwrap_or(1.0);
        let by_charge = capacity_ah.map(|ah| (ah / cell_ah).max(1e-6));
        let parallel = agreed(*parallel, by_charge).unwrap_or(1.0);
        let rated_ah = capacity_ah.unwrap_or(cell_ah * parallel);
        let model = estimate::Subject::scaled(cell.clone(), series, parallel);
        // What makers rate a battery at is not always what its cells hold together.
        let share = rated_ah / (cell_ah * parallel);
        let usual = Prior::default();
        // Nobody replaces the twin with the block, and blocks serve for years: less is taken for granted. assumed.
        let (soh, resistance) = match is_lead {
            true => (Guess { mean: 0.95, std: 0.12 }, Guess { mean: 1.1, std: 0.3 }),
            false => (usual.soh, usual.resistance),
        };
        let soh = Guess { mean: soh.mean * share, std: soh.std * share };
        Self {
            model: Some(model),
            series,
            rated_ah: Some(rated_ah),
            prior: Prior { soc: None, soh, resistance },
            born: *born,
        }
    }

    /// Cells as the estimator takes them.
    pub fn model(&self) -> Option<&estimate::Subject> {
        self.model.as_ref()
    }

    /// Family of its cells.
    pub fn family(&self) -> Option<&str> {
        Some(self.model.as_ref()?.cell.file.family.as_str())
    }

    /// What a rule's figure per cell is divided by: cells in series, of lead-acid blocks.
    pub fn per_series(&self) -> f64 {
        match self.model.as_ref().is_some_and(estimate::Subject::is_lead_acid) {
            true => (self.series / BLOCK_CELLS).max(1.0),
            false => self.series,
        }
    }

    /// Cells in series.
    pub fn series(&self) -> f64 {
        self.series
    }

    /// Rated capacity [Ah].
    pub fn rated_ah(&self) -> Option<f64> {
        self.rated_ah
    }

    /// Capacity of the cells over the rated one.
    pub(super) fn share(&self) -> f64 {
        let cells_ah = self.model.as_ref().map(|model| model.cell.file.cell.capacity_ah * model.parallel);
        self.rated_ah.zip(cells_ah).map_or(1.0, |(rated, cells)| rated / cells)
    }

    pub(super) fn prior(&self) -> &Prior {
        &self.prior
    }

    /// When it was put to use, or made.
    pub(super) fn born(&self) -> Option<Time> {
        self.born
    }
}

/// A count, or what a rating makes it where they contradict each other.
fn agreed(counted: Option<f64>, rated: Option<f64>) -> Option<f64> {
    match (counted, rated) {
        (Some(counted), Some(rated)) if (counted / rated - 1.0).abs() > AGREE => Some(rated),
        (counted, rated) => counted.or(rated),
    }
}
