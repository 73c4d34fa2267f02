//! Logging in with a name and a password.

use super::{User, username_key};
use crate::identity::grant::{Lifetimes, NewGrant, Session};
use crate::identity::secret::Secret;
use crate::identity::{Identity, LoginError};
use twin::time::Time;

/// Somebody who wants in with a password.
#[derive(Debug, Clone, Copy)]
pub struct PasswordLogin<'a> {
    /// Name.
    pub username: &'a str,
    /// Password.
    pub password: &'a Secret,
    /// Where it comes from, for limits: the address.
    pub source: &'a str,
}

/// What attempts at an account are counted under.
pub(super) fn account_of(username: &str) -> String {
    format!("password:{}", username_key(username))
}

impl Identity {
    /// Whose name and password these are. An unknown name, a name without password and a wrong password take as long
    /// and get the same answer; that an account is disabled hears only who knows its password.
    ///
    /// # Errors
    /// When they are nobody's, too many were tried, or the account is disabled.
    pub async fn check_login(&self, login: PasswordLogin<'_>, now: Time) -> Result<User, LoginError> {
        let account = account_of(login.username);
        self.begin_attempt(&account, login.source, now)?;
        let found = self.find_user(login.username).await?.map(|found| found.value);
        let kept = found.as_ref().and_then(|user| user.password.as_ref());
        let is_right = self.0.hasher.is_right(login.password.reveal(), kept).await?;
        let user = found.filter(|_| is_right).ok_or(LoginError::Wrong)?;
        self.end_attempt(&account, login.source);
        if user.disabled { Err(LoginError::Inactive) } else { Ok(user) }
    }

    /// The same, with a session: an access token and a refresh token.
    ///
    /// # Errors
    /// As [`Self::check_login`].
    pub async fn log_in(
        &self,
        login: PasswordLogin<'_>,
        lifetimes: Lifetimes,
        now: Time,
    ) -> Result<Session, LoginError> {
        let user = self.check_login(login, now).await?;
        Ok(self.begin_session(NewGrant { user, client: None, scopes: None, lifetimes }, now).await?)
    }
}
