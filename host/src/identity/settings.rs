//! How long things are good for, and how often somebody may try.

use super::limits::Rule;
use super::password::Hashing;

/// How identity is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Who makes the tokens: the address of this server where it has one.
    pub issuer: String,
    /// For whom the tokens are.
    pub audience: String,
    /// Cost of password hashes.
    pub hashing: Hashing,
    /// Seconds that an access token is good for where nobody says otherwise.
    pub access_s: i64,
    /// Seconds that a refresh token is good for.
    pub refresh_s: i64,
    /// Seconds after which a person logs in anew, however often tokens were refreshed.
    pub grant_max_s: i64,
    /// Seconds that an authorization code is good for.
    pub code_s: i64,
    /// Seconds that a device token is good for.
    pub device_token_s: i64,
    /// Seconds that a one-time code is good for.
    pub otp_s: i64,
    /// Attempts at one one-time code.
    pub otp_tries: u32,
    /// Shortest time between two one-time codes to one number, in seconds.
    pub otp_gap_s: i64,
    /// One-time codes to one number in an hour.
    pub otp_per_hour: usize,
    /// Days after which another key signs.
    pub key_days: i64,
    /// Seconds that clocks may differ.
    pub leeway_s: i64,
    /// Attempts at one account from one source.
    pub pair: Rule,
    /// Attempts at one account from anywhere.
    pub account: Rule,
    /// Attempts from one source at anything.
    pub source: Rule,
    /// What API keys begin with where nobody says otherwise.
    pub key_prefix: String,
}

impl Default for Settings {
    fn default() -> Self {
        const MINUTE_MS: i64 = 60_000;
        Self {
            issuer: "celltide".to_owned(),
            audience: "celltide".to_owned(),
            hashing: Hashing::default(),
            access_s: 3_600,
            refresh_s: 7 * 86_400,
            grant_max_s: 90 * 86_400,
            code_s: 600,
            device_token_s: 86_400,
            otp_s: 300,
            otp_tries: 5,
            otp_gap_s: 30,
            otp_per_hour: 5,
            key_days: 90,
            leeway_s: 30,
            pair: Rule {
                free: 5,
                first_wait_ms: 30_000,
                wait_max_ms: 15 * MINUTE_MS,
                forget_ms: 60 * MINUTE_MS,
            },
            account: Rule {
                free: 50,
                first_wait_ms: 1_000,
                wait_max_ms: MINUTE_MS,
                forget_ms: 60 * MINUTE_MS,
            },
            source: Rule {
                free: 100,
                first_wait_ms: 1_000,
                wait_max_ms: MINUTE_MS,
                forget_ms: 10 * MINUTE_MS,
            },
            key_prefix: "ct_live_".to_owned(),
        }
    }
}

impl Settings {
    /// Seconds that any token is good for at most; a key that no longer signs stays good for as long.
    pub(super) fn token_max_s(&self) -> i64 {
        self.access_s.max(self.device_token_s).max(86_400)
    }
}
