//! What is tried, one thing after the other; each is judged by what the target shows afterwards.

use std::time::Duration;

use tokio::time::Instant;

use super::Tried;
use crate::history::event::{Answer, OpKind};
use crate::observe::http::ReadError;
use crate::scenario::Scenario;
use crate::target::answer::{Reply, Rule, any_fits};
use crate::target::ask::{Asker, Said};
use crate::target::speech::{Understood, Wanted, beginning};
use crate::target::{Stranger, Target, View};

/// How long goods may take to arrive: the factory takes 300 ms, a queue may be polled every few seconds.
const GOODS_WITHIN: Duration = Duration::from_secs(20);

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(100);

/// Tries everything.
pub(super) struct Steps<'a> {
    target: &'a Target,
    stranger: &'a Stranger,
    view: &'a View,
    product: String,
    asker: Asker,
    /// Pieces in stock, as last read.
    stock: Option<i64>,
    lines: Vec<(&'static str, Tried)>,
}

impl<'a> Steps<'a> {
    pub(super) fn new(target: &'a Target, stranger: &'a Stranger, scenario: &Scenario) -> Self {
        let product = scenario.products.first().map(|product| product.id.clone()).unwrap_or_default();
        Self { target, stranger, view: &stranger.view, product, asker: Asker::default(), stock: None, lines: Vec::new() }
    }

    pub(super) fn into_lines(self) -> Vec<(&'static str, Tried)> {
        self.lines
    }

    pub(super) async fn all(&mut self) {
        let started = if self.target.start.is_some() { "started, and ready" } else { "found" };
        self.understood("start", format!("{started}; buyers go to {}", self.stranger.entrance));
        self.stock().await;
        self.browse().await;
        self.purchase().await;
        self.refusal().await;
        self.restock().await;
        self.ledger().await;
        self.messages().await;
    }

    fn understood(&mut self, what: &'static str, said: impl Into<String>) {
        self.lines.push((what, Tried::Understood(said.into())));
    }

    fn not_understood(&mut self, what: &'static str, came: impl Into<String>, way_out: impl Into<String>) {
        self.lines.push((what, Tried::NotUnderstood(came.into(), way_out.into())));
    }

    fn not_tried(&mut self, what: &'static str, lost: &str, way_out: &str) {
        self.lines.push((what, Tried::NotTried(lost.to_owned(), way_out.to_owned())));
    }

    async fn read_stock(&mut self) -> Result<Option<i64>, ReadError> {
        let stock = self.view.stock().await?;
        self.stock = stock.iter().find(|(product, _)| *product == self.product).map(|(_, pieces)| *pieces);
        Ok(self.stock)
    }

    async fn stock(&mut self) {
        let Some(stock) = &self.target.stock else {
            return self.not_tried("stock", "nobody can tell how much there is", "say in [stock] how it is read");
        };
        let (at, settable) = (stock.at.words(), stock.reset.is_some());
        match self.read_stock().await {
            Ok(Some(pieces)) => {
                let set = if settable {
                    "; it was set to 3 before"
                } else {
                    "; it cannot be set, so runs begin with what is there (`stock.reset`)"
                };
                if settable && pieces != 3 {
                    let came = format!("there are {pieces} of {} at {at}, but the stock was set to 3", self.product);
                    return self.not_understood("stock", came, "see `stock.reset` (and `reset_body`): {quantity} is the number to set");
                }
                self.understood("stock", format!("{pieces} of {} at {at}{set}", self.product));
            }
            Ok(None) => self.not_understood("stock", "no number came", "see `stock.read` and `stock.at`"),
            Err(error) => self.not_understood("stock", error.to_string(), "see `stock.read` and `stock.at`"),
        }
    }

    async fn say(&self, kind: OpKind, key: &str, quantity: u64) -> Result<(Said, Understood), ReadError> {
        let wanted = Wanted { kind, buyer: 1, key: Some(key), product: &self.product, quantity, trick: None };
        let said = self.asker.send(&self.stranger.entrance, &self.view.speech.say(wanted)).await?;
        let understood = self.view.speech.understand(kind, Some(key), said.status, &said.body);
        Ok((said, understood))
    }

    async fn browse(&mut self) {
        let Some(browse) = &self.target.speech.browse else {
            return self.not_tried("browse", "buyers will not look before they buy", "say in [browse] how");
        };
        let rules = words(&browse.shown);
        match self.say(OpKind::Browse, "check-browse", 1).await {
            Err(error) => self.not_understood("browse", error.to_string(), "see `browse.request`"),
            Ok((said, Understood { answer: Answer::Browsed, stock, .. })) => {
                let left = stock.map(|stock| format!(", {stock} left")).unwrap_or_default();
                self.understood("browse", format!("status {}: a page ({rules}){left}", said.status));
            }
            Ok((said, _)) => {
                let came = format!("status {} is no page ({rules}): {}", said.status, beginning(&said.body));
                self.not_understood("browse", came, "see `browse.shown`");
            }
        }
    }

    async fn purchase(&mut self) {
        let before = self.stock;
        let (said, understood) = match self.say(OpKind::Purchase, "check-purchase", 1).await {
            Ok(answer) => answer,
            Err(error) => return self.not_understood("purchase", error.to_string(), "see `purchase.request` and `purchase.body`"),
        };
        let rules = words(&self.target.speech.purchase.sold);
        if understood.answer != Answer::Sold {
            let came = format!("1 of {} was not sold ({rules}), status {}: {}", self.product, said.status, beginning(&said.body));
            return self.not_understood("purchase", came, "see `purchase.sold`, and whether the request says what the target expects");
        }
        let details = details(&understood);
        let after = self.read_stock().await.ok().flatten();
        match (before, after) {
            (Some(before), Some(after)) if after != before - 1 => {
                let came = format!("1 was sold{details}, and the stock went from {before} to {after}");
                self.not_understood("purchase", came, "either `stock.at` (or `sold`) reads the wrong thing, or the target loses count");
            }
            (Some(before), Some(after)) => self.understood("purchase", format!("1 sold{details}; the stock went from {before} to {after}")),
            _ => self.understood("purchase", format!("1 sold{details}")),
        }
    }

    async fn refusal(&mut self) {
        let more = self.stock.unwrap_or(1_000_000).max(0).saturating_add(1);
        let (said, understood) = match self.say(OpKind::Purchase, "check-refusal", more.unsigned_abs()).await {
            Ok(answer) => answer,
            Err(error) => return self.not_understood("refusal", error.to_string(), "see `purchase.request`"),
        };
        let rules = words(&self.target.speech.purchase.sold_out);
        match understood.answer {
            Answer::SoldOut => self.understood("refusal", format!("{more} are too many{}", details(&understood))),
            Answer::Sold => self.not_understood(
                "refusal",
                format!("{more} were sold, one more than there are"),
                "either `sold` takes a refusal for a sale, or the target oversells without any rush",
            ),
            _ if any_fits(&self.target.speech.purchase.sold, &Reply::of(said.status, &said.body)) => {
                let came = format!("the answer to {more} fits both `sold` and `sold_out`: {}", beginning(&said.body));
                self.not_understood("refusal", came, "make `purchase.sold` fit sales alone");
            }
            _ => {
                let came =
                    format!("{more} were not refused for lack of stock ({rules}), status {}: {}", said.status, beginning(&said.body));
                self.not_understood("refusal", came, "see `purchase.sold_out`");
            }
        }
    }

    async fn restock(&mut self) {
        if self.target.factory.is_none() {
            return self.not_tried(
                "restock",
                "nobody knows what is delivered",
                "say in [factory] how the target orders goods and hears of them",
            );
        }
        let before = self.stock;
        let deadline = Instant::now() + GOODS_WITHIN;
        let asked = loop {
            let calls = self.view.factory_calls();
            if let Some(call) = calls.into_iter().find(|(_, heard)| heard.is_some()) {
                break Some(call);
            }
            if Instant::now() >= deadline {
                break None;
            }
            tokio::time::sleep(EVERY).await;
        };
        let Some((order, heard)) = asked else {
            let came = format!("nobody asked the factory for anything within {} s after the refusal", GOODS_WITHIN.as_secs());
            return self.not_understood("restock", came, "see `factory.path`, and whether the target was told {factory_url}");
        };
        if heard != Some(true) {
            let came = format!("{order}, but the target did not take the report that it is ready");
            return self.not_understood(
                "restock",
                came,
                "see `factory.callback` and `factory.callback_body`; the target's log may say why",
            );
        }
        let risen = loop {
            let now = self.read_stock().await.ok().flatten();
            match (before, now) {
                (Some(before), Some(now)) if now > before => break Some(format!("the stock rose from {before} to {now}")),
                (Some(_), Some(_)) if Instant::now() < deadline => tokio::time::sleep(EVERY).await,
                (Some(before), now) => {
                    let now = now.map_or_else(|| "cannot be read".to_owned(), |now| format!("is {now}"));
                    let came = format!("{order}, and took the report, but the stock was {before} and {now}");
                    return self.not_understood("restock", came, "either `callback_body` says too little, or the target forgets its goods");
                }
                (None, _) => break None,
            }
        };
        self.understood(
            "restock",
            format!("{order}, and took the report; {}", risen.unwrap_or_else(|| "the stock cannot be read".to_owned())),
        );
    }

    async fn ledger(&mut self) {
        if self.target.ledger.is_none() {
            return self.not_tried(
                "ledger",
                "what became of each order is known from its answers alone",
                "say in [ledger] how orders are read",
            );
        }
        match self.view.orders().await {
            Ok(keys) if keys.iter().any(|key| key.starts_with("check-purchase")) => {
                self.understood("ledger", format!("{} orders, the one that was sold among them", keys.len()));
            }
            Ok(keys) => {
                let came = format!("{} orders, and none with what was sent at {{key}}: {}", keys.len(), keys.join(", "));
                self.not_understood("ledger", came, "see `ledger.key`, and whether `purchase.body` sends {key}");
            }
            Err(error) => self.not_understood("ledger", error.to_string(), "see [ledger]"),
        }
    }

    async fn messages(&mut self) {
        if self.target.aws.is_none() {
            return self.not_tried(
                "messages",
                "what is published, and what is captured, cannot be seen",
                "say in [aws] and [[queue]] which queues there are",
            );
        }
        let mut seen = Vec::new();
        for (topic, queue) in &self.view.queues.observers {
            match queue.depth().await {
                Ok(depth) => seen.push(format!("{topic} {}", depth.total())),
                Err(error) => return self.not_understood("messages", error.to_string(), "see `aws.endpoint`"),
            }
        }
        let none = seen.iter().all(|topic| topic.ends_with(" 0"));
        if none && !seen.is_empty() {
            let came = format!(
                "nothing was published on {}",
                self.target.aws.iter().flat_map(|aws| aws.topics.clone()).collect::<Vec<_>>().join(", ")
            );
            return self.not_understood("messages", came, "see whether the target was told {aws_endpoint} and {topic_arn:…}");
        }
        self.understood("messages", format!("published: {}", seen.join(", ")));
    }
}

fn words(rules: &[Rule]) -> String {
    rules.iter().map(Rule::words).collect::<Vec<_>>().join("; or ")
}

/// What else an answer said.
fn details(understood: &Understood) -> String {
    let parts = [
        understood.stock.map(|left| format!("{left} left")),
        understood.quantity.map(|pieces| format!("quantity {pieces}")),
        understood.order.as_ref().map(|order| format!("order {order}")),
        understood.production.as_ref().map(|production| format!("production {production}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
