//! The twin of a pack whose cells are carried one by one.

use super::CellBank;
use super::bank::Bank;
use super::circuits::UnsuitedCell;
use super::duty::{NetworkStepping, pass};
use super::pack::{NetworkModel, NetworkPack};
use super::scatter::{CellSpread, Traits, draw, draw_group_soc};
use crate::battery::circuit::CellModel;
use crate::battery::fidelity::Fidelity;
use crate::battery::integrate::Duty;
use crate::battery::life::Health;
use crate::battery::{BatteryRefusal, Leg, makes_sense};
use crate::forcing::Ambient;
use crate::rng::Stream;
use crate::time::Time;
use crate::twin::{Events, Moment, Twin};
use smallvec::SmallVec;
use std::sync::Arc;

/// A pack of single cells under a duty.
///
/// Like [`crate::battery::Battery`] it integrates lazily; unlike it, it makes no plan of a charge beforehand.
#[derive(Debug, Clone)]
pub struct NetworkBattery {
    pack: NetworkPack<Bank>,
    spread: CellSpread,
    at: Time,
    duty: Duty,
    /// Power that is asked for and not given since the duty ended before its time [W].
    denied_w: f64,
    ambient: Ambient,
    stepping: NetworkStepping,
    agenda: SmallVec<[Leg; 4]>,
}

/// What a pack of single cells may be told.
#[derive(Debug, Clone, PartialEq)]
pub enum NetworkCommand {
    /// To follow duties, as [`crate::battery::Follow`].
    Follow {
        /// Duties, each from its time on, in order and none before the last known one.
        legs: Vec<Leg>,
        /// Whether to integrate up to now.
        catch_up: bool,
    },
    /// To have a cell replaced now by another of the same make, at the state of charge that keeps its group together.
    Replace {
        /// Which, numbered as in [`super::wiring`].
        cell: usize,
        /// Capacity of the cell that comes in relative to its own new one: 1 for a new cell.
        soh: f64,
    },
}

/// What happened to a pack of single cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NetworkEvent {
    /// It is put under a duty from a time on, instead of whatever was to follow then.
    DutySet(Leg),
    /// Time went on.
    CaughtUp {
        /// To here.
        to: Time,
    },
    /// A cell was replaced, all others being up to date.
    Replaced {
        /// When.
        at: Time,
        /// Which.
        cell: usize,
        /// What the new one is like.
        traits: Traits,
        /// Its capacity relative to its own new one.
        soh: f64,
    },
}

/// Why a pack of single cells refuses.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NetworkRefusal {
    /// A duty that no battery follows.
    #[error(transparent)]
    Duty(#[from] BatteryRefusal),
    /// There is no such cell.
    #[error("there is no cell {cell} in a pack of {cells}")]
    NoCell {
        /// The cell asked for.
        cell: usize,
        /// Cells in the pack.
        cells: usize,
    },
    /// Cells as particles have no past but their own.
    #[error(
        "a used cell, at a state of health of {soh}, has no electrodes that particle models could go on with"
    )]
    UsedParticles {
        /// The state asked for.
        soh: f64,
    },
    /// No cell is in such a state.
    #[error("a state of health of {soh} is not above 0 and up to 1")]
    SenselessHealth {
        /// The state asked for.
        soh: f64,
    },
}

/// What a pack of single cells shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NetworkView {
    /// As of when.
    pub at: Time,
    /// State of charge of the pack.
    pub soc: f64,
    /// Capacity of the weakest channel relative to rated, and mean resistance, without the cycles that are open.
    pub health: Health,
    /// Terminal voltage [V].
    pub voltage_v: f64,
    /// Current, positive discharging [A].
    pub current_a: f64,
    /// Mean temperature of the cells [°C].
    pub temperature_c: f64,
    /// Full equivalent cycles, mean of the cells.
    pub efc: f64,
    /// Age [d].
    pub age_days: f64,
}

impl NetworkBattery {
    /// A new pack at rest, its cells drawn from a stream.
    ///
    /// # Errors
    /// When the chemistry cannot be simulated cell by cell.
    pub fn new(
        (cell, fidelity): (Arc<CellModel>, &Fidelity),
        model: NetworkModel,
        spread: CellSpread,
        stream: &mut Stream,
        (ambient, at, soc): (Ambient, Time, f64),
        stepping: NetworkStepping,
    ) -> Result<Self, UnsuitedCell> {
        let traits: Vec<Traits> = (0..model.wiring.cells()).map(|_| draw(spread, stream)).collect();
        let place_k = traits.iter().map(|t| t.place_k).collect();
        let group_soc = draw_group_soc(soc, model.wiring.layout.series, spread, stream);
        let bank = Bank::new(cell, fidelity, traits, (&group_soc, ambient.at(at)))?;
        let pack = NetworkPack::new(model, bank, place_k, ambient.at(at));
        let (duty, agenda) = (Duty::Rest, SmallVec::new());
        Ok(Self { pack, spread, at, duty, denied_w: 0.0, ambient, stepping, agenda })
    }

    /// The cells and their joints as of [`NetworkBattery::at`].
    pub fn pack(&self) -> &NetworkPack<Bank> {
        &self.pack
    }

    /// The instant up to which the pack is integrated.
    pub fn at(&self) -> Time {
        self.at
    }

    /// Air that the pack stands in.
    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// Health with the cycles that are still open counted as half-cycles.
    pub fn health(&self) -> Health {
        self.pack.health(|cell| self.pack.bank().observed_health(cell))
    }

    /// Full equivalent cycles of the pack as of [`NetworkBattery::at`], mean over the places of cells: what a cell did elsewhere
    /// is none of the pack's.
    pub fn efc(&self) -> f64 {
        let (bank, ledger) = (self.pack.bank(), self.pack.ledger());
        let here = (0..bank.count()).map(|cell| bank.efc(cell)).sum::<f64>() + ledger.replaced_efc;
        here / bank.count() as f64
    }

    /// A copy as of `now`.
    pub fn observed(&self, now: Time) -> Self {
        let mut copy = self.clone();
        copy.catch_up(now);
        copy
    }

    /// Integrates up to `to`, through whatever is on the agenda; what follows an early end is rest, in which power that was asked
    /// for counts as not served.
    pub fn catch_up(&mut self, to: Time) {
        while let Some(leg) = self.agenda.first().copied()
            && leg.at <= to
        {
            self.agenda.remove(0);
            self.integrate(leg.at);
            self.duty = leg.duty;
            self.denied_w = 0.0;
            self.ambient.shift_c = leg.ambient_shift_c;
        }
        self.integrate(to);
    }

    fn integrate(&mut self, to: Time) {
        while self.at < to {
            let span = (self.at, to.seconds_since(self.at));
            self.pack.ledger_mut().unserved_wh += self.denied_w * span.1 / 3600.0;
            let ended = pass(&mut self.pack, self.duty, &self.ambient, span, self.stepping, |_, _| {});
            self.at = match ended {
                Some((_, after_s)) => {
                    self.denied_w = self.duty.asked_w();
                    self.duty = Duty::Rest;
                    self.at.plus_seconds(after_s).min(to)
                }
                None => to,
            };
        }
    }

    /// Puts another cell in, charged as the mean of those that it is in parallel with.
    fn replace(&mut self, cell: usize, traits: Traits, soh: f64) {
        let layout = self.pack.model().wiring.layout;
        let (series, parallel) = (layout.series as usize, f64::from(layout.parallel));
        let socs = self.pack.bank().soc().iter().skip(cell % series).step_by(series);
        let soc = socs.sum::<f64>() / parallel;
        let temperature_c = self.pack.heat().case_c();
        let before_efc = self.pack.bank().efc(cell);
        self.pack.bank_mut().replace(cell, traits, soh, (soc, temperature_c));
        let brought_efc = self.pack.bank().efc(cell);
        self.pack.ledger_mut().replaced_efc += before_efc - brought_efc;
        self.pack.heat_mut().renew(cell, traits.place_k);
        self.pack.show_open();
    }
}

impl Twin for NetworkBattery {
    type Command = NetworkCommand;
    type Event = NetworkEvent;
    type Refusal = NetworkRefusal;
    type View = NetworkView;

    fn decide(
        &self,
        command: &NetworkCommand,
        moment: &Moment<'_>,
    ) -> Result<Events<NetworkEvent>, NetworkRefusal> {
        let mut events = Events::new();
        match command {
            NetworkCommand::Follow { legs, catch_up } => {
                let mut after = self.at;
                for leg in legs {
                    if leg.at < after {
                        let (at_ms, after_ms) = (leg.at.0, after.0);
                        return Err(BatteryRefusal::OutOfOrder { at_ms, after_ms }.into());
                    }
                    if !makes_sense(leg.duty) {
                        return Err(BatteryRefusal::Senseless { duty: leg.duty }.into());
                    }
                    after = leg.at;
                    events.push(NetworkEvent::DutySet(*leg));
                }
                if *catch_up {
                    events.push(NetworkEvent::CaughtUp { to: moment.now.max(self.at) });
                }
            }
            NetworkCommand::Replace { cell, soh } => {
                let cells = self.pack.model().wiring.cells();
                if *cell >= cells {
                    return Err(NetworkRefusal::NoCell { cell: *cell, cells });
                }
                if !(*soh > 0.0 && *soh <= 1.0) {
                    return Err(NetworkRefusal::SenselessHealth { soh: *soh });
                }
                if *soh < 1.0 && !self.pack.bank().takes_used_cells() {
                    return Err(NetworkRefusal::UsedParticles { soh: *soh });
                }
                let at = moment.now.max(self.at);
                let drawn = draw(self.spread, &mut moment.stream("cell"));
                // The place stays what it is, whoever sits there.
                let place_k = self.pack.bank().traits(*cell).place_k;
                let traits = Traits { place_k, ..drawn };
                events.push(NetworkEvent::CaughtUp { to: at });
                events.push(NetworkEvent::Replaced { at, cell: *cell, traits, soh: *soh });
            }
        }
        Ok(events)
    }

    fn apply(&mut self, event: &NetworkEvent) {
        match *event {
            NetworkEvent::DutySet(leg) => {
                self.agenda.retain(|known| known.at < leg.at);
                self.agenda.push(leg);
            }
            NetworkEvent::CaughtUp { to } => self.catch_up(to),
            NetworkEvent::Replaced { cell, traits, soh, .. } => self.replace(cell, traits, soh),
        }
    }

    fn view(&self, now: Time) -> NetworkView {
        if now > self.at {
            return self.observed(now).view(now);
        }
        let pack = &self.pack;
        let count = pack.bank().count();
        let mean = |of: &dyn Fn(usize) -> f64| (0..count).map(of).sum::<f64>() / count as f64;
        NetworkView {
            at: self.at,
            soc: pack.soc().clamp(0.0, 1.0),
            health: pack.health(|cell| pack.bank().health(cell)),
            voltage_v: pack.voltage_v(),
            current_a: pack.current_a(),
            temperature_c: mean(&|cell| pack.heat().cells_c()[cell]),
            efc: self.efc(),
            age_days: pack.ledger().age_days,
        }
    }
}
