//! What can be done to a request, a message or a connection, and whether anybody may complain about it.

use std::time::Duration;

use super::alter::Alter;
use super::delay::Delay;

/// One thing that can go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It takes longer until it is forwarded.
    Wait(Delay),
    /// It is never forwarded.
    Before(Before),
    /// It is forwarded twice at the same time; the sender gets the first answer.
    Again,
    /// It is forwarded as something else than was sent.
    Alter {
        /// As what.
        what: Alter,
        /// The sender on this hop may err: whoever wrote the plan says that the receiver has to bear it.
        legal: bool,
    },
    /// It is forwarded and takes effect; then something happens to the answer.
    After(After),
    /// It goes through slowly.
    Pace(Pace),
    /// To a message on its way into a queue, topic or mailbox.
    Send(SendFault),
    /// To a message on its way out of a queue.
    Receive(ReceiveFault),
    /// To the acknowledgement of a message.
    Settle(SettleFault),
}

/// Faults before any effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Before {
    /// The connection is reset.
    Refuse,
    /// Somebody else answers.
    Answer {
        /// HTTP status.
        status: u16,
        /// Body; JSON when it begins with a brace.
        body: String,
        /// Header Retry-After, in whole seconds rounded up.
        retry_after: Option<Duration>,
    },
    /// Nobody answers, until the sender gives up, the fault is healed, or the tap's own limit is reached.
    Blackhole,
    /// The service's own "too many requests", in the shape that its SDK expects.
    Throttle,
    /// The sender is told that it is accepted; it never arrives.
    Swallow {
        /// HTTP status of the lie, 2xx.
        status: u16,
        /// Body; JSON when it begins with a brace.
        body: String,
        /// The sender on this hop may be lied to: whoever wrote the plan says that silence is allowed there.
        legal: bool,
    },
    /// More than so many at once are turned away.
    Limit {
        /// How many pass.
        at_most: usize,
        /// HTTP status for the others.
        status: u16,
        /// Header Retry-After, in whole seconds rounded up.
        retry_after: Option<Duration>,
    },
    /// More than so many at once, and nobody is served for a while.
    Collapse {
        /// How many are still borne.
        above: usize,
        /// For how long nobody is served.
        lasts: Duration,
        /// HTTP status for everybody meanwhile.
        status: u16,
    },
}

/// Faults after the effect: the ones that find bugs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// The connection is reset instead of an answer.
    Lose,
    /// The connection ends in the middle of the answer, which shows.
    Cut {
        /// Bytes of the body that still pass.
        bytes: usize,
    },
    /// The answer is shorter than it was, but in itself well-formed HTTP.
    Truncate {
        /// Bytes of the body that remain.
        bytes: usize,
    },
    /// The answer comes later.
    Delay(Delay),
}

/// Slow, but whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pace {
    /// The answer's body trickles.
    Slow {
        /// From its first byte to its last.
        over: Duration,
    },
    /// Both bodies pass at this rate.
    Bandwidth {
        /// Not 0.
        bytes_per_second: u64,
    },
}

/// Faults of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendFault {
    /// The message is sent twice.
    Duplicate,
    /// The message is sent; the sender does not hear of it. One message struck loses the answer of its batch.
    LoseAnswer,
    /// The sender is told that it is sent; it is not.
    LoseMessage,
    /// The sender is told that it is sent; it is, later.
    Delay(Delay),
    /// Later messages of the hop overtake it.
    Reorder {
        /// How many.
        by: u64,
        /// For how long it waits for them at most.
        within: Duration,
    },
    /// A message of garbage is sent beside it.
    Poison {
        /// Its text; `{id}` becomes the id of the message that it was sent beside.
        body: String,
    },
}

/// Faults of receiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiveFault {
    /// The next receive delivers the message once more.
    Repeat,
    /// The answer is lost; its messages are in flight until their visibility timeout.
    LoseAnswer,
    /// The message is missing from the answer, and in flight until its visibility timeout.
    Withhold,
    /// The messages of the answer come in reverse.
    Reverse,
}

/// Faults of deleting (and, for [`SettleFault::Expire`], of changing the visibility).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettleFault {
    /// The consumer is told that the message is deleted; it comes again.
    Lose,
    /// The message is deleted; the consumer does not hear of it.
    LoseAnswer,
    /// The receipt handle is refused as expired, and the message comes again.
    Expire,
}

/// Whether what is tapped is allowed to behave so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legality {
    /// The contract of HTTP, SQS, SNS or SES allows it: whoever loses an order by it has a bug.
    Legal,
    /// It breaks the contract: a proof that does not fail is worthless.
    Control,
}

/// Where in the life of a request a decision is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// A request, before it is forwarded; a piece of a TCP connection counts as one.
    Request,
    /// A message being sent.
    Send,
    /// A message being received.
    Receive,
    /// A message being deleted.
    Settle,
    /// A message whose visibility is being changed.
    Extend,
}

impl Point {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Request, Self::Send, Self::Receive, Self::Settle, Self::Extend];

    /// The word for it in journals.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Settle => "settle",
            Self::Extend => "extend",
        }
    }
}

/// Kinds of tap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TapKind {
    /// Understands HTTP requests.
    Http,
    /// Understands SQS, SNS and SES besides.
    Aws,
    /// Understands connections, and COMMIT in MySQL's protocol.
    Tcp,
}

/// Faults of one slot exclude each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Adds time before forwarding.
    Wait,
    /// Replaces forwarding.
    Before,
    /// Repeats forwarding.
    Again,
    /// Changes what is forwarded.
    Alter,
    /// Replaces or changes the answer.
    After,
    /// Slows down.
    Pace,
    /// Comes on top.
    Extra,
}

impl Slot {
    pub(super) const COUNT: usize = 7;

    pub(super) fn index(self) -> usize {
        self as usize
    }

    pub(super) fn is_single(self) -> bool {
        self != Self::Wait
    }

    pub(super) fn is_early(self) -> bool {
        matches!(self, Self::Wait | Self::Before)
    }

    pub(super) fn is_shadowed_by_before(self) -> bool {
        matches!(self, Self::Again | Self::Alter | Self::After | Self::Pace)
    }
}

impl Fault {
    /// Its slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        match self {
            Self::Wait(_) => Slot::Wait,
            Self::Before(_) | Self::Receive(ReceiveFault::Withhold) | Self::Settle(SettleFault::Lose | SettleFault::Expire) => Slot::Before,
            Self::Send(SendFault::LoseMessage | SendFault::Delay(_) | SendFault::Reorder { .. }) => Slot::Before,
            Self::Again | Self::Send(SendFault::Duplicate) | Self::Receive(ReceiveFault::Repeat) => Slot::Again,
            Self::Alter { .. } => Slot::Alter,
            Self::After(_) | Self::Send(SendFault::LoseAnswer) => Slot::After,
            Self::Receive(ReceiveFault::LoseAnswer) | Self::Settle(SettleFault::LoseAnswer) => Slot::After,
            Self::Pace(_) => Slot::Pace,
            Self::Send(SendFault::Poison { .. }) | Self::Receive(ReceiveFault::Reverse) => Slot::Extra,
        }
    }

    /// Whether it is decided there.
    #[must_use]
    pub fn acts_at(&self, point: Point) -> bool {
        match self {
            Self::Wait(_) | Self::Before(_) | Self::Again | Self::Alter { .. } | Self::After(_) | Self::Pace(_) => point == Point::Request,
            Self::Send(_) => point == Point::Send,
            Self::Receive(_) => point == Point::Receive,
            Self::Settle(SettleFault::Expire) => matches!(point, Point::Settle | Point::Extend),
            Self::Settle(_) => point == Point::Settle,
        }
    }

    /// Whether a tap of that kind can do it.
    #[must_use]
    pub fn is_done_by(&self, tap: TapKind) -> bool {
        match self {
            Self::Before(Before::Throttle) | Self::Send(_) | Self::Receive(_) | Self::Settle(_) => tap == TapKind::Aws,
            Self::Before(Before::Swallow { .. }) | Self::Alter { .. } => tap == TapKind::Http,
            Self::Before(Before::Answer { .. } | Before::Limit { .. } | Before::Collapse { .. }) => tap != TapKind::Tcp,
            Self::Again | Self::After(After::Truncate { .. }) => tap != TapKind::Tcp,
            Self::Pace(Pace::Slow { .. }) | Self::After(After::Delay(_)) => tap != TapKind::Tcp,
            Self::Wait(_) | Self::Before(Before::Refuse | Before::Blackhole) | Self::Pace(Pace::Bandwidth { .. }) => true,
            Self::After(After::Lose | After::Cut { .. }) => true,
        }
    }

    /// Whether anybody may complain about it.
    #[must_use]
    pub fn legality(&self) -> Legality {
        match self {
            // An invented success claims an effect that never was.
            Self::Before(Before::Answer { status: 200..=399, .. }) | Self::Send(SendFault::LoseMessage) => Legality::Control,
            // So does this, and a request that arrives as another one breaks any contract but that of a sender who is known to err.
            Self::Before(Before::Swallow { legal: false, .. }) | Self::Alter { legal: false, .. } => Legality::Control,
            _ => Legality::Legal,
        }
    }

    /// The word for it in a plan.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Wait(_) => "delay",
            Self::Before(Before::Refuse) => "refuse",
            Self::Before(Before::Answer { .. }) => "answer",
            Self::Before(Before::Blackhole) => "blackhole",
            Self::Before(Before::Throttle) => "throttle",
            Self::Before(Before::Swallow { .. }) => "swallow",
            Self::Before(Before::Limit { .. }) => "limit-concurrency",
            Self::Before(Before::Collapse { .. }) => "collapse",
            Self::Alter { what: Alter::Number { .. }, .. } => "alter-number",
            Self::Alter { what: Alter::Body { .. }, .. } => "replace-body",
            Self::Again => "again",
            Self::After(After::Lose) => "lose-answer",
            Self::After(After::Cut { .. }) => "cut-answer",
            Self::After(After::Truncate { .. }) => "truncate-answer",
            Self::After(After::Delay(_)) => "delay-answer",
            Self::Pace(Pace::Slow { .. }) => "slow-answer",
            Self::Pace(Pace::Bandwidth { .. }) => "bandwidth",
            Self::Send(SendFault::Duplicate) => "duplicate-message",
            Self::Send(SendFault::LoseAnswer) => "lose-send-answer",
            Self::Send(SendFault::LoseMessage) => "lose-message",
            Self::Send(SendFault::Delay(_)) => "delay-message",
            Self::Send(SendFault::Reorder { .. }) => "reorder-message",
            Self::Send(SendFault::Poison { .. }) => "poison",
            Self::Receive(ReceiveFault::Repeat) => "repeat-receive",
            Self::Receive(ReceiveFault::LoseAnswer) => "lose-receive-answer",
            Self::Receive(ReceiveFault::Withhold) => "withhold-message",
            Self::Receive(ReceiveFault::Reverse) => "reverse-receive",
            Self::Settle(SettleFault::Lose) => "lose-delete",
            Self::Settle(SettleFault::LoseAnswer) => "lose-delete-answer",
            Self::Settle(SettleFault::Expire) => "expire-receipt",
        }
    }
}

impl Legality {
    /// "legal" or "control".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Legal => "legal",
            Self::Control => "control",
        }
    }
}

impl TapKind {
    /// "http", "aws" or "tcp".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Aws => "aws",
            Self::Tcp => "tcp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lie_or_another_request_may_be_complained_about_unless_the_plan_says_that_this_sender_is_known_for_it() {
        for (legal, legality) in [(false, Legality::Control), (true, Legality::Legal)] {
            let swallow = Fault::Before(Before::Swallow { status: 202, body: String::new(), legal });
            let alter = Fault::Alter { what: Alter::Body { body: String::new() }, legal };
            assert_eq!((swallow.legality(), alter.legality()), (legality, legality));
        }
    }
}
