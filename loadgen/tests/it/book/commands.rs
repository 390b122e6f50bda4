//! Commands of the book, run or not: each of the project's own programs is read by that program's parser. A shell makes the words of each: what
//! a page types is what a shell makes of it, variables, quotes and loops included.

use std::fs;
use std::process::Command;

use regex::Regex;

use super::marks::{Mark, script};
use super::{blocks, pages, root};
use crate::whole_command::{Desk, text};

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
fn every_command_is_understood() {
    let (mut wrong, mut understood) = (Vec::new(), 0);
    let inline = Regex::new(r"`(cargo run -p [^`…]+)`").unwrap();
    for (name, page) in pages() {
        let typed = blocks(&page).into_iter().filter(|block| Mark::of(block).is_some()).map(|block| script(&block));
        let in_text = inline.captures_iter(&page).map(|found| found[1].to_owned()).filter(|words| !words.ends_with(" --"));
        for script in typed.chain(in_text) {
            let calls = told(&script);
            understood += calls.len();
            wrong.extend(calls.iter().filter_map(|call| mistake(call)).map(|mistake| format!("{name}: {mistake}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(understood > 60, "{understood} commands were found");
}
