//! The request for a production, as it stands in the stock queue.

use crate::domain::{ProductId, ProductionId};
use crate::edition::{AttributeNames, attribute};
use crate::messaging::envelope::{AttributeError, Incoming};

/// What a message asks for. Everything else about a production is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) production: ProductionId,
    pub(crate) product: ProductId,
}

impl Request {
    /// Reads it from the attributes. Those that are not used must still make sense: a message that says nonsense was not written by this shop.
    pub(super) fn parse(message: &Incoming, names: AttributeNames) -> Result<Self, AttributeError> {
        message.quantity(names.count)?;
        message.name(names.factory_id)?;
        message.name(attribute::REQUESTER)?;
        Ok(Self { production: message.parsed(attribute::PRODUCTION_ID)?, product: ProductId(message.name(names.product_id)?) })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::edition::donut;

    #[test]
    fn nonsense_is_named() {
        let id = ProductionId::new();
        let all = [
            (attribute::PRODUCTION_ID, id.to_string()),
            ("MessageAttributeProductId", "CP-502101".to_owned()),
            ("MessageAttributeProductCnt", "3".to_owned()),
            ("MessageAttributeFactoryId", "FF-500293".to_owned()),
            (attribute::REQUESTER, "buyer".to_owned()),
        ];
        let attributes: BTreeMap<_, _> = all.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let whole = Incoming { attributes, ..Incoming::default() };
        let expected = Request { production: id, product: ProductId("CP-502101".into()) };
        assert_eq!(Request::parse(&whole, donut::EDITION.attributes), Ok(expected));
        for (name, _) in all {
            let mut lacking = whole.clone();
            lacking.attributes.remove(name);
            assert_eq!(Request::parse(&lacking, donut::EDITION.attributes), Err(AttributeError::Missing(name.to_owned())));
            let mut empty = whole.clone();
            empty.attributes.insert(name.to_owned(), String::new());
            assert!(matches!(Request::parse(&empty, donut::EDITION.attributes), Err(AttributeError::Wrong { .. })), "{name}");
        }
    }
}
