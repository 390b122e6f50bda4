//! What is handed out: the action that others put into their workflows, and the workflows' own steps.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use regex::Regex;

use crate::whole_command::{Desk, SHORT, text};

/// The top of the repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Runs the action's step with these inputs; what it said of itself comes back beside its output.
fn step(desk: &Desk, inputs: &[(&str, &str)]) -> (Output, String) {
    let outputs = desk.path("outputs");
    fs::write(&outputs, "").unwrap();
    let mut step = Command::new("/bin/bash");
    step.arg(root().join(".github/actions/rushproof/run.sh")).current_dir(desk.path("")).env("TMPDIR", desk.path("tmp"));
    step.env("GITHUB_OUTPUT", &outputs).env_remove("GITHUB_STEP_SUMMARY").env("INPUT_LOADGEN", env!("CARGO_BIN_EXE_loadgen"));
    step.env("INPUT_SEED", "7").envs(inputs.iter().copied());
    let output = step.output().unwrap();
    (output, fs::read_to_string(&outputs).unwrap())
}

/// One of the step's outputs.
fn said<'o>(outputs: &'o str, name: &str) -> &'o str {
    outputs.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_else(|| panic!("no {name} in {outputs:?}"))
}

#[test]
fn a_step_that_passes_says_so_and_where_the_report_is() {
    let desk = Desk::new(SHORT);
    let (output, outputs) = step(&desk, &[("INPUT_SCENARIO", "scenario.toml"), ("INPUT_ARGUMENTS", "--quiet\n--format\nmarkdown\n")]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(said(&outputs, "verdict"), "pass");
    assert!(desk.path(said(&outputs, "report-path")).is_file(), "{outputs}");
    assert!(desk.path(said(&outputs, "run-path")).join("plan.json").is_file(), "{outputs}");
    assert!(text(&output.stdout).contains("# "), "further arguments are handed on: {}", text(&output.stdout));
}

#[test]
fn an_unknown_verdict_fails_the_step_unless_it_is_accepted() {
    let desk = Desk::new(&SHORT.replace("min_sold = 10", "min_sold = 1000000"));
    let asked = [("INPUT_SCENARIO", "scenario.toml"), ("INPUT_ACCEPT_UNKNOWN", "true")];
    let (output, outputs) = step(&desk, &asked);
    assert_eq!((output.status.code(), said(&outputs, "verdict")), (Some(0), "unknown"), "{}", text(&output.stdout));
    assert!(text(&output.stdout).contains("::warning title=rushproof::UNKNOWN"), "{}", text(&output.stdout));
    let run = desk.path(said(&outputs, "run-path"));
    let (output, outputs) = step(&desk, &[("INPUT_SCENARIO", "scenario.toml"), ("INPUT_ARGUMENTS", "--defect=no-such-defect")]);
    assert_eq!((output.status.code(), said(&outputs, "verdict")), (Some(2), "error"), "{}", text(&output.stdout));
    assert_eq!(said(&outputs, "report-path"), "", "the run before is not taken for this one: {}", run.display());
}

#[test]
fn a_step_without_a_scenario_or_a_program_says_what_to_do() {
    let desk = Desk::new("");
    let (output, outputs) = step(&desk, &[]);
    assert_eq!((output.status.code(), said(&outputs, "verdict")), (Some(2), "error"));
    assert!(text(&output.stdout).contains("the input scenario is missing"), "{}", text(&output.stdout));
    let (output, outputs) = step(&desk, &[("INPUT_SCENARIO", "smoke; touch hacked"), ("INPUT_LOADGEN", "./nowhere")]);
    assert_eq!((output.status.code(), said(&outputs, "verdict")), (Some(2), "error"));
    assert!(text(&output.stdout).contains("there is no program ./nowhere"), "{}", text(&output.stdout));
    let (output, _) = step(&desk, &[("INPUT_SCENARIO", "smoke; touch hacked")]);
    assert_eq!(output.status.code(), Some(2), "an input is never read as shell");
    assert!(!desk.path("hacked").exists());
}

#[test]
fn the_actions_page_names_every_input_and_every_output() {
    let action = fs::read_to_string(root().join(".github/actions/rushproof/action.yml")).unwrap();
    let script = fs::read_to_string(root().join(".github/actions/rushproof/run.sh")).unwrap();
    let page = fs::read_to_string(root().join("docs/ci.md")).unwrap();
    let found = |pattern: &str, text: &str| -> BTreeSet<String> {
        Regex::new(pattern).unwrap().captures_iter(text).map(|found| found[1].to_owned()).collect()
    };
    let (inputs, outputs) = action.split_once("\noutputs:").unwrap();
    let inputs = found(r"(?m)^  ([a-z-]+):$", inputs.split_once("\ninputs:").unwrap().1);
    let outputs = found(r"(?m)^  ([a-z-]+):$", outputs.split_once("\nruns:").unwrap().0);
    let handed_on = found(r"INPUT_[A-Z_]+: \$\{\{ inputs\.([a-z-]+) \}\}", &action);
    assert_eq!(inputs, handed_on, "each input reaches the script");
    let read: BTreeSet<String> = found(r"INPUT_([A-Z_]+)", &script).into_iter().filter(|name| name != "_").collect();
    assert_eq!(read, inputs.iter().map(|input| input.to_uppercase().replace('-', "_")).collect(), "and is read by it");
    assert_eq!(found(r"say ([a-z-]+) ", &script), outputs);
    for name in inputs.iter().chain(&outputs) {
        assert!(page.contains(&format!("| `{name}` |")), "docs/ci.md does not explain {name}");
    }
}

#[test]
fn every_script_that_a_workflow_or_an_action_runs_is_there() {
    let github = root().join(".github");
    let mut files: Vec<PathBuf> = fs::read_dir(github.join("workflows")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.extend(fs::read_dir(github.join("actions")).unwrap().map(|entry| entry.unwrap().path().join("action.yml")));
    let named = Regex::new(r"(?:^|[ /])(scripts/[a-z-]+\.sh)").unwrap();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for script in named.captures_iter(&text) {
            let path = root().join(&script[1]);
            let mode =
                fs::metadata(&path).unwrap_or_else(|error| panic!("{}: {}: {error}", file.display(), path.display())).permissions().mode();
            assert!(mode & 0o111 != 0, "{} cannot be run", path.display());
        }
    }
}
