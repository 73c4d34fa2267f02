//! Parameter sets of the particle models as data: one file per published set.

use serde::{Deserialize, Serialize};

/// A published set of parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticleFile {
    /// Name, kebab-case.
    pub name: String,
    /// Name in the publication or package that the set came from.
    pub published_as: String,
    /// One line for people.
    pub title: String,
    /// Maker and type of the cell.
    pub make: String,
    /// Family: `LFP`, `NMC811` …
    pub family: String,
    /// Where the figures come from, most important first.
    pub sources: Vec<String>,
    /// What to mistrust, in words.
    #[serde(default)]
    pub cautions: Vec<String>,
    /// The cell as a whole.
    pub cell: CellFile,
    /// Its heat.
    pub thermal: ThermalFile,
    /// Negative electrode.
    pub negative: ElectrodeFile,
    /// Separator.
    pub separator: SeparatorFile,
    /// Positive electrode.
    pub positive: ElectrodeFile,
    /// Electrolyte.
    pub electrolyte: ElectrolyteFile,
    /// Film on the negative particles.
    #[serde(default)]
    pub sei: Option<SeiFile>,
    /// Lithium plated on the negative particles.
    #[serde(default)]
    pub plating: Option<PlatingFile>,
}

/// The cell as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellFile {
    /// Rated capacity.
    pub capacity_ah: f64,
    /// Area of the electrodes, all layers together.
    pub area_m2: f64,
    /// Voltage of the empty cell.
    pub voltage_min_v: f64,
    /// Voltage of the full cell.
    pub voltage_max_v: f64,
    /// Temperature at which the potentials hold and from which the entropy counts.
    pub reference_k: f64,
    /// Temperature of the published isothermal runs.
    pub ambient_c: f64,
}

/// Heat of the cell: its capacity from layers or in one figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThermalFile {
    /// Where the figures come from.
    pub source: String,
    /// Volume.
    pub volume_m3: f64,
    /// Surface that air cools.
    pub cooling_area_m2: f64,
    /// Heat transfer coefficient.
    pub film_w_per_m2_k: f64,
    /// Thickness [m], density [kg/m³] and specific heat [J/kg/K] of each layer.
    #[serde(default)]
    pub layers: Vec<[f64; 3]>,
    /// Heat capacity, where no layers are given.
    #[serde(default)]
    pub heat_capacity_j_per_m3_k: Option<f64>,
}

/// A porous electrode of spherical particles. Concentrations are in mol/m³.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElectrodeFile {
    /// Thickness.
    pub thickness_m: f64,
    /// Radius of its particles.
    pub radius_m: f64,
    /// Volume share of active material.
    pub active_fraction: f64,
    /// Volume share of electrolyte.
    pub porosity: f64,
    /// Bruggeman's exponent in the electrolyte.
    pub bruggeman_electrolyte: f64,
    /// Bruggeman's exponent in the solid.
    pub bruggeman_solid: f64,
    /// Conductivity of the solid.
    pub conductivity_s_per_m: f64,
    /// Highest concentration of lithium in the particles.
    pub concentration_max: f64,
    /// Concentration in the published initial state.
    pub concentration_initial: f64,
    /// Diffusivity in the particles at 25 °C.
    pub diffusivity_m2_per_s: f64,
    /// Its activation energy.
    pub diffusivity_activation_j_per_mol: f64,
    /// m in j0 = m·√(c_e·c_s·(c_max − c_s)) [A/m² (m³/mol)^1.5] at 25 °C.
    pub exchange_rate: f64,
    /// Its activation energy.
    pub exchange_activation_j_per_mol: f64,
    /// Open-circuit potential over stoichiometry `x` [V].
    #[serde(default)]
    pub potential: Option<String>,
    /// The same as measured points.
    #[serde(default)]
    pub potential_table: Option<TableFile>,
    /// `u` in the entropy.
    #[serde(default)]
    pub entropy_shorthand: Option<String>,
    /// Change of the potential with temperature over stoichiometry `x` [V/K].
    pub entropy_v_per_k: String,
    /// Stress, cracks and loss of material.
    #[serde(default)]
    pub mechanics: Option<MechanicsFile>,
}

/// Points of a curve, a cubic spline in between.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableFile {
    /// Stoichiometry, rising from 0 to 1.
    pub x: Vec<f64>,
    /// Potential.
    pub voltage_v: Vec<f64>,
}

/// The separator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeparatorFile {
    /// Thickness.
    pub thickness_m: f64,
    /// Volume share of electrolyte.
    pub porosity: f64,
    /// Bruggeman's exponent.
    pub bruggeman_electrolyte: f64,
}

/// The electrolyte.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ElectrolyteFile {
    /// Concentration at rest [mol/m³].
    pub concentration_initial: f64,
    /// Transference number of lithium.
    pub transference: f64,
    /// Thermodynamic factor.
    pub thermodynamic_factor: f64,
    /// Diffusivity over concentration `c` [mol/m³] at 25 °C.
    pub diffusivity_m2_per_s: String,
    /// Its activation energy.
    pub diffusivity_activation_j_per_mol: f64,
    /// Conductivity over concentration `c` [mol/m³] at 25 °C.
    pub conductivity_s_per_m: String,
    /// Its activation energy.
    pub conductivity_activation_j_per_mol: f64,
}

/// Film (solid electrolyte interphase) on the negative particles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeiFile {
    /// Where the figures come from.
    pub source: String,
    /// Thickness of a new film.
    pub thickness_initial_m: f64,
    /// Thickness of a new film on cracks.
    #[serde(default)]
    pub crack_thickness_initial_m: f64,
    /// Molar volume of the film.
    pub molar_volume_m3_per_mol: f64,
    /// Lithium per mole of film.
    pub lithium_per_sei: f64,
    /// Resistivity.
    pub resistivity_ohm_m: f64,
    /// Equilibrium potential of its reaction.
    pub potential_v: f64,
    /// Activation energy of growth.
    pub activation_j_per_mol: f64,
    /// Exchange current density, for growth limited by the reaction.
    pub exchange_a_per_m2: f64,
    /// Diffusivity of solvent, for growth limited by it.
    pub solvent_diffusivity_m2_per_s: f64,
    /// Concentration of solvent [mol/m³].
    pub solvent_concentration: f64,
    /// Diffusivity of lithium interstitials, for growth limited by them.
    pub interstitial_diffusivity_m2_per_s: f64,
    /// Their reference concentration [mol/m³].
    pub interstitial_concentration: f64,
    /// Conductivity of electrons, for growth limited by it.
    pub electron_conductivity_s_per_m: f64,
    /// Rate constant of ethylene carbonate, for growth limited by it.
    pub ec_rate_m_per_s: f64,
    /// Its concentration [mol/m³].
    pub ec_concentration: f64,
    /// Its diffusivity in the film.
    pub ec_diffusivity_m2_per_s: f64,
}

/// Lithium plating and stripping.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatingFile {
    /// Where the figures come from.
    pub source: String,
    /// Rate constant.
    pub rate_m_per_s: f64,
    /// Transfer coefficient of plating.
    pub transfer_plating: f64,
    /// Transfer coefficient of stripping.
    pub transfer_stripping: f64,
    /// Rate at which plated lithium loses contact under a new film.
    pub decay_per_s: f64,
    /// Molar volume of lithium.
    pub molar_volume_m3_per_mol: f64,
}

/// Stress in particles, and what comes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MechanicsFile {
    /// Where the figures come from.
    pub source: String,
    /// Partial molar volume of lithium.
    pub partial_molar_volume_m3_per_mol: f64,
    /// Young's modulus.
    pub youngs_modulus_pa: f64,
    /// Poisson's ratio.
    pub poissons_ratio: f64,
    /// Stress at which material is lost at `loss_rate_per_s`.
    pub critical_stress_pa: f64,
    /// Rate of loss of active material at the critical stress.
    pub loss_rate_per_s: f64,
    /// Exponent of stress in the loss.
    pub loss_exponent: f64,
    /// Length of cracks in a new particle.
    pub crack_length_initial_m: f64,
    /// Width of cracks.
    pub crack_width_m: f64,
    /// Cracks per surface.
    pub cracks_per_m2: f64,
    /// Rate constant of Paris' law.
    pub paris_rate: f64,
    /// Geometric factor of Paris' law.
    pub paris_factor: f64,
    /// Exponent of Paris' law.
    pub paris_exponent: f64,
}
