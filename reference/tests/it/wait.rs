//! Waiting for a state: looks again and again until it is there, or the deadline passes and the last look is shown.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::Instant;

/// How often a state is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until `seen` says yes to what `look` shows.
///
/// # Panics
/// When that has not happened within `deadline`, naming what was waited for and what was seen last.
pub(crate) async fn until<T: Debug>(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> T, seen: impl Fn(&T) -> bool) -> T {
    let end = Instant::now() + deadline;
    loop {
        let last = look().await;
        if seen(&last) {
            return last;
        }
        assert!(Instant::now() < end, "waited {deadline:?} for {what}; last seen: {last:?}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
