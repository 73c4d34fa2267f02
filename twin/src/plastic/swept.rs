//! Sea that a net was towed over, counted once however often it went over it.
//!
//! ```text
//!   leg     a rectangle of the swath's width            rows of latitude, row_m high
//!   bend    a sector that fills the outer side          ──┬── in each row: the spans of longitude that were swept
//!   area    Σ rows row_m · R·cos φ · (union of spans)   ──┴── spans that overlap are one
//! ```
//!
//! Spans are exact, so the error is that of the rows alone: a leg due east or west is off by up to half a row at either
//! side, one sixteenth of its swath in all; legs of other courses, and many legs, by far less, for the errors have no
//! sign. Legs are cut into pieces of five kilometres, over which the globe is flat to 10⁻³. The ends of a track are square:
//! what lies before its first fix was not swept.
//!
//! Source: the overlap-free area is the union of track buffers; scan conversion of convex polygons as in Foley, van Dam,
//! Feiner and Hughes, *Computer Graphics* (1990), ch. 3.6.

use crate::geo::{EARTH_RADIUS_KM, Position, wrapped_deg};
use std::collections::BTreeMap;

/// Rows in the width of a swath.
const ROWS: f64 = 16.0;
/// Lowest row [m]: swaths below sixteen metres have fewer rows.
const ROW_MIN_M: f64 = 1.0;
/// Longest piece of a leg [km].
const PIECE_KM: f64 = 5.0;
/// Widest sector of a bend that is filled by one triangle [rad].
const SECTOR_RAD: f64 = 0.35;

/// A point in a plane that touches the globe at a piece's beginning [m east, m north].
type Point = (f64, f64);

/// What one net went over.
#[derive(Debug, Clone, PartialEq)]
pub struct Swept {
    half_m: f64,
    row_m: f64,
    /// Spans of longitude [°], by row from the equator; not in order, and they may overlap.
    rows: BTreeMap<i64, Vec<(f64, f64)>>,
    /// Where the last leg ended, and its course there [rad, 0 north, clockwise].
    end: Option<(Position, f64)>,
}

impl Swept {
    /// Nothing yet, by a net of a width [m]; a width below zero or that is no number is none.
    pub fn new(swath_m: f64) -> Self {
        let swath_m = if swath_m.is_finite() { swath_m.max(0.0) } else { 0.0 };
        let row_m = (swath_m / ROWS).max(ROW_MIN_M);
        Self { half_m: 0.5 * swath_m, row_m, rows: BTreeMap::new(), end: None }
    }

    /// Height of its rows [m].
    pub fn row_m(&self) -> f64 {
        self.row_m
    }

    /// Tows from one place to another, along a great circle. A leg that begins where the last one ended goes on from it,
    /// around the bend.
    pub fn tow(&mut self, from: Position, to: Position) {
        let km = from.distance_km(to);
        if self.half_m <= 0.0 || km <= 0.0 {
            return;
        }
        let pieces = (km / PIECE_KM).ceil().max(1.0) as u32;
        let mut at = from;
        for piece in 1..=pieces {
            let next = from.on_the_way(to, f64::from(piece) / f64::from(pieces));
            self.piece(at, next);
            at = next;
        }
    }

    /// Area without what was gone over before [km²].
    pub fn area_km2(&self) -> f64 {
        let row_km = self.row_m * 1e-3;
        let rows = self.rows.iter().map(|(row, spans)| {
            let km_per_deg = EARTH_RADIUS_KM * self.latitude_of(*row).cos() * 1_f64.to_radians();
            row_km * km_per_deg * union(spans)
        });
        rows.sum()
    }

    /// Latitude of a row's middle [rad].
    fn latitude_of(&self, row: i64) -> f64 {
        (row as f64 + 0.5) * self.row_m * 1e-3 / EARTH_RADIUS_KM
    }

    fn piece(&mut self, from: Position, to: Position) {
        let middle_rad = 0.5 * (from.latitude_deg + to.latitude_deg).to_radians();
        let m_per_deg = EARTH_RADIUS_KM * 1e3 * 1_f64.to_radians();
        let (dx, dy) = (
            wrapped_deg(to.longitude_deg - from.longitude_deg) * m_per_deg * middle_rad.cos(),
            (to.latitude_deg - from.latitude_deg) * m_per_deg,
        );
        let length_m = dx.hypot(dy);
        if length_m <= 0.0 {
            return;
        }
        let course = dx.atan2(dy);
        if let Some((place, before)) = self.end
            && place == from
        {
            self.bend(from, before, course);
        }
        let (x, y) = (self.half_m * dy / length_m, -self.half_m * dx / length_m);
        self.fill(from, middle_rad, &[(x, y), (dx + x, dy + y), (dx - x, dy - y), (-x, -y)]);
        self.end = Some((to, course));
    }

    /// Fills the outer side of a bend, by sectors.
    fn bend(&mut self, at: Position, before: f64, after: f64) {
        let turn = (after - before).sin().atan2((after - before).cos());
        // On a turn to the right the left side is the outer one.
        let side = if turn > 0.0 { -self.half_m } else { self.half_m };
        let sectors = (turn.abs() / SECTOR_RAD).ceil() as u32;
        let edge = |course: f64| (side * course.cos(), -side * course.sin());
        for sector in 0..sectors {
            let course = |number: u32| before + turn * f64::from(number) / f64::from(sectors);
            let corners = [(0.0, 0.0), edge(course(sector)), edge(course(sector + 1))];
            self.fill(at, at.latitude_deg.to_radians(), &corners);
        }
    }

    /// Fills a convex polygon around a place.
    fn fill(&mut self, origin: Position, middle_rad: f64, corners: &[Point]) {
        let origin_m = EARTH_RADIUS_KM * 1e3 * origin.latitude_deg.to_radians();
        let m_per_deg = EARTH_RADIUS_KM * 1e3 * 1_f64.to_radians() * middle_rad.cos();
        if m_per_deg <= 1e-6 {
            // At a pole longitudes mean nothing; nothing is towed there.
            return;
        }
        let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
        for (_, y) in corners {
            (south, north) = (south.min(*y), north.max(*y));
        }
        // Rows whose middle lies within.
        let first = ((origin_m + south) / self.row_m - 0.5).ceil() as i64;
        let last = ((origin_m + north) / self.row_m - 0.5).floor() as i64;
        for row in first..=last {
            let y = (row as f64 + 0.5) * self.row_m - origin_m;
            let (mut west, mut east) = (f64::INFINITY, f64::NEG_INFINITY);
            for (index, a) in corners.iter().enumerate() {
                let b = corners[(index + 1) % corners.len()];
                let (low, high) = (a.1.min(b.1), a.1.max(b.1));
                if (low..=high).contains(&y) && high > low {
                    let x = a.0 + (b.0 - a.0) * (y - a.1) / (b.1 - a.1);
                    (west, east) = (west.min(x), east.max(x));
                }
            }
            if east > west {
                let from = wrapped_deg(origin.longitude_deg + west / m_per_deg);
                self.add(row, from, from + (east - west) / m_per_deg);
            }
        }
    }

    /// Adds a span; what lies beyond the date line begins anew in the west.
    fn add(&mut self, row: i64, from: f64, to: f64) {
        let spans = self.rows.entry(row).or_default();
        if to > 180.0 {
            spans.push((from, 180.0));
            spans.push((-180.0, to - 360.0));
        } else {
            spans.push((from, to));
        }
        // What overlaps is merged now and then, so that a net on one spot takes no more and more room.
        if spans.len() >= 64 && spans.len().is_power_of_two() {
            *spans = merged(spans);
        }
    }
}

/// Spans in order, those that overlap as one.
fn merged(spans: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sorted = spans.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut merged: Vec<(f64, f64)> = Vec::with_capacity(sorted.len());
    for (from, to) in sorted {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// Length of spans together [°].
fn union(spans: &[(f64, f64)]) -> f64 {
    merged(spans).iter().map(|(from, to)| to - from).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(latitude_deg: f64, longitude_deg: f64) -> Position {
        Position::new(latitude_deg, longitude_deg).unwrap()
    }

    fn towed(swath_m: f64, way: &[Position]) -> f64 {
        let mut swept = Swept::new(swath_m);
        way.windows(2).for_each(|leg| swept.tow(leg[0], leg[1]));
        swept.area_km2()
    }

    #[test]
    fn a_straight_way_is_swath_times_way_wherever_it_lies() {
        for start in [at(0.0, 0.0), at(35.0, 179.99), at(-60.0, -179.99), at(71.0, 20.0), at(-0.01, 100.0)] {
            for bearing_deg in [0.0, 17.0, 45.0, 90.0, 133.0, 180.0, 270.0, 301.0] {
                let end = start.moved(bearing_deg, 30.0);
                for swath_m in [30.0, 800.0, 2_200.0] {
                    let wanted = 30.0 * swath_m * 1e-3;
                    let found = towed(swath_m, &[start, end]);
                    // Half a row at either side of a leg due east.
                    let slack = 1.0 / (swath_m / Swept::new(swath_m).row_m()) + 2e-3;
                    assert!(
                        (found / wanted - 1.0).abs() <= slack,
                        "{start:?} {bearing_deg} {swath_m}: {found} {wanted}"
                    );
                }
            }
        }
    }

    #[test]
    fn there_and_back_is_one_way() {
        let (a, b) = (at(30.0, -140.0), at(30.1, -139.8));
        let once = towed(800.0, &[a, b]);
        let twice = towed(800.0, &[a, b, a, b]);
        // But for half a disc at each turn.
        let discs = std::f64::consts::PI * 0.4 * 0.4;
        assert!((twice - once - discs).abs() < 0.02, "{once} {twice}");
        // Half of the swath beside the first way: half of it is new.
        let side = |place: Position| place.moved(a.bearing_deg(b) + 90.0, 0.4);
        let mut beside = Swept::new(800.0);
        beside.tow(a, b);
        beside.tow(side(a), side(b));
        assert!((beside.area_km2() / once - 1.5).abs() < 0.02, "{} {once}", beside.area_km2());
        // Across it at a right angle: a square of the swath is not new.
        let middle = a.on_the_way(b, 0.5);
        let across = a.bearing_deg(b) + 90.0;
        let mut cross = Swept::new(800.0);
        cross.tow(a, b);
        cross.tow(middle.moved(across, -5.0), middle.moved(across, 5.0));
        let wanted = once + 8.0 - 0.64;
        assert!((cross.area_km2() / wanted - 1.0).abs() < 0.02, "{} {wanted}", cross.area_km2());
    }

    #[test]
    fn a_circle_is_a_ring_whose_bends_are_filled() {
        let centre = at(20.0, 179.95);
        let ring: Vec<Position> = (0..=72).map(|step| centre.moved(f64::from(step) * 5.0, 5.0)).collect();
        let wanted = std::f64::consts::PI * (5.4_f64.powi(2) - 4.6_f64.powi(2));
        let found = towed(800.0, &ring);
        assert!((found / wanted - 1.0).abs() < 0.01, "{found} {wanted}");
        // A second time around adds nothing.
        let again: Vec<Position> = ring.iter().chain(&ring).copied().collect();
        assert!((towed(800.0, &again) / found - 1.0).abs() < 0.01);
    }

    #[test]
    fn nothing_is_nothing() {
        let (a, b) = (at(0.0, 0.0), at(0.0, 1.0));
        assert_eq!(towed(0.0, &[a, b]), 0.0);
        assert_eq!(towed(f64::NAN, &[a, b]), 0.0);
        assert_eq!(towed(-5.0, &[a, b]), 0.0);
        assert_eq!(towed(800.0, &[a, a]), 0.0);
        assert_eq!(Swept::new(800.0).area_km2(), 0.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn it_is_never_more_than_swath_times_way_and_grows_with_the_way(
            start in (-70.0..70.0_f64, -180.0..180.0_f64),
            steps in prop::collection::vec((0.0..360.0_f64, 0.2..6.0_f64), 1..30),
            swath_m in 100.0..2_500.0_f64,
        ) {
            let mut swept = Swept::new(swath_m);
            let (mut place, mut way_km, mut before) = (at(start.0, start.1), 0.0, 0.0);
            for (bearing_deg, km) in steps {
                let next = place.moved(bearing_deg, km);
                swept.tow(place, next);
                (place, way_km) = (next, way_km + km);
                let area_km2 = swept.area_km2();
                prop_assert!(area_km2 >= before - 1e-9, "{area_km2} after {before}");
                before = area_km2;
            }
            // The outer side of each bend is more than the way says by half a disc at most.
            let bends = 0.5 * std::f64::consts::PI * (0.5e-3 * swath_m).powi(2) * 30.0;
            prop_assert!(before <= way_km * swath_m * 1e-3 * 1.07 + bends, "{before}");
        }
    }
}
