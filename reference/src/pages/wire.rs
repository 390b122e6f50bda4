//! The latest state of something, pushed to whoever looks on (server-sent events).
//!
//! There is no queue: each viewer gets the latest state as soon as it has read the one before, and misses what came in between. So neither many
//! viewers nor slow ones cost more than their seats, of which there is a fixed number.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use futures_util::stream::{self, Stream};
use http::StatusCode;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Viewers at once: a team around a table, each with two windows.
const SEATS: usize = 16;

/// A comment is sent after so much silence, so that nothing in between takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What a viewer may be shown.
#[derive(Debug, Clone, Default)]
struct State {
    /// Number of the state; 0 before the first.
    number: u64,
    json: Arc<str>,
}

/// Where states are put.
#[derive(Debug)]
pub struct Wire {
    latest: watch::Sender<State>,
}

/// Where viewers come.
#[derive(Debug, Clone)]
pub struct Seats {
    latest: watch::Receiver<State>,
    free: Arc<Semaphore>,
}

/// A wire, and the seats at its other end.
#[must_use]
pub fn stretch() -> (Wire, Seats) {
    let (sender, receiver) = watch::channel(State::default());
    (Wire { latest: sender }, Seats { latest: receiver, free: Arc::new(Semaphore::new(SEATS)) })
}

impl Wire {
    /// From now on this is the state. Viewers that are there get it; later ones begin with it. Dropping the wire ends all streams after the
    /// last state.
    pub fn say(&self, json: String) {
        self.latest.send_modify(|state| *state = State { number: state.number + 1, json: json.into() });
    }
}

impl Seats {
    /// Whether anybody looks on.
    #[must_use]
    pub fn taken(&self) -> bool {
        self.free.available_permits() < SEATS
    }

    /// A stream of the states from the latest on; 503 when every seat is taken.
    pub fn sit_down(&self) -> Response {
        match Arc::clone(&self.free).try_acquire_owned() {
            Ok(seat) => Sse::new(states(self.latest.clone(), seat)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response(),
            Err(_) => {
                let message = format!("{SEATS} viewers look on already; close one of them");
                (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "message": message }))).into_response()
            }
        }
    }
}

fn states(latest: watch::Receiver<State>, seat: OwnedSemaphorePermit) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((latest, 0, seat), |(mut latest, seen, seat)| async move {
        let state = match latest.wait_for(|state| state.number > seen).await {
            Ok(state) => state.clone(),
            // The wire is gone, and nothing new will come.
            Err(_) => return None,
        };
        Some((Ok(Event::default().data(&*state.json)), (latest, state.number, seat)))
    })
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn text(response: Response) -> String {
        let body = response.into_body().collect().await.expect("the stream ends in order").to_bytes();
        String::from_utf8_lossy(&body).into_owned()
    }

    #[tokio::test]
    async fn a_late_viewer_gets_the_latest_state_and_a_wire_that_is_gone_ends_the_stream() {
        let (wire, seats) = stretch();
        wire.say("1".to_owned());
        wire.say("2".to_owned());
        let response = seats.sit_down();
        assert!(seats.taken());
        drop(wire);
        assert_eq!(text(response).await, "data: 2\n\n");
        assert!(!seats.taken(), "the seat is free again");
    }

    #[tokio::test]
    async fn there_are_only_so_many_seats() {
        let (_wire, seats) = stretch();
        let sitting: Vec<Response> = (0..SEATS).map(|_| seats.sit_down()).collect();
        assert!(sitting.iter().all(|response| response.status() == StatusCode::OK));
        assert_eq!(seats.sit_down().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(sitting);
        assert_eq!(seats.sit_down().status(), StatusCode::OK);
    }
}
