//! The trail of a battery, checked as docs/passport-proof.md says, with nothing of the platform but its answers; and
//! roots on a chain that stands beside it.

use crate::ground::Ground;
use crate::process::run;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use host::anchor::{hex, keccak, sender, unhex};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

fn sha(parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_vec()
}

fn raw(value: &Value) -> Vec<u8> {
    unhex(value.as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number"))
}

/// Step 4 of the recipe.
fn sealed(checkpoint: &Value) -> Vec<u8> {
    let numbers = ["number", "first", "last"].map(|name| number(&checkpoint[name]).to_be_bytes()).concat();
    let (root, previous) = (raw(&checkpoint["root"]), raw(&checkpoint["previous"]));
    sha(&[b"celltide journal checkpoint 1\0", &numbers, &root, &previous])
}

/// Step 3 of the recipe: RFC 9162, section 2.1.3.2.
fn climbed(leaf: Vec<u8>, mut index: u64, size: u64, path: &[Value]) -> Vec<u8> {
    let (mut last, mut hash) = (size - 1, leaf);
    for beside in path.iter().map(raw) {
        assert_ne!(last, 0, "the way is too long");
        if index & 1 == 1 || index == last {
            hash = sha(&[&[1], &beside, &hash]);
            while index & 1 == 0 && index != 0 {
                (index, last) = (index >> 1, last >> 1);
            }
        } else {
            hash = sha(&[&[1], &hash, &beside]);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    assert_eq!(last, 0, "the way is too short");
    hash
}

/// Checks an answer with the published keys; how many rows were good.
fn checked(trail: &Value, keys: &Value) -> Result<usize, String> {
    let fit = |good: bool, what: &str| if good { Ok(()) } else { Err(what.to_owned()) };
    for checkpoint in trail["checkpoints"].as_array().unwrap() {
        let jws = checkpoint["statement"]["jws"].as_str().unwrap();
        let parts: Vec<&str> = jws.split('.').collect();
        let decoded =
            |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        let (header, says) = (decoded(parts[0]), decoded(parts[1]));
        fit(header["alg"] == "EdDSA" && header["typ"] == "celltide-checkpoint+jws", "header")?;
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
        let point = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
        let key = VerifyingKey::from_bytes(&point.try_into().unwrap()).unwrap();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(parts[2]).unwrap()).unwrap();
        let signed = format!("{}.{}", parts[0], parts[1]);
        fit(key.verify_strict(signed.as_bytes(), &signature).is_ok(), "signature")?;
        fit(sealed(checkpoint) == raw(&checkpoint["hash"]), "hash of the checkpoint")?;
        for member in ["number", "first", "last", "root", "previous", "hash"] {
            fit(says[member] == checkpoint[member], member)?;
        }
    }
    let rows = trail["chain"].as_array().unwrap();
    for row in rows {
        let proof = &row["proof"];
        let all = trail["checkpoints"].as_array().unwrap();
        let checkpoint = all.iter().find(|one| one["number"] == proof["checkpoint"]).unwrap();
        let entry = raw(&proof["entry"]);
        let hash = sha(&[b"celltide journal entry 1\0", &entry]);
        fit(hash == raw(&row["hash"]), "hash of the entry")?;
        fit(entry[..32] == raw(&row["prevHash"]), "hash of the one before")?;
        let (index, size) = (number(&proof["leafIndex"]), number(&proof["treeSize"]));
        fit(index == number(&row["seq"]) - number(&checkpoint["first"]), "place")?;
        fit(size == number(&checkpoint["last"]) - number(&checkpoint["first"]) + 1, "size")?;
        let root = climbed(sha(&[&[0], &hash]), index, size, proof["path"].as_array().unwrap());
        fit(root == raw(&checkpoint["root"]), "root")?;
    }
    Ok(rows.len())
}

#[test]
fn the_trail_is_proven_without_the_platform() {
    run(async {
        let ground = Ground::with("").await;
        let trail = ground.get("audit-trail").await;
        let keys = ground.serve.get("/.well-known/jwks.json").await;
        assert_eq!((&trail["valid"], &trail["fault"]), (&json!(true), &Value::Null));
        let rows = checked(&trail, &keys).unwrap();
        assert_eq!((rows as u64, rows >= 5), (number(&trail["total"]), true), "{trail}");
        // Nothing is anchored, and the answer says so.
        assert_eq!(
            (&trail["anchoring"]["enabled"], &trail["anchoring"]["anchored"]),
            (&json!(false), &json!(false))
        );
        assert!(trail["anchoring"]["reason"].as_str().unwrap().contains("not anchored"));
        assert_eq!(
            (&trail["ledger"], &trail["checkpoints"][0]["anchor"]),
            (&json!("local-hash-chain"), &Value::Null)
        );
        // Every event and material on record is in it, under the hash that was answered when it was recorded.
        let told = ground.post("events", json!({
            "type": "maintenance", "timestamp": "2025-02-01T09:00:00Z", "description": "Contacts cleaned",
        })).await;
        let again = ground.get("audit-trail").await;
        let hashes: Vec<&Value> = again["chain"].as_array().unwrap().iter().map(|row| &row["hash"]).collect();
        assert!(hashes.contains(&&told["blockchainHash"]), "{told}: {hashes:?}");
        assert_eq!(checked(&again, &keys).unwrap(), rows + 1);
        // A page is as good as the whole.
        let page = ground.get("audit-trail?limit=2&offset=1").await;
        assert_eq!(page["chain"][0], trail["chain"][1]);
        assert_eq!(checked(&page, &keys), Ok(2));
        // What is altered is found, wherever it is.
        for (path, what) in [
            ("/chain/0/proof/entry", "hash of the entry"),
            ("/chain/1/hash", "hash of the entry"),
            ("/chain/0/proof/path/0", "root"),
            ("/checkpoints/0/root", "hash of the checkpoint"),
        ] {
            let mut bent = trail.clone();
            let text = bent.pointer_mut(path).unwrap();
            let old = text.as_str().unwrap().to_owned();
            let last = if old.ends_with('0') { "1" } else { "0" };
            *text = json!(format!("{}{last}", &old[..old.len() - 1]));
            assert_eq!(checked(&bent, &keys).unwrap_err(), what, "{path}");
        }
        let folder = ground.folder;
        ground.serve.stop();
        let audit = Command::new(env!("CARGO_BIN_EXE_celltide"))
            .args(["audit", "verify", "--data", "data"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stderr));
    });
}

/// Account and key of the documentation of web3.js.
const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const ACCOUNT: &str = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";

/// What a node has heard: hash and data of transactions, each in a block of its own.
type Heard = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// Items of a list in RLP that are no lists themselves, but for the last, with the bytes of all up to it.
fn items(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let first = usize::from(bytes[at]);
        let (from, length) = match first {
            0..0x80 => (at, 1),
            0x80..0xb8 => (at + 1, first - 0x80),
            0xb8 => (at + 2, usize::from(bytes[at + 1])),
            0xc0..0xf8 => (at + 1, first - 0xc0),
            0xf8 => (at + 2, usize::from(bytes[at + 1])),
            other => panic!("{other:x} is not expected"),
        };
        found.push(&bytes[from..from + length]);
        at = from + length;
    }
    found
}

/// Takes an EIP-1559 transaction apart; its data, when the account signed it.
fn taken(raw: &[u8]) -> Vec<u8> {
    assert_eq!(raw[0], 2);
    let body = items(&raw[1..])[0];
    let fields = items(body);
    // What was signed are the first nine fields, as they stand, under a head of their own.
    let tail: usize =
        fields[9..].iter().map(|field| if matches!(field, [0..0x80]) { 1 } else { field.len() + 1 }).sum();
    let unsigned = &body[..body.len() - tail];
    let head = match u8::try_from(unsigned.len()).unwrap() {
        length @ 0..56 => vec![2, 0xc0 + length],
        length => vec![2, 0xf8, length],
    };
    let digest = keccak(&[&head[..], unsigned].concat());
    let odd = fields[9] == [1];
    assert_eq!(sender(&digest, fields[10], fields[11], odd).unwrap().to_string(), ACCOUNT);
    fields[7].to_vec()
}

fn answered(call: &Value, heard: &Heard) -> Value {
    let mut heard = heard.lock().unwrap();
    let at =
        |heard: &[(String, Vec<u8>)]| heard.iter().position(|(hash, _)| call["params"][0] == hash.as_str());
    match call["method"].as_str().unwrap() {
        "eth_chainId" => json!("0x539"),
        "eth_blockNumber" | "eth_getTransactionCount" => json!(format!("{:#x}", heard.len())),
        "eth_getBlockByNumber" => json!({ "baseFeePerGas": "0x7" }),
        "eth_maxPriorityFeePerGas" => json!("0x1"),
        "eth_estimateGas" => json!("0x5800"),
        "eth_sendRawTransaction" => {
            let raw = raw(&call["params"][0]);
            let hash = hex(&keccak(&raw));
            heard.push((hash.clone(), taken(&raw)));
            json!(hash)
        }
        "eth_getTransactionReceipt" => match at(&heard) {
            Some(block) => {
                json!({ "blockNumber": format!("{:#x}", block + 1), "blockHash": "0xb10c", "status": "0x1" })
            }
            None => Value::Null,
        },
        "eth_getTransactionByHash" => at(&heard).map_or(Value::Null, |_| json!({})),
        other => panic!("{other}"),
    }
}

/// A node that answers JSON-RPC, one request a connection.
async fn node(listener: TcpListener, heard: Heard) {
    while let Ok((stream, _)) = listener.accept().await {
        let _ = exchange(stream, &heard).await;
    }
}

async fn exchange(stream: TcpStream, heard: &Heard) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let call: Value = serde_json::from_slice(&body).unwrap();
    let body = json!({ "jsonrpc": "2.0", "id": call["id"], "result": answered(&call, heard) }).to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length:";
    stream.write_all(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes()).await
}

#[test]
fn roots_stand_on_a_chain_that_is_configured() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Heard::default();
        let node = tokio::spawn(node(listener, heard.clone()));
        let keys = tempfile::tempdir().unwrap();
        let file = keys.path().join("anchor.key");
        std::fs::write(&file, KEY).unwrap();
        let config = format!(
            "[anchor]\nrpc_url = {url:?}\nchain_id = 1337\nkey_file = {file:?}\ninterval_s = 0.1\nconfirmations = 1\n"
        );
        let ground = Ground::with(&config).await;
        let mut trail = ground.get("audit-trail").await;
        assert_eq!(trail["anchoring"]["enabled"], json!(true));
        // A root takes two steps of a tenth of a second; what is asked anew is answered when it is there.
        for _ in 0..600 {
            if trail["anchoring"]["anchored"] == json!(true) {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            trail = ground.get("audit-trail").await;
        }
        assert_eq!(
            (&trail["anchoring"]["sender"], &trail["anchoring"]["reason"]),
            (&json!(ACCOUNT), &Value::Null)
        );
        assert_eq!(trail["ledger"], json!("local-hash-chain+evm"));
        let keys = ground.serve.get("/.well-known/jwks.json").await;
        checked(&trail, &keys).unwrap();
        for checkpoint in trail["checkpoints"].as_array().unwrap() {
            let anchor = &checkpoint["anchor"];
            let (mut hash, mut number_of) = (raw(&checkpoint["hash"]), number(&checkpoint["number"]));
            for link in anchor["links"].as_array().unwrap() {
                assert_eq!(raw(&link["previous"]), hash);
                (hash, number_of) = (sealed(link), number(&link["number"]));
            }
            assert_eq!(number(&anchor["checkpoint"]), number_of);
            let heard = heard.lock().unwrap();
            let (_, data) = heard.iter().find(|(of, _)| anchor["transaction"] == of.as_str()).unwrap();
            assert_eq!(*data, [b"celltide/anchor/1".as_slice(), &number_of.to_be_bytes(), &hash].concat());
        }
        node.abort();
    });
}
