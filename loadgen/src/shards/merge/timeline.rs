//! The lines of all parts in one order: by the common clock, as far as the machines' clocks tell.
//!
//! Within a part the order of lines is kept. Between parts it follows the times, with one exception that does not need clocks: what the watch
//! did from the drain on comes after everything that the shards did.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::gather::{Found, Gathered};
use crate::history::event::{Event, Line, Micros, Phase, PhaseMark};
use crate::history::{HistoryReadError, HistoryReader};
use crate::plan::Part;
use crate::run::folder::RunFolder;
use crate::shards::card::Role;

/// Iterates the lines of all parts, each with whose it is. Times are those of the common clock, numbers of attempts are unique among all parts.
#[derive(Debug)]
pub(super) struct Timeline {
    sources: Vec<Source>,
    /// Sources that have a line, by the time of that line.
    next: BinaryHeap<Reverse<(Micros, usize)>>,
    /// The watch at the begin of its drain, waiting for the shards.
    waiting: Option<usize>,
    /// When the watch began to drain, as its clock says.
    drain_began: Option<Micros>,
    /// The time of the last line.
    last: Micros,
}

#[derive(Debug)]
struct Source {
    role: Role,
    /// None for a history that cannot be opened.
    lines: Option<HistoryReader>,
    /// What the common clock showed at this part's zero.
    offset: Micros,
    ahead: Option<Line>,
    /// Why it cannot be read any further.
    broken: Option<HistoryReadError>,
}

impl Timeline {
    pub(super) fn open(gathered: &Gathered) -> Self {
        let sources = gathered.all().map(|part| Source::open(part, gathered.zero_unix_us)).collect();
        let mut timeline = Self { sources, next: BinaryHeap::new(), waiting: None, drain_began: None, last: 0 };
        for source in 0..timeline.sources.len() {
            timeline.advance(source);
        }
        timeline
    }

    /// When the watch began to drain, as its own clock says; None before that line was reached.
    pub(super) fn drain_began(&self) -> Option<Micros> {
        self.drain_began
    }

    /// After the last line: parts whose history was not closed in order, and how it ends.
    pub(super) fn torn(&self) -> Vec<(Role, String)> {
        self.sources.iter().filter_map(|source| Some((source.role, source.torn()?))).collect()
    }

    fn advance(&mut self, source: usize) {
        let taken = &mut self.sources[source];
        let role = taken.role;
        let Some(line) = taken.advance() else { return };
        let drains = matches!(line.event, Event::Phase(PhaseMark { phase: Phase::Drain, begin: true, .. }));
        if drains && role == Role::Watch {
            self.drain_began.get_or_insert(line.at);
            self.waiting = Some(source);
        } else {
            self.next.push(Reverse((line.at, source)));
        }
    }
}

impl Iterator for Timeline {
    type Item = (Role, Line);

    fn next(&mut self) -> Option<Self::Item> {
        let source = match self.next.pop() {
            Some(Reverse((_, source))) => source,
            None => self.waiting.take()?,
        };
        let taken = &mut self.sources[source];
        let (role, mut line) = (taken.role, taken.ahead.take().expect("a source stands in the queue with its next line"));
        if role == Role::Watch {
            // Should its clock be behind, its drain is dated no earlier than what it waited for.
            line.at = line.at.max(self.last);
        }
        self.last = self.last.max(line.at);
        self.advance(source);
        Some((role, line))
    }
}

impl Source {
    fn open(part: &Found, zero_unix_us: u64) -> Self {
        let (lines, broken) = match HistoryReader::open(&RunFolder::history_in(&part.path)) {
            Ok(lines) => (Some(lines), None),
            Err(error) => (None, Some(error)),
        };
        let offset = part.card.clock.zero_unix_us.saturating_sub(zero_unix_us);
        Self { role: part.card.role, lines, offset, ahead: None, broken }
    }

    fn advance(&mut self) -> Option<&Line> {
        self.ahead = match self.lines.as_mut()?.next()? {
            Ok(line) => Some(shifted(line, self.offset, self.role)),
            Err(error) => {
                self.broken = Some(error);
                None
            }
        };
        self.ahead.as_ref()
    }

    /// How the history ends, when it was not closed in order.
    fn torn(&self) -> Option<String> {
        match (&self.broken, &self.lines) {
            (Some(error), _) => Some(error.to_string()),
            (None, Some(lines)) if lines.closed_in_order() => None,
            (None, Some(lines)) => {
                Some(lines.torn().map_or_else(|| format!("it was not closed after {} lines", lines.lines_read()), ToString::to_string))
            }
            (None, None) => Some("it cannot be opened".to_owned()),
        }
    }
}

/// A line on the common clock.
fn shifted(line: Line, offset: Micros, role: Role) -> Line {
    let Line { at, mut event } = line;
    let part = match role {
        Role::Watch => Part::WHOLE,
        Role::Shard(part) => part,
    };
    match &mut event {
        Event::Invoke(invoke) => {
            invoke.op = part.unique(invoke.op);
            invoke.intended = invoke.intended.saturating_add(offset);
        }
        Event::Complete(complete) => {
            complete.op = part.unique(complete.op);
            complete.sent = complete.sent.saturating_add(offset);
        }
        Event::Sample(sample) => sample.began = sample.began.saturating_add(offset),
        _ => {}
    }
    Line { at: at.saturating_add(offset), event }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs::File;
    use std::num::NonZeroU32;
    use std::path::Path;

    use super::*;
    use crate::history::LineFile;
    use crate::history::event::{Behaviour, Invoke, OpKind};
    use crate::plan::Plan;
    use crate::result::machine::Machine;
    use crate::scenario::Scenario;
    use crate::shards::card::{Card, FORMAT};
    use crate::shards::clock::Anchor;

    fn drain_begins() -> Event {
        Event::Phase(PhaseMark { phase: Phase::Drain, begin: true, note: None, reached: None })
    }

    fn invoke(op: u64, intended: Micros) -> Event {
        let (kind, behaviour) = (OpKind::Browse, Behaviour::First);
        Event::Invoke(Invoke { op, kind, buyer: op, key: None, product: None, quantity: None, behaviour, intended, trick: None })
    }

    /// A part's folder whose clock began at a moment of the wall clock.
    fn part(below: &Path, role: Role, zero_unix_us: u64, lines: &[(Micros, Event)]) -> Found {
        let path = below.join(role.folder());
        std::fs::create_dir(&path).unwrap();
        let mut file = LineFile::new(File::create(RunFolder::history_in(&path)).unwrap()).unwrap();
        for (at, event) in lines {
            file.write(&Line { at: *at, event: event.clone() }).unwrap();
        }
        file.close().unwrap();
        let (text, clock) = (String::new(), Anchor { zero_unix_us, uncertainty_us: 0 });
        let card = Card {
            format: FORMAT,
            version: text.clone(),
            run_id: text.clone(),
            role,
            parts: NonZeroU32::new(2).unwrap(),
            scenario: text.clone(),
            seed: 1,
            plan: text,
            start_at_unix_us: 0,
            clock,
            machine: Machine::default(),
            ended: None,
        };
        Found { path, card }
    }

    #[test]
    fn lines_stand_in_the_order_of_the_common_clock_and_the_drain_behind_all_shards() {
        let folder = tempfile::tempdir().unwrap();
        let ended = Event::Ended { interrupted: false };
        let [one, two] = [Part::new(1, 2).unwrap(), Part::new(2, 2).unwrap()];
        let watch = part(folder.path(), Role::Watch, 1_000, &[(500, drain_begins()), (600, ended.clone())]);
        let first = part(folder.path(), Role::Shard(one), 1_100, &[(10, invoke(1, 5)), (300, invoke(2, 290)), (900, ended)]);
        let second = part(folder.path(), Role::Shard(two), 1_200, &[(10, invoke(1, 5)), (150, invoke(2, 140))]);
        let gathered = Gathered {
            run_id: "r".to_owned(),
            plan: Plan::derive(&Scenario::load("smoke").unwrap(), 1),
            parts: NonZeroU32::new(2).unwrap(),
            watch: Some(watch),
            shards: BTreeMap::from([(one, first), (two, second)]),
            missing: Vec::new(),
            zero_unix_us: 1_000,
            uncertainty_us: 0,
        };
        let mut timeline = Timeline::open(&gathered);
        let told: Vec<(Role, Micros)> = timeline.by_ref().map(|(role, line)| (role, line.at)).collect();
        let (watch, one, two) = (Role::Watch, Role::Shard(one), Role::Shard(two));
        // The drain was dated 500, but what the first shard did until 1000 was seen to be over by then.
        assert_eq!(told, [(one, 110), (two, 210), (two, 350), (one, 400), (one, 1_000), (watch, 1_000), (watch, 1_000)]);
        assert_eq!(timeline.drain_began(), Some(500));
        assert_eq!(timeline.torn(), [(two, "it was not closed after 2 lines".to_owned())]);

        let mut ops: Vec<(u64, Micros)> = Timeline::open(&gathered)
            .filter_map(|(_, line)| match line.event {
                Event::Invoke(invoke) => Some((invoke.op, invoke.intended)),
                _ => None,
            })
            .collect();
        assert_eq!(ops, [(2, 105), (3, 205), (5, 340), (4, 390)]);
        ops.dedup_by_key(|(op, _)| *op);
        assert_eq!(ops.len(), 4, "numbers of attempts are unique");
    }
}
