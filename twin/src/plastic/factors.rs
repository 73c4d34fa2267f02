//! The platform's constants of plastic: emissions, bulk densities, one versioned set. Yields and energy of plants are in
//! the table of works (`factors/works.toml`).

pub use super::intake::recycling_yield;
use super::material::{Condition, Material, Resin};

/// Version of all factors in here.
pub const FACTOR_SET: &str = "2026.1";

/// Emissions of making a kilogram of virgin resin [kg CO2e/kg]. None is known for "other".
///
/// Source: Hopewell, Dvorak & Kosior, Phil. Trans. R. Soc. B 364 (2009), from PlasticsEurope eco-profiles.
pub fn virgin_kg_co2e_per_kg(resin: Resin) -> f64 {
    match resin {
        Resin::Pet | Resin::Ps => 3.4,
        Resin::Hdpe | Resin::Pvc => 1.9,
        Resin::Ldpe => 2.1,
        Resin::Pp => 2.0,
        Resin::Other => 0.0,
    }
}

/// Mass that recycling a material is expected to give [kg].
pub fn expected_recycled_kg(material: &Material) -> f64 {
    sum(material, recycling_yield)
}

/// Emissions of the virgin resin that so much recycled material stands in for [kg CO2e].
pub fn virgin_avoided_kg_co2e(recycled: &Material) -> f64 {
    sum(recycled, |resin, _| virgin_kg_co2e_per_kg(resin))
}

fn sum(material: &Material, weight: impl Fn(Resin, Condition) -> f64) -> f64 {
    let of = |resin| Condition::ALL.iter().map(move |condition| (resin, *condition));
    let all = Resin::ALL.into_iter().flat_map(of);
    all.map(|(resin, condition)| material.amount_kg(resin, condition) * weight(resin, condition)).sum()
}

/// Emissions of burning a litre of marine diesel [kg CO2e/l]. Source: DESNZ conversion factors, marine gas oil, 2.7–2.8
/// with, 2.68 without, what the fuel's other gases add.
pub const DIESEL_KG_CO2E_PER_L: f64 = 2.68;

/// Energy in a litre of marine diesel, lower heating value [kWh/l]: 42.7 MJ/kg × 0.84 kg/l.
///
/// Source: ISO 8217 distillates; IMO MEPC.308(73) gives 42.7 MJ/kg.
pub const DIESEL_KWH_PER_L: f64 = 42.7 * 0.84 / 3.6;

/// Road freight [kg CO2e/t·km], average-laden, well to wheel. Source: DEFRA conversion factors 2025.
pub const ROAD_KG_CO2E_PER_TKM: f64 = 0.104;

/// Roads are longer than great circles by so much. assumed: the platform's detour of road freight.
pub const ROAD_DETOUR: f64 = 1.3;

/// Mass of a ghost net where only the mass of nets is known [kg]. assumed: the platform's default.
pub const GHOST_NET_KG: f64 = 50.0;

/// Fish, birds and mammals found per recovered gillnet.
///
/// Source: Good et al., Mar. Pollut. Bull. 60 (2010): 1036 fish, 514 birds and 23 mammals in 870 nets.
pub const VERTEBRATES_PER_NET: f64 = (1036.0 + 514.0 + 23.0) / 870.0;

/// Loose plastic in a hold or a bag [kg/m³]. assumed: between loose bottles (30) and wet rope and nets (150).
pub const BULK_KG_PER_M3: f64 = 80.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yields_fall_with_condition_and_stay_fractions() {
        for resin in Resin::ALL {
            let yields = Condition::ALL.map(|condition| recycling_yield(resin, condition));
            assert!(yields.windows(2).all(|pair| pair[0] >= pair[1]), "{resin}");
            assert!(yields.iter().all(|share| (0.0..=1.0).contains(share)) && yields[3] == 0.0);
        }
        assert!((VERTEBRATES_PER_NET - 1.81).abs() < 0.005);
        assert!((DIESEL_KWH_PER_L - 9.96).abs() < 0.01);
        let mut batch = Material::of(Resin::Pet, Condition::Good, 12.9);
        batch.add(&Material::of(Resin::Pp, Condition::Good, 12.9));
        assert!((expected_recycled_kg(&batch) - 25.8 * 0.75).abs() < 1e-9);
        assert!((virgin_avoided_kg_co2e(&batch) - 12.9 * 5.4).abs() < 1e-9);
    }
}
