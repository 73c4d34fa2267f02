//! The end of a battery: declared, appointed for recycling, recycled.

use super::carbon::process_of;
use super::event::event_of;
use super::material::material_of;
use super::record::{EndOfLife, Passport, Place, Recycling, RecyclingResults};
use super::{PassportError, Passports, year};
use crate::identity::Visibility;
use crate::store::ledger;
use serde_json::json;
use twin::passport::carbon;
use twin::passport::cells;
use twin::passport::date::Date;
use twin::passport::health;
use twin::passport::lifecycle::{EventKind, Stage};
use twin::passport::material::{Masses, Material};
use twin::passport::recovery::{self, Achieved, Expected};
use twin::time::Time;

/// A declaration as it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEndOfLife {
    /// Why.
    pub reason: String,
    /// When; now where nobody says.
    pub at: Option<Time>,
    /// Capacity over rated at the end; the twin's where nobody says.
    pub final_soh: Option<f64>,
    /// Where it is.
    pub location: Option<Place>,
}

/// What became of a declaration.
#[derive(Debug, Clone)]
pub struct EndDeclared {
    /// The passport.
    pub passport: Passport,
    /// The declaration.
    pub end: EndOfLife,
    /// What is expected to come back of it by the usual process.
    pub expected: Expected,
    /// That process.
    pub process: &'static str,
    /// Id of the event.
    pub event_id: String,
}

/// An appointment for recycling as it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSchedule {
    /// Where.
    pub facility: String,
    /// When.
    pub on: Option<Date>,
    /// `hydro`, `pyro`, `direct` or `smelting`; the usual one where nobody says.
    pub process: Option<String>,
    /// How it gets there.
    pub transport: Option<String>,
}

/// What became of an appointment.
#[derive(Debug, Clone)]
pub struct Scheduled {
    /// The passport.
    pub passport: Passport,
    /// The appointment.
    pub recycling: Recycling,
    /// What is expected to come back.
    pub expected: Expected,
}

/// Results of recycling as they are reported.
#[derive(Debug, Clone, PartialEq)]
pub struct NewResults {
    /// The appointment; the one that there is where nobody says.
    pub recycling_id: Option<String>,
    /// What went in [kg].
    pub input_kg: f64,
    /// What came out: name, mass [kg].
    pub recovered: Vec<(String, f64)>,
    /// When; now where nobody says.
    pub at: Option<Time>,
    /// The process, where it was another than appointed.
    pub process: Option<String>,
}

/// What became of recycling.
#[derive(Debug, Clone)]
pub struct Recycled {
    /// The passport.
    pub passport: Passport,
    /// Id of the recycling.
    pub recycling_id: String,
    /// What was reached, and whether that suffices.
    pub achieved: Achieved,
    /// What recovered material spares [kg CO2e].
    pub credit_kg: f64,
}

impl Passports {
    /// Declares a battery to be waste.
    ///
    /// # Errors
    /// What is wrong with it, or that it cannot be now.
    pub async fn declare_end(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewEndOfLife,
        by: &str,
    ) -> Result<EndDeclared, PassportError> {
        if new.reason.trim().is_empty() || new.reason.len() > 500 {
            return Err(PassportError::unfit("reason", "has to be 1 to 500 bytes of text"));
        }
        let view = self.view(name, visible).await?;
        let (stage, converted) = (view.passport.lifecycle.stage, view.passport.lifecycle.converted);
        let given = new.final_soh.map(|soh| health::stated(Some(soh), None, None)).transpose()?;
        stage.after(EventKind::EndOfLifeDeclaration, None, converted)?;
        let final_soh = given
            .or(view.soh)
            .ok_or_else(|| PassportError::unfit("finalSoH", "no health is on record and none was given"))?;
        let now = self.now();
        let at = new.at.unwrap_or(now);
        let kept = self
            .change(name, visible, by, |passport, draft| {
                super::event::check_at(passport, at, now)?;
                let life = &mut passport.lifecycle;
                life.stage = life.stage.after(EventKind::EndOfLifeDeclaration, None, life.converted)?;
                passport.numbers.events += 1;
                let end = EndOfLife {
                    id: format!("EOL-{:04}-0001", year(at)),
                    reason: new.reason.clone(),
                    final_soh,
                    location: new.location.clone(),
                    at,
                };
                passport.end_of_life = Some(end.clone());
                let number = passport.numbers.events;
                let kind = EventKind::EndOfLifeDeclaration;
                let mut event = event_of(passport, number, kind, at, now, by, draft.revision);
                event.description = Some(new.reason.clone());
                draft.at = at;
                draft.fact(format!("lifecycle.{kind}"), json!({ "event": event, "end_of_life": end }));
                draft.records.push(ledger::new(&event)?);
                Ok((end, event.id))
            })
            .await?;
        let (end, event_id) = kept.answer;
        let process = process_of(&kept.passport);
        let expected = recovery::expected(&kept.passport.contents(), process)?;
        Ok(EndDeclared { passport: kept.passport, end, expected, process, event_id })
    }

    /// Appoints a battery that is waste for recycling.
    ///
    /// # Errors
    /// What is wrong with it, or that the battery is no waste.
    pub async fn schedule_recycling(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewSchedule,
        by: &str,
    ) -> Result<Scheduled, PassportError> {
        if new.facility.trim().is_empty() || new.facility.len() > 150 {
            return Err(PassportError::unfit("facility", "has to be 1 to 150 bytes of text"));
        }
        let (now, today) = (self.now(), self.today());
        if let Some(date) = new.on.filter(|date| *date < today) {
            return Err(PassportError::unfit("scheduledDate", format!("{date} is past")));
        }
        if let Some(process) = &new.process {
            recovery::shares(process)?;
        }
        let kept = self
            .change(name, visible, by, |passport, draft| {
                waste(passport)?;
                passport.numbers.recyclings += 1;
                let process = new.process.clone().unwrap_or_else(|| process_of(passport).to_owned());
                let recycling = Recycling {
                    id: format!("RCY-{:04}-{:04}", year(now), passport.numbers.recyclings),
                    facility: new.facility.clone(),
                    scheduled_on: new.on,
                    process,
                    transport: new.transport.clone(),
                    results: None,
                };
                passport.recycling = Some(recycling.clone());
                draft.fact("recycling.scheduled", json!(recycling));
                Ok(recycling)
            })
            .await?;
        let expected = recovery::expected(&kept.passport.contents(), &kept.answer.process)?;
        Ok(Scheduled { passport: kept.passport, recycling: kept.answer, expected })
    }

    /// Records what came out of a battery; nothing comes after that.
    ///
    /// # Errors
    /// What is wrong with it, or that the battery is no waste.
    pub async fn record_recycling(
        &self,
        name: &str,
        visible: &Visibility,
        new: &NewResults,
        by: &str,
    ) -> Result<Recycled, PassportError> {
        let now = self.now();
        let at = new.at.unwrap_or(now);
        if let Some(process) = &new.process {
            recovery::shares(process)?;
        }
        if new.recovered.is_empty() {
            return Err(PassportError::unfit("materials", "at least one has to be named"));
        }
        let mut recovered: Vec<(Material, f64)> = Vec::new();
        for (place, (name, kg)) in new.recovered.iter().enumerate() {
            let material = material_of(name, None).ok_or_else(|| {
                let known = Material::ALL.map(Material::name).join(", ");
                PassportError::unfit(
                    format!("materials[{place}].name"),
                    format!("{name:?} is none of {known}"),
                )
            })?;
            recovered.push((material, *kg));
        }
        let recovered = Masses::of(recovered);
        let kept = self
            .change(name, visible, by, |passport, draft| {
                waste(passport)?;
                super::event::check_at(passport, at, now)?;
                if let (Some(asked), Some(known)) = (&new.recycling_id, &passport.recycling)
                    && *asked != known.id
                {
                    let reason = format!("{asked} is not {}, which was appointed", known.id);
                    return Err(PassportError::unfit("recyclingId", reason));
                }
                let contents = passport.contents();
                let family = cells::family(&passport.chemistry.sort);
                let achieved = recovery::achieved(family, &contents, &recovered, new.input_kg, Date::at(at))?;
                let credit_kg = carbon::credit(&recovered);
                let mut recycling = passport.recycling.take().unwrap_or_else(|| {
                    passport.numbers.recyclings += 1;
                    Recycling {
                        id: format!("RCY-{:04}-{:04}", year(now), passport.numbers.recyclings),
                        facility: by.to_owned(),
                        scheduled_on: None,
                        process: process_of(passport).to_owned(),
                        transport: None,
                        results: None,
                    }
                });
                if let Some(process) = &new.process {
                    recycling.process.clone_from(process);
                }
                let results = RecyclingResults {
                    input_kg: new.input_kg,
                    recovered_kg: recovered.present().collect(),
                    efficiency: achieved.efficiency,
                    rates: achieved.rates.iter().copied().collect(),
                    credit_kg,
                    meets_targets: achieved.targets.iter().all(|target| target.pass),
                    at,
                };
                recycling.results = Some(results);
                let recycling_id = recycling.id.clone();
                passport.recycling = Some(recycling.clone());
                let life = &mut passport.lifecycle;
                life.stage = life.stage.after(EventKind::RecyclingComplete, None, life.converted)?;
                passport.numbers.events += 1;
                let number = passport.numbers.events;
                let kind = EventKind::RecyclingComplete;
                let event = event_of(passport, number, kind, at, now, by, draft.revision);
                draft.at = at;
                draft.fact(format!("lifecycle.{kind}"), json!({ "event": event, "recycling": recycling }));
                draft.records.push(ledger::new(&event)?);
                Ok((recycling_id, achieved, credit_kg))
            })
            .await?;
        let (recycling_id, achieved, credit_kg) = kept.answer;
        Ok(Recycled { passport: kept.passport, recycling_id, achieved, credit_kg })
    }
}

/// Refuses what is not waste.
fn waste(passport: &Passport) -> Result<(), PassportError> {
    match passport.lifecycle.stage {
        Stage::EndOfLife => Ok(()),
        stage => Err(PassportError::state(format!(
            "a battery that is {stage} is not recycled: its end has to be declared first"
        ))),
    }
}
