//! What a zone counts and records while it runs.

use super::happenings::Happenings;
use crate::results::atlas::Atlas;
use ahash::AHasher;
use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;
use twin::battery::BatteryView;
use twin::battery::pack::Ledger;
use twin::cabinet::meter::Meter;
use twin::time::Time;

/// A thing that rows speak of, in an order that does not depend on zones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A pack of a network: network, number, generation.
    NetworkPack(u32, u32, u32),
    /// A pack of a group: group, number, generation.
    GroupPack(u32, u32, u32),
    /// A cabinet: network, number.
    Cabinet(u32, u32),
    /// A network.
    Network(u32),
    /// A group of packs.
    Group(u32),
    /// A cell of a pack of a group: group, number, generation, cell.
    Cell(u32, u32, u32, u32),
    /// A data centre.
    DataCentre(u32),
    /// The batteries of a room: data centre, room.
    Bank(u32, u32),
    /// A block: data centre, room, string, place, generation.
    Block(u32, u32, u32, u32, u32),
    /// A chain of second lives.
    SecondLife(u32),
    /// The recycler of a chain.
    Recycler(u32),
    /// A pack of a chain, in order of making.
    ChainPack(u32, u32),
    /// Something of a cleanup: cleanup, what, number.
    Cleanup(u32, Member, u32),
}

/// Every row speaks of a twin or two, so that looking up has to be quick.
pub type KeyHasher = BuildHasherDefault<AHasher>;

impl Key {
    /// Key and name of the pack that takes the place of one called so: of the next generation, which names count from 2 on.
    pub fn successor(self, name: &str) -> (Key, String) {
        let (key, before) = match self {
            Key::NetworkPack(network, number, generation) => {
                (Key::NetworkPack(network, number, generation + 1), generation + 1)
            }
            Key::GroupPack(group, number, generation) => {
                (Key::GroupPack(group, number, generation + 1), generation + 1)
            }
            other => (other, 0),
        };
        let stem = name.split('#').next().unwrap_or(name);
        (key, format!("{stem}#{}", before + 1))
    }
}

/// What belongs to a cleanup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    /// The cleanup itself.
    Whole,
    /// A ground.
    Ground,
    /// A vessel.
    Vessel,
    /// A team.
    Team,
    /// A port.
    Port,
    /// A truck.
    Truck,
    /// A plant.
    Plant,
}

/// One value of one metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// Of what.
    pub key: Key,
    /// Metric.
    pub metric: &'static str,
    /// Value.
    pub value: f64,
}

/// A twin at its end, or at the end of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// Which.
    pub key: Key,
    /// The scenario's name for its group.
    pub group: String,
    /// Values.
    pub values: Vec<(&'static str, f64)>,
}

/// Sums over a network or group in one zone since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// Completed swaps.
    pub swaps: f64,
    /// Riders who walked away.
    pub walk_aways: f64,
    /// Swaps that were given up for good.
    pub lost: f64,
    /// Packs replaced.
    pub replacements: f64,
    /// Packs that served, each in the sums of where it served first.
    pub packs: f64,
    /// Time that riders waited, over completed swaps [s].
    pub waited_s: f64,
    /// Meters of the cabinets.
    pub energy_wh: f64,
    /// Of that from the grid.
    pub grid_wh: f64,
    /// Of that from the sun.
    pub solar_wh: f64,
    /// Into the packs.
    pub charged_wh: f64,
    /// Price of the grid's share.
    pub cost: f64,
    /// Carbon of the grid's share [g].
    pub carbon_g: f64,
    /// Charges that were finished.
    pub charges: f64,
    /// Time that they took [h].
    pub charging_h: f64,
    /// Energy given out by the packs [Wh].
    pub delivered_wh: f64,
    /// Losses in the packs [Wh].
    pub losses_wh: f64,
    /// Energy asked of the packs and not given [Wh].
    pub unserved_wh: f64,
    /// Life of all packs together [h].
    pub pack_h: f64,
    /// Of that outside the temperatures of the life model [h].
    pub outside_h: f64,
    /// Throughput of all packs [full equivalent cycles].
    pub efc: f64,
    /// Of that outside the depths and rates of the life model.
    pub outside_efc: f64,
    /// Packs that may be handed out now.
    pub ready: f64,
    /// Swaps by local hour of day.
    pub by_hour: Vec<f64>,
    /// Energy drawn by UTC hour of day [Wh].
    pub energy_by_utc_hour_wh: Vec<f64>,
    /// Waiting times of completed swaps by whole minutes, the last open-ended; those who did not wait first.
    pub waits: Vec<f64>,
}

/// Bins of [`Sums::waits`]: none, then minutes up to the last, open-ended.
pub const WAIT_BINS: usize = 242;

impl Sums {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self {
            by_hour: vec![0.0; 24],
            energy_by_utc_hour_wh: vec![0.0; 24],
            waits: vec![0.0; WAIT_BINS],
            ..Self::default()
        }
    }

    /// Adds a pack by what it shows and what it has booked.
    pub fn add_pack(&mut self, view: &BatteryView, ledger: &Ledger) {
        self.packs += 1.0;
        self.delivered_wh += ledger.energy_out_wh;
        self.losses_wh += ledger.losses_wh;
        self.unserved_wh += ledger.unserved_wh;
        self.pack_h += view.age_days * 24.0;
        self.outside_h += ledger.outside_temperature_h;
        self.efc += view.efc;
        self.outside_efc += ledger.outside_cycles_efc;
    }

    /// Adds a cabinet by its meter and the packs that it may hand out now.
    pub fn add_cabinet(&mut self, meter: &Meter, ready: u32) {
        let totals = meter.totals();
        self.energy_wh += totals.energy_wh;
        self.grid_wh += totals.grid_wh;
        self.solar_wh += totals.solar_wh;
        self.charged_wh += totals.charged_wh;
        self.cost += totals.cost;
        self.carbon_g += totals.carbon_g;
        self.charges += totals.charges as f64;
        self.charging_h += totals.charging_h;
        self.ready += f64::from(ready);
        self.energy_by_utc_hour_wh.iter_mut().zip(meter.by_hour_wh()).for_each(|(a, b)| *a += b);
    }

    /// Adds another zone's sums.
    pub fn add(&mut self, other: &Sums) {
        self.swaps += other.swaps;
        self.walk_aways += other.walk_aways;
        self.lost += other.lost;
        self.replacements += other.replacements;
        self.packs += other.packs;
        self.waited_s += other.waited_s;
        self.energy_wh += other.energy_wh;
        self.grid_wh += other.grid_wh;
        self.solar_wh += other.solar_wh;
        self.charged_wh += other.charged_wh;
        self.cost += other.cost;
        self.carbon_g += other.carbon_g;
        self.charges += other.charges;
        self.charging_h += other.charging_h;
        self.delivered_wh += other.delivered_wh;
        self.losses_wh += other.losses_wh;
        self.unserved_wh += other.unserved_wh;
        self.pack_h += other.pack_h;
        self.outside_h += other.outside_h;
        self.efc += other.efc;
        self.outside_efc += other.outside_efc;
        self.ready += other.ready;
        let pairs = [
            (&mut self.by_hour, &other.by_hour),
            (&mut self.energy_by_utc_hour_wh, &other.energy_by_utc_hour_wh),
            (&mut self.waits, &other.waits),
        ];
        for (mine, theirs) in pairs {
            mine.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        }
    }
}

/// A block that was replaced, or will be due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Replacement {
    /// When.
    pub at: Time,
    /// Which.
    pub key: Key,
    /// The batteries that it is part of.
    pub bank: Key,
    /// Why.
    pub reason: &'static str,
    /// State of health, as read then or last.
    pub soh: f64,
}

/// Everything that one zone leaves behind.
#[derive(Debug, Default)]
pub struct Tally {
    /// Rows of single twins.
    pub samples: Vec<Sample>,
    /// What happened.
    pub happenings: Happenings,
    /// Twins at their end.
    pub endings: Vec<Ending>,
    /// Sums of each network or group that is (partly) in the zone, at every sampling instant.
    pub sums: Vec<(Time, Key, Sums)>,
    /// State of health at the end, of each pack of each network or group.
    pub final_soh: BTreeMap<Key, Vec<f64>>,
    /// Resistance relative to new at the end.
    pub final_resistance: BTreeMap<Key, Vec<f64>>,
    /// Highest hourly mean power of a cabinet [W].
    pub peak_w: BTreeMap<Key, f64>,
    /// Sums of facilities at the end; those of one name are added.
    pub site_sums: BTreeMap<&'static str, f64>,
    /// Counts of facilities over bins; those of one name are added bin by bin.
    pub site_bins: BTreeMap<&'static str, Vec<f64>>,
    /// Blocks that were replaced, and those that will be due within a year of the end.
    pub replacements: Vec<Replacement>,
    /// Key figures of a cleanup.
    pub figures: BTreeMap<&'static str, f64>,
    /// Map and flows of a cleanup.
    pub atlas: Option<Atlas>,
}

impl Tally {
    /// What only a result folder wants goes; what runs for years on end would keep it all.
    pub fn forget_rows(&mut self) {
        self.samples.clear();
        self.happenings.clear();
        self.sums.clear();
    }
}
