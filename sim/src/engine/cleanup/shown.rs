//! A cleanup as its vessels show it while it runs.

use super::CleanupZone;
use twin::twin::Twin;
use twin::vessel::VesselView;

impl CleanupZone {
    /// Its vessels as they stand, in the order of the cleanup's model, without disturbing them.
    pub async fn vessels_shown(&self) -> Vec<VesselView> {
        let now = self.now;
        let mut shown = Vec::with_capacity(self.vessels.len());
        for vessel in &self.vessels {
            shown.push(vessel.look(move |vessel| vessel.view(now)).await);
        }
        shown
    }

    /// What only a result folder wants goes; what runs for years on end would keep it all.
    pub fn forget_rows(&mut self) {
        self.tally.samples.clear();
        self.tally.happenings.clear();
        self.tally.sums.clear();
    }
}
