//! XML and a schema, read and compared without the writer's help: which elements there are, how often, and what plain
//! text may be. Not a validator of all of XML Schema: what the schema uses, and nothing else. `xmllint --schema` and the
//! Python package `xmlschema` say the same of these documents.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::collections::BTreeMap;

/// An element.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Node>,
    pub(crate) text: String,
}

fn opened(start: &BytesStart<'_>) -> Node {
    let attributes = start.attributes().map(|attribute| {
        let attribute = attribute.unwrap();
        (attribute.key.as_ref().to_owned(), attribute.value.into_owned())
    });
    let name = start.name().as_ref().to_owned();
    Node { name, attributes: attributes.collect(), ..Node::default() }
}

/// Reads a document; panics where it is not well-formed.
pub(crate) fn read(text: &str) -> Node {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(start) => open.push(opened(&start)),
            Event::Empty(start) => open.last_mut().unwrap().children.push(opened(&start)),
            Event::End(_) => {
                let node = open.pop().unwrap();
                open.last_mut().unwrap().children.push(node);
            }
            Event::Text(text) => open.last_mut().unwrap().text.push_str(&text),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open.len(), 1, "not everything was closed");
    let mut roots = open.pop().unwrap().children;
    assert_eq!(roots.len(), 1, "one root");
    roots.remove(0)
}

impl Node {
    pub(crate) fn child(&self, name: &str) -> &Node {
        self.children
            .iter()
            .find(|child| child.name == name)
            .unwrap_or_else(|| panic!("no {name} in {}", self.name))
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// Text of all elements below, and of this one.
    pub(crate) fn texts(&self) -> Vec<String> {
        let own = Some(self.text.trim().to_owned()).filter(|text| !text.is_empty());
        own.into_iter().chain(self.children.iter().flat_map(Self::texts)).collect()
    }
}

/// Checks a document against a schema; how many elements were looked at.
pub(crate) fn check(schema: &Node, document: &Node) -> usize {
    let of = |name: &str| {
        let found = schema.children.iter().find(|child| child.attribute("name") == Some(name));
        found.unwrap_or_else(|| panic!("the schema knows no {name}"))
    };
    assert_eq!(document.attribute("xmlns"), schema.attribute("targetNamespace"));
    element(&of, of(&document.name), document)
}

fn element<'a>(of: &impl Fn(&str) -> &'a Node, declared: &'a Node, node: &Node) -> usize {
    match declared.attribute("type") {
        Some(kind) if kind.starts_with("xs:") => plain(kind, node),
        Some(kind) => content(of, of(kind), node),
        None => content(of, &declared.children[0], node),
    }
}

fn plain(kind: &str, node: &Node) -> usize {
    let text = node.text.trim();
    let fits = match kind {
        "xs:string" | "xs:anyURI" => true,
        "xs:double" => text.parse::<f64>().is_ok_and(f64::is_finite),
        "xs:integer" => text.parse::<i128>().is_ok(),
        "xs:boolean" => ["true", "false"].contains(&text),
        "xs:date" => text.len() == 10 && text.split('-').count() == 3,
        "xs:dateTime" => text.len() >= 20 && text.as_bytes()[10] == b'T' && text.ends_with('Z'),
        other => panic!("the type {other} is not known here"),
    };
    assert!(fits && node.children.is_empty(), "{} is no {kind}: {text:?}", node.name);
    1
}

fn content<'a>(of: &impl Fn(&str) -> &'a Node, kind: &'a Node, node: &Node) -> usize {
    if kind.name == "xs:simpleType" {
        let values: Vec<&str> =
            kind.children[0].children.iter().filter_map(|v| v.attribute("value")).collect();
        assert!(values.is_empty() || values.contains(&node.text.trim()), "{}: {}", node.name, node.text);
        return 1;
    }
    if kind.attribute("mixed") == Some("true") {
        return 1;
    }
    let group = &kind.children[0];
    if group.name == "xs:simpleContent" || group.name == "xs:complexContent" {
        let derived = &group.children[0];
        assert!(node.attribute("key").is_some(), "{} has no key", node.name);
        let base = derived.attribute("base").unwrap();
        return if base == "xs:anyType" { 1 } else { plain(base, node) };
    }
    assert!(node.text.trim().is_empty(), "text in {}: {}", node.name, node.text);
    let mut count = 1;
    for declared in &group.children {
        let name = declared.attribute("name").unwrap();
        let there: Vec<&Node> = node.children.iter().filter(|child| child.name == name).collect();
        let least: usize = declared.attribute("minOccurs").map_or(1, |least| least.parse().unwrap());
        let most = declared.attribute("maxOccurs").map_or(Some(1), |most| most.parse().ok());
        assert!(there.len() >= least, "{name} is missing in {}", node.name);
        assert!(most.is_none_or(|most| there.len() <= most), "too many {name} in {}", node.name);
        count += there.iter().map(|child| element(of, declared, child)).sum::<usize>();
    }
    for child in &node.children {
        let known =
            group.children.iter().any(|declared| declared.attribute("name") == Some(child.name.as_str()));
        assert!(known, "{} is not declared in {}", child.name, node.name);
    }
    count
}
