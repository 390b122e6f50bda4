//! What durability costs: purchases a second of the sales role on SQLite (ledger, stock, key and outbox, fsynced) with 64 buyers at once, beside the
//! same server answering a constant, and beside itself with one commit per purchase.

use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

use benches::buyers::buy;
use benches::paired::{PAIRS, paired};
use benches::rows::{Row, Target, figure, leave};
use benches::stand::{Serving, workspace_folder};

/// Buyers at once.
const BUYERS: usize = 64;

/// Of one measurement.
const LASTING: Duration = Duration::from_secs(1);

fn serve(words: &[&str]) -> Serving {
    Serving::start(Command::new(env!("CARGO_BIN_EXE_stand")).args(words)).expect("the server starts")
}

fn main() {
    // On the disk that the workspace is on, not in memory.
    let folder = workspace_folder();
    let path = folder.path().to_str().expect("a workspace's path is text");
    let (durable, single, constant) = (serve(&["durable", path, "256"]), serve(&["durable", path, "1"]), serve(&["shop"]));
    let round = Cell::new(0_u32);
    let rate = |server: &Serving| {
        round.set(round.get() + 1);
        buy(&server.address, BUYERS, LASTING, &format!("round-{}", round.get())).expect("every purchase is answered").per_second
    };
    let row = |against: &str, other: &Serving, target: Option<Target>| {
        let found = paired(PAIRS, || rate(&durable), || rate(other));
        let detail = format!("{}/s against {}/s", figure(found.ours.median), figure(found.theirs.median));
        Row::ratio("durable purchase: throughput at 64 buyers", against, found.ratio, target, detail)
    };
    leave(
        "durable",
        &[
            row("the same server answering a constant", &constant, Some(Target::AtLeast(0.5))),
            row("one commit per purchase", &single, Some(Target::AtLeast(1.0))),
        ],
    );
}
