//! The dealership: batteries sold on instalments, those who buy, sell, finance and repair them.
//!
//! ```text
//!  handlers ──► Dealership: one method per thing a caller can want ──► rules (pure)
//!                   │  decides under one turn, then one change: records, the fact that says why, intents
//!                   ├──► intents: what is to be done outside: a battery switched, a message sent, a loan submitted
//!                   └──► Platform (twins, commands, alerts), Identity (people, codes, outbox), Lender (gateway)
//! ```
//!
//! What is decided and what is to be done because of it become durable together. Intents are carried out at once, and
//! again after a restart or a failure, until they are done; so there is never half of a thing. Who may do what is asked
//! of [`crate::identity::policy`], in [`member`].

mod alert;
pub mod analytics;
pub mod battery;
pub mod collection;
pub mod consumer;
pub mod document;
mod draft;
mod error;
pub mod finance;
mod intent;
pub mod lender;
pub mod login;
pub mod member;
pub mod message;
pub mod payment;
pub mod records;
pub mod rules;
pub mod service;
pub mod technician;

pub use crate::identity::Sealed;
pub use error::DealershipError;
pub use lender::LenderGateway;
pub use member::Member;

use crate::identity::message::MessageGateway;
use crate::identity::{Identity, Vault};
use crate::platform::Platform;
use crate::platform::clock::Clock;
use crate::store::StoreError;
use crate::store::records::{By, Collection, Record, Versioned, Within};
use rules::day::Day;
use rules::quiet::Quiet;
use rust_decimal::Decimal;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tokio::sync::MutexGuard;
use twin::time::Time;

/// Records that are read at a time.
const PAGE: usize = 1_000;

/// How the dealership is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether papers with doubtful numbers cannot be verified, and who is not verified gets no loan.
    pub kyc_strict: bool,
    /// A battery is switched off no sooner than so many hours after its consumer was told [h].
    pub notice_h: f64,
    /// When nobody is disturbed by notices.
    pub quiet: Option<Quiet>,
    /// A reading older than this says nothing about whether a battery is parked [s].
    pub parked_within_s: f64,
    /// Time that a battery has to answer when it is switched [s].
    pub control_timeout_s: f64,
    /// Whether alerts of batteries open tickets.
    pub alert_tickets: bool,
    /// What a service costs where nobody knows better [₹].
    pub service_cost: Decimal,
    /// Batteries of loans that are so many days late are switched off once a day without anybody's asking.
    pub auto_disable_days: Option<u32>,
    /// Key of the lender's signatures; none where it may not call.
    pub webhook_key: Option<crate::identity::Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kyc_strict: true,
            notice_h: 24.0,
            quiet: Some(Quiet { from_hour: 21, to_hour: 8 }),
            parked_within_s: 900.0,
            control_timeout_s: 30.0,
            alert_tickets: true,
            service_cost: Decimal::from_parts(2_000, 0, 0, false, 0),
            auto_disable_days: None,
            webhook_key: None,
        }
    }
}

/// Where the dealership reaches the world.
#[derive(Debug, Clone, Default)]
pub struct Gateways {
    /// What takes messages to people; they stay in the outbox where there is none.
    pub messages: Option<Arc<dyn MessageGateway>>,
    /// What takes applications and reports to the lender; they wait where there is none.
    pub lender: Option<Arc<dyn LenderGateway>>,
}

/// The dealership. Clones are the same.
#[derive(Debug, Clone)]
pub struct Dealership(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    platform: Platform,
    identity: Identity,
    wall: Clock,
    settings: Settings,
    gateways: Gateways,
    /// Whoever decides, one after another: what is read stays as it is until it is written.
    turn: tokio::sync::Mutex<()>,
    /// Intents that are being carried out.
    underway: Mutex<BTreeSet<u64>>,
    /// Whoever hands messages to the gateway, one after another.
    delivering: tokio::sync::Mutex<()>,
}

impl Dealership {
    /// The dealership of a platform; the first time, the key of personal numbers is made.
    ///
    /// # Errors
    /// When the store cannot be read or written, or there is no randomness.
    pub async fn open(
        platform: Platform,
        identity: Identity,
        settings: Settings,
        gateways: Gateways,
    ) -> Result<Self, DealershipError> {
        let wall = Clock::wall();
        Ok(Self(Arc::new(Inner {
            platform,
            identity,
            wall,
            settings,
            gateways,
            turn: tokio::sync::Mutex::default(),
            underway: Mutex::default(),
            delivering: tokio::sync::Mutex::default(),
        })))
    }

    /// How it is set up.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    fn platform(&self) -> &Platform {
        &self.0.platform
    }

    fn identity(&self) -> &Identity {
        &self.0.identity
    }

    fn vault(&self) -> &Vault {
        self.0.identity.vault()
    }

    /// What time it is for twins, loans and tickets.
    fn now(&self) -> Time {
        self.0.platform.clock().now()
    }

    /// What day it is for loans.
    pub fn today(&self) -> Day {
        Day::at(self.now())
    }

    async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turn.lock().await
    }

    fn of<T: Record>(&self) -> Collection<'_, T, dyn crate::store::Store + '_> {
        Collection::of(self.0.identity.store())
    }

    /// A record by its number.
    async fn known<T: Record>(&self, id: u64) -> Result<Option<Versioned<T>>, StoreError> {
        self.of::<T>().get(&records::key(id)).await
    }

    /// All records of an index's value, or all there are; in the order of their numbers.
    async fn all<T: Record>(&self, within: Option<(&str, Vec<u8>)>) -> Result<Vec<T>, StoreError> {
        let (by, within) = match within {
            Some((index, value)) => (By::Index(index.to_owned()), Within::Exactly(value)),
            None => (By::Key, Within::All),
        };
        self.scanned(by, within).await
    }

    async fn scanned<T: Record>(&self, by: By, within: Within) -> Result<Vec<T>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = self.of::<T>().page(by.clone(), within.clone(), PAGE, after).await?;
            found.extend(page.into_iter().map(|one| one.value));
            after = next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Looks after what is due, until it is dropped: intents, messages, alerts that open tickets.
    pub async fn look_after(self) {
        let mut news = self.platform().listen();
        if let Err(error) = self.ticket_all_alerts().await {
            tracing::warn!(%error, "alerts could not be looked through for tickets");
        }
        let mut pulse = tokio::time::interval(std::time::Duration::from_secs(1));
        pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut disabled_on = None;
        loop {
            tokio::select! {
                heard = news.recv() => match heard {
                    Ok(heard) => self.hear(&heard).await,
                    Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {
                        if let Err(error) = self.ticket_all_alerts().await {
                            tracing::warn!(%error, "alerts could not be looked through for tickets");
                        }
                    }
                    Err(tokio::sync::broadcast::error::RecvError::Closed) => return,
                },
                _ = pulse.tick() => {
                    if let Err(error) = self.carry_out().await {
                        tracing::warn!(%error, "what is due could not be looked at");
                    }
                    self.deliver().await;
                    let today = self.today();
                    if let Some(days) = self.settings().auto_disable_days.filter(|_| disabled_on != Some(today)) {
                        disabled_on = Some(today);
                        let member = Member::platform();
                        if let Err(error) = self.disable_overdue(&member, days).await {
                            tracing::warn!(%error, "batteries of late loans could not be looked through");
                        }
                    }
                }
            }
        }
    }
}
