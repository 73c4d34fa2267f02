//! What reports and exports say, once for JSON and XML: the schema of the XML follows from these types.

mod carbon;
mod eu;
mod export;
mod sustainability;

pub(crate) use carbon::CarbonDocument;
pub(crate) use eu::EuDocument;
pub(crate) use export::{BatteryPassport, Export};
pub(crate) use sustainability::SustainabilityDocument;

use super::attributes::Point;
use serde::Serialize;
use serde_json::Value;
use twin::passport::regulation::Access;
use utoipa::{OpenApi, ToSchema};

/// The law, as documents name it.
const LAW: &str = "2023/1542";

/// Types of the documents; their roots are the four below.
#[derive(OpenApi)]
#[openapi(components(schemas(BatteryPassport, CarbonDocument, SustainabilityDocument, EuDocument)))]
pub(super) struct Documents;

/// Roots of XML documents, and the type of each.
pub(crate) const ROOTS: [(&str, &str); 4] = [
    ("batteryPassport", "BatteryPassport"),
    ("carbonReport", "CarbonDocument"),
    ("sustainabilityReport", "SustainabilityDocument"),
    ("euReport", "EuDocument"),
];

/// Where the facts behind a document are, in the platform's chain of hashes.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerificationBody {
    /// Hash of the newest fact; null where nothing was recorded.
    pub(crate) blockchain_hash: Option<String>,
    /// `hash-chained`
    pub(crate) data_integrity: &'static str,
    /// `local-hash-chain`
    pub(crate) ledger: &'static str,
    /// Whether somebody outside has looked at it.
    pub(crate) third_party_verified: bool,
}

impl VerificationBody {
    /// Of a passport whose newest fact has a hash.
    pub(crate) fn of(head: Option<String>) -> Self {
        Self {
            blockchain_hash: head,
            data_integrity: "hash-chained",
            ledger: "local-hash-chain",
            third_party_verified: false,
        }
    }
}

/// A data point of the passport.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct PointBody {
    /// Clause of DIN DKE SPEC 99100:2025-02.
    #[schema(example = "6.7.2.2")]
    clause: String,
    #[schema(example = "rated_capacity")]
    attribute: String,
    /// `public`, `legitimate`, `individual` or `authority`.
    access: &'static str,
    mandatory: bool,
    /// What is known; left out where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    value: Option<Value>,
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Public => "public",
        Access::Legitimate => "legitimate",
        Access::Individual => "individual",
        Access::Authority => "authority",
    }
}

fn point(point: &Point) -> PointBody {
    PointBody {
        clause: point.attribute.0.clone(),
        attribute: point.attribute.key().to_owned(),
        access: access(point.attribute.2),
        mandatory: point.attribute.is_mandatory(),
        value: point.value.clone(),
    }
}
