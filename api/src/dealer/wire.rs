//! Batteries, loans, tickets and people as the document writes them.

use super::given::Amount;
pub(super) use crate::when::{in_seconds as stamp, rounded};
use host::dealership::battery::{BatterySight, HealthOf, Telemetry};
use host::dealership::consumer::ConsumerSight;
use host::dealership::records::{LoanRecord, Ticket};
use host::dealership::rules::day::Day;
use host::dealership::rules::instalment::{Instalment, Standing};
use host::dealership::rules::money;
use serde::Serialize;
use utoipa::ToSchema;

/// `83.3%`
pub(super) fn percent(value: Option<f64>) -> String {
    format!("{:.1}%", value.unwrap_or(0.0))
}

/// `2.5 days`
pub(super) fn in_days(days: Option<f64>) -> Option<String> {
    days.map(|days| format!("{days:.1} days"))
}

/// How a battery was switched last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ControlBody {
    /// How it shall be.
    #[schema(example = "inactive")]
    wanted: &'static str,
    /// `pending`, `accepted`, `acknowledged`, `refused` or `timed_out`.
    #[schema(example = "accepted")]
    outcome: String,
    /// The command to the twin.
    command_id: Option<String>,
    #[schema(format = DateTime)]
    at: String,
}

/// A battery.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatteryBody {
    pub(super) id: u64,
    pub(super) serial_number: String,
    #[schema(example = "active")]
    pub(super) status: &'static str,
    /// 0 to 100: the twin's state of health, or what was stated where it knows none.
    #[schema(example = 95)]
    pub(super) health_score: i64,
    /// The consumer.
    pub(super) owner_id: Option<u64>,
    pub(super) dealer_id: Option<u64>,
    pub(super) consumer_name: Option<String>,
    /// How it was switched last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) control: Option<ControlBody>,
    /// Whether it is switched off because instalments are late.
    pub(super) held: bool,
    #[schema(format = DateTime)]
    pub(super) created_at: String,
}

impl From<BatterySight> for BatteryBody {
    fn from(seen: BatterySight) -> Self {
        let control = seen.control.map(|control| ControlBody {
            wanted: control.control.wanted.as_str(),
            outcome: control.outcome,
            command_id: control.control.command.map(|command| command.to_string()),
            at: stamp(control.control.at),
        });
        Self {
            id: seen.asset.id,
            status: seen.status.as_str(),
            health_score: seen.health.round() as i64,
            owner_id: seen.asset.consumer,
            dealer_id: seen.asset.dealer,
            consumer_name: seen.consumer_name,
            control,
            held: seen.asset.is_held(),
            created_at: stamp(seen.asset.created),
            serial_number: seen.asset.serial,
        }
    }
}

/// Degrees as text with four decimals.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Location {
    #[schema(example = "12.9716")]
    lat: String,
    #[schema(example = "77.5946")]
    lng: String,
}

/// What a battery measured last.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TelemetryBody {
    /// [V]
    #[schema(example = "48.5")]
    voltage: Option<String>,
    /// Positive on discharge [A].
    #[schema(example = "12.3")]
    current: Option<String>,
    /// [%]
    #[schema(example = 85)]
    soc: Option<i64>,
    location: Option<Location>,
    #[schema(format = DateTime)]
    timestamp: String,
}

impl From<Telemetry> for TelemetryBody {
    fn from(seen: Telemetry) -> Self {
        let one = |value: f64| format!("{:.1}", rounded(value, 1));
        let four = |value: f64| format!("{value:.4}");
        Self {
            voltage: seen.voltage_v.map(one),
            current: seen.current_a.map(one),
            soc: seen.soc.map(|soc| (soc * 100.0).round() as i64),
            location: seen.position.map(|(lat, lng)| Location { lat: four(lat), lng: four(lng) }),
            timestamp: stamp(seen.at),
        }
    }
}

/// Health of the batteries of a status.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthBody {
    count: usize,
    #[schema(example = "92.3")]
    avg_health: String,
    min_health: i64,
    max_health: i64,
}

impl From<HealthOf> for HealthBody {
    fn from(health: HealthOf) -> Self {
        Self {
            count: health.count,
            avg_health: format!("{:.1}", health.mean),
            min_health: health.min.round() as i64,
            max_health: health.max.round() as i64,
        }
    }
}

/// A consumer. Numbers of identity papers are shown in part.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConsumerBody {
    id: u64,
    name: String,
    phone: Option<String>,
    #[schema(example = "XXXXX1234X")]
    pan: Option<String>,
    #[schema(example = "XXXXXXXX9012")]
    aadhar: Option<String>,
    #[schema(example = "pending")]
    kyc_status: &'static str,
    /// What is doubtful about the papers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kyc_warnings: Vec<String>,
    dealer_id: Option<u64>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<ConsumerSight> for ConsumerBody {
    fn from(seen: ConsumerSight) -> Self {
        let party = seen.party;
        Self {
            id: party.id,
            kyc_warnings: party.warnings(),
            kyc_status: party.kyc.as_str(),
            dealer_id: party.dealer,
            created_at: stamp(party.created),
            phone: seen.phone,
            pan: party.pan.map(|paper| paper.masked),
            aadhar: party.aadhaar.map(|paper| paper.masked),
            name: party.name,
        }
    }
}

/// An application, and the loan that it became.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ApplicationBody {
    pub(super) id: u64,
    consumer_id: u64,
    battery_id: u64,
    #[schema(value_type = f64, example = 45000)]
    amount: Amount,
    tenure_months: u32,
    #[schema(value_type = f64, example = 12.5)]
    interest_rate: Amount,
    #[schema(example = "pending")]
    pub(super) status: &'static str,
    /// `dealer` or `nbfc`.
    channel: &'static str,
    dealer_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    approved_amount: Option<Amount>,
    /// The instalment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    emi_amount: Option<Amount>,
    /// What is still to be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    outstanding_amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disbursed_on: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<LoanRecord> for ApplicationBody {
    fn from(record: LoanRecord) -> Self {
        let loan = record.loan;
        let terms = loan.granted.unwrap_or(loan.asked);
        let granted = loan.granted;
        Self {
            id: loan.id,
            consumer_id: record.consumer,
            battery_id: record.asset,
            amount: Amount(loan.asked.principal),
            tenure_months: terms.months,
            interest_rate: Amount(terms.annual_pct.normalize()),
            status: loan.status.as_str(),
            channel: match record.channel {
                host::dealership::records::Channel::Dealer => "dealer",
                host::dealership::records::Channel::Nbfc => "nbfc",
            },
            dealer_id: record.dealer,
            approved_amount: granted.map(|terms| Amount(terms.principal)),
            emi_amount: granted.map(|terms| Amount(host::dealership::rules::instalment::emi(&terms))),
            outstanding_amount: granted.map(|_| Amount(loan.owed())),
            reason: record.reason,
            submitted_at: record.submitted_at.map(stamp),
            disbursed_on: loan.disbursed_on.map(|on| on.to_string()),
            created_at: stamp(record.created),
        }
    }
}

/// An instalment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InstalmentBody {
    /// A number that no other instalment has: the application's, and two digits of its own.
    id: u64,
    application_id: u64,
    emi_number: u32,
    #[schema(format = Date)]
    due_date: String,
    #[schema(example = "2128.83")]
    amount: String,
    principal: String,
    interest: String,
    /// What is still lent after it.
    balance: String,
    paid_amount: String,
    /// `pending`, `partial` or `paid`; late ones stay `pending` or `partial`.
    #[schema(example = "pending")]
    status: &'static str,
    is_overdue: bool,
}

/// The number of an instalment.
pub(super) fn instalment_id(loan: u64, number: u32) -> u64 {
    loan * 100 + u64::from(number)
}

impl InstalmentBody {
    pub(super) fn of(loan: u64, one: &Instalment, today: Day) -> Self {
        let standing = one.standing(today);
        Self {
            id: instalment_id(loan, one.number),
            application_id: loan,
            emi_number: one.number,
            due_date: one.due.to_string(),
            amount: money::text(one.amount()),
            principal: money::text(one.principal),
            interest: money::text(one.interest),
            balance: money::text(one.balance),
            paid_amount: money::text(one.paid()),
            status: status_of(one, standing),
            is_overdue: standing == Standing::Overdue,
        }
    }
}

/// How an instalment stands in the document's words, which have none for being late.
pub(super) fn status_of(one: &Instalment, standing: Standing) -> &'static str {
    match standing {
        Standing::Overdue if one.paid().is_zero() => "pending",
        Standing::Overdue => "partial",
        standing => standing.as_str(),
    }
}

/// A ticket.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TicketBody {
    id: u64,
    battery_id: u64,
    #[schema(example = "performance")]
    issue_category: &'static str,
    description: Option<String>,
    /// The technician.
    assigned_to: Option<u64>,
    #[schema(example = "assigned")]
    status: &'static str,
    #[schema(example = "medium")]
    priority: &'static str,
    location: Option<String>,
    /// The alert that opened it.
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution_notes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts_used: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labor_hours: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_at: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<Ticket> for TicketBody {
    fn from(ticket: Ticket) -> Self {
        Self {
            id: ticket.id,
            battery_id: ticket.asset,
            issue_category: ticket.category.as_str(),
            description: ticket.description,
            assigned_to: ticket.technician,
            status: ticket.state.as_str(),
            priority: ticket.priority.as_str(),
            location: ticket.location,
            alert_id: ticket.alert,
            resolution_notes: ticket.resolution_notes,
            parts_used: ticket.parts_used,
            labor_hours: ticket.labor_hours,
            rating: ticket.rating,
            resolved_at: ticket.resolved_at.map(stamp),
            created_at: stamp(ticket.created),
        }
    }
}
