//! Kinds of battery pack in a scenario file.

use super::schema::one_u32;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of battery pack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatteryKind {
    /// Chemistry: a built-in name or its `published_as` (`celltide cell list`), or a chemistry file (`….toml`)
    /// relative to the scenario file, as `celltide calibrate` writes it. With `fidelity: particle` a parameter set of
    /// particle models, or the file of one.
    pub chemistry: String,
    /// How closely packs of this kind are followed.
    #[serde(default, skip_serializing_if = "Fidelity::is_default")]
    pub fidelity: Fidelity,
    /// The particle model, where `fidelity` is `particle`; the chemistry is then a parameter set of such models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub particle: Option<Particles>,
    /// Cells in series.
    #[schemars(range(min = 1, max = 2000))]
    pub series: u32,
    /// Cells in parallel.
    #[serde(default = "one_u32")]
    #[schemars(range(min = 1, max = 2000))]
    pub parallel: u32,
    /// How cells of one make differ.
    #[serde(default)]
    pub scatter: Scatter,
    /// Thermal path from the cells to the air.
    #[serde(default)]
    pub thermal: Thermal,
    /// State of health at which the pack is taken out of service.
    #[serde(default = "default_end_of_life")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub end_of_life_soh: f64,
    /// Price of a new pack, in the scenario's currency.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0e9))]
    pub price: f64,
    /// Emissions of making a new pack.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0e9))]
    pub production_carbon_kg: f64,
}

/// How closely a battery is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fidelity {
    /// State of charge, coarse heat and the life laws; no voltage but the open-circuit one.
    Life,
    /// An equivalent circuit, heat and the life laws.
    #[default]
    Circuit,
    /// Lithium in particles and electrolyte, and the mechanisms that take it.
    Particle,
}

impl Fidelity {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A particle model and what ages it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Particles {
    /// Which model.
    pub model: ParticleKind,
    /// Mechanisms of ageing, one of a kind: `sei-reaction`, `sei-solvent`, `sei-interstitial`, `sei-electron`, `sei-ec`;
    /// `plating-reversible`, `plating-partial`, `plating-irreversible`; `cracks`; `lam`; `pore-clogging`. When left out,
    /// `sei-solvent` where the set has figures of it; an empty list is no ageing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 5))]
    pub mechanisms: Option<Vec<String>>,
}

/// Which particle model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParticleKind {
    /// Single particles: no electrolyte, and none of its heat.
    Spm,
    /// Single particles with electrolyte.
    #[default]
    Spme,
}

/// Cell-to-cell scatter as standard deviations relative to the mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Scatter {
    /// Capacity, normal.
    #[schemars(range(min = 0.0, max = 0.2))]
    pub capacity_sd: f64,
    /// Resistance, lognormal.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub resistance_sd: f64,
    /// Ageing rate, lognormal.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ageing_sd: f64,
}

/// Thermal path of a pack: cells to enclosure to ambient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Thermal {
    /// Time constant of the cells against their enclosure.
    #[schemars(range(min = 10.0, max = 1.0e6))]
    pub cell_time_constant_s: f64,
    /// Time constant of the enclosure, cells included, against the air.
    #[schemars(range(min = 10.0, max = 1.0e7))]
    pub pack_time_constant_s: f64,
    /// Heat capacity of the enclosure relative to the cells'.
    #[schemars(range(min = 0.01, max = 10.0))]
    pub enclosure_heat_ratio: f64,
}

impl Default for Scatter {
    /// Middle of the spreads reported for cells of one lot (Wildfeuer & Lienkamp 2021; Baumhöfer 2014).
    fn default() -> Self {
        Self { capacity_sd: 0.004, resistance_sd: 0.02, ageing_sd: 0.12 }
    }
}

impl Default for Thermal {
    /// assumed: a passively cooled pack of a few kilograms in a plastic case.
    fn default() -> Self {
        Self { cell_time_constant_s: 600.0, pack_time_constant_s: 7200.0, enclosure_heat_ratio: 0.5 }
    }
}

fn default_end_of_life() -> f64 {
    0.8
}
