//! A tiny shop that is correct by construction, run under arbitrary interleavings: what it does is legal, so nobody may accuse it.
//!
//! Every purchase takes effect at one instant somewhere between its first sending and its last answer (or long after, when nobody waits
//! any more). Answers get lost, come late, are repeated; goods come when they come; messages, calls and callbacks are delivered again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use loadgen::history::event::{Behaviour, Event, Final, OpKind};
use proptest::prelude::*;

use super::story::{DONUT, Story, factory_call, mail};

/// What happens to one attempt on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It takes effect, the answer is lost.
    AnswerLost,
    /// It never arrives; the buyer does not know.
    RequestLost,
    /// Refused before anything was done.
    Shed,
}

/// One buyer's order: all times in ms.
#[derive(Debug, Clone)]
pub(crate) struct Buyer {
    arrives: u64,
    quantity: u64,
    /// Per attempt: delay after the one before, way to the shop, way back, fate.
    attempts: Vec<(u64, u64, u64, Fate)>,
}

/// Everything that chance decides.
#[derive(Debug, Clone)]
pub(crate) struct Chance {
    pub(crate) initial: i64,
    pub(crate) buyers: Vec<Buyer>,
    /// Time to produce, per production, then how long until somebody sees the goods; cycled.
    pub(crate) production: Vec<(u64, u64)>,
    /// Samples: when reading began, how long until the shop was read, how long until it was written down.
    pub(crate) samples: Vec<(u64, u64, u64)>,
    /// Adjustments by the administration.
    pub(crate) adjustments: Vec<(u64, i64)>,
    /// Every n-th message, call and callback comes again.
    pub(crate) again_every: usize,
    pub(crate) pieces_per_shortage: u64,
}

pub(crate) fn chance() -> impl Strategy<Value = Chance> {
    let fate = prop_oneof![6 => Just(Fate::Answered), 2 => Just(Fate::AnswerLost), 1 => Just(Fate::RequestLost), 1 => Just(Fate::Shed)];
    let attempts = prop::collection::vec((0u64..60, 0u64..30, 0u64..30, fate), 1..4);
    let buyer = (0u64..2_000, 1u64..5, attempts).prop_map(|(arrives, quantity, attempts)| Buyer { arrives, quantity, attempts });
    (
        0i64..30,
        prop::collection::vec(buyer, 1..60),
        prop::collection::vec((0u64..400, 0u64..200), 1..6),
        prop::collection::vec((0u64..3_000, 0u64..20, 0u64..20), 0..30),
        prop::collection::vec((0u64..2_000, -5i64..5), 0..3),
        1usize..6,
        1u64..3,
    )
        .prop_map(|(initial, buyers, production, samples, adjustments, again_every, pieces_per_shortage)| Chance {
            initial,
            buyers,
            production,
            samples,
            adjustments,
            again_every,
            pieces_per_shortage,
        })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    Arrives { buyer: usize, attempt: usize, op: u64 },
    Produced { production: usize },
    Read { began: u64, at: u64 },
    Adjusted { delta: i64 },
}

#[derive(Debug, Clone, Copy)]
struct Decision {
    sold: bool,
    stock: i64,
    production: usize,
}

#[derive(Debug)]
struct Made {
    shortage: u64,
    requested: Option<u64>,
}

struct Shop<'a> {
    chance: &'a Chance,
    story: Story,
    happens: BinaryHeap<Reverse<(u64, Happens)>>,
    stock: i64,
    decided: BTreeMap<usize, Decision>,
    productions: Vec<Made>,
    requested: Option<usize>,
    gathering: Option<usize>,
    sold_out: bool,
    episodes: u64,
    messages: usize,
}

/// Runs the shop, and writes down what it did.
pub(crate) fn run(chance: &Chance) -> Story {
    let mut shop = Shop {
        chance,
        story: Story::with_stock(chance.initial),
        happens: BinaryHeap::new(),
        stock: chance.initial,
        decided: BTreeMap::new(),
        productions: Vec::new(),
        requested: None,
        gathering: None,
        sold_out: false,
        episodes: 0,
        messages: 0,
    };
    shop.story.finals.clear();
    shop.story.push(Final::FactoryLimits { capacity: 50, open_per_product: 1, pieces_per_shortage: chance.pieces_per_shortage });
    shop.send_everything();
    while let Some(Reverse((at, what))) = shop.happens.pop() {
        shop.step(at, what);
    }
    let stock = shop.stock;
    shop.story.stock(stock);
    shop.story.load_ends = 20_000;
    shop.story
}

impl Shop<'_> {
    fn send_everything(&mut self) {
        for (number, buyer) in self.chance.buyers.iter().enumerate() {
            let mut sent = buyer.arrives;
            for (attempt, (after, way, _, fate)) in buyer.attempts.iter().enumerate() {
                sent += if attempt == 0 { 0 } else { *after };
                let behaviour = if attempt == 0 { Behaviour::First } else { Behaviour::Retry };
                let key = format!("k{number}");
                let op = self.story.attempt(sent, OpKind::Purchase, behaviour, Some(&key), Some(buyer.quantity));
                match fate {
                    Fate::Answered => self.happens.push(Reverse((sent + way, Happens::Arrives { buyer: number, attempt, op }))),
                    Fate::AnswerLost => {
                        // The buyer's patience may end before or after it takes effect.
                        self.story.no_answer(sent + 20, op);
                        self.happens.push(Reverse((sent + way * 3, Happens::Arrives { buyer: number, attempt, op })));
                    }
                    Fate::RequestLost => self.story.no_answer(sent + way + 20, op),
                    Fate::Shed => self.story.answer_shed(sent + way, op),
                }
            }
        }
        for (began, read, written) in &self.chance.samples {
            self.happens.push(Reverse((began + read, Happens::Read { began: *began, at: began + read + written })));
        }
        for (at, delta) in &self.chance.adjustments {
            self.happens.push(Reverse((*at, Happens::Adjusted { delta: *delta })));
        }
    }

    fn again(&mut self) -> bool {
        self.messages += 1;
        self.messages.is_multiple_of(self.chance.again_every)
    }

    fn step(&mut self, at: u64, what: Happens) {
        match what {
            Happens::Arrives { buyer, attempt, op } => {
                let decision = self.decide(at, buyer);
                let quantity = self.chance.buyers[buyer].quantity;
                let (_, _, back, fate) = self.chance.buyers[buyer].attempts[attempt];
                if fate != Fate::Answered {
                    return;
                }
                let order = format!("o-k{buyer}");
                if decision.sold {
                    self.story.answer_sold(at + back, op, &order, quantity, decision.stock);
                } else {
                    let production = format!("p{}", decision.production);
                    self.story.answer_sold_out(at + back, op, &order, (quantity, decision.stock), Some(&production));
                }
            }
            Happens::Produced { production } => self.apply(at, production),
            Happens::Read { began, at: written } => {
                let stock = self.stock;
                self.story.sample(began, written, stock);
            }
            Happens::Adjusted { delta } => {
                let delta = delta.max(-self.stock);
                self.stock += delta;
                self.story.push(Final::Adjustment { product: DONUT.to_owned(), delta });
            }
        }
    }

    /// The first attempt that arrives decides; every later one gets the same answer.
    fn decide(&mut self, at: u64, buyer: usize) -> Decision {
        if let Some(decision) = self.decided.get(&buyer) {
            return *decision;
        }
        let quantity = self.chance.buyers[buyer].quantity;
        let wanted = quantity as i64;
        let decision = if self.stock >= wanted {
            self.stock -= wanted;
            Decision { sold: true, stock: self.stock, production: 0 }
        } else {
            let production = self.refuse(at, wanted);
            Decision { sold: false, stock: self.stock, production }
        };
        self.decided.insert(buyer, decision);
        let production = (!decision.sold).then(|| format!("p{}", decision.production));
        let before = self.story.lines.len();
        self.story.decided(at, &format!("k{buyer}"), quantity, decision.sold, production.as_deref());
        if self.again() {
            let seen = self.story.lines[before].clone();
            self.story.lines.push(seen);
        }
        decision
    }

    fn refuse(&mut self, at: u64, wanted: i64) -> usize {
        let missing = (wanted - self.stock).max(1) as u64;
        let (production, fresh) = match (self.requested, self.gathering) {
            (None, _) => (self.new_production(missing), true),
            (Some(_), None) => {
                let production = self.new_production(wanted as u64);
                self.gathering = Some(production);
                (production, false)
            }
            (Some(_), Some(gathering)) => {
                self.productions[gathering].shortage += wanted as u64;
                (gathering, false)
            }
        };
        if fresh {
            self.request(at, production);
        }
        if !self.sold_out {
            self.sold_out = true;
            self.episodes += 1;
            let episode = format!("{DONUT}#{}", self.episodes);
            let asked = self.requested.expect("a refusal leaves a requested production");
            self.story.requested(at + 5, &format!("p{asked}"), Some(&episode));
            self.story.episode(&episode);
            if self.again() {
                self.story.push(mail(Some(&episode), DONUT));
            }
        }
        production
    }

    fn new_production(&mut self, shortage: u64) -> usize {
        self.productions.push(Made { shortage, requested: None });
        self.productions.len() - 1
    }

    fn request(&mut self, at: u64, production: usize) {
        self.productions[production].requested = Some(at);
        self.requested = Some(production);
        self.story.requested(at + 5, &format!("p{production}"), None);
        let (takes, _) = self.chance.production[production % self.chance.production.len()];
        self.happens.push(Reverse((at + 1 + takes, Happens::Produced { production })));
    }

    fn apply(&mut self, at: u64, production: usize) {
        let shortage = self.productions[production].shortage;
        let quantity = shortage * self.chance.pieces_per_shortage;
        self.stock += quantity as i64;
        self.sold_out = false;
        let name = format!("p{production}");
        let product = DONUT.to_owned();
        let (_, seen) = self.chance.production[production % self.chance.production.len()];
        self.story.line(at + seen, Event::RestockSeen { production: name.clone(), product: product.clone(), quantity });
        self.story.push(Final::Receipt { consumer: "replenish".to_owned(), id: name.clone() });
        self.story.push(Final::Production { production: name.clone(), product: product.clone(), quantity, shortage, applied: true });
        self.story.push(Final::Restock { production: name.clone(), product, quantity });
        let asked = self.productions[production].requested.expect("only what was requested is produced");
        self.story.push(factory_call(Some(&name), quantity, asked, at));
        if self.again() {
            // Never confirmed, so asked again; the factory made it again, and the second arrival changed nothing.
            self.story.push(factory_call(Some(&name), quantity, asked + 50, at + 50));
        }
        self.requested = None;
        if let Some(next) = self.gathering.take() {
            self.request(at, next);
        }
    }
}
