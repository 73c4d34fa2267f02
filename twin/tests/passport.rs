//! Rules of the passport against cases worked by hand; the arithmetic stands beside each.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use twin::geo::Position;
use twin::passport::carbon::{self, Battery, DataQuality, Grid, Leg, Service, Stages, Way};
use twin::passport::compliance::{self, Dossier, Status};
use twin::passport::date::Date;
use twin::passport::lifecycle::{AnnexStatus, EventKind, Stage};
use twin::passport::material::{Masses, Material};
use twin::passport::recovery::{self, RecoveryError};
use twin::passport::regulation::{self, Attribute, Category, Family};
use twin::passport::second_life::{self, Candidate};
use twin::passport::{content, factors};

#[track_caller]
fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} against {expected} ± {tolerance}");
}

fn region(name: &str) -> Grid {
    Grid::Region(name.into())
}

fn pack(chemistry: &str, grid: Grid) -> Battery<'_> {
    Battery {
        chemistry,
        energy_kwh: 100.0,
        contents: content::of_pack(chemistry, 100.0).unwrap(),
        recycled: &[],
        declared_production_kg: None,
        made_with: grid,
    }
}

#[test]
fn production_by_hand() {
    // NMC811 in Korea: 100·(55 + 20.1·0.4541 + 21.4·0.202) = 100·(55 + 9.12741 + 4.3228) = 6845.021.
    let (kg, quality) = carbon::production(&pack("NMC811", region("KR"))).unwrap();
    near(kg, 6845.021, 1e-6);
    assert_eq!(quality, DataQuality::Estimated);
    // LFP in China: 100·(38 + 20.1·0.58 + 4.3228) = 100·(38 + 11.658 + 4.3228) = 5398.08.
    near(carbon::production(&pack("LFP", region("CN"))).unwrap().0, 5398.08, 1e-6);
    // A given grid factor is stronger: 100·(55 + 20.1·0 + 4.3228) = 5932.28.
    near(carbon::production(&pack("NMC811", Grid::Given(0.0))).unwrap().0, 5932.28, 1e-6);
    // Declared data win.
    let declared = Battery { declared_production_kg: Some(11_730.0), ..pack("NMC811", region("KR")) };
    assert_eq!(carbon::production(&declared).unwrap(), (11_730.0, DataQuality::Declared));
    let warned = carbon::warnings(
        &Stages { production: 13_000.0, ..Stages::default() },
        DataQuality::Declared,
        100.0,
        "NMC811",
    );
    assert_eq!(warned, ["declared production of 130.0 kg CO2e/kWh lies outside 41 to 120"]);
    // A lead-acid block of 32 kg: 32·1.2 = 38.4.
    let block = Battery { contents: content::of_lead_acid(32.0), ..pack("VRLA", region("TH")) };
    near(carbon::production(&block).unwrap().0, 38.4, 1e-9);
}

#[test]
fn raw_material_and_making_add_up_to_production() {
    // NMC811 in Korea: raw material 100·55 = 5500; making 100·(20.1·0.4541 + 21.4·0.202) = 100·13.45021 = 1345.021.
    let battery = pack("NMC811", region("KR"));
    near(carbon::raw_material(&battery).unwrap().unwrap(), 5500.0, 1e-6);
    let (whole, _) = carbon::production(&battery).unwrap();
    near(whole - carbon::raw_material(&battery).unwrap().unwrap(), 1345.021, 1e-6);
    // What is declared as a whole, and lead-acid, are not told apart.
    let declared = Battery { declared_production_kg: Some(1.0), ..pack("NMC811", region("KR")) };
    assert_eq!(carbon::raw_material(&declared).unwrap(), None);
}

#[test]
fn recycled_nickel_lowers_production_by_what_it_saves() {
    // 62.622 kg of nickel, a tenth recycled, 13 kg/kg of which 70 % are saved: 62.622·0.1·13·0.7 = 56.986.
    let plain = carbon::production(&pack("NMC811", region("KR"))).unwrap().0;
    let recycled = [(Material::Nickel, 0.1)];
    let better = Battery { recycled: &recycled, ..pack("NMC811", region("KR")) };
    near(plain - carbon::production(&better).unwrap().0, 56.986, 1e-2);
}

#[test]
fn transport_by_hand() {
    let leg = |mode, way| Leg { mode, way, mass_kg: 250.0, factor_kg_per_t_km: None };
    // 8500 km · 0.25 t · 0.015 = 31.875.
    near(carbon::transport(&leg("ship", Way::Distance(8500.0))).unwrap(), 31.875, 1e-9);
    // Seoul to Berlin: 8127 km of great circle; by air 95 km more: 8222 · 0.25 · 1.13 = 2322.7.
    let at = |latitude_deg, longitude_deg| Position::new(latitude_deg, longitude_deg).unwrap();
    let (seoul, berlin) = (at(37.5665, 126.9780), at(52.5200, 13.4050));
    near(seoul.distance_km(berlin), 8127.0, 15.0);
    near(carbon::transport(&leg("air", Way::Between(seoul, berlin))).unwrap(), 2322.7, 5.0);
    // A quarter of the equator: π/2 · 6371.0088 = 10007.557.
    near(at(0.0, 0.0).distance_km(at(0.0, 90.0)), 10_007.557, 1e-3);
    assert!(carbon::transport(&leg("balloon", Way::Distance(1.0))).is_err());
    assert!(carbon::transport(&leg("ship", Way::Distance(-1.0))).is_err());
    assert!(carbon::transport(&leg("ship", Way::Distance(f64::NAN))).is_err());
}

#[test]
fn use_phase_and_totals_by_hand() {
    // 100 kWh · 3000 · 0.9 · (1/0.95 − 1) · 0.4541 = 270000 · 0.0526316 · 0.4541 = 6453.0.
    near(carbon::use_phase("NMC811", 100.0, 3000.0, None, &region("KR")).unwrap(), 6453.0, 0.1);
    // 300 MWh · (1/0.9 − 1) · 0.459 = 300000 · 0.1111111 · 0.459 = 15300.
    near(carbon::losses(300_000.0, 0.9, &Grid::Given(0.459)).unwrap(), 15_300.0, 1e-6);
    assert!(carbon::losses(1.0, 1.1, &Grid::Given(0.4)).is_err());
    let stages = Stages {
        production: 11_730.0,
        transportation: Some(850.0),
        use_phase: Some(15_000.0),
        end_of_life: Some(-2500.0),
    };
    assert_eq!(stages.cradle_to_gate(), 11_730.0);
    assert_eq!(stages.with_distribution(), 12_580.0);
    assert_eq!(stages.eu_declared(), 10_080.0);
    assert_eq!(stages.full_life_cycle(), 25_080.0);
    let left_out = Stages { end_of_life: None, ..stages };
    assert_eq!(left_out.full_life_cycle(), 27_580.0);
    // A car: 60 kWh · 60 cycles · 8 years = 28800 kWh; a store of 4000 cycles: 10 · 4000 = 40000 kWh.
    let car = Service::Vehicle { class: "M1", warranty_years: 8.0 };
    assert_eq!(carbon::total_energy_kwh(60.0, &car).unwrap(), 28_800.0);
    assert_eq!(carbon::total_energy_kwh(10.0, &Service::Cycles(4000.0)).unwrap(), 40_000.0);
}

#[test]
fn end_of_life_by_hand() {
    // 1 kg each of nickel (13) and copper (4.1), quality 0.8: credit (13 + 4.1)·0.8 = 13.68; burden of 10 kg by
    // leaching 10·1.0; net −3.68.
    let recovered = Masses::of([(Material::Nickel, 1.0), (Material::Copper, 1.0)]);
    near(carbon::end_of_life(10.0, &recovered, "hydro").unwrap(), -3.68, 1e-9);
    // Whole NMC811 packs come out within the published band of −29 to −5 kg/kWh.
    let contents = content::of_pack("NMC811", 100.0).unwrap();
    let expected = recovery::expected(&contents, "hydro").unwrap();
    let kg = carbon::end_of_life(contents.total_kg(), &expected.recovered, "hydro").unwrap();
    assert!((-2900.0..=-500.0).contains(&kg), "{kg}");
}

#[test]
fn recovery_by_hand() {
    // 2 kg nickel, 1 kg lithium, 1 kg graphite, hydro: 2·0.96 + 0.90 + 0 = 2.82 of 4; metals 2.82 of 3.
    let contained =
        Masses::of([(Material::Nickel, 2.0), (Material::Lithium, 1.0), (Material::Graphite, 1.0)]);
    let expected = recovery::expected(&contained, "hydro").unwrap();
    near(expected.mass_based, 0.705, 1e-12);
    near(expected.metals_only, 0.94, 1e-12);
    // 0.4·0.2 + 0.4·0.705 + 0.2·0.5 = 0.462.
    near(recovery::circularity_index(0.2, 0.705, 5.0), 46.2, 1e-9);
}

#[test]
fn results_are_judged_against_the_targets_of_their_day() {
    let contained = Masses::of([(Material::Nickel, 10.0), (Material::Lithium, 2.0), (Material::Other, 8.0)]);
    let recovered = Masses::of([(Material::Nickel, 9.3), (Material::Lithium, 1.2), (Material::Other, 3.5)]);
    let judged = |on| recovery::achieved(Family::Lithium, &contained, &recovered, 20.0, on).unwrap();
    // Efficiency 14/20 = 0.70; nickel 0.93; lithium 0.60.
    let in_2028 = judged(Date::of(2028, 6, 1));
    near(in_2028.efficiency, 0.70, 1e-12);
    assert!(in_2028.targets.len() == 3 && in_2028.targets.iter().all(|target| target.pass));
    let in_2032 = judged(Date::of(2032, 1, 1));
    let failed: Vec<_> = in_2032.targets.iter().filter(|t| !t.pass).map(|t| (t.material, t.target)).collect();
    assert_eq!(failed, [(Some(Material::Lithium), 0.80), (Some(Material::Nickel), 0.95)]);
    // More than was in it: 10.0 · 1.02 = 10.2 is the most.
    let too_much = Masses::of([(Material::Nickel, 10.3)]);
    let refused =
        recovery::achieved(Family::Lithium, &contained, &too_much, 20.0, Date::of(2028, 1, 1)).unwrap_err();
    assert!(matches!(refused, RecoveryError::MoreThanContained { material: "nickel", .. }));
}

fn candidate() -> Candidate {
    Candidate {
        energy_kwh: 100.0,
        soh_pct: 75.0,
        resistance_growth: 0.0,
        remaining_cycles: 2000.0,
        new_cycles: 3000.0,
        harmful_events: 0,
        open_safety_events: 0,
        hottest_c: 45.0,
        cell_spread_mv: 20.0,
        data_completeness: 1.0,
    }
}

#[test]
fn second_life_by_hand() {
    let found = second_life::evaluate(&candidate(), "stationary_storage").unwrap();
    // 30·(75 − 60)/20 + 20 + 20 + 15 + 10 + 5 = 22.5 + 70 = 92.5.
    near(found.score, 92.5, 1e-9);
    // 75 kWh · (115·0.85·2000/3000 − 20) = 75 · 45.1667 = 3387.5.
    near(found.value_usd, 3387.5, 1e-6);
    assert!(found.suitable);
    assert_eq!((found.recommended, found.remaining_kwh), ("stationary_storage", 75.0));

    let worn = Candidate {
        soh_pct: 62.0,
        resistance_growth: 0.5,
        remaining_cycles: 1000.0,
        harmful_events: 5,
        cell_spread_mv: 60.0,
        data_completeness: 0.5,
        ..candidate()
    };
    let found = second_life::evaluate(&worn, "stationary_storage").unwrap();
    // 30·0.1 + 20·0.5 + 20·0.5 + 15·e^−1 + 10·0.5 + 5·0.5 = 3 + 10 + 10 + 5.518 + 5 + 2.5 = 36.018.
    near(found.score, 36.018, 1e-3);
    assert_eq!(found.recommended, "backup_power");

    for unfit in [
        Candidate { soh_pct: 59.9, ..candidate() },
        Candidate { hottest_c: 60.0, ..candidate() },
        Candidate { open_safety_events: 1, ..candidate() },
        Candidate { resistance_growth: 1.01, ..candidate() },
    ] {
        let found = second_life::evaluate(&unfit, "backup_power").unwrap();
        assert_eq!((found.suitable, found.recommended, found.value_usd), (false, "recycling", 0.0));
        assert_eq!(found.checks.iter().filter(|check| !check.pass).count(), 1);
    }
    assert!(second_life::evaluate(&candidate(), "anchor").is_err());
}

fn dossier() -> Dossier {
    let evidence = regulation::regulation().documents.iter().map(|document| document.evidence.clone());
    Dossier {
        category: Category::Ev,
        family: Family::Lithium,
        energy_kwh: 60.0,
        placed: Date::of(2027, 9, 1),
        on: Date::of(2027, 10, 1),
        evidence: evidence.collect(),
        substances_pct: BTreeMap::from([("mercury".into(), 0.0001)]),
        contains: BTreeSet::from([Material::Lithium, Material::Nickel, Material::Cobalt]),
        recycled: BTreeMap::new(),
        soh_recorded: Some(Date::of(2027, 9, 10)),
        attributes: regulation::attributes().iter().map(|attribute| attribute.key().to_owned()).collect(),
    }
}

#[test]
fn a_complete_dossier_is_compliant_and_knows_what_is_to_come() {
    let found = compliance::evaluate(&dossier());
    assert!(found.compliant, "{:?}", found.findings);
    near(found.score, 100.0, 1e-9);
    near(found.completeness, 1.0, 1e-12);
    // Recycled content is asked for from 2028 on in papers, from 2031 and 2036 on in shares.
    let rules: BTreeSet<&str> = found.upcoming.iter().map(|rule| rule.rule.as_str()).collect();
    assert_eq!(rules, BTreeSet::from(["article-8-1", "article-8-2", "article-8-3"]));
    assert!(found.upcoming.is_sorted_by_key(|rule| rule.applies_from));
}

#[test]
fn gaps_cost_their_share_of_their_group() {
    let mut gaps = dossier();
    gaps.evidence.remove("ce_marking");
    gaps.soh_recorded = Some(Date::of(2027, 8, 1));
    let found = compliance::evaluate(&gaps);
    // Groups that apply: identity 15, conformity 10, substances 5, footprint 15, durability 10, health 10,
    // due diligence 10, passport 10 = 85. Lost: one of three of conformity, all of health:
    // (85 − 10/3 − 10)/85 = 84.31 %.
    near(found.score, 84.3137, 1e-3);
    assert!(!found.compliant);
    let gaps: Vec<(&str, Status)> = found
        .findings
        .iter()
        .filter(|finding| finding.status != Status::Satisfied)
        .map(|finding| (finding.rule.as_str(), finding.status))
        .collect();
    assert_eq!(gaps, [("article-20", Status::Missing), ("article-14", Status::Failed)]);
    assert!(found.findings.iter().all(|f| (f.status == Status::Satisfied) == f.gap.is_empty()));
}

#[test]
fn recycled_content_is_judged_once_it_applies() {
    let mut later = Dossier { placed: Date::of(2032, 1, 1), on: Date::of(2032, 1, 15), ..dossier() };
    later.soh_recorded = Some(later.on);
    later.recycled = BTreeMap::from([(Material::Nickel, 0.06), (Material::Cobalt, 0.10)]);
    let found = compliance::evaluate(&later);
    let of = |name: &str| {
        let text = |f: &&compliance::Finding| {
            f.rule == "article-8-2" && (f.evidence.contains(name) || f.gap.contains(name))
        };
        found.findings.iter().find(text).map(|f| f.status)
    };
    assert_eq!(of("nickel"), Some(Status::Satisfied));
    assert_eq!(of("cobalt"), Some(Status::Failed));
    assert_eq!(of("lithium"), Some(Status::Missing));
}

#[test]
fn an_empty_passport_is_incomplete_by_every_mandatory_attribute() {
    let empty = Dossier { attributes: BTreeSet::new(), ..dossier() };
    let found = compliance::evaluate(&empty);
    near(found.completeness, 0.0, 1e-12);
    let mandatory = regulation::attributes().iter().filter(|a| Attribute::is_mandatory(a)).count();
    let finding = found.findings.iter().find(|f| f.group == "passport").unwrap();
    assert_eq!(finding.gap.matches(',').count() + 1, mandatory);
}

proptest! {
    #[test]
    fn a_life_goes_only_along_its_ways(
        steps in prop::collection::vec(
            (prop::sample::select(EventKind::ALL), prop::option::of(prop::sample::select(Stage::ALL))),
            0..60,
        ),
    ) {
        let (mut stage, mut converted, mut was_waste) = (Stage::Manufactured, false, false);
        for (event, to) in steps {
            let Ok(next) = stage.after(event, to, converted) else { continue };
            prop_assert!(next == stage || stage.next().contains(&next), "{stage} to {next} by {event}");
            prop_assert!(stage != Stage::Recycled, "nothing comes after recycling, and {event} did");
            prop_assert_eq!(next == Stage::Recycled, event == EventKind::RecyclingComplete);
            converted |= next == Stage::SecondLife;
            // Who was converted is never in its first use again, and waste stays waste.
            prop_assert!(!(converted && next == Stage::InUse));
            was_waste |= next == Stage::EndOfLife;
            prop_assert_eq!(was_waste, !next.is_alive());
            let status = next.annex(converted);
            prop_assert_eq!(status == AnnexStatus::Waste, was_waste);
            stage = next;
        }
    }

    #[test]
    fn a_way_leads_on_from_everywhere_but_recycling(stage in prop::sample::select(Stage::ALL)) {
        prop_assert_eq!(stage.next().is_empty(), stage == Stage::Recycled);
        for next in stage.next() {
            prop_assert_eq!(stage.go(*next), Ok(*next));
        }
        prop_assert!(stage.go(stage).is_err());
        // From everywhere the end can be reached.
        let (mut reached, mut at) = (vec![stage], 0);
        while at < reached.len() {
            let more: Vec<Stage> = reached[at].next().iter().copied().filter(|s| !reached.contains(s)).collect();
            reached.extend(more);
            at += 1;
        }
        prop_assert!(reached.contains(&Stage::Recycled));
    }

    #[test]
    fn what_is_recovered_and_lost_is_what_was_there(
        energy_kwh in 0.1..1000.0f64,
        chemistry in prop::sample::select(vec!["NMC811", "NMC622", "NMC532", "NMC111", "NCA", "LFP", "LMO", "VRLA"]),
        process in prop::sample::select(vec!["hydro", "pyro", "direct", "smelting"]),
    ) {
        let contained = content::of_pack(chemistry, energy_kwh).unwrap();
        let expected = recovery::expected(&contained, process).unwrap();
        let (_, lost) = contained.split(&recovery::shares(process).unwrap());
        let sum = expected.recovered.total_kg() + lost.total_kg();
        prop_assert!((sum / contained.total_kg() - 1.0).abs() < 1e-12);
        prop_assert!((0.0..=1.0).contains(&expected.mass_based));
    }

    #[test]
    fn scores_stay_between_0_and_100(
        soh_pct in 0.0..110.0f64,
        growth in 0.0..3.0f64,
        events in 0u32..100,
        spread in 0.0..500.0f64,
        data in 0.0..1.0f64,
    ) {
        let any = Candidate {
            soh_pct,
            resistance_growth: growth,
            harmful_events: events,
            cell_spread_mv: spread,
            data_completeness: data,
            ..candidate()
        };
        let found = second_life::evaluate(&any, "stationary_storage").unwrap();
        prop_assert!((0.0..=100.0).contains(&found.score));
        prop_assert!(found.value_usd >= 0.0);
    }

    #[test]
    fn legs_add_up(distances in prop::collection::vec(1.0..5000.0f64, 1..8), mass_kg in 1.0..1e5f64) {
        let leg = |km| Leg { mode: "truck", way: Way::Distance(km), mass_kg, factor_kg_per_t_km: None };
        let parts: f64 = distances.iter().map(|km| carbon::transport(&leg(*km)).unwrap()).sum();
        let whole = carbon::transport(&leg(distances.iter().sum())).unwrap();
        prop_assert!((parts / whole - 1.0).abs() < 1e-9);
        let factor = factors::carbon().transport["truck"].factor.value;
        prop_assert!((whole / (distances.iter().sum::<f64>() * mass_kg * 1e-3 * factor) - 1.0).abs() < 1e-9);
    }
}
