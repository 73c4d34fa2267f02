//! The journal: order, races, checkpoints, proofs.

use crate::ground::{Ground, append, entity, fact, on_both, wait};
use host::store::journal::{CHECKPOINT_ENTRIES, Hash, Proof, ProofError};
use host::store::{Change, Commit, Journal, Revision, Sequence, StoreError};
use proptest::prelude::*;
use std::collections::BTreeMap;

on_both!(
    facts_are_read_in_total_order_and_by_entity,
    a_lost_race_is_an_error_and_leaves_nothing,
    racers_each_win_once,
    what_is_refused_leaves_nothing,
    checkpoints_come_by_themselves_and_proofs_hold_without_the_store,
);

async fn facts_are_read_in_total_order_and_by_entity(ground: Ground) {
    let store = ground.open();
    let mut revisions = [0, 0];
    for n in 0..10 {
        let of = usize::from(n % 3 != 0);
        let written = append(&store, fact(["a", "b"][of], revisions[of], n)).await.unwrap();
        assert_eq!(written.sequence, Sequence(n + 1));
        revisions[of] += 1;
    }
    for reopened in [false, true] {
        if reopened {
            store.close().await.unwrap();
        }
        let store = if reopened { ground.open() } else { store.clone() };
        let all = store.entries(Sequence(1), 100).await.unwrap();
        let numbers: Vec<u64> = all.iter().map(|entry| entry.json(1).unwrap()).collect();
        assert_eq!(numbers, (0..10).collect::<Vec<u64>>());
        assert_eq!(all[0].previous, Hash::NONE);
        for pair in all.windows(2) {
            assert_eq!(pair[1].previous, pair[0].hash().unwrap());
        }
        assert_eq!(store.head().await.unwrap().hash, all[9].hash().unwrap());
        let some = store.entries(Sequence(4), 2).await.unwrap();
        assert_eq!(some, all[3..5]);
        let of_a = store.entries_of(entity("a"), Revision(2), 2).await.unwrap();
        let numbers: Vec<u64> = of_a.iter().map(|entry| entry.json(1).unwrap()).collect();
        assert_eq!((numbers, of_a[0].revision), (vec![3, 6], Revision(2)));
        assert_eq!(store.revision(entity("b")).await.unwrap(), Revision(6));
        assert_eq!(store.revision(entity("c")).await.unwrap(), Revision(0));
        assert_eq!(store.audit().await.unwrap().fault, None);
    }
}

async fn a_lost_race_is_an_error_and_leaves_nothing(ground: Ground) {
    let store = ground.open();
    append(&store, fact("a", 0, 1)).await.unwrap();
    for expected in [0, 2] {
        let lost = append(&store, fact("a", expected, 2)).await;
        let Err(StoreError::LostRace { found: Revision(1), .. }) = lost else { panic!("{lost:?}") };
    }
    // One of two lost: the other is not kept either.
    let both = Change { entries: vec![fact("b", 0, 3), fact("a", 0, 4)], ..Change::default() };
    assert!(matches!(store.commit(both).await, Err(StoreError::LostRace { .. })));
    assert_eq!(store.revision(entity("b")).await.unwrap(), Revision(0));
    assert_eq!(store.head().await.unwrap().sequence, Sequence(1));
    let both =
        Change { entries: vec![fact("b", 0, 3), fact("a", 1, 4), fact("b", 1, 5)], ..Change::default() };
    let receipt = store.commit(both).await.unwrap();
    let revisions: Vec<u64> = receipt.entries.iter().map(|written| written.revision.0).collect();
    assert_eq!(revisions, [1, 2, 2]);
    assert_eq!(store.audit().await.unwrap().entries, 4);
}

async fn racers_each_win_once(ground: Ground) {
    let store = ground.open();
    let racers = (0..8u64).map(|racer| {
        let store = store.clone();
        async move {
            let mut won = 0;
            while won < 20 {
                let known = store.revision(entity("a")).await.unwrap();
                match append(&store, fact("a", known.0, racer)).await {
                    Ok(_) => won += 1,
                    Err(StoreError::LostRace { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    let racers: Vec<_> = racers.collect();
    let mut set = tokio::task::JoinSet::new();
    for racer in racers {
        set.spawn(racer);
    }
    set.join_all().await;
    let all = store.entries_of(entity("a"), Revision(1), 1_000).await.unwrap();
    let revisions: Vec<u64> = all.iter().map(|entry| entry.revision.0).collect();
    assert_eq!(revisions, (1..=160).collect::<Vec<u64>>());
    let mut wins = BTreeMap::new();
    all.iter().for_each(|entry| *wins.entry(entry.json::<u64>(1).unwrap()).or_insert(0) += 1);
    assert_eq!(wins, (0..8).map(|racer| (racer, 20)).collect());
}

async fn what_is_refused_leaves_nothing(ground: Ground) {
    let store = ground.open();
    let mut large = fact("a", 0, 1);
    large.payload = vec![0; (1 << 20) + 1];
    let mut nameless = fact("a", 0, 1);
    nameless.kind.clear();
    for entry in [large, nameless] {
        assert!(matches!(append(&store, entry).await, Err(StoreError::Unfit { .. })));
    }
    assert_eq!(store.head().await.unwrap().sequence, Sequence(0));
    assert!(matches!(store.proof(Sequence(1)).await, Err(StoreError::Absent { .. })));
    assert_eq!(store.seal().await.unwrap(), None);
    store.close().await.unwrap();
    assert!(matches!(append(&store, fact("a", 0, 1)).await, Err(StoreError::Closed)));
    assert!(matches!(store.head().await, Err(StoreError::Closed)));
}

async fn checkpoints_come_by_themselves_and_proofs_hold_without_the_store(ground: Ground) {
    let store = ground.open();
    let count = CHECKPOINT_ENTRIES as u64 + 40;
    for start in (0..count).step_by(50) {
        let numbers = start..count.min(start + 50);
        let entries = numbers.map(|n| fact("a", n, n)).collect();
        store.commit(Change { entries, ..Change::default() }).await.unwrap();
    }
    // A change is sealed whole, so the first checkpoint ends with the change that fills it.
    let first = &store.checkpoints(1, 10).await.unwrap()[0];
    assert_eq!((first.number, first.first, first.last), (1, Sequence(1), Sequence(1_050)));
    let unsealed = store.proof(Sequence(1_060)).await;
    assert!(matches!(unsealed, Err(StoreError::NotSealed { sealed: Sequence(1_050), .. })), "{unsealed:?}");
    let second = store.seal().await.unwrap().unwrap();
    assert_eq!((second.number, second.first, second.last), (2, Sequence(1_051), Sequence(count)));
    assert_eq!(second.previous, first.hash());
    for (sequence, above) in [(1, first), (517, first), (1_050, first), (1_051, &second), (count, &second)] {
        let proof = store.proof(Sequence(sequence)).await.unwrap();
        // As somebody else would get it.
        let text = serde_json::to_string(&proof).unwrap();
        let proof: Proof = serde_json::from_str(&text).unwrap();
        let entry = proof.check(above.hash()).unwrap();
        assert_eq!(entry.json::<u64>(1).unwrap(), sequence - 1);
        assert_eq!(proof.check(Hash::NONE), Err(ProofError::OtherCheckpoint));
        let mut forged = proof.clone();
        let last = forged.entry.len() - 1;
        forged.entry[last] ^= 1;
        assert!(matches!(forged.check(above.hash()), Err(ProofError::OtherRoot { .. })));
    }
    let audit = store.audit().await.unwrap();
    assert_eq!((audit.entries, audit.checkpoints, &audit.fault), (count, 2, &None));
    assert_eq!(audit.checkpoint, second.hash());
    store.close().await.unwrap();
    let store = ground.open();
    append(&store, fact("a", count, 0)).await.unwrap();
    assert_eq!(store.seal().await.unwrap().unwrap().first, Sequence(count + 1));
    assert_eq!(store.audit().await.unwrap().checkpoints, 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Changes of some entries each, some of which build on a wrong revision, sent at once, with the store opened again
    /// now and then: what is kept is what a plain list keeps.
    #[test]
    fn any_interleaving_is_that_of_a_plain_list(
        changes in prop::collection::vec(
            (prop::collection::vec((0usize..3, prop::bool::weighted(0.15)), 1..4), prop::bool::weighted(0.1)), 1..40),
        disk in prop::bool::weighted(0.2),
    ) {
        let ground = if disk { Ground::disk() } else { Ground::memory() };
        wait(async {
            let mut store = ground.open();
            let (mut list, mut revisions) = (Vec::new(), [0u64; 3]);
            let mut waits = Vec::new();
            for (number, (entries, reopens)) in changes.iter().enumerate() {
                let mut after = revisions;
                let mut wrong = false;
                let mut change = Change::default();
                for (of, stale) in entries {
                    let expected = after[*of] + u64::from(*stale) * 7;
                    wrong |= *stale;
                    change.entries.push(fact(["a", "b", "c"][*of], expected, number as u64));
                    after[*of] += 1;
                }
                let mut answer = store.commit(change);
                // Polled once, so that the changes are in the queue in this order.
                let polled = std::future::poll_fn(|context| std::task::Poll::Ready(answer.as_mut().poll(context))).await;
                waits.push((wrong, polled, answer));
                if !wrong {
                    list.extend(entries.iter().map(|(of, _)| (*of, number as u64)));
                    revisions = after;
                }
                if *reopens {
                    store.close().await.unwrap();
                    store = ground.open();
                }
            }
            for (wrong, polled, answer) in waits {
                let result = match polled {
                    std::task::Poll::Ready(result) => result,
                    std::task::Poll::Pending => answer.await,
                };
                assert_eq!(matches!(result, Err(StoreError::LostRace { .. })), wrong, "{result:?}");
                assert_eq!(result.is_ok(), !wrong);
            }
            let kept: Vec<(usize, u64)> = store.entries(Sequence(1), 1_000).await.unwrap().iter().map(|entry| {
                let of = ["a", "b", "c"].iter().position(|name| *name == entry.entity.as_str()).unwrap();
                (of, entry.json(1).unwrap())
            }).collect();
            assert_eq!(kept, list);
            for (of, name) in ["a", "b", "c"].iter().enumerate() {
                let own = store.entries_of(entity(name), Revision(1), 1_000).await.unwrap();
                let own: Vec<u64> = own.iter().map(|entry| entry.json(1).unwrap()).collect();
                let expected: Vec<u64> = list.iter().filter(|(one, _)| *one == of).map(|(_, n)| *n).collect();
                assert_eq!(own, expected);
            }
            assert_eq!(store.audit().await.unwrap().fault, None);
        });
    }
}
