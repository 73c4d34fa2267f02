//! Alerts of batteries under watch: the platform's own, with the battery and the place that each is of.

use super::battery::serial;
use crate::identity::Visibility;
use crate::platform::alerts::{AlertRecord, WhichAlerts, newest_first};
use crate::platform::door::Kind;
use crate::platform::look::record_of;
use crate::platform::{Platform, PlatformError};
use crate::store::records::{By, Collection, Within};
use std::collections::{BTreeMap, BTreeSet};
use twin::live::alert::Severity;
use twin::time::{DAY_MS, Time};

/// Alerts that are read at a time.
const PAGE: usize = 1_000;

/// An alert of a battery under watch.
#[derive(Debug, Clone, PartialEq)]
pub struct MonitoredAlert {
    /// The alert.
    pub alert: AlertRecord,
    /// Name of the battery.
    pub battery: String,
    /// Name of its place.
    pub place: Option<String>,
    /// How many times its figures its message tells, as [`twin::live::alert::Rules::scale_of`].
    pub scale: f64,
}

/// Which alerts.
#[derive(Debug, Clone)]
pub struct WhichMonitored {
    /// Of batteries of this place.
    pub place: Option<String>,
    /// Of this severity.
    pub severity: Option<Severity>,
    /// Of this type.
    pub alert_type: Option<String>,
    /// Only those that are still there.
    pub active_only: bool,
    /// Only those that were taken note of, or only those that were not.
    pub acknowledged: Option<bool>,
    /// Raised from here on.
    pub from: Option<Time>,
    /// Raised before this.
    pub to: Option<Time>,
    /// What the caller sees.
    pub visible: Visibility,
}

/// A page of alerts, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AlertPage {
    /// The page.
    pub alerts: Vec<MonitoredAlert>,
    /// All that were asked for.
    pub total: usize,
    /// Those that are still there; whether only such were asked for makes no difference.
    pub active: usize,
    /// Those of them that nobody took note of.
    pub pending: usize,
}

/// Alerts counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertStatistics {
    /// Raised in the time.
    pub total: usize,
    /// Still there, whenever they were raised.
    pub active: usize,
    /// Of those, by severity: critical, warning, info.
    pub active_by_severity: [usize; 3],
    /// Raised in the time and taken note of.
    pub acknowledged: usize,
    /// Raised in the time, by type.
    pub by_type: BTreeMap<String, usize>,
    /// Raised in the time, by place.
    pub by_place: BTreeMap<String, usize>,
}

/// A battery's alert with all around it.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertContext {
    /// Number that the maker gave the battery.
    pub serial: Option<String>,
    /// Its number in its string.
    pub position: Option<u32>,
    /// Name of its place for people.
    pub place_name: Option<String>,
}

impl Platform {
    /// Types that an alert of a battery can have by the rules.
    pub fn alert_types(&self) -> BTreeSet<&str> {
        let of_batteries = self.core.rules.rules.iter().filter(|rule| rule.kind == Kind::Battery.as_str());
        of_batteries.map(|rule| rule.alert_type()).collect()
    }

    /// Alerts of batteries, the newest first, from the `skip`th on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn monitored_alerts(
        &self,
        which: &WhichMonitored,
        skip: usize,
        limit: usize,
    ) -> Result<AlertPage, PlatformError> {
        let mut page = AlertPage::default();
        let mut found: Vec<MonitoredAlert> = Vec::new();
        let filter = which.filter();
        let fits = |alert: &AlertRecord| filter.includes(alert);
        self.each_alert(which.active_only, (which.from, which.to), &which.visible, |alert| {
            if which.place.is_some() && alert.place != which.place || !fits(&alert.alert) {
                return;
            }
            page.total += 1;
            if alert.alert.is_active() {
                page.active += 1;
                page.pending += usize::from(alert.alert.acknowledged_at.is_none());
            }
            found.push(alert);
        })
        .await?;
        found.sort_by(|a, b| {
            let key = |one: &MonitoredAlert| (std::cmp::Reverse(one.alert.triggered_at), one.alert.id);
            key(a).cmp(&key(b))
        });
        page.alerts = found.into_iter().skip(skip).take(limit).collect();
        Ok(page)
    }

    /// Alerts of the last days, counted.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn alert_statistics(
        &self,
        place: Option<&str>,
        days: u32,
        visible: &Visibility,
    ) -> Result<AlertStatistics, PlatformError> {
        let from = self.core.clock.now() + -(i64::from(days) * DAY_MS);
        let mut counted = AlertStatistics::default();
        let is_of_place = |alert: &MonitoredAlert| place.is_none() || alert.place.as_deref() == place;
        self.each_alert(true, (None, None), visible, |alert| {
            if is_of_place(&alert) {
                counted.active += 1;
                let severity = match alert.alert.severity {
                    Severity::Critical => 0,
                    Severity::Warning => 1,
                    Severity::Info => 2,
                };
                counted.active_by_severity[severity] += 1;
            }
        })
        .await?;
        self.each_alert(false, (Some(from), None), visible, |alert| {
            if !is_of_place(&alert) {
                return;
            }
            counted.total += 1;
            counted.acknowledged += usize::from(alert.alert.acknowledged_at.is_some());
            *counted.by_type.entry(alert.alert.alert_type).or_default() += 1;
            if let Some(place) = alert.place {
                *counted.by_place.entry(place).or_default() += 1;
            }
        })
        .await?;
        Ok(counted)
    }

    /// One alert of a battery, by its id or its name for people.
    ///
    /// # Errors
    /// When there is none that somebody sees.
    pub async fn monitored_alert(
        &self,
        name: &str,
        visible: &Visibility,
    ) -> Result<MonitoredAlert, PlatformError> {
        let alert = self.alert(name).await?;
        let found = self.monitored(vec![alert], visible).await?.pop();
        found.ok_or_else(|| PlatformError::absent("alert", name))
    }

    /// What is around an alert.
    ///
    /// # Errors
    /// When the battery cannot be looked at.
    pub async fn alert_context(
        &self,
        alert: &MonitoredAlert,
        visible: &Visibility,
    ) -> Result<AlertContext, PlatformError> {
        let record = record_of(&self.core, alert.alert.twin).await?;
        let place_name = match &alert.place {
            Some(name) => self.place(name, visible).await.ok().and_then(|place| place.record.name),
            None => None,
        };
        let position = record.labels.get(super::label::POSITION).and_then(|text| text.trim().parse().ok());
        Ok(AlertContext { serial: serial(&record), position, place_name })
    }

    /// Goes through alerts of batteries that somebody sees: those that are still there, or all that were raised in a
    /// time.
    async fn each_alert(
        &self,
        open: bool,
        (from, to): (Option<Time>, Option<Time>),
        visible: &Visibility,
        mut take: impl FnMut(MonitoredAlert),
    ) -> Result<(), PlatformError> {
        let alerts = Collection::<AlertRecord, _>::of(self.core.store.as_ref());
        // The newest come first, so a time's end is where its range begins.
        let within = |from: Option<Time>, to: Option<Time>| {
            let first = to.map_or([0; 8], |to| newest_first(to + -1));
            let beyond = newest_first(from.unwrap_or(Time(0)) + -1);
            Within::Range(first.to_vec(), beyond.to_vec())
        };
        let (by, within) = match (open, from, to) {
            (true, ..) => ("open_of", Within::All),
            (false, None, None) => ("newest", Within::All),
            (false, from, to) => ("newest", within(from, to)),
        };
        let mut after = None;
        loop {
            let (page, next) = alerts.page(By::Index(by.to_owned()), within.clone(), PAGE, after).await?;
            let page = page.into_iter().map(|alert| alert.value).collect();
            self.monitored(page, visible).await?.into_iter().for_each(&mut take);
            match next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Those of batteries that somebody sees, with battery and place.
    async fn monitored(
        &self,
        alerts: Vec<AlertRecord>,
        visible: &Visibility,
    ) -> Result<Vec<MonitoredAlert>, PlatformError> {
        let rules = &self.core.rules;
        self.core
            .in_roll(|sheet| {
                let alerts = alerts.into_iter().filter(|alert| alert.kind == Kind::Battery);
                let seen = alerts.filter_map(|alert| {
                    let listed = sheet.twin(alert.twin).filter(|listed| listed.is_seen_by(visible))?;
                    let place = listed.place.as_deref().map(str::to_owned);
                    let scale = rules.scale_of(&alert.alert_type);
                    Some(MonitoredAlert { battery: listed.name.as_ref().to_owned(), place, alert, scale })
                });
                seen.collect()
            })
            .await
    }
}

impl WhichMonitored {
    fn filter(&self) -> WhichAlerts {
        WhichAlerts {
            twin: None,
            active: self.active_only.then_some(true),
            acknowledged: self.acknowledged,
            severity: self.severity,
            alert_type: self.alert_type.clone(),
            from: self.from,
            to: self.to,
        }
    }
}
