//! Readings in few bytes.
//!
//! ```text
//! count, columns, bytes of times                       numbers in groups of seven bits
//! per column: length of name, name, bytes of values
//! times                                                the first, then differences of differences
//! per column: values
//! ```
//!
//! Values of a column are as they were given, to the last bit. Where all of them are decimals with up to nine places,
//! as what comes from sensors and protocols is, they are kept as integers with a common scale; where they are not, as
//! bit patterns. A reader that wants some metrics skips the others unread.

use super::frame::{Column, Frame};
use super::pack::{integers, number, patterns, put_integers, put_number, put_patterns};
use super::{BLOCK_READINGS, METRICS_MAX};
use crate::store::StoreError;
use crate::store::name::Metric;
use twin::time::Time;

/// Powers of ten that values are tried with.
const SCALES: [f64; 10] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Integers up to here are exact as `f64`.
const EXACT_MAX: f64 = (1u64 << 53) as f64;
/// How values are kept: integers with a scale, or this.
const PATTERNS: u8 = 0x7f;
/// Set where not every reading has a value.
const SPARSE: u8 = 0x80;

/// Packs readings.
pub(super) fn encode(frame: &Frame) -> Vec<u8> {
    let mut times = Vec::new();
    put_times(&mut times, &frame.times);
    let columns: Vec<(&Column, Vec<u8>)> =
        frame.columns.iter().map(|column| (column, values_of(&column.values))).collect();
    let mut out = Vec::new();
    put_number(&mut out, frame.len() as u64);
    put_number(&mut out, columns.len() as u64);
    put_number(&mut out, times.len() as u64);
    for (column, values) in &columns {
        let name = column.metric.as_str().as_bytes();
        put_number(&mut out, name.len() as u64);
        out.extend(name);
        put_number(&mut out, values.len() as u64);
    }
    out.extend(times);
    columns.iter().for_each(|(_, values)| out.extend(values));
    out
}

fn put_times(out: &mut Vec<u8>, times: &[Time]) {
    let (mut before, mut step) = (0i64, 0i64);
    let changes: Vec<i64> = times
        .iter()
        .map(|time| {
            let next = time.0.wrapping_sub(before);
            let change = next.wrapping_sub(step);
            (before, step) = (time.0, next);
            change
        })
        .collect();
    // The first two are an instant and a whole step: on their own they do not widen the others.
    let (head, tail) = changes.split_at(changes.len().min(2));
    put_integers(out, head);
    put_integers(out, tail);
}

fn times_of(mut bytes: &[u8], count: usize) -> Option<Vec<Time>> {
    let mut changes = Vec::new();
    integers(&mut bytes, count.min(2), &mut changes)?;
    integers(&mut bytes, count - count.min(2), &mut changes)?;
    let (mut at, mut step) = (0i64, 0i64);
    let times = changes.into_iter().map(|change| {
        step = step.wrapping_add(change);
        at = at.wrapping_add(step);
        Time(at)
    });
    Some(times.collect())
}

fn values_of(values: &[f64]) -> Vec<u8> {
    let present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let is_sparse = present.len() < values.len();
    let mark = if is_sparse { SPARSE } else { 0 };
    let scaled = SCALES.iter().enumerate().find_map(|(power, &scale)| {
        let integers: Option<Vec<i64>> = present.iter().map(|&value| scaled(value, scale)).collect();
        integers.map(|integers| (power as u8, integers))
    });
    let mut out = Vec::new();
    out.push(mark | scaled.as_ref().map_or(PATTERNS, |(power, _)| *power));
    if is_sparse {
        put_number(&mut out, present.len() as u64);
        out.extend(values.chunks(8).map(|chunk| {
            let bit = |(place, value): (usize, &f64)| u8::from(!value.is_nan()) << place;
            chunk.iter().enumerate().map(bit).fold(0, |all, bit| all | bit)
        }));
    }
    match scaled {
        Some((_, integers)) => put_integers(&mut out, &integers),
        None => put_patterns(&mut out, &present.iter().map(|value| value.to_bits()).collect::<Vec<_>>()),
    }
    out
}

/// The integer that is this value times a scale, when the value comes back from it to the last bit.
fn scaled(value: f64, scale: f64) -> Option<i64> {
    let rounded = (value * scale).round();
    let integer = rounded as i64;
    let back = integer as f64 / scale;
    (rounded.abs() <= EXACT_MAX && back.to_bits() == value.to_bits()).then_some(integer)
}

/// How many readings are in a block, without unpacking it.
pub(super) fn count(mut bytes: &[u8]) -> Option<usize> {
    number(&mut bytes).map(|count| count as usize)
}

/// Unpacks readings: some metrics, or all where none is named.
pub(super) fn decode(what: &str, bytes: &[u8], metrics: &[Metric]) -> Result<Frame, StoreError> {
    unpacked(bytes, metrics).ok_or_else(|| StoreError::corrupt(what, "a block cannot be unpacked"))
}

/// Names of the metrics in a block.
pub(super) fn metrics(what: &str, bytes: &[u8]) -> Result<Vec<Metric>, StoreError> {
    let directory = Directory::of(bytes);
    let directory = directory.ok_or_else(|| StoreError::corrupt(what, "a block cannot be unpacked"))?;
    directory.columns.into_iter().map(|(name, _)| Metric::new(name)).collect()
}

struct Directory<'a> {
    count: usize,
    times: &'a [u8],
    columns: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Directory<'a> {
    fn of(mut bytes: &'a [u8]) -> Option<Self> {
        let count = number(&mut bytes)? as usize;
        let columns = number(&mut bytes)? as usize;
        let times = number(&mut bytes)? as usize;
        if count > 64 * BLOCK_READINGS || columns > 64 * METRICS_MAX {
            return None;
        }
        let mut found = Vec::with_capacity(columns);
        for _ in 0..columns {
            let length = number(&mut bytes)? as usize;
            let (name, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            found.push((std::str::from_utf8(name).ok()?, number(&mut bytes)? as usize));
        }
        let (times, mut bytes) = bytes.split_at_checked(times)?;
        let mut columns = Vec::with_capacity(columns);
        for (name, length) in found {
            let (values, rest) = bytes.split_at_checked(length)?;
            bytes = rest;
            columns.push((name, values));
        }
        Some(Self { count, times, columns })
    }
}

fn unpacked(bytes: &[u8], wanted: &[Metric]) -> Option<Frame> {
    let directory = Directory::of(bytes)?;
    let times = times_of(directory.times, directory.count)?;
    let mut columns = Vec::with_capacity(directory.columns.len());
    for (name, values) in directory.columns {
        if wanted.is_empty() || wanted.iter().any(|metric| metric.as_str() == name) {
            let values = values_from(values, directory.count)?;
            columns.push(Column { metric: Metric::new(name).ok()?, values });
        }
    }
    Some(Frame { times, columns })
}

fn values_from(bytes: &[u8], count: usize) -> Option<Vec<f64>> {
    let (&mark, mut bytes) = bytes.split_first()?;
    let mut present = count;
    let mut bits = &[][..];
    if mark & SPARSE != 0 {
        present = number(&mut bytes)? as usize;
        let (head, rest) = bytes.split_at_checked(count.div_ceil(8))?;
        (bits, bytes) = (head, rest);
        if bits.iter().map(|byte| byte.count_ones() as usize).sum::<usize>() != present {
            return None;
        }
    }
    let values: Vec<f64> = match mark & !SPARSE {
        PATTERNS => {
            let mut found = Vec::new();
            patterns(&mut bytes, present, &mut found)?;
            found.into_iter().map(f64::from_bits).collect()
        }
        power => {
            let scale = *SCALES.get(usize::from(power))?;
            let mut found = Vec::new();
            integers(&mut bytes, present, &mut found)?;
            found.into_iter().map(|integer| integer as f64 / scale).collect()
        }
    };
    if mark & SPARSE == 0 {
        return Some(values);
    }
    let mut values = values.into_iter();
    let value = |row: usize| {
        let is_there = bits[row / 8] & (1 << (row % 8)) != 0;
        if is_there { values.next() } else { Some(f64::NAN) }
    };
    (0..count).map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-50_000i32..50_000).prop_map(|n| f64::from(n) / 1_000.0),
            Just(f64::NAN),
            Just(-0.0),
            prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
        ]
    }

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| if value.is_nan() { 1 } else { value.to_bits() }).collect()
    }

    proptest! {
        #[test]
        fn a_block_gives_back_every_bit(
            steps in prop::collection::vec(1i64..100_000, 0..150), start in -1_000_000_000i64..2_000_000_000_000,
            kinds in prop::collection::vec(0usize..3, 0..4), pool in prop::collection::vec(value(), 160),
        ) {
            let times: Vec<Time> = steps.iter().scan(start, |at, step| { *at += step; Some(Time(*at)) }).collect();
            let columns = kinds.iter().enumerate().map(|(n, kind)| Column {
                metric: Metric::new(&format!("m{n}")).unwrap(),
                values: (0..times.len()).map(|row| match kind {
                    0 => pool[row],
                    1 => (pool[row + n] * 1e3).round() / 1e3,
                    _ => 3.7 + row as f64 / 1e3,
                }).collect(),
            }).collect();
            let frame = Frame { times, columns };
            let packed = encode(&frame);
            let back = decode("it", &packed, &[]).unwrap();
            prop_assert_eq!(&back.times, &frame.times);
            prop_assert_eq!(count(&packed), Some(frame.len()));
            prop_assert_eq!(back.columns.len(), frame.columns.len());
            for (a, b) in back.columns.iter().zip(&frame.columns) {
                prop_assert_eq!(&a.metric, &b.metric);
                prop_assert_eq!(bits(&a.values), bits(&b.values));
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..400, flip in 1u8..,
        ) {
            let _ = decode("it", &bytes, &[]);
            let frame = Frame {
                times: (0..40).map(|n| Time(n * 1_000)).collect(),
                columns: vec![Column { metric: Metric::new("a").unwrap(), values: vec![1.5; 40] }],
            };
            let mut packed = encode(&frame);
            let at = at % packed.len();
            packed[at] ^= flip;
            let _ = decode("it", &packed, &[]);
        }
    }

    #[test]
    fn decimals_are_kept_as_integers() {
        assert_eq!(scaled(3.712, 1e3), Some(3712));
        assert_eq!(scaled(-0.0, 1.0), None);
        assert_eq!(scaled(0.1 + 0.2, 1e9), None);
        assert_eq!(scaled(1e300, 1.0), None);
    }
}
