//! What an order looks like in either edition, and what is wrong with a bad one.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{MAX_NAME_BYTES, Quantity};

/// The longest `CallbackUrl`, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// `POST /api/manufactures` (donut). All values are strings, as the legacy system wants them; numbers are taken for counts as well.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Manufacture {
    /// Always `stock-arrival-group`; not looked at.
    pub message_group_id: Option<String>,
    /// What to produce.
    pub message_attribute_product_id: Option<String>,
    /// How many.
    #[schema(value_type = Option<String>)]
    pub message_attribute_product_cnt: Option<Value>,
    /// Which factory.
    pub message_attribute_factory_id: Option<String>,
    /// Who asks.
    pub message_attribute_requester: Option<String>,
    /// Where to report completion.
    pub callback_url: Option<String>,
    /// The caller's own id of this production, for the log; else `production` in the callback's query is taken. The factory does nothing
    /// with it: two orders with one id are two productions.
    pub message_attribute_production_id: Option<String>,
}

/// `POST /log` (shop).
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct ShopOrder {
    /// Who asks.
    pub requester: Option<String>,
    /// How many, as a number or a numeric string.
    #[schema(value_type = Option<i64>)]
    pub quantity: Option<Value>,
    /// What to produce, as a number or a string.
    #[schema(value_type = Option<i64>)]
    pub item_id: Option<Value>,
    /// Its name.
    pub item_name: Option<String>,
    /// Which factory, as a number or a string.
    #[schema(value_type = Option<i64>)]
    pub factory_id: Option<Value>,
    /// Its name.
    pub factory_name: Option<String>,
    /// The caller's own id of this production; handed back with the delivery.
    pub production_id: Option<String>,
    /// Handed back with the delivery, never looked at.
    pub delivery_token: Option<String>,
}

/// An order that the factory can work on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What to produce.
    pub product: String,
    /// Its name.
    pub product_name: Option<String>,
    /// How many.
    pub quantity: i64,
    /// Which factory.
    pub factory: Option<String>,
    /// Its name.
    pub factory_name: Option<String>,
    /// Who asks.
    pub requester: String,
    /// The caller's own id.
    pub production: Option<String>,
    /// Where to report (donut).
    pub callback_url: Option<String>,
    /// What to hand back (shop).
    pub delivery_token: Option<String>,
}

/// What is wrong with an order. The text names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct BadOrder {
    /// The JSON key.
    pub field: &'static str,
    /// What is wrong with its value.
    pub why: String,
}

impl Manufacture {
    /// Checks the order.
    ///
    /// # Errors
    /// [`BadOrder`] naming the first field that cannot be used.
    pub fn check(self) -> Result<Order, BadOrder> {
        let callback_url = text("CallbackUrl", self.callback_url, MAX_URL_BYTES)?;
        check_callback_url(&callback_url)?;
        Ok(Order {
            product: text("MessageAttributeProductId", self.message_attribute_product_id, MAX_NAME_BYTES)?,
            product_name: None,
            quantity: pieces("MessageAttributeProductCnt", self.message_attribute_product_cnt.as_ref())?,
            factory: Some(text("MessageAttributeFactoryId", self.message_attribute_factory_id, MAX_NAME_BYTES)?),
            factory_name: None,
            requester: text("MessageAttributeRequester", self.message_attribute_requester, MAX_NAME_BYTES)?,
            production: optional("MessageAttributeProductionId", self.message_attribute_production_id)?
                .or_else(|| production_in(&callback_url)),
            callback_url: Some(callback_url),
            delivery_token: None,
        })
    }
}

impl ShopOrder {
    /// Checks the order.
    ///
    /// # Errors
    /// [`BadOrder`] naming the first field that cannot be used.
    pub fn check(self) -> Result<Order, BadOrder> {
        Ok(Order {
            product: text("item_id", self.item_id.as_ref().and_then(key), MAX_NAME_BYTES)?,
            product_name: Some(text("item_name", self.item_name, MAX_NAME_BYTES)?),
            quantity: pieces("quantity", self.quantity.as_ref())?,
            factory: Some(text("factory_id", self.factory_id.as_ref().and_then(key), MAX_NAME_BYTES)?),
            factory_name: Some(text("factory_name", self.factory_name, MAX_NAME_BYTES)?),
            requester: text("requester", self.requester, MAX_NAME_BYTES)?,
            production: optional("production_id", self.production_id)?,
            callback_url: None,
            delivery_token: optional("delivery_token", self.delivery_token)?,
        })
    }
}

fn text(field: &'static str, value: Option<String>, max_bytes: usize) -> Result<String, BadOrder> {
    let value = value.ok_or_else(|| BadOrder { field, why: "is missing".to_owned() })?;
    match value.len() {
        0 => Err(BadOrder { field, why: "is empty".to_owned() }),
        n if n > max_bytes => Err(BadOrder { field, why: format!("is longer than {max_bytes} bytes") }),
        _ => Ok(value),
    }
}

fn optional(field: &'static str, value: Option<String>) -> Result<Option<String>, BadOrder> {
    value.map(|value| text(field, Some(value), MAX_NAME_BYTES)).transpose()
}

/// A key as text: clients send it as a number or as a string.
fn key(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_i64().map(|n| n.to_string()),
        _ => None,
    }
}

fn pieces(field: &'static str, value: Option<&Value>) -> Result<i64, BadOrder> {
    let number = match value {
        None => return Err(BadOrder { field, why: "is missing".to_owned() }),
        Some(Value::Number(number)) => number.as_i64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(_) => None,
    };
    let number = number.ok_or_else(|| BadOrder { field, why: "is not a whole number".to_owned() })?;
    Quantity::new(number).map(Quantity::get).map_err(|error| BadOrder { field, why: error.to_string() })
}

/// The production that the caller named in its callback address, so that the log can be matched with the caller's books.
fn production_in(callback_url: &str) -> Option<String> {
    let (_, query) = callback_url.split_once('?')?;
    let (_, value) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "production")?;
    Some(value.into_owned()).filter(|value| !value.is_empty() && value.len() <= MAX_NAME_BYTES)
}

fn check_callback_url(url: &str) -> Result<(), BadOrder> {
    let wrong = |why: &str| BadOrder { field: "CallbackUrl", why: why.to_owned() };
    let uri: http::Uri = url.parse().map_err(|_| wrong("is not a URL"))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("http"), Some(_)) => Ok(()),
        (Some(_), Some(_)) => Err(wrong("must begin with http://")),
        _ => Err(wrong("must be absolute (http://host/path)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manufacture(change: impl FnOnce(&mut Value)) -> Result<Order, BadOrder> {
        let mut body = json!({
            "MessageGroupId": "stock-arrival-group", "MessageAttributeProductId": "CP-502101", "MessageAttributeProductCnt": "10",
            "MessageAttributeFactoryId": "FF-500293", "MessageAttributeRequester": "kim", "CallbackUrl": "http://127.0.0.1:1/product/donut?t=x",
        });
        change(&mut body);
        serde_json::from_value::<Manufacture>(body).expect("every field is optional").check()
    }

    #[test]
    fn an_order_of_the_course_is_taken_as_it_is() {
        let order = manufacture(|_| ()).unwrap();
        assert_eq!((order.product.as_str(), order.quantity, order.production), ("CP-502101", 10, None));
    }

    #[test]
    fn the_log_finds_the_callers_production_in_its_callback_address() {
        let url = "http://127.0.0.1:1/product/donut?production=p-7&token=x";
        assert_eq!(manufacture(|body| body["CallbackUrl"] = json!(url)).unwrap().production.as_deref(), Some("p-7"));
    }

    #[test]
    fn the_answer_to_a_bad_order_names_the_field() {
        let wrong = |field: &str, value: Value| manufacture(|body| body[field] = value).unwrap_err().to_string();
        assert_eq!(wrong("MessageAttributeProductCnt", json!("0")), "MessageAttributeProductCnt: 0 is not between 1 and 10000");
        assert_eq!(wrong("MessageAttributeProductCnt", json!("1.5")), "MessageAttributeProductCnt: is not a whole number");
        assert_eq!(wrong("MessageAttributeProductId", json!("")), "MessageAttributeProductId: is empty");
        assert_eq!(wrong("CallbackUrl", json!("ftp://x/y")), "CallbackUrl: must begin with http://");
        assert_eq!(wrong("CallbackUrl", json!("/product/donut")), "CallbackUrl: must be absolute (http://host/path)");
    }

    #[test]
    fn a_shop_order_takes_its_ids_as_numbers_or_as_text() {
        let body = |id: Value| json!({"requester": "kim", "quantity": "4", "item_id": id, "item_name": "Item2", "factory_id": 2, "factory_name": "Factory2"});
        for id in [json!(2), json!("2")] {
            let order = serde_json::from_value::<ShopOrder>(body(id)).unwrap().check().unwrap();
            assert_eq!((order.product.as_str(), order.factory.as_deref(), order.quantity), ("2", Some("2"), 4));
        }
    }
}
