//! How a battery stands against Regulation (EU) 2023/1542, from all that is known of it.

use super::record::Passport;
use super::{PassportError, Passports, View};
use crate::identity::Visibility;
use std::collections::{BTreeMap, BTreeSet};
use twin::passport::cells;
use twin::passport::compliance::{self, Compliance, Dossier};
use twin::passport::date::Date;
use twin::passport::material::Material;
use twin::passport::regulation;
use twin::time::Time;

/// How a battery stands.
#[derive(Debug, Clone)]
pub struct ComplianceReport {
    /// The passport.
    pub passport: Passport,
    /// Rule by rule.
    pub compliance: Compliance,
    /// The day as of which it was looked at.
    pub on: Date,
    /// When.
    pub at: Time,
}

/// All that a report to the Union says.
#[derive(Debug, Clone)]
pub struct EuReport {
    /// The battery as it is now.
    pub view: View,
    /// How it stands.
    pub compliance: Compliance,
    /// Attributes that are filled in, by key of the table.
    pub attributes: BTreeSet<String>,
    /// When.
    pub at: Time,
}

/// Evidence that is there: what the passport itself shows, and papers that hold on the day.
pub(super) fn evidence(passport: &Passport, on: Date) -> BTreeSet<String> {
    let holds = |until: Option<Date>| until.is_none_or(|until| on <= until);
    let papers = passport.papers.iter().filter(|(_, paper)| holds(paper.expires));
    let mut evidence: BTreeSet<String> = papers.map(|(name, _)| name.clone()).collect();
    let identity = &passport.identity;
    let hazards = !passport.chemistry.hazards.is_empty();
    let shown = [
        ("manufacturer", true),
        ("category_and_identification", true),
        ("place_of_manufacture", identity.made_at.as_ref().is_some_and(|place| place.country.is_some())),
        ("date_of_manufacture", true),
        ("mass", passport.chemistry.mass_kg.is_some()),
        ("capacity", true),
        ("chemistry", true),
        ("hazardous_substances", hazards),
        ("critical_raw_materials", passport.contents().total_kg() > 0.0),
        ("qr_code", true),
        ("carbon_footprint_declaration", passport.footprint.is_some()),
        ("recycled_content_documentation", !passport.recycled().is_empty()),
    ];
    evidence.extend(shown.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()));
    evidence
}

/// Data points of the passport that are filled in, by key of the table.
pub(super) fn attributes(view: &View, on: Date) -> BTreeSet<String> {
    let passport = &view.passport;
    let (identity, chemistry) = (&passport.identity, &passport.chemistry);
    let (figures, ratings) = (&passport.specifications, &passport.specifications.ratings);
    let evidence = evidence(passport, on);
    let paper = |name: &str| evidence.contains(name);
    let heard = view.sight.readings > 0;
    let temperature = view.sight.latest.contains_key("temperature_c");
    let footprint = passport.footprint.as_ref();
    let own = [
        ("passport_identifier", true),
        ("battery_identifier", true),
        ("twin_identifier", true),
        ("manufacturer", true),
        ("manufacturing_place", identity.made_at.is_some()),
        ("manufacturing_date", true),
        ("model_identifier", true),
        ("warranty_period", ratings.warranty_years.is_some()),
        ("category", true),
        ("mass", chemistry.mass_kg.is_some()),
        ("status", true),
        ("carbon_footprint_per_functional_unit", footprint.is_some()),
        ("carbon_share_raw_material", footprint.is_some_and(|f| f.raw_material_kg.is_some())),
        ("carbon_share_production", footprint.is_some()),
        ("carbon_share_distribution", footprint.is_some_and(|f| f.transportation_kg.is_some())),
        ("carbon_share_end_of_life", footprint.is_some_and(|f| f.end_of_life_kg.is_some())),
        ("carbon_footprint_absolute", footprint.is_some()),
        ("third_party_assurances", passport.materials.iter().any(|m| !m.given.certifications.is_empty())),
        ("chemistry", true),
        ("critical_raw_materials", passport.contents().total_kg() > 0.0),
        ("electrode_materials", true),
        ("hazardous_substances", !chemistry.hazards.is_empty()),
        ("hazardous_substances_impact", chemistry.hazards.iter().any(|hazard| hazard.impact.is_some())),
        ("recycled_shares", !passport.recycled().is_empty()),
        ("renewable_content", passport.renewable.is_some()),
        ("rated_capacity", true),
        ("remaining_capacity", view.soh.is_some()),
        ("capacity_fade", view.soh.is_some()),
        ("certified_usable_energy", figures.energy_kwh > 0.0),
        ("remaining_usable_energy", view.soh.is_some()),
        ("state_of_certified_energy", view.soh.is_some()),
        ("state_of_charge", view.soc.is_some()),
        ("minimum_voltage", ratings.voltage_min_v.is_some()),
        ("maximum_voltage", ratings.voltage_max_v.is_some()),
        ("nominal_voltage", true),
        ("original_power", ratings.power_max_w.is_some()),
        ("remaining_power", ratings.power_max_w.is_some() && view.power_fade().is_some()),
        ("power_fade", view.power_fade().is_some()),
        ("maximum_power", ratings.power_max_w.is_some()),
        ("power_to_energy", ratings.power_max_w.is_some()),
        ("round_trip_initial", ratings.round_trip.is_some()),
        ("round_trip_half_life", ratings.round_trip_half_life.is_some()),
        ("resistance_initial", ratings.resistance_ohm.is_some()),
        ("resistance_increase", view.resistance_growth().is_some()),
        ("expected_lifetime_years", ratings.expected_years.is_some()),
        ("expected_lifetime_cycles", true),
        ("full_equivalent_cycles", heard),
        ("cycle_life_test", ratings.cycle_life_test.is_some()),
        ("cycle_life_c_rate", ratings.cycle_life_c_rate.is_some()),
        ("energy_throughput", heard),
        ("capacity_throughput", heard),
        ("exhaustion_threshold", true),
        ("temperature_history", temperature),
        ("idle_temperature_low", ratings.temperature_min_c.is_some()),
        ("idle_temperature_high", ratings.temperature_max_c.is_some()),
        ("minutes_above", temperature),
        ("minutes_below", temperature),
        ("charging_minutes_above", temperature),
        ("charging_minutes_below", temperature),
        ("deep_discharges", heard),
        ("overcharges", heard),
        ("accidents", true),
    ];
    let mut filled: BTreeSet<String> =
        own.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()).collect();
    let keys = regulation::attributes().iter().map(|attribute| attribute.key());
    filled.extend(keys.filter(|key| paper(key)).map(str::to_owned));
    filled
}

/// All that the rules look at.
pub(super) fn dossier(view: &View, on: Date) -> Dossier {
    let passport = &view.passport;
    let contents = passport.contents();
    let mut contains: BTreeSet<Material> = contents.present().map(|(material, _)| material).collect();
    if passport.chemistry.anode.to_lowercase().contains("synthetic") {
        contains.remove(&Material::Graphite);
    }
    let substances_pct: BTreeMap<String, f64> = passport
        .chemistry
        .hazards
        .iter()
        .filter_map(|hazard| Some((hazard.substance.to_lowercase(), hazard.share_pct?)))
        .collect();
    let measured = passport.last_health.map(|health| Date::at(health.at));
    let heard = view.sight.measured_at.filter(|_| view.soh.is_some()).map(Date::at);
    Dossier {
        category: passport.category,
        family: cells::family(&passport.chemistry.sort),
        energy_kwh: passport.specifications.energy_kwh,
        placed: passport.placed_on(),
        on,
        evidence: evidence(passport, on),
        substances_pct,
        contains,
        recycled: passport.recycled(),
        soh_recorded: measured.max(heard),
        attributes: attributes(view, on),
    }
}

impl Passports {
    /// How a battery stands against the regulation, as of a day; today where nobody says.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn compliance(
        &self,
        name: &str,
        visible: &Visibility,
        on: Option<Date>,
    ) -> Result<ComplianceReport, PassportError> {
        let view = self.view(name, visible).await?;
        let on = on.unwrap_or_else(|| self.today());
        let compliance = compliance::evaluate(&dossier(&view, on));
        Ok(ComplianceReport { passport: view.passport, compliance, on, at: self.now() })
    }

    /// All that a report to the Union says.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn eu_report(&self, name: &str, visible: &Visibility) -> Result<EuReport, PassportError> {
        let view = self.view(name, visible).await?;
        let on = self.today();
        let compliance = compliance::evaluate(&dossier(&view, on));
        Ok(EuReport { attributes: attributes(&view, on), compliance, view, at: self.now() })
    }
}
