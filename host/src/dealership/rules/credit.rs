//! How reliably somebody paid here. This is the platform's own figure, and no score of a credit bureau.

/// What somebody paid so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Record {
    /// Instalments that were paid or fell due.
    pub settled_or_due: u32,
    /// Of those, paid in time.
    pub in_time: u32,
    /// Instalments that were paid.
    pub paid: u32,
    /// Whether the identity is verified.
    pub is_verified: bool,
    /// Most days past due now.
    pub days_past_due: u32,
}

/// The score, 300 to 900; nothing without a history.
///
/// ```text
/// 600 + 150·in time/settled or due + 75·min(1, paid/12) + 75·verified − 4·days past due (up to 300)
/// ```
pub fn score(record: &Record) -> Option<f64> {
    if record.settled_or_due == 0 {
        return None;
    }
    let in_time = f64::from(record.in_time) / f64::from(record.settled_or_due);
    let paid = (f64::from(record.paid) / 12.0).min(1.0);
    let verified = if record.is_verified { 75.0 } else { 0.0 };
    let late = (4.0 * f64::from(record.days_past_due)).min(300.0);
    Some((600.0 + 150.0 * in_time + 75.0 * paid + verified - late).clamp(300.0, 900.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_pays_in_time_has_the_most() {
        assert_eq!(score(&Record::default()), None);
        let good = Record { settled_or_due: 12, in_time: 12, paid: 12, is_verified: true, days_past_due: 0 };
        assert_eq!(score(&good), Some(900.0));
        let late = Record { in_time: 0, paid: 0, is_verified: false, days_past_due: 400, ..good };
        assert_eq!(score(&late), Some(300.0));
    }
}
