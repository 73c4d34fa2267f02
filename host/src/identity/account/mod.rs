//! People: who they are, their passwords and telephone numbers.
//!
//! A number is kept sealed, and found by a keyed hash of it.

mod login;
mod manage;
mod phone;

pub use login::PasswordLogin;
pub use manage::{FirstAdmin, NewUser, PasswordChange, UserPatch};
pub(super) use phone::{Challenge, pepper};
pub use phone::{PhoneLogin, PhoneNumber};

use super::entropy::Entropy;
use super::ledger::{self, Fact};
use super::password::Hashed;
use super::policy::{Role, Roles};
use super::vault::{Sealed, Vault};
use super::{Act, Identity, IdentityError};
use crate::store::StoreError;
use crate::store::records::{By, Cursor, Indexed, Record, RecordChange, Versioned, Within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use twin::time::Time;

/// Records with numbers that are sealed in one change.
const BATCH: usize = 200;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its id.
    pub id: Arc<str>,
    /// Name that it logs in with; none where it does so by telephone.
    pub username: Option<String>,
    /// Telephone number that it logs in with.
    #[serde(default, skip_serializing)]
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

/// A person as it is kept: without its number, which stands sealed beside it.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptUser {
    user: User,
    phone: Option<Sealed>,
    /// What the number is found by.
    phone_blind: Option<String>,
}

impl Record for KeptUser {
    const COLLECTION: &'static str = "identity_users";
    const SCHEMA: u16 = 2;

    fn key(&self) -> String {
        self.user.id.as_ref().to_owned()
    }

    fn indexed(&self) -> Indexed {
        let mut indexed = Indexed::default();
        if let Some(username) = &self.user.username {
            indexed = indexed.unique("username", username_key(username));
        }
        if let Some(phone) = &self.phone_blind {
            indexed = indexed.unique("phone", phone.as_str());
        }
        for role in self.user.roles.iter() {
            indexed = indexed.shared("role", role.as_str());
        }
        indexed
    }

    /// The first schema held the number as it is.
    fn upgrade(_: u16, body: &[u8]) -> Result<Self, StoreError> {
        let user =
            serde_json::from_slice(body).map_err(|error| StoreError::codec(Self::COLLECTION, error))?;
        Ok(Self { user, phone: None, phone_blind: None })
    }
}

impl KeptUser {
    fn of(user: &User, vault: &Vault, source: &dyn Entropy) -> Result<Self, IdentityError> {
        let phone = user.phone.as_ref().map(PhoneNumber::as_str);
        let seal = |phone: &str| vault.seal(phone.as_bytes(), &whose(&user.id), source);
        Ok(Self {
            phone: phone.map(seal).transpose()?,
            phone_blind: phone.map(|phone| blind(vault, phone)),
            user: user.clone(),
        })
    }

    fn opened(self, vault: &Vault) -> Result<User, IdentityError> {
        let mut user = self.user;
        if let Some(sealed) = &self.phone {
            user.phone = Some(vault.open_text(sealed, &whose(&user.id))?.parse()?);
        }
        Ok(user)
    }
}

/// What a person's number is sealed for.
fn whose(user: &str) -> String {
    format!("user/{user}/phone")
}

/// What a number is found by.
pub(super) fn blind(vault: &Vault, phone: &str) -> String {
    vault.blind("phone", phone)
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
        self.all::<KeptUser>().get(id).await?.map(|found| found.value.opened(self.vault())).transpose()
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
        let blind = blind(self.vault(), phone.as_str());
        let found = self.all::<KeptUser>().find("phone", blind.as_bytes()).await?;
        found.map(|found| found.value.opened(self.vault())).transpose()
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
        let (found, next) = self.all::<KeptUser>().page(by, within, limit, after).await?;
        let users: Result<_, _> = found.into_iter().map(|one| one.value.opened(self.vault())).collect();
        Ok((users?, next))
    }

    pub(super) async fn find_user(&self, username: &str) -> Result<Option<Versioned<User>>, IdentityError> {
        let found = self.all::<KeptUser>().find("username", username_key(username).as_bytes()).await?;
        found.map(|found| self.opened_user(found)).transpose()
    }

    /// A person that must be there.
    async fn known_user(&self, id: &str) -> Result<Versioned<User>, IdentityError> {
        self.opened_user(self.known::<KeptUser>("user", id).await?)
    }

    fn opened_user(&self, found: Versioned<KeptUser>) -> Result<Versioned<User>, IdentityError> {
        Ok(Versioned { value: found.value.opened(self.vault())?, version: found.version })
    }

    /// A person as it is to be kept.
    fn kept_user(&self, user: &User) -> Result<KeptUser, IdentityError> {
        KeptUser::of(user, self.vault(), self.entropy())
    }

    /// Seals the numbers that an earlier schema kept, and found people by, as they are.
    pub(super) async fn seal_users(&self, act: Act<'_>) -> Result<(), IdentityError> {
        let again = |kept: KeptUser| self.kept_user(&kept.opened(self.vault())?);
        self.seal_kept(By::Unique("phone".to_owned()), "numbers sealed", act, again).await
    }

    /// Keeps anew what an earlier schema found by a plain number: numbers begin with a plus, and no hash does.
    pub(super) async fn seal_kept<R: Record>(
        &self,
        by: By,
        kind: &str,
        act: Act<'_>,
        again: impl Fn(R) -> Result<R, IdentityError>,
    ) -> Result<(), IdentityError> {
        loop {
            let plain = Within::Prefix(b"+".to_vec());
            let (found, _) = self.all::<R>().page(by.clone(), plain, BATCH, None).await?;
            if found.is_empty() {
                return Ok(());
            }
            let mut records: Vec<RecordChange> = Vec::with_capacity(found.len());
            for Versioned { value, version } in found {
                records.push(ledger::changed(&again(value)?, version)?);
            }
            let detail = json!({ "collection": R::COLLECTION, "records": records.len() });
            self.keep(act, Fact { entity: "identity/sealed", kind, detail }, records).await?;
        }
    }
}
