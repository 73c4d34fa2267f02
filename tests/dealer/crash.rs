//! A crash between a payment and what follows from it leaves no half state; and what is only simulated switches no real
//! battery off.

use host::dealership::battery::BatterySight;
use host::dealership::collection::Disabled;
use host::dealership::consumer::NewConsumer;
use host::dealership::finance::{Decision, NewLoan};
use host::dealership::payment::NewPayment;
use host::dealership::records::{AssetStatus, Channel};
use host::dealership::rules::instalment::Terms;
use host::dealership::rules::switching::Hindrance;
use host::dealership::{Dealership, Gateways, Member, Settings};
use host::identity::{Caller, Identity, OsEntropy, Secret};
use host::platform::clock::Clock;
use host::platform::door::{Device, Door, Kind, Order, Report};
use host::platform::fault::{Abilities, Simulated};
use host::platform::{Options, Platform, PlatformDoor};
use host::store::series::Reading;
use host::store::{LocalStore, Metric, Store};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::broadcast;
use twin::time::{DAY_MS, Time};

use crate::process::run;

/// 2026-01-01T06:00:00Z
const START: Time = Time(1_767_247_200_000);

struct Ground {
    store: LocalStore,
    platform: Platform,
    door: PlatformDoor,
    orders: broadcast::Receiver<Order>,
    dealership: Dealership,
    member: Member,
    clock: Clock,
}

fn device() -> Device {
    Device { kind: Kind::Battery, id: "B1".into() }
}

/// A platform over a folder, at a time of its own, whose hardware is simulated or not.
async fn open(folder: &Path, at: Time, is_simulated: bool) -> Ground {
    let store = LocalStore::open(folder, &host::store::Options::default()).unwrap();
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let clock = Clock::own(at, 1.0, true).unwrap();
    let hardware = is_simulated.then(|| Simulated::of([(device(), Abilities::default())]));
    let options = Options { clock: clock.clone(), simulated: hardware, ..Options::default() };
    let platform = Platform::start(shared.clone(), options).await.unwrap();
    let wall = Clock::wall().now();
    let settings = host::identity::Settings::default();
    let identity = Identity::open(shared, settings, Arc::new(OsEntropy), wall).await.unwrap();
    identity.first_admin(Some(Secret::new("correct horse")), wall).await.unwrap();
    let door = PlatformDoor::new(platform.clone(), identity.clone());
    let orders = door.orders();
    let settings = Settings { kyc_strict: false, notice_h: 0.0, quiet: None, ..Settings::default() };
    let dealership =
        Dealership::open(platform.clone(), identity, settings, Gateways::default()).await.unwrap();
    let member = dealership.member(&Caller::platform()).await.unwrap();
    Ground { store, platform, door, orders, dealership, member, clock }
}

impl Ground {
    /// Goes as a process does that is killed: nothing is finished.
    async fn crash(self) {
        let Ground { store, platform, door, dealership, .. } = self;
        drop((platform, door, dealership));
        store.close().await.unwrap();
    }

    /// A battery on a loan whose first two instalments are late.
    async fn late_loan(&self) -> u64 {
        let new =
            NewConsumer { name: "Ram Kumar".into(), phone: "+919810000003".into(), ..Default::default() };
        let consumer = self.dealership.consumer_add(&self.member, new).await.unwrap().party.id;
        let battery = self.dealership.battery_add(&self.member, "B1", 100.0).await.unwrap();
        let terms = Terms { principal: 45_000.into(), annual_pct: 12.into(), months: 12 };
        let new = NewLoan { consumer, asset: battery.asset.id, terms, channel: Channel::Dealer };
        let loan = self.dealership.apply(&self.member, new).await.unwrap().loan.id;
        let yes = Decision { is_approved: true, ..Decision::default() };
        self.dealership.decide(&self.member, loan, yes).await.unwrap();
        self.dealership.disburse(&self.member, loan, None).await.unwrap();
        self.clock.advance(70 * DAY_MS).unwrap();
        let value = |name: &str, value: f64| (Metric::new(name).unwrap(), value);
        let values = vec![value("voltage_v", 48.0), value("current_a", 0.0), value("speed_kmh", 0.0)];
        let reading = Reading { at: self.clock.now(), values };
        self.door.report(device(), Report::Readings(vec![reading])).await.unwrap();
        loan
    }

    async fn disable(&self) -> Disabled {
        self.dealership.disable_overdue(&self.member, 7).await.unwrap()
    }

    async fn battery(&self) -> BatterySight {
        self.dealership.battery(&self.member, "B1").await.unwrap().0
    }

    /// The next command to the battery: its name and how the battery shall be.
    async fn told(&mut self) -> (String, bool) {
        loop {
            match self.orders.recv().await.unwrap() {
                Order::Command { command, payload, .. } => {
                    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
                    assert_eq!(payload["params"]["charge"], true, "it can always be charged");
                    return (command, payload["params"]["discharge"].as_bool().unwrap());
                }
                Order::State { .. } => {}
            }
        }
    }

    async fn acknowledge(&self, command: String) {
        let report = Report::Acknowledged { at: self.clock.now(), command, done: true, detail: None };
        self.door.report(device(), report).await.unwrap();
    }
}

fn payment(loan: u64, amount: rust_decimal::Decimal) -> NewPayment {
    NewPayment { loan, amount, on: None, method: "cash".into(), reference: "r1".into() }
}

#[test]
fn a_crash_between_payment_and_switching_on_leaves_nothing_half_done() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut ground = open(folder.path(), START, true).await;
        let loan = ground.late_loan().await;
        assert_eq!(ground.disable().await.disabled, ["B1"]);
        let (command, drives) = ground.told().await;
        assert!(!drives);
        ground.acknowledge(command).await;
        let seen = ground.battery().await;
        assert_eq!(
            (seen.status, seen.control.unwrap().outcome.as_str()),
            (AssetStatus::Inactive, "acknowledged")
        );
        let late = ground.dealership.overdue(&ground.member, 1).await.unwrap();
        let due = late.iter().map(|row| row.instalment.unpaid()).sum();

        // The payment is booked; then everything stops before anything is done because of it.
        let (paid, intents) =
            ground.dealership.take_payment(&ground.member, payment(loan, due)).await.unwrap();
        assert!(paid.is_released && !intents.is_empty());
        let now = ground.clock.now();
        ground.crash().await;

        let mut ground = open(folder.path(), now, true).await;
        assert!(ground.dealership.overdue(&ground.member, 1).await.unwrap().is_empty(), "it was paid");
        let books = ground.dealership.ledger(&ground.member, Some(loan)).await.unwrap();
        assert!(books.balances.values().sum::<rust_decimal::Decimal>().is_zero());
        assert_eq!(books.postings.iter().filter(|posting| posting.why == "paid").count(), 1);
        let seen = ground.battery().await;
        assert!(
            !seen.asset.is_held() && seen.control.unwrap().outcome == "pending",
            "it is still to be done"
        );
        assert!(ground.dealership.carry_out().await.unwrap() > 0);
        let (command, drives) = ground.told().await;
        assert!(drives, "the battery is switched on after the restart");
        ground.acknowledge(command).await;
        let seen = ground.battery().await;
        assert_eq!(
            (seen.status, seen.control.unwrap().outcome.as_str()),
            (AssetStatus::Active, "acknowledged")
        );

        // The same payment said again is not booked again, and nothing is done twice.
        let (again, intents) =
            ground.dealership.take_payment(&ground.member, payment(loan, due)).await.unwrap();
        assert_eq!((again.payment.id, intents.len()), (paid.payment.id, 0));
        ground.dealership.carry_out().await.unwrap();
        assert!(
            ground.orders.try_recv().is_err() || ground.battery().await.asset.control.unwrap().number == 2
        );
        ground.crash().await;
    });
}

#[test]
fn what_is_simulated_switches_no_real_battery_off() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let ground = open(folder.path(), START, false).await;
        ground.late_loan().await;
        let done = ground.disable().await;
        assert!(done.disabled.is_empty() && done.noticed.is_empty(), "{done:?}");
        assert_eq!(done.deferred, [("B1".to_owned(), Hindrance::Simulated)]);
        assert_eq!(ground.battery().await.status, AssetStatus::Active);
        ground.crash().await;
    });
}

#[test]
fn a_battery_is_told_again_until_it_is_switched() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let mut ground = open(folder.path(), START, true).await;
        ground.late_loan().await;
        assert_eq!(ground.disable().await.disabled, ["B1"]);
        let (first, _) = ground.told().await;
        // It is not there. Later it reports again, and is told again.
        ground.clock.advance(60_000).unwrap();
        loop {
            let seen = ground.battery().await;
            if seen.control.unwrap().outcome == "timed_out" {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        ground.dealership.carry_out().await.unwrap();
        ground.clock.advance(3_600_000).unwrap();
        ground.dealership.carry_out().await.unwrap();
        let value = |name: &str, value: f64| (Metric::new(name).unwrap(), value);
        let values = vec![value("voltage_v", 48.0), value("current_a", 0.0), value("speed_kmh", 0.0)];
        let reading = Reading { at: ground.clock.now(), values };
        ground.door.report(device(), Report::Readings(vec![reading])).await.unwrap();
        ground.clock.advance(120_000).unwrap();
        ground.dealership.carry_out().await.unwrap();
        let second = loop {
            let (command, drives) = ground.told().await;
            assert!(!drives);
            if command != first {
                break command;
            }
        };
        ground.acknowledge(second).await;
        assert_eq!(ground.battery().await.control.unwrap().outcome, "acknowledged");
        ground.crash().await;
    });
}
