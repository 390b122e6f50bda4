//! One seed per run, split by purpose, so that changing one part of a scenario leaves the draws of the others alone.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A seed for each purpose, all derived from the run's one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seeds {
    /// When buyers arrive, and how long users think.
    pub arrivals: u64,
    /// Who browses, who buys, and which product.
    pub buyers: u64,
    /// How many pieces.
    pub quantities: u64,
    /// Double clicks, back-off, coming back; and the idempotency keys.
    pub behaviours: u64,
    /// Who is hostile, and how.
    pub hostile: u64,
    /// What goes wrong, and for whom. A plan that was saved before there were faults has none.
    #[serde(default)]
    pub faults: u64,
    /// Which faults a swarm draws, and when they strike. A plan that was saved before there were swarms has none.
    #[serde(default)]
    pub swarm: u64,
}

impl Seeds {
    /// Whether they are the ones that were saved.
    pub(super) fn are(&self, saved: &Self) -> bool {
        let before_swarms = Self { swarm: 0, ..*self };
        let before_faults = Self { faults: 0, ..before_swarms };
        saved == self || *saved == before_swarms || *saved == before_faults
    }

    /// Splits the run's seed.
    #[must_use]
    pub fn split(seed: u64) -> Self {
        let for_purpose = |number: u64| draws(seed, [number, u64::MAX]).random();
        Self {
            arrivals: for_purpose(1),
            buyers: for_purpose(2),
            quantities: for_purpose(3),
            behaviours: for_purpose(4),
            hostile: for_purpose(5),
            faults: for_purpose(6),
            swarm: for_purpose(7),
        }
    }
}

/// Draws that depend on the seed and on what they are for, and on nothing that happened before: interleaving cannot change them.
pub(crate) fn draws(seed: u64, about: [u64; 2]) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (chunk, number) in key.chunks_exact_mut(8).zip([seed, about[0], about[1], 0]) {
        chunk.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_purpose_has_a_seed_of_its_own() {
        let seeds = Seeds::split(7);
        assert_eq!(seeds, Seeds::split(7));
        let mut all = vec![seeds.arrivals, seeds.buyers, seeds.quantities, seeds.behaviours, seeds.hostile, seeds.faults, 7];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 7);
        assert_ne!(seeds, Seeds::split(8));
    }
}
