//! The books of a pipeline at rest, read through the store's audit, and what must be true of them.

use std::collections::{BTreeMap, BTreeSet};

use reference::domain::{OrderId, Outcome, ProductionId};
use reference::store::audit::{
    Audit, AuditAdjustment, AuditEpisode, AuditOperation, AuditOrder, AuditProduction, AuditRestock, AuditStock,
};

/// Rows that are read at once.
const PAGE: u32 = 500;

/// Everything that the store remembers.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) orders: Vec<AuditOrder>,
    pub(crate) productions: Vec<AuditProduction>,
    pub(crate) restocks: Vec<AuditRestock>,
    pub(crate) adjustments: Vec<AuditAdjustment>,
    pub(crate) episodes: Vec<AuditEpisode>,
    pub(crate) operations: Vec<AuditOperation>,
    pub(crate) stocks: Vec<AuditStock>,
}

macro_rules! all {
    ($audit:ident . $table:ident) => {{
        let mut rows = Vec::new();
        loop {
            let after = rows.last().map_or(0, |row: &_| position(row));
            let page = $audit.$table(after, PAGE).await.unwrap();
            if page.is_empty() {
                break rows;
            }
            rows.extend(page);
        }
    }};
}

trait Positioned {
    fn position(&self) -> i64;
}

macro_rules! positioned {
    ($($row:ty),*) => { $(impl Positioned for $row { fn position(&self) -> i64 { self.position } })* };
}

positioned!(AuditOrder, AuditProduction, AuditRestock, AuditAdjustment, AuditEpisode, AuditOperation);

fn position(row: &impl Positioned) -> i64 {
    row.position()
}

impl Books {
    /// Reads everything from the database at `url`.
    pub(crate) async fn read(url: &str) -> Self {
        let audit = Audit::open(url).await.unwrap();
        Self {
            orders: all!(audit.orders),
            productions: all!(audit.productions),
            restocks: all!(audit.restocks),
            adjustments: all!(audit.adjustments),
            episodes: all!(audit.episodes),
            operations: all!(audit.operations),
            stocks: audit.stocks().await.unwrap(),
        }
    }

    /// Pieces sold.
    pub(crate) fn sold_pieces(&self) -> i64 {
        self.orders.iter().filter(|order| order.outcome == Outcome::Sold).map(|order| order.quantity).sum()
    }

    /// Asserts what must be true of any pipeline at rest: nothing lost, nothing doubled, nothing out of nowhere.
    pub(crate) fn assert_sound(&self) {
        self.assert_conservation();
        self.assert_promises_kept();
        self.assert_operations_informed();
        self.assert_ads_stopped();
    }

    fn assert_conservation(&self) {
        for stock in &self.stocks {
            let sold: i64 = self
                .orders
                .iter()
                .filter(|order| order.product == stock.product && order.outcome == Outcome::Sold)
                .map(|order| order.quantity)
                .sum();
            let restocked: i64 =
                self.restocks.iter().filter(|restock| restock.product == stock.product).map(|restock| restock.quantity).sum();
            let adjusted: i64 = self.adjustments.iter().filter(|change| change.product == stock.product).map(|change| change.delta).sum();
            assert_eq!(stock.initial + restocked + adjusted - sold, stock.now, "conservation of {}: {self:#?}", stock.product);
            assert!(stock.now >= 0, "{stock:?}");
        }
    }

    /// Every refusal leads to a production that was applied, once.
    fn assert_promises_kept(&self) {
        let mut applied: BTreeMap<ProductionId, usize> = BTreeMap::new();
        for restock in &self.restocks {
            *applied.entry(restock.production_id).or_default() += 1;
        }
        assert!(applied.values().all(|times| *times == 1), "a production was applied more than once: {applied:?}");
        for order in self.orders.iter().filter(|order| order.outcome == Outcome::SoldOut) {
            let production = order.production_id.unwrap_or_else(|| panic!("a refusal without a production: {order:?}"));
            assert!(applied.contains_key(&production), "the production that was promised never arrived: {order:?}");
        }
    }

    /// Every order was seen by operations, once, as it was decided.
    fn assert_operations_informed(&self) {
        let ledger: BTreeSet<_> = self.orders.iter().map(|order| (order.order_id, order.outcome.as_str(), order.quantity)).collect();
        let seen: Vec<_> = self.operations.iter().map(|event| (event.order_id, event.outcome.as_str(), event.quantity)).collect();
        assert_eq!(seen.len(), self.orders.len(), "operations saw another number of orders than there are");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), ledger);
    }

    fn assert_ads_stopped(&self) {
        for episode in &self.episodes {
            assert!(episode.ad_stop_mailed_at.is_some(), "nobody was told to stop the ads: {episode:?}");
        }
    }

    /// Asserts that each answered order is in the ledger, as it was answered.
    pub(crate) fn assert_holds(&self, answered: &[(OrderId, Outcome, i64)]) {
        let ledger: BTreeMap<_, _> = self.orders.iter().map(|order| (order.order_id, (order.outcome, order.quantity))).collect();
        for (order, outcome, quantity) in answered {
            assert_eq!(ledger.get(order), Some(&(*outcome, *quantity)), "order {order} was answered, and the ledger says otherwise");
        }
    }
}
