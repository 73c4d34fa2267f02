//! Facilities made ready to run.

use super::super::model::{GroupModel, Kind, ModelError};
use crate::engine::place::Part;
use crate::scenario::schema::{
    self, CarePolicy, Composition, Duty, FreightLeg, GridRegion, Life, PackGroup, RecyclingProcess, Scenario,
};
use crate::world::{self, Note, Surroundings};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use twin::battery::lead_acid::block::BlockModel;
use twin::battery::lead_acid::string::StringModel;
use twin::facility::data_centre::{Care, DataCentreModel, Outages, Room};
use twin::facility::line::{self, Process};
use twin::facility::shifts::Shifts;
use twin::facility::works::WorksModel;
use twin::forcing::Ambient;
use twin::passport::carbon::{self, Battery, Grid, Leg, Way};
use twin::passport::content;
use twin::passport::factors;
use twin::passport::material::Masses;
use twin::passport::regulation::Family;
use twin::time::UtcOffset;

/// Facilities of a variant.
#[derive(Debug, Default)]
pub struct Sites {
    /// Data centres.
    pub data_centres: Vec<CentreSite>,
    /// Second lives.
    pub chains: Vec<ChainSite>,
}

/// A data centre.
#[derive(Debug)]
pub struct CentreSite {
    /// What the scenario says.
    pub file: schema::DataCentre,
    /// Its kind of block, as index.
    pub kind: usize,
    /// The twin's model.
    pub centre: Arc<DataCentreModel>,
    /// Strings of each room and the air that they stand in.
    pub banks: Vec<(Arc<StringModel>, Ambient)>,
    /// The chain of second lives that takes replaced blocks, as index.
    pub retired_to: Option<usize>,
}

/// A chain of second lives.
#[derive(Debug)]
pub struct ChainSite {
    /// What the scenario says.
    pub file: schema::SecondLife,
    /// Its kind of battery, as index.
    pub kind: usize,
    /// The duty in vehicles of its own.
    pub vehicle: Option<GroupModel>,
    /// The duty in the store.
    pub store: Option<GroupModel>,
    /// The air outdoors.
    pub outdoors: Ambient,
    /// The recycler.
    pub works: Arc<WorksModel>,
    /// Contents of a pack [kg].
    pub contents: Masses,
    /// Emissions of making one [kg CO2e].
    pub making_kg: f64,
    /// Emissions of bringing one to vehicle, store and recycler [kg CO2e].
    pub freight_kg: [f64; 3],
    /// Family in the sense of targets.
    pub family: Family,
}

impl Sites {
    /// Reads and compiles what a scenario says about facilities.
    ///
    /// # Errors
    /// When something that it names is missing or wrong.
    pub fn of(
        scenario: &Scenario,
        kinds: &[Kind],
        by_name: &BTreeMap<&str, usize>,
        surroundings: &Surroundings,
        folder: &Path,
    ) -> Result<Self, ModelError> {
        let local = UtcOffset::of_hours(scenario.utc_offset_h);
        let kind_of = |n: &str| by_name.get(n).copied().ok_or_else(|| ModelError::NoBattery(n.into()));
        let mut sites = Self::default();
        for file in &scenario.data_centres {
            let mut site = centre(file, kind_of(&file.battery)?, kinds, surroundings, local)?;
            site.retired_to = chain_called(scenario, file.retired_to.as_deref())?;
            sites.data_centres.push(site);
        }
        for file in &scenario.second_lives {
            let kind = kind_of(&file.battery)?;
            sites.chains.push(chain(file, (kind, &kinds[kind]), surroundings, local, folder)?);
        }
        Ok(sites)
    }

    /// Zones that facilities make.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        let chains = (0..self.chains.len()).map(Part::SecondLife);
        (0..self.data_centres.len()).map(Part::DataCentre).chain(chains)
    }

    /// Kinds of battery in use, as index.
    pub fn kinds(&self) -> impl Iterator<Item = usize> {
        let chains = self.chains.iter().map(|chain| chain.kind);
        self.data_centres.iter().map(|centre| centre.kind).chain(chains)
    }

    /// Sources and assumptions.
    pub fn notes(&self) -> Vec<Note> {
        let note = |subject: &str, text: String, source: &str| Note {
            subject: subject.into(),
            text,
            source: source.into(),
        };
        let mut notes = Vec::new();
        if !self.data_centres.is_empty() {
            notes.push(note(
                "server load",
                "At an outage servers ask for a share of their most that is drawn from a normal distribution of \
                 utilisation, mean 0.655 and standard deviation 0.091; idle servers take 40 % of the power of busy ones."
                    .into(),
                "CPU utilisation of a Google cluster over 28 days; idle share assumed",
            ));
            notes.push(note(
                "battery rooms",
                "A room is as warm as its set point and offset, and warmer by a share of what the air outside \
                 exceeds the limit of its cooling. An outage does not warm it."
                    .into(),
                "assumed: no published model of battery rooms",
            ));
        }
        for chain in &self.chains {
            let set = &factors::carbon().set;
            let name = &chain.file.name;
            notes.push(note(
                &format!("second life {name}"),
                format!(
                    "A pack holds {:.0} kg and its making emits {:.0} kg CO₂e; emissions of use are those of its \
                     losses. Suitability is score SL-1.",
                    chain.contents.total_kg(),
                    chain.making_kg
                ),
                &format!("factor set {set}: twin/factors, each figure with its source"),
            ));
            notes.push(note(
                &format!("recycler of {name}"),
                format!(
                    "Process {}; treats {} kg a day.",
                    chain.works.kind.line(),
                    chain.file.recycler.daily_kg
                ),
                &line::line_file(chain.works.kind).source,
            ));
        }
        notes
    }
}

fn centre(
    file: &schema::DataCentre,
    kind: usize,
    kinds: &[Kind],
    surroundings: &Surroundings,
    local: UtcOffset,
) -> Result<CentreSite, ModelError> {
    let chemistry = &kinds[kind];
    let blocks = BlockModel::compile(&chemistry.pack.cell.file, chemistry.pack.layout.series);
    let block = Arc::new(blocks.map_err(|source| ModelError::Blocks { name: file.name.clone(), source })?);
    let room = |room: &schema::BatteryRoom| Room {
        setpoint_c: room.setpoint_c,
        temperature_offset_c: room.temperature_offset_c,
        outdoor_share: room.outdoor_share,
        cooling_limit_c: room.cooling_limit_c,
        humidity_pct: room.humidity_pct,
        humidity_offset_pct: room.humidity_offset_pct,
        load_max_w: room.load_kw * 1e3,
    };
    let rooms: Vec<Room> = file.rooms.iter().map(room).collect();
    let banks = file.rooms.iter().zip(&rooms).map(|(file, room)| {
        let strings = Arc::new(StringModel::new(block.clone(), file.blocks_per_string as usize));
        (strings, Ambient { air_c: room.air(&surroundings.air_c), shift_c: 0.0 })
    });
    let banks = banks.collect();
    let mut by_month = [1.0; 12];
    by_month.iter_mut().zip(&file.outages.by_month).for_each(|(weight, given)| *weight = *given);
    let generator = file.generator;
    let outages = Outages {
        per_year: file.outages.per_year,
        by_month,
        median_s: file.outages.median_min * 60.0,
        log_sd: file.outages.log_sd,
        generator_s: generator.map_or(f64::INFINITY, |generator| generator.start_s),
        generator_failure: generator.map_or(1.0, |generator| generator.failure_probability),
    };
    let care = match file.care.policy {
        CarePolicy::None => Care::None,
        CarePolicy::Worn => Care::Worn,
        CarePolicy::Forecast => Care::Forecast { days: file.care.forecast_days },
    };
    let worn_below = chemistry.end_of_life_soh;
    let model = DataCentreModel { rooms, outages, care, worn_below, local };
    Ok(CentreSite { file: file.clone(), kind, centre: Arc::new(model), banks, retired_to: None })
}

fn chain(
    file: &schema::SecondLife,
    (kind, battery): (usize, &Kind),
    surroundings: &Surroundings,
    local: UtcOffset,
    folder: &Path,
) -> Result<ChainSite, ModelError> {
    let group = |name: &str, life: &Life| -> Result<GroupModel, ModelError> {
        let rides = match &life.duty {
            Duty::Drive { vehicle, trips, .. } => world::trip_library(trips, vehicle, folder)?.rides(),
            Duty::Daily { .. } | Duty::Standby { .. } => Vec::new(),
        };
        let file = PackGroup {
            network: None,
            retired_to: None,
            name: format!("{}-{name}", file.name),
            battery: file.battery.clone(),
            count: file.vehicles,
            initial_soc: 0.5,
            ambient_shift_c: life.ambient_shift_c,
            room_c: None,
            duty: life.duty.clone(),
        };
        let ambient = Ambient { air_c: surroundings.air_c.clone(), shift_c: life.ambient_shift_c };
        Ok(GroupModel { file, kind, ambient, rides, cells: None, retired_to: None })
    };
    let energy_kwh = battery.pack.rated_wh() * 1e-3;
    let chemistry = file.composition.name();
    let contents = content::of_pack(chemistry, energy_kwh)?;
    let (making_kg, _) = carbon::production(&Battery {
        chemistry,
        energy_kwh,
        contents,
        recycled: &[],
        declared_production_kg: None,
        made_with: Grid::Region(file.made_in.unwrap_or(GridRegion::World).name().into()),
    })?;
    let freight = |legs: &[FreightLeg]| -> Result<f64, ModelError> {
        let mut sum = 0.0;
        for leg in legs {
            sum += carbon::transport(&Leg {
                mode: leg.mode.name(),
                way: Way::Distance(leg.distance_km),
                mass_kg: contents.total_kg(),
                factor_kg_per_t_km: None,
            })?;
        }
        Ok(sum)
    };
    let recycler = &file.recycler;
    let works_kind = line::Kind::BatteryRecycler(match recycler.process {
        RecyclingProcess::Hydro => Process::Hydro,
        RecyclingProcess::Pyro => Process::Pyro,
        RecyclingProcess::Direct => Process::Direct,
        RecyclingProcess::Smelting => Process::Smelting,
    });
    let shifts = Shifts::new(recycler.shifts, recycler.days, 6, local);
    let works = WorksModel {
        kind: works_kind,
        stages: line::stages(works_kind, recycler.daily_kg, &shifts)?,
        shifts,
        storage_kg: recycler.storage_kg,
        weight_tolerance: 0.1,
        downgrade_probability: 0.0,
        standby_w: recycler.standby_kw * 1e3,
        carbon_g_per_kwh: surroundings.carbon_g_per_kwh.clone(),
    };
    Ok(ChainSite {
        kind,
        vehicle: file.vehicle.as_ref().map(|life| group("vehicle", life)).transpose()?,
        store: file.store.as_ref().map(|life| group("store", life)).transpose()?,
        outdoors: Ambient { air_c: surroundings.air_c.clone(), shift_c: 0.0 },
        works: Arc::new(works),
        contents,
        making_kg,
        freight_kg: [freight(&file.to_vehicle)?, freight(&file.to_store)?, freight(&file.to_recycler)?],
        family: family(file.composition),
        file: file.clone(),
    })
}

fn family(composition: Composition) -> Family {
    if composition == Composition::VRLA { Family::LeadAcid } else { Family::Lithium }
}

/// The chain of this name, as index; nothing where none is named.
///
/// # Errors
/// When there is none of that name.
pub fn chain_called(scenario: &Scenario, name: Option<&str>) -> Result<Option<usize>, ModelError> {
    let Some(name) = name else { return Ok(None) };
    let chain = scenario.second_lives.iter().position(|chain| chain.name == name);
    chain.map(Some).ok_or_else(|| ModelError::NoSecondLife(name.into()))
}
