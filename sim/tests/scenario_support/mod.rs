//! What the scenario tests share.

use sim::scenario::{self, Known, Mistakes, Plan};
use std::path::{Path, PathBuf};

/// Where the fixtures lie.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios_broken")
}

/// The text of a fixture.
pub(crate) fn fixture(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).expect("the fixtures are part of the tests")
}

/// The built-in names that the fixtures use, and a few to mistake them for.
pub(crate) fn known() -> Known {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Known {
        chemistries: names(&["lfp-example", "nmc-example"]),
        cities: names(&["Pune", "Nairobi", "Kigali"]),
        grids: names(&["IN-WE", "KE"]),
        cycles: names(&["town", "highway"]),
    }
}

/// Reads a text as if it were a file called `s.yaml` among the fixtures.
pub(crate) fn parse(text: &(impl AsRef<[u8]> + ?Sized)) -> Result<Plan, Mistakes> {
    parse_with(text, &[])
}

/// The same with `--set` values.
pub(crate) fn parse_with(
    text: &(impl AsRef<[u8]> + ?Sized),
    sets: &[(&str, &str)],
) -> Result<Plan, Mistakes> {
    let sets: Vec<_> = sets.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect();
    scenario::parse(text.as_ref(), "s.yaml", &folder(), &sets, &known())
}
