//! A data centre in a world: its outages, its batteries and the care of their blocks.

use super::super::happenings::Happening;
use super::super::model::VariantModel;
use super::super::tally::{Ending, Key, Replacement, Sample, Sums, Tally};
use super::model::CentreSite;
use crate::engine::agenda::Agenda;
use crate::engine::player::{Hosting, Player};
use crate::engine::transfer::{self, Content, Retired};
use std::collections::BTreeMap;
use std::sync::Arc;
use twin::battery::lead_acid::discharge::Load;
use twin::battery::lead_acid::string::{Charger, StringState};
use twin::battery::lead_acid::{BankCommand, BankEvent, BankView, BlockView, Duty, LeadAcidBank, What};
use twin::facility::data_centre::{
    DataCentre, DataCentreCommand, DataCentreEvent, DataCentreView, Outage, Reading, Reason, inspections,
};
use twin::rng::Seed;
use twin::time::Time;
use twin::twin::Twin;

/// Days of a bin of replaced blocks.
const BIN_DAYS: f64 = 30.4375;

/// How far blocks are looked ahead for at the end of a run.
const OUTLOOK_DAYS: f64 = 365.25;

enum Action {
    Wake,
    Restore(Outage),
    Inspect,
    Sample,
}

/// A block as its zone knows it.
#[derive(Debug, Clone, Copy)]
struct Seat {
    generation: u32,
    since: Time,
}

/// A data centre in a world.
pub struct CentreZone {
    pub(super) model: Arc<VariantModel>,
    pub(super) index: usize,
    pub(super) centre: Player<DataCentre>,
    pub(super) banks: Vec<Player<LeadAcidBank>>,
    agenda: Agenda<Action>,
    pub(super) now: Time,
    next_sample: i64,
    seats: BTreeMap<(usize, usize, usize), Seat>,
    replaced: f64,
    replaced_by_month: Vec<f64>,
    /// Blocks that were replaced and go to a recycler.
    retired: Vec<Retired>,
    pub(in crate::engine) tally: Tally,
}

impl CentreZone {
    pub(in crate::engine) async fn set_up(
        model: Arc<VariantModel>,
        index: usize,
        seed: Seed,
        hosting: Hosting,
    ) -> Self {
        let site = &model.sites.data_centres[index];
        let start = model.start;
        let mut banks = Vec::new();
        let mut seats = BTreeMap::new();
        for (room, ((strings, ambient), file)) in site.banks.iter().zip(&site.file.rooms).enumerate() {
            let name = format!("{}/{}", site.file.name, file.name);
            let mut stream = seed.stream(&name, "blocks", 0);
            let count = file.strings as usize;
            let bank = LeadAcidBank::drawn(strings.clone(), count, ambient.clone(), start, Some(&mut stream));
            banks.push(Player::new(bank, name, seed, hosting));
            for string in 0..count {
                for block in 0..file.blocks_per_string as usize {
                    seats.insert((room, string, block), Seat { generation: 0, since: start });
                }
            }
        }
        let centre =
            Player::new(DataCentre::new(site.centre.clone()), site.file.name.as_str(), seed, hosting);
        let mut zone = Self {
            index,
            centre,
            banks,
            agenda: Agenda::default(),
            now: start,
            next_sample: 1,
            seats,
            replaced: 0.0,
            replaced_by_month: Vec::new(),
            retired: Vec::new(),
            tally: Tally::default(),
            model,
        };
        let opened = zone.centre.tell(start, [DataCentreCommand::Open]).await;
        zone.wake_later(&opened.view);
        zone.agenda.add(start, Action::Sample);
        let every_days = zone.site().file.care.inspect_every_days;
        for at in inspections(start, zone.model.end, every_days) {
            zone.agenda.add(at, Action::Inspect);
        }
        zone
    }

    fn site(&self) -> &CentreSite {
        &self.model.sites.data_centres[self.index]
    }

    fn wake_later(&mut self, view: &DataCentreView) {
        if let Some(at) = view.wake_at {
            self.agenda.add(at, Action::Wake);
        }
    }

    /// Blocks that were replaced and go to a recycler.
    pub(in crate::engine) fn take_retired(&mut self) -> Vec<Retired> {
        std::mem::take(&mut self.retired)
    }

    pub(in crate::engine) async fn run_until(&mut self, end: Time) {
        while let Some((at, action)) = self.agenda.next_before(end) {
            self.now = at;
            match action {
                Action::Wake => self.wake().await,
                Action::Restore(outage) => self.restore(outage).await,
                Action::Inspect => self.inspect().await,
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

    async fn wake(&mut self) {
        let now = self.now;
        let answer = self.centre.tell(now, [DataCentreCommand::Wake]).await;
        for event in answer.events {
            let DataCentreEvent::Began { outage } = event else { continue };
            for room in 0..self.banks.len() {
                let power_w = self.site().centre.rooms[room].load_max_w * outage.load_share;
                let carry = BankCommand::Begin(Duty::Carry(Load::Power { power_w }));
                let answer = self.banks[room].tell(now, [carry]).await;
                self.note_bank(room, &answer.events);
            }
            self.note("outage", Key::DataCentre(self.index as u32), outage.lasts_s / 60.0);
            self.agenda.add(now.plus_seconds(outage.to_carry_s()), Action::Restore(outage));
        }
    }

    /// Grid or generator carry the load again.
    async fn restore(&mut self, outage: Outage) {
        let now = self.now;
        for room in 0..self.banks.len() {
            let back = BankCommand::Begin(Duty::Idle(Charger::Float));
            let answer = self.banks[room].tell(now, [back]).await;
            self.note_bank(room, &answer.events);
            // Both ends of the span were rounded to milliseconds.
            let seconds = match answer.view.carried_s {
                carried if carried + 2e-3 >= outage.to_carry_s() => outage.to_carry_s(),
                carried => carried,
            };
            let answer = self.centre.tell(now, [DataCentreCommand::Carried { room, seconds }]).await;
            for event in &answer.events {
                if let DataCentreEvent::Over { .. } = event {
                    self.wake_later(&answer.view);
                }
            }
        }
    }

    /// What came about in a bank by itself.
    fn note_bank(&mut self, room: usize, events: &[BankEvent]) {
        for event in events {
            let BankEvent::Happened(happening) = event else { continue };
            let (centre, room) = (self.index as u32, room as u32);
            let (event, key, value) = match happening.what {
                What::LoadDropped { after_s } => ("load_dropped", Key::Bank(centre, room), after_s / 60.0),
                What::StringEnded { block } => {
                    let place = (room as usize, happening.string, block);
                    let generation = self.seats.get(&place).map_or(0, |seat| seat.generation);
                    let key = Key::Block(centre, room, happening.string as u32, block as u32, generation);
                    ("string_ended", key, 0.0)
                }
                What::Runaway(_) => ("charger_guard", Key::Bank(centre, room), happening.string as f64 + 1.0),
            };
            self.tally.happenings.push(Happening { at: happening.at, event, key, other: None, value });
        }
    }

    fn note(&mut self, event: &'static str, key: Key, value: f64) {
        self.tally.happenings.push(Happening { at: self.now, event, key, other: None, value });
    }

    /// Reads every block and replaces those that are due.
    async fn inspect(&mut self) {
        let now = self.now;
        for room in 0..self.banks.len() {
            let answer = self.banks[room].tell(now, [BankCommand::CatchUp]).await;
            self.note_bank(room, &answer.events);
            let readings = blocks(&answer.view)
                .map(|(string, block, view)| Reading { string, block, soh: view.soh })
                .collect();
            let found = self.centre.tell(now, [DataCentreCommand::Inspect { room, readings }]).await;
            for event in found.events {
                let DataCentreEvent::Due { reading, reason, .. } = event else { continue };
                self.replace(room, reading, reason, &answer.view).await;
            }
        }
    }

    async fn replace(&mut self, room: usize, reading: Reading, reason: Reason, view: &BankView) {
        let Reading { string, block, soh } = reading;
        let old = self.seats[&(room, string, block)];
        let key = self.block_key(room, string, block, old.generation);
        let event = match reason {
            Reason::Worn => "block_replaced_worn",
            Reason::Forecast => "block_replaced_forecast",
        };
        self.note(event, key, soh);
        let reason = match reason {
            Reason::Worn => "found worn",
            Reason::Forecast => "forecast to be worn soon",
        };
        self.plan(self.now, key, (room, reason), soh);
        self.finish(key, old, &view.strings[string].blocks[block], true);
        let command = BankCommand::ReplaceBlock { string, block };
        self.banks[room].tell(self.now, [command]).await;
        let fresh = Seat { generation: old.generation + 1, since: self.now };
        self.seats.insert((room, string, block), fresh);
        self.replaced += 1.0;
        if let Some(chain) = self.site().retired_to {
            let at = transfer::arrival(&self.model, chain, self.now);
            let name = format!("{}/{room}/{string}-{block}#{}", self.site().file.name, old.generation).into();
            self.retired.push(Retired { chain, at, key, name, since: old.since, what: Content::Block });
        }
        let bin = (self.now.days_since(self.model.start) / BIN_DAYS) as usize;
        self.replaced_by_month.resize(self.replaced_by_month.len().max(bin + 1), 0.0);
        self.replaced_by_month[bin] += 1.0;
    }

    fn plan(&mut self, at: Time, key: Key, (room, reason): (usize, &'static str), soh: f64) {
        let bank = Key::Bank(self.index as u32, room as u32);
        self.tally.replacements.push(Replacement { at, key, bank, reason, soh });
    }

    /// Blocks that will be worn within a year, as far as their inspections tell.
    async fn look_ahead(&mut self, room: usize, view: &BankView) {
        let places: Vec<(usize, usize, f64)> = blocks(view).map(|(s, k, block)| (s, k, block.soh)).collect();
        let asked = places.clone();
        let left = self
            .centre
            .look(move |centre| -> Vec<Option<f64>> {
                asked.iter().map(|(string, block, _)| centre.remaining_days(room, *string, *block)).collect()
            })
            .await;
        for ((string, block, soh), left) in places.into_iter().zip(left) {
            let Some(days) = left.filter(|days| *days <= OUTLOOK_DAYS) else { continue };
            let seat = self.seats[&(room, string, block)];
            let key = self.block_key(room, string, block, seat.generation);
            let at = self.now.plus_seconds(days.max(0.0) * 86_400.0);
            self.plan(at, key, (room, "due if it goes on as so far"), soh);
        }
    }

    fn block_key(&self, room: usize, string: usize, block: usize, generation: u32) -> Key {
        Key::Block(self.index as u32, room as u32, string as u32, block as u32, generation)
    }

    fn finish(&mut self, key: Key, seat: Seat, view: &BlockView, retired: bool) {
        let values = vec![
            ("soh", view.soh),
            ("resistance_rel", view.resistance_rel(self.site())),
            ("soc", view.soc),
            ("life_used_pct", 100.0 * view.life_used),
            ("age_days", self.now.days_since(seat.since)),
            ("entered_day", seat.since.days_since(self.model.start)),
            ("retired", f64::from(u8::from(retired))),
        ];
        let group = self.site().file.name.clone();
        self.tally.endings.push(Ending { key, group, values });
    }

    pub(in crate::engine) async fn sample(&mut self) {
        let now = self.now;
        let site = &self.model.sites.data_centres[self.index];
        let worn_below = site.centre.worn_below;
        let (mut surviving, mut total) = (0.0, 0.0);
        let mut sums = Sums::new();
        let mut samples = Vec::new();
        for (room, bank) in self.banks.iter().enumerate() {
            let power_w = site.centre.rooms[room].load_max_w;
            let (view, autonomy_s, out_wh, heat_wh) = bank
                .look(move |bank| {
                    let copy = bank.observed(now);
                    let autonomy_s = copy.autonomy(Load::Power { power_w }).seconds;
                    let total = |of: fn(&StringState) -> f64| copy.strings().iter().map(of).sum::<f64>();
                    (copy.view(now), autonomy_s, total(|s| s.energy_out_wh), total(|s| s.heat_wh))
                })
                .await;
            sums.delivered_wh += out_wh;
            sums.losses_wh += heat_wh;
            for (string, block, view) in blocks(&view) {
                let seat = self.seats[&(room, string, block)];
                let key = self.block_key(room, string, block, seat.generation);
                total += 1.0;
                if seat.generation == 0 && view.soh >= worn_below {
                    surviving += 1.0;
                }
                for (metric, value) in [("soh", view.soh), ("temperature_c", view.temperature_c)] {
                    samples.push(Sample { at: now, key, metric, value });
                }
            }
            let key = Key::Bank(self.index as u32, room as u32);
            let air_c = site.banks[room].1.at(now);
            let values = [
                ("autonomy_min", autonomy_s / 60.0),
                ("air_c", air_c),
                ("humidity_pct", site.centre.rooms[room].relative_humidity_pct()),
            ];
            samples.extend(values.map(|(metric, value)| Sample { at: now, key, metric, value }));
        }
        let key = Key::DataCentre(self.index as u32);
        let share_pct = 100.0 * surviving / total;
        let metric = "blocks_surviving_pct";
        samples.push(Sample { at: now, key, metric, value: share_pct });
        self.tally.samples.extend(samples);
        sums.replacements = self.replaced;
        let unserved = self.centre.look(|centre| centre.view(Time(0)).counts.unserved_kwh).await;
        sums.unserved_wh = unserved * 1e3;
        self.tally.sums.push((now, key, sums));
        self.tally.site_sums.insert("blocks_surviving", surviving);
        self.tally.site_sums.insert("blocks_total", total);
    }

    pub(in crate::engine) async fn conclude(mut self) -> Tally {
        for room in 0..self.banks.len() {
            let answer = self.banks[room].tell(self.now, [BankCommand::CatchUp]).await;
            self.note_bank(room, &answer.events);
        }
        self.sample().await;
        let now = self.now;
        let counts = self.centre.look(|centre| centre.view(Time(0)).counts).await;
        let rooms = self.banks.len() as f64;
        let whole = Key::DataCentre(self.index as u32);
        let mut least_min = f64::INFINITY;
        for room in 0..self.banks.len() {
            let power_w = self.site().centre.rooms[room].load_max_w;
            let (view, autonomy_s) = self.banks[room]
                .look(move |bank| {
                    let copy = bank.observed(now);
                    (copy.view(now), copy.autonomy(Load::Power { power_w }).seconds)
                })
                .await;
            least_min = least_min.min(autonomy_s / 60.0);
            self.look_ahead(room, &view).await;
            for (string, block, view) in blocks(&view) {
                let seat = self.seats[&(room, string, block)];
                let key = self.block_key(room, string, block, seat.generation);
                self.finish(key, seat, view, false);
                self.tally.final_soh.entry(whole).or_default().push(view.soh);
                let resistance = view.resistance_rel(self.site());
                self.tally.final_resistance.entry(whole).or_default().push(resistance);
            }
            let key = Key::Bank(self.index as u32, room as u32);
            let values = vec![("autonomy_min", autonomy_s / 60.0)];
            let group = self.site().file.name.clone();
            self.tally.endings.push(Ending { key, group, values });
        }
        let outages = counts.outages as f64;
        self.tally.site_sums.extend([
            ("blocks_replaced", self.replaced),
            ("outages_total", outages),
            ("loads_dropped", counts.drops as f64),
            ("dark_min", counts.dark_s / 60.0),
            ("on_battery_min", counts.carried_s / 60.0),
            ("room_outages_total", outages * rooms),
            ("room_outages_carried", outages * rooms - counts.drops as f64),
        ]);
        self.tally.endings.push(Ending {
            key: whole,
            group: self.site().file.name.clone(),
            values: vec![
                ("outages_total", outages),
                ("loads_dropped", counts.drops as f64),
                ("dark_min", counts.dark_s / 60.0),
                ("blocks_replaced", self.replaced),
                ("autonomy_min", least_min),
            ],
        });
        self.tally.site_bins.insert("blocks_replaced_by_month", std::mem::take(&mut self.replaced_by_month));
        self.tally
    }
}

/// Blocks of a bank with string and place.
fn blocks(view: &BankView) -> impl Iterator<Item = (usize, usize, &BlockView)> {
    let strings = view.strings.iter().enumerate();
    strings.flat_map(|(string, view)| view.blocks.iter().enumerate().map(move |(k, b)| (string, k, b)))
}

/// Resistance of a block relative to a new one at the same temperature.
trait Relative {
    fn resistance_rel(&self, site: &CentreSite) -> f64;
}

impl Relative for BlockView {
    fn resistance_rel(&self, site: &CentreSite) -> f64 {
        let Some((strings, _)) = site.banks.first() else { return 1.0 };
        let block = &strings.block;
        let factor = block.shepherd.resistance_factor(self.temperature_c);
        let new_ohm = f64::from(block.cells) * block.shepherd.voltage.discharge_ohm_ah / block.rated_ah;
        self.resistance_ohm / (new_ohm * factor)
    }
}
