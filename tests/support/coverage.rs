//! Which documented answers of a family were heard. What no test brought about is named, so that the list of it may only
//! shrink; and so is an answer of which the document says nothing.

use serde_json::Value;
use std::collections::BTreeSet;

/// Answers that no test from outside can bring about.
const NOT_MADE: [&str; 2] = ["500", "503"];

/// An answer that a document promises and no test brings about: operation as `GET /batteries`, and status.
pub(crate) type Excuse = (&'static str, &'static str);

/// A document, and what was heard: method, path of the document, status.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    document: Value,
    heard: BTreeSet<(String, String, String)>,
}

/// Operations of a document: path, method, and what is said of them.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().unwrap();
        item.iter().map(|(method, operation)| (path.clone(), method.to_uppercase(), operation))
    });
    operations.collect()
}

impl Coverage {
    pub(crate) fn of(document: Value) -> Self {
        Self { document, heard: BTreeSet::new() }
    }

    /// The document that answers are held to.
    #[allow(dead_code, reason = "not every family's tests look at it")]
    pub(crate) fn document(&self) -> &Value {
        &self.document
    }

    /// The document's path that a request is for; a whole segment wins over a parameter.
    fn template(&self, path: &str) -> Option<String> {
        let asked: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
        let paths = self.document["paths"].as_object().unwrap().keys();
        let fitting = paths.filter(|known| {
            let known: Vec<&str> = known.split('/').collect();
            let fits = |(known, asked): (&&str, &&str)| known.starts_with('{') || known == asked;
            known.len() == asked.len() && known.iter().zip(&asked).all(fits)
        });
        fitting.min_by_key(|known| known.matches('{').count()).cloned()
    }

    /// Takes note of an answer, which the document must know where it knows the operation.
    #[track_caller]
    pub(crate) fn hear(&mut self, method: &str, path: &str, status: u16) {
        let Some(template) = self.template(path) else { return };
        let operation = &self.document["paths"][&template][method.to_lowercase()];
        if operation.is_null() {
            return;
        }
        let status = status.to_string();
        let said = operation["responses"].get(&status);
        assert!(said.is_some(), "{method} {template} does not say that it answers {status}");
        self.heard.insert((method.to_owned(), template, status));
    }

    /// The same with what somebody else heard.
    pub(crate) fn and(&mut self, other: &Self) {
        self.heard.extend(other.heard.iter().cloned());
    }

    /// How many operations there are; each has a tag, and every documented answer of each was heard that is not excused.
    /// An excuse for what was heard after all, or is promised no more, is one too many.
    #[track_caller]
    pub(crate) fn whole(&self, excuses: &[Excuse]) -> usize {
        let operations = operations(&self.document);
        let (mut missing, mut needless) = (Vec::new(), excuses.to_vec());
        for (path, method, operation) in &operations {
            assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
            let name = format!("{method} {path}");
            for status in operation["responses"].as_object().unwrap().keys() {
                if self.heard.contains(&(method.clone(), path.clone(), status.clone())) {
                    continue;
                }
                let is_excused = excuses.contains(&(name.as_str(), status.as_str()));
                needless.retain(|excuse| *excuse != (name.as_str(), status.as_str()));
                if !is_excused && !NOT_MADE.contains(&status.as_str()) {
                    missing.push(format!("{name} {status}"));
                }
            }
        }
        assert!(missing.is_empty(), "not tried:\n{}", missing.join("\n"));
        assert!(needless.is_empty(), "excused for nothing: {needless:?}");
        operations.len()
    }
}
