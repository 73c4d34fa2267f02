//! Events over a WebSocket, spoken to by hand: RFC 6455 needs little of a client.

use crate::caller::{BASE, Door};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing takes longer than this, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that sends text and hears text and closing codes.
struct Socket(TcpStream);

/// What is heard.
#[derive(Debug)]
enum Heard {
    Said(Value),
    Closed(u16),
}

impl Socket {
    async fn open(door: &Door, query: &str, token: Option<&str>) -> Self {
        let address = door.serve.http.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "GET {BASE}/stream{query} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{authorization}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        Self(stream)
    }

    async fn say(&mut self, value: Value) {
        let text = value.to_string();
        // A text frame, masked with zeroes.
        let mut frame = vec![0x81];
        match text.len() {
            short @ 0..=125 => frame.push(0x80 | short as u8),
            long => {
                frame.push(0x80 | 126);
                frame.extend((long as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    async fn hear(&mut self) -> Heard {
        timeout(PATIENCE, async {
            loop {
                let kind = self.0.read_u8().await.unwrap() & 0x0f;
                let length = match self.0.read_u8().await.unwrap() & 0x7f {
                    126 => u64::from(self.0.read_u16().await.unwrap()),
                    127 => self.0.read_u64().await.unwrap(),
                    short => u64::from(short),
                };
                let mut body = vec![0; length as usize];
                self.0.read_exact(&mut body).await.unwrap();
                match kind {
                    1 => return Heard::Said(serde_json::from_slice(&body).unwrap()),
                    8 => return Heard::Closed(u16::from_be_bytes([body[0], body[1]])),
                    _ => {}
                }
            }
        })
        .await
        .expect("something is said in time")
    }

    async fn said(&mut self) -> Value {
        match self.hear().await {
            Heard::Said(value) => value,
            Heard::Closed(code) => panic!("closed with {code}"),
        }
    }

    async fn closed(&mut self) -> u16 {
        loop {
            if let Heard::Closed(code) = self.hear().await {
                return code;
            }
        }
    }
}

pub(crate) async fn events_as_they_happen(door: &mut Door) {
    let id = door.in_use("SN-2025-006001").await;
    let token = door.token.clone();
    let mut socket = Socket::open(door, "", Some(&token)).await;
    socket.say(json!({ "action": "ping" })).await;
    assert_eq!(socket.said().await["type"], "pong");
    socket
        .say(json!({ "action": "subscribe", "batteryId": id, "events": ["soh_update", "lifecycle_event"] }))
        .await;
    let answer = socket.said().await;
    assert_eq!((&answer["type"], &answer["batteryId"]), (&json!("subscribed"), &json!(id)));
    let health = json!({ "stateOfHealth": 99.0, "cycleCount": 10, "timestamp": "2025-02-01T00:00:00Z" });
    door.post(&format!("/batteries/{id}/soh"), 200, health).await;
    let heard = socket.said().await;
    assert_eq!((&heard["eventType"], &heard["batteryId"]), (&json!("soh_update"), &json!(id)), "{heard}");
    assert!(heard["messageId"].is_string() && heard["timestamp"].is_string());
    // A footprint was not asked for; the next thing that is heard is the event.
    door.post(&format!("/batteries/{id}/carbon/calculate"), 200, json!({})).await;
    let event = json!({ "type": "incident", "timestamp": "2025-02-02T00:00:00Z" });
    door.post(&format!("/batteries/{id}/events"), 201, event).await;
    let heard = socket.said().await;
    assert_eq!(
        (&heard["eventType"], &heard["data"]["event"]),
        (&json!("lifecycle_event"), &json!("lifecycle.incident"))
    );
    socket.say(json!({ "action": "subscribe", "batteryId": "NOBODY" })).await;
    assert_eq!(socket.said().await["error"]["code"], "BATTERY_NOT_FOUND");
    socket.say(json!({ "action": "sing" })).await;
    assert_eq!(socket.said().await["error"]["code"], "VALIDATION_ERROR");
    socket.say(json!({ "action": "unsubscribe", "batteryId": id })).await;
    assert_eq!(socket.said().await["type"], "unsubscribed");

    // The token in the address, and in the first message.
    let mut socket = Socket::open(door, &format!("?access_token={token}"), None).await;
    socket.say(json!({ "action": "subscribe", "fleetId": "FLEET-1" })).await;
    assert_eq!(socket.said().await["batteries"], 2);
    let mut socket = Socket::open(door, "", None).await;
    socket.say(json!({ "action": "auth", "token": token })).await;
    assert_eq!(socket.said().await["type"], "authenticated");
    let mut socket = Socket::open(door, "", None).await;
    socket.say(json!({ "action": "auth", "token": "nonsense" })).await;
    assert_eq!(socket.closed().await, 4401);
    let stranger = door.program("twins:read", None).await;
    assert_eq!(Socket::open(door, "", Some(&stranger)).await.closed().await, 4403);
}
