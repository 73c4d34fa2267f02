//! MQTT: the same credentials as over HTTP, as a user name and a password.
//!
//! | user | password | may |
//! |---|---|---|
//! | a device's id, with or without its kind | its secret, or its token | speak for itself |
//! | anything | an API key or an access token | what its scopes and roles say: all, or listen |
//! | a user's name | its password | what its roles say |

use super::account::PasswordLogin;
use super::authenticate::Presented;
use super::device::{DeviceLogin, SECRET_PREFIX, TOKEN_PREFIX};
use super::policy::{Action, Caller, Subject, may_at_all};
use super::secret::Secret;
use super::{Identity, LoginError, Unauthenticated, jwt};
use crate::platform::door::{Access, Device, Guest, Login, TurnedAway};
use twin::time::Time;

impl Identity {
    /// Lets somebody in who logs in over MQTT, or not.
    ///
    /// # Errors
    /// When the name or the secret is wrong, it may do nothing here, or too many were tried.
    pub async fn admit(&self, login: Login, now: Time) -> Result<Guest, TurnedAway> {
        let (Some(user), Some(secret)) = (login.user.as_deref(), login.secret.as_deref()) else {
            return Err(TurnedAway::Unknown);
        };
        let source = format!("mqtt:{user}");
        if secret.starts_with(SECRET_PREFIX) {
            let login = DeviceLogin { device: user, secret, source: &source };
            let enrolled = self.check_device(login, now).await.map_err(|error| login_refused(&error))?;
            return Ok(device_guest(enrolled.device));
        }
        if secret.starts_with(TOKEN_PREFIX) {
            let caller = self.shown(Presented::DeviceToken(secret), now).await?;
            return match &caller.subject {
                Subject::Device(device) if is_named(device, user) => Ok(device_guest(device.clone())),
                _ => Err(TurnedAway::Unknown),
            };
        }
        if jwt::looks_like_one(secret) {
            if let Ok(caller) = self.shown(Presented::Bearer(secret), now).await {
                return guest(&caller);
            }
        } else if self.is_api_key(secret) {
            return guest(&*self.shown(Presented::ApiKey(secret), now).await?);
        }
        let secret = Secret::new(secret);
        let login = PasswordLogin { username: user, password: &secret, source: &source };
        let user = self.check_login(login, now).await.map_err(|error| login_refused(&error))?;
        guest(&Caller::of_user(&user))
    }

    async fn shown(&self, presented: Presented<'_>, now: Time) -> Result<std::sync::Arc<Caller>, TurnedAway> {
        self.authenticate(presented, now).await.map_err(|error| match error {
            Unauthenticated::Failed(_) => TurnedAway::Unavailable,
            _ => TurnedAway::Unknown,
        })
    }
}

fn login_refused(error: &LoginError) -> TurnedAway {
    match error {
        LoginError::Wrong | LoginError::Inactive => TurnedAway::Unknown,
        LoginError::TooMany { .. } => TurnedAway::TooMany,
        LoginError::Failed(_) => TurnedAway::Unavailable,
    }
}

fn is_named(device: &Device, name: &str) -> bool {
    name == device.id.as_ref() || name == format!("{}/{}", device.kind, device.id)
}

fn device_guest(device: Device) -> Guest {
    let name = Subject::Device(device.clone()).to_string();
    Guest { name: name.into(), access: Access::Device(device) }
}

/// What a caller that is no device may do. A member of an organisation hears nothing here: topics know no tenants.
fn guest(caller: &Caller) -> Result<Guest, TurnedAway> {
    let access = if caller.organisation.is_some() {
        return Err(TurnedAway::Unknown);
    } else if may_at_all(caller, Action::MqttAll).is_ok() {
        Access::All
    } else if may_at_all(caller, Action::MqttListen).is_ok() {
        Access::Listen
    } else {
        return Err(TurnedAway::Unknown);
    };
    Ok(Guest { name: caller.name().into(), access })
}
