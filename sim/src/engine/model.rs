//! A variant made ready to run: files read, chemistries compiled, everything that its worlds share.

use super::cells::CellsModel;
use super::cleanup::model::CleanupModel;
use crate::scenario::schema::{self, ChargingPolicy, Duty, Scenario};
use crate::world::demand::Demand;
use crate::world::drive::Ride;
use crate::world::{self, Note, Surroundings, WorldError};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twin::battery::chemistry::ChemistryFile;
use twin::battery::circuit::CellModel;
use twin::battery::library::{self, ChemistryError};
use twin::battery::pack::{Layout, PackModel, Spread};
use twin::battery::thermal::ThermalPath;
use twin::cabinet::meter::Supply;
use twin::cabinet::policy::{Policy, PolicyKind};
use twin::cabinet::{CabinetModel, SwapRule};
use twin::forcing::Ambient;
use twin::rng::Seed;
use twin::time::{Time, UtcOffset};

/// Why a variant cannot be made ready.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file or a choice of the world is wrong.
    #[error(transparent)]
    World(#[from] WorldError),
    /// No chemistry of that name.
    #[error("there is no chemistry called `{0}`; see `celltide cell list`")]
    NoChemistry(String),
    /// A chemistry file cannot be read.
    #[error("cannot read chemistry file {}", path.display())]
    ChemistryUnread {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A chemistry file makes no sense.
    #[error("{}", path.display())]
    ChemistryFile {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<ChemistryError>,
    },
    /// A formula of a chemistry cannot be read.
    #[error("chemistry `{name}`")]
    Formula {
        /// The chemistry.
        name: String,
        /// What is wrong.
        source: twin::battery::formula::FormulaError,
    },
    /// A battery that cannot be followed as particles.
    #[error("battery of `{name}` as particles")]
    Particles {
        /// The chemistry.
        name: String,
        /// Why not.
        source: super::fidelity::ParticleRefusal,
    },
    /// A chemistry that cannot be simulated cell by cell.
    #[error("pack group `{group}` asks for a network of cells")]
    Cells {
        /// The group.
        group: String,
        /// Why not.
        source: twin::battery::network::circuits::UnsuitedCell,
    },
    /// Blocks of a data centre that are no lead-acid blocks.
    #[error("blocks of data centre `{name}`")]
    Blocks {
        /// The data centre.
        name: String,
        /// What is wrong.
        source: twin::battery::lead_acid::block::LeadAcidError,
    },
    /// A factor table lacks a name.
    #[error(transparent)]
    Factor(#[from] twin::passport::factors::UnknownName),
    /// A footprint cannot be computed.
    #[error(transparent)]
    Carbon(#[from] twin::passport::carbon::CarbonError),
    /// A chain of second lives that is not defined.
    #[error("there is no second life called `{0}`")]
    NoSecondLife(String),
    /// A battery kind that is not defined.
    #[error("there is no battery kind called `{0}`")]
    NoBattery(String),
}

/// Cells that were compiled already, by chemistry, or by path where the chemistry is a file.
#[derive(Debug, Default)]
pub struct Cells(HashMap<String, Arc<CellModel>>);

/// Whether a chemistry is named by the path of its file, and not by the name of one that ships.
#[must_use]
pub fn names_a_file(chemistry: &str) -> bool {
    chemistry.ends_with(".toml")
}

/// The chemistry of this name or in this file; relative paths begin at `folder`.
///
/// # Errors
/// When there is none of that name, or the file cannot be read or makes no sense.
pub fn chemistry(name: &str, folder: &Path) -> Result<ChemistryFile, ModelError> {
    if !names_a_file(name) {
        return library::find(name).ok_or_else(|| ModelError::NoChemistry(name.into()));
    }
    let path = folder.join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => library::read(&text)
            .map_err(|source| ModelError::ChemistryFile { path, source: Box::new(source) }),
        Err(source) => Err(ModelError::ChemistryUnread { path, source }),
    }
}

impl Cells {
    /// The compiled cell of a chemistry; the paths of chemistry files begin at `folder`.
    ///
    /// # Errors
    /// When there is none of that name or its formulas cannot be read.
    pub fn get(&mut self, name: &str, folder: &Path) -> Result<Arc<CellModel>, ModelError> {
        let key = if names_a_file(name) { folder.join(name).display().to_string() } else { name.to_owned() };
        if let Some(cell) = self.0.get(&key) {
            return Ok(cell.clone());
        }
        let compiled = CellModel::compile(chemistry(name, folder)?);
        let cell = Arc::new(compiled.map_err(|source| ModelError::Formula { name: name.into(), source })?);
        self.0.insert(key, cell.clone());
        Ok(cell)
    }
}

/// A kind of battery.
#[derive(Debug, Clone)]
pub struct Kind {
    /// The scenario's name for it.
    pub name: String,
    /// A pack whose cells are all alike.
    pub pack: PackModel,
    /// How cells differ.
    pub spread: Spread,
    /// State of health at which a pack is taken out of service.
    pub end_of_life_soh: f64,
    /// Price of a new pack.
    pub price: f64,
    /// Emissions of making one [kg CO2e].
    pub production_carbon_kg: f64,
}

impl Kind {
    fn of(
        name: &str,
        file: &schema::BatteryKind,
        folder: &Path,
        cells: &mut Cells,
    ) -> Result<Self, ModelError> {
        let (cell, fidelity) = super::fidelity::of(file, folder, cells)?;
        let heat = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
        let path = file.thermal;
        let layout = Layout { series: file.series, parallel: file.parallel };
        let thermal = ThermalPath::from_time_constants(
            heat,
            path.enclosure_heat_ratio,
            path.cell_time_constant_s,
            path.pack_time_constant_s,
        );
        Ok(Self {
            name: name.into(),
            pack: PackModel::uniform(cell, layout, thermal).with_fidelity(fidelity),
            spread: Spread {
                capacity: file.scatter.capacity_sd,
                resistance: file.scatter.resistance_sd,
                ageing: file.scatter.ageing_sd,
            },
            end_of_life_soh: file.end_of_life_soh,
            price: file.price,
            production_carbon_kg: file.production_carbon_kg,
        })
    }

    /// A pack of this kind, its cells drawn from the stream of its name.
    pub fn draw(&self, name: &str, seed: Seed) -> PackModel {
        let mut stream = seed.stream(name, "scatter", 0);
        self.pack.drawn(self.spread, &mut stream)
    }
}

/// A swap network.
#[derive(Debug)]
pub struct NetworkModel {
    /// What the scenario says.
    pub file: schema::Network,
    /// Its kind of battery, as index.
    pub kind: usize,
    /// When riders are about.
    pub demand: Demand,
    /// Rides to draw from.
    pub rides: Vec<Ride>,
    /// Energy over distance of all rides together [Wh/km].
    pub wh_per_km: f64,
    /// Its cabinets.
    pub cabinet: CabinetModel,
    /// The chain of second lives that takes its worn packs, as index.
    pub retired_to: Option<usize>,
}

/// Packs with a duty of their own.
#[derive(Debug)]
pub struct GroupModel {
    /// What the scenario says.
    pub file: schema::PackGroup,
    /// Its kind of battery, as index.
    pub kind: usize,
    /// Where the packs stand.
    pub ambient: Ambient,
    /// Rides, for a duty that drives.
    pub rides: Vec<Ride>,
    /// Cells and joints, where every cell is simulated on its own.
    pub cells: Option<CellsModel>,
    /// The chain of second lives that takes its worn packs, as index.
    pub retired_to: Option<usize>,
}

/// A variant made ready.
#[derive(Debug)]
pub struct VariantModel {
    /// Name.
    pub name: String,
    /// Seed of the scenario.
    pub seed: Seed,
    /// First instant.
    pub start: Time,
    /// Last instant.
    pub end: Time,
    /// Milliseconds between rows of the time series.
    pub interval_ms: i64,
    /// Whether every swap is an event.
    pub swap_events: bool,
    /// Local time.
    pub local: UtcOffset,
    /// Air, price, carbon, sun.
    pub surroundings: Surroundings,
    /// Kinds of battery.
    pub kinds: Vec<Kind>,
    /// Swap networks.
    pub networks: Vec<NetworkModel>,
    /// Packs with a duty of their own.
    pub groups: Vec<GroupModel>,
    /// Data centres and second lives.
    pub sites: super::sites::model::Sites,
    /// What breaks.
    pub faults: Vec<schema::Fault>,
    /// Cleanups.
    pub cleanups: Vec<CleanupModel>,
    /// Sources and assumptions of all inputs.
    pub notes: Vec<Note>,
}

impl VariantModel {
    /// Reads and compiles all that a scenario names.
    ///
    /// # Errors
    /// When a file is missing or wrong.
    pub fn of(name: &str, scenario: &Scenario, folder: &Path, cells: &mut Cells) -> Result<Self, ModelError> {
        let (start, end) = world::span(scenario)?;
        let local = UtcOffset::of_hours(scenario.utc_offset_h);
        let surroundings = world::surroundings(scenario, folder)?;
        let mut notes = surroundings.notes.clone();
        let kinds: Vec<Kind> = scenario
            .batteries
            .iter()
            .map(|(n, file)| Kind::of(n, file, folder, cells))
            .collect::<Result<_, _>>()?;
        let by_name: BTreeMap<&str, usize> =
            scenario.batteries.keys().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
        let kind_of = |n: &str| by_name.get(n).copied().ok_or_else(|| ModelError::NoBattery(n.into()));

        let mut networks = Vec::new();
        for file in &scenario.networks {
            let kind = kind_of(&file.battery)?;
            let demand = world::demand(&file.riders, local, folder)?;
            let library = world::trip_library(&file.trips, &file.vehicle, folder)?;
            notes.extend(library.notes.iter().cloned());
            let cabinet =
                cabinet_model(file, &kinds[kind], &demand, &surroundings, local, library.wh_per_km());
            networks.push(NetworkModel {
                retired_to: super::sites::model::chain_called(scenario, file.retired_to.as_deref())?,
                file: file.clone(),
                kind,
                demand,
                wh_per_km: library.wh_per_km(),
                rides: library.rides(),
                cabinet,
            });
        }
        let mut groups = Vec::new();
        for file in &scenario.packs {
            let mut rides = Vec::new();
            if let Duty::Drive { vehicle, trips, .. } = &file.duty {
                let library = world::trip_library(trips, vehicle, folder)?;
                notes.extend(library.notes.iter().cloned());
                rides = library.rides();
            }
            // A room keeps its temperature, however much warmer than outdoors it is elsewhere.
            let ambient = match file.room_c {
                Some(room_c) => Ambient::constant(room_c),
                None => Ambient { air_c: surroundings.air_c.clone(), shift_c: file.ambient_shift_c },
            };
            let kind = kind_of(&file.battery)?;
            let cells = file.network.as_ref().map(|network| CellsModel::of(&kinds[kind], network, start));
            let cells =
                cells.transpose().map_err(|source| ModelError::Cells { group: file.name.clone(), source })?;
            groups.push(GroupModel {
                retired_to: super::sites::model::chain_called(scenario, file.retired_to.as_deref())?,
                kind,
                cells,
                ambient,
                rides,
                file: file.clone(),
            });
        }
        let sites = super::sites::model::Sites::of(scenario, &kinds, &by_name, &surroundings, folder)?;
        notes.extend(sites.notes());
        let mut cleanups = Vec::new();
        for file in &scenario.cleanups {
            let cleanup = CleanupModel::of(file, kind_of, &surroundings.carbon_g_per_kwh, local)?;
            notes.extend(cleanup.notes());
            cleanups.push(cleanup);
        }
        Ok(Self {
            sites,
            name: name.into(),
            seed: Seed(scenario.seed),
            start,
            end,
            interval_ms: ((scenario.output.interval_days * twin::time::DAY_MS as f64) as i64).max(60_000),
            swap_events: scenario.output.swap_events,
            local,
            surroundings,
            kinds,
            networks,
            groups,
            faults: scenario.faults.clone(),
            cleanups,
            notes,
        })
    }
}

fn cabinet_model(
    file: &schema::Network,
    kind: &Kind,
    demand: &Demand,
    surroundings: &Surroundings,
    local: UtcOffset,
    wh_per_km: f64,
) -> CabinetModel {
    let cabinets = &file.cabinets;
    let charger_w = cabinets.charger_kw * 1e3;
    let riders = &file.riders;
    // A rider comes back with what is left of the pack; on average four fifths of the usable charge are ridden.
    let usable = (file.charging.ready_soc - riders.reserve_soc).max(0.05);
    let return_soc = (file.charging.ready_soc - 0.8 * usable).clamp(0.0, 1.0);
    let swaps_per_day =
        f64::from(riders.count) * riders.km_per_day * wh_per_km / (0.8 * usable * kind.pack.rated_wh());
    let kind_of_policy = match file.charging.policy {
        ChargingPolicy::Immediate => PolicyKind::Immediate,
        ChargingPolicy::OffPeak => PolicyKind::OffPeak,
        ChargingPolicy::LeastCarbon => PolicyKind::LeastCarbon,
        ChargingPolicy::HealthAware => {
            // 2024-01-01 was a Monday; the mean week begins there in local time.
            let monday = Time(1_704_067_200_000 - local.ms);
            let per_hour = swaps_per_day / f64::from(cabinets.count) / 24.0;
            let arrivals: Vec<f64> = (0..168)
                .map(|h| demand.intensity(monday + (h * twin::time::HOUR_MS + 1)) * per_hour)
                .collect();
            PolicyKind::HealthAware { arrivals_per_hour: arrivals.into(), local }
        }
    };
    let rated_ah = kind.pack.rated_ah();
    CabinetModel {
        slots: cabinets.slots as usize,
        charger_w,
        current_max_a: file.charging.c_rate_max.map_or(f64::INFINITY, |c| c * rated_ah),
        pack_wh: kind.pack.rated_wh(),
        target_soc: file.charging.target_soc,
        ready_soc: file.charging.ready_soc,
        return_soc,
        policy: Policy { kind: kind_of_policy, reserve: file.charging.reserve as usize },
        rule: match file.swap_rule {
            schema::SwapRule::HighestSoc => SwapRule::HighestSoc,
            schema::SwapRule::Oldest => SwapRule::Oldest,
            schema::SwapRule::Healthiest => SwapRule::Healthiest,
            schema::SwapRule::LeastWorn => SwapRule::LeastWorn,
        },
        supply: Supply {
            price: surroundings.price_per_kwh.clone(),
            carbon: surroundings.carbon_g_per_kwh.clone(),
            sun: surroundings.solar_fraction.clone(),
            solar_wp: cabinets.solar_kwp * 1e3,
            site_power_w: cabinets.site_power_kw * 1e3,
            standby_w: cabinets.standby_w,
            charger_w,
            efficiency: cabinets.charger_efficiency.clone().into(),
        },
    }
}
