//! The two faces of the one shop, as data: names, routes, texts, sizing, topology and seed rows.
//!
//! The pipeline's code asks the [`Edition`] wherever the two differ; nothing else compares [`EditionName`]s except the
//! sales routes, whose shapes differ by contract.

pub mod donut;
pub mod shop;
pub mod texts;
pub mod topology;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::{MAX_QUANTITY, ProductId};
use crate::messaging::message::AttributeKind;

/// Message attributes that both editions share; the product, factory and count attributes stand in [`AttributeNames`].
pub mod attribute {
    /// Business id of the message ([`crate::domain::EventId`]).
    pub const EVENT_ID: &str = "MessageAttributeEventId";
    /// The order that caused the message ([`crate::domain::OrderId`]).
    pub const ORDER_ID: &str = "MessageAttributeOrderId";
    /// The production that the message asks for or delivers ([`crate::domain::ProductionId`]).
    pub const PRODUCTION_ID: &str = "MessageAttributeProductionId";
    /// The sold-out episode ([`crate::domain::EpisodeId`], "CP-502101#3").
    pub const EPISODE: &str = "MessageAttributeEpisode";
    /// What a purchase came to ("sold", "sold_out"); sales events only.
    pub const OUTCOME: &str = "MessageAttributeOutcome";
    /// Stock left after a purchase; sales events only.
    pub const STOCK: &str = "MessageAttributeStock";
    /// The token that proves a delivery belongs to its production; where deliveries come back through a topic.
    pub const DELIVERY_TOKEN: &str = "MessageAttributeDeliveryToken";
    /// Who bought.
    pub const REQUESTER: &str = "MessageAttributeRequester";
}

/// Which edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EditionName {
    /// One product per page, the factory calls back over HTTP.
    Donut,
    /// A table of items, the factory delivers through a topic.
    Shop,
}

/// A text that names no edition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an edition; choose `donut` or `shop`")]
pub struct NotAnEdition(pub String);

/// Everything that differs between the two shops.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Which one this is.
    pub name: EditionName,
    /// Topic that says "stock is empty, produce" (`stock_empty`, `order-topic`).
    pub stock_topic: &'static str,
    /// Topic with every sale and every refusal.
    pub sales_topic: &'static str,
    /// Topic by which the factory delivers; `None` where it calls back.
    pub delivery_topic: Option<&'static str>,
    /// Queue of the replenish consumer.
    pub stock_queue: &'static str,
    /// Queue of the advertising consumer.
    pub ad_queue: &'static str,
    /// Queue of the operations consumer.
    pub operations_queue: &'static str,
    /// Queue of the delivery consumer; `None` where the factory calls back.
    pub delivery_queue: Option<&'static str>,
    /// Path that the factory's callback is sent to; `None` where it delivers through a topic.
    pub callback_path: Option<&'static str>,
    /// How many pieces the factory is asked for per missing piece.
    pub pieces_per_shortage: i64,
    /// Names and types of the product, factory and count attributes.
    pub attributes: AttributeNames,
    /// Rows of a fresh database.
    pub factories: &'static [SeedFactory],
    /// Rows of a fresh database. The first one is what a purchase means that names no product.
    pub products: &'static [SeedProduct],
}

/// Names and types of the attributes that the editions call differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeNames {
    /// The product's key.
    pub product_id: &'static str,
    /// Its type.
    pub product_id_kind: AttributeKind,
    /// The product's name, where it is sent.
    pub product_name: Option<&'static str>,
    /// The factory's key.
    pub factory_id: &'static str,
    /// Its type.
    pub factory_id_kind: AttributeKind,
    /// The factory's name, where it is sent.
    pub factory_name: Option<&'static str>,
    /// Pieces (always a Number).
    pub count: &'static str,
}

/// A factory of a fresh database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedFactory {
    /// Key.
    pub id: &'static str,
    /// Name.
    pub name: &'static str,
    /// Where it stands.
    pub locate: &'static str,
}

/// A product of a fresh database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedProduct {
    /// Key.
    pub id: &'static str,
    /// Name, unique.
    pub name: &'static str,
    /// Price in won.
    pub price: i64,
    /// Pieces in stock.
    pub stock: i64,
    /// Key of the factory that makes it.
    pub factory: &'static str,
}

impl EditionName {
    /// The edition's data.
    #[must_use]
    pub fn edition(self) -> &'static Edition {
        match self {
            EditionName::Donut => &donut::EDITION,
            EditionName::Shop => &shop::EDITION,
        }
    }

    /// The word used in configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EditionName::Donut => "donut",
            EditionName::Shop => "shop",
        }
    }
}

impl fmt::Display for EditionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EditionName {
    type Err = NotAnEdition;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "donut" => Ok(EditionName::Donut),
            "shop" => Ok(EditionName::Shop),
            other => Err(NotAnEdition(other.to_owned())),
        }
    }
}

impl Edition {
    /// What a purchase means that names no product: the first seed row.
    #[must_use]
    pub fn default_product(&self) -> ProductId {
        ProductId(self.products.first().map_or("", |product| product.id).to_owned())
    }

    /// The stage that works on a queue; empty for a queue of somebody else's.
    #[must_use]
    pub fn stage_of(&self, queue: &str) -> &'static str {
        let stages = [
            (Some(self.stock_queue), "replenish"),
            (Some(self.ad_queue), "advertising"),
            (Some(self.operations_queue), "operations"),
            (self.delivery_queue, "receiving"),
        ];
        stages.into_iter().find(|(name, _)| *name == Some(queue)).map_or("", |(_, stage)| stage)
    }

    /// Pieces that the factory is asked for when `shortage` pieces are missing: never less than the shortage, never more than
    /// [`MAX_QUANTITY`] unless the shortage itself is.
    #[must_use]
    pub fn pieces_to_ask(&self, shortage: i64) -> i64 {
        (shortage * self.pieces_per_shortage).min(i64::from(MAX_QUANTITY)).max(shortage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_donut_factory_is_asked_for_what_is_missing_and_the_shop_factory_for_twice_as_much() {
        assert_eq!(donut::EDITION.pieces_to_ask(7), 7);
        assert_eq!(shop::EDITION.pieces_to_ask(7), 14);
    }

    #[test]
    fn no_factory_is_asked_for_more_than_a_batch_but_always_for_enough() {
        let most = i64::from(MAX_QUANTITY);
        assert_eq!(shop::EDITION.pieces_to_ask(most - 1), most);
        assert_eq!(shop::EDITION.pieces_to_ask(most), most);
    }

    #[test]
    fn names_are_read_back_as_they_are_written() {
        for name in [EditionName::Donut, EditionName::Shop] {
            assert_eq!(name.to_string().parse(), Ok(name));
            assert_eq!(name.edition().name, name);
        }
        assert!("Donut".parse::<EditionName>().is_err());
    }
}
