//! Somebody who calls the family, and remembers what was answered.

use crate::coverage::Coverage;
use crate::process::{PASSWORD, Serve};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// A server, programs that may call it, and what was heard of it.
pub(crate) struct Door {
    pub(crate) serve: Serve,
    _folder: tempfile::TempDir,
    client: reqwest::Client,
    /// Reads and writes the fleet.
    pub(crate) token: String,
    /// May do something else.
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
        let error = self.body["error"].as_object().unwrap_or_else(|| panic!("no envelope: {self:?}"));
        assert_eq!(self.body.as_object().unwrap().len(), 1, "{self:?}");
        assert_eq!(error.len(), 2, "{self:?}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        error["code"].as_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.code()), (status, code), "{self:?}");
    }
}

impl Door {
    /// A server with a configuration, and two programs.
    pub(crate) async fn open(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        let serve = Serve::start(folder.path());
        let client = api::client::http_client();
        let document = serve.get("/api-docs/management.json").await;
        let mut door = Self {
            serve,
            _folder: folder,
            client,
            token: String::new(),
            stranger: String::new(),
            coverage: Coverage::of(document),
        };
        door.token = door.serve.program("fleet:read fleet:write", None).await;
        door.stranger = door.serve.program("twins:read", None).await;
        door
    }

    /// The document.
    pub(crate) async fn document(&self) -> Value {
        self.serve.get("/api-docs/management.json").await
    }

    /// Calls, with everything as somebody says, and holds the answer to the document.
    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        build: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Answer {
        let url = format!("{}/v1{path}", self.serve.http);
        let request = self.client.request(method.parse().unwrap(), url);
        let response = build(request).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {status} {text}"));
        assert!(headers.contains_key("x-request-id"), "{method} {path}");
        let answer = Answer { status, headers, body };
        if !status.is_success() {
            answer.code();
        }
        self.coverage.hear(method, path, status.as_u16());
        answer
    }

    /// Calls as the program that reads and writes.
    pub(crate) async fn call(&mut self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let token = self.token.clone();
        self.send(method, path, |request| {
            let request = request.bearer_auth(token);
            match body {
                Some(body) => request.json(&body),
                None => request,
            }
        })
        .await
    }

    #[track_caller]
    pub(crate) fn get(&mut self, path: &str) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move {
            let answer = self.call("GET", &path, None).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
            answer.body
        }
    }

    pub(crate) async fn put(&mut self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, Some(body)).await
    }

    /// Registers a battery of the document's example under a code.
    pub(crate) async fn battery(&mut self, code: &str) -> Value {
        let answer = self.call("POST", "/batteries", Some(new_battery(code))).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body
    }

    /// What a battery's or cabinet's hardware says, natively.
    pub(crate) async fn tell(&self, twin: &str, what: &str, body: Value) {
        let path = format!("/twins/v1/twins/{twin}/{what}");
        let (status, answer) = self.serve.send(Method::POST, &path, Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }
}

/// The document's example of a battery that is to be registered.
pub(crate) fn new_battery(code: &str) -> Value {
    json!({
        "battery_code": code, "name": "Battery 2", "model": "Model Y", "manufacturer": "Manufacturer B",
        "battery_type": "Lithium-polymer", "capacity_wh": 6000, "nominal_voltage": 52,
        "max_charge_rate": 2.5, "max_discharge_rate": 3.5, "manufacturing_date": "2023-02-15",
    })
}

/// Administrator's credentials.
pub(crate) fn admin() -> (&'static str, Option<&'static str>) {
    ("admin", Some(PASSWORD))
}
