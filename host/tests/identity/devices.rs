//! Hardware, over HTTP and MQTT.

use crate::ground::{GOOD, Ground, NOW, act, after, wait};
use host::identity::api_key::NewApiKey;
use host::identity::device::DeviceLogin;
use host::identity::{
    Action, Denied, IdentityError, LoginError, NewUser, Owner, Presented, Role, Roles, Scope, Scopes, Secret,
    Subject, may,
};
use host::platform::door::{Access, Device, Guest, Kind, Login, TurnedAway};
use twin::time::Time;

fn battery(id: &str) -> Device {
    Device { kind: Kind::Battery, id: id.into() }
}

async fn enrol(ground: &Ground, device: Device) -> Secret {
    ground.identity.enrol(vec![device], None, act(NOW)).await.unwrap().remove(0).1
}

async fn token(ground: &Ground, device: &str, secret: &str, now: Time) -> Result<Secret, LoginError> {
    let login = DeviceLogin { device, secret, source: "10.0.0.1" };
    ground.identity.device_token(login, now).await.map(|token| token.token)
}

async fn admit(ground: &Ground, user: &str, secret: &str, now: Time) -> Result<Guest, TurnedAway> {
    let login = Login { client: "c".into(), user: Some(user.into()), secret: Some(secret.into()) };
    ground.identity.admit(login, now).await
}

#[test]
fn a_device_gets_a_token_for_its_secret_and_speaks_for_itself() {
    wait(async {
        let ground = Ground::new().await;
        let secret = enrol(&ground, battery("B1")).await;
        let token = token(&ground, "B1", secret.reveal(), NOW).await.unwrap();
        assert!(token.reveal().starts_with("dt_"));
        let shown = Presented::DeviceToken(token.reveal());
        let caller = ground.present(shown, after(86_399)).await.unwrap();
        assert_eq!(caller.subject, Subject::Device(battery("B1")));
        let of = |id: &str| Owner { device: Some(battery(id)), ..Owner::default() };
        assert!(may(&caller, Action::TwinReport, &of("B1")).is_ok());
        assert_eq!(may(&caller, Action::TwinReport, &of("B2")), Err(Denied::Hidden));
        assert!(may(&caller, Action::FleetRead, &of("B1")).is_err());
        let leeway_s = ground.identity.settings().leeway_s;
        assert!(ground.present(shown, after(86_400 + leeway_s)).await.is_none());
        // One kind of token is not another.
        let bare = token.reveal().trim_start_matches("dt_");
        for presented in
            [Presented::Bearer(token.reveal()), Presented::Bearer(bare), Presented::DeviceToken(bare)]
        {
            assert!(ground.present(presented, NOW).await.is_none(), "{presented:?}");
        }
        ground.user("ann", Role::Admin).await;
        let access = ground.log_in("ann", GOOD, NOW).await.unwrap().access;
        let dressed = format!("dt_{}", access.reveal());
        assert!(ground.present(Presented::DeviceToken(&dressed), NOW).await.is_none());
    });
}

#[test]
fn a_wrong_secret_an_unknown_device_and_a_revoked_one_get_the_same_answer() {
    wait(async {
        let ground = Ground::new().await;
        let (one, two) = (enrol(&ground, battery("B1")).await, enrol(&ground, battery("B2")).await);
        let given = token(&ground, "B2", two.reveal(), NOW).await.unwrap();
        ground.identity.revoke_device(&battery("B2"), act(NOW)).await.unwrap();
        assert!(ground.present(Presented::DeviceToken(given.reveal()), NOW).await.is_none());
        for (device, secret) in [
            ("B1", two.reveal()),
            ("B1", ""),
            ("B2", two.reveal()),
            ("B3", one.reveal()),
            ("cabinet/B1", one.reveal()),
        ] {
            let refused = token(&ground, device, secret, NOW).await;
            assert!(matches!(refused, Err(LoginError::Wrong)), "{device}: {refused:?}");
        }
        let again = ground.identity.rotate_device_secret(&battery("B2"), act(NOW)).await.unwrap();
        assert!(token(&ground, "B2", two.reveal(), NOW).await.is_err());
        assert!(token(&ground, "battery/B2", again.reveal(), NOW).await.is_ok());
        assert!(ground.present(Presented::DeviceToken(given.reveal()), NOW).await.is_none(), "void for ever");
    });
}

#[test]
fn ids_that_two_kinds_have_need_the_kind() {
    wait(async {
        let ground = Ground::new().await;
        let one = enrol(&ground, battery("X1")).await;
        assert!(token(&ground, "X1", one.reveal(), NOW).await.is_ok());
        let two = enrol(&ground, Device { kind: Kind::Cabinet, id: "X1".into() }).await;
        assert!(token(&ground, "X1", one.reveal(), NOW).await.is_err());
        assert!(token(&ground, "battery/X1", one.reveal(), NOW).await.is_ok());
        assert!(token(&ground, "cabinet/X1", two.reveal(), NOW).await.is_ok());
    });
}

#[test]
fn a_fleet_is_enrolled_at_once_and_no_device_twice() {
    wait(async {
        let ground = Ground::new().await;
        let fleet: Vec<Device> = (0..1_200).map(|n| battery(&format!("F{n:04}"))).collect();
        let given = ground.identity.enrol(fleet.clone(), Some("acme".into()), act(NOW)).await.unwrap();
        assert_eq!(given.iter().map(|(device, _)| device.clone()).collect::<Vec<_>>(), fleet);
        let mut secrets: Vec<&str> = given.iter().map(|(_, secret)| secret.reveal()).collect();
        secrets.sort_unstable();
        secrets.dedup();
        assert_eq!(secrets.len(), 1_200);
        let enrolled = ground.identity.device(&fleet[7]).await.unwrap().unwrap();
        assert_eq!(enrolled.organisation.as_deref(), Some("acme"));
        let again = ground.identity.enrol(vec![battery("new"), fleet[3].clone()], None, act(NOW)).await;
        assert!(matches!(again, Err(IdentityError::Taken { .. })));
        assert!(ground.identity.device(&battery("new")).await.unwrap().is_none(), "wholly or not at all");
        for bad in ["", "a/b", "a\nb", &"x".repeat(151)] {
            let refused = ground.identity.enrol(vec![battery(bad)], None, act(NOW)).await;
            assert!(matches!(refused, Err(IdentityError::Unfit(_))), "{bad}");
        }
        assert_eq!(ground.identity.devices(Some(Kind::Battery), 2_000, None).await.unwrap().0.len(), 1_200);
        assert!(ground.identity.devices(Some(Kind::Vessel), 10, None).await.unwrap().0.is_empty());
        // All of them come back through one address at the same moment.
        for (device, secret) in &given {
            assert!(token(&ground, &device.id, secret.reveal(), NOW).await.is_ok());
        }
    });
}

#[test]
fn the_same_credentials_log_in_over_mqtt() {
    wait(async {
        let ground = Ground::new().await;
        let secret = enrol(&ground, battery("B1")).await;
        let token = token(&ground, "B1", secret.reveal(), NOW).await.unwrap();
        let guest = Guest { name: "device:battery/B1".into(), access: Access::Device(battery("B1")) };
        for user in ["B1", "battery/B1"] {
            for shown in [&secret, &token] {
                assert_eq!(admit(&ground, user, shown.reveal(), NOW).await, Ok(guest.clone()));
            }
        }
        for user in ["B2", "vessel/B1", "", "b1"] {
            for shown in [&secret, &token] {
                assert_eq!(
                    admit(&ground, user, shown.reveal(), NOW).await,
                    Err(TurnedAway::Unknown),
                    "{user}"
                );
            }
        }
        for (user, secret) in [(None, None), (Some("B1"), None), (None, Some(secret.reveal()))] {
            let login = Login {
                client: "c".into(),
                user: user.map(ToOwned::to_owned),
                secret: secret.map(ToOwned::to_owned),
            };
            assert_eq!(ground.identity.admit(login, NOW).await, Err(TurnedAway::Unknown));
        }
        assert!(admit(&ground, "B1", token.reveal(), after(86_500)).await.is_err());
    });
}

#[test]
fn people_and_keys_hear_or_speak_over_mqtt_as_they_may() {
    wait(async {
        let ground = Ground::new().await;
        for (name, role, expected) in [
            ("root", Role::Admin, Ok(Access::All)),
            ("ann", Role::Engineer, Ok(Access::Listen)),
            ("bob", Role::Viewer, Ok(Access::Listen)),
            ("dee", Role::Dealer, Err(TurnedAway::Unknown)),
        ] {
            ground.user(name, role).await;
            let found = admit(&ground, name, GOOD, NOW).await.map(|guest| guest.access);
            assert_eq!(found, expected, "{name}");
            let session = ground.log_in(name, GOOD, NOW).await.unwrap();
            let found = admit(&ground, "token", session.access.reveal(), NOW).await.map(|guest| guest.access);
            assert_eq!(found, expected, "{name}");
            assert!(admit(&ground, name, "wrong", NOW).await.is_err());
        }
        for (scope, expected) in [
            (Scope::MqttAll, Ok(Access::All)),
            (Scope::MqttListen, Ok(Access::Listen)),
            (Scope::FleetRead, Err(TurnedAway::Unknown)),
        ] {
            let new =
                NewApiKey { name: "bridge".into(), scopes: Scopes::of(&[scope]), ..NewApiKey::default() };
            let root = ground.log_in("root", GOOD, NOW).await.unwrap().access;
            let root = ground.bearer(&root, NOW).await.unwrap();
            let (_, key) = ground.identity.add_api_key(&root, new, NOW).await.unwrap();
            let found = admit(&ground, "bridge", key.reveal(), NOW).await.map(|guest| guest.access);
            assert_eq!(found, expected, "{scope}");
        }
        // Topics know no tenants, so a member of an organisation hears none of them.
        let tenant = NewUser {
            username: Some("eve".into()),
            password: Some(Secret::new(GOOD)),
            roles: Roles::of(&[Role::Admin]),
            organisation: Some("acme".into()),
            ..NewUser::default()
        };
        ground.identity.add_user(tenant, act(NOW)).await.unwrap();
        assert_eq!(admit(&ground, "eve", GOOD, NOW).await, Err(TurnedAway::Unknown));
        let session = ground.log_in("eve", GOOD, NOW).await.unwrap();
        let tenant = ground.bearer(&session.access, NOW).await.unwrap();
        let new =
            NewApiKey { name: "t".into(), scopes: Scopes::of(&[Scope::MqttAll]), ..NewApiKey::default() };
        let made = ground.identity.add_api_key(&tenant, new, NOW).await;
        let (_, key) = made.unwrap();
        assert_eq!(admit(&ground, "t", key.reveal(), NOW).await, Err(TurnedAway::Unknown));
    });
}

#[test]
fn guessing_over_mqtt_is_slowed_down() {
    wait(async {
        let ground = Ground::new().await;
        ground.user("root", Role::Admin).await;
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(admit(&ground, "root", "wrong", NOW).await.unwrap_err());
        }
        assert_eq!(answers[..5], [TurnedAway::Unknown; 5]);
        assert_eq!(answers[5..], [TurnedAway::TooMany; 3]);
        assert!(admit(&ground, "root", GOOD, after(30)).await.is_ok());
    });
}
