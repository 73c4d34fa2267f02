//! How long a battery will still serve, over HTTP.

use crate::process::{Serve, ago_ms, run};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Three days of a battery that is used, a reading a minute.
pub(crate) fn three_days() -> Value {
    let begin = ago_ms(3 * 86_400);
    let reading = |k: i64| {
        // Down by half in the first half of each eight hours, and up again.
        let (minute, half) = (k % 480, 240.0);
        let down = minute < 240;
        let soc =
            if down { 0.9 - 0.5 * minute as f64 / half } else { 0.4 + 0.5 * (minute - 240) as f64 / half };
        let current_a = if down { 1.45 } else { -1.45 };
        json!({
            "ts": begin + k * 60_000, "voltage_v": 13.0 * (3.35 + 0.75 * soc) - 0.1 * current_a,
            "current_a": current_a, "temperature_c": 31.0 + 0.1 * (k % 3) as f64,
        })
    };
    (0..3 * 1_440).map(reading).collect()
}

#[test]
fn a_battery_says_how_long_it_will_serve_or_what_it_lacks_to_say() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let path = format!("/twins/v1/twins/{id}");
        let (status, refused) = serve.send(Method::GET, &format!("{path}/forecast"), None).await;
        assert_eq!(status, StatusCode::CONFLICT);
        assert_eq!(refused["detail"], "no forecast: nothing was measured yet");

        serve.post(&format!("{path}/telemetry"), three_days()).await;
        let life = serve.get("/twins/v1/twins/B-1/forecast").await;
        let days = |name: &str| life[name].as_f64().unwrap();
        assert!(0.0 < days("p10") && days("p10") < days("p50") && days("p50") < days("p90"), "{life}");
        assert_eq!(life["unit"], "days");
        let used = &life["assumed_use"];
        assert!((used["equivalent_cycles_per_day"].as_f64().unwrap() - 1.5).abs() < 0.1, "{used}");
        assert!((used["temperature_c"].as_f64().unwrap() - 31.0).abs() < 1.5, "{used}");
        let curve = life["curve"].as_array().unwrap();
        assert!(curve.len() > 10 && curve[0]["p50"].as_f64() > curve.last().unwrap()["p50"].as_f64());
        let (status, _) = serve.send(Method::GET, "/twins/v1/twins/nobody/forecast", None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    });
}
