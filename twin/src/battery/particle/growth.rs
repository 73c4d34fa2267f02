//! What grows on the negative particles and goes from both electrodes in a step: films, plated lithium, cracks,
//! active material.

#![expect(
    clippy::needless_range_loop,
    reason = "indices are those of the equations, over several arrays at once"
)]

use super::cell::CellModel;
use super::kinetics::{Answer, Instant, Warmth};
use super::mechanism::Plating;
use super::salt::Overview;
use super::set::FARADAY;
use super::state::{Across, Films, State};
use super::step::RADAU;

/// Rates of side reactions at a node, at every place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    /// Flux into the film [A/m²].
    pub sei: Across,
    /// Growth of the square of the film on cracks [mol²/m⁶/s].
    pub squared: Across,
    /// Stripping per plated lithium, per surface [m/s].
    pub strip: Across,
    /// Plating per surface [mol/m²/s].
    pub plate: Across,
    /// Loss of contact [1/s].
    pub decay_per_s: Across,
}

impl CellModel {
    /// Rates of side reactions at every place.
    pub(super) fn rates(
        &self,
        instant: &Instant,
        answer: &Answer,
        warmth: &Warmth,
        salt: &Overview,
        films: &Films,
    ) -> Rates {
        let kinetics = &self.kinetics;
        let mechanisms = &self.options.mechanisms;
        let mut rates = Rates::default();
        let i = instant.current_a_per_m2;
        let drop_v_per_m = i * kinetics.flux_per_current(instant.active)[0] * kinetics.film_ohm_m;
        let roots = salt.roots(0);
        let uneven = kinetics.unevenness(i, warmth, salt);
        let rough_per_m = kinetics.surface_per_m(0, instant.active[0]) * kinetics.roughness(films.crack_m);
        for k in 0..self.count {
            let root = roots[k].0;
            let across_v = answer.across_v + uneven.at_v(self.places[k], salt.log_above(k));
            let film_m = self.film_m(films.sei[k], instant.active[0]);
            rates.sei[k] = kinetics.sei_flux(across_v, drop_v_per_m * film_m, warmth, film_m);
            if mechanisms.plating.is_some() {
                let over_v = across_v - drop_v_per_m * instant.film_m;
                (rates.strip[k], rates.plate[k]) = kinetics.plating(over_v, warmth, root * root);
                rates.decay_per_s[k] = kinetics.decay_per_s(film_m);
            }
            if let (true, Some(sei)) = (mechanisms.cracks && mechanisms.sei.is_some(), self.set().sei()) {
                // d(c²)/dt = 2c·dc/dt: for growth that goes as 1/thickness this does not depend on c.
                let c = films.cracked_squared[k].max(1e-60).sqrt();
                let thickness_m = c * sei.molar_volume_m3_per_mol / rough_per_m;
                let flux = kinetics.sei_flux(across_v, drop_v_per_m * thickness_m, warmth, thickness_m);
                rates.squared[k] = -2.0 * c * rough_per_m * flux / (FARADAY * sei.lithium_per_sei);
            }
        }
        rates
    }

    /// Films, cracks and active material at both nodes from the rates there.
    #[expect(clippy::too_many_arguments, reason = "the unknowns of one step")]
    pub(super) fn grow(
        &self,
        state: &State,
        rates: &[Rates; 2],
        instants: &[Instant; 2],
        mean: &[[f64; 2]; 2],
        salt: &[Overview; 2],
        dt_s: f64,
        films: &mut [Films; 2],
        active: &mut [[f64; 2]; 2],
        side: &mut [f64; 2],
    ) {
        let kinetics = &self.kinetics;
        let mechanisms = self.options.mechanisms;
        let start = &state.films;
        let sum = |node: usize, rate: [f64; 2]| dt_s * (RADAU[node][0] * rate[0] + RADAU[node][1] * rate[1]);
        let per_m = [0, 1].map(|node| kinetics.surface_per_m(0, instants[node].active[0]));
        let mut taken = [0.0; 2];
        for k in 0..self.count {
            let weights = [salt[0].roots(0)[k].1, salt[1].roots(0)[k].1];
            if let (Some(_), Some(sei)) = (mechanisms.sei, self.set().sei()) {
                let growth =
                    [0, 1].map(|node| -per_m[node] * rates[node].sei[k] / (FARADAY * sei.lithium_per_sei));
                let squared = [rates[0].squared[k], rates[1].squared[k]];
                for node in 0..2 {
                    films[node].sei[k] = start.sei[k] + sum(node, growth);
                    films[node].cracked_squared[k] = start.cracked_squared[k] + sum(node, squared);
                    taken[node] += weights[node] * rates[node].sei[k];
                }
            }
            let Some(kind) = mechanisms.plating else { continue };
            let plate = [0, 1].map(|node| per_m[node] * rates[node].plate[k]);
            let strip = [0, 1].map(|node| per_m[node] * rates[node].strip[k]);
            if kind == Plating::Irreversible {
                for node in 0..2 {
                    films[node].dead[k] = start.dead[k] + sum(node, plate);
                    taken[node] -= weights[node] * FARADAY * plate[node] / per_m[node];
                }
            } else {
                let decay = [rates[0].decay_per_s[k], rates[1].decay_per_s[k]];
                let plated =
                    implicit(start.plated[k], [strip[0] + decay[0], strip[1] + decay[1]], plate, dt_s);
                let died = [0, 1].map(|node| decay[node] * plated[node]);
                for node in 0..2 {
                    films[node].plated[k] = plated[node];
                    films[node].dead[k] = start.dead[k] + sum(node, died);
                    taken[node] +=
                        weights[node] * FARADAY * (strip[node] * plated[node] - plate[node]) / per_m[node];
                }
            }
        }
        if mechanisms.cracks || mechanisms.loss {
            let mut stress = [[0.0; 2]; 2];
            for node in 0..2 {
                for electrode in 0..2 {
                    stress[electrode][node] = kinetics.stress_pa(
                        electrode,
                        mean[electrode][node],
                        instants[node].surface[electrode],
                    );
                }
            }
            if mechanisms.cracks {
                let growth = [0, 1].map(|node| kinetics.crack_m_per_s(stress[0][node], films[node].crack_m));
                for node in 0..2 {
                    films[node].crack_m = start.crack_m + sum(node, growth);
                }
            }
            if mechanisms.loss {
                for electrode in 0..2 {
                    let loss = [0, 1].map(|node| kinetics.loss_per_s(electrode, stress[electrode][node]));
                    let lost = [0, 1].map(|node| loss[node] * mean[electrode][node]);
                    for node in 0..2 {
                        active[node][electrode] = state.particles[electrode].active - sum(node, loss);
                        films[node].lost[electrode] = start.lost[electrode] + sum(node, lost);
                    }
                }
            }
        }
        *side = taken;
    }
}

/// Values at both nodes of `dy/dt = s − λy`, decay λ and source s given there.
pub(super) fn implicit(start: f64, decay: [f64; 2], source: [f64; 2], dt_s: f64) -> [f64; 2] {
    let entry = |row: usize, column: usize| dt_s * RADAU[row][column] * decay[column];
    let (a, b, c, d) = (1.0 + entry(0, 0), entry(0, 1), entry(1, 0), 1.0 + entry(1, 1));
    let right = |row: usize| start + dt_s * (RADAU[row][0] * source[0] + RADAU[row][1] * source[1]);
    let (r, s) = (right(0), right(1));
    let determinant = a * d - b * c;
    [(r * d - b * s) / determinant, (a * s - c * r) / determinant]
}
