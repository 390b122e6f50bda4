//! The properties of an order pipeline, by name.

use serde::{Deserialize, Serialize};

/// What must hold of every run. The order is the order of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "`statement` says what each means, once, for the report and the reader")]
pub enum Property {
    NoLostOrder,
    NoPhantomSale,
    Conservation,
    NoOverselling,
    NoWrongRefusal,
    EveryPromiseKept,
    DlqCapture,
    OneEffect,
    FactoryNotOverrun,
    AdsStopped,
    OperationsInformed,
    RecoversInTime,
}

impl Property {
    /// All of them, in the order of the report.
    pub const ALL: [Property; 12] = [
        Property::NoLostOrder,
        Property::NoPhantomSale,
        Property::Conservation,
        Property::NoOverselling,
        Property::NoWrongRefusal,
        Property::EveryPromiseKept,
        Property::DlqCapture,
        Property::OneEffect,
        Property::FactoryNotOverrun,
        Property::AdsStopped,
        Property::OperationsInformed,
        Property::RecoversInTime,
    ];

    /// Name for people ("no lost order").
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Property::NoLostOrder => "no lost order",
            Property::NoPhantomSale => "no phantom sale",
            Property::Conservation => "conservation",
            Property::NoOverselling => "no overselling",
            Property::NoWrongRefusal => "no wrong refusal",
            Property::EveryPromiseKept => "every promise kept",
            Property::DlqCapture => "DLQ capture",
            Property::OneEffect => "one effect",
            Property::FactoryNotOverrun => "factory not overrun",
            Property::AdsStopped => "ads stopped",
            Property::OperationsInformed => "operations informed",
            Property::RecoversInTime => "recovers in time",
        }
    }

    /// What it demands, in a sentence.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Property::NoLostOrder => "Every order answered as sold is in the ledger, with the same product and quantity.",
            Property::NoPhantomSale => "The ledger holds no sale that was refused, was never attempted, or is there twice.",
            Property::Conservation => "Initial stock plus everything applied minus everything sold is exactly the final stock.",
            Property::NoOverselling => {
                "At no instant were more pieces certainly sold than could possibly have been there; stock was never seen below zero."
            }
            Property::NoWrongRefusal => "Nobody was told \"sold out\" while the stock certainly sufficed during the whole call.",
            Property::EveryPromiseKept => {
                "Every answer \"production requested\" led to an applied restock that covers it, or sits in a dead-letter queue."
            }
            Property::DlqCapture => {
                "Every published message was done or captured in a dead-letter queue; nothing is left over, and only poison stays captured."
            }
            Property::OneEffect => "Each restock, production and callback took effect at most once, however often it was delivered.",
            Property::FactoryNotOverrun => {
                "The factory never had more open orders per product or calls in flight than it can bear, and made no more than was missing plus one batch."
            }
            Property::AdsStopped => "Each sold-out episode led to at least one e-mail naming the product, and to no storm of them.",
            Property::OperationsInformed => "Every sale and every refusal reached the operations team.",
            Property::RecoversInTime => {
                "After the last fault healed, throughput came back and everything drained within the scenario's bound."
            }
        }
    }

    /// The property of that name; hyphens will do for the spaces.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let plain = |name: &str| name.to_lowercase().replace(' ', "-");
        Self::ALL.into_iter().find(|property| plain(property.name()) == plain(name))
    }
}
