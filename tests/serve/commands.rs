//! Commands without a device that answers: accepted, told again, timed out; and how hardware shall be.

use crate::process::{Serve, run};
use reqwest::{Method, StatusCode};
use serde_json::json;

#[test]
fn a_command_that_nobody_answers_times_out() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let path = format!("/twins/v1/twins/{id}/commands");
        let body = json!({ "command": "lock", "params": { "force": true }, "timeout_s": 1 });
        let (status, settled) = serve.send(Method::POST, &format!("{path}?wait_s=20"), Some(body)).await;
        assert_eq!(
            (status, settled["outcome"].as_str().unwrap()),
            (StatusCode::OK, "timed_out"),
            "{settled}"
        );
        let (status, open) =
            serve.send(Method::POST, &path, Some(json!({ "command": "lock", "timeout_s": 2 }))).await;
        assert_eq!((status, open["outcome"].as_str().unwrap()), (StatusCode::ACCEPTED, "accepted"));

        // The time-out is kept over a restart.
        serve.kill();
        let serve = Serve::start(folder.path());
        let one = format!("{path}/{}", open["id"].as_str().unwrap());
        while serve.get(&one).await["outcome"] == "accepted" {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(serve.get(&one).await["outcome"], "timed_out");
        let all = serve.get(&path).await;
        assert_eq!(all["items"].as_array().unwrap().len(), 2);
        assert_eq!(all["items"][0]["id"], open["id"], "the newest is first");

        let (status, wrong) = serve.send(Method::POST, &path, Some(json!({ "command": "no spaces" }))).await;
        assert_eq!((status, wrong["field"].as_str().unwrap()), (StatusCode::BAD_REQUEST, "command"));
    });
}

#[test]
fn what_is_wanted_differs_until_it_is_reported() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let path = format!("/twins/v1/twins/{id}");
        let wanted = json!({ "charge_limit": 0.8, "mode": "eco" });
        let (status, seen) =
            serve.send(Method::PATCH, &format!("{path}/desired"), Some(wanted.clone())).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(seen["difference"], wanted);
        assert_eq!(seen["commands_open"], 1);
        let reported = json!({ "event": "reported", "detail": { "mode": "eco", "firmware": "2.1" } });
        serve.post(&format!("{path}/events"), reported).await;
        let seen = serve.get(&path).await;
        assert_eq!(seen["difference"], json!({ "charge_limit": 0.8 }));
        assert_eq!(seen["reported"]["firmware"], "2.1");
        let (_, seen) = serve
            .send(Method::PATCH, &format!("{path}/desired"), Some(json!({ "charge_limit": null })))
            .await;
        assert_eq!(seen["difference"], json!({}));
        serve.kill();
        let serve = Serve::start(folder.path());
        assert_eq!(serve.get(&path).await["desired"], json!({ "mode": "eco" }));
    });
}
