//! Registering, looking up, changing and searching.

use super::envelope::{ErrorBody, refusal, unfit};
use super::given::{Given, read};
use super::record::{Chain, mapping, record, summary};
use super::wire::{Registration, stamp};
use super::{address, found, query};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::{Action, policy};
use host::passport::record::Passport;
use host::passport::{Criteria, Edit, Fault, PassportError, Registered, Sort};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

/// What is answered to a registration.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Receipt {
    #[schema(example = "BP-2025-000001")]
    passport_id: String,
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    /// Where the code on the battery leads.
    #[schema(example = "https://wia.live/passport/BP-2025-000001")]
    qr_code: String,
    #[schema(example = "NFC-2025-001234")]
    nfc_tag: String,
    #[schema(example = "2025-01-15T10:00:00Z")]
    created: String,
    #[schema(example = "registered")]
    status: &'static str,
    /// Its twin, which every other family shows as well.
    twin_id: String,
    /// Which model of cells the twin works with, and why.
    #[schema(value_type = Object)]
    twin_model: Value,
    /// Whether the battery had a twin already, which is its twin now.
    adopted: bool,
    blockchain_hash: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Receipt {
    pub(super) fn of(done: &Registered, base: &str) -> Self {
        let passport = &done.passport;
        Self {
            passport_id: passport.passport_id.clone(),
            battery_id: passport.battery_id.clone(),
            qr_code: address::resolver(base, passport),
            nfc_tag: passport.nfc_tag.clone(),
            created: stamp(passport.registered_at),
            status: "registered",
            twin_id: passport.twin.to_string(),
            twin_model: mapping(passport),
            adopted: done.adopted,
            blockchain_hash: done.hash.clone(),
            warnings: done.warnings.clone(),
        }
    }
}

/// Registers a battery.
pub(super) async fn registered(
    app: &App,
    caller: &Caller,
    body: Registration,
) -> Result<Registered, Problem> {
    caller.may(Action::PassportRegister)?;
    let organisation = caller.known().organisation.clone();
    app.passports.register(body.given()?, organisation, &caller.name()).await.map_err(refusal)
}

/// Registers a battery: it gets a passport and a twin.
#[utoipa::path(post, path = "/batteries/register", tag = "Batteries", request_body = Registration,
    responses(
        (status = 201, description = "Registered.", body = Receipt),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 409, description = "DUPLICATE_SERIAL", body = ErrorBody),
    ))]
pub(super) async fn battery_register(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Given(body): Given<Registration>,
) -> Result<Response, Problem> {
    let done = registered(&app, &caller, body).await?;
    let location = format!("/battery-passport/v1/batteries/{}", done.passport.battery_id);
    let receipt = Receipt::of(&done, &address::base(&app, &headers));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(receipt)).into_response())
}

/// Whether somebody sees what is for authorities.
pub(super) fn sees_tests(caller: &Caller) -> bool {
    policy::may_at_all(caller.known(), Action::PassportAuthority).is_ok()
}

/// The whole record of a passport.
pub(super) async fn shown(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    passport: Passport,
) -> Result<Value, Problem> {
    let (facts, head) = app.passports.head(&passport).await.map_err(refusal)?;
    let view = app.passports.viewed(passport).await.map_err(refusal)?;
    Ok(record(&view, &Chain { facts, head }, &address::base(app, headers), sees_tests(caller)))
}

/// One passport, by any name of its battery.
#[utoipa::path(get, path = "/batteries/{batteryId}", tag = "Batteries",
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "The passport.", body = Value),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
    ))]
pub(super) async fn battery_view(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(id): At<String>,
) -> Result<Json<Value>, Problem> {
    let passport = found(&app, &caller, Action::PassportRead, &id).await?;
    shown(&app, &caller, &headers, passport).await.map(Json)
}

/// What became of a change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Updated {
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    #[schema(example = "2025-01-16T14:30:00Z")]
    updated: String,
    /// What really changed.
    #[schema(example = json!(["lifecycle.currentOwner", "lifecycle.application"]))]
    changes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blockchain_hash: Option<String>,
}

/// What is never changed here.
const FIXED: [&str; 10] = [
    "passportId",
    "batteryId",
    "nfcTag",
    "created",
    "updated",
    "version",
    "identity.serialNumber",
    "lifecycle.stateOfHealth",
    "lifecycle.cycleCount",
    "carbonFootprint",
];

/// Merges a change into a value (RFC 7396); what is null goes.
fn merge(into: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *into = change.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let Value::Object(into) = into else { return };
    for (key, value) in change {
        if value.is_null() {
            into.remove(key);
        } else {
            merge(into.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Names of leaves that differ, in the order of the document.
fn differences(path: &str, before: &Value, after: &Value, into: &mut Vec<String>) {
    if let (Value::Object(before), Value::Object(after)) = (before, after) {
        let added = after.keys().filter(|key| !before.contains_key(*key));
        for key in before.keys().chain(added) {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let of =
                |object: &serde_json::Map<String, Value>| object.get(key).cloned().unwrap_or(Value::Null);
            differences(&path, &of(before), &of(after), into);
        }
    } else if before != after {
        into.push(path.to_owned());
    }
}

/// Puts names of leaves in the order in which a registration has them.
fn in_document_order(changes: &mut [String], registrations: &[&Registration]) {
    let texts =
        registrations.iter().map(|registration| serde_json::to_string(registration).unwrap_or_default());
    let text: String = texts.collect();
    let place = |key: &str| text.find(&format!("\"{key}\":")).unwrap_or(usize::MAX);
    changes.sort_by_cached_key(|path| path.split('.').map(place).collect::<Vec<usize>>());
}

/// How a passport shall be after a change.
fn edit(passport: &Passport, change: &Value) -> Result<Edit, PassportError> {
    let wrong = |problem: Problem| {
        let fault = |field: &str, reason: &str| Fault { field: field.to_owned(), reason: reason.to_owned() };
        PassportError::Unfit(match problem.details() {
            [] => vec![fault(problem.field().unwrap_or("body"), problem.detail())],
            details => details.iter().map(|(field, reason)| fault(field, reason)).collect(),
        })
    };
    let known = Registration::of(passport);
    let before = serde_json::to_value(&known).unwrap_or_default();
    let mut merged = before.clone();
    merge(&mut merged, change);
    let changed: Registration = read(merged).map_err(wrong)?;
    let after = serde_json::to_value(&changed).unwrap_or_default();
    let mut changes = Vec::new();
    differences("", &before, &after, &mut changes);
    in_document_order(&mut changes, &[&changed, &known]);
    let stage = changed.stage().map_err(wrong)?;
    let given = changed.given().map_err(wrong)?;
    Ok(Edit { given, stage, changes })
}

/// Changes a passport: what is given replaces what was there, `null` removes it.
#[utoipa::path(patch, path = "/batteries/{batteryId}", tag = "Batteries", request_body = Registration,
    params(("batteryId" = String, Path, description = "Any name of the battery.")),
    responses(
        (status = 200, description = "What really changed.", body = Updated),
        (status = 400, description = "BAD_REQUEST: no JSON", body = ErrorBody),
        (status = 404, description = "BATTERY_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "INVALID_STATE", body = ErrorBody),
    ))]
pub(super) async fn battery_update(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    At(id): At<String>,
    Given(change): Given<Value>,
) -> Result<Json<Updated>, Problem> {
    let passport = found(&app, &caller, Action::PassportWrite, &id).await?;
    if !change.is_object() {
        return Err(unfit("body", "has to be an object"));
    }
    let now = shown(&app, &caller, &headers, passport).await?;
    for path in FIXED {
        let pointer = format!("/{}", path.replace('.', "/"));
        if let Some(asked) = change.pointer(&pointer)
            && now.pointer(&pointer) != Some(asked)
        {
            return Err(unfit(path, "is not changed here"));
        }
    }
    let visible = caller.visibility();
    let by = caller.name();
    let done = app.passports.update(&id, &visible, &by, |passport| edit(passport, &change)).await;
    let (changed, changes) = done.map_err(refusal)?;
    Ok(Json(Updated {
        battery_id: changed.passport.battery_id,
        updated: stamp(changed.at),
        changes,
        blockchain_hash: changed.hash,
    }))
}

/// Which batteries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchAsked {
    manufacturer: Option<String>,
    model: Option<String>,
    serial_number: Option<String>,
    /// Sort of chemistry: `lithium-ion` …
    chemistry: Option<String>,
    cathode: Option<String>,
    status: Option<String>,
    application: Option<String>,
    owner_id: Option<String>,
    /// Country of manufacture.
    country: Option<String>,
    /// [%]
    #[serde(rename = "minSoH")]
    #[param(rename = "minSoH")]
    min_soh: Option<String>,
    /// [%]
    #[serde(rename = "maxSoH")]
    #[param(rename = "maxSoH")]
    max_soh: Option<String>,
    min_cycles: Option<String>,
    max_cycles: Option<String>,
    manufactured_from: Option<String>,
    manufactured_to: Option<String>,
    /// Part of a name, a maker, a model or an owner.
    q: Option<String>,
    /// `created`, `-created`, `stateOfHealth`, `-stateOfHealth`, `manufacturingDate` or `-manufacturingDate`; the newest
    /// first where nobody says.
    sort: Option<String>,
    /// Batteries of a page, 1 to 200; 50 where nobody says.
    limit: Option<String>,
    /// Batteries before the page.
    offset: Option<String>,
}

fn in_order<T: PartialOrd>(field: &str, range: &(Option<T>, Option<T>)) -> Result<(), Problem> {
    match range {
        (Some(least), Some(most)) if least > most => Err(unfit(field, "is above the other end of the range")),
        _ => Ok(()),
    }
}

impl SearchAsked {
    fn criteria(self) -> Result<Criteria, Problem> {
        let soh = (
            query::share("minSoH", self.min_soh.as_deref())?,
            query::share("maxSoH", self.max_soh.as_deref())?,
        );
        let cycles = (
            query::number("minCycles", self.min_cycles.as_deref())?,
            query::number("maxCycles", self.max_cycles.as_deref())?,
        );
        let made = (
            query::date("manufacturedFrom", self.manufactured_from.as_deref())?,
            query::date("manufacturedTo", self.manufactured_to.as_deref())?,
        );
        in_order("minSoH", &soh)?;
        in_order("minCycles", &cycles)?;
        in_order("manufacturedFrom", &made)?;
        let sort_by = match self.sort.as_deref() {
            None | Some("-created") => Sort::Newest,
            Some("created") => Sort::Oldest,
            Some("stateOfHealth") => Sort::Soh,
            Some("-stateOfHealth") => Sort::SohDown,
            Some("manufacturingDate") => Sort::Made,
            Some("-manufacturingDate") => Sort::MadeDown,
            Some(other) => return Err(unfit("sort", format!("{other:?} is no order of this list"))),
        };
        Ok(Criteria {
            stage: query::named("status", self.status.as_deref())?,
            application: query::named("application", self.application.as_deref())?,
            manufacturer: self.manufacturer,
            model: self.model,
            serial: self.serial_number,
            sort: self.chemistry,
            cathode: self.cathode,
            owner: self.owner_id,
            country: self.country,
            soh,
            cycles,
            made,
            text: self.q,
            sort_by,
        })
    }
}

/// Searches batteries.
#[utoipa::path(get, path = "/batteries", tag = "Batteries", params(SearchAsked),
    responses((status = 200, description = "A page of summaries: `batteries`, `total`, `limit`, `offset`.", body = Value)))]
pub(super) async fn battery_search(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<SearchAsked>,
) -> Result<Json<Value>, Problem> {
    caller.may(Action::PassportRead)?;
    let part = query::part(asked.limit.as_deref(), asked.offset.as_deref())?;
    let criteria = asked.criteria()?;
    let found = app.passports.search(&criteria, &caller.visibility(), part).await.map_err(refusal)?;
    let batteries: Vec<Value> = found.items.iter().map(summary).collect();
    Ok(Json(json!({
        "batteries": batteries, "total": found.total, "limit": part.limit, "offset": part.skip,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_by_its_path() {
        let before = json!({ "a": { "b": 1.0, "c": "x" }, "d": [1] });
        let mut after = before.clone();
        merge(&mut after, &json!({ "a": { "b": 1.0, "c": null, "e": true }, "d": [1, 2] }));
        let mut changes = Vec::new();
        differences("", &before, &after, &mut changes);
        assert_eq!(changes, ["a.c", "a.e", "d"]);
    }
}
