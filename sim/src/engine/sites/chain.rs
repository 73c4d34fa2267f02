//! Packs on their way from vehicles to a store and on to a recycler.
//!
//! ```text
//! made ─► vehicle ──────► (suitable?) ─► store ─► recycler ─► products and residue
//! retired elsewhere ──────────┘ └────────────────────▲
//! ```
//!
//! One twin is one pack through all its lives: its wear goes with it. A pack that leaves a vehicle is followed by a
//! new one. Packs that left service elsewhere come from other zones, twin and all, and keep their names; blocks of
//! data centres come as mass alone. Emissions are booked where they arise: making, transport, losses in use at the
//! grid's carbon of the time, treatment, and the credit of what is recovered. What a pack from elsewhere emitted and
//! gave before it came is in the books of where it served. The books are closed in `ledger.rs`.

use super::super::duty;
use super::super::happenings::Happening;
use super::super::model::{GroupModel, VariantModel};
use super::super::tally::{Key, Tally};
use super::model::ChainSite;
use crate::engine::agenda::Agenda;
use crate::engine::player::{Answer, Hosting, Player};
use crate::engine::transfer::{Content, Retired};
use std::sync::Arc;
use twin::battery::fidelity::particle::Losses;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::life::Health;
use twin::battery::pack::Ledger;
use twin::battery::{Battery, Follow, Leg};
use twin::facility::line::Condition;
use twin::facility::works::{Lot, Works, WorksCommand, WorksEvent};
use twin::passport::carbon;
use twin::passport::material::Masses;
use twin::passport::second_life::{self, Candidate};
use twin::rng::Seed;
use twin::time::{DAY_MS, Time, YEAR_DAYS};
use twin::twin::Twin;

/// Where a pack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// On the way from where it left service.
    Coming,
    Vehicle,
    ToStore,
    Store,
    ToRecycler,
    Recycler,
    Done,
}

enum Action {
    Enter,
    Day(usize),
    Arrive(usize),
    Works,
    Sample,
}

/// Emissions of one pack [kg CO2e].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    pub(super) making: f64,
    pub(super) transport: f64,
    pub(super) losses: f64,
    pub(super) treatment: f64,
    pub(super) credit: f64,
}

impl Account {
    pub(super) fn total(&self) -> f64 {
        self.making + self.transport + self.losses + self.treatment + self.credit
    }
}

/// What is left to look at of a pack.
pub(super) enum Body {
    /// A pack that lives on.
    Twin(Player<Battery>),
    /// What it was when it went into the recycler.
    Remains(Box<Facts>),
    /// A block, of which only the mass counts here.
    Block,
}

/// What the books need of a pack.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) efc: f64,
    pub(super) age_days: f64,
    pub(super) health: Health,
    pub(super) ledger: Ledger,
    pub(super) losses: Option<Losses>,
}

impl Facts {
    fn of(battery: &Battery, now: Time) -> Self {
        let copy = battery.observed(now);
        let view = copy.view(now);
        Self {
            efc: view.efc,
            age_days: view.age_days,
            health: copy.health(),
            ledger: copy.ledger(),
            losses: copy.losses(),
        }
    }
}

/// A pack as its zone knows it.
pub(super) struct Unit {
    pub(super) body: Body,
    pub(super) key: Key,
    name: Arc<str>,
    pub(super) stage: Stage,
    pub(super) entered: Time,
    since: Time,
    /// Days of its present duty.
    days: u64,
    /// How much warmer its own air is than that outdoors [K].
    shift_c: f64,
    /// What it had done when it came, where it came from elsewhere.
    pub(super) before: Option<Facts>,
    /// Whether it came from elsewhere.
    pub(super) is_taken_in: bool,
    /// Whether it was sent to the store.
    pub(super) has_second_life: bool,
    /// Up to when and how far its losses are paid for [Wh].
    paid: (Time, f64),
    /// Age at which its first life ended [days].
    pub(super) first_days: Option<f64>,
    /// Energy given out until the end of its first life [Wh].
    pub(super) first_out_wh: f64,
    pub(super) first_efc: f64,
    hottest_c: f64,
    pub(super) account: Account,
}

/// A chain in a world.
pub struct ChainZone {
    pub(super) model: Arc<VariantModel>,
    pub(super) index: usize,
    seed: Seed,
    hosting: Hosting,
    pub(super) units: Vec<Unit>,
    pub(super) works: Player<Works>,
    works_wake: Option<Time>,
    agenda: Agenda<Action>,
    pub(super) now: Time,
    next_sample: i64,
    /// Emissions by stage.
    pub(super) books: Account,
    pub(super) products: Masses,
    pub(super) residue: Masses,
    pub(super) passage_days: f64,
    pub(super) counts: Counts,
    pub(in crate::engine) tally: Tally,
}

#[derive(Default)]
pub(super) struct Counts {
    /// Packs that took the place of others in vehicles.
    pub(super) replaced: f64,
    pub(super) second_life: f64,
    pub(super) unsuitable: f64,
    pub(super) recycled: f64,
    pub(super) value_usd: f64,
    pub(super) score: f64,
}

impl ChainZone {
    pub(in crate::engine) fn set_up(
        model: Arc<VariantModel>,
        index: usize,
        seed: Seed,
        hosting: Hosting,
    ) -> Self {
        let site = &model.sites.chains[index];
        let start = model.start;
        let works = Works::new(site.works.clone(), start);
        let works = Player::new(works, format!("{}-recycler", site.file.name), seed, hosting);
        let mut agenda = Agenda::default();
        agenda.add(start, Action::Sample);
        let vehicles = if site.vehicle.is_some() { site.file.vehicles } else { 0 };
        for vehicle in 0..vehicles {
            let day = (f64::from(vehicle) / f64::from(vehicles) * site.file.enter_over_days).floor();
            agenda.add(start + day as i64 * DAY_MS, Action::Enter);
        }
        Self {
            index,
            seed,
            hosting,
            units: Vec::new(),
            works,
            works_wake: None,
            agenda,
            now: start,
            next_sample: 1,
            books: Account::default(),
            products: Masses::default(),
            residue: Masses::default(),
            passage_days: 0.0,
            counts: Counts::default(),
            tally: Tally::default(),
            model,
        }
    }

    pub(in crate::engine) async fn run_until(&mut self, end: Time) {
        while let Some((at, action)) = self.agenda.next_before(end) {
            self.now = at;
            match action {
                Action::Enter => self.enter(),
                Action::Day(unit) => self.day(unit).await,
                Action::Arrive(unit) => self.arrive(unit).await,
                Action::Works => {
                    let answer = self.works.tell(at, [WorksCommand::Wake]).await;
                    self.tend_works(answer);
                }
                Action::Sample => {
                    self.sample().await;
                    let at = self.model.start + self.next_sample * self.model.interval_ms;
                    self.next_sample += 1;
                    self.agenda.add(at, Action::Sample);
                }
            }
        }
        self.now = end;
    }

    /// Takes in a battery from another zone, which is on its way here.
    pub(in crate::engine) fn welcome(&mut self, retired: Retired) {
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let Retired { at, key, name, since, what, .. } = retired;
        let (body, before, shift_c) = match what {
            Content::Pack(battery) => {
                let battery = battery.moved(site.outdoors.clone());
                let before = Facts::of(&battery, battery.at());
                let twin = Player::new(battery, name.clone(), self.seed, self.hosting);
                (Body::Twin(twin), Some(before), site.outdoors.shift_c)
            }
            Content::Block => (Body::Block, None, 0.0),
        };
        let is_tested = site.store.is_some() && before.is_some();
        let (stage, freight_kg) = match is_tested {
            true => (Stage::Coming, site.freight_kg[1]),
            false => (Stage::ToRecycler, site.freight_kg[2]),
        };
        let unit = self.units.len();
        self.units.push(Unit {
            body,
            key,
            name,
            stage,
            entered: since,
            since: self.now,
            days: 0,
            shift_c,
            before,
            is_taken_in: true,
            has_second_life: false,
            paid: (self.now, before.map_or(0.0, |facts| facts.ledger.losses_wh)),
            first_days: before.map(|facts| facts.age_days),
            first_out_wh: before.map_or(0.0, |facts| facts.ledger.energy_out_wh),
            first_efc: before.map_or(0.0, |facts| facts.efc),
            // What it went through before is not known here.
            hottest_c: f64::NEG_INFINITY,
            account: Account { transport: freight_kg, ..Account::default() },
        });
        self.books.transport += freight_kg;
        self.agenda.add(at, Action::Arrive(unit));
    }

    /// The twin of a pack that is not in the recycler yet.
    fn twin(&mut self, unit: usize) -> &mut Player<Battery> {
        match &mut self.units[unit].body {
            Body::Twin(twin) => twin,
            Body::Remains(_) | Body::Block => unreachable!("only packs that live on follow duties"),
        }
    }

    /// What a pack has done so far; nothing of a block.
    pub(super) async fn facts(&self, unit: usize) -> Option<Facts> {
        let now = self.now;
        match &self.units[unit].body {
            Body::Twin(twin) => Some(twin.look(move |battery| Facts::of(battery, now)).await),
            Body::Remains(facts) => Some(**facts),
            Body::Block => None,
        }
    }

    fn note(&mut self, event: &'static str, unit: usize, value: f64) {
        let key = self.units[unit].key;
        self.tally.happenings.push(Happening { at: self.now, event, key, other: None, value });
    }

    /// A new pack is made and put into a vehicle.
    fn enter(&mut self) {
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let unit = self.units.len();
        let Some(vehicle) = &site.vehicle else { return };
        // Packs of its own are numbered in the order in which they are made.
        let number = self.units.iter().filter(|unit| !unit.is_taken_in).count();
        let name: Arc<str> = format!("{}-{}", site.file.name, number + 1).into();
        let pack = model.kinds[site.kind].draw(&name, self.seed);
        // The pack's own air is that of the vehicle; a store differs from it by a shift.
        let battery = Battery::new(pack, vehicle.ambient.clone(), self.now, 0.5, Stepping::default());
        let account = Account { making: site.making_kg, transport: site.freight_kg[0], ..Account::default() };
        self.books.making += account.making;
        self.books.transport += account.transport;
        self.units.push(Unit {
            body: Body::Twin(Player::new(battery, name.clone(), self.seed, self.hosting)),
            key: Key::ChainPack(self.index as u32, number as u32),
            name,
            stage: Stage::Vehicle,
            entered: self.now,
            since: self.now,
            days: 0,
            shift_c: vehicle.ambient.shift_c,
            before: None,
            is_taken_in: false,
            has_second_life: false,
            paid: (self.now, 0.0),
            first_days: None,
            first_out_wh: 0.0,
            first_efc: 0.0,
            hottest_c: f64::NEG_INFINITY,
            account,
        });
        self.note("made", unit, site.contents.total_kg());
        self.agenda.add(self.now, Action::Day(unit));
    }

    /// Puts a pack under its duty for a day, or ends its present life.
    async fn day(&mut self, unit: usize) {
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let served = match self.units[unit].stage {
            Stage::Vehicle => site.file.vehicle.as_ref().zip(site.vehicle.as_ref()),
            Stage::Store => site.file.store.as_ref().zip(site.store.as_ref()),
            _ => None,
        };
        let Some((life, group)) = served else { return };
        let now = self.now;
        let years = now.days_since(self.units[unit].since) / YEAR_DAYS;
        let legs = self.legs(unit, group, site);
        let view = self.twin(unit).tell(now, [Follow { legs: legs.into(), catch_up: true }]).await.view;
        let known = &mut self.units[unit];
        known.days += 1;
        known.hottest_c = known.hottest_c.max(view.temperature_c);
        if view.soh >= life.until_soh && life.until_years.is_none_or(|most| years < most) {
            self.agenda.add(now + DAY_MS, Action::Day(unit));
            return;
        }
        let is_vehicle = known.stage == Stage::Vehicle;
        self.rest(unit).await;
        self.pay(unit).await;
        if is_vehicle {
            if let Some(facts) = self.facts(unit).await {
                let known = &mut self.units[unit];
                known.first_days = Some(facts.age_days);
                known.first_out_wh = facts.ledger.energy_out_wh;
                known.first_efc = facts.efc;
            }
            match self.is_fit(unit, site).await {
                true => self.ship(unit, site.freight_kg[1], Stage::ToStore, site),
                false => self.send_to_recycler(unit, site),
            }
            // The vehicle goes on with a new pack.
            self.enter();
            self.counts.replaced += 1.0;
        } else {
            self.note("second_life_ended", unit, view.soh);
            self.send_to_recycler(unit, site);
        }
    }

    /// Legs of a pack's day. Shifts of air are against the pack's own air, which includes a shift already.
    fn legs(&self, unit: usize, group: &GroupModel, site: &ChainSite) -> Vec<Leg> {
        let known = &self.units[unit];
        let seed = self.seed;
        let kind = &self.model.kinds[site.kind];
        let legs = duty::day(group, kind, self.now, known.days, || {
            seed.stream(&known.name, "day", known.days ^ (u64::from(known.stage == Stage::Store) << 32))
        });
        let own_c = known.shift_c;
        let shifted = |leg: Leg| Leg { ambient_shift_c: leg.ambient_shift_c - own_c, ..leg };
        legs.into_iter().map(shifted).collect()
    }

    /// From now on the pack does nothing.
    async fn rest(&mut self, unit: usize) {
        let leg = Leg { at: self.now, duty: Duty::Rest, ambient_shift_c: 0.0 };
        let follow = Follow { legs: [leg].into(), catch_up: true };
        let now = self.now;
        self.twin(unit).tell(now, [follow]).await;
    }

    /// Books the emissions of a pack's losses since they were last booked, at the mean carbon of that time.
    pub(super) async fn pay(&mut self, unit: usize) {
        let now = self.now;
        let Some(Facts { ledger, .. }) = self.facts(unit).await else { return };
        let (from, paid_wh) = self.units[unit].paid;
        let carbon = &self.model.surroundings.carbon_g_per_kwh;
        let hours = from.hour_index()..now.hour_index().max(from.hour_index() + 1);
        let count = hours.clone().count() as f64;
        let mean_g = hours.map(|hour| carbon.of_hour(hour)).sum::<f64>() / count;
        let kg = (ledger.losses_wh - paid_wh) * 1e-3 * mean_g * 1e-3;
        let known = &mut self.units[unit];
        known.paid = (now, ledger.losses_wh);
        known.account.losses += kg;
        self.books.losses += kg;
    }

    /// Whether a pack at the end of its first life goes to the store. Without a store none does.
    async fn is_fit(&mut self, unit: usize, site: &ChainSite) -> bool {
        let now = self.now;
        let model = self.model.clone();
        let kind = &model.kinds[site.kind];
        let Some(store) = site.file.store.as_ref() else { return false };
        let (facts, temperature_c, spread_v) = self
            .twin(unit)
            .look(move |battery| {
                let copy = battery.observed(now);
                let cells = copy.state().cell_voltages_v(copy.model());
                let most = cells.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let least = cells.iter().copied().fold(f64::INFINITY, f64::min);
                (Facts::of(&copy, now), copy.view(now).temperature_c, most - least)
            })
            .await;
        let Facts { efc, health, .. } = facts;
        // What is left of its cycles, if it goes on losing as it has so far.
        let lost = (1.0 - health.capacity).max(1e-6);
        let remaining = efc * ((health.capacity - store.until_soh) / lost).max(0.0);
        let candidate = Candidate {
            energy_kwh: kind.pack.rated_wh() * 1e-3,
            soh_pct: 100.0 * health.capacity,
            resistance_growth: health.resistance - 1.0,
            remaining_cycles: remaining,
            new_cycles: efc + remaining,
            harmful_events: 0,
            open_safety_events: 0,
            hottest_c: self.units[unit].hottest_c.max(temperature_c),
            cell_spread_mv: 1000.0 * spread_v,
            data_completeness: 1.0,
        };
        let found = second_life::evaluate(&candidate, site.file.application.name())
            .expect("the schema knows the applications of the table");
        self.counts.score += found.score;
        let is_fit = found.suitable && found.score >= site.file.min_score;
        let is_fit = is_fit && health.capacity > store.until_soh;
        if is_fit {
            self.note("to_second_life", unit, found.score);
            self.counts.second_life += 1.0;
            self.counts.value_usd += found.value_usd;
        } else {
            self.note("unsuitable", unit, found.score);
            self.counts.unsuitable += 1.0;
        }
        self.units[unit].has_second_life = is_fit;
        is_fit
    }

    fn send_to_recycler(&mut self, unit: usize, site: &ChainSite) {
        self.ship(unit, site.freight_kg[2], Stage::ToRecycler, site);
    }

    fn ship(&mut self, unit: usize, freight_kg: f64, stage: Stage, site: &ChainSite) {
        let known = &mut self.units[unit];
        known.stage = stage;
        known.since = self.now;
        known.days = 0;
        known.account.transport += freight_kg;
        self.books.transport += freight_kg;
        // Days of a duty begin at the hour at which the run began.
        let days = site.file.handling_days.ceil() as i64;
        self.agenda.add(self.now + days * DAY_MS, Action::Arrive(unit));
    }

    async fn arrive(&mut self, unit: usize) {
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let stage = self.units[unit].stage;
        if stage == Stage::Coming && !self.is_fit(unit, site).await {
            self.send_to_recycler(unit, site);
            return;
        }
        if matches!(stage, Stage::Coming | Stage::ToStore) {
            let known = &mut self.units[unit];
            known.stage = Stage::Store;
            known.since = self.now;
            known.days = 0;
            self.agenda.add(self.now, Action::Day(unit));
            return;
        }
        let masses = site.contents;
        let declared_kg = masses.total_kg();
        let lot = Lot { id: unit as u64, masses, declared_kg, condition: Condition::Good };
        let now = self.now;
        if let Ok(answer) = self.works.ask(now, [WorksCommand::Receive(lot)]).await {
            self.pay(unit).await;
            if let Some(facts) = self.facts(unit).await {
                // Nothing happens to the pack any more, and nobody has to follow it.
                self.units[unit].body = Body::Remains(Box::new(facts));
            }
            self.units[unit].stage = Stage::Recycler;
            self.note("received", unit, declared_kg);
            self.tend_works(answer);
        } else {
            // The yard is full: tomorrow again.
            self.agenda.add(now + DAY_MS, Action::Arrive(unit));
        }
    }

    /// Books what the works has done.
    fn tend_works(&mut self, answer: Answer<Works>) {
        for event in answer.events {
            let WorksEvent::Processed { lot, products, residue, carbon_kg, passage_s, .. } = event else {
                continue;
            };
            let unit = lot as usize;
            let credit = -carbon::credit(&products);
            let known = &mut self.units[unit];
            known.stage = Stage::Done;
            known.account.treatment += carbon_kg;
            known.account.credit += credit;
            self.books.treatment += carbon_kg;
            self.books.credit += credit;
            self.products += products;
            self.residue += residue;
            self.passage_days += passage_s / 86_400.0;
            self.counts.recycled += 1.0;
            self.note("recycled", unit, products.total_kg());
        }
        if let Some(at) = answer.view.wake_at.filter(|at| self.works_wake.is_none_or(|known| known != *at)) {
            self.works_wake = Some(at);
            self.agenda.add(at.max(self.now), Action::Works);
        }
    }
}
