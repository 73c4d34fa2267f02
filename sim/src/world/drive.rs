//! From speed to power at the battery: a vehicle's resistance, its drivetrain, and the trips it drives.

use super::Note;
use super::calendar::{local_ms, utc_ms};
use super::cycles::{CYCLES, cycle};
use super::error::WorldError;
use super::table::Table;
use crate::scenario::schema::{Trips, Vehicle};
use std::path::Path;

/// Standard acceleration of free fall (CGPM 1901) [m/s²].
const GRAVITY_M_S2: f64 = 9.806_65;
/// Density of air at 20 °C and 1013 hPa [kg/m³]; 10 % less at 1000 m, 8 % more at 0 °C.
const AIR_KG_M3: f64 = 1.204;
/// Longest time between two samples that counts as one trip, in s.
const GAP_MAX_S: f64 = 60.0;
/// Width of the window that altitudes are averaged over, in s.
const ALTITUDE_WINDOW_S: f64 = 30.0;
/// Steepest grade believed of a measured altitude. assumed: steeper ones on streets are errors of the receiver.
const GRADE_MAX: f64 = 0.2;
/// Shortest part of a measured trip that is kept [km]. assumed: shorter ones are manoeuvres.
const PART_MIN_KM: f64 = 0.05;
/// Speeds that a file may hold [km/h].
const PLAUSIBLE_KMH: (f64, f64) = (0.0, 400.0);
/// Altitudes that a file may hold, in m.
const PLAUSIBLE_M: (f64, f64) = (-500.0, 9000.0);

/// One trip, as the battery feels it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trip {
    /// Distance.
    pub distance_km: f64,
    /// Duration, standstill included.
    pub duration_s: f64,
    /// Length in s and mean power at the battery in W of each step; discharge is positive.
    pub segments: Vec<(f64, f64)>,
    /// Net energy out of the battery.
    pub energy_wh: f64,
    /// Distance over duration.
    pub mean_speed_kmh: f64,
    /// Net energy over duration.
    pub mean_power_w: f64,
    /// Root of the mean square of power.
    pub rms_power_w: f64,
    /// Energy that came back into the battery, counted in `energy_wh` already.
    pub regenerated_wh: f64,
}

/// A trip as one stretch of constant power.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ride {
    /// Distance in km.
    pub km: f64,
    /// Duration.
    pub duration_s: f64,
    /// Net mean power at the battery; negative where a measured trip runs downhill with regeneration.
    pub power_w: f64,
    /// Root mean square of power over its mean, at least 1: Joule heat of the ride is this squared times that
    /// of constant power.
    pub form_factor: f64,
}

/// Trips to draw from.
#[derive(Debug, Clone, PartialEq)]
pub struct TripLibrary {
    /// The trips, in the order of their source; never empty.
    pub trips: Vec<Trip>,
    /// Sources and assumptions.
    pub notes: Vec<Note>,
}

/// Names of the built-in speed cycles.
pub fn names() -> Vec<&'static str> {
    CYCLES.iter().map(|cycle| cycle.name).collect()
}

/// Speeds of a built-in cycle at every second [km/h].
pub fn cycle_speeds_kmh(name: &str) -> Result<Vec<f64>, WorldError> {
    Ok(cycle(name)?.speeds_kmh())
}

impl TripLibrary {
    /// Energy over distance of all trips together [Wh/km].
    pub fn wh_per_km(&self) -> f64 {
        let energy_wh: f64 = self.trips.iter().map(|trip| trip.energy_wh).sum();
        energy_wh / self.trips.iter().map(|trip| trip.distance_km).sum::<f64>()
    }

    /// The trips in their condensed form.
    pub fn rides(&self) -> Vec<Ride> {
        self.trips.iter().map(Trip::ride).collect()
    }
}

impl Trip {
    /// A trip from (time in s, speed [km/h], altitude in m) at increasing times, at least two.
    fn of(vehicle: &Vehicle, samples: &[Sample]) -> Self {
        let mut segments = Vec::with_capacity(samples.len() - 1);
        let (mut distance_m, mut energy_ws, mut squared, mut regenerated_ws) = (0.0, 0.0, 0.0, 0.0);
        for pair in samples.windows(2) {
            let step = Step::between(&pair[0], &pair[1]);
            let power_w = battery_power_w(vehicle, &step);
            distance_m += step.distance_m();
            energy_ws += power_w * step.dt_s;
            squared += power_w * power_w * step.dt_s;
            regenerated_ws += (-power_w).max(0.0) * step.dt_s;
            segments.push((step.dt_s, power_w));
        }
        let duration_s = samples[samples.len() - 1].t_s - samples[0].t_s;
        Self {
            distance_km: distance_m / 1e3,
            duration_s,
            segments,
            energy_wh: energy_ws / 3600.0,
            mean_speed_kmh: distance_m / duration_s * 3.6,
            mean_power_w: energy_ws / duration_s,
            rms_power_w: (squared / duration_s).sqrt(),
            regenerated_wh: regenerated_ws / 3600.0,
        }
    }

    /// The trip as one stretch of constant power.
    pub fn ride(&self) -> Ride {
        let mean_w = self.mean_power_w.abs();
        let form_factor = if mean_w > 1e-9 { (self.rms_power_w / mean_w).max(1.0) } else { 1.0 };
        Ride { km: self.distance_km, duration_s: self.duration_s, power_w: self.mean_power_w, form_factor }
    }
}

/// A sample of a trip.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    t_s: f64,
    speed_m_s: f64,
    altitude_m: Option<f64>,
}

/// Motion between two samples: speed changes linearly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Length of the step.
    pub dt_s: f64,
    /// Speed at its beginning.
    pub speed_first_m_s: f64,
    /// Speed at its end.
    pub speed_last_m_s: f64,
    /// Height gained.
    pub climb_m: f64,
}

impl Step {
    fn between(a: &Sample, b: &Sample) -> Self {
        let level = Self {
            dt_s: b.t_s - a.t_s,
            speed_first_m_s: a.speed_m_s,
            speed_last_m_s: b.speed_m_s,
            climb_m: 0.0,
        };
        let climb_max_m = GRADE_MAX * level.distance_m();
        let climb_m = b.altitude_m.zip(a.altitude_m).map_or(0.0, |(b, a)| b - a);
        Self { climb_m: climb_m.clamp(-climb_max_m, climb_max_m), ..level }
    }

    fn distance_m(&self) -> f64 {
        (self.speed_first_m_s + self.speed_last_m_s) / 2.0 * self.dt_s
    }
}

/// Mean power at the wheel over a step, in W.
///
/// ```text
/// P = ½·ρ·C_dA·⟨v³⟩ + C_rr·m·g·⟨v⟩ + m·(v₂² − v₁²)/(2·Δt) + m·g·Δz/Δt
/// ⟨v⟩ = (v₁ + v₂)/2,   ⟨v³⟩ = (v₁ + v₂)·(v₁² + v₂²)/4        for v linear in time
/// ```
///
/// Source: road load equation, e.g. Guzzella & Sciarretta, *Vehicle Propulsion Systems* (2013), ch. 2 (recalled,
/// not re-read). Limits: no wind; the grade does not lessen the load on the wheels (2 % at a grade of 0.2); the
/// inertia of wheels and motor is not added to the mass (some per cent); a change of sign of power within the
/// step is not seen.
pub fn wheel_power_w(vehicle: &Vehicle, step: &Step) -> f64 {
    let (v1, v2) = (step.speed_first_m_s, step.speed_last_m_s);
    let weight_n = vehicle.mass_kg * GRAVITY_M_S2;
    let drag_w = 0.5 * AIR_KG_M3 * vehicle.drag_area_m2 * (v1 + v2) * (v1 * v1 + v2 * v2) / 4.0;
    let rolling_w = vehicle.rolling_resistance * weight_n * (v1 + v2) / 2.0;
    let inertia_w = vehicle.mass_kg * (v2 * v2 - v1 * v1) / (2.0 * step.dt_s);
    drag_w + rolling_w + inertia_w + weight_n * step.climb_m / step.dt_s
}

/// Mean power out of the battery over a step, in W; negative where braking charges it.
///
/// ```text
/// P_batt = P/η + P_aux   for P ≥ 0,      P_batt = r·P + P_aux   for P < 0
/// ```
///
/// r is the share of braking power that arrives in the battery, all losses included. Limits: η does not depend
/// on speed and torque; braking power is not limited by what motor or battery take.
pub fn battery_power_w(vehicle: &Vehicle, step: &Step) -> f64 {
    let wheel_w = wheel_power_w(vehicle, step);
    let traction_w =
        if wheel_w >= 0.0 { wheel_w / vehicle.drivetrain_efficiency } else { wheel_w * vehicle.regeneration };
    traction_w + vehicle.auxiliary_w
}

/// The trips of a built-in cycle or a file.
pub(super) fn library(trips: &Trips, vehicle: &Vehicle, folder: &Path) -> Result<TripLibrary, WorldError> {
    check(vehicle)?;
    let (parts, notes) = match (&trips.cycle, &trips.file) {
        (Some(name), None) => {
            let cycle = cycle(name)?;
            let samples = cycle
                .speeds_kmh()
                .iter()
                .enumerate()
                .map(|(s, kmh)| Sample { t_s: s as f64, speed_m_s: kmh / 3.6, altitude_m: None })
                .collect();
            let text = format!("speed cycle {}", cycle.name);
            (vec![samples], vec![Note { subject: "trips".into(), text, source: cycle.source.into() }])
        }
        (None, Some(file)) => measured(&Table::open(folder, file)?)?,
        (cycle, file) => {
            let given = usize::from(cycle.is_some()) + usize::from(file.is_some());
            return Err(WorldError::Choice { what: "trips", choices: "cycle, file", given });
        }
    };
    Ok(TripLibrary { trips: parts.iter().map(|samples| Trip::of(vehicle, samples)).collect(), notes })
}

fn check(vehicle: &Vehicle) -> Result<(), WorldError> {
    let Vehicle {
        mass_kg,
        drag_area_m2,
        rolling_resistance,
        drivetrain_efficiency,
        regeneration,
        auxiliary_w,
    } = *vehicle;
    let rules = [
        ("vehicle.mass_kg", mass_kg, mass_kg > 0.0),
        ("vehicle.drag_area_m2", drag_area_m2, drag_area_m2 >= 0.0),
        ("vehicle.rolling_resistance", rolling_resistance, rolling_resistance >= 0.0),
        (
            "vehicle.drivetrain_efficiency",
            drivetrain_efficiency,
            drivetrain_efficiency > 0.0 && drivetrain_efficiency <= 1.0,
        ),
        ("vehicle.regeneration", regeneration, (0.0..=1.0).contains(&regeneration)),
        ("vehicle.auxiliary_w", auxiliary_w, auxiliary_w >= 0.0),
    ];
    match rules.into_iter().find(|(_, value, holds)| !(value.is_finite() && *holds)) {
        Some((what, value, _)) => {
            Err(WorldError::Invalid { what, reason: format!("{value} cannot be used") })
        }
        None => Ok(()),
    }
}

/// Trips of a file, cut where samples are missing for long, and what was done to them.
fn measured(table: &Table) -> Result<(Vec<Vec<Sample>>, Vec<Note>), WorldError> {
    let speed = table.column(&["speed_km_h", "speed_kmh"])?;
    let time = table.column(&["time_s", "t_s", "time_local", "time_utc"])?;
    let (trip, altitude) = (table.find("trip"), table.find("altitude_m"));
    let mut parts: Vec<Vec<Sample>> = Vec::new();
    let (mut blank, mut cuts) = (0, 0);
    let mut last: Option<(f64, &str)> = None;
    for row in 0..table.len() {
        let t_s = seconds(table, row, time)?;
        let id = trip.map_or("", |column| table.text(row, column));
        let is_same_trip = last.is_some_and(|(_, last_id)| last_id == id);
        if is_same_trip && last.is_some_and(|(last_s, _)| t_s <= last_s) {
            return Err(table.not_increasing(row, time));
        }
        last = Some((t_s, id));
        let Some(speed_kmh) = table.sample(row, speed, PLAUSIBLE_KMH)? else {
            blank += 1;
            continue;
        };
        let altitude_m = match altitude {
            Some(column) => table.sample(row, column, PLAUSIBLE_M)?,
            None => None,
        };
        let sample = Sample { t_s, speed_m_s: speed_kmh / 3.6, altitude_m };
        let follows = |part: &Vec<Sample>| part.last().is_some_and(|before| t_s - before.t_s <= GAP_MAX_S);
        match parts.last_mut() {
            Some(part) if is_same_trip && follows(part) => part.push(sample),
            _ => {
                cuts += usize::from(is_same_trip && !parts.is_empty());
                parts.push(vec![sample]);
            }
        }
    }
    let all = parts.len();
    parts.retain(|part| {
        let m: f64 = part.windows(2).map(|w| Step::between(&w[0], &w[1]).distance_m()).sum();
        part.len() >= 2 && m >= PART_MIN_KM * 1e3
    });
    if parts.is_empty() {
        return Err(WorldError::TooShort {
            file: table.file().to_owned(),
            reason: format!("no trip in it is longer than {PART_MIN_KM} km"),
        });
    }
    for part in &mut parts {
        smooth_altitude(part);
    }
    let mut texts = vec![format!("{} measured trips", parts.len())];
    if blank > 0 {
        texts.push(format!("{blank} samples without a speed, bridged by straight lines"));
    }
    if cuts > 0 {
        texts.push(format!("{cuts} cuts where samples are missing for more than {GAP_MAX_S} s"));
    }
    if all > parts.len() {
        texts.push(format!("{} parts shorter than {PART_MIN_KM} km left out", all - parts.len()));
    }
    let note = |text| Note { subject: "trips".into(), text, source: table.file().to_owned() };
    Ok((parts, texts.into_iter().map(note).collect()))
}

/// Time of a row in seconds on the clock of its column.
fn seconds(table: &Table, row: usize, column: usize) -> Result<f64, WorldError> {
    let text = table.text(row, column);
    let ms = match table.columns()[column].as_str() {
        "time_utc" => utc_ms(text),
        "time_local" => local_ms(text),
        _ => return table.number(row, column),
    };
    ms.map(|ms| ms as f64 / 1e3).ok_or_else(|| table.not_a_time(row, column, "as 2021-01-31T14:00:05"))
}

/// Bridges missing altitudes by straight lines, holds the outermost beyond them, and averages over a window
/// centred on each sample: receivers wander by metres, which a grade would take for hills.
fn smooth_altitude(part: &mut [Sample]) {
    let known: Vec<(f64, f64)> = part.iter().filter_map(|s| s.altitude_m.map(|z| (s.t_s, z))).collect();
    if known.is_empty() {
        return;
    }
    let bridged: Vec<f64> = part
        .iter()
        .map(|s| {
            let next = known.partition_point(|(t_s, _)| *t_s <= s.t_s);
            match (next.checked_sub(1).map(|i| known[i]), known.get(next)) {
                (Some((t0, z0)), Some((t1, z1))) => z0 + (z1 - z0) * (s.t_s - t0) / (t1 - t0),
                (Some((_, z)), None) => z,
                (None, first) => first.map_or(0.0, |(_, z)| *z),
            }
        })
        .collect();
    let times: Vec<f64> = part.iter().map(|s| s.t_s).collect();
    for (sample, t_s) in part.iter_mut().zip(&times) {
        let from = times.partition_point(|t| *t < t_s - ALTITUDE_WINDOW_S / 2.0);
        let to = times.partition_point(|t| *t <= t_s + ALTITUDE_WINDOW_S / 2.0);
        sample.altitude_m = Some(bridged[from..to].iter().sum::<f64>() / (to - from) as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_cycle(name: &str, vehicle: &Vehicle) -> Trip {
        let trips = Trips { cycle: Some(name.into()), file: None };
        library(&trips, vehicle, Path::new(".")).unwrap().trips.remove(0)
    }

    fn of_text(text: &str, vehicle: &Vehicle) -> Result<TripLibrary, WorldError> {
        let (parts, notes) = measured(&Table::read("t.csv", text.as_bytes())?)?;
        Ok(TripLibrary { trips: parts.iter().map(|part| Trip::of(vehicle, part)).collect(), notes })
    }

    #[test]
    fn steady_speed_needs_what_the_equation_says() {
        let vehicle = Vehicle::default();
        let trip = of_cycle("constant-40", &vehicle);
        let v: f64 = 40.0 / 3.6;
        let wheel = 0.5 * 1.204 * 0.6 * v.powi(3) + 0.014 * 190.0 * 9.80665 * v;
        assert!((trip.mean_power_w - (wheel / 0.82 + 40.0)).abs() < 1e-9);
        assert!((trip.distance_km - 10.0).abs() < 1e-9 && (trip.mean_speed_kmh - 40.0).abs() < 1e-9);
        assert!((trip.ride().form_factor - 1.0).abs() < 1e-9);
        assert_eq!(trip.regenerated_wh, 0.0);
    }

    #[test]
    fn inertia_comes_back_when_nothing_is_lost() {
        let lossless = Vehicle {
            mass_kg: 150.0,
            drag_area_m2: 0.0,
            rolling_resistance: 0.0,
            drivetrain_efficiency: 1.0,
            regeneration: 1.0,
            auxiliary_w: 0.0,
        };
        for name in ["ece15", "nedc", "jp10-15", "urban-scooter"] {
            assert!(of_cycle(name, &lossless).energy_wh.abs() < 1e-9, "{name}");
        }
        let without = Vehicle { regeneration: 0.0, ..lossless };
        // Kinetic energy of the three peaks of the urban cycle, 15, 32 and 50 km/h.
        let kinetic_wh: f64 =
            [15.0f64, 32.0, 50.0].iter().map(|v| 0.5 * 150.0 * (v / 3.6).powi(2) / 3600.0).sum();
        assert!((of_cycle("ece15", &without).energy_wh - kinetic_wh).abs() < 1e-9);
    }

    #[test]
    fn a_scooter_in_town_takes_about_30_wh_per_km() {
        let library = library(
            &Trips { cycle: Some("urban-scooter".into()), file: None },
            &Vehicle::default(),
            Path::new("."),
        )
        .unwrap();
        assert!((25.0..40.0).contains(&library.wh_per_km()), "{}", library.wh_per_km());
        let trip = &library.trips[0];
        let energy_wh: f64 = trip.segments.iter().map(|(dt_s, power_w)| dt_s * power_w / 3600.0).sum();
        assert!((energy_wh - trip.energy_wh).abs() < 1e-9 && trip.regenerated_wh > 0.0);
        assert!(library.rides()[0].form_factor > 1.2);
    }

    #[test]
    fn halving_the_sampling_changes_little_and_drag_is_exact_within_a_step() {
        let vehicle = Vehicle { rolling_resistance: 0.0, auxiliary_w: 0.0, ..Vehicle::default() };
        let step = Step { dt_s: 10.0, speed_first_m_s: 5.0, speed_last_m_s: 15.0, climb_m: 0.0 };
        let fine: f64 = (0..1000)
            .map(|k| {
                let v = |k: i32| 5.0 + f64::from(k) / 100.0;
                let part = Step { dt_s: 0.01, speed_first_m_s: v(k), speed_last_m_s: v(k + 1), climb_m: 0.0 };
                wheel_power_w(&vehicle, &part) / 1000.0
            })
            .sum();
        assert!((wheel_power_w(&vehicle, &step) / fine - 1.0).abs() < 1e-6);
    }

    #[test]
    fn trips_are_told_apart_cut_at_gaps_and_bridged_over_blanks() {
        let mut text = String::from("trip,time_local,speed_km_h\n");
        for s in 0..40 {
            text +=
                &format!("1,2023-01-01 10:00:{s:02},{}\n", if s == 5 { "".into() } else { s.to_string() });
        }
        text += "1,2023-01-01 10:02:00,20\n1,2023-01-01 10:02:30,20\n2,2023-01-01 09:00:00,20\n";
        text += "2,2023-01-01 09:00:30,20\n3,2023-01-01 09:10:00,1\n3,2023-01-01 09:10:01,1\n";
        let library = of_text(&text, &Vehicle::default()).unwrap();
        assert_eq!(library.trips.len(), 3);
        assert_eq!(library.trips[0].segments.len(), 38);
        assert_eq!(library.trips[0].duration_s, 39.0);
        let notes: Vec<&str> = library.notes.iter().map(|n| n.text.as_str()).collect();
        assert_eq!(notes.len(), 4, "{notes:?}");
        let error = of_text("time_s,speed_km_h\n1,1\n1,1\n", &Vehicle::default()).unwrap_err();
        assert!(matches!(error, WorldError::NotIncreasing { line: 3, .. }));
        let error = of_text("time_s,speed_km_h\n1,1\n2,fast\n", &Vehicle::default()).unwrap_err();
        assert!(matches!(error, WorldError::NotANumber { line: 3, .. }));
        let error = of_text("time_s,speed\n1,1\n", &Vehicle::default()).unwrap_err().to_string();
        assert!(error.contains("speed_km_h") && error.contains("\"speed\""), "{error}");
    }

    #[test]
    fn climbing_costs_its_potential_energy() {
        let vehicle = Vehicle { drivetrain_efficiency: 1.0, ..Vehicle::default() };
        let ride = |slope: f64| {
            let mut text = String::from("time_s,speed_km_h,altitude_m\n");
            for s in 0..=600 {
                text += &format!("{s},18,{}\n", 100.0 + slope * 5.0 * f64::from(s));
            }
            of_text(&text, &vehicle).unwrap().trips.remove(0)
        };
        let gained = ride(0.05).energy_wh - ride(0.0).energy_wh;
        // Averaging flattens the first and the last quarter minute: a quarter of the window's climb at each end.
        let height_m = 0.05 * 5.0 * (600.0 - 2.0 * 7.5);
        assert!((gained - 190.0 * 9.80665 * height_m / 3600.0).abs() < 0.01 * gained, "{gained}");
        let cliff = "time_s,speed_km_h,altitude_m\n0,36,0\n100,36,\n";
        assert!(of_text(cliff, &vehicle).is_err(), "a gap of 100 s cuts the trip into single samples");
    }

    #[test]
    fn vehicles_that_cannot_be_are_refused() {
        let trips = Trips { cycle: Some("ece15".into()), file: None };
        let broken = Vehicle { drivetrain_efficiency: 0.0, ..Vehicle::default() };
        let error = library(&trips, &broken, Path::new(".")).unwrap_err().to_string();
        assert!(error.contains("vehicle.drivetrain_efficiency"), "{error}");
        let neither = Trips { cycle: None, file: None };
        assert!(matches!(
            library(&neither, &Vehicle::default(), Path::new(".")),
            Err(WorldError::Choice { given: 0, .. })
        ));
    }
}
