//! The workers against the embedded broker: what they promise when messages come twice, handlers are slow, and others fail.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails its test, and the panic says where")]

mod advertising;
mod consumer;
mod deliveries;
mod provisioning;
mod relay;
mod replenish;
mod stage;
