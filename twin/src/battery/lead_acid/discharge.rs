//! Strings in parallel under a load, until the weakest block ends it.
//!
//! For a step each string is a line `V = E − R·i`, with C_d at its present rate; strings at one voltage under a power
//! P then give a quadratic,
//!
//! ```text
//! V²·Σ 1/R_k − V·Σ E_k/R_k + P = 0      (larger root; no root: the load cannot be held)
//! ```
//!
//! and a current a line. Rates and C_d are brought to agree by repetition, charge by the midpoint rule. A string
//! ends when a block is at its end voltage, and the others take its share; what a diode would hold back does not
//! flow. Capacity and resistance go by the temperature at which the discharge began, as data sheets do, in whose
//! figures the block's own warming is contained. Limits: one bus, no drop over cables, no slow relaxation of voltage after a pulse.

use super::block::{BlockModel, BlockState, Fade};
use super::capacity::Warmth;
use super::string::{StringModel, StringState};

/// What is asked of strings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// Constant power of all together [W].
    Power {
        /// The power.
        power_w: f64,
    },
    /// Constant current of all together [A].
    Current {
        /// The current.
        current_a: f64,
    },
}

/// What became of a stretch under load.
#[derive(Debug, Clone, PartialEq)]
pub struct Discharged {
    /// How long the load was carried [s].
    pub seconds: f64,
    /// Whether it could not be carried further.
    pub ended: bool,
    /// Strings that ended, after how long, and their weakest block.
    pub strings: Vec<Ended>,
}

/// The end of one string.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    /// The string.
    pub string: usize,
    /// The block that ended it.
    pub block: usize,
    /// After how long [s].
    pub after_s: f64,
}

/// Steps are not cut shorter than this to find an end [s].
const END_WITHIN_S: f64 = 0.05;
/// Relative change of rates that is none.
const SETTLED: f64 = 1e-6;
/// Repetitions after which rates that do not settle are left.
const REPETITIONS: usize = 30;
/// Most that C_d may add to the fall of voltage with rate.
const STIFFNESS_MAX: f64 = 10.0;
/// A deviation from the end voltage that is none [V].
const AT_END_V: f64 = 1e-9;

/// One string within a step.
struct Line {
    string: usize,
    /// Depths at which voltages are taken.
    depths: Vec<f64>,
    /// By block, at the temperature at which the discharge began.
    blocks: Vec<Begun>,
    /// Slopes of the blocks' cell voltages over rate [V·h].
    slopes: Vec<f64>,
    rate: f64,
    /// Terminal voltage at the rate [V].
    volts: f64,
    /// Its fall with rate, C_d at the present rate held [V·h].
    slope: f64,
    /// Its fall with rate relative to that, with C_d that gives way.
    stiffness: f64,
}

/// What a block's temperature does to a discharge.
struct Begun {
    factor: f64,
    warmth: Warmth,
}

impl Line {
    fn new(string: usize, state: &StringState, model: &BlockModel, rate: f64) -> Self {
        let begun = |b: &BlockState| Begun {
            factor: model.shepherd.resistance_factor(b.began_c),
            warmth: model.rates.warmth(b.began_c),
        };
        let count = state.blocks.len();
        Self {
            string,
            depths: vec![0.0; count],
            blocks: state.blocks.iter().map(begun).collect(),
            slopes: vec![0.0; count],
            rate,
            volts: 0.0,
            slope: 0.0,
            stiffness: 1.0,
        }
    }

    /// Takes depths `by` beyond the blocks' own.
    fn advance(&mut self, state: &StringState, by: f64) {
        for (depth, block) in self.depths.iter_mut().zip(&state.blocks) {
            *depth = block.depth + by;
        }
    }

    /// Terminal voltage at the present rate and its slope.
    fn draw(&mut self, state: &StringState, model: &BlockModel) {
        let at = model.rates.at(self.rate);
        let end_v = model.rates.end_voltage_v(self.rate);
        let (mut open_v, mut slope) = (0.0, 0.0);
        for (k, (block, begun)) in state.blocks.iter().zip(&self.blocks).enumerate() {
            let share = model.rates.share(at, begun.warmth);
            let knee = block.capacity * model.shepherd.knee(self.rate, share, end_v, begun.factor);
            let factor = begun.factor * block.resistance;
            self.slopes[k] = model.shepherd.discharge_slope(self.depths[k], knee, factor);
            open_v += model.shepherd.open_v(self.depths[k]);
            slope += self.slopes[k];
        }
        let cells = f64::from(model.cells);
        self.slope = cells * slope;
        self.volts = cells * open_v - self.slope * self.rate;
    }

    /// The block with the least voltage, and by how much it is above the end.
    fn weakest(&self, model: &StringModel) -> (usize, f64) {
        let block = &model.block;
        let end_v = model.end_voltage_v.unwrap_or_else(|| block.rates.end_voltage_v(self.rate));
        let margin = |k: usize| block.shepherd.open_v(self.depths[k]) - self.slopes[k] * self.rate - end_v;
        let margins = (0..self.depths.len()).map(|k| (k, margin(k)));
        margins.fold((0, f64::INFINITY), |least, next| if next.1 < least.1 { next } else { least })
    }
}

/// Rates of all lines under a load; false when it cannot be held.
///
/// Newton's method, with the tangent from the repetition before.
fn balance(lines: &mut [Line], states: &[StringState], model: &StringModel, load: Load) -> bool {
    let block = &*model.block;
    for _ in 0..REPETITIONS {
        let (mut conductance, mut drive) = (0.0, 0.0);
        for line in lines.iter_mut() {
            line.draw(&states[line.string], block);
            let tangent = line.slope * line.stiffness;
            conductance += 1.0 / tangent;
            drive += line.volts / tangent + line.rate;
        }
        let volts = match load {
            Load::Current { current_a } => (drive - current_a / block.rated_ah) / conductance,
            Load::Power { power_w } => {
                let inside = drive * drive - 4.0 * conductance * power_w / block.rated_ah;
                if inside < 0.0 {
                    return false;
                }
                (drive + inside.sqrt()) / (2.0 * conductance)
            }
        };
        let mut moved = 0.0f64;
        for line in lines.iter_mut() {
            let rate = (line.rate + (line.volts - volts) / (line.slope * line.stiffness)).max(0.0);
            let by = rate - line.rate;
            moved = moved.max(by.abs() / (rate + 1e-9));
            if by.abs() > 1e-4 * rate {
                let before_v = line.volts;
                line.rate = rate;
                line.draw(&states[line.string], block);
                line.stiffness = ((before_v - line.volts) / (by * line.slope)).clamp(1.0, STIFFNESS_MAX);
            }
            line.rate = rate;
        }
        if moved < SETTLED {
            return volts > 0.0;
        }
    }
    // Rates that do not settle hunt about the end of a discharge: what stands is close enough to see it.
    true
}

/// How far a step may go.
#[derive(Clone, Copy)]
enum Reach {
    Whole,
    /// This string's block ends it.
    Until(usize, usize),
    Unheld,
}

/// Carries a load for at most `seconds`; strings in `spent` have ended before.
pub fn discharge(
    states: &mut [StringState],
    spent: &mut [bool],
    model: &StringModel,
    load: Load,
    air_c: impl Fn(f64) -> f64,
    seconds: f64,
) -> Discharged {
    let mut done = Discharged { seconds: 0.0, ended: false, strings: Vec::new() };
    let guess = first_guess(model, load, spent.iter().filter(|spent| !**spent).count());
    let line = |(k, state): (usize, &StringState)| {
        let known = state.current_a / model.block.rated_ah;
        Line::new(k, state, &model.block, if known > 0.0 { known } else { guess })
    };
    let mut lines: Vec<Line> = states.iter().enumerate().filter(|(k, _)| !spent[*k]).map(line).collect();
    while done.seconds < seconds {
        lines.retain(|line| !spent[line.string]);
        if lines.is_empty() {
            done.ended = true;
            break;
        }
        let longest_s = match begin(&mut lines, states, model, load) {
            Reach::Whole => {
                let fastest = lines.iter().map(|line| line.rate).fold(1e-9, f64::max);
                (model.stepping.depth / fastest * 3600.0).min(seconds - done.seconds)
            }
            reach => {
                end(&mut done, spent, states, &lines, model, reach);
                continue;
            }
        };
        let (step_s, reach) = find_reach(&mut lines, states, model, load, longest_s);
        let air = air_c(done.seconds + 0.5 * step_s);
        carry(states, &mut lines, model, step_s / 3600.0, air);
        done.seconds += step_s;
        if !matches!(reach, Reach::Whole) {
            end(&mut done, spent, states, &lines, model, reach);
        }
    }
    done
}

fn first_guess(model: &StringModel, load: Load, strings: usize) -> f64 {
    let volts = 1.9 * f64::from(model.block.cells) * model.blocks as f64;
    let amperes = match load {
        Load::Power { power_w } => power_w / volts,
        Load::Current { current_a } => current_a,
    };
    amperes / model.block.rated_ah / strings.max(1) as f64
}

/// Whether the load can be held as things stand.
fn begin(lines: &mut [Line], states: &[StringState], model: &StringModel, load: Load) -> Reach {
    lines.iter_mut().for_each(|line| line.advance(&states[line.string], 0.0));
    if !balance(lines, states, model, load) {
        return Reach::Unheld;
    }
    first_below(lines, model)
}

fn first_below(lines: &[Line], model: &StringModel) -> Reach {
    let weakest = lines.iter().map(|line| (line.string, line.weakest(model)));
    let least = weakest.fold((0, (0, f64::INFINITY)), |a, b| if b.1.1 < a.1.1 { b } else { a });
    if least.1.1 <= AT_END_V { Reach::Until(least.0, least.1.0) } else { Reach::Whole }
}

/// The step up to `longest_s`, cut where a block ends it; leaves the rates of the step's middle in the lines.
fn find_reach(
    lines: &mut [Line],
    states: &[StringState],
    model: &StringModel,
    load: Load,
    longest_s: f64,
) -> (f64, Reach) {
    let middle = |lines: &mut [Line], step_s: f64| {
        let start: Vec<f64> = lines.iter().map(|line| line.rate).collect();
        for (line, rate) in lines.iter_mut().zip(&start) {
            line.advance(&states[line.string], 0.5 * rate * step_s / 3600.0);
        }
        if !balance(lines, states, model, load) {
            return (start, Reach::Unheld);
        }
        let rates: Vec<f64> = lines.iter().map(|line| line.rate).collect();
        for (line, rate) in lines.iter_mut().zip(&rates) {
            line.advance(&states[line.string], rate * step_s / 3600.0);
        }
        let held = balance(lines, states, model, load);
        (rates, if held { first_below(lines, model) } else { Reach::Unheld })
    };
    let start: Vec<f64> = lines.iter().map(|line| line.rate).collect();
    let restart = |lines: &mut [Line], step_s: f64| {
        lines.iter_mut().zip(&start).for_each(|(line, rate)| line.rate = *rate);
        middle(lines, step_s)
    };
    let (mut rates, mut reach) = restart(lines, longest_s);
    let mut step_s = longest_s;
    if !matches!(reach, Reach::Whole) {
        let (mut good_s, mut bad_s) = (0.0, longest_s);
        let mut found = start.clone();
        while bad_s - good_s > END_WITHIN_S.min(1e-3 * longest_s) {
            let half_s = 0.5 * (good_s + bad_s);
            let (half_rates, half_reach) = restart(lines, half_s);
            if matches!(half_reach, Reach::Whole) {
                (good_s, found) = (half_s, half_rates);
            } else {
                (bad_s, reach) = (half_s, half_reach);
            }
        }
        (step_s, rates) = (good_s, found);
    }
    lines.iter_mut().zip(&rates).for_each(|(line, rate)| line.rate = *rate);
    (step_s, reach)
}

/// Books a step at the rates in the lines: charge, voltage, heat, wear.
fn carry(states: &mut [StringState], lines: &mut [Line], model: &StringModel, hours: f64, air_c: f64) {
    let block_model = &*model.block;
    let cells = f64::from(block_model.cells);
    let fade = Fade::over(block_model, hours);
    for line in lines {
        let state = &mut states[line.string];
        line.advance(state, 0.5 * line.rate * hours);
        line.draw(state, block_model);
        let (mut volts, mut heat_w, mut reversible_w) = (0.0, 0.0, 0.0);
        let current_a = line.rate * block_model.rated_ah;
        for (k, block) in state.blocks.iter_mut().enumerate() {
            let drop_v = line.slopes[k] * line.rate;
            let open_v = block_model.shepherd.open_v(line.depths[k]);
            block.cell_v = open_v - drop_v;
            let turned_w = -current_a * block_model.reversible_v(block.temperature_c);
            let mean_c = block.warm(block_model, current_a * drop_v + turned_w, air_c, fade);
            block.depth += line.rate * hours;
            block.books.discharged += line.rate * hours;
            let fall_v = block_model.shepherd.voltage.full_v - open_v;
            let potential_v = block_model.ageing.corrosion_potential_v(fall_v, -drop_v);
            block_model.ageing.corrode(&mut block.wear, potential_v, mean_c, hours, block.per_life);
            block_model.ageing.use_float_life(&mut block.wear, mean_c, 0.0, hours, block.per_life);
            let soc = block.soc();
            block_model.ageing.discharge(&mut block.wear, line.rate, soc, hours, mean_c);
            volts += block.cell_v;
            heat_w += current_a * drop_v;
            reversible_w += turned_w;
        }
        state.current_a = current_a;
        state.energy_out_wh += current_a * volts * cells * hours;
        state.heat_wh += heat_w * cells * hours;
        state.reversible_heat_wh += reversible_w * cells * hours;
        state.since_refresh_h += hours;
        state.no_longer_full();
    }
}

/// Marks what has ended.
fn end(
    done: &mut Discharged,
    spent: &mut [bool],
    states: &mut [StringState],
    lines: &[Line],
    model: &StringModel,
    reach: Reach,
) {
    let mut over = |string: usize, block: usize| {
        spent[string] = true;
        states[string].current_a = 0.0;
        states[string].refresh(model);
        done.strings.push(Ended { string, block, after_s: done.seconds });
    };
    match reach {
        Reach::Whole => {}
        Reach::Until(string, block) => over(string, block),
        Reach::Unheld => lines.iter().for_each(|line| over(line.string, line.weakest(model).0)),
    }
    done.ended = spent.iter().all(|spent| *spent);
}
