//! Reports in four forms, all of one set of tables.

use super::analytics::{basis, buckets, impact, statistics};
use super::wire::{rounded, seconds};
use crate::paper::{About, Bars, Cell, Column, Cover, Figure, Lines, Paper, Series, Table, X, grouped};
use host::plastic::{Bucket, ReportData, ReportKind};
use rust_xlsxwriter::{Chart, ChartType, Format, Workbook, XlsxError};
use serde_json::{Map, Value, json};
use std::fmt::Write;
use twin::plastic::gear::Method;
use twin::plastic::material::Resin;

/// A value of a table.
enum Item {
    Text(String),
    Number(f64),
}

/// A table of a report.
struct Sheet {
    name: &'static str,
    heads: Vec<&'static str>,
    rows: Vec<Vec<Item>>,
    /// Columns of names and amounts that a chart shows.
    chart: Option<(usize, usize)>,
}

fn title(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::MonthlyImpact => "Impact report",
        ReportKind::CollectionSummary => "Collection summary",
        ReportKind::Environmental => "Environmental report",
        ReportKind::Facility => "Facility report",
    }
}

fn count(number: usize) -> Item {
    Item::Number(number as f64)
}

fn text(text: impl Into<String>) -> Item {
    Item::Text(text.into())
}

/// Everything of a report as tables.
fn sheets(data: &ReportData) -> Vec<Sheet> {
    let mut sheets = Vec::new();
    let (stats, of) = (&data.collection, &data.environmental);
    if data.kind.has_collection() {
        let rows = Resin::ALL.into_iter().zip(stats.resins).map(|(resin, (batches, mass_kg))| {
            let share = if stats.mass_kg > 0.0 { 100.0 * mass_kg / stats.mass_kg } else { 0.0 };
            vec![
                text(resin.name()),
                count(batches),
                Item::Number(rounded(mass_kg, 3)),
                Item::Number(rounded(share, 2)),
            ]
        });
        let heads = vec!["Resin", "Batches", "Weight [kg]", "Share [%]"];
        sheets.push(Sheet { name: "By resin", heads, rows: rows.collect(), chart: Some((0, 2)) });
        let rows = Method::ALL.into_iter().zip(stats.methods);
        let rows = rows.map(|(method, batches)| vec![text(method.name()), count(batches)]);
        let heads = vec!["Method", "Batches"];
        sheets.push(Sheet { name: "By method", heads, rows: rows.collect(), chart: Some((0, 1)) });
        let rows = data.stages.iter().map(|(stage, batches)| vec![text(*stage), count(*batches)]);
        let heads = vec!["Status", "Batches"];
        sheets.push(Sheet { name: "By status", heads, rows: rows.collect(), chart: None });
        let row = |bucket: &Bucket| {
            let mass_kg = Item::Number(rounded(bucket.mass_kg, 3));
            vec![text(bucket.first.to_string()), count(bucket.batches), mass_kg]
        };
        let heads = vec!["Date", "Batches", "Weight [kg]"];
        sheets.push(Sheet {
            name: "Daily",
            heads,
            rows: stats.buckets.iter().map(row).collect(),
            chart: None,
        });
    }
    if data.kind.has_environmental() {
        let figures = [
            ("Collecting", of.collection_kg_co2e),
            ("Transport", of.transport_kg_co2e),
            ("Processing", of.processing_kg_co2e),
            ("Emitted in all", of.total_kg_co2e()),
            ("Virgin plastic not made", -of.sum.avoided_kg_co2e),
            ("Net", of.net_kg_co2e()),
        ];
        let rows = figures.map(|(name, value)| vec![text(name), Item::Number(rounded(value, 3))]);
        let heads = vec!["Emissions", "kg CO2e"];
        sheets.push(Sheet { name: "Carbon", heads, rows: rows.into(), chart: Some((0, 1)) });
        let figures = [
            ("Plastic collected [kg]", of.sum.collected_kg),
            ("Virgin plastic avoided [kg]", of.sum.avoided_kg),
            ("Of that expected, not weighed yet [kg]", of.sum.expected_kg),
            ("Area gone over [m2]", of.area_km2 * 1e6),
            ("Of that assumed from density [m2]", of.area_assumed_km2 * 1e6),
            ("Fuel burnt, as measured [l]", of.effort.fuel_l.unwrap_or(0.0)),
            ("Collecting assumed from weight [kg CO2e]", of.collection_assumed_kg_co2e),
            ("Ghost nets", of.life.nets),
            ("Animals in nets, mean of vertebrates", of.life.vertebrates()),
            ("Animals in nets, with invertebrates", of.life.all()),
            ("Carbon of electricity [kg CO2e/kWh]", of.grid_kg_co2e_per_kwh),
        ];
        let rows = figures.map(|(name, value)| vec![text(name), Item::Number(rounded(value, 3))]);
        sheets.push(Sheet { name: "Impact", heads: vec!["Figure", "Value"], rows: rows.into(), chart: None });
    }
    if data.kind.has_facilities() {
        let rows = data.facilities.iter().map(|count_of| {
            let facility = &count_of.facility;
            vec![
                text(facility.id.as_ref()),
                text(facility.name.as_str()),
                text(facility.station.name()),
                Item::Number(facility.daily_kg),
                count(count_of.batches),
                Item::Number(rounded(count_of.mass_kg, 3)),
            ]
        });
        let heads =
            vec!["Facility", "Name", "Type", "Capacity [kg/day]", "Batches taken in", "Weight taken in [kg]"];
        sheets.push(Sheet { name: "Facilities", heads, rows: rows.collect(), chart: Some((0, 5)) });
    }
    sheets
}

/// What stands at the head of every form.
fn head(data: &ReportData) -> Vec<(&'static str, String)> {
    vec![
        ("Report", data.id.as_ref().to_owned()),
        ("From", seconds(data.from)),
        ("To", seconds(data.to)),
        ("Organization", data.organisation_id.clone().unwrap_or_else(|| "all that may be seen".to_owned())),
        ("Made", seconds(data.made)),
        ("Method", data.environmental.method.to_owned()),
        ("Factor set", data.environmental.factor_set.to_owned()),
    ]
}

/// For programs.
pub(super) fn json(data: &ReportData) -> Value {
    let mut body = json!({
        "reportId": data.id, "type": data.kind.name(), "made": seconds(data.made),
        "period": { "start": seconds(data.from), "end": seconds(data.to) }, "organizationId": data.organisation_id,
        "factorSet": data.environmental.factor_set,
    });
    let Value::Object(fields) = &mut body else { return body };
    if data.kind.has_collection() {
        fields.insert("statistics".to_owned(), statistics(&data.collection));
        fields.insert("daily".to_owned(), Value::Array(buckets(&data.collection)));
        fields.insert("byStatus".to_owned(), json!(data.stages));
    }
    if data.kind.has_environmental() {
        fields.insert("impact".to_owned(), impact(&data.environmental));
        fields.insert("basis".to_owned(), basis(&data.environmental));
    }
    if data.kind.has_facilities() {
        let rows = data.facilities.iter().map(|count_of| {
            let mut row = Map::new();
            row.insert("facility".to_owned(), super::wire::facility(&count_of.facility));
            row.insert("batches".to_owned(), json!(count_of.batches));
            row.insert("weight".to_owned(), super::wire::kg(count_of.mass_kg));
            Value::Object(row)
        });
        fields.insert("facilities".to_owned(), Value::Array(rows.collect()));
    }
    body
}

/// A field of a table of text (RFC 4180). What a spreadsheet would take for a formula is made text.
fn field(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Tables as text, one below the other with an empty line between.
pub(super) fn csv(data: &ReportData) -> String {
    let mut out = String::new();
    let mut line = |cells: Vec<String>| {
        let _ = write!(out, "{}\r\n", cells.join(","));
    };
    for (name, value) in head(data) {
        line(vec![field(name), field(&value)]);
    }
    for sheet in sheets(data) {
        line(Vec::new());
        line(vec![field(sheet.name)]);
        line(sheet.heads.iter().map(|head| field(head)).collect());
        for row in sheet.rows {
            let cells = row.into_iter().map(|item| match item {
                Item::Text(text) => field(&text),
                Item::Number(number) => number.to_string(),
            });
            line(cells.collect());
        }
    }
    out
}

/// A workbook, a sheet for each table.
pub(super) fn xlsx(data: &ReportData, charts: bool) -> Result<Vec<u8>, String> {
    book(data, charts).map_err(|error| error.to_string())
}

fn book(data: &ReportData, charts: bool) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let first = book.add_worksheet().set_name("Report")?;
    for (row, (name, value)) in head(data).into_iter().enumerate() {
        let row = row as u32;
        first.write_string_with_format(row, 0, name, &bold)?;
        first.write_string(row, 1, value)?;
    }
    first.autofit();
    for sheet in sheets(data) {
        let page = book.add_worksheet().set_name(sheet.name)?;
        for (column, head) in sheet.heads.iter().enumerate() {
            page.write_string_with_format(0, column as u16, *head, &bold)?;
        }
        let last = sheet.rows.len() as u32;
        for (row, items) in sheet.rows.into_iter().enumerate() {
            for (column, item) in items.into_iter().enumerate() {
                let (row, column) = (row as u32 + 1, column as u16);
                match item {
                    Item::Text(text) => page.write_string(row, column, text)?,
                    Item::Number(number) => page.write_number(row, column, number)?,
                };
            }
        }
        page.autofit();
        if let Some((names, amounts)) = sheet.chart.filter(|_| charts && last > 0) {
            let (names, amounts) = (names as u16, amounts as u16);
            let mut chart = Chart::new(ChartType::Bar);
            chart
                .add_series()
                .set_name(sheet.heads[amounts as usize])
                .set_categories((sheet.name, 1, names, last, names))
                .set_values((sheet.name, 1, amounts, last, amounts));
            chart.title().set_name(sheet.name);
            page.insert_chart(1, sheet.heads.len() as u16 + 1, &chart)?;
        }
    }
    book.save_to_buffer()
}

/// For people.
pub(super) fn pdf(data: &ReportData, charts: bool) -> Result<Vec<u8>, String> {
    let (stats, of) = (&data.collection, &data.environmental);
    let about = About {
        title: format!("{} {}", title(data.kind), data.id),
        subject: "Plastic from the sea".to_owned(),
        author: "Celltide".to_owned(),
        at: data.made,
    };
    let mut paper = Paper::new(about, &data.id);
    let period = format!("{} to {}", &seconds(data.from)[..10], &seconds(data.to)[..10]);
    let lines = [
        format!("Report {}, made {}", data.id, seconds(data.made)),
        format!("Organization: {}", data.organisation_id.as_deref().unwrap_or("all that may be seen")),
    ];
    paper.cover(&Cover { title: title(data.kind), subtitle: &period, lines: &lines, code: None });
    let figure = |label: &str, value: f64, decimals: usize, unit: &str| Figure {
        label: label.to_owned(),
        value: grouped(value, decimals),
        unit: unit.to_owned(),
    };
    let mut figures =
        vec![figure("Collected", stats.mass_kg, 1, "kg"), figure("Batches", stats.batches as f64, 0, "")];
    if data.kind.has_environmental() {
        figures.push(figure("Net emissions", of.net_kg_co2e(), 0, "kg CO2e"));
        figures.push(figure("Virgin plastic avoided", of.sum.avoided_kg, 1, "kg"));
    }
    paper.figures(&figures);
    if charts {
        draw(&mut paper, data);
    }
    for sheet in sheets(data) {
        paper.heading(sheet.name);
        let is_number = |column: usize| {
            sheet.rows.first().is_some_and(|row| matches!(row.get(column), Some(Item::Number(_))))
        };
        let columns = sheet.heads.iter().enumerate().map(|(column, head)| {
            if is_number(column) { Column::number(head, 1.0) } else { Column::text(head, 1.4) }
        });
        let columns: Vec<Column> = columns.collect();
        let cell = |item: &Item| match item {
            Item::Text(text) => Cell::from(text.clone()),
            Item::Number(number) => {
                let decimals = if number.fract() == 0.0 { 0 } else { 2 };
                Cell::from(grouped(*number, decimals))
            }
        };
        let rows = sheet.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        paper.table(&Table { columns, rows });
    }
    paper.heading("What the figures rest on");
    let facts: Vec<(&str, String)> = head(data).into_iter().skip(5).collect();
    paper.facts(&facts);
    if data.kind.has_environmental() {
        paper.paragraph(
            "Collecting: diesel that vessels were seen to burn, 2.68 kg CO2e a litre, and 0.12 kg CO2e a kilogram where nobody \
             measured fuel. Transport: tonnes times kilometres, 0.104 kg CO2e by road. Processing: electricity of sorting (0.05 kWh/kg) \
             and of washing to pellets (0.80 kWh/kg). Net: all that was emitted less what the virgin plastic would have emitted that \
             the recycled one stands in for; negative is a benefit.",
        );
        paper.paragraph(
            "Animals are counted by recovered nets alone (Good et al. 2010: 870 gillnets); there is no accepted factor per kilogram of \
             plastic. The lower bound is none.",
        );
    }
    paper.finish().map_err(|error| error.to_string())
}

fn draw(paper: &mut Paper, data: &ReportData) {
    let (stats, of) = (&data.collection, &data.environmental);
    if data.kind.has_collection() {
        let bars = Resin::ALL.into_iter().zip(stats.resins);
        let bars = bars.map(|(resin, (_, mass_kg))| (resin.name().to_owned(), mass_kg)).collect();
        paper.bars(&Bars {
            caption: "Collected by resin".to_owned(),
            unit: "kg".to_owned(),
            decimals: 1,
            bars,
        });
        let points = stats.buckets.iter().filter_map(|bucket| {
            let at = bucket.first.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
            Some((at.as_millisecond() as f64, bucket.mass_kg))
        });
        let series = vec![Series { name: "collected a day".to_owned(), points: points.collect() }];
        paper.lines(&Lines {
            caption: "Collected day by day".to_owned(),
            x: X::Time,
            unit: "kg".to_owned(),
            series,
            levels: Vec::new(),
        });
    }
    if data.kind.has_environmental() {
        let bars = vec![
            ("Collecting".to_owned(), of.collection_kg_co2e),
            ("Transport".to_owned(), of.transport_kg_co2e),
            ("Processing".to_owned(), of.processing_kg_co2e),
            ("Virgin plastic not made".to_owned(), -of.sum.avoided_kg_co2e),
            ("Net".to_owned(), of.net_kg_co2e()),
        ];
        paper.bars(&Bars { caption: "Emissions".to_owned(), unit: "kg CO2e".to_owned(), decimals: 1, bars });
    }
    if data.kind.has_facilities() && !data.facilities.is_empty() {
        let bars = data.facilities.iter().map(|one| (one.facility.id.as_ref().to_owned(), one.mass_kg));
        let bars = bars.collect();
        paper.bars(&Bars {
            caption: "Taken in by facilities".to_owned(),
            unit: "kg".to_owned(),
            decimals: 0,
            bars,
        });
    }
}
