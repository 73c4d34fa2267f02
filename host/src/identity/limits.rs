//! How often somebody may try: a pure model that is told the time.
//!
//! ```text
//! attempts 1..=free ─► at once
//! attempt free + n  ─► no sooner than first_wait·2^(n−1), at most wait_max, after the one before
//! success, or forget without an attempt ─► begins anew
//! ```
//!
//! An attempt counts when it begins, so many at once do not slip through before the first has failed. What is tried
//! while one has to wait is refused and does not make the wait longer, so nobody is shut out for good.

use std::collections::HashMap;
use twin::time::Time;

/// How attempts of one kind are limited. Spans are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Attempts that need not wait.
    pub free: u32,
    /// Wait before the first attempt after those.
    pub first_wait_ms: i64,
    /// Longest wait.
    pub wait_max_ms: i64,
    /// Silence after which everything is forgotten.
    pub forget_ms: i64,
}

/// To be tried again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// How much later.
    pub ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    last: Time,
}

/// Attempts by whoever makes them.
#[derive(Debug)]
pub struct Attempts {
    rule: Rule,
    tries: HashMap<String, Tries>,
    most: usize,
}

impl Attempts {
    /// No attempts yet; at most `most` names are remembered, beyond that the ones longest silent go.
    pub fn new(rule: Rule, most: usize) -> Self {
        Self { rule, tries: HashMap::new(), most: most.max(1) }
    }

    /// An attempt begins, or has to wait.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn begin(&mut self, who: &str, now: Time) -> Result<(), Wait> {
        self.may_begin(who, now)?;
        let known = self.tries.get(who).filter(|tries| now - tries.last < self.rule.forget_ms);
        let count = known.map_or(1, |tries| tries.count.saturating_add(1));
        if !self.tries.contains_key(who) && self.tries.len() >= self.most {
            self.make_room(now);
        }
        self.tries.insert(who.to_owned(), Tries { count, last: now });
        Ok(())
    }

    /// Whether an attempt could begin; counts nothing.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn may_begin(&self, who: &str, now: Time) -> Result<(), Wait> {
        let Some(tries) = self.tries.get(who) else { return Ok(()) };
        let ready = tries.last.0.saturating_add(self.wait_ms(tries.count));
        // A clock that was set back must not lock anybody out for as long as it went back.
        if now >= tries.last && now.0 < ready { Err(Wait { ms: ready - now.0 }) } else { Ok(()) }
    }

    /// The attempt was good: what went before is forgotten.
    pub fn succeeded(&mut self, who: &str) {
        self.tries.remove(who);
    }

    /// The attempt was good, but only it is taken back: others of the same source may have been bad.
    pub fn take_back(&mut self, who: &str) {
        if let Some(tries) = self.tries.get_mut(who) {
            tries.count = tries.count.saturating_sub(1);
        }
    }

    /// Wait after so many attempts.
    fn wait_ms(&self, count: u32) -> i64 {
        let Some(beyond) = count.checked_sub(self.rule.free) else { return 0 };
        let doubled =
            self.rule.first_wait_ms.saturating_mul(1_i64.checked_shl(beyond.min(62)).unwrap_or(i64::MAX));
        doubled.min(self.rule.wait_max_ms)
    }

    /// Forgets those silent for long, or else the longest silent tenth.
    fn make_room(&mut self, now: Time) {
        let forget_ms = self.rule.forget_ms;
        self.tries.retain(|_, tries| now - tries.last < forget_ms);
        if self.tries.len() < self.most {
            return;
        }
        let mut last: Vec<Time> = self.tries.values().map(|tries| tries.last).collect();
        last.sort_unstable();
        let oldest = last[last.len() / 10];
        self.tries.retain(|_, tries| tries.last > oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: Rule = Rule { free: 3, first_wait_ms: 1_000, wait_max_ms: 5_000, forget_ms: 60_000 };

    #[test]
    fn waits_double_up_to_the_longest_and_end_with_success_or_silence() {
        let mut attempts = Attempts::new(RULE, 10);
        for at in [0, 0, 0] {
            attempts.begin("ann", Time(at)).unwrap();
        }
        assert_eq!(attempts.begin("ann", Time(0)), Err(Wait { ms: 1_000 }));
        assert_eq!(attempts.begin("ann", Time(999)), Err(Wait { ms: 1 }));
        attempts.begin("bob", Time(0)).unwrap();
        let mut now = Time(1_000);
        for wait in [2_000, 4_000, 5_000, 5_000] {
            attempts.begin("ann", now).unwrap();
            assert_eq!(attempts.begin("ann", now), Err(Wait { ms: wait }));
            now = now + wait;
        }
        attempts.begin("ann", now + 60_000).unwrap();
        attempts.begin("ann", now + 60_000).unwrap();
        attempts.begin("ann", now + 60_000).unwrap();
        attempts.begin("ann", now + 60_000).unwrap_err();
        attempts.succeeded("ann");
        attempts.begin("ann", now + 60_000).unwrap();
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut attempts = Attempts::new(RULE, 10);
        for _ in 0..3 {
            attempts.begin("ann", Time(1_000_000)).unwrap();
        }
        attempts.begin("ann", Time(10)).unwrap();
    }

    proptest! {
        #[test]
        fn no_more_names_than_allowed_and_never_more_tries_than_the_rule(
            steps in prop::collection::vec((0u8..30, 0i64..3_000), 1..300), most in 1usize..20,
        ) {
            let mut attempts = Attempts::new(RULE, most);
            let mut now = Time(0);
            for (who, dt) in steps {
                now = now + dt;
                let _ = attempts.begin(&who.to_string(), now);
                prop_assert!(attempts.tries.len() <= most);
            }
            // Hammering one name for an hour gets through no oftener than the longest wait allows.
            let mut through = 0;
            for second in 0..3_600 {
                through += u32::from(attempts.begin("x", now + second * 1_000).is_ok());
            }
            prop_assert!(through <= RULE.free + 3 + 3_600 / 5, "{through}");
        }
    }
}
