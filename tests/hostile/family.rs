//! The families as somebody sees them who means no good, and what gets one into them.

use crate::process::Serve;
use crate::refusal::{self, IsRefusal};
use host::identity::client::NewClient;
use host::identity::oauth::{ClientSecret, TokenRequest};
use host::identity::{Act, Identity, OsEntropy, Scopes, Settings};
use host::platform::clock::Clock;
use host::store::{LocalStore, Options, Store, folder_in};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use twin::time::{DAY_MS, Time};

/// A family.
pub(crate) struct Family {
    pub(crate) name: &'static str,
    pub(crate) base: &'static str,
    /// What a program is given that calls it.
    pub(crate) scope: &'static str,
    /// Whether the attacks are made with an administrator's token, since its `make` is for those alone.
    pub(crate) as_admin: bool,
    /// A list, and what cuts it: how much, and from where.
    pub(crate) list: &'static str,
    pub(crate) pages: (&'static str, &'static str),
    /// Something that is the operator's.
    pub(crate) one: &'static str,
    /// Where it is no battery of the native interface but made with `make`: where the answer has two of its names.
    pub(crate) known: Option<[&'static str; 2]>,
    /// What takes a body with `POST`, and a body that it would take.
    pub(crate) make: &'static str,
    pub(crate) sample: &'static str,
    /// Whether a body must say that it is JSON.
    pub(crate) says_json: bool,
    /// Whether something is a refusal as the family words it.
    pub(crate) is_refusal: IsRefusal,
}

/// Every family; another one is one line more.
#[rustfmt::skip]
pub(crate) const FAMILIES: &[Family] = &[
    Family { name: "twins", base: "/twins/v1", scope: "twins:read twins:write", as_admin: false, list: "/twins", pages: ("limit", "cursor"), one: "/twins/{id}", known: None, make: "/twins", sample: NATIVE, says_json: false, is_refusal: refusal::native },
    Family { name: "management", base: "/v1", scope: "fleet:read fleet:write", as_admin: false, list: "/batteries", pages: ("limit", "offset"), one: "/batteries/{id}", known: None, make: "/batteries", sample: MANAGEMENT, says_json: true, is_refusal: refusal::management },
    Family { name: "rul", base: "/api/v1", scope: "rul:read rul:write", as_admin: true, list: "/batteries", pages: ("limit", "skip"), one: "/batteries/{id}", known: None, make: "/auth/users", sample: USER, says_json: true, is_refusal: refusal::rul },
    Family { name: "passport", base: "/battery-passport/v1", scope: "battery:read battery:write", as_admin: false, list: "/batteries", pages: ("limit", "offset"), one: "/batteries/{id}", known: Some(["/batteryId", "/passportId"]), make: "/batteries/register", sample: PASSPORT, says_json: true, is_refusal: refusal::passport },
    Family { name: "ocean", base: "/ocean-plastic-track/v1", scope: "read:batches write:batches", as_admin: false, list: "/batches", pages: ("limit", "offset"), one: "/batches/{id}", known: Some(["/batchId", "/data/batchId"]), make: "/batches", sample: OCEAN, says_json: true, is_refusal: refusal::ocean },
    Family { name: "dealer", base: "/api", scope: "dealer:read dealer:write", as_admin: false, list: "/batteries", pages: ("limit", "offset"), one: "/batteries/{id}", known: None, make: "/batteries", sample: DEALER, says_json: true, is_refusal: refusal::dealer },
];

const NATIVE: &str = r#"{"kind":"battery","name":"H","aliases":[{"namespace":"device","name":"H-MADE"}],"spec":{"series":13,"parallel":4},"labels":{"a":"b"}}"#;
const MANAGEMENT: &str = r#"{"battery_code":"H-KNOWN","name":"H","model":"M","manufacturer":"M","battery_type":"Lithium-ion","capacity_wh":6000,"nominal_voltage":52,"max_charge_rate":2.5,"max_discharge_rate":3.5,"manufacturing_date":"2023-02-15"}"#;
const USER: &str = r#"{"user_id":"admin","username":"admin","email":"h@example.com","password":"staple battery","full_name":"H","role":"viewer"}"#;

const PASSPORT: &str = r#"{"identity":{"manufacturer":"M","manufacturerId":"MFG-2025-001","model":"H","serialNumber":"SN-H-MADE","manufacturingDate":"2025-01-10","manufacturingLocation":{"country":"KR","city":"Seoul"}},"chemistry":{"type":"lithium-ion","cathode":"NMC811","anode":"graphite"},"specifications":{"nominalVoltage":400,"nominalCapacity":250,"energyCapacity":100,"expectedCycleLife":3000}}"#;
const OCEAN: &str = r#"{"collection":{"location":{"gps":{"latitude":37.5665,"longitude":126.978,"accuracy":5}},"timestamp":"2025-01-15T10:30:00Z","collector":{"organizationId":"ORG-H"},"method":"beach_cleanup"},"material":{"totalWeight":{"value":10,"unit":"kg"},"composition":[{"resinCode":"PET","percentage":100,"weight":{"value":10,"unit":"kg"},"condition":"good"}]}}"#;
const DEALER: &str = r#"{"serial_number":"H-MADE-TOO","health_score":95}"#;

/// Tokens, good and bad, and what there is to be found with them.
pub(crate) struct Tokens {
    /// Of somebody who may.
    pub(crate) own: String,
    /// Of a program of another organisation.
    pub(crate) elsewhere: String,
    pub(crate) expired: String,
    pub(crate) foreign: String,
    pub(crate) revoked: String,
    /// What is the operator's: its id and another name.
    pub(crate) known: [String; 2],
}

impl Tokens {
    /// Claims of a good token that is not one's own.
    pub(crate) fn claims(&self) -> &str {
        self.elsewhere.split('.').nth(1).unwrap()
    }
}

/// Text as tokens are written.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let encoded = bytes.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |k| DIGITS[(bits >> (18 - 6 * k)) as usize & 63] as char)
    });
    encoded.collect()
}

/// A token as the platform over a data folder would have signed it at an instant; the folder is nobody else's meanwhile.
pub(crate) async fn signed(data: &Path, at: Time) -> String {
    let folder = folder_in(data);
    std::fs::create_dir_all(&folder).unwrap();
    let local = LocalStore::open(&folder, &Options::default()).unwrap();
    let store: Arc<dyn Store> = Arc::new(local.clone());
    let now = Clock::wall().now();
    let identity = Identity::open(store, Settings::default(), Arc::new(OsEntropy), now).await.unwrap();
    let scopes: Scopes =
        FAMILIES.iter().map(|family| family.scope).collect::<Vec<_>>().join(" ").parse().unwrap();
    let new = NewClient { name: "before".into(), scopes, ..NewClient::default() };
    let (client, secret) = identity.add_client(new, Act { by: "test", at }).await.unwrap();
    let shown = ClientSecret { id: Some(client.id.to_string()), secret };
    let request = TokenRequest { grant_type: Some("client_credentials".into()), ..TokenRequest::default() };
    let token = identity.token(&request, &shown, "test", at).await.unwrap();
    drop(identity);
    local.close().await.unwrap();
    token.access_token.reveal().to_owned()
}

/// Instants when a token has ended by now.
pub(crate) fn long_ago() -> Time {
    Clock::wall().now() + -10 * DAY_MS
}

/// What a family's `one` shows: its names.
pub(crate) async fn known(serve: &Serve, family: &Family, own: &str, battery: &[String; 2]) -> [String; 2] {
    let Some(names) = family.known else { return battery.clone() };
    let client = api::client::http_client();
    let request = client.post(format!("{}{}{}", serve.http, family.base, family.make)).bearer_auth(own);
    let body = family.sample.replace("H-MADE", "H-KNOWN");
    let request = request.header("content-type", "application/json").body(body);
    let made: Value = request.send().await.unwrap().json().await.unwrap();
    names.map(|name| made.pointer(name).unwrap_or_else(|| panic!("{made}")).as_str().unwrap().to_owned())
}

/// The administrator's token.
pub(crate) async fn admin(serve: &Serve) -> String {
    let body = json!({ "username": "admin", "password": crate::process::PASSWORD });
    serve.post("/api/v1/auth/login", body).await["access_token"].as_str().unwrap().to_owned()
}

/// A token that was logged out.
pub(crate) async fn revoked(serve: &Serve) -> String {
    let token = admin(serve).await;
    let client = api::client::http_client();
    let out =
        client.post(format!("{}/api/v1/auth/logout", serve.http)).bearer_auth(&token).send().await.unwrap();
    assert!(out.status().is_success());
    token
}
