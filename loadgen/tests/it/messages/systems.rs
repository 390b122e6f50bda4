//! What can be said of the system under test, and of what stands around it.

use std::time::Duration;

use chaos::tap::{TapError, Upstream};
use loadgen::boot::BootError;
use loadgen::boot::role::RoleError;
use loadgen::boot::whereabouts::WhereaboutsError;
use loadgen::faults::HopError;
use loadgen::observe::eye::LookError;
use loadgen::observe::http::ReadError;
use loadgen::observe::remains::RemainsError;
use loadgen::scenario::EditionName;
use loadgen::target::check::CheckError;
use loadgen::target::{DatabaseError, FactoryError, QueueError, StartError, StrangerError};
use reference::messaging::config::AwsConfigError;
use reference::messaging::provision::ProvisionError;
use reference::messaging::{CallError, FailureKind};
use reference::store::StoreError;
use testbed::messages::Messages;

use super::{absent, no_json, refused};

pub(super) fn messages(messages: Messages) -> Messages {
    let path = || "reports/r1/system.json".into();
    strangers(seen(booting(messages)))
        .with(WhereaboutsError::Read { path: path(), source: absent() })
        .with(WhereaboutsError::Malformed { path: path(), source: no_json() })
        .with(WhereaboutsError::Edition { path: path(), found: EditionName::Donut, wanted: EditionName::Shop })
        .with(WhereaboutsError::Remote { path: path(), host: "shop.example".to_owned() })
        .with(WhereaboutsError::Address { path: path(), address: "shop".to_owned() })
        .with(WhereaboutsError::Lacks { path: path(), lacks: vec!["addresses.sales".to_owned(), "addresses.broker".to_owned()] })
        .with(WhereaboutsError::Write { path: path(), source: refused() })
}

fn aws() -> AwsConfigError {
    AwsConfigError::NotAnAddress { variable: "AWS_ENDPOINT_URL", value: "here".to_owned(), reason: "no scheme".to_owned() }
}

fn not_there() -> ProvisionError {
    ProvisionError::Incomplete { action: "CreateQueue", subject: "stock_queue".to_owned(), lacking: "a QueueUrl" }
}

fn call() -> CallError {
    let (subject, detail) = ("stock_queue".to_owned(), "connection refused".to_owned());
    CallError { action: "GetQueueAttributes", subject, kind: FailureKind::NoAnswer, code: None, detail }
}

fn unread() -> ReadError {
    ReadError { url: "http://127.0.0.1:3000/products".to_owned(), reason: "connection refused".to_owned() }
}

fn booting(messages: Messages) -> Messages {
    let (role, log) = (|| "sales".to_owned(), || "error: cannot make the data folder".to_owned());
    let (hop, address) = (|| "factory".to_owned(), || "https://factory".to_owned());
    messages
        .with(BootError::Folder(refused()))
        .with(BootError::NoAddress { listener: "sales" })
        .with(BootError::Aws(aws()))
        .with(BootError::Database(StoreError::Unreachable { url: "mysql://db".to_owned(), reason: "connection refused".to_owned() }))
        .with(BootError::Provision(not_there()))
        .with(RoleError::Log { path: "reports/rush-1/logs/sales.log".into(), source: refused() })
        .with(RoleError::EndedEarly { role: role(), log: log() })
        .with(RoleError::NotReady { role: role(), log: log() })
        .with(RoleError::Gone { role: role() })
        .with(RoleError::Garbled { role: role(), line: "hello".to_owned() })
        .with(HopError::Address { hop: hop(), address: address(), source: Upstream::parse(&address()).unwrap_err() })
        .with(HopError::Remote { hop: hop(), host: "shop.example".to_owned() })
        .with(HopError::Listen { hop: hop(), source: refused() })
        .with(HopError::Tap { hop: hop(), source: TapError::Listener { hop: "factory".into(), source: refused() } })
}

fn seen(messages: Messages) -> Messages {
    messages
        .with(LookError::Store(StoreError::Closed))
        .with(LookError::Target(unread()))
        .with(LookError::Queue(call()))
        .with(unread())
        .with(RemainsError::Store(StoreError::Closed))
        .with(RemainsError::Queue(call()))
}

fn strangers(messages: Messages) -> Messages {
    messages
        .with(StartError::Start { program: "pyhton3".to_owned(), folder: "targets/example".into(), source: absent() })
        .with(StartError::Log { path: "reports/rush-1/logs/target.log".into(), source: refused() })
        .with(StartError::EndedEarly("exit status: 1; its log ends:\nAddress already in use".to_owned()))
        .with(StartError::NotReady {
            url: "http://127.0.0.1:3000/health".to_owned(),
            within: Duration::from_secs(20),
            last: "connection refused".to_owned(),
            log: "listening on 3001".to_owned(),
        })
        .with(QueueError::Aws(aws()))
        .with(QueueError::Provision(not_there()))
        .with(FactoryError { address: ([127, 0, 0, 1], 8_081).into(), source: refused() })
        .with(DatabaseError::Address { url: "mysql://shop:***@:0".to_owned(), reason: "empty host".to_owned() })
        .with(StrangerError::Environment(vec!["SHOP_PASSWORD".to_owned(), "SHOP_USER".to_owned()]))
        .with(StrangerError::Place(refused()))
        .with(StrangerError::Stock(unread()))
        .with(CheckError::Folder(refused()))
}
