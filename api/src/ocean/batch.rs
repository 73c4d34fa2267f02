//! Batches.

use super::envelope::{ErrorBody, Meta, Part, no, unfit};
use super::given::{Given, Shape, needed, text};
use super::public::base;
use super::wire::{
    self, Spot, Weight, batch_id, edge, instant, kg, known, method, position, rounded, seconds, spot,
};
use crate::body::{Asked, At};
use crate::caller::Caller;
use crate::problem::Problem;
use crate::server::App;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use host::identity::Action;
use host::plastic::{self, Declared, DeclaredPart, Flaw, NewStatus, Plastic, WhichBatches};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use twin::plastic::batch::{Collector, Origin, Place, Stage};
use twin::plastic::declared;
use twin::plastic::material::{Condition, Material, Resin};
use utoipa::{IntoParams, ToSchema};

/// Words for nets among items.
const NETS: [&str; 6] = ["ghost_net", "fishing_net", "net", "gillnet", "trawl_net", "drift_net"];

/// A batch to be registered.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct NewBatch {
    collection: Option<NewCollection>,
    material: Option<NewMaterial>,
}

impl Shape for NewBatch {
    const CODE: &'static str = "ERR_INVALID_BATCH";
}

/// Where it was collected, when, by whom and how.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct NewCollection {
    location: Option<NewLocation>,
    #[schema(example = "2025-01-15T10:30:00Z")]
    timestamp: Option<String>,
    collector: Option<NewCollector>,
    /// `beach_cleanup`, `vessel_net`, `underwater_collection` or `river_trap`.
    #[schema(example = "beach_cleanup")]
    method: Option<String>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewLocation {
    gps: Option<Gps>,
    #[schema(example = "Haeundae Beach, Busan")]
    description: Option<String>,
    ocean_zone: Option<String>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct Gps {
    #[schema(example = 37.5665)]
    latitude: Option<f64>,
    #[schema(example = 126.978)]
    longitude: Option<f64>,
    /// [m]
    #[schema(example = 5.0)]
    accuracy: Option<f64>,
}

#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewCollector {
    #[schema(example = "IOT-DEV-001")]
    device_id: Option<String>,
    #[schema(example = "ORG-CLEANUP-001")]
    organization_id: Option<String>,
    vessel_id: Option<String>,
    operator: Option<String>,
}

/// What it is made of.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewMaterial {
    total_weight: Option<Weight>,
    composition: Option<Vec<NewPart>>,
    contamination_level: Option<Value>,
    estimated_age: Option<Value>,
    items: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewPart {
    /// A name as `PET`, or a code from 1 to 7.
    resin_code: Option<Value>,
    #[schema(example = 50)]
    percentage: Option<f64>,
    weight: Option<Weight>,
    /// `good`, `contaminated`, `degraded` or `microplastic`.
    #[schema(example = "good")]
    condition: Option<String>,
}

fn resin(field: &str, value: Option<&Value>) -> Result<Resin, Problem> {
    let text = match needed(Flaw::Resin, field, value)? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.parse()
        .map_err(|error: twin::plastic::material::NoResin| unfit(Flaw::Resin, field, error.to_string()))
}

fn condition(field: &str, name: &str) -> Result<Condition, Problem> {
    Condition::ALL.into_iter().find(|known| wire::condition(*known) == name).ok_or_else(|| {
        let known = Condition::ALL.map(wire::condition).join(", ");
        unfit(Flaw::Other, field, format!("{name:?} is none of {known}"))
    })
}

/// Parts as they are given, and as custody counts them. Nobody said how far gone a part is: it is not taken for clean.
fn parts(field: &str, given: &[NewPart]) -> Result<(Vec<declared::Part>, Vec<DeclaredPart>), Problem> {
    let (mut counted, mut told) = (Vec::new(), Vec::new());
    for (index, part) in given.iter().enumerate() {
        let at = |name: &str| format!("{field}[{index}].{name}");
        let resin = resin(&at("resinCode"), part.resin_code.as_ref())?;
        let percent = needed(Flaw::Weight, &at("percentage"), part.percentage)?;
        let mass_kg = needed(Flaw::Weight, &at("weight"), part.weight.as_ref())?.kg(&at("weight"))?;
        let condition =
            part.condition.as_deref().map(|name| condition(&at("condition"), name)).transpose()?;
        let of = condition.unwrap_or(Condition::Contaminated);
        counted.push(declared::Part { resin, condition: of, percent, mass_kg });
        told.push(DeclaredPart { resin, percent, mass_kg, condition });
    }
    Ok((counted, told))
}

/// Nets among items, by count and weight.
fn nets(items: &[Value]) -> Result<(Option<f64>, f64), Problem> {
    let (mut count, mut net_kg): (Option<f64>, f64) = (None, 0.0);
    for (index, item) in items.iter().enumerate() {
        let sort = item.get("type").or_else(|| item.get("category")).and_then(Value::as_str);
        let sort = sort.unwrap_or_default().to_ascii_lowercase();
        if !NETS.contains(&sort.as_str()) {
            continue;
        }
        if let Some(given) = item.get("count").or_else(|| item.get("quantity")) {
            let number = given.as_f64().filter(|number| (0.0..=1e6).contains(number));
            let field = format!("material.items[{index}].count");
            let number = number.ok_or_else(|| unfit(Flaw::Other, &field, "is no number of things"))?;
            count = Some(count.unwrap_or(0.0) + number);
        }
        if let Some(weight) = item.get("weight") {
            let field = format!("material.items[{index}].weight");
            let weight: Weight = serde_json::from_value(weight.clone())
                .map_err(|error| unfit(Flaw::Weight, &field, error.to_string()))?;
            net_kg += weight.kg(&field)?.max(0.0);
        }
    }
    Ok((count, net_kg))
}

impl NewBatch {
    fn read(self) -> Result<plastic::NewBatch, Problem> {
        let collection = needed(Flaw::Batch, "collection", self.collection)?;
        let material = needed(Flaw::Batch, "material", self.material)?;
        let location = needed(Flaw::Batch, "collection.location", collection.location)?;
        let Some(gps) = location.gps else {
            return Err(unfit(Flaw::Batch, "collection.location.gps", "GPS coordinates required"));
        };
        let at = position("collection.location.gps", gps.latitude, gps.longitude)?;
        if let Some(accuracy) = gps.accuracy.filter(|accuracy| !(0.0..=1e6).contains(accuracy)) {
            let reason = format!("{accuracy} m is no accuracy");
            return Err(unfit(Flaw::Place, "collection.location.gps.accuracy", reason));
        }
        let when = needed(Flaw::Batch, "collection.timestamp", collection.timestamp)?;
        let how = needed(Flaw::Batch, "collection.method", collection.method)?;
        let collector = collection.collector.unwrap_or_default();
        let total = needed(Flaw::Batch, "material.totalWeight", material.total_weight)?;
        let composition = needed(Flaw::Batch, "material.composition", material.composition)?;
        if composition.is_empty() {
            return Err(unfit(Flaw::Batch, "material.composition", "must have at least one part"));
        }
        let (counted, told) = parts("material.composition", &composition)?;
        let items = material.items.unwrap_or_default();
        let (nets, net_kg) = nets(&items)?;
        Ok(plastic::NewBatch {
            origin: Origin {
                place: Place {
                    position: Some(at),
                    accuracy_m: gps.accuracy,
                    facility: None,
                    description: location.description,
                    ocean_zone: location.ocean_zone,
                },
                at: instant("collection.timestamp", &when)?,
                collector: Collector {
                    device: collector.device_id,
                    organisation: collector.organization_id,
                    vessel: collector.vessel_id,
                    operator: collector.operator,
                },
                method: method("collection.method", &how)?,
                contamination: material.contamination_level.as_ref().and_then(Value::as_f64),
                age_years: material.estimated_age.as_ref().and_then(Value::as_f64),
            },
            total_kg: total.kg("material.totalWeight")?,
            parts: counted,
            declared: Declared {
                parts: told,
                contamination: material.contamination_level,
                age: material.estimated_age,
                items,
            },
            nets,
            net_kg,
        })
    }
}

/// Registers a batch.
#[utoipa::path(post, path = "/batches", tag = "Batches", request_body = NewBatch,
    responses((status = 201, description = "`batchId`, `status`, `created`, `qrCode`, `trackingUrl`, `warnings`.", body = Value)))]
pub(super) async fn batch_create(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    headers: HeaderMap,
    Given(new): Given<NewBatch>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchCollect)?;
    let sight = app.plastic()?.batch_create(caller.known(), new.read()?).await.map_err(no)?;
    let (id, base) = (sight.batch.id, base(&app, &headers));
    let body = json!({
        "batchId": id.to_string(), "status": sight.batch.stage().status(), "created": seconds(sight.created),
        "qrCode": format!("{base}/qr/{id}"), "trackingUrl": format!("{base}/batch/{id}"),
        "warnings": if sight.warnings.is_empty() { Value::Null } else { json!(sight.warnings) },
    });
    let mut response = meta.said(StatusCode::CREATED, known(body));
    if let Ok(location) = format!("/ocean-plastic-track/v1/batches/{id}").parse() {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A batch.
#[utoipa::path(get, path = "/batches/{batchId}", tag = "Batches",
    params(("batchId" = String, Path, description = "`BATCH-2025-000001`")),
    responses((status = 200, description = "The batch.", body = Value), (status = 404, description = "ERR_BATCH_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn batch_view(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchRead)?;
    let sight = app.plastic()?.batch(caller.known(), batch_id(&id)?).await.map_err(no)?;
    Ok(meta.said(StatusCode::OK, wire::batch(&sight)))
}

/// Which batches.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
pub(super) struct ListAsked {
    /// One or several with commas between: `collected`, `transported`, `sorting`, `processing`, `recycled`, `disposed`.
    status: Option<String>,
    /// Collected from here on: a day, or an instant.
    start_date: Option<String>,
    /// Collected up to here; a day is meant to its end.
    end_date: Option<String>,
    organization_id: Option<String>,
    method: Option<String>,
    resin_code: Option<String>,
    device_id: Option<String>,
    /// 1 to 500; 50 where nobody says.
    limit: Option<String>,
    offset: Option<String>,
}

/// Reads a stage.
pub(super) fn stage(field: &str, name: &str) -> Result<Stage, Problem> {
    Stage::of_status(name).ok_or_else(|| {
        let known = "collected, transported, sorting, processing, recycled, disposed";
        unfit(Flaw::Other, field, format!("{name:?} is none of {known}"))
    })
}

impl ListAsked {
    fn which(&self) -> Result<WhichBatches, Problem> {
        let words = |text: &Option<String>| -> Vec<String> {
            let text = text.clone().unwrap_or_default();
            text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
        };
        let stages: Result<Vec<Stage>, Problem> =
            words(&self.status).iter().map(|name| stage("status", name)).collect();
        let resins: Result<Vec<Resin>, Problem> = words(&self.resin_code)
            .into_iter()
            .map(|name| resin("resinCode", Some(&Value::String(name))))
            .collect();
        let from = self.start_date.as_deref().map(|text| edge("startDate", text, false)).transpose()?;
        let to = self.end_date.as_deref().map(|text| edge("endDate", text, true)).transpose()?;
        if from.zip(to).is_some_and(|(from, to)| to < from) {
            return Err(unfit(Flaw::Other, "endDate", "is before startDate"));
        }
        Ok(WhichBatches {
            stages: stages?,
            from,
            to,
            organisation_id: self.organization_id.clone(),
            method: self.method.as_deref().map(|name| method("method", name)).transpose()?,
            resins: resins?,
            device: self.device_id.clone(),
        })
    }
}

/// Batches, the newest collection first.
#[utoipa::path(get, path = "/batches", tag = "Batches", params(ListAsked),
    responses((status = 200, description = "`batchId`, `status`, `created`, `totalWeight` each.", body = Value)))]
pub(super) async fn batch_list(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    Asked(asked): Asked<ListAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchRead)?;
    let part = Part::read(asked.limit.as_deref(), asked.offset.as_deref())?;
    let page = app.plastic()?.batch_list(caller.known(), &asked.which()?, part.into()).await.map_err(no)?;
    let data = page.items.iter().map(|sight| {
        json!({
            "batchId": sight.batch.id.to_string(), "status": sight.batch.stage().status(),
            "created": seconds(sight.created), "collected": seconds(sight.batch.origin.at),
            "totalWeight": kg(sight.collected.mass_kg()),
        })
    });
    Ok(meta.listed(&data.collect::<Vec<_>>(), page.total, part))
}

/// Where a batch goes.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusAsked {
    #[schema(example = "transported")]
    status: Option<String>,
    notes: Option<String>,
    location: Option<Spot>,
    /// Now where nobody says.
    timestamp: Option<String>,
    /// `truck`, `ship`, `rail`, `air`, `barge`.
    transport_method: Option<String>,
    /// [km]
    distance: Option<f64>,
    /// With `recycled`: what came out.
    recovered_weight: Option<Weight>,
}

impl Shape for StatusAsked {}

/// Brings a batch on.
#[utoipa::path(put, path = "/batches/{batchId}/status", tag = "Batches", request_body = StatusAsked,
    params(("batchId" = String, Path, description = "`BATCH-2025-000001`")),
    responses((status = 200, description = "`batchId`, `status`, `updatedAt`.", body = Value),
        (status = 404, description = "ERR_BATCH_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "ERR_INVALID_TRANSITION", body = ErrorBody)))]
pub(super) async fn batch_status(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
    Given(asked): Given<StatusAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchWrite)?;
    let id = batch_id(&id)?;
    let name = text("status", asked.status)?;
    let recovered = asked.recovered_weight.as_ref().map(|weight| weight.kg("recoveredWeight")).transpose()?;
    let new = NewStatus {
        to: stage("status", &name)?,
        at: asked.timestamp.as_deref().map(|text| instant("timestamp", text)).transpose()?,
        position: asked.location.as_ref().map(|spot| spot.position("location")).transpose()?,
        description: asked.location.and_then(|spot| spot.description.or(spot.address)),
        means: asked.transport_method,
        distance_km: asked.distance,
        recovered_kg: recovered,
        notes: asked.notes,
    };
    let sight = app.plastic()?.batch_status(caller.known(), id, new).await.map_err(no)?;
    let last = sight.batch.last();
    let body =
        json!({ "batchId": id.to_string(), "status": last.stage.status(), "updatedAt": seconds(last.at) });
    Ok(meta.said(StatusCode::OK, body))
}

/// Takes a batch back, before it is processed.
#[utoipa::path(delete, path = "/batches/{batchId}", tag = "Batches",
    params(("batchId" = String, Path, description = "`BATCH-2025-000001`")),
    responses((status = 204, description = "It is not there any more; the audit keeps it."),
        (status = 404, description = "ERR_BATCH_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "ERR_CONFLICT: it is processed already.", body = ErrorBody)))]
pub(super) async fn batch_delete(
    State(app): State<App>,
    caller: Caller,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchWrite)?;
    app.plastic()?.batch_withdraw(caller.known(), batch_id(&id)?).await.map_err(no)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Parts of a batch.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct SplitAsked {
    parts: Option<Vec<SplitPart>>,
    /// Now where nobody says.
    timestamp: Option<String>,
}

impl Shape for SplitAsked {}

/// One part: what it is made of.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
struct SplitPart {
    composition: Option<Vec<NewSplit>>,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NewSplit {
    resin_code: Option<Value>,
    weight: Option<Weight>,
    condition: Option<String>,
}

/// Parts a batch into several that make it up, resin by resin; beyond the document.
#[utoipa::path(post, path = "/batches/{batchId}/split", tag = "Batches", request_body = SplitAsked,
    params(("batchId" = String, Path, description = "`BATCH-2025-000001`")),
    responses((status = 201, description = "`batchId`, `parts`.", body = Value),
        (status = 404, description = "ERR_BATCH_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "ERR_CONFLICT", body = ErrorBody)))]
pub(super) async fn batch_split(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
    Given(asked): Given<SplitAsked>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchWrite)?;
    let id = batch_id(&id)?;
    let given = needed(Flaw::Batch, "parts", asked.parts)?;
    if given.len() > 100 {
        return Err(unfit(Flaw::Other, "parts", "at most 100"));
    }
    let mut materials = Vec::with_capacity(given.len());
    for (index, part) in given.iter().enumerate() {
        let mut material = Material::NONE;
        let field = |number: usize, name: &str| format!("parts[{index}].composition[{number}].{name}");
        for (number, of) in part.composition.iter().flatten().enumerate() {
            let resin = resin(&field(number, "resinCode"), of.resin_code.as_ref())?;
            let weight = field(number, "weight");
            let mass_kg = needed(Flaw::Weight, &weight, of.weight.as_ref())?.kg(&weight)?;
            if !(mass_kg.is_finite() && mass_kg >= 0.0) {
                return Err(unfit(Flaw::Weight, &weight, "is no weight"));
            }
            let of = of.condition.as_deref().map(|name| condition(&field(number, "condition"), name));
            material.add(&Material::of(resin, of.transpose()?.unwrap_or(Condition::Contaminated), mass_kg));
        }
        materials.push(material);
    }
    let at = asked.timestamp.as_deref().map(|text| instant("timestamp", text)).transpose()?;
    let parts = app.plastic()?.batch_split(caller.known(), id, materials, at).await.map_err(no)?;
    let parts: Vec<Value> = parts
        .iter()
        .map(|part| json!({ "batchId": part.batch.id.to_string(), "totalWeight": kg(part.collected.mass_kg()) }))
        .collect();
    Ok(meta.said(StatusCode::CREATED, json!({ "batchId": id.to_string(), "parts": parts })))
}

/// The way of a batch, step by step.
#[utoipa::path(get, path = "/batches/{batchId}/journey", tag = "Batches",
    params(("batchId" = String, Path, description = "`BATCH-2025-000001`")),
    responses((status = 200, description = "`batchId`, `journey`, `currentStage`, `totalDistance`.", body = Value),
        (status = 404, description = "ERR_BATCH_NOT_FOUND", body = ErrorBody)))]
pub(super) async fn batch_journey(
    State(app): State<App>,
    caller: Caller,
    meta: Meta,
    At(id): At<String>,
) -> Result<Response, Problem> {
    caller.may(Action::BatchRead)?;
    let sight = app.plastic()?.batch(caller.known(), batch_id(&id)?).await.map_err(no)?;
    let km = |km: f64| json!({ "value": rounded(km, 1), "unit": "km" });
    let mut total_km = 0.0;
    let mut journey = Vec::new();
    for leg in Plastic::journey(&sight.batch) {
        total_km += leg.distance_km.unwrap_or(0.0);
        let step = leg.step;
        let location = step.place.position.map(|place| {
            let mut location = spot(place);
            if let (Value::Object(fields), Some(text)) = (&mut location, step.place.description) {
                fields.insert("description".to_owned(), Value::String(text));
            }
            location
        });
        journey.push(known(json!({
            "stage": step.stage.status(), "timestamp": seconds(step.at), "location": location,
            "facility": step.place.facility, "distance": leg.distance_km.map(km), "verifiedBy": step.proof.by,
            "transportMethod": step.means, "notes": step.notes,
        })));
    }
    let body = json!({
        "batchId": sight.batch.id.to_string(), "journey": journey,
        "currentStage": sight.batch.stage().status(), "totalDistance": km(total_km),
    });
    Ok(meta.said(StatusCode::OK, body))
}
