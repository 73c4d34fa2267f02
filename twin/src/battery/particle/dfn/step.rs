//! One step of time of the full model.
//!
//! A step is a collocation at a third and at the end of it (Radau IIA, order 3) for salt and heat; in the particles
//! flux is linear through the same two instants and the modes pass it as exponentials, exactly. Both instants are
//! solved at once by Newton's method with all slopes: at every point the unknowns are salt and, in the electrodes,
//! potential at either instant. Fluxes are eliminated place by place,
//!
//! ```text
//! c_surface(m) = c₀(m) − Σ_n B_mn·j(n)            B: response of mean and modes, the same all over an electrode
//! Σ_n (∂η/∂j·δ_mn − ∂(U+η)/∂c·B_mn)·Δj(n) = off(m) + ΔΨ(m) − ∂η/∂c_e·Δc_e(m)
//! ```
//!
//! and remain unknowns on which the balance of charge depends linearly. So every round meets that balance to
//! rounding, and lithium and salt are conserved whether or not the rest is solved exactly.
//!
//! Source: Hairer and Wanner, *Solving Ordinary Differential Equations II* (1996), ch. IV.5 and IV.8.

#![expect(
    clippy::needless_range_loop,
    reason = "indices are those of the equations, over several arrays at once"
)]

use super::band::Band;
use super::stage::{Correction, Slopes, Stage};
use super::{DfnModel, DfnState};
use crate::battery::particle::cell::{CellFault, Drive, Guess, Heat, Trial};
use crate::battery::particle::kinetics::Warmth;
use crate::battery::particle::sphere::Passage;

/// Weights of Radau IIA: rows are the instants.
const RADAU: [[f64; 2]; 2] = [[5.0 / 12.0, -1.0 / 12.0], [0.75, 0.25]];
/// Their inverse.
const INVERSE: [[f64; 2]; 2] = [[1.5, 0.5], [-4.5, 2.5]];
/// Most rounds of Newton's method.
const ROUNDS: usize = 20;
/// Voltages agree when they differ by less.
const EXACT_V: f64 = 1e-7;
/// Salt, relative, that counts as much as a volt.
const SALT_V: f64 = 0.05;
/// Temperatures agree when they differ by less.
const EXACT_K: f64 = 1e-5;

/// The last step at its beginning and at a third, for guesses at the next, and the load that it ended with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trail {
    dt_s: f64,
    drive: Drive,
    salt: [Vec<f64>; 2],
    across: [Vec<f64>; 2],
    flux: [Vec<f64>; 2],
}

impl Trail {
    /// Whether a load goes on as before.
    fn leads_to(&self, drive: Drive) -> bool {
        match (self.drive, drive) {
            (
                Drive::Current { now_a: was_a, slope_a_per_s: was },
                Drive::Current { now_a, slope_a_per_s },
            ) => was == slope_a_per_s && (was_a - now_a).abs() <= 1e-9 * now_a.abs().max(1e-3),
            (was, now) => was == now,
        }
    }
}

/// Working memory of steps.
#[derive(Debug, Clone, Default)]
pub struct Work {
    key: [f64; 2],
    passages: [Passage; 2],
    memory: Option<Box<Memory>>,
}

/// What is as large as the mesh.
#[derive(Debug, Clone)]
struct Memory {
    stages: [Stage; 2],
    band: Band,
    /// First unknown of each point: salt at both instants, then potential at both where there is an electrode.
    first: Vec<usize>,
    /// Change of flux per change of what drives it, at the last factorisation.
    yields: Vec<[[f64; 2]; 2]>,
    /// Slope of the overpotential over salt then.
    by_salt: Vec<[f64; 2]>,
    change: Vec<f64>,
    /// Changes per current density at either instant.
    by_current: [Vec<f64>; 2],
    /// Slopes of the voltage at either instant.
    voltage_by: [(Vec<f64>, Vec<f64>, f64); 2],
    places: Vec<f64>,
}

impl Memory {
    fn new(model: &DfnModel, warmth: Warmth) -> Self {
        let mesh = &model.mesh;
        let mut first = Vec::with_capacity(mesh.points + 1);
        let mut count = 0;
        for place in &mesh.place_of {
            first.push(count);
            count += if place.is_some() { 4 } else { 2 };
        }
        first.push(count);
        let mut ends: Vec<usize> = (0..count).collect();
        for element in &mesh.elements {
            let (begin, end) = (first[element.first], first[element.first + element.points()]);
            ends[begin..end].fill(end);
        }
        let (points, places) = (mesh.points, mesh.places());
        let slopes = || (vec![0.0; points], vec![0.0; places], 0.0);
        Self {
            stages: [Stage::new(points, places, warmth), Stage::new(points, places, warmth)],
            band: Band::new(ends),
            first,
            yields: vec![[[0.0; 2]; 2]; places],
            by_salt: vec![[0.0; 2]; places],
            change: vec![0.0; count],
            by_current: [vec![0.0; count], vec![0.0; count]],
            voltage_by: [slopes(), slopes()],
            places: vec![0.0; places],
        }
    }
}

/// Both kinds of unknowns at one of the instants.
struct AtInstant<'a> {
    band: &'a mut Band,
    first: &'a [usize],
    point_of: &'a [usize],
    instant: usize,
}

impl AtInstant<'_> {
    #[inline]
    fn salt(&self, point: usize) -> usize {
        self.first[point] + self.instant
    }
    #[inline]
    fn across(&self, place: usize) -> usize {
        self.first[self.point_of[place]] + 2 + self.instant
    }
}

impl Slopes for AtInstant<'_> {
    #[inline]
    fn salt_by_salt(&mut self, row: usize, column: usize, value: f64) {
        self.band.add(self.salt(row), self.salt(column), value);
    }
    #[inline]
    fn charge_by_salt(&mut self, row: usize, column: usize, value: f64) {
        self.band.add(self.across(row), self.salt(column), value);
    }
    #[inline]
    fn charge_by_across(&mut self, row: usize, column: usize, value: f64) {
        self.band.add(self.across(row), self.across(column), value);
    }
}

/// What a step starts from and is bound by.
struct Frame<'a> {
    state: &'a DfnState,
    drive: Drive,
    dt_s: f64,
    ambient_k: f64,
    /// Surface concentrations at both instants if nothing flowed, by place.
    unmoved: Vec<[f64; 2]>,
    /// Fall of surface concentrations per flux, by electrode.
    fall: [[[f64; 2]; 2]; 2],
}

impl DfnModel {
    /// Tries a step.
    ///
    /// # Errors
    /// When the power cannot be had or the equations are not solved; a shorter step may help the latter.
    pub(super) fn step(
        &self,
        state: &DfnState,
        drive: Drive,
        dt_s: f64,
        ambient_k: f64,
        guess: &Guess,
        work: &mut Work,
    ) -> Result<Trial<DfnState>, CellFault> {
        let places = self.mesh.places();
        // Temperature halfway, for diffusion in the particles.
        let start_k = state.clock.temperature_k;
        let middle_k = if self.options.heat == Heat::Lumped {
            let drift = guess.heat_w[0] - self.set.cooling_w_per_k * (start_k - ambient_k);
            start_k + 0.5 * dt_s * drift / self.set.heat_capacity_j_per_k
        } else {
            start_k
        };
        let middle = Warmth::at(&self.set, middle_k);
        let lengths = [0, 1].map(|side| {
            let radius = self.electrode(side).file.radius_m;
            middle.diffusivity[side] * dt_s / (radius * radius)
        });
        if work.key != lengths {
            work.passages = lengths.map(|length| self.sphere.passage(length, dt_s));
            work.key = lengths;
        }
        let passages = &work.passages;
        let fits =
            |memory: &Memory| memory.yields.len() == places && memory.first.len() == self.mesh.points + 1;
        if !work.memory.as_deref().is_some_and(fits) {
            work.memory = Some(Box::new(Memory::new(self, middle)));
        }
        let Some(memory) = work.memory.as_deref_mut() else {
            return Err(CellFault::NoConvergence { t_s: state.clock.t_s });
        };
        let frame = Frame {
            state,
            drive,
            dt_s,
            ambient_k,
            unmoved: (0..places)
                .map(|place| {
                    let left = passages[self.mesh.side(place)].decayed(&state.modes[place]);
                    left.map(|modes| state.means[place] + modes)
                })
                .collect(),
            fall: [0, 1].map(|side| {
                [0, 1].map(|m| {
                    [0, 1].map(|n| {
                        let response: f64 = passages[side].response[m][n];
                        self.per_flux[side] * (response + dt_s * RADAU[m][n])
                    })
                })
            }),
        };
        let begun = self.guess(&frame, guess, memory)?;
        self.solve(&frame, guess, memory)?;

        let seen_slope = self.slope_at_end(memory);
        let [third, end] = &memory.stages;
        let mut next = state.clone();
        let charge = dt_s * self.area_m2() * (0.75 * third.current + 0.25 * end.current);
        next.clock.t_s += dt_s;
        next.clock.discharged_c += charge;
        next.clock.throughput_c += charge.abs();
        next.clock.temperature_k = end.warmth.temperature_k;
        for place in 0..places {
            let side = self.mesh.side(place);
            let flux = [third.flux[place], end.flux[place]].map(|flux| flux * self.per_flux[side]);
            next.means[place] -= dt_s * (0.75 * flux[0] + 0.25 * flux[1]);
            passages[side].pass(&mut next.modes[place], flux);
        }
        next.salt.copy_from_slice(&end.salt);
        next.across.copy_from_slice(&end.across);
        next.flux.copy_from_slice(&end.flux);
        next.trail = Some(Trail {
            dt_s,
            drive: match drive {
                Drive::Current { now_a, slope_a_per_s } => {
                    Drive::Current { now_a: now_a + slope_a_per_s * dt_s, slope_a_per_s }
                }
                other => other,
            },
            salt: [state.salt.clone(), third.salt.clone()],
            across: [begun.0, third.across.clone()],
            flux: [begun.1, third.flux.clone()],
        });
        Ok(Trial {
            state: next,
            third: self.show(third, seen_slope),
            end: self.show(end, seen_slope),
            slope_ohm: seen_slope / self.area_m2(),
        })
    }

    /// Sets both instants to what they may become. Gives potentials and fluxes at the beginning of the step.
    fn guess(
        &self,
        frame: &Frame,
        guess: &Guess,
        memory: &mut Memory,
    ) -> Result<(Vec<f64>, Vec<f64>), CellFault> {
        let (state, dt_s) = (frame.state, frame.dt_s);
        let trail = state.trail.as_ref().filter(|trail| trail.leads_to(frame.drive));
        let begun = match trail {
            Some(_) => (state.across.clone(), state.flux.clone()),
            None => {
                let (stage, _) = self.settle(state, frame.drive, guess.current_a[0])?;
                (stage.across, stage.flux)
            }
        };
        let kelvin = self.kelvin(frame, guess.heat_w);
        for (m, stage) in memory.stages.iter_mut().enumerate() {
            stage.warmth = Warmth::at(&self.set, kelvin[m]);
            stage.current = match frame.drive {
                Drive::Current { now_a, slope_a_per_s } => {
                    now_a + slope_a_per_s * if m == 0 { dt_s / 3.0 } else { dt_s }
                }
                _ => guess.current_a[m],
            } / self.area_m2();
            stage.salt.copy_from_slice(&state.salt);
            stage.across.copy_from_slice(&begun.0);
            stage.flux.copy_from_slice(&begun.1);
            let Some(trail) = trail else { continue };
            // The parabola through 0, 1/3 and 1 of the last step.
            let s = 1.0 + if m == 0 { dt_s / 3.0 } else { dt_s } / trail.dt_s;
            let weights =
                [(s - 1.0 / 3.0) * (s - 1.0) * 3.0, s * (s - 1.0) * -4.5, s * (s - 1.0 / 3.0) * 1.5];
            let ahead = |values: &mut [f64], was: &[Vec<f64>; 2]| {
                for (value, (first, third)) in values.iter_mut().zip(was[0].iter().zip(&was[1])) {
                    *value = weights[0] * first + weights[1] * third + weights[2] * *value;
                }
            };
            ahead(&mut stage.salt, &trail.salt);
            ahead(&mut stage.across, &trail.across);
            ahead(&mut stage.flux, &trail.flux);
            for (salt, was) in stage.salt.iter_mut().zip(&state.salt) {
                *salt = salt.max(0.1 * was);
            }
        }
        Ok(begun)
    }

    /// Temperatures at both instants from the heat there.
    fn kelvin(&self, frame: &Frame, heat_w: [f64; 2]) -> [f64; 2] {
        let start_k = frame.state.clock.temperature_k;
        if self.options.heat == Heat::Isothermal {
            return [start_k; 2];
        }
        let capacity = self.set.heat_capacity_j_per_k;
        let cooling = frame.dt_s * self.set.cooling_w_per_k / capacity;
        let rise = heat_w.map(|heat_w| frame.dt_s * heat_w / capacity + cooling * frame.ambient_k);
        let entry = |m: usize, n: usize| RADAU[m][n] * cooling;
        let right = |m: usize| start_k + RADAU[m][0] * rise[0] + RADAU[m][1] * rise[1];
        let (a, b, c, d) = (1.0 + entry(0, 0), entry(0, 1), entry(1, 0), 1.0 + entry(1, 1));
        let determinant = a * d - b * c;
        [(right(0) * d - b * right(1)) / determinant, (a * right(1) - c * right(0)) / determinant]
    }

    /// Newton's method. Leaves both instants evaluated where they are solved.
    fn solve(&self, frame: &Frame, guess: &Guess, memory: &mut Memory) -> Result<(), CellFault> {
        let unsolved = CellFault::NoConvergence { t_s: frame.state.clock.t_s };
        let is_given = matches!(frame.drive, Drive::Current { .. });
        let mut is_due = true;
        let (mut last, mut kelvin) = (f64::INFINITY, self.kelvin(frame, guess.heat_w));
        for round in 0..ROUNDS {
            self.look(frame, memory);
            if is_due {
                self.factorise(frame, memory).ok_or_else(|| unsolved.clone())?;
                if !is_given {
                    self.border(memory);
                }
            }
            self.fill(frame, memory);
            memory.band.solve(&mut memory.change);
            let mut size = 0.0f64;
            if !is_given {
                size = self.follow(frame, memory)?;
            }
            size = size.max(self.take(memory));
            if self.options.heat == Heat::Lumped {
                let before = kelvin;
                kelvin = self.kelvin(frame, [0, 1].map(|m| self.heat_w(&memory.stages[m])));
                for m in 0..2 {
                    memory.stages[m].warmth = Warmth::at(&self.set, kelvin[m]);
                    size = size.max((kelvin[m] - before[m]).abs() * EXACT_V / EXACT_K);
                }
            }
            if !size.is_finite() {
                return Err(unsolved);
            }
            let ratio = size / last;
            if size < 0.01 * EXACT_V || (round > 0 && ratio < 0.5 && size * ratio / (1.0 - ratio) < EXACT_V) {
                self.look(frame, memory);
                return Ok(());
            }
            if round > 4 && ratio > 2.0 {
                return Err(unsolved);
            }
            is_due = (ratio > 0.2 && size > 1e-3) || (round > 0 && ratio > 0.3);
            last = size;
        }
        Err(unsolved)
    }

    /// Works out both instants.
    fn look(&self, frame: &Frame, memory: &mut Memory) {
        let [third, end] = &mut memory.stages;
        for place in 0..self.mesh.places() {
            let fall = &frame.fall[self.mesh.side(place)];
            let (j, k) = (third.flux[place], end.flux[place]);
            third.surface[place] = frame.unmoved[place][0] - fall[0][0] * j - fall[0][1] * k;
            end.surface[place] = frame.unmoved[place][1] - fall[1][0] * j - fall[1][1] * k;
        }
        self.evaluate(third);
        self.evaluate(end);
    }

    /// Makes the linear system ready around the two instants.
    fn factorise(&self, frame: &Frame, memory: &mut Memory) -> Option<()> {
        let mesh = &self.mesh;
        let Memory { stages, band, first, yields, by_salt, .. } = memory;
        band.clear();
        for (instant, stage) in stages.iter().enumerate() {
            let mut into = AtInstant { band: &mut *band, first, point_of: &mesh.point_of, instant };
            self.slopes(stage, &mut into);
        }
        for point in 0..mesh.points {
            let mass = mesh.electrolyte_m[point] / frame.dt_s;
            for m in 0..2 {
                for n in 0..2 {
                    band.add(first[point] + m, first[point] + n, mass * INVERSE[m][n]);
                }
            }
        }
        for place in 0..mesh.places() {
            let fall = &frame.fall[mesh.side(place)];
            let local = [stages[0].local[place], stages[1].local[place]];
            let entry = |m: usize, n: usize| {
                let own = if m == n { local[m].by_flux } else { 0.0 };
                own - local[m].by_surface * fall[m][n]
            };
            let (a, b, c, d) = (entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1));
            let determinant = a * d - b * c;
            let [y0, y1] = [[d / determinant, -b / determinant], [-c / determinant, a / determinant]];
            yields[place] = [y0, y1];
            by_salt[place] = local.map(|local| local.by_salt);
            let surface = self.surface_of(place);
            let at = first[mesh.point_of[place]];
            for (m, row) in yields[place].iter().enumerate() {
                for (n, yielded) in row.iter().enumerate() {
                    let charge = surface * yielded;
                    let salt = self.salt_per_charge * charge;
                    band.add(at + 2 + m, at + 2 + n, charge);
                    band.add(at + 2 + m, at + n, -charge * local[n].by_salt);
                    band.add(at + m, at + 2 + n, -salt);
                    band.add(at + m, at + n, salt * local[n].by_salt);
                }
            }
        }
        band.factorise().then_some(())
    }

    /// The right side.
    fn fill(&self, frame: &Frame, memory: &mut Memory) {
        let mesh = &self.mesh;
        let Memory { stages, first, yields, change, .. } = memory;
        for point in 0..mesh.points {
            let mass = mesh.electrolyte_m[point] / frame.dt_s;
            let from = frame.state.salt[point];
            let risen = [stages[0].salt[point] - from, stages[1].salt[point] - from];
            for m in 0..2 {
                let kept = mass * (INVERSE[m][0] * risen[0] + INVERSE[m][1] * risen[1]);
                change[first[point] + m] = -kept - stages[m].away[point];
            }
        }
        for place in 0..mesh.places() {
            let surface = self.surface_of(place);
            let at = first[mesh.point_of[place]];
            let off = [stages[0].off_v(place), stages[1].off_v(place)];
            for m in 0..2 {
                let flux =
                    stages[m].flux[place] + yields[place][m][0] * off[0] + yields[place][m][1] * off[1];
                let charge = self.charge_off(&stages[m], place) - surface * stages[m].flux[place];
                change[at + 2 + m] = -charge - surface * flux;
                change[at + m] += self.salt_per_charge * surface * flux;
            }
        }
    }

    /// How everything follows the current at either instant.
    fn border(&self, memory: &mut Memory) {
        let Memory { stages, band, first, by_current, voltage_by, places, .. } = memory;
        for m in 0..2 {
            self.charge_by_current(&stages[m], places);
            by_current[m].fill(0.0);
            for (place, value) in places.iter().enumerate() {
                by_current[m][first[self.mesh.point_of[place]] + 2 + m] = *value;
            }
            band.solve(&mut by_current[m]);
            let (by_salt, by_across, held) = &mut voltage_by[m];
            *held = self.voltage_slopes(&stages[m], by_salt, by_across);
        }
    }

    /// Change of the voltage at an instant that goes with a change of the unknowns.
    fn voltage_change(&self, memory: &Memory, m: usize, change: &[f64]) -> f64 {
        let (by_salt, by_across, _) = &memory.voltage_by[m];
        let mut sum = 0.0;
        for (point, by) in by_salt.iter().enumerate() {
            sum += by * change[memory.first[point] + m];
        }
        for (place, by) in by_across.iter().enumerate() {
            sum += by * change[memory.first[self.mesh.point_of[place]] + 2 + m];
        }
        sum
    }

    /// Corrects both currents towards a voltage or power, and with them the change of everything else; by how many
    /// volts the load was off.
    fn follow(&self, frame: &Frame, memory: &mut Memory) -> Result<f64, CellFault> {
        let mut matrix = [[0.0; 2]; 2];
        let mut right = [0.0; 2];
        let mut size = 0.0f64;
        for m in 0..2 {
            let own = self.voltage_change(memory, m, &memory.change);
            let slopes = [0, 1].map(|n| {
                let held = if m == n { memory.voltage_by[m].2 } else { 0.0 };
                held - self.voltage_change(memory, m, &memory.by_current[n])
            });
            let stage = &memory.stages[m];
            let (change, over_v) = match self.correction(frame.drive, stage, slopes[m]) {
                Correction::None => (0.0, 0.0),
                Correction::By { change, over_v } => (change, over_v),
                Correction::Infeasible { power_w } => {
                    return Err(CellFault::Infeasible { power_w, voltage_v: stage.voltage_v });
                }
            };
            size = size.max(over_v);
            // Slope of what is asked for: of the voltage, or of the power over the current.
            let (scale, alone) = match frame.drive {
                Drive::Power(_) => (stage.current, stage.voltage_v),
                _ => (1.0, 0.0),
            };
            for n in 0..2 {
                matrix[m][n] = scale * slopes[n] + if m == n { alone } else { 0.0 };
            }
            right[m] = matrix[m][m] * change - scale * own;
        }
        let determinant = matrix[0][0] * matrix[1][1] - matrix[0][1] * matrix[1][0];
        let change = [
            (right[0] * matrix[1][1] - matrix[0][1] * right[1]) / determinant,
            (matrix[0][0] * right[1] - matrix[1][0] * right[0]) / determinant,
        ];
        for m in 0..2 {
            memory.stages[m].current += change[m];
            for (total, by) in memory.change.iter_mut().zip(&memory.by_current[m]) {
                *total -= by * change[m];
            }
        }
        Ok(size)
    }

    /// Adds the change to the unknowns; how large it was [V].
    fn take(&self, memory: &mut Memory) -> f64 {
        let mesh = &self.mesh;
        let Memory { stages, first, yields, by_salt, change, .. } = memory;
        let mut size = 0.0f64;
        for place in 0..mesh.places() {
            let at = first[mesh.point_of[place]];
            let driven = [0, 1].map(|n: usize| {
                stages[n].off_v(place) + change[at + 2 + n] - by_salt[place][n] * change[at + n]
            });
            for m in 0..2 {
                let more = yields[place][m][0] * driven[0] + yields[place][m][1] * driven[1];
                stages[m].flux[place] += more;
                stages[m].across[place] += change[at + 2 + m];
                size = size.max(change[at + 2 + m].abs());
            }
        }
        for point in 0..mesh.points {
            for (m, stage) in stages.iter_mut().enumerate() {
                let change = change[first[point] + m];
                let was = stage.salt[point];
                size = size.max(SALT_V * change.abs() / was.abs().max(1.0));
                stage.salt[point] = was + change;
            }
        }
        size
    }

    /// Slope of the voltage at the end over a current density that is constant over the step.
    fn slope_at_end(&self, memory: &mut Memory) -> f64 {
        let Memory { stages, band, first, change, voltage_by, places, .. } = memory;
        change.fill(0.0);
        for m in 0..2 {
            self.charge_by_current(&stages[m], places);
            for (place, value) in places.iter().enumerate() {
                change[first[self.mesh.point_of[place]] + 2 + m] = *value;
            }
        }
        band.solve(change);
        let (by_salt, by_across, held) = &mut voltage_by[1];
        *held = self.voltage_slopes(&stages[1], by_salt, by_across);
        memory.voltage_by[1].2 - self.voltage_change(memory, 1, &memory.change)
    }
}
