//! Numbers as people read them: grouped thousands, no more digits than mean something.

/// A number with `decimals` decimals and its thousands grouped by commas.
#[must_use]
pub fn grouped(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".into();
    }
    let plain = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(w, f)| (w, Some(f)));
    let mut text = String::with_capacity(plain.len() + plain.len() / 3 + 1);
    // A value that rounds to zero has no sign.
    if value < 0.0 && plain.bytes().any(|byte| byte.is_ascii_digit() && byte != b'0') {
        text.push('-');
    }
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Decimals that show `digits` significant digits of the largest of `values`; integers are never rounded further.
///
/// Values that belong together (a row of a table, an axis) get the same decimals, so that they line up.
#[must_use]
pub fn decimals_for(values: impl IntoIterator<Item = f64>, digits: i32) -> usize {
    let largest =
        values.into_iter().filter(|v| v.is_finite()).fold(0.0_f64, |max, value| max.max(value.abs()));
    if largest == 0.0 {
        return 0;
    }
    let magnitude = largest.log10().floor() as i32;
    usize::try_from((digits - 1 - magnitude).clamp(0, 6)).unwrap_or(0)
}

/// A number alone, with `digits` significant digits.
#[must_use]
pub fn significant(value: f64, digits: i32) -> String {
    grouped(value, decimals_for([value], digits))
}

/// A difference with its sign; nothing is called `±0` but a true or rounded zero.
#[must_use]
pub fn signed(value: f64, decimals: usize) -> String {
    let text = grouped(value, decimals);
    let is_zero = !text.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    match (is_zero, text.starts_with('-') || !value.is_finite()) {
        (true, _) => format!("±{}", text.trim_start_matches('-')),
        (false, true) => text,
        (false, false) => format!("+{text}"),
    }
}

/// The same text with a true minus sign, for pages.
#[must_use]
pub fn typeset(text: &str) -> String {
    text.replace('-', "\u{2212}")
}

/// `value` rounded to `digits` significant digits: keeps embedded data small where a drawing needs no more.
#[must_use]
pub fn rounded(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let decimals = digits - 1 - value.abs().log10().floor() as i32;
    let factor = 10_f64.powi(decimals.abs());
    if decimals >= 0 { (value * factor).round() / factor } else { (value / factor).round() * factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_thousands_and_keeps_signs() {
        assert_eq!(grouped(1_234_567.891, 1), "1,234,567.9");
        assert_eq!(grouped(-1234.0, 0), "-1,234");
        assert_eq!(grouped(999.96, 1), "1,000.0");
        assert_eq!(grouped(-0.001, 1), "0.0");
        assert_eq!(grouped(f64::NAN, 1), "–");
        assert_eq!(signed(3.25, 2), "+3.25");
        assert_eq!(signed(-3.25, 2), "-3.25");
        assert_eq!(signed(-0.01, 1), "±0.0");
    }

    #[test]
    fn shows_as_many_digits_as_asked_and_all_of_an_integer_part() {
        assert_eq!(significant(0.031_25, 3), "0.0312");
        assert_eq!(significant(12.345, 3), "12.3");
        assert_eq!(significant(98_765.4, 3), "98,765");
        assert_eq!(significant(0.0, 3), "0");
        assert_eq!(decimals_for([0.002, 51.0], 4), 2);
    }

    #[test]
    fn rounds_to_significant_digits() {
        assert_eq!(rounded(0.912_345_678, 4), 0.9123);
        assert_eq!(rounded(123_456.0, 3), 123_000.0);
        assert_eq!(rounded(0.0, 3), 0.0);
    }
}
