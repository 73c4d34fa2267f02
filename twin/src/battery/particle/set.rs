//! A parameter set made ready: curves tabulated, figures that follow from others worked out.

use super::curve::{Curve, Spline};
use super::file::{ElectrodeFile, MechanicsFile, ParticleFile, PlatingFile, SeiFile};
use super::salt::{CONCENTRATION_MAX, Layer};
use crate::battery::formula::{Formula, FormulaError, Meaning};

/// Gas constant [J/mol/K].
pub const GAS: f64 = 8.314_462_618;
/// Faraday's constant [C/mol].
pub const FARADAY: f64 = 96_485.332_12;
/// Temperature at which rates are given [K].
pub const RATES_AT_K: f64 = 298.15;
/// 0 °C [K].
pub const ZERO_C: f64 = 273.15;

/// Arrhenius' factor: 1 at 25 °C, rising with temperature for a positive energy.
#[inline]
pub fn arrhenius(energy_j_per_mol: f64, temperature_k: f64) -> f64 {
    if energy_j_per_mol == 0.0 {
        1.0
    } else {
        (energy_j_per_mol / GAS * (1.0 / RATES_AT_K - 1.0 / temperature_k)).exp()
    }
}

/// Why a parameter set cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SetError {
    /// The text is not a parameter set; the message gives line and key.
    #[error("not a particle parameter set: {0}")]
    Text(#[from] toml::de::Error),
    /// A formula cannot be read.
    #[error("parameter set `{name}`, {field}: {source}")]
    Formula {
        /// Name that the file gives itself.
        name: String,
        /// Where.
        field: &'static str,
        /// Why.
        source: FormulaError,
    },
    /// A figure makes no sense.
    #[error("parameter set `{name}`: {field} is {value} and must be between {least} and {most}")]
    Value {
        /// Name that the file gives itself.
        name: String,
        /// Which.
        field: String,
        /// The figure.
        value: f64,
        /// Lowest that makes sense.
        least: f64,
        /// Highest that makes sense.
        most: f64,
    },
    /// A curve or figure is missing, or given twice.
    #[error("parameter set `{name}`: {what}")]
    Shape {
        /// Name that the file gives itself.
        name: String,
        /// What is wrong.
        what: &'static str,
    },
}

/// A porous electrode.
#[derive(Debug, Clone, PartialEq)]
pub struct Electrode {
    /// As its file has it.
    pub file: ElectrodeFile,
    /// Potential over stoichiometry [V], without what keeps it within 0 and 1.
    pub potential: Curve,
    /// Entropy over stoichiometry [V/K]; `None` where it is 0.
    pub entropy: Option<Curve>,
}

impl Electrode {
    /// Potential and its slope over stoichiometry, at a temperature above the set's reference by `warmer_k`.
    ///
    /// ```text
    /// U(x,T) = U(x) + (T − T_ref)·dU/dT + A(x) − A(1−x),   A(x) = a·ln(1 + e^(−b(x−c)))
    /// ```
    ///
    /// The last two keep x within 0 and 1; they matter below 0.002 and above 0.998 only. Source: PyBaMM 26.10.
    #[inline]
    pub fn potential_at(&self, x: f64, warmer_k: f64) -> (f64, f64) {
        let inner = x.clamp(1e-10, 1.0 - 1e-10);
        let (mut value, mut slope) = self.potential.at(inner);
        if let Some(entropy) = &self.entropy {
            let (s, d) = entropy.at(inner);
            value += warmer_k * s;
            slope += warmer_k * d;
        }
        if !(0.004..=0.996).contains(&x) {
            let (low, low_slope) = barrier(x);
            let (high, high_slope) = barrier(1.0 - x);
            value += low - high;
            slope += low_slope + high_slope;
        }
        (value, slope)
    }

    /// Capacity between empty and filled particles [Ah] for an electrode of this area.
    pub fn capacity_ah(&self, area_m2: f64, active_fraction: f64) -> f64 {
        FARADAY * active_fraction * self.file.thickness_m * area_m2 * self.file.concentration_max / 3600.0
    }

    /// Conductivity across the electrode [S/m]: all that is not electrolyte conducts.
    pub fn conductivity_s_per_m(&self, porosity: f64) -> f64 {
        self.file.conductivity_s_per_m * (1.0 - porosity).powf(self.file.bruggeman_solid)
    }
}

/// A(x) and its slope: 1 mV at 0.001 and 1 V at 0.
fn barrier(x: f64) -> (f64, f64) {
    const A: f64 = 205.056_862_193_748_4;
    const B: f64 = 6_910.192_179_565_431;
    const C: f64 = -7.7e-4;
    let z = -B * (x - C);
    if z > 36.7 {
        return (A * z, -A * B);
    }
    let e = z.exp();
    (A * e.ln_1p(), -A * B * e / (1.0 + e))
}

/// A parameter set, ready for the models.
#[derive(Debug, Clone, PartialEq)]
pub struct ParticleSet {
    /// As its file has it.
    pub file: ParticleFile,
    /// Negative electrode.
    pub negative: Electrode,
    /// Positive electrode.
    pub positive: Electrode,
    /// Diffusivity of the electrolyte over concentration, at 25 °C.
    pub salt_diffusivity: Curve,
    /// Conductivity of the electrolyte over concentration, at 25 °C.
    pub salt_conductivity: Curve,
    /// Heat capacity of the cell [J/K].
    pub heat_capacity_j_per_k: f64,
    /// Heat lost to the air [W/K].
    pub cooling_w_per_k: f64,
}

impl ParticleSet {
    /// Reads a parameter set and makes it ready.
    ///
    /// # Errors
    /// When the text is not a set, or a figure or formula in it makes no sense.
    pub fn read(text: &str) -> Result<Self, SetError> {
        Self::of(toml::from_str(text)?)
    }

    /// Makes a set ready.
    ///
    /// # Errors
    /// When a figure or formula makes no sense.
    pub fn of(file: ParticleFile) -> Result<Self, SetError> {
        check(&file)?;
        let name = file.name.clone();
        let over = |text: &str, variable: &'static str, field: &'static str| {
            let lookup = |word: &str| (word == variable).then_some(Meaning::Variable(0));
            Formula::parse(text, &lookup).map_err(|source| SetError::Formula {
                name: name.clone(),
                field,
                source,
            })
        };
        let salt = |text: &str, field| {
            over(text, "c", field).map(|formula| Curve::of_formula(&formula, 0.0, CONCENTRATION_MAX))
        };
        let negative = electrode(&name, &file.negative, "negative")?;
        let positive = electrode(&name, &file.positive, "positive")?;
        let salt_diffusivity = scaled(
            &over(&file.electrolyte.diffusivity_m2_per_s, "c", "electrolyte.diffusivity_m2_per_s")?,
            CONCENTRATION_MAX,
        );
        let salt_conductivity =
            salt(&file.electrolyte.conductivity_s_per_m, "electrolyte.conductivity_s_per_m")?;
        let thermal = &file.thermal;
        let per_volume = match (thermal.heat_capacity_j_per_m3_k, thermal.layers.as_slice()) {
            (Some(value), []) => value,
            (None, [_, ..]) => {
                let thickness: f64 = thermal.layers.iter().map(|layer| layer[0]).sum();
                thermal.layers.iter().map(|[l, density, heat]| l * density * heat).sum::<f64>() / thickness
            }
            _ => {
                return Err(SetError::Shape {
                    name,
                    what: "thermal needs either layers or heat_capacity_j_per_m3_k",
                });
            }
        };
        Ok(Self {
            heat_capacity_j_per_k: per_volume * thermal.volume_m3,
            cooling_w_per_k: thermal.film_w_per_m2_k * thermal.cooling_area_m2,
            negative,
            positive,
            salt_diffusivity,
            salt_conductivity,
            file,
        })
    }

    /// The three layers as the electrolyte sees them.
    pub fn layers(&self) -> [Layer; 3] {
        let of = |file: &ElectrodeFile| Layer {
            thickness_m: file.thickness_m,
            porosity: file.porosity,
            bruggeman: file.bruggeman_electrolyte,
        };
        let separator = &self.file.separator;
        [
            of(&self.file.negative),
            Layer {
                thickness_m: separator.thickness_m,
                porosity: separator.porosity,
                bruggeman: separator.bruggeman_electrolyte,
            },
            of(&self.file.positive),
        ]
    }

    /// Figures of the film, if the set has them.
    pub fn sei(&self) -> Option<&SeiFile> {
        self.file.sei.as_ref()
    }

    /// Figures of plating, if the set has them.
    pub fn plating(&self) -> Option<&PlatingFile> {
        self.file.plating.as_ref()
    }

    /// Figures of mechanics of both electrodes, if the set has them.
    pub fn mechanics(&self) -> Option<[&MechanicsFile; 2]> {
        Some([self.file.negative.mechanics.as_ref()?, self.file.positive.mechanics.as_ref()?])
    }
}

/// A curve whose values are far from 1 is tabulated in its own unit, to judge its error by.
fn scaled(formula: &Formula, to: f64) -> Curve {
    let unit = formula.value(&[0.125 * to]).abs().max(1e-30);
    Curve::of(|c| formula.value(&[c]) / unit, 0.0, to).times(unit)
}

fn electrode(name: &str, file: &ElectrodeFile, side: &'static str) -> Result<Electrode, SetError> {
    let wrong = |what| SetError::Shape { name: name.to_owned(), what };
    let parse = |text: &str, shorthand: Option<&Formula>, field: &'static str| {
        let lookup = |word: &str| match (word, shorthand) {
            ("x", _) => Some(Meaning::Variable(0)),
            ("u", Some(formula)) => Some(Meaning::Shorthand(formula)),
            _ => None,
        };
        Formula::parse(text, &lookup).map_err(|source| SetError::Formula {
            name: name.to_owned(),
            field,
            source,
        })
    };
    let field = if side == "negative" { "negative electrode" } else { "positive electrode" };
    let potential = match (&file.potential, &file.potential_table) {
        (Some(text), None) => Curve::of_formula(&parse(text, None, field)?, 0.0, 1.0),
        (None, Some(table)) => {
            let (x, y) = (&table.x, &table.voltage_v);
            let rises = x.windows(2).all(|pair| pair[1] > pair[0]);
            if x.len() != y.len() || x.len() < 4 || !rises || x[0] != 0.0 || x[x.len() - 1] != 1.0 {
                return Err(wrong("a potential table needs as many x as voltages, x rising from 0 to 1"));
            }
            let spline = Spline::through(x, y);
            Curve::of(|x| spline.value(x), 0.0, 1.0)
        }
        _ => return Err(wrong("an electrode needs either a potential or a potential_table")),
    };
    let shorthand = file.entropy_shorthand.as_deref().map(|text| parse(text, None, field)).transpose()?;
    let entropy = parse(&file.entropy_v_per_k, shorthand.as_ref(), field)?;
    let entropy = (entropy.as_constant() != Some(0.0)).then(|| Curve::of_formula(&entropy, 0.0, 1.0));
    let curves = [Some(&potential), entropy.as_ref()];
    if curves.into_iter().flatten().any(|curve| !curve.error().is_finite()) {
        return Err(wrong("a potential or entropy has no value somewhere between 0 and 1"));
    }
    Ok(Electrode { file: file.clone(), potential, entropy })
}

fn check(file: &ParticleFile) -> Result<(), SetError> {
    let within = |field: &str, value: f64, least: f64, most: f64| {
        // Negated so that NaN is refused as well.
        if (least..=most).contains(&value) {
            return Ok(());
        }
        Err(SetError::Value { name: file.name.clone(), field: field.to_owned(), value, least, most })
    };
    within("cell.capacity_ah", file.cell.capacity_ah, 1e-4, 1e5)?;
    within("cell.area_m2", file.cell.area_m2, 1e-6, 1e5)?;
    within("cell.voltage_min_v", file.cell.voltage_min_v, 0.0, file.cell.voltage_max_v)?;
    within("cell.voltage_max_v", file.cell.voltage_max_v, 0.1, 10.0)?;
    within("cell.reference_k", file.cell.reference_k, 250.0, 350.0)?;
    within("thermal.volume_m3", file.thermal.volume_m3, 1e-9, 10.0)?;
    within("thermal.cooling_area_m2", file.thermal.cooling_area_m2, 1e-6, 1e4)?;
    within("thermal.film_w_per_m2_k", file.thermal.film_w_per_m2_k, 0.0, 1e5)?;
    for (side, electrode) in [("negative", &file.negative), ("positive", &file.positive)] {
        let field = |key: &str| format!("{side}.{key}");
        within(&field("thickness_m"), electrode.thickness_m, 1e-6, 1e-2)?;
        within(&field("radius_m"), electrode.radius_m, 1e-9, 1e-3)?;
        within(&field("active_fraction"), electrode.active_fraction, 1e-3, 1.0)?;
        within(&field("porosity"), electrode.porosity, 1e-3, 1.0)?;
        within(&field("conductivity_s_per_m"), electrode.conductivity_s_per_m, 1e-9, 1e9)?;
        within(&field("concentration_max"), electrode.concentration_max, 1.0, 1e6)?;
        let most = electrode.concentration_max;
        within(&field("concentration_initial"), electrode.concentration_initial, 0.0, most)?;
        within(&field("diffusivity_m2_per_s"), electrode.diffusivity_m2_per_s, 1e-22, 1e-6)?;
        within(&field("exchange_rate"), electrode.exchange_rate, 1e-15, 1.0)?;
    }
    within("separator.thickness_m", file.separator.thickness_m, 1e-7, 1e-2)?;
    within("separator.porosity", file.separator.porosity, 1e-3, 1.0)?;
    within("electrolyte.concentration_initial", file.electrolyte.concentration_initial, 1.0, 5000.0)?;
    within("electrolyte.transference", file.electrolyte.transference, 0.0, 1.0)?;
    within("electrolyte.thermodynamic_factor", file.electrolyte.thermodynamic_factor, 0.01, 100.0)?;
    if let Some(sei) = &file.sei {
        within("sei.thickness_initial_m", sei.thickness_initial_m, 1e-12, 1e-6)?;
        within("sei.molar_volume_m3_per_mol", sei.molar_volume_m3_per_mol, 1e-7, 1e-2)?;
        within("sei.lithium_per_sei", sei.lithium_per_sei, 0.1, 10.0)?;
    }
    Ok(())
}

/// Text of every parameter set that ships, in order of name.
const FILES: [&str; 4] = [
    include_str!("../../../chemistries/particle/prada2013.toml"),
    include_str!("../../../chemistries/particle/mohtat2020.toml"),
    include_str!("../../../chemistries/particle/okane2022.toml"),
    include_str!("../../../chemistries/particle/chen2020.toml"),
];

/// Every set that ships, as data, in order of name.
pub fn shipped() -> impl Iterator<Item = ParticleFile> {
    FILES.iter().map(|text| toml::from_str(text).expect("a test reads every file that ships"))
}

/// The set of this name or of this `published_as`.
pub fn find(name: &str) -> Option<ParticleFile> {
    shipped().find(|file| file.name == name || file.published_as.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_that_ships_can_be_used_and_its_tables_are_close() {
        let mut names = Vec::new();
        for text in FILES {
            let set = ParticleSet::read(text).unwrap_or_else(|e| panic!("{e}"));
            for curve in [&set.negative.potential, &set.positive.potential] {
                assert!(curve.error() < 1e-5, "{}: {}", set.file.name, curve.error());
            }
            names.push(set.file.name);
        }
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(find("okane2022").map(|file| file.family), Some("NMC811".to_owned()));
        assert_eq!(find("unheard-of"), None);
    }

    #[test]
    fn mistakes_are_told_with_field_and_reason() {
        let said = |change: fn(&mut ParticleFile)| {
            let mut file = find("Chen2020").unwrap();
            change(&mut file);
            ParticleSet::of(file).unwrap_err().to_string()
        };
        assert!(said(|f| f.negative.radius_m = -1.0).contains("negative.radius_m is -1 and must be between"));
        assert!(said(|f| f.positive.potential = Some("4 - z".into())).contains("`z` is not known"));
        assert!(said(|f| f.positive.potential = None).contains("either a potential or a potential_table"));
        assert!(said(|f| f.thermal.layers.clear()).contains("either layers or"));
        assert!(said(|f| f.positive.potential = Some("ln(x - 0.5)".into())).contains("has no value"));
        assert!(ParticleSet::read("name = 1").unwrap_err().to_string().starts_with("not a particle"));
    }

    #[test]
    fn the_barrier_is_what_it_says() {
        assert!((barrier(0.001).0 - 1e-3).abs() < 1e-5 && (barrier(0.0).0 - 1.0).abs() < 2e-2);
        let slope = (barrier(1e-3 + 1e-8).0 - barrier(1e-3 - 1e-8).0) / 2e-8;
        assert!((slope / barrier(1e-3).1 - 1.0).abs() < 1e-5);
    }
}
