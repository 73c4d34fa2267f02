//! A battery under watch: what it is, where it is mounted, its last sample and how it stands.

use super::{AT_ONCE, SERIAL, label};
use crate::identity::Visibility;
use crate::platform::facts::Facts;
use crate::platform::registry::{Spec, TwinId, TwinRecord};
use crate::platform::{Platform, PlatformError};
use futures::stream::{self, StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use twin::live::Measured;
use twin::live::battery::Subject;
use twin::live::standing::{Signs, Standing};
use twin::time::Time;
use uuid::Uuid;

/// Blocks of lead-acid are watched one by one.
const LEAD_ACID: &str = "VRLA";

/// What a battery was at one instant; what is not known stays empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// Voltage at its terminals [V].
    pub voltage_v: Option<f64>,
    /// Current, positive on discharge [A].
    pub current_a: Option<f64>,
    /// Temperature [°C].
    pub temperature_c: Option<f64>,
    /// Internal resistance [Ω].
    pub resistance_ohm: Option<f64>,
    /// State of charge, 0 to 1.
    pub soc: Option<f64>,
    /// Capacity over rated.
    pub soh: Option<f64>,
}

impl Sample {
    /// The last sample of what was measured: figures as they were read last, and what is estimated at `at`.
    pub(super) fn of(measured: &Measured, subject: Option<&Subject>, at: Time) -> Option<Self> {
        let value = |metric: &str| measured.latest.get(metric).map(|known| known.value);
        let estimate = measured.estimate(subject, at);
        Some(Self {
            at: measured.last_at?,
            voltage_v: value("voltage_v"),
            current_a: value("current_a"),
            temperature_c: value("temperature_c"),
            resistance_ohm: estimate
                .as_ref()
                .and_then(|estimate| estimate.resistance_ohm)
                .or_else(|| value("internal_resistance_ohm")),
            soc: estimate.as_ref().and_then(|estimate| estimate.soc).map(|soc| soc.mean),
            soh: estimate.as_ref().and_then(|estimate| estimate.soh).map(|soh| soh.mean),
        })
    }
}

/// Where a battery is mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mounting {
    /// Name of the place.
    pub place: Option<String>,
    /// Name of the string.
    pub string: Option<String>,
    /// A name of the string that no other has anywhere: made of those of place and string.
    pub string_id: Option<Uuid>,
    /// Number of the string in its system.
    pub string_position: Option<u32>,
    /// Number of the battery in its string.
    pub position: Option<u32>,
}

impl Mounting {
    fn of(record: &TwinRecord) -> Self {
        let text = |key| record.labels.get(key).cloned();
        let number = |key| record.labels.get(key).and_then(|text| text.trim().parse().ok());
        let (place, string) = (text(label::LOCATION), text(label::STRING));
        let string_id = string.as_deref().map(|string| named(place.as_deref().unwrap_or_default(), string));
        Self {
            string_id,
            place,
            string,
            string_position: number(label::STRING_POSITION),
            position: number(label::POSITION),
        }
    }
}

/// A uuid of version 8 (RFC 9562, section 5.8) that follows from the names.
fn named(place: &str, string: &str) -> Uuid {
    let hash = Sha256::digest(format!("string\u{1}{place}\u{1}{string}").as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// A battery under watch.
#[derive(Debug, Clone)]
pub struct Watched {
    /// As it is registered.
    pub record: Arc<TwinRecord>,
    /// The name that it goes by.
    pub name: String,
    /// Number that its maker gave it.
    pub serial: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Of which model.
    pub model: Option<String>,
    /// Nominal voltage [V].
    pub voltage_nominal_v: Option<f64>,
    /// Rated capacity [Ah].
    pub capacity_ah: Option<f64>,
    /// Where it is mounted.
    pub mounting: Mounting,
    /// Months that the maker answers for it.
    pub warranty_months: Option<u32>,
    /// The last sample.
    pub latest: Option<Sample>,
    /// How it stands.
    pub standing: Standing,
    /// Alerts that are still there.
    pub alerts: usize,
}

impl Watched {
    pub(in crate::platform) fn of(facts: &Facts, now: Time) -> Self {
        let record = facts.record.clone();
        let subject = facts.subject.as_deref();
        let latest = Sample::of(&facts.kept.measured, subject, now);
        let cells = subject.and_then(Subject::model);
        let nominal_v = cells.map(|cells| cells.cell.file.cell.voltage_nominal_v * cells.series);
        let blocks = subject.map_or(1.0, Subject::per_series);
        let spec = match &record.spec {
            Spec::Battery(spec) => spec.clone(),
            Spec::Site(_) => Default::default(),
        };
        let is_blocks = facts.family() == Some(LEAD_ACID);
        let signs = Signs {
            age_s: latest.map(|sample| now.seconds_since(sample.at)),
            block_v: latest.and_then(|sample| sample.voltage_v).filter(|_| is_blocks).map(|v| v / blocks),
            temperature_c: latest.and_then(|sample| sample.temperature_c),
            soh: latest.and_then(|sample| sample.soh),
            resistance_rise: facts.kept.measured.figure(subject, "resistance_rise"),
            worst: facts.alerts.iter().map(|alert| alert.value.severity).max(),
        };
        Self {
            name: record.device_name(),
            serial: serial(&record),
            manufacturer: spec.manufacturer,
            model: spec.model,
            voltage_nominal_v: spec.voltage_nominal_v.or(nominal_v),
            capacity_ah: subject.and_then(Subject::rated_ah),
            mounting: Mounting::of(&record),
            warranty_months: record
                .labels
                .get(label::WARRANTY_MONTHS)
                .and_then(|months| months.trim().parse().ok()),
            latest,
            standing: signs.standing(),
            alerts: facts.alerts.len(),
            record,
        }
    }

    /// Day of its installation; the day on which it was registered where nobody said.
    pub fn installed_on(&self) -> String {
        let said = match &self.record.spec {
            Spec::Battery(spec) => spec.installed_on.clone(),
            Spec::Site(_) => None,
        };
        said.unwrap_or_else(|| day(self.record.created_at).to_string())
    }

    /// How old it is, and whether its maker still answers for it.
    pub fn life(&self, now: Time) -> Life {
        let installed: Option<jiff::civil::Date> = self.installed_on().parse().ok();
        let today = day(now);
        let end = installed.zip(self.warranty_months).and_then(|(day, months)| {
            day.checked_add(jiff::Span::new().try_months(i64::from(months)).ok()?).ok()
        });
        Life {
            age_days: installed.map(|day| (today - day).get_days().into()),
            is_in_warranty: end.is_some_and(|end| today < end),
        }
    }
}

/// How old a battery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Days since its installation.
    pub age_days: Option<i64>,
    /// Whether its maker still answers for it.
    pub is_in_warranty: bool,
}

fn day(at: Time) -> jiff::civil::Date {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    jiff::tz::Offset::UTC.to_datetime(at).date()
}

/// Number that the maker gave it.
pub(super) fn serial(record: &TwinRecord) -> Option<String> {
    let alias = record.aliases.iter().find(|alias| alias.namespace == SERIAL);
    alias.map(|alias| alias.name.clone())
}

impl Platform {
    /// A battery under watch, as it is now.
    ///
    /// # Errors
    /// When there is none.
    pub async fn watched(&self, id: TwinId) -> Result<Watched, PlatformError> {
        let now = self.core.clock.now();
        self.residents.look(id, |facts| Watched::of(facts, now)).await
    }

    /// Batteries in the order of their names, from the `skip`th on, and how many there are; of a place where one is
    /// named.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn watched_list(
        &self,
        place: Option<&str>,
        visible: &Visibility,
        skip: usize,
        limit: usize,
    ) -> Result<(Vec<Watched>, usize), PlatformError> {
        let (ids, total) = self
            .core
            .in_roll(|sheet| {
                if place.is_none() && *visible == Visibility::Everything {
                    let page: Vec<TwinId> = sheet.all().skip(skip).take(limit).collect();
                    return (page, sheet.count());
                }
                let all: Vec<TwinId> = sheet.batteries(place, visible).collect();
                let total = all.len();
                (all.into_iter().skip(skip).take(limit).collect(), total)
            })
            .await?;
        Ok((self.watched_all(ids).await?, total))
    }

    /// All of these, in their order.
    pub(super) async fn watched_all(&self, ids: Vec<TwinId>) -> Result<Vec<Watched>, PlatformError> {
        stream::iter(ids).map(|id| self.watched(id)).buffered(AT_ONCE).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_has_one_name_everywhere() {
        assert_eq!(named("DC-1", "STR-1"), named("DC-1", "STR-1"));
        assert_ne!(named("DC-1", "STR-1"), named("DC-2", "STR-1"));
        assert_ne!(named("DC-1", "2"), named("DC-12", ""));
        assert_eq!(named("a", "b").get_version_num(), 8);
    }
}
