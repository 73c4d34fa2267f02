//! A device's side of MQTT, as cheap as can be: frames put together from parts that are ready.

use super::platform::{PASSWORD, failed};
use crate::failure::Failure;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Readings whose text is ready; a twin goes through them again and again.
const READY: usize = 256;
/// Time between two readings of a twin, by their own dates [ms].
const STEP_MS: i64 = 1_000;

/// Connects and logs in as the administrator, who speaks for all.
pub(crate) async fn connect(address: SocketAddr, name: &str) -> Result<TcpStream, Failure> {
    let mut stream = TcpStream::connect(address).await.map_err(Failure::failed)?;
    stream.set_nodelay(true).map_err(Failure::failed)?;
    let mut body = Vec::new();
    put_text(&mut body, "MQTT");
    // Level 4, clean session with name and password, no keep-alive.
    body.extend([4, 0b1100_0010, 0, 0]);
    [name, "admin", PASSWORD].iter().for_each(|text| put_text(&mut body, text));
    let mut hello = Vec::new();
    put_frame(&mut hello, 0x10, &body);
    stream.write_all(&hello).await.map_err(Failure::failed)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map_err(Failure::failed)?;
    match answer {
        [0x20, 2, _, 0] => Ok(stream),
        other => Err(failed(format_args!("the broker answered {other:?}"))),
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u16).to_be_bytes());
    out.extend(text.as_bytes());
}

fn put_length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        out.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return;
        }
    }
}

fn put_frame(out: &mut Vec<u8>, first: u8, body: &[u8]) {
    out.push(first);
    put_length(out, body.len());
    out.extend(body);
}

/// Eight figures of a battery as its sensors would show them, in the metrics' order.
pub(crate) const METRICS: [&str; 8] =
    ["voltage_v", "current_a", "temperature_c", "ambient_c", "soc_pct", "lat", "lon", "speed_kmh"];

/// What a battery of thirteen times four cells shows at the `k`th second of a ride that goes on and on: figures that
/// drift and jitter as sensors' do, in the sensors' steps.
pub(crate) fn figures(twin: usize, k: usize) -> [f64; 8] {
    let noise = |what: u64| {
        // Scrambles three numbers into one of -1 to 1 (the finalizer of SplitMix64).
        let mut z = (twin as u64) << 40 ^ (k as u64) << 8 ^ what;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
    };
    let at = |value: f64, per_unit: f64| (value * per_unit).round() / per_unit;
    let phase = k as f64 * 0.02 + twin as f64;
    let soc_pct = 60.0 + 25.0 * (k as f64 * 0.000_5 + twin as f64).sin();
    let current_a = 5.0 + 4.0 * phase.sin() + 0.3 * noise(0);
    [
        at(44.0 + 0.08 * soc_pct - 0.1 * current_a + 0.01 * noise(1), 1e3),
        at(current_a, 1e3),
        at(27.0 + 3.0 * (phase * 0.02).sin() + 0.1 * noise(2), 1e1),
        at(24.0 + 2.0 * (phase * 0.005).sin(), 1e1),
        at(soc_pct, 1e1),
        at(13.7 + 0.05 * (phase * 0.01).sin(), 1e6),
        at(100.5 + 0.05 * (phase * 0.01).cos(), 1e6),
        at(25.0 + 12.0 * phase.sin() + noise(3), 1e1),
    ]
}

/// A device that says one reading after another.
pub(crate) struct Speaker {
    device: String,
    topic: String,
    next_ms: i64,
    said: usize,
}

/// The texts of readings without their time.
pub(crate) struct Texts(Vec<String>);

impl Texts {
    pub(crate) fn new() -> Self {
        let text = |k: usize| {
            let pairs = METRICS.iter().zip(figures(k % 7, k));
            pairs.map(|(metric, value)| format!(",\"{metric}\":{value}")).collect::<String>() + "}"
        };
        Self((0..READY).map(text).collect())
    }
}

impl Speaker {
    /// A device whose first reading is of `first_ms`.
    pub(crate) fn new(device: &str, first_ms: i64) -> Self {
        let topic = format!("celltide/v1/battery/{device}/telemetry");
        Self { device: device.to_owned(), topic, next_ms: first_ms, said: 0 }
    }

    /// What it calls itself.
    pub(crate) fn device(&self) -> &str {
        &self.device
    }

    /// When its last reading was, by its date.
    pub(crate) fn last_ms(&self) -> i64 {
        self.next_ms - STEP_MS
    }

    /// Puts its next message of so many readings at the end of what is to be sent.
    pub(crate) fn say(&mut self, out: &mut Vec<u8>, texts: &Texts, pkid: u16, batch: usize) {
        let mut text = String::with_capacity(batch * 200);
        for k in 0..batch {
            if batch > 1 {
                text.push(if k == 0 { '[' } else { ',' });
            }
            text.push_str("{\"ts\":");
            text.push_str(&self.next_ms.to_string());
            text.push_str(&texts.0[self.said % texts.0.len()]);
            self.next_ms += STEP_MS;
            self.said += 1;
        }
        if batch > 1 {
            text.push(']');
        }
        // Quality of service 1.
        out.push(0x32);
        put_length(out, 2 + self.topic.len() + 2 + text.len());
        put_text(out, &self.topic);
        out.extend(pkid.to_be_bytes());
        out.extend(text.as_bytes());
    }
}
