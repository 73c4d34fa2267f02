//! Connections of HTTP/1.1, and what somebody may send before anything is known of it.
//!
//! A head must come whole within a time, and be of a size: who opens connections and says nothing, or never stops, holds
//! none of them for long. Bodies have bounds of their own, by family.

use crate::live::stopped;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt;

/// Longest head of a request in bytes, its address included.
const HEAD_MAX_BYTES: usize = 64 << 10;
/// When the system has no room for another connection, some may have gone by then.
const NO_ROOM: Duration = Duration::from_millis(50);

/// Serves until `stop` comes; requests that are under way are answered first. A head that is not there after `patience`
/// ends its connection, and so does silence between requests.
///
/// # Errors
/// None: a listener that has no room now is asked again.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    patience: Duration,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    // Connections hold the one end of each, so both sides see when the other is through.
    let (down, going_down) = watch::channel(false);
    let (all, open) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, from)) => {
                let (going_down, open, router) = (going_down.clone(), open.clone(), router.clone());
                tokio::spawn(async move {
                    connection(stream, from, router, patience, going_down).await;
                    drop(open);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(NO_ROOM).await;
            }
        }
    }
    drop((listener, open));
    down.send_replace(true);
    all.closed().await;
    Ok(())
}

async fn connection(
    stream: TcpStream,
    from: SocketAddr,
    router: Router,
    patience: Duration,
    mut going_down: watch::Receiver<bool>,
) {
    // News are short and wait for no others.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended as it began");
        return;
    }
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(from));
        request
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(patience)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = &mut served => ended,
        () = stopped(&mut going_down) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended early");
    }
}
