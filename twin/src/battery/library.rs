//! The chemistries that ship, and reading others.

use super::chemistry::{ChemistryFile, CurveFile, LawFile, RateCapacityFile, StateFile, SurfaceFile};
use super::life::{CYCLE_ONLY, LifeModel};
use std::sync::LazyLock;

/// Text of every chemistry file that ships, in order of name.
const FILES: [&str; 17] = [
    include_str!("../../chemistries/lfp-gr-250ah-prismatic.toml"),
    include_str!("../../chemistries/lfp-gr-sony-murata-3ah.toml"),
    include_str!("../../chemistries/lfp-gr-sony-naumann.toml"),
    include_str!("../../chemistries/lmo-gr-nissan-leaf-66ah-second-life.toml"),
    include_str!("../../chemistries/nca-gr-panasonic-3ah.toml"),
    include_str!("../../chemistries/nca-grsi-sony-murata-2p5ah.toml"),
    include_str!("../../chemistries/nmc-gr-50ah-b1.toml"),
    include_str!("../../chemistries/nmc-gr-50ah-b2.toml"),
    include_str!("../../chemistries/nmc-gr-75ah-a.toml"),
    include_str!("../../chemistries/nmc-lto-10ah.toml"),
    include_str!("../../chemistries/nmc111-gr-kokam-75ah.toml"),
    include_str!("../../chemistries/nmc111-gr-sanyo-2ah.toml"),
    include_str!("../../chemistries/nmc622-gr-denso-50ah.toml"),
    include_str!("../../chemistries/nmc811-grsi-lg-m50-5ah.toml"),
    include_str!("../../chemistries/nmc811-grsi-lg-mj1-4ah.toml"),
    include_str!("../../chemistries/panasonic-18650pf.toml"),
    include_str!("../../chemistries/vrla-agm-12v-120ah.toml"),
];

static SHIPPED: LazyLock<Vec<ChemistryFile>> = LazyLock::new(|| {
    let read_one = |text: &&str| read(text).expect("a test reads every file that ships");
    FILES.iter().map(read_one).collect()
});

/// Why a chemistry file cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChemistryError {
    /// The text is not a chemistry file; the message gives line and key.
    #[error("not a chemistry file: {0}")]
    Text(#[from] toml::de::Error),
    /// The values make no sense; each complaint names its field and the reason.
    #[error("chemistry `{name}`: {}", complaints.join("; "))]
    Values {
        /// Name that the file gives itself.
        name: String,
        /// One line per mistake.
        complaints: Vec<String>,
    },
}

/// Reads a chemistry file and checks it.
///
/// # Errors
/// When the text is not a chemistry file or [`check`] finds mistakes.
pub fn read(text: &str) -> Result<ChemistryFile, ChemistryError> {
    let file: ChemistryFile = toml::from_str(text)?;
    match check(&file) {
        Ok(()) => Ok(file),
        Err(complaints) => Err(ChemistryError::Values { name: file.name, complaints }),
    }
}

/// Every chemistry that ships, in order of name.
pub fn shipped() -> impl Iterator<Item = ChemistryFile> {
    SHIPPED.iter().cloned()
}

/// The chemistry of this name or of this `published_as`.
pub fn find(name: &str) -> Option<ChemistryFile> {
    SHIPPED.iter().find(|file| file.name == name || file.published_as == name).cloned()
}

/// Names of the chemistries that ship, in order.
pub fn names() -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().map(|file| file.name.as_str())
}

/// Whether a chemistry makes sense: curves complete, figures within what they can be, formulas that compile and
/// a new cell of capacity 1.
///
/// # Errors
/// Every mistake found, with its field.
pub fn check(file: &ChemistryFile) -> Result<(), Vec<String>> {
    let mut review = Review::default();
    review.named("name", &file.name);
    review.named("published_as", &file.published_as);
    check_cell(file, &mut review);
    check_curves(file, &mut review);
    if let Some(rate) = &file.rate_capacity {
        check_rate_capacity(rate, &mut review);
    }
    if let Some(float) = &file.float {
        review.within("float.voltage_v", float.voltage_v, 0.1, 100.0);
        review.within("float.compensation_v_per_k", float.compensation_v_per_k, -0.1, 0.1);
        review.within("float.current_a", float.current_a, 0.0, 1e3);
        review.within("float.current_doubling_k", float.current_doubling_k, 1.0, 100.0);
        review.within("float.current_per_v", float.current_per_v, 0.0, 100.0);
    }
    if let Some(lead_acid) = &file.lead_acid {
        super::lead_acid::check::check(lead_acid, &mut review);
    }
    check_life(file, &mut review);
    if review.complaints.is_empty() { Ok(()) } else { Err(review.complaints) }
}

fn check_cell(file: &ChemistryFile, review: &mut Review) {
    review.within("cell.capacity_ah", file.cell.capacity_ah, 1e-4, 1e5);
    review.within("cell.voltage_nominal_v", file.cell.voltage_nominal_v, 0.5, 100.0);
    review.within("cell.mass_kg", file.cell.mass_kg, 1e-4, 1e4);
    review.within("cell.heat_capacity_j_per_kg_k", file.cell.heat_capacity_j_per_kg_k, 100.0, 5000.0);
    if let Some(heat) = file.cell.heat_transfer_w_per_k {
        review.within("cell.heat_transfer_w_per_k", heat, 1e-6, 1e3);
    }
    let limits = &file.limits;
    review.rising("limits.voltage_min_v to voltage_max_v", &[limits.voltage_min_v, limits.voltage_max_v]);
    review.within("limits.charge_c_rate_max", limits.charge_c_rate_max, 1e-3, 100.0);
    review.within("limits.discharge_c_rate_max", limits.discharge_c_rate_max, 1e-3, 200.0);
    review.rising("limits.charge_temperature_c", &limits.charge_temperature_c);
    review.rising("limits.discharge_temperature_c", &limits.discharge_temperature_c);
    review.within("limits.derating_k", limits.derating_k, 0.0, 50.0);
    review.within("limits.charge_cutoff_c_rate", limits.charge_cutoff_c_rate, 1e-4, 1.0);
    let losses = &file.losses;
    review.within("losses.coulombic_efficiency", losses.coulombic_efficiency, 0.5, 1.0);
    review.within("losses.self_discharge_per_month", losses.self_discharge_per_month, 0.0, 0.5);
    review.within("losses.self_discharge_doubling_k", losses.self_discharge_doubling_k, 1.0, 100.0);
}

fn check_curves(file: &ChemistryFile, review: &mut Review) {
    let CurveFile { soc, value, .. } = &file.ocv;
    review.curve("ocv", soc, value, 0.0, 100.0);
    if value.windows(2).any(|pair| pair[1] < pair[0]) {
        review.complain("ocv.value", "must not fall while soc rises");
    }
    review.curve("entropy", &file.entropy.soc, &file.entropy.value, -5.0, 5.0);
    review.curve("hysteresis", &file.hysteresis.soc, &file.hysteresis.half_gap_v, 0.0, 1.0);
    review.within("hysteresis.gamma", file.hysteresis.gamma, 0.0, 1e5);
    review.within("circuit.tau1_s", file.circuit.tau1_s, 1e-3, 1e5);
    review.within("circuit.tau2_s", file.circuit.tau2_s, 1e-3, 1e6);
    if let Some(knee) = &file.circuit.knee {
        review.within("circuit.knee.voltage_v", knee.voltage_v, 1e-4, 100.0);
        review.within("circuit.knee.ohmic_ohm", knee.ohmic_ohm, 0.0, 1e3);
    }
    check_surface("circuit.r0_ohm", &file.circuit.r0_ohm, review);
    check_surface("circuit.r1_ohm", &file.circuit.r1_ohm, review);
    check_surface("circuit.r2_ohm", &file.circuit.r2_ohm, review);
}

fn check_surface(field: &str, surface: &SurfaceFile, review: &mut Review) {
    review.within(
        &format!("{field}.activation_energy_j_per_mol"),
        surface.activation_energy_j_per_mol,
        0.0,
        2e5,
    );
    if surface.rows.len() != surface.temperature_c.len().max(1) {
        review.complain(field, "needs one row per temperature, or a single row without temperatures");
    }
    if !surface.temperature_c.is_empty() {
        review.rising(&format!("{field}.temperature_c"), &surface.temperature_c);
    }
    for row in &surface.rows {
        review.curve(field, &surface.soc, row, 1e-9, 1e3);
    }
}

fn check_rate_capacity(rate: &RateCapacityFile, review: &mut Review) {
    review.within("rate_capacity.peukert_exponent", rate.peukert_exponent, 1.0, 2.0);
    review.within("rate_capacity.reference_c_rate", rate.reference_c_rate, 1e-4, 10.0);
    let (durations, shares) = (&rate.point_duration_h, &rate.point_share);
    if durations.len() != shares.len() {
        review.complain("rate_capacity.point_share", "needs one value per point_duration_h");
    }
    if durations.len() > 1 {
        let rising_rates: Vec<f64> = shares.iter().zip(durations).map(|(share, h)| share / h).collect();
        review.rising("rate_capacity.point_share / point_duration_h", &rising_rates);
    }
    durations.iter().for_each(|h| review.within("rate_capacity.point_duration_h", *h, 1e-3, 1e4));
    shares.iter().for_each(|share| review.within("rate_capacity.point_share", *share, 0.01, 2.0));
    if shares.windows(2).any(|pair| pair[1] > pair[0]) {
        review.complain("rate_capacity.point_share", "must not rise with rate");
    }
    review.rising("rate_capacity.temperature_c", &rate.temperature_c);
    review.rising("rate_capacity.duration_h", &rate.duration_h);
    if rate.rows.is_empty() || rate.rows.len() != rate.duration_h.len() {
        review.complain("rate_capacity.rows", "needs one row per duration");
    }
    for row in &rate.rows {
        if row.len() != rate.temperature_c.len() {
            review.complain("rate_capacity.rows", "each row needs one value per temperature");
        }
        row.iter().for_each(|value| review.within("rate_capacity.rows", *value, 0.01, 2.0));
    }
}

fn check_life(file: &ChemistryFile, review: &mut Review) {
    let life = &file.life;
    review.rising("life.fitted.temperature_c", &life.fitted.temperature_c);
    review.rising("life.fitted.depth", &life.fitted.depth);
    review.rising("life.fitted.c_rate", &life.fitted.c_rate);
    review.within("life.resistance_per_loss", life.resistance_per_loss, 0.0, 100.0);
    for state in &life.state {
        check_state(state, review);
    }
    let model = match LifeModel::compile(life) {
        Ok(model) => model,
        Err(error) => {
            review.complain("life", error.to_string());
            return;
        }
    };
    for (state, law) in file.life.state.iter().zip(&model.states) {
        let of_cycle = CYCLE_ONLY.into_iter().any(|variable| law.law.mentions(variable));
        if law.axis == super::life::Axis::Days && of_cycle {
            let field = format!("life.state `{}`", state.name);
            review.complain(&field, "grows with days but its rate depends on the figures of a cycle");
        }
    }
    let (capacity, resistance) = model.published(&model.states(&model.new_progress(), 0.0));
    if (capacity - 1.0).abs() > 1e-6 || capacity.is_nan() {
        review.complain("life.capacity", format!("is {capacity} for a new cell and must be 1"));
    }
    // 2 % allow for a branch of the formula that a new cell touches.
    if resistance.is_some_and(|r| (r - 1.0).abs() > 0.02 || r.is_nan()) {
        review.complain("life.resistance", format!("is {resistance:?} for a new cell and must be 1"));
    }
}

fn check_state(state: &StateFile, review: &mut Review) {
    let field = |key: &str| format!("life.state `{}`: {key}", state.name);
    review.named(&field("name"), &state.name);
    review.within(&field("axis_scale"), state.axis_scale, 1e-12, 1e12);
    review.within(&field("initial"), state.initial, 0.0, 1.0);
    let exponent = match &state.law {
        LawFile::Power { rate, exponent } | LawFile::PowerB { rate, exponent } => Some((rate, *exponent)),
        LawFile::Integral { rate } => Some((rate, 1.0)),
        LawFile::Sigmoid { .. } => None,
    };
    if let Some((rate, exponent)) = exponent {
        if rate.is_empty() {
            review.complain(&field("rate"), "needs at least one factor");
        }
        if exponent == 0.0 || exponent.is_nan() || exponent.abs() > 20.0 {
            review
                .complain(&field("exponent"), format!("is {exponent} and must be between -20 and 20, not 0"));
        }
    }
}

/// Collects mistakes.
#[derive(Default)]
pub(super) struct Review {
    complaints: Vec<String>,
}

impl Review {
    pub(super) fn complain(&mut self, field: &str, reason: impl Into<String>) {
        self.complaints.push(format!("{field} {}", reason.into()));
    }

    fn named(&mut self, field: &str, text: &str) {
        if text.trim().is_empty() {
            self.complain(field, "is empty");
        }
    }

    pub(super) fn within(&mut self, field: &str, value: f64, least: f64, most: f64) {
        // Negated so that NaN is refused as well.
        if !(least..=most).contains(&value) {
            self.complain(field, format!("is {value} and must be between {least} and {most}"));
        }
    }

    pub(super) fn rising(&mut self, field: &str, values: &[f64]) {
        let finite = values.iter().all(|value| value.is_finite());
        if values.is_empty() || !finite || values.windows(2).any(|pair| pair[1] <= pair[0]) {
            self.complain(field, "must be numbers that rise");
        }
    }

    fn curve(&mut self, field: &str, soc: &[f64], values: &[f64], least: f64, most: f64) {
        if soc.len() != values.len() || soc.len() < 2 {
            let (points, given) = (soc.len(), values.len());
            self.complain(
                field,
                format!("has {points} soc and {given} values; as many of each, two at least"),
            );
            return;
        }
        self.rising(&format!("{field}.soc"), soc);
        if soc[0] != 0.0 || soc[soc.len() - 1] != 1.0 {
            self.complain(&format!("{field}.soc"), "must go from 0 to 1");
        }
        values.iter().for_each(|value| self.within(field, *value, least, most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(change: impl FnOnce(&mut ChemistryFile)) -> String {
        let mut file = find("lfp-gr-sony-murata-3ah").unwrap();
        change(&mut file);
        check(&file).unwrap_err().join("; ")
    }

    #[test]
    fn every_file_that_ships_can_be_read_and_names_rise() {
        for text in FILES {
            if let Err(error) = read(text) {
                panic!("{error}");
            }
        }
        let names: Vec<_> = names().collect();
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(names.len(), FILES.len());
    }

    #[test]
    fn a_chemistry_is_found_under_either_name() {
        let file = find("nmc_gr").or_else(|| find("NMC_Gr_75Ah_A")).unwrap();
        assert_eq!(find(&file.name), Some(file));
        assert_eq!(find("unheard-of"), None);
    }

    #[test]
    fn mistakes_are_told_with_field_and_reason() {
        assert!(
            complaints(|f| f.cell.capacity_ah = -1.0).contains("cell.capacity_ah is -1 and must be between")
        );
        assert!(complaints(|f| f.cell.mass_kg = f64::NAN).contains("cell.mass_kg is NaN"));
        assert!(complaints(|f| f.ocv.soc[0] = 0.01).contains("ocv.soc must go from 0 to 1"));
        assert!(complaints(|f| f.ocv.value.truncate(3)).contains("21 soc and 3 values"));
        assert!(complaints(|f| f.ocv.soc.swap(3, 4)).contains("ocv.soc must be numbers that rise"));
        assert!(complaints(|f| f.ocv.value.swap(3, 4)).contains("must not fall"));
        assert!(complaints(|f| f.circuit.r1_ohm.rows.clear()).contains("circuit.r1_ohm needs one row"));
        assert!(complaints(|f| f.life.capacity = "1 - calender".into()).contains("`calender` is not known"));
        assert!(complaints(|f| f.life.capacity = "0.9 - calendar".into()).contains("is 0.9 for a new cell"));
        let swapped = complaints(|f| f.life.state[1].axis = crate::battery::chemistry::AxisFile::Days);
        assert!(swapped.contains("grows with days"), "{swapped}");
        assert!(read("name = 1").unwrap_err().to_string().starts_with("not a chemistry file"));
    }
}
