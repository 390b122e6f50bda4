//! The Sales API's description, served at `/openapi.json`, one per edition.

use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{IntoResponses, Modify, OpenApi, ToSchema};

use super::checkout::Decision;
use crate::edition::EditionName;

/// The description of an edition's Sales API.
pub(super) fn document(edition: EditionName) -> Document {
    match edition {
        EditionName::Donut => DonutApi::openapi(),
        EditionName::Shop => ShopApi::openapi(),
    }
}

/// A purchase of the `donut` edition.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field, so that every refusal can name its field")]
pub(super) struct DonutPurchase {
    /// Pieces, 1 to 10000; a numeric string is accepted too, and so is the older name `stock`.
    #[schema(minimum = 1, maximum = 10_000, examples(3))]
    #[schema(rename = "MessageAttributeProductCnt")]
    count: i64,
    /// The product's factory; checked when given.
    #[schema(rename = "MessageAttributeFactoryId", examples("FF-500293"))]
    factory: Option<String>,
    /// Another product than the doughnut.
    #[schema(rename = "MessageAttributeProductId", examples("CP-502101"))]
    product: Option<String>,
    /// Who buys: 1 to 128 bytes, no control characters.
    #[schema(min_length = 1, max_length = 128, examples("홍길동"))]
    requester: String,
}

/// A purchase of the `shop` edition.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field, so that every refusal can name its field")]
pub(super) struct ItemPurchase {
    #[schema(min_length = 1, max_length = 128, examples("Item2"))]
    item_name: String,
    /// Pieces, 1 to 10000; a numeric string is accepted too.
    #[schema(minimum = 1, maximum = 10_000, examples(5))]
    quantity: i64,
    /// Who buys: 1 to 128 bytes, no control characters.
    #[schema(min_length = 1, max_length = 128, examples("홍길동"))]
    requester: String,
}

/// A new stock.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field, so that every refusal can name its field")]
pub(super) struct NewStock {
    /// Pieces.
    #[schema(minimum = 0, maximum = 1_000_000_000, examples(10))]
    quantity: i64,
}

/// A refusal: nothing was done.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `http::problem` writes")]
pub(super) struct Rejection {
    /// Which field, and why.
    message: String,
    /// Always `rejected`.
    #[schema(examples("rejected"))]
    outcome: String,
    /// The field to blame, where there is one.
    field: Option<String>,
}

/// No certain answer: it may have been done.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `http::problem` writes")]
pub(super) struct Unknown {
    message: String,
}

/// What a purchase is answered, in either edition.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes what `checkout` and `http::problem` write")]
pub(super) enum PurchaseAnswer {
    /// Decided: sold, or refused and covered by a production
    #[response(status = 200)]
    Decided(Decision),
    #[response(status = 400)]
    Bad(Rejection),
    /// A purchase with the same key is still being decided
    #[response(status = 409)]
    InFlight(Unknown),
    #[response(status = 413)]
    TooLarge(Rejection),
    #[response(status = 415)]
    NoJson(Rejection),
    /// The key was used with another body before
    #[response(status = 422)]
    KeyReused(Rejection),
    /// Not known whether it was done: repeat it with the same key
    #[response(status = 500)]
    NotKnown(Unknown),
    /// Too much to do, nothing was done
    #[response(status = 503)]
    Busy(Rejection),
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Sales API, edition donut", description = "Browse and buy doughnuts."),
    paths(super::browse::donut, super::checkout::donut)
)]
struct DonutApi;

#[derive(OpenApi)]
#[openapi(
    info(title = "Sales API, edition shop", description = "Browse and buy items, and set their stock."),
    paths(super::browse::items, super::checkout::item, super::admin::set_stock),
    modifiers(&AdminKeys)
)]
struct ShopApi;

/// The two ways to present the administration's key.
struct AdminKeys;

impl Modify for AdminKeys {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("admin_key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Admin-Key"))));
        components.add_security_scheme("admin_bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()));
    }
}
