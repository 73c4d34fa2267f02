//! Reports: asked for, made beside, in four forms, behind links that end.

use crate::caller::{Door, new_batch};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

fn asked(sort: &str, format: &str) -> Value {
    json!({ "type": sort, "period": { "start": "2021-01-01", "end": "2021-01-31" }, "format": format, "includeCharts": true })
}

/// Waits until a report is made.
pub(crate) async fn made(door: &mut Door, id: &str) -> Value {
    for _ in 0..1_000 {
        let seen = door.get(&format!("/reports/{id}")).await;
        if seen["status"] != "processing" {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("report {id} was not made");
}

pub(crate) async fn four_forms(door: &mut Door) {
    for (day, kg) in [(4, 120.0), (9, 40.0), (23, 240.0)] {
        door.batch(new_batch(kg, (30.0, 40.0), &format!("2021-01-{day:02}T12:00:00Z"))).await;
    }
    for (sort, format, begins) in [
        ("monthly_impact", "pdf", "%PDF-"),
        ("collection_summary", "csv", "Report,RPT-"),
        ("environmental", "xlsx", "PK"),
        ("facility", "json", "{"),
        ("monthly_impact", "json", "{"),
        ("monthly_impact", "xlsx", "PK"),
    ] {
        let given = door.post("/reports/generate", asked(sort, format)).await.good(202);
        assert_eq!(given["status"], "processing");
        assert!(given["estimatedCompletion"].is_string());
        let id = given["reportId"].as_str().unwrap().to_owned();
        assert!(id.starts_with("RPT-"), "{given}");
        let seen = made(door, &id).await;
        assert_eq!(seen["status"], "completed", "{seen}");
        let url = seen["downloadUrl"].as_str().unwrap().to_owned();
        // The link needs nothing else.
        let answer = door.client.get(&url).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{url}");
        assert!(
            answer.headers()["content-disposition"].to_str().unwrap().contains(&format!("{id}.{format}"))
        );
        let file = answer.bytes().await.unwrap();
        assert!(file.starts_with(begins.as_bytes()), "{sort} {format}: {:?}", &file[..20.min(file.len())]);
        let text = String::from_utf8_lossy(&file).into_owned();
        match (sort, format) {
            ("collection_summary", "csv") => {
                assert!(text.contains("PET,3,200,50\r\n") && text.contains("2021-01-09,1,40\r\n"), "{text}");
            }
            ("monthly_impact", "json") => {
                let json: Value = serde_json::from_str(&text).unwrap();
                assert_eq!(json["statistics"]["totalWeight"]["value"], 400.0);
                assert_eq!(json["impact"]["virginPlasticAvoided"]["value"], 300.0);
            }
            ("facility", "json") => {
                let json: Value = serde_json::from_str(&text).unwrap();
                assert!(json["facilities"].as_array().unwrap().len() >= 5 && json.get("impact").is_none());
            }
            _ => {}
        }
        if let Ok(folder) = std::env::var("OCEAN_PAGES") {
            std::fs::write(format!("{folder}/{sort}.{format}"), &file).unwrap();
        }
        for broken in [url.replace("sig=", "sig=0"), url.replace("exp=", "exp=1")] {
            let answer = door.client.get(broken).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        }
    }
    let given = door.post("/reports/generate", asked("facility", "csv")).await.good(202);
    let id = given["reportId"].as_str().unwrap().to_owned();
    made(door, &id).await;
    let path = format!("/reports/{id}/download");
    let url = format!("{}/ocean-plastic-track/v1{path}", door.serve.http);
    let answer = door.client.get(&url).bearer_auth(&door.token).send().await.unwrap();
    door.coverage.hear("GET", &path, answer.status().as_u16());
    assert_eq!(answer.status(), StatusCode::OK);
    door.send("GET", &path, |request| request).await.is(401, "ERR_INVALID_TOKEN");
    let stranger = door.stranger.clone();
    door.call_as(&stranger, "GET", &path, None).await.is(403, "ERR_INSUFFICIENT_SCOPE");
    door.call("GET", "/reports/RPT-1999-001/download", None).await.is(404, "ERR_REPORT_NOT_FOUND");
    door.call("GET", "/reports/RPT-1999-001", None).await.is(404, "ERR_REPORT_NOT_FOUND");

    for (name, value, field) in [
        ("type", json!("novel"), "type"),
        ("format", json!("stone"), "format"),
        ("period", Value::Null, "period"),
        ("period", json!({ "start": "2021-01-31", "end": "2021-01-01" }), "period.end"),
        ("period", json!({ "start": "1921-01-31", "end": "2021-01-01" }), "period"),
        ("period", json!({ "end": "2021-01-01" }), "period.start"),
    ] {
        let mut body = asked("facility", "csv");
        body[name] = value;
        door.post("/reports/generate", body).await.names(422, "ERR_VALIDATION", field);
    }
}
