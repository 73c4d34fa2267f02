//! What lies around the operations: credentials, limits, tenants, mistakes in requests, repeated requests, aliases.

use crate::caller::{Door, SCOPES, SEOUL, new_batch};
use crate::coverage::operations;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub(crate) async fn tokens_and_keys(door: &mut Door) {
    let key = |scopes: &[&str], span: &str| json!({ "name": "Production API Key", "scopes": scopes, "expiresIn": span });
    let made = door.post("/auth/api-keys", key(&["read:batches", "write:batches"], "365d")).await.good(201);
    let text = made["apiKey"].as_str().unwrap().to_owned();
    assert!(text.starts_with("wia_live_") && made["keyId"].as_str().unwrap().starts_with("key-"), "{made}");
    let (created, expires) = (made["created"].as_str().unwrap(), made["expiresAt"].as_str().unwrap());
    assert_ne!(created[..4], expires[..4]);
    let header = format!("ApiKey {text}");
    door.call_as(&header, "GET", "/batches", None).await.good(200);
    door.call_as(&header, "GET", "/devices", None).await.is(403, "ERR_INSUFFICIENT_SCOPE");
    door.post("/auth/api-keys", key(&["battery:read"], "1d")).await.is(403, "ERR_INSUFFICIENT_SCOPE");
    for (body, field) in [
        (key(&["read:everything"], "1d"), "scopes"),
        (key(&["read:batches"], "soon"), "expiresIn"),
        (key(&["read:batches"], "0d"), "expiresIn"),
        (json!({ "scopes": [] }), "name"),
    ] {
        door.post("/auth/api-keys", body).await.names(422, "ERR_VALIDATION", field);
    }
    let reader = door.serve.program("read:batches", None).await;
    door.call_as(&reader, "GET", "/batches", None).await.good(200);
    let body = new_batch(1.0, SEOUL, "2025-01-15T10:30:00Z");
    door.call_as(&reader, "POST", "/batches", Some(body)).await.is(403, "ERR_INSUFFICIENT_SCOPE");
    door.call_as("DeviceToken dt_nonsense", "GET", "/batches", None).await.is(401, "ERR_INVALID_TOKEN");
}

/// Every operation at some path, with whether it takes a body.
fn everywhere(document: &Value) -> Vec<(String, String, bool)> {
    let all = operations(document).into_iter().map(|(path, method, operation)| {
        let path = path.replace("{batchId}", "BATCH-2025-000001").replace("{deviceId}", "IOT-DEV-001");
        let path = path.replace("{facilityId}", "FAC-SORT-001").replace("{reportId}", "RPT-2025-001");
        let path = path.replace("{subscriptionId}", "SUB-001");
        (method, path, operation["requestBody"].is_object())
    });
    all.collect()
}

pub(crate) async fn what_cannot_be_read(door: &mut Door) {
    let document = door.document().await;
    for (method, path, has_body) in everywhere(&document) {
        let answer = door.send(&method, &path, |request| request.header("x-api-version", "2.0.0")).await;
        answer.is(400, "ERR_VALIDATION");
        let is_open = path.ends_with("/download") || path.ends_with("/device-token");
        if !is_open {
            let answer = door.send(&method, &path, |request| request).await;
            answer.is(401, "ERR_INVALID_TOKEN");
            assert!(answer.headers.contains_key("www-authenticate"), "{path}");
            let stranger = door.stranger.clone();
            let body = has_body.then(|| json!({}));
            door.call_as(&stranger, &method, &path, body).await.is(403, "ERR_INSUFFICIENT_SCOPE");
        }
        let names = ["BATCH-2025-000001", "IOT-DEV-001", "FAC-SORT-001", "RPT-2025-001", "SUB-001"];
        let broken = names.iter().fold(path.clone(), |path, name| path.replace(name, "%FF"));
        if broken != path {
            let answer = door.call(&method, &broken, has_body.then(|| json!({}))).await;
            assert_eq!(answer.status, 422, "{broken} {answer:?}");
        }
        if has_body {
            let token = door.token.clone();
            let sent = |text: String, kind: &'static str| {
                let token = token.clone();
                move |request: reqwest::RequestBuilder| {
                    let request = request.header("content-type", kind).body(text);
                    if is_open { request } else { request.bearer_auth(token) }
                }
            };
            let answer = door.send(&method, &path, sent("{".into(), "application/json")).await;
            answer.is(400, if path == "/batches" { "ERR_INVALID_BATCH" } else { "ERR_VALIDATION" });
            let answer = door.send(&method, &path, sent("[]".into(), "application/json")).await;
            assert_eq!(answer.status, 422, "{path}");
            door.send(&method, &path, sent("{}".into(), "text/plain")).await.is(415, "ERR_VALIDATION");
            let long = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
            door.send(&method, &path, sent(long, "application/json")).await.is(413, "ERR_VALIDATION");
        }
    }
    for path in ["/devices", "/facilities"] {
        door.call("GET", &format!("{path}?limit=0"), None).await.names(422, "ERR_VALIDATION", "limit");
    }
    door.call("GET", "/nowhere", None).await.is(404, "ERR_NOT_FOUND");
    let answer = door.call("PATCH", "/batches", None).await;
    answer.is(405, "ERR_METHOD_NOT_ALLOWED");
    assert!(answer.headers["allow"].to_str().unwrap().contains("POST"), "{answer:?}");
}

pub(crate) async fn others_are_not_there(door: &mut Door) {
    let id = door.batch(new_batch(10.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let tenant = door.serve.program(SCOPES, Some("tenant")).await;
    for path in [format!("/batches/{id}"), format!("/batches/{id}/journey")] {
        door.call_as(&tenant, "GET", &path, None).await.is(404, "ERR_BATCH_NOT_FOUND");
    }
    door.call_as(&tenant, "GET", "/devices/IOT-DEV-001/status", None).await.is(404, "ERR_DEVICE_NOT_FOUND");
    door.call_as(&tenant, "GET", "/facilities/FAC-SORT-001", None).await.is(404, "ERR_FACILITY_NOT_FOUND");
    let list = door.call_as(&tenant, "GET", "/batches", None).await.good(200);
    assert_eq!(list["pagination"]["total"], 0);
    let window = "startDate=2021-01-01&endDate=2025-12-31";
    let seen = door
        .call_as(&tenant, "GET", &format!("/analytics/collection?{window}&groupBy=month"), None)
        .await
        .good(200);
    assert_eq!(seen["statistics"]["totalBatches"], 0);
    // A batch without an organisation is the caller's own.
    let mut body = new_batch(10.0, SEOUL, "2025-01-15T10:30:00Z");
    body["collection"]["collector"] = json!({});
    let made = door.call_as(&tenant, "POST", "/batches", Some(body)).await.good(201);
    let own = made["batchId"].as_str().unwrap().to_owned();
    let seen = door.call_as(&tenant, "GET", &format!("/batches/{own}"), None).await.good(200);
    assert_eq!(seen["collection"]["collector"]["organizationId"], "tenant");
    door.get(&format!("/batches/{own}")).await;
    // Who takes a batch in sees it from then on.
    let facility = json!({
        "name": "Tenant's", "type": "sorting", "location": { "latitude": 37.5, "longitude": 127.0 },
        "capacity": { "daily": { "value": 1, "unit": "ton" } },
    });
    let made = door.call_as(&tenant, "POST", "/facilities", Some(facility)).await.good(201);
    let path = format!("/facilities/{}/receive", made["facilityId"].as_str().unwrap());
    let arrival = json!({ "batchId": id, "arrivalTime": "2025-01-16T08:00:00Z" });
    door.call_as(&tenant, "POST", &path, Some(arrival)).await.good(200);
    door.call_as(&tenant, "GET", &format!("/batches/{id}"), None).await.good(200);
    door.get(&format!("/batches/{id}")).await;
}

pub(crate) async fn said_twice(door: &mut Door) {
    let token = door.token.clone();
    let ask = |body: Value| {
        let token = token.clone();
        move |request: reqwest::RequestBuilder| {
            request.bearer_auth(token).header("idempotency-key", "a-1").json(&body)
        }
    };
    let body = new_batch(3.0, SEOUL, "2025-01-15T10:30:00Z");
    let first = door.send("POST", "/batches", ask(body.clone())).await;
    let again = door.send("POST", "/batches", ask(body)).await;
    assert_eq!((again.status, &again.body["batchId"]), (StatusCode::CREATED, &first.body["batchId"]));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    door.send("POST", "/batches", ask(new_batch(4.0, SEOUL, "2025-01-15T10:30:00Z")))
        .await
        .is(422, "ERR_VALIDATION");
}

pub(crate) async fn aliases_and_versions(door: &mut Door) {
    let get = async |path: &str| {
        let request = door.client.request(Method::GET, format!("{}{path}", door.serve.http));
        request.bearer_auth(&door.token).send().await.unwrap()
    };
    let answer = get("/v1/batches?limit=1").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["x-ratelimit-tier"], "standard");
    assert_eq!(answer.headers()["x-ratelimit-limit"], "10000");
    for name in ["x-ratelimit-remaining", "x-ratelimit-reset", "x-request-id"] {
        assert!(answer.headers().contains_key(name), "{name}");
    }
    assert_eq!(get("/v1/devices").await.status(), StatusCode::OK);
    assert_eq!(get("/v1/facilities").await.status(), StatusCode::OK);
    // What belongs to another family at the same prefix stays its own.
    let body: Value = serde_json::from_str(&get("/v1/nowhere").await.text().await.unwrap()).unwrap();
    assert!(body.get("success").is_none(), "{body}");
    let token = door.token.clone();
    for (version, status) in [("1.0.0", 200), ("1.7", 200), ("2.0.0", 400), ("x", 400)] {
        let token = token.clone();
        let answer = door
            .send("GET", "/search", |request| request.bearer_auth(&token).header("x-api-version", version))
            .await;
        assert_eq!(answer.status.as_u16(), if status == 200 { 404 } else { 400 }, "{version}");
    }
}

pub(crate) async fn too_many(door: &mut Door) {
    let document = door.document().await;
    let mut limited = None;
    for _ in 0..110 {
        let answer = door.call("GET", "/batches", None).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("a hundred in a burst");
    limited.is(429, "ERR_RATE_LIMIT");
    assert_eq!(limited.body["error"]["details"]["limit"], 1_000);
    assert!(limited.body["error"]["details"]["resetAt"].as_str().unwrap().ends_with('Z'));
    assert!(limited.headers.contains_key("retry-after"));
    assert_eq!(limited.headers["x-ratelimit-tier"], "free");
    for (method, path, has_body) in everywhere(&document) {
        if path.ends_with("/download") || path.ends_with("/device-token") {
            // Counted by where they come from.
            for _ in 0..130 {
                let answer = door
                    .send(&method, &path, |request| if has_body { request.json(&json!({})) } else { request })
                    .await;
                if answer.status == StatusCode::TOO_MANY_REQUESTS {
                    break;
                }
            }
            continue;
        }
        door.call(&method, &path, has_body.then(|| json!({}))).await.is(429, "ERR_RATE_LIMIT");
    }
}
