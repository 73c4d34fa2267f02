//! Lines of stages: what a works does to what it takes in (`factors/works.toml`).

use super::shifts::Shifts;
use crate::passport::factors::{Confidence, Figure, UnknownName};
use crate::passport::material::{MATERIALS, Masses, Material, Shares};
use crate::passport::recovery;
use crate::time::HOUR_MS;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// State of collected plastic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Clean, short in the water.
    #[default]
    Good,
    /// Dirty or mixed.
    Contaminated,
    /// Brittle from sun and salt.
    Degraded,
}

impl Condition {
    /// One step worse.
    #[must_use]
    pub fn worse(self) -> Self {
        match self {
            Self::Good => Self::Contaminated,
            Self::Contaminated | Self::Degraded => Self::Degraded,
        }
    }
}

/// What a works is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sorts collected plastic by resin.
    Sorting,
    /// Makes granulate of sorted plastic.
    Recycling,
    /// Takes batteries apart for their materials.
    BatteryRecycler(Process),
}

/// How batteries are recycled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Process {
    /// Leaching.
    Hydro,
    /// Smelting, then leaching of the alloy.
    Pyro,
    /// Regeneration of the electrode material.
    Direct,
    /// Secondary lead smelting.
    Smelting,
}

impl Process {
    /// Name in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hydro => "hydro",
            Self::Pyro => "pyro",
            Self::Direct => "direct",
            Self::Smelting => "smelting",
        }
    }
}

impl Kind {
    /// Name of its line.
    #[must_use]
    pub fn line(self) -> &'static str {
        match self {
            Self::Sorting => "sorting",
            Self::Recycling => "recycling",
            Self::BatteryRecycler(process) => process.name(),
        }
    }

    /// Whether it takes a material in. Dirt and moisture count as [`Material::Other`].
    #[must_use]
    pub fn accepts(self, material: Material) -> bool {
        match self {
            Self::Sorting | Self::Recycling => material.is_resin() || material == Material::Other,
            Self::BatteryRecycler(_) => !material.is_resin() || material == Material::Pp,
        }
    }
}

/// One stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Name.
    pub name: String,
    /// Time that every lot takes, whatever its mass [ms of working time].
    pub per_lot_ms: i64,
    /// Rate [kg/h]; infinite where only lots count.
    pub kg_per_h: f64,
    /// Electricity [kWh/kg of what goes in].
    pub electricity_kwh_per_kg: f64,
    /// Fuel and process emissions [kg CO2e/kg of what goes in].
    pub direct_kg_per_kg: f64,
    /// Share of each material that goes on, by condition; the rest is residue.
    pub passes: [Shares; 3],
}

impl Stage {
    /// Working time for a lot [ms].
    #[must_use]
    pub fn work_ms(&self, masses: &Masses) -> i64 {
        self.per_lot_ms + (masses.total_kg() / self.kg_per_h * HOUR_MS as f64).round() as i64
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WorksFile {
    set: String,
    lines: BTreeMap<String, LineFile>,
    plastic: PlasticFile,
}

/// A line in the table.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineFile {
    /// How sure its figures are.
    pub confidence: Confidence,
    /// Where they come from.
    pub source: String,
    stages: Vec<StageFile>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct StageFile {
    name: String,
    #[serde(default)]
    minutes_per_lot: f64,
    speed: Option<f64>,
    #[serde(default)]
    electricity_kwh_per_kg: f64,
    #[serde(default)]
    direct_kg_per_kg: f64,
    passes: Passes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Passes {
    Everything,
    Sorted,
    Recycled,
    Process,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlasticFile {
    sorted: Figure,
    yields: YieldFile,
}

#[derive(Deserialize)]
struct YieldFile {
    #[serde(rename = "confidence")]
    _confidence: Confidence,
    #[serde(rename = "source")]
    _source: String,
    #[serde(flatten)]
    resins: BTreeMap<Material, [f64; 3]>,
}

static WORKS: LazyLock<WorksFile> = LazyLock::new(|| {
    toml::from_str(include_str!("../../factors/works.toml")).expect("a test reads every table that ships")
});

/// Version of the table.
pub fn factor_set() -> &'static str {
    &WORKS.set
}

/// The table's line of a kind of works.
pub fn line_file(kind: Kind) -> &'static LineFile {
    WORKS.lines.get(kind.line()).expect("a test finds the line of every kind")
}

/// Share of collected resin that ends as granulate, sorting included.
#[must_use]
pub fn plastic_yield(resin: Material, condition: Condition) -> f64 {
    WORKS.plastic.yields.resins.get(&resin).map_or(0.0, |yields| yields[condition as usize])
}

/// Expected share of a batch that can be recycled, 0..=1: the yield of its resins.
#[must_use]
pub fn recyclability(batch: &Masses, condition: Condition) -> f64 {
    let total_kg = batch.total_kg();
    let granulate: f64 = batch.iter().map(|(resin, kg)| kg * plastic_yield(resin, condition)).sum();
    if total_kg > 0.0 { granulate / total_kg } else { 0.0 }
}

/// The stages of a works that treats `daily_kg` a calendar day, on the mean of a week, when always supplied.
///
/// # Errors
/// When a table lacks the process.
pub fn stages(kind: Kind, daily_kg: f64, shifts: &Shifts) -> Result<Vec<Stage>, UnknownName> {
    let slowest_kg_per_h = daily_kg * 7.0 / shifts.hours_per_week();
    let process = match kind {
        Kind::BatteryRecycler(process) => recovery::shares(process.name())?,
        Kind::Sorting | Kind::Recycling => Shares::uniform(1.0),
    };
    let by_resin = |share: &dyn Fn(Material) -> f64| {
        let mut all = Vec::with_capacity(MATERIALS);
        all.extend(Material::ALL.into_iter().map(|material| (material, share(material))));
        Shares::of(all)
    };
    let sorted = WORKS.plastic.sorted.value;
    let is_sorted = |resin| plastic_yield(resin, Condition::Good) > 0.0;
    let stage = |file: &StageFile| Stage {
        name: file.name.clone(),
        per_lot_ms: (file.minutes_per_lot * 60_000.0).round() as i64,
        kg_per_h: file.speed.map_or(f64::INFINITY, |speed| speed * slowest_kg_per_h),
        electricity_kwh_per_kg: file.electricity_kwh_per_kg,
        direct_kg_per_kg: file.direct_kg_per_kg,
        passes: [Condition::Good, Condition::Contaminated, Condition::Degraded].map(|condition| {
            match file.passes {
                Passes::Everything => Shares::uniform(1.0),
                Passes::Sorted => by_resin(&|resin| if is_sorted(resin) { sorted } else { 0.0 }),
                // The yields of the table are over both works.
                Passes::Recycled => by_resin(&|resin| (plastic_yield(resin, condition) / sorted).min(1.0)),
                Passes::Process => process,
            }
        }),
    };
    Ok(line_file(kind).stages.iter().map(stage).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::passport::factors;

    const KINDS: [Kind; 6] = [
        Kind::Sorting,
        Kind::Recycling,
        Kind::BatteryRecycler(Process::Hydro),
        Kind::BatteryRecycler(Process::Pyro),
        Kind::BatteryRecycler(Process::Direct),
        Kind::BatteryRecycler(Process::Smelting),
    ];

    #[test]
    fn every_kind_has_a_line_with_one_slowest_stage() {
        assert_eq!(factor_set(), factors::carbon().set);
        for kind in KINDS {
            let stages = stages(kind, 2400.0, &Shifts::always()).unwrap();
            let slowest = stages.iter().map(|s| s.kg_per_h).fold(f64::INFINITY, f64::min);
            assert!((slowest - 100.0).abs() < 1e-9, "{kind:?}");
        }
    }

    #[test]
    fn energy_of_battery_lines_agrees_with_the_burden_of_the_carbon_rules() {
        for kind in &KINDS[2..] {
            let stages = stages(*kind, 1.0, &Shifts::always()).unwrap();
            let kg: f64 = stages.iter().map(|s| s.electricity_kwh_per_kg * 0.45 + s.direct_kg_per_kg).sum();
            let burden = factors::carbon().end_of_life.burden_kg_per_kg[kind.line()].value;
            assert!((kg / burden - 1.0).abs() < 0.02, "{kind:?}: {kg} against {burden}");
        }
    }

    #[test]
    fn recyclability_by_hand() {
        // 55 % HDPE, 30 % PP, 15 % other, contaminated: 0.55·0.65 + 0.30·0.60 = 0.5375.
        let batch =
            Masses::of([(Material::Hdpe, 55.0), (Material::Pp, 30.0), (Material::OtherPlastic, 15.0)]);
        assert!((recyclability(&batch, Condition::Contaminated) - 0.5375).abs() < 1e-12);
    }
}
