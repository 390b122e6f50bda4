//! The ad stop: one mail for each sold-out episode, at least.

use std::time::Duration;

use reference::advertising::{Advertising, AdvertisingSettings};
use reference::consumer::{Consumer, Step};
use reference::domain::EpisodeId;
use reference::edition::{attribute, donut};
use reference::messaging::{Aws, AwsConfig};
use reference::store::AdStop;
use tokio_util::sync::CancellationToken;

use super::stage::{Stage, StandIn, message, step_until_empty};
use crate::store_support::{arrival, donut_id, refused};

const SENT: (u16, &str) = (200, r#"{"MessageId":"m-1"}"#);

fn advertising(stage: &Stage, ses: &StandIn) -> Consumer<Advertising> {
    let aws = Aws::new(&AwsConfig { endpoint_ses: Some(ses.address.clone()), ..AwsConfig::local(&stage.endpoint) }).unwrap();
    let settings = AdvertisingSettings { from: "shop@example.com".into(), to: "ads@example.com".into() };
    stage.consumer("ad_queue", Advertising::new(stage.store.clone(), aws, settings))
}

async fn tell(stage: &Stage, episode: &str) {
    stage.publisher().publish(message("stock_empty", &[(attribute::EPISODE, episode)])).await.unwrap();
}

fn subjects(ses: &StandIn) -> Vec<String> {
    ses.calls().iter().map(|call| call.body["Content"]["Simple"]["Subject"]["Data"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_episode_is_mailed_once_however_often_it_is_told_and_the_next_one_again() {
    let stage = Stage::of(&donut::EDITION).await;
    let ses = StandIn::answering(&[SENT]).await;
    let (consumer, queue) = (advertising(&stage, &ses), stage.queue("ad_queue"));
    let production = refused(&stage.store, &donut_id(), 101).await;
    for _ in 0..3 {
        tell(&stage, "CP-502101#1").await;
        step_until_empty(&consumer, &queue).await;
    }
    assert_eq!(subjects(&ses).len(), 1);
    stage.store.apply_arrival(arrival(&stage.store, production, 1).await).await.unwrap();
    refused(&stage.store, &donut_id(), 500).await;
    tell(&stage, "CP-502101#2").await;
    step_until_empty(&consumer, &queue).await;
    let subjects = subjects(&ses);
    assert!(subjects.len() == 2 && subjects[0].contains("CP-502101#1") && subjects[1].contains("CP-502101#2"), "{subjects:?}");
    assert!(subjects.iter().all(|subject| subject.contains("도너츠")), "{subjects:?}");
    assert_eq!(ses.calls()[0].path, "/v2/email/outbound-emails");
}

#[tokio::test]
async fn messages_about_one_episode_that_come_in_one_batch_are_one_mail() {
    let stage = Stage::of(&donut::EDITION).await;
    let ses = StandIn::thinking(Duration::from_millis(100), &[SENT]).await;
    let (consumer, queue) = (advertising(&stage, &ses), stage.queue("ad_queue"));
    refused(&stage.store, &donut_id(), 101).await;
    for _ in 0..5 {
        tell(&stage, "CP-502101#1").await;
    }
    step_until_empty(&consumer, &queue).await;
    assert_eq!(subjects(&ses).len(), 1);
}

#[tokio::test]
async fn a_mail_that_was_not_sent_is_tried_again() {
    let stage = Stage::of(&donut::EDITION).await;
    let ses = StandIn::answering(&[(500, ""), SENT]).await;
    let (consumer, queue) = (advertising(&stage, &ses), stage.queue("ad_queue"));
    refused(&stage.store, &donut_id(), 101).await;
    tell(&stage, "CP-502101#1").await;
    let Step::Worked(tally) = consumer.step(&CancellationToken::new()).await else { panic!("nothing was received") };
    assert_eq!((tally.retried, tally.done), (1, 0));
    step_until_empty(&consumer, &queue).await;
    assert_eq!(subjects(&ses).len(), 2);
}

#[tokio::test]
async fn whoever_died_after_noting_and_before_mailing_is_made_up_for() {
    let stage = Stage::of(&donut::EDITION).await;
    let ses = StandIn::answering(&[SENT]).await;
    refused(&stage.store, &donut_id(), 101).await;
    let episode = EpisodeId { product: donut_id(), number: 1 };
    assert_eq!(stage.store.begin_ad_stop(&episode).await.unwrap(), AdStop::Send);
    tell(&stage, "CP-502101#1").await;
    step_until_empty(&advertising(&stage, &ses), &stage.queue("ad_queue")).await;
    assert_eq!(subjects(&ses).len(), 1);
}

#[tokio::test]
async fn episodes_that_never_were_end_in_the_dead_letter_queue() {
    let stage = Stage::of(&donut::EDITION).await;
    let ses = StandIn::answering(&[SENT]).await;
    for episode in ["CP-502101#1", "CP-502101#0", "CP-000000#1", "rubbish"] {
        tell(&stage, episode).await;
    }
    step_until_empty(&advertising(&stage, &ses), &stage.queue("ad_queue")).await;
    let captured = stage.queue("ad_dlq").receive(10, Duration::from_secs(1), Duration::from_secs(5)).await.unwrap();
    assert_eq!(captured.len(), 4);
    assert!(ses.calls().is_empty());
}
