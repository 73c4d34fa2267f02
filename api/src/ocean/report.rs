//! Reports: asked for, looked at, downloaded.

use super::envelope::{ErrorBody, Meta, no, unfit};
use super::given::{Given, Shape, needed, text};
use super::public::base;
use super::wire::{edge, known, seconds};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::plastic::{self, Flaw, Link, ReportFormat, ReportKind, ReportState};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

/// A report that is asked for.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewReport {
    /// `monthly_impact`, `collection_summary`, `environmental` or `facility`.
    #[schema(example = "monthly_impact")]
    r#type: Option<String>,
    period: Option<Period>,
    organization_id: Option<String>,
    /// `pdf`, `csv`, `xlsx` or `json`.
    #[schema(example = "pdf")]
    format: Option<String>,
    include_charts: Option<bool>,
}

impl Shape for NewReport {}

/// From when to when.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct Period {
    #[schema(example = "2025-01-01")]
    start: Option<String>,
    #[schema(example = "2025-01-31")]
    end: Option<String>,
}

/// Asks for a report; it is made beside.
#[utoipa::path(post, path = "/reports/generate", tag = "Reports", request_body = NewReport,
    responses((status = 202, description = "`reportId`, `status`, `estimatedCompletion`.", body = Value)))]
pub(super) async fn report_create(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Given(new): Given<NewReport>,
) -> Result<Response, Problem> {
    caller.may(Action::ReportWrite)?;
    let sort = text("type", new.r#type)?;
    let kind = ReportKind::ALL.into_iter().find(|kind| kind.name() == sort).ok_or_else(|| {
        let known = ReportKind::ALL.map(ReportKind::name).join(", ");
        unfit(Flaw::Other, "type", format!("{sort:?} is none of {known}"))
    })?;
    let form = text("format", new.format)?;
    let format = ReportFormat::ALL.into_iter().find(|format| format.name() == form).ok_or_else(|| {
        let known = ReportFormat::ALL.map(ReportFormat::name).join(", ");
        unfit(Flaw::Other, "format", format!("{form:?} is none of {known}"))
    })?;
    let period = needed(Flaw::Other, "period", new.period)?;
    let new = plastic::NewReport {
        kind,
        from: edge("period.start", &text("period.start", period.start)?, false)?,
        to: edge("period.end", &text("period.end", period.end)?, true)?,
        organisation_id: new.organization_id,
        format,
        charts: new.include_charts.unwrap_or(true),
    };
    let report = app.plastic()?.report_create(caller.known(), new).await.map_err(no)?;
    let body = json!({
        "reportId": report.id, "status": "processing", "estimatedCompletion": seconds(report.estimated),
    });
    Ok(meta.said(StatusCode::ACCEPTED, body))
}

/// How a report stands.
#[utoipa::path(get, path = "/reports/{reportId}", tag = "Reports",
    params(("reportId" = String, Path, description = "`RPT-2025-001`")),
    responses((status = 200, description = "`reportId`, `status`, `downloadUrl`, `expiresAt`, `error`.", body = Value),
        (status = 404, description = "ERR_REPORT_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn report_view(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    headers: HeaderMap,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::ReportRead)?;
    let (report, link) = app.plastic()?.report(caller.known(), &id).await.map_err(no)?;
    let status = match &report.state {
        ReportState::Processing => "processing",
        ReportState::Completed => "completed",
        ReportState::Failed(_) => "failed",
        ReportState::Expired => "expired",
    };
    let error = match &report.state {
        ReportState::Failed(why) => Some(why.clone()),
        _ => None,
    };
    let url = link.map(|link| {
        let base = base(&app, &headers);
        format!("{base}/reports/{id}/download?exp={}&sig={}", link.until_s, link.signature)
    });
    let body = json!({
        "reportId": report.id, "status": status, "type": report.kind.name(), "format": report.format.name(),
        "downloadUrl": url, "expiresAt": report.expires.map(seconds), "error": error,
        "estimatedCompletion": (report.state == ReportState::Processing).then(|| seconds(report.estimated)),
    });
    Ok(meta.said(StatusCode::OK, known(body)))
}

/// What makes a link good.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LinkAsked {
    /// Until when [s since the epoch].
    exp: Option<i64>,
    /// Signature.
    sig: Option<String>,
}

/// A report's file: for whoever may read reports, and for whoever has the link.
#[utoipa::path(get, path = "/reports/{reportId}/download", tag = "Reports",
    params(("reportId" = String, Path, description = "`RPT-2025-001`"), LinkAsked),
    responses((status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, description = "ERR_REPORT_NOT_FOUND, ERR_REPORT_EXPIRED", body = ErrorBody),
        (status = 409, description = "ERR_CONFLICT: it is still being made.", body = ErrorBody)))]
pub(super) async fn report_download(
    State(app): State<App>,
    At(id): At<String>,
    Asked(asked): Asked<LinkAsked>,
    request: Request,
) -> Result<Response, Problem> {
    let plastic = app.plastic()?;
    let found = match (asked.exp, asked.sig) {
        (Some(until_s), Some(signature)) => plastic.report_linked(&id, &Link { until_s, signature }).await,
        _ => {
            let (mut parts, _) = request.into_parts();
            let caller = Caller::from_request_parts(&mut parts, &app).await?;
            caller.may(Action::ReportRead)?;
            plastic.report_file(caller.known(), &id).await
        }
    };
    let (report, file) = found.map_err(no)?;
    let kind = match report.format {
        ReportFormat::Pdf => "application/pdf",
        ReportFormat::Csv => "text/csv; charset=utf-8",
        ReportFormat::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ReportFormat::Json => "application/json",
    };
    let name = format!("attachment; filename=\"{}.{}\"", report.id, report.format.name());
    let mut response = file.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    Ok(response)
}
