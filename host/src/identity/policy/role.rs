//! Roles of people.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What somebody is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, users and programs included.
    Admin,
    /// Everything about twins, nothing about users.
    Engineer,
    /// Looks.
    Viewer,
    /// Sells batteries and looks after its own consumers.
    Dealer,
    /// Uses a battery of its own.
    Consumer,
    /// Repairs what it is sent to.
    Technician,
    /// Lends the money.
    Financier,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Admin,
        Self::Engineer,
        Self::Viewer,
        Self::Dealer,
        Self::Consumer,
        Self::Technician,
        Self::Financier,
    ];

    /// Its name outside: `admin`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Engineer => "engineer",
            Self::Viewer => "viewer",
            Self::Dealer => "dealer",
            Self::Consumer => "consumer",
            Self::Technician => "technician",
            Self::Financier => "financier",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is of no role.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no role; they are admin, engineer, viewer, dealer, consumer, technician, financier")]
pub struct NoRole(String);

impl FromStr for Role {
    type Err = NoRole;
    fn from_str(name: &str) -> Result<Self, NoRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| NoRole(name.to_owned()))
    }
}

/// Some roles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Role>", into = "Vec<Role>")]
pub struct Roles(Vec<Role>);

impl Roles {
    /// These.
    pub fn of(roles: &[Role]) -> Self {
        roles.to_vec().into()
    }

    /// Whether this is among them.
    pub fn contains(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// They, the mightiest first.
    pub fn iter(&self) -> impl Iterator<Item = Role> + '_ {
        self.0.iter().copied()
    }

    /// The mightiest.
    pub fn first(&self) -> Option<Role> {
        self.0.first().copied()
    }
}

impl From<Vec<Role>> for Roles {
    fn from(mut roles: Vec<Role>) -> Self {
        roles.sort_unstable();
        roles.dedup();
        Self(roles)
    }
}

impl From<Roles> for Vec<Role> {
    fn from(roles: Roles) -> Self {
        roles.0
    }
}
