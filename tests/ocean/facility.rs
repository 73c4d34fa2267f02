//! Facilities: registered, and what they take in, with a queue that is their twin's.

use crate::caller::{Door, SEOUL, new_batch};
use serde_json::{Value, json};

fn new_facility(sort: &str, daily_kg: f64) -> Value {
    json!({
        "name": "Seoul Plastic Sorting Center", "type": sort,
        "location": { "latitude": 37.5665, "longitude": 126.978, "address": "123 Recycling St, Seoul, Korea" },
        "certifications": ["ISO-14001", "GREEN-CERT-KR"], "capacity": { "daily": { "value": daily_kg, "unit": "kg" } },
    })
}

pub(crate) async fn registering_and_receiving(door: &mut Door) {
    let made = door.post("/facilities", new_facility("sorting", 1_000.0)).await.good(201);
    assert_eq!(made["facilityId"], "FAC-SORT-001");
    for (field, value, code) in [
        ("type", json!("museum"), "ERR_VALIDATION"),
        ("name", Value::Null, "ERR_VALIDATION"),
        ("location", Value::Null, "ERR_INVALID_GPS"),
        ("capacity", Value::Null, "ERR_VALIDATION"),
    ] {
        let mut body = new_facility("sorting", 1_000.0);
        body[field] = value;
        door.post("/facilities", body).await.names(422, code, field);
    }
    let mut body = new_facility("sorting", 1_000.0);
    body["location"]["latitude"] = json!(-91);
    door.post("/facilities", body).await.is(422, "ERR_INVALID_GPS");
    door.post("/facilities", new_facility("sorting", 0.0)).await.names(
        422,
        "ERR_VALIDATION",
        "capacity.daily",
    );
    let seen = door.get("/facilities/FAC-SORT-001").await;
    assert_eq!((&seen["type"], &seen["capacity"]["daily"]["value"]), (&json!("sorting"), &json!(1000.0)));
    door.call("GET", "/facilities/FAC-SORT-999", None).await.is(404, "ERR_FACILITY_NOT_FOUND");

    let receive = "/facilities/FAC-SORT-001/receive";
    let arrives = |id: &str, at: &str| json!({ "batchId": id, "arrivalTime": at, "inspectionNotes": "Material quality: good" });
    let first = door.batch(new_batch(25.8, SEOUL, "2025-01-15T10:30:00Z")).await;
    let moved = json!({ "status": "transported", "timestamp": "2025-01-16T07:00:00Z" });
    door.put(&format!("/batches/{first}/status"), moved).await.good(200);
    let taken = door.post(receive, arrives(&first, "2025-01-16T08:00:00Z")).await.good(200);
    // The document's example: an empty queue, and a day.
    assert_eq!((&taken["received"], &taken["nextStage"]), (&json!(true), &json!("sorting")));
    assert_eq!(taken["estimatedProcessingTime"], "2025-01-17T08:00:00Z");
    assert_eq!(taken["queue"], json!({ "batches": 0, "weight": { "value": 0.0, "unit": "kg" } }));
    let seen = door.get(&format!("/batches/{first}")).await;
    assert_eq!(
        (&seen["status"], &seen["recycling"]["facilities"]),
        (&json!("sorting"), &json!(["FAC-SORT-001"]))
    );
    assert_eq!(seen["recycling"]["expectedCompletion"], "2025-01-17T08:00:00Z");
    let way = door.get(&format!("/batches/{first}/journey")).await;
    assert_eq!(way["journey"][2]["facility"], "FAC-SORT-001");
    door.post(receive, arrives(&first, "2025-01-16T09:00:00Z")).await.is(409, "ERR_CONFLICT");

    // Five tonnes at once: who comes last waits for days, and one that is told of late does not.
    let mut last = String::new();
    for _ in 0..5 {
        let id = door.batch(new_batch(1_000.0, SEOUL, "2025-01-15T10:30:00Z")).await;
        let taken = door.post(receive, arrives(&id, "2025-01-16T10:00:00Z")).await.good(200);
        last = taken["estimatedProcessingTime"].as_str().unwrap().to_owned();
    }
    assert!(last.as_str() > "2025-01-21" && last.as_str() < "2025-01-23", "{last}");
    let id = door.batch(new_batch(100.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let taken = door.post(receive, arrives(&id, "2025-01-16T09:00:00Z")).await.good(200);
    assert_eq!(
        (&taken["queue"]["batches"], &taken["estimatedProcessingTime"]),
        (&json!(0), &json!("2025-01-17T09:00:00Z"))
    );

    // Weights may differ by a tenth.
    let id = door.batch(new_batch(100.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    let weighed = |kg: f64| {
        let mut body = arrives(&id, "2025-01-18T08:00:00Z");
        body["receivedWeight"] = json!({ "value": kg, "unit": "kg" });
        body
    };
    door.post(receive, weighed(111.0)).await.is(409, "ERR_CONFLICT");
    door.post(receive, weighed(95.0)).await.good(200);
    let seen = door.get(&format!("/batches/{id}")).await;
    assert_eq!(seen["material"]["currentWeight"]["value"], 95.0);
    assert_eq!(seen["material"]["totalWeight"]["value"], 100.0);

    // Through the other kinds to its end.
    for (sort, name, next, status) in [
        ("receiving", "FAC-RECV-001", "sorting", "transported"),
        ("processing", "FAC-PROC-001", "processing", "processing"),
        ("recycling", "FAC-RECY-001", "recycled", "processing"),
        ("disposal", "FAC-DISP-001", "disposed", "disposed"),
    ] {
        let made = door.post("/facilities", new_facility(sort, 1_000.0)).await.good(201);
        assert_eq!(made["facilityId"], name);
        let id = door.batch(new_batch(10.0, SEOUL, "2025-01-15T10:30:00Z")).await;
        if status == "processing" {
            let answer =
                door.post(&format!("/facilities/{name}/receive"), arrives(&id, "2025-01-18T08:00:00Z")).await;
            answer.is(409, "ERR_INVALID_TRANSITION");
            door.put(
                &format!("/batches/{id}/status"),
                json!({ "status": "sorting", "timestamp": "2025-01-17T00:00:00Z" }),
            )
            .await
            .good(200);
        }
        let taken = door
            .post(&format!("/facilities/{name}/receive"), arrives(&id, "2025-01-18T08:00:00Z"))
            .await
            .good(200);
        assert_eq!((&taken["nextStage"], &taken["status"]), (&json!(next), &json!(status)));
    }
    let list = door.get("/facilities").await;
    assert_eq!(list["pagination"]["total"], 5);
    door.post(receive, json!({ "batchId": id })).await.names(422, "ERR_VALIDATION", "arrivalTime");
    door.post(receive, arrives("BATCH-1999-000001", "2025-01-18T08:00:00Z"))
        .await
        .is(404, "ERR_BATCH_NOT_FOUND");
    door.post("/facilities/FAC-SORT-999/receive", arrives(&id, "2025-01-18T08:00:00Z"))
        .await
        .is(404, "ERR_FACILITY_NOT_FOUND");
    let early = door.batch(new_batch(10.0, SEOUL, "2025-01-15T10:30:00Z")).await;
    door.post(receive, arrives(&early, "2025-01-14T08:00:00Z")).await.is(422, "ERR_VALIDATION");
    door.post(receive, arrives(&early, "2999-01-14T08:00:00Z")).await.is(422, "ERR_FUTURE_TIMESTAMP");
}
