//! The battery passport family through the built binary, operation by operation, held to its own document.

#![expect(clippy::unwrap_used, reason = "tests")]

mod caller;
mod circle;
mod codes;
#[path = "../support/coverage.rs"]
mod coverage;
mod edge;
mod examples;
mod operation;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
#[path = "../support/receiver.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod receiver;
#[path = "../support/refusal.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod refusal;
mod stream;
#[path = "../support/sweep.rs"]
mod sweep;
mod webhook;

use caller::{CONFIG, Door, new_battery};
use futures::FutureExt;
use process::{PASSWORD, basic, run};
use serde_json::json;
use std::panic::AssertUnwindSafe;

const FAMILY: sweep::Family = sweep::Family {
    name: "passport",
    base: caller::BASE,
    config: "[limits]\npassport_per_minute = 0\n",
    strange: "twins:read",
    too_long_bytes: 1 << 20,
    sample: |operation| match operation {
        "POST /batteries/register" => new_battery("SN-SWEPT"),
        "POST /batteries/batch" => json!({ "operations": [{ "op": "event" }] }),
        _ => json!({}),
    },
    done: || ("/batteries/register", new_battery("SN-DONE")),
    is_refusal: refusal::passport,
};

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
        let mut heard = door.coverage.clone();
        let mut narrow = Door::open("[limits]\npassport_per_minute = 3\n").await;
        edge::too_many(&mut narrow).await;
        heard.and(&narrow.coverage);
        heard.and(&sweep::refusals(&FAMILY).await);
        let counted = basic("admin", PASSWORD);
        heard.and(&sweep::too_many(&FAMILY, "[limits]\npassport_per_minute = 1\n", &counted).await);
        heard.whole(&[]);
    });
}
