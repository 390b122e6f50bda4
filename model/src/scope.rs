//! How large the world is that is explored, and what is taken out of the design.

use reference::edition::Edition;

use crate::world::World;

/// A part of the design without which it must fail; taken away one at a time, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The stock is lowered by the statement that checks it. Without: it is read, and later written back as a number.
    ConditionalDecrement,
    /// A key that was decided gets its first answer again. Without: it is decided anew.
    IdempotencyKey,
    /// Messages are committed with what they tell of. Without: they are published after the commit.
    Outbox,
    /// What took effect is remembered with the effect. Without: it takes effect with every delivery.
    Inbox,
    /// Messages are deleted after their effect. Without: before it.
    EffectBeforeDelete,
    /// Productions of which nothing is heard are requested again. Without: once and never again.
    Rerequest,
    /// A message leaves the outbox after it was published. Without: before.
    PublishBeforeForget,
}

/// What is done with messages, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Consumers {
    /// Orders from the factory.
    pub replenish: bool,
    /// Mails.
    pub advertising: bool,
    /// Records sales events.
    pub operations: bool,
}

/// One world to explore.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Its name.
    pub name: &'static str,
    /// Whose factory is asked for how much.
    pub edition: &'static Edition,
    /// Pieces in stock at the start.
    pub stock: i64,
    /// Pieces that each buyer wants.
    pub buyers: &'static [i64],
    /// How often each buyer sends.
    pub attempts: u8,
    /// Relays that share the outbox.
    pub relays: usize,
    /// Workers per consumer.
    pub workers: usize,
    /// Consumers that exist; the others' queues do not hang on the topics.
    pub consumers: Consumers,
    /// Things that go wrong, all in all.
    pub faults: u8,
    /// Whether a topic may say that it took a request, and lose it. No queue does that by contract; requests survive it all the same.
    pub hard_loss: bool,
    /// Requests of one production that are explored; more would only repeat.
    pub requests: u8,
    /// Deliveries before a message goes to the dead-letter queue.
    pub receives: u8,
    /// What is taken out of the design.
    pub without: Option<Part>,
}

const NOBODY: Consumers = Consumers { replenish: false, advertising: false, operations: false };

/// One doughnut, one factory, nobody yet.
const SMALL: Scope = Scope {
    name: "",
    edition: &reference::edition::donut::EDITION,
    stock: 1,
    buyers: &[1, 2],
    attempts: 2,
    relays: 1,
    workers: 1,
    consumers: NOBODY,
    faults: 1,
    hard_loss: false,
    requests: 2,
    receives: 2,
    without: None,
};

/// Something to be seen in a world, and its name.
type Sight = (&'static str, fn(&Scope, &World) -> bool);

impl Scope {
    /// What is explored with every test run.
    #[must_use]
    pub fn small() -> Vec<Self> {
        vec![
            Self { name: "goods", consumers: Consumers { replenish: true, ..NOBODY }, ..SMALL },
            Self {
                name: "goods, lost requests",
                hard_loss: true,
                attempts: 1,
                consumers: Consumers { replenish: true, ..NOBODY },
                ..SMALL
            },
            Self { name: "news", faults: 2, consumers: Consumers { operations: true, ..NOBODY }, ..SMALL },
            Self { name: "ads", attempts: 1, consumers: Consumers { advertising: true, replenish: true, ..NOBODY }, ..SMALL },
            Self {
                name: "full batches",
                edition: &reference::edition::shop::EDITION,
                buyers: &[6_000, 6_000, 6_000],
                attempts: 1,
                faults: 0,
                consumers: Consumers { replenish: true, ..NOBODY },
                ..SMALL
            },
        ]
    }

    /// What is explored every night.
    #[must_use]
    pub fn large() -> Vec<Self> {
        vec![
            Self { name: "goods, two faults", faults: 2, consumers: Consumers { replenish: true, ..NOBODY }, ..SMALL },
            Self {
                name: "goods, two workers",
                workers: 2,
                attempts: 1,
                faults: 2,
                consumers: Consumers { replenish: true, ..NOBODY },
                ..SMALL
            },
            Self {
                name: "goods, two relays",
                relays: 2,
                attempts: 1,
                faults: 2,
                consumers: Consumers { replenish: true, ..NOBODY },
                ..SMALL
            },
            Self {
                name: "goods, three buyers",
                buyers: &[1, 2, 1],
                attempts: 1,
                consumers: Consumers { replenish: true, ..NOBODY },
                ..SMALL
            },
            Self {
                name: "goods, lost requests, two faults",
                hard_loss: true,
                attempts: 1,
                faults: 2,
                consumers: Consumers { replenish: true, ..NOBODY },
                ..SMALL
            },
            Self {
                name: "news, three faults",
                relays: 2,
                buyers: &[1, 2],
                faults: 3,
                consumers: Consumers { operations: true, ..NOBODY },
                ..SMALL
            },
            Self {
                name: "ads, two faults",
                attempts: 1,
                faults: 2,
                consumers: Consumers { advertising: true, replenish: true, ..NOBODY },
                ..SMALL
            },
            Self {
                name: "full batches, one fault",
                edition: &reference::edition::shop::EDITION,
                buyers: &[6_000, 6_000, 6_000],
                attempts: 1,
                consumers: Consumers { replenish: true, ..NOBODY },
                ..SMALL
            },
        ]
    }

    /// The small world in which a part of the design is missed.
    #[must_use]
    pub fn lacking(part: Part) -> Self {
        let goods = Consumers { replenish: true, ..NOBODY };
        let news = Consumers { operations: true, ..NOBODY };
        let (consumers, hard_loss) = match part {
            Part::ConditionalDecrement | Part::IdempotencyKey => (NOBODY, false),
            Part::Outbox | Part::EffectBeforeDelete | Part::PublishBeforeForget => (news, false),
            Part::Inbox => (goods, false),
            Part::Rerequest => (goods, true),
        };
        Self { name: "without a part", buyers: &[1, 1], consumers, hard_loss, without: Some(part), ..SMALL }
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.without != Some(part)
    }

    /// What must be seen somewhere, or the exploration has shown nothing of it.
    pub(crate) fn sights(&self) -> Vec<Sight> {
        let mut sights: Vec<Sight> = vec![("a buyer is refused", |_, world| world.shop.ledger.iter().any(|row| !row.sold))];
        if self.consumers.replenish {
            sights.push(("goods arrive", |_, world| world.shop.productions.iter().any(|production| production.applied > 0)));
        }
        if self.consumers.replenish && self.faults > 0 {
            sights.push(("goods are made twice", |_, world| world.factory.made_twice));
            sights.push(("goods come short", |_, world| world.shop.came_short));
        }
        if self.faults > 1 {
            sights.push(("a message is given up on", |_, world| world.queues.iter().any(|queue| !queue.dead.is_empty())));
        }
        if self.consumers.operations {
            sights.push(("operations knows", |_, world| world.shop.operations.iter().any(|times| *times > 0)));
        }
        if self.consumers.advertising {
            sights.push(("a mail is sent", |_, world| world.shop.episodes.iter().any(|episode| episode.mails > 0)));
        }
        sights
    }
}
