//! OAuth 2.0: every way to a token, and the ways that lead nowhere.

use crate::ground::{GOOD, Ground, NOW, act, after, wait};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use host::identity::client::{Client, NewClient};
use host::identity::oauth::{
    AuthorizeRequest, ClientSecret, ErrorCode, NotAsked, OAuthError, TokenAnswer, TokenRequest,
};
use host::identity::{
    Action, IdentityError, Presented, Role, Scope, Scopes, Secret, Subject, User, Via, may,
};
use sha2::{Digest, Sha256};
use twin::time::Time;

const BACK: &str = "https://app.example/back";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER))
}

/// Identities with a person and a program that can keep a secret, or not.
struct Stage {
    ground: Ground,
    ann: User,
    client: Client,
    shown: ClientSecret,
}

impl Stage {
    async fn new(is_public: bool) -> Self {
        let ground = Ground::new().await;
        ground.user("root", Role::Admin).await;
        let ann = ground.user("ann", Role::Engineer).await;
        let (client, shown) = add(&ground, "app", is_public).await;
        Self { ground, ann, client, shown }
    }

    /// What a program should ask.
    fn request(&self) -> AuthorizeRequest {
        AuthorizeRequest {
            response_type: Some("code".into()),
            client_id: Some(self.client.id.to_string()),
            redirect_uri: Some(BACK.into()),
            scope: Some("fleet:read".into()),
            state: Some("x y&z".into()),
            code_challenge: Some(challenge()),
            code_challenge_method: Some("S256".into()),
        }
    }

    async fn code_for(&self, request: &AuthorizeRequest, now: Time) -> String {
        let asked = self.ground.identity.authorize(request).await.unwrap();
        let back = self.ground.identity.approve(&asked, &self.ann, now).await.unwrap();
        let code = back.split_once("code=").unwrap().1;
        code.split('&').next().unwrap().to_owned()
    }

    async fn code(&self, now: Time) -> String {
        self.code_for(&self.request(), now).await
    }

    async fn token(&self, request: &TokenRequest, now: Time) -> Result<TokenAnswer, OAuthError> {
        self.ground.identity.token(request, &self.shown, "10.0.0.1", now).await
    }
}

async fn add(ground: &Ground, id: &str, is_public: bool) -> (Client, ClientSecret) {
    let new = NewClient {
        id: Some(id.into()),
        name: id.into(),
        redirect_uris: vec![BACK.into(), "https://app.example/other".into()],
        scopes: Scopes::of(&[Scope::FleetRead, Scope::FleetWrite]),
        is_public,
        ..NewClient::default()
    };
    let (client, secret) = ground.identity.add_client(new, act(NOW)).await.unwrap();
    (client, ClientSecret { id: Some(id.into()), secret })
}

fn with_code(code: &str) -> TokenRequest {
    TokenRequest {
        grant_type: Some("authorization_code".into()),
        code: Some(code.into()),
        redirect_uri: Some(BACK.into()),
        code_verifier: Some(VERIFIER.into()),
        ..TokenRequest::default()
    }
}

fn with_refresh(token: &Secret) -> TokenRequest {
    TokenRequest {
        grant_type: Some("refresh_token".into()),
        refresh_token: Some(token.reveal().into()),
        ..TokenRequest::default()
    }
}

fn for_itself(scope: Option<&str>) -> TokenRequest {
    TokenRequest {
        grant_type: Some("client_credentials".into()),
        scope: scope.map(ToOwned::to_owned),
        ..TokenRequest::default()
    }
}

#[track_caller]
fn refused(done: Result<TokenAnswer, OAuthError>) -> ErrorCode {
    match done {
        Err(OAuthError::Refused { code, .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_person_allows_a_program_and_it_acts_for_the_person_within_both_their_powers() {
    wait(async {
        for is_public in [false, true] {
            let stage = Stage::new(is_public).await;
            let identity = &stage.ground.identity;
            let asked = identity.authorize(&stage.request()).await.unwrap();
            assert_eq!((asked.client.name.as_str(), asked.scopes), ("app", Scopes::of(&[Scope::FleetRead])));
            assert!(identity.needs_consent(&asked, &stage.ann).await.unwrap());
            assert_eq!(asked.declined(), format!("{BACK}?error=access_denied&state=x%20y%26z"));
            let back = identity.approve(&asked, &stage.ann, NOW).await.unwrap();
            let (start, rest) = back.split_once("?code=").unwrap();
            let (code, state) = rest.split_once('&').unwrap();
            assert_eq!((start, state), (BACK, "state=x%20y%26z"));
            assert!(!identity.needs_consent(&asked, &stage.ann).await.unwrap());
            let more = AuthorizeRequest { scope: None, ..stage.request() };
            let more = identity.authorize(&more).await.unwrap();
            assert!(identity.needs_consent(&more, &stage.ann).await.unwrap(), "writing was not allowed yet");

            let answer = stage.token(&with_code(code), after(599)).await.unwrap();
            assert_eq!((answer.expires_s, answer.scopes.to_string().as_str()), (3_600, "fleet:read"));
            let caller = stage.ground.bearer(&answer.access_token, after(600)).await.unwrap();
            assert_eq!(caller.subject, Subject::User(stage.ann.id.clone()));
            assert_eq!(caller.via, Via::Program("app".into()));
            assert!(may(&caller, Action::FleetRead, &Default::default()).is_ok());
            assert!(
                may(&caller, Action::FleetWrite, &Default::default()).is_err(),
                "the person may, the program not"
            );
            assert!(may(&caller, Action::TwinRead, &Default::default()).is_err());

            let next = stage.token(&with_refresh(&answer.refresh_token.unwrap()), after(700)).await.unwrap();
            assert_eq!(next.scopes, answer.scopes);
            assert!(stage.ground.bearer(&next.access_token, after(700)).await.is_some());
        }
    });
}

#[test]
fn nobody_is_sent_to_an_address_that_is_not_the_programs() {
    wait(async {
        let stage = Stage::new(false).await;
        let with = |change: &dyn Fn(&mut AuthorizeRequest)| {
            let mut request = stage.request();
            change(&mut request);
            request
        };
        for request in [
            with(&|request| request.client_id = None),
            with(&|request| request.client_id = Some("nobody".into())),
            with(&|request| request.redirect_uri = Some("https://evil.example/back".into())),
            with(&|request| request.redirect_uri = Some(format!("{BACK}/"))),
            with(&|request| request.redirect_uri = Some(format!("{BACK}?x=1"))),
            with(&|request| request.redirect_uri = Some(BACK.to_uppercase())),
            // There are two: it must be said which.
            with(&|request| request.redirect_uri = None),
        ] {
            let refused = stage.ground.identity.authorize(&request).await;
            assert!(matches!(refused, Err(NotAsked::Page(_))), "{refused:?}");
        }
        stage.ground.identity.revoke_client("app", act(NOW)).await.unwrap();
        assert!(matches!(stage.ground.identity.authorize(&stage.request()).await, Err(NotAsked::Page(_))));
    });
}

#[test]
fn other_mistakes_go_back_to_the_program() {
    wait(async {
        let stage = Stage::new(true).await;
        let with = |change: &dyn Fn(&mut AuthorizeRequest)| {
            let mut request = stage.request();
            change(&mut request);
            request
        };
        let cases = [
            (with(&|r| r.response_type = None), ErrorCode::InvalidRequest),
            (with(&|r| r.response_type = Some("token".into())), ErrorCode::UnsupportedResponseType),
            (with(&|r| r.scope = Some("fleet:all".into())), ErrorCode::InvalidScope),
            (with(&|r| r.scope = Some("identity:admin".into())), ErrorCode::InvalidScope),
            (with(&|r| r.scope = Some(String::new())), ErrorCode::InvalidScope),
            (with(&|r| r.code_challenge = None), ErrorCode::InvalidRequest),
            (
                with(&|r| (r.code_challenge, r.code_challenge_method) = (None, None)),
                ErrorCode::InvalidRequest,
            ),
            (with(&|r| r.code_challenge_method = None), ErrorCode::InvalidRequest),
            (with(&|r| r.code_challenge_method = Some("plain".into())), ErrorCode::InvalidRequest),
            (with(&|r| r.code_challenge = Some("short".into())), ErrorCode::InvalidRequest),
            (with(&|r| r.code_challenge = Some("ä".repeat(43))), ErrorCode::InvalidRequest),
            (with(&|r| r.state = Some("s".repeat(1_025))), ErrorCode::InvalidRequest),
        ];
        for (request, expected) in cases {
            let refused = stage.ground.identity.authorize(&request).await;
            let Err(NotAsked::Back { code, address }) = refused else { panic!("{request:?}: {refused:?}") };
            assert_eq!(code, expected, "{request:?}");
            assert!(address.starts_with(&format!("{BACK}?error={expected}&")), "{address}");
            let carried = address.contains("state=x%20y%26z");
            assert_eq!(carried, request.state.is_some_and(|state| state.len() < 100), "{address}");
        }
    });
}

#[test]
fn a_code_is_bound_to_program_address_challenge_and_time() {
    wait(async {
        let stage = Stage::new(false).await;
        let code = stage.code(NOW).await;
        let (_, other) = add(&stage.ground, "other", false).await;
        let stolen = stage.ground.identity.token(&with_code(&code), &other, "x", NOW).await;
        assert_eq!(refused(stolen), ErrorCode::InvalidGrant);
        let good = with_code(&code);
        let wrong = "x".repeat(43);
        for bad in [
            TokenRequest { code: Some(format!("{code}x")), ..good.clone() },
            TokenRequest { redirect_uri: None, ..good.clone() },
            TokenRequest { redirect_uri: Some("https://app.example/other".into()), ..good.clone() },
            TokenRequest { code_verifier: None, ..good.clone() },
            TokenRequest { code_verifier: Some(wrong), ..good.clone() },
            TokenRequest { code_verifier: Some(challenge()), ..good.clone() },
            TokenRequest { code_verifier: Some(String::new()), ..good.clone() },
        ] {
            assert_eq!(refused(stage.token(&bad, NOW).await), ErrorCode::InvalidGrant, "{bad:?}");
        }
        assert_eq!(refused(stage.token(&good, after(600)).await), ErrorCode::InvalidGrant);
        assert!(stage.token(&good, after(599)).await.is_ok(), "none of that used it up");
        let missing = TokenRequest { code: None, ..good };
        assert_eq!(refused(stage.token(&missing, NOW).await), ErrorCode::InvalidRequest);
    });
}

#[test]
fn without_a_challenge_a_verifier_is_refused() {
    wait(async {
        let stage = Stage::new(false).await;
        let plain = AuthorizeRequest { code_challenge: None, code_challenge_method: None, ..stage.request() };
        let code = stage.code_for(&plain, NOW).await;
        assert_eq!(refused(stage.token(&with_code(&code), NOW).await), ErrorCode::InvalidGrant);
        let without = TokenRequest { code_verifier: None, ..with_code(&code) };
        assert!(stage.token(&without, NOW).await.is_ok(), "a client with a secret needs no challenge");
    });
}

#[test]
fn a_code_shown_twice_takes_back_what_it_gave() {
    wait(async {
        let stage = Stage::new(false).await;
        let code = stage.code(NOW).await;
        let answer = stage.token(&with_code(&code), after(1)).await.unwrap();
        assert!(stage.ground.bearer(&answer.access_token, after(1)).await.is_some());
        assert_eq!(refused(stage.token(&with_code(&code), after(2)).await), ErrorCode::InvalidGrant);
        assert!(stage.ground.bearer(&answer.access_token, after(2)).await.is_none());
        let refresh = with_refresh(&answer.refresh_token.unwrap());
        assert_eq!(refused(stage.token(&refresh, after(3)).await), ErrorCode::InvalidGrant);

        // The same at once: at most one of them gets anything.
        let code = stage.code(after(10)).await;
        let request = with_code(&code);
        let done = futures::future::join_all((0..4).map(|_| stage.token(&request, after(11)))).await;
        assert!(done.iter().filter(|one| one.is_ok()).count() <= 1);
    });
}

#[test]
fn a_refresh_token_is_its_programs_alone_and_gives_no_more_than_was_allowed() {
    wait(async {
        let stage = Stage::new(false).await;
        let request = AuthorizeRequest { scope: Some("fleet:read fleet:write".into()), ..stage.request() };
        let code = stage.code_for(&request, NOW).await;
        let answer = stage.token(&with_code(&code), NOW).await.unwrap();
        let token = answer.refresh_token.unwrap();
        let (_, other) = add(&stage.ground, "other", false).await;
        let stolen = stage.ground.identity.token(&with_refresh(&token), &other, "x", NOW).await;
        assert_eq!(refused(stolen), ErrorCode::InvalidGrant);
        assert!(
            stage.ground.identity.refresh(token.reveal(), NOW).await.is_err(),
            "nor a person's own session"
        );
        let wider = TokenRequest { scope: Some("fleet:read twins:read".into()), ..with_refresh(&token) };
        assert_eq!(refused(stage.token(&wider, NOW).await), ErrorCode::InvalidScope);
        let narrow = TokenRequest { scope: Some("fleet:read".into()), ..with_refresh(&token) };
        let narrow = stage.token(&narrow, NOW).await.unwrap();
        assert_eq!(narrow.scopes.to_string(), "fleet:read");
        let caller = stage.ground.bearer(&narrow.access_token, NOW).await.unwrap();
        assert!(may(&caller, Action::FleetWrite, &Default::default()).is_err());
        let whole = stage.token(&with_refresh(&narrow.refresh_token.unwrap()), NOW).await.unwrap();
        assert_eq!(whole.scopes.to_string(), "fleet:read fleet:write");
        // Copied, and so over.
        assert_eq!(refused(stage.token(&with_refresh(&token), NOW).await), ErrorCode::InvalidGrant);
        assert!(stage.ground.bearer(&whole.access_token, NOW).await.is_none());
    });
}

#[test]
fn a_program_acts_for_itself_within_its_scopes() {
    wait(async {
        let stage = Stage::new(false).await;
        let all = stage.token(&for_itself(None), NOW).await.unwrap();
        assert_eq!((all.scopes, all.refresh_token.is_none()), (stage.client.scopes, true));
        let some = stage.token(&for_itself(Some("fleet:read")), NOW).await.unwrap();
        let caller = stage.ground.bearer(&some.access_token, NOW).await.unwrap();
        assert_eq!(caller.subject, Subject::Client("app".into()));
        assert!(may(&caller, Action::FleetRead, &Default::default()).is_ok());
        assert!(may(&caller, Action::FleetWrite, &Default::default()).is_err());
        for scope in ["twins:read", "fleet:read twins:read", "fleet", "*"] {
            assert_eq!(refused(stage.token(&for_itself(Some(scope)), NOW).await), ErrorCode::InvalidScope);
        }
        for (grant, expected) in [
            (None, ErrorCode::InvalidRequest),
            (Some("password"), ErrorCode::UnsupportedGrantType),
            (Some("implicit"), ErrorCode::UnsupportedGrantType),
            (Some("refresh_token"), ErrorCode::InvalidRequest),
        ] {
            let request =
                TokenRequest { grant_type: grant.map(ToOwned::to_owned), ..TokenRequest::default() };
            assert_eq!(refused(stage.token(&request, NOW).await), expected);
        }
        let public = Stage::new(true).await;
        assert_eq!(refused(public.token(&for_itself(None), NOW).await), ErrorCode::UnauthorizedClient);
    });
}

#[test]
fn who_a_program_is_must_be_shown_and_guessing_is_slowed_down() {
    wait(async {
        let stage = Stage::new(false).await;
        let identity = &stage.ground.identity;
        let show = |id: Option<&str>, secret: Option<&str>| ClientSecret {
            id: id.map(ToOwned::to_owned),
            secret: secret.map(Secret::new),
        };
        let request = for_itself(None);
        for wrong in [
            show(None, None),
            show(Some("app"), None),
            show(Some("app"), Some("")),
            show(Some("nobody"), None),
        ] {
            let done = identity.token(&request, &wrong, "x", NOW).await;
            assert_eq!(refused(done), ErrorCode::InvalidClient, "{wrong:?}");
        }
        let guess = show(Some("app"), Some("cs_guess"));
        let mut tried = 0;
        loop {
            match identity.token(&request, &guess, "10.6.6.6", NOW).await {
                Err(OAuthError::Refused { code: ErrorCode::InvalidClient, .. }) => tried += 1,
                Err(OAuthError::TooMany { .. }) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(tried, identity.settings().pair.free);
        assert!(stage.token(&request, NOW).await.is_ok(), "who knows the secret is not shut out");
    });
}

#[test]
fn a_revoked_program_and_a_changed_secret_make_tokens_void() {
    wait(async {
        let stage = Stage::new(false).await;
        let identity = &stage.ground.identity;
        let itself = stage.token(&for_itself(None), NOW).await.unwrap();
        let code = stage.code(NOW).await;
        let person = stage.token(&with_code(&code), NOW).await.unwrap();
        let new = identity.rotate_client_secret("app", act(NOW)).await.unwrap();
        assert!(stage.ground.bearer(&itself.access_token, NOW).await.is_none());
        assert!(
            stage.ground.bearer(&person.access_token, NOW).await.is_some(),
            "the person's consent stands"
        );
        assert_eq!(refused(stage.token(&for_itself(None), NOW).await), ErrorCode::InvalidClient);
        let shown = ClientSecret { id: Some("app".into()), secret: Some(new) };
        assert!(identity.token(&for_itself(None), &shown, "y", NOW).await.is_ok());
        identity.revoke_client("app", act(NOW)).await.unwrap();
        assert!(stage.ground.bearer(&person.access_token, NOW).await.is_none());
        let gone = identity.token(&for_itself(None), &shown, "y", NOW).await;
        assert_eq!(refused(gone), ErrorCode::InvalidClient);
        let absent = identity.revoke_client("nobody", act(NOW)).await;
        assert!(matches!(absent, Err(IdentityError::Absent { .. })));
    });
}

#[test]
fn tokens_are_taken_back_by_whom_they_were_given_to() {
    wait(async {
        let stage = Stage::new(false).await;
        let identity = &stage.ground.identity;
        let (_, other) = add(&stage.ground, "other", false).await;
        let give = || async {
            let code = stage.code(NOW).await;
            stage.token(&with_code(&code), NOW).await.unwrap()
        };
        let good = |token: &Secret| {
            let token = token.clone();
            let ground = &stage.ground;
            async move { ground.bearer(&token, NOW).await.is_some() }
        };
        let (one, two, kept) = (give().await, give().await, give().await);
        let itself = stage.token(&for_itself(None), NOW).await.unwrap();
        let also = stage.token(&for_itself(None), NOW).await.unwrap();
        // Another program gets the same answer, and nothing happens.
        for token in [one.refresh_token.as_ref().unwrap(), &one.access_token, &itself.access_token] {
            identity.revoke(token.reveal(), &other, "x", NOW).await.unwrap();
        }
        assert!(good(&one.access_token).await && good(&itself.access_token).await);
        for token in [one.refresh_token.as_ref().unwrap(), &two.access_token, &itself.access_token] {
            identity.revoke(token.reveal(), &stage.shown, "x", NOW).await.unwrap();
            identity.revoke(token.reveal(), &stage.shown, "x", NOW).await.unwrap();
        }
        assert!(!good(&one.access_token).await && !good(&two.access_token).await);
        assert!(!good(&itself.access_token).await);
        assert!(good(&kept.access_token).await && good(&also.access_token).await);
        assert_eq!(
            refused(stage.token(&with_refresh(&two.refresh_token.unwrap()), NOW).await),
            ErrorCode::InvalidGrant
        );
        for nothing in ["", "x", "a.b.c", "rt_x"] {
            identity.revoke(nothing, &stage.shown, "x", NOW).await.unwrap();
        }
        let wrong = ClientSecret { secret: None, ..stage.shown.clone() };
        let done = identity.revoke("x", &wrong, "x", NOW).await;
        assert!(matches!(done, Err(OAuthError::Refused { code: ErrorCode::InvalidClient, .. })));
    });
}

#[test]
fn consent_of_a_disabled_person_counts_no_more() {
    wait(async {
        let stage = Stage::new(false).await;
        let asked = stage.ground.identity.authorize(&stage.request()).await.unwrap();
        let code = stage.code(NOW).await;
        stage.ground.identity.disable_user(&stage.ann.id, act(NOW)).await.unwrap();
        assert_eq!(refused(stage.token(&with_code(&code), NOW).await), ErrorCode::InvalidGrant);
        let done = stage.ground.identity.approve(&asked, &stage.ann, NOW).await;
        assert!(matches!(done, Err(OAuthError::Refused { code: ErrorCode::AccessDenied, .. })));
    });
}

#[test]
fn programs_that_cannot_be_are_refused() {
    wait(async {
        let ground = Ground::new().await;
        let good = || NewClient {
            name: "app".into(),
            scopes: Scopes::of(&[Scope::FleetRead]),
            ..NewClient::default()
        };
        for bad in [
            NewClient { name: " ".into(), ..good() },
            NewClient { scopes: Scopes::default(), ..good() },
            NewClient { is_public: true, ..good() },
            NewClient { id: Some("a/b".into()), ..good() },
            NewClient { redirect_uris: vec!["http://app.example/".into()], ..good() },
        ] {
            assert!(matches!(ground.identity.add_client(bad, act(NOW)).await, Err(IdentityError::Unfit(_))));
        }
        let named = || NewClient { id: Some("app".into()), ..good() };
        ground.identity.add_client(named(), act(NOW)).await.unwrap();
        let again = ground.identity.add_client(named(), act(NOW)).await;
        assert!(matches!(again, Err(IdentityError::Taken { .. })));
        assert_eq!(ground.identity.clients(10, None).await.unwrap().0.len(), 1);
    });
}

#[test]
fn the_metadata_say_what_there_is() {
    wait(async {
        let ground = Ground::new().await;
        let text = serde_json::to_value(ground.identity.metadata("https://h")).unwrap();
        assert_eq!(text["token_endpoint"], "https://h/oauth/token");
        assert_eq!(text["code_challenge_methods_supported"], serde_json::json!(["S256"]));
        assert!(text["scopes_supported"].as_array().unwrap().contains(&"battery:read".into()));
        let token = {
            ground.user("ann", Role::Viewer).await;
            ground.log_in("ann", GOOD, NOW).await.unwrap().access
        };
        assert!(ground.present(Presented::Bearer(token.reveal()), NOW).await.is_some());
    });
}
