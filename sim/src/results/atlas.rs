//! Where things lie and what flows between them: what a map and a flow chart are drawn from.

use serde::{Deserialize, Serialize};

/// Places, tracks and flows of one world.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Atlas {
    /// Areas.
    pub areas: Vec<Area>,
    /// Points.
    pub spots: Vec<Spot>,
    /// Ways.
    pub tracks: Vec<Track>,
    /// Amounts from stage to stage.
    pub flows: Vec<Flow>,
}

impl Atlas {
    /// Adds what another atlas holds.
    pub fn add(&mut self, other: &Atlas) {
        self.areas.extend_from_slice(&other.areas);
        self.spots.extend_from_slice(&other.spots);
        self.tracks.extend_from_slice(&other.tracks);
        for flow in &other.flows {
            match self.flows.iter_mut().find(|known| known.from == flow.from && known.to == flow.to) {
                Some(known) => known.mass_kg += flow.mass_kg,
                None => self.flows.push(flow.clone()),
            }
        }
    }
}

/// An area between parallels and meridians; west above east lies across the date line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Name.
    pub name: String,
    /// Southern edge.
    pub south_deg: f64,
    /// Northern edge.
    pub north_deg: f64,
    /// Western edge.
    pub west_deg: f64,
    /// Eastern edge.
    pub east_deg: f64,
}

/// A point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spot {
    /// Name.
    pub name: String,
    /// `port`, `plant`.
    pub kind: String,
    /// Degrees north.
    pub latitude_deg: f64,
    /// Degrees east.
    pub longitude_deg: f64,
}

/// A way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Whose.
    pub name: String,
    /// Degrees north and east, in order of time.
    pub points: Vec<(f64, f64)>,
}

/// An amount that goes from one stage to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// From here.
    pub from: String,
    /// To there.
    pub to: String,
    /// How much [kg].
    pub mass_kg: f64,
}
