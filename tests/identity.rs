//! The commands on identities: users and programs of a data folder.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use host::identity::oauth::{ClientSecret, TokenRequest};
use host::identity::{Identity, OsEntropy, PasswordLogin, Role, Secret, Settings};
use host::store::{Journal, LocalStore, Options, Sequence, folder_in};
use serde_json::Value;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use support::{Done, Place};
use twin::time::Time;

/// An instant when everything that these tests make is good.
fn now() -> Time {
    Time(jiff::Timestamp::now().as_millisecond())
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn open(place: &Place) -> LocalStore {
    LocalStore::open(&folder_in(&place.join("data")), &Options::default()).unwrap()
}

/// A data folder with a store in it.
fn place() -> Place {
    let place = Place::new();
    wait(open(&place).close()).unwrap();
    place
}

/// Does something with the identities as the server would.
fn with<T>(place: &Place, work: impl AsyncFnOnce(&Identity) -> T) -> T {
    let store = open(place);
    wait(async {
        let kept: Arc<dyn host::store::Store> = Arc::new(store.clone());
        let identity = Identity::open(kept, Settings::default(), Arc::new(OsEntropy), now()).await.unwrap();
        let done = work(&identity).await;
        store.close().await.unwrap();
        done
    })
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", done.stdout))
}

/// The arguments that add a user.
fn add<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["user", "add"][..], args, &["--data", "data"]].concat()
}

/// Adds a user whose password comes through stdin, with a variable that must not win over it.
fn add_with_stdin(place: &Place, args: &[&str], password: &str) -> Done {
    let mut command = place.command(args);
    let mut child = command
        .env("CELLTIDE_PASSWORD", "not-this-one")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    Done::of(child.wait_with_output().unwrap())
}

fn can_log_in(place: &Place, username: &str, password: &str) -> bool {
    with(place, async |identity| {
        let password = Secret::new(password);
        let login = PasswordLogin { username, password: &password, source: "test" };
        identity.check_login(login, now()).await.is_ok()
    })
}

#[test]
fn users_are_added_listed_and_disabled() {
    let place = place();
    let made_up = json(&place.good(&add(&["ann", "--role", "admin", "--json"])));
    let password = made_up["password"].as_str().unwrap();
    assert!(password.len() >= 40 && can_log_in(&place, "ann", password));

    let done = add_with_stdin(&place, &add(&["bob", "--role", "viewer", "--password-stdin"]), "tide-pool-17");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(!done.stdout.contains("tide-pool-17") && !done.stdout.contains("password"), "{}", done.stdout);
    assert!(can_log_in(&place, "bob", "tide-pool-17"));

    let by_variable = place
        .command(&add(&["eve", "--role", "engineer", "--role", "viewer", "--organisation", "acme"]))
        .env("CELLTIDE_PASSWORD", "tide-pool-18")
        .output()
        .unwrap();
    assert!(by_variable.status.success());
    assert!(can_log_in(&place, "eve", "tide-pool-18"));
    place.good(&add(&["--phone", "+919876543210", "--role", "dealer"]));

    let list = json(&place.good(&["user", "list", "--data", "data", "--json"]));
    let of = |name: &str| {
        let users = list.as_array().unwrap();
        users.iter().find(|user| user["username"] == name).unwrap_or_else(|| panic!("{name}: {list}"))
    };
    assert_eq!(list.as_array().unwrap().len(), 4);
    assert_eq!((&of("eve")["organisation"], &of("eve")["roles"][0]), (&"acme".into(), &"engineer".into()));
    let text = place.good(&["user", "list", "--data", "data"]).stdout;
    assert!(text.contains("bob") && text.contains("3210"), "{text}");
    for secret in ["argon2", password, "919876543"] {
        assert!(!list.to_string().contains(secret) && !text.contains(secret), "{secret}");
    }

    place.good(&["user", "disable", "BOB", "--data", "data"]);
    place.good(&["user", "disable", of("eve")["id"].as_str().unwrap(), "--data", "data"]);
    assert!(!can_log_in(&place, "bob", "tide-pool-17") && !can_log_in(&place, "eve", "tide-pool-18"));
    let entries = wait(open(&place).entries(Sequence(1), 1_000)).unwrap();
    let by_shell: Vec<&str> =
        entries.iter().filter(|entry| entry.actor == "shell").map(|entry| entry.kind.as_str()).collect();
    assert_eq!(
        by_shell,
        ["user added", "user added", "user added", "user added", "user changed", "user changed"]
    );
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let place = place();
    place.good(&["user", "add", "ann", "--role", "admin", "--data", "data"]);
    for bad in [
        &["user", "add", "ANN", "--role", "viewer", "--data", "data"][..],
        &["user", "add", "bob", "--role", "root", "--data", "data"],
        &["user", "add", "bob", "--data", "data"],
        &["user", "add", "--role", "viewer", "--data", "data"],
        &["user", "add", "bob", "--role", "viewer", "--phone", "12", "--data", "data"],
        &["user", "add", "bob", "--role", "viewer", "--password", "x", "--data", "data"],
        &["user", "add", "bob", "--role", "viewer", "--password-stdin", "--data", "data"],
        &["user", "add", "bob", "--role", "viewer", "--data", "nowhere"],
        &["user", "disable", "bob", "--data", "data"],
        &["user", "disable", "ann", "--data", "data"],
        &["client", "add", "app", "--data", "data"],
        &["client", "add", "app", "--scope", "battery:all", "--data", "data"],
        &["client", "add", "app", "--scope", "battery:read", "--public", "--data", "data"],
        &["client", "add", "app", "--scope", "battery:read", "--redirect-uri", "http://x/", "--data", "data"],
        &["client", "revoke", "app", "--data", "data"],
    ] {
        place.refused(bad);
    }
    assert_eq!(json(&place.good(&["user", "list", "--data", "data", "--json"])).as_array().unwrap().len(), 1);
    assert_eq!(json(&place.good(&["client", "list", "--data", "data", "--json"])), Value::Array(Vec::new()));
    assert!(!place.join("nowhere").exists());
}

#[test]
fn programs_are_added_listed_and_revoked() {
    let place = place();
    let added = json(&place.good(&[
        "client",
        "add",
        "Line 4",
        "--scope",
        "battery:read battery:write",
        "--scope",
        "fleet:read",
        "--data",
        "data",
        "--json",
    ]));
    let (id, secret) = (added["client_id"].as_str().unwrap(), added["client_secret"].as_str().unwrap());
    assert_eq!(added["scope"], "battery:read battery:write fleet:read");
    let token = || {
        with(&place, async |identity| {
            let shown = ClientSecret { id: Some(id.to_owned()), secret: Some(Secret::new(secret)) };
            let request =
                TokenRequest { grant_type: Some("client_credentials".into()), ..TokenRequest::default() };
            identity.token(&request, &shown, "test", now()).await.is_ok()
        })
    };
    assert!(token());
    let public = ["client", "add", "App", "--id", "app", "--scope", "fleet:read", "--public"];
    let back = ["--redirect-uri", "https://app.example/back", "--data", "data"];
    let text = place.good(&[&public[..], &back].concat()).stdout;
    assert!(text.contains("client_id") && !text.contains("client_secret"), "{text}");
    place.refused(&[&public[..], &back].concat());

    place.good(&["client", "revoke", id, "--data", "data"]);
    assert!(!token());
    let list = json(&place.good(&["client", "list", "--data", "data", "--json"]));
    let states: Vec<bool> =
        list.as_array().unwrap().iter().map(|client| client["revoked"].is_null()).collect();
    assert_eq!(states.iter().filter(|is_active| **is_active).count(), 1);
    let text = place.good(&["client", "list", "--data", "data"]).stdout;
    assert!(text.contains("revoked") && text.contains("Line 4") && !text.contains(secret), "{text}");
}

#[test]
fn a_folder_that_a_server_has_is_left_alone() {
    let place = place();
    let store = open(&place);
    for command in [
        &["user", "add", "ann", "--role", "admin", "--data", "data"][..],
        &["user", "list", "--data", "data"],
        &["client", "list", "--data", "data"],
    ] {
        let done = place.celltide(command);
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(done.stderr.contains("a running server has the data folder"), "{}", done.stderr);
        assert!(done.stdout.is_empty());
    }
    wait(store.close()).unwrap();
    let first = with(&place, async |identity| identity.users(Some(Role::Admin), 1, None).await.unwrap().0);
    assert!(first.is_empty());
}
