//! `celltide bench api`: reads, lists and writes over HTTP, and listeners.
//!
//! ```text
//!  threads here ──HTTP, a token with each request──► `celltide serve` as a process of its own ──► answers looked at here
//!  listeners here ◄──WebSocket, Socket.IO── … ◄──MQTT── readings of here, one a second per battery
//! ```

use super::asking::{Caller, Heard, Load};
use super::client::{Speaker, Texts, connect};
use super::ingest::Figures;
use super::listening::{Listeners, Manner};
use super::load::{self, Line, quantile};
use super::platform::{PASSWORD, Platform, failed};
use super::stock;
use crate::failure::Failure;
use crate::output;
use host::platform::TwinId;
use host::platform::clock::Clock;
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Before a measurement so much is not counted [s].
const WARM_S: f64 = 1.0;
/// Twins of a page.
const PAGE: usize = 100;
/// Pages of a list that are looked at.
const PAGES: usize = 200;
/// Connections over which batteries speak.
const GATEWAYS: usize = 8;
/// Messages of one that may wait for their acknowledgement.
const IN_FLIGHT: usize = 512;
/// Readings begin so long ago, so that none is ahead of its time [ms].
const AGO_MS: i64 = 86_400_000;
/// How long the last of the news may take.
const LAST_NEWS: Duration = Duration::from_secs(10);
/// Bytes of a kibibyte.
const KIB: f64 = 1_024.0;

/// A part of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Single batteries.
    Reads,
    /// Lists of a hundred.
    Lists,
    /// Readings that are told over HTTP.
    Writes,
    /// WebSockets and Socket.IO.
    Listeners,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) batteries: usize,
    pub(crate) connections: usize,
    pub(crate) seconds: f64,
    pub(crate) reads_per_s: f64,
    pub(crate) writes_per_s: f64,
    pub(crate) listeners: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) data: Option<PathBuf>,
}

/// A platform with batteries, and who asks it.
struct Ground<'a> {
    asked: &'a Asked,
    platform: Platform,
    ids: Vec<TwinId>,
    token: String,
    /// Connections that readings come over; they speak for the first batteries, in turn.
    lines: Vec<Line>,
    texts: Arc<Texts>,
}

/// Measures what is asked for.
pub(crate) fn measure(asked: &Asked) -> Result<Figures, Failure> {
    let place = match &asked.data {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let place = place.map_err(Failure::failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    output::note(format_args!("{} batteries", asked.batteries));
    let ids = runtime.block_on(stock::register(place.path(), asked.batteries))?;
    let mut figures = Figures::new();
    let wants = |part| asked.parts.contains(&part);
    if wants(Part::Lists) {
        let platform = Platform::start(place.path())?;
        let token = token(&platform)?;
        output::note("lists of batteries that sleep");
        note(&mut figures, "list_asleep", &mut pages(&platform, &token, asked.batteries, false)?);
        platform.stop()?;
    }
    let platform = Platform::start(place.path())?;
    let token = token(&platform)?;
    let mut ground = Ground { asked, platform, ids, token, lines: Vec::new(), texts: Arc::new(Texts::new()) };
    output::note("a reading of each battery");
    runtime.block_on(ground.wake())?;
    figures.insert("batteries".to_owned(), asked.batteries as f64);
    if wants(Part::Reads) {
        ground.reads(&mut figures)?;
    }
    if wants(Part::Lists) {
        ground.lists(&mut figures)?;
    }
    if wants(Part::Writes) {
        ground.writes(&mut figures)?;
    }
    if wants(Part::Listeners) {
        runtime.block_on(async {
            ground.speak_only_for(asked.listeners).await?;
            ground.listen("websocket", Manner::Native, &mut figures).await?;
            ground.listen("socket_io", Manner::SocketIo, &mut figures).await
        })?;
    }
    figures.insert("memory_mib".to_owned(), ground.platform.memory_bytes()? / KIB / KIB);
    ground.platform.stop()?;
    Ok(figures)
}

/// A person's token, as every family takes it.
fn token(platform: &Platform) -> Result<String, Failure> {
    let body = json!({ "username": "admin", "password": PASSWORD }).to_string();
    let request = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: celltide\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut caller = Caller::connect(platform.http).map_err(Failure::failed)?;
    let (status, body) = caller.ask(request.as_bytes()).map_err(Failure::failed)?;
    let session: Value = serde_json::from_slice(body).map_err(Failure::failed)?;
    let token = session["access_token"].as_str().map(str::to_owned);
    token.ok_or_else(|| failed(format_args!("no token: {status} {session}")))
}

/// A request without a body.
fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: celltide\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// Which battery the request of a number is for: any, in no order (the finalizer of SplitMix64).
fn any(number: usize, of: usize) -> usize {
    let mut z = (number as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) % of as u64) as usize
}

/// Times of the pages of the native list, one after another; each is looked at.
fn pages(platform: &Platform, token: &str, batteries: usize, is_measured: bool) -> Result<Vec<f64>, Failure> {
    let mut caller = Caller::connect(platform.http).map_err(Failure::failed)?;
    let mut cursor = String::new();
    let mut took_s = Vec::new();
    for _ in 0..PAGES.min(batteries / PAGE) {
        let path = format!("/twins/v1/twins?kind=battery&limit={PAGE}{cursor}");
        let request = get(&path, token);
        let began = Instant::now();
        let (status, body) = caller.ask(&request).map_err(Failure::failed)?;
        took_s.push(began.elapsed().as_secs_f64());
        let page: Value = serde_json::from_slice(body).map_err(Failure::failed)?;
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        let is_whole = |item: &Value| {
            !is_measured || item["latest"].as_object().is_some_and(|latest| !latest.is_empty())
        };
        if status != 200 || items.len() != PAGE || !items.iter().all(is_whole) {
            return Err(failed(format_args!("{path}: {status}, {} twins of {PAGE}", items.len())));
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => cursor.clear(),
        }
    }
    Ok(took_s)
}

fn note(figures: &mut Figures, name: &str, delays_s: &mut [f64]) {
    figures.insert(format!("{name}_p50_ms"), quantile(delays_s, 0.5) * 1e3);
    figures.insert(format!("{name}_p99_ms"), quantile(delays_s, 0.99) * 1e3);
}

impl Ground<'_> {
    /// Every battery reports once and is awake then.
    async fn wake(&mut self) -> Result<(), Failure> {
        self.lines = self.speakers(self.asked.batteries, Clock::wall().now().0 - AGO_MS).await?;
        let each = self.asked.batteries.div_ceil(self.lines.len());
        self.publish(3_600.0, None, each).await.map(drop)
    }

    async fn speakers(&self, batteries: usize, first_ms: i64) -> Result<Vec<Line>, Failure> {
        let gateways = GATEWAYS.min(batteries);
        let mut lines = Vec::new();
        for gateway in 0..gateways {
            let stream = connect(self.platform.mqtt, &format!("bench-gateway-{gateway}")).await?;
            let own = (gateway..batteries).step_by(gateways);
            let speakers = own.map(|battery| Speaker::new(&name(battery), first_ms)).collect();
            lines.push(Line::new(stream, speakers));
        }
        Ok(lines)
    }

    /// From now on the first so many batteries report, and no others.
    async fn speak_only_for(&mut self, batteries: usize) -> Result<(), Failure> {
        self.lines.clear();
        self.lines = self.speakers(batteries, Clock::wall().now().0 - AGO_MS / 4).await?;
        Ok(())
    }

    /// Readings over MQTT: how many were acknowledged.
    async fn publish(&mut self, seconds: f64, pace: Option<f64>, each: usize) -> Result<usize, Failure> {
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        let manner = load::Manner { in_flight: IN_FLIGHT, batch: 1, until, pace, messages: each };
        let lines = std::mem::take(&mut self.lines);
        let (lines, tally, _) = load::publish(lines, &self.texts, manner).await?;
        self.lines = lines;
        Ok(tally.acknowledged)
    }

    fn load(&self, seconds: f64, pace: Option<f64>) -> Load {
        Load { address: self.platform.http, callers: self.asked.connections, seconds, pace }
    }

    /// Reads of single batteries below a path, as fast as answers come or at a pace.
    fn read(&self, path: &str, seconds: f64, pace: Option<f64>) -> Result<Heard, Failure> {
        let end = format!(" HTTP/1.1\r\nhost: celltide\r\nauthorization: Bearer {}\r\n\r\n", self.token);
        let id = |number: usize| self.ids[any(number, self.ids.len())];
        let request = |number: usize, out: &mut Vec<u8>| {
            // Writing to memory does not fail.
            let _ = write!(out, "GET {path}/{}{end}", id(number));
        };
        let is_right = |number: usize, status: u16, body: &[u8]| {
            // Every family's document has the id or the name among its first fields.
            let begin = &body[..body.len().min(400)];
            let says = |text: String| begin.windows(text.len()).any(|bytes| bytes == text.as_bytes());
            let battery = any(number, self.ids.len());
            status == 200
                && (says(format!("\"{}\"", self.ids[battery])) || says(format!("\"{}\"", name(battery))))
        };
        self.load(seconds, pace).run(request, is_right)
    }

    fn reads(&self, figures: &mut Figures) -> Result<(), Failure> {
        for (family, path) in
            [("native", "/twins/v1/twins"), ("management", "/v1/batteries"), ("rul", "/api/v1/batteries")]
        {
            output::note(format_args!("reads of single batteries, {family}"));
            self.read(path, WARM_S, None)?;
            let cpu_s = self.platform.cpu_s()?;
            let mut heard = self.read(path, self.asked.seconds, None)?;
            let reads = heard.delays_s.len() as f64;
            let cpu_s = self.platform.cpu_s()? - cpu_s;
            figures.insert(format!("{family}_reads_per_s"), reads / heard.took_s);
            figures.insert(format!("{family}_read_cpu_us"), cpu_s / reads * 1e6);
            figures.insert(format!("{family}_read_bytes"), heard.bytes as f64 / reads);
            note(figures, &format!("{family}_full_load"), &mut heard.delays_s);
        }
        output::note(format_args!("reads at {} per second", self.asked.reads_per_s));
        let mut heard = self.read("/twins/v1/twins", self.asked.seconds, Some(self.asked.reads_per_s))?;
        let name = format!("reads_at_{}", self.asked.reads_per_s);
        note(figures, &name, &mut heard.delays_s);
        figures.insert(format!("{name}_not_asked"), heard.not_asked as f64);
        Ok(())
    }

    fn lists(&self, figures: &mut Figures) -> Result<(), Failure> {
        output::note(format_args!("lists of {PAGE}"));
        note(figures, "native_list", &mut pages(&self.platform, &self.token, self.asked.batteries, true)?);
        for (family, path, skip) in
            [("management", "/v1/batteries", "offset"), ("rul", "/api/v1/batteries", "skip")]
        {
            let mut caller = Caller::connect(self.platform.http).map_err(Failure::failed)?;
            let mut took_s = Vec::new();
            for number in 0..PAGES {
                let before = any(number, self.asked.batteries.saturating_sub(PAGE).max(1));
                let request = get(&format!("{path}?limit={PAGE}&{skip}={before}"), &self.token);
                let began = Instant::now();
                let (status, body) = caller.ask(&request).map_err(Failure::failed)?;
                took_s.push(began.elapsed().as_secs_f64());
                if status != 200 {
                    let said = String::from_utf8_lossy(body).into_owned();
                    return Err(failed(format_args!("{path}: {status} {said}")));
                }
            }
            note(figures, &format!("{family}_list"), &mut took_s);
        }
        Ok(())
    }

    /// Readings over HTTP, each answered when it is durable.
    fn writes(&self, figures: &mut Figures) -> Result<(), Failure> {
        output::note(format_args!("writes at {} per second", self.asked.writes_per_s));
        let first_ms = Clock::wall().now().0 - AGO_MS / 2;
        let token = &self.token;
        let request = |number: usize, out: &mut Vec<u8>| {
            let id = self.ids[any(number, self.ids.len())];
            let body = format!(
                "{{\"ts\":{},\"voltage_v\":47.9,\"current_a\":2.5,\"temperature_c\":24}}",
                first_ms + number as i64
            );
            let _ = write!(
                out,
                "POST /twins/v1/twins/{id}/telemetry HTTP/1.1\r\nhost: celltide\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        };
        let is_kept = |_: usize, status: u16, _: &[u8]| status == 202;
        let load = self.load(self.asked.seconds, Some(self.asked.writes_per_s));
        let mut heard = load.run(request, is_kept)?;
        let name = format!("writes_at_{}", self.asked.writes_per_s);
        note(figures, &name, &mut heard.delays_s);
        figures.insert(format!("{name}_not_asked"), heard.not_asked as f64);
        Ok(())
    }

    /// Listeners that each follow one battery which reports every second.
    async fn listen(&mut self, what: &str, manner: Manner, figures: &mut Figures) -> Result<(), Failure> {
        let (listeners, seconds) = (self.asked.listeners, self.asked.seconds);
        output::note(format_args!("{listeners} listeners, {what}"));
        let pace = Some(listeners as f64);
        // The same readings without listeners first, so that what those cost is not counted.
        self.publish(seconds, pace, usize::MAX).await?;
        let before = self.platform.memory_bytes()?;
        let followed: Vec<String> = (0..listeners).map(name).collect();
        let began = Instant::now();
        let open = Listeners::open(self.platform.http, &self.token, manner, &followed).await?;
        figures.insert(format!("{what}_let_in_s"), began.elapsed().as_secs_f64());
        let cpu_s = self.platform.cpu_s()?;
        let told = self.publish(seconds, pace, usize::MAX).await?;
        let cpu_s = self.platform.cpu_s()? - cpu_s;
        let last = Instant::now() + LAST_NEWS;
        while open.heard() < told && Instant::now() < last {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let after = self.platform.memory_bytes()?;
        figures.insert(format!("{what}_listeners"), listeners as f64);
        figures.insert(format!("{what}_told"), told as f64);
        figures.insert(format!("{what}_lost"), told as f64 - open.heard() as f64);
        figures.insert(format!("{what}_let_go"), open.ended() as f64);
        figures.insert(format!("{what}_memory_kib_each"), (after - before) / KIB / listeners as f64);
        figures.insert(format!("{what}_cpu_cores_busy"), cpu_s / seconds);
        Ok(())
    }
}

/// What a battery calls itself.
fn name(battery: usize) -> String {
    format!("bench-{battery}")
}
