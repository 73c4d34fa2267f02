//! Test protocols in words: `discharge 1C until 2.5V; rest 5min; charge 0.5C until 4.2V; hold 4.2V until C/20`.
//!
//! ```text
//! protocol = step { (";" | newline) step }
//! step     = ("discharge" | "charge") ["at"] rate end
//!          | "hold" ["at"] voltage end
//!          | "rest" ["for"] duration
//! rate     = number ("C" | "A" | "mA" | "W" | "kW" | "mW") | "C/" number
//! end      = ("until" limit | "for" duration) [["or"] end]
//! limit    = number ("V" | "mV" | "A" | "mA" | "C") | "C/" number | number "%" ["soc"] | "soc" number ["%"]
//! duration = number ("s" | "min" | "h" | "d")
//! ```
//!
//! Letters may be large or small, but for the `m` of `mA`; a unit may stand apart from its number.

use std::fmt;

/// Steps in their order, never none.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// When it ends: at whichever comes first, never none.
    pub ends: Vec<End>,
    /// As it was written.
    pub text: String,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// A load; positive discharges.
    Load(Rate),
    /// A voltage [V].
    Hold(f64),
    /// Nothing.
    Rest,
}

/// How strong a load is; positive discharges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rate {
    /// Rated capacity per hour [1/h].
    C(f64),
    /// Current [A].
    Current(f64),
    /// Power [W].
    Power(f64),
}

/// When a step ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    /// A voltage [V] is reached: from above when discharging, from below when charging.
    Voltage(f64),
    /// The current has fallen to this [A].
    Current(f64),
    /// The current has fallen to this [1/h of rated capacity].
    CRate(f64),
    /// A state of charge is reached.
    Soc(f64),
    /// So much time has passed [s].
    After(f64),
}

/// What is wrong with a protocol, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolError {
    /// Step, counted from 1.
    pub step: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "protocol, step {}, column {}: {}", self.step, self.column, self.message)
    }
}

impl std::error::Error for ProtocolError {}

impl std::str::FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let mut steps = Vec::new();
        let mut column = 1;
        for piece in text.split([';', '\n']) {
            let length = piece.chars().count();
            if !piece.trim().is_empty() {
                let mut words = Words::of(piece, column, steps.len() + 1)?;
                steps.push(step(&mut words, piece.trim())?);
            }
            column += length + 1;
        }
        if steps.is_empty() {
            return Err(ProtocolError { step: 1, column: 1, message: "there is no step in it".into() });
        }
        Ok(Self { steps })
    }
}

/// A word or a number, and the column where it begins.
#[derive(Debug, Clone, PartialEq)]
enum Word {
    Number(f64),
    Text(String),
}

struct Words {
    words: Vec<(Word, usize)>,
    next: usize,
    step: usize,
    end: usize,
}

impl Words {
    /// Cuts a step into numbers, words and signs.
    fn of(text: &str, first_column: usize, step: usize) -> Result<Self, ProtocolError> {
        let letters: Vec<char> = text.chars().collect();
        let mut words = Vec::new();
        let mut at = 0;
        while at < letters.len() {
            let from = at;
            let column = first_column + from;
            let c = letters[at];
            if c.is_whitespace() || c == ',' {
                at += 1;
                continue;
            }
            if c.is_ascii_digit() || matches!(c, '.' | '-' | '+') {
                at += 1;
                while at < letters.len() && (letters[at].is_ascii_digit() || letters[at] == '.') {
                    at += 1;
                }
                let exponent = at + 1 < letters.len()
                    && matches!(letters[at], 'e' | 'E')
                    && (letters[at + 1].is_ascii_digit() || matches!(letters[at + 1], '-' | '+'));
                if exponent {
                    at += 2;
                    while at < letters.len() && letters[at].is_ascii_digit() {
                        at += 1;
                    }
                }
                let text: String = letters[from..at].iter().collect();
                let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
                let Some(number) = number else {
                    return Err(ProtocolError { step, column, message: format!("`{text}` is no number") });
                };
                words.push((Word::Number(number), column));
            } else if c.is_alphabetic() {
                while at < letters.len() && letters[at].is_alphabetic() {
                    at += 1;
                }
                words.push((Word::Text(letters[from..at].iter().collect()), column));
            } else if matches!(c, '/' | '%') {
                at += 1;
                words.push((Word::Text(c.to_string()), column));
            } else {
                let message = format!("`{c}` has no meaning here; steps are separated by `;`");
                return Err(ProtocolError { step, column, message });
            }
        }
        Ok(Self { words, next: 0, step, end: first_column + letters.len() })
    }

    fn column(&self) -> usize {
        self.words.get(self.next).map_or(self.end, |(_, column)| *column)
    }

    fn error(&self, message: impl Into<String>) -> ProtocolError {
        self.error_at(self.column(), message)
    }

    fn error_at(&self, column: usize, message: impl Into<String>) -> ProtocolError {
        ProtocolError { step: self.step, column, message: message.into() }
    }

    /// What comes next, for a complaint.
    fn found(&self) -> String {
        match self.words.get(self.next) {
            None => "the end of the step".into(),
            Some((Word::Number(number), _)) => format!("`{number}`"),
            Some((Word::Text(text), _)) => format!("`{text}`"),
        }
    }

    fn text(&mut self) -> Option<String> {
        match self.words.get(self.next) {
            Some((Word::Text(text), _)) => {
                self.next += 1;
                Some(text.clone())
            }
            _ => None,
        }
    }

    fn peek(&self) -> Option<String> {
        match self.words.get(self.next) {
            Some((Word::Text(text), _)) => Some(text.to_lowercase()),
            _ => None,
        }
    }

    fn skip(&mut self, word: &str) -> bool {
        let is_it = self.peek().as_deref() == Some(word);
        self.next += usize::from(is_it);
        is_it
    }

    fn number(&mut self, wanted: &str) -> Result<f64, ProtocolError> {
        match self.words.get(self.next) {
            Some((Word::Number(number), _)) if *number > 0.0 => {
                self.next += 1;
                Ok(*number)
            }
            Some((Word::Number(number), _)) => {
                Err(self.error(format!("{number} has to be more than 0: the word before says which way")))
            }
            _ => Err(self.error(format!("expected {wanted}, found {}", self.found()))),
        }
    }
}

const ACTIONS: &str = "discharge, charge, hold or rest";

fn step(words: &mut Words, text: &str) -> Result<Step, ProtocolError> {
    let column = words.column();
    let found = words.found();
    let action = words.text().unwrap_or_default().to_lowercase();
    let action = match action.as_str() {
        "discharge" => Action::Load(rate(words, 1.0)?),
        "charge" => Action::Load(rate(words, -1.0)?),
        "hold" => {
            words.skip("at");
            Action::Hold(quantity(words, "a voltage such as 4.2V", &[("v", 1.0)])?)
        }
        "rest" => {
            words.skip("for");
            let ends = vec![End::After(duration(words)?)];
            finished(words)?;
            return Ok(Step { action: Action::Rest, ends, text: text.to_owned() });
        }
        _ => return Err(words.error_at(column, format!("expected {ACTIONS}, found {found}"))),
    };
    let mut ends = Vec::new();
    loop {
        if words.skip("until") {
            ends.push(limit(words)?);
        } else if words.skip("for") {
            ends.push(End::After(duration(words)?));
        } else {
            break;
        }
        words.skip("or");
    }
    if ends.is_empty() {
        let found = words.found();
        return Err(words.error(format!("expected `until` or `for`, found {found}")));
    }
    finished(words)?;
    if let (Action::Hold(_), Some(End::Voltage(_))) =
        (action, ends.iter().find(|e| matches!(e, End::Voltage(_))))
    {
        return Err(words.error_at(
            column,
            "a hold keeps its voltage: it ends at a current, a state of charge or a time",
        ));
    }
    Ok(Step { action, ends, text: text.to_owned() })
}

fn finished(words: &Words) -> Result<(), ProtocolError> {
    if words.next == words.words.len() {
        return Ok(());
    }
    Err(words.error(format!("expected the end of the step, found {}", words.found())))
}

/// `1C`, `C/2`, `500 mA`, `20W`.
fn rate(words: &mut Words, sign: f64) -> Result<Rate, ProtocolError> {
    words.skip("at");
    if let Some(rate) = c_fraction(words)? {
        return Ok(Rate::C(sign * rate));
    }
    let value = words.number("a rate such as 1C, C/2, 2A or 10W")?;
    let column = words.column();
    let found = words.found();
    let unit = words.text().unwrap_or_default();
    match unit.as_str() {
        "C" | "c" => Ok(Rate::C(sign * value)),
        "A" | "a" => Ok(Rate::Current(sign * value)),
        "mA" | "ma" => Ok(Rate::Current(sign * value * 1e-3)),
        "W" | "w" => Ok(Rate::Power(sign * value)),
        "kW" | "kw" => Ok(Rate::Power(sign * value * 1e3)),
        "mW" => Ok(Rate::Power(sign * value * 1e-3)),
        _ => Err(words.error_at(column, format!("expected a unit (C, A, mA or W), found {found}"))),
    }
}

/// `C/20` [1/h], if that is what comes next.
fn c_fraction(words: &mut Words) -> Result<Option<f64>, ProtocolError> {
    let slash = words.words.get(words.next + 1).is_some_and(|(word, _)| *word == Word::Text("/".into()));
    if words.peek().as_deref() != Some("c") || !slash {
        return Ok(None);
    }
    words.next += 2;
    Ok(Some(1.0 / words.number("a number of hours, as in C/20")?))
}

fn limit(words: &mut Words) -> Result<End, ProtocolError> {
    if let Some(rate) = c_fraction(words)? {
        return Ok(End::CRate(rate));
    }
    let is_soc = words.skip("soc");
    let start = words.column();
    // Empty is a state of charge like any other; everything else is more than nothing.
    let zero = matches!(words.words.get(words.next), Some((Word::Number(number), _)) if *number == 0.0);
    let value = if zero {
        words.next += 1;
        0.0
    } else {
        words.number("a limit such as 2.5V, C/20, 0.1A or 80%")?
    };
    let column = words.column();
    let found = words.found();
    let unit = words.text().unwrap_or_default();
    let end = match unit.as_str() {
        "%" => {
            words.skip("soc");
            End::Soc(value / 100.0)
        }
        "" if is_soc => End::Soc(value),
        "V" | "v" => End::Voltage(value),
        "mV" => End::Voltage(value * 1e-3),
        "A" | "a" => End::Current(value),
        "mA" | "ma" => End::Current(value * 1e-3),
        "C" | "c" => End::CRate(value),
        _ if unit.eq_ignore_ascii_case("soc") => End::Soc(value),
        _ => return Err(words.error_at(column, format!("expected a unit (V, A, mA, C or %), found {found}"))),
    };
    match end {
        End::Soc(soc) if !(0.0..=1.0).contains(&soc) => {
            Err(words.error_at(start, format!("a state of charge is between 0 and 100 %, not {value}")))
        }
        End::Soc(_) => Ok(end),
        _ if zero => Err(words.error_at(start, "0 is never reached")),
        _ => Ok(end),
    }
}

fn duration(words: &mut Words) -> Result<f64, ProtocolError> {
    const UNITS: [(&str, f64); 15] = [
        ("s", 1.0),
        ("sec", 1.0),
        ("second", 1.0),
        ("seconds", 1.0),
        ("min", 60.0),
        ("minute", 60.0),
        ("minutes", 60.0),
        ("h", 3600.0),
        ("hr", 3600.0),
        ("hour", 3600.0),
        ("hours", 3600.0),
        ("d", 86_400.0),
        ("day", 86_400.0),
        ("days", 86_400.0),
        ("mins", 60.0),
    ];
    quantity(words, "a duration such as 30min or 2h", &UNITS)
}

/// A number and one of some units.
fn quantity(words: &mut Words, wanted: &str, units: &[(&str, f64)]) -> Result<f64, ProtocolError> {
    let value = words.number(wanted)?;
    let column = words.column();
    let found = words.found();
    let unit = words.text().unwrap_or_default().to_lowercase();
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => Ok(value * factor),
        None => Err(words.error_at(column, format!("expected {wanted}, found {found} in place of the unit"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &str) -> Vec<(Action, Vec<End>)> {
        let protocol: Protocol = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
        protocol.steps.into_iter().map(|step| (step.action, step.ends)).collect()
    }

    #[test]
    fn the_usual_cycle() {
        let load = |c| Action::Load(Rate::C(c));
        assert_eq!(
            steps("discharge 1C until 2.5V; rest 5min; charge 0.5C until 4.2V; hold 4.2V until C/20"),
            [
                (load(1.0), vec![End::Voltage(2.5)]),
                (Action::Rest, vec![End::After(300.0)]),
                (load(-0.5), vec![End::Voltage(4.2)]),
                (Action::Hold(4.2), vec![End::CRate(0.05)]),
            ]
        );
    }

    #[test]
    fn units_and_ends() {
        let one = |text: &str| steps(text).remove(0);
        assert_eq!(one("Charge at C/2 until 80% soc"), (Action::Load(Rate::C(-0.5)), vec![End::Soc(0.8)]));
        assert_eq!(one("discharge 500 mA for 2 h").0, Action::Load(Rate::Current(0.5)));
        assert_eq!(one("discharge 1.5e1W until 3V or for 30min").1, [End::Voltage(3.0), End::After(1800.0)]);
        assert_eq!(one("hold at 4.1 V for 1h until 50mA").1, [End::After(3600.0), End::Current(0.05)]);
        assert_eq!(one("discharge 2A until soc 0.2").1, [End::Soc(0.2)]);
        assert_eq!(one("discharge 2A until 0%").1, [End::Soc(0.0)]);
        assert_eq!(one("charge 2A until soc 90 %").1, [End::Soc(0.9)]);
        assert_eq!(one("rest for 2 days").1, [End::After(172_800.0)]);
        assert_eq!(steps("rest 1s;;\n rest 2s;").len(), 2);
    }

    #[test]
    fn mistakes_are_told_with_step_and_column() {
        let said = |text: &str| text.parse::<Protocol>().unwrap_err().to_string();
        assert_eq!(
            said("rest 5min; dischrge 1C until 2.5V"),
            "protocol, step 2, column 12: expected discharge, charge, hold or rest, found `dischrge`"
        );
        assert_eq!(
            said("discharge 1C"),
            "protocol, step 1, column 13: expected `until` or `for`, found the end of the step"
        );
        assert!(
            said("discharge 1 until 3V")
                .ends_with("column 13: expected a unit (C, A, mA or W), found `until`")
        );
        assert!(said("discharge -1C until 3V").contains("column 11: -1 has to be more than 0"));
        assert!(said("rest 5").contains("found the end of the step in place of the unit"));
        assert!(said("rest 5 V").contains("column 8"));
        assert!(said("charge 1C until 120%").contains("between 0 and 100 %"));
        assert!(said("charge 1C until 0V").contains("never reached"));
        assert!(said("hold 4.2V until 4.1V").contains("a hold keeps its voltage"));
        assert!(said("charge 1.2.3C until 4V").contains("`1.2.3` is no number"));
        assert!(said("charge 1C until 4V rest 5min").contains("expected the end of the step, found `rest`"));
        assert!(said("charge 1C & 4V").contains("`&` has no meaning"));
        assert_eq!(said(" ; "), "protocol, step 1, column 1: there is no step in it");
    }

    #[test]
    fn no_text_at_all_makes_the_parser_fall_over() {
        for text in [
            "é",
            "1",
            "charge",
            "charge 1",
            "hold",
            "C/",
            "charge C/",
            "rest for",
            "until",
            "charge 1C until",
            "charge 1C until soc",
        ] {
            assert!(text.parse::<Protocol>().is_err(), "{text}");
        }
    }
}
