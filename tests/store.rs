//! The commands on a data folder: audit, backup, restore.

#![expect(clippy::unwrap_used, reason = "tests")]

mod support;

use host::store::journal::NewEntry;
use host::store::medium::{Batch, Medium, SledDisk, SledOptions};
use host::store::{Change, Commit, Control, Entity, LocalStore, Options, Revision, folder_in};
use support::Place;
use twin::time::Time;

/// A store with thirty facts in the folder `data` of a place.
fn fill(place: &Place) -> LocalStore {
    let store = LocalStore::open(&folder_in(&place.join("data")), &Options::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for n in 0..30 {
        let entry = NewEntry {
            entity: Entity::new("battery/B1").unwrap(),
            expected: Revision(n),
            at: Time(n as i64),
            actor: "test".to_owned(),
            kind: "counted".to_owned(),
            schema: 1,
            payload: vec![n as u8],
        };
        runtime.block_on(store.commit(Change::entry(entry))).unwrap();
    }
    store
}

fn close(store: &LocalStore) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(store.close()).unwrap();
}

#[test]
fn a_data_folder_is_audited_copied_and_made_again_in_use_or_not() {
    let place = Place::new();
    let store = fill(&place);
    let control = Control::open(&store, &folder_in(&place.join("data"))).unwrap();
    let audit = ["audit", "verify", "--data", "data", "--json"];
    let in_use = place.good(&audit).stdout;
    place.good(&["backup", "--data", "data", "--to", "one"]);
    drop(control);
    close(&store);
    assert_eq!(place.good(&audit).stdout, in_use);
    let told: serde_json::Value = serde_json::from_str(&in_use).unwrap();
    assert_eq!((&told["entries"], &told["fault"]), (&30.into(), &serde_json::Value::Null));
    place.good(&["backup", "--data", "data", "--to", "two"]);
    assert_eq!(place.read("one"), place.read("two"));
    place.good(&["restore", "--from", "one", "--data", "again"]);
    assert_eq!(place.good(&["audit", "verify", "--data", "again", "--json"]).stdout, in_use);
    assert!(place.good(&["audit", "verify", "--data", "again"]).stdout.contains("whole"));

    place.refused(&["backup", "--data", "data", "--to", "one"]);
    place.refused(&["restore", "--from", "one", "--data", "again"]);
    place.refused(&["restore", "--from", "nothing", "--data", "new"]);
    place.write("cut", &place.read("one")[..1_000]);
    place.refused(&["restore", "--from", "cut", "--data", "new"]);
    place.refused(&["audit", "verify", "--data", "new"]);
    place.refused(&["backup", "--data", "new", "--to", "three"]);
    assert!(!place.join("new").exists() && !place.join("three").exists());
}

#[test]
fn a_broken_link_is_named_with_exit_code_1() {
    let place = Place::new();
    close(&fill(&place));
    let folder = folder_in(&place.join("data"));
    let medium = SledDisk::open(&folder, &SledOptions::default()).unwrap();
    let key = [&b"j"[..], &17u64.to_be_bytes()].concat();
    let mut value = medium.get(&key).unwrap().unwrap();
    *value.last_mut().unwrap() ^= 1;
    medium.apply(&Batch::from([(key, Some(value))])).unwrap();
    medium.sync(medium.accepted().unwrap().unwrap()).unwrap();
    drop(medium);
    let done = place.celltide(&["audit", "verify", "--data", "data"]);
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(
        done.stderr.contains("entry 17") && done.stdout.contains("broken"),
        "{}{}",
        done.stdout,
        done.stderr
    );
    let done = place.celltide(&["audit", "verify", "--data", "data", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&told["fault"]["sequence"], &told["entries"]), (&17.into(), &16.into()));
}
