//! What faults that were made on purpose do to what a device reports.

use host::platform::fault::Fault;
use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use twin::rng::Seed;
use uuid::Uuid;

/// Faults of one device, and what they must remember.
#[derive(Debug, Default)]
pub struct Faulty {
    /// What stuck sensors show.
    stuck: BTreeMap<Uuid, f64>,
}

impl Faulty {
    /// What becomes of a device's readings; the draws are named by the device and the number of its report.
    pub fn show(
        &mut self,
        seed: Seed,
        device: &str,
        number: u64,
        faults: &[(Uuid, Fault)],
        mut readings: Vec<Value>,
    ) -> Vec<Value> {
        self.stuck.retain(|id, _| faults.iter().any(|(known, _)| known == id));
        for (place, (id, fault)) in faults.iter().enumerate() {
            let mut stream = seed.stream(device, &format!("fault-{place}"), number);
            match fault {
                Fault::SensorBias { metric, by } => change(&mut readings, metric, |shown| shown + by),
                Fault::SensorStuck { metric } => {
                    let stuck = self.stuck.entry(*id);
                    if let Some(shown) =
                        readings.first().and_then(|reading| reading[metric.as_str()].as_f64())
                    {
                        let shown = *stuck.or_insert(shown);
                        change(&mut readings, metric, |_| shown);
                    }
                }
                Fault::SensorNoise { metric, by } => {
                    let noise: f64 = StandardNormal.sample(&mut stream);
                    change(&mut readings, metric, |shown| shown + by * noise);
                }
                Fault::ClockSkew { by } => {
                    for reading in &mut readings {
                        if let Some(ts) = reading["ts"].as_i64() {
                            reading["ts"] = json!(ts + (by * 1e3).round() as i64);
                        }
                    }
                }
                Fault::DropOut { share } => {
                    if stream.random::<f64>() < *share {
                        readings.clear();
                    }
                }
                Fault::Duplicates { share } => {
                    if stream.random::<f64>() < *share {
                        readings.extend(readings.first().cloned());
                    }
                }
                Fault::Silent => readings.clear(),
                // These are the plant's own business.
                Fault::Charger { .. } | Fault::Slot { .. } | Fault::Cabinet => {}
            }
        }
        readings
    }
}

/// Changes a figure where it is reported, to as many digits as before.
fn change(readings: &mut [Value], metric: &str, change: impl Fn(f64) -> f64) {
    for reading in readings {
        if let Some(shown) = reading.get(metric).and_then(Value::as_f64) {
            reading[metric] = json!((change(shown) * 1e6).round() / 1e6);
        }
    }
}

/// Whether a device is silent.
pub fn is_silent(faults: &[(Uuid, Fault)]) -> bool {
    faults.iter().any(|(_, fault)| *fault == Fault::Silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sensors_are_off_stuck_and_reports_lost_until_the_fault_is_lifted() {
        let mut faulty = Faulty::default();
        let reading = |volts: f64| vec![json!({ "ts": 1_000, "voltage_v": volts, "current_a": 1.0 })];
        let mut show = |faults: &[(Uuid, Fault)], volts| faulty.show(Seed(1), "a", 0, faults, reading(volts));
        let fault = |fault| [(Uuid::from_u128(1), fault)];
        let metric = || "voltage_v".to_owned();
        assert_eq!(show(&fault(Fault::SensorBias { metric: metric(), by: 0.5 }), 48.0)[0]["voltage_v"], 48.5);
        let stuck = fault(Fault::SensorStuck { metric: metric() });
        assert_eq!(show(&stuck, 48.0)[0]["voltage_v"], 48.0);
        assert_eq!(show(&stuck, 50.0)[0]["voltage_v"], 48.0);
        assert_eq!(show(&[], 50.0), reading(50.0));
        // Another time it sticks where it is then.
        assert_eq!(show(&stuck, 51.0)[0]["voltage_v"], 51.0);
        assert_eq!(show(&fault(Fault::ClockSkew { by: -2.0 }), 48.0)[0]["ts"], -1_000);
        assert!(show(&fault(Fault::DropOut { share: 1.0 }), 48.0).is_empty());
        assert_eq!(show(&fault(Fault::Duplicates { share: 1.0 }), 48.0).len(), 2);
        let noisy = show(&fault(Fault::SensorNoise { metric: metric(), by: 1.0 }), 48.0);
        assert!(noisy[0]["voltage_v"] != 48.0 && noisy[0]["current_a"] == 1.0, "{noisy:?}");
        assert!(show(&fault(Fault::Silent), 48.0).is_empty() && is_silent(&fault(Fault::Silent)));
    }
}
