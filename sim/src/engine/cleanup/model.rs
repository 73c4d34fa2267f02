//! A cleanup made ready to run.

use crate::engine::model::ModelError;
use crate::scenario::cleanup::{
    Cleanup, Drive, GroundFile, PlantFile, PlantWork, TeamGroup, TeamMethod, VesselGroup,
};
use crate::world::Note;
use std::sync::Arc;
use twin::facility::line::{self, Kind};
use twin::facility::shifts::Shifts;
use twin::facility::works::WorksModel;
use twin::forcing::Hourly;
use twin::geo::{GeoBox, Position};
use twin::passport::factors::UnknownName;
use twin::plastic::custody::WEIGHING_TOLERANCE;
use twin::plastic::factors::{BULK_KG_PER_M3, FACTOR_SET};
use twin::plastic::gear::Gear;
use twin::plastic::ground::{Currents, GroundModel, SEAS, Sea, sea, usual_from_beach, usual_from_sea};
use twin::plastic::hold::HoldModel;
use twin::plastic::team::TeamModel;
use twin::time::UtcOffset;
use twin::vessel::VesselModel;
use twin::vessel::power::{Engine, Hull};
use twin::vessel::tracker::TrackerModel;

/// The first shift of a plant begins at this local hour.
const FIRST_HOUR: u32 = 6;

/// A cleanup.
#[derive(Debug)]
pub struct CleanupModel {
    /// What the scenario says.
    pub file: Cleanup,
    /// Its grounds.
    pub grounds: Vec<GroundModel>,
    /// Its vessels, one by one.
    pub vessels: Vec<VesselPlan>,
    /// Its teams, one by one.
    pub teams: Vec<TeamPlan>,
    /// Its plants.
    pub works: Vec<Arc<WorksModel>>,
}

/// A vessel of a cleanup.
#[derive(Debug)]
pub struct VesselPlan {
    /// Its name.
    pub name: String,
    /// Its group, as index.
    pub group: usize,
    /// Its home, as index.
    pub home: usize,
    /// Its ground, as index.
    pub ground: usize,
    /// Its kind of battery, as index.
    pub kind: Option<usize>,
    /// What it is.
    pub model: Arc<VesselModel>,
}

/// A team of a cleanup.
#[derive(Debug)]
pub struct TeamPlan {
    /// Its name.
    pub name: String,
    /// Its group, as index.
    pub group: usize,
    /// Its ground, as index.
    pub ground: usize,
    /// Its port, as index.
    pub port: usize,
    /// What it is.
    pub model: TeamModel,
}

impl CleanupModel {
    /// A cleanup from its part of the scenario, which the checks have been through. `kind_of` finds a kind of battery;
    /// plants take electricity of the given carbon, and keep local hours.
    ///
    /// # Errors
    /// When there is no such kind.
    pub fn of(
        file: &Cleanup,
        mut kind_of: impl FnMut(&str) -> Result<usize, ModelError>,
        carbon_g_per_kwh: &Hourly,
        local: UtcOffset,
    ) -> Result<Self, ModelError> {
        let port = |name: &str| file.ports.iter().position(|port| port.name == name).unwrap_or(0);
        let ground = |name: &str| file.grounds.iter().position(|ground| ground.name == name).unwrap_or(0);
        let grounds: Vec<GroundModel> = file.grounds.iter().map(ground_model).collect();
        let mut vessels = Vec::new();
        for (group, of) in file.vessels.iter().enumerate() {
            let kind = match (&of.battery, of.drive) {
                (Some(name), Drive::Hybrid | Drive::Battery) => Some(kind_of(name)?),
                _ => None,
            };
            let model = Arc::new(vessel_model(of));
            vessels.extend((0..of.count).map(|number| VesselPlan {
                name: format!("{}-{}", of.name, number + 1),
                group,
                home: port(&of.home),
                ground: ground(&of.ground),
                kind,
                model: model.clone(),
            }));
        }
        let mut teams = Vec::new();
        for (group, of) in file.teams.iter().enumerate() {
            let ground = ground(&of.ground);
            teams.extend((0..of.count).map(|number| TeamPlan {
                name: format!("{}-{}", of.name, number + 1),
                group,
                ground,
                port: port(&of.port),
                model: team_model(of, grounds[ground].area.centre()),
            }));
        }
        let works = file.plants.iter().map(|plant| works_model(plant, carbon_g_per_kwh, local).map(Arc::new));
        let works = works.collect::<Result<_, _>>()?;
        Ok(Self { file: file.clone(), grounds, vessels, teams, works })
    }

    /// Where its figures come from.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes: Vec<Note> = self
            .file
            .grounds
            .iter()
            .zip(&self.grounds)
            .map(|(file, model)| Note {
                subject: format!("ground {}", file.name),
                text: format!(
                    "{} kg/km² on {:.0} km² at the start, scattered from haul to haul by a factor of {:.1}.",
                    model.density_kg_per_km2,
                    model.area_km2,
                    model.scatter_ln.exp()
                ),
                source: match file.density_kg_per_km2 {
                    Some(_) => "the scenario".into(),
                    None => of_sea(file).source.into(),
                },
            })
            .collect();
        let note = |subject: &str, text: &str, source: &str| Note {
            subject: subject.into(),
            text: text.into(),
            source: source.into(),
        };
        notes.push(note(
            "plastic from the sea",
            &format!("Composition, recycling yields and emission factors of set {FACTOR_SET}."),
            "docs/models/plastic.md; virgin resins: Hopewell et al. 2009; road freight: DEFRA 2025; yields assumed",
        ));
        notes.push(note(
            "vessels",
            "Power goes with the cube of speed; fuel by a Willans line; catch is density × swath × speed through the \
             water × efficiency.",
            "docs/models/vessel.md; Molland, Turnock & Hudson 2011; defaults of hull and net assumed",
        ));
        notes
    }
}

fn of_sea(file: &GroundFile) -> &'static Sea {
    // The checks let no other name through.
    sea(&file.sea).unwrap_or(&SEAS[0])
}

fn ground_model(file: &GroundFile) -> GroundModel {
    let kind = of_sea(file);
    let area = GeoBox {
        south_deg: file.south_deg,
        north_deg: file.north_deg,
        west_deg: file.west_deg,
        east_deg: file.east_deg,
    };
    let ashore = matches!(kind.name, "beach");
    let still = Currents { tide_m_s: 0.0, weather_m_s: 0.0, ..Currents::default() };
    GroundModel {
        area,
        area_km2: file.area_km2.unwrap_or_else(|| area.area_km2()),
        density_kg_per_km2: file.density_kg_per_km2.unwrap_or(kind.density_kg_per_km2),
        inflow_kg_per_day: file.inflow_kg_per_day,
        loss_per_day: file.loss_per_day,
        scatter_ln: file.scatter_ln.unwrap_or(kind.scatter_ln),
        mix: if ashore { usual_from_beach(kind.nets) } else { usual_from_sea(kind.nets) },
        currents: Currents {
            east_m_s: file.current_east_m_s,
            north_m_s: file.current_north_m_s,
            ..if ashore { still } else { Currents::default() }
        },
    }
}

fn vessel_model(file: &VesselGroup) -> VesselModel {
    let engine = (file.drive != Drive::Battery).then(|| Engine::rated(file.engine_kw * 1e3));
    VesselModel {
        hull: Hull {
            design_speed_kn: file.design_speed_kn,
            design_shaft_w: file.design_kw * 1e3,
            light_kg: file.light_t * 1e3,
        },
        engine,
        tank_max_l: file.tank_l,
        battery_max_w: if file.drive == Drive::Diesel { 0.0 } else { file.battery_kw * 1e3 },
        reserve_soc: if file.drive == Drive::Hybrid { 0.25 } else { 0.05 },
        recharge_w: if file.drive == Drive::Hybrid { 0.5 * file.battery_kw * 1e3 } else { 0.0 },
        shore_w: file.shore_kw * 1e3,
        shore_efficiency: 0.94,
        transmission: 0.95,
        hotel_w: file.hotel_kw * 1e3,
        gear: Gear::Net {
            swath_m: file.swath_m,
            efficiency: file.efficiency,
            drag_area_m2: file.drag_area_m2,
        },
        hold: HoldModel {
            mass_max_kg: file.hold_t * 1e3,
            volume_max_m3: file.hold_m3,
            bulk_kg_per_m3: BULK_KG_PER_M3,
        },
        leeway: 0.03,
        tracker: TrackerModel::default(),
    }
}

fn works_model(
    file: &PlantFile,
    carbon_g_per_kwh: &Hourly,
    local: UtcOffset,
) -> Result<WorksModel, UnknownName> {
    let shifts = Shifts::new(file.shifts, file.days, FIRST_HOUR, local);
    let daily_kg = file.kg_per_h * shifts.hours_per_week() / 7.0;
    let kind = works_kind(file.work);
    Ok(WorksModel {
        kind,
        stages: line::stages(kind, daily_kg, &shifts)?,
        shifts,
        storage_kg: file.yard_t * 1e3,
        weight_tolerance: WEIGHING_TOLERANCE,
        downgrade_probability: file.downgraded_share,
        standby_w: file.standby_kw * 1e3,
        carbon_g_per_kwh: carbon_g_per_kwh.clone(),
    })
}

/// What the scenario's word means to a works.
pub(super) fn works_kind(work: PlantWork) -> Kind {
    match work {
        PlantWork::Sorting => Kind::Sorting,
        PlantWork::Recycling => Kind::Recycling,
    }
}

fn team_model(file: &TeamGroup, position: Position) -> TeamModel {
    let (people, efficiency) = (f64::from(file.people), file.efficiency);
    let m2_per_person_h = file.m2_per_person_h;
    let gear = match file.method {
        TeamMethod::BeachCleanup => Gear::Crew { people, m2_per_person_h, efficiency },
        TeamMethod::UnderwaterCollection => Gear::Divers { people, m2_per_person_h, efficiency },
        TeamMethod::RiverTrap => Gear::Trap { width_m: file.width_m, efficiency, flow_m_s: file.flow_m_s },
    };
    TeamModel {
        position,
        gear,
        hold: HoldModel::of_mass(file.skip_kg),
        fuel_l_per_shift: file.fuel_l_per_shift,
        tracker: TrackerModel::default(),
    }
}
