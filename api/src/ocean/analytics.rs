//! Figures of what was collected, and what it means.

use super::envelope::{Meta, no, unfit};
use super::given::needed;
use super::wire::{edge, kg, kg_co2, rounded, seconds};
use crate::body::Asked;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use host::identity::Action;
use host::plastic::{CollectionStats, Environmental, Flaw, GroupBy, Window};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use twin::plastic::factors::virgin_kg_co2e_per_kg;
use twin::plastic::gear::Method;
use twin::plastic::material::Resin;
use twin::time::Time;
use utoipa::IntoParams;

/// Which span, and by what.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct WindowAsked {
    /// Collected from here on: a day, or an instant.
    start_date: Option<String>,
    /// Collected up to here; a day is meant to its end.
    end_date: Option<String>,
    /// `day`, `week` or `month`, of UTC; weeks begin on Monday.
    group_by: Option<String>,
    organization_id: Option<String>,
}

impl WindowAsked {
    fn window(&self) -> Result<Window, Problem> {
        let start = needed(Flaw::Other, "startDate", self.start_date.as_deref())?;
        let end = needed(Flaw::Other, "endDate", self.end_date.as_deref())?;
        Ok(Window {
            from: edge("startDate", start, false)?,
            to: edge("endDate", end, true)?,
            organisation_id: self.organization_id.clone(),
        })
    }
}

fn period(from: Time, to: Time) -> Value {
    json!({ "start": seconds(from), "end": seconds(to) })
}

/// What was collected, as it is told; buckets under a name.
pub(super) fn statistics(stats: &CollectionStats) -> Value {
    let resins: Map<String, Value> = Resin::ALL
        .into_iter()
        .zip(stats.resins)
        .filter(|(_, (batches, _))| *batches > 0)
        .map(|(resin, (batches, mass_kg))| {
            (resin.name().to_owned(), json!({ "batches": batches, "weight": kg(mass_kg) }))
        })
        .collect();
    let methods: Map<String, Value> = Method::ALL
        .into_iter()
        .zip(stats.methods)
        .filter(|(_, batches)| *batches > 0)
        .map(|(method, batches)| (method.name().to_owned(), json!(batches)))
        .collect();
    json!({
        "totalBatches": stats.batches, "totalWeight": kg(stats.mass_kg), "byResinType": resins, "byMethod": methods,
    })
}

/// Spans as they are told.
pub(super) fn buckets(stats: &CollectionStats) -> Vec<Value> {
    let told = stats.buckets.iter().map(|bucket| {
        json!({ "date": bucket.first.to_string(), "batches": bucket.batches, "weight": kg(bucket.mass_kg) })
    });
    told.collect()
}

/// What it means, as it is told.
pub(super) fn impact(of: &Environmental) -> Value {
    let life = &of.life;
    let mut species = Vec::new();
    for (name, count) in [("fish", life.fish), ("seabird", life.birds), ("marine_mammal", life.mammals)] {
        if count.round() >= 1.0 {
            species.push(name);
        }
    }
    json!({
        "totalPlasticCollected": kg(of.sum.collected_kg),
        "marineLifeSaved": {
            "estimatedAnimals": life.vertebrates().round(), "speciesTypes": species, "lower": 0,
            "upper": life.all().round(), "ghostNets": rounded(life.nets, 2), "method": "MLS-1",
            "disclaimer": "Mean of animals found in 870 recovered gillnets (Good et al. 2010), by the number of nets alone; \
                nothing follows from the weight of other plastic. The lower bound is none, the upper one counts invertebrates.",
        },
        "carbonFootprint": {
            "collection": kg_co2(of.collection_kg_co2e), "transportation": kg_co2(of.transport_kg_co2e),
            "processing": kg_co2(of.processing_kg_co2e), "total": kg_co2(of.total_kg_co2e()),
            "netImpact": kg_co2(of.net_kg_co2e()),
        },
        "oceanCleanupArea": { "value": rounded(of.area_km2 * 1e6, 0), "unit": "m2" },
        "virginPlasticAvoided": kg(of.sum.avoided_kg),
    })
}

/// What the figures rest on.
pub(super) fn basis(of: &Environmental) -> Value {
    json!({
        "method": of.method,
        "collection": {
            "fuel": of.effort.fuel_l.map(|litres| json!({ "value": rounded(litres, 1), "unit": "l" })),
            "assumedFromWeight": kg_co2(of.collection_assumed_kg_co2e),
        },
        "oceanCleanupArea": {
            "tracked": of.effort.cleared_km2.map(|km2| json!({ "value": rounded(km2 * 1e6, 0), "unit": "m2" })),
            "assumedFromDensity": { "value": rounded(of.area_assumed_km2 * 1e6, 0), "unit": "m2" },
        },
        "virginPlasticAvoided": {
            "basis": if of.sum.expected_kg > 0.0 { "expected" } else { "recovered" },
            "expected": kg(of.sum.expected_kg), "recovered": kg(of.sum.avoided_kg - of.sum.expected_kg),
        },
        "gridFactor": { "value": of.grid_kg_co2e_per_kwh, "unit": "kg_co2/kWh" },
        "virginFactors": Resin::ALL.map(|resin| json!({ "resinCode": resin.name(), "value": virgin_kg_co2e_per_kg(resin) })),
    })
}

/// What was collected.
#[utoipa::path(get, path = "/analytics/collection", tag = "Analytics", params(WindowAsked),
    responses((status = 200, description = "`period`, `statistics`, `daily`, `weekly` or `monthly`.", body = Value)))]
pub(super) async fn collection_view(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Asked(asked): Asked<WindowAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::AnalyticsRead)?;
    let window = asked.window()?;
    let (by, name) = match asked.group_by.as_deref() {
        None | Some("day") => (GroupBy::Day, "daily"),
        Some("week") => (GroupBy::Week, "weekly"),
        Some("month") => (GroupBy::Month, "monthly"),
        Some(other) => {
            return Err(unfit(Flaw::Other, "groupBy", format!("{other:?} is none of day, week, month")));
        }
    };
    let stats = app.plastic()?.collection(caller.known(), &window, by).await.map_err(no)?;
    let mut body = json!({ "period": period(window.from, window.to), "statistics": statistics(&stats) });
    if let Value::Object(fields) = &mut body {
        fields.insert(name.to_owned(), Value::Array(buckets(&stats)));
    }
    Ok(meta.said(StatusCode::OK, body))
}

/// What it means for climate and sea.
#[utoipa::path(get, path = "/analytics/environmental", tag = "Analytics", params(WindowAsked),
    responses((status = 200, description = "`period`, `impact`, `basis`, `factorSet`.", body = Value)))]
pub(super) async fn environmental_view(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Asked(asked): Asked<WindowAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::AnalyticsRead)?;
    let window = asked.window()?;
    let of = app.plastic()?.environmental(caller.known(), &window).await.map_err(no)?;
    let body = json!({
        "period": period(window.from, window.to), "impact": impact(&of), "basis": basis(&of),
        "factorSet": of.factor_set,
    });
    Ok(meta.said(StatusCode::OK, body))
}
