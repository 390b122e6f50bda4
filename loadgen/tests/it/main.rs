//! Integration tests.

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod buyers;
mod command_line;
mod history_survives;
mod interrupts;
mod report;
mod sample;
mod scenario_files;
mod shop;
mod truth_under_stalls;
mod verify;
mod whole_command;
