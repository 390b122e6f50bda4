//! Buyers: each knows what it was answered, and asks again with the same key until it knows.

use std::time::Duration;

use reference::domain::{OrderId, Outcome};
use reference::edition::EditionName;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http_client::{Answer, Http};

/// How long a buyer asks again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two questions.
const PAUSE: Duration = Duration::from_millis(50);

/// A shop as a buyer sees it.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) http: Http,
    pub(crate) sales: String,
    pub(crate) edition: EditionName,
}

/// What a buyer was told.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    pub(crate) order: OrderId,
    pub(crate) outcome: Outcome,
    pub(crate) quantity: i64,
    pub(crate) message: String,
    pub(crate) stock: i64,
}

impl Shop {
    pub(crate) fn new(edition: EditionName, sales: &str) -> Self {
        Self { http: Http::new(), sales: sales.to_owned(), edition }
    }

    fn purchase(&self, quantity: i64) -> (String, Value) {
        match self.edition {
            EditionName::Donut => (
                format!("{}/checkout", self.sales),
                json!({"MessageAttributeProductCnt": quantity, "MessageAttributeFactoryId": "FF-500293", "requester": "kim"}),
            ),
            EditionName::Shop => (format!("{}/item", self.sales), json!({"item_name": "Item2", "quantity": quantity, "requester": "kim"})),
        }
    }

    /// One attempt.
    pub(crate) async fn try_to_buy(&self, key: &str, quantity: i64) -> Result<Answer, String> {
        let (url, body) = self.purchase(quantity);
        self.http.post_with_key(&url, key, &body).await
    }

    /// Buys, asking again with the same key while nobody answers, or the answer says neither sold nor refused.
    pub(crate) async fn buy(&self, key: &str, quantity: i64) -> Bought {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.try_to_buy(key, quantity).await;
            if let Ok(answer) = &answer
                && answer.status == 200
            {
                return told(answer);
            }
            assert!(Instant::now() < end, "no answer to {key} within {PATIENCE:?}; last: {answer:?}");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Pieces in stock of the product that is bought here.
    pub(crate) async fn stock(&self) -> i64 {
        let (path, field) = match self.edition {
            EditionName::Donut => ("product/donut", "/stock"),
            EditionName::Shop => ("item", "/1/quantity"),
        };
        let answer = self.http.get(&format!("{}/{path}", self.sales)).await.unwrap();
        answer.json().pointer(field).and_then(Value::as_i64).unwrap_or_else(|| panic!("no {field} in {}", answer.text))
    }
}

fn told(answer: &Answer) -> Bought {
    let json = answer.json();
    let outcome = match json["outcome"].as_str() {
        Some("sold") => Outcome::Sold,
        Some("sold_out") => Outcome::SoldOut,
        other => panic!("neither sold nor refused but {other:?}: {}", answer.text),
    };
    Bought {
        order: json["order_id"].as_str().unwrap().parse().unwrap(),
        outcome,
        quantity: json["quantity"].as_i64().unwrap(),
        message: json["message"].as_str().unwrap().to_owned(),
        stock: json["stock"].as_i64().unwrap(),
    }
}
