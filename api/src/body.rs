//! Bodies, queries and paths whose mistakes are problems like all others.

use crate::problem::Problem;
use crate::when;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use host::platform::ErrorKind;
use host::store::records::Cursor;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use twin::time::Time;

/// A JSON body of a type; an object.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        object(&bytes).map(Self).map_err(|error| Problem::unfit("body", error.to_string()))
    }
}

/// Why a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// It is no JSON.
    #[error("{0}")]
    NoJson(String),
    /// It is JSON, of another shape than it should be.
    #[error("{0}")]
    Shape(String),
}

/// JSON of an object as a type.
///
/// Serde would take an array for a struct as well, its values for fields in their order; and nobody would look whether
/// what is in unknown fields is text.
pub(crate) fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    let text = std::str::from_utf8(bytes).map_err(|error| BodyError::NoJson(error.to_string()))?;
    if text.trim_start().starts_with('[') {
        return Err(BodyError::Shape("an object is expected, not an array".to_owned()));
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data => BodyError::Shape(error.to_string()),
        Category::Syntax | Category::Eof | Category::Io => BodyError::NoJson(error.to_string()),
    })
}

/// Refuses a body that does not say that it is JSON.
pub(crate) fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    if is_of(headers, "application/json") {
        return Ok(());
    }
    let problem = Problem::unfit("Content-Type", "must be application/json");
    Err(problem.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

/// Whether a body says that it is of a media type, whatever its parameters.
pub(crate) fn is_of(headers: &HeaderMap, media_type: &str) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let value = value.and_then(|value| value.split(';').next());
    value.is_some_and(|value| value.trim().eq_ignore_ascii_case(media_type))
}

/// A body as it came.
#[derive(Debug)]
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await;
        bytes.map(Self).map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => {
                Problem::unfit("body", "is too long").with_status(StatusCode::PAYLOAD_TOO_LARGE)
            }
            rejection => Problem::unfit("body", rejection.to_string()),
        })
    }
}

/// A query of a type; unknown keys are refused by the type.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let asked = Query::<T>::from_request_parts(parts, state).await;
        asked
            .map(|Query(asked)| Self(asked))
            .map_err(|rejection| Problem::unfit("query", rejection.body_text()))
    }
}

/// Parts of the path.
#[derive(Debug)]
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let at = Path::<T>::from_request_parts(parts, state).await;
        at.map(|Path(at)| Self(at)).map_err(|rejection| Problem::unfit("path", rejection.body_text()))
    }
}

/// An instant as RFC 3339 or milliseconds since the epoch.
pub(crate) fn instant(field: &str, text: &str) -> Result<Time, Problem> {
    let reason = || format!("{text:?} is neither a time as 2026-01-31T12:00:00Z nor milliseconds");
    when::milliseconds(text).or_else(|| when::rfc3339(text)).ok_or_else(|| Problem::unfit(field, reason()))
}

/// A span as `90s`, `15m`, `6h`, `1d`, or seconds; in milliseconds.
pub(crate) fn span_ms(field: &str, text: &str) -> Result<i64, Problem> {
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let factor = match unit {
        "ms" => 1.0,
        "" | "s" => 1e3,
        "m" | "min" => 6e4,
        "h" => 3.6e6,
        "d" => 8.64e7,
        _ => f64::NAN,
    };
    let ms = number.trim().parse::<f64>().unwrap_or(f64::NAN) * factor;
    if (1.0..=3.2e14).contains(&ms) {
        Ok(ms.round() as i64)
    } else {
        Err(Problem::unfit(field, format!("{text:?} is no span as 90s, 15m, 6h or 1d")))
    }
}

/// How much of a list, and from where.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Page {
    limit: Option<usize>,
    cursor: Option<String>,
}

impl Page {
    pub(crate) fn new(limit: Option<usize>, cursor: Option<String>) -> Self {
        Self { limit, cursor }
    }

    pub(crate) fn limit(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(50) {
            limit @ 1..=1_000 => Ok(limit),
            limit => Err(Problem::unfit("limit", format!("{limit} is not between 1 and 1000"))),
        }
    }

    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Problem> {
        let cursor = self.cursor.as_deref().map(str::parse::<Cursor>).transpose();
        cursor.map_err(|_| Problem::unfit("cursor", "is none of ours"))
    }
}

/// There is no such path.
pub(crate) async fn nowhere() -> Problem {
    Problem::new(ErrorKind::Absent, "there is nothing at this path")
}

/// There is such a path, but not for this.
pub(crate) async fn not_so() -> Problem {
    Problem::new(ErrorKind::Unfit, "the path does not know this method")
        .with_status(StatusCode::METHOD_NOT_ALLOWED)
}

/// Words refusals of layers and extractors that know no words of ours: a request that took too long, a path that cannot be
/// read. Families have words of their own.
pub(crate) async fn worded(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_worded = kind.is_some_and(|kind| kind.contains("json") || kind.starts_with("text/html"));
    if is_worded || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let mut worded = Problem::of_status(status).into_response();
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH {
            worded.headers_mut().insert(name, value.clone());
        }
    }
    worded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_are_read() {
        assert_eq!(instant("at", "1700000000000").unwrap(), Time(1_700_000_000_000));
        assert_eq!(instant("at", "2023-11-14T22:13:20Z").unwrap(), Time(1_700_000_000_000));
        assert!(instant("at", "yesterday").is_err());
        assert_eq!(span_ms("by", "6h").unwrap(), 21_600_000);
        assert_eq!(span_ms("by", "1.5").unwrap(), 1_500);
        for wrong in ["", "h", "-3s", "5 parsecs", "nan", "1e300d"] {
            assert!(span_ms("by", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_object_is_told_from_what_is_no_json() {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        assert_eq!(object::<Named>(b" {\"name\":\"a\"}").unwrap().name, "a");
        let read = |bytes: &[u8]| object::<Named>(bytes).map(|named| named.name);
        for wrong in [&b" [\"a\"]"[..], b"{\"name\":1}", b"{\"name\":\"a\",\"name\":\"b\"}"] {
            assert!(matches!(read(wrong), Err(BodyError::Shape(_))));
        }
        for wrong in [&b"{"[..], b"", b"{\"name\":\"a\",\"more\":\"\xff\"}"] {
            assert!(matches!(read(wrong), Err(BodyError::NoJson(_))));
        }
    }
}
