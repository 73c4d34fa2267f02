//! What stands in queries.

use super::envelope::unfit;
use crate::problem::Problem;
use host::platform::fleet::Part;
use std::str::FromStr;
use twin::passport::date::Date;
use twin::time::{DAY_MS, Time};

/// Items of a page where nobody says, and at most.
const LIMIT: usize = 50;
const LIMIT_MAX: usize = 200;

/// Reads `limit` and `offset`.
pub(super) fn part(limit: Option<&str>, offset: Option<&str>) -> Result<Part, Problem> {
    let limit = whole("limit", limit)?.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(unfit("limit", format!("{limit} is not between 1 and {LIMIT_MAX}")));
    }
    Ok(Part { limit, skip: whole("offset", offset)?.unwrap_or(0) })
}

fn whole(field: &str, text: Option<&str>) -> Result<Option<usize>, Problem> {
    let read = |text: &str| text.parse().map_err(|_| unfit(field, format!("{text:?} is no whole number")));
    text.map(read).transpose()
}

/// Reads a number.
pub(super) fn number(field: &str, text: Option<&str>) -> Result<Option<f64>, Problem> {
    let read = |text: &str| {
        let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| unfit(field, format!("{text:?} is no number")))
    };
    text.map(read).transpose()
}

/// Reads a percentage as a share.
pub(super) fn share(field: &str, text: Option<&str>) -> Result<Option<f64>, Problem> {
    let Some(percent) = number(field, text)? else { return Ok(None) };
    if !(0.0..=100.0).contains(&percent) {
        return Err(unfit(field, format!("{percent} is not between 0 and 100")));
    }
    Ok(Some(percent / 100.0))
}

/// Reads one of several names.
pub(super) fn named<T: FromStr>(field: &str, text: Option<&str>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    text.map(|text| text.parse().map_err(|error: T::Err| unfit(field, error.to_string()))).transpose()
}

/// Reads a date.
pub(super) fn date(field: &str, text: Option<&str>) -> Result<Option<Date>, Problem> {
    let read = |text: &str| {
        Date::parse(text).ok_or_else(|| unfit(field, format!("{text:?} is no date as 2026-01-31")))
    };
    text.map(read).transpose()
}

/// Reads an instant.
pub(super) fn instant(field: &str, text: &str) -> Result<Time, Problem> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(|at| Time(at.as_millisecond()))
        .map_err(|_| unfit(field, format!("{text:?} is no time as 2026-01-31T12:00:00Z")))
}

/// Reads an instant or a date: its beginning, or as the end of a range its last second.
pub(super) fn bound(field: &str, text: Option<&str>, is_end: bool) -> Result<Option<Time>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match Date::parse(text) {
        Some(date) if is_end => Ok(Some(date.begins() + (DAY_MS - 1_000))),
        Some(date) => Ok(Some(date.begins())),
        None => instant(field, text).map(Some),
    }
}
