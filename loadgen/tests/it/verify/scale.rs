//! Judging must stay near-linear: twice the history, twice the work.

use std::convert::Infallible;

use loadgen::history::event::{Event, Line};
use loadgen::verify::{Expectations, judge};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::story::Story;

/// CPU time of this thread so far, µs: other work on the machine does not count.
fn cpu_us() -> i64 {
    let usage = getrusage(UsageWho::RUSAGE_THREAD).expect("a thread may ask for its own usage");
    usage.user_time().num_microseconds() + usage.system_time().num_microseconds()
}

/// A sold-out shop: overlapping sales, refusals, restocks, samples, all of it in one product.
fn busy(orders: u64) -> (Vec<Line>, Expectations) {
    let mut story = Story::with_stock(0);
    for round in 0..orders / 10 {
        let at = 1_000 + round * 200;
        for n in 0..5 {
            story.refused(at + n, at + 5 + n, &format!("r{round}-{n}"), 1, 0, &format!("p{round}"));
        }
        story.restock(&format!("p{round}"), 5, 5, at + 12);
        for n in 0..5 {
            story.sold(at + 13 + n % 2, at + 16 + n, &format!("s{round}-{n}"), 1, 4 - n as i64);
        }
        story.sample(at, at + 1, 0);
    }
    story.episode("CP-502101#1");
    story.stock(0);
    story.load_ends = orders * 20 + 2_000;
    (story.told(), story.expectations)
}

/// CPU time to judge, the least of three, and whether all held.
fn work(orders: u64) -> i64 {
    let (lines, expectations) = busy(orders);
    (0..3)
        .map(|_| {
            let before = cpu_us();
            let proof = judge(|| Ok::<_, Infallible>(lines.iter().cloned().map(Ok::<_, Infallible>)), &expectations);
            let took = cpu_us() - before;
            assert!(proof.properties.iter().all(|result| result.violations.is_empty()), "{:#?}", proof.reasons);
            took
        })
        .min()
        .expect("three were measured")
}

#[test]
fn eight_times_the_history_is_about_eight_times_the_work() {
    let (small, large) = (work(2_000), work(16_000));
    // Quadratic work would be sixty-four times as much; sorting and caches explain up to about twice the eight.
    assert!(large < small * 24, "2,000 orders took {small} µs, 16,000 took {large} µs");
}

#[test]
fn the_history_is_read_once_when_all_is_well_and_twice_to_show_a_violation() {
    let opened = std::cell::Cell::new(0);
    let count = |story: &Story| {
        opened.set(0);
        let lines = story.told();
        judge(
            || {
                opened.set(opened.get() + 1);
                Ok::<_, Infallible>(lines.iter().cloned().map(Ok::<_, Infallible>))
            },
            &story.expectations,
        );
        opened.get()
    };
    let mut story = Story::sound();
    assert_eq!(count(&story), 1);
    story.lines.retain(|line| !matches!(&line.event, Event::Invoke(invoke) if invoke.key.as_deref() == Some("a")));
    story.without(|row| matches!(row, loadgen::history::event::Final::Operation { order, .. } if order == "o-b"));
    assert_eq!(count(&story), 2);
}
