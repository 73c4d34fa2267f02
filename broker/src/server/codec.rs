//! Frames of MQTT 3.1.1, by rumqttd's codec.
//!
//! Its packets keep quality of service and packet identifier of a publish to themselves, so these two are read
//! from the frame before the codec takes it, and publishes that leave are written here.

use bytes::{BufMut, Bytes, BytesMut};
use rumqttd::protocol::v4::{self, V4};
use rumqttd::protocol::{Error, Packet, Protocol};

/// Bits of a publish's first byte.
const PUBLISH: u8 = 0x30;
const DUP: u8 = 0x08;
const RETAIN: u8 = 0x01;

/// What arrived.
#[allow(clippy::large_enum_variant, reason = "it lives for a moment, on the stack")]
pub(super) enum Frame {
    /// A message.
    Publish {
        /// Its topic, unchecked.
        topic: Bytes,
        /// Its payload.
        payload: Bytes,
        /// Its quality of service.
        qos: u8,
        /// Its packet identifier, 0 without one.
        pkid: u16,
    },
    /// Anything else.
    Other(Packet),
}

/// Why no frame can be had.
#[derive(Debug)]
pub(super) enum NoFrame {
    /// More bytes are needed, at least so many.
    Yet(usize),
    /// A frame of so many bytes was announced, which is more than is taken.
    TooLong(usize),
    /// It is not MQTT 3.1.1.
    Wrong(Error),
}

impl From<Error> for NoFrame {
    fn from(error: Error) -> Self {
        match error {
            Error::InsufficientBytes(more) => Self::Yet(more),
            Error::PayloadSizeLimitExceeded(bytes) => Self::TooLong(bytes),
            error => Self::Wrong(error),
        }
    }
}

/// Takes the next frame.
pub(super) fn next(inbox: &mut BytesMut, frame_max: usize) -> Result<Frame, NoFrame> {
    let header = v4::check(inbox.iter(), frame_max)?;
    let first = header.byte1;
    if first & 0xF0 != PUBLISH {
        return Ok(Frame::Other(V4.read_mut(inbox, frame_max)?));
    }
    let qos = (first >> 1) & 3;
    let start = header.fixed_header_len;
    let word = |at: usize| inbox.get(at..at + 2).map(|b| u16::from_be_bytes([b[0], b[1]]));
    let pkid = match word(start) {
        Some(topic_len) if qos > 0 => word(start + 2 + usize::from(topic_len)).unwrap_or(0),
        _ => 0,
    };
    match V4.read_mut(inbox, frame_max)? {
        Packet::Publish(publish, _) => {
            Ok(Frame::Publish { topic: publish.topic, payload: publish.payload, qos, pkid })
        }
        other => Ok(Frame::Other(other)),
    }
}

/// Writes a packet that is no publish.
pub(super) fn write(packet: Packet, out: &mut BytesMut) {
    // Only the length of a packet can be wrong, and these are short.
    if let Err(error) = V4.write(packet, out) {
        tracing::error!(%error, "a packet could not be written");
    }
}

/// Writes a publish.
pub(super) fn write_publish(
    out: &mut BytesMut,
    topic: &str,
    payload: &[u8],
    Mark { qos, pkid, retain, again }: Mark,
) {
    let length = 2 + topic.len() + if qos > 0 { 2 } else { 0 } + payload.len();
    let first = PUBLISH | qos << 1 | if retain { RETAIN } else { 0 } | if again { DUP } else { 0 };
    out.reserve(length + 5);
    out.put_u8(first);
    if v4::write_remaining_length(out, length).is_err() {
        unreachable!("what is published is far below 256 MiB");
    }
    out.put_u16(topic.len() as u16);
    out.extend_from_slice(topic.as_bytes());
    if qos > 0 {
        out.put_u16(pkid);
    }
    out.extend_from_slice(payload);
}

/// What a publish says besides topic and payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) qos: u8,
    pub(super) pkid: u16,
    pub(super) retain: bool,
    pub(super) again: bool,
}

/// Writes an answer of two bytes, which only names a packet: PUBACK, PUBREC, PUBCOMP, UNSUBACK.
pub(super) fn write_answer(out: &mut BytesMut, first: u8, pkid: u16) {
    out.put_u8(first);
    out.put_u8(2);
    out.put_u16(pkid);
}

/// First bytes of answers.
pub(super) const PUBACK: u8 = 0x40;
pub(super) const PUBREC: u8 = 0x50;
pub(super) const PUBCOMP: u8 = 0x70;
pub(super) const UNSUBACK: u8 = 0xB0;

/// Writes the answer to a subscription.
pub(super) fn write_suback(out: &mut BytesMut, pkid: u16, granted: &[u8]) {
    out.put_u8(0x90);
    if v4::write_remaining_length(out, 2 + granted.len()).is_err() {
        unreachable!("a subscription fits a frame, and so does its answer");
    }
    out.put_u16(pkid);
    out.extend_from_slice(granted);
}

/// Writes the answer to a connection.
pub(super) fn write_connack(out: &mut BytesMut, session_present: bool, code: u8) {
    out.extend_from_slice(&[0x20, 2, u8::from(session_present), code]);
}
