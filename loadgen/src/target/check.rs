//! `loadgen target check FILE`: one browse, one purchase, one refusal, one restock, and line by line what was understood of them.

mod steps;

use std::fmt;
use std::sync::Arc;

use self::steps::Steps;
use super::{Stranger, StrangerError, Target};
use crate::boot::workplace::Workplace;
use crate::faults::Hops;
use crate::history::clock::RunClock;
use crate::history::event::{Event, FORMAT, Final, Header, Line, Phase, PhaseMark};
use crate::history::writer::{HistoryWriteError, HistoryWriter};
use crate::scenario::{Scenario, Unfit};
use crate::verify::expectations::Expectations;
use crate::verify::judge;
use crate::verify::judgement::Judgement;

/// What the acquaintance is made with: a few pieces, and a factory that does not let anybody wait.
const SCENARIO: &str = r#"
name = "acquaintance"
about = "One browse, one purchase, one refusal, one restock."
edition = "donut"
[stock]
"CP-502101" = 3
[[stage]]
name = "all"
duration = "1s"
rate = "1/s"
[pipeline]
production_time = "300ms"
factory_capacity = 4
visibility_timeout = "5s"
"#;

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The target is not there.
    #[error(transparent)]
    Stranger(#[from] StrangerError),
    /// It has no product, or no scenario fits it.
    #[error(transparent)]
    Products(#[from] Unfit),
    /// No place for notes.
    #[error("cannot make a temporary folder (TMPDIR names another place)")]
    Folder(#[source] std::io::Error),
    /// Notes cannot be written.
    #[error(transparent)]
    History(#[from] HistoryWriteError),
}

/// What became of one thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It was understood.
    Understood(String),
    /// It was not: what came, and the way out.
    NotUnderstood(String, String),
    /// The file does not say how, so it was not tried: what is lost by that, and the way out.
    NotTried(String, String),
}

/// All of it, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquaintance {
    lines: Vec<(&'static str, Tried)>,
    not_judged: Vec<(String, String)>,
}

impl Acquaintance {
    /// Whether everything that was tried was understood.
    #[must_use]
    pub fn is_mutual(&self) -> bool {
        !self.lines.iter().any(|(_, tried)| matches!(tried, Tried::NotUnderstood(..)))
    }
}

impl fmt::Display for Acquaintance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, tried) in &self.lines {
            match tried {
                Tried::Understood(said) => writeln!(f, "ok  {what:<9} {said}")?,
                Tried::NotUnderstood(came, way_out) => writeln!(f, "??  {what:<9} {came}\n              {way_out}")?,
                Tried::NotTried(lost, way_out) => writeln!(f, "--  {what:<9} {lost}\n              {way_out}")?,
            }
        }
        if !self.not_judged.is_empty() {
            writeln!(f, "\nNot judged in a run against it:")?;
        }
        for (property, why) in &self.not_judged {
            writeln!(f, "    {property}: {why}")?;
        }
        Ok(())
    }
}

/// Starts a target (or finds it), tries everything once, and ends it again.
///
/// # Errors
/// [`CheckError`] when nothing could be tried.
pub async fn check(target: Target, allow_remote: &[String]) -> Result<Acquaintance, CheckError> {
    let target = Arc::new(target);
    let scenario = Scenario::parse("acquaintance", SCENARIO).expect("a test checks it").against(Arc::clone(&target))?;
    let folder = Workplace::open().map_err(CheckError::Folder)?;
    let clock = RunClock::start();
    let writer = HistoryWriter::create(&folder.path().join("notes.jsonl.zst"), clock)?;
    let recorder = writer.recorder();
    let hops = Hops::new(&scenario.faults, 0, clock, &recorder, allow_remote);
    let stranger = Stranger::boot(&target, &scenario, folder.path(), &recorder, &hops).await?;
    let not_judged = not_judged(&stranger.view.not_exposed());
    let mut steps = Steps::new(&target, &stranger, &scenario);
    steps.all().await;
    let lines = steps.into_lines();
    stranger.stop().await;
    hops.stop().await;
    writer.finish(false)?;
    Ok(Acquaintance { lines, not_judged })
}

/// The properties that cannot be judged without these tables: asked of the proof itself, with a history in which nothing happened.
fn not_judged(closed: &[Final]) -> Vec<(String, String)> {
    let header = Header {
        format: FORMAT,
        run: String::new(),
        scenario: String::new(),
        seed: 0,
        defect: None,
        backend: None,
        started_unix_ms: 0,
        initial_stock: Vec::new(),
    };
    let mark = |phase, begin, reached| Event::Phase(PhaseMark { phase, begin, note: None, reached });
    let mut events = vec![Event::Header(header), mark(Phase::Load, false, None), mark(Phase::Drain, false, Some(true))];
    events.extend(closed.iter().cloned().map(Event::Final));
    events.extend([mark(Phase::Verify, false, Some(true)), Event::Ended { interrupted: false }]);
    let lines: Vec<Line> = events.into_iter().map(|event| Line { at: 0, event }).collect();
    let proof = judge(|| Ok::<_, String>(lines.clone().into_iter().map(Ok::<_, String>)), &Expectations::default());
    let closed = proof.properties.into_iter().filter(|result| result.judgement == Judgement::NotJudged);
    closed.map(|result| (result.property.name().to_owned(), result.reason.unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acquaintance_is_a_scenario() {
        Scenario::parse("acquaintance", SCENARIO).unwrap();
    }

    #[test]
    fn what_cannot_be_judged_is_named_with_its_reason() {
        let closed = [Final::NotExposed { what: "mails".into(), why: Some("no mails".into()) }];
        assert_eq!(
            not_judged(&closed),
            [("ads stopped".to_owned(), "the system under test does not expose \"mails\": no mails".to_owned())]
        );
    }
}
