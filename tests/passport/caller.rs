//! Somebody who calls the family, and remembers what was answered.

pub(crate) use crate::coverage::operations;

use crate::coverage::Coverage;
use crate::process::Serve;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// The family's base.
pub(crate) const BASE: &str = "/battery-passport/v1";

/// Events may go to this machine, so that tests can hear them; and many operations are asked for.
pub(crate) const CONFIG: &str = "[webhooks]\nallow_private = true\nallow_plain = true\ntimeout_s = 1.0\n\
    [limits]\npassport_per_minute = 6000\n";

/// A server, programs that may call it, and what was heard of it.
pub(crate) struct Door {
    pub(crate) serve: Serve,
    _folder: tempfile::TempDir,
    pub(crate) client: reqwest::Client,
    /// Reads and writes passports.
    pub(crate) token: String,
    pub(crate) coverage: Coverage,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Holds a refusal to the envelope of the document, its status and its code.
    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        let error = self.body["error"].as_object().unwrap_or_else(|| panic!("no envelope: {self:?}"));
        assert_eq!((self.status.as_u16(), error["code"].as_str()), (status, Some(code)), "{self:?}");
        assert_eq!(error["statusCode"], json!(status));
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()));
        assert!(error["timestamp"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 20));
        assert_eq!(error["requestId"].as_str(), self.headers["x-request-id"].to_str().ok());
    }

    /// Fields that a refusal names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let details = self.body["error"]["details"].as_array().cloned().unwrap_or_default();
        details.iter().map(|detail| detail["field"].as_str().unwrap().to_owned()).collect()
    }
}

impl Door {
    /// A server with a configuration, and a program.
    pub(crate) async fn open(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        let serve = Serve::start(folder.path());
        let client = api::client::http_client();
        let document = serve.get("/api-docs/passport.json").await;
        let coverage = Coverage::of(document);
        let mut door = Self { serve, _folder: folder, client, token: String::new(), coverage };
        door.token = door.program("battery:read battery:write", None).await;
        door
    }

    /// The document.
    pub(crate) async fn document(&self) -> Value {
        self.coverage.document().clone()
    }

    /// A program with scopes, of an organisation where one is named; its token.
    pub(crate) async fn program(&self, scope: &str, organisation: Option<&str>) -> String {
        self.serve.program(scope, organisation).await
    }

    /// Calls, with everything as somebody says, and holds the answer to the document.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        build: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Answer {
        let url = format!("{}{BASE}{path}", self.serve.http);
        let request = self.client.request(method.parse().unwrap(), url);
        let response = build(request).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        assert!(headers.contains_key("x-request-id"), "{method} {path}");
        self.coverage.hear(method, path, status.as_u16());
        Answer { status, headers, body }
    }

    /// Calls with a token.
    pub(crate) async fn call_as(
        &mut self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let token = token.to_owned();
        self.send(method, path, |request| {
            let request = request.bearer_auth(token);
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        })
        .await
    }

    /// Calls as the program that reads and writes.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = self.token.clone();
        self.call_as(&token, method, path, body).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Value {
        let answer = self.call("GET", path, None).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.body
    }

    pub(crate) async fn post(&mut self, path: &str, status: u16, body: Value) -> Value {
        let answer = self.call("POST", path, Some(body)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
        answer.body
    }

    /// Asks for something that is done later; where its operation is found.
    pub(crate) async fn later(&mut self, method: &str, path: &str, body: Option<Value>) -> String {
        let token = self.token.clone();
        let asked = self
            .send(method, path, |request| {
                let request = request.bearer_auth(token).header("prefer", "respond-async, wait=1");
                match body {
                    Some(body) => request.json(&body),
                    None => request,
                }
            })
            .await;
        assert_eq!(asked.status, StatusCode::ACCEPTED, "{method} {path}: {asked:?}");
        assert_eq!(asked.headers["preference-applied"], "respond-async");
        let location = asked.headers["location"].to_str().unwrap();
        let at = location.strip_prefix(BASE).unwrap_or_else(|| panic!("{location}")).to_owned();
        assert_eq!(at, format!("/operations/{}", asked.body["operationId"].as_str().unwrap()));
        assert_eq!(asked.body["request"], format!("{method} {path}"));
        at
    }

    /// Waits for the end of an operation.
    pub(crate) async fn over(&mut self, at: &str) -> Value {
        for _ in 0..3_000 {
            let answer = self.call("GET", at, None).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            match answer.body["status"].as_str().unwrap() {
                "completed" | "failed" => return answer.body,
                "pending" | "running" => assert!(answer.headers.contains_key("retry-after")),
                other => panic!("{other}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{at} does not end");
    }

    /// Registers a battery like the document's under a serial number; its battery id.
    pub(crate) async fn battery(&mut self, serial: &str) -> String {
        let made = self.post("/batteries/register", 201, new_battery(serial)).await;
        made["batteryId"].as_str().unwrap().to_owned()
    }

    /// The same, in use.
    pub(crate) async fn in_use(&mut self, serial: &str) -> String {
        let id = self.battery(serial).await;
        let body = json!({
            "type": "installation", "timestamp": "2025-01-12T09:00:00Z", "application": "electric_vehicle",
        });
        self.post(&format!("/batteries/{id}/events"), 201, body).await;
        id
    }
}

/// The document's example of a registration.
pub(crate) fn new_battery(serial: &str) -> Value {
    json!({
        "identity": {
            "manufacturer": "GreenCell Technologies",
            "manufacturerId": "MFG-2025-001",
            "model": "GC-NMC811-100kWh",
            "serialNumber": serial,
            "manufacturingDate": "2025-01-10",
            "manufacturingLocation": { "country": "KR", "city": "Seoul", "facility": "Facility-A" },
        },
        "chemistry": { "type": "lithium-ion", "cathode": "NMC811", "anode": "graphite" },
        "specifications": {
            "nominalVoltage": 400, "nominalCapacity": 250, "energyCapacity": 100, "expectedCycleLife": 3000,
        },
    })
}

/// A figure of an answer against what it should be.
#[track_caller]
pub(crate) fn near(value: &Value, expected: f64, tolerance: f64) {
    let found = value.as_f64().unwrap_or_else(|| panic!("no figure: {value}"));
    assert!((found - expected).abs() <= tolerance, "{found} against {expected} ± {tolerance}");
}
