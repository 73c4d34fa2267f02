//! What a zone records: rows of its twins at every interval, what happened, and a last row of each.

use super::packs::Seat;
use super::{Zone, ZonePart};
use crate::engine::cast::Cast;
use crate::engine::fidelity;
use crate::engine::happenings::Happening;
use crate::engine::tally::{Ending, Key, Sample, Tally};
use twin::battery::Battery;
use twin::time::Time;
use twin::twin::Twin;

impl<C: Cast> Zone<C> {
    /// Notes something that happened for the run's events.
    pub(super) fn note(&mut self, at: Time, event: &'static str, key: Key, other: Option<Key>, value: f64) {
        self.tally.happenings.push(Happening { at, event, key, other, value });
    }

    /// The network or group that this zone is part of.
    fn whole(&self) -> Key {
        match self.part {
            ZonePart::District { network, .. } => Key::Network(network as u32),
            ZonePart::Packs { group, .. } => Key::Group(group as u32),
        }
    }

    /// Records every twin as it is now, without disturbing any.
    pub(in crate::engine) async fn sample(&mut self) {
        let now = self.now;
        let mut sums = self.sums.clone();
        for pack in 0..self.seats.len() as u32 {
            let Some(seat) = &self.seats[pack as usize] else { continue };
            let (key, reading) = (seat.key, seat.reading(now));
            let (view, health, ledger, losses) = self
                .cast
                .look_battery(pack, move |battery| {
                    let copy = reading(battery);
                    (copy.view(now), copy.health(), copy.ledger(), copy.losses())
                })
                .await;
            let values = [
                ("soh", health.capacity),
                ("resistance_rel", health.resistance),
                ("efc", view.efc),
                ("soc", view.soc),
                ("temperature_c", view.temperature_c),
                ("voltage_v", view.voltage_v),
            ];
            let values = values.into_iter().chain(fidelity::columns(losses));
            self.tally.samples.extend(values.map(|(metric, value)| Sample { at: now, key, metric, value }));
            sums.add_pack(&view, &ledger);
        }
        for station in 0..self.stations.len() as u32 {
            let cabinet = self.cabinet_now(station).await;
            let (meter, ready) = (cabinet.metered(now), cabinet.view(now).ready);
            let key = self.stations[station as usize].key;
            let totals = meter.totals();
            sums.add_cabinet(&meter, ready);
            let samples = [("energy_kwh", totals.energy_wh * 1e-3), ("peak_kw", totals.peak_w * 1e-3)];
            self.tally.samples.extend(samples.map(|(metric, value)| Sample { at: now, key, metric, value }));
            self.tally.peak_w.insert(key, totals.peak_w);
        }
        let whole = self.whole();
        self.tally.sums.push((now, whole, sums));
    }

    /// A pack's last row: at the end of its life, or of the run.
    pub(super) fn finish(&mut self, seat: &Seat, battery: &Battery, retired: bool) {
        let view = battery.view(self.now);
        let health = battery.health();
        let ledger = battery.ledger();
        let whole = self.whole();
        if retired {
            // What a retired pack did stays in the sums of its zone.
            self.sums.add_pack(&view, &ledger);
            if self.retired_to().is_some() {
                // Its story goes on elsewhere, and its last row is written there.
                return;
            }
        } else {
            self.tally.final_soh.entry(whole).or_default().push(health.capacity);
            self.tally.final_resistance.entry(whole).or_default().push(health.resistance);
        }
        self.tally.endings.push(Ending {
            key: seat.key,
            group: self.model.kinds[seat.kind].name.clone(),
            values: [
                ("soh", health.capacity),
                ("resistance_rel", health.resistance),
                ("efc", view.efc),
                ("soc", view.soc),
                ("age_days", view.age_days),
                ("retired", f64::from(u8::from(retired))),
                ("entered_day", seat.since.days_since(self.model.start)),
                ("energy_in_kwh", ledger.energy_in_wh * 1e-3),
                ("energy_out_kwh", ledger.energy_out_wh * 1e-3),
                ("losses_kwh", ledger.losses_wh * 1e-3),
                ("unserved_kwh", ledger.unserved_wh * 1e-3),
                ("charges", ledger.charges),
                ("hot_h", ledger.hot_h),
                ("outside_temperature_h", ledger.outside_temperature_h),
                ("outside_cycles_efc", ledger.outside_cycles_efc),
            ]
            .into_iter()
            .chain(fidelity::columns(battery.losses()))
            .collect(),
        });
    }

    /// Ends the zone's run and hands over what it recorded.
    pub async fn conclude(mut self) -> Tally {
        // Rows of this very instant may be there already, where something was injected at it.
        if self.tally.sums.last().is_none_or(|(at, ..)| *at < self.now) {
            self.sample().await;
        }
        let now = self.now;
        for pack in 0..self.seats.len() {
            let Some(seat) = self.seats[pack].take() else { continue };
            let battery = self.cast.look_battery(pack as u32, seat.reading(now)).await;
            self.finish(&seat, &battery, false);
        }
        for station in 0..self.stations.len() as u32 {
            let meter = self.cabinet_now(station).await.metered(now);
            let totals = meter.totals();
            let key = self.stations[station as usize].key;
            let ZonePart::District { network, .. } = self.part else { continue };
            self.tally.endings.push(Ending {
                key,
                group: self.model.networks[network].file.name.clone(),
                values: vec![
                    ("energy_kwh", totals.energy_wh * 1e-3),
                    ("grid_kwh", totals.grid_wh * 1e-3),
                    ("solar_kwh", totals.solar_wh * 1e-3),
                    ("charged_kwh", totals.charged_wh * 1e-3),
                    ("energy_cost", totals.cost),
                    ("grid_carbon_kg", totals.carbon_g * 1e-3),
                    ("peak_kw", totals.peak_w * 1e-3),
                    ("charges", totals.charges as f64),
                ],
            });
        }
        self.tally
    }
}
