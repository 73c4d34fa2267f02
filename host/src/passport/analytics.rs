//! What a battery's past says of its future, and how a fleet stands.

use super::health::HistoryPoint;
use super::index::Row;
use super::record::Passport;
use super::{Criteria, PassportError, Passports, Sort, View};
use crate::identity::Visibility;
use crate::platform::alerts::{AlertRecord, WhichAlerts};
use crate::platform::fleet::Part;
use crate::platform::sight::SensorFaultSight;
use crate::platform::{AssumedUse, LifeSight};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use twin::passport::compliance;
use twin::passport::health::{By, EXHAUSTED, Outlook};
use twin::passport::lifecycle::{Application, Stage};
use twin::passport::second_life;
use twin::time::{DAY_MS, HOUR_MS, Time};

/// Points of a projection.
const POINTS: usize = 12;
/// Alerts of one battery that are read.
const ALERTS: usize = 200;
/// Batteries of a fleet that are looked at one by one; of larger fleets some figures are not told.
const LOOKED_AT_MAX: usize = 2_000;
const AT_ONCE: usize = 32;
/// Health below which a battery is at risk, over rated.
const RISK: f64 = 0.7;
/// Temperatures beyond which minutes are counted [°C].
const HOT_C: f64 = 45.0;
const COLD_C: f64 = 0.0;
/// Longest time that temperatures are looked at [d].
const EXPOSURE_DAYS: i64 = 400;

/// Health at one time ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectionPoint {
    /// Full cycles by then.
    pub cycle: f64,
    /// When, where its use is known.
    pub at: Option<Time>,
    /// Capacity over rated.
    pub soh: f64,
    /// Between this with a probability of nine tenths, where that is known …
    pub low: Option<f64>,
    /// … and this.
    pub high: Option<f64>,
}

/// How long it will still serve.
#[derive(Debug, Clone, PartialEq)]
pub struct RemainingLife {
    /// Cycles.
    pub cycles: f64,
    /// Days, where its use is known.
    pub days: Option<f64>,
    /// Days that remain with a probability of nine tenths, and of one tenth.
    pub days_between: Option<(f64, f64)>,
    /// What that follows from.
    pub by: By,
}

/// How a battery stands among those of its model, or of its chemistry where it is the only one.
#[derive(Debug, Clone, PartialEq)]
pub struct Peers {
    /// What they have in common.
    pub of: String,
    /// How many there are with it.
    pub count: usize,
    /// Share of them that are no healthier, 0 to 100.
    pub percentile: f64,
}

/// What a battery's past says of its future.
#[derive(Debug, Clone)]
pub struct Analytics {
    /// The battery as it is now.
    pub view: View,
    /// Health over time, within what was asked.
    pub history: Vec<HistoryPoint>,
    /// What the records say.
    pub outlook: Outlook,
    /// What the twin foresees, where it does.
    pub foreseen: Option<LifeSight>,
    /// Health ahead.
    pub projection: Vec<ProjectionPoint>,
    /// How long it will still serve.
    pub remaining: RemainingLife,
    /// Its use, where the twin knows it.
    pub usage: Option<AssumedUse>,
    /// Minutes above and below the bounds, by the mean of each hour; nothing where no temperature was heard.
    pub exposure_min: Option<(f64, f64)>,
    /// Alerts, the newest first.
    pub alerts: Vec<AlertRecord>,
    /// Sensors that do not tell the truth.
    pub faults: Vec<SensorFaultSight>,
    /// Among its peers.
    pub peers: Option<Peers>,
    /// When.
    pub at: Time,
}

/// A battery at risk, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct AtRisk {
    /// `BAT-2025-LI-001234`.
    pub battery_id: String,
    /// Why.
    pub reasons: Vec<String>,
}

/// How a fleet stands.
#[derive(Debug, Clone)]
pub struct FleetAnalytics {
    /// Whose.
    pub owner: String,
    /// Batteries.
    pub count: usize,
    /// Mean health of those whose health is known, over rated.
    pub soh_mean: Option<f64>,
    /// Batteries by health: at least 90, 80, 70, 60 %, below, and unknown.
    pub distribution: Vec<(&'static str, usize)>,
    /// Rated energy [kWh].
    pub energy_kwh: f64,
    /// Footprints with distribution, of those that have one [kg CO2e].
    pub co2e_kg: f64,
    /// How many have one.
    pub with_footprint: usize,
    /// By cathode.
    pub by_chemistry: BTreeMap<String, usize>,
    /// By stage.
    pub by_stage: BTreeMap<&'static str, usize>,
    /// By use.
    pub by_application: BTreeMap<&'static str, usize>,
    /// In use or kept, and fit for a second life rather than the first.
    pub second_life: usize,
    /// At risk, the worst first.
    pub at_risk: Vec<AtRisk>,
    /// Mean score of compliance; nothing for fleets too large to look at each.
    pub compliance_mean: Option<f64>,
    /// When.
    pub at: Time,
}

/// Health ahead by the twin's forecast.
fn foreseen_curve(life: &LifeSight, cycles: f64) -> Vec<ProjectionPoint> {
    let per_day = life.assumed_use.equivalent_cycles_per_day;
    let step = (life.curve.len() / POINTS).max(1);
    let points = life.curve.iter().step_by(step).map(|point| ProjectionPoint {
        cycle: cycles + per_day * point.day,
        at: Some(life.at + (point.day * DAY_MS as f64) as i64),
        soh: point.p50,
        low: Some(point.p10),
        high: Some(point.p90),
    });
    points.collect()
}

/// Health ahead by a straight line down to where it is exhausted.
fn line(outlook: &Outlook, soh: f64, cycles: f64, passport: &Passport, now: Time) -> Vec<ProjectionPoint> {
    let usual = (1.0 - EXHAUSTED) / passport.specifications.expected_cycles;
    let per_cycle = outlook.per_cycle.filter(|rate| *rate > 0.0).unwrap_or(usual);
    let left = ((soh - EXHAUSTED) / per_cycle).max(0.0);
    let days = outlook.per_day.filter(|rate| *rate > 0.0).map(|rate| ((soh - EXHAUSTED) / rate).max(0.0));
    let points = (0..=POINTS).map(|point| {
        let share = point as f64 / POINTS as f64;
        ProjectionPoint {
            cycle: cycles + share * left,
            at: days.map(|days| now + (share * days * DAY_MS as f64) as i64),
            soh: soh - share * left * per_cycle,
            low: None,
            high: None,
        }
    });
    points.collect()
}

fn bin(soh: Option<f64>) -> usize {
    match soh {
        None => 5,
        Some(soh) if soh >= 0.9 => 0,
        Some(soh) if soh >= 0.8 => 1,
        Some(soh) if soh >= 0.7 => 2,
        Some(soh) if soh >= 0.6 => 3,
        Some(_) => 4,
    }
}

impl Passports {
    /// What a battery's past says of its future.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn analytics(
        &self,
        name: &str,
        visible: &Visibility,
        (from, to): (Option<Time>, Option<Time>),
    ) -> Result<Analytics, PassportError> {
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(PassportError::unfit("from", "is after `to`"));
        }
        let now = self.now();
        let view = self.view(name, visible).await?;
        let passport = view.passport.clone();
        let events = self.events_of(&passport.passport_id).await?;
        let history = self.health_history(&passport, &events).await?;
        let within = |at: Time| from.is_none_or(|from| at >= from) && to.is_none_or(|to| at <= to);
        let history = history.into_iter().filter(|point| within(point.at)).collect();
        let outlook = self.outlook(&passport).await?;
        let foreseen = self.foreseen(&passport).await?;
        let cycles = view.cycles as f64;
        let soh = view.soh.or(passport.last_health.map(|health| health.soh)).unwrap_or(1.0);
        let projection = match &foreseen {
            Some(life) => foreseen_curve(life, cycles),
            None => line(&outlook, soh, cycles, &passport, now),
        };
        let remaining = RemainingLife {
            cycles: outlook.remaining_cycles,
            days: foreseen.as_ref().map(|life| life.p50).or_else(|| {
                let rate = outlook.per_day.filter(|rate| *rate > 0.0)?;
                Some(((soh - EXHAUSTED) / rate).max(0.0))
            }),
            days_between: foreseen.as_ref().map(|life| (life.p10, life.p90)),
            by: outlook.by,
        };
        let which = WhichAlerts { twin: Some(passport.twin), from, to, ..WhichAlerts::default() };
        let (alerts, _) = self.platform.alerts(&which, ALERTS, None).await?;
        let exposure_min = self.exposure(&view, from, to.unwrap_or(now)).await?;
        let peers = self.peers(&view, visible).await?;
        Ok(Analytics {
            usage: foreseen.as_ref().map(|life| life.assumed_use),
            faults: view.sight.battery.as_ref().map_or_else(Vec::new, |b| b.sensor_faults.clone()),
            history,
            outlook,
            foreseen,
            projection,
            remaining,
            exposure_min,
            alerts,
            peers,
            at: now,
            view,
        })
    }

    /// Minutes above and below the bounds, by the mean temperature of each hour in which it was heard.
    async fn exposure(
        &self,
        view: &View,
        from: Option<Time>,
        to: Time,
    ) -> Result<Option<(f64, f64)>, PassportError> {
        if !view.sight.latest.contains_key("temperature_c") {
            return Ok(None);
        }
        let earliest = to + -EXPOSURE_DAYS * DAY_MS;
        let from = from.unwrap_or(earliest).max(earliest);
        let metrics = ["temperature_c".to_owned()];
        let seen = self.platform.history(view.passport.twin, &metrics, (from, to + 1), Some(HOUR_MS)).await?;
        let mut minutes = (0.0, 0.0);
        for step in seen.series.iter().flat_map(|series| &series.steps) {
            if step.mean > HOT_C {
                minutes.0 += 60.0;
            } else if step.mean < COLD_C {
                minutes.1 += 60.0;
            }
        }
        Ok(Some(minutes))
    }

    async fn peers(&self, view: &View, visible: &Visibility) -> Result<Option<Peers>, PassportError> {
        let Some(own) = view.soh else { return Ok(None) };
        let passport = &view.passport;
        let by_model = Criteria {
            manufacturer: Some(passport.identity.manufacturer.clone()),
            model: Some(passport.identity.model.clone()),
            ..Criteria::default()
        };
        let by_cathode =
            Criteria { cathode: Some(passport.chemistry.cathode.clone()), ..Criteria::default() };
        for (of, criteria) in [("model", by_model), ("chemistry", by_cathode)] {
            let all = Part { skip: 0, limit: usize::MAX };
            let rows = self.search(&criteria, visible, all).await?.items;
            let others = rows.iter().filter(|row| row.twin != passport.twin).filter_map(|row| row.soh);
            let others: Vec<f64> = others.collect();
            if !others.is_empty() {
                let count = others.len() + 1;
                let no_healthier = others.iter().filter(|soh| **soh <= own).count() + 1;
                let percentile = 100.0 * no_healthier as f64 / count as f64;
                return Ok(Some(Peers { of: of.to_owned(), count, percentile }));
            }
        }
        Ok(None)
    }

    /// How the batteries of an owner stand; of one use where one is named.
    ///
    /// # Errors
    /// When the owner has none.
    pub async fn fleet_analytics(
        &self,
        owner: &str,
        application: Option<Application>,
        visible: &Visibility,
    ) -> Result<FleetAnalytics, PassportError> {
        let criteria = Criteria {
            owner: Some(owner.to_owned()),
            application,
            sort_by: Sort::Oldest,
            ..Criteria::default()
        };
        let rows = self.search(&criteria, visible, Part { skip: 0, limit: usize::MAX }).await?.items;
        if rows.is_empty() {
            return Err(PassportError::Absent(format!("{owner} holds no batteries")));
        }
        let known: Vec<f64> = rows.iter().filter_map(|row| row.soh).collect();
        let mut bins = [0_usize; 6];
        rows.iter().for_each(|row| bins[bin(row.soh)] += 1);
        let names = ["90-100", "80-89", "70-79", "60-69", "0-59", "unknown"];
        let mut told = FleetAnalytics {
            owner: owner.to_owned(),
            count: rows.len(),
            soh_mean: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
            distribution: names.into_iter().zip(bins).collect(),
            energy_kwh: rows.iter().map(|row| row.energy_kwh).sum(),
            co2e_kg: rows.iter().filter_map(|row| row.co2e_kg).sum(),
            with_footprint: rows.iter().filter(|row| row.co2e_kg.is_some()).count(),
            by_chemistry: BTreeMap::new(),
            by_stage: BTreeMap::new(),
            by_application: BTreeMap::new(),
            second_life: rows.iter().filter(|row| is_for_second_life(row)).count(),
            at_risk: Vec::new(),
            compliance_mean: None,
            at: self.now(),
        };
        for row in &rows {
            *told.by_chemistry.entry(row.cathode.to_string()).or_default() += 1;
            *told.by_stage.entry(row.stage.as_str()).or_default() += 1;
            let application = row.application.map_or("unknown", Application::as_str);
            *told.by_application.entry(application).or_default() += 1;
        }
        let looked_at = rows.len() <= LOOKED_AT_MAX;
        let on = self.today();
        let ids: Vec<_> = rows.iter().map(|row| row.passport_id.clone()).collect();
        let ids = if looked_at { ids } else { Vec::new() };
        let views: Vec<View> = stream::iter(ids)
            .map(|id| async move { self.view(&id, &Visibility::Everything).await })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut at_risk: Vec<(f64, AtRisk)> = Vec::new();
        let mut scores = Vec::with_capacity(views.len());
        for view in &views {
            scores.push(compliance::evaluate(&super::compliance::dossier(view, on)).score);
            let reasons = risks(view);
            if !reasons.is_empty() {
                let battery_id = view.passport.battery_id.clone();
                at_risk.push((view.soh.unwrap_or(1.0), AtRisk { battery_id, reasons }));
            }
        }
        at_risk.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.battery_id.cmp(&b.1.battery_id)));
        told.at_risk = at_risk.into_iter().map(|(_, risk)| risk).collect();
        if !looked_at {
            let worn = rows.iter().filter(|row| row.soh.is_some_and(|soh| soh < RISK));
            told.at_risk = worn
                .map(|row| AtRisk {
                    battery_id: row.battery_id.to_string(),
                    reasons: vec![format!("state of health {:.1} %", 100.0 * row.soh.unwrap_or(0.0))],
                })
                .collect();
        }
        told.compliance_mean = (!scores.is_empty()).then(|| scores.iter().sum::<f64>() / scores.len() as f64);
        Ok(told)
    }
}

/// Why a battery is at risk.
fn risks(view: &View) -> Vec<String> {
    let mut reasons = Vec::new();
    if let Some(soh) = view.soh.filter(|soh| *soh < RISK) {
        reasons.push(format!("state of health {:.1} %", 100.0 * soh));
    }
    if view.passport.lifecycle.incidents_open > 0 {
        reasons.push(format!("{} open incidents", view.passport.lifecycle.incidents_open));
    }
    let bad =
        view.sight.alerts.iter().filter(|alert| alert.severity >= twin::live::alert::Severity::Critical);
    reasons.extend(bad.map(|alert| alert.message.clone()));
    reasons
}

/// Whether a battery is past its first life and fit for a second.
fn is_for_second_life(row: &Row) -> bool {
    let Some(soh) = row.soh else { return false };
    let stage = matches!(row.stage, Stage::InUse | Stage::Maintenance | Stage::InStorage);
    let recommended = second_life::recommended(100.0 * soh);
    stage && (row.marked || matches!(recommended, "stationary_storage" | "backup_power"))
}
