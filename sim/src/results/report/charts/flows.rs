//! Amounts that flow from stage to stage, as bands whose widths are the amounts (a Sankey diagram).

use super::super::svg::{escape, px};
use super::{Caption, card, drawing, shortened};
use crate::results::atlas::Flow;
use crate::results::number::{decimals_for, grouped, typeset};
use std::fmt::Write as _;

const WIDTH: f64 = 1120.0;
const HEIGHT: f64 = 300.0;
const NODE: f64 = 12.0;
const GAP: f64 = 26.0;
const LABEL: f64 = 150.0;

/// A flow chart of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowChart {
    /// Which variant switches it.
    pub variant: usize,
    /// Its name.
    pub name: String,
    /// The flows.
    pub flows: Vec<Flow>,
}

/// A stage.
struct Node<'a> {
    name: &'a str,
    column: usize,
    amount: f64,
    y: f64,
    /// Where the next band begins, on its left and right side.
    next: [f64; 2],
}

impl FlowChart {
    /// The card; nothing when nothing flows.
    #[must_use]
    pub fn card(&self) -> String {
        if self.flows.iter().all(|flow| flow.mass_kg <= 0.0) {
            return String::new();
        }
        let mut nodes = self.nodes();
        let columns = nodes.iter().map(|node| node.column).max().unwrap_or(0).max(1);
        let scale = place(&mut nodes, columns);
        let x = |column: usize| (WIDTH - 2.0 * LABEL - NODE) * column as f64 / columns as f64 + LABEL;
        let decimals = decimals_for(self.flows.iter().map(|flow| flow.mass_kg * 1e-3), 3);
        let tonnes = |kg: f64| typeset(&grouped(kg * 1e-3, decimals));
        let mut body = String::new();
        for flow in &self.flows {
            let thick = flow.mass_kg * scale;
            let mut edge = |name: &str, side: usize| {
                let node = nodes.iter_mut().find(|node| node.name == name);
                node.map_or((0, 0.0), |node| {
                    node.next[side] += thick;
                    (node.column, node.next[side] - thick)
                })
            };
            let (from, to) = (edge(&flow.from, 1), edge(&flow.to, 0));
            let (x0, x1) = (x(from.0) + NODE, x(to.0));
            let middle = 0.5 * (x0 + x1);
            let _ = write!(
                body,
                "<path class=\"band p{}\" d=\"M{a} {b}C{m} {b} {m} {c} {d} {c}V{e}C{m} {e} {m} {f} {a} {f}Z\">\
                 <title>{} → {}: {} t</title></path>",
                if matches!(flow.to.as_str(), "Disposed" | "Residue") { 0 } else { 2 },
                escape(&flow.from),
                escape(&flow.to),
                tonnes(flow.mass_kg),
                a = px(x0),
                b = px(from.1),
                c = px(to.1),
                d = px(x1),
                e = px(to.1 + thick),
                f = px(from.1 + thick),
                m = px(middle),
            );
        }
        for node in &nodes {
            let (left, height) = (x(node.column), (node.amount * scale).max(1.0));
            let (anchor, at) =
                if node.column == columns { ("", left + NODE + 6.0) } else { (" e", left - 6.0) };
            let _ = write!(
                body,
                "<rect class=\"bar p{}\" x=\"{}\" y=\"{}\" width=\"{NODE}\" height=\"{}\"/>\
                 <text class=\"name{anchor}\" x=\"{}\" y=\"{}\">{}: {}</text>",
                if node.name == "Recycled" { 3 } else { 0 },
                px(left),
                px(node.y),
                px(height),
                px(at),
                px(node.y + 0.5 * height + 4.0),
                escape(&shortened(node.name, 18)),
                tonnes(node.amount),
            );
        }
        let has = |stage: &str| self.flows.iter().any(|flow| flow.to == stage);
        let told = self.flows.iter().map(|f| format!("{} to {}: {} t", f.from, f.to, tonnes(f.mass_kg)));
        let description = told.collect::<Vec<_>>().join("; ");
        let caption = Caption {
            title: format!(
                "{}: {}",
                if has("Landed") { "What became of the plastic" } else { "What became of batteries" },
                self.name
            ),
            note: "Tonnes over the run".into(),
            parts: Vec::new(),
        };
        let class = format!("wide v{}", self.variant);
        card(&caption, &class, &drawing(WIDTH, HEIGHT, &caption.title, &description, "", &body))
    }

    /// Stages in the order in which flows name them; a stage lies right of all that flow into it, one without an
    /// outflow at the very right.
    fn nodes(&self) -> Vec<Node<'_>> {
        let mut names: Vec<&str> = Vec::new();
        for flow in &self.flows {
            for name in [flow.from.as_str(), flow.to.as_str()] {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        let mut columns = vec![0usize; names.len()];
        let at = |name: &str| names.iter().position(|known| *known == name).unwrap_or(0);
        // As many rounds as there are stages settle any order without circles, and end in any case.
        for _ in 0..names.len() {
            for flow in &self.flows {
                let (from, to) = (at(&flow.from), at(&flow.to));
                columns[to] = columns[to].max((columns[from] + 1).min(names.len()));
            }
        }
        let last = columns.iter().copied().max().unwrap_or(0);
        let sum = |side: fn(&Flow) -> &str, name: &str| {
            self.flows.iter().filter(|flow| side(flow) == name).map(|flow| flow.mass_kg).sum::<f64>()
        };
        let node = |(index, name): (usize, &&'_ str)| {
            let (outflow, inflow) = (sum(|flow| &flow.from, name), sum(|flow| &flow.to, name));
            let column = if outflow > 0.0 { columns[index] } else { last };
            (column, outflow.max(inflow))
        };
        let placed: Vec<(usize, f64)> = names.iter().enumerate().map(node).collect();
        names
            .into_iter()
            .zip(placed)
            .map(|(name, (column, amount))| Node { name, column, amount, y: 0.0, next: [0.0; 2] })
            .collect()
    }
}

/// Stacks the stages of each column, and says how many pixels a kilogram has.
fn place(nodes: &mut [Node<'_>], columns: usize) -> f64 {
    let mut scale = f64::INFINITY;
    for column in 0..=columns {
        let of = || nodes.iter().filter(|node| node.column == column);
        let amount: f64 = of().map(|node| node.amount).sum();
        let gaps = GAP * (of().count() as f64 - 1.0).max(0.0);
        if amount > 0.0 {
            scale = scale.min((HEIGHT - 20.0 - gaps) / amount);
        }
    }
    for column in 0..=columns {
        let mut y = 10.0;
        for node in nodes.iter_mut().filter(|node| node.column == column) {
            (node.y, node.next) = (y, [y; 2]);
            y += node.amount * scale + GAP;
        }
    }
    scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(from: &str, to: &str, mass_kg: f64) -> Flow {
        Flow { from: from.into(), to: to.into(), mass_kg }
    }

    #[test]
    fn stages_stand_right_of_what_feeds_them() {
        let flows = vec![flow("Vessels", "Landed", 3000.0), flow("Landed", "Sorting", 2000.0)];
        let chart = FlowChart { variant: 0, name: "<b>".into(), flows };
        let columns: Vec<usize> = chart.nodes().iter().map(|node| node.column).collect();
        assert_eq!(columns, [0, 1, 2]);
        let html = chart.card();
        assert!(html.contains("Landed to Sorting: 2.00 t") && !html.contains("<b>"), "{html}");
    }

    #[test]
    fn circles_come_to_an_end_and_nothing_is_no_chart() {
        let flows = vec![flow("A", "B", 1.0), flow("B", "A", 1.0)];
        assert!(!FlowChart { variant: 0, name: String::new(), flows }.card().is_empty());
        assert!(FlowChart { variant: 0, name: String::new(), flows: Vec::new() }.card().is_empty());
    }
}
