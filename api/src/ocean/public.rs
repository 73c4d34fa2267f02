//! What everybody may see of a batch: its label, and where it came by.
//!
//! Names of people and devices are left out, and places are rounded to two decimals, about a kilometre.

use super::envelope::{Meta, no};
use super::wire::{batch_id, known, rounded, seconds};
use crate::body::At;
use crate::paper::{Code, Correction};
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::plastic::{BatchSight, Plastic};
use host::platform::ErrorKind;
use serde_json::{Value, json};

/// The address that this server has outside, without a slash at its end.
pub(super) fn base(app: &App, headers: &HeaderMap) -> String {
    if let Some(base) = &app.settings.ocean.public_url {
        return base.trim_end_matches('/').to_owned();
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let is_host = |host: &&str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        !host.is_empty() && host.chars().all(is_plain)
    };
    format!("http://{}", host.filter(is_host).unwrap_or("localhost"))
}

fn accepts(headers: &HeaderMap, kind: &str) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|one| one.split(';').next().unwrap_or_default().trim() == kind)
}

/// `GET /qr/{batchId}`: an image for whoever accepts one, else the way to the batch's page.
pub(super) async fn label_view(
    State(app): State<App>,
    headers: HeaderMap,
    At(id): At<String>,
) -> Result<Response, Problem> {
    let id = batch_id(&id)?;
    app.plastic()?.batch_public(id).await.map_err(no)?;
    let page = format!("{}/batch/{id}", base(&app, &headers));
    let (is_svg, is_png) = (accepts(&headers, "image/svg+xml"), accepts(&headers, "image/png"));
    if !is_svg && !is_png {
        let location = HeaderValue::from_str(&page).map_err(|_| broken())?;
        return Ok((StatusCode::FOUND, [(header::LOCATION, location)]).into_response());
    }
    let code = Code::new(&page, Correction::Q).map_err(|_| broken())?;
    if is_svg {
        let svg = code.svg(512).map_err(|_| broken())?;
        return Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response());
    }
    let png = code.png(512).map_err(|_| broken())?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}

fn broken() -> Problem {
    Problem::new(ErrorKind::Broken, "there is no label for this batch")
}

/// The way of a batch as everybody may see it.
fn journey(sight: &BatchSight) -> Vec<Value> {
    let legs = Plastic::journey(&sight.batch).into_iter().map(|leg| {
        let step = leg.step;
        known(json!({
            "stage": step.stage.status(), "timestamp": seconds(step.at), "facility": step.place.facility,
            "location": step.place.position.map(|place| {
                json!({ "latitude": rounded(place.latitude_deg, 2), "longitude": rounded(place.longitude_deg, 2) })
            }),
            "distance": leg.distance_km.map(|km| json!({ "value": rounded(km, 0), "unit": "km" })),
        }))
    });
    legs.collect()
}

/// `GET /batch/{batchId}`: the way of a batch, as a page or as JSON.
pub(super) async fn journey_page(
    State(app): State<App>,
    meta: Meta,
    headers: HeaderMap,
    At(id): At<String>,
) -> Result<Response, Problem> {
    let sight = app.plastic()?.batch_public(batch_id(&id)?).await.map_err(no)?;
    if accepts(&headers, "application/json") {
        let body = json!({
            "batchId": sight.batch.id.to_string(), "status": sight.batch.stage().status(),
            "collected": seconds(sight.batch.origin.at), "method": sight.batch.origin.method.name(),
            "journey": journey(&sight),
        });
        return Ok(meta.said(StatusCode::OK, body));
    }
    let page = super::page::page(&sight);
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";
    Ok((
        [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)],
        page,
    )
        .into_response())
}
