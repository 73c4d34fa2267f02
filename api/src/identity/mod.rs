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

pub use extract::{Known, Source};
pub use refusal::Refusal;

use axum::Router;
use axum::routing::{get, post};
use host::identity::Identity;
use std::fmt;
use std::sync::Arc;
use twin::time::Time;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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

/// What administrators do, below `/twins/v1`, with its description.
pub(crate) fn administration() -> OpenApiRouter<Doors> {
    OpenApiRouter::new()
        .routes(routes!(admin::user_list, admin::user_create))
        .routes(routes!(admin::user_disable))
        .routes(routes!(admin::client_list, admin::client_create))
        .routes(routes!(admin::client_revoke))
        .routes(routes!(admin::api_key_list, admin::api_key_create))
        .routes(routes!(admin::api_key_revoke))
        .routes(routes!(admin::device_list, admin::device_create))
        .routes(routes!(admin::device_revoke))
        .routes(routes!(admin::outbox_list))
        .routes(routes!(admin::audit_list))
}

/// All routes of identity.
pub fn routes(doors: Doors) -> Router {
    Router::new()
        .route("/oauth/authorize", get(authorize::authorize_view).post(authorize::authorize_answer))
        .route("/oauth/token", post(token::token_create))
        .route("/oauth/revoke", post(token::token_revoke))
        .route("/.well-known/oauth-authorization-server", get(well_known::metadata_view))
        .route("/.well-known/jwks.json", get(well_known::jwks_view))
        .nest("/twins/v1", administration().split_for_parts().0)
        .with_state(doors)
}
