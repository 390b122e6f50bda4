//! Everything that there is at one moment.

use reference::decisions::Fate;

use crate::scope::Scope;
use crate::shop::Shop;

/// A message, known by what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Message {
    /// A production is wanted, and an episode has begun or goes on.
    Request {
        /// Number of the production.
        production: usize,
        /// Number of the episode, from 0.
        episode: usize,
    },
    /// An order was decided: row of the ledger.
    Sale(usize),
}

/// Who takes messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Consumer {
    /// Orders from the factory.
    Replenish,
    /// Mails.
    Advertising,
    /// Records sales events.
    Operations,
}

impl Consumer {
    /// All of them; a queue's place is its consumer's.
    pub const ALL: [Self; 3] = [Self::Replenish, Self::Advertising, Self::Operations];

    /// Whether the message is one for its queue.
    #[must_use]
    pub fn is_sent(self, scope: &Scope, message: Message) -> bool {
        match self {
            Self::Replenish => scope.consumers.replenish && matches!(message, Message::Request { .. }),
            Self::Advertising => scope.consumers.advertising && matches!(message, Message::Request { .. }),
            Self::Operations => scope.consumers.operations && matches!(message, Message::Sale(_)),
        }
    }
}

/// What a buyer was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Answer {
    /// Sold, or refused.
    pub sold: bool,
    /// The production that covers a refusal.
    pub production: Option<usize>,
}

/// A buyer, who wants one thing under one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Buyer {
    /// Requests not sent yet.
    pub attempts_left: u8,
    /// Requests that are under way, or lost: nobody can tell.
    pub under_way: u8,
    /// What was heard.
    pub heard: Option<Answer>,
    /// Something else was heard before.
    pub contradicted: bool,
}

/// What a sales process has half done, in a design that does things by halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HalfDone {
    /// It has read the stock for a buyer, and has not written it back.
    Read {
        /// The buyer.
        buyer: usize,
        /// What was read.
        stock: i64,
    },
    /// It has committed, and has not published.
    Unpublished(Message),
}

/// A relay between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relay {
    /// It has nothing in hand.
    Idle,
    /// It has claimed a message.
    Claimed {
        /// Id of the row.
        row: u8,
        /// The message.
        message: Message,
        /// How often it was claimed.
        claims: u8,
    },
    /// It has tried to publish it, and knows what that came to.
    Tried {
        /// Id of the row.
        row: u8,
        /// What becomes of it.
        fate: Fate,
    },
}

/// A message in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Queued {
    /// The message.
    pub message: Message,
    /// How often it was received.
    pub receives: u8,
    /// Somebody has received it, and it is not to be seen until that somebody had time enough.
    pub hidden: bool,
}

/// How far a worker is with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Nothing is done.
    Received,
    /// The world has changed (the factory was called, the mail is sent), the books have not.
    Done,
    /// The books say so.
    Recorded,
}

/// A queue, its dead-letter queue and its workers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Queue {
    /// What waits or is being worked on; order means nothing.
    pub messages: Vec<Queued>,
    /// What was received too often.
    pub dead: Vec<Message>,
    /// What each worker has in hand.
    pub workers: Vec<Option<(Message, u8, Stage)>>,
}

/// The factory, which has never heard of idempotency.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Factory {
    /// Accepted and not made: production, pieces.
    pub orders: Vec<(usize, i64)>,
    /// Made, and not reported so that it was heard: production, pieces.
    pub reports: Vec<(usize, i64)>,
    /// It was asked for the same twice, and made it twice.
    pub made_twice: bool,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The buyers.
    pub buyers: Vec<Buyer>,
    /// What sales processes have half done.
    pub half_done: Vec<HalfDone>,
    /// The database.
    pub shop: Shop,
    /// The relays.
    pub relays: Vec<Relay>,
    /// The queues, as in [`Consumer::ALL`].
    pub queues: [Queue; 3],
    /// The factory.
    pub factory: Factory,
    /// Things that may still go wrong.
    pub faults_left: u8,
}

impl World {
    /// How it begins.
    #[must_use]
    pub fn new(scope: &Scope) -> Self {
        let buyer = Buyer { attempts_left: scope.attempts, under_way: 0, heard: None, contradicted: false };
        let queue = Queue { workers: vec![None; scope.workers], ..Queue::default() };
        Self {
            buyers: vec![buyer; scope.buyers.len()],
            half_done: Vec::new(),
            shop: Shop::new(scope.stock),
            relays: vec![Relay::Idle; scope.relays],
            queues: [queue.clone(), queue.clone(), queue],
            factory: Factory::default(),
            faults_left: scope.faults,
        }
    }

    /// Sorts what has no order, so that worlds that differ in nothing else are one.
    pub fn order(&mut self) {
        self.half_done.sort_unstable();
        self.relays.sort_unstable();
        for queue in &mut self.queues {
            queue.messages.sort_unstable();
            queue.dead.sort_unstable();
            queue.workers.sort_unstable();
        }
        self.factory.orders.sort_unstable();
        self.factory.reports.sort_unstable();
    }

    /// Puts a message into every queue that hangs on its topic.
    pub fn publish(&mut self, scope: &Scope, message: Message) {
        for (consumer, queue) in Consumer::ALL.into_iter().zip(&mut self.queues) {
            if consumer.is_sent(scope, message) {
                queue.messages.push(Queued { message, receives: 0, hidden: false });
            }
        }
    }
}
