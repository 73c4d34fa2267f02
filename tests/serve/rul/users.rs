//! People, for administrators.

use super::Member;
use crate::process::Serve;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn engineer() -> Value {
    json!({
        "user_id": "engineer1", "username": "john_doe", "email": "john@example.com", "password": "secure123",
        "full_name": "John Doe", "role": "engineer",
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Option<Value> {
    body[field] = value;
    Some(body)
}

pub(super) async fn people_are_added_changed_listed_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let admin = Member::admin(&serve).await;
    let (status, made) = admin.call(Method::POST, "/auth/users", Some(engineer())).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    for (field, value) in [
        ("user_id", json!("engineer1")),
        ("username", json!("john_doe")),
        ("email", json!("john@example.com")),
        ("full_name", json!("John Doe")),
        ("role", json!("engineer")),
        ("is_active", json!(true)),
    ] {
        assert_eq!(made[field], value);
    }
    assert!(made["created_at"].is_string() && made["updated_at"].is_string());

    let users = admin.get("/auth/users").await;
    assert_eq!((users["total"].as_u64(), users["users"].as_array().unwrap().len()), (Some(2), 2));
    let page = admin.get("/auth/users?skip=1&limit=1").await;
    assert_eq!((page["total"].as_u64(), page["users"].as_array().unwrap().len()), (Some(2), 1));
    assert_eq!(page["users"][0], users["users"][1]);

    let change = json!({ "email": "new@example.com", "full_name": "New Name", "role": "viewer" });
    let (status, changed) = admin.call(Method::PATCH, "/auth/users/engineer1", Some(change)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!((&changed["email"], &changed["role"]), (&json!("new@example.com"), &json!("viewer")));
    assert_eq!(changed["username"], "john_doe");

    let (status, gone) = admin.call(Method::DELETE, "/auth/users/engineer1", None).await;
    assert_eq!((status, gone), (StatusCode::OK, json!({ "message": "User engineer1 deleted successfully" })));
    admin.refused((Method::DELETE, "/auth/users/engineer1", None), 404, "User engineer1 not found").await;
    assert_eq!(admin.get("/auth/users").await["total"], 1);
}

pub(super) async fn what_is_wrong_is_said_and_only_administrators_manage() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let admin = Member::admin(&serve).await;
    let john = Member::new(&admin, "john", "engineer").await;
    let post = |body| (Method::POST, "/auth/users", body);
    let patch = |body: Value| (Method::PATCH, "/auth/users/john", Some(body));
    let taken = "User with this user_id or username already exists";
    admin.refused(post(with(engineer(), "user_id", json!("john"))), 400, taken).await;
    admin.refused(post(with(engineer(), "username", json!("John"))), 400, taken).await;
    let role = "Invalid role: boss. Must be one of: admin, engineer, viewer";
    admin.refused(post(with(engineer(), "role", json!("boss"))), 400, role).await;
    admin.refused(patch(json!({ "role": "boss" })), 400, role).await;
    admin.refuses(post(with(engineer(), "email", json!("nowhere"))), 422, "email: ").await;
    admin.refuses(post(with(engineer(), "password", json!("short"))), 422, "").await;
    admin.refuses(post(with(engineer(), "full_name", json!(7))), 422, "body: ").await;
    admin.refuses(post(Some(json!({}))), 422, "body: missing field").await;
    admin.refuses((Method::GET, "/auth/users?limit=0", None), 422, "limit: ").await;
    admin.refuses((Method::GET, "/auth/users?limit=1001", None), 422, "limit: ").await;
    admin.refuses((Method::GET, "/auth/users?skip=-1", None), 422, "query: ").await;
    let nobody = (Method::PATCH, "/auth/users/nobody", Some(json!({ "full_name": "x" })));
    admin.refused(nobody, 404, "User nobody not found").await;

    let me = admin.get("/auth/me").await["user_id"].as_str().unwrap().to_owned();
    let own = format!("/auth/users/{me}");
    admin.refused((Method::DELETE, &own, None), 400, "Cannot delete your own account").await;
    let last = (Method::PATCH, own.as_str(), Some(json!({ "role": "viewer" })));
    admin.refused(last, 400, "There must be an active administrator").await;

    let needed = "Admin access required";
    john.refused((Method::GET, "/auth/users", None), 403, needed).await;
    john.refused(post(Some(engineer())), 403, needed).await;
    john.refused(patch(json!({ "full_name": "x" })), 403, needed).await;
    john.refused((Method::DELETE, "/auth/users/john", None), 403, needed).await;
    // Who may not is told so before what is wrong with its request.
    john.refused(post(Some(json!({}))), 403, needed).await;
    assert_eq!(john.get("/auth/me").await["role"], "engineer");
}
