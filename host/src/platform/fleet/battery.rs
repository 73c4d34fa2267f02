//! Batteries of the fleet: what they are, how they stand, registering and changing them.

use super::{AT_ONCE, Paged, Part};
use crate::identity::Visibility;
use crate::platform::door::{Kind, Unfit};
use crate::platform::facts::Facts;
use crate::platform::live::LiveTwin;
use crate::platform::registry::{
    Alias, BatterySpec, DEVICE, NewTwin, Spec, Stated, TwinId, TwinRecord, is_day,
};
use crate::platform::{Platform, PlatformError};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::live::battery::{Doing, Subject};
use twin::time::Time;

/// Longest text of a field in bytes.
const TEXT_MAX_BYTES: usize = 150;

/// How a battery of the fleet stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatteryStatus {
    /// It can be used.
    Active,
    /// It is not to be used.
    Inactive,
    /// It takes charge.
    Charging,
    /// It gives charge.
    Discharging,
    /// It is being looked after.
    Maintenance,
}

impl BatteryStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Inactive, Self::Charging, Self::Discharging, Self::Maintenance];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Charging => "charging",
            Self::Discharging => "discharging",
            Self::Maintenance => "maintenance",
        }
    }

    /// The status of a name.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// A battery of the fleet; what nobody said is empty.
#[derive(Debug, Clone)]
pub struct FleetBattery {
    /// As it is registered.
    pub record: Arc<TwinRecord>,
    /// The name that it goes by.
    pub code: String,
    /// Of which model.
    pub model: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What sort it is: `Lithium-ion`.
    pub battery_type: Option<String>,
    /// Rated energy [Wh].
    pub capacity_wh: Option<f64>,
    /// Rated charge [Ah].
    pub capacity_ah: Option<f64>,
    /// Nominal voltage [V].
    pub voltage_nominal_v: Option<f64>,
    /// Highest rate of charge [1/h].
    pub charge_max_c: Option<f64>,
    /// Highest rate of discharge [1/h].
    pub discharge_max_c: Option<f64>,
    /// Full cycles so far.
    pub total_cycles: u64,
    /// Day of manufacture.
    pub manufactured_on: Option<String>,
    /// How it stands.
    pub status: BatteryStatus,
    /// Capacity over rated, where something is known of it.
    pub soh: Option<f64>,
    /// Cycles by the estimate, which stated ones are counted on from.
    counted: f64,
}

impl FleetBattery {
    pub(in crate::platform) fn of(facts: &Facts, now: Time) -> Self {
        let record = facts.record.clone();
        let subject = facts.subject.as_deref();
        let measured = &facts.kept.measured;
        let estimate = measured.estimate(subject, now);
        let file = subject.and_then(Subject::model).map(|model| &model.cell.file);
        let spec = match &record.spec {
            Spec::Battery(spec) => spec.clone(),
            Spec::Site(_) => BatterySpec::default(),
        };
        let series = subject.map_or(1.0, Subject::series);
        let voltage_nominal_v =
            spec.voltage_nominal_v.or_else(|| file.map(|file| file.cell.voltage_nominal_v * series));
        let capacity_ah = subject.and_then(Subject::rated_ah);
        let by_charge = || capacity_ah.zip(voltage_nominal_v).map(|(ah, v)| ah * v);
        let lead = file.is_some_and(|file| file.family == "VRLA");
        let sort = || file.map(|_| if lead { "Lead-acid" } else { "Lithium-ion" }.to_owned());
        let counted = estimate.as_ref().and_then(|estimate| estimate.efc).unwrap_or(0.0);
        let reported = measured.latest.get("cycles").map_or(0.0, |known| known.value.max(0.0));
        Self {
            code: record.device_name(),
            model: spec.model.clone().or_else(|| file.map(|file| file.make.clone())),
            manufacturer: spec.manufacturer.clone(),
            battery_type: spec.battery_type.clone().or_else(sort),
            capacity_wh: spec.energy_wh.or_else(by_charge),
            capacity_ah,
            voltage_nominal_v,
            charge_max_c: spec.charge_max_c.or_else(|| file.map(|file| file.limits.charge_c_rate_max)),
            discharge_max_c: spec
                .discharge_max_c
                .or_else(|| file.map(|file| file.limits.discharge_c_rate_max)),
            total_cycles: cycles(&record.stated, counted).max(reported as u64),
            manufactured_on: spec.manufactured_on.clone(),
            status: status(
                &record.stated,
                measured.last_at,
                estimate.as_ref().and_then(|estimate| estimate.doing),
            ),
            soh: estimate.as_ref().and_then(|estimate| estimate.soh).map(|soh| soh.mean),
            counted,
            record,
        }
    }
}

/// Full cycles: those counted, or where somebody stated a number, that and what was counted since.
fn cycles(stated: &Stated, counted: f64) -> u64 {
    match stated.cycles {
        Some((cycles, then)) => cycles + (counted - then).max(0.0) as u64,
        None => counted.max(0.0) as u64,
    }
}

/// How a battery stands. Out of use and under maintenance it is as long as somebody says so; anything else that was
/// stated holds until the hardware says more.
fn status(stated: &Stated, measured_at: Option<Time>, doing: Option<Doing>) -> BatteryStatus {
    let said = stated.status.as_ref().and_then(|(name, at)| Some((BatteryStatus::read(name)?, *at)));
    match (said, measured_at) {
        (Some((status @ (BatteryStatus::Inactive | BatteryStatus::Maintenance), _)), _)
        | (Some((status, _)), None) => status,
        (Some((status, at)), Some(measured_at)) if measured_at <= at => status,
        _ => match doing {
            Some(Doing::Charging) => BatteryStatus::Charging,
            Some(Doing::Discharging) => BatteryStatus::Discharging,
            Some(Doing::Resting) | None => BatteryStatus::Active,
        },
    }
}

/// A battery that is to be registered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewFleetBattery {
    /// The name that it goes by.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// Of which model.
    pub model: String,
    /// Who made it.
    pub manufacturer: String,
    /// What sort it is.
    pub battery_type: String,
    /// Rated energy [Wh].
    pub capacity_wh: f64,
    /// Nominal voltage [V].
    pub voltage_nominal_v: f64,
    /// Highest rate of charge [1/h].
    pub charge_max_c: f64,
    /// Highest rate of discharge [1/h].
    pub discharge_max_c: f64,
    /// Day of manufacture.
    pub manufactured_on: String,
}

/// What is to be changed of a battery; what is not given stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetChange {
    /// The name that it goes by.
    pub code: Option<String>,
    /// What people call it.
    pub name: Option<String>,
    /// Of which model.
    pub model: Option<String>,
    /// Who made it.
    pub manufacturer: Option<String>,
    /// What sort it is.
    pub battery_type: Option<String>,
    /// Rated energy [Wh].
    pub capacity_wh: Option<f64>,
    /// Nominal voltage [V].
    pub voltage_nominal_v: Option<f64>,
    /// Highest rate of charge [1/h].
    pub charge_max_c: Option<f64>,
    /// Highest rate of discharge [1/h].
    pub discharge_max_c: Option<f64>,
    /// Day of manufacture.
    pub manufactured_on: Option<String>,
    /// Full cycles so far.
    pub total_cycles: Option<u64>,
    /// How it stands.
    pub status: Option<BatteryStatus>,
}

impl From<NewFleetBattery> for FleetChange {
    fn from(new: NewFleetBattery) -> Self {
        Self {
            code: Some(new.code),
            name: Some(new.name),
            model: Some(new.model),
            manufacturer: Some(new.manufacturer),
            battery_type: Some(new.battery_type),
            capacity_wh: Some(new.capacity_wh),
            voltage_nominal_v: Some(new.voltage_nominal_v),
            charge_max_c: Some(new.charge_max_c),
            discharge_max_c: Some(new.discharge_max_c),
            manufactured_on: Some(new.manufactured_on),
            ..Self::default()
        }
    }
}

impl FleetChange {
    fn check(&self, now: Time) -> Result<(), Unfit> {
        let texts = [
            ("battery_code", &self.code),
            ("name", &self.name),
            ("model", &self.model),
            ("manufacturer", &self.manufacturer),
            ("battery_type", &self.battery_type),
        ];
        for (field, text) in texts {
            let Some(text) = text else { continue };
            if text.trim().is_empty() || text.len() > TEXT_MAX_BYTES || text.chars().any(char::is_control) {
                return Err(Unfit::new(field, format!("1 to {TEXT_MAX_BYTES} bytes of text")));
            }
        }
        if self.code.as_ref().is_some_and(|code| code.contains(['/', '+', '#'])) {
            return Err(Unfit::new("battery_code", "must not contain / + #"));
        }
        let figures = [
            ("capacity_wh", self.capacity_wh, 1e9),
            ("nominal_voltage", self.voltage_nominal_v, 1e4),
            ("max_charge_rate", self.charge_max_c, 1e3),
            ("max_discharge_rate", self.discharge_max_c, 1e3),
        ];
        for (field, figure, most) in figures {
            if let Some(figure) = figure.filter(|figure| !(*figure > 0.0 && *figure <= most)) {
                return Err(Unfit::new(field, format!("{figure} is not above 0 and up to {most}")));
            }
        }
        if let Some(day) = &self.manufactured_on {
            if !is_day(day) {
                return Err(Unfit::new("manufacturing_date", format!("{day:?} is no date as 2026-01-31")));
            }
            let today = crate::platform::sight::rfc3339(now);
            if today.get(..10).is_some_and(|today| day.as_str() > today) {
                return Err(Unfit::new("manufacturing_date", format!("{day} is in the future")));
            }
        }
        Ok(())
    }

    fn spec(&self, spec: &mut BatterySpec) {
        fn take<T: Clone>(into: &mut Option<T>, from: &Option<T>) {
            if from.is_some() {
                into.clone_from(from);
            }
        }
        take(&mut spec.model, &self.model);
        take(&mut spec.manufacturer, &self.manufacturer);
        take(&mut spec.battery_type, &self.battery_type);
        take(&mut spec.energy_wh, &self.capacity_wh);
        take(&mut spec.voltage_nominal_v, &self.voltage_nominal_v);
        take(&mut spec.charge_max_c, &self.charge_max_c);
        take(&mut spec.discharge_max_c, &self.discharge_max_c);
        take(&mut spec.manufactured_on, &self.manufactured_on);
    }

    /// Changes a record; `counted` is what the estimate counts in cycles now.
    fn apply(self, record: &mut TwinRecord, counted: f64, now: Time) {
        if let Spec::Battery(spec) = &mut record.spec {
            self.spec(spec);
        }
        if let Some(name) = self.name {
            record.name = Some(name);
        }
        if let Some(code) = self.code {
            match record.aliases.iter_mut().find(|alias| alias.namespace == DEVICE) {
                Some(alias) => alias.name = code,
                None => record.aliases.push(Alias { namespace: DEVICE.to_owned(), name: code }),
            }
        }
        if let Some(cycles) = self.total_cycles {
            record.stated.cycles = Some((cycles, counted));
        }
        if let Some(status) = self.status {
            record.stated.status = Some((status.as_str().to_owned(), now));
        }
    }
}

impl Platform {
    /// A battery of the fleet as it is now.
    ///
    /// # Errors
    /// When there is none.
    pub async fn fleet_battery(&self, id: TwinId) -> Result<FleetBattery, PlatformError> {
        let now = self.core.clock.now();
        self.residents.look(id, |facts| FleetBattery::of(facts, now)).await
    }

    /// Registers a battery of the fleet.
    ///
    /// # Errors
    /// What is wrong with it, or that its code is taken.
    pub async fn fleet_register(
        &self,
        new: NewFleetBattery,
        organisation: Option<Arc<str>>,
        by: &str,
    ) -> Result<FleetBattery, PlatformError> {
        let change = FleetChange::from(new);
        change.check(self.core.clock.now())?;
        let mut spec = BatterySpec::default();
        change.spec(&mut spec);
        let code = change.code.clone().unwrap_or_default();
        let new = NewTwin {
            kind: Kind::Battery,
            name: change.name,
            aliases: vec![Alias { namespace: DEVICE.to_owned(), name: code }],
            spec: Spec::Battery(spec).checked()?,
            labels: BTreeMap::new(),
            organisation,
        };
        let seen = self.create(new, by).await?;
        self.fleet_battery(seen.id).await
    }

    /// Changes a battery of the fleet.
    ///
    /// # Errors
    /// What is wrong with it, or that its code is taken.
    pub async fn fleet_change(
        &self,
        id: TwinId,
        change: FleetChange,
        by: &str,
    ) -> Result<FleetBattery, PlatformError> {
        let now = self.core.clock.now();
        change.check(now)?;
        let by = by.to_owned();
        let changed = self
            .residents
            .with(id, move |twin: &mut LiveTwin| {
                let (change, by) = (change.clone(), by.clone());
                Box::pin(async move {
                    let known = twin.of_fleet(now);
                    if let Some(cycles) = change.total_cycles.filter(|cycles| *cycles < known.total_cycles) {
                        let reason = format!("{cycles} is less than the {} there were", known.total_cycles);
                        return Err(PlatformError::unfit("total_cycles", reason));
                    }
                    if change == FleetChange::default() {
                        return Ok(known);
                    }
                    let apply = |record: &mut TwinRecord| {
                        change.apply(record, known.counted, now);
                        Ok(())
                    };
                    twin.change(apply, "twin.changed", &by).await?;
                    Ok(twin.of_fleet(now))
                })
            })
            .await?;
        self.residents.forget_names();
        Ok(changed)
    }

    /// Batteries of the fleet that somebody sees, in the order of their codes; of a status where one is named, for which
    /// every battery is looked at.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn fleet_list(
        &self,
        status: Option<BatteryStatus>,
        visible: &Visibility,
        part: Part,
    ) -> Result<Paged<FleetBattery>, PlatformError> {
        let Some(status) = status else {
            let page = self
                .core
                .in_roll(|sheet| {
                    // Who sees everything is not made to count it.
                    if *visible == Visibility::Everything {
                        let ids = sheet.all().skip(part.skip).take(part.limit).collect();
                        return Paged { items: ids, total: sheet.count() };
                    }
                    part.of(sheet.batteries(None, visible).collect::<Vec<TwinId>>())
                })
                .await?;
            return Ok(Paged { items: self.fleet_all(page.items).await?, total: page.total });
        };
        let mut all = self.fleet_all(self.fleet_batteries(visible).await?).await?;
        all.retain(|battery| battery.status == status);
        Ok(part.of(all))
    }

    /// All of these, in their order.
    pub(super) async fn fleet_all(&self, ids: Vec<TwinId>) -> Result<Vec<FleetBattery>, PlatformError> {
        stream::iter(ids).map(|id| self.fleet_battery(id)).buffered(AT_ONCE).try_collect().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stated_holds_until_the_hardware_says_more() {
        let stated = |name: &str| Stated { status: Some((name.to_owned(), Time(100))), cycles: None };
        let charging = stated("charging");
        assert_eq!(status(&charging, None, None), BatteryStatus::Charging);
        assert_eq!(status(&charging, Some(Time(50)), Some(Doing::Discharging)), BatteryStatus::Charging);
        assert_eq!(status(&charging, Some(Time(150)), Some(Doing::Discharging)), BatteryStatus::Discharging);
        let away = stated("maintenance");
        assert_eq!(status(&away, Some(Time(150)), Some(Doing::Discharging)), BatteryStatus::Maintenance);
        assert_eq!(status(&Stated::default(), Some(Time(1)), Some(Doing::Resting)), BatteryStatus::Active);
    }

    #[test]
    fn stated_cycles_are_counted_on_from() {
        assert_eq!(cycles(&Stated::default(), 12.9), 12);
        let stated = Stated { status: None, cycles: Some((101, 12.9)) };
        assert_eq!(cycles(&stated, 12.9), 101);
        assert_eq!(cycles(&stated, 15.0), 103);
    }

    #[test]
    fn a_change_names_the_field_that_is_wrong() {
        let wrong = |change: FleetChange| change.check(Time(1_767_225_600_000)).unwrap_err().field;
        assert_eq!(wrong(FleetChange { code: Some("a/b".into()), ..Default::default() }), "battery_code");
        assert_eq!(wrong(FleetChange { capacity_wh: Some(0.0), ..Default::default() }), "capacity_wh");
        assert_eq!(
            wrong(FleetChange { charge_max_c: Some(f64::NAN), ..Default::default() }),
            "max_charge_rate"
        );
        for day in ["2023-02-30", "yesterday", "2026-01-02"] {
            let change = FleetChange { manufactured_on: Some(day.into()), ..Default::default() };
            assert_eq!(wrong(change), "manufacturing_date", "{day}");
        }
    }
}
