//! What is written to people. No text has a number of identity papers or a telephone number in it.

use super::day::Day;
use super::money::text;
use rust_decimal::Decimal;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Template<'a> {
    /// How a battery stands now.
    BatteryStatus {
        /// Its serial number.
        serial: &'a str,
        /// How it stands.
        status: &'a str,
    },
    /// Instalments are late, and the battery may be switched off.
    Overdue {
        /// Its serial number.
        serial: &'a str,
        /// What is late [₹].
        amount: Decimal,
        /// For so many days.
        days: u32,
    },
    /// The battery was switched off.
    SwitchedOff {
        /// Its serial number.
        serial: &'a str,
        /// What is late [₹].
        amount: Decimal,
    },
    /// The battery was switched on again.
    SwitchedOn {
        /// Its serial number.
        serial: &'a str,
    },
    /// A payment came.
    Paid {
        /// So much [₹].
        amount: Decimal,
        /// When.
        on: Day,
    },
    /// Somebody is sent.
    Ticket {
        /// Number of the ticket.
        number: u64,
        /// The battery's serial number.
        serial: &'a str,
        /// Who is sent.
        technician: &'a str,
    },
}

impl Template<'_> {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BatteryStatus { .. } => "battery_status",
            Self::Overdue { .. } => "overdue",
            Self::SwitchedOff { .. } => "switched_off",
            Self::SwitchedOn { .. } => "switched_on",
            Self::Paid { .. } => "paid",
            Self::Ticket { .. } => "ticket",
        }
    }

    /// What it says.
    pub fn text(&self) -> String {
        match self {
            Self::BatteryStatus { serial, status } => format!("Your battery {serial} is now {status}."),
            Self::Overdue { serial, amount, days } => format!(
                "Rs {} for your battery {serial} is {days} days late. Please pay soon: the battery may be switched off.",
                text(*amount)
            ),
            Self::SwitchedOff { serial, amount } => format!(
                "Your battery {serial} was switched off because Rs {} is late. It comes on again when you have paid.",
                text(*amount)
            ),
            Self::SwitchedOn { serial } => format!("Thank you. Your battery {serial} is switched on again."),
            Self::Paid { amount, on } => format!("We received Rs {} on {on}. Thank you.", text(*amount)),
            Self::Ticket { number, serial, technician } => {
                format!("{technician} looks after your battery {serial} (ticket {number}).")
            }
        }
    }
}
