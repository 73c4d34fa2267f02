//! `celltide calibrate` from the shell: data made by `cell run` of a known cell give a chemistry file that scenarios and
//! `cell run` accept, and what data cannot tell is refused.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod support;

use support::{Place, SMALL, columns, numbers};

const KNOWN: &str = "nmc811-grsi-lg-m50-5ah";
/// Pulses and rests from full, at two temperatures.
const PULSES: &str = "rest 1min; discharge 1C for 20s; rest 2min; discharge 0.5C for 10min; rest 30min; discharge 1C for 20s; rest 2min; \
     discharge 0.5C for 20min; rest 30min; charge 0.5C for 20s; rest 2min; discharge 0.5C for 30min; rest 40min; discharge 1C for \
     20s; rest 30min";

/// Data as a laboratory has them: other names, charge positive, in milliampere.
fn laboratory(place: &Place, file: &str, protocol: &str, ambient: &str) {
    let out = format!("{file}.raw");
    place.good(&[
        "cell",
        "run",
        "--chemistry",
        KNOWN,
        "--model",
        "circuit",
        "--protocol",
        protocol,
        "--ambient-c",
        ambient,
        "--every",
        "1",
        "--out",
        &out,
    ]);
    let rows = columns(&place.text(&out));
    let column = |name| numbers(&rows, name);
    let (t, i, v, c) = (column("t_s"), column("current_a"), column("voltage_v"), column("temperature_c"));
    let mut text = String::from("Test Time (s),Cell Voltage [V],Current(mA),Temperature_degC\n");
    for (((t, i), v), c) in t.iter().zip(&i).zip(&v).zip(&c) {
        text.push_str(&format!("{t},{v},{},{c}\n", -1e3 * i));
    }
    place.write(file, text);
}

#[test]
fn a_calibrated_chemistry_is_written_and_accepted() {
    let place = Place::new();
    laboratory(&place, "warm.csv", PULSES, "25");
    laboratory(&place, "cold.csv", PULSES, "5");
    let args = [
        "calibrate",
        "--chemistry",
        KNOWN,
        "--data",
        "warm.csv",
        "cold.csv@ambient=5",
        "--fit",
        "circuit",
        "--out",
        "mine.toml",
        "--report",
        "mine.html",
        "--source",
        "a laboratory",
    ];
    let done = place.good(&args);
    assert!(done.stdout.is_empty(), "{}", done.stdout);
    assert!(
        done.stderr.contains("fitted mine: circuit") && done.stderr.contains("mV RMSE"),
        "{}",
        done.stderr
    );
    let text = place.text("mine.toml");
    assert!(
        text.contains("name = \"mine\"") && text.contains("cold.csv, warm.csv of a laboratory"),
        "{text}"
    );
    let page = place.text("mine.html");
    assert!(page.contains("<svg") && page.contains("warm.csv") && !page.contains("src=\"http"));
    // Same data, same file.
    place.good(
        &[&args[..9], &["again.toml", "--name", "mine", "--quiet", "--source", "a laboratory"]].concat(),
    );
    assert_eq!(place.text("again.toml"), text);

    // The calibrated cell answers like the known one to a load that it was not fitted to.
    let run = |chemistry: &str| {
        let protocol = "discharge 0.7C for 15min; rest 10min; discharge 1.2C for 30s";
        let args = [
            "cell",
            "run",
            "--chemistry",
            chemistry,
            "--model",
            "circuit",
            "--protocol",
            protocol,
            "--ambient-c",
            "15",
        ];
        numbers(&columns(&place.good(&args).stdout), "voltage_v")
    };
    let (known, mine) = (run(KNOWN), run("mine.toml"));
    assert_eq!(known.len(), mine.len());
    let squares: f64 = known.iter().zip(&mine).map(|(a, b)| (a - b) * (a - b)).sum();
    let rms_v = (squares / known.len() as f64).sqrt();
    assert!(rms_v < 0.008, "{:.1} mV", 1e3 * rms_v);

    place.write("s.yaml", SMALL.replace(KNOWN, "mine.toml"));
    place.good(&["check", "s.yaml"]);
    place.good(&["run", "s.yaml", "--quiet", "--set", "horizon_days=2", "--out", "out"]);
    assert!(place.text("out/report.html").contains("mine"));
    place.write("s.yaml", SMALL.replace(KNOWN, "other.toml"));
    let missing = place.refused(&["check", "s.yaml"]);
    assert!(
        missing.stderr.contains("other.toml") && missing.stderr.contains("does not exist"),
        "{}",
        missing.stderr
    );
    place.write("broken.toml", text.replace("tau1_s = ", "tau1_s = -"));
    let broken = place.refused(&[
        "cell",
        "run",
        "--chemistry",
        "broken.toml",
        "--model",
        "circuit",
        "--protocol",
        "rest 1s",
    ]);
    assert!(broken.stderr.contains("circuit.tau1_s"), "{}", broken.stderr);
}

#[test]
fn what_data_cannot_tell_is_refused_and_nothing_is_written() {
    let place = Place::new();
    laboratory(
        &place,
        "short.csv",
        "rest 20s; discharge 1C for 10s; rest 20s; discharge 1C for 10s; rest 20s",
        "25",
    );
    let refused = |data: &str, more: &[&str], expected: &str| {
        let args =
            ["calibrate", "--chemistry", KNOWN, "--out", "x.toml", "--report", "x.html", "--data", data];
        let done = place.refused(&[&args[..], more].concat());
        assert!(done.stderr.contains(expected), "{expected}: {}", done.stderr);
        assert!(!place.join("x.toml").exists() && !place.join("x.html").exists());
    };
    refused("short.csv", &["--fit", "circuit"], "r2 and tau2 cannot be determined: no rest after a load");
    refused("short.csv", &["--fit", "ocv"], "no discharge of at most 0.12C");
    refused("short.csv", &["--fit", "heat"], "heat_transfer_w_per_k cannot be determined");
    refused("short.csv", &["--fit", "life"], "rates of the life laws cannot be determined");
    refused("none.csv", &[], "cannot read none.csv");
    place.write("bad.csv", "time_s,voltage_V,current_A\n0,4,0\n1,3.9,one\n");
    refused("bad.csv", &[], "bad.csv line 3, column current_A: \"one\" is not a number");
    place.write("bare.csv", "a,b\n1,2\n");
    refused("bare.csv", &[], "no column is recognised as time");
    refused("bare.csv", &["--columns", "time=x"], "there is no column `x` for time");
    place.write("flat.csv", "time_s,voltage_V,current_A\n0,4,0\n1,4,0\n2,4,0\n");
    refused("flat.csv", &[], "cannot tell which sign discharges");
    refused("short.csv", &["--fit", "speed"], "`speed` is none of");
    refused("short.csv@soc=3", &[], "not within 0 to 1");
    place.refused(&["calibrate", "--chemistry", "nobody", "--data", "short.csv"]);
}

#[test]
fn a_history_of_capacity_gives_rates_of_ageing() {
    let place = Place::new();
    let mut history = String::from("cycle,capacity_Ah,temperature_degC\n");
    for k in 0..40 {
        let cycle = f64::from(k) * 20.0;
        history.push_str(&format!("{cycle},{},25\n", 5.0 * (1.0 - 0.006 * cycle.powf(0.5))));
    }
    place.write("fade.csv", history);
    let done = place.good(&["calibrate", "--chemistry", KNOWN, "--data", "fade.csv", "--name", "fading"]);
    assert!(done.stdout.contains("name = \"fading\""), "{}", done.stdout);
    assert!(
        done.stderr.contains("fitted fading: life") && done.stderr.contains("one temperature only"),
        "{}",
        done.stderr
    );
    let rms = done.stderr.lines().find(|line| line.contains("Ah RMSE")).unwrap();
    let rms_ah: f64 = rms.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(rms_ah < 0.03, "{rms}");
}
