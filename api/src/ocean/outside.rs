//! How this family spells events, and how its reports become files.

use super::paper;
use super::wire::{batch, device, facility, seconds};
use host::plastic::{Event, Outside, ReportData, ReportFormat};
use serde_json::{Value, json};

/// The family as the application sees it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outward;

impl Outside for Outward {
    fn spell(&self, event: &Event<'_>) -> Value {
        match event {
            Event::BatchCreated(sight) | Event::BatchCompleted(sight) => batch(sight),
            Event::StatusChanged { batch: sight, before } => json!({
                "batchId": sight.batch.id.to_string(), "previousStatus": before.status(),
                "currentStatus": sight.batch.stage().status(), "updatedAt": seconds(sight.batch.last().at),
            }),
            Event::DeviceOnline(sight) | Event::DeviceOffline(sight) => device(sight),
            Event::FacilityReceived { batch: sight, facility: at } => {
                json!({ "batch": batch(sight), "facility": facility(at) })
            }
        }
    }

    fn report(&self, data: &ReportData, format: ReportFormat, charts: bool) -> Result<Vec<u8>, String> {
        match format {
            ReportFormat::Json => Ok(paper::json(data).to_string().into_bytes()),
            ReportFormat::Csv => Ok(paper::csv(data).into_bytes()),
            ReportFormat::Xlsx => paper::xlsx(data, charts),
            ReportFormat::Pdf => paper::pdf(data, charts),
        }
    }
}
