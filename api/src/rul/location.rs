//! Places: facility twins that have a name in the namespace `location`.

use super::access::allowed;
use super::battery::{BatteryBody, BatteryPage};
use super::envelope::{ErrorBody, ruled_of};
use super::given::{LIST, part};
use super::wire::percent;
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::platform::monitor::{Place, PlaceCount};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A place.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LocationBody {
    location_id: String,
    name: String,
    region: Option<String>,
    city: Option<String>,
    country: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    temp_offset_c: Option<f64>,
    humidity_offset_pct: Option<f64>,
    power_outage_frequency_per_year: Option<f64>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    stats: Option<Stats>,
}

/// How the batteries of a place stand; left out where nobody asks.
#[derive(Debug, Serialize, ToSchema)]
struct Stats {
    total_batteries: usize,
    /// With a reading within fifteen minutes.
    active_batteries: usize,
    critical_batteries: usize,
    /// Mean of those whose health is known [%].
    average_soh: Option<f64>,
    active_alerts: usize,
}

impl From<PlaceCount> for Stats {
    fn from(count: PlaceCount) -> Self {
        Self {
            total_batteries: count.batteries,
            active_batteries: count.active,
            critical_batteries: count.critical,
            average_soh: count.soh_mean.map(percent),
            active_alerts: count.alerts,
        }
    }
}

impl LocationBody {
    fn of(place: &Place, count: Option<PlaceCount>) -> Self {
        let text = |label: &str| place.label(label).map(str::to_owned);
        Self {
            location_id: place.name.clone(),
            name: place.record.name.clone().unwrap_or_else(|| place.name.clone()),
            region: text("region"),
            city: text("city"),
            country: text("country"),
            latitude: place.position.map(|(lat, _)| lat),
            longitude: place.position.map(|(_, lon)| lon),
            temp_offset_c: place.number("temp_offset_c"),
            humidity_offset_pct: place.number("humidity_offset_pct"),
            power_outage_frequency_per_year: place.number("power_outage_frequency_per_year"),
            stats: count.map(Stats::from),
        }
    }
}

/// Places.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LocationPage {
    locations: Vec<LocationBody>,
    total: usize,
}

/// With or without statistics.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAsked {
    /// Whether batteries are counted; they are where nothing is said.
    include_stats: Option<bool>,
}

/// All places, in the order of their ids.
#[utoipa::path(
    get, path = "/locations", tag = "Locations", params(ListAsked), responses((status = 200, body = LocationPage)),
)]
pub(super) async fn location_list(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<ListAsked>,
) -> Result<Json<LocationPage>, Problem> {
    allowed(&caller, Action::MonitorRead)?;
    let visible = caller.visibility();
    let places = app.platform.places(&visible).await?;
    let mut locations = Vec::with_capacity(places.len());
    for place in &places {
        let count = match asked.include_stats.unwrap_or(true) {
            true => Some(app.platform.place_count(place, &visible).await?),
            false => None,
        };
        locations.push(LocationBody::of(place, count));
    }
    Ok(Json(LocationPage { total: locations.len(), locations }))
}

/// One place.
#[utoipa::path(
    get, path = "/locations/{location_id}", tag = "Locations", params(("location_id" = String, Path)),
    responses(
        (status = 200, body = LocationBody),
        (status = 404, body = ErrorBody, description = "Location not found."),
    ),
)]
pub(super) async fn location_view(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Json<LocationBody>, Problem> {
    allowed(&caller, Action::MonitorRead)?;
    let visible = caller.visibility();
    let place = app.platform.place(&id, &visible).await.map_err(ruled_of("Location", &id))?;
    let count = app.platform.place_count(&place, &visible).await?;
    Ok(Json(LocationBody::of(&place, Some(count))))
}

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BatteriesAsked {
    /// Batteries to leave out at the beginning.
    skip: Option<u64>,
    /// 1 to 1000; 100 where nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

/// Batteries of a place, in the order of their ids.
#[utoipa::path(
    get, path = "/locations/{location_id}/batteries", tag = "Locations",
    params(("location_id" = String, Path), BatteriesAsked),
    responses(
        (status = 200, body = BatteryPage),
        (status = 404, body = ErrorBody, description = "Location not found."),
    ),
)]
pub(super) async fn location_batteries(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    asked: Result<Asked<BatteriesAsked>, Problem>,
) -> Result<Json<BatteryPage>, Problem> {
    allowed(&caller, Action::MonitorRead)?;
    let visible = caller.visibility();
    let place = app.platform.place(&id, &visible).await.map_err(ruled_of("Location", &id))?;
    let Asked(asked) = asked?;
    let (skip, limit) = part(asked.skip, asked.limit, LIST)?;
    let (batteries, total) = app.platform.watched_list(Some(&place.name), &visible, skip, limit).await?;
    let batteries = batteries.iter().map(BatteryBody::from).collect();
    Ok(Json(BatteryPage { batteries, total }))
}
