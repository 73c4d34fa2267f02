//! Consumers, how far their identity is known, and their documents.

use crate::desk::Desk;
use crate::people::{AADHAAR, PAN, PHONES, World};
use serde_json::{Value, json};

pub(crate) async fn papers(desk: &mut Desk, world: &World) {
    let all = desk.good("dealer", "GET", "/consumers?kyc_status=pending", None).await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]["name"]), (1, &json!("Ram Kumar")));
    assert_eq!(all[0]["phone"], PHONES[2]);
    desk.refused("dealer", "GET", "/consumers?kyc_status=perhaps", None, 400, "Validation failed").await;
    desk.refused("consumer", "GET", "/consumers", None, 403, "Access denied").await;
    let create = |body: Value| Some(body);
    let again = json!({ "name": "Ram", "phone": PHONES[2] });
    desk.refused("dealer", "POST", "/consumers", create(again), 400, "Duplicate phone").await;
    desk.refused(
        "dealer",
        "POST",
        "/consumers",
        create(json!({ "name": "Ram" })),
        400,
        "Missing required fields",
    )
    .await;
    for (field, value) in [("pan", "abc"), ("aadhar", "1234"), ("phone", "+15551234567")] {
        let mut body = json!({ "name": "Ram", "phone": "+919812345678" });
        body[field] = json!(value);
        desk.refused("dealer", "POST", "/consumers", create(body), 400, "Validation failed").await;
    }

    let id = world.consumer;
    let kyc = format!("/consumers/{id}/kyc");
    // The document's own numbers are doubtful, so nobody is verified by them here.
    let doubtful = json!({ "kyc_status": "verified", "pan": "ABCDE1234F", "aadhar": "123456789012" });
    desk.refused("dealer", "PUT", &kyc, Some(doubtful), 400, "KYC verification failed").await;
    let doubtful = json!({ "kyc_status": "pending", "pan": "ABCDE1234F" });
    let seen = desk.good("dealer", "PUT", &kyc, Some(doubtful)).await;
    assert_eq!(seen["kyc_warnings"].as_array().unwrap().len(), 2);
    let good = json!({ "kyc_status": "verified", "pan": PAN });
    let seen = desk.good("dealer", "PUT", &kyc, Some(good.clone())).await;
    assert_eq!((&seen["kyc_status"], &seen["kyc_warnings"]), (&json!("verified"), &Value::Null));
    desk.refused("dealer", "PUT", "/consumers/999999/kyc", Some(good), 404, "Consumer not found").await;
    desk.refused("dealer", "PUT", &kyc, Some(json!({ "kyc_status": "sure" })), 400, "Validation failed")
        .await;

    let reveal = format!("{kyc}/reveal");
    let why = json!({ "reason": "the lender asks for it" });
    let shown = desk.good("admin", "POST", &reveal, Some(why.clone())).await;
    assert_eq!((&shown["pan"], &shown["aadhar"]), (&json!(PAN), &json!(AADHAAR)));
    desk.refused("dealer", "POST", &reveal, Some(why.clone()), 403, "Access denied").await;
    desk.refused("admin", "POST", &reveal, Some(json!({ "reason": " " })), 400, "Validation failed").await;
    desk.refused("admin", "POST", "/consumers/999999/kyc/reveal", Some(why), 404, "Consumer not found").await;
    let audit = desk.serve.get("/twins/v1/admin/audit?limit=1000").await.to_string();
    assert!(audit.contains("papers revealed") && audit.contains("the lender asks for it"));

    let path = format!("/consumers/{id}/documents");
    let url = "https://storage.example.com/pan_card.jpg";
    let reference = json!({ "document_type": "pan_card", "document_url": url, "document_number": PAN });
    let made = desk.good("consumer", "POST", &path, Some(reference.clone())).await;
    assert_eq!(made["message"], "Document uploaded successfully");
    assert_eq!(
        (&made["document"]["document_url"], &made["document"]["status"]),
        (&json!(url), &json!("pending_verification"))
    );
    assert_eq!(made["document"]["document_number"], "XXXXXX234F");
    assert!(made.get("note").is_none());
    for (field, value) in [("document_type", "selfie"), ("document_url", "http://storage.example.com/x")] {
        let mut body = reference.clone();
        body[field] = json!(value);
        desk.refused("dealer", "POST", &path, Some(body), 400, "Validation failed").await;
    }
    let upload = |kind: &str, bytes: &[u8]| {
        let mut form = b"--x\r\nContent-Disposition: form-data; name=\"document_type\"\r\n\r\n".to_vec();
        form.extend(kind.as_bytes());
        form.extend(b"\r\n--x\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a\"\r\n\r\n");
        form.extend(bytes);
        form.extend(b"\r\n--x--\r\n");
        form
    };
    let form = "multipart/form-data; boundary=x";
    let mut pdf = b"%PDF-1.7 secret words of a statement ".to_vec();
    pdf.resize(1_200_000, b'.');
    let body = upload("bank_statement", &pdf);
    let answer = desk.send("dealer", "POST", &path, |r| r.header("content-type", form).body(body)).await;
    assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
    assert_eq!(answer.body["document"]["media_type"], "application/pdf");
    assert_eq!(answer.body["document"]["size_bytes"], 1_200_000);
    let number = answer.body["document"]["id"].as_u64().unwrap();
    let content = format!("{path}/{number}/content");
    let answer = desk.call("consumer", "GET", &content, None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.headers["content-type"]),
        (200, &"application/pdf".parse().unwrap())
    );
    assert_eq!(answer.headers["content-length"], "1200000");
    desk.refused("dealer", "GET", &format!("{path}/999999/content"), None, 404, "Document not found").await;
    let body = upload("photo", b"<html>not a picture</html>");
    let answer = desk.send("dealer", "POST", &path, |r| r.header("content-type", form).body(body)).await;
    answer.is(400, "Validation failed");
    let body = upload("photo", &vec![0xff; (5 << 20) + (80 << 10)]);
    let answer = desk.send("dealer", "POST", &path, |r| r.header("content-type", form).body(body)).await;
    answer.is(413, "Payload Too Large");
    let all = desk.good("dealer", "GET", &path, None).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
}
