//! What a battery's past says of its future, and how a fleet stands.

use super::envelope::{ErrorBody, refusal};
use super::wire::{kg, percent, rounded, stamp};
use super::{found, query};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::IntoParams;

/// Which time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AnalyticsAsked {
    from: Option<String>,
    to: Option<String>,
}

/// What a battery's past says of its future.
#[utoipa::path(get, path = "/batteries/{batteryId}/analytics", tag = "Analytics",
    params(("batteryId" = String, Path, description = "Any name of the battery."), AnalyticsAsked),
    responses(
        (status = 200, description = "Degradation, remaining life, use, anomalies, peers.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_analytics(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<AnalyticsAsked>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let span =
        (query::bound("from", asked.from.as_deref(), false)?, query::bound("to", asked.to.as_deref(), true)?);
    let told = app.passports.analytics(&id, &caller.visibility(), span).await.map_err(refusal)?;
    let view = &told.view;
    let use_ = told.usage;
    let model = match &told.foreseen {
        Some(life) if life.laws_apply => "ageing laws of the cells under the battery's own use",
        Some(_) => "line bent to the battery's own history",
        None => "straight line through the records",
    };
    let alerts = told.alerts.iter().map(|alert| {
        json!({
            "type": alert.alert_type, "severity": alert.severity.as_str(), "message": alert.message,
            "at": stamp(alert.triggered_at), "resolved": alert.resolved_at.map(stamp),
        })
    });
    let faults = told.faults.iter().map(|fault| {
        json!({ "type": format!("{}_sensor_{}", fault.sensor, fault.fault), "at": stamp(fault.since) })
    });
    Ok(Json(json!({
        "batteryId": view.passport.battery_id,
        "stateOfHealth": view.soh.map(percent),
        "cycleCount": view.cycles,
        "degradation": {
            "model": model,
            "parameterFile": view.passport.mapping.file,
            "trend": told.outlook.trend.as_str(),
            "ratePerCycle": told.outlook.per_cycle.map(|rate| rounded(rate, 9)),
            "ratePerYear": told.outlook.per_day.map(|rate| rounded(rate * 365.25, 6)),
            "projection": told.projection.iter().map(|point| json!({
                "cycle": rounded(point.cycle, 1), "date": point.at.map(|at| stamp(at).get(..10).map(str::to_owned)),
                "soh": percent(point.soh), "low": point.low.map(percent), "high": point.high.map(percent),
            })).collect::<Vec<_>>(),
            "history": told.history.iter().map(|point| json!({
                "timestamp": stamp(point.at), "cycle": point.cycles, "soh": percent(point.soh),
            })).collect::<Vec<_>>(),
        },
        "remainingLife": {
            "cycles": told.remaining.cycles.round() as u64,
            "days": told.remaining.days.map(|days| rounded(days, 1)),
            "daysBetween": told.remaining.days_between.map(|(low, high)| [rounded(low, 1), rounded(high, 1)]),
            "confidence": told.remaining.days_between.map(|_| 0.8),
            "method": told.remaining.by.as_str(),
        },
        "usage": {
            "energyThroughput": rounded(view.discharged_kwh, 3),
            "avgDoD": use_.map(|duty| percent(duty.depth)),
            "avgCRate": use_.map(|duty| rounded(duty.discharge_c_rate, 4)),
            "cyclesPerDay": use_.map(|duty| rounded(duty.equivalent_cycles_per_day, 4)),
            "temperatureExposure": told.exposure_min.map(|(above, below)| json!({
                "minutesAbove45C": above, "minutesBelow0C": below, "method": "hourly means",
            })),
        },
        "anomalies": alerts.chain(faults).collect::<Vec<_>>(),
        "peers": told.peers.as_ref().map(|peers| json!({
            "of": peers.of, "count": peers.count, "percentile": rounded(peers.percentile, 1),
        })),
        "calculatedAt": stamp(told.at),
    })))
}

/// Of which use.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FleetAsked {
    application: Option<String>,
}

/// How the batteries of an owner stand.
#[utoipa::path(get, path = "/fleets/{ownerId}/analytics", tag = "Analytics",
    params(("ownerId" = String, Path, description = "The owner."), FleetAsked),
    responses(
        (status = 200, description = "Counts, means and what is at risk.", body = Value),
        (status = 404, description = "NOT_FOUND: the owner holds none", body = ErrorBody),
    ))]
pub(super) async fn fleet_analytics(
    State(app): State<App>,
    caller: Caller,
    At(owner): At<String>,
    Asked(asked): Asked<FleetAsked>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::PassportRead)?;
    let application = query::named("application", asked.application.as_deref())?;
    let told = app.passports.fleet_analytics(&owner, application, &caller.visibility()).await;
    let told = told.map_err(refusal)?;
    let distribution = told.distribution.iter().map(|(bin, count)| ((*bin).to_owned(), json!(count)));
    Ok(Json(json!({
        "ownerId": told.owner,
        "batteryCount": told.count,
        "averageSoH": told.soh_mean.map(percent),
        "sohDistribution": Value::Object(distribution.collect::<Map<_, _>>()),
        "totalEnergyCapacity": rounded(told.energy_kwh, 3),
        "totalEnergyCapacityUnit": "kWh",
        "totalCO2e": kg(told.co2e_kg),
        "withFootprint": told.with_footprint,
        "byChemistry": told.by_chemistry,
        "byStatus": told.by_stage,
        "byApplication": told.by_application,
        "secondLifeCandidates": told.second_life,
        "atRisk": told.at_risk.iter().map(|risk| json!({
            "batteryId": risk.battery_id, "reasons": risk.reasons,
        })).collect::<Vec<_>>(),
        "averageComplianceScore": told.compliance_mean.map(|score| rounded(score, 1)),
        "complianceMethod": twin::passport::compliance::METHOD,
        "calculatedAt": stamp(told.at),
    })))
}
