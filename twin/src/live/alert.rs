//! Alert rules as data, and how a condition becomes an alert and ends.
//!
//! ```text
//!            beyond a threshold            for hold_s             back within threshold ∓ hysteresis for clear_s
//!   quiet ────────────────────► pending ─────────► open(severity) ─────────────────────────────► quiet
//!              back within ◄──────┘                 │  worse or better threshold for hold_s: severity changes in place
//!                                                   └─ resolved by hand: quiet, and not before hold_off_s again
//! ```
//!
//! A figure that is not in a reading changes nothing: silence is a figure of its own.

use crate::battery::library::ChemistryError;
use crate::time::Time;
use serde::{Deserialize, Serialize};

/// The rules that ship.
const SHIPPED: &str = include_str!("alerts.toml");

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Severity {
    /// Its name outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Thresholds by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    /// From here on worth knowing.
    #[serde(default)]
    pub info: Option<f64>,
    /// From here on somebody should look.
    #[serde(default)]
    pub warning: Option<f64>,
    /// From here on somebody must act.
    #[serde(default)]
    pub critical: Option<f64>,
}

impl Levels {
    /// From the worst on.
    fn worst_first(&self) -> impl Iterator<Item = (Severity, f64)> {
        [(Severity::Critical, self.critical), (Severity::Warning, self.warning), (Severity::Info, self.info)]
            .into_iter()
            .filter_map(|(severity, level)| Some((severity, level?)))
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name of the rule; also the type of its alerts where `alert` does not say otherwise.
    #[serde(rename = "type")]
    pub name: String,
    /// Type of its alerts, where several rules raise the same.
    #[serde(default)]
    pub alert: Option<String>,
    /// Twins that it is for.
    pub kind: String,
    /// Only for cells of these families.
    #[serde(default)]
    pub families: Vec<String>,
    /// Not for cells of these families.
    #[serde(default)]
    pub not_families: Vec<String>,
    /// Only while the battery does this: `charging`, `discharging`, `resting`.
    #[serde(default)]
    pub during: Option<String>,
    /// The figure that it watches.
    pub figure: String,
    /// Whether the figure is divided by the cells or blocks in series.
    #[serde(default)]
    pub per_series: bool,
    /// Where given, the change of the figure over so long is watched [s].
    #[serde(default)]
    pub rate_s: Option<f64>,
    /// What the figure is called.
    pub title: String,
    /// What alerts say, where figure and threshold would tell people nothing.
    #[serde(default)]
    pub message: Option<String>,
    /// Unit behind figures in messages.
    #[serde(default)]
    pub unit: String,
    /// Figures in messages are so many times the figure.
    #[serde(default = "one")]
    pub scale: f64,
    /// Decimals of figures in messages.
    #[serde(default)]
    pub decimals: usize,
    /// Thresholds that must not be exceeded.
    #[serde(default)]
    pub above: Option<Levels>,
    /// Thresholds that must not be undershot.
    #[serde(default)]
    pub below: Option<Levels>,
    /// How far within the threshold the figure must be before it counts as back.
    #[serde(default)]
    pub hysteresis: f64,
    /// How long the condition must last before there is an alert [s].
    #[serde(default)]
    pub hold_s: f64,
    /// How long the figure must be back before the alert ends [s].
    #[serde(default)]
    pub clear_s: f64,
    /// After an alert was resolved by hand, how long before there is another [s].
    #[serde(default = "ten_minutes")]
    pub hold_off_s: f64,
}

fn one() -> f64 {
    1.0
}

fn ten_minutes() -> f64 {
    600.0
}

impl Rule {
    /// Type of its alerts.
    pub fn alert_type(&self) -> &str {
        self.alert.as_deref().unwrap_or(&self.name)
    }

    /// The worst threshold that a value is beyond.
    fn beyond(&self, value: f64) -> Option<(Severity, f64)> {
        let above = self.above.iter().flat_map(Levels::worst_first).find(|(_, level)| value > *level);
        let below = || self.below.iter().flat_map(Levels::worst_first).find(|(_, level)| value < *level);
        above.or_else(below)
    }

    /// Whether a value is still beyond a threshold, hysteresis included.
    fn still(&self, severity: Severity, value: f64) -> bool {
        let level = |levels: &Option<Levels>| {
            levels
                .as_ref()
                .and_then(|levels| levels.worst_first().find(|(s, _)| *s == severity))
                .map(|(_, level)| level)
        };
        level(&self.above).is_some_and(|level| value > level - self.hysteresis)
            || level(&self.below).is_some_and(|level| value < level + self.hysteresis)
    }

    /// `Battery temperature 45.2°C exceeds threshold 45.0°C`.
    pub fn message(&self, value: f64, threshold: f64) -> String {
        if let Some(message) = &self.message {
            return message.clone();
        }
        let (decimals, unit) = (self.decimals, &self.unit);
        let verb = if value >= threshold { "exceeds" } else { "is below" };
        let (value, threshold) = (value * self.scale, threshold * self.scale);
        format!("{} {value:.decimals$}{unit} {verb} threshold {threshold:.decimals$}{unit}", self.title)
    }
}

/// Rules together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The rules, in order.
    #[serde(rename = "rule", default)]
    pub rules: Vec<Rule>,
}

impl Rules {
    /// The rules that ship.
    pub fn shipped() -> Self {
        Self::read(SHIPPED).expect("a test reads the rules that ship")
    }

    /// How many times the figures of an alert of this type its message tells: 100 where it speaks of per cent.
    pub fn scale_of(&self, alert_type: &str) -> f64 {
        self.rules.iter().find(|rule| rule.alert_type() == alert_type).map_or(1.0, |rule| rule.scale)
    }

    /// Reads rules from TOML.
    ///
    /// # Errors
    /// When the text is no rules, or a rule makes no sense.
    pub fn read(text: &str) -> Result<Self, ChemistryError> {
        let rules: Self = toml::from_str(text)?;
        let mut complaints = Vec::new();
        for rule in &rules.rules {
            let is_watching = rule.above.is_some() || rule.below.is_some();
            let spans =
                [rule.hysteresis, rule.hold_s, rule.clear_s, rule.hold_off_s, rule.rate_s.unwrap_or(1.0)];
            if !is_watching {
                complaints.push(format!("{}: needs `above` or `below`", rule.name));
            }
            if spans.iter().any(|span| !span.is_finite() || *span < 0.0) {
                complaints.push(format!("{}: spans and hysteresis are 0 or more", rule.name));
            }
        }
        if complaints.is_empty() {
            Ok(rules)
        } else {
            Err(ChemistryError::Values { name: "alert rules".into(), complaints })
        }
    }

    /// The rules for a kind of twin, and of batteries for a family of cells.
    pub fn of<'a>(&'a self, kind: &'a str, family: Option<&'a str>) -> impl Iterator<Item = &'a Rule> {
        self.rules.iter().filter(move |rule| {
            let listed =
                |families: &[String]| family.is_some_and(|family| families.iter().any(|f| f == family));
            rule.kind == kind
                && (rule.families.is_empty() || listed(&rule.families))
                && !listed(&rule.not_families)
        })
    }
}

/// How far a rule is with one twin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Watch {
    /// Beyond a threshold since then, and how bad.
    pending: Option<(Severity, Time)>,
    /// There is an alert of this severity.
    open: Option<Severity>,
    /// Back within since then.
    back_since: Option<Time>,
    /// No new alert before this.
    not_before: Option<Time>,
    /// The figure earlier, for its change.
    earlier: Vec<(Time, f64)>,
}

/// How far the rules are with one twin.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watches(Vec<(Box<str>, Watch)>);

/// What became of a condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// There is an alert.
    Raised,
    /// It is worse or better than it was, and still there.
    Changed,
    /// It is over.
    Resolved,
}

/// An alert begins, changes or ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// What became of it.
    pub turn: Turn,
    /// Type of the alert.
    pub alert_type: String,
    /// Name of the rule.
    pub rule: String,
    /// How bad it is; when it is over, how bad it was.
    pub severity: Severity,
    /// When.
    pub at: Time,
    /// The figure.
    pub value: f64,
    /// The threshold.
    pub threshold: f64,
    /// For people.
    pub message: String,
}

impl Watches {
    /// Looks at one rule with the figure that it watches, as of `at`; times do not go back.
    pub fn look(&mut self, rule: &Rule, at: Time, figure: f64) -> Option<Signal> {
        // Of most rules with most twins there is nothing to remember, and a hundred thousand twins remember it.
        let is_known = self.0.iter().any(|(name, _)| **name == *rule.name);
        if !is_known && rule.rate_s.is_none() && rule.beyond(figure).is_none() {
            return None;
        }
        let signal = self.look_closely(rule, at, figure);
        self.0.retain(|(name, watch)| **name != *rule.name || *watch != Watch::default());
        signal
    }

    fn look_closely(&mut self, rule: &Rule, at: Time, figure: f64) -> Option<Signal> {
        let watch = self.watch(&rule.name);
        let value = match rule.rate_s {
            None => figure,
            Some(rate_s) => watch.change(at, figure, rate_s)?,
        };
        let beyond = rule.beyond(value);
        let signal = |turn, severity, threshold: f64| {
            let message = rule.message(value, threshold);
            let (alert_type, rule) = (rule.alert_type().to_owned(), rule.name.clone());
            Some(Signal { turn, alert_type, rule, severity, at, value, threshold, message })
        };
        let Some(open) = watch.open else {
            let Some((severity, threshold)) = beyond.filter(|_| watch.not_before.is_none_or(|t| at >= t))
            else {
                watch.pending = None;
                return None;
            };
            let since = watch.pending.map_or(at, |(_, since)| since);
            watch.pending = Some((severity, since));
            if at.seconds_since(since) < rule.hold_s {
                return None;
            }
            *watch = Watch {
                open: Some(severity),
                earlier: std::mem::take(&mut watch.earlier),
                ..Watch::default()
            };
            return signal(Turn::Raised, severity, threshold);
        };
        if let Some((severity, threshold)) = beyond.filter(|(severity, _)| *severity > open) {
            let since = watch.pending.filter(|(s, _)| *s > open).map_or(at, |(_, since)| since);
            watch.pending = Some((severity, since));
            watch.back_since = None;
            if at.seconds_since(since) < rule.hold_s {
                return None;
            }
            (watch.open, watch.pending) = (Some(severity), None);
            return signal(Turn::Changed, severity, threshold);
        }
        watch.pending = None;
        if rule.still(open, value) {
            watch.back_since = None;
            return None;
        }
        let since = *watch.back_since.get_or_insert(at);
        if at.seconds_since(since) < rule.clear_s {
            return None;
        }
        watch.back_since = None;
        match beyond {
            // Better, but not good.
            Some((severity, threshold)) => {
                watch.open = Some(severity);
                signal(Turn::Changed, severity, threshold)
            }
            None => {
                watch.open = None;
                signal(Turn::Resolved, open, rule.threshold(open).unwrap_or(value))
            }
        }
    }

    /// Somebody resolved the alert of a rule by hand.
    pub fn resolved_by_hand(&mut self, rule: &Rule, at: Time) {
        let watch = self.watch(&rule.name);
        let not_before = Some(at.plus_seconds(rule.hold_off_s));
        *watch = Watch { not_before, earlier: std::mem::take(&mut watch.earlier), ..Watch::default() };
    }

    /// How bad the open alert of a rule is.
    pub fn open(&self, rule: &str) -> Option<Severity> {
        self.0.iter().find(|(name, _)| name.as_ref() == rule).and_then(|(_, watch)| watch.open)
    }

    /// Makes the open alert of a rule what the records say: a replay of readings may have come to another end.
    pub fn set_open(&mut self, rule: &str, severity: Option<Severity>) {
        if self.open(rule) != severity {
            let watch = self.watch(rule);
            (watch.open, watch.pending, watch.back_since) = (severity, None, None);
        }
    }

    fn watch(&mut self, rule: &str) -> &mut Watch {
        let place = match self.0.iter().position(|(name, _)| name.as_ref() == rule) {
            Some(place) => place,
            None => {
                self.0.push((rule.into(), Watch::default()));
                self.0.len() - 1
            }
        };
        &mut self.0[place].1
    }
}

impl Rule {
    fn threshold(&self, severity: Severity) -> Option<f64> {
        let mut levels = self.above.iter().chain(&self.below).flat_map(Levels::worst_first);
        levels.find(|(s, _)| *s == severity).map(|(_, level)| level)
    }
}

impl Watch {
    /// Most values that are kept for a change.
    const KEPT: usize = 32;

    /// Change of the figure over so long; nothing before it was watched for about that long.
    fn change(&mut self, at: Time, figure: f64, rate_s: f64) -> Option<f64> {
        let spaced = self
            .earlier
            .last()
            .is_none_or(|(last, _)| at.seconds_since(*last) >= rate_s / (Self::KEPT - 2) as f64);
        if spaced {
            self.earlier.push((at, figure));
        }
        // The last value that is old enough stays as the one to compare with.
        while self.earlier.get(1).is_some_and(|(t, _)| at.seconds_since(*t) >= rate_s) {
            self.earlier.remove(0);
        }
        let (t, before) = *self.earlier.first()?;
        let span_s = at.seconds_since(t);
        (span_s >= 0.5 * rate_s).then(|| (figure - before) * rate_s / span_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        let rules = Rules::shipped();
        rules.rules.into_iter().find(|rule| rule.name == "temperature_high").unwrap()
    }

    /// Feeds figures at 10 s and tells what came of them.
    fn course(rule: &Rule, figures: &[f64]) -> Vec<(usize, Turn, Severity)> {
        let mut watches = Watches::default();
        let look = |(k, figure): (usize, &f64)| {
            let signal = watches.look(rule, Time(k as i64 * 10_000), *figure)?;
            Some((k, signal.turn, signal.severity))
        };
        figures.iter().enumerate().filter_map(look).collect()
    }

    #[test]
    fn figures_are_told_in_the_unit_of_the_message() {
        let rules = Rules::shipped();
        assert_eq!(
            ["soh_degraded", "temperature_high", "unheard_of"].map(|of| rules.scale_of(of)),
            [100.0, 1.0, 1.0]
        );
    }

    #[test]
    fn a_condition_must_last_and_ends_only_beyond_the_hysteresis() {
        let mut figures = vec![46.0; 10];
        figures.extend([44.0; 10]);
        figures.extend([30.0; 2]);
        let expected = [
            (6, Turn::Raised, Severity::Warning),
            // 44 is within the hysteresis of 45.
            (20, Turn::Resolved, Severity::Warning),
        ];
        assert_eq!(course(&rule(), &figures), expected);
    }

    #[test]
    fn a_short_peak_raises_nothing() {
        assert_eq!(course(&rule(), &[46.0, 46.0, 20.0, 46.0, 46.0, 20.0]), []);
    }

    #[test]
    fn it_gets_worse_and_better_in_place() {
        let mut figures = vec![46.0; 7];
        figures.extend([56.0; 7]);
        figures.extend([50.0; 1]);
        figures.extend([20.0; 1]);
        let expected = [
            (6, Turn::Raised, Severity::Warning),
            (13, Turn::Changed, Severity::Critical),
            (14, Turn::Changed, Severity::Warning),
            (15, Turn::Resolved, Severity::Warning),
        ];
        assert_eq!(course(&rule(), &figures), expected);
    }

    #[test]
    fn flapping_about_the_threshold_is_one_alert() {
        let figures: Vec<f64> =
            (0..200).map(|k| if k < 10 { 46.0 } else { 45.0 + 1.5 * f64::from(k % 2) - 0.75 }).collect();
        assert_eq!(course(&rule(), &figures).len(), 1);
    }

    #[test]
    fn resolved_by_hand_it_comes_back_after_the_hold_off() {
        let rule = rule();
        let mut watches = Watches::default();
        let mut raised = Vec::new();
        for k in 0..200i64 {
            if k == 10 {
                watches.resolved_by_hand(&rule, Time(100_000));
            }
            raised.extend(watches.look(&rule, Time(k * 10_000), 46.0).map(|_| k));
        }
        // Ten minutes of hold-off and one of holding.
        assert_eq!(raised, [6, 76]);
    }

    #[test]
    fn a_change_over_time_is_watched() {
        let rules = Rules::shipped();
        let rule = rules.rules.iter().find(|rule| rule.name == "temperature_rising").unwrap();
        let slow: Vec<f64> = (0..120).map(|k| 20.0 + 0.1 * f64::from(k)).collect();
        assert_eq!(course(rule, &slow), []);
        let fast: Vec<f64> = (0..120).map(|k| 20.0 + 0.25 * f64::from(k)).collect();
        let signals = course(rule, &fast);
        assert_eq!(signals.len(), 1, "{signals:?}");
        assert_eq!(signals[0].2, Severity::Warning);
    }

    #[test]
    fn rules_go_by_family_and_speak_as_documented() {
        let rules = Rules::shipped();
        let names = |family| {
            let of = rules.of("battery", Some(family));
            of.map(|rule| rule.name.clone()).collect::<Vec<_>>()
        };
        assert!(names("VRLA").contains(&"voltage_high".to_owned()));
        assert!(!names("LFP").contains(&"voltage_high".to_owned()));
        assert!(names("LFP").contains(&"cell_over_max".to_owned()));
        assert_eq!(rule().message(45.2, 45.0), "Battery temperature 45.2°C exceeds threshold 45.0°C");
    }

    #[test]
    fn a_rule_without_thresholds_is_refused() {
        let text = "[[rule]]\ntype = \"x\"\nkind = \"battery\"\nfigure = \"soc_pct\"\ntitle = \"X\"\n";
        assert!(Rules::read(text).unwrap_err().to_string().contains("x: needs `above` or `below`"));
        assert!(Rules::read("[[rule]]\nnonsense = 1\n").is_err());
    }
}
