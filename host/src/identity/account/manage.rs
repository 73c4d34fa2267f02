//! Adding, changing and disabling people.

use super::{KeptUser, PhoneNumber, User};
use crate::identity::entropy::{self};
use crate::identity::ledger::{self, Fact};
use crate::identity::password::check_password;
use crate::identity::policy::{Role, Roles};
use crate::identity::secret::Secret;
use crate::identity::{Act, Identity, IdentityError};
use crate::store::records::{Expect, RecordChange, Versioned};
use serde_json::{Value, json};
use std::sync::Arc;
use twin::time::Time;

/// Longest name in characters.
const NAME_MAX_CHARS: usize = 100;
/// Administrators that are looked at before it is believed that there is another one.
const ADMINS_MAX: usize = 1_000;
/// Name of the administrator that the first start makes.
const FIRST: &str = "admin";

/// A person to be added.
#[derive(Debug, Clone, Default)]
pub struct NewUser {
    /// Its id; one is made where none is given.
    pub id: Option<String>,
    /// Name that it logs in with.
    pub username: Option<String>,
    /// Password, with the name.
    pub password: Option<Secret>,
    /// Telephone number that it logs in with.
    pub phone: Option<PhoneNumber>,
    /// Electronic mail.
    pub email: Option<String>,
    /// Name for people.
    pub full_name: Option<String>,
    /// What it is here.
    pub roles: Roles,
    /// Organisation that it belongs to.
    pub organisation: Option<Arc<str>>,
    /// Its id in the records of the dealership.
    pub party: Option<Arc<str>>,
}

/// What shall be different about a person; what is left out stays.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    /// Name that it logs in with.
    pub username: Option<String>,
    /// Electronic mail.
    pub email: Option<Option<String>>,
    /// Name for people.
    pub full_name: Option<Option<String>>,
    /// What it is here.
    pub roles: Option<Roles>,
    /// Telephone number that it logs in with.
    pub phone: Option<Option<PhoneNumber>>,
    /// Its id in the records of the dealership.
    pub party: Option<Option<Arc<str>>>,
    /// Whether it may not log in.
    pub disabled: Option<bool>,
}

/// The administrator that the first start made.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    /// Who.
    pub user: User,
    /// Its password where one had to be made up: to be printed once, and kept nowhere.
    pub password: Option<Secret>,
}

impl Identity {
    /// The administrator, where there is none yet: with a password, or with one that is made up. Nothing when there is
    /// one already.
    ///
    /// # Errors
    /// When the password is too weak, or nothing can be kept.
    pub async fn first_admin(
        &self,
        password: Option<Secret>,
        now: Time,
    ) -> Result<Option<FirstAdmin>, IdentityError> {
        if !self.users(Some(Role::Admin), 1, None).await?.0.is_empty() {
            return Ok(None);
        }
        let made_up = match password {
            Some(_) => None,
            None => Some(self.made_up_password()?),
        };
        let new = NewUser {
            username: Some(FIRST.to_owned()),
            password: password.or_else(|| made_up.clone()),
            roles: Roles::of(&[Role::Admin]),
            ..NewUser::default()
        };
        let user = self.add_user(new, Act { by: "platform", at: now }).await?;
        Ok(Some(FirstAdmin { user, password: made_up }))
    }

    /// A password that nobody could guess.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn made_up_password(&self) -> Result<Secret, IdentityError> {
        Ok(Secret::random("", self.entropy())?)
    }

    /// Adds a person.
    ///
    /// # Errors
    /// When its name, number or id is taken, its password too weak, or it could not log in at all.
    pub async fn add_user(&self, new: NewUser, act: Act<'_>) -> Result<User, IdentityError> {
        if new.username.is_none() && new.phone.is_none() {
            return Err(IdentityError::Unfit("a user needs a name or a telephone number".to_owned()));
        }
        if new.roles.is_empty() {
            return Err(IdentityError::Unfit("a user needs a role".to_owned()));
        }
        if let Some(username) = &new.username {
            check_name("the username", username)?;
        }
        let id = match new.id {
            Some(id) => id,
            None => format!("usr-{}", entropy::id(self.entropy())?),
        };
        check_name("the id", &id)?;
        let password = match (&new.username, &new.password) {
            (Some(username), Some(password)) => {
                check_password(password.reveal(), username)?;
                Some(self.0.hasher.hash(password.reveal(), self.entropy()).await?)
            }
            (None, Some(_)) => {
                return Err(IdentityError::Unfit("a password needs a username".to_owned()));
            }
            (_, None) => None,
        };
        let user = User {
            id: id.as_str().into(),
            username: new.username,
            phone: new.phone,
            email: new.email,
            full_name: new.full_name,
            roles: new.roles,
            organisation: new.organisation,
            party: new.party,
            disabled: false,
            created: act.at,
            updated: act.at,
            password,
            epoch: 0,
        };
        let detail = json!({
            "username": user.username, "roles": user.roles, "organisation": user.organisation,
            "phone": user.phone.as_ref().map(PhoneNumber::masked),
        });
        let entity = format!("user/{id}");
        let fact = Fact { entity: &entity, kind: "user added", detail };
        self.keep(act, fact, vec![ledger::new(&self.kept_user(&user)?)?]).await?;
        Ok(user)
    }

    /// Changes a person. Other roles, and being disabled, make void what was issued to it.
    ///
    /// # Errors
    /// When there is no such person, its new name or number is taken, or there would be no administrator left.
    pub async fn update_user(&self, id: &str, patch: UserPatch, act: Act<'_>) -> Result<User, IdentityError> {
        let Versioned { value: before, version } = self.known_user(id).await?;
        let mut user = before.clone();
        if let Some(username) = patch.username {
            check_name("the username", &username)?;
            user.username = Some(username);
        }
        user.email = patch.email.unwrap_or(user.email);
        user.full_name = patch.full_name.unwrap_or(user.full_name);
        user.roles = patch.roles.unwrap_or(user.roles);
        user.phone = patch.phone.unwrap_or(user.phone);
        user.party = patch.party.unwrap_or(user.party);
        user.disabled = patch.disabled.unwrap_or(user.disabled);
        if user.roles.is_empty() || (user.username.is_none() && user.phone.is_none()) {
            return Err(IdentityError::Unfit(
                "a user needs a role, and a name or a telephone number".to_owned(),
            ));
        }
        let was_admin = before.is(Role::Admin) && !before.disabled;
        if was_admin && (!user.is(Role::Admin) || user.disabled) {
            self.check_other_admin(id).await?;
        }
        if user == before {
            return Ok(user);
        }
        if user.roles != before.roles || user.disabled != before.disabled || user.party != before.party {
            user.epoch += 1;
        }
        user.updated = act.at;
        self.put_user(&user, version, "user changed", changes(&before, &user), act).await?;
        Ok(user)
    }

    /// Disables a person: it cannot log in, and what was issued to it is void.
    ///
    /// # Errors
    /// When there is no such person, or there would be no administrator left.
    pub async fn disable_user(&self, id: &str, act: Act<'_>) -> Result<User, IdentityError> {
        self.update_user(id, UserPatch { disabled: Some(true), ..UserPatch::default() }, act).await
    }

    /// Deletes a person.
    ///
    /// # Errors
    /// When there is no such person, or there would be no administrator left.
    pub async fn delete_user(&self, id: &str, act: Act<'_>) -> Result<(), IdentityError> {
        let Versioned { value: user, version } = self.known_user(id).await?;
        if user.is(Role::Admin) && !user.disabled {
            self.check_other_admin(id).await?;
        }
        let entity = format!("user/{id}");
        let fact =
            Fact { entity: &entity, kind: "user deleted", detail: json!({ "username": user.username }) };
        self.keep(act, fact, vec![RecordChange::delete::<KeptUser>(id, Expect::Version(version))]).await?;
        self.forget_callers();
        Ok(())
    }

    /// Gives a person another password, and makes void what was issued to it.
    ///
    /// # Errors
    /// When there is no such person, it has no name to log in with, or the password is too weak.
    pub async fn set_password(&self, id: &str, password: &Secret, act: Act<'_>) -> Result<(), IdentityError> {
        let Versioned { value: mut user, version } = self.known_user(id).await?;
        let Some(username) = &user.username else {
            return Err(IdentityError::Unfit("a password needs a username".to_owned()));
        };
        check_password(password.reveal(), username)?;
        user.password = Some(self.0.hasher.hash(password.reveal(), self.entropy()).await?);
        user.epoch += 1;
        user.updated = act.at;
        self.put_user(&user, version, "password set", Value::Null, act).await
    }

    /// The same by the person itself, who knows the present one. Limited as logging in is.
    ///
    /// # Errors
    /// [`IdentityError::WrongPassword`] where it does not; else as [`Self::set_password`].
    pub async fn change_password(
        &self,
        id: &str,
        change: PasswordChange<'_>,
        source: &str,
        now: Time,
    ) -> Result<(), IdentityError> {
        let user = self.known_user(id).await?.value;
        let account = super::login::account_of(user.username.as_deref().unwrap_or(id));
        self.begin_attempt(&account, source, now)?;
        if !self.0.hasher.is_right(change.present.reveal(), user.password.as_ref()).await? {
            return Err(IdentityError::WrongPassword);
        }
        self.end_attempt(&account, source);
        let by = format!("user:{id}");
        self.set_password(id, change.new, Act { by: &by, at: now }).await
    }

    async fn put_user(
        &self,
        user: &User,
        version: u64,
        kind: &str,
        detail: Value,
        act: Act<'_>,
    ) -> Result<(), IdentityError> {
        let entity = format!("user/{}", user.id);
        let fact = Fact { entity: &entity, kind, detail };
        self.keep(act, fact, vec![ledger::changed(&self.kept_user(user)?, version)?]).await?;
        self.forget_callers();
        Ok(())
    }

    async fn check_other_admin(&self, id: &str) -> Result<(), IdentityError> {
        let (admins, _) = self.users(Some(Role::Admin), ADMINS_MAX, None).await?;
        if admins.iter().any(|other| other.id.as_ref() != id && !other.disabled) {
            Ok(())
        } else {
            Err(IdentityError::LastAdmin)
        }
    }
}

/// A password in place of another.
#[derive(Debug, Clone, Copy)]
pub struct PasswordChange<'a> {
    /// The present one.
    pub present: &'a Secret,
    /// The new one.
    pub new: &'a Secret,
}

/// What is different, for the journal.
fn changes(before: &User, after: &User) -> Value {
    let mut changes = serde_json::Map::new();
    let mut note = |name: &str, is_different: bool, value: Value| {
        if is_different {
            changes.insert(name.to_owned(), value);
        }
    };
    note("username", before.username != after.username, json!(after.username));
    note("email", before.email != after.email, json!("changed"));
    note("full_name", before.full_name != after.full_name, json!("changed"));
    note("roles", before.roles != after.roles, json!(after.roles));
    note("phone", before.phone != after.phone, json!(after.phone.as_ref().map(PhoneNumber::masked)));
    note("party", before.party != after.party, json!(after.party));
    note("disabled", before.disabled != after.disabled, json!(after.disabled));
    Value::Object(changes)
}

fn check_name(what: &str, name: &str) -> Result<(), IdentityError> {
    let is_good = !name.is_empty()
        && name.chars().count() <= NAME_MAX_CHARS
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if is_good {
        return Ok(());
    }
    Err(IdentityError::Unfit(format!(
        "{what} takes 1 to {NAME_MAX_CHARS} characters, no control characters and no blanks at its ends"
    )))
}
