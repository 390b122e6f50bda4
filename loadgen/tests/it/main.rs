//! Integration tests.

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails has failed")]

mod again;
mod book;
mod buyers;
mod command_line;
mod database_server;
mod faults;
mod foreign_broker;
mod harness_faults;
mod history_survives;
mod incidents;
mod interrupts;
mod live;
mod many_machines;
mod messages;
mod old_formats;
mod packaging;
mod report;
mod sample;
mod scenario_files;
mod schemas;
mod secrets;
mod shop;
mod targets;
mod truth_under_stalls;
mod verify;
mod whole_command;
