//! What verification says: a [`Judgement`] per property, the [`Evidence`] it rests on, and the [`Verdict`] of the whole.

use serde::{Deserialize, Serialize};

use super::property::Property;
use crate::history::event::Micros;

/// Verdict of a run. FAIL outranks UNKNOWN outranks PASS, so the worst is the maximum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every judged property holds, and the run had the evidence to show it.
    Pass,
    /// Nothing is proved violated, but something needed for a pass is missing.
    Unknown,
    /// At least one property is violated, with a witness.
    Fail,
}

/// What can be said of one property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// It holds.
    Holds,
    /// It is violated.
    Violated,
    /// It could have been judged, but this run did not yield what is needed (and the verdict is at least UNKNOWN).
    Undecided,
    /// The system under test does not expose what is needed; the verdict is not affected.
    NotJudged,
}

/// One property, judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropertyResult {
    /// Which.
    pub property: Property,
    /// What can be said.
    pub judgement: Judgement,
    /// Why it is undecided or not judged; None otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was counted on the way: what, how many ("orders answered as sold", 812).
    pub counted: Vec<(String, i64)>,
    /// Number of violations found, those not listed included.
    pub violations_total: u64,
    /// The first violations, each with its witness.
    pub violations: Vec<Violation>,
}

/// One violation, with what a person needs to understand it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Violation {
    /// What went wrong, in one sentence.
    pub sentence: String,
    /// The one order, production, message or product it is about.
    pub subject: String,
    /// Its path across all hops, in time order.
    pub path: Vec<Step>,
}

/// One step on the path of an order or a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When, µs since the run's start; None for rows of the final state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Micros>,
    /// Where ("buyer → sales", "topic stock_empty", "ledger").
    pub hop: String,
    /// What.
    pub what: String,
}

/// One piece of evidence that a pass needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What ("orders answered as sold").
    pub what: String,
    /// What is needed, in words ("at least 50").
    pub needed: String,
    /// What was seen, in words ("812").
    pub seen: String,
    /// Whether it suffices. One false makes the run UNKNOWN.
    pub enough: bool,
}

/// Everything that verification says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// The whole.
    pub verdict: Verdict,
    /// Why, in sentences; the most important first.
    pub reasons: Vec<String>,
    /// Each property, in the order of [`Property::ALL`].
    pub properties: Vec<PropertyResult>,
    /// What a pass rests on.
    pub evidence: Vec<Evidence>,
}
