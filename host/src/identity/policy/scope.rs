//! Scopes: what a program or a key is limited to, spelled as the interfaces' documents spell them.

use super::Action;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

macro_rules! scopes {
    ($($(#[$doc:meta])* $scope:ident = $name:literal,)*) => {
        /// One thing that a program may be allowed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Scope { $($(#[$doc])* $scope,)* }

        impl Scope {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$scope),*];

            /// Its name outside.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$scope => $name,)* }
            }
        }
    };
}

scopes! {
    /// Passports: read.
    BatteryRead = "battery:read",
    /// Passports: change, register, recycle.
    BatteryWrite = "battery:write",
    /// Passports: register.
    BatteryRegister = "battery:register",
    /// Passports: end of life and recycling.
    BatteryRecycle = "battery:recycle",
    /// Passports: what only authorities see.
    BatteryAuthority = "battery:authority",
    /// Passports: everything.
    BatteryAdmin = "battery:admin",
    /// Batches of plastic: read.
    ReadBatches = "read:batches",
    /// Batches of plastic: change.
    WriteBatches = "write:batches",
    /// Devices: read.
    ReadDevices = "read:devices",
    /// Devices: register, change, report for.
    WriteDevices = "write:devices",
    /// Facilities: read.
    ReadFacilities = "read:facilities",
    /// Facilities: change.
    WriteFacilities = "write:facilities",
    /// Reports: read.
    ReadReports = "read:reports",
    /// Reports: make.
    WriteReports = "write:reports",
    /// Notifications: read.
    ReadNotifications = "read:notifications",
    /// Notifications: subscribe.
    WriteNotifications = "write:notifications",
    /// Analytics.
    ReadAnalytics = "read:analytics",
    /// The swap fleet: read.
    FleetRead = "fleet:read",
    /// The swap fleet: change.
    FleetWrite = "fleet:write",
    /// Monitored strings: read.
    RulRead = "rul:read",
    /// Monitored strings: change.
    RulWrite = "rul:write",
    /// Dealership: read.
    DealerRead = "dealer:read",
    /// Dealership: change, finance and service included.
    DealerWrite = "dealer:write",
    /// Numbers of identity papers in full.
    KycReveal = "kyc:reveal",
    /// Twins: read.
    TwinsRead = "twins:read",
    /// Twins: create, change, retire.
    TwinsWrite = "twins:write",
    /// Twins: commands.
    TwinsCommand = "twins:command",
    /// Twins: telemetry.
    TwinsTelemetry = "twins:telemetry",
    /// Runs: read.
    RunsRead = "runs:read",
    /// Runs: start and cancel.
    RunsWrite = "runs:write",
    /// Clock and faults of a simulated fleet.
    SimulationControl = "simulation:control",
    /// Users, programs, keys, devices, outbox, audit.
    IdentityAdmin = "identity:admin",
    /// MQTT: hear everything.
    MqttListen = "mqtt:listen",
    /// MQTT: speak for every device and hear everything: gateways and bridges.
    MqttAll = "mqtt:all",
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no scope")]
pub struct NoScope(pub String);

impl FromStr for Scope {
    type Err = NoScope;
    fn from_str(name: &str) -> Result<Self, NoScope> {
        Self::ALL.iter().copied().find(|scope| scope.as_str() == name).ok_or_else(|| NoScope(name.to_owned()))
    }
}

/// Some scopes. As text they stand in their order with spaces between.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scopes(u64);

impl Scopes {
    /// These.
    pub fn of(scopes: &[Scope]) -> Self {
        Self(scopes.iter().fold(0, |bits, scope| bits | bit(*scope)))
    }

    /// Whether this is among them; what it follows from does not count.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & bit(scope) != 0
    }

    /// Whether all of these are among others.
    pub fn is_within(self, others: Self) -> bool {
        self.0 & !others.0 == 0
    }

    /// Those that others have too.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// These and those.
    #[must_use]
    pub fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// They, and those whose every action they allow: writing passports implies registering batteries.
    #[must_use]
    pub fn implied(self) -> Self {
        Scope::ALL.iter().fold(self, |all, scope| {
            let one = Self::of(&[*scope]);
            let mut opened = Action::ALL.iter().filter(|action| one.allows(**action)).peekable();
            let is_implied = opened.peek().is_some() && opened.all(|action| self.allows(*action));
            if is_implied { Self(all.0 | one.0) } else { all }
        })
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// They, in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.iter().copied().filter(move |scope| self.contains(*scope))
    }

    /// Whether any of them opens an action.
    pub fn allows(self, action: Action) -> bool {
        action.scopes().iter().any(|scope| self.contains(*scope))
    }
}

fn bit(scope: Scope) -> u64 {
    1 << (scope as u8)
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, scope) in self.iter().enumerate() {
            write!(f, "{}{scope}", if n == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromStr for Scopes {
    type Err = NoScope;
    fn from_str(text: &str) -> Result<Self, NoScope> {
        text.split_ascii_whitespace()
            .try_fold(Self::default(), |all, name| Ok(Self(all.0 | bit(name.parse()?))))
    }
}

impl TryFrom<String> for Scopes {
    type Error = NoScope;
    fn try_from(text: String) -> Result<Self, NoScope> {
        text.parse()
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> String {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const _: () = assert!(Scope::ALL.len() <= 64);

    #[test]
    fn scopes_are_read_as_they_are_written() {
        let all = Scopes::of(Scope::ALL);
        assert_eq!(all.to_string().parse(), Ok(all));
        assert_eq!(all.iter().count(), Scope::ALL.len());
        let two: Scopes = "  fleet:write battery:read fleet:write ".parse().unwrap();
        assert_eq!(two.to_string(), "battery:read fleet:write");
        assert!(two.is_within(all) && !all.is_within(two) && Scopes::default().is_within(two));
        assert_eq!("battery:all".parse::<Scopes>(), Err(NoScope("battery:all".into())));
    }
}
