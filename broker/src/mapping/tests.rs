use super::*;

const NOW: Time = Time(1_750_000_000_000);

fn rule(text: &str) -> Rule {
    serde_json::from_str(text).unwrap()
}

fn good() -> Rule {
    rule(
        r#"{"name":"acme","topic":"acme/{kind}/{id}/+/data","id_prefix":"acme-","each":"/samples",
            "time":{"pointer":"/t","unit":"s"},
            "value":[{"metric":"voltage_v","pointer":"/u","unit":"mv","required":true},
                     {"metric":"temperature_c","pointer":"/deep/0/t","unit":"f"},
                     {"metric":"current_a","pointer":"/i","scale":0.5,"offset":1,"negate":true},
                     {"metric":"soc_pct","pointer":"/s","words":{"full":100,"true":90}}]}"#,
    )
}

#[test]
fn a_topic_names_the_device_and_a_payload_its_readings() {
    let rules = Rules::new(&[good()]).unwrap();
    assert_eq!(rules.filters().collect::<Vec<_>>(), ["acme/+/+/+/data"]);
    let found = rules.find("acme/battery/7/x/data").unwrap();
    assert_eq!((found.kind(), found.id()), (Kind::Battery, "acme-7"));
    let payload = r#"{"samples":[{"t":1700000000.25,"u":52100,"deep":[{"t":212}],"i":4,"s":"full"},
                                 {"t":1700000001,"u":"52000","s":true}]}"#;
    let readings = found.readings(payload.as_bytes(), NOW, &Limits::default()).unwrap();
    let value = |nth: usize, name: &str| {
        let reading: &Reading = &readings[nth];
        reading.values.iter().find(|(metric, _)| metric.as_str() == name).map(|(_, value)| *value)
    };
    assert_eq!(readings[0].at, Time(1_700_000_000_250));
    assert_eq!(value(0, "voltage_v"), Some(52.1));
    // 212 °F is where water boils.
    assert!((value(0, "temperature_c").unwrap() - 100.0).abs() < 1e-9);
    assert_eq!(value(0, "current_a"), Some(-3.0), "scaled, then shifted, then turned");
    assert_eq!(value(0, "soc_pct"), Some(100.0));
    assert_eq!((value(1, "voltage_v"), value(1, "soc_pct")), (Some(52.0), Some(90.0)));
    assert_eq!(value(1, "current_a"), None);
    for other in
        ["acme/battery/7/data", "acme/truck/7/x/data", "acme/battery/7/x/data/more", "acme/battery//x/data"]
    {
        assert!(rules.find(other).is_none(), "{other}");
    }
}

#[test]
fn what_is_wrong_with_a_payload_is_told() {
    let rules = Rules::new(&[good()]).unwrap();
    let found = rules.find("acme/battery/7/x/data").unwrap();
    let cases = [
        (r#"{"other":[]}"#, Class::PointerLeadsNowhere, "/samples"),
        (r#"{"samples":5}"#, Class::NotAnObject, "/samples"),
        (r#"{"samples":[]}"#, Class::NoReadings, "/samples"),
        (r#"{"samples":[{"t":1700000000}]}"#, Class::PointerLeadsNowhere, "[0].voltage_v"),
        (r#"{"samples":[{"u":1}]}"#, Class::PointerLeadsNowhere, "[0]./t"),
        (r#"{"samples":[{"t":"x","u":1}]}"#, Class::NotATime, "[0]./t"),
        (r#"{"samples":[{"t":1700000000,"u":1},{"t":1,"u":1}]}"#, Class::TooEarly, "[1].ts"),
        (r#"{"samples":[{"t":1700000000,"u":1e9}]}"#, Class::OutOfBounds, "[0].voltage_v"),
        (r#"{"samples":[{"t":1700000000,"u":[]}]}"#, Class::NotANumber, "[0].voltage_v"),
        (r#"{"samples":[{"t":1700000000,"u":1,"s":"half"}]}"#, Class::UnknownWord, "[0].soc_pct"),
        (r#"{"samples":[{"t":1700000000,"u":1,"s":"NaN"}]}"#, Class::OutOfBounds, "[0].soc_pct"),
        (r#"{"samples""#, Class::CutOff, "payload"),
    ];
    for (payload, class, field) in cases {
        let fault = found.readings(payload.as_bytes(), NOW, &Limits::default()).unwrap_err();
        assert_eq!((fault.class, fault.field.as_str()), (class, field), "{payload}");
    }
}

#[test]
fn a_rule_that_cannot_be_names_its_field() {
    let change = |change: fn(&mut Rule)| {
        let mut rule = good();
        change(&mut rule);
        Rules::new(&[good(), rule]).unwrap_err().field
    };
    assert_eq!(change(|r| r.topic = "acme/data".into()), "mapping[1].topic");
    assert_eq!(change(|r| r.topic = "celltide/v1/{kind}/{id}/telemetry".into()), "mapping[1].topic");
    assert_eq!(change(|r| r.topic = "acme/{id}/#".into()), "mapping[1].topic");
    assert_eq!(change(|r| r.topic = "acme/{id}/{id}/{kind}".into()), "mapping[1].topic");
    assert_eq!(change(|r| r.kind = Some(Kind::Battery)), "mapping[1].kind");
    assert_eq!(change(|r| r.id_prefix = "a/b".into()), "mapping[1].id_prefix");
    assert_eq!(change(|r| r.each = Some("samples".into())), "mapping[1].each");
    assert_eq!(change(|r| r.value.clear()), "mapping[1].value");
    assert_eq!(change(|r| r.value[2].pointer = "i".into()), "mapping[1].value[2].pointer");
    assert_eq!(change(|r| r.value[2].metric = "Current".into()), "mapping[1].value[2].metric");
    assert_eq!(change(|r| r.value[2].metric = "voltage_v".into()), "mapping[1].value[2].metric");
    assert_eq!(change(|r| r.value[0].unit = Some("kg".into())), "mapping[1].value[0].unit");
    assert_eq!(change(|r| r.value[0].scale = 0.0), "mapping[1].value[0].scale");
    assert_eq!(change(|r| r.value[0].offset = f64::NAN), "mapping[1].value[0].offset");
    let misspelt = serde_json::from_str::<Rule>(r#"{"name":"x","topics":"y"}"#).unwrap_err().to_string();
    assert!(misspelt.contains("topics"), "{misspelt}");
}

#[test]
fn units_come_to_what_they_should() {
    let cases = [
        ("mv", "voltage_v", 1_000.0, 1.0),
        ("k", "temperature_c", 273.15, 0.0),
        ("f", "ambient_c", 32.0, 0.0),
        ("mohm", "internal_resistance_ohm", 2.0, 0.002),
        ("ratio", "soc_pct", 0.5, 50.0),
        ("knot", "speed_kmh", 10.0, 18.52),
        ("ms", "speed_kmh", 10.0, 36.0),
        ("m", "distance_km", 1_500.0, 1.5),
        ("km", "altitude_m", 1.5, 1_500.0),
        ("j", "energy_kwh", 3.6e6, 1.0),
        ("deg", "lat", 3.0, 3.0),
        ("mv", "cell_voltages_v.4", 3_300.0, 3.3),
    ];
    for (unit, metric, from, to) in cases {
        let (factor, summand) = conversion(unit, metric).unwrap();
        let value: f64 = from * factor + summand;
        assert!((value - to).abs() < 1e-9, "{from} {unit} is {value}, not {to}");
    }
    assert_eq!(conversion("kg", "voltage_v"), None);
}
