//! What a tap costs that no rule is there for, with everything that passes written into the history: beside the least that passes HTTP on.

use std::cell::RefCell;
use std::process::Command;
use std::time::Duration;

use benches::buyers::buy;
use benches::paired::{PAIRS, Spread, paired};
use benches::rows::{Row, Target, figure, leave};
use benches::stand::{Serving, workspace_folder};

/// Buyers at once.
const BUYERS: usize = 64;

/// Of one measurement.
const LASTING: Duration = Duration::from_secs(1);

fn serve(words: &[&str]) -> Serving {
    Serving::start(Command::new(env!("CARGO_BIN_EXE_stand")).args(words)).expect("the server starts")
}

/// Requests a second through a proxy; notes its processor time for each, µs.
fn rate(proxy: &Serving, costs: &RefCell<Vec<f64>>) -> f64 {
    let before = proxy.cpu_us();
    let seen = buy(&proxy.address, BUYERS, LASTING, "round").expect("every purchase is answered");
    costs.borrow_mut().push((proxy.cpu_us() - before) / seen.times_us.len() as f64);
    seen.per_second
}

/// Median and extremes of the pairs, without what only warmed up.
fn ratios(ours: &[f64], theirs: &[f64]) -> Spread {
    Spread::of(ours.iter().zip(theirs).skip(1).map(|(ours, theirs)| ours / theirs).collect())
}

fn main() {
    let folder = workspace_folder();
    let shop = serve(&["shop"]);
    let path = folder.path().to_str().expect("a workspace's path is text");
    let (tap, bare) = (serve(&["tap", &shop.address, path]), serve(&["proxy", &shop.address]));
    let (tap_costs, bare_costs) = (RefCell::default(), RefCell::default());
    let rates = paired(PAIRS, || rate(&tap, &tap_costs), || rate(&bare, &bare_costs));
    let (tap_costs, bare_costs) = (tap_costs.into_inner(), bare_costs.into_inner());
    let rate_detail = format!("{}/s against {}/s", figure(rates.ours.median), figure(rates.theirs.median));
    let cost = |costs: &[f64]| figure(Spread::of(costs[1..].to_vec()).median);
    let cost_detail = format!("{} µs against {} µs a request", cost(&tap_costs), cost(&bare_costs));
    let against = "a bare hyper-util proxy";
    leave(
        "tap",
        &[
            Row::ratio("tap without a rule, history on: throughput", against, rates.ratio, Some(Target::AtLeast(0.8)), rate_detail),
            Row::ratio(
                "tap without a rule, history on: processor time",
                against,
                ratios(&tap_costs, &bare_costs),
                Some(Target::AtMost(1.5)),
                cost_detail,
            ),
        ],
    );
}
