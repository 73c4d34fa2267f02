//! The page of a calibration: what was fitted, how well, and what to mistrust.

use super::{Outcome, Role};
use crate::results::report::axis::Axis;
use crate::results::report::charts::{Caption, Line, LineChart, Shape};
use crate::results::report::page::{Head, cards, page, section};
use crate::results::report::svg::escape;
use std::fmt::Write as _;
use std::path::Path;

/// Records drawn at most: of more, those that are reproduced worst.
const DRAWN: usize = 24;

/// The page.
#[must_use]
pub fn render(outcome: &Outcome) -> String {
    let chemistry = &outcome.chemistry;
    let mut html = section(
        "How well it fits",
        "Model less measurement, at the measured temperature.",
        &records(outcome),
    );
    html.push_str(&section("Residuals", "", &cards(&residuals(outcome))));
    html.push_str(&section("Capacity over life", "", &cards(&histories(outcome))));
    html.push_str(&section("Circuit", "", &cards(&circuit(outcome))));
    let intro =
        "With 95 % intervals of the linearised model. Without an interval, the data say nothing there.";
    html.push_str(&section("Fitted figures", intro, &figures(outcome)));
    let parts: Vec<&str> = outcome.fitted.iter().map(|(part, _)| part.name()).collect();
    let head = Head {
        kind: "Celltide calibration".into(),
        title: chemistry.name.clone(),
        lead: chemistry.title.clone(),
        facts: vec![
            ("Fitted".into(), parts.join(", ")),
            ("Capacity".into(), format!("{} Ah", chemistry.cell.capacity_ah)),
            (
                "Time constants".into(),
                format!("{} s, {} s", chemistry.circuit.tau1_s, chemistry.circuit.tau2_s),
            ),
            ("Source".into(), chemistry.sources.first().cloned().unwrap_or_default()),
        ],
        warnings: outcome.notes.clone(),
        variants: Vec::new(),
        footer: format!("Celltide {}", env!("CARGO_PKG_VERSION")),
    };
    page(&head, &html)
}

/// File name without folders.
fn short(name: &str) -> String {
    let (file, segment) = name.split_once(" [").map_or((name, String::new()), |(f, s)| (f, format!(" [{s}")));
    let file = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
    format!("{file}{segment}")
}

fn role(role: Role) -> &'static str {
    match role {
        Role::Fitted => "fitted",
        Role::Predicted => "predicted",
    }
}

fn records(outcome: &Outcome) -> String {
    if outcome.records.is_empty() {
        return String::new();
    }
    let mut html = String::from(
        "<table><thead><tr><th>Record</th><th></th><th>°C</th><th>RMSE [mV]</th><th>mean [mV]</th><th>median size [mV]</th>\
         <th>largest [mV]</th></tr></thead><tbody>",
    );
    for record in &outcome.records {
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{}</td><td>{:.0}</td><td>{:.1}</td><td>{:+.1}</td><td>{:.1}</td><td>{:.0}</td></tr>",
            escape(&short(&record.name)),
            role(record.role),
            record.ambient_c,
            1e3 * record.rms_v,
            1e3 * record.mean_v,
            1e3 * record.median_v,
            1e3 * record.most_v
        );
    }
    html.push_str("</tbody></table>");
    html
}

fn chart(title: String, note: String, unit: &str, axis: &str, lines: Vec<Line>, shape: Shape) -> String {
    LineChart {
        caption: Caption { title, note, parts: Vec::new() },
        unit: unit.into(),
        axis: &Axis::Number { label: axis.into() },
        lines,
        from_zero: false,
        shape,
    }
    .card()
}

fn line(variant: usize, name: &str, x: Vec<f64>, y: Vec<f64>) -> Line {
    Line { variant, name: name.into(), x, y, band: None }
}

fn residuals(outcome: &Outcome) -> String {
    let mut worst: Vec<_> = outcome.records.iter().collect();
    worst.sort_by(|a, b| b.rms_v.total_cmp(&a.rms_v));
    let mut html = String::new();
    for record in worst.into_iter().take(DRAWN) {
        let hours: Vec<f64> = record.course.iter().map(|(t, ..)| *t).collect();
        let wrong: Vec<f64> = record.course.iter().map(|(.., r)| 1e3 * r).collect();
        let note =
            format!("{}, {:.0} °C, RMSE {:.1} mV", role(record.role), record.ambient_c, 1e3 * record.rms_v);
        let lines = vec![line(0, "model less measurement", hours, wrong)];
        html.push_str(&chart(short(&record.name), note, "mV", "h", lines, Shape::Line));
    }
    html
}

fn histories(outcome: &Outcome) -> String {
    let mut html = String::new();
    for aged in &outcome.histories {
        let x: Vec<f64> = aged.course.iter().map(|(cycle, ..)| *cycle).collect();
        let measured = aged.course.iter().map(|(_, a, _)| *a).collect();
        let model = aged.course.iter().map(|(.., b)| *b).collect();
        let lines = vec![line(0, "measured", x.clone(), measured), line(1, "model", x, model)];
        let note = format!("{}, RMSE {:.4} Ah", role(aged.role), aged.rms_ah);
        html.push_str(&chart(short(&aged.name), note, "Ah", "cycles", lines, Shape::Line));
    }
    html
}

fn circuit(outcome: &Outcome) -> String {
    let circuit = &outcome.chemistry.circuit;
    let mut html = String::new();
    for (name, surface) in [("R0", &circuit.r0_ohm), ("R1", &circuit.r1_ohm), ("R2", &circuit.r2_ohm)] {
        let lines = surface.rows.iter().enumerate().map(|(k, row)| {
            let temperature_c = surface.temperature_c.get(k).copied().unwrap_or(25.0);
            // In logarithms, since rows differ by orders of magnitude.
            let y = row.iter().map(|ohm| (1e3 * ohm).log10()).collect();
            line(k, &format!("{temperature_c} °C"), surface.soc.clone(), y)
        });
        let note = "A line per temperature.".to_owned();
        html.push_str(&chart(name.into(), note, "log10 mΩ", "state of charge", lines.collect(), Shape::Dots));
    }
    let ocv = &outcome.chemistry.ocv;
    let lines = vec![line(0, "open circuit", ocv.soc.clone(), ocv.value.clone())];
    html.push_str(&chart(
        "Open-circuit voltage".into(),
        String::new(),
        "V",
        "state of charge",
        lines,
        Shape::Dots,
    ));
    html
}

fn figures(outcome: &Outcome) -> String {
    let mut html =
        String::from("<table><thead><tr><th>Figure</th><th>Value</th><th>95 %</th></tr></thead><tbody>");
    for figure in &outcome.figures {
        let interval =
            figure.interval.map_or_else(String::new, |(low, high)| format!("{low:.4} to {high:.4}"));
        let _ = write!(
            html,
            "<tr><td>{}</td><td>{:.4}</td><td>{interval}</td></tr>",
            escape(&figure.name),
            figure.value
        );
    }
    html.push_str("</tbody></table>");
    html
}
