//! Who calls, as the dealership knows it: its number, and what it may see.
//!
//! [`crate::identity::policy`] decides; here it is told whose a thing is.

use super::draft::Draft;
use super::records::{Asset, LoanRecord, Party, Ticket};
use super::{Dealership, DealershipError};
use crate::identity::{Action, Caller, Owner, Role, Subject, Visibility, may, policy};
use serde_json::json;
use std::sync::Arc;

/// Somebody of the dealership, or the operator.
#[derive(Debug, Clone)]
pub struct Member {
    caller: Caller,
    /// Its number here; none for the operator's own people and programs.
    pub number: Option<u64>,
}

fn id(number: u64) -> Arc<str> {
    number.to_string().into()
}

impl Member {
    /// The program itself.
    pub(super) fn platform() -> Self {
        Self { caller: Caller::platform(), number: None }
    }

    /// The name that the journal gives it.
    pub fn name(&self) -> String {
        self.caller.name()
    }

    /// Whether it has a role; programs have none.
    pub fn is(&self, role: Role) -> bool {
        self.caller.roles.contains(role)
    }

    /// Whether it sees everything.
    pub fn sees_all(&self) -> bool {
        Visibility::of(&self.caller) == Visibility::Everything
    }

    /// The dealer that it is.
    pub fn dealer(&self) -> Option<u64> {
        self.number.filter(|_| self.is(Role::Dealer) && !self.sees_all())
    }

    /// The mightiest of its roles as the interface's document calls it.
    pub fn role_name(&self) -> &'static str {
        role_name(self.caller.roles.first())
    }

    /// Refuses where it may do such a thing to nothing.
    ///
    /// # Errors
    /// [`DealershipError::Denied`].
    pub fn may(&self, action: Action) -> Result<(), DealershipError> {
        policy::may_at_all(&self.caller, action).map_err(|_| DealershipError::Denied)
    }

    /// Refuses where it may not do such a thing to what is of an owner.
    pub(super) fn may_to(&self, action: Action, owner: &Owner) -> Result<(), DealershipError> {
        may(&self.caller, action, owner).map_err(|_| DealershipError::Denied)
    }

    /// Whether it sees what is of an owner.
    pub(super) fn sees(&self, owner: &Owner) -> bool {
        Visibility::of(&self.caller).shows(owner)
    }

    /// Whether it is told telephone numbers in full: financiers need not call.
    pub(super) fn calls_people(&self) -> bool {
        !self.is(Role::Financier) || self.is(Role::Admin)
    }
}

/// What the interface's document calls a role.
pub fn role_name(role: Option<Role>) -> &'static str {
    match role {
        Some(Role::Financier) => "nbfc",
        Some(role) => role.as_str(),
        None => "admin",
    }
}

/// The role of a name of the interface's document.
pub fn role_of(name: &str) -> Option<Role> {
    match name {
        "dealer" => Some(Role::Dealer),
        "consumer" => Some(Role::Consumer),
        "technician" => Some(Role::Technician),
        "nbfc" => Some(Role::Financier),
        "admin" => Some(Role::Admin),
        _ => None,
    }
}

impl Party {
    /// Whose it is.
    pub(super) fn owner(&self) -> Owner {
        Owner {
            dealer: match self.role {
                Role::Dealer => Some(id(self.id)),
                // Without a dealer it is nobody's to take.
                _ => Some(self.dealer.map_or_else(|| "nobody".into(), id)),
            },
            consumer: (self.role == Role::Consumer).then(|| id(self.id)),
            technician: (self.role == Role::Technician).then(|| id(self.id)),
            ..Owner::default()
        }
    }
}

impl Asset {
    /// Whose it is. What came from elsewhere than a dealer is the operator's until it is given to somebody.
    pub(super) fn owner(&self) -> Owner {
        let dealer = self.dealer.map(id).or_else(|| (!self.is_stock).then(|| "nobody".into()));
        Owner {
            organisation: self.organisation.clone(),
            dealer,
            consumer: self.consumer.map(id),
            ..Owner::default()
        }
    }
}

impl LoanRecord {
    /// Whose it is; a loan without a lender is any lender's to look at.
    pub(super) fn owner(&self, member: &Member) -> Owner {
        let financier = self.financier.or_else(|| member.number.filter(|_| member.is(Role::Financier)));
        Owner {
            dealer: Some(self.dealer.map_or_else(|| "nobody".into(), id)),
            consumer: Some(id(self.consumer)),
            financier: financier.map(id),
            ..Owner::default()
        }
    }
}

impl Ticket {
    /// Whose it is.
    pub(super) fn owner(&self) -> Owner {
        Owner {
            dealer: Some(self.dealer.map_or_else(|| "nobody".into(), id)),
            consumer: self.consumer.map(id),
            technician: self.technician.map(id),
            ..Owner::default()
        }
    }
}

/// Roles that have a place in the records here.
const KNOWN: [Role; 4] = [Role::Dealer, Role::Consumer, Role::Technician, Role::Financier];

impl Dealership {
    /// Who a caller is here. People with a role of the dealership who have no place in its records are given one.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn member(&self, caller: &Caller) -> Result<Member, DealershipError> {
        let mut caller = caller.clone();
        let given = caller.party.as_deref().and_then(|party| party.parse().ok());
        let Subject::User(user) = caller.subject.clone() else {
            return Ok(Member { caller, number: None });
        };
        let number: Option<u64> = match given {
            Some(number) => Some(number),
            None => match self.of::<Party>().find("user", user.as_bytes()).await? {
                Some(party) => Some(party.value.id),
                None => self.adopt(&caller, &user).await?,
            },
        };
        caller.party = number.map(id).or(caller.party);
        Ok(Member { caller, number })
    }

    /// Gives a person who was added elsewhere a place in the records.
    async fn adopt(&self, caller: &Caller, user: &Arc<str>) -> Result<Option<u64>, DealershipError> {
        let Some(role) = KNOWN.into_iter().find(|role| caller.roles.contains(*role)) else { return Ok(None) };
        let _turn = self.turn().await;
        if let Some(party) = self.of::<Party>().find("user", user.as_bytes()).await? {
            return Ok(Some(party.value.id));
        }
        let person = self.identity().user(user).await?;
        let name = person.as_ref().and_then(|person| person.full_name.clone().or(person.username.clone()));
        let phone = person.and_then(|person| person.phone);
        let mut draft = Draft::of(self);
        let number = draft.number("party").await?;
        let party = self.new_party(number, role, name.unwrap_or_default(), phone.as_ref())?;
        let party = Party { user: Some(user.clone()), ..party };
        draft.add(&party)?;
        let detail = json!({ "role": role, "user": user });
        draft.keep(&format!("party/{number}"), "party added", "platform", detail).await?;
        Ok(Some(number))
    }
}
