//! Publish and PublishBatch.

use std::{collections::HashSet, sync::Arc};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    SnsCall,
    delivery::{Notification, deliver},
    message::{MAX_BYTES, Publication},
    query::{Params, Problem, Xml},
    topic::{Topic, TopicState},
};
use crate::broker::{
    md5sum,
    queue::{
        deduplication::{self, Original},
        message::sequence_number_text,
    },
};

/// What the publisher is told.
#[derive(Debug)]
struct Published {
    message_id: Uuid,
    /// Of FIFO topics.
    sequence: Option<u64>,
}

/// Most entries of a batch.
const MAX_ENTRIES: usize = 10;

pub(crate) fn publish(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = topic_of(call, params)?;
    let published = publish_to(call, &topic, Publication::read(params)?)?;
    call.world.flush()?;
    let mut xml = Xml::default();
    published.show(&mut xml);
    Ok(xml)
}

pub(crate) fn publish_batch(call: &SnsCall<'_>, params: &Params) -> Result<Xml, Problem> {
    let topic = topic_of(call, params)?;
    let entries = params.structures("PublishBatchRequestEntries");
    check_ids(&entries)?;
    let publications: Vec<(&str, Result<Publication, Problem>)> =
        entries.iter().map(|entry| (entry.get("Id").unwrap_or_default(), Publication::read(entry))).collect();
    let size: usize =
        publications.iter().filter_map(|(_, publication)| publication.as_ref().ok()).map(|publication| publication.size).sum();
    if size > MAX_BYTES {
        return Err(Problem::bad("BatchRequestTooLong", "The length of all the messages put together is more than the limit."));
    }
    let (mut successful, mut failed) = (Xml::default(), Xml::default());
    for (id, publication) in publications {
        match publication.and_then(|publication| publish_to(call, &topic, publication)) {
            Ok(published) => successful.within("member", |xml| {
                xml.text("Id", id);
                published.show(xml);
            }),
            Err(problem) => failed.within("member", |xml| {
                xml.text("Id", id);
                xml.text("Code", problem.code);
                xml.text("Message", &problem.message);
                xml.text("SenderFault", "true");
            }),
        }
    }
    call.world.flush()?;
    let mut xml = Xml::default();
    xml.within("Successful", |xml| xml.append(successful));
    xml.within("Failed", |xml| xml.append(failed));
    Ok(xml)
}

fn publish_to(call: &SnsCall<'_>, topic: &Arc<Topic>, publication: Publication) -> Result<Published, Problem> {
    let mut state = topic.state();
    publication.check(topic, &state)?;
    let notification = Notification {
        message_id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
        topic_arn: &topic.arn,
        published_at: call.world.clock.now(),
        sequence: None,
        publication,
    };
    if topic.fifo {
        return Ok(publish_in_order(call, &mut state, notification));
    }
    let subscriptions = Arc::clone(&state.subscriptions);
    drop(state);
    deliver(call, &subscriptions, &notification);
    Ok(Published { message_id: notification.message_id, sequence: None })
}

/// The topic stays locked until all queues have the message: so all have the same order.
fn publish_in_order(call: &SnsCall<'_>, state: &mut TopicState, mut notification: Notification<'_>) -> Published {
    let publication = &mut notification.publication;
    let id = publication.deduplication_id.get_or_insert_with(|| md5sum::hex(&Sha256::digest(publication.message.as_bytes())));
    let group = publication.group.as_deref().filter(|_| state.deduplicates_per_group());
    let key = deduplication::key(id, group);
    if let Some(original) = state.deduplication.original(&key, notification.published_at) {
        return Published { message_id: original.message_id, sequence: Some(original.sequence) };
    }
    // As queues do: counting from the time keeps the numbers rising across restarts.
    let sequence = (state.last_sequence + 1).max(notification.published_at.micros());
    state.last_sequence = sequence;
    notification.sequence = Some(sequence);
    let original = Original { message_id: notification.message_id, sequence, accepted_at: notification.published_at };
    state.deduplication.remember(&key, original);
    deliver(call, &state.subscriptions, &notification);
    Published { message_id: notification.message_id, sequence: Some(sequence) }
}

fn topic_of(call: &SnsCall<'_>, params: &Params) -> Result<Arc<Topic>, Problem> {
    if params.get("PhoneNumber").is_some() {
        return Err(Problem::invalid("PhoneNumber Reason: this broker delivers to queues only"));
    }
    let arn = params.get("TopicArn").or_else(|| params.get("TargetArn")).unwrap_or_default();
    if arn.is_empty() {
        return Err(Problem::invalid("TopicArn or TargetArn Reason: no value for required parameter"));
    }
    call.world.topics().find(arn)
}

fn check_ids(entries: &[Params]) -> Result<(), Problem> {
    match entries.len() {
        0 => return Err(Problem::bad("EmptyBatchRequest", "The batch request doesn't contain any entries.")),
        1..=MAX_ENTRIES => {}
        _ => return Err(Problem::bad("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")),
    }
    let mut seen = HashSet::new();
    for entry in entries {
        let id = entry.get("Id").unwrap_or_default();
        let sound = (1..=80).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !sound {
            return Err(Problem::bad(
                "InvalidBatchEntryId",
                "The Id of a batch entry in a batch request doesn't abide by the specification.",
            ));
        }
        if !seen.insert(id) {
            return Err(Problem::bad("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."));
        }
    }
    Ok(())
}

impl Published {
    fn show(&self, xml: &mut Xml) {
        xml.text("MessageId", &self.message_id.to_string());
        if let Some(sequence) = self.sequence {
            xml.text("SequenceNumber", &sequence_number_text(sequence));
        }
    }
}
