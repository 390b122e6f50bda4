//! The messages that leave with a transaction: stock requests and sales events.

use crate::domain::{EpisodeId, EventId, FactoryId, OrderId, Outcome, ProductId, ProductionId};
use crate::edition::{Edition, EditionName, attribute, texts};
use crate::messaging::message::{Attribute, AttributeKind, OutgoingMessage};

/// A production, as its request names it.
pub(crate) struct StockRequest<'a> {
    pub(crate) order_id: OrderId,
    pub(crate) production_id: ProductionId,
    pub(crate) episode: EpisodeId,
    pub(crate) product_name: &'a str,
    pub(crate) factory: &'a FactoryId,
    pub(crate) factory_name: &'a str,
    /// The shortage in pieces.
    pub(crate) quantity: i64,
    pub(crate) requester: &'a str,
    pub(crate) token: &'a str,
}

/// An order, as operations gets to see it.
pub(crate) struct SalesEvent<'a> {
    pub(crate) order_id: OrderId,
    pub(crate) product: &'a ProductId,
    pub(crate) factory: &'a FactoryId,
    pub(crate) quantity: i64,
    pub(crate) outcome: Outcome,
    pub(crate) stock_left: i64,
    pub(crate) production_id: Option<ProductionId>,
    pub(crate) requester: &'a str,
}

/// The message that asks for a production, and tells the advertising of the episode.
pub(crate) fn stock_request(edition: &Edition, event_id: EventId, request: &StockRequest<'_>, now: i64) -> OutgoingMessage {
    let names = &edition.attributes;
    let mut attributes = vec![
        Attribute { name: names.product_id.to_owned(), kind: names.product_id_kind, value: request.episode.product.to_string() },
        Attribute { name: names.factory_id.to_owned(), kind: names.factory_id_kind, value: request.factory.to_string() },
        number(names.count, request.quantity),
        text(attribute::REQUESTER, request.requester),
        text(attribute::EVENT_ID, event_id),
        text(attribute::ORDER_ID, request.order_id),
        text(attribute::PRODUCTION_ID, request.production_id),
        text(attribute::EPISODE, &request.episode),
    ];
    attributes.extend(names.product_name.map(|name| text(name, request.product_name)));
    attributes.extend(names.factory_name.map(|name| text(name, request.factory_name)));
    // Where the factory calls back, the address it is given carries the token; a delivery message must bring it along.
    attributes.extend(edition.delivery_topic.map(|_| text(attribute::DELIVERY_TOKEN, request.token)));
    let what = match edition.name {
        EditionName::Donut => texts::DONUT,
        EditionName::Shop => request.product_name,
    };
    OutgoingMessage {
        topic: edition.stock_topic.to_owned(),
        subject: texts::stock_subject(what),
        body: texts::stock_request(what, now),
        attributes,
    }
}

/// The message that tells operations of a sale or a refusal.
pub(crate) fn sales_event(edition: &Edition, event_id: EventId, sale: &SalesEvent<'_>) -> OutgoingMessage {
    let names = &edition.attributes;
    let mut attributes = vec![
        Attribute { name: names.product_id.to_owned(), kind: names.product_id_kind, value: sale.product.to_string() },
        Attribute { name: names.factory_id.to_owned(), kind: names.factory_id_kind, value: sale.factory.to_string() },
        number(names.count, sale.quantity),
        text(attribute::REQUESTER, sale.requester),
        text(attribute::EVENT_ID, event_id),
        text(attribute::ORDER_ID, sale.order_id),
        text(attribute::OUTCOME, sale.outcome.as_str()),
        number(attribute::STOCK, sale.stock_left),
    ];
    attributes.extend(sale.production_id.map(|id| text(attribute::PRODUCTION_ID, id)));
    OutgoingMessage {
        topic: edition.sales_topic.to_owned(),
        subject: texts::SALES_SUBJECT.to_owned(),
        body: texts::purchase(sale.outcome, sale.stock_left),
        attributes,
    }
}

fn text(name: &str, value: impl std::fmt::Display) -> Attribute {
    Attribute { name: name.to_owned(), kind: AttributeKind::String, value: value.to_string() }
}

fn number(name: &str, value: i64) -> Attribute {
    Attribute { name: name.to_owned(), kind: AttributeKind::Number, value: value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edition::{donut, shop};

    fn request(factory: &FactoryId) -> StockRequest<'_> {
        StockRequest {
            order_id: OrderId::new(),
            production_id: ProductionId::new(),
            episode: EpisodeId { product: ProductId("2".into()), number: 3 },
            product_name: "Item2",
            factory,
            factory_name: "Factory2",
            quantity: 4,
            requester: "buyer",
            token: "secret",
        }
    }

    fn of<'a>(message: &'a OutgoingMessage, name: &str) -> Option<(&'a str, AttributeKind)> {
        message.attributes.iter().find(|a| a.name == name).map(|a| (a.value.as_str(), a.kind))
    }

    #[test]
    fn a_doughnut_request_reads_as_the_contract_says() {
        let factory = FactoryId("FF-500293".into());
        let message = stock_request(&donut::EDITION, EventId::new(), &request(&factory), 0);
        assert_eq!((message.topic.as_str(), message.subject.as_str()), ("stock_empty", "도너츠 재고 부족"));
        assert!(message.body.starts_with("도너츠 재고가 없습니다. 제품을 생산해주세요!"), "{}", message.body);
        assert!(message.body.contains("1970-01-01T00:00:00.000Z"), "{}", message.body);
        assert_eq!(of(&message, "MessageAttributeProductId"), Some(("2", AttributeKind::String)));
        assert_eq!(of(&message, "MessageAttributeFactoryId"), Some(("FF-500293", AttributeKind::String)));
        assert_eq!(of(&message, "MessageAttributeProductCnt"), Some(("4", AttributeKind::Number)));
        assert_eq!(of(&message, "MessageAttributeRequester"), Some(("buyer", AttributeKind::String)));
        assert_eq!(of(&message, "MessageAttributeEpisode"), Some(("2#3", AttributeKind::String)));
        assert_eq!(of(&message, attribute::DELIVERY_TOKEN), None, "the callback address carries it");
    }

    #[test]
    fn an_item_request_reads_as_the_contract_says() {
        let factory = FactoryId("2".into());
        let message = stock_request(&shop::EDITION, EventId::new(), &request(&factory), 0);
        assert_eq!((message.topic.as_str(), message.subject.as_str()), ("order-topic", "Item2 재고 부족"));
        assert_eq!(of(&message, "MessageAttributeItemId"), Some(("2", AttributeKind::Number)));
        assert_eq!(of(&message, "MessageAttributeItemName"), Some(("Item2", AttributeKind::String)));
        assert_eq!(of(&message, "MessageAttributeFactoryId"), Some(("2", AttributeKind::Number)));
        assert_eq!(of(&message, "MessageAttributeFactoryName"), Some(("Factory2", AttributeKind::String)));
        assert_eq!(of(&message, "MessageAttributeItemCnt"), Some(("4", AttributeKind::Number)));
        assert_eq!(of(&message, "MessageAttributeRequester"), Some(("buyer", AttributeKind::String)));
        assert_eq!(of(&message, attribute::DELIVERY_TOKEN), Some(("secret", AttributeKind::String)));
    }
}
