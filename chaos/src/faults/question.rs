//! What taps ask.

use crate::decision::Point;

/// What is asked: [`crate::decision::Facts`] without what the set of faults knows by itself.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Which kind of decision.
    pub point: Point,
    /// Name of the hop.
    pub hop: &'a str,
    /// HTTP method, or empty.
    pub method: &'a str,
    /// Path without query, or empty.
    pub path: &'a str,
    /// AWS action, or "COMMIT".
    pub action: Option<&'a str>,
    /// Message attributes.
    pub attributes: &'a [(String, String)],
    /// Business id, when there is one.
    pub id: Option<&'a str>,
    /// How many requests passed this hop before.
    pub sequence: u64,
}
