//! The battery passport family through the built binary, operation by operation, held to its own document.

#![expect(clippy::unwrap_used, reason = "tests")]

mod caller;
mod circle;
mod codes;
mod edge;
mod examples;
mod operation;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
#[path = "../support/receiver.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod receiver;
mod stream;
mod webhook;

use caller::{CONFIG, Door};
use futures::FutureExt;
use process::run;
use std::panic::AssertUnwindSafe;

/// Answers that no test can bring about.
const NOT_MADE: [&str; 2] = ["500", "503"];

#[test]
fn every_operation_answers_as_its_document_says() {
    run(async {
        let mut door = Door::open(CONFIG).await;
        let mut failed = Vec::new();
        // One part that fails does not hide what is wrong with another.
        macro_rules! part {
            ($part:path) => {
                if AssertUnwindSafe($part(&mut door)).catch_unwind().await.is_err() {
                    failed.push(stringify!($part));
                }
            };
        }
        part!(examples::registration);
        part!(examples::lifecycle);
        part!(examples::carbon);
        part!(examples::materials);
        part!(examples::reports);
        part!(circle::one_figure_in_every_family);
        part!(circle::second_life_and_recycling);
        part!(circle::fleet);
        part!(circle::batch);
        part!(stream::events_as_they_happen);
        part!(webhook::events_are_told);
        part!(webhook::alerts_and_readings);
        part!(webhook::of_whose_batteries);
        part!(webhook::who_does_not_take_them);
        part!(operation::done_later);
        part!(operation::told_of);
        part!(edge::what_is_refused);
        part!(edge::who_may);
        part!(edge::said_twice);
        part!(edge::public_view);
        part!(codes::what_is_scanned);
        assert!(failed.is_empty(), "{failed:?}");
        let mut heard = door.heard.clone();
        let mut narrow = Door::open("[limits]\npassport_per_minute = 3\n").await;
        edge::too_many(&mut narrow).await;
        heard.extend(narrow.heard.iter().cloned());

        let document = door.document().await;
        let mut missing = Vec::new();
        for (path, method, operation) in caller::operations(&document) {
            assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
            for status in operation["responses"].as_object().unwrap().keys() {
                let is_heard = heard.contains(&(method.clone(), path.clone(), status.clone()));
                // What lies around all operations alike is tried on some.
                let is_common = ["401", "403", "409", "413", "415", "422", "429"].contains(&status.as_str());
                if !is_heard && !is_common && !NOT_MADE.contains(&status.as_str()) {
                    missing.push(format!("{method} {path} {status}"));
                }
            }
        }
        assert!(missing.is_empty(), "not tried:\n{}", missing.join("\n"));
    });
}
