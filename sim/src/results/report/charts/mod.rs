//! Chart kinds. Each gives a card: heading, drawing with a description for those who cannot see it, and the
//! numbers that the page's script shows under the pointer.

mod bars;
mod columns;
mod flows;
mod lines;
mod map;
mod tornado;

pub use bars::{BarChart, BarRow};
pub use columns::{ColumnChart, ColumnPanel};
pub use flows::FlowChart;
pub use lines::{Line, LineChart, Shape};
pub use map::Map;
pub use tornado::{Swing, Tornado};

use super::svg::escape;

/// Classes of everything that belongs to one variant: `v` to switch it on and off, `c` for its colour, `d` for
/// its dashes once colours repeat.
#[must_use]
pub fn variant_classes(index: usize) -> String {
    format!("v{index} c{} d{}", index % 8, (index / 8).min(3))
}

/// Heading and words around a drawing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caption {
    /// Heading.
    pub title: String,
    /// What exactly is shown, in a line.
    pub note: String,
    /// Parts of stacked bars, in their order.
    pub parts: Vec<String>,
}

/// A card around a drawing.
fn card(caption: &Caption, class: &str, drawing: &str) -> String {
    let note =
        if caption.note.is_empty() { String::new() } else { format!("<p>{}</p>", escape(&caption.note)) };
    let parts: String = caption
        .parts
        .iter()
        .enumerate()
        .map(|(index, part)| format!("<span class=\"key\"><i class=\"p{index}\"></i>{}</span>", escape(part)))
        .collect();
    let parts = if parts.is_empty() { parts } else { format!("<div class=\"keys\">{parts}</div>") };
    format!(
        "<figure class=\"card {class}\"><figcaption><h3>{}</h3>{note}{parts}</figcaption>{drawing}</figure>\n",
        escape(&caption.title)
    )
}

/// An SVG element of the given size around `body`, described for screen readers.
fn drawing(width: f64, height: f64, title: &str, description: &str, attributes: &str, body: &str) -> String {
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\"{attributes}>\
         <title>{}</title><desc>{}</desc>{body}</svg>",
        escape(title),
        escape(title),
        escape(description)
    )
}

/// A text that fits, cut with an ellipsis where it does not.
fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    text.chars().take(letters - 1).chain(['…']).collect()
}
