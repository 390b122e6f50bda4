//! The history of a run.

pub mod event;
