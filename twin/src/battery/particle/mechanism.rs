//! What ages a cell, chosen freely; the rates are in `kinetics`.

use super::file::ParticleFile;

/// What limits the growth of the film (solid electrolyte interphase, SEI) on the negative particles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeiLaw {
    /// Its reaction.
    Reaction,
    /// Diffusion of solvent through it.
    Solvent,
    /// Diffusion of lithium interstitials through it.
    Interstitial,
    /// Migration of electrons through it.
    Electron,
    /// Reaction and diffusion of ethylene carbonate.
    Carbonate,
}

/// What becomes of plated lithium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plating {
    /// All of it can be stripped.
    Reversible,
    /// It is stripped, or loses contact in time.
    Partial,
    /// None of it comes back.
    Irreversible,
}

/// Mechanisms at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mechanisms {
    /// Growth of the film.
    pub sei: Option<SeiLaw>,
    /// Lithium plating.
    pub plating: Option<Plating>,
    /// Cracks in the negative particles, and film on their faces if it grows at all.
    pub cracks: bool,
    /// Loss of active material under stress, in both electrodes.
    pub loss: bool,
    /// Films take space from the electrolyte in the negative electrode.
    pub clogging: bool,
}

/// Names of mechanisms, each with others under which it is known.
const NAMES: [(&str, &[&str]); 11] = [
    ("sei-reaction", &["reaction-limited", "sei-reaction-limited"]),
    (
        "sei-solvent",
        &["solvent-diffusion-limited", "sei-solvent-diffusion", "sei-solvent-diffusion-limited", "sei"],
    ),
    (
        "sei-interstitial",
        &[
            "interstitial-diffusion-limited",
            "sei-interstitial-diffusion",
            "sei-interstitial-diffusion-limited",
        ],
    ),
    (
        "sei-electron",
        &["electron-migration-limited", "sei-electron-migration", "sei-electron-migration-limited"],
    ),
    ("sei-ec", &["ec-reaction-limited", "sei-ec-reaction", "sei-ec-reaction-limited", "sei-ec-limited"]),
    ("plating-reversible", &["plating-rev", "reversible-plating"]),
    ("plating-partial", &["plating-partially-reversible", "partially-reversible-plating", "plating"]),
    ("plating-irreversible", &["irreversible-plating"]),
    ("cracks", &["cracking", "particle-cracking", "sei-on-cracks"]),
    ("lam", &["loss-of-active-material", "lam-stress", "stress-driven", "stress-driven-lam"]),
    ("pore-clogging", &["clogging", "porosity"]),
];

/// Why a list of mechanisms cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MechanismError {
    /// No mechanism of that name.
    #[error("there is no mechanism called `{name}`: {}", NAMES.map(|(name, _)| name).join(", "))]
    Unknown {
        /// The name given.
        name: String,
    },
    /// Two that exclude each other.
    #[error("`{name}` and another of its kind exclude each other")]
    Twice {
        /// The second of them.
        name: String,
    },
}

impl std::str::FromStr for Mechanisms {
    type Err = MechanismError;

    /// Reads names separated by commas, blanks or `+`; `none` is none at all.
    fn from_str(text: &str) -> Result<Self, MechanismError> {
        let mut mechanisms = Self::default();
        let words = text.split([',', ' ', '+', ';']).filter(|word| !word.is_empty() && *word != "none");
        for word in words {
            let plain = word.to_lowercase().replace('_', "-");
            let known =
                NAMES.iter().find(|(name, others)| *name == plain || others.contains(&plain.as_str()));
            let Some((name, _)) = known else {
                return Err(MechanismError::Unknown { name: word.to_owned() });
            };
            let before = mechanisms;
            match *name {
                "sei-reaction" => mechanisms.sei = Some(SeiLaw::Reaction),
                "sei-solvent" => mechanisms.sei = Some(SeiLaw::Solvent),
                "sei-interstitial" => mechanisms.sei = Some(SeiLaw::Interstitial),
                "sei-electron" => mechanisms.sei = Some(SeiLaw::Electron),
                "sei-ec" => mechanisms.sei = Some(SeiLaw::Carbonate),
                "plating-reversible" => mechanisms.plating = Some(Plating::Reversible),
                "plating-partial" => mechanisms.plating = Some(Plating::Partial),
                "plating-irreversible" => mechanisms.plating = Some(Plating::Irreversible),
                "cracks" => mechanisms.cracks = true,
                "lam" => mechanisms.loss = true,
                _ => mechanisms.clogging = true,
            }
            let excluded = (before.sei.is_some() && before.sei != mechanisms.sei)
                || (before.plating.is_some() && before.plating != mechanisms.plating);
            if excluded {
                return Err(MechanismError::Twice { name: word.to_owned() });
            }
        }
        Ok(mechanisms)
    }
}

impl Mechanisms {
    /// Names of the mechanisms that a set has figures for.
    pub fn names_of(file: &ParticleFile) -> Vec<&'static str> {
        let has_mechanics = file.negative.mechanics.is_some() && file.positive.mechanics.is_some();
        let has = |name: &str| match name {
            "cracks" | "lam" => has_mechanics,
            _ if name.starts_with("plating") => file.plating.is_some() && file.sei.is_some(),
            _ => file.sei.is_some(),
        };
        NAMES.iter().map(|(name, _)| *name).filter(|name| has(name)).collect()
    }

    /// Whether nothing ages.
    pub fn none(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_mistakes_named() {
        let read = |text: &str| text.parse::<Mechanisms>();
        let all = read("sei-solvent, plating-partial,cracks+lam pore_clogging").unwrap();
        assert_eq!((all.sei, all.plating), (Some(SeiLaw::Solvent), Some(Plating::Partial)));
        assert!(all.cracks && all.loss && all.clogging);
        let names = |set: &str| Mechanisms::names_of(&super::super::set::find(set).unwrap());
        assert_eq!((names("OKane2022").len(), names("Prada2013").len()), (NAMES.len(), 0));
        assert!(names("Chen2020").contains(&"pore-clogging") && !names("Chen2020").contains(&"cracks"));
        assert!(read("none").unwrap().none() && read("").unwrap().none());
        assert!(read("rust").unwrap_err().to_string().contains("`rust`: sei-reaction, sei-solvent"));
        assert!(matches!(read("sei-ec,sei-solvent"), Err(MechanismError::Twice { .. })));
    }
}
