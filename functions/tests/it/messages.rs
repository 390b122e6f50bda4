//! Every error message of this crate, as users see it.

use functions::event_source::InvokeError;
use functions::function::FunctionError;
use functions::settings::SettingsError;
use reference::messaging::provision::ProvisionError;
use testbed::messages::Messages;

#[test]
fn every_message_says_what_went_wrong_where_why_and_what_to_do() {
    let function = || "replenish".to_owned();
    let messages = Messages::of(env!("CARGO_MANIFEST_DIR"))
        .with(InvokeError::NotInvoked { function: function(), reason: "connection refused".to_owned() })
        .with(InvokeError::Failed { function: function(), answer: "{\"errorMessage\":\"out of memory\"}".to_owned() })
        .with(FunctionError::Unknown("shipping".to_owned()))
        .with(FunctionError::Topics(ProvisionError::Missing(vec!["topic stock_empty".to_owned()])))
        .with(FunctionError::Runtime("no AWS_LAMBDA_RUNTIME_API".into()))
        .with(SettingsError::Secret {
            arn: "arn:aws:secretsmanager:eu-central-1:1:secret:db".to_owned(),
            url: "http://localhost:2773".to_owned(),
            reason: "connection refused".to_owned(),
        })
        .with(SettingsError::NoHost);
    insta::assert_snapshot!(messages.told());
}
