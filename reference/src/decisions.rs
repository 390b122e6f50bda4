//! What the stages decide, without doing it: pure functions, gathered for whoever wants to reason about the pipeline without running it.
//!
//! The state-machine model (crate `model`) runs these very functions in all interleavings; the stages run them once per event.

pub use crate::consumer::batch::{Reply, reply};
pub use crate::relay::{Fate, fate};
pub use crate::replenish::next::{Next, next};
pub use crate::replenish::order::Verdict;
pub use crate::store::restock::{Placement, Settlement, is_due, place, settle, shortage};
