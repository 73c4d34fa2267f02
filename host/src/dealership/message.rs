//! Messages to people: written as notices, put into the outbox when the quiet hours are over, taken by the gateway.

use super::draft::Draft;
use super::intent::{Carried, Intent, What};
use super::login::number;
use super::records::{Notice, Party, of};
use super::rules::template::Template;
use super::{Dealership, DealershipError, Member, Sealed};
use crate::identity::account::PhoneLogin;
use crate::identity::message::Delivery;
use crate::identity::{Act, Action};
use crate::store::records::Versioned;
use serde_json::json;
use std::cmp::Reverse;

/// Longest message.
pub const TEXT_MAX_CHARS: usize = 1_000;

/// A message as somebody sees it.
#[derive(Debug, Clone)]
pub struct NoticeSight {
    /// Its name: `MSG0000000001`.
    pub name: String,
    /// The record.
    pub notice: Notice,
    /// To whom.
    pub to: String,
    /// What it says; nothing of codes.
    pub text: String,
    /// `queued`, `sent`, `failed`, or `held` until quiet hours are over.
    pub state: &'static str,
}

/// The name that a message goes by.
pub fn name_of(id: u64) -> String {
    format!("MSG{id:010}")
}

impl Dealership {
    /// Writes a message to a number, in a change in the making; codes and what somebody asked for go at once.
    async fn notice(
        &self,
        draft: &mut Draft<'_>,
        to: &str,
        (about, text): (&str, String),
        (dealer, by): (Option<u64>, &str),
    ) -> Result<Notice, DealershipError> {
        let now = self.now();
        let id = draft.number("notice").await?;
        let due = self.settings().quiet.map_or(now, |quiet| quiet.after(now));
        let sealed = self.vault().seal(to.as_bytes(), &format!("notice/{id}"), self.identity().entropy())?;
        let (about, says) = (about.to_owned(), Some(self.sealed_text(id, &text)?));
        let text = String::new();
        let notice = Notice { id, to: sealed, about, says, text, dealer, at: now, due, message: None };
        draft.add(&notice)?;
        draft.intend(What::Message { notice: id }, by, due).await?;
        Ok(notice)
    }

    /// Writes to a person, where it has a number.
    pub(super) async fn tell(
        &self,
        draft: &mut Draft<'_>,
        party: u64,
        dealer: Option<u64>,
        what: &Template<'_>,
        by: &str,
    ) -> Result<(), DealershipError> {
        let Some(party) = self.known::<Party>(party).await? else { return Ok(()) };
        let Some(phone) = self.phone_of(&party.value)? else { return Ok(()) };
        self.notice(draft, &phone, (what.name(), what.text()), (dealer, by)).await?;
        Ok(())
    }

    /// Puts a message into the outbox.
    pub(super) async fn post_notice(
        &self,
        id: u64,
        intent: &Versioned<Intent>,
    ) -> Result<Carried, DealershipError> {
        let Some(Versioned { value: mut notice, version }) = self.known::<Notice>(id).await? else {
            return Ok(Carried::Void);
        };
        if notice.message.is_some() {
            return Ok(Carried::Void);
        }
        let phone = number(&self.vault().open_text(&notice.to, &format!("notice/{id}"))?)?;
        let act = Act { by: &intent.value.by, at: self.0.wall.now() };
        let text = self.text_of(&notice)?;
        notice.says = Some(self.sealed_text(id, &text)?);
        let message = self.identity().write_message(&phone, text, act).await?;
        let _turn = self.turn().await;
        let mut draft = Draft::of(self);
        notice.message = Some(message.id.clone());
        draft.delete::<Intent>(intent.value.id, intent.version);
        draft.change(&notice, version)?;
        let detail = json!({ "message": message.id });
        draft.keep(&format!("notice/{id}"), "message posted", &intent.value.by, detail).await?;
        Ok(Carried::Done)
    }

    /// Hands what waits in the outbox to the gateway, where there is one.
    pub async fn deliver(&self) {
        let Some(gateway) = &self.0.gateways.messages else { return };
        let _delivering = self.0.delivering.lock().await;
        if let Err(error) = self.identity().deliver(gateway.as_ref(), self.0.wall.now()).await {
            tracing::warn!(%error, "messages could not be handed over");
        }
    }

    async fn notice_sight(&self, notice: Notice) -> Result<NoticeSight, DealershipError> {
        let to = self.vault().open_text(&notice.to, &format!("notice/{}", notice.id))?;
        let delivery = match &notice.message {
            Some(message) => self.identity().message(message).await?.map(|message| message.delivery),
            None => None,
        };
        let state = match delivery {
            Some(Delivery::Sent { .. }) => "sent",
            Some(Delivery::Failed { .. }) => "failed",
            Some(Delivery::Waiting { .. }) => "queued",
            None if notice.due > self.now() => "held",
            None => "queued",
        };
        let text = self.text_of(&notice)?;
        Ok(NoticeSight { name: name_of(notice.id), notice, to, text, state })
    }

    /// A text as it is to be kept: it may name people and numbers.
    fn sealed_text(&self, id: u64, text: &str) -> Result<Sealed, DealershipError> {
        Ok(self.vault().seal(text.as_bytes(), &format!("notice/{id}/text"), self.identity().entropy())?)
    }

    fn text_of(&self, notice: &Notice) -> Result<String, DealershipError> {
        match &notice.says {
            Some(sealed) => Ok(self.vault().open_text(sealed, &format!("notice/{}/text", notice.id))?),
            None => Ok(notice.text.clone()),
        }
    }

    /// Sends a message to a number.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn send_text(
        &self,
        member: &Member,
        to: &str,
        text: &str,
    ) -> Result<NoticeSight, DealershipError> {
        member.may(Action::MessageSend)?;
        let text = text.trim();
        if text.is_empty() || text.chars().count() > TEXT_MAX_CHARS {
            return Err(DealershipError::field("message", format!("1 to {TEXT_MAX_CHARS} characters")));
        }
        number(to)?;
        self.send(member, to, "sms", text.to_owned()).await
    }

    async fn send(
        &self,
        member: &Member,
        to: &str,
        about: &str,
        text: String,
    ) -> Result<NoticeSight, DealershipError> {
        let turn = self.turn().await;
        let mut draft = Draft::of(self);
        let by = member.name();
        let notice = self.notice(&mut draft, to, (about, text), (member.dealer(), &by)).await?;
        let entity = format!("notice/{}", notice.id);
        let intents = draft.keep(&entity, "message written", &by, json!({ "about": about })).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        self.deliver().await;
        let notice = self.known::<Notice>(notice.id).await?.map_or(notice, |found| found.value);
        self.notice_sight(notice).await
    }

    /// Sends a code to a number: one that this platform makes, good for logging in where the number is known; the answer
    /// is the same where it is not.
    ///
    /// # Errors
    /// When the number is none, or codes were asked for too often.
    pub async fn send_code(&self, member: &Member, to: &str) -> Result<NoticeSight, DealershipError> {
        member.may(Action::IdentityManage)?;
        let phone = number(to)?;
        let source = member.name();
        let login = PhoneLogin { phone: &phone, role: None, source: &source };
        self.identity().request_code(login, self.0.wall.now()).await?;
        let turn = self.turn().await;
        let mut draft = Draft::of(self);
        let id = draft.number("notice").await?;
        let sealed = self.vault().seal(to.as_bytes(), &format!("notice/{id}"), self.identity().entropy())?;
        let now = self.now();
        let notice = Notice {
            id,
            to: sealed,
            about: "otp".to_owned(),
            says: None,
            text: String::new(),
            dealer: member.dealer(),
            at: now,
            due: now,
            message: None,
        };
        draft.add(&notice)?;
        draft.keep(&format!("notice/{id}"), "code sent", &member.name(), serde_json::Value::Null).await?;
        drop(turn);
        self.deliver().await;
        self.notice_sight(notice).await
    }

    /// Tells a battery's consumer how the battery stands.
    ///
    /// # Errors
    /// When there is no such battery, or the number is not its consumer's.
    pub async fn send_battery_status(
        &self,
        member: &Member,
        asset: u64,
        (phone, status): (&str, &str),
        text: Option<&str>,
    ) -> Result<NoticeSight, DealershipError> {
        member.may(Action::MessageSend)?;
        let asset = self.asset_numbered(member, Action::AssetWrite, asset).await?.value;
        number(phone)?;
        if super::records::AssetStatus::read(status).is_none() {
            return Err(DealershipError::field("status", "one of active, inactive, maintenance"));
        }
        let owner = match asset.consumer {
            Some(consumer) => self.known::<Party>(consumer).await?,
            None => None,
        };
        let blind = self.vault().blind("phone", phone);
        if owner.and_then(|owner| owner.value.phone_blind) != Some(blind) {
            let details = "consumer_phone is not the number of the battery's consumer";
            return Err(DealershipError::unfit("Validation failed", details));
        }
        let text = text.map(str::trim).filter(|text| !text.is_empty());
        if text.is_some_and(|text| text.chars().count() > TEXT_MAX_CHARS) {
            return Err(DealershipError::field("message", format!("at most {TEXT_MAX_CHARS} characters")));
        }
        let template = Template::BatteryStatus { serial: &asset.serial, status };
        let text = text.map_or_else(|| template.text(), str::to_owned);
        self.send(member, phone, template.name(), text).await
    }

    /// Messages that somebody's dealership sent, the newest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn notices(&self, member: &Member) -> Result<Vec<NoticeSight>, DealershipError> {
        member.may(Action::MessageSend)?;
        let within = member.dealer().map(|dealer| ("dealer", of(dealer)));
        let mut found = self.all::<Notice>(within).await?;
        found.sort_by_key(|notice| Reverse(notice.id));
        let mut seen = Vec::with_capacity(found.len());
        for notice in found {
            seen.push(self.notice_sight(notice).await?);
        }
        Ok(seen)
    }
}
