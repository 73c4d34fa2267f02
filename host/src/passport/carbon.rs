//! Footprints and transports.

use super::record::{Footprint, Passport, Transport};
use super::{PassportError, Passports, year};
use crate::identity::Visibility;
use serde_json::json;
use twin::passport::carbon::{self, Battery, DataQuality, Grid, Leg, Service, Way};
use twin::passport::factors;
use twin::passport::material::Material;
use twin::passport::recovery;
use twin::passport::regulation::Category;
use twin::time::Time;

/// Process of recycling where nobody says.
pub(super) const USUAL_PROCESS: &str = "hydro";
/// Rest of the way round the Earth: no way between two places is longer [km].
const LONGEST_KM: f64 = 25_000.0;

/// What counts in a footprint.
#[derive(Debug, Clone, PartialEq)]
pub struct CarbonAsked {
    /// Whether transports count.
    pub transportation: bool,
    /// Whether losses in use count.
    pub use_phase: bool,
    /// Whether the end of life counts.
    pub end_of_life: bool,
    /// Electricity of use [kg CO2e/kWh]; stronger than the region.
    pub grid_kg_per_kwh: Option<f64>,
    /// Region of use.
    pub region: Option<String>,
    /// Class of the vehicle that it is in: `M1`, `L`, `N2` …
    pub vehicle_class: Option<String>,
}

impl Default for CarbonAsked {
    fn default() -> Self {
        Self {
            transportation: true,
            use_phase: true,
            end_of_life: true,
            grid_kg_per_kwh: None,
            region: None,
            vehicle_class: None,
        }
    }
}

/// A transport as it is reported.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTransport {
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// How far [km].
    pub distance_km: f64,
    /// `ship`, `rail`, `truck`, `road`, `air` or `inland_waterway`.
    pub mode: String,
    /// How much [kg].
    pub mass_kg: f64,
    /// When; now where nobody says.
    pub at: Option<Time>,
    /// Factor that the carrier states [kg CO2e per t km].
    pub factor_kg_per_t_km: Option<f64>,
}

/// What became of a transport.
#[derive(Debug, Clone)]
pub struct TransportAdded {
    /// The passport.
    pub passport: Passport,
    /// The transport.
    pub transport: Transport,
    /// The footprint with it.
    pub footprint: Footprint,
    /// What looks odd.
    pub warnings: Vec<String>,
}

/// All that a report of a footprint says.
#[derive(Debug, Clone)]
pub struct CarbonReport {
    /// The passport.
    pub passport: Passport,
    /// The footprint.
    pub footprint: Footprint,
    /// Lowest and highest that studies find of production and end of life together [kg CO2e].
    pub band_kg: Option<(f64, f64)>,
    /// When the report was made.
    pub at: Time,
}

/// The footprint of a battery under some assumptions.
pub(super) fn footprint(
    passport: &Passport,
    asked: &CarbonAsked,
    at: Time,
) -> Result<Footprint, PassportError> {
    let (ratings, label) = (&passport.specifications, passport.mapping.factors.as_deref());
    let made_in = passport.identity.made_at.as_ref().and_then(|place| place.country.as_deref());
    let known = |region: &str| factors::carbon().grid.contains_key(region);
    let making_region = made_in.filter(|region| known(region)).unwrap_or("world");
    let recycled: Vec<(Material, f64)> = passport.recycled().into_iter().collect();
    let contents = passport.contents();
    let battery = Battery {
        chemistry: label.unwrap_or(&passport.chemistry.cathode),
        energy_kwh: ratings.energy_kwh,
        contents,
        recycled: &recycled,
        declared_production_kg: passport.declared_production_kg,
        made_with: Grid::Region(making_region.to_owned()),
    };
    let (production_kg, quality) = carbon::production(&battery)?;
    let declared = quality == DataQuality::Declared;
    let raw_material_kg = if declared { None } else { carbon::raw_material(&battery)? };
    let region = asked.region.clone().unwrap_or_else(|| making_region.to_owned());
    let grid = match asked.grid_kg_per_kwh {
        Some(given) => Grid::Given(given),
        None => Grid::Region(region.clone()),
    };
    let grid_kg_per_kwh = grid.factor()?;
    let transportation =
        asked.transportation.then(|| passport.transports.iter().map(|t| t.co2e_kg).sum::<f64>());
    let use_phase = asked
        .use_phase
        .then(|| {
            let (cycles, round_trip) = (ratings.expected_cycles, ratings.ratings.round_trip);
            carbon::use_phase(battery.chemistry, ratings.energy_kwh, cycles, round_trip, &grid)
        })
        .transpose()?;
    let end_of_life = asked.end_of_life.then(|| end_of_life(passport)).transpose()?;
    let (service, functional_unit) = service(passport, asked);
    let delivered_kwh = carbon::total_energy_kwh(ratings.energy_kwh, &service)?;
    let mut footprint = Footprint {
        at,
        production_kg,
        raw_material_kg,
        transportation_kg: transportation,
        use_phase_kg: use_phase,
        end_of_life_kg: end_of_life,
        grid_kg_per_kwh,
        grid_region: asked.grid_kg_per_kwh.is_none().then_some(region).or_else(|| asked.region.clone()),
        making_kg_per_kwh: (!declared).then(|| battery.made_with.factor()).transpose()?,
        making_region: (!declared).then(|| making_region.to_owned()),
        declared,
        delivered_kwh,
        functional_unit,
        factor_set: factors::carbon().set.clone(),
        warnings: Vec::new(),
    };
    footprint.warnings =
        carbon::warnings(&footprint.stages(), quality, ratings.energy_kwh, label.unwrap_or_default());
    if let (Some(country), false) = (made_in, declared)
        && making_region == "world"
    {
        footprint
            .warnings
            .push(format!("there is no grid factor of {country}; that of the world stands for it"));
    }
    Ok(footprint)
}

/// Treatment less credit: as it was done where it was, else as the process is expected to do.
fn end_of_life(passport: &Passport) -> Result<f64, PassportError> {
    let contents = passport.contents();
    let recycling = passport.recycling.as_ref();
    let process = recycling.map_or_else(|| process_of(passport), |recycling| recycling.process.as_str());
    let mass_kg = passport.mass_kg().unwrap_or(0.0);
    if let Some(results) = recycling.and_then(|recycling| recycling.results.as_ref()) {
        let recovered = results.recovered_kg.iter().map(|(material, kg)| (*material, *kg));
        let recovered = twin::passport::material::Masses::of(recovered);
        return Ok(carbon::end_of_life(results.input_kg, &recovered, process)?);
    }
    let expected = recovery::expected(&contents, process)?;
    Ok(carbon::end_of_life(mass_kg, &expected.recovered, process)?)
}

/// The usual process for a battery.
pub(super) fn process_of(passport: &Passport) -> &'static str {
    if passport.chemistry.sort == "lead-acid" { "smelting" } else { USUAL_PROCESS }
}

/// What the energy delivered over a life is reckoned by: vehicles by class and warranty, others by their cycles.
fn service<'a>(passport: &Passport, asked: &'a CarbonAsked) -> (Service<'a>, String) {
    let cycles = passport.specifications.expected_cycles;
    let class = match (asked.vehicle_class.as_deref(), passport.category) {
        (Some(class), _) => Some(class),
        (None, Category::Ev) => Some("M1"),
        (None, Category::Lmt) => Some("L"),
        (None, _) => None,
    };
    match (class, passport.specifications.ratings.warranty_years) {
        (Some(class), Some(warranty_years)) => {
            let told = format!(
                "1 kWh delivered by a battery of class {class} over a warranty of {warranty_years} years"
            );
            (Service::Vehicle { class, warranty_years }, told)
        }
        _ => (Service::Cycles(cycles), format!("1 kWh delivered over {cycles} cycles")),
    }
}

impl Passports {
    /// Computes the footprint of a battery and keeps it.
    ///
    /// # Errors
    /// What is wrong with what was asked.
    pub async fn footprint(
        &self,
        name: &str,
        visible: &Visibility,
        asked: &CarbonAsked,
        by: &str,
    ) -> Result<(Passport, Footprint), PassportError> {
        let now = self.now();
        let kept = self
            .change(name, visible, by, |passport, draft| {
                let footprint = footprint(passport, asked, now)?;
                passport.footprint = Some(footprint.clone());
                draft.fact("carbon.calculated", json!(footprint));
                Ok(footprint)
            })
            .await?;
        Ok((kept.passport, kept.answer))
    }

    /// Adds a transport to the footprint of a battery; where there is none yet, one is computed with it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn add_transport(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewTransport,
        by: &str,
    ) -> Result<TransportAdded, PassportError> {
        let now = self.now();
        for (field, text) in [("from", &new.from), ("to", &new.to)] {
            if text.trim().is_empty() || text.len() > 200 {
                return Err(PassportError::unfit(field, "has to be 1 to 200 bytes of text"));
            }
        }
        let mode = if new.mode == "road" { "truck" } else { new.mode.as_str() };
        let leg = Leg {
            mode,
            way: Way::Distance(new.distance_km),
            mass_kg: new.mass_kg,
            factor_kg_per_t_km: new.factor_kg_per_t_km,
        };
        let co2e_kg = carbon::transport(&leg)?;
        let table = factors::find(&factors::carbon().transport, "transport mode", mode)?.factor.value;
        let factor_kg_per_t_km = new.factor_kg_per_t_km.unwrap_or(table);
        let at = new.at.unwrap_or(now);
        let kept = self
            .change(name, visible, by, |passport, draft| {
                super::event::check_at(passport, at, now)?;
                passport.numbers.transports += 1;
                let number = passport.numbers.transports;
                let transport = Transport {
                    id: format!("TRN-{:04}-{number:04}", year(at)),
                    from: new.from.clone(),
                    to: new.to.clone(),
                    distance_km: new.distance_km,
                    mode: new.mode.clone(),
                    mass_kg: new.mass_kg,
                    factor_kg_per_t_km,
                    co2e_kg,
                    at,
                };
                let mut known = match passport.footprint.clone() {
                    Some(known) => known,
                    None => footprint(passport, &CarbonAsked::default(), now)?,
                };
                passport.transports.push(transport.clone());
                known.transportation_kg = Some(known.transportation_kg.unwrap_or(0.0) + co2e_kg);
                passport.footprint = Some(known.clone());
                draft.fact("transport.added", json!(transport));
                Ok((transport, known))
            })
            .await?;
        let (transport, footprint) = kept.answer;
        let warnings = odd(&transport, &kept.passport);
        Ok(TransportAdded { passport: kept.passport, transport, footprint, warnings })
    }

    /// What there is to report of a footprint; where there is none yet, one is computed and not kept.
    ///
    /// # Errors
    /// When there is no such battery, or nothing can be computed of it.
    pub async fn carbon_report(
        &self,
        name: &str,
        visible: &Visibility,
    ) -> Result<CarbonReport, PassportError> {
        let passport = self.find(name, visible).await?;
        let now = self.now();
        let known = match passport.footprint.clone() {
            Some(known) => known,
            None => footprint(&passport, &CarbonAsked::default(), now)?,
        };
        let table = factors::carbon();
        let kwh = passport.specifications.energy_kwh;
        let band = |figure: &factors::Figure| figure.low.zip(figure.high);
        let production = band(&table.production.plausible_kg_per_kwh);
        let end = band(&table.end_of_life.plausible_kg_per_kwh).filter(|_| known.end_of_life_kg.is_some());
        let is_lead = passport.mapping.factors.as_deref() == Some("VRLA");
        let band_kg = production.filter(|_| !is_lead).map(|(low, high)| {
            let (end_low, end_high) = end.unwrap_or((0.0, 0.0));
            (kwh * (low + end_low), kwh * (high + end_high))
        });
        Ok(CarbonReport { passport, footprint: known, band_kg, at: now })
    }
}

/// What looks odd about a transport.
fn odd(transport: &Transport, passport: &Passport) -> Vec<String> {
    let mut odd = Vec::new();
    if let Some(figure) = factors::carbon().transport.get(&transport.mode).map(|freight| &freight.factor) {
        let (low, high) = (figure.low.unwrap_or(0.0), figure.high.unwrap_or(f64::INFINITY));
        let factor = transport.factor_kg_per_t_km;
        if !(low..=high).contains(&factor) {
            odd.push(format!("{factor} kg CO2e per t km lies outside {low} to {high}"));
        }
    }
    if transport.distance_km > LONGEST_KM {
        odd.push(format!("{} km is more than half way round the Earth by any road", transport.distance_km));
    }
    if let Some(kg) = passport.mass_kg() {
        let over = transport.mass_kg / kg;
        if over < 0.8 {
            let (given, own) = (transport.mass_kg, kg);
            odd.push(format!("{given} kg is less than the {own:.0} kg that such a battery weighs"));
        }
    }
    odd
}
