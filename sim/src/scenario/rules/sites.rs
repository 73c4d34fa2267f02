//! Rules on facilities: data centres and second lives.

use super::super::mistake::{Findings, Place, Trail};
use super::super::node::{Node, figure};
use super::super::sites::{BlockCare, CarePolicy};
use super::{each, exactly_one, figures, number, number_or, place_of};
use std::collections::HashMap;

/// Most blocks of one data centre: what its strings hold in memory and get through in time.
const BLOCKS_MAX: f64 = 1e6;

/// Checks what facilities say.
pub(super) fn check(root: &Node, findings: &mut Findings) {
    each(root, "data_centres", |centre, trail| {
        check_rooms(centre, trail, findings);
        if let Some(outages) = centre.get("outages") {
            check_months(outages, &trail.key("outages"), findings);
        }
        check_care(centre, trail, findings);
    });
    each(root, "second_lives", |chain, trail| {
        check_lives(chain, trail, findings);
        for life in ["vehicle", "store"] {
            let Some(duty) = chain.get(life).and_then(|life| life.get("duty")) else { continue };
            let trail = trail.key(life);
            let trail = trail.key("duty");
            if let Some(steps) = duty.get("steps") {
                figures::check_steps(steps.elements(), &trail.key("steps"), findings);
            }
            if let Some(trips) = duty.get("trips") {
                exactly_one(trips, &["cycle", "file"], &trail.key("trips"), findings);
            }
        }
    });
}

fn check_rooms(centre: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let trail = trail.key("rooms");
    let mut seen: HashMap<&str, Place> = HashMap::new();
    let mut blocks = 0.0;
    for (index, room) in centre.get("rooms").map(Node::elements).unwrap_or_default().iter().enumerate() {
        if let (Some(strings), Some(in_series)) = (number(room, "strings"), number(room, "blocks_per_string"))
        {
            blocks += strings * in_series;
        }
        let Some(name) = room.get("name") else { continue };
        let Some(text) = name.text() else { continue };
        if let Some(first) = seen.insert(text, name.place) {
            let message =
                format!("two rooms are called {}; the other is on line {}", name.brief(), first.line);
            findings.add(name.place, trail.index(index).key("name"), message);
        }
    }
    if blocks > BLOCKS_MAX {
        let message = format!("{blocks} blocks, and at most {BLOCKS_MAX} fit into one data centre");
        findings.add(place_of(centre, &["rooms"]), trail, message);
    }
}

fn check_months(outages: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let Some(months) = outages.get("by_month") else { return };
    let weights: Vec<f64> = months.elements().iter().filter_map(Node::number).collect();
    if weights.iter().any(|weight| !(0.0..=1e6).contains(weight)) {
        findings.add(months.place, trail.key("by_month"), "weights lie between 0 and 1000000");
    } else if weights.len() == 12 && weights.iter().sum::<f64>() <= 0.0 {
        findings.add(months.place, trail.key("by_month"), "every month has weight 0: leave the outages out");
    }
}

fn check_care(centre: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let Some(care) = centre.get("care") else { return };
    let policy = care.get("policy").and_then(Node::text);
    let is_forecast = match policy {
        Some(policy) => policy == "forecast",
        None => BlockCare::default().policy == CarePolicy::Forecast,
    };
    if let Some(days) = care.get("forecast_days").filter(|_| !is_forecast) {
        let message = "has no effect unless the policy is forecast";
        findings.add(days.place, trail.key("care").key("forecast_days"), message);
    }
}

/// A store must take packs that a vehicle gives.
fn check_lives(chain: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let until = |life: &str| chain.get(life).and_then(|life| number(life, "until_soh"));
    let (Some(vehicle), Some(store)) = (until("vehicle"), until("store")) else { return };
    if store >= vehicle {
        let message = format!(
            "a store that gives packs up at {} keeps none that vehicles give up at {}",
            figure(store),
            figure(vehicle)
        );
        let place = chain.get("store").map_or(chain.place, |store| place_of(store, &["until_soh"]));
        findings.add(place, trail.key("store").key("until_soh"), message);
    }
}

/// Data centres with their blocks, vehicles' packs and recyclers; nothing where a count was reported.
pub(super) fn count_twins(root: &Node, mut add: impl FnMut(Option<f64>)) {
    each(root, "data_centres", |centre, _| {
        add(Some(1.0));
        for room in centre.get("rooms").map(Node::elements).unwrap_or_default() {
            add(number(room, "strings").zip(number(room, "blocks_per_string")).map(|(s, b)| s * b));
        }
    });
    each(root, "second_lives", |chain, _| {
        add(number_or(chain, "vehicles", 1.0));
        add(Some(1.0));
    });
}
