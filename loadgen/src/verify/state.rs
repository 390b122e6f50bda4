//! What the system under test shows of itself, and whether that suffices to judge a property.

use super::model::Model;

/// A table of the final state (or, for topics, what the observer sees).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Table {
    Ledger,
    Productions,
    Restocks,
    Receipts,
    DeadLetters,
    Mails,
    Episodes,
    Factory,
    Operations,
    Stock,
    Topics,
    Queues,
    RestockLedger,
    Promises,
}

impl Table {
    const ALL: [(Table, &'static str); 14] = [
        (Table::Ledger, "ledger"),
        (Table::Productions, "productions"),
        (Table::Restocks, "restocks"),
        (Table::Receipts, "receipts"),
        (Table::DeadLetters, "dead_letters"),
        (Table::Mails, "mails"),
        (Table::Episodes, "episodes"),
        (Table::Factory, "factory"),
        (Table::Operations, "operations"),
        (Table::Stock, "stock"),
        (Table::Topics, "topics"),
        (Table::Queues, "queues"),
        (Table::RestockLedger, "restock_ledger"),
        (Table::Promises, "promises"),
    ];

    /// The table of that name in a `not_exposed` row.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(table, _)| *table)
    }

    /// Its name in a `not_exposed` row.
    pub(super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(table, _)| *table == self).map_or("", |(_, name)| name)
    }

    /// All names, for messages.
    pub(super) fn names() -> String {
        Self::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// Why a property cannot be judged, as far as it would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gap {
    /// The system under test does not expose a table.
    NotExposed(String),
    /// This run did not yield what is needed.
    Missing(String),
}

/// Whether tables can be relied upon to be complete: exposed, and read to the end.
pub(super) fn gap_in_tables(model: &Model, tables: &[Table]) -> Option<Gap> {
    if let Some(table) = tables.iter().find(|table| !model.exposes(**table)) {
        let why = model.not_exposed.get(table).and_then(Option::as_deref).map(|why| format!(": {why}")).unwrap_or_default();
        return Some(Gap::NotExposed(format!("the system under test does not expose \"{}\"{why}", table.name())));
    }
    (!model.final_state_is_whole()).then(|| Gap::Missing("the history ends before the final state was read completely".to_owned()))
}

/// Like [`gap_in_tables`], and the pipeline was at rest when they were read.
pub(super) fn gap_at_rest(model: &Model, tables: &[Table]) -> Option<Gap> {
    gap_in_tables(model, tables)
        .or_else(|| (!model.drained()).then(|| Gap::Missing("the pipeline was not at rest when its final state was read".to_owned())))
}
