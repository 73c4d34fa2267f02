//! The page on which a person is asked.

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use host::identity::oauth::Asked;
use std::fmt::Write;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:10vh auto;padding:0 1rem;color:#123}\
h1{font-size:1.3rem}label{display:block;margin:.7rem 0 .2rem}input{width:100%;box-sizing:border-box;padding:.5rem;font:inherit}\
button{margin:1.2rem .6rem 0 0;padding:.5rem 1rem;font:inherit}.why{color:#a11}code{background:#eef2f4;padding:0 .3rem}";

/// Asks a person to log in and to say yes or no.
pub(crate) fn ask(asked: &Asked, carried: &[(&str, &str)], why: Option<&str>) -> Response {
    let mut form = String::new();
    for (name, value) in carried {
        // Writing into a string never fails.
        let _ = write!(form, "<input type=hidden name=\"{}\" value=\"{}\">", escaped(name), escaped(value));
    }
    let scopes: String = asked.scopes.iter().map(|scope| format!("<li><code>{scope}</code></li>")).collect();
    let why = why.map(|why| format!("<p class=why role=alert>{}</p>", escaped(why))).unwrap_or_default();
    let name = escaped(&asked.client.name);
    let body = format!(
        "<h1>{name} asks for access</h1><p>It would be able to use, in your name:</p><ul>{scopes}</ul>{why}\
         <form method=post action=\"/oauth/authorize\">{form}\
         <label for=username>Name</label><input id=username name=username autocomplete=username>\
         <label for=password>Password</label>\
         <input id=password name=password type=password autocomplete=current-password>\
         <button name=decision value=allow>Log in and allow</button>\
         <button name=decision value=deny>Do not allow</button></form>"
    );
    whole(StatusCode::OK, &body)
}

/// A request that nobody can be asked about.
pub(crate) fn mistake(why: &str) -> Response {
    whole(
        StatusCode::BAD_REQUEST,
        &format!("<h1>This request cannot be answered</h1><p>{}.</p>", escaped(why)),
    )
}

/// Something failed here.
pub(crate) fn broken() -> Response {
    whole(StatusCode::SERVICE_UNAVAILABLE, "<h1>This does not work now</h1><p>Try again later.</p>")
}

fn whole(status: StatusCode, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>Celltide</title><style>{STYLE}</style><body>{body}</body></html>"
    );
    let mut response = (status, text).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    guard(headers);
    response
}

/// Nothing is kept, framed, guessed or told on.
pub(crate) fn guard(headers: &mut HeaderMap) {
    // No `form-action`: browsers apply it to where the answer sends them, which is the program's address.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Text as text of a page, whatever is in it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
