//! What batches mean for climate and sea: emissions of collecting, carrying and treating them, virgin plastic that is not
//! made, animals that were in nets.
//!
//! ```text
//! net = collecting + transport + processing − Σ avoided mass · virgin factor        negative is a benefit
//! ```
//!
//! Processing counts the energy of recycling, so the emissions of recycled resin are not taken off a second time.

use super::batch::{Batch, Closed, Stage, leg_km};
use super::factors::{ROAD_DETOUR, ROAD_KG_CO2E_PER_TKM, expected_recycled_kg, virgin_avoided_kg_co2e};
use super::gear::Method;
use super::ground::sea;
use super::intake::recycling_yield;
use super::material::Material;
use crate::facility::line::{self, Kind};
use crate::facility::shifts::Shifts;
use crate::passport::factors::carbon;
use std::ops::AddAssign;
use std::sync::LazyLock;

/// Name of this method in answers.
pub const METHOD: &str = "celltide plastic impact 1";

/// Collecting where nothing is known of fuel [kg CO2e/kg]. assumed: the platform's default.
pub const COLLECTION_KG_CO2E_PER_KG: f64 = 0.12;

/// Mean electricity of the world [kg CO2e/kWh], from the table of grids.
pub fn world_grid_kg_co2e_per_kwh() -> f64 {
    carbon().grid.get("world").map_or(0.45, |figure| figure.value)
}

/// Freight by its means [kg CO2e/t·km]; what is not known goes by road.
pub fn freight_kg_co2e_per_tkm(means: Option<&str>) -> f64 {
    let mode = match means.map(str::to_ascii_lowercase).as_deref() {
        Some("ship" | "vessel" | "sea" | "boat") => "ship",
        Some("barge" | "inland_waterway" | "river") => "inland_waterway",
        Some("rail" | "train") => "rail",
        Some("air" | "plane" | "aircraft") => "air",
        _ => return ROAD_KG_CO2E_PER_TKM,
    };
    carbon().transport.get(mode).map_or(ROAD_KG_CO2E_PER_TKM, |freight| freight.factor.value)
}

/// Electricity of a line for a kilogram that goes in [kWh/kg].
fn line_kwh_per_kg(kind: Kind) -> f64 {
    let stages = line::stages(kind, 1.0, &Shifts::always()).expect("a test finds the line of every kind");
    stages.iter().map(|stage| stage.electricity_kwh_per_kg).sum()
}

static KWH_PER_KG: LazyLock<[f64; 2]> =
    LazyLock::new(|| [line_kwh_per_kg(Kind::Sorting), line_kwh_per_kg(Kind::Recycling)]);

/// What one batch means. Sums over batches are sums of these.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BatchImpact {
    /// Collected; nothing for a batch that was made of others [kg].
    pub collected_kg: f64,
    /// Nets among that.
    pub nets: f64,
    /// Carried [kg CO2e].
    pub transport_kg_co2e: f64,
    /// Sorted, washed, shredded [kWh].
    pub processing_kwh: f64,
    /// Virgin plastic that is not made [kg].
    pub avoided_kg: f64,
    /// Of that, what is expected and not yet weighed [kg].
    pub expected_kg: f64,
    /// Emissions of that virgin plastic [kg CO2e].
    pub avoided_kg_co2e: f64,
}

impl AddAssign for BatchImpact {
    fn add_assign(&mut self, other: Self) {
        self.collected_kg += other.collected_kg;
        self.nets += other.nets;
        self.transport_kg_co2e += other.transport_kg_co2e;
        self.processing_kwh += other.processing_kwh;
        self.avoided_kg += other.avoided_kg;
        self.expected_kg += other.expected_kg;
        self.avoided_kg_co2e += other.avoided_kg_co2e;
    }
}

/// What a batch means. `nets` were counted in it when it was collected; `recovered_kg` came out where that was weighed.
///
/// ```text
/// transport  = Σ legs mass·km·factor(means)          km as told, else great circle · 1.3
/// processing = Σ stages mass·kWh/kg                  sorting 0.05, washing to pellets 0.80
/// avoided    = what came out, else Σ m_r·yield_r     nothing once disposed of
/// ```
pub fn of_batch(batch: &Batch, nets: f64, recovered_kg: Option<f64>) -> BatchImpact {
    let mut impact = BatchImpact::default();
    if batch.parents.is_empty() && batch.closed != Some(Closed::Withdrawn) {
        impact.collected_kg = batch.steps[0].mass_kg;
        impact.nets = nets;
    }
    if batch.closed == Some(Closed::Withdrawn) {
        return impact;
    }
    for pair in batch.steps.windows(2) {
        let (before, step) = (&pair[0], &pair[1]);
        let tonnes_km = before.mass_kg * 1e-3 * leg_km(before, step, ROAD_DETOUR).unwrap_or(0.0);
        impact.transport_kg_co2e += tonnes_km * freight_kg_co2e_per_tkm(step.means.as_deref());
        if step.stage != before.stage {
            impact.processing_kwh += match step.stage {
                Stage::Sorting => step.mass_kg * KWH_PER_KG[0],
                Stage::Processing => step.mass_kg * KWH_PER_KG[1],
                _ => 0.0,
            };
        }
    }
    if batch.stage() == Stage::Disposed {
        return impact;
    }
    let expected_kg = expected_recycled_kg(&batch.material);
    let avoided_kg = recovered_kg.unwrap_or(expected_kg);
    impact.avoided_kg = avoided_kg;
    if recovered_kg.is_none() {
        impact.expected_kg = expected_kg;
    }
    impact.avoided_kg_co2e = virgin_avoided_kg_co2e(&recycled_of(&batch.material, avoided_kg));
    impact
}

/// What recycling makes of a material, scaled to what came out.
fn recycled_of(material: &Material, recovered_kg: f64) -> Material {
    let mut rest = *material;
    let made = rest.sort(recycling_yield);
    let made_kg = made.mass_kg();
    if made_kg > 0.0 { made.times(recovered_kg / made_kg) } else { Material::NONE }
}

/// Animals in nets, counted by recovered gillnets.
///
/// Source: Good et al., Mar. Pollut. Bull. 60 (2010), 870 nets: 1036 fish, 514 birds, 23 mammals, 31,278 invertebrates.
/// Limits: nets of one coast; nothing follows from kilograms of any other plastic, for which no accepted factor exists.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MarineLife {
    /// Nets.
    pub nets: f64,
    /// Fish.
    pub fish: f64,
    /// Birds.
    pub birds: f64,
    /// Mammals.
    pub mammals: f64,
    /// Invertebrates.
    pub invertebrates: f64,
}

impl MarineLife {
    /// What is in so many nets on the mean.
    pub fn of_nets(nets: f64) -> Self {
        let per_net = |count: f64| count / 870.0 * nets;
        Self {
            nets,
            fish: per_net(1036.0),
            birds: per_net(514.0),
            mammals: per_net(23.0),
            invertebrates: per_net(31_278.0),
        }
    }

    /// Animals with a spine.
    pub fn vertebrates(&self) -> f64 {
        self.fish + self.birds + self.mammals
    }

    /// All of them.
    pub fn all(&self) -> f64 {
        self.vertebrates() + self.invertebrates
    }
}

/// What floats, lies or drifts where a batch was collected, where no track says what was gone over [kg/km²].
///
/// The zone where it is one that surveys cover, else a usual one of the method: coastal water for nets, a river mouth for
/// traps, a beach for crews, coastal floor for divers.
pub fn density_kg_per_km2(zone: Option<&str>, method: Method) -> f64 {
    let named = |name: &str| sea(name).map(|sea| sea.density_kg_per_km2);
    let usual = match method {
        Method::VesselNet | Method::UnderwaterCollection => "coastal",
        Method::RiverTrap => "river_mouth",
        Method::BeachCleanup => "beach",
    };
    let zone = zone.map(|zone| zone.trim().to_ascii_lowercase().replace([' ', '-'], "_"));
    zone.as_deref().and_then(named).or_else(|| named(usual)).unwrap_or(20.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geo::Position;
    use crate::plastic::batch::{BatchId, Collector, Evidence, Origin, Place, Proof, Step};
    use crate::plastic::material::{Condition, Resin};
    use crate::time::Time;

    fn step(stage: Stage, km: f64) -> Step {
        Step {
            stage,
            at: Time(0),
            place: Place { position: Some(Position::default()), ..Place::default() },
            mass_kg: 1_000.0,
            distance_km: Some(km),
            means: Some("truck".to_owned()),
            proof: Proof::new(Evidence::Declaration, "somebody"),
            notes: None,
        }
    }

    fn batch(stages: &[(Stage, f64)]) -> Batch {
        Batch {
            id: BatchId { year: 2025, number: 1 },
            origin: Origin {
                place: Place::default(),
                at: Time(0),
                collector: Collector::default(),
                method: Method::VesselNet,
                contamination: None,
                age_years: None,
            },
            material: Material::of(Resin::Hdpe, Condition::Good, 1_000.0),
            steps: stages.iter().map(|(stage, km)| step(*stage, *km)).collect(),
            parents: Vec::new(),
            children: Vec::new(),
            closed: None,
        }
    }

    #[test]
    fn a_tonne_of_hdpe_by_hand() {
        let way = [
            (Stage::Collected, 0.0),
            (Stage::Transported, 50.0),
            (Stage::Sorting, 0.0),
            (Stage::Processing, 100.0),
        ];
        let impact = of_batch(&batch(&way), 2.0, None);
        assert!((impact.transport_kg_co2e - 150.0 * 0.104).abs() < 1e-9);
        assert!((impact.processing_kwh - 850.0).abs() < 1e-9);
        assert!((impact.avoided_kg - 800.0).abs() < 1e-9 && impact.expected_kg == impact.avoided_kg);
        assert!((impact.avoided_kg_co2e - 800.0 * 1.9).abs() < 1e-9);
        assert_eq!((impact.collected_kg, impact.nets), (1_000.0, 2.0));

        let weighed = of_batch(&batch(&way), 0.0, Some(700.0));
        assert_eq!((weighed.avoided_kg, weighed.expected_kg), (700.0, 0.0));
        assert!((weighed.avoided_kg_co2e - 700.0 * 1.9).abs() < 1e-9);
        let disposed = of_batch(&batch(&[(Stage::Collected, 0.0), (Stage::Disposed, 0.0)]), 0.0, None);
        assert_eq!((disposed.avoided_kg, disposed.collected_kg), (0.0, 1_000.0));
    }

    #[test]
    fn animals_follow_from_nets_alone() {
        let life = MarineLife::of_nets(10.0);
        assert!((life.vertebrates() - 18.08).abs() < 0.01);
        assert!((life.all() / 10.0 - 37.76).abs() < 0.01);
        assert_eq!(MarineLife::of_nets(0.0), MarineLife::default());
    }

    #[test]
    fn means_and_zones_are_found_by_their_names() {
        assert_eq!(freight_kg_co2e_per_tkm(None), 0.104);
        assert!(freight_kg_co2e_per_tkm(Some("Ship")) < freight_kg_co2e_per_tkm(Some("rail")));
        assert!((world_grid_kg_co2e_per_kwh() - 0.45).abs() < 1e-12);
        let patch = density_kg_per_km2(Some("Great Pacific Garbage Patch"), Method::VesselNet);
        assert_eq!(patch, sea("great_pacific_garbage_patch").unwrap().density_kg_per_km2);
        for method in Method::ALL {
            assert!(density_kg_per_km2(Some("nowhere"), method) > 0.0);
        }
    }
}
