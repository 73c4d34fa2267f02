//! Who may do what: decided here and nowhere else.
//!
//! ```text
//! Caller ─► its scopes, its roles ─► may it do this at all?   no ─► Denied::Forbidden
//!        ─► Visibility            ─► may it see this thing?   no ─► Denied::Hidden, as if there were none
//! ```
//!
//! A program (client, device) acts by its scopes. A person acts by roles, and through a program or an API key by both:
//! neither gives more than the other allows.

mod action;
mod role;
mod scope;
mod tenancy;

pub use action::Action;
pub use role::{Role, Roles};
pub use scope::{Scope, Scopes};
pub use tenancy::{Owner, Visibility};

use super::account::User;
use crate::platform::door::{Device, Kind};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// Who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Subject {
    /// A person, by id.
    User(Arc<str>),
    /// A program, by its client id.
    Client(Arc<str>),
    /// A piece of hardware.
    Device(Device),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user:{id}"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Device(device) => write!(f, "device:{}/{}", device.kind, device.id),
        }
    }
}

/// Text that names nobody.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no subject")]
pub struct NoSubject(String);

impl FromStr for Subject {
    type Err = NoSubject;
    fn from_str(text: &str) -> Result<Self, NoSubject> {
        let no_subject = || NoSubject(text.to_owned());
        match text.split_once(':').filter(|(_, id)| !id.is_empty()).ok_or_else(no_subject)? {
            ("user", id) => Ok(Self::User(id.into())),
            ("client", id) => Ok(Self::Client(id.into())),
            ("device", name) => {
                let (kind, id) = name.split_once('/').ok_or_else(no_subject)?;
                let kind: Kind = kind.parse().map_err(|_| no_subject())?;
                Ok(Self::Device(Device { kind, id: id.into() }))
            }
            _ => Err(no_subject()),
        }
    }
}

impl TryFrom<String> for Subject {
    type Error = NoSubject;
    fn try_from(text: String) -> Result<Self, NoSubject> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> String {
        subject.to_string()
    }
}

/// How somebody came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Via {
    /// With a token of its own login, or of client credentials.
    Token,
    /// Through a program that a person allowed; its client id.
    Program(Arc<str>),
    /// With an API key; the key's id.
    ApiKey(Arc<str>),
    /// As hardware.
    DeviceToken,
}

/// Somebody who is known, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Who it is; limits count by it, and the journal names it.
    pub subject: Subject,
    /// Organisation that it belongs to; none for the operator's own people and programs.
    pub organisation: Option<Arc<str>>,
    /// Roles; none where it is no person.
    pub roles: Roles,
    /// What it is limited to; nothing where only its roles limit it.
    pub scopes: Option<Scopes>,
    /// Dealer, consumer, technician or financier that the person stands for in the records of the dealership.
    pub party: Option<Arc<str>>,
    /// How it came in.
    pub via: Via,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Denied {
    /// It may not do such a thing.
    #[error("not allowed: {0}")]
    Forbidden(Action),
    /// For this caller there is no such thing.
    #[error("not there")]
    Hidden,
}

impl Caller {
    /// The name that the journal gives it.
    pub fn name(&self) -> String {
        match &self.via {
            Via::Token | Via::DeviceToken => self.subject.to_string(),
            Via::Program(client) => format!("{} via {client}", self.subject),
            Via::ApiKey(key) => format!("{} via {key}", self.subject),
        }
    }

    /// The program itself, for what is done without anybody's asking.
    pub fn platform() -> Self {
        Self {
            subject: Subject::Client("platform".into()),
            organisation: None,
            roles: Roles::of(&[Role::Admin]),
            scopes: None,
            party: None,
            via: Via::Token,
        }
    }

    /// A person by itself, as with its password.
    pub(crate) fn of_user(user: &User) -> Self {
        Self {
            subject: Subject::User(user.id.clone()),
            organisation: user.organisation.clone(),
            roles: user.roles.clone(),
            scopes: None,
            party: user.party.clone(),
            via: Via::Token,
        }
    }

    /// The dealer, consumer, technician or financier that it is: by the dealership's id, else by its own.
    pub fn party(&self) -> Option<&str> {
        match (&self.party, &self.subject) {
            (Some(party), _) => Some(party),
            (None, Subject::User(id)) => Some(id),
            (None, _) => None,
        }
    }
}

/// Whether a caller may do something to a thing of an owner.
///
/// # Errors
/// [`Denied::Forbidden`] where it may do that to nothing, [`Denied::Hidden`] where only this thing is not its own.
pub fn may(caller: &Caller, action: Action, owner: &Owner) -> Result<(), Denied> {
    may_at_all(caller, action)?;
    if Visibility::of(caller).shows(owner) { Ok(()) } else { Err(Denied::Hidden) }
}

/// Whether a caller may do something to anything: for lists, and for what has no owner yet.
///
/// # Errors
/// [`Denied::Forbidden`] where it may not.
pub fn may_at_all(caller: &Caller, action: Action) -> Result<(), Denied> {
    let forbidden = Err(Denied::Forbidden(action));
    if let Subject::Device(_) = caller.subject {
        return if action.is_of_devices() { Ok(()) } else { forbidden };
    }
    let is_person = !caller.roles.is_empty();
    if is_person && !action.roles().iter().any(|role| caller.roles.contains(*role)) {
        return forbidden;
    }
    match caller.scopes {
        Some(scopes) if scopes.allows(action) => Ok(()),
        None if is_person => Ok(()),
        _ => forbidden,
    }
}

/// Whether a caller holds a scope, and so may hand it on to a key or a program.
pub fn holds(caller: &Caller, scope: Scope) -> bool {
    let mut opened = Action::ALL.iter().filter(|action| Scopes::of(&[scope]).allows(**action)).peekable();
    opened.peek().is_some() && opened.all(|action| may_at_all(caller, *action).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role) -> Caller {
        Caller {
            subject: Subject::User("u1".into()),
            organisation: None,
            roles: Roles::of(&[role]),
            scopes: None,
            party: None,
            via: Via::Token,
        }
    }

    fn program(scopes: &[Scope]) -> Caller {
        Caller {
            subject: Subject::Client("c1".into()),
            roles: Roles::default(),
            scopes: Some(Scopes::of(scopes)),
            ..person(Role::Admin)
        }
    }

    #[test]
    fn subjects_are_read_as_they_are_written() {
        for text in ["user:u1", "client:c:1", "device:battery/BAT-1/x"] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in ["", "user:", "u1", "root:u1", "device:BAT-1", "device:tank/1"] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_person_through_a_program_may_what_both_may() {
        let viewer = |scopes: &[Scope]| Caller { scopes: Some(Scopes::of(scopes)), ..person(Role::Viewer) };
        assert!(may_at_all(&viewer(&[Scope::FleetRead]), Action::FleetRead).is_ok());
        assert!(may_at_all(&viewer(&[Scope::FleetWrite]), Action::FleetWrite).is_err());
        assert!(may_at_all(&viewer(&[]), Action::FleetRead).is_err());
        assert!(may_at_all(&program(&[Scope::FleetWrite]), Action::FleetWrite).is_ok());
        assert!(may_at_all(&program(&[]), Action::FleetRead).is_err());
        assert!(may_at_all(&Caller { scopes: None, ..program(&[]) }, Action::FleetRead).is_err());
    }

    #[test]
    fn admins_may_everything_and_viewers_only_look() {
        for action in Action::ALL {
            assert!(may_at_all(&person(Role::Admin), *action).is_ok(), "{action}");
            if may_at_all(&person(Role::Viewer), *action).is_ok() {
                assert!(may_at_all(&person(Role::Engineer), *action).is_ok(), "{action}");
                assert!(action.to_string().contains("read") || *action == Action::MqttListen, "{action}");
            }
        }
        assert!(may_at_all(&person(Role::Engineer), Action::IdentityManage).is_err());
        assert!(may_at_all(&person(Role::Consumer), Action::FinanceDecide).is_err());
    }

    #[test]
    fn every_action_is_opened_by_some_scope_and_the_writing_scope_implies_the_narrow_ones() {
        for action in Action::ALL {
            assert!(Scope::ALL.iter().any(|scope| Scopes::of(&[*scope]).allows(*action)), "{action}");
        }
        let writes = program(&[Scope::BatteryWrite]);
        assert!(may_at_all(&writes, Action::PassportRegister).is_ok());
        assert!(may_at_all(&writes, Action::PassportRecycle).is_ok());
        assert!(may_at_all(&writes, Action::PassportAuthority).is_err());
        assert!(may_at_all(&program(&[Scope::BatteryRegister]), Action::PassportWrite).is_err());
    }

    #[test]
    fn a_scope_is_held_where_everything_it_opens_is_allowed() {
        assert!(holds(&person(Role::Admin), Scope::IdentityAdmin));
        assert!(holds(&person(Role::Viewer), Scope::FleetRead));
        assert!(!holds(&person(Role::Viewer), Scope::FleetWrite));
        assert!(holds(&program(&[Scope::BatteryWrite]), Scope::BatteryRegister));
        assert!(!holds(&program(&[Scope::BatteryRegister]), Scope::BatteryWrite));
    }

    #[test]
    fn a_device_speaks_for_itself_alone() {
        let device = |id: &str| Device { kind: Kind::Battery, id: id.into() };
        let caller = Caller {
            subject: Subject::Device(device("B1")),
            roles: Roles::default(),
            scopes: None,
            via: Via::DeviceToken,
            ..person(Role::Admin)
        };
        let own = Owner { device: Some(device("B1")), ..Owner::default() };
        let other = Owner { device: Some(device("B2")), ..Owner::default() };
        assert_eq!(may(&caller, Action::TwinReport, &own), Ok(()));
        assert_eq!(may(&caller, Action::TwinReport, &other), Err(Denied::Hidden));
        assert_eq!(may(&caller, Action::TwinReport, &Owner::default()), Err(Denied::Hidden));
        assert_eq!(may(&caller, Action::TwinRead, &own), Err(Denied::Forbidden(Action::TwinRead)));
    }
}
