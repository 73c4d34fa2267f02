//! The engine: worlds of twins in virtual time, as fast as the machine can.
//!
//! A plan is variants × replicates, each a *world* of its own. A world is cut into *zones* of twins that can touch
//! each other without delay; zones run apart for one window at a time; riders who change zones meanwhile, and
//! batteries that leave service for another zone, are handed over, in the order of the zones, when the window ends.
//! Nothing here depends on how many threads there are.

mod agenda;
pub mod cast;
pub mod cells;
pub mod cleanup;
pub mod duty;
pub mod fidelity;
pub mod happenings;
pub mod merge;
pub mod model;
pub mod place;
pub mod player;
pub mod session;
pub mod sites;
mod survival;
pub mod tally;
pub mod transfer;
pub mod zone;

use crate::results::record::WorldRecord;
use crate::scenario::Plan;
use cast::{Actors, Direct};
use model::{Cells, ModelError, VariantModel};
use place::{Part, Place};
use player::Hosting;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use tally::Tally;
use tokio::sync::{mpsc, oneshot};
use transfer::Transfer;
use twin::rng::Seed;
use twin::time::{HOUR_MS, Time};
use zone::ZonePart;

/// Zones run apart for so long; nobody changes zones in less.
pub const WINDOW_MS: i64 = 6 * HOUR_MS;
/// Packs of a group that make a zone.
const PACKS_PER_ZONE: u32 = 256;

/// Version of the engine: results of the same scenario and seed are the same within one version.
pub const ENGINE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Threads, at least 1.
    pub jobs: usize,
    /// Set to end the run early, with what there is until then.
    pub stop: Arc<AtomicBool>,
    /// How far the run is.
    pub progress: Arc<Progress>,
}

impl Default for Options {
    fn default() -> Self {
        Self { jobs: 1, stop: Arc::default(), progress: Arc::default() }
    }
}

/// How far a run is, for those who watch it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Simulated milliseconds to go through in all worlds together.
    pub total_ms: AtomicU64,
    /// Simulated milliseconds done in all worlds together.
    pub done_ms: AtomicU64,
    /// Worlds that are finished.
    pub worlds_done: AtomicU64,
    /// Worlds in all.
    pub worlds: AtomicU64,
    /// Latest simulated instant of any world [ms since the epoch].
    pub now_ms: AtomicU64,
}

/// Why a run fails.
#[derive(Debug, thiserror::Error)]
pub enum EngineError<E> {
    /// A variant cannot be made ready.
    #[error("variant `{variant}`")]
    Model {
        /// The variant.
        variant: String,
        /// What is wrong.
        source: Box<ModelError>,
    },
    /// Whoever takes the results failed.
    #[error("the results cannot be kept")]
    Sink(#[source] E),
    /// A thread of the engine came to an unexpected end.
    #[error("a thread of the engine came to an unexpected end; this is a defect")]
    Lost,
}

/// Makes every variant of a plan ready.
///
/// # Errors
/// When a file that a variant names is missing or wrong.
pub fn prepare<E>(plan: &Plan) -> Result<Vec<Arc<VariantModel>>, EngineError<E>> {
    let mut cells = Cells::default();
    let model = |v: &crate::scenario::PlannedVariant, cells: &mut Cells| {
        VariantModel::of(&v.name, &v.scenario, &plan.folder, cells)
            .map(Arc::new)
            .map_err(|source| EngineError::Model { variant: v.name.clone(), source: Box::new(source) })
    };
    plan.variants.iter().map(|v| model(v, &mut cells)).collect()
}

/// The zones of a world, in order.
pub(crate) fn zones(model: &VariantModel) -> Vec<Part> {
    let mut zones = Vec::new();
    for (network, file) in model.networks.iter().enumerate() {
        let first = zones.len();
        let districts = file.file.districts;
        zones.extend(
            (0..districts).map(|district| Part::Zone(ZonePart::District { network, district }, first)),
        );
    }
    for (group, file) in model.groups.iter().enumerate() {
        let count = file.file.count;
        if file.cells.is_some() {
            zones.extend((0..count).map(|number| Part::Cells { group, number }));
            continue;
        }
        for first in (0..count).step_by(PACKS_PER_ZONE as usize) {
            let end = count.min(first + PACKS_PER_ZONE);
            zones.push(Part::Zone(ZonePart::Packs { group, first, end }, 0));
        }
    }
    zones.extend(model.sites.parts());
    zones.extend((0..model.cleanups.len()).map(Part::Cleanup));
    zones
}

/// Runs every variant and replicate; `sink` is given the worlds in the plan's order, variants outermost.
///
/// # Errors
/// When a variant cannot be made ready or the sink fails.
pub fn run<E>(
    models: &[Arc<VariantModel>],
    replicates: u32,
    options: &Options,
    mut sink: impl FnMut(WorldRecord) -> Result<(), E>,
) -> Result<(), EngineError<E>> {
    let worlds: Vec<(usize, u32)> =
        (0..models.len()).flat_map(|v| (0..replicates).map(move |r| (v, r))).collect();
    let span_ms = |v: usize| (models[v].end - models[v].start) as u64;
    let progress = &options.progress;
    progress.total_ms.store(worlds.iter().map(|(v, _)| span_ms(*v)).sum(), Ordering::Relaxed);
    progress.worlds.store(worlds.len() as u64, Ordering::Relaxed);
    let jobs = options.jobs.max(1);
    // Zones of one world spread over threads only when there are fewer worlds than threads.
    let spread = worlds.len() < jobs;

    let system = actix_rt::System::new();
    system.block_on(async {
        let arbiters: Arc<Vec<actix_rt::Arbiter>> =
            Arc::new((0..jobs).map(|_| actix_rt::Arbiter::with_tokio_rt(bare_runtime)).collect());
        let (results, mut finished) = mpsc::channel::<(usize, Option<WorldRecord>)>(jobs);
        let mut waiting = BTreeMap::new();
        let (mut begun, mut delivered) = (0, 0);
        let mut idle: Vec<usize> = (0..jobs).rev().collect();
        let mut busy: BTreeMap<usize, usize> = BTreeMap::new();
        let outcome = loop {
            // A world that is far ahead of the one that is awaited would only fill memory.
            let stopped = options.stop.load(Ordering::Relaxed);
            while !stopped && begun < worlds.len() && begun < delivered + 2 * jobs {
                let Some(thread) = idle.pop() else { break };
                let (variant, replicate) = worlds[begun];
                let order = begun;
                let world = World {
                    model: models[variant].clone(),
                    variant,
                    replicate,
                    options: options.clone(),
                    arbiters: arbiters.clone(),
                    thread,
                    spread,
                };
                let results = results.clone();
                arbiters[thread].spawn(async move {
                    // Nobody listens any more only when the run has failed already.
                    let _ = results.send((order, world.run().await)).await;
                });
                busy.insert(order, thread);
                begun += 1;
            }
            if delivered == worlds.len() || (stopped && delivered == begun) {
                break Ok(());
            }
            let Some((order, Some(record))) = finished.recv().await else { break Err(EngineError::Lost) };
            progress.worlds_done.fetch_add(1, Ordering::Relaxed);
            idle.extend(busy.remove(&order));
            waiting.insert(order, record);
            while let Some(record) = waiting.remove(&delivered) {
                delivered += 1;
                if let Err(error) = sink(record) {
                    return Err(EngineError::Sink(error));
                }
            }
        };
        for arbiter in arbiters.iter() {
            arbiter.stop();
        }
        // Worlds that a stop kept from beginning are told as such.
        for (variant, replicate) in &worlds[begun..] {
            let ended_ms = models[*variant].start.0;
            let (variant, replicate) = (*variant, *replicate);
            let record =
                WorldRecord { variant, replicate, ended_ms, partial: true, ..WorldRecord::default() };
            sink(record).map_err(EngineError::Sink)?;
        }
        outcome
    })
}

/// A runtime for tasks alone: no world reads a socket or waits for a clock, so none asks the system for either.
fn bare_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("such a runtime needs nothing of the system")
}

/// What a zone is told to do.
enum Order {
    /// Take these in and run until then; answer with who left.
    Run { until: Time, incoming: Vec<Transfer>, done: oneshot::Sender<Vec<Transfer>> },
    /// Take these in and hand over what was recorded.
    Conclude { incoming: Vec<Transfer>, done: oneshot::Sender<Tally> },
}

/// One world of a run.
struct World {
    model: Arc<VariantModel>,
    variant: usize,
    replicate: u32,
    options: Options,
    arbiters: Arc<Vec<actix_rt::Arbiter>>,
    thread: usize,
    spread: bool,
}

impl World {
    /// Runs the world; `None` when a thread was lost.
    async fn run(self) -> Option<WorldRecord> {
        let parts = zones(&self.model);
        let seed = world_seed(&self.model, self.replicate);
        let mut zones = Vec::new();
        for (index, part) in parts.iter().copied().enumerate() {
            let (orders, inbox) = mpsc::channel(1);
            let thread = if self.spread { index % self.arbiters.len() } else { self.thread };
            let model = self.model.clone();
            self.arbiters[thread].spawn_fn(move || {
                actix_rt::spawn(serve_zone(model, part, seed, inbox));
            });
            zones.push(orders);
        }
        let mut now = self.model.start;
        let mut incoming: Vec<Vec<Transfer>> = zones.iter().map(|_| Vec::new()).collect();
        while now < self.model.end && !self.options.stop.load(Ordering::Relaxed) {
            let until = (now + WINDOW_MS).min(self.model.end);
            let mut answers = Vec::with_capacity(zones.len());
            for (zone, incoming) in zones.iter().zip(&mut incoming) {
                let (done, answer) = oneshot::channel();
                zone.send(Order::Run { until, incoming: std::mem::take(incoming), done }).await.ok()?;
                answers.push(answer);
            }
            for answer in answers {
                for transfer in answer.await.ok()? {
                    incoming[transfer.zone(&parts)].push(transfer);
                }
            }
            let progress = &self.options.progress;
            progress.done_ms.fetch_add((until - now) as u64, Ordering::Relaxed);
            progress.now_ms.fetch_max(until.0.max(0) as u64, Ordering::Relaxed);
            now = until;
        }
        let mut tallies = Vec::with_capacity(zones.len());
        for (zone, incoming) in zones.iter().zip(incoming) {
            let (done, answer) = oneshot::channel();
            zone.send(Order::Conclude { incoming, done }).await.ok()?;
            tallies.push(answer.await.ok()?);
        }
        Some(merge::merge(&self.model, self.variant, self.replicate, now, tallies))
    }
}

async fn serve_zone(model: Arc<VariantModel>, part: Part, seed: Seed, mut orders: mpsc::Receiver<Order>) {
    let mut zone = Place::set_up(model, part, seed, Actors::default(), Hosting::Actors).await;
    while let Some(order) = orders.recv().await {
        match order {
            Order::Run { until, incoming, done } => {
                incoming.into_iter().for_each(|transfer| zone.welcome(transfer));
                zone.run_until(until).await;
                // The world asks and waits; when it is gone, so is the run.
                let _ = done.send(zone.take_outgoing().await);
            }
            Order::Conclude { incoming, done } => {
                incoming.into_iter().for_each(|transfer| zone.welcome(transfer));
                let _ = done.send(zone.conclude().await);
                return;
            }
        }
    }
}

pub(crate) fn world_seed(model: &VariantModel, replicate: u32) -> Seed {
    model.seed.derive("replicate", u64::from(replicate))
}

/// Runs one world with the same zones and the same shells, but without any actor: to measure what actors cost,
/// and for tests that want no runtime.
pub fn run_direct(model: &Arc<VariantModel>, variant: usize, replicate: u32) -> WorldRecord {
    let seed = world_seed(model, replicate);
    let set_up = |part| at_once(Place::set_up(model.clone(), part, seed, Direct::default(), Hosting::Direct));
    let parts = zones(model);
    let mut zones: Vec<Place<Direct>> = parts.iter().copied().map(set_up).collect();
    let mut now = model.start;
    while now < model.end {
        let until = (now + WINDOW_MS).min(model.end);
        let mut moving = Vec::new();
        for zone in &mut zones {
            at_once(zone.run_until(until));
            moving.extend(at_once(zone.take_outgoing()));
        }
        for transfer in moving {
            zones[transfer.zone(&parts)].welcome(transfer);
        }
        now = until;
    }
    let tallies = zones.into_iter().map(|zone| at_once(zone.conclude())).collect();
    merge::merge(model, variant, replicate, now, tallies)
}

/// The value of a future that never waits.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("twins that are called directly answer at once"),
    }
}
