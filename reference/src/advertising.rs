//! Tells the person in charge of advertising to stop the ads for what is sold out, once for each sold-out episode.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use crate::consumer::{Handled, Handler};
use crate::defects::{self, instead};
use crate::domain::EpisodeId;
use crate::drills;
use crate::edition::attribute;
use crate::messaging::Aws;
use crate::messaging::envelope::Incoming;
use crate::messaging::mail::Mail;
use crate::store::{AdStop, Product, Store, StoreError};

/// Between whom the mail goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdvertisingSettings {
    /// Sender; SES must have verified it.
    pub from: String,
    /// The person in charge.
    pub to: String,
}

/// Mails ad stops.
///
/// What is about to be mailed is noted before, and that it was mailed after. Dying in between mails twice, never not at all: of two
/// calls to stop the ads the second is an annoyance, and a missing one is what this is all about.
#[derive(Debug, Clone)]
pub struct Advertising {
    store: Store,
    aws: Aws,
    settings: AdvertisingSettings,
    turns: Arc<[Mutex<()>; TURNS]>,
}

/// Episodes that are handled side by side. Two messages about one episode, which a batch often holds, must wait for each other: both would
/// find it unmailed, and both would mail.
const TURNS: usize = 16;

impl Advertising {
    /// Mails through `aws`, and remembers in `store`.
    #[must_use]
    pub fn new(store: Store, aws: Aws, settings: AdvertisingSettings) -> Self {
        Self { store, aws, settings, turns: Arc::new([const { Mutex::const_new(()) }; TURNS]) }
    }

    /// The turn of an episode; consecutive ones do not wait for each other.
    async fn turn(&self, episode: &EpisodeId) -> MutexGuard<'_, ()> {
        let turn = usize::try_from(episode.number.unsigned_abs()).unwrap_or(usize::MAX) % TURNS;
        self.turns[turn].lock().await
    }

    async fn stop(&self, episode: &EpisodeId) -> Result<Handled, StoreError> {
        let _turn = self.turn(episode).await;
        let product = match self.store.product(&episode.product).await? {
            None => return Ok(poison(format!("there is no product {}", episode.product))),
            Some(product) if !(1..=product.episode).contains(&episode.number) => {
                return Ok(poison(format!("product {} has had {} sold-out episodes, not {}", product.id, product.episode, episode.number)));
            }
            Some(product) => product,
        };
        instead!(AdsStoppedOnce => if episode.number > 1 { return self.store.ad_stop_mailed(episode).await.map(|()| Handled::Done) });
        if self.store.begin_ad_stop(episode).await? == AdStop::AlreadyMailed && !defects::mails_without_looking() {
            return Ok(Handled::Done);
        }
        instead!(RecordBeforeMail => self.store.ad_stop_mailed(episode).await?);
        drills::point("advertising.recorded-not-mailed");
        let mail = mail(&self.settings, &product, episode);
        match self.aws.send_mail(&mail).await {
            Ok(message_id) => tracing::info!(%episode, message_id, "ad stop mailed"),
            Err(error) => {
                metrics::counter!("rushproof_mails_total", "result" => "failed").increment(1);
                return Ok(Handled::Retry { reason: error.to_string() });
            }
        }
        metrics::counter!("rushproof_mails_total", "result" => "sent").increment(1);
        drills::point("advertising.mailed-not-recorded");
        self.store.ad_stop_mailed(episode).await?;
        drills::point("advertising.recorded-not-deleted");
        Ok(Handled::Done)
    }
}

impl Handler for Advertising {
    async fn handle(&self, message: &Incoming) -> Handled {
        let episode: EpisodeId = match message.parsed(attribute::EPISODE) {
            Ok(episode) => episode,
            Err(error) => return poison(error.to_string()),
        };
        self.stop(&episode).await.unwrap_or_else(|error| Handled::Retry { reason: error.to_string() })
    }
}

fn poison(reason: String) -> Handled {
    Handled::Poison { reason }
}

/// Names product and episode in words and as ids, so that person and program can both tell what it is about.
fn mail(settings: &AdvertisingSettings, product: &Product, episode: &EpisodeId) -> Mail {
    let Product { id, name, .. } = product;
    let number = episode.number;
    Mail {
        from: settings.from.clone(),
        to: settings.to.clone(),
        subject: format!("[광고 중단 요청] {name} 재고 없음 ({episode})"),
        text: format!(
            "{name}({id}) 상품의 재고가 없습니다.\n재입고될 때까지 이 상품의 광고를 중단해주세요.\n\n상품: {name}\n상품 번호: {id}\n품절 회차: {number}\n요청 번호: {episode}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FactoryId, ProductId};

    #[test]
    fn the_mail_names_product_and_episode() {
        let settings = AdvertisingSettings { from: "shop@example.com".into(), to: "ads@example.com".into() };
        let product = Product {
            id: ProductId("CP-502101".into()),
            name: "도너츠".into(),
            price: 1,
            stock: 0,
            factory: FactoryId("FF-500293".into()),
            factory_name: "도너츠 공장".into(),
            factory_locate: "korea".into(),
            episode: 3,
            sold_out: true,
        };
        let mail = mail(&settings, &product, &EpisodeId { product: product.id.clone(), number: 3 });
        for text in [&mail.subject, &mail.text] {
            assert!(text.contains("도너츠") && text.contains("CP-502101#3"), "{text}");
        }
        assert!(mail.text.contains("CP-502101\n") && mail.text.contains("광고를 중단"), "{}", mail.text);
    }
}
