//! Edition `shop`: a table of items, deliveries through a topic, a factory asked for twice what is missing.

use super::{AttributeNames, Edition, EditionName, SeedFactory, SeedProduct};
use crate::messaging::message::AttributeKind;

/// The edition's data.
pub static EDITION: Edition = Edition {
    name: EditionName::Shop,
    stock_topic: "order-topic",
    sales_topic: "sales_events",
    delivery_topic: Some("delivery-topic"),
    stock_queue: "order-queue",
    ad_queue: "ad_queue",
    operations_queue: "operations_queue",
    delivery_queue: Some("delivery-queue"),
    callback_path: None,
    pieces_per_shortage: 2,
    attributes: AttributeNames {
        product_id: "MessageAttributeItemId",
        product_id_kind: AttributeKind::Number,
        product_name: Some("MessageAttributeItemName"),
        factory_id: "MessageAttributeFactoryId",
        factory_id_kind: AttributeKind::Number,
        factory_name: Some("MessageAttributeFactoryName"),
        count: "MessageAttributeItemCnt",
    },
    factories: &[SeedFactory { id: "1", name: "Factory1", locate: "korea" }, SeedFactory { id: "2", name: "Factory2", locate: "usa" }],
    products: &[
        SeedProduct { id: "1", name: "Item1", price: 10_000, stock: 1, factory: "1" },
        SeedProduct { id: "2", name: "Item2", price: 20_000, stock: 2, factory: "2" },
        SeedProduct { id: "3", name: "Item3", price: 30_000, stock: 3, factory: "1" },
    ],
};
