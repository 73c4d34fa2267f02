//! Times as devices write them.

use super::fault::{Class, Fault};
use twin::time::{DAY_MS, Time};

/// 2000-01-01T00:00:00Z, before which no reading is believed.
pub(crate) const EARLIEST: Time = Time(946_684_800_000);

/// From which instant to which a time is believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Believed {
    /// The last instant that is.
    pub(crate) latest: Time,
}

impl Believed {
    /// The instant, when it is believed.
    pub(crate) fn check(self, at: Time) -> Result<Time, Fault> {
        if at < EARLIEST {
            let hint = if at.0 >= EARLIEST.0 / 1_000 {
                "; it looks like seconds, milliseconds are expected"
            } else {
                ""
            };
            return Err(Fault::new(
                Class::TooEarly,
                "ts",
                format!("{} ms is before the year 2000{hint}", at.0),
            ));
        }
        if at > self.latest {
            let ahead_s = at.seconds_since(self.latest);
            return Err(Fault::new(
                Class::InFuture,
                "ts",
                format!("{} ms is {ahead_s} s further ahead than is believed", at.0),
            ));
        }
        Ok(at)
    }

    /// An instant in milliseconds since the epoch.
    pub(crate) fn of_ms(self, ms: f64) -> Result<Time, Fault> {
        // A double counts whole milliseconds exactly for 285,000 years.
        if !ms.is_finite() || ms.abs() > 9.0e15 {
            return Err(Fault::new(Class::NotATime, "ts", format!("{ms:?} is no time in milliseconds")));
        }
        self.check(Time(ms.round() as i64))
    }

    /// An instant in RFC 3339.
    pub(crate) fn of_text(self, text: &str) -> Result<Time, Fault> {
        let at = rfc3339(text).ok_or_else(|| {
            Fault::new(Class::NotATime, "ts", format!("{:?} is no time of RFC 3339", shortened(text)))
        })?;
        self.check(at)
    }
}

/// At most 40 characters of a text, for messages.
pub(crate) fn shortened(text: &str) -> &str {
    text.char_indices().nth(40).map_or(text, |(end, _)| &text[..end])
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Reads `2026-11-22T05:06:07.891+02:00`. A leap second counts as the second after it; fractions beyond the
/// millisecond are dropped.
///
/// Source: RFC 3339 § 5.6; a space for the `T` is taken as well.
pub(crate) fn rfc3339(text: &str) -> Option<Time> {
    let b = text.as_bytes();
    if b.len() < 20 || b[4] != b'-' || b[7] != b'-' || b[13] != b':' || b[16] != b':' {
        return None;
    }
    if !matches!(b[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = (number(&b[0..4])?, number(&b[5..7])?, number(&b[8..10])?);
    let (hour, minute, second) = (number(&b[11..13])?, number(&b[14..16])?, number(&b[17..19])?);
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &b[19..];
    let mut ms = 0;
    if rest.first() == Some(&b'.') {
        let digits = rest[1..].iter().take_while(|c| c.is_ascii_digit()).count();
        if digits == 0 {
            return None;
        }
        for place in 0..3 {
            ms = ms * 10 + rest[1..=digits].get(place).map_or(0, |digit| i64::from(digit - b'0'));
        }
        rest = &rest[1 + digits..];
    }
    let offset_min = match rest {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            if *sign == b'-' { -(hours * 60 + minutes) } else { hours * 60 + minutes }
        }
        _ => return None,
    };
    let of_day_s = hour * 3_600 + (minute - offset_min) * 60 + second;
    Some(Time(days_since_epoch(year, month, day) * DAY_MS + of_day_s * 1_000 + ms))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
///
/// Counts from the 1st of March, so that the leap day is a year's last: a year before March belongs to the one
/// before; 400 years have 146,097 days, and the first of a month counted from March is day (153·m + 2)/5.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_known() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-01-01T00:00:00Z", 946_684_800_000),
            ("2024-02-29T12:34:56.789Z", 1_709_210_096_789),
            ("2024-02-29t12:34:56.7z", 1_709_210_096_700),
            ("2024-02-29 14:34:56.789999+02:00", 1_709_210_096_789),
            ("2024-01-01T00:00:00-05:30", 1_704_087_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000),
            ("1999-12-31T23:59:59Z", 946_684_799_000),
        ];
        for (text, ms) in cases {
            assert_eq!(rfc3339(text), Some(Time(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+0200",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00Zx",
            "2024/01/01T00:00:00Z",
            "20240101T000000Z000000",
            "-024-01-01T00:00:00Z",
            "２０２４-01-01T00:00:00Z",
        ] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = days_since_epoch(1999, 12, 31);
        for year in 2000..2101 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month) {
                    expected += 1;
                    assert_eq!(days_since_epoch(year, month, day), expected, "{year}-{month}-{day}");
                }
            }
        }
    }

    #[test]
    fn seconds_are_not_taken_for_milliseconds() {
        let believed = Believed { latest: Time(1_800_000_000_000) };
        let fault = believed.of_ms(1_700_000_000.0).unwrap_err();
        assert_eq!(fault.class, Class::TooEarly);
        assert!(fault.reason.contains("seconds"), "{fault}");
        assert_eq!(believed.of_ms(1_700_000_000_000.0), Ok(Time(1_700_000_000_000)));
        assert_eq!(believed.of_ms(1_900_000_000_000.0).unwrap_err().class, Class::InFuture);
        assert_eq!(believed.of_ms(f64::MAX).unwrap_err().class, Class::NotATime);
    }
}
