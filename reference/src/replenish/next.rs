//! What a request for a production calls for, decided by where the production stands.

use crate::store::ProductionState;

/// What to do about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Ask the factory.
    Order,
    /// The factory has taken it, or the goods are there.
    NothingToDo,
    /// Its turn has not come.
    Wait,
}

/// Decides; `accepted` says whether the factory is known to have taken the order since it was last requested.
#[must_use]
pub fn next(state: ProductionState, accepted: bool) -> Next {
    match (state, accepted) {
        (ProductionState::Applied, _) | (ProductionState::Requested, true) => Next::NothingToDo,
        (ProductionState::Requested, false) => Next::Order,
        (ProductionState::Gathering | ProductionState::Waiting, _) => Next::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_requested_production_that_nobody_took_is_ordered() {
        assert_eq!(next(ProductionState::Requested, false), Next::Order);
        assert_eq!(next(ProductionState::Requested, true), Next::NothingToDo);
        assert_eq!(next(ProductionState::Applied, false), Next::NothingToDo);
        for early in [ProductionState::Gathering, ProductionState::Waiting] {
            assert_eq!([next(early, false), next(early, true)], [Next::Wait, Next::Wait]);
        }
    }
}
