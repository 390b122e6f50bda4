//! The columns of a run that are not about one product, and how they become the columns of [`Series`].

use std::collections::BTreeMap;

use super::column::{Bucket, Column, Largest, Sum, Times};
use crate::history::event::Answer;
use crate::result::answer::AnswerClass;
use crate::result::series::{LatencyColumns, QueueColumns, Series};

/// The columns that are not about one product.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) sent: Column<Sum>,
    pub(super) unanswered: Column<Sum>,
    pub(super) answers: BTreeMap<Answer, Column<Sum>>,
    pub(super) latency: [Column<Times>; 5],
    pub(super) lateness: Column<Largest>,
    pub(super) outbox: Column<Largest>,
    pub(super) open_productions: Column<Largest>,
}

/// The columns of one queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) dead_letter: bool,
    pub(super) waiting: Column<Largest>,
    pub(super) in_flight: Column<Largest>,
}

impl Columns {
    pub(super) fn halve(&mut self) {
        self.sent.halve();
        self.unanswered.halve();
        self.answers.values_mut().for_each(Column::halve);
        self.latency.iter_mut().for_each(Column::halve);
        self.lateness.halve();
        self.outbox.halve();
        self.open_productions.halve();
    }

    pub(super) fn finish(self, buckets: usize) -> Series {
        let p99_of = |class: AnswerClass| self.latency[class.index()].clone().values(buckets, |times| times.quantile(0.99));
        let occurred = AnswerClass::ALL.into_iter().map(|class| (class, p99_of(class)));
        let latency_p99 = occurred.filter(|(_, column)| column.iter().any(Option::is_some)).collect();
        Series {
            sent: self.sent.counts(buckets),
            answers: self.answers.into_iter().map(|(answer, column)| (answer, column.counts(buckets))).collect(),
            latency: purchase_latency(self.latency, buckets),
            latency_p99,
            unanswered: self.unanswered.running(buckets).into_iter().map(|open| u64::try_from(open).unwrap_or(0)).collect(),
            lateness_p99: self.lateness.values(buckets, |lateness| lateness.0),
            outbox: self.outbox.values(buckets, |rows| rows.0),
            open_productions: self.open_productions.values(buckets, |open| open.0),
            ..Series::default()
        }
    }
}

impl Queue {
    pub(super) fn halve(&mut self) {
        self.waiting.halve();
        self.in_flight.halve();
    }

    pub(super) fn finish(self, queue: String, buckets: usize) -> QueueColumns {
        let waiting = self.waiting.values(buckets, |depth| depth.0);
        QueueColumns { queue, dead_letter: self.dead_letter, waiting, in_flight: self.in_flight.values(buckets, |depth| depth.0) }
    }
}

/// The classes that answer a purchase, merged bucket by bucket.
fn purchase_latency(classes: [Column<Times>; 5], buckets: usize) -> LatencyColumns {
    let mut all: Vec<Times> = std::iter::repeat_with(Times::default).take(buckets).collect();
    for (_, column) in AnswerClass::ALL.into_iter().zip(classes).filter(|(class, _)| *class != AnswerClass::Browsed) {
        for (merged, times) in all.iter_mut().zip(column.values(buckets, Times::clone)) {
            merged.absorb(times);
        }
    }
    LatencyColumns {
        p50: all.iter().map(|times| times.quantile(0.5)).collect(),
        p99: all.iter().map(|times| times.quantile(0.99)).collect(),
        max: all.iter().map(Times::max).collect(),
    }
}
