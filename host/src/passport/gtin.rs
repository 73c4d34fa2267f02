//! Global trade item numbers.

/// Whether a number of digits ends in the check digit that GS1 asks for.
///
/// ```text
/// (10 − Σ dᵢ·wᵢ mod 10) mod 10,   weights 3, 1, 3 … from the right of what stands before it
/// ```
///
/// Source: GS1 General Specifications, section 7.9.
pub fn check_digit(digits: &str) -> bool {
    let Some((last, rest)) = digits.as_bytes().split_last() else { return false };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = rest
        .iter()
        .rev()
        .enumerate()
        .map(|(place, byte)| u32::from(byte - b'0') * if place.is_multiple_of(2) { 3 } else { 1 })
        .sum();
    (10 - sum % 10) % 10 == u32::from(last - b'0')
}

/// A number of 8, 12, 13 or 14 digits as one of 14; nothing where it is none.
pub(super) fn padded(digits: &str) -> Option<String> {
    let fits = [8, 12, 13, 14].contains(&digits.len()) && check_digit(digits);
    fits.then(|| format!("{digits:0>14}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_by_hand() {
        // 4006381333931: 3·(3+3+3+8+6+0) + (9+3+1+3+0+4)… from the right 3,9,3,3,3,1,8,3,6,0,0,4 with weights 3,1,…:
        // 9+9+9+3+9+1+24+3+18+0+0+4 = 89; 10 − 9 = 1.
        assert!(check_digit("4006381333931"));
        assert!(!check_digit("4006381333932"));
        assert_eq!(padded("4006381333931").as_deref(), Some("04006381333931"));
        assert_eq!(padded("400638133393"), None);
        assert_eq!(padded("40063813339x1"), None);
    }
}
