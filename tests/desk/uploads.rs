//! How many documents somebody may hand in within a minute.

use crate::desk::Desk;
use crate::process::run;
use serde_json::json;

const CONFIG: &str = "\
[limits]
dealer_per_minute = 0
dealer_logins_per_minute = 0
dealer_uploads_per_minute = 3
[dealer]
quiet_from_h = 0
quiet_to_h = 0
";
const DEALER: &str = "+919830000001";
const CONSUMER: &str = "+919830000002";

/// A form with a small PDF in it.
fn form(request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
    const LINE: &str = "----celltide";
    let part = |head: &str, body: &str| {
        format!("--{LINE}\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
    };
    let mut body = part("name=\"document_type\"", "bank_statement");
    body += &part("name=\"document\"; filename=\"a.pdf\"", "%PDF-1.7\nsmall\n%%EOF\n");
    body += &format!("--{LINE}--\r\n");
    request.header("content-type", format!("multipart/form-data; boundary={LINE}")).body(body)
}

#[test]
fn a_fourth_document_within_a_minute_is_refused_and_not_kept() {
    run(async {
        let mut desk = Desk::open(CONFIG).await;
        let dealer = json!({ "name": "ABC Motors", "phone": DEALER, "userType": "dealer" });
        desk.good("admin", "POST", "/dealers", Some(dealer)).await;
        desk.log_in("dealer", DEALER, "dealer").await;
        let consumer = json!({ "name": "Ram Kumar", "phone": CONSUMER });
        let consumer = desk.good("dealer", "POST", "/consumers", Some(consumer)).await["id"].clone();
        let path = format!("/consumers/{consumer}/documents");
        let reference = || json!({ "document_type": "photo", "document_url": "https://a.example/b.jpg" });

        desk.good("dealer", "POST", &path, Some(reference())).await;
        assert_eq!(desk.send("dealer", "POST", &path, form).await.status.as_u16(), 201);
        // One that is sent again by its name is answered as before, and counts once.
        for again in [false, true] {
            let named = |r: reqwest::RequestBuilder| form(r).header("idempotency-key", "the third");
            let answer = desk.send("dealer", "POST", &path, named).await;
            assert_eq!(answer.status.as_u16(), 201, "{answer:?}");
            assert_eq!(answer.headers.contains_key("idempotent-replayed"), again);
        }
        for body in [None, Some(reference())] {
            let answer = desk.send("dealer", "POST", &path, |request| match &body {
                Some(body) => request.json(body),
                None => form(request),
            });
            let answer = answer.await;
            answer.is(429, "Rate limit exceeded");
            assert_eq!(answer.body["details"], "Too many requests. Please try again later.");
            assert_eq!(answer.body["code"], "RATE_LIMITED");
            let wait_s = answer.body["retry_after"].as_u64().unwrap();
            assert!((1..=20).contains(&wait_s), "a third of a minute: {answer:?}");
            assert_eq!(answer.headers["retry-after"], wait_s.to_string());
        }
        // What is no upload goes on, and everybody has a count of its own.
        let kept = desk.good("dealer", "GET", &path, None).await;
        assert_eq!(kept.as_array().unwrap().len(), 3, "{kept}");
        desk.good("dealer", "GET", "/consumers", None).await;
        desk.good("admin", "POST", &path, Some(reference())).await;
        assert_eq!(desk.good("admin", "GET", &path, None).await.as_array().unwrap().len(), 4);
    });
}
