//! Built-in speed cycles as corner points, straight in between.

use super::error::{WorldError, nearest};

/// A corner point: time in s, speed [km/h].
pub(super) type Corner = (f64, f64);

/// A built-in speed cycle.
pub(super) struct Cycle {
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    corners: fn() -> Vec<Corner>,
}

impl Cycle {
    /// Speeds at every second [km/h], first and last included.
    pub(super) fn speeds_kmh(&self) -> Vec<f64> {
        let corners = (self.corners)();
        let last_s = corners.last().map_or(0.0, |corner| corner.0) as usize;
        let mut at = 0;
        (0..=last_s)
            .map(|s| {
                let t = s as f64;
                while at + 2 < corners.len() && corners[at + 1].0 <= t {
                    at += 1;
                }
                let ((t0, v0), (t1, v1)) = (corners[at], corners[at + 1]);
                v0 + (v1 - v0) * (t - t0) / (t1 - t0)
            })
            .collect()
    }
}

/// All built-in cycles.
pub(super) const CYCLES: [Cycle; 7] = [
    Cycle { name: "constant-25", source: "steady 25 km/h for 15 min", corners: || steady(25.0) },
    Cycle { name: "constant-40", source: "steady 40 km/h for 15 min", corners: || steady(40.0) },
    Cycle {
        name: "ece15",
        source: "UN Regulation No. 83, urban driving cycle (UDC), table of operations",
        corners: || URBAN.to_vec(),
    },
    Cycle {
        name: "jp10-15",
        source: "Japanese 10·15 mode, corner points read off a 1 Hz table of the cycle",
        corners: ten_fifteen,
    },
    Cycle {
        name: "nedc",
        source: "UN Regulation No. 83, four urban cycles and the extra-urban one, table of operations",
        corners: nedc,
    },
    Cycle {
        name: "urban-scooter",
        source: "synthetic: written for Celltide, not measured",
        corners: || SCOOTER.to_vec(),
    },
    Cycle {
        name: "urban-scooter-slow",
        source: "synthetic: the speeds of urban-scooter × 0.6, written for Celltide, not measured",
        corners: || SCOOTER.iter().map(|(t, v)| (*t, v * 0.6)).collect(),
    },
];

/// The cycle with this name, upper and lower case alike.
pub(super) fn cycle(name: &str) -> Result<&'static Cycle, WorldError> {
    let wanted = name.trim().to_lowercase().replace([' ', '_'], "-");
    CYCLES.iter().find(|cycle| cycle.name == wanted).ok_or_else(|| WorldError::Unknown {
        what: "cycle",
        name: name.to_owned(),
        nearest: nearest(&wanted, CYCLES.iter().map(|cycle| cycle.name)),
    })
}

fn steady(speed_kmh: f64) -> Vec<Corner> {
    vec![(0.0, speed_kmh), (900.0, speed_kmh)]
}

/// Urban driving cycle. Two seconds at steady speed within an acceleration are a gear change. Source:
/// UN Regulation No. 83, annex on the type I test (recalled; compared with two published 1 Hz tables).
const URBAN: [Corner; 26] = [
    (0.0, 0.0),
    (11.0, 0.0),
    (15.0, 15.0),
    (23.0, 15.0),
    (25.0, 10.0),
    (28.0, 0.0),
    (49.0, 0.0),
    (54.0, 15.0),
    (56.0, 15.0),
    (61.0, 32.0),
    (85.0, 32.0),
    (93.0, 10.0),
    (96.0, 0.0),
    (117.0, 0.0),
    (122.0, 15.0),
    (124.0, 15.0),
    (133.0, 35.0),
    (135.0, 35.0),
    (143.0, 50.0),
    (155.0, 50.0),
    (163.0, 35.0),
    (176.0, 35.0),
    (178.0, 32.0),
    (185.0, 10.0),
    (188.0, 0.0),
    (195.0, 0.0),
];

/// Extra-urban driving cycle, to follow four urban ones.
const EXTRA_URBAN: [Corner; 22] = [
    (0.0, 0.0),
    (20.0, 0.0),
    (25.0, 15.0),
    (27.0, 15.0),
    (36.0, 35.0),
    (38.0, 35.0),
    (46.0, 50.0),
    (48.0, 50.0),
    (61.0, 70.0),
    (111.0, 70.0),
    (119.0, 50.0),
    (188.0, 50.0),
    (201.0, 70.0),
    (251.0, 70.0),
    (286.0, 100.0),
    (316.0, 100.0),
    (336.0, 120.0),
    (346.0, 120.0),
    (362.0, 80.0),
    (370.0, 50.0),
    (380.0, 0.0),
    (400.0, 0.0),
];

fn nedc() -> Vec<Corner> {
    let urban = (0..4).flat_map(|k| URBAN.iter().map(move |(t, v)| (t + 195.0 * f64::from(k), *v)));
    urban.chain(EXTRA_URBAN.iter().map(|(t, v)| (t + 780.0, *v))).collect()
}

/// Ten-mode part, from the end of its idle time.
const TEN_MODE: [Corner; 13] = [
    (0.0, 0.0),
    (7.0, 20.0),
    (22.0, 20.0),
    (29.0, 0.0),
    (45.0, 0.0),
    (59.0, 40.0),
    (74.0, 40.0),
    (84.0, 20.0),
    (86.0, 20.0),
    (98.0, 40.0),
    (108.0, 20.0),
    (115.0, 0.0),
    (135.0, 0.0),
];

/// Fifteen-mode part, from the end of its idle time.
const FIFTEEN_MODE: [Corner; 15] = [
    (0.0, 0.0),
    (18.0, 50.0),
    (30.0, 50.0),
    (34.0, 40.0),
    (38.0, 40.0),
    (54.0, 60.0),
    (64.0, 60.0),
    (75.0, 70.0),
    (85.0, 70.0),
    (95.0, 50.0),
    (99.0, 50.0),
    (121.0, 70.0),
    (126.0, 70.0),
    (146.0, 30.0),
    (156.0, 0.0),
];

/// Idle, three times the ten-mode part, the fifteen-mode part, idle.
fn ten_fifteen() -> Vec<Corner> {
    let tens = (0..3).flat_map(|k| TEN_MODE.iter().map(move |(t, v)| (t + 44.0 + 135.0 * f64::from(k), *v)));
    let fifteen = FIFTEEN_MODE.iter().map(|(t, v)| (t + 494.0, *v));
    std::iter::once((0.0, 0.0)).chain(tens).chain(fifteen).chain([(660.0, 0.0)]).collect()
}

/// Stop and go of a 45 km/h scooter in a town: five stops at lights or junctions, slower traffic in between.
/// Accelerations up to 1.25 m/s², braking up to 1.4 m/s². Synthetic.
const SCOOTER: [Corner; 45] = [
    (0.0, 0.0),
    (8.0, 0.0),
    (12.0, 18.0),
    (18.0, 34.0),
    (24.0, 40.0),
    (52.0, 42.0),
    (60.0, 20.0),
    (64.0, 0.0),
    (90.0, 0.0),
    (94.0, 18.0),
    (101.0, 36.0),
    (130.0, 38.0),
    (134.0, 25.0),
    (141.0, 36.0),
    (170.0, 40.0),
    (180.0, 0.0),
    (196.0, 0.0),
    (199.0, 13.0),
    (204.0, 24.0),
    (224.0, 25.0),
    (230.0, 10.0),
    (236.0, 22.0),
    (250.0, 24.0),
    (256.0, 0.0),
    (290.0, 0.0),
    (294.0, 18.0),
    (302.0, 38.0),
    (312.0, 45.0),
    (360.0, 45.0),
    (368.0, 30.0),
    (378.0, 42.0),
    (402.0, 42.0),
    (412.0, 0.0),
    (420.0, 0.0),
    (424.0, 16.0),
    (430.0, 28.0),
    (446.0, 30.0),
    (452.0, 0.0),
    (480.0, 0.0),
    (484.0, 18.0),
    (491.0, 35.0),
    (520.0, 36.0),
    (526.0, 22.0),
    (556.0, 34.0),
    (566.0, 0.0),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn length(name: &str) -> (usize, f64, f64) {
        let v = cycle(name).unwrap().speeds_kmh();
        let km = v.windows(2).map(|w| (w[0] + w[1]) / 2.0 / 3600.0).sum();
        (v.len() - 1, km, v.iter().copied().fold(0.0, f64::max))
    }

    #[test]
    fn regulated_cycles_have_their_published_duration_distance_and_top_speed() {
        // UN Regulation No. 83: UDC 195 s, 1.013 km, 50 km/h; NEDC 1180 s, 11.007 km (11.03 with the rounded
        // parts), 120 km/h. 10·15 mode: 660 s, 4.16 km, 70 km/h.
        for (name, seconds, km, top) in
            [("ece15", 195, 1.013, 50.0), ("nedc", 1180, 11.01, 120.0), ("jp10-15", 660, 4.16, 70.0)]
        {
            let (s, d, v) = length(name);
            assert_eq!((s, v), (seconds, top), "{name}");
            assert!((d / km - 1.0).abs() < 0.01, "{name}: {d} km");
        }
    }

    #[test]
    fn every_cycle_has_increasing_corners_and_moderate_accelerations() {
        assert!(CYCLES.iter().map(|c| c.name).is_sorted());
        for c in &CYCLES {
            let corners = (c.corners)();
            assert!(corners.windows(2).all(|w| w[1].0 >= w[0].0), "{}", c.name);
            let v = c.speeds_kmh();
            assert!(v.iter().all(|v| v.is_finite() && *v >= 0.0), "{}", c.name);
            assert!(v.windows(2).all(|w| ((w[1] - w[0]) / 3.6).abs() < 1.6), "{}", c.name);
        }
        assert!(cycle("ECE15").is_ok());
        assert!(cycle("necd").err().unwrap().to_string().contains("nedc"));
    }
}
