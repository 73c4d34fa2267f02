//! Potentials and fluxes just after a load is put on, concentrations as they are.

use super::band::Band;
use super::stage::{Correction, Slopes, Stage};
use super::{DfnModel, DfnState};
use crate::battery::particle::cell::{CellFault, Drive};
use crate::battery::particle::kinetics::Warmth;

/// Most rounds of Newton's method at a given current, and most corrections of the current.
const ROUNDS: usize = 60;
/// Potentials agree when they differ by less.
const EXACT_V: f64 = 1e-10;

/// Only potentials are unknown here.
struct OnlyAcross<'a>(&'a mut Band);

impl Slopes for OnlyAcross<'_> {
    fn salt_by_salt(&mut self, _: usize, _: usize, _: f64) {}
    fn charge_by_salt(&mut self, _: usize, _: usize, _: f64) {}
    fn charge_by_across(&mut self, row: usize, column: usize, value: f64) {
        self.0.add(row, column, value);
    }
}

impl DfnModel {
    /// Solves for potentials and fluxes under a load, and gives the slope of the voltage over the current density.
    ///
    /// # Errors
    /// When no current gives the power, or the equations are not solved.
    pub(super) fn settle(
        &self,
        state: &DfnState,
        drive: Drive,
        guess_a: f64,
    ) -> Result<(Stage, f64), CellFault> {
        let (points, places) = (self.mesh.points, self.mesh.places());
        let warmth = Warmth::at(&self.set, state.clock.temperature_k);
        let mut stage = Stage::new(points, places, warmth);
        stage.salt.copy_from_slice(&state.salt);
        for place in 0..places {
            stage.surface[place] = state.surface(place);
        }
        stage.current = match drive {
            Drive::Current { now_a, .. } => now_a,
            _ => guess_a,
        } / self.area_m2();
        self.evaluate(&mut stage);
        for place in 0..places {
            stage.across[place] = stage.local[place].potential_v;
        }
        let unsolved = CellFault::NoConvergence { t_s: state.clock.t_s };
        for _ in 0..ROUNDS {
            let by_current = self.spread(&mut stage).ok_or_else(|| unsolved.clone())?;
            match self.correction(drive, &stage, by_current) {
                Correction::None => return Ok((stage, by_current)),
                Correction::By { over_v, .. } if over_v < 1e-9 => return Ok((stage, by_current)),
                Correction::By { change, .. } => stage.current += change,
                Correction::Infeasible { power_w } => {
                    return Err(CellFault::Infeasible { power_w, voltage_v: stage.voltage_v });
                }
            }
        }
        Err(unsolved)
    }

    /// Spreads a given current over the electrodes; the slope of the voltage over it, or nothing when it cannot.
    fn spread(&self, stage: &mut Stage) -> Option<f64> {
        let places = self.mesh.places();
        let mut band = Band::new(self.place_ends());
        let mut change = vec![0.0; places];
        let mut by_current = vec![0.0; places];
        let (mut by_salt, mut by_across) = (vec![0.0; self.mesh.points], vec![0.0; places]);
        for _ in 0..ROUNDS {
            self.evaluate(stage);
            band.clear();
            self.slopes(stage, &mut OnlyAcross(&mut band));
            for (place, change) in change.iter_mut().enumerate() {
                let by_across = self.surface_of(place) / stage.local[place].by_flux;
                band.add(place, place, by_across);
                *change = -self.charge_off(stage, place) - by_across * stage.off_v(place);
            }
            if !band.factorise() {
                return None;
            }
            band.solve(&mut change);
            // Where a strong flux turns round, the logarithm that holds it back is taken in shares.
            let mut share = 1.0f64;
            let mut flux = vec![0.0; places];
            let mut worst = 0.0f64;
            for place in 0..places {
                flux[place] = (stage.off_v(place) + change[place]) / stage.local[place].by_flux;
                if stage.local[place].drive.abs() > 1.0 && flux[place] / stage.flux[place] < -0.9 {
                    share = share.min(-0.9 * stage.flux[place] / flux[place]);
                }
                worst = worst.max(change[place].abs()).max(stage.off_v(place).abs());
            }
            for place in 0..places {
                stage.across[place] += share * change[place];
                stage.flux[place] += share * flux[place];
            }
            if !worst.is_finite() {
                return None;
            }
            if share == 1.0 && worst < EXACT_V {
                self.evaluate(stage);
                self.charge_by_current(stage, &mut by_current);
                band.solve(&mut by_current);
                let held = self.voltage_slopes(stage, &mut by_salt, &mut by_across);
                let follows: f64 = by_current.iter().zip(&by_across).map(|(p, v)| p * v).sum();
                return Some(held - follows);
            }
        }
        None
    }
}
