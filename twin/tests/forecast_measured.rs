#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! Remaining life against measured lives. The data are not part of the project: `CELLTIDE_DATASETS` names the folder that has
//! them. Without it the tests say that they were skipped, and on CI they fail.

use flate2::read::GzDecoder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use twin::battery::circuit::CellModel;
use twin::battery::forecast::{Ask, Duty, Forecast, Point, Unit, forecast};
use twin::battery::library;
use twin::rng::Seed;

fn datasets() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("CELLTIDE_DATASETS").map(PathBuf::from) else {
        assert!(std::env::var_os("CI").is_none(), "on CI, CELLTIDE_DATASETS has to be set");
        println!("skipped: CELLTIDE_DATASETS is not set");
        return None;
    };
    assert!(folder.is_dir(), "CELLTIDE_DATASETS names {}, which is no folder", folder.display());
    Some(folder)
}

/// Capacity [Ah] over cycles, by cell.
fn lives(path: &Path, cell: &str, cycle: &str, capacity: &str) -> BTreeMap<String, Vec<(f64, f64)>> {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let [cell, cycle, capacity] =
        [cell, cycle, capacity].map(|name| names.iter().position(|n| *n == name).unwrap());
    let mut lives: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        if let (Ok(x), Ok(ah)) = (cells[cycle].parse::<f64>(), cells[capacity].parse::<f64>()) {
            lives.entry(cells[cell].to_owned()).or_default().push((x, ah));
        }
    }
    lives
}

/// Where capacity first falls below a level and stays there for the next two points.
fn end_of(life: &[(f64, f64)], level_ah: f64) -> Option<f64> {
    life.windows(3).find(|w| w.iter().all(|p| p.1 < level_ah)).map(|w| w[0].0)
}

fn full_cycles(temperature_c: f64, c_rate: f64) -> Duty {
    Duty {
        temperature_c,
        cycling_temperature_c: temperature_c,
        soc: 0.5,
        efc_per_day: 12.0 * c_rate / 1.3,
        depth: 1.0,
        charge_c_rate: c_rate,
        discharge_c_rate: c_rate,
    }
}

/// The forecast from a share of the life on, and the life that remained.
fn at_share(
    cell: &CellModel,
    life: &[(f64, f64)],
    eol: f64,
    share: f64,
    duty: Duty,
) -> Option<(Forecast, f64)> {
    let first = life[0].1;
    let end = end_of(life, eol * first)?;
    let from = share * end;
    let known: Vec<Point> = life
        .iter()
        .filter(|(x, _)| *x <= from)
        .map(|(x, ah)| Point { x: *x, capacity: ah / first, std: 0.0, duty: None })
        .collect();
    if known.len() < 5 {
        return None;
    }
    let ask = Ask { cell, unit: Unit::Cycles, duty, end_of_life: eol, seed: Seed(1) };
    let told = forecast(&ask, &known).unwrap();
    let at = told.at;
    Some((told, end - at))
}

#[test]
fn intervals_hold_as_often_as_they_say_over_many_measured_cells() {
    let Some(folder) = datasets() else { return };
    let multi = folder.join("ageing_multi_lab");
    let sets = [
        (
            "HUST LFP",
            multi.join("hust_lfp_cycles.csv.gz"),
            "row",
            "capacity_Ah",
            "lfp-gr-sony-murata-3ah",
            0.8,
            2.0,
        ),
        (
            "TJU NCA, NCM",
            multi.join("tju_nca_ncm_cycles.csv.gz"),
            "row",
            "capacity_Ah",
            "nca-gr-panasonic-3ah",
            0.85,
            0.7,
        ),
        (
            "XJTU NCM",
            multi.join("xjtu_ncm_cycles.csv.gz"),
            "row",
            "capacity_Ah",
            "nmc111-gr-sanyo-2ah",
            0.9,
            1.5,
        ),
        (
            "MATR LFP",
            folder.join("severson_matr/full_life_capacity.csv.gz"),
            "row",
            "capacity_Ah",
            "lfp-gr-sony-murata-3ah",
            0.9,
            4.0,
        ),
        (
            "NASA",
            folder.join("nasa_pcoe/cycle_summary.csv.gz"),
            "discharge_cycle",
            "capacity_Ah",
            "nca-gr-panasonic-3ah",
            0.8,
            1.0,
        ),
    ];
    let (mut held_all, mut count_all) = (0, 0);
    for (name, path, cycle, capacity, chemistry, eol, c_rate) in sets {
        let cell = CellModel::compile(library::find(chemistry).unwrap()).unwrap();
        let lives = lives(&path, "cell", cycle, capacity);
        for share in [0.3, 0.5, 0.7] {
            let (mut held, mut count, mut low, mut errors, mut widths) = (0, 0, 0, Vec::new(), Vec::new());
            for life in lives.values() {
                if life.len() < 30 || life[0].1 < 0.1 {
                    continue;
                }
                let Some((told, truth)) = at_share(&cell, life, eol, share, full_cycles(30.0, c_rate)) else {
                    continue;
                };
                held += usize::from(told.p10 <= truth && truth <= told.p90);
                low += usize::from(truth < told.p10);
                count += 1;
                let end = truth + told.at;
                errors.push((told.p50 - truth).abs() / end);
                widths.push((told.p90 - told.p10) / end);
            }
            if count == 0 {
                continue;
            }
            errors.sort_by(f64::total_cmp);
            widths.sort_by(f64::total_cmp);
            println!(
                "{name:14} from {share:.1} of life: {count:3} cells, held {:5.1} %, ended before p10 {:5.1} %, median error {:4.1} % of life, median width {:4.1} %",
                100.0 * held as f64 / count as f64,
                100.0 * low as f64 / count as f64,
                100.0 * errors[errors.len() / 2],
                100.0 * widths[widths.len() / 2],
            );
            held_all += held;
            count_all += count;
        }
    }
    let share = held_all as f64 / count_all as f64;
    println!("all: {count_all} forecasts, held {:.1} %", 100.0 * share);
    assert!(count_all > 500 && (0.7..=0.9).contains(&share));
}

#[test]
fn remaining_life_of_two_nasa_cells_from_half_of_it() {
    let Some(folder) = datasets() else { return };
    let cell = CellModel::compile(library::find("nca-gr-panasonic-3ah").unwrap()).unwrap();
    let mut lives =
        lives(&folder.join("nasa_pcoe/cycle_summary.csv.gz"), "cell", "discharge_cycle", "capacity_Ah");
    // 1.4 Ah of 2 Ah is what the experiment called the end of life.
    for name in ["B0005", "B0006"] {
        let life = lives.remove(name).unwrap();
        for eol_ah in [1.4] {
            let eol = eol_ah / life[0].1;
            for share in [0.3, 0.5, 0.7] {
                if let Some((told, truth)) = at_share(&cell, &life, eol, share, full_cycles(30.0, 1.0)) {
                    assert!(told.p10 < told.p50 && told.p50 < told.p90);
                    println!(
                        "{name} from {share:.1} of life: {:.0} cycles remain, told {:.0} ({:.0} to {:.0}), pace {:.2}±{:.2}",
                        truth, told.p50, told.p10, told.p90, told.pace.mean, told.pace.std
                    );
                }
            }
        }
    }
    let mut lives = BTreeMap::new();
    for name in ["CS2_35", "CS2_36", "CS2_37"] {
        let path = folder.join(format!("calce_cs2/{name}_cycle_summary.csv.gz"));
        lives.extend(self::lives(&path, "cell", "cycle", "discharge_capacity_Ah"));
    }
    for (name, life) in &lives {
        for share in [0.3, 0.5, 0.7] {
            if let Some((told, truth)) = at_share(&cell, life, 0.8, share, full_cycles(25.0, 1.0)) {
                println!(
                    "{name} from {share:.1} of life: {truth:.0} cycles remain, told {:.0} ({:.0} to {:.0})",
                    told.p50, told.p10, told.p90
                );
            }
        }
    }
}
