//! No overselling: at every instant, Σ sales certainly made ≤ initial + Σ restock possibly applied by then; stock never below zero.
//!
//! Both sides lean towards innocence, so that no interleaving can be accused falsely:
//! - a sale is *certainly made* only when an answer "sold" was complete; sales without an answer do not count until the end;
//! - a restock is *possibly applied* from the moment the first refusal that was promised its production was about to be sent: the
//!   production did not exist earlier. (When a publication or a factory call was *observed* is no such bound: observers lag, and the
//!   factory has a clock of its own.) A production that no refusal names may have been applied at any time;
//! - whatever the administration ever added may have been there from the start, what it took may have gone at the end.
//!
//! Once everything is at rest nothing is uncertain any more, and the ledger's total must fit as well.

use super::finding::{Findings, Ref, pieces, seconds};
use super::model::{Model, NEVER, Product, flag};
use super::state::{Table, gap_at_rest, gap_in_tables};
use crate::history::event::Micros;

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    below_zero(model, &mut findings);
    findings.gap(gap_in_tables(model, &[Table::Restocks]));
    if findings.gap.is_some() {
        return findings;
    }
    let at_rest = gap_at_rest(model, &[Table::Ledger]).is_none();
    let supplies = supplies(model);
    let by_product = model.orders_by_product();
    for (row, product) in model.product_rows() {
        let mut sales: Vec<(Micros, i64)> = by_product[row as usize]
            .iter()
            .map(|order| &model.orders[*order as usize])
            .filter(|order| order.is(flag::SOLD))
            .map(|order| (order.decided_at, order.pieces()))
            .collect();
        let Some(initial) = product.initial else {
            if !sales.is_empty() {
                findings.missing(format!("the stock of {} at the start is not known", model.product_name(row)));
            }
            continue;
        };
        sales.sort_unstable();
        let oversold = first_excess(initial + product.adjusted_up, &supplies[row as usize], &sales);
        if let Some(excess) = oversold {
            let about = Ref::Product { product: row, from: excess.at.saturating_sub(1_000_000), to: excess.at };
            findings.violated(vec![about], || excess.sentence(model.product_name(row)));
        } else if at_rest && product.ledger_sold > total(product, initial) {
            let about = Ref::Product { product: row, from: 0, to: model.last_at };
            findings.violated(vec![about], || {
                let there = total(product, initial);
                format!("The ledger sold {} of {{0}}, but only {there} were ever there.", pieces(product.ledger_sold))
            });
        }
    }
    findings.count("stock readings", model.readings.len());
    findings
}

fn total(product: &Product, initial: i64) -> i64 {
    initial + product.restocked + product.restock_possible + product.adjusted_up + product.adjusted_down
}

fn below_zero(model: &Model, findings: &mut Findings) {
    for (at, product, stock, seen_in) in &model.below_zero {
        let (from, to) = at.map_or((model.last_at, model.last_at), |at| (at.saturating_sub(200_000), at));
        findings.violated(vec![Ref::Product { product: *product, from, to }], || {
            let when = at.map(|at| format!(" at {}", seconds(at))).unwrap_or_default();
            format!("The stock of {{0}} was {stock}, below zero, in {seen_in}{when}.")
        });
    }
    findings.total += model.below_zero_total - model.below_zero.len() as u64;
}

/// Per product: when goods may first have been there, and how many; in time order.
fn supplies(model: &Model) -> Vec<Vec<(Micros, i64)>> {
    let mut supplies = vec![Vec::new(); model.products.len()];
    for (production, earliest) in model.productions.iter().zip(model.earliest_refusals()) {
        if let Some(supplies) = supplies.get_mut(production.restocked_product as usize) {
            // Goods that raised another product than ordered came from somewhere else: any time is possible.
            let known = production.restocked_product == production.product;
            supplies.push((earliest.filter(|at| known && *at != NEVER).unwrap_or(0), production.restocked + production.possible));
        }
    }
    for supplies in &mut supplies {
        supplies.sort_unstable();
    }
    supplies
}

/// The first instant at which more was certainly sold than could be there.
#[derive(Debug, PartialEq, Eq)]
struct Excess {
    at: Micros,
    sold: i64,
    there: i64,
    worst: i64,
}

impl Excess {
    fn sentence(&self, name: &str) -> String {
        format!(
            "By {} {} of {name} were certainly sold, but at most {} can have been there; later the excess grew to {} at most.",
            seconds(self.at),
            pieces(self.sold),
            self.there,
            pieces(self.worst)
        )
    }
}

fn first_excess(initial: i64, supplies: &[(Micros, i64)], sales: &[(Micros, i64)]) -> Option<Excess> {
    let (mut there, mut sold) = (initial, 0i64);
    let mut arriving = supplies.iter().peekable();
    let mut first: Option<Excess> = None;
    for (at, quantity) in sales {
        // At the same microsecond the goods count first.
        while let Some((_, pieces)) = arriving.next_if(|(from, _)| from <= at) {
            there = there.saturating_add(*pieces);
        }
        sold += quantity;
        if sold > there {
            let excess = first.get_or_insert(Excess { at: *at, sold, there, worst: 0 });
            excess.worst = excess.worst.max(sold - there);
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goods_and_sale_in_the_same_microsecond_are_no_excess() {
        assert_eq!(first_excess(1, &[(5, 2)], &[(4, 1), (5, 2)]), None);
    }

    #[test]
    fn goods_one_microsecond_late_are_an_excess() {
        assert_eq!(first_excess(1, &[(6, 2)], &[(4, 1), (5, 2)]), Some(Excess { at: 5, sold: 3, there: 1, worst: 2 }));
    }
}
