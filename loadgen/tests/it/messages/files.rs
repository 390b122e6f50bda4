//! What can be said of files: plans, scenarios, targets, run folders, histories, results, reports.

use loadgen::faults::{FiredError, UnknownPoint};
use loadgen::history::{HistoryReadError, HistoryWriteError};
use loadgen::matrix::record::RecordError;
use loadgen::page::RenderError;
use loadgen::plan::PlanError;
use loadgen::report::ReportError;
use loadgen::report::junit::JunitError;
use loadgen::result::ResultError;
use loadgen::run::folder::FolderError;
use loadgen::scenario::{Mistake, Scenario, ScenarioErrors, Unfit};
use loadgen::shards::card::CardError;
use loadgen::shards::latency::LatencyError;
use loadgen::target::{Target, TargetErrors};
use testbed::messages::Messages;

use super::{absent, no_json, refused};

pub(super) fn messages(messages: Messages) -> Messages {
    let path = || "reports/rush-1/fired.json".into();
    shards(results(scenarios(messages)))
        .with(FiredError::Read { path: path(), source: absent() })
        .with(FiredError::Write { path: path(), source: refused() })
        .with(FiredError::Malformed { path: path(), source: no_json() })
        .with(FiredError::Format { path: path(), found: 9 })
        .with(UnknownPoint("elsewhere".to_owned()))
        .with(HistoryReadError::Open { path: "reports/rush-1/history.jsonl.zst".into(), reason: absent() })
        .with(HistoryReadError::Malformed { path: "history.jsonl.zst".into(), line: 17, reason: no_json() })
        .with(HistoryReadError::TooLong { path: "history.jsonl.zst".into(), line: 17 })
        .with(HistoryReadError::Newer { path: "history.jsonl.zst".into(), found: 9 })
        .with(HistoryWriteError::Create { path: "history.jsonl.zst".into(), source: refused() })
        .with(HistoryWriteError::Thread { path: "history.jsonl.zst".into(), source: refused() })
        .with(HistoryWriteError::Incomplete { path: "history.jsonl.zst".into(), reason: "no space left on device".to_owned() })
}

fn mistakes(file: &str) -> Vec<Mistake> {
    let (message, way_out) = ("unknown key `buyers.patiense`".to_owned(), "did you mean `patience`?".to_owned());
    vec![Mistake { file: file.to_owned(), line: 12, column: 1, message, way_out }]
}

fn scenarios(messages: Messages) -> Messages {
    let unfit = Unfit::Incidents { scenario: "pause".to_owned(), incidents: vec!["pause of relay".to_owned()] };
    messages
        .with(ScenarioErrors::Unknown { name: "rsh".to_owned(), known: vec!["smoke", "rush"] })
        .with(Scenario::load("./nowhere.toml").unwrap_err())
        .with(ScenarioErrors::Mistakes(mistakes("mine.toml")))
        .with(Unfit::TooFewProducts { scenario: "shop-rush".to_owned(), wanted: 3, target: "a bakery".to_owned(), known: 1 })
        .with(unfit)
        .with(Target::load("./nowhere.toml".as_ref()).unwrap_err())
        .with(TargetErrors::Mistakes(mistakes("shop.toml")))
        .with(PlanError::Format(9))
        .with(PlanError::Scenario(ScenarioErrors::Mistakes(mistakes("scenario `rush`"))))
        .with(PlanError::Target(TargetErrors::Mistakes(mistakes("target `bakery`"))))
        .with(PlanError::Checksum { saved: "8d1f".to_owned(), derived: "77a0".to_owned() })
}

/// Takes nothing.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(refused())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn results(messages: Messages) -> Messages {
    let path = || "reports/rush-1/result.json".into();
    let junit = || JunitError::from(quick_junit::Report::new("rush").serialize(Full).unwrap_err());
    let template = || minijinja::Error::new(minijinja::ErrorKind::UndefinedError, "no `verdict`");
    messages
        .with(ResultError::Read { path: path(), source: absent() })
        .with(ResultError::Write { path: path(), source: refused() })
        .with(ResultError::Malformed { path: path(), source: no_json() })
        .with(ResultError::Schema { path: path(), found: 9 })
        .with(RecordError::Write { path: "docs/matrix.md".into(), source: refused() })
        .with(RecordError::Malformed { path: "docs/matrix.json".into(), source: no_json() })
        .with(FolderError::Create { path: "reports/rush-1".into(), source: refused() })
        .with(FolderError::NotARun { path: "reports".into(), source: absent() })
        .with(FolderError::Write { path: "reports/rush-1/plan.json".into(), source: refused() })
        .with(FolderError::Plan { path: "reports/rush-1/plan.json".into(), source: no_json() })
        .with(ReportError::Write { path: "reports/rush-1/report.html".into(), source: refused() })
        .with(ReportError::StepSummary { path: "summary.md".into(), source: refused() })
        .with(ReportError::Html(RenderError::Template(template())))
        .with(ReportError::Junit(junit()))
        .with(ReportError::Json(no_json()))
        .with(ReportError::UnknownFormat("pdf".to_owned()))
        .with(RenderError::Template(template()))
        .with(RenderError::Data(no_json()))
        .with(junit())
}

fn shards(messages: Messages) -> Messages {
    let card = || "reports/r1/part-2/part.json".into();
    let latency = || "reports/r1/part-2/latency.json".into();
    messages
        .with(CardError::Write { path: card(), source: refused() })
        .with(CardError::Read { path: card(), source: absent() })
        .with(CardError::Malformed { path: card(), source: no_json() })
        .with(CardError::Format { path: card(), found: 9 })
        .with(LatencyError::Write { path: latency(), source: refused() })
        .with(LatencyError::Read { path: latency(), source: absent() })
        .with(LatencyError::Malformed { path: latency(), reason: "invalid padding".to_owned() })
}
