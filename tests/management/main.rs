//! The battery management family through the built binary, operation by operation, held to its own document.

#![expect(clippy::unwrap_used, reason = "tests")]

mod battery;
mod cabinet;
mod caller;
mod edge;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
mod reading;

use caller::Door;
use process::run;

/// Answers that no test can bring about.
const NOT_MADE: [&str; 2] = ["500", "503"];

#[test]
fn every_operation_answers_as_its_document_says() {
    run(async {
        let mut door = Door::open("").await;
        battery::registering_and_changing(&mut door).await;
        battery::lists(&mut door).await;
        reading::readings_and_what_follows(&mut door).await;
        reading::health(&mut door).await;
        cabinet::slots(&mut door).await;
        cabinet::metrics(&mut door).await;
        cabinet::alerts(&mut door).await;
        edge::what_cannot_be_read(&mut door).await;
        edge::others_are_not_there(&mut door).await;
        edge::said_twice(&mut door).await;
        edge::beside_the_paths(&door).await;
        edge::conditions(&door).await;
        let mut heard = door.heard.clone();

        let config =
            "[http]\ncors_origins = [\"https://fleet.example\"]\n[limits]\nmanagement_per_hour = 3\n";
        let mut narrow = Door::open(config).await;
        edge::origins(&narrow).await;
        edge::too_many(&mut narrow).await;
        heard.extend(narrow.heard.iter().cloned());

        // The list is the document's: an operation or an answer that nobody tried is named here.
        let document = door.document().await;
        let mut missing = Vec::new();
        let mut operations = 0;
        for (path, method, operation) in caller::operations(&document) {
            operations += 1;
            assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
            for status in operation["responses"].as_object().unwrap().keys() {
                let is_heard = heard.contains(&(method.clone(), path.clone(), status.clone()));
                if !is_heard && !NOT_MADE.contains(&status.as_str()) {
                    missing.push(format!("{method} {path} {status}"));
                }
            }
        }
        assert_eq!(operations, 20);
        assert!(missing.is_empty(), "not tried:\n{}", missing.join("\n"));
    });
}
