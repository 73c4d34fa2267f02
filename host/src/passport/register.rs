//! Registering a battery: its ids, its twin, its passport and its first event, all at once or not at all.

use super::event::event_of;
use super::index::battery_series;
use super::record::{
    BY_SERIAL, Chemistry, Identity, LastHealth, Lifecycle, Numbers, Paper, Passport, Ratings, Specifications,
};
use super::{Fault, PassportError, Passports, gtin, hash_of};
use crate::platform::door::Kind;
use crate::platform::monitor::SERIAL;
use crate::platform::registry::{Alias, BatterySpec, DEVICE};
use crate::platform::{NewTwin, PlatformError, Spec, TwinId, Update};
use crate::store::journal::NewEntry;
use crate::store::{Change, Entity, Revision, StoreError, ledger};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::passport::cells::{self, Mapping};
use twin::passport::date::Date;
use twin::passport::lifecycle::{Application, EventKind, Stage};
use twin::passport::regulation::Category;

/// Namespace of passport ids among a twin's names.
pub(super) const PASSPORT: &str = "passport";
/// Longest text of a field in bytes.
const TEXT_MAX_BYTES: usize = 150;
/// Energy may differ from voltage times capacity by so much, over it.
const ENERGY_AGREES: f64 = 0.05;
/// Times that ids are drawn again when others were quicker.
const TRIES: usize = 16;

/// Ratings as they are given: energy and cycles may follow from the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSpecifications {
    /// Nominal voltage [V].
    pub voltage_nominal_v: f64,
    /// Rated capacity [Ah].
    pub capacity_ah: f64,
    /// Rated energy [kWh]; voltage times capacity where nobody says.
    pub energy_kwh: Option<f64>,
    /// Cycles until it is exhausted; what is usual for the chemistry where nobody says.
    pub expected_cycles: Option<f64>,
    /// What else the maker says.
    pub ratings: Ratings,
}

/// What somebody says of a battery that is to have a passport.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// Who made it.
    pub identity: Identity,
    /// What it is made of.
    pub chemistry: Chemistry,
    /// Ratings.
    pub specifications: NewSpecifications,
    /// Category; by use and energy where nobody says.
    pub category: Option<Category>,
    /// Who owns it.
    pub owner: Option<String>,
    /// What it is used for.
    pub application: Option<Application>,
    /// Day of installation.
    pub installed_on: Option<Date>,
    /// Vehicle that it is in.
    pub vehicle_vin: Option<String>,
    /// Papers.
    pub papers: BTreeMap<String, Paper>,
    /// Renewable content, 0 to 1.
    pub renewable: Option<f64>,
    /// Footprint of production that the maker declares [kg CO2e].
    pub declared_production_kg: Option<f64>,
}

/// What became of a registration.
#[derive(Debug, Clone)]
pub struct Registered {
    /// The passport.
    pub passport: Passport,
    /// What looks odd.
    pub warnings: Vec<String>,
    /// Hash of the fact: `0x…`.
    pub hash: String,
    /// Whether the battery had a twin already.
    pub adopted: bool,
}

/// Everything of a registration that was checked.
pub(super) struct Checked {
    pub specifications: Specifications,
    pub mapping: Mapping,
    pub category: Category,
    pub warnings: Vec<String>,
}

impl Given {
    /// What is wrong with it, all of it at once.
    pub(super) fn check(&mut self, today: Date) -> Result<Checked, PassportError> {
        let mut faults = Vec::new();
        let mut warnings = Vec::new();
        let mut wrong = |field: &str, reason: String| faults.push(Fault { field: field.to_owned(), reason });
        for (field, text) in [
            ("identity.manufacturer", &self.identity.manufacturer),
            ("identity.model", &self.identity.model),
            ("identity.serialNumber", &self.identity.serial_number),
            ("chemistry.cathode", &self.chemistry.cathode),
            ("chemistry.anode", &self.chemistry.anode),
        ] {
            if text.trim().is_empty() || text.len() > TEXT_MAX_BYTES || text.chars().any(char::is_control) {
                wrong(field, format!("has to be 1 to {TEXT_MAX_BYTES} bytes of text"));
            }
        }
        if self.identity.manufactured_on > today {
            wrong(
                "identity.manufacturingDate",
                format!("{} is in the future", self.identity.manufactured_on),
            );
        }
        if self.identity.manufactured_on < Date::of(1990, 1, 1) {
            wrong("identity.manufacturingDate", format!("{} is before 1990", self.identity.manufactured_on));
        }
        if let Some(country) = self.identity.made_at.as_ref().and_then(|place| place.country.as_ref())
            && !(country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()))
        {
            wrong(
                "identity.manufacturingLocation.country",
                format!("{country:?} is no code of ISO 3166 of two letters"),
            );
        }
        if let Some(number) = &self.identity.gtin {
            match gtin::padded(number) {
                Some(padded) => self.identity.gtin = Some(padded),
                None => {
                    wrong(
                        "identity.gtin",
                        format!("{number:?} is no trade item number with its check digit"),
                    );
                }
            }
        }
        let figures = &self.specifications;
        let within = |value: f64, least: f64, most: f64| value > least && value <= most;
        if !within(figures.voltage_nominal_v, 0.0, 1e4) {
            wrong(
                "specifications.nominalVoltage",
                format!("{} is not above 0 and up to 10000", figures.voltage_nominal_v),
            );
        }
        if !within(figures.capacity_ah, 0.0, 1e6) {
            wrong(
                "specifications.nominalCapacity",
                format!("{} is not above 0 and up to 1000000", figures.capacity_ah),
            );
        }
        let by_charge = figures.voltage_nominal_v * figures.capacity_ah / 1000.0;
        if let Some(energy) = figures.energy_kwh {
            if !within(energy, 0.0, 1e6) {
                wrong("specifications.energyCapacity", format!("{energy} is not above 0 and up to 1000000"));
            } else if (energy / by_charge - 1.0).abs() > ENERGY_AGREES {
                let reason =
                    format!("{energy} kWh is more than 5 % off {by_charge:.3} kWh of voltage times capacity");
                wrong("specifications.energyCapacity", reason);
            }
        }
        if let Some(cycles) = figures.expected_cycles.filter(|cycles| !within(*cycles, 0.0, 1e6)) {
            wrong("specifications.expectedCycleLife", format!("{cycles} is not above 0 and up to 1000000"));
        }
        for (field, share) in [
            ("specifications.roundTripEfficiency", figures.ratings.round_trip),
            ("specifications.roundTripEfficiencyHalfLife", figures.ratings.round_trip_half_life),
            ("renewableContent", self.renewable),
        ] {
            if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
                wrong(field, "is not between 0 and 100 %".to_owned());
            }
        }
        for (material, share) in &self.chemistry.recycled {
            if !(0.0..=1.0).contains(share) {
                wrong(
                    &format!("chemistry.recycledContent.{}", material.name()),
                    "is not between 0 and 100 %".to_owned(),
                );
            }
        }
        if let Some(kg) = self.chemistry.mass_kg.filter(|kg| !within(*kg, 0.0, 1e6)) {
            wrong("chemistry.weight", format!("{kg} is not above 0 and up to 1000000"));
        }
        if let Some(kg) = self.declared_production_kg.filter(|kg| !(0.0..=1e9).contains(kg)) {
            wrong("carbonFootprint.productionPhase", format!("{kg} is not between 0 and 1e9"));
        }
        let mapping = cells::map(
            &self.chemistry.sort,
            &self.chemistry.cathode,
            &self.chemistry.anode,
            figures.capacity_ah,
        );
        let mapping = match mapping {
            Ok(mapping) => mapping,
            Err(error) => {
                wrong("chemistry.type", error.to_string());
                return Err(PassportError::Unfit(faults));
            }
        };
        if !faults.is_empty() {
            return Err(PassportError::Unfit(faults));
        }
        if let Some(vin) = &self.vehicle_vin {
            warnings.extend(odd_vin(vin));
        }
        let energy_kwh = figures.energy_kwh.unwrap_or(by_charge);
        if let Some(kg) = self.chemistry.mass_kg {
            let density = 1000.0 * energy_kwh / kg;
            if density > 300.0 {
                warnings.push(format!("{density:.0} Wh/kg is more than packs have; about 200 are usual"));
            }
        }
        let specifications = Specifications {
            voltage_nominal_v: figures.voltage_nominal_v,
            capacity_ah: figures.capacity_ah,
            energy_kwh,
            expected_cycles: figures.expected_cycles.unwrap_or_else(|| cells::usual_cycles(&mapping)),
            ratings: figures.ratings.clone(),
        };
        let category = self.category.unwrap_or_else(|| Application::category(self.application, energy_kwh));
        Ok(Checked { specifications, mapping, category, warnings })
    }
}

/// What is odd about a vehicle number: ISO 3779 has 17 characters without I, O and Q.
pub(super) fn odd_vin(vin: &str) -> Option<String> {
    let fits = vin.len() == 17
        && vin.chars().all(|c| c.is_ascii_digit() || (c.is_ascii_uppercase() && !"IOQ".contains(c)));
    (!fits).then(|| format!("{vin} is no vehicle number of ISO 3779: 17 characters without I, O and Q"))
}

/// Six digits that a serial number ends in.
fn trailing(serial: &str) -> Option<u64> {
    let digits = serial.len() - serial.bytes().rev().take_while(u8::is_ascii_digit).count();
    let digits = &serial[digits..];
    (digits.len() == 6).then(|| digits.parse().ok()).flatten()
}

/// What the twin has to know of a battery.
pub(super) fn spec(given: &Given, checked: &Checked) -> BatterySpec {
    BatterySpec {
        chemistry: checked.mapping.file.clone(),
        capacity_ah: Some(checked.specifications.capacity_ah),
        energy_wh: Some(1000.0 * checked.specifications.energy_kwh),
        voltage_nominal_v: Some(checked.specifications.voltage_nominal_v),
        battery_type: Some(given.chemistry.sort.clone()),
        mass_kg: given.chemistry.mass_kg,
        manufacturer: Some(given.identity.manufacturer.clone()),
        model: Some(given.identity.model.clone()),
        manufactured_on: Some(given.identity.manufactured_on.to_string()),
        installed_on: given.installed_on.map(|date| date.to_string()),
        application: given.application.map(|application| application.as_str().to_owned()),
        ..BatterySpec::default()
    }
}

/// Whether a name can stand among a twin's names.
fn is_plain(name: &str) -> bool {
    !name.contains(['/', '+', '#'])
}

impl Passports {
    /// Registers a battery: it gets a passport, and a twin unless it has one.
    ///
    /// # Errors
    /// Everything that is wrong with it at once, or that its maker has registered the number already.
    pub async fn register(
        &self,
        mut given: Given,
        organisation: Option<Arc<str>>,
        by: &str,
    ) -> Result<Registered, PassportError> {
        let checked = given.check(self.today())?;
        self.index.fill(&self.platform).await?;
        let year = given.identity.manufactured_on.civil().0;
        let series = battery_series(&given.chemistry.sort, year)?;
        let serial_key = format!("{}\u{1}{}", given.identity.manufacturer, given.identity.serial_number);
        let mut wanted = trailing(&given.identity.serial_number);
        for _ in 0..TRIES {
            if let Some(found) = self.passports().find(BY_SERIAL, serial_key.as_bytes()).await? {
                return Err(PassportError::Serial {
                    manufacturer: given.identity.manufacturer,
                    serial: given.identity.serial_number,
                    battery: found.value.battery_id,
                });
            }
            let number = wanted.unwrap_or_else(|| self.index.next(&series));
            let battery_id = format!("{series}-{number:06}");
            if wanted.is_some() && self.look_up(&battery_id).await?.is_some() {
                wanted = None;
                continue;
            }
            let passport_id = format!("BP-{year:04}-{:06}", self.index.next(&format!("BP-{year:04}")));
            let nfc_tag = format!("NFC-{year:04}-{number:06}");
            let ids = (passport_id, battery_id, nfc_tag);
            match self.registered(&given, &checked, ids, organisation.clone(), by).await {
                Ok(done) => return Ok(done),
                // Somebody was quicker with an id; or the index did not know of it yet.
                Err(PassportError::Platform(PlatformError::Store(
                    StoreError::RecordChanged { .. }
                    | StoreError::NotUnique { .. }
                    | StoreError::LostRace { .. },
                ))) => wanted = None,
                Err(PassportError::Platform(PlatformError::Taken { .. })) => wanted = None,
                Err(error) => return Err(error),
            }
        }
        Err(PassportError::state("ids are being given out to others; try again"))
    }

    async fn registered(
        &self,
        given: &Given,
        checked: &Checked,
        (passport_id, battery_id, nfc_tag): (String, String, String),
        organisation: Option<Arc<str>>,
        by: &str,
    ) -> Result<Registered, PassportError> {
        let now = self.now();
        let passport = |twin: TwinId| Passport {
            passport_id: passport_id.clone(),
            battery_id: battery_id.clone(),
            nfc_tag: nfc_tag.clone(),
            twin,
            organisation: organisation.clone(),
            registered_at: now,
            changed_at: now,
            identity: given.identity.clone(),
            chemistry: given.chemistry.clone(),
            mapping: checked.mapping.clone(),
            specifications: checked.specifications.clone(),
            category: checked.category,
            lifecycle: Lifecycle {
                stage: Stage::Manufactured,
                converted: false,
                owner: given.owner.clone(),
                application: given.application,
                installed_on: given.installed_on,
                vehicle_vin: given.vehicle_vin.clone(),
                owners_before: Vec::new(),
                incidents: 0,
                incidents_open: 0,
            },
            papers: given.papers.clone(),
            renewable: given.renewable,
            declared_production_kg: given.declared_production_kg,
            footprint: None,
            transports: Vec::new(),
            materials: Vec::new(),
            first_health: None::<LastHealth>,
            last_health: None,
            second_life: None,
            conversion: None,
            end_of_life: None,
            recycling: None,
            numbers: Numbers { events: 1, ..Numbers::default() },
        };
        // Two facts: that it was made, when it was; and that it is registered, now.
        let change = |twin: TwinId| -> Result<Change, PlatformError> {
            let passport = passport(twin);
            let made_at = given.identity.manufactured_on.begins();
            let event = event_of(&passport, 1, EventKind::ManufacturingComplete, made_at, now, by, 1);
            let entity = Entity::new(&passport.entity())?;
            let entry = |kind: &str, expected, at| NewEntry {
                entity: entity.clone(),
                expected: Revision(expected),
                at,
                actor: by.to_owned(),
                kind: kind.to_owned(),
                schema: 1,
                payload: Vec::new(),
            };
            let made = entry("lifecycle.manufacturing_complete", 0, made_at).with_json(&event)?;
            let registered = entry("passport.registered", 1, now).with_json(&passport)?;
            let mut records = vec![ledger::new(&passport)?, ledger::new(&event)?];
            records.extend(self.step_of(&passport)?);
            Ok(Change { entries: vec![made, registered], records, ..Change::default() })
        };
        let known = self.known_twin(given, organisation.as_deref()).await?;
        let (twin, adopted, hash) = match known {
            Some(id) => {
                let receipt = self.platform.store().commit(change(id)?).await?;
                self.adopt(id, given, checked, &passport_id, &battery_id, by).await?;
                (id, true, hash_of(&receipt))
            }
            None => {
                let alias =
                    |namespace: &str, name: &str| Alias { namespace: namespace.into(), name: name.into() };
                let mut aliases = vec![alias(DEVICE, &battery_id), alias(PASSPORT, &passport_id)];
                let serial = &given.identity.serial_number;
                if is_plain(serial) && self.platform.find(Some(Kind::Battery), serial).await.is_err() {
                    aliases.push(alias(SERIAL, serial));
                }
                let new = NewTwin {
                    kind: Kind::Battery,
                    name: None,
                    aliases,
                    spec: Spec::Battery(spec(given, checked)),
                    labels: BTreeMap::new(),
                    organisation: organisation.clone(),
                };
                let (id, receipt) = self.platform.create_beside(new, by, change).await?;
                (id, false, receipt.entries.get(1).map(|w| format!("0x{}", w.hash)).unwrap_or_default())
            }
        };
        let passport = passport(twin);
        self.index.note(&passport);
        let data =
            json!({ "passport_id": passport.passport_id, "battery_id": passport.battery_id, "hash": hash });
        self.platform.tell(twin, now, "passport.registered", data);
        self.changed.notify_one();
        Ok(Registered { passport, warnings: checked.warnings.clone(), hash, adopted })
    }

    /// The twin that a battery of this number has already, of this maker or of one that nobody named, and without a
    /// passport.
    async fn known_twin(
        &self,
        given: &Given,
        organisation: Option<&str>,
    ) -> Result<Option<TwinId>, PassportError> {
        let serial = &given.identity.serial_number;
        if !is_plain(serial) {
            return Ok(None);
        }
        let Ok(record) = self.platform.find(Some(Kind::Battery), serial).await else { return Ok(None) };
        let Spec::Battery(spec) = &record.spec else { return Ok(None) };
        let fits = record.organisation.as_deref() == organisation
            && record.retired_at.is_none()
            && spec.manufacturer.as_ref().is_none_or(|maker| *maker == given.identity.manufacturer);
        if !fits || self.of_twin(record.id).await?.is_some() {
            return Ok(None);
        }
        Ok(Some(record.id))
    }

    /// Gives a twin that was there the names of its passport, and what nobody had said of it.
    async fn adopt(
        &self,
        id: TwinId,
        given: &Given,
        checked: &Checked,
        passport_id: &str,
        battery_id: &str,
        by: &str,
    ) -> Result<(), PassportError> {
        let record = self.platform.find(Some(Kind::Battery), &id.to_string()).await?;
        let mut aliases = record.aliases.clone();
        for (namespace, name) in [(PASSPORT, passport_id), ("battery", battery_id)] {
            aliases.push(Alias { namespace: namespace.to_owned(), name: name.to_owned() });
        }
        let mut known = match record.spec.json() {
            serde_json::Value::Object(known) => known,
            _ => Map::new(),
        };
        if let serde_json::Value::Object(new) = Spec::Battery(spec(given, checked)).json() {
            let unknown: Vec<_> = new.into_iter().filter(|(key, _)| !known.contains_key(key)).collect();
            known.extend(unknown);
        }
        let update = Update {
            aliases: Some(aliases),
            spec: Some(serde_json::Value::Object(known)),
            ..Update::default()
        };
        self.platform.update(id, update, by).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_at_the_end_of_a_serial_number_are_taken_over() {
        assert_eq!(trailing("SN-2025-001234"), Some(1234));
        assert_eq!(trailing("SN-2025-01234"), None);
        assert_eq!(trailing("SN-20250012345"), None);
        assert_eq!(trailing("X"), None);
        assert_eq!(trailing("ü123456"), Some(123_456));
    }

    #[test]
    fn odd_vehicle_numbers_are_told() {
        assert!(odd_vin("VIN123456789ABCDEF").is_some());
        assert!(odd_vin("WVWZZZ1JZXW000001").is_none());
    }
}
