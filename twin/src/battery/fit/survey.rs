//! What records can tell: steps of current, rests, slow branches, temperatures. Fits ask here before they begin, so
//! that what cannot be determined is refused with what is missing.

use super::{Missing, Record};

/// Smallest step of current that shows R0 [1/h of rated capacity].
const STEP_C: f64 = 0.1;
/// … within so many seconds.
const STEP_S: f64 = 2.0;
/// A load counts before a rest when it moved at least this share of the capacity.
const LOADED: f64 = 0.002;
/// Current of a rest [1/h].
const REST_C: f64 = 0.02;
/// Temperatures of records that are apart by less belong together [K].
const APART_K: f64 = 4.0;

/// Finding of a survey.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Steps of current that are fast enough for R0.
    pub steps: usize,
    /// Longest rest after a load [s].
    pub rest_s: f64,
    /// Longest time under a load that keeps changing, which tells of slow processes as well [s].
    pub drive_s: f64,
    /// Shortest usual time between rows under load [s].
    pub interval_s: f64,
    /// Temperatures of the surroundings, rising, told apart from 4 K on.
    pub temperatures_c: Vec<f64>,
    /// Lowest and highest state of charge relative to where each record begins, where that is known.
    pub soc: (f64, f64),
    /// Greatest charge that one record takes out [Ah].
    pub discharged_ah: f64,
}

/// Looks through records.
pub fn survey(records: &[Record], rated_ah: f64) -> Survey {
    let mut found = Survey {
        steps: 0,
        rest_s: 0.0,
        drive_s: 0.0,
        interval_s: f64::INFINITY,
        temperatures_c: Vec::new(),
        soc: (1.0, 0.0),
        discharged_ah: 0.0,
    };
    for record in records {
        found.look_at(record, rated_ah);
    }
    let mut temperatures: Vec<f64> = records.iter().map(|record| record.ambient_c).collect();
    temperatures.sort_by(f64::total_cmp);
    let mut group: Vec<f64> = Vec::new();
    for temperature_c in temperatures {
        if group.last().is_some_and(|last| temperature_c - last >= APART_K) {
            found.temperatures_c.push(mean(&group));
            group.clear();
        }
        group.push(temperature_c);
    }
    if !group.is_empty() {
        found.temperatures_c.push(mean(&group));
    }
    found
}

/// Mean to the nearest degree.
fn mean(values: &[f64]) -> f64 {
    (values.iter().sum::<f64>() / values.len() as f64).round()
}

impl Survey {
    fn look_at(&mut self, record: &Record, rated_ah: f64) {
        let rests = |k: usize| record.current_a[k].abs() < REST_C * rated_ah;
        let (mut rest_from, mut loaded_ah, mut steps) = (None, 0.0, 0usize);
        let mut intervals: Vec<f64> = Vec::new();
        for k in 1..record.len() {
            let dt_s = record.t_s[k] - record.t_s[k - 1];
            let step_a = (record.current_a[k] - record.current_a[k - 1]).abs();
            if dt_s <= STEP_S && step_a >= STEP_C * rated_ah {
                steps += 1;
            }
            if rests(k) {
                let from_s = *rest_from.get_or_insert(record.t_s[k - 1]);
                if loaded_ah > LOADED * rated_ah {
                    self.rest_s = self.rest_s.max(record.t_s[k] - from_s);
                }
            } else {
                if rest_from.take().is_some() {
                    loaded_ah = 0.0;
                }
                loaded_ah += (record.discharged_ah[k] - record.discharged_ah[k - 1]).abs();
                intervals.push(dt_s);
            }
        }
        self.steps += steps;
        if steps > 50 {
            self.drive_s = self.drive_s.max(record.t_s[record.len() - 1] - record.t_s[0]);
        }
        intervals.sort_by(f64::total_cmp);
        if let Some(usual) = intervals.get(intervals.len() / 4) {
            self.interval_s = self.interval_s.min(*usual);
        }
        let most = record.discharged_ah.iter().fold(0.0f64, |most, ah| most.max(*ah));
        self.discharged_ah = self.discharged_ah.max(most);
    }

    /// Whether a circuit can be fitted: R0 needs steps, R1 rows close enough, τ2 a rest or a long drive.
    ///
    /// # Errors
    /// What is missing, each with what would help.
    pub fn circuit(&self, tau1_s: f64, tau2_s: f64) -> Result<(), Vec<Missing>> {
        let mut missing = Vec::new();
        if self.steps == 0 {
            missing.push(Missing::Data {
                parameter: "r0",
                lacks: format!("no step of current of {STEP_C}C or more within {STEP_S} s"),
                remedy: "add pulses (HPPC, GITT) or a drive cycle sampled every second or so",
            });
        }
        if self.interval_s > tau1_s {
            missing.push(Missing::Data {
                parameter: "r1 and tau1",
                lacks: format!(
                    "rows under load are {:.0} s apart, and the fast pair takes about {tau1_s:.0} s",
                    self.interval_s
                ),
                remedy: "add data sampled every few seconds",
            });
        }
        let needs_s = tau2_s.min(1000.0);
        if self.rest_s < needs_s && self.drive_s < 3.0 * tau2_s {
            missing.push(Missing::Data {
                parameter: "r2 and tau2",
                lacks: format!(
                    "no rest after a load lasts {needs_s:.0} s (the longest is {:.0} s), and no drive {:.0} s",
                    self.rest_s,
                    3.0 * tau2_s
                ),
                remedy: "add a rest of half an hour after a pulse, or keep the base's slow pair with --keep tau2",
            });
        }
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }
}
