//! One cell on a test bench as one of the electrochemical models.
//!
//! Programs, rows and ends are those of [`super::bench`]; ends are found exactly, not to the nearest step.

use super::bench::{BenchError, CurrentFile, CycleRow, Program, Record, Row, Stopped};
use super::protocol::{Action, End as Asked, Rate, Step};
use twin::battery::particle::balance::Balance;
use twin::battery::particle::cell::{CellFault, Drive};
use twin::battery::particle::drive::{End, Ended, Model, Run};

/// No step goes on for longer [s].
const STEP_MAX_S: f64 = 400.0 * 86_400.0;

/// What the bench starts from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Start<S> {
    /// State of the cell.
    pub state: S,
    /// Temperature of the air [°C].
    pub ambient_c: f64,
    /// Between two rows [s].
    pub every_s: f64,
}

/// Runs a program on a cell.
///
/// # Errors
/// When it cannot be carried out to its end, or rows cannot be kept; what was recorded until then stands.
pub fn run<M: Model, E>(
    model: &M,
    start: Start<M::State>,
    program: &Program,
    record: &mut impl Record<E>,
) -> Result<(), Stopped<E>> {
    let lithium_ah = model.lithium_ah(&start.state);
    let balance = model.balance(&start.state);
    let run = Run::new(model, start.state, start.ambient_c).map_err(fault)?;
    let mut bench = Bench { run, balance, every_s: start.every_s };
    match program {
        Program::Current(file) => bench.follow(file, record),
        Program::Protocol { protocol, cycles } => {
            for cycle in 1..=*cycles {
                for (step, index) in protocol.steps.iter().zip(1..) {
                    bench.step(step, (cycle, index), record)?;
                }
                let health = model.health(&bench.run.state, lithium_ah);
                if model.ages() {
                    bench.balance = model.balance(&bench.run.state);
                }
                let row = CycleRow {
                    cycle,
                    capacity_ah: health.capacity_ah,
                    lli_pct: Some(health.lithium_lost_pct),
                    lam_negative_pct: Some(health.negative_lost_pct),
                    lam_positive_pct: Some(health.positive_lost_pct),
                    resistance_ohm: health.resistance_ohm,
                };
                record.cycle(&row).map_err(Stopped::Record)?;
            }
            Ok(())
        }
    }
}

fn fault<E>(fault: CellFault) -> Stopped<E> {
    Stopped::Bench(BenchError::Cell(fault))
}

/// What was recorded until then stands; later steps would begin from a state that nobody asked for.
fn interrupted<E>(step: &Step, (cycle, number): (u32, u32), after_s: f64, why: String) -> Stopped<E> {
    let text = step.text.clone();
    Stopped::Bench(BenchError::Interrupted { cycle, step: number, text, after_s, why })
}

struct Bench<'a, M: Model> {
    run: Run<'a, M>,
    /// Of the cell when the cycle began.
    balance: Balance,
    every_s: f64,
}

impl<M: Model> Bench<'_, M> {
    fn row(&self, (cycle, step): (u32, u32)) -> Row {
        let clock = self.run.clock();
        Row {
            t_s: clock.t_s,
            cycle,
            step,
            current_a: self.run.seen.current_a,
            voltage_v: self.run.seen.voltage_v,
            temperature_c: clock.temperature_k - 273.15,
            soc: self.balance.soc(self.run.model().stoichiometry(&self.run.state)),
            discharged_ah: clock.discharged_c / 3600.0,
        }
    }

    fn rated_ah(&self) -> f64 {
        self.run.model().set().file.cell.capacity_ah
    }

    fn step<E>(
        &mut self,
        step: &Step,
        place: (u32, u32),
        record: &mut impl Record<E>,
    ) -> Result<(), Stopped<E>> {
        let steady = |now_a: f64| Drive::Current { now_a, slope_a_per_s: 0.0 };
        let (drive, sign) = match step.action {
            Action::Rest => (steady(0.0), 0.0),
            Action::Hold(voltage_v) => (Drive::Voltage(voltage_v), 0.0),
            Action::Load(Rate::C(rate)) => (steady(rate * self.rated_ah()), rate),
            Action::Load(Rate::Current(current_a)) => (steady(current_a), current_a),
            Action::Load(Rate::Power(power_w)) => (Drive::Power(power_w), power_w),
        };
        let begun_s = self.run.clock().t_s;
        let why = match self.run.begin(drive) {
            Ok(()) => {
                record.row(&self.row(place)).map_err(Stopped::Record)?;
                self.pass(step, sign, begun_s, place, record)?
            }
            Err(error @ CellFault::Infeasible { .. }) => {
                return Err(interrupted(step, place, 0.0, error.to_string()));
            }
            Err(error) => return Err(fault(error)),
        };
        // What holds for the first cycle holds for the others.
        if let (Some(why), 1) = (why, place.0) {
            let after_s = self.run.clock().t_s - begun_s;
            record.note(format!("step {} (`{}`) ended after {after_s:.0} s: {why}", place.1, step.text));
        }
        Ok(())
    }

    /// Goes through a step whose load is on; why it ended, when not as asked for.
    fn pass<E>(
        &mut self,
        step: &Step,
        sign: f64,
        begun_s: f64,
        place: (u32, u32),
        record: &mut impl Record<E>,
    ) -> Result<Option<String>, Stopped<E>> {
        let mut ends = Vec::new();
        let mut until_s = begun_s + STEP_MAX_S;
        let mut is_limited = sign == 0.0;
        for asked in &step.ends {
            match *asked {
                Asked::After(seconds) => until_s = until_s.min(begun_s + seconds),
                Asked::Voltage(voltage_v) => {
                    is_limited = true;
                    ends.push(if sign > 0.0 {
                        End::VoltageBelow(voltage_v)
                    } else {
                        End::VoltageAbove(voltage_v)
                    });
                }
                Asked::Current(current_a) => ends.push(End::CurrentBelow(current_a)),
                Asked::CRate(rate) => ends.push(End::CurrentBelow(rate * self.rated_ah())),
                Asked::Soc(soc) => {
                    let row = self.row(place);
                    let charge_c = 3600.0 * (row.discharged_ah + (row.soc - soc) * self.balance.capacity_ah);
                    // A hold may charge or discharge towards its state of charge.
                    let falls = sign > 0.0 || (sign == 0.0 && self.run.seen.current_a > 0.0);
                    ends.push(if falls {
                        End::DischargedAbove(charge_c)
                    } else {
                        End::DischargedBelow(charge_c)
                    });
                }
            }
        }
        let asked_for = ends.len();
        if !is_limited {
            let limits = &self.run.model().set().file.cell;
            ends.push(if sign > 0.0 {
                End::VoltageBelow(limits.voltage_min_v)
            } else {
                End::VoltageAbove(limits.voltage_max_v)
            });
        }
        let mut row_s = begun_s + self.every_s;
        let ended = loop {
            let ended = self.run.go(row_s.min(until_s), &ends, |_, _| {}).map_err(fault)?;
            let now_s = self.run.clock().t_s;
            if ended.is_some() || now_s >= until_s {
                break ended;
            }
            record.row(&self.row(place)).map_err(Stopped::Record)?;
            row_s += self.every_s;
            if now_s - begun_s > 0.999 * STEP_MAX_S {
                let (cycle, number) = place;
                return Err(Stopped::Bench(BenchError::Endless {
                    cycle,
                    step: number,
                    text: step.text.clone(),
                }));
            }
        };
        if self.run.clock().t_s > begun_s {
            record.row(&self.row(place)).map_err(Stopped::Record)?;
        }
        Ok(match ended {
            Some(Ended::At(k)) if k >= asked_for => Some("the cell is at its voltage limit".into()),
            None | Some(Ended::At(_)) => None,
            Some(why) => {
                let after_s = self.run.clock().t_s - begun_s;
                return Err(interrupted(step, place, after_s, why.to_string()));
            }
        })
    }

    /// Follows a recorded current, linear between its points.
    fn follow<E>(&mut self, file: &CurrentFile, record: &mut impl Record<E>) -> Result<(), Stopped<E>> {
        let place = (1, 1);
        let mut row_s = self.every_s;
        let mut is_first = true;
        for pair in file.points().windows(2) {
            let ((from_s, from_a), (to_s, to_a)) = (pair[0], pair[1]);
            let slope_a_per_s = (to_a - from_a) / (to_s - from_s);
            self.run.begin(Drive::Current { now_a: from_a, slope_a_per_s }).map_err(fault)?;
            if std::mem::take(&mut is_first) {
                record.row(&self.row(place)).map_err(Stopped::Record)?;
            }
            loop {
                let until_s = to_s.min(row_s);
                if let Some(ended) = self.run.go(until_s, &[], |_, _| {}).map_err(fault)? {
                    debug_assert!(!matches!(ended, Ended::At(_)), "there are no ends to reach");
                    record.row(&self.row(place)).map_err(Stopped::Record)?;
                    let (t_s, empty) = (self.run.clock().t_s, self.run.seen.current_a > 0.0);
                    return Err(Stopped::Bench(BenchError::Exhausted { t_s, empty }));
                }
                if until_s >= row_s {
                    record.row(&self.row(place)).map_err(Stopped::Record)?;
                    row_s += self.every_s;
                }
                if until_s >= to_s {
                    break;
                }
            }
        }
        if self.run.clock().t_s > row_s - self.every_s + 1e-6 {
            record.row(&self.row(place)).map_err(Stopped::Record)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use twin::battery::particle::cell::{CellModel, Heat, Kind, Options};
    use twin::battery::particle::set::{self, ParticleSet};

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

    fn kept(text: &str, kind: Kind, mechanisms: &str, cycles: u32) -> Kept {
        let (kept, done) = tried(text, kind, mechanisms, cycles);
        done.unwrap();
        kept
    }

    fn tried(
        text: &str,
        kind: Kind,
        mechanisms: &str,
        cycles: u32,
    ) -> (Kept, Result<(), Stopped<Infallible>>) {
        let set = ParticleSet::of(set::find("Chen2020").unwrap()).unwrap();
        let options =
            Options { heat: Heat::Lumped, mechanisms: mechanisms.parse().unwrap(), ..Options::new(kind) };
        let model = CellModel::new(set, options).unwrap();
        let start = Start { state: model.as_published(25.0), ambient_c: 25.0, every_s: 60.0 };
        let program = Program::Protocol { protocol: text.parse().unwrap(), cycles };
        let mut kept = Kept::default();
        let done = run(&model, start, &program, &mut kept);
        (kept, done)
    }

    #[test]
    fn the_usual_cycle_ends_where_it_is_told_to() {
        let text = "discharge 1C until 2.5V; rest 5min; charge 0.5C until 4.2V; hold 4.2V until C/20";
        for kind in [Kind::Spm, Kind::Spme] {
            let kept = kept(text, kind, "sei-solvent", 2);
            let end = |step| *kept.rows.iter().rfind(|row| row.step == step && row.cycle == 1).unwrap();
            assert!((end(1).voltage_v - 2.5).abs() < 1e-6, "{:?}", end(1));
            assert!((end(2).t_s - end(1).t_s - 300.0).abs() < 1e-6);
            assert!((end(3).voltage_v - 4.2).abs() < 1e-6 && (end(3).current_a + 2.5).abs() < 1e-9);
            assert!((end(4).current_a + 0.25).abs() < 1e-6 && (end(4).voltage_v - 4.2).abs() < 1e-6);
            assert_eq!(kept.cycles.len(), 2);
            assert!(
                kept.cycles[1].lli_pct > kept.cycles[0].lli_pct && kept.notes.is_empty(),
                "{:?}",
                kept.notes
            );
        }
    }

    #[test]
    fn what_cannot_be_is_told_and_nothing_falls_over() {
        let kept = kept("discharge 1C for 3h; rest 1h; charge 1C until 4.3V; rest 1h", Kind::Spme, "", 1);
        assert!(kept.notes.iter().any(|note| note.contains("voltage limit")), "{:?}", kept.notes);
        assert!(kept.rows.iter().all(|row| row.voltage_v.is_finite() && row.temperature_c.is_finite()));
    }

    #[test]
    fn a_step_that_cannot_go_on_ends_the_program_and_what_stands_is_kept() {
        for (text, kind, at, says) in [
            // More power than there is, at once and after a while.
            ("rest 10min; discharge 5000W for 1h; rest 1h", Kind::Spme, 2, "5000 W cannot be had"),
            // A voltage so low that something gives out before it is reached.
            ("discharge 15W until 0.1V; rest 1h", Kind::Spme, 1, "broke off after"),
        ] {
            let (kept, done) = tried(text, kind, "", 1);
            let Err(Stopped::Bench(error @ BenchError::Interrupted { step, .. })) = done else {
                panic!("{text}: {done:?}");
            };
            assert!(step == at && error.to_string().contains(says), "{text}: {error}");
            assert!(!kept.rows.is_empty() && kept.rows.iter().all(|row| row.step <= at), "{text}");
            assert!(kept.rows.iter().all(|row| row.voltage_v.is_finite()), "{text}");
        }
    }

    #[test]
    fn clogging_is_taken_with_the_others() {
        let cycle = "discharge 1C until 2.5V; charge 1C until 4.2V; hold 4.2V until C/20";
        let kept = kept(cycle, Kind::Spme, "sei-reaction,pore-clogging", 2);
        assert!(kept.cycles.len() == 2 && kept.cycles[1].lli_pct > Some(0.0), "{:?}", kept.cycles);
    }

    #[test]
    fn power_and_state_of_charge_are_met() {
        let kept = kept("discharge 10W until 50%; charge 5W for 10min", Kind::Spme, "", 1);
        let half = kept.rows.iter().rfind(|row| row.step == 1).unwrap();
        assert!((half.soc - 0.5).abs() < 1e-6, "{half:?}");
        for row in &kept.rows {
            let wanted_w = if row.step == 1 { 10.0 } else { -5.0 };
            assert!((row.current_a * row.voltage_v - wanted_w).abs() < 1e-3, "{row:?}");
        }
    }
}
