//! Webhooks over a store in memory, a clock of their own and receivers that do as they like.

#![expect(clippy::unwrap_used, reason = "tests")]

use host::identity::{Entropy, OsEntropy, Visibility};
use host::platform::clock::Clock;
use host::store::records::{Expect, NewRecord, RecordChange, Scan};
use host::store::{LocalStore, Store};
use host::webhook::{Deliver, Happened, NewEndpoint, Outcome, Parcel, Settings, Soon, Webhooks, signature};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use twin::time::{HOUR_MS, Time};

const START: Time = Time(1_736_937_000_000);
const SECRET: &str = "a secret of some length";

/// Takes what it is told to take, and remembers everything.
#[derive(Debug, Default)]
struct Receiver {
    came: Mutex<Vec<Parcel>>,
    /// What becomes of the next tries, by address; taken where nothing is said.
    answers: Mutex<BTreeMap<String, VecDeque<Outcome>>>,
    refuses_all: Mutex<bool>,
}

impl Receiver {
    fn came(&self) -> Vec<Parcel> {
        self.came.lock().unwrap().clone()
    }

    fn fails(&self, url: &str, times: usize) {
        let mut answers = self.answers.lock().unwrap();
        let known = answers.entry(url.to_owned()).or_default();
        known.extend((0..times).map(|_| Outcome::Failed("it answered 500".to_owned())));
    }
}

impl Deliver for Receiver {
    fn deliver(&self, parcel: Parcel) -> Soon<Outcome> {
        let said = self.answers.lock().unwrap().get_mut(&parcel.url).and_then(VecDeque::pop_front);
        let refuses = *self.refuses_all.lock().unwrap();
        self.came.lock().unwrap().push(parcel);
        let refused = Outcome::Failed("it answered 503".to_owned());
        Box::pin(async move { said.unwrap_or(if refuses { refused } else { Outcome::Taken }) })
    }

    fn admits(&self, url: String) -> Soon<Result<(), String>> {
        let refused = url.contains("127.0.0.1");
        Box::pin(async move { if refused { Err("is not public".to_owned()) } else { Ok(()) } })
    }
}

/// Randomness that is always the same.
#[derive(Debug)]
struct Middle;

impl Entropy for Middle {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), host::identity::entropy::NoEntropy> {
        bytes.fill(0x80);
        Ok(())
    }
}

struct Ground {
    store: Arc<dyn Store>,
    clock: Clock,
    receiver: Arc<Receiver>,
    webhooks: Webhooks,
}

impl Ground {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(LocalStore::in_memory().unwrap());
        let clock = Clock::own(START, 1.0, true).unwrap();
        let receiver = Arc::new(Receiver::default());
        let webhooks = open(&store, &clock, &receiver).await;
        Self { store, clock, receiver, webhooks }
    }

    async fn endpoint(&self, url: &str, organisation: Option<&str>) -> Arc<str> {
        let new = NewEndpoint {
            prefix: "SUB-",
            family: "test",
            url: url.to_owned(),
            events: vec!["thing.changed".to_owned()],
            secret: Some(SECRET.to_owned()),
            organisation: organisation.map(Into::into),
        };
        self.webhooks.add(new, "somebody").await.unwrap().0.id
    }

    /// Something happens, and is kept together with its deliveries.
    async fn happens(&self, subject: &str, number: u64, organisations: &[Arc<str>]) {
        let data = json!({ "subject": subject, "number": number });
        let happened = Happened {
            family: "test",
            event: "thing.changed",
            subject,
            organisations,
            at: self.clock.now(),
            data: &data,
        };
        let prepared = self.webhooks.prepare(&happened);
        let fact = host::store::ledger::Fact {
            entity: "thing",
            kind: "changed",
            by: "somebody",
            at: self.clock.now(),
            detail: Value::Null,
        };
        host::store::ledger::keep(self.store.as_ref(), fact, prepared.records().unwrap()).await.unwrap();
        self.webhooks.release(prepared);
    }

    /// Waits until something is so.
    async fn until(&self, what: impl AsyncFn(&Self) -> bool) {
        for _ in 0..2_000 {
            if what(self).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it never came to that");
    }

    async fn came(&self, count: usize) {
        self.until(async |ground| ground.receiver.came().len() >= count).await;
        assert_eq!(self.receiver.came().len(), count);
    }

    async fn waits(&self, id: &str, count: usize) {
        self.until(async |ground| ground.webhooks.waiting(id) == count).await;
    }
}

async fn open(store: &Arc<dyn Store>, clock: &Clock, receiver: &Arc<Receiver>) -> Webhooks {
    let receiver: Arc<dyn Deliver> = receiver.clone();
    let entropy = Arc::new(Middle);
    Webhooks::open(store.clone(), clock.clone(), entropy, receiver, Settings::default()).await.unwrap()
}

fn header<'a>(parcel: &'a Parcel, name: &str) -> Option<&'a str> {
    parcel.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn what_happens_comes_signed_and_in_order() {
    run(async {
        let ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        assert_eq!(id.as_ref(), "SUB-001");
        for number in 0..5 {
            ground.happens("T-1", number, &[]).await;
        }
        ground.came(5).await;
        ground.waits(&id, 0).await;
        let came = ground.receiver.came();
        for (number, parcel) in came.iter().enumerate() {
            let body: Value = serde_json::from_str(&parcel.body).unwrap();
            assert_eq!(body["data"]["number"], number);
            assert_eq!(
                (&body["event"], &body["timestamp"]),
                (&json!("thing.changed"), &json!("2025-01-15T10:30:00Z"))
            );
            assert_eq!(header(parcel, "x-signature").unwrap(), signature(SECRET, &parcel.body));
            // The signature inside is over the body as it would be without it.
            let inner = body["signature"].as_str().unwrap();
            let without = parcel.body.replace(&format!(",\"signature\":\"{inner}\""), "");
            assert_eq!(inner, signature(SECRET, &without));
            assert_eq!(header(parcel, "x-webhook-attempt"), Some("1"));
        }
        let ids: std::collections::BTreeSet<_> =
            came.iter().map(|parcel| header(parcel, "x-webhook-id").unwrap()).collect();
        assert_eq!(ids.len(), 5);
    });
}

#[test]
fn who_fails_is_tried_again_later_and_holds_up_only_its_own() {
    run(async {
        let ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        ground.receiver.fails("https://one.example/hook", 2);
        ground.happens("T-1", 1, &[]).await;
        ground.came(1).await;
        ground.happens("T-1", 2, &[]).await;
        ground.happens("T-2", 1, &[]).await;
        // What concerns another subject waits for nobody: it uses up the second failure.
        ground.came(2).await;
        ground.waits(&id, 3).await;
        ground.clock.advance(59_000).unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(ground.receiver.came().len(), 2, "it waits for a minute");
        ground.clock.advance(2_000).unwrap();
        ground.waits(&id, 0).await;
        let came = ground.receiver.came();
        assert_eq!(came.len(), 5);
        let of_first: Vec<(u64, &str, &str)> = came
            .iter()
            .filter_map(|parcel| {
                let body: Value = serde_json::from_str(&parcel.body).unwrap();
                let (id, attempt) = (header(parcel, "x-webhook-id")?, header(parcel, "x-webhook-attempt")?);
                (body["data"]["subject"] == "T-1")
                    .then(|| (body["data"]["number"].as_u64().unwrap(), id, attempt))
            })
            .collect();
        let numbers: Vec<u64> = of_first.iter().map(|one| one.0).collect();
        assert_eq!(numbers, [1, 1, 2], "the second waits behind the first");
        assert_eq!(of_first[0].1, of_first[1].1, "the same delivery has the same id");
        assert_eq!((of_first[0].2, of_first[1].2), ("1", "2"));
    });
}

#[test]
fn who_never_takes_anything_is_given_up_with_a_record_and_disabled() {
    run(async {
        let ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        *ground.receiver.refuses_all.lock().unwrap() = true;
        for subject in 0..6 {
            ground.happens(&format!("T-{subject}"), 1, &[]).await;
        }
        // Six tries each, spread over 14 hours and 36 minutes.
        let waits = Settings::default().waits_ms;
        assert_eq!(waits.iter().sum::<i64>(), 14 * HOUR_MS + 36 * 60_000);
        for (done, wait) in waits.iter().enumerate() {
            ground.came(6 * (done + 1)).await;
            ground.waits(&id, 6).await;
            // All of them must have been noted before time goes on.
            tokio::time::sleep(Duration::from_millis(50)).await;
            ground.clock.advance(wait + wait / 10 + 1).unwrap();
        }
        ground
            .until(async |ground| {
                let endpoints = ground.webhooks.endpoints("test", &Visibility::Everything);
                endpoints[0].disabled.is_some() && ground.webhooks.waiting("SUB-001") == 0
            })
            .await;
        ground.until(async |ground| ground.webhooks.dead("SUB-001").await.unwrap().len() == 6).await;
        let dead = ground.webhooks.dead(&id).await.unwrap();
        assert!(dead.iter().all(|delivery| delivery.dead_at.is_some() && delivery.why.is_some()), "{dead:?}");
        // Nothing more is sent, until somebody says so.
        let came = ground.receiver.came().len();
        *ground.receiver.refuses_all.lock().unwrap() = false;
        ground.happens("T-9", 1, &[]).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(ground.receiver.came().len(), came);
        ground.webhooks.enable(&id, "somebody").await.unwrap();
        ground.happens("T-9", 2, &[]).await;
        ground.came(came + 1).await;
    });
}

#[test]
fn what_was_not_taken_before_a_stop_is_sent_after_it() {
    run(async {
        let mut ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        ground.receiver.fails("https://one.example/hook", 1);
        ground.happens("T-1", 1, &[]).await;
        ground.happens("T-1", 2, &[]).await;
        ground.came(1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        ground.webhooks = open(&ground.store, &ground.clock, &ground.receiver).await;
        assert_eq!(ground.webhooks.waiting(&id), 2);
        ground.clock.advance(61_000).unwrap();
        ground.came(3).await;
        ground.happens("T-1", 3, &[]).await;
        ground.came(4).await;
        let numbers: Vec<u64> = ground
            .receiver
            .came()
            .iter()
            .map(|parcel| {
                serde_json::from_str::<Value>(&parcel.body).unwrap()["data"]["number"].as_u64().unwrap()
            })
            .collect();
        assert_eq!(numbers, [1, 1, 2, 3]);
    });
}

#[test]
fn a_delivery_has_a_name_that_none_had_before_a_stop() {
    run(async {
        let mut ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        for round in 1..=3 {
            for number in 0..4 {
                ground.happens("T-1", number, &[]).await;
            }
            ground.came(4 * round).await;
            // All was taken, and is gone from the store.
            ground.waits(&id, 0).await;
            ground.webhooks = open(&ground.store, &ground.clock, &ground.receiver).await;
        }
        let came = ground.receiver.came();
        let names: std::collections::BTreeSet<_> =
            came.iter().map(|parcel| header(parcel, "x-webhook-id").unwrap()).collect();
        assert_eq!(names.len(), 12);
    });
}

#[test]
fn who_is_far_behind_is_not_told_of_what_passes() {
    run(async {
        let ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        *ground.receiver.refuses_all.lock().unwrap() = true;
        let data = json!({});
        let happened = Happened {
            family: "test",
            event: "thing.changed",
            subject: "T-2",
            organisations: &[],
            at: ground.clock.now(),
            data: &data,
        };
        let most = ground.webhooks.settings().waiting_max / 10;
        assert!(!ground.webhooks.prepare_passing(&happened).is_empty());
        for number in 0..most as u64 {
            ground.happens("T-1", number, &[]).await;
        }
        ground.waits(&id, most).await;
        assert!(ground.webhooks.prepare_passing(&happened).is_empty());
        assert!(!ground.webhooks.prepare(&happened).is_empty(), "what must be told is");
        assert!(ground.webhooks.is_wanted("test", &["thing.lost", "thing.changed"]));
        assert!(!ground.webhooks.is_wanted("test", &["thing.lost"]));
        assert!(!ground.webhooks.is_wanted("other", &["thing.changed"]));
    });
}

#[test]
fn a_changed_secret_signs_beside_the_old_one_for_a_day() {
    run(async {
        let ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        let (made, until) = ground.webhooks.rotate(&id, None, "somebody").await.unwrap();
        let new = made.unwrap();
        assert_eq!(until, START + 24 * HOUR_MS);
        ground.happens("T-1", 1, &[]).await;
        ground.came(1).await;
        let came = ground.receiver.came();
        assert_eq!(header(&came[0], "x-signature").unwrap(), signature(&new, &came[0].body));
        assert_eq!(header(&came[0], "x-signature-previous").unwrap(), signature(SECRET, &came[0].body));
        ground.clock.advance(24 * HOUR_MS + 1).unwrap();
        ground.happens("T-1", 2, &[]).await;
        ground.came(2).await;
        assert_eq!(header(&ground.receiver.came()[1], "x-signature-previous"), None);
        // Nothing that signs stands in the journal.
        let journal = ground.store.entries(host::store::Sequence(1), 1_000).await.unwrap();
        for entry in journal {
            let text = String::from_utf8_lossy(&entry.payload).into_owned();
            assert!(!text.contains(&new) && !text.contains(SECRET), "{text}");
        }
    });
}

#[test]
fn endpoints_are_told_of_their_own_and_nowhere_else() {
    run(async {
        let ground = Ground::new().await;
        let own = ground.endpoint("https://own.example/hook", Some("a")).await;
        ground.endpoint("https://other.example/hook", Some("b")).await;
        ground.happens("T-1", 1, &["a".into()]).await;
        ground.came(1).await;
        assert_eq!(ground.receiver.came()[0].url, "https://own.example/hook");
        let refused = |url: &str, secret: &str| NewEndpoint {
            prefix: "SUB-",
            family: "test",
            url: url.to_owned(),
            events: Vec::new(),
            secret: Some(secret.to_owned()),
            organisation: None,
        };
        for new in [
            refused("https://127.0.0.1/hook", SECRET),
            refused("https://x.example/", "short"),
            refused("", SECRET),
        ] {
            assert!(ground.webhooks.add(new, "somebody").await.is_err());
        }
        ground.webhooks.remove(&own, "somebody").await.unwrap();
        ground.happens("T-1", 2, &["a".into()]).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert_eq!(ground.receiver.came().len(), 1);
        assert!(ground.webhooks.endpoint("test", &own, &Visibility::Everything).is_err());
        let seen = ground.webhooks.endpoints("test", &Visibility::Organisation("b".into()));
        assert_eq!(seen.len(), 1);
        // A secret that is made is told once, and long enough.
        let new = NewEndpoint { secret: None, ..refused("https://made.example/", "") };
        let made = ground.webhooks.add(new, "somebody").await.unwrap().1.unwrap();
        assert!(made.len() > 32 && made.starts_with("whsec_"));
        let _ = OsEntropy;
    });
}

/// Endpoints as they are kept: version of their schema, and the text.
async fn kept(store: &Arc<dyn Store>) -> Vec<(u16, String)> {
    let page = store.records(Scan::all("webhook_endpoints", 100)).await.unwrap();
    page.records.into_iter().map(|one| (one.schema, String::from_utf8(one.body).unwrap())).collect()
}

#[test]
fn secrets_are_kept_sealed_and_sign_after_a_restart() {
    run(async {
        let ground = Ground::new().await;
        let id = ground.endpoint("https://one.example/hook", None).await;
        ground.webhooks.rotate(&id, Some(format!("{SECRET} anew")), "somebody").await.unwrap();
        for (schema, text) in kept(&ground.store).await {
            assert!(
                schema == 2 && text.contains("https://one.example/hook") && !text.contains(SECRET),
                "{text}"
            );
        }
        let Ground { store, clock, receiver, webhooks } = ground;
        drop(webhooks);
        let webhooks = open(&store, &clock, &receiver).await;
        let ground = Ground { store, clock, receiver, webhooks };
        ground.happens("T-1", 0, &[]).await;
        ground.came(1).await;
        let came = ground.receiver.came();
        assert_eq!(
            header(&came[0], "x-signature").unwrap(),
            signature(&format!("{SECRET} anew"), &came[0].body)
        );
        assert_eq!(header(&came[0], "x-signature-previous").unwrap(), signature(SECRET, &came[0].body));
    });
}

#[test]
fn secrets_that_an_earlier_schema_kept_plain_are_sealed_and_sign() {
    run(async {
        let store: Arc<dyn Store> = Arc::new(LocalStore::in_memory().unwrap());
        let clock = Clock::own(START, 1.0, true).unwrap();
        let body = json!({
            "id": "SUB-007", "family": "test", "url": "https://old.example/hook", "events": ["thing.changed"],
            "organisation": null, "created": START, "disabled": null, "dead_in_row": 0, "secret": SECRET,
            "old_secret": ["a secret before that", START + 3_600_000],
        });
        let put = NewRecord { schema: 1, body: body.to_string().into_bytes(), indexed: Vec::new() };
        let (collection, key) = ("webhook_endpoints".to_owned(), "SUB-007".to_owned());
        let change = RecordChange { collection, key, expect: Expect::Absent, put: Some(put) };
        let (entity, kind, by) = ("old", "written", "somebody");
        let fact = host::store::ledger::Fact { entity, kind, by, at: START, detail: Value::Null };
        host::store::ledger::keep(store.as_ref(), fact, vec![change]).await.unwrap();

        let receiver = Arc::new(Receiver::default());
        let webhooks = open(&store, &clock, &receiver).await;
        for (schema, text) in kept(&store).await {
            assert!(schema == 2 && !text.contains(SECRET) && !text.contains("a secret before"), "{text}");
        }
        let ground = Ground { store, clock, receiver, webhooks };
        ground.happens("T-1", 0, &[]).await;
        ground.came(1).await;
        let came = ground.receiver.came();
        assert_eq!(header(&came[0], "x-signature").unwrap(), signature(SECRET, &came[0].body));
        let before = header(&came[0], "x-signature-previous").unwrap();
        assert_eq!(before, signature("a secret before that", &came[0].body));
        // The next one has the next number.
        assert_eq!(ground.endpoint("https://one.example/hook", None).await.as_ref(), "SUB-008");
    });
}
