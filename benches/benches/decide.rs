//! What a fault decision costs with twenty rules in force, none of which strikes: every request pays this.

use std::hint::black_box;

use benches::rules::{Meant, in_force, purchase};
use chaos::faults::Faults;
use criterion::{Criterion, criterion_group, criterion_main};

/// Keys of as many orders as are under way in a large run: the memory of attempts does not stay in the processor's own.
const KEYS: usize = 100_000;

fn decide(criterion: &mut Criterion) {
    let keys: Vec<String> = (0..KEYS).map(|n| format!("buyer-{n:016x}")).collect();
    let mut group = criterion.benchmark_group("fault decision");
    let mut measure = |name: &str, faults: &Faults| {
        let mut next = keys.iter().cycle();
        let mut question = || purchase(next.next().map_or("", String::as_str));
        group.bench_function(name, |bencher| bencher.iter(|| faults.decide(black_box(&question()))));
    };
    measure("no rule", &Faults::new(7));
    for (name, meant) in [
        ("twenty rules for other routes", Meant::ForOtherRoutes),
        ("twenty rules for other hops", Meant::ForOtherHops),
        ("twenty rules, chance alone says no", Meant::ForOneInAMillion),
    ] {
        let (faults, _in_force) = in_force(meant);
        measure(name, &faults);
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
