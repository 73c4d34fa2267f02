//! A piece of sea, river mouth, beach or sea floor: how much plastic lies on it, and how the water moves.
//!
//! Mass is a stock that comes in at a rate, leaves at a rate of its own (sinks, strands, is blown off) and is taken by
//! whoever clears an area. Nobody meets the mean: how much lies where one happens to clear is drawn, from the scatter
//! between tows of the surveys behind [`SEAS`].

use super::material::{Condition, Material, Resin};
use crate::geo::GeoBox;
use crate::time::{DAY_S, Time};
use crate::twin::{Events, Moment, Twin};
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::TAU;

/// A kind of ground, as surveys found it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sea {
    /// Name.
    pub name: &'static str,
    /// What a net or a hand can take, mean [kg/km²].
    pub density_kg_per_km2: f64,
    /// Standard deviation of the logarithm of the density from one tow to the next.
    pub scatter_ln: f64,
    /// Share of fishing gear in the mass.
    pub nets: f64,
    /// Where the figures come from.
    pub source: &'static str,
}

/// What surveys found, kind by kind. `twin/tests/plastic.rs` compares those that the data at hand cover.
pub const SEAS: [Sea; 7] = [
    Sea {
        name: "great_pacific_garbage_patch",
        density_kg_per_km2: 57.0,
        scatter_ln: 1.2,
        nets: 0.46,
        source: "Lebreton et al., Sci. Rep. 8 (2018): means of 151 mega trawls (5–50 cm, 16.7 kg/km²) and 31 aerial \
                 mosaics (above 50 cm, 40.5 kg/km²), stations within and around the patch; scatter between them; \
                 46 % of the mass is nets",
    },
    Sea {
        name: "north_pacific_gyre_mean",
        density_kg_per_km2: 37.0,
        scatter_ln: 1.2,
        nets: 0.46,
        source: "Lebreton et al. 2018: 79,000 t on 1.6 million km², three quarters above 5 cm",
    },
    Sea {
        name: "mediterranean",
        density_kg_per_km2: 0.8,
        scatter_ln: 1.4,
        nets: 0.1,
        source: "Cózar et al., PLOS ONE 10 (2015): 1,000–3,000 t on 2.5 million km²; scatter of 78 trawls in Eriksen \
                 et al. 2023",
    },
    Sea {
        name: "open_ocean",
        density_kg_per_km2: 0.2,
        scatter_ln: 2.0,
        nets: 0.1,
        source: "assumed: 0.05–0.5 kg/km² outside the gyres; scatter of trawls in Eriksen et al., PLOS ONE 18 (2023)",
    },
    Sea {
        name: "coastal",
        density_kg_per_km2: 20.0,
        scatter_ln: 1.4,
        nets: 0.05,
        source: "assumed: 5–50 kg/km² off cities and in harbours; scatter as in the Mediterranean",
    },
    Sea {
        name: "river_mouth",
        density_kg_per_km2: 100.0,
        scatter_ln: 1.4,
        nets: 0.0,
        source: "assumed: 10–500 kg/km² with rain and season; scatter as in the Mediterranean",
    },
    Sea {
        name: "beach",
        density_kg_per_km2: 5_000.0,
        scatter_ln: 1.0,
        nets: 0.1,
        source: "assumed: 0.5–30 g/m² on beaches that are not cleaned",
    },
];

/// The kind of this name.
pub fn sea(name: &str) -> Option<&'static Sea> {
    SEAS.iter().find(|sea| sea.name == name)
}

/// A kilogram of what usually comes from the sea: what floats.
///
/// assumed: shares by resin for estimates where nobody sorted; of the open sea's plastic most is brittle. See
/// `docs/models/plastic.md`.
pub fn usual_from_sea(nets: f64) -> Material {
    use Resin::{Hdpe, Ldpe, Pet, Pp, Ps};
    let resins = [(Hdpe, 0.35), (Ldpe, 0.20), (Pp, 0.30), (Ps, 0.05), (Pet, 0.04)];
    Material::mixture(
        &resins,
        &[(Condition::Good, 0.1), (Condition::Contaminated, 0.4)],
        nets.clamp(0.0, 1.0),
    )
    .expect("constant shares below 1")
}

/// A kilogram of what usually lies on beaches. assumed, as above.
pub fn usual_from_beach(nets: f64) -> Material {
    use Resin::{Hdpe, Ldpe, Pet, Pp, Ps, Pvc};
    let resins = [(Hdpe, 0.20), (Ldpe, 0.15), (Pp, 0.25), (Ps, 0.13), (Pet, 0.12), (Pvc, 0.02)];
    Material::mixture(
        &resins,
        &[(Condition::Good, 0.35), (Condition::Contaminated, 0.45)],
        nets.clamp(0.0, 1.0),
    )
    .expect("constant shares below 1")
}

/// How the water moves about its mean: half of it the tide, half weather.
///
/// ```text
/// u(t) = mean + A·(cos ωt, sin ωt) + w,   w first-order, e-folding in τ
/// ```
///
/// Defaults: a drifter in the Barents Sea (autumn 2022, 43 days every half hour, MET Norway) moved at 0.21 m/s root
/// mean square per direction; its velocity follows itself with −0.2 after 6 h and 0.7 after 12 h, which half a lunar
/// tide and half a first-order process of 13 h give. Limits: one drifter in one shelf sea.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Currents {
    /// Mean to the east [m/s].
    pub east_m_s: f64,
    /// Mean to the north [m/s].
    pub north_m_s: f64,
    /// Amplitude of the tidal current, which turns [m/s].
    pub tide_m_s: f64,
    /// Root mean square of the weather's part in each direction [m/s].
    pub weather_m_s: f64,
    /// E-folding time of that [h].
    pub memory_h: f64,
}

impl Default for Currents {
    fn default() -> Self {
        Self { east_m_s: 0.0, north_m_s: 0.0, tide_m_s: 0.21, weather_m_s: 0.15, memory_h: 13.0 }
    }
}

/// Period of the main lunar tide [h].
pub const LUNAR_TIDE_H: f64 = 12.420_601_2;

impl Currents {
    /// Mean current over a span [m/s east, m/s north], without weather. Exact.
    pub fn mean_over(&self, from: Time, to: Time) -> (f64, f64) {
        let phase = |t: Time| TAU * (t.0 as f64 / 3.6e6).rem_euclid(LUNAR_TIDE_H) / LUNAR_TIDE_H;
        let turns = TAU * (to - from) as f64 / 3.6e6 / LUNAR_TIDE_H;
        let (a, b) = (phase(from), phase(from) + turns);
        let (east, north) = if turns.abs() < 1e-9 {
            (a.cos(), a.sin())
        } else {
            ((b.sin() - a.sin()) / turns, (a.cos() - b.cos()) / turns)
        };
        (self.east_m_s + self.tide_m_s * east, self.north_m_s + self.tide_m_s * north)
    }
}

/// What does not change about a ground.
#[derive(Debug, Clone, PartialEq)]
pub struct GroundModel {
    /// Where it lies.
    pub area: GeoBox,
    /// Area that plastic lies on [km²]: of a beach less than the box around it.
    pub area_km2: f64,
    /// Density at the start [kg/km²].
    pub density_kg_per_km2: f64,
    /// What comes in [kg/d].
    pub inflow_kg_per_day: f64,
    /// Share of what is there that leaves by itself [1/d].
    pub loss_per_day: f64,
    /// Standard deviation of the logarithm of density from one clearing to the next.
    pub scatter_ln: f64,
    /// What a kilogram is made of.
    pub mix: Material,
    /// The water.
    pub currents: Currents,
}

/// Masses of a ground [kg]: `initial + inflow + returned = stock + taken + left`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GroundLedger {
    /// At the start.
    pub initial_kg: f64,
    /// Came in.
    pub inflow_kg: f64,
    /// Was given back of what had been allotted.
    pub returned_kg: f64,
    /// Was allotted to whoever cleared.
    pub taken_kg: f64,
    /// Left by itself.
    pub left_kg: f64,
}

/// A ground.
#[derive(Debug, Clone, PartialEq)]
pub struct Ground {
    model: GroundModel,
    at: Time,
    stock_kg: f64,
    /// The weather's part of the current [m/s east, north], and since when.
    weather_m_s: (f64, f64),
    stirred: Option<Time>,
    ledger: GroundLedger,
}

/// What a ground may be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GroundCommand {
    /// Somebody is about to clear this much; what there is in it is allotted.
    Clear {
        /// Area gone over [km²].
        area_km2: f64,
        /// Share that the gear takes.
        efficiency: f64,
    },
    /// Somebody gives back what was allotted and not taken.
    Return {
        /// How much [kg].
        mass_kg: f64,
    },
    /// The weather's part of the current is drawn anew.
    Stir,
}

/// What happened to a ground.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GroundEvent {
    /// Plastic was allotted.
    Cleared {
        /// When.
        at: Time,
        /// How much [kg].
        mass_kg: f64,
    },
    /// Plastic was given back.
    Returned {
        /// When.
        at: Time,
        /// How much [kg].
        mass_kg: f64,
    },
    /// The current changed.
    Stirred {
        /// When.
        at: Time,
        /// To the east [m/s].
        east_m_s: f64,
        /// To the north [m/s].
        north_m_s: f64,
    },
}

/// Why a ground refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum GroundRefusal {
    /// A figure is no number or out of its range.
    #[error("{what} of {value} makes no sense")]
    Senseless {
        /// What it is.
        what: &'static str,
        /// The figure.
        value: f64,
    },
}

/// What a ground shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroundView {
    /// Mass on it [kg].
    pub stock_kg: f64,
    /// Mean density [kg/km²].
    pub density_kg_per_km2: f64,
    /// Weather's part of the current [m/s east, north].
    pub weather_m_s: (f64, f64),
    /// Masses.
    pub ledger: GroundLedger,
}

impl Ground {
    /// A ground at the start.
    pub fn new(model: GroundModel, at: Time) -> Self {
        let stock_kg = model.density_kg_per_km2 * model.area_km2;
        let ledger = GroundLedger { initial_kg: stock_kg, ..GroundLedger::default() };
        Self { model, at, stock_kg, weather_m_s: (0.0, 0.0), stirred: None, ledger }
    }

    /// What does not change.
    pub fn model(&self) -> &GroundModel {
        &self.model
    }

    /// Stock after so long, and what came in and left meanwhile [kg].
    ///
    /// ```text
    /// dM/dt = q − λM   ⇒   M(t) = M₀·e^(−λt) + q/λ·(1 − e^(−λt)),   left = M₀ + q·t − M(t)
    /// ```
    fn passed(&self, to: Time) -> (f64, f64, f64) {
        let days = (to.seconds_since(self.at) / DAY_S).max(0.0);
        let inflow_kg = self.model.inflow_kg_per_day * days;
        let decay = self.model.loss_per_day * days;
        if decay <= 0.0 {
            return (self.stock_kg + inflow_kg, inflow_kg, 0.0);
        }
        // (1 − e^(−x))/x without loss of digits at small x.
        let mean = -(-decay).exp_m1() / decay;
        let stock_kg = self.stock_kg * (-decay).exp() + inflow_kg * mean;
        (stock_kg, inflow_kg, self.stock_kg + inflow_kg - stock_kg)
    }

    fn pass(&mut self, to: Time) {
        let (stock_kg, inflow_kg, left_kg) = self.passed(to);
        self.stock_kg = stock_kg;
        self.ledger.inflow_kg += inflow_kg;
        self.ledger.left_kg += left_kg;
        self.at = self.at.max(to);
    }

    /// Initial, inflow and returns less all that they became [kg]: rounding, if nothing was lost.
    pub fn gap_kg(&self) -> f64 {
        let l = &self.ledger;
        l.initial_kg + l.inflow_kg + l.returned_kg - l.taken_kg - l.left_kg - self.stock_kg
    }
}

impl Twin for Ground {
    type Command = GroundCommand;
    type Event = GroundEvent;
    type Refusal = GroundRefusal;
    type View = GroundView;

    /// A clearing takes `M·(1 − e^(−s·η·a/A))` with `s` drawn lognormally about a mean of 1: the first square metre
    /// meets the local density, and one that clears the same ground again and again never takes more than there is.
    fn decide(
        &self,
        command: &GroundCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<GroundEvent>, GroundRefusal> {
        let at = moment.now.max(self.at);
        let check = |what, value: f64, most: f64| {
            if (0.0..=most).contains(&value) { Ok(()) } else { Err(GroundRefusal::Senseless { what, value }) }
        };
        let event = match *command {
            GroundCommand::Clear { area_km2, efficiency } => {
                check("an area", area_km2, f64::MAX)?;
                check("an efficiency", efficiency, 1.0)?;
                let (stock_kg, ..) = self.passed(at);
                let normal: f64 = StandardNormal.sample(&mut moment.stream("patchiness"));
                let sigma = self.model.scatter_ln;
                let local = (sigma * normal - 0.5 * sigma * sigma).exp();
                let share = -(-local * efficiency * area_km2 / self.model.area_km2).exp_m1();
                GroundEvent::Cleared { at, mass_kg: stock_kg * share }
            }
            GroundCommand::Return { mass_kg } => {
                check("a mass", mass_kg, self.ledger.taken_kg - self.ledger.returned_kg)?;
                GroundEvent::Returned { at, mass_kg }
            }
            GroundCommand::Stir => {
                let currents = &self.model.currents;
                let kept = match self.stirred {
                    Some(last) => (-at.seconds_since(last) / 3600.0 / currents.memory_h).exp(),
                    None => 0.0,
                };
                let mut stream = moment.stream("weather");
                let mut next = |old: f64| {
                    let normal: f64 = StandardNormal.sample(&mut stream);
                    kept * old + (1.0 - kept * kept).sqrt() * currents.weather_m_s * normal
                };
                let (east_m_s, north_m_s) = (next(self.weather_m_s.0), next(self.weather_m_s.1));
                GroundEvent::Stirred { at, east_m_s, north_m_s }
            }
        };
        Ok(Events::from_iter([event]))
    }

    fn apply(&mut self, event: &GroundEvent) {
        match *event {
            GroundEvent::Cleared { at, mass_kg } => {
                self.pass(at);
                self.stock_kg = (self.stock_kg - mass_kg).max(0.0);
                self.ledger.taken_kg += mass_kg;
            }
            GroundEvent::Returned { at, mass_kg } => {
                self.pass(at);
                self.stock_kg += mass_kg;
                self.ledger.returned_kg += mass_kg;
            }
            GroundEvent::Stirred { at, east_m_s, north_m_s } => {
                self.pass(at);
                self.weather_m_s = (east_m_s, north_m_s);
                self.stirred = Some(at);
            }
        }
    }

    fn view(&self, now: Time) -> GroundView {
        let (stock_kg, inflow_kg, left_kg) = self.passed(now);
        let ledger = GroundLedger {
            inflow_kg: self.ledger.inflow_kg + inflow_kg,
            left_kg: self.ledger.left_kg + left_kg,
            ..self.ledger
        };
        GroundView {
            stock_kg,
            density_kg_per_km2: stock_kg / self.model.area_km2,
            weather_m_s: self.weather_m_s,
            ledger,
        }
    }
}
