//! The server: routes, what lies around every request, and how it ends.

use crate::problem::Problem;
use crate::{
    body, dealer, docs, edge, health, identity, live, management, measure, ocean, passport, rul, twins,
};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware;
use axum::routing::get;
use host::dealership::Dealership;
use host::identity::Identity;
use host::passport::{Operations, Passports};
use host::plastic::Plastic;
use host::platform::clock::Clock;
use host::platform::{ErrorKind, Platform};
use metrics_exporter_prometheus::PrometheusHandle;
use sim::runs::Runs;
use sim::sessions::Sessions;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

/// How the server is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Longest body in bytes.
    pub body_max_bytes: usize,
    /// Longest time that a request may take; streams are no requests.
    pub timeout: Duration,
    /// Origins whose pages may ask, as `https://fleet.example`; `*` for all.
    pub cors_origins: Vec<String>,
    /// Requests an hour to the battery management family per caller; 0 for any number.
    pub management_per_hour: u32,
    /// Requests a minute to the RUL family per caller; 0 for any number.
    pub rul_per_minute: u32,
    /// Logins a minute to the RUL family per address; 0 for any number.
    pub rul_logins_per_minute: u32,
    /// Requests a minute to the battery passport family per caller, or per address where nobody is known; 0 for any
    /// number.
    pub passport_per_minute: u32,
    /// Where this platform is found from outside, as `https://passports.example`: what stands in codes and tags. The
    /// address that a caller used, where nothing is said.
    pub public_url: Option<String>,
    /// Requests a minute to the dealer family per caller; 0 for any number.
    pub dealer_per_minute: u32,
    /// Logins a minute to the dealer family per address; 0 for any number.
    pub dealer_logins_per_minute: u32,
    /// Documents a minute that a caller hands to the dealer family; 0 for any number.
    pub dealer_uploads_per_minute: u32,
    /// Whether the dealer family has operations for trying it out.
    pub dealer_trials: bool,
    /// The ocean plastic family.
    pub ocean: ocean::Settings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_max_bytes: 8 << 20,
            timeout: Duration::from_secs(30),
            cors_origins: Vec::new(),
            management_per_hour: 1_000,
            // The family's document has none, and only recommends some.
            rul_per_minute: 0,
            rul_logins_per_minute: 0,
            passport_per_minute: 600,
            public_url: None,
            dealer_per_minute: 100,
            dealer_logins_per_minute: 5,
            dealer_uploads_per_minute: 10,
            dealer_trials: false,
            ocean: ocean::Settings::default(),
        }
    }
}

impl Settings {
    /// Which pages may ask: those of some origins, with any header, and without cookies.
    fn cors(&self) -> CorsLayer {
        let origins: Vec<HeaderValue> =
            self.cors_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
        let origins = if origins.iter().any(|origin| origin == "*") {
            AllowOrigin::any()
        } else {
            AllowOrigin::list(origins)
        };
        let exposed = ["etag", "location", "retry-after", "x-request-id", "x-ratelimit-remaining"];
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed.map(HeaderName::from_static))
            .max_age(Duration::from_secs(600))
    }
}

/// Where simulations are run that are not of the live platform.
#[derive(Debug, Clone)]
pub(crate) struct Studio {
    runs: Runs,
    sessions: Sessions,
}

fn no_studio() -> Problem {
    Problem::new(ErrorKind::Unavailable, "nothing is simulated here")
}

/// A chain that roots of the journal are brought onto.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Its number.
    pub id: u64,
    /// The account that pays.
    pub sender: String,
}

/// What handlers share. Every request clones it some times, which costs one count.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What is in it.
#[derive(Clone)]
pub struct Shared {
    pub(crate) platform: Platform,
    pub(crate) identity: Identity,
    pub(crate) passports: Passports,
    /// Credentials end by real time, whatever a fleet's clock says.
    pub(crate) wall: Clock,
    pub(crate) metrics: Option<PrometheusHandle>,
    pub(crate) settings: Settings,
    /// What-if runs and sessions, where there are any.
    pub(crate) studio: Option<Studio>,
    /// The chain that roots are anchored on, where there is one.
    pub(crate) chain: Option<Chain>,
    /// Batteries on instalments, where there are any.
    pub(crate) dealership: Option<Dealership>,
    /// Plastic from the sea, where there is any.
    pub(crate) plastic: Option<Plastic>,
    /// What takes its time, and who is told of batteries, where anything is kept of that.
    pub(crate) operations: Option<Operations>,
    /// Turns true when the server is going down: streams end.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Where the broker listens, as soon as it does.
    pub(crate) broker: Arc<OnceLock<SocketAddr>>,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl App {
    /// The platform behind doors; `stopping` turns true when they are to close.
    pub fn new(
        platform: Platform,
        identity: Identity,
        settings: Settings,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (wall, metrics) = (Clock::wall(), measure::recorder());
        let passports = Passports::new(platform.clone());
        let broker = Arc::default();
        let (studio, chain, dealership, plastic, operations) = (None, None, None, None, None);
        Self(Arc::new(Shared {
            platform,
            identity,
            passports,
            wall,
            metrics,
            settings,
            studio,
            chain,
            dealership,
            plastic,
            operations,
            stopping,
            broker,
        }))
    }

    /// To be told where the broker listens; whether it can be reached is part of being ready then.
    pub fn broker(&self) -> Arc<OnceLock<SocketAddr>> {
        self.broker.clone()
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// The same with what-if runs and sessions.
    #[must_use]
    pub fn with_studio(self, runs: Runs, sessions: Sessions) -> Self {
        self.with(|shared| shared.studio = Some(Studio { runs, sessions }))
    }

    /// The same with roots anchored on a chain.
    #[must_use]
    pub fn with_chain(self, chain: Chain) -> Self {
        self.with(|shared| shared.chain = Some(chain))
    }

    /// The same with batteries on instalments.
    #[must_use]
    pub fn with_dealership(self, dealership: Dealership) -> Self {
        self.with(|shared| shared.dealership = Some(dealership))
    }

    /// Batteries on instalments.
    pub(crate) fn dealership(&self) -> Result<&Dealership, Problem> {
        let none = || Problem::new(ErrorKind::Unavailable, "nothing is sold on instalments here");
        self.dealership.as_ref().ok_or_else(none)
    }

    /// The same with plastic from the sea.
    #[must_use]
    pub fn with_plastic(self, plastic: Plastic) -> Self {
        self.with(|shared| shared.plastic = Some(plastic))
    }

    /// Plastic from the sea.
    pub(crate) fn plastic(&self) -> Result<&Plastic, Problem> {
        let absent = || Problem::new(ErrorKind::Unavailable, "nothing is known of plastic here");
        self.plastic.as_ref().ok_or_else(absent)
    }

    /// The same with operations on passports that take their time, and webhooks that are told of batteries.
    #[must_use]
    pub fn with_operations(self, operations: Operations) -> Self {
        self.with(|shared| {
            shared.passports = operations.notices().passports().clone();
            shared.operations = Some(operations);
        })
    }

    /// Operations on passports that take their time.
    pub(crate) fn operations(&self) -> Result<&Operations, Problem> {
        let absent = || Problem::new(ErrorKind::Unavailable, "nothing is done later here");
        self.operations.as_ref().ok_or_else(absent)
    }

    /// The same, where the next change of a passport is a step of an operation.
    pub(crate) fn at_step(&self, step: &str) -> Self {
        let passports = self.passports.at_step(step);
        self.clone().with(|shared| shared.passports = passports)
    }

    /// What-if runs.
    pub(crate) fn runs(&self) -> Result<&Runs, Problem> {
        self.studio.as_ref().map(|studio| &studio.runs).ok_or_else(no_studio)
    }

    /// Simulations that are stepped by hand.
    pub(crate) fn sessions(&self) -> Result<&Sessions, Problem> {
        self.studio.as_ref().map(|studio| &studio.sessions).ok_or_else(no_studio)
    }
}

/// All routes. Within a tokio runtime.
pub fn router(app: App) -> Router {
    let (native, native_document) = twins::routes();
    let native = edge::done_once(native.method_not_allowed_fallback(body::not_so), &app);
    let timeout = TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, app.settings.timeout);
    let answered = Router::new()
        .nest("/twins/v1", native)
        .route("/health", get(health::health_view))
        .route("/health/ready", get(health::ready_view))
        .route("/metrics", get(measure::metrics_view))
        .route("/passport/{passportId}", get(passport::public::passport_page))
        .route("/01/{gtin}/21/{serial}", get(passport::public::trade_item_page))
        .method_not_allowed_fallback(body::not_so)
        .fallback(body::nowhere)
        .layer(timeout);
    let wall = app.wall.clone();
    let doors = identity::Doors::new(app.identity.clone(), move || wall.now(), None);
    let streams = Router::new()
        .nest("/twins/v1", live::routes().split_for_parts().0)
        .route("/battery-passport/v1/stream", get(passport::stream::stream_socket));
    let id = HeaderName::from_static("x-request-id");
    let (management, management_document) = management::family(&app);
    let (rul, rul_document) = rul::family(&app);
    let (passports, passport_document) = passport::family(&app);
    let (dealer, dealer_document) = dealer::family(&app);
    let ocean = ocean::family(&app);
    let documents = vec![
        ("dealer", dealer_document),
        ("management", management_document),
        ("ocean", ocean.document),
        ("passport", passport_document),
        ("rul", rul_document),
        ("twins", native_document),
    ];
    let described = docs::routes(&app, documents);
    // One layer of layers, the outermost first: each `Router::layer` would be cloned, and all below it, with each request.
    let around = ServiceBuilder::new()
        .layer(SetRequestIdLayer::new(id.clone(), MakeRequestUuid))
        .layer(TraceLayer::new_for_http().make_span_with(spanned))
        .layer(PropagateRequestIdLayer::new(id))
        .layer(app.settings.cors())
        .layer(said(header::CACHE_CONTROL, "no-store"))
        .layer(said(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .layer(said(header::X_FRAME_OPTIONS, "DENY"))
        .layer(said(header::REFERRER_POLICY, "no-referrer"))
        .layer(said(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(CompressionLayer::new().gzip(true))
        .layer(DefaultBodyLimit::max(app.settings.body_max_bytes))
        .layer(middleware::from_fn(body::worded))
        .layer(CatchPanicLayer::new())
        .map_request(rul::live::own_head)
        .layer(rul::live::layer(&app))
        .layer(middleware::from_fn(measure::count));
    answered
        .nest("/v1", management.merge(ocean.alias))
        .nest("/ocean-plastic-track/v1", ocean.router)
        .merge(ocean.root)
        .nest("/api/v1", rul)
        .nest("/battery-passport/v1", passports)
        .nest("/api", dealer)
        .merge(described)
        .merge(identity::routes(doors).with_state::<App>(()))
        .merge(streams)
        .layer(around)
        .with_state(app)
}

/// What the log calls a request by: its path, and not what is asked for there, which may be a telephone number.
fn spanned(request: &Request) -> tracing::Span {
    tracing::debug_span!(
        "request", method = %request.method(), path = request.uri().path(), version = ?request.version()
    )
}

/// A header that every answer has which does not say otherwise.
fn said(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
