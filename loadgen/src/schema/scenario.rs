//! Scenario files, section by section, as `scenario::parse` reads them.

use super::fault::fault;
use super::node::{Node, count, duration, either, formed, one_of, share, table, table_of, text};
use crate::plan::Trick;

/// Most of anything that is only counted.
const MOST: u64 = 1_000_000_000;

pub(super) fn root() -> Node {
    let who_comes = [Node { required: vec!["stage"], ..Node::default() }, Node { required: vec!["closed"], ..Node::default() }];
    let root = table()
        .with_required("name", formed("^[a-z0-9-]{1,64}$").about("The word for --scenario, and part of the run folder's name."))
        .with_required("about", text().about("What it teaches, in one sentence."))
        .with("edition", one_of(&["donut", "shop"]).about("Which face the shop shows; donut, when it is left out."))
        .with("expect_verdict", one_of(&["pass", "fail", "unknown"]).about("How a run of it should end; fail for a control."))
        .with_required("stock", stock())
        .with("stage", stage().list().about("Buyers arrive by this schedule and wait for nobody, stage after stage."))
        .with("closed", closed())
        .with("buyers", buyers())
        .with("hostile", hostile())
        .with("pipeline", pipeline())
        .with("drain", drain())
        .with("expect", expect())
        .with("limits", limits())
        .with("abort", abort())
        .with("fault", Node { kind: Some("array"), items: Some(Box::new(fault())), ..Node::default() }.about("What goes wrong."))
        .with("swarm", swarm());
    Node {
        schema: Some("http://json-schema.org/draft-07/schema#"),
        title: Some("A scenario of rushproof"),
        any_of: who_comes.to_vec(),
        ..root
    }
}

fn stock() -> Node {
    let pieces = || count(0, 1_000_000);
    let shared = table().with_required("pieces", pieces().about("Pieces at the begin.")).with("share", share().about("Of all purchases."));
    let product = either([pieces(), shared]).about("Pieces at the begin, or { pieces = 100, share = \"60%\" }.");
    table_of(product).about("A line per product: \"CP-502101\" = 100 in edition donut; \"1\", \"2\" and \"3\" in edition shop.")
}

fn rate() -> Node {
    formed(r"^\s*([0-9]+\.?[0-9]*|\.[0-9]+)\s*/\s*(s|m)\s*$")
}

fn stage() -> Node {
    table()
        .with_required("name", text().about("What the report calls it."))
        .with_required("duration", duration().about("How long it takes."))
        .with("rate", rate().about("Arrivals all the while: \"8/s\", \"30/m\"."))
        .with("from", rate().about("Arrivals at its begin; with `to`."))
        .with("to", rate().about("Arrivals at its end; with `from`."))
}

fn closed() -> Node {
    table()
        .with_required("users", count(1, 100_000).about("How many."))
        .with_required("think_time", duration().about("Mean of the pause before each act."))
        .with_required("duration", duration().about("For how long."))
        .about("A fixed number of users, each of whom waits for an answer before the next act.")
}

fn buyers() -> Node {
    table()
        .with("browse", share().about("Arrivals who only look."))
        .with(
            "quantities",
            table_of(share()).about("Pieces of a purchase, and how many purchases ask for so many: { \"1\" = \"75%\", \"2\" = \"25%\" }."),
        )
        .with("double_click", share().about("Purchases that are sent twice at once, under the same key."))
        .with("patience", duration().about("How long a buyer waits for an answer; 5s."))
        .with("retries", count(0, 20).about("How often the same order is sent again without an answer; 3."))
        .with("retry_after", duration().about("Mean pause before the first repetition, doubling from there; 250ms."))
        .with("come_back", share().about("Refused buyers who come back with a new order."))
        .with("come_back_after", duration().about("Mean time until they do; 4s."))
        .with("come_backs", count(0, 20).about("How often the same buyer comes back; 1."))
        .about("What buyers are like.")
}

fn hostile() -> Node {
    let words: Vec<&'static str> = Trick::ALL.iter().map(|trick| trick.as_str()).collect();
    let tricks = Node { kind: Some("array"), items: Some(Box::new(Node { words, ..text() })), ..Node::default() };
    table()
        .with("share", share().about("Arrivals who mean no good."))
        .with("tricks", tricks.about("What they try, each equally often; all, when it is left out."))
        .about("Who means no good.")
}

fn pipeline() -> Node {
    table()
        .with("production_time", duration().about("How long the factory produces before it reports; 1s."))
        .with("factory_capacity", count(1, 10_000).about("Requests that the factory bears at once; 8."))
        .with(
            "factory_collapse",
            count(1, 10_000).about("Requests at once from which on the factory falls over; never, when it is left out."),
        )
        .with("visibility_timeout", duration().about("How long a received message stays invisible, in whole seconds; 5s."))
        .with("max_receive_count", count(1, 1_000).about("Receives after which a message goes to the dead-letter queue; 5."))
        .with("confirm_after", duration().about("Age from which on a production that nobody confirmed is requested again; 10s."))
        .about("How the pipeline is set up for the run.")
}

fn drain() -> Node {
    table()
        .with("timeout", duration().about("How long it may take; 60s."))
        .with("quiet_for", duration().about("How long everything must have been quiet; 2s."))
        .about("When the pipeline counts as drained.")
}

fn expect() -> Node {
    let least = |about: &str| count(0, MOST).about(about);
    table()
        .with("min_sold", least("Orders answered as sold."))
        .with("min_sold_out", least("Orders refused for lack of stock."))
        .with("min_restocks", least("Productions applied to the stock."))
        .with("min_info", least("Attempts without a certain answer."))
        .with("min_redeliveries", least("Messages delivered more than once."))
        .with("min_hostile", least("Hostile requests answered."))
        .about("What must have been seen for a pass to mean anything; less is UNKNOWN.")
}

fn limits() -> Node {
    table()
        .with("lateness_p99", duration().about("The generator's own lateness, 99th percentile; above it the run proves nothing; 250ms."))
        .with("latency_p99", duration().about("The latency of purchases, 99th percentile, if one is promised."))
        .with("recovery", duration().about("From the last heal until all is as before; 30s."))
        .with("dead_letters", count(0, MOST).about("Messages that are no poison and may ever be dead letters."))
        .with("mails_per_episode", count(1, 1_000).about("Mails for one sold-out episode."))
        .with(
            "growth",
            share()
                .about("How far memory, file handles, threads and tasks of a process may grow from the load's second quarter to its last."),
        )
        .about("What must not be exceeded.")
}

fn abort() -> Node {
    table()
        .with("dead_letters", count(0, MOST).about("Most messages in all dead-letter queues together."))
        .with("backlog", count(0, MOST).about("Most messages that wait anywhere."))
        .with("unknown_share", share().about("Most answers that leave it open whether anything was done."))
        .with("stock_below", count(0, 1_000_000).about("Least stock of any product."))
        .about("Beyond these the run is stopped for the sake of what is tested.")
}

fn swarm() -> Node {
    table()
        .with_required("pick", count(1, 1_000).about("How many faults a seed draws from the menu at most."))
        .with("at_least", count(1, 1_000).about("And at least; as many as `pick`, when it is left out."))
        .with("before", duration().about("Nothing goes wrong until then; 3s."))
        .with("after", duration().about("Nor in the last so many seconds of the load; 4s."))
        .with("shortest", duration().about("How long a rule is in force at least; 3s."))
        .with("longest", duration().about("And at most; 8s."))
        .about("The faults are a menu, and every seed draws some of them.")
}
