//! The catalogue: queues, topics and subscriptions, kept as one readable JSON file that is replaced as a whole when one of them changes.
//! They change rarely and are few; messages, which are neither, are in the journal.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{
    arn,
    clock::Moment,
    queue::{Queue, settings::Settings},
    refusal::Refusal,
    sns::topic::{Subscription, SubscriptionSettings, Topic},
    unruly::Coin,
    world::World,
};

/// Where the catalogue is kept.
#[derive(Debug)]
pub(crate) struct Catalogue {
    path: PathBuf,
    /// Saves wait for each other: the last one writes the latest state.
    saving: Mutex<()>,
}

/// Why a catalogue cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CatalogueError {
    #[error("cannot read or write {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    #[error("{}: not a catalogue of this broker; move it away, or choose another folder", .0.display())]
    Format(PathBuf, #[source] serde_json::Error),
    #[error("{}: version {found} of the catalogue is unknown, this broker writes version {VERSION}; use the broker that wrote it", .path.display())]
    Version { path: PathBuf, found: u32 },
    #[error("{}: {what} does not follow the rules: {reason}; it was damaged or changed by hand: move it away, or choose another folder", .path.display())]
    Content { path: PathBuf, what: String, reason: String },
}

const VERSION: u32 = 1;

/// What the file says.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Contents {
    version: u32,
    next_queue_id: u32,
    queues: Vec<StoredQueue>,
    topics: Vec<StoredTopic>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredQueue {
    id: u32,
    name: String,
    created_at_micros: u64,
    modified_at_micros: u64,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredTopic {
    name: String,
    attributes: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    subscriptions: Vec<StoredSubscription>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredSubscription {
    arn: String,
    endpoint: String,
    attributes: BTreeMap<String, String>,
}

impl Catalogue {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("catalogue.json"), saving: Mutex::new(()) }
    }

    /// Reads the catalogue; a folder without one is a new broker's.
    pub(crate) fn load(&self) -> Result<Contents, CatalogueError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents { version: VERSION, ..Contents::default() }),
            Err(error) => return Err(CatalogueError::Io(self.path.clone(), error)),
        };
        let contents: Contents = serde_json::from_slice(&text).map_err(|error| CatalogueError::Format(self.path.clone(), error))?;
        if contents.version == VERSION {
            Ok(contents)
        } else {
            Err(CatalogueError::Version { path: self.path.clone(), found: contents.version })
        }
    }

    /// Takes what was read into the world.
    pub(crate) fn restore(&self, contents: Contents, world: &World) -> Result<(), CatalogueError> {
        let content = |what: String, reason: String| CatalogueError::Content { path: self.path.clone(), what, reason };
        let mut queues = world.queues_mut();
        queues.next_id = contents.next_queue_id.max(1);
        for stored in contents.queues {
            let settings = Settings::of_new_queue(&stored.name, stored.attributes)
                .map_err(|refusal| content(format!("queue {}", stored.name), refusal.to_string()))?;
            let coin = Coin::new(world.options.seed, &stored.name, world.options.unruly);
            let times = (Moment::from_micros(stored.created_at_micros), Moment::from_micros(stored.modified_at_micros));
            let queue = Queue::restored(stored.id, stored.name.clone(), settings, stored.tags, times, coin, world.surroundings());
            queues.next_id = queues.next_id.max(stored.id + 1);
            queues.by_name.insert(stored.name, Arc::new(queue));
        }
        drop(queues);
        let mut topics = world.topics_mut();
        for stored in contents.topics {
            let topic = Topic::new(&stored.name, stored.attributes, stored.tags);
            for subscription in stored.subscriptions {
                let what = || format!("subscription {}", subscription.arn);
                let settings =
                    SubscriptionSettings::parse(subscription.attributes.clone()).map_err(|problem| content(what(), problem.message))?;
                let queue_name = arn::queue_name_of_arn(&subscription.endpoint)
                    .ok_or_else(|| content(what(), format!("{} is not the ARN of a queue", subscription.endpoint)))?
                    .to_owned();
                let restored = Subscription {
                    arn: subscription.arn.clone(),
                    topic_arn: topic.arn.clone(),
                    queue_arn: subscription.endpoint,
                    queue_name,
                    settings,
                };
                topic.state().put_subscription(&subscription.arn, Some(restored));
            }
            topics.by_arn.insert(topic.arn.clone(), Arc::new(topic));
        }
        Ok(())
    }

    /// Replaces the file. A kill leaves the old file or the new one, never half of one.
    pub(crate) fn save(&self, world: &World) -> Result<(), Refusal> {
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = contents_of(world);
        let failed = |error: io::Error| Refusal::Internal(format!("{}: {error}", self.path.display()));
        let text = serde_json::to_vec_pretty(&contents).map_err(|error| failed(error.into()))?;
        let fresh = self.path.with_extension("json.new");
        fs::write(&fresh, text).map_err(failed)?;
        fs::rename(&fresh, &self.path).map_err(failed)
    }
}

fn contents_of(world: &World) -> Contents {
    let (next_queue_id, queues) = {
        let queues = world.queues();
        (queues.next_id, queues.by_name.values().cloned().collect::<Vec<_>>())
    };
    let topics: Vec<Arc<Topic>> = world.topics().by_arn.values().cloned().collect();
    Contents {
        version: VERSION,
        next_queue_id,
        queues: queues.iter().map(|queue| stored_queue(queue)).collect(),
        topics: topics.iter().map(|topic| stored_topic(topic)).collect(),
    }
}

fn stored_queue(queue: &Queue) -> StoredQueue {
    let overview = queue.overview();
    StoredQueue {
        id: queue.id,
        name: queue.name.clone(),
        created_at_micros: overview.created_at.micros(),
        modified_at_micros: overview.modified_at.micros(),
        attributes: overview.settings.given().clone(),
        tags: queue.tags(),
    }
}

fn stored_topic(topic: &Topic) -> StoredTopic {
    let state = topic.state();
    let stored = |subscription: &Arc<Subscription>| StoredSubscription {
        arn: subscription.arn.clone(),
        endpoint: subscription.queue_arn.clone(),
        attributes: subscription.settings.given.clone(),
    };
    StoredTopic {
        name: topic.name.clone(),
        attributes: state.attributes.clone(),
        tags: state.tags.clone(),
        subscriptions: state.subscriptions.iter().map(stored).collect(),
    }
}
