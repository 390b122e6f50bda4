//! The phases between the plan and the proof, with the history that all of them write into.

use std::sync::Arc;
use std::time::Duration;

use reference::defects::Defect;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::abort::Abortion;
use super::error_chain;
use super::folder::RunFolder;
use super::interrupt::Interrupts;
use super::subject::{Subject, SubjectError};
use crate::boot::role::UnaskedEnd;
use crate::boot::whereabouts::Observable;
use crate::boot::{BootOrders, System};
use crate::drain::{self, Drained};
use crate::faults::incidents::Incidents;
use crate::faults::{FiredError, Hops, Poison};
use crate::ground::Ground;
use crate::history::clock::RunClock;
use crate::history::event::{Event, FORMAT, Header, Micros, Phase, PhaseMark};
use crate::history::tally::Tally;
use crate::history::writer::{HistoryWriteError, HistoryWriter, Recorder};
use crate::live::Live;
use crate::load::{self, LoadError, LoadInput};
use crate::observe::cpu::CpuMeter;
use crate::observe::eye::{Eye, LookError};
use crate::observe::sampler::Sampler;
use crate::observe::topics::TopicReaders;
use crate::plan::{Part, Plan};
use crate::progress::{Display, Progress, state::ProgressState};
use crate::result::machine::Machine;
use crate::result::totals::Cost;

/// How long an interrupted run may still drain.
const INTERRUPTED_DRAIN: Duration = Duration::from_secs(15);

/// How long it may take until every incident is undone and what it struck is ready again.
const UNDONE_WITHIN: Duration = Duration::from_secs(60);

/// Why a run could not be conducted.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// The history cannot be written.
    #[error(transparent)]
    History(#[from] HistoryWriteError),
    /// There is no pipeline.
    #[error("cannot start the system under test")]
    Boot(#[from] SubjectError),
    /// The pipeline cannot be looked at.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The pipeline does not begin as the plan says.
    #[error("{product} begins with a stock of {found}, the plan says {planned}; begin with a database that nobody else sells from")]
    Stock {
        /// The product.
        product: String,
        /// Pieces that are there.
        found: i64,
        /// Pieces that should be.
        planned: i64,
    },
    /// What fired cannot be saved.
    #[error(transparent)]
    Fired(#[from] FiredError),
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

/// How a run is conducted, beside its plan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner<'o> {
    /// Mistake that the reference makes.
    pub(crate) defect: Option<Defect>,
    /// What goes wrong, when that is not just what the plan says.
    pub(crate) faults: Option<&'o chaos::plan::Plan>,
    /// How progress is shown.
    pub(crate) display: Display,
    /// Where the run is shown live.
    pub(crate) live: Option<&'o Live>,
    /// Hosts beyond loopback that the run may reach.
    pub(crate) allow_remote: &'o [String],
    /// What the pipeline stands on.
    pub(crate) ground: &'o Ground,
}

/// Where a run takes place: its history, its clock, its progress, and the wish to stop.
#[derive(Debug)]
pub(crate) struct Stand<'a> {
    plan: &'a Plan,
    folder: &'a RunFolder,
    defect: Option<Defect>,
    ground: Ground,
    clock: RunClock,
    writer: HistoryWriter,
    recorder: Recorder,
    state: Arc<ProgressState>,
    progress: Progress,
    interrupts: Interrupts,
    /// Somebody wants an end: the user, or a process that died.
    stop: CancellationToken,
    observers: Option<(Sampler, TopicReaders)>,
    hops: Hops,
    abortion: Abortion,
    cost: Cost,
}

impl<'a> Stand<'a> {
    pub(crate) fn build(plan: &'a Plan, folder: &'a RunFolder, manner: &Manner<'_>, interrupts: &Interrupts) -> Result<Self, ConductError> {
        let clock = RunClock::start();
        let writer = HistoryWriter::create(&folder.history(), clock)?;
        let state = ProgressState::new();
        let recorder = match manner.live {
            Some(live) => {
                let tally = Tally::new(clock);
                live.watch(plan, folder.id(), &state, &tally);
                writer.recorder().counted_by(tally)
            }
            None => writer.recorder(),
        };
        recorder.record(Event::Header(Header {
            format: FORMAT,
            run: folder.id().to_owned(),
            scenario: plan.scenario().name.clone(),
            seed: plan.seed(),
            defect: manner.defect.map(|defect| defect.to_string()),
            backend: manner.ground.backend.clone(),
            started_unix_ms: folder.started_unix_ms(),
            initial_stock: if plan.scenario().target.is_some() { Vec::new() } else { planned_stock(plan) },
        }));
        state.planned(plan.summary().arrivals, plan.scenario().duration());
        let progress = Progress::start(Arc::clone(&state), manner.display);
        let stop = interrupts.soft.child_token();
        let interrupts = interrupts.clone();
        let faults = manner.faults.unwrap_or(plan.faults());
        let hops = Hops::new(faults, plan.seeds().faults, clock, &recorder, manner.allow_remote);
        let abortion = Abortion::new(&plan.scenario().abort, stop.clone());
        let (observers, cost) = (None, Cost::default());
        Ok(Self {
            plan,
            folder,
            defect: manner.defect,
            ground: manner.ground.clone(),
            clock,
            writer,
            recorder,
            state,
            progress,
            interrupts,
            stop,
            observers,
            hops,
            abortion,
            cost,
        })
    }

    /// Boot. None when the user did not want to wait for it.
    pub(crate) async fn boot(&mut self) -> Result<Option<Subject>, ConductError> {
        self.begin(Phase::Boot);
        let logs = self.folder.logs();
        let orders =
            BootOrders { scenario: self.plan.scenario(), seed: self.plan.seed(), defect: self.defect, ground: &self.ground, logs: &logs };
        let system = tokio::select! {
            booted = Subject::boot(self.plan, &orders, &self.recorder, &self.hops) => booted?,
            () = self.interrupts.soft.cancelled() => {
                self.end(Phase::Boot, Some("interrupted".to_owned()), None);
                return Ok(None);
            }
        };
        tokio::spawn(stop_when_a_role_dies(system.unasked(), self.stop.clone()));
        self.end(Phase::Boot, None, None);
        Ok(Some(system))
    }

    /// A pipeline that runs already, in the place of one that is booted. None when the user did not want to wait for it.
    pub(crate) async fn attach(&mut self, found: Observable) -> Result<Option<Subject>, ConductError> {
        self.begin(Phase::Boot);
        let system = tokio::select! {
            attached = System::attach(self.plan.scenario(), found, &self.recorder) => Some(Subject::Reference(Box::new(attached.map_err(SubjectError::from)?))),
            () = self.interrupts.soft.cancelled() => None,
        };
        self.end(Phase::Boot, Some(if system.is_some() { "found running" } else { "interrupted" }.to_owned()), None);
        Ok(system)
    }

    /// The run's clock.
    pub(crate) fn clock(&self) -> RunClock {
        self.clock
    }

    /// Buyers arrive elsewhere, from `begin` on; `over` says when they are done, and how that was known. What is planned to go wrong does so here,
    /// where the taps are.
    pub(crate) async fn look_on(&mut self, system: &Subject, begin: Micros, over: impl Future<Output = String>) {
        self.begin(Phase::Load);
        let meter = CpuMeter::start(system.pids().into_iter());
        let stages: Vec<(Instant, &str)> =
            self.plan.stage_begins().into_iter().map(|(at, name)| (self.clock.instant(begin.saturating_add(at)), name)).collect();
        let reach = system.reach(&self.hops, &self.recorder);
        let (hops, mut incidents) = (&mut self.hops, None);
        let strikes = async {
            tokio::time::sleep_until(self.clock.instant(begin)).await;
            hops.begin();
            incidents = Some(Incidents::begin(&self.plan.faults().incidents, &reach, hops.faults(), &self.recorder));
            for (at, name) in stages {
                tokio::time::sleep_until(at).await;
                hops.faults().set_phase(Some(name));
            }
        };
        let note = tokio::select! {
            note = async { tokio::join!(strikes, over).1 } => note,
            () = self.stop.cancelled() => "stopped before its end".to_owned(),
        };
        self.cost = Cost { generator_cpu_us: None, ..meter.stop() };
        self.end(Phase::Load, Some(note), None);
        // As where one process does everything: what comes from here on is recovery.
        if let Some(incidents) = incidents {
            incidents.heal(UNDONE_WITHIN).await;
        }
        self.hops.heal().await;
    }

    /// Whether somebody wants an end.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// An eye on the system, after a look that shows that it begins as planned; from here on everything is observed.
    pub(crate) async fn eye(&mut self, system: &Subject) -> Result<Eye, ConductError> {
        let eye = system.eye(self.clock).await?;
        let first = eye.look().await?;
        if system.view().is_some() {
            self.recorder.record(Event::Opening { stock: first.stock.clone() });
        }
        // A stranger whose stock cannot be set begins with what it has.
        let decided_here = if system.view().is_none() { planned_stock(self.plan) } else { Vec::new() };
        for (product, planned) in decided_here {
            let found = first.stock.iter().find(|(id, _)| *id == product).map_or(-1, |(_, stock)| *stock);
            if found != planned {
                return Err(ConductError::Stock { product, found, planned });
            }
        }
        self.recorder.record(Event::Sample(first));
        let sampler = Sampler::start(eye.clone(), system.scales(), self.recorder.clone(), Arc::clone(&self.state), self.abortion.clone());
        let readers = system.topic_readers(&eye, Poison::of(self.plan.faults()), &self.recorder);
        self.observers = Some((sampler, readers));
        Ok(eye)
    }

    /// Load, with everything that is planned to go wrong; when it ends, all of that is healed, and proved to be.
    pub(crate) async fn load(&mut self, system: &Subject) -> Result<(), ConductError> {
        self.begin(Phase::Load);
        let meter = CpuMeter::start(system.pids().into_iter());
        let input = LoadInput {
            plan: self.plan,
            part: Part::WHOLE,
            begin: None,
            target: system.entrance(self.plan)?,
            recorder: self.recorder.clone(),
            clock: self.clock,
            progress: Arc::clone(&self.state),
            stop: self.stop.clone(),
            faults: self.hops.faults().clone(),
        };
        self.hops.begin();
        let reach = system.reach(&self.hops, &self.recorder);
        let incidents = Incidents::begin(&self.plan.faults().incidents, &reach, self.hops.faults(), &self.recorder);
        let loaded = load::run_on_own_thread(input).await;
        self.cost = meter.stop();
        let stopped = || self.abortion.reason().map_or_else(|| "stopped before its end".to_owned(), |reason| format!("stopped: {reason}"));
        let note = self.stop.is_cancelled().then(stopped);
        self.end(Phase::Load, note, None);
        // After the mark: what comes from here on is recovery, and nobody arrives any more.
        incidents.heal(UNDONE_WITHIN).await;
        self.hops.heal().await;
        loaded?;
        Ok(())
    }

    /// Drain.
    pub(crate) async fn drain(&mut self, eye: &Eye) {
        self.begin(Phase::Drain);
        let bounds = &self.plan.scenario().drain;
        let quiet_for = eye.quiet_for().map_or(bounds.quiet_for, |asked| asked.max(bounds.quiet_for));
        let state = Arc::clone(&self.state);
        let timeout = if self.stop.is_cancelled() { bounds.timeout.min(INTERRUPTED_DRAIN) } else { bounds.timeout };
        let patient = async {
            let drained = drain::drain(eye, timeout, quiet_for, |doing| state.detail(doing)).await;
            if !drained.reached {
                return drained;
            }
            match drain::redrive(eye).await {
                Ok(0) => drained,
                Ok(moved) => {
                    let again = drain::drain(eye, timeout, quiet_for, |doing| state.detail(doing)).await;
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
    pub(crate) async fn read_remains(&mut self, system: &Subject, eye: &Eye) {
        self.begin(Phase::Verify);
        if let Some((sampler, readers)) = self.observers.take() {
            sampler.finish().await;
            readers.finish().await;
        }
        let read = system.record_remains(self.plan, eye, &self.recorder).await;
        let note = read.as_ref().err().map(|error| error_chain(error));
        self.end(Phase::Verify, note, Some(read.is_ok()));
    }

    /// Closes the history.
    pub(crate) async fn close(self) -> Result<Measured, ConductError> {
        let (fired, missed) = self.hops.stop().await;
        if !self.plan.faults().rules.is_empty() {
            fired.write(&self.folder.fired())?;
        }
        if missed > 0 {
            tracing::warn!(missed, "exchanges on the hops are missing in the history; no property rests on them");
        }
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
