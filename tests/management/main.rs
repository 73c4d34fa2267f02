//! The battery management family through the built binary, operation by operation, held to its own document.

#![expect(clippy::unwrap_used, reason = "tests")]

mod battery;
mod cabinet;
mod caller;
#[path = "../support/coverage.rs"]
mod coverage;
mod edge;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
mod reading;

use caller::Door;
use process::run;

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
        edge::two_of_a_name(&mut door).await;
        edge::said_twice(&mut door).await;
        edge::beside_the_paths(&door).await;
        edge::conditions(&door).await;
        let config =
            "[http]\ncors_origins = [\"https://fleet.example\"]\n[limits]\nmanagement_per_hour = 3\n";
        let mut narrow = Door::open(config).await;
        edge::origins(&narrow).await;
        edge::too_many(&mut narrow).await;
        let mut heard = door.coverage.clone();
        heard.and(&narrow.coverage);
        assert_eq!(heard.whole(&[]), 20);
    });
}
