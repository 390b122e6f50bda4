//! The legacy factory: not ours to change, slow, easily overrun, and forgetful. The pipeline has to live with it.
//!
//! It takes orders (`POST /api/manufactures` in the donut edition, `POST /log` in the shop edition), produces for a while, and says so
//! once: with a call to the `CallbackUrl` it was given, or with a message on the delivery topic. It does not know what
//! idempotency is: two orders are two productions. Called too often, it falls over for a while.
//!
//! Everything it is asked and everything it does stands in its own log database, from which `GET /log` lets an auditor
//! read each call, its times, whether it was accepted and how often its completion was reported.
//!
//! * [`options`] — how slow, how narrow, how forgetful
//! * [`overload`] — the pure decision: take the call, turn it away, or fall over
//! * [`log`] — the factory's own database
//! * [`orders`] — what an order looks like in either edition, and what is wrong with a bad one
//! * [`api`] — the routes
//! * [`production`] — from acceptance to the report of completion
//! * [`report`] — the report itself: callback or delivery message

pub mod api;
pub mod log;
pub mod options;
pub mod orders;
pub mod overload;
pub mod production;
pub mod report;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::http::{self, ServerLimits};

pub use log::{FactoryLog, FactoryLogError};
pub use options::{Collapse, FactoryOptions};
pub use report::{DeliveryTopic, ReturnPath};

/// A factory that is ready to be served.
#[derive(Debug)]
pub struct Factory {
    line: Arc<production::Line>,
}

impl Factory {
    /// Opens the factory's log at `log_file`; the return path decides which edition's orders it takes. A durable factory
    /// takes up what it accepted and never reported.
    ///
    /// # Errors
    /// [`FactoryLogError`] when the log cannot be opened or read.
    pub async fn open(options: FactoryOptions, log_file: &Path, return_path: ReturnPath) -> Result<Self, FactoryLogError> {
        let log = FactoryLog::open(log_file).await?;
        let line = production::Line::new(log, options, return_path);
        line.resume().await?;
        Ok(Self { line })
    }

    /// The routes.
    pub fn router(&self) -> Router {
        api::router(Arc::clone(&self.line))
    }

    /// Serves until `shutdown`; then takes no more orders and finishes what it accepted. Whoever awaits this bounds it.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) {
        let limits = ServerLimits {
            // A call that hangs while the factory is down is answered when it is back.
            request_timeout: self.line.options.recovery + ServerLimits::default().request_timeout,
            body_bytes: api::MAX_BODY_BYTES,
            ..ServerLimits::default()
        };
        http::serve(listener, self.router(), limits, shutdown).await;
        self.line.finish().await;
    }
}
