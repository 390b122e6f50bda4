//! Edition `donut`: one famous doughnut, an HTTP callback, a factory asked for exactly what is missing.

use super::{AttributeNames, Edition, EditionName, SeedFactory, SeedProduct};
use crate::messaging::message::AttributeKind;

/// The edition's data.
pub static EDITION: Edition = Edition {
    name: EditionName::Donut,
    stock_topic: "stock_empty",
    sales_topic: "sales_events",
    delivery_topic: None,
    stock_queue: "stock_queue",
    ad_queue: "ad_queue",
    operations_queue: "operations_queue",
    delivery_queue: None,
    callback_path: Some("/product/donut"),
    pieces_per_shortage: 1,
    attributes: AttributeNames {
        product_id: "MessageAttributeProductId",
        product_id_kind: AttributeKind::String,
        product_name: None,
        factory_id: "MessageAttributeFactoryId",
        factory_id_kind: AttributeKind::String,
        factory_name: None,
        count: "MessageAttributeProductCnt",
    },
    factories: &[SeedFactory { id: "FF-500293", name: "도너츠 공장", locate: "korea" }],
    products: &[SeedProduct { id: "CP-502101", name: "도너츠", price: 19_900, stock: 100, factory: "FF-500293" }],
};
