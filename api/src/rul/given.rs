//! What requests give: bodies, and queries of `skip` and `limit`.

use super::envelope::broken_rule;
use crate::body::{BodyError, Raw, must_be_json, object};
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

/// A JSON body of a type. What is no JSON is 400, what is none of the type 422.
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

/// The same where a body may be left out.
#[derive(Debug)]
pub(super) struct Perhaps<T>(pub(super) T);

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for Perhaps<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let json = must_be_json(request.headers());
        let Raw(bytes) = Raw::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        json?;
        parsed(&bytes).map(Self)
    }
}

fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    object(bytes).map_err(|error| match error {
        BodyError::Shape(_) => Problem::unfit("body", error.to_string()),
        BodyError::NoJson(_) => broken_rule(format!("body: {error}")),
    })
}

/// Which part of a list: `skip` from 0 on, and `limit` up to the most.
pub(super) fn part(
    skip: Option<u64>,
    limit: Option<u64>,
    (usual, most): (u64, u64),
) -> Result<(usize, usize), Problem> {
    let limit = limit.unwrap_or(usual);
    if !(1..=most).contains(&limit) {
        return Err(Problem::unfit("limit", format!("{limit} is not between 1 and {most}")));
    }
    Ok((skip.unwrap_or(0).try_into().unwrap_or(usize::MAX), limit as usize))
}

/// What lists take.
pub(super) const LIST: (u64, u64) = (100, 1_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_within_limits() {
        assert_eq!(part(None, None, LIST).unwrap(), (0, 100));
        assert_eq!(part(Some(7), Some(1_000), LIST).unwrap(), (7, 1_000));
        assert!(part(None, Some(0), LIST).is_err());
        assert!(part(None, Some(1_001), LIST).is_err());
    }

    #[test]
    fn a_body_that_is_no_json_is_told_from_one_of_another_shape() {
        use axum::http::StatusCode;
        let status = |text: &str| {
            let problem = parsed::<std::collections::BTreeMap<String, u8>>(text.as_bytes()).unwrap_err();
            (problem.status(), problem.code())
        };
        assert_eq!(status("{").0, StatusCode::BAD_REQUEST);
        assert!(status("{").1.is_some() && status("{\"a\":\"b\"}").1.is_none());
    }
}
