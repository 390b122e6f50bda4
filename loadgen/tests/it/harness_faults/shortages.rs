//! Shortages: no file handle left, no memory left, for the generator alone.

use std::process::{Child, Command};

use super::{checked, long, nothing_is_left_behind, said};
use crate::whole_command::{Desk, text, under_load};

/// Sets a limit of a process that runs already. (`prlimit` is part of every Debian.)
fn limit(child: &Child, what: &str) {
    let set = Command::new("prlimit").args(["--pid", &child.id().to_string(), what]).status().unwrap();
    assert!(set.success(), "prlimit {what}");
}

#[test]
fn a_generator_that_runs_out_of_file_handles_says_so_and_proves_nothing() {
    // Its drain will not be over, as said below: nobody need wait for that as long as usual.
    let hasty = long().replace("duration = \"10m\"", "duration = \"5s\"").replace("rate = \"15/s\"", "rate = \"100/s\"");
    let desk = Desk::new(&hasty.replace("timeout = \"60s\"", "timeout = \"15s\""));
    let child = desk.start();
    let run = under_load(&desk);
    let open = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap().count();
    // What is open stays open; one more, and that is all.
    limit(&child, &format!("--nofile={}", open.saturating_sub(2)));
    let output = child.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("Too many open files"), "{}", said(&output));
    nothing_is_left_behind(&desk, &run);
    let (code, words) = checked(&desk, &run);
    // Its taps lack the handles for the rest of the run as well, and the pipeline may never come to rest. That is nothing to blame it for.
    assert_eq!(code, Some(4), "{words}");
}

#[test]
fn a_generator_that_runs_out_of_memory_leaves_evidence_that_never_passes_and_nothing_else() {
    let desk = Desk::new(&long().replace("duration = \"10m\"", "duration = \"2m\"").replace("rate = \"15/s\"", "rate = \"60/s\""));
    let child = desk.start();
    let run = under_load(&desk);
    // Less than it has: whatever more it asks the system for is refused.
    limit(&child, "--data=1048576");
    let output = child.wait_with_output().unwrap();
    assert_ne!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text(&output.stderr).contains("memory"), "{}", text(&output.stderr));
    nothing_is_left_behind(&desk, &run);
    let (code, words) = checked(&desk, &run);
    assert_eq!(code, Some(4), "{words}");
}
