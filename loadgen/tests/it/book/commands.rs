//! Commands of the book. Those in a block marked `console run` are run; every other one of the project's programs is read by that program's
//! parser. A shell makes the words of each: what a page types is what a shell makes of it, variables, quotes and loops included.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::{Block, blocks, pages, root};
use crate::whole_command::{Desk, text};

/// Pages with a block that is run, each in a test of its own, so that they run side by side.
const RUN: [&str; 2] = ["docs/start.md", "docs/your-own-pipeline.md"];

/// How lines look that are commands of this project.
const OURS: [&str; 4] = ["cargo run ", "loadgen ", "reference ", "chaos "];

/// Stands for every program of ours: writes down its words instead of doing anything. Whatever else a page calls is not there, and is said to
/// have worked. One write for each call, because a page may start several side by side. (Functions of the shell, because a program that was just written may still be open in a child that another test forks.)
const SCRIBE: &str = r#"
written() { local IFS=$'\037'; printf '%s\037\036' "$*" >>"$WRITTEN_DOWN"; }
cargo() { written cargo "$@"; }
loadgen() { written loadgen "$@"; }
reference() { written reference "$@"; }
chaos() { written chaos "$@"; }
command_not_found_handle() { return 0; }
"#;

/// Runs what the words say: `cargo run -p X --` is the program that was built, and each program is part of loadgen's.
const ACTOR: &str = r#"
loadgen() { "$LOADGEN" "$@"; }
reference() { "$LOADGEN" reference "$@"; }
cargo() {
  case "$1 $2 $3 $4" in
  "run -p loadgen --") "$LOADGEN" "${@:5}" ;;
  "run -p reference --") "$LOADGEN" reference "${@:5}" ;;
  *) echo "a page runs cargo $*" >&2; return 99 ;;
  esac
}
"#;

/// The commands of a block, as a script: all of it, or the lines behind `$`.
fn script(block: &Block<'_>) -> String {
    if !block.kind.starts_with("console") {
        return block.text.clone();
    }
    let lines = block.text.lines().filter_map(|line| line.strip_prefix("$ "));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What programs of ours are told by a script: each call's words, the program's name first.
fn told(script: &str) -> Vec<Vec<String>> {
    let desk = Desk::new("");
    let written = desk.path("written");
    fs::write(&written, "").unwrap();
    let script = format!("{SCRIBE}\n{script}\nwait\n");
    let output = Command::new("/bin/bash")
        .args(["-c", &script])
        .env_clear()
        .env("PATH", desk.path("nothing"))
        .env("HOME", desk.path("home"))
        .env("WRITTEN_DOWN", &written)
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    let complaint = text(&output.stderr);
    assert!(!complaint.contains("syntax error") && !complaint.contains("unbound"), "{script}\n{complaint}");
    let calls = fs::read_to_string(&written).unwrap();
    calls.split_terminator('\u{1e}').map(|call| call.split_terminator('\u{1f}').map(str::to_owned).collect()).collect()
}

/// Why a call cannot be what its page means, if it cannot.
fn mistake(call: &[String]) -> Option<String> {
    let words: Vec<&str> = call.iter().map(String::as_str).collect();
    let (name, args): (&str, &[&str]) = match words.as_slice() {
        ["cargo", rest @ ..] => {
            let options = rest.iter().take_while(|word| **word != "--").copied().collect::<Vec<_>>();
            let behind = rest.get(options.len() + 1..).unwrap_or_default();
            match options.as_slice() {
                ["run", .., "-p", name] => (name, behind),
                ["install", rest @ ..] => {
                    let path = rest.iter().skip_while(|word| **word != "--path").nth(1)?;
                    return (!root().join(path).join("Cargo.toml").is_file()).then(|| format!("{path}?"));
                }
                _ => return None,
            }
        }
        [name, rest @ ..] => (name, rest),
        [] => return None,
    };
    let command = match name {
        "loadgen" => loadgen::cli::command(),
        "reference" => reference::cli::command(),
        "chaos" => chaos::cli::command(),
        _ => return None,
    };
    let read = command.try_get_matches_from([&[name], args].concat());
    read.err().filter(clap::Error::use_stderr).map(|error| format!("{}: {error}", words.join(" ")))
}

#[test]
fn every_command_that_is_not_run_is_understood() {
    let (mut wrong, mut understood) = (Vec::new(), 0);
    for (name, page) in pages() {
        for block in blocks(&page) {
            let commands = matches!(block.kind, "sh" | "bash" | "console" | "console run");
            let ours = block.text.lines().find(|line| OURS.iter().any(|ours| line.trim_start_matches("$ ").starts_with(ours)));
            match (commands, ours) {
                (true, _) => {
                    let calls = told(&script(&block));
                    understood += calls.len();
                    wrong.extend(calls.iter().filter_map(|call| mistake(call)).map(|mistake| format!("{name}: {mistake}")));
                }
                (false, Some(line)) if block.kind.is_empty() || block.kind == "text" => {
                    wrong.push(format!("{name}: `{line}` stands in a block that is not marked sh, console or console run"));
                }
                (false, _) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(understood > 40, "{understood} commands were found");
}

#[test]
fn every_page_with_commands_that_are_run_is_run() {
    let marked = pages().into_iter().filter(|(_, page)| blocks(page).iter().any(|block| block.kind == "console run"));
    assert_eq!(marked.map(|(name, _)| name).collect::<Vec<_>>(), RUN);
}

/// Runs a page from top to bottom, in a folder that looks like the repository.
fn run(page: &str) {
    let desk = Desk::new("");
    for name in ["targets", "scenarios", "docs"] {
        symlink(root().join(name), desk.path(name)).unwrap();
    }
    let text_of_page = fs::read_to_string(root().join(page)).unwrap();
    for block in blocks(&text_of_page).iter().filter(|block| block.kind == "console run") {
        for line in block.text.lines().filter_map(|line| line.strip_prefix("$ ")) {
            let promised = line.split_once("# exit ").map_or(0, |(_, code)| code.trim().parse::<i32>().unwrap());
            let output = Command::new("/bin/bash")
                .args(["-c", &format!("{ACTOR}\n{line}")])
                .env("LOADGEN", env!("CARGO_BIN_EXE_loadgen"))
                .env("TMPDIR", desk.path("tmp"))
                .env_remove("GITHUB_STEP_SUMMARY")
                .current_dir(desk.path(""))
                .output()
                .unwrap();
            let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
            // A machine that is too busy to keep the schedule leaves a pass unknown, and says so.
            let too_busy = promised == 0 && output.status.code() == Some(4) && said.contains("load generator: needed");
            assert!(output.status.code() == Some(promised) || too_busy, "{page}: {line}: {:?}\n{said}", output.status.code());
        }
    }
}

#[test]
fn every_command_of_the_first_ten_minutes_ends_as_its_text_says() {
    run(RUN[0]);
}

#[test]
fn every_command_of_the_walk_through_ends_as_its_text_says() {
    run(RUN[1]);
}
