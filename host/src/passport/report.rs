//! Sustainability: the report of a battery, and its figures.

use super::carbon::{footprint, process_of};
use super::compliance::dossier;
use super::material::verified;
use super::record::{Footprint, Passport};
use super::{CarbonAsked, PassportError, Passports};
use crate::identity::Visibility;
use std::collections::BTreeMap;
use twin::passport::compliance::{self, Compliance};
use twin::passport::material::{Masses, Material};
use twin::passport::recovery::{self, Expected};
use twin::passport::sourcing::Verification;
use twin::time::Time;

/// All that a sustainability report says.
#[derive(Debug, Clone)]
pub struct SustainabilityReport {
    /// The passport.
    pub passport: Passport,
    /// The footprint, where one can be computed.
    pub footprint: Option<Footprint>,
    /// What can be shown of its sources.
    pub sourcing: Verification,
    /// Recycled share of each material, 0 to 1.
    pub recycled: BTreeMap<Material, f64>,
    /// What comes back of it: as expected by its process, or as it did.
    pub recovery: Expected,
    /// That process.
    pub process: String,
    /// Whether recovery is what was achieved.
    pub achieved: bool,
    /// How it stands against the regulation.
    pub compliance: Compliance,
    /// When.
    pub at: Time,
}

/// Figures of sustainability; nothing where there is no method.
#[derive(Debug, Clone)]
pub struct SustainabilityMetrics {
    /// The passport.
    pub passport: Passport,
    /// Footprint with distribution over rated energy [kg CO2e/kWh].
    pub per_kwh: Option<f64>,
    /// Declared footprint over energy delivered in its life [kg CO2e/kWh].
    pub per_kwh_delivered: Option<f64>,
    /// Recycled share of each material, 0 to 1.
    pub recycled: BTreeMap<Material, f64>,
    /// What comes back of it.
    pub recovery: Expected,
    /// Round-trip efficiency, 0 to 1: as the maker states it, or what is usual.
    pub efficiency: Option<f64>,
    /// What that rests on.
    pub efficiency_by: &'static str,
    /// 0 to 100.
    pub circularity: f64,
    /// Set of factors.
    pub factor_set: &'static str,
    /// When.
    pub at: Time,
}

/// What comes back of a battery: as it did where it was recycled, else as its process is expected to do.
pub(super) fn recovery_of(passport: &Passport) -> Result<(Expected, String, bool), PassportError> {
    let contents = passport.contents();
    if let Some(recycling) = &passport.recycling {
        if let Some(results) = &recycling.results {
            let recovered = Masses::of(results.recovered_kg.iter().map(|(material, kg)| (*material, *kg)));
            let over = |part: f64, of: f64| if of > 0.0 { part / of } else { 0.0 };
            let done = Expected {
                mass_based: over(recovered.total_kg(), contents.total_kg()),
                metals_only: over(recovered.metals_kg(), contents.metals_kg()),
                recovered,
            };
            return Ok((done, recycling.process.clone(), true));
        }
        return Ok((recovery::expected(&contents, &recycling.process)?, recycling.process.clone(), false));
    }
    let process = process_of(passport);
    Ok((recovery::expected(&contents, process)?, process.to_owned(), false))
}

/// Recycled share over all that is in a battery.
fn recycled_share(passport: &Passport) -> f64 {
    let contents = passport.contents();
    let total = contents.total_kg();
    if total <= 0.0 {
        return 0.0;
    }
    passport.recycled().iter().map(|(material, share)| contents[*material] * share).sum::<f64>() / total
}

impl Passports {
    /// The sustainability report of a battery.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn sustainability(
        &self,
        name: &str,
        visible: &Visibility,
    ) -> Result<SustainabilityReport, PassportError> {
        let view = self.view(name, visible).await?;
        let (on, now) = (self.today(), self.now());
        let compliance = compliance::evaluate(&dossier(&view, on));
        let passport = view.passport;
        let known = passport.footprint.clone();
        let footprint = known.or_else(|| footprint(&passport, &CarbonAsked::default(), now).ok());
        let (recovery, process, achieved) = recovery_of(&passport)?;
        Ok(SustainabilityReport {
            sourcing: verified(&passport, on),
            recycled: passport.recycled(),
            footprint,
            recovery,
            process,
            achieved,
            compliance,
            at: now,
            passport,
        })
    }

    /// Figures of sustainability of a battery.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn sustainability_metrics(
        &self,
        name: &str,
        visible: &Visibility,
    ) -> Result<SustainabilityMetrics, PassportError> {
        let view = self.view(name, visible).await?;
        let now = self.now();
        let passport = view.passport;
        let known = passport.footprint.clone();
        let footprint = known.or_else(|| footprint(&passport, &CarbonAsked::default(), now).ok());
        let (recovery, ..) = recovery_of(&passport)?;
        let extra_years = match (super::second_life::began(&passport), &passport.end_of_life) {
            (Some(began), Some(end)) => end.at.days_since(began) / 365.25,
            (Some(began), None) => now.days_since(began) / 365.25,
            (None, _) => 0.0,
        };
        let stated = passport.specifications.ratings.round_trip;
        let usual = || {
            let label = passport.mapping.factors.as_deref()?;
            let table = &twin::passport::factors::carbon().use_phase.round_trip;
            table.get(twin::passport::factors::family(label)).map(|figure| figure.value)
        };
        let (efficiency, efficiency_by) = match stated {
            Some(stated) => (Some(stated), "stated"),
            None => (usual(), "usual for the chemistry"),
        };
        Ok(SustainabilityMetrics {
            per_kwh: footprint
                .as_ref()
                .map(|f| f.stages().with_distribution() / passport.specifications.energy_kwh),
            per_kwh_delivered: footprint.as_ref().map(|f| f.stages().eu_declared() / f.delivered_kwh),
            recycled: passport.recycled(),
            circularity: recovery::circularity_index(
                recycled_share(&passport),
                recovery.mass_based,
                extra_years.max(0.0),
            ),
            recovery,
            efficiency,
            efficiency_by,
            factor_set: &twin::passport::factors::carbon().set,
            at: now,
            passport,
        })
    }
}
