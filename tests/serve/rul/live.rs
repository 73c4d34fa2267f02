//! Live events, over Socket.IO's polling transport (Engine.IO 4, Socket.IO protocol 5).

use super::{FIRST, Member, PLACE, float, mounted, report};
use crate::process::Serve;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::time::Duration;

/// Separates packets of one answer.
const BETWEEN: char = '\u{1e}';
/// How long an event may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that polls.
struct Socket {
    client: reqwest::Client,
    address: String,
    packets: VecDeque<String>,
}

impl Socket {
    /// Opens a session and asks to be let in; what is said to that.
    async fn open(serve: &Serve, auth: &Value) -> (Self, String) {
        let client = api::client::http_client();
        let base = format!("{}/socket.io/?EIO=4&transport=polling", serve.http);
        let opened = client.get(&base).send().await.unwrap();
        assert_eq!(opened.status(), StatusCode::OK);
        let opened = opened.text().await.unwrap();
        let session: Value = serde_json::from_str(opened.strip_prefix('0').unwrap()).unwrap();
        assert_eq!(session["upgrades"], json!(["websocket"]));
        let address = format!("{base}&sid={}", session["sid"].as_str().unwrap());
        let mut socket = Self { client, address, packets: VecDeque::new() };
        socket.send(&format!("40{auth}")).await;
        let answer = socket.packet().await;
        (socket, answer)
    }

    /// Opens a session for somebody who is let in, and hears the greeting.
    async fn of(member: &Member<'_>) -> Self {
        let (mut socket, answer) = Self::open(member.serve, &json!({ "token": member.token })).await;
        assert!(answer.starts_with("40{\"sid\":"), "{answer}");
        let greeting = socket.hear("connected").await;
        assert_eq!(greeting["message"], "Connected to Battery RUL Monitoring");
        assert!(greeting["timestamp"].as_str().unwrap().ends_with('Z'));
        socket
    }

    async fn send(&self, packet: &str) {
        let sent = self.client.post(&self.address).body(packet.to_owned()).send().await.unwrap();
        assert_eq!(sent.status(), StatusCode::OK, "{packet}");
    }

    async fn emit(&self, event: &str, data: Value) {
        self.send(&format!("42{}", json!([event, data]))).await;
    }

    /// The next packet, heartbeats answered.
    async fn packet(&mut self) -> String {
        loop {
            while let Some(packet) = self.packets.pop_front() {
                if packet == "2" {
                    self.send("3").await;
                } else {
                    return packet;
                }
            }
            let polled = tokio::time::timeout(PATIENCE, self.client.get(&self.address).send()).await;
            let polled = polled.expect("nothing came in time").unwrap();
            assert_eq!(polled.status(), StatusCode::OK);
            self.packets.extend(polled.text().await.unwrap().split(BETWEEN).map(str::to_owned));
        }
    }

    /// The next event: its name and data.
    async fn event(&mut self) -> (String, Value) {
        let packet = self.packet().await;
        let event: Value = serde_json::from_str(packet.strip_prefix("42").unwrap_or(&packet)).unwrap();
        (event[0].as_str().unwrap().to_owned(), event[1].clone())
    }

    /// The next event, which has this name.
    async fn hear(&mut self, name: &str) -> Value {
        let (event, data) = self.event().await;
        assert_eq!(event, name, "{data}");
        data
    }
}

pub(super) async fn only_known_people_are_let_in() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    for auth in [json!({ "token": "forged" }), json!({ "token": 7 }), json!({}), json!({ "token": "" })] {
        let (_, answer) = Socket::open(&serve, &auth).await;
        assert_eq!(answer, "44{\"message\":\"Could not validate credentials\"}", "{auth}");
    }
    let admin = Member::admin(&serve).await;
    let out = Member::of(&serve, "admin", crate::process::PASSWORD).await;
    out.call(Method::POST, "/auth/logout", None).await;
    let (_, answer) = Socket::open(&serve, &json!({ "token": out.token })).await;
    assert_eq!(answer, "44{\"message\":\"Could not validate credentials\"}");
    let mut socket = Socket::of(&admin).await;
    socket.emit("ping", json!({})).await;
    assert!(socket.hear("pong").await["timestamp"].is_string());
}

pub(super) async fn listeners_hear_of_their_batteries_and_places() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let ids = mounted(&serve).await;
    report(&serve, &ids[0], vec![float(300, 46.0)]).await;
    let admin = Member::admin(&serve).await;
    let vera = Member::new(&admin, "vera", "viewer").await;
    let mut one = Socket::of(&vera).await;
    let mut all = Socket::of(&vera).await;
    one.emit("subscribe_battery", json!({ "battery_id": FIRST })).await;
    let subscribed = one.hear("subscribed").await;
    assert_eq!((&subscribed["type"], &subscribed["battery_id"]), (&json!("battery"), &json!(FIRST)));
    assert!(subscribed["timestamp"].is_string());
    for _ in 0..2 {
        // In both rooms, or in one twice, everything is heard once.
        all.emit("subscribe_location", json!({ "location_id": PLACE })).await;
        let subscribed = all.hear("subscribed").await;
        assert_eq!((&subscribed["type"], &subscribed["location_id"]), (&json!("location"), &json!(PLACE)));
    }
    all.emit("subscribe_battery", json!({ "battery_id": FIRST })).await;
    all.hear("subscribed").await;
    for (event, asked, message) in [
        ("subscribe_battery", json!({ "battery_id": "BAT-X" }), "Battery BAT-X not found"),
        ("subscribe_battery", json!({}), "battery_id is missing"),
        ("subscribe_location", json!({ "location_id": "DC-X" }), "Location DC-X not found"),
        ("subscribe_location", json!("x"), "location_id is missing"),
        ("unsubscribe_battery", json!({ "battery_id": 7 }), "battery_id is missing"),
    ] {
        one.emit(event, asked).await;
        assert_eq!(one.hear("error").await, json!({ "message": message }));
    }

    // A reading of another battery of the place is heard by who listens to the place.
    report(&serve, &ids[1], vec![float(20, 26.0)]).await;
    let update = all.hear("telemetry_update").await;
    assert_eq!(update["battery_id"], "BAT-DC-CNX-01-UPS-01-STR-02-001");
    assert_eq!((&update["data"]["temperature"], &update["data"]["current"]), (&json!(26.0), &json!(0.1)));
    assert!(update["timestamp"].is_string());
    let status = all.hear("battery_status_update").await;
    assert_eq!(status["data"]["status"], "healthy");

    // A battery that gets hot: its reading, its alert, its status, each once to everybody.
    report(&serve, &ids[0], (0..12).map(|k| float(180 - k * 10, 55.5)).collect()).await;
    let native = serve.get(&format!("/twins/v1/twins/{}", ids[0])).await;
    for socket in [&mut one, &mut all] {
        let mut heard: Vec<(String, Value)> = Vec::new();
        for _ in 0..3 {
            heard.push(socket.event().await);
        }
        heard.sort_by(|a, b| a.0.cmp(&b.0));
        let names: Vec<&str> = heard.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["alert", "battery_status_update", "telemetry_update"]);
        let alert = &heard[0].1;
        for (field, value) in [
            ("battery_id", json!(FIRST)),
            ("location_id", json!(PLACE)),
            ("severity", json!("critical")),
            ("alert_type", json!("temperature_high")),
            ("alert_id", native["alerts"][0]["alert_id"].clone()),
            ("threshold_value", json!(55.0)),
            ("actual_value", json!(55.5)),
        ] {
            assert_eq!(alert[field], value, "{field}: {alert}");
        }
        assert!(alert["message"].is_string() && alert["triggered_at"].is_string());
        assert_eq!(heard[1].1["data"]["status"], "critical");
        assert!(heard[1].1["data"]["soh_pct"].is_number());
        assert_eq!(heard[2].1["data"]["temperature"], 55.5);
    }

    // Who no longer listens hears nothing more: the answer to a ping comes first.
    one.emit("unsubscribe_battery", json!({ "battery_id": FIRST })).await;
    assert_eq!(one.hear("unsubscribed").await["battery_id"], FIRST);
    all.emit("unsubscribe_battery", json!({ "battery_id": FIRST })).await;
    all.hear("unsubscribed").await;
    report(&serve, &ids[0], vec![float(5, 56.0)]).await;
    assert_eq!(all.hear("telemetry_update").await["data"]["temperature"], 56.0);
    one.emit("ping", json!({})).await;
    one.hear("pong").await;
    all.emit("unsubscribe_location", json!({ "location_id": PLACE })).await;
    assert_eq!(all.hear("unsubscribed").await["location_id"], PLACE);
}

pub(super) async fn a_place_shows_nobody_what_belongs_to_another_organisation() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    mounted(&serve).await;
    let body = json!({
        "id": "olga", "username": "olga", "password": "staple battery", "roles": ["engineer"],
        "organisation": "other",
    });
    serve.post("/twins/v1/admin/users", body).await;
    let olga = Member::of(&serve, "olga", "staple battery").await;
    let mut socket = Socket::of(&olga).await;
    socket.emit("subscribe_location", json!({ "location_id": PLACE })).await;
    let message = format!("Location {PLACE} not found");
    assert_eq!(socket.hear("error").await, json!({ "message": message }));
    socket.emit("subscribe_battery", json!({ "battery_id": FIRST })).await;
    let message = format!("Battery {FIRST} not found");
    assert_eq!(socket.hear("error").await, json!({ "message": message }));
}

pub(super) async fn sockets_do_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let serve = Serve::start(folder.path());
    let socket = Socket::of(&Member::admin(&serve).await).await;
    let polling = tokio::spawn(socket.client.get(&socket.address).send());
    let (status, took) = tokio::task::block_in_place(|| serve.stop());
    assert!(status.success());
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop(polling.await);
}
