//! Rows of the model that are about the pipeline behind the sale.

use super::{Micros, NEVER, NONE};

/// One production: what was promised, asked, produced and applied.
#[derive(Debug, Clone)]
pub(in crate::verify) struct Production {
    /// Row of its product.
    pub(in crate::verify) product: u32,
    /// Rows in the ledger's table of productions.
    pub(in crate::verify) rows: u32,
    /// Pieces asked of the factory, as the ledger says.
    pub(in crate::verify) quantity: i64,
    /// Pieces of refused demand that it must cover, as the ledger says.
    pub(in crate::verify) shortage: i64,
    /// The ledger says that its goods arrived.
    pub(in crate::verify) applied: bool,
    /// Restock rows that name it.
    pub(in crate::verify) restock_rows: u32,
    /// Σ of their pieces.
    pub(in crate::verify) restocked: i64,
    /// Σ of what was offered for it, and may have been applied beyond its restock rows.
    pub(in crate::verify) possible: i64,
    /// Row of the product that its goods raised.
    pub(in crate::verify) restocked_product: u32,
    /// When it was first seen to be applied.
    pub(in crate::verify) seen_at: Micros,
    /// Pieces that were seen to be applied.
    pub(in crate::verify) seen: i64,
    /// A message about it is in a dead-letter queue on the way to or from the factory.
    pub(in crate::verify) captured: bool,
}

impl Production {
    pub(super) fn new() -> Self {
        Self {
            product: NONE,
            rows: 0,
            quantity: 0,
            shortage: 0,
            applied: false,
            restock_rows: 0,
            restocked: 0,
            possible: 0,
            restocked_product: NONE,
            seen_at: NEVER,
            seen: 0,
            captured: false,
        }
    }
}

/// One business id under which messages travel: three bits per consumer.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::verify) struct MessageRow {
    bits: u32,
    /// How often its publication was seen.
    pub(in crate::verify) published: u8,
    /// It is in a dead-letter queue.
    pub(in crate::verify) captured: bool,
}

impl MessageRow {
    /// Consumers that a row has bits for.
    pub(in crate::verify) const CONSUMERS: usize = 10;

    pub(super) fn publish_to(&mut self, consumer: usize) {
        self.bits |= 1 << (consumer * 3);
    }

    pub(super) fn done_by(&mut self, consumer: usize) {
        self.bits |= 2 << (consumer * 3);
    }

    pub(super) fn captured_from(&mut self, consumer: usize) {
        self.bits |= 4 << (consumer * 3);
    }

    /// It was published where this consumer's queue hangs.
    pub(in crate::verify) fn was_published_to(self, consumer: usize) -> bool {
        self.bits & (1 << (consumer * 3)) != 0
    }

    /// The consumer recorded it.
    pub(in crate::verify) fn was_done_by(self, consumer: usize) -> bool {
        self.bits & (2 << (consumer * 3)) != 0
    }

    /// It sits in the consumer's dead-letter queue.
    pub(in crate::verify) fn was_captured_from(self, consumer: usize) -> bool {
        self.bits & (4 << (consumer * 3)) != 0
    }
}

/// One sold-out episode.
#[derive(Debug, Clone, Copy)]
pub(in crate::verify) struct Episode {
    /// Row of its product.
    pub(in crate::verify) product: u32,
    /// The ledger has it.
    pub(in crate::verify) exists: bool,
    /// Mails that name it.
    pub(in crate::verify) mails: u32,
    /// Row of the product that the first of them names.
    pub(in crate::verify) named: u32,
    /// Mails that name another product than the first.
    pub(in crate::verify) mails_elsewhere: u32,
}

/// One call that reached the factory; all times on the factory's own clock.
#[derive(Debug, Clone, Copy)]
pub(in crate::verify) struct Call {
    pub(in crate::verify) production: u32,
    pub(in crate::verify) product: u32,
    pub(in crate::verify) quantity: i64,
    pub(in crate::verify) received: u64,
    pub(in crate::verify) answered: Option<u64>,
    pub(in crate::verify) accepted: bool,
    pub(in crate::verify) produced: Option<u64>,
    pub(in crate::verify) callbacks: u32,
}

/// One message in a dead-letter queue.
#[derive(Debug, Clone, Copy)]
pub(in crate::verify) struct DeadLetterRow {
    /// Row of the queue's name.
    pub(in crate::verify) queue: u32,
    /// Row of the business id by which its consumer would have recorded it, or [`NONE`].
    pub(in crate::verify) message: u32,
    /// The harness put it there as poison.
    pub(in crate::verify) poison: bool,
    /// It is on the way to or from the factory, and names no production.
    pub(in crate::verify) unattributed_request: bool,
}

/// What was seen of one fault rule.
#[derive(Debug, Clone)]
pub(in crate::verify) struct FaultSeen {
    pub(in crate::verify) effective: bool,
    pub(in crate::verify) fired: u64,
    /// First moment at which it may have changed anything.
    pub(in crate::verify) first: Micros,
    pub(in crate::verify) healed: Option<Micros>,
    /// Last moment at which it struck or took effect.
    pub(in crate::verify) last: Micros,
    /// Why it could not be proved to be gone.
    pub(in crate::verify) unhealed: Option<String>,
}
