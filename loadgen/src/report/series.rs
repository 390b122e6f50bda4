//! One pass over a history into everything the report shows besides the proof: series, totals and histograms.
//!
//! Memory is bounded by the number of orders (a few words each), never by the length of the run: buckets are merged pairwise once there
//! are more than about 1,200 of them.

mod column;
mod columns;
mod digest;
mod faults;
mod marks;
mod orders;
mod stock;
mod weights;

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use self::column::{FIRST_WIDTH_US, MOST_BUCKETS};
use self::columns::{Columns, Queue};
pub use self::digest::Digest;
use self::faults::Faults;
use self::marks::Marks;
use self::orders::Book;
use self::stock::{Stocks, Window};
use self::weights::Heaps;
use crate::history::Listener;
use crate::history::event::{Answer, Behaviour, Complete, Event, Final, Header, Invoke, Line, Micros, OpKind, Outcome, Published, Sample};
use crate::result::answer::AnswerClass;
use crate::result::latency::Histograms;
use crate::result::totals::Totals;
use crate::verify::expectations::Arrivals;

/// Most queues of which columns are kept.
const MOST_QUEUES: usize = 48;

/// Folds the lines of one history.
#[derive(Debug)]
pub struct Builder {
    planned: Option<Vec<u64>>,
    arrivals: Arrivals,
    width: Micros,
    last: Micros,
    last_drawn: Micros,
    /// When the first stage began, which is when the plan's time begins.
    schedule_began: Option<Micros>,
    sent_span: Option<(Micros, Micros)>,
    intended_span: Option<(Micros, Micros)>,
    ended: Option<bool>,
    header: Option<Header>,
    totals: Totals,
    histograms: Histograms,
    book: Book,
    stocks: Stocks,
    marks: Marks,
    faults: Faults,
    /// Messages that were seen on a topic, as hashes: eight bytes each.
    published: HashSet<u64>,
    columns: Columns,
    queues: BTreeMap<String, Queue>,
    heaps: Heaps,
}

impl Listener for Builder {
    fn line(&mut self, line: &Line) {
        Builder::line(self, line);
    }
}

impl Builder {
    /// `planned`: arrivals that the plan wants in each second of the load, if it is at hand and not left to the buyers (closed load).
    #[must_use]
    pub fn new(planned: Option<Vec<u64>>, arrivals: Arrivals) -> Self {
        Builder {
            arrivals,
            planned: planned.filter(|seconds| !seconds.is_empty()),
            width: FIRST_WIDTH_US,
            last: 0,
            last_drawn: 0,
            schedule_began: None,
            sent_span: None,
            intended_span: None,
            ended: None,
            header: None,
            totals: Totals::default(),
            histograms: Histograms::default(),
            book: Book::default(),
            stocks: Stocks::default(),
            marks: Marks::default(),
            faults: Faults::default(),
            published: HashSet::new(),
            columns: Columns::default(),
            queues: BTreeMap::new(),
            heaps: Heaps::default(),
        }
    }

    /// Takes in the next line.
    pub fn line(&mut self, line: &Line) {
        let at = line.at;
        self.last = self.last.max(at);
        // Processes that are stopped at the end make no chart longer.
        if !matches!(line.event, Event::Final(_) | Event::Ended { .. } | Event::Role(_)) {
            self.last_drawn = self.last_drawn.max(at);
            self.make_room(at);
        }
        match &line.event {
            Event::Header(header) => self.header(header),
            Event::Opening { stock } => self.opening(stock),
            Event::Merged(_) => {}
            Event::Phase(mark) => self.marks.phase(at, mark),
            Event::Stage { name } => {
                self.schedule_began.get_or_insert(at);
                self.marks.stage(at, name);
            }
            Event::Invoke(invoke) => self.invoke(at, invoke),
            Event::Complete(complete) => self.complete(at, complete),
            Event::Published(published) => self.published(at, published),
            Event::Sample(sample) => self.sample(at, sample),
            Event::RestockSeen { production, product, quantity } => self.restock(at, production, product, *quantity),
            Event::Role(mark) => self.marks.role(at, mark),
            Event::Fault(mark) => {
                self.marks.fault(at, self.width, mark);
                self.faults.mark(at, self.bucket(at), mark);
            }
            // What the pipeline does between its parts has no chart of its own.
            Event::Passed(_) => {}
            // The verdict's evidence tells of it.
            Event::Shortage(_) => {}
            Event::Lateness(lateness) => {
                let bucket = self.bucket(at);
                self.columns.lateness.at(bucket).see(lateness.p99);
            }
            Event::Final(row) => self.final_row(row),
            Event::Ended { interrupted } => self.ended = Some(*interrupted),
        }
    }

    /// Everything, once the last line is in.
    #[must_use]
    pub fn finish(mut self) -> Digest {
        self.count_the_undecided();
        let buckets = self.bucket(self.last_drawn) + 1;
        let planned = self.planned_columns(buckets);
        self.rates();
        self.totals.orders = self.book.counts();
        self.totals.unanswered = self.book.unanswered();
        self.totals.max_unanswered = self.book.most_unanswered();
        let Builder {
            width,
            last,
            ended,
            header,
            totals,
            histograms,
            stocks,
            marks,
            faults,
            arrivals,
            columns,
            queues,
            heaps,
            last_drawn,
            ..
        } = self;
        let mut series = columns.finish(buckets);
        (series.bucket_us, series.buckets, series.planned) = (width, buckets, planned);
        (series.stock, series.products_not_drawn) = stocks.finish(buckets);
        series.queues = queues.into_iter().map(|(queue, columns)| columns.finish(queue, buckets)).collect();
        heaps.finish(buckets, &mut series);
        marks.finish(last_drawn, &mut series);
        let recovery = faults.finish(arrivals, &mut series);
        Digest { header, series, recovery, totals, histograms, duration_us: last, interrupted: ended.unwrap_or(true) }
    }

    fn header(&mut self, header: &Header) {
        self.opening(&header.initial_stock);
        self.header = Some(header.clone());
    }

    fn opening(&mut self, stock: &[(String, i64)]) {
        for (product, pieces) in stock {
            self.stocks.initial(product, *pieces);
        }
    }

    fn invoke(&mut self, at: Micros, invoke: &Invoke) {
        let bucket = self.bucket(at);
        self.columns.sent.add(bucket, 1);
        self.columns.unanswered.add(bucket, 1);
        self.totals.attempts += 1;
        self.totals.hostile += u64::from(invoke.kind == OpKind::Hostile);
        match invoke.behaviour {
            // A hostile request under a key follows the honest order of the same buyer: nobody new arrived.
            Behaviour::First if invoke.kind == OpKind::Hostile && invoke.key.is_some() => {}
            Behaviour::First => {
                self.totals.arrivals += 1;
                widen(&mut self.intended_span, invoke.intended);
                widen(&mut self.sent_span, at);
            }
            Behaviour::DoubleClick => self.totals.double_clicks += 1,
            Behaviour::Retry => self.totals.retries += 1,
            Behaviour::ComeBack => self.totals.come_backs += 1,
        }
        // Hostile requests name products that never existed; they are no products of the chart.
        let known = invoke.product.as_deref().filter(|_| invoke.kind == OpKind::Purchase);
        let product = known.and_then(|product| self.stocks.product(product));
        let begun = self.book.invoked(at, invoke, product);
        let begins = begun.is_some_and(|begun| begun.now);
        if let Some(product) = product.filter(|_| begins) {
            self.stocks.ordered(product);
        }
        if invoke.kind != OpKind::Hostile {
            self.faults.sent(bucket, begins);
        }
        if let Some(begun) = begun.filter(|_| invoke.behaviour == Behaviour::Retry) {
            self.faults.retried(self.bucket(begun.at));
        }
    }

    fn complete(&mut self, at: Micros, complete: &Complete) {
        let Some(answered) = self.book.completed(complete) else { return };
        let bucket = self.bucket(at);
        self.columns.unanswered.add(bucket, -1);
        self.columns.answers.entry(complete.answer).or_default().add(bucket, 1);
        *self.totals.answers.entry(complete.answer).or_default() += 1;
        let attempt = answered.attempt;
        if let Some(production) = &complete.production {
            self.stocks.mentioned(production, attempt.invoked);
        }
        // What a hostile request waits for is nobody's latency; its answer is counted all the same.
        if attempt.kind != OpKind::Hostile {
            self.times(at, &attempt, complete);
            let served = complete.outcome == Outcome::Ok || complete.answer == Answer::SoldOut;
            self.faults.answered(self.bucket(attempt.invoked), served, at.saturating_sub(attempt.invoked));
        }
        if let Some(order) = answered.newly_sold {
            let pieces = complete.quantity.and_then(|pieces| i64::try_from(pieces).ok()).unwrap_or(order.pieces);
            self.totals.pieces_sold += pieces.unsigned_abs();
            if let Some(product) = order.product {
                let width = self.width;
                self.stocks.sold(product, pieces, Window { possible: order.first, certain: Some(at) }, |at| index(at, width));
            }
        }
    }

    fn times(&mut self, at: Micros, attempt: &orders::Pending, complete: &Complete) {
        let class = AnswerClass::of(complete.answer);
        // A retry's clock starts with the retry: the plan wanted it only then, and `intended` says so.
        let waited = at.saturating_sub(attempt.intended);
        self.histograms.intended.record(class, waited);
        self.histograms.service.record(class, at.saturating_sub(complete.sent));
        if attempt.behaviour == Behaviour::First {
            self.histograms.lateness.saturating_record(complete.sent.saturating_sub(attempt.intended));
        }
        let bucket = self.bucket(attempt.intended);
        self.columns.latency[class.index()].at(bucket).record(waited);
    }

    fn published(&mut self, at: Micros, published: &Published) {
        if let Some(production) = &published.ids.production {
            self.stocks.mentioned(production, at);
        }
        if let Some(message) = &published.ids.message {
            let mut hasher = DefaultHasher::new();
            (&published.topic, message).hash(&mut hasher);
            if !self.published.insert(hasher.finish()) {
                self.faults.republished(self.bucket(at));
            }
        }
    }

    fn sample(&mut self, at: Micros, sample: &Sample) {
        let bucket = self.bucket(at);
        if !sample.queues.is_empty() || sample.outbox.is_some() {
            let live = sample.queues.iter().filter(|queue| !queue.dead_letter);
            let waiting: u64 = live.map(|queue| queue.visible + queue.delayed + queue.in_flight).sum();
            self.faults.waiting(bucket, waiting + sample.outbox.unwrap_or(0));
        }
        for (product, pieces) in &sample.stock {
            self.stocks.sampled(product, *pieces, bucket);
        }
        for depth in &sample.queues {
            if self.queues.len() >= MOST_QUEUES && !self.queues.contains_key(&depth.queue) {
                continue;
            }
            let queue = self.queues.entry(depth.queue.clone()).or_default();
            queue.dead_letter = depth.dead_letter;
            queue.waiting.at(bucket).see(depth.visible + depth.delayed);
            queue.in_flight.at(bucket).see(depth.in_flight);
        }
        if let Some(weights) = &sample.weights {
            self.heaps.weighed(bucket, weights);
        }
        if let Some(rows) = sample.outbox {
            self.columns.outbox.at(bucket).see(rows);
        }
        if let Some(open) = sample.open_productions {
            self.columns.open_productions.at(bucket).see(open);
        }
    }

    fn restock(&mut self, at: Micros, production: &str, product: &str, quantity: u64) {
        let (width, pieces) = (self.width, i64::try_from(quantity).unwrap_or(i64::MAX));
        if self.stocks.restocked(production, product, pieces, at, |at| index(at, width)) {
            self.totals.restocks += 1;
            self.totals.pieces_restocked += quantity;
        }
    }

    fn final_row(&mut self, row: &Final) {
        match row {
            Final::Order { key, sold: true, .. } => self.book.in_ledger(key.as_deref()),
            Final::Order { .. } => self.book.ledger_was_read(),
            Final::Restock { production, product, quantity } => self.restock(self.last_drawn, production, product, *quantity),
            Final::Adjustment { product, delta } => self.stocks.adjusted(product, *delta),
            _ => {}
        }
    }

    /// Orders that nobody was told about: the ledger decides, and without one they may have been sold.
    fn count_the_undecided(&mut self) {
        let (width, end) = (self.width, self.last_drawn);
        let possibly: Vec<_> = self.book.possibly_sold().collect();
        for (order, certain) in possibly {
            if let Some(product) = order.product {
                let window = Window { possible: order.first, certain: certain.then_some(end) };
                self.stocks.sold(product, order.pieces, window, |at| index(at, width));
            }
        }
    }

    fn planned_columns(&self, buckets: usize) -> Vec<u64> {
        let Some(planned) = &self.planned else { return Vec::new() };
        let mut column = vec![0; buckets];
        for (second, arrivals) in planned.iter().enumerate() {
            // A second of the plan lies across two buckets, unless the plan began with a bucket.
            let from = self.schedule_began.unwrap_or(0) + second as Micros * FIRST_WIDTH_US;
            let bucket = self.bucket(from);
            let inside = ((bucket as Micros + 1) * self.width - from).min(FIRST_WIDTH_US);
            let first = (arrivals * inside + FIRST_WIDTH_US / 2) / FIRST_WIDTH_US;
            for (bucket, part) in [(bucket, first), (bucket + 1, arrivals - first)] {
                if let Some(count) = column.get_mut(bucket) {
                    *count += part;
                }
            }
        }
        column
    }

    fn rates(&mut self) {
        self.totals.planned = self.planned.as_ref().map(|planned| planned.iter().sum());
        let (Some((wanted_from, wanted_to)), Some((_, sent_to))) = (self.intended_span, self.sent_span) else { return };
        let planned_us = self.planned.as_ref().map(|planned| planned.len() as Micros * FIRST_WIDTH_US);
        let schedule_us = planned_us.unwrap_or(wanted_to - wanted_from);
        if schedule_us == 0 || self.totals.arrivals < 2 {
            return;
        }
        let took_us = schedule_us.max(sent_to.saturating_sub(wanted_from));
        let rate = |arrivals: u64, us: Micros| (arrivals as f64 * 1e9 / us as f64).round() / 1e3;
        self.totals.intended_rate = rate(self.totals.planned.unwrap_or(self.totals.arrivals), schedule_us);
        self.totals.achieved_rate = rate(self.totals.arrivals, took_us);
    }

    fn bucket(&self, at: Micros) -> usize {
        index(at, self.width)
    }

    /// Widens the buckets until `at` falls into one of them.
    fn make_room(&mut self, at: Micros) {
        while self.bucket(at) >= MOST_BUCKETS {
            self.width *= 2;
            self.columns.halve();
            self.stocks.halve();
            self.faults.halve();
            self.heaps.halve();
            for queue in self.queues.values_mut() {
                queue.halve();
            }
        }
    }
}

fn index(at: Micros, width: Micros) -> usize {
    usize::try_from(at / width).unwrap_or(usize::MAX)
}

fn widen(span: &mut Option<(Micros, Micros)>, at: Micros) {
    let (from, to) = span.unwrap_or((at, at));
    *span = Some((from.min(at), to.max(at)));
}
