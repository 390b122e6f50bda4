//! The phases between the plan and the proof, with the history that all of them write into.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error_chain;
use super::folder::RunFolder;
use super::interrupt::Interrupts;
use crate::boot::role::UnaskedEnd;
use crate::boot::{BootError, System};
use crate::drain::{self, Drained};
use crate::history::clock::RunClock;
use crate::history::event::{Event, FORMAT, Header, Phase, PhaseMark};
use crate::history::writer::{HistoryWriteError, HistoryWriter, Recorder};
use crate::load::{self, LoadError, LoadInput, Target};
use crate::observe::cpu::CpuMeter;
use crate::observe::eye::{Eye, LookError};
use crate::observe::remains;
use crate::observe::sampler::Sampler;
use crate::observe::topics::TopicReaders;
use crate::plan::Plan;
use crate::progress::{Display, Progress, state::ProgressState};
use crate::result::machine::Machine;
use crate::result::totals::Cost;

/// How long an interrupted run may still drain.
const INTERRUPTED_DRAIN: Duration = Duration::from_secs(15);

/// Why a run could not be conducted.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// The history cannot be written.
    #[error(transparent)]
    History(#[from] HistoryWriteError),
    /// There is no pipeline.
    #[error("cannot start the pipeline")]
    Boot(#[from] BootError),
    /// The pipeline cannot be looked at.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The pipeline does not begin as the plan says.
    #[error("{product} begins with a stock of {found}, the plan says {planned}")]
    Stock {
        /// The product.
        product: String,
        /// Pieces that are there.
        found: i64,
        /// Pieces that should be.
        planned: i64,
    },
    /// The load could not be driven.
    #[error("cannot drive the load")]
    Load(#[from] LoadError),
}

/// What was measured on the way.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    /// Processor time.
    pub cost: Cost,
    /// The machine it ran on; None for this one.
    pub machine: Option<Machine>,
}

/// Where a run takes place: its history, its clock, its progress, and the wish to stop.
#[derive(Debug)]
pub(super) struct Stand<'a> {
    plan: &'a Plan,
    folder: &'a RunFolder,
    clock: RunClock,
    writer: HistoryWriter,
    recorder: Recorder,
    state: Arc<ProgressState>,
    progress: Progress,
    interrupts: Interrupts,
    /// Somebody wants an end: the user, or a process that died.
    stop: CancellationToken,
    observers: Option<(Sampler, TopicReaders)>,
    cost: Cost,
}

impl<'a> Stand<'a> {
    pub(super) fn build(plan: &'a Plan, folder: &'a RunFolder, display: Display, interrupts: &Interrupts) -> Result<Self, ConductError> {
        let clock = RunClock::start();
        let writer = HistoryWriter::create(&folder.history(), clock)?;
        let recorder = writer.recorder();
        recorder.record(Event::Header(Header {
            format: FORMAT,
            run: folder.id().to_owned(),
            scenario: plan.scenario().name.clone(),
            seed: plan.seed(),
            started_unix_ms: folder.started_unix_ms(),
            initial_stock: planned_stock(plan),
        }));
        let state = ProgressState::new();
        state.planned(plan.summary().arrivals, plan.scenario().duration());
        let progress = Progress::start(Arc::clone(&state), display);
        let stop = interrupts.soft.child_token();
        let interrupts = interrupts.clone();
        Ok(Self { plan, folder, clock, writer, recorder, state, progress, interrupts, stop, observers: None, cost: Cost::default() })
    }

    /// Boot. None when the user did not want to wait for it.
    pub(super) async fn boot(&mut self) -> Result<Option<System>, ConductError> {
        self.begin(Phase::Boot);
        let logs = self.folder.logs();
        let system = tokio::select! {
            booted = System::boot(self.plan.scenario(), self.plan.seed(), &logs, &self.recorder) => booted?,
            () = self.interrupts.soft.cancelled() => {
                self.end(Phase::Boot, Some("interrupted".to_owned()), None);
                return Ok(None);
            }
        };
        tokio::spawn(stop_when_a_role_dies(system.unasked(), self.stop.clone()));
        self.end(Phase::Boot, None, None);
        Ok(Some(system))
    }

    /// An eye on the system, after a look that shows that it begins as planned; from here on everything is observed.
    pub(super) async fn eye(&mut self, system: &System) -> Result<Eye, ConductError> {
        let eye = Eye::on(system, self.clock).await?;
        let first = eye.look().await?;
        for (product, planned) in planned_stock(self.plan) {
            let found = first.stock.iter().find(|(id, _)| *id == product).map_or(-1, |(_, stock)| *stock);
            if found != planned {
                return Err(ConductError::Stock { product, found, planned });
            }
        }
        self.recorder.record(Event::Sample(first));
        let sampler = Sampler::start(eye.clone(), self.recorder.clone(), Arc::clone(&self.state));
        let readers = TopicReaders::start(system.edition, eye.queues().observers.clone(), &self.recorder);
        self.observers = Some((sampler, readers));
        Ok(eye)
    }

    /// Load.
    pub(super) async fn load(&mut self, system: &System) -> Result<(), ConductError> {
        self.begin(Phase::Load);
        let meter = CpuMeter::start(system.pids());
        let input = LoadInput {
            plan: self.plan,
            target: Target::new(self.plan.scenario().edition, &system.sales)?,
            recorder: self.recorder.clone(),
            clock: self.clock,
            progress: Arc::clone(&self.state),
            stop: self.stop.clone(),
        };
        let loaded = load::run(input).await;
        self.cost = meter.stop();
        let note = self.stop.is_cancelled().then(|| "stopped before its end".to_owned());
        self.end(Phase::Load, note, None);
        loaded?;
        Ok(())
    }

    /// Drain.
    pub(super) async fn drain(&mut self, eye: &Eye) {
        self.begin(Phase::Drain);
        let bounds = &self.plan.scenario().drain;
        let state = Arc::clone(&self.state);
        let timeout = if self.stop.is_cancelled() { bounds.timeout.min(INTERRUPTED_DRAIN) } else { bounds.timeout };
        let patient = async {
            let drained = drain::drain(eye, timeout, bounds.quiet_for, |doing| state.detail(doing)).await;
            if !drained.reached {
                return drained;
            }
            match drain::redrive(eye).await {
                Ok(0) => drained,
                Ok(moved) => {
                    let again = drain::drain(eye, timeout, bounds.quiet_for, |doing| state.detail(doing)).await;
                    Drained { note: format!("{}; moved {moved} dead letters back; {}", drained.note, again.note), ..again }
                }
                Err(error) => Drained { reached: false, note: format!("{}; {}", drained.note, error_chain(&error)) },
            }
        };
        let impatient = async {
            self.stop.cancelled().await;
            tokio::time::sleep(INTERRUPTED_DRAIN).await;
        };
        let drained = tokio::select! {
            drained = patient => drained,
            () = impatient => Drained { reached: false, note: "interrupted".to_owned() },
        };
        self.end(Phase::Drain, Some(drained.note), Some(drained.reached));
    }

    /// What remains is read; a reading that fails is noted, and leaves the verdict UNKNOWN.
    pub(super) async fn read_remains(&mut self, system: &System, eye: &Eye) {
        self.begin(Phase::Verify);
        if let Some((sampler, readers)) = self.observers.take() {
            sampler.finish().await;
            readers.finish().await;
        }
        let read = remains::record(system, self.plan.scenario(), eye, &self.recorder).await;
        let note = read.as_ref().err().map(|error| error_chain(error));
        self.end(Phase::Verify, note, Some(read.is_ok()));
    }

    /// Closes the history.
    pub(super) async fn close(self) -> Result<Measured, ConductError> {
        self.progress.finish().await;
        let interrupted = self.stop.is_cancelled();
        // Blocks for as long as the last frame takes to reach the disk; nothing else is left to do.
        self.writer.finish(interrupted)?;
        Ok(Measured { cost: self.cost, machine: None })
    }

    fn begin(&self, phase: Phase) {
        self.state.enter(phase);
        self.recorder.record(Event::Phase(PhaseMark { phase, begin: true, note: None, reached: None }));
    }

    fn end(&self, phase: Phase, note: Option<String>, reached: Option<bool>) {
        self.recorder.record(Event::Phase(PhaseMark { phase, begin: false, note, reached }));
    }
}

fn planned_stock(plan: &Plan) -> Vec<(String, i64)> {
    plan.scenario().products.iter().map(|product| (product.id.clone(), i64::from(product.stock))).collect()
}

async fn stop_when_a_role_dies(mut unasked: watch::Receiver<Option<UnaskedEnd>>, stop: CancellationToken) {
    // Ends when the system (and with it the sender) is gone.
    if let Ok(Some(end)) = unasked.wait_for(Option::is_some).await.as_deref() {
        eprintln!("{} ended unasked: {}", end.role, end.how);
        stop.cancel();
    }
}
