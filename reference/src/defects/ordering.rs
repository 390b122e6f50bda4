//! Mistakes of ordering from the factory.

use crate::consumer::Handled;
use crate::replenish::order::Verdict;
use crate::replenish::request::Request;
use crate::replenish::{Planned, Replenish};
use crate::store::StoreError;

/// `unbounded-retries`: asks until the factory takes the order, at once, without breaker, limit or end.
pub(crate) async fn at_once_and_for_ever(replenish: &Replenish, request: &Request) -> Result<Handled, StoreError> {
    loop {
        let production = match replenish.plan(request).await? {
            Planned::Settled(handled) => return Ok(handled),
            Planned::Order(production) => production,
        };
        match replenish.ask(&production).await {
            Verdict::Accepted => {
                replenish.record(production.id).await?;
                return Ok(Handled::Done);
            }
            Verdict::Refused(reason) => return Ok(Handled::Poison { reason }),
            Verdict::Unwell(_) => tokio::task::yield_now().await,
        }
    }
}
