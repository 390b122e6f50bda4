//! What a real standard queue may do and a tidy one hides: duplicates, reordering, empty answers. Off unless asked for.
//!
//! Each decision is a function of the seed and of what it is about, never of a shared random stream, so interleaving does not change it.

use siphasher::sip::SipHasher13;

/// Shares (0 to 1) of operations on standard queues that show what SQS allows itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Unruly {
    /// Share of sent messages that are delivered twice, with the same MessageId.
    pub duplicate_share: f64,
    /// Share of deliveries that skip older messages.
    pub reorder_share: f64,
    /// Share of receives that answer empty though messages are there.
    pub empty_receive_share: f64,
}

/// Among how many of the oldest messages a reordered delivery picks.
const REORDER_WINDOW: usize = 64;

/// The seeded coin of one queue.
#[derive(Debug, Clone)]
pub(crate) struct Coin {
    seed: u64,
    shares: Unruly,
}

impl Coin {
    pub(crate) fn new(seed: u64, queue: &str, shares: Unruly) -> Self {
        Self { seed: SipHasher13::new_with_keys(seed, 0).hash(queue.as_bytes()), shares }
    }

    /// Whether the message with this sequence number is delivered twice.
    pub(crate) fn duplicates(&self, sequence: u64) -> bool {
        self.lands(b"duplicate", sequence, self.shares.duplicate_share)
    }

    /// How many of the visible messages the n-th delivery skips.
    pub(crate) fn skips(&self, delivery: u64, visible: usize) -> usize {
        let choice = visible.min(REORDER_WINDOW) as u64;
        if choice < 2 || !self.lands(b"reorder", delivery, self.shares.reorder_share) {
            return 0;
        }
        // Less than the window, so it fits.
        (1 + self.roll(b"skip", delivery) % (choice - 1)) as usize
    }

    /// Whether the n-th receive answers empty.
    pub(crate) fn answers_empty(&self, receive: u64) -> bool {
        self.lands(b"empty", receive, self.shares.empty_receive_share)
    }

    fn lands(&self, purpose: &[u8], about: u64, share: f64) -> bool {
        // 53 bits are what an f64 holds exactly.
        share > 0.0 && ((self.roll(purpose, about) >> 11) as f64) < share * (1u64 << 53) as f64
    }

    fn roll(&self, purpose: &[u8], about: u64) -> u64 {
        SipHasher13::new_with_keys(self.seed ^ about.wrapping_mul(0x9E37_79B9_7F4A_7C15), 0).hash(purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_repeatable() {
        let coin = Coin::new(7, "orders", Unruly { duplicate_share: 0.25, ..Unruly::default() });
        let hits = (0..10_000).filter(|sequence| coin.duplicates(*sequence)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!((0..1_000).all(|n| !coin.answers_empty(n) && coin.skips(n, 10) == 0));
        let reordering = Coin::new(7, "orders", Unruly { reorder_share: 1.0, ..Unruly::default() });
        assert!((0..1_000).all(|n| (1..5).contains(&reordering.skips(n, 5)) && reordering.skips(n, 1) == 0));
        let again = Coin::new(7, "orders", Unruly { duplicate_share: 0.25, ..Unruly::default() });
        assert!((0..1_000).all(|n| coin.duplicates(n) == again.duplicates(n)));
    }
}
