//! What a configuration can be told.

use std::io::{Error, ErrorKind};
use std::time::Duration;

use reference::broker::BrokerError;
use reference::config::database::BadDatabase;
use reference::config::duration::BadDuration;
use reference::config::role::{NotARole, Role};
use reference::config::stock::BadStock;
use reference::defects::BadDefect;
use reference::domain::{NotAQuantity, NotAnEpisode};
use reference::drills::{BadCrashPlan, BadSkew};
use reference::edition::{EditionName, NotAnEdition};
use reference::messaging::config::AwsConfigError;
use reference::messaging::provision::ProvisionError;
use reference::replenish::FactoryAddressError;
use reference::serve::listeners::BindError;
use reference::serve::{ServeError, WiringError};
use reference::telemetry::logs::BadFilter;
use reference::whereabouts::look::NoShop;
use testbed::messages::Messages;

fn refused() -> Error {
    Error::from(ErrorKind::PermissionDenied)
}

pub(super) fn messages(messages: Messages) -> Messages {
    endpoints(values(messages))
        .with(BrokerError::Options("unruly.duplicate is a share from 0 to 1, not 3".to_owned()))
        .with(BrokerError::Folder("data/broker".into(), refused()))
        .with(BrokerError::InUse("data/broker".into()))
        .with(BrokerError::Unreadable {
            folder: "data/broker".into(),
            reason: "data/broker/3.journal: not a message journal of this version; move it away, or use the broker that wrote it"
                .to_owned(),
        })
        .with(BindError { address: ([127, 0, 0, 1], 8_080).into(), flag: "--sales", why: Error::from(ErrorKind::AddrInUse) })
        .with(ServeError::DataFolder { path: "data".into(), source: refused() })
        .with(ServeError::Start { role: Role::Sales, source: WiringError::OtherTopic { named: "arn:aws:sns:x:1:stock_empty".to_owned() } })
        .with(ServeError::RoleEnded { role: Role::Relay, how: "it returned".to_owned() })
        .with(ServeError::System { what: "listen for signals", source: refused() })
        .with(WiringError::OtherTopic { named: "arn:aws:sns:x:1:stock_empty".to_owned() })
        .with(WiringError::NotThere {
            endpoint: "http://127.0.0.1:4566".to_owned(),
            why: ProvisionError::Missing(vec!["topic stock_empty".to_owned()]),
        })
        .with(NoShop { why: "no shop runs in data".to_owned() })
}

fn values(messages: Messages) -> Messages {
    messages
        .with(BadDatabase::NotBuiltIn { asked_by: "DATABASE_URL", scheme: "mysql".to_owned() })
        .with(BadDatabase::OtherKind { scheme: "postgres".to_owned() })
        .with(BadDatabase::Unreadable)
        .with(BadDuration::NoUnit("250".to_owned()))
        .with(BadDuration::Unreadable)
        .with(BadDuration::TooLong { limit: Duration::from_secs(3_600) })
        .with(NotARole("shipping".to_owned()))
        .with(BadStock::NotPieces("many".to_owned()))
        .with(BadStock::UnknownProduct { named: "CP-1".to_owned(), known: "CP-502101".to_owned() })
        .with(BadDefect::Unknown { text: "sloth".to_owned() })
        .with(BadDefect::NotCompiledIn)
        .with(NotAQuantity(-3))
        .with(NotAnEpisode("CP-502101".to_owned()))
        .with(BadCrashPlan::UnknownPoint { text: "relay.nowhere".to_owned() })
        .with(BadCrashPlan::NoPassage { text: "relay.published:soon".to_owned() })
        .with(BadCrashPlan::NotCompiledIn)
        .with(BadSkew::NoSkew { text: "90s".to_owned() })
        .with(BadSkew::NotCompiledIn)
        .with(NotAnEdition("donuts".to_owned()))
        .with(BadFilter("loud".to_owned()))
}

fn endpoints(messages: Messages) -> Messages {
    let (variable, value, reason) = ("FACTORY_URL", "factory".to_owned(), "no scheme".to_owned());
    messages
        .with(AwsConfigError::Missing { variable: "AWS_REGION", way_out: "set it to the region of the queues" })
        .with(AwsConfigError::NotAnAddress { variable: "AWS_ENDPOINT_URL", value: "localhost".to_owned(), reason: reason.clone() })
        .with(AwsConfigError::NeedsTls {
            service: "SQS",
            address: "https://sqs.eu-central-1.amazonaws.com".to_owned(),
            variable: "AWS_ENDPOINT_URL_SQS",
        })
        .with(FactoryAddressError::NotAnAddress { variable, value, reason })
        .with(FactoryAddressError::NoCallback { edition: EditionName::Donut })
}
