//! What a scenario file may say about taking plastic from the sea: grounds, vessels, teams, ports, trucks, plants.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A cleanup: where plastic lies, who takes it up, and what becomes of it ashore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cleanup {
    /// Name of the cleanup.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Pieces of sea, river mouths, beaches, sea floor.
    #[schemars(length(min = 1, max = 100))]
    pub grounds: Vec<GroundFile>,
    /// Ports, with a yard where batches wait.
    #[schemars(length(min = 1, max = 100))]
    pub ports: Vec<PortFile>,
    /// Vessels that tow a net.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub vessels: Vec<VesselGroup>,
    /// Teams that stay where they are: beach crews, divers, river traps.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub teams: Vec<TeamGroup>,
    /// Trucks between ports and plants.
    pub trucks: Trucks,
    /// Sorting and recycling plants.
    #[schemars(length(min = 1, max = 100))]
    pub plants: Vec<PlantFile>,
    /// Who goes where.
    #[serde(default)]
    pub routing: Routing,
    /// What breaks on vessels.
    #[serde(default)]
    #[schemars(length(max = 100))]
    pub breakdowns: Vec<Breakdown>,
}

/// A ground.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroundFile {
    /// Name of the ground.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Kind of sea, for what is left out below: `great_pacific_garbage_patch`, `north_pacific_gyre_mean`,
    /// `mediterranean`, `open_ocean`, `coastal`, `river_mouth`, `beach`.
    pub sea: String,
    /// Southern edge.
    #[schemars(range(min = -85.0, max = 85.0))]
    pub south_deg: f64,
    /// Northern edge.
    #[schemars(range(min = -85.0, max = 85.0))]
    pub north_deg: f64,
    /// Western edge; west above east lies across the date line.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub west_deg: f64,
    /// Eastern edge.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub east_deg: f64,
    /// Area that plastic lies on, where that is less than the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0001, max = 1.0e8))]
    pub area_km2: Option<f64>,
    /// Density at the start, instead of the sea's mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0e6))]
    pub density_kg_per_km2: Option<f64>,
    /// Standard deviation of the logarithm of density from one clearing to the next, instead of the sea's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 4.0))]
    pub scatter_ln: Option<f64>,
    /// What comes in.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0e9))]
    pub inflow_kg_per_day: f64,
    /// Share of what is there that leaves by itself each day.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub loss_per_day: f64,
    /// Mean current to the east.
    #[serde(default)]
    #[schemars(range(min = -3.0, max = 3.0))]
    pub current_east_m_s: f64,
    /// Mean current to the north.
    #[serde(default)]
    #[schemars(range(min = -3.0, max = 3.0))]
    pub current_north_m_s: f64,
}

/// A port.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PortFile {
    /// Name of the port.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Degrees north.
    #[schemars(range(min = -85.0, max = 85.0))]
    pub latitude_deg: f64,
    /// Degrees east.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub longitude_deg: f64,
    /// Plastic that its yard holds. A vessel waits with its catch while there is no room.
    #[schemars(range(min = 0.1, max = 1.0e6))]
    pub yard_t: f64,
}

/// What drives a vessel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drive {
    /// A diesel engine.
    #[default]
    Diesel,
    /// A diesel engine and a battery: tows on the battery, sails on the engine.
    Hybrid,
    /// A battery alone.
    Battery,
}

/// Vessels of one make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VesselGroup {
    /// Name of the group; vessels are called `name-1`, `name-2`, …
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// How many.
    #[schemars(range(min = 1, max = 1000))]
    pub count: u32,
    /// Port that they come from.
    pub home: String,
    /// Ground that they work.
    pub ground: String,
    /// What drives them.
    #[serde(default)]
    pub drive: Drive,
    /// Kind of battery of a hybrid or battery vessel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub battery: Option<String>,
    /// Engine.
    #[serde(default = "default_engine_kw")]
    #[schemars(range(min = 1.0, max = 100000.0))]
    pub engine_kw: f64,
    /// Tank.
    #[serde(default = "default_tank_l")]
    #[schemars(range(min = 1.0, max = 1.0e7))]
    pub tank_l: f64,
    /// Most that the battery drives with.
    #[serde(default = "default_battery_kw")]
    #[schemars(range(min = 1.0, max = 100000.0))]
    pub battery_kw: f64,
    /// Connection in port.
    #[serde(default = "default_shore_kw")]
    #[schemars(range(min = 1.0, max = 100000.0))]
    pub shore_kw: f64,
    /// Lights, pumps, winches, crew.
    #[serde(default = "default_hotel_kw")]
    #[schemars(range(min = 0.0, max = 10000.0))]
    pub hotel_kw: f64,
    /// Speed that the design power belongs to.
    #[serde(default = "default_design_speed_kn")]
    #[schemars(range(min = 1.0, max = 40.0))]
    pub design_speed_kn: f64,
    /// Shaft power at that speed, empty.
    #[serde(default = "default_design_kw")]
    #[schemars(range(min = 1.0, max = 100000.0))]
    pub design_kw: f64,
    /// Displacement when empty.
    #[serde(default = "default_light_t")]
    #[schemars(range(min = 0.5, max = 500000.0))]
    pub light_t: f64,
    /// Speed under way.
    #[serde(default = "default_cruise_kn")]
    #[schemars(range(min = 0.5, max = 40.0))]
    pub cruise_kn: f64,
    /// Speed through the water with the net out. The survey of the Pacific patch towed at 2.8 kn (median of 652 tows),
    /// large spans at 1.5 kn.
    #[serde(default = "default_tow_kn")]
    #[schemars(range(min = 0.2, max = 10.0))]
    pub tow_kn: f64,
    /// Width that the net sweeps.
    #[schemars(range(min = 0.5, max = 5000.0))]
    pub swath_m: f64,
    /// Share of what it meets that the net keeps.
    #[serde(default = "default_net_efficiency")]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub efficiency: f64,
    /// Drag coefficient times frontal area of the net.
    #[serde(default = "default_drag_area_m2")]
    #[schemars(range(min = 0.0, max = 10000.0))]
    pub drag_area_m2: f64,
    /// Most that the hold carries.
    #[schemars(range(min = 0.01, max = 100000.0))]
    pub hold_t: f64,
    /// Room in the hold.
    #[schemars(range(min = 0.1, max = 1.0e6))]
    pub hold_m3: f64,
    /// Longest time away.
    #[serde(default = "default_endurance_days")]
    #[schemars(range(min = 0.1, max = 365.0))]
    pub endurance_days: f64,
    /// Length of one haul.
    #[serde(default = "default_haul_h")]
    #[schemars(range(min = 0.5, max = 48.0))]
    pub haul_h: f64,
    /// How fast the catch is brought ashore.
    #[serde(default = "default_unload_t_per_h")]
    #[schemars(range(min = 0.01, max = 1000.0))]
    pub unload_t_per_h: f64,
    /// Time in port after that.
    #[serde(default = "default_turnaround_h")]
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub turnaround_h: f64,
}

/// How a team works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TeamMethod {
    /// By hand, on a beach.
    BeachCleanup,
    /// By divers.
    UnderwaterCollection,
    /// With a barrier in a river.
    RiverTrap,
}

/// Teams of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamGroup {
    /// Name of the group; teams are called `name-1`, `name-2`, …
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// How many.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub count: u32,
    /// How they work.
    pub method: TeamMethod,
    /// Ground that they work.
    pub ground: String,
    /// Port whose yard they bring it to.
    pub port: String,
    /// People of a crew or divers.
    #[serde(default = "default_people")]
    #[schemars(range(min = 1, max = 10000))]
    pub people: u32,
    /// Area that one of them clears in an hour.
    #[serde(default = "default_m2_per_person_h")]
    #[schemars(range(min = 0.1, max = 100000.0))]
    pub m2_per_person_h: f64,
    /// Width of a river trap.
    #[serde(default = "default_width_m")]
    #[schemars(range(min = 0.5, max = 5000.0))]
    pub width_m: f64,
    /// Speed of the river's surface.
    #[serde(default = "default_flow_m_s")]
    #[schemars(range(min = 0.01, max = 5.0))]
    pub flow_m_s: f64,
    /// Share of what lies there or comes by that is taken up.
    #[serde(default = "default_team_efficiency")]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub efficiency: f64,
    /// Hours of a shift, one a day.
    #[serde(default = "default_shift_h")]
    #[schemars(range(min = 0.5, max = 23.5))]
    pub shift_h: f64,
    /// Days a week, from Monday on.
    #[serde(default = "default_days_per_week")]
    #[schemars(range(min = 1, max = 7))]
    pub days_per_week: u32,
    /// What its skip or bags hold.
    #[schemars(range(min = 1.0, max = 1.0e6))]
    pub skip_kg: f64,
    /// Fuel of cars, boat or crane for a shift.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 10000.0))]
    pub fuel_l_per_shift: f64,
}

/// Trucks of one make. A truck's trip includes the empty way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trucks {
    /// How many.
    #[schemars(range(min = 1, max = 10000))]
    pub count: u32,
    /// Most that one carries.
    #[schemars(range(min = 0.1, max = 100.0))]
    pub capacity_t: f64,
    /// Mean speed on the road.
    #[serde(default = "default_truck_km_h")]
    #[schemars(range(min = 5.0, max = 130.0))]
    pub speed_km_h: f64,
    /// To load, and to unload.
    #[serde(default = "default_handling_h")]
    #[schemars(range(min = 0.0, max = 24.0))]
    pub handling_h: f64,
    /// A truck leaves with at least this share of what it carries, …
    #[serde(default = "default_least_load")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub least_load: f64,
    /// … or when the oldest batch has waited so long.
    #[serde(default = "default_wait_days")]
    #[schemars(range(min = 0.0, max = 365.0))]
    pub wait_max_days: f64,
}

/// What a plant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlantWork {
    /// Sorts out what can be recycled.
    Sorting,
    /// Washes, shreds and makes pellets.
    Recycling,
}

/// A plant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlantFile {
    /// Name of the plant.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// What it does.
    pub work: PlantWork,
    /// Degrees north.
    #[schemars(range(min = -85.0, max = 85.0))]
    pub latitude_deg: f64,
    /// Degrees east.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub longitude_deg: f64,
    /// What its slowest stage gets through while the plant is open.
    #[schemars(range(min = 0.1, max = 1.0e6))]
    pub kg_per_h: f64,
    /// What it holds at most, waiting and in work.
    #[schemars(range(min = 0.1, max = 1.0e6))]
    pub yard_t: f64,
    /// Shifts of eight hours a day, the first from 6 on.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 3))]
    pub shifts: u32,
    /// Working days a week, from Monday on.
    #[serde(default = "seven")]
    #[schemars(range(min = 1, max = 7))]
    pub days: u32,
    /// Power drawn at all times.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0e5))]
    pub standby_kw: f64,
    /// Chance that inspection finds a batch in worse condition than it came with.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub downgraded_share: f64,
}

/// Who goes where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Routing {
    /// Which port a full vessel makes for.
    pub port_choice: PortChoice,
    /// Which ground a vessel sails to.
    pub ground_choice: GroundChoice,
    /// Which plant a truck goes to.
    pub plant_choice: PlantChoice,
}

/// Which port a full vessel makes for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PortChoice {
    /// Its home.
    #[default]
    Home,
    /// The nearest.
    Nearest,
}

/// Which ground a vessel sails to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroundChoice {
    /// Its own.
    #[default]
    Assigned,
    /// The one with the highest mean density at the time, of those that no team works and that can be reached and left
    /// again in two fifths of the endurance.
    Densest,
}

/// Which plant a truck goes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlantChoice {
    /// The nearest that has room.
    #[default]
    Nearest,
    /// The one with the shortest queue in hours.
    LeastQueued,
}

/// Something that breaks on vessels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Breakdown {
    /// What.
    pub part: VesselPart,
    /// Mean time between failures of one vessel.
    #[schemars(range(min = 0.1, max = 1000000.0))]
    pub mean_days: f64,
    /// Time until mended.
    #[schemars(range(min = 0.01, max = 100000.0))]
    pub mend_h: f64,
    /// Share of engine power or net that is left meanwhile.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub left: f64,
    /// Error that a scale gains a day.
    #[serde(default)]
    #[schemars(range(min = -1.0, max = 1.0))]
    pub drift_per_day: f64,
}

/// What breaks on a vessel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VesselPart {
    /// The engine, or the motor of a battery vessel.
    Engine,
    /// The net tears.
    Net,
    /// The tracker falls silent.
    Tracker,
    /// The scale under the hold drifts.
    Scale,
}

fn one() -> u32 {
    1
}
fn three() -> u32 {
    3
}
fn seven() -> u32 {
    7
}
// assumed, unless a source is given: a converted trawler or supply vessel of some 35 m.
fn default_engine_kw() -> f64 {
    750.0
}
fn default_tank_l() -> f64 {
    60_000.0
}
fn default_battery_kw() -> f64 {
    300.0
}
fn default_shore_kw() -> f64 {
    250.0
}
fn default_hotel_kw() -> f64 {
    25.0
}
fn default_design_speed_kn() -> f64 {
    11.0
}
fn default_design_kw() -> f64 {
    480.0
}
fn default_light_t() -> f64 {
    420.0
}
fn default_cruise_kn() -> f64 {
    9.0
}
fn default_tow_kn() -> f64 {
    1.5
}
fn default_net_efficiency() -> f64 {
    0.7
}
fn default_drag_area_m2() -> f64 {
    150.0
}
fn default_endurance_days() -> f64 {
    42.0
}
fn default_haul_h() -> f64 {
    12.0
}
fn default_unload_t_per_h() -> f64 {
    8.0
}
fn default_turnaround_h() -> f64 {
    24.0
}
fn default_people() -> u32 {
    20
}
fn default_m2_per_person_h() -> f64 {
    150.0
}
fn default_width_m() -> f64 {
    50.0
}
fn default_flow_m_s() -> f64 {
    0.4
}
fn default_team_efficiency() -> f64 {
    0.9
}
fn default_shift_h() -> f64 {
    6.0
}
fn default_days_per_week() -> u32 {
    5
}
fn default_truck_km_h() -> f64 {
    55.0
}
fn default_handling_h() -> f64 {
    0.75
}
fn default_least_load() -> f64 {
    0.7
}
fn default_wait_days() -> f64 {
    7.0
}
