//! Histories put together from several machines: what their clocks leave open accuses nobody, and what is missing decides nothing.

use loadgen::history::event::{Event, Line, Merged};
use loadgen::verify::judgement::{Judgement, Proof, Verdict};
use loadgen::verify::property::Property::{NoOverselling, NoWrongRefusal};

use super::story::{Story, judge_lines, of};

/// The story as it would be with clocks that are right within so much.
fn with_clocks(story: &Story, uncertainty_ms: u64, missing: &[&str]) -> Proof {
    let mut lines = story.told();
    let missing = missing.iter().map(|text| (*text).to_owned()).collect();
    let merged = Merged { parts: 2, clock_uncertainty_us: uncertainty_ms * 1_000, missing };
    lines.insert(1, Line { at: 0, event: Event::Merged(merged) });
    judge_lines(&lines, &story.expectations)
}

fn violated(proof: &Proof, property: loadgen::verify::property::Property) -> bool {
    of(proof, property).judgement == Judgement::Violated
}

/// Six pieces; the sale of the seventh to tenth is answered 40 ms before anybody asked for more, if the clocks are to be believed.
fn sold_before_it_could_be_there() -> Story {
    let mut story = Story::with_stock(6);
    story.sold(100, 110, "a", 5, 1);
    story.sold(150, 200, "c", 5, 1);
    story.refused(240, 400, "b", 5, 1, "p1");
    story.episode("CP-502101#1");
    story.restock("p1", 5, 5, 900);
    story.stock(1);
    story
}

#[test]
fn a_sale_that_may_have_come_after_the_goods_is_no_overselling() {
    let story = sold_before_it_could_be_there();
    assert!(violated(&story.judged(), NoOverselling));
    assert!(violated(&with_clocks(&story, 19, &[]), NoOverselling), "twice 19 ms do not explain 40");
    let proof = with_clocks(&story, 20, &[]);
    assert_eq!(proof.verdict, Verdict::Pass, "{:?}", proof.reasons);
}

#[test]
fn a_refusal_that_may_have_come_before_the_goods_is_no_wrong_one() {
    let mut story = Story::with_stock(1);
    story.sold(100, 110, "a", 1, 0);
    story.refused(150, 160, "b", 3, 0, "p1");
    story.episode("CP-502101#1");
    story.restock("p1", 3, 3, 400);
    // Refused although the goods were seen 30 ms before it asked.
    story.refused(430, 440, "c", 2, 0, "p2");
    story.restock("p2", 2, 2, 700);
    story.stock(5);
    assert!(violated(&story.judged(), NoWrongRefusal));
    assert!(violated(&with_clocks(&story, 14, &[]), NoWrongRefusal), "twice 14 ms do not explain 30");
    let proof = with_clocks(&story, 16, &[]);
    assert_eq!(of(&proof, NoWrongRefusal).judgement, Judgement::Holds, "{:?}", proof.reasons);
}

#[test]
fn a_missing_part_leaves_everything_open_and_is_named() {
    let story = sold_before_it_could_be_there();
    let proof = with_clocks(&story, 0, &["shard 2/2 left no folder"]);
    assert_eq!(proof.verdict, Verdict::Unknown);
    assert!(proof.properties.iter().all(|result| result.judgement == Judgement::Undecided));
    assert!(proof.reasons.iter().any(|reason| reason.contains("shard 2/2 left no folder")), "{:?}", proof.reasons);
}
