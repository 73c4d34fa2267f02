//! Which passports there are, in the order in which they were registered, and where each value leads to: so that any
//! search over a hundred thousand of them looks at few, and at nothing on the disk.
//!
//! Filled from the store at first use; every registration and every change is noted as it happens. Health is the twin's:
//! what the twin believed last while awake, or else what was measured last.

use super::PassportError;
use super::record::Passport;
use crate::identity::{Owner, Visibility};
use crate::platform::fleet::{Paged, Part};
use crate::platform::{Platform, TwinId};
use crate::store::records::{By, Collection, Within};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::OnceCell;
use twin::passport::cells;
use twin::passport::date::Date;
use twin::passport::lifecycle::{Application, Stage};
use twin::time::Time;

/// Records that are read at a time.
const PAGE: usize = 1_000;

/// What is needed of a passport to find it and to list it.
#[derive(Debug, Clone)]
pub struct Row {
    /// `BP-2025-000001`.
    pub passport_id: Arc<str>,
    /// `BAT-2025-LI-001234`.
    pub battery_id: Arc<str>,
    /// Its twin.
    pub twin: TwinId,
    /// Organisation that keeps it.
    pub organisation: Option<Arc<str>>,
    /// Who made it.
    pub manufacturer: Arc<str>,
    /// Of which model.
    pub model: Arc<str>,
    /// The maker's number.
    pub serial: Arc<str>,
    /// Sort of chemistry.
    pub sort: Arc<str>,
    /// Cathode.
    pub cathode: Arc<str>,
    /// Country of manufacture.
    pub country: Option<Arc<str>>,
    /// Where in its life it is.
    pub stage: Stage,
    /// What it is used for.
    pub application: Option<Application>,
    /// Who owns it.
    pub owner: Option<Arc<str>>,
    /// Day of manufacture.
    pub made_on: Date,
    /// When it was registered.
    pub registered_at: Time,
    /// Rated energy [kWh].
    pub energy_kwh: f64,
    /// Footprint with distribution, where it was computed [kg CO2e].
    pub co2e_kg: Option<f64>,
    /// Capacity over rated, where it is known.
    pub soh: Option<f64>,
    /// Full cycles, where they are known.
    pub cycles: Option<f64>,
    /// Whether somebody marked it for a second life.
    pub marked: bool,
    /// All that free text is looked for in, in small letters.
    text: Box<str>,
    changed_at: Time,
}

impl Row {
    fn of(passport: &Passport) -> Self {
        let identity = &passport.identity;
        let country = identity.made_at.as_ref().and_then(|place| place.country.as_deref());
        let words = [
            passport.passport_id.as_str(),
            &passport.battery_id,
            &identity.manufacturer,
            &identity.model,
            &identity.serial_number,
            &passport.chemistry.cathode,
            passport.lifecycle.owner.as_deref().unwrap_or_default(),
        ];
        Self {
            passport_id: passport.passport_id.as_str().into(),
            battery_id: passport.battery_id.as_str().into(),
            twin: passport.twin,
            organisation: passport.organisation.clone(),
            manufacturer: identity.manufacturer.as_str().into(),
            model: identity.model.as_str().into(),
            serial: identity.serial_number.as_str().into(),
            sort: passport.chemistry.sort.as_str().into(),
            cathode: passport.chemistry.cathode.as_str().into(),
            country: country.map(Into::into),
            stage: passport.lifecycle.stage,
            application: passport.lifecycle.application,
            owner: passport.lifecycle.owner.as_deref().map(Into::into),
            made_on: identity.manufactured_on,
            registered_at: passport.registered_at,
            energy_kwh: passport.specifications.energy_kwh,
            co2e_kg: passport.footprint.as_ref().map(|footprint| footprint.stages().with_distribution()),
            soh: passport.last_health.map(|health| health.soh),
            cycles: passport.last_health.map(|health| health.cycles),
            marked: passport.second_life.is_some(),
            text: words.join("\n").to_lowercase().into(),
            changed_at: passport.changed_at,
        }
    }

    /// Whether somebody sees it.
    fn is_seen_by(&self, visible: &Visibility) -> bool {
        *visible == Visibility::Everything
            || visible.shows(&Owner { organisation: self.organisation.clone(), ..Owner::default() })
    }
}

/// What a search is for; what is not given does not matter.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Criteria {
    /// Who made it.
    pub manufacturer: Option<String>,
    /// Of which model.
    pub model: Option<String>,
    /// The maker's number.
    pub serial: Option<String>,
    /// Sort of chemistry.
    pub sort: Option<String>,
    /// Cathode.
    pub cathode: Option<String>,
    /// Where in its life it is.
    pub stage: Option<Stage>,
    /// What it is used for.
    pub application: Option<Application>,
    /// Who owns it.
    pub owner: Option<String>,
    /// Country of manufacture.
    pub country: Option<String>,
    /// Least and most health, over rated.
    pub soh: (Option<f64>, Option<f64>),
    /// Least and most cycles.
    pub cycles: (Option<f64>, Option<f64>),
    /// First and last day of manufacture.
    pub made: (Option<Date>, Option<Date>),
    /// Part of its names, its maker's, model's or owner's.
    pub text: Option<String>,
    /// The order.
    pub sort_by: Sort,
}

/// The order of a list; of two alike the one that was registered later comes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// Registered last first.
    #[default]
    Newest,
    /// Registered first first.
    Oldest,
    /// Least healthy first; of unknown health last.
    Soh,
    /// Healthiest first; of unknown health last.
    SohDown,
    /// Made first first.
    Made,
    /// Made last first.
    MadeDown,
}

/// A property that leads to rows directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Field {
    Manufacturer,
    Model,
    Serial,
    Sort,
    Cathode,
    Stage,
    Application,
    Owner,
    Country,
}

type Places = HashMap<(Field, Box<str>), BTreeSet<u32>>;

#[derive(Debug, Default)]
struct Sheet {
    rows: Vec<Row>,
    places: HashMap<Arc<str>, u32>,
    by: Places,
    /// Passport numbers and battery numbers that were given out, by year and, of batteries, code.
    highest: HashMap<Box<str>, u64>,
}

fn values(row: &Row) -> Vec<(Field, Box<str>)> {
    let plain = |text: &str| text.to_lowercase().into_boxed_str();
    let mut values = vec![
        (Field::Manufacturer, plain(&row.manufacturer)),
        (Field::Model, plain(&row.model)),
        (Field::Serial, plain(&row.serial)),
        (Field::Sort, plain(&row.sort)),
        (Field::Cathode, plain(&row.cathode)),
        (Field::Stage, plain(row.stage.as_str())),
    ];
    values.extend(row.application.map(|application| (Field::Application, plain(application.as_str()))));
    values.extend(row.owner.as_ref().map(|owner| (Field::Owner, plain(owner))));
    values.extend(row.country.as_ref().map(|country| (Field::Country, plain(country))));
    values
}

impl Sheet {
    fn note(&mut self, row: Row) {
        for id in [&row.passport_id, &row.battery_id] {
            if let Some((series, number)) = id.rsplit_once('-') {
                let number = number.parse().unwrap_or(0);
                let highest = self.highest.entry(series.into()).or_default();
                *highest = number.max(*highest);
            }
        }
        match self.places.get(&row.passport_id) {
            Some(&place) => {
                let before = &self.rows[place as usize];
                if before.changed_at > row.changed_at {
                    return;
                }
                for value in values(before) {
                    if let Some(places) = self.by.get_mut(&value) {
                        places.remove(&place);
                    }
                }
                for value in values(&row) {
                    self.by.entry(value).or_default().insert(place);
                }
                self.rows[place as usize] = row;
            }
            None => {
                let place = self.rows.len() as u32;
                self.places.insert(row.passport_id.clone(), place);
                for value in values(&row) {
                    self.by.entry(value).or_default().insert(place);
                }
                self.rows.push(row);
            }
        }
    }

    /// Places that may fit, in their order: the fewest that some property leads to.
    fn candidates(&self, criteria: &Criteria) -> Option<Vec<u32>> {
        let given = [
            (Field::Manufacturer, criteria.manufacturer.as_deref()),
            (Field::Model, criteria.model.as_deref()),
            (Field::Serial, criteria.serial.as_deref()),
            (Field::Sort, criteria.sort.as_deref()),
            (Field::Cathode, criteria.cathode.as_deref()),
            (Field::Stage, criteria.stage.map(Stage::as_str)),
            (Field::Application, criteria.application.map(Application::as_str)),
            (Field::Owner, criteria.owner.as_deref()),
            (Field::Country, criteria.country.as_deref()),
        ];
        let mut sets: Vec<&BTreeSet<u32>> = Vec::new();
        for (field, value) in given.into_iter().filter_map(|(field, value)| Some((field, value?))) {
            match self.by.get(&(field, value.to_lowercase().into_boxed_str())) {
                Some(places) => sets.push(places),
                None => return Some(Vec::new()),
            }
        }
        sets.sort_by_key(|places| places.len());
        let (fewest, others) = sets.split_first()?;
        let is_in_all = |place: &u32| others.iter().all(|places| places.contains(place));
        Some(fewest.iter().copied().filter(is_in_all).collect())
    }
}

/// Which passports there are.
#[derive(Debug, Default)]
pub(super) struct Index {
    sheet: RwLock<Sheet>,
    filled: OnceCell<()>,
}

impl Index {
    /// A passport is registered, or changed.
    pub(super) fn note(&self, passport: &Passport) {
        self.sheet.write().unwrap_or_else(PoisonError::into_inner).note(Row::of(passport));
    }

    /// Reads what there is, once.
    pub(super) async fn fill(&self, platform: &Platform) -> Result<(), PassportError> {
        let filled = self.filled.get_or_try_init(|| async {
            let passports = Collection::<Passport, _>::of(platform.store().as_ref());
            let mut after = None;
            let mut all: Vec<Row> = Vec::new();
            loop {
                let (page, next) = passports.page(By::Key, Within::All, PAGE, after).await?;
                all.extend(page.iter().map(|passport| Row::of(&passport.value)));
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            all.sort_by(|a, b| (a.registered_at, &a.passport_id).cmp(&(b.registered_at, &b.passport_id)));
            let mut sheet = self.sheet.write().unwrap_or_else(PoisonError::into_inner);
            all.into_iter().for_each(|row| sheet.note(row));
            Ok::<(), PassportError>(())
        });
        filled.await.map(drop)
    }

    /// Takes the next number of a series of ids: `BP-2025`, `BAT-2025-LI`. Nobody else is given it here; one that is not
    /// used is left out.
    pub(super) fn next(&self, series: &str) -> u64 {
        let mut sheet = self.sheet.write().unwrap_or_else(PoisonError::into_inner);
        let highest = sheet.highest.entry(series.into()).or_default();
        *highest += 1;
        *highest
    }

    /// Rows that fit and that somebody sees, in the order that was asked for: a part of them, and how many there are.
    pub(super) fn search(
        &self,
        platform: &Platform,
        criteria: &Criteria,
        visible: &Visibility,
        part: Part,
    ) -> Paged<Row> {
        let sheet = self.sheet.read().unwrap_or_else(PoisonError::into_inner);
        let fits = Fits::of(criteria);
        let places = sheet.candidates(criteria);
        let all = || (0..sheet.rows.len() as u32).collect::<Vec<u32>>();
        let mut places = places.unwrap_or_else(all);
        let needs_health =
            criteria.soh != (None, None) || matches!(criteria.sort_by, Sort::Soh | Sort::SohDown);
        let soh: HashMap<u32, f64> = if needs_health {
            platform.with_healths(|known| {
                let of = |place: &u32| {
                    let row = &sheet.rows[*place as usize];
                    Some((*place, known.get(&row.twin).copied().map(f64::from).or(row.soh)?))
                };
                places.iter().filter_map(of).collect()
            })
        } else {
            HashMap::new()
        };
        places.retain(|place| {
            let row = &sheet.rows[*place as usize];
            row.is_seen_by(visible) && fits.row(row, soh.get(place).copied())
        });
        match criteria.sort_by {
            Sort::Newest => places.reverse(),
            Sort::Oldest => {}
            Sort::Soh | Sort::SohDown => {
                let down = criteria.sort_by == Sort::SohDown;
                let key = |place: u32| {
                    let soh = soh.get(&place).copied();
                    (soh.map_or(f64::INFINITY, |soh| if down { -soh } else { soh }), place)
                };
                let mut keyed: Vec<(f64, u32)> = places.iter().copied().map(key).collect();
                keyed.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
                places = keyed.into_iter().map(|(_, place)| place).collect();
            }
            Sort::Made => {
                places.sort_by_key(|place| (sheet.rows[*place as usize].made_on, std::cmp::Reverse(*place)));
            }
            Sort::MadeDown => places.sort_by_key(|place| {
                (std::cmp::Reverse(sheet.rows[*place as usize].made_on), std::cmp::Reverse(*place))
            }),
        }
        let total = places.len();
        let page = places.iter().skip(part.skip).take(part.limit);
        let mut items: Vec<Row> = page.map(|place| sheet.rows[*place as usize].clone()).collect();
        platform.with_healths(|known| {
            for row in &mut items {
                row.soh = known.get(&row.twin).copied().map(f64::from).or(row.soh);
            }
        });
        Paged { items, total }
    }
}

/// The criteria that no property leads to directly.
struct Fits<'a> {
    criteria: &'a Criteria,
    text: Option<String>,
}

impl<'a> Fits<'a> {
    fn of(criteria: &'a Criteria) -> Self {
        Self { criteria, text: criteria.text.as_ref().map(|text| text.to_lowercase()) }
    }

    fn row(&self, row: &Row, soh: Option<f64>) -> bool {
        fn within<T: PartialOrd + Copy>((least, most): (Option<T>, Option<T>), value: Option<T>) -> bool {
            match (least, most, value) {
                (None, None, _) => true,
                (_, _, None) => false,
                (least, most, Some(value)) => {
                    least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most)
                }
            }
        }
        within(self.criteria.soh, soh)
            && within(self.criteria.cycles, row.cycles)
            && within(self.criteria.made, Some(row.made_on))
            && self.text.as_ref().is_none_or(|text| row.text.contains(text.as_str()))
    }
}

/// Series of the ids of batteries of a sort that were made in a year.
pub(super) fn battery_series(sort: &str, year: i64) -> Result<String, PassportError> {
    let code =
        cells::code(sort).map_err(|error| PassportError::unfit("chemistry.type", error.to_string()))?;
    Ok(format!("BAT-{year:04}-{code}"))
}
