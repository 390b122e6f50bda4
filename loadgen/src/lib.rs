//! The harness.

pub mod history;
pub mod verify;
