//! The only source of chance: a keyed hash of what the decision is about.
//!
//! Of whom a decision is about, one hash is made ([`Whom`]); each rule has two keys of its own ([`Dice`]), made when it comes into force. A throw mixes the
//! two, so that a decision hashes text once, however many rules there are.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::fault::Point;

/// Second half of the hash's key; the first is the seed. Any constant would do, for ever the same one.
const KEY: u64 = 0x6368_616f_732d_7632;

/// Spreads small numbers over 64 bits; the golden ratio's fraction, odd.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A share of all requests, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

/// A number that is no share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a share between 0 and 1; write 0.3 for thirty percent")]
pub struct ShareError(f64);

impl Share {
    /// All of them.
    pub const ALL: Self = Self(1.0);

    /// A share between 0 (none) and 1 (all).
    ///
    /// # Errors
    /// [`ShareError`] for anything else.
    pub fn new(share: f64) -> Result<Self, ShareError> {
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(ShareError(share)) }
    }

    /// As a number between 0 and 1.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }

    pub(super) fn covers(self, unit: f64) -> bool {
        unit < self.0
    }

    /// The same share, for throws as they are before they are numbers between 0 and 1.
    pub(super) fn threshold(self) -> Threshold {
        Threshold((self.0 * STEPS).ceil() as u64)
    }
}

/// Throws below this are covered by a share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threshold(u64);

impl Threshold {
    /// Covers all throws.
    pub(super) const ALL: Self = Self(u64::MAX);
}

/// Different throws: as many as a double between 0 and 1 holds exactly.
const STEPS: f64 = (1u64 << 53) as f64;

/// Whom a decision is about: a hop and an id, as one number that is the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whom(u64);

impl Whom {
    /// That id on that hop.
    #[must_use]
    pub fn new(hop: &str, id: &str) -> Self {
        Self(absorbed(absorbed(KEY, hop), id))
    }

    /// A number that stands for it at that point, in memories and tables.
    pub(crate) fn at(self, point: Point) -> u64 {
        mixed(self.0 ^ (point as u64 + 1).wrapping_mul(SPREAD))
    }

    /// The same for one of its attempts.
    pub(super) fn attempt_at(self, point: Point, attempt: u32) -> u64 {
        mixed(self.at(point).wrapping_add(self.0.wrapping_add(u64::from(attempt)).wrapping_mul(SPREAD)))
    }
}

/// What chance means for one rule: a key for each of two questions, so that they have independent answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice {
    strikes: u64,
    how_long: u64,
}

impl Dice {
    pub(super) fn of(seed: u64, rule: &str) -> Self {
        let key = |question: u8| {
            let mut hasher = SipHasher24::new_with_keys(seed, KEY);
            hasher.write_u8(question);
            hash_text(&mut hasher, rule);
            hasher.finish()
        };
        Self { strikes: key(1), how_long: key(2) }
    }

    /// Whether a share covers what [`Self::strikes`] will say.
    #[inline]
    pub(super) fn may_strike(self, share: Threshold, whom: Whom, attempt: u32) -> bool {
        throw(self.strikes, whom, attempt) < share.0
    }

    /// Whether it strikes: uniform in [0, 1).
    pub(super) fn strikes(self, whom: Whom, attempt: u32) -> f64 {
        unit(self.strikes, whom, attempt)
    }

    /// How long it takes: uniform in [0, 1).
    pub(super) fn how_long(self, whom: Whom, attempt: u32) -> f64 {
        unit(self.how_long, whom, attempt)
    }
}

/// Uniform in [0, 1), the same on every machine.
fn unit(key: u64, whom: Whom, attempt: u32) -> f64 {
    throw(key, whom, attempt) as f64 / STEPS
}

/// Uniform from 0 to [`STEPS`].
#[inline]
fn throw(key: u64, whom: Whom, attempt: u32) -> u64 {
    // The upper 53 bits are what a double holds exactly.
    mixed(whom.0.wrapping_add(u64::from(attempt).wrapping_mul(SPREAD)) ^ key) >> 11
}

/// Every bit of the result depends on every bit given: the finalizer of SplitMix64 (Stafford's variant 13).
fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A text taken into a hash, eight bytes at a time. Its length goes first, so that ("ab", "c") and ("a", "bc") differ.
fn absorbed(hash: u64, text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks();
    let hash = words.iter().fold(mixed(hash ^ text.len() as u64), |hash, word| mixed(hash ^ u64::from_le_bytes(*word)));
    let last = rest.iter().rev().fold(0, |word, byte| (word << 8) | u64::from(*byte));
    mixed(hash ^ last)
}

/// A number that stands for these texts.
pub(crate) fn fingerprint(parts: &[&str]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(0, KEY);
    for part in parts {
        hash_text(&mut hasher, part);
    }
    hasher.finish()
}

/// An id in the shape of a UUID for an answer that nobody gave.
pub(crate) fn forged_id(parts: &[&str], number: u64) -> String {
    let low = fingerprint(parts);
    let mut hasher = SipHasher24::new_with_keys(number, low);
    hasher.write(&number.to_le_bytes());
    let high = hasher.finish();
    format!("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", high >> 32, (high >> 16) & 0xffff, high & 0xfff, low >> 52, low & 0xffff_ffff_ffff)
}

/// The length goes first, so that ("ab", "c") and ("a", "bc") differ.
fn hash_text(hasher: &mut impl Hasher, text: &str) {
    hasher.write(&(text.len() as u64).to_le_bytes());
    hasher.write(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_of_two_rules_two_seeds_and_two_attempts_have_nothing_to_do_with_each_other() {
        let (one, other, elsewhere) = (Dice::of(7, "lost"), Dice::of(7, "late"), Dice::of(8, "lost"));
        let mut together = [0_u32; 4];
        for n in 0..10_000 {
            let whom = Whom::new("sales", &format!("order-{n}"));
            let hit = |unit: f64| unit < 0.2;
            let first = hit(one.strikes(whom, 0));
            let others = [one.how_long(whom, 0), other.strikes(whom, 0), elsewhere.strikes(whom, 0), one.strikes(whom, 1)]
                .map(|unit| first && hit(unit));
            for (sum, both) in together.iter_mut().zip(others) {
                *sum += u32::from(both);
            }
        }
        // 4 % of 10,000 by chance; standard deviation 20.
        assert!(together.iter().all(|both| (300..=500).contains(both)), "{together:?}");
    }

    #[test]
    fn a_threshold_says_what_its_share_says() {
        let dice = Dice::of(7, "lost");
        for share in [0.0, 1e-6, 0.2, 0.5, 1.0 - 1e-9, 1.0] {
            let share = Share::new(share).unwrap();
            for n in 0..1_000 {
                let whom = Whom::new("sales", &n.to_string());
                assert_eq!(dice.may_strike(share.threshold(), whom, 3), share.covers(dice.strikes(whom, 3)), "{share:?} {n}");
            }
        }
    }

    #[test]
    fn an_attempt_at_a_point_has_a_number_of_its_own() {
        let whom = Whom::new("sales", "a");
        let mut numbers: Vec<u64> = Point::ALL.iter().flat_map(|point| (0..100).map(|attempt| whom.attempt_at(*point, attempt))).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 500);
    }

    #[test]
    fn no_share_is_none_even_of_the_smallest_number_and_all_is_all() {
        let none = Share::new(0.0).expect("nothing is a share");
        assert!(!none.covers(0.0) && Share::ALL.covers(0.0) && Share::ALL.covers(1.0 - f64::EPSILON));
    }

    #[test]
    fn a_forged_id_looks_like_a_uuid_and_is_another_for_other_messages_and_numbers() {
        let id = forged_id(&["queue", "message"], 1);
        let shape: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!((shape, &id[14..15]), (vec![8, 4, 4, 4, 12], "4"), "{id}");
        assert_eq!(id, forged_id(&["queue", "message"], 1));
        assert!(id != forged_id(&["queue", "message"], 2) && id != forged_id(&["queue", "other"], 1));
    }
}
