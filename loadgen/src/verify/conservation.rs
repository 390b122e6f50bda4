//! Conservation: initial + Σ applied restock + Σ adjustments − Σ sold = final stock, exactly, per product.
//!
//! Without a ledger the sales are only known within bounds: at least those answered as sold, at most those and every order without an
//! answer. Then the final stock must lie between.

use super::finding::{Findings, Ref, pieces};
use super::model::{Model, Product, flag};
use super::state::{Gap, Table, gap_at_rest};

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
            if most > 0 || product.restocked != 0 {
                findings.gap(Some(Gap::Missing(format!("the stock of {name} is not known at the start and at the end"))));
            }
            continue;
        };
        let supply = initial + product.restocked + product.adjusted_up + product.adjusted_down;
        if (supply - most..=supply - least).contains(&last) {
            continue;
        }
        let about = Ref::Product { product: row, from: 0, to: model.last_at };
        findings.violated(vec![about], || sentence(name, product, (initial, last), (least, most)));
    }
    findings.count(if by_answers.is_some() { "pieces answered as sold" } else { "pieces sold in the ledger" }, sold_sum);
    findings.count("pieces restocked", restocked_sum);
    findings
}

fn sentence(name: &str, product: &Product, (initial, last): (i64, i64), (least, most): (i64, i64)) -> String {
    let adjusted = product.adjusted_up + product.adjusted_down;
    let adjustments = if adjusted == 0 { String::new() } else { format!(" {adjusted:+} adjusted") };
    let sold = if least == most { least.to_string() } else { format!("{least} to {most}") };
    let expected = initial + product.restocked + adjusted - least;
    let off = last - expected;
    let verb = if off > 0 { "appeared from nowhere" } else { "vanished" };
    let vanished = if least == most { format!(": {} {verb}", pieces(off.abs())) } else { String::new() };
    format!(
        "{name} does not add up: {initial} at the start + {} restocked{adjustments} − {sold} sold is not the {last} at the end{vanished}.",
        product.restocked
    )
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
