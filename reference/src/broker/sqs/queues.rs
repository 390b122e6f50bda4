//! Making, finding, describing and removing queues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::protocol::{Call, Nothing};
use crate::broker::{
    arn,
    queue::{Overview, Queue, settings::Settings},
    refusal::Refusal,
};

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Create {
    queue_name: String,
    attributes: BTreeMap<String, String>,
    /// The SDKs send it in lower case; `Tags` is taken, too.
    #[serde(rename = "tags", alias = "Tags")]
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Url {
    queue_url: String,
}

/// An action on one queue that needs no more than its URL, or attribute names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct OnQueue {
    queue_url: String,
    attribute_names: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ByName {
    queue_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct List {
    queue_url: String,
    queue_name_prefix: String,
    max_results: Option<usize>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// As [`Page`]; this action's answer is spelt differently.
#[derive(Debug, Serialize)]
pub(crate) struct SourcesPage {
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Attributes {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct SetAttributes {
    queue_url: String,
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Tagging {
    queue_url: String,
    tags: BTreeMap<String, String>,
    tag_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Tags {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

/// Attributes that are counted or derived, not set.
const READ_ONLY: &[&str] = &[
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
];

/// Most tags of a queue.
const MAX_TAGS: usize = 50;

/// Queues listed at a time, at most and by default.
const PAGE: usize = 1_000;

pub(crate) fn create(call: &Call<'_>, asked: Create) -> Result<Url, Refusal> {
    check_name(&asked.queue_name)?;
    check_tags(&asked.tags)?;
    let settings = Settings::of_new_queue(&asked.queue_name, asked.attributes)?;
    check_redrive(call, &asked.queue_name, &settings)?;
    let (queue, created) = call.world.add_queue(&asked.queue_name, settings.clone(), asked.tags)?;
    if created {
        call.world.save_catalogue()?;
    } else if let Some(difference) = queue.overview().settings.differs_from(&settings) {
        return Err(Refusal::QueueNameExists(difference));
    }
    Ok(Url { queue_url: call.url_of(&queue.name) })
}

pub(crate) fn delete(call: &Call<'_>, asked: OnQueue) -> Result<Nothing, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    call.world.queues_mut().by_name.remove(&queue.name);
    queue.close();
    call.world.save_catalogue()?;
    call.world.flush()?;
    Ok(Nothing {})
}

pub(crate) fn get_url(call: &Call<'_>, asked: ByName) -> Result<Url, Refusal> {
    if asked.queue_name.is_empty() {
        return Err(Refusal::MissingParameter("QueueName"));
    }
    let queue = call.world.queue(&asked.queue_name).ok_or(Refusal::QueueDoesNotExist)?;
    Ok(Url { queue_url: call.url_of(&queue.name) })
}

pub(crate) fn list(call: &Call<'_>, asked: List) -> Result<Page, Refusal> {
    let names: Vec<String> =
        call.world.queues().by_name.keys().filter(|name| name.starts_with(&asked.queue_name_prefix)).cloned().collect();
    let (names, next_token) = page(names, &asked)?;
    Ok(Page { queue_urls: names.iter().map(|name| call.url_of(name)).collect(), next_token })
}

pub(crate) fn list_sources(call: &Call<'_>, asked: List) -> Result<SourcesPage, Refusal> {
    let target = call.queue(&asked.queue_url)?;
    let (names, next_token) = page(sources_of(call, &target), &asked)?;
    Ok(SourcesPage { queue_urls: names.iter().map(|name| call.url_of(name)).collect(), next_token })
}

/// Names of the queues whose dead-letter queue this is.
pub(crate) fn sources_of(call: &Call<'_>, target: &Queue) -> Vec<String> {
    let queues: Vec<_> = call.world.queues().by_name.values().cloned().collect();
    let redrives_here = |queue: &Queue| queue.overview().settings.redrive.is_some_and(|redrive| redrive.target_name == target.name);
    queues.iter().filter(|queue| redrives_here(queue)).map(|queue| queue.name.clone()).collect()
}

pub(crate) fn get_attributes(call: &Call<'_>, asked: OnQueue) -> Result<Attributes, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    for name in &asked.attribute_names {
        if name != "All" && !READ_ONLY.contains(&name.as_str()) && !Settings::knows(name) {
            return Err(Refusal::InvalidAttributeName(name.clone()));
        }
    }
    let overview = queue.overview();
    let wanted = |name: &str| asked.attribute_names.iter().any(|wanted| wanted == "All" || wanted == name);
    let derived = READ_ONLY.iter().map(|name| (*name, derived_attribute(&queue, &overview, name)));
    let attributes = overview.settings.shown().chain(derived).filter(|(name, _)| wanted(name)).collect();
    Ok(Attributes { attributes })
}

pub(crate) fn set_attributes(call: &Call<'_>, asked: SetAttributes) -> Result<Nothing, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    let settings = queue.overview().settings.with(asked.attributes)?;
    check_redrive(call, &queue.name, &settings)?;
    queue.set_settings(settings);
    call.world.save_catalogue()?;
    call.world.flush()?;
    Ok(Nothing {})
}

pub(crate) fn purge(call: &Call<'_>, asked: OnQueue) -> Result<Nothing, Refusal> {
    call.queue(&asked.queue_url)?.purge();
    call.world.flush()?;
    Ok(Nothing {})
}

pub(crate) fn tag(call: &Call<'_>, asked: Tagging) -> Result<Nothing, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    if asked.tags.is_empty() {
        return Err(Refusal::MissingParameter("Tags"));
    }
    let mut tags = queue.tags();
    tags.extend(asked.tags);
    check_tags(&tags)?;
    queue.set_tags(tags);
    call.world.save_catalogue()?;
    Ok(Nothing {})
}

pub(crate) fn untag(call: &Call<'_>, asked: Tagging) -> Result<Nothing, Refusal> {
    let queue = call.queue(&asked.queue_url)?;
    let mut tags = queue.tags();
    tags.retain(|key, _| !asked.tag_keys.contains(key));
    queue.set_tags(tags);
    call.world.save_catalogue()?;
    Ok(Nothing {})
}

pub(crate) fn list_tags(call: &Call<'_>, asked: OnQueue) -> Result<Tags, Refusal> {
    Ok(Tags { tags: call.queue(&asked.queue_url)?.tags() })
}

fn derived_attribute(queue: &Queue, overview: &Overview, name: &str) -> String {
    match name {
        "ApproximateNumberOfMessages" => overview.counts.visible.to_string(),
        "ApproximateNumberOfMessagesNotVisible" => overview.counts.in_flight.to_string(),
        "ApproximateNumberOfMessagesDelayed" => overview.counts.delayed.to_string(),
        "CreatedTimestamp" => overview.created_at.seconds().to_string(),
        "LastModifiedTimestamp" => overview.modified_at.seconds().to_string(),
        _ => queue.arn.to_string(),
    }
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let sound =
        !stem.is_empty() && name.len() <= 80 && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if sound {
        return Ok(());
    }
    if name.is_empty() {
        return Err(Refusal::MissingParameter("QueueName"));
    }
    Err(Refusal::InvalidParameterValue(format!(
        "The queue name '{name}' is invalid: it can only include alphanumeric characters, hyphens, or underscores, 1 to 80 in length."
    )))
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > MAX_TAGS {
        return Err(Refusal::InvalidParameterValue(format!("A queue can have at most {MAX_TAGS} tags.")));
    }
    match tags.iter().find(|(key, value)| key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256) {
        Some((key, _)) => {
            Err(Refusal::InvalidParameterValue(format!("The tag '{key}' is invalid: a key has 1 to 128 characters, a value at most 256.")))
        }
        None => Ok(()),
    }
}

/// Checks a redrive policy against the queue that it names.
fn check_redrive(call: &Call<'_>, name: &str, settings: &Settings) -> Result<(), Refusal> {
    let Some(redrive) = &settings.redrive else { return Ok(()) };
    let refuse = |reason: String| Refusal::invalid_attribute("RedrivePolicy", reason);
    if redrive.target_name == name {
        return Err(refuse("a queue cannot be its own dead-letter queue.".into()));
    }
    let target = call.world.queue(&redrive.target_name).ok_or_else(|| {
        Refusal::InvalidParameterValue(format!(
            "Value {} for parameter RedrivePolicy is invalid. Reason: Dead letter target does not exist.",
            redrive.target_arn
        ))
    })?;
    if target.fifo() != settings.fifo {
        return Err(refuse(
            "the dead-letter queue of a FIFO queue must be a FIFO queue, that of a standard queue a standard queue.".into(),
        ));
    }
    if !target.allows_redrive_from(&arn::queue_arn(name)) {
        return Err(refuse(format!("the RedriveAllowPolicy of {} does not allow it.", target.name)));
    }
    Ok(())
}

fn page(names: Vec<String>, asked: &List) -> Result<(Vec<String>, Option<String>), Refusal> {
    let limit = match asked.max_results {
        None => PAGE,
        Some(limit @ 1..=PAGE) => limit,
        Some(other) => return Err(Refusal::invalid_value(&other.to_string(), "MaxResults", "Must be between 1 and 1000.")),
    };
    // The token is the last name of the page before: it stays right whatever is created or deleted in between.
    let mut rest: Vec<String> = match &asked.next_token {
        Some(token) => names.into_iter().filter(|name| name > token).collect(),
        None => names,
    };
    let more = rest.len() > limit;
    rest.truncate(limit);
    // Without MaxResults, AWS answers the first thousand and no token.
    let token = (more && asked.max_results.is_some()).then(|| rest.last().cloned()).flatten();
    Ok((rest, token))
}
