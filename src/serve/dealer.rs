//! `[dealer]`: batteries on instalments.

use crate::failure::Failure;
use api::dealer::gateway::{Endpoint, HttpLender, HttpMessages};
use host::dealership::rules::quiet::Quiet;
use host::dealership::{Gateways, Settings};
use host::identity::Secret;
use serde::Deserialize;
use std::sync::Arc;

/// `[dealer]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DealerKeys {
    /// Whether papers with doubtful numbers cannot be verified, and who is not verified gets no loan.
    pub kyc_strict: bool,
    /// Hours between telling a consumer and switching its battery off.
    pub notice_h: f64,
    /// Hours of the day in India from which on and until which nobody is disturbed; the same twice for never.
    pub quiet_from_h: u8,
    pub quiet_to_h: u8,
    /// Time that a battery has to answer when it is switched.
    pub control_timeout_s: f64,
    /// Whether alerts of batteries open tickets.
    pub alert_tickets: bool,
    /// Batteries of loans that are so many days late are switched off once a day; 0 for only when asked.
    pub auto_disable_days: u32,
    /// Whether there are operations for trying out.
    pub test_endpoints: bool,
    /// Where messages to people go; they stay in the outbox where it is empty.
    pub message_url: String,
    pub message_token: String,
    /// Where applications and reports to the lender go; they wait where it is empty.
    pub lender_url: String,
    pub lender_token: String,
    /// Key of the lender's signatures; where it is empty the lender may not call.
    pub webhook_key: String,
}

impl Default for DealerKeys {
    fn default() -> Self {
        let settings = Settings::default();
        let quiet = settings.quiet.unwrap_or(Quiet { from_hour: 0, to_hour: 0 });
        Self {
            kyc_strict: settings.kyc_strict,
            notice_h: settings.notice_h,
            quiet_from_h: quiet.from_hour,
            quiet_to_h: quiet.to_hour,
            control_timeout_s: settings.control_timeout_s,
            alert_tickets: settings.alert_tickets,
            auto_disable_days: 0,
            test_endpoints: false,
            message_url: String::new(),
            message_token: String::new(),
            lender_url: String::new(),
            lender_token: String::new(),
            webhook_key: String::new(),
        }
    }
}

fn secret(text: &str) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text))
}

fn endpoint(key: &str, url: &str, token: &str) -> Result<Option<Endpoint>, Failure> {
    if url.is_empty() {
        return Ok(None);
    }
    let made = Endpoint::new(url, secret(token));
    made.map(Some).map_err(|error| Failure::say(format_args!("dealer.{key}: {error}")))
}

impl DealerKeys {
    pub(super) fn check(&self) -> Result<(), Failure> {
        let figures = [
            ("notice_h", self.notice_h, 0.0, 8_760.0),
            ("quiet_from_h", f64::from(self.quiet_from_h), 0.0, 23.0),
            ("quiet_to_h", f64::from(self.quiet_to_h), 0.0, 23.0),
            ("control_timeout_s", self.control_timeout_s, 1.0, 86_400.0),
            ("auto_disable_days", f64::from(self.auto_disable_days), 0.0, 3_650.0),
        ];
        for (key, value, low, high) in figures {
            if !(low..=high).contains(&value) {
                return Err(Failure::say(format_args!(
                    "dealer.{key}: {value} is not between {low} and {high}"
                )));
            }
        }
        if !self.webhook_key.is_empty() && self.webhook_key.len() < 16 {
            return Err(Failure::say(format_args!("dealer.webhook_key: at least 16 characters")));
        }
        self.gateways().map(drop)
    }

    /// How the dealership is set up.
    pub(crate) fn settings(&self) -> Settings {
        let quiet = Quiet { from_hour: self.quiet_from_h, to_hour: self.quiet_to_h };
        Settings {
            kyc_strict: self.kyc_strict,
            notice_h: self.notice_h,
            quiet: Some(quiet),
            control_timeout_s: self.control_timeout_s,
            alert_tickets: self.alert_tickets,
            auto_disable_days: (self.auto_disable_days > 0).then_some(self.auto_disable_days),
            webhook_key: secret(&self.webhook_key),
            ..Settings::default()
        }
    }

    /// Where it reaches the world.
    pub(crate) fn gateways(&self) -> Result<Gateways, Failure> {
        let messages = endpoint("message_url", &self.message_url, &self.message_token)?;
        let lender = endpoint("lender_url", &self.lender_url, &self.lender_token)?;
        Ok(Gateways {
            messages: messages.map(|endpoint| Arc::new(HttpMessages(endpoint)) as _),
            lender: lender.map(|endpoint| Arc::new(HttpLender(endpoint)) as _),
        })
    }
}
