//! A platform that keeps what it is told in memory, slowly or not at all when a test wants it so.

use broker::{Broker, Config, Running};
use host::platform::door::{
    Access, Device, Door, Guest, Kind, Login, NotKept, Order, Report, Soon, TurnedAway, Unfit,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio::time::timeout;

/// A message that was rejected.
#[derive(Debug, Clone)]
pub(crate) struct Rejected {
    pub(crate) from: Option<Device>,
    pub(crate) topic: String,
    pub(crate) payload_bytes: usize,
    pub(crate) why: Unfit,
}

/// The double.
pub(crate) struct Double {
    guests: Mutex<HashMap<String, (String, Access)>>,
    pub(crate) reports: Mutex<Vec<(Device, Report)>>,
    pub(crate) rejected: Mutex<Vec<Rejected>>,
    /// Reports that are at the door, answered or not.
    pub(crate) arrived: AtomicUsize,
    /// Answers wait for a permit when set.
    pub(crate) gated: AtomicBool,
    pub(crate) gate: Semaphore,
    /// Whether nothing can be kept.
    pub(crate) unavailable: AtomicBool,
    orders: broadcast::Sender<Order>,
    changed: Notify,
}

impl Double {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            guests: Mutex::default(),
            reports: Mutex::default(),
            rejected: Mutex::default(),
            arrived: AtomicUsize::new(0),
            gated: AtomicBool::new(false),
            gate: Semaphore::new(0),
            unavailable: AtomicBool::new(false),
            orders: broadcast::channel(4_096).0,
            changed: Notify::new(),
        })
    }

    /// Lets a battery in under its name, with the secret `secret`.
    pub(crate) fn battery(&self, id: &str) -> Device {
        let device = Device { kind: Kind::Battery, id: id.into() };
        self.guest(id, Access::Device(device.clone()));
        device
    }

    pub(crate) fn guest(&self, user: &str, access: Access) {
        self.guests.lock().unwrap().insert(user.to_owned(), ("secret".to_owned(), access));
    }

    pub(crate) fn order(&self, order: Order) {
        // Nobody may be listening yet; that is what a test then finds.
        let _ = self.orders.send(order);
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if holds(self) {
                    return;
                }
                changed.await;
            }
        };
        let in_time = timeout(Duration::from_secs(20), wait).await;
        assert!(in_time.is_ok(), "not in time: {what}; reports: {:?}", self.reports.lock().unwrap().last());
    }

    /// How many readings were kept of a device.
    pub(crate) fn readings(&self, device: &Device) -> usize {
        let reports = self.reports.lock().unwrap();
        let count =
            |report: &Report| if let Report::Readings(readings) = report { readings.len() } else { 0 };
        reports.iter().filter(|(from, _)| from == device).map(|(_, report)| count(report)).sum()
    }

    /// The comings and goings of a device.
    pub(crate) fn presence(&self, device: &Device) -> Vec<bool> {
        let reports = self.reports.lock().unwrap();
        let of = reports.iter().filter(|(from, _)| from == device);
        of.filter_map(
            |(_, report)| if let Report::Presence { online, .. } = report { Some(*online) } else { None },
        )
        .collect()
    }

    pub(crate) fn rejected_count(&self) -> usize {
        self.rejected.lock().unwrap().len()
    }
}

/// The double as the broker sees it.
pub(crate) struct Behind(pub(crate) Arc<Double>);

impl Door for Behind {
    fn admit(&self, login: Login) -> Soon<Result<Guest, TurnedAway>> {
        let double = self.0.clone();
        Box::pin(async move {
            let user = login.user.ok_or(TurnedAway::Unknown)?;
            let guests = double.guests.lock().unwrap();
            match guests.get(&user) {
                Some((secret, access)) if login.secret.as_deref() == Some(secret) => {
                    Ok(Guest { name: user.as_str().into(), access: access.clone() })
                }
                _ => Err(TurnedAway::Unknown),
            }
        })
    }

    fn report(&self, from: Device, report: Report) -> Soon<Result<(), NotKept>> {
        let double = self.0.clone();
        Box::pin(async move {
            double.arrived.fetch_add(1, Ordering::SeqCst);
            double.changed.notify_waiters();
            if double.gated.load(Ordering::SeqCst) {
                double.gate.acquire().await.unwrap().forget();
            }
            if double.unavailable.load(Ordering::SeqCst) {
                return Err(NotKept::Unavailable("the disk is full".into()));
            }
            if let Report::Event { event, .. } = &report
                && event == "impossible"
            {
                return Err(NotKept::Unfit(Unfit::new("event", "that cannot happen")));
            }
            double.reports.lock().unwrap().push((from, report));
            double.changed.notify_waiters();
            Ok(())
        })
    }

    fn reject(&self, from: Option<Device>, topic: String, payload: bytes::Bytes, why: Unfit) -> Soon<()> {
        let double = self.0.clone();
        Box::pin(async move {
            let payload_bytes = payload.len();
            double.rejected.lock().unwrap().push(Rejected { from, topic, payload_bytes, why });
            double.changed.notify_waiters();
        })
    }

    fn orders(&self) -> broadcast::Receiver<Order> {
        self.0.orders.subscribe()
    }
}

/// A configuration for tests: a free port on loopback.
pub(crate) fn config() -> Config {
    Config { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..Config::default() }
}

/// The same, where nobody speaks too fast.
pub(crate) fn hurried() -> Config {
    Config { device_rate: config().gateway_rate, ..config() }
}

/// A broker before a double.
pub(crate) async fn start(config: Config) -> (Arc<Double>, Running) {
    let double = Double::new();
    let running = Broker::start(config, Arc::new(Behind(double.clone()))).await.unwrap();
    (double, running)
}

/// A reading of a battery as devices write it.
pub(crate) fn reading(ts_ms: i64) -> String {
    format!(r#"{{"ts":{ts_ms},"voltage_v":52.1,"current_a":-3.5,"temperature_c":25.0}}"#)
}

/// An instant that is believed, and the nth second after it.
pub(crate) fn second(n: i64) -> i64 {
    1_700_000_000_000 + n * 1_000
}
