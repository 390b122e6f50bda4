//! What a process says about itself: logs for people and machines, metrics, and an admin listener that answers for its health.
//!
//! * [`logs`] — lines on standard error
//! * [`metrics`] — the Prometheus recorder
//! * [`admin`] — `/livez`, `/readyz`, `/metrics`

pub mod admin;
pub mod logs;
pub mod metrics;
