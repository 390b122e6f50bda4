//! The schema without the constraints that the mistake cannot be made with: whoever makes it does not have them.

use std::borrow::Cow;

use sqlx::sqlite::SqliteConnectOptions;

use super::{Defect, is};

/// The text of a migration, loosened for the defect that was asked for.
pub(crate) fn loosened(migration: &'static str) -> Cow<'static, str> {
    let column = if is(Defect::IgnoreIdempotencyKey) {
        "idempotency_key TEXT"
    } else if is(Defect::ProductionPerRefusal) {
        "requested_product TEXT"
    } else if is(Defect::RestockTwice) {
        "production_id TEXT    NOT NULL UNIQUE REFERENCES"
    } else if super::has_no_inbox() {
        "event_id   TEXT    NOT NULL UNIQUE"
    } else {
        return Cow::Borrowed(migration);
    };
    Cow::Owned(without_unique(migration, column))
}

/// The text without UNIQUE in the lines of this column.
fn without_unique(migration: &str, column: &str) -> String {
    let spaceless = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let column = spaceless(column);
    let loosen = |line: &str| if spaceless(line).starts_with(&column) { line.replace(" UNIQUE", "") } else { line.to_owned() };
    migration.lines().map(loosen).collect::<Vec<_>>().join("\n")
}

/// A connection without CHECKs, for mistakes that a CHECK would not let through.
pub(crate) fn unchecked(options: SqliteConnectOptions) -> SqliteConnectOptions {
    let unchecked =
        [Defect::AcceptNegativeQuantity, Defect::TruncateQuantity, Defect::CheckOutsideTransaction, Defect::IdempotencyWithoutAnswer];
    if unchecked.into_iter().any(is) { options.pragma("ignore_check_constraints", "ON") } else { options }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_column_loses_its_constraint() {
        let text = "  event_id   TEXT    NOT NULL UNIQUE,\n  order_id   TEXT    NOT NULL UNIQUE,";
        let loosened = without_unique(text, "event_id TEXT NOT NULL UNIQUE");
        assert_eq!(loosened, "  event_id   TEXT    NOT NULL,\n  order_id   TEXT    NOT NULL UNIQUE,");
    }
}
