//! What a registration looks like here, and small conversions.

use super::envelope::{unfit, unfits};
use super::query;
use crate::problem::Problem;
pub(super) use crate::when::{in_seconds as stamp, rounded};
use host::passport::record::{Chemistry, Hazard, Identity, Paper, Passport, Place, Ratings};
use host::passport::{Given, NewSpecifications};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use twin::passport::date::Date;
use twin::passport::lifecycle::{Application, Stage};
use twin::passport::material::Material;
use twin::passport::regulation::Category;
use twin::time::Time;
use utoipa::ToSchema;

/// A share as a percentage.
pub(super) fn percent(share: f64) -> f64 {
    rounded(100.0 * share, 2)
}

/// Emissions.
pub(super) fn kg(value: f64) -> f64 {
    rounded(value, 2)
}

/// `soh_date` as `sohDate`.
pub(super) fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        if word.starts_with(|first: char| first.is_ascii_digit()) {
            out.push('_');
        }
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// `sohDate` as `soh_date`.
pub(super) fn snake(name: &str) -> String {
    name.chars().fold(String::with_capacity(name.len() + 4), |mut out, letter| {
        if letter.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
        out
    })
}

/// Shares of materials as percentages.
pub(super) fn shares(shares: &BTreeMap<Material, f64>) -> BTreeMap<&'static str, f64> {
    shares.iter().map(|(material, share)| (material.name(), percent(*share))).collect()
}

/// Name of a category.
pub(super) fn category_name(category: Category) -> &'static str {
    match category {
        Category::Lmt => "LMT",
        Category::Ev => "EV",
        Category::Industrial => "industrial",
        Category::Sli => "SLI",
        Category::Portable => "portable",
    }
}

fn category_of(name: &str) -> Option<Category> {
    let all = [Category::Lmt, Category::Ev, Category::Industrial, Category::Sli, Category::Portable];
    all.into_iter().find(|category| category_name(*category).eq_ignore_ascii_case(name))
}

/// A battery that is to have a passport. What is not known here is left out of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Registration {
    pub(super) identity: IdentityBody,
    pub(super) chemistry: ChemistryBody,
    pub(super) specifications: SpecificationsBody,
    pub(super) lifecycle: LifecycleBody,
    /// `LMT`, `EV`, `industrial`, `SLI` or `portable`; by use and energy where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eu_category: Option<String>,
    /// Papers by name: `declarationOfConformity`, `ceMarking`, `un38_3`, `dueDiligenceReport` …
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) documents: BTreeMap<String, PaperBody>,
    /// Renewable content [%].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) renewable_content: Option<f64>,
    /// What the maker declares of the footprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(super) carbon_footprint: Option<Value>,
}

/// Who made it, where and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct IdentityBody {
    #[schema(required, example = "GreenCell Technologies")]
    manufacturer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "MFG-2025-001")]
    manufacturer_id: Option<String>,
    #[schema(required, example = "GC-NMC811-100kWh")]
    model: Option<String>,
    #[schema(required, example = "SN-2025-001234")]
    serial_number: Option<String>,
    #[schema(required, example = "2025-01-10")]
    manufacturing_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manufacturing_location: Option<PlaceBody>,
    /// Day on which it was placed on the market; that of manufacture where nobody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    placed_on_market_date: Option<String>,
    /// Global trade item number.
    #[serde(skip_serializing_if = "Option::is_none")]
    gtin: Option<String>,
}

impl IdentityBody {
    /// Where it was made.
    pub(super) fn place(&self) -> Option<&PlaceBody> {
        self.manufacturing_location.as_ref()
    }
}

impl ChemistryBody {
    /// Hazardous substances in it.
    pub(super) fn hazards(&self) -> &[HazardBody] {
        &self.hazardous_substances
    }
}

/// A place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PlaceBody {
    /// ISO 3166, two letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "KR")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Seoul")]
    city: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Facility-A")]
    facility: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    coordinates: Option<Coordinates>,
}

/// Degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub(super) struct Coordinates {
    latitude: f64,
    longitude: f64,
}

impl From<&Place> for PlaceBody {
    fn from(place: &Place) -> Self {
        Self {
            country: place.country.clone(),
            city: place.city.clone(),
            facility: place.facility.clone(),
            coordinates: place.position.map(|(latitude, longitude)| Coordinates { latitude, longitude }),
        }
    }
}

impl From<PlaceBody> for Place {
    fn from(place: PlaceBody) -> Self {
        Self {
            country: place.country,
            city: place.city,
            facility: place.facility,
            position: place.coordinates.map(|at| (at.latitude, at.longitude)),
        }
    }
}

/// What it is made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ChemistryBody {
    /// `lithium-ion`, `lithium-polymer`, `solid-state`, `sodium-ion` or `lead-acid`.
    #[schema(required, example = "lithium-ion")]
    r#type: Option<String>,
    #[schema(required, example = "NMC811")]
    cathode: Option<String>,
    #[schema(required, example = "graphite")]
    anode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    electrolyte: Option<String>,
    /// Mass of the battery [kg].
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    /// Contents; stronger than any table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    materials: Vec<ContentBody>,
    /// Recycled share of materials [%].
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    recycled_content: BTreeMap<String, f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hazardous_substances: Vec<HazardBody>,
}

/// A content of a battery.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct ContentBody {
    #[schema(required, example = "nickel")]
    name: String,
    /// [kg]
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    /// Share of the battery's mass [%].
    #[serde(skip_serializing_if = "Option::is_none")]
    percentage: Option<f64>,
}

/// A hazardous substance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct HazardBody {
    #[schema(required, example = "mercury")]
    name: String,
    /// Share of the battery's mass [%].
    #[serde(skip_serializing_if = "Option::is_none")]
    percentage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    impact: Option<String>,
}

/// Ratings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct SpecificationsBody {
    /// [V]
    #[schema(required, example = 400)]
    nominal_voltage: Option<f64>,
    /// [Ah]
    #[schema(required, example = 250)]
    nominal_capacity: Option<f64>,
    /// [kWh]
    #[schema(example = 100)]
    energy_capacity: Option<f64>,
    #[schema(example = 3000)]
    expected_cycle_life: Option<f64>,
    /// [V]
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_voltage: Option<f64>,
    /// [V]
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_voltage: Option<f64>,
    /// [Wh/kg]
    #[serde(skip_serializing_if = "Option::is_none")]
    energy_density: Option<f64>,
    /// [W/kg]
    #[serde(skip_serializing_if = "Option::is_none")]
    power_density: Option<f64>,
    /// [W]
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_power: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warranty_years: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_lifetime_years: Option<f64>,
    /// [°C]
    #[serde(skip_serializing_if = "Option::is_none")]
    operating_temperature_min: Option<f64>,
    /// [°C]
    #[serde(skip_serializing_if = "Option::is_none")]
    operating_temperature_max: Option<f64>,
    /// [%]
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trip_efficiency: Option<f64>,
    /// At half of the cycle life [%].
    #[serde(skip_serializing_if = "Option::is_none")]
    round_trip_efficiency_half_life: Option<f64>,
    /// Of the new pack [Ω].
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_resistance: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle_life_test: Option<String>,
    /// [1/h]
    #[serde(skip_serializing_if = "Option::is_none")]
    cycle_life_c_rate: Option<f64>,
}

/// Whose it is and what it is used for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct LifecycleBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "USER-2025-002")]
    current_owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "energy_storage")]
    application: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installation_date: Option<String>,
    #[serde(rename = "vehicleVIN", skip_serializing_if = "Option::is_none")]
    vehicle_vin: Option<String>,
}

/// A paper.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub(super) struct PaperBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standard: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl From<&Paper> for PaperBody {
    fn from(paper: &Paper) -> Self {
        let day = |date: Option<Date>| date.map(|date| date.to_string());
        Self {
            url: paper.url.clone(),
            number: paper.number.clone(),
            standard: paper.standard.clone(),
            issuer: paper.issuer.clone(),
            issued: day(paper.issued),
            expires: day(paper.expires),
            text: paper.text.clone(),
        }
    }
}

/// Fields that are missing or wrong, gathered so that all are told at once.
struct Faults(Vec<(String, String)>);

impl Faults {
    fn need<T: Default>(&mut self, field: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.0.push((field.to_owned(), "has to be given".to_owned()));
            T::default()
        })
    }

    fn date(&mut self, field: &str, text: Option<&str>) -> Option<Date> {
        let text = text?;
        let date = Date::parse(text);
        if date.is_none() {
            self.0.push((field.to_owned(), format!("{text:?} is no date as 2026-01-31")));
        }
        date
    }

    fn wrong(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.0.push((field.into(), reason.into()));
    }
}

/// The material of a name.
pub(super) fn material(name: &str) -> Option<Material> {
    let name = name.to_lowercase();
    let name = if name == "aluminum" { "aluminium" } else { &name };
    Material::ALL.into_iter().find(|material| material.name() == name)
}

/// What the maker declares of making it: a sum, or the parts of one [kg CO2e].
fn declared(value: &Value) -> Option<f64> {
    match &value["productionPhase"] {
        Value::Number(number) => number.as_f64(),
        Value::Object(parts) => {
            let parts: Option<Vec<f64>> = parts.values().map(Value::as_f64).collect();
            parts.map(|parts| parts.iter().sum())
        }
        _ => None,
    }
}

impl Registration {
    /// The registration of a passport, as it would be given.
    pub(super) fn of(passport: &Passport) -> Self {
        let Passport { identity, chemistry, specifications, lifecycle, .. } = passport;
        let ratings = &specifications.ratings;
        let day = |date: Option<Date>| date.map(|date| date.to_string());
        Self {
            identity: IdentityBody {
                manufacturer: Some(identity.manufacturer.clone()),
                manufacturer_id: identity.manufacturer_id.clone(),
                model: Some(identity.model.clone()),
                serial_number: Some(identity.serial_number.clone()),
                manufacturing_date: Some(identity.manufactured_on.to_string()),
                manufacturing_location: identity.made_at.as_ref().map(PlaceBody::from),
                placed_on_market_date: day(identity.placed_on),
                gtin: identity.gtin.clone(),
            },
            chemistry: ChemistryBody {
                r#type: Some(chemistry.sort.clone()),
                cathode: Some(chemistry.cathode.clone()),
                anode: Some(chemistry.anode.clone()),
                electrolyte: chemistry.electrolyte.clone(),
                weight: chemistry.mass_kg,
                materials: chemistry
                    .contents_kg
                    .iter()
                    .map(|(material, kg)| ContentBody {
                        name: material.name().to_owned(),
                        weight: Some(*kg),
                        percentage: None,
                    })
                    .collect(),
                recycled_content: shares(&chemistry.recycled)
                    .into_iter()
                    .map(|(name, percent)| (name.to_owned(), percent))
                    .collect(),
                hazardous_substances: chemistry
                    .hazards
                    .iter()
                    .map(|hazard| HazardBody {
                        name: hazard.substance.clone(),
                        percentage: hazard.share_pct,
                        impact: hazard.impact.clone(),
                    })
                    .collect(),
            },
            specifications: SpecificationsBody {
                nominal_voltage: Some(specifications.voltage_nominal_v),
                nominal_capacity: Some(specifications.capacity_ah),
                energy_capacity: Some(rounded(specifications.energy_kwh, 6)),
                expected_cycle_life: Some(specifications.expected_cycles),
                minimum_voltage: ratings.voltage_min_v,
                maximum_voltage: ratings.voltage_max_v,
                energy_density: ratings.energy_density_wh_per_kg,
                power_density: ratings.power_density_w_per_kg,
                maximum_power: ratings.power_max_w,
                warranty_years: ratings.warranty_years,
                expected_lifetime_years: ratings.expected_years,
                operating_temperature_min: ratings.temperature_min_c,
                operating_temperature_max: ratings.temperature_max_c,
                round_trip_efficiency: ratings.round_trip.map(percent),
                round_trip_efficiency_half_life: ratings.round_trip_half_life.map(percent),
                internal_resistance: ratings.resistance_ohm,
                cycle_life_test: ratings.cycle_life_test.clone(),
                cycle_life_c_rate: ratings.cycle_life_c_rate,
            },
            lifecycle: LifecycleBody {
                status: Some(lifecycle.stage.as_str().to_owned()),
                current_owner: lifecycle.owner.clone(),
                application: lifecycle.application.map(|application| application.as_str().to_owned()),
                installation_date: day(lifecycle.installed_on),
                vehicle_vin: lifecycle.vehicle_vin.clone(),
            },
            eu_category: Some(category_name(passport.category).to_owned()),
            documents: passport.papers.iter().map(|(name, paper)| (camel(name), paper.into())).collect(),
            renewable_content: passport.renewable.map(percent),
            carbon_footprint: passport
                .declared_production_kg
                .map(|kg| serde_json::json!({ "productionPhase": kg })),
        }
    }

    /// Where in its life the battery shall be.
    pub(super) fn stage(&self) -> Result<Option<Stage>, Problem> {
        query::named("lifecycle.status", self.lifecycle.status.as_deref())
    }

    /// What it says.
    pub(super) fn given(self) -> Result<Given, Problem> {
        let mut faults = Faults(Vec::new());
        let identity = identity(self.identity, &mut faults);
        let chemistry = chemistry(self.chemistry, &mut faults);
        let figures = self.specifications;
        let specifications = NewSpecifications {
            voltage_nominal_v: faults.need("specifications.nominalVoltage", figures.nominal_voltage),
            capacity_ah: faults.need("specifications.nominalCapacity", figures.nominal_capacity),
            energy_kwh: figures.energy_capacity,
            expected_cycles: figures.expected_cycle_life,
            ratings: Ratings {
                voltage_min_v: figures.minimum_voltage,
                voltage_max_v: figures.maximum_voltage,
                energy_density_wh_per_kg: figures.energy_density,
                power_density_w_per_kg: figures.power_density,
                power_max_w: figures.maximum_power,
                warranty_years: figures.warranty_years,
                expected_years: figures.expected_lifetime_years,
                temperature_min_c: figures.operating_temperature_min,
                temperature_max_c: figures.operating_temperature_max,
                round_trip: figures.round_trip_efficiency.map(|percent| percent / 100.0),
                round_trip_half_life: figures.round_trip_efficiency_half_life.map(|percent| percent / 100.0),
                resistance_ohm: figures.internal_resistance,
                cycle_life_test: figures.cycle_life_test,
                cycle_life_c_rate: figures.cycle_life_c_rate,
            },
        };
        let category = self.eu_category.as_deref().and_then(|name| {
            let category = category_of(name);
            if category.is_none() {
                faults.wrong("euCategory", format!("{name:?} is none of LMT, EV, industrial, SLI, portable"));
            }
            category
        });
        let application = self.lifecycle.application.as_deref().and_then(|name| {
            name.parse::<Application>()
                .map_err(|error| faults.wrong("lifecycle.application", error.to_string()))
                .ok()
        });
        let installed_on =
            faults.date("lifecycle.installationDate", self.lifecycle.installation_date.as_deref());
        let mut papers = BTreeMap::new();
        for (name, paper) in self.documents {
            let field = format!("documents.{name}");
            let issued = faults.date(&format!("{field}.issued"), paper.issued.as_deref());
            let expires = faults.date(&format!("{field}.expires"), paper.expires.as_deref());
            let PaperBody { url, number, standard, issuer, text, .. } = paper;
            papers.insert(snake(&name), Paper { url, number, standard, issuer, issued, expires, text });
        }
        let declared_production_kg = self.carbon_footprint.as_ref().and_then(declared);
        if faults.0.is_empty() {
            Ok(Given {
                identity,
                chemistry,
                specifications,
                category,
                owner: self.lifecycle.current_owner,
                application,
                installed_on,
                vehicle_vin: self.lifecycle.vehicle_vin,
                papers,
                renewable: self.renewable_content.map(|percent| percent / 100.0),
                declared_production_kg,
            })
        } else {
            Err(unfits(faults.0))
        }
    }
}

fn identity(body: IdentityBody, faults: &mut Faults) -> Identity {
    let made = faults.need("identity.manufacturingDate", body.manufacturing_date);
    let manufactured_on =
        faults.date("identity.manufacturingDate", Some(made.as_str()).filter(|text| !text.is_empty()));
    Identity {
        manufacturer: faults.need("identity.manufacturer", body.manufacturer),
        manufacturer_id: body.manufacturer_id,
        model: faults.need("identity.model", body.model),
        serial_number: faults.need("identity.serialNumber", body.serial_number),
        manufactured_on: manufactured_on.unwrap_or(Date(0)),
        made_at: body.manufacturing_location.map(Place::from),
        placed_on: faults.date("identity.placedOnMarketDate", body.placed_on_market_date.as_deref()),
        gtin: body.gtin,
    }
}

fn chemistry(body: ChemistryBody, faults: &mut Faults) -> Chemistry {
    let mut contents_kg = BTreeMap::new();
    let mut percents = 0.0;
    for (place, content) in body.materials.iter().enumerate() {
        let field = format!("chemistry.materials[{place}]");
        let Some(material) = material(&content.name) else {
            faults.wrong(
                format!("{field}.name"),
                format!("{:?} is no material that tables know", content.name),
            );
            continue;
        };
        let by_share = content.percentage.zip(body.weight).map(|(percent, weight)| weight * percent / 100.0);
        percents += content.percentage.unwrap_or(0.0);
        match content.weight.or(by_share).filter(|kg| kg.is_finite() && *kg >= 0.0) {
            Some(kg) => *contents_kg.entry(material).or_insert(0.0) += kg,
            None => faults
                .wrong(field, "has to have a weight, or a percentage where the battery's weight is given"),
        }
    }
    let all_shares =
        !body.materials.is_empty() && body.materials.iter().all(|content| content.percentage.is_some());
    if all_shares && (percents - 100.0).abs() > 0.5 {
        faults
            .wrong("chemistry.materials", format!("percentages add up to {percents}, and not to 100 ± 0.5"));
    }
    let mut recycled = BTreeMap::new();
    for (name, percent) in &body.recycled_content {
        match material(name) {
            Some(material) => drop(recycled.insert(material, percent / 100.0)),
            None => {
                faults.wrong(format!("chemistry.recycledContent.{name}"), "is no material that tables know");
            }
        }
    }
    Chemistry {
        sort: faults.need("chemistry.type", body.r#type),
        cathode: faults.need("chemistry.cathode", body.cathode),
        anode: faults.need("chemistry.anode", body.anode),
        electrolyte: body.electrolyte,
        mass_kg: body.weight,
        contents_kg,
        recycled,
        hazards: body
            .hazardous_substances
            .into_iter()
            .map(|hazard| Hazard {
                substance: hazard.name,
                share_pct: hazard.percentage,
                impact: hazard.impact,
            })
            .collect(),
    }
}

/// Reads an instant of a body.
pub(super) fn instant(field: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    text.map(|text| query::instant(field, text)).transpose()
}

/// Reads a use of a body.
pub(super) fn application(field: &str, text: &str) -> Result<Application, Problem> {
    text.parse().map_err(|error: twin::passport::lifecycle::NoName| unfit(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for name in ["declaration_of_conformity", "ce_marking", "manufacturer", "un38_3"] {
            assert_eq!(snake(&camel(name)), name);
        }
        assert_eq!(camel("un38_3"), "un38_3");
    }
}
