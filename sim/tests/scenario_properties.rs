//! Whatever is thrown at it, the reader answers with a plan or with mistakes that make sense.

mod scenario_support;

use proptest::prelude::*;
use scenario_support::{fixture, parse, parse_with};
use serde_json::Value as Json;

/// Reads it, and looks whether the answer is one that a reader could use.
fn answer(text: &[u8]) -> Result<(), TestCaseError> {
    let lines = 1 + text.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    match parse(text) {
        Ok(plan) => {
            prop_assert!(!plan.variants.is_empty());
            prop_assert!(plan.horizon_days() > 0.0 && plan.twin_counts().values().sum::<u64>() > 0);
        }
        Err(mistakes) => {
            prop_assert!(!mistakes.0.is_empty());
            for mistake in &mistakes.0 {
                prop_assert!(mistake.line <= lines, "{mistake} of {lines} lines");
                prop_assert!(!mistake.to_string().contains('\n'), "{mistake:?}");
                // Said when checks and types disagree, which they never should.
                prop_assert!(!mistake.message.contains("cannot be understood"), "{mistake}");
            }
        }
    }
    Ok(())
}

/// Bits of text that mean something to YAML or to a scenario.
fn token() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "\n",
        "\n  ",
        "\n    - ",
        ": ",
        "- ",
        "? ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "!",
        "!!str ",
        "|\n",
        ">-\n",
        "'",
        "\"",
        "# ",
        "%",
        "---\n",
        "...\n",
        "~",
        "null",
        ".nan",
        "-.inf",
        "1e9",
        "-1",
        "0",
        "3.5",
        "1e400",
        "true",
        "\t",
        "\r",
        "\r\n",
        "\u{feff}",
        "é",
        "\u{2028}",
        "<<: ",
        "name",
        "networks",
        "packs",
        "kind: daily",
        "variants",
        "from",
        "set",
        "climate.city",
        "99999999999999999999999999999999999999999",
        "0x10",
        "\\",
        "@",
        "`",
    ])
    .prop_map(str::to_owned)
}

/// A value to put in the place of another.
fn stranger() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        (-2..120i64).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        (-0.5..1.5f64).prop_map(Json::from),
        prop::sample::select(vec!["", "daily", "off_peak", "city", "Pune", "5 kW", "2026-01-01", "."])
            .prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z_]{1,6}", inner, 0..3)
                .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

/// The good scenario as JSON, which is YAML as well.
fn good() -> Json {
    let text = fixture("maximal.yaml");
    let plan = parse(&text).expect("the fixture is good");
    serde_json::to_value(plan.base).expect("a scenario can be written as JSON")
}

/// Values in a tree of values.
fn count(value: &Json) -> usize {
    1 + match value {
        Json::Array(elements) => elements.iter().map(count).sum(),
        Json::Object(entries) => entries.values().map(count).sum(),
        _ => 0,
    }
}

/// The `n`-th value of a tree.
fn nth<'v>(value: &'v mut Json, n: &mut usize) -> Option<&'v mut Json> {
    if *n == 0 {
        return Some(value);
    }
    *n -= 1;
    match value {
        Json::Array(elements) => elements.iter_mut().find_map(|element| nth(element, n)),
        Json::Object(entries) => entries.values_mut().find_map(|entry| nth(entry, n)),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        answer(&bytes)?;
    }

    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        answer(text.as_bytes())?;
    }

    #[test]
    fn any_heap_of_tokens_is_answered(tokens in prop::collection::vec(token(), 0..60)) {
        answer(tokens.concat().as_bytes())?;
    }

    #[test]
    fn a_good_scenario_with_bytes_overwritten_is_answered(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = fixture("maximal.yaml").into_bytes();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        answer(&bytes)?;
    }

    #[test]
    fn a_good_scenario_with_tokens_put_in_and_lines_taken_out_is_answered(
        insertions in prop::collection::vec((any::<prop::sample::Index>(), token()), 0..6),
        removals in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let text = fixture("maximal.yaml");
        let mut lines: Vec<&str> = text.lines().collect();
        for at in removals {
            lines.remove(at.index(lines.len()));
        }
        let mut chars: Vec<char> = lines.join("\n").chars().collect();
        for (at, token) in insertions {
            let at = at.index(chars.len());
            chars.splice(at..at, token.chars());
        }
        answer(chars.into_iter().collect::<String>().as_bytes())?;
    }

    #[test]
    fn a_good_scenario_with_values_exchanged_is_answered(
        exchanges in prop::collection::vec((any::<prop::sample::Index>(), stranger()), 1..4),
    ) {
        let mut scenario = good();
        for (at, value) in exchanges {
            let mut at = at.index(count(&scenario));
            *nth(&mut scenario, &mut at).expect("counted before") = value;
        }
        answer(scenario.to_string().as_bytes())?;
    }

    #[test]
    fn any_path_and_value_to_set_is_answered(
        path in prop::collection::vec(
            prop::sample::select(vec![
                "networks", "packs", "climate", "0", "city", "ups", "duty", "kind", "set", "variants", "", "7",
                "batteries", "scooter", "charging", "energy", "solar", "steps", "riders", "by_hour", "seed",
            ]),
            1..5,
        ),
        value in stranger(),
    ) {
        let sets = [(&*path.join("."), &*value.to_string())];
        if let Err(mistakes) = parse_with(&fixture("maximal.yaml"), &sets) {
            prop_assert!(!mistakes.0.is_empty());
            prop_assert!(!mistakes.to_string().contains("cannot be understood"), "{mistakes}");
        }
    }
}
