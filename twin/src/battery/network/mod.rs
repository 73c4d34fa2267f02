//! Detailed packs: every cell on its own, joined by busbars and contacts, solved exactly each step.
//!
//! Where [`super::pack`] carries one mean cell and infers the others, a [`pack::NetworkPack`] carries them all: their
//! currents follow from their voltages and from where they sit, they warm and age apart, balancing acts on them, and
//! single ones can be replaced. A year of it costs what a thousand years of the mean cell cost.
//!
//! ```text
//! CellBank (all cells, as arrays) ── voltage line of each cell at the step's end ──► wiring::Solver
//!     ▲                                                                                  │ cell currents = open + share·I
//!     └──────── advance ◄── pack current I, from what is asked and every cell's limits ◄─┘
//! ```
//!
//! The solution holds at the end of a step, with currents constant over it: implicit, so steps may be long.
//! See `docs/models/network.md`.

pub mod balance;
pub mod bank;
pub mod circuits;
pub mod duty;
pub mod heat;
pub mod pack;
pub mod particles;
pub mod scatter;
pub mod twin;
pub mod wear;
pub mod wiring;

use crate::battery::life::Health;

/// All cells of a pack, stepped together. Cells are arrays here, so that ten thousand are one call.
///
/// A step is [`begin`](Self::begin), then [`linearise`](Self::linearise) as often as the network asks, then
/// [`advance`](Self::advance). Currents are positive discharging and constant over the step.
pub trait CellBank: Clone {
    /// Number of cells.
    fn count(&self) -> usize;

    /// Makes ready for a step: its length, the cells' temperatures, and the currents to expect, about which slowly
    /// varying parameters may be taken.
    fn begin(&mut self, dt_s: f64, temperature_c: &[f64], expected_a: &[f64]);

    /// Tangents of the cells' voltages at the end of the step, as functions of the step's currents, at `about_a`.
    fn linearise(&mut self, about_a: &[f64], lines: Lines<'_>);

    /// Takes the step, at the currents that tangents were last asked for.
    fn advance(&mut self, current_a: &[f64], taken: Taken<'_>);

    /// From now on the load fluctuates faster than the steps: mean square of the current's deviation over the square
    /// of its mean. Banks that cannot tell its loss apart take the mean alone.
    fn set_ripple(&mut self, _ripple: f64) {}

    /// Voltage to which a cell's tangent has to meet its curve [V]: what its curve is known to.
    fn exact_v(&self) -> f64 {
        1e-9
    }

    /// State of charge of each cell.
    fn soc(&self) -> &[f64];

    /// Present capacity of each cell [Ah].
    fn capacity_ah(&self) -> &[f64];

    /// Health of a cell, relative to a new one of its rating.
    fn health(&self, cell: usize) -> Health;

    /// Charge stored per charge put in.
    fn coulombic_efficiency(&self) -> f64 {
        1.0
    }

    /// What the cells lost and gave off since the start.
    fn sums(&self) -> BankSums;
}

/// Where the tangents of a bank's voltages go: `V = emf − resistance·I` for each cell.
#[derive(Debug)]
pub struct Lines<'a> {
    /// Voltage at which the tangent meets no current [V].
    pub emf_v: &'a mut [f64],
    /// Fall of voltage with current, positive [Ω].
    pub resistance_ohm: &'a mut [f64],
}

/// Where a step's outcome goes.
#[derive(Debug)]
pub struct Taken<'a> {
    /// Terminal voltage of each cell, mean over the step [V].
    pub voltage_mean_v: &'a mut [f64],
    /// Heat of each cell, mean over the step [W].
    pub heat_w: &'a mut [f64],
}

/// Sums over a bank's life, all cells together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BankSums {
    /// Irreversible heat, self-discharge included [Wh].
    pub losses_wh: f64,
    /// Reversible heat, positive when given off [Wh].
    pub reversible_wh: f64,
    /// Charge lost by self-discharge [Ah].
    pub leaked_ah: f64,
    /// Charge drawn by ripple of the load on top of its mean [Ah].
    pub ripple_ah: f64,
    /// Charge put in that was not stored [Ah].
    pub coulombic_loss_ah: f64,
    /// Stored charge that went with fading capacity [Ah].
    pub faded_ah: f64,
    /// Stored energy that went with fading capacity [Wh].
    pub faded_wh: f64,
    /// Cell-hours outside the temperatures that the life model was fitted on [h].
    pub outside_temperature_h: f64,
    /// Full equivalent cycles of cells outside the depths or rates that the life model was fitted on.
    pub outside_cycles_efc: f64,
    /// Cell-hours above 45 °C [h].
    pub hot_h: f64,
}

/// One cell that can be part of a network, whatever its voltage depends on: a particle model, for instance.
///
/// [`Each`] makes a bank of many.
pub trait NetworkCell: Clone {
    /// What its curve is known to [V].
    const EXACT_V: f64 = 1e-9;

    /// Makes ready for a step.
    fn begin(&mut self, dt_s: f64, temperature_c: f64, expected_a: f64);

    /// Voltage at the end of the step if `current_a` flowed over it, and its derivative.
    fn response(&mut self, current_a: f64) -> Response;

    /// Takes the step, at the current that the response was last asked for.
    fn advance(&mut self, current_a: f64) -> CellStep;

    /// State of charge.
    fn soc(&self) -> f64;

    /// Present capacity [Ah].
    fn capacity_ah(&self) -> f64;

    /// Health, relative to a new cell of the rating.
    fn health(&self) -> Health;
}

/// How a cell answers a current.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Response {
    /// Voltage at the end of the step [V].
    pub voltage_v: f64,
    /// −dV/dI there [Ω], positive.
    pub resistance_ohm: f64,
}

/// What a step of a cell came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CellStep {
    /// Mean terminal voltage [V].
    pub voltage_mean_v: f64,
    /// Mean heat, reversible included [W].
    pub heat_w: f64,
    /// Irreversible part of it [W].
    pub irreversible_w: f64,
}

/// A bank of cells that are stepped one by one.
#[derive(Debug, Clone)]
pub struct Each<C> {
    cells: Vec<C>,
    soc: Vec<f64>,
    capacity_ah: Vec<f64>,
    dt_s: f64,
    sums: BankSums,
}

impl<C: NetworkCell> Each<C> {
    /// A bank of these cells.
    pub fn new(cells: Vec<C>) -> Self {
        let soc = cells.iter().map(NetworkCell::soc).collect();
        let capacity_ah = cells.iter().map(NetworkCell::capacity_ah).collect();
        Self { cells, soc, capacity_ah, dt_s: 0.0, sums: BankSums::default() }
    }

    /// The cells.
    pub fn cells(&self) -> &[C] {
        &self.cells
    }

    /// Puts another cell in a place.
    pub fn replace(&mut self, cell: usize, with: C) {
        (self.soc[cell], self.capacity_ah[cell]) = (with.soc(), with.capacity_ah());
        self.cells[cell] = with;
    }
}

impl<C: NetworkCell> CellBank for Each<C> {
    fn count(&self) -> usize {
        self.cells.len()
    }

    fn begin(&mut self, dt_s: f64, temperature_c: &[f64], expected_a: &[f64]) {
        self.dt_s = dt_s;
        for (cell, (temperature_c, expected_a)) in
            self.cells.iter_mut().zip(temperature_c.iter().zip(expected_a))
        {
            cell.begin(dt_s, *temperature_c, *expected_a);
        }
    }

    fn linearise(&mut self, about_a: &[f64], lines: Lines<'_>) {
        let targets = lines.emf_v.iter_mut().zip(lines.resistance_ohm);
        for ((cell, current_a), (emf_v, resistance_ohm)) in self.cells.iter_mut().zip(about_a).zip(targets) {
            let at = cell.response(*current_a);
            *emf_v = at.voltage_v + at.resistance_ohm * current_a;
            *resistance_ohm = at.resistance_ohm;
        }
    }

    fn advance(&mut self, current_a: &[f64], taken: Taken<'_>) {
        let hours = self.dt_s / 3600.0;
        for (index, cell) in self.cells.iter_mut().enumerate() {
            let step = cell.advance(current_a[index]);
            taken.voltage_mean_v[index] = step.voltage_mean_v;
            taken.heat_w[index] = step.heat_w;
            self.sums.losses_wh += step.irreversible_w * hours;
            self.sums.reversible_wh += (step.heat_w - step.irreversible_w) * hours;
            self.soc[index] = cell.soc();
            self.capacity_ah[index] = cell.capacity_ah();
        }
    }

    fn exact_v(&self) -> f64 {
        C::EXACT_V
    }

    fn soc(&self) -> &[f64] {
        &self.soc
    }

    fn capacity_ah(&self) -> &[f64] {
        &self.capacity_ah
    }

    fn health(&self, cell: usize) -> Health {
        self.cells[cell].health()
    }

    fn sums(&self) -> BankSums {
        self.sums
    }
}
