//! The lines that make up most of a history, read without asking what they might be.
//!
//! Whoever writes a history writes the fields of a line in one order and without spaces. A line that stands exactly so is read here, into a value that is used
//! again for another one; every other line, which may be just as right, is left to the general reader. Neither may ever say anything that the other does
//! not: the tests hold them against each other.

mod cursor;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;

use self::cursor::Cursor;
use super::event::{Answer, Behaviour, BusinessIds, Complete, Event, Final, Invoke, Line, OpKind, Outcome, Passed, Published};

/// Lines of the frequent kinds, used again and again.
#[derive(Debug, Default)]
pub(super) struct Quick {
    kinds: [Kind; KINDS],
}

/// The lines of one kind that there are, and how many of them are in use.
#[derive(Debug, Default)]
struct Kind {
    lines: Vec<Line>,
    used: usize,
}

/// Where a line was put: its kind, and its number among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize, usize);

const KINDS: usize = 7;

impl Quick {
    /// What was read before is no longer needed.
    pub(super) fn clear(&mut self) {
        for kind in &mut self.kinds {
            kind.used = 0;
        }
    }

    /// What was read there.
    pub(super) fn line(&self, place: Place) -> &Line {
        &self.kinds[place.0].lines[place.1]
    }

    /// Reads a line, with its end, if it is one of the frequent kinds and stands as this program writes it.
    pub(super) fn read(&mut self, raw: &[u8]) -> Option<Place> {
        let mut text = Cursor::new(raw)?;
        let at = text.number_after(b"{\"at\":")?;
        let kind = match text.text_after(b",\"type\":\"")? {
            "invoke" => 0,
            "complete" => 1,
            "exchange" => 2,
            "published" => 3,
            "final" => match text.text_after(b",\"row\":\"")? {
                "order" => 4,
                "operation" => 5,
                "receipt" => 6,
                _ => return None,
            },
            _ => return None,
        };
        let Kind { lines, used } = &mut self.kinds[kind];
        if lines.len() == *used {
            lines.push(Line { at, event: blank(kind) });
        }
        let line = &mut lines[*used];
        line.at = at;
        match &mut line.event {
            Event::Invoke(into) => invoke(into, &mut text)?,
            Event::Complete(into) => complete(into, &mut text)?,
            Event::Passed(into) => passed(into, &mut text)?,
            Event::Published(into) => published(into, &mut text)?,
            Event::Final(into) => row(into, &mut text)?,
            _ => return None,
        }
        let place = Place(kind, *used);
        text.is_at(b"}\n").then(|| {
            *used += 1;
            place
        })
    }
}

/// A line of that kind, to be filled in.
fn blank(kind: usize) -> Event {
    let none = || None::<String>;
    match kind {
        0 => Event::Invoke(Invoke {
            op: 0,
            kind: OpKind::Browse,
            buyer: 0,
            key: none(),
            product: none(),
            quantity: None,
            behaviour: Behaviour::First,
            intended: 0,
            trick: none(),
        }),
        1 => Event::Complete(Complete {
            op: 0,
            outcome: Outcome::Info,
            answer: Answer::Garbled,
            status: None,
            sent: 0,
            order: none(),
            production: none(),
            quantity: None,
            stock: None,
            note: none(),
        }),
        2 => Event::Passed(Passed {
            hop: String::new(),
            what: String::new(),
            ids: Vec::new(),
            began: 0,
            took: 0,
            status: None,
            upstream: None,
            rules: Vec::new(),
            note: none(),
        }),
        3 => {
            let (topic, ids) = (String::new(), BusinessIds::default());
            Event::Published(Published { topic, ids, product: none(), quantity: None, outcome: none() })
        }
        4 => {
            let (order, product) = (String::new(), String::new());
            Event::Final(Final::Order { order, key: none(), product, quantity: 0, sold: false, production: none() })
        }
        5 => Event::Final(Final::Operation { order: String::new(), sold: false }),
        _ => Event::Final(Final::Receipt { consumer: String::new(), id: String::new() }),
    }
}

fn invoke(invoke: &mut Invoke, text: &mut Cursor<'_>) -> Option<()> {
    invoke.op = text.number_after(b",\"op\":")?;
    invoke.kind = word(text.text_after(b",\"kind\":\"")?)?;
    invoke.buyer = text.number_after(b",\"buyer\":")?;
    refill(&mut invoke.key, text.text_if(b",\"key\":\"")?);
    refill(&mut invoke.product, text.text_if(b",\"product\":\"")?);
    invoke.quantity = text.number_if(b",\"quantity\":")?;
    invoke.behaviour = word(text.text_after(b",\"behaviour\":\"")?)?;
    invoke.intended = text.number_after(b",\"intended\":")?;
    refill(&mut invoke.trick, text.text_if(b",\"trick\":\"")?);
    Some(())
}

fn complete(complete: &mut Complete, text: &mut Cursor<'_>) -> Option<()> {
    complete.op = text.number_after(b",\"op\":")?;
    complete.outcome = word(text.text_after(b",\"outcome\":\"")?)?;
    complete.answer = word(text.text_after(b",\"answer\":\"")?)?;
    complete.status = status(text.number_if(b",\"status\":")?)?;
    complete.sent = text.number_after(b",\"sent\":")?;
    refill(&mut complete.order, text.text_if(b",\"order\":\"")?);
    refill(&mut complete.production, text.text_if(b",\"production\":\"")?);
    complete.quantity = text.number_if(b",\"quantity\":")?;
    complete.stock = text.signed_if(b",\"stock\":")?;
    refill(&mut complete.note, text.text_if(b",\"note\":\"")?);
    Some(())
}

fn published(published: &mut Published, text: &mut Cursor<'_>) -> Option<()> {
    again(&mut published.topic, text.text_after(b",\"topic\":\"")?);
    refill(&mut published.ids.key, text.text_if(b",\"key\":\"")?);
    refill(&mut published.ids.message, text.text_if(b",\"message\":\"")?);
    refill(&mut published.ids.order, text.text_if(b",\"order\":\"")?);
    refill(&mut published.ids.production, text.text_if(b",\"production\":\"")?);
    refill(&mut published.ids.episode, text.text_if(b",\"episode\":\"")?);
    refill(&mut published.product, text.text_if(b",\"product\":\"")?);
    published.quantity = text.number_if(b",\"quantity\":")?;
    refill(&mut published.outcome, text.text_if(b",\"outcome\":\"")?);
    Some(())
}

fn passed(passed: &mut Passed, text: &mut Cursor<'_>) -> Option<()> {
    again(&mut passed.hop, text.text_after(b",\"hop\":\"")?);
    again(&mut passed.what, text.text_after(b",\"what\":\"")?);
    list_if(text, b",\"ids\":[\"", &mut passed.ids)?;
    passed.began = text.number_after(b",\"began\":")?;
    passed.took = text.number_after(b",\"took\":")?;
    passed.status = status(text.number_if(b",\"status\":")?)?;
    passed.upstream = status(text.number_if(b",\"upstream\":")?)?;
    list_if(text, b",\"rules\":[\"", &mut passed.rules)?;
    refill(&mut passed.note, text.text_if(b",\"note\":\"")?);
    Some(())
}

fn row(row: &mut Final, text: &mut Cursor<'_>) -> Option<()> {
    match row {
        Final::Order { order, key, product, quantity, sold, production } => {
            again(order, text.text_after(b",\"order\":\"")?);
            refill(key, text.text_if(b",\"key\":\"")?);
            again(product, text.text_after(b",\"product\":\"")?);
            *quantity = text.number_after(b",\"quantity\":")?;
            *sold = text.truth_after(b",\"sold\":")?;
            refill(production, text.text_if(b",\"production\":\"")?);
        }
        Final::Operation { order, sold } => {
            again(order, text.text_after(b",\"order\":\"")?);
            *sold = text.truth_after(b",\"sold\":")?;
        }
        Final::Receipt { consumer, id } => {
            again(consumer, text.text_after(b",\"consumer\":\"")?);
            again(id, text.text_after(b",\"id\":\"")?);
        }
        _ => return None,
    }
    Some(())
}

/// What a word of the format stands for; which words there are is said where the type is defined.
fn word<'a, T: Deserialize<'a>>(text: &'a str) -> Option<T> {
    let word: StrDeserializer<'a, serde::de::value::Error> = text.into_deserializer();
    T::deserialize(word).ok()
}

/// None for what is no status.
fn status(number: Option<u64>) -> Option<Option<u16>> {
    number.map(|number| u16::try_from(number).ok()).map_or(Some(None), |status| status.map(Some))
}

fn again(string: &mut String, text: &str) {
    string.clear();
    string.push_str(text);
}

fn refill(string: &mut Option<String>, text: Option<&str>) {
    match (string, text) {
        (string, None) => *string = None,
        (Some(string), Some(text)) => again(string, text),
        (string, Some(text)) => *string = Some(text.to_owned()),
    }
}

/// Texts in a list that, when there is one, begins so; the text before the first quote stands in `name`.
fn list_if<const N: usize>(text: &mut Cursor<'_>, name: &[u8; N], list: &mut Vec<String>) -> Option<()> {
    let mut used = 0;
    let mut next = text.text_if(name)?;
    while let Some(one) = next {
        match list.get_mut(used) {
            Some(string) => again(string, one),
            None => list.push(one.to_owned()),
        }
        used += 1;
        next = text.text_if(b",\"")?;
        if next.is_none() && !text.skip(b"]") {
            return None;
        }
    }
    list.truncate(used);
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the quick reader says, after it was made to read something else before.
    fn quick(quick: &mut Quick, text: &str) -> Option<Line> {
        quick.clear();
        quick.read(text.as_bytes()).map(|place| quick.line(place).clone())
    }

    fn written(line: &Line) -> String {
        format!("{}\n", serde_json::to_string(line).unwrap())
    }

    fn name() -> impl Strategy<Value = String> {
        // Mostly what ids and products look like; sometimes what needs an escape, or is not ASCII.
        prop_oneof![8 => "[a-zA-Z0-9_#-]{0,40}", 1 => "[a-z\"\\\\\n]{0,10}", 1 => "\\PC{0,6}"]
    }

    fn maybe<T: std::fmt::Debug>(strategy: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
        prop::option::of(strategy)
    }

    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), 0..64_u32).prop_map(|(number, shift)| number >> shift)
    }

    fn invoke() -> impl Strategy<Value = Event> {
        let kinds = prop::sample::select(vec![OpKind::Browse, OpKind::Purchase, OpKind::Hostile]);
        let behaviours = prop::sample::select(vec![Behaviour::First, Behaviour::DoubleClick, Behaviour::Retry, Behaviour::ComeBack]);
        ((number(), number(), number()), kinds, behaviours, maybe(number()), (maybe(name()), maybe(name()), maybe(name()))).prop_map(
            |((op, buyer, intended), kind, behaviour, quantity, (key, product, trick))| {
                Event::Invoke(Invoke { op, kind, buyer, key, product, quantity, behaviour, intended, trick })
            },
        )
    }

    fn complete() -> impl Strategy<Value = Event> {
        let outcomes = prop::sample::select(vec![Outcome::Ok, Outcome::Fail, Outcome::Info]);
        let answers = prop::sample::select(vec![Answer::Sold, Answer::SoldOut, Answer::InFlight, Answer::TimedOut, Answer::Garbled]);
        let names = (maybe(name()), maybe(name()), maybe(name()));
        ((number(), number()), outcomes, answers, maybe(any::<u16>()), names, maybe(number()), maybe(any::<i64>())).prop_map(
            |((op, sent), outcome, answer, status, (order, production, note), quantity, stock)| {
                Event::Complete(Complete { op, outcome, answer, status, sent, order, production, quantity, stock, note })
            },
        )
    }

    fn passed() -> impl Strategy<Value = Event> {
        let names = || prop::collection::vec(name(), 0..4);
        ((name(), name()), names(), (number(), number()), (maybe(any::<u16>()), maybe(any::<u16>())), names(), maybe(name())).prop_map(
            |((hop, what), ids, (began, took), (status, upstream), rules, note)| {
                Event::Passed(Passed { hop, what, ids, began, took, status, upstream, rules, note })
            },
        )
    }

    fn published() -> impl Strategy<Value = Event> {
        let ids = (maybe(name()), maybe(name()), maybe(name()), maybe(name()), maybe(name()));
        let ids = ids.prop_map(|(key, message, order, production, episode)| BusinessIds { key, message, order, production, episode });
        (name(), ids, maybe(name()), maybe(number()), maybe(name()))
            .prop_map(|(topic, ids, product, quantity, outcome)| Event::Published(Published { topic, ids, product, quantity, outcome }))
    }

    fn rows() -> impl Strategy<Value = Event> {
        let order = (name(), maybe(name()), name(), number(), any::<bool>(), maybe(name()));
        let order = order.prop_map(|(order, key, product, quantity, sold, production)| Final::Order {
            order,
            key,
            product,
            quantity,
            sold,
            production,
        });
        let operation = (name(), any::<bool>()).prop_map(|(order, sold)| Final::Operation { order, sold });
        let receipt = (name(), name()).prop_map(|(consumer, id)| Final::Receipt { consumer, id });
        prop_oneof![order, operation, receipt].prop_map(Event::Final)
    }

    fn lines() -> impl Strategy<Value = Vec<Line>> {
        let event = prop_oneof![invoke(), complete(), passed(), published(), rows()];
        prop::collection::vec((number(), event).prop_map(|(at, event)| Line { at, event }), 1..8)
    }

    /// Whether a line holds only what the quick reader takes.
    fn is_plain(text: &str) -> bool {
        text.is_ascii() && !text.contains('\\') && !text.bytes().any(|byte| byte == 0x7f)
    }

    proptest! {
        #[test]
        fn what_is_read_quickly_is_what_was_written(lines in lines()) {
            let mut reader = Quick::default();
            for line in lines {
                let text = written(&line);
                match quick(&mut reader, &text) {
                    Some(read) => prop_assert_eq!(read, line),
                    None => prop_assert!(!is_plain(&text), "{} is plain", text),
                }
            }
        }

        #[test]
        fn a_damaged_line_is_read_as_the_general_reader_reads_it_or_left_to_it(
            lines in lines(),
            place in any::<prop::sample::Index>(),
            byte in prop::sample::select(b"\"\\{}[],:0123456789-.eE tfn_\n\x00\xff".to_vec()),
            cut in any::<bool>(),
        ) {
            let mut reader = Quick::default();
            for line in lines {
                let mut text = written(&line).into_bytes();
                let place = place.index(text.len());
                if cut { text.remove(place); } else { text[place] = byte; }
                if let Some(place) = reader.read(&text) {
                    let careful = serde_json::from_slice::<Line>(&text);
                    prop_assert!(careful.is_ok(), "{}", String::from_utf8_lossy(&text));
                    prop_assert_eq!(reader.line(place), &careful.unwrap());
                }
            }
        }
    }

    #[test]
    fn a_list_that_is_empty_or_not_closed_is_left_to_the_general_reader() {
        let mut reader = Quick::default();
        for ids in ["[]", "[\"a\"", "[\"a\",]", "[\"a\",7]"] {
            let text = format!("{{\"at\":1,\"type\":\"exchange\",\"hop\":\"a\",\"what\":\"b\",\"ids\":{ids},\"began\":1,\"took\":2}}\n");
            assert_eq!(quick(&mut reader, &text), None, "{text}");
        }
    }
}
