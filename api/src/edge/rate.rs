//! Who calls, and how often: a bucket of tokens per caller.
//!
//! A bucket holds as many tokens as a span allows requests and fills evenly over that span; each request takes one. So
//! nobody gets more than twice the allowance in any span, and who waits gets on steadily.

use crate::caller::Caller;
use crate::identity::Source;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use host::platform::ErrorKind;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use twin::time::Time;

/// Callers that are remembered before those with full buckets are forgotten.
const CALLERS: usize = 65_536;

/// Requests that a caller may make in a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How many.
    pub(crate) requests: u32,
    /// In how long [s].
    pub(crate) per_s: u32,
}

impl Rate {
    /// So many an hour; none where the number is 0.
    pub(crate) fn per_hour(requests: u32) -> Option<Self> {
        (requests > 0).then_some(Self { requests, per_s: 3_600 })
    }

    /// So many a minute; none where the number is 0.
    #[allow(dead_code, reason = "limits of other families are by the minute")]
    pub(crate) fn per_minute(requests: u32) -> Option<Self> {
        (requests > 0).then_some(Self { requests, per_s: 60 })
    }

    fn tokens_per_ms(self) -> f64 {
        f64::from(self.requests) / (f64::from(self.per_s) * 1e3)
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Time,
}

/// Buckets of all callers.
#[derive(Debug)]
pub(crate) struct Buckets {
    rate: Rate,
    of: Mutex<HashMap<Arc<str>, Bucket>>,
}

/// What a caller has left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Left {
    pub(crate) is_let_in: bool,
    pub(crate) remaining: u32,
    /// When the bucket is full again.
    pub(crate) full_at: Time,
    /// Seconds until there is a token.
    pub(crate) wait_s: u64,
}

impl Buckets {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, of: Mutex::default() }
    }

    /// Takes a token of a caller, where there is one.
    pub(crate) fn take(&self, caller: &Arc<str>, now: Time) -> Left {
        let (rate, most) = (self.rate.tokens_per_ms(), f64::from(self.rate.requests));
        let filled = |bucket: &Bucket| (bucket.tokens + ((now - bucket.at) as f64).max(0.0) * rate).min(most);
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if of.len() >= CALLERS && !of.contains_key(caller) {
            of.retain(|_, bucket| filled(bucket) < most);
        }
        let bucket = of.entry(caller.clone()).or_insert(Bucket { tokens: most, at: now });
        let tokens = filled(bucket);
        let is_let_in = tokens >= 1.0;
        let tokens = if is_let_in { tokens - 1.0 } else { tokens };
        *bucket = Bucket { tokens, at: now.max(bucket.at) };
        let full_at = now + ((most - tokens) / rate).ceil() as i64;
        let wait_s = ((1.0 - tokens).max(0.0) / rate / 1e3).ceil().max(1.0) as u64;
        Left { is_let_in, remaining: tokens as u32, full_at, wait_s }
    }

    /// What a caller has left, without taking anything.
    pub(crate) fn look(&self, caller: &Arc<str>, now: Time) -> Left {
        let (rate, most) = (self.rate.tokens_per_ms(), f64::from(self.rate.requests));
        let of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |bucket: &Bucket| (bucket.tokens + ((now - bucket.at) as f64).max(0.0) * rate).min(most);
        let tokens = of.get(caller).map_or(most, filled);
        let full_at = now + ((most - tokens) / rate).ceil() as i64;
        let wait_s = ((1.0 - tokens).max(0.0) / rate / 1e3).ceil().max(1.0) as u64;
        Left { is_let_in: tokens >= 1.0, remaining: tokens as u32, full_at, wait_s }
    }

    fn headers(&self, left: Left, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", HeaderValue::from(self.rate.requests));
        headers.insert("x-ratelimit-remaining", HeaderValue::from(left.remaining));
        headers.insert("x-ratelimit-reset", HeaderValue::from(left.full_at.0.div_euclid(1_000) + 1));
    }
}

/// Lets known callers in, so often as the rate says.
pub(super) async fn known_and_counted(
    State((app, buckets)): State<(App, Option<Arc<Buckets>>)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &app).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let left = buckets.as_ref().map(|buckets| buckets.take(&caller.counted_as(), app.wall.now()));
    let mut response = match left {
        Some(Left { is_let_in: false, wait_s, .. }) => {
            let problem = Problem::new(ErrorKind::TooMany, "the rate limit is exceeded; try again later");
            problem.after_s(wait_s).into_response()
        }
        _ => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
    };
    if let Some((buckets, left)) = buckets.zip(left) {
        buckets.headers(left, response.headers_mut());
    }
    response
}

/// Lets changes of callers in that are known already, so often as the rate says.
pub(super) async fn also_counted(
    State((app, buckets)): State<(App, Arc<Buckets>)>,
    request: Request,
    next: Next,
) -> Response {
    let caller = request.extensions().get::<Caller>().filter(|_| !request.method().is_safe());
    let left = caller.map(|caller| buckets.take(&caller.counted_as(), app.wall.now()));
    match left.filter(|left| !left.is_let_in) {
        Some(left) => {
            let problem = Problem::new(ErrorKind::TooMany, "the rate limit is exceeded; try again later");
            problem.after_s(left.wait_s).into_response()
        }
        None => next.run(request).await,
    }
}

/// Lets requests in, so often from one source as the rate says.
pub(super) async fn counted_by_source(
    State((app, buckets)): State<(App, Arc<Buckets>)>,
    Source(source): Source,
    request: Request,
    next: Next,
) -> Response {
    let left = buckets.take(&source.into(), app.wall.now());
    let mut response = if left.is_let_in {
        next.run(request).await
    } else {
        let problem = Problem::new(ErrorKind::TooMany, "the rate limit is exceeded; try again later");
        problem.after_s(left.wait_s).into_response()
    };
    buckets.headers(left, response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_emptied_fills_evenly_and_is_each_callers_own() {
        let buckets = Buckets::new(Rate { requests: 10, per_s: 100 });
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let start = Time(1_700_000_000_000);
        for left in (0..10).rev() {
            let taken = buckets.take(&one, start);
            assert!(taken.is_let_in);
            assert_eq!(taken.remaining, left);
        }
        let refused = buckets.take(&one, start);
        assert!(!refused.is_let_in);
        assert_eq!((refused.wait_s, refused.full_at), (10, start + 100_000));
        assert!(buckets.take(&other, start).is_let_in);
        assert!(!buckets.take(&one, start + 9_900).is_let_in);
        assert!(buckets.take(&one, start + 10_000).is_let_in);
        // A clock that goes back gives nothing.
        assert!(!buckets.take(&one, start).is_let_in);
        for _ in 0..10 {
            assert!(buckets.take(&one, start + 1_000_000).is_let_in);
        }
        assert!(!buckets.take(&one, start + 1_000_000).is_let_in);
    }
}
