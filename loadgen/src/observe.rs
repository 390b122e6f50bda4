//! What the harness sees of the pipeline besides the answers that buyers get: always read directly, never through anything faulty.
//!
//! - [`eye`]: one look at stock, queues, outbox and productions;
//! - [`sampler`]: looks again and again, and notes every restock it sees;
//! - [`topics`]: what is published, by way of a queue of the harness on every topic;
//! - [`cpu`]: what it costs;
//! - [`scales`]: what it weighs: memory, file handles, threads, tasks;
//! - [`remains`]: the final state, once everything is quiet.

pub mod cpu;
pub mod eye;
pub mod http;
pub mod remains;
pub mod sampler;
pub mod scales;
pub mod topics;
