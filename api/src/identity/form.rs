//! Parameters of queries and forms, each at most once (RFC 6749, section 3.1).

use std::collections::BTreeMap;

/// Most bytes of parameters.
const MAX_BYTES: usize = 16_384;

/// Parameters by name.
pub(crate) type Fields = BTreeMap<String, String>;

/// Reads `a=b&c=d`. A parameter without a value is as good as none.
///
/// # Errors
/// What is wrong: too long, not decodable, or one that is there twice.
pub(crate) fn fields(text: &[u8]) -> Result<Fields, &'static str> {
    if text.len() > MAX_BYTES {
        return Err("the parameters are too long");
    }
    let mut fields = Fields::new();
    for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        let name = decoded(&pair[..at]).ok_or("a parameter's name cannot be decoded")?;
        let value = decoded(pair.get(at + 1..).unwrap_or_default()).ok_or("a parameter cannot be decoded")?;
        if fields.insert(name, value).is_some() {
            return Err("a parameter is there twice");
        }
    }
    fields.retain(|_, value| !value.is_empty());
    Ok(fields)
}

fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next()?)? * 16 + digit(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_once_each() {
        let read = fields(b"a=b+c%21&&empty=&bare&d=%C3%A4").unwrap();
        let pairs: Vec<(&str, &str)> =
            read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "b c!"), ("d", "ä")]);
        for bad in [&b"a=1&a=2"[..], b"a=%", b"a=%4", b"a=%zz", b"a=%ff", b"a=%+1", b"%=1", &[b'x'; 20_000]] {
            assert!(fields(bad).is_err(), "{:?}", String::from_utf8_lossy(bad));
        }
    }
}
