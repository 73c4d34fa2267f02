//! Somebody who means no good, at every family of the built binary: each request is refused in the family's words, memory
//! stays what it was, and the platform is well afterwards.

#![expect(clippy::unwrap_used, reason = "tests")]

mod attack;
mod family;
#[path = "../serve/process.rs"]
#[allow(dead_code, reason = "every test file uses its part")]
mod process;
#[path = "../support/refusal.rs"]
mod refusal;
mod wire;

use attack::{Attack, Expect, Target};
use family::{FAMILIES, Family, Tokens};
use futures::StreamExt;
use process::{Serve, run};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use wire::{Said, send};

/// Attacks at a time.
const TOGETHER: usize = 48;
/// What memory may grow by from one round to the next: allocators give back when they like [bytes].
const GROWTH_MAX_BYTES: u64 = 12 << 20;
/// What no answer shows.
const SECRETS: [&str; 7] = ["panicked", "RUST_BACKTRACE", "src/", ".rs:", "/root", "sled", "root:x:"];

#[test]
fn who_means_no_good_is_refused_and_nothing_comes_of_it() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let foreign = tempfile::tempdir().unwrap();
        let expired = family::signed(&folder.path().join("data"), family::long_ago()).await;
        let foreign = family::signed(foreign.path(), host::platform::clock::Clock::wall().now()).await;
        // Nobody is refused for asking often.
        let environment = [
            ("CELLTIDE_LIMITS__MANAGEMENT_PER_HOUR", "0"),
            ("CELLTIDE_LIMITS__PASSPORT_PER_MINUTE", "0"),
            ("CELLTIDE_LIMITS__DEALER_PER_MINUTE", "0"),
            ("CELLTIDE_OCEAN__TIER", "enterprise"),
            ("CELLTIDE_HTTP__TIMEOUT_S", "2"),
        ];
        let serve = Serve::with(folder.path(), &["--data", "data"], &environment);
        let address: SocketAddr = serve.http.strip_prefix("http://").unwrap().parse().unwrap();
        let battery = [serve.battery("H-KNOWN").await, "H-KNOWN".to_owned()];
        let mut attacks: Vec<(&Family, Attack)> = Vec::new();
        for family in FAMILIES {
            let own = if family.as_admin {
                family::admin(&serve).await
            } else {
                serve.program(family.scope, None).await
            };
            let known = family::known(&serve, family, &own, &battery).await;
            let tokens = Tokens {
                own,
                elsewhere: serve.program(family.scope, Some("elsewhere")).await,
                expired: expired.clone(),
                foreign: foreign.clone(),
                revoked: family::revoked(&serve).await,
                known,
            };
            attacks.extend(
                attack::all(&Target { family, tokens: &tokens }).into_iter().map(|attack| (family, attack)),
            );
        }
        let kinds: BTreeSet<&str> = attacks.iter().map(|(_, attack)| attack.kind).collect();
        assert!(attacks.len() >= 1_000, "{} attacks", attacks.len());
        assert!(kinds.len() >= 40, "{} kinds", kinds.len());
        let refused = attacks.iter().filter(|(_, attack)| attack.expect == Expect::Refused).count();
        assert!(refused * 3 >= attacks.len() * 2, "{refused} of {} must be refused", attacks.len());

        let mut taken = Vec::new();
        for _ in 0..4 {
            round(address, &attacks).await;
            taken.push(memory_bytes(&serve));
        }
        // Bodies of nine mebibytes that come at once leave more or less behind in the allocator.
        let (before, after) = (taken[0].max(taken[1]), taken[2].min(taken[3]));
        assert!(after <= before + GROWTH_MAX_BYTES, "after each round: {taken:?} bytes");

        // As well as before.
        assert_eq!(serve.get("/health/ready").await["status"], "ready");
        assert_eq!(serve.get("/twins/v1/twins/H-KNOWN").await["id"], battery[0].as_str());
        // Nothing was refused that was done nevertheless.
        let passports = serve.get("/battery-passport/v1/batteries").await;
        let batches = serve.get("/ocean-plastic-track/v1/batches").await;
        assert_eq!((&passports["total"], &batches["pagination"]["total"]), (&json!(1), &json!(1)));
        let audit = serve.get("/twins/v1/admin/audit?limit=1").await;
        assert_eq!(audit["data"].as_array().unwrap().len(), 1);
        let (status, _) = tokio::task::block_in_place(|| serve.stop());
        assert!(status.success());
    });
}

/// Every attack once.
async fn round(address: SocketAddr, attacks: &[(&Family, Attack)]) {
    let wrong = futures::stream::iter(attacks).map(|(family, attack)| async move {
        let said = send(address, &attack.sent).await;
        judged(family, attack, said.as_ref()).err().map(|why| {
            let sent = String::from_utf8_lossy(&attack.sent.bytes);
            let sent: String = sent.chars().take(400).collect();
            format!("{}: {}: {why}\n  {}", family.name, attack.kind, sent.replace("\r\n", "\n  "))
        })
    });
    let wrong: Vec<String> =
        wrong.buffer_unordered(TOGETHER).filter_map(|wrong| async { wrong }).collect().await;
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), attacks.len(), wrong.join("\n"));
}

/// Whether an answer is what must come of it.
fn judged(family: &Family, attack: &Attack, said: Option<&Said>) -> Result<(), String> {
    let Some(said) = said else {
        return if attack.expect == Expect::Unread { Ok(()) } else { Err("no answer".to_owned()) };
    };
    let text = said.text();
    let shown = || format!("{} {}", said.status, text.chars().take(300).collect::<String>());
    if said.status >= 500 || (attack.expect != Expect::Survived && !(400..500).contains(&said.status)) {
        return Err(shown());
    }
    if let Some(secret) = SECRETS.iter().find(|secret| said.status >= 400 && text.contains(**secret)) {
        return Err(format!("it shows {secret:?}: {}", shown()));
    }
    if said.header("x-evil").is_some()
        || said.header("set-cookie").is_some()
        || said.header("access-control-allow-origin").is_some()
    {
        return Err(format!("a header that was smuggled in: {}", said.head));
    }
    let is_bare = attack.expect == Expect::Unread && said.body.is_empty();
    if said.status < 400 || is_bare {
        return Ok(());
    }
    if said.header("x-content-type-options") != Some("nosniff") {
        return Err(format!("no nosniff: {}", said.head));
    }
    let kind = said.header("content-type").unwrap_or_default();
    let is_json = kind.starts_with("application/json") || kind.starts_with("application/problem+json");
    let body: Value = serde_json::from_slice(&said.body).map_err(|error| format!("{error}: {}", shown()))?;
    if is_json && (family.is_refusal)(&body) { Ok(()) } else { Err(format!("{kind}: {}", shown())) }
}

/// Memory that the platform takes [bytes].
fn memory_bytes(serve: &Serve) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serve.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kib: u64 = line.split_whitespace().next().unwrap().parse().unwrap();
    kib * 1_024
}
