//! Ageing of single cells by the life laws.
//!
//! The laws need no step as short as the network's: what a cell does is summed up for at least a minute before they
//! hear of it. Charge and discharge are summed apart, so throughput is exact; turning points closer together than a
//! minute are not seen.

use super::BankSums;
use super::scatter::{Past, Traits};
use crate::battery::circuit::CellModel;
use crate::battery::exposure::{Exposure, Stretch};
use crate::battery::life::{Health, Progress};
use crate::battery::pack::HOT_C;
use crate::battery::rainflow::{Cycle, IDLE_RATE_PER_H, Leg, Rainflow};

/// How one cell has aged.
#[derive(Debug, Clone, PartialEq)]
pub struct Wear {
    past: Past,
    exposure: Exposure,
    rainflow: Rainflow,
}

/// What a cell did since the laws last heard of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Span {
    /// State of charge at its end.
    pub soc: f64,
    /// Mean state of charge.
    pub soc_mean: f64,
    /// Mean temperature [°C].
    pub temperature_c: f64,
    /// Stored charge that came and went, relative to rated capacity.
    pub charged: f64,
    /// See `charged`.
    pub discharged: f64,
    /// Length [s].
    pub seconds: f64,
}

impl Wear {
    /// A cell with a past.
    pub fn new(past: Past, soc: f64) -> Self {
        Self { past, exposure: Exposure::default(), rainflow: Rainflow::starting_at(soc) }
    }

    /// What the cell has behind it, as far as the laws have heard.
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Full equivalent cycles in rated capacity.
    pub fn efc(&self) -> f64 {
        self.past.efc
    }

    /// Age [d].
    pub fn age_days(&self) -> f64 {
        self.past.age_days
    }

    /// Ages the cell by a span.
    pub fn add(&mut self, model: &CellModel, span: &Span, sums: &mut BankSums) {
        let (days, hours) = (span.seconds / 86_400.0, span.seconds / 3600.0);
        self.past.age_days += days;
        let progress = &mut self.past.progress;
        let stretch = Stretch {
            days,
            temperature_c: span.temperature_c,
            ends_c: (span.temperature_c, span.temperature_c),
            soc: span.soc_mean,
            charged: span.charged - span.discharged,
        };
        self.exposure.add(&stretch, |temperature_c, soc, days| {
            model.calendar.expose(progress, temperature_c, soc, days);
        });
        let moved = span.charged + span.discharged;
        self.past.efc += 0.5 * moved;
        let share = |part: f64| if moved > 0.0 { part / moved } else { 0.0 };
        let active_h = if moved >= IDLE_RATE_PER_H * hours { hours } else { 0.0 };
        let leg = Leg {
            charged: span.charged,
            discharged: span.discharged,
            charging_h: active_h * share(span.charged),
            discharging_h: active_h * share(span.discharged),
            throughput_c: moved * span.temperature_c,
            days,
        };
        self.rainflow.extend(span.soc, &leg, |cycle| close(model, progress, &cycle, Some(sums)));
        if !model.file.life.fitted.holds_temperature(span.temperature_c) {
            sums.outside_temperature_h += hours;
        }
        if span.temperature_c > HOT_C {
            sums.hot_h += hours;
        }
    }

    /// Health without the cycles that are still open.
    pub fn health(&self, model: &CellModel, traits: &Traits) -> Health {
        health_of(model, &self.past.progress, self.past.age_days, traits)
    }

    /// Health with open half-cycles counted as such.
    pub fn observed_health(&self, model: &CellModel, traits: &Traits) -> Health {
        let mut progress = self.past.progress.clone();
        self.exposure.tell(&mut |temperature_c, soc, days| {
            model.calendar.expose(&mut progress, temperature_c, soc, days);
        });
        self.rainflow.open().for_each(|half| close(model, &mut progress, &half, None));
        health_of(model, &progress, self.past.age_days, traits)
    }
}

fn close(model: &CellModel, progress: &mut [f64], cycle: &Cycle, sums: Option<&mut BankSums>) {
    let stress = model.life.cycle_stress(cycle, |soc| model.ocv_v(soc));
    model.life.add_cycle(progress, cycle, &stress);
    if let Some(sums) = sums
        && !model.file.life.fitted.holds_cycle(cycle.c_rate, cycle.depth())
    {
        sums.outside_cycles_efc += cycle.efc;
    }
}

fn health_of(model: &CellModel, progress: &[f64], age_days: f64, traits: &Traits) -> Health {
    let states = model.life.states(progress, age_days);
    let scaled: Progress = states.iter().map(|y| y * traits.ageing).collect();
    let health = model.life.health(&scaled);
    Health { capacity: health.capacity * traits.capacity, resistance: health.resistance * traits.resistance }
}
