use super::wire::{INT16, Payload, Value};
use super::*;

const NOW: Time = Time(1_750_000_000_000);
const THEN_MS: u64 = 1_700_000_000_000;

fn metric(name: Option<&str>, alias: Option<u64>, value: Value) -> wire::Metric {
    wire::Metric { name: name.map(str::to_owned), alias, value: Some(value), ..wire::Metric::default() }
}

fn message(seq: u64, metrics: Vec<wire::Metric>) -> Payload {
    Payload { timestamp: Some(THEN_MS), metrics, seq: Some(seq) }
}

struct Bench {
    nodes: Nodes,
    now: Time,
}

impl Bench {
    fn new() -> Self {
        let value =
            serde_json::from_str(r#"[{"metric":"temperature_c","pointer":"Pack/Temp","unit":"k"}]"#).unwrap();
        Self { nodes: Nodes::new(Settings { value, ..Settings::default() }).unwrap(), now: NOW }
    }

    fn hear(&mut self, topic: &str, message: &Payload) -> Result<Heard, Refused> {
        let may = |kind, id: &str| Some(Device { kind, id: id.into() });
        self.nodes.hear(
            &format!("spBv1.0/site/{topic}"),
            &message.encode_to_vec(),
            self.now,
            &Limits::default(),
            may,
        )
    }

    /// A node and a device that are born.
    fn born() -> Self {
        let mut bench = Self::new();
        bench.hear("NBIRTH/node", &message(0, vec![metric(Some("bdSeq"), None, Value::Long(7))])).unwrap();
        let metrics = vec![
            metric(Some("Pack/voltage_v"), Some(1), Value::Float(52.0)),
            metric(Some("Pack/current_a"), Some(2), Value::Double(-3.0)),
            wire::Metric { datatype: Some(INT16), ..metric(Some("Pack/Temp"), Some(3), Value::Int(300)) },
            metric(Some("Pack/Maker"), Some(4), Value::Text("acme".into())),
        ];
        let heard = bench.hear("DBIRTH/node/b1", &message(1, metrics)).unwrap();
        assert_eq!(heard.presence, [(b1(), true)]);
        assert_eq!(
            readings(&heard),
            vec![vec![
                ("voltage_v".into(), 52.0),
                ("current_a".into(), -3.0),
                ("temperature_c".into(), 300.0 - 273.15)
            ]]
        );
        bench
    }
}

fn b1() -> Device {
    Device { kind: Kind::Battery, id: "b1".into() }
}

fn readings(heard: &Heard) -> Vec<Vec<(String, f64)>> {
    let of = |report: &Report| match report {
        Report::Readings(readings) => readings.clone(),
        _ => Vec::new(),
    };
    let all = heard.reports.iter().flat_map(|(_, report)| of(report));
    all.map(|reading| reading.values.iter().map(|(m, v)| (m.as_str().to_owned(), *v)).collect()).collect()
}

#[test]
fn data_by_alias_and_by_exception() {
    let mut bench = Bench::born();
    let heard =
        bench.hear("DDATA/node/b1", &message(2, vec![metric(None, Some(1), Value::Float(51.5))])).unwrap();
    assert!(heard.answers.is_empty());
    assert_eq!(
        readings(&heard),
        vec![vec![("voltage_v".into(), 51.5), ("current_a".into(), -3.0)]],
        "the current did not change"
    );
    let heard =
        bench.hear("DDATA/node/b1", &message(3, vec![metric(None, Some(2), Value::Double(4.0))])).unwrap();
    assert_eq!(readings(&heard), vec![vec![("current_a".into(), 4.0), ("voltage_v".into(), 51.5)]]);
    // Two instants in one message are two readings, the earlier first.
    let later =
        wire::Metric { timestamp: Some(THEN_MS + 1_000), ..metric(None, Some(1), Value::Float(51.0)) };
    let heard = bench
        .hear("DDATA/node/b1", &message(4, vec![later, metric(None, Some(1), Value::Float(50.0))]))
        .unwrap();
    let voltages: Vec<f64> = readings(&heard).iter().map(|values| values[0].1).collect();
    assert_eq!(voltages, [50.0, 51.0]);
    // A value that is null or a text says nothing.
    let null = wire::Metric { is_null: Some(true), ..metric(None, Some(1), Value::Float(0.0)) };
    let heard = bench
        .hear("DDATA/node/b1", &message(5, vec![null, metric(None, Some(4), Value::Text("x".into()))]))
        .unwrap();
    assert!(heard.reports.is_empty());
}

#[test]
fn a_gap_asks_for_a_birth_once_in_a_while_and_loses_nothing() {
    let mut bench = Bench::born();
    let data = |seq| message(seq, vec![metric(None, Some(1), Value::Float(51.0))]);
    let heard = bench.hear("DDATA/node/b1", &data(4)).unwrap();
    assert_eq!(readings(&heard).len(), 1, "what is there is taken");
    assert_eq!(heard.answers.len(), 1);
    let (topic, payload) = &heard.answers[0];
    assert_eq!(topic, "spBv1.0/site/NCMD/node");
    let asked = Payload::decode(payload.clone()).unwrap();
    assert_eq!(asked.metrics[0].name.as_deref(), Some("Node Control/Rebirth"));
    assert_eq!(asked.metrics[0].value, Some(Value::Boolean(true)));
    assert!(bench.hear("DDATA/node/b1", &data(5)).unwrap().answers.is_empty(), "in sequence again");
    assert!(bench.hear("DDATA/node/b1", &data(9)).unwrap().answers.is_empty(), "asked a moment ago");
    bench.now = NOW.plus_seconds(11.0);
    assert_eq!(bench.hear("DDATA/node/b1", &data(20)).unwrap().answers.len(), 1);
}

#[test]
fn the_sequence_goes_round() {
    let mut bench = Bench::born();
    for n in 2..600 {
        let heard =
            bench.hear("DDATA/node/b1", &message(n % 256, vec![metric(None, Some(1), Value::Float(51.0))]));
        assert!(heard.unwrap().answers.is_empty(), "{n}");
    }
}

#[test]
fn who_was_not_born_is_asked_and_refused() {
    let mut bench = Bench::new();
    let data = message(5, vec![metric(Some("voltage_v"), None, Value::Float(51.0))]);
    let refused = bench.hear("DDATA/node/b1", &data).unwrap_err();
    assert_eq!((refused.fault.class, refused.answers.len()), (Class::NotBorn, 1));
    // A device without its node as well.
    assert_eq!(bench.hear("DBIRTH/node/b1", &data).unwrap_err().fault.class, Class::NotBorn);
    let mut bench = Bench::born();
    assert_eq!(bench.hear("DDATA/node/b2", &message(2, Vec::new())).unwrap_err().fault.class, Class::NotBorn);
    let unknown = message(3, vec![metric(None, Some(99), Value::Float(1.0))]);
    let refused = bench.hear("DDATA/node/b1", &unknown).unwrap_err();
    assert_eq!(refused.fault.class, Class::UnknownAlias);
}

#[test]
fn deaths() {
    let mut bench = Bench::born();
    let heard = bench.hear("DDEATH/node/b1", &message(2, Vec::new())).unwrap();
    assert_eq!(heard.presence, [(b1(), false)]);
    assert_eq!(bench.hear("DDATA/node/b1", &message(3, Vec::new())).unwrap_err().fault.class, Class::NotBorn);
    // A node takes its devices along, unless it is the death of an earlier session.
    let mut bench = Bench::born();
    let death = |session| {
        let metrics = vec![metric(Some("bdSeq"), None, Value::Long(session))];
        Payload { timestamp: Some(THEN_MS), metrics, seq: None }
    };
    bench.nodes.nodes.values_mut().for_each(|node| node.itself.alive = true);
    assert!(bench.hear("NDEATH/node", &death(6)).unwrap().reports.is_empty());
    assert_eq!(bench.hear("NDEATH/node", &death(7)).unwrap().presence, [(b1(), false)]);
    assert!(bench.hear("NDEATH/node", &death(7)).unwrap().reports.is_empty(), "once");
    assert_eq!(bench.hear("DDATA/node/b1", &message(3, Vec::new())).unwrap_err().fault.class, Class::NotBorn);
}

#[test]
fn signed_numbers_and_wrong_messages() {
    assert_eq!(Value::Int(0xFFFF_FFFB).number(Some(wire::INT32)), Some(-5.0));
    assert_eq!(Value::Int(0xFB).number(Some(wire::INT8)), Some(-5.0));
    assert_eq!(Value::Int(0xFFFB).number(Some(INT16)), Some(-5.0));
    assert_eq!(Value::Long(u64::MAX).number(Some(wire::INT64)), Some(-1.0));
    assert_eq!(Value::Int(5).number(None), Some(5.0));
    let mut bench = Bench::born();
    let may = |kind, id: &str| Some(Device { kind, id: id.into() });
    let mut wrong = |topic: &str, payload: &[u8]| {
        bench.nodes.hear(topic, payload, NOW, &Limits::default(), may).unwrap_err().fault.class
    };
    assert_eq!(wrong("spBv1.0/site/DDATA/node/b1", b"\xFF\xFF"), Class::NotSparkplug);
    assert_eq!(wrong("spBv1.0/site/DDATA/node/b1", b""), Class::OutOfSequence);
    assert_eq!(wrong("spBv1.0/site/DDATA/node", b""), Class::UnknownTopic);
    assert_eq!(wrong("spBv1.0/site/XDATA/node/b1", b""), Class::UnknownTopic);
    let refused =
        bench.nodes.hear("spBv1.0/s/DDATA/n/b1", b"", NOW, &Limits::default(), |_, _| None).unwrap_err();
    assert_eq!(refused.fault.class, Class::Forbidden);
    let far = message(2, vec![metric(None, Some(1), Value::Float(1e9))]);
    assert_eq!(bench.hear("DDATA/node/b1", &far).unwrap_err().fault.class, Class::OutOfBounds);
}

#[test]
fn settings_are_checked() {
    let wrong = Settings { device_id: "same".into(), ..Settings::default() };
    assert_eq!(wrong.check().unwrap_err().field, "sparkplug.device_id");
    assert!(is_passed_on("spBv1.0/site/NCMD/node") && is_passed_on("spBv1.0/STATE/host"));
    assert!(!is_passed_on("spBv1.0/site/DDATA/node/b1"));
}
