//! The walk-through in the docs: each of its commands does what the text says.

use super::root;
use crate::whole_command::{Desk, text};

/// The commands of a document, in order, with the exit code that its text promises (`→ exit 1` behind the command; 0 otherwise).
fn commands(document: &str) -> Vec<(String, i32)> {
    let blocks = document.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ cargo run -p loadgen -- "));
    let promised = |line: &str| match line.split_once("# exit ") {
        Some((command, code)) => (command.trim().to_owned(), code.trim().parse().unwrap()),
        None => (line.to_owned(), 0),
    };
    lines.map(promised).collect()
}

#[test]
fn every_command_of_the_walk_through_ends_as_its_text_says() {
    let document = std::fs::read_to_string(root().join("docs/your-own-pipeline.md")).unwrap();
    let commands = commands(&document);
    assert!(commands.len() >= 3, "{commands:?}");
    for (command, promised) in commands {
        let desk = Desk::new("");
        let mut args: Vec<&str> = command.split_whitespace().collect();
        if args[0] == "--target" {
            args.extend(["--out", desk.path("runs").to_str().unwrap()].map(|arg| -> &str { Box::leak(arg.to_owned().into_boxed_str()) }));
        }
        let output = desk.loadgen(&args).current_dir(root()).output().unwrap();
        let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
        // A machine that is too busy to keep the schedule leaves a pass unknown, and says so.
        let too_busy = promised == 0 && output.status.code() == Some(4) && said.contains("load generator: needed");
        assert!(output.status.code() == Some(promised) || too_busy, "{command}: {said}");
    }
}
