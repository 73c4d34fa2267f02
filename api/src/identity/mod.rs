//! Identity over HTTP: OAuth 2.0, the extractor that every handler knows its caller by, and the administrators' pages.
//!
//! | route | |
//! |---|---|
//! | `GET, POST /oauth/authorize` | login and consent |
//! | `POST /oauth/token`, `POST /oauth/revoke` | form or JSON |
//! | `GET /.well-known/oauth-authorization-server`, `/.well-known/jwks.json` | RFC 8414, RFC 7517 |
//! | `/twins/v1/admin/users`, `clients`, `api-keys`, `devices`, `outbox`, `audit` | administrators only |
//!
//! [`routes`] is a router of its own, to be merged into the server's. Who is limited by address needs the server to be
//! started with `into_make_service_with_connect_info::<SocketAddr>()`. A family's handlers take [`Known`] where their
//! state gives [`Doors`], and translate [`Refusal`] into their own envelope, or keep it.

mod admin;
mod authorize;
mod extract;
mod form;
mod page;
mod refusal;
mod token;
mod well_known;

pub(crate) use extract::is_of;
pub use extract::{Known, Source};
pub use refusal::Refusal;

use axum::Router;
use axum::routing::{delete, get, post};
use host::identity::Identity;
use std::fmt;
use std::sync::Arc;
use twin::time::Time;

/// What these handlers share.
#[derive(Clone)]
pub struct Doors {
    pub(crate) identity: Identity,
    pub(crate) now: Arc<dyn Fn() -> Time + Send + Sync>,
    pub(crate) base: Option<Arc<str>>,
}

impl fmt::Debug for Doors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doors").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Doors {
    /// Identities behind doors. `now` tells the time; `base` is the address that this server has outside, without a
    /// slash at its end: where there is none, documents name the host that they were asked for at.
    pub fn new(
        identity: Identity,
        now: impl Fn() -> Time + Send + Sync + 'static,
        base: Option<String>,
    ) -> Self {
        Self { identity, now: Arc::new(now), base: base.map(Into::into) }
    }

    fn now(&self) -> Time {
        (self.now)()
    }
}

/// All routes of identity.
pub fn routes(doors: Doors) -> Router {
    Router::new()
        .route("/oauth/authorize", get(authorize::authorize_view).post(authorize::authorize_answer))
        .route("/oauth/token", post(token::token_create))
        .route("/oauth/revoke", post(token::token_revoke))
        .route("/.well-known/oauth-authorization-server", get(well_known::metadata_view))
        .route("/.well-known/jwks.json", get(well_known::jwks_view))
        .route("/twins/v1/admin/users", get(admin::user_list).post(admin::user_create))
        .route("/twins/v1/admin/users/{id}", delete(admin::user_disable))
        .route("/twins/v1/admin/clients", get(admin::client_list).post(admin::client_create))
        .route("/twins/v1/admin/clients/{id}", delete(admin::client_revoke))
        .route("/twins/v1/admin/api-keys", get(admin::api_key_list).post(admin::api_key_create))
        .route("/twins/v1/admin/api-keys/{id}", delete(admin::api_key_revoke))
        .route("/twins/v1/admin/devices", get(admin::device_list).post(admin::device_create))
        .route("/twins/v1/admin/devices/{kind}/{id}", delete(admin::device_revoke))
        .route("/twins/v1/admin/outbox", get(admin::outbox_list))
        .route("/twins/v1/admin/audit", get(admin::audit_list))
        .with_state(doors)
}
