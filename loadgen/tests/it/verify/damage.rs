//! Damage to a history, at random: rows vanish, are there twice, say something else; answers change or never come; faults strike, processes
//! lag, tables stay hidden. It knows nothing of properties, so it finds combinations that nobody thought of.

use loadgen::history::event::{Answer, Behaviour, BusinessIds, Event, FaultState, Final, Line, OpKind, Outcome, QueueDepth};
use proptest::prelude::*;

use super::story::{DONUT, Story, bare, factory_call, mail};

/// A second product, of which nothing is sold unless damage says so.
pub(crate) const OTHER: &str = "CP-999999";
/// The rule of whatever poison is injected.
pub(crate) const POISON_RULE: &str = "poison";

/// One thing that goes wrong. The numbers choose where, modulo what there is.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    RowVanishes(usize),
    RowTwice(usize),
    RowCounts(usize, i64),
    RowTurns(usize),
    RowOfAnotherProduct(usize),
    RowOfAnotherId(usize),
    LineVanishes(usize),
    LineTwice(usize),
    LineLater(usize, u64),
    AnswerIs(usize, Answer),
    AnswerCounts(usize, i64),
    AnswerOfAnotherId(usize),
    DeadLetter {
        queue: usize,
        about: usize,
        poison: bool,
        ids: u8,
    },
    Residue(u64),
    /// The factory bears less than was thought.
    WeakFactory {
        capacity: u64,
        pieces_per_shortage: u64,
    },
    /// Calls that name no production.
    StrangeCalls {
        at: u64,
        calls: usize,
        quantity: u64,
    },
    SpareMails(usize),
    Hostile {
        at: u64,
        quantity: Option<u64>,
        sold: bool,
    },
    Fault {
        at: u64,
        lasts: Option<u64>,
        poison: Option<bool>,
    },
    Queues {
        at: u64,
        waiting: u64,
    },
    Hidden(usize),
    /// A tap had no file handle.
    Short(u64),
    NotAtRest,
    CutOff,
}

pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    use Damage::{
        AnswerCounts, AnswerIs, AnswerOfAnotherId, CutOff, DeadLetter, Fault, Hidden, Hostile, LineLater, LineTwice, LineVanishes,
        NotAtRest, Queues, Residue, RowCounts, RowOfAnotherId, RowOfAnotherProduct, RowTurns, RowTwice, RowVanishes, SpareMails,
    };
    let place = any::<usize>;
    let answer =
        prop::sample::select(vec![Answer::Sold, Answer::SoldOut, Answer::TimedOut, Answer::Shed, Answer::Rejected, Answer::Garbled]);
    prop_oneof![
        6 => place().prop_map(RowVanishes),
        4 => place().prop_map(RowTwice),
        6 => (place(), -6i64..40).prop_map(|(at, by)| RowCounts(at, by)),
        3 => place().prop_map(RowTurns),
        3 => place().prop_map(RowOfAnotherProduct),
        3 => place().prop_map(RowOfAnotherId),
        4 => place().prop_map(LineVanishes),
        2 => place().prop_map(LineTwice),
        4 => (place(), 1u64..4_000).prop_map(|(at, by)| LineLater(at, by)),
        4 => (place(), answer).prop_map(|(at, answer)| AnswerIs(at, answer)),
        4 => (place(), -6i64..40).prop_map(|(at, by)| AnswerCounts(at, by)),
        2 => place().prop_map(AnswerOfAnotherId),
        3 => (0usize..4, place(), any::<bool>(), any::<u8>())
            .prop_map(|(queue, about, poison, ids)| DeadLetter { queue, about, poison, ids }),
        1 => (0u64..3).prop_map(Residue),
        1 => (1u64..4, 0u64..2).prop_map(|(capacity, pieces_per_shortage)| Damage::WeakFactory { capacity, pieces_per_shortage }),
        1 => (0u64..2_000, 1usize..4, 1u64..60).prop_map(|(at, calls, quantity)| Damage::StrangeCalls { at, calls, quantity }),
        1 => (0usize..9).prop_map(SpareMails),
        2 => (0u64..3_000, prop::option::of(0u64..3), any::<bool>()).prop_map(|(at, quantity, sold)| Hostile { at, quantity, sold }),
        2 => (0u64..20_000, prop::option::weighted(0.8, 0u64..20_000), prop::option::of(any::<bool>()))
            .prop_map(|(at, lasts, poison)| Fault { at, lasts, poison }),
        1 => (0u64..21_000, 0u64..3).prop_map(|(at, waiting)| Queues { at, waiting }),
        1 => place().prop_map(Hidden),
        1 => (0u64..21_000).prop_map(Damage::Short),
        1 => Just(NotAtRest),
        1 => Just(CutOff),
    ]
}

/// The `n`th of those that fit, counted round and round.
fn nth<T>(of: &mut [T], n: usize, fits: impl Fn(&T) -> bool) -> Option<&mut T> {
    let places: Vec<usize> = (0..of.len()).filter(|place| fits(&of[*place])).collect();
    let place = *places.get(n.checked_rem(places.len())?)?;
    of.get_mut(place)
}

fn changed(number: &mut u64, by: i64) {
    *number = number.saturating_add_signed(by).max(1);
}

fn is_answer(line: &Line) -> bool {
    matches!(line.event, Event::Complete(_))
}

/// What an observer saw; unlike an invocation, it may be missing or come twice in a history that is still well formed.
fn is_sight(line: &Line) -> bool {
    matches!(line.event, Event::Published(_) | Event::Sample(_) | Event::RestockSeen { .. })
}

impl Damage {
    /// Does it.
    pub(crate) fn inflict(&self, story: &mut Story) {
        match self {
            Self::RowVanishes(_) | Self::RowTwice(_) | Self::RowCounts(..) | Self::RowTurns(_) => self.change_row(story),
            Self::RowOfAnotherProduct(_) | Self::RowOfAnotherId(_) => self.rename_row(story),
            Self::LineVanishes(_) | Self::LineTwice(_) | Self::LineLater(..) => self.change_line(story),
            Self::AnswerIs(..) | Self::AnswerCounts(..) | Self::AnswerOfAnotherId(_) => self.change_answer(story),
            _ => self.add(story),
        }
    }

    fn change_row(&self, story: &mut Story) {
        let rows = &mut story.finals;
        match *self {
            Self::RowVanishes(at) if !rows.is_empty() => drop(rows.remove(at % rows.len())),
            Self::RowTwice(at) if !rows.is_empty() => rows.push(rows[at % rows.len()].clone()),
            Self::RowCounts(at, by) => match nth(rows, at, |_| true) {
                Some(Final::Order { quantity, .. } | Final::Restock { quantity, .. } | Final::FactoryCall { quantity, .. }) => {
                    changed(quantity, by)
                }
                Some(Final::Production { quantity, shortage, .. }) => changed(if at % 2 == 0 { quantity } else { shortage }, by),
                Some(Final::Adjustment { delta, .. }) => *delta += by,
                Some(Final::Stock { stock, .. }) => *stock += by,
                Some(Final::FactoryLimits { capacity, open_per_product, pieces_per_shortage }) => {
                    changed(capacity, by - 40);
                    changed(open_per_product, by);
                    changed(pieces_per_shortage, by);
                }
                _ => {}
            },
            Self::RowTurns(at) => match nth(rows, at, |_| true) {
                Some(Final::Order { sold, .. } | Final::Operation { sold, .. }) => *sold = !*sold,
                Some(Final::Production { applied, .. }) => *applied = !*applied,
                Some(Final::FactoryCall { accepted, callbacks, answered_unix_us, produced_unix_us, .. }) => match at % 4 {
                    0 => *accepted = !*accepted,
                    1 => *callbacks = 0,
                    2 => *answered_unix_us = answered_unix_us.map(|at| at + 300_000),
                    _ => *produced_unix_us = None,
                },
                _ => {}
            },
            _ => {}
        }
    }

    fn rename_row(&self, story: &mut Story) {
        match *self {
            Self::RowOfAnotherProduct(at) => {
                if let Some(
                    Final::Order { product, .. }
                    | Final::Production { product, .. }
                    | Final::Restock { product, .. }
                    | Final::Mail { product, .. }
                    | Final::Episode { product, .. }
                    | Final::FactoryCall { product, .. },
                ) = nth(&mut story.finals, at, |_| true)
                {
                    *product = OTHER.to_owned();
                }
            }
            Self::RowOfAnotherId(at) => match nth(&mut story.finals, at, |_| true) {
                Some(Final::Order { order, key, production, .. }) => match at % 4 {
                    0 => *key = None,
                    1 => *key = Some("stranger".to_owned()),
                    2 => order.push_str("-other"),
                    _ => *production = production.take().map(|production| format!("{production}-other")),
                },
                Some(Final::Production { production, .. } | Final::Restock { production, .. }) => production.push_str("-other"),
                Some(Final::FactoryCall { production, .. }) => *production = None,
                Some(Final::Receipt { id, .. }) => id.push_str("-other"),
                Some(Final::Operation { order, .. }) => order.push_str("-other"),
                Some(Final::Mail { episode, .. }) => *episode = None,
                _ => {}
            },
            _ => {}
        }
    }

    fn change_line(&self, story: &mut Story) {
        let lines = &mut story.lines;
        let may_vanish = |line: &Line| is_answer(line) || is_sight(line);
        match *self {
            Self::LineVanishes(at) => {
                let places: Vec<usize> = (0..lines.len()).filter(|place| may_vanish(&lines[*place])).collect();
                if let Some(at) = at.checked_rem(places.len()) {
                    lines.remove(places[at]);
                }
            }
            Self::LineTwice(at) => {
                let twin = nth(lines, at, is_sight).cloned();
                lines.extend(twin);
            }
            Self::LineLater(at, by_ms) => {
                if let Some(line) = nth(lines, at, may_vanish) {
                    line.at += by_ms * 1_000;
                }
            }
            _ => {}
        }
    }

    fn change_answer(&self, story: &mut Story) {
        let pick = |at: usize, story: &mut Story, change: &dyn Fn(&mut loadgen::history::event::Complete)| {
            if let Some(Line { event: Event::Complete(complete), .. }) = nth(&mut story.lines, at, is_answer) {
                change(complete);
            }
        };
        match *self {
            Self::AnswerIs(at, answer) => pick(at, story, &|complete| {
                complete.answer = answer;
                complete.outcome = match answer {
                    Answer::Sold => Outcome::Ok,
                    Answer::TimedOut | Answer::Garbled => Outcome::Info,
                    _ => Outcome::Fail,
                };
            }),
            Self::AnswerCounts(at, by) => pick(at, story, &|complete| match at % 2 {
                0 => complete.stock = complete.stock.map(|stock| stock + by),
                _ => complete.quantity = complete.quantity.map(|quantity| quantity.saturating_add_signed(by).max(1)),
            }),
            Self::AnswerOfAnotherId(at) => pick(at, story, &|complete| match at % 4 {
                0 => complete.order = None,
                1 => complete.production = None,
                2 => complete.order = complete.order.take().map(|order| format!("{order}-other")),
                _ => complete.production = complete.production.take().map(|production| format!("{production}-other")),
            }),
            _ => {}
        }
    }

    fn add(&self, story: &mut Story) {
        match self {
            Self::DeadLetter { queue, about, poison, ids } => add_dead_letter(story, *queue, *about, *poison, *ids),
            Self::Residue(messages) => {
                let queue =
                    QueueDepth { queue: "stock_queue".to_owned(), dead_letter: false, visible: *messages, in_flight: 0, delayed: 0 };
                story.push(Final::Queue(queue));
            }
            Self::WeakFactory { capacity, pieces_per_shortage } => {
                let (capacity, pieces_per_shortage) = (*capacity, *pieces_per_shortage);
                story.push(Final::FactoryLimits { capacity, open_per_product: 1, pieces_per_shortage });
            }
            Self::StrangeCalls { at, calls, quantity } => {
                for call in 0..*calls as u64 {
                    story.push(factory_call(None, *quantity, at + call, at + call * 2));
                }
            }
            Self::SpareMails(mails) => (0..*mails).for_each(|_| {
                story.push(mail(None, DONUT));
            }),
            Self::Hostile { at, quantity, sold } => add_hostile(story, *at, *quantity, *sold),
            Self::Fault { at, lasts, poison } => add_fault(story, *at, *lasts, *poison),
            Self::Queues { at, waiting } => story.queues(*at, *waiting),
            Self::Hidden(table) => {
                const TABLES: [&str; 11] = [
                    "ledger",
                    "productions",
                    "restocks",
                    "receipts",
                    "dead_letters",
                    "mails",
                    "episodes",
                    "factory",
                    "operations",
                    "stock",
                    "topics",
                ];
                hide(story, TABLES[table % TABLES.len()]);
            }
            Self::Short(at) => story.short(*at),
            Self::NotAtRest => story.drained = Some(false),
            Self::CutOff => story.closed = None,
            _ => {}
        }
    }
}

/// Whoever hides a table shows none of its rows.
fn hide(story: &mut Story, table: &str) {
    story.finals.retain(|row| {
        table
            != match row {
                Final::Order { .. } => "ledger",
                Final::Production { .. } => "productions",
                Final::Restock { .. } => "restocks",
                Final::Receipt { .. } => "receipts",
                Final::DeadLetter { .. } => "dead_letters",
                Final::Mail { .. } => "mails",
                Final::Episode { .. } => "episodes",
                Final::FactoryCall { .. } => "factory",
                Final::Operation { .. } => "operations",
                Final::Stock { .. } => "stock",
                _ => "",
            }
    });
    if table == "topics" {
        story.lines.retain(|line| !matches!(line.event, Event::Published(_)));
    }
    story.hides(table);
}

fn add_dead_letter(story: &mut Story, queue: usize, about: usize, poison: bool, keep: u8) {
    let seen = nth(&mut story.lines, about, |line| matches!(line.event, Event::Published(_)));
    let mut ids = match seen.map(|line| &line.event) {
        Some(Event::Published(published)) => published.ids.clone(),
        _ => BusinessIds::default(),
    };
    for (bit, id) in [&mut ids.message, &mut ids.order, &mut ids.production, &mut ids.episode].into_iter().enumerate() {
        // Most letters keep most of their ids.
        if keep.count_ones() < 3 || keep & (0x11 << bit) == 0 {
            *id = id.take().filter(|_| keep % 4 != 3);
        }
    }
    let queue = ["stock_dlq", "ad_dlq", "operations_dlq", "somebody_elses_dlq"][queue].to_owned();
    story.push(Final::DeadLetter { queue, ids, poison, body: None });
}

fn add_hostile(story: &mut Story, at: u64, quantity: Option<u64>, sold: bool) {
    let key = format!("hostile-{at}");
    let op = story.attempt(at, OpKind::Hostile, Behaviour::First, Some(&key), quantity);
    if sold {
        let order = format!("o-{key}");
        let complete = loadgen::history::event::Complete { order: Some(order), ..bare(op, Outcome::Ok, Answer::Sold) };
        story.line(at + 5, Event::Complete(complete));
        story.decided(at + 5, &key, quantity.unwrap_or(1).max(1), true, None);
    } else {
        story.answer_bad_request(at + 5, op);
    }
}

fn add_fault(story: &mut Story, at: u64, lasts: Option<u64>, poison: Option<bool>) {
    let rule = if poison.is_some() { POISON_RULE } else { "slow" };
    story.fault(at, rule, FaultState::Requested);
    story.fault(at + 1, rule, FaultState::Effective);
    story.fault(at + 2, rule, FaultState::Fired);
    if let (Some(named), Some(line)) = (poison, story.lines.last_mut())
        && let Event::Fault(mark) = &mut line.event
    {
        mark.ids.message = named.then(|| format!("m-k{}", at % 8));
    }
    if let Some(lasts) = lasts {
        story.fault(at + 3 + lasts, rule, FaultState::Healed);
    }
}
