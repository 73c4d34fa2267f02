//! How often somebody may ask: so often an hour, and so often in a burst, by the tier of whoever asks.
//!
//! Both are buckets that fill evenly: one of the hour, one of a minute that holds the burst. Who is let in takes from both.

use super::wire::seconds;
use crate::caller::Caller;
use crate::edge::{Buckets, Rate};
use crate::problem::Problem;
use crate::server::App;
use axum::Router;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::HeaderValue;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use host::platform::ErrorKind;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::time::Time;

/// How much somebody may ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// 1,000 requests an hour, 100 in a burst.
    Free,
    /// 10,000 and 500.
    #[default]
    Standard,
    /// 100,000 and 2,000.
    Premium,
    /// Any number.
    Enterprise,
}

impl Tier {
    const ALL: [Self; 4] = [Self::Free, Self::Standard, Self::Premium, Self::Enterprise];

    fn name(self) -> &'static str {
        ["free", "standard", "premium", "enterprise"][self as usize]
    }

    /// Requests an hour and in a burst.
    fn limits(self) -> Option<(u32, u32)> {
        match self {
            Self::Free => Some((1_000, 100)),
            Self::Standard => Some((10_000, 500)),
            Self::Premium => Some((100_000, 2_000)),
            Self::Enterprise => None,
        }
    }
}

/// How the family is set up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Tier of whoever has no other.
    pub tier: Tier,
    /// Tiers by organisation, or by caller (`client:…`, `user:…`).
    pub tiers: BTreeMap<String, Tier>,
    /// Address that labels and links lead to, without a slash at its end; the one that was asked for where there is none.
    pub public_url: Option<String>,
}

#[derive(Debug)]
struct Tiers {
    settings: Settings,
    hours: Vec<Option<Buckets>>,
    bursts: Vec<Option<Buckets>>,
}

impl Tiers {
    fn new(settings: Settings) -> Self {
        let of = |rate: fn((u32, u32)) -> Option<Rate>| {
            Tier::ALL.iter().map(|tier| tier.limits().and_then(rate).map(Buckets::new)).collect()
        };
        Self {
            settings,
            hours: of(|(hour, _)| Rate::per_hour(hour)),
            bursts: of(|(_, burst)| Rate::per_minute(burst)),
        }
    }

    fn tier(&self, caller: &Caller) -> Tier {
        let known = caller.known();
        let by_name = |name: &str| self.settings.tiers.get(name).copied();
        let by_caller = by_name(&known.subject.to_string());
        let by_organisation = || known.organisation.as_deref().and_then(by_name);
        by_caller.or_else(by_organisation).unwrap_or(self.settings.tier)
    }
}

/// Counts requests of known callers.
pub(super) fn counted(router: Router<App>, app: &App) -> Router<App> {
    let tiers = Arc::new(Tiers::new(app.settings.ocean.clone()));
    router.layer(middleware::from_fn_with_state((app.clone(), tiers), count))
}

async fn count(State((app, tiers)): State<(App, Arc<Tiers>)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::from_request_parts(&mut parts, &app).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let tier = tiers.tier(&caller);
    let (name, now) = (caller.counted_as(), app.wall.now());
    parts.extensions.insert(caller);
    let request = Request::from_parts(parts, body);
    let counted = tiers.hours[tier as usize].as_ref().zip(tiers.bursts[tier as usize].as_ref());
    let mut response = match counted {
        None => next.run(request).await,
        Some((hours, bursts)) => {
            let burst = bursts.take(&name, now);
            // Who is too quick does not use up the hour as well.
            let hour = if burst.is_let_in { hours.take(&name, now) } else { hours.look(&name, now) };
            let wait_s = match (burst.is_let_in, hour.is_let_in) {
                (true, true) => None,
                (false, _) => Some(burst.wait_s),
                (true, false) => Some(hour.wait_s),
            };
            let limit = tier.limits().map_or(0, |limits| limits.0);
            let mut response = match wait_s {
                None => next.run(request).await,
                Some(wait_s) => {
                    let reset_at = Time(now.0 + i64::try_from(wait_s).unwrap_or(0) * 1_000);
                    let details = json!({ "limit": limit, "resetAt": seconds(reset_at) });
                    let problem = Problem::new(ErrorKind::TooMany, "Rate limit exceeded");
                    problem.after_s(wait_s).saying(details).into_response()
                }
            };
            let headers = response.headers_mut();
            headers.insert("x-ratelimit-limit", HeaderValue::from(limit));
            headers.insert("x-ratelimit-remaining", HeaderValue::from(hour.remaining));
            headers.insert("x-ratelimit-reset", HeaderValue::from(hour.full_at.0.div_euclid(1_000) + 1));
            response
        }
    };
    response.headers_mut().insert("x-ratelimit-tier", HeaderValue::from_static(tier.name()));
    response
}
