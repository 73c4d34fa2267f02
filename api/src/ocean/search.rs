//! Batches around a place.

use super::batch::stage;
use super::envelope::{Meta, Part, no, unfit};
use super::given::{Given, Shape, needed};
use super::wire::{Spot, edge, rounded, spot};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use host::identity::Action;
use host::plastic::{Flaw, Search, WhichBatches};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twin::geo::NAUTICAL_MILE_KM;
use twin::plastic::batch::Stage;
use twin::plastic::material::{NoResin, Resin};
use utoipa::ToSchema;

/// Kilometres in a statute mile.
const MILE_KM: f64 = 1.609_344;

/// What is looked for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct SearchAsked {
    center: Option<Spot>,
    #[schema(example = 50)]
    radius: Option<f64>,
    /// `km`, `m`, `mi` or `nmi`; `km` where nobody says.
    #[schema(example = "km")]
    unit: Option<String>,
    filters: Option<Filters>,
    /// 1 to 500; 50 where nobody says.
    limit: Option<u32>,
    offset: Option<u32>,
}

impl Shape for SearchAsked {}

/// Which of those.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Filters {
    status: Option<Vec<String>>,
    date_range: Option<Range>,
    resin_code: Option<Vec<String>>,
    organization_id: Option<String>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct Range {
    start: Option<String>,
    end: Option<String>,
}

impl Filters {
    fn which(self) -> Result<WhichBatches, Problem> {
        let stages: Result<Vec<Stage>, Problem> =
            self.status.iter().flatten().map(|name| stage("filters.status", name)).collect();
        let resins: Result<Vec<Resin>, Problem> = self
            .resin_code
            .iter()
            .flatten()
            .map(|name| {
                let read = name.parse();
                read.map_err(|error: NoResin| unfit(Flaw::Resin, "filters.resinCode", error.to_string()))
            })
            .collect();
        let range = self.date_range.unwrap_or(Range { start: None, end: None });
        let start = range.start.as_deref().map(|text| edge("filters.dateRange.start", text, false));
        let end = range.end.as_deref().map(|text| edge("filters.dateRange.end", text, true));
        Ok(WhichBatches {
            stages: stages?,
            from: start.transpose()?,
            to: end.transpose()?,
            organisation_id: self.organization_id,
            resins: resins?,
            ..WhichBatches::default()
        })
    }
}

/// Batches collected within a distance, the nearest first.
#[utoipa::path(post, path = "/search/batches/geo", tag = "Search", request_body = SearchAsked,
    responses((status = 200, description = "`results`, `total`.", body = Value)))]
pub(super) async fn batch_search(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Given(asked): Given<SearchAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchRead)?;
    let centre = needed(Flaw::Place, "center", asked.center)?.position("center")?;
    let radius = needed(Flaw::Other, "radius", asked.radius)?;
    let unit = asked.unit.as_deref().unwrap_or("km");
    let unit_km = match unit {
        "km" => 1.0,
        "m" => 1e-3,
        "mi" => MILE_KM,
        "nmi" => NAUTICAL_MILE_KM,
        other => return Err(unfit(Flaw::Other, "unit", format!("{other:?} is none of km, m, mi, nmi"))),
    };
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let part = Part::read(number(asked.limit).as_deref(), number(asked.offset).as_deref())?;
    let which = asked.filters.unwrap_or_default().which()?;
    let search = Search { centre, radius_km: radius * unit_km, which };
    let (found, total) = app.plastic()?.search(caller.known(), &search, part.into()).await.map_err(no)?;
    let results: Vec<Value> = found
        .iter()
        .map(|one| {
            json!({
                "batchId": one.batch.to_string(), "location": spot(one.position),
                "distance": { "value": rounded(one.distance_km / unit_km, 1), "unit": unit },
            })
        })
        .collect();
    Ok(meta.said(StatusCode::OK, json!({ "results": results, "total": total })))
}
