//! Figures and searches, computed anew by hand.

use crate::caller::{Door, new_batch};
use serde_json::{Value, json};

pub(crate) async fn analytics(door: &mut Door) {
    let mut ids = Vec::new();
    for (day, kg) in [(3, 10.0), (3, 20.0), (10, 30.0), (31, 40.0)] {
        let mut body = new_batch(kg, (20.0, 30.0), &format!("2023-01-{day:02}T23:30:00Z"));
        body["collection"]["collector"]["organizationId"] = json!("ORG-FIGURES");
        ids.push(door.batch(body).await);
    }
    let mut other = new_batch(500.0, (20.0, 30.0), "2023-01-05T00:00:00Z");
    other["collection"]["method"] = json!("vessel_net");
    other["material"]["items"] = json!([{ "type": "ghost_net", "count": 10 }]);
    door.batch(other).await;
    let deleted = door.batch(new_batch(77.0, (20.0, 30.0), "2023-01-05T00:00:00Z")).await;
    door.call("DELETE", &format!("/batches/{deleted}"), None).await;

    let window = "startDate=2023-01-01&endDate=2023-01-31&organizationId=ORG-FIGURES";
    let seen = door.get(&format!("/analytics/collection?{window}")).await;
    assert_eq!(seen["period"], json!({ "start": "2023-01-01T00:00:00Z", "end": "2023-01-31T23:59:59Z" }));
    let statistics = &seen["statistics"];
    assert_eq!(
        (&statistics["totalBatches"], &statistics["totalWeight"]["value"]),
        (&json!(4), &json!(100.0))
    );
    assert_eq!(
        statistics["byResinType"]["PET"],
        json!({ "batches": 4, "weight": { "value": 50.0, "unit": "kg" } })
    );
    assert_eq!(statistics["byMethod"], json!({ "beach_cleanup": 4 }));
    let daily = seen["daily"].as_array().unwrap();
    assert_eq!(daily.len(), 31, "empty days too");
    assert_eq!(
        daily[2],
        json!({ "date": "2023-01-03", "batches": 2, "weight": { "value": 30.0, "unit": "kg" } })
    );
    assert_eq!(daily[0]["batches"], 0);
    let weekly = door.get(&format!("/analytics/collection?{window}&groupBy=week")).await;
    let weeks: Vec<&Value> = weekly["weekly"].as_array().unwrap().iter().map(|week| &week["date"]).collect();
    assert_eq!(weeks, ["2022-12-26", "2023-01-02", "2023-01-09", "2023-01-16", "2023-01-23", "2023-01-30"]);
    let monthly =
        door.get("/analytics/collection?startDate=2022-12-15&endDate=2023-02-01&groupBy=month").await;
    assert_eq!(monthly["monthly"].as_array().unwrap().len(), 3);
    assert_eq!(monthly["monthly"][1]["weight"]["value"], 600.0, "what was taken back does not count");

    // A batch of 40 kg goes by truck for 100 km, is sorted and washed, and gives 20 kg back.
    let status = format!("/batches/{}/status", ids[3]);
    for body in [
        json!({ "status": "transported", "distance": 100, "timestamp": "2023-02-01T10:00:00Z" }),
        json!({ "status": "sorting", "timestamp": "2023-02-02T10:00:00Z" }),
        json!({ "status": "processing", "timestamp": "2023-02-03T10:00:00Z" }),
        json!({ "status": "recycled", "timestamp": "2023-02-04T10:00:00Z", "recoveredWeight": { "value": 20, "unit": "kg" } }),
    ] {
        door.put(&status, body).await.good(200);
    }
    let seen = door.get(&format!("/analytics/environmental?{window}")).await;
    let (impact, basis) = (&seen["impact"], &seen["basis"]);
    assert_eq!(impact["totalPlasticCollected"]["value"], 100.0);
    let carbon = &impact["carbonFootprint"];
    assert_eq!(carbon["collection"]["value"], 12.0, "0.12 kg a kilogram where nobody measured fuel");
    assert_eq!(carbon["transportation"]["value"], 0.416);
    assert_eq!(carbon["processing"]["value"], 15.3, "40 kg · 0.85 kWh/kg · 0.45 kg/kWh");
    assert_eq!(carbon["total"]["value"], 27.716);
    // Expected of 60 kg: 45 kg, half PET (3.4) and half PP (2.0); and the 20 kg that came out.
    assert_eq!(impact["virginPlasticAvoided"]["value"], 65.0);
    let net = carbon["netImpact"]["value"].as_f64().unwrap();
    assert!((net - (27.716 - 65.0 * 2.7)).abs() < 1e-3, "{carbon}");
    assert_eq!(basis["virginPlasticAvoided"]["recovered"]["value"], 20.0);
    assert_eq!(impact["marineLifeSaved"]["estimatedAnimals"], 0.0);
    assert_eq!(impact["marineLifeSaved"]["speciesTypes"], json!([]));
    assert!(seen["factorSet"].is_string() && basis["method"].is_string());
    let all = door.get("/analytics/environmental?startDate=2023-01-01&endDate=2023-01-31").await;
    let life = &all["impact"]["marineLifeSaved"];
    assert_eq!((&life["estimatedAnimals"], &life["lower"]), (&json!(18.0), &json!(0)));
    assert_eq!(life["speciesTypes"], json!(["fish", "seabird"]), "0.26 mammals are none");
    assert!(all["impact"]["oceanCleanupArea"]["value"].as_f64().unwrap() > 0.0);

    for (query, field) in [
        ("endDate=2023-01-31", "startDate"),
        ("startDate=2023-01-31", "endDate"),
        ("startDate=2023-01-31&endDate=2023-01-01", "endDate"),
        ("startDate=x&endDate=2023-01-01", "startDate"),
    ] {
        for path in ["collection", "environmental"] {
            door.call("GET", &format!("/analytics/{path}?{query}"), None).await.names(
                422,
                "ERR_VALIDATION",
                field,
            );
        }
    }
    let path = format!("/analytics/collection?{window}&groupBy=moon");
    door.call("GET", &path, None).await.names(422, "ERR_VALIDATION", "groupBy");
    let path = "/analytics/collection?startDate=1900-01-01&endDate=2023-01-01";
    door.call("GET", path, None).await.names(422, "ERR_VALIDATION", "groupBy");
}

pub(crate) async fn search(door: &mut Door) {
    // Around the date line by Fiji, and by the north pole.
    let mut near = Vec::new();
    for (lat, lon) in [(-17.0, 179.9), (-17.0, -179.9), (-17.0, 178.0), (89.9, 10.0), (89.9, -170.0)] {
        let mut body = new_batch(10.0, (lat, lon), "2022-06-01T00:00:00Z");
        body["collection"]["collector"]["organizationId"] = json!("ORG-SEARCH");
        near.push(door.batch(body).await);
    }
    let ask = |lat: f64, lon: f64, radius: f64, unit: &str| {
        json!({
            "center": { "latitude": lat, "longitude": lon }, "radius": radius, "unit": unit,
            "filters": { "organizationId": "ORG-SEARCH", "status": ["collected", "transported"],
                "dateRange": { "start": "2022-01-01", "end": "2022-12-31" }, "resinCode": ["PET"] },
        })
    };
    let found = door.post("/search/batches/geo", ask(-17.0, 180.0, 50.0, "km")).await.good(200);
    let mut ids: Vec<&str> =
        found["results"].as_array().unwrap().iter().map(|one| one["batchId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!((ids, &found["total"]), (vec![near[0].as_str(), near[1].as_str()], &json!(2)));
    assert_eq!(found["results"][0]["distance"], json!({ "value": 10.6, "unit": "km" }));
    let found = door.post("/search/batches/geo", ask(-17.0, 180.0, 130.0, "mi")).await.good(200);
    assert_eq!(found["total"], 2);
    let found = door.post("/search/batches/geo", ask(-17.0, 180.0, 133.0, "mi")).await.good(200);
    assert_eq!((&found["total"], &found["results"][2]["distance"]["unit"]), (&json!(3), &json!("mi")));
    let found = door.post("/search/batches/geo", ask(90.0, 0.0, 12_000.0, "m")).await.good(200);
    assert_eq!(found["total"], 2, "both sides of the pole");
    let mut paged = ask(90.0, 0.0, 20_000.0, "km");
    paged["limit"] = json!(2);
    paged["offset"] = json!(2);
    let found = door.post("/search/batches/geo", paged).await.good(200);
    assert_eq!((found["results"].as_array().unwrap().len(), &found["total"]), (2, &json!(5)));

    for (body, code, field) in [
        (ask(91.0, 0.0, 1.0, "km"), "ERR_INVALID_GPS", "center"),
        (ask(0.0, 181.0, 1.0, "km"), "ERR_INVALID_GPS", "center"),
        (ask(0.0, 0.0, 0.0, "km"), "ERR_VALIDATION", "radius"),
        (ask(0.0, 0.0, -1.0, "km"), "ERR_VALIDATION", "radius"),
        (ask(0.0, 0.0, 1.0, "furlong"), "ERR_VALIDATION", "unit"),
        (json!({ "radius": 1 }), "ERR_INVALID_GPS", "center"),
    ] {
        door.post("/search/batches/geo", body).await.names(422, code, field);
    }
    let mut body = ask(0.0, 0.0, 1.0, "km");
    body["filters"]["status"] = json!(["lost"]);
    door.post("/search/batches/geo", body).await.names(422, "ERR_VALIDATION", "filters.status");
}
