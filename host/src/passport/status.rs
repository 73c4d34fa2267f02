//! A battery as it is now: its passport, and what its twin knows.

use super::record::Passport;
use super::{PassportError, Passports};
use crate::identity::Visibility;
use crate::platform::sight::{AlertSight, Sight};
use twin::time::Time;

/// A passport with what its twin knows now; what is not known stays empty.
#[derive(Debug, Clone)]
pub struct View {
    /// The passport.
    pub passport: Passport,
    /// Capacity over rated.
    pub soh: Option<f64>,
    /// Its standard deviation.
    pub soh_std: Option<f64>,
    /// State of charge, 0 to 1.
    pub soc: Option<f64>,
    /// Full cycles so far.
    pub cycles: u64,
    /// Energy out so far, as the twin counted it [kWh].
    pub discharged_kwh: f64,
    /// Charge out so far, as the twin counted it [Ah].
    pub discharged_ah: f64,
    /// Resistance at half charge and 25 °C [Ω].
    pub resistance_ohm: Option<f64>,
    /// Resistance over that of a new one.
    pub resistance_over_new: Option<f64>,
    /// When the twin heard or was told something last.
    pub updated_at: Time,
    /// All that is seen of the twin.
    pub sight: Sight,
}

/// How a battery stands now.
#[derive(Debug, Clone)]
pub struct Status {
    /// The passport and the twin.
    pub view: View,
    /// Voltage [V].
    pub voltage_v: Option<f64>,
    /// Temperature of the cells [°C].
    pub temperature_c: Option<f64>,
    /// Charge that it holds when full [Ah].
    pub remaining_capacity_ah: Option<f64>,
    /// Energy that it holds when full over the certified one, 0 to 1.
    pub soce: Option<f64>,
    /// Power capability that is lost, over that of a new one, 0 to 1.
    pub power_fade: Option<f64>,
    /// Alerts that are still there.
    pub alerts: Vec<AlertSight>,
}

impl View {
    /// Rise of resistance since new; 0.3 is 30 % more.
    pub fn resistance_growth(&self) -> Option<f64> {
        self.resistance_over_new.map(|over| (over - 1.0).max(0.0)).or_else(|| {
            // A measured resistance over the one that the maker states.
            let stated = self.passport.specifications.ratings.resistance_ohm?;
            self.sight
                .latest
                .get("internal_resistance_ohm")
                .map(|known| (known.value / stated - 1.0).max(0.0))
        })
    }

    /// Power capability that is lost, over that of a new one, 0 to 1.
    ///
    /// ```text
    /// P = V_min·(V_oc − V_min)/R, so that at one state of charge 1 − P/P₀ = 1 − R₀/R
    /// ```
    pub fn power_fade(&self) -> Option<f64> {
        self.resistance_growth().map(|growth| 1.0 - 1.0 / (1.0 + growth))
    }
}

impl Passports {
    /// A passport with what its twin knows now.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn view(&self, name: &str, visible: &Visibility) -> Result<View, PassportError> {
        let passport = self.find(name, visible).await?;
        self.viewed(passport).await
    }

    /// The same of a passport that was found already.
    ///
    /// # Errors
    /// When the twin cannot be looked at.
    pub async fn viewed(&self, passport: Passport) -> Result<View, PassportError> {
        let sight = self.platform.view(passport.twin).await?;
        let fleet = self.platform.fleet_battery(passport.twin).await?;
        let battery = sight.battery.as_ref();
        let discharged_ah = battery.map_or(0.0, |battery| battery.discharged_ah);
        let measured = passport.last_health.map(|health| health.cycles as u64).unwrap_or(0);
        Ok(View {
            soh: battery.and_then(|battery| battery.soh),
            soh_std: battery.and_then(|battery| battery.soh_std),
            soc: battery.and_then(|battery| battery.soc),
            cycles: fleet.total_cycles.max(measured),
            discharged_kwh: discharged_ah * passport.specifications.voltage_nominal_v / 1000.0,
            discharged_ah,
            resistance_ohm: battery
                .and_then(|battery| battery.resistance_ohm)
                .or_else(|| sight.latest.get("internal_resistance_ohm").map(|known| known.value)),
            resistance_over_new: battery.and_then(|battery| battery.resistance_over_new),
            updated_at: sight.heard_at.unwrap_or(passport.changed_at).max(passport.changed_at),
            passport,
            sight,
        })
    }

    /// How a battery stands now.
    ///
    /// # Errors
    /// When there is no such battery.
    pub async fn status(&self, name: &str, visible: &Visibility) -> Result<Status, PassportError> {
        let view = self.view(name, visible).await?;
        let latest = |metric: &str| view.sight.latest.get(metric).map(|known| known.value);
        let temperature = view.sight.battery.as_ref().and_then(|battery| battery.cell_temperature_c);
        Ok(Status {
            voltage_v: latest("voltage_v"),
            temperature_c: temperature.or_else(|| latest("temperature_c")),
            remaining_capacity_ah: view.soh.map(|soh| soh * view.passport.specifications.capacity_ah),
            soce: view.soh,
            power_fade: view.power_fade(),
            alerts: view.sight.alerts.clone(),
            view,
        })
    }
}
