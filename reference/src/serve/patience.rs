//! Patience with a database that somebody else keeps busy while a process starts.

use std::time::Duration;

use tokio::time::Instant;

use crate::store::{SetStockError, StoreError};

/// How long a database may be busy with somebody else when a process starts. Each look at it already waits for the lock for seconds.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(250);

/// Opens and fills the store, as `open` does it. Somebody else may keep the database busy just when a process starts, and one that ended for
/// that would need somebody to start it again; whatever else is wrong is wrong at once.
pub(super) async fn with_the_database<T>(open: impl AsyncFn() -> Result<T, SetStockError>) -> Result<T, SetStockError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        if !is_busy(&error) || Instant::now() >= deadline {
            return Err(error);
        }
        tracing::warn!(%error, patience = ?PATIENCE, "waiting for the database");
        tokio::time::sleep(PAUSE).await;
    }
}

fn is_busy(error: &SetStockError) -> bool {
    let SetStockError::Store(error) = error else { return false };
    matches!(error, StoreError::Locked { .. } | StoreError::Conflict { .. } | StoreError::Timeout { .. } | StoreError::Overloaded)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::domain::ProductId;

    /// Fails so often and in these ways, then succeeds; how often it was tried is the second.
    async fn opened_after(failures: Vec<SetStockError>) -> (Result<(), SetStockError>, u32) {
        let (left, tried) = (RefCell::new(failures), Cell::new(0));
        let opened = with_the_database(async || {
            tried.set(tried.get() + 1);
            left.borrow_mut().pop().map_or(Ok(()), Err)
        });
        (opened.await, tried.get())
    }

    fn locked() -> SetStockError {
        SetStockError::Store(StoreError::Locked { waited: Duration::from_secs(5) })
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_is_busy_at_the_start_is_waited_for() {
        assert!(matches!(opened_after(vec![locked(), locked()]).await, (Ok(()), 3)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_wrong_at_once() {
        let schema = StoreError::Schema { url: "sqlite://shop.db".into(), reason: "newer".into() };
        for wrong in [SetStockError::Store(schema), SetStockError::UnknownProduct(ProductId("CP-0".into()))] {
            assert!(matches!(opened_after(vec![wrong]).await, (Err(_), 1)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let began = Instant::now();
        let (opened, _) = opened_after(std::iter::repeat_with(locked).take(1_000).collect()).await;
        assert!(matches!(opened, Err(SetStockError::Store(StoreError::Locked { .. }))));
        assert!(PATIENCE <= began.elapsed() && began.elapsed() <= PATIENCE + PAUSE, "{:?}", began.elapsed());
    }
}
