//! The shop's own small site (`reference serve --live`): buy a doughnut, watch the factory refill, stop the ads.
//!
//! It is a client like any other: it buys through the Sales API, which its listener carries too, so that the page and the API are one origin and
//! no browser has to be told that another page may call the shop. Beside that it pushes what an operator sees ([`crate::status`]) as a picture,
//! and shows the mailbox of the embedded SES, where this process has one.

mod flows;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::broker::{Broker, Letter};
use crate::edition::topology::Topology;
use crate::edition::{Edition, EditionName};
use crate::http::{self, ServerLimits};
use crate::pages::assets::{self, Asset, SHARED, kind};
use crate::pages::guard;
use crate::pages::picture::Picture;
use crate::pages::wire::{self, Seats, Wire};
use crate::status::{PipelineStatus, Probes};

use flows::Flows;

/// Time between two states while somebody looks on.
const EVERY: Duration = Duration::from_millis(400);

/// How long one look at store and queues may take.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

/// E-mails shown, the latest ones.
const MAILS: usize = 5;

/// One person with a browser, or a few; a browser opens up to six connections.
const CONNECTIONS: usize = 64;

/// The site's own files.
const FILES: [Asset; 3] = [
    Asset { path: "/", kind: kind::HTML, text: include_str!("../assets/site/index.html") },
    Asset { path: "/site.css", kind: kind::CSS, text: include_str!("../assets/site/site.css") },
    Asset { path: "/site.js", kind: kind::JAVASCRIPT, text: include_str!("../assets/site/site.js") },
];

/// What the site is made of.
#[derive(Debug)]
pub struct Site {
    /// The Sales API.
    pub sales: Router,
    /// What can be looked at.
    pub probes: Probes,
    /// This process's counters.
    pub metrics: PrometheusHandle,
    /// The embedded SES, where it is in this process.
    pub broker: Option<Broker>,
    /// Which shop.
    pub edition: &'static Edition,
    /// Its topics and queues.
    pub topology: Topology,
}

/// What a viewer is shown.
#[derive(Debug, Serialize)]
struct State {
    edition: EditionName,
    picture: Picture,
    sold: i64,
    refused: i64,
    has_mailbox: bool,
    mails: Vec<Letter>,
}

impl Site {
    /// Serves until the shutdown.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let (wire, seats) = wire::stretch();
        let router = router(self.sales.clone(), seats.clone());
        let limits = ServerLimits { connections: CONNECTIONS, drain_timeout: Duration::from_secs(2), ..ServerLimits::default() };
        let pushing = self.push(wire, seats, shutdown.clone());
        tokio::join!(http::serve(listener, router, limits, shutdown), pushing);
    }

    /// Pushes states while anybody looks on. When nobody does, it looks at nothing.
    async fn push(self, wire: Wire, seats: Seats, shutdown: CancellationToken) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut flows = Flows::default();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = ticks.tick() => {}
            }
            if !seats.taken() {
                continue;
            }
            match self.probes.look(LOOK_LIMIT).await {
                Ok(status) => wire.say(to_json(&self.state(status, &mut flows))),
                // The page keeps what it has; what is wrong stands in the log of whoever cannot do its work.
                Err(error) => tracing::debug!(%error, "the site could not look at the pipeline"),
            }
        }
        wire.say(r#"{"over":true}"#.to_owned());
    }

    fn state(&self, status: PipelineStatus, flows: &mut Flows) -> State {
        let mut picture = Picture::of(self.edition, &self.topology);
        flows.paint(&self.metrics.render(), &mut picture);
        picture.stock = status.stock.into_iter().map(|row| (row.product_id, row.stock)).collect();
        picture.outbox = u64::try_from(status.outbox).ok();
        picture.open_productions = u64::try_from(status.open_productions).ok();
        for lane in &mut picture.lanes {
            if let Some(queue) = status.queues.iter().find(|queue| queue.name == lane.queue) {
                (lane.waiting, lane.in_flight, lane.dead) = (queue.waiting, queue.in_flight, queue.dlq_depth);
            }
        }
        State {
            edition: self.edition.name,
            picture,
            sold: status.sold,
            refused: status.sold_out,
            has_mailbox: self.broker.is_some(),
            mails: self.broker.as_ref().map(|broker| broker.latest_mails(MAILS)).unwrap_or_default(),
        }
    }
}

fn router(sales: Router, seats: Seats) -> Router {
    let seats = Arc::new(seats);
    let events = get(move || async move { seats.sit_down() });
    guard::guarded(assets::routes(SHARED.into_iter().chain(FILES)).route("/events", events).merge(sales))
}

fn to_json(state: &State) -> String {
    serde_json::to_string(state).expect("a state is numbers and text")
}
