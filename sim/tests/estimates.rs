//! What live twins believe, scored with the hidden truth of simulated hardware: sensors with bias, noise, steps and losses,
//! and faults that begin after half of the time.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;
use sim::plant::{Fleet, Plant};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::estimate::{Sensor, Wrong};
use twin::battery::integrate::Stepping;
use twin::battery::library;
use twin::live::Measured;
use twin::live::battery::{Registered, Subject};
use twin::rng::{Seed, Stream};
use twin::time::Time;

/// Couriers, home storage and delivery vans: three chemistries, rates from 0.2 to 1, from a cold shed to a hot yard.
const SCENARIO: &str = "
name: scored
start: 2026-01-01
horizon_days: 10
seed: 3
climate: { constant_c: 22 }
batteries:
  nca: { chemistry: nca-gr-panasonic-3ah, series: 13, parallel: 4, price: 400 }
  nmc: { chemistry: nmc811-grsi-lg-m50-5ah, series: 14, parallel: 6, price: 400 }
  lfp: { chemistry: lfp-gr-sony-murata-3ah, series: 16, parallel: 80, price: 400 }
packs:
  - name: courier
    battery: nca
    count: 50
    initial_soc: 0.8
    room_c: 30
    duty:
      kind: daily
      steps:
        - { at_hour: 7,  c_rate: 0.6,  until_soc: 0.45 }
        - { at_hour: 9,  c_rate: 0.3,  until_soc: 0.25 }
        - { at_hour: 12, c_rate: -0.5, until_soc: 0.8 }
        - { at_hour: 15, c_rate: 0.8,  until_soc: 0.3 }
        - { at_hour: 19, c_rate: -0.3, until_soc: 0.9 }
  - name: van
    battery: nmc
    count: 50
    initial_soc: 0.6
    room_c: 12
    duty:
      kind: daily
      steps:
        - { at_hour: 6,  c_rate: 1.0,  until_soc: 0.4 }
        - { at_hour: 8,  c_rate: 0.5,  until_soc: 0.2 }
        - { at_hour: 11, c_rate: -0.6, until_soc: 0.7 }
        - { at_hour: 14, c_rate: 0.7,  until_soc: 0.35 }
        - { at_hour: 20, c_rate: -0.4, until_soc: 0.95 }
  - name: home
    battery: lfp
    count: 50
    initial_soc: 0.5
    room_c: 20
    duty:
      kind: daily
      steps:
        - { at_hour: 9,  c_rate: -0.25, until_soc: 0.98 }
        - { at_hour: 17, c_rate: 0.2,   until_soc: 0.5 }
        - { at_hour: 20, c_rate: 0.4,   until_soc: 0.12 }
";

/// A report a minute for two days; the fault begins after the first.
const REPORTS: i64 = 2 * 1_440;
const BEGINS: i64 = 1_440;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    None,
    VoltageStuck,
    VoltageNoisy,
    CurrentStuck,
    CurrentOff,
    TemperatureStuck,
    DropOuts,
}

/// Of ten batteries four are sound.
const FAULTS: [Fault; 10] = [
    Fault::None,
    Fault::VoltageStuck,
    Fault::None,
    Fault::CurrentStuck,
    Fault::CurrentOff,
    Fault::None,
    Fault::TemperatureStuck,
    Fault::VoltageNoisy,
    Fault::None,
    Fault::DropOuts,
];

impl Fault {
    fn is(self, sensor: Sensor, wrong: &Wrong) -> bool {
        matches!(
            (self, sensor, wrong),
            (Self::VoltageStuck, Sensor::Voltage, Wrong::Stuck { .. })
                | (Self::VoltageNoisy, Sensor::Voltage, Wrong::Noisy { .. })
                | (Self::CurrentStuck, Sensor::Current, Wrong::Stuck { .. })
                | (Self::CurrentOff, Sensor::Current, Wrong::Off { .. })
                | (Self::TemperatureStuck, Sensor::Temperature, Wrong::Stuck { .. })
        )
    }
}

fn subject(plant: &Plant) -> Subject {
    let spec = plant.spec();
    let file = library::find(spec["chemistry"].as_str().unwrap()).unwrap();
    Subject::of(&Registered {
        cell: Some(Arc::new(CellModel::compile(file).unwrap())),
        series: spec["series"].as_f64(),
        parallel: spec["parallel"].as_f64(),
        ..Registered::default()
    })
}

/// What goes wrong on the way from the sensors.
struct Broken {
    fault: Fault,
    held: Option<BTreeMap<String, f64>>,
    silent: u32,
    rated_ah: f64,
    stream: Stream,
}

impl Broken {
    /// The row as it arrives, where it does.
    fn pass(&mut self, reports: Vec<Value>, has_begun: bool) -> Option<(Time, BTreeMap<String, f64>)> {
        // A second copy of a report is the host's to drop.
        let Value::Object(report) = reports.into_iter().next()? else { return None };
        let at = Time(report["ts"].as_i64()?);
        let values = report.into_iter().filter(|(key, _)| key != "ts");
        let mut row: BTreeMap<String, f64> =
            values.filter_map(|(key, value)| Some((key, value.as_f64()?))).collect();
        if has_begun {
            let held = self.held.get_or_insert_with(|| row.clone());
            let mut stand_still = |metric: &str| {
                let shown = held[metric];
                row.entry(metric.to_owned()).and_modify(|value| *value = shown);
            };
            match self.fault {
                Fault::None => {}
                Fault::VoltageStuck => stand_still("voltage_v"),
                Fault::CurrentStuck => stand_still("current_a"),
                Fault::TemperatureStuck => stand_still("temperature_c"),
                Fault::CurrentOff => *row.get_mut("current_a")? += 0.02 * self.rated_ah,
                Fault::VoltageNoisy => {
                    let normal: f64 = StandardNormal.sample(&mut self.stream);
                    *row.get_mut("voltage_v")? *= 1.0 + 0.01 * normal;
                }
                Fault::DropOuts => {
                    if self.silent == 0 && self.stream.random::<f64>() < 0.01 {
                        self.silent = self.stream.random_range(10..180);
                    }
                }
            }
        }
        if self.silent > 0 {
            self.silent -= 1;
            return None;
        }
        Some((at, row))
    }
}

#[derive(Default)]
struct Score {
    batteries: f64,
    named: f64,
    after_min: Vec<i64>,
    others: f64,
    before: f64,
    rms: Vec<f64>,
    within_80: f64,
    within_2: f64,
    count: f64,
    soh_error: f64,
    soh_within: f64,
}

fn score(plant: &mut Plant, start: Time, fault: Fault, scores: &mut [&mut Score]) {
    let subject = subject(plant);
    let stream = Seed(11).stream(plant.name(), "fault", 0);
    let rated_ah = subject.rated_ah().unwrap();
    let mut broken = Broken { fault, held: None, silent: 0, rated_ah, stream };
    let mut measured = Measured::default();
    let (mut named, mut others, mut before) = (None, false, false);
    let (mut squares, mut within, mut count) = (0.0, [0.0; 2], 0.0);
    for minute in 0..REPORTS {
        let now = start + minute * 60_000;
        let reports = plant.report(now);
        let Some((at, row)) = broken.pass(reports, minute >= BEGINS) else { continue };
        let row: Vec<(&str, f64)> = row.iter().map(|(metric, value)| (metric.as_str(), *value)).collect();
        measured.observe(Some(&subject), at, &row);
        let told = measured.estimate(Some(&subject), at).unwrap();
        for found in &told.faults {
            match (minute >= BEGINS, fault.is(found.sensor, &found.wrong)) {
                (true, true) => named = named.or(Some(minute - BEGINS)),
                (true, false) => others = true,
                (false, _) => before = true,
            }
        }
        if fault == Fault::DropOuts && minute >= BEGINS && told.gaps > 0 {
            named = named.or(Some(minute - BEGINS));
        }
        if minute >= 60 {
            let (soc, truth) = (told.soc.unwrap(), plant.truth(now).soc);
            let error = (soc.mean - truth).abs();
            squares += error * error;
            within[0] += f64::from(u8::from(error < 1.2816 * soc.std));
            within[1] += f64::from(u8::from(error < 2.0 * soc.std));
            count += 1.0;
        }
    }
    let (truth, told) = (plant.truth(start + REPORTS * 60_000), measured.estimate(Some(&subject), start));
    let soh = told.unwrap().soh.unwrap();
    for score in scores {
        score.batteries += 1.0;
        score.named += f64::from(u8::from(named.is_some()));
        score.after_min.extend(named);
        score.others += f64::from(u8::from(others));
        score.before += f64::from(u8::from(before));
        score.rms.push(100.0 * (squares / count).sqrt());
        score.within_80 += within[0];
        score.within_2 += within[1];
        score.count += count;
        score.soh_error += 100.0 * (soh.mean - truth.soh).abs();
        score.soh_within += f64::from(u8::from((soh.mean - truth.soh).abs() < 2.0 * soh.std));
    }
}

impl Score {
    fn tell(&mut self, name: &str) {
        self.rms.sort_by(f64::total_cmp);
        self.after_min.sort_unstable();
        let percent = |sum: f64| 100.0 * sum / self.batteries;
        println!(
            "| {name} | {} | {:.0} % | {} | {:.0} % | {:.0} % | {:.2} %, {:.2} % | {:.0} %, {:.0} % | {:.1} %, {:.0} % |",
            self.batteries,
            percent(self.named),
            self.after_min.get(self.after_min.len() / 2).map_or("–".to_owned(), |m| format!("{m} min")),
            percent(self.others),
            percent(self.before),
            self.median(),
            self.rms[self.rms.len() * 9 / 10],
            100.0 * self.within_80 / self.count,
            100.0 * self.within_2 / self.count,
            self.soh_error / self.batteries,
            percent(self.soh_within),
        );
    }

    fn median(&self) -> f64 {
        self.rms[self.rms.len() / 2]
    }
}

#[test]
fn live_twins_are_near_the_truth_and_name_what_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scored.yaml");
    std::fs::write(&path, SCENARIO).unwrap();
    let plan = sim::scenario::load(&path, &[], &sim::experiment::known()).unwrap();
    let models = sim::engine::prepare::<std::convert::Infallible>(&plan).unwrap();
    let stepping = Stepping { soc_max: 0.02, active_max_s: 60.0, rest_max_s: 600.0 };
    let mut fleet = Fleet::of(&models[0], stepping);
    assert_eq!(fleet.plants.len(), 150);
    let start = fleet.start;
    let mut by_fault: BTreeMap<Fault, Score> = BTreeMap::new();
    let mut sound_by_make: BTreeMap<String, Score> = BTreeMap::new();
    for (number, plant) in fleet.plants.iter_mut().enumerate() {
        let fault = FAULTS[number % FAULTS.len()];
        let of_fault = by_fault.entry(fault).or_default();
        if fault == Fault::None {
            let make = plant.spec()["chemistry"].as_str().unwrap().to_owned();
            score(plant, start, fault, &mut [of_fault, sound_by_make.entry(make).or_default()]);
        } else {
            score(plant, start, fault, &mut [of_fault]);
        }
    }
    println!(
        "| fault | batteries | named | after, median | others beside | any before | SoC RMSE median, p90 | within 80 %, 2σ | SoH error, within 2σ |"
    );
    by_fault.iter_mut().for_each(|(fault, score)| score.tell(&format!("{fault:?}")));
    sound_by_make.iter_mut().for_each(|(make, score)| score.tell(make));
    let share = |fault: Fault, of: fn(&Score) -> f64| of(&by_fault[&fault]) / by_fault[&fault].batteries;
    assert!(by_fault[&Fault::None].median() < 3.0);
    assert!(by_fault[&Fault::None].within_2 / by_fault[&Fault::None].count > 0.8);
    for (fault, least) in [
        (Fault::VoltageStuck, 0.9),
        (Fault::VoltageNoisy, 0.7),
        (Fault::DropOuts, 0.9),
        (Fault::CurrentOff, 0.6),
        (Fault::CurrentStuck, 0.6),
        (Fault::TemperatureStuck, 0.4),
    ] {
        assert!(share(fault, |score| score.named) >= least, "{fault:?}");
    }
    assert!(share(Fault::None, |score| score.before) < 0.2);
}
