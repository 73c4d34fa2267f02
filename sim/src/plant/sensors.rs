//! What sensors make of the truth.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use serde_json::{Value, json};
use twin::battery::BatteryView;
use twin::rng::{Seed, Stream};

/// Sensors of one battery. The figures are assumed, of the order that makers of battery management systems state.
#[derive(Debug, Clone, PartialEq)]
pub struct Sensors {
    /// Gain of the voltage sensor.
    pub voltage_gain: f64,
    /// Noise of the voltage, as a share of it.
    pub voltage_noise: f64,
    /// What the current sensor shows when there is none [A].
    pub current_bias_a: f64,
    /// Noise of the current [A].
    pub current_noise_a: f64,
    /// Error of the thermometer [K].
    pub temperature_bias_k: f64,
    /// Noise of the thermometer [K].
    pub temperature_noise_k: f64,
    /// How far its clock is off [ms].
    pub clock_skew_ms: i64,
    /// Share of reports that are lost.
    pub lost: f64,
    /// Share of reports that are sent twice.
    pub twice: f64,
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

impl Sensors {
    /// Sensors drawn for a battery of this rated capacity.
    pub fn drawn(seed: Seed, name: &str, rated_ah: f64) -> Self {
        let mut stream = seed.stream(name, "sensors", 0);
        Self {
            voltage_gain: 1.0 + 1e-3 * normal(&mut stream),
            voltage_noise: 5e-4,
            current_bias_a: 1e-3 * rated_ah * normal(&mut stream),
            current_noise_a: 2e-3 * rated_ah,
            temperature_bias_k: 0.5 * normal(&mut stream),
            temperature_noise_k: 0.2,
            clock_skew_ms: (200.0 * normal(&mut stream)).round() as i64,
            lost: 0.01,
            twice: 0.005,
        }
    }

    /// What they show of the truth, report by report.
    pub(super) fn show(
        &self,
        seed: Seed,
        name: &str,
        number: u64,
        truth: &BatteryView,
        ambient_c: f64,
    ) -> Vec<Value> {
        let mut stream = seed.stream(name, "report", number);
        let voltage_v = truth.voltage_v * (self.voltage_gain + self.voltage_noise * normal(&mut stream));
        let current_a = truth.current_a + self.current_bias_a + self.current_noise_a * normal(&mut stream);
        let warmth_k = self.temperature_bias_k + self.temperature_noise_k * normal(&mut stream);
        let luck: f64 = stream.random();
        // As many digits as such devices send.
        let stepped = |value: f64, step: f64| (value / step).round() * step;
        let digits = |value: f64, step: f64| (stepped(value, step) * 1e6).round() / 1e6;
        let reading = json!({
            "ts": truth.at.0 + self.clock_skew_ms,
            "voltage_v": digits(voltage_v, 1e-3),
            "current_a": digits(current_a, 1e-3),
            "temperature_c": digits(truth.temperature_c + warmth_k, 0.1),
            "ambient_c": digits(ambient_c, 0.1),
            "cycles": truth.efc.floor(),
        });
        if luck < self.lost {
            Vec::new()
        } else if luck > 1.0 - self.twice {
            vec![reading.clone(), reading]
        } else {
            vec![reading]
        }
    }
}
