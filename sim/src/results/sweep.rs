//! A grid of variations: one tidy table and one page.

use super::number::{decimals_for, grouped, typeset};
use super::report::axis::Axis;
use super::report::charts::{BarChart, BarRow, Caption, Line, LineChart, Shape, Swing, Tornado};
use super::report::page::{Head, cards, page, section};
use super::report::svg::escape;
use super::spread::spread;
use super::story::Spread;
use super::vocabulary::{HEADLINE, Quantity, figure};
use super::{ResultsError, write_whole};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// Points that bars are drawn for at most; more are in the table.
const BARS: usize = 24;

/// Lines of different colours in one chart at most; further values of the second path are averaged.
const COLOURS: usize = 12;

/// A sweep as it was run.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Scenario name.
    pub name: String,
    /// The scenario's question.
    pub description: String,
    /// Seed.
    pub seed: u64,
    /// Replicates per point.
    pub replicates: u32,
    /// Version of the engine.
    pub engine_version: String,
    /// Currency of all costs.
    pub currency: String,
    /// The points in the order of the grid.
    pub points: Vec<Point>,
    /// What a reader must know before trusting the figures.
    pub warnings: Vec<String>,
}

/// One point of a sweep.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// The varied paths and their values at this point.
    pub settings: Vec<(String, String)>,
    /// Figures over replicates.
    pub figures: BTreeMap<String, Spread>,
}

impl Point {
    /// The value of a path at this point; `None` where the point leaves it as the scenario has it.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<&str> {
        self.settings.iter().find(|(name, _)| name == path).map(|(_, value)| value.as_str())
    }
}

/// Writes `sweep.csv` and `report.html` into `folder`.
pub fn write(folder: &Path, sweep: &Sweep) -> Result<(), ResultsError> {
    if sweep.points.is_empty() {
        return Err(ResultsError::Nothing { reason: "the sweep has no points".into() });
    }
    std::fs::create_dir_all(folder)
        .map_err(|source| ResultsError::Write { path: folder.to_owned(), source })?;
    let path = folder.join("sweep.csv");
    let table = csv_table(sweep)
        .map_err(|error| ResultsError::Write { path: path.clone(), source: std::io::Error::other(error) })?;
    write_whole(&path, &table)?;
    write_whole(&folder.join(super::report::FILE), render(sweep).as_bytes())
}

/// One row per point and figure: the varied paths, `figure`, `mean`, `p10`, `p50`, `p90`.
fn csv_table(sweep: &Sweep) -> Result<Vec<u8>, csv::Error> {
    let paths = paths(sweep);
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(paths.iter().copied().chain(["figure", "mean", "p10", "p50", "p90"]))?;
    for point in &sweep.points {
        for (name, spread) in &point.figures {
            let numbers = [spread.mean, spread.p10, spread.p50, spread.p90].map(|value| value.to_string());
            let settings = paths.iter().map(|path| point.value(path).unwrap_or(""));
            let row = settings.chain([name.as_str()]).chain(numbers.iter().map(String::as_str));
            table.write_record(row)?;
        }
    }
    table.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

/// The page of a sweep.
#[must_use]
pub fn render(sweep: &Sweep) -> String {
    let paths = paths(sweep);
    let layout = Layout::of(sweep, &paths);
    let figures = key_figures(sweep);
    let alone = one_at_a_time(sweep, &paths).filter(|_| paths.len() > 1);
    // Lines through a cross of points would be single dots; the swings tell such a sweep.
    let charts: String = match alone {
        Some(_) => String::new(),
        None => figures.iter().map(|name| layout.chart(sweep, name)).collect(),
    };
    let swings: String = figures.iter().map(|name| tornado(sweep, &paths, name)).collect();
    let mut html = section("Key figures", &layout.explained(sweep), &cards(&charts));
    let what = if alone.is_some() {
        "Each value was varied alone. Bars span the figure over its values; the dashed line is the point that nothing was changed at."
    } else {
        "Mean effect of each value, averaged over all others of the grid. The dashed line is the mean of the grid."
    };
    html.push_str(&section("What matters most", what, &cards(&swings)));
    html.push_str(&section("All points", "", &table(sweep, &paths, &figures)));
    let varied = paths.iter().map(|path| {
        let values: Vec<&str> = values_of(sweep, path);
        ((*path).to_owned(), values.join(", "))
    });
    let head = Head {
        kind: "Celltide sweep".into(),
        title: sweep.name.clone(),
        lead: sweep.description.clone(),
        facts: varied
            .chain([
                (
                    "Points".to_owned(),
                    format!(
                        "{} × {}",
                        sweep.points.len(),
                        super::vocabulary::counted(u64::from(sweep.replicates), "replicate")
                    ),
                ),
                ("Seed".to_owned(), sweep.seed.to_string()),
            ])
            .collect(),
        warnings: sweep.warnings.clone(),
        variants: if alone.is_some() { Vec::new() } else { layout.colours.clone() },
        footer: format!("Celltide {} · seed {}", sweep.engine_version, sweep.seed),
    };
    page(&head, &html)
}

/// Varied paths in the order they first occur.
fn paths(sweep: &Sweep) -> Vec<&str> {
    let mut paths = Vec::new();
    for (path, _) in sweep.points.iter().flat_map(|point| &point.settings) {
        if !paths.contains(&path.as_str()) {
            paths.push(path.as_str());
        }
    }
    paths
}

/// Values of a path in the order they first occur.
fn values_of<'a>(sweep: &'a Sweep, path: &str) -> Vec<&'a str> {
    let mut values = Vec::new();
    for value in sweep.points.iter().filter_map(|point| point.value(path)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

/// Headline figures that the sweep has and that do not stay at zero; all figures when there is none of them.
fn key_figures(sweep: &Sweep) -> Vec<&str> {
    let present: BTreeSet<&str> =
        sweep.points.iter().flat_map(|point| point.figures.keys().map(String::as_str)).collect();
    let moves =
        |name: &str| sweep.points.iter().filter_map(|p| p.figures.get(name)).any(|spread| spread.mean != 0.0);
    let key: Vec<&str> = HEADLINE.into_iter().filter(|name| present.contains(name) && moves(name)).collect();
    if key.is_empty() { present.into_iter().collect() } else { key }
}

/// How points become charts.
struct Layout<'a> {
    /// The numeric path that runs along the horizontal axis; without one, points are bars.
    along: Option<&'a str>,
    /// The path that colours tell apart.
    by: Option<&'a str>,
    /// Its values, one colour each.
    colours: Vec<String>,
    axis: Axis,
}

impl<'a> Layout<'a> {
    fn of(sweep: &Sweep, paths: &[&'a str]) -> Self {
        let is_numeric = |path: &&&str| {
            let values = values_of(sweep, path);
            values.len() > 1 && values.iter().all(|value| value.parse::<f64>().is_ok_and(f64::is_finite))
        };
        let along = paths.iter().find(is_numeric).copied();
        let by = paths.iter().copied().find(|path| Some(*path) != along && along.is_some());
        let values = by.map_or_else(Vec::new, |by| values_of(sweep, by));
        let by = by.filter(|_| (2..=COLOURS).contains(&values.len()));
        let colours = by.map_or_else(Vec::new, |by| {
            values.iter().map(|value| format!("{} {value}", short(by))).collect()
        });
        let axis = Axis::Number { label: along.unwrap_or_default().to_owned() };
        Self { along, by, colours, axis }
    }

    fn explained(&self, sweep: &Sweep) -> String {
        let Some(along) = self.along else { return String::new() };
        let mut text = format!("Means over replicates along {along}");
        if let Some(by) = self.by {
            let _ = write!(text, ", coloured by {by}");
        }
        if paths(sweep).len() > 1 + usize::from(self.by.is_some()) {
            text.push_str("; averaged over the other varied values");
        }
        if sweep.replicates > 1 {
            text.push_str(". Bands hold the 10th–90th percentile");
        }
        text.push('.');
        text
    }

    fn chart(&self, sweep: &Sweep, name: &str) -> String {
        let quantity = figure(name, &sweep.currency);
        let caption = Caption { title: quantity.label.clone(), ..Caption::default() };
        let Some(along) = self.along else { return bars(sweep, name, &quantity, caption) };
        let mut lines: BTreeMap<usize, BTreeMap<Ordered, Vec<Spread>>> = BTreeMap::new();
        let values = self.by.map_or_else(Vec::new, |by| values_of(sweep, by));
        for point in &sweep.points {
            let Some(x) = point.value(along).and_then(|value| value.parse().ok()) else { continue };
            let Some(spread) = point.figures.get(name) else { continue };
            let colour = match self.by {
                None => 0,
                Some(by) => {
                    let Some(index) = values.iter().position(|value| Some(*value) == point.value(by)) else {
                        continue;
                    };
                    index
                }
            };
            lines.entry(colour).or_default().entry(Ordered(x)).or_default().push(*spread);
        }
        let lines = lines.into_iter().map(|(colour, by_x)| {
            let mean = |of: fn(&Spread) -> f64| -> Vec<f64> {
                by_x.values()
                    .map(|spreads| spreads.iter().map(of).sum::<f64>() / spreads.len() as f64)
                    .collect()
            };
            Line {
                variant: colour,
                name: self.colours.get(colour).cloned().unwrap_or_else(|| quantity.label.clone()),
                x: by_x.keys().map(|x| x.0).collect(),
                y: mean(|spread| spread.mean),
                band: (sweep.replicates > 1).then(|| (mean(|spread| spread.p10), mean(|spread| spread.p90))),
            }
        });
        LineChart {
            caption,
            unit: quantity.unit.clone(),
            axis: &self.axis,
            lines: lines.collect(),
            from_zero: false,
            shape: Shape::Dots,
        }
        .card()
    }
}

/// A finite number that can be a key.
#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn bars(sweep: &Sweep, name: &str, quantity: &Quantity, caption: Caption) -> String {
    if sweep.points.len() > BARS {
        return String::new();
    }
    let row = |point: &Point| -> Option<BarRow> {
        let spread = point.figures.get(name)?;
        let label = point.settings.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" · ");
        let range = (sweep.replicates > 1).then_some((spread.p10, spread.p90));
        // One colour for all: the rows are told apart by their labels.
        Some(BarRow { variant: 0, label, parts: vec![spread.mean], range })
    };
    BarChart { caption, unit: quantity.unit.clone(), rows: sweep.points.iter().filter_map(row).collect() }
        .card()
}

/// The point that all others differ from in one path at most, if the sweep is of that kind.
fn one_at_a_time(sweep: &Sweep, paths: &[&str]) -> Option<usize> {
    let deviations = |point: &Point, base: &Point| {
        paths.iter().filter(|path| point.value(path) != base.value(path)).count()
    };
    let is_base = |base: &&(usize, &Point)| sweep.points.iter().all(|point| deviations(point, base.1) <= 1);
    let points: Vec<(usize, &Point)> = sweep.points.iter().enumerate().collect();
    points.iter().find(is_base).map(|(index, _)| *index)
}

fn tornado(sweep: &Sweep, paths: &[&str], name: &str) -> String {
    if paths.len() < 2 {
        return String::new();
    }
    let quantity = figure(name, &sweep.currency);
    let base = one_at_a_time(sweep, paths);
    let mean_of = |points: &mut dyn Iterator<Item = &Point>| -> Option<f64> {
        spread(points.filter_map(|point| point.figures.get(name)).map(|spread| spread.mean))
            .map(|spread| spread.mean)
    };
    let centre = match base {
        Some(base) => sweep.points[base].figures.get(name).map(|spread| spread.mean),
        None => mean_of(&mut sweep.points.iter()),
    };
    let Some(centre) = centre else { return String::new() };
    let swings = paths.iter().filter_map(|path| {
        // One at a time, points count that leave all other paths as they are; in a grid, all of a value's points.
        let counts = |point: &Point| {
            base.is_none_or(|base| {
                paths
                    .iter()
                    .filter(|other| *other != path)
                    .all(|other| point.value(other) == sweep.points[base].value(other))
            })
        };
        let levels: Vec<(f64, String)> = values_of(sweep, path)
            .into_iter()
            .filter_map(|value| {
                let mut points =
                    sweep.points.iter().filter(|point| point.value(path) == Some(value) && counts(point));
                Some((mean_of(&mut points)?, value.to_owned()))
            })
            .collect();
        let low = levels.iter().min_by(|a, b| a.0.total_cmp(&b.0))?.clone();
        let high = levels.iter().max_by(|a, b| a.0.total_cmp(&b.0))?.clone();
        Some(Swing { label: short(path).to_owned(), low, high })
    });
    let caption = Caption { title: quantity.label.clone(), ..Caption::default() };
    Tornado { caption, unit: quantity.unit.clone(), base: centre, swings: swings.collect() }.card()
}

/// The last words of a path, `charging.target_soc` or `packs`: enough to know what is meant, and it fits beside a
/// bar. What stands before an index is left out.
fn short(path: &str) -> &str {
    let is_index = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut words = path.rsplit('.');
    let (last, before) = (words.next().unwrap_or(path), words.next());
    match before {
        Some(before) if !is_index(before) => &path[path.len() - last.len() - before.len() - 1..],
        _ => last,
    }
}

fn table(sweep: &Sweep, paths: &[&str], figures: &[&str]) -> String {
    let mut html = String::from("<div class=\"scroll\"><table><thead><tr>");
    for path in paths {
        let _ =
            write!(html, "<th scope=\"col\" class=\"setting\">{}</th>", escape(path).replace('.', ".<wbr>"));
    }
    let quantities: Vec<Quantity> = figures.iter().map(|name| figure(name, &sweep.currency)).collect();
    for quantity in &quantities {
        let _ = write!(
            html,
            "<th scope=\"col\">{}<small>{}</small></th>",
            escape(&quantity.label),
            escape(&quantity.unit)
        );
    }
    html.push_str("</tr></thead><tbody>");
    let decimals: Vec<usize> = figures
        .iter()
        .map(|name| {
            decimals_for(sweep.points.iter().filter_map(|p| p.figures.get(*name)).map(|s| s.mean), 4).min(4)
        })
        .collect();
    for point in &sweep.points {
        html.push_str("<tr>");
        for path in paths {
            let _ = write!(html, "<td class=\"setting\">{}</td>", escape(point.value(path).unwrap_or("–")));
        }
        for (name, decimals) in figures.iter().zip(&decimals) {
            let value =
                point.figures.get(*name).map_or_else(|| "–".into(), |s| typeset(&grouped(s.mean, *decimals)));
            let _ = write!(html, "<td>{value}</td>");
        }
        html.push_str("</tr>");
    }
    html.push_str("</tbody></table></div>");
    html
}
