//! Recursive Length Prefix, the encoding of Ethereum's transactions (Yellow Paper, appendix B). Writing only.

/// A value to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// Items in order.
    List(Vec<Item>),
}

impl Item {
    /// A number: its bytes, the highest first, without leading noughts; nought is no bytes.
    pub(super) fn number(value: u128) -> Self {
        Self::scalar(&value.to_be_bytes())
    }

    /// A number that is there in bytes already.
    pub(super) fn scalar(bytes: &[u8]) -> Self {
        let from = bytes.iter().position(|&byte| byte != 0).unwrap_or(bytes.len());
        Self::Bytes(bytes[from..].to_vec())
    }

    /// The bytes of it.
    pub(super) fn encoded(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) if matches!(bytes.as_slice(), [0..0x80]) => bytes.clone(),
            Self::Bytes(bytes) => headed(0x80, bytes.clone()),
            Self::List(items) => headed(0xc0, items.iter().flat_map(Self::encoded).collect()),
        }
    }
}

/// A payload behind its length.
fn headed(base: u8, payload: Vec<u8>) -> Vec<u8> {
    let length = payload.len();
    let mut bytes = if length < 56 {
        vec![base + length as u8]
    } else {
        let length = length.to_be_bytes();
        let from = length.iter().position(|&byte| byte != 0).unwrap_or(0);
        let mut head = vec![base + 55 + (length.len() - from) as u8];
        head.extend_from_slice(&length[from..]);
        head
    };
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Item {
        Item::Bytes(value.as_bytes().to_vec())
    }

    #[test]
    fn values_are_written_as_the_standard_shows() {
        // The examples of the RLP page of Ethereum's documentation.
        assert_eq!(text("dog").encoded(), b"\x83dog");
        assert_eq!(Item::List(vec![text("cat"), text("dog")]).encoded(), b"\xc8\x83cat\x83dog");
        assert_eq!(text("").encoded(), [0x80]);
        assert_eq!(Item::List(vec![]).encoded(), [0xc0]);
        assert_eq!(Item::number(0).encoded(), [0x80]);
        assert_eq!(Item::Bytes(vec![0]).encoded(), [0x00]);
        assert_eq!(Item::number(15).encoded(), [0x0f]);
        assert_eq!(Item::number(1_024).encoded(), [0x82, 0x04, 0x00]);
        let none = Item::List(vec![]);
        let one = Item::List(vec![none.clone()]);
        let nested = Item::List(vec![none.clone(), one.clone(), Item::List(vec![none, one])]);
        assert_eq!(nested.encoded(), [0xc7, 0xc0, 0xc1, 0xc0, 0xc3, 0xc0, 0xc1, 0xc0]);
        let long = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
        assert_eq!(text(long).encoded(), [&[0xb8, 0x38], long.as_bytes()].concat());
        assert_eq!(text(&"x".repeat(1_024)).encoded()[..3], [0xb9, 0x04, 0x00]);
    }
}
