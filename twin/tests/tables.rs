#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails where it stands, and tells what it measured"
)]
//! Calendar tables against the formulas they stand for, and chemistries against figures known by hand.

use twin::battery::chemistry::ChemistryFile;
use twin::battery::circuit::interpolate;
use twin::battery::daily::Sample;
use twin::battery::exact::Exact;
use twin::battery::library;
use twin::battery::life::{Axis, Health, Law, LifeModel, Stress, instant_stress};
use twin::battery::rate_table::{Calendar, RateTable};

/// Largest error relative to the rate itself.
const TOLERANCE: f64 = 5e-4;
/// Where a rate goes through zero: largest error relative to the largest rate at the temperature. The one such
/// rate, DENSO's, has a kink at 55 °C besides, where a table of one row per kelvin is worst.
const TOLERANCE_OF_LARGEST: f64 = 0.02;

type Rate<'a> = Box<dyn Fn(&Stress) -> f64 + 'a>;

/// What a calendar law keeps in tables.
fn tabulated(law: &Law) -> Vec<(&'static str, Rate<'_>)> {
    match law {
        Law::Sigmoid { plateau, exponent, .. } if law.fixed_sigmoid().is_none() => {
            vec![("plateau", Box::new(|s| plateau.value(s))), ("exponent", Box::new(|s| exponent.value(s)))]
        }
        _ => vec![("progress", Box::new(|s| law.progress_rate(s)))],
    }
}

/// Worst error relative to the rate itself and to the largest rate at the temperature.
fn worst_errors(file: &ChemistryFile, rate: &Rate<'_>, temperatures_c: [f64; 2]) -> (f64, f64) {
    let ocv_v = |soc: f64| interpolate(&file.ocv.soc, &file.ocv.value, soc);
    let exact = |temperature_c: f64, soc: f64| rate(&instant_stress(temperature_c, soc, ocv_v(soc)));
    let table = RateTable::of(exact);
    let mut worst = (0.0f64, 0.0f64);
    for k in 0..=240 {
        let temperature_c =
            temperatures_c[0] + (temperatures_c[1] - temperatures_c[0]) * f64::from(k) / 240.0;
        let rates: Vec<(f64, f64)> = (0..=1500)
            .map(|j| f64::from(j) / 1500.0)
            .map(|soc| (exact(temperature_c, soc), table.at(temperature_c, soc)))
            .filter(|(exact, _)| *exact > 0.0 && exact.is_finite())
            .collect();
        let largest = rates.iter().fold(0.0f64, |largest, (exact, _)| largest.max(*exact));
        for (exact, found) in rates {
            let error = (found - exact).abs();
            worst = (worst.0.max(error / exact), worst.1.max(error / largest));
        }
    }
    worst
}

#[test]
fn calendar_tables_follow_their_formulas() {
    for file in library::shipped() {
        let model = LifeModel::compile(&file.life).unwrap();
        for state in model.states.iter().filter(|state| state.axis == Axis::Days) {
            for (what, rate) in tabulated(&state.law) {
                let fitted = worst_errors(&file, &rate, file.life.fitted.temperature_c);
                let wide = worst_errors(&file, &rate, [-30.0, 60.0]);
                let (name, state) = (&file.name, &state.name);
                println!(
                    "{name} {state} {what}: {:.1e} as fitted, {:.1e} wide, {:.1e} of largest",
                    fitted.0, wide.0, wide.1
                );
                let crosses_zero = wide.0 > 0.1;
                let passes = if crosses_zero { wide.1 < TOLERANCE_OF_LARGEST } else { wide.0 < TOLERANCE };
                assert!(passes, "{name} {state} {what}: {wide:?}");
            }
        }
    }
}

#[test]
fn a_table_holds_its_edges_and_counts_what_is_no_rate_as_zero() {
    let table = RateTable::of(|temperature_c, soc| (0.02 * temperature_c).exp() * (1.0 + soc));
    assert_eq!(table.at(-100.0, -1.0), table.at(-40.0, 0.0));
    assert_eq!(table.at(500.0, 2.0), table.at(90.0, 1.0));
    assert!((table.at(90.0, 1.0) / (2.0 * 1.8f64.exp()) - 1.0).abs() < 1e-4);
    for nothing in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(RateTable::of(|_, _| nothing).at(25.0, 0.5) < 1e-300);
    }
}

/// Health after `years` of rest.
fn rested(name: &str, temperature_c: f64, soc: f64, years: u32) -> Health {
    let file = library::find(name).unwrap();
    let model = LifeModel::compile(&file.life).unwrap();
    let calendar = Calendar::of(&model, |soc| interpolate(&file.ocv.soc, &file.ocv.value, soc));
    let mut exact = Exact::new(&model, &calendar, |_| 0.0);
    let days = |k: u32| Sample { t_s: f64::from(k) * 86_400.0, soc, temperature_c };
    exact.follow(&(0..=years * 365).map(days).collect::<Vec<_>>());
    exact.health()
}

#[test]
fn resting_cells_follow_their_laws() {
    // Naumann 2018 at half charge and 25 °C: 1.2571e-5·0.60225·√t.
    let naumann = rested("SonyLFP", 25.0, 0.5, 4);
    assert!((1.0 - naumann.capacity - 1.2571e-5 * 0.60225 * (4.0f64 * 365.0 * 86_400.0).sqrt()).abs() < 1e-6);
    // A valve-regulated cell on float: 80 % and a quarter more resistance after ten years at 25 °C, five at 35 °C.
    for (temperature_c, years) in [(25.0, 10), (35.0, 5)] {
        let health = rested("vrla-agm-12v-120ah", temperature_c, 1.0, years);
        assert!((health.capacity - 0.8).abs() < 1e-3, "{temperature_c}: {health:?}");
        assert!((health.resistance - 1.25).abs() < 2e-3);
    }
    // The published resistance law of the Kokam cell must not be in use.
    assert!(rested("nmc111-gr-kokam-75ah", 30.0, 0.97, 20).resistance < 1.5);
    // Storing full and warm costs more than half full and cool, for every lithium-ion cell with a loss in rest.
    for file in library::shipped().filter(|file| file.family != "VRLA" && file.family != "LTO") {
        let (warm, cool) = (rested(&file.name, 40.0, 1.0, 5), rested(&file.name, 15.0, 0.5, 5));
        assert!(warm.capacity < cool.capacity, "{}: {warm:?}, {cool:?}", file.name);
    }
}
