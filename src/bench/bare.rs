//! The broker by itself: a door behind which there is nothing, so that one sees what MQTT alone costs here.

use super::client::{Speaker, Texts, connect};
use super::load::{self, Line, Manner};
use crate::failure::Failure;
use broker::{Broker, Config, Rate};
use host::platform::door::{
    Access, Device, Door, Guest, Login, NotKept, Order, Report, Soon, TurnedAway, Unfit,
};
use std::sync::Arc;
use tokio::sync::broadcast;

/// Lets everybody in and keeps nothing.
struct Nothing(broadcast::Sender<Order>);

impl Door for Nothing {
    fn admit(&self, login: Login) -> Soon<Result<Guest, TurnedAway>> {
        Box::pin(async move { Ok(Guest { name: login.client, access: Access::All }) })
    }

    fn report(&self, _: Device, _: Report) -> Soon<Result<(), NotKept>> {
        Box::pin(async { Ok(()) })
    }

    fn reject(&self, _: Option<Device>, _: String, _: bytes::Bytes, _: Unfit) -> Soon<()> {
        Box::pin(async {})
    }

    fn orders(&self) -> broadcast::Receiver<Order> {
        self.0.subscribe()
    }
}

/// Messages per second that the broker understands and acknowledges when nobody keeps them.
pub(crate) async fn messages_per_s(
    clients: usize,
    twins: usize,
    first_ms: i64,
    texts: &Arc<Texts>,
    manner: Manner,
) -> Result<f64, Failure> {
    let much = Rate { per_s: 1e9, burst: 1e9 };
    let config = Config { listen: ([127, 0, 0, 1], 0).into(), gateway_rate: much, ..Config::default() };
    let door = Arc::new(Nothing(broadcast::Sender::new(16)));
    let broker = Broker::start(config, door).await.map_err(Failure::failed)?;
    let mut lines = Vec::new();
    for client in 0..clients {
        let stream = connect(broker.address, &format!("bench-{client}")).await?;
        let own = (client..twins).step_by(clients);
        lines.push(Line::new(
            stream,
            own.map(|twin| Speaker::new(&format!("bench-{twin}"), first_ms)).collect(),
        ));
    }
    let (_, tally, took_s) = load::publish(lines, texts, manner).await?;
    broker.shutdown().await;
    Ok(tally.acknowledged as f64 / took_s)
}
