//! Compliance, the report to the Union, and the passport as a file.

use super::envelope::{ErrorBody, refusal};
use super::record::{footprint, is_for_authorities};
use super::wire::{Registration, camel, category_name, percent, rounded, shares, stamp};
use super::{found, query};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use host::identity::Action;
use host::passport::{ComplianceReport, EuReport};
use serde::Deserialize;
use serde_json::{Value, json};
use twin::passport::compliance::{Compliance, METHOD, Status};
use twin::passport::regulation::{self, Attribute};
use utoipa::IntoParams;

/// As of when.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct ComplianceAsked {
    /// A day; today where nobody says.
    as_of: Option<String>,
}

fn findings(compliance: &Compliance) -> Value {
    let status = |status: Status| match status {
        Status::Satisfied => "satisfied",
        Status::Missing => "missing",
        Status::Failed => "failed",
    };
    let findings = compliance.findings.iter().map(|finding| {
        json!({
            "rule": finding.rule, "group": finding.group, "status": status(finding.status),
            "evidence": finding.evidence, "gap": Some(&finding.gap).filter(|gap| !gap.is_empty()),
        })
    });
    findings.collect()
}

fn upcoming(compliance: &Compliance) -> Value {
    let upcoming = compliance
        .upcoming
        .iter()
        .map(|rule| json!({ "rule": rule.rule, "asks": rule.asks, "appliesFrom": rule.applies_from }));
    upcoming.collect()
}

/// How a battery stands.
pub(crate) fn compliance_body(report: &ComplianceReport) -> Value {
    json!({
        "batteryId": report.passport.battery_id,
        "compliant": report.compliance.compliant,
        "complianceScore": rounded(report.compliance.score, 1),
        "method": METHOD,
        "regulation": "2023/1542",
        "euCategory": category_name(report.passport.category),
        "asOf": report.on,
        "findings": findings(&report.compliance),
        "upcoming": upcoming(&report.compliance),
        "passportCompleteness": percent(report.compliance.completeness),
        "ruleSet": regulation::regulation().set,
        "evaluatedAt": stamp(report.at),
    })
}

/// How a battery stands against the regulation.
#[utoipa::path(get, path = "/batteries/{batteryId}/compliance", tag = "Compliance",
    params(("batteryId" = String, Path, description = "Any name of the battery."), ComplianceAsked),
    responses(
        (status = 200, description = "Rule by rule, with the score CS-1.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn compliance_validate(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
    Asked(asked): Asked<ComplianceAsked>,
) -> Result<Json<Value>, Problem> {
    found(&app, &caller, Action::PassportRead, &id).await?;
    let on = query::date("asOf", asked.as_of.as_deref())?;
    let report = app.passports.compliance(&id, &caller.visibility(), on).await.map_err(refusal)?;
    Ok(Json(compliance_body(&report)))
}

/// The report to the Union; what is for authorities only where `sees_tests`.
pub(crate) fn eu_report_body(report: &EuReport, sees_tests: bool) -> Value {
    let view = &report.view;
    let passport = &view.passport;
    let given = Registration::of(passport);
    let ratings = &passport.specifications.ratings;
    let contents = passport.contents();
    let mass_kg = passport.mass_kg();
    let critical = twin::passport::sourcing::CONCERNED.into_iter().filter(|material| {
        // More than a thousandth of the mass.
        mass_kg.is_some_and(|mass_kg| contents[*material] > 1e-3 * mass_kg)
    });
    let missing: Vec<String> = regulation::attributes()
        .iter()
        .filter(|attribute| attribute.is_mandatory() && !report.attributes.contains(attribute.key()))
        .map(|attribute: &Attribute| camel(attribute.key()))
        .collect();
    let documents: Vec<(&String, _)> =
        given.documents.iter().filter(|(name, _)| sees_tests || !is_for_authorities(name)).collect();
    let documents: serde_json::Map<String, Value> =
        documents.into_iter().map(|(name, paper)| (name.clone(), json!(paper))).collect();
    json!({
        "regulation": "2023/1542",
        "batteryId": passport.battery_id,
        "passportId": passport.passport_id,
        "reportDate": stamp(report.at).get(..10),
        "annexVI": {
            "manufacturer": passport.identity.manufacturer,
            "category": category_name(passport.category),
            "identification": passport.battery_id,
            "placeOfManufacture": given.identity.place(),
            "dateOfManufacture": passport.identity.manufactured_on.to_string().get(..7),
            "weight": mass_kg.map(|kg| rounded(kg, 2)),
            "weightBasis": if passport.chemistry.mass_kg.is_some() { "stated" } else { "tables" },
            "capacity": passport.specifications.capacity_ah,
            "chemistry": passport.chemistry.cathode,
            "hazardousSubstances": given.chemistry.hazards(),
            "criticalRawMaterials": critical.map(|material| material.name()).collect::<Vec<_>>(),
        },
        "annexVII": {
            "stateOfCertifiedEnergy": view.soh.map(percent),
            "remainingCapacity": view.soh.map(|soh| rounded(soh * passport.specifications.capacity_ah, 3)),
            "powerFade": view.power_fade().map(percent),
            "resistanceIncrease": view.resistance_growth().map(percent),
            "fullEquivalentCycles": view.cycles,
            "energyThroughput": rounded(view.discharged_kwh, 3),
            "capacityThroughput": rounded(view.discharged_ah, 3),
            "manufacturingDate": passport.identity.manufactured_on,
            "installationDate": passport.lifecycle.installed_on,
            "roundTripEfficiency": ratings.round_trip.map(percent),
        },
        "annexXIII": {
            "status": passport.annex_status(),
            "documents": documents,
            "missingAttributes": missing,
        },
        "carbonFootprint": passport.footprint.as_ref().map(footprint),
        "recycledContent": shares(&passport.recycled()),
        "dueDiligence": {
            "report": passport.papers.contains_key("due_diligence_report"),
            "sources": passport.materials.len(),
        },
        "completeness": percent(report.compliance.completeness),
        "complianceScore": rounded(report.compliance.score, 1),
        "compliant": report.compliance.compliant,
        "method": METHOD,
        "findings": findings(&report.compliance),
        "upcoming": upcoming(&report.compliance),
    })
}
