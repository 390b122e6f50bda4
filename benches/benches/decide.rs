//! What a fault decision costs with twenty rules in force, none of which strikes: every request pays this.

use std::hint::black_box;
use std::time::{Duration, SystemTime};

use benches::rows::{Row, Target, criterion_ns, leave};
use benches::rules::{Meant, in_force, purchase};
use chaos::faults::Faults;
use criterion::Criterion;

/// Keys of as many orders as are under way in a small run and in a large one. The memory of attempts has a place for each: those of the few stay in the
/// processor's caches, those of the many do not, and a decision then waits for memory once.
const KEYS: [(&str, usize); 2] = [("1,000 orders", 1_000), ("100,000 orders", 100_000)];

/// Bytes of a key.
const KEY: usize = 22;

const RULES: [(&str, Meant); 3] = [
    ("twenty rules for other routes", Meant::ForOtherRoutes),
    ("twenty rules for other hops", Meant::ForOtherHops),
    ("twenty rules, chance alone says no", Meant::ForOneInAMillion),
];

fn group(orders: &str) -> String {
    format!("fault decision, {orders}")
}

fn decide(criterion: &mut Criterion) {
    for (orders, count) in KEYS {
        // One behind the other, so that looking one up costs nothing: a tap has just read it.
        let keys: String = (0..count).map(|n| format!("buyer-{n:016x}")).collect();
        let mut group = criterion.benchmark_group(group(orders));
        let mut measure = |name: &str, faults: &Faults| {
            let mut next = (0..count).cycle().map(|n| &keys[n * KEY..(n + 1) * KEY]);
            let mut question = || purchase(next.next().unwrap_or_default());
            group.bench_function(name, |bencher| bencher.iter(|| faults.decide(black_box(&question()))));
        };
        measure("no rule", &Faults::new(7));
        for (name, meant) in RULES {
            let (faults, _in_force) = in_force(meant);
            measure(name, &faults);
        }
        group.finish();
    }
}

fn main() {
    let since = SystemTime::now();
    let mut criterion =
        Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2)).configure_from_args();
    decide(&mut criterion);
    criterion.final_summary();
    let row = |(orders, name): (&str, &str)| {
        let found = criterion_ns(&group(orders), name, since)?;
        Some(Row::measured(&group(orders), name, (found, "ns"), Some(Target::AtMost(200.0)), String::new()))
    };
    let rows = KEYS.iter().flat_map(|(orders, _)| RULES.iter().map(move |(name, _)| (*orders, *name)));
    leave("decide", &rows.filter_map(row).collect::<Vec<_>>());
}
