//! What can be said of a run, of many runs, and of the parts of one.

use std::time::Duration;

use loadgen::cli::Mistakes;
use loadgen::compare::side::SideError;
use loadgen::index::IndexError;
use loadgen::init::InitError;
use loadgen::live::LiveError;
use loadgen::load::{EngineError, LoadError};
use loadgen::matrix::MatrixError;
use loadgen::page::RenderError;
use loadgen::plan::PartError;
use loadgen::report::ReportError;
use loadgen::run::RunError;
use loadgen::run::conduct::ConductError;
use loadgen::run::judge::JudgeError;
use loadgen::run::subject::SubjectError;
use loadgen::shards::ShardError;
use loadgen::shards::merge::MergeError;
use loadgen::shrink::ShrinkError;
use loadgen::target::StrangerError;
use loadgen::verify::judgement::Verdict;
use reference::defects::BadDefect;
use testbed::messages::Messages;

use super::{no_json, refused};

fn stuck() -> EngineError {
    EngineError::Stuck(Duration::from_secs(60))
}

fn unwritten() -> ReportError {
    ReportError::Write { path: "reports/rush-1/report.html".into(), source: refused() }
}

pub(super) fn messages(messages: Messages) -> Messages {
    parts(handouts(messages))
        .with(LoadError::Target { address: "shop".to_owned(), why: "no scheme".to_owned() })
        .with(LoadError::Engine(stuck()))
        .with(LoadError::History("no space left on device".to_owned()))
        .with(LoadError::Panicked(2))
        .with(LoadError::Thread("resource temporarily unavailable".to_owned()))
        .with(EngineError::Goose("users = 0: at least one is needed".to_owned()))
        .with(stuck())
        .with(RunError::Report(unwritten()))
        .with(ConductError::Boot(SubjectError::Stranger(StrangerError::Place(refused()))))
        .with(ConductError::Stock { product: "CP-502101".to_owned(), found: 7, planned: 40 })
        .with(ConductError::Load(LoadError::Engine(stuck())))
        .with(JudgeError::Defect(BadDefect::Unknown { text: "sloth".to_owned() }))
        .with(MatrixError::Nothing)
        .with(MatrixError::Run { what: "smoke with silent-sales".to_owned(), source: refused() })
        .with(ShrinkError::NotFailed(Verdict::Unknown))
        .with(ShrinkError::NotViolated { wanted: "no lost order", violated: "conservation".to_owned() })
        .with(ShrinkError::Toml(toml::from_str::<toml::Table>("a = ").unwrap_err()))
        .with(ShrinkError::Write { path: "reports/shrunk.toml".into(), source: refused() })
        .with(ShrinkError::Run(refused()))
}

fn handouts(messages: Messages) -> Messages {
    messages
        .with(SideError::Folder { path: "reports/A".into(), source: refused() })
        .with(SideError::Empty { path: "reports/A".into() })
        .with(LiveError { address: ([127, 0, 0, 1], 8_080).into(), source: refused() })
        .with(IndexError::Folder { path: "reports".into(), source: refused() })
        .with(IndexError::Nothing { path: "reports".into() })
        .with(IndexError::Write { path: "reports/index.html".into(), source: refused() })
        .with(IndexError::Html(RenderError::Data(no_json())))
        .with(InitError::Exists(vec!["target.toml".into(), "scenario.toml".into()]))
        .with(InitError::Folder { path: "mine".into(), source: refused() })
        .with(InitError::Write { path: "mine/target.toml".into(), source: refused() })
}

fn parts(messages: Messages) -> Messages {
    messages
        .with(Mistakes(vec!["--shard is missing; write --shard I/N".to_owned()]))
        .with(PartError::Form("two".to_owned()))
        .with(PartError::Number { number: 5, of: 4 })
        .with(PartError::TooMany(1_000_000))
        .with(ShardError::TooLate { late_ms: 1_200 })
        .with(ShardError::NobodySells { address: "http://127.0.0.1:3000".to_owned(), reason: "connection refused".to_owned() })
        .with(ShardError::Load(LoadError::Panicked(2)))
        .with(MergeError::Unfit(vec!["no part of a run (a folder with a part.json) in reports/r1".to_owned()]))
        .with(MergeError::Write { path: "reports/r1/result.json".into(), source: refused() })
        .with(MergeError::Report(unwritten()))
}
