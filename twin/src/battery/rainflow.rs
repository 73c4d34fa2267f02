//! Rainflow counting of state-of-charge cycles, one turning point at a time.
//!
//! Four-point method: of the last four turning points a, b, c, d, the pair (b, c) is a closed cycle when its
//! range is no larger than those on both sides. Source: ASTM E1049-85 (2017), §5.4.4, in the four-point form of
//! Amzallag et al., Int. J. Fatigue 16 (1994) 287, doi 10.1016/0142-1123(94)90343-3. The count does not depend on
//! how finely the path is cut into steps.

use smallvec::SmallVec;

/// Longest residue that is kept; beyond it the oldest range is counted as half a cycle.
const RESIDUE_MAX: usize = 24;

/// Ranges that differ by less are equal. Days that repeat differ by rounding and by fading capacity, and whether
/// they count as whole or half cycles must not hang on that.
const TIE: f64 = 5e-3;

/// Rates below this, relative to rated capacity, do not count as cycling [1/h].
/// Source: BLAST-Lite 1.1.1, which sets smaller rates to zero.
pub const IDLE_RATE_PER_H: f64 = 0.01;

/// What went on between two turning points.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Leg {
    /// Charge taken in, relative to rated capacity.
    pub charged: f64,
    /// Charge given out, relative to rated capacity.
    pub discharged: f64,
    /// Time spent charging [h].
    pub charging_h: f64,
    /// Time spent discharging [h].
    pub discharging_h: f64,
    /// Integral of temperature over throughput [°C × relative charge].
    pub throughput_c: f64,
    /// Time in all [d].
    pub days: f64,
}

impl Leg {
    /// A step that moved `moved` (relative to rated capacity, charging positive) in `hours` at `temperature_c`.
    #[inline]
    pub fn of_step(moved: f64, hours: f64, temperature_c: f64) -> Self {
        let mut leg = Leg::default();
        leg.take_step(moved, hours, temperature_c);
        leg
    }

    /// Adds a step in the direction that the leg already has; see [`Leg::of_step`].
    #[inline(always)]
    pub fn take_step(&mut self, moved: f64, hours: f64, temperature_c: f64) {
        let size = moved.abs();
        let active_h = if size >= IDLE_RATE_PER_H * hours { hours } else { 0.0 };
        self.days += hours * (1.0 / 24.0);
        self.throughput_c += size * temperature_c;
        if moved > 0.0 {
            self.charged += size;
            self.charging_h += active_h;
        } else {
            self.discharged += size;
            self.discharging_h += active_h;
        }
    }

    #[inline]
    fn add(&mut self, other: &Leg) {
        self.charged += other.charged;
        self.discharged += other.discharged;
        self.charging_h += other.charging_h;
        self.discharging_h += other.discharging_h;
        self.throughput_c += other.throughput_c;
        self.days += other.days;
    }

    fn scaled(&self, share: f64) -> Self {
        Leg {
            charged: self.charged * share,
            discharged: self.discharged * share,
            charging_h: self.charging_h * share,
            discharging_h: self.discharging_h * share,
            throughput_c: self.throughput_c * share,
            days: self.days * share,
        }
    }
}

/// A closed cycle, or half of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cycle {
    /// Lowest state of charge.
    pub soc_low: f64,
    /// Highest state of charge.
    pub soc_high: f64,
    /// Full equivalent cycles, in rated capacity: throughput over twice the rated capacity.
    pub efc: f64,
    /// Mean temperature over throughput [°C].
    pub temperature_c: f64,
    /// Mean rate while current flows [1/h, of rated capacity].
    pub c_rate: f64,
    /// Mean rate while charging [1/h].
    pub c_rate_charge: f64,
    /// Mean rate while discharging [1/h].
    pub c_rate_discharge: f64,
    /// Time it took [d].
    pub days: f64,
    /// A whole cycle, or one half that never found its other.
    pub whole: bool,
}

impl Cycle {
    /// Depth of the cycle, as a fraction of present capacity.
    pub fn depth(&self) -> f64 {
        self.soc_high - self.soc_low
    }

    fn of(from_soc: f64, to_soc: f64, leg: &Leg, whole: bool) -> Self {
        let throughput = leg.charged + leg.discharged;
        let mean = |moved: f64, hours: f64| if hours > 0.0 { moved / hours } else { 0.0 };
        let all = mean(throughput, leg.charging_h + leg.discharging_h);
        // Half a cycle knows one direction only; the other is taken to be like it.
        let rate = |moved: f64, hours: f64| if hours > 0.0 { moved / hours } else { all };
        Cycle {
            soc_low: from_soc.min(to_soc),
            soc_high: from_soc.max(to_soc),
            efc: 0.5 * throughput,
            temperature_c: if throughput > 0.0 { leg.throughput_c / throughput } else { 25.0 },
            c_rate: all,
            c_rate_charge: rate(leg.charged, leg.charging_h),
            c_rate_discharge: rate(leg.discharged, leg.discharging_h),
            days: leg.days,
            whole,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    soc: f64,
    /// What happened since the point before.
    leg: Leg,
}

/// The turning points that do not yet belong to a closed cycle, and the way from the last of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rainflow {
    points: SmallVec<[Point; 4]>,
    /// Where the path has come to.
    soc: f64,
    /// What happened since charge last changed its direction, which is no turning point as long as it goes on.
    way: Leg,
    /// Sign of the way's movement; zero where there was none.
    direction: f64,
}

impl Rainflow {
    /// Starts at a state of charge.
    pub fn starting_at(soc: f64) -> Self {
        let start = Point { soc, leg: Leg::default() };
        Self { points: SmallVec::from_slice(&[start]), soc, way: Leg::default(), direction: 0.0 }
    }

    /// Goes on to `soc` in a step that moved `moved` of rated capacity in `hours` at `temperature_c`; `closed` is told every
    /// cycle that a turn closes.
    #[inline(always)]
    pub fn step(
        &mut self,
        soc: f64,
        moved: f64,
        (hours, temperature_c): (f64, f64),
        closed: impl FnMut(Cycle),
    ) {
        let rise = soc - self.soc;
        if rise * self.direction < 0.0 {
            self.turn(closed);
        }
        if rise != 0.0 {
            self.direction = rise;
        }
        self.way.take_step(moved, hours, temperature_c);
        self.soc = soc;
    }

    /// Makes the end of the way a turning point.
    #[inline(never)]
    fn turn(&mut self, closed: impl FnMut(Cycle)) {
        let way = std::mem::take(&mut self.way);
        self.direction = 0.0;
        if way.days > 0.0 {
            self.extend(self.soc, &way, closed);
        }
    }

    /// Tells every cycle that would be closed if the path ended here, then the half-cycles that would stay open, oldest first.
    pub fn unfinished(&self, mut told: impl FnMut(Cycle)) {
        let mut ended = self.clone();
        ended.turn(&mut told);
        ended.open().for_each(told);
    }

    /// Extends the path to a turning point, or to where it goes on from; `closed` is told every cycle that this closes.
    #[inline]
    pub fn extend(&mut self, soc: f64, leg: &Leg, mut closed: impl FnMut(Cycle)) {
        self.soc = soc;
        let last = self.points.len() - 1;
        let end = self.points[last].soc;
        let turns = last == 0 || (soc - end) * (end - self.points[last - 1].soc) < 0.0;
        if turns && soc != end {
            self.points.push(Point { soc, leg: *leg });
        } else {
            let point = &mut self.points[last];
            point.soc = soc;
            point.leg.add(leg);
        }
        if self.points.len() >= 4 {
            self.close(&mut closed);
        }
    }

    fn close(&mut self, closed: &mut impl FnMut(Cycle)) {
        while let [.., a, b, c, d] = self.points[..] {
            let range = (b.soc - c.soc).abs();
            let return_range = (d.soc - c.soc).abs();
            if range > (a.soc - b.soc).abs() + TIE || range > return_range + TIE {
                break;
            }
            // The way back over the same range belongs to the cycle; the rest of the last leg goes on from b.
            let share = if return_range > range { range / return_range } else { 1.0 };
            let mut leg = c.leg;
            leg.add(&d.leg.scaled(share));
            closed(Cycle::of(b.soc, c.soc, &leg, true));
            let mut rest = b.leg;
            rest.add(&d.leg.scaled(1.0 - share));
            let length = self.points.len();
            self.points[length - 3] = Point { soc: d.soc, leg: rest };
            self.points.truncate(length - 2);
        }
        if self.points.len() > RESIDUE_MAX {
            // A spiral that neither closes nor ends: count its oldest half-cycle and forget it.
            let (first, second) = (self.points[0], self.points[1]);
            closed(Cycle::of(first.soc, second.soc, &second.leg, false));
            self.points.remove(0);
            self.points[0].leg = Leg::default();
        }
    }

    /// Half-cycles that are still open, oldest first.
    pub fn open(&self) -> impl Iterator<Item = Cycle> + '_ {
        self.points.windows(2).map(|pair| Cycle::of(pair[0].soc, pair[1].soc, &pair[1].leg, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lowest and highest state of charge of each cycle.
    type Ranges = Vec<(f64, f64)>;

    fn count(path: &[f64]) -> (Ranges, Ranges) {
        let mut rainflow = Rainflow::starting_at(path[0]);
        let mut cycles = Vec::new();
        for pair in path.windows(2) {
            let leg = Leg::of_step(pair[1] - pair[0], 1.0, 25.0);
            rainflow.extend(pair[1], &leg, |c| cycles.push((c.soc_low, c.soc_high)));
        }
        (cycles, rainflow.open().map(|c| (c.soc_low, c.soc_high)).collect())
    }

    #[test]
    fn the_worked_example_of_the_standard_is_counted_alike() {
        // ASTM E1049-85 figure 6: loads -2, 1, -3, 5, -1, 3, -4, 4, -2. One full cycle (-1, 3), the others half.
        let (cycles, open) = count(&[-2.0, 1.0, -3.0, 5.0, -1.0, 3.0, -4.0, 4.0, -2.0]);
        assert_eq!(cycles, vec![(-1.0, 3.0)]);
        let ranges: Vec<f64> = open.iter().map(|(low, high)| high - low).collect();
        assert_eq!(ranges, vec![3.0, 4.0, 8.0, 9.0, 8.0, 6.0]);
    }

    #[test]
    fn cutting_the_path_finer_changes_nothing() {
        let coarse = [0.9, 0.2, 0.7, 0.4, 0.95, 0.1, 0.9];
        let mut fine = vec![coarse[0]];
        for pair in coarse.windows(2) {
            for k in 1..=7 {
                fine.push(if k == 7 { pair[1] } else { pair[0] + (pair[1] - pair[0]) * f64::from(k) / 7.0 });
            }
        }
        assert_eq!(count(&coarse), count(&fine));
    }

    #[test]
    fn throughput_is_kept_whole_and_the_residue_stays_short() {
        let mut rainflow = Rainflow::starting_at(0.5);
        let (mut counted, mut moved, mut soc) = (0.0, 0.0, 0.5);
        for k in 0..2000u32 {
            // A growing, then shrinking zigzag.
            let amplitude = 0.45 * (f64::from(k % 200) / 100.0 - 1.0).abs();
            let next = if k % 2 == 0 { 0.5 + amplitude } else { 0.5 - amplitude };
            moved += 0.5 * (next - soc).abs();
            rainflow.extend(next, &Leg::of_step(next - soc, 1.0, 25.0), |c| counted += c.efc);
            soc = next;
        }
        let open: f64 = rainflow.open().map(|c| c.efc).sum();
        assert!(rainflow.open().count() <= RESIDUE_MAX);
        // Only what the cut-off residue forgets is missing.
        assert!((counted + open - moved).abs() < 1e-9 * moved, "{counted} + {open} against {moved}");
    }
}
