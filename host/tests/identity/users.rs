//! People and their passwords.

use crate::ground::{GOOD, Ground, NOW, act, after, open, settings, wait};
use host::identity::account::{PasswordChange, UserPatch};
use host::identity::{IdentityError, LoginError, NewUser, Role, Roles, Secret};

#[test]
fn the_first_start_makes_an_administrator_once() {
    wait(async {
        let ground = Ground::new().await;
        let first = ground.identity.first_admin(None, NOW).await.unwrap().unwrap();
        let password = first.password.unwrap();
        assert!(first.user.is(Role::Admin) && password.reveal().len() >= 40);
        assert!(ground.identity.first_admin(None, NOW).await.unwrap().is_none());
        assert!(ground.log_in("admin", password.reveal(), NOW).await.is_ok());

        let given = Ground::new().await;
        let first = given.identity.first_admin(Some(Secret::new(GOOD)), NOW).await.unwrap().unwrap();
        assert!(first.password.is_none());
        assert!(given.log_in("admin", GOOD, NOW).await.is_ok());

        let weak = Ground::new().await.identity.first_admin(Some(Secret::new("admin")), NOW).await;
        assert!(matches!(weak, Err(IdentityError::WeakPassword(_))), "{weak:?}");
        // The next process finds the same.
        let again = open(&ground.store, settings()).await;
        assert!(again.first_admin(None, NOW).await.unwrap().is_none());
    });
}

#[test]
fn users_are_added_found_changed_and_deleted() {
    wait(async {
        let ground = Ground::new().await;
        let identity = &ground.identity;
        let ann = ground.user("Ann", Role::Engineer).await;
        assert_eq!(identity.user_named("aNN").await.unwrap().unwrap(), ann);
        let taken =
            NewUser { username: Some("ANN".into()), roles: Roles::of(&[Role::Viewer]), ..NewUser::default() };
        let refused = identity.add_user(taken, act(NOW)).await;
        assert!(matches!(refused, Err(IdentityError::Taken { .. })), "{refused:?}");
        let patch = UserPatch {
            full_name: Some(Some("Ann Lee".into())),
            roles: Some(Roles::of(&[Role::Viewer])),
            ..UserPatch::default()
        };
        let changed = identity.update_user(&ann.id, patch, act(after(1))).await.unwrap();
        assert_eq!((changed.full_name.as_deref(), changed.updated), (Some("Ann Lee"), after(1)));
        let (viewers, next) = identity.users(Some(Role::Viewer), 10, None).await.unwrap();
        assert_eq!((viewers, next), (vec![changed], None));
        identity.delete_user(&ann.id, act(after(2))).await.unwrap();
        assert!(identity.user(&ann.id).await.unwrap().is_none());
        let gone = identity.delete_user(&ann.id, act(after(2))).await;
        assert!(matches!(gone, Err(IdentityError::Absent { .. })));
        let kinds: Vec<String> = ground.deeds().await.into_iter().map(|(_, kind)| kind).collect();
        assert!(
            kinds.ends_with(&["user added".into(), "user changed".into(), "user deleted".into()]),
            "{kinds:?}"
        );
    });
}

#[test]
fn what_could_not_log_in_or_is_too_weak_is_refused() {
    wait(async {
        let ground = Ground::new().await;
        let new = |name: Option<&str>, password: Option<&str>, roles: &[Role]| NewUser {
            username: name.map(ToOwned::to_owned),
            password: password.map(Secret::new),
            roles: Roles::of(roles),
            ..NewUser::default()
        };
        let viewer = [Role::Viewer];
        for bad in [
            new(None, None, &viewer),
            new(None, Some(GOOD), &viewer),
            new(Some("ann"), Some(GOOD), &[]),
            new(Some(""), Some(GOOD), &viewer),
            new(Some(" ann"), Some(GOOD), &viewer),
            new(Some("a\nb"), Some(GOOD), &viewer),
            new(Some(&"x".repeat(101)), Some(GOOD), &viewer),
        ] {
            let refused = ground.identity.add_user(bad, act(NOW)).await;
            assert!(matches!(refused, Err(IdentityError::Unfit(_))), "{refused:?}");
        }
        for weak in ["", "short", "ann-marie", "aaaaaaaaaaaa", &"long".repeat(100)] {
            let refused =
                ground.identity.add_user(new(Some("ann-marie"), Some(weak), &viewer), act(NOW)).await;
            assert!(matches!(refused, Err(IdentityError::WeakPassword(_))), "{weak}: {refused:?}");
        }
        assert!(ground.identity.users(None, 10, None).await.unwrap().0.is_empty());
    });
}

#[test]
fn an_unknown_name_and_a_wrong_password_get_the_same_answer() {
    wait(async {
        let ground = Ground::new().await;
        let ann = ground.user("ann", Role::Viewer).await;
        for (name, password) in [("ann", "wrong"), ("bob", GOOD), ("", ""), ("ann", &GOOD.to_uppercase()[..])]
        {
            let refused = ground.log_in(name, password, NOW).await.unwrap_err();
            assert!(matches!(refused, LoginError::Wrong), "{name}: {refused:?}");
        }
        ground.user("root", Role::Admin).await;
        ground.identity.disable_user(&ann.id, act(NOW)).await.unwrap();
        assert!(matches!(ground.log_in("ann", "wrong", NOW).await, Err(LoginError::Wrong)));
        assert!(matches!(ground.log_in("ann", GOOD, NOW).await, Err(LoginError::Inactive)));
    });
}

#[test]
fn guessing_is_slowed_down_per_account_and_source_and_ends_with_time() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("ann", Role::Viewer).await;
        for name in ["ann", "nobody"] {
            for n in 0..5 {
                let tried = ground.log_in(name, "wrong", after(n)).await;
                assert!(matches!(tried, Err(LoginError::Wrong)), "{name} {n}: {tried:?}");
            }
            // Known or not, right or not: the same answer.
            let slow = ground.log_in(name, GOOD, after(5)).await;
            let Err(LoginError::TooMany { wait_ms }) = slow else { panic!("{slow:?}") };
            assert_eq!(wait_ms, 29_000);
        }
        // Another source is not shut out by it.
        assert!(ground.log_in_from("10.0.0.2", "ann", GOOD, after(6)).await.is_ok());
        assert!(ground.log_in("ann", GOOD, after(33)).await.is_err());
        assert!(ground.log_in("ann", GOOD, after(34)).await.is_ok());
        for n in 0..5 {
            assert!(matches!(ground.log_in("ann", "wrong", after(40 + n)).await, Err(LoginError::Wrong)));
        }
    });
}

#[test]
fn one_source_cannot_try_many_names_and_many_sources_not_one_name() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("ann", Role::Viewer).await;
        let mut tried = 0;
        for n in 0..200 {
            let refused = ground.log_in(&format!("user{n}"), "wrong", NOW).await.unwrap_err();
            tried += u32::from(matches!(refused, LoginError::Wrong));
        }
        assert_eq!(tried, ground.identity.settings().source.free);
        let mut tried = 0;
        for n in 0..200 {
            let source = format!("10.1.0.{n}");
            let refused = ground.log_in_from(&source, "ann", "wrong", NOW).await.unwrap_err();
            tried += u32::from(matches!(refused, LoginError::Wrong));
        }
        assert_eq!(tried, ground.identity.settings().account.free);
    });
}

#[test]
fn who_knows_the_password_changes_it_and_everything_before_is_void() {
    wait(async {
        let ground = Ground::new().await;
        let ann = ground.user("ann", Role::Viewer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        assert!(ground.bearer(&session.access, NOW).await.is_some());
        let (good, new, wrong) = (Secret::new(GOOD), Secret::new("other-pool-18"), Secret::new("wrong"));
        let identity = &ground.identity;
        let change =
            |present, new| identity.change_password(&ann.id, PasswordChange { present, new }, "x", after(1));
        assert!(matches!(change(&wrong, &new).await, Err(IdentityError::WrongPassword)));
        assert!(matches!(change(&good, &wrong).await, Err(IdentityError::WeakPassword(_))));
        assert!(ground.bearer(&session.access, after(1)).await.is_some());
        change(&good, &new).await.unwrap();
        assert!(
            ground.bearer(&session.access, after(1)).await.is_none(),
            "at once, not only when looked up anew"
        );
        assert!(identity.refresh(session.refresh.unwrap().reveal(), after(1)).await.is_err());
        assert!(ground.log_in("ann", GOOD, after(2)).await.is_err());
        assert!(ground.log_in("ann", new.reveal(), after(3)).await.is_ok());
    });
}

#[test]
fn disabling_and_other_roles_take_effect_at_once() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("root", Role::Admin).await;
        let ann = ground.user("ann", Role::Engineer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let caller = ground.bearer(&session.access, NOW).await.unwrap();
        assert_eq!((caller.name(), caller.roles.first()), (format!("user:{}", ann.id), Some(Role::Engineer)));
        ground.identity.disable_user(&ann.id, act(NOW)).await.unwrap();
        assert!(ground.bearer(&session.access, NOW).await.is_none());
        let enable = UserPatch { disabled: Some(false), ..UserPatch::default() };
        ground.identity.update_user(&ann.id, enable, act(NOW)).await.unwrap();
        assert!(ground.bearer(&session.access, NOW).await.is_none(), "what was void stays so");
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let lower = UserPatch { roles: Some(Roles::of(&[Role::Viewer])), ..UserPatch::default() };
        ground.identity.update_user(&ann.id, lower, act(NOW)).await.unwrap();
        assert!(ground.bearer(&session.access, NOW).await.is_none());
    });
}

#[test]
fn the_last_administrator_stays() {
    wait(async {
        let ground = Ground::new().await;
        let root = ground.user("root", Role::Admin).await;
        let identity = &ground.identity;
        let lower = || UserPatch { roles: Some(Roles::of(&[Role::Viewer])), ..UserPatch::default() };
        for refused in [
            identity.disable_user(&root.id, act(NOW)).await.map(drop),
            identity.delete_user(&root.id, act(NOW)).await,
            identity.update_user(&root.id, lower(), act(NOW)).await.map(drop),
        ] {
            assert!(matches!(refused, Err(IdentityError::LastAdmin)), "{refused:?}");
        }
        let other = ground.user("other", Role::Admin).await;
        identity.disable_user(&root.id, act(NOW)).await.unwrap();
        let refused = identity.delete_user(&other.id, act(NOW)).await;
        assert!(matches!(refused, Err(IdentityError::LastAdmin)), "a disabled one does not count");
    });
}

#[test]
fn the_journal_names_who_did_it_and_holds_no_secret() {
    wait(async {
        let ground = Ground::new().await;
        let ann = ground.user("ann", Role::Viewer).await;
        let session = ground.log_in("ann", GOOD, NOW).await.unwrap();
        let refresh = session.refresh.unwrap();
        ground.identity.set_password(&ann.id, &Secret::new("other-pool-18"), act(NOW)).await.unwrap();
        let deeds = ground.deeds().await;
        for (actor, kind) in [
            ("platform".to_owned(), "key made"),
            ("user:tester".to_owned(), "user added"),
            (format!("user:{}", ann.id), "logged in"),
            ("user:tester".to_owned(), "password set"),
        ] {
            assert!(deeds.contains(&(actor.clone(), kind.to_owned())), "{actor} {kind}: {deeds:?}");
        }
        for entry in ground.journal().await {
            let text =
                format!("{} {} {}", entry.entity, entry.actor, String::from_utf8_lossy(&entry.payload));
            for secret in [GOOD, "other-pool", session.access.reveal(), refresh.reveal(), "argon2"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    });
}
