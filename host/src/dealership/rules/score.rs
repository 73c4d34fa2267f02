//! How well a technician fits a ticket: a sum of parts that anybody can follow.

use serde::{Deserialize, Serialize};

/// Tickets that a technician may work on at a time.
pub const LOAD_MAX: u32 = 5;
/// Rating of somebody whom nobody has rated yet.
pub const UNRATED: f64 = 4.0;

/// What is known of a technician, for a ticket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// How far away it is [km].
    pub distance_km: f64,
    /// Whether it can do what is asked for.
    pub is_skilled: bool,
    /// Mean rating, 1 to 5.
    pub rating: f64,
    /// Years of experience.
    pub experience_years: f64,
    /// Tickets that it works on.
    pub load: u32,
}

/// The parts of a score, which is their sum, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Up to 25 for being near.
    pub proximity: f64,
    /// 25 for the skill.
    pub skill: f64,
    /// Up to 20 for the rating.
    pub rating: f64,
    /// Up to 15 for experience.
    pub experience: f64,
    /// Up to 15 for having time.
    pub workload: f64,
}

impl Score {
    /// The score of a technician.
    ///
    /// ```text
    /// 25·max(0, 1 − d/25 km) + 25·skill + 20·rating/5 + 15·min(years/10, 1) + 15·max(0, (5 − (load + 1))/5)
    /// ```
    ///
    /// The weights are this platform's own; they are chosen so that the interface document's example has its 78.5.
    pub fn of(fit: &Fit) -> Self {
        let free = f64::from(LOAD_MAX) - (f64::from(fit.load) + 1.0);
        Self {
            proximity: 25.0 * (1.0 - fit.distance_km / 25.0).clamp(0.0, 1.0),
            skill: if fit.is_skilled { 25.0 } else { 0.0 },
            rating: 20.0 * (fit.rating / 5.0).clamp(0.0, 1.0),
            experience: 15.0 * (fit.experience_years / 10.0).clamp(0.0, 1.0),
            workload: 15.0 * (free / f64::from(LOAD_MAX)).max(0.0),
        }
    }

    /// The sum, to one decimal.
    pub fn total(&self) -> f64 {
        let sum = self.proximity + self.skill + self.rating + self.experience + self.workload;
        (sum * 10.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_document_have_their_scores() {
        let one = Fit { distance_km: 0.0, is_skilled: true, rating: 4.5, experience_years: 3.0, load: 2 };
        assert_eq!(Score::of(&one).total(), 78.5);
        let two = Fit { distance_km: 6.5, is_skilled: true, rating: 4.2, experience_years: 2.0, load: 1 };
        assert_eq!(Score::of(&two).total(), 72.3);
        let far = Fit { distance_km: 300.0, is_skilled: false, load: 5, ..one };
        assert_eq!((Score::of(&far).proximity, Score::of(&far).workload), (0.0, 0.0));
    }
}
