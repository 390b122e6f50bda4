//! Shows every sale and every refusal to the operations team, each once.

use crate::consumer::{Handled, Handler};
use crate::domain::{Outcome, ProductId};
use crate::drills;
use crate::edition::{AttributeNames, attribute};
use crate::messaging::envelope::{AttributeError, Incoming};
use crate::store::{OperationEvent, Store};

/// Records sales events.
#[derive(Debug, Clone)]
pub struct Operations {
    store: Store,
}

impl Operations {
    /// Records into `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

impl Handler for Operations {
    async fn handle(&self, message: &Incoming) -> Handled {
        let event = match parse(message, self.store.edition().attributes) {
            Ok(event) => event,
            Err(error) => return Handled::Poison { reason: error.to_string() },
        };
        let order_id = event.order_id;
        match self.store.record_operation(event).await {
            Ok(first_time) => {
                tracing::debug!(%order_id, first_time, "sales event recorded");
                drills::point("operations.recorded-not-deleted");
                Handled::Done
            }
            Err(error) => Handled::Retry { reason: error.to_string() },
        }
    }
}

/// Reads a sales event out of its attributes.
fn parse(message: &Incoming, names: AttributeNames) -> Result<OperationEvent, AttributeError> {
    Ok(OperationEvent {
        event_id: message.parsed(attribute::EVENT_ID)?,
        order_id: message.parsed(attribute::ORDER_ID)?,
        product: ProductId(message.name(names.product_id)?),
        quantity: message.quantity(names.count)?,
        outcome: message.checked(attribute::OUTCOME, |word| match word {
            "sold" => Ok(Outcome::Sold),
            "sold_out" => Ok(Outcome::SoldOut),
            _ => Err("neither `sold` nor `sold_out`"),
        })?,
        stock: message.checked(attribute::STOCK, |text| match text.parse::<i64>() {
            Ok(stock) if stock >= 0 => Ok(stock),
            _ => Err("not a stock"),
        })?,
        requester: message.name(attribute::REQUESTER)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{EventId, OrderId};
    use crate::edition::donut;

    fn event() -> Incoming {
        let attributes = [
            (attribute::EVENT_ID, EventId::new().to_string()),
            (attribute::ORDER_ID, OrderId::new().to_string()),
            ("MessageAttributeProductId", "CP-502101".to_owned()),
            ("MessageAttributeProductCnt", "3".to_owned()),
            (attribute::OUTCOME, "sold_out".to_owned()),
            (attribute::STOCK, "0".to_owned()),
            (attribute::REQUESTER, "buyer".to_owned()),
        ];
        let attributes: BTreeMap<_, _> = attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Incoming { attributes, ..Incoming::default() }
    }

    #[test]
    fn a_sales_event_is_read_from_its_attributes() {
        let read = parse(&event(), donut::EDITION.attributes).unwrap();
        assert_eq!((read.product.0.as_str(), read.quantity.get(), read.outcome, read.stock), ("CP-502101", 3, Outcome::SoldOut, 0));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (name, value) in [
            (attribute::OUTCOME, "maybe"),
            (attribute::STOCK, "-1"),
            (attribute::ORDER_ID, "1"),
            ("MessageAttributeProductCnt", "0"),
            ("MessageAttributeProductCnt", "1e9"),
            (attribute::REQUESTER, ""),
        ] {
            let mut wrong = event();
            wrong.attributes.insert(name.to_owned(), value.to_owned());
            let error = parse(&wrong, donut::EDITION.attributes).unwrap_err().to_string();
            assert!(error.contains(name), "{error}");
            wrong.attributes.remove(name);
            assert_eq!(parse(&wrong, donut::EDITION.attributes), Err(AttributeError::Missing(name.to_owned())));
        }
    }
}
