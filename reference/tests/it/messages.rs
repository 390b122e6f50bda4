//! Every error message of this crate, as users see it. What is said to buyers over HTTP is the contract's; what the broker says is SQS's and SNS's own.

mod configuring;
mod running;

use testbed::messages::Messages;

#[test]
fn every_message_says_what_went_wrong_where_why_and_what_to_do() {
    let messages = Messages::of(env!("CARGO_MANIFEST_DIR"));
    let messages = running::messages(configuring::messages(messages));
    insta::assert_snapshot!(messages.told());
}
