//! Reports on paper: footprint, sustainability, the EU's regulation.

use super::names::{fact, rule as rule_name, title, words};
use super::{Found, begin, figure, minute, percent, shown_to, stages};
use crate::paper::{Bars, Cell, Column, Paper, PaperError, Table, Tint, grouped};
use crate::passport::papers::attributes::{self, Point, Reader};
use host::passport::{CarbonReport, EuReport, SustainabilityReport};
use twin::passport::compliance::{Compliance, Status};
use twin::passport::regulation::Access;
use twin::passport::sourcing::Outcome;

/// The carbon report.
pub(crate) fn carbon(report: &CarbonReport, found: Found<'_>) -> Result<Vec<u8>, PaperError> {
    let (known, footprint) = (&report.passport, &report.footprint);
    let (stages_of, kwh) = (footprint.stages(), known.specifications.energy_kwh);
    let method = "Method ISO 14067, rules of Regulation (EU) 2023/1542, Annex II".to_owned();
    let mut paper = begin("Carbon footprint report", known, found, &[method])?;
    let declared = stages_of.eu_declared();
    paper.figures(&[
        figure("Declared footprint", Some(grouped(declared, 0)), "kg CO₂e"),
        figure("Per kWh delivered", Some(grouped(declared / footprint.delivered_kwh, 4)), "kg CO₂e/kWh"),
        figure("Per kWh rated", Some(grouped(declared / kwh, 1)), "kg CO₂e/kWh"),
        figure("Factor set", Some(footprint.factor_set.clone()), ""),
    ]);
    paper.heading("Stages");
    paper.bars(&stages(footprint));
    let share = |kg: f64| if declared == 0.0 { "–".to_owned() } else { percent(kg / declared, 1) };
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (name, kg) in stages(footprint).bars {
        let counts = !name.starts_with("Losses");
        let part = if counts { share(kg) } else { "outside".to_owned() };
        let each = grouped(kg / footprint.delivered_kwh, 4);
        rows.push(vec![Cell::from(name), Cell::from(grouped(kg, 2)), Cell::from(each), Cell::from(part)]);
    }
    let total = [grouped(declared, 2), grouped(declared / footprint.delivered_kwh, 4), "100.0".to_owned()];
    rows.push([vec![Cell::strong("Declared value")], total.map(Cell::strong).to_vec()].concat());
    let columns = vec![
        Column::text("Stage", 4.0),
        Column::number("kg CO₂e", 2.0),
        Column::number("kg CO₂e per kWh delivered", 2.6),
        Column::number("Share [%]", 1.6),
    ];
    paper.table(&Table { columns, rows });
    paper.heading("How it was reckoned");
    let basis =
        if footprint.declared { "declared by the manufacturer" } else { "computed from the factor set" };
    let grid = match &footprint.grid_region {
        Some(region) => format!("{} kg CO₂e/kWh ({region})", grouped(footprint.grid_kg_per_kwh, 4)),
        None => format!("{} kg CO₂e/kWh (given)", grouped(footprint.grid_kg_per_kwh, 4)),
    };
    let mut facts = vec![
        ("Functional unit", footprint.functional_unit.clone()),
        ("Energy delivered over service life", format!("{} kWh", grouped(footprint.delivered_kwh, 0))),
        ("Production", basis.to_owned()),
        ("Electricity in use", grid),
        ("Cradle to gate", format!("{} kg CO₂e", grouped(stages_of.cradle_to_gate(), 2))),
        ("With distribution", format!("{} kg CO₂e", grouped(stages_of.with_distribution(), 2))),
        ("Full life cycle, use included", format!("{} kg CO₂e", grouped(stages_of.full_life_cycle(), 2))),
        ("Performance class", "none: thresholds are not adopted".to_owned()),
        ("Computed", minute(footprint.at)),
    ];
    if let Some(factor) = footprint.making_kg_per_kwh {
        let region = footprint.making_region.as_deref().unwrap_or("–");
        facts.insert(
            3,
            ("Electricity in production", format!("{} kg CO₂e/kWh ({region})", grouped(factor, 4))),
        );
    }
    if let Some((low, high)) = report.band_kg {
        facts.push((
            "Range in published studies",
            format!("{} to {} kg CO₂e", grouped(low, 0), grouped(high, 0)),
        ));
    }
    paper.facts(&facts);
    if !known.transports.is_empty() {
        paper.heading("Transports");
        let rows = known.transports.iter().map(|leg| {
            let way = format!("{} to {}", leg.from, leg.to);
            let figures = [
                grouped(leg.distance_km, 0),
                grouped(leg.mass_kg, 1),
                grouped(leg.factor_kg_per_t_km, 3),
                grouped(leg.co2e_kg, 2),
            ];
            let words = vec![Cell::from(leg.id.clone()), Cell::from(way), Cell::from(words(&leg.mode))];
            [words, figures.map(Cell::from).to_vec()].concat()
        });
        let columns = vec![
            Column::text("Number", 1.9),
            Column::text("Way", 3.0),
            Column::text("Mode", 1.3),
            Column::number("km", 1.1),
            Column::number("kg", 1.1),
            Column::number("kg/(t·km)", 1.3),
            Column::number("kg CO₂e", 1.3),
        ];
        paper.table(&Table { columns, rows: rows.collect() });
    }
    for warning in &footprint.warnings {
        paper.note(&format!("Note: {warning}."));
    }
    paper.finish()
}

/// The sustainability report.
pub(crate) fn sustainability(report: &SustainabilityReport, found: Found<'_>) -> Result<Vec<u8>, PaperError> {
    let known = &report.passport;
    let mut paper = begin("Sustainability report", known, found, &[])?;
    let total = report.footprint.as_ref().map(|footprint| footprint.stages().with_distribution());
    let recovered = percent(report.recovery.mass_based, 1);
    paper.figures(&[
        figure("Carbon footprint", total.map(|kg| grouped(kg, 0)), "kg CO₂e"),
        figure("Recovered at end of life", Some(recovered.clone()), "% of mass"),
        figure("Sources verified", Some(grouped(report.sourcing.score, 0)), "%"),
        figure("Compliance score", Some(grouped(report.compliance.score, 0)), "of 100"),
    ]);
    if let Some(footprint) = &report.footprint {
        paper.heading("Carbon footprint");
        paper.bars(&stages(footprint));
        paper.note(&format!(
            "Factor set {}; production and distribution are the total above.",
            footprint.factor_set
        ));
    }
    paper.heading("Material sourcing");
    let conflict = match report.sourcing.conflict_free_cobalt {
        Some(true) => "shown for all cobalt",
        Some(false) => "not shown for all cobalt",
        None => "not applicable: no cobalt",
    };
    let certificates: Vec<String> = report.sourcing.certifications.iter().cloned().collect();
    paper.facts(&[
        (
            "Ethical sourcing",
            if report.sourcing.ethical { "shown for every source" } else { "not shown" }.to_owned(),
        ),
        ("Free of conflict", conflict.to_owned()),
        (
            "Certificates that hold",
            if certificates.is_empty() { "none".to_owned() } else { certificates.join(", ") },
        ),
        ("Mass with a source on record", format!("{} %", percent(report.sourcing.coverage, 1))),
    ]);
    if !report.sourcing.checks.is_empty() {
        let rows = report.sourcing.checks.iter().map(|check| {
            let (word, tint) = match check.outcome {
                Outcome::Pass => ("pass", Tint::GREEN),
                Outcome::Fail => ("fail", Tint::RED),
                Outcome::Missing => ("missing", Tint::AMBER),
            };
            let (material, rule) = (words(check.material.name()), words(check.rule));
            vec![
                Cell::from(material),
                Cell::from(rule),
                Cell::tinted(word, tint),
                Cell::from(check.evidence.clone()),
            ]
        });
        let columns = vec![
            Column::text("Material", 1.5),
            Column::text("Check", 1.8),
            Column::text("Result", 1.1),
            Column::text("Evidence", 5.6),
        ];
        paper.table(&Table { columns, rows: rows.collect() });
    }
    paper.heading("Circular economy");
    let recycled: Vec<(String, f64)> =
        report.recycled.iter().map(|(material, share)| (words(material.name()), share * 100.0)).collect();
    if recycled.is_empty() {
        paper.paragraph("No recycled content is on record.");
    } else {
        let (caption, unit) = ("Recycled content".to_owned(), "% of the material".to_owned());
        paper.bars(&Bars { caption, unit, decimals: 1, bars: recycled });
    }
    let basis = if report.achieved { "as achieved by the recycler" } else { "as expected" };
    paper.facts(&[
        ("Recovered of the whole mass", format!("{recovered} %, {basis} ({})", report.process)),
        ("Recovered of the metals", format!("{} %", percent(report.recovery.metals_only, 1))),
    ]);
    compliance(&mut paper, &report.compliance);
    paper.finish()
}

fn compliance(paper: &mut Paper, compliance: &Compliance) {
    paper.heading("Regulation (EU) 2023/1542");
    let verdict = if compliance.compliant {
        "every rule that applies is satisfied"
    } else {
        "not every rule is satisfied"
    };
    paper.paragraph(&format!(
        "Score {} of 100 by method CS-1; {verdict}. {} % of the mandatory data points are filled in.",
        grouped(compliance.score, 1),
        percent(compliance.completeness, 1)
    ));
    let rows = compliance.findings.iter().map(|finding| {
        let (word, tint) = match finding.status {
            Status::Satisfied => ("satisfied", Tint::GREEN),
            Status::Missing => ("missing", Tint::AMBER),
            Status::Failed => ("failed", Tint::RED),
        };
        let gap = if finding.gap.is_empty() { finding.evidence.clone() } else { finding.gap.clone() };
        vec![
            Cell::from(rule_name(&finding.rule)),
            Cell::from(words(&finding.group)),
            Cell::tinted(word, tint),
            Cell::from(gap),
        ]
    });
    let columns = vec![
        Column::text("Rule", 3.0),
        Column::text("Group", 2.0),
        Column::text("Status", 1.3),
        Column::text("Evidence or what is lacking", 3.7),
    ];
    paper.table(&Table { columns, rows: rows.collect() });
    if !compliance.upcoming.is_empty() {
        paper.subheading("Rules that do not apply yet");
        let rows = compliance.upcoming.iter().map(|rule| {
            vec![
                Cell::from(rule.applies_from.to_string()),
                Cell::from(rule_name(&rule.rule)),
                Cell::from(rule.asks.clone()),
            ]
        });
        let columns =
            vec![Column::text("From", 1.2), Column::text("Rule", 3.2), Column::text("What it asks for", 5.6)];
        paper.table(&Table { columns, rows: rows.collect() });
    }
}

/// The report under the EU Battery Regulation.
pub(crate) fn eu(report: &EuReport, reader: Reader, found: Found<'_>) -> Result<Vec<u8>, PaperError> {
    let (view, known) = (&report.view, &report.view.passport);
    let law = format!("Regulation (EU) 2023/1542 · {}", shown_to(reader));
    let mut paper = begin("EU battery report", known, found, &[law])?;
    let lacking = |access: Access| {
        let points = attributes::points(view, reader);
        let of: Vec<Point> = points.into_iter().filter(|point| point.attribute.2 == access).collect();
        (of.iter().filter(|point| point.value.is_some()).count(), of.len())
    };
    let (filled, all) = lacking(Access::Public);
    paper.figures(&[
        figure("Compliance score", Some(grouped(report.compliance.score, 1)), "of 100"),
        figure("Completeness", Some(percent(report.compliance.completeness, 1)), "%"),
        figure("Public data points", Some(format!("{filled} of {all}")), ""),
        figure("Category", Some(attributes::category(known.category).to_owned()), ""),
    ]);
    compliance(&mut paper, &report.compliance);
    let points = attributes::points(view, reader);
    for (access, name) in [
        (Access::Public, "Annex XIII, part 1: public information on the model"),
        (Access::Legitimate, "Annex XIII, part 2: legitimate interest, on the model"),
        (Access::Authority, "Annex XIII, part 3: authorities"),
        (Access::Individual, "Annex XIII, part 4: the individual battery"),
    ] {
        let rows: Vec<Vec<Cell>> = points
            .iter()
            .filter(|point| point.attribute.2 == access)
            .map(|point| {
                let key = point.attribute.key();
                let value = match fact(point) {
                    Some((_, value)) => Cell::from(value),
                    None if point.attribute.is_mandatory() => Cell::tinted("missing", Tint::AMBER),
                    None => Cell::from("–"),
                };
                let name = Some(title(key))
                    .filter(|title| *title != "Other")
                    .map_or_else(|| words(key), str::to_owned);
                vec![Cell::from(point.attribute.0.clone()), Cell::from(name), value]
            })
            .collect();
        if rows.is_empty() {
            continue;
        }
        paper.heading(name);
        let columns =
            vec![Column::text("Clause", 1.0), Column::text("Data point", 3.2), Column::text("Value", 5.8)];
        paper.table(&Table { columns, rows });
    }
    paper.note("Clauses are those of DIN DKE SPEC 99100:2025-02.");
    paper.finish()
}
