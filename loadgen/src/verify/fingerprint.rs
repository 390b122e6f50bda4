//! Ids as numbers: a history of ten million orders is judged without holding a single one of their names.
//!
//! A name is reduced to 96 bits of its SipHash-1-3 digest. Among ten million names the chance that any two share a fingerprint is about 10⁻¹⁵,
//! far below that of a memory error. The names come back when a witness is gathered, by reading the history again.

use std::hash::{BuildHasherDefault, Hasher};

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
        Self::of_parts(kind, [name.as_bytes()])
    }

    /// Of an attempt's number.
    pub(super) fn of_number(kind: Kind, number: u64) -> Self {
        Self::of_parts(kind, [number.to_le_bytes().as_slice()])
    }

    /// Of a key together with what was asked for under it.
    pub(super) fn of_body(key: &str, product: &str, quantity: u64) -> Self {
        let quantity = quantity.to_le_bytes();
        Self::of_parts(Kind::OtherBody, [quantity.as_slice(), product.as_bytes(), b" ", key.as_bytes()])
    }

    /// Of a message as it passed a hop.
    pub(super) fn of_delivery(hop: &str, message: &str) -> Self {
        Self::of_parts(Kind::Message, [hop.as_bytes(), b" ", message.as_bytes()])
    }

    /// Its three words, each as random as the others.
    pub(super) fn words(self) -> [u32; 3] {
        self.0
    }

    fn of_parts<const N: usize>(kind: Kind, parts: [&[u8]; N]) -> Self {
        let mut hasher = SipHasher13::new_with_keys(kind as u64, 0);
        for part in parts {
            hasher.write(part);
        }
        let digest = hasher.finish128();
        Self([digest.h1 as u32, (digest.h1 >> 32) as u32, digest.h2 as u32])
    }
}

/// Hashes numbers that come one after the other, and fingerprints, which are hashes already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Numbered(u64);

/// Builds [`Numbered`].
pub(super) type ByNumber = BuildHasherDefault<Numbered>;

impl Hasher for Numbered {
    fn finish(&self) -> u64 {
        // Tables use the upper bits as well as the lower ones: the golden ratio brings something into both.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = self.0.rotate_left(32) ^ number;
    }
}

/// The few names that are kept in full: products, queues, topics, consumers.
#[derive(Debug, Default)]
pub(super) struct Names {
    names: Vec<String>,
    rows: std::collections::HashMap<String, u32>,
    /// The row that was last asked for; mostly it is asked for again.
    last: u32,
}

impl Names {
    /// The row of a name.
    pub(super) fn intern(&mut self, name: &str) -> u32 {
        if self.names.get(self.last as usize).is_some_and(|last| last == name) {
            return self.last;
        }
        self.last = match self.rows.get(name) {
            Some(row) => *row,
            None => {
                let row = u32::try_from(self.names.len()).expect("fewer than four billion products");
                self.names.push(name.to_owned());
                self.rows.insert(name.to_owned(), row);
                row
            }
        };
        self.last
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
    fn the_same_name_of_two_kinds_is_two_things() {
        assert_ne!(Fingerprint::of(Kind::Key, "a"), Fingerprint::of(Kind::Order, "a"));
    }
}
