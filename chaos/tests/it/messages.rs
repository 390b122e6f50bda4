//! Every error message of this crate, as users see it.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use chaos::decision::Share;
use chaos::faults::NotHealed;
use chaos::plan::{Mistakes, PlanError};
use chaos::process::ProcessError;
use chaos::tap::{TapError, Upstream};
use testbed::messages::Messages;

const SECONDS: Duration = Duration::from_secs(5);

fn refused() -> Error {
    Error::from(ErrorKind::PermissionDenied)
}

#[test]
fn every_message_says_what_went_wrong_where_why_and_what_to_do() {
    let mut mistakes = Mistakes::new("plan.toml", "share = 3");
    mistakes.add(&(8..9), "`share` is not a share", "write a percentage in quotes, from \"0%\" to \"100%\"");
    let messages = Messages::of(env!("CARGO_MANIFEST_DIR"))
        .with(Share::new(1.5).unwrap_err())
        .with(NotHealed { within: SECONDS, active: 1, held: 3 })
        .with(PlanError::Unreadable { path: "plan.toml".into(), source: refused() })
        .with(PlanError::Mistakes(mistakes.into_result().unwrap_err()))
        .with(ProcessError::Spawn { name: "relay".to_owned(), program: "./reference".to_owned(), source: Error::from(ErrorKind::NotFound) })
        .with(ProcessError::Signal {
            name: "relay".to_owned(),
            pid: 4_711,
            signal: nix::sys::signal::Signal::SIGSTOP,
            source: nix::Error::ESRCH,
        })
        .with(ProcessError::Wait { name: "relay".to_owned(), source: Error::from(ErrorKind::Interrupted) })
        .with(Upstream::parse("ftp://somewhere").unwrap_err())
        .with(TapError::Listener { hop: "sales".into(), source: refused() })
        .with(TapError::Door { address: ([127, 0, 0, 1], 4_100).into(), wanted: "open", within: SECONDS })
        .with(TapError::Busy { address: ([127, 0, 0, 1], 4_100).into(), open: 2, within: SECONDS });
    insta::assert_snapshot!(messages.told());
}
