//! Packs on their way from vehicles to a store and on to a recycler, with the books of mass and emissions.
//!
//! ```text
//! made ─► vehicle ─► (suitable?) ─► store ─► recycler ─► products and residue
//!                        └────────────────────▲
//! ```
//!
//! One twin is one pack through all its lives: its wear goes with it. A pack that leaves a vehicle is followed by a
//! new one. Emissions are booked where they arise: making, transport, losses in use at the grid's carbon of the
//! time, treatment, and the credit of what is recovered.

use super::super::duty;
use super::super::model::{GroupModel, VariantModel};
use super::super::tally::{Ending, Happening, Key, Sample, Sums, Tally};
use super::agenda::Agenda;
use super::model::ChainSite;
use crate::engine::player::{Hosting, Player};
use host::actor::Answer;
use std::sync::Arc;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::{Battery, Follow, Leg};
use twin::facility::line::Condition;
use twin::facility::works::{Lot, Works, WorksCommand, WorksEvent};
use twin::passport::carbon;
use twin::passport::date::Date;
use twin::passport::material::Masses;
use twin::passport::recovery;
use twin::passport::second_life::{self, Candidate};
use twin::rng::Seed;
use twin::time::{DAY_MS, Time, YEAR_DAYS};
use twin::twin::Twin;

/// Where a pack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
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
struct Account {
    making: f64,
    transport: f64,
    losses: f64,
    treatment: f64,
    credit: f64,
}

impl Account {
    fn total(&self) -> f64 {
        self.making + self.transport + self.losses + self.treatment + self.credit
    }
}

/// A pack as its zone knows it.
struct Unit {
    twin: Player<Battery>,
    name: String,
    stage: Stage,
    entered: Time,
    since: Time,
    /// Days of its present duty.
    days: u64,
    /// Up to when and how far its losses are paid for [Wh].
    paid: (Time, f64),
    /// Energy given out until the end of its first life [Wh].
    first_out_wh: f64,
    first_efc: f64,
    hottest_c: f64,
    account: Account,
}

/// A chain in a world.
pub struct ChainZone {
    model: Arc<VariantModel>,
    index: usize,
    seed: Seed,
    hosting: Hosting,
    units: Vec<Unit>,
    works: Player<Works>,
    works_wake: Option<Time>,
    agenda: Agenda<Action>,
    now: Time,
    next_sample: i64,
    /// Emissions by stage.
    books: Account,
    products: Masses,
    residue: Masses,
    passage_days: f64,
    counts: Counts,
    tally: Tally,
}

#[derive(Default)]
struct Counts {
    second_life: f64,
    unsuitable: f64,
    recycled: f64,
    value_usd: f64,
    score: f64,
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
        let vehicles = site.file.vehicles;
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

    fn key(&self, unit: usize) -> Key {
        Key::ChainPack(self.index as u32, unit as u32)
    }

    fn note(&mut self, event: &'static str, unit: usize, value: f64) {
        let key = self.key(unit);
        self.tally.happenings.push(Happening { at: self.now, event, key, other: None, value });
    }

    /// A new pack is made and put into a vehicle.
    fn enter(&mut self) {
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let unit = self.units.len();
        let name = format!("{}-{}", site.file.name, unit + 1);
        let pack = model.kinds[site.kind].draw(&name, self.seed);
        // The pack's own air is that of the vehicle; a store differs from it by a shift.
        let battery = Battery::new(pack, site.vehicle.ambient.clone(), self.now, 0.5, Stepping::default());
        let account = Account { making: site.making_kg, transport: site.freight_kg[0], ..Account::default() };
        self.books.making += account.making;
        self.books.transport += account.transport;
        self.units.push(Unit {
            twin: Player::new(battery, name.as_str(), self.seed, self.hosting),
            name,
            stage: Stage::Vehicle,
            entered: self.now,
            since: self.now,
            days: 0,
            paid: (self.now, 0.0),
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
        let (life, group) = match self.units[unit].stage {
            Stage::Vehicle => (&site.file.vehicle, &site.vehicle),
            Stage::Store => (&site.file.store, &site.store),
            _ => return,
        };
        let now = self.now;
        let years = now.days_since(self.units[unit].since) / YEAR_DAYS;
        let legs = self.legs(unit, group, site);
        let view = self.units[unit].twin.tell(now, [Follow { legs: legs.into(), catch_up: true }]).await.view;
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
            self.leave_vehicle(unit, site).await;
            // The vehicle goes on with a new pack.
            self.enter();
        } else {
            self.note("second_life_ended", unit, view.soh);
            self.send_to_recycler(unit, site);
        }
    }

    /// Legs of a pack's day. Shifts of air are against the vehicle's, which the pack's own air includes.
    fn legs(&self, unit: usize, group: &GroupModel, site: &ChainSite) -> Vec<Leg> {
        let known = &self.units[unit];
        let seed = self.seed;
        let kind = &self.model.kinds[site.kind];
        let legs = duty::day(group, kind, self.now, known.days, || {
            seed.stream(&known.name, "day", known.days ^ (u64::from(known.stage == Stage::Store) << 32))
        });
        let of_vehicle = site.vehicle.ambient.shift_c;
        let shifted = |leg: Leg| Leg { ambient_shift_c: leg.ambient_shift_c - of_vehicle, ..leg };
        legs.into_iter().map(shifted).collect()
    }

    /// From now on the pack does nothing.
    async fn rest(&mut self, unit: usize) {
        let leg = Leg { at: self.now, duty: Duty::Rest, ambient_shift_c: 0.0 };
        let follow = Follow { legs: [leg].into(), catch_up: true };
        self.units[unit].twin.tell(self.now, [follow]).await;
    }

    /// Books the emissions of a pack's losses since they were last booked, at the mean carbon of that time.
    async fn pay(&mut self, unit: usize) {
        let now = self.now;
        let ledger = self.units[unit].twin.look(move |battery| battery.observed(now).ledger()).await;
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

    async fn leave_vehicle(&mut self, unit: usize, site: &ChainSite) {
        let now = self.now;
        let model = self.model.clone();
        let kind = &model.kinds[site.kind];
        let (view, ledger, health, spread_v) = self.units[unit]
            .twin
            .look(move |battery| {
                let copy = battery.observed(now);
                let cells = copy.state().cell_voltages_v(copy.model());
                let most = cells.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let least = cells.iter().copied().fold(f64::INFINITY, f64::min);
                (copy.view(now), copy.ledger(), copy.health(), most - least)
            })
            .await;
        let known = &mut self.units[unit];
        known.first_out_wh = ledger.energy_out_wh;
        known.first_efc = view.efc;
        // What is left of its cycles, if it goes on losing as it has so far.
        let lost = (1.0 - health.capacity).max(1e-6);
        let remaining = view.efc * ((health.capacity - site.file.store.until_soh) / lost).max(0.0);
        let candidate = Candidate {
            energy_kwh: kind.rated_wh() * 1e-3,
            soh_pct: 100.0 * health.capacity,
            resistance_growth: health.resistance - 1.0,
            remaining_cycles: remaining,
            new_cycles: view.efc + remaining,
            harmful_events: 0,
            open_safety_events: 0,
            hottest_c: known.hottest_c,
            cell_spread_mv: 1000.0 * spread_v,
            data_completeness: 1.0,
        };
        let found = second_life::evaluate(&candidate, site.file.application.name())
            .expect("the schema knows the applications of the table");
        self.counts.score += found.score;
        let is_fit = found.suitable && found.score >= site.file.min_score;
        if is_fit && health.capacity > site.file.store.until_soh {
            self.note("to_second_life", unit, found.score);
            self.counts.second_life += 1.0;
            self.counts.value_usd += found.value_usd;
            self.ship(unit, site.freight_kg[1], Stage::ToStore, site);
        } else {
            self.note("unsuitable", unit, found.score);
            self.counts.unsuitable += 1.0;
            self.send_to_recycler(unit, site);
        }
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
        if self.units[unit].stage == Stage::ToStore {
            let known = &mut self.units[unit];
            known.stage = Stage::Store;
            known.since = self.now;
            self.agenda.add(self.now, Action::Day(unit));
            return;
        }
        let masses = site.contents;
        let declared_kg = masses.total_kg();
        let lot = Lot { id: unit as u64, masses, declared_kg, condition: Condition::Good };
        let now = self.now;
        if let Ok(answer) = self.works.ask(now, [WorksCommand::Receive(lot)]).await {
            self.pay(unit).await;
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

    fn count(&self, stages: &[Stage]) -> f64 {
        self.units.iter().filter(|unit| stages.contains(&unit.stage)).count() as f64
    }

    async fn sample(&mut self) {
        let now = self.now;
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let mut sums = Sums::new();
        let (mut first_wh, mut second_wh) = (0.0, 0.0);
        for unit in 0..self.units.len() {
            let stage = self.units[unit].stage;
            let (view, health, ledger) = self.units[unit]
                .twin
                .look(move |battery| {
                    let copy = battery.observed(now);
                    (copy.view(now), copy.health(), copy.ledger())
                })
                .await;
            if matches!(stage, Stage::Vehicle | Stage::Store | Stage::ToStore) {
                let key = self.key(unit);
                let values =
                    [("soh", health.capacity), ("resistance_rel", health.resistance), ("efc", view.efc)];
                let row = |(metric, value)| Sample { at: now, key, metric, value };
                self.tally.samples.extend(values.map(row));
            }
            let first =
                if stage == Stage::Vehicle { ledger.energy_out_wh } else { self.units[unit].first_out_wh };
            first_wh += first;
            second_wh += ledger.energy_out_wh - first;
            sums.delivered_wh += ledger.energy_out_wh;
            sums.losses_wh += ledger.losses_wh;
            sums.unserved_wh += ledger.unserved_wh;
            sums.pack_h += view.age_days * 24.0;
            sums.outside_h += ledger.outside_temperature_h;
            sums.efc += view.efc;
            sums.outside_efc += ledger.outside_cycles_efc;
        }
        sums.replacements =
            self.units.len() as f64 - f64::from(site.file.vehicles).min(self.units.len() as f64);
        let works = self.works.look(move |works| works.view(now)).await;
        let (packs, kg) = (site.contents.total_kg(), Key::SecondLife(self.index as u32));
        let of_works = Key::Recycler(self.index as u32);
        let metrics = [
            (kg, "vehicle_packs", self.count(&[Stage::Vehicle])),
            (kg, "store_packs", self.count(&[Stage::Store])),
            (kg, "moving_packs", self.count(&[Stage::ToStore, Stage::ToRecycler])),
            (kg, "made_kg", packs * self.units.len() as f64),
            (kg, "recovered_kg", self.products.total_kg()),
            (kg, "residue_kg", self.residue.total_kg()),
            (kg, "total_carbon_kg", self.books.total() + works.books.standby_carbon_kg),
            (of_works, "queued_kg", works.queued_kg),
            (of_works, "in_work_kg", works.in_work_kg),
        ];
        let row = |(key, metric, value)| Sample { at: now, key, metric, value };
        self.tally.samples.extend(metrics.map(row));
        self.tally.sums.push((now, kg, sums));
        self.tally.site_sums.extend([
            ("first_life_delivered_kwh", first_wh * 1e-3),
            ("second_life_delivered_kwh", second_wh * 1e-3),
            ("delivered_kwh", (first_wh + second_wh) * 1e-3),
        ]);
    }

    pub(in crate::engine) async fn conclude(mut self) -> Tally {
        for unit in 0..self.units.len() {
            if matches!(self.units[unit].stage, Stage::Vehicle | Stage::Store) {
                self.pay(unit).await;
            }
        }
        self.sample().await;
        let now = self.now;
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let (books, in_works, works_residue) =
            self.works.look(move |works| (works.books(now), works.in_hand(), works.books(now).residue)).await;
        self.close(site, &books, in_works, works_residue);
        let key = Key::SecondLife(self.index as u32);
        let group = model.kinds[site.kind].name.clone();
        for (number, unit) in std::mem::take(&mut self.units).into_iter().enumerate() {
            let retired = unit.stage == Stage::Done || unit.stage == Stage::Recycler;
            let Unit { twin, account, entered, first_efc, .. } = unit;
            let battery = twin.leave().await.observed(now);
            let (view, health, ledger) = (battery.view(now), battery.health(), battery.ledger());
            if !retired {
                self.tally.final_soh.entry(key).or_default().push(health.capacity);
                self.tally.final_resistance.entry(key).or_default().push(health.resistance);
            }
            let key = Key::ChainPack(self.index as u32, number as u32);
            let values = vec![
                ("soh", health.capacity),
                ("resistance_rel", health.resistance),
                ("efc", view.efc),
                ("first_life_efc", if first_efc > 0.0 { first_efc } else { view.efc }),
                ("age_days", view.age_days),
                ("retired", f64::from(u8::from(retired))),
                ("entered_day", entered.days_since(model.start)),
                ("energy_in_kwh", ledger.energy_in_wh * 1e-3),
                ("energy_out_kwh", ledger.energy_out_wh * 1e-3),
                ("losses_kwh", ledger.losses_wh * 1e-3),
                ("carbon_kg", account.total()),
            ];
            self.tally.endings.push(Ending { key, group: group.clone(), values });
        }
        self.tally.endings.push(Ending {
            key: Key::Recycler(self.index as u32),
            group: site.file.name.clone(),
            values: vec![
                ("received_kg", books.received.total_kg()),
                ("recovered_kg", books.products.total_kg()),
                ("residue_kg", books.residue.total_kg()),
                ("energy_kwh", books.electricity_kwh + books.standby_kwh),
                ("carbon_kg", books.process_carbon_kg + books.standby_carbon_kg),
            ],
        });
        self.tally
    }

    /// Closes the books of mass and emissions and judges what was recovered.
    fn close(
        &mut self,
        site: &ChainSite,
        books: &twin::facility::works::Books,
        in_works: Masses,
        works_residue: Masses,
    ) {
        let pack_kg = site.contents.total_kg();
        let made_kg = pack_kg * self.units.len() as f64;
        let vehicle_kg = pack_kg * self.count(&[Stage::Vehicle]);
        let store_kg = pack_kg * self.count(&[Stage::Store]);
        let moving_kg = pack_kg * self.count(&[Stage::ToStore, Stage::ToRecycler]);
        // Packs in the works have left residue there already.
        let placed_kg = vehicle_kg
            + store_kg
            + moving_kg
            + in_works.total_kg()
            + books.products.total_kg()
            + works_residue.total_kg();
        let of_packs: f64 = self.units.iter().map(|unit| unit.account.total()).sum();
        // What the works has emitted for lots that are not through is not in the books of packs yet.
        let unfinished_kg = books.process_carbon_kg - self.books.treatment;
        let total_kg = self.books.total() + unfinished_kg + books.standby_carbon_kg;
        let sums = &mut self.tally.site_sums;
        sums.extend([
            ("made_kg", made_kg),
            ("vehicle_kg", vehicle_kg),
            ("store_kg", store_kg),
            ("moving_kg", moving_kg),
            ("recycler_kg", in_works.total_kg()),
            ("recovered_kg", books.products.total_kg()),
            ("residue_kg", works_residue.total_kg()),
            ("mass_gap_kg", made_kg - placed_kg),
            ("making_carbon_kg", self.books.making),
            ("transport_carbon_kg", self.books.transport),
            ("losses_carbon_kg", self.books.losses),
            ("treatment_carbon_kg", books.process_carbon_kg + books.standby_carbon_kg),
            ("credit_carbon_kg", self.books.credit),
            ("total_carbon_kg", total_kg),
            ("carbon_gap_kg", total_kg - of_packs - unfinished_kg - books.standby_carbon_kg),
            ("packs_made", self.units.len() as f64),
            ("second_life_packs", self.counts.second_life),
            ("unsuitable_packs", self.counts.unsuitable),
            ("recycled_packs", self.counts.recycled),
            ("recycling_passage_days", self.passage_days),
            ("second_life_value_usd", self.counts.value_usd),
            ("recycled_kg", self.products.total_kg() + self.residue.total_kg()),
        ]);
        if self.counts.recycled > 0.0 {
            let contained = site.contents.times(self.counts.recycled);
            let input_kg = contained.total_kg();
            let on = Date::at(self.now);
            if let Ok(achieved) = recovery::achieved(site.family, &contained, &self.products, input_kg, on) {
                let passed = achieved.targets.iter().filter(|target| target.pass).count();
                sums.insert("recovery_targets_met", passed as f64);
                sums.insert("recovery_targets_missed", (achieved.targets.len() - passed) as f64);
            }
            for (material, contained_name, recovered_name, _) in super::METALS {
                sums.insert(contained_name, contained[material]);
                sums.insert(recovered_name, self.products[material]);
            }
        }
    }
}
