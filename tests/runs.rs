//! What-if runs of the built binary, over HTTP: ordered, watched, read, cancelled, cut off, and kept from others.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "serve/process.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod process;
mod support;

use api::client::{Client, ClientError, Credentials, Run, Submit};
use process::{COURIERS, PASSWORD, Serve, run};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sim::runs::State;
use std::path::Path;
use std::time::Duration;
use support::{FILES, Place, SMALL};

fn basic(name: &str, password: &str) -> Credentials {
    Credentials::Basic { name: name.to_owned(), password: password.to_owned() }
}

fn admin(serve: &Serve) -> Client {
    Client::new(serve.http.clone(), basic("admin", PASSWORD))
}

/// A user with a role, of an organisation or none.
async fn user(serve: &Serve, name: &str, role: &str, organisation: Option<&str>) -> Client {
    let password = "tide-pool-17";
    let body =
        json!({ "username": name, "password": password, "roles": [role], "organisation": organisation });
    admin(serve).call::<Value>(Method::POST, "/admin/users", Some(&body)).await.unwrap();
    Client::new(serve.http.clone(), basic(name, password))
}

/// A run that would take hours.
fn long() -> Submit {
    let mut submit = Submit::of(COURIERS);
    submit.set.insert("packs.courier.count".to_owned(), json!(50));
    submit.set.insert("output".to_owned(), json!({ "interval_days": 365 }));
    (submit.horizon_days, submit.replicates) = (Some(36_500.0), Some(20));
    submit
}

async fn until(client: &Client, id: &str, fits: impl Fn(&Run) -> bool) -> Run {
    loop {
        let seen = client.run(id).await.unwrap();
        if fits(&seen) {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> (u16, String, String) {
    match answer {
        Err(ClientError::Refused { status, field, detail }) => {
            (status.as_u16(), field.unwrap_or_default(), detail)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_leaves_what_the_command_leaves() {
    run(async {
        let place = Place::with(SMALL);
        let serve = Serve::start(place.path());
        let client = admin(&serve);
        let mut submit = Submit::of(SMALL);
        submit.set.insert("networks.town.riders.count".to_owned(), json!(12));
        (submit.seed, submit.replicates, submit.horizon_days) = (Some(77), Some(2), Some(4.0));
        let ordered = client.run_submit(&submit).await.unwrap();
        assert!(ordered.state.is_open() && ordered.results.is_empty());
        let done = until(&client, &ordered.id, |run| !run.state.is_open()).await;
        assert_eq!((done.state, done.partial, done.reason), (State::Done, false, None));
        let mut named = done.results.clone();
        named.sort();
        assert_eq!(named, FILES);

        place.good(&[
            "run",
            "s.yaml",
            "--out",
            "out",
            "--seed",
            "77",
            "--replicates",
            "2",
            "--set",
            "horizon_days=4",
            "--set",
            "networks.town.riders.count=12",
            "--quiet",
        ]);
        for file in FILES.into_iter().filter(|name| name.ends_with(".parquet")) {
            let read = client.run_file(&ordered.id, file).await.unwrap();
            assert!(read == place.read(&format!("out/{file}")), "{file} differs");
        }
        let mut summary = client.run_summary(&ordered.id).await.unwrap();
        summary.as_object_mut().unwrap().remove("wall_time_s").unwrap();
        assert_eq!(summary, place.summary("out"));
        let page = client.run_file(&ordered.id, "report.html").await.unwrap();
        assert!(page.starts_with(b"<!doctype html>"));
        let none = refused(client.run_file(&ordered.id, "../order.json").await);
        assert_eq!(none.0, 404);
        assert_eq!(refused(client.run_file(&ordered.id, "order.json").await).0, 404);

        // YAML as it is, with what is different in the query.
        let path = "/twins/v1/runs?horizon_days=2&seed=5";
        let yaml =
            serve.request(Method::POST, path).header("content-type", "application/yaml").body(COURIERS);
        let answer = yaml.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let location = answer.headers()["location"].to_str().unwrap().to_owned();
        let second: Run = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert!(location.ends_with(&second.id));
        let listed = client.runs().await.unwrap();
        let ids: Vec<&str> = listed.items.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids, [second.id.as_str(), ordered.id.as_str()], "the newest first");
        until(&client, &second.id, |run| run.state == State::Done).await;
    });
}

#[test]
fn what_is_wrong_is_said_and_no_file_of_the_machine_is_read() {
    run(async {
        let place = Place::new();
        std::fs::create_dir(place.join("offered")).unwrap();
        let hours = (0..31 * 24).map(|h| format!("2026-01-{:02}T{:02}:00,20\n", h / 24 + 1, h % 24));
        let weather = format!("time_local,temperature_degC\n{}", hours.collect::<String>());
        place.write("offered/w.csv", &weather);
        place.write("secret.csv", &weather);
        let environment = [("CELLTIDE_RUNS__TWIN_DAYS_MAX", "100"), ("CELLTIDE_RUNS__FILES", "offered")];
        let serve = Serve::with(place.path(), &["--data", "data"], &environment);
        let client = admin(&serve);
        let submit = |path: &str, value: Value| {
            let mut submit = Submit::of(COURIERS);
            submit.set.insert(path.to_owned(), value);
            submit
        };
        let (status, field, detail) =
            refused(client.run_submit(&submit("packs.courier.count", json!(0))).await);
        assert_eq!((status, field.as_str()), (400, "packs.0.count"), "{detail}");
        let wrong = Submit::of("name: x\nhorizon_days: 1\nclimate: {}\nbatterys: {}\n");
        let (status, _, detail) = refused(client.run_submit(&wrong).await);
        assert!(status == 400 && detail.lines().count() >= 2 && detail.contains("scenario:4"), "{detail}");
        let (status, field, detail) =
            refused(client.run_submit(&submit("packs.courier.count", json!(11))).await);
        assert_eq!((status, field.as_str()), (400, "scenario"));
        assert!(detail.contains("110 twin-days"), "{detail}");

        let secret = place.join("secret.csv");
        for file in [secret.to_str().unwrap(), "../secret.csv", "/etc/passwd", "/dev/zero", "none.csv"] {
            let answer = client.run_submit(&submit("climate", json!({ "file": file }))).await;
            let (status, field, detail) = refused(answer);
            assert_eq!((status, field.as_str()), (400, "climate.file"), "{detail}");
            assert!(detail.contains("is not among the files that are offered here"), "{detail}");
        }
        let good = client.run_submit(&submit("climate", json!({ "file": "w.csv" }))).await.unwrap();
        let ended = until(&client, &good.id, |run| !run.state.is_open()).await;
        assert_eq!((ended.state, ended.reason), (State::Done, None));

        let call =
            async |body: Value| refused(client.call::<Value>(Method::POST, "/runs", Some(&body)).await);
        let (status, field, detail) = call(json!({ "fork": { "twins": ["B-1"] } })).await;
        assert_eq!((status, field.as_str()), (400, "fork"));
        assert!(detail.contains("live twins"), "{detail}");
        assert_eq!(call(json!({})).await.1, "scenario");
        assert_eq!(call(json!({ "scenario": 5 })).await.1, "scenario");
        assert_eq!(call(json!({ "scenario": COURIERS, "surprise": 1 })).await.0, 400);
        assert_eq!(call(json!({ "scenario": COURIERS, "set": ["no value"] })).await.1, "set");
        let (status, _) = serve.send(Method::GET, "/twins/v1/runs/none", None).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    });
}

#[test]
fn runs_are_bounded_and_cancelled_with_what_there_is() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let environment = [("CELLTIDE_RUNS__QUEUE", "1")];
        let serve = Serve::with(folder.path(), &["--data", "data"], &environment);
        let client = admin(&serve);
        let running = client.run_submit(&long()).await.unwrap();
        let waiting = client.run_submit(&long()).await.unwrap();
        assert_eq!(refused(client.run_submit(&long()).await).0, 429);
        let seen = until(&client, &running.id, |run| {
            run.progress.as_ref().is_some_and(|progress| progress.share > 0.0)
        })
        .await;
        let progress = seen.progress.unwrap();
        assert!(progress.speed_days_per_s > 0.0 && progress.left_s.unwrap() > 0.0);
        assert!(progress.simulated_at.unwrap().as_str() > "2026-01-01");
        assert_eq!(refused(client.run_summary(&running.id).await).0, 409, "it has not ended");
        assert_eq!(refused(client.run_forget(&running.id).await).0, 409);

        // Twins do not notice: the platform answers while it simulates.
        serve.battery("B-1").await;

        client.run_cancel(&waiting.id).await.unwrap();
        let gone = until(&client, &waiting.id, |run| !run.state.is_open()).await;
        assert_eq!((gone.state, gone.results.len()), (State::Cancelled, 0));
        assert_eq!(refused(client.run_summary(&waiting.id).await).0, 409);

        client.run_cancel(&running.id).await.unwrap();
        let ended = until(&client, &running.id, |run| !run.state.is_open()).await;
        assert_eq!((ended.state, ended.partial), (State::Cancelled, true));
        let summary = client.run_summary(&running.id).await.unwrap();
        assert_eq!(summary["partial"], true);
        assert_eq!(refused(client.run_cancel(&running.id).await).0, 409, "it has ended");
        client.run_forget(&running.id).await.unwrap();
        assert_eq!(refused(client.run(&running.id).await).0, 404);
        assert!(!folder.path().join("data/runs").join(&running.id).exists());
    });
}

#[test]
fn runs_outlive_a_stop_and_a_kill() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let data: &Path = folder.path();
        let serve = Serve::start(data);
        let done = admin(&serve).run_submit(&Submit::of(COURIERS)).await.unwrap();
        until(&admin(&serve), &done.id, |run| run.state == State::Done).await;
        let cut = admin(&serve).run_submit(&long()).await.unwrap();
        let is_going = |run: &Run| run.progress.as_ref().is_some_and(|progress| progress.share > 0.0);
        until(&admin(&serve), &cut.id, is_going).await;
        let (status, took) = serve.stop();
        assert_eq!(status.code(), Some(0));
        assert!(took < Duration::from_secs(10), "{took:?}");

        let serve = Serve::start(data);
        let client = admin(&serve);
        let stopped = client.run(&cut.id).await.unwrap();
        assert_eq!((stopped.state, stopped.partial), (State::Interrupted, true));
        assert_eq!(client.run_summary(&cut.id).await.unwrap()["partial"], true);
        assert_eq!(client.run_summary(&done.id).await.unwrap()["scenario"], "couriers");
        let killed = client.run_submit(&long()).await.unwrap();
        let waiting = client.run_submit(&long()).await.unwrap();
        until(&client, &killed.id, is_going).await;
        serve.kill();

        let serve = Serve::start(data);
        let client = admin(&serve);
        for id in [&killed.id, &waiting.id] {
            let seen = client.run(id).await.unwrap();
            assert_eq!((seen.state, seen.results.len()), (State::Interrupted, 0), "{seen:?}");
            assert!(seen.reason.unwrap().contains("the platform ended"));
        }
        assert_eq!(client.runs().await.unwrap().items.len(), 4);
        assert_eq!(client.run(&done.id).await.unwrap().state, State::Done);
    });
}

#[test]
fn who_may_not_cannot_and_who_is_of_another_house_sees_nothing() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let serve = Serve::start(folder.path());
        let one = user(&serve, "one", "engineer", Some("north")).await;
        let same = user(&serve, "same", "viewer", Some("north")).await;
        let other = user(&serve, "other", "engineer", Some("south")).await;
        let run = one.run_submit(&Submit::of(COURIERS)).await.unwrap();
        until(&one, &run.id, |run| run.state == State::Done).await;
        assert_eq!(same.run(&run.id).await.unwrap().id, run.id);
        assert_eq!(same.run_summary(&run.id).await.unwrap()["scenario"], "couriers");
        assert_eq!(refused(same.run_submit(&Submit::of(COURIERS)).await).0, 403);
        assert_eq!(refused(same.run_forget(&run.id).await).0, 403);
        assert_eq!(refused(other.run(&run.id).await).0, 404);
        assert_eq!(refused(other.run_file(&run.id, "report.html").await).0, 404);
        assert_eq!(refused(other.run_forget(&run.id).await).0, 404);
        let count = async |client: &Client| client.runs().await.unwrap().items.len();
        assert_eq!((count(&one).await, count(&same).await, count(&other).await), (1, 1, 0));
        assert_eq!(count(&admin(&serve)).await, 1, "the operator sees all");
        let stranger = Client::stranger(serve.http.clone());
        assert_eq!(refused(stranger.runs().await).0, 401);
    });
}
