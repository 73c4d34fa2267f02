//! Identity over HTTP, request by request.

#![expect(clippy::unwrap_used, reason = "tests")]

use api::identity::{Doors, routes};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use host::identity::client::NewClient;
use host::identity::{
    Act, Hashing, Identity, NewUser, OsEntropy, PasswordLogin, Role, Roles, Scope, Scopes, Secret, Settings,
};
use host::store::LocalStore;
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;
use twin::time::Time;

const NOW: Time = Time(1_788_000_000_000);
const GOOD: &str = "tide-pool-17";
const BACK: &str = "https://app.example/back";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const FORM: &str = "application/x-www-form-urlencoded";

struct Server {
    identity: Identity,
    router: Router,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Server {
    async fn new() -> Self {
        let hashing = Hashing { memory_kib: 8, passes: 1, threads: 1, waiting: 16 };
        let settings = Settings { hashing, ..Settings::default() };
        let store = Arc::new(LocalStore::in_memory().unwrap());
        let identity = Identity::open(store, settings, Arc::new(OsEntropy), NOW).await.unwrap();
        let router = routes(Doors::new(identity.clone(), || NOW, None));
        Self { identity, router }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str, token: Option<&str>) -> Answer {
        let mut request = Request::get(path).header("host", "celltide.test:8080");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    async fn post(&self, path: &str, kind: &str, body: impl Into<Body>) -> Answer {
        self.send(Request::post(path).header("content-type", kind).body(body.into()).unwrap()).await
    }

    async fn ask(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(request.header("content-type", "application/json").body(body.into()).unwrap()).await
    }

    /// An access token of a new user.
    async fn user(&self, name: &str, role: Role, organisation: Option<&str>) -> String {
        let new = NewUser {
            username: Some(name.into()),
            password: Some(Secret::new(GOOD)),
            roles: Roles::of(&[role]),
            organisation: organisation.map(Into::into),
            ..NewUser::default()
        };
        self.identity.add_user(new, Act { by: "test", at: NOW }).await.unwrap();
        let password = Secret::new(GOOD);
        let login = PasswordLogin { username: name, password: &password, source: "x" };
        let session = self.identity.log_in(login, self.identity.lifetimes(), NOW).await.unwrap();
        session.access.reveal().to_owned()
    }

    /// A client's secret.
    async fn client(&self) -> String {
        let new = NewClient {
            id: Some("app".into()),
            name: "App <script>".into(),
            redirect_uris: vec![BACK.into()],
            scopes: Scopes::of(&[Scope::FleetRead]),
            ..NewClient::default()
        };
        let (_, secret) = self.identity.add_client(new, Act { by: "test", at: NOW }).await.unwrap();
        secret.unwrap().reveal().to_owned()
    }
}

fn query() -> String {
    format!(
        "response_type=code&client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fback&scope=fleet%3Aread\
         &state=%22%3E%3Cscript%3E&code_challenge={CHALLENGE}&code_challenge_method=S256"
    )
}

#[tokio::test]
async fn a_person_logs_in_says_yes_and_the_program_gets_its_tokens() {
    let server = Server::new().await;
    let own = server.user("ann", Role::Viewer, None).await;
    let secret = server.client().await;
    let page = server.get(&format!("/oauth/authorize?{}", query()), None).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("App &lt;script&gt;") && page.text.contains("fleet:read"), "{}", page.text);
    assert!(!page.text.contains("<script>"), "nothing of the request gets out of its place");
    assert_eq!((page.header("x-frame-options"), page.header("cache-control")), ("DENY", "no-store"));
    assert!(page.header("content-security-policy").contains("frame-ancestors 'none'"));

    let answer = |more: &str| server.post("/oauth/authorize", FORM, format!("{}{more}", query()));
    let wrong = answer("&username=ann&password=wrong&decision=allow").await;
    assert_eq!((wrong.status, wrong.text.contains("Name or password is wrong")), (StatusCode::OK, true));
    let no = answer("&decision=deny").await;
    assert_eq!(no.status, StatusCode::FOUND);
    assert_eq!(no.header("location"), format!("{BACK}?error=access_denied&state=%22%3E%3Cscript%3E"));
    let yes = answer(&format!("&username=ann&password={GOOD}&decision=allow")).await;
    assert_eq!(yes.status, StatusCode::FOUND, "{}", yes.text);
    let code = yes.header("location").split_once("?code=").unwrap().1.split('&').next().unwrap().to_owned();

    let form = format!(
        "grant_type=authorization_code&code={code}&code_verifier={VERIFIER}&redirect_uri=https%3A%2F%2Fapp.example%2Fback"
    );
    let body = format!("{form}&client_id=app&client_secret={secret}");
    let given = server.post("/oauth/token", FORM, body.clone()).await;
    assert_eq!(given.status, StatusCode::OK, "{}", given.text);
    assert_eq!(given.header("cache-control"), "no-store");
    let tokens = given.json();
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&"Bearer".into(), &3_600.into()));
    assert_eq!(tokens["scope"], "fleet:read");
    let again = server.post("/oauth/token", FORM, body).await;
    assert_eq!((again.status, &again.json()["error"]), (StatusCode::BAD_REQUEST, &"invalid_grant".into()));

    // Who said yes before, and shows his own token, is not asked again.
    let straight = server.get(&format!("/oauth/authorize?{}", query()), Some(&own)).await;
    assert_eq!(straight.status, StatusCode::FOUND);
    assert!(straight.header("location").starts_with(&format!("{BACK}?code=")));

    let nowhere = server.get(&format!("/oauth/authorize?{}", query().replace("back", "other")), None).await;
    assert_eq!((nowhere.status, nowhere.header("location")), (StatusCode::BAD_REQUEST, ""));
    let twice = server.get(&format!("/oauth/authorize?{}&client_id=app", query()), None).await;
    assert_eq!(twice.status, StatusCode::BAD_REQUEST);
    let plain = server.get(&format!("/oauth/authorize?{}", query().replace("S256", "plain")), None).await;
    assert!(plain.header("location").starts_with(&format!("{BACK}?error=invalid_request")));
}

#[tokio::test]
async fn a_program_gets_tokens_by_form_and_json_and_gives_them_back() {
    let server = Server::new().await;
    let secret = server.client().await;
    let body = json!({ "grant_type": "client_credentials", "client_id": "app", "client_secret": secret });
    let by_json = server.post("/oauth/token", "application/json; charset=utf-8", body.to_string()).await;
    assert_eq!(by_json.status, StatusCode::OK, "{}", by_json.text);
    let token = by_json.json()["access_token"].as_str().unwrap().to_owned();
    let refused = server.get("/twins/v1/admin/users", Some(&token)).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(refused.header("content-type"), "application/problem+json");

    let give_back = format!("token={token}&client_id=app&client_secret={secret}");
    assert_eq!(server.post("/oauth/revoke", FORM, give_back).await.status, StatusCode::OK);
    assert_eq!(server.get("/twins/v1/admin/users", Some(&token)).await.status, StatusCode::UNAUTHORIZED);

    let wrong = "grant_type=client_credentials&client_id=app&client_secret=guess";
    let wrong = server.post("/oauth/token", FORM, wrong).await;
    assert_eq!((wrong.status, &wrong.json()["error"]), (StatusCode::UNAUTHORIZED, &"invalid_client".into()));
    assert!(wrong.header("www-authenticate").starts_with("Basic"));
    for (kind, body) in [
        (FORM, "grant_type=client_credentials&grant_type=client_credentials"),
        (FORM, "grant_type=%ff"),
        ("application/json", "{"),
        ("application/json", r#"{"grant_type":{"a":1}}"#),
        ("text/plain", "grant_type=client_credentials"),
    ] {
        let refused = server.post("/oauth/token", kind, body).await;
        assert_eq!(
            (refused.status, &refused.json()["error"]),
            (StatusCode::BAD_REQUEST, &"invalid_request".into())
        );
    }
    assert_eq!(server.get("/oauth/token", None).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn administrators_manage_and_nobody_else() {
    let server = Server::new().await;
    let root = server.user("root", Role::Admin, None).await;
    let viewer = server.user("ann", Role::Viewer, None).await;
    let tenant = server.user("eve", Role::Admin, Some("acme")).await;
    for path in ["users", "clients", "api-keys", "devices", "outbox", "audit"] {
        let path = format!("/twins/v1/admin/{path}");
        assert_eq!(server.get(&path, None).await.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(server.get(&path, Some(&viewer)).await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(server.get(&path, Some(&root)).await.status, StatusCode::OK, "{path}");
        assert_eq!(server.get(&format!("{path}?limit=0"), Some(&root)).await.status, StatusCode::BAD_REQUEST);
    }
    let users = server.get("/twins/v1/admin/users?role=admin", Some(&tenant)).await.json();
    assert_eq!(users["data"].as_array().unwrap().len(), 1, "its own: {users}");
    for path in ["outbox", "audit"] {
        let path = format!("/twins/v1/admin/{path}");
        assert_eq!(server.get(&path, Some(&tenant)).await.status, StatusCode::FORBIDDEN, "{path}");
    }

    let body = json!({ "username": "bob", "password": GOOD, "roles": ["engineer"] });
    let made = server.ask("POST", "/twins/v1/admin/users", &root, &body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    assert!(!made.text.contains("argon2") && !made.text.contains(GOOD));
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let again = server.ask("POST", "/twins/v1/admin/users", &root, &body).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    let path = format!("/twins/v1/admin/users/{id}");
    assert_eq!(server.ask("DELETE", &path, &tenant, &Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.ask("DELETE", &path, &root, &Value::Null).await.status, StatusCode::NO_CONTENT);
    let foreign = json!({ "username": "mal", "password": GOOD, "roles": ["admin"], "organisation": "other" });
    let refused = server.ask("POST", "/twins/v1/admin/users", &tenant, &foreign).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);

    let body = json!({ "name": "Line", "scope": "battery:read fleet:read" });
    let made = server.ask("POST", "/twins/v1/admin/clients", &root, &body).await.json();
    assert!(made["client_secret"].as_str().unwrap().starts_with("cs_"));
    let path = format!("/twins/v1/admin/clients/{}", made["client_id"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &path, &root, &Value::Null).await.status, StatusCode::NO_CONTENT);

    let body = json!({ "name": "bench", "scope": "fleet:read", "expires_in_days": 1 });
    let made = server.ask("POST", "/twins/v1/admin/api-keys", &root, &body).await.json();
    let key = made["api_key"].as_str().unwrap();
    let by_key = Request::get("/twins/v1/admin/users").header("x-api-key", key).body(Body::empty()).unwrap();
    assert_eq!(server.send(by_key).await.status, StatusCode::FORBIDDEN, "known, but not for this");
    let path = format!("/twins/v1/admin/api-keys/{}", made["id"].as_str().unwrap());
    assert_eq!(server.ask("DELETE", &path, &tenant, &Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.ask("DELETE", &path, &root, &Value::Null).await.status, StatusCode::NO_CONTENT);

    let body = json!({ "kind": "battery", "id": "B1" });
    let made = server.ask("POST", "/twins/v1/admin/devices", &root, &body).await.json();
    assert!(made["device_secret"].as_str().unwrap().starts_with("ds_"));
    let path = "/twins/v1/admin/devices/battery/B1";
    assert_eq!(server.ask("DELETE", path, &tenant, &Value::Null).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.ask("DELETE", path, &root, &Value::Null).await.status, StatusCode::NO_CONTENT);

    let audit = server.get("/twins/v1/admin/audit?limit=1000", Some(&root)).await;
    for kind in ["user added", "user changed", "client revoked", "API key made", "device revoked"] {
        assert!(audit.text.contains(kind), "{kind}");
    }
    for bad in [json!({ "username": "x" }), json!({ "roles": ["root"] }), json!({ "roles": [], "more": 1 })] {
        let refused = server.ask("POST", "/twins/v1/admin/users", &root, &bad).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{bad}");
    }
    let form = Request::post("/twins/v1/admin/users").header("authorization", format!("Bearer {root}"));
    let form = form.header("content-type", FORM).body(Body::from("username=x")).unwrap();
    assert_eq!(server.send(form).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn documents_name_the_host_that_they_were_asked_for_at() {
    let server = Server::new().await;
    let metadata = server.get("/.well-known/oauth-authorization-server", None).await.json();
    assert_eq!(metadata["issuer"], "http://celltide.test:8080");
    assert_eq!(metadata["token_endpoint"], "http://celltide.test:8080/oauth/token");
    let odd =
        Request::get("/.well-known/oauth-authorization-server").header("host", "a/b?c").body(Body::empty());
    assert_eq!(server.send(odd.unwrap()).await.status, StatusCode::BAD_REQUEST);
    let keys = server.get("/.well-known/jwks.json", None).await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    assert!(keys["keys"][0].get("d").is_none());
}
