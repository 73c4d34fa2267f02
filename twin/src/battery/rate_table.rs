//! Rates as tables: formulas are exact but slow, and a twin looks at its calendar rates every step of its life.
//!
//! A table keeps the logarithm of a positive rate on a grid and interpolates it linearly. The grid is even in
//! 1/T, where Arrhenius' law is a straight line, and gets finer towards an empty cell, where the anode potential
//! bends most. The measured error against the formulas stands in `docs/models/life.md`.

use super::formula::Formula;
use super::life::{Axis, Law, LifeModel, Stress, ZERO_C_K, instant_stress, sigmoid_step};

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
const SHIFT: u32 = 52 - OCTAVE_BITS;
const COLUMNS: usize = (6 << OCTAVE_BITS) + 1;

/// Logarithm that stands for a rate of zero.
const LOG2_ZERO: f64 = -1000.0;

/// Where a temperature and a state of charge lie in the grid that all tables share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    node: usize,
    row_share: f64,
    column_share: f64,
}

impl Place {
    /// The place of a temperature and a state of charge, moved to the edge when outside.
    #[inline]
    pub fn of(temperature_c: f64, soc: f64) -> Self {
        let [coldest_c, hottest_c] = TABLE_TEMPERATURE_C;
        let temperature_k = temperature_c.clamp(coldest_c, hottest_c) + ZERO_C_K;
        const ROWS_PER: f64 = 1.0 / PER_ROW;
        let row_exact = ((COLDEST - 1.0 / temperature_k) * ROWS_PER).clamp(0.0, ROWS as f64);
        let row = (row_exact as i32 as usize).min(ROWS - 1);
        // The bits of a float count octaves evenly: an index that is fine near zero, for two integer operations.
        let bits = (AT_EMPTY + (1.0 - AT_EMPTY) * soc.clamp(0.0, 1.0)).to_bits().min(1.0f64.to_bits() - 1);
        let column = ((bits - AT_EMPTY.to_bits()) >> SHIFT) as usize;
        let rest = bits & ((1 << SHIFT) - 1);
        Self {
            node: row * COLUMNS + column,
            row_share: row_exact - f64::from(row as i32),
            column_share: rest as i64 as f64 * (1.0 / (1u64 << SHIFT) as f64),
        }
    }
}

/// A rate, zero or positive, over temperature and state of charge.
#[derive(Debug, Clone, PartialEq)]
pub struct RateTable {
    log2_rate: Box<[f32]>,
}

impl RateTable {
    /// Tabulates `rate(temperature_c, soc)`. What is negative or not a number counts as zero.
    pub fn of(rate: impl Fn(f64, f64) -> f64) -> Self {
        let mut exact = Vec::with_capacity((ROWS + 1) * COLUMNS);
        for row in 0..=ROWS {
            let temperature_c = 1.0 / (COLDEST - PER_ROW * row as f64) - ZERO_C_K;
            for column in 0..COLUMNS {
                let value = rate(temperature_c, column_soc(column));
                let positive = value > 0.0 && value.is_finite();
                exact.push(if positive { value.log2().max(LOG2_ZERO) } else { LOG2_ZERO });
            }
        }
        let log2_rate = (0..exact.len()).map(|at| (exact[at] - excess(&exact, at)) as f32).collect();
        Self { log2_rate }
    }

    /// The rate at a temperature and a state of charge.
    #[inline]
    pub fn at(&self, temperature_c: f64, soc: f64) -> f64 {
        self.at_place(Place::of(temperature_c, soc))
    }

    /// The rate at a place, for callers with several tables.
    #[inline]
    pub fn at_place(&self, place: Place) -> f64 {
        let cold = &self.log2_rate[place.node..place.node + 2];
        let warm = &self.log2_rate[place.node + COLUMNS..place.node + COLUMNS + 2];
        let along = |pair: &[f32]| {
            let (low, high) = (f64::from(pair[0]), f64::from(pair[1]));
            low + (high - low) * place.column_share
        };
        let (cold, warm) = (along(cold), along(warm));
        exp2(cold + (warm - cold) * place.row_share)
    }
}

/// 2^x to 10⁻⁷, for x from −1022 to 1023: a polynomial around the nearest whole number. Less than the tables'
/// own error, a third of the library's time, and the same to the last bit on every platform.
#[inline]
fn exp2(x: f64) -> f64 {
    // Adding 1.5·2^52 leaves the nearest whole number in the lowest bits.
    const TO_WHOLE: f64 = 6_755_399_441_055_744.0;
    let whole = x + TO_WHOLE;
    let f = x - (whole - TO_WHOLE);
    let scale = f64::from_bits((whole.to_bits() << 52).wrapping_add(1023 << 52));
    // Interpolates 2^f at the Chebyshev nodes of −½..½; largest error 1.0e-7.
    let f2 = f * f;
    let low = 1.000_000_075_454_897_2 + 0.693_147_188_026_228_7 * f;
    let middle = 0.240_221_074_853_082_08 + 0.055_503_571_142_194_61 * f;
    let high = 0.009_676_031_918_326_564 + 0.001_339_086_336_453_350_4 * f;
    scale * (low + f2 * (middle + f2 * high))
}

/// State of charge of a column.
fn column_soc(column: usize) -> f64 {
    let along = f64::from_bits(AT_EMPTY.to_bits() + ((column as u64) << SHIFT));
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

/// A rate that may not need a table.
#[derive(Debug, Clone, PartialEq)]
enum Rate {
    Constant(f64),
    Table(RateTable),
}

impl Rate {
    fn of(formula: &Formula, stress: &impl Fn(f64, f64) -> Stress) -> Self {
        match formula.as_constant() {
            Some(value) => Rate::Constant(value),
            None => {
                Rate::Table(RateTable::of(|temperature_c, soc| formula.value(&stress(temperature_c, soc))))
            }
        }
    }

    #[inline]
    fn at(&self, place: Place) -> f64 {
        match self {
            Rate::Constant(value) => *value,
            Rate::Table(table) => table.at_place(place),
        }
    }
}

/// How one state of a life model moves with time.
#[derive(Debug, Clone, PartialEq)]
enum CalendarLaw {
    /// Progress adds up at a rate per day.
    Additive { state: usize, per_day: RateTable },
    /// Plateau or exponent depend on the stress, so the virtual-time step is taken.
    Sigmoid { state: usize, plateau: Rate, kappa_per_day: Rate, exponent: Rate },
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
                    Some(kappa) => Rate::Constant(kappa / state.axis_scale),
                    None => Rate::Table(RateTable::of(|temperature_c, soc| {
                        rate.value(&stress(temperature_c, soc)) / state.axis_scale
                    })),
                };
                CalendarLaw::Sigmoid {
                    state: index,
                    plateau: Rate::of(plateau, &stress),
                    kappa_per_day,
                    exponent: Rate::of(exponent, &stress),
                }
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

    /// Lets `days` pass at a temperature and a state of charge.
    #[inline]
    pub fn expose(&self, progress: &mut [f64], temperature_c: f64, soc: f64, days: f64) {
        self.expose_at(progress, Place::of(temperature_c, soc), days);
    }

    /// [`Calendar::expose`] for callers that know the place already.
    #[inline]
    pub fn expose_at(&self, progress: &mut [f64], place: Place, days: f64) {
        for law in &self.laws {
            match law {
                CalendarLaw::Additive { state, per_day } => {
                    progress[*state] += days * per_day.at_place(place);
                }
                CalendarLaw::Sigmoid { state, plateau, kappa_per_day, exponent } => {
                    let kappa = kappa_per_day.at(place);
                    progress[*state] =
                        sigmoid_step(progress[*state], days, plateau.at(place), kappa, exponent.at(place));
                }
            }
        }
    }
}
