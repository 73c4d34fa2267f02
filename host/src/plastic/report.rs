//! What is in a report, in whatever form.

use super::analytics::{CollectionStats, Environmental};
use super::facilities::FacilityCount;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::time::Time;

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Everything, for a month.
    MonthlyImpact,
    /// What was collected.
    CollectionSummary,
    /// What it means for climate and sea.
    Environmental,
    /// What facilities took in.
    Facility,
}

/// In which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportFormat {
    /// For people.
    Pdf,
    /// Tables as text.
    Csv,
    /// Tables for spreadsheets.
    Xlsx,
    /// For programs.
    Json,
}

impl ReportKind {
    /// All.
    pub const ALL: [Self; 4] =
        [Self::MonthlyImpact, Self::CollectionSummary, Self::Environmental, Self::Facility];

    /// Its name outside.
    pub fn name(self) -> &'static str {
        ["monthly_impact", "collection_summary", "environmental", "facility"][self as usize]
    }

    /// Whether what was collected is in it.
    pub fn has_collection(self) -> bool {
        matches!(self, Self::MonthlyImpact | Self::CollectionSummary)
    }

    /// Whether what that means is in it.
    pub fn has_environmental(self) -> bool {
        matches!(self, Self::MonthlyImpact | Self::Environmental)
    }

    /// Whether facilities are in it.
    pub fn has_facilities(self) -> bool {
        matches!(self, Self::MonthlyImpact | Self::Facility)
    }
}

impl ReportFormat {
    /// All.
    pub const ALL: [Self; 4] = [Self::Pdf, Self::Csv, Self::Xlsx, Self::Json];

    /// Its name, and the ending of its files.
    pub fn name(self) -> &'static str {
        ["pdf", "csv", "xlsx", "json"][self as usize]
    }
}

/// A report that somebody asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct NewReport {
    /// What it is about.
    pub kind: ReportKind,
    /// First instant.
    pub from: Time,
    /// Last instant.
    pub to: Time,
    /// Organisation that it is limited to.
    pub organisation_id: Option<String>,
    /// In which form.
    pub format: ReportFormat,
    /// Whether charts are in it.
    pub charts: bool,
}

/// What is in a report.
#[derive(Debug, Clone)]
pub struct ReportData {
    /// Its name.
    pub id: Arc<str>,
    /// What it is about.
    pub kind: ReportKind,
    /// First instant.
    pub from: Time,
    /// Last instant.
    pub to: Time,
    /// Organisation that it is limited to.
    pub organisation_id: Option<String>,
    /// As of when.
    pub made: Time,
    /// What was collected, by day.
    pub collection: CollectionStats,
    /// How the batches stand.
    pub stages: BTreeMap<&'static str, usize>,
    /// What it means for climate and sea.
    pub environmental: Environmental,
    /// What facilities took in.
    pub facilities: Vec<FacilityCount>,
}
