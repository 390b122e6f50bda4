//! The history, sorted into what was asked, what was answered and what the books say.

use loadgen::history::event::{Answer, Complete, Event, Final, Header, Invoke, Line, Micros, OpKind, Outcome, Phase};

/// One attempt and its answer.
pub(super) struct Attempt<'a> {
    pub(super) at: Micros,
    pub(super) invoke: &'a Invoke,
    pub(super) answer: Option<(Micros, &'a Complete)>,
    /// Which line of the history the answer is: of two at one time, the first counts.
    line: usize,
}

/// A row of the ledger.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) order: &'a str,
    pub(super) key: Option<&'a str>,
    pub(super) product: &'a str,
    pub(super) quantity: i64,
    pub(super) sold: bool,
    pub(super) production: Option<&'a str>,
}

/// All attempts under one key, and all rows about them.
#[derive(Default)]
pub(super) struct Order<'a> {
    pub(super) attempts: Vec<Attempt<'a>>,
    pub(super) rows: Vec<Row<'a>>,
}

impl<'a> Order<'a> {
    fn key(&self) -> Option<&'a str> {
        self.attempts.first().and_then(|attempt| attempt.invoke.key.as_deref()).or_else(|| self.rows.first().and_then(|row| row.key))
    }

    /// What it is about: as asked, or, when nobody asked, as the ledger says.
    pub(super) fn wants(&self) -> (&'a str, i64) {
        match (self.attempts.first(), self.rows.first()) {
            (Some(attempt), _) => (attempt.invoke.product.as_deref().unwrap_or(""), attempt.invoke.quantity.map_or(0, |q| q as i64)),
            (None, Some(row)) => (row.product, row.quantity),
            (None, None) => ("", 0),
        }
    }

    /// In the order in which they were heard.
    fn answers(&self) -> impl Iterator<Item = (Micros, &'a Complete)> {
        let mut attempts: Vec<&Attempt<'a>> = self.attempts.iter().collect();
        attempts.sort_by_key(|attempt| attempt.line);
        attempts.into_iter().filter_map(|attempt| attempt.answer)
    }

    pub(super) fn answered_sold(&self) -> Vec<(Micros, &'a Complete)> {
        self.answers().filter(|(_, complete)| complete.outcome == Outcome::Ok).collect()
    }

    pub(super) fn answered_sold_out(&self) -> Vec<(Micros, &'a Complete)> {
        let sold_out = |complete: &Complete| complete.outcome == Outcome::Fail && complete.answer == Answer::SoldOut;
        self.answers().filter(|(_, complete)| sold_out(complete)).collect()
    }

    /// An attempt of which nobody knows what became.
    pub(super) fn has_unknown_attempt(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.answer.is_none_or(|(_, complete)| complete.outcome == Outcome::Info))
    }

    pub(super) fn is_meaningless(&self) -> bool {
        self.attempts.iter().any(|attempt| {
            let invoke = attempt.invoke;
            invoke.kind == OpKind::Hostile && (invoke.quantity.is_none_or(|quantity| quantity == 0) || invoke.product.is_none())
        })
    }

    pub(super) fn sold_rows(&self) -> Vec<Row<'a>> {
        self.rows.iter().filter(|row| row.sold).copied().collect()
    }

    pub(super) fn refused_rows(&self) -> Vec<Row<'a>> {
        self.rows.iter().filter(|row| !row.sold).copied().collect()
    }

    pub(super) fn first_sent(&self) -> Option<Micros> {
        self.attempts.iter().map(|attempt| attempt.at).min()
    }

    /// The answer that decided it, first of all: a sale outranks a refusal.
    pub(super) fn deciding_answer(&self) -> Option<(Micros, &'a Complete)> {
        let earliest = |answers: Vec<(Micros, &'a Complete)>| answers.into_iter().min_by_key(|(at, _)| *at);
        earliest(self.answered_sold()).or_else(|| earliest(self.answered_sold_out()))
    }

    /// The production it was promised: as answered first, else as the ledger says.
    pub(super) fn promised(&self) -> Option<&'a str> {
        self.named_in_answers().first().copied().or_else(|| self.rows.iter().find_map(|row| row.production))
    }

    pub(super) fn named_in_answers(&self) -> Vec<&'a str> {
        self.answers().filter_map(|(_, complete)| complete.production.as_deref()).collect()
    }

    /// Whether any answer or row names a production.
    pub(super) fn names(&self, production: &str) -> bool {
        self.named_in_answers().contains(&production) || self.rows.iter().any(|row| row.production == Some(production))
    }
}

/// Everything, unfolded.
pub(super) struct Facts<'a> {
    pub(super) lines: &'a [Line],
    pub(super) header: Option<&'a Header>,
    pub(super) orders: Vec<Order<'a>>,
    pub(super) finals: Vec<&'a Final>,
    /// The final state was read to its end.
    pub(super) whole: bool,
    /// Nothing moved any more when it was read.
    pub(super) at_rest: bool,
}

impl<'a> Facts<'a> {
    pub(super) fn of(lines: &'a [Line]) -> Self {
        let finals: Vec<&Final> =
            lines.iter().filter_map(|line| if let Event::Final(row) = &line.event { Some(row) } else { None }).collect();
        let header = lines.iter().find_map(|line| if let Event::Header(header) = &line.event { Some(header) } else { None });
        let whole = lines.iter().any(|line| line.event == Event::Ended { interrupted: false });
        let drained =
            lines.iter().any(|line| matches!(&line.event, Event::Phase(mark) if mark.phase == Phase::Drain && mark.reached == Some(true)));
        let mut facts = Self { lines, header, orders: Vec::new(), finals, whole, at_rest: whole && drained };
        facts.gather_attempts();
        facts.gather_rows();
        facts
    }

    fn gather_attempts(&mut self) {
        let answer_to = |op: u64| {
            self.lines.iter().enumerate().find_map(|(place, line)| match &line.event {
                Event::Complete(complete) if complete.op == op => Some((place, (line.at, complete))),
                _ => None,
            })
        };
        for line in self.lines {
            let Event::Invoke(invoke) = &line.event else { continue };
            if invoke.kind == OpKind::Browse {
                continue;
            }
            let (place, answer) = answer_to(invoke.op).unzip();
            let attempt = Attempt { at: line.at, invoke, answer, line: place.unwrap_or(usize::MAX) };
            let known = self.orders.iter_mut().find(|order| invoke.key.is_some() && order.key() == invoke.key.as_deref());
            match known {
                Some(order) => order.attempts.push(attempt),
                None => self.orders.push(Order { attempts: vec![attempt], rows: Vec::new() }),
            }
        }
    }

    /// A row is about the order of its key; else about the one that was answered, or written down before, under its id.
    fn gather_rows(&mut self) {
        for row in &self.finals {
            let Final::Order { order: id, key, product, quantity, sold, production } = row else { continue };
            let row =
                Row { order: id, key: key.as_deref(), product, quantity: *quantity as i64, sold: *sold, production: production.as_deref() };
            let mut answered: Vec<(Micros, usize)> = Vec::new();
            for (place, order) in self.orders.iter().enumerate() {
                answered.extend(order.answers().filter(|(_, complete)| complete.order.as_deref() == Some(id)).map(|(at, _)| (at, place)));
            }
            answered.sort_unstable();
            let by_key = self.orders.iter().position(|order| row.key.is_some() && order.key() == row.key);
            let by_answer = answered.first().map(|(_, place)| *place);
            let by_row = self.orders.iter().position(|order| order.rows.iter().any(|known| known.order == row.order));
            match by_key.or(by_answer).or(by_row) {
                Some(place) => self.orders[place].rows.push(row),
                None => self.orders.push(Order { attempts: Vec::new(), rows: vec![row] }),
            }
        }
    }

    /// Whether a table is there to be asked.
    pub(super) fn shows(&self, table: &str) -> bool {
        !self.finals.iter().any(|row| matches!(row, Final::NotExposed { what, .. } if what == table))
    }

    pub(super) fn products(&self) -> Vec<&'a str> {
        self.header.map(|header| header.initial_stock.iter().map(|(name, _)| name.as_str()).collect()).unwrap_or_default()
    }

    pub(super) fn initial(&self, product: &str) -> i64 {
        self.header.and_then(|header| header.initial_stock.iter().find(|(name, _)| name == product)).map_or(0, |(_, stock)| *stock)
    }

    /// Restocks: production, product, pieces.
    pub(super) fn restocks(&self) -> Vec<(&'a str, &'a str, i64)> {
        let restock = |row: &&'a Final| match row {
            Final::Restock { production, product, quantity } => Some((production.as_str(), product.as_str(), *quantity as i64)),
            _ => None,
        };
        self.finals.iter().filter_map(restock).collect()
    }

    pub(super) fn restocked(&self, of: &str) -> i64 {
        self.restocks().into_iter().filter(|(_, product, _)| *product == of).map(|(_, _, pieces)| pieces).sum()
    }

    /// What the administration added and what it took, as a negative number.
    pub(super) fn adjusted(&self, of: &str) -> (i64, i64) {
        let delta = |row: &&Final| if let Final::Adjustment { product, delta } = row { (product == of).then_some(*delta) } else { None };
        let deltas: Vec<i64> = self.finals.iter().filter_map(delta).collect();
        (deltas.iter().filter(|delta| **delta > 0).sum(), deltas.iter().filter(|delta| **delta < 0).sum())
    }

    /// The product that a production makes: as its row says, else as whatever mentioned it first says.
    pub(super) fn product_of(&self, wanted: &str) -> Option<&'a str> {
        let row = |row: &&'a Final| match row {
            Final::Production { production, product, .. } if production == wanted => Some(product.as_str()),
            _ => None,
        };
        if let Some(product) = self.finals.iter().filter_map(row).next_back() {
            return Some(product);
        }
        self.lines.iter().find_map(|line| match &line.event {
            Event::Complete(complete) if complete.production.as_deref() == Some(wanted) => {
                let asked = |order: &&Order<'a>| order.attempts.iter().any(|attempt| attempt.invoke.op == complete.op);
                self.orders.iter().find(asked).map(|order| order.wants().0)
            }
            Event::RestockSeen { production, product, .. } if production == wanted => Some(product.as_str()),
            Event::Final(Final::Order { production: Some(production), product, .. }) if production == wanted => Some(product.as_str()),
            Event::Final(Final::Restock { production, product, .. }) if production == wanted => Some(product.as_str()),
            _ => None,
        })
    }
}
