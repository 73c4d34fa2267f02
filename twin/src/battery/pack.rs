//! A pack: cells in series and parallel, told apart by capacity, resistance and rate of ageing.
//!
//! Cells of one pack see the same current and temperature, so one *mean cell* is integrated and the others follow
//! from it: resistance and polarisation scale with the cell's resistance, the states of the life laws with its
//! rate of ageing, and with all cells full together (top balancing) a cell of capacity Q_i stands at
//! `s_i = 1 − (1 − s)·Q/Q_i`. The cell with the least capacity is empty first and decides what the pack can give.
//! The stress of a weaker cell's slightly deeper cycles on its own ageing is neglected.

use super::chemistry::FittedFile;
use super::circuit::CellModel;
use super::decay::Decays;
use super::exposure::Exposure;
use super::fidelity::Fidelity;
use super::fidelity::particle::ParticleState;
use super::life::{Health, Progress};
use super::rainflow::{Cycle, Rainflow};
use super::thermal::{Temperatures, ThermalPath};
use rand_distr::{Distribution, LogNormal, Normal};
use std::sync::Arc;

/// One series group of a pack: its parallel cells together, relative to the mean cell of the make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// Capacity when new.
    pub capacity: f32,
    /// Resistance when new.
    pub resistance: f32,
    /// Rate of ageing.
    pub ageing: f32,
}

/// Standard deviations among the cells of a make, relative to the mean.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// Capacity, normal.
    pub capacity: f64,
    /// Resistance, lognormal.
    pub resistance: f64,
    /// Rate of ageing, lognormal.
    pub ageing: f64,
}

/// Cells in series and parallel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Groups in series.
    pub series: u32,
    /// Cells in each group.
    pub parallel: u32,
}

impl Layout {
    /// Number of cells.
    pub fn cells(self) -> f64 {
        f64::from(self.series) * f64::from(self.parallel)
    }
}

/// What does not change about a pack.
#[derive(Debug, Clone)]
pub struct PackModel {
    /// The cell.
    pub cell: Arc<CellModel>,
    /// Series and parallel.
    pub layout: Layout,
    /// Heat path of one cell.
    pub thermal: ThermalPath,
    /// What decays in a cell on that path, for all packs of a kind together.
    pub decays: Arc<Decays>,
    /// The groups; empty when nothing tells them apart.
    pub groups: Box<[Group]>,
    /// Means over the groups.
    pub mean: Group,
    /// How closely it is followed.
    pub fidelity: Fidelity,
}

impl PackModel {
    /// A pack whose cells are all alike.
    pub fn uniform(cell: Arc<CellModel>, layout: Layout, thermal: ThermalPath) -> Self {
        let circuit = &cell.file.circuit;
        Self {
            decays: Arc::new(Decays::of(circuit.tau1_s, circuit.tau2_s, &thermal)),
            cell,
            layout,
            thermal,
            groups: Box::default(),
            mean: Group { capacity: 1.0, resistance: 1.0, ageing: 1.0 },
            fidelity: Fidelity::default(),
        }
    }

    /// A pack of this uniform one's kind whose cells are drawn from a make.
    #[must_use]
    pub fn drawn(&self, spread: Spread, stream: &mut crate::rng::Stream) -> Self {
        if spread == Spread::default() {
            return self.clone();
        }
        let groups: Box<[Group]> =
            (0..self.layout.series).map(|_| draw_group(self.layout.parallel, spread, stream)).collect();
        let count = groups.len() as f32;
        let mean_of = |value: fn(&Group) -> f32| groups.iter().map(value).sum::<f32>() / count;
        let mean = Group {
            capacity: mean_of(|g| g.capacity),
            resistance: mean_of(|g| g.resistance),
            ageing: mean_of(|g| g.ageing),
        };
        Self { groups, mean, ..self.clone() }
    }

    /// The same pack, followed as closely as this.
    #[must_use]
    pub fn with_fidelity(self, fidelity: Fidelity) -> Self {
        Self { fidelity, ..self }
    }

    /// Rated capacity of the pack [Ah].
    pub fn rated_ah(&self) -> f64 {
        self.cell.file.cell.capacity_ah * f64::from(self.layout.parallel)
    }

    /// Rated energy of the pack [Wh].
    pub fn rated_wh(&self) -> f64 {
        self.rated_ah() * self.cell.file.cell.voltage_nominal_v * f64::from(self.layout.series)
    }

    /// Capacity of a group relative to new, from the states of the mean cell.
    pub fn group_capacity(&self, states: &[f64], group: &Group) -> f64 {
        let scaled: Progress = states.iter().map(|y| y * f64::from(group.ageing)).collect();
        self.cell.life.capacity(&scaled) * f64::from(group.capacity)
    }

    /// Health of every group that can be told apart, from the states of the mean cell.
    pub fn group_health(&self, states: &[f64], group: &Group) -> Health {
        let scaled: Progress = states.iter().map(|y| y * f64::from(group.ageing)).collect();
        let health = self.cell.life.health(&scaled);
        Health {
            capacity: health.capacity * f64::from(group.capacity),
            resistance: health.resistance * f64::from(group.resistance),
        }
    }
}

/// Draws the cells of one group and puts them in parallel: capacities add, conductances add.
fn draw_group(parallel: u32, spread: Spread, stream: &mut crate::rng::Stream) -> Group {
    // Beyond a hundred cells the sums are as good as normal and need no cell by cell drawing.
    let drawn = parallel.min(100);
    let widen = (f64::from(drawn) / f64::from(parallel)).sqrt();
    let capacity = Normal::new(1.0, spread.capacity * widen).expect("deviations are finite and not negative");
    let unit_mean = |sd: f64| {
        let sigma = (sd * widen).powi(2).ln_1p().sqrt();
        LogNormal::new(-0.5 * sigma * sigma, sigma).expect("deviations are finite and not negative")
    };
    let (resistance, ageing) = (unit_mean(spread.resistance), unit_mean(spread.ageing));
    let (mut ah, mut siemens, mut rate) = (0.0, 0.0, 0.0);
    for _ in 0..drawn {
        ah += capacity.sample(stream).clamp(0.5, 1.5);
        siemens += 1.0 / resistance.sample(stream);
        rate += ageing.sample(stream);
    }
    let n = f64::from(drawn);
    Group { capacity: (ah / n) as f32, resistance: (n / siemens) as f32, ageing: (rate / n) as f32 }
}

/// Sums over a pack's life. Charges in Ah and energies in Wh, per mean cell; [`Ledger::scaled`] makes them the
/// pack's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Ledger {
    /// Charge put in at the terminals [Ah].
    pub charged_ah: f64,
    /// Charge taken out at the terminals [Ah].
    pub discharged_ah: f64,
    /// Charge lost by self-discharge [Ah].
    pub leaked_ah: f64,
    /// Charge put in that was not stored [Ah].
    pub coulombic_loss_ah: f64,
    /// Stored charge that went with fading capacity [Ah].
    pub faded_ah: f64,
    /// Charge drawn by ripple of the load on top of its mean [Ah].
    pub ripple_ah: f64,
    /// Energy put in at the terminals [Wh].
    pub energy_in_wh: f64,
    /// Energy taken out at the terminals [Wh].
    pub energy_out_wh: f64,
    /// Irreversible heat, leakage included [Wh].
    pub losses_wh: f64,
    /// Reversible (entropic) heat, positive when given off [Wh].
    pub reversible_heat_wh: f64,
    /// Stored energy that went with fading capacity [Wh].
    pub faded_wh: f64,
    /// Energy asked for and not given [Wh].
    pub unserved_wh: f64,
    /// Time outside the temperatures that the life model was fitted on [h].
    pub outside_temperature_h: f64,
    /// Full equivalent cycles outside the depths or rates that the life model was fitted on.
    pub outside_cycles_efc: f64,
    /// Time above [`HOT_C`] [h].
    pub hot_h: f64,
    /// Charges that ended full or at their target.
    pub charges: f64,
}

/// From here on a cell counts as hot [°C].
pub const HOT_C: f64 = 45.0;

impl Ledger {
    /// Books hours at a temperature where that is hot, or outside of what the life model was fitted on.
    #[inline]
    pub(super) fn remark(&mut self, temperature_c: f64, fitted: &FittedFile, hours: f64) {
        if !fitted.holds_temperature(temperature_c) {
            self.outside_temperature_h += hours;
        }
        if temperature_c > HOT_C {
            self.hot_h += hours;
        }
    }

    /// Books what flowed at the terminals: charge taken out (put in where negative), of which a charge stores only the share
    /// `efficiency`, and energy given off (taken in where negative).
    #[inline]
    pub(super) fn meter(&mut self, out_ah: f64, efficiency: f64, out_wh: f64) {
        if out_ah > 0.0 {
            self.discharged_ah += out_ah;
        } else {
            self.charged_ah -= out_ah;
            self.coulombic_loss_ah -= out_ah * (1.0 - efficiency);
        }
        if out_wh > 0.0 {
            self.energy_out_wh += out_wh;
        } else {
            self.energy_in_wh -= out_wh;
        }
    }

    /// Charges times `parallel`, energies times `cells`.
    pub fn scaled(&self, layout: Layout) -> Ledger {
        let (ah, wh) = (f64::from(layout.parallel), layout.cells());
        Ledger {
            charged_ah: self.charged_ah * ah,
            discharged_ah: self.discharged_ah * ah,
            leaked_ah: self.leaked_ah * ah,
            coulombic_loss_ah: self.coulombic_loss_ah * ah,
            faded_ah: self.faded_ah * ah,
            ripple_ah: self.ripple_ah * ah,
            energy_in_wh: self.energy_in_wh * wh,
            energy_out_wh: self.energy_out_wh * wh,
            losses_wh: self.losses_wh * wh,
            reversible_heat_wh: self.reversible_heat_wh * wh,
            faded_wh: self.faded_wh * wh,
            unserved_wh: self.unserved_wh * wh,
            ..*self
        }
    }
}

/// What changes about a pack, in terms of its mean cell.
#[derive(Debug, Clone, PartialEq)]
pub struct PackState {
    /// State of charge of the mean cell.
    pub soc: f64,
    /// Voltage of the fast pair [V].
    pub v1_v: f64,
    /// Voltage of the slow pair [V].
    pub v2_v: f64,
    /// Energy held in the fast and in the slow pair [Wh].
    pub pairs_wh: [f64; 2],
    /// Branch of the hysteresis, −1 (discharge) to 1 (charge).
    pub hysteresis: f64,
    /// Temperatures.
    pub temperatures: Temperatures,
    /// Current at the last step, positive discharging [A, per cell].
    pub current_a: f64,
    /// Terminal voltage at the end of the last step [V, per cell].
    pub voltage_v: f64,
    /// Age [d].
    pub age_days: f64,
    /// Progress of the life laws.
    pub progress: Progress,
    /// Time that the calendar laws have not seen yet.
    pub exposure: Exposure,
    /// Cycle counting.
    pub rainflow: Rainflow,
    /// Full equivalent cycles in rated capacity.
    pub efc: f64,
    /// Health of the mean cell, in step with the states as of `health_days`.
    pub health: Health,
    /// Capacity of the weakest group relative to rated.
    pub weakest_capacity: f64,
    /// Resistance of the weakest group relative to the mean cell's.
    pub weakest_resistance: f64,
    /// Index of the weakest group.
    pub weakest: u32,
    /// Mean capacity at which the weakest group was last looked for.
    pub searched_at_capacity: f64,
    /// Time since health was brought up to date [s].
    pub since_refresh_s: f64,
    /// Sums.
    pub ledger: Ledger,
    /// The mean cell's electrodes, where particles are followed.
    pub particles: Option<Box<ParticleState>>,
}

impl PackState {
    /// A new pack at rest.
    pub fn new(model: &PackModel, soc: f64, temperature_c: f64) -> Self {
        let mut state = Self {
            soc,
            v1_v: 0.0,
            v2_v: 0.0,
            pairs_wh: [0.0; 2],
            hysteresis: 0.0,
            temperatures: Temperatures { cell_c: temperature_c, case_c: temperature_c },
            current_a: 0.0,
            voltage_v: model.cell.ocv_v(soc),
            age_days: 0.0,
            progress: model.cell.life.new_progress(),
            exposure: Exposure::default(),
            rainflow: Rainflow::starting_at(soc),
            efc: 0.0,
            health: Health { capacity: 1.0, resistance: 1.0 },
            weakest_capacity: 1.0,
            weakest_resistance: 1.0,
            weakest: 0,
            searched_at_capacity: f64::INFINITY,
            since_refresh_s: 0.0,
            ledger: Ledger::default(),
            particles: model.fidelity.particles(soc, temperature_c),
        };
        state.refresh_health(model);
        // The step from the mean of the make to this pack's own cells is no fade.
        state.ledger = Ledger::default();
        state
    }

    /// Present capacity of the mean cell [Ah].
    #[inline]
    pub fn capacity_ah(&self, model: &PackModel) -> f64 {
        model.cell.file.cell.capacity_ah * self.health.capacity
    }

    /// Weakest over mean capacity.
    #[inline]
    pub fn weakest_ratio(&self) -> f64 {
        if self.health.capacity > 0.0 { (self.weakest_capacity / self.health.capacity).min(1.0) } else { 1.0 }
    }

    /// State of charge of the weakest group, which is the pack's. Where that group fades while it stands empty, empty
    /// is what it stays.
    #[inline]
    pub fn pack_soc(&self) -> f64 {
        (1.0 - (1.0 - self.soc) / self.weakest_ratio()).max(0.0)
    }

    /// State of charge of the mean cell when the pack stands at `pack_soc`.
    #[inline]
    pub fn mean_soc_at(&self, pack_soc: f64) -> f64 {
        1.0 - (1.0 - pack_soc) * self.weakest_ratio()
    }

    /// Brings health up to date with the progress of the laws. Stored charge that went with the capacity is
    /// booked, for the state of charge stays what it is.
    pub fn refresh_health(&mut self, model: &PackModel) {
        self.since_refresh_s = 0.0;
        if let Fidelity::Particle(cell) = &model.fidelity {
            cell.refresh(self, model);
            return;
        }
        let states = model.cell.life.states(&self.progress, self.age_days);
        let before = self.health.capacity;
        let group = &model.mean;
        self.health = model.group_health(&states, group);
        let lost_ah = (before - self.health.capacity) * model.cell.file.cell.capacity_ah;
        self.ledger.faded_ah += lost_ah * self.soc;
        self.ledger.faded_wh += lost_ah * model.cell.curves(self.soc).ocv_integral_v;
        if model.groups.is_empty() {
            self.weakest_capacity = self.health.capacity;
            return;
        }
        // Which group is weakest changes rarely; it is looked for again after a tenth of a per cent of fade.
        if (self.searched_at_capacity - self.health.capacity).abs() > 1e-3 {
            self.searched_at_capacity = self.health.capacity;
            let capacity = |g: &Group| model.group_capacity(&states, g);
            let weakest = model.groups.iter().enumerate().map(|(i, g)| (capacity(g), i));
            if let Some((_, index)) = weakest.min_by(|a, b| a.0.total_cmp(&b.0)) {
                self.weakest = index as u32;
            }
        }
        let weakest = model.group_health(&states, &model.groups[self.weakest as usize]);
        self.weakest_capacity = weakest.capacity.min(self.health.capacity);
        self.weakest_resistance = weakest.resistance / self.health.resistance;
    }

    /// Health with the half-cycles that are still open counted as such, as somebody who looks should see it:
    /// capacity of the weakest group and resistance of the mean cell, relative to new.
    pub fn observed_health(&self, model: &PackModel) -> Health {
        if let (Fidelity::Particle(cell), Some(particles)) = (&model.fidelity, &self.particles) {
            return cell.health_of(particles, model);
        }
        let mut progress = self.progress.clone();
        self.exposure.tell(&mut |temperature_c, soc, days| {
            model.cell.calendar.expose(&mut progress, temperature_c, soc, days);
        });
        self.rainflow.unfinished(|cycle| {
            let stress = model.cell.life.cycle_stress(&cycle, |soc| model.cell.ocv_v(soc));
            model.cell.life.add_cycle(&mut progress, &cycle, &stress);
        });
        let states = model.cell.life.states(&progress, self.age_days);
        let mean = model.group_health(&states, &model.mean);
        let capacity = match model.groups.get(self.weakest as usize) {
            Some(group) => model.group_health(&states, group).capacity.min(mean.capacity),
            None => mean.capacity,
        };
        Health { capacity, resistance: mean.resistance }
    }

    /// Moves the state of charge to `soc`, by so much of present capacity in `hours` at `temperature_c`, and counts the cycles
    /// that this closes.
    #[inline(always)]
    pub(super) fn count(
        &mut self,
        cell: &CellModel,
        soc: f64,
        moved: f64,
        (hours, temperature_c): (f64, f64),
    ) {
        let moved_rated = moved * self.health.capacity;
        self.efc += 0.5 * moved_rated.abs();
        let (progress, ledger) = (&mut self.progress, &mut self.ledger);
        self.rainflow.step(soc, moved_rated, (hours, temperature_c), |cycle| {
            Self::close_cycle(progress, ledger, cell, &cycle);
        });
        self.soc = soc;
    }

    /// Adds a closed cycle to the life laws.
    #[inline]
    fn close_cycle(progress: &mut Progress, ledger: &mut Ledger, cell: &CellModel, cycle: &Cycle) {
        let stress = cell.life.cycle_stress(cycle, |soc| cell.ocv_v(soc));
        cell.life.add_cycle(progress, cycle, &stress);
        if !cell.file.life.fitted.holds_cycle(cycle.c_rate, cycle.depth()) {
            ledger.outside_cycles_efc += cycle.efc;
        }
    }

    /// Terminal voltage of every series group [V]; their sum is the pack's voltage.
    pub fn cell_voltages_v(&self, model: &PackModel) -> Vec<f64> {
        let count = model.layout.series as usize;
        if model.groups.is_empty() || self.particles.is_some() {
            return vec![self.voltage_v; count];
        }
        let states = model.cell.life.states(&self.progress, self.age_days);
        let curves = model.cell.curves(self.soc);
        let polarisation = curves.ocv_v + curves.half_gap_v * self.hysteresis - self.voltage_v;
        let mut voltages: Vec<f64> = model
            .groups
            .iter()
            .map(|group| {
                let health = model.group_health(&states, group);
                let soc = 1.0 - (1.0 - self.soc) * self.health.capacity / health.capacity.max(1e-9);
                let curves = model.cell.curves(soc.clamp(0.0, 1.0));
                curves.ocv_v + curves.half_gap_v * self.hysteresis
                    - polarisation * health.resistance / self.health.resistance
            })
            .collect();
        let excess = self.voltage_v - voltages.iter().sum::<f64>() / count as f64;
        voltages.iter_mut().for_each(|v| *v += excess);
        voltages
    }
}
