//! The roles that run in this process: who they are, who ended, and how to end them so that nobody waits for one who has gone.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::role::Role;

/// Who is ended together, first to last: whoever makes work before whoever finishes it, and the broker, which all of them need, at the end.
const WATCHES: [&[Role]; 4] = [
    &[Role::Sales, Role::Relay, Role::Replenish, Role::Advertising, Role::Operations],
    &[Role::Factory],
    &[Role::Receiving],
    &[Role::Broker],
];

/// The part of the grace period that each later watch keeps, however long the earlier ones take.
const RESERVE: f64 = 0.1;

/// How a role ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself.
    Returned,
    /// With an error.
    Failed(String),
    /// It panicked.
    Panicked(String),
}

/// The roles at work.
#[derive(Debug, Default)]
pub(super) struct Crew {
    tasks: JoinSet<Result<(), String>>,
    names: HashMap<Id, Role>,
    stops: HashMap<Role, CancellationToken>,
}

impl Crew {
    /// The token that ends a role; handed to it before it starts.
    pub(super) fn stop_of(&mut self, role: Role) -> CancellationToken {
        self.stops.entry(role).or_default().clone()
    }

    /// Starts a role. A role may have several tasks; the first to end ends it.
    pub(super) fn start(&mut self, role: Role, task: BoxFuture<'static, Result<(), String>>) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), role);
        tracing::debug!(%role, "started");
    }

    /// The next role that ends; pending forever when there is none.
    pub(super) async fn next_end(&mut self) -> (Role, Ended) {
        match self.tasks.join_next_with_id().await {
            Some(joined) => self.name(joined),
            None => std::future::pending().await,
        }
    }

    /// Ends all roles in the order of the watches, within `grace` altogether. Answers who had to be cut off.
    pub(super) async fn end(mut self, grace: Duration) -> Vec<Role> {
        let deadline = Instant::now() + grace;
        for (n, watch) in WATCHES.iter().enumerate() {
            for role in *watch {
                if let Some(stop) = self.stops.get(role) {
                    stop.cancel();
                }
            }
            let later = u32::try_from(WATCHES.len() - 1 - n).unwrap_or(0);
            let until = deadline - grace.mul_f64(RESERVE * f64::from(later));
            while self.names.values().any(|role| watch.contains(role)) {
                match tokio::time::timeout_at(until, self.tasks.join_next_with_id()).await {
                    Ok(Some(joined)) => match self.name(joined) {
                        (_, Ended::Returned) => {}
                        (role, ended) => tracing::warn!(%role, ?ended, "a role ended badly during the shutdown"),
                    },
                    Ok(None) => return Vec::new(),
                    Err(_) => break,
                }
            }
        }
        let mut left: Vec<Role> = self.names.into_values().collect();
        left.sort_unstable();
        left.dedup();
        self.tasks.shutdown().await;
        left
    }

    fn name(&mut self, joined: Result<(Id, Result<(), String>), JoinError>) -> (Role, Ended) {
        let (id, ended) = match joined {
            Ok((id, Ok(()))) => (id, Ended::Returned),
            Ok((id, Err(error))) => (id, Ended::Failed(error)),
            Err(error) => (error.id(), Ended::Panicked(error.to_string())),
        };
        (self.names.remove(&id).expect("every task was given a name when it was started"), ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(stop: CancellationToken, then: Duration) -> BoxFuture<'static, Result<(), String>> {
        Box::pin(async move {
            stop.cancelled().await;
            tokio::time::sleep(then).await;
            Ok(())
        })
    }

    #[tokio::test(start_paused = true)]
    async fn the_broker_is_ended_after_everyone_who_needs_it() {
        let mut crew = Crew::default();
        let sales = crew.stop_of(Role::Sales);
        crew.start(Role::Sales, until(sales, Duration::from_secs(3)));
        let broker = crew.stop_of(Role::Broker);
        crew.start(Role::Broker, until(broker, Duration::ZERO));
        let begun = Instant::now();
        assert_eq!(crew.end(Duration::from_secs(10)).await, []);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_factory_that_takes_too_long_is_cut_off_and_the_others_still_end_in_order() {
        let mut crew = Crew::default();
        for (role, takes) in [(Role::Factory, 3_600), (Role::Receiving, 0), (Role::Broker, 0)] {
            let stop = crew.stop_of(role);
            crew.start(role, until(stop, Duration::from_secs(takes)));
        }
        let begun = Instant::now();
        assert_eq!(crew.end(Duration::from_secs(10)).await, [Role::Factory]);
        assert_eq!(begun.elapsed(), Duration::from_secs(8));
    }

    #[tokio::test]
    async fn a_role_that_panics_is_named() {
        let mut crew = Crew::default();
        crew.start(Role::Relay, Box::pin(async { panic!("out of doughnuts") }));
        let (role, ended) = crew.next_end().await;
        assert!(role == Role::Relay && matches!(ended, Ended::Panicked(_)), "{ended:?}");
    }
}
