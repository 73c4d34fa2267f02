//! Batches around a place.

use super::index::WhichBatches;
use super::{Flaw, Page, Plastic, PlasticError};
use crate::identity::{Action, Caller, Visibility, policy};
use twin::geo::Position;
use twin::plastic::batch::BatchId;

/// Half the way around the globe [km]; nothing is further.
const RADIUS_MAX_KM: f64 = 20_016.0;

/// What is looked for.
#[derive(Debug, Clone)]
pub struct Search {
    /// Around this place.
    pub centre: Position,
    /// Within so many kilometres.
    pub radius_km: f64,
    /// Which of those.
    pub which: WhichBatches,
}

/// A batch that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Which.
    pub batch: BatchId,
    /// From the centre, along a great circle [km].
    pub distance_km: f64,
    /// Where it was collected.
    pub position: Position,
}

impl Plastic {
    /// Batches collected within a distance of a place, the nearest first, and how many there are.
    ///
    /// # Errors
    /// When the distance is none.
    pub async fn search(
        &self,
        caller: &Caller,
        search: &Search,
        page: Page,
    ) -> Result<(Vec<Found>, usize), PlasticError> {
        policy::may_at_all(caller, Action::BatchRead)?;
        if !(search.radius_km > 0.0 && search.radius_km.is_finite()) {
            let reason = format!("{} km is no distance", search.radius_km);
            return Err(PlasticError::unfit(Flaw::Other, "radius", reason));
        }
        let visible = Visibility::of(caller);
        let radius_km = search.radius_km.min(RADIUS_MAX_KM);
        let index = self.0.index().await?;
        // A batch that was parted lives on in its parts.
        let (found, total) = index.near(search.centre, radius_km, (page.offset, page.limit), |row| {
            row.closed.is_none() && search.which.includes(row) && row.is_seen_by(&visible)
        });
        let found = found.into_iter().filter_map(|(row, distance_km)| {
            Some(Found { batch: row.id, distance_km, position: row.position? })
        });
        Ok((found.collect(), total))
    }
}
