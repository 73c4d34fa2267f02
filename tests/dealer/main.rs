//! The dealer operations family through the built binary, operation by operation, held to its own document; and its
//! rules held to calculations of another kind.

#![expect(clippy::unwrap_used, reason = "tests")]

mod batteries;
mod books;
#[path = "../support/coverage.rs"]
mod coverage;
mod crash;
mod desk;
mod edges;
mod figures;
#[path = "../support/folder.rs"]
mod folder;
mod lateness;
mod lender;
mod loans;
mod messages;
mod papers;
mod people;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
#[path = "../support/refusal.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod refusal;
mod schedule;
mod service;
#[path = "../support/sweep.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod sweep;
mod tenancy;

use desk::{Desk, TRIAL};
use process::run;
use serde_json::json;

const FAMILY: sweep::Family = sweep::Family {
    name: "dealer",
    base: "/api",
    config: TRIAL,
    strange: "twins:read",
    too_long_bytes: 1 << 20,
    sample: |_| json!({}),
    done: || ("/batteries", json!({ "serial_number": "SWEPT" })),
    is_refusal: refusal::dealer,
};

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
        let mut heard = desk.coverage.clone();
        drop(desk);

        let narrow = format!("{}\n[dealer]\ntest_endpoints = true\n", edges::NARROW);
        let mut narrow = Desk::open(&narrow).await;
        edges::too_many(&mut narrow).await;
        heard.and(&narrow.coverage);
        heard.and(&sweep::refusals(&FAMILY).await);
        assert_eq!(heard.whole(&[]), 56);
    });
}
