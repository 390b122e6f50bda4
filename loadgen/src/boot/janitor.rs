//! Who cleans up after a harness that was killed: this program again (`loadgen janitor FOLDER`), waiting on an input that closes when the harness is gone.
//!
//! The harness tells it, over that input, what it is about to make outside of its folder, and when that is gone again. Only what was told so, by the process whose
//! end it has seen, is ever removed: a database of a run's own, by its random name, and the queue of an observer, by its own.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use reference::messaging::Aws;
use reference::messaging::config::AwsConfig;
use reference::messaging::provision::ProvisionError;
use reference::store::Made;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, timeout_at};

/// What every folder of this kind is called at first.
pub(super) const PREFIX: &str = "rushproof-";

/// What the queue of every observer is called at first.
const OBSERVER: &str = "rushproof-observer-";

/// Characters of the topic's name in the name of its observer's queue: with what stands before and behind it, within the 80 of SQS.
const TOPIC_CHARS: usize = 50;

/// How long the janitor comes back for what processes that are ending themselves still write, or hold.
const STAYS: Duration = Duration::from_secs(20);

/// Pause between two looks of the janitor.
const EVERY: Duration = Duration::from_millis(100);

/// What the harness says to its janitor, a line each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Word {
    /// It will be there from now on.
    Owes(Debt),
    /// It is gone.
    Paid(Debt),
}

/// Something outside of the run's folder that must not outlive the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Debt {
    /// A database on somebody's server.
    Database(Made),
    /// A queue on somebody's endpoint, hung on a topic of theirs.
    Observer {
        /// The endpoint.
        endpoint: String,
        /// The queue's name.
        queue: String,
        /// The topic.
        topic_arn: String,
    },
}

/// Why something is still there.
#[derive(Debug, thiserror::Error)]
enum Unpaid {
    #[error(transparent)]
    Store(#[from] reference::store::StoreError),
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    #[error(transparent)]
    Aws(#[from] reference::messaging::config::AwsConfigError),
}

/// The name of the queue by which one run observes a topic that is not its own.
pub(crate) fn observer_of(topic: &str) -> String {
    let topic: String = topic.chars().take(TOPIC_CHARS).collect();
    // Not the seed's: two runs of one seed must not take each other's messages.
    format!("{OBSERVER}{topic}-{:08x}", rand::random::<u32>())
}

/// Waits until standard input closes, then sees to it that the folder and what else was owed are gone. A folder of another kind is left alone.
#[must_use]
pub fn clean_up(folder: &Path) -> ExitCode {
    let is_ours = folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
    if !is_ours {
        eprintln!("error: {} is no temporary folder of a run", folder.display());
        return crate::exit::Exit::Usage.into();
    }
    let owed = listen(io::stdin().lock());
    if owed.is_empty() && !folder.exists() {
        return ExitCode::SUCCESS;
    }
    let cleaned = tokio::runtime::Builder::new_current_thread().enable_all().build().map(|runtime| {
        runtime.block_on(async {
            let (removed, paid) = tokio::join!(remove(folder), futures_util::future::join_all(owed.iter().map(pay)));
            removed && paid.into_iter().all(|paid| paid)
        })
    });
    if cleaned.unwrap_or(false) { ExitCode::SUCCESS } else { crate::exit::Exit::Harness.into() }
}

/// What is owed when nothing more is said. A last line that was broken off was not followed by what it speaks of.
fn listen(input: impl io::BufRead) -> Vec<Debt> {
    let mut owed = Vec::new();
    for line in input.lines().map_while(Result::ok) {
        match serde_json::from_str(&line) {
            Ok(Word::Owes(debt)) => owed.push(debt),
            Ok(Word::Paid(debt)) => owed.retain(|other| *other != debt),
            Err(_) => (),
        }
    }
    owed
}

/// Removes the folder, again while somebody still writes into it.
async fn remove(folder: &Path) -> bool {
    let deadline = Instant::now() + STAYS;
    while std::fs::remove_dir_all(folder).is_err() && folder.exists() {
        if Instant::now() >= deadline {
            return false;
        }
        sleep(EVERY).await;
    }
    true
}

/// Removes what is owed, again while it cannot be: processes that are just ending may still hold it.
async fn pay(debt: &Debt) -> bool {
    let deadline = Instant::now() + STAYS;
    loop {
        match timeout_at(deadline, debt.pay()).await {
            Ok(Ok(())) => return true,
            Ok(Err(_)) if Instant::now() < deadline => sleep(EVERY).await,
            Ok(Err(_)) | Err(_) => return false,
        }
    }
}

impl Debt {
    async fn pay(&self) -> Result<(), Unpaid> {
        match self {
            Self::Database(made) => Ok(made.discard().await?),
            Self::Observer { queue, .. } if !queue.starts_with(OBSERVER) => Ok(()),
            Self::Observer { endpoint, queue, topic_arn } => {
                let aws = Aws::new(&AwsConfig::local(endpoint))?;
                match aws.find_queue(queue).await {
                    Ok(queue) => Ok(aws.remove(&queue, topic_arn).await?),
                    // Never made, or gone already.
                    Err(ProvisionError::Missing(_)) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observer(queue: &str) -> Debt {
        Debt::Observer { endpoint: "http://127.0.0.1:1".to_owned(), queue: queue.to_owned(), topic_arn: "arn".to_owned() }
    }

    #[test]
    fn what_was_said_to_be_made_and_not_to_be_gone_is_owed() {
        let line = |word: &Word| serde_json::to_string(word).unwrap() + "\n";
        let (one, two) = (observer("one"), observer("two"));
        let mut said = line(&Word::Owes(one.clone())) + &line(&Word::Owes(two.clone())) + "what\n" + &line(&Word::Paid(one));
        assert_eq!(listen(said.as_bytes()), std::slice::from_ref(&two));
        said.push_str("{\"owes\":{\"observer\":{\"endpo");
        assert_eq!(listen(said.as_bytes()), [two], "killed in the middle of a word");
    }

    #[tokio::test]
    async fn a_queue_of_somebody_else_is_left_alone() {
        observer("orders").pay().await.unwrap();
    }

    #[test]
    fn observers_of_two_runs_are_told_apart_and_fit_into_a_name() {
        let (one, two) = (observer_of(&"t".repeat(256)), observer_of(&"t".repeat(256)));
        assert!(one != two && one.len() <= 80 && one.starts_with(OBSERVER), "{one}, {two}");
    }
}
