//! The page around sections: style, script, and data embedded safely.

use super::svg::escape;
use std::fmt::Write as _;

/// Colours by name, for light and for dark readers.
pub const PALETTE: &str = include_str!("palette.css");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What every page says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Small words above the title: what kind of page it is.
    pub kind: String,
    /// Title.
    pub title: String,
    /// Question or explanation below the title.
    pub lead: String,
    /// Facts below that: name and value.
    pub facts: Vec<(String, String)>,
    /// What a reader must know first.
    pub warnings: Vec<String>,
    /// Variants to switch on and off, by name; fewer than two give no switches.
    pub variants: Vec<String>,
    /// Line at the very end.
    pub footer: String,
}

/// A whole page around `sections` (HTML).
#[must_use]
pub fn page(head: &Head, sections: &str) -> String {
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{} – Celltide</title>\n<style>\n{PALETTE}{STYLE}</style>\n</head>\n<body>\n<main>\n",
        escape(&head.title)
    );
    let _ = write!(
        html,
        "<header><p class=\"eyebrow\">{}</p><h1>{}</h1>",
        escape(&head.kind),
        escape(&head.title)
    );
    if !head.lead.trim().is_empty() {
        let paragraphs = head
            .lead
            .trim()
            .split("\n\n")
            .map(|paragraph| format!("<p class=\"lead\">{}</p>", escape(paragraph)));
        html.extend(paragraphs);
    }
    html.push_str("<dl class=\"facts\">");
    for (name, value) in &head.facts {
        let _ = write!(html, "<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
    }
    html.push_str("</dl></header>\n");
    if !head.warnings.is_empty() {
        html.push_str(
            "<aside class=\"warnings\" aria-label=\"Warnings\"><h2>Before you rely on this</h2><ul>",
        );
        html.extend(head.warnings.iter().map(|warning| format!("<li>{}</li>", escape(warning))));
        html.push_str("</ul></aside>\n");
    }
    html.push_str(&switches(&head.variants));
    html.push_str(sections);
    let _ = write!(
        html,
        "<footer>{}</footer>\n</main>\n<div id=\"tip\" role=\"status\" hidden></div>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&head.footer)
    );
    html
}

/// The legend; the page's script makes switches of it.
fn switches(variants: &[String]) -> String {
    if variants.len() < 2 {
        return String::new();
    }
    let mut html = String::from("<nav class=\"legend\" aria-label=\"Variants\">");
    for (index, name) in variants.iter().enumerate() {
        let classes = super::charts::variant_classes(index);
        let _ = write!(
            html,
            "<span class=\"chip\" data-v=\"{index}\"><i class=\"swatch {classes}\"></i>{}</span>",
            escape(name)
        );
    }
    html.push_str("</nav>\n");
    html
}

/// A section with a heading; nothing when it has no content.
#[must_use]
pub fn section(title: &str, intro: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    let intro =
        if intro.is_empty() { String::new() } else { format!("<p class=\"intro\">{}</p>", escape(intro)) };
    format!("<section><h2>{}</h2>{intro}{content}</section>\n", escape(title))
}

/// Cards side by side; nothing when there is none.
#[must_use]
pub fn cards(cards: &str) -> String {
    if cards.is_empty() { String::new() } else { format!("<div class=\"cards\">\n{cards}</div>\n") }
}

/// Data for scripts and programs. `<` is written as an escape, so that no text in it can end the element.
#[must_use]
pub fn json_script(name: &str, attribute: &str, value: &serde_json::Value) -> String {
    let json = value.to_string().replace('<', "\\u003c");
    format!("<script type=\"application/json\" {attribute}=\"{name}\">{json}</script>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_data_cannot_end_its_element() {
        let script = json_script("story", "id", &serde_json::json!({"a": "</script><b>"}));
        assert_eq!(script.matches("</script>").count(), 1);
        assert!(script.ends_with("</script>"));
    }

    #[test]
    fn text_of_the_scenario_is_escaped() {
        let evil = "<img src=x onerror=alert(1)>".to_owned();
        let head = Head {
            title: evil.clone(),
            lead: evil.clone(),
            warnings: vec![evil.clone()],
            facts: vec![(evil.clone(), evil.clone())],
            variants: vec![evil.clone(), evil.clone()],
            footer: evil.clone(),
            kind: evil,
        };
        assert!(!page(&head, "").contains("<img"));
    }
}
