//! What somebody probably meant: the nearest of the words that are known here.

/// Longer words are not compared: nobody mistypes a key of that length, and the comparison is quadratic.
const COMPARED_MAX: usize = 80;

/// Last words of keys that are units, so that a key with the wrong one is recognised.
const UNITS: &[&str] = &[
    "ah", "bar", "c", "cm", "d", "day", "days", "deg", "f", "g", "gco2", "gwh", "h", "hour", "hours", "hr",
    "hrs", "j", "k", "kg", "km", "kmh", "kph", "kw", "kwh", "kwp", "lb", "m", "m2", "mah", "mi", "miles",
    "min", "mins", "minute", "minutes", "mm", "month", "months", "mph", "ms", "mw", "mwh", "pct", "percent",
    "rad", "s", "sec", "secs", "second", "seconds", "soc", "t", "ton", "v", "w", "week", "weeks", "wh", "wp",
    "year", "years", "yr", "yrs",
];

/// The word among `candidates` that `word` is most likely a slip of, if any is near enough.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word)?;
    let length = word.chars().count();
    let mut best: Option<(f64, &str)> = None;
    for candidate in candidates {
        let Some(other) = folded(candidate) else { continue };
        let slips = strsim::damerau_levenshtein(&word, &other);
        let alike = strsim::jaro_winkler(&word, &other);
        // One slip in every four characters: more makes another word of a short one.
        let slips_max = (length.max(other.chars().count()) / 4).max(1);
        if slips > slips_max && alike < 0.9 {
            continue;
        }
        let score = alike - slips as f64;
        if best.is_none_or(|(so_far, _)| score > so_far) {
            best = Some((score, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Keys among `candidates` that say the same as `key` in another unit: `charger_kw` for `charger_w`.
pub(super) fn same_but_for_unit<'a>(
    key: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Vec<&'a str> {
    let Some(key) = folded(key) else { return Vec::new() };
    let stem = match key.rsplit_once('_') {
        Some((stem, unit)) if UNITS.contains(&unit) => stem,
        _ => key.as_str(),
    };
    let says_the_same = |candidate: &&str| {
        candidate
            .rsplit_once('_')
            .is_some_and(|(other, unit)| other == stem && UNITS.contains(&unit) && *candidate != key)
    };
    candidates.into_iter().filter(says_the_same).collect()
}

/// `": did you mean x?"`, or the words known here where none is near; empty where there are none.
pub(super) fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(meant) = nearest(word, candidates.clone()) {
        return format!(": did you mean {}?", shown(meant));
    }
    let known: Vec<String> = candidates.into_iter().take(40).map(shown).collect();
    if known.is_empty() { String::new() } else { format!("; known here: {}", known.join(", ")) }
}

/// A text as it is where it can stand in a line, or else in quotes: a name may hold anything.
pub(super) fn shown(text: &str) -> String {
    let plain = !text.is_empty() && text.len() <= 200 && !text.chars().any(char::is_control);
    if plain { text.to_owned() } else { quoted(text) }
}

/// A text in quotes on one line, cut where it is long.
pub(super) fn quoted(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{:?}…", &text[..cut]),
        None => format!("{text:?}"),
    }
}

/// Case and the kind of dash set aside; nothing for what is too long to compare.
fn folded(word: &str) -> Option<String> {
    (word.len() <= COMPARED_MAX).then(|| word.trim().to_lowercase().replace(['-', ' '], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let known = ["target_soc", "ready_soc", "reserve", "policy"];
        assert_eq!(nearest("target_sco", known), Some("target_soc"));
        assert_eq!(nearest("Target-SOC", known), Some("target_soc"));
        assert_eq!(nearest("polcy", known), Some("policy"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("sail", ["daily", "drive"]), None, "not every second letter");
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }

    #[test]
    fn a_wrong_or_missing_unit_finds_the_right_one() {
        let known = ["charger_kw", "horizon_days", "horizon_years", "standby_w", "count"];
        assert_eq!(same_but_for_unit("charger_w", known), ["charger_kw"]);
        assert_eq!(same_but_for_unit("charger", known), ["charger_kw"]);
        assert_eq!(same_but_for_unit("horizon_hours", known), ["horizon_days", "horizon_years"]);
        assert!(same_but_for_unit("charger_colour", known).is_empty());
        assert!(same_but_for_unit("count", known).is_empty());
    }

    #[test]
    fn hints_list_what_is_known_where_nothing_is_near() {
        assert_eq!(hint("daly", ["daily", "drive"]), ": did you mean daily?");
        assert_eq!(hint("xyzzy", ["daily", "drive"]), "; known here: daily, drive");
        assert_eq!(hint("xyzzy", []), "");
    }

    #[test]
    fn quotes_stay_on_one_line_and_short() {
        assert_eq!(quoted("a\nb"), r#""a\nb""#);
        assert!(quoted(&"é".repeat(500)).chars().count() < 70);
        assert_eq!(
            (shown("a b"), shown("a\nb"), shown("")),
            ("a b".into(), r#""a\nb""#.into(), "\"\"".into())
        );
    }
}
