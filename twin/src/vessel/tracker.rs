//! The tracker on a vessel or at a collecting station: a small battery of its own, and whether it is heard.

use crate::time::Time;

/// A device is offline when nothing was heard of it for so long: three reports of five minutes.
pub const OFFLINE_AFTER_S: f64 = 900.0;

/// What does not change about a tracker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrackerModel {
    /// Energy of its full battery [Wh].
    pub capacity_wh: f64,
    /// What it draws, mean over its reports [W].
    pub drain_w: f64,
    /// What its solar cell gives, mean over the day [W].
    pub harvest_w: f64,
}

impl Default for TrackerModel {
    /// assumed: a satellite tracker that reports every five minutes, and a solar cell of the size of a hand.
    fn default() -> Self {
        Self { capacity_wh: 40.0, drain_w: 0.25, harvest_w: 0.22 }
    }
}

/// Energies of a tracker's battery [Wh]: `initial + harvested + swapped = level + drawn + spilled`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct TrackerLedger {
    /// At the start.
    pub initial_wh: f64,
    /// Given by the solar cell.
    pub harvested_wh: f64,
    /// Put in by hand.
    pub charged_wh: f64,
    /// Drawn.
    pub drawn_wh: f64,
    /// Given by the cell and not stored.
    pub spilled_wh: f64,
}

/// A tracker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tracker {
    model: TrackerModel,
    level_wh: f64,
    ledger: TrackerLedger,
    /// It is broken, and silent.
    pub broken: bool,
}

impl Tracker {
    /// A tracker with a full battery.
    pub fn new(model: TrackerModel) -> Self {
        let ledger = TrackerLedger { initial_wh: model.capacity_wh, ..TrackerLedger::default() };
        Self { model, level_wh: model.capacity_wh, ledger, broken: false }
    }

    /// Lets time pass. Linear until empty or full, so exact over any span.
    ///
    /// A broken tracker draws nothing and still gets sun.
    pub fn pass(&mut self, from: Time, to: Time) {
        let hours = (to.seconds_since(from) / 3600.0).max(0.0);
        let harvested_wh = self.model.harvest_w * hours;
        let wanted_wh = if self.broken { 0.0 } else { self.model.drain_w * hours };
        let level_wh = self.level_wh + harvested_wh - wanted_wh;
        self.ledger.harvested_wh += harvested_wh;
        // Empty, it draws what the sun gives; full, the sun gives more than it takes.
        let (short_wh, over_wh) = ((-level_wh).max(0.0), (level_wh - self.model.capacity_wh).max(0.0));
        self.ledger.drawn_wh += wanted_wh - short_wh;
        self.ledger.spilled_wh += over_wh;
        self.level_wh = level_wh.clamp(0.0, self.model.capacity_wh);
    }

    /// Fills the battery, as is done in port.
    pub fn charge(&mut self) {
        self.ledger.charged_wh += self.model.capacity_wh - self.level_wh;
        self.level_wh = self.model.capacity_wh;
    }

    /// Share of the battery that is full.
    pub fn level(&self) -> f64 {
        self.level_wh / self.model.capacity_wh
    }

    /// Hours until it is empty at the present mean drain; without end when the sun gives more.
    pub fn hours_left(&self) -> Option<f64> {
        let net_w = self.model.drain_w - self.model.harvest_w;
        (net_w > 0.0).then(|| self.level_wh / net_w)
    }

    /// Whether it can be heard.
    pub fn is_heard(&self) -> bool {
        !self.broken && self.level_wh > 0.0
    }

    /// Terminal voltage of its one lithium cell [V], a straight line from empty to full.
    pub fn voltage_v(&self) -> f64 {
        3.3 + 0.9 * self.level()
    }

    /// Energies.
    pub fn ledger(&self) -> &TrackerLedger {
        &self.ledger
    }

    /// What went in less what became of it [Wh]: rounding.
    pub fn gap_wh(&self) -> f64 {
        let l = &self.ledger;
        l.initial_wh + l.harvested_wh + l.charged_wh - l.drawn_wh - l.spilled_wh - self.level_wh
    }
}

/// A level that rose by so much was charged [%].
const CHARGED_PCT: f64 = 2.0;
/// Over less than this no drain is told from noise [h].
const DRAIN_LEAST_H: f64 = 0.25;

/// Hours until a reported battery is empty, from levels [%] in the order of time; nothing where it does not fall, or was
/// not watched for a quarter of an hour.
///
/// ```text
/// t_left = level / −slope,   slope by least squares since it was charged last
/// ```
///
/// Limits: supposes that it goes on falling as it did; a solar cell's days and nights are a mean only over whole days.
pub fn hours_left(levels: &[(Time, f64)]) -> Option<f64> {
    let rise = levels.windows(2).rposition(|pair| pair[1].1 - pair[0].1 > CHARGED_PCT);
    let since = &levels[rise.map_or(0, |index| index + 1)..];
    let (first, last) = (since.first()?, since.last()?);
    let span_h = last.0.seconds_since(first.0) / 3600.0;
    if span_h < DRAIN_LEAST_H {
        return None;
    }
    let n = since.len() as f64;
    let hours = |at: Time| at.seconds_since(first.0) / 3600.0;
    let mean_h = since.iter().map(|(at, _)| hours(*at)).sum::<f64>() / n;
    let mean_pct = since.iter().map(|(_, level)| level).sum::<f64>() / n;
    let (mut cross, mut square) = (0.0, 0.0);
    for (at, level) in since {
        cross += (hours(*at) - mean_h) * (level - mean_pct);
        square += (hours(*at) - mean_h).powi(2);
    }
    let slope_pct_per_h = cross / square;
    (slope_pct_per_h < -1e-6).then(|| last.1 / -slope_pct_per_h)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::HOUR_MS;

    #[test]
    fn hours_left_follow_from_how_it_fell_since_it_was_charged() {
        let level = |hour: i64, pct: f64| (Time(hour * HOUR_MS), pct);
        // 85 % and a fall of 85/48 an hour: two days.
        let falling: Vec<_> = (0..10).map(|h| level(h, 85.0 + (9 - h) as f64 * 85.0 / 48.0)).collect();
        assert!((hours_left(&falling).unwrap() - 48.0).abs() < 1e-9);
        let charged = [level(0, 20.0), level(1, 10.0), level(2, 100.0), level(3, 99.0), level(4, 98.0)];
        assert!((hours_left(&charged).unwrap() - 98.0).abs() < 1e-9);
        assert_eq!(hours_left(&[level(0, 50.0), level(1, 50.5)]), None);
        assert_eq!(hours_left(&[level(0, 50.0)]), None);
        assert_eq!(hours_left(&[]), None);
    }

    #[test]
    fn the_battery_lasts_as_long_as_it_says() {
        let model = TrackerModel { capacity_wh: 12.0, drain_w: 0.3, harvest_w: 0.05 };
        let mut tracker = Tracker::new(model);
        let hours = tracker.hours_left().unwrap();
        assert!((hours - 48.0).abs() < 1e-9);
        let end = Time((hours * HOUR_MS as f64) as i64);
        tracker.pass(Time(0), Time(end.0 / 2));
        assert!((tracker.level() - 0.5).abs() < 1e-6 && tracker.is_heard());
        tracker.pass(Time(end.0 / 2), Time(2 * end.0));
        assert!(tracker.level() == 0.0 && !tracker.is_heard());
        assert!(tracker.gap_wh().abs() < 1e-9, "{:?}", tracker.ledger());
        tracker.charge();
        tracker.broken = true;
        tracker.pass(Time(0), Time(1000 * HOUR_MS));
        assert!(tracker.level() == 1.0 && tracker.gap_wh().abs() < 1e-9 && !tracker.is_heard());
    }
}
