use super::*;
use proptest::prelude::*;

const NOW: Time = Time(1_750_000_000_000);

fn read(kind: Kind, text: &str) -> Telemetry {
    telemetry(kind, text.as_bytes(), NOW, &Limits::default()).unwrap()
}

fn values(telemetry: &Telemetry, nth: usize) -> Vec<(&str, f64)> {
    telemetry.readings[nth].values.iter().map(|(metric, value)| (metric.as_str(), *value)).collect()
}

#[test]
fn a_reading_of_a_battery_with_all_its_keys() {
    let said = read(
        Kind::Battery,
        r#" {"ts":"2024-02-29T12:34:56.789Z","voltage_v":52.1,"current_a":-3,"temperature_c":25.5,"ambient_c":20,
            "soc_pct":80,"soh_pct":99.5,"cell_voltages_v":[3.25,null,3.27],"internal_resistance_ohm":0.002,
            "lat":1.5,"lon":-103.25,"altitude_m":12,"speed_kmh":30,"distance_km":1000.5,"cycles":12,
            "firmware":"1.2","rssi_dbm":-70,"nested":{"a":[1,{"b":null}]},"soc_pct_":1} "#,
    );
    assert_eq!(said.skipped, 4);
    assert_eq!(said.readings[0].at, Time(1_709_210_096_789));
    let expected = [
        ("voltage_v", 52.1),
        ("current_a", -3.0),
        ("temperature_c", 25.5),
        ("ambient_c", 20.0),
        ("soc_pct", 80.0),
        ("soh_pct", 99.5),
        ("cell_voltages_v.1", 3.25),
        ("cell_voltages_v.3", 3.27),
        ("internal_resistance_ohm", 0.002),
        ("lat", 1.5),
        ("lon", -103.25),
        ("altitude_m", 12.0),
        ("speed_kmh", 30.0),
        ("distance_km", 1000.5),
        ("cycles", 12.0),
    ];
    assert_eq!(values(&said, 0), expected);
}

#[test]
fn an_array_and_a_fault_in_the_middle_of_one() {
    let one = |ts: i64| format!(r#"{{"ts":{ts},"voltage_v":50,"current_a":1}}"#);
    let said = read(Kind::Battery, &format!("[{},{}]", one(1_700_000_001_000), one(1_700_000_000_000)));
    let times: Vec<i64> = said.readings.iter().map(|reading| reading.at.0).collect();
    assert_eq!(times, [1_700_000_001_000, 1_700_000_000_000], "as they were written");
    let text =
        format!(r#"[{},{{"ts":1700000000000,"voltage_v":"x","current_a":1}}]"#, one(1_700_000_001_000));
    let fault = telemetry(Kind::Battery, text.as_bytes(), NOW, &Limits::default()).unwrap_err();
    assert_eq!((fault.class, fault.field.as_str()), (Class::NotANumber, "[1].voltage_v"));
}

#[test]
fn other_kinds_need_no_voltage_and_take_keys_with_units() {
    let said = read(
        Kind::Cabinet,
        r#"{"ts":1700000000000,"door_open":true,"slot_soc_pct":[90,null,15.5],"fan_power_w":12,"mood":3}"#,
    );
    let expected =
        [("door_open", 1.0), ("slot_soc_pct.1", 90.0), ("slot_soc_pct.3", 15.5), ("fan_power_w", 12.0)];
    assert_eq!((values(&said, 0).as_slice(), said.skipped), (expected.as_slice(), 1));
    assert_eq!(values(&read(Kind::Vessel, r#"{"ts":1700000000000,"hold_kg":3.5}"#), 0), [("hold_kg", 3.5)]);
    assert_eq!(
        values(&read(Kind::Facility, r#"{"ts":1700000000000,"power_w":-1e6}"#), 0),
        [("power_w", -1e6)]
    );
    let nothing =
        telemetry(Kind::Vessel, br#"{"ts":1700000000000,"mood":1}"#, NOW, &Limits::default()).unwrap_err();
    assert_eq!(nothing.class, Class::NothingMeasured);
    let twice = br#"{"ts":1700000000000,"fan_power_w":1,"fan_power_w":2}"#;
    assert_eq!(
        telemetry(Kind::Cabinet, twice, NOW, &Limits::default()).unwrap_err().class,
        Class::DuplicateKey
    );
}

#[test]
fn events_answers_and_status() {
    let limits = Limits::default();
    let said =
        event(br#"{"event":"swap","ts":1700000000000,"bay":3,"in":{"id":"x"}}"#, NOW, &limits).unwrap();
    let detail = serde_json::json!({"bay": 3, "in": {"id": "x"}});
    assert_eq!(said, Report::Event { at: Time(1_700_000_000_000), event: "swap".into(), detail });
    let said = event(br#"{"event":"door"}"#, NOW, &limits).unwrap();
    assert_eq!(said, Report::Event { at: NOW, event: "door".into(), detail: serde_json::json!({}) });
    let said = ack("c1", br#"{"done":true}"#, NOW, &limits).unwrap();
    assert_eq!(said, Report::Acknowledged { at: NOW, command: "c1".into(), done: true, detail: None });
    for (text, online) in [("online", true), ("\"online\"", true), (" offline\n", false)] {
        assert_eq!(status(text.as_bytes()), Ok(online));
    }
}

#[test]
fn ahead_of_the_clock_but_not_far() {
    let text = |at: Time| format!(r#"{{"ts":{},"voltage_v":50,"current_a":1}}"#, at.0);
    assert_eq!(read(Kind::Battery, &text(NOW.plus_seconds(900.0))).readings[0].at, NOW.plus_seconds(900.0));
    let ahead = telemetry(Kind::Battery, text(NOW.plus_seconds(901.0)).as_bytes(), NOW, &Limits::default());
    assert_eq!(ahead.unwrap_err().class, Class::InFuture);
}

#[test]
fn classes_have_names_of_their_own() {
    let names: std::collections::BTreeSet<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
    assert_eq!(names.len(), Class::ALL.len());
}

proptest! {
    /// Whatever arrives, there is an answer and it is bounded.
    #[test]
    fn nothing_makes_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        for kind in Kind::ALL {
            let _ = telemetry(kind, &payload, NOW, &Limits::default());
        }
        let _ = event(&payload, NOW, &Limits::default());
        let _ = ack("c", &payload, NOW, &Limits::default());
        let _ = status(&payload);
    }

    /// Nor does anything that is nearly right: a reading with one byte changed.
    #[test]
    fn nor_does_a_changed_byte(at in 0_usize..200, to in any::<u8>()) {
        let mut payload =
            br#"[{"ts":"2024-02-29T12:34:56.789Z","voltage_v":52.1,"current_a":-3e1,"cell_voltages_v":[3.25,3.27]}]"#
                .to_vec();
        let at = at % payload.len();
        payload[at] = to;
        if let Ok(said) = telemetry(Kind::Battery, &payload, NOW, &Limits::default()) {
            prop_assert!(said.readings.iter().all(|reading| reading.values.iter().all(|(_, value)| value.is_finite())));
        }
    }

    /// A number is read as it was written.
    #[test]
    fn numbers_survive(voltage_v in -5_000.0..5_000.0_f64, current_a in -1e5..1e5_f64) {
        let text = format!(r#"{{"ts":1700000000000,"voltage_v":{voltage_v},"current_a":{current_a:e}}}"#);
        let said = read(Kind::Battery, &text);
        // The parser of JSON is right to one unit in the last place.
        let near = |a: f64, b: f64| (a - b).abs() <= f64::EPSILON * a.abs();
        prop_assert!(near(said.readings[0].values[0].1, voltage_v));
        prop_assert!(near(said.readings[0].values[1].1, current_a));
    }
}
