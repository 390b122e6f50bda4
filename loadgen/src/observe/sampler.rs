//! Looks at the pipeline again and again, and notes what it sees.

use std::sync::Arc;
use std::time::Duration;

use chaos::shortage;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::eye::{Eye, LookError};
use super::scales::Scales;
use crate::history::event::{Event, Sample, Shortage};
use crate::history::writer::Recorder;
use crate::progress::state::ProgressState;
use crate::result::answer::AnswerClass;
use crate::run::abort::{Abortion, Answers};

/// Time between two looks. Shorter tightens the bounds of "no wrong refusal" and costs the pipeline reads; four a second is what
/// a person at a monitor would want.
const EVERY: Duration = Duration::from_millis(250);

/// Restocks read at a time.
const PAGE: u32 = 1_000;

/// A sampler at work. Dropping it stops it.
#[derive(Debug)]
pub struct Sampler {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Sampler {
    /// Starts looking.
    #[must_use]
    pub fn start(eye: Eye, scales: Scales, recorder: Recorder, progress: Arc<ProgressState>, abortion: Abortion) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(sample((eye, scales), recorder, progress, abortion, stop.clone()));
        Self { stop, task }
    }

    /// Takes a last look and stops.
    pub async fn finish(self) {
        self.stop.cancel();
        // Its task ends by itself after the look under way, each part of which has a time limit.
        let _ = self.task.await;
    }
}

async fn sample(
    (eye, mut scales): (Eye, Scales),
    recorder: Recorder,
    progress: Arc<ProgressState>,
    abortion: Abortion,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut seen = 0;
    loop {
        let last = tokio::select! {
            _ = ticks.tick() => false,
            () = stop.cancelled() => true,
        };
        if let Err(error) = look_once((&eye, &mut scales), &recorder, &progress, &abortion, &mut seen).await {
            // A look that fails is a gap in the curve, not the end of the run: the final state is read with patience.
            tracing::warn!(error = &error as &dyn std::error::Error, "a look at the pipeline failed");
            if let Some(error) = shortage_behind(&error) {
                recorder.record(Event::Shortage(Shortage {
                    place: "the sampler".to_owned(),
                    wanted: "look at the pipeline".to_owned(),
                    error,
                }));
            }
        }
        if last {
            return;
        }
    }
}

/// What the harness lacked when a look failed. A database that cannot open a file does not say why, so it is tried.
fn shortage_behind(error: &LookError) -> Option<String> {
    let told = shortage::among_causes(error).map(ToString::to_string);
    told.or_else(|| shortage::of_files().err().map(|error| error.to_string()))
}

async fn look_once(
    (eye, scales): (&Eye, &mut Scales),
    recorder: &Recorder,
    progress: &ProgressState,
    abortion: &Abortion,
    seen: &mut i64,
) -> Result<(), LookError> {
    let sample = Sample { weights: scales.weigh_if_due().await, ..eye.look().await? };
    progress.sampled(&sample);
    let answers = progress.answers();
    abortion.look(&sample, Answers { all: answers.iter().sum(), unknown: answers[AnswerClass::Unknown.index()] });
    recorder.record(Event::Sample(sample));
    let Some(audit) = eye.audit() else { return Ok(()) };
    loop {
        let rows = audit.restocks(*seen, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        *seen = last.position;
        for row in rows {
            recorder.record(Event::RestockSeen {
                production: row.production_id.to_string(),
                product: row.product.0,
                quantity: u64::try_from(row.quantity).unwrap_or(0),
            });
        }
    }
}
