//! Times and spans: `from` and `to`, or `start_time` and `end_time`, whichever somebody prefers.

pub(super) use crate::when::in_seconds as seconds;

use crate::problem::Problem;
use crate::when;
use host::platform::fleet::Span;
use serde::Deserialize;
use twin::time::Time;
use utoipa::IntoParams;

/// A span of time.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Times {
    /// First instant (ISO 8601).
    #[param(example = "2023-03-15T10:00:00Z")]
    from: Option<String>,
    /// Last instant; of a day its end.
    #[param(example = "2023-03-15T11:00:00Z")]
    to: Option<String>,
    /// The same as `from`.
    start_time: Option<String>,
    /// The same as `to`.
    end_time: Option<String>,
}

/// A span as somebody gave it: both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) from: Time,
    pub(super) to: Time,
}

impl Given {
    pub(super) fn span(self) -> Span {
        Span { from: self.from, to: self.to + 1 }
    }
}

impl Times {
    /// The span, which must be given in whole.
    pub(super) fn needed(&self, names: (&str, &str)) -> Result<Given, Problem> {
        let need = |name: &str, time: Option<Time>| time.ok_or_else(|| Problem::unfit(name, "is missing"));
        let (from, to) = self.read()?;
        ordered(Given { from: need(names.0, from)?, to: need(names.1, to)? })
    }

    /// The span, or so much of the time before its end, or before now.
    pub(super) fn or_last(&self, ms: i64, now: Time) -> Result<Given, Problem> {
        let (from, to) = self.read()?;
        let to = to.unwrap_or(now);
        ordered(Given { from: from.unwrap_or(to + -ms), to })
    }

    fn read(&self) -> Result<(Option<Time>, Option<Time>), Problem> {
        let first = |text: &Option<String>, name: &str| text.as_deref().map(|text| time(name, text, false));
        let last = |text: &Option<String>, name: &str| text.as_deref().map(|text| time(name, text, true));
        let from = first(&self.from, "from").or_else(|| first(&self.start_time, "start_time"));
        let to = last(&self.to, "to").or_else(|| last(&self.end_time, "end_time"));
        Ok((from.transpose()?, to.transpose()?))
    }
}

fn ordered(given: Given) -> Result<Given, Problem> {
    if given.to < given.from {
        return Err(Problem::unfit("to", "is before the beginning of the span"));
    }
    Ok(given)
}

/// Reads an instant with its offset, or a day: its beginning, or its end.
pub(super) fn time(field: &str, text: &str, is_end: bool) -> Result<Time, Problem> {
    let found = when::rfc3339(text).or_else(|| when::day(text, is_end));
    found.ok_or_else(|| Problem::unfit(field, format!("{text:?} is no time as 2026-01-31T12:00:00Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(from: &str, to: &str) -> Times {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Times { from: text(from), to: text(to), ..Times::default() }
    }

    #[test]
    fn a_day_is_a_beginning_or_an_end() {
        let given = times("2023-01-01", "2023-01-31").needed(("from", "to")).unwrap();
        assert_eq!(
            (seconds(given.from), seconds(given.to)),
            ("2023-01-01T00:00:00Z".into(), "2023-01-31T23:59:59Z".into())
        );
        let offset = times("2023-01-01T02:00:00+02:00", "2023-01-01T02:00:00 02:00").needed(("from", "to"));
        assert_eq!(seconds(offset.unwrap().to), "2023-01-01T00:00:00Z");
    }

    #[test]
    fn spans_are_whole_and_in_order() {
        assert!(times("", "2023-01-01").needed(("from", "to")).is_err());
        assert!(times("2023-01-02", "2023-01-01").needed(("from", "to")).is_err());
        assert!(times("yesterday", "2023-01-01").needed(("from", "to")).is_err());
        let given = times("", "").or_last(1_000, Time(5_000)).unwrap();
        assert_eq!(given, Given { from: Time(4_000), to: Time(5_000) });
        let other = Times {
            start_time: Some("2023-01-01".into()),
            end_time: Some("2023-01-01".into()),
            ..Times::default()
        };
        assert!(other.needed(("start_time", "end_time")).is_ok());
    }
}
