//! `POST /oauth/token` and `POST /oauth/revoke`.

use super::form::{Fields, fields};
use super::{Doors, Source};
use crate::body::is_of;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use host::identity::Secret;
use host::identity::oauth::{ClientSecret, ErrorCode, OAuthError, TokenRequest};
use serde_json::{Map, Value, json};

pub(crate) async fn token_create(
    State(doors): State<Doors>,
    Source(source): Source,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        let mut fields = read(&headers, &body)?;
        let client = client(&headers, &mut fields)?;
        let mut take = |name: &str| fields.remove(name);
        let request = TokenRequest {
            grant_type: take("grant_type"),
            code: take("code"),
            redirect_uri: take("redirect_uri"),
            code_verifier: take("code_verifier"),
            refresh_token: take("refresh_token"),
            scope: take("scope"),
        };
        doors.identity.token(&request, &client, &source, doors.now()).await
    };
    match done.await {
        Ok(answer) => {
            let mut body = Map::new();
            body.insert("access_token".to_owned(), answer.access_token.reveal().into());
            body.insert("token_type".to_owned(), "Bearer".into());
            body.insert("expires_in".to_owned(), answer.expires_s.into());
            if let Some(refresh) = answer.refresh_token {
                body.insert("refresh_token".to_owned(), refresh.reveal().into());
            }
            body.insert("scope".to_owned(), answer.scopes.to_string().into());
            not_kept((StatusCode::OK, Value::Object(body).to_string()).into_response())
        }
        Err(error) => refused(&error),
    }
}

pub(crate) async fn token_revoke(
    State(doors): State<Doors>,
    Source(source): Source,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let done = async {
        let mut fields = read(&headers, &body)?;
        let client = client(&headers, &mut fields)?;
        let missing = OAuthError::Refused { code: ErrorCode::InvalidRequest, why: "token is missing" };
        let token = fields.remove("token").ok_or(missing)?;
        doors.identity.revoke(&token, &client, &source, doors.now()).await
    };
    match done.await {
        Ok(()) => not_kept(StatusCode::OK.into_response()),
        Err(error) => refused(&error),
    }
}

/// The body as parameters: a form, or JSON whose members are text.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<Fields, OAuthError> {
    let unfit = |why| OAuthError::Refused { code: ErrorCode::InvalidRequest, why };
    if is_of(headers, "application/x-www-form-urlencoded") {
        return fields(body).map_err(unfit);
    }
    if !is_of(headers, "application/json") {
        return Err(unfit("the body must be a form or JSON"));
    }
    serde_json::from_slice(body).map_err(|_| unfit("the body must be a JSON object of texts"))
}

fn client(headers: &HeaderMap, fields: &mut Fields) -> Result<ClientSecret, OAuthError> {
    let unread = OAuthError::Refused {
        code: ErrorCode::InvalidClient,
        why: "the Authorization header cannot be read",
    };
    let header = headers.get(AUTHORIZATION).map(|value| value.to_str()).transpose().map_err(|_| unread)?;
    ClientSecret::read(header, fields.remove("client_id"), fields.remove("client_secret").map(Secret::new))
}

/// The answer of RFC 6749, section 5.2.
fn refused(error: &OAuthError) -> Response {
    let status = match error {
        OAuthError::Refused { code: ErrorCode::InvalidClient, .. } => StatusCode::UNAUTHORIZED,
        OAuthError::Refused { .. } => StatusCode::BAD_REQUEST,
        OAuthError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
        OAuthError::Failed(error) => {
            tracing::error!(error = error as &dyn std::error::Error, "a token request failed");
            StatusCode::SERVICE_UNAVAILABLE
        }
    };
    let why = match error {
        OAuthError::Refused { why, .. } => why,
        OAuthError::TooMany { .. } => "too many attempts; try again later",
        OAuthError::Failed(_) => "try again later",
    };
    let body = json!({ "error": error.code().as_str(), "error_description": why });
    let mut response = not_kept((status, body.to_string()).into_response());
    if status == StatusCode::UNAUTHORIZED {
        let basic = HeaderValue::from_static("Basic realm=\"celltide\"");
        response.headers_mut().insert(WWW_AUTHENTICATE, basic);
    }
    if let OAuthError::TooMany { wait_ms } = error {
        let seconds = HeaderValue::from(wait_ms.div_euclid(1_000) + 1);
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// No cache may keep it.
fn not_kept(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
