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
        check_vehicles(chain, trail, findings);
        check_process(chain, trail, findings);
        check_givers(root, chain, trail, findings);
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

/// Vehicles need to be told what they do, and with what their packs are made.
fn check_vehicles(chain: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let has_vehicles = match chain.get("vehicles") {
        None => false,
        Some(count) => match count.number() {
            Some(count) => count > 0.0,
            None => return,
        },
    };
    for (key, what) in [("vehicle", "what its vehicles do"), ("made_in", "where their packs are made")] {
        match chain.get(key) {
            None if has_vehicles => {
                findings.add(chain.place, trail.key(key), format!("missing: {what}"));
            }
            Some(value) if !has_vehicles => {
                findings.add(value.place, trail.key(key), "has no effect without vehicles");
            }
            _ => {}
        }
    }
}

/// Lead is smelted, and nothing else is.
fn check_process(chain: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let Some(composition) = chain.get("composition").and_then(Node::text) else { return };
    let Some(recycler) = chain.get("recycler") else { return };
    let process = match recycler.get("process") {
        None => "hydro",
        Some(process) => match process.text() {
            Some(process) => process,
            None => return,
        },
    };
    if (composition == "VRLA") != (process == "smelting") {
        let message = match composition {
            "VRLA" => format!("lead-acid batteries are smelted, and {process} is for lithium"),
            _ => format!("smelting is for lead-acid batteries, and these are {composition}"),
        };
        let place = place_of(recycler, &["process"]);
        findings.add(place, trail.key("recycler").key("process"), message);
    }
}

/// Somebody has to give it packs.
fn check_givers(root: &Node, chain: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let name = chain.get("name").and_then(Node::text);
    // A name that was reported may be the one that is meant.
    if name.is_none() || chain.get("vehicles").is_some_and(|count| count.number() != Some(0.0)) {
        return;
    }
    let mut is_given = false;
    for list in GIVERS {
        each(root, list, |giver, _| {
            let to = giver.get("retired_to");
            is_given |= to.is_some_and(|to| to.text().is_none() || to.text() == name);
        });
    }
    if !is_given {
        let message = "nobody gives it packs: give it vehicles, or let something retire its packs to it";
        findings.add(chain.place, trail, message);
    }
}

/// What may retire its packs to a second life.
pub(super) const GIVERS: [&str; 3] = ["networks", "packs", "data_centres"];

/// Data centres with their blocks, vehicles' packs and recyclers; nothing where a count was reported.
pub(super) fn count_twins(root: &Node, mut add: impl FnMut(Option<f64>)) {
    each(root, "data_centres", |centre, _| {
        add(Some(1.0));
        for room in centre.get("rooms").map(Node::elements).unwrap_or_default() {
            add(number(room, "strings").zip(number(room, "blocks_per_string")).map(|(s, b)| s * b));
        }
    });
    each(root, "second_lives", |chain, _| {
        add(number_or(chain, "vehicles", 0.0));
        add(Some(1.0));
    });
}
