//! Killed in the middle of writing, and out of room: the test starts itself again as the process that suffers.

use crate::ground::{Ground, append, entity, fact, wait};
use host::store::series::{Query, Reading, Readings};
use host::store::{
    Change, Commit, Journal, LocalStore, Metric, Options, Revision, Sequence, Series, StoreError,
};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use twin::time::Time;

/// Names the folder of the process that is to suffer; unset in the test itself.
const VICTIM: &str = "CELLTIDE_STORE_VICTIM";
const ROUNDS: u64 = 20;
const WRITERS: u64 = 4;

/// The process that suffers: writers that say on stdout what was acknowledged.
fn suffer(folder: &str) -> ! {
    let options = Options { cache_bytes: 8 << 20, reserve_bytes: 0, ..Options::default() };
    let store = LocalStore::open(Path::new(folder), &options).unwrap();
    wait(async {
        let mut set = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let store = store.clone();
            set.spawn(async move {
                let name = format!("w{writer}");
                let mut revision = store.revision(entity(&name)).await.unwrap().0;
                loop {
                    let reading = Reading {
                        at: Time(revision as i64 * 1_000),
                        values: vec![(Metric::new("voltage_v").unwrap(), revision as f64 / 8.0)],
                    };
                    let change = Change {
                        entries: vec![fact(&name, revision, revision)],
                        readings: vec![Readings { twin: entity(&name), readings: vec![reading] }],
                        ..Change::default()
                    };
                    match store.commit(change).await {
                        Ok(_) => {
                            revision += 1;
                            // One write per line, so that a kill leaves no half number that reads as another.
                            let line = format!("{writer} {revision}\n");
                            std::io::stdout().write_all(line.as_bytes()).unwrap();
                        }
                        Err(error) => {
                            let cause = std::error::Error::source(&error).map(ToString::to_string);
                            eprintln!("refused: {error}: {}", cause.unwrap_or_default());
                            return error;
                        }
                    }
                }
            });
        }
        let errors = set.join_all().await;
        // After a failed flush everything is refused.
        let more = append(&store, fact("late", 0, 0)).await;
        let typed = |error: &StoreError| {
            matches!(error, StoreError::Io { .. } | StoreError::Failed { .. } | StoreError::Corrupt { .. })
        };
        let all_typed = errors.iter().all(typed) && more.as_ref().is_err_and(typed);
        std::process::exit(if all_typed { 42 } else { 43 });
    })
}

/// Not a test of its own: the body of the process that the tests below start.
#[test]
fn victim() {
    if let Ok(folder) = std::env::var(VICTIM) {
        suffer(&folder);
    }
}

fn victim_arguments() -> [&'static str; 4] {
    ["--exact", "crash::victim", "--nocapture", "--test-threads=1"]
}

/// What a line of the victim acknowledges; the test harness says things of its own.
fn acknowledged(line: &str) -> Option<(usize, u64)> {
    let (writer, revision) = line.split_once(' ')?;
    Some((writer.parse().ok()?, revision.parse().ok()?))
}

/// Everything acknowledged is there, in order, with its reading, and the chain holds.
async fn nothing_is_missing(ground: &Ground, acknowledged: &[u64]) {
    let store = ground.open();
    let audit = store.audit().await.unwrap();
    assert_eq!(audit.fault, None);
    let mut total = 0;
    for (writer, &acknowledged) in acknowledged.iter().enumerate() {
        let name = entity(&format!("w{writer}"));
        let revision = store.revision(name.clone()).await.unwrap().0;
        assert!(revision >= acknowledged, "writer {writer}: {revision} of {acknowledged}");
        let entries = store.entries_of(name.clone(), Revision(1), usize::MAX).await.unwrap();
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.json(1).unwrap()).collect();
        assert_eq!(numbers, (0..revision).collect::<Vec<u64>>());
        let all = Query::new(name, Time(i64::MIN), Time(i64::MAX));
        let (frame, _) = store.readings(all).await.unwrap();
        let expected: Vec<f64> = (0..revision).map(|n| n as f64 / 8.0).collect();
        assert_eq!(frame.column("voltage_v").unwrap_or_default(), expected);
        total += revision;
    }
    assert_eq!((audit.entries, store.head().await.unwrap().sequence), (total, Sequence(total)));
    store.close().await.unwrap();
}

#[test]
fn nothing_acknowledged_is_lost_when_killed() {
    let ground = Ground::disk();
    let mut last = [0u64; WRITERS as usize];
    for round in 0..ROUNDS {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(victim_arguments())
            .env(VICTIM, ground.folder())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Killed after a number of acknowledgements that differs from round to round, while more are under way.
        let enough = 20 + (round * 97) % 400;
        let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut seen = 0;
        let mut learn = |line: String| {
            let Some((writer, revision)) = acknowledged(&line) else { return false };
            last[writer] = last[writer].max(revision);
            true
        };
        while seen < enough {
            seen += u64::from(learn(lines.next().expect("the victim goes on").unwrap()));
        }
        victim.kill().unwrap();
        // What it had said before the kill counts too.
        for line in lines.map_while(Result::ok) {
            learn(line);
        }
        victim.wait().unwrap();
        wait(nothing_is_missing(&ground, &last));
    }
    assert!(last.iter().sum::<u64>() > ROUNDS * 20);
}

#[test]
fn a_disk_that_takes_no_more_is_an_error_and_loses_nothing() {
    let ground = Ground::disk();
    // A limit on the size of files stands for a full disk: the write fails in the same place.
    let script = "trap '' XFSZ; ulimit -f 3072; exec \"$0\" \"$@\"";
    let done = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(victim_arguments())
        .env(VICTIM, ground.folder())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(42), "{told}");
    let mut last = [0u64; WRITERS as usize];
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        if let Some((writer, revision)) = acknowledged(line) {
            last[writer] = last[writer].max(revision);
        }
    }
    assert!(last.iter().sum::<u64>() > 100, "{last:?}");
    wait(nothing_is_missing(&ground, &last));
}
