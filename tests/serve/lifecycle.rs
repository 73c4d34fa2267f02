//! Starting, stopping, being killed, and starting again.

use crate::process::{PASSWORD, Serve, ago_ms, command, run, terminate};
use serde_json::json;
use std::process::Command;
use std::time::Duration;

#[test]
fn what_was_accepted_is_there_after_a_stop_and_after_a_kill() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let begin = ago_ms(3_600);
        let reading = |k: i64| json!({ "ts": begin + k * 1_000, "voltage_v": 47.5, "current_a": 2.0 });
        let mut accepted = 0i64;
        let mut id = String::new();
        for round in 0..4 {
            let serve = Serve::start(folder.path());
            if round == 0 {
                id = serve.battery("B-1").await;
            }
            let path = format!("/twins/v1/twins/{id}");
            let seen = serve.get(&path).await;
            assert_eq!(seen["readings"], accepted, "round {round}");
            let history = serve.get(&format!("{path}/history?metrics=voltage_v")).await;
            let points = history["series"][0]["points"].as_array().map_or(0, Vec::len) as i64;
            assert_eq!(points, accepted);
            for _ in 0..40 {
                serve.post(&format!("{path}/telemetry"), reading(accepted)).await;
                accepted += 1;
            }
            let charged = serve.get(&path).await["battery"]["discharged_ah"].as_f64().unwrap();
            let expected = 2.0 * (accepted - 1) as f64 / 3_600.0;
            assert!((charged - expected).abs() < 1e-9, "{charged} {expected}");
            if round % 2 == 0 {
                serve.kill();
            } else {
                let (status, took) = serve.stop();
                assert_eq!(status.code(), Some(0));
                assert!(took < Duration::from_secs(10), "{took:?}");
            }
        }
        let audit = Command::new(env!("CARGO_BIN_EXE_celltide"))
            .args(["audit", "verify", "--data", "data"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stderr));
    });
}

#[test]
fn one_that_streams_to_listeners_stops_as_quickly() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        let listening =
            serve.request(reqwest::Method::GET, "/twins/v1/events?event=telemetry").send().await.unwrap();
        assert_eq!(listening.headers()["content-type"], "text/event-stream");
        let body = tokio::spawn(async move { listening.text().await });
        let reading = json!({ "ts": ago_ms(1), "voltage_v": 47.5, "current_a": 2.0 });
        serve.post(&format!("/twins/v1/twins/{id}/telemetry"), reading).await;
        let (status, took) = serve.stop();
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(10), "{took:?}");
        let heard = body.await.unwrap().unwrap();
        assert!(heard.contains("event: telemetry") && heard.contains(&id), "{heard}");
    });
}

#[test]
fn a_backup_can_be_made_while_it_runs() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let id = serve.battery("B-1").await;
        assert!(serve.grpc.starts_with("http://127.0.0.1:") && !serve.grpc.ends_with(":0"));
        let celltide = |args: &[&str]| {
            let done =
                Command::new(env!("CARGO_BIN_EXE_celltide")).args(args).current_dir(folder.path()).output();
            let done = done.unwrap();
            assert!(done.status.success(), "{args:?} {}", String::from_utf8_lossy(&done.stderr));
        };
        celltide(&["backup", "--data", "data", "--to", "copy"]);
        celltide(&["audit", "verify", "--data", "data"]);
        celltide(&["restore", "--from", "copy", "--data", "other"]);
        let other = Serve::with(folder.path(), &["--data", "other"], &[]);
        assert_eq!(other.get("/twins/v1/twins/B-1").await["id"], id.as_str());
    });
}

#[test]
fn bad_configuration_ends_with_2_and_names_the_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrong.toml"), "[http]\nadress = \"127.0.0.1:0\"\n").unwrap();
    let refused = |args: &[&str], environment: &[(&str, &str)], says: &[&str]| {
        let done = command(folder.path(), args).envs(environment.iter().copied()).output().unwrap();
        let stderr = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{args:?} {stderr}");
        assert!(done.stdout.is_empty());
        says.iter().for_each(|part| assert!(stderr.contains(part), "{part}: {stderr}"));
    };
    refused(&["--config", "wrong.toml"], &[], &["wrong.toml", "adress", "`addr`"]);
    refused(&["--config", "none.toml"], &[], &["none.toml"]);
    refused(
        &["--ephemeral"],
        &[("CELLTIDE_PLATFORM__SILENCE", "3")],
        &["CELLTIDE_PLATFORM__SILENCE", "`silence_s`"],
    );
    refused(&["--data", "data"], &[("CELLTIDE_ADMIN_PASSWORD", "short")], &["CELLTIDE_ADMIN_PASSWORD"]);
    refused(&["--ephemeral", "--data", "data"], &[], &["--data"]);
    refused(&["--ephemeral"], &[("CELLTIDE_LOG__LEVEL", "=nonsense=")], &["log.level"]);
    assert!(!folder.path().join("data").exists());
}

#[test]
fn ephemeral_data_goes_with_the_process_and_a_folder_is_open_once() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("temporary");
        std::fs::create_dir(&temporary).unwrap();
        let place = temporary.to_str().unwrap();
        let serve = Serve::with(folder.path(), &["--ephemeral"], &[("TMPDIR", place)]);
        serve.battery("B-1").await;
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 1);
        assert_eq!(serve.stop().0.code(), Some(0));
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);

        let first = Serve::start(folder.path());
        let second = command(folder.path(), &["--data", "data"]).output().unwrap();
        assert_eq!(second.status.code(), Some(2), "{}", String::from_utf8_lossy(&second.stderr));
        drop(first);
    });
}

#[test]
fn the_password_is_told_once_where_none_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let first = |folder: &std::path::Path| {
        let mut child =
            command(folder, &["--data", "data"]).env_remove("CELLTIDE_ADMIN_PASSWORD").spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.as_mut().unwrap()), &mut line)
            .unwrap();
        terminate(child.id());
        String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
    };
    let told = first(folder.path());
    assert!(told.contains("the administrator is `admin`, with the password "), "{told}");
    assert!(!told.contains(PASSWORD));
    assert!(!first(folder.path()).contains("password"));
}
