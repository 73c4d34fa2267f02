//! Telephone numbers and one-time codes.

use crate::ground::{Ground, NOW, act, after, wait};
use host::identity::account::{PhoneLogin, PhoneNumber};
use host::identity::message::{Delivery, Message, MessageGateway};
use host::identity::{IdentityError, Lifetimes, LoginError, NewUser, Role, Roles, User};
use host::platform::door::Soon;
use std::sync::Mutex;
use twin::time::Time;

const ANN: &str = "+919876543210";
const NOBODY: &str = "+919876543211";

fn number(text: &str) -> PhoneNumber {
    text.parse().unwrap()
}

fn login(phone: &PhoneNumber) -> PhoneLogin<'_> {
    PhoneLogin { phone, role: None, source: "10.0.0.1" }
}

async fn ann(ground: &Ground) -> User {
    let new = NewUser { phone: Some(number(ANN)), roles: Roles::of(&[Role::Dealer]), ..NewUser::default() };
    ground.identity.add_user(new, act(NOW)).await.unwrap()
}

/// The code in the latest message to a number.
async fn code(ground: &Ground, to: &str) -> String {
    let (messages, _) = ground.identity.outbox(Some(&number(to)), 1, None).await.unwrap();
    messages[0].text[..6].to_owned()
}

/// A code that is not this one.
fn other(code: &str) -> String {
    format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000)
}

async fn ask(ground: &Ground, phone: &str, now: Time) -> Result<(), IdentityError> {
    ground.identity.request_code(login(&number(phone)), now).await
}

async fn tell(ground: &Ground, phone: &str, code: &str, now: Time) -> Result<User, LoginError> {
    ground.identity.check_code(login(&number(phone)), code, now).await
}

#[test]
fn a_code_lets_its_number_in_once() {
    wait(async {
        let ground = Ground::new().await;
        let user = ann(&ground).await;
        ask(&ground, ANN, NOW).await.unwrap();
        let code = code(&ground, ANN).await;
        assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()));
        let lifetimes = Lifetimes { access_s: 86_400, refresh_s: None, steady: false };
        let (phone, identity) = (number(ANN), &ground.identity);
        let session = identity.log_in_phone(login(&phone), &code, lifetimes, after(299)).await.unwrap();
        assert_eq!((session.user.id.clone(), session.expires_s), (user.id, 86_400));
        let caller = ground.bearer(&session.access, after(86_000)).await.unwrap();
        assert_eq!(caller.roles.first(), Some(Role::Dealer));
        assert!(matches!(tell(&ground, ANN, &code, after(299)).await, Err(LoginError::Wrong)), "replayed");
    });
}

#[test]
fn a_code_ends_after_five_minutes_and_with_the_next() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        ask(&ground, ANN, NOW).await.unwrap();
        let first = code(&ground, ANN).await;
        assert!(matches!(tell(&ground, ANN, &first, after(300)).await, Err(LoginError::Wrong)));
        ask(&ground, ANN, after(300)).await.unwrap();
        let second = code(&ground, ANN).await;
        ask(&ground, ANN, after(330)).await.unwrap();
        let third = code(&ground, ANN).await;
        assert!(second != third && first != third);
        assert!(matches!(tell(&ground, ANN, &second, after(331)).await, Err(LoginError::Wrong)));
        assert!(tell(&ground, ANN, &third, after(331)).await.is_ok());
    });
}

#[test]
fn five_wrong_tries_make_a_code_void_also_from_many_sources_at_once() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        ask(&ground, ANN, NOW).await.unwrap();
        let (good, phone) = (code(&ground, ANN).await, number(ANN));
        let wrong = other(&good);
        let sources: Vec<String> = (0..5).map(|n| format!("10.0.1.{n}")).collect();
        let tries = sources.iter().map(|source| {
            let login = PhoneLogin { phone: &phone, role: None, source };
            ground.identity.check_code(login, &wrong, after(1))
        });
        assert!(futures::future::join_all(tries).await.iter().all(Result::is_err));
        // Whoever came too often at once was told to wait; he may try again until five were really tried.
        for n in 0..5 {
            let source = format!("10.0.2.{n}");
            let login = PhoneLogin { phone: &phone, role: None, source: &source };
            assert!(ground.identity.check_code(login, &wrong, after(2)).await.is_err());
        }
        assert!(matches!(tell(&ground, ANN, &good, after(3)).await, Err(LoginError::Wrong)));
    });
}

#[test]
fn a_code_is_good_after_four_wrong_tries() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        ask(&ground, ANN, NOW).await.unwrap();
        let good = code(&ground, ANN).await;
        for n in 0..4 {
            assert!(matches!(tell(&ground, ANN, &other(&good), after(n)).await, Err(LoginError::Wrong)));
        }
        for odd in ["", "1", "12345678", "abcdef"] {
            let phone = number(NOBODY);
            let login = PhoneLogin { phone: &phone, role: None, source: "10.9.9.9" };
            assert!(ground.identity.check_code(login, odd, after(4)).await.is_err());
        }
        assert!(tell(&ground, ANN, &good, after(5)).await.is_ok());
    });
}

#[test]
fn an_unknown_number_is_answered_like_a_known_one() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        // What is asked, when, and what is answered: once for a known and once for an unknown number.
        let mut answers = Vec::new();
        for phone in [ANN, NOBODY] {
            let mut told = Vec::new();
            for seconds in [0, 1, 29, 30, 60, 90] {
                told.push(format!("{:?}", ask(&ground, phone, after(seconds)).await));
            }
            for n in 0..7 {
                told.push(format!("{:?}", tell(&ground, phone, "000000", after(91 + n)).await));
            }
            for seconds in [150, 600, 1_200, 3_599, 3_600] {
                told.push(format!("{:?}", ask(&ground, phone, after(seconds)).await));
            }
            answers.push(told);
        }
        assert_eq!(answers[0], answers[1]);
        let (messages, _) = ground.identity.outbox(None, 100, None).await.unwrap();
        assert!(!messages.is_empty() && messages.iter().all(|message| message.to == number(ANN)));
        // Nor does the journal say: as many entries of each kind for both.
        let entities: Vec<String> = ground
            .journal()
            .await
            .iter()
            .filter(|entry| entry.kind == "code asked for")
            .map(|entry| entry.entity.to_string())
            .collect();
        let first = entities.iter().filter(|entity| **entity == entities[0]).count();
        assert_eq!(first * 2, entities.len());
    });
}

#[test]
fn no_more_than_five_codes_an_hour_and_one_in_half_a_minute() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        let mut given = 0;
        for seconds in 0..3_600 {
            if seconds % 10 == 0 {
                given += u32::from(ask(&ground, ANN, after(seconds)).await.is_ok());
            }
        }
        assert_eq!(given, 5);
    });
}

#[test]
fn who_comes_as_something_else_or_is_disabled_gets_no_code() {
    wait(async {
        let ground = Ground::new().await;
        let user = ann(&ground).await;
        let phone = number(ANN);
        let as_consumer = PhoneLogin { role: Some(Role::Consumer), ..login(&phone) };
        ground.identity.request_code(as_consumer, NOW).await.unwrap();
        assert!(ground.identity.outbox(None, 10, None).await.unwrap().0.is_empty());
        let as_dealer = PhoneLogin { role: Some(Role::Dealer), ..login(&phone) };
        ground.identity.request_code(as_dealer, after(30)).await.unwrap();
        let good = code(&ground, ANN).await;
        ground.identity.disable_user(&user.id, act(after(31))).await.unwrap();
        let refused = ground.identity.check_code(as_dealer, &good, after(31)).await;
        assert!(matches!(refused, Err(LoginError::Inactive)), "{refused:?}");
        ground.identity.request_code(as_dealer, after(60)).await.unwrap();
        assert_eq!(ground.identity.outbox(None, 10, None).await.unwrap().0.len(), 1);
    });
}

#[test]
fn the_journal_holds_neither_numbers_nor_codes() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        ask(&ground, ANN, NOW).await.unwrap();
        let good = code(&ground, ANN).await;
        tell(&ground, ANN, &good, after(1)).await.unwrap();
        ground.identity.write_message(&number(ANN), "Hello".into(), act(NOW)).await.unwrap();
        for entry in ground.journal().await {
            let text =
                format!("{} {} {}", entry.entity, entry.actor, String::from_utf8_lossy(&entry.payload));
            assert!(!text.contains(&ANN[1..]) && !text.contains(&good), "{text}");
        }
        let shown = format!("{:?}", ground.identity.user_with_phone(&number(ANN)).await.unwrap());
        assert!(!shown.contains(&ANN[1..]), "{shown}");
    });
}

/// Takes every other message.
#[derive(Debug, Default)]
struct Moody {
    taken: Mutex<Vec<String>>,
    asked: Mutex<usize>,
}

impl MessageGateway for Moody {
    fn send(&self, message: &Message) -> Soon<Result<String, String>> {
        let mut asked = self.asked.lock().unwrap();
        *asked += 1;
        let answer = if asked.is_multiple_of(2) {
            self.taken.lock().unwrap().push(message.text.clone());
            Ok(format!("ref-{asked}"))
        } else {
            Err("busy".to_owned())
        };
        Box::pin(async move { answer })
    }
}

#[test]
fn a_gateway_takes_what_waits_and_codes_are_not_kept_after_that() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        ask(&ground, ANN, NOW).await.unwrap();
        let good = code(&ground, ANN).await;
        let gateway = Moody::default();
        assert_eq!(ground.identity.deliver(&gateway, after(1)).await.unwrap(), 0);
        let waiting = || async { ground.identity.outbox(None, 10, None).await.unwrap().0.remove(0) };
        assert_eq!(waiting().await.delivery, Delivery::Waiting { tries: 1 });
        assert_eq!(ground.identity.deliver(&gateway, after(2)).await.unwrap(), 1);
        let sent = waiting().await;
        assert_eq!(sent.delivery, Delivery::Sent { at: after(2), reference: "ref-2".into() });
        assert!(!sent.text.contains(&good) && gateway.taken.lock().unwrap()[0].contains(&good));
        assert_eq!(ground.identity.deliver(&gateway, after(3)).await.unwrap(), 0, "nothing waits");
        assert!(tell(&ground, ANN, &good, after(4)).await.is_ok());
        // One that is never taken is given up.
        ground.identity.write_message(&number(ANN), "Hello".into(), act(after(5))).await.unwrap();
        for n in 0..5 {
            *gateway.asked.lock().unwrap() = 0;
            ground.identity.deliver(&gateway, after(6 + n)).await.unwrap();
        }
        assert!(matches!(waiting().await.delivery, Delivery::Failed { .. }));
    });
}

#[test]
fn what_is_over_is_swept_away() {
    wait(async {
        let ground = Ground::new().await;
        ann(&ground).await;
        ask(&ground, ANN, NOW).await.unwrap();
        ask(&ground, NOBODY, NOW).await.unwrap();
        assert_eq!(ground.identity.tend(after(3_600)).await.unwrap(), 0);
        assert_eq!(ground.identity.tend(after(3_601)).await.unwrap(), 2);
        assert_eq!(ground.identity.tend(after(3_601)).await.unwrap(), 0);
        assert_eq!(ground.identity.tend(after(31 * 86_400)).await.unwrap(), 1, "the message");
    });
}
