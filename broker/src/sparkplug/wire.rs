//! The messages of Sparkplug B on the wire, by the field numbers of its specification (version 3.0.0, § 6.4.1).
//!
//! Only what is understood here is spelled out; the rest (metadata, properties, data sets, templates) is skipped
//! by the decoder.

/// A payload.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Payload {
    /// When it was sent [ms since the epoch].
    #[prost(uint64, optional, tag = "1")]
    pub(crate) timestamp: Option<u64>,
    /// What it says.
    #[prost(message, repeated, tag = "2")]
    pub(crate) metrics: Vec<Metric>,
    /// Its place in the node's sequence, 0 to 255.
    #[prost(uint64, optional, tag = "3")]
    pub(crate) seq: Option<u64>,
}

/// A metric.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Metric {
    /// Its name, always there in a birth.
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    /// The number that stands for the name after the birth.
    #[prost(uint64, optional, tag = "2")]
    pub(crate) alias: Option<u64>,
    /// When it was taken [ms since the epoch].
    #[prost(uint64, optional, tag = "3")]
    pub(crate) timestamp: Option<u64>,
    /// The type of its value.
    #[prost(uint32, optional, tag = "4")]
    pub(crate) datatype: Option<u32>,
    /// Whether it is from before.
    #[prost(bool, optional, tag = "5")]
    pub(crate) is_historical: Option<bool>,
    /// Whether it has no value.
    #[prost(bool, optional, tag = "7")]
    pub(crate) is_null: Option<bool>,
    /// Its value.
    #[prost(oneof = "Value", tags = "10, 11, 12, 13, 14, 15")]
    pub(crate) value: Option<Value>,
}

/// A value.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Value {
    /// Whole numbers of up to 32 bits; signed ones in two's complement.
    #[prost(uint32, tag = "10")]
    Int(u32),
    /// Whole numbers of 64 bits.
    #[prost(uint64, tag = "11")]
    Long(u64),
    /// A single.
    #[prost(float, tag = "12")]
    Float(f32),
    /// A double.
    #[prost(double, tag = "13")]
    Double(f64),
    /// A boolean.
    #[prost(bool, tag = "14")]
    Boolean(bool),
    /// A text.
    #[prost(string, tag = "15")]
    Text(String),
}

/// Type numbers of signed whole numbers, which travel in unsigned fields.
pub(crate) const INT8: u32 = 1;
pub(crate) const INT16: u32 = 2;
pub(crate) const INT32: u32 = 3;
pub(crate) const INT64: u32 = 4;
/// Type number of booleans.
pub(crate) const BOOLEAN: u32 = 11;

impl Value {
    /// The number it is, read as its type says.
    pub(crate) fn number(&self, datatype: Option<u32>) -> Option<f64> {
        Some(match (self, datatype) {
            // The narrowing keeps the low bits, which are the number in two's complement.
            (Self::Int(bits), Some(INT8)) => f64::from(*bits as u8 as i8),
            (Self::Int(bits), Some(INT16)) => f64::from(*bits as u16 as i16),
            (Self::Int(bits), Some(INT32)) => f64::from(*bits as i32),
            (Self::Int(bits), _) => f64::from(*bits),
            (Self::Long(bits), Some(INT64)) => *bits as i64 as f64,
            (Self::Long(bits), _) => *bits as f64,
            (Self::Float(number), _) => f64::from(*number),
            (Self::Double(number), _) => *number,
            (Self::Boolean(flag), _) => f64::from(u8::from(*flag)),
            (Self::Text(_), _) => return None,
        })
    }
}
