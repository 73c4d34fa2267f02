//! The keys of native telemetry, kind by kind, and what values they can have.

use host::platform::door::Kind;
use host::store::Metric;
use std::sync::LazyLock;

/// Most values of one array of a reading.
pub(crate) const ARRAY_MAX: usize = 240;
/// Longest key that is looked at [bytes].
pub(crate) const KEY_MAX_BYTES: usize = 64;

/// How the value of a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A number.
    Number,
    /// A number, or true for 1 and false for 0.
    Flag,
    /// An array of numbers, kept as `key.1`, `key.2`, …
    Array,
}

/// A key, its shape and its bounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) needed: bool,
}

const fn number(name: &'static str, min: f64, max: f64) -> Key {
    Key { name, shape: Shape::Number, min, max, needed: false }
}

const fn needed(name: &'static str, min: f64, max: f64) -> Key {
    Key { name, shape: Shape::Number, min, max, needed: true }
}

const fn flag(name: &'static str) -> Key {
    Key { name, shape: Shape::Flag, min: 0.0, max: 1.0, needed: false }
}

const fn array(name: &'static str, min: f64, max: f64) -> Key {
    Key { name, shape: Shape::Array, min, max, needed: false }
}

// The bounds keep out what no asset can measure, with room for sensors that are off; whether a value is
// plausible for this very asset is for its twin to say.
const LAT: Key = number("lat", -90.0, 90.0);
const LON: Key = number("lon", -180.0, 180.0);
const ALTITUDE: Key = number("altitude_m", -12_000.0, 100_000.0);
const SPEED: Key = number("speed_kmh", -500.0, 2_000.0);
const DISTANCE: Key = number("distance_km", 0.0, 1e8);
const TEMPERATURE: Key = number("temperature_c", -273.15, 2_000.0);
const AMBIENT: Key = number("ambient_c", -273.15, 2_000.0);
const VOLTAGE: Key = number("voltage_v", -5_000.0, 50_000.0);
const CURRENT: Key = number("current_a", -100_000.0, 100_000.0);
const POWER: Key = number("power_w", -1e10, 1e10);
const ENERGY: Key = number("energy_kwh", -1e12, 1e12);
const HUMIDITY: Key = number("humidity_pct", -5.0, 110.0);
const COUNT_MAX: f64 = 1e12;

const BATTERY: &[Key] = &[
    needed("voltage_v", -5_000.0, 5_000.0),
    needed("current_a", -100_000.0, 100_000.0),
    TEMPERATURE,
    AMBIENT,
    number("soc_pct", -5.0, 110.0),
    number("soh_pct", -5.0, 200.0),
    array("cell_voltages_v", -10.0, 20.0),
    number("internal_resistance_ohm", 0.0, 1_000.0),
    LAT,
    LON,
    ALTITUDE,
    SPEED,
    DISTANCE,
    number("cycles", 0.0, 1e7),
];

const CABINET: &[Key] = &[
    POWER,
    ENERGY,
    VOLTAGE,
    CURRENT,
    TEMPERATURE,
    AMBIENT,
    HUMIDITY,
    number("slots", 0.0, 1e5),
    number("slots_free", 0.0, 1e5),
    number("slots_faulty", 0.0, 1e5),
    number("batteries_ready", 0.0, 1e5),
    number("batteries_charging", 0.0, 1e5),
    number("queue", 0.0, 1e6),
    number("swaps", 0.0, COUNT_MAX),
    flag("door_open"),
    array("slot_soc_pct", -5.0, 110.0),
    array("slot_power_w", -1e6, 1e6),
    LAT,
    LON,
];

const VESSEL: &[Key] = &[
    LAT,
    LON,
    SPEED,
    number("heading_deg", -360.0, 360.0),
    DISTANCE,
    number("depth_m", -12_000.0, 12_000.0),
    number("fuel_l", 0.0, 1e9),
    number("fuel_rate_l_h", 0.0, 1e7),
    number("hold_kg", 0.0, 1e9),
    number("hold_m3", 0.0, 1e7),
    number("collected_kg", 0.0, COUNT_MAX),
    number("crew", 0.0, 1e5),
    flag("net_deployed"),
    number("wave_height_m", 0.0, 50.0),
    number("wind_speed_m_s", 0.0, 200.0),
    number("water_c", -10.0, 100.0),
    AMBIENT,
    POWER,
    VOLTAGE,
    CURRENT,
    number("soc_pct", -5.0, 110.0),
];

const FACILITY: &[Key] = &[
    POWER,
    number("power_it_w", 0.0, 1e10),
    number("power_grid_w", -1e10, 1e10),
    number("power_pv_w", -1e9, 1e10),
    number("power_generator_w", -1e9, 1e10),
    ENERGY,
    VOLTAGE,
    CURRENT,
    number("soc_pct", -5.0, 110.0),
    TEMPERATURE,
    AMBIENT,
    HUMIDITY,
    flag("grid_present"),
    number("stock_kg", 0.0, COUNT_MAX),
    number("queue_kg", 0.0, COUNT_MAX),
    number("processed_kg", 0.0, COUNT_MAX),
    number("rejected_kg", 0.0, COUNT_MAX),
    number("throughput_kg_h", 0.0, 1e9),
    number("purity_pct", -5.0, 110.0),
    number("water_l", 0.0, COUNT_MAX),
    LAT,
    LON,
];

/// The last words of keys that are taken though they are in no list, but for batteries: they say what unit the
/// number has.
const UNITS: &[&str] = &[
    "v", "a", "w", "kw", "wh", "kwh", "ah", "c", "k", "ohm", "hz", "pct", "ppm", "kg", "t", "g", "l", "m",
    "m2", "m3", "mm", "km", "kmh", "s", "min", "h", "d", "deg", "pa", "bar", "lux", "dbm", "count", "ratio",
];

/// The keys of a kind, with their metrics made once.
pub(crate) struct Keys {
    kind: Kind,
    keys: &'static [Key],
    metrics: Vec<Vec<Metric>>,
    /// Bits of the keys that must be there.
    pub(crate) needed: u64,
}

impl Keys {
    fn new(kind: Kind, keys: &'static [Key]) -> Self {
        let metric = |name: &str| Metric::new(name).expect("the names in the lists are good names");
        let metrics = keys
            .iter()
            .map(|key| match key.shape {
                Shape::Array => (1..=ARRAY_MAX).map(|n| metric(&format!("{}.{n}", key.name))).collect(),
                Shape::Number | Shape::Flag => vec![metric(key.name)],
            })
            .collect();
        let needed = keys
            .iter()
            .enumerate()
            .filter(|(_, key)| key.needed)
            .fold(0, |bits, (index, _)| bits | 1 << index);
        Self { kind, keys, metrics, needed }
    }

    /// The keys of a kind.
    pub(crate) fn of(kind: Kind) -> &'static Self {
        static ALL: LazyLock<[Keys; 4]> = LazyLock::new(|| {
            [
                Keys::new(Kind::Battery, BATTERY),
                Keys::new(Kind::Cabinet, CABINET),
                Keys::new(Kind::Vessel, VESSEL),
                Keys::new(Kind::Facility, FACILITY),
            ]
        });
        &ALL[match kind {
            Kind::Battery => 0,
            Kind::Cabinet => 1,
            Kind::Vessel => 2,
            Kind::Facility => 3,
        }]
    }

    /// The names of the keys that must be there.
    pub(crate) fn needed_names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().filter(|key| key.needed).map(|key| key.name)
    }

    /// Which key has this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.name == name)
    }

    /// A key by its index.
    pub(crate) fn key(&self, index: usize) -> Key {
        self.keys[index]
    }

    /// The metric of a key, and of the nth value of an array counted from 0.
    pub(crate) fn metric(&self, index: usize, nth: usize) -> Metric {
        self.metrics[index][nth].clone()
    }

    /// The metric of a key in no list, when it is taken all the same.
    pub(crate) fn other(&self, name: &str) -> Option<Metric> {
        if self.kind == Kind::Battery || name.len() > KEY_MAX_BYTES || !is_snake(name) {
            return None;
        }
        let unit = name.rsplit('_').next().filter(|unit| unit.len() < name.len())?;
        if UNITS.contains(&unit) { Metric::new(name).ok() } else { None }
    }

    /// Bounds of a metric by its name, for those that come by another way than native telemetry.
    pub(crate) fn bounds(&self, metric: &str) -> Option<(f64, f64)> {
        let name = metric.split_once('.').map_or(metric, |(name, _)| name);
        self.find(name).map(|index| (self.keys[index].min, self.keys[index].max))
    }
}

/// Whether a name is in snake case: lower-case letters, digits and underscores, beginning with a letter.
pub(crate) fn is_snake(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_itself_and_fits_its_bits() {
        for kind in Kind::ALL {
            let keys = Keys::of(kind);
            assert_eq!(keys.kind, kind);
            assert!(keys.keys.len() <= 63, "a bit each, and one for the time");
            for key in keys.keys {
                assert!(key.min < key.max && is_snake(key.name), "{}", key.name);
            }
        }
        assert_eq!(Keys::of(Kind::Battery).needed.count_ones(), 2);
    }

    #[test]
    fn other_keys_need_a_unit() {
        let keys = Keys::of(Kind::Facility);
        assert_eq!(keys.other("chiller_power_kw").unwrap().as_str(), "chiller_power_kw");
        for bad in ["mood", "Chiller_kw", "_kw", "kw", "x_furlong"] {
            assert!(keys.other(bad).is_none(), "{bad}");
        }
        assert!(Keys::of(Kind::Battery).other("fan_power_w").is_none());
        assert_eq!(Keys::of(Kind::Battery).bounds("cell_voltages_v.3"), Some((-10.0, 20.0)));
    }
}
