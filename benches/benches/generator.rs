//! What a request costs the generator in processor time, everything recorded for verification, beside oha, which records nothing: both send
//! purchases to the same axum server, each in a process of its own, in turn.

use std::process::Command;

use benches::generator::Told;
use benches::paired::{PAIRS, paired};
use benches::rows::{Row, Target, figure, leave};
use benches::stand::{Serving, cpu_of, peer};

/// Requests a second: what one core of a small machine serves with room to spare.
const RATE: u32 = 5_000;

/// Of one measurement.
const SECONDS: u32 = 3;

const WHAT: &str = "generator: processor time per request, all recorded";

fn stand() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stand"))
}

/// Processor time of the generator per request, µs.
fn ours(shop: &Serving) -> f64 {
    let (cpu, said) = cpu_of(stand().args(["load", &shop.address, &RATE.to_string(), &SECONDS.to_string(), "1"])).expect("the load runs");
    let told: Told = serde_json::from_str(said.trim()).expect("it tells what it did");
    cpu / told.attempted as f64
}

/// The same of oha, which takes a request's body from its command line; at the same rate, or as fast as it can.
fn oha(program: &std::path::Path, shop: &Serving, rate: Option<u32>) -> f64 {
    let requests = RATE * SECONDS;
    let mut command = Command::new(program);
    command.args(["--no-tui", "--output-format", "quiet", "-c", "64", "-m", "POST", "-T", "application/json"]);
    command.args([
        "-n",
        &requests.to_string(),
        "-d",
        r#"{"MessageAttributeProductCnt":1,"MessageAttributeFactoryId":"FF-500293","requester":"buyer-1"}"#,
    ]);
    if let Some(rate) = rate {
        command.args(["-q", &rate.to_string()]);
    }
    let (cpu, _) = cpu_of(command.arg(format!("{}/checkout", shop.address))).expect("oha runs");
    cpu / f64::from(requests)
}

fn main() {
    let shop = Serving::start(stand().arg("shop")).expect("the shop starts");
    let Some(program) = peer("oha") else {
        return leave("generator", &[Row::absent(WHAT, "oha (records nothing)", "oha is not installed (scripts/install-peers.sh)")]);
    };
    let row = |against: &str, rate: Option<u32>, target: Option<Target>| {
        let found = paired(PAIRS, || ours(&shop), || oha(&program, &shop, rate));
        let detail = format!("{} µs against {} µs", figure(found.ours.median), figure(found.theirs.median));
        Row::ratio(WHAT, against, found.ratio, target, detail)
    };
    leave(
        "generator",
        &[
            row("oha, same rate (records nothing)", Some(RATE), Some(Target::AtMost(1.0))),
            row("oha, as fast as it can (records nothing)", None, None),
        ],
    );
}
