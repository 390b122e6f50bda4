//! Rows of the model that are about the sale: orders, and the ids they are known by.

use super::{Micros, NEVER, NO_STOCK, NONE};

/// Bits of [`Order::flags`].
pub(in crate::verify) mod flag {
    /// Somebody attempted it (it is not only in the ledger).
    pub(crate) const ATTEMPTED: u16 = 1;
    /// An attempt was answered as sold.
    pub(crate) const SOLD: u16 = 1 << 1;
    /// An attempt was answered as sold out.
    pub(crate) const REFUSED: u16 = 1 << 2;
    /// An attempt failed in another way (bad request, shed, never sent).
    pub(crate) const FAILED: u16 = 1 << 3;
    /// What became of an attempt is not known.
    pub(crate) const INFO: u16 = 1 << 4;
    /// The ledger's product or quantity is not what was asked for.
    pub(crate) const LEDGER_DIFFERS: u16 = 1 << 5;
    /// A hostile request without a meaningful quantity: it must never be sold.
    pub(crate) const HOSTILE: u16 = 1 << 6;
    /// Two attempts were answered under two order ids.
    pub(crate) const TWO_IDS: u16 = 1 << 7;
    /// An answer names a quantity that was not asked for.
    pub(crate) const ANSWER_DIFFERS: u16 = 1 << 8;
    /// The ledger names another production than the answer.
    pub(crate) const TWO_PRODUCTIONS: u16 = 1 << 9;
    /// It came under a key that already stood for another product or quantity.
    pub(crate) const KEY_REUSED: u16 = 1 << 10;
    /// An attempt was told that the same order is in flight already: somebody else decides it, perhaps a copy that the network made.
    pub(crate) const IN_FLIGHT: u16 = 1 << 11;
}

/// Bits of [`OrderId::flags`].
pub(in crate::verify) mod id_flag {
    /// The ledger has it as sold.
    pub(crate) const LEDGER_SOLD: u8 = 1;
    /// The ledger has it as refused.
    pub(crate) const LEDGER_REFUSED: u8 = 1 << 1;
    /// The operations team has it as sold.
    pub(crate) const OPERATION_SOLD: u8 = 1 << 2;
    /// The operations team has it as refused.
    pub(crate) const OPERATION_REFUSED: u8 = 1 << 3;
    /// Its sales event is in the dead-letter queue of a consumer that records by message.
    pub(crate) const CAPTURED: u8 = 1 << 4;
    /// The operations team has more than one row of it.
    pub(crate) const OPERATION_TWICE: u8 = 1 << 5;
}

/// One order: everything known of all attempts under one key.
#[derive(Debug, Clone)]
pub(in crate::verify) struct Order {
    /// When its first attempt was about to be sent: it cannot have taken effect earlier.
    pub(in crate::verify) first_invoke: Micros,
    /// When the first answer that says "sold" (or, lacking one, "sold out") was complete: by then it certainly was decided.
    pub(in crate::verify) decided_at: Micros,
    /// Pieces asked for.
    pub(in crate::verify) quantity: u32,
    /// Row of its product.
    pub(in crate::verify) product: u32,
    /// Row of the order id it was answered under.
    pub(in crate::verify) order_id: u32,
    /// Row of the production it was promised.
    pub(in crate::verify) production: u32,
    /// Stock that its first decisive answer named.
    pub(in crate::verify) stock: i32,
    /// [`flag`]s.
    pub(in crate::verify) flags: u16,
    /// Rows in the ledger that sell it.
    pub(in crate::verify) ledger_sold: u8,
    /// Rows in the ledger that refuse it.
    pub(in crate::verify) ledger_refused: u8,
}

impl Order {
    pub(super) fn new() -> Self {
        Self {
            first_invoke: NEVER,
            decided_at: NEVER,
            quantity: 0,
            product: NONE,
            order_id: NONE,
            production: NONE,
            stock: NO_STOCK,
            flags: 0,
            ledger_sold: 0,
            ledger_refused: 0,
        }
    }

    /// Whether any of these [`flag`]s is set.
    pub(in crate::verify) fn is(&self, flags: u16) -> bool {
        self.flags & flags != 0
    }

    /// Pieces, ready for sums.
    pub(in crate::verify) fn pieces(&self) -> i64 {
        i64::from(self.quantity)
    }

    /// Every attempt failed for certain, and at least one was made.
    pub(in crate::verify) fn certainly_failed(&self) -> bool {
        self.is(flag::ATTEMPTED) && !self.is(flag::SOLD | flag::INFO)
    }

    /// Nobody was told what became of it.
    pub(in crate::verify) fn unresolved(&self) -> bool {
        self.is(flag::INFO) && !self.is(flag::SOLD | flag::REFUSED)
    }
}

/// One order id, as answers, ledger and operations know it.
#[derive(Debug, Clone, Copy)]
pub(in crate::verify) struct OrderId {
    /// Row of the order it belongs to, or [`NONE`].
    pub(in crate::verify) order: u32,
    /// [`id_flag`]s.
    pub(in crate::verify) flags: u8,
}
