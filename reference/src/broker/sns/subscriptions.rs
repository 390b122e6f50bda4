//! Subscribing queues to topics.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use super::{
    SnsCall,
    query::{Params, Problem, Xml},
    topic::{Subscription, SubscriptionSettings, Topic},
    topics::page,
};
use crate::broker::arn;

/// The same queue subscribed again gets the subscription that it has.
pub(crate) fn subscribe(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = call.world.topics().find(params.required("TopicArn")?)?;
    let (protocol, endpoint) = (params.required("Protocol")?, params.required("Endpoint")?);
    if protocol != "sqs" {
        return Err(Problem::invalid(format!("Protocol Reason: this broker delivers to queues (sqs), not by {protocol}")));
    }
    let queue_name = arn::queue_name_of_arn(endpoint).ok_or_else(|| Problem::invalid("SQS endpoint ARN"))?;
    if !topic.fifo && queue_name.ends_with(".fifo") {
        return Err(Problem::invalid("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"));
    }
    let settings = SubscriptionSettings::parse(params.entries("Attributes"))?;
    let count: usize = {
        let topics: Vec<Arc<Topic>> = call.world.topics().by_arn.values().cloned().collect();
        topics.iter().map(|topic| topic.state().subscriptions.len()).sum()
    };
    let subscription_arn = {
        let mut state = topic.state();
        let existing = state.subscriptions.iter().find(|other| other.queue_arn == endpoint).cloned();
        match existing {
            Some(existing) => {
                let differs = settings.given.iter().any(|(name, value)| existing.settings.given.get(name) != Some(value));
                if differs {
                    return Err(Problem::invalid("Attributes Reason: Subscription already exists with different attributes"));
                }
                existing.arn.clone()
            }
            None => {
                let limit = call.world.options.limits.subscriptions;
                if count >= limit {
                    return Err(Problem::bad("SubscriptionLimitExceeded", format!("This broker allows {limit} subscriptions.")));
                }
                let subscription = Subscription {
                    arn: format!("{}:{}", topic.arn, uuid::Uuid::new_v4()),
                    topic_arn: topic.arn.clone(),
                    queue_arn: endpoint.to_owned(),
                    queue_name: queue_name.to_owned(),
                    settings,
                };
                let subscription_arn = subscription.arn.clone();
                state.put_subscription(&subscription_arn, Some(subscription));
                subscription_arn
            }
        }
    };
    call.world.save_catalogue()?;
    let mut xml = Xml::default();
    xml.text("SubscriptionArn", &subscription_arn);
    Ok(xml)
}

/// Unsubscribing what is not subscribed succeeds, as on AWS.
pub(crate) fn unsubscribe(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let subscription_arn = params.required("SubscriptionArn")?;
    let found = call.world.topics().find_subscription(subscription_arn);
    match found {
        Ok((topic, subscription)) => {
            topic.state().put_subscription(&subscription.arn, None);
            call.world.save_catalogue()?;
        }
        Err(problem) if problem == Problem::no_subscription() => {}
        Err(problem) => return Err(problem),
    }
    Ok(Xml::default())
}

pub(crate) fn list(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topics: Vec<Arc<Topic>> = call.world.topics().by_arn.values().cloned().collect();
    let subscriptions = topics.iter().flat_map(|topic| topic.state().subscriptions.to_vec()).collect();
    Ok(show_page(subscriptions, params))
}

pub(crate) fn list_by_topic(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = call.world.topics().find(params.required("TopicArn")?)?;
    let subscriptions = topic.state().subscriptions.to_vec();
    Ok(show_page(subscriptions, params))
}

pub(crate) fn get_attributes(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let (_, subscription) = call.world.topics().find_subscription(params.required("SubscriptionArn")?)?;
    let mut shown: BTreeMap<&str, Cow<'_, str>> = BTreeMap::from([
        ("SubscriptionArn", Cow::from(subscription.arn.as_str())),
        ("TopicArn", subscription.topic_arn.as_str().into()),
        ("Protocol", "sqs".into()),
        ("Endpoint", subscription.queue_arn.as_str().into()),
        ("Owner", arn::ACCOUNT.into()),
        ("PendingConfirmation", "false".into()),
        ("ConfirmationWasAuthenticated", "true".into()),
        ("RawMessageDelivery", "false".into()),
    ]);
    if subscription.settings.filter.is_some() {
        shown.insert("FilterPolicyScope", "MessageAttributes".into());
    }
    shown.extend(subscription.settings.given.iter().map(|(name, value)| (name.as_str(), Cow::from(value.as_str()))));
    let mut xml = Xml::default();
    xml.map("Attributes", shown);
    Ok(xml)
}

pub(crate) fn set_attribute(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let (topic, subscription) = call.world.topics().find_subscription(params.required("SubscriptionArn")?)?;
    let (name, value) = (params.required("AttributeName")?, params.get("AttributeValue").unwrap_or_default());
    let mut given = subscription.settings.given.clone();
    given.insert(name.to_owned(), value.to_owned());
    let settings = SubscriptionSettings::parse(given)?;
    topic.state().put_subscription(&subscription.arn, Some(Subscription { settings, ..(*subscription).clone() }));
    call.world.save_catalogue()?;
    Ok(Xml::default())
}

fn show_page(mut subscriptions: Vec<Arc<Subscription>>, params: &Params) -> Xml {
    subscriptions.sort_by(|a, b| a.arn.cmp(&b.arn));
    let (subscriptions, next) = page(subscriptions, params.get("NextToken"), |subscription| &subscription.arn);
    let mut xml = Xml::default();
    xml.within("Subscriptions", |xml| {
        for subscription in subscriptions {
            xml.within("member", |xml| {
                xml.text("SubscriptionArn", &subscription.arn);
                xml.text("Owner", arn::ACCOUNT);
                xml.text("Protocol", "sqs");
                xml.text("Endpoint", &subscription.queue_arn);
                xml.text("TopicArn", &subscription.topic_arn);
            });
        }
    });
    if let Some(next) = next {
        xml.text("NextToken", &next);
    }
    xml
}
