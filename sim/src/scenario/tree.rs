//! From the bytes of a YAML file to a tree of values with lines, within bounds that no file can exceed.

use super::mistake::{Findings, Place};
use super::nearest::quoted;
use super::node::{Entry, Node, Value, plain};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use std::collections::{BTreeMap, HashMap};

/// Largest file that is read.
pub(super) const FILE_BYTES_MAX: usize = 16 << 20;
/// Deepest nesting of lists and mappings.
const DEPTH_MAX: usize = 64;
/// Most memory that the values of a file may take once its aliases are written out.
const WEIGHT_MAX: usize = 128 << 20;

/// Reads a scenario file: one YAML document with something in it. What is wrong goes to `findings`; nothing
/// is returned where there is no tree to speak of, so `None` always comes with a finding.
pub(super) fn parse(bytes: &[u8], source: u16, findings: &mut Findings) -> Option<Node> {
    let root = parse_value(bytes, source, findings)?;
    if root.value == Value::Null {
        findings.add(Place::start(source), "", "there is nothing in it");
        return None;
    }
    Some(root)
}

/// Reads one YAML document, which is null where nothing is written.
pub(super) fn parse_value(bytes: &[u8], source: u16, findings: &mut Findings) -> Option<Node> {
    let text = text_of(bytes, source, findings)?;
    let mut builder = Builder {
        source,
        findings,
        lines: count_lines(text),
        frames: Vec::new(),
        anchors: BTreeMap::new(),
        weight: 0,
    };
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(found) => found,
            Err(error) => {
                let place = builder.place(*error.marker());
                let (place, message) = syntax_error(text, place, error.info());
                builder.findings.add(place, "", message);
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(_)) && root.is_some() {
            let place = builder.place(span.start);
            builder.findings.add(place, "", "only one document is read, and a second begins here");
            break;
        }
        if let Some(finished) = builder.take(event, span)? {
            root = Some(finished);
        }
    }
    Some(root.unwrap_or(Node::new(Place::start(source), Value::Null)))
}

/// Where and how to report what the parser gave up on. Of a tab in the indentation it says where the text
/// before it began, which may be lines above.
fn syntax_error(text: &str, place: Place, info: &str) -> (Place, String) {
    let indented_by_tab = |line: &str| line.trim_start_matches(' ').starts_with('\t');
    if info.contains("tab") {
        let from = place.line.saturating_sub(1) as usize;
        if let Some(further) = text.lines().skip(from).position(indented_by_tab) {
            let place = Place { line: place.line + further as u32, column: 1, ..place };
            return (place, "not valid YAML: a tab in the indentation, use spaces".to_owned());
        }
    }
    (place, format!("not valid YAML: {info}"))
}

/// The bytes as text without byte order mark, if they are text at all.
fn text_of<'a>(bytes: &'a [u8], source: u16, findings: &mut Findings) -> Option<&'a str> {
    if bytes.len() > FILE_BYTES_MAX {
        let message =
            format!("{} bytes long, and at most {} MiB are read", bytes.len(), FILE_BYTES_MAX >> 20);
        findings.add(Place::start(source), "", message);
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            // Valid up to there, so nothing is lost by the conversion.
            let before = String::from_utf8_lossy(&bytes[..at]);
            let byte = bytes[at];
            let message = format!("byte {at} (0x{byte:02x}) is not UTF-8: save the file as UTF-8");
            findings.add(place_after(&before, source), "", message);
            return None;
        }
    };
    // The parser takes a NUL for the end of the file, and would overlook all that follows.
    let forbidden = |c: char| c.is_ascii_control() && !matches!(c, '\n' | '\r' | '\t');
    if let Some(at) = text.find(forbidden) {
        let code = text.as_bytes()[at];
        let message = format!("byte {at} (0x{code:02x}) is a control character, which YAML does not allow");
        findings.add(place_after(&text[..at], source), "", message);
        return None;
    }
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Lines of a text, by the line ends that YAML knows; an empty text has one.
fn count_lines(text: &str) -> usize {
    let breaks = text.bytes().filter(|byte| *byte == b'\n').count()
        + text
            .bytes()
            .zip(text.bytes().skip(1).chain([0]))
            .filter(|pair| pair.0 == b'\r' && pair.1 != b'\n')
            .count();
    let last_is_open = !text.ends_with(['\n', '\r']);
    (breaks + usize::from(last_is_open)).max(1)
}

/// Where the character after `before` stands.
fn place_after(before: &str, source: u16) -> Place {
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count();
    Place { source, line: line as u32, column: column as u32 }
}

/// A list or mapping that is being read.
struct Frame {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Mapping {
        entries: Vec<Entry>,
        /// Lines of the keys so far.
        lines: HashMap<String, u32>,
        /// The key whose value comes next.
        pending: Option<Key>,
    },
}

/// A key that waits for its value. Without a name, the value is read and dropped: the key was reported.
struct Key {
    name: Option<String>,
    place: Place,
}

struct Builder<'f> {
    source: u16,
    findings: &'f mut Findings,
    /// Lines of the text: what is missed at its end is shown on the last one.
    lines: usize,
    frames: Vec<Frame>,
    /// What anchors stand for; nothing while the anchored value is still being read.
    anchors: BTreeMap<usize, Option<Node>>,
    weight: usize,
}

impl Builder<'_> {
    /// Takes one event in. `None` when reading cannot go on, `Some(Some(root))` when the root is complete.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<Option<Node>> {
        let place = self.place(span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if self.awaits_key() {
                    self.take_key(&text, style, place);
                    if anchor > 0 {
                        self.anchors.insert(anchor, Some(Node::new(place, Value::Text(text.into_owned()))));
                    }
                    return Some(None);
                }
                // What is left empty has no place of its own; the parser gives that of whatever follows.
                let place = if text.is_empty() && span.is_empty() { self.owner(place) } else { place };
                let value = self.scalar(&text, style, tag.as_deref(), place);
                self.finish(Node::new(place, value), anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(place, anchor, tag.as_deref(), Content::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                let content = Content::Mapping { entries: Vec::new(), lines: HashMap::new(), pending: None };
                self.open(place, anchor, tag.as_deref(), content)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(frame) = self.frames.pop() else { return Some(None) };
                let value = match frame.content {
                    Content::List(elements) => Value::List(elements),
                    Content::Mapping { entries, .. } => Value::Mapping(entries),
                };
                self.finish(Node::new(frame.place, value), frame.anchor)
            }
            Event::Alias(anchor) => self.take_alias(anchor, place),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Some(None),
        }
    }

    fn take_alias(&mut self, anchor: usize, place: Place) -> Option<Option<Node>> {
        let Some(Some(weight)) = self.anchors.get(&anchor).map(|node| node.as_ref().map(Node::weight)) else {
            self.findings.add(place, "", "an alias inside the value that it stands for has no end");
            return None;
        };
        // Weighed before it is copied: the copy may be what does not fit.
        self.weight = self.weight.saturating_add(weight);
        self.check_weight(place)?;
        let mut node = self.anchors.get(&anchor).cloned().flatten()?;
        if self.awaits_key() {
            match node.value {
                Value::Text(text) => self.take_key(&text, ScalarStyle::DoubleQuoted, place),
                _ => self.refuse_key(&node, place),
            }
            return Some(None);
        }
        node.place = place;
        self.finish(node, 0)
    }

    fn open(
        &mut self,
        place: Place,
        anchor: usize,
        tag: Option<&Tag>,
        content: Content,
    ) -> Option<Option<Node>> {
        if self.frames.len() >= DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} levels deep");
            self.findings.add(place, "", message);
            return None;
        }
        let own_tag = if matches!(content, Content::List(_)) { "seq" } else { "map" };
        if let Some(tag) = tag.filter(|tag| !(tag.is_yaml_core_schema() && tag.suffix == own_tag)) {
            self.refuse_tag(tag, place);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, None);
        }
        let place = self.owner(place);
        self.frames.push(Frame { place, anchor, content });
        Some(None)
    }

    /// Puts a complete value where it belongs.
    fn finish(&mut self, mut node: Node, anchor: usize) -> Option<Option<Node>> {
        if anchor > 0 {
            self.weight = self.weight.saturating_add(node.weight());
            self.anchors.insert(anchor, Some(node.clone()));
        }
        self.weight = self.weight.saturating_add(match &node.value {
            Value::Text(text) => size_of::<Entry>() + text.len(),
            _ => size_of::<Entry>(),
        });
        self.check_weight(node.place)?;
        if self.awaits_key() {
            self.refuse_key(&node, node.place);
            return Some(None);
        }
        match self.frames.last_mut().map(|frame| &mut frame.content) {
            None => return Some(Some(node)),
            Some(Content::List(elements)) => elements.push(node),
            Some(Content::Mapping { entries, pending, .. }) => {
                if let Some(Key { name: Some(key), place }) = pending.take() {
                    if matches!(node.value, Value::List(_) | Value::Mapping(_)) {
                        node.place = place;
                    }
                    entries.push(Entry { key, place, value: node });
                }
            }
        }
        Some(None)
    }

    fn take_key(&mut self, text: &str, style: ScalarStyle, place: Place) {
        self.weight = self.weight.saturating_add(2 * text.len());
        let Some(Content::Mapping { lines, pending, .. }) =
            self.frames.last_mut().map(|frame| &mut frame.content)
        else {
            return;
        };
        let mut name = None;
        if style == ScalarStyle::Plain && text == "<<" {
            let message = "merge keys (<<) are not part of YAML 1.2: repeat the keys, or use variants";
            self.findings.add(place, "", message);
        } else if let Some(line) = lines.get(text) {
            let message = format!("duplicate key {}: it is already on line {line}", quoted(text));
            self.findings.add(place, "", message);
        } else {
            lines.insert(text.to_owned(), place.line);
            name = Some(text.to_owned());
        }
        *pending = Some(Key { name, place });
    }

    fn refuse_key(&mut self, node: &Node, place: Place) {
        let message = format!("a key is a text, and this one is {}", node.described());
        self.findings.add(place, "", message);
        if let Some(Content::Mapping { pending, .. }) = self.frames.last_mut().map(|frame| &mut frame.content)
        {
            *pending = Some(Key { name: None, place });
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, place: Place) -> Value {
        let untagged = || match style {
            ScalarStyle::Plain => plain(text),
            _ => Value::Text(text.to_owned()),
        };
        let Some(tag) = tag else { return untagged() };
        if tag.handle.is_empty() && tag.suffix == "!" || tag.is_yaml_core_schema() && tag.suffix == "str" {
            return Value::Text(text.to_owned());
        }
        let value = plain(text);
        let agrees = tag.is_yaml_core_schema()
            && match tag.suffix.as_str() {
                "null" => value == Value::Null,
                "bool" => matches!(value, Value::Boolean(_)),
                "int" => matches!(value, Value::Integer(_)),
                "float" => matches!(value, Value::Integer(_) | Value::Number(_)),
                _ => false,
            };
        if agrees {
            return value;
        }
        self.refuse_tag(tag, place);
        Value::Reported
    }

    fn refuse_tag(&mut self, tag: &Tag, place: Place) {
        let message = format!("the tag {} does not fit here: leave it out", quoted(&tag.to_string()));
        self.findings.add(place, "", message);
    }

    fn check_weight(&mut self, place: Place) -> Option<()> {
        if self.weight <= WEIGHT_MAX {
            return Some(());
        }
        let message =
            format!("too large: with every alias written out, more than {} MiB in memory", WEIGHT_MAX >> 20);
        self.findings.add(place, "", message);
        None
    }

    /// Whether the next value in the innermost mapping is a key.
    fn awaits_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { content: Content::Mapping { pending: None, .. }, .. }))
    }

    /// The place of the key that the next value belongs to, or else the value's own.
    fn owner(&self, place: Place) -> Place {
        match self.frames.last() {
            Some(Frame { content: Content::Mapping { pending: Some(key), .. }, .. }) => key.place,
            _ => place,
        }
    }

    fn place(&self, marker: Marker) -> Place {
        Place {
            source: self.source,
            line: u32::try_from(marker.line().clamp(1, self.lines)).unwrap_or(u32::MAX),
            column: u32::try_from(marker.col()).map_or(u32::MAX, |column| column.saturating_add(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Option<Node>, String) {
        let mut findings = Findings::default();
        let node = parse(bytes, 0, &mut findings);
        (node, findings.into_mistakes("f", &[]).to_string())
    }

    fn good(text: &str) -> Node {
        let (node, mistakes) = read(text.as_bytes());
        assert_eq!(mistakes, "", "{text}");
        node.unwrap()
    }

    #[track_caller]
    fn bad(bytes: &[u8], expected: &str) {
        let (_, mistakes) = read(bytes);
        assert!(mistakes.contains(expected), "{mistakes:?} lacks {expected:?}");
    }

    #[test]
    fn values_know_their_lines() {
        let root = good(
            "# heading\nname: x\ncabinets:\n  count: 3\nlist:\n  - 1\n  - a: 2\n    b: 3\nempty:\nlast: 1\n",
        );
        assert_eq!(root.place.line, 2);
        assert_eq!(root.get("name").unwrap().place, Place { source: 0, line: 2, column: 7 });
        assert_eq!(root.get("cabinets").unwrap().place.line, 3, "a mapping stands where its key does");
        assert_eq!(root.get("cabinets").unwrap().get("count").unwrap().place.line, 4);
        let elements = root.get("list").unwrap().elements();
        assert_eq!((elements[0].place.line, elements[1].place.line), (6, 7));
        let empty = root.entries().iter().find(|entry| entry.key == "empty").unwrap();
        assert_eq!((empty.value.place.line, &empty.value.value), (9, &Value::Null));
    }

    #[test]
    fn quoted_scalars_are_text_and_block_scalars_too() {
        let root = good("a: '5'\nb: \"true\"\nc: |\n  5\nd: !!str 5\ne: !!float 5\n");
        for key in ["a", "b", "c", "d"] {
            assert!(root.get(key).unwrap().text().is_some(), "{key}");
        }
        assert_eq!(root.get("e").unwrap().value, Value::Integer(5));
    }

    #[test]
    fn aliases_are_written_out_at_their_own_line() {
        let root = good("a: &x {p: 1}\nb: *x\nc:\n  - *x\nd: &y 5\ne: *y\n");
        assert_eq!(root.get("b").unwrap().get("p").unwrap().value, Value::Integer(1));
        assert_eq!(root.get("b").unwrap().place.line, 2);
        assert_eq!(root.get("c").unwrap().elements()[0].place.line, 4);
        assert_eq!(root.get("e").unwrap().place.line, 6);
    }

    #[test]
    fn duplicate_keys_name_both_lines_and_reading_goes_on() {
        let (node, mistakes) = read(b"a: 1\nb: 2\na: 3\nc: 1\nb: 4\n");
        assert_eq!(
            mistakes,
            "f:3: duplicate key \"a\": it is already on line 1\nf:5: duplicate key \"b\": it is already on line 2"
        );
        assert_eq!(node.unwrap().entries().len(), 3);
    }

    #[test]
    fn what_is_no_yaml_is_refused_with_its_line() {
        bad(b"", "f:1: there is nothing in it");
        bad(b"# only a comment\n", "f:1: there is nothing in it");
        bad(b"a: 1\nb: [1, 2\nc: 3\n", "not valid YAML");
        bad(b"a: 1\n\tb: 2\n", "f:2: not valid YAML: a tab in the indentation");
        bad(b"a: 1\n---\nb: 2\n", "f:2: only one document is read");
        bad(b"a: *nowhere\n", "f:1: not valid YAML: while parsing node, found unknown anchor");
        bad(b"a: 1\nb: caf\xe9\n", "f:2: byte 11 (0xe9) is not UTF-8");
        bad(b"\xff\xfea\0", "f:1: byte 0 (0xff) is not UTF-8");
        bad(b"a: 1\nb: 2\0\nc: 3\n", "f:2: byte 9 (0x00) is a control character");
        bad(b"a: 1\n{x: 1}: 2\n", "f:2: a key is a text, and this one is a mapping");
        bad(b"a: 1\n<<: 2\n", "f:2: merge keys");
        bad(b"a: !thing 1\n", "f:1: the tag \"!thing\" does not fit here");
        bad(b"a: !!int x\n", "f:1: the tag");
        bad(&vec![b' '; FILE_BYTES_MAX + 1], "at most 16 MiB are read");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_key() {
        assert_eq!(good("\u{feff}name: x\n").entries()[0].key, "name");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        good(&nested(DEPTH_MAX));
        bad(nested(DEPTH_MAX + 1).as_bytes(), "nested more than 64 levels deep");
        bad("[".repeat(200_000).as_bytes(), "f:1");
        bad("- ".repeat(200_000).as_bytes(), "nested more than 64 levels deep");
    }

    #[test]
    fn aliases_neither_explode_nor_run_in_a_circle() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..20 {
            let inner = vec![format!("*a{}", level - 1); 9].join(", ");
            bomb += &format!("a{level}: &a{level} [{inner}]\n");
        }
        bad(bomb.as_bytes(), "too large: with every alias written out");
        bad(b"a: &a\n  b: *a\n", "f:2: an alias inside the value that it stands for has no end");
    }

    #[test]
    fn windows_line_ends_count_once() {
        assert_eq!(good("a: 1\r\nb: 2\r\n").get("b").unwrap().place.line, 2);
    }
}
