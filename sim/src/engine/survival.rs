//! How many of all packs and blocks are still in service at which age.
//!
//! ```text
//! S(t) = Π (1 − d_i/n_i)   over all ages t_i ≤ t at which d_i of the n_i that were followed so far left service
//! ```
//!
//! Source: Kaplan & Meier, J. Am. Stat. Assoc. 53 (1958). What is still in service at the end counts as followed up to
//! its age then. Limits: nothing is said of ages that nobody was followed to.

use super::tally::{Ending, Key, Tally};
use std::collections::BTreeMap;

/// Days of a bin.
const MONTH_DAYS: f64 = 30.4375;

/// Shares that survive each month of age [%], from all of them at age 0; nothing where none has left service.
pub(super) fn profiles(profiles: &mut BTreeMap<&'static str, Vec<f64>>, tallies: &[Tally]) {
    let mut lives: BTreeMap<&'static str, Vec<(f64, bool)>> = BTreeMap::new();
    for ending in tallies.iter().flat_map(|tally| &tally.endings) {
        let name = match ending.key {
            Key::NetworkPack(..) | Key::GroupPack(..) | Key::ChainPack(..) => "battery_survival_by_age",
            Key::Block(..) => "block_survival_by_age",
            _ => continue,
        };
        lives.entry(name).or_default().extend(life(ending));
    }
    for (name, mut lives) in lives {
        if lives.iter().any(|(_, has_ended)| *has_ended) {
            profiles.insert(name, curve(&mut lives));
        }
    }
}

/// Days in service, and whether that is over. A pack with a second life was in service until that began.
fn life(ending: &Ending) -> Option<(f64, bool)> {
    let value = |name: &str| ending.values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let age_days = value("age_days")?;
    match value("first_life_days").filter(|days| *days < age_days) {
        Some(days) => Some((days, true)),
        None => Some((age_days, value("retired") == Some(1.0))),
    }
}

fn curve(lives: &mut [(f64, bool)]) -> Vec<f64> {
    lives.sort_by(|a, b| a.0.total_cmp(&b.0));
    let longest = lives.last().map_or(0.0, |life| life.0);
    let mut share = 1.0;
    let mut next = 0;
    let bins = (longest / MONTH_DAYS).ceil() as usize;
    let mut curve = vec![100.0];
    for bin in 1..=bins {
        while let Some((days, has_ended)) = lives.get(next)
            && *days <= bin as f64 * MONTH_DAYS
        {
            if *has_ended {
                // One at a time, for those of one age that is the same product.
                share *= 1.0 - 1.0 / (lives.len() - next) as f64;
            }
            next += 1;
        }
        curve.push(100.0 * share);
    }
    curve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survival_by_hand() {
        // Five packs: one fails in month 1, one is followed to month 2 only, one fails in month 3, two go on to month 4.
        let day = |months: f64| months * MONTH_DAYS;
        let mut lives =
            [(day(2.5), true), (day(0.5), true), (day(4.0), false), (day(1.5), false), (day(4.0), false)];
        let curve = curve(&mut lives);
        let expected = [100.0, 80.0, 80.0, 80.0 * 2.0 / 3.0, 80.0 * 2.0 / 3.0];
        assert_eq!(curve.len(), expected.len());
        assert!(curve.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{curve:?}");
    }
}
