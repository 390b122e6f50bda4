//! K ⊆ D, F ∩ D = ∅, D ⊆ A.

use std::collections::BTreeSet;

use super::facts::{Facts, Order};
use super::{Opinion, opinion};

pub(super) fn none_is_lost(facts: &Facts<'_>) -> Opinion {
    let told = facts.whole && facts.shows("ledger");
    let lost = |order: &Order<'_>| {
        if order.answered_sold().is_empty() || order.is_meaningless() {
            return false;
        }
        let rows = order.sold_rows();
        let (product, quantity) = order.wants();
        let says_otherwise = order
            .answered_sold()
            .into_iter()
            .chain(order.answered_sold_out())
            .any(|(_, complete)| complete.quantity.is_some_and(|answered| answered as i64 != quantity));
        (told && rows.is_empty()) || rows.iter().any(|row| (row.product, row.quantity) != (product, quantity)) || says_otherwise
    };
    opinion(facts.orders.iter().any(lost), told)
}

pub(super) fn none_is_a_phantom(facts: &Facts<'_>) -> Opinion {
    let phantom = |order: &Order<'_>| {
        let in_ledger = order.sold_rows().len();
        let (sold, refused) = (order.answered_sold(), order.answered_sold_out());
        let ids: BTreeSet<&str> = sold.iter().chain(&refused).filter_map(|(_, complete)| complete.order.as_deref()).collect();
        let nobody_asked = order.attempts.is_empty();
        let every_attempt_failed = !nobody_asked && sold.is_empty() && !order.has_unknown_attempt();
        let wrongly_sold = nobody_asked || every_attempt_failed || !refused.is_empty() || !order.refused_rows().is_empty();
        (in_ledger > 0 && wrongly_sold)
            || in_ledger > 1
            || (order.is_meaningless() && (in_ledger > 0 || !sold.is_empty()))
            || (!sold.is_empty() && !refused.is_empty())
            || (!sold.is_empty() && ids.len() > 1)
    };
    opinion(facts.orders.iter().any(phantom), facts.at_rest && facts.shows("ledger"))
}
