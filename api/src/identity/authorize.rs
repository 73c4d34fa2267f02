//! `/oauth/authorize`: one page on which a person logs in and says yes or no.
//!
//! There is no cookie: the page asks for the password each time, so nobody's browser can be made to say yes for him.
//! Somebody who shows an access token of his own, and said yes before, is sent back without the page.

use super::form::{Fields, fields};
use super::{Doors, Source, page};
use crate::shown::Shown;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use host::identity::oauth::{Asked, AuthorizeRequest, NotAsked, OAuthError};
use host::identity::{LoginError, PasswordLogin, Secret, Subject, User, Via};

/// The parameters that the page carries from one request to the next.
const CARRIED: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

pub(crate) async fn authorize_view(
    State(doors): State<Doors>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let fields = match fields(query.unwrap_or_default().as_bytes()) {
        Ok(fields) => fields,
        Err(why) => return page::mistake(why),
    };
    let asked = match doors.identity.authorize(&request(&fields)).await {
        Ok(asked) => asked,
        Err(refused) => return not_asked(refused),
    };
    match known(&doors, &headers).await {
        Some(user) if matches!(doors.identity.needs_consent(&asked, &user).await, Ok(false)) => {
            approved(&doors, &asked, &user).await
        }
        _ => page::ask(&asked, &carried(&fields), None),
    }
}

pub(crate) async fn authorize_answer(
    State(doors): State<Doors>,
    Source(source): Source,
    body: Bytes,
) -> Response {
    let fields = match fields(&body) {
        Ok(fields) => fields,
        Err(why) => return page::mistake(why),
    };
    let asked = match doors.identity.authorize(&request(&fields)).await {
        Ok(asked) => asked,
        Err(refused) => return not_asked(refused),
    };
    match fields.get("decision").map(String::as_str) {
        Some("deny") => return back(&asked.declined()),
        Some("allow") => {}
        _ => return page::ask(&asked, &carried(&fields), None),
    }
    let password = Secret::new(fields.get("password").cloned().unwrap_or_default());
    let username = fields.get("username").map_or("", String::as_str);
    let login = PasswordLogin { username, password: &password, source: &source };
    match doors.identity.check_login(login, doors.now()).await {
        Ok(user) => approved(&doors, &asked, &user).await,
        Err(error) => {
            let why = match error {
                LoginError::Wrong | LoginError::Inactive => "Name or password is wrong.",
                LoginError::TooMany { .. } => "Too many attempts. Try again later.",
                LoginError::Failed(_) => "That did not work. Try again later.",
            };
            page::ask(&asked, &carried(&fields), Some(why))
        }
    }
}

fn request(fields: &Fields) -> AuthorizeRequest {
    let get = |name: &str| fields.get(name).cloned();
    AuthorizeRequest {
        response_type: get("response_type"),
        client_id: get("client_id"),
        redirect_uri: get("redirect_uri"),
        scope: get("scope"),
        state: get("state"),
        code_challenge: get("code_challenge"),
        code_challenge_method: get("code_challenge_method"),
    }
}

fn carried(fields: &Fields) -> Vec<(&str, &str)> {
    CARRIED.iter().filter_map(|name| fields.get(*name).map(|value| (*name, value.as_str()))).collect()
}

/// The person whose own access token the headers show.
async fn known(doors: &Doors, headers: &HeaderMap) -> Option<User> {
    let shown = Shown::in_headers(headers).ok()?;
    let caller = doors.identity.authenticate(shown.presented().ok()?, doors.now()).await.ok()?;
    match (&caller.subject, &caller.via, caller.scopes) {
        (Subject::User(id), Via::Token, None) => doors.identity.user(id).await.ok()?,
        _ => None,
    }
}

async fn approved(doors: &Doors, asked: &Asked, user: &User) -> Response {
    match doors.identity.approve(asked, user, doors.now()).await {
        Ok(address) => back(&address),
        Err(OAuthError::Refused { .. }) => back(&asked.declined()),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a consent was not kept");
            page::broken()
        }
    }
}

fn not_asked(refused: NotAsked) -> Response {
    match refused {
        NotAsked::Page(why) => page::mistake(why),
        NotAsked::Back { address, .. } => back(&address),
        NotAsked::Failed(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "an authorization request failed");
            page::broken()
        }
    }
}

/// Sends the person back to the program.
fn back(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(address) => {
            let mut response = (StatusCode::FOUND, [(LOCATION, address)]).into_response();
            page::guard(response.headers_mut());
            response
        }
        Err(_) => page::mistake("the address to go back to cannot be written"),
    }
}
