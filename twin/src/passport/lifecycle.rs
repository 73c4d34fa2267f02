//! The stages of a battery's life, and which event leads from one to another.
//!
//! ```text
//! manufactured ──► in_storage ◄──► in_transit
//!      │               └──────┬───────┘
//!      └──────────────────► in_use ──► end_of_life ──► recycled
//!                           │    ▲          ▲
//!                           ▼    │          │
//!                        maintenance ──► second_life
//! ```
//!
//! Pure: given a stage and an event, the stage after it, or why there is none. What has to hold besides (a battery fit
//! for a second life, say) is decided where that is known.

use super::regulation::Category;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where in its life a battery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Made, and not yet anywhere.
    Manufactured,
    /// Kept somewhere.
    InStorage,
    /// On its way.
    InTransit,
    /// In its first use.
    InUse,
    /// Being looked after.
    Maintenance,
    /// In its second use.
    SecondLife,
    /// Waste.
    EndOfLife,
    /// Taken apart; nothing comes after it.
    Recycled,
}

/// Something that happens to a battery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It was made.
    ManufacturingComplete,
    /// It was inspected.
    QualityInspection,
    /// It was put to use.
    Installation,
    /// Its health was measured.
    SohMeasurement,
    /// It was taken out of use to be looked after.
    Maintenance,
    /// It was moved.
    Relocation,
    /// It belongs to another.
    OwnershipTransfer,
    /// It got another use.
    SecondLifeConversion,
    /// It became waste.
    EndOfLifeDeclaration,
    /// It was taken apart.
    RecyclingComplete,
    /// Something went wrong with it.
    Incident,
}

/// Status in the sense of Regulation (EU) 2023/1542, Annex XIII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnnexStatus {
    /// As it was placed on the market.
    Original,
    /// In another use than the one it was made for.
    Repurposed,
    /// Waste.
    Waste,
}

/// What a battery is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Application {
    /// A car, bus or truck.
    ElectricVehicle,
    /// Storing energy, wherever.
    EnergyStorage,
    /// Storing energy in one place.
    StationaryStorage,
    /// Standing by.
    BackupPower,
    /// In industry.
    Industrial,
    /// Scooters, bicycles.
    LightMeansOfTransport,
    /// On ships.
    Marine,
    /// At home.
    Consumer,
    /// Anything else.
    Other,
}

macro_rules! named {
    ($name:ident, $what:literal, $($variant:ident = $text:literal),+ $(,)?) => {
        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = NoName;

            fn from_str(name: &str) -> Result<Self, NoName> {
                let found = Self::ALL.iter().copied().find(|known| known.as_str() == name);
                found.ok_or_else(|| NoName {
                    what: $what,
                    name: name.to_owned(),
                    known: Self::ALL.iter().map(|known| known.as_str()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

named!(
    Stage,
    "status",
    Manufactured = "manufactured",
    InStorage = "in_storage",
    InTransit = "in_transit",
    InUse = "in_use",
    Maintenance = "maintenance",
    SecondLife = "second_life",
    EndOfLife = "end_of_life",
    Recycled = "recycled"
);
named!(
    EventKind,
    "event",
    ManufacturingComplete = "manufacturing_complete",
    QualityInspection = "quality_inspection",
    Installation = "installation",
    SohMeasurement = "soh_measurement",
    Maintenance = "maintenance",
    Relocation = "relocation",
    OwnershipTransfer = "ownership_transfer",
    SecondLifeConversion = "second_life_conversion",
    EndOfLifeDeclaration = "end_of_life_declaration",
    RecyclingComplete = "recycling_complete",
    Incident = "incident"
);
named!(
    Application,
    "application",
    ElectricVehicle = "electric_vehicle",
    EnergyStorage = "energy_storage",
    StationaryStorage = "stationary_storage",
    BackupPower = "backup_power",
    Industrial = "industrial",
    LightMeansOfTransport = "light_means_of_transport",
    Marine = "marine",
    Consumer = "consumer",
    Other = "other"
);
named!(AnnexStatus, "Annex XIII status", Original = "original", Repurposed = "repurposed", Waste = "waste");

impl Application {
    /// Category in the sense of Regulation (EU) 2023/1542, Article 3, of a battery of so much energy for this use.
    ///
    /// Batteries above 5 kg that are for nothing else in particular are industrial by Article 3(13); without a mass
    /// 2 kWh stand for that. assumed: no other line is drawn by energy.
    #[must_use]
    pub fn category(this: Option<Self>, energy_kwh: f64) -> Category {
        match this {
            Some(Self::ElectricVehicle) => Category::Ev,
            Some(Self::LightMeansOfTransport) => Category::Lmt,
            Some(
                Self::EnergyStorage
                | Self::StationaryStorage
                | Self::BackupPower
                | Self::Industrial
                | Self::Marine,
            ) => Category::Industrial,
            Some(Self::Consumer | Self::Other) | None if energy_kwh <= 2.0 => Category::Portable,
            Some(Self::Consumer | Self::Other) | None => Category::Industrial,
        }
    }

    /// What a second life in this use is judged as.
    #[must_use]
    pub fn second_life(self) -> &'static str {
        match self {
            Self::ElectricVehicle | Self::LightMeansOfTransport | Self::Consumer => "low_speed_mobility",
            Self::BackupPower => "backup_power",
            Self::EnergyStorage | Self::StationaryStorage | Self::Industrial | Self::Marine | Self::Other => {
                "stationary_storage"
            }
        }
    }
}

/// Text that names nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no {what}; they are {known}")]
pub struct NoName {
    what: &'static str,
    name: String,
    known: String,
}

/// Why an event cannot happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Not in this stage.
    #[error("{event} cannot happen to a battery that is {from}")]
    Event {
        /// Where it is.
        from: Stage,
        /// What would happen.
        event: EventKind,
    },
    /// No way leads there.
    #[error("no way leads from {from} to {to}")]
    Way {
        /// Where it is.
        from: Stage,
        /// Where it would be.
        to: Stage,
    },
}

impl Stage {
    /// Stages that may follow at once.
    #[must_use]
    pub fn next(self) -> &'static [Self] {
        match self {
            Self::Manufactured => &[Self::InStorage, Self::InTransit, Self::InUse],
            Self::InStorage => &[Self::InTransit, Self::InUse],
            Self::InTransit => &[Self::InStorage, Self::InUse],
            Self::InUse => &[Self::Maintenance, Self::SecondLife, Self::EndOfLife],
            Self::Maintenance => &[Self::InUse, Self::SecondLife],
            Self::SecondLife => &[Self::Maintenance, Self::EndOfLife],
            Self::EndOfLife => &[Self::Recycled],
            Self::Recycled => &[],
        }
    }

    /// Goes to another stage; staying is no going.
    ///
    /// # Errors
    /// When no way leads there.
    pub fn go(self, to: Self) -> Result<Self, Illegal> {
        if self.next().contains(&to) { Ok(to) } else { Err(Illegal::Way { from: self, to }) }
    }

    /// Whether it can still be used, in one way or another.
    #[must_use]
    pub fn is_alive(self) -> bool {
        !matches!(self, Self::EndOfLife | Self::Recycled)
    }

    /// The stage after an event.
    ///
    /// `to` is where a relocation leads; where nobody says, things on their way arrive, and others leave. A battery
    /// that was `converted` to a second life goes back to that from maintenance. Batteries in use that are moved stay
    /// in use.
    ///
    /// # Errors
    /// When the event cannot happen now.
    pub fn after(self, event: EventKind, to: Option<Self>, converted: bool) -> Result<Self, Illegal> {
        let illegal = Err(Illegal::Event { from: self, event });
        if self == Self::Recycled {
            return illegal;
        }
        match event {
            EventKind::ManufacturingComplete => illegal,
            EventKind::QualityInspection
            | EventKind::SohMeasurement
            | EventKind::OwnershipTransfer
            | EventKind::Incident => Ok(self),
            EventKind::Installation => match self {
                Self::Manufactured | Self::InStorage | Self::InTransit => Ok(Self::InUse),
                Self::Maintenance if converted => Ok(Self::SecondLife),
                Self::Maintenance => Ok(Self::InUse),
                Self::SecondLife => Ok(Self::SecondLife),
                _ => illegal,
            },
            EventKind::Maintenance => match self {
                Self::InUse | Self::SecondLife | Self::Maintenance => Ok(Self::Maintenance),
                _ => illegal,
            },
            EventKind::Relocation => match (self, to) {
                (Self::Manufactured | Self::InStorage | Self::InTransit, Some(to)) if to == self => Ok(self),
                (
                    Self::Manufactured | Self::InStorage | Self::InTransit,
                    Some(to @ (Self::InStorage | Self::InTransit)),
                ) => self.go(to),
                (Self::Manufactured | Self::InStorage, None) => Ok(Self::InTransit),
                (Self::InTransit, None) => Ok(Self::InStorage),
                (_, Some(to)) if to != self => Err(Illegal::Way { from: self, to }),
                _ => Ok(self),
            },
            EventKind::SecondLifeConversion => match self {
                Self::InUse | Self::Maintenance => Ok(Self::SecondLife),
                _ => illegal,
            },
            EventKind::EndOfLifeDeclaration => self.go(Self::EndOfLife).or(illegal),
            EventKind::RecyclingComplete => self.go(Self::Recycled).or(illegal),
        }
    }

    /// Status in the sense of Annex XIII.
    #[must_use]
    pub fn annex(self, converted: bool) -> AnnexStatus {
        match self {
            Self::EndOfLife | Self::Recycled => AnnexStatus::Waste,
            _ if converted => AnnexStatus::Repurposed,
            _ => AnnexStatus::Original,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for stage in Stage::ALL {
            assert_eq!(stage.as_str().parse(), Ok(*stage));
        }
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert!("asleep".parse::<Stage>().unwrap_err().to_string().contains("in_storage"));
    }

    #[test]
    fn an_ordinary_life() {
        use EventKind as E;
        let steps = [
            (E::QualityInspection, Stage::Manufactured),
            (E::Relocation, Stage::InTransit),
            (E::Relocation, Stage::InStorage),
            (E::Installation, Stage::InUse),
            (E::Maintenance, Stage::Maintenance),
            (E::Installation, Stage::InUse),
            (E::SecondLifeConversion, Stage::SecondLife),
        ];
        let mut stage = Stage::Manufactured;
        for (event, then) in steps {
            stage = stage.after(event, None, false).unwrap();
            assert_eq!(stage, then, "{event}");
        }
        // Once converted, it comes back from maintenance to its second life.
        let looked_after = stage.after(E::Maintenance, None, true).unwrap();
        assert_eq!(looked_after.after(E::Installation, None, true), Ok(Stage::SecondLife));
        assert_eq!(stage.annex(true), AnnexStatus::Repurposed);
        let stage = stage.after(E::EndOfLifeDeclaration, None, true).unwrap();
        assert_eq!(stage.annex(true), AnnexStatus::Waste);
        assert_eq!(stage.after(E::RecyclingComplete, None, true), Ok(Stage::Recycled));
    }

    #[test]
    fn what_cannot_happen_is_refused() {
        use EventKind as E;
        for (stage, event) in [
            (Stage::InUse, E::Installation),
            (Stage::InUse, E::ManufacturingComplete),
            (Stage::Manufactured, E::EndOfLifeDeclaration),
            (Stage::InUse, E::RecyclingComplete),
            (Stage::SecondLife, E::SecondLifeConversion),
            (Stage::EndOfLife, E::Installation),
            (Stage::Recycled, E::Incident),
        ] {
            assert_eq!(stage.after(event, None, false), Err(Illegal::Event { from: stage, event }));
        }
        let refused = Stage::InUse.after(E::Relocation, Some(Stage::InStorage), false);
        assert_eq!(refused, Err(Illegal::Way { from: Stage::InUse, to: Stage::InStorage }));
    }
}
