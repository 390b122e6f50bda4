//! The five classes into which answers fall for people: charts colour by them, histograms are kept per class.

use serde::{Deserialize, Serialize};

use crate::history::event::Answer;

/// What an answer means to the buyer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerClass {
    /// The purchase is complete.
    Sold,
    /// Refused for lack of stock, production requested.
    SoldOut,
    /// The product page came.
    Browsed,
    /// Nothing was done, and that is certain: rejected, shed, or never sent.
    Failed,
    /// It may or may not have been done: timed out, cut, 5xx, garbled, still in flight.
    Unknown,
}

impl AnswerClass {
    /// All of them, in the order of the report.
    pub const ALL: [AnswerClass; 5] =
        [AnswerClass::Sold, AnswerClass::SoldOut, AnswerClass::Browsed, AnswerClass::Failed, AnswerClass::Unknown];

    /// The class of an answer.
    #[must_use]
    pub fn of(answer: Answer) -> Self {
        match answer {
            Answer::Sold => AnswerClass::Sold,
            Answer::SoldOut => AnswerClass::SoldOut,
            Answer::Browsed => AnswerClass::Browsed,
            Answer::Rejected | Answer::InFlight | Answer::Shed | Answer::Unreachable => AnswerClass::Failed,
            Answer::ServerError | Answer::TimedOut | Answer::Cut | Answer::Garbled => AnswerClass::Unknown,
        }
    }

    /// Name for people ("sold out").
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AnswerClass::Sold => "sold",
            AnswerClass::SoldOut => "sold out",
            AnswerClass::Browsed => "browsed",
            AnswerClass::Failed => "failed",
            AnswerClass::Unknown => "unknown",
        }
    }

    /// Its place in [`AnswerClass::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

/// Name of an answer for people ("server error").
#[must_use]
pub fn answer_name(answer: Answer) -> &'static str {
    match answer {
        Answer::Sold => "sold",
        Answer::SoldOut => "sold out",
        Answer::Browsed => "browsed",
        Answer::Rejected => "rejected",
        Answer::InFlight => "in flight",
        Answer::Shed => "shed",
        Answer::ServerError => "server error",
        Answer::TimedOut => "timed out",
        Answer::Cut => "cut",
        Answer::Unreachable => "unreachable",
        Answer::Garbled => "garbled",
    }
}
