//! The path of what went wrong, across all hops.

use loadgen::history::event::{Event, Final};
use loadgen::verify::property::Property::{Conservation, EveryPromiseKept, NoLostOrder, OperationsInformed};

use super::story::{DONUT, Story, of};

#[test]
fn the_path_of_a_lost_order_leads_from_its_buyer_to_the_ledger_that_lacks_it() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Order { order, .. } if order == "o-b"));
    let proof = story.judged();
    let violation = &of(&proof, NoLostOrder).violations[0];
    let steps: Vec<String> = violation.path.iter().map(|step| format!("{}: {}", step.hop, step.what)).collect();
    assert_eq!(
        steps,
        [
            format!("buyer → sales: buyer 2 asks for 3 of {DONUT} (attempt 2, key b)"),
            "sales → buyer: attempt 2: sold, order o-b, quantity 3, stock left 4".to_owned(),
            format!("topic sales_events: a sale is announced: 3 of {DONUT} (message m-b, order o-b)"),
            "operations: was told that order o-b was sold".to_owned(),
        ]
    );
    assert_eq!(violation.path.iter().map(|step| step.at).collect::<Vec<_>>(), [Some(105_000), Some(120_000), Some(140_000), None]);
}

#[test]
fn the_path_of_a_broken_promise_follows_the_order_and_its_production() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Restock { .. }));
    story.change(|row| match row {
        Final::Production { applied, .. } => *applied = false,
        Final::Stock { stock, .. } => *stock -= 3,
        _ => {}
    });
    let proof = story.judged();
    let violation = &of(&proof, EveryPromiseKept).violations[0];
    let hops: Vec<&str> = violation.path.iter().map(|step| step.hop.as_str()).collect();
    for hop in ["buyer → sales", "sales → buyer", "topic stock_empty", "ledger", "replenish → factory"] {
        assert!(hops.contains(&hop), "{hop} is not in {hops:?}");
    }
    assert!(violation.path.windows(2).all(|pair| pair[0].at.unwrap_or(u64::MAX) <= pair[1].at.unwrap_or(u64::MAX)));
}

#[test]
fn a_long_path_is_bounded_and_says_what_it_leaves_out() {
    let mut story = Story::with_stock(1_000);
    for n in 0..500u64 {
        story.sample(n, n, 1_000);
    }
    story.sold(600, 610, "a", 1, 999);
    story.stock(998);
    let proof = story.violates(&[Conservation]);
    let path = &of(&proof, Conservation).violations[0].path;
    assert_eq!(path.len(), 49);
    assert!(path.iter().any(|step| step.what.contains("further steps are left out")), "{path:#?}");
    assert_eq!(path[0].hop, "start");
    assert!(path.iter().any(|step| step.what == format!("998 of {DONUT} at the end")));
}

#[test]
fn many_violations_are_counted_and_the_first_are_shown() {
    let mut story = Story::with_stock(1_000);
    for n in 0..40 {
        story.sold(n, n + 5, &format!("k{n:02}"), 1, 999 - n as i64);
    }
    story.stock(960);
    story.without(|row| matches!(row, Final::Operation { .. }));
    let proof = story.violates(&[OperationsInformed]);
    let result = of(&proof, OperationsInformed);
    assert_eq!((result.violations_total, result.violations.len()), (40, 5));
    assert!(result.violations.iter().all(|violation| !violation.path.is_empty() && violation.subject.starts_with("order o-k")));
}

#[test]
fn a_proof_survives_being_written_and_read() {
    let mut story = Story::sound();
    story.without(|row| matches!(row, Final::Order { order, .. } if order == "o-b"));
    let proof = story.judged();
    let text = serde_json::to_string(&proof).unwrap();
    assert_eq!(serde_json::from_str::<loadgen::verify::judgement::Proof>(&text).unwrap(), proof);
    let lines: Vec<String> = story.told().iter().map(|line| serde_json::to_string(line).unwrap()).collect();
    let again: Vec<loadgen::history::event::Line> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(again, story.told());
    assert!(again.iter().any(|line| matches!(line.event, Event::Published(_))));
}
