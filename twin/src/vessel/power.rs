//! What it takes to move a vessel: speed and power, fuel.

use serde::{Deserialize, Serialize};

/// Metres per second in a knot.
pub const KNOT_M_S: f64 = 1852.0 / 3600.0;

/// Share of shaft power that pulls: propeller and hull together.
///
/// assumed: 0.55, between 0.5 of small craft and 0.7 of ships (Molland, Turnock & Hudson, *Ship Resistance and
/// Propulsion*, 2011, ch. 16).
pub const PROPULSIVE_EFFICIENCY: f64 = 0.55;

/// A hull, by one point of its speed–power curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hull {
    /// Speed through the water that the power belongs to [kn].
    pub design_speed_kn: f64,
    /// Shaft power at that speed, empty, with margin for weather and growth [W].
    pub design_shaft_w: f64,
    /// Displacement when empty [kg].
    pub light_kg: f64,
}

impl Hull {
    /// Shaft power over the cube of speed, for a load and a towed drag [W/(m/s)³].
    ///
    /// ```text
    /// P(v) = P_d·(Δ/Δ₀)^(2/3)·(v/v_d)³ + ½·ρ·C_d·A·v³/η
    /// ```
    ///
    /// Source: the Admiralty formula, P = Δ^(2/3)·v³/C; Molland, Turnock & Hudson (2011), ch. 10. Good for
    /// displacement speeds about the design point; too low above hull speed, where wave making climbs faster.
    fn per_cube(&self, load_kg: f64, tow_w_per_cube: f64) -> f64 {
        let design_m_s = self.design_speed_kn * KNOT_M_S;
        let deeper = ((self.light_kg + load_kg) / self.light_kg).powf(2.0 / 3.0);
        self.design_shaft_w * deeper / design_m_s.powi(3) + tow_w_per_cube / PROPULSIVE_EFFICIENCY
    }

    /// Shaft power at a speed through the water [W], the towed gear's part apart.
    pub fn shaft_w(&self, speed_m_s: f64, load_kg: f64) -> f64 {
        self.per_cube(load_kg, 0.0) * speed_m_s.powi(3)
    }

    /// Speed that a shaft power gives [m/s]. Exact inverse: all terms go with the cube.
    pub fn speed_m_s(&self, shaft_w: f64, load_kg: f64, tow_w_per_cube: f64) -> f64 {
        (shaft_w.max(0.0) / self.per_cube(load_kg, tow_w_per_cube)).cbrt()
    }
}

/// A diesel engine.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Engine {
    /// Rated power [W].
    pub rated_w: f64,
    /// Fuel that keeps it turning, relative to rated power [l/h per kW].
    pub no_load_l_per_kwh: f64,
    /// Fuel per energy above that [l/kWh].
    pub slope_l_per_kwh: f64,
}

impl Engine {
    /// An engine of so much power with the fuel line of a medium-size marine diesel.
    ///
    /// A Willans line through 210 g/kWh at full and 245 g/kWh at quarter load, which is what makers' sheets of
    /// high-speed marine diesels give.
    pub fn rated(rated_w: f64) -> Self {
        Self { rated_w, no_load_l_per_kwh: 0.014, slope_l_per_kwh: 0.236 }
    }

    /// Fuel of running so long and giving so much [l]. Linear in both, so exact for any course of the load.
    pub fn fuel_l(&self, hours: f64, given_wh: f64) -> f64 {
        self.rated_w * 1e-3 * self.no_load_l_per_kwh * hours + given_wh * 1e-3 * self.slope_l_per_kwh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_goes_with_the_cube_and_speed_follows_from_power() {
        let hull = Hull { design_speed_kn: 10.0, design_shaft_w: 300_000.0, light_kg: 100_000.0 };
        let design = 10.0 * KNOT_M_S;
        assert!((hull.shaft_w(design, 0.0) - 300_000.0).abs() < 1e-6);
        assert!((hull.shaft_w(design / 2.0, 0.0) - 37_500.0).abs() < 1e-6);
        // A quarter deeper: 1.25^(2/3) = 1.160.
        assert!((hull.shaft_w(design, 25_000.0) / 300_000.0 - 1.1604).abs() < 1e-4);
        let speed = hull.speed_m_s(150_000.0, 5_000.0, 3_000.0);
        let back = hull.shaft_w(speed, 5_000.0) + 3_000.0 * speed.powi(3) / PROPULSIVE_EFFICIENCY;
        assert!((back - 150_000.0).abs() < 1e-6);
        assert_eq!(hull.speed_m_s(0.0, 0.0, 1.0), 0.0);
    }

    #[test]
    fn fuel_lies_on_the_makers_line() {
        let engine = Engine::rated(400_000.0);
        let g_per_kwh = |load: f64| engine.fuel_l(1.0, load * 400_000.0) * 840.0 / (load * 400.0);
        assert!((g_per_kwh(1.0) - 210.0).abs() < 1.0, "{}", g_per_kwh(1.0));
        assert!((g_per_kwh(0.25) - 245.0).abs() < 2.0, "{}", g_per_kwh(0.25));
    }
}
