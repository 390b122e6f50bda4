//! Move tasks: taking a dead-letter queue's messages back to where they came from, or to a named queue.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::{protocol::Call, queues::sources_of};
use crate::broker::{
    arn,
    clock::Moment,
    queue::{Queue, moving::Moved},
    refusal::Refusal,
    world::World,
};

/// The move tasks, newest last; the finished ones are remembered for a while.
#[derive(Debug, Default)]
pub(crate) struct MoveTasks {
    tasks: VecDeque<MoveTask>,
}

#[derive(Debug)]
struct MoveTask {
    handle: String,
    source_arn: String,
    destination_arn: Option<String>,
    rate: Option<u32>,
    started_at: Moment,
    moved: u64,
    to_move: u64,
    status: Status,
    cancel: CancellationToken,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    Running,
    Cancelling,
    Cancelled,
    Completed,
    Failed(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Start {
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<u32>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Started {
    task_handle: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ListTasks {
    source_arn: String,
    max_results: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Listed {
    results: Vec<ListedTask>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedTask {
    /// Only of a running task, as on AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    status: &'static str,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<u32>,
    approximate_number_of_messages_moved: u64,
    approximate_number_of_messages_to_move: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    started_timestamp: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Cancel {
    task_handle: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Cancelled {
    approximate_number_of_messages_moved: u64,
}

/// Tasks remembered.
const MAX_TASKS: usize = 1_000;
/// Messages moved under one lock: others get their turn in between.
const STEP: usize = 100;
/// The highest rate that AWS lets a caller set, in messages a second.
const MAX_RATE: u32 = 500;

pub(crate) fn start(call: &Call<'_>, asked: Start) -> Result<Started, Refusal> {
    let source = queue_of_arn(call, "SourceArn", &asked.source_arn)?;
    let destination = asked.destination_arn.as_deref().map(|arn| queue_of_arn(call, "DestinationArn", arn)).transpose()?;
    if sources_of(call, &source).is_empty() {
        return Err(Refusal::InvalidParameterValue("Source queue must be configured as a Dead Letter Queue.".into()));
    }
    if let Some(destination) = &destination {
        if destination.id == source.id {
            return Err(Refusal::InvalidParameterValue("Source queue arn and destination queue arn can't be the same.".into()));
        }
        if destination.fifo() != source.fifo() {
            return Err(Refusal::InvalidParameterValue("Source and destination must both be FIFO queues or both standard queues.".into()));
        }
    }
    if asked.max_number_of_messages_per_second.is_some_and(|rate| !(1..=MAX_RATE).contains(&rate)) {
        return Err(Refusal::InvalidParameterValue(format!("MaxNumberOfMessagesPerSecond must be from 1 to {MAX_RATE}.")));
    }
    let cancel = call.world.lifetime.child_token();
    let handle = uuid::Uuid::new_v4().to_string();
    let task = MoveTask {
        handle: handle.clone(),
        source_arn: source.arn.to_string(),
        destination_arn: destination.as_ref().map(|queue| queue.arn.to_string()),
        rate: asked.max_number_of_messages_per_second,
        started_at: call.world.clock.now(),
        moved: 0,
        to_move: source.overview().counts.visible as u64,
        status: Status::Running,
        cancel: cancel.clone(),
    };
    let rate = task.rate;
    call.world.moves().add(task)?;
    // Weakly: a task does not keep a dropped broker alive.
    let (world, task_handle) = (Arc::downgrade(call.world), handle.clone());
    tokio::spawn(async move { run(&world, &task_handle, &source, destination.as_deref(), rate, &cancel).await });
    Ok(Started { task_handle: handle })
}

pub(crate) fn list(call: &Call<'_>, asked: ListTasks) -> Result<Listed, Refusal> {
    let source = queue_of_arn(call, "SourceArn", &asked.source_arn)?;
    let limit = asked.max_results.unwrap_or(1);
    if !(1..=10).contains(&limit) {
        return Err(Refusal::invalid_value(&limit.to_string(), "MaxResults", "Must be between 1 and 10."));
    }
    let moves = call.world.moves();
    let of_source = moves.tasks.iter().rev().filter(|task| *task.source_arn == *source.arn);
    Ok(Listed { results: of_source.take(limit).map(MoveTask::show).collect() })
}

pub(crate) fn cancel(call: &Call<'_>, asked: Cancel) -> Result<Cancelled, Refusal> {
    let mut moves = call.world.moves();
    let unknown = || Refusal::ResourceNotFound("The task handle does not belong to a known move task.".into());
    let task = moves.find(&asked.task_handle).ok_or_else(unknown)?;
    if task.status != Status::Running {
        return Err(Refusal::UnsupportedOperation("Only a running move task can be cancelled.".into()));
    }
    task.status = Status::Cancelling;
    task.cancel.cancel();
    Ok(Cancelled { approximate_number_of_messages_moved: task.moved })
}

async fn run(
    world: &Weak<World>,
    handle: &str,
    source: &Queue,
    destination: Option<&Queue>,
    rate: Option<u32>,
    cancel: &CancellationToken,
) {
    let step = rate.map_or(STEP, |rate| (rate as usize).div_ceil(10));
    let pause = rate.map(|rate| Duration::from_secs_f64(step as f64 / f64::from(rate)));
    let status = loop {
        let Some(world) = world.upgrade() else { return };
        if cancel.is_cancelled() {
            break Status::Cancelled;
        }
        match move_some(&world, source, destination, step) {
            Ok(Moved::Drained) => break Status::Completed,
            Ok(Moved::Some(count)) => world.moves().count(handle, count as u64),
            Err(reason) => break Status::Failed(reason),
        }
        if let Err(refusal) = world.flush() {
            break Status::Failed(refusal.to_string());
        }
        drop(world);
        match pause {
            Some(pause) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = cancel.cancelled() => {}
            },
            None => tokio::task::yield_now().await,
        }
    };
    if let Some(world) = world.upgrade() {
        world.moves().finish(handle, status);
    }
}

/// Moves some messages, to the destination or to the queue they came from.
fn move_some(world: &World, source: &Queue, destination: Option<&Queue>, limit: usize) -> Result<Moved, String> {
    if let Some(destination) = destination {
        return Ok(source.move_to(destination, limit, None));
    }
    match source.origin_of_next() {
        None => Ok(Moved::Drained),
        Some(None) => Err("CouldNotDetermineMessageSource".to_owned()),
        Some(Some(origin)) => {
            let target = arn::queue_name_of_arn(&origin).and_then(|name| world.queue(name)).filter(|target| target.id != source.id);
            match target {
                Some(target) => Ok(source.move_to(&target, limit, Some(&origin))),
                None => Err("AWS.SimpleQueueService.NonExistentQueue".to_owned()),
            }
        }
    }
}

fn queue_of_arn(call: &Call<'_>, parameter: &'static str, arn: &str) -> Result<Arc<Queue>, Refusal> {
    if arn.is_empty() {
        return Err(Refusal::MissingParameter(parameter));
    }
    let name = arn::queue_name_of_arn(arn).ok_or_else(|| {
        Refusal::InvalidParameterValue(format!(
            "You must use this format to specify the {parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        ))
    })?;
    call.world
        .queue(name)
        .ok_or_else(|| Refusal::ResourceNotFound(format!("The resource that you specified for the {parameter} parameter doesn't exist.")))
}

impl MoveTasks {
    fn add(&mut self, task: MoveTask) -> Result<(), Refusal> {
        let active = |other: &MoveTask| matches!(other.status, Status::Running | Status::Cancelling);
        if self.tasks.iter().any(|other| active(other) && other.source_arn == task.source_arn) {
            return Err(Refusal::UnsupportedOperation(
                "There is already a task running. Only one active task is allowed for a source queue arn at a given time.".into(),
            ));
        }
        if self.tasks.len() >= MAX_TASKS {
            let Some(oldest) = self.tasks.iter().position(|other| !active(other)) else {
                return Err(Refusal::OverLimit(format!("{MAX_TASKS} move tasks are running.")));
            };
            self.tasks.remove(oldest);
        }
        self.tasks.push_back(task);
        Ok(())
    }

    fn find(&mut self, handle: &str) -> Option<&mut MoveTask> {
        self.tasks.iter_mut().find(|task| task.handle == handle)
    }

    fn count(&mut self, handle: &str, moved: u64) {
        if let Some(task) = self.find(handle) {
            task.moved += moved;
        }
    }

    fn finish(&mut self, handle: &str, status: Status) {
        if let Some(task) = self.find(handle) {
            task.status = status;
        }
    }
}

impl MoveTask {
    fn show(&self) -> ListedTask {
        let (status, failure_reason) = match &self.status {
            Status::Running => ("RUNNING", None),
            Status::Cancelling => ("CANCELLING", None),
            Status::Cancelled => ("CANCELLED", None),
            Status::Completed => ("COMPLETED", None),
            Status::Failed(reason) => ("FAILED", Some(reason.clone())),
        };
        ListedTask {
            task_handle: (self.status == Status::Running).then(|| self.handle.clone()),
            status,
            source_arn: self.source_arn.clone(),
            destination_arn: self.destination_arn.clone(),
            max_number_of_messages_per_second: self.rate,
            approximate_number_of_messages_moved: self.moved,
            approximate_number_of_messages_to_move: self.to_move,
            failure_reason,
            started_timestamp: self.started_at.millis(),
        }
    }
}
