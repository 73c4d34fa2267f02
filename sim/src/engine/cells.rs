//! A pack whose cells are simulated one by one: a zone of its own.
//!
//! It does what [`super::zone::Zone`] does for packs with duties, one pack at a time: a day's legs at midnight, rows at
//! every sampling instant, a successor at the end of life; and cells that are replaced on given days. Integrating such a
//! pack is dear, so rows come from one copy that goes on from row to row and is made anew each day: looking still
//! changes no twin.

use super::happenings::Happening;
use super::model::{GroupModel, Kind, VariantModel};
use super::player::{Hosting, Player};
use super::tally::{Ending, Key, Sample, Sums, Tally};
use crate::scenario::schema::{self, CellArrangement, CellTerminals};
use std::sync::Arc;
use twin::battery::Leg;
use twin::battery::fidelity::Fidelity;
use twin::battery::network::CellBank;
use twin::battery::network::balance::Balancing;
use twin::battery::network::circuits::{CircuitBank, UnsuitedCell};
use twin::battery::network::duty::NetworkStepping;
use twin::battery::network::heat::PackHeat;
use twin::battery::network::pack::{CellLimits, NetworkModel, Range};
use twin::battery::network::scatter::CellSpread;
use twin::battery::network::twin::{NetworkBattery, NetworkCommand};
use twin::battery::network::wiring::{Arrangement, Terminals, Wiring};
use twin::rng::Seed;
use twin::time::{DAY_MS, Time};

/// What the packs of a group have in common beyond their kind.
#[derive(Debug, Clone)]
pub struct CellsModel {
    /// Joints, heat, balancing, limits.
    pub network: NetworkModel,
    /// How cells and their places differ.
    pub spread: CellSpread,
    /// Steps.
    pub stepping: NetworkStepping,
    /// Cells to replace, in order of time: when, which, at which state of health.
    pub replacements: Vec<(Time, usize, f64)>,
    /// Whether every cell is recorded.
    pub record_cells: bool,
}

impl CellsModel {
    /// The cells of a kind of battery, joined as a scenario says.
    ///
    /// # Errors
    /// When the chemistry cannot be simulated cell by cell.
    pub fn of(kind: &Kind, file: &schema::CellNetwork, start: Time) -> Result<Self, UnsuitedCell> {
        if !matches!(kind.pack.fidelity, Fidelity::Particle(_)) {
            CircuitBank::suits(&kind.pack.cell)?;
        }
        let wiring = Wiring {
            layout: kind.pack.layout,
            arrangement: match file.arrangement {
                CellArrangement::Groups => Arrangement::Groups,
                CellArrangement::SharedBars => Arrangement::SharedBars,
                CellArrangement::Strings => Arrangement::Strings,
            },
            terminals: match file.terminals {
                CellTerminals::Same => Terminals::SameSide,
                CellTerminals::Opposite => Terminals::OppositeEnds,
            },
            busbar_ohm: file.busbar_mohm * 1e-3,
            contact_ohm: file.contact_mohm * 1e-3,
            terminal_ohm: file.terminal_mohm * 1e-3,
        };
        let cell_of =
            |cell: &schema::CellReplacement| wiring.cell(cell.position as usize - 1, cell.group as usize - 1);
        let due = |cell: &schema::CellReplacement| start.plus_seconds(cell.at_day * 86_400.0);
        let mut replacements: Vec<(Time, usize, f64)> =
            file.replace.iter().map(|cell| (due(cell), cell_of(cell), cell.soh)).collect();
        replacements.sort_by_key(|(at, ..)| *at);
        Ok(Self {
            network: NetworkModel {
                wiring,
                heat: PackHeat { path: kind.pack.thermal, neighbour_w_per_k: file.neighbour_w_per_k },
                balancing: balancing(file.balancing.as_ref()),
                limits: CellLimits::of(&kind.pack.cell),
                cell_ah: kind.pack.cell.file.cell.capacity_ah,
            },
            spread: CellSpread { make: kind.spread, place_k: file.place_sd_c, group_soc: file.group_soc_sd },
            stepping: NetworkStepping {
                active_s: file.step_s,
                rest_s: NetworkStepping::default().rest_s.max(file.step_s),
            },
            replacements,
            record_cells: file.record_cells,
        })
    }
}

fn balancing(file: Option<&schema::CellBalancing>) -> Balancing {
    let Some(file) = file else { return Balancing::None };
    match (file.passive, file.active) {
        (Some(passive), _) => Balancing::Passive {
            bleed_a: passive.bleed_ma * 1e-3,
            above_v: passive.above_v,
            difference_v: passive.difference_mv * 1e-3,
        },
        (None, Some(active)) => Balancing::Active {
            transfer_a: active.transfer_ma * 1e-3,
            efficiency: active.efficiency,
            above_v: active.above_v,
            difference_v: active.difference_mv * 1e-3,
        },
        (None, None) => Balancing::None,
    }
}

/// The zone of one pack.
pub struct CellZone {
    model: Arc<VariantModel>,
    group: usize,
    seed: Seed,
    hosting: Hosting,
    pack: Player<NetworkBattery>,
    name: Arc<str>,
    key: Key,
    /// When the pack entered service.
    since: Time,
    now: Time,
    next_day: Time,
    next_sample: i64,
    next_replacement: usize,
    /// A copy to look at, as of some time today.
    shown: Option<Box<NetworkBattery>>,
    cells_replaced: f64,
    sums: Sums,
    pub(super) tally: Tally,
}

/// What is due next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Replacement,
    Day,
    Sample,
}

impl CellZone {
    /// Puts the pack in place at the start of the run.
    pub fn set_up(model: Arc<VariantModel>, group: usize, number: u32, seed: Seed, hosting: Hosting) -> Self {
        let name: Arc<str> = format!("{}-{}", model.groups[group].file.name, number + 1).into();
        let soc = model.groups[group].file.initial_soc;
        let now = model.start;
        Self {
            pack: pack(&model, group, &name, (now, soc), seed, hosting),
            key: Key::GroupPack(group as u32, number, 0),
            name,
            since: now,
            now,
            next_day: now,
            next_sample: 0,
            next_replacement: 0,
            shown: None,
            cells_replaced: 0.0,
            sums: Sums::new(),
            tally: Tally::default(),
            model,
            group,
            seed,
            hosting,
        }
    }

    fn group_model(&self) -> &GroupModel {
        &self.model.groups[self.group]
    }

    fn cells_model(&self) -> &CellsModel {
        self.group_model().cells.as_ref().expect("a zone of cells is made for a group that has them")
    }

    /// When what is next is due; at one instant cells are replaced, then the day begins, then rows are written.
    fn next(&self) -> (Time, Due) {
        let sample = self.model.start + self.next_sample * self.model.interval_ms;
        let mut next = (sample, Due::Sample);
        if self.next_day <= next.0 {
            next = (self.next_day, Due::Day);
        }
        match self.cells_model().replacements.get(self.next_replacement) {
            Some((at, ..)) if *at <= next.0 => (*at, Due::Replacement),
            _ => next,
        }
    }

    /// Runs everything that is due before `end`.
    pub async fn run_until(&mut self, end: Time) {
        loop {
            let (at, due) = self.next();
            if at >= end {
                break;
            }
            self.now = at;
            match due {
                Due::Replacement => self.replace_cell().await,
                Due::Day => self.day().await,
                Due::Sample => {
                    self.next_sample += 1;
                    self.sample().await;
                }
            }
        }
        self.now = end;
    }

    async fn tell(&mut self, command: NetworkCommand) {
        self.pack.tell(self.now, [command]).await;
        self.shown = None;
    }

    /// The pack as of now, on a copy.
    async fn look(&mut self) -> &NetworkBattery {
        if self.shown.is_none() {
            self.shown = Some(Box::new(self.pack.look(NetworkBattery::clone).await));
        }
        let shown = self.shown.as_mut().expect("filled above");
        shown.catch_up(self.now);
        shown
    }

    async fn day(&mut self) {
        let model = self.model.clone();
        let group = &model.groups[self.group];
        let kind = &model.kinds[group.kind];
        let day = self.now.days_since(model.start).round() as u64;
        let (seed, name) = (self.seed, self.name.clone());
        let legs: Vec<Leg> = super::duty::day(group, kind, self.now, day, || seed.stream(&name, "day", day));
        self.tell(NetworkCommand::Follow { legs, catch_up: true }).await;
        let soh = self.look().await.health().capacity;
        if soh < kind.end_of_life_soh {
            self.succeed(soh).await;
        }
        self.next_day = self.now + DAY_MS;
    }

    /// Retires the pack and puts a new one in its place, half charged as it is shipped.
    async fn succeed(&mut self, soh: f64) {
        self.note("end_of_life", None, soh);
        self.finish(true).await;
        self.sums.replacements += 1.0;
        let (key, name) = self.key.successor(&self.name);
        (self.key, self.name) = (key, name.into());
        self.pack = pack(&self.model, self.group, &self.name, (self.now, 0.5), self.seed, self.hosting);
        (self.shown, self.since, self.cells_replaced) = (None, self.now, 0.0);
    }

    async fn replace_cell(&mut self) {
        let (_, cell, soh) = self.cells_model().replacements[self.next_replacement];
        self.next_replacement += 1;
        self.tell(NetworkCommand::Replace { cell, soh }).await;
        self.cells_replaced += 1.0;
        self.note("cell_replaced", Some(self.cell_key(cell)), soh);
    }

    fn cell_key(&self, cell: usize) -> Key {
        let Key::GroupPack(group, number, generation) = self.key else { return self.key };
        Key::Cell(group, number, generation, cell as u32)
    }

    fn note(&mut self, event: &'static str, other: Option<Key>, value: f64) {
        self.tally.happenings.push(Happening { at: self.now, event, key: self.key, other, value });
    }

    /// Records the pack as it is now, and its cells.
    pub(super) async fn sample(&mut self) {
        let (at, key, record_cells) = (self.now, self.key, self.cells_model().record_cells);
        let mut sums = self.sums.clone();
        let battery = self.look().await;
        let (view, health, pack) = (twin::twin::Twin::view(battery, at), battery.health(), battery.pack());
        let of = |values: &[f64]| Range::of(values.iter().copied());
        let voltage_v = of(pack.cell_voltages_v());
        let temperature_c = of(pack.heat().cells_c());
        let soh = Range::of((0..pack.bank().count()).map(|cell| pack.bank().health(cell).capacity));
        let mut samples: Vec<Sample> = [
            ("soh", health.capacity),
            ("resistance_rel", health.resistance),
            ("efc", view.efc),
            ("soc", view.soc),
            ("temperature_c", view.temperature_c),
            ("voltage_v", view.voltage_v),
            ("cell_voltage_min_v", voltage_v.min),
            ("cell_voltage_max_v", voltage_v.max),
            ("cell_current_spread_a", pack.current_spread_a()),
            ("cell_temperature_max_c", temperature_c.max),
            ("cell_temperature_spread_c", temperature_c.spread()),
            ("cell_soc_spread_pct", 100.0 * of(pack.bank().soc()).spread()),
            ("cell_soh_min_pct", 100.0 * soh.min),
            ("cell_soh_max_pct", 100.0 * soh.max),
        ]
        .map(|(metric, value)| Sample { at, key, metric, value })
        .into();
        let cells = if record_cells { pack.bank().count() } else { 0 };
        let Key::GroupPack(group, number, generation) = key else { return };
        for cell in 0..cells {
            let key = Key::Cell(group, number, generation, cell as u32);
            let values = [
                ("voltage_v", pack.cell_voltages_v()[cell]),
                ("current_a", pack.cell_currents_a()[cell]),
                ("soc", pack.bank().soc()[cell]),
                ("temperature_c", pack.heat().cells_c()[cell]),
                ("soh", pack.bank().health(cell).capacity),
            ];
            samples.extend(values.map(|(metric, value)| Sample { at, key, metric, value }));
        }
        add_to(&mut sums, battery);
        self.tally.samples.extend(samples);
        self.tally.sums.push((at, Key::Group(self.group as u32), sums));
    }

    /// The pack's last row: at the end of its life, or of the run.
    async fn finish(&mut self, retired: bool) {
        let (now, since, replaced) = (self.now, self.since, self.cells_replaced);
        let (start, whole) = (self.model.start, Key::Group(self.group as u32));
        let mut sums = self.sums.clone();
        let battery = self.look().await;
        let (view, health, pack) = (twin::twin::Twin::view(battery, now), battery.health(), battery.pack());
        let (ledger, cells) = (pack.ledger(), pack.bank().sums());
        let count = pack.bank().count() as f64;
        let losses_wh = cells.losses_wh + ledger.interconnect_wh + ledger.balancing_wh;
        let mut values = vec![
            ("soh", health.capacity),
            ("resistance_rel", health.resistance),
            ("efc", view.efc),
            ("soc", view.soc),
            ("age_days", view.age_days),
            ("retired", f64::from(u8::from(retired))),
            ("entered_day", since.days_since(start)),
            ("energy_in_kwh", ledger.energy_in_wh * 1e-3),
            ("energy_out_kwh", ledger.energy_out_wh * 1e-3),
            ("losses_kwh", losses_wh * 1e-3),
            ("unserved_kwh", ledger.unserved_wh * 1e-3),
            ("charges", ledger.charges),
            ("hot_h", cells.hot_h / count),
            ("outside_temperature_h", cells.outside_temperature_h / count),
            ("outside_cycles_efc", cells.outside_cycles_efc / count),
            ("interconnect_losses_kwh", ledger.interconnect_wh * 1e-3),
            ("balancing_losses_kwh", ledger.balancing_wh * 1e-3),
            ("cells_replaced", replaced),
        ];
        values.extend(super::fidelity::columns(pack.bank().losses()));
        add_to(&mut sums, battery);
        if retired {
            // What a retired pack did stays in the sums of its zone.
            self.sums = sums;
        } else {
            self.tally.final_soh.entry(whole).or_default().push(health.capacity);
            self.tally.final_resistance.entry(whole).or_default().push(health.resistance);
        }
        let group = self.model.kinds[self.group_model().kind].name.clone();
        self.tally.endings.push(Ending { key: self.key, group, values });
    }

    /// Ends the zone's run and hands over what it recorded.
    pub async fn conclude(mut self) -> Tally {
        // Afresh, so that the end does not depend on how the copy was carried to the rows before.
        self.shown = None;
        self.sample().await;
        self.finish(false).await;
        self.tally
    }
}

/// A new pack of a group, its cells drawn from the stream of its name.
fn pack(
    model: &VariantModel,
    group: usize,
    name: &Arc<str>,
    (at, soc): (Time, f64),
    seed: Seed,
    hosting: Hosting,
) -> Player<NetworkBattery> {
    let group = &model.groups[group];
    let cells = group.cells.as_ref().expect("a zone of cells is made for a group that has them");
    let mut stream = seed.stream(name, "scatter", 0);
    let kind = &model.kinds[group.kind];
    let place = (group.ambient.clone(), at, soc);
    let battery = NetworkBattery::new(
        (kind.pack.cell.clone(), &kind.pack.fidelity),
        cells.network.clone(),
        cells.spread,
        &mut stream,
        place,
        cells.stepping,
    );
    let battery = battery.expect("the cell was found suited when the model was made");
    Player::new(battery, name.clone(), seed, hosting)
}

/// Adds what a pack did to the sums of its group.
fn add_to(sums: &mut Sums, battery: &NetworkBattery) {
    let pack = battery.pack();
    let (ledger, cells, count) = (pack.ledger(), pack.bank().sums(), pack.bank().count());
    let per_cell = 1.0 / count as f64;
    sums.packs += 1.0;
    sums.delivered_wh += ledger.energy_out_wh;
    sums.losses_wh += cells.losses_wh + ledger.interconnect_wh + ledger.balancing_wh;
    sums.unserved_wh += ledger.unserved_wh;
    sums.pack_h += ledger.age_days * 24.0;
    sums.outside_h += cells.outside_temperature_h * per_cell;
    sums.efc += battery.efc();
    sums.outside_efc += cells.outside_cycles_efc * per_cell;
}
