//! Roots on a chain: a small chain of its own takes transactions apart by itself, finds who signed them, and mines.

#![expect(clippy::unwrap_used, reason = "tests")]

use host::anchor::{
    Address, AnchorError, Anchorer, Rpc, RpcAnswer, RpcError, Settings, Step, above, hex, keccak, key_of,
    latest, sender, unhex,
};
use host::store::journal::{Hash, NewEntry};
use host::store::{Change, Commit, Entity, Journal, LocalStore, Revision, Store};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use twin::time::Time;

const KEY: &str = "4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318";
const ACCOUNT: &str = "0x2c7536e3605d9c16a7a3d7b1898e529396a65c23";
const CHAIN: u64 = 1_337;
const NOW: Time = Time(1_788_000_000_000);

/// Items of one level of RLP: what follows from the standard's five cases, read from the first byte.
fn items(bytes: &[u8]) -> Vec<Vec<u8>> {
    let long = |at: usize, count: usize| {
        bytes[at..at + count].iter().fold(0_usize, |length, &byte| (length << 8) | usize::from(byte))
    };
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let first = usize::from(bytes[at]);
        let (from, length) = match first {
            0..0x80 => (at, 1),
            0x80..0xb8 => (at + 1, first - 0x80),
            0xb8..0xc0 => (at + 1 + first - 0xb7, long(at + 1, first - 0xb7)),
            0xc0..0xf8 => (at + 1, first - 0xc0),
            _ => (at + 1 + first - 0xf7, long(at + 1, first - 0xf7)),
        };
        found.push(bytes[from..from + length].to_vec());
        at = from + length;
    }
    found
}

/// A list of items as RLP, the short way round: none here is longer than 255 bytes.
fn list(items: &[Vec<u8>], lists: &[usize]) -> Vec<u8> {
    let mut body = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match item.as_slice() {
            [] if lists.contains(&at) => body.push(0xc0),
            [byte @ 0..0x80] => body.push(*byte),
            bytes if bytes.len() < 56 => {
                body.push(0x80 + bytes.len() as u8);
                body.extend(bytes);
            }
            bytes => {
                body.extend([0xb8, bytes.len() as u8]);
                body.extend(bytes);
            }
        }
    }
    match body.len() {
        length @ 0..56 => [vec![0xc0 + length as u8], body].concat(),
        length => [vec![0xf8, u8::try_from(length).unwrap()], body].concat(),
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte))
}

/// A transaction as the chain understands it.
#[derive(Debug, Clone, PartialEq)]
struct Heard {
    hash: String,
    from: Address,
    to: Vec<u8>,
    nonce: u64,
    data: Vec<u8>,
    block: Option<u64>,
}

/// Takes a raw transaction apart and finds who signed it.
fn heard(raw: &[u8]) -> Heard {
    let hash = hex(&keccak(raw));
    let (from, nonce, to, data) = if raw[0] == 2 {
        let fields = items(&items(&raw[1..])[0]);
        assert_eq!((fields.len(), number(&fields[0])), (12, CHAIN));
        let digest = keccak(&[&[2], list(&fields[..9], &[8]).as_slice()].concat());
        let from = sender(&digest, &fields[10], &fields[11], number(&fields[9]) == 1).unwrap();
        (from, number(&fields[1]), fields[5].clone(), fields[7].clone())
    } else {
        let fields = items(&items(raw)[0]);
        assert_eq!(fields.len(), 9);
        let v = number(&fields[6]);
        assert_eq!((v - 35) / 2, CHAIN);
        let chain = CHAIN.to_be_bytes()[6..].to_vec();
        let unsigned = [fields[..6].to_vec(), vec![chain, vec![], vec![]]].concat();
        let from = sender(&keccak(&list(&unsigned, &[])), &fields[7], &fields[8], (v - 35) % 2 == 1).unwrap();
        (from, number(&fields[0]), fields[3].clone(), fields[5].clone())
    };
    Heard { hash, from, to, nonce, data, block: None }
}

/// A chain of one node.
#[derive(Debug, Default)]
struct Chain {
    base_fee: bool,
    chain_id: u64,
    blocks: u64,
    transactions: Vec<Heard>,
    /// Refuses raw transactions with these words.
    refuses: Option<&'static str>,
    /// Is not there.
    away: bool,
    calls: Vec<&'static str>,
}

#[derive(Debug, Clone)]
struct Node(Arc<Mutex<Chain>>);

impl Chain {
    fn answer(&mut self, method: &'static str, params: &Value) -> Result<Value, RpcError> {
        self.calls.push(method);
        if self.away {
            return Err(RpcError::Unheard { detail: "away".into() });
        }
        let refused = |message: &str| Err(RpcError::Refused { code: -32_000, message: message.into() });
        let quantity = |number: u64| Ok(json!(format!("{number:#x}")));
        let known = |chain: &Self| {
            let hash = params[0].as_str().unwrap();
            chain.transactions.iter().find(|transaction| transaction.hash == hash).cloned()
        };
        match method {
            "eth_chainId" => quantity(self.chain_id),
            "eth_blockNumber" => quantity(self.blocks),
            "eth_getTransactionCount" => quantity(self.transactions.len() as u64),
            "eth_getBlockByNumber" if self.base_fee => Ok(json!({ "baseFeePerGas": "0x3b9aca00" })),
            "eth_getBlockByNumber" => Ok(json!({ "number": "0x0" })),
            "eth_gasPrice" => quantity(2_000_000_000),
            "eth_estimateGas" => quantity(22_500),
            "eth_sendRawTransaction" => {
                if let Some(words) = self.refuses {
                    return refused(words);
                }
                let new = heard(&unhex(params[0].as_str().unwrap()).unwrap());
                assert_eq!(new.nonce, self.transactions.len() as u64);
                self.transactions.push(new.clone());
                Ok(json!(new.hash))
            }
            "eth_getTransactionByHash" => Ok(known(self).map_or(Value::Null, |one| json!({ "hash": one.hash }))),
            "eth_getTransactionReceipt" => Ok(known(self).and_then(|one| one.block).map_or(Value::Null, |block| {
                json!({ "blockNumber": format!("{block:#x}"), "blockHash": "0xb10c", "status": "0x1" })
            })),
            other => refused(&format!("the method {other} does not exist")),
        }
    }

    fn mine(&mut self) {
        self.blocks += 1;
        let block = self.blocks;
        self.transactions
            .iter_mut()
            .filter(|one| one.block.is_none())
            .for_each(|one| one.block = Some(block));
    }
}

impl Rpc for Node {
    fn call(&self, method: &'static str, params: Value) -> RpcAnswer {
        let answer = self.0.lock().unwrap().answer(method, &params);
        Box::pin(async move { answer })
    }
}

struct Ground {
    store: Arc<LocalStore>,
    node: Node,
    anchorer: Anchorer,
}

fn ground(base_fee: bool, confirmations: u64) -> Ground {
    let store = Arc::new(LocalStore::in_memory().unwrap());
    let node = Node(Arc::new(Mutex::new(Chain { base_fee, chain_id: CHAIN, ..Chain::default() })));
    let settings = Settings { chain_id: CHAIN, key: key_of(KEY).unwrap(), confirmations };
    let anchorer = Anchorer::new(store.clone(), Arc::new(node.clone()), settings);
    Ground { store, node, anchorer }
}

impl Ground {
    fn chain(&self) -> std::sync::MutexGuard<'_, Chain> {
        self.node.0.lock().unwrap()
    }

    async fn happens(&self, number: u64) {
        let entity = Entity::new("battery/B1").unwrap();
        let expected: Revision = self.store.revision(entity.clone()).await.unwrap();
        let new = NewEntry {
            entity,
            expected,
            at: NOW,
            actor: "tester".into(),
            kind: "counted".into(),
            schema: 1,
            payload: Vec::new(),
        };
        self.store.commit(Change::entry(new.with_json(&number).unwrap())).await.unwrap();
    }

    async fn step(&self) -> Step {
        self.anchorer.step(NOW).await.unwrap()
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test);
}

#[test]
fn a_root_is_sent_by_the_account_of_the_key_and_counts_once_it_is_deep_enough() {
    for base_fee in [true, false] {
        run(async {
            let ground = ground(base_fee, 3);
            assert_eq!(ground.step().await, Step::Nothing, "there is nothing to anchor yet");
            ground.happens(1).await;
            let Step::Sent(anchor) = ground.step().await else { panic!("nothing was sent") };
            let sent = ground.chain().transactions[0].clone();
            assert_eq!((sent.from.to_string().as_str(), sent.from), (ACCOUNT, ground.anchorer.address()));
            assert_eq!((sent.to.as_slice(), &sent.hash), (&sent.from.0[..], &anchor.transaction));
            let checkpoint = ground.store.checkpoints(1, 9).await.unwrap().remove(0);
            let expected =
                [b"celltide/anchor/1".as_slice(), &1_u64.to_be_bytes(), &checkpoint.hash().0].concat();
            assert_eq!(sent.data, expected);
            assert_eq!(above(ground.store.as_ref(), 1).await.unwrap(), None, "it does not count yet");
            for mined in 1..=3 {
                assert!(matches!(ground.step().await, Step::Waiting(_)), "after {} blocks", mined - 1);
                ground.chain().mine();
            }
            let Step::Anchored(anchored) = ground.step().await else { panic!("not deep enough") };
            assert_eq!(anchored.block.as_ref().map(|block| block.number), Some(1));
            assert_eq!(above(ground.store.as_ref(), 1).await.unwrap(), Some(anchored.clone()));
            assert_eq!(above(ground.store.as_ref(), 2).await.unwrap(), None);
            assert_eq!(latest(ground.store.as_ref()).await.unwrap(), Some(anchored));
            assert!(ground.store.audit().await.unwrap().fault.is_none());
        });
    }
}

#[test]
fn what_is_said_of_anchors_alone_is_not_anchored_and_a_later_root_stands_for_earlier_ones() {
    run(async {
        let ground = ground(true, 1);
        ground.happens(1).await;
        assert!(matches!(ground.step().await, Step::Sent(_)));
        ground.chain().mine();
        assert!(matches!(ground.step().await, Step::Anchored(_)));
        for _ in 0..5 {
            assert_eq!(ground.step().await, Step::Nothing);
        }
        for number in 2..5 {
            ground.happens(number).await;
            ground.store.seal().await.unwrap();
        }
        let Step::Sent(anchor) = ground.step().await else { panic!("nothing was sent") };
        assert_eq!(anchor.number, 4);
        ground.chain().mine();
        ground.step().await;
        assert_eq!(above(ground.store.as_ref(), 2).await.unwrap().map(|anchor| anchor.number), Some(4));
        assert_eq!(ground.chain().transactions.len(), 2);
    });
}

#[test]
fn what_was_kept_but_not_heard_is_sent_again_as_it_was() {
    run(async {
        let ground = ground(true, 1);
        ground.happens(1).await;
        assert!(matches!(ground.step().await, Step::Sent(_)));
        // The chain forgets it, as a node does that starts anew.
        let first = ground.chain().transactions.remove(0);
        assert!(matches!(ground.step().await, Step::Waiting(_)));
        assert_eq!(ground.chain().transactions, [first]);
        ground.chain().away = true;
        assert!(matches!(ground.anchorer.step(NOW).await, Err(AnchorError::Rpc(RpcError::Unheard { .. }))));
        {
            let mut chain = ground.chain();
            chain.away = false;
            chain.mine();
        }
        assert!(matches!(ground.step().await, Step::Anchored(_)));
    });
}

#[test]
fn a_refusal_is_made_anew_and_another_chain_is_not_written_to() {
    run(async {
        let ground = ground(true, 1);
        ground.happens(1).await;
        ground.chain().refuses = Some("insufficient funds");
        let refused = ground.anchorer.step(NOW).await.unwrap_err();
        assert!(refused.to_string().contains("insufficient funds"), "{refused}");
        assert_eq!(latest(ground.store.as_ref()).await.unwrap(), None);
        ground.chain().refuses = None;
        ground.chain().chain_id = 1;
        let other = ground.anchorer.step(NOW).await.unwrap_err();
        assert!(matches!(other, AnchorError::OtherChain { found: 1, expected: CHAIN }));
        assert!(ground.chain().transactions.is_empty());
        ground.chain().chain_id = CHAIN;
        assert!(matches!(ground.step().await, Step::Sent(_)));
    });
}

#[test]
fn an_anchor_is_of_the_chain_of_checkpoints() {
    run(async {
        let ground = ground(false, 1);
        for number in 1..4 {
            ground.happens(number).await;
            ground.store.seal().await.unwrap();
        }
        let Step::Sent(anchor) = ground.step().await else { panic!("nothing was sent") };
        let checkpoints = ground.store.checkpoints(1, 9).await.unwrap();
        // Each names the one before, so the last one's hash says something of all.
        let mut before = Hash::NONE;
        for checkpoint in &checkpoints {
            assert_eq!(checkpoint.previous, before);
            before = checkpoint.hash();
        }
        assert_eq!(anchor.checkpoint, before);
        let proof = ground.store.proof(checkpoints[0].first).await.unwrap();
        assert!(proof.check(checkpoints[0].hash()).is_ok());
        let store: Arc<dyn Store> = ground.store.clone();
        assert!(above(store.as_ref(), 1).await.unwrap().is_none());
    });
}
