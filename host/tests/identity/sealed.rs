//! Telephone numbers at rest: sealed, found by a keyed hash, and taken over from records that held them plain.

use crate::ground::{Ground, NOW, act, after, open, settings, wait};
use host::identity::account::{PhoneLogin, PhoneNumber};
use host::identity::{NewUser, Role, Roles, UserPatch};
use host::store::records::{Expect, IndexValue, NewRecord, RecordChange, Scan};
use host::store::{LocalStore, Records, ledger};
use serde_json::{Value, json};

const ANN: &str = "+919876543210";
const BOB: &str = "+919876543211";

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

/// Everything that records hold, as text, with the schemas they are written with.
async fn kept(store: &LocalStore, collection: &str) -> Vec<(u16, String)> {
    let page = store.records(Scan::all(collection, 1_000)).await.unwrap();
    page.records.into_iter().map(|one| (one.schema, String::from_utf8(one.body).unwrap())).collect()
}

/// A record as the first schema wrote it.
async fn old(store: &LocalStore, collection: &str, key: &str, body: Value, indexed: &[(&str, &str, bool)]) {
    let indexed = indexed.iter().map(|(index, value, unique)| IndexValue {
        index: (*index).to_owned(),
        value: value.as_bytes().to_vec(),
        unique: *unique,
    });
    let put = NewRecord { schema: 1, body: body.to_string().into_bytes(), indexed: indexed.collect() };
    let change = RecordChange {
        collection: collection.to_owned(),
        key: key.to_owned(),
        expect: Expect::Absent,
        put: Some(put),
    };
    let fact = ledger::Fact { entity: "old", kind: "written", by: "test", at: NOW, detail: Value::Null };
    ledger::keep(store, fact, vec![change]).await.unwrap();
}

fn old_user(id: &str, phone: &str) -> Value {
    json!({
        "id": id, "username": null, "phone": phone, "email": null, "full_name": "Ann", "roles": ["dealer"],
        "organisation": null, "party": "7", "disabled": false, "created": NOW, "updated": NOW, "password": null,
        "epoch": 3,
    })
}

#[test]
fn a_number_is_kept_sealed_and_found() {
    wait(async {
        let ground = Ground::new().await;
        let new = |phone: &str| NewUser {
            phone: Some(number(phone)),
            roles: Roles::of(&[Role::Dealer]),
            ..NewUser::default()
        };
        let ann = ground.identity.add_user(new(ANN), act(NOW)).await.unwrap();
        assert_eq!(ground.identity.user_with_phone(&number(ANN)).await.unwrap(), Some(ann.clone()));
        assert_eq!(ground.identity.user_with_phone(&number(BOB)).await.unwrap(), None);
        let taken = ground.identity.add_user(new(ANN), act(NOW)).await.unwrap_err();
        assert_eq!(taken.to_string(), "this phone is taken");
        let phone = number(ANN);
        let login = PhoneLogin { phone: &phone, role: None, source: "10.0.0.1" };
        ground.identity.request_code(login, NOW).await.unwrap();
        ground.identity.write_message(&phone, format!("call {BOB}"), act(after(1))).await.unwrap();
        let (messages, _) = ground.identity.outbox(Some(&phone), 10, None).await.unwrap();
        assert_eq!((messages.len(), messages[0].text.as_str()), (2, "call +919876543211"));
        assert!(messages.iter().all(|message| message.to == phone));

        let patch = UserPatch { phone: Some(Some(number(BOB))), ..UserPatch::default() };
        let changed = ground.identity.update_user(&ann.id, patch, act(after(2))).await.unwrap();
        assert_eq!(ground.identity.user_with_phone(&number(BOB)).await.unwrap(), Some(changed));
        assert_eq!(ground.identity.user_with_phone(&number(ANN)).await.unwrap(), None);

        for collection in ["identity_users", "identity_outbox", "identity_challenges"] {
            let all = kept(&ground.store, collection).await;
            assert!(!all.is_empty());
            for (_, text) in all {
                assert!(
                    !text.contains("98765") && !text.contains(&messages[1].text[..6]),
                    "{collection}: {text}"
                );
            }
        }
    });
}

#[test]
fn what_an_earlier_schema_kept_plain_is_sealed_and_lost_nowhere() {
    wait(async {
        let store = LocalStore::in_memory().unwrap();
        for (id, phone) in [("usr-1", ANN), ("usr-2", BOB)] {
            let indexed = [("phone", phone, true), ("role", "dealer", false)];
            old(&store, "identity_users", id, old_user(id, phone), &indexed).await;
        }
        let message = json!({
            "id": "msg-1", "to": ANN, "purpose": "code", "text": "123456 is your code", "at": NOW,
            "delivery": { "state": "waiting", "tries": 2 },
        });
        let indexed = [("to", ANN, false), ("state", "waiting", false)];
        old(&store, "identity_outbox", "msg-1", message, &indexed).await;

        let identity = open(&store, settings()).await;
        let ann = identity.user_with_phone(&number(ANN)).await.unwrap().unwrap();
        assert_eq!(
            (ann.id.as_ref(), ann.phone, ann.party.as_deref()),
            ("usr-1", Some(number(ANN)), Some("7"))
        );
        assert_eq!(identity.user("usr-2").await.unwrap().unwrap().phone, Some(number(BOB)));
        assert_eq!(identity.users(Some(Role::Dealer), 10, None).await.unwrap().0.len(), 2);
        let (messages, _) = identity.outbox(Some(&number(ANN)), 10, None).await.unwrap();
        assert_eq!((messages.len(), messages[0].text.as_str()), (1, "123456 is your code"));
        for collection in ["identity_users", "identity_outbox"] {
            for (schema, text) in kept(&store, collection).await {
                assert_eq!(schema, 2);
                assert!(!text.contains("98765") && !text.contains("123456"), "{collection}: {text}");
            }
        }
        // Nothing is found by the plain number any more, and opening again changes nothing.
        let plain = store.record_by("identity_users", "phone", ANN.as_bytes()).await.unwrap();
        assert!(plain.is_none());
        let before = kept(&store, "identity_users").await;
        drop(open(&store, settings()).await);
        assert_eq!(kept(&store, "identity_users").await, before);
    });
}
