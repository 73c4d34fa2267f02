//! What lies around the operations: credentials, rights, bodies, repeated requests, limits.

use super::{FIRST, Member, float, mounted, report};
use crate::coverage::operations;
use crate::process::Serve;
use serde_json::{Value, json};

/// Rounds in which two requests under one name meet at last.
const ROUNDS: usize = 50;

/// An operation at some path.
struct Operation {
    method: String,
    path: String,
    template: String,
    has_body: bool,
    is_public: bool,
    answers: Vec<String>,
}

impl Operation {
    fn answers(&self, status: &str) -> bool {
        self.answers.iter().any(|known| known == status)
    }

    /// A body that it would take.
    fn sample(&self) -> Value {
        match self.template.as_str() {
            "/auth/login" => json!({ "username": "admin", "password": "x" }),
            "/auth/refresh" => json!({ "refresh_token": "x" }),
            "/auth/users" => json!({
                "user_id": "edge", "username": "edge", "email": "edge@example.com", "password": "staple battery",
                "full_name": "Edge", "role": "viewer",
            }),
            template if template.ends_with("change-password") => {
                json!({ "current_password": "x", "new_password": "staple battery" })
            }
            _ => json!({}),
        }
    }
}

/// Every operation of the document; those that name an alert are for this one.
async fn everywhere(serve: &Serve, alert: &str) -> Vec<Operation> {
    let document = serve.get("/api-docs/rul.json").await;
    // Not over this interface, which counts how often it is asked.
    let administrators = serve.get("/twins/v1/admin/users?role=admin").await;
    let admin = administrators["data"][0]["id"].as_str().unwrap();
    let all = operations(&document).into_iter().map(|(template, method, operation)| {
        let segments = template.split('/').map(|segment| match segment {
            "{battery_id}" => FIRST,
            "{alert_id}" => alert,
            "{user_id}" => admin,
            segment if segment.starts_with('{') => "nothing",
            segment => segment,
        });
        Operation {
            path: segments.collect::<Vec<_>>().join("/"),
            has_body: operation["requestBody"].is_object(),
            is_public: operation["security"] == json!([{}]),
            answers: operation["responses"].as_object().unwrap().keys().cloned().collect(),
            method,
            template,
        }
    });
    all.collect()
}

pub(super) async fn every_way_in_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    mounted(&serve).await;
    let stranger = Member::stranger(&serve);
    let other = Member { token: Some(serve.program("twins:read", None).await), ..Member::stranger(&serve) };
    for operation in everywhere(&serve, "nothing").await.iter().filter(|operation| !operation.is_public) {
        let Operation { method, path, .. } = operation;
        let sample = |request: reqwest::RequestBuilder| match operation.has_body {
            true => request.json(&operation.sample()),
            false => request,
        };
        let (status, said) = stranger.send(method, path, sample).await;
        assert_eq!(
            (status, &said["detail"]),
            (401, &json!("Could not validate credentials")),
            "{method} {path}"
        );
        // A program without the scope may do nothing here but see to its own session.
        let (status, said) = other.send(method, path, sample).await;
        assert!(status == 403 || !operation.answers("403"), "{method} {path}: {status} {said}");
    }
}

pub(super) async fn what_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let ids = mounted(&serve).await;
    report(&serve, &ids[0], (0..12).map(|k| float(180 - k * 10, 55.5)).collect()).await;
    let native = serve.get(&format!("/twins/v1/twins/{}", ids[0])).await;
    let admin = Member::admin(&serve).await;
    for operation in everywhere(&serve, native["alerts"][0]["id"].as_str().unwrap()).await {
        let Operation { method, path, template, .. } = &operation;
        if template.contains('{') {
            // Bytes that are no text, in place of a name.
            let from = template.find('{').unwrap();
            let to = from + template[from..].find('}').unwrap() + 1;
            let path = format!("{}%FF{}", &template[..from], &template[to..]);
            let sample = |request: reqwest::RequestBuilder| match operation.has_body {
                true => request.json(&operation.sample()),
                false => request,
            };
            let (status, said) = admin.send(method, &path, sample).await;
            assert_eq!(status, 422, "{method} {path}: {said}");
        } else if !operation.has_body && operation.answers("422") && method == "GET" {
            let (status, said) =
                admin.send(method, &format!("{path}?limit=x&skip=x&days=x"), |request| request).await;
            assert!(status == 422 || status == 200, "{method} {path}: {status} {said}");
        }
        if !operation.has_body {
            continue;
        }
        let long = format!("{{\"x\":\"{}\"}}", "x".repeat(1 << 20));
        for (text, kind, expected) in [
            ("{".to_owned(), "application/json", 400),
            ("[[]]".to_owned(), "application/json", 422),
            (operation.sample().to_string(), "text/plain", 415),
            (long, "application/json", 413),
        ] {
            let send = |request: reqwest::RequestBuilder| request.header("content-type", kind).body(text);
            let (status, said) = admin.send(method, path, send).await;
            assert_eq!(status, expected, "{method} {path}: {said}");
        }
    }
}

pub(super) async fn said_twice() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    mounted(&serve).await;
    let admin = Member::admin(&serve).await;
    for operation in everywhere(&serve, "nothing").await {
        let Operation { method, path, template, .. } = &operation;
        if operation.is_public || method != "POST" {
            continue;
        }
        // The name of another request.
        let name = format!("twice {template}");
        let named = |name: String, body: Option<Value>| {
            move |request: reqwest::RequestBuilder| {
                let request = request.header("idempotency-key", name);
                match body {
                    Some(body) => request.json(&body),
                    None => request,
                }
            }
        };
        let users = |id: usize| {
            json!({
                "user_id": format!("e{id}"), "username": format!("e{id}"), "email": "e@example.com",
                "password": "staple battery", "full_name": "E", "role": "viewer",
            })
        };
        let (status, said) =
            admin.send("POST", "/auth/users", named(name.clone(), Some(users(path.len())))).await;
        assert!(status == 201 || status == 400, "{said}");
        let body = operation.has_body.then(|| operation.sample());
        let (status, said) = admin.send(method, path, named(name, body.clone())).await;
        assert_eq!(status, 422, "{method} {path}: {said}");
        // Two under one name at once.
        for round in 0..ROUNDS {
            // Whoever logs out needs somebody new each time.
            let caller = if path.ends_with("logout") { &Member::admin(&serve).await } else { &admin };
            let both = (0..8).map(|_| {
                let body = operation.has_body.then(|| operation.sample());
                caller.send(method, path, named(format!("at once {round} {template}"), body))
            });
            let heard = futures::future::join_all(both).await;
            if heard.iter().any(|(status, _)| *status == 409) {
                break;
            }
        }
    }
}

pub(super) async fn too_many() {
    let folder = tempfile::tempdir().unwrap();
    let environment =
        [("CELLTIDE_LIMITS__RUL_LOGINS_PER_MINUTE", "1"), ("CELLTIDE_LIMITS__RUL_PER_MINUTE", "1")];
    let serve = Serve::with(folder.path(), &["--data", "data"], &environment);
    let all = everywhere(&serve, "nothing").await;
    let admin = Member::admin(&serve).await;
    admin.get("/auth/me").await;
    for operation in &all {
        let Operation { method, path, .. } = operation;
        let sample = |request: reqwest::RequestBuilder| match operation.has_body {
            true => request.json(&operation.sample()),
            false => request,
        };
        let (status, said) = admin.send(method, path, sample).await;
        assert_eq!((status, &said), (429, &json!({ "detail": "Rate limit exceeded" })), "{method} {path}");
    }
}
