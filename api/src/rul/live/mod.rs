//! Live events over Socket.IO at `/socket.io`.
//!
//! ```text
//!  news of the platform ──► Hub ──► rooms: a battery, a place ──► sockets
//!                            └─ readings at most once in a while per battery, the latest
//! ```
//!
//! Whoever connects shows its access token as `auth.token`; tokens are looked at again while a socket is open. The hub
//! hears the news like every other listener: what it cannot keep up with is missed, and who cannot keep up with the hub
//! is told so and let go. Nothing of it holds up a twin.

mod follow;
mod hub;
mod rooms;
mod socket;

use crate::server::App;
use axum::extract::Request;
use axum::http::HeaderValue;
use hub::Hub;
use socketioxide::SocketIo;
use socketioxide::layer::SocketIoLayer;
use std::time::Duration;

/// Where it listens.
const PATH: &str = "/socket.io";
/// Packets that may wait for a socket.
const WAITING: usize = 256;
/// Longest packet of a client in bytes.
const PACKET_MAX_BYTES: usize = 16 << 10;
/// Bytes that are read from a socket at a time: clients say little.
const READ_BYTES: usize = 1 << 10;
/// How long a client may take to join once it is connected.
const JOIN: Duration = Duration::from_secs(10);

/// A request that comes here with a head of its own. A socket keeps the head of its request, and what was read from a
/// connection stays one piece of memory, several times as long, as long as any part of it is kept.
pub(crate) fn own_head(mut request: Request) -> Request {
    if request.uri().path().starts_with(PATH) {
        if let Ok(own) = request.uri().to_string().parse() {
            *request.uri_mut() = own;
        }
        for value in request.headers_mut().values_mut() {
            if let Ok(own) = HeaderValue::from_bytes(value.as_bytes()) {
                *value = own;
            }
        }
    }
    request
}

/// The layer that answers at `/socket.io`. Within a tokio runtime.
pub(crate) fn layer(app: &App) -> SocketIoLayer {
    let (layer, io) = SocketIo::builder()
        .req_path(PATH)
        .max_buffer_size(WAITING)
        .max_payload(PACKET_MAX_BYTES as u64)
        .ws_read_buffer_size(READ_BYTES)
        .ws_max_message_size(PACKET_MAX_BYTES)
        .ws_max_frame_size(PACKET_MAX_BYTES)
        .connect_timeout(JOIN)
        .build_layer();
    let hub = Hub::new(app.clone());
    socket::open(&io, &hub);
    tokio::spawn(hub::run(hub, io));
    layer
}
