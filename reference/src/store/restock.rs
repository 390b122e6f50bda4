//! The decisions of restocking, without the database: which production covers a refusal, what an arrival settles, when to ask again.

use crate::domain::{MAX_QUANTITY, ProductionId};

/// Requests of one production grow apart up to this many times the first wait.
const MAX_BACK_OFF: i64 = 8;

/// Pieces that a refusal is short of.
///
/// The refusal that sets a production off lacks what the stock does not cover. One that comes while a production is open lacks all it
/// wanted: the pieces still in stock are what the earlier refusal counted on.
#[must_use]
pub fn shortage(wanted: i64, stock: i64, production_open: bool) -> i64 {
    if production_open { wanted } else { (wanted - stock).max(1) }
}

/// Which production a shortage goes into.
#[derive(Debug, PartialEq, Eq)]
pub enum Placement<Id = ProductionId> {
    /// Nothing is open: ask the factory.
    Request,
    /// The factory is busy with one, and nothing gathers yet.
    Gather,
    /// Goes with what gathers.
    Join(Id),
    /// What gathers is full: it waits for its turn, and the next one gathers.
    SealAndGather(Id),
}

/// Places a shortage. `gathering` is the production that gathers, with its pieces so far.
#[must_use]
pub fn place<Id>(shortage: i64, requested: bool, gathering: Option<(Id, i64)>) -> Placement<Id> {
    match gathering {
        Some((id, pieces)) if pieces + shortage > i64::from(MAX_QUANTITY) => Placement::SealAndGather(id),
        Some((id, _)) => Placement::Join(id),
        None if requested => Placement::Gather,
        None => Placement::Request,
    }
}

/// What an arrival settles.
#[derive(Debug, PartialEq, Eq)]
pub enum Settlement {
    /// More than was asked for.
    TooMany,
    /// The promise is kept.
    Full,
    /// So many pieces are still owed.
    Short(i64),
}

/// Compares an arrival of `count` pieces with the shortage it was to cover and with what the factory was asked for.
#[must_use]
pub fn settle(count: i64, shortage: i64, asked: i64) -> Settlement {
    if count > asked {
        Settlement::TooMany
    } else if count >= shortage {
        Settlement::Full
    } else {
        Settlement::Short(shortage - count)
    }
}

/// Whether a production must be requested again: nothing was heard since `last_heard` for `wait`, doubled with each earlier request; or
/// it was heard of so far in the future that a clock must have been wrong, and waiting for that moment would be waiting for nobody.
#[must_use]
pub fn is_due(now: i64, last_heard: i64, requests: i64, wait: i64) -> bool {
    let doublings = u32::try_from(requests.saturating_sub(1).clamp(0, 3)).unwrap_or(0);
    let factor = 2_i64.pow(doublings).min(MAX_BACK_OFF);
    let silent = now.saturating_sub(last_heard);
    silent >= wait.saturating_mul(factor) || silent < wait.saturating_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_refusal_that_sets_a_production_off_counts_the_stock() {
        assert_eq!(shortage(5, 2, false), 3);
        assert_eq!(shortage(5, 2, true), 5);
    }

    #[test]
    fn one_production_is_requested_and_one_gathers() {
        let id = ProductionId::new();
        assert_eq!(place::<ProductionId>(3, false, None), Placement::Request);
        assert_eq!(place::<ProductionId>(3, true, None), Placement::Gather);
        assert_eq!(place(3, true, Some((id, 5))), Placement::Join(id));
    }

    #[test]
    fn no_production_grows_beyond_a_batch() {
        let (id, most) = (ProductionId::new(), i64::from(MAX_QUANTITY));
        assert_eq!(place(3, true, Some((id, most - 3))), Placement::Join(id));
        assert_eq!(place(4, true, Some((id, most - 3))), Placement::SealAndGather(id));
    }

    #[test]
    fn an_arrival_is_held_against_the_shortage_and_against_what_was_asked() {
        assert_eq!(settle(14, 7, 14), Settlement::Full);
        assert_eq!(settle(7, 7, 14), Settlement::Full);
        assert_eq!(settle(6, 7, 14), Settlement::Short(1));
        assert_eq!(settle(2, 7, 14), Settlement::Short(5));
        assert_eq!(settle(15, 7, 14), Settlement::TooMany);
    }

    #[test]
    fn requests_grow_apart_and_never_stop() {
        assert!(!is_due(99, 0, 1, 100) && is_due(100, 0, 1, 100));
        assert!(!is_due(199, 0, 2, 100) && is_due(200, 0, 2, 100));
        assert!(!is_due(799, 0, 4, 100) && is_due(800, 0, 4, 100));
        assert!(!is_due(799, 0, 1_000, 100) && is_due(800, 0, 1_000, 100));
    }

    #[test]
    fn a_production_that_a_wrong_clock_heard_of_is_not_waited_for() {
        assert!(!is_due(100, 150, 1, 100), "clocks of two machines differ a little");
        assert!(is_due(100, 90_000, 1, 100));
        assert!(!is_due(100, 200, 1, 100) && is_due(100, 201, 1, 100));
    }
}
