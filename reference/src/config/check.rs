//! Reads single groups of settings, and looks whether they fit together. Mistakes are collected, never returned.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::args::{FactoryArgs, ListenArgs, PipelineArgs, ServeArgs};
use super::database::{self, Env};
use super::duration;
use super::problems::Collector;
use super::role::Role;
use super::{DataFolder, Listen, PipelineSettings, ServeSettings};
use crate::edition::topology::QueueSettings;
use crate::edition::{Edition, EditionName};
use crate::factory::{Collapse, FactoryOptions};
use crate::pages::guard;
use crate::sales::AdminKey;

pub(super) fn pipeline(args: &PipelineArgs, env: Env<'_>, problems: &mut Collector) -> PipelineSettings {
    let name = args.edition.as_deref().map_or(Ok(EditionName::Donut), str::parse);
    let edition = problems.check_or("--edition (REFERENCE_EDITION)", name, EditionName::Donut).edition();
    let data = data_folder(args.data.as_deref());
    let given = args.database_url.as_deref().filter(|url| !url.is_empty());
    let database_url = problems.check("DATABASE_URL", database::url(given, env, &data.path));
    let defaults = QueueSettings::default();
    let visibility_timeout = duration::parse(&args.visibility_timeout).map_err(|error| error.to_string()).and_then(visibility);
    let queues = QueueSettings {
        visibility_timeout: problems.check("--visibility-timeout (REFERENCE_VISIBILITY_TIMEOUT)", visibility_timeout),
        max_receive_count: problems.check("--max-receive-count (REFERENCE_MAX_RECEIVE_COUNT)", within(&args.max_receive_count, 1, 1_000)),
        ..defaults
    };
    let topic_arn = args.topic_arn.clone().filter(|arn| !arn.is_empty());
    if let Some(arn) = &topic_arn {
        check_topic_arn(arn, edition, problems);
    }
    PipelineSettings { edition, data, database_url, queues, topic_arn }
}

pub(super) fn roles(words: &[String], problems: &mut Collector) -> Vec<Role> {
    if words.is_empty() {
        return Role::ALL.to_vec();
    }
    let mut roles = Vec::new();
    for word in words {
        match word.parse() {
            Ok(role) => roles.push(role),
            Err(error) => problems.add("ROLE", error),
        }
    }
    roles.sort_unstable();
    roles.dedup();
    roles
}

pub(super) fn check_shared_database(args: &ServeArgs, pipeline: &PipelineSettings, roles: &[Role], problems: &mut Collector) {
    let some_of_them =
        roles.iter().any(|role| role.needs_store()) && !Role::ALL.iter().filter(|role| role.needs_store()).all(|r| roles.contains(r));
    let in_the_data_folder =
        args.pipeline.database_url.as_deref().is_none_or(str::is_empty) && pipeline.database_url.starts_with("sqlite:");
    if some_of_them && !pipeline.data.named && in_the_data_folder {
        problems.add(
            "--data (REFERENCE_DATA)",
            "roles in several processes share one database: give all of them the same folder, or the same DATABASE_URL",
        );
    }
}

pub(super) fn check_neighbours(settings: &ServeSettings, problems: &mut Collector) {
    if !settings.plays(Role::Replenish) {
        return;
    }
    if settings.factory_url.is_none() && !settings.plays(Role::Factory) {
        problems.add(
            "--factory-url (FACTORY_URL)",
            "the role `replenish` must know where the factory is when this process is not the factory too",
        );
    }
    let calls_back = settings.pipeline.edition.callback_path.is_some();
    if calls_back && settings.callback_url.is_none() && !settings.plays(Role::Receiving) {
        problems.add(
            "--callback-url (CALLBACK_URL)",
            "the role `replenish` must know what the factory shall call when this process does not play `receiving` too",
        );
    }
}

pub(super) fn listen(args: &ListenArgs, problems: &mut Collector) -> Listen {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut read = |role: &str, text: &str| {
        let setting = format!("--listen-{role} (REFERENCE_LISTEN_{})", role.to_uppercase());
        let address =
            text.parse().map_err(|_| format!("{text:?} is no address; write for example 127.0.0.1:8080, or port 0 for a free one"));
        problems.check_or(&setting, address, any)
    };
    Listen {
        broker: read("broker", &args.listen_broker),
        factory: read("factory", &args.listen_factory),
        receiving: read("receiving", &args.listen_receiving),
        sales: read("sales", &args.listen_sales),
        admin: read("admin", &args.listen_admin),
    }
}

pub(super) fn live(args: &ServeArgs, roles: &[Role], problems: &mut Collector) -> Option<SocketAddr> {
    let text = args.live.as_deref().filter(|text| !text.is_empty())?;
    if !roles.contains(&Role::Sales) {
        problems.add("--live (REFERENCE_LIVE)", "the page sells: this process must play the role `sales` too");
    }
    let address = guard::loopback(text);
    Some(problems.check_or("--live (REFERENCE_LIVE)", address, SocketAddr::from(([127, 0, 0, 1], 0))))
}

pub(super) fn address(setting: &str, text: &Option<String>, problems: &mut Collector) -> Option<String> {
    let text = text.as_deref().filter(|text| !text.is_empty())?;
    let sound = text.parse::<http::Uri>().is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some());
    if !sound {
        problems.add(setting, format!("{text:?} is no address such as http://127.0.0.1:8080 (only http is spoken)"));
    }
    Some(text.trim_end_matches('/').to_owned())
}

pub(super) fn mail_address(setting: &str, text: &str, problems: &mut Collector) -> String {
    let sound =
        text.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty()) && !text.contains(char::is_whitespace);
    if !sound {
        problems.add(setting, format!("{text:?} is no e-mail address"));
    }
    text.to_owned()
}

pub(super) fn admin_key(text: Option<&str>, problems: &mut Collector) -> Option<AdminKey> {
    let text = text.filter(|text| !text.is_empty())?;
    if text.len() < 16 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        problems.add(
            "--admin-key (REFERENCE_ADMIN_KEY)",
            "must have at least 16 visible ASCII characters: it opens the stock to whoever knows it",
        );
    }
    Some(AdminKey::new(text.to_owned()))
}

pub(super) fn factory(args: &FactoryArgs, problems: &mut Collector) -> FactoryOptions {
    let mut time = |flag: &str, text: &str| {
        let setting = format!("--factory-{flag} (REFERENCE_FACTORY_{})", flag.to_uppercase().replace('-', "_"));
        problems.check(&setting, duration::parse(text))
    };
    let (production_time, production_jitter) = (time("time", &args.factory_time), time("jitter", &args.factory_jitter));
    let (answer_time, recovery) = (time("answer-time", &args.factory_answer_time), time("recovery", &args.factory_recovery));
    let report_pause = time("report-pause", &args.factory_report_pause);
    let mut count = |flag: &str, text: &str, least: u32, most: u32| {
        let setting = format!("--factory-{flag} (REFERENCE_FACTORY_{})", flag.to_uppercase().replace('-', "_"));
        problems.check(&setting, within(text, least, most))
    };
    FactoryOptions {
        production_time,
        production_jitter,
        answer_time,
        capacity: count("capacity", &args.factory_capacity, 1, 100_000),
        busy_status: if args.factory_busy_status == "429" { 429 } else { 503 },
        collapse_at: count("collapse-at", &args.factory_collapse_at, 0, 1_000_000),
        works_off_per_second: f64::from(count("works-off", &args.factory_works_off, 1, 1_000_000)),
        collapse: if args.factory_collapse == "hang" { Collapse::Hang } else { Collapse::Error },
        recovery,
        report_attempts: count("report-attempts", &args.factory_report_attempts, 1, 1_000),
        report_pause,
        durable: args.factory_durable,
        max_under_way: count("max-under-way", &args.factory_max_under_way, 1, 1_000_000),
        ..FactoryOptions::default()
    }
}

pub(super) fn within<T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy>(text: &str, least: T, most: T) -> Result<T, String> {
    let number = text.trim().parse().ok().filter(|number: &T| *number >= least && *number <= most);
    number.ok_or_else(|| format!("{text:?} is not a whole number between {least} and {most}"))
}

/// SQS counts visibility in whole seconds, up to twelve hours.
fn visibility(timeout: Duration) -> Result<Duration, String> {
    match timeout.as_secs() {
        1..=43_200 if timeout.subsec_nanos() == 0 => Ok(timeout),
        _ => Err("is not a whole number of seconds between 1s and 12h, as SQS counts it".to_owned()),
    }
}

fn check_topic_arn(arn: &str, edition: &Edition, problems: &mut Collector) {
    let parts: Vec<_> = arn.split(':').collect();
    let well_formed = parts.len() == 6 && parts[0] == "arn" && parts[2] == "sns";
    if !well_formed || parts.last() != Some(&edition.stock_topic) {
        let example = format!("arn:aws:sns:us-east-1:000000000000:{}", edition.stock_topic);
        problems.add("--topic-arn (TOPIC_ARN)", format!("{arn:?} is not the ARN of the topic {}, such as {example}", edition.stock_topic));
    }
}

fn data_folder(named: Option<&Path>) -> DataFolder {
    match named {
        Some(path) => DataFolder { path: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()), named: true },
        None => DataFolder { path: std::env::temp_dir().join(format!("reference-{}", uuid::Uuid::now_v7())), named: false },
    }
}
