//! The lender and the gateways: a small server takes what goes out, and the lender's word comes back signed.

use crate::desk::{Answer, Desk, TRIAL};
use crate::people;
use crate::process::{ago_ms, run};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

const KEY: &str = "a key that only the lender knows";

fn signature(timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn send(desk: &mut Desk, body: &[u8], kind: &str, age_s: i64, tampered: bool) -> Answer {
    let timestamp = (ago_ms(age_s) / 1_000).to_string();
    let signature = signature(&timestamp, body);
    let mut body = body.to_vec();
    if tampered {
        body.push(b' ');
    }
    desk.send("nobody", "POST", "/nbfc/webhook-status", |request| {
        request
            .header("content-type", kind)
            .header("x-nbfc-timestamp", timestamp)
            .header("x-nbfc-signature", format!("sha256={signature}"))
            .body(body)
    })
    .await
}

/// The lender says something, signed so many seconds ago, and perhaps changed since.
pub(crate) async fn signed(desk: &mut Desk, word: &Value, age_s: i64, tampered: bool) -> Answer {
    send(desk, word.to_string().as_bytes(), "application/json", age_s, tampered).await
}

/// The lender says something that may be no JSON.
pub(crate) async fn signed_bytes(desk: &mut Desk, body: &[u8], kind: &str) -> Answer {
    send(desk, body, kind, 0, false).await
}

type Taken = Arc<Mutex<Vec<(String, Value)>>>;

/// A server that takes everything and remembers it; its address.
fn gateway() -> (String, Taken) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let taken = Taken::default();
    let memory = taken.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (memory, stream) = (memory.clone(), stream.unwrap());
            std::thread::spawn(move || answer(stream, &memory));
        }
    });
    (address, taken)
}

fn answer(mut stream: TcpStream, memory: &Taken) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let path = first.split_whitespace().nth(1).unwrap().to_owned();
    memory.lock().unwrap().push((path, serde_json::from_slice(&body).unwrap()));
    let text = json!({ "message_id": "GW-1", "reference": "LN-77", "success": true, "report_id": "R-9", "status": "submitted" });
    let text = text.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_goes_out_goes_through_the_gateways() {
    run(async {
        let (address, taken) = gateway();
        let config = format!("{TRIAL}lender_url = \"{address}/lender\"\nlender_token = \"open\"\n");
        let mut desk = Desk::open(&config).await;
        let world = people::people(&mut desk).await;
        let kyc = format!("/consumers/{}/kyc", world.consumer);
        desk.good("dealer", "PUT", &kyc, Some(json!({ "kyc_status": "verified" }))).await;
        let battery = desk.good("dealer", "POST", "/batteries", Some(json!({ "serial_number": "B1" }))).await;
        let body = json!({
            "consumer_id": world.consumer, "battery_id": battery["id"], "amount": 45_000.50, "tenure_months": 24,
            "interest_rate": 12.5,
        });
        let made = desk.good("dealer", "POST", "/nbfc/submit-application", Some(body)).await;
        assert_eq!(made["message"], "Application submitted to NBFC successfully");
        let (path, said) = taken.lock().unwrap().last().unwrap().clone();
        assert_eq!(
            (path.as_str(), &said["applicationId"]),
            ("/lender/applications", &made["application"]["id"])
        );
        assert_eq!(said["amount"], "45000.5", "to the paisa");
        let text = said.to_string();
        assert!(!text.contains(people::PAN) && !text.contains(people::PHONES[2]), "{text}");
        let report = json!({
            "report_date": people::day(0),
            "collection_data": { "total_collections": 0, "amount_collected": 0, "overdue_count": 0 },
        });
        let sent = desk.good("dealer", "POST", "/nbfc/collection-report", Some(report)).await;
        assert_eq!((&sent["nbfc_response"]["report_id"], &sent["variances"]), (&json!("R-9"), &json!({})));

        // With a gateway for messages, a text is sent at once.
        drop(desk);
        let config = format!("{TRIAL}message_url = \"{address}/sms\"\n");
        let mut desk = Desk::open(&config).await;
        let text = json!({ "to": "+919810000009", "message": "hello" });
        let sent = desk.good("admin", "POST", "/messaging/send-sms", Some(text)).await;
        assert_eq!(sent["status"], "sent");
        let (path, said) = taken.lock().unwrap().last().unwrap().clone();
        assert_eq!(
            (path.as_str(), &said["to"], &said["text"]),
            ("/sms", &json!("+919810000009"), &json!("hello"))
        );
    });
}
