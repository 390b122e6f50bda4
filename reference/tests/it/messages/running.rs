//! What goes wrong while the pipeline works.

use std::time::Duration;

use reference::domain::{FactoryId, ProductId, ProductionId};
use reference::factory::FactoryLogError;
use reference::factory::orders::BadOrder;
use reference::messaging::envelope::{AttributeError, EnvelopeError};
use reference::messaging::provision::ProvisionError;
use reference::messaging::redrive::RedriveError;
use reference::messaging::{CallError, FailureKind};
use reference::pages::guard::Stranger;
use reference::resilience::limiter::Saturated;
use reference::status::ProbeError;
use reference::store::{ArrivalError, NotAnIdempotencyKey, PurchaseError, SetStockError, StoreError};
use reference::trace::NotATraceParent;
use testbed::messages::Messages;
use uuid::Uuid;

const SECONDS: Duration = Duration::from_secs(5);

fn product() -> ProductId {
    ProductId("CP-502101".to_owned())
}

fn call() -> CallError {
    CallError {
        action: "ReceiveMessage",
        subject: "stock_queue".to_owned(),
        kind: FailureKind::NoAnswer,
        code: None,
        detail: "dispatch failure: connection refused".to_owned(),
    }
}

pub(super) fn messages(messages: Messages) -> Messages {
    let production = ProductionId(Uuid::nil());
    store(messaging(messages))
        .with(FactoryLogError { file: "data/factory.db".into(), what: "cannot be opened", source: sqlx::Error::PoolTimedOut })
        .with(BadOrder { field: "CallbackUrl", why: "is missing".to_owned() })
        .with(Saturated { limit: 4, waited: SECONDS })
        .with(ProbeError::Store(StoreError::Closed))
        .with(ProbeError::Queue(call()))
        .with(ProbeError::TooSlow { what: "the store".to_owned(), limit: SECONDS })
        .with(Stranger::Name)
        .with(Stranger::Origin)
        .with(NotATraceParent)
        .only_with("otel", "reference::trace::export::BadCollector")
        .with(NotAnIdempotencyKey)
        .with(PurchaseError::UnknownProduct(product()))
        .with(PurchaseError::WrongFactory { product: product(), named: FactoryId("FF-1".to_owned()) })
        .with(PurchaseError::KeyReusedWithOtherBody)
        .with(PurchaseError::KeyInFlight)
        .with(ArrivalError::UnknownProduction(production))
        .with(ArrivalError::WrongToken(production))
        .with(ArrivalError::WrongProduct { expected: product() })
        .with(ArrivalError::TooMany { asked: 40 })
        .with(SetStockError::UnknownProduct(product()))
        .with(SetStockError::OutOfRange(-1))
}

fn messaging(messages: Messages) -> Messages {
    let queue = || "stock_queue_dlq".to_owned();
    messages
        .with(EnvelopeError::NotANotification("expected value at line 1 column 1".to_owned()))
        .with(EnvelopeError::NotOfThisType("SubscriptionConfirmation".to_owned()))
        .with(AttributeError::Missing("MessageAttributeProductId".to_owned()))
        .with(AttributeError::Wrong {
            name: "MessageAttributeProductCnt".to_owned(),
            value: "-3".to_owned(),
            reason: "-3 is not between 1 and 10000".to_owned(),
        })
        .with(call())
        .with(ProvisionError::Missing(vec!["topic stock_empty".to_owned(), "queue stock_queue".to_owned()]))
        .with(ProvisionError::Incomplete { action: "CreateQueue", subject: "stock_queue".to_owned(), lacking: "a QueueUrl" })
        .with(RedriveError::Failed { queue: queue(), status: "FAILED".to_owned(), reason: "AccessDenied".to_owned() })
        .with(RedriveError::TooSlow { queue: queue(), waited: SECONDS, last: "RUNNING, 12 of 40 moved".to_owned() })
}

fn store(messages: Messages) -> Messages {
    let url = || "sqlite://data/shop.db".to_owned();
    let reason = || "disk I/O error".to_owned();
    messages
        .with(StoreError::Address { url: "shop.db".to_owned(), reason: "relative URL without a base".to_owned() })
        .with(StoreError::Unreachable { url: url(), reason: "unable to open database file".to_owned() })
        .with(StoreError::Schema { url: url(), reason: "migration 9 was applied, and is not part of this program".to_owned() })
        .with(StoreError::Server { url: "mysql://127.0.0.1:3306/shop".to_owned(), reason: "its time zone is not UTC".to_owned() })
        .with(StoreError::Overloaded)
        .with(StoreError::Locked { waited: SECONDS })
        .with(StoreError::Conflict { reason: "deadlock found".to_owned() })
        .with(StoreError::Disconnected { reason: "broken pipe".to_owned() })
        .with(StoreError::Timeout { what: "a purchase", waited: SECONDS })
        .with(StoreError::Refused { reason: reason() })
        .with(StoreError::CommitUnknown { reason: reason() })
        .with(StoreError::Corrupt { what: "production.state", found: "boiling".to_owned() })
        .with(StoreError::Closed)
}
