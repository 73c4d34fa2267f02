//! `celltide serve`: the platform with its doors, until somebody says stop.

use crate::failure::Failure;
use crate::output;
use crate::serve::anchor;
use crate::serve::config::Config;
use crate::serve::fleet;
use crate::serve::season::Season;
use broker::{Broker, BrokerError};
use host::dealership::Dealership;
use host::identity::{Identity, OsEntropy, Secret, check_password};
use host::passport::{Notices, Operations, Passports};
use host::plastic::Plastic;
use host::platform::clock::Clock;
use host::platform::door::Door;
use host::platform::{Options, Platform, PlatformDoor};
use host::store::{Control, LocalStore, Store, StoreError, folder_in};
use host::webhook::Webhooks;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Map, Value};
use sim::plant::Fleet;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use twin::live::alert::Rules;

/// How long requests under way and snapshots may take once somebody said stop; together within ten seconds.
const REQUESTS_END: Duration = Duration::from_secs(4);
const BROKER_END: Duration = Duration::from_secs(5);
/// How long runs may take to complete their files with what there is.
const RUNS_END: Duration = Duration::from_secs(4);

const SNAPSHOTS_END: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration; `celltide.toml` here, where there is one, when left out.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder; made where there is none.
    #[arg(long, value_name = "DIR", conflicts_with = "ephemeral")]
    data: Option<PathBuf>,
    /// Keeps all data in a temporary folder that goes with the process.
    #[arg(long)]
    ephemeral: bool,
    /// Where HTTP listens; port 0 asks for a free one.
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
    /// Where gRPC listens; port 0 asks for a free one.
    #[arg(long, value_name = "ADDR")]
    grpc: Option<SocketAddr>,
    /// Where MQTT listens; port 0 asks for a free one.
    #[arg(long, value_name = "ADDR")]
    mqtt: Option<SocketAddr>,
    /// A scenario whose packs, networks, cleanups and data centres become simulated devices, which report over MQTT as
    /// real ones would.
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Simulated seconds per second.
    #[arg(long, value_name = "X", requires = "scenario", default_value_t = 1.0)]
    speed: f64,
    /// The fleet's clock stands still until it is set going.
    #[arg(long, requires = "scenario")]
    paused: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut config = Config::load(args.config.as_deref(), std::env::vars())?;
    config.http.addr = args.http.unwrap_or(config.http.addr);
    config.grpc.addr = args.grpc.unwrap_or(config.grpc.addr);
    config.mqtt.listen = args.mqtt.unwrap_or(config.mqtt.listen);
    if let Some(data) = &args.data {
        config.data.dir.clone_from(data);
    }
    let rules = rules(&config)?;
    let simulated = args.scenario.as_deref().map(fleet::load).transpose()?;
    let clock = match &simulated {
        Some(fleet) => Clock::own(fleet.start, args.speed, args.paused)
            .map_err(|error| Failure::say(format_args!("--speed: {error}")))?,
        None => Clock::wall(),
    };
    log(&config)?;
    open_many();
    // What is wrong with these is said before anything is written.
    let calls = config.grpc.settings()?;
    let listener = listen("http.addr", config.http.addr)?;
    let for_grpc = listen("grpc.addr", config.grpc.addr)?;
    let password = std::env::var("CELLTIDE_ADMIN_PASSWORD").ok();
    let is_first = args.ephemeral || !folder_in(&config.data.dir).exists();
    if let Some(password) = password.as_ref().filter(|_| is_first) {
        check_password(password, "admin")
            .map_err(|error| Failure::say(format_args!("CELLTIDE_ADMIN_PASSWORD: {error}")))?;
    }
    // Goes with this function, whatever its end.
    let temporary = args.ephemeral.then(tempfile::tempdir).transpose().map_err(Failure::failed)?;
    if let Some(temporary) = &temporary {
        config.data.dir = temporary.path().to_owned();
    }
    std::fs::create_dir_all(&config.data.dir).map_err(|error| {
        let context = format!("cannot make the data folder {}", config.data.dir.display());
        Failure::Usage(anyhow::Error::new(error).context(context))
    })?;
    let folder = folder_in(&config.data.dir);
    let options =
        host::store::Options { cache_bytes: config.data.cache_mb << 20, ..host::store::Options::default() };
    let store = LocalStore::open(&folder, &options).map_err(|error| match error {
        error @ (StoreError::Busy { .. } | StoreError::FutureSchema { .. }) => Failure::usage(error),
        error => Failure::failed(error),
    })?;
    let control = Control::open(&store, &folder).map_err(Failure::failed)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)?;
    let served = runtime.block_on(serve(
        &config,
        store.clone(),
        rules,
        clock,
        (listener, for_grpc, calls),
        password,
        simulated,
    ));
    let closed = runtime.block_on(store.close()).map_err(Failure::failed);
    drop(control);
    runtime.shutdown_timeout(Duration::from_millis(500));
    served.and(closed)
}

/// A listener for one of the doors; `key` is what configuration calls its address.
fn listen(key: &str, address: SocketAddr) -> Result<std::net::TcpListener, Failure> {
    let listener = std::net::TcpListener::bind(address).map_err(|error| {
        Failure::Usage(anyhow::Error::new(error).context(format!("{key}: cannot listen on {address}")))
    })?;
    listener.set_nonblocking(true).map_err(Failure::failed)?;
    Ok(listener)
}

/// The rules of the configuration, or those that ship.
fn rules(config: &Config) -> Result<Rules, Failure> {
    let Some(file) = &config.alerts.rules else { return Ok(Rules::shipped()) };
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::Usage(
            anyhow::Error::new(error).context(format!("alerts.rules: cannot read {}", file.display())),
        )
    })?;
    Rules::read(&text).map_err(|error| {
        Failure::Usage(anyhow::Error::new(error).context(format!("alerts.rules: {}", file.display())))
    })
}

/// Logs go to stderr.
fn log(config: &Config) -> Result<(), Failure> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.level)
        .map_err(|error| Failure::say(format_args!("log.level: {error}")))?;
    let is_terminal = std::io::stderr().is_terminal();
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal).with_writer(std::io::stderr);
    // Only a test that runs this twice in a process would have set it before.
    let _ = if config.log.json { log.json().try_init() } else { log.try_init() };
    Ok(())
}

/// The one identity store; the first start makes the administrator.
/// Every connection is an open file: as many are allowed as the system would let this process ask for, and not only as
/// many as it gives at first.
fn open_many() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!(%error, ?current, "the limit of open files stays as it is");
    }
}

async fn identity(store: &Arc<dyn Store>, password: Option<String>) -> Result<Identity, Failure> {
    let now = Clock::wall().now();
    let settings = host::identity::Settings::default();
    let identity =
        Identity::open(store.clone(), settings, Arc::new(OsEntropy), now).await.map_err(Failure::failed)?;
    let first = identity.first_admin(password.map(Secret::new), now).await;
    let first = first.map_err(|error| Failure::say(format_args!("CELLTIDE_ADMIN_PASSWORD: {error}")))?;
    if let Some(password) = first.and_then(|first| first.password) {
        let password = password.reveal();
        output::note(format_args!(
            "the administrator is `admin`, with the password {password} (told this once)"
        ));
    }
    Ok(identity)
}

/// The webhooks of all families.
async fn webhooks(config: &Config, store: Arc<dyn Store>, platform: &Platform) -> Result<Webhooks, Failure> {
    let carrier = api::webhook::Carrier::new(config.webhooks.settings()).map_err(Failure::failed)?;
    let clock = platform.clock().clone();
    let settings = host::webhook::Settings::default();
    let webhooks = Webhooks::open(store, clock, Arc::new(OsEntropy), Arc::new(carrier), settings);
    webhooks.await.map_err(Failure::failed)
}

/// Plastic from the sea, and who is told of it.
async fn plastic(
    config: &Config,
    store: Arc<dyn Store>,
    platform: &Platform,
    identity: &Identity,
    webhooks: Webhooks,
) -> Result<Plastic, Failure> {
    let parts = host::plastic::Parts {
        platform: platform.clone(),
        identity: identity.clone(),
        webhooks,
        outside: Arc::new(api::OceanOutward),
        store,
        entropy: Arc::new(OsEntropy),
    };
    let silence_ms = (config.platform.silence_s * 1e3) as i64;
    let settings = host::plastic::Settings { silence_ms, ..host::plastic::Settings::default() };
    let plastic = Plastic::open(parts, settings).await.map_err(Failure::failed)?;
    plastic.watch().await.map_err(Failure::failed)?;
    Ok(plastic)
}

/// Once a minute: a new key where one is due, and the end of what is over.
async fn tend(identity: Identity) {
    loop {
        tokio::time::sleep(Duration::from_secs(60)).await;
        if let Err(error) = identity.tend(Clock::wall().now()).await {
            tracing::warn!(%error, "identities could not be tended; once more in a minute");
        }
    }
}

/// Ends when the doors are to close.
fn until_stopped(stopping: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + 'static {
    let mut ended = stopping.clone();
    async move { drop(ended.wait_for(|stopping| *stopping).await) }
}

async fn serve(
    config: &Config,
    store: LocalStore,
    rules: Rules,
    clock: Clock,
    (listener, for_grpc, calls): (std::net::TcpListener, std::net::TcpListener, api::grpc::Settings),
    password: Option<String>,
    simulated: Option<Fleet>,
) -> Result<(), Failure> {
    let mut signals = crate::interrupt::Signals::new().map_err(Failure::failed)?;
    let hardware = simulated.as_ref().map(fleet::simulated);
    let options = Options {
        threads: config.platform.threads,
        rules,
        clock: clock.clone(),
        silence_s: config.platform.silence_s,
        cabinet_silence_s: config.platform.cabinet_silence_s,
        commands_open_max: config.platform.commands_open_max,
        sleep_after: Duration::from_secs_f64(config.platform.sleep_after_s),
        awake_max: config.platform.awake_max,
        simulated: hardware.clone(),
    };
    let store: Arc<dyn Store> = Arc::new(store);
    let identity = identity(&store, password).await?;
    let runs = sim::runs::Runs::open(store.clone(), config.runs.runs(config.data.dir.join("runs")));
    let runs = runs.await.map_err(Failure::failed)?;
    let sessions = sim::sessions::Sessions::start(config.runs.sessions());
    let anchoring = anchor::start(&config.anchor, &store)?;
    let platform = Platform::start(store.clone(), options).await.map_err(Failure::failed)?;
    let webhooks = webhooks(config, store.clone(), &platform).await?;
    let plastic = plastic(config, store, &platform, &identity, webhooks.clone()).await?;
    let passports = Passports::new(platform.clone());
    let operations = Operations::open(Notices::open(passports, webhooks, Arc::new(api::PassportOutward)));

    let (stop, stopping) = watch::channel(false);
    let patience = Duration::from_secs_f64(config.http.timeout_s);
    let settings = api::Settings {
        body_max_bytes: config.http.body_max_bytes,
        timeout: patience,
        cors_origins: config.http.cors_origins.clone(),
        management_per_hour: config.limits.management_per_hour,
        rul_per_minute: config.limits.rul_per_minute,
        rul_logins_per_minute: config.limits.rul_logins_per_minute,
        passport_per_minute: config.limits.passport_per_minute,
        public_url: config.http.public_url.clone(),
        dealer_per_minute: config.limits.dealer_per_minute,
        dealer_logins_per_minute: config.limits.dealer_logins_per_minute,
        dealer_uploads_per_minute: config.limits.dealer_uploads_per_minute,
        dealer_trials: config.dealer.test_endpoints,
        ocean: config.ocean.settings(),
    };
    let listener = TcpListener::from_std(listener).map_err(Failure::failed)?;
    let address = listener.local_addr().map_err(Failure::failed)?;
    let app = api::App::new(platform.clone(), identity.clone(), settings, stopping.clone());
    let broker_at = app.broker();
    let mut app = app.with_studio(runs.clone(), sessions).with_plastic(plastic.clone());
    app = app.with_operations(operations);
    if let Some(anchoring) = &anchoring {
        app = app.with_chain(api::Chain { id: anchoring.chain_id, sender: anchoring.sender.clone() });
    }
    let dealership = Dealership::open(
        platform.clone(),
        identity.clone(),
        config.dealer.settings(),
        config.dealer.gateways()?,
    );
    let dealership = dealership.await.map_err(Failure::failed)?;
    let selling = tokio::spawn(dealership.clone().look_after());
    app = app.with_dealership(dealership);
    let for_grpc = TcpListener::from_std(for_grpc).map_err(Failure::failed)?;
    let grpc_address = for_grpc.local_addr().map_err(Failure::failed)?;
    let grpc = tokio::spawn(api::grpc::serve(for_grpc, app.clone(), calls, until_stopped(&stopping)));
    let router = api::router(app);
    let http = tokio::spawn(api::serve(listener, router, patience, until_stopped(&stopping)));
    let door: Arc<dyn Door> = Arc::new(PlatformDoor::new(platform.clone(), identity.clone()));
    let told = clock.clone();
    let broker = Broker::start_with_clock(config.mqtt.clone(), door, Arc::new(move || told.now())).await;
    let broker = broker.map_err(|error| match error {
        error @ BrokerError::Listen { .. } => {
            Failure::Usage(anyhow::Error::new(error).context(format!("mqtt.addr: {}", config.mqtt.listen)))
        }
        error => Failure::usage(error),
    })?;
    let _ = broker_at.set(broker.address);
    let devices = match simulated {
        Some(fleet) => {
            fleet::register(&fleet, &platform).await?;
            let secrets = fleet::enrol(&fleet, &identity).await?;
            let hardware = hardware.unwrap_or_default();
            let season = match &fleet.world {
                Some(world) => Season::begin(world, &plastic).await?,
                None => None,
            };
            let interval_s = config.fleet.interval_s;
            Some(fleet::start(fleet, &clock, hardware, broker.address, &secrets, interval_s, season))
        }
        None => None,
    };

    let mut line = Map::new();
    line.insert("http".to_owned(), Value::String(address.to_string()));
    line.insert("grpc".to_owned(), Value::String(grpc_address.to_string()));
    line.insert("mqtt".to_owned(), Value::String(broker.address.to_string()));
    output::print(format_args!("{}\n", Value::Object(line)))?;

    let tending = tokio::spawn(tend(identity));
    signals.next().await;
    tending.abort();
    selling.abort();
    tracing::info!("stopping");
    stop.send_replace(true);
    drop(devices);
    drop(anchoring);
    let (ended, called, heard, ()) = tokio::join!(
        tokio::time::timeout(REQUESTS_END, http),
        tokio::time::timeout(REQUESTS_END, grpc),
        tokio::time::timeout(BROKER_END, broker.shutdown()),
        runs.stop(RUNS_END),
    );
    if heard.is_err() {
        tracing::warn!("the broker did not end in time; what it had not acknowledged was promised to nobody");
    }
    platform.stop(SNAPSHOTS_END).await;
    match (ended, called) {
        (Ok(Ok(Err(error))), _) => Err(Failure::failed(error)),
        (_, Ok(Ok(Err(error)))) => Err(Failure::failed(error)),
        // Requests that did not end were not answered, so nothing was promised.
        _ => Ok(()),
    }
}
