//! A client that sends and receives packets as the test says, right or wrong.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A packet: its first byte and what follows the length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) first: u8,
    pub(crate) body: Vec<u8>,
}

/// What a client connects with.
pub(crate) struct Hello<'a> {
    pub(crate) client: &'a str,
    pub(crate) user: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) clean: bool,
    pub(crate) keep_alive_s: u16,
    pub(crate) will: Option<(&'a str, &'a str)>,
}

impl<'a> Hello<'a> {
    pub(crate) fn of(user: &'a str) -> Self {
        Self { client: user, user, secret: "secret", clean: true, keep_alive_s: 60, will: None }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut flags = 0xC0 | if self.clean { 2 } else { 0 };
        let mut body = text("MQTT");
        if self.will.is_some() {
            // A retained will of quality 1.
            flags |= 0x04 | 0x08 | 0x20;
        }
        body.extend([4, flags]);
        body.extend(self.keep_alive_s.to_be_bytes());
        body.extend(text(self.client));
        if let Some((topic, payload)) = self.will {
            body.extend(text(topic));
            body.extend(text(payload));
        }
        body.extend(text(self.user));
        body.extend(text(self.secret));
        frame(0x10, &body)
    }
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_be_bytes().to_vec();
    bytes.extend(text.as_bytes());
    bytes
}

pub(crate) fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (length % 128) as u8;
        length /= 128;
        bytes.push(if length > 0 { low | 0x80 } else { low });
        if length == 0 {
            return bytes;
        }
    }
}

pub(crate) fn frame(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(length(body.len()));
    bytes.extend(body);
    bytes
}

pub(crate) fn publish(topic: &str, payload: &[u8], qos: u8, pkid: u16) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend(pkid.to_be_bytes());
    }
    body.extend(payload);
    frame(0x30 | qos << 1, &body)
}

/// The client.
pub(crate) struct Raw<S = TcpStream> {
    pub(crate) stream: S,
}

impl Raw {
    /// Connects and expects to be let in; says whether there was a session.
    pub(crate) async fn enter(address: SocketAddr, hello: &Hello<'_>) -> (Self, bool) {
        let mut raw = Self::plain(address).await;
        raw.send(&hello.bytes()).await;
        let packet = raw.receive().await.expect("an answer to the connection");
        assert_eq!((packet.first, packet.body[1]), (0x20, 0), "let in");
        (raw, packet.body[0] == 1)
    }

    /// Connects and says nothing.
    pub(crate) async fn plain(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap() }
    }

    /// Connects and gives the return code.
    pub(crate) async fn code(address: SocketAddr, hello: &Hello<'_>) -> Option<u8> {
        let mut raw = Self::plain(address).await;
        raw.send(&hello.bytes()).await;
        raw.receive().await.map(|packet| packet.body[1])
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    /// Sends bytes; that the other side is gone shows when something is read.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
        let _ = self.stream.flush().await;
    }

    /// The next packet; none when the connection is closed.
    pub(crate) async fn receive(&mut self) -> Option<Packet> {
        timeout(Duration::from_secs(20), self.read()).await.expect("a packet in time")
    }

    /// The next packet if it comes soon.
    pub(crate) async fn soon(&mut self, within: Duration) -> Option<Packet> {
        timeout(within, self.read()).await.ok().flatten()
    }

    async fn read(&mut self) -> Option<Packet> {
        let first = self.stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0_usize, 0);
        loop {
            let byte = self.stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7F) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Packet { first, body })
    }

    /// Expects a PUBACK and gives its packet identifier.
    pub(crate) async fn puback(&mut self) -> u16 {
        let packet = self.receive().await.expect("a PUBACK");
        assert_eq!(packet.first, 0x40, "{packet:?}");
        u16::from_be_bytes([packet.body[0], packet.body[1]])
    }

    /// Subscribes and gives what was granted.
    pub(crate) async fn subscribe(&mut self, filter: &str, qos: u8) -> u8 {
        let mut body = 77_u16.to_be_bytes().to_vec();
        body.extend(text(filter));
        body.push(qos);
        self.send(&frame(0x82, &body)).await;
        let packet = self.receive().await.expect("a SUBACK");
        assert_eq!((packet.first, &packet.body[..2]), (0x90, &77_u16.to_be_bytes()[..]));
        packet.body[2]
    }

    /// Expects a publish, acknowledges it, and gives first byte, topic and payload.
    pub(crate) async fn heard(&mut self) -> (u8, String, Vec<u8>) {
        let packet = self.receive().await.expect("a publish");
        self.unpack(packet).await
    }

    pub(crate) async fn unpack(&mut self, packet: Packet) -> (u8, String, Vec<u8>) {
        assert_eq!(packet.first & 0xF0, 0x30, "{packet:?}");
        let topic_len = usize::from(u16::from_be_bytes([packet.body[0], packet.body[1]]));
        let topic = String::from_utf8(packet.body[2..2 + topic_len].to_vec()).unwrap();
        let mut rest = &packet.body[2 + topic_len..];
        if packet.first & 0x06 != 0 {
            let pkid = [rest[0], rest[1]];
            rest = &rest[2..];
            self.send(&frame(0x40, &pkid)).await;
        }
        (packet.first, topic, rest.to_vec())
    }

    /// Waits until the other side closes, skipping what else comes.
    pub(crate) async fn closed(&mut self) {
        while self.receive().await.is_some() {}
    }
}
