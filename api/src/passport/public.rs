//! What everybody may see of a passport: data about the model (Annex XIII, 1), and nothing else. The view is made of
//! public fields only, so that there is nothing in it to hide.

use super::address;
use super::envelope::{ErrorBody, refusal};
use super::record::{footprint, is_for_authorities};
use super::wire::{Registration, camel, category_name, percent, rounded, shares};
use crate::body::At;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use host::passport::record::Passport;
use serde_json::{Map, Value, json};
use twin::passport::regulation::{self, Access};

/// Whether everybody may read a paper, by the table of attributes; papers that it does not know are not public.
fn is_public(paper: &str) -> bool {
    let known = regulation::attributes().iter().find(|attribute| camel(attribute.key()) == paper);
    known.is_some_and(|attribute| attribute.2 == Access::Public)
        || ["ceMarking", "un38_3"].contains(&paper) && !is_for_authorities(paper)
}

/// The public view of a passport.
pub(crate) fn public_body(passport: &Passport, base: &str) -> Value {
    let given = Registration::of(passport);
    let ratings = &passport.specifications.ratings;
    let contents = passport.contents();
    let mass_kg = passport.mass_kg();
    let critical = twin::passport::sourcing::CONCERNED
        .into_iter()
        .filter(|material| mass_kg.is_some_and(|mass_kg| contents[*material] > 1e-3 * mass_kg))
        .map(|material| material.name());
    let papers = given.documents.iter().filter(|(name, _)| is_public(name));
    let papers: Map<String, Value> = papers.map(|(name, paper)| (name.clone(), json!(paper))).collect();
    json!({
        "passportId": passport.passport_id,
        "batteryId": passport.battery_id,
        "tier": "public",
        "identity": {
            "manufacturer": passport.identity.manufacturer,
            "manufacturingDate": passport.identity.manufactured_on.to_string().get(..7),
            "manufacturingLocation": given.identity.place(),
            "warrantyYears": ratings.warranty_years,
        },
        "category": category_name(passport.category),
        "weight": mass_kg.map(|kg| rounded(kg, 2)),
        "weightUnit": "kg",
        "chemistry": { "type": passport.chemistry.sort, "cathode": passport.chemistry.cathode },
        "criticalRawMaterials": critical.collect::<Vec<_>>(),
        "hazardousSubstances": given.chemistry.hazards(),
        "carbonFootprint": passport.footprint.as_ref().map(footprint),
        "recycledContent": shares(&passport.recycled()),
        "renewableContent": passport.renewable.map(percent),
        "specifications": {
            "ratedCapacity": passport.specifications.capacity_ah,
            "ratedCapacityUnit": "Ah",
            "nominalVoltage": passport.specifications.voltage_nominal_v,
            "minimumVoltage": ratings.voltage_min_v,
            "maximumVoltage": ratings.voltage_max_v,
            "maximumPower": ratings.power_max_w,
            "expectedCycleLife": passport.specifications.expected_cycles,
            "capacityThreshold": percent(twin::passport::health::EXHAUSTED),
            "operatingTemperatureMin": ratings.temperature_min_c,
            "operatingTemperatureMax": ratings.temperature_max_c,
            "roundTripEfficiency": ratings.round_trip.map(percent),
            "roundTripEfficiencyHalfLife": ratings.round_trip_half_life.map(percent),
            "internalResistance": ratings.resistance_ohm,
            "cycleLifeTest": ratings.cycle_life_test,
            "cycleLifeCRate": ratings.cycle_life_c_rate,
        },
        "documents": papers,
        "publicUrl": address::passport(base, passport),
    })
}

/// Text for a page.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `manufacturingDate` as `Manufacturing date`.
fn words(name: &str) -> String {
    let mut out = String::new();
    for (place, letter) in name.chars().enumerate() {
        if place == 0 {
            out.extend(letter.to_uppercase());
        } else if letter.is_ascii_uppercase() {
            out.push(' ');
            out.push(letter.to_ascii_lowercase());
        } else {
            out.push(if letter == '_' { ' ' } else { letter });
        }
    }
    out
}

fn rows(name: &str, value: &Value, level: usize, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Object(fields) if fields.is_empty() => {}
        Value::Object(fields) => {
            let level = level.min(6);
            out.push_str(&format!("<h{level}>{}</h{level}><dl>", escape(&words(name))));
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_object() && !value.is_array()) {
                rows(name, value, level + 1, out);
            }
            out.push_str("</dl>");
            for (name, value) in fields.iter().filter(|(_, value)| value.is_object() || value.is_array()) {
                rows(name, value, level + 1, out);
            }
        }
        Value::Array(items) => {
            let items: Vec<String> = items
                .iter()
                .map(|item| {
                    item.as_str().or(item["name"].as_str()).map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect();
            if !items.is_empty() {
                let list = escape(&items.join(", "));
                out.push_str(&format!("<dl><dt>{}</dt><dd>{list}</dd></dl>", escape(&words(name))));
            }
        }
        value => {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            out.push_str(&format!("<dt>{}</dt><dd>{}</dd>", escape(&words(name)), escape(&text)));
        }
    }
}

/// The public view as a page.
fn page(view: &Value) -> String {
    let title = view["passportId"].as_str().unwrap_or_default();
    let mut body = String::new();
    if let Value::Object(fields) = view {
        body.push_str("<dl>");
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_object() && !value.is_array()) {
            rows(name, value, 2, &mut body);
        }
        body.push_str("</dl>");
        for (name, value) in fields.iter().filter(|(_, value)| value.is_object() || value.is_array()) {
            rows(name, value, 2, &mut body);
        }
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Battery passport {title}</title><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;color:#111}}\
         h1{{border-bottom:4px solid #22c55e}}h2{{font-size:1.15rem;margin:1.5rem 0 .3rem}}h3,h4,h5{{font-size:1rem;margin:.8rem 0 .2rem}}\
         dl{{display:grid;grid-template-columns:minmax(11rem,1fr) 2fr;gap:.15rem 1rem;margin:0}}\
         dt{{color:#555}}dd{{margin:0;overflow-wrap:anywhere}}</style></head>\
         <body><h1>Battery passport</h1>{body}</body></html>",
        title = escape(title),
    )
}

/// What the page needs: its own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// The view as a page where somebody asks for one, else as JSON.
fn answer(passport: &Passport, base: &str, headers: &HeaderMap, page_first: bool) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("*/*");
    let html = accept.find("text/html");
    let json = accept.find("application/json");
    let wants_page = match (html, json) {
        (Some(html), Some(json)) => html < json,
        (Some(_), None) => true,
        (None, Some(_)) => false,
        (None, None) => page_first,
    };
    let view = public_body(passport, base);
    if wants_page {
        let policy = HeaderValue::from_static(POLICY);
        ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page(&view))).into_response()
    } else {
        Json(view).into_response()
    }
}

/// The public view of a passport: no token is needed.
#[utoipa::path(get, path = "/passports/{passportId}", tag = "Public", security(()),
    params(("passportId" = String, Path, description = "`BP-…`")),
    responses(
        (status = 200, description = "What everybody may see, as JSON or, where `Accept` asks for it, as a page.", body = Value),
        (status = 404, description = "PASSPORT_NOT_FOUND", body = ErrorBody),
        (status = 422, description = "VALIDATION_ERROR: an id that is no text", body = ErrorBody),
        (status = 429, description = "RATE_LIMITED", body = ErrorBody),
    ))]
pub(super) async fn passport_public(
    State(app): State<App>,
    headers: HeaderMap,
    At(id): At<String>,
) -> Result<Response, Problem> {
    let passport = app.passports.public(&id).await.map_err(refusal)?;
    Ok(answer(&passport, &address::base(&app, &headers), &headers, false))
}

/// The same where a code leads to.
pub(crate) async fn passport_page(
    State(app): State<App>,
    headers: HeaderMap,
    At(id): At<String>,
) -> Result<Response, Problem> {
    let passport = app.passports.public(&id).await.map_err(refusal)?;
    Ok(answer(&passport, &address::base(&app, &headers), &headers, true))
}

/// The same by trade item number and serial number.
pub(crate) async fn trade_item_page(
    State(app): State<App>,
    headers: HeaderMap,
    At((gtin, serial)): At<(String, String)>,
) -> Result<Response, Problem> {
    let passport = app.passports.by_trade_item(&gtin, &serial).await.map_err(refusal)?;
    Ok(answer(&passport, &address::base(&app, &headers), &headers, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_escape_what_people_wrote() {
        let page = page(
            &json!({ "passportId": "BP-1", "identity": { "manufacturer": "<script>" }, "weight": null }),
        );
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
        assert!(page.contains("<dt>Manufacturer</dt>") && !page.contains("Weight"));
    }

    #[test]
    fn papers_are_public_by_the_table() {
        assert!(is_public("declarationOfConformity") && is_public("dueDiligenceReport"));
        assert!(!is_public("testReports") && !is_public("dismantlingManual") && !is_public("anything"));
    }
}
