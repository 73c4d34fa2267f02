//! The native interface operation by operation, held to its own document: what succeeds, what is refused, and a list of
//! what no test brings about.

use crate::coverage::{Coverage, Excuse, operations};
use crate::forecast::three_days;
use crate::process::{COURIERS, Serve, ago_ms, basic, run};
use crate::{refusal, sweep};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// A scope that opens nothing here.
const STRANGE: &str = "fleet:read";

/// What is documented and brought about by no test; the list may only shrink.
const EXCUSES: [Excuse; 0] = [];

const FAMILY: sweep::Family = sweep::Family {
    name: "twins",
    base: "/twins/v1",
    config: "",
    strange: STRANGE,
    too_long_bytes: 8 << 20,
    sample: |operation| match operation {
        "POST /twins" => {
            json!({ "kind": "battery", "aliases": [{ "namespace": "device", "name": "SWEPT" }] })
        }
        "POST /twins/{id}/commands" => json!({ "command": "lock" }),
        "POST /twins/{id}/events" => json!({ "event": "opened" }),
        "POST /faults" => json!({ "twin": "1", "fault": "silent" }),
        "POST /clock/advance" => json!({ "by": "1h" }),
        "POST /runs" => json!({ "scenario": "name: nothing" }),
        "POST /admin/users" => {
            json!({ "username": "swept", "password": "tide-pool-17", "roles": ["viewer"] })
        }
        "POST /admin/clients" => {
            json!({ "client_id": "swept", "name": "swept", "scope": "twins:read" })
        }
        "POST /admin/api-keys" => json!({ "name": "swept", "scope": "twins:read" }),
        "POST /admin/devices" => json!({ "kind": "battery", "id": "SWEPT" }),
        _ => json!({}),
    },
    done: || ("/twins", json!({ "kind": "cabinet" })),
    is_refusal: refusal::native,
};

/// Somebody who asks a server, and what was heard of it.
struct Asker {
    serve: Serve,
    coverage: Coverage,
    _folder: tempfile::TempDir,
}

impl Asker {
    async fn open(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("fleet.yaml"), COURIERS).unwrap();
        let serve = Serve::with(folder.path(), args, &[]);
        let coverage = Coverage::of(serve.get("/api-docs/twins.json").await);
        Self { serve, coverage, _folder: folder }
    }

    /// Asks as the administrator with anything added; the status and what is said, which is a refusal where it is one.
    async fn send(
        &mut self,
        method: &str,
        path: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> (u16, Value) {
        let request = self.serve.request(method.parse::<Method>().unwrap(), &format!("/twins/v1{path}"));
        let response = build(request).send().await.unwrap();
        let status = response.status().as_u16();
        self.coverage.hear(method, path, status);
        let kind =
            response.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        // What never ends is not waited for.
        if status == 101 || kind == "text/event-stream" {
            return (status, Value::Null);
        }
        let bytes = response.bytes().await.unwrap();
        let said = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        assert!(status < 400 || refusal::native(&said), "{method} {path}: {status} {said}");
        (status, said)
    }

    /// The same with a body, and the status that it must have.
    async fn says(&mut self, status: u16, method: &str, path: &str, body: Option<Value>) -> Value {
        let (heard, said) = self
            .send(method, path, |request| match &body {
                Some(body) => request.json(body),
                None => request,
            })
            .await;
        assert_eq!(heard, status, "{method} {path}: {said}");
        said
    }

    async fn gets(&mut self, path: &str) -> Value {
        self.says(200, "GET", path, None).await
    }
}

fn cabinet(name: &str) -> Option<Value> {
    Some(json!({ "kind": "cabinet", "aliases": [{ "namespace": "device", "name": name }] }))
}

/// Registered, looked at, changed on condition, told, ordered, retired.
async fn twins(asker: &mut Asker) {
    asker.says(201, "POST", "/twins", cabinet("C-1")).await;
    asker.says(409, "POST", "/twins", cabinet("C-1")).await;
    asker.serve.battery("B-1").await;
    assert_eq!(asker.gets("/twins?kind=cabinet").await["items"][0]["kind"], "cabinet");
    asker.says(400, "GET", "/twins?kind=boat", None).await;
    assert_eq!(asker.gets("/twins/C-1").await["kind"], "cabinet");
    asker.says(400, "GET", "/twins/B-1?at=soon", None).await;
    let tag = {
        let request = asker.serve.request(Method::GET, "/twins/v1/twins/C-1");
        let seen = request.send().await.unwrap();
        seen.headers()["etag"].to_str().unwrap().to_owned()
    };
    let (status, _) = asker.send("GET", "/twins/C-1", |request| request.header("if-none-match", &tag)).await;
    assert_eq!(status, 304);
    let name = Some(json!({ "name": "corner" }));
    assert_eq!(asker.says(200, "PATCH", "/twins/C-1", name.clone()).await["name"], "corner");
    let taken = json!({ "aliases": [{ "namespace": "device", "name": "B-1" }] });
    asker.says(409, "PATCH", "/twins/C-1", Some(taken)).await;
    for (method, path) in [("PATCH", "/twins/C-1"), ("PATCH", "/twins/C-1/desired"), ("DELETE", "/twins/C-1")]
    {
        let asked = |request: RequestBuilder| {
            let request = request.header("if-match", "\"0-0\"");
            if method == "PATCH" { request.json(&json!({})) } else { request }
        };
        assert_eq!(asker.send(method, path, asked).await.0, 412, "{method} {path}");
    }
    let wanted = asker.says(200, "PATCH", "/twins/C-1/desired", Some(json!({ "fan": true }))).await;
    assert_eq!(wanted["difference"]["fan"], true);

    let reading = json!({ "ts": ago_ms(5), "voltage_v": 48.0, "current_a": 0.0 });
    assert_eq!(asker.says(202, "POST", "/twins/B-1/telemetry", Some(reading)).await["accepted"], 1);
    asker.says(202, "POST", "/twins/B-1/events", Some(json!({ "event": "opened" }))).await;
    let events = asker.gets("/twins/B-1/events").await;
    assert!(
        events["items"].as_array().unwrap().iter().any(|one| one["data"]["event"] == "opened"),
        "{events}"
    );
    assert_eq!(asker.gets("/twins/B-1/history").await["series"].as_array().unwrap().len(), 2);
    asker.says(400, "GET", "/twins/B-1/history?step=often", None).await;
    asker.says(409, "GET", "/twins/B-1/forecast", None).await;
    asker.serve.battery("USED").await;
    asker.says(202, "POST", "/twins/USED/telemetry", Some(three_days())).await;
    assert_eq!(asker.gets("/twins/USED/forecast").await["unit"], "days");

    let lock = Some(json!({ "command": "lock", "timeout_s": 1 }));
    let given = asker.says(202, "POST", "/twins/C-1/commands", lock.clone()).await;
    let settled = asker.says(200, "POST", "/twins/C-1/commands?wait_s=20", lock.clone()).await;
    assert_eq!(settled["outcome"], "timed_out");
    // What is wanted of it is told by a command as well.
    assert_eq!(asker.gets("/twins/C-1/commands").await["items"].as_array().unwrap().len(), 3);
    let one = format!("/twins/C-1/commands/{}", given["id"].as_str().unwrap());
    assert_eq!(asker.gets(&one).await["command"], "lock");

    asker.says(204, "DELETE", "/twins/C-1", None).await;
    for (method, path, body) in [
        ("PATCH", "/twins/C-1", name),
        ("DELETE", "/twins/C-1", None),
        ("PATCH", "/twins/C-1/desired", Some(json!({ "fan": false }))),
        ("POST", "/twins/C-1/commands", lock),
        ("POST", "/twins/C-1/telemetry", Some(json!({ "ts": ago_ms(1), "temperature_c": 20.0 }))),
        ("POST", "/twins/C-1/events", Some(json!({ "event": "opened" }))),
    ] {
        asker.says(410, method, path, body).await;
    }
}

/// Whoever asks by a name that two twins have is told to say which.
async fn two_of_a_name(asker: &mut Asker) {
    for namespace in ["device", "serial"] {
        let body = json!({ "kind": "cabinet", "aliases": [{ "namespace": namespace, "name": "TWO" }] });
        asker.says(201, "POST", "/twins", Some(body)).await;
    }
    let document = asker.coverage.document().clone();
    for (template, method, operation) in operations(&document) {
        if template.starts_with("/twins/{id}") {
            let path = template.replace("{id}", "TWO").replace("{command}", "1");
            let body = (FAMILY.sample)(&format!("{method} {template}"));
            asker.says(409, &method, &path, operation["requestBody"].is_object().then_some(body)).await;
        }
    }
    asker.says(409, "GET", "/alerts?twin=TWO", None).await;
    for path in ["/events", "/ws"] {
        asker.says(409, "GET", &format!("{path}?id=TWO"), None).await;
    }
}

/// Raised by heat that lasts, seen, noted, resolved.
async fn alerts(asker: &mut Asker) {
    asker.serve.battery("HOT").await;
    let begin = ago_ms(600);
    let hot = |k: i64| json!({ "ts": begin + k * 10_000, "voltage_v": 48.0, "current_a": 0.0, "temperature_c": 50.0 });
    let readings = Value::Array((0..20).map(hot).collect());
    asker.says(202, "POST", "/twins/HOT/telemetry", Some(readings)).await;
    let found = asker.gets("/alerts?twin=HOT&active=true").await;
    let path = format!("/alerts/{}", found["items"][0]["id"].as_str().unwrap());
    asker.says(404, "GET", "/alerts?twin=NOBODY", None).await;
    assert_eq!(asker.gets(&path).await["active"], true);
    for (deed, field) in [("acknowledge", "acknowledged_by"), ("resolve", "resolved_by")] {
        let done = asker.says(200, "POST", &format!("{path}/{deed}"), Some(json!({}))).await;
        assert!(done[field].is_string(), "{done}");
        asker.says(409, "POST", &format!("{path}/{deed}"), Some(json!({}))).await;
    }
}

/// Ordered, read, forgotten; cancelled.
async fn runs(asker: &mut Asker) {
    let order = |horizon_days: f64, count: u32| {
        Some(
            json!({ "scenario": COURIERS, "horizon_days": horizon_days, "set": { "packs.courier.count": count } }),
        )
    };
    let quick = asker.says(202, "POST", "/runs", order(1.0, 1)).await;
    let quick = format!("/runs/{}", quick["id"].as_str().unwrap());
    while asker.gets(&quick).await["results"].as_array().is_none_or(Vec::is_empty) {
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    assert!(asker.gets(&format!("{quick}/results")).await.is_object());
    let (status, _) = asker.send("GET", &format!("{quick}/results/report.html"), |request| request).await;
    assert_eq!(status, 200);
    let long = asker.says(202, "POST", "/runs", order(36_500.0, 200)).await;
    let long = format!("/runs/{}", long["id"].as_str().unwrap());
    for path in [format!("{long}/results"), format!("{long}/results/report.html")] {
        asker.says(409, "GET", &path, None).await;
    }
    asker.says(409, "DELETE", &format!("{long}?forget=true"), None).await;
    asker.says(202, "DELETE", &long, None).await;
    asker.says(204, "DELETE", &format!("{quick}?forget=true"), None).await;
    asker.says(404, "GET", &quick, None).await;
    assert_eq!(asker.gets("/runs").await["items"].as_array().unwrap().len(), 1);
    asker.says(400, "POST", "/runs", Some(json!({ "fork": {} }))).await;
}

/// Streams begin, or say why not.
async fn streams(asker: &mut Asker) {
    asker.gets("/events?kind=battery").await;
    asker.says(404, "GET", "/events?id=NOBODY", None).await;
    asker.says(404, "GET", "/ws?id=NOBODY", None).await;
    asker.says(426, "GET", "/ws", None).await;
    let upgraded = |request: RequestBuilder| {
        request
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let (status, _) = asker.send("GET", "/ws", upgraded).await;
    assert_eq!(status, 101);
}

/// Users, programs, keys, devices: made, listed, taken away; messages and the journal.
async fn administration(asker: &mut Asker) {
    let person = json!({ "username": "vera", "password": "tide-pool-17", "roles": ["viewer"] });
    let made = asker.says(201, "POST", "/admin/users", Some(person.clone())).await;
    asker.says(409, "POST", "/admin/users", Some(person)).await;
    assert_eq!(asker.gets("/admin/users").await["data"].as_array().unwrap().len(), 2);
    asker.says(204, "DELETE", &format!("/admin/users/{}", made["id"].as_str().unwrap()), None).await;
    let admins = asker.gets("/admin/users?role=admin").await;
    let last = format!("/admin/users/{}", admins["data"][0]["id"].as_str().unwrap());
    asker.says(409, "DELETE", &last, None).await;
    for (path, body, id) in [
        ("/admin/clients", json!({ "name": "test", "scope": "twins:read" }), "client_id"),
        ("/admin/api-keys", json!({ "name": "test", "scope": "twins:read" }), "id"),
        ("/admin/devices", json!({ "kind": "battery", "id": "B-1" }), "id"),
    ] {
        let made = asker.says(201, "POST", path, Some(body)).await;
        let listed = asker.gets(path).await;
        assert!(listed["data"].as_array().unwrap().iter().any(|one| one[id] == made[id]), "{path}: {listed}");
        let kind = if path.ends_with("devices") { "/battery" } else { "" };
        asker.says(204, "DELETE", &format!("{path}{kind}/{}", made[id].as_str().unwrap()), None).await;
    }
    asker.says(400, "GET", "/admin/audit?from=x", None).await;
    let entries = asker.gets("/admin/audit").await;
    assert!(entries["data"].as_array().unwrap().len() > 10);
    assert_eq!(asker.gets("/admin/outbox").await["data"], json!([]));
}

/// Real hardware has no faults, and its clock is everybody's.
async fn real_hardware(asker: &mut Asker) {
    assert_eq!(asker.gets("/clock").await["simulated"], false);
    asker.says(409, "PUT", "/clock", Some(json!({ "speed": 2 }))).await;
    asker.says(409, "POST", "/clock/advance", Some(json!({ "by": "1h" }))).await;
    asker.says(409, "GET", "/faults", None).await;
    asker.says(409, "POST", "/faults", Some(json!({ "twin": "B-1", "fault": "silent" }))).await;
    asker.says(409, "DELETE", "/faults/00000000-0000-7000-8000-000000000000", None).await;
}

/// Simulated hardware has faults, and a clock of its own.
async fn simulated_hardware(asker: &mut Asker) {
    assert_eq!(asker.says(200, "PUT", "/clock", Some(json!({ "paused": true }))).await["paused"], true);
    asker.says(200, "POST", "/clock/advance", Some(json!({ "by": "1h" }))).await;
    let silent = |twin: &str| Some(json!({ "twin": twin, "fault": "silent", "for_s": 600 }));
    let made = asker.says(201, "POST", "/faults", silent("courier-2")).await;
    asker.says(404, "POST", "/faults", silent("NOBODY")).await;
    assert_eq!(asker.gets("/faults").await["items"][0]["id"], made["id"]);
    let path = format!("/faults/{}", made["id"].as_str().unwrap());
    asker.says(200, "DELETE", &path, None).await;
    asker.says(404, "DELETE", &path, None).await;
}

#[test]
fn every_operation_of_the_native_interface_answers_as_its_document_says() {
    run(async {
        let mut asker = Asker::open(&["--data", "data"]).await;
        twins(&mut asker).await;
        two_of_a_name(&mut asker).await;
        alerts(&mut asker).await;
        runs(&mut asker).await;
        streams(&mut asker).await;
        administration(&mut asker).await;
        real_hardware(&mut asker).await;
        let mut heard = asker.coverage.clone();
        drop(asker);
        let mut asker = Asker::open(&["--ephemeral", "--scenario", "fleet.yaml", "--paused"]).await;
        simulated_hardware(&mut asker).await;
        heard.and(&asker.coverage);
        drop(asker);
        heard.and(&sweep::refusals(&FAMILY).await);
        // Nothing is counted here but passwords that are wrong.
        heard.and(&sweep::too_many(&FAMILY, "", &basic("admin", "guessed")).await);
        assert_eq!(heard.whole(&EXCUSES), 46);
    });
}
