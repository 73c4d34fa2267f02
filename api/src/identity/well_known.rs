//! The documents that programs find by themselves.

use super::{Doors, Refusal};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use host::identity::Jwks;
use host::identity::oauth::Metadata;

pub(crate) async fn metadata_view(
    State(doors): State<Doors>,
    headers: HeaderMap,
) -> Result<Json<Metadata>, Refusal> {
    let base = match &doors.base {
        Some(base) => base.as_ref().to_owned(),
        None => {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
            format!("http://{}", host.ok_or_else(|| Refusal::unfit("the header Host is missing"))?)
        }
    };
    Ok(Json(doors.identity.metadata(&base)))
}

pub(crate) async fn jwks_view(State(doors): State<Doors>) -> Json<Jwks> {
    Json(doors.identity.jwks(doors.now()))
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
}
