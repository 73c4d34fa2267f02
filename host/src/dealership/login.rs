//! Logging in by telephone, and the people of the dealership.

use super::draft::Draft;
use super::intent::{Carried, Intent, What};
use super::member::role_name;
use super::records::{KycStatus, Party};
use super::rules::kyc;
use super::{Dealership, DealershipError, Member};
use crate::identity::account::{PhoneLogin, PhoneNumber};
use crate::identity::{Act, Action, IdentityError, Lifetimes, NewUser, Role, Roles, Secret, Subject};
use crate::store::records::Versioned;
use serde_json::json;
use std::sync::Arc;

/// How long a token of the dealership is good for [s].
const TOKEN_S: i64 = 24 * 3_600;
/// Longest name.
const NAME_MAX_CHARS: usize = 100;

/// Somebody who logged in.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// The token.
    pub token: Secret,
    /// Its number here.
    pub number: Option<u64>,
    /// Its name.
    pub name: String,
    /// Its telephone number.
    pub phone: String,
    /// What it is, as the document calls it.
    pub role: &'static str,
}

/// A dealer or a financier that is to be added.
#[derive(Debug, Clone)]
pub struct NewParty {
    /// What it is.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Its telephone number.
    pub phone: String,
}

/// A telephone number of a request.
pub(super) fn number(phone: &str) -> Result<PhoneNumber, DealershipError> {
    phone.parse().map_err(|error: IdentityError| DealershipError::field("phone", error))
}

/// A name of a request, without blanks around it.
pub(super) fn named(name: &str) -> Result<String, DealershipError> {
    let name = name.trim();
    let is_good = (1..=NAME_MAX_CHARS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if is_good { Ok(name.to_owned()) } else { Err(DealershipError::field("name", "1 to 100 characters")) }
}

impl Dealership {
    /// Sends a code to a number, where it is known as such; the answer is the same where it is not.
    ///
    /// # Errors
    /// When the number is none, or codes were asked for too often.
    pub async fn ask_code(&self, phone: &str, role: Role, source: &str) -> Result<(), DealershipError> {
        let phone = number(phone)?;
        let login = PhoneLogin { phone: &phone, role: Some(role), source };
        Ok(self.identity().request_code(login, self.0.wall.now()).await?)
    }

    /// Lets somebody in who knows the code.
    ///
    /// # Errors
    /// When it is wrong, used or over, or too many were tried.
    pub async fn log_in(&self, phone: &str, code: &str, source: &str) -> Result<LoggedIn, DealershipError> {
        let phone = number(phone)?;
        let login = PhoneLogin { phone: &phone, role: None, source };
        let lifetimes = Lifetimes { access_s: TOKEN_S, refresh_s: None, steady: false };
        let session = self.identity().log_in_phone(login, code, lifetimes, self.0.wall.now()).await?;
        let user = session.user;
        let caller = crate::identity::Caller {
            subject: Subject::User(user.id.clone()),
            roles: user.roles.clone(),
            party: user.party.clone(),
            organisation: user.organisation.clone(),
            ..crate::identity::Caller::platform()
        };
        let member = self.member(&caller).await?;
        Ok(LoggedIn {
            token: session.access,
            number: member.number,
            name: user.full_name.unwrap_or_default(),
            phone: phone.as_str().to_owned(),
            role: role_name(user.roles.first()),
        })
    }

    /// Ends the session of a token.
    ///
    /// # Errors
    /// When nothing can be kept.
    pub async fn log_out(&self, token: &str, member: &Member) -> Result<(), DealershipError> {
        let act = Act { by: &member.name(), at: self.0.wall.now() };
        Ok(self.identity().end_session(token, act).await?)
    }

    /// Whoever asks, as its records have it: name and telephone number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn whoami(&self, member: &Member) -> Result<(String, Option<String>), DealershipError> {
        let Some(number) = member.number else { return Ok((member.name(), None)) };
        let Some(party) = self.known::<Party>(number).await? else { return Ok((member.name(), None)) };
        Ok((party.value.name.clone(), self.phone_of(&party.value)?))
    }

    /// Adds a dealer or a financier, who can log in from then on.
    ///
    /// # Errors
    /// What is wrong with it, or that the number is taken.
    pub async fn party_add(&self, member: &Member, new: NewParty) -> Result<Party, DealershipError> {
        member.may(Action::IdentityManage)?;
        if !matches!(new.role, Role::Dealer | Role::Financier) {
            return Err(DealershipError::field("userType", "dealer or nbfc"));
        }
        let (name, phone) = (named(&new.name)?, number(&new.phone)?);
        let turn = self.turn().await;
        self.check_free(&phone).await?;
        let mut draft = Draft::of(self);
        let id = draft.number("party").await?;
        let party = self.new_party(id, new.role, name, Some(&phone))?;
        draft.add(&party)?;
        draft.intend(What::Login { party: id }, &member.name(), self.now()).await?;
        let detail = json!({ "role": new.role });
        let intents = draft.keep(&format!("party/{id}"), "party added", &member.name(), detail).await?;
        drop(turn);
        self.carry_out_now(&intents).await;
        Ok(party)
    }

    /// Dealers, in the order of their numbers.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dealers(&self, member: &Member) -> Result<Vec<Party>, DealershipError> {
        member.may(Action::IdentityManage)?;
        Ok(self.all::<Party>(Some(("role", Role::Dealer.as_str().into()))).await?)
    }

    /// Refuses a number that somebody has.
    pub(super) async fn check_free(&self, phone: &PhoneNumber) -> Result<(), DealershipError> {
        let blind = self.vault().blind("phone", phone.as_str());
        let is_taken = self.of::<Party>().find("phone", blind.as_bytes()).await?.is_some()
            || self.identity().user_with_phone(phone).await?.is_some();
        if is_taken {
            return Err(DealershipError::unfit("Duplicate phone", "The phone number is registered already"));
        }
        Ok(())
    }

    /// Somebody new.
    pub(super) fn new_party(
        &self,
        id: u64,
        role: Role,
        name: String,
        phone: Option<&PhoneNumber>,
    ) -> Result<Party, DealershipError> {
        let sealed = phone.map(|phone| {
            self.vault().seal(phone.as_str().as_bytes(), &format!("phone/{id}"), self.identity().entropy())
        });
        Ok(Party {
            id,
            role,
            name,
            phone: sealed.transpose()?,
            phone_blind: phone.map(|phone| self.vault().blind("phone", phone.as_str())),
            user: None,
            dealer: None,
            kyc: KycStatus::Pending,
            pan: None,
            aadhaar: None,
            craft: None,
            created: self.now(),
        })
    }

    /// A person's telephone number.
    pub(super) fn phone_of(&self, party: &Party) -> Result<Option<String>, DealershipError> {
        let open = |sealed| self.vault().open_text(sealed, &format!("phone/{}", party.id));
        Ok(party.phone.as_ref().map(open).transpose()?)
    }

    /// A person's telephone number, as far as somebody is told it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn party_phone(&self, party: &Party, member: &Member) -> Result<Option<String>, DealershipError> {
        self.phone_for(party, member)
    }

    /// The same as far as somebody is told it.
    pub(super) fn phone_for(
        &self,
        party: &Party,
        member: &Member,
    ) -> Result<Option<String>, DealershipError> {
        let phone = self.phone_of(party)?;
        Ok(if member.calls_people() { phone } else { phone.map(|phone| kyc::masked_phone(&phone)) })
    }

    /// A person of the records.
    pub(super) async fn party(
        &self,
        what: &'static str,
        id: u64,
    ) -> Result<Versioned<Party>, DealershipError> {
        self.known::<Party>(id).await?.ok_or_else(|| DealershipError::absent(what, id))
    }

    /// Makes a person able to log in.
    pub(super) async fn make_login(
        &self,
        id: u64,
        intent: &Versioned<Intent>,
    ) -> Result<Carried, DealershipError> {
        let Some(party) = self.known::<Party>(id).await? else { return Ok(Carried::Void) };
        let phone = self.phone_of(&party.value)?.map(|phone| number(&phone)).transpose()?;
        let Some(phone) = phone else { return Ok(Carried::Void) };
        let user = format!("party-{id}");
        let new = NewUser {
            id: Some(user.clone()),
            phone: Some(phone),
            full_name: Some(party.value.name.clone()),
            roles: Roles::of(&[party.value.role]),
            party: Some(id.to_string().into()),
            ..NewUser::default()
        };
        let act = Act { by: &intent.value.by, at: self.0.wall.now() };
        match self.identity().add_user(new, act).await {
            Ok(_) => {}
            // It was done before, or somebody else took the number meanwhile and logs in as that.
            Err(IdentityError::Taken { .. }) => {
                if self.identity().user(&user).await?.is_none() {
                    tracing::warn!(party = id, "somebody else logs in with this party's number");
                    return Ok(Carried::Void);
                }
            }
            Err(error) => return Err(error.into()),
        }
        let _turn = self.turn().await;
        let mut draft = Draft::of(self);
        draft.change(&Party { user: Some(Arc::from(user.as_str())), ..party.value }, party.version)?;
        draft.delete::<Intent>(intent.value.id, intent.version);
        draft.keep(&format!("party/{id}"), "login made", &intent.value.by, json!({ "user": user })).await?;
        Ok(Carried::Done)
    }
}
