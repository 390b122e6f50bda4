//! Ids as numbers: a history of ten million orders is judged without holding a single one of their names.
//!
//! A name is reduced to 96 bits of its SipHash-1-3 digest. Among ten million names the chance that any two share a fingerprint is about 10⁻¹⁵,
//! far below that of a memory error. The names come back when a witness is gathered, by reading the history again.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// Ninety-six bits that stand for a name. Three words, so that a table of them has no padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Fingerprint([u32; 3]);

/// Keeps equal names of different kinds apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An idempotency key.
    Key = 1,
    /// The number of an attempt that came without a key: an order of its own.
    Keyless = 2,
    /// An order id.
    Order = 3,
    /// A production id.
    Production = 4,
    /// The business id of a message, or whatever a consumer records it under.
    Message = 5,
    /// A sold-out episode.
    Episode = 6,
    /// A key that was used again for another product or quantity, with that product and quantity.
    OtherBody = 7,
}

impl Fingerprint {
    /// Of a name.
    pub(super) fn of(kind: Kind, name: &str) -> Self {
        Self::of_bytes(kind, name.as_bytes())
    }

    /// Of an attempt's number.
    pub(super) fn of_number(kind: Kind, number: u64) -> Self {
        Self::of_bytes(kind, &number.to_le_bytes())
    }

    /// Of a key together with what was asked for under it.
    pub(super) fn of_body(key: &str, product: &str, quantity: u64) -> Self {
        Self::of_bytes(Kind::OtherBody, format!("{quantity} {product} {key}").as_bytes())
    }

    fn of_bytes(kind: Kind, bytes: &[u8]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(kind as u64, 0);
        hasher.write(bytes);
        let digest = hasher.finish128().as_bytes();
        let word = |at: usize| u32::from_le_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]]);
        Self([word(0), word(4), word(8)])
    }
}

/// Rows numbered in the order in which their fingerprints were first seen. Sixteen to twenty bytes a row.
#[derive(Debug, Default)]
pub(super) struct Interner {
    rows: Vec<Fingerprint>,
    /// Open addressing, row + 1; zero is empty. Length is a power of two.
    slots: Vec<u32>,
}

impl Interner {
    /// The row of a fingerprint, and whether it is new.
    pub(super) fn intern(&mut self, fingerprint: Fingerprint) -> (u32, bool) {
        if self.rows.len() * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let slot = self.slot_of(fingerprint);
        if self.slots[slot] != 0 {
            return (self.slots[slot] - 1, false);
        }
        let row = u32::try_from(self.rows.len()).expect("a history of four billion names does not fit the disk it would be on");
        self.rows.push(fingerprint);
        self.slots[slot] = row + 1;
        (row, true)
    }

    /// The row of a fingerprint that may not be there.
    pub(super) fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        self.slots[self.slot_of(fingerprint)].checked_sub(1)
    }

    /// The fingerprint of a row.
    pub(super) fn fingerprint(&self, row: u32) -> Fingerprint {
        self.rows[row as usize]
    }

    fn slot_of(&self, fingerprint: Fingerprint) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = fingerprint.0[0] as usize & mask;
        while let Some(row) = self.slots[slot].checked_sub(1) {
            if self.rows[row as usize] == fingerprint {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn grow(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(1024)];
        for (row, fingerprint) in (1u32..).zip(std::mem::take(&mut self.rows)) {
            let slot = self.slot_of(fingerprint);
            self.slots[slot] = row;
            self.rows.push(fingerprint);
        }
    }
}

/// The few names that are kept in full: products, queues, topics, consumers.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<String>,
    rows: std::collections::HashMap<String, u32>,
}

impl Names {
    /// The row of a name.
    pub(super) fn intern(&mut self, name: &str) -> u32 {
        if let Some(row) = self.rows.get(name) {
            return *row;
        }
        let row = u32::try_from(self.names.len()).expect("fewer than four billion products");
        self.names.push(name.to_owned());
        self.rows.insert(name.to_owned(), row);
        row
    }

    /// The name of a row.
    pub(super) fn name(&self, row: u32) -> &str {
        self.names.get(row as usize).map_or("(no product)", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_again_after_the_table_grew_many_times() {
        let mut interner = Interner::default();
        for n in 0..50_000u64 {
            assert_eq!(interner.intern(Fingerprint::of_number(Kind::Keyless, n)), (u32::try_from(n).unwrap(), true));
        }
        for n in 0..50_000u64 {
            let fingerprint = Fingerprint::of_number(Kind::Keyless, n);
            assert_eq!(interner.intern(fingerprint), (u32::try_from(n).unwrap(), false));
            assert_eq!(interner.fingerprint(u32::try_from(n).unwrap()), fingerprint);
        }
        assert_eq!(interner.find(Fingerprint::of_number(Kind::Keyless, 50_000)), None);
    }

    #[test]
    fn the_same_name_of_two_kinds_is_two_things() {
        assert_ne!(Fingerprint::of(Kind::Key, "a"), Fingerprint::of(Kind::Order, "a"));
    }
}
