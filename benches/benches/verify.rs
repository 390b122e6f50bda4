//! What judging a history costs, and that it grows no faster than the history: ten times the orders, at most eleven times the time.

use std::convert::Infallible;
use std::hint::black_box;

use benches::all_sold;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use loadgen::history::event::Line;
use loadgen::verify::{Expectations, judge};

fn judged(history: Vec<Line>) {
    let history = std::cell::Cell::new(Some(history));
    let open = || Ok::<_, Infallible>(history.take().unwrap_or_default().into_iter().map(Ok::<_, Infallible>));
    black_box(judge(open, &Expectations::default()));
}

fn verify(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("verify");
    for orders in [10_000_u64, 100_000] {
        group.throughput(Throughput::Elements(orders));
        group.bench_with_input(BenchmarkId::new("orders", orders), &orders, |bencher, &orders| {
            bencher.iter_batched(|| all_sold(orders).collect(), judged, BatchSize::LargeInput);
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = verify
}
criterion_main!(benches);
