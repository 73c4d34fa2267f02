//! The embedded broker: a listener that speaks MQTT 3.1.1, plain or over TLS.
//!
//! ```text
//! listener ─► connection (a task each) ─► intake ─► door
//!                  ▲        │
//!                  │        ▼
//!                 hub: sessions, retained, audience (rumqttd's router) ◄── orders
//! ```

mod audience;
mod codec;
mod connection;
mod greeting;
mod hub;
mod outbox;
mod pace;

use crate::config::{self, Clock, Config, ConfigError, span};
use crate::intake::Intake;
use crate::mapping::Rules;
use crate::sparkplug::Nodes;
use host::platform::door::Door;
use hub::Hub;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// Starts brokers.
#[derive(Debug, Clone, Copy)]
pub struct Broker;

/// Why the broker cannot start.
#[derive(Debug, Error)]
pub enum BrokerError {
    /// A setting cannot be.
    #[error("mqtt: {0}")]
    Config(#[from] ConfigError),
    /// It cannot listen there.
    #[error("mqtt cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Certificate or key cannot be used.
    #[error("mqtt: {what} cannot be used: {reason}")]
    Tls {
        /// Which file, or both together.
        what: String,
        /// Why.
        reason: String,
    },
}

/// A broker that runs until it is shut down or dropped.
pub struct Running {
    /// Where it listens, with the real port.
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

/// What all connections share.
struct Shared {
    config: Config,
    intake: Intake,
    hub: Arc<Hub>,
    /// For clients that leave their name to the broker.
    named: AtomicU64,
    stop: watch::Receiver<bool>,
}

impl Broker {
    /// Starts a broker that dates what arrives by the wall clock.
    ///
    /// # Errors
    /// When a setting is wrong or it cannot listen.
    pub async fn start(config: Config, door: Arc<dyn Door>) -> Result<Running, BrokerError> {
        Self::start_with_clock(config, door, config::wall_clock()).await
    }

    /// Starts a broker that dates what arrives by a clock of the caller's.
    ///
    /// # Errors
    /// When a setting is wrong or it cannot listen.
    pub async fn start_with_clock(
        config: Config,
        door: Arc<dyn Door>,
        clock: Clock,
    ) -> Result<Running, BrokerError> {
        config.check()?;
        let rules = Rules::new(&config.mapping).map_err(ConfigError::from)?;
        let sparkplug = match config.sparkplug.enabled {
            true => Some(Nodes::new(config.sparkplug.clone())?),
            false => None,
        };
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let listen_error = |source| BrokerError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(listen_error)?;
        let address = listener.local_addr().map_err(listen_error)?;
        let (stop, stopped) = watch::channel(false);
        let hub = Arc::new(Hub::new(config.sessions_max, config.queue_max));
        let orders = door.orders();
        let intake = Intake::new(door, config.limits(), rules, sparkplug, clock);
        let shared = Arc::new(Shared { config, intake, hub, named: AtomicU64::new(1), stop: stopped });
        let task = tokio::spawn(run(listener, tls, shared, orders));
        tracing::info!(%address, "mqtt listens");
        Ok(Running { address, stop, task: Some(task) })
    }
}

impl Running {
    /// Stops: no new connections, nothing more is read, what was heard becomes durable and is acknowledged, all
    /// tasks end.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "mqtt did not stop cleanly");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Reads certificate and key.
fn acceptor(tls: &crate::Tls) -> Result<TlsAcceptor, BrokerError> {
    let wrong = |what: &std::path::Path, reason: String| BrokerError::Tls {
        what: what.display().to_string(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| wrong(&tls.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| wrong(&tls.key, error.to_string()))?;
    let together = |error: rustls::Error| BrokerError::Tls {
        what: "certificate and key".into(),
        reason: error.to_string(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(together)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(together)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Accepts connections and sends orders until it is told to stop.
async fn run(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    orders: broadcast::Receiver<host::platform::door::Order>,
) {
    let mut stop = shared.stop.clone();
    let counters = &shared.intake.counters;
    let sender = tokio::spawn(send_orders(shared.clone(), orders));
    let mut connections = JoinSet::new();
    let mut rest = false;
    loop {
        if std::mem::take(&mut rest) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(ended) = connections.join_next() => {
                counters.connections.decrement(1.0);
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok(_) if connections.len() >= shared.config.connections_max => counters.closed("connections_max"),
                Ok((stream, peer)) => {
                    counters.accepted.increment(1);
                    counters.connections.increment(1.0);
                    connections.spawn(serve(stream, peer, tls.clone(), shared.clone()));
                }
                Err(error) => {
                    // Out of descriptors most likely: give those who are there a moment to leave.
                    tracing::warn!(%error, "a connection could not be accepted");
                    rest = true;
                }
            }
        }
    }
    drop(listener);
    // As long as connections take at most, and a moment more, should one hang.
    let patience = span(shared.config.grace_s) + Duration::from_secs(3);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(patience, all).await.is_err() {
        tracing::warn!("connections were cut off");
        connections.shutdown().await;
    }
    counters.connections.set(0.0);
    sender.abort();
    let _ = sender.await;
}

async fn serve(stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Small answers should not wait for more; without this they are merely slower.
    let _ = stream.set_nodelay(true);
    let within = span(shared.config.handshake_s);
    match tls {
        None => {
            let (reader, writer) = stream.into_split();
            connection::serve(reader, writer, peer, shared).await;
        }
        Some(tls) => match tokio::time::timeout(within, tls.accept(stream)).await {
            Ok(Ok(stream)) => {
                let (reader, writer) = tokio::io::split(stream);
                connection::serve(reader, writer, peer, shared).await;
            }
            Ok(Err(error)) => {
                shared.intake.counters.closed("tls");
                tracing::debug!(%peer, %error, "no TLS");
            }
            Err(_) => shared.intake.counters.closed("handshake"),
        },
    }
}

/// Sends what leaves for hardware.
async fn send_orders(shared: Arc<Shared>, mut orders: broadcast::Receiver<host::platform::door::Order>) {
    let counters = &shared.intake.counters;
    loop {
        match orders.recv().await {
            Ok(order) => {
                let dropped = shared.hub.send(order);
                if dropped > 0 {
                    counters.dropped.increment(dropped);
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                counters.missed_orders.increment(missed);
                tracing::warn!(missed, "orders were missed");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

impl Shared {
    /// A name for a client that has none.
    fn name_client(&self) -> Arc<str> {
        format!("celltide-{}", self.named.fetch_add(1, Ordering::Relaxed)).into()
    }
}
