//! Somebody who is told of events: takes them, fails, hangs, leads elsewhere, or lies.

use serde_json::Value;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 204.
    Takes,
    /// 500.
    Fails,
    /// Says nothing.
    Hangs,
    /// 302 to somewhere else.
    Redirects,
    /// Says 200 and a body of which it never sends the rest.
    Lies,
}

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Came {
    pub(crate) path: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Came {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

/// An endpoint on this machine.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    came: Arc<Mutex<Vec<Came>>>,
    manner: Arc<Mutex<Manner>>,
}

impl Receiver {
    pub(crate) async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let receiver = Self { url, came: Arc::default(), manner: Arc::new(Mutex::new(Manner::Takes)) };
        let own = receiver.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(own.clone().serve(stream));
            }
        });
        receiver
    }

    pub(crate) fn behaves(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    pub(crate) fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// Waits for so many requests.
    pub(crate) async fn wait(&self, count: usize) -> Vec<Came> {
        for _ in 0..2_000 {
            let came = self.came();
            if came.len() >= count {
                return came;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{} of {count} came: {:?}", self.came().len(), self.came());
    }

    async fn serve(self, mut stream: tokio::net::TcpStream) {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4_096];
        let (head, body) = loop {
            let Ok(count) = stream.read(&mut buffer).await else { return };
            if count == 0 {
                return;
            }
            bytes.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                break (head.to_owned(), body.to_owned());
            }
        };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        self.came.lock().unwrap().push(Came { path, head, body });
        let manner = *self.manner.lock().unwrap();
        let elsewhere = self.url.replace("/hook", "/elsewhere");
        let answer = match manner {
            Manner::Takes => "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_owned(),
            Manner::Fails => "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned(),
            Manner::Redirects => {
                format!(
                    "HTTP/1.1 302 There\r\nlocation: {elsewhere}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                )
            }
            Manner::Lies => "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\nnot all of it".to_owned(),
            Manner::Hangs => {
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                return;
            }
        };
        let _ = stream.write_all(answer.as_bytes()).await;
        if manner == Manner::Lies {
            tokio::time::sleep(std::time::Duration::from_secs(30)).await;
        }
    }
}
