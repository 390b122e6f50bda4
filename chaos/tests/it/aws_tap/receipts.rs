//! What a receipt handle stands for: known while it may come again, given up when its message is gone.

use chaos::decision::{After, Fault, Rule, SettleFault};
use chaos::observe::{Ids, Report};
use serde_json::{Value, json};

use super::{Bench, ids, json_of, with_id};
use crate::bench::{Got, within};

/// More deletes than the tap keeps in mind for clients whose connection broke.
const MANY: usize = 1_100;

fn receipt(text: &str) -> Value {
    json!({"ReceiptHandle": format!("r-{text}")})
}

async fn delete_all(bench: &Bench, texts: &[String]) -> Got {
    let entries: Vec<Value> = texts.iter().map(|text| with_id(text, receipt(text))).collect();
    bench.sqs("DeleteMessageBatch", json!({"Entries": entries})).await
}

/// By which ids the tap knows what this deletes.
async fn known_as(bench: &mut Bench, text: &str) -> Ids {
    while bench.reports.try_recv().is_ok() {}
    bench.sqs("DeleteMessage", receipt(text)).await;
    loop {
        let report = within("the delete to be reported", bench.reports.recv()).await.unwrap();
        if let Report::Exchange(exchange) = report {
            return exchange.ids.into_iter().next().unwrap();
        }
    }
}

#[tokio::test]
async fn a_handle_is_given_up_when_its_delete_was_answered_and_many_others_were_since() {
    let mut bench = Bench::new().await;
    let many: Vec<String> = (0..MANY).map(|number| format!("m{number}")).collect();
    let all: Vec<&str> = ["gone", "lost", "cut", "refused"].into_iter().chain(many.iter().map(String::as_str)).collect();
    bench.send_batch(&all).await;
    bench.receive().await;

    assert_eq!(json_of(&bench.sqs("DeleteMessage", receipt("gone")).await), json!({}));
    assert_eq!(known_as(&mut bench, "gone").await, Ids::one("id", "gone"), "a client that asks again at once");
    let guard = bench.install(Fault::Settle(SettleFault::LoseAnswer), &["lost"]);
    assert_eq!(bench.sqs("DeleteMessage", receipt("lost")).await, Got::Reset);
    drop(guard);
    let guard = bench.faults.install([Rule::new("cut", Fault::After(After::Truncate { bytes: 1 }))]);
    bench.sqs("DeleteMessage", receipt("cut")).await;
    drop(guard);
    let guard = bench.install(Fault::Settle(SettleFault::Expire), &["refused"]);
    let answer = json_of(&delete_all(&bench, &["refused".to_owned(), "m0".to_owned()]).await);
    assert_eq!((ids(&answer["Failed"]), ids(&answer["Successful"])), (vec!["refused"], vec!["m0"]));
    drop(guard);
    delete_all(&bench, &many).await;

    assert_eq!(known_as(&mut bench, "gone").await, Ids::default(), "nobody asks about it any more");
    for kept in ["lost", "cut", "refused"] {
        assert_eq!(known_as(&mut bench, kept).await, Ids::one("id", kept), "its client was not told, and asks again");
    }
    bench.heal().await;
}
