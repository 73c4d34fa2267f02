//! The built binary from the shell: every command, what it writes, what it refuses, and how it is stopped.

mod support;

use sim::results::tables::read;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use support::{FILES, Place, SMALL, columns, numbers};

#[test]
fn a_run_leaves_its_five_files_and_says_where() {
    let place = Place::with(SMALL);
    let done = place.good(&["run", "s.yaml", "--out", "out", "--jobs", "2"]);
    assert_eq!(place.names("out"), FILES);
    assert!(done.stdout.contains("today") && done.stdout.contains("gentle"), "{}", done.stdout);
    assert!(done.stdout.contains("Riders served [%]"), "{}", done.stdout);
    assert!(done.stdout.trim_end().ends_with("out/report.html"), "{}", done.stdout);

    let summary = place.summary("out");
    assert_eq!(summary["scenario"], "small");
    assert_eq!(summary["partial"], false);
    assert_eq!(summary["start"], "2026-03-01T00:00:00+07:00");
    assert_eq!(summary["end"], "2026-03-31T00:00:00+07:00");
    assert_eq!(summary["twins"], serde_json::json!({"battery": 20, "cabinet": 3, "network": 1}));
    assert!(place.figure("out", "today", "swaps_total") > 100.0);
    assert!(place.figure("out", "gentle", "soh_mean_pct") > 90.0);

    let twins = read::twins(&place.join("out/twins.parquet")).unwrap();
    for variant in ["today", "gentle"] {
        let of = |kind: &str| twins.iter().filter(|t| t.variant == variant && t.kind == kind).count();
        assert_eq!((of("battery"), of("cabinet")), (20, 3), "{variant}");
    }
    let series = read::series(&place.join("out/timeseries.parquet")).unwrap();
    assert!(series.iter().all(|row| row.value.is_finite()));
    assert!(series.iter().any(|row| row.metric == "soh" && row.kind == "battery"));
    let events = read::events(&place.join("out/events.parquet")).unwrap();
    let swaps = events.iter().filter(|row| row.variant == "today" && row.event == "swap").count();
    assert_eq!(swaps as f64, place.figure("out", "today", "swaps_total"));
    let page = place.text("out/report.html");
    assert!(page.contains("nmc811-grsi-lg-m50-5ah") && !page.contains("src=\"http"));
}

#[test]
fn results_do_not_depend_on_threads_and_do_depend_on_the_seed() {
    let place = Place::with(SMALL);
    for (out, more) in [
        ("one", ["--jobs", "1"]),
        ("two", ["--jobs", "2"]),
        ("three", ["--jobs", "3"]),
        ("other", ["--seed", "6"]),
    ] {
        place.good(&[&["run", "s.yaml", "--quiet", "--replicates", "2", "--out", out], &more[..]].concat());
    }
    for file in FILES {
        let of = |out: &str| place.read(&format!("{out}/{file}"));
        if file == "summary.json" {
            assert_eq!(place.summary("one"), place.summary("two"));
            assert_ne!(place.summary("one"), place.summary("other"));
        } else {
            assert!(
                of("one") == of("two") && of("one") == of("three"),
                "{file} depends on the number of threads"
            );
            assert!(of("one") != of("other"), "{file} does not depend on the seed");
        }
    }
}

#[test]
fn values_are_replaced_and_repeated_from_the_command_line() {
    let place = Place::with(SMALL);
    let args =
        ["run", "s.yaml", "--quiet", "--set", "horizon_days=5", "--set", "networks.town.riders.count=10"];
    let done = place.good(&[&args[..], &["--replicates", "3"]].concat());
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    let summary = place.summary("results/small");
    assert_eq!(summary["replicates"], 3);
    assert_eq!(summary["end"], "2026-03-06T00:00:00+07:00");
    let spread = &summary["variants"][0]["figures"]["swaps_total"];
    assert!(spread["p10"].as_f64().unwrap() < spread["p90"].as_f64().unwrap(), "{spread}");

    let wrong = place.refused(&["run", "s.yaml", "--set", "networks.town.pakcs=3"]);
    assert!(wrong.stderr.starts_with("--set networks.town.pakcs=3: "), "{}", wrong.stderr);
    assert!(wrong.stderr.contains("did you mean packs?"));
    for args in [["--set", "packs"], ["--replicates", "0"], ["--jobs", "0"], ["--seed", "-1"], ["--sed", "1"]]
    {
        place.refused(&[&["run", "s.yaml"], &args[..]].concat());
    }
}

#[test]
fn earlier_results_are_replaced_and_nothing_else_is() {
    let place = Place::with(SMALL);
    let run = ["run", "s.yaml", "--quiet", "--set", "horizon_days=1", "--out", "out"];
    place.good(&run);
    place.good(&run);
    place.write("out/mine.txt", "kept beside a result");
    place.good(&run);
    assert_eq!(place.text("out/mine.txt"), "kept beside a result");

    std::fs::create_dir(place.join("other")).unwrap();
    place.write("other/report.html", "somebody's");
    let done = place.refused(&["run", "s.yaml", "--out", "other"]);
    assert!(done.stderr.contains("is not empty"), "{}", done.stderr);
    assert_eq!(place.names("other"), ["report.html"]);
    assert_eq!(place.text("other/report.html"), "somebody's");
    place.refused(&["run", "s.yaml", "--out", "s.yaml"]);
    place.refused(&["sweep", "s.yaml", "--vary", "seed=1", "--out", "out"]);
}

#[test]
fn check_tells_what_would_be_built() {
    let place = Place::with(SMALL);
    let done = place.good(&["check", "s.yaml"]);
    for says in
        ["small", "30.00 days", "20 batteries, 3 cabinets, 1 network", "today", "gentle", "target_soc: 0.8"]
    {
        assert!(done.stdout.contains(says), "{says}\n{}", done.stdout);
    }
    assert_eq!(place.names("."), ["s.yaml"]);
    let schema: serde_json::Value = serde_json::from_str(&place.good(&["check", "--schema"]).stdout).unwrap();
    assert_eq!(schema["title"], "Celltide scenario");
    for (what, one) in [
        ("climates", "bangkok"),
        ("grids", "TH"),
        ("cycles", "urban-scooter"),
        ("chemistries", "nmc811-grsi-lg-m50-5ah"),
    ] {
        let done = place.good(&["check", "--list", what]);
        assert!(done.stdout.lines().any(|line| line == one), "{what}: {}", done.stdout);
    }
    place.refused(&["check"]);
    place.refused(&["check", "--list", "colours"]);
}

/// What is changed in the scenario, into what, and what is said of it.
const BROKEN: [(&str, &str, &str); 48] = [
    ("name: small", "name: 12", "expected a text"),
    ("name: small\n", "", "missing key name"),
    ("start: 2026-03-01", "start: 1.3.2026", "expected a date"),
    ("start: 2026-03-01", "start: 2026-02-30", "expected a date"),
    ("horizon_days: 30", "horizon_days: -3", "is not within"),
    ("horizon_days: 30", "horizon_days: .nan", "finite number"),
    ("horizon_days: 30", "horizon_days: 30\nhorizon_years: 1", "only one of"),
    ("horizon_days: 30\n", "", "missing one of horizon_days, horizon_years"),
    ("seed: 5", "sede: 5", "did you mean seed?"),
    ("seed: 5", "seed: -5", "is not within"),
    ("seed: 5", "seed: 5\nseed: 6", "duplicate key"),
    ("seed: 5", "replicates: 0", "replicates"),
    ("utc_offset_h: 7", "utc_offset_h: 25200", "is not within"),
    ("city: bangkok", "city: bankok", "did you mean bangkok?"),
    ("city: bangkok", "constant_c: 100", "is not within"),
    ("city: bangkok", "file: nowhere.csv", "does not exist"),
    ("  city: bangkok\n", "  city: bangkok\n  constant_c: 25\n", "only one of"),
    ("  city: bangkok\n", "", "climate"),
    ("flat_per_kwh: 0.12", "flat_per_kwh: 0,12", "write 0.12"),
    ("flat_per_kwh: 0.12", "by_hour_per_kwh: [1, 2, 3]", "24"),
    ("region: TH", "region: MARS", "unknown grid region"),
    (
        "chemistry: nmc811-grsi-lg-m50-5ah",
        "chemistry: nmc811-grsi-lg-m5-5ah",
        "did you mean nmc811-grsi-lg-m50-5ah?",
    ),
    ("    chemistry: nmc811-grsi-lg-m50-5ah\n", "", "missing key chemistry"),
    ("series: 14", "series: 14.5", "whole number"),
    ("series: 14", "series: 0", "is not within"),
    ("battery: pack", "battery: pakc", "did you mean pack?"),
    ("packs: 20", "packs: 14", "fewer than the 15 riders"),
    ("packs: 20", "packs: 200", "slots"),
    ("packs: 20", "packs: twenty", "whole number"),
    ("slots: 5", "slots: 1", "is not within"),
    ("charger_kw: 0.5", "charger_w: 500", "did you mean charger_kw?"),
    ("charger_kw: 0.5", "charger_kw: 500 W", "unit"),
    ("site_power_kw: 2", "site_power_kw: 0.05", "standby_w"),
    ("solar_kwp: 0.5", "solar_kwp: [0.5]", "expected a number, found a list"),
    ("policy: immediate", "policy: offpeak", "did you mean off_peak?"),
    ("target_soc: 1.0", "target_soc: 100", "is not within"),
    ("ready_soc: 0.95", "ready_soc: 0.95\n      ready: 1", "unknown key"),
    ("reserve: 1", "reserve: 5", "reserve 5"),
    ("km_per_day: 70", "km_per_day: .inf", "finite number"),
    ("roaming: 0.1", "roaming: 10", "is not within"),
    ("cycle: urban-scooter", "cycle: urban-scoter", "did you mean urban-scooter?"),
    ("cycle: urban-scooter", "file: s.yaml\n      cycle: urban-scooter", "only one of"),
    ("    network: town", "    network: village", "unknown network"),
    ("    mean_days_between: 60\n", "", "missing one of mean_days_between, at_day"),
    ("interval_days: 1", "interval_days: 31", "more than the horizon"),
    (
        "networks.town.charging.target_soc: 0.8",
        "networks.town.charging.target_sok: 0.8",
        "did you mean target_soc?",
    ),
    (
        "networks.town.charging.target_soc: 0.8",
        "networks.town.charging.target_soc: 0.7",
        "above target_soc 0.7",
    ),
    ("description: Charging", "from: nothing\n    description: Charging", "unknown variant"),
];

#[test]
fn broken_scenarios_are_refused_with_file_and_line_and_nothing_is_written() {
    for (old, new, says) in BROKEN {
        assert_eq!(SMALL.matches(old).count(), 1, "{old:?} has to be in the scenario once");
        let place = Place::with(&SMALL.replace(old, new));
        for command in [vec!["run", "s.yaml", "--out", "out"], vec!["check", "s.yaml"]] {
            let done = place.refused(&command);
            assert!(done.stderr.contains(says), "{new:?} lacks {says:?}:\n{}", done.stderr);
            for line in done.stderr.lines() {
                let number = line.strip_prefix("s.yaml:").and_then(|rest| rest.split(':').next());
                assert!(number.is_some_and(|n| n.parse::<usize>().is_ok_and(|n| n > 0)), "{new:?}: {line}");
            }
        }
        assert_eq!(place.names("."), ["s.yaml"]);
    }
}

#[test]
fn every_mistake_is_told_and_not_only_the_first() {
    let text = SMALL
        .replace("seed: 5", "sede: 5")
        .replace("slots: 5", "slots: 1")
        .replace("city: bangkok", "city: x");
    let done = Place::with(&text).refused(&["check", "s.yaml"]);
    assert_eq!(done.stderr.lines().count(), 3, "{}", done.stderr);
}

#[test]
fn what_is_no_scenario_is_refused() {
    let place = Place::new();
    std::fs::create_dir(place.join("folder")).unwrap();
    place.write("latin.yaml", b"name: caf\xe9\n");
    place.write("empty.yaml", "");
    place.write("list.yaml", "- a\n- b\n");
    place.write("tab.yaml", "name: x\n\tstart: y\n");
    place.write("binary.yaml", [0u8, 159, 146, 150]);
    for (file, says) in [
        ("missing.yaml", "missing.yaml: cannot be read"),
        ("folder", "folder: cannot be read"),
        ("latin.yaml", "latin.yaml:1: byte 9 (0xe9) is not UTF-8"),
        ("empty.yaml", "empty.yaml:1: "),
        ("list.yaml", "list.yaml:1: expected a mapping"),
        ("tab.yaml", "tab.yaml:2: "),
        ("binary.yaml", "binary.yaml:1: "),
    ] {
        for command in [vec!["run", file], vec!["check", file], vec!["sweep", file, "--vary", "seed=1,2"]] {
            let done = place.refused(&command);
            assert!(done.stderr.contains(says), "{command:?}: {}", done.stderr);
        }
    }
    assert!(place.names("results").is_empty());
}

#[test]
fn files_that_a_scenario_names_are_read_before_anything_is_written() {
    let place = Place::with(&SMALL.replace("city: bangkok", "file: air.csv"));
    place.write("air.csv", "time_local,temperature_c\n2026-01-01T00:00,warm\n2026-01-01T01:00,20\n");
    for command in [
        vec!["run", "s.yaml", "--out", "out"],
        vec!["check", "s.yaml"],
        vec!["sweep", "s.yaml", "--vary", "seed=1", "--out", "out"],
    ] {
        let done = place.refused(&command);
        assert!(done.stderr.contains("air.csv") && done.stderr.contains("warm"), "{}", done.stderr);
        assert!(!done.stderr.contains("`base`: variant"), "{}", done.stderr);
    }
    assert_eq!(place.names("."), ["air.csv", "s.yaml"]);
}

#[test]
fn folders_are_compared() {
    let place = Place::with(SMALL);
    for (out, riders) in [("a", "15"), ("b", "12")] {
        let set = format!("networks.town.riders.count={riders}");
        place.good(&["run", "s.yaml", "--quiet", "--set", "horizon_days=5", "--set", &set, "--out", out]);
    }
    let done = place.good(&["compare", "a", "b", "--out", "both.html"]);
    assert!(done.stdout.contains("a / today") && done.stdout.contains("b / gentle"), "{}", done.stdout);
    assert!(place.text("both.html").contains("Celltide comparison"));
    let json: serde_json::Value =
        serde_json::from_str(&place.good(&["compare", "a", "b", "--json"]).stdout).unwrap();
    assert_eq!(json["variants"].as_array().unwrap().len(), 4);
    assert_eq!(place.names("."), ["a", "b", "both.html", "s.yaml"]);
    place.good(&["compare", "a", "b"]);
    assert!(place.text("comparison.html").starts_with("<!"));
    for wrong in
        [vec!["compare"], vec!["compare", "a", "nowhere"], vec!["compare", "s.yaml"], vec!["compare", "."]]
    {
        place.refused(&wrong);
    }
}

#[test]
fn a_sweep_runs_every_point_of_its_grid() {
    let place = Place::with(SMALL);
    let vary = [
        "--vary",
        "networks.town.riders.km_per_day=40,80",
        "--vary",
        "networks.town.charging.policy=immediate,off_peak",
    ];
    let set = ["--set", "horizon_days=4", "--set", "energy.tariff.flat_per_kwh=null"];
    let set = [
        &set[..],
        &["--set", "energy.tariff.by_hour_per_kwh=[1,1,1,1,1,1,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,1,1,1]"],
    ]
    .concat();
    for (out, jobs) in [("one", "1"), ("two", "2")] {
        place.good(
            &[
                &["sweep", "s.yaml", "--replicates", "2", "--quiet", "--jobs", jobs, "--out", out],
                &set[..],
                &vary[..],
            ]
            .concat(),
        );
        assert_eq!(place.names(out), ["report.html", "sweep.csv"]);
    }
    assert!(place.read("one/sweep.csv") == place.read("two/sweep.csv"));
    assert!(place.read("one/report.html") == place.read("two/report.html"));
    let table = columns(&place.text("one/sweep.csv"));
    let names: Vec<&str> = table.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "figure",
            "mean",
            "networks.town.charging.policy",
            "networks.town.riders.km_per_day",
            "p10",
            "p50",
            "p90",
            "variant"
        ]
    );
    let means = numbers(&table, "mean");
    let mean = |km: &str, policy: &str, variant: &str| {
        let is_it = |row: &usize| {
            table["figure"][*row] == "swaps_total"
                && table["networks.town.riders.km_per_day"][*row] == km
                && table["networks.town.charging.policy"][*row] == policy
                && table["variant"][*row] == variant
        };
        let rows: Vec<usize> = (0..means.len()).filter(is_it).collect();
        assert_eq!(rows.len(), 1);
        means[rows[0]]
    };
    let (few, many) = (mean("40", "immediate", "today"), mean("80", "immediate", "today"));
    assert!(many > 1.2 * few, "{few} and {many} swaps");
    assert!(mean("40", "off_peak", "gentle") > 0.0);

    let wrong = place.refused(&["sweep", "s.yaml", "--vary", "networks.town.packs=20,2"]);
    assert!(wrong.stderr.starts_with("--vary networks.town.packs=2: "), "{}", wrong.stderr);
    place.refused(&["sweep", "s.yaml"]);
    place.refused(&["sweep", "s.yaml", "--vary", "seed=1", "--vary", "seed=2"]);
}

#[test]
fn cells_are_listed() {
    let place = Place::new();
    let text = place.good(&["cell", "list"]).stdout;
    let all: serde_json::Value =
        serde_json::from_str(&place.good(&["cell", "list", "--json"]).stdout).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 16);
    for cell in all {
        assert!(text.contains(cell["name"].as_str().unwrap()));
        assert!(text.contains(cell["published_as"].as_str().unwrap()));
        let models = cell["models"].as_array().unwrap();
        // A chemistry has a fitted life and a circuit, or parameters of particle models.
        if models.contains(&"spm".into()) {
            assert!(models.contains(&"spme".into()) && cell["fitted_range"].is_null());
        } else {
            assert!(cell["fitted_range"]["temperature_c"][1].as_f64().unwrap() > 0.0);
            assert!(models.contains(&"circuit".into()));
        }
        assert!(!cell["make"].as_str().unwrap().is_empty() && cell["source"].is_string());
    }
}

#[test]
fn a_cell_ages_under_a_profile() {
    let place = Place::new();
    place.write("p.csv", "t_s,soc,temperature_C\n0,0.9,25\n14400,0.2,30\n57600,0.9,30\n86400,0.9,25\n");
    let life =
        ["cell", "life", "--chemistry", "lfp-gr-250ah-prismatic", "--profile", "p.csv", "--years", "2"];
    let printed = place.good(&[&life[..], &["--every", "100"]].concat()).stdout;
    let table = columns(&printed);
    assert_eq!(
        numbers(&table, "t_days"),
        [0.0, 100.0, 200.0, 300.0, 365.0, 400.0, 500.0, 600.0, 700.0, 730.0]
    );
    let capacity = numbers(&table, "q_rel");
    assert!(capacity[0] == 1.0 && capacity.windows(2).all(|pair| pair[1] < pair[0]), "{capacity:?}");
    assert!(numbers(&table, "r_rel").iter().all(|r| *r >= 1.0));
    place.good(&[&life[..], &["--every", "100", "--out", "life.csv"]].concat());
    assert_eq!(place.text("life.csv"), printed);
    // The published name, the published driver, and a model without a published resistance.
    let daily = place.good(&[
        "cell",
        "life",
        "--chemistry",
        "Lfp_Gr_250AhPrismatic",
        "--profile",
        "p.csv",
        "--years",
        "1",
        "--driver",
        "daily",
    ]);
    assert!(columns(&daily.stdout)["r_rel"].iter().all(String::is_empty));

    place.write("bad.csv", "t_s,soc,temperature_c\n0,0.9,25\n0,90,25\n");
    let with = |chemistry: &'static str, profile: &'static str, years: &'static str| {
        ["cell", "life", "--chemistry", chemistry, "--profile", profile, "--years", years, "--out", "no.csv"]
    };
    for (args, says) in [
        (with("lfp-gr-250ah-prismatik", "p.csv", "1"), "did you mean `lfp-gr-250ah-prismatic`"),
        (with("lfp-gr-250ah-prismatic", "none.csv", "1"), "none.csv"),
        (with("lfp-gr-250ah-prismatic", "bad.csv", "1"), "bad.csv line 3"),
        (with("lfp-gr-250ah-prismatic", "p.csv", "-1"), "-1"),
        (with("lfp-gr-250ah-prismatic", "p.csv", "many"), "no number"),
    ] {
        let done = place.refused(&args);
        assert!(done.stderr.contains(says), "{says}: {}", done.stderr);
    }
    assert!(!place.names(".").iter().any(|name| name.starts_with("no.csv")));
}

#[test]
fn a_cell_runs_a_protocol_and_a_current() {
    let place = Place::new();
    let cell = ["cell", "run", "--chemistry", "nmc811-grsi-lg-m50-5ah", "--model", "circuit"];
    let usual = "discharge 1C until 2.5V; rest 5min; charge 0.5C until 4.1V; hold 4.1V until C/20";
    place.good(
        &[&cell[..], &["--protocol", usual, "--cycles", "3", "--every", "60", "--out", "run.csv"]].concat(),
    );
    assert_eq!(place.names("."), ["run.csv", "run.cycles.csv"]);
    let text = place.text("run.csv");
    assert!(text.starts_with(
        "t_s,cycle,step,current_a,voltage_v,temperature_c,soc,discharged_ah\n0.000,1,1,5.000000,"
    ));
    let table = columns(&text);
    assert_eq!(table["cycle"].last().unwrap(), "3");
    assert_eq!(table["step"].last().unwrap(), "4");
    assert!(numbers(&table, "voltage_v").iter().all(|v| (2.49..4.21).contains(v)));
    let cycles = columns(&place.text("run.cycles.csv"));
    let capacity = numbers(&cycles, "capacity_ah");
    assert!(capacity.len() == 3 && capacity[2] < capacity[0], "{capacity:?}");
    assert!(cycles["lli_pct"].iter().all(String::is_empty));
    assert!(numbers(&cycles, "resistance_ohm").iter().all(|r| (0.005..0.2).contains(r)));

    place.write("i.csv", "t_s,current_a\n0,0\n600,5\n1200,-2.5\n");
    let lumped = ["--current", "i.csv", "--initial-soc", "0.5", "--thermal", "lumped", "--ambient-c", "-5"];
    let followed = columns(&place.good(&[&cell[..], &lumped[..]].concat()).stdout);
    let t_s = numbers(&followed, "t_s");
    assert!((t_s[t_s.len() - 1] - 1200.0).abs() < 1e-9);
    assert!(numbers(&followed, "temperature_c").iter().all(|t| (-5.1..15.0).contains(t)));

    for (args, says) in [
        (vec!["--protocol", "discharge 1C"], "column 13: expected `until` or `for`"),
        (vec!["--protocol", "dicharge 1C until 3V"], "step 1, column 1"),
        (vec!["--protocol", "rest 5min", "--current", "i.csv"], "cannot be used with"),
        (vec![], "--protocol"),
        (vec!["--current", "none.csv"], "none.csv"),
        (vec!["--protocol", "rest 1s", "--initial-soc", "2"], "2 is not within 0 to 1"),
        (vec!["--protocol", "rest 1s", "--mechanisms", "sei"], "--mechanisms is for spm, spme"),
        (vec!["--protocol", "rest 1s", "--cycles", "0"], "0"),
    ] {
        let done = place.refused(&[&cell[..], &args[..]].concat());
        assert!(done.stderr.contains(says), "{says}: {}", done.stderr);
    }
    // More than the cell holds: what was recorded stands, and the shell is told.
    place.write("long.csv", "t_s,current_a\n0,5\n7200,5\n");
    let done = place.celltide(&[&cell[..], &["--current", "long.csv", "--out", "long-out.csv"]].concat());
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("the cell is empty after"), "{}", done.stderr);
    assert!(place.text("long-out.csv").lines().count() > 100);
}

#[test]
fn a_cell_runs_as_single_particles_and_ages() {
    let place = Place::new();
    let spm = ["cell", "run", "--chemistry", "Chen2020", "--model", "spm"];
    let usual = "discharge 1C until 2.5V; rest 5min; charge 0.5C until 4.2V; hold 4.2V until C/20; rest 5min";
    let ageing = ["--protocol", usual, "--mechanisms", "sei-solvent", "--cycles", "4", "--every", "60"];
    place.good(&[&spm[..], &ageing[..], &["--out", "run.csv"]].concat());
    assert_eq!(place.names("."), ["run.csv", "run.cycles.csv"]);
    let table = columns(&place.text("run.csv"));
    assert_eq!((table["cycle"].last().unwrap().as_str(), table["step"].last().unwrap().as_str()), ("4", "5"));
    let (voltage, current) = (numbers(&table, "voltage_v"), numbers(&table, "current_a"));
    assert!(voltage.iter().all(|v| (2.499_999..4.200_001).contains(v)));
    // The last row of a step is at its end: here of the first, the third and the fourth.
    let last = |step: &str| {
        table["step"]
            .iter()
            .position(|at| at == step)
            .map(|from| from + table["step"][from..].iter().take_while(|at| *at == step).count() - 1)
    };
    let (discharged, charged, held) = (last("1").unwrap(), last("3").unwrap(), last("4").unwrap());
    assert!((voltage[discharged] - 2.5).abs() < 2e-6 && (current[discharged] - 5.0).abs() < 2e-6);
    assert!((voltage[charged] - 4.2).abs() < 2e-6 && (current[charged] + 2.5).abs() < 2e-6);
    assert!((voltage[held] - 4.2).abs() < 2e-6 && (current[held] + 0.25).abs() < 2e-6);
    assert!(numbers(&table, "temperature_c").iter().all(|t| (t - 25.0).abs() < 1e-9));

    let cycles = columns(&place.text("run.cycles.csv"));
    let of = |name: &str| numbers(&cycles, name);
    assert_eq!(of("cycle"), [1.0, 2.0, 3.0, 4.0]);
    let rises = |values: &[f64]| values.windows(2).all(|pair| pair[1] > pair[0]);
    assert!(rises(&of("lli_pct")) && rises(&of("resistance_ohm")) && of("lli_pct")[0] > 0.0);
    assert!(of("capacity_ah").windows(2).all(|pair| pair[1] < pair[0]));
    assert!(of("lam_negative_pct").iter().chain(&of("lam_positive_pct")).all(|lost| lost.abs() < 1e-9));

    // All mechanisms at once, with electrolyte and heat; what the same command gives twice is the same.
    let all = "sei-solvent,plating-partial,cracks,lam,pore-clogging";
    let coupled = [
        &["cell", "run", "--chemistry", "OKane2022", "--model", "spme", "--thermal", "lumped"][..],
        &["--protocol", usual, "--mechanisms", all, "--every", "300"],
    ]
    .concat();
    place.good(&[&coupled[..], &["--out", "a.csv"]].concat());
    place.good(&[&coupled[..], &["--out", "b.csv"]].concat());
    assert_eq!(place.text("a.csv"), place.text("b.csv"));
    let table = columns(&place.text("a.csv"));
    assert!(numbers(&table, "temperature_c").iter().any(|t| *t > 26.0));
    let cycles = columns(&place.text("a.cycles.csv"));
    assert!(numbers(&cycles, "lam_negative_pct")[0] > 0.0 && numbers(&cycles, "lam_positive_pct")[0] > 0.0);

    // A recorded current, from a state of charge.
    place.write("i.csv", "t_s,current_a\n0,0\n600,5\n1200,-2.5\n");
    let followed = [&spm[..], &["--current", "i.csv", "--initial-soc", "0.5", "--ambient-c", "-5"]].concat();
    let followed = columns(&place.good(&followed).stdout);
    let (t_s, soc) = (numbers(&followed, "t_s"), numbers(&followed, "soc"));
    assert!((t_s[t_s.len() - 1] - 1200.0).abs() < 1e-9 && (soc[0] - 0.5).abs() < 1e-6);
    // 5/2·600 As out, then (5 − 2.5)/2·600 As.
    let out_ah = numbers(&followed, "discharged_ah").last().copied().unwrap();
    assert!((out_ah - 2250.0 / 3600.0).abs() < 1e-7, "{out_ah}");
}

#[test]
fn a_cell_runs_as_the_full_model() {
    let place = Place::new();
    let dfn = ["cell", "run", "--chemistry", "Chen2020", "--model", "dfn", "--every", "60"];
    let usual = "discharge 2C until 2.5V; rest 5min; charge 1C until 4.2V; hold 4.2V until C/20; discharge 20W for 5min";
    let cycles = ["--protocol", usual, "--cycles", "2", "--thermal", "lumped", "--out", "run.csv"];
    place.good(&[&dfn[..], &cycles[..]].concat());
    assert_eq!(place.names("."), ["run.csv", "run.cycles.csv"]);
    let table = columns(&place.text("run.csv"));
    let (voltage, current) = (numbers(&table, "voltage_v"), numbers(&table, "current_a"));
    let end_of = |step: &str| table["step"].iter().rposition(|at| at == step).unwrap();
    assert!((voltage[end_of("1")] - 2.5).abs() < 2e-6 && (current[end_of("1")] - 10.0).abs() < 2e-6);
    assert!((voltage[end_of("3")] - 4.2).abs() < 2e-6);
    assert!((voltage[end_of("4")] - 4.2).abs() < 2e-6 && (current[end_of("4")] + 0.25).abs() < 2e-6);
    assert!((voltage[end_of("5")] * current[end_of("5")] - 20.0).abs() < 1e-3);
    assert!(numbers(&table, "temperature_c").iter().any(|t| *t > 35.0));
    let capacity_ah = numbers(&columns(&place.text("run.cycles.csv")), "capacity_ah");
    assert!((capacity_ah[0] / capacity_ah[1] - 1.0).abs() < 1e-9, "{capacity_ah:?}");

    // More than the cell holds: what was recorded stands, and the shell is told.
    place.write("long.csv", "t_s,current_a\n0,5\n7200,5\n");
    let done = place.celltide(&[&dfn[..], &["--current", "long.csv", "--out", "long-out.csv"]].concat());
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("the cell is empty after"), "{}", done.stderr);
    assert!(place.text("long-out.csv").lines().count() > 50);
}

#[test]
fn what_particle_models_cannot_do_is_refused_and_nothing_is_written() {
    let place = Place::new();
    let run = |chemistry: &'static str, model: &'static str, more: &[&'static str]| {
        [&["cell", "run", "--chemistry", chemistry, "--model", model, "--out", "no.csv"], more].concat()
    };
    let rest = ["--protocol", "rest 1s"];
    let ageing = |list: &'static str| [&rest[..], &["--mechanisms", list]].concat();
    for (args, says) in [
        (run("nmc811-grsi-lg-m50-5ah", "spm", &rest), "no parameters of particle models; these have: "),
        (run("Chen2020", "circuit", &rest), "`Chen2020` is a parameter set of particle models (spm, spme)"),
        (run("Chen2021", "spme", &rest), "Chen2020"),
        (run("Chen2020", "dfn", &ageing("sei")), "this model does not have ageing mechanisms"),
        (run("Chen2020", "spm", &ageing("rust")), "there is no mechanism called `rust`"),
        (run("Chen2020", "spm", &ageing("sei-ec,sei-solvent")), "exclude each other"),
        (run("Chen2020", "spm", &ageing("plating")), "no figures for plating"),
        (run("OKane2022", "spm", &ageing("pore-clogging")), "clogging of pores"),
        (run("Chen2020", "spm", &["--protocol", "discharge 1C"]), "expected `until` or `for`"),
        (run("Chen2020", "spm", &["--current", "none.csv"]), "none.csv"),
        (run("Chen2020", "spm", &["--protocol", "rest 1s", "--initial-soc", "2"]), "2 is not within 0 to 1"),
    ] {
        let done = place.refused(&args);
        assert!(done.stderr.contains(says), "{says}: {}", done.stderr);
    }
    assert!(place.names(".").is_empty(), "{:?}", place.names("."));
    // More than the cell holds: what was recorded stands, and the shell is told.
    place.write("long.csv", "t_s,current_a\n0,5\n7200,5\n");
    let done = place.celltide(&run("Chen2020", "spm", &["--current", "long.csv"]));
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("the cell is empty after"), "{}", done.stderr);
    assert!(place.text("no.csv").lines().count() > 100);
    // A step that cannot go on: the same, and the steps after it are not begun.
    let protocol = ["--protocol", "rest 10min; discharge 5000W for 1h; rest 1h"];
    let done = place.celltide(&run("Chen2020", "spme", &protocol));
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("cycle 1, step 2 (`discharge 5000W for 1h`) broke off"), "{}", done.stderr);
    let steps = numbers(&columns(&place.text("no.csv")), "step");
    assert!(steps.len() > 5 && steps.iter().all(|step| *step == 1.0), "{steps:?}");
}

#[test]
fn a_reader_who_leaves_early_is_no_failure() {
    let place = Place::new();
    let args = [
        "cell",
        "run",
        "--chemistry",
        "nmc811-grsi-lg-m50-5ah",
        "--model",
        "circuit",
        "--protocol",
        "rest 100h",
        "--every",
        "1",
    ];
    let mut child = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0u8; 16];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let done = support::Done::of(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_completes_its_files_and_says_that_they_are_partial() {
    let long = SMALL
        .replace("horizon_days: 30", "horizon_years: 90")
        .replace("interval_days: 1", "interval_days: 30");
    for signal in ["-INT", "-TERM"] {
        let place = Place::with(&long);
        let mut child = place
            .command(&["run", "s.yaml", "--out", "out", "--jobs", "1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // The first line comes when simulated time passes, and signals are caught before.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.contains("simulated") && first.contains("of 2 worlds"), "{first}");
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let said: Vec<String> = lines.map(Result::unwrap).collect();
        let done = child.wait().unwrap();
        assert_eq!(done.code(), Some(1), "{said:?}");
        assert!(said.last().unwrap().contains("the results are partial"), "{said:?}");
        assert_eq!(place.names("out"), FILES);
        let summary = place.summary("out");
        assert_eq!(summary["partial"], true);
        let stopped_at = summary["stopped_at"].as_str().unwrap();
        assert!(
            stopped_at > "2026-03-01T00:00:00+07:00" && stopped_at < summary["end"].as_str().unwrap(),
            "{stopped_at}"
        );
        assert!(
            summary["warnings"].as_array().unwrap().iter().any(|w| w.as_str().unwrap().contains("stopped"))
        );
        let twins = read::twins(&place.join("out/twins.parquet")).unwrap();
        assert!(!twins.is_empty());
        assert!(place.text("out/report.html").contains("covers only part of its span"));
        place.good(&["compare", "out", "--out", "c.html"]);
    }
}
