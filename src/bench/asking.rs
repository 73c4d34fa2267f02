//! Requests over HTTP, as fast as answers come or at a steady pace whatever comes: threads, each with a connection.
//!
//! At a pace, the delay of a request counts from the instant at which it was due, not from when its connection was free at
//! last. So an answer that is late makes those behind it late too, as it would for callers who do not wait for each other.

use super::platform::failed;
use crate::failure::Failure;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Before the first request is due, so that all threads are there.
const TO_BEGIN: Duration = Duration::from_millis(50);
/// A pace that cannot be kept is given up after so many times the span that was asked for.
const GIVEN_UP_AFTER: f64 = 3.0;
/// Answers that are not as they should be are named up to this many times.
const NAMED: usize = 3;

/// A connection that stays open.
pub(crate) struct Caller {
    stream: TcpStream,
    heard: Vec<u8>,
}

impl Caller {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, heard: vec![0; 16 << 10] })
    }

    /// Sends a request and waits for the whole answer: its status and body.
    pub(crate) fn ask(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let mut whole = None;
        loop {
            if filled == self.heard.len() {
                self.heard.resize(filled * 2, 0);
            }
            let read = self.stream.read(&mut self.heard[filled..])?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let from = filled.saturating_sub(3);
            filled += read;
            if whole.is_none() {
                let end = self.heard[from..filled].windows(4).position(|bytes| bytes == b"\r\n\r\n");
                whole = end.map(|end| from + end).map(|end| (end + 4, end + 4 + length(&self.heard[..end])));
            }
            if let Some((body, end)) = whole.filter(|(_, end)| filled >= *end) {
                let status =
                    self.heard.get(9..12).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                let status = status.ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
                return Ok((status, &self.heard[body..end]));
            }
        }
    }
}

/// Length of the body that a head announces.
fn length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let line = head
        .split(|byte| *byte == b'\n')
        .find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)));
    let text = line.and_then(|line| std::str::from_utf8(&line[NAME.len()..]).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// How much is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// Connections.
    pub(crate) callers: usize,
    pub(crate) seconds: f64,
    /// Requests per second of all together; as fast as answers come where none is given.
    pub(crate) pace: Option<f64>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// From when a request was due, or sent where there is no pace, to the end of its answer [s].
    pub(crate) delays_s: Vec<f64>,
    pub(crate) took_s: f64,
    pub(crate) bytes: usize,
    /// Requests whose turn never came, since the pace could not be kept.
    pub(crate) not_asked: usize,
    wrong: Vec<String>,
}

impl Load {
    /// Asks; `request` writes the request of a number, `is_right` looks at its answer. Numbers go up from 0.
    pub(crate) fn run(
        self,
        request: impl Fn(usize, &mut Vec<u8>) + Sync,
        is_right: impl Fn(usize, u16, &[u8]) -> bool + Sync,
    ) -> Result<Heard, Failure> {
        let began = Instant::now() + TO_BEGIN;
        let one = |caller: usize| self.one(caller, began, &request, &is_right);
        let done: Vec<io::Result<Heard>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.callers).map(|caller| scope.spawn(move || one(caller))).collect();
            let gone = || Err(io::Error::other("a thread of the measurement ended"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| gone())).collect()
        });
        let mut all = Heard::default();
        for heard in done {
            let heard = heard.map_err(Failure::failed)?;
            all.delays_s.extend(heard.delays_s);
            all.bytes += heard.bytes;
            all.not_asked += heard.not_asked;
            all.wrong.extend(heard.wrong);
        }
        all.took_s = began.elapsed().as_secs_f64();
        match all.wrong.first() {
            None => Ok(all),
            Some(first) => Err(failed(format_args!("an answer is not as it should be: {first}"))),
        }
    }

    fn one(
        self,
        caller: usize,
        began: Instant,
        request: &impl Fn(usize, &mut Vec<u8>),
        is_right: &impl Fn(usize, u16, &[u8]) -> bool,
    ) -> io::Result<Heard> {
        let mut connection = Caller::connect(self.address)?;
        let mut heard = Heard::default();
        let mut text = Vec::new();
        wait_until(began);
        for turn in 0.. {
            let number = turn * self.callers + caller;
            let due_s = self.pace.map(|pace| number as f64 / pace);
            let elapsed_s = began.elapsed().as_secs_f64();
            if due_s.unwrap_or(elapsed_s) >= self.seconds {
                break;
            }
            if elapsed_s > GIVEN_UP_AFTER * self.seconds {
                let all = (self.seconds * self.pace.unwrap_or(0.0)) as usize;
                heard.not_asked = all.saturating_sub(number).div_ceil(self.callers);
                break;
            }
            text.clear();
            request(number, &mut text);
            let due = due_s.map(|due_s| began + Duration::from_secs_f64(due_s));
            due.inspect(|due| wait_until(*due));
            let from = due.unwrap_or_else(Instant::now);
            let (status, body) = connection.ask(&text)?;
            heard.delays_s.push(from.elapsed().as_secs_f64());
            heard.bytes += body.len();
            if !is_right(number, status, body) && heard.wrong.len() < NAMED {
                heard
                    .wrong
                    .push(format!("{status} {}", String::from_utf8_lossy(&body[..body.len().min(300)])));
            }
        }
        Ok(heard)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a pace is kept by real time; an async sleep knows whole milliseconds"
)]
fn wait_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_body_is_read_however_it_is_spelled() {
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\ndate: x"), 12);
        assert_eq!(length(b"HTTP/1.1 204 No Content\r\ndate: x"), 0);
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nx-content-length: 9\r\ncontent-length:7"), 7);
    }
}
