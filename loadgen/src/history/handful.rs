//! Lines that are looked at together and then one by one, without anybody keeping them.

use super::event::Line;
use super::quick::{Place, Quick};
use super::reader::{HistoryReadError, HistoryReader};

/// Lines in hand at a time: enough that memory is asked for many things at once, few enough that they stay near.
const LINES: usize = 32;

/// Some lines of a history, until the next ones are taken.
#[derive(Debug, Default)]
pub(super) struct Handful {
    quick: Quick,
    others: Vec<Line>,
    places: Vec<Option<Place>>,
}

impl Handful {
    pub(super) fn clear(&mut self) {
        self.quick.clear();
        self.others.clear();
        self.places.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Takes a line of a frequent kind; false when it is none.
    pub(super) fn read_quickly(&mut self, raw: &[u8]) -> bool {
        let place = self.quick.read(raw);
        self.places.extend(place.map(Some));
        place.is_some()
    }

    /// Takes any other line.
    pub(super) fn add(&mut self, line: Line) {
        self.others.push(line);
        self.places.push(None);
    }

    /// The lines, in their order.
    pub(super) fn lines(&self) -> impl Iterator<Item = &Line> {
        let mut others = self.others.iter();
        self.places.iter().filter_map(move |place| match place {
            Some(place) => Some(self.quick.line(*place)),
            None => others.next(),
        })
    }
}

/// Who is told the lines of a history.
pub trait Listener {
    /// These lines will follow: time to look for what they are about. Not every line is announced.
    fn expect<'l>(&mut self, lines: impl Iterator<Item = &'l Line>) {
        let _ = lines;
    }

    /// The next line.
    fn line(&mut self, line: &Line);
}

impl<F: FnMut(&Line)> Listener for F {
    fn line(&mut self, line: &Line) {
        self(line);
    }
}

/// The lines of a history, wherever they come from, one after the other.
pub trait Lines {
    /// Why they cannot be read on.
    type Error: std::fmt::Display;

    /// Tells every line.
    ///
    /// # Errors
    /// When they cannot be read to their end; what came before was told.
    fn tell(self, listener: &mut impl Listener) -> Result<(), Self::Error>;
}

impl<I, E> Lines for I
where
    I: Iterator<Item = Result<Line, E>>,
    E: std::fmt::Display,
{
    type Error = E;

    fn tell(self, listener: &mut impl Listener) -> Result<(), E> {
        for line in self {
            listener.line(&line?);
        }
        Ok(())
    }
}

/// A history whose lines are lent: for whoever keeps none of them.
#[derive(Debug)]
pub struct Lent(HistoryReader);

impl Lent {
    pub(super) fn new(reader: HistoryReader) -> Self {
        Self(reader)
    }
}

impl Lines for Lent {
    type Error = HistoryReadError;

    fn tell(mut self, listener: &mut impl Listener) -> Result<(), HistoryReadError> {
        while let Some(handful) = self.0.take_in_hand(LINES) {
            let handful = handful?;
            listener.expect(handful.lines());
            for line in handful.lines() {
                listener.line(line);
            }
        }
        Ok(())
    }
}
