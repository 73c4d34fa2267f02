//! Packs cell by cell in a scenario file: joints, balancing, replacements.

use super::schema::one_f64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The cells of a pack one by one: how they are joined, kept together and replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CellNetwork {
    /// Which cells share a busbar.
    pub arrangement: CellArrangement,
    /// Where the terminals are along the busbars.
    pub terminals: CellTerminals,
    /// Resistance of a busbar from one cell to the next.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub busbar_mohm: f64,
    /// Resistance of a cell's contacts, both ends together.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub contact_mohm: f64,
    /// Resistance of the pack's terminals and cables.
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub terminal_mohm: f64,
    /// Standard deviation of how much warmer one cell's place is than another's.
    #[schemars(range(min = 0.0, max = 20.0))]
    pub place_sd_c: f64,
    /// Standard deviation of the groups' states of charge at the start, about the pack's.
    #[schemars(range(min = 0.0, max = 0.3))]
    pub group_soc_sd: f64,
    /// Heat conducted between neighbours along the busbars, per kelvin.
    #[schemars(range(min = 0.0, max = 100.0))]
    pub neighbour_w_per_k: f64,
    /// How cells in series are kept together; not at all when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balancing: Option<CellBalancing>,
    /// Cells that are replaced during the run.
    #[schemars(length(max = 10000))]
    pub replace: Vec<CellReplacement>,
    /// Longest step under current.
    #[schemars(range(min = 0.1, max = 3600.0))]
    pub step_s: f64,
    /// Whether voltage, current, charge and temperature of every cell are recorded, not only their ranges.
    pub record_cells: bool,
}

/// Which cells share a busbar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellArrangement {
    /// Parallel groups with two bars of their own each, joined at the bars' ends.
    Groups,
    /// Parallel groups that share a bar with the next along its whole length.
    SharedBars,
    /// Strings of cells in series, joined at the pack's ends only.
    Strings,
}

/// Where the terminals are along the busbars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CellTerminals {
    /// Both at the first cell.
    Same,
    /// One at the first cell, one at the last.
    Opposite,
}

/// How cells in series are kept together: one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellBalancing {
    /// Groups that are too high are discharged through resistors, while the pack is not being discharged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passive: Option<PassiveBalancing>,
    /// The highest group charges the lowest through a converter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<ActiveBalancing>,
}

/// Bleeding resistors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PassiveBalancing {
    /// Current of a group's resistor.
    #[schemars(range(min = 0.0, max = 100000.0))]
    pub bleed_ma: f64,
    /// Only groups above this voltage.
    #[schemars(range(min = 0.0, max = 10.0))]
    pub above_v: f64,
    /// Begins so far above the lowest group, ends at half of it.
    #[serde(default = "default_balancing_difference")]
    #[schemars(range(min = 0.1, max = 1000.0))]
    pub difference_mv: f64,
}

/// A converter from group to group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActiveBalancing {
    /// Current taken from the highest group.
    #[schemars(range(min = 0.0, max = 1000000.0))]
    pub transfer_ma: f64,
    /// Energy given per energy taken.
    #[serde(default = "default_transfer_efficiency")]
    #[schemars(range(min = 0.1, max = 1.0))]
    pub efficiency: f64,
    /// Only while the highest group is above this voltage.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub above_v: f64,
    /// Begins at this difference between the highest and the lowest group, ends at half of it.
    #[serde(default = "default_balancing_difference")]
    #[schemars(range(min = 0.1, max = 1000.0))]
    pub difference_mv: f64,
}

/// A cell that is replaced, in every pack of the group.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CellReplacement {
    /// Days after the start; a pack that was replaced as a whole meanwhile has its cell replaced all the same.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 36525.0))]
    pub at_day: f64,
    /// Which group in series, counted from 1 at the negative terminal.
    #[schemars(range(min = 1, max = 2000))]
    pub group: u32,
    /// Which cell of the group, counted from 1 at the negative terminal's end of the busbars.
    #[schemars(range(min = 1, max = 2000))]
    pub position: u32,
    /// Capacity of the cell that comes in, relative to its own new one: below 1 for a used cell.
    #[serde(default = "one_f64")]
    #[schemars(range(min = 0.3, max = 1.0))]
    pub soh: f64,
}

impl Default for CellNetwork {
    /// Busbars and contacts of a pack of round cells on welded nickel strips; assumed, within the 0.1 to 0.5 mΩ a
    /// segment and 0.2 to 10 mΩ a contact of published pack models.
    fn default() -> Self {
        Self {
            arrangement: CellArrangement::Groups,
            terminals: CellTerminals::Opposite,
            busbar_mohm: 0.1,
            contact_mohm: 0.5,
            terminal_mohm: 0.0,
            // assumed: an air-cooled pack of a few kilograms.
            place_sd_c: 1.0,
            group_soc_sd: 0.0,
            // assumed: a strip of nickel and a few millimetres of air between round cells.
            neighbour_w_per_k: 0.02,
            balancing: None,
            replace: Vec::new(),
            step_s: 60.0,
            record_cells: false,
        }
    }
}

fn default_balancing_difference() -> f64 {
    // assumed: above what hysteresis and unequal resistance make cells of equal charge differ.
    20.0
}
fn default_transfer_efficiency() -> f64 {
    // assumed: a small isolated converter.
    0.85
}
