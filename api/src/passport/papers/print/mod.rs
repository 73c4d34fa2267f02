//! Passports and reports as papers that people print.
//!
//! What stands on them is what the same records say in JSON; numbers are rounded for people, and what is not known is
//! left out or said to be missing, never filled in.

mod names;
mod reports;

pub(crate) use reports::{carbon, eu, sustainability};

use super::attributes::{self, Point, Reader};
use crate::paper::{
    About, Bars, Cell, Code, Column, Correction, Cover, Figure, Lines, Paper, PaperError, Series, Table, X,
    grouped,
};
use crate::passport::wire::stamp;
use host::passport::record::{EventRecord, Footprint, Passport};
use host::passport::{HistoryPoint, View};
use names::{fact, title, words};
use twin::time::Time;

/// Who answers for a paper, at its foot.
const AUTHOR: &str = "Celltide battery passport service";
/// Events that are printed; the newest ones.
const EVENTS: usize = 40;

/// Where a passport is found, which a code on the paper leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'a> {
    /// The address in the code.
    pub(crate) url: &'a str,
    /// When the paper was made.
    pub(crate) at: Time,
}

/// What happened to a battery, as far as a reader may know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct History<'a> {
    pub(crate) events: &'a [EventRecord],
    pub(crate) healths: &'a [HistoryPoint],
}

fn minute(at: Time) -> String {
    stamp(at).get(..16).unwrap_or_default().replace('T', " ") + " UTC"
}

fn figure(label: &str, value: Option<String>, unit: &str) -> Figure {
    let unit = if value.is_some() { unit } else { "" };
    Figure {
        label: label.to_owned(), value: value.unwrap_or_else(|| "–".to_owned()), unit: unit.to_owned()
    }
}

fn percent(share: f64, decimals: usize) -> String {
    grouped(share * 100.0, decimals)
}

/// A paper with its cover: what it is, of which battery, and the code that leads to the passport.
fn begin(title: &str, known: &Passport, found: Found<'_>, lines: &[String]) -> Result<Paper, PaperError> {
    let about = About {
        title: format!("{title} {}", known.passport_id),
        subject: format!("{title} of battery {}", known.battery_id),
        author: AUTHOR.to_owned(),
        at: found.at,
    };
    let mut paper = Paper::new(about, &known.passport_id);
    let identity = &known.identity;
    let mut said = vec![
        format!("Battery {} · serial number {}", known.battery_id, identity.serial_number),
        format!("Passport {} · as of {}", known.passport_id, minute(found.at)),
    ];
    said.extend_from_slice(lines);
    let subtitle = format!("{} {}", identity.manufacturer, identity.model);
    let code =
        Code::new(found.url, Correction::Q).map_err(|error| PaperError::Pdf { detail: error.to_string() })?;
    paper.cover(&Cover { title, subtitle: &subtitle, lines: &said, code: Some((&code, found.url)) });
    Ok(paper)
}

/// Parts of the passport by the clauses' beginnings.
const PARTS: [(&str, &str); 7] = [
    ("6.1.", "Identity and status"),
    ("6.2.", "Labels and conformity"),
    ("6.3.", "Carbon footprint"),
    ("6.4.", "Supply chain due diligence"),
    ("6.5.", "Materials and composition"),
    ("6.6.", "Circularity"),
    ("6.7.", "Performance and durability"),
];

/// The passport of a battery, with what the reader may know of it.
pub(crate) fn passport(
    view: &View,
    reader: Reader,
    history: Option<History<'_>>,
    found: Found<'_>,
) -> Result<Vec<u8>, PaperError> {
    let known = &view.passport;
    let points = attributes::points(view, reader);
    let issued = format!("Issued under Regulation (EU) 2023/1542, Article 77 · {}", shown_to(reader));
    let mut paper = begin("Battery passport", known, found, &[issued])?;
    let rated = &known.specifications;
    let declared = known.footprint.as_ref().map(|footprint| footprint.stages().eu_declared());
    let health = view.soh.filter(|_| reader.interested || reader.authority);
    paper.figures(&[
        match health {
            Some(soh) => figure("State of health", Some(percent(soh, 1)), "%"),
            None => figure("Category", Some(attributes::category(known.category).to_owned()), ""),
        },
        figure("Rated capacity", Some(grouped(rated.capacity_ah, 1)), "Ah"),
        figure("Rated energy", Some(grouped(rated.energy_kwh, 2)), "kWh"),
        figure("Carbon footprint", declared.map(|kg| grouped(kg, 0)), "kg CO₂e"),
    ]);
    for (clause, name) in PARTS {
        let of: Vec<&Point> = points.iter().filter(|point| point.attribute.0.starts_with(clause)).collect();
        let facts: Vec<(&str, String)> = of.iter().filter_map(|point| fact(point)).collect();
        if facts.is_empty() {
            continue;
        }
        paper.heading(name);
        if let (true, Some(footprint)) = (clause == "6.3.", &known.footprint) {
            paper.bars(&stages(footprint));
        }
        if let (true, Some(history)) = (clause == "6.7.", &history) {
            healths(&mut paper, history.healths);
        }
        paper.facts(&facts);
    }
    if let Some(history) = history {
        events(&mut paper, history.events);
    }
    let lacking = attributes::lacking(&points);
    paper.heading("What is not in this passport");
    if lacking.is_empty() {
        paper.paragraph(
            "Every mandatory data point of DIN DKE SPEC 99100:2025-02 for this reader is filled in.",
        );
    } else {
        let names: Vec<&str> = lacking.iter().map(|key| title(key)).collect();
        paper.paragraph(&format!(
            "Mandatory data points of DIN DKE SPEC 99100:2025-02 that nothing is on record for: {}.",
            names.join(", ").to_lowercase()
        ));
    }
    paper.note(&format!(
        "State of health, charge and throughput are estimates of the battery's digital twin from its own readings, as of {}. \
         The records behind this paper are chained by SHA-256; docs/passport-proof.md says how to check them without this \
         platform. The code above leads to the passport as it is now.",
        minute(view.updated_at)
    ));
    paper.finish()
}

fn shown_to(reader: Reader) -> &'static str {
    match (reader.authority, reader.interested) {
        (true, _) => "for authorities",
        (_, true) => "for readers with a legitimate interest",
        _ => "public part",
    }
}

fn stages(footprint: &Footprint) -> Bars {
    let mut bars = match footprint.raw_material_kg {
        Some(raw) => {
            vec![("Raw materials".to_owned(), raw), ("Production".to_owned(), footprint.production_kg - raw)]
        }
        None => vec![("Raw materials and production".to_owned(), footprint.production_kg)],
    };
    let more = [
        ("Distribution", footprint.transportation_kg),
        ("End of life and recycling", footprint.end_of_life_kg),
        ("Losses in use (outside the declared value)", footprint.use_phase_kg),
    ];
    bars.extend(more.into_iter().filter_map(|(name, kg)| Some((name.to_owned(), kg?))));
    Bars { caption: "Emissions by stage".to_owned(), unit: "kg CO₂e".to_owned(), decimals: 0, bars }
}

fn healths(paper: &mut Paper, healths: &[HistoryPoint]) {
    if healths.len() < 2 {
        return;
    }
    let points = healths.iter().map(|point| (point.cycles, point.soh * 100.0)).collect();
    paper.lines(&Lines {
        caption: "State of health".to_owned(),
        x: X::Number("full cycles".to_owned()),
        unit: "%".to_owned(),
        series: vec![Series { name: "measured".to_owned(), points }],
        levels: Vec::new(),
    });
}

fn events(paper: &mut Paper, events: &[EventRecord]) {
    if events.is_empty() {
        return;
    }
    paper.heading("Life so far");
    let from = events.len().saturating_sub(EVENTS);
    if from > 0 {
        paper.note(&format!("The newest {EVENTS} of {} events.", events.len()));
    }
    let rows = events[from..].iter().map(|event| {
        let day = stamp(event.at).get(..10).unwrap_or_default().to_owned();
        let what = event.description.clone().unwrap_or_default();
        vec![
            Cell::from(day),
            Cell::strong(words(event.kind.as_str())),
            Cell::from(what),
            Cell::from(event.id.clone()),
        ]
    });
    let columns = vec![
        Column::text("Date", 1.2),
        Column::text("Event", 2.4),
        Column::text("Description", 4.6),
        Column::text("Number", 1.8),
    ];
    paper.table(&Table { columns, rows: rows.collect() });
}
