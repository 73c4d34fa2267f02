//! A platform to be measured: this program as `serve`, over a data folder, and a way to look at it.

use crate::failure::Failure;
use base64::Engine;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The administrator, in a folder that goes with the measurement.
pub(crate) const PASSWORD: &str = "only for measuring";
/// How fast somebody may speak is not what is measured.
const CONFIG: &str = "[mqtt.gateway_rate]\nper_s = 1e9\nburst = 1e9\n[limits]\nmanagement_per_hour = 0\n";
/// Ticks of the system's clock of processes per second, which Linux shows the same everywhere.
const TICKS_PER_S: f64 = 100.0;

/// A running platform; killed when it is dropped.
pub(crate) struct Platform {
    child: Child,
    pub(crate) http: SocketAddr,
    pub(crate) mqtt: SocketAddr,
    /// From the start of the process to its line [s].
    pub(crate) start_s: f64,
}

impl Platform {
    /// Starts one and waits for its line.
    pub(crate) fn start(folder: &Path) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(Failure::failed)?;
        std::fs::write(folder.join("celltide.toml"), CONFIG).map_err(Failure::failed)?;
        let began = Instant::now();
        let mut child = Command::new(program)
            .args([
                "serve",
                "--http",
                "127.0.0.1:0",
                "--grpc",
                "127.0.0.1:0",
                "--mqtt",
                "127.0.0.1:0",
                "--data",
                "data",
            ])
            .current_dir(folder)
            .env("CELLTIDE_ADMIN_PASSWORD", PASSWORD)
            .env("CELLTIDE_LOG__LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::failed)?;
        let stdout = child.stdout.take().ok_or_else(|| failed("the platform has no stdout"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).map_err(Failure::failed)?;
        let start_s = began.elapsed().as_secs_f64();
        let doors: serde_json::Value = serde_json::from_str(&line)
            .map_err(|error| failed(format_args!("the platform said {line:?}: {error}")))?;
        let door = |name: &str| -> Result<SocketAddr, Failure> {
            let address = doors[name].as_str().and_then(|address| address.parse().ok());
            address.ok_or_else(|| failed(format_args!("the platform has no {name}")))
        };
        Ok(Self { http: door("http")?, mqtt: door("mqtt")?, child, start_s })
    }

    /// Time that it spent computing so far [s].
    pub(crate) fn cpu_s(&self) -> Result<f64, Failure> {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).map_err(Failure::failed)?;
        // What comes after the name, which stands in parentheses and may hold anything.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: Vec<f64> =
            rest.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
        Ok(ticks.iter().sum::<f64>() / TICKS_PER_S)
    }

    /// Memory that it takes [bytes].
    pub(crate) fn memory_bytes(&self) -> Result<f64, Failure> {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).map_err(Failure::failed)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kb.map(|kb| kb * 1_024.0).ok_or_else(|| failed("the system does not say how much memory it takes"))
    }

    /// Asks it to stop and waits until it did.
    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        asked.map_err(Failure::failed)?;
        let status = self.child.wait().map_err(Failure::failed)?;
        if status.success() { Ok(()) } else { Err(failed(format_args!("the platform ended with {status}"))) }
    }
}

impl Drop for Platform {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::Failed(anyhow::anyhow!("{what}"))
}

/// A connection to its HTTP door that stays open.
pub(crate) struct Http {
    stream: TcpStream,
    authorization: String,
}

impl Http {
    pub(crate) async fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(Failure::failed)?;
        stream.set_nodelay(true).map_err(Failure::failed)?;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("admin:{PASSWORD}"));
        Ok(Self { stream, authorization: format!("Basic {pair}") })
    }

    /// The body of an answer.
    pub(crate) async fn get(&mut self, path: &str) -> Result<serde_json::Value, Failure> {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: celltide\r\nauthorization: {}\r\n\r\n", self.authorization);
        let asked = async {
            self.stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::with_capacity(4_096);
            loop {
                if self.stream.read_buf(&mut answer).await? == 0 {
                    return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof));
                }
                if let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
                    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                    let length = length.and_then(|length| length.trim().parse::<usize>().ok()).unwrap_or(0);
                    if answer.len() >= end + 4 + length {
                        return Ok(answer[end + 4..end + 4 + length].to_vec());
                    }
                }
            }
        };
        let body = tokio::time::timeout(Duration::from_secs(30), asked).await;
        let body = body.map_err(|_| failed(format_args!("no answer to {path}")))?.map_err(Failure::failed)?;
        serde_json::from_slice(&body).map_err(Failure::failed)
    }
}
