//! Systems that the harness did not build, driven through its foreign door.

mod acquaintance;
pub(crate) mod foreign_reference;
pub(crate) mod misbehaving;
mod statements;

use std::path::{Path, PathBuf};

use loadgen::result::RunResult;
use loadgen::target::Target;
use loadgen::verify::judgement::{Judgement, PropertyResult, Verdict};
use loadgen::verify::property::Property;

use crate::whole_command::{Desk, text};

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A file of `targets/`, with its path.
fn target(name: &str) -> String {
    root().join("targets").join(name).display().to_string()
}

/// The shipped scenario, for a machine that may be crowded: the generator may be as late as it makes it.
pub(crate) fn first_contact(more: &str) -> String {
    let text = std::fs::read_to_string(root().join("scenarios/first-contact.toml")).unwrap();
    text.replace("lateness_p99 = \"500ms\"", "lateness_p99 = \"20s\"") + more
}

/// Runs the scenario of the desk against a target, and returns the exit code and the result.
fn run_against(desk: &Desk, target: &str) -> (Option<i32>, RunResult) {
    run_told(desk, target, &[])
}

/// The same, with variables in the environment of the harness.
fn run_told(desk: &Desk, target: &str, variables: &[(&str, &str)]) -> (Option<i32>, RunResult) {
    let mut command = desk.loadgen(&["--target", target, "--scenario", "scenario.toml", "--seed", "1", "--out", "runs"]);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    let result = RunResult::read(&desk.run_folder()).unwrap_or_else(|error| panic!("{error}\n{said}"));
    println!("{said}");
    (output.status.code(), result)
}

fn property(result: &RunResult, wanted: Property) -> &PropertyResult {
    result.proof.properties.iter().find(|judged| judged.property == wanted).unwrap()
}

#[test]
fn the_naive_bakery_oversells_and_loses_goods_and_the_report_says_why() {
    let desk = Desk::new(&first_contact(""));
    let (code, result) = run_against(&desk, &target("example/shop.toml"));
    assert_eq!((code, result.verdict()), (Some(1), Verdict::Fail));
    assert_eq!(result.run.target, "bakery");
    for violated in [Property::Conservation, Property::NoOverselling, Property::EveryPromiseKept, Property::FactoryNotOverrun] {
        assert_eq!(property(&result, violated).judgement, Judgement::Violated, "{}", violated.name());
    }
    let why = &property(&result, Property::Conservation).violations[0];
    assert!(why.sentence.contains("whoever reads the stock, and writes it back later"), "{}", why.sentence);
    let sold = why.path.iter().filter(|step| step.hop == "sales → buyer" && step.what.contains("sold")).count();
    assert!(sold >= 2, "both sales are on the path: {:#?}", why.path);
    let lost = &property(&result, Property::EveryPromiseKept).violations[0];
    assert!(lost.sentence.contains("was refused at") && lost.sentence.contains("no goods"), "{}", lost.sentence);
    let report = std::fs::read_to_string(desk.run_folder().join("report.html")).unwrap();
    assert!(report.contains("whoever reads the stock"));
    assert!(desk.temporary_files().is_empty());
}

#[test]
fn the_mended_bakery_passes_and_what_it_does_not_show_is_named() {
    let desk = Desk::new(&first_contact(""));
    let (code, result) = run_against(&desk, &target("example/sound.toml"));
    assert_eq!((code, result.verdict()), (Some(0), Verdict::Pass), "{:#?}", result.proof.reasons);
    let unjudged = property(&result, Property::OneEffect);
    assert_eq!(unjudged.judgement, Judgement::NotJudged);
    assert!(unjudged.reason.as_deref().unwrap().contains("from the factory's side alone"), "{:?}", unjudged.reason);
    // The folder alone suffices to judge it again.
    let again = desk.loadgen(&["check", desk.run_folder().to_str().unwrap(), "--format", "json"]).output().unwrap();
    let again: RunResult = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(again.proof, result.proof);
}

#[test]
fn the_example_of_lambda_handlers_is_a_sound_target_file() {
    let example = Target::load(Path::new(&target("serverless/target.toml"))).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(example.name, "bakery in functions");
}

/// The tap on the way back tells the target of the same goods twice, and the factory does not know.
const TOLD_TWICE: &str = r#"
[[fault]]
name = "told-twice"
fault = "again"
hop = "callback"
share = "50%"
"#;

#[test]
fn faults_on_a_strangers_hops_strike_and_tell_the_mended_from_the_naive() {
    let desk = Desk::new(&first_contact(TOLD_TWICE));
    let (code, result) = run_against(&desk, &target("example/sound.toml"));
    assert_eq!((code, result.verdict()), (Some(0), Verdict::Pass), "{:#?}", result.proof.reasons);
    let fault = result.proof.evidence.iter().find(|piece| piece.what.contains("told-twice")).unwrap();
    assert!(fault.enough, "{fault:?}");

    let desk = Desk::new(&first_contact(TOLD_TWICE));
    let (code, _) = run_against(&desk, &target("example/shop.toml"));
    assert_eq!(code, Some(1));
}
