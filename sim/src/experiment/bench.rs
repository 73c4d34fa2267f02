//! One cell on a test bench: a protocol or a recorded current, and what the circuit model answers.
//!
//! A bench does what it is told. The limits that a pack keeps to in service (voltage, current, temperature) do not
//! bind it; a step ends where the protocol says, or where the cell is empty or full, or, when the protocol names
//! only a time, at the cell's own voltage limits. Every such end is reported.

use super::protocol::{Action, End, Protocol, Rate};
use crate::world::WorldError;
use crate::world::table::Table;
use std::path::Path;
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::integrate::{Duty, Ended, Stepping, pass};
use twin::battery::pack::{Layout, PackModel, PackState};
use twin::battery::thermal::ThermalPath;
use twin::forcing::Ambient;
use twin::time::Time;

/// Longest span that is integrated before the end of a step is looked for [s].
const LOOK_S: f64 = 10.0;

/// How exactly the end of a step is found [s].
const EXACT_S: f64 = 1e-3;

/// No step goes on for longer [s].
const STEP_MAX_S: f64 = 400.0 * 86_400.0;

/// How a cell loses its heat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heat {
    /// Held at the temperature of the air.
    Isothermal,
    /// One temperature, cooled by the air.
    Lumped,
}

/// What the bench starts from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setup {
    /// State of charge.
    pub initial_soc: f64,
    /// Temperature of the air and of the cell at the start [°C].
    pub ambient_c: f64,
    /// How the cell loses its heat.
    pub heat: Heat,
    /// Between two rows [s].
    pub every_s: f64,
}

/// One row of what was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Time since the start [s].
    pub t_s: f64,
    /// Cycle, counted from 1.
    pub cycle: u32,
    /// Step of the protocol, counted from 1.
    pub step: u32,
    /// Current, positive discharging [A].
    pub current_a: f64,
    /// Terminal voltage [V].
    pub voltage_v: f64,
    /// Cell temperature [°C].
    pub temperature_c: f64,
    /// State of charge of present capacity.
    pub soc: f64,
    /// Charge taken out less charge put in since the start [Ah].
    pub discharged_ah: f64,
}

/// The cell after a cycle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CycleRow {
    /// Cycle, counted from 1.
    pub cycle: u32,
    /// Present capacity [Ah].
    pub capacity_ah: f64,
    /// Lithium lost of that in a new cell [%], where the model knows of it.
    pub lli_pct: Option<f64>,
    /// Active material lost in the negative electrode [%], where the model has one.
    pub lam_negative_pct: Option<f64>,
    /// Active material lost in the positive electrode [%], where the model has one.
    pub lam_positive_pct: Option<f64>,
    /// Resistance of the whole circuit at half charge and 25 °C [Ω].
    pub resistance_ohm: f64,
}

/// What the bench does.
#[derive(Debug, Clone, PartialEq)]
pub enum Program {
    /// Steps, repeated.
    Protocol {
        /// The steps.
        protocol: Protocol,
        /// How often.
        cycles: u32,
    },
    /// A recorded current.
    Current(CurrentFile),
}

/// Current over time, linear between its points.
#[derive(Debug, Clone, PartialEq)]
pub struct CurrentFile {
    points: Vec<(f64, f64)>,
}

/// Why a program cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The file cannot be read or a cell in it is wrong.
    #[error(transparent)]
    File(#[from] WorldError),
    /// A current needs a span of time.
    #[error("{file}: a current needs two rows at least")]
    TooShort {
        /// The file.
        file: String,
    },
    /// The recorded current asks for more than there is.
    #[error("the cell is {} after {t_s:.3} s of the current file", if *.empty { "empty" } else { "full" })]
    Exhausted {
        /// When.
        t_s: f64,
        /// Empty, or full.
        empty: bool,
    },
    /// The equations of the cell have no solution.
    #[error(transparent)]
    Cell(#[from] twin::battery::particle::cell::CellFault),
    /// The cell cannot go on with a step.
    #[error("cycle {cycle}, step {step} (`{text}`) broke off after {after_s:.0} s: {why}")]
    Interrupted {
        /// Cycle, counted from 1.
        cycle: u32,
        /// Step, counted from 1.
        step: u32,
        /// As it was written.
        text: String,
        /// Since the step began.
        after_s: f64,
        /// What gave out.
        why: String,
    },
    /// A step does not come to its end.
    #[error("cycle {cycle}, step {step} (`{text}`) has not come to its end after {} days", STEP_MAX_S / 86_400.0)]
    Endless {
        /// Cycle, counted from 1.
        cycle: u32,
        /// Step, counted from 1.
        step: u32,
        /// As it was written.
        text: String,
    },
}

/// What is told on the way.
pub trait Record<E> {
    /// A row.
    fn row(&mut self, row: &Row) -> Result<(), E>;
    /// A cycle is over.
    fn cycle(&mut self, cycle: &CycleRow) -> Result<(), E>;
    /// Something to know: a step that ended otherwise than asked for.
    fn note(&mut self, note: String);
}

/// Why a bench stopped.
#[derive(Debug)]
pub enum Stopped<E> {
    /// The program cannot be carried out.
    Bench(BenchError),
    /// Rows cannot be kept.
    Record(E),
}

impl CurrentFile {
    /// Reads `t_s, current_a` (CSV, or gzipped as `.csv.gz`).
    ///
    /// # Errors
    /// When the file cannot be read or times do not increase.
    pub fn open(file: &Path) -> Result<Self, BenchError> {
        let table = Table::open(Path::new(""), &file.to_string_lossy())?;
        let t_s = table.column(&["t_s"])?;
        let current_a = table.column(&["current_a", "current_A"])?;
        let mut points: Vec<(f64, f64)> = Vec::with_capacity(table.len());
        for row in 0..table.len() {
            let point = (table.number(row, t_s)?, table.number(row, current_a)?);
            if points.last().is_some_and(|last| point.0 <= last.0) {
                return Err(table.not_increasing(row, t_s).into());
            }
            points.push(point);
        }
        if points.len() < 2 {
            return Err(BenchError::TooShort { file: table.file().to_owned() });
        }
        let start_s = points[0].0;
        points.iter_mut().for_each(|point| point.0 -= start_s);
        Ok(Self { points })
    }

    /// Time since the start [s] and current [A], in order.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }
}

/// Runs a program on a new cell.
///
/// # Errors
/// When it cannot be carried out to its end, or rows cannot be kept; what was recorded until then stands.
pub fn run<E>(
    cell: &CellModel,
    setup: Setup,
    program: &Program,
    record: &mut impl Record<E>,
) -> Result<(), Stopped<E>> {
    let mut bench = Bench::new(cell, setup);
    match program {
        Program::Current(file) => bench.follow(file, record),
        Program::Protocol { protocol, cycles } => {
            for cycle in 1..=*cycles {
                for (step, index) in protocol.steps.iter().zip(1..) {
                    bench.step(step, (cycle, index), record)?;
                }
                record.cycle(&bench.cycle(cycle)).map_err(Stopped::Record)?;
            }
            Ok(())
        }
    }
}

/// A cell, its state, and the time.
struct Bench {
    pack: PackModel,
    state: PackState,
    ambient: Ambient,
    t_s: f64,
    every_s: f64,
    /// Voltages between which the cell is kept in service [V].
    limits_v: (f64, f64),
}

const EMPTY: &str = "the cell is empty";
const FULL: &str = "the cell is full";

/// Why a step is over.
enum Over {
    /// As the protocol says.
    Asked,
    /// Otherwise.
    Otherwise(&'static str),
}

impl Bench {
    fn new(cell: &CellModel, setup: Setup) -> Self {
        let limits_v = (cell.file.limits.voltage_min_v, cell.file.limits.voltage_max_v);
        let pack = PackModel::uniform(
            Arc::new(unlimited(cell)),
            Layout { series: 1, parallel: 1 },
            thermal_path(cell, setup.heat),
        );
        Self {
            state: PackState::new(&pack, setup.initial_soc, setup.ambient_c),
            pack,
            ambient: Ambient::constant(setup.ambient_c),
            t_s: 0.0,
            every_s: setup.every_s,
            limits_v,
        }
    }

    fn rated_ah(&self) -> f64 {
        self.pack.cell.file.cell.capacity_ah
    }

    /// A copy of the state, carried on for a span; and why and when that ended early.
    fn carried(&self, duty: Duty, span_s: f64) -> (PackState, Option<(Ended, f64)>) {
        let mut state = self.state.clone();
        // Time of day plays no role on a bench.
        let passage = pass(
            &self.pack,
            &mut state,
            duty,
            &self.ambient,
            (Time(0), span_s),
            Stepping::at_most(LOOK_S),
            |_, _| {},
        );
        (state, passage.ended)
    }

    /// The state just after a load has begun, with the charge that it began with.
    fn switched(&self, duty: Duty) -> PackState {
        let (mut state, _) = self.carried(duty, EXACT_S);
        (state.soc, state.ledger) = (self.state.soc, self.state.ledger);
        state
    }

    fn row(&self, state: &PackState, (cycle, step): (u32, u32)) -> Row {
        Row {
            t_s: self.t_s,
            cycle,
            step,
            current_a: state.current_a,
            voltage_v: state.voltage_v,
            temperature_c: state.temperatures.cell_c,
            soc: state.soc,
            discharged_ah: state.ledger.discharged_ah - state.ledger.charged_ah,
        }
    }

    /// One step of a protocol.
    fn step<E>(
        &mut self,
        step: &super::protocol::Step,
        place: (u32, u32),
        record: &mut impl Record<E>,
    ) -> Result<(), Stopped<E>> {
        let duty = self.duty(step.action);
        let (begun_s, mut row_s) = (self.t_s, self.t_s + self.every_s);
        let after_s = step.ends.iter().filter_map(|end| match end {
            End::After(seconds) => Some(*seconds),
            _ => None,
        });
        let after_s = after_s.fold(f64::INFINITY, f64::min);
        // The voltage jumps as the load begins; the row of the beginning shows it after the jump.
        let switched = self.switched(duty);
        record.row(&self.row(&switched, place)).map_err(Stopped::Record)?;
        let mut over = self.is_over(step, &switched);
        let over = loop {
            if let Some(over) = over.take() {
                break over;
            }
            let left_s = begun_s + after_s - self.t_s;
            if left_s <= EXACT_S * 0.5 {
                break Over::Asked;
            }
            if self.t_s - begun_s > STEP_MAX_S {
                let (cycle, number) = place;
                return Err(Stopped::Bench(BenchError::Endless {
                    cycle,
                    step: number,
                    text: step.text.clone(),
                }));
            }
            let look_s = if step.action == Action::Rest { f64::INFINITY } else { LOOK_S };
            let span_s = (row_s - self.t_s).min(left_s).min(look_s);
            let (state, ended) = self.carried(duty, span_s);
            if let Some(over) = self.is_over(step, &state) {
                self.approach(step, duty, span_s);
                break over;
            }
            self.state = state;
            if let Some((why, at_s)) = ended {
                self.t_s += at_s;
                break Over::Otherwise(match why {
                    Ended::Empty => EMPTY,
                    Ended::Charged | Ended::Reached => {
                        if self.state.soc < 0.5 {
                            EMPTY
                        } else {
                            FULL
                        }
                    }
                    Ended::TooHotOrCold => "the cell is too hot or too cold",
                });
            }
            self.t_s += span_s;
            if self.t_s >= row_s - 1e-6 {
                record.row(&self.row(&self.state, place)).map_err(Stopped::Record)?;
                row_s += self.every_s;
            }
        };
        let is_new = self.t_s > begun_s && self.t_s < row_s && self.t_s > row_s - self.every_s + 1e-6;
        if is_new {
            record.row(&self.row(&self.state, place)).map_err(Stopped::Record)?;
        }
        // What holds for the first cycle holds for the others.
        if let (Over::Otherwise(why), 1) = (over, place.0) {
            record.note(format!(
                "step {} (`{}`) ended after {:.0} s: {why}",
                place.1,
                step.text,
                self.t_s - begun_s
            ));
        }
        Ok(())
    }

    /// Goes to where a step ends within the next span.
    fn approach(&mut self, step: &super::protocol::Step, duty: Duty, span_s: f64) {
        let (mut low_s, mut high_s) = (0.0, span_s);
        while high_s - low_s > EXACT_S {
            let middle_s = 0.5 * (low_s + high_s);
            if self.is_over(step, &self.carried(duty, middle_s).0).is_some() {
                high_s = middle_s;
            } else {
                low_s = middle_s;
            }
        }
        // A hold that fills the cell is shown as it was just before its current broke off.
        let is_full = |state: &PackState| matches!(self.is_over(step, state), Some(Over::Otherwise(FULL)));
        let (mut state, mut ended) = self.carried(duty, high_s);
        if matches!(step.action, Action::Hold(_)) && is_full(&state) {
            high_s = low_s;
            (state, ended) = if low_s > 0.0 { self.carried(duty, low_s) } else { (self.state.clone(), None) };
        }
        self.state = state;
        self.t_s += ended.map_or(high_s, |(_, at_s)| at_s);
    }

    fn duty(&self, action: Action) -> Duty {
        match action {
            Action::Rest => Duty::Rest,
            Action::Hold(voltage_v) => Duty::Hold { voltage_v, current_max_a: f64::MAX },
            Action::Load(Rate::Power(power_w)) => Duty::Power { power_w, ripple: 0.0 },
            Action::Load(Rate::Current(current_a)) => current(current_a),
            Action::Load(Rate::C(c_rate)) => current(c_rate * self.rated_ah()),
        }
    }

    /// Whether a step is over in a state.
    fn is_over(&self, step: &super::protocol::Step, state: &PackState) -> Option<Over> {
        let sign = match step.action {
            Action::Rest => return None,
            Action::Hold(_) => 0.0,
            Action::Load(Rate::C(value) | Rate::Current(value) | Rate::Power(value)) => value,
        };
        let reached = |value: f64, limit: f64| if sign > 0.0 { value <= limit } else { value >= limit };
        let asked = step.ends.iter().any(|end| match *end {
            End::Voltage(voltage_v) => reached(state.voltage_v, voltage_v),
            // A hold may charge or discharge towards its state of charge.
            End::Soc(soc) if sign == 0.0 && state.current_a > 0.0 => state.soc <= soc,
            End::Soc(soc) => reached(state.soc, soc),
            End::Current(current_a) => state.current_a.abs() <= current_a,
            End::CRate(c_rate) => state.current_a.abs() <= c_rate * self.rated_ah(),
            End::After(_) => false,
        });
        if asked {
            let breaks_off =
                matches!(step.action, Action::Hold(_)) && state.current_a == 0.0 && state.soc >= 1.0;
            return Some(if breaks_off { Over::Otherwise(FULL) } else { Over::Asked });
        }
        let guarded = sign != 0.0 && !step.ends.iter().any(|end| matches!(end, End::Voltage(_)));
        let (low_v, high_v) = self.limits_v;
        let beyond = reached(state.voltage_v, if sign > 0.0 { low_v } else { high_v });
        (guarded && beyond).then_some(Over::Otherwise("the cell is at its voltage limit"))
    }

    /// Follows a recorded current: within each short span its mean, which for a line is its middle.
    fn follow<E>(&mut self, file: &CurrentFile, record: &mut impl Record<E>) -> Result<(), Stopped<E>> {
        self.record_point(file.points[0].1, record)?;
        let mut row_s = self.every_s;
        for pair in file.points.windows(2) {
            let ((from_s, from_a), (to_s, to_a)) = (pair[0], pair[1]);
            let at = |t_s: f64| from_a + (to_a - from_a) * (t_s - from_s) / (to_s - from_s);
            // Along a slope the current is followed finely, along a level it need not be.
            let look_s = if to_a == from_a { LOOK_S } else { 1.0 };
            while to_s - self.t_s > 1e-9 {
                let span_s = look_s.min(to_s - self.t_s).min(row_s - self.t_s);
                let middle_a = at(self.t_s + 0.5 * span_s);
                let (state, ended) = self.carried(current(middle_a), span_s);
                self.state = state;
                if let Some((_, at_s)) = ended {
                    let t_s = self.t_s + at_s;
                    return Err(Stopped::Bench(BenchError::Exhausted { t_s, empty: middle_a > 0.0 }));
                }
                self.t_s += span_s;
                if self.t_s >= row_s - 1e-6 {
                    self.record_point(at(self.t_s), record)?;
                    row_s += self.every_s;
                }
            }
            self.t_s = to_s;
        }
        if self.t_s > row_s - self.every_s + 1e-6 {
            self.record_point(file.points[file.points.len() - 1].1, record)?;
        }
        Ok(())
    }

    /// A row with the current of its instant, where the span before it had that of its middle.
    fn record_point<E>(&self, current_a: f64, record: &mut impl Record<E>) -> Result<(), Stopped<E>> {
        record.row(&self.row(&self.switched(current(current_a)), (1, 1))).map_err(Stopped::Record)
    }

    fn cycle(&self, cycle: u32) -> CycleRow {
        let health = self.state.observed_health(&self.pack);
        let fresh = self.pack.cell.resistances(0.5, 25.0);
        CycleRow {
            cycle,
            capacity_ah: self.rated_ah() * health.capacity,
            // The circuit has no electrodes: which of them was lost, it cannot tell.
            lli_pct: None,
            lam_negative_pct: None,
            lam_positive_pct: None,
            resistance_ohm: (fresh.r0 + fresh.r1 + fresh.r2) * health.resistance,
        }
    }
}

/// A constant current until empty or full; none at all is a rest.
fn current(current_a: f64) -> Duty {
    if current_a == 0.0 {
        return Duty::Rest;
    }
    Duty::Current { current_a, until_soc: if current_a > 0.0 { 0.0 } else { 1.0 } }
}

/// The cell without the limits that it is kept to in service.
fn unlimited(cell: &CellModel) -> CellModel {
    let mut cell = cell.clone();
    let limits = &mut cell.file.limits;
    // So far beyond any curve that they are never met, and not so far that rounding begins.
    (limits.voltage_min_v, limits.voltage_max_v) = (-1e3, 1e3);
    (limits.charge_c_rate_max, limits.discharge_c_rate_max) = (1e6, 1e6);
    limits.charge_temperature_c = [-1e3, 1e3];
    limits.discharge_temperature_c = [-1e3, 1e3];
    limits.derating_k = 1.0;
    cell
}

/// The heat path of a single cell.
fn thermal_path(cell: &CellModel, heat: Heat) -> ThermalPath {
    let j_per_k = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
    match heat {
        // Time constants far below any step: the cell has the temperature of the air.
        Heat::Isothermal => ThermalPath::from_time_constants(j_per_k, 0.5, 1e-9, 1e-9),
        Heat::Lumped => {
            // As measured, if it was; else assumed: free convection in a room, and the surface of a 21700 cell scaled to the volume of this
            // one, at the density of lithium-ion cells (Chen 2020: 5.31e-3 m² around 2.42e-5 m³).
            const FILM_W_PER_M2_K: f64 = 10.0;
            const DENSITY_KG_PER_M3: f64 = 2800.0;
            const SURFACE_OVER_VOLUME_2_3: f64 = 6.35;
            let volume_m3 = cell.file.cell.mass_kg / DENSITY_KG_PER_M3;
            let surface_m2 = SURFACE_OVER_VOLUME_2_3 * volume_m3.powf(2.0 / 3.0);
            let w_per_k = cell.file.cell.heat_transfer_w_per_k.unwrap_or(FILM_W_PER_M2_K * surface_m2);
            // The case is next to nothing and close to the cell, so that one temperature remains.
            ThermalPath::from_time_constants(j_per_k, 0.01, 0.1, j_per_k / w_per_k)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[derive(Default)]
    struct Kept {
        rows: Vec<Row>,
        cycles: Vec<CycleRow>,
        notes: Vec<String>,
    }

    impl Record<Infallible> for Kept {
        fn row(&mut self, row: &Row) -> Result<(), Infallible> {
            self.rows.push(*row);
            Ok(())
        }
        fn cycle(&mut self, cycle: &CycleRow) -> Result<(), Infallible> {
            self.cycles.push(*cycle);
            Ok(())
        }
        fn note(&mut self, note: String) {
            self.notes.push(note);
        }
    }

    const SETUP: Setup = Setup { initial_soc: 1.0, ambient_c: 25.0, heat: Heat::Isothermal, every_s: 60.0 };

    fn protocol(text: &str, cycles: u32) -> Program {
        Program::Protocol { protocol: text.parse().unwrap(), cycles }
    }

    fn kept(setup: Setup, program: &Program) -> Kept {
        let cell = crate::experiment::cell("nmc811-grsi-lg-m50-5ah").unwrap();
        let mut kept = Kept::default();
        run(&cell, setup, program, &mut kept).unwrap();
        kept
    }

    #[test]
    fn the_usual_cycle_ends_where_it_is_told_to() {
        let text = "discharge 1C until 2.5V; rest 5min; charge 0.5C until 4.1V; hold 4.1V until C/20";
        let kept = kept(SETUP, &protocol(text, 1));
        let last = |step| *kept.rows.iter().rfind(|row| row.step == step).unwrap();
        assert!((last(1).voltage_v - 2.5).abs() < 2e-3, "{:?}", last(1));
        assert!((2400.0..3600.1).contains(&last(1).t_s), "{:?}", last(1));
        assert!((last(1).discharged_ah - 5.0 * last(1).t_s / 3600.0).abs() < 1e-9);
        assert!((last(2).t_s - last(1).t_s - 300.0).abs() < 1e-6 && last(2).current_a == 0.0);
        assert!((last(3).voltage_v - 4.1).abs() < 2e-3 && (last(3).current_a + 2.5).abs() < 1e-9);
        assert!((last(4).current_a + 0.25).abs() < 1e-3 && (last(4).voltage_v - 4.1).abs() < 2e-3);
        assert!(kept.rows.windows(2).all(|pair| pair[1].t_s >= pair[0].t_s));
        assert!(kept.rows.iter().all(|row| (row.temperature_c - 25.0).abs() < 1e-6));
        assert!(kept.notes.is_empty(), "{:?}", kept.notes);
    }

    #[test]
    fn rows_come_at_their_interval_and_at_the_ends_of_steps() {
        let kept = kept(SETUP, &protocol("discharge 1A for 150s; rest 60s", 1));
        let times: Vec<(u32, f64)> = kept.rows.iter().map(|row| (row.step, row.t_s.round())).collect();
        assert_eq!(times, [(1, 0.0), (1, 60.0), (1, 120.0), (1, 150.0), (2, 150.0), (2, 210.0)]);
    }

    #[test]
    fn power_and_state_of_charge_are_met() {
        let kept = kept(SETUP, &protocol("discharge 10W until 50%; charge 5W for 10min", 1));
        let half = kept.rows.iter().rfind(|row| row.step == 1).unwrap();
        assert!((half.soc - 0.5).abs() < 1e-5, "{half:?}");
        for row in &kept.rows[1..] {
            let wanted_w = if row.step == 1 { 10.0 } else { -5.0 };
            assert!((row.current_a * row.voltage_v - wanted_w).abs() < 0.03, "{row:?}");
        }
    }

    #[test]
    fn a_step_that_ends_otherwise_says_so() {
        let kept = kept(SETUP, &protocol("discharge 1C for 3h; discharge C/50 until 0.1V", 1));
        assert!(kept.notes[0].contains("voltage limit"), "{:?}", kept.notes);
        assert!(kept.notes[1].contains("empty"), "{:?}", kept.notes);
    }

    #[test]
    fn a_lumped_cell_warms_up_under_load_and_cools_down() {
        let setup = Setup { heat: Heat::Lumped, ..SETUP };
        let kept = kept(setup, &protocol("discharge 1C until 2.5V; rest 12h", 1));
        let warmest = kept.rows.iter().map(|row| row.temperature_c).fold(0.0, f64::max);
        assert!((28.0..60.0).contains(&warmest), "{warmest}");
        assert!((kept.rows.last().unwrap().temperature_c - 25.0).abs() < 0.2);
    }

    #[test]
    fn cycles_wear_the_cell() {
        let kept = kept(
            Setup { every_s: 3600.0, ..SETUP },
            &protocol("discharge 1C until 2.5V; charge 0.5C until 4.2V; hold 4.2V until C/20", 20),
        );
        assert_eq!(kept.cycles.len(), 20);
        let (first, last) = (kept.cycles[0], kept.cycles[19]);
        assert!(last.capacity_ah < first.capacity_ah && last.capacity_ah > 4.5, "{first:?} {last:?}");
        assert!(last.resistance_ohm >= first.resistance_ohm);
    }

    #[test]
    fn a_recorded_current_is_followed_between_its_points() {
        let file = CurrentFile { points: vec![(0.0, 0.0), (100.0, 5.0), (200.0, -5.0), (230.0, -5.0)] };
        let kept = kept(Setup { initial_soc: 0.5, every_s: 10.0, ..SETUP }, &Program::Current(file));
        let at = |t: f64| kept.rows.iter().find(|row| (row.t_s - t).abs() < 1e-6).unwrap();
        assert!((at(50.0).current_a - 2.5).abs() < 1e-9 && (at(150.0).current_a).abs() < 1e-9);
        // 250 As up the first slope, back to 0 A s net over the second, 150 As put in at the end.
        assert!((at(100.0).discharged_ah - 250.0 / 3600.0).abs() < 1e-9);
        assert!((at(230.0).discharged_ah - 100.0 / 3600.0).abs() < 1e-9);
        let cell = crate::experiment::cell("nmc811-grsi-lg-m50-5ah").unwrap();
        let long = CurrentFile { points: vec![(0.0, 5.0), (7200.0, 5.0)] };
        let stopped = run(&cell, SETUP, &Program::Current(long), &mut Kept::default());
        assert!(matches!(stopped, Err(Stopped::Bench(BenchError::Exhausted { empty: true, .. }))));
    }
}
