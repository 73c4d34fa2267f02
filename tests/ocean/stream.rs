//! The live stream, over a WebSocket spoken by hand (RFC 6455).

use crate::caller::{Door, SEOUL, new_batch};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Socket(TcpStream);

impl Socket {
    async fn open(door: &Door, path: &str) -> Self {
        let address = door.serve.http.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(stream)
    }

    async fn say(&mut self, message: &Value) {
        let text = message.to_string();
        assert!(text.len() < 65_536);
        // A mask of nothing leaves the text as it is.
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }

    /// The next message, or the code that it was closed with.
    async fn hear(&mut self) -> Result<Value, u16> {
        loop {
            let head =
                tokio::time::timeout(Duration::from_secs(20), self.0.read_u16()).await.unwrap().unwrap();
            let long = match head & 0x7f {
                126 => u64::from(self.0.read_u16().await.unwrap()),
                127 => self.0.read_u64().await.unwrap(),
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(long).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            match head >> 8 & 0x0f {
                1 => return Ok(serde_json::from_slice(&payload).unwrap()),
                8 => return Err(u16::from_be_bytes([payload[0], payload[1]])),
                _ => {}
            }
        }
    }
}

pub(crate) async fn updates(door: &mut Door) {
    for path in ["/ocean-plastic-track/v1/stream", "/v1/stream"] {
        let mut socket = Socket::open(door, path).await;
        socket.say(&json!({ "type": "auth", "token": "nonsense" })).await;
        assert_eq!(socket.hear().await, Err(4401));
        let mut socket = Socket::open(door, path).await;
        socket.say(&json!({ "type": "auth", "token": door.stranger })).await;
        assert_eq!(socket.hear().await, Err(4403));
    }
    let mut socket = Socket::open(door, "/ocean-plastic-track/v1/stream").await;
    socket.say(&json!({ "type": "auth", "token": door.token })).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "authenticated");
    socket.say(&json!({ "type": "ping" })).await;
    assert_eq!(socket.hear().await.unwrap(), json!({ "type": "pong" }));
    socket.say(&json!({ "type": "subscribe", "channels": ["weather"] })).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "error");
    let first = door.batch(new_batch(1.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let other = door.batch(new_batch(1.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    socket.say(&json!({ "type": "subscribe", "channels": [format!("batch.{first}")] })).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "subscribed");
    for id in [&other, &first] {
        door.put(&format!("/batches/{id}/status"), json!({ "status": "transported" })).await.good(200);
    }
    let heard = socket.hear().await.unwrap();
    assert_eq!((&heard["type"], &heard["data"]["batchId"]), (&json!("batch.status_changed"), &json!(first)));
    socket.say(&json!({ "type": "subscribe", "channels": ["batch.updates"] })).await;
    assert_eq!(socket.hear().await.unwrap()["type"], "subscribed");
    let third = door.batch(new_batch(1.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let heard = socket.hear().await.unwrap();
    assert_eq!((&heard["type"], &heard["data"]["batchId"]), (&json!("batch.created"), &json!(third)));
}
