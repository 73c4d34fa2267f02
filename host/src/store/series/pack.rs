//! Integers in few bits.
//!
//! Sixty-four at a time: either the integers or their differences, less the smallest of them, each in as many bits as
//! the largest needs; whichever is shorter. All are at a multiple of the width, so that a reader needs neither a bit
//! loop nor a branch per value.

/// Integers packed together.
const GROUP: usize = 64;
/// Widest value that can be read with one aligned-to-byte load of eight bytes.
const NARROW: u32 = 56;
/// Set in the first byte of a group that holds differences.
const DIFFERENCES: u8 = 0x80;

/// Appends an unsigned integer in groups of seven bits.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads an unsigned integer in groups of seven bits.
pub(super) fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Small numbers of either sign as small numbers.
fn fold(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn unfold(number: u64) -> i64 {
    ((number >> 1) as i64) ^ -((number & 1) as i64)
}

/// Appends integers.
pub(super) fn put_integers(out: &mut Vec<u8>, integers: &[i64]) {
    let mut before = 0i64;
    for group in integers.chunks(GROUP) {
        let mut differences = [0i64; GROUP];
        for (difference, &integer) in differences.iter_mut().zip(group) {
            *difference = integer.wrapping_sub(before);
            before = integer;
        }
        let differences = &differences[..group.len()];
        let (plain_low, plain_width) = bounds(group);
        let (low, width) = bounds(differences);
        let is_shorter = cost(low, width, group.len()) < cost(plain_low, plain_width, group.len());
        let (values, low, width, mark) = if is_shorter {
            (differences, low, width, DIFFERENCES)
        } else {
            (group, plain_low, plain_width, 0)
        };
        out.push(width as u8 | mark);
        put_number(out, fold(low));
        put_bits(out, values.iter().map(|value| value.wrapping_sub(low) as u64), width);
    }
}

/// The smallest, and the bits that the largest is above it.
fn bounds(values: &[i64]) -> (i64, u32) {
    let low = values.iter().copied().min().unwrap_or(0);
    let high = values.iter().copied().max().unwrap_or(0);
    (low, u64::BITS - (high.wrapping_sub(low) as u64).leading_zeros())
}

fn cost(low: i64, width: u32, count: usize) -> usize {
    let bits = (u64::BITS - fold(low).leading_zeros()).max(1) as usize;
    bits.div_ceil(7) + (width as usize * count).div_ceil(8)
}

fn put_bits(out: &mut Vec<u8>, values: impl Iterator<Item = u64>, width: u32) {
    let (mut held, mut bits) = (0u128, 0u32);
    for value in values {
        held |= u128::from(value) << bits;
        bits += width;
        while bits >= 8 {
            out.push(held as u8);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held as u8);
    }
}

/// Reads `count` integers and appends them; `None` when the bytes end before them.
pub(super) fn integers(bytes: &mut &[u8], count: usize, out: &mut Vec<i64>) -> Option<()> {
    let mut before = 0i64;
    let mut left = count;
    out.reserve(count.min(1 << 16));
    while left > 0 {
        let size = left.min(GROUP);
        let (&head, rest) = bytes.split_first()?;
        *bytes = rest;
        let low = unfold(number(bytes)?);
        let mut group = [0u64; GROUP];
        bits(bytes, u32::from(head & !DIFFERENCES), size, &mut group)?;
        let group = &group[..size];
        if head & DIFFERENCES == 0 {
            out.extend(group.iter().map(|&value| low.wrapping_add(value as i64)));
            before = *out.last()?;
        } else {
            out.extend(group.iter().map(|&value| {
                before = before.wrapping_add(low).wrapping_add(value as i64);
                before
            }));
        }
        left -= size;
    }
    Some(())
}

/// Reads `count` values of a width.
fn bits(bytes: &mut &[u8], width: u32, count: usize, out: &mut [u64; GROUP]) -> Option<()> {
    if width > u64::BITS {
        return None;
    }
    let (packed, rest) = bytes.split_at_checked((width as usize * count).div_ceil(8))?;
    *bytes = rest;
    if width == 0 {
        return Some(());
    }
    // Room behind the bytes, so that the last value can be loaded like all others.
    let mut room = [0u8; GROUP * 8 + 16];
    room[..packed.len()].copy_from_slice(packed);
    let mask = u64::MAX >> (u64::BITS - width);
    let mut at = 0u32;
    if width <= NARROW {
        for value in &mut out[..count] {
            let byte = (at / 8) as usize;
            let word = u64::from_le_bytes(room[byte..byte + 8].try_into().expect("eight bytes were taken"));
            *value = (word >> (at % 8)) & mask;
            at += width;
        }
    } else {
        for value in &mut out[..count] {
            let byte = (at / 8) as usize;
            let word = u128::from_le_bytes(room[byte..byte + 16].try_into().expect("sixteen were taken"));
            *value = (word >> (at % 8)) as u64 & mask;
            at += width;
        }
    }
    Some(())
}

/// Appends bit patterns that resemble their predecessors: of each the difference to the one before, without the zeros
/// that all of a group have at the same places (after the XOR coding of Pelkonen et al., Gorilla, VLDB 2015; their
/// widths vary by value, these by group).
pub(super) fn put_patterns(out: &mut Vec<u8>, patterns: &[u64]) {
    let mut before = 0u64;
    for group in patterns.chunks(GROUP) {
        let mut differences = [0u64; GROUP];
        for (difference, &pattern) in differences.iter_mut().zip(group) {
            *difference = pattern ^ before;
            before = pattern;
        }
        let differences = &differences[..group.len()];
        let any = differences.iter().fold(0, |any, difference| any | difference);
        let low = if any == 0 { 0 } else { any.trailing_zeros() };
        let width = u64::BITS - (any >> low).leading_zeros();
        out.extend([low as u8, width as u8]);
        put_bits(out, differences.iter().map(|difference| difference >> low), width);
    }
}

/// Reads `count` bit patterns and appends them; `None` when the bytes end before them.
pub(super) fn patterns(bytes: &mut &[u8], count: usize, out: &mut Vec<u64>) -> Option<()> {
    let mut before = 0u64;
    let mut left = count;
    out.reserve(count.min(1 << 16));
    while left > 0 {
        let size = left.min(GROUP);
        let (&[low, width], rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        if u32::from(low) >= u64::BITS {
            return None;
        }
        let mut group = [0u64; GROUP];
        bits(bytes, u32::from(width), size, &mut group)?;
        out.extend(group[..size].iter().map(|value| {
            before ^= value << low;
            before
        }));
        left -= size;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(of: i64) -> impl Strategy<Value = i64> {
        prop_oneof![of - 20..of + 20, any::<i64>(), Just(i64::MIN), Just(i64::MAX)]
    }

    proptest! {
        #[test]
        fn integers_and_patterns_come_back(values in prop::collection::vec(near(4_000), 0..200), cut in 0usize..2_000) {
            let mut packed = Vec::new();
            put_integers(&mut packed, &values);
            let mut bytes = &packed[..];
            let mut back = Vec::new();
            prop_assert_eq!(integers(&mut bytes, values.len(), &mut back), Some(()));
            prop_assert_eq!((&back, bytes.len()), (&values, 0));
            if cut < packed.len() {
                prop_assert_eq!(integers(&mut &packed[..cut], values.len(), &mut Vec::new()), None);
            }
            let values: Vec<u64> = values.iter().map(|value| *value as u64).collect();
            let (mut packed, mut back) = (Vec::new(), Vec::new());
            put_patterns(&mut packed, &values);
            prop_assert_eq!(patterns(&mut &packed[..], values.len(), &mut back), Some(()));
            prop_assert_eq!(back, values);
        }

        #[test]
        fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0usize..300) {
            let _ = integers(&mut &bytes[..], count, &mut Vec::new());
            let _ = patterns(&mut &bytes[..], count, &mut Vec::new());
        }
    }

    #[test]
    fn what_hardly_changes_takes_hardly_anything() {
        let mut packed = Vec::new();
        put_integers(&mut packed, &[1_000; 640]);
        assert!(packed.len() <= 10 * 3, "{}", packed.len());
        let ramp: Vec<i64> = (0..640).map(|n| 5_000 + 10 * n).collect();
        packed.clear();
        put_integers(&mut packed, &ramp);
        assert!(packed.len() <= 10 * 3 + 128, "{}", packed.len());
    }
}
