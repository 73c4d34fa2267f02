//! The ocean plastic family through the built binary, operation by operation, held to its own document.

#![expect(clippy::unwrap_used, reason = "tests")]

mod batch;
mod caller;
mod device;
mod edge;
mod facility;
mod figures;
mod notification;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
mod public;
#[path = "../support/receiver.rs"]
mod receiver;
mod report;
mod season;
mod stream;

use caller::{CONFIG, Door};
use process::run;

/// Answers that no test can bring about.
const NOT_MADE: [&str; 2] = ["500", "503"];

#[test]
fn every_operation_answers_as_its_document_says() {
    run(async {
        let mut door = Door::open(CONFIG, &[]).await;
        edge::tokens_and_keys(&mut door).await;
        batch::registering(&mut door).await;
        batch::what_is_wrong_with_a_batch(&mut door).await;
        batch::its_way(&mut door).await;
        batch::lists(&mut door).await;
        batch::taking_back_and_parting(&mut door).await;
        device::registering_and_hearing(&mut door).await;
        facility::registering_and_receiving(&mut door).await;
        figures::analytics(&mut door).await;
        figures::search(&mut door).await;
        report::four_forms(&mut door).await;
        notification::subscriptions(&mut door).await;
        public::label_and_page(&mut door).await;
        stream::updates(&mut door).await;
        edge::others_are_not_there(&mut door).await;
        edge::what_cannot_be_read(&mut door).await;
        edge::said_twice(&mut door).await;
        edge::aliases_and_versions(&mut door).await;
        let mut heard = door.heard.clone();

        let mut narrow = Door::open("[ocean]\ntier = \"free\"\n", &[]).await;
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
                // Nothing can be wrong with a request without parameters; a report is made too quickly to be met unmade.
                let is_beyond = [("/notifications", "422"), ("/reports/{reportId}/download", "409")]
                    .contains(&(path.as_str(), status.as_str()));
                if !is_heard && !is_beyond && !NOT_MADE.contains(&status.as_str()) {
                    missing.push(format!("{method} {path} {status}"));
                }
            }
        }
        assert_eq!(operations, 29);
        assert!(missing.is_empty(), "not tried:\n{}", missing.join("\n"));
    });
}
