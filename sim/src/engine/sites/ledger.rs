//! What a chain of second lives leaves behind: rows on the way, the books of mass, energy and emissions at the end.

use super::super::fidelity::columns;
use super::super::tally::{Ending, Key, Sample, Sums, Tally};
use super::chain::{Body, ChainZone, Facts, Stage, Unit};
use super::model::ChainSite;
use crate::results::atlas::{Atlas, Flow};
use twin::facility::works::Books;
use twin::passport::date::Date;
use twin::passport::material::Masses;
use twin::passport::recovery;
use twin::twin::Twin;

impl ChainZone {
    fn count(&self, stages: &[Stage]) -> f64 {
        self.units.iter().filter(|unit| stages.contains(&unit.stage)).count() as f64
    }

    fn taken_in(&self) -> f64 {
        self.units.iter().filter(|unit| unit.is_taken_in).count() as f64
    }

    /// Rows of one instant.
    pub(in crate::engine) async fn sample(&mut self) {
        let now = self.now;
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let mut sums = Sums::new();
        let (mut first_wh, mut second_wh) = (0.0, 0.0);
        for unit in 0..self.units.len() {
            let Some(facts) = self.facts(unit).await else { continue };
            let Facts { efc, age_days, health, ledger, .. } = facts;
            let known = &self.units[unit];
            if matches!(known.body, Body::Twin(_)) {
                let key = known.key;
                let values = [("soh", health.capacity), ("resistance_rel", health.resistance), ("efc", efc)];
                let row = |(metric, value)| Sample { at: now, key, metric, value };
                self.tally.samples.extend(values.map(row));
            }
            // What a pack did before it came is in the sums of where it served.
            let before = known.before.as_ref();
            let came = |of: fn(&Facts) -> f64| before.map_or(0.0, of);
            let out_wh = ledger.energy_out_wh - came(|facts| facts.ledger.energy_out_wh);
            let first = match (known.is_taken_in, known.stage) {
                (true, _) => 0.0,
                (false, Stage::Vehicle) => out_wh,
                (false, _) => known.first_out_wh,
            };
            first_wh += first;
            second_wh += out_wh - first;
            sums.delivered_wh += out_wh;
            sums.losses_wh += ledger.losses_wh - came(|facts| facts.ledger.losses_wh);
            sums.unserved_wh += ledger.unserved_wh - came(|facts| facts.ledger.unserved_wh);
            sums.pack_h += (age_days - came(|facts| facts.age_days)) * 24.0;
            sums.outside_h += ledger.outside_temperature_h - came(|facts| facts.ledger.outside_temperature_h);
            sums.efc += efc - came(|facts| facts.efc);
            sums.outside_efc += ledger.outside_cycles_efc - came(|facts| facts.ledger.outside_cycles_efc);
        }
        let made = self.units.len() as f64 - self.taken_in();
        sums.replacements = self.counts.replaced;
        sums.packs = made;
        let works = self.works.look(move |works| works.view(now)).await;
        let (pack_kg, whole) = (site.contents.total_kg(), Key::SecondLife(self.index as u32));
        let of_works = Key::Recycler(self.index as u32);
        let mut metrics = vec![
            (whole, "store_packs", self.count(&[Stage::Store])),
            (whole, "moving_packs", self.count(&[Stage::Coming, Stage::ToStore, Stage::ToRecycler])),
            (whole, "recovered_kg", self.products.total_kg()),
            (whole, "residue_kg", self.residue.total_kg()),
            (whole, "total_carbon_kg", self.books.total() + works.books.standby_carbon_kg),
            (of_works, "queued_kg", works.queued_kg),
            (of_works, "in_work_kg", works.in_work_kg),
        ];
        if site.vehicle.is_some() {
            metrics.push((whole, "vehicle_packs", self.count(&[Stage::Vehicle])));
            metrics.push((whole, "made_kg", pack_kg * made));
        }
        if self.taken_in() > 0.0 {
            metrics.push((whole, "taken_in_kg", pack_kg * self.taken_in()));
        }
        let row = |(key, metric, value)| Sample { at: now, key, metric, value };
        self.tally.samples.extend(metrics.into_iter().map(row));
        self.tally.sums.push((now, whole, sums));
        self.tally.site_sums.extend([
            ("first_life_delivered_kwh", first_wh * 1e-3),
            ("second_life_delivered_kwh", second_wh * 1e-3),
            ("delivered_kwh", (first_wh + second_wh) * 1e-3),
        ]);
    }

    pub(in crate::engine) async fn conclude(mut self) -> Tally {
        for unit in 0..self.units.len() {
            if matches!(self.units[unit].body, Body::Twin(_)) {
                self.pay(unit).await;
            }
        }
        self.sample().await;
        let now = self.now;
        let model = self.model.clone();
        let site = &model.sites.chains[self.index];
        let (books, in_works) = self.works.look(move |works| (works.books(now), works.in_hand())).await;
        self.close(site, &books, in_works);
        self.tally.atlas = Some(Atlas { flows: self.flows(site, &books, in_works), ..Atlas::default() });
        for unit in 0..self.units.len() {
            self.end(unit, site).await;
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

    /// A pack's last row. Blocks have had theirs where they served.
    async fn end(&mut self, unit: usize, site: &ChainSite) {
        let Some(Facts { efc, age_days, health, ledger, losses }) = self.facts(unit).await else { return };
        let Unit { key, stage, account, entered, first_efc, first_days, .. } = &self.units[unit];
        let retired = matches!(stage, Stage::Done | Stage::Recycler);
        if !retired {
            let whole = Key::SecondLife(self.index as u32);
            self.tally.final_soh.entry(whole).or_default().push(health.capacity);
            self.tally.final_resistance.entry(whole).or_default().push(health.resistance);
        }
        let mut values = vec![
            ("soh", health.capacity),
            ("resistance_rel", health.resistance),
            ("efc", efc),
            ("first_life_efc", if *first_efc > 0.0 { *first_efc } else { efc }),
            ("age_days", age_days),
            ("first_life_days", first_days.unwrap_or(age_days)),
            ("retired", f64::from(u8::from(retired))),
            ("entered_day", entered.days_since(self.model.start)),
            ("energy_in_kwh", ledger.energy_in_wh * 1e-3),
            ("energy_out_kwh", ledger.energy_out_wh * 1e-3),
            ("losses_kwh", ledger.losses_wh * 1e-3),
            ("carbon_kg", account.total()),
        ];
        values.extend(columns(losses));
        let group = self.model.kinds[site.kind].name.clone();
        self.tally.endings.push(Ending { key: *key, group, values });
    }

    /// Closes the books of mass and emissions and judges what was recovered.
    fn close(&mut self, site: &ChainSite, books: &Books, in_works: Masses) {
        let pack_kg = site.contents.total_kg();
        let taken_in_kg = pack_kg * self.taken_in();
        let made_kg = pack_kg * (self.units.len() as f64 - self.taken_in());
        let vehicle_kg = pack_kg * self.count(&[Stage::Vehicle]);
        let store_kg = pack_kg * self.count(&[Stage::Store]);
        let moving_kg = pack_kg * self.count(&[Stage::Coming, Stage::ToStore, Stage::ToRecycler]);
        // Packs in the works have left residue there already.
        let placed_kg = vehicle_kg
            + store_kg
            + moving_kg
            + in_works.total_kg()
            + books.products.total_kg()
            + books.residue.total_kg();
        let of_packs: f64 = self.units.iter().map(|unit| unit.account.total()).sum();
        // What the works has emitted for lots that are not through is not in the books of packs yet.
        let unfinished_kg = books.process_carbon_kg - self.books.treatment;
        let total_kg = self.books.total() + unfinished_kg + books.standby_carbon_kg;
        let sums = &mut self.tally.site_sums;
        sums.extend([
            ("made_kg", made_kg),
            ("taken_in_kg", taken_in_kg),
            ("vehicle_kg", vehicle_kg),
            ("store_kg", store_kg),
            ("moving_kg", moving_kg),
            ("recycler_kg", in_works.total_kg()),
            ("recovered_kg", books.products.total_kg()),
            ("residue_kg", books.residue.total_kg()),
            ("mass_gap_kg", made_kg + taken_in_kg - placed_kg),
            ("making_carbon_kg", self.books.making),
            ("transport_carbon_kg", self.books.transport),
            ("losses_carbon_kg", self.books.losses),
            ("treatment_carbon_kg", books.process_carbon_kg + books.standby_carbon_kg),
            ("credit_carbon_kg", self.books.credit),
            ("total_carbon_kg", total_kg),
            ("carbon_gap_kg", total_kg - of_packs - unfinished_kg - books.standby_carbon_kg),
            ("packs_made", made_kg / pack_kg),
            ("packs_taken_in", taken_in_kg / pack_kg),
            ("second_life_packs", self.counts.second_life),
            ("unsuitable_packs", self.counts.unsuitable),
            ("recycled_packs", self.counts.recycled),
            ("recycling_passage_days", self.passage_days),
            ("recycling_energy_kwh", books.electricity_kwh + books.standby_kwh),
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

    /// Mass from stage to stage. What enters a stage leaves it, or is still there.
    fn flows(&self, site: &ChainSite, books: &Books, in_works: Masses) -> Vec<Flow> {
        const WAY: &str = "Batteries on the way";
        let pack_kg = site.contents.total_kg();
        let mut flows: Vec<Flow> = Vec::new();
        let mut flow = |from: &str, to: &str, mass_kg: f64| {
            if mass_kg > 0.0 {
                flows.push(Flow { from: from.into(), to: to.into(), mass_kg });
            }
        };
        let count = |is_counted: &dyn Fn(&Unit) -> bool| {
            pack_kg * self.units.iter().filter(|unit| is_counted(unit)).count() as f64
        };
        let is_moving =
            |unit: &Unit| matches!(unit.stage, Stage::Coming | Stage::ToStore | Stage::ToRecycler);
        let is_recycled = |unit: &Unit| matches!(unit.stage, Stage::Recycler | Stage::Done);
        for (from, is_taken_in) in [("Vehicles", false), ("Retired from service", true)] {
            let of = |unit: &Unit| unit.is_taken_in == is_taken_in;
            flow(from, "In use", count(&|unit| of(unit) && unit.stage == Stage::Vehicle));
            flow(from, "Second life", count(&|unit| of(unit) && unit.has_second_life));
            flow(from, WAY, count(&|unit| of(unit) && !unit.has_second_life && is_moving(unit)));
            flow(
                from,
                "Battery recycling",
                count(&|unit| of(unit) && !unit.has_second_life && is_recycled(unit)),
            );
        }
        flow("Second life", "In use", count(&|unit| unit.stage == Stage::Store));
        flow("Second life", WAY, count(&|unit| unit.has_second_life && is_moving(unit)));
        flow("Second life", "Battery recycling", count(&|unit| unit.has_second_life && is_recycled(unit)));
        flow("Battery recycling", "In work", in_works.total_kg());
        flow("Battery recycling", "Recovered materials", books.products.total_kg());
        flow("Battery recycling", "Residue", books.residue.total_kg());
        flows
    }
}
