//! The text of a PDF, read back from its bytes: pages, fonts and their maps to Unicode, strings that are shown.
//!
//! It reads what ISO 32000 says of these few things and knows nothing of the writer; `pdftotext` finds the same words.

use std::collections::BTreeMap;
use std::io::Read;

/// Objects by number: the dictionary, and the bytes of the stream.
struct Pdf(BTreeMap<usize, (String, Vec<u8>)>);

/// Lines of text, page by page, in the order in which they are shown.
pub(crate) fn lines(pdf: &[u8]) -> Vec<Vec<String>> {
    assert!(pdf.starts_with(b"%PDF-1."), "no PDF");
    let pdf = Pdf::read(pdf);
    let (pages, _) = pdf.0.values().find(|(dictionary, _)| dictionary.contains("/Type/Pages")).unwrap();
    let kids = after(pages, "/Kids[").split(']').next().unwrap();
    references(kids).into_iter().map(|page| pdf.page(page)).collect()
}

/// All text with a space between lines.
pub(crate) fn text(pdf: &[u8]) -> String {
    lines(pdf).concat().join(" ")
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    bytes[from..].windows(what.len()).position(|window| window == what).map(|at| at + from)
}

fn after<'a>(text: &'a str, what: &str) -> &'a str {
    text.split_once(what).unwrap_or_else(|| panic!("{what} is missing: {text}")).1
}

/// Numbers of the objects in `1 0 R 2 0 R`.
fn references(text: &str) -> Vec<usize> {
    text.split(" 0 R").filter_map(|part| part.rsplit([' ', '/']).next()?.trim().parse().ok()).collect()
}

fn reference(dictionary: &str, key: &str) -> usize {
    after(dictionary, key).split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

impl Pdf {
    fn read(bytes: &[u8]) -> Self {
        let (mut objects, mut at) = (BTreeMap::new(), 0);
        while let Some(begin) = find(bytes, b" 0 obj", at) {
            let from = bytes[..begin].iter().rposition(|byte| !byte.is_ascii_digit()).unwrap() + 1;
            let number = std::str::from_utf8(&bytes[from..begin]).unwrap().parse().unwrap();
            let end = find(bytes, b"endobj", begin).unwrap();
            let stream = find(bytes, b"stream\n", begin).filter(|&stream| stream < end);
            let dictionary = String::from_utf8_lossy(&bytes[begin + 6..stream.unwrap_or(end)]).into_owned();
            at = end;
            let mut content = Vec::new();
            if let Some(stream) = stream {
                // A stream may hold anything, so its length counts.
                let length: usize = reference(&dictionary, "/Length ");
                let raw = &bytes[stream + 7..stream + 7 + length];
                at = stream + 7 + length;
                if dictionary.contains("/FlateDecode") {
                    flate2::read::ZlibDecoder::new(raw).read_to_end(&mut content).unwrap();
                } else {
                    content.extend_from_slice(raw);
                }
            }
            objects.insert(number, (dictionary, content));
        }
        Self(objects)
    }

    fn page(&self, number: usize) -> Vec<String> {
        let page = &self.0[&number].0;
        let resources = &self.0[&reference(page, "/Resources ")].0;
        let named = resources.split_once("/Font<<").map_or("", |(_, rest)| rest.split(">>").next().unwrap());
        let fonts = named.split('/').filter(|part| !part.trim().is_empty()).map(|part| {
            let (name, font) = part.trim().split_once(' ').unwrap();
            let font = &self.0[&references(font)[0]].0;
            (name.to_owned(), map(&String::from_utf8_lossy(&self.0[&reference(font, "/ToUnicode ")].1)))
        });
        let fonts: BTreeMap<String, BTreeMap<u16, String>> = fonts.collect();
        shown(&self.0[&reference(page, "/Contents ")].1, &fonts)
    }
}

/// Codes of a font and what they stand for.
fn map(text: &str) -> BTreeMap<u16, String> {
    let mut codes = BTreeMap::new();
    let hex = |digits: &str| -> Vec<u16> {
        let digits = digits.trim_matches(['<', '>']);
        (0..digits.len()).step_by(4).map(|at| u16::from_str_radix(&digits[at..at + 4], 16).unwrap()).collect()
    };
    let mut section = "";
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (section, words.as_slice()) {
            (_, [_, begin @ ("beginbfchar" | "beginbfrange")]) => section = begin,
            (_, ["endbfchar" | "endbfrange"]) => section = "",
            ("beginbfchar", [code, stands]) => {
                codes.insert(hex(code)[0], String::from_utf16(&hex(stands)).unwrap());
            }
            ("beginbfrange", [first, last, stands]) => {
                for (step, code) in (hex(first)[0]..=hex(last)[0]).enumerate() {
                    let mut stands = hex(stands);
                    *stands.last_mut().unwrap() += step as u16;
                    codes.insert(code, String::from_utf16(&stands).unwrap());
                }
            }
            _ => {}
        }
    }
    codes
}

/// Strings between `BT` and `ET`, each in the font that was last named.
fn shown(content: &[u8], fonts: &BTreeMap<String, BTreeMap<u16, String>>) -> Vec<String> {
    let (mut lines, mut line, mut at) = (Vec::new(), String::new(), 0);
    let mut font = None;
    while at < content.len() {
        match content[at] {
            b'(' => {
                let (bytes, end) = literal(content, at + 1);
                let codes: &BTreeMap<u16, String> = font.expect("a font is named before text is shown");
                for code in bytes.chunks(2) {
                    line.push_str(&codes[&u16::from_be_bytes([code[0], code[1]])]);
                }
                at = end;
            }
            b'/' => {
                let length = content[at + 1..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                let name = std::str::from_utf8(&content[at + 1..=at + length]).unwrap();
                font = fonts.get(name).or(font);
                at += length + 1;
            }
            b'E' if content[at..].starts_with(b"ET") => {
                lines.push(std::mem::take(&mut line));
                at += 2;
            }
            _ => at += 1,
        }
    }
    lines
}

/// A string in brackets: its bytes, and where it ends.
fn literal(content: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let (mut bytes, mut depth) = (Vec::new(), 1);
    loop {
        let byte = content[at];
        at += 1;
        match byte {
            b'\\' => {
                let next = content[at];
                at += 1;
                if (b'0'..=b'7').contains(&next) {
                    let mut code = u16::from(next - b'0');
                    for _ in 0..2 {
                        if !(b'0'..=b'7').contains(&content[at]) {
                            break;
                        }
                        code = code * 8 + u16::from(content[at] - b'0');
                        at += 1;
                    }
                    bytes.push(code as u8);
                } else {
                    bytes.push(match next {
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        b'b' => 8,
                        b'f' => 12,
                        other => other,
                    });
                }
            }
            b'(' => {
                depth += 1;
                bytes.push(byte);
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return (bytes, at);
                }
                bytes.push(byte);
            }
            byte => bytes.push(byte),
        }
    }
}
