//! Health that somebody measured: kept in the passport, heard by the twin, and judged against what was expected.

use super::event::{check_at, when_new};
use super::record::{EventRecord, HealthRecord, LastHealth, Passport};
use super::{PassportError, Passports, year};
use crate::identity::Visibility;
use crate::platform::door::Report;
use crate::platform::{LifeSight, PlatformError};
use crate::store::series::Reading;
use crate::store::{Metric, ledger};
use serde_json::json;
use twin::passport::health::{self, By, Outlook, Point};
use twin::time::Time;

/// What the twin believes and what was measured may differ by so much without a word, over rated.
const NOTED: f64 = 0.02;

/// A health as it was measured; at least the health itself or the capacity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewHealth {
    /// When; now where nobody says.
    pub at: Option<Time>,
    /// Capacity over rated.
    pub soh: Option<f64>,
    /// State of charge, 0 to 1.
    pub soc: Option<f64>,
    /// Full cycles so far.
    pub cycles: f64,
    /// Capacity [Ah].
    pub capacity_ah: Option<f64>,
    /// The same as energy [kWh].
    pub capacity_kwh: Option<f64>,
    /// Voltage [V].
    pub voltage_v: Option<f64>,
    /// Internal resistance [Ω].
    pub resistance_ohm: Option<f64>,
    /// Temperature [°C].
    pub temperature_c: Option<f64>,
    /// How it was measured.
    pub method: Option<String>,
}

/// What became of a measurement.
#[derive(Debug, Clone)]
pub struct HealthNoted {
    /// The passport.
    pub passport: Passport,
    /// The record.
    pub record: HealthRecord,
    /// What the records say.
    pub outlook: Outlook,
    /// What looks odd.
    pub warnings: Vec<String>,
}

/// Health at one time, as the history of a battery has it.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryPoint {
    /// When.
    pub at: Time,
    /// Capacity over rated.
    pub soh: f64,
    /// Full cycles so far.
    pub cycles: f64,
    /// How it was measured; `rated` for the battery as it was when new.
    pub method: Option<String>,
}

impl NewHealth {
    fn check(&self, rated_ah: f64, rated_kwh: f64) -> Result<Option<f64>, PassportError> {
        let figures = [
            ("cycleCount", Some(self.cycles), 0.0, 1e6),
            ("stateOfCharge", self.soc.map(|soc| 100.0 * soc), 0.0, 100.0),
            ("measuredCapacity", self.capacity_ah.or(self.capacity_kwh), 0.0, 1e6),
            ("voltage", self.voltage_v, 0.0, 1e4),
            ("internalResistance", self.resistance_ohm, 0.0, 1e3),
            ("temperature", self.temperature_c, -100.0, 1e3),
        ];
        for (field, figure, least, most) in figures {
            if let Some(figure) = figure.filter(|figure| !(least..=most).contains(figure)) {
                let reason = format!("{figure} is not between {least} and {most}");
                return Err(PassportError::unfit(field, reason));
            }
        }
        let by_charge = self.capacity_ah.map(|ah| ah / rated_ah);
        Ok(by_charge.or(self.capacity_kwh.map(|kwh| kwh / rated_kwh)))
    }

    /// What the twin hears.
    fn reading(&self, at: Time, soh: f64) -> Result<Reading, PassportError> {
        let deviation = 100.0 * health::deviation(self.method.as_deref());
        let figures = [
            ("soh_measured_pct", Some(100.0 * soh)),
            ("soh_measured_std_pct", Some(deviation)),
            ("cycles", Some(self.cycles)),
            ("soc_pct", self.soc.map(|soc| 100.0 * soc)),
            ("voltage_v", self.voltage_v),
            ("temperature_c", self.temperature_c),
            ("internal_resistance_ohm", self.resistance_ohm),
        ];
        let values: Result<Vec<(Metric, f64)>, _> = figures
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .map(|(name, value)| Metric::new(name).map(|metric| (metric, value)))
            .collect();
        Ok(Reading { at, values: values? })
    }
}

impl Passports {
    /// Keeps a health that somebody measured, and lets the twin hear it.
    ///
    /// # Errors
    /// What is wrong with it; nothing is kept then.
    pub async fn note_health(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewHealth,
        by: &str,
    ) -> Result<HealthNoted, PassportError> {
        let now = self.now();
        let known = self.find(name, visible).await?;
        let believed = self.platform.view(known.twin).await?.battery.and_then(|battery| battery.soh);
        let kept = self
            .change(name, visible, by, |passport, draft| {
                let at = new.at.unwrap_or(now);
                check_at(passport, at, now)?;
                let ratings = &passport.specifications;
                let of_capacity = new.check(ratings.capacity_ah, ratings.energy_kwh)?;
                let before = passport.last_health;
                let soh = health::stated(new.soh, of_capacity, before.map(|health| health.soh))?;
                if let Some(before) = before {
                    if at <= before.at {
                        let reason = "is not after that of the record before it";
                        return Err(PassportError::unfit("timestamp", reason));
                    }
                    if new.cycles < before.cycles {
                        let reason = format!("{} is less than the {} before it", new.cycles, before.cycles);
                        return Err(PassportError::unfit("cycleCount", reason));
                    }
                }
                passport.numbers.health += 1;
                let number = passport.numbers.health;
                let record = HealthRecord {
                    passport_id: passport.passport_id.clone(),
                    number,
                    id: format!("SOH-{:04}-{number:04}", year(at)),
                    at,
                    soh,
                    soc: new.soc,
                    cycles: new.cycles,
                    capacity_ah: new.capacity_ah,
                    voltage_v: new.voltage_v,
                    resistance_ohm: new.resistance_ohm,
                    temperature_c: new.temperature_c,
                    method: new.method.clone(),
                    believed,
                    by: by.to_owned(),
                };
                let health = LastHealth { at, soh, cycles: new.cycles };
                passport.last_health = Some(health);
                passport.first_health = passport.first_health.or(Some(health));
                draft.at = at;
                draft.fact("health.measured", json!(record));
                draft.records.push(ledger::new(&record)?);
                Ok(record)
            })
            .await?;
        let (passport, record) = (kept.passport, kept.answer);
        // The chain has it; the twin hears it after that, and a reading that comes twice changes nothing.
        let reading = new.reading(record.at, record.soh)?;
        self.platform.observe(passport.twin, Report::Readings(vec![reading]), by).await?;
        let outlook = self.outlook(&passport).await?;
        let mut warnings = Vec::new();
        if let Some(believed) = believed.filter(|believed| (believed - record.soh).abs() > NOTED) {
            warnings.push(format!(
                "the twin believed {:.1} % before this; the measurement counts",
                100.0 * believed
            ));
        }
        Ok(HealthNoted { passport, record, outlook, warnings })
    }

    /// What the records of a battery say, with the cycles of the twin's own forecast where it has one.
    pub(super) async fn outlook(&self, passport: &Passport) -> Result<Outlook, PassportError> {
        let events = self.events_of(&passport.passport_id).await?;
        let points = self.points(passport, &events).await?;
        let expected = passport.specifications.expected_cycles;
        let outlook = health::outlook(&points, expected)
            .ok_or_else(|| PassportError::state("nothing is known of its health"))?;
        Ok(match self.foreseen_cycles(passport).await? {
            Some(remaining_cycles) => Outlook { remaining_cycles, by: By::Forecast, ..outlook },
            None => outlook,
        })
    }

    /// The battery as it was when new, and then each measurement.
    pub(super) async fn points(
        &self,
        passport: &Passport,
        events: &[EventRecord],
    ) -> Result<Vec<Point>, PassportError> {
        let measured = self.healths_of(&passport.passport_id).await?;
        let new = when_new(passport, events);
        let new = std::iter::once(new).filter(|new| measured.first().is_none_or(|first| new.at < first.at));
        let measured = measured.iter().map(|r| Point { at: r.at, soh: r.soh, cycles: r.cycles });
        Ok(new.chain(measured).collect())
    }

    pub(super) async fn health_history(
        &self,
        passport: &Passport,
        events: &[EventRecord],
    ) -> Result<Vec<HistoryPoint>, PassportError> {
        let measured = self.healths_of(&passport.passport_id).await?;
        let new = when_new(passport, events);
        let new =
            HistoryPoint { at: new.at, soh: new.soh, cycles: new.cycles, method: Some("rated".to_owned()) };
        let new = std::iter::once(new).filter(|new| measured.first().is_none_or(|first| new.at < first.at));
        let measured = measured.iter().map(|record| HistoryPoint {
            at: record.at,
            soh: record.soh,
            cycles: record.cycles,
            method: record.method.clone(),
        });
        Ok(new.chain(measured).collect())
    }

    /// The twin's own forecast; nothing where it has none.
    pub(super) async fn foreseen(&self, passport: &Passport) -> Result<Option<LifeSight>, PassportError> {
        let twin = self.platform.find(None, &passport.twin.to_string()).await?;
        match self.platform.forecast(&twin).await {
            Ok(foreseen) => Ok(Some(foreseen)),
            Err(PlatformError::Unforeseen { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn foreseen_cycles(&self, passport: &Passport) -> Result<Option<f64>, PassportError> {
        Ok(self.foreseen(passport).await?.map(|life| life.p50 * life.assumed_use.equivalent_cycles_per_day))
    }
}
