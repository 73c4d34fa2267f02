//! Technicians, and who fits a ticket best.

use super::draft::Draft;
use super::intent::What;
use super::login::{named, number};
use super::records::{Craft, Party, Ticket, of};
use super::rules::place::distance_km;
use super::rules::score::{Fit, Score};
use super::{Dealership, DealershipError, Member};
use crate::identity::{Action, Role};
use serde_json::json;
use std::cmp::Ordering;

/// Longest list of skills.
const SKILLS_MAX: usize = 20;

/// A technician that is to be added.
#[derive(Debug, Clone, Default)]
pub struct NewTechnician {
    /// Its name.
    pub name: String,
    /// Its telephone number; without one it cannot log in.
    pub phone: Option<String>,
    /// Where it is.
    pub place: String,
    /// What it can do.
    pub skills: Vec<String>,
    /// Years of experience.
    pub experience_years: f64,
}

/// A technician and how well it fits.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The technician.
    pub party: Party,
    /// What it can do.
    pub craft: Craft,
    /// Tickets that it works on.
    pub load: u32,
    /// How far away it is [km].
    pub distance_km: f64,
    /// How well it fits, part by part.
    pub score: Score,
}

impl Dealership {
    /// Adds a technician: a dealer's own, or everybody's where an administrator does.
    ///
    /// # Errors
    /// What is wrong with it, or that its number is taken.
    pub async fn technician_add(
        &self,
        member: &Member,
        new: NewTechnician,
    ) -> Result<Party, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        let name = named(&new.name)?;
        let phone = new.phone.as_deref().map(number).transpose()?;
        let place = new.place.trim().to_owned();
        if place.is_empty() || place.chars().count() > 200 {
            return Err(DealershipError::field("location", "1 to 200 characters"));
        }
        let is_skill = |skill: &String| {
            (1..=50).contains(&skill.len()) && skill.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if new.skills.len() > SKILLS_MAX || !new.skills.iter().all(is_skill) {
            return Err(DealershipError::field("skills", "at most 20 words of letters, digits and _"));
        }
        if !(0.0..=60.0).contains(&new.experience_years) {
            return Err(DealershipError::field("experience_years", "from 0 to 60"));
        }
        let turn = self.turn().await;
        if let Some(phone) = &phone {
            self.check_free(phone).await?;
        }
        let mut draft = Draft::of(self);
        let id = draft.number("party").await?;
        let mut party = self.new_party(id, Role::Technician, name, phone.as_ref())?;
        party.dealer = member.dealer();
        party.craft = Some(Craft {
            place,
            skills: new.skills,
            experience_years: new.experience_years,
            is_available: true,
            ratings: 0,
            rating_sum: 0,
        });
        draft.add(&party)?;
        if phone.is_some() {
            draft.intend(What::Login { party: id }, &member.name(), self.now()).await?;
        }
        let detail = json!({ "dealer": party.dealer, "craft": party.craft });
        let intents = draft.keep(&format!("party/{id}"), "technician added", &member.name(), detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(party)
    }

    /// Tickets that a technician works on.
    pub(super) async fn load(&self, technician: u64) -> Result<u32, DealershipError> {
        let active = self.all::<Ticket>(Some(("load", of(technician)))).await?;
        Ok(u32::try_from(active.len()).unwrap_or(u32::MAX))
    }

    /// Technicians of a dealer, and those who are everybody's.
    pub(super) async fn technicians_of(
        &self,
        dealer: Option<u64>,
        is_operator: bool,
    ) -> Result<Vec<Party>, DealershipError> {
        let mut found = self.all::<Party>(Some(("role", Role::Technician.as_str().into()))).await?;
        found.retain(|one| is_operator || one.dealer.is_none() || one.dealer == dealer);
        Ok(found)
    }

    /// Technicians who can take a ticket of a dealer, those who fit best first: of equal scores whoever has less to do,
    /// then whoever was added first.
    pub(super) async fn candidates(
        &self,
        (dealer, is_operator): (Option<u64>, bool),
        place: Option<&str>,
        skill: Option<&str>,
    ) -> Result<Vec<Candidate>, DealershipError> {
        let mut found = Vec::new();
        for party in self.technicians_of(dealer, is_operator).await? {
            // Whoever was added elsewhere has no craft here yet.
            let Some(craft) = party.craft.clone() else { continue };
            let load = self.load(party.id).await?;
            if !craft.can_take(load) {
                continue;
            }
            let distance_km = place.map_or(0.0, |place| distance_km(place, &craft.place));
            let is_skilled = skill.is_none_or(|skill| craft.skills.iter().any(|known| known == skill));
            let fit = Fit {
                distance_km,
                is_skilled,
                rating: craft.rating(),
                experience_years: craft.experience_years,
                load,
            };
            found.push(Candidate { party, craft, load, distance_km, score: Score::of(&fit) });
        }
        found.sort_by(|a, b| {
            let by_score = b.score.total().partial_cmp(&a.score.total()).unwrap_or(Ordering::Equal);
            by_score.then(a.load.cmp(&b.load)).then(a.party.id.cmp(&b.party.id))
        });
        Ok(found)
    }

    /// Technicians who can take a ticket now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn technicians_available(
        &self,
        member: &Member,
        place: Option<&str>,
        skill: Option<&str>,
    ) -> Result<Vec<Candidate>, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        self.candidates((member.dealer(), member.sees_all()), place, skill).await
    }
}
