//! Listeners: WebSockets that each follow one battery, natively or over Socket.IO.
//!
//! Frames are put together by hand: two thousand clients of a library would take more of the machine than what is measured.

use super::platform::failed;
use crate::failure::Failure;
use futures::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Connections that are opened at a time.
const TOGETHER: usize = 32;
/// How long somebody may take to be let in.
const PATIENCE: Duration = Duration::from_secs(30);

/// How somebody listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// `GET /twins/v1/ws`
    Native,
    /// `/socket.io`
    SocketIo,
}

/// Those who listen, until this is dropped.
pub(crate) struct Listeners {
    tasks: Vec<JoinHandle<()>>,
    heard: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Listeners {
    /// One for each battery; all of them are let in when this is answered.
    pub(crate) async fn open(
        address: SocketAddr,
        token: &str,
        manner: Manner,
        batteries: &[String],
    ) -> Result<Self, Failure> {
        let (heard, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let opened = futures::stream::iter(batteries)
            .map(|battery| async move {
                let opened = timeout(PATIENCE, Socket::open(address, token, manner, battery)).await;
                opened.map_err(|_| failed(format_args!("{battery} was not let in for half a minute")))?
            })
            .buffer_unordered(TOGETHER);
        let opened: Vec<Result<Socket, Failure>> = opened.collect().await;
        let sockets = opened.into_iter().collect::<Result<Vec<Socket>, Failure>>()?;
        let tasks = sockets.into_iter().map(|socket| {
            let (heard, ended) = (heard.clone(), ended.clone());
            tokio::spawn(async move {
                socket.count(manner, &heard).await;
                ended.fetch_add(1, Ordering::Relaxed);
            })
        });
        Ok(Self { tasks: tasks.collect(), heard, ended })
    }

    /// Readings that were heard so far.
    pub(crate) fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }

    /// Those who were let go.
    pub(crate) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// One WebSocket.
struct Socket {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Socket {
    async fn open(address: SocketAddr, token: &str, manner: Manner, battery: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(Failure::failed)?;
        stream.set_nodelay(true).map_err(Failure::failed)?;
        // Socket.IO takes the token in a packet of its own.
        let (path, shown) = match manner {
            Manner::Native => (
                format!("/twins/v1/ws?id={battery}&event=telemetry"),
                format!("authorization: Bearer {token}\r\n"),
            ),
            Manner::SocketIo => ("/socket.io/?EIO=4&transport=websocket".to_owned(), String::new()),
        };
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: celltide\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{shown}\r\n"
        );
        let mut socket = Self { stream, heard: Vec::new() };
        socket.stream.write_all(request.as_bytes()).await.map_err(Failure::failed)?;
        let end = loop {
            if let Some(end) = socket.heard.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            socket.more().await?;
        };
        if !socket.heard.starts_with(b"HTTP/1.1 101") {
            let said = String::from_utf8_lossy(&socket.heard).into_owned();
            return Err(failed(format_args!("a listener was not let in: {said}")));
        }
        socket.heard.drain(..end);
        if manner == Manner::SocketIo {
            let auth = serde_json::json!({ "token": token });
            let subscription = serde_json::json!(["subscribe_battery", { "battery_id": battery }]);
            socket.say(&format!("40{auth}")).await?;
            socket.until("42[\"connected\"").await?;
            socket.say(&format!("42{subscription}")).await?;
            socket.until("42[\"subscribed\"").await?;
        }
        Ok(socket)
    }

    /// Reads until a message that begins so.
    async fn until(&mut self, begin: &str) -> Result<(), Failure> {
        loop {
            let text = self.message().await?;
            if text.starts_with(begin.as_bytes()) {
                return Ok(());
            }
            if text.starts_with(b"44") || text.starts_with(b"42[\"error\"") {
                let said = String::from_utf8_lossy(&text).into_owned();
                return Err(failed(format_args!("a listener was refused: {said}")));
            }
        }
    }

    /// Counts readings until it is let go.
    async fn count(mut self, manner: Manner, heard: &AtomicUsize) {
        let what: &[u8] = match manner {
            Manner::Native => b"\"event\":\"telemetry\"",
            Manner::SocketIo => b"42[\"telemetry_update\"",
        };
        while let Ok(text) = self.message().await {
            if text.windows(what.len()).any(|bytes| bytes == what) {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The next message of text; heartbeats are answered.
    async fn message(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            let (kind, payload) = self.frame().await?;
            match kind {
                1 if payload == b"2" => self.say("3").await?,
                1 => return Ok(payload),
                8 => return Err(failed("the platform closed the socket")),
                9 => self.send(10, &payload).await?,
                _ => {}
            }
        }
    }

    /// The next frame: what it is, and what is in it. Servers neither mask frames nor cut messages this short.
    async fn frame(&mut self) -> Result<(u8, Vec<u8>), Failure> {
        loop {
            if let [first, second, rest @ ..] = self.heard.as_slice() {
                let (length, skipped) = match (second & 0x7f, rest) {
                    (126, [a, b, ..]) => (Some(usize::from(u16::from_be_bytes([*a, *b]))), 4),
                    (126, _) => (None, 4),
                    (127, _) => return Err(failed("a message of more than 64 KiB")),
                    (length, _) => (Some(usize::from(length)), 2),
                };
                if let Some(end) =
                    length.map(|length| skipped + length).filter(|end| self.heard.len() >= *end)
                {
                    let frame = (first & 0x0f, self.heard[skipped..end].to_vec());
                    self.heard.drain(..end);
                    return Ok(frame);
                }
            }
            self.more().await?;
        }
    }

    async fn more(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.heard).await.map_err(Failure::failed)? {
            0 => Err(failed("the platform closed the connection")),
            _ => Ok(()),
        }
    }

    async fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.send(1, text.as_bytes()).await
    }

    /// Sends a frame, masked by zeros, which change nothing.
    async fn send(&mut self, kind: u8, payload: &[u8]) -> Result<(), Failure> {
        let mut frame = vec![0x80 | kind];
        match u8::try_from(payload.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length),
            _ => {
                frame.push(0x80 | 126);
                frame.extend((payload.len() as u16).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(payload);
        self.stream.write_all(&frame).await.map_err(Failure::failed)
    }
}
