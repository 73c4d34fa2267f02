//! A cleanup as its vessels show it while it runs.

use super::CleanupZone;
use twin::plastic::custody::CustodyEvent;
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

    /// Keeps what happens to batches from here on, to be taken.
    pub fn watch(&mut self) {
        self.watched = Some(Vec::new());
    }

    /// What happened to batches since somebody asked last.
    pub fn take_custody(&mut self) -> Vec<CustodyEvent> {
        self.watched.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
