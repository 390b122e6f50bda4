//! What the journal tells, and how it is written: length, checksum, then the fields one after another.

use std::sync::Arc;

use siphasher::sip::SipHasher13;
use uuid::Uuid;

use super::Place;
use crate::broker::{
    attribute::{Attribute, Value},
    clock::Moment,
    queue::{
        deduplication::Original,
        message::{Entry, Payload, State},
    },
};

/// One event in the life of a queue's messages.
#[derive(Debug)]
pub(crate) enum Record<'a> {
    /// A message is on the shelf, in this state. `origin` is the queue and number that it was moved from.
    Stored { queue: u32, sequence: u64, entry: &'a Entry, origin: Option<(u32, u64)> },
    /// It was received.
    Received { queue: u32, sequence: u64, receive_count: u32, at: Moment, until: Moment },
    /// Its visibility timeout was moved.
    Extended { queue: u32, sequence: u64, until: Moment },
    /// It is gone: deleted, moved, or too old.
    Gone { queue: u32, sequence: u64 },
    /// All up to this number are gone.
    Purged { queue: u32, up_to: u64 },
    /// A deduplication id was accepted.
    Remembered { queue: u32, key: &'a str, original: Original },
}

/// A record as it is read back.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    Stored { queue: u32, sequence: u64, entry: Entry, origin: Option<(u32, u64)> },
    Received { queue: u32, sequence: u64, receive_count: u32, at: Moment, until: Moment },
    Extended { queue: u32, sequence: u64, until: Moment },
    Gone { queue: u32, sequence: u64 },
    Purged { queue: u32, up_to: u64 },
    Remembered { queue: u32, key: String, original: Original },
}

/// What stands at a position of a segment.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// A sound record, and how many bytes it takes.
    Record(Told, usize),
    /// The segment ends here.
    End,
    /// What stands here was not written completely, or is damaged.
    Torn,
}

/// Bytes before each record's fields: length and checksum.
const HEAD: usize = 8;
/// Longer than any record: a message of 1 MiB with attributes and ids. A larger length is damage, not a record.
const MAX_RECORD: usize = 4 * 1024 * 1024;

impl Record<'_> {
    /// Appends the record; returns how many bytes it takes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; HEAD]);
        self.encode_fields(&mut Writer(out));
        let fields = &out[start + HEAD..];
        let length = u32::try_from(fields.len()).expect("a record is bounded by the message limits");
        let check = checksum(fields);
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        out[start + 4..start + HEAD].copy_from_slice(&check.to_le_bytes());
        out.len() - start
    }

    fn encode_fields(&self, out: &mut Writer<'_>) {
        match self {
            Self::Stored { queue, sequence, entry, origin } => {
                out.head(1, *queue, *sequence);
                out.option(origin.as_ref(), |out, (queue, sequence)| {
                    out.u32(*queue);
                    out.u64(*sequence);
                });
                out.entry(entry);
            }
            Self::Received { queue, sequence, receive_count, at, until } => {
                out.head(2, *queue, *sequence);
                out.u32(*receive_count);
                out.u64(at.micros());
                out.u64(until.micros());
            }
            Self::Extended { queue, sequence, until } => {
                out.head(3, *queue, *sequence);
                out.u64(until.micros());
            }
            Self::Gone { queue, sequence } => out.head(4, *queue, *sequence),
            Self::Purged { queue, up_to } => out.head(5, *queue, *up_to),
            Self::Remembered { queue, key, original } => {
                out.head(6, *queue, original.sequence);
                out.bytes(key.as_bytes());
                out.0.extend_from_slice(original.message_id.as_bytes());
                out.u64(original.accepted_at.micros());
            }
        }
    }
}

/// Reads what stands at the beginning of these bytes.
pub(crate) fn decode(bytes: &[u8]) -> Next {
    if bytes.is_empty() {
        return Next::End;
    }
    let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_le_bytes);
    let (Some(length), Some(check)) = (word(0), word(4)) else { return Next::Torn };
    let length = length as usize;
    let Some(fields) = bytes.get(HEAD..HEAD + length).filter(|_| length <= MAX_RECORD) else { return Next::Torn };
    if checksum(fields) != check {
        return Next::Torn;
    }
    match Reader(fields).told() {
        Some(told) => Next::Record(told, HEAD + length),
        None => Next::Torn,
    }
}

fn checksum(fields: &[u8]) -> u32 {
    // The lower half of the hash is as good a check as any 32 bits.
    (SipHasher13::new().hash(fields) & u64::from(u32::MAX)) as u32
}

struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn head(&mut self, kind: u8, queue: u32, sequence: u64) {
        self.0.push(kind);
        self.u32(queue);
        self.u64(sequence);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn bytes(&mut self, value: &[u8]) {
        self.u32(u32::try_from(value.len()).expect("parts are bounded by the message limits"));
        self.0.extend_from_slice(value);
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn entry(&mut self, entry: &Entry) {
        self.u64(entry.sent_at.micros());
        self.option(entry.first_received_at, |out, at| out.u64(at.micros()));
        self.u32(entry.receive_count);
        self.u32(entry.carried_count);
        match entry.state {
            State::Visible => self.0.push(0),
            State::Delayed { until } => {
                self.0.push(1);
                self.u64(until.micros());
            }
            State::InFlight { until } => {
                self.0.push(2);
                self.u64(until.micros());
            }
        }
        let payload = &entry.payload;
        self.0.extend_from_slice(payload.message_id.as_bytes());
        self.0.extend_from_slice(&payload.body_md5);
        self.bytes(payload.body.as_bytes());
        for text in [
            payload.trace_header.as_deref(),
            payload.group.as_deref(),
            payload.deduplication_id.as_deref(),
            payload.dead_letter_source.as_deref(),
        ] {
            self.option(text, |out, text| out.bytes(text.as_bytes()));
        }
        self.u32(u32::try_from(payload.attributes.len()).expect("a message carries few attributes"));
        for attribute in &payload.attributes {
            self.bytes(attribute.name.as_bytes());
            self.bytes(attribute.data_type.as_bytes());
            match &attribute.value {
                Value::Text(text) => {
                    self.0.push(1);
                    self.bytes(text.as_bytes());
                }
                Value::Binary(bytes) => {
                    self.0.push(2);
                    self.bytes(bytes);
                }
            }
        }
    }
}

/// Reads fields; `None` wherever they do not make sense.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn told(&mut self) -> Option<Told> {
        let (kind, queue, sequence) = (self.u8()?, self.u32()?, self.u64()?);
        let told = match kind {
            1 => {
                let origin = self.option(|reader| Some((reader.u32()?, reader.u64()?)))?;
                Told::Stored { queue, sequence, entry: self.entry()?, origin }
            }
            2 => Told::Received { queue, sequence, receive_count: self.u32()?, at: self.moment()?, until: self.moment()? },
            3 => Told::Extended { queue, sequence, until: self.moment()? },
            4 => Told::Gone { queue, sequence },
            5 => Told::Purged { queue, up_to: sequence },
            6 => {
                let key = self.text()?.to_owned();
                let original = Original { message_id: self.uuid()?, sequence, accepted_at: self.moment()? };
                Told::Remembered { queue, key, original }
            }
            _ => return None,
        };
        self.0.is_empty().then_some(told)
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    fn moment(&mut self) -> Option<Moment> {
        self.u64().map(Moment::from_micros)
    }

    fn uuid(&mut self) -> Option<Uuid> {
        Uuid::from_slice(self.take(16)?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// The outer `None` is damage, the inner one an absent value.
    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.u8()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }

    fn entry(&mut self) -> Option<Entry> {
        let sent_at = self.moment()?;
        let first_received_at = self.option(Self::moment)?;
        let (receive_count, carried_count) = (self.u32()?, self.u32()?);
        let state = match self.u8()? {
            0 => State::Visible,
            1 => State::Delayed { until: self.moment()? },
            2 => State::InFlight { until: self.moment()? },
            _ => return None,
        };
        let message_id = self.uuid()?;
        let body_md5 = self.take(16)?.try_into().ok()?;
        let body = self.text()?.into();
        let trace_header = self.option(Self::text)?.map(Into::into);
        let group = self.option(Self::text)?.map(Into::into);
        let deduplication_id = self.option(Self::text)?.map(Into::into);
        let dead_letter_source = self.option(Self::text)?.map(Into::into);
        let count = self.u32()?;
        let attributes = (0..count).map(|_| self.attribute()).collect::<Option<Vec<_>>>()?.into();
        let payload = Payload { message_id, body, body_md5, attributes, trace_header, group, deduplication_id, dead_letter_source };
        Some(Entry { payload: Arc::new(payload), sent_at, first_received_at, receive_count, carried_count, state, place: Place::default() })
    }

    fn attribute(&mut self) -> Option<Attribute> {
        let (name, data_type) = (self.text()?.to_owned(), self.text()?.to_owned());
        let value = match self.u8()? {
            1 => Value::Text(self.text()?.to_owned()),
            2 => Value::Binary(self.bytes()?.to_vec()),
            _ => return None,
        };
        Some(Attribute { name, data_type, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        let payload = Payload {
            message_id: Uuid::from_u128(7),
            body: "도너츠".into(),
            body_md5: [9; 16],
            attributes: Box::new([
                Attribute::text("a", "Number", "3"),
                Attribute { name: "b".into(), data_type: "Binary".into(), value: Value::Binary(vec![0, 1]) },
            ]),
            trace_header: None,
            group: Some("g".into()),
            deduplication_id: Some("d".into()),
            dead_letter_source: Some("arn".into()),
        };
        Entry {
            payload: Arc::new(payload),
            sent_at: Moment::from_micros(1),
            first_received_at: Some(Moment::from_micros(2)),
            receive_count: 3,
            carried_count: 1,
            state: State::InFlight { until: Moment::from_micros(4) },
            place: Place::default(),
        }
    }

    #[test]
    fn every_record_is_read_back_as_it_was_written() {
        let (entry, moment) = (entry(), Moment::from_micros(5));
        let original = Original { message_id: Uuid::from_u128(8), sequence: 9, accepted_at: moment };
        let records = [
            Record::Stored { queue: 1, sequence: 2, entry: &entry, origin: Some((3, 4)) },
            Record::Received { queue: 1, sequence: 2, receive_count: 3, at: moment, until: moment },
            Record::Extended { queue: 1, sequence: 2, until: moment },
            Record::Gone { queue: 1, sequence: 2 },
            Record::Purged { queue: 1, up_to: 2 },
            Record::Remembered { queue: 1, key: "k", original },
        ];
        let mut bytes = Vec::new();
        let lengths: Vec<usize> = records.iter().map(|record| record.encode(&mut bytes)).collect();
        let mut rest = bytes.as_slice();
        let mut told = Vec::new();
        for length in lengths {
            let Next::Record(record, taken) = decode(rest) else { panic!("unreadable") };
            assert_eq!(taken, length);
            told.push(record);
            rest = &rest[taken..];
        }
        assert_eq!(decode(rest), Next::End);
        assert_eq!(told[0], Told::Stored { queue: 1, sequence: 2, entry, origin: Some((3, 4)) });
        assert_eq!(told[5], Told::Remembered { queue: 1, key: "k".into(), original });
    }

    #[test]
    fn a_record_cut_anywhere_or_damaged_is_torn() {
        let entry = entry();
        let mut bytes = Vec::new();
        Record::Stored { queue: 1, sequence: 2, entry: &entry, origin: None }.encode(&mut bytes);
        for length in 1..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Next::Torn, "cut at {length}");
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert_eq!(decode(&damaged), Next::Torn, "damaged at {at}");
        }
    }
}
