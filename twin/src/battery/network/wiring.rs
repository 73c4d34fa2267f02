//! How the cells of a pack are joined, and the exact solution of the joined circuit.
//!
//! Cells are numbered `position · series + group`: `position` counts along the busbars from the negative terminal's
//! end, `group` counts in series from the negative terminal. Three arrangements:
//!
//! ```text
//! Groups       each group between two bars of its own,    (p ladders, the pack current through each)
//!              groups joined by a strap at the bars' ends
//! SharedBars   neighbouring groups share a bar            (one mesh)
//! Strings      p strings of s cells between two bars      (one ladder of strings)
//! ```
//!
//! With `P_j` the sum of the cell currents of a group up to position j, `r_j` a cell's resistance and contact, `E_j`
//! its electromotive force and `b` a bar's segment, Kirchhoff's voltage law around the loop between positions j and
//! j+1 is
//!
//! ```text
//! −r_j·P_{j−1} + (r_j + r_{j+1} + 2b)·P_j − r_{j+1}·P_{j+1} = E_j − E_{j+1} + a·I          P_{p−1} = I
//! ```
//!
//! with a = 2b for terminals at the same end and a = b at opposite ends; the current law holds by the choice of
//! unknowns. Where bars are shared, the loops above and below come in with −b each, and a bar's own terminal with
//! `+b·I`. The matrix is symmetric and positive definite also for b = 0. A ladder is tridiagonal and solved in
//! p steps, for all groups side by side; the mesh is banded with the smaller of p − 1 and s.
//!
//! All currents are affine in the pack's: `I_cell = open + share·I`, and so is the pack's voltage. What the pack is
//! asked for (current, power, voltage) and every cell's limits are decided on that line.
//!
//! Source: Kirchhoff's laws; the arrangements are those of liionpack's netlists (Tranter et al. 2022,
//! doi 10.21105/joss.04051), which call SharedBars "series-groups" and Strings "parallel-strings".

use crate::battery::pack::Layout;

/// Which cells share a busbar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Arrangement {
    /// Each parallel group has two bars of its own, and a strap joins it to the next.
    #[default]
    Groups,
    /// Neighbouring groups share a bar along its whole length.
    SharedBars,
    /// Strings of cells in series are joined at their ends only.
    Strings,
}

/// Where the pack's (and each group's) two terminals are along the busbars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Terminals {
    /// Both at the first position.
    SameSide,
    /// Negative at the first position, positive at the last.
    #[default]
    OppositeEnds,
}

/// The joints of a pack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wiring {
    /// Series and parallel.
    pub layout: Layout,
    /// Which cells share a busbar.
    pub arrangement: Arrangement,
    /// Where the terminals are.
    pub terminals: Terminals,
    /// One busbar segment between neighbouring positions [Ω].
    pub busbar_ohm: f64,
    /// Contact of one cell, both ends together [Ω].
    pub contact_ohm: f64,
    /// Terminals and cables of the pack together [Ω].
    pub terminal_ohm: f64,
}

impl Wiring {
    /// Joints without any resistance.
    pub fn ideal(layout: Layout) -> Self {
        Self {
            layout,
            arrangement: Arrangement::default(),
            terminals: Terminals::default(),
            busbar_ohm: 0.0,
            contact_ohm: 0.0,
            terminal_ohm: 0.0,
        }
    }

    /// Number of cells.
    pub fn cells(&self) -> usize {
        self.layout.series as usize * self.layout.parallel as usize
    }

    /// Number of a cell.
    pub fn cell(&self, position: usize, group: usize) -> usize {
        position * self.layout.series as usize + group
    }
}

/// A straight line of voltage over current: `V = emf − resistance·I`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Voltage without current [V].
    pub emf_v: f64,
    /// Fall of voltage with current [Ω].
    pub resistance_ohm: f64,
}

/// Solves the circuit; keeps its working space from step to step.
#[derive(Debug, Clone)]
pub struct Solver {
    wiring: Wiring,
    /// Contact of every cell [Ω].
    contact_ohm: Vec<f64>,
    /// Ladders side by side: groups, or one of strings.
    lanes: usize,
    /// Rungs of a ladder.
    columns: usize,
    /// Electromotive force and resistance of each rung, by column and lane.
    emf_v: Vec<f64>,
    ohm: Vec<f64>,
    /// Sums of rung currents up to each column: without pack current, and per ampere of it.
    sum_open_a: Vec<f64>,
    sum_share: Vec<f64>,
    ratio: Vec<f64>,
    band: Vec<f64>,
    /// Rung currents without pack current, and per ampere of it.
    open_a: Vec<f64>,
    share: Vec<f64>,
}

impl Solver {
    /// A solver for a pack's joints.
    pub fn new(wiring: Wiring) -> Self {
        let (series, parallel) = (wiring.layout.series as usize, wiring.layout.parallel as usize);
        let lanes = if wiring.arrangement == Arrangement::Strings { 1 } else { series };
        let rungs = lanes * parallel;
        Self {
            contact_ohm: vec![wiring.contact_ohm; wiring.cells()],
            lanes,
            columns: parallel,
            emf_v: vec![0.0; rungs],
            ohm: vec![0.0; rungs],
            sum_open_a: vec![0.0; rungs],
            sum_share: vec![0.0; rungs],
            ratio: vec![0.0; rungs],
            band: Vec::new(),
            open_a: vec![0.0; rungs],
            share: vec![1.0; rungs],
            wiring,
        }
    }

    /// The joints.
    pub fn wiring(&self) -> &Wiring {
        &self.wiring
    }

    /// Gives one cell's contact another resistance: a weld that came loose, or one that was done again.
    pub fn set_contact_ohm(&mut self, cell: usize, contact_ohm: f64) {
        self.contact_ohm[cell] = contact_ohm;
    }

    /// Solves for cells whose voltages are straight lines; returns the pack's line.
    pub fn solve(&mut self, emf_v: &[f64], resistance_ohm: &[f64]) -> Line {
        self.gather(emf_v, resistance_ohm);
        if self.columns > 1 {
            match self.wiring.arrangement {
                Arrangement::SharedBars if self.lanes > 1 => self.solve_mesh(),
                _ => self.solve_ladders(),
            }
        }
        self.spread_out();
        self.pack_line()
    }

    /// Currents of all cells at a pack current.
    pub fn currents_into(&self, pack_a: f64, current_a: &mut [f64]) {
        let rung = |r: usize| self.open_a[r] + self.share[r] * pack_a;
        if self.lanes == self.wiring.layout.series as usize {
            current_a.iter_mut().enumerate().for_each(|(cell, current_a)| *current_a = rung(cell));
        } else {
            let series = self.wiring.layout.series as usize;
            for (column, cells) in current_a.chunks_exact_mut(series).enumerate() {
                cells.fill(rung(column));
            }
        }
    }

    /// Current of a cell without pack current, and per ampere of it.
    #[inline]
    pub fn affine(&self, cell: usize) -> (f64, f64) {
        let rung = if self.lanes == 1 { cell / self.wiring.layout.series as usize } else { cell };
        (self.open_a[rung], self.share[rung])
    }

    /// Heat in contacts, bars and terminals at a pack current and the cells' currents [W].
    pub fn loss_w(&self, pack_a: f64, current_a: &[f64]) -> f64 {
        let wiring = &self.wiring;
        let contacts: f64 =
            self.contact_ohm.iter().zip(current_a).map(|(ohm, current_a)| ohm * current_a * current_a).sum();
        let same_side = wiring.terminals == Terminals::SameSide;
        let shared = wiring.arrangement == Arrangement::SharedBars;
        let mut squares = 0.0;
        for column in 0..self.columns - 1 {
            let sum = |lane: usize| {
                let at = column * self.lanes + lane;
                self.sum_open_a[at] + self.sum_share[at] * pack_a
            };
            for lane in 0..self.lanes {
                let below_a = sum(lane);
                // The bar on the negative side, then the one on the positive side.
                let negative_a = if shared && lane > 0 { sum(lane - 1) } else { pack_a } - below_a;
                squares += negative_a * negative_a;
                if !shared || lane == self.lanes - 1 {
                    let positive_a = if same_side { below_a - pack_a } else { below_a };
                    squares += positive_a * positive_a;
                }
            }
        }
        contacts + wiring.busbar_ohm * squares + wiring.terminal_ohm * pack_a * pack_a
    }

    /// Rungs from cells: each its own, or all of a string in one.
    fn gather(&mut self, emf_v: &[f64], resistance_ohm: &[f64]) {
        let series = self.wiring.layout.series as usize;
        if self.lanes == series {
            self.emf_v.copy_from_slice(emf_v);
            let resistances = resistance_ohm.iter().zip(&self.contact_ohm);
            self.ohm.iter_mut().zip(resistances).for_each(|(rung, (cell, contact))| *rung = cell + contact);
        } else {
            for column in 0..self.columns {
                let cells = column * series..(column + 1) * series;
                self.emf_v[column] = emf_v[cells.clone()].iter().sum();
                self.ohm[column] = resistance_ohm[cells.clone()].iter().sum::<f64>()
                    + self.contact_ohm[cells].iter().sum::<f64>();
            }
        }
    }

    /// Right-hand side per ampere of pack current, but for the last column's [Ω].
    fn pack_term_ohm(&self, lane: usize) -> f64 {
        let bar = self.wiring.busbar_ohm;
        let shared = self.wiring.arrangement == Arrangement::SharedBars;
        let negative = if shared && lane > 0 { 0.0 } else { bar };
        let at_positive = !shared || lane == self.lanes - 1;
        let same_side = self.wiring.terminals == Terminals::SameSide;
        negative + if at_positive && same_side { bar } else { 0.0 }
    }

    /// Thomas's elimination, all lanes side by side.
    fn solve_ladders(&mut self) {
        let (lanes, loops) = (self.lanes, self.columns - 1);
        let twice_bar = 2.0 * self.wiring.busbar_ohm;
        let pack_term = self.pack_term_ohm(0);
        for column in 0..loops {
            let here = column * lanes;
            let (known, rest) = self.ratio.split_at_mut(here);
            let ratio = &mut rest[..lanes];
            let (open_known, open_rest) = self.sum_open_a.split_at_mut(here);
            let open = &mut open_rest[..lanes];
            let (share_known, share_rest) = self.sum_share.split_at_mut(here);
            let share = &mut share_rest[..lanes];
            let ohm = &self.ohm[here..here + 2 * lanes];
            let emf = &self.emf_v[here..here + 2 * lanes];
            let last = if column + 1 == loops { 1.0 } else { 0.0 };
            let (ohm, ohm_next) = ohm.split_at(lanes);
            let (emf, emf_next) = emf.split_at(lanes);
            if column == 0 {
                for lane in 0..lanes {
                    let pivot = 1.0 / (ohm[lane] + ohm_next[lane] + twice_bar);
                    ratio[lane] = ohm_next[lane] * pivot;
                    open[lane] = (emf[lane] - emf_next[lane]) * pivot;
                    share[lane] = (pack_term + last * ohm_next[lane]) * pivot;
                }
            } else {
                let before = here - lanes;
                let (known, open_known, share_known) =
                    (&known[before..], &open_known[before..], &share_known[before..]);
                for lane in 0..lanes {
                    let pivot = 1.0 / (ohm[lane] * (1.0 - known[lane]) + ohm_next[lane] + twice_bar);
                    ratio[lane] = ohm_next[lane] * pivot;
                    open[lane] = (emf[lane] - emf_next[lane] + ohm[lane] * open_known[lane]) * pivot;
                    share[lane] = (pack_term + last * ohm_next[lane] + ohm[lane] * share_known[lane]) * pivot;
                }
            }
        }
        for at in (0..(loops - 1) * lanes).rev() {
            self.sum_open_a[at] += self.ratio[at] * self.sum_open_a[at + lanes];
            self.sum_share[at] += self.ratio[at] * self.sum_share[at + lanes];
        }
    }

    /// Banded elimination of the mesh, ordered along the shorter side.
    fn solve_mesh(&mut self) {
        let (lanes, loops) = (self.lanes, self.columns - 1);
        let by_column = lanes <= loops;
        let width = lanes.min(loops);
        let count = lanes * loops;
        let bar = self.wiring.busbar_ohm;
        let place = |column: usize, lane: usize| {
            if by_column { column * lanes + lane } else { lane * loops + column }
        };
        let stride = width + 1;
        self.band.clear();
        self.band.resize(count * (stride + 2), 0.0);
        let (band, right) = self.band.split_at_mut(count * stride);
        for column in 0..loops {
            for lane in 0..lanes {
                let rung = column * lanes + lane;
                let at = place(column, lane);
                band[at * stride] = self.ohm[rung] + self.ohm[rung + lanes] + 2.0 * bar;
                if column + 1 < loops {
                    band[at * stride + place(column + 1, lane) - at] -= self.ohm[rung + lanes];
                }
                if lane + 1 < lanes {
                    band[at * stride + place(column, lane + 1) - at] -= bar;
                }
                right[2 * at] = self.emf_v[rung] - self.emf_v[rung + lanes];
                let shared = &self.wiring;
                let negative = if lane == 0 { bar } else { 0.0 };
                let same_side = shared.terminals == Terminals::SameSide && lane == lanes - 1;
                let last = if column + 1 == loops { self.ohm[rung + lanes] } else { 0.0 };
                right[2 * at + 1] = negative + if same_side { bar } else { 0.0 } + last;
            }
        }
        // Upper rows of the band are eliminated downwards; the matrix is definite and needs no pivoting.
        for pivot in 0..count {
            let reach = width.min(count - 1 - pivot);
            let (upper, lower) = band.split_at_mut((pivot + 1) * stride);
            let row = &upper[pivot * stride..];
            let inverse = 1.0 / row[0];
            let (open, share) = (right[2 * pivot], right[2 * pivot + 1]);
            for below in 1..=reach {
                let factor = row[below] * inverse;
                if factor != 0.0 {
                    let target = &mut lower[(below - 1) * stride..][..stride - below];
                    target.iter_mut().zip(&row[below..]).for_each(|(t, r)| *t -= factor * r);
                    right[2 * (pivot + below)] -= factor * open;
                    right[2 * (pivot + below) + 1] -= factor * share;
                }
            }
        }
        for at in (0..count).rev() {
            let reach = width.min(count - 1 - at);
            let row = &band[at * stride..][..=reach];
            let (mut open, mut share) = (right[2 * at], right[2 * at + 1]);
            for below in 1..=reach {
                open -= row[below] * right[2 * (at + below)];
                share -= row[below] * right[2 * (at + below) + 1];
            }
            right[2 * at] = open / row[0];
            right[2 * at + 1] = share / row[0];
        }
        for column in 0..loops {
            for lane in 0..lanes {
                let at = place(column, lane);
                self.sum_open_a[column * lanes + lane] = right[2 * at];
                self.sum_share[column * lanes + lane] = right[2 * at + 1];
            }
        }
    }

    /// Rung currents from their sums.
    fn spread_out(&mut self) {
        let (lanes, rungs) = (self.lanes, self.lanes * self.columns);
        let last = rungs - lanes;
        self.sum_open_a[last..].fill(0.0);
        self.sum_share[last..].fill(1.0);
        self.open_a[..lanes].copy_from_slice(&self.sum_open_a[..lanes]);
        self.share[..lanes].copy_from_slice(&self.sum_share[..lanes]);
        for at in lanes..rungs {
            self.open_a[at] = self.sum_open_a[at] - self.sum_open_a[at - lanes];
            self.share[at] = self.sum_share[at] - self.sum_share[at - lanes];
        }
    }

    /// The pack's line: up the rungs of the first column, and along the bars where the terminals are apart.
    fn pack_line(&self) -> Line {
        let (mut emf_v, mut resistance_ohm) = (0.0, self.wiring.terminal_ohm);
        for lane in 0..self.lanes {
            emf_v += self.emf_v[lane] - self.ohm[lane] * self.open_a[lane];
            resistance_ohm += self.ohm[lane] * self.share[lane];
        }
        if self.wiring.terminals == Terminals::OppositeEnds {
            let shared = self.wiring.arrangement == Arrangement::SharedBars;
            let lanes = if shared { self.lanes - 1..self.lanes } else { 0..self.lanes };
            for column in 0..self.columns - 1 {
                for at in lanes.clone().map(|lane| column * self.lanes + lane) {
                    emf_v -= self.wiring.busbar_ohm * self.sum_open_a[at];
                    resistance_ohm += self.wiring.busbar_ohm * self.sum_share[at];
                }
            }
        }
        Line { emf_v, resistance_ohm }
    }
}
