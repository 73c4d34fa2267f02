//! The ocean plastic family through the built binary, operation by operation, held to its own document.

#![expect(clippy::unwrap_used, reason = "tests")]

mod batch;
mod caller;
#[path = "../support/coverage.rs"]
mod coverage;
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
#[path = "../support/refusal.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod refusal;
mod report;
mod season;
mod stream;
#[path = "../support/sweep.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod sweep;

use caller::{CONFIG, Door};
use coverage::Excuse;
use process::run;
use serde_json::json;

/// A report is made too quickly to be met unmade.
const EXCUSES: [Excuse; 1] = [("GET /reports/{reportId}/download", "409")];

const FAMILY: sweep::Family = sweep::Family {
    name: "ocean",
    base: caller::BASE,
    config: "[ocean]\ntier = \"enterprise\"\n",
    strange: "twins:read",
    too_long_bytes: 1 << 20,
    sample: |_| json!({}),
    done: || {
        let device = json!({
            "deviceId": "IOT-DEV-DONE", "deviceType": "vessel_tracker", "organizationId": "ORG-CLEANUP-001",
            "sensors": ["gps"],
        });
        ("/devices", device)
    },
    is_refusal: refusal::ocean,
};

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
        let mut heard = door.coverage.clone();

        let mut narrow = Door::open("[ocean]\ntier = \"free\"\n", &[]).await;
        edge::too_many(&mut narrow).await;
        heard.and(&narrow.coverage);
        heard.and(&sweep::refusals(&FAMILY).await);
        assert_eq!(heard.whole(&EXCUSES), 29);
    });
}
