//! The equations across the cell at one instant, their residuals and slopes.
//!
//! ```text
//! i_e = (∂_xΨ + i/σ + χ(RT/F)·∂_x ln c_e) / (1/σ + 1/κ),   ∂_x i_e = a·j,   Ψ = φ_s − φ_e
//! i_e = 0 at the collectors and i at the separator,   σ = σ_s·(1−ε)^b_s,   κ = κ(c_e,T)·ε^b
//! j:  Ψ = U(c_surface,T) + (2RT/F)·asinh(j/2j0),   j0 = m·√(c_e·c_surface·(c_max − c_surface))
//! V = Ψ(L) − Ψ(0) + χ(RT/F)·ln(c_e(L)/c_e(0)) − ∫ i_e/κ dx
//! Q = A·(−i·V − ∫ a·j·(U − T·dU/dT) dx)
//! ```
//!
//! The potentials of solid and electrolyte are needed only as their difference Ψ: the two current densities sum up
//! to i, so that one equation is left of Ohm's law in both. j > 0 leaves the particles; i > 0 discharges. The heat is
//! the published sum of ohmic, reaction and entropic parts, integrated in parts.
//!
//! Source: Doyle, Fuller and Newman 1993, doi:10.1149/1.2221597; in the form of Marquis et al. 2019,
//! doi:10.1149/2.0341915jes. Limits: no double layer, dilute-solution closure through one factor χ.

use super::DfnModel;
use super::mesh::DEGREE_MAX;
use crate::battery::particle::cell::{Drive, Seen};
use crate::battery::particle::kinetics::{Answer, Warmth};

/// Concentration of salt below which logarithms and roots are held [mol/m³].
const SALT_FLOOR: f64 = 1e-6;

/// What holds at a place in an electrode.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Local {
    /// Equilibrium potential.
    pub potential_v: f64,
    /// Its change with temperature [V/K].
    pub entropy: f64,
    /// Overpotential.
    pub eta_v: f64,
    /// Slope of the overpotential over flux [V m²/A].
    pub by_flux: f64,
    /// Slope of both over surface concentration [V m³/mol].
    pub by_surface: f64,
    /// Slope of the overpotential over salt [V m³/mol].
    pub by_salt: f64,
    /// Flux over twice the exchange current.
    pub drive: f64,
}

/// What holds at a point of an element, times its weight.
#[derive(Debug, Clone, Copy, Default)]
struct Crossing {
    /// Diffusivity, and its slope times the gradient of salt.
    diffusion: [f64; 2],
    /// Conductivity of solid and electrolyte in series, and its slope over salt times what drives.
    conduction: [f64; 2],
    /// Share of the drive that drops in the electrolyte, and its slope over salt times what drives.
    share: [f64; 2],
}

/// Unknowns at an instant and what follows from them.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    /// Factors that follow from temperature.
    pub warmth: Warmth,
    /// Current density [A/m²].
    pub current: f64,
    /// Salt at points [mol/m³].
    pub salt: Vec<f64>,
    /// Potential of the solid over the electrolyte at places [V].
    pub across: Vec<f64>,
    /// Flux of charge out of the particles at places [A/m²].
    pub flux: Vec<f64>,
    /// Concentration at their surface [mol/m³].
    pub surface: Vec<f64>,
    /// What follows at places.
    pub local: Vec<Local>,
    /// Salt that diffuses away from each point [mol/m²/s].
    pub away: Vec<f64>,
    /// Ionic current that gathers at each place, as the weak form weighs it [A/m²].
    pub gathered: Vec<f64>,
    /// Terminal voltage.
    pub voltage_v: f64,
    logs: Vec<f64>,
    diffusivity: Vec<(f64, f64)>,
    conductivity: Vec<(f64, f64)>,
    crossings: Vec<Crossing>,
}

impl Stage {
    pub(super) fn new(points: usize, places: usize, warmth: Warmth) -> Self {
        Self {
            warmth,
            current: 0.0,
            salt: vec![0.0; points],
            across: vec![0.0; places],
            flux: vec![0.0; places],
            surface: vec![0.0; places],
            local: vec![Local::default(); places],
            away: vec![0.0; points],
            gathered: vec![0.0; places],
            voltage_v: 0.0,
            logs: vec![0.0; points],
            diffusivity: vec![(0.0, 0.0); points],
            conductivity: vec![(0.0, 0.0); points],
            crossings: Vec::new(),
        }
    }

    /// By how much the potential at a place is off kinetics [V].
    #[inline]
    pub(super) fn off_v(&self, place: usize) -> f64 {
        self.across[place] - self.local[place].potential_v - self.local[place].eta_v
    }
}

/// Where slopes go: (row, column, value) of one kind of equation and unknown.
pub(super) trait Slopes {
    /// Salt's equation over salt, at points.
    fn salt_by_salt(&mut self, row: usize, column: usize, value: f64);
    /// Charge's equation over salt: row a place, column a point.
    fn charge_by_salt(&mut self, row: usize, column: usize, value: f64);
    /// Charge's equation over potential, at places.
    fn charge_by_across(&mut self, row: usize, column: usize, value: f64);
}

impl DfnModel {
    /// Works out what follows from the unknowns of a stage.
    pub(super) fn evaluate(&self, stage: &mut Stage) {
        let Stage {
            salt,
            across,
            flux,
            surface,
            local,
            away,
            gathered,
            logs,
            diffusivity,
            conductivity,
            crossings,
            ..
        } = stage;
        let (warmth, current) = (stage.warmth, stage.current);
        let mesh = &self.mesh;
        let points = salt.iter().map(|c| c.max(SALT_FLOOR));
        for (k, c) in points.enumerate() {
            logs[k] = c.ln();
            let (d, slope) = self.set.salt_diffusivity.at(c);
            diffusivity[k] = (d * warmth.salt_diffusivity, slope * warmth.salt_diffusivity);
            let (kappa, slope) = self.set.salt_conductivity.at(c);
            // A fitted conductivity may fall below 0 beyond the concentrations that it was fitted on.
            conductivity[k] = if kappa > 1e-6 {
                (kappa * warmth.salt_conductivity, slope * warmth.salt_conductivity)
            } else {
                (1e-6, 0.0)
            };
        }
        for place in 0..mesh.places() {
            let c = salt[mesh.point_of[place]].max(SALT_FLOOR);
            local[place] = self.local(mesh.side(place), &warmth, c, surface[place], flux[place]);
        }
        away.fill(0.0);
        gathered.fill(0.0);
        crossings.clear();
        let (mut drop_v, diffusion_v) = (0.0, self.chi * warmth.thermal_v);
        for element in &mesh.elements {
            let (first, count) = (element.first, element.points());
            let c = &salt[first..first + count];
            let log = &logs[first..first + count];
            // Places of an electrode's element follow each other as its points do.
            let first_place = mesh.place_of[first].filter(|_| element.layer != 1);
            for q in 0..count {
                let slopes = element.slopes_at(q);
                let weight = element.weights[q];
                let gradient: f64 = slopes.iter().zip(c).map(|(s, c)| s * c).sum();
                let (d, d_slope) = diffusivity[first + q];
                let (kappa, kappa_slope) = conductivity[first + q];
                let scale = weight * element.transport;
                let mut crossing =
                    Crossing { diffusion: [scale * d, scale * d_slope * gradient], ..Crossing::default() };
                let flow = scale * d * gradient;
                for (target, slope) in away[first..first + count].iter_mut().zip(slopes) {
                    *target += slope * flow;
                }
                let (kappa, kappa_slope) = (kappa * element.transport, kappa_slope * element.transport);
                if let Some(place) = first_place {
                    let sigma = self.conductivity[element.layer / 2];
                    let psi = &across[place..place + count];
                    let log_gradient: f64 = slopes.iter().zip(log).map(|(s, l)| s * l).sum();
                    let psi_gradient: f64 = slopes.iter().zip(psi).map(|(s, p)| s * p).sum();
                    let force = psi_gradient + current / sigma + diffusion_v * log_gradient;
                    let share = sigma / (sigma + kappa);
                    crossing.conduction =
                        [weight * share * kappa, weight * share * share * kappa_slope * force];
                    crossing.share = [weight * share, -weight * share * share / sigma * kappa_slope * force];
                    let ionic = crossing.conduction[0] * force;
                    for (target, slope) in gathered[place..place + count].iter_mut().zip(slopes) {
                        *target += slope * ionic;
                    }
                    drop_v += crossing.share[0] * force;
                } else {
                    crossing.share = [weight / kappa, -weight * current * kappa_slope / (kappa * kappa)];
                    drop_v += current * crossing.share[0];
                }
                crossings.push(crossing);
            }
        }
        let (last, last_point) = (mesh.places() - 1, mesh.points - 1);
        stage.voltage_v = across[last] - across[0] + diffusion_v * (logs[last_point] - logs[0]) - drop_v;
    }

    /// Potentials and overpotential at a place.
    #[inline]
    fn local(&self, side: usize, warmth: &Warmth, salt: f64, surface: f64, flux: f64) -> Local {
        let electrode = self.electrode(side);
        let most = electrode.file.concentration_max;
        let x = surface / most;
        let (potential_v, slope) = electrode.potential_at(x, warmth.above_reference_k);
        let entropy = electrode.entropy.as_ref().map_or(0.0, |e| e.value(x.clamp(1e-10, 1.0 - 1e-10)));
        let c = surface.clamp(1e-9 * most, (1.0 - 1e-9) * most);
        let exchange = warmth.exchange[side] * (salt * c * (most - c)).sqrt();
        let u = flux / (2.0 * exchange);
        let root = (1.0 + u * u).sqrt();
        let share = u / root;
        Local {
            potential_v,
            entropy,
            eta_v: 2.0 * warmth.thermal_v * (u.abs() + root).ln().copysign(u),
            by_flux: warmth.thermal_v / (exchange * root),
            by_surface: slope / most - warmth.thermal_v * share * (1.0 / c - 1.0 / (most - c)),
            by_salt: -warmth.thermal_v * share / salt,
            drive: u,
        }
    }

    /// Slopes of diffusion and conduction at a stage that was evaluated.
    pub(super) fn slopes(&self, stage: &Stage, into: &mut impl Slopes) {
        let diffusion_v = self.chi * stage.warmth.thermal_v;
        let mut crossings = stage.crossings.as_slice();
        for element in &self.mesh.elements {
            let (first, count) = (element.first, element.points());
            let first_place = self.mesh.place_of[first].filter(|_| element.layer != 1);
            let (these, others) = crossings.split_at(count);
            crossings = others;
            for i in 0..count {
                let (mut by_salt, mut by_across) = ([0.0; DEGREE_MAX + 1], [0.0; DEGREE_MAX + 1]);
                for (q, crossing) in these.iter().enumerate() {
                    let slopes = element.slopes_at(q);
                    let flow = slopes[i] * crossing.diffusion[0];
                    for (sum, slope) in by_salt[..count].iter_mut().zip(slopes) {
                        *sum += flow * slope;
                    }
                    by_salt[q] += slopes[i] * crossing.diffusion[1];
                }
                for (j, value) in by_salt[..count].iter().enumerate() {
                    into.salt_by_salt(first + i, first + j, *value);
                }
                let Some(place) = first_place else { continue };
                for (q, crossing) in these.iter().enumerate() {
                    let slopes = element.slopes_at(q);
                    let flow = slopes[i] * crossing.conduction[0];
                    for (sum, slope) in by_across[..count].iter_mut().zip(slopes) {
                        *sum += flow * slope;
                    }
                    by_salt[q] = slopes[i] * crossing.conduction[1];
                }
                for j in 0..count {
                    let salt = stage.salt[first + j].max(SALT_FLOOR);
                    into.charge_by_across(place + i, place + j, by_across[j]);
                    into.charge_by_salt(place + i, first + j, by_across[j] * diffusion_v / salt + by_salt[j]);
                }
            }
        }
    }

    /// Slopes of the charge's equations over the current density, at places.
    pub(super) fn charge_by_current(&self, stage: &Stage, by_current: &mut [f64]) {
        by_current.fill(0.0);
        let mut crossings = stage.crossings.iter();
        for element in &self.mesh.elements {
            let first_place = self.mesh.place_of[element.first].filter(|_| element.layer != 1);
            for (q, crossing) in (0..element.points()).zip(&mut crossings) {
                let Some(place) = first_place else { continue };
                let flow = crossing.conduction[0] / self.conductivity[element.layer / 2];
                for (i, test) in element.slopes_at(q).iter().enumerate() {
                    by_current[place + i] += test * flow;
                }
            }
        }
        by_current[self.mesh.negative - 1] -= 1.0;
        by_current[self.mesh.negative] += 1.0;
    }

    /// By how much charge is off its balance at a place [A/m²].
    #[inline]
    pub(super) fn charge_off(&self, stage: &Stage, place: usize) -> f64 {
        let enters = if place + 1 == self.mesh.negative {
            stage.current
        } else if place == self.mesh.negative {
            -stage.current
        } else {
            0.0
        };
        stage.gathered[place] + self.surface_of(place) * stage.flux[place] - enters
    }

    /// Slopes of the voltage over salt and potentials, and over the current density with these held.
    pub(super) fn voltage_slopes(&self, stage: &Stage, by_salt: &mut [f64], by_across: &mut [f64]) -> f64 {
        by_salt.fill(0.0);
        by_across.fill(0.0);
        let diffusion_v = self.chi * stage.warmth.thermal_v;
        let last = self.mesh.points - 1;
        by_across[self.mesh.places() - 1] += 1.0;
        by_across[0] -= 1.0;
        by_salt[last] += diffusion_v / stage.salt[last].max(SALT_FLOOR);
        by_salt[0] -= diffusion_v / stage.salt[0].max(SALT_FLOOR);
        let mut by_current = 0.0;
        let mut crossings = stage.crossings.iter();
        for element in &self.mesh.elements {
            let first = element.first;
            let first_place = self.mesh.place_of[first].filter(|_| element.layer != 1);
            for (q, crossing) in (0..element.points()).zip(&mut crossings) {
                by_salt[first + q] -= crossing.share[1];
                let Some(place) = first_place else {
                    by_current -= crossing.share[0];
                    continue;
                };
                by_current -= crossing.share[0] / self.conductivity[element.layer / 2];
                for (j, slope) in element.slopes_at(q).iter().enumerate() {
                    let drop = crossing.share[0] * slope;
                    by_across[place + j] -= drop;
                    by_salt[first + j] -= drop * diffusion_v / stage.salt[first + j].max(SALT_FLOOR);
                }
            }
        }
        by_current
    }

    /// Heat of an evaluated stage [W].
    pub(super) fn heat_w(&self, stage: &Stage) -> f64 {
        let reacted: f64 = stage
            .local
            .iter()
            .zip(&stage.flux)
            .enumerate()
            .map(|(place, (local, flux))| {
                let enthalpy_v = local.potential_v - stage.warmth.temperature_k * local.entropy;
                self.surface_of(place) * flux * enthalpy_v
            })
            .sum();
        self.area_m2() * (-stage.current * stage.voltage_v - reacted)
    }

    /// What is seen of an evaluated stage. `by_current` is the slope of the voltage at once.
    ///
    /// As voltage lost in transport stands what the voltage differs by from the mean equilibrium potentials at the
    /// surfaces, overpotential included: steps are judged by it, as it does not follow every bend of the potentials.
    pub(super) fn show(&self, stage: &Stage, by_current: f64) -> Seen {
        let mesh = &self.mesh;
        let mut margin = f64::INFINITY;
        for place in 0..mesh.places() {
            let x = stage.surface[place] / self.electrode(mesh.side(place)).file.concentration_max;
            margin = margin.min(x).min(1.0 - x);
        }
        let least = stage.salt.iter().copied().fold(f64::INFINITY, f64::min);
        let average = |side: usize, of: &dyn Fn(usize) -> f64| mesh.average(side, of);
        let sides = [0, 1];
        let open = sides.map(|side| average(side, &|place| stage.local[place].potential_v));
        let answer = Answer {
            voltage_v: stage.voltage_v,
            by_current,
            by_surface: sides.map(|side| {
                let sign = if side == 0 { -1.0 } else { 1.0 };
                sign * average(side, &|place| stage.local[place].by_surface)
            }),
            eta_v: sides.map(|side| average(side, &|place| stage.local[place].eta_v)),
            across_v: average(0, &|place| stage.across[place]),
            entropy: sides.map(|side| average(side, &|place| stage.local[place].entropy)),
            transport_v: stage.voltage_v - (open[1] - open[0]),
        };
        Seen {
            current_a: stage.current * self.area_m2(),
            voltage_v: stage.voltage_v,
            answer,
            side_flux: 0.0,
            heat_w: self.heat_w(stage),
            margin,
            salt_least: least / self.set.file.electrolyte.concentration_initial,
        }
    }

    /// By how much the current density must change so that a voltage or power is met, and by how many volts it is
    /// off; `by_current` is the slope of the voltage with everything that follows the current.
    pub(super) fn correction(&self, drive: Drive, stage: &Stage, by_current: f64) -> Correction {
        match drive {
            Drive::Current { .. } => Correction::None,
            Drive::Voltage(voltage_v) => {
                let over_v = stage.voltage_v - voltage_v;
                Correction::By { change: -over_v / by_current, over_v: over_v.abs() }
            }
            Drive::Power(power_w) => {
                let off_w = self.area_m2() * stage.current * stage.voltage_v - power_w;
                let slope_w = self.area_m2() * (stage.voltage_v + stage.current * by_current);
                if slope_w <= 0.0 || !slope_w.is_finite() {
                    return Correction::Infeasible { power_w };
                }
                let change = -off_w / slope_w;
                Correction::By { change, over_v: (change * by_current).abs().max(off_w.abs() * 1e-3) }
            }
        }
    }
}

/// What a load asks of the current.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Correction {
    /// The current is given.
    None,
    /// A change of current density [A/m²].
    By {
        /// Change.
        change: f64,
        /// How far off the load is.
        over_v: f64,
    },
    /// More current gives no more power.
    Infeasible {
        /// The power asked for.
        power_w: f64,
    },
}
