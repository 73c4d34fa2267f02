//! What happens at one instant: potentials, overpotentials, heat and the rates of what ages the cell.
//!
//! ```text
//! V = U_p + η_p − (U_n + η_n + j_n·L_SEI·ρ_SEI) + η_c + Δφ_e + Δφ_s
//! η_k = (2RT/F)·⟨asinh(j_k/(2j0_k))⟩,   j0_k = m_k·√(c_e(x))·√(c_k(c_max − c_k))
//! η_c = 2(1−t₊)·TDF·(RT/F)·(⟨ln c_e⟩_p − ⟨ln c_e⟩_n)
//! Δφ_e = −i·(L_n/(3κ_n) + L_s/κ_s + L_p/(3κ_p)),   κ_k = κ(c̄_e)·ε_k^b
//! Δφ_s = −i·(L_n/(3σ_n) + L_p/(3σ_p)),   σ_k = σ·(1 − ε_k)^b_s
//! c̄_e = ⟨ε c_e⟩·⟨1/ε⟩
//! ```
//!
//! The published model means c̄_e to be the average of c_e over the cell; its package computes the product above,
//! which is constant in time, and so do these models. i > 0 discharges; the single particle model (SPM) leaves out the last three.
//! Source: Marquis et al. 2019, doi:10.1149/2.0341915jes; side reactions as in O'Kane et al. 2022,
//! doi:10.1039/D2CP00417H, and Yang et al. 2017, doi:10.1016/j.jpowsour.2017.05.110.

use super::mechanism::{Mechanisms, Plating, SeiLaw};
use super::salt::Overview;
use super::set::{Electrode, FARADAY, GAS, ParticleSet, arrhenius};

/// Factors that follow from temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmth {
    /// Temperature.
    pub temperature_k: f64,
    /// RT/F [V].
    pub thermal_v: f64,
    /// Temperature less the reference of the potentials.
    pub above_reference_k: f64,
    /// Rates of exchange, negative and positive.
    pub exchange: [f64; 2],
    /// Diffusivities in the particles [m²/s].
    pub diffusivity: [f64; 2],
    /// Diffusivity of the electrolyte relative to 25 °C.
    pub salt_diffusivity: f64,
    /// Conductivity of the electrolyte relative to 25 °C.
    pub salt_conductivity: f64,
    /// Growth of the film relative to 25 °C.
    pub sei: f64,
}

impl Warmth {
    /// At a temperature.
    pub fn at(set: &ParticleSet, temperature_k: f64) -> Self {
        let of = |energy| arrhenius(energy, temperature_k);
        let (n, p, salt) = (&set.negative.file, &set.positive.file, &set.file.electrolyte);
        Self {
            temperature_k,
            thermal_v: GAS * temperature_k / FARADAY,
            above_reference_k: temperature_k - set.file.cell.reference_k,
            exchange: [
                n.exchange_rate * of(n.exchange_activation_j_per_mol),
                p.exchange_rate * of(p.exchange_activation_j_per_mol),
            ],
            diffusivity: [
                n.diffusivity_m2_per_s * of(n.diffusivity_activation_j_per_mol),
                p.diffusivity_m2_per_s * of(p.diffusivity_activation_j_per_mol),
            ],
            salt_diffusivity: of(salt.diffusivity_activation_j_per_mol),
            salt_conductivity: of(salt.conductivity_activation_j_per_mol),
            sei: set.sei().map_or(1.0, |sei| of(sei.activation_j_per_mol)),
        }
    }
}

/// What the instant is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Instant {
    /// Current density [A/m²].
    pub current_a_per_m2: f64,
    /// Concentrations at the surface of the particles [mol/m³], negative and positive.
    pub surface: [f64; 2],
    /// Volume shares of active material.
    pub active: [f64; 2],
    /// Thickness of the film.
    pub film_m: f64,
}

/// What follows at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Answer {
    /// Terminal voltage.
    pub voltage_v: f64,
    /// Its slope over current density, concentrations held [V m²/A].
    pub by_current: f64,
    /// Its slopes over the surface concentrations [V m³/mol].
    pub by_surface: [f64; 2],
    /// Reaction overpotentials.
    pub eta_v: [f64; 2],
    /// Potential of the negative electrode over its electrolyte, averaged: U + η and the drop in the film.
    pub across_v: f64,
    /// Change of the two potentials with temperature [V/K].
    pub entropy: [f64; 2],
    /// η_c + Δφ_e + Δφ_s.
    pub transport_v: f64,
}

/// Overpotential of an electrode averaged over its thickness, and its slopes over flux and surface concentration.
#[inline]
fn overpotential(
    electrode: &Electrode,
    rate: f64,
    roots: &[(f64, f64)],
    thermal_v: f64,
    surface: f64,
    flux: f64,
) -> (f64, f64, f64) {
    let most = electrode.file.concentration_max;
    let c = surface.clamp(1e-9 * most, (1.0 - 1e-9) * most);
    let exchange = rate * (c * (most - c)).sqrt();
    let (mut eta, mut by_flux, mut share) = (0.0, 0.0, 0.0);
    for &(root, weight) in roots {
        let u = flux / (2.0 * exchange * root);
        let hypotenuse = (1.0 + u * u).sqrt();
        eta += weight * (u.abs() + hypotenuse).ln();
        by_flux += weight / (root * hypotenuse);
        share += weight * u / hypotenuse;
    }
    let by_surface = -thermal_v * share * (1.0 / c - 1.0 / (most - c));
    (2.0 * thermal_v * eta.copysign(flux), thermal_v / exchange * by_flux, by_surface)
}

/// Parts of the potential of the negative electrode over its electrolyte that differ from place to place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unevenness {
    /// 3/2 of the drop along the solid, averaged [V].
    solid_v: f64,
    /// 3/2 of the drop along the electrolyte, averaged [V].
    liquid_v: f64,
    /// Potential per logarithm of concentration [V].
    salt_v: f64,
}

impl Unevenness {
    /// Potential at a place less its average [V].
    ///
    /// ```text
    /// i/(2σL)·(x² − 2xL + 2L²/3) + i/(2κL)·(x² − L²/3) − χ(RT/F)(ln c_e − ⟨ln c_e⟩)
    /// ```
    ///
    /// `place` is x/L. Source: Marquis et al. 2019; 0 without an electrolyte.
    #[inline]
    pub fn at_v(&self, place: f64, log_above: f64) -> f64 {
        let square = place * place;
        self.solid_v * (square - 2.0 * place + 2.0 / 3.0) + self.liquid_v * (square - 1.0 / 3.0)
            - self.salt_v * log_above
    }
}

/// The cell's constants that an instant needs.
#[derive(Debug, Clone)]
pub struct Kinetics {
    /// The parameter set.
    pub set: ParticleSet,
    /// Mechanisms at work.
    pub mechanisms: Mechanisms,
    /// Whether electrolyte and solid drop voltage.
    pub has_transport: bool,
    /// L_n/3ε^b and so on, summed: Δφ_e = −i·this/κ(c̄) [m].
    pub length_m: f64,
    /// L_n/(3σ_n) + L_p/(3σ_p) [Ω m²].
    pub solid_ohm_m2: f64,
    /// The share of the negative electrode in `length_m`.
    pub length_n_m: f64,
    /// The share of the negative electrode in `solid_ohm_m2`.
    pub solid_n_ohm_m2: f64,
    /// 2(1−t₊)·TDF.
    pub chi: f64,
    /// Resistivity of the film, 0 where none grows.
    pub film_ohm_m: f64,
}

impl Kinetics {
    /// For a set, with what is at work.
    pub fn new(set: ParticleSet, mechanisms: Mechanisms, has_transport: bool) -> Self {
        let salt = &set.file.electrolyte;
        let film_ohm_m = match (mechanisms.sei, set.sei()) {
            (Some(_), Some(sei)) => sei.resistivity_ohm_m,
            _ => 0.0,
        };
        let mut kinetics = Self {
            chi: 2.0 * (1.0 - salt.transference) * salt.thermodynamic_factor,
            length_m: 0.0,
            solid_ohm_m2: 0.0,
            length_n_m: 0.0,
            solid_n_ohm_m2: 0.0,
            set,
            mechanisms,
            has_transport,
            film_ohm_m,
        };
        let [n, s, p] = kinetics.set.layers();
        kinetics.length_n_m = n.thickness_m / (3.0 * n.transport());
        kinetics.length_m =
            kinetics.length_n_m + s.thickness_m / s.transport() + p.thickness_m / (3.0 * p.transport());
        let of = |electrode: &Electrode, porosity| {
            electrode.file.thickness_m / (3.0 * electrode.conductivity_s_per_m(porosity))
        };
        kinetics.solid_n_ohm_m2 = of(&kinetics.set.negative, n.porosity);
        kinetics.solid_ohm_m2 = kinetics.solid_n_ohm_m2 + of(&kinetics.set.positive, p.porosity);
        kinetics
    }

    /// Surface of particles per volume of electrode [1/m].
    #[inline]
    pub fn surface_per_m(&self, side: usize, active: f64) -> f64 {
        3.0 * active / self.electrode(side).file.radius_m
    }

    /// Negative (0) or positive (1) electrode.
    #[inline]
    pub fn electrode(&self, side: usize) -> &Electrode {
        if side == 0 { &self.set.negative } else { &self.set.positive }
    }

    /// Flux of charge out of the particles per current density: 1/(a_n L_n) and −1/(a_p L_p).
    #[inline]
    pub fn flux_per_current(&self, active: [f64; 2]) -> [f64; 2] {
        let of = |side: usize| {
            1.0 / (self.surface_per_m(side, active[side]) * self.electrode(side).file.thickness_m)
        };
        [of(0), -of(1)]
    }

    /// Everything about an instant but side reactions.
    #[inline]
    pub fn answer(&self, instant: &Instant, warmth: &Warmth, salt: &Overview) -> Answer {
        let i = instant.current_a_per_m2;
        let per_current = self.flux_per_current(instant.active);
        let mut answer = Answer::default();
        let mut sides = [0.0; 2];
        for side in 0..2 {
            let electrode = self.electrode(side);
            let most = electrode.file.concentration_max;
            let x = instant.surface[side] / most;
            let (u, slope) = electrode.potential_at(x, warmth.above_reference_k);
            let (eta, by_flux, by_surface) = overpotential(
                electrode,
                warmth.exchange[side],
                salt.roots(side),
                warmth.thermal_v,
                instant.surface[side],
                i * per_current[side],
            );
            let sign = if side == 0 { -1.0 } else { 1.0 };
            sides[side] = u + eta;
            answer.eta_v[side] = eta;
            answer.by_current += sign * by_flux * per_current[side];
            answer.by_surface[side] = sign * (slope / most + by_surface);
            if let Some(entropy) = &electrode.entropy {
                answer.entropy[side] = entropy.value(x.clamp(1e-10, 1.0 - 1e-10));
            }
        }
        let film = per_current[0] * instant.film_m * self.film_ohm_m;
        answer.across_v = sides[0] + i * film;
        answer.by_current -= film;
        if self.has_transport {
            let conductivity = self.set.salt_conductivity.value(salt.mean) * warmth.salt_conductivity;
            // Clogged pores make the way through the negative electrode longer.
            let length_m = self.length_m + self.length_n_m * (1.0 / salt.transport - 1.0);
            let resistance = length_m / conductivity.max(1e-9) + self.solid_ohm_m2;
            answer.transport_v = self.chi * warmth.thermal_v * salt.log_difference - i * resistance;
            answer.by_current -= resistance;
        }
        answer.voltage_v = sides[1] - answer.across_v + answer.transport_v;
        answer
    }

    /// Heat [W] at an instant; `side_flux` is what side reactions take of the negative flux [A/m²].
    ///
    /// ```text
    /// Q = A·[−i(η_c + Δφ_e + Δφ_s) + Σ L_k a_k j_k (η_k + T·dU_k/dT)]
    /// ```
    ///
    /// Source: Timms et al. 2021, doi:10.1137/20M1336898. The film's own heat is left out, as there.
    #[inline]
    pub fn heat_w(&self, instant: &Instant, warmth: &Warmth, answer: &Answer, side_flux: f64) -> f64 {
        let i = instant.current_a_per_m2;
        let lost = side_flux * self.surface_per_m(0, instant.active[0]) * self.set.file.negative.thickness_m;
        let reaction = |side: usize| answer.eta_v[side] + warmth.temperature_k * answer.entropy[side];
        self.set.file.cell.area_m2 * ((i - lost) * reaction(0) - i * reaction(1) - i * answer.transport_v)
    }

    /// What makes the potential of the negative electrode over its electrolyte uneven, for [`Unevenness::at_v`].
    #[inline]
    pub fn unevenness(&self, current_a_per_m2: f64, warmth: &Warmth, salt: &Overview) -> Unevenness {
        if !self.has_transport {
            return Unevenness { solid_v: 0.0, liquid_v: 0.0, salt_v: 0.0 };
        }
        let conductivity = self.set.salt_conductivity.value(salt.mean) * warmth.salt_conductivity;
        Unevenness {
            solid_v: 1.5 * current_a_per_m2 * self.solid_n_ohm_m2,
            liquid_v: 1.5 * current_a_per_m2 * self.length_n_m / (salt.transport * conductivity.max(1e-9)),
            salt_v: self.chi * warmth.thermal_v,
        }
    }

    /// Current density of the film's growth at a thickness [A/m²], negative as it takes lithium; `across_v` is
    /// the potential of the solid over the electrolyte and `film_v` what of it drops in the film.
    ///
    /// ```text
    /// reaction      −j0·e^(−½F(Δφ−U−film)/RT)          solvent       −D·c·F/L
    /// interstitial  −(D·c·F/L)·e^(−FΔφ/RT)             electron      κ·(Δφ−U)/L where that is negative
    /// EC            −F·c·k'/(1 + L·k'/D),  k' = k·e^(−½F(Δφ−U−film)/RT)
    /// ```
    #[inline]
    pub fn sei_flux(&self, across_v: f64, film_v: f64, warmth: &Warmth, film_m: f64) -> f64 {
        let (Some(law), Some(sei)) = (self.mechanisms.sei, self.set.sei()) else { return 0.0 };
        let over_v = across_v - film_v - sei.potential_v;
        let flux = match law {
            SeiLaw::Reaction => -sei.exchange_a_per_m2 * (-0.5 * over_v / warmth.thermal_v).exp(),
            SeiLaw::Solvent => {
                -sei.solvent_diffusivity_m2_per_s * sei.solvent_concentration * FARADAY / film_m
            }
            SeiLaw::Interstitial => {
                -sei.interstitial_diffusivity_m2_per_s * sei.interstitial_concentration * FARADAY / film_m
                    * (-across_v / warmth.thermal_v).exp()
            }
            SeiLaw::Electron => {
                sei.electron_conductivity_s_per_m * (across_v - sei.potential_v).min(0.0) / film_m
            }
            SeiLaw::Carbonate => {
                let rate = sei.ec_rate_m_per_s * (-0.5 * over_v / warmth.thermal_v).exp();
                -FARADAY * sei.ec_concentration * rate / (1.0 + film_m * rate / sei.ec_diffusivity_m2_per_s)
            }
        };
        flux * warmth.sei
    }

    /// Stripping per plated lithium [m/s], and plating [mol/m²/s], where the surface of the particles is at `over_v`
    /// against the electrolyte and that has the concentration `salt`.
    ///
    /// ```text
    /// j = F·(strip·c_Li − plate),   strip = k·e^(α_s F η/RT),   plate = k·c_e·e^(−α_p F η/RT)
    /// ```
    #[inline]
    pub fn plating(&self, over_v: f64, warmth: &Warmth, salt: f64) -> (f64, f64) {
        let (Some(kind), Some(plating)) = (self.mechanisms.plating, self.set.plating()) else {
            return (0.0, 0.0);
        };
        let eta = over_v / warmth.thermal_v;
        let plate = plating.rate_m_per_s * salt * (-plating.transfer_plating * eta).exp();
        let strip = match kind {
            Plating::Irreversible => 0.0,
            Plating::Reversible | Plating::Partial => {
                plating.rate_m_per_s * (plating.transfer_stripping * eta).min(700.0).exp()
            }
        };
        (strip, plate)
    }

    /// Rate at which plated lithium loses contact [1/s].
    #[inline]
    pub fn decay_per_s(&self, film_m: f64) -> f64 {
        match (self.mechanisms.plating, self.set.plating(), self.set.sei()) {
            (Some(Plating::Partial), Some(plating), Some(sei)) => {
                plating.decay_per_s * sei.thickness_initial_m / film_m
            }
            _ => 0.0,
        }
    }

    /// Tangential stress at the surface of a particle [Pa], positive in tension.
    #[inline]
    pub fn stress_pa(&self, side: usize, mean: f64, surface: f64) -> f64 {
        let Some(m) = self.electrode(side).file.mechanics.as_ref() else { return 0.0 };
        m.partial_molar_volume_m3_per_mol * m.youngs_modulus_pa * (mean - surface)
            / (3.0 * (1.0 - m.poissons_ratio))
    }

    /// Growth of diffusivity with concentration as stress drives lithium from where it is dense, θ in
    /// D·(1 + θ·c) [m³/mol]; 0 where mechanics play no part.
    ///
    /// ```text
    /// θ = (Ω/RT)·2ΩE/(9(1−ν))
    /// ```
    ///
    /// Source: Ai et al. 2020, doi:10.1149/2.0122001JES, eq. 13.
    #[inline]
    pub fn stress_diffusion(&self, side: usize, warmth: &Warmth) -> f64 {
        if !(self.mechanisms.loss || self.mechanisms.cracks) {
            return 0.0;
        }
        let Some(m) = self.electrode(side).file.mechanics.as_ref() else { return 0.0 };
        let omega = m.partial_molar_volume_m3_per_mol;
        omega * omega * 2.0 * m.youngs_modulus_pa
            / (9.0 * (1.0 - m.poissons_ratio) * warmth.thermal_v * FARADAY)
    }

    /// Loss of active material under stress [1/s].
    #[inline]
    pub fn loss_per_s(&self, side: usize, stress_pa: f64) -> f64 {
        let Some(m) = self.electrode(side).file.mechanics.as_ref().filter(|_| self.mechanisms.loss) else {
            return 0.0;
        };
        let share = (2.0 / 3.0 * stress_pa).max(0.0) / m.critical_stress_pa;
        let power = if m.loss_exponent == 2.0 { share * share } else { share.powf(m.loss_exponent) };
        m.loss_rate_per_s * power
    }

    /// Growth of cracks in the negative particles after Paris [m/s].
    #[inline]
    pub fn crack_m_per_s(&self, stress_pa: f64, length_m: f64) -> f64 {
        let Some(m) = self.set.negative.file.mechanics.as_ref().filter(|_| self.mechanisms.cracks) else {
            return 0.0;
        };
        if stress_pa <= 0.0 {
            return 0.0;
        }
        let intensity = stress_pa * m.paris_factor * (std::f64::consts::PI * length_m).sqrt();
        m.paris_rate / 3600.0 * intensity.powf(m.paris_exponent)
    }

    /// Surface of cracks per surface of particles.
    #[inline]
    pub fn roughness(&self, length_m: f64) -> f64 {
        match &self.set.negative.file.mechanics {
            Some(m) => 2.0 * length_m * m.crack_width_m * m.cracks_per_m2,
            None => 0.0,
        }
    }
}
