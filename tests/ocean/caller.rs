//! Somebody who calls the family, and remembers what was answered.

use crate::coverage::Coverage;
use crate::process::Serve;
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Events may go to this machine, so that tests can hear them.
pub(crate) const CONFIG: &str = "[webhooks]\nallow_private = true\nallow_plain = true\ntimeout_s = 1.0\n";
/// All scopes of the family.
pub(crate) const SCOPES: &str = "read:batches write:batches read:devices write:devices read:facilities write:facilities \
    read:reports write:reports read:notifications write:notifications read:analytics";
/// The family's base.
pub(crate) const BASE: &str = "/ocean-plastic-track/v1";

/// A server, programs that may call it, and what was heard of it.
pub(crate) struct Door {
    pub(crate) serve: Serve,
    _folder: tempfile::TempDir,
    pub(crate) client: reqwest::Client,
    /// May everything here.
    pub(crate) token: String,
    /// May something else.
    pub(crate) stranger: String,
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
    /// The code of a refusal, whose envelope is looked at on the way.
    #[track_caller]
    pub(crate) fn code(&self) -> &str {
        assert_eq!(self.body["success"], false, "{self:?}");
        let error = self.body["error"].as_object().unwrap_or_else(|| panic!("no envelope: {self:?}"));
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert!(self.body["meta"]["timestamp"].as_str().unwrap().ends_with('Z'), "{self:?}");
        assert!(self.body["meta"]["requestId"].is_string(), "{self:?}");
        error["code"].as_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{self:?}");
    }

    /// The same, with the field that is wrong.
    #[track_caller]
    pub(crate) fn names(&self, status: u16, code: &str, field: &str) {
        self.is(status, code);
        assert_eq!(self.body["error"]["details"]["field"], field, "{self:?}");
    }

    #[track_caller]
    pub(crate) fn good(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.body
    }
}

impl Door {
    /// A server with a configuration, and two programs.
    pub(crate) async fn open(config: &str, args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        std::fs::write(folder.path().join("season.yaml"), crate::season::SCENARIO).unwrap();
        let mut all = vec!["--data", "data"];
        all.extend(args);
        let serve = Serve::with(folder.path(), &all, &[]);
        let client = api::client::http_client();
        let document = serve.get("/api-docs/ocean.json").await;
        let mut door = Self {
            serve,
            _folder: folder,
            client,
            token: String::new(),
            stranger: String::new(),
            coverage: Coverage::of(document),
        };
        door.token = door.serve.program(SCOPES, None).await;
        door.stranger = door.serve.program("twins:read", None).await;
        door
    }

    /// The document.
    pub(crate) async fn document(&self) -> Value {
        self.coverage.document().clone()
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
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {status} {text}"))
        };
        assert!(headers.contains_key("x-request-id"), "{method} {path}");
        let answer = Answer { status, headers, body };
        if !status.is_success() {
            answer.code();
        } else if !answer.body.is_null() {
            assert_eq!(answer.body["success"], true, "{answer:?}");
            assert_eq!(answer.body["meta"]["version"], "1.0.0", "{answer:?}");
            if answer.body["data"].is_object() {
                // The same at the top and under `data`.
                for (name, value) in answer.body["data"].as_object().unwrap() {
                    assert_eq!(&answer.body[name], value, "{method} {path} {name}");
                }
            }
        }
        self.coverage.hear(method, path, status.as_u16());
        answer
    }

    /// Calls as somebody with a token.
    pub(crate) async fn call_as(
        &mut self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let header = if token.contains(' ') { token.to_owned() } else { format!("Bearer {token}") };
        self.send(method, path, |request| {
            let request = request.header("authorization", header);
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        })
        .await
    }

    /// Calls as the program that may everything.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = self.token.clone();
        self.call_as(&token, method, path, body).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Value {
        self.call("GET", path, None).await.good(200)
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&mut self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, Some(body)).await
    }

    /// Registers a batch; its name.
    pub(crate) async fn batch(&mut self, body: Value) -> String {
        let made = self.post("/batches", body).await.good(201);
        made["batchId"].as_str().unwrap().to_owned()
    }
}

/// The document's example of a batch, without a device, so many kilograms at a place and time.
pub(crate) fn new_batch(kg: f64, (lat, lon): (f64, f64), at: &str) -> Value {
    json!({
        "collection": {
            "location": { "gps": { "latitude": lat, "longitude": lon, "accuracy": 5.0 }, "description": "Haeundae Beach, Busan" },
            "timestamp": at, "collector": { "organizationId": "ORG-CLEANUP-001" }, "method": "beach_cleanup",
        },
        "material": {
            "totalWeight": { "value": kg, "unit": "kg" },
            "composition": [
                { "resinCode": "PET", "percentage": 50, "weight": { "value": kg / 2.0, "unit": "kg" }, "condition": "good" },
                { "resinCode": "PP", "percentage": 50, "weight": { "value": kg / 2.0, "unit": "kg" }, "condition": "good" },
            ],
        },
    })
}

/// Where the document's example was collected.
pub(crate) const SEOUL: (f64, f64) = (37.5665, 126.978);
