//! Pages of runs, comparisons and sweeps. Set `CELLTIDE_PAGES` to a folder to keep them and look at them.

use crate::worlds::{FIVE_YEARS, POLICIES, Size, noise, story};
use sim::results::spread::spread;
use sim::results::story::{Band, Story};
use sim::results::sweep::{Point, Sweep};
use sim::results::{compare, report, summary, sweep};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A folder to write to: kept when asked for, otherwise gone with the guard.
fn folder(name: &str) -> (PathBuf, Option<tempfile::TempDir>) {
    match std::env::var_os("CELLTIDE_PAGES") {
        Some(kept) => {
            let folder = PathBuf::from(kept).join(name);
            std::fs::create_dir_all(&folder).unwrap();
            (folder, None)
        }
        None => {
            let guard = tempfile::tempdir().unwrap();
            let folder = guard.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            (folder, Some(guard))
        }
    }
}

fn write_run(folder: &Path, story: &Story) -> String {
    report::write(folder, story).unwrap();
    summary::write(folder, story, 12.5).unwrap();
    std::fs::read_to_string(folder.join("report.html")).unwrap()
}

/// Every element that is opened is closed, in order: catches a forgotten tag in hand-written markup.
fn assert_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "!doctype", "wbr"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').expect("a tag ends");
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        if VOID.contains(&name) || tag.ends_with('/') {
            continue;
        }
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "near {}", &rest[..rest.len().min(80)].escape_debug());
        } else {
            open.push(name);
            if name == "script" || name == "style" {
                rest = &rest[rest.find("</").unwrap()..];
            }
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
}

#[test]
fn a_run_of_several_variants() {
    let (folder, _guard) = folder("run");
    let story = story(POLICIES.len(), FIVE_YEARS);
    let html = write_run(&folder, &story);
    assert_well_formed(&html);
    for expected in
        ["State of health", "Resistance growth", "Energy per quarter", "Where the money goes", "Naumann"]
    {
        assert!(html.contains(expected), "{expected}");
    }
    assert!(!html.contains("http://") && !html.contains("https://"), "the page asks nobody for anything");
    assert!(html.contains("Vessels met total"), "figures that nobody has written about are shown");
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    let read = report::story_in(&html).unwrap();
    let (was, is) =
        (story.variants[1].figures["total_cost"].mean, read.variants[1].figures["total_cost"].mean);
    assert!((was - is).abs() < 1e-9 * was, "JSON keeps all but the last bit");
    assert_eq!(html, report::render(&story).unwrap(), "the same story gives the same bytes");
}

#[test]
fn a_run_of_one_variant_and_few_days() {
    let (folder, _guard) = folder("single");
    let size = Size { packs: 1, cabinets: 2, samples: 14 * 24, interval_days: 1.0 / 24.0, replicates: 1 };
    let mut story = story(1, size);
    story.end = "2026-01-15T00:00:00+07:00".into();
    story.stopped_at = Some("2026-01-12T06:00:00+07:00".into());
    let html = write_run(&folder, &story);
    assert_well_formed(&html);
    assert!(html.contains("stopped on 12 Jan 2026"));
    assert!(html.contains("class=\"tiles\"") && !html.contains("class=\"legend\""));
}

#[test]
fn metrics_of_later_twins_show_up() {
    let mut story = story(2, Size { samples: 3, replicates: 1, ..FIVE_YEARS });
    let t_days = vec![1.0, 2.0, 3.0];
    for variant in &mut story.variants {
        variant.bands.push(Band {
            kind: "vessel".into(),
            metric: "hold_fill_pct".into(),
            subjects: 3.0,
            mean: vec![1.0, 2.0, 3.0],
            p10: vec![0.5, 1.0, 2.0],
            p50: vec![1.0, 2.0, 3.0],
            p90: vec![2.0, 3.0, 4.0],
            t_days: t_days.clone(),
        });
        variant.profiles.insert("bales_by_hour".into(), vec![1.0; 24]);
    }
    let html = report::render(&story).unwrap();
    assert!(html.contains("Hold fill of vessels") && html.contains("Bales by hour of the day"));
}

#[test]
fn text_of_a_scenario_cannot_become_markup() {
    let mut story = story(2, Size { samples: 3, replicates: 1, ..FIVE_YEARS });
    let evil = "</script><script>alert('x')</script>\"'&";
    story.name = evil.into();
    story.description = evil.into();
    story.currency = evil.into();
    story.variants[1].name = evil.into();
    story.variants[1].changes = vec![evil.into()];
    story.warnings.push(evil.into());
    story.assumptions[0].source = evil.into();
    let html = report::render(&story).unwrap();
    assert_well_formed(&html);
    assert!(!html.contains("<script>alert"));
    assert_eq!(report::story_in(&html).unwrap().name, evil);
}

#[test]
fn an_empty_story_is_a_page() {
    let mut story = story(1, Size { samples: 2, replicates: 1, ..FIVE_YEARS });
    story.variants.clear();
    story.assumptions.clear();
    assert_well_formed(&report::render(&story).unwrap());
}

#[test]
fn many_variants_are_told_apart() {
    let (folder, _guard) = folder("many");
    let mut story = story(4, Size { replicates: 2, ..FIVE_YEARS });
    for index in 0..8 {
        let mut variant = story.variants[index % 4].clone();
        variant.name = format!("{} with {} packs fewer", variant.name, index + 1);
        story.variants.push(variant);
    }
    assert_well_formed(&write_run(&folder, &story));
}

#[test]
fn folders_are_compared() {
    let (folder, _guard) = folder("compare");
    let folders = ["january", "july"].map(|name| folder.join(name));
    for (index, run) in folders.iter().enumerate() {
        std::fs::create_dir_all(run).unwrap();
        let mut story = story(2, Size { replicates: 2, ..FIVE_YEARS });
        story.seed += index as u64;
        for spread in story.variants[0].figures.values_mut() {
            spread.mean *= 1.0 + 0.1 * index as f64;
        }
        write_run(run, &story);
    }
    let comparison = compare::compare(&folders).unwrap();
    let table = comparison.table();
    std::fs::write(folder.join("table.txt"), &table).unwrap();
    assert!(table.starts_with("figure"), "{table}");
    assert!(table.contains("january / Charge at once") && table.contains("+10 %"), "{table}");
    assert!(table.contains("note: The runs have different seeds: january 7, july 8"), "{table}");
    let json = comparison.json();
    assert_eq!(json["variants"][2]["folder"], folders[1].to_str().unwrap());
    let difference = json["variants"][2]["figures"]["swaps_total"]["difference_pct"].as_f64().unwrap();
    assert!((difference - 10.0).abs() < 1e-9);
    comparison.write_page(&folder.join("compare.html")).unwrap();
    let html = comparison.page().unwrap();
    assert_well_formed(&html);
    assert!(html.contains("State of health"), "curves come along");

    std::fs::remove_file(folders[1].join("report.html")).unwrap();
    assert_eq!(compare::compare(&folders).unwrap().story.variants[2].bands, []);
    let error = compare::compare(&[folder.join("nowhere")]).unwrap_err().to_string();
    assert!(error.ends_with("nowhere is not a result folder: it does not exist"), "{error}");
    assert!(compare::compare(&[]).is_err());
}

/// Cost has a valley over the target, and packs cost money.
fn point(target: f64, packs: u32, policy: &str, replicates: u64) -> Point {
    let mut columns: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for replicate in 0..replicates {
        let chance = noise(replicate, u64::from(packs), 1) - 0.5;
        let short = (0.86 - target).max(0.0) * 60.0 / f64::from(packs) * 100.0;
        let wear = 400.0 * target.powi(3) * if policy == "health_aware" { 0.7 } else { 1.0 };
        columns.entry("served_pct").or_default().push(99.6 - short + 0.2 * chance);
        columns
            .entry("total_cost")
            .or_default()
            .push(21_000.0 + 40.0 * f64::from(packs) + 20.0 * wear + 600.0 * chance);
        columns.entry("soh_mean_pct").or_default().push(96.0 - wear / 40.0 + chance);
        columns.entry("made_up_kg").or_default().push(chance);
    }
    let settings = [
        ("networks.0.charging.target_soc", target.to_string()),
        ("networks.0.packs", packs.to_string()),
        ("networks.0.charging.policy", policy.to_owned()),
    ];
    Point {
        settings: settings.map(|(path, value)| (path.to_owned(), value)).to_vec(),
        figures: columns
            .into_iter()
            .map(|(name, values)| (name.to_owned(), spread(values).unwrap()))
            .collect(),
    }
}

fn sweep_of(points: Vec<Point>) -> Sweep {
    Sweep {
        name: "How full, and how many packs?".into(),
        description: "Where does charging further stop paying?".into(),
        seed: 7,
        replicates: 8,
        engine_version: "0.1.0".into(),
        currency: "USD".into(),
        points,
        warnings: Vec::new(),
    }
}

#[test]
fn a_grid_is_swept() {
    let (folder, _guard) = folder("sweep");
    let mut points = Vec::new();
    for target in [0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0] {
        for packs in [80, 100, 120] {
            for policy in ["immediate", "health_aware"] {
                points.push(point(target, packs, policy, 8));
            }
        }
    }
    let sweep = sweep_of(points);
    sweep::write(&folder, &sweep).unwrap();
    let table = std::fs::read_to_string(folder.join("sweep.csv")).unwrap();
    let mut lines = table.lines();
    assert_eq!(
        lines.next().unwrap(),
        "networks.0.charging.target_soc,networks.0.packs,networks.0.charging.policy,figure,mean,p10,p50,p90"
    );
    assert!(lines.next().unwrap().starts_with("0.7,80,immediate,made_up_kg,"));
    assert_eq!(table.lines().count(), 1 + 42 * 4);
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert_well_formed(&html);
    assert!(html.contains("What matters most") && html.contains("averaged over the other varied values"));
}

#[test]
fn one_value_at_a_time_gives_sensitivities_around_the_base() {
    let (folder, _guard) = folder("sensitivity");
    let points = vec![
        point(0.9, 100, "immediate", 8),
        point(0.8, 100, "immediate", 8),
        point(1.0, 100, "immediate", 8),
        point(0.9, 80, "immediate", 8),
        point(0.9, 140, "immediate", 8),
        point(0.9, 100, "health_aware", 8),
    ];
    sweep::write(&folder, &sweep_of(points)).unwrap();
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert_well_formed(&html);
    assert!(html.contains("Each value was varied alone"));
}

#[test]
fn words_are_swept_with_bars() {
    let (folder, _guard) = folder("words");
    let points = ["immediate", "off_peak", "health_aware"].map(|policy| {
        let mut point = point(0.9, 100, policy, 8);
        point.settings.retain(|(path, _)| path.ends_with("policy"));
        point
    });
    sweep::write(&folder, &sweep_of(points.to_vec())).unwrap();
    let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
    assert_well_formed(&html);
    assert!(html.contains("whisker"));
    assert!(sweep::write(&folder, &sweep_of(Vec::new())).is_err());
}
