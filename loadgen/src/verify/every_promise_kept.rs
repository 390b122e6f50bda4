//! Every promise kept: each "production requested" leads to an applied restock that covers it, or sits in a dead-letter queue.
//!
//! A promise names its production. That production must have been applied (or its message captured on the way to or from the factory),
//! and it must have been made large enough for everyone who was promised it: a refusal of q pieces at stock s lacks at least
//! max(q − s, 1). A production may arrive in parts (a short delivery, the remainder made again under another id), so the goods are
//! compared with the promises per product. Refusals that name no production are judged in that same sum.

use super::finding::{Findings, Ref, pieces, seconds};
use super::model::{Model, NO_STOCK, NONE, Order, Production, flag};
use super::state::{Gap, Table, gap_at_rest};

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    let promises = Promises::gather(model);
    findings.count("refusals that were promised a production", promises.with_production);
    findings.count("refusals that name no production", promises.without_production);
    findings.count("refusals whose ledger row names another production than the answer", promises.moved);
    if let Some(gap) = gap_at_rest(model, &[Table::Productions, Table::Restocks, Table::DeadLetters]) {
        findings.gap(Some(gap));
        return findings;
    }
    let mut owed: Vec<i64> = promises.without_production_pieces.clone();
    let (mut open, mut captured) = (0u64, 0u64);
    for (row, production) in (0u32..).zip(&model.productions) {
        let promise = &promises.by_production[row as usize];
        captured += u64::from(production.captured);
        open += u64::from(production.rows > 0 && !production.applied && production.restock_rows == 0);
        if let Some(why) = broken(production, promise.pieces) {
            if promise.refusals == 0 {
                continue;
            }
            findings.violated(vec![Ref::Order(promise.first), Ref::Production(row)], || {
                let others = if promise.refusals > 1 { format!(" (and {} others)", promise.refusals - 1) } else { String::new() };
                let order = &model.orders[promise.first as usize];
                let when = if order.is(flag::REFUSED) { format!(" at {}", seconds(order.decided_at)) } else { String::new() };
                format!("{{0}}{others} was refused{when} and promised {{1}}, {why}.")
            });
        } else if production.restock_rows > 0
            && let Some(owed) = owed.get_mut(production.product as usize)
        {
            *owed += promise.pieces;
        }
    }
    judge_sums(model, &owed, &mut findings);
    findings.count("productions in a dead-letter queue", captured);
    findings.count("productions still open", open);
    findings
}

/// What is wrong with a promised production, if anything is.
fn broken(production: &Production, promised: i64) -> Option<String> {
    let arrived = production.restock_rows > 0;
    if !arrived && !production.captured {
        return Some(if production.rows == 0 {
            "which does not exist: no production, no goods, no dead letter".to_owned()
        } else if production.applied {
            "which is marked as applied, but no goods were ever added to the stock".to_owned()
        } else {
            "which never arrived and is in no dead-letter queue".to_owned()
        });
    }
    (production.rows > 0 && production.shortage < promised)
        .then(|| format!("which was made for a shortage of {} only, where {promised} or more were promised", pieces(production.shortage)))
}

fn judge_sums(model: &Model, owed: &[i64], findings: &mut Findings) {
    for (row, product) in model.product_rows() {
        let owed = owed[row as usize];
        if product.restocked >= owed {
            continue;
        }
        let name = model.product_name(row);
        let unattributed = model.dead_letters.iter().filter(|letter| letter.unattributed_request).count();
        if unattributed > 0 {
            findings.gap(Some(Gap::Missing(format!(
                "{} of {name} were promised and {} came; the {unattributed} dead letters without a production id may stand for the rest",
                pieces(owed),
                product.restocked
            ))));
        } else {
            findings.violated(vec![Ref::Product { product: row, from: 0, to: model.last_at }], || {
                format!("Refused buyers of {{0}} were promised at least {}, but only {} ever came.", pieces(owed), product.restocked)
            });
        }
    }
}

/// What one production was promised for.
#[derive(Debug, Clone)]
struct Promise {
    refusals: u64,
    pieces: i64,
    first: u32,
}

struct Promises {
    by_production: Vec<Promise>,
    without_production_pieces: Vec<i64>,
    with_production: u64,
    without_production: u64,
    moved: u64,
}

impl Promises {
    fn gather(model: &Model) -> Self {
        let mut promises = Self {
            by_production: vec![Promise { refusals: 0, pieces: 0, first: NONE }; model.productions.len()],
            without_production_pieces: vec![0; model.products.len()],
            with_production: 0,
            without_production: 0,
            moved: 0,
        };
        for (row, order) in (0u32..).zip(&model.orders) {
            let refused = order.is(flag::REFUSED) || order.ledger_refused > 0;
            if !refused || order.is(flag::SOLD | flag::HOSTILE) || order.ledger_sold > 0 {
                continue;
            }
            promises.moved += u64::from(order.is(flag::TWO_PRODUCTIONS));
            if let Some(promise) = promises.by_production.get_mut(order.production as usize) {
                promises.with_production += 1;
                promise.refusals += 1;
                promise.pieces += lacked(order);
                if promise.first == NONE {
                    promise.first = row;
                }
            } else if order.is(flag::REFUSED)
                && let Some(sum) = promises.without_production_pieces.get_mut(order.product as usize)
            {
                promises.without_production += 1;
                *sum += lacked(order);
            }
        }
        promises
    }
}

/// Pieces that a refusal lacked at the very least.
fn lacked(order: &Order) -> i64 {
    if order.is(flag::REFUSED) && order.stock != NO_STOCK { (order.pieces() - i64::from(order.stock.max(0))).max(1) } else { 1 }
}
