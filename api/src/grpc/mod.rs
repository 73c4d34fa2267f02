//! gRPC: the live twins, what-if runs, and simulations that are stepped by hand.
//!
//! ```text
//!  call ──► metadata: the credentials of HTTP ──► Caller ──► what the handlers of HTTP call ──► message
//!       ◄── status: the code of the refusal's kind, the wrong field as metadata `field` ◄───────┘
//! ```
//!
//! The interface is described in `proto/celltide/v1`. Reflection and health answer without credentials.

mod convert;
mod outlet;
mod runs;
mod simulation;
mod twins;

use crate::caller::Caller;
use crate::live::stopped;
use crate::problem::Problem;
use crate::server::App;
use crate::shown::Shown;
use proto::run_service_server::RunServiceServer;
use proto::simulation_service_server::SimulationServiceServer;
use proto::twin_service_server::TwinServiceServer;
use std::fmt;
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Status};

/// What `proto/celltide/v1` describes, in Rust.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::unwrap_used, reason = "generated")]
pub mod proto {
    tonic::include_proto!("celltide.v1");

    /// The interface as reflection hands it out.
    pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/celltide.v1.bin"));
}

/// How long a quiet connection is left alone before it is tried, and how long it may take to answer.
const KEEPALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Calls of one connection at once.
const STREAMS_MAX: u32 = 256;
/// Longest list of headers of a call [bytes].
const HEADERS_MAX_BYTES: u32 = 16 << 10;
/// How often it is looked whether the platform works.
const LOOK: Duration = Duration::from_secs(5);

/// How the gRPC server is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Longest message that is taken, in bytes.
    pub message_max_bytes: usize,
    /// What it shows who it is with; without, it speaks in clear text.
    pub tls: Option<Tls>,
}

/// A certificate with all that it rests on, and its key; both as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain.
    pub certificate: Vec<u8>,
    /// The key.
    pub key: Vec<u8>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Settings {
    /// A server that is set up so.
    fn server(&self) -> Result<Server, tonic::transport::Error> {
        let server = Server::builder();
        let server = match &self.tls {
            Some(Tls { certificate, key }) => {
                let identity = Identity::from_pem(certificate, key);
                server.tls_config(ServerTlsConfig::new().identity(identity))?
            }
            None => server,
        };
        Ok(server
            .http2_keepalive_interval(Some(KEEPALIVE.0))
            .http2_keepalive_timeout(Some(KEEPALIVE.1))
            .http2_max_header_list_size(HEADERS_MAX_BYTES)
            .max_concurrent_streams(STREAMS_MAX))
    }

    /// Whether certificate and key are ones, and go together.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> Result<(), GrpcError> {
        Ok(self.server().map(drop)?)
    }
}

/// Why the gRPC server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// The description of the interface cannot be read, which would be a defect.
    #[error("the description of the interface cannot be read")]
    Description(#[from] tonic_reflection::server::Error),
    /// The listener failed.
    #[error("gRPC ended")]
    Transport(#[from] tonic::transport::Error),
}

/// Serves until `stop` comes; calls that are under way are answered first, streams end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    app: App,
    settings: Settings,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), GrpcError> {
    let described = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut server = settings.server()?;
    let (reporter, health) = tonic_health::server::health_reporter();
    let looking = tokio::spawn(look(reporter, app.clone()));
    let most = settings.message_max_bytes;
    let door = Door(app);
    let served = server
        .add_service(health)
        .add_service(described().build_v1()?)
        .add_service(described().build_v1alpha()?)
        .add_service(TwinServiceServer::new(door.clone()).max_decoding_message_size(most))
        .add_service(RunServiceServer::new(door.clone()).max_decoding_message_size(most))
        .add_service(SimulationServiceServer::new(door).max_decoding_message_size(most))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stop)
        .await;
    looking.abort();
    Ok(served?)
}

/// Keeps health true: serving while the store takes and gives, not serving once the server goes down.
async fn look(reporter: tonic_health::server::HealthReporter, app: App) {
    use tonic_health::ServingStatus::{NotServing, Serving};
    let mut stopping = app.stopping.clone();
    loop {
        let goes_down = *stopping.borrow();
        let status = if !goes_down && app.platform.check().await.is_ok() { Serving } else { NotServing };
        for name in ["", "celltide.v1.TwinService", "celltide.v1.RunService", "celltide.v1.SimulationService"]
        {
            reporter.set_service_status(name, status).await;
        }
        if goes_down {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stopped(&mut stopping) => {}
        }
    }
}

/// What the services share.
#[derive(Clone)]
struct Door(App);

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl Door {
    /// Who calls. What is read of the request is read at once: its messages may not be shared between threads.
    fn caller<T>(&self, request: &Request<T>) -> impl Future<Output = Result<Caller, Status>> + Send {
        metrics::counter!("celltide_grpc_calls_total").increment(1);
        let metadata = request.metadata().clone();
        let address = request.remote_addr();
        let source = address.map_or_else(|| "grpc".to_owned(), |address| address.ip().to_string());
        let app = self.0.clone();
        async move { Ok(app.who(Shown::in_metadata(&metadata), &source).await?) }
    }
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let mut status = Self::new(problem.grpc_code(), problem.detail());
        if let Some(field) = problem.field().and_then(|field| field.parse().ok()) {
            status.metadata_mut().insert("field", field);
        }
        status
    }
}
