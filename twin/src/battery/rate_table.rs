//! Rates as tables: formulas are exact but slow, and a twin looks at its calendar rates many times a day, all its life.
//!
//! A table keeps the logarithm of a positive rate on a grid and interpolates it linearly. The grid is even in
//! 1/T, where Arrhenius' law is a straight line, and gets finer towards an empty cell, where the anode potential
//! bends most. The measured error against the formulas stands in `docs/models/life.md`.

use super::life::{Axis, Law, LifeModel, ZERO_C_K, instant_stress};
use super::quick::{beginning_of_part, exp2_each, held_between, least, most, node_below, part_of_octave};
use super::sigmoid::sigmoid_step;

/// Temperatures that a table covers [°C]; outside, its edge holds.
pub const TABLE_TEMPERATURE_C: [f64; 2] = [-40.0, 90.0];

/// Intervals in 1/T.
const ROWS: usize = 128;

/// 1/T of the first row and its fall per row [1/K].
const COLDEST: f64 = 1.0 / (TABLE_TEMPERATURE_C[0] + ZERO_C_K);
const PER_ROW: f64 = (COLDEST - 1.0 / (TABLE_TEMPERATURE_C[1] + ZERO_C_K)) / ROWS as f64;

/// Along soc the grid runs over 1/64 + 63/64·soc, with 2^7 intervals in each of its six octaves: steps of about
/// 1/8000 of charge at empty and 1/250 at full.
const OCTAVE_BITS: u32 = 7;
const AT_EMPTY: f64 = 1.0 / 64.0;
const COLUMNS: usize = (6 << OCTAVE_BITS) + 1;

/// Logarithm that stands for a rate of zero.
const LOG2_ZERO: f64 = -1000.0;

/// Logarithm of a rate; what is negative or not a number counts as zero.
pub(super) fn log2_rate(rate: f64) -> f64 {
    if rate > 0.0 && rate.is_finite() { rate.log2().max(LOG2_ZERO) } else { LOG2_ZERO }
}

/// Where some temperatures and states of charge lie in the grid that all tables share.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Places<const N: usize> {
    node: [usize; N],
    row_share: [f64; N],
    column_share: [f64; N],
}

impl<const N: usize> Places<N> {
    /// The places of temperatures and states of charge, moved to the edge when outside.
    #[inline(always)]
    fn of(temperature_c: [f64; N], soc: [f64; N]) -> Self {
        let [coldest_c, hottest_c] = TABLE_TEMPERATURE_C;
        const ROWS_PER: f64 = 1.0 / PER_ROW;
        const NEARLY_FULL: f64 = 1.0 - 1e-15;
        let mut places = Self { node: [0; N], row_share: [0.0; N], column_share: [0.0; N] };
        let inverse_k = temperature_c.map(|t| 1.0 / (least(most(t, coldest_c), hottest_c) + ZERO_C_K));
        for i in 0..N {
            let (row, row_share) = node_below((COLDEST - inverse_k[i]) * ROWS_PER, ROWS + 1);
            // By octaves, which are fine near zero.
            let along = AT_EMPTY + (1.0 - AT_EMPTY) * held_between(soc[i], NEARLY_FULL);
            let (column, column_share) = part_of_octave::<OCTAVE_BITS>(along, AT_EMPTY);
            places.node[i] = row * COLUMNS + column;
            places.row_share[i] = row_share;
            places.column_share[i] = column_share;
        }
        places
    }
}

/// Rates, zero or positive, over temperature and state of charge; several are looked up together.
#[derive(Debug, Clone, PartialEq)]
pub struct RateTable<const K: usize = 1> {
    log2_rates: Box<[[f32; K]]>,
}

impl RateTable {
    /// Tabulates `rate(temperature_c, soc)`. What is negative or not a number counts as zero.
    pub fn of(rate: impl Fn(f64, f64) -> f64) -> Self {
        Self::together(|temperature_c, soc| [rate(temperature_c, soc)])
    }

    /// The rate at a temperature and a state of charge.
    #[inline]
    pub fn at(&self, temperature_c: f64, soc: f64) -> f64 {
        let [rate] = self.at_places(&Places::of([temperature_c], [soc]));
        rate
    }

    /// The rates at places.
    #[inline(always)]
    fn at_places<const N: usize>(&self, places: &Places<N>) -> [f64; N] {
        let [log2_rate] = self.log2_at_places(places);
        exp2_each(log2_rate)
    }
}

impl<const K: usize> RateTable<K> {
    /// Tabulates several rates.
    fn together(rates: impl Fn(f64, f64) -> [f64; K]) -> Self {
        let mut exact: [Vec<f64>; K] = std::array::from_fn(|_| Vec::with_capacity((ROWS + 1) * COLUMNS));
        for row in 0..=ROWS {
            let temperature_c = 1.0 / (COLDEST - PER_ROW * row as f64) - ZERO_C_K;
            for column in 0..COLUMNS {
                let rates = rates(temperature_c, column_soc(column));
                exact.iter_mut().zip(rates).for_each(|(exact, rate)| exact.push(log2_rate(rate)));
            }
        }
        let node = |at: usize| exact.each_ref().map(|exact| (exact[at] - excess(exact, at)) as f32);
        Self { log2_rates: (0..(ROWS + 1) * COLUMNS).map(node).collect() }
    }

    /// The rates' logarithms at places.
    #[inline(always)]
    fn log2_at_places<const N: usize>(&self, places: &Places<N>) -> [[f64; N]; K] {
        let mut log2_rates = [[0.0; N]; K];
        for (i, node) in places.node.into_iter().enumerate() {
            let four = &self.log2_rates[node..node + COLUMNS + 2];
            let along = |low: [f32; K], high: [f32; K]| {
                let (low, high) = (low.map(f64::from), high.map(f64::from));
                std::array::from_fn(|k| low[k] + (high[k] - low[k]) * places.column_share[i])
            };
            let (cold, warm): ([f64; K], [f64; K]) =
                (along(four[0], four[1]), along(four[COLUMNS], four[COLUMNS + 1]));
            for k in 0..K {
                log2_rates[k][i] = cold[k] + (warm[k] - cold[k]) * places.row_share[i];
            }
        }
        log2_rates
    }
}

/// State of charge of a column.
fn column_soc(column: usize) -> f64 {
    let along = beginning_of_part::<OCTAVE_BITS>(column, AT_EMPTY);
    (along - AT_EMPTY) / (1.0 - AT_EMPTY)
}

/// Half of what straight lines through the nodes lie too high beside a node: taken off, the error of a curved
/// stretch is split between its middle and its nodes. `h²·f″/16` along each axis.
fn excess(exact: &[f64], at: usize) -> f64 {
    let (row, column) = (at / COLUMNS, at % COLUMNS);
    let bend = |before: f64, here: f64, after: f64, h_before: f64, h_after: f64| {
        if before.min(here).min(after) <= LOG2_ZERO {
            return 0.0;
        }
        let slopes = (after - here) / h_after - (here - before) / h_before;
        let second = 2.0 * slopes / (h_before + h_after);
        second * (h_before * h_before + h_after * h_after) / 32.0
    };
    let mut excess = 0.0;
    if (1..ROWS).contains(&row) {
        excess += bend(exact[at - COLUMNS], exact[at], exact[at + COLUMNS], 1.0, 1.0);
    }
    if (1..COLUMNS - 1).contains(&column) {
        let soc = column_soc(column);
        let (h_before, h_after) = (soc - column_soc(column - 1), column_soc(column + 1) - soc);
        excess += bend(exact[at - 1], exact[at], exact[at + 1], h_before, h_after);
    }
    excess
}

/// How fast a sigmoid goes [1/d].
#[derive(Debug, Clone, PartialEq)]
enum Speed {
    /// The same under all stress; its logarithm.
    Constant(f64),
    Table(RateTable),
}

impl Speed {
    #[inline(always)]
    fn log2_at_places<const N: usize>(&self, places: &Places<N>) -> [f64; N] {
        match self {
            Speed::Constant(log2_rate) => [*log2_rate; N],
            Speed::Table(table) => {
                let [log2_rate] = table.log2_at_places(places);
                log2_rate
            }
        }
    }
}

/// How one state of a life model moves with time.
#[derive(Debug, Clone, PartialEq)]
enum CalendarLaw {
    /// Progress adds up at a rate per day.
    Additive { state: usize, per_day: RateTable },
    /// Plateau or exponent depend on the stress, so the virtual-time step is taken.
    Sigmoid { state: usize, kappa_per_day: Speed, plateau_and_exponent: RateTable<2> },
}

/// The laws of a life model that go with time, as tables.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    laws: Vec<CalendarLaw>,
}

impl Calendar {
    /// Tabulates the calendar laws of a model; `ocv_v` gives the open-circuit voltage over state of charge.
    pub fn of(model: &LifeModel, ocv_v: impl Fn(f64) -> f64) -> Self {
        let stress = |temperature_c: f64, soc: f64| instant_stress(temperature_c, soc, ocv_v(soc));
        let timed = model.states.iter().enumerate().filter(|(_, state)| state.axis == Axis::Days);
        let laws = timed.map(|(index, state)| match &state.law {
            Law::Sigmoid { plateau, rate, exponent } if state.law.fixed_sigmoid().is_none() => {
                let kappa_per_day = match rate.as_constant() {
                    Some(kappa) => Speed::Constant(log2_rate(kappa / state.axis_scale)),
                    None => Speed::Table(RateTable::of(|temperature_c, soc| {
                        rate.value(&stress(temperature_c, soc)) / state.axis_scale
                    })),
                };
                let plateau_and_exponent = RateTable::together(|temperature_c, soc| {
                    let stress = stress(temperature_c, soc);
                    [plateau.value(&stress), exponent.value(&stress)]
                });
                CalendarLaw::Sigmoid { state: index, kappa_per_day, plateau_and_exponent }
            }
            law => CalendarLaw::Additive {
                state: index,
                per_day: RateTable::of(|temperature_c, soc| {
                    law.progress_rate(&stress(temperature_c, soc)) / state.axis_scale
                }),
            },
        });
        Self { laws: laws.collect() }
    }

    /// Lets so many days pass at each of some temperatures and states of charge.
    #[inline]
    pub fn expose<const N: usize>(
        &self,
        progress: &mut [f64],
        temperature_c: [f64; N],
        soc: [f64; N],
        days_each: f64,
    ) {
        let places = Places::of(temperature_c, soc);
        for law in &self.laws {
            match law {
                CalendarLaw::Additive { state, per_day } => {
                    progress[*state] += days_each * per_day.at_places(&places).iter().sum::<f64>();
                }
                CalendarLaw::Sigmoid { state, kappa_per_day, plateau_and_exponent } => {
                    let kappa = kappa_per_day.log2_at_places(&places);
                    let [plateau, exponent] = plateau_and_exponent.log2_at_places(&places);
                    let y = &mut progress[*state];
                    *y = sigmoid_step(*y, N as f64 * days_each, plateau, kappa, exponent);
                }
            }
        }
    }
}
