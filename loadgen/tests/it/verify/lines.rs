//! The lines of a history: what each says to a person, and that two of them may be swapped.

use std::fmt::Write as _;

use loadgen::history::event::{
    Answer, Behaviour, BusinessIds, Complete, Event, FaultMark, FaultState, Final, Line, OpKind, Outcome, Passed, Phase, PhaseMark,
    QueueDepth, RoleMark, RoleState, Sample,
};
use loadgen::history::final_state::UNBOUNDED;
use loadgen::verify::judgement::Proof;
use loadgen::verify::property::Property::{self, Conservation, EveryPromiseKept, NoOverselling, NoWrongRefusal, RecoversInTime};

use super::story::{DONUT, Story, bare, judge_lines, of};

fn steps(proof: &Proof, property: Property) -> String {
    let violation = &of(proof, property).violations[0];
    violation.path.iter().fold(String::new(), |mut text, step| {
        writeln!(text, "{}: {}", step.hop, step.what).unwrap();
        text
    })
}

/// A run whose drain took too long: its path is that of the run as a whole.
#[test]
fn what_happened_to_the_run_is_told_in_words() {
    let mut story = Story::sound();
    story.expectations.recovery_bound = 100_000;
    let mut role = |state, planned, note: Option<&str>| {
        let mark = RoleMark { role: "relay".into(), pid: 7, state, planned, note: note.map(str::to_owned) };
        story.line(700, Event::Role(mark));
    };
    role(RoleState::Started, true, None);
    role(RoleState::Ready, true, None);
    role(RoleState::Exited, true, Some("signal 15"));
    role(RoleState::Exited, false, None);
    let ids = BusinessIds { message: Some("m-a".into()), production: Some("p1".into()), ..BusinessIds::default() };
    for state in [FaultState::Requested, FaultState::Effective, FaultState::Fired, FaultState::Healed] {
        let mark = FaultMark { rule: "cut".into(), state, hop: Some("sales".into()), ids: ids.clone(), note: Some("because".into()) };
        story.line(800, Event::Fault(mark));
    }
    for phase in [Phase::Plan, Phase::Boot] {
        story.line(1, Event::Phase(PhaseMark { phase, begin: false, note: None, reached: None }));
    }
    let proof = story.violates(&[RecoversInTime]);
    insta::assert_snapshot!(steps(&proof, RecoversInTime));
}

/// A product whose sum is wrong: its path is everything that moved it.
#[test]
fn what_happened_to_a_product_is_told_in_words() {
    let mut story = Story::sound();
    let queue =
        |queue: &str, (visible, in_flight, delayed)| QueueDepth { queue: queue.into(), dead_letter: false, visible, in_flight, delayed };
    let queues = vec![
        queue("empty", (0, 0, 0)),
        queue("visible", (1, 0, 0)),
        queue("in_flight", (0, 2, 0)),
        queue("delayed", (1, 1, 4)),
        queue("one", (1, 1, 0)),
    ];
    let busy = Sample { began: 800_000, stock: vec![(DONUT.into(), 2)], queues, outbox: Some(3), open_productions: Some(4), weights: None };
    story.line(800, Event::Sample(busy));
    story.line(
        810,
        Event::Sample(Sample { stock: vec![(DONUT.into(), 2)], outbox: Some(0), open_productions: Some(0), ..Sample::default() }),
    );
    story.line(820, Event::Opening { stock: vec![(DONUT.into(), 10), ("CP-0".into(), 1)] });
    story.push(Final::Adjustment { product: DONUT.into(), delta: -1 });
    story.push(Final::PossibleRestock { production: "p1".into(), product: DONUT.into(), quantity: 0 });
    story.change(|row| match row {
        Final::Stock { stock, .. } => *stock += 4,
        Final::FactoryLimits { open_per_product, .. } => *open_per_product = UNBOUNDED,
        _ => {}
    });
    let proof = story.violates(&[Conservation]);
    insta::assert_snapshot!(steps(&proof, Conservation));
}

/// A promise that was not kept: its path is that of an order and of its production, over every hop.
#[test]
fn what_happened_to_an_order_is_told_in_words() {
    let mut story = Story::with_stock(1);
    let op = story.invoke(200, Some("d"), 4);
    let answer = Complete { status: Some(503), note: Some("late".into()), ..bare(op, Outcome::Info, Answer::TimedOut) };
    story.line(205, Event::Complete(answer));
    let again = story.attempt(206, OpKind::Purchase, Behaviour::Retry, Some("d"), Some(4));
    story.answer_sold_out(210, again, "o-d", (4, 1), Some("p1"));
    story.decided(210, "d", 4, false, Some("p1"));
    story.episode("CP-502101#1");
    story.stock(1);
    let passed = |status, upstream, rules: &[&str], note: Option<&str>| {
        Event::Passed(Passed {
            hop: "factory".into(),
            what: "POST /api/manufactures".into(),
            ids: vec!["p1".into()],
            began: 250_000,
            took: 1_500,
            status,
            upstream,
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            note: note.map(str::to_owned),
        })
    };
    story.line(250, passed(Some(200), None, &[], None));
    story.line(251, passed(None, Some(202), &["cut", "slow"], None));
    story.line(252, passed(Some(502), None, &[], Some("refused")));
    story.push(Final::Production { production: "p1".into(), product: DONUT.into(), quantity: 3, shortage: 3, applied: false });
    let proof = story.violates(&[EveryPromiseKept]);
    insta::assert_snapshot!(steps(&proof, EveryPromiseKept));
}

/// The story with two neighbouring lines swapped: the one that happened at `late` before the one that happened at `early` (ms).
fn swapped(story: &Story, early: u64, late: u64) -> Vec<Line> {
    let mut told = story.told();
    let at =
        |told: &[Line], ms: u64| told.iter().position(|line| line.at == ms * 1_000 && matches!(line.event, Event::Complete(_))).unwrap();
    let (early, late) = (at(&told, early), at(&told, late));
    told.swap(early, late);
    told
}

#[test]
fn of_two_answers_that_say_sold_the_earlier_decides_whichever_was_written_first() {
    // One piece, and a refusal at 400 that may have brought more: by 300 two were sold, and nothing can have come yet.
    let mut story = Story::with_stock(1);
    story.sold(100, 110, "a", 1, 0);
    let first = story.invoke(200, Some("b"), 1);
    let second = story.attempt(210, OpKind::Purchase, Behaviour::DoubleClick, Some("b"), Some(1));
    story.answer_sold(300, first, "o-b", 1, 0);
    story.answer_sold(500, second, "o-b", 1, 0);
    story.decided(300, "b", 1, true, None);
    story.refused(400, 450, "c", 1, 0, "p1");
    story.restock("p1", 1, 1, 700);
    for told in [story.told(), swapped(&story, 300, 500)] {
        let proof = judge_lines(&told, &story.expectations);
        let sentence = of(&proof, NoOverselling).violations.first().map_or("", |violation| &violation.sentence);
        assert!(
            sentence.starts_with("By 0.300 s 2 pieces of CP-502101 were certainly sold, but at most 1 can have been there"),
            "{sentence}"
        );
    }
}

#[test]
fn of_two_refusals_of_one_order_the_earlier_decides_whichever_was_written_first() {
    // Ten pieces until somebody takes eight at 400: who wanted four and was refused by 300 was refused wrongly, whatever is repeated later.
    let mut story = Story::with_stock(10);
    let first = story.invoke(200, Some("d"), 4);
    let second = story.attempt(210, OpKind::Purchase, Behaviour::DoubleClick, Some("d"), Some(4));
    story.answer_sold_out(300, first, "o-d", (4, 10), Some("p1"));
    story.answer_sold_out(900, second, "o-d", (4, 2), Some("p1"));
    story.decided(300, "d", 4, false, Some("p1"));
    story.sold(400, 410, "s", 8, 2);
    story.restock("p1", 4, 4, 950);
    for told in [story.told(), swapped(&story, 300, 900)] {
        let proof = judge_lines(&told, &story.expectations);
        assert!(!of(&proof, NoWrongRefusal).violations.is_empty(), "{:#?}", proof.reasons);
    }
}
