//! Batches from registration to their end.

use crate::caller::{Door, SEOUL, new_batch};
use serde_json::{Value, json};

pub(crate) async fn registering(door: &mut Door) {
    let answer = door.post("/batches", new_batch(25.8, SEOUL, "2025-01-15T10:30:00Z")).await;
    assert!(answer.headers["location"].to_str().unwrap().ends_with("-000001"));
    let made = answer.good(201);
    let id = made["batchId"].as_str().unwrap().to_owned();
    assert!(id.starts_with("BATCH-") && id.ends_with("-000001"), "{made}");
    assert_eq!(made["status"], "collected");
    for (name, path) in [("qrCode", "/qr/"), ("trackingUrl", "/batch/")] {
        assert_eq!(made[name], format!("{}{path}{id}", door.serve.http));
    }
    assert!(made.get("warnings").is_none());

    let seen = door.get(&format!("/batches/{id}")).await;
    assert_eq!(
        (&seen["status"], &seen["collection"]["method"]),
        (&json!("collected"), &json!("beach_cleanup"))
    );
    assert_eq!(seen["collection"]["timestamp"], "2025-01-15T10:30:00Z");
    assert_eq!(
        seen["collection"]["location"]["gps"],
        json!({ "latitude": 37.5665, "longitude": 126.978, "accuracy": 5.0 })
    );
    assert_eq!(seen["collection"]["collector"]["organizationId"], "ORG-CLEANUP-001");
    assert_eq!(seen["material"]["totalWeight"], json!({ "value": 25.8, "unit": "kg" }));
    assert_eq!(seen["material"]["composition"][1]["resinCode"], "PP");
    // Three quarters of good PET and PP come back.
    assert_eq!(seen["recycling"]["recyclabilityScore"], 0.75);
    assert_eq!(seen["environmental"]["impactMetrics"]["virginPlasticAvoided"]["value"], 19.35);
    assert_eq!(seen["environmental"]["impactMetrics"]["basis"], "expected");

    // Other units, codes in place of names, an offset; what no part accounts for is OTHER.
    let body = json!({
        "collection": { "location": { "gps": { "latitude": -35.0, "longitude": 180 } }, "timestamp": "2025-01-15T19:30:00+09:00", "method": "vessel_net" },
        "material": { "totalWeight": { "value": 0.2, "unit": "ton" },
            "composition": [{ "resinCode": 2, "percentage": 50, "weight": { "value": 100_000, "unit": "g" } }],
            "items": [{ "type": "ghost_net", "count": 2, "weight": { "value": 40, "unit": "kg" } }] },
    });
    let made = door.post("/batches", body).await.good(201);
    assert!(made["warnings"][0].as_str().unwrap().contains("100.00 kg"), "{made}");
    let seen = door.get(&format!("/batches/{}", made["batchId"].as_str().unwrap())).await;
    assert_eq!(seen["material"]["totalWeight"]["value"], 200.0);
    assert_eq!(
        seen["material"]["composition"][0],
        json!({ "resinCode": "HDPE", "percentage": 50.0, "weight": { "value": 100.0, "unit": "kg" } })
    );
    assert_eq!(seen["collection"]["timestamp"], "2025-01-15T10:30:00Z");
    assert_eq!(seen["environmental"]["impactMetrics"]["ghostNets"], 2.0);
    assert_eq!(seen["environmental"]["impactMetrics"]["estimatedAnimals"], 4.0);
}

pub(crate) async fn what_is_wrong_with_a_batch(door: &mut Door) {
    let good = || new_batch(25.8, SEOUL, "2025-01-15T10:30:00Z");
    let with = |path: &str, value: Value| {
        let mut body = good();
        *body.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        body
    };
    let gps = "/collection/location/gps";
    let part = "/material/composition/0";
    let cases = [
        (with(gps, Value::Null), "ERR_INVALID_BATCH", "collection.location.gps"),
        (with(&format!("{gps}/latitude"), json!(91)), "ERR_INVALID_GPS", "collection.location.gps"),
        (with(&format!("{gps}/longitude"), json!(-180.5)), "ERR_INVALID_GPS", "collection.location.gps"),
        (
            with(&format!("{gps}/latitude"), Value::Null),
            "ERR_INVALID_GPS",
            "collection.location.gps.latitude",
        ),
        (
            with("/collection/timestamp", json!("2999-01-01T00:00:00Z")),
            "ERR_FUTURE_TIMESTAMP",
            "collection.timestamp",
        ),
        (with("/collection/timestamp", json!("yesterday")), "ERR_VALIDATION", "collection.timestamp"),
        (with("/collection/method", json!("magnet")), "ERR_VALIDATION", "collection.method"),
        (with("/collection/method", Value::Null), "ERR_INVALID_BATCH", "collection.method"),
        (
            with("/collection/collector", json!({ "deviceId": "NOBODY" })),
            "ERR_INVALID_DEVICE",
            "collection.collector.deviceId",
        ),
        (with("/material/totalWeight/value", json!(0)), "ERR_WEIGHT_MISMATCH", "material.composition"),
        (
            with("/material/totalWeight/unit", json!("stone")),
            "ERR_WEIGHT_MISMATCH",
            "material.totalWeight.unit",
        ),
        (with("/material/composition", json!([])), "ERR_INVALID_BATCH", "material.composition"),
        (
            with(&format!("{part}/resinCode"), json!("PETE")),
            "ERR_INVALID_RESIN",
            "material.composition[0].resinCode",
        ),
        (
            with(&format!("{part}/resinCode"), json!(8)),
            "ERR_INVALID_RESIN",
            "material.composition[0].resinCode",
        ),
        (with(&format!("{part}/weight/value"), json!(14)), "ERR_WEIGHT_MISMATCH", "material.composition"),
        (with(&format!("{part}/percentage"), json!(80)), "ERR_WEIGHT_MISMATCH", "material.composition"),
        (
            with(&format!("{part}/condition"), json!("rotten")),
            "ERR_VALIDATION",
            "material.composition[0].condition",
        ),
    ];
    for (body, code, field) in cases {
        door.post("/batches", body).await.names(422, code, field);
    }
    door.post("/batches", with("/material", json!([]))).await.is(422, "ERR_INVALID_BATCH");
    door.call("GET", "/batches/BATCH-1999-000001", None).await.is(404, "ERR_BATCH_NOT_FOUND");
    door.call("GET", "/batches/nothing", None).await.is(404, "ERR_BATCH_NOT_FOUND");
}

pub(crate) async fn its_way(door: &mut Door) {
    let id = door.batch(new_batch(1_000.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let status = format!("/batches/{id}/status");
    let moved = door
        .put(&status, json!({ "status": "transported", "notes": "by truck", "transportMethod": "truck",
            "location": { "latitude": 35.1587, "longitude": 129.1604, "description": "Busan" }, "timestamp": "2025-01-16T08:00:00Z" }))
        .await
        .good(200);
    assert_eq!(
        moved["data"],
        json!({ "batchId": id, "status": "transported", "updatedAt": "2025-01-16T08:00:00Z" })
    );
    door.put(&status, json!({ "status": "collected" })).await.is(409, "ERR_INVALID_TRANSITION");
    door.put(&status, json!({ "status": "transported" })).await.is(409, "ERR_INVALID_TRANSITION");
    door.put(&status, json!({ "status": "recycled" })).await.is(409, "ERR_INVALID_TRANSITION");
    door.put(&status, json!({ "status": "lost" })).await.names(422, "ERR_VALIDATION", "status");
    door.put(&status, json!({})).await.names(422, "ERR_VALIDATION", "status");
    door.put(&status, json!({ "status": "sorting", "timestamp": "2025-01-15T00:00:00Z" })).await.names(
        422,
        "ERR_VALIDATION",
        "timestamp",
    );
    door.put(&status, json!({ "status": "sorting", "timestamp": "2999-01-15T00:00:00Z" }))
        .await
        .is(422, "ERR_FUTURE_TIMESTAMP");
    door.put(&status, json!({ "status": "sorting", "location": { "latitude": 99, "longitude": 0 } }))
        .await
        .is(422, "ERR_INVALID_GPS");
    door.put(&status, json!({ "status": "sorting", "distance": -5 })).await.names(
        422,
        "ERR_VALIDATION",
        "distance",
    );
    door.put("/batches/BATCH-1999-000001/status", json!({ "status": "sorting" }))
        .await
        .is(404, "ERR_BATCH_NOT_FOUND");
    // One stage may be passed over; a distance that was told counts.
    let done = json!({ "status": "processing", "timestamp": "2025-01-17T08:00:00Z", "distance": 12.5 });
    door.put(&status, done).await.good(200);
    door.put(&status, json!({ "status": "recycled", "recoveredWeight": { "value": 1200, "unit": "kg" } }))
        .await
        .names(422, "ERR_WEIGHT_MISMATCH", "recoveredWeight");
    door.put(&status, json!({ "status": "recycled", "recoveredWeight": { "value": 700, "unit": "kg" } }))
        .await
        .good(200);
    door.put(&status, json!({ "status": "disposed" })).await.is(409, "ERR_INVALID_TRANSITION");

    let way = door.get(&format!("/batches/{id}/journey")).await;
    let stages: Vec<&Value> = way["journey"].as_array().unwrap().iter().map(|step| &step["stage"]).collect();
    assert_eq!(stages, ["collected", "transported", "processing", "recycled"]);
    // The great circle from Seoul to Busan, 325 km, along roads 1.3 times that.
    let km = way["journey"][1]["distance"]["value"].as_f64().unwrap();
    assert!((km - 1.3 * 331.0).abs() < 5.0, "{way}");
    assert_eq!(way["journey"][1]["location"]["description"], "Busan");
    assert_eq!(way["journey"][2]["distance"]["value"], 12.5);
    assert_eq!(
        (&way["currentStage"], &way["journey"][0]["verifiedBy"]),
        (&json!("recycled"), &json!("ORG-CLEANUP-001"))
    );
    door.call("GET", "/batches/BATCH-1999-000001/journey", None).await.is(404, "ERR_BATCH_NOT_FOUND");

    let seen = door.get(&format!("/batches/{id}")).await;
    assert_eq!(seen["recycling"]["recoveredWeight"]["value"], 700.0);
    let carbon = &seen["environmental"]["carbonFootprint"];
    // A tonne over that way by truck, 0.104 kg CO2e a kilometre; washing to pellets takes 0.8 kWh/kg of 0.45 kg CO2e each.
    let transport = carbon["transportation"]["value"].as_f64().unwrap();
    assert!((transport - (km + 12.5) * 0.104).abs() < 0.02, "{carbon}");
    assert_eq!(carbon["processing"]["value"], 360.0);
    // 350 kg each of PET (3.4) and PP (2.0) are not made anew.
    let net = carbon["netImpact"]["value"].as_f64().unwrap();
    assert!((net - (transport + 360.0 - 350.0 * 5.4)).abs() < 0.02, "{carbon}");
}

pub(crate) async fn lists(door: &mut Door) {
    let at = |day: u32| format!("2024-03-{day:02}T12:00:00Z");
    let mut ids = Vec::new();
    for day in 1..=7 {
        let mut body = new_batch(f64::from(day), (10.0, 20.0), &at(day));
        body["collection"]["collector"]["organizationId"] = json!("ORG-LIST");
        if day == 3 {
            body["collection"]["method"] = json!("river_trap");
            body["material"]["composition"][1]["resinCode"] = json!("PS");
        }
        ids.push(door.batch(body).await);
    }
    door.put(&format!("/batches/{}/status", ids[4]), json!({ "status": "transported" })).await.good(200);
    let page = door.get("/batches?organizationId=ORG-LIST&limit=3").await;
    let listed: Vec<&Value> =
        page["data"].as_array().unwrap().iter().map(|batch| &batch["batchId"]).collect();
    assert_eq!(listed, [&ids[6], &ids[5], &ids[4]], "the newest collection first");
    assert_eq!(page["data"][2]["totalWeight"], json!({ "value": 5.0, "unit": "kg" }));
    assert_eq!(
        page["pagination"],
        json!({ "total": 7, "limit": 3, "offset": 0, "hasMore": true, "nextOffset": 3, "prevOffset": null })
    );
    let last = door.get("/batches?organizationId=ORG-LIST&limit=3&offset=6").await;
    assert_eq!(
        last["pagination"],
        json!({ "total": 7, "limit": 3, "offset": 6, "hasMore": false, "nextOffset": null, "prevOffset": 3 })
    );
    for (query, total) in [
        ("status=collected", 6),
        ("status=transported", 1),
        ("status=collected,transported", 7),
        ("startDate=2024-03-02&endDate=2024-03-04", 3),
        ("startDate=2024-03-07T12:00:01Z", 0),
        ("endDate=2024-03-01", 1),
        ("method=river_trap", 1),
        ("resinCode=PS", 1),
        ("resinCode=6", 1),
        ("resinCode=PET", 7),
        ("deviceId=NOBODY", 0),
    ] {
        let page = door.get(&format!("/batches?organizationId=ORG-LIST&{query}")).await;
        assert_eq!(page["pagination"]["total"], total, "{query}");
    }
    for (query, field) in [
        ("status=lost", "status"),
        ("startDate=soon", "startDate"),
        ("startDate=2024-02-30", "startDate"),
        ("startDate=2024-03-02&endDate=2024-03-01", "endDate"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("offset=-1", "offset"),
        ("method=magnet", "method"),
        ("resinCode=XX", "resinCode"),
    ] {
        let answer = door.call("GET", &format!("/batches?{query}"), None).await;
        assert_eq!(answer.status, 422, "{query} {answer:?}");
        assert_eq!(answer.body["error"]["details"]["field"], field, "{query}");
    }
}

pub(crate) async fn taking_back_and_parting(door: &mut Door) {
    let id = door.batch(new_batch(10.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let path = format!("/batches/{id}");
    let gone = door.call("DELETE", &path, None).await;
    assert_eq!((gone.status.as_u16(), gone.body.is_null()), (204, true));
    door.call("GET", &path, None).await.is(404, "ERR_BATCH_NOT_FOUND");
    door.call("DELETE", &path, None).await.is(404, "ERR_BATCH_NOT_FOUND");
    let list = door.get("/batches?limit=500").await;
    assert!(list["data"].as_array().unwrap().iter().all(|batch| batch["batchId"] != json!(id)));
    // The audit keeps it.
    let audit = door.serve.get("/twins/v1/admin/audit?limit=1000").await;
    assert!(audit.to_string().contains("batch.withdrawn"), "{audit}");

    let id = door.batch(new_batch(10.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let status = format!("/batches/{id}/status");
    for stage in ["sorting", "processing"] {
        door.put(&status, json!({ "status": stage })).await.good(200);
    }
    door.call("DELETE", &format!("/batches/{id}"), None).await.is(409, "ERR_CONFLICT");

    let split = format!("/batches/{id}/split");
    let part = |resin: &str, kg: f64| json!({ "composition": [{ "resinCode": resin, "weight": { "value": kg, "unit": "kg" }, "condition": "good" }] });
    let answer = door.post(&split, json!({ "parts": [part("PET", 5.0), part("PP", 4.0)] })).await;
    answer.is(422, "ERR_WEIGHT_MISMATCH");
    door.post(&split, json!({})).await.is(422, "ERR_INVALID_BATCH");
    let parted = door.post(&split, json!({ "parts": [part("PET", 5.0), part("PP", 5.0)] })).await.good(201);
    assert_eq!(parted["parts"].as_array().unwrap().len(), 2);
    let child = parted["parts"][0]["batchId"].as_str().unwrap();
    let seen = door.get(&format!("/batches/{child}")).await;
    assert_eq!((&seen["parents"], &seen["status"]), (&json!([id]), &json!("processing")));
    assert_eq!(seen["material"]["totalWeight"]["value"], 5.0);
    door.post(&split, json!({ "parts": [part("PET", 5.0), part("PP", 5.0)] })).await.is(409, "ERR_CONFLICT");
    door.post("/batches/BATCH-1999-000001/split", json!({ "parts": [] }))
        .await
        .is(404, "ERR_BATCH_NOT_FOUND");
}
