//! What hostile buyers try.

use serde::{Deserialize, Serialize};

/// One kind of hostile request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trick {
    /// Minus five pieces: in a system that only subtracts, the stock rises.
    NegativeCount,
    /// No pieces at all.
    ZeroCount,
    /// Half a piece: sold without anything leaving the stock, where counts are rounded.
    FractionalCount,
    /// 1e308 pieces.
    HugeCount,
    /// A word in the place of a number.
    NonNumericCount,
    /// SQL in the place of a number.
    SqlInCount,
    /// SQL in the requester's name. Such an order is valid and may be sold; what it must not do is run as SQL, which conservation shows.
    SqlInRequester,
    /// A requester whose name fills pages.
    LongRequester,
    /// A body that breaks off.
    InvalidJson,
    /// Valid JSON that says it is a form.
    WrongContentType,
    /// A body of two megabytes.
    LargeBody,
    /// A key that was used before, for another quantity.
    ReplayedKey,
    /// A product that nobody sells (in the donut edition, whose purchases name no product: a page that is not there).
    UnknownProduct,
}

impl Trick {
    /// All of them.
    pub const ALL: [Trick; 13] = [
        Trick::NegativeCount,
        Trick::ZeroCount,
        Trick::FractionalCount,
        Trick::HugeCount,
        Trick::NonNumericCount,
        Trick::SqlInCount,
        Trick::SqlInRequester,
        Trick::LongRequester,
        Trick::InvalidJson,
        Trick::WrongContentType,
        Trick::LargeBody,
        Trick::ReplayedKey,
        Trick::UnknownProduct,
    ];

    /// The word that stands in scenario files and in the history.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Trick::NegativeCount => "negative_count",
            Trick::ZeroCount => "zero_count",
            Trick::FractionalCount => "fractional_count",
            Trick::HugeCount => "huge_count",
            Trick::NonNumericCount => "non_numeric_count",
            Trick::SqlInCount => "sql_in_count",
            Trick::SqlInRequester => "sql_in_requester",
            Trick::LongRequester => "long_requester",
            Trick::InvalidJson => "invalid_json",
            Trick::WrongContentType => "wrong_content_type",
            Trick::LargeBody => "large_body",
            Trick::ReplayedKey => "replayed_key",
            Trick::UnknownProduct => "unknown_product",
        }
    }
}
