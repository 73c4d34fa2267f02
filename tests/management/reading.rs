//! Readings of a battery and what follows from them.

use crate::caller::Door;
use crate::process::ago_ms;
use serde_json::{Value, json};

/// Milliseconds as a time in whole seconds.
pub(crate) fn time(ms: i64) -> String {
    let days = ms.div_euclid(86_400_000);
    // Civil from days: Hinnant's algorithm over eras of 400 years.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day = z.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (d, m) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let y = year + era * 400 + i64::from(m <= 2);
    let s = ms.div_euclid(1_000).rem_euclid(86_400);
    format!("{y:04}-{m:02}-{d:02}T{:02}:{:02}:{:02}Z", s / 3_600, s / 60 % 60, s % 60)
}

pub(crate) async fn readings_and_what_follows(door: &mut Door) {
    let id = door.battery("RIDE").await["id"].as_str().unwrap().to_owned();
    let path = |rest: &str| format!("/batteries/RIDE/{rest}");
    door.call("GET", &path("latest-reading"), None).await.is(404, "READING_NOT_FOUND");
    let none = door.get(&path("total-distance")).await;
    assert_eq!(none, json!({ "battery_id": id, "total_distance_km": 0.0 }));

    // Half an hour's ride, a reading a minute: 10 A out of 50 V, 300 m northward each; then ten minutes of charge at 20 A.
    let begin = ago_ms(7_200).div_euclid(60_000) * 60_000;
    let ride = (0..=30).map(|k| {
        json!({
            "ts": begin + k * 60_000, "voltage_v": 50.0, "current_a": 10.0, "temperature_c": 35.0, "ambient_c": 25.0,
            "lat": 40.7128 + f64::from(k as i32) * 0.002_697_96, "lon": -74.006, "altitude_m": 10.0, "speed_kmh": 18.0,
            "soc_pct": 85.5, "cell_voltages_v": [3.84, 3.85, 3.86],
        })
    });
    let charge = (32..=42).map(|k| {
        json!({ "ts": begin + k * 60_000, "voltage_v": 53.0, "current_a": -20.0, "lat": 40.7937, "lon": -74.006 })
    });
    door.tell(&id, "telemetry", Value::Array(ride.chain(charge).collect())).await;

    let (from, to) = (time(begin), time(begin + 30 * 60_000));
    let page = door.get(&path(&format!("readings?from={from}&to={to}&limit=10"))).await;
    assert_eq!(page["pagination"]["total"], 31, "both ends belong to it");
    assert_eq!(
        page["pagination"]["next"],
        format!("/batteries/RIDE/readings?from={from}&to={to}&limit=10&offset=10")
    );
    let row = &page["data"][0];
    assert_eq!(row["time"], from);
    let figures = [
        ("pack_voltage", 50.0),
        ("current", 10.0),
        ("internal_temperature", 35.0),
        ("ambient_temperature", 25.0),
        ("latitude", 40.7128),
        ("longitude", -74.006),
        ("altitude", 10.0),
        ("speed", 18.0),
        ("power_output", 500.0),
        ("charge_rate", 0.0),
    ];
    for (name, value) in figures {
        assert_eq!(row[name], value, "{name}: {row}");
    }
    // 10 A out of 6000 Wh / 52 V = 115.4 Ah.
    assert!((row["discharge_rate"].as_f64().unwrap() - 0.0867).abs() < 1e-4, "{row}");
    assert!((row["state_of_charge"].as_f64().unwrap() - 85.5).abs() < 5.0, "{row}");
    assert_eq!(row.as_object().unwrap().len(), 13);
    let last = door.get(page["pagination"]["next"].as_str().unwrap()).await;
    assert_eq!(last["data"].as_array().unwrap().len(), 10);
    assert_eq!(door.get(&path("readings")).await["pagination"]["total"], 42, "of the last day");
    let other = door.get(&path(&format!("readings?start_time={from}&end_time={from}"))).await;
    assert_eq!(other["pagination"]["total"], 1, "either names of the ends");

    let latest = door.get(&path("latest-reading")).await;
    assert_eq!(latest["time"], time(begin + 42 * 60_000));
    assert_eq!((&latest["current"], &latest["charge_rate"]), (&json!(-20.0), &json!(0.1733)));
    assert_eq!(latest["internal_temperature"], json!(null), "it did not measure that");
    assert_eq!(door.get("/batteries/RIDE").await["status"], "charging", "the hardware says so");

    let cells = door.get(&path(&format!("cell-voltages?readingTime={from}"))).await;
    assert_eq!(
        cells,
        json!([
            { "cell_number": 1, "voltage": 3.84 },
            { "cell_number": 2, "voltage": 3.85 },
            { "cell_number": 3, "voltage": 3.86 },
        ])
    );
    let near = time(begin + 1_000);
    assert_eq!(
        door.get(&path(&format!("cell-voltages?reading_time={near}"))).await,
        cells,
        "within a second"
    );
    let far = time(begin + 30_000);
    door.call("GET", &path(&format!("cell-voltages?readingTime={far}")), None)
        .await
        .is(404, "READING_NOT_FOUND");
    door.call("GET", &path("cell-voltages"), None).await.is(400, "VALIDATION_ERROR");

    // Thirty times 300 m.
    let km = door.get(&path("total-distance")).await["total_distance_km"].as_f64().unwrap();
    assert!((km - 9.0).abs() < 0.01, "{km}");

    let query = format!("start_time={from}&end_time={to}");
    let power = door.get(&path(&format!("avg-power-consumption?{query}"))).await;
    assert_eq!(
        power,
        json!({ "battery_id": id, "avg_power_consumption": 500.0, "start_time": from, "end_time": to })
    );
    let nothing = door.get(&path("avg-power-consumption?start_time=2020-01-01&end_time=2020-01-02")).await;
    assert_eq!(nothing["avg_power_consumption"], json!(null));
    assert_eq!(nothing["end_time"], "2020-01-02T23:59:59Z", "the end of a day");
    for wrong in [
        "",
        "?start_time=2020-01-01",
        "?start_time=2020-01-02&end_time=2020-01-01",
        "?start_time=x&end_time=y",
    ] {
        door.call("GET", &path(&format!("avg-power-consumption{wrong}")), None)
            .await
            .is(400, "VALIDATION_ERROR");
    }
    door.call("GET", &path("readings?from=2020-01-02&to=2020-01-01"), None).await.is(400, "VALIDATION_ERROR");

    // 500 W for half an hour.
    let usage = door.get(&format!("/analytics/battery-usage?{query}")).await;
    assert!((usage["total_energy_consumed"].as_f64().unwrap() - 0.25).abs() < 0.02, "{usage}");
    assert!((usage["average_discharge_rate"].as_f64().unwrap() - 0.0867).abs() < 1e-3, "{usage}");
    let peak = usage["peak_usage_time"].as_str().unwrap();
    assert!(peak.ends_with(":00:00") || peak.ends_with(":30:00"), "{peak}");
    assert!([&from[11..13], &to[11..13]].contains(&&peak[..2]), "{peak} within {from} to {to}");
    assert_eq!(usage["most_used_batteries"], json!([]));
    door.call("GET", "/analytics/battery-usage", None).await.is(400, "VALIDATION_ERROR");
    for rest in ["readings", "latest-reading", "cell-voltages", "total-distance", "avg-power-consumption"] {
        let path = format!("/batteries/BAT404/{rest}?start_time=2020-01-01&end_time=2020-01-02");
        door.call("GET", &path, None).await.is(404, "BATTERY_NOT_FOUND");
    }
}

pub(crate) async fn health(door: &mut Door) {
    // Devices that report their own health.
    let ts = ago_ms(60);
    for (code, soh) in [("H1", 92.5), ("H2", 84.0), ("H3", 71.0)] {
        let id = door.battery(code).await["id"].as_str().unwrap().to_owned();
        let reading = json!({ "ts": ts, "voltage_v": 52.0, "current_a": 0.0, "soh_pct": soh, "cycles": 200 });
        door.tell(&id, "telemetry", reading).await;
    }
    let below = door.get("/batteries/health-below-threshold?threshold=90").await;
    let below = below.as_array().unwrap();
    let codes: Vec<&str> = below.iter().map(|battery| battery["battery_code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["H3", "H2"], "the worst first");
    for battery in below {
        let (initial, current) =
            (battery["initial_capacity"].as_f64().unwrap(), battery["current_capacity"].as_f64().unwrap());
        let health = battery["health_percentage"].as_f64().unwrap();
        assert!((current - initial * health / 100.0).abs() < 1.0, "{battery}");
        assert_eq!(battery["total_cycles"], 200, "as the device counts");
    }
    // One figure whichever door: the native interface says the same.
    let native = door.serve.get("/twins/v1/twins/H3").await["battery"]["soh"].as_f64().unwrap();
    assert!((100.0 * native - below[0]["health_percentage"].as_f64().unwrap()).abs() < 0.01);
    for wrong in ["", "?threshold=101", "?threshold=-1", "?threshold=low", "?threshold=NaN"] {
        let path = format!("/batteries/health-below-threshold{wrong}");
        door.call("GET", &path, None).await.is(400, "VALIDATION_ERROR");
    }

    let all = door.get("/analytics/battery-health").await;
    let bins = all["health_distribution"].as_object().unwrap();
    let names: Vec<&String> = bins.keys().collect();
    assert_eq!(names, ["0-59", "60-69", "70-79", "80-89", "90-100"]);
    let known: u64 = bins.values().map(|count| count.as_u64().unwrap()).sum();
    assert!(known >= 3, "{all}");
    assert_eq!(all["health_distribution"]["80-89"], 1);
    assert_eq!(all["batteries_below_threshold"], 1);
    assert_eq!(door.get("/analytics/battery-health?threshold=85").await["batteries_below_threshold"], 2);
    let before = door.get("/analytics/battery-health?to=2020-01-01").await;
    assert_eq!(before["average_health"], json!(null), "nothing was known then");
    door.call("GET", "/analytics/battery-health?threshold=x", None).await.is(400, "VALIDATION_ERROR");
}
