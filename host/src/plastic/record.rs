//! What is kept: batches, devices, facilities, receipts, reports.

use super::report::{ReportFormat, ReportKind};
use crate::platform::TwinId;
use crate::store::ledger::sortable;
use crate::store::records::{Indexed, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use twin::geo::Position;
use twin::plastic::batch::{Batch, BatchId};
use twin::plastic::material::{Condition, Material, Resin};
use twin::plastic::station::Station;
use twin::time::Time;

/// A part of a batch as it was declared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeclaredPart {
    /// What it is made of.
    pub resin: Resin,
    /// Share of the whole [%].
    pub percent: f64,
    /// Weight [kg].
    pub mass_kg: f64,
    /// How far gone it is, where that was said.
    pub condition: Option<Condition>,
}

/// What somebody declared when a batch was registered, beyond what custody needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// Its parts.
    pub parts: Vec<DeclaredPart>,
    /// How dirty it is, in whatever words or figures.
    pub contamination: Option<Value>,
    /// How old it is.
    pub age: Option<Value>,
    /// Things that were told apart.
    pub items: Vec<Value>,
}

/// A batch as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct BatchRecord {
    pub(super) batch: Batch,
    /// Organisations that see it: whoever registered it, then those whose facilities took it in.
    pub(super) owners: Vec<Arc<str>>,
    pub(super) created: Time,
    pub(super) updated: Time,
    /// What it was when it was collected, or parted from another.
    pub(super) collected: Material,
    pub(super) declared: Option<Declared>,
    pub(super) nets: f64,
    /// What came out of recycling, where that was weighed [kg].
    pub(super) recovered_kg: Option<f64>,
    /// When the facility where it is expects to be through with it.
    pub(super) expected_at: Option<Time>,
    pub(super) warnings: Vec<String>,
}

impl Record for BatchRecord {
    const COLLECTION: &'static str = "plastic_batches";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.batch.id.to_string()
    }
}

/// A device that tells where plastic is collected and how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Its name.
    pub id: Arc<str>,
    /// What sort it is: `vessel_tracker`.
    pub sort: String,
    /// Organisation that runs it, as it was named.
    pub organisation_id: String,
    /// What it measures.
    pub sensors: Vec<String>,
    /// Anything else.
    pub metadata: Map<String, Value>,
    /// When it was registered.
    pub registered: Time,
    /// Its twin.
    pub twin: TwinId,
    /// Organisation that owns it here.
    pub owner: Option<Arc<str>>,
}

impl Record for Device {
    const COLLECTION: &'static str = "plastic_devices";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.as_ref().to_owned()
    }
}

impl Device {
    /// A figure of its metadata.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.metadata.get(name)?.as_f64().filter(|figure| figure.is_finite() && *figure > 0.0)
    }
}

/// A facility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facility {
    /// Its name, `FAC-SORT-001`.
    pub id: Arc<str>,
    /// What people call it.
    pub name: String,
    /// What it is for.
    pub station: Station,
    /// Where it stands.
    pub position: Position,
    /// The same for people.
    pub address: Option<String>,
    /// What it was certified for.
    pub certifications: Vec<String>,
    /// What it works through in a day [kg].
    pub daily_kg: f64,
    /// When it was registered.
    pub created: Time,
    /// Its twin.
    pub twin: TwinId,
    /// Organisation that owns it here.
    pub owner: Option<Arc<str>>,
}

impl Record for Facility {
    const COLLECTION: &'static str = "plastic_facilities";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.as_ref().to_owned()
    }
}

/// A batch that was taken in by a facility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Receipt {
    pub(super) facility: Arc<str>,
    pub(super) batch: BatchId,
    pub(super) at: Time,
    pub(super) material: Material,
    pub(super) done_at: Time,
    pub(super) notes: Option<String>,
}

impl Record for Receipt {
    const COLLECTION: &'static str = "plastic_receipts";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        format!("{}/{}", self.facility, self.batch)
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("facility_at", Self::place(&self.facility, self.at))
    }
}

impl Receipt {
    /// Where receipts of a facility from an instant on begin in the index.
    pub(super) fn place(facility: &str, at: Time) -> Vec<u8> {
        let mut place = Self::prefix(facility);
        place.extend(sortable(at));
        place
    }

    /// How all receipts of a facility begin there.
    pub(super) fn prefix(facility: &str) -> Vec<u8> {
        let mut prefix = facility.as_bytes().to_vec();
        prefix.push(0);
        prefix
    }
}

/// How a report stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportState {
    /// It is being made.
    Processing,
    /// It can be had.
    Completed,
    /// It could not be made, and why.
    Failed(String),
    /// It is no longer kept.
    Expired,
}

/// A report that somebody asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Its name, `RPT-2025-001`.
    pub id: Arc<str>,
    /// What it is about.
    pub kind: ReportKind,
    /// First instant.
    pub from: Time,
    /// Last instant.
    pub to: Time,
    /// Organisation that it is limited to.
    pub organisation_id: Option<String>,
    /// Whether charts are in it.
    pub charts: bool,
    /// In which form.
    pub format: ReportFormat,
    /// When it was asked for.
    pub created: Time,
    /// When it is thought to be ready.
    pub estimated: Time,
    /// When it will be gone, once it is there.
    pub expires: Option<Time>,
    /// How it stands.
    pub state: ReportState,
    /// Bytes of its file.
    pub bytes: usize,
    /// Organisation of who asked: what that sees is in it.
    pub owner: Option<Arc<str>>,
}

impl Record for Report {
    const COLLECTION: &'static str = "plastic_reports";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.as_ref().to_owned()
    }

    fn indexed(&self) -> Indexed {
        let indexed = Indexed::default().shared("number", self.number());
        match (&self.state, self.expires) {
            (ReportState::Processing, _) => indexed.shared("open", sortable(self.created)),
            (ReportState::Completed, Some(expires)) => indexed.shared("expires", sortable(expires)),
            _ => indexed,
        }
    }
}

impl Report {
    /// Its year and number in bytes that sort as they do.
    fn number(&self) -> Vec<u8> {
        let (year, number) = self.id.trim_start_matches("RPT-").split_once('-').unwrap_or_default();
        let mut bytes = year.as_bytes().to_vec();
        bytes.extend(number.parse::<u32>().unwrap_or(0).to_be_bytes());
        bytes
    }
}

/// A piece of a report's file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReportPart {
    pub(super) report: Arc<str>,
    pub(super) number: u32,
    /// In base64.
    pub(super) piece: String,
}

impl Record for ReportPart {
    const COLLECTION: &'static str = "plastic_report_parts";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        Self::key_of(&self.report, self.number)
    }
}

impl ReportPart {
    pub(super) fn key_of(report: &str, number: u32) -> String {
        format!("{report}/{number:04}")
    }
}

/// What signs links to files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LinkKey {
    pub(super) key: String,
}

impl Record for LinkKey {
    const COLLECTION: &'static str = "plastic_keys";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        "links".to_owned()
    }
}
