//! Logging in with a telephone number and a code of six digits.
//!
//! ```text
//! request ─► challenge (kept for any number) + message (for a known one) ─► code ─► session
//!                       │ five wrong tries, five minutes, another request ─► void
//! ```
//!
//! Whether a number is known cannot be told from outside: an unknown one gets the same answer after the same work, which
//! is one change of the store, and its challenge counts tries just as well; only nobody is sent its code. A code has
//! twenty bits, so what is kept of it is a MAC with a key of this platform, and limits, not the MAC, protect it.

use super::User;
use crate::identity::entropy::{self, Entropy};
use crate::identity::grant::{Lifetimes, NewGrant, Session};
use crate::identity::ledger::{self, Fact};
use crate::identity::message::{Message, Purpose};
use crate::identity::policy::Role;
use crate::identity::secret::{base64url, from_base64url, is_equal};
use crate::identity::{Act, Identity, IdentityError, LoginError};
use crate::store::Store;
use crate::store::records::{Collection, Expect, Indexed, Record, RecordChange, Versioned};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;
use twin::time::{HOUR_MS, Time};

/// Attempts to write a challenge that others write at the same time.
const RACES: usize = 8;

/// A telephone number as E.164 writes it. `Debug` shows its end only, and nothing writes it by chance: it is kept sealed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// The number.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What may be shown of it: `+………1234`.
    pub fn masked(&self) -> String {
        let last = &self.0[self.0.len() - 4..];
        format!("+{}{last}", "…".repeat(self.0.len() - 5))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl FromStr for PhoneNumber {
    type Err = IdentityError;
    /// A plus sign, a digit that is not zero, and six to fourteen more (ITU-T E.164, section 6).
    fn from_str(text: &str) -> Result<Self, IdentityError> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let is_good = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if is_good {
            return Ok(Self(text.to_owned()));
        }
        Err(IdentityError::Unfit("a telephone number is written as +, country code and number".to_owned()))
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = IdentityError;
    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

/// Somebody who wants in with a code.
#[derive(Debug, Clone, Copy)]
pub struct PhoneLogin<'a> {
    /// Number.
    pub phone: &'a PhoneNumber,
    /// What it wants in as; a user without that role is as good as unknown. Any role where it is not said.
    pub role: Option<Role>,
    /// Where it comes from, for limits: the address.
    pub source: &'a str,
}

/// A code that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::identity) struct Challenge {
    /// MAC of the number: who reads the journal's names learns none.
    key: String,
    /// MAC of the code.
    code: String,
    /// Whose it is; nobody's where the number is unknown.
    user: Option<String>,
    expires: Time,
    /// When it may be deleted: once nothing about it limits the next.
    pub(in crate::identity) ends: Time,
    tries_left: u32,
    /// When codes were asked for in the last hour.
    asked: Vec<Time>,
}

impl Record for Challenge {
    const COLLECTION: &'static str = "identity_challenges";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        self.key.clone()
    }

    fn indexed(&self) -> Indexed {
        Indexed::default().shared("ends", ledger::sortable(self.ends))
    }
}

impl Identity {
    /// Makes a code and sends it, if the number is known and may come in so; the answer does not say.
    ///
    /// # Errors
    /// When codes were asked for too often, or nothing can be kept.
    pub async fn request_code(&self, login: PhoneLogin<'_>, now: Time) -> Result<(), IdentityError> {
        self.begin_attempt(&format!("code:{}", login.phone.as_str()), login.source, now)?;
        let key = self.mac(&["number", login.phone.as_str()]);
        let before = self.all::<Challenge>().get(&key).await?;
        let settings = self.settings();
        let mut asked = before.as_ref().map(|before| before.value.asked.clone()).unwrap_or_default();
        asked.retain(|at| (0..HOUR_MS).contains(&(now - *at)));
        let wait_ms = match (asked.first(), asked.last()) {
            (Some(first), _) if asked.len() >= settings.otp_per_hour => *first + HOUR_MS - now,
            (_, Some(last)) => *last + settings.otp_gap_s * 1_000 - now,
            _ => 0,
        };
        if wait_ms > 0 {
            return Err(IdentityError::TooMany { wait_ms });
        }
        asked.push(now);
        let user = self.user_with_phone(login.phone).await?;
        let user = user.filter(|user| !user.disabled && login.role.is_none_or(|role| user.is(role)));
        let code = entropy::six_digits(self.entropy())?;
        let challenge = Challenge {
            code: self.mac(&["code", &key, &code]),
            user: user.as_ref().map(|user| user.id.as_ref().to_owned()),
            expires: now + settings.otp_s * 1_000,
            ends: now + HOUR_MS.max(settings.otp_s * 1_000),
            tries_left: settings.otp_tries,
            asked,
            key: key.clone(),
        };
        let expect = before.map_or(Expect::Absent, |before| Expect::Version(before.version));
        let mut records = vec![RecordChange::put(&challenge, expect)?];
        if user.is_some() {
            let minutes = settings.otp_s / 60;
            let text = format!("{code} is your Celltide code. It is good for {minutes} minutes.");
            let message = Message::new(login.phone, Purpose::Code, text, self.entropy(), now)?;
            records.push(ledger::new(&self.kept_message(&message)?)?);
        }
        let entity = format!("code/{key}");
        let fact = Fact { entity: &entity, kind: "code asked for", detail: json!({}) };
        let kept = self.keep(Act { by: "anybody", at: now }, fact, records).await;
        kept.map_err(|error| match error {
            // Another request for this number was a moment earlier.
            IdentityError::Changed | IdentityError::Taken { .. } => {
                IdentityError::TooMany { wait_ms: settings.otp_gap_s * 1_000 }
            }
            error => error,
        })
    }

    /// Whose code this is. It is good once; five wrong ones, and it is void.
    ///
    /// # Errors
    /// When it is wrong, over or used, which is not told apart, or too many were tried.
    pub async fn check_code(&self, login: PhoneLogin<'_>, code: &str, now: Time) -> Result<User, LoginError> {
        let account = format!("try:{}", login.phone.as_str());
        self.begin_attempt(&account, login.source, now)?;
        let key = self.mac(&["number", login.phone.as_str()]);
        let tried = self.mac(&["code", &key, code]);
        for _ in 0..RACES {
            let Some(Versioned { value: mut challenge, version }) = self.all::<Challenge>().get(&key).await?
            else {
                return Err(LoginError::Wrong);
            };
            if challenge.tries_left == 0 || now >= challenge.expires {
                return Err(LoginError::Wrong);
            }
            let is_right = is_equal(challenge.code.as_bytes(), tried.as_bytes());
            // Used or not, a code that was right is void; its number still counts how often codes were asked for.
            challenge.tries_left = if is_right { 0 } else { challenge.tries_left - 1 };
            let user = match &challenge.user {
                Some(id) if is_right => self.user(id).await?,
                _ => None,
            };
            let entity = format!("code/{key}");
            let kind = if is_right { "code used" } else { "wrong code" };
            let fact = Fact { entity: &entity, kind, detail: json!({ "user": challenge.user }) };
            let records = vec![ledger::changed(&challenge, version)?];
            match self.keep(Act { by: "anybody", at: now }, fact, records).await {
                // Somebody tried at the same time: his try counts, and this one begins again.
                Err(IdentityError::Changed) => continue,
                kept => kept?,
            }
            let user = user.filter(|user| user.phone.as_ref() == Some(login.phone));
            let user = user.filter(|user| login.role.is_none_or(|role| user.is(role)));
            let user = user.ok_or(LoginError::Wrong)?;
            self.end_attempt(&account, login.source);
            self.end_attempt(&format!("code:{}", login.phone.as_str()), login.source);
            return if user.disabled { Err(LoginError::Inactive) } else { Ok(user) };
        }
        Err(LoginError::TooMany { wait_ms: 1_000 })
    }

    /// The same, with a session.
    ///
    /// # Errors
    /// As [`Self::check_code`].
    pub async fn log_in_phone(
        &self,
        login: PhoneLogin<'_>,
        code: &str,
        lifetimes: Lifetimes,
        now: Time,
    ) -> Result<Session, LoginError> {
        let user = self.check_code(login, code, now).await?;
        Ok(self.begin_session(NewGrant { user, client: None, scopes: None, lifetimes }, now).await?)
    }

    /// A MAC over parts with the platform's key; no two lists of parts run together.
    fn mac(&self, parts: &[&str]) -> String {
        let mut mac = new_mac(&self.0.pepper);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        base64url(&mac.finalize().into_bytes())
    }
}

fn new_mac(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC takes a key of any length; of 32 bytes it never refuses.
    Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// The key of MACs over codes.
#[derive(Clone, Serialize, Deserialize)]
struct Pepper {
    key: String,
}

impl Record for Pepper {
    const COLLECTION: &'static str = "identity_pepper";
    const SCHEMA: u16 = 1;

    fn key(&self) -> String {
        "codes".to_owned()
    }
}

/// The key of MACs over codes; made the first time.
pub(in crate::identity) async fn pepper(
    store: &dyn Store,
    source: &dyn Entropy,
    act: Act<'_>,
) -> Result<[u8; 32], IdentityError> {
    let kept = Collection::<Pepper, _>::of(store).get("codes").await?;
    if let Some(kept) = kept {
        let key = from_base64url(&kept.value.key).and_then(|key| key.try_into().ok());
        return key.ok_or_else(|| IdentityError::Unfit("the kept key of codes cannot be read".to_owned()));
    }
    let key = entropy::bytes::<32>(source)?;
    let fact = Fact { entity: "identity/pepper", kind: "pepper made", detail: json!({}) };
    ledger::keep(store, act, fact, vec![ledger::new(&Pepper { key: base64url(&key) })?]).await?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_e_164_and_are_not_shown() {
        let phone: PhoneNumber = "+919876543210".parse().unwrap();
        assert_eq!(format!("{phone:?}"), format!("+{}3210", "…".repeat(8)));
        for bad in [
            "",
            "+",
            "919876543210",
            "+0123456789",
            "+123456",
            "+1234567890123456",
            "+91 98765",
            "+91x8765432",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad}");
        }
    }
}
