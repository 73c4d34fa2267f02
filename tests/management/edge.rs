//! What lies around the operations: credentials, limits, mistakes in requests, repeated requests, pages of documents.

use crate::caller::{Door, new_battery};
use crate::coverage::operations;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Every operation at some path, with whether it takes a body.
fn everywhere(document: &Value) -> Vec<(String, String, bool)> {
    let all = operations(document).into_iter().map(|(path, method, operation)| {
        let path =
            path.replace("{batteryId}", "BAT002").replace("{cabinetId}", "CAB-1").replace("{slotId}", "1");
        (method, path, operation["requestBody"].is_object())
    });
    all.collect()
}

pub(crate) async fn what_cannot_be_read(door: &mut Door) {
    let document = door.document().await;
    let bad = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyOmFkbWluIn0.";
    for (method, path, has_body) in everywhere(&document) {
        let answer = door.send(&method, &path, |request| request).await;
        answer.is(401, "UNAUTHORIZED");
        assert!(answer.headers.contains_key("www-authenticate"), "{path}");
        door.send(&method, &path, |request| request.bearer_auth(bad)).await.is(401, "UNAUTHORIZED");
        let stranger = door.stranger.clone();
        // Who may not is told so before anything else is looked at.
        let example = if method == "POST" { new_battery("X") } else { json!({ "status": "empty" }) };
        let answer = door
            .send(&method, &path, |request| {
                let request = request.bearer_auth(stranger);
                if has_body { request.json(&example) } else { request }
            })
            .await;
        answer.is(403, "FORBIDDEN");
        if path.contains("BAT002") || path.contains("CAB-1") {
            let path = path.replace("BAT002", "%FF").replace("CAB-1", "%FF");
            let answer = door.call(&method, &path, has_body.then(|| example.clone())).await;
            answer.is(400, "VALIDATION_ERROR");
        }
        if has_body {
            let token = door.token.clone();
            let broken = |text: String, kind: &'static str| {
                let token = token.clone();
                move |request: reqwest::RequestBuilder| {
                    request.bearer_auth(token).header("content-type", kind).body(text)
                }
            };
            door.send(&method, &path, broken("{".into(), "application/json"))
                .await
                .is(400, "VALIDATION_ERROR");
            let deep = "[".repeat(100_000);
            door.send(&method, &path, broken(deep, "application/json")).await.is(400, "VALIDATION_ERROR");
            door.send(&method, &path, broken("{}".into(), "text/plain")).await.is(415, "VALIDATION_ERROR");
            let long = format!("{{\"name\":\"{}\"}}", "x".repeat(1 << 20));
            door.send(&method, &path, broken(long, "application/json")).await.is(413, "VALIDATION_ERROR");
        }
    }
}

pub(crate) async fn others_are_not_there(door: &mut Door) {
    let own = door.token.clone();
    door.token = door.serve.program("fleet:read fleet:write", Some("tenant")).await;
    let seen = door.get("/batteries").await;
    assert_eq!(seen["pagination"]["total"], 0, "what belongs to others is not there");
    for path in ["/batteries/BAT002", "/batteries/RIDE/readings", "/batteries/RIDE/latest-reading"] {
        door.call("GET", path, None).await.is(404, "BATTERY_NOT_FOUND");
    }
    door.call("GET", "/swapping-cabinets/CAB-1/metrics", None).await.is(404, "CABINET_NOT_FOUND");
    assert_eq!(door.get("/alerts").await["data"], json!([]));
    assert_eq!(door.get("/batteries/health-below-threshold?threshold=100").await, json!([]));
    door.battery("TENANTS").await;
    assert_eq!(door.get("/batteries").await["pagination"]["total"], 1);
    door.token = own;
    assert_eq!(door.get("/batteries/TENANTS").await["battery_code"], "TENANTS", "the operator sees all");
}

/// Whoever asks by a name that two batteries or cabinets have is told so.
pub(crate) async fn two_of_a_name(door: &mut Door) {
    let cells = json!({ "chemistry": "panasonic-18650pf", "series": 13, "parallel": 4 });
    for (kind, name, spec) in [("battery", "TWO", cells), ("cabinet", "TWO-C", json!({}))] {
        for namespace in ["device", "serial"] {
            let aliases = json!([{ "namespace": namespace, "name": name }]);
            let body = json!({ "kind": kind, "aliases": aliases, "spec": spec });
            door.serve.post("/twins/v1/twins", body).await;
        }
    }
    let document = door.document().await;
    for (method, path, _) in everywhere(&document) {
        if method == "GET" && (path.contains("BAT002") || path.contains("CAB-1")) {
            let path = path.replace("BAT002", "TWO").replace("CAB-1", "TWO-C");
            door.call(&method, &path, None).await.is(409, "CONFLICT");
        }
    }
}

pub(crate) async fn said_twice(door: &mut Door) {
    let token = door.token.clone();
    let ask = |body: Value, key: &'static str| {
        let token = token.clone();
        move |request: reqwest::RequestBuilder| {
            request.bearer_auth(token).header("idempotency-key", key).json(&body)
        }
    };
    let first = door.send("POST", "/batteries", ask(new_battery("ONCE"), "a-1")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let again = door.send("POST", "/batteries", ask(new_battery("ONCE"), "a-1")).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body), "done once, answered twice");
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    door.send("POST", "/batteries", ask(new_battery("OTHER"), "a-1")).await.is(422, "IDEMPOTENCY_KEY_REUSED");
    // What was refused may be tried again under the same name.
    door.send("POST", "/batteries", ask(new_battery("ONCE"), "a-2")).await.is(409, "DUPLICATE_BATTERY_CODE");
    let answer = door.send("POST", "/batteries", ask(new_battery("TWICE"), "a-2")).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let long: &'static str = String::leak("k".repeat(256));
    door.send("POST", "/batteries", ask(new_battery("LONG"), long)).await.is(400, "VALIDATION_ERROR");
    // Names are each caller's own.
    let own = door.token.clone();
    door.token = door.serve.program("fleet:write", None).await;
    let other = door.token.clone();
    let answer = door
        .send("POST", "/batteries", |request| {
            request.bearer_auth(other).header("idempotency-key", "a-1").json(&new_battery("OTHERS"))
        })
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    door.token = own;
}

pub(crate) async fn beside_the_paths(door: &Door) {
    let client = api::client::http_client();
    let get = async |path: &str| {
        client.get(format!("{}{path}", door.serve.http)).bearer_auth(&door.token).send().await.unwrap()
    };
    let answer = get("/v1/nowhere").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(body["error"]["code"], "NOT_FOUND");
    let url = format!("{}/v1/batteries", door.serve.http);
    let answer = client.delete(&url).bearer_auth(&door.token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.headers()["allow"].to_str().unwrap().contains("POST"), "{answer:?}");
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(body["error"]["code"], "METHOD_NOT_ALLOWED");

    let answer = get("/v1/batteries").await;
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("x-ratelimit-limit", "1000"), ("cache-control", "no-store")]
    {
        assert_eq!(answer.headers()[name], value);
    }
    let answer = client
        .get(&url)
        .bearer_auth(&door.token)
        .header("accept-encoding", "gzip")
        .header("x-request-id", "mine-1")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (answer.headers()["content-encoding"].as_bytes(), answer.headers()["x-request-id"].as_bytes()),
        (&b"gzip"[..], &b"mine-1"[..])
    );

    // The pages come with the binary, for everybody.
    for path in
        ["/api-docs/", "/api-docs/swagger-ui-bundle.js", "/api-docs/management.json", "/api-docs/twins.json"]
    {
        let answer = client.get(format!("{}{path}", door.serve.http)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let page =
        client.get(format!("{}/api-docs/", door.serve.http)).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("https://") && !page.contains("http://"), "{page}");
    let document = door.document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert_eq!(document["servers"][0]["url"], "/v1");
}

/// The native interface: what is asked for on condition, and its own document.
pub(crate) async fn conditions(door: &Door) {
    let path = "/twins/v1/twins/BAT002";
    let get =
        |tag: &str| door.serve.request(Method::GET, path).header("if-none-match", tag.to_owned()).send();
    let seen = door.serve.request(Method::GET, path).send().await.unwrap();
    let tag = seen.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(get(&tag).await.unwrap().status(), StatusCode::NOT_MODIFIED);
    assert_eq!(get(&format!("\"0-0\", W/{tag}")).await.unwrap().status(), StatusCode::NOT_MODIFIED);
    assert_eq!(get("\"0-0\"").await.unwrap().status(), StatusCode::OK);
    let patch = |tag: &str, name: &str| {
        let request = door.serve.request(Method::PATCH, path).header("if-match", tag.to_owned());
        request.json(&json!({ "name": name })).send()
    };
    // A reading is no reason to refuse a change, another change is.
    let reading = json!({ "ts": crate::process::ago_ms(0), "voltage_v": 52.0, "current_a": 0.0 });
    door.tell("BAT002", "telemetry", reading).await;
    let changed = patch(&tag, "one").await.unwrap();
    assert_eq!(changed.status(), StatusCode::OK);
    let newer = changed.headers()["etag"].to_str().unwrap().to_owned();
    assert_eq!(patch(&tag, "two").await.unwrap().status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(patch("nonsense", "two").await.unwrap().status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(patch(&newer, "two").await.unwrap().status(), StatusCode::OK);
    assert_eq!(get(&tag).await.unwrap().status(), StatusCode::OK, "it changed");
    let document = door.serve.get("/api-docs/twins.json").await;
    assert!(operations(&document).len() >= 21, "{document}");
    let native = |name: &str| {
        door.serve.request(Method::POST, "/twins/v1/twins").header("idempotency-key", name.to_owned())
    };
    let body = json!({ "kind": "cabinet", "aliases": [{ "namespace": "device", "name": "NATIVE" }] });
    let first = native("n-1").json(&body).send().await.unwrap();
    assert_eq!(first.status(), StatusCode::CREATED);
    let again = native("n-1").json(&body).send().await.unwrap();
    assert_eq!(
        (again.status(), again.headers()["idempotent-replayed"].as_bytes()),
        (StatusCode::CREATED, &b"true"[..])
    );
    assert_eq!(native("").json(&body).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

/// Pages of some origins may ask, others may not.
pub(crate) async fn origins(door: &Door) {
    for (origin, is_let_in) in [("https://fleet.example", true), ("https://other.example", false)] {
        let answer = door
            .serve
            .request(Method::OPTIONS, "/v1/batteries")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "authorization")
            .send()
            .await
            .unwrap();
        let allowed =
            answer.headers().get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(allowed, is_let_in.then_some(origin), "{answer:?}");
    }
}

pub(crate) async fn too_many(door: &mut Door) {
    for left in ["2", "1", "0"] {
        let answer = door.call("GET", "/batteries", None).await;
        assert_eq!(
            (answer.status, &answer.headers["x-ratelimit-remaining"]),
            (StatusCode::OK, &left.parse().unwrap())
        );
    }
    let document = door.document().await;
    for (method, path, has_body) in everywhere(&document) {
        let answer = door.call(&method, &path, has_body.then(|| json!({}))).await;
        answer.is(429, "RATE_LIMIT_EXCEEDED");
        let wait: u64 = answer.headers["retry-after"].to_str().unwrap().parse().unwrap();
        // Three an hour: the next token comes within twenty minutes.
        assert!((1..=1_200).contains(&wait), "{wait}");
    }
    let stranger = door.stranger.clone();
    door.send("GET", "/batteries", |request| request.bearer_auth(stranger)).await.is(403, "FORBIDDEN");
}
