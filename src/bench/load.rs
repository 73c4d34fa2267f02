//! Load: connections that publish and count what is acknowledged.

use super::client::{Speaker, Texts};
use super::platform::failed;
use crate::failure::Failure;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// Bytes that are put together before they are sent.
const SEND_BYTES: usize = 32 << 10;
/// How long the last acknowledgements may take.
const LAST_ACKS: Duration = Duration::from_secs(30);

/// How a connection publishes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) in_flight: usize,
    pub(crate) batch: usize,
    /// When it ends.
    pub(crate) until: Instant,
    /// Messages per second; as fast as they are acknowledged where none is given.
    pub(crate) pace: Option<f64>,
    /// Most messages.
    pub(crate) messages: usize,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Messages that were acknowledged.
    pub(crate) acknowledged: usize,
    /// From publishing to the acknowledgement [s].
    pub(crate) delays_s: Vec<f64>,
}

/// A connection with those that it speaks for.
pub(crate) struct Line {
    pub(crate) stream: TcpStream,
    pub(crate) speakers: Vec<Speaker>,
    /// Whose turn it is.
    turn: usize,
    pkid: u16,
}

impl Line {
    pub(crate) fn new(stream: TcpStream, speakers: Vec<Speaker>) -> Self {
        Self { stream, speakers, turn: 0, pkid: 0 }
    }

    /// Publishes in turn for all, and waits until all is acknowledged.
    pub(crate) async fn publish(
        mut self,
        texts: Arc<Texts>,
        manner: Manner,
    ) -> Result<(Self, Tally), Failure> {
        let began = Instant::now();
        let mut tally = Tally::default();
        let mut waiting: VecDeque<(u16, Instant)> = VecDeque::with_capacity(manner.in_flight);
        let (mut out, mut sent, mut heard) = (Vec::new(), 0, Vec::new());
        let Self { stream, speakers, turn, pkid } = &mut self;
        let (mut reader, mut writer) = stream.split();
        let mut published = 0;
        loop {
            let now = Instant::now();
            let due = match manner.pace {
                Some(pace) => (now.duration_since(began).as_secs_f64() * pace) as usize,
                None => usize::MAX,
            };
            let is_over = now >= manner.until || published >= manner.messages;
            while !is_over
                && published < due.min(manner.messages)
                && waiting.len() < manner.in_flight
                && out.len() - sent < SEND_BYTES
            {
                *pkid = pkid.checked_add(1).unwrap_or(1);
                let count = speakers.len();
                speakers[*turn].say(&mut out, &texts, *pkid, manner.batch);
                *turn = (*turn + 1) % count;
                waiting.push_back((*pkid, now));
                published += 1;
            }
            if is_over && waiting.is_empty() {
                return Ok((self, tally));
            }
            let next = manner.pace.map_or(manner.until, |_| now + Duration::from_millis(2));
            tokio::select! {
                written = writer.write(&out[sent..]), if sent < out.len() => {
                    sent += written.map_err(Failure::failed)?;
                    if sent == out.len() {
                        (sent, out) = (0, { out.clear(); out });
                    }
                }
                read = timeout(LAST_ACKS, reader.read_buf(&mut heard)) => {
                    let read = read.map_err(|_| failed("no acknowledgement for half a minute"))?;
                    if read.map_err(Failure::failed)? == 0 {
                        return Err(failed("the broker closed the connection"));
                    }
                    let now = Instant::now();
                    let whole = heard.len() / 4 * 4;
                    for ack in heard[..whole].chunks(4) {
                        let known = waiting.pop_front();
                        let known = known.filter(|(pkid, _)| ack[..2] == [0x40, 2] && ack[2..] == pkid.to_be_bytes());
                        let (_, at) = known.ok_or_else(|| failed(format_args!("the broker said {ack:?}")))?;
                        tally.acknowledged += 1;
                        tally.delays_s.push(now.duration_since(at).as_secs_f64());
                    }
                    heard.drain(..whole);
                }
                () = sleep_until(next), if !is_over && manner.pace.is_some() => {}
            }
        }
    }
}

/// Publishes on all lines at once.
pub(crate) async fn publish(
    lines: Vec<Line>,
    texts: &Arc<Texts>,
    manner: Manner,
) -> Result<(Vec<Line>, Tally, f64), Failure> {
    let began = Instant::now();
    let each = Manner { pace: manner.pace.map(|pace| pace / lines.len() as f64), ..manner };
    let tasks: Vec<_> =
        lines.into_iter().map(|line| tokio::spawn(line.publish(texts.clone(), each))).collect();
    let (mut lines, mut all) = (Vec::new(), Tally::default());
    for task in tasks {
        let (line, tally) = task.await.map_err(Failure::failed)??;
        lines.push(line);
        all.acknowledged += tally.acknowledged;
        all.delays_s.extend(tally.delays_s);
    }
    Ok((lines, all, began.elapsed().as_secs_f64()))
}

/// The value that so large a share lies below.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}
