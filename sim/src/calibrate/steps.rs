//! One fit after the other.

use super::{Aged, CalibrateError, Inputs, Outcome, Part, Reproduced, Request, Role};
use std::path::Path;
use twin::battery::chemistry::ChemistryFile;
use twin::battery::fit::life::History;
use twin::battery::fit::survey::{Survey, survey};
use twin::battery::fit::{Missing, Record, circuit, heat, life, ocv};
use twin::battery::library;

/// Nodes of the resistances over state of charge: closer near empty, where they rise.
const SOC: [f64; 15] = [0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.26, 0.32, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
/// Residuals of a record that are fitted at most.
const SAMPLES: usize = 3000;
/// Bounds of the fast time constant [s]. assumed: what sampling once a second can tell.
const TAU1_S: (f64, f64) = (2.0, 100.0);
/// A time constant whose logarithm has a larger deviation is not determined.
const VAGUE: f64 = 0.5;
/// The open-circuit voltage may be corrected where a slow branch was measured beside dynamic data.
const DRAWN: usize = 500;

struct Work<'a> {
    request: &'a Request,
    chemistry: ChemistryFile,
    outcome: Outcome,
    lacking: Vec<String>,
}

/// Fits whatever was asked for, or whatever the data allow; `told` hears how far it is.
///
/// # Errors
/// When the data lack what was asked for, or nothing can be fitted at all.
pub fn calibrate(
    request: &Request,
    data: &Inputs,
    predict: &Inputs,
    mut told: impl FnMut(&str),
) -> Result<Outcome, CalibrateError> {
    let mut chemistry = request.base.clone();
    chemistry.name = request.name.clone();
    chemistry.published_as = request.name.clone();
    let outcome = Outcome {
        chemistry: chemistry.clone(),
        fitted: Vec::new(),
        figures: Vec::new(),
        notes: Vec::new(),
        records: Vec::new(),
        histories: Vec::new(),
    };
    let mut work = Work { request, chemistry, outcome, lacking: Vec::new() };
    let slow = work.open_circuit(data, &mut told)?;
    // A slow branch has told what it can; what it shows of fast processes is nothing.
    let lively: Vec<Record> =
        data.records.iter().filter(|record| !slow.contains(&record.name)).cloned().collect();
    work.circuit(&lively, !slow.is_empty(), &mut told)?;
    work.heat(&lively, &mut told)?;
    work.life(&data.histories, &mut told)?;
    if work.outcome.fitted.is_empty() {
        return Err(CalibrateError::Nothing(work.lacking));
    }
    work.sources();
    library::check(&work.chemistry).map_err(CalibrateError::Senseless)?;
    work.reproduce(data, &slow, Role::Fitted);
    work.reproduce(predict, &[], Role::Predicted);
    let Work { chemistry, mut outcome, lacking, .. } = work;
    outcome.notes.extend(lacking);
    outcome.chemistry = chemistry;
    Ok(outcome)
}

impl Work<'_> {
    fn wants(&self, part: Part) -> bool {
        self.request.parts.is_empty() || self.request.parts.contains(&part)
    }

    /// Something is missing: refused where the part was asked for by name, noted otherwise.
    fn lacks(&mut self, part: Part, missing: Vec<Missing>) -> Result<(), CalibrateError> {
        if self.request.parts.contains(&part) {
            return Err(CalibrateError::Missing(missing));
        }
        self.lacking.extend(missing.iter().map(|missing| format!("{}: {missing}", part.name())));
        Ok(())
    }

    /// Open-circuit voltage and hysteresis; names of the records that were used up.
    fn open_circuit(
        &mut self,
        data: &Inputs,
        told: &mut impl FnMut(&str),
    ) -> Result<Vec<String>, CalibrateError> {
        let (ocv, gap) = (self.wants(Part::Ocv), self.wants(Part::Hysteresis));
        if !ocv && !gap {
            return Ok(Vec::new());
        }
        told("open-circuit voltage");
        let before = (self.chemistry.ocv.clone(), self.chemistry.hysteresis.clone());
        let mut names = Vec::new();
        let has_gap;
        if let Some(table) = data.tables.first() {
            self.chemistry = ocv::from_table(&self.chemistry, table);
            has_gap = table.half_gap_v.is_some();
            names.push(table.name.clone());
        } else {
            match ocv::fit(&self.chemistry, &data.records) {
                Ok(found) => {
                    has_gap = found.branches.len() > 1;
                    names.extend(found.branches.iter().map(|branch| branch.record.clone()));
                    names.dedup();
                    self.chemistry = found.chemistry;
                    self.outcome.figures.extend(found.figures);
                    self.outcome.notes.extend(found.notes);
                }
                Err(missing) => {
                    let part = if ocv { Part::Ocv } else { Part::Hysteresis };
                    if !(data.records.is_empty() && self.request.parts.is_empty()) {
                        self.lacks(part, vec![missing])?;
                    }
                    return Ok(Vec::new());
                }
            }
        }
        if gap && !has_gap {
            let missing = Missing::Data {
                parameter: "hysteresis",
                lacks: "no slow charge beside the slow discharge".into(),
                remedy: "add a slow charge from empty, or leave hysteresis out of --fit",
            };
            self.lacks(Part::Hysteresis, vec![missing])?;
        }
        let source = self.fitted_to(&names);
        if ocv {
            self.chemistry.ocv.source = source.clone();
            self.outcome.fitted.push((Part::Ocv, names.clone()));
        } else {
            self.chemistry.ocv = before.0;
        }
        if gap && has_gap {
            self.chemistry.hysteresis.source = format!("{source}; gamma as in {}", self.request.base.name);
            self.outcome.fitted.push((Part::Hysteresis, names.clone()));
        } else {
            self.chemistry.hysteresis = before.1;
        }
        let whole = |name: &String| data.records.iter().any(|record| record.name == *name);
        Ok(names.into_iter().filter(whole).collect())
    }

    fn circuit(
        &mut self,
        records: &[Record],
        refine_ocv: bool,
        told: &mut impl FnMut(&str),
    ) -> Result<(), CalibrateError> {
        if !self.wants(Part::Circuit) || (records.is_empty() && self.request.parts.is_empty()) {
            return Ok(());
        }
        let usable: Vec<Record> =
            records.iter().filter(|record| record.begins_at(&self.chemistry).is_some()).cloned().collect();
        let left_out = records.len() - usable.len();
        if left_out > 0 {
            self.outcome.notes.push(format!(
                "circuit: {left_out} of {} records begin under load at an unknown state of charge and are not used; \
                 say FILE@soc=…",
                records.len()
            ));
        }
        if usable.is_empty() {
            let lacks = if records.is_empty() {
                "there is no record of voltage and current beside the slow one".to_owned()
            } else {
                "every record begins under load, at a state of charge that nobody knows".to_owned()
            };
            let remedy = "add a record that begins at rest, or say FILE@soc=… or --initial-soc";
            return self.lacks(Part::Circuit, vec![Missing::Data { parameter: "circuit", lacks, remedy }]);
        }
        let found: Survey = survey(&usable, self.chemistry.cell.capacity_ah);
        let base = &self.request.base.circuit;
        let mut keep_tau2 = self.request.keep_tau2;
        let tau2_s = if keep_tau2 { 0.0 } else { base.tau2_s };
        if let Err(missing) = found.circuit(base.tau1_s.clamp(TAU1_S.0, TAU1_S.1), tau2_s) {
            let only_slow =
                missing.iter().all(|m| matches!(m, Missing::Data { parameter: "r2 and tau2", .. }));
            self.lacks(Part::Circuit, missing)?;
            if !only_slow {
                return Ok(());
            }
            self.outcome.notes.push(format!("circuit: tau2 is the base's, {} s", base.tau2_s));
            keep_tau2 = true;
        }
        let temperature_c = match self.request.temperature_c.as_slice() {
            [] => found.temperatures_c.clone(),
            given => given.to_vec(),
        };
        if temperature_c.len() < 2 {
            self.outcome.notes.push(format!(
                "circuit: data at {} °C only; how resistances depend on temperature is the base's (activation energies of \
                 {}, {} and {} J/mol)",
                temperature_c.first().copied().unwrap_or(25.0),
                base.r0_ohm.activation_energy_j_per_mol,
                base.r1_ohm.activation_energy_j_per_mol,
                base.r2_ohm.activation_energy_j_per_mol
            ));
        }
        let plan = circuit::Plan {
            soc: SOC.to_vec(),
            temperature_c,
            knee: self.request.knee,
            refine_ocv: refine_ocv && self.wants(Part::Ocv),
            tau2: !keep_tau2,
            tau1_s: TAU1_S,
            tau2_s: self.request.tau2_s,
            starts: self.request.starts,
            samples_max: SAMPLES,
            seed: self.request.seed,
        };
        let fit = circuit::fit(&self.chemistry, &usable, &plan, |start, iteration, rms_v| {
            told(&format!("circuit, start {}, iteration {iteration}: {:.1} mV", start + 1, 1e3 * rms_v));
        });
        for (parameter, deviation, fitted) in
            [("tau1", fit.tau_deviation[0], true), ("tau2", fit.tau_deviation[1], !keep_tau2)]
        {
            if fitted && (deviation.is_nan() || deviation >= VAGUE) {
                let missing = Missing::Vague {
                    parameter,
                    deviation_pct: 100.0 * deviation.min(99.0),
                    remedy: "add pulses with rests of half an hour, or keep the base's (--keep tau2)",
                };
                return self.lacks(Part::Circuit, vec![missing]);
            }
        }
        let names: Vec<String> = usable.iter().map(|record| record.name.clone()).collect();
        self.chemistry = fit.chemistry;
        self.chemistry.circuit.source = self.fitted_to(&names);
        if plan.refine_ocv {
            self.chemistry.ocv.source.push_str(", corrected by at most 80 mV with the circuit");
        }
        let blind = fit.figures.iter().filter(|figure| figure.interval.is_none()).count();
        if blind > 0 {
            self.outcome.notes.push(format!(
                "circuit: {blind} of {} figures lie where the data say nothing and follow their neighbours",
                fit.figures.len()
            ));
        }
        self.outcome.figures.extend(fit.figures);
        self.outcome.fitted.push((Part::Circuit, names));
        Ok(())
    }

    fn heat(&mut self, records: &[Record], told: &mut impl FnMut(&str)) -> Result<(), CalibrateError> {
        if !self.wants(Part::Heat) || (records.is_empty() && self.request.parts.is_empty()) {
            return Ok(());
        }
        told("heat");
        match heat::fit(&self.chemistry, records) {
            Ok((chemistry, figures)) => {
                self.chemistry = chemistry;
                self.outcome.figures.extend(figures);
                let names = records.iter().map(|record| record.name.clone()).collect();
                self.outcome.fitted.push((Part::Heat, names));
                Ok(())
            }
            Err(missing) => self.lacks(Part::Heat, vec![missing]),
        }
    }

    fn life(&mut self, histories: &[History], told: &mut impl FnMut(&str)) -> Result<(), CalibrateError> {
        if !self.wants(Part::Life) || (histories.is_empty() && self.request.parts.is_empty()) {
            self.outcome.notes.push(format!("life: that of {}", self.request.base.name));
            return Ok(());
        }
        told("life");
        match life::fit(&self.chemistry, histories) {
            Ok(found) => {
                self.chemistry = found.chemistry;
                let names: Vec<String> = histories.iter().map(|history| history.name.clone()).collect();
                self.chemistry.life.source =
                    format!("{}; rates {}", self.request.base.life.source, self.fitted_to(&names));
                self.outcome.figures.extend(found.figures);
                self.outcome.notes.extend(found.notes);
                self.outcome.fitted.push((Part::Life, names));
                Ok(())
            }
            Err(missing) => self.lacks(Part::Life, vec![missing]),
        }
    }

    /// `fitted to a.csv, b.csv (Kollmeyer 2017, doi …)`, with file names and no folders.
    fn fitted_to(&self, names: &[String]) -> String {
        let plain = |name: &String| {
            let (file, segment) = name.split_once(" [").map_or((name.as_str(), ""), |(file, s)| (file, s));
            let file = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
            if segment.is_empty() { file.into_owned() } else { format!("{file} [{segment}") }
        };
        let mut names: Vec<String> = names.iter().map(plain).collect();
        names.sort();
        names.dedup();
        let shown = if names.len() > 40 {
            format!("{} and {} more", names[..40].join(", "), names.len() - 40)
        } else {
            names.join(", ")
        };
        match &self.request.source {
            Some(source) => format!("fitted to {shown} of {source}"),
            None => format!("fitted to {shown}"),
        }
    }

    /// Puts where everything is from into the chemistry.
    fn sources(&mut self) {
        let parts: Vec<&str> = self.outcome.fitted.iter().map(|(part, _)| part.name()).collect();
        let from = self.request.source.as_deref().unwrap_or("measured data of the user");
        let base = &self.request.base;
        self.chemistry.sources =
            [vec![format!("{} calibrated to {from}", parts.join(", "))], base.sources.clone()].concat();
        if base.name != self.chemistry.name {
            self.chemistry.title = format!("{}, calibrated from {}", self.chemistry.name, base.name);
        }
        if !parts.contains(&"life") {
            self.chemistry.cautions.push(format!("The life model is that of {}.", base.name));
        }
    }

    fn reproduce(&mut self, inputs: &Inputs, slow: &[String], role: Role) {
        for record in inputs.records.iter().filter(|record| !slow.contains(&record.name)) {
            let residuals = circuit::residuals(&self.chemistry, record);
            if let Some(found) = reproduced(record, &residuals, role) {
                self.outcome.records.push(found);
            }
        }
        for history in &inputs.histories {
            let Some(first) = history.points.first() else { continue };
            // The first capacity of a cell is its own: the best one is found for a fitted and a predicted history alike
            // from its first fifth.
            let relative = life::foreseen(&self.chemistry, history, 1.0);
            let early = (history.points.len() / 5).max(1);
            let first_ah = history.points[..early]
                .iter()
                .zip(&relative)
                .map(|(point, relative)| point.capacity_ah / relative.max(1e-9))
                .sum::<f64>()
                / early as f64;
            let first_ah = if first_ah.is_finite() { first_ah } else { first.capacity_ah };
            let course: Vec<(f64, f64, f64)> = history
                .points
                .iter()
                .zip(&relative)
                .map(|(point, relative)| (point.cycle, point.capacity_ah, relative * first_ah))
                .collect();
            let squares: f64 = course.iter().map(|(_, a, b)| (a - b) * (a - b)).sum();
            let rms_ah = (squares / course.len() as f64).sqrt();
            self.outcome.histories.push(Aged { name: history.name.clone(), role, rms_ah, course });
        }
    }
}

fn reproduced(record: &Record, residuals: &[f64], role: Role) -> Option<Reproduced> {
    if residuals.is_empty() {
        return None;
    }
    let n = residuals.len() as f64;
    let mut sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let every = residuals.len().div_ceil(DRAWN);
    let course = (0..residuals.len())
        .step_by(every)
        .map(|k| ((record.t_s[k] - record.t_s[0]) / 3600.0, record.voltage_v[k], residuals[k]))
        .collect();
    Some(Reproduced {
        name: record.name.clone(),
        role,
        ambient_c: record.ambient_c,
        rms_v: (residuals.iter().map(|r| r * r).sum::<f64>() / n).sqrt(),
        mean_v: residuals.iter().sum::<f64>() / n,
        median_v: sizes[sizes.len() / 2],
        most_v: sizes[sizes.len() - 1],
        course,
    })
}
