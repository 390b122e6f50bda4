//! One arrival, whichever way it came.

use std::time::{Duration, SystemTime};

use crate::clock;
use crate::domain::ProductionId;
use crate::store::{Applied, Arrival, ArrivalError, Store};

/// Applies an arrival, once per production, and says so in log and metrics.
///
/// # Errors
/// [`ArrivalError`]; the stock is unchanged, except where its [`crate::store::StoreError`] says that this is not certain.
pub async fn apply(store: &Store, arrival: Arrival) -> Result<Applied, ArrivalError> {
    let (production_id, quantity) = (arrival.production, arrival.quantity.get());
    let outcome = store.apply_arrival(arrival).await;
    metrics::counter!("rushproof_arrivals_total", "outcome" => label(&outcome)).increment(1);
    match &outcome {
        Ok(Applied { stock, first_time: true }) => {
            let lead = lead_time(production_id, clock::now());
            metrics::histogram!("rushproof_production_lead_seconds").record(lead.as_secs_f64());
            tracing::info!(%production_id, quantity, stock, ?lead, "an arrival raised the stock");
        }
        Ok(Applied { .. }) => tracing::info!(%production_id, quantity, "an arrival came again and changed nothing"),
        Err(error) => tracing::warn!(%production_id, quantity, %error, "an arrival was refused"),
    }
    outcome
}

/// From the refusal that began the production, which its id remembers to the millisecond.
fn lead_time(production: ProductionId, now: SystemTime) -> Duration {
    let began = production.0.get_timestamp().map_or(Duration::ZERO, |at| {
        let (seconds, nanos) = at.to_unix();
        Duration::new(seconds, nanos)
    });
    now.duration_since(SystemTime::UNIX_EPOCH + began).unwrap_or_default()
}

fn label(outcome: &Result<Applied, ArrivalError>) -> &'static str {
    match outcome {
        Ok(Applied { first_time: true, .. }) => "applied",
        Ok(Applied { .. }) => "repeated",
        Err(ArrivalError::Store(_)) => "failed",
        Err(_) => "refused",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_production_knows_when_it_began() {
        let lead = lead_time(ProductionId::new(), SystemTime::now() + Duration::from_secs(90));
        assert!((Duration::from_secs(90)..Duration::from_secs(95)).contains(&lead), "{lead:?}");
    }
}
