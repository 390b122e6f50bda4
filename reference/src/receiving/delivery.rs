//! The factory's delivery by topic and queue (edition `shop`).

use super::arrival;
use crate::consumer::{Handled, Handler};
use crate::domain::ProductId;
use crate::drills;
use crate::edition::{AttributeNames, attribute};
use crate::messaging::envelope::{AttributeError, Incoming};
use crate::store::{Arrival, ArrivalError, Store};

/// Applies deliveries to the stock.
#[derive(Debug, Clone)]
pub struct Deliveries {
    store: Store,
}

impl Deliveries {
    /// Applies to `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Handler for Deliveries {
    async fn handle(&self, message: &Incoming) -> Handled {
        let delivery = match parse(message, self.store.edition().attributes) {
            Ok(delivery) => delivery,
            Err(error) => return Handled::Poison { reason: error.to_string() },
        };
        match arrival::apply(&self.store, delivery).await {
            Ok(_) => {
                drills::point("receiving.applied-not-deleted");
                Handled::Done
            }
            Err(ArrivalError::Store(error)) => Handled::Retry { reason: error.to_string() },
            // Nobody will ever have asked for it, whether it is forged or misdirected: a person must look.
            Err(refused) => Handled::Poison { reason: refused.to_string() },
        }
    }
}

/// Reads a delivery out of its attributes.
fn parse(message: &Incoming, names: AttributeNames) -> Result<Arrival, AttributeError> {
    Ok(Arrival {
        production: message.parsed(attribute::PRODUCTION_ID)?,
        token: message.name(attribute::DELIVERY_TOKEN)?,
        product: Some(ProductId(message.name(names.product_id)?)),
        quantity: message.quantity(names.count)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::ProductionId;
    use crate::edition::shop;

    #[test]
    fn a_delivery_without_any_of_its_attributes_is_none() {
        let all = [
            (attribute::PRODUCTION_ID, ProductionId::new().to_string()),
            (attribute::DELIVERY_TOKEN, "token".to_owned()),
            ("MessageAttributeItemId", "2".to_owned()),
            ("MessageAttributeItemCnt", "10".to_owned()),
        ];
        let attributes: BTreeMap<_, _> = all.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let whole = Incoming { attributes, ..Incoming::default() };
        assert_eq!(parse(&whole, shop::EDITION.attributes).map(|arrival| arrival.quantity.get()).ok(), Some(10));
        for (name, _) in all {
            let mut lacking = whole.clone();
            lacking.attributes.remove(name);
            assert_eq!(parse(&lacking, shop::EDITION.attributes).err(), Some(AttributeError::Missing(name.to_owned())));
        }
    }
}
