//! Integration tests.

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod again;
mod buyers;
mod command_line;
mod database_server;
mod faults;
mod history_survives;
mod incidents;
mod interrupts;
mod many_machines;
mod old_formats;
mod report;
mod sample;
mod scenario_files;
mod shop;
mod targets;
mod truth_under_stalls;
mod verify;
mod whole_command;
