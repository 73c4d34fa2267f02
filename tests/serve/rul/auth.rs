//! Logging in and out, one's own account, limits, health.

use super::Member;
use crate::process::{PASSWORD, Serve};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

pub(super) async fn a_session_begins_goes_on_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let mut member = Member::stranger(&serve);
    let login = json!({ "username": "admin", "password": PASSWORD });
    let (status, session) = member.call(Method::POST, "/auth/login", Some(login)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&session["token_type"], &session["expires_in"]), (&json!("bearer"), &json!(1800)));
    let user = session["user"].as_object().unwrap();
    let mut fields: Vec<&str> = user.keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["email", "full_name", "is_active", "role", "user_id", "username"]);
    assert_eq!((&user["role"], &user["is_active"]), (&json!("admin"), &json!(true)));

    member.token = session["access_token"].as_str().map(str::to_owned);
    let me = member.get("/auth/me").await;
    assert_eq!(me["user_id"], user["user_id"]);
    assert!(me["created_at"].as_str().unwrap().ends_with('Z'));

    // The refresh token is given once and stays good; it opens nothing itself.
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    for _ in 0..2 {
        let (status, renewed) = member.call(Method::POST, "/auth/refresh", Some(refresh.clone())).await;
        assert_eq!(status, StatusCode::OK, "{renewed}");
        assert_eq!(renewed["expires_in"], 1800);
        assert!(renewed.get("refresh_token").is_none());
        let with =
            Member { token: renewed["access_token"].as_str().map(str::to_owned), ..Member::stranger(&serve) };
        assert_eq!(with.get("/auth/me").await["username"], "admin");
    }
    let wrong = [session["access_token"].clone(), json!("rt_nothing"), json!("")];
    for token in wrong {
        let body = json!({ "refresh_token": token });
        let asked = (Method::POST, "/auth/refresh", Some(body));
        member.refused(asked, 401, "Invalid refresh token").await;
    }

    let (status, said) = member.call(Method::POST, "/auth/logout", None).await;
    assert_eq!((status, said), (StatusCode::OK, json!({ "message": "Logged out successfully" })));
    let not_known = "Could not validate credentials";
    member.refused((Method::GET, "/auth/me", None), 401, not_known).await;
    member.refused((Method::POST, "/auth/logout", None), 401, not_known).await;
    member.refused((Method::POST, "/auth/refresh", Some(refresh)), 401, "Invalid refresh token").await;
}

pub(super) async fn what_is_wrong_with_a_login_is_said_in_the_familys_words() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let stranger = Member::stranger(&serve);
    for (username, password) in [("admin", "wrong password"), ("nobody", PASSWORD)] {
        let body = json!({ "username": username, "password": password });
        let asked = (Method::POST, "/auth/login", Some(body));
        stranger.refused(asked, 401, "Incorrect username or password").await;
    }
    stranger
        .refuses(
            (Method::POST, "/auth/login", Some(json!({ "username": "admin" }))),
            422,
            "body: missing field",
        )
        .await;
    stranger
        .refuses((Method::POST, "/auth/login", Some(json!({ "username": 1, "password": 2 }))), 422, "body: ")
        .await;
    let raw = |body: &'static str, kind: &'static str| {
        let request = stranger.request(Method::POST, "/auth/login").header("content-type", kind).body(body);
        async move {
            let response = request.send().await.unwrap();
            let status = response.status().as_u16();
            assert!(response.json::<Value>().await.unwrap()["detail"].is_string());
            status
        }
    };
    assert_eq!(raw("{\"username\":", "application/json").await, 400);
    assert_eq!(raw("username=admin", "application/x-www-form-urlencoded").await, 415);

    // Without a token, with none that is one, on no path and with no method of the family.
    let not_known = "Could not validate credentials";
    stranger.refused((Method::GET, "/batteries", None), 401, not_known).await;
    let forged = Member { token: Some("eyJhbGciOiJub25lIn0.e30.".to_owned()), ..Member::stranger(&serve) };
    forged.refused((Method::GET, "/batteries", None), 401, not_known).await;
    let response = stranger.request(Method::GET, "/batteries").send().await.unwrap();
    assert!(response.headers().contains_key("www-authenticate"));
    let admin = Member::admin(&serve).await;
    admin.refuses((Method::GET, "/nothing", None), 404, "").await;
    admin.refuses((Method::DELETE, "/batteries", None), 405, "").await;

    // Whoever is inactive hears so, and its tokens are void.
    let viewer = Member::new(&admin, "vera", "viewer").await;
    let off = json!({ "is_active": false });
    assert_eq!(admin.call(Method::PATCH, "/auth/users/vera", Some(off)).await.0, StatusCode::OK);
    let body = json!({ "username": "vera", "password": "staple battery" });
    let asked = (Method::POST, "/auth/login", Some(body));
    stranger.refused(asked, 401, "User account is inactive").await;
    viewer.refused((Method::GET, "/auth/me", None), 401, not_known).await;
}

pub(super) async fn a_password_is_changed_by_whoever_knows_it() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let admin = Member::admin(&serve).await;
    let vera = Member::new(&admin, "vera", "viewer").await;
    let change = |old: &str, new: &str| {
        (Method::POST, "/auth/change-password", Some(json!({ "current_password": old, "new_password": new })))
    };
    vera.refused(change("wrong", "new_password123"), 401, "Incorrect current password").await;
    vera.refuses(change("staple battery", "short"), 422, "new_password: the password is too weak").await;
    vera.refuses((Method::POST, "/auth/change-password", Some(json!({}))), 422, "body: ").await;
    let (_, path, body) = change("staple battery", "new_password123");
    let (status, said) = vera.call(Method::POST, path, body).await;
    assert_eq!((status, said), (StatusCode::OK, json!({ "message": "Password changed successfully" })));
    vera.refused((Method::GET, "/auth/me", None), 401, "Could not validate credentials").await;
    Member::of(&serve, "vera", "new_password123").await;
}

pub(super) async fn limits_are_kept_where_they_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let environment =
        [("CELLTIDE_LIMITS__RUL_LOGINS_PER_MINUTE", "5"), ("CELLTIDE_LIMITS__RUL_PER_MINUTE", "3")];
    let serve = Serve::with(folder.path(), &["--data", "data"], &environment);
    let admin = Member::admin(&serve).await;
    for left in [2, 1, 0] {
        let response = admin.request(Method::GET, "/auth/me").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["x-ratelimit-limit"], "3");
        assert_eq!(response.headers()["x-ratelimit-remaining"], left.to_string().as_str());
    }
    let response = admin.request(Method::GET, "/auth/me").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 20);
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "detail": "Rate limit exceeded" }));
    let stranger = Member::stranger(&serve);
    let login = || (Method::POST, "/auth/login", Some(json!({ "username": "admin", "password": PASSWORD })));
    for _ in 0..4 {
        let (_, path, body) = login();
        assert_eq!(stranger.call(Method::POST, path, body).await.0, StatusCode::OK);
    }
    stranger.refused(login(), 429, "Rate limit exceeded").await;
}

pub(super) async fn health_says_what_the_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut serve = Serve::start(folder.path());
    serve.password(None);
    let health = serve.get("/health").await;
    assert_eq!((&health["status"], &health["service"]), (&json!("healthy"), &json!("backend-api")));
    assert!(health["version"].is_string() && health["environment"].is_string());
    let ready = serve.get("/health/ready").await;
    assert_eq!((&ready["status"], &ready["database"]), (&json!("ready"), &json!("connected")));
    assert!(ready["ml_pipeline"].is_string() && ready["digital_twin"].is_string());
    let document = serve.get("/api-docs/rul.json").await;
    let operations: usize = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .map(|path| {
            let methods = ["get", "post", "put", "patch", "delete"];
            methods.iter().filter(|method| path.get(**method).is_some()).count()
        })
        .sum();
    assert_eq!(operations, 20, "{document}");
}
