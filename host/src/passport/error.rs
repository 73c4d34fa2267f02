//! Why a passport is refused.

use crate::identity::Denied;
use crate::platform::{ErrorKind, PlatformError};
use crate::store::StoreError;
use crate::webhook::WebhookError;
use twin::passport::carbon::CarbonError;
use twin::passport::health::Unsound;
use twin::passport::lifecycle::Illegal;
use twin::passport::recovery::RecoveryError;

/// A field and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, as interfaces call it: `identity.serialNumber`.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

/// Why a passport is refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PassportError {
    /// There is no such battery, or it has no passport.
    #[error("Battery with ID {0} not found")]
    NoBattery(String),
    /// There is no such passport.
    #[error("Passport {0} not found")]
    NoPassport(String),
    /// There is nothing of that sort.
    #[error("{0}")]
    Absent(String),
    /// The maker has another battery of this number.
    #[error("{manufacturer} has registered serial number {serial} already, as {battery}")]
    Serial {
        /// The maker.
        manufacturer: String,
        /// The number.
        serial: String,
        /// The battery that has it.
        battery: String,
    },
    /// A health that cannot be.
    #[error(transparent)]
    Health(#[from] Unsound),
    /// What was said is wrong in itself.
    #[error("{}", told(.0))]
    Unfit(Vec<Fault>),
    /// Not in the state in which the battery is.
    #[error("{0}")]
    State(String),
    /// Whoever asks may not.
    #[error("{0}")]
    Forbidden(String),
    /// The facts could not be appended to the chain; nothing was kept.
    #[error("the ledger took nothing: {0}")]
    Ledger(#[source] StoreError),
    /// The platform refuses.
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

fn told(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("{}: {}", fault.field, fault.reason)).collect::<Vec<_>>().join("; ")
}

impl PassportError {
    /// A field and what is wrong with it.
    pub fn unfit(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unfit(vec![Fault { field: field.into(), reason: reason.into() }])
    }

    /// A state in which something cannot be.
    pub fn state(reason: impl Into<String>) -> Self {
        Self::State(reason.into())
    }

    /// What sort of refusal it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NoBattery(_) | Self::NoPassport(_) | Self::Absent(_) => ErrorKind::Absent,
            Self::Serial { .. } | Self::State(_) => ErrorKind::Conflict,
            Self::Health(_) | Self::Unfit(_) => ErrorKind::Unfit,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::Ledger(_) => ErrorKind::Broken,
            Self::Platform(error) => error.kind(),
        }
    }
}

impl From<StoreError> for PassportError {
    fn from(error: StoreError) -> Self {
        Self::Platform(error.into())
    }
}

impl From<Denied> for PassportError {
    fn from(denied: Denied) -> Self {
        Self::Forbidden(denied.to_string())
    }
}

impl From<WebhookError> for PassportError {
    fn from(error: WebhookError) -> Self {
        match error {
            // What the webhooks call an endpoint is an address here.
            WebhookError::Unfit { field: "endpoint", reason } => Self::unfit("url", reason),
            WebhookError::Unfit { field, reason } => Self::unfit(field, reason),
            WebhookError::Absent(id) => Self::Absent(format!("there is no webhook {id}")),
            error @ WebhookError::Blind => Self::Forbidden(error.to_string()),
            WebhookError::Store(error) => error.into(),
            WebhookError::Secret(error) => StoreError::Failed { why: error.to_string() }.into(),
        }
    }
}

impl From<Illegal> for PassportError {
    fn from(illegal: Illegal) -> Self {
        Self::State(illegal.to_string())
    }
}

impl From<CarbonError> for PassportError {
    fn from(error: CarbonError) -> Self {
        match error {
            CarbonError::Unknown(unknown) => Self::unfit(field_of(unknown.table), unknown.to_string()),
            error @ CarbonError::Value { name, .. } => Self::unfit(field_of(name), error.to_string()),
        }
    }
}

/// What interfaces call a figure of the carbon rules.
fn field_of(name: &str) -> &'static str {
    match name {
        "grid region" => "gridRegion",
        "grid factor" => "gridEmissionFactor",
        "transport mode" => "transportMode",
        "distance" => "distance",
        "mass" => "weight",
        "emission factor" => "emissionFactor",
        "process" => "process",
        "chemistry" | "family" => "chemistry.cathode",
        "vehicle class" => "vehicleClass",
        "application" => "application",
        _ => "body",
    }
}

impl From<twin::passport::factors::UnknownName> for PassportError {
    fn from(unknown: twin::passport::factors::UnknownName) -> Self {
        Self::unfit(field_of(unknown.table), unknown.to_string())
    }
}

impl From<RecoveryError> for PassportError {
    fn from(error: RecoveryError) -> Self {
        Self::unfit("materials", error.to_string())
    }
}
