//! The database, and its transactions: each happens at once and entirely, or not at all.
//!
//! Where a transaction decides something, it asks [`reference::decisions`], as the SQL does.

use reference::decisions::{Next, Placement, Settlement, next, place, settle, shortage};
use reference::edition::Edition;
use reference::store::ProductionState;

use crate::world::{Answer, Message};

/// A row of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Row {
    /// Whose order; stands for its idempotency key.
    pub buyer: usize,
    /// Pieces.
    pub quantity: i64,
    /// Sold, or refused.
    pub sold: bool,
    /// The production that covers a refusal.
    pub production: Option<usize>,
    /// Pieces by which a refusal was short.
    pub shortage: i64,
}

/// A production order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Production {
    /// The shortage that it covers.
    pub quantity: i64,
    /// Where it stands.
    pub state: ProductionState,
    /// Whether the factory is known to have taken it.
    pub accepted: bool,
    /// How often it was requested.
    pub requests: u8,
    /// How often its goods raised the stock.
    pub applied: u8,
}

/// A row of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutboxRow {
    /// Never given twice.
    pub id: u8,
    /// What to publish.
    pub message: Message,
    /// How often it was claimed.
    pub claims: u8,
    /// Somebody has claimed it, and the claim has not lapsed.
    pub leased: bool,
}

/// A sold-out episode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Episode {
    /// Mails that were sent.
    pub mails: u8,
    /// The mail is noted as sent.
    pub noted: bool,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shop {
    /// Pieces at the start.
    pub initial: i64,
    /// Pieces now.
    pub stock: i64,
    /// Pieces that arrived, all in all.
    pub raised: i64,
    /// An episode goes on.
    pub sold_out: bool,
    /// Orders, as they were decided.
    pub ledger: Vec<Row>,
    /// Productions, by age.
    pub productions: Vec<Production>,
    /// Messages to be published, by age.
    pub outbox: Vec<OutboxRow>,
    /// Id of the next one.
    pub next_row: u8,
    /// How often operations has each row of the ledger.
    pub operations: Vec<u8>,
    /// Episodes.
    pub episodes: Vec<Episode>,
    /// An arrival was less than what was owed.
    pub came_short: bool,
}

impl Shop {
    /// A shop with so many pieces.
    #[must_use]
    pub fn new(initial: i64) -> Self {
        Self {
            initial,
            stock: initial,
            raised: 0,
            sold_out: false,
            ledger: Vec::new(),
            productions: Vec::new(),
            outbox: Vec::new(),
            next_row: 0,
            operations: Vec::new(),
            episodes: Vec::new(),
            came_short: false,
        }
    }

    /// The answer that a buyer's key got before.
    #[must_use]
    pub fn answered_before(&self, buyer: usize) -> Option<Answer> {
        let row = self.ledger.iter().find(|row| row.buyer == buyer)?;
        Some(Answer { sold: row.sold, production: row.production })
    }

    /// Decides a purchase: the stock is lowered if it suffices, else a production covers the refusal; row and messages come along.
    pub fn purchase(&mut self, buyer: usize, quantity: i64) -> Answer {
        if self.stock >= quantity {
            self.stock -= quantity;
            return self.record(Row { buyer, quantity, sold: true, production: None, shortage: 0 });
        }
        let (production, shortage) = self.cover_refusal(quantity);
        self.record(Row { buyer, quantity, sold: false, production: Some(production), shortage })
    }

    /// Writes the row, and the message about it.
    pub fn record(&mut self, row: Row) -> Answer {
        self.ledger.push(row);
        self.operations.push(0);
        self.put(Message::Sale(self.ledger.len() - 1));
        Answer { sold: row.sold, production: row.production }
    }

    /// The production that covers a refusal, and by how many pieces.
    pub fn cover_refusal(&mut self, wanted: i64) -> (usize, i64) {
        let requested = self.productions.iter().position(|production| production.state == ProductionState::Requested);
        let begins = !self.sold_out;
        if begins {
            self.sold_out = true;
            self.episodes.push(Episode::default());
        }
        let short = shortage(wanted, self.stock, requested.is_some());
        let production = match place(short, requested.is_some(), self.gathering()) {
            Placement::Request => {
                let production = self.begin(short);
                self.request(production);
                return (production, short);
            }
            placement => self.gather(placement, short),
        };
        if let Some(requested) = requested.filter(|_| begins) {
            self.announce(requested);
        }
        (production, short)
    }

    /// Raises the stock by what the factory made, once per production unless there is no inbox; requests what has gathered meanwhile.
    pub fn arrive(&mut self, production: usize, pieces: i64, edition: &Edition, inbox: bool) {
        let Production { quantity, state, .. } = self.productions[production];
        if matches!(state, ProductionState::Gathering | ProductionState::Waiting) {
            return;
        }
        let owed = match settle(pieces, quantity, edition.pieces_to_ask(quantity)) {
            Settlement::TooMany => return,
            Settlement::Full => 0,
            Settlement::Short(owed) => owed,
        };
        if state == ProductionState::Applied && inbox {
            return;
        }
        self.stock += pieces;
        self.raised += pieces;
        self.sold_out = false;
        if owed > 0 {
            self.came_short = true;
            // The production's own place is still taken: what is owed goes with what gathers.
            let placement = place(owed, true, self.gathering());
            self.gather(placement, owed);
        }
        let applied = &mut self.productions[production];
        applied.state = ProductionState::Applied;
        applied.applied += 1;
        self.promote();
    }

    /// Requests a production once more.
    pub fn request_again(&mut self, production: usize) {
        self.request(production);
    }

    /// What a request for a production calls for.
    #[must_use]
    pub fn next_for(&self, production: usize) -> Next {
        let production = &self.productions[production];
        next(production.state, production.accepted)
    }

    /// Whether everything that was promised has arrived.
    #[must_use]
    pub fn has_open_production(&self) -> bool {
        self.productions.iter().any(|production| production.state != ProductionState::Applied)
    }

    fn gathering(&self) -> Option<(usize, i64)> {
        let place = self.productions.iter().position(|production| production.state == ProductionState::Gathering)?;
        Some((place, self.productions[place].quantity))
    }

    fn gather(&mut self, placement: Placement<usize>, short: i64) -> usize {
        match placement {
            Placement::Join(production) => {
                self.productions[production].quantity += short;
                return production;
            }
            Placement::SealAndGather(production) => self.productions[production].state = ProductionState::Waiting,
            Placement::Request | Placement::Gather => {}
        }
        self.begin(short)
    }

    fn begin(&mut self, quantity: i64) -> usize {
        self.productions.push(Production { quantity, state: ProductionState::Gathering, accepted: false, requests: 0, applied: 0 });
        self.productions.len() - 1
    }

    fn request(&mut self, production: usize) {
        let requested = &mut self.productions[production];
        requested.state = ProductionState::Requested;
        requested.accepted = false;
        requested.requests += 1;
        self.announce(production);
    }

    /// Requests the production that has waited longest.
    fn promote(&mut self) {
        let waits = |state| matches!(state, ProductionState::Waiting | ProductionState::Gathering);
        if let Some(next) = self.productions.iter().position(|production| waits(production.state)) {
            self.request(next);
        }
    }

    fn announce(&mut self, production: usize) {
        // There is an episode whenever anything was ever requested.
        let episode = self.episodes.len().saturating_sub(1);
        self.put(Message::Request { production, episode });
    }

    fn put(&mut self, message: Message) {
        self.outbox.push(OutboxRow { id: self.next_row, message, claims: 0, leased: false });
        self.next_row += 1;
    }
}
