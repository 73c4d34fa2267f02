//! Scenarios that are wrong: each is the largest good one with one thing changed, and is answered with the
//! line of the change and what is wrong there.

mod scenario_support;

use scenario_support::{fixture, folder, known, parse, parse_with};
use sim::scenario;

/// Changes `old` into `new` in the good scenario and expects one mistake, on the line where `at` begins.
#[track_caller]
fn check(old: &str, new: &str, at: &str, says: &str) {
    let text = changed(old, new);
    let Err(mistakes) = parse(&text) else { panic!("{new:?} is accepted") };
    assert_eq!(mistakes.0.len(), 1, "{mistakes}");
    let mistake = &mistakes.0[0];
    assert!(mistake.message.contains(says), "{mistake}\nlacks {says:?}");
    assert_eq!(mistake.line, line_of(&text, at), "{mistake}");
    assert!(mistake.to_string().starts_with(&format!("s.yaml:{}: ", mistake.line)));
}

/// The same, where the mistake is on the (first) line of what was changed.
#[track_caller]
fn check_there(old: &str, new: &str, says: &str) {
    check(old, new, new, says);
}

#[track_caller]
fn changed(old: &str, new: &str) -> String {
    let good = fixture("maximal.yaml");
    assert_eq!(good.matches(old).count(), 1, "{old:?} has to be in the good scenario exactly once");
    good.replace(old, new)
}

#[track_caller]
fn line_of(text: &str, part: &str) -> usize {
    let at = text.find(part).expect(part);
    1 + text[..at].matches('\n').count()
}

#[test]
fn keys_unknown_missing_and_repeated() {
    check_there("seed: 42", "sede: 42", "unknown key \"sede\": did you mean seed?");
    check_there("charger_kw: 0.6", "charger_w: 600", "the unit is part of the key: did you mean charger_kw?");
    check_there("horizon_years: 2", "horizon_hours: 2", "did you mean horizon_days or horizon_years?");
    check_there("standby_w: 50", "standby: 50", "did you mean standby_w?");
    check_there(
        "swap_rule: least_worn",
        "colour: red",
        "unknown key \"colour\"; known here: battery, cabinets",
    );
    check("      slots: 8\n", "", "cabinets:\n", "missing key slots");
    check("    repair_h: 24\n", "", "kind: charger", "missing key repair_h");
    check("    chemistry: nmc-example\n", "", "backup:\n", "missing key chemistry");
    check("name: everything\n", "", "description:", "missing key name");
    check("replicates: 3", "seed: 7", "seed: 7", "duplicate key \"seed\": it is already on line 7");
    check("regeneration: 0.25", "<<: {mass_kg: 1}", "<<", "merge keys");
    check("    swap_rule: least_worn", "    [a]: 1", "[a]: 1", "a key is a text, and this one is a list");
}

#[test]
fn values_of_the_wrong_type() {
    check_there(
        "charger_kw: 0.6",
        "charger_kw: 600 W",
        "the unit belongs to the key (charger_kw), write 600",
    );
    check_there("districts: 2", "districts: '2'", "expected a whole number, found the text \"2\": leave the");
    check_there("districts: 2", "districts: 2.5", "expected a whole number, found the number 2.5");
    check_there("price: 30000", "price: 30,5", "write 30.5");
    check_there("price: 30000", "price: .nan", "expected a finite number, found the number NaN");
    check_there("price: 30000", "price: -.inf", "expected a finite number, found the number -inf");
    check_there("price: 30000", "price: 1e400", "expected a finite number, found the number inf");
    check_there("price: 30000", "price:", "expected a number, found nothing");
    check_there("name: everything", "name: 12", "expected a text, found the number 12: put it in quotes");
    check_there("swap_events: false", "swap_events: off", "found the text \"off\": write false");
    check_there("mass_kg: 200\n", "mass_kg: [200]\n", "expected a number, found a list");
    check(
        "      cycle: town\n",
        "      - town\n",
        "trips:\n      - town",
        "expected a mapping, found a list",
    );
    check_there("seed: 42", "seed: !!str 42", "expected a whole number, found the text \"42\"");
    check_there("seed: 42", "seed: !secret 42", "the tag \"!secret\" does not fit here");
}

#[test]
fn values_out_of_range() {
    check_there("seed: 42", "seed: -42", "-42 is not within 0 to 18446744073709551615");
    check_there("replicates: 3", "replicates: 1001", "1001 is not within 1 to 1000");
    check_there("clearness: 0.6", "clearness: 60", "60 is not within 0 to 1; 60 % is written 0.6");
    check_there("utc_offset_h: 5.5", "utc_offset_h: 19800", "19800 is not within -12 to 14");
    check_there("cabinet: 3", "cabinet: 0", "0 is not within 1 to");
    check_there("[1, 1, 1, 1, 1.2, 1.1, 0.7]", "[1, 1, 1, 1, 1]", "expected exactly 7 elements, found 5");
    check_there("[0.5, 0.94]", "[0.5]", "expected exactly 2 elements, found 1");
    check_there("name: everything", "name: ''", "expected at least 1 character, found 0");
    check_there("policy: off_peak", "policy: offpeak", "did you mean off_peak? (one of immediate, off_peak,");
    check_there("kind: drive", "kind: sail", "unknown value \"sail\": one of daily, standby, drive");
    check_there("kind: drive", "kind: drivee", "did you mean drive?");
    check_there("kind: charger", "kind: charjer", "did you mean charger?");
}

#[test]
fn one_source_of_several() {
    check(
        "horizon_years: 2",
        "horizon_years: 2\nhorizon_days: 9",
        "horizon_days: 9",
        "horizon_years is given on line 6",
    );
    check("horizon_years: 2\n", "", "name: everything", "missing one of horizon_days, horizon_years");
    check("  city: Pune", "  city: Pune\n  constant_c: 3", "constant_c: 3", "and city is given on line 11");
    check("  city: Pune\n", "", "climate:", "missing one of city, file, constant_c");
    check("  city: Pune\n", "  city:\n", "climate:", "missing one of city, file, constant_c");
    check(
        "  tariff:\n",
        "  tariff:\n    flat_per_kwh: 1\n",
        "    by_hour_per_kwh",
        "flat_per_kwh is given on line 17",
    );
    check(
        "region: IN-WE",
        "region: IN-WE\n    flat_g_per_kwh: 1",
        "flat_g_per_kwh",
        "region is given on line 19",
    );
    check("      cycle: town\n", "      cycle:\n", "    trips:\n", "missing one of cycle, file");
    check("{file: trips.csv}", "{file: trips.csv, cycle: town}", "trips: {file", "file is given on line 67");
    check("    at_day: 200\n", "", "kind: cabinet", "missing one of mean_days_between, at_day");
    check(
        "    at_day: 200\n",
        "    at_day: 200\n    mean_days_between: 3\n",
        "mean_days_between: 3",
        "at_day is given",
    );
    check("    file: hourly.csv\n", "", "column: generation", "names a column, and there is no file");
}

#[test]
fn the_first_day() {
    check_there(
        "start: 2026-03-01",
        "start: 1.3.2026",
        "expected a date YYYY-MM-DD, found the text \"1.3.2026\"",
    );
    check_there("start: 2026-03-01", "start: 2026-02-30", "expected a date");
    check_there("start: 2026-03-01", "start: 2026-03-01T06:00", "expected a date");
    check_there("start: 2026-03-01", "start: 1969-12-31", "not between 1970-01-01 and 2200-12-31");
}

#[test]
fn references() {
    check_there("city: Pune", "city: Puna", "unknown city \"Puna\": did you mean Pune?");
    check_there("region: IN-WE", "region: MARS", "unknown grid region \"MARS\"; known here: IN-WE, KE");
    check_there("chemistry: lfp-example", "chemistry: lpf-example", "did you mean lfp-example?");
    check_there("cycle: town", "cycle: twon", "unknown speed cycle \"twon\": did you mean town?");
    check(
        "  - name: city\n    battery: scooter",
        "  - name: city\n    battery: scoter",
        "battery: scoter",
        "did you mean scooter?",
    );
    check(
        "    network: city\n    cabinet: 3",
        "    network: town\n    cabinet: 3",
        "network: town",
        "unknown network \"town\"",
    );
    check_there("cabinet: 3", "cabinet: 6", "there is no cabinet 6: \"city\" has 5");
    check_there("file: hourly.csv", "file: weekly.csv", "file \"weekly.csv\" does not exist in");
    check_there("{file: trips.csv}", "{file: ..}", "file \"..\" is not a file");
    check_there("arrivals_file: arrivals.csv", "arrivals_file: a/b.csv", "does not exist");
    check(
        "- name: ups\n    battery",
        "- name: store\n    battery",
        "- name: store\n    battery: backup\n    room_c",
        "two packs are called store; the other is on line 42",
    );
    check(
        "- name: gentle in heat\n",
        "- name: gentle\n",
        "- name: gentle\n    from",
        "two variants are called gentle; the other is on line",
    );
}

#[test]
fn numbers_that_go_together() {
    check_there("packs: 130", "packs: 99", "99 packs are fewer than the 100 riders");
    check_there(
        "packs: 130",
        "packs: 136",
        "136 packs less 100 with riders leave 36, and 5 cabinets of 8 slots, one kept free in each, hold 35",
    );
    check_there(
        "districts: 2",
        "districts: 6",
        "6 districts need as many cabinets at least, and there are 5",
    );
    check_there("ready_soc: 0.9\n", "ready_soc: 0.97\n", "ready_soc 0.97 is above target_soc 0.95");
    check(
        "      ready_soc: 0.9\n",
        "      ready_soc:\n",
        "      ready_soc:",
        "expected a number, found nothing",
    );
    check_there("reserve: 2", "reserve: 8", "reserve 8 has to be less than the 8 slots");
    check_there("site_power_kw: 3", "site_power_kw: 0.05", "site_power_kw is 50 W and standby_w 50");
    check_there("[0.5, 0.94]", "[0.5, 1.94]", "load 0.5 and efficiency 1.94 are fractions");
    check_there("[0.5, 0.94]", "[0.1, 0.94]", "load 0.1 does not increase on 0.1");
    check_there("[1, 1, 1, 1, 1.2, 1.1, 0.7]", "[1, 1, 1, 1, 1, 1, -1]", "activity -1 is negative");
    check_there("[1, 1, 1, 1, 1.2, 1.1, 0.7]", "[0, 0, 0, 0, 0, 0, 0]", "all zero");
    check("at_hour: 18", "at_hour: 9", "{at_hour: 9, c_rate: 0.25", "9 does not come after 9");
    check_there("c_rate: -0.3", "c_rate: 0", "a step of rate 0 does nothing");
    check_there("until_soc: 0.2}", "until_soc: 1}", "a discharge (positive c_rate) cannot stop at 1");
    check_there(
        "until_soc: 0.2}",
        "until_soc: 0.95}",
        "a discharge that stops at 0.95 does nothing where charging ends at 0.9",
    );
    check_there("capacity_sd: 0.005", "capacity_sd: 0.18", "has no capacity left");
    check_there("interval_days: 7", "interval_days: 800", "800 days are more than the horizon of 730.5 days");
}

#[test]
fn too_many_twins() {
    let text =
        changed("    count: 4\n", "    count: 1000000\n").replace("    room_c: 22\n", "    count: 1000000\n");
    let mistakes = parse(&text).unwrap_err();
    assert_eq!(mistakes.0.len(), 1, "{mistakes}");
    assert_eq!(mistakes.0[0].line, line_of(&text, "networks:"));
    assert!(mistakes.0[0].message.starts_with("2000150 twins in all, and at most 2000000"), "{mistakes}");
}

#[test]
fn too_many_rows() {
    let text =
        changed("interval_days: 7", "interval_days: 0.01").replace("    count: 4\n", "    count: 40000\n");
    let mistakes = parse(&text).unwrap_err();
    assert_eq!(mistakes.0.len(), 1, "{mistakes}");
    assert_eq!(mistakes.0[0].line, line_of(&text, "interval_days"));
    let says = "40151 twins and 32 cells with 73051 samples of about 6 metrics are 17612449998 rows, and at most \
                2000000000";
    assert!(mistakes.0[0].message.starts_with(says), "{mistakes}");
}

#[test]
fn nothing_to_simulate() {
    let text = "name: x\nhorizon_days: 1\nclimate: {constant_c: 20}\nbatteries: {a: {chemistry: lfp-example, series: 1}}\n";
    assert_eq!(
        parse(text).unwrap_err().to_string(),
        "s.yaml:1: nothing to simulate: give packs, networks, data_centres, second_lives or cleanups"
    );
}

#[test]
fn text_that_is_no_scenario() {
    let said = |text: &str| parse(text).unwrap_err().to_string();
    assert_eq!(said(""), "s.yaml:1: there is nothing in it");
    assert_eq!(said("- a\n- b\n"), "s.yaml:1: expected a mapping, found a list");
    assert_eq!(
        said("name: x\n\tstart: y\n"),
        "s.yaml:2: not valid YAML: a tab in the indentation, use spaces"
    );
    assert!(said("name: x\nclimate: {city: Pune\n").contains("not valid YAML"));
    assert!(said("{}").contains("missing key climate"));
    let latin = scenario::parse(b"name: caf\xe9\n", "s.yaml", &folder(), &[], &known()).unwrap_err();
    assert_eq!(latin.to_string(), "s.yaml:1: byte 9 (0xe9) is not UTF-8: save the file as UTF-8");
}

/// Adds one replacement to the last variant and expects one mistake, on the line of the replacement.
#[track_caller]
fn check_set(replacement: &str, says: &str) {
    let old = "      climate.constant_c: 38\n";
    check(old, &format!("{old}      {replacement}\n"), replacement, says);
}

#[test]
fn paths_in_variants() {
    check_set(
        "networks.city.charging.redy_soc: 0.8",
        "networks.0.charging has no \"redy_soc\": did you mean ready_soc?",
    );
    check_set(
        "networks.village.packs: 120",
        "networks has no \"village\": it has one element, number 0; known here: city",
    );
    check_set("packs.3.count: 2", "packs has no \"3\": its 3 elements are numbered from 0 to 2");
    check_set("batteries.scoter.price: 5", "batteries has no \"scoter\": did you mean scooter?");
    check_set("seed.first: 5", "seed is a single value and has no \"first\"");
    check_set("variants.0.name: x", "a variant cannot change variants");
    check_set("climate.constant_c.x: 1", "climate.constant_c is a single value");
    let twice = changed(
        "      climate.city: null\n",
        "      climate.city: null\n      networks.0.packs: 110\n      networks.city.packs: 110\n",
    );
    let mistakes = parse(&twice).unwrap_err();
    assert_eq!(mistakes.0.len(), 1);
    assert!(mistakes.0[0].message.starts_with("the same value is set on line"), "{mistakes}");
}

#[test]
fn values_in_variants() {
    check_set("networks.city.packs: 99", "in variant gentle in heat: 99 packs are fewer");
    check_set("networks.city.packs: many", "in variant gentle in heat: expected a whole number");
    check_set(
        "networks.city.packs: null",
        "in variant gentle in heat: expected a whole number, found nothing",
    );
    check_set("batteries.scooter: {chemistry: lfp-example}", "in variant gentle in heat: missing key series");
    check_set("packs.ups.duty.steps: []", "in variant gentle in heat: unknown key \"steps\"");
    check_set("energy.solar.file: none.csv", "in variant gentle in heat: file \"none.csv\" does not exist");
    check_set("output.interval_days: .inf", "in variant gentle in heat: expected a finite number");
}

#[test]
fn a_mistake_that_a_variant_causes_elsewhere_is_shown_at_the_variant() {
    // What it clashes with stands in the file; the line to correct is the variant's.
    check(
        "networks.city.charging.ready_soc: 0.8",
        "networks.city.charging.reserve: 1",
        "networks.city.charging.target_soc: 0.85",
        "in variant gentle: ready_soc 0.9 is above target_soc 0.85",
    );
    check(
        "      climate.city: null\n",
        "",
        "climate.constant_c: 38",
        "in variant gentle in heat: only one of",
    );
    check(
        "      climate.constant_c: 38\n",
        "",
        "climate.city: null",
        "in variant gentle in heat: missing one of",
    );
}

#[test]
fn variants_that_start_from_nothing() {
    check_there("from: gentle", "from: gentel", "unknown variant \"gentel\": did you mean gentle?");
    check_there("from: gentle", "from: gentle in heat", "in a circle: gentle in heat → gentle in heat");
    let circle = fixture("minimal.yaml")
        + "variants:\n- {name: a, from: b}\n- {name: b, from: c}\n- {name: c, from: b}\n";
    assert_eq!(
        parse(&circle).unwrap_err().to_string(),
        "s.yaml:12: variants.1.from: variants start from each other in a circle: b → c → b"
    );
}

#[test]
fn what_is_wrong_in_the_file_is_not_said_again_of_every_variant() {
    let text = changed("cycle: town", "cycle: twon").replace("  - name: as it is\n", "");
    assert_eq!(parse(&text).unwrap_err().0.len(), 1);
}

#[test]
fn set_values() {
    let said = |path: &str, value: &str| {
        parse_with(&fixture("maximal.yaml"), &[("seed", "1"), (path, value)]).unwrap_err().to_string()
    };
    assert_eq!(
        said("networks.city.pakcs", "120"),
        "--set networks.city.pakcs=120: networks.0 has no \"pakcs\": did you mean packs?"
    );
    assert_eq!(
        said("replicates", "many"),
        "--set replicates=many: replicates: expected a whole number, found the text \"many\""
    );
    assert_eq!(
        said("replicates", "[1"),
        "--set replicates=[1: not valid YAML: while parsing a flow sequence, expected ',' or ']'"
    );
    assert!(
        said("climate.constant_c", "20").contains("climate.constant_c: only one of city, file, constant_c")
    );
    assert!(
        said("networks.city.packs", "5")
            .starts_with("--set networks.city.packs=5: networks.0.packs: 5 packs")
    );
}

#[test]
fn many_mistakes_at_once() {
    let path = folder().join("many.yaml");
    let mistakes = scenario::load(&path, &[], &known()).unwrap_err();
    let expected = [
        (2, "name", "put it in quotes"),
        (3, "start", "expected a date"),
        (5, "horizon_years", "only one of"),
        (6, "sead", "did you mean seed?"),
        (7, "replicates", "out of range"),
        (9, "climate.city", "did you mean Pune?"),
        (10, "climate.constant_c", "only one of"),
        (13, "energy.tariff.flat_per_kwh", "write 6 without \"INR\""),
        (14, "", "duplicate key \"tariff\""),
        (18, "batteries.scooter.chemistry", "did you mean lfp-example?"),
        (19, "batteries.scooter.series", "16.5"),
        (22, "networks.0.battery", "did you mean scooter?"),
        (23, "networks.0.packs", "fewer than the 100 riders"),
        (27, "networks.0.cabinets.charger_w", "did you mean charger_kw?"),
        (28, "networks.0.cabinets.site_power_kw", "nothing is left"),
        (30, "networks.0.charging.policy", "did you mean off_peak?"),
        (31, "networks.0.charging.ready_soc", "above target_soc 0.9"),
        (35, "networks.0.riders.km_per_day", "NaN"),
        (36, "networks.0.riders.by_weekday", "exactly 7 elements, found 5"),
        (38, "networks.0.trips.file", "does not exist"),
        (41, "faults.0.network", "unknown network"),
        (45, "output.swap_events", "write true"),
        (49, "variants.0.set.networks.city.charging.polcy", "did you mean policy?"),
        (51, "variants.1.from", "a → b → a"),
    ];
    for (mistake, (line, path, says)) in mistakes.0.iter().zip(expected) {
        assert_eq!((mistake.line, mistake.path.as_str()), (line, path), "{mistake}");
        assert!(mistake.message.contains(says), "{mistake}\nlacks {says:?}");
    }
    assert_eq!(mistakes.0.len(), expected.len(), "{mistakes}");
    assert_eq!(mistakes.to_string().lines().count(), expected.len());
}
