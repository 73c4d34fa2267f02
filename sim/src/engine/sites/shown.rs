//! A data centre as its sensors show it while it runs.

use super::data_centre::CentreZone;
use twin::battery::lead_acid::BankView;
use twin::twin::Twin;

/// A data centre as it stands.
#[derive(Debug, Clone)]
pub struct CentreShown {
    /// Whether its batteries carry it.
    pub on_battery: bool,
    /// The batteries of its rooms, with the air around them [°C] and its humidity [%].
    pub rooms: Vec<(BankView, f64, f64)>,
}

impl CentreZone {
    /// How it stands, without disturbing it.
    pub async fn shown(&self) -> CentreShown {
        let now = self.now;
        let site = &self.model.sites.data_centres[self.index];
        let on_battery = self.centre.look(move |centre| centre.view(now).on_battery).await;
        let mut rooms = Vec::with_capacity(self.banks.len());
        for (room, bank) in self.banks.iter().enumerate() {
            let view = bank.look(move |bank| bank.observed(now).view(now)).await;
            let humidity_pct = site.centre.rooms[room].relative_humidity_pct();
            rooms.push((view, site.banks[room].1.at(now), humidity_pct));
        }
        CentreShown { on_battery, rooms }
    }
}
