//! The document's own examples, in their order, of one battery.

use crate::caller::{Door, near, new_battery};
use serde_json::{Value, json};

const ID: &str = "BAT-2025-LI-001234";

fn at(rest: &str) -> String {
    format!("/batteries/{ID}{rest}")
}

pub(crate) async fn registration(door: &mut Door) {
    let made = door.post("/batteries/register", 201, new_battery("SN-2025-001234")).await;
    assert_eq!(made["passportId"], "BP-2025-000001");
    assert_eq!(made["batteryId"], ID);
    assert_eq!(made["nfcTag"], "NFC-2025-001234");
    assert_eq!(made["status"], "registered");
    assert!(made["qrCode"].as_str().unwrap().ends_with("/passport/BP-2025-000001"), "{made}");
    assert_eq!(made["twinModel"]["parameterFile"], "nmc811-grsi-lg-m50-5ah");
    assert_eq!(made["twinModel"]["nearness"], "same");
    let again = door.call("POST", "/batteries/register", Some(new_battery("SN-2025-001234"))).await;
    again.is(409, "DUPLICATE_SERIAL");

    // The same battery under all its names, and its twin in the native interface.
    let seen = door.get(&at("")).await;
    for name in ["BP-2025-000001", "SN-2025-001234", made["twinId"].as_str().unwrap()] {
        assert_eq!(door.get(&format!("/batteries/{name}")).await["batteryId"], ID, "{name}");
    }
    assert_eq!(seen["identity"]["serialNumber"], "SN-2025-001234");
    assert_eq!(seen["status"], "manufactured");
    assert_eq!(seen["lifecycle"]["stateOfHealth"], Value::Null, "nothing was measured yet");
    assert_eq!(seen["carbonFootprint"], Value::Null);
    assert_eq!(seen["version"], 2);
    let twin = door.serve.get(&format!("/twins/v1/twins/{ID}")).await;
    assert_eq!(twin["spec"]["chemistry"], "nmc811-grsi-lg-m50-5ah");
    assert_eq!(twin["id"], made["twinId"]);

    let change = json!({ "lifecycle": { "currentOwner": "USER-2025-002", "application": "energy_storage" } });
    let changed = door.call("PATCH", &at(""), Some(change.clone())).await;
    assert_eq!(changed.status.as_u16(), 200, "{changed:?}");
    assert_eq!(changed.body["changes"], json!(["lifecycle.currentOwner", "lifecycle.application"]));
    // What is so already is no change.
    let changed = door.call("PATCH", &at(""), Some(change)).await;
    assert_eq!(changed.body["changes"], json!([]));
    for (fixed, field) in [
        (json!({ "identity": { "serialNumber": "X" } }), "identity.serialNumber"),
        (json!({ "lifecycle": { "stateOfHealth": 12 } }), "lifecycle.stateOfHealth"),
        (json!({ "carbonFootprint": { "totalCO2e": 1 } }), "carbonFootprint"),
    ] {
        let refused = door.call("PATCH", &at(""), Some(fixed)).await;
        refused.is(422, "VALIDATION_ERROR");
        assert_eq!(refused.fields(), [field]);
    }
    let cleared = json!({ "lifecycle": { "application": null } });
    let changed = door.call("PATCH", &at(""), Some(cleared)).await;
    assert_eq!(changed.body["changes"], json!(["lifecycle.application"]));
    let refused = door.call("PATCH", &at(""), Some(json!({ "lifecycle": { "status": "recycled" } }))).await;
    refused.is(409, "INVALID_STATE");
    door.call("PATCH", "/batteries/BAT-2025-LI-999999", Some(json!({}))).await.is(404, "BATTERY_NOT_FOUND");

    let found = door.get("/batteries?manufacturer=greencell%20technologies&q=nmc811&country=KR").await;
    assert_eq!((&found["total"], &found["batteries"][0]["batteryId"]), (&json!(1), &json!(ID)));
    assert_eq!(door.get("/batteries?cathode=LFP").await["total"], 0);
    door.call("GET", "/batteries?minSoH=90&maxSoH=80", None).await.is(422, "VALIDATION_ERROR");
    door.call("GET", "/batteries/BAT-2025-LI-999999", None).await.is(404, "BATTERY_NOT_FOUND");
}

pub(crate) async fn lifecycle(door: &mut Door) {
    let inspected = json!({ "type": "quality_inspection", "timestamp": "2025-01-11T10:00:00Z" });
    assert_eq!(door.post(&at("/events"), 201, inspected).await["eventId"], "EVT-2025-0002");
    let installed = json!({
        "type": "installation", "timestamp": "2025-01-12T09:00:00Z", "description": "Installed in electric vehicle",
        "application": "electric_vehicle", "vehicleVIN": "VIN123456789ABCDEF", "installer": "INST-001",
        "location": { "country": "KR", "city": "Seoul" },
    });
    let done = door.post(&at("/events"), 201, installed.clone()).await;
    assert_eq!((&done["eventId"], &done["type"]), (&json!("EVT-2025-0003"), &json!("installation")));
    assert_eq!((&done["timestamp"], &done["status"]), (&json!("2025-01-12T09:00:00Z"), &json!("in_use")));
    let hash = done["blockchainHash"].as_str().unwrap();
    assert!(hash.starts_with("0x") && hash.len() == 66, "{hash}");
    assert_eq!(
        done["warnings"].as_array().unwrap().len(),
        1,
        "the example's vehicle number has 18 characters"
    );
    door.call("POST", &at("/events"), Some(installed)).await.is(409, "INVALID_STATE");

    let health = json!({
        "timestamp": "2025-01-15T10:00:00Z", "stateOfHealth": 99.8, "stateOfCharge": 85.0, "cycleCount": 45,
        "measuredCapacity": 249.5, "capacityUnit": "Ah", "voltage": 402, "internalResistance": 0.015,
        "temperature": 25, "measurementMethod": "bms_telemetry",
    });
    let noted = door.post(&at("/soh"), 200, health.clone()).await;
    assert_eq!((&noted["sohRecordId"], &noted["batteryId"]), (&json!("SOH-2025-0001"), &json!(ID)));
    near(&noted["stateOfHealth"], 99.8, 1e-9);
    assert_eq!(noted["trend"], "normal");
    // 1 − 0.998 since it was new; 0.002/45 per cycle; 3000 − 45 cycles remain.
    near(&noted["degradationRate"], 0.002, 1e-9);
    near(&noted["degradationRatePerCycle"], 0.002 / 45.0, 1e-9);
    assert_eq!(noted["estimatedRemainingLife"], 2955);
    assert_eq!(noted["estimatedRemainingLifeUnit"], "cycles");
    assert_eq!(noted["estimatedRemainingLifeMethod"], "cycle_life");

    // Once more is older than the record before; healthier than it was is no health.
    door.call("POST", &at("/soh"), Some(health)).await.is(422, "VALIDATION_ERROR");
    for wrong in [
        json!({ "stateOfHealth": 120, "cycleCount": 50 }),
        json!({ "stateOfHealth": -1, "cycleCount": 50 }),
        json!({ "cycleCount": 50 }),
        json!({ "stateOfHealth": 99.8, "cycleCount": 50, "measuredCapacity": 240 }),
    ] {
        door.call("POST", &at("/soh"), Some(wrong)).await.is(400, "INVALID_SOH");
    }
    let fewer = json!({ "stateOfHealth": 99.7, "cycleCount": 44 });
    door.call("POST", &at("/soh"), Some(fewer)).await.is(422, "VALIDATION_ERROR");

    let seen = door.get(&at("")).await;
    near(&seen["lifecycle"]["stateOfHealth"], 99.8, 1e-9);
    assert_eq!((&seen["lifecycle"]["cycleCount"], &seen["status"]), (&json!(45), &json!("in_use")));
    let history = door.get(&at("/lifecycle")).await;
    let kinds: Vec<&str> =
        history["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["manufacturing_complete", "quality_inspection", "installation"]);
    assert_eq!(history["events"][2]["installer"], "INST-001");
    let points = &history["sohHistory"];
    assert_eq!(points.as_array().unwrap().len(), 2);
    assert_eq!(points[0]["timestamp"], "2025-01-12T09:00:00Z");
    near(&points[0]["stateOfHealth"], 100.0, 1e-9);
    assert_eq!(
        (&points[1]["timestamp"], &points[1]["cycleCount"]),
        (&json!("2025-01-15T10:00:00Z"), &json!(45))
    );
    let some = door.get(&at("/lifecycle?type=installation&from=2025-01-12&to=2025-01-12")).await;
    assert_eq!(some["events"].as_array().unwrap().len(), 1);
    let status = door.get(&at("/status")).await;
    near(&status["stateOfHealth"], 99.8, 1e-9);
    near(&status["soce"], 99.8, 1e-9);
    near(&status["remainingCapacity"], 249.5, 1e-6);
    near(&status["voltage"], 402.0, 1e-9);
    for path in ["/lifecycle", "/status"] {
        let path = format!("/batteries/NOBODY{path}");
        door.call("GET", &path, None).await.is(404, "BATTERY_NOT_FOUND");
    }
}

pub(crate) async fn carbon(door: &mut Door) {
    let asked = json!({
        "includeTransportation": true, "includeUsePhase": true, "includeEndOfLife": true,
        "gridEmissionFactor": 0.459, "gridRegion": "KR",
    });
    let told = door.post(&at("/carbon/calculate"), 200, asked).await;
    // Made in Korea: 100·(55 + 20.1·0.4541 + 21.4·0.202) = 6845.02. Used at 0.459:
    // 100·3000·0.9·(1/0.95 − 1)·0.459 = 6522.63. Nothing was moved yet.
    near(&told["breakdown"]["production"], 6845.02, 0.005);
    near(&told["breakdown"]["transportation"], 0.0, 0.0);
    near(&told["breakdown"]["usePhaseEstimate"], 6522.63, 0.005);
    near(&told["totalCO2e"], 6845.02, 0.005);
    assert_eq!((&told["unit"], &told["methodology"]), (&json!("kg CO2e"), &json!("ISO 14067")));
    assert_eq!((&told["factorSet"], &told["gridEmissionFactor"]), (&json!("2026.1"), &json!(0.459)));
    let end = told["breakdown"]["endOfLife"].as_f64().unwrap();
    near(&told["totals"]["euDeclared"], 6845.02 + end, 0.02);
    // Industrial, no warranty: 100 kWh · 3000 cycles.
    near(&told["perFunctionalUnit"]["energyDelivered"], 300_000.0, 1e-6);
    near(&told["perFunctionalUnit"]["value"], (6845.02 + end) / 300_000.0, 1e-5);
    // A clean grid makes use clean; what is left out counts nothing; no body at all means everything.
    let clean = door.post(&at("/carbon/calculate"), 200, json!({ "gridEmissionFactor": 0.0 })).await;
    near(&clean["breakdown"]["usePhaseEstimate"], 0.0, 0.0);
    let less = door.post(&at("/carbon/calculate"), 200, json!({ "includeUsePhase": false })).await;
    assert!(less["breakdown"].get("usePhaseEstimate").is_none());
    let token = door.token.clone();
    let bare = door.send("POST", &at("/carbon/calculate"), |request| request.bearer_auth(token)).await;
    assert_eq!(bare.status.as_u16(), 200, "{bare:?}");
    for wrong in [json!({ "gridEmissionFactor": -1 }), json!({ "gridRegion": "ATLANTIS" })] {
        door.call("POST", &at("/carbon/calculate"), Some(wrong)).await.is(422, "VALIDATION_ERROR");
    }

    let moved = json!({
        "from": "Seoul, KR", "to": "Berlin, DE", "distance": 8500, "distanceUnit": "km", "transportMode": "ship",
        "weight": 250, "weightUnit": "kg", "timestamp": "2025-01-11T08:00:00Z",
    });
    let told = door.post(&at("/carbon/transportation"), 200, moved.clone()).await;
    // 8500 km · 0.25 t · 0.015 kg/(t km) = 31.875 kg.
    assert_eq!(told["transportId"], "TRN-2025-0001");
    near(&told["co2e"], 31.88, 1e-9);
    near(&told["emissionFactor"], 0.015, 1e-12);
    near(&told["totalCO2eUpdated"], 6845.02 + 31.88, 0.011);
    // 250 kg are half of what such a battery weighs.
    assert_eq!(told["plausibilityWarnings"].as_array().unwrap().len(), 1, "{told}");
    // In miles and pounds: 100·1.609344 km · 0.45359237·1000/1000 t · 0.104 = 7.592.
    let miles = json!({
        "from": "Hamburg", "to": "Berlin", "distance": 100, "distanceUnit": "mi", "transportMode": "truck",
        "weight": 1000, "weightUnit": "lb",
    });
    near(&door.post(&at("/carbon/transportation"), 200, miles).await["co2e"], 7.59, 1e-9);
    for wrong in
        [json!({ "distance": -1 }), json!({ "transportMode": "balloon" }), json!({ "weightUnit": "st" })]
    {
        let mut body = moved.clone();
        body.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        door.call("POST", &at("/carbon/transportation"), Some(body)).await.is(422, "VALIDATION_ERROR");
    }

    // What the maker declares wins: 11 730 and 850 (8500 km · 0.25 t · 0.4) are the document's 12 580; its ship makes
    // 12 611.88 of that.
    let mut body = new_battery("SN-2025-000777");
    body["carbonFootprint"] = json!({ "productionPhase": { "cells": 11_000, "assembly": 730 } });
    door.post("/batteries/register", 201, body).await;
    let path = "/batteries/SN-2025-000777/carbon";
    let mut lorry = moved.clone();
    lorry["emissionFactor"] = json!(0.4);
    let told = door.post(&format!("{path}/transportation"), 200, lorry).await;
    near(&told["totalCO2eUpdated"], 12_580.0, 1e-9);
    let told = door.post(&format!("{path}/transportation"), 200, moved).await;
    near(&told["totalCO2eUpdated"], 12_611.88, 1e-9);
    let report = door.get(&format!("{path}/report")).await;
    assert_eq!(report["dataQuality"], "declared");
    near(&report["totals"]["withDistribution"], 12_611.88, 1e-9);
    for what in ["calculate", "transportation"] {
        let path = format!("/batteries/NOBODY/carbon/{what}");
        door.call("POST", &path, Some(json!({}))).await.is(404, "BATTERY_NOT_FOUND");
        let token = door.token.clone();
        let broken = door
            .send("POST", &at(&format!("/carbon/{what}")), |request| {
                request.bearer_auth(token).header("content-type", "application/json").body("{")
            })
            .await;
        broken.is(400, "BAD_REQUEST");
    }
}

pub(crate) async fn materials(door: &mut Door) {
    let before = door.get(&at("/supply-chain")).await;
    assert_eq!((&before["verified"], &before["ethicalSourcing"]), (&json!(false), &json!(false)));
    near(&before["coverage"], 0.0, 0.0);
    for (name, symbol, scheme) in [
        ("cobalt", "Co", "RMI"),
        ("nickel", "Ni", "IRMA"),
        ("lithium", "Li", "IRMA"),
        ("graphite", "C", "IRMA"),
    ] {
        let body = json!({
            "name": name, "symbol": symbol, "recycledContent": { "preConsumer": 5, "postConsumer": 10 },
            "source": {
                "country": "CD", "mine": "Kolwezi", "supplier": format!("{name} Ltd"), "certifications": [scheme],
                "certificateValidTo": "2099-01-01", "ethicalSourcing": true, "conflictFree": true,
            },
        });
        let made = door.post(&at("/materials"), 201, body).await;
        assert!(made["blockchainHash"].as_str().unwrap().starts_with("0x"), "{made}");
    }
    let after = door.get(&at("/supply-chain")).await;
    assert_eq!((&after["verified"], &after["conflictFreeCobalt"]), (&json!(true), &json!(true)), "{after}");
    assert_eq!(after["certifications"], json!(["IRMA", "RMI"]));
    near(&after["score"], 100.0, 0.0);
    near(&after["coverage"], 100.0, 0.0);
    let traced = door.get(&at("/materials?material=Co")).await;
    assert_eq!(traced["materials"].as_array().unwrap().len(), 1);
    assert_eq!(traced["materials"][0]["source"]["mine"], "Kolwezi");
    // The hash is that of the fact in the chain.
    let trail = door.get(&at("/audit-trail?limit=200")).await;
    assert_eq!(trail["valid"], true);
    let chain = trail["chain"].as_array().unwrap();
    let hash = &traced["materials"][0]["blockchainHash"];
    let fact = chain.iter().find(|link| link["hash"] == *hash).unwrap();
    assert_eq!(fact["type"], "material.added");
    assert_eq!(trail["head"], chain.last().unwrap()["hash"]);
    let wrong =
        json!({ "name": "cobalt", "percentage": 101, "source": { "country": "Congo", "supplier": "" } });
    door.call("POST", &at("/materials"), Some(wrong)).await.is(422, "VALIDATION_ERROR");
    door.call("POST", "/batteries/NOBODY/materials", Some(json!({}))).await.is(404, "BATTERY_NOT_FOUND");
    for path in ["materials", "supply-chain", "audit-trail"] {
        door.call("GET", &format!("/batteries/NOBODY/{path}"), None).await.is(404, "BATTERY_NOT_FOUND");
    }
}

pub(crate) async fn reports(door: &mut Door) {
    let report = door.get(&at("/sustainability/report?format=json")).await;
    // Before and after use together, of every metal: 15 %.
    for metal in ["nickel", "cobalt", "lithium"] {
        near(&report["circularEconomy"]["recycledContent"][metal], 15.0, 1e-9);
    }
    assert_eq!(report["circularEconomy"]["recycledContent"].get("lead"), None);
    assert_eq!(report["materialSourcing"]["ethicalSourcing"], true);
    assert_eq!(report["euCompliance"]["regulationVersion"], "2023/1542");
    let recovery = &report["circularEconomy"]["recovery"];
    assert!(recovery["metalsOnly"].as_f64() > recovery["massBased"].as_f64(), "{recovery}");
    let metrics = door.get(&at("/sustainability/metrics")).await;
    assert_eq!(metrics["waterFootprint"], Value::Null);
    assert_eq!(metrics["recyclability"], recovery["massBased"]);
    // Footprint with distribution over 100 kWh.
    let total = report["carbonFootprint"]["totalCO2e"].as_f64().unwrap();
    near(&metrics["co2ePerKWh"], total / 100.0, 1e-3);

    let told = door.get(&at("/compliance")).await;
    assert_eq!((&told["method"], &told["compliant"]), (&json!("CS-1"), &json!(false)));
    assert_eq!(told["complianceScore"], report["euCompliance"]["complianceScore"]);
    let missing = |told: &Value, rule: &str| {
        told["findings"].as_array().unwrap().iter().any(|f| f["rule"] == rule && f["status"] == "missing")
    };
    assert!(missing(&told, "article-18") && missing(&told, "un-38-3"), "{told}");
    let papers = json!({ "documents": {
        "declarationOfConformity": { "url": "https://example.org/doc.pdf", "issued": "2025-01-10" },
        "ceMarking": { "text": "on the battery" }, "un38_3": { "number": "UN-1", "standard": "UN 38.3" },
        "testReports": { "url": "https://example.org/secret.pdf" },
    } });
    door.call("PATCH", &at(""), Some(papers)).await;
    let better = door.get(&at("/compliance")).await;
    assert!(!missing(&better, "article-18") && !missing(&better, "un-38-3"));
    assert!(better["complianceScore"].as_f64() > told["complianceScore"].as_f64());
    // As of another day other rules apply.
    let later = door.get(&at("/compliance?asOf=2040-01-01")).await;
    assert!(
        later["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|f| f["rule"] == "article-14" && f["status"] == "failed")
    );
    door.call("GET", &at("/compliance?asOf=soon"), None).await.is(422, "VALIDATION_ERROR");

    let eu = door.get(&at("/compliance/eu-report")).await;
    near(&eu["annexVII"]["stateOfCertifiedEnergy"], 99.8, 1e-9);
    assert_eq!(eu["annexVI"]["criticalRawMaterials"], json!(["cobalt", "graphite", "lithium", "nickel"]));
    assert!(eu["annexXIII"]["documents"].get("testReports").is_none(), "that is for authorities");
    let authority = door.program("battery:authority", None).await;
    let eu = door.call_as(&authority, "GET", &at("/compliance/eu-report"), None).await;
    assert!(eu.body["annexXIII"]["documents"].get("testReports").is_some());

    let file = door.call("GET", &at("/export"), None).await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"BP-2025-000001.json\"");
    assert_eq!(file.body["batteryId"], ID);
    let analytics = door.get(&at("/analytics")).await;
    assert_eq!(analytics["remainingLife"]["cycles"], 2955);
    assert!(analytics["degradation"]["projection"].as_array().unwrap().len() > 5);
    near(&analytics["degradation"]["projection"][0]["soh"], 99.8, 1e-6);
    for path in [
        "/carbon/report",
        "/sustainability/report",
        "/sustainability/metrics",
        "/compliance",
        "/compliance/eu-report",
        "/export",
        "/analytics",
    ] {
        door.call("GET", &format!("/batteries/NOBODY{path}"), None).await.is(404, "BATTERY_NOT_FOUND");
    }
    for path in ["/carbon/report", "/sustainability/report", "/compliance/eu-report", "/export"] {
        door.call("GET", &at(&format!("{path}?format=papyrus")), None).await.is(400, "UNSUPPORTED_FORMAT");
    }
    door.get(&at("/carbon/report")).await;
}
