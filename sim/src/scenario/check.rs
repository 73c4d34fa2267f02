//! A tree of values against the shape of a scenario: every value that does not fit is reported.
//!
//! What was reported is taken out of the tree: a wrong value becomes [`Value::Reported`], a mistyped key is
//! read as the one that was probably meant, an unknown one is dropped. Rules that come later then neither
//! trip over a mistake again nor overlook what is written below it.

use super::mistake::{Findings, Place, Trail};
use super::nearest::{self, hint, quoted};
use super::node::{Node, Value, figure, plain};
use super::shape::{Key, Kind, Range, Record, Shape, Tagged};
use std::fmt::Display;

/// Checks a value and all that it contains.
pub(super) fn check(node: &mut Node, shape: &Shape, trail: &Trail<'_>, findings: &mut Findings) {
    let left_out = shape.nullable && node.value == Value::Null;
    if node.value == Value::Reported || left_out || findings.is_full() {
        return;
    }
    let Err(message) = check_value(node, shape, trail, findings) else { return };
    findings.add(node.place, trail, message);
    node.value = Value::Reported;
}

/// Checks what is inside a value itself, and says what is wrong with the value as a whole.
fn check_value(
    node: &mut Node,
    shape: &Shape,
    trail: &Trail<'_>,
    findings: &mut Findings,
) -> Result<(), String> {
    match (&shape.kind, &mut node.value) {
        (Kind::Any, _) | (Kind::Boolean, Value::Boolean(_)) => Ok(()),
        (Kind::Number(range), Value::Integer(_) | Value::Number(_)) => check_number(node, range),
        (Kind::Integer(range), Value::Integer(_) | Value::Number(_)) => check_integer(node, range),
        (Kind::Text(range), Value::Text(text)) => {
            check_count(text.chars().count(), range, "character", "characters")
        }
        (Kind::Choice(words), Value::Text(word)) => match words.contains(word) {
            true => Ok(()),
            false => Err(unknown_word(word, words.iter().map(String::as_str))),
        },
        (Kind::List(item, range), Value::List(elements)) => {
            let count = elements.len();
            // A list that is too long is not looked into: it is the flood that the limit is there for.
            for (index, element) in elements.iter_mut().enumerate().filter(|_| count <= range.max) {
                check(element, item, &trail.index(index), findings);
            }
            check_count(count, range, "element", "elements")
        }
        (Kind::Tuple(shapes), Value::List(elements)) => {
            for (index, (element, shape)) in elements.iter_mut().zip(shapes).enumerate() {
                check(element, shape, &trail.index(index), findings);
            }
            let exact = Range { min: shapes.len(), max: shapes.len() };
            check_count(elements.len(), &exact, "element", "elements")
        }
        (Kind::Map(value, range), Value::Mapping(entries)) => {
            let count = entries.len();
            for entry in entries.iter_mut().filter(|_| count <= range.max) {
                check(&mut entry.value, value, &trail.key(&entry.key), findings);
            }
            check_count(count, range, "entry", "entries")
        }
        (Kind::Record(record), Value::Mapping(_)) => {
            check_record(node, record, trail, findings);
            Ok(())
        }
        (Kind::Tagged(tagged), Value::Mapping(_)) => {
            check_tagged(node, tagged, trail, findings);
            Ok(())
        }
        (kind, _) => Err(wrong_type(kind, node, trail)),
    }
}

fn check_record(node: &mut Node, record: &Record, trail: &Trail<'_>, findings: &mut Findings) {
    let place = node.place;
    let Value::Mapping(entries) = &mut node.value else { return };
    let mut present: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
    entries.retain_mut(|entry| {
        let written = trail.key(&entry.key);
        if let Some(key) = record.key(&entry.key) {
            check(&mut entry.value, &key.shape, &written, findings);
            return true;
        }
        if findings.is_full() {
            return false;
        }
        let (meant, message) = unknown_key(&entry.key, record.names());
        findings.add(entry.place, written, message);
        let Some((meant, same_value)) = meant.filter(|(meant, _)| !present.iter().any(|key| key == meant))
        else {
            return false;
        };
        if let Some(key) = record.key(meant).filter(|_| same_value) {
            check(&mut entry.value, &key.shape, &written, findings);
        } else {
            entry.value.value = Value::Reported;
        }
        present.push(meant.to_owned());
        meant.clone_into(&mut entry.key);
        true
    });
    report_missing(record, &present, place, trail, findings);
}

fn report_missing(
    record: &Record,
    present: &[String],
    place: Place,
    trail: &Trail<'_>,
    findings: &mut Findings,
) {
    for Key { name, .. } in record.keys.iter().filter(|key| key.required && !present.contains(&key.name)) {
        findings.add(place, trail, format!("missing key {name}"));
    }
}

fn check_tagged(node: &mut Node, tagged: &Tagged, trail: &Trail<'_>, findings: &mut Findings) {
    let words = || tagged.words().collect::<Vec<_>>().join(", ");
    let Value::Mapping(entries) = &mut node.value else { return };
    let Some(entry) = entries.iter_mut().find(|entry| entry.key == tagged.tag) else {
        findings.add(node.place, trail, format!("missing key {}: one of {}", tagged.tag, words()));
        node.value = Value::Reported;
        return;
    };
    let trail_to_tag = trail.key(&tagged.tag);
    let case = match &entry.value.value {
        Value::Text(word) if tagged.case(word).is_none() => {
            findings.add(entry.value.place, trail_to_tag, unknown_word(word, tagged.words()));
            let meant = nearest::nearest(word, tagged.words());
            entry.value.value = Value::Reported;
            meant.and_then(|meant| tagged.case(meant))
        }
        Value::Text(word) => tagged.case(word),
        Value::Reported => None,
        _ => {
            let message = format!("expected one of {}, found {}", words(), entry.value.described());
            findings.add(entry.value.place, trail_to_tag, message);
            None
        }
    };
    match case {
        Some(record) => check_record(node, record, trail, findings),
        None => node.value = Value::Reported,
    }
}

/// Which key was probably meant and whether its value is then meant too, and what to say.
fn unknown_key<'a>(
    key: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> (Option<(&'a str, bool)>, String) {
    let in_other_units = nearest::same_but_for_unit(key, known.clone());
    if let Some(first) = in_other_units.first() {
        let message = format!(
            "unknown key {}: the unit is part of the key: did you mean {}?",
            quoted(key),
            in_other_units.join(" or ")
        );
        return (Some((first, false)), message);
    }
    let message = format!("unknown key {}{}", quoted(key), hint(key, known.clone()));
    (nearest::nearest(key, known).map(|meant| (meant, true)), message)
}

fn unknown_word<'a>(word: &str, words: impl Iterator<Item = &'a str> + Clone) -> String {
    let all = words.clone().collect::<Vec<_>>().join(", ");
    match nearest::nearest(word, words) {
        Some(meant) => format!("unknown value {}: did you mean {meant}? (one of {all})", quoted(word)),
        None => format!("unknown value {}: one of {all}", quoted(word)),
    }
}

fn check_number(node: &Node, range: &Range<f64>) -> Result<(), String> {
    let Some(number) = node.number() else {
        return Err(format!("expected a finite number, found {}", node.described()));
    };
    if range.holds(&number) {
        return Ok(());
    }
    let share = if range.max == 1.0 && range.min >= 0.0 && number > 1.0 && number <= 100.0 {
        format!("; {} % is written {}", figure(number), figure(number / 100.0))
    } else {
        String::new()
    };
    let bounds = match (range.min == f64::MIN, range.max == f64::MAX) {
        (true, _) => format!("above {}", figure(range.max)),
        (_, true) => format!("below {}", figure(range.min)),
        _ => format!("not within {} to {}", figure(range.min), figure(range.max)),
    };
    Err(format!("out of range: {} is {bounds}{share}", figure(number)))
}

fn check_integer(node: &Node, range: &Range<i128>) -> Result<(), String> {
    match node.integer() {
        Some(integer) if range.holds(&integer) => Ok(()),
        None if node.number().is_none_or(|number| number.fract() != 0.0) => {
            Err(format!("expected a whole number, found {}", node.described()))
        }
        _ => {
            let Range { min, max } = range;
            Err(format!("out of range: {} is not within {min} to {max}", node.brief()))
        }
    }
}

fn check_count(count: usize, range: &Range<usize>, one: &str, many: &str) -> Result<(), String> {
    if range.holds(&count) {
        return Ok(());
    }
    let noun = |count: usize| if count == 1 { one } else { many };
    let expected = match (range.min, range.max) {
        (min, max) if min == max => format!("exactly {min} {}", noun(min)),
        (min, _) if count < min => format!("at least {min} {}", noun(min)),
        (_, max) => format!("at most {max} {}", noun(max)),
    };
    Err(format!("expected {expected}, found {count}"))
}

fn wrong_type(kind: &Kind, found: &Node, trail: &Trail<'_>) -> String {
    let expected = match kind {
        Kind::Any => "a value".to_owned(),
        Kind::Boolean => "true or false".to_owned(),
        Kind::Integer(_) => "a whole number".to_owned(),
        Kind::Number(_) => "a number".to_owned(),
        Kind::Text(_) => "a text".to_owned(),
        Kind::Choice(words) => format!("one of {}", words.join(", ")),
        Kind::List(..) | Kind::Tuple(_) => "a list".to_owned(),
        Kind::Map(..) | Kind::Record(_) | Kind::Tagged(_) => "a mapping".to_owned(),
    };
    let remark = match (kind, &found.value) {
        (Kind::Integer(_) | Kind::Number(_), Value::Text(text)) => remark_on_number(text, trail),
        (Kind::Text(_), Value::Integer(_) | Value::Number(_) | Value::Boolean(_)) => {
            ": put it in quotes".to_owned()
        }
        (Kind::Boolean, Value::Text(text)) => match text.to_lowercase().as_str() {
            "yes" | "on" | "y" => ": write true".to_owned(),
            "no" | "off" | "n" => ": write false".to_owned(),
            _ => String::new(),
        },
        (Kind::List(item, _), Value::Mapping(_)) if matches!(item.kind, Kind::Record(_)) => {
            ": each element begins with a dash".to_owned()
        }
        _ => String::new(),
    };
    format!("expected {expected}, found {}{remark}", found.described())
}

/// What to write instead of a text where a number belongs.
fn remark_on_number(text: &str, trail: &impl Display) -> String {
    let text = text.trim();
    let is_number = |text: &str| matches!(plain(text), Value::Integer(_) | Value::Number(_));
    if is_number(text) {
        return ": leave the quotes out".to_owned();
    }
    for (strange, written) in [(",", "."), ("_", ""), (" ", "")] {
        let plainly = text.replace(strange, written);
        if is_number(&plainly) {
            return format!(": write {plainly}");
        }
    }
    let end = text.char_indices().rev().map(|(at, _)| at).find(|at| is_number(text[..*at].trim_end()));
    let Some((number, unit)) = end.map(|at| text.split_at(at)) else { return String::new() };
    let (number, unit) = (number.trim_end(), unit.trim());
    if unit == "%" {
        return format!(": a share is a number from 0 to 1, not {text}");
    }
    let path = trail.to_string();
    let key = path.rsplit('.').next().unwrap_or_default();
    format!(": the unit belongs to the key ({key}), write {number} without {}", quoted(unit))
}

#[cfg(test)]
mod tests {
    use super::super::tree;
    use super::*;

    fn mistakes_of(text: &str) -> String {
        let mut findings = Findings::default();
        let mut root = tree::parse(text.as_bytes(), 0, &mut findings).unwrap();
        check(&mut root, Shape::scenario(), &Trail::Root, &mut findings);
        findings.into_mistakes("f", &[]).to_string()
    }

    const HEAD: &str = "name: x\nclimate: {constant_c: 20}\nbatteries: {a: {chemistry: c, series: 13}}\n";

    #[track_caller]
    fn check_says(addition: &str, expected: &str) {
        assert_eq!(mistakes_of(&format!("{HEAD}{addition}")), expected);
    }

    #[test]
    fn a_scenario_that_fits_has_no_mistakes() {
        check_says("horizon_days: 3\nseed: 1e3\nvariants: [{name: v, from: , set: {a.b: .nan}}]\n", "");
    }

    #[test]
    fn keys_that_are_missing_unknown_or_of_another_unit() {
        check_says(
            "horizon_hours: 3\n",
            "f:4: horizon_hours: unknown key \"horizon_hours\": the unit is part of the key: did you mean horizon_days or horizon_years?",
        );
        check_says("netwroks: []\n", "f:4: netwroks: unknown key \"netwroks\": did you mean networks?");
        check_says(
            "packs:\n- name: p\n  battry: a\n",
            "f:5: packs.0: missing key duty\nf:6: packs.0.battry: unknown key \"battry\": did you mean battery?",
        );
        check_says(
            "output: {banana: 1}\n",
            "f:4: output.banana: unknown key \"banana\"; known here: interval_days, swap_events",
        );
    }

    #[test]
    fn below_a_mistyped_key_checking_goes_on() {
        check_says(
            "outptu:\n  swap_events: 1\n",
            "f:4: outptu: unknown key \"outptu\": did you mean output?\nf:5: outptu.swap_events: expected true or false, found the number 1",
        );
    }

    #[test]
    fn values_of_the_wrong_type() {
        check_says(
            "horizon_days: 5 d\n",
            "f:4: horizon_days: expected a number, found the text \"5 d\": the unit belongs to the key (horizon_days), write 5 without \"d\"",
        );
        check_says(
            "horizon_days: '5'\n",
            "f:4: horizon_days: expected a number, found the text \"5\": leave the quotes out",
        );
        check_says(
            "horizon_days: 1,5\n",
            "f:4: horizon_days: expected a number, found the text \"1,5\": write 1.5",
        );
        check_says("horizon_days: soon\n", "f:4: horizon_days: expected a number, found the text \"soon\"");
        check_says(
            "utc_offset_h: 50 %\n",
            "f:4: utc_offset_h: expected a number, found the text \"50 %\": a share is a number from 0 to 1, not 50 %",
        );
        check_says("replicates: 3.5\n", "f:4: replicates: expected a whole number, found the number 3.5");
        check_says("replicates: .nan\n", "f:4: replicates: expected a whole number, found the number NaN");
        check_says(
            "horizon_days: .inf\n",
            "f:4: horizon_days: expected a finite number, found the number inf",
        );
        check_says(
            "description: 5\n",
            "f:4: description: expected a text, found the number 5: put it in quotes",
        );
        check_says("description:\n", "f:4: description: expected a text, found nothing");
        check_says(
            "packs: {name: x}\n",
            "f:4: packs: expected a list, found a mapping: each element begins with a dash",
        );
        check_says("output: []\n", "f:4: output: expected a mapping, found a list");
    }

    #[test]
    fn values_out_of_range() {
        check_says("replicates: 0\n", "f:4: replicates: out of range: 0 is not within 1 to 1000");
        check_says("seed: -1\n", "f:4: seed: out of range: -1 is not within 0 to 18446744073709551615");
        check_says("seed: 1e30\n", "f:4: seed: out of range: 1e30 is not within 0 to 18446744073709551615");
        check_says("utc_offset_h: 15\n", "f:4: utc_offset_h: out of range: 15 is not within -12 to 14");
        check_says(
            "energy: {solar: {clearness: 65}}\n",
            "f:4: energy.solar.clearness: out of range: 65 is not within 0 to 1; 65 % is written 0.65",
        );
        check_says(
            "energy:\n  tariff:\n    by_hour_per_kwh: [1, x]\n",
            "f:6: energy.tariff.by_hour_per_kwh: expected exactly 24 elements, found 2\nf:6: energy.tariff.by_hour_per_kwh.1: expected a number, found the text \"x\"",
        );
        let empty_name = mistakes_of(&HEAD.replace("name: x", "name: ''"));
        assert_eq!(empty_name, "f:1: name: expected at least 1 character, found 0");
        let no_battery = mistakes_of("name: x\nclimate: {}\nbatteries: {}\n");
        assert_eq!(no_battery, "f:3: batteries: expected at least 1 entry, found 0");
    }

    #[test]
    fn a_duty_is_checked_as_the_kind_it_says() {
        let duty = |duty: &str| format!("packs:\n- name: p\n  battery: a\n  duty:\n{duty}");
        check_says(
            &duty("    depth: 1\n"),
            "f:7: packs.0.duty: missing key kind: one of daily, standby, drive",
        );
        check_says(
            &duty("    kind: standbye\n    depth: 2\n    every_days: 3\n    c_rate: 1\n"),
            "f:8: packs.0.duty.kind: unknown value \"standbye\": did you mean standby? (one of daily, standby, drive)\nf:9: packs.0.duty.depth: out of range: 2 is not within 0 to 1; 2 % is written 0.02",
        );
        check_says(
            &duty("    kind: 5\n"),
            "f:8: packs.0.duty.kind: expected one of daily, standby, drive, found the number 5",
        );
        check_says(
            &duty("    kind: daily\n    steps: []\n    depth: 1\n"),
            "f:9: packs.0.duty.steps: expected at least 1 element, found 0\nf:10: packs.0.duty.depth: unknown key \"depth\"; known here: kind, steps",
        );
    }

    #[test]
    fn the_root_is_a_mapping() {
        assert_eq!(mistakes_of("- 1\n"), "f:1: expected a mapping, found a list");
        assert_eq!(mistakes_of("5\n"), "f:1: expected a mapping, found the number 5");
    }
}
