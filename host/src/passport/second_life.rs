//! Second lives: whether a battery is fit for one, which batteries are, and converting them.

use super::event::{event_of, set_owner};
use super::record::{Conversion, Passport, SecondLife};
use super::{Criteria, PassportError, Passports, View, year};
use crate::identity::Visibility;
use crate::platform::alerts::WhichAlerts;
use crate::platform::fleet::{Paged, Part};
use crate::store::ledger;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::{Map, json};
use twin::passport::health::AGREE;
use twin::passport::lifecycle::{Application, EventKind, Stage};
use twin::passport::second_life::{self, Candidate, Evaluation};
use twin::time::Time;

/// Batteries that are looked at at once.
const AT_ONCE: usize = 32;
/// Alerts of one battery that are read.
const ALERTS: usize = 1_000;
/// Batteries that one list of candidates looks at.
const LOOKED_AT_MAX: usize = 5_000;
/// Alerts that tell of harm: deep discharge, overcharge, heat.
const HARMFUL: [&str; 5] =
    ["cell_under_min", "cell_over_max", "voltage_low", "voltage_high", "temperature_high"];

/// What somebody thinks of.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSecondLife {
    /// For what.
    pub target: Application,
    /// Capacity over rated, as whoever asks believes.
    pub soh: Option<f64>,
    /// Why.
    pub reason: Option<String>,
    /// Capacity that the second life counts on [Ah].
    pub capacity_ah: Option<f64>,
    /// Cycles that the second life counts on.
    pub cycles: Option<f64>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub struct Marked {
    /// The passport.
    pub passport: Passport,
    /// The mark.
    pub second_life: SecondLife,
    /// The evaluation behind it.
    pub evaluation: Evaluation,
    /// Capacity that is left [Ah].
    pub capacity_ah: f64,
    /// What looks odd.
    pub warnings: Vec<String>,
}

/// Which candidates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WhichCandidates {
    /// Least and most health, over rated.
    pub soh: (Option<f64>, Option<f64>),
    /// For what; in storage where nobody says.
    pub application: Option<Application>,
    /// Least score.
    pub score_min: Option<f64>,
}

/// A candidate.
#[derive(Debug, Clone)]
pub struct SecondLifeCandidate {
    /// `BAT-2025-LI-001234`.
    pub battery_id: String,
    /// Capacity over rated.
    pub soh: f64,
    /// Full cycles so far.
    pub cycles: u64,
    /// What it is used for now.
    pub application: Option<Application>,
    /// 0 to 100, by SL-1.
    pub score: f64,
    /// Whether somebody marked it.
    pub marked: bool,
}

/// A page of candidates.
pub type Candidates = Paged<SecondLifeCandidate>;

/// A conversion as it is reported.
#[derive(Debug, Clone, PartialEq)]
pub struct NewConversion {
    /// What it is used for from then on.
    pub application: Application,
    /// Whose it is from then on.
    pub new_owner: Option<String>,
    /// What was changed.
    pub modifications: Vec<String>,
    /// Charge that can be used [Ah].
    pub usable_ah: Option<f64>,
    /// Warranty of the second life [a].
    pub warranty_years: Option<f64>,
    /// Standard of the new certificate.
    pub standard: Option<String>,
    /// The new certificate.
    pub certificate: Option<String>,
}

/// What became of a conversion.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The passport.
    pub passport: Passport,
    /// The conversion.
    pub conversion: Conversion,
    /// Id of the event.
    pub event_id: String,
    /// Hash of the fact: `0x…`.
    pub hash: String,
}

impl Passports {
    /// What is known of a battery at the end of its first life; `soh` is the twin's.
    async fn candidate(
        &self,
        view: &View,
        soh: f64,
        cycles: Option<f64>,
    ) -> Result<Candidate, PassportError> {
        let passport = &view.passport;
        let outlook = self.outlook(passport).await?;
        let which = WhichAlerts { twin: Some(passport.twin), ..WhichAlerts::default() };
        let (alerts, _) = self.platform.alerts(&which, ALERTS, None).await?;
        let harmful = alerts.iter().filter(|alert| HARMFUL.contains(&alert.alert_type.as_str()));
        let hot =
            alerts.iter().filter(|alert| alert.alert_type.contains("temperature")).map(|alert| alert.actual);
        let hottest_c = hot.chain(view.sight.latest.get("temperature_c").map(|known| known.value));
        let cells: Vec<f64> = view
            .sight
            .latest
            .iter()
            .filter(|(metric, _)| metric.starts_with("cell_voltages_v."))
            .map(|(_, known)| known.value)
            .collect();
        let spread_v = cells.iter().copied().fold(f64::NEG_INFINITY, f64::max)
            - cells.iter().copied().fold(f64::INFINITY, f64::min);
        let known = [
            view.soh.is_some(),
            view.resistance_growth().is_some(),
            view.cycles > 0,
            view.sight.latest.contains_key("temperature_c"),
            cells.len() > 1,
        ];
        Ok(Candidate {
            energy_kwh: passport.specifications.energy_kwh,
            soh_pct: 100.0 * soh,
            resistance_growth: view.resistance_growth().unwrap_or(0.0),
            remaining_cycles: cycles
                .unwrap_or_else(|| second_cycles(passport, soh, outlook.remaining_cycles)),
            new_cycles: passport.specifications.expected_cycles,
            harmful_events: harmful.count() as u32,
            open_safety_events: passport.lifecycle.incidents_open,
            hottest_c: hottest_c.fold(f64::NEG_INFINITY, f64::max),
            cell_spread_mv: if cells.len() > 1 { 1000.0 * spread_v } else { 20.0 },
            data_completeness: known.iter().filter(|known| **known).count() as f64 / known.len() as f64,
        })
    }

    /// Marks a battery for a second life, with what it is worth and good for.
    ///
    /// # Errors
    /// What is wrong with it, or that it is waste already.
    pub async fn mark(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewSecondLife,
        by: &str,
    ) -> Result<Marked, PassportError> {
        let view = self.view(name, visible).await?;
        alive(&view.passport)?;
        let stated = new.soh.map(|soh| twin::passport::health::stated(Some(soh), None, None)).transpose()?;
        for (field, figure) in
            [("estimatedSecondLifeCapacity", new.capacity_ah), ("estimatedSecondLifeCycles", new.cycles)]
        {
            if let Some(figure) = figure.filter(|figure| !(*figure > 0.0 && *figure <= 1e6)) {
                return Err(PassportError::unfit(
                    field,
                    format!("{figure} is not above 0 and up to 1000000"),
                ));
            }
        }
        // The twin's health rules; what whoever asks believes only stands in where nothing was measured yet.
        let soh = view.soh.or(stated).ok_or_else(|| {
            PassportError::unfit("currentSoH", "nothing was measured of this battery's health yet")
        })?;
        let mut warnings = Vec::new();
        if let (Some(stated), Some(known)) = (stated, view.soh)
            && (stated - known).abs() > AGREE
        {
            let (stated, known) = (100.0 * stated, 100.0 * known);
            warnings
                .push(format!("currentSoH {stated:.1} differs from the {known:.1} on record, which counts"));
        }
        let capacity_ah = soh * view.passport.specifications.capacity_ah;
        if let Some(asked) = new.capacity_ah.filter(|asked| *asked > capacity_ah * (1.0 + AGREE)) {
            warnings.push(format!("{asked} Ah is more than the {capacity_ah:.1} Ah that are left"));
        }
        let candidate = self.candidate(&view, soh, new.cycles).await?;
        let evaluation = second_life::evaluate(&candidate, new.target.second_life())?;
        warnings.extend(evaluation.warnings.iter().cloned());
        let now = self.now();
        let kept = self
            .change(name, visible, by, |passport, draft| {
                alive(passport)?;
                passport.numbers.second_lives += 1;
                let marked = SecondLife {
                    id: format!("SL-{:04}-{:04}", year(now), passport.numbers.second_lives),
                    target: new.target.as_str().to_owned(),
                    reason: new.reason.clone(),
                    suitable: evaluation.suitable,
                    recommended: evaluation.recommended.to_owned(),
                    score: evaluation.score,
                    value_usd: evaluation.value_usd,
                    at: now,
                };
                passport.second_life = Some(marked.clone());
                draft.fact("second_life.marked", json!(marked));
                Ok(marked)
            })
            .await?;
        Ok(Marked { passport: kept.passport, second_life: kept.answer, evaluation, capacity_ah, warnings })
    }

    /// Batteries for a second life, the best first: those that somebody marked, and those in use within the range.
    ///
    /// # Errors
    /// What is wrong with the range.
    pub async fn candidates(
        &self,
        which: &WhichCandidates,
        visible: &Visibility,
        part: Part,
    ) -> Result<Candidates, PassportError> {
        if let (Some(least), Some(most)) = which.soh
            && least > most
        {
            return Err(PassportError::unfit("minSoH", "is above `maxSoH`"));
        }
        let all = Part { skip: 0, limit: LOOKED_AT_MAX };
        let mut rows = Vec::new();
        for stage in
            [Stage::InUse, Stage::Maintenance, Stage::Manufactured, Stage::InStorage, Stage::InTransit]
        {
            let criteria = Criteria { stage: Some(stage), soh: which.soh, ..Criteria::default() };
            let found = self.search(&criteria, visible, all).await?.items;
            rows.extend(
                found.into_iter().filter(|row| row.soh.is_some() && (row.marked || stage == Stage::InUse)),
            );
        }
        let application = which.application.unwrap_or(Application::StationaryStorage);
        let judged = stream::iter(rows).map(|row| async move {
            let view = self.view(&row.passport_id, &Visibility::Everything).await?;
            let Some(soh) = view.soh else { return Ok(None) };
            let candidate = self.candidate(&view, soh, None).await?;
            let evaluation = second_life::evaluate(&candidate, application.second_life())?;
            Ok::<_, PassportError>(evaluation.suitable.then(|| SecondLifeCandidate {
                battery_id: view.passport.battery_id.clone(),
                soh,
                cycles: view.cycles,
                application: view.passport.lifecycle.application,
                score: evaluation.score,
                marked: view.passport.second_life.is_some(),
            }))
        });
        let judged: Vec<Option<SecondLifeCandidate>> = judged.buffered(AT_ONCE).try_collect().await?;
        let within = |soh: f64| {
            which.soh.0.is_none_or(|least| soh >= least) && which.soh.1.is_none_or(|most| soh <= most)
        };
        let mut all: Vec<SecondLifeCandidate> = judged
            .into_iter()
            .flatten()
            .filter(|one| within(one.soh) && which.score_min.is_none_or(|least| one.score >= least))
            .collect();
        all.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.battery_id.cmp(&b.battery_id)));
        let total = all.len();
        Ok(Paged { items: all.into_iter().skip(part.skip).take(part.limit).collect(), total })
    }

    /// Converts a battery to a second life.
    ///
    /// # Errors
    /// What is wrong with it, that it is not fit for that, or that it cannot be now.
    pub async fn convert(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewConversion,
        by: &str,
    ) -> Result<Converted, PassportError> {
        let view = self.view(name, visible).await?;
        let stage = view.passport.lifecycle.stage;
        stage.after(EventKind::SecondLifeConversion, None, view.passport.lifecycle.converted)?;
        let soh = view.soh.ok_or_else(|| PassportError::state("nothing was measured of its health yet"))?;
        let left_ah = soh * view.passport.specifications.capacity_ah;
        if let Some(ah) = new.usable_ah.filter(|ah| !(*ah > 0.0 && *ah <= left_ah * (1.0 + AGREE))) {
            let reason = format!("{ah} Ah is not above 0 and up to the {left_ah:.1} Ah that are left");
            return Err(PassportError::unfit("usableCapacity", reason));
        }
        if let Some(years) = new.warranty_years.filter(|years| !(0.0..=100.0).contains(years)) {
            return Err(PassportError::unfit("warrantyYears", format!("{years} is not between 0 and 100")));
        }
        let candidate = self.candidate(&view, soh, None).await?;
        let evaluation = second_life::evaluate(&candidate, new.application.second_life())?;
        if !evaluation.suitable {
            let failed: Vec<String> = evaluation
                .checks
                .iter()
                .filter(|check| !check.pass)
                .map(|check| format!("{} ({})", check.name, check.evidence))
                .collect();
            return Err(PassportError::state(format!(
                "not suitable for a second life: {}",
                failed.join(", ")
            )));
        }
        let now = self.now();
        let kept = self
            .change(name, visible, by, |passport, draft| {
                let stage = passport.lifecycle.stage;
                let converted = passport.lifecycle.converted;
                passport.lifecycle.stage = stage.after(EventKind::SecondLifeConversion, None, converted)?;
                passport.lifecycle.converted = true;
                passport.numbers.conversions += 1;
                passport.numbers.events += 1;
                let conversion = Conversion {
                    id: format!("CNV-{:04}-{:04}", year(now), passport.numbers.conversions),
                    from: passport.lifecycle.application.replace(new.application),
                    to: new.application,
                    modifications: new.modifications.clone(),
                    usable_ah: new.usable_ah,
                    warranty_years: new.warranty_years,
                    standard: new.standard.clone(),
                    certificate: new.certificate.clone(),
                    at: now,
                };
                passport.conversion = Some(conversion.clone());
                if let Some(owner) = &new.new_owner {
                    set_owner(&mut passport.lifecycle, Some(owner.clone()), now);
                }
                let number = passport.numbers.events;
                let kind = EventKind::SecondLifeConversion;
                let mut event = event_of(passport, number, kind, now, now, by, draft.revision);
                event.attributes = Map::from_iter([("conversionId".to_owned(), json!(conversion.id))]);
                draft.fact(format!("lifecycle.{kind}"), json!({ "event": event, "conversion": conversion }));
                draft.records.push(ledger::new(&event)?);
                Ok((conversion, event.id))
            })
            .await?;
        let (conversion, event_id) = kept.answer;
        Ok(Converted { passport: kept.passport, conversion, event_id, hash: kept.hash })
    }
}

/// Refuses what is waste.
fn alive(passport: &Passport) -> Result<(), PassportError> {
    match passport.lifecycle.stage.is_alive() {
        true => Ok(()),
        false => {
            let stage = passport.lifecycle.stage;
            Err(PassportError::state(format!("a battery that is {stage} has no second life")))
        }
    }
}

/// Cycles of a second life, which ends where suitability does: as many as the first life took for as much fade, and no
/// fewer than remain of the first life.
///
/// ```text
/// N = max(N_first, (SoH − 60 %) ÷ (20 % ÷ N_new))
/// ```
///
/// assumed: fade goes on at the pace that the maker expects.
fn second_cycles(passport: &Passport, soh: f64, first: f64) -> f64 {
    let limit =
        second_life::second_life_factors().limits.get("soh_pct").map_or(0.6, |figure| figure.value / 100.0);
    let usual = 0.2 / passport.specifications.expected_cycles;
    first.max(((soh - limit) / usual).max(0.0))
}

/// When a second life began, for figures that count it.
pub(super) fn began(passport: &Passport) -> Option<Time> {
    passport.conversion.as_ref().map(|conversion| conversion.at)
}
