//! What a fault decision costs with twenty rules in force, none of which strikes: every request pays this.

use std::hint::black_box;

use chaos::decision::Point;
use chaos::faults::{Faults, Question};
use chaos::plan::Plan;
use criterion::{Criterion, criterion_group, criterion_main};

/// Twenty rules for other routes of the same hop.
fn twenty_rules() -> String {
    (0..20)
        .map(|n| {
            format!("[[rule]]\nname = \"rule-{n}\"\nfault = \"lose-answer\"\nhop = \"sales\"\npath = \"/route-{n}\"\nshare = \"20%\"\n")
        })
        .collect()
}

fn decide(criterion: &mut Criterion) {
    let faults = Faults::new(7);
    let question = Question {
        point: Point::Request,
        hop: "sales",
        method: "POST",
        path: "/checkout",
        action: None,
        attributes: &[],
        id: Some("buyer-0000000000000001"),
        sequence: 1,
    };
    let mut group = criterion.benchmark_group("fault decision");
    group.bench_function("no rule", |bencher| bencher.iter(|| faults.decide(black_box(&question))));
    let plan = Plan::parse("bench.toml", &twenty_rules()).expect("the rules are well-formed");
    let _installed = faults.install(plan.rules);
    group.bench_function("twenty rules", |bencher| bencher.iter(|| faults.decide(black_box(&question))));
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
