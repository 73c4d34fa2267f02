//! Identity papers of India: the numbers of a PAN and an Aadhaar, and telephone numbers.
//!
//! What has not the form of a number is refused. What has it but cannot be one, by its check digit or its letters, is
//! taken with a warning, which may stand in the way of a verification.

/// Why a number is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoNumber {
    /// No PAN.
    #[error("a PAN is five capital letters, four digits and a capital letter")]
    Pan,
    /// No Aadhaar.
    #[error("an Aadhaar number is twelve digits")]
    Aadhaar,
    /// No telephone number.
    #[error("a telephone number is +91 and ten digits of which the first is 6 to 9")]
    Phone,
}

/// Sorts of holders that the fourth letter of a PAN stands for: a person is P.
const HOLDERS: &str = "PCHFATBLJG";

/// What is doubtful about a PAN: its fourth letter says what sort of holder it is, its fifth is the initial of the
/// surname.
///
/// # Errors
/// When it has not the form of one.
pub fn pan(number: &str, name: &str) -> Result<Vec<String>, NoNumber> {
    let bytes = number.as_bytes();
    let is_letters = |part: &[u8]| part.iter().all(u8::is_ascii_uppercase);
    let is_good = bytes.len() == 10
        && is_letters(&bytes[..5])
        && bytes[5..9].iter().all(u8::is_ascii_digit)
        && is_letters(&bytes[9..]);
    if !is_good {
        return Err(NoNumber::Pan);
    }
    let mut warnings = Vec::new();
    let holder = char::from(bytes[3]);
    if !HOLDERS.contains(holder) {
        warnings.push("pan: the fourth letter stands for no sort of holder".to_owned());
    } else if holder != 'P' {
        warnings.push("pan: the fourth letter is not that of a person".to_owned());
    }
    let initial = name.split_whitespace().last().and_then(|surname| surname.chars().next());
    let initial = initial.map(|initial| initial.to_ascii_uppercase()).filter(char::is_ascii_uppercase);
    if initial.is_some_and(|initial| initial != char::from(bytes[4])) {
        warnings.push("pan: the fifth letter is not the initial of the surname".to_owned());
    }
    Ok(warnings)
}

/// What is doubtful about an Aadhaar number: it begins with 2 to 9, and its last digit checks the others.
///
/// # Errors
/// When it has not the form of one.
pub fn aadhaar(number: &str) -> Result<Vec<String>, NoNumber> {
    if number.len() != 12 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NoNumber::Aadhaar);
    }
    let mut warnings = Vec::new();
    if number.starts_with(['0', '1']) {
        warnings.push("aadhar: the first digit is 0 or 1".to_owned());
    }
    if !verhoeff(number) {
        warnings.push("aadhar: the check digit is wrong".to_owned());
    }
    Ok(warnings)
}

/// Whether a number is a mobile one of India.
///
/// # Errors
/// When it is none.
pub fn phone(number: &str) -> Result<(), NoNumber> {
    let digits = number.strip_prefix("+91").unwrap_or_default();
    let is_good = digits.len() == 10
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.starts_with(['6', '7', '8', '9']);
    if is_good { Ok(()) } else { Err(NoNumber::Phone) }
}

/// Whether the last digit is the check digit of the others.
///
/// Source: J. Verhoeff, *Error Detecting Decimal Codes* (1969): products in the dihedral group of order ten, each digit
/// moved by a power of one permutation that depends on its place.
fn verhoeff(number: &str) -> bool {
    let mut check = 0;
    for (place, byte) in number.bytes().rev().enumerate() {
        let digit = (0..place % 8).fold(usize::from(byte - b'0'), |digit, _| MOVED[digit]);
        check = product(check, digit);
    }
    check == 0
}

/// The permutation.
const MOVED: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// The product of two symmetries of a pentagon: 0 to 4 turn it, 5 to 9 turn it over.
fn product(a: usize, b: usize) -> usize {
    match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => (a + b - 5) % 5 + 5,
        (false, true) => (a - 5 + 5 - b) % 5 + 5,
        (false, false) => (a + 5 - b) % 5,
    }
}

/// A PAN as it is shown: its digits only.
pub fn masked_pan(number: &str) -> String {
    number.chars().map(|c| if c.is_ascii_digit() { c } else { 'X' }).collect::<String>()
}

/// An Aadhaar number as it is shown: its last four digits only.
pub fn masked_aadhaar(number: &str) -> String {
    let hidden = number.len().saturating_sub(4);
    format!("{}{}", "X".repeat(hidden), &number[hidden..])
}

/// A telephone number as it is shown to whoever need not call it: its last four digits only.
pub fn masked_phone(number: &str) -> String {
    let hidden = number.len().saturating_sub(4);
    format!("+{}{}", "X".repeat(hidden.saturating_sub(1)), &number[hidden..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_is_verhoeffs() {
        // The usual example: 236 has the check digit 3.
        assert!(verhoeff("2363") && !verhoeff("2364"));
        // Every wrong digit and every swap of neighbours is found.
        let good =
            (0..10).map(|check| format!("23412341234{check}")).find(|number| verhoeff(number)).unwrap();
        for place in 0..12 {
            for digit in '0'..='9' {
                let mut other: Vec<char> = good.chars().collect();
                other[place] = digit;
                let other: String = other.into_iter().collect();
                assert_eq!(verhoeff(&other), other == good, "{other}");
            }
            if place < 11 {
                let mut other: Vec<char> = good.chars().collect();
                other.swap(place, place + 1);
                let other: String = other.into_iter().collect();
                assert_eq!(verhoeff(&other), other == good, "{other}");
            }
        }
        assert!(aadhaar(&good).unwrap().is_empty());
    }

    #[test]
    fn the_numbers_of_the_document_are_taken_with_warnings() {
        assert_eq!(aadhaar("123456789012").unwrap().len(), 2);
        assert_eq!(pan("ABCDE1234F", "Ram Kumar").unwrap().len(), 2);
        assert!(pan("ABCPK1234F", "Ram Kumar").unwrap().is_empty());
        assert_eq!(pan("abcpk1234f", ""), Err(NoNumber::Pan));
        assert_eq!(aadhaar("12345678901"), Err(NoNumber::Aadhaar));
        assert!(phone("+919876543210").is_ok());
        for wrong in ["9876543210", "+915876543210", "+91987654321", "+9198765432101", "+1919876543210"] {
            assert_eq!(phone(wrong), Err(NoNumber::Phone), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_shown_in_part() {
        assert_eq!(masked_pan("ABCDE1234F"), "XXXXX1234X");
        assert_eq!(masked_aadhaar("123456789012"), "XXXXXXXX9012");
        assert_eq!(masked_phone("+919876543210"), "+XXXXXXXX3210");
    }
}
