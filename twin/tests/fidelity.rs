//! Batteries followed by life laws alone and as particles, against the circuit, the bare particle model and their books.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use std::sync::Arc;
use twin::battery::circuit::CellModel;
use twin::battery::fidelity::Fidelity;
use twin::battery::fidelity::particle::ParticleCell;
use twin::battery::integrate::{Duty, Stepping};
use twin::battery::pack::{Layout, Ledger, PackModel, Spread};
use twin::battery::particle::cell::{self, Kind, Options};
use twin::battery::particle::drive::{End, Run};
use twin::battery::particle::set::{self, ParticleSet};
use twin::battery::thermal::ThermalPath;
use twin::battery::{Battery, Leg, library};
use twin::forcing::{Ambient, Hourly};
use twin::rng::Seed;
use twin::time::{HOUR_MS, Time};
use twin::twin::Twin;

const LAYOUT: Layout = Layout { series: 14, parallel: 8 };
const UNLIMITED: f64 = 1e12;

fn particles(name: &str, kind: Kind, mechanisms: &str) -> Arc<ParticleCell> {
    let set = ParticleSet::of(set::find(name).unwrap()).unwrap();
    let options = Options { mechanisms: mechanisms.parse().unwrap(), ..Options::new(kind) };
    Arc::new(ParticleCell::new(set, options).unwrap())
}

fn path(cell: &CellModel) -> ThermalPath {
    let heat = cell.file.cell.mass_kg * cell.file.cell.heat_capacity_j_per_kg_k;
    ThermalPath::from_time_constants(heat, 0.5, 600.0, 7200.0)
}

fn of_particles(cell: &Arc<ParticleCell>) -> PackModel {
    let rated = cell.rated().unwrap();
    PackModel::uniform(rated.clone(), LAYOUT, path(&rated)).with_fidelity(Fidelity::Particle(cell.clone()))
}

fn of_laws(name: &str, fidelity: Fidelity) -> PackModel {
    let cell = Arc::new(CellModel::compile(library::find(name).unwrap()).unwrap());
    let heat = path(&cell);
    PackModel::uniform(cell, LAYOUT, heat).with_fidelity(fidelity)
}

/// Whole days from 10 °C at night to 30 °C at noon.
fn days_of_air(days: usize) -> Ambient {
    let hour = |h: usize| (20.0 - 10.0 * (std::f64::consts::TAU * h as f64 / 24.0).cos()) as f32;
    Ambient { air_c: Hourly::new(0, (0..days * 24).map(hour).collect::<Vec<f32>>()), shift_c: 0.0 }
}

fn hours(h: f64) -> Time {
    Time((h * HOUR_MS as f64) as i64)
}

/// A day as a scooter has it: out in the morning, charged in the evening.
fn day(rated_ah: f64, day: usize) -> [Leg; 2] {
    let leg = |hour: f64, duty| Leg { at: hours(24.0 * day as f64 + hour), duty, ambient_shift_c: 0.0 };
    [
        leg(8.0, Duty::Current { current_a: 0.5 * rated_ah, until_soc: 0.2 }),
        leg(19.0, Duty::Charge { power_max_w: UNLIMITED, current_max_a: 0.3 * rated_ah, target_soc: 0.9 }),
    ]
}

fn follow(battery: &mut Battery, legs: &[Leg]) {
    let moment = twin::twin::Moment { now: battery.at(), seed: Seed(1), entity: "test", revision: 0 };
    let command = twin::battery::Follow { legs: legs.into(), catch_up: false };
    for event in battery.decide(&command, &moment).unwrap() {
        battery.apply(&event);
    }
}

/// A battery after so many days.
fn lived(model: PackModel, count: usize) -> Battery {
    let rated_ah = model.rated_ah();
    let mut battery = Battery::new(model, days_of_air(count + 1), Time(0), 0.9, Stepping::default());
    for number in 0..count {
        follow(&mut battery, &day(rated_ah, number));
        battery.catch_up(hours(24.0 * (number + 1) as f64));
    }
    battery
}

/// Charge that the books do not account for [Ah per cell].
fn missing_ah(before: (f64, f64), after: (f64, f64), books: &Ledger) -> f64 {
    let stored = after.0 * after.1 - before.0 * before.1;
    books.charged_ah
        - books.discharged_ah
        - books.leaked_ah
        - books.coulombic_loss_ah
        - books.faded_ah
        - stored
}

#[test]
fn life_laws_alone_age_a_pack_nearly_as_they_do_on_the_circuit() {
    for name in ["nmc811-grsi-lg-m50-5ah", "lfp-gr-sony-murata-3ah", "nmc111-gr-kokam-75ah"] {
        let circuit = lived(of_laws(name, Fidelity::Circuit), 365);
        let life = lived(of_laws(name, Fidelity::Life), 365);
        let (c, l) = (circuit.health(), life.health());
        let off = (1.0 - l.capacity) / (1.0 - c.capacity) - 1.0;
        assert!(off.abs() < 0.03, "{name}: {:.5} against {:.5}", 1.0 - l.capacity, 1.0 - c.capacity);
        assert!(((l.resistance - 1.0) / (c.resistance - 1.0) - 1.0).abs() < 0.05, "{name}: {l:?}, {c:?}");
        let (of_c, of_l) = (circuit.ledger(), life.ledger());
        assert!((of_l.energy_out_wh / of_c.energy_out_wh - 1.0).abs() < 0.02, "{name}");
        assert!((of_l.discharged_ah / of_c.discharged_ah - 1.0).abs() < 0.01, "{name}");
    }
}

#[test]
fn the_books_of_a_pack_without_voltage_close() {
    let model = of_laws("nmc811-grsi-lg-m50-5ah", Fidelity::Life);
    let parallel = f64::from(LAYOUT.parallel);
    let battery = lived(model.clone(), 60);
    let books = battery.ledger();
    let new_ah = model.cell.file.cell.capacity_ah;
    let after = (battery.state().soc, battery.state().capacity_ah(&model));
    let missing = missing_ah(
        (0.9, new_ah),
        after,
        &Ledger {
            charged_ah: books.charged_ah / parallel,
            discharged_ah: books.discharged_ah / parallel,
            leaked_ah: books.leaked_ah / parallel,
            coulombic_loss_ah: books.coulombic_loss_ah / parallel,
            faded_ah: books.faded_ah / parallel,
            ..Ledger::default()
        },
    );
    assert!(missing.abs() < 1e-9 * books.charged_ah, "{missing} Ah");
    assert!(battery.view(battery.at()).charge.is_some_and(|plan| plan.complete));
}

#[test]
fn a_pack_of_particles_discharges_as_the_bare_model_at_its_temperature() {
    // So much heat capacity that the cell stays at 25 °C, as the bare one does.
    for kind in [Kind::Spm, Kind::Spme] {
        let cell = particles("Chen2020", kind, "none");
        let rated = cell.rated().unwrap();
        let cold = ThermalPath::from_time_constants(1e9, 0.5, 600.0, 7200.0);
        let model = PackModel::uniform(rated, LAYOUT, cold).with_fidelity(Fidelity::Particle(cell.clone()));
        let mut battery = Battery::new(model, Ambient::constant(25.0), Time(0), 1.0, Stepping::default());
        let current_a = 5.0 * f64::from(LAYOUT.parallel);
        let duty = Duty::Current { current_a, until_soc: 0.0 };
        follow(&mut battery, &[Leg { at: Time(0), duty, ambient_shift_c: 0.0 }]);
        let bare_state = cell
            .model()
            .at_rest(twin::battery::particle::balance::Balance::of_new(cell.model().set()).at(1.0), 25.0);
        let mut bare = Run::new(cell.model(), bare_state, 25.0).unwrap();
        bare.begin(cell::Drive::Current { now_a: 5.0, slope_a_per_s: 0.0 }).unwrap();
        let mut energy_j = 0.0;
        let mut last = (0.0, bare.seen.voltage_v);
        bare.go(1e5, &[End::VoltageBelow(2.5)], |state, seen| {
            energy_j += 2.5 * (state.clock.t_s - last.0) * (last.1 + seen.voltage_v);
            last = (state.clock.t_s, seen.voltage_v);
        })
        .unwrap();
        // Halfway and at the lowest voltage; there the pack goes on at that voltage for a little.
        let middle_s = 0.5 * last.0;
        let seen = battery.observed(Time(0).plus_seconds(middle_s)).view(Time(0).plus_seconds(middle_s));
        let mut half = Run::new(cell.model(), bare_state, 25.0).unwrap();
        half.begin(cell::Drive::Current { now_a: 5.0, slope_a_per_s: 0.0 }).unwrap();
        half.go((middle_s * 1e3).floor() * 1e-3, &[], |_, _| {}).unwrap();
        let off_v = seen.voltage_v / 14.0 - half.seen.voltage_v;
        assert!(off_v.abs() < 2e-4, "{kind:?}: {off_v} V");
        let at_limit = battery.observed(Time(0).plus_seconds(last.0 - 0.002)).ledger();
        let off = at_limit.energy_out_wh / (energy_j / 3600.0 * 112.0) - 1.0;
        assert!(off.abs() < 2e-4, "{kind:?}: energy differs by {off}");
        battery.catch_up(hours(4.0));
        let view = battery.view(hours(4.0));
        assert!(view.current_a == 0.0 && view.soc < 0.05 && view.soc > -0.01, "{view:?}");
    }
}

#[test]
fn lithium_is_accounted_for_over_months_of_use() {
    let cell = particles("OKane2022", Kind::Spm, "sei-solvent, plating-partial, cracks, lam");
    let model = of_particles(&cell);
    let before = (0.9, cell.capacity_ah());
    let battery = lived(model, 60);
    let state = battery.state();
    let left_ah = state.health.capacity * cell.capacity_ah();
    // Health is as of the last balance, and so is the state of charge.
    let missing = missing_ah(before, (state.soc, left_ah), &state.ledger);
    assert!(missing.abs() < 1e-6 * state.ledger.charged_ah, "{missing} Ah of {}", state.ledger.charged_ah);
    let losses = battery.losses().unwrap();
    assert!(losses.lithium_pct > 0.2 && losses.sei_pct > 0.1 && losses.negative_pct > 0.0, "{losses:?}");
    let explained = losses.sei_pct + losses.crack_sei_pct + losses.plating_pct;
    assert!(explained > 0.5 * losses.lithium_pct * 0.9, "{losses:?}");
    assert!(battery.health().capacity < 0.999 && battery.health().resistance > 1.0, "{:?}", battery.health());
    assert_eq!(losses.halved, 0.0);
}

#[test]
fn looking_changes_nothing_and_charges_are_as_planned() {
    let cell = particles("Chen2020", Kind::Spme, "sei-solvent");
    let rated_ah = of_particles(&cell).rated_ah();
    let run = |look: bool| {
        let mut battery =
            Battery::new(of_particles(&cell), days_of_air(4), Time(0), 0.3, Stepping::default());
        for number in 0..3 {
            follow(&mut battery, &day(rated_ah, number));
            for hour in 1..=24 {
                let at = hours(24.0 * number as f64 + f64::from(hour));
                if look {
                    let _ = battery.view(at);
                }
                if hour == 24 {
                    battery.catch_up(at);
                }
            }
        }
        battery
    };
    let (looked, not) = (run(true), run(false));
    assert_eq!(looked.state(), not.state());
    let plan = not.view(not.at()).charge.unwrap();
    assert!(plan.complete && (plan.soc_end - 0.9).abs() < 1e-6, "{plan:?}");
    assert!(plan.ends > plan.begins && plan.reaches(0.5).is_some());
    let mut total = 0.0;
    plan.hourly_wh.iter().for_each(|wh| total += f64::from(*wh));
    assert!(total > 0.5 * not.model().rated_wh() && total < 0.9 * not.model().rated_wh(), "{total} Wh");
}

#[test]
fn loads_that_cannot_be_met_end_a_duty_and_are_booked() {
    let cell = particles("Chen2020", Kind::Spme, "sei-solvent");
    for (duty, air_c) in [
        (Duty::Power { power_w: 1e5, ripple: 0.5 }, 25.0),
        (Duty::Power { power_w: -1e5, ripple: 0.0 }, -15.0),
        (Duty::Current { current_a: 400.0, until_soc: 0.0 }, -20.0),
        (Duty::Charge { power_max_w: UNLIMITED, current_max_a: 400.0, target_soc: 1.0 }, -20.0),
        (Duty::Hold { voltage_v: 56.0, current_max_a: 20.0 }, 20.0),
    ] {
        let mut battery =
            Battery::new(of_particles(&cell), Ambient::constant(air_c), Time(0), 0.5, Stepping::default());
        follow(&mut battery, &[Leg { at: Time(0), duty, ambient_shift_c: 0.0 }]);
        battery.catch_up(hours(30.0));
        let view = battery.view(hours(30.0));
        assert!(view.voltage_v.is_finite() && view.temperature_c.is_finite(), "{duty:?}: {view:?}");
        assert!((-0.01..1.01).contains(&view.soc), "{duty:?}: {view:?}");
        assert!(view.voltage_v / 14.0 > 2.4 && view.voltage_v / 14.0 < 4.21, "{duty:?}: {view:?}");
        if let Duty::Power { power_w, .. } = duty
            && power_w > 0.0
        {
            assert!(battery.ledger().unserved_wh > 0.0, "{duty:?}");
        }
        if let Duty::Hold { .. } = duty {
            assert!((view.voltage_v - 56.0).abs() < 0.05, "{view:?}");
        }
    }
}

#[test]
fn a_pack_of_unequal_cells_is_as_strong_as_the_weakest() {
    let cell = particles("Chen2020", Kind::Spm, "sei-solvent");
    let rated = cell.rated().unwrap();
    let spread = Spread { capacity: 0.02, resistance: 0.0, ageing: 0.2 };
    let mut stream = Seed(3).stream("pack", "scatter", 0);
    let model = PackModel::uniform(rated.clone(), Layout { series: 14, parallel: 1 }, path(&rated))
        .with_fidelity(Fidelity::Particle(cell.clone()))
        .drawn(spread, &mut stream);
    let weakest = model.groups.iter().map(|g| f64::from(g.capacity)).fold(1.0, f64::min);
    let new_ah = cell.capacity_ah();
    let mut battery = Battery::new(model, Ambient::constant(25.0), Time(0), 1.0, Stepping::default());
    assert!((battery.health().capacity - weakest).abs() < 1e-6);
    let duty = Duty::Current { current_a: 0.5, until_soc: 0.0 };
    follow(&mut battery, &[Leg { at: Time(0), duty, ambient_shift_c: 0.0 }]);
    battery.catch_up(hours(14.0));
    let given_ah = battery.ledger().discharged_ah;
    let model_ah = weakest * new_ah;
    assert!((given_ah / model_ah - 1.0).abs() < 0.03, "{given_ah} Ah of {model_ah}");
    assert!(battery.view(battery.at()).soc.abs() < 1e-3);
}
