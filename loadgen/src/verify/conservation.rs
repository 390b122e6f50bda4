//! Conservation: initial + Σ applied restock + Σ adjustments − Σ sold = final stock, exactly, per product.
//!
//! Without a ledger the sales are only known within bounds: at least those answered as sold, at most those and every order without an
//! answer. Then the final stock must lie between. Likewise goods that were offered without a certain answer may have been applied or not.

use super::finding::{Findings, Ref, pieces};
use super::model::{Model, NEVER, NO_STOCK, Product, flag};
use super::state::{Gap, Table, gap_at_rest};
use crate::history::event::Micros;

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    if let Some(gap) = gap_at_rest(model, &[Table::Stock, Table::Restocks]) {
        findings.gap(Some(gap));
        return findings;
    }
    let by_answers = if model.exposes(Table::Ledger) { None } else { Some(sales_by_answers(model)) };
    let (mut sold_sum, mut restocked_sum) = (0i64, 0i64);
    for (row, product) in model.product_rows() {
        let name = model.product_name(row);
        let (least, most) = by_answers.as_ref().map_or((product.ledger_sold, product.ledger_sold), |bounds| bounds[row as usize]);
        sold_sum += least;
        restocked_sum += product.restocked;
        let (Some(initial), Some(last)) = (product.initial, product.last) else {
            if most > 0 || product.restocked != 0 || product.restock_possible != 0 {
                findings.gap(Some(Gap::Missing(format!("the stock of {name} is not known at the start and at the end"))));
            }
            continue;
        };
        let supply = initial + product.restocked + product.adjusted_up + product.adjusted_down;
        if (supply - most..=supply + product.restock_possible - least).contains(&last) {
            continue;
        }
        let sentence = |why: String| format!("{}{why}", sentence(name, product, (initial, last), (least, most)));
        match overwritten(model, row) {
            Some((one, other)) => {
                let (first, second) = (&model.orders[one as usize], &model.orders[other as usize]);
                let about = Ref::Product { product: row, from: first.first_invoke, to: first.decided_at.max(second.decided_at) };
                findings.violated(vec![about, Ref::Order(one), Ref::Order(other)], || {
                    sentence(format!(
                        " For example, {{1}} and {{2}} were sold at the same time, and both were told that {} are left, as if one of them had not taken any: \
                         whoever reads the stock, and writes it back later, writes over what happened in between.",
                        first.stock
                    ))
                });
            }
            None => {
                let about = Ref::Product { product: row, from: 0, to: model.last_at };
                findings.violated(vec![about], || sentence(String::new()));
            }
        }
    }
    findings.count(if by_answers.is_some() { "pieces answered as sold" } else { "pieces sold in the ledger" }, sold_sum);
    findings.count("pieces restocked", restocked_sum);
    findings
}

fn sentence(name: &str, product: &Product, (initial, last): (i64, i64), (least, most): (i64, i64)) -> String {
    let adjusted = product.adjusted_up + product.adjusted_down;
    let adjustments = if adjusted == 0 { String::new() } else { format!(" {adjusted:+} adjusted") };
    let restocked = match product.restock_possible {
        0 => product.restocked.to_string(),
        possible => format!("{} to {}", product.restocked, product.restocked + possible),
    };
    let sold = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let expected = initial + product.restocked + adjusted - least;
    let off = last - expected;
    let exact = least == most && product.restock_possible == 0;
    let verb = if off > 0 { "appeared from nowhere" } else { "vanished" };
    let vanished = if exact { format!(": {} {verb}", pieces(off.abs())) } else { String::new() };
    format!(
        "{name} does not add up: {initial} at the start + {restocked} restocked{adjustments} − {sold} sold is not the {last} at the end{vanished}.",
    )
}

/// Two sales that overlapped and whose answers name the same stock: what a lost update looks like from outside. It explains, and proves nothing
/// (goods may have come in between), so it is only looked for where the sums are wrong.
fn overwritten(model: &Model, product: u32) -> Option<(u32, u32)> {
    let mut sales: Vec<(i32, Micros, u32)> = (0u32..)
        .zip(&model.orders)
        .filter(|(_, order)| order.product == product && order.is(flag::SOLD) && order.stock != NO_STOCK && order.first_invoke != NEVER)
        .map(|(row, order)| (order.stock, order.first_invoke, row))
        .collect();
    sales.sort_unstable();
    let overlapping = |pair: &&[(i32, Micros, u32)]| {
        let ((one_left, _, one), (other_left, other_began, _)) = (pair[0], pair[1]);
        one_left == other_left && other_began < model.orders[one as usize].decided_at
    };
    let pairs = sales.windows(2).filter(overlapping);
    pairs.min_by_key(|pair| pair[0].1).map(|pair| (pair[0].2, pair[1].2))
}

/// Pieces certainly and possibly sold of each product, when there is no ledger to tell.
fn sales_by_answers(model: &Model) -> Vec<(i64, i64)> {
    let mut bounds = vec![(0, 0); model.products.len()];
    for order in &model.orders {
        let Some((least, most)) = bounds.get_mut(order.product as usize) else { continue };
        if order.is(flag::SOLD) {
            *least += order.pieces();
        }
        if order.is(flag::SOLD | flag::INFO) {
            *most += order.pieces();
        }
    }
    bounds
}
