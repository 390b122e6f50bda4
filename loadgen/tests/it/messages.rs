//! Every error message of this crate, as users see it. What is said of mistakes in files is shown in `tests/cmd`.

mod files;
mod runs;
mod systems;

use std::io::{Error, ErrorKind};

use testbed::messages::Messages;

#[test]
fn every_message_says_what_went_wrong_where_why_and_what_to_do() {
    let messages = Messages::of(env!("CARGO_MANIFEST_DIR"));
    let messages = runs::messages(systems::messages(files::messages(messages)));
    insta::assert_snapshot!(messages.told());
}

fn refused() -> Error {
    Error::from(ErrorKind::PermissionDenied)
}

fn absent() -> Error {
    Error::from(ErrorKind::NotFound)
}

fn no_json() -> serde_json::Error {
    serde_json::from_str::<u8>("{").unwrap_err()
}
