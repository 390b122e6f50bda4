//! Made-up proofs for each verdict.

use loadgen::verify::judgement::{Evidence, Judgement, Proof, PropertyResult, Step, Verdict, Violation};
use loadgen::verify::property::Property;

fn evidence(what: &str, needed: &str, seen: &str, enough: bool) -> Evidence {
    Evidence { what: what.into(), needed: needed.into(), seen: seen.into(), enough }
}

fn holds(property: Property) -> PropertyResult {
    let counted = match property {
        Property::NoLostOrder => vec![("orders answered as sold".to_owned(), 5_913), ("in the ledger".to_owned(), 5_913)],
        Property::Conservation => {
            vec![("initial".to_owned(), 1_500), ("restocked".to_owned(), 14_400), ("sold".to_owned(), 15_212), ("final".to_owned(), 688)]
        }
        Property::DlqCapture => vec![("published".to_owned(), 9_402), ("done".to_owned(), 9_400), ("captured".to_owned(), 2)],
        _ => vec![("checked".to_owned(), 1_204)],
    };
    PropertyResult { property, judgement: Judgement::Holds, reason: None, counted, violations_total: 0, violations: Vec::new() }
}

/// Everything holds, with evidence.
pub(super) fn pass() -> Proof {
    let mut properties: Vec<PropertyResult> = Property::ALL.into_iter().map(holds).collect();
    properties[9].judgement = Judgement::NotJudged;
    properties[9].reason = Some("the target does not expose its mails".into());
    Proof {
        verdict: Verdict::Pass,
        reasons: vec!["11 properties hold on 7,534 orders, and all 6 pieces of evidence are there".into()],
        properties,
        evidence: vec![
            evidence("orders answered as sold", "at least 500", "5,913", true),
            evidence("orders answered as sold out", "at least 50", "1,530", true),
            evidence("restocks applied", "at least 5", "16", true),
            evidence("redeliveries", "at least 1", "38", true),
            evidence("fault factory-slow", "fired and healed", "fired 30 times, healed at 29.0 s", true),
            evidence("generator on time", "late by at most 50 ms (p99)", "0.9 ms", true),
        ],
    }
}

fn step(at: Option<u64>, hop: &str, what: &str) -> Step {
    Step { at, hop: hop.into(), what: what.into() }
}

/// Two violations.
pub(super) fn fail() -> Proof {
    let mut proof = pass();
    proof.verdict = Verdict::Fail;
    proof.reasons = vec![
        "no overselling is violated: 140 pieces more than there can have been were sold by 25.114 s".into(),
        "no lost order is violated: 1 order answered as sold is not in the ledger".into(),
    ];
    let sold_short = Violation {
        sentence: "By 25.114 s certainly 4,640 pieces of CP-502101 were sold, and at most 4,500 can have been there.".into(),
        subject: "CP-502101".into(),
        path: vec![
            step(Some(22_000_000), "fault factory-slow", "takes effect on replenish → factory"),
            step(Some(23_871_204), "stock", "read as 2, production p-5 open since 23.102 s"),
            step(Some(24_011_873), "buyer → sales", "order o-3321: 3 pieces, sent"),
            step(Some(24_013_990), "sales → buyer", "order o-3321: sold, stock left −1"),
            step(Some(25_114_402), "sales → buyer", "order o-3702: sold, stock left −140"),
            step(Some(28_190_000), "receiving", "p-5 applied: +900"),
            step(None, "ledger", "o-3321 and o-3702 are both there as sold"),
        ],
    };
    let lost = Violation {
        sentence: "Order o-3698 was answered as sold at 24.971 s and is not in the ledger.".into(),
        subject: "o-3698".into(),
        path: vec![
            step(Some(24_968_114), "buyer → sales", "POST /checkout, 2 pieces of CP-502101, key key-3698"),
            step(Some(24_971_530), "sales → buyer", "200 구매 완료! 남은 재고: -131"),
            step(None, "topic sales_events", "no event with this order"),
            step(None, "ledger", "no row with this order or this key"),
        ],
    };
    for (index, violation, total) in [(3, sold_short, 1), (0, lost, 1)] {
        proof.properties[index].judgement = Judgement::Violated;
        proof.properties[index].violations_total = total;
        proof.properties[index].violations = vec![violation];
    }
    proof
}

/// Nothing violated, something missing.
pub(super) fn unknown() -> Proof {
    let mut proof = pass();
    proof.verdict = Verdict::Unknown;
    proof.reasons = vec![
        "the generator fell behind its schedule: late by 412 ms (p99), at most 50 ms are allowed".into(),
        "recovers in time could not be judged: no baseline second before the fault".into(),
    ];
    proof.properties[11].judgement = Judgement::Undecided;
    proof.properties[11].reason = Some("no second before the fault had enough answers to be a baseline".into());
    proof.evidence[5] = evidence("generator on time", "late by at most 50 ms (p99)", "412 ms", false);
    proof.evidence[3] = evidence("redeliveries", "at least 1", "0", false);
    proof
}
