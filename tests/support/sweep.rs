//! What all operations of a family refuse alike, tried at every operation of its document: who is not known, who may not,
//! what cannot be read, the name of a request that was used, and too many requests.

use crate::coverage::{Coverage, operations};
use crate::process::{Serve, basic};
use crate::refusal::IsRefusal;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// Rounds in which two requests under one name meet at last.
const ROUNDS: usize = 50;
/// Once in a while a connection is reset while the answer is on its way, since the rest was never read.
const TRIES: usize = 4;
/// Requests after which somebody must have asked too often.
const TOO_MANY: usize = 60;

/// A family.
pub(crate) struct Family {
    /// Its document is called so.
    pub(crate) name: &'static str,
    pub(crate) base: &'static str,
    /// Configuration of a server that counts nobody's requests.
    pub(crate) config: &'static str,
    /// A scope that opens nothing here.
    pub(crate) strange: &'static str,
    /// More than the longest body [bytes].
    pub(crate) too_long_bytes: usize,
    /// A body that an operation can read: what is wrong with it is found behind the door.
    pub(crate) sample: fn(operation: &str) -> Value,
    /// A `POST` that succeeds: its path and body.
    pub(crate) done: fn() -> (&'static str, Value),
    pub(crate) is_refusal: IsRefusal,
}

/// An operation at some path.
struct Operation {
    /// As `GET /batteries/{id}`.
    name: String,
    method: String,
    template: String,
    queries: Vec<String>,
    has_body: bool,
    is_public: bool,
    answers: Vec<String>,
}

impl Operation {
    fn all(document: &Value) -> Vec<Self> {
        let all = operations(document).into_iter().map(|(template, method, operation)| {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let queries = parameters.iter().filter(|parameter| parameter["in"] == "query");
            Self {
                name: format!("{method} {template}"),
                queries: queries.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect(),
                has_body: operation["requestBody"].is_object(),
                is_public: operation["security"] == json!([{}]),
                answers: operation["responses"].as_object().unwrap().keys().cloned().collect(),
                method,
                template,
            }
        });
        all.collect()
    }

    fn answers(&self, status: u16) -> bool {
        self.answers.iter().any(|known| *known == status.to_string())
    }

    /// Its path, with something in place of each parameter.
    fn path(&self, name: &str) -> String {
        let segments = self.template.split('/');
        let segments = segments.map(|segment| if segment.starts_with('{') { name } else { segment });
        segments.collect::<Vec<_>>().join("/")
    }
}

/// Who asks.
#[derive(Clone, Copy)]
enum Who<'a> {
    Nobody,
    Bearer(&'a str),
    Admin,
}

impl Who<'_> {
    fn asks(self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Who::Nobody => request,
            Who::Bearer(token) => request.bearer_auth(token),
            Who::Admin => request.header("authorization", basic("admin", crate::process::PASSWORD)),
        }
    }
}

/// Sends; once more where the connection ends while a long body is on its way that nobody wants.
async fn sent(request: &RequestBuilder) -> reqwest::Response {
    for _ in 1..TRIES {
        if let Ok(response) = request.try_clone().unwrap().send().await {
            return response;
        }
    }
    request.try_clone().unwrap().send().await.unwrap()
}

/// A server, and what was heard of it.
struct Sweep<'a> {
    family: &'a Family,
    serve: Serve,
    _folder: tempfile::TempDir,
    client: reqwest::Client,
    coverage: Coverage,
}

impl<'a> Sweep<'a> {
    async fn open(family: &'a Family, config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("celltide.toml"), config).unwrap();
        let serve = Serve::start(folder.path());
        let document = serve.get(&format!("/api-docs/{}.json", family.name)).await;
        let client = api::client::http_client();
        Self { family, serve, _folder: folder, client, coverage: Coverage::of(document) }
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method: Method = method.parse().unwrap();
        self.client.request(method, format!("{}{}{path}", self.serve.http, self.family.base))
    }

    /// The status of an answer, which is one that the document knows and in the family's words where it is a refusal.
    async fn heard(&mut self, operation: &Operation, request: RequestBuilder) -> u16 {
        let response = sent(&request).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        if status >= 400 {
            let text = response.text().await.unwrap();
            let said = serde_json::from_str(&text).unwrap_or(Value::Null);
            assert!((self.family.is_refusal)(&said), "{}: {status} {text}", operation.name);
            let says_how = operation.is_public || headers.contains_key("www-authenticate");
            assert!(status != 401 || says_how, "{}", operation.name);
            assert!(status != 429 || headers.contains_key("retry-after"), "{}", operation.name);
        }
        self.coverage.hear(&operation.method, &operation.template, status);
        status
    }

    fn with_body(&self, operation: &Operation, request: RequestBuilder) -> RequestBuilder {
        if operation.has_body { request.json(&(self.family.sample)(&operation.name)) } else { request }
    }

    /// An operation as somebody asks for it.
    fn asked(&self, operation: &Operation, who: Who<'_>, path: &str) -> RequestBuilder {
        self.with_body(operation, who.asks(self.request(&operation.method, path)))
    }

    /// Nobody who is known, and somebody who may not.
    async fn who_may(&mut self, all: &[Operation]) {
        let stranger = self.serve.program(self.family.strange, None).await;
        let mut wrong = Vec::new();
        for operation in all.iter().filter(|operation| !operation.is_public) {
            let path = operation.path("1");
            for (who, expected) in [(Who::Nobody, 401), (Who::Bearer(&stranger), 403)] {
                if operation.answers(expected) {
                    let request = self.asked(operation, who, &path);
                    let status = self.heard(operation, request).await;
                    if status != expected {
                        wrong.push(format!("{}: {status} in place of {expected}", operation.name));
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Names of nothing, names that are no text, parameters that are there twice, bodies that are none.
    async fn cannot_be_read(&mut self, all: &[Operation]) {
        for operation in all {
            let who = if operation.is_public { Who::Nobody } else { Who::Admin };
            let refused = |status: u16, what: &str| {
                assert!((400..500).contains(&status), "{} {what}: {status}", operation.name);
            };
            if operation.template.contains('{') {
                for name in ["999999", "%FF"] {
                    let request = self.asked(operation, who, &operation.path(name));
                    refused(self.heard(operation, request).await, name);
                }
            }
            if let Some(query) = operation.queries.first() {
                let path = format!("{}?{query}=1&{query}=1", operation.path("1"));
                let request = self.asked(operation, who, &path);
                refused(self.heard(operation, request).await, &path);
            }
            if !operation.has_body {
                continue;
            }
            let long = format!("{{\"x\":\"{}\"}}", "x".repeat(self.family.too_long_bytes));
            let sample = (self.family.sample)(&operation.name).to_string();
            for (kind, text) in [
                ("application/json", "{".to_owned()),
                ("application/json", "[[]]".to_owned()),
                ("application/json", long),
                ("text/plain", sample),
            ] {
                if kind != "application/json" && !operation.answers(415) {
                    continue;
                }
                let shown = text[..text.len().min(40)].to_owned();
                let request = who.asks(self.request(&operation.method, &operation.path("1")));
                let request = request.header("content-type", kind).body(text);
                refused(self.heard(operation, request).await, &shown);
            }
        }
    }

    /// The name of another request; and two under one name at once.
    async fn said_twice(&mut self, all: &[Operation]) {
        let (path, body) = (self.family.done)();
        let request = Who::Admin.asks(self.request("POST", path)).header("idempotency-key", "used");
        let done = request.json(&body).send().await.unwrap();
        assert!(done.status().is_success(), "{path}: {}", done.text().await.unwrap());
        for operation in all.iter().filter(|operation| operation.method == "POST" && !operation.is_public) {
            let path = operation.path("1");
            if operation.answers(422) {
                let request = self.asked(operation, Who::Admin, &path).header("idempotency-key", "used");
                assert_eq!(self.heard(operation, request).await, 422, "{}", operation.name);
            }
            for round in 0..ROUNDS {
                let name = format!("at once {round} {}", operation.name);
                let both = (0..8).map(|_| {
                    let request = self.asked(operation, Who::Admin, &path);
                    request.header("idempotency-key", &name).send()
                });
                let heard = futures::future::join_all(both).await;
                let statuses: Vec<u16> =
                    heard.into_iter().map(|answer| answer.unwrap().status().as_u16()).collect();
                for status in &statuses {
                    self.coverage.hear(&operation.method, &operation.template, *status);
                }
                if statuses.contains(&409) || !operation.answers(409) {
                    break;
                }
            }
        }
    }
}

/// What a family's operations refuse alike, all of it tried at each.
pub(crate) async fn refusals(family: &Family) -> Coverage {
    let mut sweep = Sweep::open(family, family.config).await;
    let all = Operation::all(sweep.coverage.document());
    sweep.who_may(&all).await;
    sweep.cannot_be_read(&all).await;
    sweep.said_twice(&all).await;
    sweep.coverage
}

/// Too many requests to each operation, on a server that is set up so that it counts few; `authorization` is what somebody
/// shows who is counted.
pub(crate) async fn too_many(family: &Family, config: &str, authorization: &str) -> Coverage {
    let mut sweep = Sweep::open(family, config).await;
    for operation in &Operation::all(sweep.coverage.document()) {
        if !operation.answers(429) {
            continue;
        }
        let mut status = 0;
        for _ in 0..TOO_MANY {
            let request = sweep.asked(operation, Who::Nobody, &operation.path("1"));
            let request =
                if operation.is_public { request } else { request.header("authorization", authorization) };
            status = sweep.heard(operation, request).await;
            if status == 429 {
                break;
            }
        }
        assert_eq!(status, 429, "{}", operation.name);
    }
    sweep.coverage
}
