//! Fingerprints into rows, tens of millions of them.
//!
//! The table is too large for any cache, and what a look at it costs is the time that memory takes to answer. So it is looked at as seldom as can be: most
//! names come back in about the order in which they were first seen, for the ledger is read in the order of the orders, and the rows around the last one
//! come first. And it is looked at in many places at once: whoever knows what will be asked soon says so ([`Interner::expect`], [`Interner::approach`]).

use super::fingerprint::Fingerprint;

/// How far from the last row the next one is looked for.
const NEAR: u32 = 4;

/// Slots of the smallest table.
const FEWEST_SLOTS: usize = 1024;

/// Rows that are put into a new table together.
const TOGETHER: usize = 32;

/// Rows numbered in the order in which their fingerprints were first seen. Seventeen to twenty-three bytes a row.
#[derive(Debug, Default)]
pub(super) struct Interner {
    rows: Vec<Fingerprint>,
    /// Open addressing. Length is a power of two; as many lower bits are row + 1, and the bits above them are of the fingerprint, so that rows
    /// of others are hardly ever looked at. Zero is empty.
    slots: Vec<u32>,
    /// The row that was last asked for.
    last: u32,
    /// Slots that will be looked at soon.
    expected: Vec<usize>,
}

impl Interner {
    /// The row of a fingerprint, and whether it is new.
    pub(super) fn intern(&mut self, fingerprint: Fingerprint) -> (u32, bool) {
        if let Some(row) = self.near(fingerprint) {
            self.last = row;
            return (row, false);
        }
        // A full table would have room for a row that does not fit into its slots' lower bits.
        if self.rows.len() * 4 >= self.slots.len() * 3 {
            self.grow();
        }
        let (slot, known) = self.search(fingerprint);
        self.last = known.unwrap_or_else(|| {
            let row = u32::try_from(self.rows.len()).expect("a history of four billion names does not fit the disk it would be on");
            self.rows.push(fingerprint);
            self.slots[slot] = self.tag(fingerprint) | (row + 1);
            row
        });
        (self.last, known.is_none())
    }

    /// The row of a fingerprint that may not be there.
    pub(super) fn find(&mut self, fingerprint: Fingerprint) -> Option<u32> {
        let searched = || if self.slots.is_empty() { None } else { self.search(fingerprint).1 };
        let row = self.near(fingerprint).or_else(searched)?;
        self.last = row;
        Some(row)
    }

    /// It will be asked for soon.
    pub(super) fn expect(&mut self, fingerprint: Fingerprint) {
        self.expected.push(self.home(fingerprint));
    }

    /// Looks at the places of all that is expected. Nothing depends on what is read but that it is near afterwards, so the processor waits for all of them
    /// at once.
    pub(super) fn approach(&mut self) {
        let read = self.expected.drain(..).fold(0, |sum, slot| sum ^ self.slots.get(slot).copied().unwrap_or(0));
        std::hint::black_box(read);
    }

    /// The fingerprint of a row.
    pub(super) fn fingerprint(&self, row: u32) -> Fingerprint {
        self.rows[row as usize]
    }

    fn near(&self, fingerprint: Fingerprint) -> Option<u32> {
        let from = self.last.saturating_sub(NEAR);
        let rows = self.rows.get(from as usize..)?;
        let place = rows.iter().take(2 * NEAR as usize + 1).position(|row| *row == fingerprint)?;
        Some(from + place as u32)
    }

    /// The slot of a fingerprint and its row, or a free slot for it.
    fn search(&self, fingerprint: Fingerprint) -> (usize, Option<u32>) {
        let mask = self.slots.len() - 1;
        let tag = self.tag(fingerprint);
        let mut slot = self.home(fingerprint);
        loop {
            let found = self.slots[slot];
            let Some(row) = (found & mask as u32).checked_sub(1) else { return (slot, None) };
            if found & !(mask as u32) == tag && self.rows[row as usize] == fingerprint {
                return (slot, Some(row));
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The slot where a fingerprint is looked for first.
    fn home(&self, fingerprint: Fingerprint) -> usize {
        fingerprint.words()[0] as usize & self.slots.len().wrapping_sub(1)
    }

    /// Bits of the fingerprint that do not choose the slot, where the slot has room for them.
    fn tag(&self, fingerprint: Fingerprint) -> u32 {
        fingerprint.words()[1] & !(self.slots.len() as u32 - 1)
    }

    fn grow(&mut self) {
        let slots = (self.slots.len() * 2).max(FEWEST_SLOTS);
        // The old table goes before the new one comes.
        self.slots = Vec::new();
        self.slots = vec![0; slots];
        let mut row = 0;
        for together in self.rows.chunks(TOGETHER) {
            // As in `approach`.
            std::hint::black_box(together.iter().fold(0, |sum, fingerprint| sum ^ self.slots[self.home(*fingerprint)]));
            for fingerprint in together {
                row += 1;
                // Every one of them is another, so the first free slot is right.
                let mut slot = self.home(*fingerprint);
                while self.slots[slot] != 0 {
                    slot = (slot + 1) & (slots - 1);
                }
                self.slots[slot] = self.tag(*fingerprint) | row;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fingerprint::Kind;
    use super::*;

    fn number(n: u64) -> Fingerprint {
        Fingerprint::of_number(Kind::Keyless, n)
    }

    #[test]
    fn a_row_is_found_again_after_the_table_grew_many_times() {
        let mut interner = Interner::default();
        assert_eq!(interner.find(number(0)), None, "nothing is there yet");
        for n in 0..50_000u64 {
            assert_eq!(interner.intern(number(n)), (u32::try_from(n).unwrap(), true));
        }
        for n in 0..50_000u64 {
            assert_eq!(interner.intern(number(n)), (u32::try_from(n).unwrap(), false));
            assert_eq!(interner.fingerprint(u32::try_from(n).unwrap()), number(n));
        }
        assert_eq!(interner.find(number(50_000)), None);
    }

    #[test]
    fn rows_are_found_in_whatever_order_they_are_asked_for() {
        let mut interner = Interner::default();
        for n in 0..20_000u64 {
            assert_eq!(interner.intern(number(n)), (u32::try_from(n).unwrap(), true));
            // Somewhere far back, and not so far.
            for back in [n / 3, n.saturating_sub(17)] {
                assert_eq!(interner.find(number(back)), Some(u32::try_from(back).unwrap()));
            }
            assert_eq!(interner.find(number(n + 1)), None);
        }
        for n in (0..20_000u64).rev() {
            assert_eq!(interner.intern(number(n)), (u32::try_from(n).unwrap(), false));
        }
    }
}
