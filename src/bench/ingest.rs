//! `celltide bench ingest`: readings over MQTT.
//!
//! ```text
//!  clients here ──TCP, quality 1──► `celltide serve` as a process of its own ──PUBACK──► counted here
//!  a probe here ──publish──► … ◄──asks over HTTP until its reading is in the twin's state
//! ```

use super::client::{Speaker, Texts, connect};
use super::load::{self, Line, Manner, quantile};
use super::platform::{Http, Platform, failed};
use super::{bare, stock, stored};
use crate::failure::Failure;
use crate::output;
use host::platform::clock::Clock;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Before the measurement so much is not counted [s].
const WARM_S: f64 = 1.0;
/// Readings that make a twin what it is in service.
const WAKING_READINGS: usize = 3;
/// Readings begin so long ago, so that none is ahead of its time [ms].
const AGO_MS: i64 = 30 * 86_400_000;
/// Bytes of a mebibyte.
const MIB: f64 = (1u64 << 20) as f64;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) twins: usize,
    pub(crate) clients: usize,
    pub(crate) in_flight: usize,
    pub(crate) batch: usize,
    pub(crate) seconds: f64,
    pub(crate) flow: bool,
    pub(crate) awake: Option<usize>,
    pub(crate) registered: Option<usize>,
    /// Readings, and the twins that they are of.
    pub(crate) stored: Option<(u64, usize)>,
    pub(crate) data: Option<PathBuf>,
}

/// Figures by name, each with its unit.
pub(crate) type Figures = BTreeMap<String, f64>;

impl Asked {
    fn place(&self) -> Result<tempfile::TempDir, Failure> {
        let place = match &self.data {
            Some(folder) => tempfile::tempdir_in(folder),
            None => tempfile::tempdir(),
        };
        place.map_err(Failure::failed)
    }

    fn manner(&self, seconds: f64) -> Manner {
        let until = Instant::now() + Duration::from_secs_f64(seconds);
        Manner { in_flight: self.in_flight, batch: self.batch, until, pace: None, messages: usize::MAX }
    }

    async fn lines(&self, platform: &Platform, twins: usize) -> Result<Vec<Line>, Failure> {
        let clients = self.clients.min(twins);
        let mut lines = Vec::new();
        for client in 0..clients {
            let stream = connect(platform.mqtt, &format!("bench-{client}")).await?;
            let own = (client..twins).step_by(clients);
            let speakers = own.map(|twin| Speaker::new(&format!("bench-{twin}"), first_ms())).collect();
            lines.push(Line::new(stream, speakers));
        }
        Ok(lines)
    }
}

fn first_ms() -> i64 {
    Clock::wall().now().0 - AGO_MS
}

/// Measures what is asked for.
pub(crate) fn measure(asked: &Asked) -> Result<Figures, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    runtime.block_on(async {
        let mut figures = Figures::new();
        let texts = Arc::new(Texts::new());
        if asked.flow {
            flow(asked, &texts, &mut figures).await?;
            let place = asked.place()?;
            let (bytes, day_s) = stored::day(place.path(), first_ms()).await?;
            figures.insert("disk_settled_bytes_per_reading".to_owned(), bytes);
            figures.insert("read_a_day_ms".to_owned(), day_s * 1e3);
            output::note("the broker by itself");
            let manner = asked.manner(asked.seconds);
            let bare = bare::messages_per_s(asked.clients, asked.twins, first_ms(), &texts, manner).await?;
            figures.insert("bare_broker_messages_per_s".to_owned(), bare);
            figures.insert("bare_broker_readings_per_s".to_owned(), bare * asked.batch as f64);
        }
        if let Some(twins) = asked.awake {
            memory(asked, &texts, "awake", (twins, twins), &mut figures).await?;
        }
        if let Some(twins) = asked.registered {
            memory(asked, &texts, "registered", (twins, twins / 10), &mut figures).await?;
        }
        if let Some((readings, twins)) = asked.stored {
            start(asked, readings, twins, &mut figures).await?;
        }
        Ok(figures)
    })
}

/// How much flows, how soon it is seen, what it costs.
async fn flow(asked: &Asked, texts: &Arc<Texts>, figures: &mut Figures) -> Result<(), Failure> {
    let place = asked.place()?;
    // One more, whose readings are looked for.
    stock::register(place.path(), asked.twins + 1).await?;
    let empty_bytes = stock::bytes_in(place.path())?;
    let platform = Platform::start(place.path())?;
    output::note(format_args!("readings of {} twins over {} connections", asked.twins, asked.clients));
    let lines = asked.lines(&platform, asked.twins).await?;
    let (lines, warm, _) = load::publish(lines, texts, asked.manner(WARM_S)).await?;
    let cpu_s = platform.cpu_s()?;
    let (lines, mut tally, took_s) = load::publish(lines, texts, asked.manner(asked.seconds)).await?;
    let cpu_s = platform.cpu_s()? - cpu_s;
    let readings = (tally.acknowledged * asked.batch) as f64;
    let mut note = |name: &str, value: f64| figures.insert(name.to_owned(), value);
    note("readings_per_s", readings / took_s);
    note("messages_per_s", tally.acknowledged as f64 / took_s);
    note("cpu_us_per_reading", cpu_s / readings * 1e6);
    note("cpu_cores_busy", cpu_s / took_s);
    note("full_load_ack_p50_ms", quantile(&mut tally.delays_s, 0.5) * 1e3);
    note("full_load_ack_p99_ms", quantile(&mut tally.delays_s, 0.99) * 1e3);

    output::note("half that load");
    let pace = Some(tally.acknowledged as f64 / took_s / 2.0);
    let half = Manner { pace, ..asked.manner(asked.seconds) };
    let probe = Speaker::new(&format!("bench-{}", asked.twins), first_ms());
    let probing = probe_until(&platform, probe, texts, half.until);
    let (loaded, seen) = tokio::join!(load::publish(lines, texts, half), probing);
    let ((lines, mut halved, half_s), mut seen_s) = (loaded?, seen?);
    note("half_load_readings_per_s", (halved.acknowledged * asked.batch) as f64 / half_s);
    note("half_load_ack_p50_ms", quantile(&mut halved.delays_s, 0.5) * 1e3);
    note("half_load_ack_p99_ms", quantile(&mut halved.delays_s, 0.99) * 1e3);
    note("half_load_visible_p50_ms", quantile(&mut seen_s, 0.5) * 1e3);
    note("half_load_visible_p99_ms", quantile(&mut seen_s, 0.99) * 1e3);
    note("half_load_visible_count", seen_s.len() as f64);
    drop(lines);
    platform.stop()?;
    let all =
        ((warm.acknowledged + tally.acknowledged + halved.acknowledged) * asked.batch + seen_s.len()) as f64;
    note("disk_live_bytes_per_reading", (stock::bytes_in(place.path())? - empty_bytes) / all);
    Ok(())
}

/// Publishes a reading now and then and asks for its twin until it is there; how long that took each time [s].
async fn probe_until(
    platform: &Platform,
    mut probe: Speaker,
    texts: &Arc<Texts>,
    until: Instant,
) -> Result<Vec<f64>, Failure> {
    let mut http = Http::connect(platform.http).await?;
    let device = probe.device().to_owned();
    let mut stream = connect(platform.mqtt, "bench-probe").await?;
    let mut seen_s = Vec::new();
    let mut pkid = 0u16;
    while Instant::now() < until {
        let mut out = Vec::new();
        pkid = pkid.checked_add(1).unwrap_or(1);
        let published = Instant::now();
        probe.say(&mut out, texts, pkid, 1);
        tokio::io::AsyncWriteExt::write_all(&mut stream, &out).await.map_err(Failure::failed)?;
        let wanted = host::platform::sight::rfc3339(twin::time::Time(probe.last_ms()));
        loop {
            let seen = http.get(&format!("/twins/v1/twins/{device}")).await?;
            if seen["measured_at"] == wanted.as_str() {
                seen_s.push(published.elapsed().as_secs_f64());
                break;
            }
            if published.elapsed() > Duration::from_secs(30) {
                return Err(failed(format_args!("a reading is not in its twin after half a minute: {seen}")));
            }
        }
        let mut ack = [0; 4];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut ack).await.map_err(Failure::failed)?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(seen_s)
}

/// Memory with so many twins registered, and so many of them awake.
async fn memory(
    asked: &Asked,
    texts: &Arc<Texts>,
    name: &str,
    (twins, awake): (usize, usize),
    figures: &mut Figures,
) -> Result<(), Failure> {
    output::note(format_args!("memory: {twins} twins registered, {awake} awake"));
    let place = asked.place()?;
    stock::register(place.path(), twins).await?;
    let platform = Platform::start(place.path())?;
    let before = platform.memory_bytes()?;
    let lines = asked.lines(&platform, awake).await?;
    let each = awake.div_ceil(lines.len()) * WAKING_READINGS;
    let manner = Manner { batch: 1, messages: each, ..asked.manner(3_600.0) };
    let (lines, _, took_s) = load::publish(lines, texts, manner).await?;
    let after = platform.memory_bytes()?;
    figures.insert(format!("{name}_{twins}_start_s"), platform.start_s);
    figures.insert(format!("{name}_{twins}_memory_mib"), after / MIB);
    figures.insert(format!("{name}_{twins}_memory_before_mib"), before / MIB);
    figures.insert(format!("{name}_{twins}_bytes_per_awake_twin"), (after - before) / awake as f64);
    figures.insert(format!("{name}_{twins}_waking_s"), took_s);
    drop(lines);
    platform.stop()
}

/// How long a start takes with so much in the store.
async fn start(asked: &Asked, readings: u64, twins: usize, figures: &mut Figures) -> Result<(), Failure> {
    let each = (readings as usize).div_ceil(twins);
    output::note(format_args!("a start with {} readings of {twins} twins", each * twins));
    let place = asked.place()?;
    let ids = stock::register(place.path(), twins).await?;
    let began = Instant::now();
    let store = stock::open(place.path())?;
    stored::fill(&store, &stored::entities(&ids)?, each, first_ms()).await?;
    store.close().await.map_err(Failure::failed)?;
    drop(store);
    figures.insert("stored_readings".to_owned(), (each * twins) as f64);
    figures.insert("stored_fill_s".to_owned(), began.elapsed().as_secs_f64());
    figures.insert(
        "stored_disk_bytes_per_reading".to_owned(),
        stock::bytes_in(place.path())? / (each * twins) as f64,
    );
    let platform = Platform::start(place.path())?;
    figures.insert("stored_start_s".to_owned(), platform.start_s);
    let mut http = Http::connect(platform.http).await?;
    let asked_at = Instant::now();
    let seen = http.get("/twins/v1/twins/bench-0").await?;
    if seen["readings"].as_u64() != Some(each as u64) {
        return Err(failed(format_args!("not all readings are in the twin: {seen}")));
    }
    figures.insert("stored_first_twin_ms".to_owned(), asked_at.elapsed().as_secs_f64() * 1e3);
    figures.insert("stored_memory_mib".to_owned(), platform.memory_bytes()? / MIB);
    platform.stop()
}
