//! A running `celltide serve`, and a way to speak to it.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Some packs that couriers ride in the morning and charge at noon.
pub(crate) const COURIERS: &str = "\
name: couriers
start: 2026-01-01
horizon_days: 10
climate: { constant_c: 25 }
batteries:
  bike: { chemistry: nca-gr-panasonic-3ah, series: 13, parallel: 4, price: 400 }
packs:
  - name: courier
    battery: bike
    count: 2
    initial_soc: 0.9
    duty:
      kind: daily
      steps:
        - { at_hour: 8,  c_rate: 0.5,  until_soc: 0.3 }
        - { at_hour: 12, c_rate: -0.5, until_soc: 1.0 }
";

/// The administrator's password in tests.
pub(crate) const PASSWORD: &str = "correct horse";
/// Where what it says on stderr is kept, in its folder.
pub(crate) const LOG: &str = "stderr.log";

/// A platform of its own; killed when it is dropped.
pub(crate) struct Serve {
    child: Child,
    pub(crate) http: String,
    pub(crate) grpc: String,
    pub(crate) mqtt: Option<(String, u16)>,
    client: reqwest::Client,
    password: Option<String>,
    /// What it says on stdout after its line.
    rest: Option<JoinHandle<String>>,
}

/// Sends SIGTERM.
pub(crate) fn terminate(id: u32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().unwrap();
    assert!(sent.success());
}

pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_celltide"));
    command
        .arg("serve")
        .args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"])
        .args(args);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("CELLTIDE_ADMIN_PASSWORD", PASSWORD);
    command
}

impl Serve {
    /// Starts one over a data folder and waits for its line.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::with(folder, &["--data", "data"], &[])
    }

    pub(crate) fn with(folder: &Path, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = command(folder, args).envs(environment.iter().copied()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut stderr = String::new();
            child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
            panic!("it said nothing: {stderr}");
        }
        let rest = std::thread::spawn(move || {
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            rest
        });
        let stderr = child.stderr.take().unwrap();
        let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join(LOG)).unwrap();
        std::thread::spawn(move || drop(std::io::copy(&mut BufReader::new(stderr), &mut &log)));
        let ports: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let mqtt = ports.get("mqtt").and_then(Value::as_str).and_then(|address| address.rsplit_once(':'));
        let mqtt = mqtt.map(|(host, port)| (host.to_owned(), port.parse().unwrap()));
        let http = format!("http://{}", ports["http"].as_str().unwrap());
        assert!(!http.ends_with(":0"), "{http}");
        Self {
            child,
            http,
            grpc: format!("http://{}", ports["grpc"].as_str().unwrap()),
            mqtt,
            client: api::client::http_client(),
            password: Some(PASSWORD.to_owned()),
            rest: Some(rest),
        }
    }

    /// The same with another password, or none.
    pub(crate) fn password(&mut self, password: Option<&str>) {
        self.password = password.map(str::to_owned);
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.http));
        let request = request.timeout(Duration::from_secs(60));
        match &self.password {
            Some(password) => request.header("authorization", basic("admin", password)),
            None => request,
        }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = self.request(method, path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        let value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        };
        (status, value)
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> impl Future<Output = Value> {
        let path = path.to_owned();
        async move {
            let (status, value) = self.send(Method::GET, &path, None).await;
            assert_eq!(status, StatusCode::OK, "{path}: {value}");
            value
        }
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, value) = self.send(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {value}");
        value
    }

    /// Registers a battery of thirteen times four cells under a device name; its id.
    pub(crate) async fn battery(&self, device: &str) -> String {
        let body = serde_json::json!({
            "kind": "battery", "name": format!("Battery {device}"),
            "aliases": [{ "namespace": "device", "name": device }],
            "spec": { "chemistry": "panasonic-18650pf", "series": 13, "parallel": 4 },
        });
        self.post("/twins/v1/twins", body).await["id"].as_str().unwrap().to_owned()
    }

    /// A program with scopes, of an organisation where one is named; its token.
    pub(crate) async fn program(&self, scope: &str, organisation: Option<&str>) -> String {
        let body = serde_json::json!({ "name": "test", "scope": scope, "organisation": organisation });
        let made = self.post("/twins/v1/admin/clients", body).await;
        let body = serde_json::json!({
            "grant_type": "client_credentials", "client_id": made["client_id"],
            "client_secret": made["client_secret"], "scope": scope,
        });
        // Without the administrator's credentials, which would be taken for the program's.
        let asked = self.client.post(format!("{}/oauth/token", self.http)).json(&body);
        let given: Value = asked.send().await.unwrap().json().await.unwrap();
        given["access_token"].as_str().unwrap_or_else(|| panic!("{given}")).to_owned()
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a power cut would end a process.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop; how it ended, and after how long.
    pub(crate) fn stop(mut self) -> (ExitStatus, Duration) {
        #[expect(clippy::disallowed_methods, reason = "the contract promises an end within ten seconds")]
        let began = Instant::now();
        terminate(self.id());
        let status = self.child.wait().unwrap();
        let took = began.elapsed();
        assert_eq!(self.rest.take().unwrap().join().unwrap(), "", "one line was promised");
        (status, took)
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `Basic …`
pub(crate) fn basic(name: &str, password: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = format!("{name}:{password}");
    let encoded =
        text.as_bytes().chunks(3).flat_map(|chunk| {
            let bits = chunk.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte))
                << (8 * (3 - chunk.len()));
            (0..4).map(move |k| {
                if k <= chunk.len() { DIGITS[(bits >> (18 - 6 * k)) as usize & 63] as char } else { '=' }
            })
        });
    format!("Basic {}", encoded.collect::<String>())
}

/// Milliseconds since the epoch, so long ago.
pub(crate) fn ago_ms(seconds: i64) -> i64 {
    #[expect(clippy::disallowed_methods, reason = "devices date their readings by the wall clock")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    now.as_millis() as i64 - seconds * 1_000
}

/// Runs a test that waits.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
}
