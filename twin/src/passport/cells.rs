//! Which model of cells a twin works with, from the chemistry that a passport states.
//!
//! A passport says `NMC811`; a twin needs a parameter file that was fitted to cells of some make. The answer says which
//! one was taken and how near it is, so that nobody takes a stand-in for the battery's own cells.

use super::regulation::Family;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How near a parameter file is to the chemistry that was stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearness {
    /// Cells of the same cathode and anode.
    Same,
    /// Cells of the same family, another composition.
    Family,
    /// None: the twin knows what the battery's own electronics claim, and has no ageing laws.
    None,
}

/// The parameter file of a stated chemistry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// Name of the file, as `celltide cell list` has it.
    pub file: Option<String>,
    /// How near it is.
    pub nearness: Nearness,
    /// Why this one, for people.
    pub reason: String,
    /// Name of the chemistry in the factor tables, where they know it.
    pub factors: Option<String>,
}

/// A chemistry that no battery has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoChemistry {
    /// A sort that is none.
    #[error(
        "{0:?} is no chemistry; they are lithium-ion, lithium-polymer, solid-state, sodium-ion, lead-acid"
    )]
    Sort(String),
}

/// Sorts of batteries: name, code in battery ids.
pub const SORTS: [(&str, &str); 5] = [
    ("lithium-ion", "LI"),
    ("lithium-polymer", "LP"),
    ("solid-state", "SS"),
    ("sodium-ion", "NA"),
    ("lead-acid", "PB"),
];

/// Capacity from which a cell is large [Ah]. assumed: between round cells and vehicle cells nothing ships.
const LARGE_AH: f64 = 15.0;

/// Code of a sort in battery ids.
///
/// # Errors
/// When it is no sort.
pub fn code(sort: &str) -> Result<&'static str, NoChemistry> {
    let found = SORTS.iter().find(|(name, _)| *name == sort);
    found.map(|(_, code)| *code).ok_or_else(|| NoChemistry::Sort(sort.to_owned()))
}

/// Family of a sort in the sense of recycling targets.
#[must_use]
pub fn family(sort: &str) -> Family {
    match sort {
        "lead-acid" => Family::LeadAcid,
        "sodium-ion" => Family::Other,
        _ => Family::Lithium,
    }
}

/// Cycles until a battery of a chemistry is exhausted, where its maker does not say.
///
/// assumed: 2000 for layered oxides, 4000 for iron phosphate, 400 for lead-acid; usual warranties.
#[must_use]
pub fn usual_cycles(mapping: &Mapping) -> f64 {
    match mapping.factors.as_deref() {
        Some("LFP") => 4000.0,
        Some("VRLA") => 400.0,
        _ => 2000.0,
    }
}

/// The parameter file for a battery of a sort, cathode and anode with so much capacity [Ah].
///
/// The file's cells are scaled to the pack's voltage and capacity by the twin; small packs of iron phosphate are taken
/// to be of round cells, large ones of prismatic cells.
///
/// # Errors
/// When the sort is none.
pub fn map(sort: &str, cathode: &str, anode: &str, capacity_ah: f64) -> Result<Mapping, NoChemistry> {
    code(sort)?;
    let plain: String =
        cathode.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_uppercase();
    let titanate = ["lto", "titanate"].iter().any(|name| anode.to_lowercase().contains(name));
    let silicon = anode.to_lowercase().contains("si");
    let made = |file: Option<&str>, nearness, reason: String, factors: Option<&str>| Mapping {
        file: file.map(str::to_owned),
        nearness,
        reason,
        factors: factors.map(str::to_owned),
    };
    let none = |reason: String, factors| Ok(made(None, Nearness::None, reason, factors));
    match sort {
        "lead-acid" => {
            let reason = "valve-regulated blocks with glass mats, typical figures".to_owned();
            return Ok(made(Some("vrla-agm-12v-120ah"), Nearness::Family, reason, Some("VRLA")));
        }
        "sodium-ion" => return none("no parameter file of sodium-ion cells ships".into(), Some("Na-ion")),
        "solid-state" => {
            let factors = tabled(&plain);
            return none("no parameter file of solid-state cells ships".into(), factors);
        }
        _ => {}
    }
    let (file, nearness, what) = match plain.as_str() {
        cathode if titanate && cathode.starts_with("NMC") => {
            ("nmc-lto-10ah", Nearness::Same, "commercial cells with titanate anodes")
        }
        _ if titanate => {
            return none(format!("no parameter file of {cathode} with titanate ships"), tabled(&plain));
        }
        "NMC811" if silicon => ("nmc811-grsi-lg-m50-5ah", Nearness::Same, "LG INR21700-M50"),
        "NMC811" => {
            ("nmc811-grsi-lg-m50-5ah", Nearness::Same, "LG INR21700-M50, whose graphite has some silicon")
        }
        "NMC622" => ("nmc622-gr-denso-50ah", Nearness::Same, "DENSO 50 Ah vehicle cells"),
        "NMC111" | "NMC333" => ("nmc111-gr-kokam-75ah", Nearness::Same, "Kokam 75 Ah"),
        "NMC532" => {
            ("nmc-gr-50ah-b1", Nearness::Family, "large pouch cells of NMC, composition not published")
        }
        cathode if cathode.starts_with("NMC") => {
            ("nmc-gr-50ah-b1", Nearness::Family, "large pouch cells of NMC, composition not published")
        }
        "NCA" if silicon => ("nca-grsi-sony-murata-2p5ah", Nearness::Same, "Sony/Murata US18650VTC5A"),
        "NCA" => ("nca-gr-panasonic-3ah", Nearness::Same, "Panasonic NCR18650PF"),
        "LFP" if capacity_ah >= LARGE_AH => {
            ("lfp-gr-250ah-prismatic", Nearness::Same, "large prismatic cells")
        }
        "LFP" => ("lfp-gr-sony-murata-3ah", Nearness::Same, "Sony/Murata US26650FTC1"),
        "LMO" => {
            let what = "AESC cells of a first Nissan Leaf, fitted in their second life";
            ("lmo-gr-nissan-leaf-66ah-second-life", Nearness::Family, what)
        }
        _ => return none(format!("no parameter file of {cathode} cells ships"), tabled(&plain)),
    };
    Ok(made(Some(file), nearness, what.to_owned(), tabled(&plain)))
}

/// Name of a cathode in the factor tables.
fn tabled(plain: &str) -> Option<&'static str> {
    Some(match plain {
        "NMC811" => "NMC811",
        "NMC622" => "NMC622",
        "NMC532" => "NMC532",
        "NMC111" | "NMC333" => "NMC111",
        "NCA" => "NCA",
        "LFP" => "LFP",
        "LMO" => "LMO",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::battery::library;

    #[test]
    fn every_mapping_leads_to_a_file_that_ships() {
        let cathodes = ["NMC811", "NMC 622", "nmc532", "NMC-111", "NCA", "LFP", "LMO", "LCO", "anything"];
        for (sort, _) in SORTS {
            for cathode in cathodes {
                for (anode, ah) in
                    [("graphite", 250.0), ("graphite", 2.0), ("silicon-graphite", 5.0), ("LTO", 10.0)]
                {
                    let mapping = map(sort, cathode, anode, ah).unwrap();
                    assert_eq!(mapping.file.is_none(), mapping.nearness == Nearness::None, "{mapping:?}");
                    if let Some(file) = &mapping.file {
                        assert!(library::find(file).is_some(), "{file}");
                    }
                }
            }
        }
        assert!(map("coal", "NMC811", "graphite", 1.0).is_err());
    }

    #[test]
    fn the_nearest_file_is_taken_and_said() {
        let file = |cathode: &str, ah| map("lithium-ion", cathode, "graphite", ah).unwrap().file.unwrap();
        assert_eq!(file("NMC811", 250.0), "nmc811-grsi-lg-m50-5ah");
        assert_eq!(file("LFP", 100.0), "lfp-gr-250ah-prismatic");
        assert_eq!(file("LFP", 6.0), "lfp-gr-sony-murata-3ah");
        let lead = map("lead-acid", "PbO2", "Pb", 120.0).unwrap();
        assert_eq!((lead.factors.as_deref(), lead.nearness), (Some("VRLA"), Nearness::Family));
        assert_eq!(map("lithium-ion", "LCO", "graphite", 3.0).unwrap().file, None);
    }
}
