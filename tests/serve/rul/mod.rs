//! The RUL family against the built binary: every operation, every documented refusal, live events.

mod alerts;
mod auth;
mod batteries;
mod edge;
mod live;
mod users;

use crate::coverage::Coverage;
use crate::process::{PASSWORD, Serve, ago_ms, run};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// What was asked for, and the status of the answer.
static HEARD: Mutex<BTreeSet<(String, String, u16)>> = Mutex::new(BTreeSet::new());

fn hear(method: &str, path: &str, status: u16) {
    HEARD.lock().unwrap().insert((method.to_owned(), path.to_owned(), status));
}

#[test]
fn every_operation_answers_as_its_document_says() {
    run(async {
        auth::a_session_begins_goes_on_and_ends().await;
        auth::what_is_wrong_with_a_login_is_said_in_the_familys_words().await;
        auth::a_password_is_changed_by_whoever_knows_it().await;
        auth::limits_are_kept_where_they_are_set().await;
        auth::health_says_what_the_document_says().await;
        users::people_are_added_changed_listed_and_deleted().await;
        users::what_is_wrong_is_said_and_only_administrators_manage().await;
        batteries::places_are_listed_with_how_their_batteries_stand().await;
        batteries::a_battery_is_the_same_twin_as_through_the_native_interface().await;
        batteries::readings_come_in_order_and_the_newest_of_many().await;
        batteries::another_organisations_batteries_are_not_there().await;
        alerts::alerts_are_listed_counted_noted_and_resolved().await;
        live::only_known_people_are_let_in().await;
        live::listeners_hear_of_their_batteries_and_places().await;
        live::a_place_shows_nobody_what_belongs_to_another_organisation().await;
        live::sockets_do_not_hold_up_the_end().await;
        edge::every_way_in_is_looked_at().await;
        edge::what_cannot_be_read().await;
        edge::said_twice().await;
        edge::too_many().await;
        let folder = tempfile::tempdir().unwrap();
        let document = Serve::start(folder.path()).get("/api-docs/rul.json").await;
        let mut coverage = Coverage::of(document);
        for (method, path, status) in HEARD.lock().unwrap().iter() {
            coverage.hear(method, path, *status);
        }
        assert_eq!(coverage.whole(&[]), 20);
    });
}

/// Place and batteries of the tests.
pub(crate) const PLACE: &str = "DC-CNX-01";
pub(crate) const FIRST: &str = "BAT-DC-CNX-01-UPS-01-STR-01-001";

/// Somebody who speaks to the family.
pub(crate) struct Member<'a> {
    pub(crate) serve: &'a Serve,
    pub(crate) client: reqwest::Client,
    pub(crate) token: Option<String>,
}

impl<'a> Member<'a> {
    /// Nobody yet.
    pub(crate) fn stranger(serve: &'a Serve) -> Self {
        Self { serve, client: api::client::http_client(), token: None }
    }

    /// Logs in.
    pub(crate) async fn of(serve: &'a Serve, username: &str, password: &str) -> Self {
        let mut member = Self::stranger(serve);
        let body = json!({ "username": username, "password": password });
        let (status, session) = member.call(Method::POST, "/auth/login", Some(body)).await;
        assert_eq!(status, StatusCode::OK, "{session}");
        member.token = session["access_token"].as_str().map(str::to_owned);
        member
    }

    /// The administrator.
    pub(crate) async fn admin(serve: &'a Serve) -> Self {
        Self::of(serve, "admin", PASSWORD).await
    }

    /// A new person of a role.
    pub(crate) async fn new(admin: &Member<'a>, name: &str, role: &str) -> Self {
        let body = json!({
            "user_id": name, "username": name, "email": format!("{name}@example.com"), "password": "staple battery",
            "full_name": name, "role": role,
        });
        let (status, made) = admin.call(Method::POST, "/auth/users", Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        Self::of(admin.serve, name, "staple battery").await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}/api/v1{path}", self.serve.http));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.request(method.clone(), path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        hear(method.as_str(), path, status.as_u16());
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind, "application/json", "{path}");
        (status, response.json().await.unwrap())
    }

    /// Calls with a body as it stands, or with any header.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        build: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> (u16, Value) {
        let response = build(self.request(method.parse().unwrap(), path)).send().await.unwrap();
        let status = response.status().as_u16();
        hear(method, path, status);
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{method} {path}: {status} {text}")))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, value) = self.call(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {value}");
        value
    }

    /// Expects a refusal of a status with a detail.
    pub(crate) async fn refused(
        &self,
        (method, path, body): (Method, &str, Option<Value>),
        status: u16,
        detail: &str,
    ) {
        let said = format!("{method} {path} {body:?}");
        let (found, value) = self.call(method, path, body).await;
        assert_eq!((found.as_u16(), value), (status, json!({ "detail": detail })), "{said}");
    }

    /// Expects a refusal of a status whose detail begins so.
    pub(crate) async fn refuses(
        &self,
        (method, path, body): (Method, &str, Option<Value>),
        status: u16,
        begin: &str,
    ) {
        let said = format!("{method} {path} {body:?}");
        let (found, value) = self.call(method, path, body).await;
        assert_eq!(found.as_u16(), status, "{said}: {value}");
        assert_eq!(value.as_object().unwrap().len(), 1, "{said}: {value}");
        assert!(value["detail"].as_str().unwrap().starts_with(begin), "{said}: {value}");
    }
}

/// Registers a place with two strings of one block each, over the native interface; the ids of the twins.
pub(crate) async fn mounted(serve: &Serve) -> Vec<String> {
    let place = json!({
        "kind": "facility", "name": "Chiang Mai Data Center",
        "aliases": [{ "namespace": "location", "name": PLACE }],
        "spec": { "lat": 18.7883, "lon": 98.9853 },
        "labels": {
            "region": "northern", "city": "Chiang Mai", "country": "Thailand", "temp_offset_c": "-2.0",
            "humidity_offset_pct": "-5.0", "power_outage_frequency_per_year": "2",
        },
    });
    serve.post("/twins/v1/twins", place).await;
    let mut ids = Vec::new();
    for string in 1..=2 {
        let battery = json!({
            "kind": "battery",
            "aliases": [
                { "namespace": "device", "name": format!("BAT-{PLACE}-UPS-01-STR-0{string}-001") },
                { "namespace": "serial", "name": format!("CSB-HX12-120-2023-00123{string}") },
            ],
            "spec": {
                "chemistry": "vrla-agm-12v-120ah", "series": 1, "voltage_nominal_v": 12.0, "capacity_ah": 120.0,
                "manufacturer": "CSB", "model": "HX12-120",
            },
            "labels": {
                "location": PLACE, "string": format!("STR-{PLACE}-UPS-01-0{string}"),
                "string_position": string.to_string(), "position": "1", "warranty_months": "60",
            },
        });
        ids.push(serve.post("/twins/v1/twins", battery).await["id"].as_str().unwrap().to_owned());
    }
    ids
}

/// A reading of a block on float, so long ago, at a temperature.
pub(crate) fn float(seconds_ago: i64, temperature_c: f64) -> Value {
    json!({
        "ts": ago_ms(seconds_ago), "voltage_v": 13.65, "current_a": -0.1, "temperature_c": temperature_c,
        "internal_resistance_ohm": 0.0035,
    })
}

/// Readings over the native interface.
pub(crate) async fn report(serve: &Serve, battery: &str, readings: Vec<Value>) {
    serve.post(&format!("/twins/v1/twins/{battery}/telemetry"), Value::Array(readings)).await;
}
