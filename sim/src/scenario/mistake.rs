//! What is wrong with a scenario, and where.

use super::nearest::shown;
use std::fmt;

/// Mistakes listed before looking for more is given up: a file of another kind should not fill the screen.
const LISTED_MAX: usize = 1000;

/// One mistake in a scenario file, or in a value given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file as the caller named it, or the `--set PATH=VALUE` at fault.
    pub file: String,
    /// Line in the file, from 1; 0 where there is no line to point at.
    pub line: usize,
    /// Column in characters, from 1; 0 where there is no line to point at.
    pub column: usize,
    /// Path of the value, `networks.0.charging.target_soc`; empty for the file as a whole.
    pub path: String,
    /// What is wrong and, where it can be said, what to write instead.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Every mistake of a scenario, in the order of the file; never empty when returned as an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl Mistakes {
    /// A single mistake that belongs to no line, such as a file that cannot be read.
    pub fn of_file(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Mistake {
            file: file.into(),
            line: 0,
            column: 0,
            path: String::new(),
            message: message.into(),
        }])
    }
}

impl fmt::Display for Mistakes {
    /// One mistake a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Where a value stands: in the scenario file, or in one of the texts given beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// 0 is the scenario file, `n` the n-th `--set`.
    pub(super) source: u16,
    /// Line, from 1.
    pub(super) line: u32,
    /// Column in characters, from 1.
    pub(super) column: u32,
}

impl Place {
    /// The beginning of a source.
    pub(super) fn start(source: u16) -> Self {
        Self { source, line: 1, column: 1 }
    }
}

/// Path to a value while walking down to it; written out only when there is something to say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trail<'a> {
    /// The whole scenario.
    Root,
    /// The value of a key.
    Key(&'a Trail<'a>, &'a str),
    /// An element of a list, from 0.
    Index(&'a Trail<'a>, usize),
}

impl<'a> Trail<'a> {
    /// The value of `key` in here.
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    /// The element at `index` in here.
    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = match self {
            Trail::Root => return Ok(()),
            Trail::Key(parent, _) | Trail::Index(parent, _) => parent,
        };
        if !matches!(parent, Trail::Root) {
            write!(f, "{parent}.")?;
        }
        match self {
            Trail::Root => Ok(()),
            Trail::Key(_, key) => f.write_str(&shown(key)),
            Trail::Index(_, index) => write!(f, "{index}"),
        }
    }
}

/// A mistake before it is known under which file name it will be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) message: String,
}

/// Collects findings, up to a thousand.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    unlisted: bool,
}

impl Findings {
    /// Notes one.
    pub(super) fn add(&mut self, place: Place, path: impl fmt::Display, message: impl Into<String>) {
        if self.is_full() {
            self.unlisted = true;
            return;
        }
        self.list.push(Finding { place, path: path.to_string(), message: message.into() });
    }

    /// Whether so much was found that further search is pointless.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= LISTED_MAX
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// What was found so far.
    pub(super) fn list(&self) -> &[Finding] {
        &self.list
    }

    /// The mistakes as callers see them; `sets` are the texts of the `--set` values in order.
    pub(super) fn into_mistakes(mut self, file: &str, sets: &[String]) -> Mistakes {
        self.list.sort_by_key(|finding| finding.place);
        let mut mistakes: Vec<Mistake> = self
            .list
            .into_iter()
            .map(|Finding { place, path, message }| match place.source {
                0 => Mistake {
                    file: file.to_owned(),
                    line: place.line as usize,
                    column: place.column as usize,
                    path,
                    message,
                },
                n => {
                    let set = sets.get(usize::from(n) - 1).map_or("", String::as_str);
                    Mistake { file: format!("--set {}", shown(set)), line: 0, column: 0, path, message }
                }
            })
            .collect();
        if self.unlisted {
            let rest = format!("and more: only the first {LISTED_MAX} mistakes are listed");
            mistakes.extend(Mistakes::of_file(file, rest).0);
        }
        Mistakes(mistakes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_one_line_with_file_and_line_first() {
        let mistake = Mistake {
            file: "a.yaml".into(),
            line: 7,
            column: 3,
            path: "networks.0.packs".into(),
            message: "missing key".into(),
        };
        assert_eq!(mistake.to_string(), "a.yaml:7: networks.0.packs: missing key");
        assert_eq!(Mistakes::of_file("a.yaml", "gone").to_string(), "a.yaml: gone");
    }

    #[test]
    fn findings_come_out_in_the_order_of_the_file_with_set_values_last() {
        let mut findings = Findings::default();
        findings.add(Place { source: 1, line: 1, column: 1 }, "seed", "third");
        findings.add(Place { source: 0, line: 9, column: 1 }, "b", "second");
        findings.add(Place { source: 0, line: 2, column: 5 }, "a", "first");
        let mistakes = findings.into_mistakes("x.yaml", &["seed=no".to_owned()]);
        assert_eq!(
            mistakes.to_string(),
            "x.yaml:2: a: first\nx.yaml:9: b: second\n--set seed=no: seed: third"
        );
    }

    #[test]
    fn a_flood_of_findings_is_cut_off() {
        let mut findings = Findings::default();
        for _ in 0..LISTED_MAX + 5 {
            findings.add(Place::start(0), "", "again");
        }
        let mistakes = findings.into_mistakes("x.yaml", &[]);
        assert_eq!(mistakes.0.len(), LISTED_MAX + 1);
        assert_eq!(mistakes.0[LISTED_MAX].message, "and more: only the first 1000 mistakes are listed");
    }

    #[test]
    fn a_trail_reads_as_a_dotted_path() {
        let root = Trail::Root;
        let networks = root.key("networks");
        let first = networks.index(0);
        assert_eq!(first.key("packs").to_string(), "networks.0.packs");
        assert_eq!(root.key("a\nb").to_string(), "\"a\\nb\"");
        assert_eq!(Trail::Root.to_string(), "");
    }
}
