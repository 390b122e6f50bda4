//! The reference order pipeline.

pub mod domain;
pub mod messaging;
