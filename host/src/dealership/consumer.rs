//! Consumers: adding them, their papers, and all that is known of one.

use super::battery::BatterySight;
use super::draft::Draft;
use super::intent::What;
use super::login::{named, number};
use super::records::{Asset, KycStatus, LoanRecord, Paper, Party, Ticket, of};
use super::rules::kyc;
use super::{Dealership, DealershipError, Member};
use crate::identity::{Action, Role};
use crate::store::records::Versioned;
use serde_json::json;
use std::cmp::Reverse;

/// Tickets of a profile.
const RECENT: usize = 5;
/// Longest reason.
const REASON_MAX_CHARS: usize = 500;

/// A consumer as somebody sees it.
#[derive(Debug, Clone)]
pub struct ConsumerSight {
    /// The record.
    pub party: Party,
    /// Its telephone number, as far as the caller is told it.
    pub phone: Option<String>,
}

/// A consumer that is to be added.
#[derive(Debug, Clone, Default)]
pub struct NewConsumer {
    /// Its name.
    pub name: String,
    /// Its telephone number.
    pub phone: String,
    /// Its PAN.
    pub pan: Option<String>,
    /// Its Aadhaar.
    pub aadhaar: Option<String>,
    /// Its dealer, where an administrator says so.
    pub dealer: Option<u64>,
}

/// What became of a consumer's papers.
#[derive(Debug, Clone, Default)]
pub struct KycChange {
    /// How far its identity is known.
    pub status: Option<KycStatus>,
    /// Its PAN.
    pub pan: Option<String>,
    /// Its Aadhaar.
    pub aadhaar: Option<String>,
}

/// Numbers of papers in full.
#[derive(Clone)]
pub struct Revealed {
    /// The PAN.
    pub pan: Option<String>,
    /// The Aadhaar.
    pub aadhaar: Option<String>,
}

/// All that is known of a consumer.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The consumer.
    pub consumer: ConsumerSight,
    /// Name of its dealer.
    pub dealer_name: Option<String>,
    /// Its batteries, with all their tickets and those that are active.
    pub batteries: Vec<(BatterySight, usize, usize)>,
    /// Its latest tickets, with the serial number of the battery.
    pub recent: Vec<(Ticket, String)>,
    /// All its tickets.
    pub tickets: usize,
    /// Those that are active.
    pub tickets_active: usize,
}

impl Dealership {
    /// A consumer, for somebody who may do so to it.
    pub(super) async fn consumer_for(
        &self,
        member: &Member,
        action: Action,
        id: u64,
    ) -> Result<Versioned<Party>, DealershipError> {
        member.may(action)?;
        let found = self.party("Consumer", id).await?;
        if found.value.role != Role::Consumer {
            return Err(DealershipError::absent("Consumer", id));
        }
        member.may_to(action, &found.value.owner())?;
        Ok(found)
    }

    /// Refuses where a caller may not do something to a consumer, or there is none.
    ///
    /// # Errors
    /// Why not.
    pub async fn consumer_may(
        &self,
        member: &Member,
        action: Action,
        id: u64,
    ) -> Result<(), DealershipError> {
        self.consumer_for(member, action, id).await.map(drop)
    }

    fn consumer_sight(&self, party: Party, member: &Member) -> Result<ConsumerSight, DealershipError> {
        let phone = self.phone_for(&party, member)?;
        Ok(ConsumerSight { party, phone })
    }

    /// Consumers that somebody sees, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn consumers(
        &self,
        member: &Member,
        status: Option<KycStatus>,
    ) -> Result<Vec<ConsumerSight>, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        let within = match member.dealer() {
            Some(dealer) => ("dealer", of(dealer)),
            None => ("role", Role::Consumer.as_str().into()),
        };
        let mut found = self.all::<Party>(Some(within)).await?;
        found.retain(|one| {
            one.role == Role::Consumer
                && member.sees(&one.owner())
                && status.is_none_or(|status| one.kyc == status)
        });
        found.sort_by_key(|one| Reverse(one.id));
        found.into_iter().map(|one| self.consumer_sight(one, member)).collect()
    }

    /// Adds a consumer, who can log in from then on.
    ///
    /// # Errors
    /// What is wrong with it, or that its number is taken.
    pub async fn consumer_add(
        &self,
        member: &Member,
        new: NewConsumer,
    ) -> Result<ConsumerSight, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        let name = named(&new.name)?;
        kyc::phone(&new.phone)?;
        let phone = number(&new.phone)?;
        let dealer = member.dealer().or(new.dealer);
        if let Some(dealer) = dealer.filter(|_| member.dealer().is_none()) {
            let found = self.party("Dealer", dealer).await?;
            if found.value.role != Role::Dealer {
                return Err(DealershipError::absent("Dealer", dealer));
            }
        }
        let turn = self.turn().await;
        self.check_free(&phone).await?;
        let mut draft = Draft::of(self);
        let id = draft.number("party").await?;
        let mut party = self.new_party(id, Role::Consumer, name, Some(&phone))?;
        party.dealer = dealer;
        self.take_papers(&mut party, new.pan, new.aadhaar)?;
        draft.add(&party)?;
        draft.intend(What::Login { party: id }, &member.name(), self.now()).await?;
        let detail = json!({
            "dealer": party.dealer, "pan": party.pan.is_some(), "aadhaar": party.aadhaar.is_some(),
        });
        let intents = draft.keep(&format!("party/{id}"), "consumer added", &member.name(), detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        self.consumer_sight(party, member)
    }

    /// Keeps numbers of papers with a person.
    fn take_papers(
        &self,
        party: &mut Party,
        pan: Option<String>,
        aadhaar: Option<String>,
    ) -> Result<(), DealershipError> {
        let entropy = self.identity().entropy();
        if let Some(number) = pan {
            let warnings = kyc::pan(&number, &party.name)?;
            party.pan = Some(Paper {
                number: self.vault().seal(number.as_bytes(), &format!("pan/{}", party.id), entropy)?,
                masked: kyc::masked_pan(&number),
                blind: self.vault().blind("pan", &number),
                warnings,
            });
        }
        if let Some(number) = aadhaar {
            let warnings = kyc::aadhaar(&number)?;
            party.aadhaar = Some(Paper {
                number: self.vault().seal(number.as_bytes(), &format!("aadhaar/{}", party.id), entropy)?,
                masked: kyc::masked_aadhaar(&number),
                blind: self.vault().blind("aadhaar", &number),
                warnings,
            });
        }
        Ok(())
    }

    /// Says how far a consumer's identity is known, perhaps with other papers.
    ///
    /// # Errors
    /// When there is none such, a number is none, or nothing doubtful may be verified.
    pub async fn kyc_change(
        &self,
        member: &Member,
        id: u64,
        change: KycChange,
    ) -> Result<ConsumerSight, DealershipError> {
        self.consumer_for(member, Action::ConsumerWrite, id).await?;
        let _turn = self.turn().await;
        let Versioned { value: mut party, version } =
            self.consumer_for(member, Action::ConsumerWrite, id).await?;
        let has_other_papers = change.pan.is_some() || change.aadhaar.is_some();
        self.take_papers(&mut party, change.pan, change.aadhaar)?;
        let before = party.kyc;
        // Who looked at other papers did not look at these.
        party.kyc = change.status.unwrap_or(if has_other_papers { KycStatus::Pending } else { before });
        if party.kyc == KycStatus::Verified && self.settings().kyc_strict {
            let warnings = party.warnings();
            if party.pan.is_none() || party.aadhaar.is_none() {
                return Err(DealershipError::unfit("KYC incomplete", "PAN and Aadhaar are needed"));
            }
            if !warnings.is_empty() {
                return Err(DealershipError::unfit("KYC verification failed", warnings.join("; ")));
            }
        }
        let mut draft = Draft::of(self);
        draft.change(&party, version)?;
        let detail = json!({
            "before": before.as_str(), "after": party.kyc.as_str(), "other_papers": has_other_papers,
            "warnings": party.warnings().len(),
        });
        draft.keep(&format!("party/{id}"), "kyc changed", &member.name(), detail).await?;
        self.consumer_sight(party, member)
    }

    /// Numbers of papers in full, for a reason that the journal keeps with who asked.
    ///
    /// # Errors
    /// When the caller may not, there is no reason, or no such consumer.
    pub async fn kyc_reveal(
        &self,
        member: &Member,
        id: u64,
        reason: &str,
    ) -> Result<Revealed, DealershipError> {
        member.may(Action::PaperReveal)?;
        let party = self.party("Consumer", id).await?.value;
        let reason = reason.trim();
        if reason.is_empty() || reason.chars().count() > REASON_MAX_CHARS {
            return Err(DealershipError::field("reason", "1 to 500 characters"));
        }
        let _turn = self.turn().await;
        // Known before it is told.
        let detail = json!({ "reason": reason });
        Draft::of(self).keep(&format!("party/{id}"), "papers revealed", &member.name(), detail).await?;
        let open = |paper: &Option<Paper>, sort: &str| {
            let paper = paper.as_ref();
            paper.map(|paper| self.vault().open_text(&paper.number, &format!("{sort}/{id}"))).transpose()
        };
        Ok(Revealed { pan: open(&party.pan, "pan")?, aadhaar: open(&party.aadhaar, "aadhaar")? })
    }

    /// A consumer's loans.
    ///
    /// # Errors
    /// When there is none such, or it is not the caller's.
    pub async fn consumer_loans(
        &self,
        member: &Member,
        id: u64,
    ) -> Result<Vec<(LoanRecord, String)>, DealershipError> {
        self.consumer_for(member, Action::FinanceRead, id).await?;
        let mut loans = Vec::new();
        for loan in self.all::<LoanRecord>(Some(("consumer", of(id)))).await? {
            let serial = self.known::<Asset>(loan.asset).await?.map(|asset| asset.value.serial);
            loans.push((loan, serial.unwrap_or_default()));
        }
        Ok(loans)
    }

    /// All that is known of a consumer.
    ///
    /// # Errors
    /// When there is none such, or it is not the caller's.
    pub async fn profile(&self, member: &Member, id: u64) -> Result<Profile, DealershipError> {
        let party = self.consumer_for(member, Action::ConsumerRead, id).await?.value;
        let dealer_name = match party.dealer {
            Some(dealer) => self.known::<Party>(dealer).await?.map(|dealer| dealer.value.name),
            None => None,
        };
        let assets = self.all::<Asset>(Some(("consumer", of(id)))).await?;
        let (mut batteries, mut tickets) = (Vec::new(), Vec::new());
        for asset in assets {
            let of_asset = self.all::<Ticket>(Some(("asset", of(asset.id)))).await?;
            // A battery may have had somebody else before.
            let own: Vec<Ticket> =
                of_asset.into_iter().filter(|ticket| ticket.consumer == Some(id)).collect();
            let active = own.iter().filter(|ticket| ticket.state.is_active()).count();
            let (serial, all) = (asset.serial.clone(), own.len());
            batteries.push((self.battery_sight(asset).await?, all, active));
            tickets.extend(own.into_iter().map(|ticket| (ticket, serial.clone())));
        }
        tickets.sort_by_key(|(ticket, _)| Reverse((ticket.created, ticket.id)));
        let tickets_active = tickets.iter().filter(|(ticket, _)| ticket.state.is_active()).count();
        let all = tickets.len();
        tickets.truncate(RECENT);
        Ok(Profile {
            consumer: self.consumer_sight(party, member)?,
            dealer_name,
            batteries,
            recent: tickets,
            tickets: all,
            tickets_active,
        })
    }
}
