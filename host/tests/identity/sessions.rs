//! Sessions and API keys: what they are good for, and when they end.

use crate::ground::{GOOD, Ground, NOW, act, after, open, settings, wait};
use host::identity::api_key::NewApiKey;
use host::identity::client::NewClient;
use host::identity::{
    Action, Caller, IdentityError, Lifetimes, LoginError, NewUser, PasswordLogin, Presented, Role, Roles,
    Scope, Scopes, Secret, Subject, Via, may,
};
use proptest::prelude::*;
use std::sync::Arc;
use twin::time::{DAY_MS, Time};

#[test]
fn an_access_token_is_good_for_its_time() {
    wait(async {
        let ground = Ground::new().await;
        let ann = ground.user("ann", Role::Engineer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        assert_eq!(session.expires_s, 3_600);
        let caller = ground.bearer(&session.access, after(3_599)).await.unwrap();
        assert_eq!(caller.subject, Subject::User(ann.id.clone()));
        assert_eq!((caller.scopes, &caller.via), (None, &Via::Token));
        let leeway_s = ground.identity.settings().leeway_s;
        assert!(ground.bearer(&session.access, after(3_600 + leeway_s - 1)).await.is_some());
        assert!(ground.bearer(&session.access, after(3_600 + leeway_s)).await.is_none());
        assert!(ground.bearer(&session.access, after(-leeway_s - 1)).await.is_none());

        let lifetimes = Lifetimes { access_s: 1_800, refresh_s: None, steady: false };
        let password = Secret::new(GOOD);
        let login = PasswordLogin { username: "ann", password: &password, source: "x" };
        let short = ground.identity.log_in(login, lifetimes, NOW).await.unwrap();
        assert_eq!((short.expires_s, short.refresh.is_none()), (1_800, true));
        assert!(ground.bearer(&short.access, after(1_800 + leeway_s)).await.is_none());
    });
}

#[test]
fn a_refresh_token_is_good_once_and_its_copy_ends_the_family() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("ann", Role::Viewer).await;
        let first = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let other = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let refresh = |token: &Secret, now: Time| {
            let (identity, token) = (ground.identity.clone(), token.clone());
            async move { identity.refresh(token.reveal(), now).await }
        };
        let one = first.refresh.unwrap();
        let second = refresh(&one, after(10)).await.unwrap();
        let two = second.refresh.unwrap();
        assert_ne!(one, two);
        let third = refresh(&two, after(20)).await.unwrap();
        let three = third.refresh.unwrap();
        assert!(ground.bearer(&third.access, after(20)).await.is_some());
        // The thief, or the one it was stolen from, comes late with a copy.
        assert!(matches!(refresh(&one, after(30)).await, Err(LoginError::Wrong)));
        assert!(matches!(refresh(&three, after(30)).await, Err(LoginError::Wrong)), "the family is over");
        for access in [&first.access, &second.access, &third.access] {
            assert!(ground.bearer(access, after(30)).await.is_none());
        }
        assert!(ground.bearer(&other.access, after(30)).await.is_some(), "another login is another family");
        assert!(refresh(&other.refresh.unwrap(), after(30)).await.is_ok());
        let why = ground.deeds().await;
        assert_eq!(why.iter().filter(|(_, kind)| kind == "grant revoked").count(), 1);
    });
}

#[test]
fn of_two_who_refresh_at_once_at_most_one_gets_on_and_then_nobody() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("ann", Role::Viewer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let token = session.refresh.unwrap();
        let tries = (0..4).map(|_| ground.identity.refresh(token.reveal(), after(1)));
        let done = futures::future::join_all(tries).await;
        assert!(done.iter().filter(|one| one.is_ok()).count() <= 1);
        for one in done.into_iter().flatten() {
            assert!(ground.identity.refresh(one.refresh.unwrap().reveal(), after(2)).await.is_err());
        }
        assert!(ground.bearer(&session.access, after(2)).await.is_none());
    });
}

#[test]
fn refreshing_ends_with_the_token_the_grant_the_user_and_by_logging_out() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("root", Role::Admin).await;
        let ann = ground.user("ann", Role::Viewer).await;
        let identity = &ground.identity;
        let token = |session: host::identity::Session| session.refresh.unwrap();
        let week_s = identity.settings().refresh_s;
        let late = token(ground.log_in("ann", GOOD, NOW).await.unwrap());
        assert!(matches!(identity.refresh(late.reveal(), after(week_s)).await, Err(LoginError::Wrong)));
        let mut on = token(ground.log_in("ann", GOOD, NOW).await.unwrap());
        let mut days = 0;
        while let Ok(session) = identity.refresh(on.reveal(), NOW + days * DAY_MS).await {
            on = token(session);
            days += 6;
        }
        assert_eq!(days, 90, "then a password is asked for again");
        let gone = token(ground.log_in("ann", GOOD, NOW).await.unwrap());
        identity.log_out(gone.reveal(), act(NOW)).await.unwrap();
        assert!(identity.refresh(gone.reveal(), after(1)).await.is_err());
        let off = token(ground.log_in("ann", GOOD, NOW).await.unwrap());
        identity.disable_user(&ann.id, act(NOW)).await.unwrap();
        assert!(matches!(identity.refresh(off.reveal(), after(1)).await, Err(LoginError::Inactive)));
        for nothing in ["", "rt_", "rt_AAAA", late.reveal().trim_start_matches("rt_")] {
            assert!(matches!(identity.refresh(nothing, NOW).await, Err(LoginError::Wrong)));
        }
    });
}

#[test]
fn an_api_key_acts_for_its_maker_within_its_scopes_until_it_ends() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("root", Role::Admin).await;
        let ann = ground.user("ann", Role::Engineer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let caller = ground.bearer(&session.access, NOW).await.unwrap();
        let identity = &ground.identity;
        let new = |scopes: &[Scope]| NewApiKey {
            name: "bench".into(),
            scopes: Scopes::of(scopes),
            expires: Some(after(100)),
            ..NewApiKey::default()
        };
        let (key, secret) = identity.add_api_key(&caller, new(&[Scope::FleetRead]), NOW).await.unwrap();
        assert!(secret.reveal().starts_with("ct_live_") && secret.reveal().len() > 50);
        assert!(secret.reveal().starts_with(&key.hint) && key.hint.len() == 12);
        let text = secret.reveal();
        for presented in [Presented::ApiKey(text), Presented::Bearer(text)] {
            let found = ground.present(presented, after(99)).await.unwrap();
            assert_eq!(found.subject, Subject::User(ann.id.clone()));
            assert_eq!(found.name(), format!("user:{} via {}", ann.id, key.id));
            assert!(may(&found, Action::FleetRead, &Default::default()).is_ok());
            assert!(may(&found, Action::FleetWrite, &Default::default()).is_err());
        }
        assert!(ground.present(Presented::ApiKey(text), after(100)).await.is_none());
        assert!(ground.present(Presented::DeviceToken(text), after(99)).await.is_none());
        let mut cut = text.to_owned();
        cut.pop();
        for wrong in [&cut, &format!("{text}x"), &text.to_lowercase(), &key.id.to_string()] {
            assert!(ground.present(Presented::ApiKey(wrong), NOW).await.is_none(), "{wrong}");
        }
        let not_held =
            identity.add_api_key(&caller, new(&[Scope::FleetRead, Scope::IdentityAdmin]), NOW).await;
        assert!(matches!(not_held, Err(IdentityError::NotHeld(Scope::IdentityAdmin))), "{not_held:?}");
        // A key makes no key that may more than itself.
        let by_key = ground.present(Presented::ApiKey(text), NOW).await.unwrap();
        let wider = identity.add_api_key(&by_key, new(&[Scope::FleetWrite]), NOW).await;
        assert!(matches!(wider, Err(IdentityError::NotHeld(Scope::FleetWrite))));
        for bad in [
            NewApiKey { scopes: Scopes::default(), ..new(&[]) },
            NewApiKey { name: " ".into(), ..new(&[Scope::FleetRead]) },
            NewApiKey { expires: Some(NOW), ..new(&[Scope::FleetRead]) },
        ] {
            assert!(matches!(identity.add_api_key(&caller, bad, NOW).await, Err(IdentityError::Unfit(_))));
        }
        let (own, _) = identity.api_keys(Some(&caller.subject), 10, None).await.unwrap();
        assert_eq!(own, vec![key.clone()]);
        identity.revoke_api_key(&key.id, act(NOW)).await.unwrap();
        assert!(ground.present(Presented::ApiKey(text), NOW).await.is_none());

        let (_, family) = identity
            .add_api_key(
                &caller,
                NewApiKey { prefix: Some("wia_live_".into()), ..new(&[Scope::FleetRead]) },
                NOW,
            )
            .await
            .unwrap();
        assert!(ground.present(Presented::ApiKey(family.reveal()), NOW).await.is_some());
        identity.disable_user(&ann.id, act(NOW)).await.unwrap();
        assert!(
            ground.present(Presented::ApiKey(family.reveal()), NOW).await.is_none(),
            "its maker is disabled"
        );
    });
}

#[test]
fn what_another_process_revoked_ends_within_seconds() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("root", Role::Admin).await;
        let ann = ground.user("ann", Role::Viewer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        assert!(ground.bearer(&session.access, NOW).await.is_some());
        open(&ground.store, settings()).await.disable_user(&ann.id, act(NOW)).await.unwrap();
        assert!(ground.bearer(&session.access, after(4)).await.is_some());
        assert!(ground.bearer(&session.access, after(5)).await.is_none());
    });
}

#[test]
fn organisations_are_bound_to_tokens_and_carried_to_callers() {
    wait(async {
        let ground = Ground::new().await;
        let new = NewUser {
            username: Some("ann".into()),
            password: Some(Secret::new(GOOD)),
            roles: Roles::of(&[Role::Engineer]),
            organisation: Some("acme".into()),
            ..NewUser::default()
        };
        ground.identity.add_user(new, act(NOW)).await.unwrap();
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let caller = ground.bearer(&session.access, NOW).await.unwrap();
        assert_eq!(caller.organisation.as_deref(), Some("acme"));
        let of = |name: &str| host::identity::Owner { organisation: Some(name.into()), ..Default::default() };
        assert!(may(&caller, Action::TwinRead, &of("acme")).is_ok());
        assert_eq!(may(&caller, Action::TwinRead, &of("other")), Err(host::identity::Denied::Hidden));
        let client = NewClient {
            name: "line".into(),
            scopes: Scopes::of(&[Scope::TwinsRead]),
            organisation: Some("acme".into()),
            ..NewClient::default()
        };
        let (client, _) = ground.identity.add_client(client, act(NOW)).await.unwrap();
        assert_eq!(client.organisation.as_deref(), Some("acme"));
    });
}

/// A token of a user, and whoever it is taken for.
async fn token_of(ground: &Ground) -> (String, Arc<Caller>) {
    ground.user("ann", Role::Viewer).await;
    let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
    let caller = ground.bearer(&session.access, NOW).await.unwrap();
    (session.access.reveal().to_owned(), caller)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_altered_token_gets_in(changes in prop::collection::vec((any::<prop::sample::Index>(), 0x21u8..0x7f), 1..4)) {
        wait(async {
            let ground = Ground::new().await;
            let (token, _) = token_of(&ground).await;
            let mut bytes = token.clone().into_bytes();
            for (at, to) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *to;
            }
            let altered = String::from_utf8(bytes).unwrap();
            if altered != token {
                assert!(ground.present(Presented::Bearer(&altered), NOW).await.is_none(), "{altered}");
            }
            // Parts of two good tokens do not make one.
            let other = ground.log_in("ann", GOOD, after(7)).await.unwrap();
            let (one, two): (Vec<&str>, Vec<&str>) =
                (token.split('.').collect(), other.access.reveal().split('.').collect());
            let mixed = format!("{}.{}.{}", one[0], two[1], one[2]);
            assert!(ground.present(Presented::Bearer(&mixed), after(7)).await.is_none());
        });
    }

    #[test]
    fn whatever_the_order_a_used_refresh_token_never_works_again(picks in prop::collection::vec(any::<prop::sample::Index>(), 1..12)) {
        wait(async {
            let ground = Ground::new().await;
            ground.user("ann", Role::Viewer).await;
            let mut tokens = vec![ground.log_in("ann", GOOD, NOW).await.unwrap().refresh.unwrap()];
            let (mut newest, mut is_over) = (0, false);
            for (n, pick) in picks.into_iter().enumerate() {
                let at = pick.index(tokens.len());
                let done = ground.identity.refresh(tokens[at].reveal(), after(n as i64)).await;
                assert_eq!(done.is_ok(), at == newest && !is_over);
                match done {
                    Ok(session) => {
                        tokens.push(session.refresh.unwrap());
                        newest = tokens.len() - 1;
                    }
                    Err(_) => is_over = true,
                }
            }
        });
    }
}
