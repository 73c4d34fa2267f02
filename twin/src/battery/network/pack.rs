//! A pack as a network of cells: one step of all of it.
//!
//! Books, all in Wh and exact to rounding at any step length:
//!
//! ```text
//! terminal energy = Σ cells' energy − interconnect losses − unresolved
//! ```
//!
//! A cell's energy is its current times its *mean* voltage, while Kirchhoff's voltage law is met at the *end* of the
//! step. The pack's mean voltage is its end voltage and the mean of what the cells' means differ from their ends. What
//! cells in parallel then differ among themselves is `unresolved`: of second order in the step, none for p = 1, and
//! kept in the open as a measure of the step.

use super::balance::{Balancer, Balancing};
use super::heat::{HeatState, PackHeat};
use super::wiring::{Arrangement, Line, Solver, Wiring};
use super::{CellBank, Lines, Taken};
use crate::battery::circuit::CellModel;
use crate::battery::life::Health;

/// Newton's steps at most; tangents of a curve as straight as a cell's need two or three, kinks a few more.
const NEWTON_MAX: u32 = 60;
/// A step goes too far where the slope at its end points back by more than this share of the slope at its beginning.
const BACK_MAX: f64 = 0.1;

/// What does not change about a pack, but for its cells.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkModel {
    /// How cells are joined.
    pub wiring: Wiring,
    /// Heat path.
    pub heat: PackHeat,
    /// How cells are kept together.
    pub balancing: Balancing,
    /// Limits that every cell is kept within.
    pub limits: CellLimits,
    /// Rated capacity of a cell [Ah].
    pub cell_ah: f64,
}

/// Limits of a single cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellLimits {
    /// Lowest voltage under load [V].
    pub voltage_min_v: f64,
    /// Highest voltage under charge [V].
    pub voltage_max_v: f64,
    /// Most that may be discharged [A].
    pub discharge_max_a: f64,
    /// Most that may be charged, positive [A].
    pub charge_max_a: f64,
    /// Discharging is allowed between these [°C].
    pub discharge_temperature_c: [f64; 2],
    /// Charging is allowed between these [°C].
    pub charge_temperature_c: [f64; 2],
    /// Width of the ramp inside each temperature limit [K].
    pub derating_k: f64,
    /// A charge at constant voltage ends at this current, positive [A].
    pub cutoff_a: f64,
}

impl CellLimits {
    /// Limits of a chemistry.
    pub fn of(cell: &CellModel) -> Self {
        let (limits, rated_ah) = (&cell.file.limits, cell.file.cell.capacity_ah);
        Self {
            voltage_min_v: limits.voltage_min_v,
            voltage_max_v: limits.voltage_max_v,
            discharge_max_a: limits.discharge_c_rate_max * rated_ah,
            charge_max_a: limits.charge_c_rate_max * rated_ah,
            discharge_temperature_c: limits.discharge_temperature_c,
            charge_temperature_c: limits.charge_temperature_c,
            derating_k: limits.derating_k,
            cutoff_a: limits.charge_cutoff_c_rate * rated_ah,
        }
    }
}

/// What is asked of a pack for a step; powers and currents positive discharging.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// A current [A]; none is a rest, in which cells may still circulate.
    Current(f64),
    /// A power at the terminals at the end of the step [W].
    Power(f64),
    /// A charge within a power and a current, both positive [W], [A].
    Charge {
        /// Highest power.
        power_max_w: f64,
        /// Highest current.
        current_max_a: f64,
    },
    /// A voltage at the terminals [V] with at most so much charge current, positive [A].
    Voltage {
        /// The voltage.
        voltage_v: f64,
        /// Highest charge current.
        charge_max_a: f64,
    },
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Length [s].
    pub dt_s: f64,
    /// Current of the pack [A].
    pub current_a: f64,
    /// Current that would have been taken without limits [A].
    pub wanted_a: f64,
    /// Terminal voltage at the end [V].
    pub voltage_v: f64,
    /// Terminal power, mean over the step [W].
    pub power_w: f64,
    /// Whether a cell's voltage limit decided the current.
    pub held: bool,
    /// Whether temperature allows no current at all.
    pub blocked: bool,
    /// Solutions of the network that it took.
    pub solutions: u32,
    /// How far a cell's voltage is from its curve at most [V].
    pub unmet_v: f64,
}

/// Sums over the pack's life, at its terminals and in its joints; the cells' own are the bank's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct NetworkLedger {
    /// Charge put in [Ah].
    pub charged_ah: f64,
    /// Charge taken out [Ah].
    pub discharged_ah: f64,
    /// Energy put in [Wh].
    pub energy_in_wh: f64,
    /// Energy taken out [Wh].
    pub energy_out_wh: f64,
    /// Energy that the cells gave to the network, less what they took [Wh].
    pub cells_wh: f64,
    /// Heat in contacts, bars and terminals [Wh].
    pub interconnect_wh: f64,
    /// Difference between the mean voltages of parallel cells, see [module](self) [Wh].
    pub unresolved_wh: f64,
    /// Energy that balancing turned into heat [Wh].
    pub balancing_wh: f64,
    /// Charge that balancing took out of cells, put in less where it did [Ah].
    pub balancing_ah: f64,
    /// Heat that left to the air [Wh].
    pub to_air_wh: f64,
    /// Energy asked for and not given [Wh].
    pub unserved_wh: f64,
    /// Charges that ended full or at their target.
    pub charges: f64,
    /// Full equivalent cycles of cells that were replaced, less those that others had behind them when they came, over all cells.
    pub replaced_efc: f64,
    /// Age [d].
    pub age_days: f64,
}

/// Lowest, highest and the difference of something over the cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Lowest.
    pub min: f64,
    /// Highest.
    pub max: f64,
}

impl Range {
    /// Of some values; of none, an empty range.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        values.fold(Self { min: f64::INFINITY, max: f64::NEG_INFINITY }, |range, v| Self {
            min: range.min.min(v),
            max: range.max.max(v),
        })
    }

    /// Highest less lowest.
    pub fn spread(self) -> f64 {
        self.max - self.min
    }
}

/// A pack of single cells.
#[derive(Debug, Clone)]
pub struct NetworkPack<B> {
    model: NetworkModel,
    bank: B,
    solver: Solver,
    heat: HeatState,
    balancer: Balancer,
    /// Current of each cell into the network, and what balancing takes from it on top [A].
    cell_a: Vec<f64>,
    drain_a: Vec<f64>,
    /// Both together: what the cell itself sees [A].
    seen_a: Vec<f64>,
    emf_v: Vec<f64>,
    ohm: Vec<f64>,
    /// Electromotive force as the network sees it, balancing taken off [V].
    net_emf_v: Vec<f64>,
    /// Currents at which the cells' tangents were taken [A].
    about_a: Vec<f64>,
    /// Voltages there [V].
    about_v: Vec<f64>,
    voltage_v: Vec<f64>,
    voltage_mean_v: Vec<f64>,
    heat_w: Vec<f64>,
    channel_v: Vec<f64>,
    channel_a: Vec<f64>,
    pack_a: f64,
    pack_v: f64,
    ledger: NetworkLedger,
}

impl<B: CellBank> NetworkPack<B> {
    /// A pack at rest; `place_k` is how much warmer each cell's place is.
    pub fn new(model: NetworkModel, bank: B, place_k: Vec<f64>, temperature_c: f64) -> Self {
        let count = bank.count();
        let zeros = || vec![0.0; count];
        let heat = HeatState::new(model.heat, model.wiring.layout.series as usize, place_k, temperature_c);
        let strings = model.wiring.arrangement == Arrangement::Strings;
        let channels = if strings { count } else { model.wiring.layout.series as usize };
        let mut pack = Self {
            solver: Solver::new(model.wiring),
            balancer: Balancer::new(model.balancing, channels),
            heat,
            cell_a: zeros(),
            drain_a: zeros(),
            seen_a: zeros(),
            emf_v: zeros(),
            ohm: zeros(),
            net_emf_v: zeros(),
            about_a: zeros(),
            about_v: zeros(),
            voltage_v: zeros(),
            voltage_mean_v: zeros(),
            heat_w: zeros(),
            channel_v: vec![0.0; channels],
            channel_a: vec![0.0; channels],
            pack_a: 0.0,
            pack_v: 0.0,
            ledger: NetworkLedger::default(),
            model,
            bank,
        };
        pack.show_open();
        pack
    }

    /// What does not change.
    pub fn model(&self) -> &NetworkModel {
        &self.model
    }

    /// The cells.
    pub fn bank(&self) -> &B {
        &self.bank
    }

    /// The cells, to change them between steps; [`NetworkPack::show_open`] then brings voltages up to date.
    pub fn bank_mut(&mut self) -> &mut B {
        &mut self.bank
    }

    /// The joints, to change a contact between steps.
    pub fn solver_mut(&mut self) -> &mut Solver {
        &mut self.solver
    }

    /// Temperatures.
    pub fn heat(&self) -> &HeatState {
        &self.heat
    }

    /// Temperatures, for a cell that is replaced.
    pub fn heat_mut(&mut self) -> &mut HeatState {
        &mut self.heat
    }

    /// Sums.
    pub fn ledger(&self) -> &NetworkLedger {
        &self.ledger
    }

    /// Sums, to count what a duty knows.
    pub(super) fn ledger_mut(&mut self) -> &mut NetworkLedger {
        &mut self.ledger
    }

    /// Whether balancing currents flow.
    pub fn is_balancing(&self) -> bool {
        self.balancer.is_active()
    }

    /// Current of each cell into the network at the last step [A]; cells are numbered as in [`super::wiring`].
    pub fn cell_currents_a(&self) -> &[f64] {
        &self.cell_a
    }

    /// Terminal voltage of each cell at the end of the last step [V].
    pub fn cell_voltages_v(&self) -> &[f64] {
        &self.voltage_v
    }

    /// Current of the pack at the last step [A].
    pub fn current_a(&self) -> f64 {
        self.pack_a
    }

    /// Terminal voltage of the pack at the end of the last step [V].
    pub fn voltage_v(&self) -> f64 {
        self.pack_v
    }

    /// Difference between the highest and the lowest current of cells that are in parallel, the largest of all
    /// groups [A].
    pub fn current_spread_a(&self) -> f64 {
        let series = self.model.wiring.layout.series as usize;
        let of_group =
            |group: usize| Range::of(self.cell_a.iter().skip(group).step_by(series).copied()).spread();
        (0..series).map(of_group).fold(0.0, f64::max)
    }

    /// What can be taken out until the first channel is empty, and put in until the first is full [Ah].
    pub fn usable_ah(&self) -> (f64, f64) {
        let (soc, capacity_ah) = (self.bank.soc(), self.bank.capacity_ah());
        let left = |cell: usize| soc[cell] * capacity_ah[cell];
        let missing = |cell: usize| (1.0 - soc[cell]) * capacity_ah[cell];
        (self.weakest(left), self.weakest(missing))
    }

    /// State of charge of the pack: what can be taken out, over what can be taken out and put in.
    pub fn soc(&self) -> f64 {
        let (left_ah, missing_ah) = self.usable_ah();
        let whole_ah = left_ah + missing_ah;
        if whole_ah > 0.0 { left_ah / whole_ah } else { 0.0 }
    }

    /// Capacity that the pack would have with its cells balanced [Ah].
    pub fn capacity_ah(&self) -> f64 {
        let capacity_ah = self.bank.capacity_ah();
        self.weakest(|cell| capacity_ah[cell])
    }

    /// Health of the pack: capacity of the weakest channel and mean resistance of all cells, relative to new,
    /// by what a cell's health is said to be.
    pub fn health(&self, of_cell: impl Fn(usize) -> Health) -> Health {
        let cells: Vec<Health> = (0..self.bank.count()).map(of_cell).collect();
        let parallel = f64::from(self.model.wiring.layout.parallel);
        let capacity = self.weakest(|cell| cells[cell].capacity) / parallel;
        let resistance = cells.iter().map(|h| h.resistance).sum::<f64>() / cells.len() as f64;
        Health { capacity, resistance }
    }

    /// Sum over what is in parallel of the least of what is in series, or the other way round, by how cells are
    /// joined.
    fn weakest(&self, of_cell: impl Fn(usize) -> f64) -> f64 {
        let layout = self.model.wiring.layout;
        let (series, parallel) = (layout.series as usize, layout.parallel as usize);
        let cell = |position: usize, group: usize| of_cell(position * series + group);
        if self.model.wiring.arrangement == Arrangement::Strings {
            let string =
                |position: usize| (0..series).map(|g| cell(position, g)).fold(f64::INFINITY, f64::min);
            (0..parallel).map(string).sum()
        } else {
            let group = |group: usize| (0..parallel).map(|position| cell(position, group)).sum::<f64>();
            (0..series).map(group).fold(f64::INFINITY, f64::min)
        }
    }

    /// Brings the voltages that are shown up to date without letting time pass, with no current from the pack.
    pub fn show_open(&mut self) {
        let count = self.bank.count();
        self.drain_a.fill(0.0);
        self.seen_a[..count].fill(0.0);
        // A step too short to move anything, for voltages as they are.
        self.bank.begin(1e-9, self.heat.cells_c(), &self.seen_a);
        self.bank.linearise(&self.seen_a, Lines { emf_v: &mut self.emf_v, resistance_ohm: &mut self.ohm });
        let line = self.solver.solve(&self.emf_v, &self.ohm);
        self.solver.currents_into(0.0, &mut self.cell_a);
        for cell in 0..count {
            self.voltage_v[cell] = self.emf_v[cell] - self.ohm[cell] * self.cell_a[cell];
        }
        self.pack_a = 0.0;
        self.pack_v = line.emf_v;
    }

    /// Takes a step in air of `air_c`.
    pub fn step(&mut self, demand: Demand, dt_s: f64, air_c: f64) -> Step {
        self.balance();
        let expected_a = self.expected(demand);
        let change_a = (expected_a - self.pack_a) / f64::from(self.model.wiring.layout.parallel);
        for cell in 0..self.seen_a.len() {
            self.seen_a[cell] = self.cell_a[cell] + change_a + self.drain_a[cell];
        }
        self.bank.begin(dt_s, self.heat.cells_c(), &self.seen_a);
        let mut step = self.solve(demand);
        step.dt_s = dt_s;
        self.bank.advance(
            &self.seen_a,
            Taken { voltage_mean_v: &mut self.voltage_mean_v, heat_w: &mut self.heat_w },
        );
        self.book(&mut step, air_c);
        step
    }

    /// Decides what balancing takes from each cell.
    fn balance(&mut self) {
        if !self.balancer.exists() {
            return;
        }
        let layout = self.model.wiring.layout;
        let (series, parallel) = (layout.series as usize, layout.parallel as usize);
        let by_group = self.channel_v.len() == series;
        if by_group {
            self.channel_v.fill(0.0);
            for cells in self.voltage_v.chunks_exact(series) {
                self.channel_v.iter_mut().zip(cells).for_each(|(sum, v)| *sum += v);
            }
            self.channel_v.iter_mut().for_each(|v| *v /= parallel as f64);
        } else {
            self.channel_v.copy_from_slice(&self.voltage_v);
        }
        self.balancer.decide(&self.channel_v, self.pack_a > 0.0, &mut self.channel_a);
        if by_group {
            let share = 1.0 / parallel as f64;
            for cells in self.drain_a.chunks_exact_mut(series) {
                cells.iter_mut().zip(&self.channel_a).for_each(|(drain_a, a)| *drain_a = a * share);
            }
        } else {
            self.drain_a.copy_from_slice(&self.channel_a);
        }
    }

    /// Roughly the current that the step will have, from the last one [A].
    fn expected(&self, demand: Demand) -> f64 {
        let volts = self.pack_v.abs().max(0.1);
        let expected_a = match demand {
            Demand::Current(current_a) => current_a,
            Demand::Power(power_w) => power_w / volts,
            Demand::Charge { power_max_w, current_max_a } => {
                let wanted_a = -current_max_a.min(power_max_w / volts);
                if self.pack_a < 0.0 { wanted_a.max(self.pack_a) } else { wanted_a }
            }
            Demand::Voltage { .. } => self.pack_a,
        };
        let parallel = f64::from(self.model.wiring.layout.parallel);
        let limits = &self.model.limits;
        expected_a.clamp(-parallel * limits.charge_max_a, parallel * limits.discharge_max_a)
    }

    /// Solves network and cells together: tangents, currents, tangents there, until they agree.
    ///
    /// As cells' curves fall with the current and joints have resistance, the currents sought are the minimum of a convex
    /// function, and Newton's step leads down it. Across kinks it can lead too far, to and fro for ever; where the slope
    /// at its end points back, the step is cut to where the slope along it vanishes.
    fn solve(&mut self, demand: Demand) -> Step {
        let exact_v = self.bank.exact_v();
        self.about_a.copy_from_slice(&self.seen_a);
        self.bank.linearise(&self.seen_a, Lines { emf_v: &mut self.emf_v, resistance_ohm: &mut self.ohm });
        let mut step = Step {
            dt_s: 0.0,
            current_a: 0.0,
            wanted_a: 0.0,
            voltage_v: 0.0,
            power_w: 0.0,
            held: false,
            blocked: false,
            solutions: 0,
            unmet_v: f64::INFINITY,
        };
        loop {
            let known = self.net_emf_v.iter_mut().zip(&self.emf_v).zip(self.ohm.iter().zip(&self.drain_a));
            known.for_each(|((net, emf), (ohm, drain_a))| *net = emf - ohm * drain_a);
            let line = self.solver.solve(&self.net_emf_v, &self.ohm);
            step.wanted_a = wanted_a(demand, line);
            self.limit(&mut step, demand);
            self.solver.currents_into(step.current_a, &mut self.cell_a);
            // Fall of energy along the step, as far as cells tell: joints make it greater.
            let mut fall_w = 0.0;
            for cell in 0..self.seen_a.len() {
                let to_a = self.cell_a[cell] + self.drain_a[cell];
                let further_a = to_a - self.about_a[cell];
                fall_w += self.ohm[cell] * further_a * further_a;
                self.seen_a[cell] = to_a;
                self.voltage_v[cell] = self.emf_v[cell] - self.ohm[cell] * to_a;
                self.about_v[cell] = self.emf_v[cell] - self.ohm[cell] * self.about_a[cell];
            }
            step.voltage_v = line.emf_v - line.resistance_ohm * step.current_a;
            step.solutions += 1;
            self.bank
                .linearise(&self.seen_a, Lines { emf_v: &mut self.emf_v, resistance_ohm: &mut self.ohm });
            let (mut off_v, mut back_w): (f64, f64) = (0.0, 0.0);
            for cell in 0..self.seen_a.len() {
                let on_curve = self.emf_v[cell] - self.ohm[cell] * self.seen_a[cell];
                let above_v = on_curve - self.voltage_v[cell];
                off_v = off_v.max(above_v.abs());
                back_w -= above_v * (self.seen_a[cell] - self.about_a[cell]);
            }
            step.unmet_v = off_v;
            if off_v <= exact_v || step.solutions >= NEWTON_MAX {
                return step;
            }
            if back_w > BACK_MAX * fall_w {
                self.cut_back(fall_w, back_w);
            } else {
                self.about_a.copy_from_slice(&self.seen_a);
            }
        }
    }

    /// Takes tangents where the slope along the step that was taken last vanishes: between its beginning, where it is
    /// `−fall_w`, and its end, where it is `back_w`. Regula falsi with the Illinois rule.
    fn cut_back(&mut self, fall_w: f64, back_w: f64) {
        let begun_a = self.about_a.clone();
        let (mut low, mut high) = ((0.0, -fall_w), (1.0, back_w));
        let mut side = 0;
        for _ in 0..40 {
            let width = high.0 - low.0;
            let share = (low.1 / (low.1 - high.1)).clamp(0.02, 0.98);
            let at: f64 = low.0 + width * share;
            for ((about_a, begun_a), seen_a) in self.about_a.iter_mut().zip(&begun_a).zip(&self.seen_a) {
                *about_a = begun_a + at * (seen_a - begun_a);
            }
            let lines = Lines { emf_v: &mut self.emf_v, resistance_ohm: &mut self.ohm };
            self.bank.linearise(&self.about_a, lines);
            let mut slope_w = -(1.0 - at) * fall_w;
            for (cell, begun_a) in begun_a.iter().enumerate() {
                let on_line = self.about_v[cell] + at * (self.voltage_v[cell] - self.about_v[cell]);
                let on_curve = self.emf_v[cell] - self.ohm[cell] * self.about_a[cell];
                slope_w -= (on_curve - on_line) * (self.seen_a[cell] - begun_a);
            }
            if slope_w.abs() <= BACK_MAX * fall_w || width < 1e-9 {
                return;
            }
            if slope_w < 0.0 {
                low = (at, slope_w);
                if side == -1 {
                    high.1 *= 0.5;
                }
                side = -1;
            } else {
                high = (at, slope_w);
                if side == 1 {
                    low.1 *= 0.5;
                }
                side = 1;
            }
        }
    }

    /// The wanted current within every cell's limits.
    fn limit(&self, step: &mut Step, demand: Demand) {
        let limits = &self.model.limits;
        let parallel = f64::from(self.model.wiring.layout.parallel);
        (step.current_a, step.held, step.blocked) = (step.wanted_a, false, false);
        if step.wanted_a == 0.0 || demand == Demand::Current(0.0) {
            return;
        }
        let discharging = step.wanted_a > 0.0;
        let (allowed_c, most_a, limit_v) = if discharging {
            (limits.discharge_temperature_c, limits.discharge_max_a, limits.voltage_min_v)
        } else {
            (limits.charge_temperature_c, limits.charge_max_a, limits.voltage_max_v)
        };
        let mut inside_k = f64::INFINITY;
        for t in self.heat.cells_c() {
            inside_k = inside_k.min((t - allowed_c[0]).min(allowed_c[1] - t));
        }
        let derating = (inside_k / limits.derating_k).clamp(0.0, 1.0);
        if derating == 0.0 {
            (step.current_a, step.blocked) = (0.0, true);
            return;
        }
        let most_a = parallel * most_a * derating;
        let sign = if discharging { 1.0 } else { -1.0 };
        let mut bound_a = step.wanted_a.abs().min(most_a);
        for cell in 0..self.ohm.len() {
            let (open_a, share) = self.solver.affine(cell);
            let ohm = self.ohm[cell];
            let room_v = sign * (self.net_emf_v[cell] - ohm * open_a - limit_v);
            // Without a division for all the cells that have room enough.
            if room_v < ohm * share * bound_a && share > 1e-9 {
                bound_a = (room_v / (ohm * share)).max(0.0);
                step.held = true;
            }
        }
        step.current_a = sign * bound_a;
    }

    /// Books a step that the cells have taken, and lets its heat flow.
    fn book(&mut self, step: &mut Step, air_c: f64) {
        let hours = step.dt_s / 3600.0;
        let (mut cells_w, mut ends_w, mut mean_over_end_v, mut balancing_w) = (0.0, 0.0, 0.0, 0.0);
        for cell in 0..self.cell_a.len() {
            let (current_a, mean_v) = (self.cell_a[cell], self.voltage_mean_v[cell]);
            cells_w += current_a * mean_v;
            ends_w += current_a * self.voltage_v[cell];
            mean_over_end_v += mean_v - self.voltage_v[cell];
            balancing_w += self.drain_a[cell] * mean_v;
        }
        mean_over_end_v /= f64::from(self.model.wiring.layout.parallel);
        let interconnect_w = self.solver.loss_w(step.current_a, &self.cell_a);
        step.power_w = step.current_a * (step.voltage_v + mean_over_end_v);
        let ledger = &mut self.ledger;
        if step.current_a > 0.0 {
            ledger.discharged_ah += step.current_a * hours;
        } else {
            ledger.charged_ah -= step.current_a * hours;
        }
        if step.power_w > 0.0 {
            ledger.energy_out_wh += step.power_w * hours;
        } else {
            ledger.energy_in_wh -= step.power_w * hours;
        }
        ledger.cells_wh += cells_w * hours;
        ledger.interconnect_wh += interconnect_w * hours;
        ledger.unresolved_wh += (cells_w - ends_w - step.current_a * mean_over_end_v) * hours;
        ledger.balancing_wh += balancing_w * hours;
        ledger.balancing_ah += self.drain_a.iter().sum::<f64>() * hours;
        ledger.age_days += step.dt_s / 86_400.0;
        self.heat.step(step.dt_s, &self.heat_w, interconnect_w + balancing_w, air_c);
        self.ledger.to_air_wh += self.heat.to_air_w(air_c) * hours;
        (self.pack_a, self.pack_v) = (step.current_a, step.voltage_v);
    }
}

/// The current that a demand comes to on the pack's line, without limits [A].
///
/// For a power, `I = (E − √(E² − 4·R·P))/2R`, or half the short-circuit current where there is no such power.
fn wanted_a(demand: Demand, line: Line) -> f64 {
    let for_power = |power_w: f64| {
        let root = (line.emf_v * line.emf_v - 4.0 * line.resistance_ohm * power_w).max(0.0).sqrt();
        // The form without a difference of near equals.
        if line.emf_v + root > 0.0 && root > 0.0 {
            2.0 * power_w / (line.emf_v + root)
        } else {
            0.5 * line.emf_v / line.resistance_ohm
        }
    };
    match demand {
        Demand::Current(current_a) => current_a,
        Demand::Power(power_w) => for_power(power_w),
        Demand::Charge { power_max_w, current_max_a } => (-current_max_a).max(for_power(-power_max_w)),
        Demand::Voltage { voltage_v, charge_max_a } => {
            ((line.emf_v - voltage_v) / line.resistance_ohm).max(-charge_max_a)
        }
    }
}
