//! What a parameter set of particle models says about its cell as others see it: ratings, limits, open-circuit voltage.
//!
//! Cabinets, vehicles and reports ask a pack for its rated energy, its limits and its open-circuit voltage. A pack of
//! particles has them from its parameter set. What a set does not say is assumed here and nowhere else: it carries no
//! limits of operation but its voltages, so rates and temperatures are left as wide as the duty makes them.

use super::super::chemistry::{
    CellFile, ChemistryFile, CircuitFile, CurveFile, FittedFile, HysteresisFile, LifeFile, LimitsFile,
    LossesFile, SurfaceFile,
};
use super::super::particle::balance::Balance;
use super::super::particle::set::ParticleSet;

/// Points of the open-circuit voltage and of the entropy.
const POINTS: usize = 401;
/// assumed: specific heat of a lithium-ion cell, for sets that tell of heat only by volume [J/kg/K].
const SPECIFIC_HEAT: f64 = 1000.0;

/// The chemistry of a set's cell, `resistance_ohm` at once and at half charge. It has no life laws and no polarisation:
/// only particle models age it and make its voltage.
pub fn chemistry(set: &ParticleSet, resistance_ohm: f64) -> ChemistryFile {
    let file = &set.file;
    let balance = Balance::of_new(set);
    let soc: Vec<f64> = (0..POINTS).map(|k| k as f64 / (POINTS - 1) as f64).collect();
    let open = |soc: f64, warmer_k: f64| {
        let [x, y] = balance.at(soc);
        set.positive.potential_at(y, warmer_k).0 - set.negative.potential_at(x, warmer_k).0
    };
    let volts: Vec<f64> = soc.iter().map(|s| open(*s, 0.0)).collect();
    let entropy: Vec<f64> = soc.iter().map(|s| 1e3 * (open(*s, 1.0) - open(*s, 0.0))).collect();
    let nominal_v = volts.iter().sum::<f64>() / POINTS as f64;
    let source = format!("parameter set {}", file.published_as);
    let curve = |value: Vec<f64>| CurveFile { soc: soc.clone(), value, source: source.clone() };
    let constant = |ohm: f64| SurfaceFile {
        soc: vec![0.0, 1.0],
        temperature_c: Vec::new(),
        rows: vec![vec![ohm; 2]],
        activation_energy_j_per_mol: 0.0,
    };
    let mass_kg = mass_kg(set);
    ChemistryFile {
        name: file.name.clone(),
        published_as: file.published_as.clone(),
        title: file.title.clone(),
        make: file.make.clone(),
        family: file.family.clone(),
        sources: file.sources.clone(),
        cautions: file.cautions.clone(),
        cell: CellFile {
            capacity_ah: file.cell.capacity_ah,
            // To the centivolt, as makers do.
            voltage_nominal_v: (100.0 * nominal_v).round() / 100.0,
            mass_kg,
            heat_capacity_j_per_kg_k: set.heat_capacity_j_per_k / mass_kg,
            heat_transfer_w_per_k: Some(set.cooling_w_per_k),
        },
        limits: LimitsFile {
            voltage_min_v: file.cell.voltage_min_v,
            voltage_max_v: file.cell.voltage_max_v,
            // assumed: none that a duty would meet; a set has no limits of operation.
            charge_c_rate_max: 10.0,
            discharge_c_rate_max: 20.0,
            charge_temperature_c: [-40.0, 70.0],
            discharge_temperature_c: [-40.0, 70.0],
            derating_k: 1.0,
            charge_cutoff_c_rate: 0.05,
        },
        ocv: curve(volts),
        hysteresis: HysteresisFile {
            soc: vec![0.0, 1.0],
            half_gap_v: vec![0.0, 0.0],
            gamma: 0.0,
            source: "none in particle models".into(),
        },
        entropy: curve(entropy),
        circuit: CircuitFile {
            r0_ohm: constant(resistance_ohm),
            r1_ohm: constant(1e-9),
            r2_ohm: constant(1e-9),
            tau1_s: 10.0,
            tau2_s: 100.0,
            knee: None,
            source: "resistance at once of the particle model; its polarisation is not in it".into(),
        },
        losses: LossesFile {
            coulombic_efficiency: 1.0,
            self_discharge_per_month: 0.0,
            self_discharge_doubling_k: 10.0,
            source: "side reactions of the particle model".into(),
        },
        rate_capacity: None,
        float: None,
        lead_acid: None,
        life: LifeFile {
            source: source.clone(),
            fitted: FittedFile {
                temperature_c: [-40.0, 70.0],
                depth: [0.0, 1.0],
                c_rate: [0.0, 20.0],
                source: "mechanisms, not a fit over temperatures and rates".into(),
            },
            shorthand: Vec::new(),
            state: Vec::new(),
            capacity: "1".into(),
            resistance: Some("1".into()),
            resistance_published: None,
            resistance_per_loss: 0.0,
        },
    }
}

/// Mass of the cell: from its layers, or from its heat capacity.
fn mass_kg(set: &ParticleSet) -> f64 {
    let layers = &set.file.thermal.layers;
    let thickness: f64 = layers.iter().map(|layer| layer[0]).sum();
    if thickness > 0.0 {
        let per_m2: f64 = layers.iter().map(|[thickness, density, _]| thickness * density).sum();
        set.file.thermal.volume_m3 * per_m2 / thickness
    } else {
        set.heat_capacity_j_per_k / SPECIFIC_HEAT
    }
}
