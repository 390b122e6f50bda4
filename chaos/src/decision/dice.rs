//! The only source of chance: a keyed hash of what the decision is about.

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

/// Second half of the hash's key; the first is the seed. Any constant would do, for ever the same one.
const KEY: u64 = 0x6368_616f_732d_7631;

/// A share of all requests, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

/// A number that is no share.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a share between 0 and 1")]
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
}

/// What is being decided, so that two questions about one request have independent answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Question {
    Strikes,
    HowLong,
}

/// Uniform in [0, 1), the same on every machine.
pub(super) fn unit(seed: u64, question: Question, rule: &str, id: &str, hop: &str, attempt: u32) -> f64 {
    let mut hasher = SipHasher24::new_with_keys(seed, KEY);
    hasher.write_u8(match question {
        Question::Strikes => 1,
        Question::HowLong => 2,
    });
    for part in [rule, id, hop] {
        part_of(&mut hasher, part);
    }
    hasher.write(&attempt.to_le_bytes());
    // The upper 53 bits are what a double holds exactly.
    (hasher.finish() >> 11) as f64 / (1u64 << 53) as f64
}

/// A number that stands for these texts in a bounded memory.
pub(crate) fn fingerprint(parts: &[&str]) -> u64 {
    let mut hasher = SipHasher24::new_with_keys(0, KEY);
    for part in parts {
        part_of(&mut hasher, part);
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
fn part_of(hasher: &mut SipHasher24, part: &str) {
    hasher.write(&(part.len() as u64).to_le_bytes());
    hasher.write(part.as_bytes());
}
