//! The tables of factors that every computed answer rests on: data files with a source and a confidence for
//! each figure, compiled in, read once, and never changed while running.

use super::material::Material;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// How sure a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Read in the named source, or in a public text that quotes it.
    Seen,
    /// Known from the named source, not read again.
    Known,
    /// An engineering default.
    Assumed,
}

/// A figure with where it comes from.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// The value; its unit is the last word of the name it stands under.
    pub value: f64,
    /// Lower end of what is published.
    pub low: Option<f64>,
    /// Upper end of what is published.
    pub high: Option<f64>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where it comes from.
    pub source: String,
}

/// Figures by name.
pub type Figures = BTreeMap<String, Figure>;
/// Figures by material.
pub type ByMaterial = BTreeMap<Material, Figure>;

/// `factors/carbon.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarbonFactors {
    /// Version of the set.
    pub set: String,
    /// Making batteries.
    pub production: Production,
    /// Electricity by region [kg CO2e/kWh].
    pub grid: Figures,
    /// Freight by mode.
    pub transport: BTreeMap<String, Freight>,
    /// Losses in use.
    pub use_phase: UsePhase,
    /// Treatment at the end.
    pub end_of_life: EndOfLife,
    /// Virgin material [kg CO2e/kg].
    pub virgin_kg_per_kg: ByMaterial,
    /// Share of the virgin factor that recycled material saves.
    pub recycled_saving: ByMaterial,
    /// Energy delivered over a life.
    pub functional_unit: FunctionalUnitFile,
}

/// Making batteries.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Production {
    /// Electricity of cell making per kWh of cells.
    pub electricity_kwh_per_kwh: Figure,
    /// Gas of cell making per kWh of cells.
    pub gas_kwh_per_kwh: Figure,
    /// Burning gas.
    pub gas_kg_per_kwh: Figure,
    /// Lead-acid batteries, everything included.
    pub lead_acid_kg_per_kg: Figure,
    /// What published studies find.
    pub plausible_kg_per_kwh: Figure,
    /// Materials by chemistry.
    pub materials_kg_per_kwh: Figures,
}

/// One mode of freight.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freight {
    /// [kg CO2e per t km].
    pub factor: Figure,
    /// Way over great circle.
    pub detour: Figure,
    /// Added to the way [km].
    pub extra_km: Option<Figure>,
}

/// Losses in use.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsePhase {
    /// Mean state of health over a life.
    pub mean_soh: Figure,
    /// Round-trip efficiency by family.
    pub round_trip: Figures,
}

/// Treatment at the end.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndOfLife {
    /// How well recovered material replaces virgin material.
    pub quality: Figure,
    /// What published studies find, net.
    pub plausible_kg_per_kwh: Figure,
    /// Treatment itself by process.
    pub burden_kg_per_kg: Figures,
}

/// Energy delivered over a life.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunctionalUnitFile {
    /// Full equivalent cycles a year by vehicle class.
    pub cycles_per_year: Figures,
}

/// `factors/materials.toml`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaterialFactors {
    /// Version of the set.
    pub set: String,
    /// Molar masses of elements.
    pub molar_g: BTreeMap<String, f64>,
    /// Lithium chemistries.
    pub chemistries: BTreeMap<String, PackFile>,
    /// What all lithium packs have.
    pub lithium: LithiumFile,
    /// Lead-acid blocks, shares of mass.
    pub lead_acid: LeadAcidFile,
    /// What processes give back.
    pub recovery: BTreeMap<String, RecoveryFile>,
    /// The circularity index.
    pub circularity: CircularityFile,
}

/// A lithium chemistry per kWh of pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackFile {
    /// Whole pack.
    pub mass_kg_per_kwh: Figure,
    /// Cathode material over pack mass.
    pub cathode_share: Figure,
    /// Graphite.
    pub graphite_kg_per_kwh: Figure,
    /// Formula of the cathode material.
    pub cathode: BTreeMap<String, f64>,
}

/// What all lithium packs have.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LithiumFile {
    /// Copper.
    pub copper_kg_per_kwh: Figure,
    /// Aluminium.
    pub aluminium_kg_per_kwh: Figure,
    /// Electrolyte.
    pub electrolyte_kg_per_kwh: Figure,
    /// Steel in what is left.
    pub steel_share_of_rest: Figure,
}

/// Lead-acid blocks, shares of mass.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeadAcidFile {
    /// Mass per rated energy.
    pub mass_kg_per_kwh: Figure,
    /// Lead.
    pub lead: Figure,
    /// Acid.
    pub acid: Figure,
    /// Case.
    pub pp: Figure,
}

/// What a process gives back.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryFile {
    /// Where the shares come from.
    pub source: String,
    /// How sure they are.
    pub confidence: Confidence,
    /// Share by material.
    pub share: BTreeMap<Material, f64>,
}

/// Weights of the circularity index.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircularityFile {
    /// Weight of recycled content.
    pub recycled: Figure,
    /// Weight of recovery.
    pub recovery: Figure,
    /// Weight of extra years.
    pub extra_life: Figure,
    /// Extra years that count in full.
    pub extra_life_full_years: Figure,
    /// How far recovered mass may exceed contained mass.
    pub tolerance: Figure,
}

static CARBON: LazyLock<CarbonFactors> = LazyLock::new(|| {
    toml::from_str(include_str!("../../factors/carbon.toml")).expect("a test reads every table that ships")
});
static MATERIALS: LazyLock<MaterialFactors> = LazyLock::new(|| {
    toml::from_str(include_str!("../../factors/materials.toml")).expect("a test reads every table that ships")
});

/// Carbon factors.
pub fn carbon() -> &'static CarbonFactors {
    &CARBON
}

/// Material factors.
pub fn materials() -> &'static MaterialFactors {
    &MATERIALS
}

/// A name that a table does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {table} called `{name}` in factor set {set}")]
pub struct UnknownName {
    /// Table.
    pub table: &'static str,
    /// Name.
    pub name: String,
    /// Version of the set.
    pub set: String,
}

/// The figure of a name.
///
/// # Errors
/// When the table has no such name.
pub fn find<'t, T>(
    table: &'t BTreeMap<String, T>,
    kind: &'static str,
    name: &str,
) -> Result<&'t T, UnknownName> {
    let unknown = || UnknownName { table: kind, name: name.into(), set: CARBON.set.clone() };
    table.get(name).ok_or_else(unknown)
}

/// Family of a lithium chemistry as tables of efficiencies know it: `NMC` of `NMC811`.
#[must_use]
pub fn family(chemistry: &str) -> &str {
    if chemistry.starts_with("NMC") { "NMC" } else { chemistry }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_reads_and_belongs_to_one_set() {
        assert_eq!(carbon().set, materials().set);
        assert_eq!(carbon().set, "2026.1");
    }

    #[test]
    fn figures_lie_within_their_own_ranges_and_name_a_source() {
        let carbon = carbon();
        let all = [&carbon.grid, &carbon.production.materials_kg_per_kwh, &carbon.use_phase.round_trip];
        let named = all.into_iter().flat_map(|table| table.values());
        for figure in named.chain(carbon.virgin_kg_per_kg.values()).chain(carbon.recycled_saving.values()) {
            assert!(!figure.source.is_empty());
            assert!(figure.low.is_none_or(|low| low <= figure.value), "{figure:?}");
            assert!(figure.high.is_none_or(|high| figure.value <= high), "{figure:?}");
        }
        for saving in carbon.recycled_saving.values() {
            assert!((0.0..=1.0).contains(&saving.value));
        }
        for process in materials().recovery.values() {
            assert!(process.share.values().all(|share| (0.0..=1.0).contains(share)));
        }
    }

    #[test]
    fn a_name_that_is_not_there_is_told_with_its_table() {
        let error = find(&carbon().grid, "grid region", "XX").unwrap_err();
        assert_eq!(error.to_string(), "there is no grid region called `XX` in factor set 2026.1");
    }
}
