//! Bytes on a connection, whatever they are: clients of libraries refuse to send most of what is sent here.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take; longer than anything that the server itself waits for.
const PATIENCE: Duration = Duration::from_secs(40);
/// Once in a while a connection is reset while the answer is on its way, since the rest was never read.
const TRIES: usize = 4;
/// Between two bytes of somebody who is slow.
const DRIP: Duration = Duration::from_millis(300);

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) bytes: Vec<u8>,
    /// What comes after it, a byte at a time.
    pub(crate) drip: Vec<u8>,
}

/// What is said to that.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Said {
    /// A header, where it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        pairs.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends; nothing where the connection ends without an answer.
pub(crate) async fn send(address: SocketAddr, sent: &Sent) -> Option<Said> {
    for _ in 0..TRIES {
        match timeout(PATIENCE, once(address, sent)).await {
            Ok(Ok(said)) => return said,
            Ok(Err(_)) => {}
            Err(_) => panic!("neither an answer nor an end: {}", String::from_utf8_lossy(&sent.bytes)),
        }
    }
    None
}

async fn once(address: SocketAddr, sent: &Sent) -> std::io::Result<Option<Said>> {
    let mut stream = TcpStream::connect(address).await?;
    let (mut reader, mut writer) = stream.split();
    let write = async {
        // Whoever stops listening half way has answered already.
        if writer.write_all(&sent.bytes).await.is_ok() {
            for byte in &sent.drip {
                tokio::time::sleep(DRIP).await;
                if writer.write_all(&[*byte]).await.is_err() {
                    break;
                }
            }
        }
        std::future::pending::<()>().await;
    };
    let read = async {
        let mut heard = Vec::new();
        loop {
            if let Some(said) = whole(&heard) {
                return Ok(Some(said));
            }
            if reader.read_buf(&mut heard).await? == 0 {
                return Ok(None);
            }
        }
    };
    tokio::select! {
        () = write => unreachable!("it never ends"),
        said = read => said,
    }
}

/// An answer, as soon as all of it is there.
fn whole(heard: &[u8]) -> Option<Said> {
    let end = heard.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&heard[..end]).into_owned();
    let status = head.get(9..12)?.parse().ok()?;
    let said = Said { status, head, body: heard[end + 4..].to_vec() };
    let length: usize = said.header("content-length").map_or(0, |length| length.parse().unwrap());
    (said.body.len() >= length).then_some(said)
}
