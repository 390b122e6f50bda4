//! From the acceptance of an order to the report of its completion.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::log::{Call, FactoryLog, FactoryLogError};
use super::options::FactoryOptions;
use super::orders::Order;
use super::overload::{Admission, Overload};
use super::report::{CallbackClient, ReturnPath};
use crate::clock::WallClock;
use crate::trace;

/// The production line: everything that is under way, in memory, as legacy systems do it.
#[derive(Debug)]
pub struct Line {
    pub(super) log: FactoryLog,
    pub(super) options: FactoryOptions,
    pub(super) return_path: ReturnPath,
    pub(super) clock: WallClock,
    overload: Mutex<Overload>,
    client: CallbackClient,
    under_way: TaskTracker,
}

impl Line {
    /// An idle line.
    #[must_use]
    pub fn new(log: FactoryLog, options: FactoryOptions, return_path: ReturnPath) -> Arc<Self> {
        let overload = Mutex::new(Overload::new(&options, Instant::now()));
        let client = CallbackClient::new(options.report_timeout);
        Arc::new(Self { log, options, return_path, clock: WallClock::steady(), overload, client, under_way: TaskTracker::new() })
    }

    /// Takes up what a durable factory accepted before it stopped and has not reported.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the log cannot be read.
    pub async fn resume(self: &Arc<Self>) -> Result<(), FactoryLogError> {
        if !self.options.durable {
            return Ok(());
        }
        for (log_id, kept) in self.log.unfinished().await? {
            match serde_json::from_str(&kept) {
                Ok(order) => self.start(log_id, order),
                Err(error) => tracing::error!(log_id, %error, "an order kept by another version cannot be resumed"),
            }
        }
        Ok(())
    }

    /// Waits until everything under way is produced and reported. Unbounded: whoever shuts down decides how long that may take.
    pub async fn finish(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }

    pub(super) fn admit(&self) -> Admission {
        let admission = self.overload().call(Instant::now());
        let outcome = match admission {
            Admission::Taken => "taken",
            Admission::Busy => "busy",
            Admission::Down(_) => "down",
        };
        metrics::counter!("rushproof_factory_admissions_total", "outcome" => outcome).increment(1);
        admission
    }

    pub(super) fn answered(&self) {
        self.overload().answered();
    }

    /// A call that is not accepted, as the log keeps it; without a status, it hangs.
    pub(super) fn refused<'a>(&self, order: &'a Order, received_us: i64, status: Option<u16>) -> Call<'a> {
        Call { answered_us: status.map(|_| self.clock.micros()), status, ..order.as_call(received_us) }
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < usize::try_from(self.options.max_under_way).unwrap_or(usize::MAX)
    }

    /// Logs the order as accepted and begins to produce.
    pub(super) async fn accept(self: &Arc<Self>, order: Order, received_us: i64) -> Result<(), FactoryLogError> {
        let kept_order = self.options.durable.then(|| serde_json::to_string(&order).expect("an order is plain text and numbers"));
        let call =
            Call { answered_us: Some(self.clock.micros()), status: Some(200), accepted: true, kept_order, ..order.as_call(received_us) };
        let log_id = self.log.write(&call).await?;
        tracing::info!(log_id, product_id = %order.product, quantity = order.quantity, production_id = order.production, "production begins");
        self.start(log_id, order);
        Ok(())
    }

    fn start(self: &Arc<Self>, log_id: i64, order: Order) {
        let line = Arc::clone(self);
        self.under_way.spawn(trace::carried(async move {
            if let Err(error) = line.produce(log_id, &order).await {
                tracing::error!(log_id, error = &error as &dyn std::error::Error, "a production is lost: the factory's log fails");
            }
        }));
    }

    async fn produce(&self, log_id: i64, order: &Order) -> Result<(), FactoryLogError> {
        tokio::time::sleep(self.options.time_to_produce(log_id)).await;
        self.log.produced(log_id, self.clock.micros()).await?;
        crate::drills::point("factory.produced-not-called-back");
        for attempt in 1..=self.options.report_attempts {
            let last = attempt == self.options.report_attempts;
            let status = self.return_path.report(&self.client, order).await;
            let heard = status.is_some_and(|status| (200..300).contains(&status));
            self.log.reported(log_id, self.clock.micros(), status, heard || last).await?;
            if heard {
                tracing::info!(log_id, production_id = order.production, "completion reported");
                return Ok(());
            }
            tracing::warn!(log_id, attempt, status, last, "nobody took the report of completion");
            if !last {
                tokio::time::sleep(self.options.report_pause).await;
            }
        }
        Ok(())
    }

    fn overload(&self) -> MutexGuard<'_, Overload> {
        // Nothing panics while holding it, and counts stay usable even if something did.
        self.overload.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Order {
    /// The order as a call that is not (yet) accepted or answered.
    pub(super) fn as_call(&self, received_us: i64) -> Call<'_> {
        Call {
            factory_id: self.factory.as_deref(),
            factory_name: self.factory_name.as_deref(),
            item_id: &self.product,
            item_name: self.product_name.as_deref(),
            quantity: self.quantity,
            requester: &self.requester,
            production_id: self.production.as_deref(),
            received_us,
            answered_us: None,
            status: None,
            accepted: false,
            kept_order: None,
        }
    }
}
