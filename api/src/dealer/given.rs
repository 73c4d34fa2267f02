//! What requests give: bodies, amounts of money, parts of lists, days.

use super::envelope::{invalid, said};
use crate::body::{Raw, must_be_json, object};
use crate::problem::Problem;
use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use host::dealership::collection::Days;
use host::dealership::rules::day::Day;
use host::platform::ErrorKind;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Rows of a list where nobody says how many, and the most.
const ROWS_MAX: usize = 1_000;

/// A JSON body of a type.
#[derive(Debug)]
pub(super) struct Given<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Given<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        must_be_json(request.headers())?;
        let Raw(bytes) = Raw::from_request(request, state).await?;
        parsed(&bytes).map(Self)
    }
}

/// The same of bytes.
pub(super) fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    object(bytes).map_err(|error| {
        let text = error.to_string();
        // The first of the fields that are missing.
        match text.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(field) => said(ErrorKind::Unfit, "Missing required fields", &format!("{field} is required")),
            None => said(ErrorKind::Unfit, "Validation failed", &text),
        }
    })
}

/// An amount of money: exactly the decimal digits that were written, as a number or as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Amount(pub(super) Decimal);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text,
            _ => return Err(D::Error::custom("an amount is a number")),
        };
        let read = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text));
        read.map(Self).map_err(|_| D::Error::custom("an amount is a number with at most 28 digits"))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.to_i64().filter(|_| self.0.fract().is_zero()) {
            Some(whole) => serializer.serialize_i64(whole),
            None => serializer.serialize_f64(self.0.to_f64().unwrap_or(f64::NAN)),
        }
    }
}

/// A list as it is answered: a bare array, and how many rows there are in all.
#[derive(Debug)]
pub(super) struct Rows<T> {
    rows: Vec<T>,
    total: usize,
}

impl<T: Serialize> IntoResponse for Rows<T> {
    fn into_response(self) -> Response {
        let total = (HeaderName::from_static("x-total-count"), HeaderValue::from(self.total));
        ([total], Json(self.rows)).into_response()
    }
}

/// The part of a list that was asked for.
pub(super) fn rows<T, R: From<T>>(
    all: Vec<T>,
    offset: Option<usize>,
    limit: Option<usize>,
) -> Result<Rows<R>, Problem> {
    let limit = limit.unwrap_or(ROWS_MAX);
    if !(1..=ROWS_MAX).contains(&limit) {
        return Err(invalid("limit", format!("from 1 to {ROWS_MAX}")));
    }
    let total = all.len();
    let rows = all.into_iter().skip(offset.unwrap_or(0)).take(limit).map(R::from).collect();
    Ok(Rows { rows, total })
}

/// One of some words.
pub(super) fn word<T>(field: &str, text: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Problem> {
    read(text).ok_or_else(|| invalid(field, format!("{text:?} is none of its values")))
}

/// The same where it may be left out.
pub(super) fn perhaps<T>(
    field: &str,
    text: Option<&str>,
    read: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Problem> {
    text.map(|text| word(field, text, read)).transpose()
}

/// A day.
pub(super) fn day(field: &str, text: Option<&str>) -> Result<Option<Day>, Problem> {
    text.map(|text| text.parse::<Day>().map_err(|error| invalid(field, error))).transpose()
}

/// Days of a request, where it names any.
pub(super) fn days(from: Option<&str>, to: Option<&str>, today: Day) -> Result<Option<Days>, Problem> {
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    days_or_month(from, to, today).map(Some)
}

/// Days of a request; this month's where it names none.
pub(super) fn days_or_month(from: Option<&str>, to: Option<&str>, today: Day) -> Result<Days, Problem> {
    let (from, to) = (day("start_date", from)?, day("end_date", to)?);
    Days::read(from, to, today).map_err(super::envelope::refused_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_to_the_digit_and_written_as_numbers() {
        let read = |text: &str| serde_json::from_str::<Amount>(text).map(|amount| amount.0.to_string());
        assert_eq!(read("2128.83").unwrap(), "2128.83");
        assert_eq!(read("0.1").unwrap(), "0.1");
        assert_eq!(read("\"1875.00\"").unwrap(), "1875.00");
        assert!(read("true").is_err() && read("\"much\"").is_err());
        let write = |text: &str| serde_json::to_string(&Amount(text.parse().unwrap())).unwrap();
        assert_eq!(write("45000.00"), "45000");
        assert_eq!(write("2128.83"), "2128.83");
    }

    #[test]
    fn what_is_missing_is_named() {
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "it is only read")]
        struct Both {
            name: String,
        }
        let problem = parsed::<Both>(b"{}").unwrap_err();
        assert!(problem.detail().starts_with("Missing required fields\nname"));
    }
}
