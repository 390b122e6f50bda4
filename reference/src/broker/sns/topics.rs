//! Making, finding, describing and removing topics.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{
    SnsCall,
    query::{Params, Problem, Xml},
    topic::{TOPIC_ATTRIBUTES, Topic},
};
use crate::broker::arn;

/// Topics (or subscriptions) listed at a time.
const PAGE: usize = 100;
/// Most tags of a topic.
const MAX_TAGS: usize = 50;

pub(crate) fn create(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let name = params.required("Name")?;
    let (attributes, tags) = (params.entries("Attributes"), params.tags("Tags"));
    let fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
    check_name(name, fifo)?;
    attributes.iter().try_for_each(|(attribute, value)| check_attribute(fifo, attribute, value))?;
    check_tags(&tags)?;
    let topic_arn = {
        let mut topics = call.world.topics_mut();
        if let Some(existing) = topics.by_arn.get(&arn::topic_arn(name)) {
            compare(existing, &attributes, &tags)?;
            existing.arn.clone()
        } else {
            let limit = call.world.options.limits.topics;
            if topics.by_arn.len() >= limit {
                return Err(Problem::bad(
                    "TopicLimitExceeded",
                    format!("This broker allows {limit} topics; delete one, or raise the limit."),
                ));
            }
            let topic = Topic::new(name, attributes, tags);
            let topic_arn = topic.arn.clone();
            topics.by_arn.insert(topic_arn.clone(), Arc::new(topic));
            topic_arn
        }
    };
    call.world.save_catalogue()?;
    let mut xml = Xml::default();
    xml.text("TopicArn", &topic_arn);
    Ok(xml)
}

/// Deleting what is not there succeeds, as on AWS.
pub(crate) fn delete(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic_arn = params.required("TopicArn")?;
    let found = call.world.topics().find(topic_arn);
    match found {
        Ok(topic) => {
            call.world.topics_mut().by_arn.remove(&topic.arn);
            call.world.save_catalogue()?;
        }
        Err(problem) if problem == Problem::no_topic() => {}
        Err(problem) => return Err(problem),
    }
    Ok(Xml::default())
}

pub(crate) fn list(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let arns: Vec<String> = call.world.topics().by_arn.keys().cloned().collect();
    let (page, next) = page(arns, params.get("NextToken"), |arn| arn);
    let mut xml = Xml::default();
    xml.within("Topics", |xml| {
        for arn in page {
            xml.within("member", |xml| xml.text("TopicArn", &arn));
        }
    });
    if let Some(next) = next {
        xml.text("NextToken", &next);
    }
    Ok(xml)
}

pub(crate) fn get_attributes(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = call.world.topics().find(params.required("TopicArn")?)?;
    let state = topic.state();
    let mut shown: BTreeMap<&str, Cow<'_, str>> = BTreeMap::from([
        ("TopicArn", Cow::from(topic.arn.as_str())),
        ("Owner", arn::ACCOUNT.into()),
        ("DisplayName", "".into()),
        ("SubscriptionsConfirmed", state.subscriptions.len().to_string().into()),
        ("SubscriptionsPending", "0".into()),
        ("SubscriptionsDeleted", "0".into()),
    ]);
    if topic.fifo {
        shown.insert("ContentBasedDeduplication", "false".into());
    }
    shown.extend(state.attributes.iter().map(|(name, value)| (name.as_str(), Cow::from(value.as_str()))));
    let mut xml = Xml::default();
    xml.map("Attributes", shown);
    Ok(xml)
}

pub(crate) fn set_attribute(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = call.world.topics().find(params.required("TopicArn")?)?;
    let (name, value) = (params.required("AttributeName")?, params.get("AttributeValue").unwrap_or_default());
    if name == "FifoTopic" {
        return Err(Problem::invalid("AttributeName FifoTopic cannot be changed"));
    }
    check_attribute(topic.fifo, name, value)?;
    topic.state().attributes.insert(name.to_owned(), value.to_owned());
    call.world.save_catalogue()?;
    Ok(Xml::default())
}

pub(crate) fn tag(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = tagged(call, params)?;
    let mut tags = topic.state().tags.clone();
    tags.extend(params.tags("Tags"));
    check_tags(&tags)?;
    topic.state().tags = tags;
    call.world.save_catalogue()?;
    Ok(Xml::default())
}

pub(crate) fn untag(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = tagged(call, params)?;
    let keys = params.members("TagKeys");
    topic.state().tags.retain(|key, _| !keys.contains(key));
    call.world.save_catalogue()?;
    Ok(Xml::default())
}

pub(crate) fn list_tags(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = tagged(call, params)?;
    let mut xml = Xml::default();
    xml.within("Tags", |xml| {
        for (key, value) in &topic.state().tags {
            xml.within("member", |xml| {
                xml.text("Key", key);
                xml.text("Value", value);
            });
        }
    });
    Ok(xml)
}

/// Cuts a sorted list into pages; the token is the key of the last item of the page before.
pub(super) fn page<T>(items: Vec<T>, token: Option<&str>, key: impl Fn(&T) -> &String) -> (Vec<T>, Option<String>) {
    let mut rest: Vec<T> = match token {
        Some(token) => items.into_iter().filter(|item| key(item).as_str() > token).collect(),
        None => items,
    };
    let more = rest.len() > PAGE;
    rest.truncate(PAGE);
    let next = if more { rest.last().map(|item| key(item).clone()) } else { None };
    (rest, next)
}

fn tagged(call: &SnsCall<'_>, params: &Params) -> Result<Arc<Topic>, Problem> {
    call.world.topics().find(params.required("ResourceArn")?).map_err(|_| Problem::no_resource())
}

fn check_name(name: &str, fifo: bool) -> Result<(), Problem> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let sound =
        !stem.is_empty() && name.len() <= 256 && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match (sound, fifo, name.ends_with(".fifo")) {
        (true, true, true) | (true, false, false) => Ok(()),
        (_, true, _) => Err(Problem::invalid(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII letters, numbers, underscores, \
             and hyphens, and must be between 1 and 256 characters long.",
        )),
        _ => Err(Problem::invalid("Topic Name")),
    }
}

fn check_attribute(fifo: bool, name: &str, value: &str) -> Result<(), Problem> {
    if !TOPIC_ATTRIBUTES.contains(&name) {
        return Err(Problem::invalid(format!("Attributes Reason: Unknown attribute {name}")));
    }
    let flag = matches!(name, "FifoTopic" | "ContentBasedDeduplication");
    if flag && value != "true" && value != "false" {
        return Err(Problem::invalid(format!("Attributes Reason: {name} must be true or false")));
    }
    if !fifo && matches!(name, "ContentBasedDeduplication" | "FifoThroughputScope") {
        return Err(Problem::invalid(format!("Attributes Reason: {name} is for FIFO topics only")));
    }
    Ok(())
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Problem> {
    if tags.len() > MAX_TAGS {
        return Err(Problem::bad("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded"));
    }
    match tags.iter().find(|(key, value)| key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256) {
        Some((key, _)) => Err(Problem::invalid(format!("Tags Reason: '{key}': a key has 1 to 128 characters, a value at most 256"))),
        None => Ok(()),
    }
}

/// A repeated CreateTopic may not ask for something else.
fn compare(existing: &Topic, attributes: &BTreeMap<String, String>, tags: &BTreeMap<String, String>) -> Result<(), Problem> {
    let state = existing.state();
    if attributes.iter().any(|(name, value)| state.attributes.get(name).map_or("", String::as_str) != value) {
        return Err(Problem::invalid("Attributes Reason: Topic already exists with different attributes"));
    }
    if !tags.is_empty() && *tags != state.tags {
        return Err(Problem::invalid("Tags Reason: Topic already exists with different tags"));
    }
    Ok(())
}
