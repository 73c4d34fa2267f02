//! People who call the family, and what was answered.

use crate::coverage::Coverage;
use crate::process::{PASSWORD, Serve, basic};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// A server to be tried out: no limits, no waiting, and a lender's key.
pub(crate) const TRIAL: &str = "\
[limits]
dealer_per_minute = 0
dealer_logins_per_minute = 0
dealer_uploads_per_minute = 0
[log]
level = \"info,host=debug,api=debug,tower_http=debug\"
[dealer]
notice_h = 0.0
quiet_from_h = 0
quiet_to_h = 0
control_timeout_s = 1.0
test_endpoints = true
webhook_key = \"a key that only the lender knows\"
";

/// A server, people who may call it, and what was heard of it.
pub(crate) struct Desk {
    pub(crate) serve: Serve,
    folder: tempfile::TempDir,
    client: reqwest::Client,
    tokens: BTreeMap<String, String>,
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
    /// The words of a refusal, whose envelope is looked at on the way; nothing for what is none.
    #[track_caller]
    pub(crate) fn error(&self) -> &str {
        if self.status.is_success() {
            return "";
        }
        assert!(self.body["code"].as_str().is_some_and(|code| !code.is_empty()), "{self:?}");
        self.body["error"].as_str().unwrap_or_else(|| panic!("no envelope: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, error: &str) {
        assert_eq!((self.status.as_u16(), self.error()), (status, error), "{self:?}");
    }
}

impl Desk {
    /// A server with a configuration.
    pub(crate) async fn open(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        let serve = Serve::start(folder.path());
        let client = api::client::http_client();
        let document = serve.get("/api-docs/dealer.json").await;
        let coverage = Coverage::of(document);
        Self { serve, folder, client, tokens: BTreeMap::new(), coverage }
    }

    /// Where everything lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Calls as somebody, and holds the answer to the document.
    pub(crate) async fn send(
        &mut self,
        who: &str,
        method: &str,
        path: &str,
        build: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Answer {
        let request = self.client.request(method.parse().unwrap(), format!("{}/api{path}", self.serve.http));
        let request = match who {
            "nobody" => request,
            "admin" => request.header("authorization", basic("admin", PASSWORD)),
            who => {
                request.bearer_auth(self.tokens.get(who).unwrap_or_else(|| panic!("{who} did not log in")))
            }
        };
        let response = build(request).send().await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let is_json = headers.get("content-type").is_some_and(|kind| kind == "application/json");
        let body = if is_json { serde_json::from_slice(&bytes).unwrap() } else { Value::Null };
        assert!(headers.contains_key("x-request-id"), "{method} {path}");
        self.coverage.hear(method, path, status.as_u16());
        Answer { status, headers, body }
    }

    pub(crate) async fn call(&mut self, who: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        self.send(who, method, path, |request| match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    /// Calls, and expects success.
    pub(crate) async fn good(&mut self, who: &str, method: &str, path: &str, body: Option<Value>) -> Value {
        let said = format!("{who}: {method} {path} {body:?}");
        let answer = self.call(who, method, path, body).await;
        let wanted = match (method, path) {
            (
                "POST",
                "/batteries" | "/consumers" | "/dealers" | "/finance/applications" | "/finance/emi-payment",
            ) => 201,
            ("POST", "/nbfc/submit-application" | "/service/tickets" | "/service/technicians") => 201,
            ("POST", path) if path.ends_with("/documents") => 201,
            _ => 200,
        };
        assert_eq!(answer.status.as_u16(), wanted, "{said}: {answer:?}");
        answer.body
    }

    /// Calls, and expects a refusal in these words.
    pub(crate) async fn refused(
        &mut self,
        who: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        status: u16,
        error: &str,
    ) {
        let said = format!("{who}: {method} {path} {body:?}");
        let answer = self.call(who, method, path, body).await;
        assert_eq!((answer.status.as_u16(), answer.error()), (status, error), "{said}: {answer:?}");
    }

    /// The code that was sent to a number last.
    pub(crate) async fn code(&self, phone: &str) -> String {
        // Not by number: what is asked for stands in the log.
        let page = self.serve.get("/twins/v1/admin/outbox?limit=1000").await;
        let messages = page["data"].as_array().unwrap();
        let code = messages.iter().find(|message| message["purpose"] == "code" && message["to"] == phone);
        let text = code.unwrap_or_else(|| panic!("no code for {phone}: {page}"))["text"].as_str().unwrap();
        text[..6].to_owned()
    }

    /// Logs somebody in, who is called so from then on; its number.
    pub(crate) async fn log_in(&mut self, who: &str, phone: &str, user_type: &str) -> u64 {
        let body = json!({ "phone": phone, "userType": user_type });
        let asked = self.good("nobody", "POST", "/auth/login", Some(body)).await;
        assert_eq!((asked["success"].as_bool(), &asked["user"]["id"]), (Some(true), &Value::Null));
        let code = self.code(phone).await;
        let body = json!({ "phone": phone, "otp": code });
        let session = self.good("nobody", "POST", "/auth/verify-otp", Some(body.clone())).await;
        assert_eq!(session["user"]["role"], user_type);
        self.refused("nobody", "POST", "/auth/verify-otp", Some(body), 401, "Invalid or expired OTP").await;
        self.tokens.insert(who.to_owned(), session["token"].as_str().unwrap().to_owned());
        session["user"]["id"].as_u64().unwrap()
    }

    /// What a battery's hardware measures now.
    pub(crate) async fn measure(&self, serial: &str, body: Value) {
        let path = format!("/twins/v1/twins/{serial}/telemetry");
        let (status, answer) = self.serve.send(Method::POST, &path, Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
    }
}
