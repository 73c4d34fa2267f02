//! A passport as a file.

use super::carbon::CarbonDocument;
use super::{PointBody, VerificationBody, point};
use crate::passport::papers::attributes::{self, Reader, percent};
use crate::passport::wire::{Registration, stamp};
use crate::when::rounded;
use host::passport::record::{EventRecord, MaterialSource};
use host::passport::{HistoryPoint, View};
use serde::Serialize;
use serde_json::{Map, Value};
use twin::time::Time;
use utoipa::ToSchema;

/// Something that happened to a battery.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportedEvent)]
struct EventBody {
    event_id: String,
    r#type: String,
    #[schema(format = DateTime)]
    timestamp: String,
    #[schema(format = DateTime)]
    recorded: String,
    description: Option<String>,
    #[schema(value_type = Option<Object>)]
    attributes: Option<Map<String, Value>>,
}

/// A health that was measured.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportedHealth)]
struct HealthBody {
    #[schema(format = DateTime)]
    timestamp: String,
    /// [%]
    state_of_health: f64,
    cycle_count: f64,
    method: Option<String>,
}

/// A material and where it came from.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ExportedSource)]
struct SourceBody {
    material_id: String,
    name: String,
    symbol: Option<String>,
    /// Share of the battery's mass [%].
    percentage: Option<f64>,
    /// [kg]
    weight: Option<f64>,
    /// [%]
    recycled_pre_consumer: Option<f64>,
    /// [%]
    recycled_post_consumer: Option<f64>,
    country: String,
    mine: Option<String>,
    supplier: String,
    certifications: Vec<String>,
    #[schema(format = Date)]
    certificate_valid_to: Option<String>,
}

fn source(source: &MaterialSource) -> SourceBody {
    SourceBody {
        material_id: source.id.clone(),
        name: source.given.name.clone(),
        symbol: source.given.symbol.clone(),
        percentage: source.given.share_pct,
        weight: source.given.mass_kg,
        recycled_pre_consumer: source.given.recycled_pre.map(percent),
        recycled_post_consumer: source.given.recycled_post.map(percent),
        country: source.given.country.clone(),
        mine: source.given.mine.clone(),
        supplier: source.given.supplier.clone(),
        certifications: source.given.certifications.clone(),
        certificate_valid_to: source.given.certified_until.map(|until| until.to_string()),
    }
}

/// A passport as it is exported: all that its reader may know.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BatteryPassport {
    passport_id: String,
    battery_id: String,
    /// Where the passport is found.
    #[schema(format = "uri")]
    url: String,
    #[schema(format = DateTime)]
    created: String,
    #[schema(format = DateTime)]
    updated: String,
    #[schema(format = DateTime)]
    exported: String,
    status: String,
    /// `original`, `repurposed` or `waste`.
    annex_status: String,
    registration: Registration,
    /// Data points of DIN DKE SPEC 99100:2025-02, those without a value included.
    data_points: Vec<PointBody>,
    /// Version of the list of data points.
    attribute_set: String,
    carbon_footprint: Option<CarbonDocument>,
    materials: Vec<SourceBody>,
    events: Vec<EventBody>,
    health_history: Vec<HealthBody>,
    verification: VerificationBody,
}

/// What an export is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Export<'a> {
    pub(crate) view: &'a View,
    pub(crate) reader: Reader,
    pub(crate) events: &'a [EventRecord],
    pub(crate) healths: &'a [HistoryPoint],
    pub(crate) url: &'a str,
    pub(crate) at: Time,
}

impl BatteryPassport {
    /// The passport as it is written.
    pub(crate) fn of(export: &Export<'_>, head: Option<String>) -> Self {
        let passport = &export.view.passport;
        let mut registration = Registration::of(passport);
        if !export.reader.authority {
            registration.documents.retain(|name, _| !crate::passport::record::is_for_authorities(name));
        }
        let event = |event: &EventRecord| EventBody {
            event_id: event.id.clone(),
            r#type: event.kind.as_str().to_owned(),
            timestamp: stamp(event.at),
            recorded: stamp(event.recorded_at),
            description: event.description.clone(),
            attributes: Some(event.attributes.clone()).filter(|attributes| !attributes.is_empty()),
        };
        let health = |point: &HistoryPoint| HealthBody {
            timestamp: stamp(point.at),
            state_of_health: percent(point.soh),
            cycle_count: rounded(point.cycles, 1),
            method: point.method.clone(),
        };
        let footprint = passport.footprint.as_ref();
        Self {
            passport_id: passport.passport_id.clone(),
            battery_id: passport.battery_id.clone(),
            url: export.url.to_owned(),
            created: stamp(passport.registered_at),
            updated: stamp(passport.changed_at),
            exported: stamp(export.at),
            status: passport.lifecycle.stage.as_str().to_owned(),
            annex_status: passport.annex_status().as_str().to_owned(),
            registration,
            data_points: attributes::points(export.view, export.reader).iter().map(point).collect(),
            attribute_set: twin::passport::regulation::attribute_set().to_owned(),
            carbon_footprint: footprint
                .map(|known| CarbonDocument::new(passport, known, None, export.at, head.clone())),
            materials: passport.materials.iter().map(source).collect(),
            events: export.events.iter().map(event).collect(),
            health_history: export.healths.iter().map(health).collect(),
            verification: VerificationBody::of(head),
        }
    }
}
