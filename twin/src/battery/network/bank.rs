//! The cells of a pack's twin: of either kind, with what a twin asks of them beyond a step.

use super::circuits::{CircuitBank, UnsuitedCell};
use super::particles::NetworkParticle;
use super::scatter::{Past, Traits};
use super::{BankSums, CellBank, Each, Lines, Taken};
use crate::battery::circuit::CellModel;
use crate::battery::fidelity::Fidelity;
use crate::battery::fidelity::particle::Losses;
use crate::battery::life::Health;
use std::sync::Arc;

/// Cells of one make, as circuits or as particles.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one to a pack, and the larger is the usual one")]
pub enum Bank {
    /// Circuits and life laws.
    Circuits(CircuitBank),
    /// Particle models and their mechanisms.
    Particles(Each<NetworkParticle>),
}

impl Bank {
    /// New cells at rest, each group at a state of charge of its own; cells without voltage become circuits.
    ///
    /// # Errors
    /// When the chemistry's capacity depends on the rate.
    pub fn new(
        model: Arc<CellModel>,
        fidelity: &Fidelity,
        traits: Vec<Traits>,
        (group_soc, temperature_c): (&[f64], f64),
    ) -> Result<Self, UnsuitedCell> {
        let soc_of = |cell: usize| group_soc[cell % group_soc.len()];
        if let Fidelity::Particle(make) = fidelity {
            let cell =
                |(index, traits)| NetworkParticle::new(make.clone(), traits, soc_of(index), temperature_c);
            return Ok(Self::Particles(Each::new(traits.into_iter().enumerate().map(cell).collect())));
        }
        let mut bank = CircuitBank::new(model, traits, group_soc.first().copied().unwrap_or(0.5))?;
        (0..bank.count()).for_each(|cell| bank.set_soc(cell, soc_of(cell)));
        Ok(Self::Circuits(bank))
    }

    /// What makes a cell different.
    pub fn traits(&self, cell: usize) -> Traits {
        match self {
            Self::Circuits(bank) => bank.traits()[cell],
            Self::Particles(bank) => *bank.cells()[cell].traits(),
        }
    }

    /// Full equivalent cycles of a cell.
    pub fn efc(&self, cell: usize) -> f64 {
        match self {
            Self::Circuits(bank) => bank.efc(cell),
            Self::Particles(bank) => bank.cells()[cell].efc(),
        }
    }

    /// Health of a cell as it is now, cycles that are still open counted as half-cycles.
    pub fn observed_health(&self, cell: usize) -> Health {
        match self {
            Self::Circuits(bank) => bank.observed_health(cell),
            Self::Particles(bank) => bank.cells()[cell].observed_health(),
        }
    }

    /// What the cells lost, mean over them, where that is followed.
    pub fn losses(&self) -> Option<Losses> {
        let Self::Particles(bank) = self else { return None };
        let all: Vec<Losses> = bank.cells().iter().map(NetworkParticle::losses).collect();
        let mean = |of: fn(&Losses) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
        Some(Losses {
            lithium_pct: mean(|l| l.lithium_pct),
            negative_pct: mean(|l| l.negative_pct),
            positive_pct: mean(|l| l.positive_pct),
            sei_pct: mean(|l| l.sei_pct),
            crack_sei_pct: mean(|l| l.crack_sei_pct),
            plating_pct: mean(|l| l.plating_pct),
            halved: bank.cells().iter().map(|cell| f64::from(cell.unsolved())).sum(),
        })
    }

    /// Whether cells that were used elsewhere can come in: particles have no past but their own.
    pub fn takes_used_cells(&self) -> bool {
        matches!(self, Self::Circuits(_))
    }

    /// Puts another cell of the make in a place, at rest.
    pub fn replace(&mut self, cell: usize, traits: Traits, soh: f64, (soc, temperature_c): (f64, f64)) {
        match self {
            Self::Circuits(bank) => {
                let model = bank.model().clone();
                let used = soh < 1.0;
                let past = if used { Past::worn_to(&model, soh, traits.ageing) } else { Past::none(&model) };
                bank.replace(cell, traits, past, soc);
            }
            Self::Particles(bank) => {
                let make = bank.cells()[cell].make().clone();
                bank.replace(cell, NetworkParticle::new(make, traits, soc, temperature_c));
            }
        }
    }
}

/// The same call on either kind.
macro_rules! either {
    ($self:ident, $bank:ident => $call:expr) => {
        match $self {
            Self::Circuits($bank) => $call,
            Self::Particles($bank) => $call,
        }
    };
}

impl CellBank for Bank {
    fn count(&self) -> usize {
        either!(self, bank => bank.count())
    }
    fn begin(&mut self, dt_s: f64, temperature_c: &[f64], expected_a: &[f64]) {
        either!(self, bank => bank.begin(dt_s, temperature_c, expected_a));
    }
    fn linearise(&mut self, about_a: &[f64], lines: Lines<'_>) {
        either!(self, bank => bank.linearise(about_a, lines));
    }
    fn advance(&mut self, current_a: &[f64], taken: Taken<'_>) {
        either!(self, bank => bank.advance(current_a, taken));
    }
    fn set_ripple(&mut self, ripple: f64) {
        either!(self, bank => bank.set_ripple(ripple));
    }
    fn exact_v(&self) -> f64 {
        either!(self, bank => bank.exact_v())
    }
    fn soc(&self) -> &[f64] {
        either!(self, bank => bank.soc())
    }
    fn capacity_ah(&self) -> &[f64] {
        either!(self, bank => bank.capacity_ah())
    }
    fn health(&self, cell: usize) -> Health {
        either!(self, bank => bank.health(cell))
    }
    fn coulombic_efficiency(&self) -> f64 {
        either!(self, bank => bank.coulombic_efficiency())
    }
    fn sums(&self) -> BankSums {
        either!(self, bank => bank.sums())
    }
}
