//! What happens at sea and on beaches: where vessels go, what they and the teams take up, what breaks.

use super::zone::{Action, CleanupZone, Phase, RETRY_MS, STIR_MS};
use crate::engine::tally::{Key, Member};
use crate::scenario::cleanup::{GroundChoice, PortChoice, VesselPart};
use rand::RngExt;
use rand_distr::{Distribution, Exp1};
use twin::geo::Position;
use twin::plastic::ground::{GroundCommand, GroundEvent};
use twin::plastic::team::{TeamCommand, TeamEvent};
use twin::time::{DAY_MS, HOUR_MS, Time};
use twin::vessel::power::KNOT_M_S;
use twin::vessel::{
    Conditions, Ending, Fault, Leg, Mission, Part, Task, VesselCommand, VesselEvent, VesselRefusal,
    VesselView,
};

/// A vessel that is this full goes home.
const FULL: f64 = 0.98;

/// A vessel reckons with this much more fuel and time for the way home than the formulas say.
const MARGIN: f64 = 1.3;

impl CleanupZone {
    fn port_position(&self, port: usize) -> Position {
        let file = &self.cleanup().file.ports[port];
        Position { latitude_deg: file.latitude_deg, longitude_deg: file.longitude_deg }
    }

    /// A vessel as of now.
    async fn vessel_now(&mut self, vessel: usize) -> VesselView {
        let now = self.now;
        self.vessels[vessel].tell(now, [VesselCommand::CatchUp]).await.view
    }

    /// Sends a vessel off; `None` when it cannot.
    async fn send(&mut self, vessel: usize, before: Option<VesselCommand>, task: Task) -> Option<Leg> {
        let now = self.now;
        let commands = before.into_iter().chain([VesselCommand::Begin(Box::new(task))]);
        match self.vessels[vessel].ask(now, commands).await {
            Ok(answer) => answer.events.iter().rev().find_map(|event| match event {
                VesselEvent::Begun(leg) => Some(**leg),
                _ => None,
            }),
            Err(VesselRefusal::NoPropulsion | VesselRefusal::Current { .. }) => None,
            Err(refusal) => unreachable!("the zone keeps to what its vessels accept: {refusal}"),
        }
    }

    /// Puts a vessel in a phase with a task, or tries again later; says whether it goes.
    async fn set_out(
        &mut self,
        vessel: usize,
        phase: Phase,
        before: Option<VesselCommand>,
        task: Task,
    ) -> bool {
        let old = self.ships[vessel].phase;
        self.ships[vessel].phase = phase;
        let Some(leg) = self.send(vessel, before, task).await else {
            self.ships[vessel].phase = old;
            let retry = self.now + RETRY_MS;
            self.next(vessel, retry);
            return false;
        };
        self.next(vessel, leg.ends);
        true
    }

    /// Asks a vessel that is done with something what it does next.
    pub(super) async fn go_on(&mut self, vessel: usize) {
        let view = self.vessel_now(vessel).await;
        self.settle(vessel, &view).await;
        match self.ships[vessel].phase {
            Phase::Home => self.leave(vessel).await,
            Phase::Outbound | Phase::Working | Phase::Homebound if self.is_spent(vessel, &view) => {
                self.strand(vessel);
            }
            Phase::Outbound if view.ended != Some(Ending::Arrived) => {
                // Held up by something that broke: on, from wherever it drifted to.
                let ground = self.ships[vessel].ground;
                let to = self.cleanup().grounds[ground].area.nearest(view.position);
                let speed_kn = self.group(vessel).cruise_kn;
                let task = Task::Sail { to, speed_kn, mission: Mission::Transit };
                self.set_out(vessel, Phase::Outbound, None, task).await;
            }
            Phase::Outbound | Phase::Working => self.haul(vessel, &view).await,
            Phase::Homebound if view.berthed => {
                let kg_per_h = self.group(vessel).unload_t_per_h * 1e3;
                self.set_out(vessel, Phase::Unloading, None, Task::Unload { kg_per_h }).await;
            }
            Phase::Homebound => self.go_home(vessel, &view).await,
            Phase::Unloading => self.come_ashore(vessel, &view).await,
            Phase::Laid => {}
        }
    }

    pub(super) fn group(&self, vessel: usize) -> &crate::scenario::cleanup::VesselGroup {
        let cleanup = self.cleanup();
        &cleanup.file.vessels[cleanup.vessels[vessel].group]
    }

    /// Whether nothing is left aboard that could move a vessel. A hybrid whose battery is empty waits for its engine.
    fn is_spent(&self, vessel: usize, view: &VesselView) -> bool {
        match self.cleanup().vessels[vessel].model.engine {
            Some(_) => view.ended == Some(Ending::TankEmpty),
            None => view.ended == Some(Ending::BatteryEmpty),
        }
    }

    fn strand(&mut self, vessel: usize) {
        self.ships[vessel].phase = Phase::Laid;
        self.own.stranded += 1.0;
        let key = self.key(Member::Vessel, vessel);
        self.happened("stranded", key, None, 0.0);
    }

    /// Hours from one place to another at cruising speed.
    fn way_h(&self, vessel: usize, from: Position, to: Position) -> f64 {
        from.distance_km(to) / (self.group(vessel).cruise_kn * KNOT_M_S * 3.6)
    }

    async fn leave(&mut self, vessel: usize) {
        let ground = self.choose_ground(vessel).await;
        let port = self.port_position(self.ships[vessel].port);
        let area = self.cleanup().grounds[ground].area;
        let name = format!("{}/{}", self.cleanup().file.name, self.cleanup().vessels[vessel].name);
        let mut stream = self.seed.stream(&name, "spot", self.ships[vessel].trips);
        let to = area.at(stream.random::<f64>(), stream.random::<f64>());
        let both_ways_h = 2.0 * self.way_h(vessel, port, to);
        let left_h = (self.model.end - self.now) as f64 / HOUR_MS as f64;
        if left_h < MARGIN * both_ways_h + self.group(vessel).haul_h {
            self.ships[vessel].phase = Phase::Laid;
            return;
        }
        let currents = &self.cleanup().grounds[ground].currents;
        // A passage of days meets the mean current; tides and weather turn more often than that.
        let current_m_s = (currents.east_m_s, currents.north_m_s);
        let conditions = Conditions { current_m_s, ..self.conditions() };
        let now = self.now;
        let fill = [VesselCommand::Bunker, VesselCommand::Meet(conditions)];
        self.vessels[vessel].tell(now, fill).await;
        let ship = &mut self.ships[vessel];
        (ship.ground, ship.left) = (ground, now);
        let speed_kn = self.group(vessel).cruise_kn;
        let task = Task::Sail { to, speed_kn, mission: Mission::Transit };
        if self.set_out(vessel, Phase::Outbound, None, task).await {
            self.ships[vessel].trips += 1;
            let key = self.key(Member::Vessel, vessel);
            let other = self.key(Member::Ground, ground);
            self.happened("departed", key, Some(other), 0.0);
        }
    }

    async fn choose_ground(&mut self, vessel: usize) -> usize {
        let assigned = self.cleanup().vessels[vessel].ground;
        if self.cleanup().file.routing.ground_choice == GroundChoice::Assigned {
            return assigned;
        }
        // Grounds at sea that can be reached and left again in two fifths of the time away.
        let port = self.port_position(self.ships[vessel].port);
        let way_max_h = 0.2 * 24.0 * self.group(vessel).endurance_days;
        let of_teams: Vec<usize> = self.cleanup().teams.iter().map(|plan| plan.ground).collect();
        let in_reach = |ground: &usize| {
            let centre = self.cleanup().grounds[*ground].area.centre();
            !of_teams.contains(ground) && self.way_h(vessel, port, centre) <= way_max_h
        };
        let candidates: Vec<usize> = (0..self.grounds.len()).filter(in_reach).collect();
        let now = self.now;
        let mut best = (assigned, f64::NEG_INFINITY);
        for ground in candidates {
            let density =
                self.grounds[ground].look(move |g| twin::twin::Twin::view(g, now).density_kg_per_km2).await;
            if density > best.1 {
                best = (ground, density);
            }
        }
        best.0
    }

    fn conditions(&self) -> Conditions {
        // The sea follows the air with its own inertia; close enough for a thermometer on a hull.
        Conditions { water_c: self.model.surroundings.air_c.step_at(self.now), ..Conditions::default() }
    }

    /// One haul, or home.
    async fn haul(&mut self, vessel: usize, view: &VesselView) {
        let group = self.group(vessel).clone();
        let port = self.choose_port(vessel, view.position);
        let home_h = self.way_h(vessel, view.position, self.port_position(port)) * MARGIN;
        let left_h = (self.model.end - self.now) as f64 / HOUR_MS as f64;
        let away_days = (self.now - self.ships[vessel].left) as f64 / DAY_MS as f64;
        let model = self.cleanup().vessels[vessel].model.clone();
        let cruise_w = model.hull.shaft_w(group.cruise_kn * KNOT_M_S, view.hold_kg) / model.transmission;
        let needs_l = model.engine.map_or(0.0, |e| e.fuel_l(home_h, (cruise_w + model.hotel_w) * home_h));
        let low = match (model.engine, view.soc) {
            (Some(engine), _) => {
                let haul_l = engine.fuel_l(group.haul_h, engine.rated_w * group.haul_h);
                view.tank_l < needs_l + haul_l
            }
            (None, Some(soc)) => {
                let rated_wh = self.cleanup().vessels[vessel]
                    .kind
                    .map_or(0.0, |kind| self.model.kinds[kind].pack.rated_wh());
                let tow_m_s = group.tow_kn * KNOT_M_S;
                let tow_w = model.gear.tow_w(tow_m_s) / twin::vessel::power::PROPULSIVE_EFFICIENCY;
                let work_w = (model.hull.shaft_w(tow_m_s, view.hold_kg) + tow_w) / model.transmission;
                let needs_wh =
                    (cruise_w + model.hotel_w) * home_h + (work_w + model.hotel_w) * group.haul_h * MARGIN;
                (soc - 0.1) * rated_wh < needs_wh
            }
            (None, None) => true,
        };
        let unload_h = view.hold_kg / (group.unload_t_per_h * 1e3) + 12.0;
        let late = left_h < home_h + group.haul_h + unload_h;
        if view.filled >= FULL || low || late || away_days + home_h / 24.0 >= group.endurance_days {
            self.go_home(vessel, view).await;
            return;
        }
        let ground = self.ships[vessel].ground;
        let area = self.cleanup().grounds[ground].area;
        let name = format!("{}/{}", self.cleanup().file.name, self.cleanup().vessels[vessel].name);
        let mut stream = self.seed.stream(&name, "haul", self.ships[vessel].hauls);
        let target = area.at(stream.random::<f64>(), stream.random::<f64>());
        let course_deg = view.position.bearing_deg(target);
        let span_ms = (group.haul_h * HOUR_MS as f64) as i64;
        let currents = self.cleanup().grounds[ground].currents;
        let (tide, weather) = (currents.mean_over(self.now, self.now + span_ms), self.weather[ground]);
        let current_m_s = (tide.0 + weather.0, tide.1 + weather.1);
        let meet = VesselCommand::Meet(Conditions { current_m_s, ..self.conditions() });
        // What lies where it is going to tow, for the whole haul; what it does not take is given back.
        let cleared_km2 = model.gear.cleared_km2_per_h(group.tow_kn * KNOT_M_S * 3.6) * group.haul_h;
        let efficiency = model.gear.efficiency();
        let allotted_kg = self.clear(ground, cleared_km2, efficiency).await;
        let task = Task::Collect {
            course_deg,
            speed_kn: group.tow_kn,
            hours: group.haul_h,
            density_kg_per_km2: allotted_kg / (cleared_km2 * efficiency),
            mix: self.cleanup().grounds[ground].mix,
        };
        self.ships[vessel].hauls += 1;
        self.ships[vessel].tows_from = Some(view.position);
        self.ships[vessel].allotted = Some((allotted_kg, view.ledger.caught_kg));
        self.set_out(vessel, Phase::Working, Some(meet), task).await;
    }

    /// Asks a ground for what lies in an area.
    async fn clear(&mut self, ground: usize, area_km2: f64, efficiency: f64) -> f64 {
        let now = self.now;
        let command = GroundCommand::Clear { area_km2, efficiency };
        let answer = self.grounds[ground].tell(now, [command]).await;
        match answer.events.first() {
            Some(GroundEvent::Cleared { mass_kg, .. }) => *mass_kg,
            _ => 0.0,
        }
    }

    async fn give_back(&mut self, ground: usize, mass_kg: f64) {
        if mass_kg > 0.0 {
            let now = self.now;
            self.grounds[ground].tell(now, [GroundCommand::Return { mass_kg }]).await;
        }
    }

    /// Gives back what a vessel was allotted and did not take.
    async fn settle(&mut self, vessel: usize, view: &VesselView) {
        if let Some(from) = self.ships[vessel].tows_from.take() {
            self.swept[vessel].tow(from, view.position);
        }
        if let Some((allotted_kg, before_kg)) = self.ships[vessel].allotted.take() {
            let taken_kg = view.ledger.caught_kg - before_kg;
            let ground = self.ships[vessel].ground;
            self.give_back(ground, allotted_kg - taken_kg).await;
        }
    }

    fn choose_port(&self, vessel: usize, from: Position) -> usize {
        let home = self.cleanup().vessels[vessel].home;
        match self.cleanup().file.routing.port_choice {
            PortChoice::Home => home,
            PortChoice::Nearest => {
                let away = |port: usize| from.distance_km(self.port_position(port));
                let ports = 0..self.cleanup().file.ports.len();
                ports.min_by(|a, b| away(*a).total_cmp(&away(*b))).unwrap_or(home)
            }
        }
    }

    async fn go_home(&mut self, vessel: usize, view: &VesselView) {
        let port = self.choose_port(vessel, view.position);
        self.ships[vessel].port = port;
        let to = self.port_position(port);
        let currents = &self.cleanup().grounds[self.ships[vessel].ground].currents;
        let current_m_s = (currents.east_m_s, currents.north_m_s);
        let meet = VesselCommand::Meet(Conditions { current_m_s, ..self.conditions() });
        let speed_kn = self.group(vessel).cruise_kn;
        let task = Task::Sail { to, speed_kn, mission: Mission::Return };
        self.set_out(vessel, Phase::Homebound, Some(meet), task).await;
    }

    /// Hands the catch over when the yard has room, and makes ready for the next trip.
    async fn come_ashore(&mut self, vessel: usize, view: &VesselView) {
        let port = self.ships[vessel].port;
        if view.quay_kg > 0.0 {
            if self.room_kg(port).await < view.quay_kg {
                self.ships[vessel].waited_h += RETRY_MS as f64 / HOUR_MS as f64;
                let retry = self.now + RETRY_MS;
                self.next(vessel, retry);
                return;
            }
            let now = self.now;
            let answer = self.vessels[vessel].tell(now, [VesselCommand::Land]).await;
            if let Some(VesselEvent::Landed { material, .. }) = answer.events.first() {
                let position = self.cleanup().grounds[self.ships[vessel].ground].area.centre();
                let collector = self.key(Member::Vessel, vessel);
                self.land(port, material, collector, position).await;
            }
        }
        self.ships[vessel].phase = Phase::Home;
        let hours = self.group(vessel).turnaround_h;
        match self.send(vessel, None, Task::Moor { hours }).await {
            Some(leg) => self.next(vessel, leg.ends),
            None => unreachable!("a vessel in port can always lie there"),
        }
    }

    // What breaks.

    pub(super) fn fail_later(&mut self, vessel: usize, breakdown: usize) {
        let file = &self.cleanup().file;
        let mean = file.breakdowns[breakdown].mean_days;
        let entity = format!("{}/{}/{breakdown}", file.name, self.cleanup().vessels[vessel].name);
        let mut stream = self.seed.stream(&entity, "failure", self.now.0 as u64);
        let wait: f64 = Exp1.sample(&mut stream);
        self.agenda.add(self.now.plus_seconds(wait * mean * 86_400.0), Action::Break(vessel, breakdown));
    }

    pub(super) async fn break_part(&mut self, vessel: usize, breakdown: usize) {
        let file = self.cleanup().file.breakdowns[breakdown].clone();
        let fault = match file.part {
            VesselPart::Engine => Fault::Engine { left: file.left },
            VesselPart::Net => Fault::Net { left: file.left },
            VesselPart::Tracker => Fault::Tracker,
            VesselPart::Scale => Fault::Scale { per_day: file.drift_per_day },
        };
        self.change(vessel, VesselCommand::Break(fault), file.part).await;
        self.own.breakdowns += 1.0;
        let key = self.key(Member::Vessel, vessel);
        self.happened("fault", key, None, breakdown as f64);
        self.agenda.add(self.now.plus_seconds(file.mend_h * 3600.0), Action::Mend(vessel, breakdown));
    }

    pub(super) async fn mend_part(&mut self, vessel: usize, breakdown: usize) {
        let part = self.cleanup().file.breakdowns[breakdown].part;
        let mended = match part {
            VesselPart::Engine => Part::Engine,
            VesselPart::Net => Part::Net,
            VesselPart::Tracker => Part::Tracker,
            VesselPart::Scale => Part::Scale,
        };
        self.change(vessel, VesselCommand::Mend(mended), part).await;
        let key = self.key(Member::Vessel, vessel);
        self.happened("repair", key, None, breakdown as f64);
        self.fail_later(vessel, breakdown);
    }

    /// Tells a vessel of a change in it; one that interrupts what it does has it asked again.
    async fn change(&mut self, vessel: usize, command: VesselCommand, part: VesselPart) {
        let now = self.now;
        self.vessels[vessel].tell(now, [command]).await;
        let at_sea = matches!(self.ships[vessel].phase, Phase::Outbound | Phase::Working | Phase::Homebound);
        if at_sea && matches!(part, VesselPart::Engine | VesselPart::Net) {
            self.next(vessel, now);
        } else if matches!(self.ships[vessel].phase, Phase::Unloading) {
            // The catch comes ashore all the same: what was interrupted begins again.
            self.ships[vessel].phase = Phase::Homebound;
            self.next(vessel, now);
        }
    }

    // Beaches, rivers, divers.

    pub(super) fn next_shift(&mut self, team: usize) {
        let days = self.cleanup().file.teams[self.cleanup().teams[team].group].days_per_week;
        let local = self.model.local;
        // Shifts begin at eight, local time.
        let midnight = Time((self.now.0 + local.ms).div_euclid(DAY_MS) * DAY_MS - local.ms);
        let mut at = midnight + 8 * HOUR_MS;
        while at <= self.now || local.hour_of_week(at) / 24 >= days as usize {
            at = at + DAY_MS;
        }
        if at < self.model.end {
            self.agenda.add(at, Action::ShiftBegins(team));
        }
    }

    pub(super) async fn begin_shift(&mut self, team: usize) {
        let (gear, ground, hours) = {
            let plan = &self.cleanup().teams[team];
            (plan.model.gear, plan.ground, self.cleanup().file.teams[plan.group].shift_h)
        };
        let cleared_km2 = gear.cleared_km2_per_h(0.0) * hours;
        let allotted_kg = self.clear(ground, cleared_km2, gear.efficiency()).await;
        let work = TeamCommand::Work {
            hours,
            density_kg_per_km2: allotted_kg / (cleared_km2 * gear.efficiency()),
            mix: Box::new(self.cleanup().grounds[ground].mix),
        };
        let now = self.now;
        let answer = self.teams[team].tell(now, [work]).await;
        self.shifts[team] = Some((allotted_kg, answer.view.ledger.caught_kg));
        let full = now + (hours * HOUR_MS as f64) as i64;
        self.agenda.add(full, Action::ShiftEnds(team));
    }

    pub(super) async fn end_shift(&mut self, team: usize) {
        let now = self.now;
        let view = self.teams[team].tell(now, [TeamCommand::CatchUp]).await.view;
        let (ground, port) = (self.cleanup().teams[team].ground, self.cleanup().teams[team].port);
        if let Some((allotted_kg, before_kg)) = self.shifts[team].take() {
            self.give_back(ground, allotted_kg - (view.ledger.caught_kg - before_kg)).await;
        }
        if view.held_kg > 0.0 && self.room_kg(port).await >= view.held_kg {
            let answer = self.teams[team].tell(now, [TeamCommand::Land]).await;
            if let Some(TeamEvent::Landed { material, .. }) = answer.events.first() {
                let position = self.cleanup().grounds[ground].area.centre();
                let collector: Key = self.key(Member::Team, team);
                self.land(port, material, collector, position).await;
            }
        }
        self.next_shift(team);
    }

    pub(super) async fn stir(&mut self) {
        let now = self.now;
        for ground in 0..self.grounds.len() {
            let answer = self.grounds[ground].tell(now, [GroundCommand::Stir]).await;
            self.weather[ground] = answer.view.weather_m_s;
        }
        self.agenda.add(now + STIR_MS, Action::Stir);
    }
}
