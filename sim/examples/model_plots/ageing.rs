//! Ageing of the particle models, cycle by cycle.

use crate::data::{Drawn, Sources, differences, rows};
use sim::results::figure::{Figure, Panel, Series};
use std::error::Error;
use twin::battery::particle::balance::lithium_ah;
use twin::battery::particle::cell::{CellModel, Kind, Options};
use twin::battery::particle::cycling::{Health, Stretch, age};
use twin::battery::particle::drive::{End, Run};
use twin::battery::particle::set::{self, ParticleSet};

struct Case {
    file: &'static str,
    title: &'static str,
    set: &'static str,
    mechanisms: &'static str,
    charge_c: f64,
    until_v: f64,
}

const CASES: [Case; 4] = [
    Case {
        file: "pybamm_ageing_a1_chen_spm_sei_solvent.csv",
        title: "Chen2020, film by solvent",
        set: "Chen2020",
        mechanisms: "sei-solvent",
        charge_c: 1.0,
        until_v: 2.5,
    },
    Case {
        file: "pybamm_ageing_a2_chen_spm_sei_reaction.csv",
        title: "Chen2020, film by reaction",
        set: "Chen2020",
        mechanisms: "sei-reaction",
        charge_c: 1.0,
        until_v: 2.5,
    },
    Case {
        file: "pybamm_ageing_a3_okane_spm_coupled.csv",
        title: "OKane2022, all mechanisms",
        set: "OKane2022",
        mechanisms: "sei-solvent,plating-partial,cracks,lam",
        charge_c: 0.3,
        until_v: 2.5,
    },
    Case {
        file: "pybamm_ageing_a4_mohtat_spm_ec_yang.csv",
        title: "Mohtat2020, film by EC",
        set: "Mohtat2020",
        mechanisms: "sei-ec",
        charge_c: 1.0,
        until_v: 3.0,
    },
];

/// Capacity and lithium lost after each cycle.
fn followed(case: &Case, cycles: u32) -> Result<Vec<(f64, Health)>, Box<dyn Error>> {
    let set = ParticleSet::of(set::find(case.set).ok_or("it ships")?)?;
    let options = Options { mechanisms: case.mechanisms.parse()?, ..Options::new(Kind::Spm) };
    let model = CellModel::new(set, options)?;
    let mut run = Run::new(&model, model.as_published(25.0), 25.0)?;
    let new_ah = lithium_ah(&model, &run.state);
    let rated_a = model.set().file.cell.capacity_ah;
    let stretches = [
        Stretch::current(rated_a, &[End::VoltageBelow(case.until_v)]),
        Stretch::rest(300.0),
        Stretch::current(-case.charge_c * rated_a, &[End::VoltageAbove(4.2)]),
        Stretch::hold(4.2, rated_a / 20.0),
        Stretch::rest(300.0),
    ];
    let mut found = Vec::new();
    age(&mut run, &stretches, cycles, None, |cycle, run| {
        found.push((f64::from(cycle), Health::of(&model, &run.state, new_ah)));
    })?;
    Ok(found)
}

/// Capacity over cycles, and the difference in it.
pub(crate) fn cycles(sources: &Sources) -> Drawn {
    let Some(folder) = &sources.validation else { return Ok(None) };
    let mut panels = Vec::new();
    for pair in CASES.chunks(2) {
        let mut lower = Vec::new();
        for case in pair {
            let names = ["cycle", "Capacity [A.h]", "Loss of lithium inventory [%]"];
            let reference = rows(&folder.join(case.file), &[], &names)?;
            let found = followed(case, reference.len() as u32)?;
            let cycle: Vec<f64> = found.iter().map(|(cycle, _)| *cycle).collect();
            let ours: Vec<f64> = found.iter().map(|(_, health)| health.capacity_ah).collect();
            let theirs: Vec<f64> = reference.iter().map(|(_, row)| row[1]).collect();
            let (Some((_, last)), Some((_, row))) = (found.last(), reference.last()) else { continue };
            let lithium = 100.0 * (last.lithium_lost_pct / row[2] - 1.0);
            panels.push(Panel {
                title: format!(
                    "{}: {:.2} % lithium lost, {lithium:+.2} % off",
                    case.title, last.lithium_lost_pct
                ),
                x_label: "cycles".into(),
                y_label: "capacity between the voltages at rest [Ah]".into(),
                height: 170.0,
                series: vec![
                    Series::line("model", 0, cycle.clone(), ours.clone()),
                    Series::points("reference", 1, cycle.clone(), theirs.clone()).thinned(31),
                ],
                ..Panel::default()
            });
            let off: Vec<f64> = ours.iter().zip(&theirs).map(|(a, b)| 1e3 * (a - b)).collect();
            lower.push(differences("mAh", "cycles", vec![Series::line("", 0, cycle, off)]));
        }
        panels.extend(lower);
    }
    Ok(Some(Figure {
        title: "Ageing, cycle by cycle".into(),
        note: "Dots: PyBaMM 26.10.1, SPM, 25 °C. Lines: this program, every cycle computed. Discharge at 1C, charge at 1C (OKane2022: 0.3C) \
               to 4.2 V and C/20, rests of five minutes."
            .into(),
        columns: 2,
        panels,
    }))
}
