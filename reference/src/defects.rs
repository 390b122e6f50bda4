//! Named defects: mistakes that real pipelines of this kind make, and that this one can be asked to make too.
//!
//! A harness names one in `REFERENCE_DEFECT` to see whether it is found. Each is the real mistake in the place where it is made, not a
//! flag that makes something fail: the sound code asks [`is`], or names its alternative with `instead!`, and the alternatives that
//! are longer than a line stand in the files of this folder. Where the sound pipeline has a second line of defence (a constraint in the
//! schema, a request that is repeated) which those who make the mistake do not have, the defect takes that away too and says so.
//!
//! Without the feature `defects` the question is answered by a constant, the alternatives are not compiled, and nothing deployed can be
//! asked to go wrong. Store defects are those of the embedded database.

#[cfg(feature = "defects")]
pub(crate) mod consuming;
#[cfg(feature = "defects")]
pub(crate) mod ordering;
#[cfg(feature = "defects")]
pub(crate) mod publishing;
#[cfg(feature = "defects")]
pub(crate) mod restocking;
#[cfg(feature = "defects")]
pub(crate) mod schema;
#[cfg(feature = "defects")]
pub(crate) mod selling;

/// The environment variable that names the defect.
pub const DEFECT: &str = "REFERENCE_DEFECT";

/// Does something else when a defect was asked for; in a build without defects it is nothing at all.
macro_rules! instead {
    ($defect:ident => $wrong:expr) => {
        #[cfg(feature = "defects")]
        if $crate::defects::is($crate::defects::Defect::$defect) {
            $wrong;
        }
    };
}
pub(crate) use instead;

macro_rules! catalogue {
    ($($(#[doc = $sentence:literal])+ $defect:ident = $name:literal,)+) => {
        /// A mistake to make.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defect {
            $($(#[doc = $sentence])+ $defect,)+
        }

        impl Defect {
            /// All of them, in the order in which an order would meet them.
            pub const ALL: &[Defect] = &[$(Defect::$defect),+];

            /// The name by which it is asked for.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Defect::$defect => $name),+ }
            }

            /// What is done wrong, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Defect::$defect => concat!($($sentence),+).trim_ascii_start()),+ }
            }
        }
    };
}

catalogue! {
    /// Minus five pieces are bought as if they were five: the count is never compared with zero, and the stock rises.
    AcceptNegativeQuantity = "accept-negative-quantity",
    /// A count is cut down to a whole number instead of being refused: half a piece is sold, and nothing leaves the stock.
    TruncateQuantity = "truncate-quantity",
    /// The stock is read, compared in the program, and written back as a number: whoever bought in between is forgotten.
    ReadThenWrite = "read-then-write",
    /// The stock is compared before the transaction that lowers it: two buyers of the last piece both find it there.
    CheckOutsideTransaction = "check-outside-transaction",
    /// The buyer is told "sold" while the transaction that shall make it true is still to come.
    AnswerBeforeCommit = "answer-before-commit",
    /// The Idempotency-Key is written down and never looked up: a double click buys twice.
    IgnoreIdempotencyKey = "ignore-idempotency-key",
    /// The Idempotency-Key is remembered without its answer: a repetition finds the key taken and is told that the purchase failed.
    IdempotencyWithoutAnswer = "idempotency-without-answer",
    /// The Idempotency-Key is not compared with what it stood for: another order under it gets the first order's answer.
    KeyWithoutBody = "key-without-body",
    /// "Sold out" is kept in a cache for two seconds, whatever arrives meanwhile.
    StaleStock = "stale-stock",
    /// The connection is given back when a purchase fails and not when it succeeds: the 151st sale is the last.
    LeakConnection = "leak-connection",
    /// Load is shed after the purchase was made: the buyer is told to come back later, and has bought.
    ShedAfterEffect = "shed-after-effect",
    /// Messages are published by the seller after the commit, without an outbox: what cannot be published, or dies on the way, is gone.
    PublishWithoutOutbox = "publish-without-outbox",
    /// Messages are published before the commit: when there is no commit, they tell of an order that does not exist.
    PublishBeforeCommit = "publish-before-commit",
    /// Operations hears of refusals only: a sale is no news.
    SilentSales = "silent-sales",
    /// Every refused buyer sets off a production of their own, instead of joining the open one.
    ProductionPerRefusal = "production-per-refusal",
    /// Who joins an open production is promised it, but not added to its size.
    UndersizedProduction = "undersized-production",
    /// The relay takes messages out of the outbox before their topic has taken them.
    ForgetBeforePublish = "forget-before-publish",
    /// A production from which nothing was ever heard is never asked for again: one lost message is a promise broken.
    NeverAsksAgain = "never-asks-again",
    /// Queues have no dead-letter queue: what nobody can handle goes round for ever.
    NoDlq = "no-dlq",
    /// maxReceiveCount is 1: a message that one consumer failed once is put away as if nobody could handle it.
    MaxReceiveCountOne = "max-receive-count-one",
    /// Messages are deleted when they are received: what fails afterwards, or dies, is gone.
    AckBeforeEffect = "ack-before-effect",
    /// Only the first message of a batch is handled, and the batch is deleted.
    FirstRecordOnly = "first-record-only",
    /// One message that cannot be handled fails its whole batch: what was already done is delivered again and again, into the dead-letter queue.
    FailWholeBatch = "fail-whole-batch",
    /// What cannot be handled is logged and deleted: nobody will ever find it.
    SwallowPoison = "swallow-poison",
    /// The visibility timeout is a second, and no heartbeat extends it: work that takes longer is given to somebody else, and counted as failed.
    ShortVisibility = "short-visibility",
    /// A shutdown acknowledges what was received and drops it.
    DropOnShutdown = "drop-on-shutdown",
    /// Operations has no inbox: an event that is delivered twice stands there twice.
    NoInbox = "no-inbox",
    /// The inbox remembers SQS MessageIds, which a redrive and a second publication change: the effect is repeated.
    RedriveRepeatsEffects = "redrive-repeats-effects",
    /// The factory's error is logged, the message deleted, and nobody asks again.
    SwallowFactoryError = "swallow-factory-error",
    /// A factory that fails is asked again at once, without pause, breaker or end.
    UnboundedRetries = "unbounded-retries",
    /// The circuit breaker before the factory opens and never probes: an outage never ends.
    BreakerNeverCloses = "breaker-never-closes",
    /// Goods are added to the stock as text: two in stock and three delivered make twenty-three.
    ConcatenateCount = "concatenate-count",
    /// Goods are added each time the factory reports them.
    RestockTwice = "restock-twice",
    /// The stock is read when goods arrive and written as a number later: whatever was sold in between is on the shelf again.
    RestockOverwritesSales = "restock-overwrites-sales",
    /// The count of an arrival is read from a field that is not there: the answer is 200, and nothing is added.
    CallbackWrongField = "callback-wrong-field",
    /// The stop of the ads is recorded as mailed before it is: a mail that fails is never sent.
    RecordBeforeMail = "record-before-mail",
    /// The ad manager is mailed before anybody looks whether that was done: each delivery of the message is a mail.
    MailBeforeRecord = "mail-before-record",
    /// Every refused buyer is a message to the advertising, and every message a mail.
    MailStorm = "mail-storm",
    /// The ads of a product are stopped once in its life: whoever sells out again keeps advertising.
    AdsStoppedOnce = "ads-stopped-once",
}

/// A defect that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDefect {
    /// There is none of that name.
    #[error("{text:?} names no defect; there are: {}", names().join(", "))]
    Unknown {
        /// What was given.
        text: String,
    },
    /// This build is sound.
    #[error("is set, but this build has no defects: build with the feature `defects`, or unset it")]
    NotCompiledIn,
}

impl std::fmt::Display for Defect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl std::str::FromStr for Defect {
    type Err = BadDefect;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|defect| defect.name() == text).ok_or_else(|| BadDefect::Unknown { text: text.to_owned() })
    }
}

fn names() -> Vec<&'static str> {
    Defect::ALL.iter().map(|defect| defect.name()).collect()
}

/// What [`DEFECT`] asks of this process. Checked at start, so that a mistyped name is an error and not a sound run.
///
/// # Errors
/// [`BadDefect`] when it is set to something that cannot be had, which in a build without the feature `defects` is anything.
pub fn requested() -> Result<Option<Defect>, BadDefect> {
    match std::env::var_os(DEFECT) {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(_) if !cfg!(feature = "defects") => Err(BadDefect::NotCompiledIn),
        Some(text) => text.to_string_lossy().parse().map(Some),
    }
}

/// Whether this defect was asked for.
#[cfg(feature = "defects")]
#[must_use]
pub fn is(defect: Defect) -> bool {
    // A bad name was refused at start; code that runs without that check (a unit test) is simply sound.
    *ASKED_FOR.get_or_init(|| requested().ok().flatten()) == Some(defect)
}

/// Whether this process was asked for any defect.
#[cfg(feature = "defects")]
#[must_use]
pub(crate) fn any() -> bool {
    ASKED_FOR.get_or_init(|| requested().ok().flatten()).is_some()
}

/// No: this build has no defects.
#[cfg(not(feature = "defects"))]
#[inline(always)]
#[must_use]
pub(crate) const fn any() -> bool {
    false
}

#[cfg(feature = "defects")]
static ASKED_FOR: std::sync::OnceLock<Option<Defect>> = std::sync::OnceLock::new();

/// Asks this very process for a defect: whoever provisions queues for a defective pipeline makes its mistakes. Only the first call, and
/// only one before anything has asked, has an effect.
#[cfg(feature = "defects")]
pub fn ask_for(defect: Defect) {
    // A second defect would make two mistakes at once, which nobody could tell apart.
    let _ = ASKED_FOR.set(Some(defect));
}

/// No: this build has no defects.
#[cfg(not(feature = "defects"))]
#[inline(always)]
#[must_use]
pub const fn is(_defect: Defect) -> bool {
    false
}

/// Whether messages leave without an outbox, so that whoever writes must be able to publish.
#[must_use]
pub(crate) fn publishes_directly() -> bool {
    is(Defect::PublishWithoutOutbox) || is(Defect::PublishBeforeCommit)
}

/// Whether nothing is ever asked for a second time.
#[must_use]
pub(crate) fn never_asks_again() -> bool {
    // Whoever swallows the factory's error has no second request either: that is how it was seen.
    is(Defect::NeverAsksAgain) || is(Defect::SwallowFactoryError)
}

/// Whether operations records an event without a look at what it recorded before.
#[must_use]
pub(crate) fn has_no_inbox() -> bool {
    is(Defect::NoInbox) || is(Defect::RedriveRepeatsEffects)
}

/// Whether mails go out without a look at what was mailed before.
#[must_use]
pub(crate) fn mails_without_looking() -> bool {
    is(Defect::MailBeforeRecord) || is(Defect::MailStorm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_is_found_by_its_name_and_by_no_other() {
        for defect in Defect::ALL {
            assert_eq!(defect.name().parse(), Ok(*defect));
            assert!(defect.about().ends_with('.') && !defect.about().starts_with(' '), "{defect}");
        }
        assert!(matches!("read-than-write".parse::<Defect>(), Err(BadDefect::Unknown { .. })));
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Defect::ALL.len());
    }
}
