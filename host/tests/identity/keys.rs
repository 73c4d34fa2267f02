//! Keys that sign.

use crate::ground::{GOOD, Ground, NOW, act, after, open, settings, wait};
use host::identity::{Presented, Role, Settings};
use twin::time::DAY_MS;

#[test]
fn a_key_outlives_its_process_and_is_published() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("ann", Role::Viewer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let again = open(&ground.store, settings()).await;
        assert_eq!(again.jwks(NOW), ground.identity.jwks(NOW));
        assert!(again.authenticate(Presented::Bearer(session.access.reveal()), NOW).await.is_ok());
        let published = serde_json::to_value(again.jwks(NOW)).unwrap();
        let key = &published["keys"][0];
        assert_eq!(
            (&key["kty"], &key["crv"], &key["alg"]),
            (&"OKP".into(), &"Ed25519".into(), &"EdDSA".into())
        );
        assert!(key.get("d").is_none(), "the private half stays");
        // A token of another issuer is nothing here, even with a key that is known.
        let elsewhere = Settings { issuer: "elsewhere".into(), ..settings() };
        let elsewhere = open(&ground.store, elsewhere).await;
        assert!(elsewhere.authenticate(Presented::Bearer(session.access.reveal()), NOW).await.is_err());
    });
}

#[test]
fn after_a_rotation_both_keys_are_good_until_the_last_token_of_the_old_one_ended() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("ann", Role::Viewer).await;
        let identity = &ground.identity;
        let old = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let neighbour = open(&ground.store, settings()).await;
        identity.rotate_keys(act(after(10))).await.unwrap();
        let new = ground.log_in("ann", GOOD, after(11)).await.unwrap();
        let kid = |token: &str| token.split('.').next().unwrap().to_owned();
        assert_ne!(kid(old.access.reveal()), kid(new.access.reveal()));
        assert_eq!(identity.jwks(after(11)).keys.len(), 2);
        for session in [&old, &new] {
            assert!(ground.bearer(&session.access, after(3_600)).await.is_some());
            // A process that has not heard of the new key looks for it.
            let shown = Presented::Bearer(session.access.reveal());
            assert!(neighbour.authenticate(shown, after(3_600)).await.is_ok());
        }
        assert_eq!(identity.jwks(after(10 + 86_500)).keys.len(), 1);
    });
}

#[test]
fn keys_are_changed_in_time() {
    wait(async {
        let ground = Ground::new().await;
        let first = ground.identity.jwks(NOW).keys;
        ground.identity.tend(NOW + 89 * DAY_MS).await.unwrap();
        assert_eq!(ground.identity.jwks(NOW).keys, first);
        ground.identity.tend(NOW + 90 * DAY_MS).await.unwrap();
        assert_eq!(ground.identity.jwks(NOW + 90 * DAY_MS).keys.len(), 2);
        ground.identity.tend(NOW + 180 * DAY_MS).await.unwrap();
        let keys = ground.identity.jwks(NOW + 180 * DAY_MS).keys;
        assert_eq!(keys.len(), 2, "the first is gone");
        assert!(!keys.contains(&first[0]));
    });
}
