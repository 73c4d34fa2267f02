//! Rules on numbers that have to go together.

use super::super::mistake::{Findings, Trail};
use super::super::node::{Node, Value, figure};
use super::super::schema::{Charging, Output, Scatter, default_standby_w};
use super::{each, horizon_days, number, number_or, place_of};

/// Most twins of one world: what a large machine holds in memory.
const TWINS_MAX: f64 = 2_000_000.0;
/// Most rows of one world's time series.
const ROWS_MAX: f64 = 2e9;
/// Metrics that a twin writes into the time series, about.
const METRICS_PER_TWIN: f64 = 6.0;

/// Checks that the numbers of a scenario go together.
pub(super) fn check(root: &Node, findings: &mut Findings) {
    if let Some(batteries) = root.get("batteries") {
        let top = Trail::Root;
        let trail = top.key("batteries");
        for kind in batteries.entries() {
            check_scatter(&kind.value, &trail.key(&kind.key), findings);
        }
    }
    each(root, "networks", |network, trail| {
        check_circulation(network, trail, findings);
        check_cabinets(network, trail, findings);
        check_charging(network, trail, findings);
        if let Some(riders) = network.get("riders") {
            check_profile(riders, "by_hour", &trail.key("riders"), findings);
            check_profile(riders, "by_weekday", &trail.key("riders"), findings);
        }
    });
    each(root, "packs", |group, trail| {
        if let Some(steps) = group.get("duty").and_then(|duty| duty.get("steps")) {
            check_steps(steps.elements(), &trail.key("duty").key("steps"), findings);
        }
        if let Some(network) = group.get("network") {
            super::cells::check(root, group, network, &trail.key("network"), findings);
        }
    });
    check_size(root, findings);
}

/// Every rider holds a pack, and every other pack needs a slot while one in each cabinet stays free.
fn check_circulation(network: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let part = |part: &str, key: &str| network.get(part).and_then(|node| number(node, key));
    let (Some(packs), Some(riders)) = (number(network, "packs"), part("riders", "count")) else { return };
    let place = place_of(network, &["packs"]);
    if packs < riders {
        let message = format!("{packs} packs are fewer than the {riders} riders, each of whom holds one");
        findings.add(place, trail.key("packs"), message);
    }
    let (Some(cabinets), Some(slots)) = (part("cabinets", "count"), part("cabinets", "slots")) else {
        return;
    };
    if let Some(districts) = number(network, "districts").filter(|districts| *districts > cabinets) {
        let message =
            format!("{districts} districts need as many cabinets at least, and there are {cabinets}");
        findings.add(place_of(network, &["districts"]), trail.key("districts"), message);
    }
    let room = cabinets * (slots - 1.0);
    if packs - riders > room {
        let message = format!(
            "{packs} packs less {riders} with riders leave {}, and {cabinets} cabinets of {slots} slots, one \
             kept free in each, hold {room}",
            packs - riders
        );
        findings.add(place, trail.key("packs"), message);
    }
}

fn check_cabinets(network: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let Some(cabinets) = network.get("cabinets") else { return };
    let trail = trail.key("cabinets");
    let site_w = number(cabinets, "site_power_kw").map(|power_kw| power_kw * 1000.0);
    let standby_w = number_or(cabinets, "standby_w", default_standby_w());
    if let (Some(site_w), Some(standby_w)) = (site_w, standby_w)
        && site_w <= standby_w
    {
        let message = format!(
            "site_power_kw is {} W and standby_w {}: nothing is left to charge with",
            figure(site_w),
            figure(standby_w)
        );
        findings.add(place_of(cabinets, &["site_power_kw"]), trail.key("site_power_kw"), message);
    }
    let Some(points) = cabinets.get("charger_efficiency") else { return };
    let trail = trail.key("charger_efficiency");
    let mut load_before = 0.0;
    for (index, point) in points.elements().iter().enumerate() {
        let [Some(load), Some(efficiency)] = [0, 1].map(|at| point.elements().get(at).and_then(Node::number))
        else {
            continue;
        };
        if !(load > 0.0 && load <= 1.0 && efficiency > 0.0 && efficiency <= 1.0) {
            let message = format!(
                "load {} and efficiency {} are fractions above 0 and up to 1",
                figure(load),
                figure(efficiency)
            );
            findings.add(point.place, trail.index(index), message);
        } else if load <= load_before {
            let message = format!("load {} does not increase on {}", figure(load), figure(load_before));
            findings.add(point.place, trail.index(index), message);
        }
        load_before = load;
    }
}

fn check_charging(network: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let empty = Node::new(network.place, Value::Mapping(Vec::new()));
    let charging = network.get("charging").unwrap_or(&empty);
    let trail = trail.key("charging");
    let usual = Charging::default();
    let as_given = |key: &str| if charging.get(key).is_none() { " (the default)" } else { "" };
    let ready = number_or(charging, "ready_soc", usual.ready_soc);
    let target = number_or(charging, "target_soc", usual.target_soc);
    if let (Some(ready), Some(target)) = (ready, target)
        && ready > target
    {
        let message = format!(
            "ready_soc {}{} is above target_soc {}{}: no pack would ever be ready",
            figure(ready),
            as_given("ready_soc"),
            figure(target),
            as_given("target_soc")
        );
        findings.add(place_of(charging, &["ready_soc", "target_soc"]), trail.key("ready_soc"), message);
    }
    let reserve = number_or(charging, "reserve", f64::from(usual.reserve));
    let slots = network.get("cabinets").and_then(|cabinets| number(cabinets, "slots"));
    if let (Some(reserve), Some(slots)) = (reserve, slots)
        && reserve >= slots
    {
        let message = format!(
            "reserve {reserve}{} has to be less than the {slots} slots of a cabinet",
            as_given("reserve")
        );
        findings.add(place_of(charging, &["reserve"]), trail.key("reserve"), message);
    }
}

/// Weights of the hours of a day or the days of a week.
fn check_profile(riders: &Node, key: &str, trail: &Trail<'_>, findings: &mut Findings) {
    let Some(profile) = riders.get(key) else { return };
    let trail = trail.key(key);
    let weights: Vec<Option<f64>> = profile.elements().iter().map(Node::number).collect();
    for (index, element) in profile.elements().iter().enumerate() {
        if let Some(weight) = weights[index].filter(|weight| *weight < 0.0) {
            let message = format!("activity {} is negative", figure(weight));
            findings.add(element.place, trail.index(index), message);
        }
    }
    if !weights.is_empty() && weights.iter().all(|weight| *weight == Some(0.0)) {
        findings.add(profile.place, trail, "all zero: nobody would ever ride");
    }
}

/// The steps of a day: in order, and each able to change something.
pub(super) fn check_steps(steps: &[Node], trail: &Trail<'_>, findings: &mut Findings) {
    let charged_to = steps
        .iter()
        .filter(|step| number(step, "c_rate").is_none_or(|c_rate| c_rate < 0.0))
        .map(|step| number(step, "until_soc").unwrap_or(1.0))
        .reduce(f64::max);
    let mut hour_before: Option<f64> = None;
    for (index, step) in steps.iter().enumerate() {
        let trail = trail.index(index);
        if let Some(hour) = number(step, "at_hour") {
            if let Some(before) = hour_before.filter(|before| hour <= *before) {
                let message = format!(
                    "steps are in order of their start, and {} does not come after {}",
                    figure(hour),
                    figure(before)
                );
                findings.add(place_of(step, &["at_hour"]), trail.key("at_hour"), message);
            }
            hour_before = Some(hour);
        }
        let (Some(c_rate), Some(until)) = (number(step, "c_rate"), number(step, "until_soc")) else {
            continue;
        };
        let until_place = place_of(step, &["until_soc"]);
        if c_rate == 0.0 {
            let message = "a step of rate 0 does nothing: leave it out, packs rest between steps";
            findings.add(place_of(step, &["c_rate"]), trail.key("c_rate"), message);
        } else if c_rate < 0.0 && until <= 0.0 {
            let message = "a charge (negative c_rate) cannot stop at 0: it would never begin";
            findings.add(until_place, trail.key("until_soc"), message);
        } else if c_rate > 0.0 && until >= 1.0 {
            let message = "a discharge (positive c_rate) cannot stop at 1: it would never begin";
            findings.add(until_place, trail.key("until_soc"), message);
        } else if let Some(top) = charged_to.filter(|top| c_rate > 0.0 && until >= *top) {
            let message = format!(
                "a discharge that stops at {} does nothing where charging ends at {}",
                figure(until),
                figure(top)
            );
            findings.add(until_place, trail.key("until_soc"), message);
        }
    }
}

/// Cells are drawn from a normal distribution, which must not reach cells without capacity.
fn check_scatter(kind: &Node, trail: &Trail<'_>, findings: &mut Findings) {
    let Some(scatter) = kind.get("scatter") else { return };
    let spread = number_or(scatter, "capacity_sd", Scatter::default().capacity_sd);
    if let Some(spread) = spread.filter(|spread| 6.0 * spread >= 1.0) {
        let message = format!(
            "with a standard deviation of {}, a cell six of them below the mean has no capacity left",
            figure(spread)
        );
        findings.add(place_of(scatter, &["capacity_sd"]), trail.key("scatter").key("capacity_sd"), message);
    }
}

/// Whether the run fits into memory and onto a disk.
fn check_size(root: &Node, findings: &mut Findings) {
    let twins = count_twins(root);
    if let Some(twins) = twins.filter(|twins| *twins > TWINS_MAX) {
        let message = format!("{twins} twins in all, and at most {TWINS_MAX} fit into one world");
        findings.add(place_of(root, &["networks", "packs", "data_centres", "second_lives"]), "", message);
    }
    let Some(horizon) = horizon_days(root) else { return };
    let empty = Node::new(root.place, Value::Mapping(Vec::new()));
    let output = root.get("output").unwrap_or(&empty);
    let Some(interval) = number_or(output, "interval_days", Output::default().interval_days) else { return };
    let top = Trail::Root;
    let trail = top.key("output");
    let place = place_of(output, &["interval_days"]);
    // Left out, it shortens by itself to the span of a short run.
    if interval > horizon && output.get("interval_days").is_some() {
        let message =
            format!("{} days are more than the horizon of {} days", figure(interval), figure(horizon));
        findings.add(place, trail.key("interval_days"), message);
    }
    let Some(twins) = twins.filter(|_| interval > 0.0) else { return };
    let samples = (horizon / interval).floor() + 1.0;
    let cells = count_recorded_cells(root);
    let rows = (twins + cells) * samples * METRICS_PER_TWIN;
    if rows > ROWS_MAX {
        let and_cells = if cells > 0.0 { format!(" and {cells} cells") } else { String::new() };
        let message = format!(
            "{twins} twins{and_cells} with {samples} samples of about {METRICS_PER_TWIN} metrics are {rows} rows, and at \
             most {ROWS_MAX} are written: record less often"
        );
        findings.add(place, trail.key("interval_days"), message);
    }
}

/// Packs, cabinets and networks together; nothing where a count was reported.
fn count_twins(root: &Node) -> Option<f64> {
    let mut total = Some(0.0);
    let mut add = |count: Option<f64>| total = total.zip(count).map(|(total, count)| total + count);
    each(root, "packs", |group, _| add(number_or(group, "count", 1.0)));
    each(root, "networks", |network, _| {
        add(number(network, "packs"));
        add(network.get("cabinets").and_then(|cabinets| number(cabinets, "count")));
        add(Some(1.0));
    });
    super::sites::count_twins(root, add);
    total
}

/// Cells that have rows of their own; none where that cannot be told.
fn count_recorded_cells(root: &Node) -> f64 {
    let mut total = 0.0;
    each(root, "packs", |group, _| {
        let count = number_or(group, "count", 1.0).zip(super::cells::recorded(root, group));
        total += count.map_or(0.0, |(packs, cells)| packs * cells);
    });
    total
}
