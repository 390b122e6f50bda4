//! A shard: plays its part of the buyers against a pipeline that runs already, and leaves its folder. It judges nothing; that is done once, when
//! all parts are merged.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chaos::faults::Faults;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::card::{Card, Ended, Role};
use super::clock::Anchor;
use super::{Common, LOOK_EVERY, ShardError, latency, whereabouts};
use crate::history::clock::RunClock;
use crate::history::event::{Event, FORMAT, Header, Phase, PhaseMark};
use crate::history::writer::HistoryWriter;
use crate::history::{HistoryReader, Recorder};
use crate::load::{self, LoadInput, Target};
use crate::observe::cpu::CpuMeter;
use crate::observe::http::Reader;
use crate::plan::{Part, Plan};
use crate::progress::{Progress, state::ProgressState};
use crate::report::series::Builder;
use crate::run::folder::RunFolder;
use crate::run::interrupt::Interrupts;
use crate::scenario::EditionName;

/// The load engine is started this long before the first buyer may come: it needs a moment itself.
const ENGINE_AHEAD: Duration = Duration::from_secs(1);

/// What a shard is told.
#[derive(Debug, Clone)]
pub struct Order {
    /// What all machines are told alike.
    pub common: Common,
    /// Which part of the buyers is this one's.
    pub part: Part,
}

/// Plays a part; returns whether it came to its end as planned.
///
/// # Errors
/// [`ShardError`]. What was written until then stays in the folder, and the merge will say that this part did not end.
pub async fn buy(order: &Order, interrupts: &Interrupts) -> Result<bool, ShardError> {
    let Order { common, part } = order;
    let plan = Plan::derive(&common.scenario, common.seed);
    let clock = RunClock::start();
    let anchor = Anchor::of(clock, common.clock_uncertainty);
    let begin = anchor.at(common.start_at_unix_us).ok_or_else(|| ShardError::too_late(&anchor, common))?;
    let folder = Role::Shard(*part).create(common, &plan)?;
    let card = Card::begin(common, &plan, Role::Shard(*part), part.of(), anchor);
    card.write(folder.path())?;
    eprint!("{plan}\n  part {part} of run {}, in {}\n", common.run_id, folder.path().display());

    let writer = HistoryWriter::create(&folder.history(), clock)?;
    let recorder = writer.recorder();
    recorder.record(Event::Header(header(&folder, &plan)));
    let state = ProgressState::new();
    state.planned(plan.summary().arrivals / u64::from(part.of().get()), plan.scenario().duration());
    let progress = Progress::start(Arc::clone(&state), common.display);
    state.enter(Phase::Boot);
    let target = shop(common, clock.instant(begin)).await?;
    let stop = interrupts.soft.child_token();
    tokio::select! {
        () = tokio::time::sleep_until(clock.instant(begin).checked_sub(ENGINE_AHEAD).unwrap_or_else(Instant::now)) => {}
        () = stop.cancelled() => {}
    }
    state.enter(Phase::Load);
    let meter = CpuMeter::start(std::iter::empty());
    let input = LoadInput {
        plan: &plan,
        part: *part,
        begin: Some(begin),
        target,
        recorder: recorder.clone(),
        clock,
        progress: state,
        // What goes wrong does so at the watch, where the taps are.
        faults: Faults::new(plan.seeds().faults),
        stop: stop.clone(),
    };
    play(input, &recorder, &stop).await?;
    let cost = meter.stop();
    progress.finish().await;
    let interrupted = stop.is_cancelled();
    writer.finish(interrupted)?;

    latency::write(folder.path(), &times(&folder.history())?)?;
    let ended = Ended { at_us: clock.now(), interrupted, clock_drift_us: anchor.drift_us(clock), saw_ended: None, cost };
    Card { ended: Some(ended), ..card }.write(folder.path())?;
    Ok(!interrupted)
}

async fn play(input: LoadInput<'_>, recorder: &Recorder, stop: &CancellationToken) -> Result<(), ShardError> {
    let mark = |begin, note| recorder.record(Event::Phase(PhaseMark { phase: Phase::Load, begin, note, reached: None }));
    mark(true, None);
    let loaded = load::run_on_own_thread(input).await;
    mark(false, stop.is_cancelled().then(|| "stopped before its end".to_owned()));
    loaded?;
    Ok(())
}

fn header(folder: &RunFolder, plan: &Plan) -> Header {
    Header {
        format: FORMAT,
        run: folder.id().to_owned(),
        scenario: plan.scenario().name.clone(),
        seed: plan.seed(),
        defect: None,
        backend: None,
        started_unix_ms: folder.started_unix_ms(),
        // Only who watches the pipeline has seen it.
        initial_stock: Vec::new(),
    }
}

/// The shop, once somebody has said where it is and it has shown its page; at the latest when it is time to begin.
async fn shop(common: &Common, until: Instant) -> Result<Target, ShardError> {
    let path = common.system();
    let edition = common.scenario.edition;
    let found = whereabouts(&path, edition, until).await?;
    let address = found.sales(&path, &common.allow_remote)?;
    let reader = Reader::default();
    let page = match edition {
        EditionName::Donut => "product/donut",
        EditionName::Shop => "item",
    };
    let url = format!("{}/{page}", address.trim_end_matches('/'));
    while let Err(error) = reader.get::<serde_json::Value>(&url).await {
        if Instant::now() >= until {
            return Err(ShardError::NobodySells { address: address.to_owned(), reason: error.to_string() });
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(Target::new(edition, address)?)
}

/// All times of a history.
fn times(history: &Path) -> Result<crate::result::latency::Histograms, ShardError> {
    let mut series = Builder::new(None, crate::verify::expectations::Arrivals::Open);
    for line in HistoryReader::open(history)? {
        series.line(&line?);
    }
    Ok(series.finish().histograms)
}
