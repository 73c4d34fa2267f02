//! Lead-acid: discharges at the rates of the data sheet, and the one measured cycle.

use crate::data::{Drawn, Sources, differences, rms, rows};
use sim::results::figure::{Figure, Panel, Series};
use std::error::Error;
use std::sync::Arc;
use twin::battery::lead_acid::block::BlockModel;
use twin::battery::lead_acid::discharge::Load;
use twin::battery::lead_acid::string::{Charger, Stepping, StringModel};
use twin::battery::lead_acid::{Duty, LeadAcidBank};
use twin::battery::library;
use twin::forcing::Ambient;
use twin::time::{HOUR_MS, Time};

/// Durations, currents and capacities that the data sheet gives of a block [h], [A], [Ah].
const SHEET: [(&str, f64, f64); 3] = [("10 h", 12.0, 120.0), ("1 h", 95.0, 95.0), ("15 min", 250.0, 62.5)];

fn bank(temperature_c: f64) -> Result<LeadAcidBank, Box<dyn Error>> {
    let file = library::find("vrla-agm-12v-120ah").ok_or("it ships")?;
    let block = Arc::new(BlockModel::compile(&file, 6)?);
    let stepping = Stepping { depth: 0.002, ..Stepping::default() };
    let model = Arc::new(StringModel { stepping, ..StringModel::new(block, 1) });
    Ok(LeadAcidBank::drawn(model, 1, Ambient::constant(temperature_c), Time(0), None))
}

/// Voltage of a block over the charge that it has given, and all it gives.
fn discharged(mut bank: LeadAcidBank, current_a: f64) -> (Vec<f64>, Vec<f64>, f64) {
    let load = Load::Current { current_a };
    let seconds = bank.autonomy(load).seconds;
    bank.begin(Duty::Carry(load));
    let (mut ah, mut volts) = (Vec::new(), Vec::new());
    for k in 1..=160 {
        let t_s = seconds * 0.9999 * f64::from(k) / 160.0;
        bank.catch_up(Time((t_s * 1e3) as i64));
        ah.push(current_a * t_s / 3600.0);
        volts.push(6.0 * bank.strings()[0].blocks[0].cell_v);
    }
    (ah, volts, current_a * seconds / 3600.0)
}

/// Discharge curves by rate and by temperature, and capacity over rate.
pub(crate) fn rates(_: &Sources) -> Drawn {
    let mut by_rate = Vec::new();
    for (colour, (name, current_a, _)) in SHEET.iter().enumerate() {
        let (ah, volts, _) = discharged(bank(25.0)?, *current_a);
        by_rate.push(Series::line(format!("{name}, {current_a} A"), colour, ah, volts));
    }
    let mut by_warmth = Vec::new();
    for (colour, celsius) in [-3.9, 10.0, 25.0, 35.0].into_iter().enumerate() {
        let (ah, volts, _) = discharged(bank(celsius)?, 95.0);
        by_warmth.push(Series::line(format!("{celsius} °C").replace('-', "−"), colour, ah, volts));
    }
    let mut over_rate = Vec::new();
    for (colour, celsius) in [(0, 0.0), (2, 25.0), (3, 35.0)] {
        let currents: Vec<f64> = (0..40).map(|k| 6.0 * (460.0f64 / 6.0).powf(f64::from(k) / 39.0)).collect();
        let capacity = |bank: &LeadAcidBank| -> Vec<f64> {
            currents
                .iter()
                .map(|a| a * bank.autonomy(Load::Current { current_a: *a }).seconds / 3600.0)
                .collect()
        };
        let given = capacity(&bank(celsius)?);
        over_rate.push(Series::line(format!("{celsius} °C"), colour, currents, given));
    }
    let sheet = Series::points("data sheet", 1, SHEET.map(|p| p.1).to_vec(), SHEET.map(|p| p.2).to_vec());
    over_rate.push(sheet);
    let curve = |title: &str, series: Vec<Series>| Panel {
        title: title.into(),
        x_label: "discharged [Ah]".into(),
        y_label: "voltage of a block [V]".into(),
        height: 190.0,
        series,
        ..Panel::default()
    };
    let mut float = Vec::new();
    for (colour, celsius) in [(0, 15.0), (2, 25.0), (1, 35.0)] {
        let mut bank = bank(celsius)?;
        bank.begin(Duty::Idle(Charger::Float));
        let (mut years, mut capacity) = (vec![0.0], vec![100.0]);
        for month in 1..=(12 * 22) {
            bank.catch_up(Time(month * 730 * HOUR_MS));
            let held = bank.strings()[0].blocks[0].capacity;
            years.push(month as f64 / 12.0);
            capacity.push(100.0 * held);
            if held < 0.6 {
                break;
            }
        }
        float.push(Series::line(format!("{celsius} °C"), colour, years, capacity));
    }
    float.push(Series::dashed("end of life", 6, vec![0.0, 22.0], vec![80.0, 80.0]));
    Ok(Some(Figure {
        title: "A 12 V block of 120 Ah, vrla-agm-12v-120ah".into(),
        note: "Lines: this program. Dots: the three points of a typical data sheet that the file states (120 Ah in ten hours, 95 Ah in one, 62.5 Ah in a \
               quarter); between and beyond them and over temperature it follows the table named there. Float life halves per 10 K by rule; no ageing was measured."
            .into(),
        columns: 2,
        panels: vec![
            curve("Discharges at 25 °C", by_rate),
            curve("The discharge of an hour (95 A) by temperature", by_warmth),
            Panel {
                is_log: true,
                x_label: "current [A]".into(),
                y_label: "capacity [Ah]".into(),
                title: "Capacity over current".into(),
                height: 190.0,
                y_range: Some((30.0, 130.0)),
                series: over_rate,
            },
            Panel {
                title: "Years on float".into(),
                x_label: "years".into(),
                y_label: "capacity [% of rated]".into(),
                height: 190.0,
                y_range: Some((60.0, 102.0)),
                series: float,
                ..Panel::default()
            },
        ],
    }))
}

/// A block of 100 Ah that gives so much of it at 10 A until `end_v` per cell, on the charger of the experiment.
fn measured_block(given: f64, end_v: f64) -> Result<LeadAcidBank, Box<dyn Error>> {
    let mut file = library::find("vrla-agm-12v-120ah").ok_or("it ships")?;
    file.cell.capacity_ah = 100.0;
    file.cell.mass_kg = 5.0;
    let rate = file.rate_capacity.as_mut().ok_or("it has one")?;
    rate.point_duration_h.iter_mut().for_each(|h| *h *= given);
    rate.point_share.iter_mut().for_each(|share| *share *= given);
    let lead_acid = file.lead_acid.as_mut().ok_or("it has one")?;
    lead_acid.end_voltage.voltage_v.fill(end_v);
    lead_acid.float_control.boost_v = 14.955 / 6.0;
    if let Some(float) = &mut file.float {
        float.compensation_v_per_k = 0.0;
    }
    let block = Arc::new(BlockModel::compile(&file, 6)?);
    let stepping = Stepping { float_s: 60.0, charge_s: 60.0, depth: 0.002 };
    let model = StringModel { charge_current_max_a: 31.22, stepping, ..StringModel::new(block, 1) };
    Ok(LeadAcidBank::drawn(Arc::new(model), 1, Ambient::constant(25.0), Time(0), None))
}

/// When the experiment's charge begins and ends, and its discharge [s].
const CHARGE_S: (f64, f64) = (890.0, 21_150.0);
const DISCHARGE_S: (f64, f64) = (30_890.0, 64_120.0);

/// The measured cycle of a Universal UB121000, which voltage coefficients were fitted to.
pub(crate) fn cycle(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.datasets else { return Ok(None) };
    let rows = rows(
        &folder.join("vrla_ub121000/full_cycle_100Ah_5s.csv.gz"),
        &[],
        &["time_s", "voltage_V", "current_A"],
    )?;
    let within = |(from, to): (f64, f64), every: usize| -> Vec<[f64; 3]> {
        let rows = rows.iter().filter(move |(_, row)| (from..=to).contains(&row[0])).step_by(every);
        rows.map(|(_, row)| [row[0] - from, row[1], row[2]]).collect()
    };
    // The first minute of the charge is the end of what was before it.
    let charge: Vec<[f64; 3]> = within(CHARGE_S, 24).into_iter().filter(|row| row[0] > 60.0).collect();
    let mut bank = measured_block(1.0, 1.6)?;
    bank.begin(Duty::Carry(Load::Current { current_a: 10.0 }));
    // 94.2 Ah were missing, by the fit.
    bank.catch_up(Time((9.42 * HOUR_MS as f64) as i64));
    bank.begin(Duty::Idle(Charger::Boost));
    let begins = bank.at();
    let charged: Vec<[f64; 2]> = charge
        .iter()
        .map(|row| {
            bank.catch_up(begins + (row[0] * 1e3) as i64);
            let string = &bank.strings()[0];
            [6.0 * string.blocks[0].cell_v, -string.current_a]
        })
        .collect();
    let whole = within(DISCHARGE_S, 1);
    let last = *whole.last().ok_or("the experiment has a discharge")?;
    let discharge: Vec<[f64; 3]> =
        whole.into_iter().step_by(12).filter(|row| row[0] < last[0] - 30.0).collect();
    let mut bank = measured_block(10.0 * last[0] / 3600.0 / 100.0, last[1] / 6.0)?;
    bank.begin(Duty::Carry(Load::Current { current_a: 10.0 }));
    let volts: Vec<f64> = discharge
        .iter()
        .map(|row| {
            bank.catch_up(Time((row[0] * 1e3) as i64));
            6.0 * bank.strings()[0].blocks[0].cell_v
        })
        .collect();
    let hours = |rows: &[[f64; 3]]| -> Vec<f64> { rows.iter().map(|row| row[0] / 3600.0).collect() };
    let column = |rows: &[[f64; 3]], k: usize| -> Vec<f64> { rows.iter().map(|row| row[k]).collect() };
    let off: Vec<f64> = volts.iter().zip(&discharge).map(|(v, row)| 1e3 * (v - row[1])).collect();
    let settled = off.iter().zip(&discharge).filter(|(_, row)| row[0] > 510.0).map(|(off, _)| *off);
    let charge_off = charged.iter().zip(&charge).map(|(ours, row)| 1e3 * (ours[0] - row[1])).collect();
    let panel = |title: String, series: Vec<Series>| Panel {
        title,
        x_label: "hours".into(),
        y_label: "voltage of the block [V]".into(),
        height: 180.0,
        series,
        ..Panel::default()
    };
    let upper = panel(
        format!("Discharge at 10 A: {:.0} mV RMS off after some minutes", rms(settled)),
        vec![
            Series::points("measured", 1, hours(&discharge), column(&discharge, 1)).thinned(61),
            Series::line("model", 0, hours(&discharge), volts),
        ],
    );
    let charging = panel(
        "Charge at 31 A, then 14.96 V".into(),
        vec![
            Series::points("measured", 1, hours(&charge), column(&charge, 1)).thinned(61),
            Series::line("model", 0, hours(&charge), charged.iter().map(|ours| ours[0]).collect()),
        ],
    );
    let current = Panel {
        y_label: "current [A]".into(),
        ..panel(
            "Current of the charge".into(),
            vec![
                Series::points("measured", 1, hours(&charge), column(&charge, 2)).thinned(61),
                Series::line("model", 0, hours(&charge), charged.iter().map(|ours| ours[1]).collect()),
            ],
        )
    };
    let held = |panel: Panel| Panel { y_range: Some((-200.0, 200.0)), ..panel };
    Ok(Some(Figure {
        title: "The measured cycle of a Universal UB121000, 100 Ah".into(),
        note: "Dots: measured (vmehra813/lead_acid_battery_data), thinned; lines: this program. Voltage coefficients were fitted to this very cycle, so it shows \
               that the equations can follow such a block and foretells nothing. The surface charge in the first minutes of the discharge is not in the model."
            .into(),
        columns: 2,
        panels: vec![
            charging,
            upper,
            held(differences("mV", "hours", vec![Series::line("", 0, hours(&charge), charge_off)])),
            held(differences("mV", "hours", vec![Series::line("", 0, hours(&discharge), off)])),
            current,
        ],
    }))
}
