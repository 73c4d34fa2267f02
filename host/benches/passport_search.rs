//! Measures searches over a hundred thousand passports, each by other criteria: `cargo bench -p host --bench
//! passport_search`. The store is in memory; what is measured is the search and not the disk.

use host::identity::Visibility;
use host::passport::record::{Chemistry, Identity, Place, Ratings};
use host::passport::{Criteria, Given, NewHealth, NewSpecifications, Passports, Sort};
use host::platform::fleet::Part;
use host::platform::{Options, Platform};
use host::store::LocalStore;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use twin::passport::date::Date;
use twin::passport::lifecycle::{Application, Stage};

/// Registrations that are under way at once.
const AT_ONCE: usize = 256;
/// Searches of each sort.
const TIMES: usize = 20;

fn given(number: usize) -> Given {
    let makers = ["GreenCell", "VoltWorks", "Ionica", "Baltic Cells", "Sunrise"];
    let cathodes = ["NMC811", "NMC622", "LFP", "NCA"];
    Given {
        identity: Identity {
            manufacturer: makers[number % 5].to_owned(),
            manufacturer_id: None,
            model: format!("M-{}", number % 200),
            serial_number: format!("SN-{number:07}"),
            manufactured_on: Date(20_000 + (number % 700) as i64),
            made_at: Some(Place { country: Some("KR".to_owned()), ..Place::default() }),
            placed_on: None,
            gtin: None,
        },
        chemistry: Chemistry {
            sort: "lithium-ion".to_owned(),
            cathode: cathodes[number % 4].to_owned(),
            anode: "graphite".to_owned(),
            electrolyte: None,
            mass_kg: None,
            contents_kg: BTreeMap::new(),
            recycled: BTreeMap::new(),
            hazards: Vec::new(),
        },
        specifications: NewSpecifications {
            voltage_nominal_v: 400.0,
            capacity_ah: 250.0,
            energy_kwh: None,
            expected_cycles: None,
            ratings: Ratings::default(),
        },
        category: None,
        owner: Some(format!("OWNER-{}", number % 1_000)),
        application: Some(Application::ElectricVehicle),
        installed_on: None,
        vehicle_vin: None,
        papers: BTreeMap::new(),
        renewable: None,
        declared_production_kg: None,
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures time")]
fn now() -> Instant {
    Instant::now()
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "it tells people what it measured")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count: usize = std::env::args().skip(1).find_map(|text| text.parse().ok()).unwrap_or(100_000);
    let platform = Platform::start(Arc::new(LocalStore::in_memory()?), Options::default()).await?;
    let passports = Passports::new(platform);
    let began = now();
    for first in (0..count).step_by(AT_ONCE) {
        let some = (first..count.min(first + AT_ONCE))
            .map(|number| passports.register(given(number), None, "measure"));
        futures::future::try_join_all(some).await?;
    }
    println!("{count} registered in {:.1} s", began.elapsed().as_secs_f64());
    let all = Visibility::Everything;
    for number in (0..count).step_by(97) {
        let health =
            NewHealth { soh: Some(0.7 + (number % 30) as f64 * 0.01), cycles: 500.0, ..NewHealth::default() };
        passports.note_health(&format!("SN-{number:07}"), &all, &health, "measure").await?;
    }
    let text = |text: &str| Some(text.to_owned());
    let searches = [
        ("everything, newest first", Criteria::default()),
        ("manufacturer", Criteria { manufacturer: text("ionica"), ..Criteria::default() }),
        ("model", Criteria { model: text("m-7"), ..Criteria::default() }),
        ("serial number", Criteria { serial: text("SN-0000777"), ..Criteria::default() }),
        ("chemistry", Criteria { sort: text("lithium-ion"), ..Criteria::default() }),
        ("cathode", Criteria { cathode: text("LFP"), ..Criteria::default() }),
        ("status", Criteria { stage: Some(Stage::Manufactured), ..Criteria::default() }),
        ("application", Criteria { application: Some(Application::ElectricVehicle), ..Criteria::default() }),
        ("owner", Criteria { owner: text("OWNER-7"), ..Criteria::default() }),
        ("country", Criteria { country: text("KR"), ..Criteria::default() }),
        ("health from 0.8 to 0.9", Criteria { soh: (Some(0.8), Some(0.9)), ..Criteria::default() }),
        ("health, least first", Criteria { sort_by: Sort::Soh, ..Criteria::default() }),
        ("cycles from 400", Criteria { cycles: (Some(400.0), None), ..Criteria::default() }),
        (
            "days of manufacture",
            Criteria { made: (Some(Date(20_100)), Some(Date(20_200))), ..Criteria::default() },
        ),
        ("manufactured first first", Criteria { sort_by: Sort::Made, ..Criteria::default() }),
        ("part of a name", Criteria { text: text("n-00123"), ..Criteria::default() }),
        ("part of no name", Criteria { text: text("zzz"), ..Criteria::default() }),
        (
            "manufacturer, cathode, status and health",
            Criteria {
                manufacturer: text("GreenCell"),
                cathode: text("NMC811"),
                stage: Some(Stage::Manufactured),
                soh: (Some(0.75), None),
                sort_by: Sort::SohDown,
                ..Criteria::default()
            },
        ),
    ];
    let part = Part { skip: 0, limit: 200 };
    println!("| by | found | median ms | worst ms of {TIMES} |\n|---|---|---|---|");
    for (name, criteria) in searches {
        let mut taken = Vec::with_capacity(TIMES);
        let mut found = 0;
        for _ in 0..TIMES {
            let began = now();
            found = passports.search(&criteria, &all, part).await?.total;
            taken.push(began.elapsed().as_secs_f64() * 1e3);
        }
        taken.sort_by(f64::total_cmp);
        println!("| {name} | {found} | {:.2} | {:.2} |", taken[TIMES / 2], taken[TIMES - 1]);
    }
    Ok(())
}
