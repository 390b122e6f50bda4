//! Disks that are full, folders that cannot be written.

use std::fs;
use std::path::PathBuf;

use super::{checked, limited, nothing_is_left_behind, said};
use crate::targets::first_contact;
use crate::targets::misbehaving::{shop, write_target};
use crate::whole_command::{Desk, SHORT, text, under_load};

#[test]
fn a_disk_that_is_full_before_the_history_is_written_ends_the_run_and_leaves_what_was_written() {
    let desk = Desk::new(&first_contact("").replace("duration = \"", "duration = \"10").replace("rate = \"", "rate = \"1"));
    // A shop that keeps everything in its head: of all that is written only the history grows.
    let file = write_target(&desk, &shop("self.say(b'{\"result\": \"ok\"}')", ""), "");
    // Files of 24 KiB are as large as they get; the signal that comes with it is not what a full disk sends.
    let args = ["--target", &file, "--scenario", "scenario.toml", "--seed", "1", "--out", "runs"];
    let output = limited(&desk, "trap '' XFSZ; ulimit -f 48", &args).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let words = text(&output.stderr);
    assert!(words.contains("history") && words.contains("File too large"), "{words}");
    let run = desk.run_folder();
    assert!(fs::metadata(run.join("history.jsonl.zst")).unwrap().len() > 0, "what was written is there");
    nothing_is_left_behind(&desk, &run);
    let (code, words) = checked(&desk, &run);
    assert_eq!(code, Some(4), "{words}");
    assert!(words.contains("cut off") || words.contains("cannot be read"), "{words}");
}

#[test]
fn a_result_that_cannot_be_written_is_said_and_the_history_is_judged_later() {
    let desk = Desk::new(SHORT);
    let child = desk.start();
    let run = under_load(&desk);
    // Whatever user this runs as, nobody writes a file where a folder is.
    fs::create_dir(run.join("result.json")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    assert!(text(&output.stderr).contains("result.json"), "{}", text(&output.stderr));
    nothing_is_left_behind(&desk, &run);
    fs::remove_dir(run.join("result.json")).unwrap();
    let (code, words) = checked(&desk, &run);
    assert_eq!(code, Some(0), "{words}");
}

#[test]
fn a_folder_for_reports_that_is_read_only_is_said_before_anything_starts() {
    // Nobody, not even root, makes folders here.
    let read_only = "/proc/sys/rushproof-reports";
    let desk = Desk::new(SHORT);
    let output = desk.loadgen(&["--scenario", "scenario.toml", "--out", read_only]).output().unwrap();
    assert_eq!(output.status.code(), Some(5), "{}", said(&output));
    let words = text(&output.stderr);
    assert!(words.contains(read_only) && words.contains("--out"), "{words}");
    assert_eq!(desk.temporary_files(), Vec::<PathBuf>::new());
}
