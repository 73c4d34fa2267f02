//! Replacing a value by its path: `networks.city.charging.target_soc`.
//!
//! A path is walked along the tree and the shape at once. The shape decides which keys exist, so that a value
//! which the file leaves out can be set; the tree decides which elements and names exist.

use super::mistake::Place;
use super::nearest::{hint, quoted};
use super::node::{Entry, Node, Value};
use super::shape::{Key, Kind, Record, Shape};

/// Most steps of a path: more than any scenario is deep, with points in names to spare.
const STEPS_MAX: usize = 64;

/// Why a path could not be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// What is wrong with it.
    Says(String),
    /// It runs into a value that was reported already; there is nothing to add.
    Reported,
}

/// Puts `value` at `path`, or removes what is there when the value is null and may be left out. Returns the
/// path with element numbers in place of names.
pub(super) fn set(root: &mut Node, shape: &Shape, path: &str, value: Node) -> Result<String, Refusal> {
    let steps: Vec<&str> = path.split('.').take(STEPS_MAX + 1).collect();
    if steps.len() > STEPS_MAX {
        return Err(says(format!("a path of more than {STEPS_MAX} steps leads nowhere")));
    }
    let mut walk = Walk { walked: Vec::new(), value };
    walk.descend(root, shape, &steps)?;
    Ok(walk.walked.join("."))
}

struct Walk {
    /// The path so far, names resolved.
    walked: Vec<String>,
    value: Node,
}

impl Walk {
    /// Goes on at `node` with the steps that are left, or replaces it when there are none.
    fn descend(&mut self, node: &mut Node, shape: &Shape, steps: &[&str]) -> Result<(), Refusal> {
        if steps.is_empty() {
            *node = self.take_value();
            return Ok(());
        }
        if node.value == Value::Reported {
            return Err(Refusal::Reported);
        }
        match &shape.kind {
            Kind::Record(record) => self.enter_record(node, &[record], steps),
            Kind::Tagged(tagged) => {
                let current = node.get(&tagged.tag).and_then(Node::text).and_then(|word| tagged.case(word));
                // Keys of other cases come second: a path may be on its way from one case to another.
                let records: Vec<&Record> =
                    current.into_iter().chain(tagged.cases.iter().map(|(_, record)| record)).collect();
                self.enter_record(node, &records, steps)
            }
            Kind::Map(value, _) => self.enter_map(node, value, steps),
            Kind::List(item, _) => self.enter_list(node, steps, |_| Some(item)),
            Kind::Tuple(shapes) => self.enter_list(node, steps, |index| shapes.get(index)),
            _ => {
                let (here, step) = (self.here(), steps[0]);
                Err(says(format!("{here} is a single value and has no {}", quoted(step))))
            }
        }
    }

    /// Into the value of a known key. The first of the records that knows the key decides.
    fn enter_record(&mut self, node: &mut Node, records: &[&Record], steps: &[&str]) -> Result<(), Refusal> {
        let (step, rest) = (steps[0], &steps[1..]);
        let Some(key) = records.iter().find_map(|record| record.key(step)) else {
            let mut names: Vec<&str> = records.iter().flat_map(|record| record.names()).collect();
            names.sort_unstable();
            names.dedup();
            return Err(says(format!("{} has no {}{}", self.here(), quoted(step), hint(step, names))));
        };
        let may_be_left_out = !(key.required && records[0].key(step).is_some());
        let entries = self.entries_of(node)?;
        let at = entries.iter().position(|entry| entry.key == step);
        if rest.is_empty() && self.value.value == Value::Null && may_be_left_out {
            if let Some(at) = at {
                entries.remove(at);
            }
            self.walked.push(step.to_owned());
            return Ok(());
        }
        if at.is_none() {
            if !rest.is_empty() {
                self.check_can_begin(key)?;
            }
            entries.push(self.empty_entry(step));
        }
        self.walked.push(step.to_owned());
        let inside = at.unwrap_or(entries.len() - 1);
        let done = self.descend(&mut entries[inside].value, &key.shape, rest);
        if at.is_none() && done.is_err() {
            entries.pop();
        }
        done
    }

    /// Into an entry of a mapping with names for keys. A name may itself contain points.
    fn enter_map(&mut self, node: &mut Node, shape: &Shape, steps: &[&str]) -> Result<(), Refusal> {
        let entries = self.entries_of(node)?;
        let spelled =
            |entry: &Entry| (1..=steps.len()).rev().find(|count| steps[..*count].join(".") == entry.key);
        let found = entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Some((spelled(entry)?, at)))
            .max_by_key(|(count, _)| *count);
        let all = steps.join(".");
        match found {
            Some((count, at)) if count == steps.len() && self.value.value == Value::Null => {
                self.walked.push(all);
                entries.remove(at);
                Ok(())
            }
            Some((count, at)) => {
                self.walked.push(entries[at].key.clone());
                self.descend(&mut entries[at].value, shape, &steps[count..])
            }
            // A new name comes with all that belongs to it; anything less is a mistyped one.
            None if matches!(self.value.value, Value::Mapping(_)) || shape.kind == Kind::Any => {
                let entry = self.empty_entry(&all);
                entries.push(Entry { value: self.take_value(), ..entry });
                self.walked.push(all);
                Ok(())
            }
            None => {
                let names = entries.iter().map(|entry| entry.key.as_str());
                let hint = hint(steps[0], names);
                Err(says(format!("{} has no {}{hint}", self.here(), quoted(steps[0]))))
            }
        }
    }

    /// Into an element, by its number from 0 or by its name.
    fn enter_list<'s>(
        &mut self,
        node: &mut Node,
        steps: &[&str],
        shape_of: impl Fn(usize) -> Option<&'s Shape>,
    ) -> Result<(), Refusal>
    where
        Shape: 's,
    {
        let here = self.here();
        let Value::List(elements) = &mut node.value else {
            return Err(says(format!("{here} is not a list, so it has no {}", quoted(steps[0]))));
        };
        let (count, index) = find_element(elements, steps).ok_or_else(|| {
            let number = match elements.len() {
                0 => "it is empty".to_owned(),
                1 => "it has one element, number 0".to_owned(),
                n => format!("its {n} elements are numbered from 0 to {}", n - 1),
            };
            let names: Vec<&str> = elements.iter().filter_map(name_of).collect();
            let hint = if names.is_empty() { String::new() } else { hint(steps[0], names) };
            says(format!("{here} has no {}: {number}{hint}", quoted(steps[0])))
        })?;
        self.walked.push(index.to_string());
        match shape_of(index) {
            Some(shape) => self.descend(&mut elements[index], shape, &steps[count..]),
            None => Err(Refusal::Reported), // longer than its shape allows
        }
    }

    /// The entries of a node that is a mapping, or becomes one where nothing was written.
    fn entries_of<'n>(&self, node: &'n mut Node) -> Result<&'n mut Vec<Entry>, Refusal> {
        if node.value == Value::Null {
            *node = Node::new(self.value.place, Value::Mapping(Vec::new()));
        }
        match &mut node.value {
            Value::Mapping(entries) => Ok(entries),
            Value::Reported => Err(Refusal::Reported),
            _ => Err(says(format!("{} is not a mapping", self.here()))),
        }
    }

    /// Whether a key that the file leaves out can be begun with one value inside it.
    fn check_can_begin(&self, key: &Key) -> Result<(), Refusal> {
        match key.shape.kind {
            Kind::Record(_) | Kind::Tagged(_) | Kind::Map(..) => Ok(()),
            Kind::List(..) | Kind::Tuple(_) => {
                Err(says(format!("{} leaves {} out, so it has no elements yet", self.here(), key.name)))
            }
            _ => Err(says(format!("{} is a single value", key.name))),
        }
    }

    fn empty_entry(&self, key: &str) -> Entry {
        let place: Place = self.value.place;
        Entry { key: key.to_owned(), place, value: Node::new(place, Value::Null) }
    }

    fn take_value(&mut self) -> Node {
        let place = self.value.place;
        std::mem::replace(&mut self.value, Node::new(place, Value::Null))
    }

    /// The path so far, for a sentence.
    fn here(&self) -> String {
        if self.walked.is_empty() { "the scenario".to_owned() } else { self.walked.join(".") }
    }
}

/// How many steps an element takes, and which it is. A name may itself contain points.
fn find_element(elements: &[Node], steps: &[&str]) -> Option<(usize, usize)> {
    if let Some(index) = steps[0].parse().ok().filter(|index| *index < elements.len()) {
        return Some((1, index));
    }
    (1..=steps.len()).rev().find_map(|count| {
        let name = steps[..count].join(".");
        let index = elements.iter().position(|element| name_of(element) == Some(&name))?;
        Some((count, index))
    })
}

fn name_of(element: &Node) -> Option<&str> {
    element.get("name")?.text()
}

fn says(message: String) -> Refusal {
    Refusal::Says(message)
}

#[cfg(test)]
mod tests {
    use super::super::mistake::Findings;
    use super::super::tree;
    use super::*;

    const FILE: &str = "
name: x
climate: {city: Pune}
charging:
batteries:
  lfp: {chemistry: c, series: 13}
  lfp-3.2: {chemistry: d, series: 4}
networks:
- name: city
  packs: 5
- name: out.town
  packs: 7
packs:
- name: p
  duty: {kind: standby, depth: 0.5}
";

    fn read(text: &str) -> Node {
        tree::parse(text.as_bytes(), 0, &mut Findings::default()).unwrap()
    }

    fn patched(path: &str, value: &str) -> Result<(String, String), Refusal> {
        let mut root = read(FILE);
        let value = read(&format!("v: {value}")).entries()[0].value.clone();
        let canonical = set(&mut root, Shape::scenario(), path, value)?;
        let shown = canonical.split('.').next().unwrap().to_owned();
        Ok((canonical, root.get(&shown).map(Node::brief).unwrap_or_default()))
    }

    #[track_caller]
    fn check(path: &str, value: &str, canonical: &str, shown: &str) {
        let (found, brief) = patched(path, value).unwrap();
        assert_eq!((found.as_str(), brief.as_str()), (canonical, shown));
    }

    #[track_caller]
    fn check_refused(path: &str, value: &str, expected: &str) {
        assert_eq!(patched(path, value), Err(Refusal::Says(expected.to_owned())));
    }

    #[test]
    fn values_are_found_by_key_number_and_name() {
        check("name", "y", "name", "y");
        check(
            "networks.0.packs",
            "9",
            "networks.0.packs",
            "[{name: city, packs: 9}, {name: out.town, packs: 7}]",
        );
        check(
            "networks.city.packs",
            "9",
            "networks.0.packs",
            "[{name: city, packs: 9}, {name: out.town, packs: 7}]",
        );
        check(
            "networks.out.town.packs",
            "9",
            "networks.1.packs",
            "[{name: city, packs: 5}, {name: out.town, packs: 9}]",
        );
        check(
            "batteries.lfp-3.2.series",
            "5",
            "batteries.lfp-3.2.series",
            "{lfp: {chemistry: c, series: 13}, lfp-3.2: {chemistry: d, series: 5}}",
        );
    }

    #[test]
    fn what_the_file_leaves_out_can_be_set() {
        check("seed", "7", "seed", "7");
        check("energy.solar.clearness", "0.5", "energy.solar.clearness", "{solar: {clearness: 0.5}}");
        check("output.swap_events", "false", "output.swap_events", "{swap_events: false}");
        check(
            "batteries.new",
            "{chemistry: e}",
            "batteries.new",
            "{lfp: {chemistry: c, series: 13}, lfp-3.2: {chemistry: d, series: 4}, new: {chem…",
        );
    }

    #[test]
    fn null_removes_what_may_be_left_out() {
        check("climate.city", "null", "climate.city", "{}");
        check("climate", "null", "climate", "");
        check("batteries.lfp", "null", "batteries.lfp", "{lfp-3.2: {chemistry: d, series: 4}}");
        check(
            "packs.p.duty.depth",
            "null",
            "packs.0.duty.depth",
            "[{name: p, duty: {kind: standby, depth: null}}]",
        );
        check(
            "packs.p.duty.steps",
            "null",
            "packs.0.duty.steps",
            "[{name: p, duty: {kind: standby, depth: 0.5}}]",
        );
    }

    #[test]
    fn unknown_segments_name_the_nearest() {
        check_refused("climat.city", "x", "the scenario has no \"climat\": did you mean climate?");
        check_refused(
            "networks.citty.packs",
            "1",
            "networks has no \"citty\": its 2 elements are numbered from 0 to 1: did you mean city?",
        );
        check_refused(
            "networks.2.packs",
            "1",
            "networks has no \"2\": its 2 elements are numbered from 0 to 1; known here: city, out.town",
        );
        check_refused("batteries.lpf.series", "1", "batteries has no \"lpf\": did you mean lfp?");
        check_refused(
            "networks.0.charging.target",
            "1",
            "networks.0.charging has no \"target\": did you mean target_soc?",
        );
        check_refused("packs.0.duty.dept", "1", "packs.0.duty has no \"dept\": did you mean depth?");
        check_refused("name.first", "1", "name is a single value and has no \"first\"");
        check_refused("faults.0.at_day", "1", "the scenario leaves faults out, so it has no elements yet");
        check_refused(&"a.".repeat(100), "1", "a path of more than 64 steps leads nowhere");
        check_refused("seed.x", "1", "seed is a single value");
        check_refused(
            "",
            "1",
            "the scenario has no \"\"; known here: batteries, cleanups, climate, data_centres, description, energy, faults, horizon_days, horizon_years, name, networks, output, packs, replicates, second_lives, seed, start, utc_offset_h, variants",
        );
    }
}
