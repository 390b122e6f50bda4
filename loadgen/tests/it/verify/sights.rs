//! What samples, taps and observers saw, and what follows from it.

use loadgen::history::event::{BusinessIds, Event, Final, Passed, Published, QueueDepth, Sample};
use loadgen::verify::judgement::Judgement;
use loadgen::verify::property::Property::{DlqCapture, NoOverselling, RecoversInTime};

use super::story::{DONUT, Story, counted, of};

fn depth(queue: &str, (visible, in_flight, delayed): (u64, u64, u64)) -> QueueDepth {
    QueueDepth { queue: queue.into(), dead_letter: queue.ends_with("dlq"), visible, in_flight, delayed }
}

fn sample(story: &mut Story, at: u64, sample: Sample) {
    story.line(at, Event::Sample(Sample { began: at * 1_000, ..sample }));
}

/// How long the drain took, ms, when the first sample after the last buyer is this one and the next ones are quiet.
fn drained_after(first: Sample) -> i64 {
    let mut story = Story::sound();
    sample(&mut story, 10_050, first);
    for at in [10_300, 10_400] {
        sample(&mut story, at, Sample { queues: vec![depth("stock_queue", (0, 0, 0))], ..Sample::default() });
    }
    counted(&story.judged(), RecoversInTime, "drained after")
}

#[test]
fn a_pipeline_is_at_rest_when_nothing_is_visible_in_flight_or_delayed_nothing_unpublished_and_nothing_open() {
    for busy in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 1, 2), (0, 1, 1)] {
        assert_eq!(drained_after(Sample { queues: vec![depth("stock_queue", busy)], ..Sample::default() }), 300, "{busy:?}");
    }
    let quiet = Sample { queues: vec![depth("stock_queue", (0, 0, 0))], ..Sample::default() };
    assert_eq!(drained_after(Sample { outbox: Some(1), ..quiet.clone() }), 300);
    assert_eq!(drained_after(Sample { open_productions: Some(1), ..quiet.clone() }), 300);
    assert_eq!(drained_after(Sample { queues: vec![depth("stock_dlq", (1, 1, 1))], ..Sample::default() }), 50, "dead letters stay");
    assert_eq!(drained_after(quiet), 50);
}

#[test]
fn dead_letters_count_whether_somebody_is_looking_at_them_or_not() {
    for (seen, most) in [((1, 2, 3), 6), ((2, 0, 1), 3), ((1, 1, 0), 2)] {
        let mut story = Story::sound();
        sample(&mut story, 600, Sample { queues: vec![depth("ad_dlq", seen)], ..Sample::default() });
        story.expectations.most_dead_letters = Some(9);
        assert_eq!(counted(&story.judged(), DlqCapture, "most messages put away"), most, "{seen:?}");
    }
}

#[test]
fn what_a_queue_holds_at_the_end_is_all_that_it_holds() {
    for (left, sum) in [((1, 2, 4), "7"), ((3, 0, 1), "4"), ((1, 1, 0), "2")] {
        let mut story = Story::sound();
        story.push(Final::Queue(depth("stock_queue", left)));
        let proof = story.violates(&[DlqCapture]);
        let sentence = &of(&proof, DlqCapture).violations[0].sentence;
        assert!(sentence.contains(&format!("still holds {sum} after everything")), "{sentence}");
    }
    let mut empty = Story::sound();
    empty.push(Final::Queue(depth("stock_queue", (0, 0, 0))));
    empty.violates(&[]);
}

#[test]
fn the_path_of_a_queue_leads_through_the_samples_in_which_it_held_something() {
    let mut story = Story::sound();
    for (at, seen) in [(310, (1, 1, 0)), (320, (0, 1, 0)), (330, (0, 0, 2)), (340, (0, 0, 0))] {
        sample(&mut story, at, Sample { queues: vec![depth("stock_queue", seen)], ..Sample::default() });
    }
    story.push(Final::Queue(depth("stock_queue", (1, 0, 0))));
    let proof = story.violates(&[DlqCapture]);
    let path = &of(&proof, DlqCapture).violations[0].path;
    let steps: Vec<(Option<u64>, &str)> = path.iter().map(|step| (step.at, step.what.as_str())).collect();
    let expected = [
        (Some(310_000), "stock_queue: 1 waiting, 1 in flight (read from 0.310 s)"),
        (Some(320_000), "stock_queue: 0 waiting, 1 in flight (read from 0.320 s)"),
        (Some(330_000), "stock_queue: 2 waiting, 0 in flight (read from 0.330 s)"),
        (None, "1 waiting, 0 in flight at the end"),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn every_sight_of_a_stock_below_zero_is_counted_however_many_are_shown() {
    let mut story = Story::sound();
    for n in 0..40 {
        story.sample(600 + n, 600 + n, -1);
    }
    let proof = story.judged();
    let result = of(&proof, NoOverselling);
    assert_eq!((result.violations_total, result.violations.len()), (40, 5));
}

/// How often the history shows something coming again.
fn redeliveries(story: &mut Story) -> String {
    story.expectations.min_redeliveries = 1;
    story.judged().evidence.into_iter().find(|piece| piece.what == "redeliveries").unwrap().seen
}

#[test]
fn whatever_comes_again_is_a_redelivery() {
    assert_eq!(redeliveries(&mut Story::sound()), "0");

    let mut published = Story::sound();
    for at in [300, 310, 320] {
        let ids = BusinessIds { message: Some("m-a".into()), order: Some("o-a".into()), ..BusinessIds::default() };
        let again = Published { topic: "sales_events".into(), ids, product: None, quantity: None, outcome: None };
        published.line(at, Event::Published(again));
    }
    assert_eq!(redeliveries(&mut published), "3", "published four times");

    let mut received = Story::sound();
    for (at, hop, what) in [
        (300, "aws.operations", "ReceiveMessage"),
        (310, "aws.operations", "ReceiveMessage"),
        (320, "aws.operations", "ReceiveMessage"),
        (325, "aws.operations", "ReceiveMessage"),
        (330, "aws.advertising", "ReceiveMessage"),
        (340, "aws.operations", "DeleteMessage"),
        (350, "aws.operations", "DeleteMessage"),
    ] {
        let (ids, began) = (vec!["m-a".to_owned()], at * 1_000);
        let call = Passed {
            hop: hop.into(),
            what: what.into(),
            ids,
            began,
            took: 1,
            status: Some(200),
            upstream: None,
            rules: vec![],
            note: None,
        };
        received.line(at, Event::Passed(call));
    }
    assert_eq!(redeliveries(&mut received), "3", "four deliveries to one consumer, and one to another");

    let mut told = Story::sound();
    told.push(Final::Redelivered { consumer: "operations".into(), deliveries: 4 });
    assert_eq!(redeliveries(&mut told), "4");

    let mut called = Story::sound();
    called.change(|row| {
        if let Final::FactoryCall { callbacks, .. } = row {
            *callbacks = 3;
        }
    });
    let nameless = super::story::factory_call(None, 1, 700, 710);
    called.push(nameless.clone()).push(nameless.clone()).push(nameless);
    called.push(super::story::factory_call(Some("p1"), 3, 320, 330));
    assert_eq!(redeliveries(&mut called), "3", "two reports more than one, and one call more for the same production");
}

#[test]
fn a_message_known_by_any_business_id_can_be_followed() {
    let id = || Some("x".to_owned());
    let known = [
        BusinessIds { message: id(), ..BusinessIds::default() },
        BusinessIds { order: id(), ..BusinessIds::default() },
        BusinessIds { production: id(), ..BusinessIds::default() },
        BusinessIds { episode: id(), ..BusinessIds::default() },
    ];
    for ids in known {
        let mut story = Story::sound();
        let published = Published { topic: "elsewhere".into(), ids, product: Some(DONUT.into()), quantity: None, outcome: None };
        story.line(600, Event::Published(published));
        assert_eq!(of(&story.judged(), DlqCapture).judgement, Judgement::Holds);
    }
}

#[test]
fn messages_in_dead_letter_queues_are_counted_for_each_consumer() {
    let mut story = Story::sound();
    story.expectations.dead_letters_redriven = false;
    for key in ["a", "b"] {
        story.finals.retain(|row| !matches!(row, Final::Receipt { id, .. } if *id == format!("m-{key}")));
        let ids = BusinessIds { message: Some(format!("m-{key}")), ..BusinessIds::default() };
        story.push(Final::DeadLetter { queue: "operations_dlq".into(), ids, poison: false, body: None });
    }
    assert_eq!(counted(&story.violates(&[]), DlqCapture, "messages captured"), 2);
}
