//! Figures of the dealership, all computed from its records and its twins.

use super::battery::HealthOf;
use super::collection::{Collected, Days};
use super::lender::Portfolio;
use super::records::{AssetStatus, KycStatus, LoanRecord, Party, Ticket};
use super::rules::credit;
use super::rules::day::Day;
use super::rules::instalment::Instalment;
use super::rules::loan::Status;
use super::rules::money::percent;
use super::rules::ticket::{Category, State};
use super::{Dealership, DealershipError, Member};
use crate::identity::Action;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::{BTreeMap, BTreeSet};
use twin::time::{DAY_MS, HOUR_MS, Time};

/// Months that health is looked back on.
const MONTHS: u32 = 6;
/// Below this health a battery needs service, and below the second it is at risk.
const SERVICE_BELOW: f64 = 70.0;
const RISK_BELOW: f64 = 55.0;

/// A dealer's figures at a glance.
#[derive(Debug, Clone, Default)]
pub struct Dashboard {
    /// Consumers: all, verified, pending.
    pub consumers: [usize; 3],
    /// Batteries: all, active, under maintenance.
    pub batteries: [usize; 3],
    /// Mean health, 0 to 100.
    pub health: Option<f64>,
    /// Loans.
    pub loans: Portfolio,
    /// Tickets: all, resolved.
    pub tickets: [usize; 2],
    /// Mean time to resolve one [days].
    pub resolution_days: Option<f64>,
}

/// What was lent, and how safe it is.
#[derive(Debug, Clone)]
pub struct Risk {
    /// What was lent.
    pub portfolio: Portfolio,
    /// Money that came in for instalments that fell due, of those [%].
    pub efficiency_pct: Option<Decimal>,
    /// Mean score.
    pub score: Option<f64>,
}

/// What fell due, and what came in.
#[derive(Debug, Clone)]
pub struct Collections {
    /// Instalments that fell due.
    pub due: usize,
    /// Of those, paid.
    pub collected: usize,
    /// Of those, late now.
    pub overdue: usize,
    /// What fell due [₹].
    pub amount_due: Decimal,
    /// Paid of that [₹].
    pub amount_collected: Decimal,
    /// Payments, day by day.
    pub days: Vec<Collected>,
    /// Late by 1 to 7, 8 to 15, and more days.
    pub by_days: [usize; 3],
}

/// Health of the batteries of a band.
#[derive(Debug, Clone, Copy)]
pub struct Band {
    /// Its name.
    pub name: &'static str,
    /// Its batteries.
    pub health: Option<HealthOf>,
    /// Of all [%].
    pub share_pct: f64,
}

/// Health of a month.
#[derive(Debug, Clone)]
pub struct HealthMonth {
    /// The month: `2024-01`.
    pub month: String,
    /// Mean health at its end, or now, 0 to 100.
    pub health: Option<f64>,
    /// Tickets that were opened in it.
    pub maintenance: usize,
}

/// How healthy batteries are.
#[derive(Debug, Clone)]
pub struct HealthFigures {
    /// Bands, the best first.
    pub bands: Vec<Band>,
    /// Months, the earliest first.
    pub months: Vec<HealthMonth>,
    /// Batteries that need service.
    pub to_be_served: usize,
    /// What that costs [₹].
    pub cost: Decimal,
    /// Batteries at risk.
    pub at_risk: usize,
}

/// What a technician did.
#[derive(Debug, Clone)]
pub struct Work {
    /// Its number.
    pub technician: u64,
    /// Its name.
    pub name: String,
    /// Tickets that it resolved.
    pub resolved: usize,
    /// Mean time to resolve one [days].
    pub days: Option<f64>,
    /// Mean rating of its tickets.
    pub rating: Option<f64>,
}

/// How service goes.
#[derive(Debug, Clone)]
pub struct ServiceFigures {
    /// Tickets by state, in the order of [`State::ALL`].
    pub by_state: BTreeMap<&'static str, usize>,
    /// All of them.
    pub tickets: usize,
    /// Mean, shortest and longest time to resolve one [days].
    pub days: Option<[f64; 3]>,
    /// Resolved within their time, of those that were resolved [%].
    pub in_time_pct: Option<f64>,
    /// Technicians, those who did most first.
    pub work: Vec<Work>,
    /// Tickets by what they are about.
    pub by_category: BTreeMap<&'static str, usize>,
}

fn mean(figures: &[f64]) -> Option<f64> {
    (!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64)
}

/// How long it took to resolve a ticket [days].
fn took_days(ticket: &Ticket) -> Option<f64> {
    let resolved = ticket.resolved_at.filter(|_| ticket.state == State::Resolved)?;
    Some((resolved - ticket.created).max(0) as f64 / DAY_MS as f64)
}

/// Whether an instant is on one of some days.
fn is_within(days: Option<Days>, at: Time) -> bool {
    days.is_none_or(|days| days.contains(Day::at(at)))
}

impl Dealership {
    /// A dealer's figures at a glance; of some days, where they are named, what was added or opened in them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn dashboard(&self, member: &Member, days: Option<Days>) -> Result<Dashboard, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        let mut consumers = self.consumers(member, None).await?;
        consumers.retain(|one| is_within(days, one.party.created));
        let of = |status: KycStatus| consumers.iter().filter(|one| one.party.kyc == status).count();
        let batteries = self.batteries(member, None, None).await?;
        let batteries: Vec<_> =
            batteries.into_iter().filter(|one| is_within(days, one.asset.created)).collect();
        let health: Vec<f64> = batteries.iter().map(|one| one.health).collect();
        let in_status = |status| batteries.iter().filter(|one| one.status == status).count();
        let mut loans = self.loans_seen(member).await?;
        loans.retain(|one| is_within(days, one.created));
        let mut tickets = self.tickets_seen(member).await?;
        tickets.retain(|one| is_within(days, one.created));
        let took: Vec<f64> = tickets.iter().filter_map(took_days).collect();
        let today = self.today();
        Ok(Dashboard {
            consumers: [consumers.len(), of(KycStatus::Verified), of(KycStatus::Pending)],
            batteries: [batteries.len(), in_status(AssetStatus::Active), in_status(AssetStatus::Maintenance)],
            health: mean(&health),
            loans: Portfolio::of(&loans, days.unwrap_or(Days { from: today, to: today })),
            tickets: [tickets.len(), took.len()],
            resolution_days: mean(&took),
        })
    }

    /// What was lent on applications of some days, and how safe it is.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn risk(&self, member: &Member, days: Days) -> Result<Risk, DealershipError> {
        member.may(Action::DealershipRead)?;
        let mut loans = self.loans_seen(member).await?;
        loans.retain(|one| days.contains(Day::at(one.created)));
        let today = self.today();
        let due = due_within(&loans, Days { from: Day(jiff::civil::Date::ZERO), to: today });
        let amount: Decimal = due.iter().map(|one| one.amount()).sum();
        let paid: Decimal = due.iter().map(|one| one.paid()).sum();
        let consumers: BTreeSet<u64> =
            loans.iter().filter(|one| one.loan.status.was_approved()).map(|one| one.consumer).collect();
        let mut scores = Vec::new();
        for consumer in consumers {
            let party = self.party("Consumer", consumer).await?.value;
            scores.extend(self.credit_score(&party).await?);
        }
        let portfolio = Portfolio::of(&loans, days);
        Ok(Risk { portfolio, efficiency_pct: percent(paid, amount), score: mean(&scores) })
    }

    /// How reliably a consumer paid here.
    async fn credit_score(&self, consumer: &Party) -> Result<Option<f64>, DealershipError> {
        let today = self.today();
        let mut record =
            credit::Record { is_verified: consumer.kyc == KycStatus::Verified, ..credit::Record::default() };
        for loan in self.loans_of(consumer).await? {
            for one in &loan.loan.instalments {
                record.settled_or_due += u32::from(one.settled_on.is_some() || one.due < today);
                record.paid += u32::from(one.settled_on.is_some());
                record.in_time += u32::from(one.settled_on.is_some_and(|on| on <= one.due));
            }
            record.days_past_due = record.days_past_due.max(loan.loan.days_past_due(today));
        }
        Ok(credit::score(&record))
    }

    /// What fell due on some days, and what came in.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn collections(
        &self,
        member: &Member,
        days: Days,
        dealer: Option<u64>,
    ) -> Result<Collections, DealershipError> {
        member.may(Action::DealershipRead)?;
        let mut loans = self.loans_seen(member).await?;
        loans.retain(|one| dealer.is_none() || one.dealer == dealer);
        let due = due_within(&loans, days);
        let today = self.today();
        let late: Vec<u32> = due.iter().map(|one| one.overdue_days(today)).filter(|days| *days > 0).collect();
        let between = |low: u32, high: u32| late.iter().filter(|days| (low..=high).contains(*days)).count();
        Ok(Collections {
            due: due.len(),
            collected: due.iter().filter(|one| one.unpaid().is_zero()).count(),
            overdue: late.len(),
            amount_due: due.iter().map(|one| one.amount()).sum(),
            amount_collected: due.iter().map(|one| one.paid()).sum(),
            days: self.collected(member, days, dealer).await?,
            by_days: [between(1, 7), between(8, 15), between(16, u32::MAX)],
        })
    }

    /// How healthy the batteries are that somebody sees, and were in the months before.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn health_figures(
        &self,
        member: &Member,
        days: Option<Days>,
    ) -> Result<HealthFigures, DealershipError> {
        let batteries = self.batteries(member, None, None).await?;
        const BANDS: [(&str, f64, f64); 4] = [
            ("excellent", 90.0, f64::INFINITY),
            ("good", 75.0, 90.0),
            ("fair", 55.0, 75.0),
            ("poor", f64::MIN, 55.0),
        ];
        let bands = BANDS.map(|(name, low, high)| {
            let within = batteries.iter().map(|one| one.health).filter(|health| (low..high).contains(health));
            let health = HealthOf::of(&within.collect::<Vec<f64>>());
            let count = health.map_or(0, |health| health.count);
            let share_pct =
                if batteries.is_empty() { 0.0 } else { 100.0 * count as f64 / batteries.len() as f64 };
            Band { name, health, share_pct }
        });
        let tickets = self.tickets_seen(member).await?;
        let today = self.today();
        let to = days.map_or(today, |days| days.to.min(today));
        let from = days.map_or_else(|| to.first_of_month().months_before(MONTHS - 1), |days| days.from);
        let mut months = Vec::new();
        let mut first = from.first_of_month();
        while first <= to && months.len() < 36 {
            let end = first.last_of_month().ends().min(self.now());
            let mut health = Vec::new();
            for one in batteries.iter().filter(|one| one.asset.created < end) {
                let then =
                    if end >= self.now() { Some(one.health) } else { self.health_at(one, end).await? };
                health.extend(then);
            }
            let opened = tickets.iter().filter(|ticket| Day::at(ticket.created).first_of_month() == first);
            let maintenance = opened.count();
            months.push(HealthMonth { month: first.month(), health: mean(&health), maintenance });
            first = first.months_on(1);
        }
        let faulty: BTreeSet<u64> =
            tickets.iter().filter(|one| one.state.is_active()).map(|one| one.asset).collect();
        let needs = |one: &&super::battery::BatterySight| {
            one.health < SERVICE_BELOW || faulty.contains(&one.asset.id)
        };
        let to_be_served = batteries.iter().filter(needs).count();
        Ok(HealthFigures {
            bands: bands.to_vec(),
            months,
            to_be_served,
            cost: self.settings().service_cost * Decimal::from(to_be_served),
            at_risk: batteries.iter().filter(|one| one.health < RISK_BELOW).count(),
        })
    }

    /// Health of a battery as it was at an instant, where it was there then.
    async fn health_at(
        &self,
        battery: &super::battery::BatterySight,
        at: Time,
    ) -> Result<Option<f64>, DealershipError> {
        match self.platform().view_at(battery.asset.twin, at).await {
            Ok(seen) => {
                let soh = seen.battery.and_then(|battery| battery.soh);
                Ok(Some(soh.map_or(battery.asset.health_stated, |soh| (soh * 100.0).clamp(0.0, 100.0))))
            }
            Err(error) if error.kind() == crate::platform::ErrorKind::Absent => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// How service goes; of some days, where they are named, tickets that were opened in them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn service_figures(
        &self,
        member: &Member,
        days: Option<Days>,
    ) -> Result<ServiceFigures, DealershipError> {
        member.may(Action::ConsumerWrite)?;
        let mut tickets = self.tickets_seen(member).await?;
        tickets.retain(|one| is_within(days, one.created));
        let count = |state: State| tickets.iter().filter(|one| one.state == state).count();
        let by_state = State::ALL.iter().map(|state| (state.as_str(), count(*state))).collect();
        let took: Vec<f64> = tickets.iter().filter_map(took_days).collect();
        let in_time = tickets.iter().filter(|ticket| {
            let hours = ticket.priority.hours() * HOUR_MS as f64 / DAY_MS as f64;
            took_days(ticket).is_some_and(|days| days <= hours)
        });
        let in_time = in_time.count();
        let shortest = took.iter().copied().fold(f64::INFINITY, f64::min);
        let longest = took.iter().copied().fold(0.0, f64::max);
        let mut work = Vec::new();
        for party in self.technicians_of(member.dealer(), member.sees_all()).await? {
            let own: Vec<&Ticket> = tickets
                .iter()
                .filter(|one| one.technician == Some(party.id) && one.state == State::Resolved)
                .collect();
            let took: Vec<f64> = own.iter().filter_map(|one| took_days(one)).collect();
            let ratings: Vec<f64> = own.iter().filter_map(|one| one.rating.map(f64::from)).collect();
            let (technician, name) = (party.id, party.name);
            work.push(Work {
                technician,
                name,
                resolved: own.len(),
                days: mean(&took),
                rating: mean(&ratings),
            });
        }
        work.sort_by(|a, b| b.resolved.cmp(&a.resolved).then(a.technician.cmp(&b.technician)));
        let about = |category: Category| tickets.iter().filter(|one| one.category == category).count();
        Ok(ServiceFigures {
            by_state,
            tickets: tickets.len(),
            days: mean(&took).map(|mean| [mean, shortest, longest]),
            in_time_pct: (!took.is_empty()).then(|| 100.0 * in_time as f64 / took.len() as f64),
            work,
            by_category: Category::ALL.iter().map(|one| (one.as_str(), about(*one))).collect(),
        })
    }
}

/// Instalments of loans that run or ran, that fell due on some days.
fn due_within(loans: &[LoanRecord], days: Days) -> Vec<&Instalment> {
    let ran = loans.iter().filter(|one| one.loan.status != Status::Rejected);
    ran.flat_map(|one| &one.loan.instalments).filter(|one| days.contains(one.due)).collect()
}

/// A figure as a number.
pub fn number(figure: Decimal) -> f64 {
    figure.to_f64().unwrap_or(0.0)
}
