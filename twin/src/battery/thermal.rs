//! Heat of a pack: cells in an enclosure in the air.
//!
//! ```text
//! C₁ dT₁/dt = Q − (T₁−T₂)/R₁₂          T₁ cells, T₂ enclosure
//! C₂ dT₂/dt = (T₁−T₂)/R₁₂ − (T₂−T_air)/R₂ₐ
//! ```
//!
//! Linear with constant coefficients, so a step with constant heat and air is exact: with x = T − T_air,
//! `x(t) = x_∞ + e^(At)·(x(0) − x_∞)`, and e^(At) from the two eigenvalues (both real and negative for a passive
//! network). Everything is per cell.

/// Thermal network of one cell's share of a pack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThermalPath {
    /// Heat capacity of the cell [J/K].
    pub cell_j_per_k: f64,
    /// Heat capacity of its share of the enclosure [J/K].
    pub case_j_per_k: f64,
    /// Cell to enclosure [K/W].
    pub cell_to_case_k_per_w: f64,
    /// Enclosure to air [K/W].
    pub case_to_air_k_per_w: f64,
}

/// Temperatures of cell and enclosure [°C].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Temperatures {
    /// Cell.
    pub cell_c: f64,
    /// Enclosure.
    pub case_c: f64,
}

/// Air over a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Air {
    /// Mean temperature [°C].
    pub mean_c: f64,
    /// Rise from beginning to end [K].
    pub rise_k: f64,
    /// Inverse of the step's length [1/s].
    pub per_s: f64,
}

impl Air {
    /// Air that does not change.
    pub fn still(temperature_c: f64) -> Self {
        Self { mean_c: temperature_c, rise_k: 0.0, per_s: 0.0 }
    }
}

/// Heat over a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatFlow {
    /// Mean [W].
    pub mean_w: f64,
    /// Rise from beginning to end [W].
    pub rise_w: f64,
}

/// e^(A·dt) of a network for one step length, and the cell's row of its mean over the step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Propagator {
    end: [[f64; 2]; 2],
    mean_cell: [f64; 2],
}

impl Propagator {
    /// That of no time.
    pub const NONE: Propagator = Propagator { end: [[1.0, 0.0], [0.0, 1.0]], mean_cell: [1.0, 0.0] };
}

/// What constant heat over a step adds to the temperatures: the network is linear, so it adds to what goes on besides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmth {
    /// To the cell's mean over the step [K/W].
    mean_cell_k_per_w: f64,
    /// To the cell at the step's end [K/W].
    cell_k_per_w: f64,
    /// To the enclosure at the step's end [K/W].
    case_k_per_w: f64,
}

impl Warmth {
    /// Adds so much heat [W] to a step's mean temperature of the cell [°C] and to the temperatures at its end.
    #[inline(always)]
    pub fn add(&self, heat_w: f64, mean_cell_c: &mut f64, end: &mut Temperatures) {
        *mean_cell_c += heat_w * self.mean_cell_k_per_w;
        end.cell_c += heat_w * self.cell_k_per_w;
        end.case_c += heat_w * self.case_k_per_w;
    }
}

/// The two ways in which a network relaxes: `e^(A·t) = P_slow·e^(λ_slow·t) + P_fast·e^(λ_fast·t)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Modes {
    /// λ, slow and fast [1/s], both negative.
    rates_per_s: [f64; 2],
    /// 1/λ [s].
    inverse_s: [f64; 2],
    slow: [[f64; 2]; 2],
    fast: [[f64; 2]; 2],
}

impl Modes {
    /// Rates of the slow and the fast mode [1/s], both negative.
    pub fn rates_per_s(&self) -> [f64; 2] {
        self.rates_per_s
    }

    /// The propagator of a step from what is left of the slow and the fast mode at its end, and the inverse of its
    /// length [1/s].
    #[inline]
    pub fn propagator(&self, [e_slow, e_fast]: [f64; 2], per_s: f64) -> Propagator {
        let entry = |i: usize, j: usize| self.slow[i][j] * e_slow + self.fast[i][j] * e_fast;
        // Mean of e^(λt) over the step for each mode; the network's mean is made of them like its end.
        let m_slow = (e_slow - 1.0) * self.inverse_s[0] * per_s;
        let m_fast = (e_fast - 1.0) * self.inverse_s[1] * per_s;
        let mean = |j: usize| self.slow[0][j] * m_slow + self.fast[0][j] * m_fast;
        Propagator {
            end: [[entry(0, 0), entry(0, 1)], [entry(1, 0), entry(1, 1)]],
            mean_cell: [mean(0), mean(1)],
        }
    }
}

impl ThermalPath {
    /// Network from time constants: of the cells against the enclosure, and of both together against the air.
    pub fn from_time_constants(cell_j_per_k: f64, case_ratio: f64, cell_s: f64, pack_s: f64) -> Self {
        let case_j_per_k = cell_j_per_k * case_ratio;
        Self {
            cell_j_per_k,
            case_j_per_k,
            cell_to_case_k_per_w: cell_s / cell_j_per_k,
            case_to_air_k_per_w: pack_s / (cell_j_per_k + case_j_per_k),
        }
    }

    /// The two modes of the network.
    pub fn modes(&self) -> Modes {
        let between = 1.0 / self.cell_to_case_k_per_w;
        let outward = 1.0 / self.case_to_air_k_per_w;
        let a = -between / self.cell_j_per_k;
        let b = between / self.cell_j_per_k;
        let c = between / self.case_j_per_k;
        let d = -(between + outward) / self.case_j_per_k;
        let half_trace = 0.5 * (a + d);
        let root = (0.25 * (a - d) * (a - d) + b * c).sqrt();
        let (slow, fast) = (half_trace + root, half_trace - root);
        let spread = 1.0 / (slow - fast);
        let projected = |other: f64, sign: f64| {
            let entry = |m: f64, identity: f64| sign * (m - other * identity) * spread;
            [[entry(a, 1.0), entry(b, 0.0)], [entry(c, 0.0), entry(d, 1.0)]]
        };
        Modes {
            rates_per_s: [slow, fast],
            inverse_s: [1.0 / slow, 1.0 / fast],
            slow: projected(fast, 1.0),
            fast: projected(slow, -1.0),
        }
    }

    /// The propagator for a step of `dt_s`.
    pub fn propagator(&self, dt_s: f64) -> Propagator {
        let modes = self.modes();
        if dt_s > 0.0 {
            modes.propagator(modes.rates_per_s.map(|rate| (rate * dt_s).exp()), 1.0 / dt_s)
        } else {
            Propagator::NONE
        }
    }

    /// Mean temperature of the cell over the propagator's step [°C].
    #[inline]
    pub fn mean_cell_c(&self, now: Temperatures, heat_w: f64, air_c: f64, propagator: &Propagator) -> f64 {
        let case_rise = heat_w * self.case_to_air_k_per_w;
        let cell_rise = case_rise + heat_w * self.cell_to_case_k_per_w;
        let (x1, x2) = (now.cell_c - air_c - cell_rise, now.case_c - air_c - case_rise);
        air_c + cell_rise + propagator.mean_cell[0] * x1 + propagator.mean_cell[1] * x2
    }

    /// Temperatures after the propagator's step under constant heat [W] and air temperature [°C].
    #[inline]
    pub fn step(&self, now: Temperatures, heat_w: f64, air_c: f64, propagator: &Propagator) -> Temperatures {
        let case_rise = heat_w * self.case_to_air_k_per_w;
        let cell_rise = case_rise + heat_w * self.cell_to_case_k_per_w;
        let (x1, x2) = (now.cell_c - air_c - cell_rise, now.case_c - air_c - case_rise);
        let m = &propagator.end;
        Temperatures {
            cell_c: air_c + cell_rise + m[0][0] * x1 + m[0][1] * x2,
            case_c: air_c + case_rise + m[1][0] * x1 + m[1][1] * x2,
        }
    }

    /// Mean temperature of the cell over the propagator's step and temperatures at its end, under constant heat [W] in air
    /// that rises evenly.
    #[inline(always)]
    pub fn mean_and_step(
        &self,
        now: Temperatures,
        heat_w: f64,
        air: Air,
        propagator: &Propagator,
    ) -> (f64, Temperatures) {
        self.follow(now, heat_w, (air.rise_k, air.rise_k), air, propagator)
    }

    /// What each watt more over the propagator's step adds to temperatures.
    #[inline(always)]
    pub fn warmth(&self, propagator: &Propagator) -> Warmth {
        let case_rise = self.case_to_air_k_per_w;
        let cell_rise = case_rise + self.cell_to_case_k_per_w;
        let left = |row: &[f64; 2]| row[0] * cell_rise + row[1] * case_rise;
        Warmth {
            mean_cell_k_per_w: cell_rise - left(&propagator.mean_cell),
            cell_k_per_w: cell_rise - left(&propagator.end[0]),
            case_k_per_w: case_rise - left(&propagator.end[1]),
        }
    }

    /// [`ThermalPath::mean_and_step`] under heat that rises evenly too.
    #[inline(always)]
    pub fn mean_and_step_under(
        &self,
        now: Temperatures,
        heat: HeatFlow,
        air: Air,
        propagator: &Propagator,
    ) -> (f64, Temperatures) {
        let case_rise_k = air.rise_k + heat.rise_w * self.case_to_air_k_per_w;
        let cell_rise_k = case_rise_k + heat.rise_w * self.cell_to_case_k_per_w;
        self.follow(now, heat.mean_w, (cell_rise_k, case_rise_k), air, propagator)
    }

    /// The step where what would be steady rises by so much over it, for the cells and for the enclosure. Both nodes lag behind:
    /// the enclosure by its rise within the time constant of the whole, the cells by theirs within their own besides.
    #[inline(always)]
    fn follow(
        &self,
        now: Temperatures,
        heat_w: f64,
        (cell_rise_k, case_rise_k): (f64, f64),
        air: Air,
        propagator: &Propagator,
    ) -> (f64, Temperatures) {
        // Heat that warms the nodes along with it is not passed on.
        let stored_w = cell_rise_k * air.per_s * self.cell_j_per_k;
        let passing_w = heat_w - stored_w - case_rise_k * air.per_s * self.case_j_per_k;
        let case_c = air.mean_c + passing_w * self.case_to_air_k_per_w;
        let cell_c = case_c + (heat_w - stored_w) * self.cell_to_case_k_per_w;
        let (half_cell_k, half_case_k) = (0.5 * cell_rise_k, 0.5 * case_rise_k);
        let (x1, x2) = (now.cell_c - (cell_c - half_cell_k), now.case_c - (case_c - half_case_k));
        let m = &propagator.end;
        let end = Temperatures {
            cell_c: cell_c + half_cell_k + m[0][0] * x1 + m[0][1] * x2,
            case_c: case_c + half_case_k + m[1][0] * x1 + m[1][1] * x2,
        };
        (cell_c + propagator.mean_cell[0] * x1 + propagator.mean_cell[1] * x2, end)
    }

    /// Heat stored above `reference_c` [J].
    pub fn stored_j(&self, t: Temperatures, reference_c: f64) -> f64 {
        self.cell_j_per_k * (t.cell_c - reference_c) + self.case_j_per_k * (t.case_c - reference_c)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> ThermalPath {
        ThermalPath::from_time_constants(70.0, 0.5, 600.0, 7200.0)
    }

    #[test]
    fn a_long_step_ends_in_the_steady_state_and_no_step_changes_nothing() {
        let start = Temperatures { cell_c: 40.0, case_c: 30.0 };
        let path = path();
        assert_eq!(path.step(start, 2.0, 20.0, &path.propagator(0.0)), start);
        let end = path.step(start, 2.0, 20.0, &path.propagator(1e7));
        let case = 20.0 + 2.0 * path.case_to_air_k_per_w;
        assert!((end.case_c - case).abs() < 1e-9);
        assert!((end.cell_c - case - 2.0 * path.cell_to_case_k_per_w).abs() < 1e-9);
    }

    #[test]
    fn steps_compose_and_agree_with_small_euler_steps() {
        let path = path();
        let start = Temperatures { cell_c: 45.0, case_c: 25.0 };
        let (mut halves, mut euler, mut sum_c) = (start, start, 0.0);
        let whole = path.step(halves, 1.5, 20.0, &path.propagator(1800.0));
        for _ in 0..2 {
            halves = path.step(halves, 1.5, 20.0, &path.propagator(900.0));
        }
        for _ in 0..1_800_000 {
            let dt = 1e-3;
            let between = (euler.cell_c - euler.case_c) / path.cell_to_case_k_per_w;
            let out = (euler.case_c - 20.0) / path.case_to_air_k_per_w;
            sum_c += euler.cell_c;
            euler.cell_c += dt * (1.5 - between) / path.cell_j_per_k;
            euler.case_c += dt * (between - out) / path.case_j_per_k;
        }
        assert!((whole.cell_c - halves.cell_c).abs() < 1e-10);
        let (mean_c, end) = path.mean_and_step(start, 1.5, Air::still(20.0), &path.propagator(1800.0));
        assert!((end.cell_c - whole.cell_c).abs() < 1e-10 && (end.case_c - whole.case_c).abs() < 1e-10);
        let calm_c = path.mean_cell_c(start, 1.5, 20.0, &path.propagator(1800.0));
        assert!((mean_c - calm_c).abs() < 1e-10);
        let mean_c = path.mean_cell_c(start, 1.5, 20.0, &path.propagator(1800.0));
        assert!((mean_c - sum_c / 1_800_000.0).abs() < 1e-4, "{mean_c}");
        assert!((whole.cell_c - euler.cell_c).abs() < 1e-4 && (whole.case_c - euler.case_c).abs() < 1e-4);
    }

    #[test]
    fn heat_that_is_added_afterwards_warms_as_if_it_had_been_there() {
        let (path, start) = (path(), Temperatures { cell_c: 30.0, case_c: 22.0 });
        let (air, propagator) =
            (Air { mean_c: 22.0, rise_k: 4.0, per_s: 1.0 / 3600.0 }, path.propagator(3600.0));
        let whole = path.mean_and_step(start, 1.5, air, &propagator);
        let (mut mean_c, mut end) = path.mean_and_step(start, 0.9, air, &propagator);
        path.warmth(&propagator).add(0.6, &mut mean_c, &mut end);
        assert!((mean_c - whole.0).abs() < 1e-12, "{mean_c}");
        assert!((end.cell_c - whole.1.cell_c).abs() < 1e-12 && (end.case_c - whole.1.case_c).abs() < 1e-12);
    }

    #[test]
    fn rising_heat_and_air_in_one_step_are_as_in_many() {
        let path = path();
        let mut small = Temperatures { cell_c: 30.0, case_c: 22.0 };
        let start = small;
        let tiny = path.propagator(1.0);
        let mut sum_c = 0.0;
        for second in 0..7200 {
            let share = (f64::from(second) + 0.5) / 7200.0;
            let (air_c, heat_w) = (20.0 + 4.0 * share, 0.4 - 0.2 * share);
            sum_c += path.mean_cell_c(small, heat_w, air_c, &tiny);
            small = path.step(small, heat_w, air_c, &tiny);
        }
        let air = Air { mean_c: 22.0, rise_k: 4.0, per_s: 1.0 / 7200.0 };
        let (mean_c, end) = path.mean_and_step_under(
            start,
            HeatFlow { mean_w: 0.3, rise_w: -0.2 },
            air,
            &path.propagator(7200.0),
        );
        assert!((end.cell_c - small.cell_c).abs() < 1e-6 && (end.case_c - small.case_c).abs() < 1e-6);
        assert!((mean_c - sum_c / 7200.0).abs() < 1e-6, "{mean_c}");
    }
}
