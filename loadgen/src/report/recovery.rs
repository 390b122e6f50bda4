//! The recovery table, in words: one row per fault, the same for every reader.

use serde::Serialize;

use super::number::{micros, thousands};
use super::words;
use crate::result::recovery::{Back, Before, FaultRecovery, Recovery};

/// Headings of [`Row::cells`].
pub(super) const HEADINGS: [&str; 9] =
    ["requested", "effective", "healed", "struck", "throughput back", "drained", "deepest backlog", "retries per order", "published again"];

/// One fault, in words.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    /// Rule, and where it stood.
    pub(super) fault: String,
    /// One text for each of [`HEADINGS`].
    pub(super) cells: [String; HEADINGS.len()],
    /// It was healed, and the run came back from it as far as could be seen.
    pub(super) well: bool,
}

/// The rows, those that did not come back first, so that a reader who shows only some shows those.
pub(super) fn rows(recovery: &Recovery) -> Vec<Row> {
    let mut rows: Vec<Row> = recovery.faults.iter().map(row).collect();
    rows.sort_by_key(|row| row.well);
    rows
}

/// What the run is measured against, in a sentence.
pub(super) fn baseline(before: &Before) -> String {
    let served = before.served_percent.map(|percent| format!("{percent} % of the attempts served"));
    let backlog = before.backlog.map(|backlog| format!("at most {} waiting", thousands(backlog)));
    let retries = before.retries_per_order.map(|retries| format!("{} retries per order", ratio(retries)));
    let parts: Vec<String> = [served, backlog, retries].into_iter().flatten().collect();
    match parts.as_slice() {
        [] => "Nothing was seen before the first fault.".to_owned(),
        parts => format!("Before the first fault: {}.", parts.join(", ")),
    }
}

fn row(fault: &FaultRecovery) -> Row {
    let hops = if fault.hops.is_empty() { String::new() } else { format!(" on {}", fault.hops.join(", ")) };
    let times = if fault.times > 1 { format!(" × {}", thousands(fault.times)) } else { String::new() };
    let at = |at: Option<u64>| at.map_or_else(|| "never".to_owned(), words::at);
    Row {
        fault: format!("{}{hops}{times}", fault.rule),
        cells: [
            at(fault.requested),
            at(fault.effective),
            at(fault.healed),
            thousands(fault.fired),
            back(&fault.throughput),
            back(&fault.drained),
            fault.deepest_backlog.map_or_else(|| "–".to_owned(), thousands),
            fault.retries_per_order.map_or_else(|| "–".to_owned(), ratio),
            thousands(fault.republished),
        ],
        well: fault.healed.is_some() && fault.throughput != Back::Never && fault.drained != Back::Never,
    }
}

fn back(back: &Back) -> String {
    match back {
        // What was back when the first look was taken took less than can be told.
        Back::AfterUs(0) => "at once".to_owned(),
        Back::AfterUs(us) => format!("after {}", micros(*us)),
        Back::Never => "not seen".to_owned(),
        Back::Unmeasured(reason) => format!("– ({reason})"),
    }
}

fn ratio(value: f64) -> String {
    format!("{value:.2}")
}
