//! Tenancy: what belongs to another is not there.

use super::{Caller, Role, Subject};
use crate::platform::door::Device;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whom a thing belongs to. What is not known of it stays empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Organisation that keeps it.
    pub organisation: Option<Arc<str>>,
    /// Dealer that sold it, or looks after it.
    pub dealer: Option<Arc<str>>,
    /// Consumer that uses it.
    pub consumer: Option<Arc<str>>,
    /// Technician that is sent to it.
    pub technician: Option<Arc<str>>,
    /// Financier that lent money for it.
    pub financier: Option<Arc<str>>,
    /// Hardware that it is of.
    pub device: Option<Device>,
}

/// What a caller sees: a filter for lists, and for single things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// Everything.
    Everything,
    /// What an organisation keeps.
    Organisation(Arc<str>),
    /// What is of a piece of hardware.
    Device(Device),
    /// What a person has to do with, in some of its roles.
    Party {
        /// The person, by the dealership's id.
        id: Arc<str>,
        /// As a dealer: its own, and what has no dealer yet.
        as_dealer: bool,
        /// As a consumer: its own.
        as_consumer: bool,
        /// As a technician: what it is sent to.
        as_technician: bool,
        /// As a financier: what it lent money for.
        as_financier: bool,
        /// And nothing of another organisation, where it has one.
        organisation: Option<Arc<str>>,
    },
    /// Nothing.
    Nothing,
}

impl Visibility {
    /// What a caller sees.
    pub fn of(caller: &Caller) -> Self {
        if let Subject::Device(device) = &caller.subject {
            return Self::Device(device.clone());
        }
        let is_any = |roles: &[Role]| roles.iter().any(|role| caller.roles.contains(*role));
        let sees_all = caller.roles.is_empty() || is_any(&[Role::Admin, Role::Engineer, Role::Viewer]);
        match (sees_all, &caller.organisation, caller.party()) {
            (true, None, _) => Self::Everything,
            (true, Some(organisation), _) => Self::Organisation(organisation.clone()),
            (false, _, None) => Self::Nothing,
            (false, organisation, Some(id)) => Self::Party {
                id: id.into(),
                as_dealer: is_any(&[Role::Dealer]),
                as_consumer: is_any(&[Role::Consumer]),
                as_technician: is_any(&[Role::Technician]),
                as_financier: is_any(&[Role::Financier]),
                organisation: organisation.clone(),
            },
        }
    }

    /// Whether a thing of an owner is seen.
    pub fn shows(&self, owner: &Owner) -> bool {
        let is = |field: &Option<Arc<str>>, id: &Arc<str>| field.as_ref() == Some(id);
        match self {
            Self::Everything => true,
            Self::Nothing => false,
            Self::Organisation(organisation) => is(&owner.organisation, organisation),
            Self::Device(device) => owner.device.as_ref() == Some(device),
            Self::Party { id, as_dealer, as_consumer, as_technician, as_financier, organisation } => {
                let is_inside = organisation.is_none() || owner.organisation == *organisation;
                let is_free = owner.dealer.is_none() && owner.consumer.is_none();
                is_inside
                    && (*as_dealer && (is(&owner.dealer, id) || is_free)
                        || *as_consumer && is(&owner.consumer, id)
                        || *as_technician && is(&owner.technician, id)
                        || *as_financier && is(&owner.financier, id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::policy::{Roles, Via};

    fn caller(role: Option<Role>, organisation: Option<&str>, party: Option<&str>) -> Caller {
        Caller {
            subject: Subject::User("u1".into()),
            organisation: organisation.map(Into::into),
            roles: Roles::from(role.into_iter().collect::<Vec<_>>()),
            scopes: None,
            party: party.map(Into::into),
            via: Via::Token,
        }
    }

    fn shows(caller: &Caller, owner: &Owner) -> bool {
        Visibility::of(caller).shows(owner)
    }

    #[test]
    fn an_organisation_sees_its_own_and_the_operator_all() {
        let of = |name: &str| Owner { organisation: Some(name.into()), ..Owner::default() };
        for role in [None, Some(Role::Admin), Some(Role::Engineer), Some(Role::Viewer)] {
            let (operator, tenant) = (caller(role, None, None), caller(role, Some("a"), None));
            assert!(shows(&operator, &of("a")) && shows(&operator, &Owner::default()));
            assert!(shows(&tenant, &of("a")));
            assert!(!shows(&tenant, &of("b")) && !shows(&tenant, &Owner::default()));
        }
    }

    #[test]
    fn people_of_the_dealership_see_what_they_have_to_do_with() {
        let owner = Owner {
            dealer: Some("7".into()),
            consumer: Some("8".into()),
            technician: Some("9".into()),
            financier: Some("10".into()),
            ..Owner::default()
        };
        let cases =
            [(Role::Dealer, "7"), (Role::Consumer, "8"), (Role::Technician, "9"), (Role::Financier, "10")];
        for (role, id) in cases {
            for (_, party) in cases {
                assert_eq!(
                    shows(&caller(Some(role), None, Some(party)), &owner),
                    id == party,
                    "{role} {party}"
                );
            }
        }
        assert!(
            shows(&caller(Some(Role::Dealer), None, Some("1")), &Owner::default()),
            "without a dealer yet"
        );
        assert!(!shows(&caller(Some(Role::Consumer), None, Some("1")), &Owner::default()));
        let elsewhere = Owner { organisation: Some("b".into()), ..owner };
        assert!(!shows(&caller(Some(Role::Dealer), Some("a"), Some("7")), &elsewhere));
        // Who has no id of the dealership goes by its own.
        let by_own = Owner { consumer: Some("u1".into()), ..Owner::default() };
        assert!(shows(&caller(Some(Role::Consumer), None, None), &by_own));
    }
}
