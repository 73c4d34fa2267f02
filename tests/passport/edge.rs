//! What lies around the operations: credentials, scopes, other organisations, repeated requests, the public view.

use crate::caller::{Door, new_battery, operations};
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

const ID: &str = "BAT-2025-LI-001234";

pub(crate) async fn what_is_refused(door: &mut Door) {
    let document = door.document().await;
    for (path, method, operation) in operations(&document) {
        if operation["tags"][0] == "Public" {
            continue;
        }
        let path = path.replace("{batteryId}", ID).replace("{ownerId}", "FLEET-1");
        door.send(&method, &path, |request| request).await.is(401, "UNAUTHORIZED");
        let wrong = door.send(&method, &path, |request| request.header("x-api-key", "nonsense")).await;
        wrong.is(401, "UNAUTHORIZED");
        assert!(wrong.headers.contains_key("www-authenticate"));
    }
    // Everything that is wrong is told at once.
    let bare = door.call("POST", "/batteries/register", Some(json!({}))).await;
    bare.is(422, "VALIDATION_ERROR");
    let fields = bare.fields();
    for field in
        ["identity.manufacturer", "identity.serialNumber", "chemistry.type", "specifications.nominalVoltage"]
    {
        assert!(fields.iter().any(|known| known == field), "{field} of {fields:?}");
    }
    for (pointer, value) in [
        ("/identity/manufacturingDate", json!("2999-01-01")),
        ("/identity/manufacturingLocation/country", json!("Korea")),
        ("/chemistry/type", json!("steam")),
        ("/specifications/nominalVoltage", json!(0)),
        ("/specifications/energyCapacity", json!(120)),
        ("/specifications/nominalCapacity", json!("much")),
    ] {
        let mut body = new_battery("SN-X");
        *body.pointer_mut(pointer).unwrap() = value;
        door.call("POST", "/batteries/register", Some(body)).await.is(422, "VALIDATION_ERROR");
    }
    for wrong in [
        json!({ "type": "party", "timestamp": "2025-01-12T09:00:00Z" }),
        json!({ "type": "incident", "timestamp": "2999-01-12T09:00:00Z" }),
        json!({ "type": "incident", "timestamp": "2001-01-12T09:00:00Z" }),
        json!({ "type": "incident" }),
    ] {
        door.call("POST", &format!("/batteries/{ID}/events"), Some(wrong)).await.is(422, "VALIDATION_ERROR");
    }
    for path in ["events", "soh"] {
        door.call("POST", &format!("/batteries/NOBODY/{path}"), Some(json!({})))
            .await
            .is(404, "BATTERY_NOT_FOUND");
        let token = door.token.clone();
        let path = format!("/batteries/{ID}/{path}");
        let typed = |kind: &'static str, text: &'static str| {
            let token = token.clone();
            move |request: reqwest::RequestBuilder| {
                request.bearer_auth(token).header("content-type", kind).body(text)
            }
        };
        door.send("POST", &path, typed("application/json", "{")).await.is(400, "BAD_REQUEST");
        let plain = door.send("POST", &path, typed("text/plain", "{}")).await;
        assert_eq!(plain.status.as_u16(), 415);
    }
    let token = door.token.clone();
    let path = format!("/batteries/{ID}/materials");
    let broken = door
        .send("POST", &path, |request| {
            request.bearer_auth(token).header("content-type", "application/json").body("{")
        })
        .await;
    broken.is(400, "BAD_REQUEST");
    let token = door.token.clone();
    let broken = door
        .send("PATCH", &format!("/batteries/{ID}"), |request| {
            request.bearer_auth(token).header("content-type", "application/json").body("{")
        })
        .await;
    broken.is(400, "BAD_REQUEST");
    door.call("GET", "/nowhere", None).await.is(404, "NOT_FOUND");
    let wrong = door.call("DELETE", "/batteries", None).await;
    wrong.is(405, "METHOD_NOT_ALLOWED");
    for query in ["limit=0", "limit=201", "offset=-1", "minSoH=x", "status=asleep", "sort=colour"] {
        door.call("GET", &format!("/batteries?{query}"), None).await.is(422, "VALIDATION_ERROR");
    }
}

pub(crate) async fn who_may(door: &mut Door) {
    let stranger = door.program("twins:read", None).await;
    let document = door.document().await;
    let body = |path: &str| match path {
        path if path.ends_with("/register") => new_battery("SN-Y"),
        path if path.ends_with("/batch") => json!({ "operations": [{ "op": "event" }] }),
        _ => json!({}),
    };
    for (path, method, operation) in operations(&document) {
        if operation["tags"][0] == "Public" || path == "/batteries/batch" {
            continue;
        }
        let asked = path.replace("{batteryId}", ID).replace("{ownerId}", "FLEET-1");
        let body = operation["requestBody"].is_object().then(|| body(&path));
        door.call_as(&stranger, &method, &asked, body).await.is(403, "FORBIDDEN");
    }
    let reader = door.program("battery:read", None).await;
    assert_eq!(door.call_as(&reader, "GET", &format!("/batteries/{ID}"), None).await.status.as_u16(), 200);
    door.call_as(&reader, "POST", "/batteries/register", Some(new_battery("SN-Z")))
        .await
        .is(403, "FORBIDDEN");
    let registrar = door.program("battery:register", None).await;
    let made = door.call_as(&registrar, "POST", "/batteries/register", Some(new_battery("SN-Z"))).await;
    assert_eq!(made.status.as_u16(), 201);
    let change = Some(json!({ "renewableContent": 1 }));
    door.call_as(&registrar, "PATCH", "/batteries/SN-Z", change).await.is(403, "FORBIDDEN");
    let recycler = door.program("battery:recycle battery:read", None).await;
    let end = Some(json!({ "reason": "accident", "finalSoH": 10 }));
    door.call_as(&recycler, "POST", "/batteries/SN-Z/end-of-life", end).await.is(409, "INVALID_STATE");
    let event = Some(json!({ "type": "incident", "timestamp": "2025-01-12T09:00:00Z" }));
    door.call_as(&recycler, "POST", "/batteries/SN-Z/events", event).await.is(403, "FORBIDDEN");

    // What belongs to another organisation is not there, in lists neither.
    let acme = door.program("battery:read battery:write", Some("acme")).await;
    let other = door.program("battery:read battery:write", Some("other")).await;
    let made = door.call_as(&acme, "POST", "/batteries/register", Some(new_battery("SN-ACME-000001"))).await;
    let id = made.body["batteryId"].as_str().unwrap().to_owned();
    let path = format!("/batteries/{id}");
    assert_eq!(door.call_as(&acme, "GET", &path, None).await.status.as_u16(), 200);
    door.call_as(&other, "GET", &path, None).await.is(404, "BATTERY_NOT_FOUND");
    door.call_as(&other, "PATCH", &path, Some(json!({}))).await.is(404, "BATTERY_NOT_FOUND");
    assert_eq!(door.call_as(&other, "GET", "/batteries", None).await.body["total"], 0);
    assert_eq!(door.call_as(&acme, "GET", "/batteries", None).await.body["total"], 1);
}

pub(crate) async fn said_twice(door: &mut Door) {
    let token = door.token.clone();
    let ask = |serial: &'static str| {
        let token = token.clone();
        move |request: reqwest::RequestBuilder| {
            request.bearer_auth(token).header("idempotency-key", "once-1").json(&new_battery(serial))
        }
    };
    let first = door.send("POST", "/batteries/register", ask("SN-ONCE")).await;
    let again = door.send("POST", "/batteries/register", ask("SN-ONCE")).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    door.send("POST", "/batteries/register", ask("SN-TWICE")).await.is(422, "VALIDATION_ERROR");
}

pub(crate) async fn public_view(door: &mut Door) {
    let seen = door.send("GET", "/passports/BP-2025-000001", |request| request).await;
    assert_eq!(seen.status.as_u16(), 200, "{seen:?}");
    assert_eq!((&seen.body["passportId"], &seen.body["tier"]), (&json!("BP-2025-000001"), &json!("public")));
    // Nothing about this battery alone, nothing for those with a legitimate interest, nothing for authorities.
    let text = seen.body.to_string();
    for hidden in [
        "stateOf",
        "cycleCount",
        "serial",
        "SN-2025-001234",
        "USER-2025-002",
        "VIN",
        "secret",
        "anode",
        "owner",
    ] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    assert!(seen.body["documents"].get("declarationOfConformity").is_some());
    let absent = door.send("GET", "/passports/BP-2025-999999", |request| request).await;
    absent.is(404, "PASSPORT_NOT_FOUND");
    let page =
        door.send("GET", "/passports/BP-2025-000001", |request| request.header(ACCEPT, "text/html")).await;
    let Value::String(page) = &page.body else { panic!("{page:?}") };
    assert!(page.starts_with("<!doctype html>") && page.contains("GreenCell Technologies"));
    let root = format!("{}/passport/BP-2025-000001", door.serve.http);
    let page = door.client.get(&root).header(ACCEPT, "text/html,*/*").send().await.unwrap();
    assert_eq!(page.status().as_u16(), 200);
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));

    // 4006381333931 has its check digit: by trade item number and serial number too.
    let mut body = new_battery("SN-GTIN-1");
    body["identity"]["gtin"] = json!("4006381333931");
    let made = door.post("/batteries/register", 201, body.clone()).await;
    assert!(made["qrCode"].as_str().unwrap().ends_with("/01/04006381333931/21/SN-GTIN-1"), "{made}");
    let link = format!("{}/01/04006381333931/21/SN-GTIN-1", door.serve.http);
    let found = door.client.get(link).header(ACCEPT, "application/json").send().await.unwrap();
    let found: Value = serde_json::from_str(&found.text().await.unwrap()).unwrap();
    assert_eq!(found["passportId"], made["passportId"]);
    body["identity"]["gtin"] = json!("4006381333932");
    body["identity"]["serialNumber"] = json!("SN-GTIN-2");
    door.call("POST", "/batteries/register", Some(body)).await.is(422, "VALIDATION_ERROR");
}

pub(crate) async fn too_many(door: &mut Door) {
    for left in ["2", "1", "0"] {
        let answer = door.call("GET", "/batteries", None).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(answer.headers["x-ratelimit-limit"], "3");
        assert_eq!(answer.headers["x-ratelimit-remaining"], left);
        assert!(answer.headers.contains_key("x-ratelimit-reset"));
    }
    let refused = door.call("GET", "/batteries", None).await;
    refused.is(429, "RATE_LIMITED");
    assert!(refused.headers.contains_key("retry-after"));
    for _ in 0..3 {
        door.send("GET", "/passports/BP-2025-000001", |request| request).await.is(404, "PASSPORT_NOT_FOUND");
    }
    door.send("GET", "/passports/BP-2025-000001", |request| request).await.is(429, "RATE_LIMITED");
}
