//! The report on sustainability.

use super::LAW;
use super::carbon::day;
use crate::passport::papers::attributes::percent;
use crate::passport::wire::kg;
use crate::when::rounded;
use host::passport::SustainabilityReport;
use serde::Serialize;
use std::collections::BTreeMap;
use twin::passport::compliance::METHOD;
use twin::passport::material::Material;
use twin::passport::recovery::Expected;
use twin::passport::sourcing::Outcome;
use utoipa::ToSchema;

/// Footprint and what comes back.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct SustainableCarbon {
    /// Production and distribution [kg CO2e]; null where it cannot be computed.
    #[serde(rename = "totalCO2e")]
    total_co2e: Option<f64>,
    /// Share of the mass that can be recovered [%].
    recyclability: f64,
}

/// Sources of materials.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Sourcing {
    ethical_sourcing: bool,
    conflict_free_cobalt: bool,
    /// True where there is no cobalt in it: then the line above says nothing.
    conflict_free_cobalt_not_applicable: bool,
    certifications: Vec<String>,
    /// Share of the checks that pass [%].
    score: f64,
    /// Mass with a source on record [%].
    coverage: f64,
    checks: Vec<CheckBody>,
}

/// One check of a source.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CheckBody {
    material: &'static str,
    rule: &'static str,
    /// `pass`, `fail` or `missing`.
    status: &'static str,
    evidence: String,
}

/// What was recycled before and what will be.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Circular {
    /// Share of each material that came from recycling [%].
    recycled_content: BTreeMap<&'static str, f64>,
    /// Share of the mass that is recovered [%].
    end_of_life_recovery_rate: f64,
    /// Of the metals alone [%].
    metals_recovery_rate: f64,
    /// [kg]
    material_recovery: BTreeMap<&'static str, f64>,
    process: String,
    /// `achieved` or `expected`.
    basis: &'static str,
}

/// How it stands against the regulation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EuStanding {
    battery_regulation: bool,
    regulation_version: &'static str,
    compliance_score: f64,
    method: &'static str,
}

/// The sustainability report of a battery.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SustainabilityDocument {
    #[schema(example = "BAT-2025-LI-001234")]
    battery_id: String,
    passport_id: String,
    #[schema(format = Date)]
    report_date: String,
    carbon_footprint: SustainableCarbon,
    material_sourcing: Sourcing,
    circular_economy: Circular,
    eu_compliance: EuStanding,
    factor_set: String,
}

fn amounts(recovery: &Expected) -> BTreeMap<&'static str, f64> {
    recovery.recovered.present().map(|(material, kg)| (material.name(), rounded(kg, 3))).collect()
}

impl SustainabilityDocument {
    /// The report as it is written.
    pub(crate) fn of(report: &SustainabilityReport) -> Self {
        let sourcing = &report.sourcing;
        let check = |check: &twin::passport::sourcing::Check| CheckBody {
            material: check.material.name(),
            rule: check.rule,
            status: match check.outcome {
                Outcome::Pass => "pass",
                Outcome::Fail => "fail",
                Outcome::Missing => "missing",
            },
            evidence: check.evidence.clone(),
        };
        Self {
            battery_id: report.passport.battery_id.clone(),
            passport_id: report.passport.passport_id.clone(),
            report_date: day(report.at),
            carbon_footprint: SustainableCarbon {
                total_co2e: report
                    .footprint
                    .as_ref()
                    .map(|footprint| kg(footprint.stages().with_distribution())),
                recyclability: percent(report.recovery.mass_based),
            },
            material_sourcing: Sourcing {
                ethical_sourcing: sourcing.ethical,
                conflict_free_cobalt: sourcing.conflict_free_cobalt.unwrap_or(true),
                conflict_free_cobalt_not_applicable: sourcing.conflict_free_cobalt.is_none(),
                certifications: sourcing.certifications.iter().cloned().collect(),
                score: rounded(sourcing.score, 1),
                coverage: percent(sourcing.coverage),
                checks: sourcing.checks.iter().map(check).collect(),
            },
            circular_economy: Circular {
                recycled_content: recycled(&report.recycled),
                end_of_life_recovery_rate: percent(report.recovery.mass_based),
                metals_recovery_rate: percent(report.recovery.metals_only),
                material_recovery: amounts(&report.recovery),
                process: report.process.clone(),
                basis: if report.achieved { "achieved" } else { "expected" },
            },
            eu_compliance: EuStanding {
                battery_regulation: report.compliance.compliant,
                regulation_version: LAW,
                compliance_score: rounded(report.compliance.score, 1),
                method: METHOD,
            },
            factor_set: twin::passport::factors::carbon().set.clone(),
        }
    }
}

fn recycled(shares: &BTreeMap<Material, f64>) -> BTreeMap<&'static str, f64> {
    shares.iter().map(|(material, share)| (material.name(), percent(*share))).collect()
}
