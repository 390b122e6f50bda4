//! Processes that somebody kills: one of the pipeline's, or the harness itself in any phase.

use std::net::TcpListener;
use std::process::Command;

use loadgen::history::event::{Event, Phase, RoleState};
use loadgen::result::RunResult;
use loadgen::verify::judgement::Verdict;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{checked, long, nothing_is_left_behind, phase, said};
use crate::faults::{busy, rule};
use crate::targets::first_contact;
use crate::targets::misbehaving::{shop, write_target};
use crate::whole_command::{Desk, SHORT, events, text, under_load, until};

#[test]
fn a_process_that_somebody_else_kills_ends_the_run_unknown_and_is_named() {
    let desk = Desk::new(&long());
    let child = desk.start();
    let run = under_load(&desk);
    let relay = events(&run).into_iter().find_map(|event| match event {
        Event::Role(mark) if mark.role == "relay" && mark.state == RoleState::Started => Some(mark.pid),
        _ => None,
    });
    kill(Pid::from_raw(relay.unwrap().cast_signed()), Signal::SIGKILL).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert!(text(&output.stderr).contains("relay ended unasked"), "{}", text(&output.stderr));
    let result = RunResult::read(&run).unwrap();
    assert_eq!(result.verdict(), Verdict::Unknown);
    let ended = result.proof.evidence.iter().find(|piece| piece.what == "processes that ended unasked").unwrap();
    assert!(!ended.enough && ended.seen.contains("relay"), "{ended:?}");
    nothing_is_left_behind(&desk, &run);
}

#[test]
fn a_harness_that_is_killed_in_any_phase_leaves_evidence_that_never_passes_and_nothing_else() {
    // A drain that takes its time, so that it can be met.
    let slow =
        SHORT.replace("timeout = \"60s\"", "timeout = \"600s\"\nquiet_for = \"300s\"").replace("duration = \"4s\"", "duration = \"1s\"");
    // Soon at its end, which may come before the kill: then it lacks other evidence.
    let short = SHORT.replace("duration = \"4s\"", "duration = \"1s\"").replace("min_sold = 10", "min_sold = 10000");
    for (wanted, scenario) in [(Phase::Boot, long()), (Phase::Load, long()), (Phase::Drain, slow), (Phase::Verify, short)] {
        let desk = Desk::new(&scenario);
        let mut child = desk.start();
        let run = phase(&desk, wanted);
        child.kill().unwrap();
        child.wait().unwrap();
        nothing_is_left_behind(&desk, &run);
        let (code, words) = checked(&desk, &run);
        assert_eq!(code, Some(4), "killed in {wanted:?}: {words}");
    }
}

#[test]
fn a_harness_that_is_killed_while_it_reports_leaves_all_the_evidence_and_nothing_else() {
    let desk = Desk::new(SHORT);
    let mut child = desk.start();
    let run = under_load(&desk);
    // Whoever opens it to write waits for a reader, and none ever comes.
    let report = run.join("report.html");
    assert!(Command::new("mkfifo").arg(&report).status().unwrap().success());
    until("the history to be closed", || events(&run).iter().any(|event| matches!(event, Event::Ended { .. })).then_some(()));
    assert!(child.try_wait().unwrap().is_none(), "it still judges, or waits to write");
    child.kill().unwrap();
    child.wait().unwrap();
    nothing_is_left_behind(&desk, &run);
    assert!(!run.join("result.json").exists() && !run.join("junit.xml").exists(), "nobody can take it for a run with a verdict");
    std::fs::remove_file(&report).unwrap();
    // Its history was closed, so nothing that came later can change what it proves; without its last bytes it proves nothing any more.
    let (code, words) = checked(&desk, &run);
    assert_eq!(code, Some(0), "{words}");
    let history = std::fs::File::options().write(true).open(run.join("history.jsonl.zst")).unwrap();
    history.set_len(history.metadata().unwrap().len() - 8).unwrap();
    let (code, words) = checked(&desk, &run);
    assert_eq!(code, Some(4), "{words}");
}

#[test]
fn a_program_that_is_built_anew_while_it_runs_goes_on_as_what_it_was() {
    let restarts = rule("restarted", "fault = \"restart\"\nrole = \"operations\"\nfrom = \"6s\"");
    let desk = Desk::new(&(busy("4s", "6s") + &restarts));
    // A second name of the program, on the file system where it is.
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let program = place.path().join("loadgen");
    std::fs::hard_link(env!("CARGO_BIN_EXE_loadgen"), &program).unwrap();
    let child = desk.started_from(&program, &["--scenario", "scenario.toml", "--seed", "7", "--out", "runs"]).spawn().unwrap();
    let run = under_load(&desk);
    // As cargo does it: the old file goes, another one comes in its place.
    std::fs::remove_file(&program).unwrap();
    std::fs::write(&program, "").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let began = |event: &Event| matches!(event, Event::Role(mark) if mark.role == "operations" && mark.state == RoleState::Started);
    assert_eq!(events(&run).iter().filter(|event| began(event)).count(), 2);
}

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_sent() {
    let desk = Desk::new(&first_contact(""));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let factory = format!(
        r#"
[factory]
path = "/orders"
listen = "{address}"
product = "/bread"
units = "/count"
accepted = "{{}}"
callback = "{{url}}/baked"
callback_body = '{{"bread": "{{product}}", "count": {{units}}}}'
"#
    );
    let file = write_target(&desk, &shop("self.say(b'{\"result\": \"ok\"}')", ""), "");
    let with_factory = std::fs::read_to_string(&file).unwrap() + &factory;
    std::fs::write(&file, with_factory).unwrap();
    let output = desk.loadgen(&["--target", &file, "--scenario", "scenario.toml", "--out", "runs"]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let words = text(&output.stderr);
    assert!(words.contains(&address) && words.contains("in use"), "{words}");
    nothing_is_left_behind(&desk, &desk.run_folder());
}
