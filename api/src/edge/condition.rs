//! Conditional requests: a twin as somebody saw it, by its tag.
//!
//! A tag is `"<facts>-<readings>"`. What is looked at has not changed while both are the same; a change may build on
//! what was seen while the first is, since readings do not change what a twin is registered as.

use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::platform::PlatformError;
use host::platform::sight::Sight;

/// The tag of a twin as it is seen.
pub(crate) fn tag(seen: &Sight) -> String {
    format!("\"{}-{}\"", seen.revision, seen.readings)
}

/// What a caller makes its request depend on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Condition {
    if_match: Option<String>,
    if_none_match: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let header = |name: HeaderName| text(&parts.headers, &name);
        Ok(Self { if_match: header(header::IF_MATCH)?, if_none_match: header(header::IF_NONE_MATCH)? })
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let value = headers.get(name).map(|value| value.to_str().map(str::to_owned)).transpose();
    value.map_err(|_| Problem::unfit(name.as_str(), "cannot be read"))
}

/// Tags of a header, without what marks them as weak.
fn tags(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(|tag| tag.trim().trim_start_matches("W/"))
}

impl Condition {
    /// Facts that a change must build on; nothing where it may build on any.
    ///
    /// # Errors
    /// When the header names several states, or none that could be a twin's.
    pub(crate) fn revision(&self) -> Result<Option<u64>, Problem> {
        let Some(text) = self.if_match.as_deref().filter(|text| text.trim() != "*") else { return Ok(None) };
        let unknown = || Problem::unfit("If-Match", "is no tag that a twin was answered with").failed();
        let mut found = tags(text).map(|tag| {
            let (revision, _) = tag.trim_matches('"').split_once('-')?;
            revision.parse::<u64>().ok()
        });
        match (found.next().flatten(), found.next()) {
            (Some(revision), None) => Ok(Some(revision)),
            _ => Err(unknown()),
        }
    }

    /// What became of a change that builds on [`Condition::revision`].
    ///
    /// # Errors
    /// Why there is no change.
    pub(crate) fn changed(&self, done: Result<Sight, PlatformError>) -> Result<Response, Problem> {
        let seen = done.map_err(|error| match error {
            error @ PlatformError::Changed { .. } if self.if_match.is_some() => Problem::from(error).failed(),
            error => error.into(),
        })?;
        let mut response = axum::Json(&seen).into_response();
        tagged(&mut response, &tag(&seen));
        Ok(response)
    }

    /// The twin, or that it is as the caller knows it.
    pub(crate) fn answer(&self, seen: &Sight) -> Response {
        let tag = tag(seen);
        let is_known = self
            .if_none_match
            .as_deref()
            .is_some_and(|text| text.trim() == "*" || tags(text).any(|known| known == tag));
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            axum::Json(seen).into_response()
        };
        tagged(&mut response, &tag);
        response
    }
}

/// Adds a tag to an answer.
pub(crate) fn tagged(response: &mut Response, tag: &str) {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(if_match: &str) -> Condition {
        Condition { if_match: Some(if_match.to_owned()), if_none_match: None }
    }

    #[test]
    fn a_tag_names_the_facts_that_a_change_builds_on() {
        assert_eq!(condition("\"12-3400\"").revision(), Ok(Some(12)));
        assert_eq!(condition(" W/\"7-0\" ").revision(), Ok(Some(7)));
        assert_eq!(condition("*").revision(), Ok(None));
        assert_eq!(Condition::default().revision(), Ok(None));
        for wrong in ["", "\"abc\"", "\"1-2\", \"3-4\"", "12"] {
            assert!(condition(wrong).revision().is_err(), "{wrong}");
        }
    }
}
