//! What exploring shows, and that it would show more if the design were less.

use model::scope::{Part, Scope};
use stateright::{Checker, Model};

/// Explores a world; the promises that are broken, each with the shortest way there, and the sights that were missed.
fn explore(scope: Scope) -> (usize, Vec<String>, Vec<&'static str>) {
    let checker = scope.checker().threads(2).spawn_bfs().join();
    let mut broken = Vec::new();
    let mut missed = Vec::new();
    for property in scope_properties(&checker) {
        let discovery = checker.discovery(property.name);
        match (property.expectation, discovery) {
            (stateright::Expectation::Sometimes, None) => missed.push(property.name),
            (stateright::Expectation::Always, Some(path)) => broken.push(format!("{}: {:?}", property.name, path.into_actions())),
            _ => {}
        }
    }
    (checker.unique_state_count(), broken, missed)
}

fn scope_properties<C: Checker<Scope>>(checker: &C) -> Vec<stateright::Property<Scope>> {
    checker.model().properties()
}

#[test]
fn every_promise_is_kept_in_every_interleaving_of_the_small_worlds() {
    for scope in Scope::small() {
        let name = scope.name;
        let (states, broken, missed) = explore(scope);
        assert!(broken.is_empty(), "{name}, {states} states: {broken:#?}");
        assert!(missed.is_empty(), "{name}, {states} states: never seen: {missed:?}");
        assert!(states > 1_000, "{name}: {states} states are too few to have shown anything");
    }
}

/// The first promise that is broken without a part of the design.
#[track_caller]
fn is_missed(part: Part, promise: &str) {
    let (states, broken, _) = explore(Scope::lacking(part));
    assert!(broken.iter().any(|broken| broken.starts_with(promise)), "{part:?}, {states} states: {broken:#?}");
}

#[test]
fn without_the_conditional_decrement_the_stock_does_not_add_up() {
    is_missed(Part::ConditionalDecrement, "the stock adds up");
}

#[test]
fn without_idempotency_keys_an_order_is_there_twice() {
    is_missed(Part::IdempotencyKey, "no order is there twice");
}

#[test]
fn without_an_outbox_an_event_is_lost_with_the_process_that_should_have_told_it() {
    is_missed(Part::Outbox, "every event is done");
}

#[test]
fn without_an_inbox_goods_are_applied_twice() {
    is_missed(Part::Inbox, "each production and each event takes effect once");
}

#[test]
fn deleted_before_its_effect_a_message_is_lost_with_its_worker() {
    is_missed(Part::EffectBeforeDelete, "every event is done");
}

#[test]
fn forgotten_before_it_is_published_a_message_is_lost_with_its_relay() {
    is_missed(Part::PublishBeforeForget, "every event is done");
}

#[test]
fn without_asking_again_a_lost_request_is_a_broken_promise() {
    is_missed(Part::Rerequest, "from here everything comes to rest");
}
