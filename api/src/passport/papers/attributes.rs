//! Data points of a passport with their values: one list behind JSON-LD, the report for the EU and the printed passport.
//!
//! Which there are, their clauses and who may read them stand in the table of the regulation; here stands what each is of
//! one battery, or that nothing is known.

use crate::when::rounded;
use host::passport::View;
use host::passport::record::{Passport, Place};
use host::platform::sight::rfc3339;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use twin::passport::material::Material;
use twin::passport::regulation::{Access, Attribute, Category, attributes, regulation};

/// Materials that the EU lists as critical (Regulation (EU) 2024/1252, Annex II), of those that tables know.
const CRITICAL: [Material; 6] = [
    Material::Aluminium,
    Material::Cobalt,
    Material::Copper,
    Material::Graphite,
    Material::Lithium,
    Material::Nickel,
];
/// Share of the mass from which critical materials and contents are named.
const NAMED_FROM: f64 = 0.001;
/// Capacity at which a battery counts as exhausted [%]. assumed: no act says so; usual in warranties.
const EXHAUSTED_PCT: f64 = 80.0;

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reader {
    /// Has a legitimate interest, or owns it.
    pub(crate) interested: bool,
    /// Is an authority.
    pub(crate) authority: bool,
}

impl Reader {
    /// Whether this reader may read what is for these.
    pub(crate) fn reads(self, access: Access) -> bool {
        match access {
            Access::Public => true,
            Access::Legitimate | Access::Individual => self.interested || self.authority,
            Access::Authority => self.authority,
        }
    }
}

/// A data point of one battery.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// What it is.
    pub(crate) attribute: &'static Attribute,
    /// Its value, where one is known.
    pub(crate) value: Option<Value>,
}

/// All data points that a reader may read, in the order of the clauses.
pub(crate) fn points(view: &View, reader: Reader) -> Vec<Point> {
    let readable = attributes().iter().filter(|attribute| reader.reads(attribute.2));
    readable.map(|attribute| Point { attribute, value: value(view, attribute.key()) }).collect()
}

/// Mandatory data points without a value.
pub(crate) fn lacking(points: &[Point]) -> BTreeSet<&'static str> {
    let empty = points.iter().filter(|point| point.value.is_none() && point.attribute.is_mandatory());
    empty.map(|point| point.attribute.key()).collect()
}

/// A share as percent with one decimal.
pub(crate) fn percent(share: f64) -> f64 {
    rounded(share * 100.0, 1)
}

fn number(value: Option<f64>, decimals: i32) -> Option<Value> {
    value.filter(|value| value.is_finite()).map(|value| json!(rounded(value, decimals)))
}

/// A place in one line.
pub(crate) fn place(place: &Place) -> String {
    let parts = [&place.facility, &place.city, &place.country];
    parts.into_iter().flatten().cloned().collect::<Vec<_>>().join(", ")
}

/// The category as interfaces write it.
pub(crate) fn category(category: Category) -> &'static str {
    match category {
        Category::Lmt => "LMT",
        Category::Ev => "EV",
        Category::Industrial => "industrial",
        Category::Sli => "SLI",
        Category::Portable => "portable",
    }
}

/// What is known of a paper of a name.
fn paper(passport: &Passport, name: &str) -> Option<Value> {
    let paper = passport.papers.get(name)?;
    let mut said = Map::new();
    let texts = [
        ("url", &paper.url),
        ("number", &paper.number),
        ("standard", &paper.standard),
        ("issuer", &paper.issuer),
        ("text", &paper.text),
    ];
    for (name, text) in texts {
        said.extend(text.iter().map(|text| (name.to_owned(), json!(text))));
    }
    for (name, date) in [("issued", paper.issued), ("expires", paper.expires)] {
        said.extend(date.map(|date| (name.to_owned(), json!(date.to_string()))));
    }
    Some(Value::Object(said)).filter(|said| said.as_object().is_some_and(|said| !said.is_empty()))
}

/// Contents above the threshold, with their masses.
fn contents(passport: &Passport) -> Vec<(Material, f64)> {
    let contents = passport.contents();
    let from = NAMED_FROM * passport.mass_kg().unwrap_or_else(|| contents.total_kg());
    contents.present().filter(|(_, kg)| *kg > from).collect()
}

/// Recycled shares by material: before use and after it, where sources tell them apart.
fn recycled(passport: &Passport) -> Option<Value> {
    let shares: Vec<Value> = passport
        .recycled()
        .into_iter()
        .map(|(material, share)| {
            let of = passport.materials.iter().filter(|source| source.material == Some(material));
            let (mut pre, mut post, mut kg) = (0.0, 0.0, 0.0);
            for source in of.filter(|source| source.given.recycled_pre.is_some() || source.given.recycled_post.is_some()) {
                let weight = source.given.mass_kg.unwrap_or(1.0);
                pre += weight * source.given.recycled_pre.unwrap_or(0.0);
                post += weight * source.given.recycled_post.unwrap_or(0.0);
                kg += weight;
            }
            let part = |sum: f64| if kg > 0.0 { json!(percent(sum / kg)) } else { Value::Null };
            json!({ "material": material.name(), "share": percent(share), "preConsumer": part(pre), "postConsumer": part(post) })
        })
        .collect();
    (!shares.is_empty()).then_some(Value::Array(shares))
}

fn footprint(passport: &Passport, key: &str) -> Option<Value> {
    let footprint = passport.footprint.as_ref()?;
    let (stages, unit) = (footprint.stages(), footprint.delivered_kwh);
    let each = |kg: f64| number(Some(kg / unit), 4);
    match key {
        "carbon_footprint_per_functional_unit" => each(stages.eu_declared()),
        "carbon_share_raw_material" => each(footprint.raw_material_kg?),
        "carbon_share_production" => each(footprint.production_kg - footprint.raw_material_kg.unwrap_or(0.0)),
        "carbon_share_distribution" => each(footprint.transportation_kg?),
        "carbon_share_end_of_life" => each(footprint.end_of_life_kg?),
        "carbon_footprint_absolute" => number(Some(stages.eu_declared() / 1_000.0), 3),
        _ => None,
    }
}

/// The value of a data point of a battery; nothing where it is not known.
fn value(view: &View, key: &str) -> Option<Value> {
    let passport = &view.passport;
    let (identity, chemistry) = (&passport.identity, &passport.chemistry);
    let (figures, ratings) = (&passport.specifications, &passport.specifications.ratings);
    let text = |text: &str| Some(json!(text));
    let (kwh, ah) = (figures.energy_kwh, figures.capacity_ah);
    let fade = view.power_fade();
    let latest = |metric: &str| view.sight.latest.get(metric).map(|known| known.value);
    let heard = view.sight.readings > 0;
    match key {
        "passport_identifier" => text(&passport.passport_id),
        "battery_identifier" => text(&passport.battery_id),
        "twin_identifier" => text(&passport.twin.to_string()),
        "manufacturer" => Some(json!({ "name": identity.manufacturer, "identifier": identity.manufacturer_id })),
        "manufacturing_place" => identity.made_at.as_ref().map(place).filter(|at| !at.is_empty()).map(Value::from),
        "manufacturing_date" => identity.manufactured_on.to_string().get(..7).map(Value::from),
        "model_identifier" => text(&identity.model),
        "warranty_period" => number(ratings.warranty_years.map(|years| years * 12.0), 0),
        "category" => text(category(passport.category)),
        "mass" => number(chemistry.mass_kg, 2),
        "status" => text(passport.annex_status().as_str()),
        "chemistry" => Some(json!({ "type": chemistry.sort, "cathode": chemistry.cathode, "anode": chemistry.anode })),
        "critical_raw_materials" => {
            let named: Vec<_> = contents(passport).into_iter().filter(|(m, _)| CRITICAL.contains(m)).collect();
            let named: Vec<&str> = named.iter().map(|(material, _)| material.name()).collect();
            (!named.is_empty()).then(|| json!(named))
        }
        "electrode_materials" => Some(json!({
            "cathode": chemistry.cathode, "anode": chemistry.anode, "electrolyte": chemistry.electrolyte,
            "contents": contents(passport).iter().map(|(material, kg)| json!({
                "material": material.name(), "mass": rounded(*kg, 3),
            })).collect::<Vec<_>>(),
        })),
        "hazardous_substances" => (!chemistry.hazards.is_empty()).then(|| {
            let one = |hazard: &host::passport::record::Hazard| {
                json!({ "substance": hazard.substance, "share": hazard.share_pct })
            };
            Value::Array(chemistry.hazards.iter().map(one).collect())
        }),
        "hazardous_substances_impact" => {
            let told: Vec<Value> = chemistry
                .hazards
                .iter()
                .filter_map(|hazard| Some(json!({ "substance": hazard.substance, "impact": hazard.impact.as_ref()? })))
                .collect();
            (!told.is_empty()).then_some(Value::Array(told))
        }
        "recycled_shares" => recycled(passport),
        "renewable_content" => number(passport.renewable.map(|share| share * 100.0), 1),
        "rated_capacity" => number(Some(ah), 3),
        "remaining_capacity" => number(view.soh.map(|soh| soh * ah), 2),
        "capacity_fade" => number(view.soh.map(|soh| 100.0 * (1.0 - soh)), 2),
        "certified_usable_energy" => number(Some(kwh), 3),
        "remaining_usable_energy" => number(view.soh.map(|soh| soh * kwh), 3),
        "state_of_certified_energy" => number(view.soh.map(|soh| soh * 100.0), 1),
        "state_of_charge" => number(view.soc.map(|soc| soc * 100.0), 1),
        "minimum_voltage" => number(ratings.voltage_min_v, 2),
        "maximum_voltage" => number(ratings.voltage_max_v, 2),
        "nominal_voltage" => number(Some(figures.voltage_nominal_v), 2),
        "original_power" | "maximum_power" => number(ratings.power_max_w, 1),
        "remaining_power" => number(ratings.power_max_w.zip(fade).map(|(power, fade)| power * (1.0 - fade)), 1),
        "power_fade" => number(fade.map(|fade| fade * 100.0), 1),
        "power_to_energy" => number(ratings.power_max_w.map(|power| power / (kwh * 1_000.0)), 3),
        "round_trip_initial" => number(ratings.round_trip.map(|share| share * 100.0), 1),
        "round_trip_half_life" => number(ratings.round_trip_half_life.map(|share| share * 100.0), 1),
        "resistance_initial" => number(ratings.resistance_ohm, 5),
        "resistance_increase" => number(view.resistance_growth().map(|growth| growth * 100.0), 1),
        "expected_lifetime_years" => number(ratings.expected_years, 1),
        "expected_lifetime_cycles" => number(Some(figures.expected_cycles), 0),
        "full_equivalent_cycles" => heard.then(|| number(Some(view.discharged_ah / ah), 1)).flatten(),
        "cycle_life_test" => ratings.cycle_life_test.as_deref().map(Value::from),
        "cycle_life_c_rate" => number(ratings.cycle_life_c_rate, 3),
        "energy_throughput" => heard.then(|| number(Some(view.discharged_kwh), 2)).flatten(),
        "capacity_throughput" => heard.then(|| number(Some(view.discharged_ah), 1)).flatten(),
        "exhaustion_threshold" => number(Some(EXHAUSTED_PCT), 0),
        "temperature_history" => latest("temperature_c").map(|now| {
            let at = view.sight.measured_at.map(rfc3339);
            json!({ "latest": rounded(now, 1), "measuredAt": at })
        }),
        "idle_temperature_low" => number(ratings.temperature_min_c, 1),
        "idle_temperature_high" => number(ratings.temperature_max_c, 1),
        "accidents" => Some(json!(passport.lifecycle.incidents)),
        key if key.starts_with("carbon_") => footprint(passport, key).or_else(|| paper(passport, key)),
        key => paper(passport, key),
    }
}

/// Day of the rules that are looked at.
pub(crate) fn rules_of() -> &'static str {
    &regulation().set
}
