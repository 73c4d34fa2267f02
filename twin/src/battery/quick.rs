//! Small arithmetic that steps ask for so often that its cost tells: bounds, places in tables, and elementary functions by
//! polynomials. A compiler turns several at once into vector arithmetic, and they give the same bits on every platform.

/// Adding 1.5·2^52 to a number below 2^51 leaves the nearest whole number in the lowest bits.
const TO_WHOLE: f64 = 6_755_399_441_055_744.0;

/// Index of the node below a position among so many, one that has a neighbour above, and the way from it to the position. On
/// a node it may be the one before, from which the way is then whole. Positions outside count on from the ends.
#[inline(always)]
pub(super) fn node_below(position: f64, nodes: usize) -> (usize, f64) {
    // Of half a node less, the nearest whole number is the one below.
    let whole = held_between(position - 0.5, nodes as f64 - 2.0) + TO_WHOLE;
    (whole.to_bits() as u32 as usize, position - (whole - TO_WHOLE))
}

/// The part of an octave that a positive number lies in, counted from where `first` begins one, and how far it has come in it,
/// from 0 to 1; each octave has 2^`BITS` even parts. The bits of a float count octaves: two operations on integers tell.
#[inline(always)]
pub(super) fn part_of_octave<const BITS: u32>(x: f64, first: f64) -> (usize, f64) {
    let bits = x.to_bits().wrapping_sub(first.to_bits());
    // What is left of the bits, read as a number from 1 to 2.
    let share = f64::from_bits(1.0f64.to_bits() | (bits << BITS & ((1 << 52) - 1)));
    ((bits >> (52 - BITS)) as usize, share - 1.0)
}

/// Where a part of an octave begins, counted as [`part_of_octave`] does.
pub(super) fn beginning_of_part<const BITS: u32>(part: usize, first: f64) -> f64 {
    f64::from_bits(first.to_bits() + ((part as u64) << (52 - BITS)))
}

/// A number moved to the nearer end of 0 to `highest` where it is outside; 0 for what is no number.
#[inline(always)]
pub(super) fn held_between(x: f64, highest: f64) -> f64 {
    least(most(x, 0.0), highest)
}

/// The lesser of two numbers; the second where the first is none.
#[inline(always)]
pub(super) fn least(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The greater of two numbers; the second where the first is none.
#[inline(always)]
pub(super) fn most(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// `e^x` of numbers below 700, to a few units in the last place; zero from −708 down.
///
/// `e^x = 2^k·e^r` with k the whole number nearest to x/ln 2; e^r, |r| ≤ ½·ln 2, by its Taylor series up to the
/// twelfth power, whose remainder is below 2·10⁻¹⁶.
#[inline(always)]
pub(super) fn exp_each<const N: usize>(x: [f64; N]) -> [f64; N] {
    // ln 2 in two parts; the first has so few digits that its products with k are exact.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const LOWEST: f64 = -708.0;
    // Stage by stage over all numbers, so that each stage is one vector operation.
    let mut r = [0.0; N];
    let mut scale = [0.0; N];
    for i in 0..N {
        let bounded = if x[i] > LOWEST { x[i] } else { LOWEST };
        let whole = bounded * std::f64::consts::LOG2_E + TO_WHOLE;
        let k = whole - TO_WHOLE;
        r[i] = (bounded - k * LN2_HIGH) - k * LN2_LOW;
        scale[i] = f64::from_bits((whole.to_bits() << 52).wrapping_add(1023 << 52));
    }
    // By pairs and pairs of pairs (Estrin), which waits for fewer results than Horner's rule.
    let mut power = [0.0; N];
    for i in 0..N {
        let r = r[i];
        let (r2, r4) = (r * r, (r * r) * (r * r));
        let pair = |first: f64, second: f64| first + second * r;
        let low = pair(1.0, 1.0) + pair(0.5, 1.0 / 6.0) * r2;
        let middle = pair(1.0 / 24.0, 1.0 / 120.0) + pair(1.0 / 720.0, 1.0 / 5040.0) * r2;
        let high = pair(1.0 / 40_320.0, 1.0 / 362_880.0) + pair(1.0 / 3_628_800.0, 1.0 / 39_916_800.0) * r2;
        power[i] = low + (middle + (high + r4 * (1.0 / 479_001_600.0)) * r4) * r4;
    }
    for i in 0..N {
        let value = power[i] * scale[i];
        power[i] = if x[i] > LOWEST { value } else { 0.0 };
    }
    power
}

/// Four exponentials of numbers that are not positive; zero from −708 down.
#[inline]
pub(super) fn exp4(x: [f64; 4]) -> [f64; 4] {
    // Two at a time stay in registers.
    let ([a, b], [c, d]) = (exp_each([x[0], x[1]]), exp_each([x[2], x[3]]));
    [a, b, c, d]
}

/// The exponential of a number that is not positive; zero from −708 down.
#[inline]
pub(super) fn exp(x: f64) -> f64 {
    exp_each([x])[0]
}

/// 2^x to 3·10⁻⁹, for x from −1022 to 1023: a polynomial around the nearest whole number.
#[inline(always)]
pub(super) fn exp2_each<const N: usize>(x: [f64; N]) -> [f64; N] {
    x.map(|x| {
        let whole = x + TO_WHOLE;
        let f = x - (whole - TO_WHOLE);
        let scale = f64::from_bits((whole.to_bits() << 52).wrapping_add(1023 << 52));
        // Interpolates 2^f at the seven Chebyshev nodes of −½..½; largest error 2.5e-9.
        let f2 = f * f;
        let low = 1.0 + 0.693_147_206_702_832_1 * f;
        let middle = 0.240_226_509_222_888_27 + 0.055_503_272_266_709_44 * f;
        let high = 0.009_618_056_678_526_09 + 0.001_340_042_817_741_915_3 * f;
        scale * (low + f2 * (middle + f2 * (high + f2 * 0.000_154_614_446_964_617_2)))
    })
}

/// Logarithms of positive numbers to base 2, to 10⁻⁹ of themselves, around 1 as well.
#[inline(always)]
pub(super) fn log2_each<const N: usize>(x: [f64; N]) -> [f64; N] {
    x.map(|x| {
        // x = 2^k·m with m from √½ to √2.
        let above = x.to_bits().wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits());
        let m = f64::from_bits(x.to_bits().wrapping_sub(above & (0xfff << 52)));
        // The exponent, one of eleven bits with a sign, as the last digits of a large number.
        let k = f64::from_bits(((above >> 52) ^ 0x800) + TO_WHOLE.to_bits()) - (TO_WHOLE + 2048.0);
        // log2(m) = 2/ln 2·artanh(s), interpolated over s² at four Chebyshev nodes.
        let s = (m - 1.0) / (m + 1.0);
        let s2 = s * s;
        let (low, high) = (
            2.885_390_079_803_336 + 0.961_798_838_802_080_5 * s2,
            0.576_715_186_023_580_6 + 0.431_717_697_335_699_76 * s2,
        );
        k + s * (low + s2 * s2 * high)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_polynomial_agrees_with_the_library() {
        for k in 0..200_000 {
            let x = -(f64::from(k) * 3.537e-3);
            let (ours, library) = (exp(x), x.exp());
            assert!((ours / library - 1.0).abs() < 5e-16, "{x}: {ours} against {library}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-800.0), 0.0);
        assert_eq!(exp(f64::NEG_INFINITY), 0.0);
        assert_eq!(exp4([0.0, -1.0, -2.0, -1e9])[3], 0.0);
    }

    #[test]
    fn powers_and_logarithms_of_two_agree_with_the_library() {
        for k in -200_000..200_000 {
            let x = f64::from(k) * 4.973e-3;
            let [power, _] = exp2_each([x, 0.0]);
            assert!((power / x.exp2() - 1.0).abs() < 3e-9, "2^{x}: {power}");
            let of = (1.0 + 1e-3 * x.abs()).powi(k % 7 + 1);
            let ([ours], library) = (log2_each([of]), of.log2());
            assert!((ours - library).abs() <= 1e-9 * library.abs(), "log2({of}): {ours} against {library}");
        }
        let [none, tiny] = log2_each([1.0, 1e-300]);
        assert_eq!(none, 0.0);
        assert!((tiny / 1e-300f64.log2() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn parts_of_octaves_begin_where_they_are_told_apart() {
        for part in 0..64 {
            let (begins, next) = (beginning_of_part::<3>(part, 0.25), beginning_of_part::<3>(part + 1, 0.25));
            assert_eq!(part_of_octave::<3>(begins, 0.25), (part, 0.0));
            assert_eq!(part_of_octave::<3>(begins + 0.25 * (next - begins), 0.25), (part, 0.25));
        }
        assert_eq!(beginning_of_part::<3>(8, 0.25), 0.5);
    }

    #[test]
    fn a_node_has_a_neighbour_above() {
        assert_eq!(node_below(0.25, 3), (0, 0.25));
        assert_eq!(node_below(1.75, 3), (1, 0.75));
        assert_eq!(node_below(9.0, 3), (1, 8.0));
        assert_eq!(node_below(-1.0, 3), (0, -1.0));
        assert_eq!(node_below(f64::NAN, 3).0, 0);
    }
}
