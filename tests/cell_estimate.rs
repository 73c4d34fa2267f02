//! `celltide cell estimate` and `celltide cell forecast` from the shell: what they write, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use support::{Place, columns, numbers};

const CELL: &str = "panasonic-18650pf";

/// An hour and a half of pulses and rests of a known cell, from 90 % of charge.
fn recorded(place: &Place) -> Vec<f64> {
    let protocol = "rest 2min; discharge 0.8C for 10min; rest 5min; discharge 0.4C for 30min; rest 10min; charge 0.3C for \
                    20min; rest 10min";
    place.good(&[
        "cell",
        "run",
        "--chemistry",
        CELL,
        "--model",
        "circuit",
        "--protocol",
        protocol,
        "--initial-soc",
        "0.9",
        "--every",
        "5",
        "--out",
        "run.csv",
    ]);
    numbers(&columns(&place.text("run.csv")), "soc")
}

#[test]
fn recorded_telemetry_is_estimated_from_a_wrong_start() {
    let place = Place::new();
    let truth = recorded(&place);
    let args = ["cell", "estimate", "--chemistry", CELL, "--telemetry", "run.csv"];
    let unknown = place.good(&args);
    let rows = columns(&unknown.stdout);
    assert_eq!(
        unknown.stdout.lines().next().unwrap(),
        "t_s,soc,soc_std,soh,soh_std,resistance_ohm,voltage_predicted_v"
    );
    place.good(&[&args[..], &["--initial-soc", "0.6", "--out", "told.csv"]].concat());
    let wrong = columns(&place.text("told.csv"));
    for (what, rows) in [("unknown", &rows), ("wrong", &wrong)] {
        let [t, soc, std, soh, ohm, volts] =
            ["t_s", "soc", "soc_std", "soh", "resistance_ohm", "voltage_predicted_v"]
                .map(|name| numbers(rows, name));
        // `cell run` writes the instant between two steps twice, which is one reading.
        assert!(t.windows(2).all(|pair| pair[1] > pair[0]));
        let run = columns(&place.text("run.csv"));
        let (run_t, run_v) = (numbers(&run, "t_s"), numbers(&run, "voltage_v"));
        for (k, t) in t.iter().enumerate().filter(|(_, t)| **t > 300.0) {
            let row = run_t.partition_point(|known| known <= t) - 1;
            assert!((soc[k] - truth[row]).abs() < 0.02, "{what} {t}: {} against {}", soc[k], truth[row]);
            assert!(std[k] > 0.0 && std[k] < 0.05 && (soh[k] - 1.0).abs() < 0.05 && ohm[k] > 0.01);
            assert!((volts[k] - run_v[row]).abs() < 0.2);
        }
    }
    // Same readings, same words.
    assert_eq!(place.good(&args).stdout, unknown.stdout);
}

#[test]
fn telemetry_that_cannot_be_is_refused_with_its_place() {
    let place = Place::new();
    let head = "t_s,voltage_v,current_a,temperature_c\n0,3.9,0.1,25\n";
    for (row, what) in [
        ("10,abc,0,25", "voltage_v"),
        ("10,99,0,25", "voltage_v"),
        ("10,3.9,0,900", "temperature_c"),
        ("10,3.9,1e9,25", "current_a"),
        ("-5,3.9,0,25", "t_s"),
        ("nan,3.9,0,25", "t_s"),
    ] {
        place.write("bad.csv", format!("{head}{row}\n"));
        let done = place.refused(&[
            "cell",
            "estimate",
            "--chemistry",
            CELL,
            "--telemetry",
            "bad.csv",
            "--out",
            "never.csv",
        ]);
        assert!(done.stderr.contains("line 3") && done.stderr.contains(what), "{row}: {}", done.stderr);
    }
    place.write("none.csv", "t_s,volts\n0,3.9\n");
    let done = place.refused(&["cell", "estimate", "--chemistry", CELL, "--telemetry", "none.csv"]);
    assert!(done.stderr.contains("voltage_v"), "{}", done.stderr);
    assert!(place.names(".").iter().all(|name| !name.contains("never")));
    place.refused(&["cell", "estimate", "--chemistry", "no-such-cell", "--telemetry", "none.csv"]);
    place.refused(&[
        "cell",
        "estimate",
        "--chemistry",
        CELL,
        "--telemetry",
        "bad.csv",
        "--initial-soc",
        "1.5",
    ]);
}

#[test]
fn a_history_is_carried_on() {
    let place = Place::new();
    // Loses a thousandth in five cycles, and a little scatter.
    let rows: Vec<String> = (0..300)
        .map(|k| {
            format!(
                "{k},{:.5},25,1,1",
                3.0 * (1.0 - 2e-4 * f64::from(k)) + 0.004 * f64::from(k * 7919 % 11 - 5) / 5.0
            )
        })
        .collect();
    place.write("life.csv", format!("cycle,capacity_ah,temperature_c,c_rate,dod\n{}\n", rows.join("\n")));
    let args = ["cell", "forecast", "--chemistry", "nca-gr-panasonic-3ah", "--history", "life.csv"];
    let told: serde_json::Value = serde_json::from_str(&place.good(&args).stdout).unwrap();
    let figure = |name: &str| told[name].as_f64().unwrap();
    assert_eq!(told["unit"], "cycles");
    let (p10, p50, p90) = (figure("rul_p10"), figure("rul_p50"), figure("rul_p90"));
    assert!(p10 < p50 && p50 < p90, "{told}");
    // On a straight line 20 % are lost after about 1050 cycles, 700 of them to come.
    assert!(p10 < 700.0 && 700.0 < p90 && p50 > 250.0 && p50 < 1400.0, "{told}");
    assert!(told["curve"].as_array().unwrap().len() > 20);
    assert!((told["assumed_use"]["depth"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    place.good(&[&args[..], &["--end-of-life", "0.9", "--out", "told.json"]].concat());
    let sooner: serde_json::Value = serde_json::from_str(&place.text("told.json")).unwrap();
    assert!(sooner["rul_p50"].as_f64().unwrap() < 0.7 * p50);

    place.write("days.csv", "t_days,capacity_ah\n0,3.2\n100,3.15\n200,3.11\n300,3.08\n");
    let days = ["cell", "forecast", "--chemistry", "nca-gr-panasonic-3ah", "--history", "days.csv"];
    let told: serde_json::Value = serde_json::from_str(&place.good(&days).stdout).unwrap();
    assert_eq!(told["unit"], "days");
}

#[test]
fn a_history_that_cannot_be_is_refused_with_its_place() {
    let place = Place::new();
    for (text, what) in [
        ("cycle,capacity_ah\n1,3\n2,x\n", "line 3"),
        ("cycle,capacity_ah\n1,3\n1,2.9\n", "line 3"),
        ("cycle,capacity_ah\n1,3\n2,-1\n", "line 3"),
        ("cycle,capacity_ah,dod\n1,3,7\n", "dod"),
        ("when,capacity_ah\n1,3\n", "cycle"),
        ("cycle,ah\n1,3\n", "capacity_ah"),
    ] {
        place.write("bad.csv", text);
        let done = place.refused(&["cell", "forecast", "--chemistry", CELL, "--history", "bad.csv"]);
        assert!(done.stderr.contains(what), "{text}: {}", done.stderr);
    }
}
