//! Batteries on instalments: whose they are, how they are switched, how they are. What they are and how they feel is
//! their twins' to say.

use super::draft::Draft;
use super::intent::{Carried, Intent, What};
use super::records::{Asset, AssetStatus, Control, Party, Reason, of};
use super::rules::switching::{Signs, may_switch_off};
use super::{Dealership, DealershipError, Member};
use crate::identity::{Action, Role, Visibility};
use crate::platform::command::{NewCommand, Outcome};
use crate::platform::door::Kind;
use crate::platform::fleet::{BatteryStatus, FleetChange};
use crate::platform::registry::{BatterySpec, CONSUMER, DEALER};
use crate::platform::sight::Sight;
use crate::platform::{Alias, ErrorKind, NewTwin, Spec, TwinRecord, Update};
use crate::store::records::Versioned;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use twin::live::alert::Severity;
use twin::time::{HOUR_MS, Time};

/// Batteries that are looked at at once.
const AT_ONCE: usize = 32;
/// Batteries that are enrolled in one change.
const TOGETHER: usize = 200;
/// The command that tells a battery how it shall be.
const SET_STATUS: &str = "set_status";
/// After so long a battery that could not be switched yet is looked at again [ms].
const AGAIN_MS: i64 = 60_000;
/// Namespace of the numbers that makers give.
const SERIAL: &str = "serial";

/// How a battery was switched last, as somebody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSight {
    /// How it was switched.
    pub control: Control,
    /// What became of it: `pending`, `accepted`, `acknowledged`, `refused`, `timed_out`.
    pub outcome: String,
}

/// A battery as somebody sees it.
#[derive(Debug, Clone)]
pub struct BatterySight {
    /// The record.
    pub asset: Asset,
    /// How it shall be.
    pub status: AssetStatus,
    /// Its health, 0 to 100: its twin's, or what was stated.
    pub health: f64,
    /// Name of its consumer.
    pub consumer_name: Option<String>,
    /// How it was switched last.
    pub control: Option<ControlSight>,
}

/// What a battery measured last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Telemetry {
    /// Voltage [V].
    pub voltage_v: Option<f64>,
    /// Current, positive on discharge [A].
    pub current_a: Option<f64>,
    /// State of charge, 0 to 1.
    pub soc: Option<f64>,
    /// Degrees north and east.
    pub position: Option<(f64, f64)>,
    /// When.
    pub at: Time,
}

/// Health of the batteries of a status.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HealthOf {
    /// How many.
    pub count: usize,
    /// Mean health, 0 to 100.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

impl HealthOf {
    /// Of some figures; nothing where there are none.
    pub fn of(figures: &[f64]) -> Option<Self> {
        let count = figures.len();
        (count > 0).then(|| Self {
            count,
            mean: figures.iter().sum::<f64>() / count as f64,
            min: figures.iter().copied().fold(f64::INFINITY, f64::min),
            max: figures.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

impl Dealership {
    /// A battery by any name of its twin, for somebody who may do so to it. Batteries that were registered elsewhere are
    /// enrolled when the operator first asks for them.
    pub(super) async fn asset_named(
        &self,
        member: &Member,
        action: Action,
        name: &str,
    ) -> Result<Versioned<Asset>, DealershipError> {
        member.may(action)?;
        let absent = || DealershipError::absent("Battery", name);
        let found = self.platform().find(Some(Kind::Battery), name).await;
        let record = found.map_err(|error| match error.kind() {
            ErrorKind::Absent | ErrorKind::Gone => absent(),
            _ => error.into(),
        })?;
        let twin = record.id.to_string();
        let known = self.of::<Asset>().find("twin", twin.as_bytes()).await?;
        let asset = match known {
            Some(asset) => asset,
            None if member.sees_all() => {
                self.enrol(&[record], &member.name()).await?;
                self.of::<Asset>().find("twin", twin.as_bytes()).await?.ok_or_else(absent)?
            }
            None => return Err(absent()),
        };
        self.check_asset(member, action, &asset.value).await?;
        Ok(asset)
    }

    /// The same by its number.
    pub(super) async fn asset_numbered(
        &self,
        member: &Member,
        action: Action,
        id: u64,
    ) -> Result<Versioned<Asset>, DealershipError> {
        member.may(action)?;
        let asset = self.known::<Asset>(id).await?.ok_or_else(|| DealershipError::absent("Battery", id))?;
        self.check_asset(member, action, &asset.value).await?;
        Ok(asset)
    }

    /// Refuses where a caller may not do something to a battery, or there is none.
    ///
    /// # Errors
    /// Why not.
    pub async fn battery_may(
        &self,
        member: &Member,
        action: Action,
        name: &str,
    ) -> Result<(), DealershipError> {
        self.asset_named(member, action, name).await.map(drop)
    }

    async fn check_asset(
        &self,
        member: &Member,
        action: Action,
        asset: &Asset,
    ) -> Result<(), DealershipError> {
        let mut owner = asset.owner();
        if let Some(technician) = member.number.filter(|_| member.is(Role::Technician)) {
            // Who is sent to a battery sees it.
            let sent = self.all::<super::records::Ticket>(Some(("load", of(technician)))).await?;
            if sent.iter().any(|ticket| ticket.asset == asset.id) {
                owner.technician = Some(technician.to_string().into());
            }
        }
        member.may_to(action, &owner)
    }

    /// Takes twins that were registered elsewhere into the records; nobody's but the operator's yet.
    async fn enrol(&self, records: &[TwinRecord], by: &str) -> Result<(), DealershipError> {
        let _turn = self.turn().await;
        let mut draft = Draft::of(self);
        let mut ids = Vec::new();
        for record in records {
            if self.of::<Asset>().find("twin", record.id.to_string().as_bytes()).await?.is_some() {
                continue;
            }
            let id = draft.number("asset").await?;
            draft.add(&Asset {
                id,
                twin: record.id,
                serial: serial_of(record),
                dealer: None,
                consumer: None,
                is_stock: false,
                organisation: record.organisation.clone(),
                health_stated: 100.0,
                control: None,
                held_for: None,
                noticed_at: None,
                created: record.created_at,
            })?;
            ids.push(id);
        }
        if ids.is_empty() {
            return Ok(());
        }
        draft.keep("assets", "batteries enrolled", by, json!({ "assets": ids })).await?;
        Ok(())
    }

    /// Enrols every battery twin that is not in the records yet.
    async fn enrol_all(&self, by: &str) -> Result<(), DealershipError> {
        let twins = self.platform().fleet_batteries(&Visibility::Everything).await?;
        let known: BTreeSet<_> = self.all::<Asset>(None).await?.into_iter().map(|asset| asset.twin).collect();
        let missing: Vec<_> = twins.into_iter().filter(|twin| !known.contains(twin)).collect();
        for some in missing.chunks(TOGETHER) {
            let mut records = Vec::with_capacity(some.len());
            for twin in some {
                records.push(self.platform().find(Some(Kind::Battery), &twin.to_string()).await?);
            }
            self.enrol(&records, by).await?;
        }
        Ok(())
    }

    /// Records of batteries that somebody sees, the newest first.
    pub(super) async fn assets_seen(&self, member: &Member) -> Result<Vec<Asset>, DealershipError> {
        let mut found = match member.dealer() {
            Some(dealer) => {
                let mut own = self.all::<Asset>(Some(("dealer", of(dealer)))).await?;
                own.extend(self.all::<Asset>(Some(("dealer", b"-".to_vec()))).await?);
                own
            }
            None => self.all::<Asset>(None).await?,
        };
        found.retain(|asset| member.sees(&asset.owner()));
        found.sort_by_key(|asset| Reverse(asset.id));
        Ok(found)
    }

    /// Batteries that somebody sees, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn batteries(
        &self,
        member: &Member,
        status: Option<AssetStatus>,
        dealer: Option<u64>,
    ) -> Result<Vec<BatterySight>, DealershipError> {
        member.may(Action::AssetWrite)?;
        if member.sees_all() {
            self.enrol_all(&member.name()).await?;
        }
        let mut assets = self.assets_seen(member).await?;
        assets.retain(|asset| dealer.is_none_or(|dealer| asset.dealer == Some(dealer)));
        let mut seen = self.battery_sights(assets).await?;
        seen.retain(|battery| status.is_none_or(|status| battery.status == status));
        Ok(seen)
    }

    /// All of these, in their order.
    pub(super) async fn battery_sights(
        &self,
        assets: Vec<Asset>,
    ) -> Result<Vec<BatterySight>, DealershipError> {
        stream::iter(assets).map(|asset| self.battery_sight(asset)).buffered(AT_ONCE).try_collect().await
    }

    /// A battery as it is now.
    pub(super) async fn battery_sight(&self, asset: Asset) -> Result<BatterySight, DealershipError> {
        let seen = self.platform().fleet_battery(asset.twin).await?;
        let status = match seen.status {
            BatteryStatus::Inactive => AssetStatus::Inactive,
            BatteryStatus::Maintenance => AssetStatus::Maintenance,
            BatteryStatus::Active | BatteryStatus::Charging | BatteryStatus::Discharging => {
                AssetStatus::Active
            }
        };
        // What was decided holds, even while its twin is still to be told.
        let status =
            asset.control.as_ref().filter(|one| one.command.is_none()).map_or(status, |one| one.wanted);
        let consumer_name = match asset.consumer {
            Some(consumer) => self.known::<Party>(consumer).await?.map(|party| party.value.name),
            None => None,
        };
        let control = match &asset.control {
            Some(control) => Some(self.control_sight(&asset, control).await?),
            None => None,
        };
        let health = seen.soh.map_or(asset.health_stated, |soh| (soh * 100.0).clamp(0.0, 100.0));
        Ok(BatterySight { status, health, consumer_name, control, asset })
    }

    async fn control_sight(&self, asset: &Asset, control: &Control) -> Result<ControlSight, DealershipError> {
        let outcome = match (&control.outcome, control.command) {
            (Some(outcome), _) => outcome.clone(),
            (None, None) => "pending".to_owned(),
            (None, Some(command)) => {
                let command = self.platform().command_of(asset.twin, &command.to_string()).await?;
                command.outcome.as_str().to_owned()
            }
        };
        Ok(ControlSight { control: control.clone(), outcome })
    }

    /// A battery, and what it measured last.
    ///
    /// # Errors
    /// When there is none such, or it is not the caller's.
    pub async fn battery(
        &self,
        member: &Member,
        serial: &str,
    ) -> Result<(BatterySight, Option<Telemetry>), DealershipError> {
        let asset = self.asset_named(member, Action::AssetRead, serial).await?.value;
        let seen = self.platform().view(asset.twin).await?;
        let latest = |metric: &str| seen.latest.get(metric).map(|known| known.value);
        let soc = seen.battery.as_ref().and_then(|battery| battery.soc);
        let telemetry = seen.measured_at.map(|at| Telemetry {
            voltage_v: latest("voltage_v"),
            current_a: latest("current_a"),
            soc: soc.or_else(|| latest("soc_pct").map(|pct| pct / 100.0)),
            position: seen.position,
            at,
        });
        Ok((self.battery_sight(asset).await?, telemetry))
    }

    /// Registers a battery, with a twin where there is none of this name.
    ///
    /// # Errors
    /// What is wrong with it, or that it is registered already.
    pub async fn battery_add(
        &self,
        member: &Member,
        serial: &str,
        health: f64,
    ) -> Result<BatterySight, DealershipError> {
        member.may(Action::AssetWrite)?;
        let serial = serial.trim();
        if serial.is_empty() || serial.len() > 100 {
            return Err(DealershipError::field("serial_number", "1 to 100 characters"));
        }
        if !(0.0..=100.0).contains(&health) {
            return Err(DealershipError::field("health_score", "from 0 to 100"));
        }
        let duplicate = || {
            DealershipError::unfit(
                "Duplicate serial number",
                format!("A battery with serial number {serial} is registered already"),
            )
        };
        let turn = self.turn().await;
        let dealer = member.dealer();
        let found = self.platform().find(Some(Kind::Battery), serial).await;
        let record = match found {
            Ok(record) => {
                // A twin of its own that was made when it came to no record.
                let is_own = dealer.is_some_and(|dealer| {
                    record.labels.get(DEALER).is_some_and(|label| *label == dealer.to_string())
                });
                if !is_own && !member.sees_all() {
                    return Err(duplicate());
                }
                record
            }
            Err(error) if error.kind() == ErrorKind::Absent => self.new_twin(member, serial).await?,
            Err(error) => return Err(error.into()),
        };
        if self.of::<Asset>().find("twin", record.id.to_string().as_bytes()).await?.is_some() {
            return Err(duplicate());
        }
        let mut draft = Draft::of(self);
        let id = draft.number("asset").await?;
        let asset = Asset {
            id,
            twin: record.id,
            serial: serial.to_owned(),
            dealer,
            consumer: None,
            is_stock: true,
            organisation: record.organisation.clone(),
            health_stated: health,
            control: None,
            held_for: None,
            noticed_at: None,
            created: self.now(),
        };
        draft.add(&asset)?;
        let detail = json!({ "twin": record.id, "dealer": dealer });
        draft.keep(&format!("asset/{id}"), "battery registered", &member.name(), detail).await?;
        drop(turn);
        self.battery_sight(asset).await
    }

    async fn new_twin(&self, member: &Member, serial: &str) -> Result<TwinRecord, DealershipError> {
        let dealer = member.dealer().map(|dealer| (DEALER.to_owned(), dealer.to_string()));
        let new = NewTwin {
            kind: Kind::Battery,
            name: None,
            aliases: vec![Alias { namespace: SERIAL.to_owned(), name: serial.to_owned() }],
            spec: Spec::Battery(BatterySpec::default()),
            labels: dealer.into_iter().collect(),
            organisation: None,
        };
        let made = self.platform().create(new, &member.name()).await?;
        Ok(self.platform().find(Some(Kind::Battery), &made.id.to_string()).await?)
    }

    /// Switches a battery: its twin is told, and tells the hardware.
    ///
    /// # Errors
    /// When there is none such, or it is not the caller's.
    pub async fn control(
        &self,
        member: &Member,
        serial: &str,
        wanted: AssetStatus,
    ) -> Result<BatterySight, DealershipError> {
        self.asset_named(member, Action::AssetWrite, serial).await?;
        let turn = self.turn().await;
        let Versioned { value: mut asset, version } =
            self.asset_named_under_turn(member, Action::AssetWrite, serial).await?;
        // Nobody switches what is nobody's, but the operator.
        if member.dealer().is_some() && asset.dealer != member.dealer() {
            return Err(DealershipError::Denied);
        }
        if wanted == AssetStatus::Active && asset.held_for.is_some() && !member.sees_all() {
            return Err(DealershipError::unfit(
                "Battery is held",
                "Late instalments must be paid before it is switched on",
            ));
        }
        let mut draft = Draft::of(self);
        if wanted == AssetStatus::Active {
            asset.held_for = None;
        }
        self.want(&mut draft, &mut asset, wanted, Reason::Asked, &member.name()).await?;
        draft.change(&asset, version)?;
        let detail = json!({ "wanted": wanted.as_str() });
        let entity = format!("asset/{}", asset.id);
        let intents = draft.keep(&entity, "battery switched", &member.name(), detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        self.battery_sight(self.known::<Asset>(asset.id).await?.map_or(asset, |found| found.value)).await
    }

    /// A battery that is in the records already, for whoever has the turn.
    async fn asset_named_under_turn(
        &self,
        member: &Member,
        action: Action,
        name: &str,
    ) -> Result<Versioned<Asset>, DealershipError> {
        let record = self.platform().find(Some(Kind::Battery), name).await?;
        let asset = self.of::<Asset>().find("twin", record.id.to_string().as_bytes()).await?;
        let asset = asset.ok_or_else(|| DealershipError::absent("Battery", name))?;
        self.check_asset(member, action, &asset.value).await?;
        Ok(asset)
    }

    /// Notes how a battery shall be from now on, and intends to tell it.
    pub(super) async fn want(
        &self,
        draft: &mut Draft<'_>,
        asset: &mut Asset,
        wanted: AssetStatus,
        reason: Reason,
        by: &str,
    ) -> Result<(), DealershipError> {
        let number = asset.control.as_ref().map_or(0, |control| control.number) + 1;
        let at = self.now();
        asset.control = Some(Control { number, wanted, reason, at, command: None, outcome: None, tries: 0 });
        draft.intend(What::Switch { asset: asset.id, number }, by, at).await?;
        Ok(())
    }

    /// Tells a twin how its battery shall be.
    pub(super) async fn switch(
        &self,
        id: u64,
        number: u64,
        intent: &Versioned<Intent>,
    ) -> Result<Carried, DealershipError> {
        let is_current = |asset: &Asset| {
            asset.control.as_ref().is_some_and(|one| one.number == number && one.command.is_none())
        };
        let Some(asset) = self.known::<Asset>(id).await?.map(|found| found.value) else {
            return Ok(Carried::Void);
        };
        let Some(control) = asset.control.clone().filter(|_| is_current(&asset)) else {
            return Ok(Carried::Void);
        };
        if control.reason == Reason::Overdue {
            // It may have driven off since it was decided.
            let signs = self.signs(&asset).await?;
            if may_switch_off(&signs, self.settings().parked_within_s).is_err() {
                return Ok(Carried::Later(self.now() + AGAIN_MS));
            }
        }
        let by = &intent.value.by;
        let status = match control.wanted {
            AssetStatus::Active => BatteryStatus::Active,
            AssetStatus::Inactive => BatteryStatus::Inactive,
            AssetStatus::Maintenance => BatteryStatus::Maintenance,
        };
        let change = FleetChange { status: Some(status), ..FleetChange::default() };
        self.platform().fleet_change(asset.twin, change, by).await?;
        let new = NewCommand {
            command: SET_STATUS.to_owned(),
            params: json!({
                "status": control.wanted.as_str(), "discharge": control.wanted == AssetStatus::Active,
                "charge": true, "reason": control.reason, "when": "parked",
            }),
            timeout_s: Some(self.settings().control_timeout_s),
        };
        let command = self.platform().command(asset.twin, new, by).await?;
        let _turn = self.turn().await;
        let mut draft = Draft::of(self);
        draft.delete::<Intent>(intent.value.id, intent.version);
        let Some(Versioned { value: mut asset, version }) = self.known::<Asset>(id).await? else {
            return Ok(Carried::Void);
        };
        if is_current(&asset) {
            if let Some(control) = &mut asset.control {
                control.command = Some(command.id);
                control.tries += 1;
            }
            draft.change(&asset, version)?;
            let looked_at = command.deadline + 1_000;
            draft.intend(What::Confirm { asset: id, number }, by, looked_at).await?;
        }
        let detail = json!({ "command": command.id, "wanted": control.wanted.as_str() });
        draft.keep(&format!("asset/{id}"), "battery told", by, detail).await?;
        Ok(Carried::Done)
    }

    /// Looks at what became of a switching; what was due to late or paid instalments is tried again until it is done.
    pub(super) async fn confirm(
        &self,
        id: u64,
        number: u64,
        intent: &Versioned<Intent>,
    ) -> Result<Carried, DealershipError> {
        let _turn = self.turn().await;
        let Some(Versioned { value: mut asset, version }) = self.known::<Asset>(id).await? else {
            return Ok(Carried::Void);
        };
        let twin = asset.twin;
        let Some(control) = asset.control.as_mut().filter(|control| control.number == number) else {
            return Ok(Carried::Void);
        };
        let Some(command) = control.command else { return Ok(Carried::Void) };
        let command = self.platform().command_of(twin, &command.to_string()).await?;
        if command.is_open() {
            return Ok(Carried::Later(command.deadline.max(self.now()) + 1_000));
        }
        let mut draft = Draft::of(self);
        draft.delete::<Intent>(intent.value.id, intent.version);
        control.outcome = Some(command.outcome.as_str().to_owned());
        let again = command.outcome != Outcome::Acknowledged && control.reason != Reason::Asked;
        if again {
            let wait_ms = (AGAIN_MS << control.tries.min(6)).min(HOUR_MS);
            control.command = None;
            control.outcome = None;
            draft.intend(What::Switch { asset: id, number }, &intent.value.by, self.now() + wait_ms).await?;
        }
        draft.change(&asset, version)?;
        let detail = json!({ "outcome": command.outcome.as_str(), "again": again });
        draft.keep(&format!("asset/{id}"), "switching settled", "platform", detail).await?;
        Ok(Carried::Done)
    }

    /// What is known of a battery that is to be switched off.
    pub(super) async fn signs(&self, asset: &Asset) -> Result<Signs, DealershipError> {
        let platform = self.platform();
        let seen: Sight = platform.view(asset.twin).await?;
        let latest = |metric: &str| seen.latest.get(metric).map(|known| known.value);
        let record = platform.find(Some(Kind::Battery), &asset.twin.to_string()).await?;
        Ok(Signs {
            age_s: seen.measured_at.map(|at| self.now().seconds_since(at)),
            speed_kmh: latest("speed_kmh"),
            current_a: latest("current_a"),
            is_critical: seen.alerts.iter().any(|alert| alert.severity == Severity::Critical),
            data_are_simulated: platform.clock().pace().is_some(),
            hardware_is_simulated: platform.is_simulated(&record),
        })
    }

    /// Gives a battery to a consumer.
    ///
    /// # Errors
    /// When there is no such battery or consumer, they are another dealer's, or somebody has it.
    pub async fn assign(
        &self,
        member: &Member,
        serial: &str,
        consumer: u64,
    ) -> Result<BatterySight, DealershipError> {
        self.asset_named(member, Action::AssetWrite, serial).await?;
        let turn = self.turn().await;
        let Versioned { value: mut asset, version } =
            self.asset_named_under_turn(member, Action::AssetWrite, serial).await?;
        let party = self.consumer_for(member, Action::ConsumerWrite, consumer).await?.value;
        if let Some(owner) = asset.consumer {
            let details = if owner == consumer { "to this consumer" } else { "to another consumer" };
            let details = format!("Battery {} is assigned {details} already", asset.serial);
            return Err(DealershipError::unfit("Battery already assigned", details));
        }
        if asset.dealer.is_some_and(|dealer| Some(dealer) != party.dealer) {
            let details = "The battery and the consumer belong to different dealers";
            return Err(DealershipError::unfit("Battery cannot be assigned", details));
        }
        asset.consumer = Some(consumer);
        asset.dealer = party.dealer;
        let mut draft = Draft::of(self);
        draft.change(&asset, version)?;
        draft.intend(What::Label { asset: asset.id }, &member.name(), self.now()).await?;
        let detail = json!({ "consumer": consumer, "dealer": asset.dealer });
        let entity = format!("asset/{}", asset.id);
        let intents = draft.keep(&entity, "battery assigned", &member.name(), detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        self.battery_sight(asset).await
    }

    /// Lets a twin say whose the battery is, so that every door knows.
    pub(super) async fn label(
        &self,
        id: u64,
        intent: &Versioned<Intent>,
    ) -> Result<Carried, DealershipError> {
        let Some(asset) = self.known::<Asset>(id).await?.map(|found| found.value) else {
            return Ok(Carried::Void);
        };
        let record = self.platform().find(Some(Kind::Battery), &asset.twin.to_string()).await?;
        let mut labels: BTreeMap<String, String> = record.labels.clone();
        for (label, number) in [(DEALER, asset.dealer), (CONSUMER, asset.consumer)] {
            match number {
                Some(number) => labels.insert(label.to_owned(), number.to_string()),
                None => labels.remove(label),
            };
        }
        if labels != record.labels {
            let change = Update { labels: Some(labels), ..Update::default() };
            self.platform().update(asset.twin, change, &intent.value.by).await?;
        }
        Ok(Carried::Void)
    }

    /// Health of the batteries that somebody sees, by status.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn health_report(
        &self,
        member: &Member,
    ) -> Result<(BTreeMap<&'static str, HealthOf>, Option<HealthOf>), DealershipError> {
        let batteries = self.batteries(member, None, None).await?;
        let mut by_status: BTreeMap<&'static str, Vec<f64>> = BTreeMap::new();
        for battery in &batteries {
            by_status.entry(battery.status.as_str()).or_default().push(battery.health);
        }
        let all: Vec<f64> = batteries.iter().map(|battery| battery.health).collect();
        let by_status = by_status.into_iter().filter_map(|(status, all)| Some((status, HealthOf::of(&all)?)));
        Ok((by_status.collect(), HealthOf::of(&all)))
    }
}

/// The number that a maker gave, or else what the hardware calls itself.
fn serial_of(record: &TwinRecord) -> String {
    let serial = record.aliases.iter().find(|alias| alias.namespace == SERIAL);
    serial.map_or_else(|| record.device_name(), |alias| alias.name.clone())
}
