//! People: who they are, their passwords and telephone numbers.

mod login;
mod manage;
mod phone;

pub use login::PasswordLogin;
pub use manage::{FirstAdmin, NewUser, PasswordChange, UserPatch};
pub(super) use phone::{Challenge, pepper};
pub use phone::{PhoneLogin, PhoneNumber};

use super::password::Hashed;
use super::policy::{Role, Roles};
use super::{Identity, IdentityError};
use crate::store::records::{By, Cursor, Indexed, Record, Versioned, Within};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use twin::time::Time;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: Arc<str>,
    /// Name that it logs in with; none where it does so by telephone.
    pub username: Option<String>,
    /// Telephone number that it logs in with.
    pub phone: Option<PhoneNumber>,
    /// Electronic mail.
    pub email: Option<String>,
    /// Name for people.
    pub full_name: Option<String>,
    /// What it is here.
    pub roles: Roles,
    /// Organisation that it belongs to; none for the operator's own people.
    pub organisation: Option<Arc<str>>,
    /// Its id in the records of the dealership.
    pub party: Option<Arc<str>>,
    /// Whether it may not log in.
    pub disabled: bool,
    /// When it was added.
    pub created: Time,
    /// When it was last changed.
    pub updated: Time,
    pub(super) password: Option<Hashed>,
    /// Goes up with every change that makes void what was issued before.
    pub(super) epoch: u32,
}

impl Record for User {
    const COLLECTION: &'static str = "identity_users";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.id.as_ref().to_owned()
    }

    fn indexed(&self) -> Indexed {
        let mut indexed = Indexed::default();
        if let Some(username) = &self.username {
            indexed = indexed.unique("username", username_key(username));
        }
        if let Some(phone) = &self.phone {
            indexed = indexed.unique("phone", phone.as_str());
        }
        for role in self.roles.iter() {
            indexed = indexed.shared("role", role.as_str());
        }
        indexed
    }
}

impl User {
    /// Whether it has a role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(role)
    }

    /// Whether it can log in with a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }
}

/// What a name is found by: the same however it is written.
fn username_key(username: &str) -> String {
    username.to_lowercase()
}

impl Identity {
    /// A person by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn user(&self, id: &str) -> Result<Option<User>, IdentityError> {
        Ok(self.all::<User>().get(id).await?.map(|found| found.value))
    }

    /// A person by the name that it logs in with.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn user_named(&self, username: &str) -> Result<Option<User>, IdentityError> {
        Ok(self.find_user(username).await?.map(|found| found.value))
    }

    /// A person by its telephone number.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn user_with_phone(&self, phone: &PhoneNumber) -> Result<Option<User>, IdentityError> {
        let found = self.all::<User>().find("phone", phone.as_str().as_bytes()).await?;
        Ok(found.map(|found| found.value))
    }

    /// People in the order of their ids, and where to go on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn users(
        &self,
        role: Option<Role>,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<User>, Option<Cursor>), IdentityError> {
        let (by, within) = match role {
            Some(role) => (By::Index("role".to_owned()), Within::Exactly(role.as_str().into())),
            None => (By::Key, Within::All),
        };
        let (found, next) = self.all::<User>().page(by, within, limit, after).await?;
        Ok((found.into_iter().map(|one| one.value).collect(), next))
    }

    pub(super) async fn find_user(&self, username: &str) -> Result<Option<Versioned<User>>, IdentityError> {
        Ok(self.all::<User>().find("username", username_key(username).as_bytes()).await?)
    }
}
