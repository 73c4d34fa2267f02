//! Answers as XML, and the XML Schema that they are valid against.
//!
//! Both follow from the schema of the JSON answer in the OpenAPI document: an object's members are elements of their
//! names in any order, a list is an element of `item`s, a map of names is an element of `entry`s with the attribute
//! `key`, and what is null is left out. So schema and document cannot part from the JSON, and there is one place to look
//! up what a member means.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;

/// Namespace of the documents.
pub(crate) const NAMESPACE: &str = "urn:celltide:battery-passport:1";

/// Schemas of the OpenAPI document by name, as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Schemas(Map<String, Value>);

/// What a schema asks for.
enum Shape<'a> {
    /// Members by name, whether each must be there.
    Object(&'a Map<String, Value>, BTreeSet<&'a str>),
    /// Items of a schema.
    List(&'a Value),
    /// Names of a schema's values.
    Names(&'a Value),
    /// Text, number or truth: the type in XML Schema, and the values where they are counted.
    Plain(&'static str, Vec<&'a str>),
    /// Anything.
    Any,
}

impl Schemas {
    /// The schemas of a document.
    pub(crate) fn of(document: &utoipa::openapi::OpenApi) -> Self {
        let document = serde_json::to_value(document).unwrap_or_default();
        Self(document["components"]["schemas"].as_object().cloned().unwrap_or_default())
    }

    /// A schema behind references and behind "or null".
    fn seen<'a>(&'a self, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return match self.0.get(name) {
                Some(schema) => (self.seen(schema).0, Some(name)),
                None => (&Value::Null, None),
            };
        }
        for several in ["oneOf", "anyOf", "allOf"] {
            if let Some(parts) = schema[several].as_array() {
                let real: Vec<&Value> = parts.iter().filter(|part| part["type"] != "null").collect();
                if let [one] = real.as_slice() {
                    return self.seen(one);
                }
                return (&Value::Null, None);
            }
        }
        (schema, None)
    }

    fn may_be_null(&self, schema: &Value) -> bool {
        let is_null = |part: &Value| part["type"] == "null";
        let listed =
            |kinds: &Value| kinds.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == "null"));
        let several = ["oneOf", "anyOf"].iter().filter_map(|name| schema[*name].as_array());
        listed(&schema["type"]) || several.flatten().any(is_null)
    }

    fn shape<'a>(&'a self, schema: &'a Value) -> Shape<'a> {
        let (schema, _) = self.seen(schema);
        let kinds = match &schema["type"] {
            Value::String(kind) => vec![kind.as_str()],
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect()
            }
            _ => Vec::new(),
        };
        let values = || schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match kinds.as_slice() {
            ["object"] => match (schema["properties"].as_object(), &schema["additionalProperties"]) {
                (Some(members), _) => {
                    let must = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                    Shape::Object(members, must.collect())
                }
                (None, more @ Value::Object(_)) => Shape::Names(more),
                _ => Shape::Any,
            },
            ["array"] => Shape::List(&schema["items"]),
            ["string"] => Shape::Plain(
                match schema["format"].as_str() {
                    Some("date-time") => "xs:dateTime",
                    Some("date") => "xs:date",
                    Some("uri") => "xs:anyURI",
                    _ => "xs:string",
                },
                values(),
            ),
            ["integer"] => Shape::Plain("xs:integer", Vec::new()),
            ["number"] => Shape::Plain("xs:double", Vec::new()),
            ["boolean"] => Shape::Plain("xs:boolean", Vec::new()),
            _ => Shape::Any,
        }
    }

    /// A value as a document whose root is an element of a name and of a schema's type.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn document(&self, root: &str, schema: &str, value: &Value) -> io::Result<Vec<u8>> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let mut start = BytesStart::new(root);
        start.push_attribute(("xmlns", NAMESPACE));
        let schema = self.0.get(schema).unwrap_or(&Value::Null);
        self.element(&mut writer, start, schema, value)?;
        let mut bytes = writer.into_inner();
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn element(
        &self,
        writer: &mut Writer<Vec<u8>>,
        start: BytesStart<'_>,
        schema: &Value,
        value: &Value,
    ) -> io::Result<()> {
        let name = start.name().as_ref().to_owned();
        let shape = self.shape(schema);
        match value {
            Value::Null => writer.write_event(Event::Empty(start)),
            Value::Object(members) => {
                writer.write_event(Event::Start(start))?;
                for (member, value) in members.iter().filter(|(_, value)| !value.is_null()) {
                    match &shape {
                        Shape::Object(known, _) if is_name(member) => {
                            let schema = known.get(member).unwrap_or(&Value::Null);
                            self.element(writer, BytesStart::new(member.as_str()), schema, value)?;
                        }
                        Shape::Names(of) => self.entry(writer, member, of, value)?,
                        _ => self.entry(writer, member, &Value::Null, value)?,
                    }
                }
                writer.write_event(Event::End(BytesEnd::new(name)))
            }
            Value::Array(items) => {
                let of = if let Shape::List(of) = shape { of } else { &Value::Null };
                writer.write_event(Event::Start(start))?;
                for item in items {
                    self.element(writer, BytesStart::new("item"), of, item)?;
                }
                writer.write_event(Event::End(BytesEnd::new(name)))
            }
            Value::String(text) => plain(writer, start, name, &allowed(text)),
            other => plain(writer, start, name, &other.to_string()),
        }
    }

    fn entry(
        &self,
        writer: &mut Writer<Vec<u8>>,
        key: &str,
        schema: &Value,
        value: &Value,
    ) -> io::Result<()> {
        let mut start = BytesStart::new("entry");
        start.push_attribute(("key", allowed(key).as_str()));
        self.element(writer, start, schema, value)
    }

    /// The XML Schema of documents with these roots: the element's name, and the schema of its type.
    pub(crate) fn xsd(&self, roots: &[(&str, &str)]) -> String {
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" xmlns=\"{NAMESPACE}\" \
             targetNamespace=\"{NAMESPACE}\" elementFormDefault=\"qualified\">\n"
        );
        let (mut waiting, mut done) = (Vec::new(), BTreeSet::new());
        for (element, schema) in roots {
            let _ = writeln!(text, "  <xs:element name=\"{element}\" type=\"{schema}\"/>");
            waiting.push((*schema).to_owned());
        }
        while let Some(name) = waiting.pop() {
            if !done.insert(name.clone()) {
                continue;
            }
            let Some(schema) = self.0.get(&name) else { continue };
            self.define(&mut text, Some(&name), schema, 2, &mut waiting);
        }
        text.push_str("</xs:schema>\n");
        text
    }

    /// Defines the type of a schema, under a name or within an element.
    fn define(
        &self,
        text: &mut String,
        name: Option<&str>,
        schema: &Value,
        depth: usize,
        waiting: &mut Vec<String>,
    ) {
        let (pad, named) =
            (" ".repeat(depth), name.map_or(String::new(), |name| format!(" name=\"{name}\"")));
        match self.shape(schema) {
            Shape::Object(members, must) => {
                let _ = writeln!(text, "{pad}<xs:complexType{named}>\n{pad}  <xs:all>");
                for (member, schema) in members.iter().filter(|(member, _)| is_name(member)) {
                    let least = u8::from(must.contains(member.as_str()) && !self.may_be_null(schema));
                    self.declare(
                        text,
                        member,
                        schema,
                        &format!(" minOccurs=\"{least}\""),
                        depth + 4,
                        waiting,
                    );
                }
                let _ = writeln!(text, "{pad}  </xs:all>\n{pad}</xs:complexType>");
            }
            Shape::List(of) => {
                let _ = writeln!(text, "{pad}<xs:complexType{named}>\n{pad}  <xs:sequence>");
                let many = " minOccurs=\"0\" maxOccurs=\"unbounded\"";
                self.declare(text, "item", of, many, depth + 4, waiting);
                let _ = writeln!(text, "{pad}  </xs:sequence>\n{pad}</xs:complexType>");
            }
            Shape::Names(of) => {
                let base = match self.shape(of) {
                    Shape::Plain(kind, _) => kind,
                    _ => "xs:anyType",
                };
                let (derived, content) = if base == "xs:anyType" {
                    ("restriction", "complexContent")
                } else {
                    ("extension", "simpleContent")
                };
                let any = if base == "xs:anyType" {
                    "<xs:sequence><xs:any minOccurs=\"0\" maxOccurs=\"unbounded\" processContents=\"skip\"/></xs:sequence>"
                } else {
                    ""
                };
                let _ = writeln!(
                    text,
                    "{pad}<xs:complexType{named}>\n{pad}  <xs:sequence>\n{pad}    <xs:element name=\"entry\" minOccurs=\"0\" \
                     maxOccurs=\"unbounded\">\n{pad}      <xs:complexType><xs:{content}><xs:{derived} base=\"{base}\">{any}<xs:attribute \
                     name=\"key\" type=\"xs:string\" use=\"required\"/></xs:{derived}></xs:{content}></xs:complexType>\n{pad}    \
                     </xs:element>\n{pad}  </xs:sequence>\n{pad}</xs:complexType>"
                );
            }
            Shape::Plain(kind, values) => {
                let _ =
                    writeln!(text, "{pad}<xs:simpleType{named}>\n{pad}  <xs:restriction base=\"{kind}\">");
                for value in values {
                    let _ = writeln!(
                        text,
                        "{pad}    <xs:enumeration value=\"{}\"/>",
                        quick_xml::escape::escape(value)
                    );
                }
                let _ = writeln!(text, "{pad}  </xs:restriction>\n{pad}</xs:simpleType>");
            }
            Shape::Any => {
                let _ = writeln!(
                    text,
                    "{pad}<xs:complexType{named} mixed=\"true\">\n{pad}  <xs:sequence>\n{pad}    <xs:any minOccurs=\"0\" \
                     maxOccurs=\"unbounded\" processContents=\"skip\"/>\n{pad}  </xs:sequence>\n{pad}  <xs:anyAttribute \
                     processContents=\"skip\"/>\n{pad}</xs:complexType>"
                );
            }
        }
    }

    /// Declares an element of a schema.
    fn declare(
        &self,
        text: &mut String,
        name: &str,
        schema: &Value,
        occurs: &str,
        depth: usize,
        waiting: &mut Vec<String>,
    ) {
        let pad = " ".repeat(depth);
        let (_, referred) = self.seen(schema);
        if let Some(of) = referred {
            waiting.push(of.to_owned());
            let _ = writeln!(text, "{pad}<xs:element name=\"{name}\" type=\"{of}\"{occurs}/>");
            return;
        }
        match self.shape(schema) {
            Shape::Plain(kind, values) if values.is_empty() => {
                let _ = writeln!(text, "{pad}<xs:element name=\"{name}\" type=\"{kind}\"{occurs}/>");
            }
            _ => {
                let _ = writeln!(text, "{pad}<xs:element name=\"{name}\"{occurs}>");
                self.define(text, None, schema, depth + 2, waiting);
                let _ = writeln!(text, "{pad}</xs:element>");
            }
        }
    }
}

fn plain(writer: &mut Writer<Vec<u8>>, start: BytesStart<'_>, name: String, text: &str) -> io::Result<()> {
    writer.write_event(Event::Start(start))?;
    writer.write_event(Event::Text(BytesText::new(text)))?;
    writer.write_event(Event::End(BytesEnd::new(name)))
}

/// Text without what XML 1.0 cannot hold.
fn allowed(text: &str) -> String {
    let fits = |c: &char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.chars().filter(fits).collect()
}

/// Whether a member's name can be that of an element.
fn is_name(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schemas() -> Schemas {
        let schemas = json!({
            "Report": {
                "type": "object", "required": ["id", "stages", "note"],
                "properties": {
                    "id": { "type": "string" }, "at": { "type": "string", "format": "date-time" },
                    "stages": { "type": "array", "items": { "$ref": "#/components/schemas/Stage" } },
                    "note": { "type": ["string", "null"] },
                    "shares": { "type": "object", "additionalProperties": { "type": "number" } },
                    "more": {},
                    "class": { "oneOf": [{ "type": "null" }, { "$ref": "#/components/schemas/Class" }] },
                },
            },
            "Stage": { "type": "object", "required": ["co2e"], "properties": { "co2e": { "type": "number" } } },
            "Class": { "type": "string", "enum": ["A", "B"] },
        });
        Schemas(schemas.as_object().unwrap().clone())
    }

    #[test]
    fn a_document_follows_its_schema() {
        let value = json!({
            "id": "a < b & c\u{1}", "stages": [{ "co2e": 1.5 }, { "co2e": -2 }], "note": null,
            "shares": { "nickel": 15.0, "7": 1 }, "more": { "x": [1] }, "class": "A",
        });
        let text = String::from_utf8(schemas().document("report", "Report", &value).unwrap()).unwrap();
        for part in [
            "<report xmlns=\"urn:celltide:battery-passport:1\">",
            "<id>a &lt; b &amp; c</id>",
            "<co2e>-2</co2e>",
            "<entry key=\"nickel\">15.0</entry>",
            "<entry key=\"x\">",
            "<class>A</class>",
        ] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        assert!(!text.contains("note"), "{text}");
    }

    #[test]
    fn a_schema_says_what_must_be_there() {
        let text = schemas().xsd(&[("report", "Report")]);
        for part in [
            "<xs:element name=\"report\" type=\"Report\"/>",
            "<xs:element name=\"id\" type=\"xs:string\" minOccurs=\"1\"/>",
            "<xs:element name=\"note\" type=\"xs:string\" minOccurs=\"0\"/>",
            "<xs:element name=\"at\" type=\"xs:dateTime\" minOccurs=\"0\"/>",
            "<xs:element name=\"item\" type=\"Stage\" minOccurs=\"0\" maxOccurs=\"unbounded\"/>",
            "<xs:extension base=\"xs:double\">",
            "<xs:enumeration value=\"B\"/>",
        ] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        assert_eq!(text.matches("<xs:complexType name=").count(), 2);
    }
}
