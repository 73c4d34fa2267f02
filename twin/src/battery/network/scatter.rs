//! How the cells of a pack differ, and cells that come in used.

use crate::battery::circuit::CellModel;
use crate::battery::life::Progress;
use crate::battery::pack::Spread;
use crate::battery::rainflow::Cycle;
use crate::rng::Stream;
use rand_distr::{Distribution, LogNormal, Normal};

/// What makes one cell different from the mean of its make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traits {
    /// Capacity when new, relative.
    pub capacity: f64,
    /// Resistance when new, relative.
    pub resistance: f64,
    /// Rate of ageing, relative.
    pub ageing: f64,
    /// How much warmer its place is than the pack's enclosure [K].
    pub place_k: f64,
}

impl Default for Traits {
    /// The mean of the make.
    fn default() -> Self {
        Self { capacity: 1.0, resistance: 1.0, ageing: 1.0, place_k: 0.0 }
    }
}

/// Standard deviations among the cells of a pack.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CellSpread {
    /// Of the make.
    pub make: Spread,
    /// Temperature of the places, normal [K]. Source of a usual 1 to 3 K: design figures of air-cooled packs; assumed.
    pub place_k: f64,
    /// State of charge at the start, normal, of whole groups: cells in parallel have evened out before.
    pub group_soc: f64,
}

/// Draws the states of charge of a new pack's groups about a mean, within 0 and 1.
pub fn draw_group_soc(mean: f64, groups: u32, spread: CellSpread, stream: &mut Stream) -> Vec<f64> {
    let soc = Normal::new(mean, spread.group_soc).expect("deviations are finite and not negative");
    (0..groups).map(|_| soc.sample(stream).clamp(0.0, 1.0)).collect()
}

/// Draws one cell of a make at a place: capacity normal within ±50 %, resistance and rate of ageing lognormal with
/// mean 1, as [`crate::battery::pack::PackModel::drawn`] draws its groups.
pub fn draw(spread: CellSpread, stream: &mut Stream) -> Traits {
    let normal = |sd: f64, stream: &mut Stream| {
        Normal::new(0.0, sd).expect("deviations are finite and not negative").sample(stream)
    };
    let unit_mean = |sd: f64, stream: &mut Stream| {
        let sigma = sd.powi(2).ln_1p().sqrt();
        let drawn = LogNormal::new(-0.5 * sigma * sigma, sigma);
        drawn.expect("deviations are finite and not negative").sample(stream)
    };
    // Always the same number of draws, so that one spread changed to zero moves no other.
    let capacity = (1.0 + normal(spread.make.capacity, stream)).clamp(0.5, 1.5);
    let resistance = unit_mean(spread.make.resistance, stream);
    let ageing = unit_mean(spread.make.ageing, stream);
    let place_k = normal(spread.place_k, stream).clamp(-5.0 * spread.place_k, 5.0 * spread.place_k);
    Traits { capacity, resistance, ageing, place_k }
}

/// What a cell has behind it.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// Progress of the life laws.
    pub progress: Progress,
    /// Age [d].
    pub age_days: f64,
    /// Full equivalent cycles.
    pub efc: f64,
}

impl Past {
    /// None: a new cell.
    pub fn none(model: &CellModel) -> Self {
        Self { progress: model.life.new_progress(), age_days: 0.0, efc: 0.0 }
    }

    /// The past of a cell that was used until its capacity had come down to `capacity`, relative to its own new
    /// one: a cycle a day between 90 and 20 % of charge at half its rating an hour, at 25 °C.
    ///
    /// assumed: a usage in the middle of what life models are fitted on. Where the laws never get there, the cell
    /// has forty years behind it.
    pub fn worn_to(model: &CellModel, capacity: f64, ageing: f64) -> Self {
        let health_after = |days: f64| {
            let past = Self::of_days(model, days);
            let states = model.life.states(&past.progress, days);
            let scaled: Progress = states.iter().map(|y| y * ageing).collect();
            model.life.health(&scaled).capacity
        };
        let (mut young, mut old) = (0.0, 40.0 * 365.25);
        for _ in 0..60 {
            let middle = 0.5 * (young + old);
            if health_after(middle) > capacity { young = middle } else { old = middle }
        }
        Self::of_days(model, old)
    }

    fn of_days(model: &CellModel, days: f64) -> Self {
        let mut past = Self::none(model);
        past.age_days = days;
        past.efc = 0.7 * days;
        model.calendar.expose(&mut past.progress, [25.0], [0.55], days);
        let cycle = Cycle {
            soc_low: 0.2,
            soc_high: 0.9,
            efc: past.efc,
            temperature_c: 25.0,
            c_rate: 0.5,
            c_rate_charge: 0.5,
            c_rate_discharge: 0.5,
            days,
            whole: true,
        };
        let stress = model.life.cycle_stress(&cycle, |soc| model.ocv_v(soc));
        model.life.add_cycle(&mut past.progress, &cycle, &stress);
        past
    }
}
