//! What a request can be turned into on its way.

/// What a request is turned into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alter {
    /// A number in its JSON body is another one.
    Number {
        /// Name of the field, or a JSON pointer that begins with a slash.
        field: String,
        /// How it changes.
        by: Change,
    },
    /// It has another body.
    Body {
        /// The whole body.
        body: String,
    },
}

/// How a number changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// By so much; down, when negative.
    Add(i64),
    /// To so many times itself.
    Times(i64),
}

impl Change {
    /// The number after the change; it stays within what an integer holds.
    #[must_use]
    pub fn of(self, number: i64) -> i64 {
        match self {
            Self::Add(by) => number.saturating_add(by),
            Self::Times(by) => number.saturating_mul(by),
        }
    }
}
