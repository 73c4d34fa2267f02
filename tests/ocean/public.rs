//! What everybody may see: a label that can be scanned, and a page with the way.

use crate::caller::{Door, new_batch};
use reqwest::{StatusCode, redirect::Policy};
use serde_json::{Value, json};

pub(crate) async fn label_and_page(door: &mut Door) {
    let mut body = new_batch(25.8, (35.158_712, 129.160_398), "2025-01-15T10:30:00Z");
    body["collection"]["collector"]["operator"] = json!("Kim Secret");
    let id = door.batch(body).await;
    let moved = json!({ "status": "transported", "location": { "latitude": 37.5665, "longitude": 126.978 }, "notes": "private remark" });
    door.put(&format!("/batches/{id}/status"), moved).await.good(200);

    let client = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    let get = async |path: &str, accept: &str| {
        client.get(format!("{}{path}", door.serve.http)).header("accept", accept).send().await.unwrap()
    };
    let page = format!("/batch/{id}");
    let answer = get(&format!("/qr/{id}"), "*/*").await;
    assert_eq!(answer.status(), StatusCode::FOUND);
    assert_eq!(answer.headers()["location"].to_str().unwrap(), format!("{}{page}", door.serve.http));
    let answer = get(&format!("/qr/{id}"), "image/png").await;
    assert_eq!(
        (answer.status(), answer.headers()["content-type"].as_bytes()),
        (StatusCode::OK, &b"image/png"[..])
    );
    assert_eq!(scanned(&answer.bytes().await.unwrap()), format!("{}{page}", door.serve.http));
    let answer = get(&format!("/qr/{id}"), "image/svg+xml").await;
    assert!(answer.text().await.unwrap().contains("<svg"));

    let answer = get(&page, "text/html").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let text = answer.text().await.unwrap();
    assert!(text.contains(&id) && text.contains("<svg") && text.contains("transported"), "{text}");
    assert!(
        !text.contains("http://") && !text.contains("https://") && !text.contains("<script"),
        "nothing is fetched"
    );
    let answer = get(&page, "application/json").await;
    let text = answer.text().await.unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["journey"][0]["location"], json!({ "latitude": 35.16, "longitude": 129.16 }));
    for private in ["Kim Secret", "private remark", "ORG-CLEANUP-001", "35.1587"] {
        assert!(!text.contains(private), "{private}: {text}");
    }
    for path in ["/qr/BATCH-1999-000001", "/batch/BATCH-1999-000001", "/batch/nothing"] {
        let answer = get(path, "application/json").await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(body["error"]["code"], "ERR_BATCH_NOT_FOUND");
    }
    if let Ok(folder) = std::env::var("OCEAN_PAGES") {
        std::fs::write(format!("{folder}/batch.html"), get(&page, "text/html").await.text().await.unwrap())
            .unwrap();
    }
}

/// What is in a code.
fn scanned(png: &[u8]) -> String {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let samples = info.color_type.samples();
    let deep = info.bit_depth as usize;
    let bytes_per_row = info.line_size;
    let luma = |x: usize, y: usize| -> u8 {
        let bit = x * samples * deep;
        let byte = pixels[y * bytes_per_row + bit / 8];
        if deep >= 8 {
            byte
        } else {
            ((byte >> (8 - deep - bit % 8)) & ((1 << deep) - 1)) * (255 / ((1 << deep) - 1))
        }
    };
    let mut image =
        rqrr::PreparedImage::prepare_from_greyscale(info.width as usize, info.height as usize, luma);
    let grids = image.detect_grids();
    grids[0].decode().unwrap().1
}
