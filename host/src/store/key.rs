//! How keys are laid out, and how values are kept from being mistaken for what they are not.
//!
//! | first byte | then | value |
//! |---|---|---|
//! | `F` | | version of this layout |
//! | `C` | | number of the last change |
//! | `H` | | last sequence and its hash |
//! | `j` | sequence | journal entry |
//! | `e` | entity, revision | sequence |
//! | `k` | number | checkpoint |
//! | `n` | entity, revision | snapshot |
//! | `p` | entity, number | readings that wait to be put into blocks |
//! | `s` | entity, first time | block of readings |
//! | `r` | collection, key | record |
//! | `u` | collection, index, value | key of the record that has the value |
//! | `i` | collection, index, value, key | nothing |
//!
//! Numbers are big-endian, so that their order is that of the keys. Text is followed by two zero bytes, and a zero in
//! it is followed by 255, so that no text is the beginning of another and their order is kept.

use super::StoreError;
use super::medium::KeyRange;
use twin::time::Time;

pub(super) const FORMAT: &[u8] = b"F";
pub(super) const CHANGE: &[u8] = b"C";
pub(super) const HEAD: &[u8] = b"H";
pub(super) const ENTRY: u8 = b'j';
pub(super) const OF_ENTITY: u8 = b'e';
pub(super) const CHECKPOINT: u8 = b'k';
pub(super) const SNAPSHOT: u8 = b'n';
pub(super) const PENDING: u8 = b'p';
pub(super) const BLOCK: u8 = b's';
pub(super) const RECORD: u8 = b'r';
pub(super) const UNIQUE: u8 = b'u';
pub(super) const INDEX: u8 = b'i';

/// Bytes before the body of a sealed value: version and checksum.
const SEAL_BYTES: usize = 5;

/// A key that grows part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(pub(super) Vec<u8>);

impl Key {
    pub(super) fn of(kind: u8) -> Self {
        Self(vec![kind])
    }

    pub(super) fn number(mut self, number: u64) -> Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(super) fn time(self, time: Time) -> Self {
        // Flipping the sign puts instants before 1970 first.
        self.number((time.0 as u64) ^ (1 << 63))
    }

    pub(super) fn text(mut self, text: impl AsRef<[u8]>) -> Self {
        self = self.start_of_text(text);
        self.0.extend([0, 0]);
        self
    }

    /// Text of which this is only the beginning.
    pub(super) fn start_of_text(mut self, text: impl AsRef<[u8]>) -> Self {
        for &byte in text.as_ref() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(u8::MAX);
            }
        }
        self
    }

    /// All keys that begin with this one.
    pub(super) fn range(&self) -> KeyRange {
        KeyRange::prefix(&self.0)
    }
}

/// Reads a key part by part.
#[derive(Debug)]
pub(super) struct Parts<'a>(pub(super) &'a [u8]);

impl Parts<'_> {
    pub(super) fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    pub(super) fn time(&mut self) -> Option<Time> {
        Some(Time((self.number()? ^ (1 << 63)) as i64))
    }

    pub(super) fn text(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match *self.0 {
                [0, 0, ref rest @ ..] => {
                    self.0 = rest;
                    return Some(text);
                }
                [0, u8::MAX, ref rest @ ..] => {
                    text.push(0);
                    self.0 = rest;
                }
                [byte, ref rest @ ..] if byte != 0 => {
                    text.push(byte);
                    self.0 = rest;
                }
                _ => return None,
            }
        }
    }
}

/// Puts a body under its key's checksum, with the version of its layout.
pub(super) fn seal(key: &[u8], version: u8, body: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(SEAL_BYTES + body.len());
    sealed.push(version);
    sealed.extend(checksum(key, version, body).to_le_bytes());
    sealed.extend(body);
    sealed
}

/// The body of a sealed value.
pub(super) fn open<'a>(
    what: &str,
    key: &[u8],
    known: u8,
    sealed: &'a [u8],
) -> Result<(u8, &'a [u8]), StoreError> {
    let Some((head, body)) = sealed.split_first_chunk::<SEAL_BYTES>() else {
        return Err(StoreError::corrupt(what, "it is cut off"));
    };
    let [version, sum @ ..] = *head;
    if u32::from_le_bytes(sum) != checksum(key, version, body) {
        return Err(StoreError::corrupt(what, "its checksum does not fit"));
    }
    if version > known {
        return Err(StoreError::FutureSchema {
            what: what.to_owned(),
            found: version.into(),
            known: known.into(),
        });
    }
    Ok((version, body))
}

fn checksum(key: &[u8], version: u8, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&[version]);
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_keep_the_order_of_text_and_time(
            a in prop::collection::vec(0u8..3, 0..5), b in prop::collection::vec(0u8..3, 0..5),
            s in any::<i64>(), t in any::<i64>(),
        ) {
            let key = |text: &[u8], time: i64| Key::of(b'x').text(text).time(Time(time)).0;
            prop_assert_eq!((&a, s).cmp(&(&b, t)), key(&a, s).cmp(&key(&b, t)));
            let bytes = key(&a, s);
            let mut parts = Parts(&bytes[1..]);
            prop_assert_eq!(parts.text(), Some(a.clone()));
            prop_assert_eq!(parts.time(), Some(Time(s)));
            let start = Key::of(b'x').start_of_text(&a).range();
            let inside = start.from <= key(&b, t) && start.to.is_none_or(|to| key(&b, t) < to);
            prop_assert_eq!(inside, b.starts_with(&a));
        }
    }

    #[test]
    fn a_sealed_value_is_refused_under_another_key_altered_or_of_a_later_version() {
        let sealed = seal(b"key", 1, b"body");
        assert_eq!(open("it", b"key", 1, &sealed).unwrap(), (1, &b"body"[..]));
        assert!(matches!(open("it", b"other", 1, &sealed), Err(StoreError::Corrupt { .. })));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(matches!(open("it", b"key", 1, &altered), Err(StoreError::Corrupt { .. })), "{at}");
        }
        let later = seal(b"key", 2, b"body");
        let refused = open("it", b"key", 1, &later);
        assert!(matches!(refused, Err(StoreError::FutureSchema { found: 2, known: 1, .. })));
        assert!(matches!(open("it", b"key", 1, &sealed[..4]), Err(StoreError::Corrupt { .. })));
    }
}
