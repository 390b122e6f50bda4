//! One effect: each restock, production, callback and event takes effect at most once, however often it was delivered.
//!
//! The rows of the final state show it directly: one restock row per production, never more pieces than were asked for, of the product
//! that was asked for, and none that nobody asked for; and operations has one row of an order. A second effect that leaves no row breaks conservation instead.

use super::finding::{Findings, Ref, pieces};
use super::model::{Model, id_flag};
use super::state::{Table, gap_at_rest, gap_in_tables};

pub(super) fn judge(model: &Model) -> Findings {
    let mut findings = Findings::default();
    let productions_known = gap_in_tables(model, &[Table::Productions]).is_none();
    findings.gap(gap_at_rest(model, &[Table::Restocks, Table::RestockLedger, Table::Productions]));
    let mut restocks = 0u64;
    for (row, production) in (0u32..).zip(&model.productions) {
        restocks += u64::from(production.restock_rows);
        let name = |product| model.product_name(product);
        let came = pieces(production.restocked);
        let why = if production.restock_rows > 1 {
            format!("took effect {} times: {came} in all were added to the stock", production.restock_rows)
        } else if production.rows > 1 {
            format!("exists {} times", production.rows)
        } else if production.restock_rows == 1 && production.rows == 1 && production.restocked > production.quantity {
            format!("asked for {}, but {came} were added to the stock", pieces(production.quantity))
        } else if production.restock_rows == 1 && production.restocked_product != production.product {
            format!("is for {}, but its goods raised {}", name(production.product), name(production.restocked_product))
        } else if production.restock_rows == 1 && production.rows == 0 && productions_known {
            format!("was never ordered, but {came} of {} were added to the stock for it", name(production.restocked_product))
        } else {
            continue;
        };
        findings.violated(vec![Ref::Production(row)], || format!("{{0}} {why}."));
    }
    for (row, _) in (0u32..).zip(&model.ids).filter(|(_, id)| id.flags & id_flag::OPERATION_TWICE != 0) {
        findings.violated(vec![Ref::OrderId(row)], || "{0} stands more than once in what the operations team sees.".to_owned());
    }
    findings.count("restocks applied", restocks);
    findings.count("calls that reached the factory", model.calls.len());
    findings
}
