//! Tickets: opened, assigned, worked on, done, rated.

use super::draft::Draft;
use super::records::{Asset, Craft, Party, Ticket, of};
use super::rules::template::Template;
use super::rules::ticket::{Category, Priority, State};
use super::technician::Candidate;
use super::{Dealership, DealershipError, Member};
use crate::identity::{Action, Role};
use crate::store::records::Versioned;
use serde_json::json;
use std::cmp::Reverse;

/// Longest text of a ticket.
const TEXT_MAX_CHARS: usize = 2_000;
/// Longest place.
const PLACE_MAX_CHARS: usize = 200;
/// Candidates that are named beside the one who is sent.
const OTHERS: usize = 3;

/// A ticket that is to be opened.
#[derive(Debug, Clone)]
pub struct NewTicket {
    /// Of which battery.
    pub asset: u64,
    /// What it is about.
    pub category: Category,
    /// What is wrong.
    pub description: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// How urgent it is.
    pub priority: Priority,
}

/// A ticket, and who is sent.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The ticket.
    pub ticket: Ticket,
    /// Who is sent, where somebody is.
    pub sent: Option<Candidate>,
    /// Who else could have been.
    pub others: Vec<Candidate>,
}

/// What is new about a ticket.
#[derive(Debug, Clone)]
pub struct TicketChange {
    /// How far it is.
    pub state: State,
    /// What is wrong.
    pub description: Option<String>,
    /// What was done.
    pub resolution_notes: Option<String>,
    /// What was used.
    pub parts_used: Option<String>,
    /// Hours of work.
    pub labor_hours: Option<f64>,
}

/// A ticket with all around it.
#[derive(Debug, Clone)]
pub struct TicketSight {
    /// The ticket.
    pub ticket: Ticket,
    /// Serial number of the battery.
    pub serial: String,
    /// Name of the consumer.
    pub consumer_name: Option<String>,
    /// Its telephone number, as far as the caller is told it.
    pub consumer_phone: Option<String>,
    /// Name of who is sent.
    pub technician_name: Option<String>,
}

fn check_text(field: &str, text: Option<&String>, most: usize) -> Result<(), DealershipError> {
    match text {
        Some(text) if text.chars().count() > most => {
            Err(DealershipError::field(field, format!("at most {most} characters")))
        }
        _ => Ok(()),
    }
}

impl Ticket {
    /// Sends somebody.
    fn send(&mut self, technician: u64, at: twin::time::Time) {
        self.technician = Some(technician);
        self.assigned_at = Some(at);
        self.state = State::Assigned;
    }
}

impl Dealership {
    /// Opens a ticket, and sends whoever fits best, if somebody can be sent.
    ///
    /// # Errors
    /// What is wrong with it, or whose battery it is not.
    pub async fn ticket_open(&self, member: &Member, new: NewTicket) -> Result<Opened, DealershipError> {
        member.may(Action::TicketOpen)?;
        let asset = self.asset_numbered(member, Action::TicketOpen, new.asset).await?.value;
        check_text("description", new.description.as_ref(), TEXT_MAX_CHARS)?;
        check_text("location", new.location.as_ref(), PLACE_MAX_CHARS)?;
        let ticket = self.ticket_of(&asset, new, None);
        self.open_ticket(ticket, &asset, &member.name()).await
    }

    /// A ticket of a battery, without a number yet.
    pub(super) fn ticket_of(&self, asset: &Asset, new: NewTicket, alert: Option<String>) -> Ticket {
        Ticket {
            id: 0,
            asset: asset.id,
            category: new.category,
            description: new.description,
            location: new.location,
            priority: new.priority,
            state: State::Open,
            technician: None,
            dealer: asset.dealer,
            consumer: asset.consumer,
            alert,
            resolution_notes: None,
            parts_used: None,
            labor_hours: None,
            rating: None,
            created: self.now(),
            assigned_at: None,
            resolved_at: None,
        }
    }

    /// Keeps a new ticket, and sends whoever fits best.
    pub(super) async fn open_ticket(
        &self,
        mut ticket: Ticket,
        asset: &Asset,
        by: &str,
    ) -> Result<Opened, DealershipError> {
        let turn = self.turn().await;
        let of_dealer = (ticket.dealer, ticket.dealer.is_none());
        let mut candidates = self.candidates(of_dealer, ticket.location.as_deref(), None).await?;
        let others = candidates.split_off(candidates.len().min(1));
        let sent = candidates.pop();
        let mut draft = Draft::of(self);
        ticket.id = draft.number("ticket").await?;
        if let Some(sent) = &sent {
            ticket.send(sent.party.id, self.now());
            self.tell_of(&mut draft, &ticket, asset, &sent.party.name, by).await?;
        }
        draft.add(&ticket)?;
        let detail = json!({
            "asset": ticket.asset, "category": ticket.category, "priority": ticket.priority, "alert": ticket.alert,
            "technician": ticket.technician, "score": sent.as_ref().map(|sent| sent.score),
        });
        let intents = draft.keep(&format!("ticket/{}", ticket.id), "ticket opened", by, detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(Opened { ticket, sent, others })
    }

    /// Tells a battery's consumer who comes.
    async fn tell_of(
        &self,
        draft: &mut Draft<'_>,
        ticket: &Ticket,
        asset: &Asset,
        technician: &str,
        by: &str,
    ) -> Result<(), DealershipError> {
        let Some(consumer) = ticket.consumer else { return Ok(()) };
        let text = Template::Ticket { number: ticket.id, serial: &asset.serial, technician };
        self.tell(draft, consumer, ticket.dealer, &text, by).await
    }

    /// A ticket, for somebody who may do so to it.
    pub(super) async fn ticket_for(
        &self,
        member: &Member,
        action: Action,
        id: u64,
    ) -> Result<Versioned<Ticket>, DealershipError> {
        member.may(action)?;
        let found = self.known::<Ticket>(id).await?;
        let found = found.ok_or_else(|| DealershipError::absent("Ticket", id))?;
        member.may_to(action, &found.value.owner())?;
        Ok(found)
    }

    /// Refuses where a caller may not do something to a ticket, or there is none.
    ///
    /// # Errors
    /// Why not.
    pub async fn ticket_may(&self, member: &Member, action: Action, id: u64) -> Result<(), DealershipError> {
        self.ticket_for(member, action, id).await.map(drop)
    }

    /// Tickets that somebody sees, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tickets(
        &self,
        member: &Member,
        state: Option<State>,
        asset: Option<u64>,
    ) -> Result<Vec<Ticket>, DealershipError> {
        member.may(Action::TicketRead)?;
        let mut found = self.tickets_seen(member).await?;
        found.retain(|one| {
            state.is_none_or(|state| one.state == state) && asset.is_none_or(|asset| one.asset == asset)
        });
        Ok(found)
    }

    pub(super) async fn tickets_seen(&self, member: &Member) -> Result<Vec<Ticket>, DealershipError> {
        let within = member.dealer().map(|dealer| ("dealer", of(dealer)));
        let mut found = self.all::<Ticket>(within).await?;
        found.retain(|one| member.sees(&one.owner()));
        found.sort_by_key(|one| Reverse(one.id));
        Ok(found)
    }

    /// Tickets on which there is something to do, with all around them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tickets_active(&self, member: &Member) -> Result<Vec<TicketSight>, DealershipError> {
        member.may(Action::TicketWork)?;
        let mut found = self.tickets_seen(member).await?;
        found.retain(|one| one.state.is_active());
        let mut seen = Vec::with_capacity(found.len());
        for ticket in found {
            let serial = self.known::<Asset>(ticket.asset).await?.map(|asset| asset.value.serial);
            let consumer = match ticket.consumer {
                Some(consumer) => self.known::<Party>(consumer).await?.map(|found| found.value),
                None => None,
            };
            let technician = match ticket.technician {
                Some(technician) => self.known::<Party>(technician).await?.map(|found| found.value.name),
                None => None,
            };
            let consumer_phone =
                consumer.as_ref().map(|consumer| self.phone_for(consumer, member)).transpose()?.flatten();
            seen.push(TicketSight {
                ticket,
                serial: serial.unwrap_or_default(),
                consumer_name: consumer.map(|consumer| consumer.name),
                consumer_phone,
                technician_name: technician,
            });
        }
        Ok(seen)
    }

    /// Sends a technician to a ticket.
    ///
    /// # Errors
    /// When there is no such ticket or technician, or the ticket is closed.
    pub async fn ticket_assign(
        &self,
        member: &Member,
        id: u64,
        technician: u64,
        priority: Priority,
    ) -> Result<(Ticket, Party), DealershipError> {
        // Technicians work on what they are sent to; they do not send.
        member.may(Action::ConsumerWrite)?;
        self.ticket_for(member, Action::TicketWork, id).await?;
        let turn = self.turn().await;
        let Versioned { value: mut ticket, version } =
            self.ticket_for(member, Action::TicketWork, id).await?;
        let known = self.technicians_of(member.dealer(), member.sees_all()).await?;
        let party = known.into_iter().find(|one| one.id == technician);
        let party = party.ok_or_else(|| DealershipError::absent("Technician", technician))?;
        if !ticket.state.may_become(State::Assigned) {
            let details = format!("Ticket {id} is {}", ticket.state.as_str());
            return Err(DealershipError::unfit("Invalid ticket status", details));
        }
        ticket.send(technician, self.now());
        ticket.priority = priority;
        let (ticket, intents) = self.keep_sent(ticket, version, &party.name, &member.name()).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok((ticket, party))
    }

    async fn keep_sent(
        &self,
        ticket: Ticket,
        version: u64,
        technician: &str,
        by: &str,
    ) -> Result<(Ticket, Vec<u64>), DealershipError> {
        let mut draft = Draft::of(self);
        if let Some(asset) = self.known::<Asset>(ticket.asset).await? {
            self.tell_of(&mut draft, &ticket, &asset.value, technician, by).await?;
        }
        draft.change(&ticket, version)?;
        let detail = json!({ "technician": ticket.technician, "priority": ticket.priority });
        let intents = draft.keep(&format!("ticket/{}", ticket.id), "ticket assigned", by, detail).await?;
        Ok((ticket, intents))
    }

    /// Sends whoever fits a ticket best.
    ///
    /// # Errors
    /// When there is no such ticket, it is closed, or nobody can be sent.
    pub async fn ticket_auto_assign(
        &self,
        member: &Member,
        id: u64,
        (place, skill): (&str, Option<&str>),
        priority: Priority,
    ) -> Result<Opened, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        self.ticket_for(member, Action::TicketWork, id).await?;
        let turn = self.turn().await;
        let Versioned { value: mut ticket, version } =
            self.ticket_for(member, Action::TicketWork, id).await?;
        if !ticket.state.may_become(State::Assigned) {
            let details = format!("Ticket {id} is {}", ticket.state.as_str());
            return Err(DealershipError::unfit("Invalid ticket status", details));
        }
        check_text("location", Some(&place.to_owned()), PLACE_MAX_CHARS)?;
        let of_dealer = (ticket.dealer, member.sees_all() && ticket.dealer.is_none());
        let mut candidates = self.candidates(of_dealer, Some(place), skill).await?;
        if candidates.is_empty() {
            return Err(DealershipError::Nobody("No technician is available".to_owned()));
        }
        let mut others = candidates.split_off(1);
        others.truncate(OTHERS);
        let sent = candidates.pop();
        if let Some(sent) = &sent {
            ticket.send(sent.party.id, self.now());
        }
        ticket.priority = priority;
        ticket.location = Some(place.to_owned());
        let name = sent.as_ref().map(|sent| sent.party.name.clone()).unwrap_or_default();
        let (ticket, intents) = self.keep_sent(ticket, version, &name, &member.name()).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(Opened { ticket, sent, others })
    }

    /// Says how far a ticket is.
    ///
    /// # Errors
    /// When there is no such ticket, or it cannot be so far.
    pub async fn ticket_update(
        &self,
        member: &Member,
        id: u64,
        change: TicketChange,
    ) -> Result<Ticket, DealershipError> {
        self.ticket_for(member, Action::TicketWork, id).await?;
        let texts = [
            ("description", &change.description),
            ("resolution_notes", &change.resolution_notes),
            ("parts_used", &change.parts_used),
        ];
        for (field, text) in texts {
            check_text(field, text.as_ref(), TEXT_MAX_CHARS)?;
        }
        if change.labor_hours.is_some_and(|hours| !(0.0..=1_000.0).contains(&hours)) {
            return Err(DealershipError::field("labor_hours", "from 0 to 1000"));
        }
        let _turn = self.turn().await;
        let Versioned { value: mut ticket, version } =
            self.ticket_for(member, Action::TicketWork, id).await?;
        let is_unsent = change.state == State::Assigned && ticket.technician.is_none();
        if is_unsent || !ticket.state.may_become(change.state) {
            let (from, to) = (ticket.state.as_str(), change.state.as_str());
            let details = format!("A ticket that is {from} cannot become {to}");
            return Err(DealershipError::unfit("Invalid ticket status", details));
        }
        let before = ticket.state;
        ticket.state = change.state;
        if ticket.state == State::Resolved {
            ticket.resolved_at = Some(self.now());
        }
        ticket.description = change.description.or(ticket.description);
        ticket.resolution_notes = change.resolution_notes.or(ticket.resolution_notes);
        ticket.parts_used = change.parts_used.or(ticket.parts_used);
        ticket.labor_hours = change.labor_hours.or(ticket.labor_hours);
        let mut draft = Draft::of(self);
        draft.change(&ticket, version)?;
        let detail = json!({ "before": before, "after": ticket.state });
        draft.keep(&format!("ticket/{id}"), "ticket updated", &member.name(), detail).await?;
        Ok(ticket)
    }

    /// Rates the work on a ticket that is done, once.
    ///
    /// # Errors
    /// When there is no such ticket, it is not done, or was rated already.
    pub async fn ticket_rate(&self, member: &Member, id: u64, rating: u8) -> Result<Ticket, DealershipError> {
        self.ticket_for(member, Action::TicketOpen, id).await?;
        if !(1..=5).contains(&rating) {
            return Err(DealershipError::field("rating", "from 1 to 5"));
        }
        let _turn = self.turn().await;
        let Versioned { value: mut ticket, version } =
            self.ticket_for(member, Action::TicketOpen, id).await?;
        if ticket.state != State::Resolved || ticket.rating.is_some() {
            let details = "Only a resolved ticket is rated, and only once";
            return Err(DealershipError::unfit("Invalid ticket status", details));
        }
        ticket.rating = Some(rating);
        let mut draft = Draft::of(self);
        draft.change(&ticket, version)?;
        let technician = match ticket.technician {
            Some(technician) => self.known::<Party>(technician).await?,
            None => None,
        };
        if let Some(Versioned { value: mut party, version }) = technician
            && party.role == Role::Technician
        {
            if let Some(Craft { ratings, rating_sum, .. }) = &mut party.craft {
                *ratings += 1;
                *rating_sum += u32::from(rating);
            }
            draft.change(&party, version)?;
        }
        let detail = json!({ "rating": rating, "technician": ticket.technician });
        draft.keep(&format!("ticket/{id}"), "ticket rated", &member.name(), detail).await?;
        Ok(ticket)
    }
}
