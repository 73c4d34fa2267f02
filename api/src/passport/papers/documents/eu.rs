//! The report under Regulation (EU) 2023/1542, by its annexes.

use super::carbon::{CarbonDocument, day};
use super::{PointBody, VerificationBody, point};
use crate::passport::papers::attributes::{self, Reader, percent, place};
use crate::passport::wire::stamp;
use crate::when::rounded;
use host::passport::EuReport;
use serde::Serialize;
use serde_json::Value;
use twin::passport::compliance::{Compliance, METHOD, Status};
use twin::passport::material::Material;
use twin::passport::regulation::{Access, Goal, targets_of_category};
use utoipa::ToSchema;

/// What the label holds (Annex VI, part A).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Label {
    manufacturer: String,
    category: &'static str,
    identification: String,
    place_of_manufacture: Option<String>,
    #[schema(example = "2025-01")]
    date_of_manufacture: String,
    /// [kg]
    weight: Option<f64>,
    /// [Ah]
    capacity: f64,
    chemistry: String,
    hazardous_substances: Vec<String>,
    #[schema(value_type = Option<Object>)]
    extinguishing_agent: Option<Value>,
    critical_raw_materials: Vec<String>,
    /// What the QR code holds.
    #[schema(format = "uri")]
    qr_code: String,
}

/// State of health and expected lifetime (Annex VII); for those with a legitimate interest.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LifeBody {
    /// [%]
    state_of_certified_energy: Option<f64>,
    /// [Ah]
    remaining_capacity: Option<f64>,
    /// [%]
    power_fade: Option<f64>,
    /// [%]
    resistance_increase: Option<f64>,
    #[schema(format = Date)]
    manufactured: String,
    #[schema(format = Date)]
    put_into_service: Option<String>,
    /// [kWh]
    energy_throughput: f64,
    /// [Ah]
    capacity_throughput: f64,
    full_equivalent_cycles: f64,
    #[schema(format = DateTime)]
    as_of: String,
}

/// Data points by who may read them (Annex XIII).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AnnexXiii {
    public_model: Vec<PointBody>,
    legitimate_interest_model: Vec<PointBody>,
    authorities: Vec<PointBody>,
    individual: Vec<PointBody>,
}

/// Recycled content against the shares that are asked for (Article 8).
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RecycledShare {
    material: &'static str,
    /// [%]; null where nothing is on record.
    share: Option<f64>,
    /// Asked for on the day of the report [%]; null where nothing is yet.
    target: Option<f64>,
}

/// Due diligence (Articles 48 to 52).
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Diligence {
    #[schema(value_type = Option<Object>)]
    report: Option<Value>,
    sources: usize,
    certifications: Vec<String>,
}

/// A rule and how it is met.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct FindingBody {
    rule: String,
    group: String,
    /// `satisfied`, `missing` or `failed`.
    status: &'static str,
    evidence: String,
    gap: String,
}

/// A rule that does not apply yet.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UpcomingBody {
    rule: String,
    asks: String,
    #[schema(format = Date)]
    applies_from: String,
}

/// The report under Regulation (EU) 2023/1542.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EuDocument {
    regulation: &'static str,
    battery_id: String,
    passport_id: String,
    #[schema(format = Date)]
    report_date: String,
    /// Version of the tables of rules.
    rule_set: String,
    #[serde(rename = "annexVI")]
    annex_vi: Label,
    #[serde(rename = "annexVII")]
    annex_vii: LifeBody,
    #[serde(rename = "annexXIII")]
    annex_xiii: AnnexXiii,
    carbon_footprint: Option<CarbonDocument>,
    recycled_content: Vec<RecycledShare>,
    due_diligence: Diligence,
    /// Mandatory data points that are filled in [%].
    completeness: f64,
    compliance_score: f64,
    compliant: bool,
    method: &'static str,
    findings: Vec<FindingBody>,
    upcoming: Vec<UpcomingBody>,
    verification: VerificationBody,
}

fn findings(compliance: &Compliance) -> Vec<FindingBody> {
    let each = compliance.findings.iter().map(|finding| FindingBody {
        rule: finding.rule.clone(),
        group: finding.group.clone(),
        status: match finding.status {
            Status::Satisfied => "satisfied",
            Status::Missing => "missing",
            Status::Failed => "failed",
        },
        evidence: finding.evidence.clone(),
        gap: finding.gap.clone(),
    });
    each.collect()
}

impl EuDocument {
    /// The report as a reader may have it; `url` is what the code on the battery holds.
    pub(crate) fn of(report: &EuReport, reader: Reader, url: &str, head: Option<String>) -> Self {
        let (view, passport) = (&report.view, &report.view.passport);
        let points = attributes::points(view, reader);
        let of = |wanted: Access| {
            points.iter().filter(|one| one.attribute.2 == wanted).map(point).collect::<Vec<PointBody>>()
        };
        let value = |key: &str| {
            points.iter().find(|point| point.attribute.key() == key).and_then(|p| p.value.clone())
        };
        let figure = |key: &str| value(key).and_then(|value| value.as_f64());
        let names = |key: &str| -> Vec<String> {
            let values = value(key).and_then(|value| value.as_array().cloned()).unwrap_or_default();
            values
                .iter()
                .filter_map(|one| one.as_str().or(one["substance"].as_str()).map(str::to_owned))
                .collect()
        };
        let (identity, rated) = (&passport.identity, &passport.specifications);
        let on = twin::passport::date::Date::at(report.at);
        let targets = targets_of_category(Goal::RecycledContent, passport.category, on);
        let shares = passport.recycled();
        let concerned = [Material::Cobalt, Material::Lead, Material::Lithium, Material::Nickel];
        let contents = passport.contents();
        let recycled_content = concerned.into_iter().filter(|m| contents[*m] > 0.0 || shares.contains_key(m));
        Self {
            regulation: "(EU) 2023/1542",
            battery_id: passport.battery_id.clone(),
            passport_id: passport.passport_id.clone(),
            report_date: day(report.at),
            rule_set: attributes::rules_of().to_owned(),
            annex_vi: Label {
                manufacturer: identity.manufacturer.clone(),
                category: attributes::category(passport.category),
                identification: identity.serial_number.clone(),
                place_of_manufacture: identity.made_at.as_ref().map(place).filter(|at| !at.is_empty()),
                date_of_manufacture: identity
                    .manufactured_on
                    .to_string()
                    .get(..7)
                    .unwrap_or_default()
                    .to_owned(),
                weight: passport.chemistry.mass_kg,
                capacity: rated.capacity_ah,
                chemistry: format!("{} ({})", passport.chemistry.sort, passport.chemistry.cathode),
                hazardous_substances: names("hazardous_substances"),
                extinguishing_agent: value("extinguishing_agent"),
                critical_raw_materials: names("critical_raw_materials"),
                qr_code: url.to_owned(),
            },
            annex_vii: LifeBody {
                state_of_certified_energy: figure("state_of_certified_energy"),
                remaining_capacity: figure("remaining_capacity"),
                power_fade: figure("power_fade"),
                resistance_increase: figure("resistance_increase"),
                manufactured: identity.manufactured_on.to_string(),
                put_into_service: passport.lifecycle.installed_on.map(|on| on.to_string()),
                energy_throughput: rounded(view.discharged_kwh, 2),
                capacity_throughput: rounded(view.discharged_ah, 1),
                full_equivalent_cycles: rounded(view.discharged_ah / rated.capacity_ah, 1),
                as_of: stamp(view.updated_at),
            },
            annex_xiii: AnnexXiii {
                public_model: of(Access::Public),
                legitimate_interest_model: of(Access::Legitimate),
                authorities: of(Access::Authority),
                individual: of(Access::Individual),
            },
            carbon_footprint: passport
                .footprint
                .as_ref()
                .map(|known| CarbonDocument::new(passport, known, None, report.at, head.clone())),
            recycled_content: recycled_content
                .map(|material| RecycledShare {
                    material: material.name(),
                    share: shares.get(&material).map(|share| percent(*share)),
                    target: targets.iter().find(|t| t.material == Some(material)).map(|t| percent(t.value)),
                })
                .collect(),
            due_diligence: Diligence {
                report: value("due_diligence_report"),
                sources: passport.materials.len(),
                certifications: {
                    let mut all: Vec<String> = passport
                        .materials
                        .iter()
                        .flat_map(|source| source.given.certifications.clone())
                        .collect();
                    all.sort_unstable();
                    all.dedup();
                    all
                },
            },
            completeness: percent(report.compliance.completeness),
            compliance_score: rounded(report.compliance.score, 1),
            compliant: report.compliance.compliant,
            method: METHOD,
            findings: findings(&report.compliance),
            upcoming: report
                .compliance
                .upcoming
                .iter()
                .map(|rule| UpcomingBody {
                    rule: rule.rule.clone(),
                    asks: rule.asks.clone(),
                    applies_from: rule.applies_from.to_string(),
                })
                .collect(),
            verification: VerificationBody::of(head),
        }
    }
}
