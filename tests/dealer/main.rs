//! The dealer operations family through the built binary, operation by operation, held to its own document; and its
//! rules held to calculations of another kind.

#![expect(clippy::unwrap_used, reason = "tests")]

mod batteries;
mod books;
mod crash;
mod desk;
mod edges;
mod figures;
mod lateness;
mod lender;
mod loans;
mod messages;
mod papers;
mod people;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
mod schedule;
mod service;
mod tenancy;

use desk::{Desk, TRIAL};
use process::run;

/// Answers that no test can bring about.
const NOT_MADE: [&str; 4] = ["409", "422", "500", "503"];

#[test]
fn every_operation_answers_as_its_document_says() {
    run(async {
        let mut desk = Desk::open(TRIAL).await;
        let world = people::people(&mut desk).await;
        papers::papers(&mut desk, &world).await;
        batteries::batteries(&mut desk, &world).await;
        loans::loans(&mut desk, &world).await;
        lateness::lateness(&mut desk, &world).await;
        service::service(&mut desk, &world).await;
        messages::messages(&mut desk, &world).await;
        figures::figures(&mut desk, &world).await;
        batteries::trials(&mut desk, &world).await;
        tenancy::others_see_nothing(&mut desk, &world).await;
        edges::what_cannot_be_read(&mut desk, &world).await;
        edges::beside_the_paths(&desk).await;
        desk.good("dealer", "POST", "/auth/logout", None).await;
        let answer = desk.call("dealer", "GET", "/auth/me", None).await;
        answer.is(401, "Authentication required");
        edges::nothing_personal_is_said(&desk).await;
        let mut heard = desk.heard.clone();
        drop(desk);

        let narrow = format!("{}\n[dealer]\ntest_endpoints = true\n", edges::NARROW);
        let mut narrow = Desk::open(&narrow).await;
        edges::too_many(&mut narrow).await;
        heard.extend(narrow.heard.iter().cloned());

        // The list is the document's: an operation or an answer that nobody tried is named here.
        let mut missing = Vec::new();
        let mut operations = 0;
        for (path, method, operation) in desk::operations(&narrow.document) {
            operations += 1;
            assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
            for status in operation["responses"].as_object().unwrap().keys() {
                let is_heard = heard.contains(&(method.clone(), path.clone(), status.clone()));
                let is_made = !NOT_MADE.contains(&status.as_str()) && !edges::cannot(&path, &method, status);
                if !is_heard && is_made {
                    missing.push(format!("{method} {path} {status}"));
                }
            }
        }
        assert_eq!(operations, 56);
        assert!(missing.is_empty(), "not tried:\n{}", missing.join("\n"));
    });
}
