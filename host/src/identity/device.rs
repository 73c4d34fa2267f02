//! Hardware: a secret of its own each, and tokens for a day.
//!
//! The same two log a device in over HTTP and MQTT. A token is signed and so costs no record; it names the epoch of its
//! device's secret, and another secret makes it void.

use super::jwt::TokenKind;
use super::ledger::{self, Fact};
use super::policy::Subject;
use super::secret::{Digest, Secret};
use super::{Act, Identity, IdentityError, LoginError};
use crate::platform::door::{Device, Kind};
use crate::store::records::{By, Cursor, Indexed, Record, Versioned, Within};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use twin::time::Time;

/// What device secrets begin with.
pub(super) const SECRET_PREFIX: &str = "ds_";
/// What device tokens begin with.
pub(super) const TOKEN_PREFIX: &str = "dt_";
/// Devices that are enrolled in one change.
const BATCH: usize = 500;
/// Longest id in bytes.
const ID_MAX_BYTES: usize = 150;

/// A device that may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolled {
    /// Which.
    pub device: Device,
    /// Organisation that it belongs to.
    pub organisation: Option<Arc<str>>,
    /// When it was enrolled.
    pub created: Time,
    /// When it was revoked.
    pub revoked: Option<Time>,
    digest: Digest,
    pub(super) epoch: u32,
}

impl Record for Enrolled {
    const COLLECTION: &'static str = "identity_devices";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        key_of(&self.device)
    }

    fn indexed(&self) -> Indexed {
        let indexed = Indexed::default().shared("id", self.device.id.as_bytes());
        match &self.organisation {
            Some(organisation) => indexed.shared("organisation", organisation.as_bytes()),
            None => indexed,
        }
    }
}

fn key_of(device: &Device) -> String {
    format!("{}/{}", device.kind, device.id)
}

/// A token of a device.
#[derive(Debug, Clone)]
pub struct DeviceToken {
    /// The token.
    pub token: Secret,
    /// Seconds that it is good for.
    pub expires_s: i64,
}

/// A device that shows its secret.
#[derive(Debug, Clone, Copy)]
pub struct DeviceLogin<'a> {
    /// Its id, perhaps with its kind: `BAT-1`, `battery/BAT-1`.
    pub device: &'a str,
    /// Its secret.
    pub secret: &'a str,
    /// Where it comes from, for limits: the address.
    pub source: &'a str,
}

impl Identity {
    /// Lets devices log in; each gets a secret, which is given once and kept nowhere.
    ///
    /// # Errors
    /// When one is enrolled already, or its id cannot be. Those before it, in hundreds, may be enrolled then.
    pub async fn enrol(
        &self,
        devices: Vec<Device>,
        organisation: Option<Arc<str>>,
        act: Act<'_>,
    ) -> Result<Vec<(Device, Secret)>, IdentityError> {
        let mut given = Vec::with_capacity(devices.len());
        for batch in devices.chunks(BATCH) {
            let mut records = Vec::with_capacity(batch.len());
            for device in batch {
                if device.id.is_empty()
                    || device.id.len() > ID_MAX_BYTES
                    || device.id.chars().any(|c| c.is_control() || c == '/')
                {
                    return Err(IdentityError::Unfit(format!(
                        "{:?} is no device's id: 1 to {ID_MAX_BYTES} bytes, no '/', no control characters",
                        device.id
                    )));
                }
                let secret = Secret::random(SECRET_PREFIX, self.entropy())?;
                let enrolled = Enrolled {
                    device: device.clone(),
                    organisation: organisation.clone(),
                    created: act.at,
                    revoked: None,
                    digest: secret.digest(),
                    epoch: 0,
                };
                records.push(ledger::new(&enrolled)?);
                given.push((device.clone(), secret));
            }
            let entity = match batch {
                [one] => format!("device/{}", key_of(one)),
                _ => "identity/devices".to_owned(),
            };
            let names: Vec<String> = batch.iter().map(key_of).collect();
            let detail = json!({ "devices": names, "organisation": organisation });
            self.keep(act, Fact { entity: &entity, kind: "devices enrolled", detail }, records).await?;
        }
        Ok(given)
    }

    /// Gives a device another secret; the one before and its tokens are void. A revoked device is let in again by it.
    ///
    /// # Errors
    /// When there is no such device.
    pub async fn rotate_device_secret(&self, device: &Device, act: Act<'_>) -> Result<Secret, IdentityError> {
        let secret = Secret::random(SECRET_PREFIX, self.entropy())?;
        let digest = secret.digest();
        let change = |enrolled: &mut Enrolled| {
            enrolled.digest = digest;
            enrolled.revoked = None;
        };
        self.change_device(device, "device secret changed", act, change).await?;
        Ok(secret)
    }

    /// Shuts a device out.
    ///
    /// # Errors
    /// When there is no such device.
    pub async fn revoke_device(&self, device: &Device, act: Act<'_>) -> Result<(), IdentityError> {
        self.change_device(device, "device revoked", act, |enrolled| enrolled.revoked = Some(act.at)).await
    }

    /// A device that may log in.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn device(&self, device: &Device) -> Result<Option<Enrolled>, IdentityError> {
        Ok(self.all::<Enrolled>().get(&key_of(device)).await?.map(|found| found.value))
    }

    /// Devices in the order of kind and id, of one kind or all, and where to go on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn devices(
        &self,
        kind: Option<Kind>,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<(Vec<Enrolled>, Option<Cursor>), IdentityError> {
        let within = match kind {
            Some(kind) => Within::Prefix(format!("{kind}/").into_bytes()),
            None => Within::All,
        };
        let (found, next) = self.all::<Enrolled>().page(By::Key, within, limit, after).await?;
        Ok((found.into_iter().map(|one| one.value).collect(), next))
    }

    /// Whose secret this is.
    ///
    /// # Errors
    /// When it is nobody's, which device it was is not said, or too many were tried.
    pub async fn check_device(&self, login: DeviceLogin<'_>, now: Time) -> Result<Enrolled, LoginError> {
        // A secret of 256 bits need not be protected against guessing; the store is, against being asked too often.
        let account = format!("device:{}", login.device);
        self.may_attempt(&account, login.source, now)?;
        let found = self.find_device(login.device).await?;
        let enrolled = found.filter(|found| found.digest.is_of(login.secret) && found.revoked.is_none());
        if enrolled.is_none() {
            // Only failures count: a whole fleet may come back through one address at once.
            self.begin_attempt(&account, login.source, now)?;
        }
        enrolled.ok_or(LoginError::Wrong)
    }

    /// A token for a device that shows its secret.
    ///
    /// # Errors
    /// As [`Self::check_device`].
    pub async fn device_token(&self, login: DeviceLogin<'_>, now: Time) -> Result<DeviceToken, LoginError> {
        let enrolled = self.check_device(login, now).await?;
        let expires_s = self.settings().device_token_s;
        let mut claims = self.claims(&Subject::Device(enrolled.device), enrolled.epoch, expires_s, now)?;
        claims.org = enrolled.organisation.as_deref().map(ToOwned::to_owned);
        let token = self.signed(TokenKind::Device, &claims)?;
        Ok(DeviceToken { token: Secret::new(format!("{TOKEN_PREFIX}{}", token.reveal())), expires_s })
    }

    /// The device of a name: with its kind, or without where only one kind has such an id.
    async fn find_device(&self, name: &str) -> Result<Option<Enrolled>, IdentityError> {
        if name.contains('/') {
            return Ok(self.all::<Enrolled>().get(name).await?.map(|found| found.value));
        }
        let within = Within::Exactly(name.into());
        let (found, _) = self.all::<Enrolled>().page(By::Index("id".to_owned()), within, 2, None).await?;
        let mut found = found.into_iter().map(|one| one.value);
        Ok(found.next().filter(|_| found.next().is_none()))
    }

    async fn change_device(
        &self,
        device: &Device,
        kind: &str,
        act: Act<'_>,
        change: impl FnOnce(&mut Enrolled),
    ) -> Result<(), IdentityError> {
        let Versioned { value: mut enrolled, version } =
            self.known::<Enrolled>("device", &key_of(device)).await?;
        change(&mut enrolled);
        enrolled.epoch += 1;
        let entity = format!("device/{}", key_of(device));
        let fact = Fact { entity: &entity, kind, detail: json!({}) };
        self.keep(act, fact, vec![ledger::changed(&enrolled, version)?]).await?;
        self.forget_callers();
        Ok(())
    }
}
