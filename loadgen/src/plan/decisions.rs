//! What a buyer decides when answers come. Each decision is drawn by what it is about, never from a shared stream.

use std::time::Duration;

use rand::{Rng, RngExt};
use uuid::Builder;

use super::seeds::draws;
use crate::scenario::Buyers;

/// No pause between repetitions is longer, however many there were.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

/// The decisions of one arrival's buyer. Orders count from 0: the first, and one for each coming back.
#[derive(Debug, Clone, Copy)]
pub struct Decisions<'a> {
    buyers: &'a Buyers,
    seed: u64,
    index: u64,
}

impl<'a> Decisions<'a> {
    pub(super) fn new(buyers: &'a Buyers, seed: u64, index: u64) -> Self {
        Self { buyers, seed, index }
    }

    /// Idempotency key of an order: a UUID.
    #[must_use]
    pub fn key(&self, order: u32) -> String {
        let mut bytes = [0; 16];
        self.about(1, order, 0).fill_bytes(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Pause before the given repetition (counts from 1) of an order; None when there is none left.
    #[must_use]
    pub fn repeats(&self, order: u32, repetition: u32) -> Option<Duration> {
        let doubled = self.buyers.retry_after.saturating_mul(2_u32.saturating_pow(repetition.saturating_sub(1)));
        let factor = self.about(2, order, repetition).random_range(0.5..1.5);
        (repetition <= self.buyers.retries).then(|| doubled.min(LONGEST_BACK_OFF).mul_f64(factor))
    }

    /// Time until a buyer whose given order was refused comes back with the next one; None when that one gives up.
    #[must_use]
    pub fn comes_back(&self, order: u32) -> Option<Duration> {
        let mut draw = self.about(3, order, 0);
        let comes = draw.random::<f64>() < self.buyers.come_back && order < self.buyers.come_backs;
        comes.then(|| self.buyers.come_back_after.mul_f64(draw.random_range(0.5..1.5)))
    }

    fn about(&self, purpose: u64, order: u32, number: u32) -> impl Rng + use<> {
        draws(self.seed, [self.index, (purpose << 56) | (u64::from(order) << 24) | u64::from(number)])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn buyers() -> Buyers {
        Buyers {
            browse: 0.0,
            quantities: BTreeMap::from([(1, 1.0)]),
            double_click: 0.0,
            patience: Duration::from_secs(1),
            retries: 2,
            retry_after: Duration::from_millis(100),
            come_back: 1.0,
            come_back_after: Duration::from_secs(4),
            come_backs: 1,
        }
    }

    #[test]
    fn repetitions_are_bounded_and_their_pauses_grow() {
        let buyers = buyers();
        let decisions = Decisions::new(&buyers, 9, 1);
        let first = decisions.repeats(0, 1).unwrap();
        let second = decisions.repeats(0, 2).unwrap();
        assert!((50..150).contains(&first.as_millis()), "{first:?}");
        assert!((100..300).contains(&second.as_millis()), "{second:?}");
        assert_eq!(decisions.repeats(0, 3), None);
    }

    #[test]
    fn a_refused_buyer_comes_back_as_often_as_allowed() {
        let buyers = buyers();
        let decisions = Decisions::new(&buyers, 9, 1);
        let delay = decisions.comes_back(0).unwrap();
        assert!((2_000..6_000).contains(&delay.as_millis()), "{delay:?}");
        assert_eq!(decisions.comes_back(1), None);
    }
}
