//! A client: thin and typed, over HTTP and gRPC, with the same credentials for both.
//!
//! ```no_run
//! # async fn example() -> Result<(), api::client::ClientError> {
//! use api::client::{Client, Credentials, Submit};
//!
//! let shown = Credentials::Basic { name: "admin".to_owned(), password: "a long password".to_owned() };
//! let client = Client::new("http://127.0.0.1:8080", shown.clone());
//! let run = client.run_submit(&Submit::of("name: …")).await?;
//! let grpc = api::client::Grpc::connect("http://127.0.0.1:50051", &shown).await?;
//! # drop((run, grpc));
//! # Ok(())
//! # }
//! ```
//!
//! It speaks plain HTTP; where the platform stands behind a proxy with TLS, another client is needed.

use crate::grpc::proto::run_service_client::RunServiceClient;
use crate::grpc::proto::simulation_service_client::SimulationServiceClient;
use crate::grpc::proto::twin_service_client::TwinServiceClient;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sim::runs::State;
use std::collections::BTreeMap;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Longest message that is taken, in bytes.
const MESSAGE_MAX_BYTES: usize = 64 << 20;

/// What is shown with every call.
#[derive(Clone)]
pub enum Credentials {
    /// Name and password of a user.
    Basic {
        /// Name.
        name: String,
        /// Password.
        password: String,
    },
    /// An access token.
    Bearer(String),
    /// An API key.
    ApiKey(String),
    /// A device's token.
    DeviceToken(String),
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// The value of `authorization`.
    fn header(&self) -> String {
        match self {
            Self::Basic { name, password } => {
                format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
            }
            Self::Bearer(token) => format!("Bearer {token}"),
            Self::ApiKey(key) => format!("ApiKey {key}"),
            Self::DeviceToken(token) => format!("DeviceToken {token}"),
        }
    }
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The platform refuses.
    #[error("{status}: {detail}")]
    Refused {
        /// Status.
        status: StatusCode,
        /// The field that is wrong, where it is one.
        field: Option<String>,
        /// Why, for people.
        detail: String,
    },
    /// It could not be reached, or its answer not be read.
    #[error("the platform cannot be spoken to")]
    Http(#[from] reqwest::Error),
    /// gRPC could not be connected.
    #[error("the platform cannot be connected over gRPC")]
    Grpc(#[from] tonic::transport::Error),
    /// Credentials that no header can carry.
    #[error("credentials with characters that no header carries")]
    Credentials,
}

/// The native interface over HTTP.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    credentials: Option<Credentials>,
}

/// What is to be run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Submit {
    /// The scenario, YAML or JSON.
    pub scenario: String,
    /// Values by path that replace those of the scenario.
    pub set: BTreeMap<String, Value>,
    /// Seed in place of the scenario's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Repetitions in place of the scenario's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicates: Option<u32>,
    /// Span in place of the scenario's [days].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub horizon_days: Option<f64>,
}

impl Submit {
    /// A scenario as it is.
    pub fn of(scenario: impl Into<String>) -> Self {
        Self { scenario: scenario.into(), ..Self::default() }
    }
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Progress {
    /// Share that is done, 0 to 1.
    pub share: f64,
    /// Latest simulated instant.
    pub simulated_at: Option<String>,
    /// Simulated days per second.
    pub speed_days_per_s: f64,
    /// Time that is left [s].
    pub left_s: Option<f64>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Run {
    /// Its name.
    pub id: String,
    /// The scenario's name.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// Whether it was asked to end and has not yet.
    pub cancelling: bool,
    /// Whether its results end before the planned end.
    pub partial: bool,
    /// Names of the files that it left.
    pub results: Vec<String>,
    /// Why it failed, or ended early.
    pub reason: Option<String>,
    /// How far it is, while it is simulated.
    pub progress: Option<Progress>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page<T> {
    /// What is in it.
    pub items: Vec<T>,
    /// Where to go on.
    pub next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    detail: Option<String>,
    field: Option<String>,
}

/// What speaks HTTP, with or without TLS. The cryptography under TLS is the process's; the first who needs it chooses.
pub fn http_client() -> reqwest::Client {
    with_cryptography();
    reqwest::Client::new()
}

/// The same, to be set up further.
pub(crate) fn http_client_builder() -> reqwest::ClientBuilder {
    with_cryptography();
    reqwest::Client::builder()
}

fn with_cryptography() {
    // Whoever was quicker chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The same, to be made as somebody needs it.
pub(crate) fn http_builder() -> reqwest::ClientBuilder {
    // Whoever was quicker chose the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

impl Client {
    /// A client of the platform at `http://…`.
    pub fn new(base: impl Into<String>, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..Self::stranger(base) }
    }

    /// One without credentials.
    pub fn stranger(base: impl Into<String>) -> Self {
        Self { http: http_client(), base: base.into(), credentials: None }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/twins/v1{path}", self.base));
        match &self.credentials {
            Some(credentials) => request.header("authorization", credentials.header()),
            None => request,
        }
    }

    async fn answer(request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await?;
        let (field, detail) = match serde_json::from_str::<Problem>(&text) {
            Ok(Problem { detail, field }) => (field, detail.unwrap_or_default()),
            Err(_) => (None, text),
        };
        Err(ClientError::Refused { status, field, detail })
    }

    async fn json<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, ClientError> {
        Ok(Self::answer(request).await?.json().await?)
    }

    /// Anything of the native interface, `path` below `/twins/v1`.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, ClientError> {
        let request = self.request(method, path);
        Self::json(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// Submits a run.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn run_submit(&self, submit: &Submit) -> Result<Run, ClientError> {
        Self::json(self.request(Method::POST, "/runs").json(submit)).await
    }

    /// One run.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn run(&self, id: &str) -> Result<Run, ClientError> {
        Self::json(self.request(Method::GET, &format!("/runs/{id}"))).await
    }

    /// The newest runs.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn runs(&self) -> Result<Page<Run>, ClientError> {
        Self::json(self.request(Method::GET, "/runs")).await
    }

    /// Ends a run early.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn run_cancel(&self, id: &str) -> Result<Run, ClientError> {
        Self::json(self.request(Method::DELETE, &format!("/runs/{id}"))).await
    }

    /// Deletes a run that ended.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn run_forget(&self, id: &str) -> Result<(), ClientError> {
        Self::answer(self.request(Method::DELETE, &format!("/runs/{id}?forget=true"))).await.map(drop)
    }

    /// The summary of a run.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn run_summary(&self, id: &str) -> Result<Value, ClientError> {
        Self::json(self.request(Method::GET, &format!("/runs/{id}/results"))).await
    }

    /// A file of a run's results.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub async fn run_file(&self, id: &str, file: &str) -> Result<Bytes, ClientError> {
        let request = self.request(Method::GET, &format!("/runs/{id}/results/{file}"));
        Ok(Self::answer(request).await?.bytes().await?)
    }
}

/// Shows credentials with every call.
#[derive(Debug, Clone)]
pub struct Shows(Option<MetadataValue<Ascii>>);

impl Interceptor for Shows {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(header) = &self.0 {
            request.metadata_mut().insert("authorization", header.clone());
        }
        Ok(request)
    }
}

/// A connection that shows credentials.
type Known = InterceptedService<Channel, Shows>;

/// The services over gRPC.
#[derive(Debug, Clone)]
pub struct Grpc {
    /// The live twins.
    pub twins: TwinServiceClient<Known>,
    /// What-if runs.
    pub runs: RunServiceClient<Known>,
    /// Simulations that are stepped by hand.
    pub simulation: SimulationServiceClient<Known>,
}

impl Grpc {
    /// Connects to `http://…`.
    ///
    /// # Errors
    /// When nobody is there, or the credentials cannot be sent.
    pub async fn connect(address: &str, credentials: &Credentials) -> Result<Self, ClientError> {
        let header = credentials.header().parse().map_err(|_| ClientError::Credentials)?;
        Self::with(address, Shows(Some(header))).await
    }

    /// Connects without credentials.
    ///
    /// # Errors
    /// When nobody is there.
    pub async fn stranger(address: &str) -> Result<Self, ClientError> {
        Self::with(address, Shows(None)).await
    }

    async fn with(address: &str, shows: Shows) -> Result<Self, ClientError> {
        let channel = Endpoint::from_shared(address.to_owned())?.connect().await?;
        let most = MESSAGE_MAX_BYTES;
        Ok(Self {
            twins: TwinServiceClient::with_interceptor(channel.clone(), shows.clone())
                .max_decoding_message_size(most),
            runs: RunServiceClient::with_interceptor(channel.clone(), shows.clone())
                .max_decoding_message_size(most),
            simulation: SimulationServiceClient::with_interceptor(channel, shows)
                .max_decoding_message_size(most),
        })
    }
}
