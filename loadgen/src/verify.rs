//! What is proved from a history.

pub mod judgement;
pub mod property;
